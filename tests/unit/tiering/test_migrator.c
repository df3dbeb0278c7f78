/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_migrator.c - plans go to a thread, and what happened comes back. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/tiering/fake_memory.h"
#include "tiering/migrator.h"

static struct fake_host fake;
static struct thermo_topology topology;
static struct migrator *migrator;
static struct move_history history;
static struct thermo_move_counters counters;
static double ns_per_byte;
static uint64_t budget_bytes, until_ns;

static int make(void **state)
{
	(void)state;
	fake_memory_init(&fake, &topology);
	memset(&history, 0, sizeof(history));
	budget_bytes = until_ns = UINT64_MAX;
	return migrator_start(&migrator, &fake.host, 100);
}

static int drop(void **state)
{
	(void)state;
	migrator_stop(migrator);
	migrator_free(migrator);
	fake_host_fini(&fake);
	return 0;
}

static void submit(enum thermo_action action, size_t first, size_t nr, size_t steps)
{
	struct plan plan = {
		.nr = steps, .room = steps, .budget_bytes = budget_bytes, .until_ns = until_ns
	};

	plan.moves = calloc(steps, sizeof(*plan.moves));
	assert_non_null(plan.moves);
	for (size_t i = 0; i < steps; i++) {
		uint64_t start = FAKE_BASE + (first + i * nr) * THERMO_PAGE_BYTES;

		plan.moves[i] = (struct planned_move){
			.action = action,
			.pid = FAKE_PID,
			.start = start,
			.end = start + nr * THERMO_PAGE_BYTES,
			.bytes = nr * THERMO_PAGE_BYTES,
			.from_tier = action == THERMO_PROMOTE,
			.to_node = action == THERMO_DEMOTE,
		};
	}
	migrator_submit(migrator, &plan, &topology);
	assert_null(plan.moves);
	assert_int_equal(plan.nr, 0);
}

static void wait_idle(void)
{
	const struct timespec ms = { 0, 1000000 };

	for (int i = 0; i < 10000; i++) {
		if (migrator_is_idle_since(migrator, UINT64_MAX))
			return;
		(void)nanosleep(&ms, NULL);
	}
	fail_msg("the migrator is still busy");
}

static void collect(void)
{
	migrator_collect(migrator, &counters, &ns_per_byte, &history);
}

static void plan_is_carried_out_and_told(void **state)
{
	(void)state;
	submit(THERMO_PROMOTE, 0, 100, 3);
	wait_idle();
	collect();
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 300);
	assert_int_equal(fake_pages_on(0), 300);
	assert_true(ns_per_byte > 0);
	assert_int_equal(history.nr, 3);
	assert_true(history_has(&history, THERMO_PROMOTE, MOVE_DONE, FAKE_PID, FAKE_BASE,
				FAKE_BASE + 1, 0));
	/* What was collected is not told again. */
	collect();
	assert_int_equal(history.nr, 3);
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 300);
}

static void idle_is_since_the_plan_was_done(void **state)
{
	uint64_t before = thermo_host_now_ns(&fake.host);

	(void)state;
	assert_true(migrator_is_idle_since(migrator, before));
	submit(THERMO_PROMOTE, 0, 100, 1);
	wait_idle();
	/* The clock moved with the work: what was seen before does not show it. */
	assert_false(migrator_is_idle_since(migrator, before));
	assert_true(migrator_is_idle_since(migrator, thermo_host_now_ns(&fake.host)));
}

static void pages_that_come_down_and_go_up_are_ping_pongs(void **state)
{
	(void)state;
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	submit(THERMO_DEMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(counters.ping_pongs, 0);
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(counters.ping_pongs, 64);
	submit(THERMO_DEMOTE, 0, 64, 1);
	wait_idle();
	fake_advance(&fake, 61ull * 1000000000);
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(counters.ping_pongs, 64);
}

static void step_that_moved_nothing_is_told_as_futile(void **state)
{
	(void)state;
	for (size_t i = 0; i < 64; i++)
		fake_memory.error[i] = -EACCES;
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(history.nr, 1);
	assert_int_equal(history.moves[0].outcome, MOVE_FUTILE);
}

/* Some went up, and nothing else was there: the next plan looks elsewhere. */
static void step_that_left_nothing_behind_is_told_as_exhausted(void **state)
{
	(void)state;
	for (size_t i = 0; i < 60; i++)
		fake_memory.node[i] = 0;
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(history.nr, 2);
	assert_int_equal(history.moves[0].outcome, MOVE_DONE);
	assert_int_equal(history.moves[1].outcome, MOVE_EXHAUSTED);
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(history.nr, 3);
	assert_int_equal(history.moves[2].outcome, MOVE_EXHAUSTED);
	/* What is refused is still there. */
	fake_memory.node[0] = 1;
	fake_memory.error[0] = -EACCES;
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(history.nr, 4);
	assert_int_equal(history.moves[3].outcome, MOVE_FUTILE);
}

static void full_destination_is_not_futile(void **state)
{
	(void)state;
	fake_node_free(&fake, 0, 0);
	submit(THERMO_PROMOTE, 0, 64, 1);
	wait_idle();
	collect();
	assert_int_equal(history.nr, 0);
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVE_NO_MEMORY], 64);
}

/* More is planned than may move: then nobody says that nothing is left where it ended. */
static void plan_ends_when_its_budget_is_spent(void **state)
{
	(void)state;
	budget_bytes = 150 * THERMO_PAGE_BYTES;
	submit(THERMO_PROMOTE, 0, 100, 3);
	wait_idle();
	collect();
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 150);
	assert_int_equal(fake_pages_on(0), 150);
	assert_int_equal(history.nr, 2);
	assert_int_equal(history.moves[1].outcome, MOVE_DONE);
}

/* What is not there costs nothing of it. */
static void budget_goes_to_pages_that_are_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < 250; i++)
		fake_memory.node[i] = 0;
	budget_bytes = 100 * THERMO_PAGE_BYTES;
	submit(THERMO_PROMOTE, 0, 100, 4);
	wait_idle();
	collect();
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 100);
}

static void plan_ends_when_its_time_is_over(void **state)
{
	(void)state;
	until_ns = thermo_host_now_ns(&fake.host) + 1;
	submit(THERMO_PROMOTE, 0, 64, 10);
	wait_idle();
	collect();
	/* The call in flight is completed, and nothing begun after it. */
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 64);
	assert_int_equal(history.nr, 1);
}

static void stop_in_flight_ends_soon_and_counts_what_was_done(void **state)
{
	(void)state;
	submit(THERMO_PROMOTE, 0, 1, 4000);
	migrator_stop(migrator);
	collect();
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], fake_pages_on(0));
	migrator_free(migrator);
	assert_int_equal(migrator_start(&migrator, &fake.host, 100), 0);
}

static void collecting_while_it_works_loses_nothing(void **state)
{
	(void)state;
	submit(THERMO_PROMOTE, 0, 10, 400);
	while (!migrator_is_idle_since(migrator, UINT64_MAX)) {
		collect();
		(void)migrator_cpu_ns(migrator);
	}
	collect();
	assert_int_equal(counters.pages[THERMO_PROMOTE][THERMO_MOVED], 4000);
	assert_int_equal(history.nr, 400);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(plan_is_carried_out_and_told),
		TEST(idle_is_since_the_plan_was_done),
		TEST(pages_that_come_down_and_go_up_are_ping_pongs),
		TEST(step_that_moved_nothing_is_told_as_futile),
		TEST(step_that_left_nothing_behind_is_told_as_exhausted),
		TEST(full_destination_is_not_futile),
		TEST(plan_ends_when_its_budget_is_spent),
		TEST(budget_goes_to_pages_that_are_there),
		TEST(plan_ends_when_its_time_is_over),
		TEST(stop_in_flight_ends_soon_and_counts_what_was_done),
		TEST(collecting_while_it_works_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
