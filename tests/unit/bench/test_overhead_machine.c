/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_machine.c - what a machine says of itself, and its scanning threads' time. */
#include "tests/unit/test.h"

#include "bench/overhead/kthreads.h"
#include "bench/overhead/machine.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void cache(int cpu, int index, const char *size, const char *shared)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/cache/index%d/size", cpu,
		       index);
	fake_write(&fake, path, size);
	(void)snprintf(path, sizeof(path),
		       "sys/devices/system/cpu/cpu%d/cache/index%d/shared_cpu_list", cpu, index);
	fake_write(&fake, path, shared);
}

static void all_that_is_there_is_told(void **state)
{
	struct overhead_machine m;

	(void)state;
	fake_write(&fake, "proc/cpuinfo",
		   "processor\t: 0\nmodel name\t: Some CPU 3000\nflags\t\t: fpu hypervisor de\n");
	fake_write(&fake, "proc/sys/kernel/osrelease", "7.2.1\n");
	fake_write(&fake, "proc/sys/kernel/numa_balancing", "1\n");
	fake_write(&fake, "proc/meminfo", "MemTotal: 100 kB\nMemAvailable:    2048 kB\n");
	fake_write(&fake, "proc/loadavg", "1.25 0.5 0.1 1/99 4711\n");
	fake_write(&fake, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	fake_write(&fake, "sys/devices/system/node/has_memory", "0-1\n");
	fake_write(&fake, "sys/devices/system/cpu/online", "0-3\n");
	fake_write(&fake, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	fake_write(&fake, "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave\n");
	for (int cpu = 0; cpu < 4; cpu++) {
		cache(cpu, 0, "32K\n", "0\n");
		cache(cpu, 3, "4096K\n", cpu < 2 ? "0-1\n" : "2-3\n");
	}
	overhead_machine_read(&m, &fake.host);
	assert_string_equal(m.cpu, "Some CPU 3000");
	assert_string_equal(m.kernel, "7.2.1");
	assert_string_equal(m.governor, "powersave");
	assert_string_equal(m.thp, "madvise");
	assert_string_equal(m.numa_balancing, "1");
	assert_int_equal(m.nr_cpus, 4);
	assert_int_equal(m.nr_nodes, 2);
	assert_true(m.is_virtual);
	assert_int_equal(m.cache_bytes, 8 << 20);
	assert_int_equal(m.available_bytes, 2 << 20);
	assert_near(m.load, 1.25, 1e-6);
}

static void what_is_not_there_is_unknown(void **state)
{
	struct overhead_machine m;

	(void)state;
	overhead_machine_read(&m, &fake.host);
	assert_string_equal(m.cpu, "unknown");
	assert_string_equal(m.kernel, "unknown");
	assert_string_equal(m.governor, "unknown");
	assert_string_equal(m.thp, "unknown");
	assert_int_equal(m.nr_cpus, 0);
	assert_int_equal(m.cache_bytes, 0);
	assert_false(m.is_virtual);
}

static void nonsense_is_unknown(void **state)
{
	struct overhead_machine m;

	(void)state;
	fake_write(&fake, "proc/cpuinfo", "model name\nflags\n:\n\n");
	fake_write(&fake, "sys/kernel/mm/transparent_hugepage/enabled", "]always[\n");
	fake_write(&fake, "sys/devices/system/cpu/online", "0\n");
	cache(0, 1, "many\n", "0\n");
	cache(0, 0, "32K\n", "none\n");
	overhead_machine_read(&m, &fake.host);
	assert_string_equal(m.cpu, "unknown");
	assert_string_equal(m.thp, "unknown");
	assert_int_equal(m.cache_bytes, 0);
}

static void governors_that_differ_are_mixed(void **state)
{
	struct overhead_machine m;

	(void)state;
	fake_write(&fake, "sys/devices/system/cpu/online", "0-2\n");
	fake_write(&fake, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	fake_write(&fake, "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
	fake_write(&fake, "sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n");
	overhead_machine_read(&m, &fake.host);
	assert_string_equal(m.governor, "mixed");
}

static void arm_is_told_by_numbers(void **state)
{
	struct overhead_machine m;

	(void)state;
	fake_write(&fake, "proc/cpuinfo",
		   "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n");
	overhead_machine_read(&m, &fake.host);
	assert_string_equal(m.cpu, "implementer 0x41 part 0xd4f");
}

/* --- kernel threads --- */

#define KTHREAD 0x00200000u /* PF_KTHREAD */

static void thread(pid_t pid, const char *name, unsigned int flags, const char *cpu)
{
	char path[64];

	fake_process(&fake, &(struct fake_process){ .pid = pid, .name = name, .flags = flags });
	(void)snprintf(path, sizeof(path), "proc/%d/comm", (int)pid);
	fake_write(&fake, path, name);
	(void)snprintf(path, sizeof(path), "proc/%d/schedstat", (int)pid);
	fake_write(&fake, path, cpu);
}

static void only_new_kdamonds_count(void **state)
{
	struct overhead_kthreads before, ours;

	(void)state;
	thread(77, "kdamond.0", KTHREAD, "1000 5 6\n");
	overhead_kthreads_find(&before, &fake.host, NULL);
	assert_int_equal(before.nr, 1);
	thread(78, "kdamond.1", KTHREAD, "2000 5 6\n");
	thread(79, "kdamond.2", 0, "4000 5 6\n"); /* a program that calls itself so */
	thread(80, "kworker/0:1", KTHREAD, "8000 5 6\n");
	overhead_kthreads_find(&ours, &fake.host, &before);
	assert_int_equal(ours.nr, 1);
	assert_int_equal(overhead_kthreads_cpu_ns(&ours, &fake.host), 2000);
	fake_write(&fake, "proc/78/schedstat", "2500 5 6\n");
	assert_int_equal(overhead_kthreads_cpu_ns(&ours, &fake.host), 2500);
	fake_remove(&fake, "proc/78");
	assert_int_equal(overhead_kthreads_cpu_ns(&ours, &fake.host), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_that_is_there_is_told, make, drop),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_unknown, make, drop),
		cmocka_unit_test_setup_teardown(nonsense_is_unknown, make, drop),
		cmocka_unit_test_setup_teardown(governors_that_differ_are_mixed, make, drop),
		cmocka_unit_test_setup_teardown(arm_is_told_by_numbers, make, drop),
		cmocka_unit_test_setup_teardown(only_new_kdamonds_count, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
