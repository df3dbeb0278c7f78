/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_machine.h - what the header of a perf.data says of the machine and the events. */
#ifndef SOURCES_PERFDATA_MACHINE_H
#define SOURCES_PERFDATA_MACHINE_H

#include "sources/perfdata_events.h"

/* Parts of the header, by number; tools/perf/util/header.h. */
enum {
	PERFDATA_FEATURE_HOSTNAME = 3,
	PERFDATA_FEATURE_OSRELEASE = 4,
	PERFDATA_FEATURE_ARCH = 6,
	PERFDATA_FEATURE_NRCPUS = 7,
	PERFDATA_FEATURE_CPUDESC = 8,
	PERFDATA_FEATURE_CPUID = 9,
	PERFDATA_FEATURE_EVENT_DESC = 12,
	PERFDATA_FEATURE_NUMA_TOPOLOGY = 14,
	PERFDATA_FEATURE_PMU_MAPPINGS = 16,
	PERFDATA_FEATURE_SAMPLE_TIME = 21,
	PERFDATA_FEATURE_DIR_FORMAT = 24,
	PERFDATA_NR_FEATURES = 256,
};

/* Whether it is one that is read. */
bool perfdata_feature_matters(int feature);

/*
 * Take in @bytes of a feature.  Return: 0; -EBADMSG without a reason, and then nothing
 * of it was taken in or its first part; -ENOMEM.
 */
int perfdata_feature_take(struct perfdata_machine *m, struct perfdata_events *ev, int feature,
			  const void *data, size_t bytes, bool swap);

/* Cut to the room there is, and nothing in it that a terminal would obey. */
void perfdata_copy_name(char *out, size_t room, const char *text);

/* Nanoseconds of perf's clock; 0: not known. */
uint64_t perfdata_clock_ns(const struct perfdata_clock *clock, uint64_t ticks);

/* PERF_RECORD_TIME_CONV: how the time stamp counter becomes nanoseconds. */
void perfdata_machine_take_time_conv(struct perfdata_machine *m,
				     const struct perf_event_header *record, bool swap);
/* Cycles a microsecond, for latencies; 0: not known. */
double perfdata_machine_mhz(const struct perfdata_machine *m);
void perfdata_machine_fini(struct perfdata_machine *m);

#endif
