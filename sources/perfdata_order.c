// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_order.c - a binary heap of copies of records. */
#include "sources/perfdata_order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static bool is_before(const struct perfdata_slot *a, const struct perfdata_slot *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

static size_t bytes_of(const struct perfdata_queued *q)
{
	return sizeof(*q) + q->record->size;
}

static int make_room(struct perfdata_order *o)
{
	size_t room = o->room ? 2 * o->room : 1024;
	struct perfdata_slot *grown;

	if (o->nr < o->room)
		return 0;
	grown = realloc(o->heap, room * sizeof(*grown));
	if (!grown)
		return thermo_fail(-ENOMEM, "perf.data: no memory for %zu records", room);
	o->heap = grown;
	o->room = room;
	return 0;
}

int perfdata_order_push(struct perfdata_order *o, const struct perf_event_header *record,
			uint64_t time_ns, uint64_t offset, size_t event)
{
	struct perfdata_slot new = { time_ns, o->sequence, NULL };
	size_t i;

	if (make_room(o))
		return -ENOMEM;
	new.queued = malloc(sizeof(*new.queued) + record->size);
	if (!new.queued)
		return thermo_fail(-ENOMEM, "perf.data: no memory for a record");
	*new.queued = (struct perfdata_queued){ time_ns, offset, event };
	memcpy(new.queued->record, record, record->size);
	o->sequence++;
	o->bytes += bytes_of(new.queued);
	for (i = o->nr++; i > 0 && is_before(&new, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = new;
	return 0;
}

const struct perfdata_queued *perfdata_order_first(const struct perfdata_order *o)
{
	return o->nr ? o->heap[0].queued : NULL;
}

struct perfdata_queued *perfdata_order_pop(struct perfdata_order *o)
{
	struct perfdata_queued *first;
	struct perfdata_slot last;
	size_t i = 0, child;

	if (o->nr == 0)
		return NULL;
	first = o->heap[0].queued;
	last = o->heap[--o->nr];
	o->bytes -= bytes_of(first);
	while ((child = 2 * i + 1) < o->nr) {
		if (child + 1 < o->nr && is_before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!is_before(&o->heap[child], &last))
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = last;
	return first;
}

void perfdata_order_fini(struct perfdata_order *o)
{
	for (size_t i = 0; i < o->nr; i++)
		free(o->heap[i].queued);
	free(o->heap);
	*o = (struct perfdata_order){ 0 };
}
