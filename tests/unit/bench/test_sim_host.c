/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_host.c - what the code under measurement sees of a machine that is not there. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/sim/sim_rig.h"
#include "core/proc.h"

#define GIB (1ull << 30)
#define TIB (1ull << 40)

static void assert_list(const struct sim_host *sim, const char *path, const char *text)
{
	char is[64];

	assert_true(thermo_host_read(&sim->host, is, sizeof(is), "%s", path) >= 0);
	assert_string_equal(is, text);
}

static void nodes_share_the_cpus(void **state)
{
	struct sim_machine machine = { .nr_nodes = 3, .nr_cpu_nodes = 2, .nr_cpus = 7 };
	struct sim_host sim;

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	assert_list(&sim, "sys/devices/system/node/online", "0-2");
	assert_list(&sim, "sys/devices/system/node/has_cpu", "0-1");
	assert_list(&sim, "sys/devices/system/cpu/online", "0-6");
	assert_list(&sim, "sys/devices/system/node/node0/cpulist", "0-3");
	assert_list(&sim, "sys/devices/system/node/node1/cpulist", "4-6");
	assert_list(&sim, "sys/devices/system/node/node2/cpulist", "");
	assert_list(&sim, "sys/devices/system/node/node1/distance", "20 10 20");
	assert_int_equal(sim_host_node_of_cpu(&sim, 3), 0);
	assert_int_equal(sim_host_node_of_cpu(&sim, 4), 1);
	assert_int_equal(sim_host_node_of_cpu(&sim, 7), -1);
	sim_host_close(&sim);
}

static void one_of_each_is_a_machine(void **state)
{
	struct sim_machine machine = { 0 };
	struct sim_host sim;

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	assert_list(&sim, "sys/devices/system/node/online", "0");
	assert_list(&sim, "sys/devices/system/node/node0/cpulist", "0");
	assert_list(&sim, "sys/devices/system/node/node0/distance", "10");
	sim_host_close(&sim);
}

static void clock_stands_still_until_told(void **state)
{
	struct sim_machine machine = { 0 };
	struct sim_host sim;

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	uint64_t now_ns = thermo_host_now_ns(&sim.host);

	assert_int_equal(thermo_host_now_ns(&sim.host), now_ns);
	sim_host_advance(&sim, 17);
	assert_int_equal(thermo_host_now_ns(&sim.host), now_ns + 17);
	sim_host_close(&sim);
}

static void process_is_seen_and_exits(void **state)
{
	struct sim_machine machine = { .nr_nodes = 2 };
	struct thermo_range ranges[4];
	struct thermo_proc proc;
	struct sim_host sim;

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	struct sim_process p = { sim.first_pid + 5, "worker", 1ull << 44, 64 * TIB, 9 };

	assert_int_equal(sim_host_add_process(&sim, &p), 0);
	assert_int_equal(thermo_proc_read(&sim.host, p.pid, &proc), 0);
	assert_string_equal(proc.name, "worker");
	assert_int_equal(proc.rss_bytes, 64 * TIB);
	assert_int_equal(proc.nr_threads, 9);
	assert_int_equal(thermo_proc_ranges(&sim.host, p.pid, 4, ranges), 1);
	assert_int_equal(ranges[0].start, 1ull << 44);
	assert_int_equal(ranges[0].end, (1ull << 44) + 64 * TIB);
	sim_host_remove_process(&sim, p.pid);
	assert_int_equal(thermo_proc_read(&sim.host, p.pid, &proc), -ESRCH);
	sim_host_close(&sim);
}

static void pages_are_where_the_rule_says_and_stay(void **state)
{
	struct sim_machine machine = { .nr_nodes = 4, .stripe_bytes = GIB };
	void *pages[] = { (void *)(64 * GIB), (void *)(65 * GIB), (void *)(67 * GIB + 4096) };
	int status[3] = { -1, -1, -1 }, to[3] = { 0, 0, 0 };
	struct sim_host sim;

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	struct sim_process p = { sim.first_pid, "p", 64 * GIB, 8 * GIB, 1 };

	assert_int_equal(sim_host_add_process(&sim, &p), 0);
	assert_int_equal(sim.host.ops->move_pages(&sim.host, p.pid, 3, pages, NULL, status), 0);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 1);
	assert_int_equal(status[2], 3);
	assert_int_equal(sim.host.ops->move_pages(&sim.host, p.pid, 3, pages, to, status), -EPERM);
	assert_int_equal(sim.host.ops->move_pages(&sim.host, p.pid + 1, 3, pages, NULL, status),
			 -ESRCH);
	sim_host_remove_process(&sim, p.pid);
	assert_int_equal(sim.host.ops->move_pages(&sim.host, p.pid, 3, pages, NULL, status),
			 -ESRCH);
	sim_host_close(&sim);
}

static void nothing_is_left_behind(void **state)
{
	struct sim_machine machine = { .nr_nodes = 8, .nr_cpus = 1024 };
	struct sim_host sim;
	char root[64];

	(void)state;
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	struct sim_process p = { sim.first_pid, "p", 64 * GIB, 8 * GIB, 1 };

	assert_int_equal(sim_host_add_process(&sim, &p), 0);
	memcpy(root, sim.root, sizeof(root));
	assert_int_equal(access(root, F_OK), 0);
	sim_host_close(&sim);
	assert_int_not_equal(access(root, F_OK), 0);
	sim_host_close(&sim);
}

static void make_older(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A bench was killed, another one runs since yesterday, a third one has just begun. */
static void only_what_was_abandoned_is_removed(void **state)
{
	struct sim_machine machine = { 0 };
	char abandoned[80], begun[80];
	struct sim_host running, sim;

	(void)state;
	assert_int_equal(sim_host_open(&running, &machine), 0);
	(void)snprintf(abandoned, sizeof(abandoned), "%s-abandoned", running.root);
	(void)snprintf(begun, sizeof(begun), "%s-begun", running.root);
	assert_int_equal(mkdir(abandoned, 0700), 0);
	assert_int_equal(mkdir(begun, 0700), 0);
	make_older(abandoned);
	make_older(running.root);
	assert_int_equal(sim_host_open(&sim, &machine), 0);
	assert_int_not_equal(access(abandoned, F_OK), 0);
	assert_int_equal(access(begun, F_OK), 0);
	assert_list(&running, "sys/devices/system/node/online", "0");
	assert_int_equal(rmdir(begun), 0);
	sim_host_close(&sim);
	sim_host_close(&running);
}

static void impossible_machines_are_refused(void **state)
{
	static const struct sim_machine machines[] = { { .nr_nodes = 1025 },
						       { .nr_nodes = 1, .nr_cpu_nodes = 2 },
						       { .nr_cpus = 70000 } };
	struct sim_machine good = { 0 };
	struct sim_host sim;

	(void)state;
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		assert_int_equal(sim_host_open(&sim, &machines[i]), -EINVAL);
		assert_reason("simulated host");
		sim_host_close(&sim);
	}
	assert_int_equal(sim_host_open(&sim, &good), 0);
	struct sim_process p = { sim.first_pid - 1, "p", 64 * GIB, 8 * GIB, 1 };

	assert_int_equal(sim_host_add_process(&sim, &p), -EINVAL);
	p.pid = sim.first_pid + SIM_MAX_PROCESSES;
	assert_int_equal(sim_host_add_process(&sim, &p), -EINVAL);
	sim_host_close(&sim);
}

/* Every report that a rig draws reaches a region of the process that it names. */
static void monitor_takes_all_that_a_rig_draws(void **state)
{
	struct sim_load load = { .bytes = GIB,
				 .accesses_per_s = 1e6,
				 .background = { .nr_cpus = 16, .first_tid = 1, .nr_tids = 2 } };
	struct sim_rig_opts opts = { .machine = { .nr_nodes = 2, .nr_cpus = 16 },
				     .nr_processes = 3,
				     .nr_slots = 1024,
				     .seed = 1 };
	struct thermo_snapshot *s = NULL;
	unsigned int seen[3] = { 0 };
	struct sim_rig rig;

	(void)state;
	assert_int_equal(sim_load_init(&load), 0);
	assert_int_equal(sim_rig_open(&rig, &load, &opts), 0);
	for (int i = 0; i < 1000; i++) {
		struct thermo_access a = sim_rig_draw(&rig, 1000);

		assert_in_range(a.pid, rig.sim.first_pid, rig.sim.first_pid + 2);
		assert_in_range(a.tid, a.pid, a.pid + 1);
		assert_int_equal(a.node, a.cpu / 8);
		seen[a.pid - rig.sim.first_pid]++;
		assert_true(thermo_report_access(rig.reporter, &a));
	}
	sim_host_advance(&rig.sim, 1000000000);
	assert_int_equal(sim_rig_time_ns(&rig), 1000000000);
	assert_int_equal(thermo_monitor_close_window(rig.monitor, &s), 0);
	assert_int_equal(s->nr_targets, 3);
	assert_int_equal(s->counters.ingested, 1000);
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 250, 420);
	thermo_snapshot_put(s);
	sim_rig_close(&rig);
}

static void lost_process_is_told(void **state)
{
	struct sim_load load = { .bytes = GIB, .accesses_per_s = 1 };
	struct sim_rig_opts opts = { .nr_processes = 2 };
	struct sim_rig rig;

	(void)state;
	assert_int_equal(sim_load_init(&load), 0);
	assert_int_equal(sim_rig_open(&rig, &load, &opts), 0);
	assert_int_equal(sim_rig_update_targets(&rig), 0);
	sim_host_remove_process(&rig.sim, rig.sim.first_pid);
	assert_int_equal(sim_rig_update_targets(&rig), -ESRCH);
	sim_rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_share_the_cpus),
		cmocka_unit_test(one_of_each_is_a_machine),
		cmocka_unit_test(clock_stands_still_until_told),
		cmocka_unit_test(process_is_seen_and_exits),
		cmocka_unit_test(pages_are_where_the_rule_says_and_stay),
		cmocka_unit_test(nothing_is_left_behind),
		cmocka_unit_test(only_what_was_abandoned_is_removed),
		cmocka_unit_test(impossible_machines_are_refused),
		cmocka_unit_test(monitor_takes_all_that_a_rig_draws),
		cmocka_unit_test(lost_process_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
