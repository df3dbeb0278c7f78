/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_topology.c - tiers of recorded machines, and of what the user says. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/unit/fake_host.h"
#include "thermocline/tiering.h"

#define KIB 1024ull

static struct fake_host fake;
static struct thermo_topology t;

static void use(const char *machine)
{
	fake_host_copy(&fake, machine);
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void read_tiers(const char *tiers)
{
	assert_int_equal(thermo_topology_read(&t, &fake.host, tiers), 0);
}

static int tier_of(int id)
{
	int index = thermo_topology_find(&t, id);

	return index < 0 ? -1 : t.nodes[index].tier;
}

static void kernel_tiers_order_two_nodes(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-cxl"));
	read_tiers(NULL);
	assert_int_equal(t.nr_nodes, 2);
	assert_int_equal(t.nr_tiers, 2);
	assert_int_equal(tier_of(0), 0);
	assert_int_equal(tier_of(1), 1);
	assert_string_equal(t.tiers_from, "kernel memory tiers");
	assert_string_equal(t.warning, "");
	assert_true(t.nodes[0].has_cpu && !t.nodes[1].has_cpu);
	assert_int_equal(t.nodes[1].read_latency_ns, 250);
	assert_int_equal(t.nodes[1].write_latency_ns, 400);
	assert_int_equal(t.nodes[1].read_bandwidth_mib_s, 50000);
	assert_int_equal(t.nodes[0].distance[1], 20);
	assert_int_equal(t.nodes[1].distance[1], 10);
	assert_int_equal(t.nodes[0].total_bytes, 4194304 * KIB);
	assert_int_equal(t.nodes[1].free_bytes, 8000000 * KIB);
}

static void reserve_is_the_sum_of_the_zones_high_marks(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-cxl"));
	read_tiers(NULL);
	/* Not the "high:" of the per-CPU lists. */
	assert_int_equal(t.nodes[0].reserve_bytes, (14 + 1486) * 4096);
	assert_int_equal(t.nodes[1].reserve_bytes, 1000 * 4096);
	fake_remove(&fake, "proc/zoneinfo");
	read_tiers(NULL);
	assert_int_equal(t.nodes[0].reserve_bytes, 0);
}

static void refresh_reads_free_memory_again(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-cxl"));
	read_tiers(NULL);
	fake_write(&fake, "sys/devices/system/node/node0/meminfo",
		   "Node 0 MemTotal: 4194304 kB\nNode 0 MemFree: 77 kB\n");
	assert_int_equal(thermo_topology_refresh(&t, &fake.host), 0);
	assert_int_equal(t.nodes[0].free_bytes, 77 * KIB);
	fake_write(&fake, "sys/devices/system/node/node0/meminfo", "nonsense\n");
	assert_int_equal(thermo_topology_refresh(&t, &fake.host), -EBADMSG);
	assert_reason("node0/meminfo");
	fake_remove(&fake, "sys/devices/system/node/node0/meminfo");
	assert_int_equal(thermo_topology_refresh(&t, &fake.host), -ENOENT);
}

static void fastest_tier_need_not_be_node_0(void **state)
{
	(void)state;
	use(FAKE_MACHINE("3n-dram-hbm-cxl"));
	read_tiers(NULL);
	assert_int_equal(t.nr_tiers, 3);
	assert_int_equal(tier_of(1), 0);
	assert_int_equal(tier_of(0), 1);
	assert_int_equal(tier_of(2), 2);
}

static void latencies_decide_where_the_kernel_sees_one_tier(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-one-kernel-tier"));
	read_tiers(NULL);
	assert_int_equal(t.nr_tiers, 2);
	assert_int_equal(tier_of(0), 0);
	assert_int_equal(tier_of(1), 1);
	assert_string_equal(t.tiers_from, "latencies (HMAT)");
	assert_non_null(strstr(t.warning, "one memory tier"));
}

static void latencies_that_hardly_differ_are_one_tier(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-one-kernel-tier"));
	fake_write(&fake, "sys/devices/system/node/node1/access0/initiators/read_latency", "100\n");
	read_tiers(NULL);
	assert_int_equal(t.nr_tiers, 1);
	assert_string_equal(t.warning, "");
}

static void distances_decide_where_nothing_else_does(void **state)
{
	(void)state;
	use(FAKE_MACHINE("4n-distance-only"));
	read_tiers(NULL);
	assert_string_equal(t.tiers_from, "node distances");
	assert_int_equal(t.nr_tiers, 2);
	/* Both sockets' own memory is fast: distance counts from the nearest CPUs. */
	assert_int_equal(tier_of(0), 0);
	assert_int_equal(tier_of(1), 0);
	assert_int_equal(tier_of(2), 1);
	assert_int_equal(tier_of(3), 1);
	assert_string_equal(t.warning, "");
}

static void node_numbers_may_have_holes(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-numbers-2-5"));
	read_tiers(NULL);
	assert_int_equal(t.nr_nodes, 2);
	assert_int_equal(thermo_topology_find(&t, 0), -1);
	assert_int_equal(tier_of(2), 0);
	assert_int_equal(tier_of(5), 1);
	/* Columns of a distance file are the online nodes: 0, 2, 5. */
	assert_int_equal(t.nodes[0].distance[0], 10);
	assert_int_equal(t.nodes[0].distance[1], 30);
	assert_int_equal(t.nodes[1].distance[0], 30);
	assert_int_equal(t.nodes[1].distance[1], 10);
}

static void single_node_is_a_single_tier(void **state)
{
	(void)state;
	use(FAKE_MACHINE("1n"));
	read_tiers(NULL);
	assert_int_equal(t.nr_nodes, 1);
	assert_int_equal(t.nr_tiers, 1);
	assert_string_equal(t.warning, "");
	struct thermo_scheme schemes[2 * THERMO_MAX_TIERS];

	assert_int_equal(thermo_default_schemes(&t, schemes), 0);
}

static void machine_without_nodes_is_an_error_and_changes_nothing(void **state)
{
	(void)state;
	fake_host_init(&fake);
	memset(&t, 0x5a, sizeof(t));
	assert_int_equal(thermo_topology_read(&t, &fake.host, NULL), -ENODEV);
	assert_reason("CONFIG_NUMA");
	assert_int_equal(t.nr_nodes, 0x5a5a5a5a5a5a5a5a);
}

static void user_may_say_which_tiers_there_are(void **state)
{
	(void)state;
	use(FAKE_MACHINE("4n-distance-only"));
	read_tiers("2/0,3/1");
	assert_int_equal(t.nr_tiers, 3);
	assert_int_equal(tier_of(2), 0);
	assert_int_equal(tier_of(0), 1);
	assert_int_equal(tier_of(3), 1);
	assert_int_equal(tier_of(1), 2);
	assert_string_equal(t.tiers_from, "the user");
	read_tiers("0-3");
	assert_int_equal(t.nr_tiers, 1);
}

static void wrong_tiers_of_the_user_are_refused(void **state)
{
	static const char *const wrong[] = { "",          "0",      "0/1",     "0,1,2,3,4",
					     "0,1/1,2,3", "a/b",    "0,1;2,3", "0,1/2,3/",
					     "/0,1/2,3",  "-1/0-3", "0-/1",    "0,1/ 2,3",
					     "3-0/0-3" };
	char long_one[400];

	(void)state;
	use(FAKE_MACHINE("4n-distance-only"));
	memset(&t, 0x5a, sizeof(t));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		/* A slash too many changes nothing: those two are let through. */
		bool extra_slash = strcmp(wrong[i], "0,1/2,3/") == 0 || wrong[i][0] == '/';

		if (thermo_topology_read(&t, &fake.host, wrong[i]) != (extra_slash ? 0 : -EINVAL))
			fail_msg("tiers '%s'", wrong[i]);
		if (!extra_slash)
			assert_reason("tiers '");
	}
	memset(long_one, '1', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(thermo_topology_read(&t, &fake.host, long_one), -EINVAL);
}

static void default_schemes_are_a_pair_for_each_two_tiers(void **state)
{
	struct thermo_scheme s[2 * THERMO_MAX_TIERS];

	(void)state;
	use(FAKE_MACHINE("3n-dram-hbm-cxl"));
	read_tiers(NULL);
	assert_int_equal(thermo_default_schemes(&t, s), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(s[i].upper, i / 2);
	assert_int_equal(s[0].action, THERMO_PROMOTE);
	assert_int_equal(s[0].goal, THERMO_GOAL_USED_BP);
	assert_int_equal(s[0].goal_bp, 9970);
	assert_int_equal(s[1].action, THERMO_DEMOTE);
	assert_int_equal(s[1].goal, THERMO_GOAL_FREE_BP);
	assert_int_equal(s[1].goal_bp, 50);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(kernel_tiers_order_two_nodes),
		TEST(reserve_is_the_sum_of_the_zones_high_marks),
		TEST(refresh_reads_free_memory_again),
		TEST(fastest_tier_need_not_be_node_0),
		TEST(latencies_decide_where_the_kernel_sees_one_tier),
		TEST(latencies_that_hardly_differ_are_one_tier),
		TEST(distances_decide_where_nothing_else_does),
		TEST(node_numbers_may_have_holes),
		TEST(single_node_is_a_single_tier),
		TEST(machine_without_nodes_is_an_error_and_changes_nothing),
		TEST(user_may_say_which_tiers_there_are),
		TEST(wrong_tiers_of_the_user_are_refused),
		TEST(default_schemes_are_a_pair_for_each_two_tiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
