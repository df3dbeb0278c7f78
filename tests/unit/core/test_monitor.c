/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_monitor.c - reports in, snapshots out, through the public header. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/fake_host.h"
#include "thermocline/monitor.h"

#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define BASE 0x40000000ull
#define PID 42

static struct fake_host fake;
static struct thermo_monitor *monitor;
static struct thermo_reporter *reporter;
static struct thermo_snapshot *snapshot;

static void put_process(pid_t pid, uint64_t start_ticks, uint64_t bytes)
{
	char maps[128];

	(void)snprintf(maps, sizeof(maps), "%llx-%llx rw-p 0 0:0 0\n", (unsigned long long)BASE,
		       (unsigned long long)(BASE + bytes));
	fake_process(&fake, &(struct fake_process){ .pid = pid,
						    .name = "app",
						    .rss_pages = bytes / 4096,
						    .start_ticks = start_ticks,
						    .maps = maps });
}

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	snapshot = NULL;
	return thermo_monitor_new(&monitor, &fake.host, &(struct thermo_monitor_opts){ 0 }) ||
	       thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 1 << 16,
									      .nr_threads = 1 }) ||
	       thermo_monitor_add_reporter(monitor, reporter, "test");
}

static int drop(void **state)
{
	(void)state;
	thermo_snapshot_put(snapshot);
	thermo_monitor_free(monitor);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	return 0;
}

static void remake(const struct thermo_monitor_opts *opts)
{
	thermo_monitor_free(monitor);
	assert_int_equal(thermo_monitor_new(&monitor, &fake.host, opts), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
}

static int watch_all(void)
{
	return thermo_monitor_update_targets(monitor,
					     &(struct thermo_target_spec){ .name = "app" });
}

static const struct thermo_snapshot *next_window(void)
{
	fake_advance(&fake, SECOND);
	thermo_snapshot_put(snapshot);
	snapshot = NULL;
	assert_int_equal(thermo_monitor_close_window(monitor, &snapshot), 0);
	return snapshot;
}

static struct thermo_access exact(uint64_t addr, uint64_t bytes, uint32_t accesses)
{
	return (struct thermo_access){ .addr = addr,
				       .extent_bytes = bytes,
				       .watched_ns = SECOND,
				       .nr_accesses = accesses,
				       .pid = PID,
				       .cpu = THERMO_CPU_UNKNOWN,
				       .node = THERMO_NODE_UNKNOWN };
}

static void report(struct thermo_access access)
{
	assert_true(thermo_report_access(reporter, &access));
}

static double total_rate(const struct thermo_snapshot *s)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++)
		sum += s->regions[i].accesses_per_s;
	return sum;
}

static const struct thermo_region *region_at(const struct thermo_snapshot *s, uint64_t addr)
{
	for (uint32_t i = 0; i < s->nr_regions; i++)
		if (s->regions[i].start <= addr && addr < s->regions[i].end)
			return &s->regions[i];
	fail_msg("no region holds %#llx", (unsigned long long)addr);
	return NULL;
}

static void watched_reports_give_their_rate(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 64; i++)
		report(exact(BASE + i * MIB, MIB, 100));
	assert_near(total_rate(next_window()), 6400, 1);
	assert_near(snapshot->regions[0].exposure_s, 1, 1);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, 0);
	assert_int_equal(snapshot->window_ns, SECOND);
	assert_int_equal(snapshot->sequence, 1);
}

static void rate_does_not_depend_on_how_long_pages_were_watched(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	/* One access after 10 ms each: 100 a second. */
	for (uint64_t i = 0; i < 64 * 256; i++) {
		struct thermo_access a = exact(BASE + i * 4096, 4096, 1);

		a.watched_ns = SECOND / 100;
		report(a);
	}
	assert_near(total_rate(next_window()), 100.0 * 64 * 256, 2);
}

static void samples_stand_for_their_period(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		report(a);
	}
	assert_near(total_rate(next_window()), 640e3, 2);
}

static void samples_lost_in_a_full_ring_do_not_lower_the_rate(void **state)
{
	struct thermo_reporter *small;
	uint64_t refused = 0;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(thermo_reporter_new(&small,
					     &(struct thermo_reporter_opts){ .nr_reports = 64,
									     .nr_threads = 1,
									     .source = 1 }),
			 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, small, "small"), 0);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		refused += !thermo_report_access(small, &a);
	}
	(void)next_window();
	assert_int_equal(refused, 640 - 64);
	assert_int_equal(snapshot->counters.dropped, refused);
	assert_int_equal(snapshot->counters.ingested, 64);
	assert_near(total_rate(snapshot), 640e3, 10);
	thermo_monitor_remove_reporter(monitor, small);
	thermo_reporter_free(small);
}

static void silence_of_a_sampler_lowers_the_rate(void **state)
{
	double before;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		report(a);
	}
	before = total_rate(next_window());
	for (int i = 0; i < 5; i++)
		(void)next_window();
	assert_true(total_rate(snapshot) < before / 2);
}

static void negative_reports_are_evidence_of_no_access(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(region_at(next_window(), BASE)->evidence_age_ns, UINT64_MAX);
	report(exact(BASE, 64 * MIB, 0));
	assert_int_equal(region_at(next_window(), BASE)->evidence_age_ns, 0);
	assert_true(total_rate(snapshot) == 0);
	assert_near(region_at(snapshot, BASE)->exposure_s, 1, 1);
	assert_int_equal(snapshot->counters.ingested, 1);
}

/* Where all pages are; -1: the lower half of the memory on node 0, the rest on node 1. */
static int all_on;

static int place(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		 int *status)
{
	(void)f, (void)pid, (void)nodes;
	for (size_t i = 0; i < nr; i++)
		status[i] = all_on >= 0 ? all_on : (uintptr_t)pages[i] >= BASE + 32 * MIB;
	return 0;
}

static float exposure_of_lower_silence(void)
{
	struct thermo_access a = exact(BASE, 64 * MIB, 0);

	a.scope = THERMO_SCOPE_LOWER_TIERS;
	(void)next_window();
	report(a);
	return region_at(next_window(), BASE)->exposure_s;
}

static void silence_about_lower_tiers_counts_only_for_what_is_there(void **state)
{
	static const int top[] = { 0 };

	(void)state;
	fake.move_pages = place;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	all_on = 1;
	/* As long as nobody knows which tier is the top, it says nothing. */
	assert_true(exposure_of_lower_silence() == 0);
	thermo_monitor_set_top_nodes(monitor, top, 1);
	all_on = 0;
	assert_true(exposure_of_lower_silence() == 0);
	all_on = 1;
	assert_near((double)exposure_of_lower_silence(), 1, 1);
}

static void access_to_the_top_tier_counts_whatever_the_scope(void **state)
{
	static const int top[] = { 0 };

	(void)state;
	fake.move_pages = place;
	all_on = 0;
	thermo_monitor_set_top_nodes(monitor, top, 1);
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	(void)next_window();
	for (uint64_t i = 0; i < 64; i++) {
		struct thermo_access a = exact(BASE + i * MIB, MIB, 10);

		a.scope = THERMO_SCOPE_LOWER_TIERS;
		report(a);
	}
	assert_near(total_rate(next_window()), 640, 1);
}

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
	assert_int_equal(snapshot->counters.no_target, 3);
	assert_int_equal(snapshot->counters.no_region, 2);
	assert_int_equal(snapshot->counters.bad, 3);
	assert_int_equal(snapshot->counters.dropped, 0);
}

static void who_and_how_is_known_by_region(void **state)
{
	const struct thermo_region *r;

	(void)state;
	put_process(PID, 1, 2 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 100; i++) {
		struct thermo_access a = exact(BASE, 2 * MIB, 1);

		a.cpu = i < 70 ? 3 : 1;
		a.tid = i < 60 ? 100 : 200;
		a.op = i < 20 ? THERMO_OP_WRITE : i < 80 ? THERMO_OP_READ : THERMO_OP_UNKNOWN;
		report(a);
	}
	r = region_at(next_window(), BASE);
	assert_int_equal(r->cpus[0].key, 3);
	assert_near((double)r->cpus[0].share, 0.7, 1);
	assert_int_equal(r->cpus[1].key, 1);
	assert_near((double)r->cpus[1].share, 0.3, 1);
	assert_int_equal(r->tids[0].key, 100);
	assert_near((double)r->tids[0].share, 0.6, 1);
	assert_near((double)r->write_share, 0.25, 1);
	assert_near((double)r->read_share, 0.75, 1);
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

static void snapshots_do_not_change_and_outlive_the_monitor(void **state)
{
	struct thermo_snapshot *kept;
	struct thermo_region *copy;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 64 * MIB, 77));
	(void)next_window();
	kept = thermo_snapshot_get(snapshot);
	copy = malloc(kept->nr_regions * sizeof(*copy));
	assert_non_null(copy);
	memcpy(copy, kept->regions, kept->nr_regions * sizeof(*copy));
	for (int i = 0; i < 5; i++) {
		report(exact(BASE, MIB, 1000000));
		(void)next_window();
	}
	put_process(PID, 2, 1 * MIB);
	assert_int_equal(watch_all(), 1);
	thermo_monitor_free(monitor);
	monitor = NULL;
	assert_memory_equal(copy, kept->regions, kept->nr_regions * sizeof(*copy));
	assert_int_equal(kept->sequence, 1);
	assert_string_equal(kept->targets[0].name, "app");
	free(copy);
	thermo_snapshot_put(kept);
	thermo_snapshot_put(NULL);
}

static void *read_and_put(void *arg)
{
	struct thermo_snapshot *s = arg;

	for (int i = 0; i < 10000; i++)
		thermo_snapshot_put(thermo_snapshot_get(s));
	uint64_t sum = s->regions[0].start;

	thermo_snapshot_put(s);
	return (void *)(uintptr_t)sum;
}

static void references_may_be_given_back_by_any_thread(void **state)
{
	pthread_t threads[4];

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	(void)next_window();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_and_put,
						thermo_snapshot_get(snapshot)),
				 0);
	thermo_snapshot_put(snapshot);
	snapshot = NULL;
	for (int i = 0; i < 4; i++) {
		void *start;

		assert_int_equal(pthread_join(threads[i], &start), 0);
		assert_int_equal((uintptr_t)start, BASE);
	}
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
}

static void change_of_rates_is_told(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 3; i++) {
		report(exact(BASE, 64 * MIB, 1000));
		(void)next_window();
	}
	assert_true(snapshot->changed_share < 0.05f);
	assert_true(snapshot->regions[0].age_ns >= 2 * SECOND);
	report(exact(BASE, 64 * MIB, 100000));
	(void)next_window();
	assert_true(snapshot->changed_share > 0.5f);
	assert_int_equal(snapshot->regions[0].age_ns, 0);
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
		TEST(watched_reports_give_their_rate),
		TEST(rate_does_not_depend_on_how_long_pages_were_watched),
		TEST(samples_stand_for_their_period),
		TEST(samples_lost_in_a_full_ring_do_not_lower_the_rate),
		TEST(silence_of_a_sampler_lowers_the_rate),
		TEST(negative_reports_are_evidence_of_no_access),
		TEST(silence_about_lower_tiers_counts_only_for_what_is_there),
		TEST(access_to_the_top_tier_counts_whatever_the_scope),
		TEST(every_report_is_in_exactly_one_counter),
		TEST(who_and_how_is_known_by_region),
		TEST(random_reports_never_make_more_regions_than_allowed),
		TEST(many_targets_share_the_allowed_regions),
		TEST(hot_spot_in_large_memory_is_isolated),
		TEST(snapshots_do_not_change_and_outlive_the_monitor),
		TEST(references_may_be_given_back_by_any_thread),
		TEST(pid_that_is_used_again_starts_from_nothing),
		TEST(process_that_exits_is_dropped_with_its_regions),
		TEST(target_that_dies_within_a_window_spoils_nothing),
		TEST(change_of_rates_is_told),
		TEST(removed_reporter_is_not_drained),
		TEST(too_many_reporters_are_refused),
		TEST(options_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
