/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_reader.h - what perfdata.c and perfdata_many.c share: the reader itself. */
#ifndef SOURCES_PERFDATA_READER_H
#define SOURCES_PERFDATA_READER_H

#include "sources/perfdata_access.h"
#include "sources/perfdata_aux.h"
#include "sources/perfdata_header.h"
#include "sources/perfdata_order.h"
#include "sources/perfdata_queue.h"

/**
 * struct perfdata_many - What perfdata_accesses() has besides.
 * @queue:	Accesses that are younger than what is asked for.
 * @until_ns:	That.
 * @complete_ns:	All that is older was handed out.
 * @begin:	Offset of the first record.
 * @stop:	No record behind it is read.
 * @held:	Out of AUX data: too young.
 */
struct perfdata_many {
	struct perfdata_queue queue;
	uint64_t until_ns;
	uint64_t complete_ns;
	uint64_t begin;
	uint64_t stop;
	bool is_holding;
	struct thermo_access held;
	bool is_at_end;
};

struct perfdata {
	struct perfdata_opts opts;
	struct perfdata_events events;
	struct perfdata_machine machine;
	struct perfdata_counters counters;
	struct perfdata_order order;
	struct perfdata_many many;
	struct perfdata_known known;
	struct perfdata_aux aux;
	uint64_t newest_ns;      /* of all that were read */
	uint64_t newest_mark_ns; /* when the last round ended */
	uint64_t out_until_ns;   /* nothing older can come */
	uint64_t last_out_ns;
	uint64_t lost;         /* by PERF_RECORD_LOST */
	uint64_t lost_samples; /* by PERF_RECORD_LOST_SAMPLES */
	bool making_room;      /* the queue is too long: out with half of it */
	int ended;             /* 0: not yet; 1: at the end; -errno: it broke */
	char reason[256];
	struct perfdata_queued *out; /* the item handed out last */
	struct perfdata_item item;
	const struct perfdata_aux_access *from_aux; /* it came out of AUX data */
	struct perf_record record;
	struct thermo_access access;
	struct perfdata_input input;
};

/* Whose record it is.  Return: 1; 0 when nobody's, which is counted; -errno: all ends here. */
int perfdata_event_of(struct perfdata *p, const struct perf_event_header *header,
		      struct perfdata_event **event);
/* Decode and count a record of the kernel.  Return: 1 with p->record; 0 for none; -errno. */
int perfdata_decode_kernels(struct perfdata *p, const struct perf_event_header *header,
			    struct perfdata_event *event);
/* A record of perf itself.  Return: 0 or -errno, which ends the reading. */
int perfdata_take_perfs(struct perfdata *p, const struct perf_event_header *record);
/* The file ends here: what is queued goes out first, then @err. */
void perfdata_end_at(struct perfdata *p, int err);
/* Whether the queue, which holds @bytes, is too long. */
bool perfdata_makes_room(struct perfdata *p, size_t bytes);
/* Return: the time that a record tells, 0 when it does not; it was read now. */
uint64_t perfdata_note_time(struct perfdata *p, const struct perf_record *r);

#endif
