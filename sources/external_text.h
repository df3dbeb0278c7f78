/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * external_text.h - a line of accesses as other programs write them:
 *
 *	addr,len,count,rw,cpu[,pid[,tid[,watched_ns[,time_ns]]]]
 *	0x7f0012345000,64,1,w,3,4711
 *
 *	addr		first byte: decimal, or 0x and hexadecimal
 *	len		bytes, likewise, 1 to 2^40
 *	count		accesses; 0: known not accessed, for watched_ns
 *	rw		r, w; rw, - or nothing when unknown
 *	cpu		that accessed; nothing when unknown
 *	pid, tid	of who accessed
 *	watched_ns	how long all of len was watched to see count; nothing or 0: all the
 *			time, so the line is a sample: count accesses of len bytes at addr
 *	time_ns		when, of any clock; only where a file is read afterwards
 *
 * Fields may be empty but for the first three, and have spaces around them.  What begins
 * with # is a comment, and two of those hold for all lines that follow: "# space: physical"
 * (or virtual, as at the beginning), and "# pid: 4711" for lines without one.
 *
 * Pure: each line for itself, but for these two.
 */
#ifndef SOURCES_EXTERNAL_TEXT_H
#define SOURCES_EXTERNAL_TEXT_H

#include <stddef.h>

#include "thermocline/report.h"

enum external_kind {
	EXTERNAL_ACCESS,
	EXTERNAL_ASIDE, /* a comment, or nothing */
	EXTERNAL_BAD,
};

/**
 * struct external_text - What holds for the lines that follow; zeroed at the beginning.
 * @why:	After EXTERNAL_BAD: what is wrong, for people.
 */
struct external_text {
	uint8_t space;
	int32_t pid;
	const char *why;
};

/* @text of @len bytes, then a NUL, without a line's end.  @access is set for EXTERNAL_ACCESS,
 * its time as told, or 0. */
enum external_kind external_text_parse(struct external_text *t, const char *text, size_t len,
				       struct thermo_access *access);

#endif
