/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_residency.c - where memory is, from a few pages of it. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/ram.h"
#include "core/residency.h"
#include "tests/unit/fake_host.h"

#define MIB (1ull << 20)

static struct fake_host fake;
static struct region regions[2] = { { .start = 16 * MIB, .end = 32 * MIB },
				    { .start = 64 * MIB, .end = 64 * MIB + 4096 } };
static struct target target = { .info.pid = 42, .nr_regions = 2, .regions = regions };
static struct thermo_region out[2];
static uint64_t random_state;
static int calls;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	memset(out, 0, sizeof(out));
	random_state = 1;
	calls = 0;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

/* The upper quarter of region 0 on node 3, the next on node 1, the rest on node 0. */
static int by_address(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		      int *status)
{
	(void)f;
	calls++;
	assert_int_equal(pid, 42);
	assert_null(nodes);
	for (size_t i = 0; i < nr; i++) {
		uint64_t at = (uintptr_t)pages[i];

		assert_int_equal(at % 4096, 0);
		assert_true((at >= 16 * MIB && at < 32 * MIB) ||
			    (at >= 64 * MIB && at < 64 * MIB + 4096));
		status[i] = at >= 64 * MIB ? -ENOENT : at >= 28 * MIB ? 3 : at >= 24 * MIB ? 1 : 0;
	}
	return 0;
}

static void bytes_of_each_node_are_estimated_most_first(void **state)
{
	(void)state;
	fake.move_pages = by_address;
	assert_int_equal(residency_sample(&fake.host, &target, 16, &random_state, out), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(out[0].nodes[0].node, 0);
	assert_int_equal(out[0].nodes[0].bytes, 8 * MIB);
	assert_int_equal(out[0].nodes[1].bytes, 4 * MIB);
	assert_int_equal(out[0].nodes[2].bytes, 4 * MIB);
	assert_int_equal(out[0].nodes[1].node + out[0].nodes[2].node, 4);
	assert_int_equal(out[0].nodes[3].bytes, 0);
}

static void pages_that_are_not_there_count_nowhere(void **state)
{
	(void)state;
	fake.move_pages = by_address;
	out[1].nodes[0].bytes = 99;
	assert_int_equal(residency_sample(&fake.host, &target, 16, &random_state, out), 0);
	for (int i = 0; i < THERMO_REGION_NODES; i++)
		assert_int_equal(out[1].nodes[i].bytes, 0);
}

static int many_nodes(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		      int *status)
{
	(void)f, (void)pid, (void)pages, (void)nodes;
	for (size_t i = 0; i < nr; i++)
		status[i] = (int)(i % 8);
	return 0;
}

static void more_nodes_than_fit_do_not_overrun(void **state)
{
	(void)state;
	fake.move_pages = many_nodes;
	assert_int_equal(residency_sample(&fake.host, &target, 16, &random_state, out), 0);
	for (int i = 0; i < THERMO_REGION_NODES; i++)
		assert_int_equal(out[0].nodes[i].bytes, 2 * MIB);
}

static int gone(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		int *status)
{
	(void)f, (void)pid, (void)nr, (void)pages, (void)nodes, (void)status;
	return -ESRCH;
}

static void process_that_is_gone_is_said_so(void **state)
{
	(void)state;
	fake.move_pages = gone;
	assert_int_equal(residency_sample(&fake.host, &target, 16, &random_state, out), -ESRCH);
	assert_reason("pid 42");
}

static void target_without_regions_asks_nothing(void **state)
{
	struct target empty = { .info.pid = 42 };

	(void)state;
	fake.move_pages = by_address;
	assert_int_equal(residency_sample(&fake.host, &empty, 16, &random_state, out), 0);
	assert_int_equal(calls, 0);
}

static void physical_memory_is_where_its_blocks_are(void **state)
{
	struct ram_piece pieces[] = { { { 0, 20 * MIB }, 0, 1 }, { { 20 * MIB, 64 * MIB }, 5, 1 } };
	struct ram ram = { .nr_pieces = 2, .pieces = pieces };
	struct target physical = target;

	(void)state;
	physical.info.pid = THERMO_PID_PHYSICAL;
	physical.ram = &ram;
	fake.move_pages = by_address;
	out[1].nodes[0].bytes = 99;
	assert_int_equal(residency_sample(&fake.host, &physical, 16, &random_state, out), 0);
	assert_int_equal(calls, 0);
	assert_int_equal(out[0].nodes[0].node, 5);
	assert_int_equal(out[0].nodes[0].bytes, 12 * MIB);
	assert_int_equal(out[0].nodes[1].node, 0);
	assert_int_equal(out[0].nodes[1].bytes, 4 * MIB);
	assert_int_equal(out[1].nodes[0].bytes, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(bytes_of_each_node_are_estimated_most_first),
		TEST(pages_that_are_not_there_count_nowhere),
		TEST(more_nodes_than_fit_do_not_overrun),
		TEST(process_that_is_gone_is_said_so),
		TEST(target_without_regions_asks_nothing),
		TEST(physical_memory_is_where_its_blocks_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
