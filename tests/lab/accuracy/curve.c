// SPDX-License-Identifier: GPL-2.0-or-later
/* curve.c - see curve.h. */
#include "tests/lab/accuracy/curve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/error.h"

#define HEAT_UNKNOWN (-1.0) /* colder than the coldest that is known */

const unsigned curve_points[CURVE_POINTS] = { 5, 10, 20, 40 };

struct page {
	double heat;
	uint64_t count;
};

/* Captured accesses after @pages of them; both orders are walked with one of these each. */
struct walk {
	double share[CURVE_POINTS];
	double area; /* under the curve, in shares of all pages */
};

static int by_heat(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->heat < y->heat ? 1 : x->heat > y->heat ? -1 : 0;
}

static int by_count(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

/* A straight piece of the curve: from (@x, @y), both in shares of all, on by (@dx, @dy). */
static void add_piece(struct walk *walk, double x, double dx, double y, double dy)
{
	for (int i = 0; i < CURVE_POINTS; i++) {
		double at = curve_points[i] / 100.0;

		if (at > x && at <= x + dx)
			walk->share[i] = y + dy * (at - x) / dx;
	}
	walk->area += dx * (y + dy / 2);
}

/* @pages in order; those that @compare calls equal are one piece. */
static void walk_pages(const struct page *pages, uint64_t nr, uint64_t total,
		       int (*compare)(const void *, const void *), struct walk *walk)
{
	uint64_t captured = 0;

	*walk = (struct walk){ 0 };
	for (uint64_t first = 0, next; first < nr; first = next) {
		uint64_t sum = 0;

		for (next = first; next < nr && compare(&pages[first], &pages[next]) == 0; next++)
			sum += pages[next].count;
		add_piece(walk, (double)first / (double)nr, (double)(next - first) / (double)nr,
			  (double)captured / (double)total, (double)sum / (double)total);
		captured += sum;
	}
}

static int heat_pages(struct page *pages, uint64_t nr_pages, const struct curve_region *regions,
		      size_t nr_regions, struct curve *curve)
{
	for (size_t i = 0; i < nr_regions; i++) {
		const struct curve_region *r = &regions[i];
		uint64_t end = r->end < nr_pages ? r->end : nr_pages;

		if (!isfinite(r->heat) || r->heat < 0)
			return thermo_fail(-EINVAL, "accuracy: region %zu has a heat of %g", i,
					   r->heat);
		curve->nr_regions += r->start < end;
		for (uint64_t page = r->start; page < end; page++)
			pages[page].heat = r->heat;
	}
	for (uint64_t page = 0; page < nr_pages; page++)
		curve->unknown_pages += pages[page].heat < 0;
	return 0;
}

int curve_measure(const uint64_t *counts, uint64_t nr_pages, const struct curve_region *regions,
		  size_t nr_regions, struct curve *curve)
{
	AUTO_FREE struct page *pages = calloc(nr_pages + 1, sizeof(*pages));
	struct walk seen, best;
	uint64_t total = 0;
	int err;

	*curve = (struct curve){ 0 };
	if (!pages)
		return thermo_fail(-ENOMEM, "accuracy: no memory for the pages");
	for (uint64_t page = 0; page < nr_pages; page++) {
		pages[page] = (struct page){ HEAT_UNKNOWN, counts[page] };
		total += counts[page];
	}
	if (total == 0)
		return thermo_fail(-ENODATA, "accuracy: no accesses were counted");
	err = heat_pages(pages, nr_pages, regions, nr_regions, curve);
	if (err)
		return err;
	qsort(pages, nr_pages, sizeof(*pages), by_heat);
	walk_pages(pages, nr_pages, total, by_heat, &seen);
	qsort(pages, nr_pages, sizeof(*pages), by_count);
	walk_pages(pages, nr_pages, total, by_count, &best);
	for (int i = 0; i < CURVE_POINTS; i++) {
		curve->captured[i] = seen.share[i];
		curve->best[i] = best.share[i];
	}
	curve->mean_miss = best.area - seen.area;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x > *y ? 1 : *x < *y ? -1 : 0;
}

double curve_median(double *values, size_t nr)
{
	if (nr == 0)
		return 0;
	qsort(values, nr, sizeof(*values), by_value);
	return (values[(nr - 1) / 2] + values[nr / 2]) / 2;
}
