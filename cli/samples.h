/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * samples.h - a file of samples that somebody else recorded: perf.data, the text of
 * perf script, or lackey's trace.  Told apart by how it begins:
 *
 *	"PERFILE2" in either byte order		perf.data
 *	text, without a NUL in the first 64 KiB	by its first line that is of either form
 *
 * Our own recordings begin with a byte that no text and no perf.data begins with.
 */
#ifndef CLI_SAMPLES_H
#define CLI_SAMPLES_H

#include "sources/perfdata.h"
#include "sources/text_samples.h"

struct samples {
	const char *format; /* for people */
	struct perfdata_opts opts;
	struct perfdata *perf;
	struct text_samples *text;
	/* Of text: read, but too young. */
	bool is_holding;
	bool is_at_end;
	struct thermo_access held;
};

/*
 * Whether @file begins as one of them, or is a directory as perf makes them; it can be
 * seeked, and is where it was.
 */
bool samples_recognise(FILE *file);

/*
 * Begin to read @file, which can be seeked.  Of text no more than see() of @opts counts.  Return:
 * 0, -EBADMSG when it is none of them, or -errno; samples_close() is to be called.
 */
int samples_open(struct samples *s, FILE *file, const struct perfdata_opts *opts);
void samples_close(struct samples *s);

/* As perfdata_accesses(); @see of the options gets the names that text tells. */
int samples_accesses(struct samples *s, uint64_t until_ns, struct thermo_access *out, size_t max);
bool samples_are_at_end(const struct samples *s);

const struct perfdata_machine *samples_machine(const struct samples *s);
const struct perfdata_counters *samples_counters(const struct samples *s);
/* Of perf.data: what its AUX data is, "" when it has none. */
const char *samples_aux_kind(const struct samples *s);
/* Of perf.data: nothing. */
struct text_trouble samples_trouble(const struct samples *s);

#endif
