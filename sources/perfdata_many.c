// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_many.c - accesses by the million: a sample is decoded once, to what matters of
 * it, and that waits for its turn.
 *
 * What is not a sample of words, and all of a file with AUX data, goes the way that
 * perfdata_next() goes.
 */
#include "sources/perfdata_reader.h"

#include <errno.h>

#include "core/error.h"

/* Where accesses go that need not wait. */
struct out {
	struct thermo_access *list;
	size_t nr;
	size_t max;
};

static int keep(struct perfdata *p, const struct thermo_access *access, struct out *out)
{
	if (!p->opts.unordered)
		return perfdata_queue_push(&p->queue, access);
	out->list[out->nr++] = *access;
	return 0;
}

/* A sample of words, of which nothing is needed but the access.  Return: 0 or -errno. */
static int take_sample(struct perfdata *p, const struct perf_event_header *record,
		       struct perfdata_event *event, struct out *out)
{
	struct thermo_access access;
	const struct perfdata_layout *l = &event->layout;

	p->counters.records++;
	p->counters.samples++;
	event->nr_samples++;
	if (!perfdata_access_in(&p->machine, &p->opts, &p->known, event, record, &access)) {
		uint64_t time_ns = 0;

		p->counters.no_address++;
		if (l->time)
			time_ns = perf_load_u64((const unsigned char *)record + 8 * l->time, false);
		time_ns = perfdata_queue_time(time_ns);
		p->newest_ns = time_ns > p->newest_ns ? time_ns : p->newest_ns;
		return 0;
	}
	uint64_t time_ns = perfdata_queue_time(access.time_ns);

	p->newest_ns = time_ns > p->newest_ns ? time_ns : p->newest_ns;
	return keep(p, &access, out);
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
		if (!perfdata_is_of_guest(p->record.misc) &&
		    perfdata_access_of(&p->machine, &p->opts, event, &p->record.sample, &p->access))
			return keep(p, &p->access, out);
		p->counters.no_address++;
		return 0;
	}
	return see(p, event, time_ns);
}

static int take_record(struct perfdata *p, const struct perf_event_header *record, struct out *out)
{
	struct perfdata_event *event = NULL;
	int n;

	if (record->type >= PERFDATA_HEADER_ATTR)
		return perfdata_take_perfs(p, record);
	n = perfdata_event_of(p, record, &event);
	if (n <= 0)
		return n;
	if (record->type == PERF_RECORD_SAMPLE && event->layout.bytes &&
	    record->size >= event->layout.bytes)
		return take_sample(p, record, event, out);
	return take_any(p, record, event, out);
}

static bool has_aux(const struct perfdata *p)
{
	return p->aux.kind != NULL;
}

/* The oldest in the queue that may go. */
static size_t take_ready(struct perfdata *p, struct out *out)
{
	bool all = perfdata_makes_room(p, perfdata_queue_bytes(&p->queue)) || p->ended ||
		   has_aux(p);
	size_t nr = perfdata_queue_take(&p->queue, all ? UINT64_MAX : p->out_until_ns,
					out->list + out->nr, out->max - out->nr);

	p->counters.late = p->queue.nr_late;
	return nr;
}

/* Read until something is ready, or @out is full. */
static void read_some(struct perfdata *p, struct out *out)
{
	const uint64_t until_ns = p->out_until_ns;

	while (!p->ended && !has_aux(p) && out->nr < out->max && p->out_until_ns == until_ns &&
	       perfdata_queue_bytes(&p->queue) <= p->opts.max_queued_bytes) {
		const struct perf_event_header *record;
		int n = perfdata_input_next(&p->input, &record);

		n = n > 0 ? take_record(p, record, out) : n < 0 ? n : 1;
		if (n)
			perfdata_end_at(p, n < 0 ? n : 0);
	}
}

/* With AUX data: item by item.  Return: how many, 0 at the end, -errno. */
static int take_items(struct perfdata *p, struct out *out)
{
	struct perfdata_item item;
	int n = 0, err = 0;

	while (out->nr < out->max && !err && (n = perfdata_next(p, &item)) == 1) {
		if (item.access)
			out->list[out->nr++] = *item.access;
		else if (item.record->type != PERF_RECORD_SAMPLE && p->opts.see)
			err = p->opts.see(p->opts.context, &item);
	}
	if (err)
		return err;
	return out->nr ? (int)out->nr : n;
}

int perfdata_accesses(struct perfdata *p, struct thermo_access *list, size_t max)
{
	struct out out = { list, 0, max < INT32_MAX ? max : INT32_MAX };

	while (out.nr == 0) {
		out.nr += take_ready(p, &out);
		if (out.nr == 0 && has_aux(p))
			return take_items(p, &out);
		if (out.nr == 0 && p->ended)
			return p->ended < 0 ? thermo_fail(p->ended, "%s", p->reason) : 0;
		if (out.nr == 0)
			read_some(p, &out);
	}
	return (int)out.nr;
}
