/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_watch.c - a touch says how long it waited; silence says how long there was none. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/proc.h"
#include "sources/watch.h"

#define MS 1000000ull
#define HORIZON (100 * MS)
#define PAGE THERMO_PAGE_BYTES
#define HUGE THERMO_HUGE_BYTES
#define PID 42

static struct watch_set set;
static struct thermo_reporter *reporter;
static struct thermo_access reports[256];
static size_t nr_reports;

static int make(void **state)
{
	(void)state;
	watch_set_init(&set, HORIZON);
	return thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 1024,
									      .nr_threads = 1 });
}

static int drop(void **state)
{
	(void)state;
	watch_set_fini(&set);
	thermo_reporter_free(reporter);
	return 0;
}

static void arm_thinned(uint64_t start, uint64_t end, uint64_t time_ns, uint32_t thinning)
{
	const struct thermo_page_run run = { start, end, false };

	assert_int_equal(watch_add(&set, PID, time_ns, THERMO_SCOPE_ALL, thinning, &run, 1), 0);
}

static void arm(uint64_t start, uint64_t end, uint64_t time_ns)
{
	arm_thinned(start, end, time_ns, 1);
}

static bool touch(uint64_t addr, uint64_t time_ns, struct thermo_access *a)
{
	*a = (struct thermo_access){ .addr = addr, .time_ns = time_ns, .pid = PID, .tid = 43 };
	return watch_touch(&set, a);
}

static bool touches(uint64_t addr, uint64_t time_ns)
{
	struct thermo_access a;

	return touch(addr, time_ns, &a);
}

static void expire(uint64_t now_ns)
{
	size_t nr = watch_expire(&set, now_ns, reporter);

	nr_reports = thermo_reporter_drain(reporter, reports, 256);
	assert_int_equal(nr, nr_reports);
}

/* Bytes x ns that the negative reports claim. */
static double claimed(void)
{
	double sum = 0;

	for (size_t i = 0; i < nr_reports; i++) {
		assert_int_equal(reports[i].nr_accesses, 0);
		assert_int_equal(reports[i].pid, PID);
		assert_true(reports[i].watched_ns > 0 && reports[i].watched_ns <= HORIZON);
		sum += (double)reports[i].extent_bytes * (double)reports[i].watched_ns;
	}
	return sum;
}

static void touch_tells_its_waiting_time(void **state)
{
	struct thermo_access a;

	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	assert_true(touch(0x12345, 12 * MS, &a));
	assert_int_equal(a.addr, 0x12000);
	assert_int_equal(a.extent_bytes, PAGE);
	assert_int_equal(a.watched_ns, 7 * MS);
	assert_int_equal(a.nr_accesses, 1);
	assert_int_equal(a.tid, 43);
}

static void second_touch_of_a_page_says_nothing(void **state)
{
	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	assert_true(touches(0x12345, 12 * MS));
	assert_false(touches(0x12fff, 13 * MS));
	assert_true(touches(0x13000, 13 * MS));
}

static void touch_elsewhere_by_others_or_at_another_time_is_none(void **state)
{
	struct thermo_access other = { .addr = 0x12000, .time_ns = 6 * MS, .pid = PID + 1 };

	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	assert_false(touches(0xffff, 6 * MS));
	assert_false(touches(0x20000, 6 * MS));
	assert_false(watch_touch(&set, &other));
	assert_false(touches(0x12000, 5 * MS - 1));
	assert_false(touches(0x12000, 5 * MS + HORIZON + 1));
	assert_true(touches(0x12000, 5 * MS + HORIZON));
}

static void waiting_counts_from_when_all_cpus_fault(void **state)
{
	struct thermo_access a;

	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	watch_armed(&set, PID, 8 * MS);
	assert_true(touch(0x10000, 9 * MS, &a));
	assert_int_equal(a.watched_ns, 1 * MS);
	/* While it was being armed: an access, at the finest resolution. */
	assert_true(touch(0x11000, 6 * MS, &a));
	assert_true(a.watched_ns > 0 && a.watched_ns <= 10000);
	/* And the horizon counts from there, too. */
	expire(5 * MS + HORIZON);
	assert_int_equal(set.nr, 1);
	expire(8 * MS + HORIZON);
	assert_int_equal(set.nr, 0);
}

static void armed_speaks_of_the_newest_watch_of_its_process(void **state)
{
	struct thermo_access a;

	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	arm(0x30000, 0x40000, 10 * MS);
	watch_armed(&set, PID + 1, 19 * MS);
	watch_armed(&set, PID, 12 * MS);
	assert_true(touch(0x10000, 20 * MS, &a));
	assert_int_equal(a.watched_ns, 15 * MS);
	assert_true(touch(0x30000, 20 * MS, &a));
	assert_int_equal(a.watched_ns, 8 * MS);
}

static void page_armed_twice_waits_since_the_second_time(void **state)
{
	struct thermo_access a;

	(void)state;
	arm(0x10000, 0x20000, 5 * MS);
	arm(0x10000, 0x20000, 50 * MS);
	assert_true(touch(0x10000, 60 * MS, &a));
	assert_int_equal(a.watched_ns, 10 * MS);
}

static void untouched_pages_become_silence(void **state)
{
	(void)state;
	arm(0x100000, 0x140000, 5 * MS);
	expire(5 * MS + HORIZON - 1);
	assert_int_equal(nr_reports, 0);
	expire(5 * MS + HORIZON);
	assert_int_equal(nr_reports, 1);
	assert_int_equal(reports[0].addr, 0x100000);
	assert_int_equal(reports[0].extent_bytes, 0x40000);
	assert_int_equal(reports[0].watched_ns, HORIZON);
	assert_int_equal(reports[0].nr_accesses, 0);
	assert_int_equal(reports[0].time_ns, 5 * MS + HORIZON);
	expire(UINT64_MAX);
	assert_int_equal(nr_reports, 0);
}

static void silence_is_exactly_the_untouched_share(void **state)
{
	(void)state;
	arm(0x100000, 0x140000, 5 * MS); /* 64 pages, 4 blocks */
	for (uint64_t i = 0; i < 16; i++)
		assert_true(touches(0x100000 + i * PAGE, 6 * MS)); /* all of block 0 */
	for (uint64_t i = 0; i < 4; i++)
		assert_true(touches(0x110000 + i * PAGE, 6 * MS)); /* a quarter of block 1 */
	expire(5 * MS + HORIZON);
	assert_near(claimed(), 44.0 * PAGE * HORIZON, 0.1);
	for (size_t i = 0; i < nr_reports; i++)
		assert_true(reports[i].addr >= 0x110000);
}

static void random_touches_leave_the_rest_as_silence(void **state)
{
	uint64_t random = 21;

	(void)state;
	for (int round = 0; round < 50; round++) {
		uint64_t start = PAGE * (1 + test_random(&random) % 1000);
		uint64_t pages = 1 + test_random(&random) % 500, touched = 0;

		arm(start, start + pages * PAGE, 5 * MS);
		for (uint64_t i = 0; i < pages; i++)
			touched += touches(start + test_random(&random) % (pages * PAGE), 6 * MS);
		expire(5 * MS + HORIZON);
		assert_near(claimed(), (double)(pages - touched) * PAGE * HORIZON, 0.1);
	}
}

static void scope_is_passed_on(void **state)
{
	const struct thermo_page_run run = { 0x10000, 0x20000, false };

	(void)state;
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_LOWER_TIERS, 1, &run, 1), 0);
	expire(MS + HORIZON);
	assert_int_equal(nr_reports, 1);
	assert_int_equal(reports[0].scope, THERMO_SCOPE_LOWER_TIERS);
}

/* Of n pages, t were touched and t / k told: t / k events over (n - t) / k of exposure. */
static void thinned_touches_keep_events_over_exposure(void **state)
{
	const uint32_t thinning = 4;
	const uint64_t pages = 1024, touched = 256;

	(void)state;
	arm_thinned(0x1000000, 0x1000000 + pages * PAGE, 5 * MS, thinning);
	for (uint64_t i = 0; i < touched / thinning; i++)
		assert_true(touches(0x1000000 + i * (pages / (touched / thinning)) * PAGE, 6 * MS));
	expire(5 * MS + HORIZON);
	assert_near(claimed(), (double)(pages - touched) / thinning * PAGE * HORIZON, 1);
}

static void more_thinned_touches_than_pages_leave_no_silence(void **state)
{
	(void)state;
	arm_thinned(0x100000, 0x110000, 5 * MS, 8);
	for (uint64_t i = 0; i < 16; i++)
		assert_true(touches(0x100000 + i * PAGE, 6 * MS));
	expire(5 * MS + HORIZON);
	assert_int_equal(nr_reports, 0);
}

static void huge_page_is_one_unit(void **state)
{
	const struct thermo_page_run run = { 4 * HUGE, 8 * HUGE, true };
	struct thermo_access a;

	(void)state;
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_ALL, 1, &run, 1), 0);
	assert_true(touch(5 * HUGE + 0x12345, 2 * MS, &a));
	assert_int_equal(a.addr, 5 * HUGE);
	assert_int_equal(a.extent_bytes, HUGE);
	assert_false(touches(6 * HUGE - 1, 3 * MS));
	expire(MS + HORIZON);
	assert_near(claimed(), 3.0 * HUGE * HORIZON, 0.1);
}

static void part_of_a_huge_page_was_not_armed(void **state)
{
	const struct thermo_page_run runs[] = { { 4 * HUGE + PAGE, 6 * HUGE - PAGE, true },
						{ 8 * HUGE, 8 * HUGE + PAGE, false } };

	(void)state;
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_ALL, 1, runs, 2), 0);
	assert_false(touches(4 * HUGE + PAGE, 2 * MS));
	assert_false(touches(5 * HUGE, 2 * MS));
	assert_true(touches(8 * HUGE, 2 * MS));
}

static void several_runs_are_told_apart(void **state)
{
	const struct thermo_page_run runs[] = { { 0x10000, 0x12000, false },
						{ 0x14000, 0x16000, false },
						{ 0x200000, 0x400000, true } };

	(void)state;
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_ALL, 1, runs, 3), 0);
	assert_true(touches(0x11000, 2 * MS));
	assert_false(touches(0x12000, 2 * MS));
	assert_true(touches(0x14000, 2 * MS));
	assert_true(touches(0x234567, 2 * MS));
	expire(MS + HORIZON);
	assert_near(claimed(), 2.0 * PAGE * HORIZON, 0.1);
}

static void too_many_ranges_are_refused_and_claim_nothing(void **state)
{
	const struct thermo_page_run run = { 0x10000, 0x11000, false };

	(void)state;
	for (int i = 0; i < WATCH_MAX; i++)
		arm(0x10000, 0x11000, MS);
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_ALL, 1, &run, 1), -ENOSPC);
	assert_int_equal(set.nr, WATCH_MAX);
	assert_int_equal(watch_add(&set, PID, MS, THERMO_SCOPE_ALL, 1, &run, 0), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(touch_tells_its_waiting_time),
		TEST(second_touch_of_a_page_says_nothing),
		TEST(touch_elsewhere_by_others_or_at_another_time_is_none),
		TEST(waiting_counts_from_when_all_cpus_fault),
		TEST(armed_speaks_of_the_newest_watch_of_its_process),
		TEST(page_armed_twice_waits_since_the_second_time),
		TEST(untouched_pages_become_silence),
		TEST(silence_is_exactly_the_untouched_share),
		TEST(random_touches_leave_the_rest_as_silence),
		TEST(scope_is_passed_on),
		TEST(thinned_touches_keep_events_over_exposure),
		TEST(more_thinned_touches_than_pages_leave_no_silence),
		TEST(huge_page_is_one_unit),
		TEST(part_of_a_huge_page_was_not_armed),
		TEST(several_runs_are_told_apart),
		TEST(too_many_ranges_are_refused_and_claim_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
