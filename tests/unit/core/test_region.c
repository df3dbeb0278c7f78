/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_region.c - windows, cuts and parts: nothing is made up, nothing is lost. */
#include "tests/unit/test.h"

#include "core/region.h"
#include "tests/unit/core/close_window.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define HALF_LIFE (5 * SECOND)

static struct region make_region(uint64_t start, uint64_t end)
{
	struct region r;

	region_init(&r, start, end);
	return r;
}

static struct rate sum(const struct evidence *e)
{
	return evidence_rate(e, 0, EVIDENCE_BINS);
}

static double rate_of(const struct region *r)
{
	struct rate rate = region_rate(r);

	return rate_per_byte(&rate, 0);
}

static void rate_is_events_over_exposure(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	struct rate rate;

	(void)state;
	region_add(&r, 0, 8 * MIB, 0, 8.0 * MIB * 2);
	region_add(&r, 100 * PAGE, 101 * PAGE, 40, 0);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	rate = region_rate(&r);
	assert_near(rate.events, 40, 0.01);
	assert_near(rate.exposure, 16.0 * MIB, 0.01);
	assert_near(rate_per_byte(&rate, 0), 40 / (16.0 * MIB), 0.01);
}

static void watching_all_the_time_is_exposure_of_every_byte(void **state)
{
	struct region r = make_region(16 * MIB, 24 * MIB);
	struct rate rate;

	(void)state;
	region_add(&r, 16 * MIB, 24 * MIB, 0, 100);
	for (uint64_t i = 0; i < 80; i++)
		region_add_sample(&r, 16 * MIB + i * MIB / 10, 1);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 2.5);
	rate = region_rate(&r);
	assert_near(rate.events, 80, 0.01);
	assert_near(rate.exposure, 2.5 * 8 * MIB + 100, 0.01);
	assert_near(region_count(&r), 80, 0.01);
}

static void evidence_falls_into_the_bin_of_its_address(void **state)
{
	struct region r = make_region(16 * MIB, 24 * MIB);

	(void)state;
	for (uint64_t i = 0; i < EVIDENCE_BINS; i++) {
		region_add(&r, (16 + i) * MIB, (16 + i) * MIB + 1, 1.0 + (double)i, 0);
		region_add(&r, (17 + i) * MIB - 1, (17 + i) * MIB, 10, 0);
	}
	for (int i = 0; i < EVIDENCE_BINS; i++)
		assert_near((double)r.window.events[i], 11.0 + i, 0.001);
}

static void sample_falls_into_the_bin_of_its_address_to_the_byte(void **state)
{
	(void)state;
	for (uint64_t pages = 1; pages < 2000; pages++) {
		struct region r = make_region(PAGE, PAGE + pages * PAGE);

		for (int i = 0; i < EVIDENCE_BINS; i++) {
			region_add_sample(&r, r.start + bin_offset(region_bytes(&r), i), 1);
			region_add_sample(&r, r.start + bin_offset(region_bytes(&r), i + 1) - 1, 1);
		}
		for (int i = 0; i < EVIDENCE_BINS; i++)
			if (r.window.events[i] != 2)
				fail_msg("bin %d of %d pages has %g samples of 2", i, (int)pages,
					 (double)r.window.events[i]);
	}
}

static void last_byte_of_the_largest_region_is_in_its_last_bin(void **state)
{
	struct region r = make_region(0, 1ull << 57);

	(void)state;
	region_add_sample(&r, r.end - 1, 1);
	assert_true(r.window.events[EVIDENCE_BINS - 1] == 1);
}

static void samples_that_stand_for_unlike_numbers_count_for_fewer(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		region_add_sample(&r, i * 8192, i % 10 ? 1 : 91);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 1);
	assert_near(region_rate(&r).events, 1000, 0.01);
	assert_near(region_count(&r), 1000.0 * 1000 / (90 + 10 * 91.0 * 91), 0.01);
}

static void what_lies_outside_is_cut_off(void **state)
{
	struct region r = make_region(8 * MIB, 16 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 5, 5);
	region_add(&r, 16 * MIB, 17 * MIB, 5, 5);
	assert_true(sum(&r.window).events == 0);
	region_add(&r, 0, 100 * MIB, 5, 5);
	assert_near(sum(&r.window).events, 5, 0.001);
}

static void odd_sizes_lose_no_byte_at_the_bin_edges(void **state)
{
	(void)state;
	for (uint64_t pages = 1; pages < 40; pages++) {
		struct region r = make_region(PAGE, PAGE + pages * PAGE);

		for (uint64_t at = r.start; at < r.end; at += 512)
			region_add(&r, at, at + 512, 1, 512);
		assert_near(sum(&r.window).events, (double)(pages * 8), 0.01);
		assert_near(sum(&r.window).exposure, (double)(pages * PAGE), 0.01);
	}
}

static void old_evidence_counts_half_after_a_half_life(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND + HALF_LIFE, HALF_LIFE, 0);
	assert_near(region_rate(&r).events, 150, 0.1);
	assert_near(region_weight(&r, SECOND + 2 * HALF_LIFE, HALF_LIFE), 0.5, 0.1);
}

static void window_without_exposure_changes_nothing(void **state)
{
	struct region r = make_region(0, 8 * MIB), before;

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	memcpy(&before, &r, sizeof(r));
	assert_true(region_close_window(&r, 9 * SECOND, HALF_LIFE, 0) == 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void rate_stays_defined_however_long_nothing_is_reported(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 1000);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	assert_true(region_weight(&r, UINT64_MAX / 2, HALF_LIFE) > 0);
	/* A little that agrees, after a year. */
	region_add(&r, 0, 8 * MIB, 1, 10);
	(void)region_close_window(&r, 31536000 * SECOND, HALF_LIFE, 0);
	assert_near(rate_of(&r), 0.1, 1);
	assert_near(region_rate(&r).events, 1, 2);
}

static void change_drops_the_old_and_tells_its_size(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB, changed;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 1000, bytes);
	changed = region_close_window(&r, 2 * SECOND, HALF_LIFE, 0);
	assert_near(changed, 900, 1);
	assert_int_equal(r.changed_ns, 2 * SECOND);
	assert_near(region_rate(&r).exposure, bytes, 0.1);
}

static void change_in_one_place_drops_the_old_there_only(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 8000, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	/* As before, but for one bin that is ten times as hot: not twice as hot on the whole. */
	region_add(&r, 0, 8 * MIB, 80, bytes / 10);
	region_add(&r, 3 * MIB, 4 * MIB, 90, 0);
	assert_true(region_close_window(&r, 2 * SECOND, HALF_LIFE, 0) > 0);
	struct rate hot = evidence_bin(&r.known, 3), rest = evidence_bin(&r.known, 4);

	assert_near(rate_per_byte(&hot, 0) * bytes, 8000, 1);
	assert_near(rate_per_byte(&rest, 0) * bytes, 800, 1);
	assert_true(rest.events > 800);
}

static void noise_is_no_change(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 20, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	/* 2 are expected; 4 come often enough. */
	region_add(&r, 0, 8 * MIB, 4, bytes);
	assert_true(region_close_window(&r, 2 * SECOND, HALF_LIFE, 0) == 0);
	assert_int_equal(r.changed_ns, SECOND);
}

/* 1000 touches that waited 5 ms each on average, against a tenth of a second of silence. */
static void one_silence_halves_a_hot_rate_and_the_second_is_believed(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB, before;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 0.005 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	before = rate_of(&r);
	region_add(&r, 0, 8 * MIB, 0, 0.1 * bytes);
	/* Told all the same: it is worth a closer look. */
	assert_true(region_close_window(&r, SECOND + 1, HALF_LIFE, 0) > 0);
	assert_near(rate_of(&r) / before, 0.5, 0.01);
	region_add(&r, 0, 8 * MIB, 0, 0.1 * bytes);
	assert_true(region_close_window(&r, 7 * SECOND, HALF_LIFE, 0) > 0);
	assert_near(rate_of(&r), 0, 0.01);
}

static void silence_right_after_silence_is_the_same_one(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB, before;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 0.005 * bytes);
	(void)region_close_window(&r, 99 * SECOND, HALF_LIFE, 0);
	before = rate_of(&r);
	for (uint64_t i = 0; i < 2; i++) {
		region_add(&r, 0, 8 * MIB, 0, 0.1 * bytes);
		(void)region_close_window(&r, (100 + i) * SECOND, HALF_LIFE, 0);
	}
	assert_true(rate_of(&r) > before / 5);
}

static void silence_that_is_shorter_than_what_is_known_counts_as_it_is(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 0, 0.01 * bytes);
	assert_true(region_close_window(&r, SECOND + 1, HALF_LIFE, 0) == 0);
	assert_near(region_rate(&r).exposure, 10.01 * bytes, 0.001);
}

/* Doubt about one place does not hide that another got hotter. */
static void touch_is_believed_beside_silence_that_is_not(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 8000, 0.05 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 0, 0.2 * bytes);
	region_add(&r, 7 * MIB, 8 * MIB, 1000000, 0);
	(void)region_close_window(&r, SECOND + 1, HALF_LIFE, 0);
	struct rate silent = evidence_bin(&r.known, 0), hot = evidence_bin(&r.known, 7);

	assert_near(rate_per_byte(&silent, 0) * bytes, 80000, 1);
	assert_near(rate_per_byte(&hot, 0) * bytes, 4e7, 1);
}

/* Whoever watches all the time knows that it was silent. */
static void silence_of_a_sampler_is_believed_at_once(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		region_add_sample(&r, i * 8192, 1);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 1);
	assert_true(region_close_window(&r, 2 * SECOND, HALF_LIFE, 1) > 0);
	assert_true(rate_of(&r) == 0);
}

static void first_evidence_sets_the_age(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	assert_true(region_weight(&r, 5 * SECOND, HALF_LIFE) == 0);
	region_add(&r, 0, 8 * MIB, 0, 100);
	(void)region_close_window(&r, 5 * SECOND, HALF_LIFE, 0);
	assert_int_equal(r.changed_ns, 5 * SECOND);
	assert_int_equal(r.evidence_ns, 5 * SECOND);
	/* It was watched, and nothing was seen. */
	assert_int_equal(r.seen_ns, 0);
}

static void only_an_access_is_one_that_was_seen(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 1, 100);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	assert_int_equal(r.seen_ns, SECOND);
	region_add(&r, 0, 8 * MIB, 0, 100);
	(void)region_close_window(&r, 2 * SECOND, HALF_LIFE, 0);
	assert_int_equal(r.seen_ns, SECOND);
	assert_int_equal(r.evidence_ns, 2 * SECOND);
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		TEST(rate_is_events_over_exposure),
		TEST(watching_all_the_time_is_exposure_of_every_byte),
		TEST(evidence_falls_into_the_bin_of_its_address),
		TEST(sample_falls_into_the_bin_of_its_address_to_the_byte),
		TEST(last_byte_of_the_largest_region_is_in_its_last_bin),
		TEST(samples_that_stand_for_unlike_numbers_count_for_fewer),
		TEST(what_lies_outside_is_cut_off),
		TEST(odd_sizes_lose_no_byte_at_the_bin_edges),
		TEST(old_evidence_counts_half_after_a_half_life),
		TEST(window_without_exposure_changes_nothing),
		TEST(rate_stays_defined_however_long_nothing_is_reported),
		TEST(change_drops_the_old_and_tells_its_size),
		TEST(change_in_one_place_drops_the_old_there_only),
		TEST(noise_is_no_change),
		TEST(one_silence_halves_a_hot_rate_and_the_second_is_believed),
		TEST(silence_right_after_silence_is_the_same_one),
		TEST(silence_that_is_shorter_than_what_is_known_counts_as_it_is),
		TEST(touch_is_believed_beside_silence_that_is_not),
		TEST(silence_of_a_sampler_is_believed_at_once),
		TEST(first_evidence_sets_the_age),
		TEST(only_an_access_is_one_that_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
