// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_look.c - parts of a file, or all of it. */
#include "cli/perfdata_look.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/samples.h"
#include "core/error.h"

#define NR_PARTS 64ull
#define PART_BYTES (32ull << 10)
/* A file that is not much longer than its parts is read from its beginning to its end. */
#define WHOLE_BYTES (2 * NR_PARTS * PART_BYTES)
/* What is not seen in a part may be in another: gaps between samples are that much wider. */
#define GAP_OF_PARTS_BYTES (4 * MEMORY_GAP_BYTES)
#define MANY 1024u
#define MAX_UNKNOWN 4096u

struct look {
	struct samples samples;
	struct perfdata_times *times;
	struct perfdata_memory *memory;
	size_t nr_unknown;
	struct thermo_access unknown[MAX_UNKNOWN];
};

static int learn(struct look *l)
{
	int n = perfdata_memory_add(l->memory, l->unknown, l->nr_unknown);

	l->nr_unknown = 0;
	return n < 0 ? n : 0;
}

static int take(struct look *l, const struct thermo_access *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!perfdata_is_wanted(&list[i]))
			continue;
		perfdata_note_time_of(l->times, list[i].time_ns);
		if (!perfdata_memory_knows(l->memory, &list[i]))
			l->unknown[l->nr_unknown++] = list[i];
	}
	return l->nr_unknown > MAX_UNKNOWN - MANY ? learn(l) : 0;
}

/* To the end of a part or of the file, or until something is found.  Return: 0 or -errno. */
static int read_on(struct look *l, bool until_any)
{
	struct thermo_access list[MANY];
	int n, err = 0;

	while (!err && !(until_any && l->times->is_any) &&
	       (n = samples_accesses(&l->samples, UINT64_MAX, list, MANY)) > 0)
		err = take(l, list, (size_t)n);
	return err;
}

/* Return: 1; 0 when all has to be read; -errno. */
static int read_parts(struct look *l)
{
	struct perfdata *p = l->samples.perf;
	uint64_t begin, end;
	int err = 0;

	if (!p || !perfdata_extent(p, &begin, &end) || end - begin < WHOLE_BYTES)
		return 0;
	/*
	 * The first part: perf begins with what it knows of all processes, which may be long, and
	 * what is written through a pipe with its events, which are to be read once.
	 */
	err = read_on(l, true);
	if (err || !perfdata_extent(p, &begin, &end))
		return err;
	l->memory->gap_bytes = GAP_OF_PARTS_BYTES;
	for (uint64_t i = 1; i < NR_PARTS && !err; i++) {
		uint64_t from = begin + (end - begin - PART_BYTES) / 8 * i / (NR_PARTS - 1) * 8;

		if (perfdata_read_part(p, from, from + PART_BYTES))
			err = read_on(l, false);
		/* That it is a file of which parts can be read may turn out wrong. */
		if (!err && !perfdata_extent(p, &begin, &end))
			return 0;
	}
	return err ? err : 1;
}

static int read_all(struct look *l, FILE *file)
{
	int err;

	samples_close(&l->samples);
	*l->times = (struct perfdata_times){ .is_exact = true };
	rewind(file);
	err = samples_open(&l->samples, file, NULL);
	return err ? err : read_on(l, false);
}

/* What perf says of all its samples holds for these: they are among them. */
static void believe_header(struct perfdata_times *t, const struct perfdata_machine *m)
{
	if (t->is_exact || m->last_sample_ns < t->last_ns ||
	    m->last_sample_ns > PERFDATA_MAX_TIME_NS)
		return;
	t->last_ns = m->last_sample_ns;
	if (m->first_sample_ns && m->first_sample_ns < t->first_ns)
		t->first_ns = m->first_sample_ns;
}

int perfdata_look(FILE *file, struct perfdata_times *times, struct perfdata_memory *memory)
{
	struct look *l = calloc(1, sizeof(*l));
	int n;

	if (!l)
		return thermo_fail(-ENOMEM, "samples: no memory");
	l->times = times;
	l->memory = memory;
	n = samples_open(&l->samples, file, NULL);
	if (n == 0)
		n = read_parts(l);
	if (n == 0)
		n = read_all(l, file);
	if (n >= 0)
		n = learn(l);
	if (n == 0)
		believe_header(times, samples_machine(&l->samples));
	/* A time that is 0 is none. */
	times->is_any = times->last_ns > 0;
	samples_close(&l->samples);
	free(l);
	rewind(file);
	return n;
}
