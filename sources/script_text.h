/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script_text.h - a line of what `perf script` prints.
 *
 * Which columns there are is up to who called perf, and no line says it.  What is between
 * the columns tells them apart:
 *
 *	[COMM] PID[/TID] [[CPU]] [FLAGS] TIME: [PERIOD] EVENT: [ADDR [SYMBOL (DSO)]]
 *		[DATA_SRC |OP ...] [WEIGHT ...] [IP [SYMBOL (DSO)]] [PHYS_ADDR] ...
 *
 * Time, event and pid or tid must be there.  Without a data source, of the numbers
 * before a symbol the first is the address if there are two or more; before no symbol it
 * always is.  A number before a symbol is the address where another place with a symbol
 * follows, as of page faults; where none does it is the instruction's: perf prints no address
 * of software events unless it is told to.
 */
#ifndef SOURCES_SCRIPT_TEXT_H
#define SOURCES_SCRIPT_TEXT_H

#include "sources/perf_record.h"

#define SCRIPT_EVENT_BYTES 128

/**
 * struct script_line - What a line says.
 * @sample:	Zero what it does not say; what it says is in @sample_type.
 * @place:	Of the only place that it names, which is not in @sample: the instruction's,
 *		unless the next line begins a call chain, or is empty as behind one; that has
 *		the instruction then, and this is the address.  0: it names none, or two.
 * @comm:	Of the thread; "" when it does not say.
 */
struct script_line {
	uint64_t sample_type;
	struct perf_sample sample;
	uint64_t place;
	char comm[16];
	char event[SCRIPT_EVENT_BYTES];
};

enum script_kind {
	SCRIPT_SAMPLE,
	SCRIPT_ASIDE, /* a comment, a call chain, a record that is no sample, nothing at all */
	SCRIPT_BAD,
};

/* @text ends with a NUL, without a line's end. */
enum script_kind script_text_parse(const char *text, struct script_line *line);

/*
 * Whether perf script and no other wrote the line, sample or not: the first of --header, or a
 * record that is no sample.  More of them than one looks at can come before the first sample.
 */
bool script_text_is_perfs(const char *text);

#endif
