// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_events.c - what perf_event_attr says, and the ids that records carry. */
#include "sources/perfdata_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sources/perfdata_access.h"

/* Offsets in struct perf_event_attr; later fields have been added, these never moved. */
enum {
	ATTR_TYPE = 0,
	ATTR_CONFIG = 8,
	ATTR_PERIOD = 16,
	ATTR_SAMPLE_TYPE = 24,
	ATTR_READ_FORMAT = 32,
	ATTR_FLAGS = 40,
	ATTR_CONFIG1 = 56,
	ATTR_BRANCH_SAMPLE_TYPE = 72,
	ATTR_REGS_USER = 80,
	ATTR_REGS_INTR = 96,
	ATTR_MIN_BYTES = 64,
};

enum { FLAG_FREQ = 10, FLAG_SAMPLE_ID_ALL = 18, FLAG_USE_CLOCKID = 25 };

struct attr_bytes {
	const unsigned char *at;
	size_t nr;
	bool swap;
	bool big_endian;
};

static uint64_t attr_u64(const struct attr_bytes *a, size_t offset)
{
	return offset + 8 <= a->nr ? perf_load_u64(a->at + offset, a->swap) : 0;
}

/* Bit fields begin at the lowest bit of a byte on one kind of machine, at the highest on the other.
 */
static bool attr_flag(const struct attr_bytes *a, int flag)
{
	int bit = a->big_endian ? 7 - flag % 8 : flag % 8;

	return a->at[ATTR_FLAGS + flag / 8] >> bit & 1;
}

static struct perfdata_event event_of(const struct attr_bytes *a)
{
	struct perfdata_event e = {
		.type = perf_load_u32(a->at + ATTR_TYPE, a->swap),
		.config = attr_u64(a, ATTR_CONFIG),
		.config1 = attr_u64(a, ATTR_CONFIG1),
		.own_clock = attr_flag(a, FLAG_USE_CLOCKID),
		.format = {
			.sample_type = attr_u64(a, ATTR_SAMPLE_TYPE),
			.read_format = attr_u64(a, ATTR_READ_FORMAT),
			.branch_sample_type = attr_u64(a, ATTR_BRANCH_SAMPLE_TYPE),
			.sample_regs_user = attr_u64(a, ATTR_REGS_USER),
			.sample_regs_intr = attr_u64(a, ATTR_REGS_INTR),
			.sample_id_all = attr_flag(a, FLAG_SAMPLE_ID_ALL),
			.swap = a->swap,
		},
	};

	/* With a frequency the field is that, and each sample has its own period. */
	if (!attr_flag(a, FLAG_FREQ))
		e.period = attr_u64(a, ATTR_PERIOD);
	return e;
}

int perfdata_events_add(struct perfdata_events *ev, const unsigned char *attr, size_t attr_bytes,
			bool swap)
{
	const struct attr_bytes a = { attr, attr_bytes, swap,
				      swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) };
	struct perfdata_event *grown;

	if (attr_bytes < ATTR_MIN_BYTES)
		return -EBADMSG;
	if (ev->nr >= PERFDATA_MAX_EVENTS)
		return -E2BIG;
	grown = realloc(ev->list, (ev->nr + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	ev->list = grown;
	ev->list[ev->nr] = event_of(&a);
	ev->list[ev->nr].layout = perfdata_layout_of(&ev->list[ev->nr].format);
	ev->looked = false;
	return (int)ev->nr++;
}

int perfdata_events_add_id(struct perfdata_events *ev, uint64_t id, uint32_t event)
{
	if (ev->nr_ids == ev->ids_room) {
		size_t room = ev->ids_room ? 2 * ev->ids_room : 256;
		struct perfdata_id *grown;

		if (room > PERFDATA_MAX_IDS)
			return -E2BIG;
		grown = realloc(ev->ids, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		ev->ids = grown;
		ev->ids_room = room;
	}
	ev->ids[ev->nr_ids++] = (struct perfdata_id){ id, event };
	ev->sorted = false;
	ev->last_known = false;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct perfdata_id *x = a, *y = b;

	if (x->id == y->id)
		return x->event < y->event ? -1 : x->event > y->event;
	return x->id < y->id ? -1 : 1;
}

static int compare_id(const void *key, const void *entry)
{
	uint64_t id = *(const uint64_t *)key;
	const struct perfdata_id *e = entry;

	return id < e->id ? -1 : id > e->id;
}

struct perfdata_event *perfdata_events_with_id(struct perfdata_events *ev, uint64_t id)
{
	const struct perfdata_id *found;

	/* One sample is mostly of the event that the one before was of. */
	if (ev->last_known && ev->last.id == id)
		return &ev->list[ev->last.event];
	if (ev->nr_ids == 0)
		return NULL;
	if (!ev->sorted)
		qsort(ev->ids, ev->nr_ids, sizeof(*ev->ids), by_id);
	ev->sorted = true;
	found = bsearch(&id, ev->ids, ev->nr_ids, sizeof(*ev->ids), compare_id);
	if (!found)
		return NULL;
	ev->last = *found;
	ev->last_known = true;
	return &ev->list[found->event];
}

#define NO_ID SIZE_MAX

static size_t id_from_front(uint64_t type)
{
	const uint64_t before =
			PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR;

	if (type & PERF_SAMPLE_IDENTIFIER)
		return 0;
	return type & PERF_SAMPLE_ID ? (size_t)__builtin_popcountll(type & before) : NO_ID;
}

static size_t id_from_back(uint64_t type)
{
	if (type & PERF_SAMPLE_IDENTIFIER)
		return 1;
	return 1 + (size_t)__builtin_popcountll(type & (PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU));
}

static bool laid_out_alike(const struct perf_format *a, const struct perf_format *b)
{
	return a->sample_type == b->sample_type && a->read_format == b->read_format &&
	       a->branch_sample_type == b->branch_sample_type &&
	       a->sample_regs_user == b->sample_regs_user &&
	       a->sample_regs_intr == b->sample_regs_intr && a->sample_id_all == b->sample_id_all;
}

/* To know how a record is laid out one needs its event; so its id must be where all have it. */
static void look(struct perfdata_events *ev)
{
	const struct perf_format *first = &ev->list[0].format;

	ev->looked = true;
	ev->alike = true;
	ev->id_from_front = id_from_front(first->sample_type);
	ev->id_from_back = id_from_back(first->sample_type);
	ev->has_id = ev->id_from_front != NO_ID;
	for (size_t i = 1; i < ev->nr; i++) {
		const struct perf_format *f = &ev->list[i].format;

		ev->alike = ev->alike && laid_out_alike(first, f);
		ev->has_id = ev->has_id && id_from_front(f->sample_type) == ev->id_from_front &&
			     id_from_back(f->sample_type) == ev->id_from_back;
	}
}

bool perfdata_events_tell(struct perfdata_events *ev)
{
	if (!ev->looked && ev->nr)
		look(ev);
	return ev->nr <= 1 || ev->alike || ev->has_id;
}

/* Return: whether the record has one. */
static bool id_of(const struct perfdata_events *ev, const struct perf_event_header *record,
		  uint64_t *id)
{
	size_t words = (record->size - sizeof(*record)) / 8;
	const unsigned char *body = (const unsigned char *)(record + 1);
	bool swap = ev->list[0].format.swap;

	if (record->type == PERF_RECORD_SAMPLE) {
		if (ev->id_from_front >= words)
			return false;
		*id = perf_load_u64(body + 8 * ev->id_from_front, swap);
		return true;
	}
	if (ev->id_from_back > words)
		return false;
	*id = perf_load_u64((const unsigned char *)record + record->size - 8 * ev->id_from_back,
			    swap);
	return true;
}

struct perfdata_event *perfdata_events_of(struct perfdata_events *ev,
					  const struct perf_event_header *record)
{
	uint64_t id;

	if (ev->nr == 0)
		return NULL;
	if (ev->nr == 1)
		return &ev->list[0];
	if (!ev->looked)
		look(ev);
	if (!ev->has_id)
		return ev->alike ? &ev->list[0] : NULL;
	if (record->type != PERF_RECORD_SAMPLE && !ev->list[0].format.sample_id_all)
		return &ev->list[0];
	if (!id_of(ev, record, &id))
		return NULL;
	/* perf's own, which tell of processes that ran before it, have no id. */
	if (id == 0 || ev->nr_ids == 0)
		return &ev->list[0];
	return perfdata_events_with_id(ev, id);
}

void perfdata_events_fini(struct perfdata_events *ev)
{
	free(ev->list);
	free(ev->ids);
	*ev = (struct perfdata_events){ 0 };
}
