/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_odd.c - machines with one thing wrong, and whether it is said. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/unit/fake_host.h"
#include "tiering/odd.h"

#define ROOT "sys/devices/platform/ACPI0017:00/root0/"
#define REGION ROOT "decoder0.0/region0/"
#define DAX REGION "dax_region0/dax0.0/"
#define MEM0 "sys/devices/pci0000:0c/0000:0c:00.0/0000:0d:00.0/mem0/"
#define NODE "sys/devices/system/node/"
#define TIERS "sys/devices/virtual/memory_tiering/"

static struct fake_host fake;
static struct machine machine;
static struct odds odds;

static void use(const char *name)
{
	fake_host_copy(&fake, name);
}

static int drop(void **state)
{
	(void)state;
	machine_close(&machine);
	machine_close(&machine);
	fake_host_fini(&fake);
	return 0;
}

static void look_with(const char *tiers)
{
	machine_close(&machine);
	assert_int_equal(machine_open(&machine, &fake.host, tiers), 0);
	odd_find(&machine, &odds);
}

static void look(void)
{
	look_with(NULL);
}

static const struct odd *find(const char *name)
{
	for (size_t i = 0; i < odds.nr; i++)
		if (strcmp(odds.odds[i].name, name) == 0)
			return &odds.odds[i];
	return NULL;
}

/* There is @name, @what in its text and @todo in what to do. */
static void says(const char *name, enum odd_severity severity, const char *what, const char *todo)
{
	const struct odd *odd = find(name);

	if (!odd)
		fail_msg("no %s", name);
	if (!strstr(odd->what, what))
		fail_msg("no '%s' in: %s", what, odd->what);
	if (!strstr(odd->todo, todo))
		fail_msg("no '%s' in: %s", todo, odd->todo);
	assert_int_equal(odd->severity, severity);
}

static size_t nr_problems(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < odds.nr; i++)
		nr += odds.odds[i].severity == ODD_PROBLEM;
	return nr;
}

/* All 2 GiB of both devices are in the region, firmware tells all, the kernel demotes. */
static void make_perfect(void)
{
	use(FAKE_MACHINE("cxl-interleaved"));
	for (int port = 3; port <= 4; port++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "sys/bus/cxl/devices/mem%d/ram/size", port - 3);
		fake_write(&fake, path, "0x20000000\n");
	}
}

static void machine_as_it_should_be_has_nothing_odd(void **state)
{
	(void)state;
	make_perfect();
	look();
	assert_int_equal(odds.nr, 0);
	assert_int_equal(odds.nr_left_out, 0);
	assert_int_equal(machine.topology.nr_tiers, 2);
	assert_int_equal(machine_online_bytes(&machine, 0x1050000000, 1 << 30), 1 << 30);
	assert_string_equal(machine.nodes[0].cpus, "0-3");
	assert_int_equal(machine.nodes[1].access[1].write_latency_ns, 300);
	assert_int_equal(machine.nodes[1].access[0].write_bandwidth_mib_s, 50000);
}

static void device_without_region_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-no-region"));
	look();
	says("no-region", ODD_PROBLEM, "mem0 (0000:0d:00.0): 256 of 256 MiB",
	     "cxl create-region -m -t ram -d decoder0.0 -w 1 mem0");
	says("one-node", ODD_PROBLEM, "node 0", "see the other problems");
	assert_int_equal(nr_problems(), 2);
}

static void no_window_for_volatile_memory_is_the_firmwares(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-no-region"));
	fake_write(&fake, ROOT "decoder0.0/cap_ram", "0\n");
	look();
	says("no-region", ODD_PROBLEM, "mem0", "firmware gives no window");
}

static void device_of_which_a_part_is_used_is_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	says("partly-without-region", ODD_NOTE, "mem0 (0000:0f:00.0): 512 of 1024 MiB", "mem0");
	assert_int_equal(nr_problems(), 0);
}

static void device_without_driver_is_told_and_nothing_that_follows_from_it(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-no-region"));
	fake_remove(&fake, "sys/bus/cxl/devices/endpoint2");
	look();
	says("no-driver", ODD_PROBLEM, "mem0", "modprobe cxl_mem");
	assert_null(find("no-region"));
}

static void persistent_memory_alone_is_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-no-region"));
	fake_write(&fake, MEM0 "ram/size", "0x0\n");
	fake_write(&fake, MEM0 "pmem/size", "0x10000000\n");
	look();
	says("persistent-only", ODD_NOTE, "all of its 256 MiB", "cxl set-partition");
}

static void memory_that_is_not_online_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-offline"));
	look();
	says("not-online", ODD_PROBLEM, "dax0.0 (node 1): 256 of its 256 MiB",
	     "daxctl online-memory dax0.0");
	assert_null(find("offline-blocks"));
}

static void memory_that_is_half_online_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	assert_null(find("not-online"));
	fake_write(&fake, "sys/devices/system/memory/memory155/state", "offline\n");
	look();
	says("not-online", ODD_PROBLEM, "128 of its 256 MiB", "daxctl");
}

static void memory_that_fills_no_block_cannot_be_online(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	/* 64 MiB more than two blocks. */
	fake_write(&fake, DAX "size", "335544320\n");
	look();
	assert_null(find("not-online"));
}

static void blocks_that_are_offline_elsewhere_are_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_write(&fake, "sys/devices/system/memory/memory3/state", "offline\n");
	look();
	says("offline-blocks", ODD_PROBLEM, "128 MiB", "online_movable");
}

static void region_that_is_not_committed_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	/* As the recorded machine looks then. */
	fake_write(&fake, REGION "commit", "0\n");
	fake_remove(&fake, REGION "driver");
	fake_remove(&fake, "sys/bus/dax/devices/dax0.0");
	look();
	says("not-committed", ODD_PROBLEM, "region0: not committed: 1 of 1 devices",
	     "/sys/bus/cxl/devices/region0/commit");
	assert_null(find("region-disabled"));
	fake_remove(&fake, REGION "target0");
	look();
	says("not-committed", ODD_PROBLEM, "0 of 1 devices", "commit");
}

static void region_without_driver_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-offline"));
	fake_remove(&fake, REGION "driver");
	fake_remove(&fake, "sys/bus/dax/devices/dax0.0");
	look();
	says("region-disabled", ODD_PROBLEM, "region0: committed, but no driver",
	     "cxl enable-region region0");
}

static void region_without_dax_device_is_told(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab-offline"));
	fake_remove(&fake, "sys/bus/dax/devices/dax0.0");
	look();
	says("no-dax-device", ODD_PROBLEM, "region0: committed, but without a dax device",
	     "modprobe dax_cxl");
}

/* Firmware may tell the kernel of it as of any memory. */
static void region_that_is_memory_needs_no_dax_device(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_remove(&fake, "sys/bus/dax/devices/dax0.0");
	look();
	assert_null(find("no-dax-device"));
}

static void dax_device_for_programs_is_told(void **state)
{
	char link[512];

	(void)state;
	use(FAKE_MACHINE("cxl-lab-offline"));
	fake_remove(&fake, DAX "driver");
	(void)snprintf(link, sizeof(link), "%s/" DAX "driver", fake.root);
	fake_check(symlink("../../bus/dax/drivers/device_dax", link) == 0, link);
	look();
	says("dax-not-memory", ODD_PROBLEM, "dax0.0 (256 MiB): a device that programs map",
	     "daxctl reconfigure-device --mode=system-ram dax0.0");
	assert_null(find("not-online"));
}

static void equal_tiers_are_told_with_the_tiers_to_set(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-equal-tiers"));
	look();
	says("one-tier", ODD_PROBLEM, "all 2 memory nodes are in one tier",
	     "thermocline run --tiers 0/1");
	assert_int_equal(nr_problems(), 1);
	look_with("0/1");
	assert_int_equal(nr_problems(), 0);
}

static void nodes_that_all_have_cpus_suggest_no_tiers(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-equal-tiers"));
	fake_write(&fake, NODE "has_cpu", "0-1\n");
	look();
	says("one-tier", ODD_PROBLEM, "one tier", "--tiers LIST");
}

static void tiers_of_the_kernel_that_are_equal_are_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("2n-one-kernel-tier"));
	look();
	says("kernel-one-tier", ODD_NOTE, "all nodes in one memory tier", "latencies (HMAT)");
	assert_int_equal(nr_problems(), 0);
}

static void cxl_memory_in_the_tier_of_cpus_is_told(void **state)
{
	(void)state;
	make_perfect();
	fake_write(&fake, NODE "has_memory", "0-2\n");
	fake_write(&fake, NODE "online", "0-2\n");
	fake_write(&fake, NODE "node2/meminfo", "Node 2 MemTotal: 1 kB\nNode 2 MemFree: 1 kB\n");
	fake_write(&fake, TIERS "memory_tier4/nodelist", "0-1\n");
	fake_write(&fake, TIERS "memory_tier22/nodelist", "2\n");
	look();
	says("cxl-not-slower", ODD_PROBLEM, "node 1 (region0): in the same tier as node 0",
	     "--tiers LIST");
}

static void nodes_without_latency_are_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	says("no-latency", ODD_NOTE, "node 1: firmware says no latency", "--tiers");
}

static void demotion_that_is_off_is_a_note_where_there_are_tiers(void **state)
{
	(void)state;
	make_perfect();
	fake_write(&fake, "sys/kernel/mm/numa/demotion_enabled", "false\n");
	look();
	says("demotion-off", ODD_NOTE, "swap", "demotion_enabled");
	fake_remove(&fake, "sys/kernel/mm/numa/demotion_enabled");
	look();
	assert_int_equal(machine.demotion, -1);
	assert_int_equal(odds.nr, 0);
}

static void kernel_that_promotes_is_a_note_unless_it_must_not_move(void **state)
{
	(void)state;
	make_perfect();
	fake_write(&fake, "proc/sys/kernel/numa_balancing", "2\n");
	fake_write(&fake, "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps", "65536\n");
	look();
	says("kernel-promotes", ODD_NOTE, "promotes by itself", "numa_balancing=0");
	fake_write(&fake, "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps", "0\n");
	look();
	assert_int_equal(odds.nr, 0);
	fake_write(&fake, "proc/sys/kernel/numa_balancing", "1\n");
	fake_write(&fake, "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps", "65536\n");
	look();
	assert_int_equal(odds.nr, 0);
}

static void xor_window_is_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	look();
	says("xor-window", ODD_NOTE, "by XOR", "hotness unit");
	fake_remove(&fake, "sys/firmware/acpi/tables/CEDT");
	look();
	says("unknown-arithmetic", ODD_NOTE, "cannot know", "as root");
	assert_null(find("xor-window"));
}

static void addresses_that_contradict_are_a_note(void **state)
{
	(void)state;
	make_perfect();
	fake_write(&fake, ROOT "port1/port2/endpoint4/decoder4.0/start", "0x0\n");
	look();
	says("no-translation", ODD_NOTE, "contradict", "can be tiered");
}

static void linear_cache_is_a_note(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_write(&fake, REGION "extended_linear_cache_size", "0x8000000\n");
	look();
	says("linear-cache", ODD_NOTE, "first 128 MiB are DRAM", "which of two addresses");
}

/* What a user who is not root sees. */
static void addresses_for_root_alone_are_a_note_and_no_problem(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	for (int i = 0; i < 2; i++) {
		const char *names[] = { "start", "size" };
		char path[128];

		(void)snprintf(path, sizeof(path), ROOT "decoder0.0/%s", names[i]);
		fake_remove(&fake, path);
		(void)snprintf(path, sizeof(path), ROOT "port1/endpoint2/decoder2.0/%s", names[i]);
		fake_remove(&fake, path);
	}
	fake_remove(&fake, DAX "resource");
	fake_remove(&fake, "proc/iomem");
	look();
	says("no-addresses", ODD_NOTE, "decoder0.0", "as root");
	assert_int_equal(nr_problems(), 0);
}

static void libcxl_that_sees_something_else_is_a_note(void **state)
{
	(void)state;
	make_perfect();
	look();
	assert_int_equal(machine.libcxl, -ENOTSUP);
	machine.libcxl = 2;
	(void)snprintf(machine.libcxl_says, sizeof(machine.libcxl_says), "mem0: something");
	odd_find(&machine, &odds);
	says("libcxl-differs", ODD_NOTE, "mem0: something (2 differences)", "record-machine.sh");
}

static void one_kind_of_memory_is_told_once(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_remove(&fake, "sys/bus");
	fake_write(&fake, NODE "has_memory", "0\n");
	fake_write(&fake, NODE "online", "0\n");
	look();
	assert_int_equal(odds.nr, 1);
	says("one-node", ODD_PROBLEM, "nothing to move between", "one kind of memory");
}

static void problems_come_first_and_what_is_too_much_is_counted(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-equal-tiers"));
	for (unsigned int i = 1; i <= ODD_MAX; i++) {
		char path[80];

		(void)snprintf(path, sizeof(path), "sys/bus/cxl/devices/mem%u/ram/size", i);
		fake_write(&fake, path, "0x10000000\n");
	}
	look();
	assert_int_equal(odds.nr, ODD_MAX);
	/* One tier, no latency, and 64 devices without a driver. */
	assert_int_equal(odds.nr_left_out, 2);
	assert_non_null(find("one-tier"));
	for (size_t i = 1; i < odds.nr; i++)
		assert_true(odds.odds[i - 1].severity <= odds.odds[i].severity);
	assert_string_equal(odd_severity_name(odds.odds[odds.nr - 1].severity), "note");
}

static void wrong_tiers_are_refused(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	assert_int_equal(machine_open(&machine, &fake.host, "0/7"), -EINVAL);
}

static void machine_without_nodes_is_refused(void **state)
{
	(void)state;
	fake_host_init(&fake);
	assert_int_equal(machine_open(&machine, &fake.host, NULL), -ENODEV);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, drop)
	const struct CMUnitTest tests[] = {
		TEST(machine_as_it_should_be_has_nothing_odd),
		TEST(device_without_region_is_told),
		TEST(no_window_for_volatile_memory_is_the_firmwares),
		TEST(device_of_which_a_part_is_used_is_a_note),
		TEST(device_without_driver_is_told_and_nothing_that_follows_from_it),
		TEST(persistent_memory_alone_is_a_note),
		TEST(memory_that_is_not_online_is_told),
		TEST(memory_that_is_half_online_is_told),
		TEST(memory_that_fills_no_block_cannot_be_online),
		TEST(blocks_that_are_offline_elsewhere_are_told),
		TEST(region_that_is_not_committed_is_told),
		TEST(region_without_driver_is_told),
		TEST(region_without_dax_device_is_told),
		TEST(region_that_is_memory_needs_no_dax_device),
		TEST(dax_device_for_programs_is_told),
		TEST(equal_tiers_are_told_with_the_tiers_to_set),
		TEST(nodes_that_all_have_cpus_suggest_no_tiers),
		TEST(tiers_of_the_kernel_that_are_equal_are_a_note),
		TEST(cxl_memory_in_the_tier_of_cpus_is_told),
		TEST(nodes_without_latency_are_a_note),
		TEST(demotion_that_is_off_is_a_note_where_there_are_tiers),
		TEST(kernel_that_promotes_is_a_note_unless_it_must_not_move),
		TEST(xor_window_is_a_note),
		TEST(addresses_that_contradict_are_a_note),
		TEST(linear_cache_is_a_note),
		TEST(addresses_for_root_alone_are_a_note_and_no_problem),
		TEST(libcxl_that_sees_something_else_is_a_note),
		TEST(one_kind_of_memory_is_told_once),
		TEST(problems_come_first_and_what_is_too_much_is_counted),
		TEST(wrong_tiers_are_refused),
		TEST(machine_without_nodes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
