/* SPDX-License-Identifier: GPL-2.0-or-later */
/* given.h - targets and reports that come from a recording: nobody has to look for them. */
#ifndef CORE_GIVEN_H
#define CORE_GIVEN_H

#include "core/proc.h"
#include "thermocline/monitor.h"

/* @ranges: sorted, without overlaps. */
struct given_target {
	struct thermo_target info;
	const struct thermo_range *ranges;
	size_t nr_ranges;
};

/*
 * Watch these instead of what thermo_monitor_update_targets() finds.  What is known of
 * others is forgotten.  Return: number of targets, or -ENOMEM: all as it was.
 */
int thermo_monitor_give_targets(struct thermo_monitor *monitor, const struct given_target *given,
				size_t nr);

/*
 * As if they had come through the ring of @reporter, which has been added, and been drained:
 * who has them in memory need not copy them twice.  Their source is 0.
 */
void thermo_monitor_give_reports(struct thermo_monitor *monitor,
				 const struct thermo_reporter *reporter,
				 const struct thermo_access *reports, size_t nr);

#endif
