/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_focus.c - closer looks go to where hot and cold part. */
#include "tests/unit/test.h"

#include "core/focus.h"

#define MIB (1ull << 20)
#define NR 10

static struct thermo_target targets[] = { { .pid = 100 }, { .pid = THERMO_PID_PHYSICAL } };
static struct thermo_region regions[NR];
static struct thermo_snapshot snapshot;
static struct thermo_focus focus[FOCUS_MAX];

/* Ten regions of 100 MiB, each half as hot as the one before, all known to a tenth. */
static int make(void **state)
{
	(void)state;
	for (int i = 0; i < NR; i++) {
		regions[i] = (struct thermo_region){
			.start = (uint64_t)i * 100 * MIB,
			.end = (uint64_t)(i + 1) * 100 * MIB,
			.accesses_per_s = 1e6 / (double)(1 << i),
			.accesses_per_s_error = 1e5 / (double)(1 << i),
			.nr_events = 100,
			.exposure_s = 1,
		};
	}
	snapshot = (struct thermo_snapshot){
		.nr_targets = 2, .nr_regions = NR, .targets = targets, .regions = regions
	};
	return 0;
}

static double share_of(int region)
{
	size_t nr = focus_of_snapshot(&snapshot, 350 * MIB, focus, FOCUS_MAX);

	for (size_t i = 0; i < nr; i++)
		if (focus[i].start == regions[region].start)
			return (double)focus[i].share;
	return 0;
}

static void the_region_at_the_boundary_gets_most(void **state)
{
	(void)state;
	/* 350 MiB: the fourth does not fit. */
	assert_true(share_of(3) > 0.99);
	assert_true(share_of(0) < 1e-6);
	assert_true(share_of(9) < 1e-6);
}

static void a_cold_region_that_is_little_known_gets_some(void **state)
{
	(void)state;
	regions[6].accesses_per_s_error = 2 * regions[6].accesses_per_s;
	assert_true(share_of(6) > 0.1);
	assert_true(share_of(5) < 1e-6);
}

static void a_region_that_was_never_seen_gets_the_most(void **state)
{
	(void)state;
	regions[8].nr_events = regions[8].exposure_s = 0;
	assert_true(share_of(8) > share_of(3));
}

static void shares_add_up_and_ranges_are_in_order(void **state)
{
	double sum = 0;
	size_t nr;

	(void)state;
	for (int i = 0; i < NR; i++)
		regions[i].accesses_per_s_error = regions[i].accesses_per_s;
	nr = focus_of_snapshot(&snapshot, 350 * MIB, focus, FOCUS_MAX);
	assert_int_equal(nr, NR);
	for (size_t i = 0; i < nr; i++) {
		sum += (double)focus[i].share;
		assert_int_equal(focus[i].pid, 100);
		assert_true(i == 0 || focus[i].start > focus[i - 1].start);
	}
	assert_true(sum > 0.999 && sum < 1.001);
}

static void where_there_is_no_room_the_least_worthy_go(void **state)
{
	(void)state;
	for (int i = 0; i < NR; i++)
		regions[i].accesses_per_s_error = regions[i].accesses_per_s;
	assert_int_equal(focus_of_snapshot(&snapshot, 350 * MIB, focus, 2), 2);
	assert_true(focus[0].start == regions[3].start || focus[1].start == regions[3].start);
	assert_true((double)(focus[0].share + focus[1].share) > 0.999);
}

static void only_memory_that_is_there_fills_the_tier(void **state)
{
	(void)state;
	/* The hottest two are mapped, and nearly empty: two more fit. */
	regions[0].nodes[0] = regions[1].nodes[0] = (struct thermo_node_bytes){ 0, MIB };
	assert_true(share_of(5) > 0.99);
}

static void where_all_fits_or_nothing_is_known_there_is_none(void **state)
{
	(void)state;
	assert_int_equal(focus_of_snapshot(&snapshot, 1000 * MIB, focus, FOCUS_MAX), 0);
	assert_int_equal(focus_of_snapshot(&snapshot, 0, focus, FOCUS_MAX), 0);
	snapshot.nr_regions = 0;
	assert_int_equal(focus_of_snapshot(&snapshot, 350 * MIB, focus, FOCUS_MAX), 0);
}

static void physical_memory_is_no_process(void **state)
{
	(void)state;
	for (int i = 0; i < NR; i++)
		regions[i].target = 1;
	assert_int_equal(focus_of_snapshot(&snapshot, 350 * MIB, focus, FOCUS_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_region_at_the_boundary_gets_most, make),
		cmocka_unit_test_setup(a_cold_region_that_is_little_known_gets_some, make),
		cmocka_unit_test_setup(a_region_that_was_never_seen_gets_the_most, make),
		cmocka_unit_test_setup(shares_add_up_and_ranges_are_in_order, make),
		cmocka_unit_test_setup(where_there_is_no_room_the_least_worthy_go, make),
		cmocka_unit_test_setup(only_memory_that_is_there_fills_the_tier, make),
		cmocka_unit_test_setup(where_all_fits_or_nothing_is_known_there_is_none, make),
		cmocka_unit_test_setup(physical_memory_is_no_process, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
