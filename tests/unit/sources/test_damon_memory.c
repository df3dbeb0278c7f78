/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_damon_memory.c - which memory DAMON watches, and large regions in pieces. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/damon_memory.h"
#include "tests/unit/fake_host.h"

#define MIB (1ull << 20)
#define PIECE DAMON_PIECE_BYTES

static struct fake_host fake;
static struct damon_memory memory;

static void write_block(unsigned int block, unsigned int node)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%u/state", block);
	fake_write(&fake, path, "online\n");
	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/memory%u", node, block);
	fake_write(&fake, path, "");
}

/* Blocks of 128 MiB: 0, 1 on node 0; 4 on node 1; 5 on node 0. */
static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	memory = (struct damon_memory){ 0 };
	fake_write(&fake, "proc/iomem",
		   "00001000-0fffffff : System RAM\n"
		   "20000000-2fffffff : System RAM\n");
	fake_write(&fake, "proc/meminfo", "MemTotal: 524288 kB\n");
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	write_block(0, 0);
	write_block(1, 0);
	write_block(4, 1);
	write_block(5, 0);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	damon_memory_fini(&memory);
	damon_memory_fini(&memory);
	fake_host_fini(&fake);
	return 0;
}

static void assert_range(size_t i, uint64_t start, uint64_t end)
{
	assert_true(i < memory.nr_ranges);
	assert_int_equal(memory.ranges[i].start, start);
	assert_int_equal(memory.ranges[i].end, end);
}

static void all_memory_is_watched_unless_nodes_are_named(void **state)
{
	(void)state;
	assert_int_equal(damon_memory_update(&memory, &fake.host, NULL), 1);
	assert_int_equal(memory.nr_ranges, 2);
	assert_range(0, 0x1000, 256 * MIB);
	assert_range(1, 512 * MIB, 768 * MIB);
	assert_int_equal(damon_memory_update(&memory, &fake.host, NULL), 0);
	assert_int_equal(damon_memory_update(&memory, &fake.host, "1"), 1);
	assert_int_equal(memory.nr_ranges, 1);
	assert_range(0, 512 * MIB, 640 * MIB);
	assert_int_equal(damon_memory_update(&memory, &fake.host, "0"), 1);
	assert_int_equal(memory.nr_ranges, 2);
	assert_range(1, 640 * MIB, 768 * MIB);
}

static void nodes_that_cannot_be_are_told_and_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(damon_memory_update(&memory, &fake.host, "1"), 1);
	assert_int_equal(damon_memory_update(&memory, &fake.host, "7"), -EINVAL);
	assert_reason("damon-pa: node 7 has no memory");
	assert_int_equal(damon_memory_update(&memory, &fake.host, "x"), -EINVAL);
	assert_reason("'x' is no list of nodes");
	assert_int_equal(damon_memory_update(&memory, &fake.host, ""), -EINVAL);
	assert_int_equal(memory.nr_ranges, 1);
}

static void memory_that_is_plugged_is_a_change(void **state)
{
	(void)state;
	assert_int_equal(damon_memory_update(&memory, &fake.host, "1"), 1);
	write_block(6, 1);
	fake_write(&fake, "proc/iomem",
		   "00001000-0fffffff : System RAM\n"
		   "20000000-37ffffff : System RAM\n");
	fake_write(&fake, "proc/meminfo", "MemTotal: 655360 kB\n");
	assert_int_equal(damon_memory_update(&memory, &fake.host, "1"), 1);
	assert_int_equal(memory.nr_ranges, 2);
	assert_range(1, 768 * MIB, 896 * MIB);
}

static void accessed_bit_speaks_for_a_huge_page_where_most_are(void **state)
{
	(void)state;
	assert_int_equal(damon_memory_unit_bytes(&fake.host), THERMO_PAGE_BYTES);
	fake_write(&fake, "proc/meminfo",
		   "MemTotal: 9 kB\nAnonPages: 1000 kB\nAnonHugePages: 499 kB\n");
	assert_int_equal(damon_memory_unit_bytes(&fake.host), THERMO_PAGE_BYTES);
	fake_write(&fake, "proc/meminfo",
		   "MemTotal: 9 kB\nAnonPages: 1000 kB\nAnonHugePages: 501 kB\n");
	assert_int_equal(damon_memory_unit_bytes(&fake.host), THERMO_HUGE_BYTES);
}

/* --- pieces --- */

static void small_region_is_one_piece(void **state)
{
	struct damon_piece p[DAMON_MAX_PIECES];

	(void)state;
	assert_int_equal(damon_pieces(MIB, MIB + PIECE, 13, 12345, p), 1);
	assert_true(p[0].start == MIB && p[0].end == MIB + PIECE);
	assert_int_equal(p[0].nr_accesses, 13);
	assert_true(p[0].watched_share == 1);
	assert_int_equal(damon_pieces(4096, 8192, 0, 99, p), 1);
	assert_true(p[0].end == 8192);
}

/* Sum of accesses, and that pieces are apart, in the region, and of the right size. */
static uint64_t check_pieces(const struct damon_piece *p, size_t nr, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;
	double watched = 0;

	for (size_t i = 0; i < nr; i++) {
		assert_true(p[i].start >= start && p[i].end <= end && p[i].start < p[i].end);
		assert_true(p[i].end - p[i].start <= PIECE);
		assert_int_equal((p[i].start - start) % PIECE, 0);
		for (size_t j = 0; j < i; j++)
			assert_true(p[i].start != p[j].start);
		sum += p[i].nr_accesses;
		watched += p[i].watched_share;
	}
	assert_near(watched, 1, 1e-6);
	return sum;
}

static void nothing_is_lost_or_made_up_by_cutting(void **state)
{
	struct damon_piece p[DAMON_MAX_PIECES];
	uint64_t random = 88172645463325252ull;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t start = (test_random(&random) % 4096) * 4096;
		uint64_t end = start + 4096 * (1 + test_random(&random) % 1000000);
		uint32_t nr_accesses = (uint32_t)(test_random(&random) % 75);
		size_t nr = damon_pieces(start, end, nr_accesses, test_random(&random), p);

		assert_true(nr >= 1 && nr <= DAMON_MAX_PIECES);
		assert_int_equal(check_pieces(p, nr, start, end), nr_accesses);
	}
}

/* Over many turns each piece gets its due: one that always had luck would look hot. */
static void each_piece_gets_its_due_in_the_long_run(void **state)
{
	static const uint64_t nr_pieces[] = { 2, 7, 16, 40, 512 };

	(void)state;
	for (size_t n = 0; n < 5; n++) {
		struct damon_piece p[DAMON_MAX_PIECES];
		double accesses[512] = { 0 }, watched[512] = { 0 };
		uint64_t random = 88172645463325252ull;
		uint64_t turns = 4000 * nr_pieces[n];

		for (uint64_t t = 0; t < turns; t++) {
			size_t nr = damon_pieces(0, nr_pieces[n] * PIECE, 3, test_random(&random),
						 p);

			for (size_t i = 0; i < nr; i++) {
				accesses[p[i].start / PIECE] += p[i].nr_accesses;
				watched[p[i].start / PIECE] += p[i].watched_share;
			}
		}
		for (uint64_t i = 0; i < nr_pieces[n]; i++) {
			assert_near(accesses[i], 3.0 * 4000, 10);
			assert_near(watched[i], 4000, 10);
		}
	}
}

static void largest_region_there_can_be_is_cut(void **state)
{
	struct damon_piece p[DAMON_MAX_PIECES];

	(void)state;
	assert_int_equal(damon_pieces(0, UINT64_MAX, UINT32_MAX, UINT64_MAX, p), DAMON_MAX_PIECES);
	assert_int_equal(check_pieces(p, DAMON_MAX_PIECES, 0, UINT64_MAX), UINT32_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(all_memory_is_watched_unless_nodes_are_named),
		TEST(nodes_that_cannot_be_are_told_and_change_nothing),
		TEST(memory_that_is_plugged_is_a_change),
		TEST(accessed_bit_speaks_for_a_huge_page_where_most_are),
		TEST(small_region_is_one_piece),
		TEST(nothing_is_lost_or_made_up_by_cutting),
		TEST(each_piece_gets_its_due_in_the_long_run),
		TEST(largest_region_there_can_be_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
