// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_many.c - accesses by the million: a sample is decoded once, to what matters of
 * it; that goes out, or waits until it is asked for.
 *
 * What is not a sample of words, and all of a file with AUX data, goes the way that
 * perfdata_next() goes.
 */
#include "sources/perfdata_reader.h"

#include <errno.h>

#include "core/error.h"
#include "sources/data_src.h"

/*
 * --- from a sample of words to an access, without a struct perf_sample between ---
 *
 * Field by field: a struct that is made first and then copied waits for its own parts.
 */

/* An op and a level, from the data source in the word at @at. */
static inline void take_data_src(struct perfdata_known *known, uint64_t data_src,
				 struct thermo_access *access)
{
	/* Fibonacci hashing: the upper bits depend on all. */
	size_t i = (data_src * 0x9e3779b97f4a7c15ull) >> 60;

	if (known->srcs[i].data_src != data_src) {
		known->srcs[i].data_src = data_src;
		known->srcs[i].op = (uint8_t)data_src_op(data_src);
		known->srcs[i].level = (uint8_t)data_src_level(data_src);
	}
	access->op = known->srcs[i].op;
	access->level = known->srcs[i].level;
}

static inline uint64_t word_at(const struct perf_event_header *record, uint8_t word)
{
	return perf_load_u64((const unsigned char *)record + 8 * (size_t)word, false);
}

/* Of two halves of a word. */
static inline uint32_t half_at(const struct perf_event_header *record, uint8_t word, int half)
{
	return perf_load_u32((const unsigned char *)record + 8 * (size_t)word + 4 * (size_t)half,
			     false);
}

/* Who and when. */
static inline void take_who(const struct perfdata_machine *machine, const struct perfdata_layout *l,
			    const struct perf_event_header *record, struct thermo_access *access)
{
	access->time_ns = l->time ? word_at(record, l->time) : 0;
	access->pid = l->tid ? perfdata_known_pid((int32_t)half_at(record, l->tid, 0)) : 0;
	access->tid = l->tid ? perfdata_known_pid((int32_t)half_at(record, l->tid, 1)) : 0;
	access->cpu = l->cpu ? half_at(record, l->cpu, 0) : THERMO_CPU_UNKNOWN;
	/* One that is not known is beyond all that are. */
	access->node = perfdata_node_of(machine, access->cpu);
}

/* What, and how it went. */
static inline void take_what(struct perfdata_known *known, const struct perfdata_event *event,
			     const struct perf_event_header *record, struct thermo_access *access)
{
	const struct perfdata_layout *l = &event->layout;
	uint64_t period = l->period ? word_at(record, l->period) : event->period;
	uint64_t weight = l->weight ? word_at(record, l->weight) : 0;

	if (event->format.sample_type & PERF_SAMPLE_WEIGHT_STRUCT)
		weight = (uint32_t)weight;
	access->nr_accesses = perfdata_nr_accesses(period);
	access->latency_ns = perfdata_latency_ns(known->ns_per_cycle, weight);
	take_data_src(known, l->data_src ? word_at(record, l->data_src) : 0, access);
}

/* What a sample never says. */
static inline void take_constants(const struct perfdata *p, struct thermo_access *access)
{
	access->extent_bytes = 1;
	access->watched_ns = 0;
	access->access_bytes = 0;
	access->space = p->opts.physical ? THERMO_SPACE_PHYSICAL : THERMO_SPACE_VIRTUAL;
	access->scope = THERMO_SCOPE_ALL;
	access->count = THERMO_COUNT_EXACT;
	access->source = 0;
	access->watched_op = THERMO_OP_UNKNOWN;
	access->reserved[0] = 0;
}

/* Return: false when the sample tells of no access. */
static inline bool access_in(struct perfdata *p, const struct perfdata_event *event,
			     const struct perf_event_header *record, struct thermo_access *access)
{
	uint8_t where = p->opts.physical ? event->layout.phys_addr : event->layout.addr;

	access->addr = where ? word_at(record, where) : 0;
	if (access->addr == 0 || perfdata_is_of_guest(record->misc))
		return false;
	take_constants(p, access);
	take_who(&p->machine, &event->layout, record, access);
	take_what(&p->known, event, record, access);
	return true;
}

/* --- records --- */

/* Records after which the queue is looked at. */
#define LOOK_AFTER 1024

/* Where accesses go that need not wait. */
struct out {
	struct thermo_access *list;
	size_t nr;
	size_t max;
};

static bool is_wanted(const struct perfdata *p, uint64_t time_ns)
{
	return time_ns < p->many.until_ns || p->many.until_ns == UINT64_MAX;
}

/* What stands behind those in @out is one of them, or waits.  Return: 0 or -ENOMEM. */
static inline int hand_out(struct perfdata *p, uint64_t time_ns, struct out *out)
{
	if (!is_wanted(p, time_ns))
		return perfdata_queue_push(&p->many.queue, &out->list[out->nr]);
	p->counters.late += time_ns && time_ns < p->many.complete_ns;
	out->nr++;
	return 0;
}

static inline void note_newest(struct perfdata *p, uint64_t time_ns)
{
	if (time_ns > p->newest_ns)
		p->newest_ns = time_ns;
}

/* A sample of words, of which nothing is needed but the access.  Return: 0 or -errno. */
static inline int take_sample(struct perfdata *p, const struct perf_event_header *record,
			      struct perfdata_event *event, struct out *out)
{
	uint8_t time = event->layout.time;
	uint64_t time_ns = perfdata_queue_time(time ? word_at(record, time) : 0);

	note_newest(p, time_ns);
	if (access_in(p, event, record, &out->list[out->nr]))
		return hand_out(p, time_ns, out);
	p->counters.no_address++;
	return 0;
}

/* Such a sample, and those like it that follow, as far as there is room.  Return: 0 or -errno. */
static int take_samples(struct perfdata *p, const struct perf_event_header *record,
			struct perfdata_event *event, struct out *out)
{
	uint64_t nr = 0;
	int err = 0;

	do {
		nr++;
		err = take_sample(p, record, event, out);
		/* Of several events each has to be asked whose it is. */
	} while (!err && nr < LOOK_AFTER && out->nr < out->max && p->events.nr == 1 &&
		 p->input.offset < p->many.stop &&
		 (record = perfdata_input_like(&p->input, record)));
	p->counters.records += nr;
	p->counters.samples += nr;
	event->nr_samples += nr;
	return err;
}

/* p->record is no sample. */
static int see(struct perfdata *p, const struct perfdata_event *event, uint64_t time_ns)
{
	const struct perfdata_item item = { p->input.record_offset, time_ns, event, &p->record,
					    NULL };
	/* AUX data, which may still come, needs them. */
	int err = perfdata_threads_take(&p->aux.threads, &p->record);

	return err || !p->opts.see ? err : p->opts.see(p->opts.context, &item);
}

/* Any other record of the kernel.  Return: 0 or -errno. */
static int take_any(struct perfdata *p, const struct perf_event_header *record,
		    struct perfdata_event *event, struct out *out)
{
	int n = perfdata_decode_kernels(p, record, event);

	if (n <= 0)
		return n;
	uint64_t time_ns = perfdata_note_time(p, &p->record);

	if (p->record.type == PERF_RECORD_SAMPLE) {
		struct thermo_access *access = &out->list[out->nr];

		if (perfdata_is_of_guest(p->record.misc) ||
		    !perfdata_access_of(&p->machine, &p->opts, event, &p->record.sample, access))
			p->counters.no_address++;
		else
			return hand_out(p, time_ns, out);
		return 0;
	}
	return see(p, event, time_ns);
}

static int take_record(struct perfdata *p, const struct perf_event_header *record, struct out *out)
{
	struct perfdata_event *event = NULL;
	int n = 0;

	if (record->type >= PERFDATA_HEADER_ATTR)
		return perfdata_take_perfs(p, record);
	if (p->events.nr == 1)
		event = &p->events.list[0];
	else
		n = perfdata_event_of(p, record, &event);
	if (!event)
		return n;
	if (record->type == PERF_RECORD_SAMPLE && event->layout.bytes &&
	    record->size >= event->layout.bytes)
		return take_samples(p, record, event, out);
	return take_any(p, record, event, out);
}

static bool has_aux(const struct perfdata *p)
{
	return p->aux.kind != NULL;
}

/* Whether none that is wanted can come any more, or waiting for it takes too much memory. */
static bool is_complete(struct perfdata *p)
{
	return p->ended || p->out_until_ns >= p->many.until_ns ||
	       (p->many.queue.nr && perfdata_makes_room(p, perfdata_queue_bytes(&p->many.queue)));
}

static void read_some(struct perfdata *p, struct out *out)
{
	for (int i = 0; i < LOOK_AFTER && !p->ended && !has_aux(p) && out->nr < out->max &&
			p->out_until_ns < p->many.until_ns;
	     i++) {
		const struct perf_event_header *record;
		int n = p->input.offset < p->many.stop ? perfdata_input_next(&p->input, &record)
						       : 0;

		n = n > 0 ? take_record(p, record, out) : n < 0 ? n : 1;
		if (n)
			perfdata_end_at(p, n < 0 ? n : 0);
	}
}

/* With AUX data: item by item, in order.  Return: how many; 0: none that is wanted; -errno. */
static int take_items(struct perfdata *p, struct out *out)
{
	struct perfdata_item item;
	int n = 1, err = 0;

	while (out->nr < out->max && !err && n == 1) {
		if (p->many.is_holding && !is_wanted(p, p->many.held.time_ns))
			break;
		if (p->many.is_holding)
			out->list[out->nr++] = p->many.held;
		p->many.is_holding = false;
		n = perfdata_next(p, &item);
		if (n == 1 && item.access) {
			p->many.held = *item.access;
			p->many.is_holding = true;
		} else if (n == 1 && item.record->type != PERF_RECORD_SAMPLE && p->opts.see) {
			err = p->opts.see(p->opts.context, &item);
		}
	}
	if (err)
		return err;
	/* How the file ended is told when nothing waits any more. */
	return out->nr ? (int)out->nr : n < 0 && n != p->ended ? n : 0;
}

/* Nothing that is wanted waits.  Return: as perfdata_accesses(). */
static int end_here(struct perfdata *p)
{
	p->many.is_at_end = p->ended && p->many.queue.nr == 0 && !p->many.is_holding &&
			    !perfdata_order_first(&p->order);
	if (p->many.is_at_end)
		return p->ended < 0 ? thermo_fail(p->ended, "%s", p->reason) : 0;
	p->many.complete_ns = p->many.until_ns;
	return 0;
}

int perfdata_accesses(struct perfdata *p, uint64_t until_ns, struct thermo_access *list, size_t max)
{
	struct out out = { list, 0, max < INT32_MAX ? max : INT32_MAX };
	const uint64_t last_ns = until_ns == UINT64_MAX || until_ns == 0 ? until_ns : until_ns - 1;

	p->many.until_ns = until_ns;
	while (out.nr == 0) {
		out.nr = perfdata_queue_take(&p->many.queue, last_ns, out.list, out.max);
		if (out.nr == 0 && has_aux(p)) {
			int n = take_items(p, &out);

			return n ? n : end_here(p);
		}
		if (out.nr == 0 && is_complete(p))
			return end_here(p);
		if (out.nr == 0)
			read_some(p, &out);
	}
	return (int)out.nr;
}

bool perfdata_is_at_end(const struct perfdata *p)
{
	return p->many.is_at_end;
}

/* --- parts --- */

bool perfdata_extent(struct perfdata *p, uint64_t *begin, uint64_t *end)
{
	*begin = p->many.begin;
	return !p->input.zstd && !has_aux(p) && perfdata_input_end(&p->input, end) == 0;
}

bool perfdata_read_part(struct perfdata *p, uint64_t from, uint64_t to)
{
	int n = perfdata_input_find(&p->input, from, to - from);

	p->many.stop = to;
	p->many.is_at_end = false;
	p->ended = n == 1 ? 0 : n < 0 ? n : 1;
	return n == 1;
}
