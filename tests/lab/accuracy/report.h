/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h - judges an observer's snapshots by the truth, and prints it. */
#ifndef ACCURACY_REPORT_H
#define ACCURACY_REPORT_H

#include <stdbool.h>

#include "tests/lab/accuracy/history.h"
#include "tests/lab/accuracy/snapshots.h"

enum { RANGES_MAX = 16 };

struct accuracy_options {
	double last_s; /* the truth that a snapshot is judged by; 0: all of its phase */
	/* Of rates: accesses so long before a snapshot count half, as in a monitor; 0: last_s. */
	double half_life_s;
	double skip_s; /* of a phase, before it counts as steady */
	bool each;     /* every snapshot, too */
	bool json;
};

/* A part of the workload's memory. */
struct accuracy_range {
	const char *name;
	uint64_t first_page;
	uint64_t nr_pages;
};

/* For each phase the medians over its steady part.  Return: 0 or -errno. */
int report_accuracy(const struct accuracy_options *options, const struct history *history,
		    const struct snapshots *snapshots);

/* Who accesses each range, how, and how much: the truth beside the mean of the snapshots. */
int report_shares(const struct accuracy_options *options, const struct history *history,
		  const struct snapshots *snapshots, const struct accuracy_range *ranges,
		  size_t nr_ranges);

#endif
