/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_snapshot.c - snapshots tell all, do not change, and belong to whoever holds them. */
#include <pthread.h>

#include "tests/unit/core/chance.h"
#include "tests/unit/core/fake_monitor.h"

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

static void totals_are_those_of_the_regions(void **state)
{
	double variance = 0, bytes = 0;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	put_process(PID + 1, 1, 64 * MIB);
	assert_int_equal(watch_all(), 2);
	for (uint64_t i = 0; i < 64; i++) {
		struct thermo_access a = exact(BASE + i * MIB, MIB, (uint32_t)(i * i));

		a.access_bytes = 8;
		report(a);
		a.pid = PID + 1;
		a.access_bytes = 0;
		report(a);
	}
	(void)next_window();
	assert_near(snapshot->accesses_per_s, 2 * 85344, 1);
	assert_near(snapshot->accesses_per_s, total_rate(snapshot), 1e-6);
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		variance += r->accesses_per_s_error * r->accesses_per_s_error;
		bytes += r->bytes_per_s;
	}
	assert_near(snapshot->accesses_per_s_error, sqrt(variance), 1e-6);
	assert_near(snapshot->bytes_per_s, bytes, 1e-6);
	assert_near(snapshot->bytes_per_s, 85344.0 * (8 + 64), 1);
}

/* Accesses that come independently, seen by sampling one in a thousand. */
static void truth_is_within_the_standard_errors(void **state)
{
	const double truth = 200e3;
	uint64_t random = 1;
	int within = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		unsigned int nr = chance_count(&random, truth / 1000);

		put_process(PID, 1 + (uint64_t)round, 64 * MIB);
		assert_int_equal(watch_all(), 1);
		for (unsigned int i = 0; i < nr; i++) {
			struct thermo_access a =
					exact(BASE + test_random(&random) % (64 * MIB), 1, 1000);

			a.watched_ns = 0;
			report(a);
		}
		(void)next_window();
		assert_true(snapshot->accesses_per_s_error > 0);
		within += fabs(snapshot->accesses_per_s - truth) <=
			  2 * snapshot->accesses_per_s_error;
	}
	if (within < 44)
		fail_msg("only %d of 50 are within two standard errors", within);
}

static void error_shrinks_with_evidence(void **state)
{
	double before = INFINITY;

	(void)state;
	put_process(PID, 1, 2 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int window = 0; window < 4; window++) {
		report(exact(BASE, 2 * MIB, 20));
		(void)next_window();
		assert_near(snapshot->accesses_per_s, 20, 1);
		assert_true(snapshot->accesses_per_s_error < before);
		before = snapshot->accesses_per_s_error;
	}
}

static void region_never_observed_has_the_mean_of_its_target_and_says_so(void **state)
{
	const struct thermo_region *r;

	(void)state;
	put_process(PID, 1, 40 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 4 * MIB, 400));
	r = region_at(next_window(), BASE + 39 * MIB);
	assert_true(r->nr_events == 0 && r->exposure_s == 0);
	assert_int_equal(r->evidence_age_ns, UINT64_MAX);
	assert_int_equal(r->idle_ns, UINT64_MAX);
	assert_near(r->accesses_per_s, 100.0 * (double)(r->end - r->start) / MIB, 1);
	/* It may be anything. */
	assert_true(r->accesses_per_s_error > r->accesses_per_s);
}

static void each_source_tells_its_name_reports_losses_and_period(void **state)
{
	struct thermo_reporter *small;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(
			thermo_reporter_new(&small, &(struct thermo_reporter_opts){ .nr_reports = 4,
										    .nr_threads = 1,
										    .source = 1 }),
			0);
	/* What was lost before is not ours. */
	for (int i = 0; i < 10; i++)
		(void)thermo_report_access(small, &(struct thermo_access){ .extent_bytes = 0 });
	assert_int_equal(thermo_monitor_add_reporter(monitor, small, "a name of many letters"), 0);
	(void)thermo_monitor_drain(monitor);
	for (uint64_t i = 0; i < 6; i++) {
		struct thermo_access a = exact(BASE + i * MIB, 1, i % 2 ? 1000 : 3000);

		a.watched_ns = 0;
		(void)thermo_report_access(small, &a);
	}
	report(exact(BASE, MIB, 1));
	report(exact(0, MIB, 1));
	(void)next_window();
	assert_int_equal(snapshot->nr_sources, 2);
	assert_string_equal(snapshot->sources[0].name, "test");
	assert_string_equal(snapshot->sources[1].name, "a name of many ");
	assert_int_equal(snapshot->sources[0].ingested, 1);
	assert_int_equal(snapshot->sources[1].ingested, 4);
	assert_int_equal(snapshot->sources[0].dropped, 0);
	assert_int_equal(snapshot->sources[1].dropped - 6, 2);
	assert_int_equal(snapshot->counters.dropped, 2);
	assert_true(snapshot->sources[0].period == 0);
	assert_near(snapshot->sources[1].period, 2000, 0.01);
	thermo_monitor_remove_reporter(monitor, small);
	thermo_reporter_free(small);
}

static void region_tells_from_which_sources_it_is_known(void **state)
{
	const struct thermo_region *r;

	(void)state;
	put_process(PID, 1, 2 * MIB);
	assert_int_equal(watch_all(), 1);
	struct thermo_reporter *second;

	assert_int_equal(thermo_reporter_new(&second,
					     &(struct thermo_reporter_opts){ .nr_reports = 16,
									     .nr_threads = 1,
									     .source = 1 }),
			 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, second, "second"), 0);
	struct thermo_access a = exact(BASE, 2 * MIB, 30);

	assert_true(thermo_report_access(second, &a));
	report(exact(BASE, 2 * MIB, 10));
	r = region_at(next_window(), BASE);
	assert_near((double)r->sources[0], 0.25, 0.1);
	assert_near((double)r->sources[1], 0.75, 0.1);
	assert_near(r->accesses_per_s, 20, 0.1);
	thermo_monitor_remove_reporter(monitor, second);
	thermo_reporter_free(second);
}

static void idle_time_is_since_an_access_was_last_seen(void **state)
{
	(void)state;
	put_process(PID, 1, 2 * MIB);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, 2 * MIB, 0));
	assert_int_equal(region_at(next_window(), BASE)->idle_ns, UINT64_MAX);
	report(exact(BASE, 2 * MIB, 1));
	assert_int_equal(region_at(next_window(), BASE)->idle_ns, 0);
	report(exact(BASE, 2 * MIB, 0));
	assert_int_equal(region_at(next_window(), BASE)->idle_ns, SECOND);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, 0);
	/* Not being looked at is as long as not being touched, for all that is known. */
	assert_int_equal(region_at(next_window(), BASE)->idle_ns, 2 * SECOND);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, SECOND);
	report(exact(BASE, 2 * MIB, 1));
	assert_int_equal(region_at(next_window(), BASE)->idle_ns, 0);
}

/* What a reader finds in @s, as one number. */
static uint64_t digest(const struct thermo_snapshot *s)
{
	const unsigned char *bytes = (const void *)s->regions;
	uint64_t sum = s->sequence * 31 + s->time_ns;

	for (size_t i = 0; i < s->nr_regions * sizeof(*s->regions); i++)
		sum = sum * 131 + bytes[i];
	for (uint32_t i = 0; i < s->nr_sources; i++)
		sum = sum * 131 + s->sources[i].ingested;
	for (uint32_t i = 0; i < s->nr_targets; i++)
		sum = sum * 131 + (uint64_t)s->targets[i].pid;
	return sum;
}

struct reader {
	pthread_t thread;
	struct thermo_snapshot *snapshot;
	uint64_t digest;
	bool unchanged;
};

static void *read_many_times(void *arg)
{
	struct reader *r = arg;

	r->unchanged = true;
	for (int i = 0; i < 50; i++)
		r->unchanged &= digest(r->snapshot) == r->digest;
	thermo_snapshot_put(r->snapshot);
	return NULL;
}

static void snapshots_are_read_by_threads_while_the_monitor_goes_on(void **state)
{
	struct reader readers[8];
	uint64_t random = 2;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 500; j++)
			report(exact(BASE + test_random(&random) % (63 * MIB), 4096,
				     (uint32_t)(test_random(&random) % 100)));
		(void)next_window();
		readers[i].snapshot = thermo_snapshot_get(snapshot);
		readers[i].digest = digest(snapshot);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many_times,
						&readers[i]),
				 0);
		assert_int_equal(watch_all(), 1);
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_true(readers[i].unchanged);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(snapshots_do_not_change_and_outlive_the_monitor),
		TEST(references_may_be_given_back_by_any_thread),
		TEST(who_and_how_is_known_by_region),
		TEST(totals_are_those_of_the_regions),
		TEST(truth_is_within_the_standard_errors),
		TEST(error_shrinks_with_evidence),
		TEST(region_never_observed_has_the_mean_of_its_target_and_says_so),
		TEST(each_source_tells_its_name_reports_losses_and_period),
		TEST(region_tells_from_which_sources_it_is_known),
		TEST(idle_time_is_since_an_access_was_last_seen),
		TEST(snapshots_are_read_by_threads_while_the_monitor_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
