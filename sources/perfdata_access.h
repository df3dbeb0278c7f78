/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_access.h - from a sample to a report of an access. */
#ifndef SOURCES_PERFDATA_ACCESS_H
#define SOURCES_PERFDATA_ACCESS_H

#include "sources/perfdata_aux.h"

/* Return: false when the sample tells of no access, and then @access is not written. */
bool perfdata_access_of(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			const struct perfdata_event *event, const struct perf_sample *sample,
			struct thermo_access *access);

/* The same of an access in AUX data, which came out as @sample. */
bool perfdata_access_of_aux(const struct perfdata_machine *machine,
			    const struct perfdata_opts *opts, const struct perfdata_event *event,
			    const struct perfdata_aux_access *aux, const struct perf_sample *sample,
			    struct thermo_access *access);

/* Addresses of a guest are not those of the process that runs it. */
static inline bool perfdata_is_of_guest(uint16_t misc)
{
	uint16_t mode = misc & PERF_RECORD_MISC_CPUMODE_MASK;

	return mode == PERF_RECORD_MISC_GUEST_KERNEL || mode == PERF_RECORD_MISC_GUEST_USER;
}

#define PERFDATA_KNOWN_SRCS 16

/**
 * struct perfdata_known - What need not be found out for each sample anew.
 * @ns_per_cycle:	Of latencies; 0: not known.
 * @srcs:	Data sources that were met: a machine has few.
 */
struct perfdata_known {
	double ns_per_cycle;
	struct {
		uint64_t data_src;
		uint8_t op;
		uint8_t level;
	} srcs[PERFDATA_KNOWN_SRCS];
};

/* The machine, or nothing, has changed. */
void perfdata_know(struct perfdata_known *known, const struct perfdata_machine *machine,
		   const struct perfdata_opts *opts);

/* Where samples of @format have what matters. */
struct perfdata_layout perfdata_layout_of(const struct perf_format *format);

/* --- of one word each --- */

static inline uint32_t perfdata_nr_accesses(uint64_t period)
{
	/* A sample is one access at least, also where a PMU reports a period of 0. */
	return period == 0 ? 1 : period > UINT32_MAX ? UINT32_MAX : (uint32_t)period;
}

static inline uint32_t perfdata_latency_ns(double ns_per_cycle, uint64_t cycles)
{
	double ns;

	if (ns_per_cycle <= 0 || cycles == 0)
		return 0;
	ns = (double)cycles * ns_per_cycle;
	/* 0 means "not measured".  Between these, adding a half is what lround() does. */
	return ns < 1 ? 1 : ns >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ns + 0.5);
}

static inline int16_t perfdata_node_of(const struct perfdata_machine *machine, uint32_t cpu)
{
	return cpu < machine->nr_cpus_known ? machine->node_of_cpu[cpu] : THERMO_NODE_UNKNOWN;
}

/* -1 and 0 are threads that have exited, and the idle ones. */
static inline int32_t perfdata_known_pid(int32_t pid)
{
	return pid > 0 ? pid : 0;
}

#endif
