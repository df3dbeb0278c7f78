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
 * @mhz:	What latencies are divided by; 0: not known.
 * @srcs:	Data sources that were met: a machine has few.
 */
struct perfdata_known {
	double mhz;
	struct {
		uint64_t data_src;
		uint8_t op;
		uint8_t level;
	} srcs[PERFDATA_KNOWN_SRCS];
};

/* The machine, or nothing, has changed. */
void perfdata_know(struct perfdata_known *known, const struct perfdata_machine *machine,
		   const struct perfdata_opts *opts);

/*
 * perfdata_access_of() without a struct perf_sample between: of a @record of @event, whose
 * layout has bytes, and no more than @record has.
 */
bool perfdata_access_in(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			struct perfdata_known *known, const struct perfdata_event *event,
			const struct perf_event_header *record, struct thermo_access *access);

/* Where samples of @format have what matters. */
struct perfdata_layout perfdata_layout_of(const struct perf_format *format);

#endif
