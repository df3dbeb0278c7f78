// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_access.c - what is not known stays unknown. */
#include "sources/perfdata_access.h"

#include <math.h>

#include "sources/data_src.h"
#include "sources/perfdata_hmu.h"
#include "sources/perfdata_machine.h"

static uint32_t nr_accesses(uint64_t period)
{
	/* A sample is one access at least, also where a PMU reports a period of 0. */
	return period == 0 ? 1 : period > UINT32_MAX ? UINT32_MAX : (uint32_t)period;
}

static uint32_t latency_ns(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			   uint64_t cycles)
{
	double mhz = opts->cpu_mhz > 0 ? opts->cpu_mhz : perfdata_machine_mhz(machine);
	double ns;

	if (mhz <= 0 || cycles == 0)
		return 0;
	ns = (double)cycles * 1000 / mhz;
	/* 0 means "not measured". */
	return ns < 1 ? 1 : ns >= UINT32_MAX ? UINT32_MAX : (uint32_t)lround(ns);
}

static int16_t node_of(const struct perfdata_machine *machine, uint32_t cpu)
{
	if (cpu >= machine->nr_cpus_known)
		return THERMO_NODE_UNKNOWN;
	return machine->node_of_cpu[cpu];
}

/* -1 and 0 are threads that have exited, and the idle ones. */
static int32_t known_pid(int32_t pid)
{
	return pid > 0 ? pid : 0;
}

/* What is the same of all. */
static bool begin_access(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			 const struct perf_sample *s, uint32_t cpu, struct thermo_access *access)
{
	uint64_t addr = opts->physical ? s->phys_addr : s->addr;

	if (addr == 0)
		return false;
	*access = (struct thermo_access){
		.addr = addr,
		.extent_bytes = 1,
		.time_ns = s->time_ns,
		.pid = known_pid(s->pid),
		.tid = known_pid(s->tid),
		.cpu = cpu,
		.latency_ns = latency_ns(machine, opts, s->latency_cycles),
		.node = THERMO_NODE_UNKNOWN,
		.space = opts->physical ? THERMO_SPACE_PHYSICAL : THERMO_SPACE_VIRTUAL,
	};
	if (cpu != THERMO_CPU_UNKNOWN)
		access->node = node_of(machine, cpu);
	return true;
}

bool perfdata_access_of(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			const struct perfdata_event *event, const struct perf_sample *s,
			struct thermo_access *access)
{
	uint64_t type = event->format.sample_type;
	uint32_t cpu = type & PERF_SAMPLE_CPU ? s->cpu : THERMO_CPU_UNKNOWN;

	if (!begin_access(machine, opts, s, cpu, access))
		return false;
	access->nr_accesses = nr_accesses(type & PERF_SAMPLE_PERIOD ? s->period : event->period);
	if (type & PERF_SAMPLE_DATA_SRC) {
		access->op = data_src_op(s->data_src);
		access->level = data_src_level(s->data_src);
	}
	return true;
}

bool perfdata_access_of_aux(const struct perfdata_machine *machine,
			    const struct perfdata_opts *opts, const struct perfdata_event *event,
			    const struct perfdata_aux_access *aux, const struct perf_sample *s,
			    struct thermo_access *access)
{
	if (aux->granule_bytes) {
		perfdata_hmu_access(aux, s->time_ns, access);
		return !opts->physical; /* its addresses are the device's */
	}
	if (!begin_access(machine, opts, s, aux->cpu, access))
		return false;
	access->nr_accesses = nr_accesses(event->period);
	access->op = aux->op;
	access->level = aux->level;
	return true;
}
