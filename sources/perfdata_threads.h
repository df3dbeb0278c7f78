/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_threads.h - of which process a thread is, and which one ran where: what a
 * perf.data tells of them, record by record in the order of time.
 */
#ifndef SOURCES_PERFDATA_THREADS_H
#define SOURCES_PERFDATA_THREADS_H

#include "sources/perf_record.h"
#include "sources/perfdata_map.h"

struct perfdata_threads {
	struct perfdata_map process_of; /* thread -> process */
	struct perfdata_map on_cpu;     /* CPU -> thread that runs there */
};

/* Learn from a record.  Return: 0 or -ENOMEM. */
int perfdata_threads_take(struct perfdata_threads *t, const struct perf_record *record);

/* Return: 0 when it is not known. */
int32_t perfdata_threads_process_of(const struct perfdata_threads *t, int32_t tid);
/* The thread that runs on @cpu.  Return: 0 when it is not known, or none of a process. */
int32_t perfdata_threads_on(const struct perfdata_threads *t, uint32_t cpu);
void perfdata_threads_fini(struct perfdata_threads *t);

#endif
