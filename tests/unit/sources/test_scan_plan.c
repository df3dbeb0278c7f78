/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_scan_plan.c - so many places, by weight, some of them everywhere. */
#include "tests/unit/test.h"

#include <math.h>

#include "sources/scan_plan.h"

#define PAGE 4096ull
#define NR 4000

static struct scan_place places[NR];

static size_t count(size_t nr, uint64_t start, uint64_t end)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		n += places[i].addr >= start && places[i].addr < end;
	return n;
}

static void without_a_focus_all_memory_gets_its_share(void **state)
{
	static const struct scan_range all[] = { { 0, 0x1000000, 0x1000000 + 1000 * PAGE, 1000 },
						 { 1, 0x9000000, 0x9000000 + 3000 * PAGE, 3000 } };
	struct scan_plan plan = { .all = all, .nr_all = 2, .random = 1 };

	(void)state;
	assert_int_equal(scan_plan_draw(&plan, NR, places), NR);
	for (size_t i = 0; i < NR; i++) {
		assert_int_equal(places[i].addr % PAGE, 0);
		assert_in_range(places[i].addr, all[places[i].target].start,
				all[places[i].target].end - PAGE);
		assert_int_equal(places[i].end, all[places[i].target].end);
	}
	/* Strata: to one. */
	assert_in_range(count(NR, 0x1000000, 0x1000000 + 1000 * PAGE), 999, 1001);
	assert_in_range(count(NR, 0x9000000, 0x9000000 + 300 * PAGE), 299, 301);
}

static void a_focus_gets_its_part_by_share_and_the_rest_still_gets_some(void **state)
{
	static const struct scan_range all = { 0, 0, 1000000 * PAGE, 1 };
	static const struct scan_range focus[] = { { 0, 500 * PAGE, 600 * PAGE, 0.75 },
						   { 0, 5000 * PAGE, 90000 * PAGE, 0.25 } };
	struct scan_plan plan = {
		.all = &all, .nr_all = 1, .focus = focus, .nr_focus = 2, .random = 1
	};
	size_t closer = (size_t)(NR * SCAN_FOCUS_SHARE);

	(void)state;
	assert_int_equal(scan_plan_draw(&plan, NR, places), NR);
	assert_in_range(count(NR, 500 * PAGE, 600 * PAGE), closer * 3 / 4 - 1, closer * 3 / 4 + 3);
	assert_in_range(count(NR, 90000 * PAGE, 1000000 * PAGE),
			(size_t)((double)(NR - closer) * 0.91) - 2,
			(size_t)((double)(NR - closer) * 0.91) + 2);
}

static void the_same_places_are_not_looked_at_twice_in_a_row(void **state)
{
	static const struct scan_range all = { 0, 0, 1000000 * PAGE, 1 };
	struct scan_plan plan = { .all = &all, .nr_all = 1, .random = 1 };
	size_t same = 0;
	uint64_t before[100];

	(void)state;
	assert_int_equal(scan_plan_draw(&plan, 100, places), 100);
	for (int i = 0; i < 100; i++)
		before[i] = places[i].addr;
	assert_int_equal(scan_plan_draw(&plan, 100, places), 100);
	for (int i = 0; i < 100; i++)
		same += before[i] == places[i].addr;
	assert_in_range(same, 0, 2);
}

static void nothing_to_look_at_gives_no_places(void **state)
{
	static const struct scan_range nonsense[] = { { 0, PAGE, PAGE, 1 },
						      { 0, 2 * PAGE, PAGE, 1 },
						      { 0, 0, PAGE, 0 },
						      { 0, 0, PAGE, -1 },
						      { 0, 0, PAGE, NAN } };
	struct scan_plan plan = { .random = 1 };

	(void)state;
	assert_int_equal(scan_plan_draw(&plan, NR, places), 0);
	plan.all = nonsense;
	plan.nr_all = 5;
	assert_int_equal(scan_plan_draw(&plan, NR, places), 0);
}

static void a_focus_on_nothing_leaves_the_looks_to_the_rest(void **state)
{
	static const struct scan_range all = { 0, 0, 1000 * PAGE, 1 };
	static const struct scan_range focus = { 0, PAGE, PAGE, 1 };
	struct scan_plan plan = {
		.all = &all, .nr_all = 1, .focus = &focus, .nr_focus = 1, .random = 1
	};

	(void)state;
	assert_int_equal(scan_plan_draw(&plan, NR, places), NR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_focus_all_memory_gets_its_share),
		cmocka_unit_test(a_focus_gets_its_part_by_share_and_the_rest_still_gets_some),
		cmocka_unit_test(the_same_places_are_not_looked_at_twice_in_a_row),
		cmocka_unit_test(nothing_to_look_at_gives_no_places),
		cmocka_unit_test(a_focus_on_nothing_leaves_the_looks_to_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
