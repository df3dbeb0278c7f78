/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.h - make snapshots.  The monitor fills one in before anybody else knows
 * of it; from then on it does not change, and references may be counted anywhere.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include "core/region.h"

/* With room for so many, zeroed, and one reference.  Return: NULL without memory. */
struct thermo_snapshot *snapshot_alloc(size_t nr_targets, size_t nr_regions, size_t nr_sources);

/* What @r is at @now_ns, but for its target and nodes.  @prior as for rate_per_byte(). */
void snapshot_view_region(const struct region *r, double prior, uint64_t now_ns,
			  uint64_t half_life_ns, struct thermo_region *out);

#endif
