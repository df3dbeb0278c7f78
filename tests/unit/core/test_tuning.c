/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tuning.c - how much sampling is enough, and DAMON's windows. */
#include "tests/unit/test.h"

#include "core/tuning.h"
#include "thermocline/source.h"

#define MIB (1ull << 20)
#define NR 10

static struct thermo_region regions[NR];
static struct thermo_snapshot snapshot;

/* Regions of 1 MiB; two of them @hot accesses a second, the others @cold, @events each. */
static int make(double hot, double cold, float events)
{
	memset(regions, 0, sizeof(regions));
	snapshot = (struct thermo_snapshot){ .regions = regions,
					     .nr_regions = NR,
					     .window_ns = 1000000000 };
	for (uint64_t i = 0; i < NR; i++) {
		regions[i].start = i * MIB;
		regions[i].end = (i + 1) * MIB;
		regions[i].accesses_per_s = i < 2 ? hot : cold;
		regions[i].nr_events = events;
		regions[i].nodes[0].bytes = MIB;
		snapshot.accesses_per_s += regions[i].accesses_per_s;
	}
	return 0;
}

static void what_is_clearly_apart_is_not_in_doubt(void **state)
{
	(void)state;
	make(10000, 10, 400);
	assert_true(tuning_doubt_bp(&snapshot, 2 * MIB) < 1);
}

static void more_samples_leave_less_doubt(void **state)
{
	double few, many;

	(void)state;
	make(1200, 1000, 4);
	few = tuning_doubt_bp(&snapshot, 2 * MIB);
	make(1200, 1000, 400);
	many = tuning_doubt_bp(&snapshot, 2 * MIB);
	assert_true(few > 100);
	assert_true(many < few / 10);
}

static void even_memory_is_not_in_doubt_whatever_side_it_is_on(void **state)
{
	(void)state;
	make(1000, 1000, 1);
	assert_true(tuning_doubt_bp(&snapshot, 0) < 1);
}

static void nothing_observed_is_all_in_doubt(void **state)
{
	struct thermo_snapshot empty = { 0 };

	(void)state;
	make(0, 0, 0);
	assert_true(tuning_doubt_bp(&snapshot, MIB) == 10000);
	assert_true(tuning_doubt_bp(&empty, MIB) == 10000);
	assert_true(tuning_access_ratio_bp(&empty) == 0);
}

static void rate_follows_the_doubt_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(tuning_rate(500, TUNING_EVIDENCE_BP, 300), 500);
	assert_int_equal(tuning_rate(400, 10000, 300), 800);
	assert_int_equal(tuning_rate(800, 10000, 300), THERMO_RATE_FULL);
	assert_int_equal(tuning_rate(800, 0, 300), 400);
	assert_int_equal(tuning_rate(400, 0, 300), 300);
}

/* 256 pages a MiB: 2 of 10 regions with 256 accesses a second have 1 - 1/e of them touched. */
static void access_ratio_is_the_share_of_pages_touched_in_a_window(void **state)
{
	(void)state;
	make(256, 0, 100);
	assert_near(tuning_access_ratio_bp(&snapshot), 2000 * (1 - exp(-1)), 0.1);
	regions[0].nodes[0].bytes = 0;
	/* What is not resident is not counted. */
	assert_near(tuning_access_ratio_bp(&snapshot), 10000.0 / 9 * (1 - exp(-1)), 0.1);
}

static void windows_follow_damons_feedback(void **state)
{
	(void)state;
	/* On the goal: as it is.  Nothing accessed: twice as long.  Twice the goal or more: half.
	 */
	assert_int_equal(tuning_window_ms(1000, 400, 400), 1000);
	assert_int_equal(tuning_window_ms(1000, 0, 400), 2000);
	assert_int_equal(tuning_window_ms(1000, 200, 400), 1500);
	assert_int_equal(tuning_window_ms(1000, 600, 400), 750);
	assert_int_equal(tuning_window_ms(1000, 9000, 400), 500);
	assert_int_equal(tuning_window_ms(TUNING_MIN_WINDOW_MS, 9000, 400), TUNING_MIN_WINDOW_MS);
	assert_int_equal(tuning_window_ms(9000, 0, 400), TUNING_MAX_WINDOW_MS);
}

/* With a rate that does not change, the windows end where the goal is met. */
static void windows_converge_on_the_goal(void **state)
{
	uint32_t window_ms = 1000;

	(void)state;
	make(20, 5, 100);
	for (int i = 0; i < 100; i++) {
		snapshot.window_ns = window_ms * 1000000ull;
		window_ms = tuning_window_ms(window_ms, tuning_access_ratio_bp(&snapshot), 400);
	}
	assert_near(tuning_access_ratio_bp(&snapshot), 400, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_clearly_apart_is_not_in_doubt),
		cmocka_unit_test(more_samples_leave_less_doubt),
		cmocka_unit_test(even_memory_is_not_in_doubt_whatever_side_it_is_on),
		cmocka_unit_test(nothing_observed_is_all_in_doubt),
		cmocka_unit_test(rate_follows_the_doubt_within_bounds),
		cmocka_unit_test(access_ratio_is_the_share_of_pages_touched_in_a_window),
		cmocka_unit_test(windows_follow_damons_feedback),
		cmocka_unit_test(windows_converge_on_the_goal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
