/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_parts.h - a region's accesses, taken apart by who makes them.
 *
 * Pure.  What is known of the region as a whole holds for each part; the rest that was
 * not attributed is a part as well, so that parts add up to the region.
 */
#ifndef CLI_REPORT_PARTS_H
#define CLI_REPORT_PARTS_H

#include "cli/report_rows.h"

/* A region's accesses by one of those who access it. */
struct report_part {
	const struct thermo_region *region;
	const struct thermo_target *target;
	bool is_other;
	uint64_t number;
	uint64_t sub;
	int node;
	const char *cgroup;
	struct report_rates rates;
};

typedef void report_part_fn(struct report *report, const struct report_part *part);

/* Call @fn for each part of @region by report->by; not if it is not wanted or observed. */
void report_take_apart(struct report *report, const struct thermo_snapshot *snapshot,
		       const struct thermo_region *region, report_part_fn *fn);

#endif
