/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_curve.c - rankings whose curve is known by hand. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/lab/accuracy/curve.h"

enum { NR_PAGES = 20 };

/* 60 accesses to page 7, 22 to page 8, one to each of the others: 100. */
static const uint64_t counts[NR_PAGES] = { 1, 1, 1, 1, 1, 1, 1, 60, 22, 1,
					   1, 1, 1, 1, 1, 1, 1, 1,  1,  1 };

/* Area under the best curve: 0.05 * 0.3 + 0.05 * 0.71 + 0.9 * 0.91. */
#define BEST_AREA 0.8695

static void assert_shares(const double shares[CURVE_POINTS], double at_5, double at_10,
			  double at_20, double at_40)
{
	assert_near(shares[0], at_5, 1e-6);
	assert_near(shares[1], at_10, 1e-6);
	assert_near(shares[2], at_20, 1e-6);
	assert_near(shares[3], at_40, 1e-6);
}

static void right_order_misses_nothing(void **state)
{
	const struct curve_region regions[] = {
		{ 0, 7, 1 }, { 7, 8, 9 }, { 8, 9, 5 }, { 9, 20, 1 }
	};
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, regions, 4, &curve), 0);
	assert_shares(curve.captured, 0.60, 0.82, 0.84, 0.88);
	assert_shares(curve.best, 0.60, 0.82, 0.84, 0.88);
	assert_true(fabs(curve.mean_miss) < 1e-9);
	assert_int_equal(curve.nr_regions, 4);
	assert_int_equal(curve.unknown_pages, 0);
}

static void one_region_captures_in_proportion(void **state)
{
	const struct curve_region region = { 0, NR_PAGES, 7 };
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, &region, 1, &curve), 0);
	assert_shares(curve.captured, 0.05, 0.10, 0.20, 0.40);
	assert_near(curve.mean_miss, BEST_AREA - 0.5, 1e-6);
}

static void memory_in_no_region_comes_last(void **state)
{
	/* Even after memory that is known to be idle. */
	const struct curve_region regions[] = { { 0, 7, 0 }, { 9, 20, 0 } };
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, regions, 2, &curve), 0);
	assert_shares(curve.captured, 0.01, 0.02, 0.04, 0.08);
	/* 0.9 * 0.09 and 0.1 * (0.18 + 0.41) */
	assert_near(curve.mean_miss, BEST_AREA - 0.14, 1e-6);
	assert_int_equal(curve.unknown_pages, 2);
}

static void regions_of_the_same_heat_have_no_order(void **state)
{
	const struct curve_region regions[] = { { 7, 8, 3 }, { 0, 7, 3 }, { 8, 20, 0 } };
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, regions, 3, &curve), 0);
	/* 67 accesses to 8 pages. */
	assert_shares(curve.captured, 0.67 / 8, 0.67 / 4, 0.67 / 2, 0.67);
}

static void point_within_a_page_takes_a_part_of_it(void **state)
{
	const uint64_t ten[10] = { 91, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	const struct curve_region regions[] = { { 0, 1, 2 }, { 1, 10, 1 } };
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(ten, 10, regions, 2, &curve), 0);
	assert_shares(curve.captured, 0.455, 0.91, 0.92, 0.94);
}

static void overlap_is_the_last_ones_and_what_is_outside_is_cut_off(void **state)
{
	const struct curve_region regions[] = {
		{ 0, UINT64_MAX, 1 }, { 7, 8, 9 }, { 8, 9, 5 }, { 20, 30, 100 }, { 5, 5, 100 }
	};
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, regions, 5, &curve), 0);
	assert_true(fabs(curve.mean_miss) < 1e-9);
	assert_int_equal(curve.nr_regions, 3);
}

static void nonsense_is_refused(void **state)
{
	const struct curve_region negative = { 0, 1, -1 }, nan = { 0, 1, NAN };
	const uint64_t none[2] = { 0 };
	struct curve curve;

	(void)state;
	assert_int_equal(curve_measure(counts, NR_PAGES, &negative, 1, &curve), -EINVAL);
	assert_int_equal(curve_measure(counts, NR_PAGES, &nan, 1, &curve), -EINVAL);
	assert_int_equal(curve_measure(none, 2, NULL, 0, &curve), -ENODATA);
	assert_int_equal(curve_measure(NULL, 0, NULL, 0, &curve), -ENODATA);
}

static void median_is_the_middle(void **state)
{
	double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 2, 9 };

	(void)state;
	assert_true(curve_median(odd, 3) == 5);
	assert_true(curve_median(even, 4) == 3);
	assert_true(curve_median(NULL, 0) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_order_misses_nothing),
		cmocka_unit_test(one_region_captures_in_proportion),
		cmocka_unit_test(memory_in_no_region_comes_last),
		cmocka_unit_test(regions_of_the_same_heat_have_no_order),
		cmocka_unit_test(point_within_a_page_takes_a_part_of_it),
		cmocka_unit_test(overlap_is_the_last_ones_and_what_is_outside_is_cut_off),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(median_is_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
