// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_access.c - what is not known stays unknown. */
#include "sources/perfdata_access.h"

#include "sources/data_src.h"
#include "sources/perfdata_hmu.h"
#include "sources/perfdata_machine.h"

static double ns_per_cycle(const struct perfdata_machine *machine, const struct perfdata_opts *opts)
{
	double mhz = opts->cpu_mhz > 0 ? opts->cpu_mhz : perfdata_machine_mhz(machine);

	return mhz > 0 ? 1000 / mhz : 0;
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
		.pid = perfdata_known_pid(s->pid),
		.tid = perfdata_known_pid(s->tid),
		.cpu = cpu,
		.latency_ns = s->latency_cycles ? perfdata_latency_ns(ns_per_cycle(machine, opts),
								      s->latency_cycles)
						: 0,
		.node = THERMO_NODE_UNKNOWN,
		.space = opts->physical ? THERMO_SPACE_PHYSICAL : THERMO_SPACE_VIRTUAL,
	};
	if (cpu != THERMO_CPU_UNKNOWN)
		access->node = perfdata_node_of(machine, cpu);
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
	access->nr_accesses =
			perfdata_nr_accesses(type & PERF_SAMPLE_PERIOD ? s->period : event->period);
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
	access->nr_accesses = perfdata_nr_accesses(event->period);
	access->op = aux->op;
	access->level = aux->level;
	return true;
}

/* The place of @field among words that lie in the order of @fields, the first at @place. */
static uint8_t place_of(uint64_t type, const uint64_t *fields, size_t nr, uint64_t field)
{
	uint8_t place = 1; /* behind the header */

	for (size_t i = 0; i < nr && type & field; i++) {
		if (fields[i] & field)
			return place;
		place += (type & fields[i]) != 0;
	}
	return 0;
}

struct perfdata_layout perfdata_layout_of(const struct perf_format *format)
{
	const uint64_t weight = PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT;
	/* In the order in which they lie, see perf_sample.c; those of one word. */
	const uint64_t fields[] = {
		PERF_SAMPLE_IDENTIFIER,
		PERF_SAMPLE_IP,
		PERF_SAMPLE_TID,
		PERF_SAMPLE_TIME,
		PERF_SAMPLE_ADDR,
		PERF_SAMPLE_ID,
		PERF_SAMPLE_STREAM_ID,
		PERF_SAMPLE_CPU,
		PERF_SAMPLE_PERIOD,
		weight,
		PERF_SAMPLE_DATA_SRC,
		PERF_SAMPLE_TRANSACTION,
		PERF_SAMPLE_PHYS_ADDR,
		PERF_SAMPLE_CGROUP,
		PERF_SAMPLE_DATA_PAGE_SIZE,
		PERF_SAMPLE_CODE_PAGE_SIZE,
	};
	const size_t nr = sizeof(fields) / sizeof(fields[0]);
	uint64_t type = format->sample_type, all = 0;

	for (size_t i = 0; i < nr; i++)
		all |= fields[i];
	if (type & ~all || format->swap)
		return (struct perfdata_layout){ 0 };
	return (struct perfdata_layout){
		/* As perf_sample_decode() counts: a bit is a word. */
		.bytes = (uint16_t)(sizeof(struct perf_event_header) + 8 * perf_nr_bits(type)),
		.tid = place_of(type, fields, nr, PERF_SAMPLE_TID),
		.time = place_of(type, fields, nr, PERF_SAMPLE_TIME),
		.addr = place_of(type, fields, nr, PERF_SAMPLE_ADDR),
		.cpu = place_of(type, fields, nr, PERF_SAMPLE_CPU),
		.period = place_of(type, fields, nr, PERF_SAMPLE_PERIOD),
		.weight = place_of(type, fields, nr, weight),
		.data_src = place_of(type, fields, nr, PERF_SAMPLE_DATA_SRC),
		.phys_addr = place_of(type, fields, nr, PERF_SAMPLE_PHYS_ADDR),
	};
}

void perfdata_know(struct perfdata_known *known, const struct perfdata_machine *machine,
		   const struct perfdata_opts *opts)
{
	known->ns_per_cycle = ns_per_cycle(machine, opts);
	/* Their zeroes: of data source 0 nothing is known. */
	_Static_assert(THERMO_OP_UNKNOWN == 0 && THERMO_LEVEL_UNKNOWN == 0, "zero is something");
}
