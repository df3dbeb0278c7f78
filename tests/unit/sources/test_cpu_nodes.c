/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/test.h"

#include "sources/cpu_nodes.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static struct cpu_nodes nodes;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	cpu_nodes_fini(&nodes);
	cpu_nodes_fini(&nodes);
	fake_host_fini(&fake);
	return 0;
}

static void machine_that_tells_nothing_has_unknown_nodes(void **state)
{
	(void)state;
	assert_int_equal(cpu_nodes_read(&nodes, &fake.host), 0);
	assert_int_equal(cpu_nodes_get(&nodes, 0), THERMO_NODE_UNKNOWN);
	assert_int_equal(cpu_nodes_get(&nodes, UINT32_MAX), THERMO_NODE_UNKNOWN);
}

static void cpus_are_of_the_node_that_lists_them(void **state)
{
	(void)state;
	fake_write(&fake, "sys/devices/system/node/online", "0,2-3\n");
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "4-5\n");
	fake_write(&fake, "sys/devices/system/node/node2/cpulist", "0-1,7\n");
	fake_write(&fake, "sys/devices/system/node/node3/cpulist", "\n");
	assert_int_equal(cpu_nodes_read(&nodes, &fake.host), 0);
	const int16_t expected[] = { 2, 2, -1, -1, 0, 0, -1, 2, -1 };

	for (uint32_t cpu = 0; cpu < 9; cpu++)
		assert_int_equal(cpu_nodes_get(&nodes, cpu), expected[cpu]);
}

static void reading_again_forgets_cpus_that_went(void **state)
{
	(void)state;
	fake_write(&fake, "sys/devices/system/node/online", "1\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "0-3\n");
	assert_int_equal(cpu_nodes_read(&nodes, &fake.host), 0);
	assert_int_equal(cpu_nodes_get(&nodes, 3), 1);
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "0,2\n");
	assert_int_equal(cpu_nodes_read(&nodes, &fake.host), 0);
	assert_int_equal(cpu_nodes_get(&nodes, 1), THERMO_NODE_UNKNOWN);
	assert_int_equal(cpu_nodes_get(&nodes, 2), 1);
	assert_int_equal(cpu_nodes_get(&nodes, 3), THERMO_NODE_UNKNOWN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(machine_that_tells_nothing_has_unknown_nodes),
		TEST(cpus_are_of_the_node_that_lists_them),
		TEST(reading_again_forgets_cpus_that_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
