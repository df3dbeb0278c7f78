/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_samples.h - accesses out of text: what `perf script` prints, valgrind's lackey with
 * --trace-mem=yes, or any program as external_text.h says; item by item, as perfdata.h gives those
 * of a perf.data.
 *
 * A line that cannot be read is counted and passed over; the first is told.  No more than
 * one line is in memory.  A reader belongs to one thread.
 *
 * Lackey sees every access, so each is an item that stands for one access; a modify is a
 * load, then a store.  It knows no time: each access takes TEXT_ACCESS_NS of a clock that
 * begins with the trace.  The same goes for lines of external_text.h without a time.
 */
#ifndef SOURCES_TEXT_SAMPLES_H
#define SOURCES_TEXT_SAMPLES_H

#include <stdio.h>

#include "sources/perfdata.h"

#define TEXT_ACCESS_NS 1000u

enum text_format {
	TEXT_NONE, /* neither */
	TEXT_PERF_SCRIPT,
	TEXT_LACKEY,
	TEXT_EXTERNAL, /* external_text.h */
};

/**
 * struct text_trouble - What could not be read.
 * @nr_bad:	Lines.
 * @first_bad:	The first of them: "line N: what it is".
 * @nr_other_pids:	Lines of valgrind about another process than the first: its accesses
 *		cannot be told apart.
 */
struct text_trouble {
	uint64_t nr_bad;
	char first_bad[128];
	uint64_t nr_other_pids;
};

struct text_samples;

/*
 * Which it is, by the first line that is of either form, among the first @bytes of a
 * file.  Never what holds a NUL, so no file of ours and none of perf's.
 */
enum text_format text_recognise(const char *first, size_t bytes);

/* Begin to read @file, which stays the caller's.  Return: 0 or -ENOMEM. */
int text_samples_open(struct text_samples **t, FILE *file, enum text_format format);
/* Accepts NULL. */
void text_samples_close(struct text_samples *t);

/* The next item.  Return: 1; 0 at the end; -errno when the file cannot be read. */
int text_samples_next(struct text_samples *t, struct perfdata_item *item);

const struct perfdata_machine *text_samples_machine(const struct text_samples *t);
const struct perfdata_counters *text_samples_counters(const struct text_samples *t);
const struct text_trouble *text_samples_trouble(const struct text_samples *t);

#endif
