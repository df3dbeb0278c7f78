/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vmstat.c - the kernel's own moves, by the names that its version has. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>

#include "core/vmstat.h"
#include "tests/unit/fake_host.h"

#define SECOND 1000000000ull

static struct fake_host fake;
static struct vmstat vmstat;
static struct thermo_topology topology;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	vmstat = (struct vmstat){ 0 };
	topology = (struct thermo_topology){ .nr_nodes = 2, .nodes = { { .id = 0 }, { .id = 5 } } };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static uint64_t since_start(enum vmstat_item item)
{
	struct vmstat_change c = vmstat_change(&vmstat, &vmstat.all, item);

	assert_true(c.known);
	return c.since_start;
}

static void every_counter_has_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < VMSTAT_NR_ITEMS; i++) {
		struct vmstat_values v = { 0 };
		char text[64];

		(void)snprintf(text, sizeof(text), "%s 4711\n", vmstat_name((enum vmstat_item)i));
		vmstat_parse(&v, text);
		assert_int_equal(v.known, 1u << i);
		assert_int_equal(v.values[i], 4711);
	}
}

static void only_whole_names_with_numbers_count(void **state)
{
	struct vmstat_values v = { 0 };

	(void)state;
	vmstat_parse(&v, "pgpromote 1\npgpromote_success_x 2\n pgpromote_success 3\n"
			 "pgpromote_success -4\npgpromote_success\npgpromote_success \n"
			 "pgpromote_success 99999999999999999999\n\n"
			 "pgpromote_success 123456789012345678901234567890\npgpromote_success 5x");
	assert_int_equal(v.known, 0);
	vmstat_parse(&v, "pgmigrate_success 18446744073709551615");
	assert_int_equal(v.known, 1u << VMSTAT_MIGRATED);
	assert_true(v.values[VMSTAT_MIGRATED] == UINT64_MAX);
}

static void counters_are_told_since_the_start_and_by_the_second(void **state)
{
	struct vmstat_change c;

	(void)state;
	fake_write(&fake, "proc/vmstat", "pgpromote_success 1000\npgmigrate_success 7\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	c = vmstat_change(&vmstat, &vmstat.all, VMSTAT_PROMOTED);
	assert_true(c.known && c.since_start == 0 && c.per_s == 0);
	fake_advance(&fake, 5 * SECOND);
	fake_write(&fake, "proc/vmstat", "pgpromote_success 1100\npgmigrate_success 7\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	fake_advance(&fake, 2 * SECOND);
	fake_write(&fake, "proc/vmstat", "pgpromote_success 1130\npgmigrate_success 7\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	c = vmstat_change(&vmstat, &vmstat.all, VMSTAT_PROMOTED);
	assert_int_equal(c.since_start, 130);
	assert_near(c.per_s, 15, 0.1);
	assert_int_equal(since_start(VMSTAT_MIGRATED), 0);
}

static void what_a_kernel_does_not_tell_is_unknown(void **state)
{
	(void)state;
	fake_write(&fake, "proc/vmstat", "pgmigrate_success 7\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_false(vmstat_change(&vmstat, &vmstat.all, VMSTAT_PROMOTED).known);
	assert_false(vmstat_demoted(&vmstat, &vmstat.all).known);
	/* One that appears later has no beginning. */
	fake_write(&fake, "proc/vmstat", "pgmigrate_success 7\npgpromote_success 10\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_false(vmstat_change(&vmstat, &vmstat.all, VMSTAT_PROMOTED).known);
	fake_remove(&fake, "proc/vmstat");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), -ENOENT);
	assert_int_equal(since_start(VMSTAT_MIGRATED), 0);
}

static void all_ways_to_demote_are_added(void **state)
{
	(void)state;
	fake_write(&fake, "proc/vmstat", "pgdemote_kswapd 1\npgdemote_direct 1\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	fake_write(&fake, "proc/vmstat", "pgdemote_kswapd 11\npgdemote_direct 101\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_int_equal(vmstat_demoted(&vmstat, &vmstat.all).since_start, 110);
}

static void nodes_have_their_own_and_may_come_later(void **state)
{
	(void)state;
	fake_write(&fake, "proc/vmstat", "pgpromote_success 0\n");
	fake_write(&fake, "sys/devices/system/node/node0/vmstat", "pgpromote_success 10\n");
	fake_write(&fake, "sys/devices/system/node/node0/numastat", "numa_miss 1\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_int_equal(vmstat.nr_nodes, 1);
	fake_write(&fake, "sys/devices/system/node/node0/vmstat", "pgpromote_success 30\n");
	fake_write(&fake, "sys/devices/system/node/node0/numastat", "numa_miss 6\n");
	fake_write(&fake, "sys/devices/system/node/node5/vmstat", "pgdemote_kswapd 9\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_int_equal(vmstat.nr_nodes, 2);
	assert_int_equal(vmstat_change(&vmstat, &vmstat.nodes[0], VMSTAT_PROMOTED).since_start, 20);
	assert_int_equal(vmstat_change(&vmstat, &vmstat.nodes[0], VMSTAT_NUMA_MISS).since_start, 5);
	assert_int_equal(vmstat.nodes[1].node, 5);
	assert_int_equal(vmstat_demoted(&vmstat, &vmstat.nodes[1]).since_start, 0);
}

static void pages_of_others_are_what_is_left_and_never_less_than_none(void **state)
{
	(void)state;
	fake_write(&fake, "proc/vmstat",
		   "pgmigrate_success 0\npgpromote_success 0\n"
		   "pgdemote_kswapd 0\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	fake_write(&fake, "proc/vmstat",
		   "pgmigrate_success 1000\npgpromote_success 200\n"
		   "pgdemote_kswapd 100\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_int_equal(vmstat_others_moved(&vmstat, 600).since_start, 100);
	assert_int_equal(vmstat_others_moved(&vmstat, 710).since_start, 0);
	assert_int_equal(vmstat_others_moved(&vmstat, 9999).since_start, 0);
	assert_true(vmstat_others_moved(&vmstat, 0).known);
}

static void counter_that_falls_has_not_grown(void **state)
{
	(void)state;
	fake_write(&fake, "proc/vmstat", "pgmigrate_success 50\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	fake_advance(&fake, SECOND);
	fake_write(&fake, "proc/vmstat", "pgmigrate_success 3\n");
	assert_int_equal(vmstat_read(&vmstat, &fake.host, &topology), 0);
	assert_int_equal(since_start(VMSTAT_MIGRATED), 0);
	assert_true(vmstat_change(&vmstat, &vmstat.all, VMSTAT_MIGRATED).per_s == 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(every_counter_has_its_name),
		TEST(only_whole_names_with_numbers_count),
		TEST(counters_are_told_since_the_start_and_by_the_second),
		TEST(what_a_kernel_does_not_tell_is_unknown),
		TEST(all_ways_to_demote_are_added),
		TEST(nodes_have_their_own_and_may_come_later),
		TEST(pages_of_others_are_what_is_left_and_never_less_than_none),
		TEST(counter_that_falls_has_not_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
