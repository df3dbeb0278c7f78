/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * odd.h - what is odd about a machine's memory, and what to do about it.
 *
 * Names are stable: programs may rely on them.  Pure: same machine, same findings.
 */
#ifndef TIERING_ODD_H
#define TIERING_ODD_H

#include <stddef.h>

#include "tiering/machine.h"

#define ODD_MAX 64u

enum odd_severity {
	ODD_PROBLEM, /* memory lies idle, or nothing will ever move */
	ODD_NOTE,
};

/**
 * struct odd - One finding.
 * @what:	A sentence that begins with the thing's name.
 * @todo:	What to try.
 */
struct odd {
	const char *name;
	enum odd_severity severity;
	char what[320];
	char todo[320];
};

/* Problems first.  @nr_left_out counts what was beyond ODD_MAX. */
struct odds {
	size_t nr;
	size_t nr_left_out;
	struct odd odds[ODD_MAX];
};

void odd_find(const struct machine *machine, struct odds *odds);

const char *odd_severity_name(enum odd_severity severity);

#endif
