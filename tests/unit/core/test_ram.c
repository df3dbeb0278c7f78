/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ram.c - physical memory as /proc/iomem and memory blocks show it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdarg.h>

#include "core/ram.h"
#include "tests/unit/fake_host.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define BLOCK (128 * MIB)

static struct fake_host fake;
static struct ram ram;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	ram_fini(&ram);
	ram_fini(&ram);
	fake_host_fini(&fake);
	return 0;
}

static void block(unsigned int id, int node, const char *block_state)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%u/state", id);
	fake_write(&fake, path, block_state);
	if (node < 0)
		return;
	/* A symbolic link on a real machine; only its name matters. */
	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%d/memory%u", node, id);
	fake_write(&fake, path, "");
}

/* Blocks 0 to 3 on node 0, 32 to 35 (from 4 GiB) on node 1: 1 GiB in all. */
static void make_blocks(void)
{
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	fake_write(&fake, "sys/devices/system/memory/auto_online_blocks", "online\n");
	fake_write(&fake, "sys/devices/system/node/online", "0-1\n");
	for (unsigned int i = 0; i < 4; i++) {
		block(i, 0, "online\n");
		block(32 + i, 1, "online\n");
	}
}

static const char iomem[] = "00000000-00000fff : Reserved\n"
			    "00001000-0009fbff : System RAM\n"
			    "000f0000-000fffff : System ROM\n"
			    "00100000-1fffffff : System RAM\n"
			    "  01000000-02209987 : Kernel code\n"
			    "c0000000-febfffff : PCI Bus 0000:00\n"
			    "100000000-1ffffffff : CXL Window 0\n"
			    "  100000000-11fffffff : region0\n"
			    "    100000000-11fffffff : dax0.0\n"
			    "      100000000-11fffffff : System RAM (kmem)\n"
			    "  120000000-12fffffff : region1\n"
			    "    120000000-12fffffff : dax1.0\n";

static void update(void)
{
	int err = ram_update(&ram, &fake.host);

	if (err)
		fail_msg("%d: %s", err, thermo_last_error());
}

/* start, end, ... 0 */
static void expect_ranges(const uint64_t *ends)
{
	struct thermo_range r[64];
	ssize_t nr = ram_ranges(&ram, 64, r), i;

	for (i = 0; ends[2 * i + 1]; i++)
		if (i >= nr || r[i].start != ends[2 * i] || r[i].end != ends[2 * i + 1])
			fail_msg("range %zd is %#llx-%#llx", i, (unsigned long long)r[i].start,
				 (unsigned long long)r[i].end);
	assert_int_equal(nr, i);
}
#define EXPECT_RANGES(...) expect_ranges((const uint64_t[]){ __VA_ARGS__, 0, 0 })

/* node, bytes, ... -1 */
static void expect_nodes(uint64_t start, uint64_t end, const int64_t *nodes)
{
	struct thermo_node_bytes is[THERMO_REGION_NODES];
	int i;

	memset(is, 0xee, sizeof(is));
	ram_nodes(&ram, start, end, is);
	for (i = 0; nodes[2 * i] >= 0; i++) {
		assert_int_equal(is[i].node, nodes[2 * i]);
		assert_int_equal(is[i].bytes, nodes[2 * i + 1]);
	}
	for (; i < THERMO_REGION_NODES; i++)
		assert_int_equal(is[i].bytes, 0);
}
#define EXPECT_NODES(start, end, ...)                                                              \
	expect_nodes(start, end, (const int64_t[]){ __VA_ARGS__, -1, 0 })

static void iomem_cuts_the_holes_out_of_online_blocks(void **state)
{
	(void)state;
	make_blocks();
	fake_write(&fake, "proc/iomem", iomem);
	update();
	EXPECT_RANGES(0x1000, 0x9f000, 0x100000, 0x20000000, 4 * GIB, 4 * GIB + 512 * MIB);
	EXPECT_NODES(0, 8 * GIB, 1, 512 * MIB, 0, 512 * MIB - MIB + 0x9e000);
	EXPECT_NODES(4 * GIB - MIB, 4 * GIB + MIB, 1, MIB);
	EXPECT_NODES(0x9e000, 0x102000, 0, 0x1000 + 0x2000);
	EXPECT_NODES(GIB, 2 * GIB, -1);
	EXPECT_NODES(GIB, GIB, -1);
}

static void offline_blocks_are_no_memory(void **state)
{
	(void)state;
	make_blocks();
	fake_write(&fake, "proc/iomem", iomem);
	block(33, 1, "offline\n");
	block(34, 1, "going-offline\n");
	fake_remove(&fake, "sys/devices/system/memory/memory35");
	update();
	EXPECT_RANGES(0x1000, 0x9f000, 0x100000, 0x20000000, 4 * GIB, 4 * GIB + BLOCK,
		      4 * GIB + 2 * BLOCK, 4 * GIB + 3 * BLOCK);
	EXPECT_NODES(4 * GIB, 5 * GIB, 1, 2 * BLOCK);
}

static void without_addresses_in_iomem_blocks_do(void **state)
{
	(void)state;
	make_blocks();
	fake_write(&fake, "proc/iomem",
		   "00000000-00000000 : System RAM\n00000000-00000000 : System RAM\n");
	update();
	EXPECT_RANGES(0, 4 * BLOCK, 4 * GIB, 4 * GIB + 4 * BLOCK);
	EXPECT_NODES(2 * BLOCK, 4 * GIB + BLOCK, 0, 2 * BLOCK, 1, BLOCK);
	fake_remove(&fake, "proc/iomem");
	update();
	EXPECT_RANGES(0, 4 * BLOCK, 4 * GIB, 4 * GIB + 4 * BLOCK);
}

static void without_blocks_iomem_does(void **state)
{
	(void)state;
	fake_write(&fake, "proc/iomem", iomem);
	update();
	EXPECT_RANGES(0x1000, 0x9f000, 0x100000, 0x20000000, 4 * GIB, 4 * GIB + 512 * MIB);
	/* No NUMA either: all is on node 0. */
	EXPECT_NODES(4 * GIB, 8 * GIB, 0, 512 * MIB);
	fake_write(&fake, "sys/devices/system/node/node2/cpumap", "");
	update();
	EXPECT_NODES(4 * GIB, 8 * GIB, 2, 512 * MIB);
	/* Two nodes, and nothing tells which has what. */
	fake_write(&fake, "sys/devices/system/node/node3/cpumap", "");
	update();
	EXPECT_NODES(4 * GIB, 8 * GIB, -1);
}

static void without_both_it_says_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(ram_update(&ram, &fake.host), -EPERM);
	assert_reason("CAP_SYS_ADMIN");
	fake_write(&fake, "proc/iomem", "00000000-00000000 : System RAM\n");
	assert_int_equal(ram_update(&ram, &fake.host), -EPERM);
}

static void failure_leaves_what_was_known(void **state)
{
	(void)state;
	make_blocks();
	update();
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000001\n");
	assert_int_equal(ram_update(&ram, &fake.host), -EBADMSG);
	assert_reason("block_size_bytes");
	for (unsigned int i = 0; i < 36; i++)
		if (i < 4 || i > 31)
			block(i, -1, "offline\n");
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	assert_int_equal(ram_update(&ram, &fake.host), -ENODEV);
	EXPECT_NODES(0, 8 * GIB, 0, 4 * BLOCK, 1, 4 * BLOCK);
}

static void hot_plug_is_followed(void **state)
{
	(void)state;
	make_blocks();
	fake_write(&fake, "proc/meminfo", "MemTotal:  1048576 kB\n");
	update();
	block(36, 2, "online\n");
	fake_write(&fake, "proc/meminfo", "MemTotal:  1179648 kB\n");
	update();
	EXPECT_NODES(0, 8 * GIB, 0, 4 * BLOCK, 1, 4 * BLOCK, 2, BLOCK);
	block(36, 2, "offline\n");
	block(35, 1, "offline\n");
	fake_write(&fake, "proc/meminfo", "MemTotal:  917504 kB\n");
	update();
	EXPECT_NODES(0, 8 * GIB, 0, 4 * BLOCK, 1, 3 * BLOCK);
}

static void equal_totals_are_believed_for_a_while_only(void **state)
{
	struct thermo_range r[8];
	int updates = 0;

	(void)state;
	make_blocks();
	fake_write(&fake, "proc/meminfo", "MemTotal:  1048576 kB\n");
	update();
	/* As much goes from one node as comes to the other. */
	block(3, 0, "offline\n");
	block(36, 1, "online\n");
	while (ram_ranges(&ram, 8, r) == 2 && r[0].end != 3 * BLOCK && updates++ < 1000)
		update();
	assert_in_range(updates, 2, 64);
	EXPECT_NODES(0, 8 * GIB, 1, 5 * BLOCK, 0, 3 * BLOCK);
}

static void block_of_two_nodes_counts_half_for_each(void **state)
{
	(void)state;
	make_blocks();
	block(3, 1, "online\n");
	update();
	EXPECT_RANGES(0, 4 * BLOCK, 4 * GIB, 4 * GIB + 4 * BLOCK);
	EXPECT_NODES(0, 4 * BLOCK, 0, 3 * BLOCK + BLOCK / 2, 1, BLOCK / 2);
}

static void more_nodes_than_fit_leave_the_smallest_out(void **state)
{
	(void)state;
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	for (unsigned int i = 0, id = 0; i < 80; i++)
		for (unsigned int j = 0; j < (i % 7 == 0 ? 2 : 1); j++)
			block(id++, (int)i, "online\n");
	update();
	EXPECT_NODES(0, 64 * GIB, 0, 2 * BLOCK, 7, 2 * BLOCK, 14, 2 * BLOCK, 21, 2 * BLOCK);
}

static void wrong_lines_are_skipped(void **state)
{
	(void)state;
	fake_write(&fake, "proc/iomem",
		   "garbage\n\n-\n : System RAM\n5-4 : System RAM\n"
		   "1000-1ffe : System RAM\n" /* not a whole page */
		   "ffffffffffff0000-ffffffffffffffff : System RAM\n"
		   "ffffffffffffffff-fffffffffffffffe : System RAM\n"
		   "8000-bfff : System RAM\n"
		   "2000-3fff : Not System RAM\n"
		   "a000-cfff : System RAM\n"
		   "4000-4fff : System RAM");
	update();
	EXPECT_RANGES(0x4000, 0x5000, 0x8000, 0xd000);
	EXPECT_NODES(0xb000, 0x10000, 0, 0x2000);
	block(7, 0, "online");
	fake_write(&fake, "sys/devices/system/memory/memory99999999999999999999/state", "online");
	fake_write(&fake, "sys/devices/system/memory/memory288230376151711743/state", "online");
	fake_write(&fake, "sys/devices/system/memory/memoryx/state", "online");
	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	fake_remove(&fake, "proc/iomem");
	update();
	EXPECT_RANGES(7 * BLOCK, 8 * BLOCK);
}

static void few_ranges_close_the_smallest_gaps(void **state)
{
	struct thermo_range r[2];

	(void)state;
	make_blocks();
	fake_write(&fake, "proc/iomem", iomem);
	update();
	assert_int_equal(ram_ranges(&ram, 2, r), 2);
	assert_int_equal(r[0].start, 0x1000);
	assert_int_equal(r[0].end, 0x20000000);
	assert_int_equal(r[1].start, 4 * GIB);
}

static void this_machine_can_be_read(void **state)
{
	struct thermo_host real;
	struct thermo_range r[64];
	struct thermo_node_bytes nodes[THERMO_REGION_NODES];

	(void)state;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	if (ram_update(&ram, &real) == -EPERM) {
		thermo_host_close(&real);
		skip();
	}
	ssize_t nr = ram_ranges(&ram, 64, r);

	assert_true(nr > 0);
	ram_nodes(&ram, r[nr - 1].start, r[nr - 1].end, nodes);
	assert_true(nodes[0].bytes > 0);
	assert_true(nodes[0].bytes <= r[nr - 1].end - r[nr - 1].start);
	thermo_host_close(&real);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(iomem_cuts_the_holes_out_of_online_blocks),
		TEST(offline_blocks_are_no_memory),
		TEST(without_addresses_in_iomem_blocks_do),
		TEST(without_blocks_iomem_does),
		TEST(without_both_it_says_what_is_missing),
		TEST(failure_leaves_what_was_known),
		TEST(hot_plug_is_followed),
		TEST(equal_totals_are_believed_for_a_while_only),
		TEST(block_of_two_nodes_counts_half_for_each),
		TEST(more_nodes_than_fit_leave_the_smallest_out),
		TEST(wrong_lines_are_skipped),
		TEST(few_ranges_close_the_smallest_gaps),
		TEST(this_machine_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
