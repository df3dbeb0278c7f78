/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_judge.c - does the judge say what one computes by hand? */
#include "tests/unit/test.h"

#include "bench/sim/sim_judge.h"

#define PAGE 4096ull

/* 100 pages; ten of them, from the 40th on, get 90 %; all get the other 10 %. */
static struct sim_load hot_tenth(void)
{
	struct sim_load load = { .bytes = 100 * PAGE, .accesses_per_s = 1000, .nr_pieces = 1 };

	load.pieces[0] = (struct sim_piece){ .share = 0.9, .start = 40 * PAGE, .bytes = 10 * PAGE };
	assert_int_equal(sim_load_init(&load), 0);
	return load;
}

static struct sim_guess guess(uint64_t first_page, uint64_t end_page, double rate)
{
	return (struct sim_guess){ .start = first_page * PAGE,
				   .end = end_page * PAGE,
				   .rate = rate,
				   .heat = rate / (double)(end_page - first_page) };
}

static struct sim_verdict judge(struct sim_guess *guesses, size_t nr)
{
	struct sim_load load = hot_tenth();
	struct sim_verdict v;

	assert_int_equal(sim_judge(&load, 0, guesses, nr, &v), 0);
	return v;
}

static void optimum_is_what_one_computes_by_hand(void **state)
{
	struct sim_guess all[] = { guess(0, 100, 1000) };
	struct sim_verdict v = judge(all, 1);

	(void)state;
	assert_near(v.optimum[5], 0.45 + 0.005, 1e-6);
	assert_near(v.optimum[10], 0.9 + 0.01, 1e-6);
	assert_near(v.optimum[50], 0.9 + 0.05, 1e-6);
	assert_near(v.optimum[99], 0.9 + 0.099, 1e-6);
	assert_near(v.optimum[100], 1, 1e-6);
}

static void truth_misses_nothing(void **state)
{
	struct sim_guess right[] = { guess(0, 40, 40), guess(40, 50, 910), guess(50, 100, 50) };
	struct sim_verdict v = judge(right, 3);

	(void)state;
	assert_true(fabs(v.mean_miss) < 1e-9);
	assert_true(fabs(v.total_error) < 1e-9);
	assert_true(fabs(v.rate_error) < 1e-9);
	assert_int_equal(v.nr_ranges, 3);
	assert_near(v.captured[10], 0.91, 1e-6);
}

/* Knowing nothing captures as many per cent as one takes. */
static void one_range_captures_its_mean(void **state)
{
	struct sim_guess all[] = { guess(0, 100, 1000) };
	struct sim_verdict v = judge(all, 1);
	double miss = 0;

	(void)state;
	for (int x = 1; x <= 100; x++) {
		assert_near(v.captured[x], x / 100.0, 1e-6);
		miss += (x <= 10 ? 0.091 * x : 0.9 + 0.001 * x) - x / 100.0;
	}
	assert_near(v.mean_miss, miss / 100, 1e-6);
}

static void wrong_order_captures_the_cold(void **state)
{
	struct sim_guess wrong[] = { guess(0, 40, 900), guess(40, 50, 1), guess(50, 100, 99) };
	struct sim_verdict v = judge(wrong, 3);

	(void)state;
	assert_near(v.captured[40], 0.04, 1e-6);
	assert_near(v.captured[90], 0.09, 1e-6);
	assert_near(v.captured[95], 0.09 + 0.455, 1e-6);
	assert_near(v.captured[100], 1, 1e-6);
	/* |900-40| + |1-910| + |99-50| of 1000. */
	assert_near(v.rate_error, 1.818, 1e-6);
	assert_true(fabs(v.total_error) < 1e-9);
}

static void memory_without_a_guess_is_an_error(void **state)
{
	struct sim_guess part[] = { guess(0, 40, 40), guess(50, 100, 50) };
	struct sim_verdict v = judge(part, 2);

	(void)state;
	assert_near(v.rate_error, 0.91, 1e-6);
	assert_near(v.total_error, -0.91, 1e-6);
	assert_near(v.captured[100], 0.09, 1e-6);
}

static void no_guess_at_all_captures_nothing(void **state)
{
	struct sim_guess none;
	struct sim_verdict v = judge(&none, 0);

	(void)state;
	assert_true(v.captured[100] == 0);
	assert_near(v.rate_error, 1, 1e-6);
}

static void claimed_errors_are_held_against_the_truth(void **state)
{
	struct sim_guess g[] = { guess(0, 40, 50), guess(40, 50, 880), guess(50, 100, 80) };
	struct sim_verdict v;

	(void)state;
	g[0].error = 10; /* off by one */
	g[1].error = 30; /* off by one */
	g[2].error = 10; /* off by three */
	v = judge(g, 3);
	assert_near(v.mean_sigma, 5.0 / 3, 1e-6);
	assert_near(v.within_2_sigma, 2.0 / 3, 1e-6);
}

static struct sim_isolation isolate(const struct sim_guess *guesses, size_t nr)
{
	struct sim_load load = hot_tenth();
	struct sim_isolation i;

	sim_isolate(&load, 0, guesses, nr, &i);
	return i;
}

static void spot_held_exactly_has_factor_one(void **state)
{
	struct sim_guess g[] = { guess(0, 40, 40), guess(40, 50, 910), guess(50, 100, 50) };
	struct sim_isolation i = isolate(g, 3);

	(void)state;
	assert_near(i.factor, 1, 1e-9);
	assert_near(i.held, 1, 1e-9);
	assert_int_equal(i.false_hot_bytes, 0);
}

/* Several ranges may hold it together; one that only touches it counts in full. */
static void ranges_that_touch_the_spot_count_in_full(void **state)
{
	struct sim_guess g[] = { guess(0, 35, 35), guess(35, 45, 500), guess(45, 55, 500),
				 guess(55, 100, 45) };
	struct sim_isolation i = isolate(g, 4);

	(void)state;
	assert_near(i.factor, 2, 1e-9);
	assert_near(i.held, 1, 1e-9);
}

static void spot_in_what_is_held_for_cold_is_not_isolated(void **state)
{
	struct sim_guess g[] = { guess(0, 60, 60), guess(60, 100, 900) };
	struct sim_isolation i = isolate(g, 2);

	(void)state;
	assert_near(i.factor, 6, 1e-9);
	assert_true(i.held == 0);
	assert_int_equal(i.false_hot_bytes, 40 * PAGE);
}

/* Half of the spot in a tight range and half in a wide cold one: not found. */
static void half_a_spot_is_not_isolated(void **state)
{
	struct sim_guess g[] = { guess(0, 45, 45), guess(45, 50, 450), guess(50, 100, 50) };
	struct sim_isolation i = isolate(g, 3);

	(void)state;
	assert_near(i.held, 0.5, 1e-9);
	assert_near(i.factor, 5, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(optimum_is_what_one_computes_by_hand),
		cmocka_unit_test(truth_misses_nothing),
		cmocka_unit_test(one_range_captures_its_mean),
		cmocka_unit_test(wrong_order_captures_the_cold),
		cmocka_unit_test(memory_without_a_guess_is_an_error),
		cmocka_unit_test(no_guess_at_all_captures_nothing),
		cmocka_unit_test(claimed_errors_are_held_against_the_truth),
		cmocka_unit_test(spot_held_exactly_has_factor_one),
		cmocka_unit_test(ranges_that_touch_the_spot_count_in_full),
		cmocka_unit_test(spot_in_what_is_held_for_cold_is_not_isolated),
		cmocka_unit_test(half_a_spot_is_not_isolated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
