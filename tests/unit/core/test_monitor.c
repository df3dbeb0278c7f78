/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_monitor.c - reports in, snapshots out, through the public header. */
#include "core/given.h"
#include "tests/unit/core/fake_monitor.h"

static void every_report_is_in_exactly_one_counter(void **state)
{
	struct thermo_access a;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 4096, 1));
	report(exact(BASE + 64 * MIB - 4096, 8192, 1)); /* in part outside */
	a = exact(BASE, 4096, 1);
	a.pid = PID + 1;
	report(a);
	a.pid = 0;
	report(a);
	a = exact(BASE, 4096, 1);
	a.space = THERMO_SPACE_PHYSICAL;
	report(a);
	report(exact(BASE - 4096, 4096, 1));
	report(exact(BASE + 64 * MIB, 4096, 1));
	report(exact(BASE, 0, 1));
	report(exact(UINT64_MAX - 10, 4096, 1));
	report(exact(BASE, UINT64_MAX, 1));
	(void)next_window();
	assert_int_equal(snapshot->counters.ingested, 2);
	assert_int_equal(snapshot->counters.no_target, 2);
	assert_int_equal(snapshot->counters.no_owner, 1);
	assert_int_equal(snapshot->counters.no_region, 2);
	assert_int_equal(snapshot->counters.bad, 3);
	assert_int_equal(snapshot->counters.dropped, 0);
}

/* As an import does: they come again when their memory is known. */
static void given_reports_of_what_is_not_watched_come_back(void **state)
{
	const struct thermo_range range = { BASE, BASE + MIB };
	const struct given_target target = { .info.pid = PID, .ranges = &range, .nr_ranges = 1 };
	struct thermo_access list[600], back[600];

	(void)state;
	assert_int_equal(thermo_monitor_give_targets(monitor, &target, 1), 1);
	for (size_t i = 0; i < 600; i++) {
		list[i] = exact(BASE + 2 * MIB * (i % 2), 1, 1);
		list[i].watched_ns = 0;
		list[i].pid = i % 100 == 2 ? PID + 1 : PID;
		list[i].nr_accesses = 1 + (uint32_t)i;
	}
	assert_int_equal(thermo_monitor_give_reports(monitor, reporter, list, 600, back), 306);
	for (size_t i = 0, nr = 0; i < 600; i++)
		if (i % 2 || i % 100 == 2)
			assert_int_equal(back[nr++].nr_accesses, 1 + i);
	assert_int_equal(thermo_monitor_give_reports(monitor, reporter, back, 306, NULL), 306);
	(void)next_window();
	assert_int_equal(snapshot->counters.ingested, 294);
	assert_int_equal(snapshot->counters.no_target, 6);
	assert_int_equal(snapshot->counters.no_region, 300);
}

struct seen {
	size_t nr;
	struct thermo_access last;
	char name[16];
};

static void see(void *context, const char *name, const struct thermo_access *accesses, size_t nr)
{
	struct seen *seen = context;

	seen->nr += nr;
	seen->last = accesses[nr - 1];
	(void)snprintf(seen->name, sizeof(seen->name), "%s", name);
}

static void tap_sees_every_report_as_it_is(void **state)
{
	struct seen seen = { 0 };
	const struct thermo_tap tap = { see, &seen };

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 4096, 1));
	(void)next_window();
	assert_int_equal(seen.nr, 0);
	thermo_monitor_set_tap(monitor, &tap);
	for (int i = 0; i < 1000; i++)
		report(exact(BASE, 4096, 1));
	report(exact(BASE + 4096, 0, 7)); /* nonsense as well */
	(void)next_window();
	assert_int_equal(seen.nr, 1001);
	assert_string_equal(seen.name, "test");
	assert_int_equal(seen.last.addr, BASE + 4096);
	assert_int_equal(seen.last.nr_accesses, 7);
	thermo_monitor_set_tap(monitor, NULL);
	report(exact(BASE, 4096, 1));
	(void)next_window();
	assert_int_equal(seen.nr, 1001);
}

/* Regions of a target: sorted, without overlap, inside of its mapping. */
static void assert_well_formed(const struct thermo_snapshot *s)
{
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		assert_true(r->start < r->end && r->target < s->nr_targets);
		assert_true(isfinite(r->accesses_per_s) && r->accesses_per_s >= 0);
		assert_true(isfinite(r->accesses_per_s_error) && r->accesses_per_s_error >= 0);
		if (i == 0)
			continue;
		const struct thermo_region *before = r - 1;

		assert_true(before->target < r->target ||
			    (before->target == r->target && before->end <= r->start));
	}
}

static void random_reports_never_make_more_regions_than_allowed(void **state)
{
	uint64_t random = 5;

	(void)state;
	remake(&(struct thermo_monitor_opts){ .max_nr_regions = 100 });
	put_process(PID, 1, 1024 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int window = 0; window < 40; window++) {
		for (int i = 0; i < 3000; i++) {
			/* Some pages are hot and some are not, so that there is much to split. */
			uint64_t spot = test_random(&random) % 200;
			uint64_t most = 1ull << (spot * 7 % 13);

			report(exact(BASE + spot * 1311 * 4096, 4096,
				     (uint32_t)(test_random(&random) % most)));
		}
		(void)next_window();
		assert_true(snapshot->nr_regions >= 10 && snapshot->nr_regions <= 100);
		assert_well_formed(snapshot);
	}
	assert_true(snapshot->nr_regions > 50);
}

static void many_targets_share_the_allowed_regions(void **state)
{
	(void)state;
	remake(&(struct thermo_monitor_opts){ .max_nr_regions = 100 });
	for (pid_t pid = 100; pid < 160; pid++)
		put_process(pid, 1, 64 * MIB);
	assert_int_equal(watch_all(), 60);
	(void)next_window();
	assert_well_formed(snapshot);
	if (snapshot->nr_regions > 100)
		fail_msg("%u regions, though at most 100 are allowed", snapshot->nr_regions);
}

static void hot_spot_in_large_memory_is_isolated(void **state)
{
	const uint64_t hot = BASE + 600 * MIB, hot_bytes = 4 * MIB;
	uint64_t random = 9, bytes = 0;
	double rate = 0;

	(void)state;
	put_process(PID, 1, 4096 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int window = 0; window < 12; window++) {
		for (int i = 0; i < 2000; i++) {
			bool in = i % 2;
			uint64_t at = in ? hot + test_random(&random) % hot_bytes
					 : BASE + test_random(&random) % (4096 * MIB);
			struct thermo_access a = exact(at & ~4095ull, 1, 1000);

			a.watched_ns = 0;
			report(a);
		}
		(void)next_window();
	}
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (r->end <= hot || r->start >= hot + hot_bytes)
			continue;
		bytes += r->end - r->start;
		rate += r->accesses_per_s;
	}
	/* What holds the spot is not much larger than it, and has its accesses. */
	if (bytes > 3 * hot_bytes)
		fail_msg("the spot of 4 MiB is known to %llu MiB",
			 (unsigned long long)(bytes / MIB));
	assert_near(rate, 1e6, 20);
}

static void pid_that_is_used_again_starts_from_nothing(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 64 * MIB, 500));
	assert_near(total_rate(next_window()), 500, 1);
	/* The same process keeps what is known. */
	assert_int_equal(watch_all(), 1);
	assert_near(total_rate(next_window()), 500, 1);
	put_process(PID, 2, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_true(total_rate(next_window()) == 0);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, UINT64_MAX);
	assert_int_equal(snapshot->targets[0].start_ticks, 2);
}

static void process_that_exits_is_dropped_with_its_regions(void **state)
{
	pid_t pids[4];

	(void)state;
	put_process(PID, 1, 64 * MIB);
	put_process(7, 1, 64 * MIB);
	assert_int_equal(watch_all(), 2);
	assert_int_equal(thermo_monitor_pids(monitor, pids, 4), 2);
	assert_int_equal(pids[0], 7);
	assert_int_equal(pids[1], PID);
	fake_remove(&fake, "proc/7");
	assert_int_equal(watch_all(), 1);
	assert_int_equal(thermo_monitor_pids(monitor, pids, 4), 1);
	assert_int_equal(next_window()->nr_targets, 1);
	fake_remove(&fake, "proc/42/maps");
	assert_int_equal(watch_all(), 0);
	assert_int_equal(next_window()->nr_regions, 0);
}

/* Where targets were is cached; what is out of date must not be looked at. */
static void reports_find_their_target_after_many_are_gone(void **state)
{
	struct thermo_access a = exact(BASE, 4096, 1);

	(void)state;
	for (pid_t pid = 100; pid < 160; pid++)
		put_process(pid, 1, 64 * MIB);
	assert_int_equal(watch_all(), 60);
	for (a.pid = 100; a.pid < 160; a.pid++)
		report(a);
	(void)thermo_monitor_drain(monitor);
	for (pid_t pid = 101; pid < 160; pid++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "proc/%d", (int)pid);
		fake_remove(&fake, path);
	}
	assert_int_equal(watch_all(), 1);
	for (a.pid = 100; a.pid < 160; a.pid++)
		report(a);
	(void)next_window();
	assert_int_equal(snapshot->counters.ingested, 61);
	assert_int_equal(snapshot->counters.no_target, 59);
}

static void reports_find_their_target_after_others_came_and_went(void **state)
{
	struct thermo_access a = exact(BASE, 4096, 1);

	(void)state;
	put_process(PID, 1, 64 * MIB);
	for (pid_t other = 7; other <= 307; other += 100) {
		put_process(other, 1, 64 * MIB);
		assert_int_equal(watch_all(), 2);
		a.pid = PID;
		report(a);
		a.pid = other;
		report(a);
		(void)thermo_monitor_drain(monitor);
		char path[32];

		(void)snprintf(path, sizeof(path), "proc/%d", (int)other);
		fake_remove(&fake, path);
		assert_int_equal(watch_all(), 1);
		/* One target is left, and this is not it. */
		report(a);
	}
	(void)next_window();
	assert_int_equal(snapshot->counters.ingested, 8);
	assert_int_equal(snapshot->counters.no_target, 4);
	assert_near((double)region_at(snapshot, BASE)->nr_events, 4, 1);
}

/* Every other region is never looked at, and more processes come. */
static void regions_never_watched_leave_room_for_new_processes(void **state)
{
	(void)state;
	remake(&(struct thermo_monitor_opts){ .max_nr_regions = 20 });
	put_process(PID, 1, 400 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int window = 0; window < 10; window++) {
		for (uint32_t i = 0; window && i < snapshot->nr_regions; i += 2)
			report(exact(snapshot->regions[i].start, 4096, 1000));
		put_process(PID + window, 1, 400 * MIB);
		assert_int_equal(watch_all(), 1 + window);
		(void)next_window();
		assert_well_formed(snapshot);
		assert_true(snapshot->nr_regions <= 20);
	}
}

static int is_gone(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		   int *status)
{
	(void)f, (void)pid, (void)nr, (void)pages, (void)nodes, (void)status;
	return -ESRCH;
}

static void target_that_dies_within_a_window_spoils_nothing(void **state)
{
	(void)state;
	fake.move_pages = is_gone;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 64 * MIB, 500));
	assert_near(total_rate(next_window()), 500, 1);
	assert_int_equal(snapshot->regions[0].nodes[0].bytes, 0);
	assert_int_equal(snapshot->nr_gone, 1);
}

static void removed_reporter_is_not_drained(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	thermo_monitor_remove_reporter(monitor, reporter);
	report(exact(BASE, 4096, 1));
	assert_int_equal(thermo_monitor_drain(monitor), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
	assert_int_equal(thermo_monitor_drain(monitor), 1);
}

static void too_many_reporters_are_refused(void **state)
{
	(void)state;
	for (int i = 1; i < THERMO_MAX_REPORTERS; i++)
		assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), -ENOSPC);
}

static void options_out_of_range_are_refused(void **state)
{
	static const struct thermo_monitor_opts wrong[] = {
		{ .max_nr_regions = 9 },
		{ .max_nr_regions = 1000001 },
		{ .min_nr_regions = 200, .max_nr_regions = 100 },
	};
	struct thermo_monitor *none = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(thermo_monitor_new(&none, &fake.host, &wrong[i]), -EINVAL);
	assert_null(none);
	thermo_monitor_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(every_report_is_in_exactly_one_counter),
		TEST(tap_sees_every_report_as_it_is),
		TEST(random_reports_never_make_more_regions_than_allowed),
		TEST(many_targets_share_the_allowed_regions),
		TEST(hot_spot_in_large_memory_is_isolated),
		TEST(pid_that_is_used_again_starts_from_nothing),
		TEST(process_that_exits_is_dropped_with_its_regions),
		TEST(reports_find_their_target_after_many_are_gone),
		TEST(reports_find_their_target_after_others_came_and_went),
		TEST(regions_never_watched_leave_room_for_new_processes),
		TEST(target_that_dies_within_a_window_spoils_nothing),
		TEST(removed_reporter_is_not_drained),
		TEST(too_many_reporters_are_refused),
		TEST(options_out_of_range_are_refused),
		TEST(given_reports_of_what_is_not_watched_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
