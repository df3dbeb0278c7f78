// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perfdata_memory.c - memory is where samples are; names are the newest. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "cli/perfdata_memory.h"

#define PID 77
#define NR 2000
#define CHUNK MEMORY_CHUNK_BYTES

static struct perfdata_memory memory;
static struct perfdata_names names;
static struct given_target targets[MEMORY_MAX_PROCESSES];
static struct thermo_access list[NR];
static uint64_t seed;

static int reset(void **state)
{
	(void)state;
	seed = 9;
	perfdata_memory_fini(&memory);
	perfdata_names_fini(&names);
	return 0;
}

static struct thermo_access at(int32_t pid, uint64_t addr, uint64_t bytes)
{
	return (struct thermo_access){
		.pid = pid, .addr = addr, .extent_bytes = bytes, .nr_accesses = 1
	};
}

static int add_one(int32_t pid, uint64_t addr, uint64_t bytes)
{
	struct thermo_access a = at(pid, addr, bytes);

	return perfdata_memory_add(&memory, &a, 1);
}

/* Ranges are in order, far enough apart, and hold all that was added. */
static void assert_sound(uint64_t gap_bytes)
{
	for (size_t p = 0; p < memory.nr; p++) {
		const struct perfdata_process *of = &memory.list[p];

		assert_true(p == 0 || of[-1].pid < of->pid);
		for (size_t i = 0; i < of->nr_ranges; i++) {
			assert_true(of->ranges[i].start < of->ranges[i].end);
			assert_int_equal(of->ranges[i].start % CHUNK, 0);
			assert_int_equal(of->ranges[i].end % CHUNK, 0);
			assert_true(i == 0 ||
				    of->ranges[i].start - of->ranges[i - 1].end >= gap_bytes);
		}
	}
}

static void any_order_and_any_batches_make_the_same_ranges(void **state)
{
	struct thermo_range first[MEMORY_MAX_RANGES];
	size_t nr_first = 0;

	(void)state;
	for (uint64_t round = 0; round < 8; round++) {
		size_t max_batch = round ? 300 * round : NR, nr;

		perfdata_memory_fini(&memory);
		seed = 9;
		for (size_t i = 0; i < NR; i++)
			list[i] = at(PID, test_random(&seed) % (3ull << 30), 1 + i % 9 * 40000);
		for (size_t i = 0; round % 2 && i < NR / 2; i++) {
			struct thermo_access other = list[i];

			list[i] = list[NR - 1 - i];
			list[NR - 1 - i] = other;
		}
		for (size_t i = 0; i < NR; i += nr) {
			nr = NR - i < max_batch ? NR - i : max_batch;
			assert_int_equal(perfdata_memory_add(&memory, &list[i], nr), 1);
		}
		assert_sound(MEMORY_GAP_BYTES);
		for (size_t i = 0; i < NR; i++)
			assert_true(perfdata_memory_knows(&memory, &list[i]));
		assert_int_equal(perfdata_memory_add(&memory, list, NR), 0);
		assert_int_equal(memory.nr, 1);
		if (round == 0) {
			nr_first = memory.list[0].nr_ranges;
			memcpy(first, memory.list[0].ranges, nr_first * sizeof(first[0]));
		}
		assert_true(nr_first > 50 && nr_first < MEMORY_MAX_RANGES);
		assert_int_equal(memory.list[0].nr_ranges, nr_first);
		assert_memory_equal(memory.list[0].ranges, first, nr_first * sizeof(first[0]));
	}
}

static void what_is_far_from_samples_is_not_known(void **state)
{
	struct thermo_access a = at(PID, 1ull << 30, 1);

	(void)state;
	assert_false(perfdata_memory_knows(&memory, &a));
	assert_int_equal(add_one(PID, (1ull << 30) + CHUNK + 5, 1), 1);
	assert_false(perfdata_memory_knows(&memory, &a));
	a.addr += CHUNK;
	assert_true(perfdata_memory_knows(&memory, &a));
	a.extent_bytes = CHUNK;
	assert_true(perfdata_memory_knows(&memory, &a));
	a.extent_bytes++;
	assert_false(perfdata_memory_knows(&memory, &a));
	a.extent_bytes = 1;
	a.pid++;
	assert_false(perfdata_memory_knows(&memory, &a));
	/* Just not near enough, and just near enough. */
	assert_int_equal(add_one(PID, (1ull << 30) + 2 * CHUNK + MEMORY_GAP_BYTES, 1), 1);
	assert_int_equal(memory.list[0].nr_ranges, 2);
	assert_int_equal(add_one(PID, (1ull << 30) + 2 * CHUNK + 1, 1), 1);
	assert_int_equal(memory.list[0].nr_ranges, 1);
	assert_int_equal(memory.list[0].ranges[0].start, (1ull << 30) + CHUNK);
	assert_int_equal(memory.list[0].ranges[0].end, (1ull << 30) + 3 * CHUNK + MEMORY_GAP_BYTES);
}

static void the_widest_gaps_are_left(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < NR; i++)
		list[i] = at(PID, i << 30, 1);
	list[NR - 1].addr = 1ull << 50;
	assert_int_equal(perfdata_memory_add(&memory, list, NR), 1);
	assert_sound(MEMORY_GAP_BYTES);
	assert_int_equal(memory.list[0].nr_ranges, MEMORY_MAX_RANGES);
	assert_int_equal(memory.list[0].ranges[MEMORY_MAX_RANGES - 1].start, 1ull << 50);
	assert_int_equal(add_one(PID, INT64_MAX, 1), 1);
	assert_int_equal(add_one(PID, 5, INT64_MAX), 1); /* no memory is that wide */
	assert_true(memory.list[0].ranges[0].end <= (17ull << 30));
}

static void of_too_many_processes_the_lightest_go(void **state)
{
	struct thermo_region regions[2] = { { .target = 0, .accesses_per_s = 3 },
					    { .target = 0, .accesses_per_s = 2 } };
	struct thermo_target known = { .pid = 1 };
	const struct thermo_snapshot s = { .window_ns = 1000000000,
					   .nr_regions = 2,
					   .regions = regions,
					   .nr_targets = 1,
					   .targets = &known };

	(void)state;
	for (int32_t i = 0; i < MEMORY_MAX_PROCESSES + 9; i++) {
		list[i] = at(1 + i, 0, 1);
		list[i].nr_accesses = i < 9 ? 1 : 2;
	}
	assert_int_equal(perfdata_memory_add(&memory, list, MEMORY_MAX_PROCESSES + 9), 1);
	assert_int_equal(memory.nr, MEMORY_MAX_PROCESSES);
	assert_int_equal(memory.list[0].pid, 10);
	/* Process 10 becomes heavier than the others by an access of its known memory. */
	list[0] = at(10, 100, 1);
	assert_true(perfdata_memory_knows(&memory, &list[0]));
	list[0] = at(1, 0, 1);
	list[0].nr_accesses = 3;
	assert_int_equal(perfdata_memory_add(&memory, list, 1), 1);
	assert_int_equal(memory.nr, MEMORY_MAX_PROCESSES);
	assert_int_equal(memory.list[0].pid, 1);
	assert_int_equal(memory.list[1].pid, 10);
	assert_int_equal(memory.list[2].pid, 11);
	assert_int_equal(memory.list[MEMORY_MAX_PROCESSES - 1].pid, MEMORY_MAX_PROCESSES + 8);
	/* What counts is what was seen of late. */
	perfdata_memory_weigh(&memory, &s);
	assert_near(memory.list[0].weight, 5, 0);
	assert_near(memory.list[1].weight, 0, 0);
	assert_sound(MEMORY_GAP_BYTES);
}

static void targets_are_all_that_is_known(void **state)
{
	struct perf_record r = { .type = PERF_RECORD_COMM };
	const struct perfdata_item item = { .record = &r };

	(void)state;
	r.comm.pid = r.comm.tid = PID;
	r.comm.name = "worker";
	assert_int_equal(perfdata_names_see(&names, &item), 0);
	assert_int_equal(add_one(PID, 0, 2 * CHUNK), 1);
	assert_int_equal(add_one(PID, 1ull << 40, 1), 1);
	assert_int_equal(add_one(PID - 1, 1ull << 40, 1), 1);
	assert_int_equal(perfdata_memory_targets(&memory, &names, targets), 2);
	assert_int_equal(targets[0].info.pid, PID - 1);
	assert_string_equal(targets[0].info.name, "");
	assert_int_equal(targets[1].nr_ranges, 2);
	assert_int_equal(targets[1].ranges[1].start, 1ull << 40);
	assert_string_equal(targets[1].info.name, "worker");
	assert_int_equal(targets[1].info.rss_bytes, 3 * CHUNK);
}

/* Whether it told something new. */
static bool see(uint32_t type, uint64_t time_ns, int32_t pid, int32_t tid_or_parent,
		const char *name)
{
	struct perf_record r = { .type = type };
	const struct perfdata_item item = { .time_ns = time_ns, .record = &r };

	if (type == PERF_RECORD_COMM) {
		r.comm.pid = pid;
		r.comm.tid = tid_or_parent;
		r.comm.name = name;
	} else {
		r.task.pid = pid;
		r.task.parent_pid = tid_or_parent;
	}
	names.changed = false;
	assert_int_equal(perfdata_names_see(&names, &item), 0);
	return names.changed;
}

static void newest_name_counts_in_any_order_of_the_file(void **state)
{
	(void)state;
	assert_string_equal(perfdata_names_of(&names, 5), "");
	assert_true(see(PERF_RECORD_COMM, 100, 5, 5, "second"));
	assert_false(see(PERF_RECORD_COMM, 50, 5, 5, "first"));
	assert_string_equal(perfdata_names_of(&names, 5), "second");
	assert_false(see(PERF_RECORD_COMM, 200, 5, 6, "a thread"));
	assert_true(see(PERF_RECORD_FORK, 300, 6, 5, NULL));
	assert_false(see(PERF_RECORD_FORK, 300, 7, 7, NULL)); /* a thread */
	assert_string_equal(perfdata_names_of(&names, 6), "second");
	assert_true(see(PERF_RECORD_COMM, 400, 5, 5, "third"));
	assert_string_equal(perfdata_names_of(&names, 6), "third");
	assert_true(see(PERF_RECORD_COMM, 300, 6, 6, "own"));
	assert_string_equal(perfdata_names_of(&names, 6), "own");
	/* Whoever is his own ancestor has no name. */
	assert_true(see(PERF_RECORD_FORK, 1, 8, 9, NULL));
	assert_true(see(PERF_RECORD_FORK, 1, 9, 8, NULL));
	assert_string_equal(perfdata_names_of(&names, 8), "");
	for (int32_t pid = 100; pid < 200; pid++)
		assert_true(see(PERF_RECORD_FORK, 1, pid, pid == 100 ? 5 : pid - 1, NULL));
	assert_string_equal(perfdata_names_of(&names, 110), "third");
	assert_string_equal(perfdata_names_of(&names, 199), ""); /* too far away */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, reset, reset)
	const struct CMUnitTest tests[] = {
		TEST(any_order_and_any_batches_make_the_same_ranges),
		TEST(what_is_far_from_samples_is_not_known),
		TEST(the_widest_gaps_are_left),
		TEST(of_too_many_processes_the_lightest_go),
		TEST(targets_are_all_that_is_known),
		TEST(newest_name_counts_in_any_order_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
