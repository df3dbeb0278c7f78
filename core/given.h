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
 * Watch these instead of what thermo_monitor_update_targets() finds.  What is known of a
 * process that was watched before is kept.  Memory that is new in it was there all the time,
 * and silent: what was recorded does not tell when memory comes, only when it is accessed.
 * Return: number of targets, or -ENOMEM: all is known as it was.
 */
int thermo_monitor_give_targets(struct thermo_monitor *monitor, const struct given_target *given,
				size_t nr);

/*
 * As if they had come through the ring of @reporter, which has been added, and been drained:
 * who has them in memory need not copy them twice.  Their source is 0.  Those of what is not
 * watched are not taken but put into @unwatched, which has room for all; if it is NULL they
 * are counted as others are.  Return: how many are of what is not watched.
 */
size_t thermo_monitor_give_reports(struct thermo_monitor *monitor,
				   const struct thermo_reporter *reporter,
				   const struct thermo_access *reports, size_t nr,
				   struct thermo_access *unwatched);

#endif
