/* SPDX-License-Identifier: GPL-2.0-or-later */
/* given.h - targets that nobody has to look for, because a recording tells them. */
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

#endif
