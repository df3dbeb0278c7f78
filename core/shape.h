/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shape.h - which regions to split and which to merge, over all targets.
 *
 * Regions are few: a split that explains much takes the place of regions whose
 * difference explains little.  Monitor's thread only.
 */
#ifndef CORE_SHAPE_H
#define CORE_SHAPE_H

#include "core/targets.h"

/* Merge and split so that there are at most @max_nr_regions, and @min_nr_regions a target. */
void shape_regions(struct targets *targets, uint32_t min_nr_regions, uint32_t max_nr_regions,
		   uint64_t now_ns);

#endif
