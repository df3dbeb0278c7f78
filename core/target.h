/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - a process under watch and its regions: a sorted array without
 * overlaps, which follows the process' mappings.  Monitor's thread only.
 */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include "core/proc.h"
#include "core/region.h"

struct ram;

struct target {
	struct thermo_target info;
	const struct ram *ram; /* physical memory; NULL: a process */
	bool gone;             /* found out since the last update */
	size_t nr_regions;
	size_t room;
	struct region *regions;
};

void target_fini(struct target *target);

/* Return: index of the region that holds @addr, or of the first one after it. */
size_t target_find(const struct target *target, uint64_t addr);

uint64_t target_bytes(const struct target *target);

/* Mean accesses per second and byte over what was observed; 0 when nothing was. */
double target_mean_rate(const struct target *target);

/*
 * Follow the mappings: what is unmapped goes, what is new comes, in at least
 * @min_nr_regions pieces for the whole.  Return: 0 or -ENOMEM, then nothing changed.
 */
int target_follow(struct target *target, const struct thermo_range *ranges, size_t nr_ranges,
		  uint32_t min_nr_regions);

/*
 * Merge neighbours whose rates differ by less than @threshold (log likelihood), as
 * long as the result is not larger than @max_bytes.
 */
void target_merge(struct target *target, double threshold, uint64_t max_bytes);

/* Split region @index at @at.  Return: 0 or -ENOMEM. */
int target_split(struct target *target, size_t index, uint64_t at);

#endif
