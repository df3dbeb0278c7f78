/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan_interval.h - for how long pages are watched before they are looked at again.
 *
 * Where most pages are found accessed, all look alike, however much hotter some are; where
 * nearly none is, looks are wasted.  So the middle one of three intervals follows the share
 * of its looks that found an access; a quarter and four times of it beside it widen what can be
 * told apart.  Where looks go to the boundary of hot and cold, the interval suits that boundary.
 *
 * Pure; one thread.
 */
#ifndef SOURCES_SCAN_INTERVAL_H
#define SOURCES_SCAN_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_SHORTEST_NS 5000000ull
#define SCAN_LONGEST_NS 1000000000ull

/* Zeroed but for @middle_ns, which scan_interval_init() sets. */
struct scan_interval {
	uint64_t middle_ns;
	uint32_t turn;
	uint64_t nr_looks; /* of the middle one, since it was set */
	uint64_t nr_accessed;
};

static inline void scan_interval_init(struct scan_interval *i)
{
	*i = (struct scan_interval){ .middle_ns = SCAN_LONGEST_NS / 8 };
}

/* Of the next batch; *@is_middle: its looks are to be told. */
uint64_t scan_interval_next(struct scan_interval *interval, bool *is_middle);

/* Of @nr_looks that were watched for the middle one, so many found an access. */
void scan_interval_learn(struct scan_interval *interval, size_t nr_looks, size_t nr_accessed);

#endif
