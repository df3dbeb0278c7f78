// SPDX-License-Identifier: GPL-2.0-or-later
/* history.c - see history.h. */
#include "tests/lab/accuracy/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "tests/lab/accuracy/clock.h"
#include "tests/lab/truth/reader.h"

#define NS_PER_S 1e9

enum { PAGES_MAX = 1 << 28 };

struct reading {
	struct history *history;
	struct truth_reader reader;
	bool has_clock;
	bool in_window;
	double offset_s; /* from the emulator's clock to the guest's */
	double last_s;   /* end of the record before */
};

static double record_time_s(const struct reading *r)
{
	return (double)r->reader.record.time_ns / NS_PER_S + r->offset_s;
}

static int no_memory(const struct reading *r)
{
	return thermo_fail(-ENOMEM, "%s: no memory for it", r->reader.path);
}

static int open_window(struct reading *r)
{
	struct history *h = r->history;
	uint64_t bytes;
	uint64_t nr_pages;

	if (r->reader.record.bytes != sizeof(bytes) || h->nr_pages)
		return thermo_fail(-EBADMSG, "%s: damaged, or more than one window",
				   r->reader.path);
	memcpy(&bytes, r->reader.payload, sizeof(bytes));
	nr_pages = bytes / TRUTH_PAGE_BYTES;
	if (nr_pages <= HISTORY_FIRST_PAGE || nr_pages > PAGES_MAX)
		return thermo_fail(-EBADMSG, "%s: a window of %" PRIu64 " bytes", r->reader.path,
				   bytes);
	h->nr_pages = nr_pages - HISTORY_FIRST_PAGE;
	h->nr_cpus = r->reader.header.nr_cpus;
	h->reads = calloc(h->nr_pages * h->nr_cpus, sizeof(*h->reads));
	h->writes = calloc(h->nr_pages * h->nr_cpus, sizeof(*h->writes));
	r->in_window = true;
	return h->reads && h->writes ? 0 : no_memory(r);
}

static int begin_phase(struct reading *r)
{
	struct history *h = r->history;
	const char *name = (const char *)r->reader.payload;
	struct history_phase *phases;
	uint64_t clock_ns;

	if (sscanf(name, CLOCK_PHASE "%" SCNu64, &clock_ns) == 1) {
		r->offset_s = 0;
		r->offset_s = (double)clock_ns / NS_PER_S - record_time_s(r);
		r->has_clock = true;
		return 0;
	}
	phases = reallocarray(h->phases, h->nr_phases + 1, sizeof(*phases));
	if (!phases)
		return no_memory(r);
	h->phases = phases;
	phases[h->nr_phases] = (struct history_phase){ .start_s = record_time_s(r),
						       .end_s = record_time_s(r) };
	(void)snprintf(phases[h->nr_phases].name, sizeof(phases->name), "%s", name);
	h->nr_phases++;
	return 0;
}

static void count_cell(struct history *h, struct history_slice *slice,
		       const struct truth_cell *cell)
{
	uint64_t page = cell->page - HISTORY_FIRST_PAGE;

	if (cell->page < HISTORY_FIRST_PAGE || page >= h->nr_pages)
		return;
	slice->counts[page] += (uint32_t)(cell->reads + cell->writes);
	h->reads[page * h->nr_cpus + cell->cpu] += cell->reads;
	h->writes[page * h->nr_cpus + cell->cpu] += cell->writes;
}

static int take_counts(struct reading *r)
{
	struct history *h = r->history;
	struct history_slice *slices, *slice;
	struct truth_cursor cursor;
	struct truth_cell cell;
	int err;

	slices = reallocarray(h->slices, h->nr_slices + 1, sizeof(*slices));
	if (!slices)
		return no_memory(r);
	h->slices = slices;
	slice = &slices[h->nr_slices];
	*slice = (struct history_slice){ r->last_s, record_time_s(r), h->nr_phases - 1,
					 calloc(h->nr_pages, sizeof(*slice->counts)) };
	if (!slice->counts)
		return no_memory(r);
	h->nr_slices++;
	h->phases[slice->phase].end_s = slice->end_s;
	truth_cursor_init(&cursor, &r->reader);
	while ((err = truth_cursor_next(&cursor, &cell)) > 0)
		count_cell(h, slice, &cell);
	return err;
}

static int take_record(struct reading *r)
{
	int err = 0;

	switch (r->reader.record.type) {
	case TRUTH_WINDOW:
		err = open_window(r);
		break;
	case TRUTH_PHASE:
		err = begin_phase(r);
		break;
	case TRUTH_COUNTS:
		/* What comes before the first phase is the workload getting ready. */
		if (r->in_window && r->history->nr_phases)
			err = take_counts(r);
		break;
	default:
		r->in_window = false;
	}
	r->last_s = record_time_s(r);
	return err;
}

int history_read(struct history *history, const char *path)
{
	struct reading r = { .history = history };
	int err = truth_reader_open(&r.reader, path);

	while (!err && (err = truth_reader_next(&r.reader)) > 0)
		err = take_record(&r);
	if (!err && !r.has_clock)
		err = thermo_fail(-EBADMSG, "%s: the guest's clock is not in it: run truth-clock",
				  path);
	if (!err && !history->nr_slices)
		err = thermo_fail(-EBADMSG, "%s: no phase of a workload is in it", path);
	truth_reader_close(&r.reader);
	return err;
}

void history_fini(struct history *history)
{
	for (size_t i = 0; i < history->nr_slices; i++)
		free(history->slices[i].counts);
	free(history->slices);
	free(history->phases);
	free(history->reads);
	free(history->writes);
	*history = (struct history){ 0 };
}

static int phase_at(const struct history *history, double time_s)
{
	for (size_t i = 0; i < history->nr_phases; i++)
		if (time_s >= history->phases[i].start_s && time_s < history->phases[i].end_s)
			return (int)i;
	return -1;
}

int history_sum(const struct history *history, double time_s, double last_s, uint64_t *counts)
{
	int phase = phase_at(history, time_s);

	memset(counts, 0, history->nr_pages * sizeof(*counts));
	for (size_t i = 0; i < history->nr_slices && phase >= 0; i++) {
		const struct history_slice *slice = &history->slices[i];
		double middle_s = (slice->start_s + slice->end_s) / 2;

		if (slice->phase != (size_t)phase ||
		    (last_s > 0 && (middle_s > time_s || middle_s <= time_s - last_s)))
			continue;
		for (uint64_t page = 0; page < history->nr_pages; page++)
			counts[page] += slice->counts[page];
	}
	return phase;
}
