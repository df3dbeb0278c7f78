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

/* Of all regions together, faded like theirs, from sources that watch all the time. */
struct total {
	double events;
	double watched_s;
	uint64_t fades_from_ns;
	uint64_t scanned_ns; /* when another source last told something; 0: never */
};

struct target {
	struct thermo_target info;
	const struct ram *ram; /* physical memory; NULL: a process */
	bool gone;             /* found out since the last update */
	double watched_s;      /* in the open window, by reporters that tell of it alone */
	struct total total;
	size_t nr_regions;
	struct region *regions;
	/* Of the regions, where they start and where they end: a search touches nothing else. */
	uint64_t *starts;
	uint64_t *ends;
};

void target_fini(struct target *target);

/* Return: index of the last region that begins at @addr or below; 0 when none does. */
static inline size_t target_last_from(const struct target *target, uint64_t addr)
{
	size_t low = 0, nr = target->nr_regions;

	/* No branch that could be mispredicted, so that several searches overlap. */
	while (nr > 1) {
		size_t half = nr / 2;

		low = target->starts[low + half] <= addr ? low + half : low;
		nr -= half;
	}
	return low;
}

/* Return: index of the region that holds @addr, or of the first one after it. */
static inline size_t target_find(const struct target *target, uint64_t addr)
{
	size_t i = target_last_from(target, addr);

	return target->nr_regions && addr >= target->ends[i] ? i + 1 : i;
}

uint64_t target_bytes(const struct target *target);

/* Mean accesses per second and byte over what was observed; 0 when nothing was. */
double target_mean_rate(const struct target *target);

/*
 * Follow the mappings: what is unmapped goes, what is new comes, in at least
 * @min_nr_regions pieces for the whole.  Return: 0 or -ENOMEM, then nothing changed.
 */
int target_follow(struct target *target, const struct thermo_range *ranges, size_t nr_ranges,
		  uint32_t min_nr_regions);

/* Of neighbours of which one was never observed; evidence never tells regions so far apart. */
#define UNKNOWN_DIFFERENCE 1e9

/* How unlike region @index and its right neighbour are; INFINITY: they cannot become one. */
double target_difference(const struct target *target, size_t index, uint64_t max_bytes);

/*
 * Merge neighbours whose difference is below @threshold, as long as the result is
 * not larger than @max_bytes.
 */
void target_merge(struct target *target, double threshold, uint64_t max_bytes);

/* Split where @cuts say, which are in order of address.  Return: 0, or -ENOMEM: as it was. */
int target_split(struct target *target, const struct cut *cuts, size_t nr_cuts);

#endif
