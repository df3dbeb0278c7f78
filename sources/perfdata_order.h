/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_order.h - records that wait until no older one can come. */
#ifndef SOURCES_PERFDATA_ORDER_H
#define SOURCES_PERFDATA_ORDER_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

/* One record; who takes it out frees it. */
struct perfdata_queued {
	uint64_t time_ns;
	uint64_t offset;
	size_t event;
	struct perf_event_header record[];
};

struct perfdata_slot {
	uint64_t time_ns;
	uint64_t sequence;
	struct perfdata_queued *queued;
};

/* A heap, the oldest on top; of those of one time the one that came first. */
struct perfdata_order {
	struct perfdata_slot *heap;
	size_t nr;
	size_t room;
	size_t bytes; /* of all that is in it */
	uint64_t sequence;
};

/* Return: 0 or -ENOMEM. */
int perfdata_order_push(struct perfdata_order *o, const struct perf_event_header *record,
			uint64_t time_ns, uint64_t offset, size_t event);
/* Return: the oldest, or NULL. */
const struct perfdata_queued *perfdata_order_first(const struct perfdata_order *o);
struct perfdata_queued *perfdata_order_pop(struct perfdata_order *o);
void perfdata_order_fini(struct perfdata_order *o);

#endif
