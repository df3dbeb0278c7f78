// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_order.c - copies of records, in blocks of many; runs of them in a binary heap. */
#include "sources/perfdata_order.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* Holds the longest record, and some hundred usual ones. */
#define BLOCK_BYTES (128u << 10)

struct perfdata_block {
	struct perfdata_block *next; /* spare ones */
	size_t nr;                   /* not yet released */
	size_t used;
	unsigned char bytes[BLOCK_BYTES] __attribute__((aligned(8)));
};

static bool is_before(const struct perfdata_run *a, const struct perfdata_run *b)
{
	return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

static struct perfdata_run run_of(struct perfdata_queued *first)
{
	return (struct perfdata_run){ first->time_ns, first->sequence, first };
}

/* --- memory --- */

static struct perfdata_block *new_block(struct perfdata_order *o)
{
	struct perfdata_block *b = o->spare;

	if (b)
		o->spare = b->next;
	else
		b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	b->next = NULL;
	b->nr = b->used = 0;
	o->block_bytes += sizeof(*b);
	return b;
}

static void release_block(struct perfdata_order *o, struct perfdata_block *b)
{
	o->block_bytes -= sizeof(*b);
	b->next = o->spare;
	o->spare = b;
}

static struct perfdata_queued *allocate(struct perfdata_order *o, size_t record_bytes)
{
	size_t bytes = (sizeof(struct perfdata_queued) + record_bytes + 7) / 8 * 8;
	struct perfdata_block *b = o->filling;

	if (!b || b->used + bytes > BLOCK_BYTES) {
		b = new_block(o);
		if (!b)
			return NULL;
		if (o->filling && o->filling->nr == 0)
			release_block(o, o->filling);
		o->filling = b;
	}
	struct perfdata_queued *q = (void *)(b->bytes + b->used);

	b->used += bytes;
	b->nr++;
	q->block = b;
	return q;
}

void perfdata_order_release(struct perfdata_order *o, struct perfdata_queued *q)
{
	struct perfdata_block *b = q ? q->block : NULL;

	if (b && --b->nr == 0 && b == o->filling)
		b->used = 0;
	else if (b && b->nr == 0)
		release_block(o, b);
}

static int make_room(struct perfdata_order *o)
{
	size_t room = o->room ? 2 * o->room : 64;
	struct perfdata_run *grown;

	if (o->nr_runs < o->room)
		return 0;
	grown = realloc(o->heap, room * sizeof(*grown));
	if (!grown)
		return thermo_fail(-ENOMEM, "perf.data: no memory for %zu records", room);
	o->heap = grown;
	o->room = room;
	return 0;
}

/* --- the heap --- */

static void add_run(struct perfdata_order *o, struct perfdata_queued *first)
{
	struct perfdata_run new = run_of(first);
	size_t i;

	for (i = o->nr_runs++; i > 0 && is_before(&new, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = new;
}

/* What is on top is @run now. */
static void sink(struct perfdata_order *o, struct perfdata_run run)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < o->nr_runs) {
		if (child + 1 < o->nr_runs && is_before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!is_before(&o->heap[child], &run))
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = run;
}

/* --- records --- */

int perfdata_order_push(struct perfdata_order *o, const struct perf_event_header *record,
			uint64_t time_ns, uint64_t offset, size_t event)
{
	struct perfdata_queued *q;

	if (make_room(o))
		return -ENOMEM;
	q = allocate(o, record->size);
	if (!q)
		return thermo_fail(-ENOMEM, "perf.data: no memory for a record");
	q->time_ns = time_ns;
	q->offset = offset;
	q->sequence = o->sequence++;
	q->event = event;
	q->next = NULL;
	memcpy(q->record, record, record->size);
	o->bytes += sizeof(*q) + record->size;
	o->nr++;
	if (o->last && time_ns >= o->last->time_ns)
		o->last->next = q;
	else
		add_run(o, q);
	o->last = q;
	return 0;
}

const struct perfdata_queued *perfdata_order_first(const struct perfdata_order *o)
{
	return o->nr_runs ? o->heap[0].first : NULL;
}

struct perfdata_queued *perfdata_order_pop(struct perfdata_order *o)
{
	struct perfdata_queued *q;

	if (o->nr_runs == 0)
		return NULL;
	q = o->heap[0].first;
	o->bytes -= sizeof(*q) + q->record->size;
	o->nr--;
	if (q == o->last)
		o->last = NULL;
	if (q->next)
		sink(o, run_of(q->next));
	else if (--o->nr_runs > 0)
		sink(o, o->heap[o->nr_runs]);
	return q;
}

void perfdata_order_fini(struct perfdata_order *o)
{
	struct perfdata_block *next;

	while (perfdata_order_first(o))
		perfdata_order_release(o, perfdata_order_pop(o));
	for (struct perfdata_block *b = o->spare; b; b = next) {
		next = b->next;
		free(b);
	}
	free(o->filling);
	free(o->heap);
	*o = (struct perfdata_order){ 0 };
}
