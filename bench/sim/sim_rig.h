/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_rig.h - a monitor at work: a simulated host, processes under a load, a reporter.
 *
 * One thread.
 */
#ifndef BENCH_SIM_SIM_RIG_H
#define BENCH_SIM_SIM_RIG_H

#include "bench/sim/sim_host.h"
#include "bench/sim/sim_load.h"
#include "thermocline/monitor.h"

/* Where the memory of each process begins. */
#define SIM_BASE 0x100000000000ull

/**
 * struct sim_rig_opts - Zeroes mean the default.
 * @nr_processes:	Each has as much memory as the load, and the same share of its
 *		accesses; default 1.
 * @nr_slots:	Of the reporter; default 65536.
 */
struct sim_rig_opts {
	struct sim_machine machine;
	struct thermo_monitor_opts monitor;
	unsigned int nr_processes;
	uint32_t nr_slots;
	uint64_t seed;
};

/**
 * struct sim_rig - What there is.
 * @load:	What is accessed; may be changed for another one of as many bytes.
 */
struct sim_rig {
	struct sim_host sim;
	struct thermo_monitor *monitor;
	struct thermo_reporter *reporter;
	const struct sim_load *load;
	unsigned int nr_processes;
	uint64_t start_ns;
	uint64_t random;
};

/*
 * The monitor watches all processes.  @load is initialised, and stays the caller's.
 * Return: 0 or -errno; sim_rig_close() is due in any case.
 */
int sim_rig_open(struct sim_rig *rig, const struct sim_load *load, const struct sim_rig_opts *opts);
void sim_rig_close(struct sim_rig *rig);

/* Look for targets anew.  Return: 0, -errno, or -ESRCH when some are not found. */
int sim_rig_update_targets(struct sim_rig *rig);

/* Of the load: since the rig was opened. */
uint64_t sim_rig_time_ns(const struct sim_rig *rig);

/*
 * Draw an access that stands for @period, now, to any of the processes: addr, pid, tid
 * and node are those of the simulated host.
 */
struct thermo_access sim_rig_draw(struct sim_rig *rig, uint32_t period);

#endif
