/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chmu_tune.c - how a hotness unit is asked, and what a span of epochs tells. */
#include "tests/unit/test.h"

#include "sources/chmu_span.h"
#include "sources/chmu_tune.h"

#define S 1000000000ull

static const struct chmu_limits limits = {
	.hotlist_entries = 1000,
	.unit_log2s = 1u << 8 | 1u << 12 | 1u << 16 | 1u << 21,
	.downsampling_log2s = 1u << 0 | 1u << 2,
	.min_epoch_ns = 50000000,
	.max_epoch_ns = S,
	.max_threshold = 255,
};

static struct chmu_tuner tuner;
static struct chmu_config config;
static uint64_t now_ns;

static int begin(void **state)
{
	(void)state;
	now_ns = 100 * S;
	chmu_tuner_init(&tuner, now_ns);
	config = chmu_tuner_first(&limits);
	return 0;
}

/* A second of @entries an epoch. */
static bool step(double entries, uint64_t saturated, bool overflow)
{
	double epochs = 1e9 / (double)config.epoch_ns;
	struct chmu_seen seen = { .now_ns = now_ns += S,
				  .nr_epochs = epochs,
				  .nr_entries = (uint64_t)(entries * epochs),
				  .nr_saturated = saturated,
				  .overflow = overflow };

	return chmu_tuner_step(&tuner, &limits, &seen, &config);
}

static void it_begins_with_pages_and_a_fifth_of_a_second(void **state)
{
	struct chmu_limits coarse = limits, fine = limits;

	(void)state;
	assert_int_equal(config.unit_log2, 12);
	assert_int_equal(config.epoch_ns, S / 5);
	assert_int_equal(config.downsampling_log2, 0);
	coarse.unit_log2s = 1u << 21;
	assert_int_equal(chmu_tuner_first(&coarse).unit_log2, 21);
	fine.unit_log2s = 1u << 8 | 1u << 9;
	assert_int_equal(chmu_tuner_first(&fine).unit_log2, 9);
}

static void enough_and_not_too_much_stays(void **state)
{
	(void)state;
	for (double entries = 310; entries < 800; entries += 70)
		assert_false(step(entries, 0, false));
}

static void overflow_doubles_the_threshold(void **state)
{
	(void)state;
	assert_true(step(999, 0, true));
	assert_int_equal(config.threshold, 32);
	assert_true(step(999, 0, true));
	assert_int_equal(config.threshold, 64);
}

static void nearly_full_raises_it_a_little(void **state)
{
	(void)state;
	assert_true(step(900, 0, false));
	assert_int_equal(config.threshold, 21);
}

static void few_entries_lower_it_to_the_end(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		(void)step(3, 0, false);
	assert_int_equal(config.threshold, 1);
	assert_false(step(3, 0, false));
}

static void what_overflowed_is_not_tried_again_for_a_while(void **state)
{
	(void)state;
	(void)step(999, 0, true);
	for (int i = 0; i < 20; i++) {
		(void)step(3, 0, false);
		assert_true(config.threshold > 16);
	}
	assert_int_equal(config.threshold, 17);
	for (int i = 0; i < 15; i++)
		(void)step(3, 0, false);
	assert_true(config.threshold < 17);
}

static void threshold_at_its_end_shortens_epochs_then_coarsens(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(step(999, 0, true));
	assert_int_equal(config.threshold, 255);
	assert_int_equal(config.epoch_ns, S / 5);
	assert_true(step(999, 0, true));
	assert_int_equal(config.epoch_ns, S / 10);
	assert_true(step(999, 0, true));
	assert_int_equal(config.epoch_ns, S / 20);
	assert_true(step(999, 0, true));
	assert_int_equal(config.epoch_ns, S / 20);
	assert_int_equal(config.unit_log2, 16);
	assert_true(step(999, 0, true));
	assert_int_equal(config.unit_log2, 21);
	/* That was all that there is. */
	assert_false(step(999, 0, true));
}

static void counters_at_their_end_shorten_epochs_then_look_at_fewer(void **state)
{
	(void)state;
	assert_true(step(500, 1000, false));
	assert_int_equal(config.epoch_ns, S / 10);
	assert_int_equal(config.threshold, 8);
	assert_true(step(500, 2000, false));
	assert_true(step(500, 4000, false));
	assert_int_equal(config.epoch_ns, S / 20);
	assert_int_equal(config.downsampling_log2, 2);
	assert_false(step(500, 4000, false));
	/* Few at their end are the hottest: they rank well enough. */
	assert_false(step(500, 1000, false));
}

static void after_a_calm_minute_it_goes_back(void **state)
{
	int steps = 0;

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)step(999, 0, true);
	assert_int_equal(config.unit_log2, 21);
	while ((config.unit_log2 > 12 || config.epoch_ns < S / 5) && steps < 1000) {
		steps++;
		(void)step(500, 0, false);
	}
	assert_in_range(steps, 200, 300);
}

static void lower_rate_wants_fewer_entries(void **state)
{
	(void)state;
	assert_false(step(500, 0, false));
	tuner.rate_permille = 100;
	assert_true(step(500, 0, false));
	assert_true(config.threshold > 16);
}

/* --- spans --- */

static struct {
	uint64_t granule, nr, epochs;
} told[16];
static size_t nr_told;
static struct chmu_span span;

static void tell(void *data, uint64_t granule, uint64_t nr, uint64_t nr_epochs)
{
	(void)data;
	assert_true(nr_told < 16);
	told[nr_told].granule = granule;
	told[nr_told].nr = nr;
	told[nr_told++].epochs = nr_epochs;
}

static void expect_told(size_t i, uint64_t granule, uint64_t nr, uint64_t epochs)
{
	assert_true(i < nr_told);
	assert_int_equal(told[i].granule, granule);
	assert_int_equal(told[i].nr, nr);
	assert_int_equal(told[i].epochs, epochs);
}

static void what_was_not_listed_is_told_with_its_epochs(void **state)
{
	static const uint64_t listed[] = { 20, 12, 20, 13, 20, 12, 5, 99 };

	(void)state;
	nr_told = 0;
	chmu_span_begin(&span, 1);
	for (size_t i = 0; i < 8; i++)
		chmu_span_add(&span, listed[i]);
	chmu_span_unlisted(&span, 10, 30, 3, tell, NULL);
	assert_int_equal(nr_told, 5);
	expect_told(0, 10, 2, 3);
	expect_told(1, 12, 1, 1);
	expect_told(2, 13, 1, 2);
	expect_told(3, 14, 6, 3);
	expect_told(4, 21, 9, 3);
	chmu_span_fini(&span);
}

static void without_entries_all_is_told(void **state)
{
	(void)state;
	nr_told = 0;
	chmu_span_begin(&span, 1);
	chmu_span_unlisted(&span, 0, 7, 2, tell, NULL);
	assert_int_equal(nr_told, 1);
	expect_told(0, 0, 7, 2);
	chmu_span_fini(&span);
}

static void broken_span_tells_nothing(void **state)
{
	(void)state;
	nr_told = 0;
	chmu_span_begin(&span, 1);
	span.broken = true;
	chmu_span_unlisted(&span, 0, 7, 2, tell, NULL);
	chmu_span_begin(&span, 2);
	assert_false(span.broken);
	/* More than anybody can sort each second. */
	for (uint64_t i = 0; i < (1 << 18) + 1; i++)
		chmu_span_add(&span, i);
	assert_true(span.broken);
	chmu_span_unlisted(&span, 0, 7, 2, tell, NULL);
	assert_int_equal(nr_told, 0);
	chmu_span_fini(&span);
}

#define T(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_begins_with_pages_and_a_fifth_of_a_second),
		T(enough_and_not_too_much_stays),
		T(overflow_doubles_the_threshold),
		T(nearly_full_raises_it_a_little),
		T(few_entries_lower_it_to_the_end),
		T(what_overflowed_is_not_tried_again_for_a_while),
		T(threshold_at_its_end_shortens_epochs_then_coarsens),
		T(counters_at_their_end_shorten_epochs_then_look_at_fewer),
		T(after_a_calm_minute_it_goes_back),
		T(lower_rate_wants_fewer_entries),
		T(what_was_not_listed_is_told_with_its_epochs),
		T(without_entries_all_is_told),
		T(broken_span_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
