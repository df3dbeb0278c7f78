// SPDX-License-Identifier: GPL-2.0-or-later
/* focus.c - the boundary, and what it would cost to decide now. */
#include "core/focus.h"

#include <math.h>
#include <stdlib.h>

#include "core/cleanup.h"

/* What was never observed may be anything within some powers of ten: in natural logarithms. */
#define UNKNOWN_SPREAD 2.0

struct candidate {
	const struct thermo_region *region;
	uint64_t bytes; /* that are there */
	double heat;    /* accesses per second and byte */
	double worth;
};

static uint64_t resident_bytes(const struct thermo_region *r)
{
	uint64_t bytes = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++)
		bytes += r->nodes[i].bytes;
	return bytes ? bytes : r->end - r->start;
}

static int hottest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->heat < y->heat) - (x->heat > y->heat);
}

static int most_worth_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->worth < y->worth) - (x->worth > y->worth);
}

static int by_place(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->region > y->region) - (x->region < y->region);
}

/* Of the first that does not fit; 0: all that is accessed fits. */
static double boundary_heat(const struct candidate *hottest, size_t nr, uint64_t top_bytes)
{
	uint64_t left = top_bytes;

	for (size_t i = 0; i < nr; i++) {
		if (hottest[i].bytes > left)
			return hottest[i].heat;
		left -= hottest[i].bytes;
	}
	return 0;
}

/*
 * What is to be expected to be lost if it is decided now, by the heat that is believed: the loss
 * grows with the distance of the true heat from the boundary, on the wrong side of it.  For
 * a heat that is known to a normal error, in logarithms, this is the unit normal loss.
 */
static double expected_loss(const struct candidate *c, double boundary)
{
	const struct thermo_region *r = c->region;
	double spread, z;

	if (r->exposure_s <= 0 && r->nr_events <= 0)
		return (double)c->bytes * UNKNOWN_SPREAD;
	if (c->heat <= 0 || r->accesses_per_s_error <= 0)
		return 0;
	spread = fmin(r->accesses_per_s_error / r->accesses_per_s, UNKNOWN_SPREAD);
	z = fabs(log(c->heat / boundary)) / spread;
	return (double)c->bytes * spread *
	       fmax(0, exp(-z * z / 2) / sqrt(2 * M_PI) - z * erfc(z / sqrt(2)) / 2);
}

static size_t find_candidates(const struct thermo_snapshot *s, struct candidate *candidates)
{
	size_t nr = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		/* No scanner of processes can look at physical memory. */
		if (s->targets[r->target].pid == THERMO_PID_PHYSICAL)
			continue;
		candidates[nr++] = (struct candidate){
			.region = r,
			.bytes = resident_bytes(r),
			.heat = r->accesses_per_s / (double)(r->end - r->start),
		};
	}
	return nr;
}

/* The most worthy first.  Return: of how many it is worth a look. */
static size_t weigh(struct candidate *candidates, size_t nr, uint64_t top_bytes)
{
	double boundary;
	size_t worthy = 0;

	qsort(candidates, nr, sizeof(*candidates), hottest_first);
	boundary = boundary_heat(candidates, nr, top_bytes);
	if (boundary <= 0)
		return 0;
	for (size_t i = 0; i < nr; i++)
		candidates[i].worth = expected_loss(&candidates[i], boundary);
	qsort(candidates, nr, sizeof(*candidates), most_worth_first);
	while (worthy < nr && candidates[worthy].worth > 0)
		worthy++;
	return worthy;
}

size_t focus_of_snapshot(const struct thermo_snapshot *s, uint64_t top_bytes,
			 struct thermo_focus *focus, size_t max)
{
	AUTO_FREE struct candidate *candidates = calloc(s->nr_regions + 1, sizeof(*candidates));
	double sum = 0;
	size_t nr;

	if (!candidates || !top_bytes)
		return 0;
	nr = weigh(candidates, find_candidates(s, candidates), top_bytes);
	nr = nr < max ? nr : max;
	for (size_t i = 0; i < nr; i++)
		sum += candidates[i].worth;
	qsort(candidates, nr, sizeof(*candidates), by_place);
	for (size_t i = 0; i < nr; i++) {
		const struct thermo_region *r = candidates[i].region;

		focus[i] = (struct thermo_focus){ .pid = s->targets[r->target].pid,
						  .share = (float)(candidates[i].worth / sum),
						  .start = r->start,
						  .end = r->end };
	}
	return nr;
}
