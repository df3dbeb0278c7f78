/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan_plan.h - where a scanner that cannot look at everything looks next.
 *
 * So many places as were asked for, whatever the size of memory.  A part of them always
 * goes evenly to all memory, or what is new there would never be found; the rest goes to the
 * focus, where there is one.  Each part is dealt out in equal strata with one place at random
 * in each: so every stretch gets its share in every round, not only on average.
 *
 * One thread.
 */
#ifndef SOURCES_SCAN_PLAN_H
#define SOURCES_SCAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* Of all places, those that go to the focus, when there is one. */
#define SCAN_FOCUS_SHARE 0.5

/**
 * struct scan_range - Memory of a target.
 * @target:	The caller's number.
 * @weight:	Its share of the places is its share of all weights.
 */
struct scan_range {
	uint32_t target;
	uint64_t start;
	uint64_t end;
	double weight;
};

struct scan_place {
	uint32_t target;
	uint64_t addr;
	uint64_t end; /* of its range */
};

/* Ranges are the caller's. */
struct scan_plan {
	const struct scan_range *all;
	size_t nr_all;
	const struct scan_range *focus;
	size_t nr_focus;
	uint64_t random; /* not 0 */
};

/* Choose @nr pages.  Return: how many; fewer only when there is no memory. */
size_t scan_plan_draw(struct scan_plan *plan, size_t nr, struct scan_place *places);

#endif
