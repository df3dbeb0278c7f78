// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata.c - records in, accesses out, in the order of time.
 *
 * perf writes what it finds in the ring of one CPU after the other, and a mark
 * (FINISHED_ROUND) when it has been to all.  What comes after a mark may be older than
 * what came before it, but not older than what came before the mark before: that much
 * can go out.
 */
#include "sources/perfdata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "sources/perfdata_reader.h"

#define DEFAULT_QUEUED_BYTES (64u << 20)
#define LOST_TO_FILTER (1u << 15) /* in misc of LOST_SAMPLES: a BPF program of perf's */

static struct perfdata_header header_of(struct perfdata *p)
{
	return (struct perfdata_header){ &p->events, &p->machine, &p->counters };
}

static struct perfdata_aux_host aux_host_of(struct perfdata *p)
{
	return (struct perfdata_aux_host){ &p->input, &p->events, &p->machine, &p->counters,
					   &p->order };
}

int perfdata_open(struct perfdata **out, FILE *file, const struct perfdata_opts *opts)
{
	struct perfdata *p = calloc(1, sizeof(*p));
	int err;

	*out = NULL;
	if (!p)
		return thermo_fail(-ENOMEM, "perf.data: no memory");
	p->opts = opts ? *opts : (struct perfdata_opts){ 0 };
	if (p->opts.max_queued_bytes == 0)
		p->opts.max_queued_bytes = DEFAULT_QUEUED_BYTES;
	perfdata_input_init(&p->input, file);
	p->many.stop = UINT64_MAX;
	p->many.queue.space = p->opts.physical ? THERMO_SPACE_PHYSICAL : THERMO_SPACE_VIRTUAL;

	const struct perfdata_header h = header_of(p);

	err = perfdata_header_read(&h, &p->input);
	if (err) {
		perfdata_close(p);
		return err;
	}
	perfdata_know(&p->known, &p->machine, &p->opts);
	p->many.begin = p->input.offset;
	*out = p;
	return 0;
}

void perfdata_close(struct perfdata *p)
{
	if (!p)
		return;
	perfdata_order_release(&p->order, p->out);
	perfdata_aux_fini(&p->aux);
	perfdata_order_fini(&p->order);
	perfdata_queue_fini(&p->many.queue);
	perfdata_input_fini(&p->input);
	perfdata_events_fini(&p->events);
	perfdata_machine_fini(&p->machine);
	free(p);
}

void perfdata_end_at(struct perfdata *p, int err)
{
	const struct perfdata_aux_host host = aux_host_of(p);

	p->ended = err ? err : 1;
	if (err)
		(void)snprintf(p->reason, sizeof(p->reason), "%s", thermo_last_error());
	perfdata_aux_end(&p->aux, &host);
}

static void end_round(struct perfdata *p)
{
	p->out_until_ns = p->newest_mark_ns;
	p->newest_mark_ns = p->newest_ns;
}

/* What a filter of the user's dropped was not wanted. */
static void count_lost(struct perfdata *p, const struct perf_record *r)
{
	if (r->type == PERF_RECORD_LOST)
		p->lost += r->lost.nr;
	else if (!(r->misc & LOST_TO_FILTER))
		p->lost_samples += r->lost.nr;
	p->counters.lost = p->lost > p->lost_samples ? p->lost : p->lost_samples;
}

static void count(struct perfdata *p, struct perfdata_event *event, const struct perf_record *r)
{
	p->counters.records++;
	if (r->type == PERF_RECORD_SAMPLE) {
		p->counters.samples++;
		event->nr_samples++;
	} else if (r->type == PERF_RECORD_LOST || r->type == PERF_RECORD_LOST_SAMPLES) {
		count_lost(p, r);
	} else if (r->type == PERF_RECORD_THROTTLE) {
		p->counters.throttled++;
	}
}

int perfdata_decode_kernels(struct perfdata *p, const struct perf_event_header *header,
			    struct perfdata_event *event)
{
	const struct perfdata_aux_host host = aux_host_of(p);
	struct perf_record *r = &p->record;
	int n = perf_record_decode(header, &event->format, r);

	if (n == 0)
		p->counters.skipped++;
	else if (n == -EBADMSG)
		p->counters.bad++;
	if (n <= 0)
		return n == -EBADMSG ? 0 : n;
	count(p, event, r);
	/* No sample says what it wants to know. */
	n = r->type == PERF_RECORD_SAMPLE ? 0 : perfdata_aux_see(&p->aux, &host, &event->format, r);
	return n < 0 ? n : 1;
}

uint64_t perfdata_note_time(struct perfdata *p, const struct perf_record *r)
{
	uint64_t time_ns = perfdata_queue_time(
			r->type == PERF_RECORD_SAMPLE ? r->sample.time_ns : r->sample_id.time_ns);

	if (time_ns > p->newest_ns)
		p->newest_ns = time_ns;
	return time_ns;
}

int perfdata_event_of(struct perfdata *p, const struct perf_event_header *header,
		      struct perfdata_event **event)
{
	if (!perfdata_events_tell(&p->events))
		return perfdata_input_bad(
				p->input.record_offset,
				"events of several kinds, and nothing tells whose a record is");
	*event = perfdata_events_of(&p->events, header);
	p->counters.no_event += *event == NULL;
	return *event != NULL;
}

/* A record of the kernel, to be queued.  Return: 0 or -errno, which ends the reading. */
static int take_kernels(struct perfdata *p, const struct perf_event_header *header)
{
	struct perfdata_event *event = NULL;
	int n = perfdata_event_of(p, header, &event);

	if (!event)
		return n;
	n = perfdata_decode_kernels(p, header, event);
	if (n <= 0)
		return n;
	uint64_t time_ns = perfdata_note_time(p, &p->record);

	return perfdata_order_push(&p->order, header, time_ns, p->input.record_offset,
				   (size_t)(event - p->events.list));
}

int perfdata_take_perfs(struct perfdata *p, const struct perf_event_header *record)
{
	const struct perfdata_aux_host host = aux_host_of(p);
	const struct perfdata_header h = header_of(p);
	int n;

	switch (record->type) {
	case PERFDATA_FINISHED_ROUND:
		end_round(p);
		return 0;
	case PERFDATA_AUXTRACE_INFO:
		return perfdata_aux_take_info(&p->aux, &host, record);
	case PERFDATA_AUXTRACE:
		return perfdata_aux_take(&p->aux, &host, record);
	default:
		n = perfdata_header_take(&h, &p->input, record);
		p->counters.skipped += n == 0;
		perfdata_know(&p->known, &p->machine, &p->opts);
		return n < 0 ? n : 0;
	}
}

static void read_one(struct perfdata *p)
{
	const struct perf_event_header *record;
	int n = perfdata_input_next(&p->input, &record);

	if (n <= 0) {
		perfdata_end_at(p, n);
		return;
	}
	n = record->type < PERFDATA_HEADER_ATTR ? take_kernels(p, record)
						: perfdata_take_perfs(p, record);
	if (n < 0)
		perfdata_end_at(p, n);
}

bool perfdata_makes_room(struct perfdata *p, size_t bytes)
{
	if (bytes > p->opts.max_queued_bytes)
		p->making_room = true;
	else if (bytes < p->opts.max_queued_bytes / 2)
		p->making_room = false;
	return p->making_room;
}

/* Whether the oldest can go out: a record that does not tell its time at once. */
static bool is_ready(struct perfdata *p)
{
	const struct perfdata_queued *first = perfdata_order_first(&p->order);

	if (!first)
		return false;
	/* Few that stay may hold the memory of many that went. */
	size_t bytes = p->order.bytes > p->order.block_bytes / 4 ? p->order.bytes
								 : p->order.block_bytes / 4;

	return perfdata_makes_room(p, bytes) || p->ended || first->time_ns <= p->out_until_ns ||
	       first->time_ns == 0;
}

static bool make_access(struct perfdata *p)
{
	if (perfdata_is_of_guest(p->record.misc))
		return false;
	if (p->from_aux)
		return perfdata_access_of_aux(&p->machine, &p->opts, p->item.event, p->from_aux,
					      &p->record.sample, &p->access);
	return perfdata_access_of(&p->machine, &p->opts, p->item.event, &p->record.sample,
				  &p->access);
}

/* What is in p->record goes out with p->item.  Return: 0 or -ENOMEM. */
static int hand_out(struct perfdata *p, struct perfdata_item *item)
{
	*item = p->item;
	if (p->record.type != PERF_RECORD_SAMPLE)
		return perfdata_threads_take(&p->aux.threads, &p->record);
	if (make_access(p))
		item->access = &p->access;
	else
		p->counters.no_address++;
	return 0;
}

/* Into p->record.  Return: 0 or -errno. */
static int decode_oldest(struct perfdata *p)
{
	const struct perfdata_event *event = p->item.event;

	p->from_aux = NULL;
	if (p->out->record->type == PERFDATA_AUXTRACE) {
		p->from_aux = (const void *)p->out->record;
		p->record = (struct perf_record){ .type = PERF_RECORD_SAMPLE };
		perfdata_aux_sample_of(&p->aux, event, p->from_aux, p->out->time_ns,
				       &p->record.sample);
		return 0;
	}
	/* Once more: what the first time pointed to has been read over since. */
	if (perf_record_decode(p->out->record, &event->format, &p->record) != 1)
		return thermo_fail(-EBADMSG, "perf.data: a record changed while it waited");
	return 0;
}

static int take_oldest(struct perfdata *p)
{
	perfdata_order_release(&p->order, p->out);
	p->out = perfdata_order_pop(&p->order);
	p->item = (struct perfdata_item){
		.offset = p->out->offset,
		.time_ns = p->out->time_ns,
		.event = &p->events.list[p->out->event],
		.record = &p->record,
	};
	if (p->out->time_ns && p->out->time_ns < p->last_out_ns)
		p->counters.late++;
	else if (p->out->time_ns)
		p->last_out_ns = p->out->time_ns;
	return decode_oldest(p);
}

int perfdata_next(struct perfdata *p, struct perfdata_item *item)
{
	int err;

	while (!is_ready(p) && !p->ended)
		read_one(p);
	if (!perfdata_order_first(&p->order))
		return p->ended < 0 ? thermo_fail(p->ended, "%s", p->reason) : 0;
	err = take_oldest(p);
	if (!err)
		err = hand_out(p, item);
	return err ? err : 1;
}

const struct perfdata_machine *perfdata_machine(const struct perfdata *p)
{
	return &p->machine;
}

const struct perfdata_counters *perfdata_counters(const struct perfdata *p)
{
	return &p->counters;
}

const char *perfdata_aux_kind(const struct perfdata *p)
{
	return perfdata_aux_kind_name(&p->aux);
}

size_t perfdata_nr_events(const struct perfdata *p)
{
	return p->events.nr;
}

const struct perfdata_event *perfdata_event(const struct perfdata *p, size_t i)
{
	return &p->events.list[i];
}
