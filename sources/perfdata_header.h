/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_header.h - what comes before and behind the records of a perf.data. */
#ifndef SOURCES_PERFDATA_HEADER_H
#define SOURCES_PERFDATA_HEADER_H

#include "sources/perfdata_input.h"
#include "sources/perfdata_machine.h"

struct perfdata_header {
	struct perfdata_events *events;
	struct perfdata_machine *machine;
	struct perfdata_counters *counters;
};

/*
 * Read the header of @in, and leave it where the records begin.  Of what was written
 * through a pipe, that is only which byte order it has: the rest comes in records.
 */
int perfdata_header_read(const struct perfdata_header *h, struct perfdata_input *in);

/*
 * Take in a record of perf itself.  Return: 1; 0 when it tells nothing of header;
 * -errno.
 */
int perfdata_header_take(const struct perfdata_header *h, const struct perfdata_input *in,
			 const struct perf_event_header *record);

#endif
