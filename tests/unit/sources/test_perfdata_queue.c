// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perfdata_queue.c - accesses in, those up to a time out. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "sources/perfdata_queue.h"

#define NR 20000

static struct perfdata_queue q;
static struct thermo_access out[NR];
static uint64_t seed;

static int reset(void **state)
{
	(void)state;
	seed = 5;
	perfdata_queue_fini(&q);
	return 0;
}

/* @i tells which one it is. */
static void push(uint64_t time_ns, uint64_t i)
{
	const struct thermo_access a = {
		.addr = i + 1,
		.extent_bytes = 1,
		.time_ns = time_ns,
		.nr_accesses = 3,
		.pid = 4,
		.tid = 5,
		.cpu = 6,
		.latency_ns = 7,
		.node = -1,
		.op = 2,
		.level = 10,
	};

	assert_int_equal(perfdata_queue_push(&q, &a), 0);
}

static void all_fields_come_out_again(void **state)
{
	const struct thermo_access a = {
		.addr = UINT64_MAX,
		.extent_bytes = 1,
		.time_ns = 5,
		.nr_accesses = UINT32_MAX,
		.pid = INT32_MAX,
		.tid = 9,
		.cpu = THERMO_CPU_UNKNOWN,
		.latency_ns = UINT32_MAX,
		.node = INT16_MAX,
		.op = THERMO_NR_OPS - 1,
		.space = THERMO_SPACE_PHYSICAL,
		.level = THERMO_NR_LEVELS - 1,
	};

	(void)state;
	q.space = THERMO_SPACE_PHYSICAL;
	memset(out, 0xff, sizeof(out[0]));
	assert_int_equal(perfdata_queue_push(&q, &a), 0);
	assert_int_equal(perfdata_queue_take(&q, 4, out, NR), 0);
	assert_int_equal(perfdata_queue_take(&q, 5, out, NR), 1);
	assert_memory_equal(&out[0], &a, sizeof(a));
	assert_int_equal(perfdata_queue_take(&q, UINT64_MAX, out, NR), 0);
}

/* Times of a few rings, one after the other, or of any order when @nr_runs is large. */
static void push_runs(uint64_t *times, uint64_t nr, uint64_t nr_runs)
{
	uint64_t time_ns = 0;

	for (uint64_t i = 0; i < nr; i++) {
		if (i % (nr / nr_runs) == 0)
			time_ns = test_random(&seed) % 100;
		time_ns += test_random(&seed) % 3;
		times[i] = time_ns;
		push(time_ns, i);
	}
}

/* Each comes out once, as soon as it is not younger than what is asked for. */
static void all_up_to_a_time_come_out(void **state)
{
	static const uint64_t runs[] = { 1, 2, 3, 8, 100, NR };
	static uint64_t times[NR];

	(void)state;
	for (size_t r = 0; r < sizeof(runs) / sizeof(runs[0]); r++) {
		size_t nr = 0, n, max = 1;

		push_runs(times, NR, runs[r]);
		assert_true(perfdata_queue_bytes(&q) >= NR * sizeof(struct perfdata_waiting));
		for (uint64_t until = 0; nr < NR; until += 1 + test_random(&seed) % 500) {
			while ((n = perfdata_queue_take(&q, until, out, max)) > 0) {
				assert_true(n <= max);
				for (size_t i = 0; i < n; i++, nr++) {
					assert_int_equal(out[i].time_ns, times[out[i].addr - 1]);
					assert_true(out[i].time_ns <= until);
					times[out[i].addr - 1] = UINT64_MAX; /* once */
				}
				max = 1 + test_random(&seed) % 3000;
			}
			for (size_t i = 0; i < NR; i++)
				assert_true(times[i] > until);
		}
		assert_int_equal(q.nr, 0);
		assert_int_equal(perfdata_queue_bytes(&q) / sizeof(*q.filling), 0);
	}
}

/* As a file is read: rounds of some rings each, of which the last but one can go out. */
static void rounds_keep_their_memory(void **state)
{
	uint64_t i = 0, nr_out = 0;
	size_t most_blocks = 0;

	(void)state;
	for (uint64_t round = 0; round < 300; round++) {
		for (uint64_t ring = 0; ring < 4; ring++)
			for (uint64_t k = 0; k < 500; k++)
				push(round * 1000 + 2 * k + ring % 2, i++);
		size_t n = perfdata_queue_take(&q, round * 1000, out, NR);

		for (size_t k = 0; k < n; k++)
			assert_true(out[k].time_ns <= round * 1000);
		nr_out += n;
		most_blocks = q.nr_blocks > most_blocks ? q.nr_blocks : most_blocks;
	}
	nr_out += perfdata_queue_take(&q, UINT64_MAX, out, NR);
	assert_int_equal(nr_out, i);
	assert_true(most_blocks <= 6);
}

static void unknown_time_is_the_oldest(void **state)
{
	(void)state;
	push(5, 0);
	push(UINT64_MAX, 1);
	push(0, 2);
	push(4, 3);
	assert_int_equal(perfdata_queue_take(&q, 0, out, NR), 2);
	assert_int_equal(out[0].addr, 2);
	assert_int_equal(out[0].time_ns, UINT64_MAX);
	assert_int_equal(out[1].addr, 3);
	assert_int_equal(perfdata_queue_take(&q, 4, out, NR), 1);
	assert_int_equal(out[0].addr, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_fields_come_out_again, reset),
		cmocka_unit_test_setup(all_up_to_a_time_come_out, reset),
		cmocka_unit_test_setup(rounds_keep_their_memory, reset),
		cmocka_unit_test_setup_teardown(unknown_time_is_the_oldest, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
