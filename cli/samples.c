// SPDX-License-Identifier: GPL-2.0-or-later
/* samples.c - see samples.h. */
#include "cli/samples.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/error.h"

#define LOOK_BYTES 65536u

/* The text formats have their own numbers. */
enum { NONE = TEXT_NONE, PERF_DATA = 100 };

static int look(FILE *file)
{
	static char first[LOOK_BYTES];
	size_t n = fread(first, 1, sizeof(first), file);

	rewind(file);
	return perfdata_recognises(first, n) ? PERF_DATA : (int)text_recognise(first, n);
}

static bool is_directory(FILE *file)
{
	struct stat st;

	return fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode);
}

bool samples_recognise(FILE *file)
{
	return is_directory(file) || look(file) != NONE;
}

int samples_open(struct samples *s, FILE *file, const struct perfdata_opts *opts)
{
	static const char *const names[] = { [TEXT_NONE] = "",
					     [TEXT_PERF_SCRIPT] = "perf script",
					     [TEXT_LACKEY] = "lackey",
					     [TEXT_EXTERNAL] = "external" };
	int kind = is_directory(file) ? NONE : look(file);

	*s = (struct samples){ .format = kind == PERF_DATA ? "perf.data" : names[kind] };
	s->opts = opts ? *opts : (struct perfdata_opts){ 0 };
	if (kind == PERF_DATA)
		return perfdata_open(&s->perf, file, opts);
	if (is_directory(file))
		return thermo_fail(-EISDIR,
				   "perf.data: a directory, as perf record --threads makes "
				   "it: record without --threads");
	if (kind == NONE)
		return thermo_fail(-EBADMSG, "neither a recording, nor perf.data, nor the text of "
					     "perf script, nor lackey's trace, nor lines "
					     "addr,len,count,rw,cpu");
	return text_samples_open(&s->text, file, (enum text_format)kind);
}

void samples_close(struct samples *s)
{
	perfdata_close(s->perf);
	text_samples_close(s->text);
	*s = (struct samples){ 0 };
}

/* The next one is held.  Return: 1; 0 at the end; -errno. */
static int hold_next(struct samples *s)
{
	struct perfdata_item item;
	int n = 0, err = 0;

	while (!s->is_holding && !err && (n = text_samples_next(s->text, &item)) == 1) {
		s->is_holding = item.access != NULL;
		if (item.access)
			s->held = *item.access;
		else if (s->opts.see)
			err = s->opts.see(s->opts.context, &item);
	}
	return err ? err : s->is_holding ? 1 : n;
}

/* They are in the order of time. */
static int accesses_of_text(struct samples *s, uint64_t until_ns, struct thermo_access *out,
			    size_t max)
{
	size_t nr = 0;
	int n = 1;

	while (nr < max && (n = hold_next(s)) == 1 &&
	       (s->held.time_ns < until_ns || until_ns == UINT64_MAX)) {
		out[nr++] = s->held;
		s->is_holding = false;
	}
	s->is_at_end = n == 0;
	return nr ? (int)nr : n == 1 ? 0 : n;
}

int samples_accesses(struct samples *s, uint64_t until_ns, struct thermo_access *out, size_t max)
{
	return s->text ? accesses_of_text(s, until_ns, out, max)
		       : perfdata_accesses(s->perf, until_ns, out, max);
}

bool samples_are_at_end(const struct samples *s)
{
	return s->text ? s->is_at_end : perfdata_is_at_end(s->perf);
}

const struct perfdata_machine *samples_machine(const struct samples *s)
{
	return s->text ? text_samples_machine(s->text) : perfdata_machine(s->perf);
}

const struct perfdata_counters *samples_counters(const struct samples *s)
{
	return s->text ? text_samples_counters(s->text) : perfdata_counters(s->perf);
}

const char *samples_aux_kind(const struct samples *s)
{
	return s->perf ? perfdata_aux_kind(s->perf) : "";
}

struct text_trouble samples_trouble(const struct samples *s)
{
	return s->text ? *text_samples_trouble(s->text) : (struct text_trouble){ 0 };
}
