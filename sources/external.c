// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * external.c - accesses that other programs write as text into a named pipe or a file, a
 * line each (external_text.h).
 *
 * Writers come and go: a pipe without one is silent.  A file is read to its end, and what is
 * added to it later as well.  So much is read at a time and no more: a fast writer waits, as
 * writers of pipes do.  A line that cannot be read is counted; the first is told.
 *
 * Programs that report through shared memory (thermocline/client.h) do not come here.
 *
 * Runs in the source's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/host.h"
#include "sources/external_text.h"
#include "sources/text_lines.h"
#include "thermocline/source.h"

#define BLOCK_BYTES (64u << 10)
#define MAX_LINE_BYTES 1024u
#define BLOCKS_A_DRAIN 4

struct external {
	const struct thermo_host *host;
	const char *path;
	int fd; /* 0: not open; the state starts as zeroes */
	bool is_pipe;
	bool has_writer;
	struct text_lines lines;
	struct external_text text;
	char first_bad[200]; /* "" while there was none */
	struct thermo_source_counters counters;
};

static int check_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return thermo_fail(-errno, "external: %s: %s: make a pipe with mkfifo", path,
				   strerror(errno));
	if (!S_ISFIFO(st.st_mode) && !S_ISREG(st.st_mode))
		return thermo_fail(-EINVAL, "external: %s: is neither a named pipe nor a file",
				   path);
	if (access(path, R_OK) < 0)
		return thermo_fail(-errno, "external: %s: %s", path, strerror(errno));
	return 0;
}

static int no_path(void)
{
	return thermo_fail(-ENODATA, "external: text is read where --external PATH says; programs "
				     "that report through shared memory need no source");
}

static int external_probe(const struct thermo_source_opts *opts)
{
	return opts->external ? check_path(opts->external) : no_path();
}

static int external_open(void *state, const struct thermo_source_opts *opts)
{
	struct external *e = state;
	int err;

	err = external_probe(opts);
	if (!err)
		err = text_lines_init(&e->lines, BLOCK_BYTES, MAX_LINE_BYTES);
	if (err)
		return err;
	e->host = opts->host;
	e->path = opts->external;
	/* O_NONBLOCK: a pipe opens also while nobody writes. */
	e->fd = open(e->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (e->fd < 0) {
		e->fd = 0;
		return thermo_fail(-errno, "external: %s: %s", e->path, strerror(errno));
	}
	struct stat st;

	e->is_pipe = fstat(e->fd, &st) == 0 && S_ISFIFO(st.st_mode);
	return 0;
}

static int external_start(void *state)
{
	(void)state;
	return 0;
}

static void note_bad(struct external *e, const char *why)
{
	e->counters.useless++;
	if (!e->first_bad[0])
		(void)snprintf(e->first_bad, sizeof(e->first_bad),
			       "cannot read line %" PRIu64 " of %.80s: %s", e->lines.line_nr,
			       e->path, why);
}

static void take_line(struct external *e, const char *text, size_t len,
		      struct thermo_reporter *reporter)
{
	struct thermo_access access;

	switch (external_text_parse(&e->text, text, len, &access)) {
	case EXTERNAL_ACCESS:
		e->counters.seen++;
		e->counters.reported++;
		access.time_ns = thermo_host_now_ns(e->host);
		(void)thermo_report_access(reporter, &access);
		return;
	case EXTERNAL_BAD:
		e->counters.seen++;
		note_bad(e, e->text.why);
		return;
	default:
		return;
	}
}

/* @at_end: nobody is there who could end the line that was begun. */
static void take_lines(struct external *e, bool at_end, struct thermo_reporter *reporter)
{
	size_t len;
	char *text;
	int n;

	while ((n = text_lines_next(&e->lines, at_end, &text, &len)) != 0) {
		if (n > 0) {
			take_line(e, text, len, reporter);
			continue;
		}
		e->counters.seen++;
		note_bad(e, "it is too long");
	}
}

/* A pipe that was removed has no writers any more: another one may be in its place. */
static int check_still_there(const struct external *e)
{
	struct stat st;

	if (fstat(e->fd, &st) == 0 && st.st_nlink == 0)
		return thermo_fail(-ENOENT, "external: %s: was removed", e->path);
	return 0;
}

static int external_drain(void *state, struct thermo_reporter *reporter)
{
	struct external *e = state;
	uint64_t before = e->counters.reported;
	ssize_t n = 1;

	for (int i = 0; i < BLOCKS_A_DRAIN && n > 0; i++) {
		size_t room;
		char *to = text_lines_room(&e->lines, &room);

		n = read(e->fd, to, room);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return thermo_fail(-errno, "external: %s: %s", e->path, strerror(errno));
		if (n > 0)
			text_lines_filled(&e->lines, (size_t)n);
		/* 0: of a pipe, that nobody has it open for writing; a file may grow. */
		e->has_writer = n != 0 || !e->is_pipe;
		take_lines(e, !e->has_writer, reporter);
	}
	int err = n > 0 ? 0 : check_still_there(e);

	return err ? err : (int)(e->counters.reported - before);
}

/* A pipe that nobody writes into tells nothing, and nothing of what is not accessed. */
static bool external_watches(const void *state)
{
	return ((const struct external *)state)->has_writer;
}

static void external_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct external *)state)->counters;
}

static void external_note(const void *state, char *text, size_t size)
{
	(void)snprintf(text, size, "%s", ((const struct external *)state)->first_bad);
}

static void external_close(void *state)
{
	struct external *e = state;

	if (e->fd > 0)
		(void)close(e->fd);
	text_lines_fini(&e->lines);
	*e = (struct external){ 0 };
}

const struct thermo_source thermo_source_external = {
	.name = "external",
	.summary = "what other programs tell: as text, or through shared memory",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_PHYSICAL | THERMO_CAN_OP | THERMO_CAN_CPU |
	       THERMO_CAN_THREAD | THERMO_CAN_NEGATIVE,
	.granularity_bytes = 1,
	.cost = "a line of text for each report, or some nanoseconds in the program",
	.state_bytes = sizeof(struct external),
	.drain_interval_ms = 100,
	.probe = external_probe,
	.open = external_open,
	.start = external_start,
	.drain = external_drain,
	.counters = external_counters,
	.note = external_note,
	.watches = external_watches,
	.close = external_close,
};
