/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balance.h - the regions of a target add up to what the target did.
 *
 * Where accesses appear is seen at once: many came where few were expected.  Where they
 * went away is not: that a few of those expected did not come may be chance.  So what
 * moves from one place to another would count in both for a while, and all regions
 * together for twice of what there was.  But what a process does in all is known well.
 *
 * Monitor's thread only.
 */
#ifndef CORE_BALANCE_H
#define CORE_BALANCE_H

#include "core/target.h"

/*
 * Ends the window of all regions of @target.  @watched_s: as of region_judge_window().
 * Return: by how many accesses per second rates changed significantly, or may have.
 */
double target_close_window(struct target *target, uint64_t now_ns, uint64_t half_life_ns,
			   double watched_s);

#endif
