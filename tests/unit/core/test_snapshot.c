/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_snapshot.c - snapshots tell all, do not change, and belong to whoever holds them. */
#include <pthread.h>

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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(snapshots_do_not_change_and_outlive_the_monitor),
		TEST(references_may_be_given_back_by_any_thread),
		TEST(who_and_how_is_known_by_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
