/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * views.h - what a snapshot says, as people ask for it.
 *
 * Pure functions.  Rates here are densities: accesses per second and MiB, so that
 * regions of any size compare.  A region is uniform inside: that is what a region
 * is.  A region without evidence (view_is_observed()) has no rate of its own, and
 * every view says what it does with it.  Rates that are no numbers count as 0.
 */
#ifndef CORE_VIEWS_H
#define CORE_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thermocline/monitor.h"

#define VIEW_NR_PERCENTILES 101
#define VIEW_NR_BUCKETS 40
#define VIEW_MIB (1024.0 * 1024.0)

/* Something is known of it, even if only that nothing accessed it. */
bool view_is_observed(const struct thermo_region *region);

/* Accesses per second and MiB; 0 for an empty region. */
double view_rate(const struct thermo_region *region);

/*
 * The part of @snapshot that is one of its targets, for all views below.  It
 * borrows from @snapshot; totals of the whole (accesses_per_s, counters) stay.
 */
struct thermo_snapshot view_of_target(const struct thermo_snapshot *snapshot, uint32_t target);

/*
 * For how long a region has been idle (positive), or hot (negative), as DAMON_STAT
 * has it: a region accessed in the last window counts minus its age, another one
 * the time since its last access.  Where none was ever seen although a source
 * looked, that is at least its age.
 */
int64_t view_idle_ns(const struct thermo_region *region, uint64_t window_ns);

/**
 * view_idle_percentiles() - Idle time, percentiles 0 to 100 of the bytes.
 * @idle_ns:	Out, VIEW_NR_PERCENTILES: at least p % of the bytes are idle for so
 *		long or less.  Negative: hot for so long.
 *
 * Bytes that were never observed are left out.
 *
 * Return: the bytes they are of; 0: nothing is known, all are 0; -ENOMEM.
 */
int64_t view_idle_percentiles(const struct thermo_snapshot *snapshot, int64_t *idle_ns);

/* Observed bytes that are accessed at @min_rate or above.  A rate of 0 takes all. */
uint64_t view_bytes_from_rate(const struct thermo_snapshot *snapshot, double min_rate);

/* Bytes of regions in which an access was seen within the last @within_ns. */
uint64_t view_bytes_accessed(const struct thermo_snapshot *snapshot, uint64_t within_ns);

/**
 * struct view_series - The working set of one snapshot after another.
 * @nr:		Values added.
 * @every:	One of so many is kept: when @kept is full, every other one goes.
 * @min, @max:	Of all, whether kept or not.
 *
 * Zeroed, it is empty.  Any number of values takes the same room; evenly spaced
 * ones in the order of time stay, so the percentiles are those of a systematic
 * sample: a workload with just that period would deceive it.
 */
struct view_series {
	uint64_t nr;
	uint64_t every;
	uint64_t min;
	uint64_t max;
	double sum;
	size_t nr_kept;
	uint64_t kept[4096];
};

void view_series_add(struct view_series *series, uint64_t value);

/*
 * The value that @percent (0 to 100) of those added are at or below: nearest rank,
 * one that was really there.  0 and 100 are exact always.  Return: 0 when empty.
 */
uint64_t view_series_percentile(const struct view_series *series, double percent);

/* Return: the mean of all values; 0 when empty. */
double view_series_mean(const struct view_series *series);

/**
 * struct view_bucket - From @low to below @high; the last one has no end (INFINITY).
 * @bytes, @accesses_per_s:	Of the regions in it.
 */
struct view_bucket {
	double low;
	double high;
	uint64_t bytes;
	double accesses_per_s;
};

/**
 * struct view_histogram - Bytes and accesses by powers of two of something.
 * @buckets:	The first one begins at 0, every other one is twice as wide as the last.
 * @never:	Observed, but no access was ever seen; view_recency() only.
 * @unobserved:	Never observed; its accesses are an assumption.
 */
struct view_histogram {
	struct view_bucket buckets[VIEW_NR_BUCKETS];
	struct view_bucket never;
	struct view_bucket unobserved;
};

/* By seconds since the last access: below 1 ms, 1 to 2 ms, 2 to 4 ms, ... */
void view_recency(const struct thermo_snapshot *snapshot, struct view_histogram *histogram);

/* By accesses per second and MiB: below 1/1024, 1/1024 to 1/512, ... */
void view_temperature(const struct thermo_snapshot *snapshot, struct view_histogram *histogram);

/* One step of a heat curve: up to here, hottest first. */
struct view_step {
	double bytes;
	double accesses_per_s;
	double rate; /* of this step */
};

/**
 * struct view_curve - Which share of the accesses the hottest bytes get.
 * @steps:	A region each, hottest first, summed up.
 *
 * All bytes take part, those never observed at the rate that is assumed for them.
 */
struct view_curve {
	size_t nr_steps;
	struct view_step *steps;
};

/* Return: 0 or -ENOMEM.  @curve is free of @snapshot then. */
int view_curve_init(struct view_curve *curve, const struct thermo_snapshot *snapshot);

/* Accepts a zeroed one, and may be called twice. */
void view_curve_fini(struct view_curve *curve);

double view_curve_bytes(const struct view_curve *curve);
double view_curve_accesses_per_s(const struct view_curve *curve);

/*
 * Share (0 to 1) of the accesses that the hottest @bytes get, linear inside a
 * region.  With a share x of the bytes: x * view_curve_bytes().  Without any
 * access all bytes are alike, and it is the share of the bytes.
 */
double view_curve_share(const struct view_curve *curve, double bytes);

/*
 * The rate that splits hot from cold when @budget_bytes are fast: what is above it
 * fits, what is below it does not, what is just at it fits in part.  0: all fits;
 * INFINITY: nothing does.
 */
double view_curve_cut(const struct view_curve *curve, double budget_bytes);

#endif
