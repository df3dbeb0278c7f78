/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_paired.c - intervals: known values, and whether they hold what they promise. */
#include "tests/unit/test.h"

#include "bench/overhead/paired.h"

static double uniform(uint64_t *random)
{
	return ((double)(test_random(random) >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller. */
static double normal(uint64_t *random)
{
	double u = uniform(random), v = uniform(random);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void quantiles_are_students(void **state)
{
	static const struct {
		uint32_t df;
		double t;
	} known[] = { { 1, 12.7062 }, { 2, 4.3027 },   { 6, 2.4469 },
		      { 20, 2.0860 }, { 21, 2.0796 },  { 30, 2.0423 },
		      { 60, 2.0003 }, { 120, 1.9799 }, { 1000, 1.9623 } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_near(paired_t975(known[i].df), known[i].t, 0.01);
}

static void quantiles_fall_with_more_pairs(void **state)
{
	(void)state;
	for (uint32_t df = 1; df < 200; df++)
		assert_true(paired_t975(df + 1) < paired_t975(df));
}

static void half_speed_is_100_percent_slower(void **state)
{
	struct paired p = { 0 };
	struct paired_interval i;

	(void)state;
	paired_add(&p, 200, 100);
	i = paired_interval(&p);
	assert_near(i.middle_pct, 100, 1e-9);
	assert_false(i.known);
	paired_add(&p, 20, 10);
	i = paired_interval(&p);
	assert_near(i.middle_pct, 100, 1e-9);
	assert_near(i.low_pct, 100, 1e-6);
	assert_near(i.high_pct, 100, 1e-6);
	assert_true(i.known);
}

/* Logarithms 0.01, 0.02, 0.03: mean 0.02, deviation 0.01, half 4.3027 * 0.01 / sqrt(3). */
static void interval_is_as_by_hand(void **state)
{
	struct paired p = { 0 };
	struct paired_interval i;

	(void)state;
	paired_add(&p, exp(0.01), 1);
	paired_add(&p, exp(0.02), 1);
	paired_add(&p, exp(0.03), 1);
	i = paired_interval(&p);
	assert_near(i.middle_pct, 100 * expm1(0.02), 1e-6);
	assert_near(i.low_pct, 100 * expm1(0.02 - 0.0248417), 0.01);
	assert_near(i.high_pct, 100 * expm1(0.02 + 0.0248417), 0.01);
}

/* Speeds that drift by far more than the effect, as on a machine that gets warm. */
static void what_both_of_a_pair_share_does_not_matter(void **state)
{
	struct paired p = { 0 };
	double speed = 1000;

	(void)state;
	for (int i = 0; i < 8; i++) {
		paired_add(&p, speed, speed / 1.03);
		speed *= 0.8;
	}
	assert_near(paired_interval(&p).middle_pct, 3, 1e-6);
	assert_near(paired_interval(&p).high_pct, 3, 1e-4);
}

/* In 4000 experiments 3800 should hold the truth, give or take 14 (one deviation). */
static void count_coverage(uint32_t nr_pairs, double noise)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	unsigned int inside = 0;

	for (int i = 0; i < 4000; i++) {
		struct paired p = { 0 };
		struct paired_interval interval;

		for (uint32_t j = 0; j < nr_pairs; j++) {
			double speed = 1e6 * exp(0.5 * normal(&random));

			paired_add(&p, speed, speed / 1.05 * exp(noise * normal(&random)));
		}
		interval = paired_interval(&p);
		inside += interval.low_pct <= 5 && interval.high_pct >= 5;
	}
	assert_in_range(inside, 3800 - 5 * 14, 3800 + 5 * 14);
}

static void interval_holds_the_truth_in_19_of_20_experiments(void **state)
{
	(void)state;
	count_coverage(2, 0.02);
	count_coverage(5, 0.02);
	count_coverage(7, 0.3);
	count_coverage(40, 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_students),
		cmocka_unit_test(quantiles_fall_with_more_pairs),
		cmocka_unit_test(half_speed_is_100_percent_slower),
		cmocka_unit_test(interval_is_as_by_hand),
		cmocka_unit_test(what_both_of_a_pair_share_does_not_matter),
		cmocka_unit_test(interval_holds_the_truth_in_19_of_20_experiments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
