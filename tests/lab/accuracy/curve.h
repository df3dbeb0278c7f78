/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * curve.h - how good an observer's ranking of memory is, against counted accesses.
 *
 * Take memory in the order from hottest to coldest, as the observer says, and see which share of
 * the true accesses the first bytes captured: that is its curve.  In the order of the true counts
 * it is the best possible one.  The distance between both, averaged over all of memory, is the mean
 * miss.  Inside of a region, and among regions with the same rate, the observer tells no order, so
 * what it captures there grows evenly.
 */
#ifndef ACCURACY_CURVE_H
#define ACCURACY_CURVE_H

#include <stddef.h>
#include <stdint.h>

enum { CURVE_POINTS = 4 };

/* In percent of the bytes. */
extern const unsigned curve_points[CURVE_POINTS];

/* Pages [@start, @end), and how hot a page is; the unit does not matter. */
struct curve_region {
	uint64_t start;
	uint64_t end;
	double heat;
};

struct curve {
	double captured[CURVE_POINTS]; /* share of accesses, 0 to 1 */
	double best[CURVE_POINTS];
	double mean_miss;
	uint64_t unknown_pages; /* in no region: they count as coldest */
	uint64_t nr_regions;    /* that hold at least a page */
};

/**
 * curve_measure() - Judge @regions by @counts, the accesses to each of @nr_pages pages.
 *
 * What of a region lies outside is cut off; where regions overlap the last one counts.
 *
 * Return: 0; -ENODATA without accesses; -EINVAL for a heat that is not a number of 0 or more;
 * -ENOMEM.
 */
int curve_measure(const uint64_t *counts, uint64_t nr_pages, const struct curve_region *regions,
		  size_t nr_regions, struct curve *curve);

/* Sorts @values; of an even number the mean of the middle two, of none 0. */
double curve_median(double *values, size_t nr);

#endif
