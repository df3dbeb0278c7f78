/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_scan_interval.c - the interval follows how often pages are accessed. */
#include "tests/unit/test.h"

#include <math.h>

#include "sources/scan_interval.h"

/* Looks at pages that are all accessed @rate times a second, until the interval has settled. */
static uint64_t settle(double rate)
{
	struct scan_interval i;

	scan_interval_init(&i);
	for (int round = 0; round < 3000; round++) {
		bool is_middle;
		uint64_t ns = scan_interval_next(&i, &is_middle);

		if (is_middle)
			scan_interval_learn(&i, 100,
					    (size_t)lround(-100 * expm1(-rate * (double)ns / 1e9)));
	}
	return i.middle_ns;
}

static void it_settles_where_few_looks_find_an_access(void **state)
{
	(void)state;
	for (double rate = 1; rate < 20; rate *= 2) {
		double share = -expm1(-rate * (double)settle(rate) / 1e9);

		assert_true(share > 0.03 && share < 0.2);
	}
}

static void it_has_limits(void **state)
{
	(void)state;
	assert_int_equal(settle(0), SCAN_LONGEST_NS);
	assert_int_equal(settle(1e9), SCAN_SHORTEST_NS);
}

static void a_shorter_and_a_longer_one_are_tried_too(void **state)
{
	struct scan_interval i = { .middle_ns = 100000000 };
	bool is_middle;

	(void)state;
	assert_int_equal(scan_interval_next(&i, &is_middle), 100000000);
	assert_true(is_middle);
	assert_int_equal(scan_interval_next(&i, &is_middle), 25000000);
	assert_false(is_middle);
	assert_int_equal(scan_interval_next(&i, &is_middle), 400000000);
	assert_false(is_middle);
}

static void a_few_looks_change_nothing(void **state)
{
	struct scan_interval i = { .middle_ns = 100000000 };

	(void)state;
	scan_interval_learn(&i, 10, 10);
	assert_int_equal(i.middle_ns, 100000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_settles_where_few_looks_find_an_access),
		cmocka_unit_test(it_has_limits),
		cmocka_unit_test(a_shorter_and_a_longer_one_are_tried_too),
		cmocka_unit_test(a_few_looks_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
