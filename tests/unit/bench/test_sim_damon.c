/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_damon.c - the DAMON that we compare with is no straw man. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/sim/sim_damon.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull

static struct sim_load load_of(uint64_t bytes, double accesses_per_s)
{
	struct sim_load load = { .bytes = bytes, .accesses_per_s = accesses_per_s };

	assert_int_equal(sim_load_init(&load), 0);
	return load;
}

static struct sim_damon *damon_on(const struct sim_load *load, const struct sim_damon_opts *opts)
{
	struct sim_damon *damon = NULL;

	assert_int_equal(sim_damon_new(&damon, load, opts), 0);
	return damon;
}

static struct sim_verdict verdict_of(const struct sim_load *load, const struct sim_damon *damon)
{
	struct sim_guess *guesses = NULL;
	struct sim_verdict v;
	ptrdiff_t nr = sim_damon_guesses(damon, &guesses);

	assert_true(nr > 0);
	assert_int_equal(sim_judge(load, 0, guesses, (size_t)nr, &v), 0);
	free(guesses);
	return v;
}

/* Hot pages are seen in half of the intervals, cold ones in one of 200. */
static void hot_half_is_found(void **state)
{
	struct sim_load load = { .bytes = 64 * MIB, .nr_pieces = 1 };
	struct sim_damon_opts opts = { .seed = 1 };

	(void)state;
	load.accesses_per_s = 8192 * 140.0;
	load.pieces[0] = (struct sim_piece){ .share = 0.98, .start = 21 * MIB, .bytes = 32 * MIB };
	assert_int_equal(sim_load_init(&load), 0);
	struct sim_damon *damon = damon_on(&load, &opts);

	assert_int_equal(sim_damon_run(damon, 10 * SECOND), 0);
	struct sim_verdict v = verdict_of(&load, damon);

	assert_near(v.captured[50], v.optimum[50], 3);
	/* Below saturation the accessed bits tell the rate, too. */
	assert_near(v.total_error + 1, 1, 25);
	sim_damon_free(damon);
}

static void assert_whole(const struct sim_load *load, const struct sim_damon *damon, size_t min,
			 size_t max)
{
	struct sim_guess *guesses = NULL;
	ptrdiff_t nr = sim_damon_guesses(damon, &guesses);
	uint64_t at = 0;

	assert_in_range(nr, min, max);
	for (ptrdiff_t i = 0; i < nr; i++) {
		assert_int_equal(guesses[i].start, at);
		assert_true(guesses[i].end > at);
		assert_int_equal(guesses[i].end % PAGE, 0);
		at = guesses[i].end;
	}
	assert_int_equal(at, load->bytes);
	free(guesses);
}

static void regions_cover_all_memory_and_stay_in_number(void **state)
{
	struct sim_load load = { .bytes = 64 * MIB, .accesses_per_s = 5e6, .nr_pieces = 1 };
	struct sim_damon_opts opts = { .min_nr_regions = 20, .max_nr_regions = 100, .seed = 3 };

	(void)state;
	load.pieces[0] = (struct sim_piece){ .shape = SIM_ZIPF_SCATTERED,
					     .share = 1,
					     .bytes = 64 * MIB,
					     .grain_bytes = 16 * PAGE,
					     .exponent = 1 };
	assert_int_equal(sim_load_init(&load), 0);
	struct sim_damon *damon = damon_on(&load, &opts);

	assert_whole(&load, damon, 20, 20);
	for (uint64_t t = 1; t <= 50; t++) {
		assert_int_equal(sim_damon_run(damon, t * SECOND / 10), 0);
		assert_whole(&load, damon, 20, 100);
	}
	sim_damon_free(damon);
}

static void page_is_the_least_region(void **state)
{
	struct sim_load load = load_of(3 * PAGE, 100);
	struct sim_damon_opts opts = { .seed = 1 };
	struct sim_damon *damon = damon_on(&load, &opts);

	(void)state;
	assert_int_equal(sim_damon_run(damon, SECOND), 0);
	assert_whole(&load, damon, 1, 3);
	sim_damon_free(damon);
}

static size_t count_seen(const struct sim_load *load, bool tune)
{
	struct sim_damon_opts opts = { .tune = tune, .seed = 5 };
	struct sim_damon *damon = damon_on(load, &opts);
	struct sim_guess *guesses = NULL;
	size_t seen = 0;

	assert_int_equal(sim_damon_run(damon, 20 * SECOND), 0);
	ptrdiff_t nr = sim_damon_guesses(damon, &guesses);

	for (ptrdiff_t i = 0; i < nr; i++)
		seen += guesses[i].rate > 0;
	free(guesses);
	sim_damon_free(damon);
	return seen;
}

static void silent_memory_has_no_accesses(void **state)
{
	struct sim_load load = load_of(64 * MIB, 1e-12);

	(void)state;
	assert_int_equal(count_seen(&load, false), 0);
}

/* A page is accessed every 27 s: 5 ms hardly ever see one, a third of a second does. */
static void tuned_intervals_grow_until_something_is_seen(void **state)
{
	struct sim_load load = load_of(1ull << 40, 1e7);
	size_t fixed = count_seen(&load, false), tuned = count_seen(&load, true);

	(void)state;
	assert_true(tuned > 4 * (fixed + 1));
}

/* Every third aggregation, by no more than twice or half. */
static void intervals_double_or_halve_at_most(void **state)
{
	struct sim_load idle = load_of(64 * MIB, 1e-12), busy = load_of(64 * MIB, 1e9);
	struct sim_damon_opts short_ones = { .tune = true, .seed = 1 };
	struct sim_damon_opts long_ones = {
		.sample_ns = 160000000, .aggr_ns = 3200000000, .tune = true, .seed = 1
	};
	struct sim_damon *damon = damon_on(&idle, &short_ones);

	(void)state;
	assert_int_equal(sim_damon_run(damon, 299000000), 0);
	assert_int_equal(sim_damon_sample_ns(damon), 5000000);
	assert_int_equal(sim_damon_run(damon, 301000000), 0);
	assert_int_equal(sim_damon_sample_ns(damon), 10000000);
	sim_damon_free(damon);
	damon = damon_on(&busy, &long_ones);
	assert_int_equal(sim_damon_run(damon, 10 * SECOND), 0);
	assert_in_range(sim_damon_sample_ns(damon), 80000000, 80010000);
	assert_int_equal(sim_damon_run(damon, 60 * SECOND), 0);
	assert_int_equal(sim_damon_sample_ns(damon), 5000000);
	sim_damon_free(damon);
}

static void nonsense_is_refused(void **state)
{
	struct sim_load load = load_of(64 * MIB, 1);
	struct sim_damon_opts no_samples = { .sample_ns = 2, .aggr_ns = 1 };
	struct sim_damon_opts no_regions = { .min_nr_regions = 11, .max_nr_regions = 10 };
	struct sim_damon *damon = NULL;

	(void)state;
	assert_int_equal(sim_damon_new(&damon, &load, &no_samples), -EINVAL);
	assert_int_equal(sim_damon_new(&damon, &load, &no_regions), -EINVAL);
	assert_null(damon);
	sim_damon_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hot_half_is_found),
		cmocka_unit_test(regions_cover_all_memory_and_stay_in_number),
		cmocka_unit_test(page_is_the_least_region),
		cmocka_unit_test(silent_memory_has_no_accesses),
		cmocka_unit_test(tuned_intervals_grow_until_something_is_seen),
		cmocka_unit_test(intervals_double_or_halve_at_most),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
