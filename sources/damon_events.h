/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * damon_events.h - what kdamonds found, from the tracepoint damon_aggregated on all CPUs: one may
 * run on any.
 *
 * Source's thread only.
 */
#ifndef SOURCES_DAMON_EVENTS_H
#define SOURCES_DAMON_EVENTS_H

#include <hwloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "sources/tracepoint.h"
#include "thermocline/source.h"

/* Of one region: of DAMON's target number @target, accessed in @nr_accesses looks. */
struct damon_aggregation {
	uint64_t time_ns;
	uint64_t target;
	uint64_t start;
	uint64_t end;
	uint64_t nr_accesses;
};

enum { DAMON_TARGET, DAMON_START, DAMON_END, DAMON_NR_ACCESSES, DAMON_NR_FIELDS };

struct damon_cpu_event;

/* Zeroed, it is closed. */
struct damon_events {
	const struct thermo_host *host;
	struct tracepoint_field fields[DAMON_NR_FIELDS];
	uint64_t id;
	size_t buffer_bytes;
	bool enabled;
	hwloc_bitmap_t online;
	size_t nr_cpus;
	struct damon_cpu_event *cpus;
	size_t at; /* whose ring is read next */
	unsigned char *record;
};

/* Return: 0, or -errno with the reason, when this kernel does not tell. */
int damon_events_probe(const struct thermo_host *host);

/* Return: 0 or -errno; then damon_events_close() is to be called. */
int damon_events_open(struct damon_events *events, const struct thermo_host *host,
		      size_t buffer_bytes);
void damon_events_close(struct damon_events *events);
int damon_events_enable(struct damon_events *events);

/* Events of CPUs that came are opened, those of CPUs that went closed, with what was not read.
 * Return: 0 or -errno. */
int damon_events_follow_cpus(struct damon_events *events);

/* The next, counted in @counters.  Return: 1; 0: for now there is no more; -errno. */
int damon_events_next(struct damon_events *events, struct damon_aggregation *out,
		      struct thermo_source_counters *counters);

#endif
