/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_kernel.c - the workloads make the accesses that they say. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "bench/overhead/kernel.h"

#define BYTES (1u << 16)
#define NR_WORDS (BYTES / 8)
#define NR_LINES (BYTES / 64)

static uint64_t *memory;

static int make(void **state)
{
	(void)state;
	memory = aligned_alloc(4096, BYTES);
	return memory ? 0 : -1;
}

static int drop(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

static void chase_visits_every_line_once_a_round(void **state)
{
	static bool seen[NR_LINES];
	struct overhead_kernel k;

	(void)state;
	memset(seen, 0, sizeof(seen));
	overhead_kernel_init(&k, OVERHEAD_CHASE, memory, BYTES, 7);
	for (uint32_t i = 0; i < NR_LINES; i++) {
		assert_int_equal(overhead_kernel_run(&k, 1), 1);
		uint64_t line = (uint64_t)(k.last - k.words) / 8;

		assert_true(line < NR_LINES);
		assert_false(seen[line]);
		seen[line] = true;
	}
	assert_int_equal(k.at, 0);
	assert_false(k.last_is_write);
}

/* Each line's place once: their sum says that all were read. */
static void chase_reads_what_it_says(void **state)
{
	struct overhead_kernel k;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_CHASE, memory, BYTES, 8);
	assert_int_equal(overhead_kernel_run(&k, 3 * NR_LINES), 3 * NR_LINES);
	assert_int_equal(k.sum, 3ull * 8 * NR_LINES * (NR_LINES - 1) / 2);
}

/* A prefetcher must not guess: neighbours follow each other by chance alone. */
static void chase_has_no_order(void **state)
{
	struct overhead_kernel k;
	unsigned int neighbours = 0;
	uint64_t before = 0;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_CHASE, memory, BYTES, 9);
	for (uint32_t i = 0; i < NR_LINES; i++) {
		(void)overhead_kernel_run(&k, 1);
		neighbours += k.at == before + 8;
		before = k.at;
	}
	assert_true(neighbours < NR_LINES / 50);
}

/* XOR of all words is XOR of all that was written: none was lost, none done twice. */
static void update_writes_what_it_says(void **state)
{
	struct overhead_kernel k;
	uint64_t all = 0;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_UPDATE, memory, BYTES, 7);
	assert_int_equal(overhead_kernel_run(&k, 100000), 100000);
	for (uint32_t i = 0; i < NR_WORDS; i++)
		all ^= memory[i];
	assert_true(k.sum != 0);
	assert_true(all == k.sum);
	assert_true(k.last_is_write);
}

static void update_reaches_all_memory(void **state)
{
	struct overhead_kernel k;
	unsigned int untouched = 0;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_UPDATE, memory, BYTES, 7);
	/* 20 updates a word: e^-20 are left alone. */
	(void)overhead_kernel_run(&k, 2 * 20 * NR_WORDS);
	for (uint32_t i = 0; i < NR_WORDS; i++)
		untouched += memory[i] == 0;
	assert_int_equal(untouched, 0);
}

static void stream_computes_the_triad(void **state)
{
	const uint32_t nr = NR_WORDS / 3;
	struct overhead_kernel k;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_STREAM, memory, BYTES, 7);
	assert_int_equal(overhead_kernel_run(&k, 3ull * (nr - 1)), 3ull * (nr - 1));
	for (uint32_t i = 0; i < nr - 1; i++)
		assert_int_equal(memory[i], nr + i + 3ull * (2 * nr + i));
	assert_int_equal(memory[nr - 1], nr - 1); /* not yet */
	assert_ptr_equal(k.last, &memory[nr - 2]);
	assert_int_equal(overhead_kernel_run(&k, 3), 3);
	assert_int_equal(memory[nr - 1], 2ull * nr - 1 + 3 * (3ull * nr - 1));
	assert_int_equal(k.at, 0);
}

static void whole_steps_are_made(void **state)
{
	struct overhead_kernel k;

	(void)state;
	overhead_kernel_init(&k, OVERHEAD_STREAM, memory, BYTES, 7);
	assert_int_equal(overhead_kernel_run(&k, 0), 0);
	assert_int_equal(overhead_kernel_run(&k, 1), 3);
	assert_int_equal(overhead_kernel_run(&k, 100), 102);
	overhead_kernel_init(&k, OVERHEAD_UPDATE, memory, BYTES, 7);
	assert_int_equal(overhead_kernel_run(&k, 99), 100);
}

static void least_memory_is_enough_for_all(void **state)
{
	(void)state;
	for (int kind = 0; kind < OVERHEAD_NR_KINDS; kind++) {
		struct overhead_kernel k;

		overhead_kernel_init(&k, (enum overhead_kind)kind, memory, OVERHEAD_MIN_BYTES, 1);
		assert_true(overhead_kernel_run(&k, 10000) >= 10000);
		assert_true(k.last >= memory && k.last < memory + OVERHEAD_MIN_BYTES / 8);
	}
}

static void names_are_found_again(void **state)
{
	(void)state;
	for (int kind = 0; kind < OVERHEAD_NR_KINDS; kind++)
		assert_int_equal(overhead_kind_find(overhead_kind_name((enum overhead_kind)kind)),
				 kind);
	assert_int_equal(overhead_kind_find("triad"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chase_visits_every_line_once_a_round),
		cmocka_unit_test(chase_reads_what_it_says),
		cmocka_unit_test(chase_has_no_order),
		cmocka_unit_test(update_writes_what_it_says),
		cmocka_unit_test(update_reaches_all_memory),
		cmocka_unit_test(stream_computes_the_triad),
		cmocka_unit_test(whole_steps_are_made),
		cmocka_unit_test(least_memory_is_enough_for_all),
		cmocka_unit_test(names_are_found_again),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
