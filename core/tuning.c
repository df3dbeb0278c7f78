// SPDX-License-Identifier: GPL-2.0-or-later
/* tuning.c - how sure is the picture, and how much of memory does it see accessed. */
#include "core/tuning.h"

#include <math.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/proc.h"
#include "thermocline/source.h"

#define DEFAULT_HOT_SHARE 5 /* a fifth */
/* Half an event: what a region without any may have had. */
#define UNSEEN_EVENTS 0.5

static double density(const struct thermo_region *r)
{
	return r->accesses_per_s / (double)(r->end - r->start);
}

static int by_density(const void *a, const void *b)
{
	double x = density(*(const struct thermo_region *const *)a);
	double y = density(*(const struct thermo_region *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Accesses per second and byte, between what is hot and what is not. */
static double find_cut(const struct thermo_snapshot *s, uint64_t hot_bytes)
{
	AUTO_FREE const struct thermo_region **sorted =
			malloc((s->nr_regions + 1ul) * sizeof(const struct thermo_region *));
	uint64_t bytes = 0;

	if (!sorted || s->nr_regions == 0)
		return 0;
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		sorted[i] = &s->regions[i];
		bytes += sorted[i]->end - sorted[i]->start;
	}
	if (hot_bytes == 0 || hot_bytes >= bytes)
		hot_bytes = bytes / DEFAULT_HOT_SHARE;
	qsort(sorted, s->nr_regions, sizeof(const struct thermo_region *), by_density);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		uint64_t here = sorted[i]->end - sorted[i]->start;

		if (here >= hot_bytes)
			return density(sorted[i]);
		hot_bytes -= here;
	}
	return 0;
}

/* Accesses per second by which the region is wrong, expected, if it is on the wrong side. */
static double doubt_of(const struct thermo_region *r, double cut)
{
	double bytes = (double)(r->end - r->start), events = (double)r->nr_events + UNSEEN_EVENTS;
	double apart = fabs(density(r) - cut);
	double error = fmax(density(r), cut) / sqrt(events);

	return error > 0 ? 0.5 * erfc(apart / error / M_SQRT2) * apart * bytes : 0;
}

double tuning_doubt_bp(const struct thermo_snapshot *s, uint64_t hot_bytes)
{
	double cut = find_cut(s, hot_bytes), doubt = 0;

	if (s->accesses_per_s <= 0)
		return 10000;
	for (uint32_t i = 0; i < s->nr_regions; i++)
		doubt += doubt_of(&s->regions[i], cut);
	return fmin(10000, doubt / s->accesses_per_s * 10000);
}

uint32_t tuning_rate(uint32_t permille, double doubt_bp, uint32_t min_permille)
{
	double factor = doubt_bp / TUNING_EVIDENCE_BP;
	double next = permille * (factor < 0.5 ? 0.5 : factor > 2 ? 2 : factor);

	return next < min_permille       ? min_permille
	       : next > THERMO_RATE_FULL ? THERMO_RATE_FULL
					 : (uint32_t)next;
}

static uint64_t resident_bytes(const struct thermo_region *r)
{
	uint64_t bytes = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++)
		bytes += r->nodes[i].bytes;
	return bytes;
}

double tuning_access_ratio_bp(const struct thermo_snapshot *s)
{
	double window_s = (double)s->window_ns / 1e9, touched = 0, all = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		double pages = (double)resident_bytes(r) / (double)THERMO_PAGE_BYTES;

		if (pages <= 0)
			continue;
		all += pages;
		/* Accesses that come independently leave exp(-mean) of the pages alone. */
		touched += pages * -expm1(-r->accesses_per_s * window_s / pages);
	}
	return all > 0 ? touched / all * 10000 : 0;
}

uint32_t tuning_window_ms(uint32_t window_ms, double ratio_bp, uint32_t goal_bp)
{
	double score = ratio_bp / goal_bp, factor = score < 2 ? 2 - score : 0, next;

	if (factor < 1)
		factor = 0.5 + factor / 2;
	next = window_ms * factor;
	return next < TUNING_MIN_WINDOW_MS   ? TUNING_MIN_WINDOW_MS
	       : next > TUNING_MAX_WINDOW_MS ? TUNING_MAX_WINDOW_MS
					     : (uint32_t)next;
}
