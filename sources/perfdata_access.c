// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_access.c - what is not known stays unknown. */
#include "sources/perfdata_access.h"

#include "sources/data_src.h"
#include "sources/perfdata_machine.h"

static uint32_t nr_accesses(uint64_t period)
{
	/* A sample is one access at least, also where a PMU reports a period of 0. */
	return period == 0 ? 1 : period > UINT32_MAX ? UINT32_MAX : (uint32_t)period;
}

static uint32_t latency_ns(double mhz, uint64_t cycles)
{
	double ns;

	if (mhz <= 0 || cycles == 0)
		return 0;
	ns = (double)cycles * 1000 / mhz;
	/* 0 means "not measured".  Between these, adding a half is what lround() does. */
	return ns < 1 ? 1 : ns >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ns + 0.5);
}

static double mhz_of(const struct perfdata_machine *machine, const struct perfdata_opts *opts)
{
	return opts->cpu_mhz > 0 ? opts->cpu_mhz : perfdata_machine_mhz(machine);
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
		.latency_ns = s->latency_cycles
					      ? latency_ns(mhz_of(machine, opts), s->latency_cycles)
					      : 0,
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
	if (!begin_access(machine, opts, s, aux->cpu, access))
		return false;
	access->nr_accesses = nr_accesses(event->period);
	access->op = aux->op;
	access->level = aux->level;
	return true;
}

/* --- without a sample between --- */

void perfdata_know(struct perfdata_known *known, const struct perfdata_machine *machine,
		   const struct perfdata_opts *opts)
{
	known->mhz = mhz_of(machine, opts);
	/* Their zeroes: of data source 0 nothing is known. */
	_Static_assert(THERMO_OP_UNKNOWN == 0 && THERMO_LEVEL_UNKNOWN == 0, "zero is something");
}

/* An op and a level, from the data source in the word at @at. */
static void take_data_src(struct perfdata_known *known, uint64_t data_src,
			  struct thermo_access *access)
{
	/* Fibonacci hashing: the upper bits depend on all. */
	size_t i = (data_src * 0x9e3779b97f4a7c15ull) >> 60;

	if (known->srcs[i].data_src != data_src) {
		known->srcs[i].data_src = data_src;
		known->srcs[i].op = (uint8_t)data_src_op(data_src);
		known->srcs[i].level = (uint8_t)data_src_level(data_src);
	}
	access->op = known->srcs[i].op;
	access->level = known->srcs[i].level;
}

static uint64_t word_at(const struct perf_event_header *record, uint8_t word)
{
	return perf_load_u64((const unsigned char *)record + 8 * (size_t)word, false);
}

/* Of two halves of a word. */
static uint32_t half_at(const struct perf_event_header *record, uint8_t word, int half)
{
	return perf_load_u32((const unsigned char *)record + 8 * (size_t)word + 4 * half, false);
}

/* What is not in the sample stays as it is. */
static void take_words(const struct perfdata_machine *machine, struct perfdata_known *known,
		       const struct perfdata_event *event, const struct perf_event_header *record,
		       struct thermo_access *access)
{
	const struct perfdata_layout *l = &event->layout;

	if (l->time)
		access->time_ns = word_at(record, l->time);
	if (l->tid) {
		access->pid = known_pid((int32_t)half_at(record, l->tid, 0));
		access->tid = known_pid((int32_t)half_at(record, l->tid, 1));
	}
	if (l->cpu) {
		access->cpu = half_at(record, l->cpu, 0);
		access->node = access->cpu == THERMO_CPU_UNKNOWN ? THERMO_NODE_UNKNOWN
								 : node_of(machine, access->cpu);
	}
	if (l->period)
		access->nr_accesses = nr_accesses(word_at(record, l->period));
	if (l->weight) {
		uint64_t weight = word_at(record, l->weight);

		if (event->format.sample_type & PERF_SAMPLE_WEIGHT_STRUCT)
			weight = (uint32_t)weight;
		access->latency_ns = latency_ns(known->mhz, weight);
	}
	if (l->data_src)
		take_data_src(known, word_at(record, l->data_src), access);
}

bool perfdata_access_in(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			struct perfdata_known *known, const struct perfdata_event *event,
			const struct perf_event_header *record, struct thermo_access *access)
{
	uint8_t where = opts->physical ? event->layout.phys_addr : event->layout.addr;
	uint64_t addr = where ? word_at(record, where) : 0;

	if (addr == 0 || perfdata_is_of_guest(record->misc))
		return false;
	*access = (struct thermo_access){
		.addr = addr,
		.extent_bytes = 1,
		.nr_accesses = nr_accesses(event->period),
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.space = opts->physical ? THERMO_SPACE_PHYSICAL : THERMO_SPACE_VIRTUAL,
	};
	take_words(machine, known, event, record, access);
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
		PERF_SAMPLE_IDENTIFIER,	    PERF_SAMPLE_IP,
		PERF_SAMPLE_TID,	    PERF_SAMPLE_TIME,
		PERF_SAMPLE_ADDR,	    PERF_SAMPLE_ID,
		PERF_SAMPLE_STREAM_ID,	    PERF_SAMPLE_CPU,
		PERF_SAMPLE_PERIOD,	    weight,
		PERF_SAMPLE_DATA_SRC,	    PERF_SAMPLE_TRANSACTION,
		PERF_SAMPLE_PHYS_ADDR,	    PERF_SAMPLE_CGROUP,
		PERF_SAMPLE_DATA_PAGE_SIZE, PERF_SAMPLE_CODE_PAGE_SIZE,
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
