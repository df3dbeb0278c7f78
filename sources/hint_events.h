/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hint_events.h - page faults and armings of all CPUs, in the order of time.
 *
 * Each CPU has a ring that takes the page-fault tracepoint and, where the kernel
 * has kprobes, the entry and the return of the function that arms a range.
 * Records are kept until no older one of another CPU can come any more.
 *
 * Source's thread only.
 */
#ifndef SOURCES_HINT_EVENTS_H
#define SOURCES_HINT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "thermocline/source.h"

enum hint_event_kind {
	HINT_FAULT,
	HINT_ARM,   /* arming [addr, end) begins */
	HINT_ARMED, /* and is complete */
};

struct hint_event {
	uint64_t time_ns;
	uint64_t addr;
	uint64_t end;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
	uint8_t kind; /* enum hint_event_kind */
	uint8_t op;   /* enum thermo_op, of a fault */
};

struct hint_events;

/* Whether @pid is of interest. */
typedef bool hint_filter(const void *context, int32_t pid);

/* Return: 0, or -errno with the reason, when faults cannot be seen on this kernel. */
int hint_events_probe(const struct thermo_host *host);

/* One fault in @thinning is recorded.  Return: 0 or -errno; nothing is left open then. */
int hint_events_open(struct hint_events **events, const struct thermo_host *host,
		     size_t buffer_bytes, uint32_t thinning);
void hint_events_close(struct hint_events *events);
int hint_events_enable(struct hint_events *events);
/*
 * Events of CPUs that came are opened, those of CPUs that went closed, with what was not collected.
 * Return: 1 if there were any, so that faults may have been missed; 0; -errno.
 */
int hint_events_follow_cpus(struct hint_events *events);
int hint_events_set_thinning(struct hint_events *events, uint32_t thinning);

/* Whether armings are seen, too. */
bool hint_events_see_arming(const struct hint_events *events);

/* Take what the rings hold, for pids that @filter lets through.  Return: 0 or -errno. */
int hint_events_collect(struct hint_events *events, hint_filter *filter, const void *context,
			struct thermo_source_counters *counters);

/*
 * The oldest records, up to @until_ns, in order; they stay valid until the next call
 * of collect or take.  Return: how many.
 */
size_t hint_events_take(struct hint_events *events, uint64_t until_ns,
			const struct hint_event **first);

#endif
