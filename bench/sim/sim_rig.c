// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_rig.c - puts a monitor onto a simulated host. */
#include "bench/sim/sim_rig.h"

#include <errno.h>

#include "bench/workload/random.h"
#include "core/error.h"

#define DEFAULT_SLOTS 65536u

static int add_processes(struct sim_rig *rig)
{
	int err = 0;

	for (unsigned int i = 0; i < rig->nr_processes && !err; i++)
		err = sim_host_add_process(&rig->sim,
					   &(struct sim_process){
							   .pid = rig->sim.first_pid + (pid_t)i,
							   .name = "sim",
							   .start = SIM_BASE,
							   .bytes = rig->load->bytes,
							   .nr_threads = 8,
					   });
	return err;
}

int sim_rig_update_targets(struct sim_rig *rig)
{
	struct thermo_target_spec spec = { .name = "sim", .max_targets = rig->nr_processes };
	int nr = thermo_monitor_update_targets(rig->monitor, &spec);

	if (nr >= 0 && (unsigned int)nr != rig->nr_processes)
		return thermo_fail(-ESRCH, "simulated host: %d targets of %u processes", nr,
				   rig->nr_processes);
	return nr < 0 ? nr : 0;
}

int sim_rig_open(struct sim_rig *rig, const struct sim_load *load, const struct sim_rig_opts *opts)
{
	int err;

	*rig = (struct sim_rig){ .load = load,
				 .nr_processes = opts->nr_processes ? opts->nr_processes : 1,
				 .random = workload_random_seed(opts->seed, 0) };
	err = sim_host_open(&rig->sim, &opts->machine);
	if (!err)
		err = add_processes(rig);
	if (err)
		return err;
	/* A monitor's own random numbers may begin with the time. */
	sim_host_advance(&rig->sim, opts->seed * 1000003);
	rig->start_ns = thermo_host_now_ns(&rig->sim.host);
	err = thermo_reporter_new(&rig->reporter,
				  &(struct thermo_reporter_opts){
						  .nr_reports = opts->nr_slots ? opts->nr_slots
									       : DEFAULT_SLOTS,
						  .nr_threads = 1 });
	if (!err)
		err = thermo_monitor_new(&rig->monitor, &rig->sim.host, &opts->monitor);
	if (!err)
		err = thermo_monitor_add_reporter(rig->monitor, rig->reporter, "sim");
	return err ? err : sim_rig_update_targets(rig);
}

void sim_rig_close(struct sim_rig *rig)
{
	thermo_monitor_free(rig->monitor);
	thermo_reporter_free(rig->reporter);
	sim_host_close(&rig->sim);
	*rig = (struct sim_rig){ 0 };
}

uint64_t sim_rig_time_ns(const struct sim_rig *rig)
{
	return thermo_host_now_ns(&rig->sim.host) - rig->start_ns;
}

struct thermo_access sim_rig_draw(struct sim_rig *rig, uint32_t period)
{
	struct thermo_access a =
			sim_load_draw(rig->load, sim_rig_time_ns(rig), period, &rig->random);
	uint64_t rest, i = 0;

	if (rig->nr_processes > 1)
		i = workload_random_below(workload_random(&rig->random), rig->nr_processes, &rest);
	a.addr += SIM_BASE;
	a.time_ns += rig->start_ns;
	a.pid = rig->sim.first_pid + (pid_t)i;
	/* Threads of a load are numbered from 1; the first has the process' number. */
	if (a.tid)
		a.tid += a.pid - 1;
	if (a.cpu != THERMO_CPU_UNKNOWN)
		a.node = (int16_t)sim_host_node_of_cpu(&rig->sim, a.cpu);
	return a;
}
