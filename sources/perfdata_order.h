/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_order.h - records that wait until no older one can come. */
#ifndef SOURCES_PERFDATA_ORDER_H
#define SOURCES_PERFDATA_ORDER_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

struct perfdata_block;

/* One record; who takes it out gives it back with perfdata_order_release(). */
struct perfdata_queued {
	uint64_t time_ns;
	uint64_t offset;
	uint64_t sequence;
	size_t event;
	struct perfdata_queued *next; /* of its run */
	struct perfdata_block *block;
	struct perf_event_header record[];
};

/* Records that came in the order of time: what one ring held, as perf wrote it. */
struct perfdata_run {
	uint64_t time_ns; /* of @first, and so is @sequence */
	uint64_t sequence;
	struct perfdata_queued *first;
};

/*
 * A heap of runs, the one with the oldest record on top; of those of one time the one
 * that came first.  A record that is not older than the one before it joins its run, so
 * the cost of most is that of a list.
 */
struct perfdata_order {
	struct perfdata_run *heap;
	size_t nr_runs;
	size_t room;
	struct perfdata_queued *last; /* pushed, while it is queued: its run may grow */
	size_t nr;
	size_t bytes;       /* of all that is in it */
	size_t block_bytes; /* of memory in use for it: a block lives as long as one in it */
	uint64_t sequence;
	struct perfdata_block *filling;
	struct perfdata_block *spare;
};

/* Return: 0 or -ENOMEM. */
int perfdata_order_push(struct perfdata_order *o, const struct perf_event_header *record,
			uint64_t time_ns, uint64_t offset, size_t event);
/* Return: the oldest, or NULL. */
const struct perfdata_queued *perfdata_order_first(const struct perfdata_order *o);
struct perfdata_queued *perfdata_order_pop(struct perfdata_order *o);
/* Accepts NULL. */
void perfdata_order_release(struct perfdata_order *o, struct perfdata_queued *queued);
/* All that was popped has been released. */
void perfdata_order_fini(struct perfdata_order *o);

#endif
