// SPDX-License-Identifier: GPL-2.0-or-later
/* scan_plan.c - strata of a line on which each range is as long as its weight. */
#include "sources/scan_plan.h"

#include <stdbool.h>

#include "core/proc.h"
#include "core/random.h"

/* From 0 to below 1. */
static double random_share(uint64_t *state)
{
	return (double)(next_random(state) >> 11) * 0x1p-53;
}

static struct scan_place place_in(const struct scan_range *r, double share)
{
	uint64_t pages = (r->end - r->start) / THERMO_PAGE_BYTES;
	uint64_t page = (uint64_t)(share * (double)pages);

	/* Rounding may reach the end. */
	page = page < pages ? page : pages - 1;
	return (struct scan_place){ .target = r->target,
				    .addr = r->start + page * THERMO_PAGE_BYTES,
				    .end = r->end };
}

static double weight_of(const struct scan_range *r)
{
	bool is_sound = r->end > r->start && r->end - r->start >= THERMO_PAGE_BYTES;

	return is_sound && r->weight > 0 ? r->weight : 0;
}

static size_t spread(const struct scan_range *ranges, size_t nr_ranges, size_t nr, uint64_t *random,
		     struct scan_place *places)
{
	double sum = 0, passed = 0;
	size_t at = 0, made = 0;

	for (size_t i = 0; i < nr_ranges; i++)
		sum += weight_of(&ranges[i]);
	if (sum <= 0)
		return 0;
	for (size_t i = 0; i < nr; i++) {
		double where = sum * ((double)i + random_share(random)) / (double)nr;

		while (at < nr_ranges && passed + weight_of(&ranges[at]) <= where)
			passed += weight_of(&ranges[at++]);
		if (at == nr_ranges)
			break;
		places[made++] = place_in(&ranges[at], (where - passed) / ranges[at].weight);
	}
	return made;
}

size_t scan_plan_draw(struct scan_plan *plan, size_t nr, struct scan_place *places)
{
	size_t closer = plan->nr_focus ? (size_t)((double)nr * SCAN_FOCUS_SHARE) : 0;

	closer = spread(plan->focus, plan->nr_focus, closer, &plan->random, places);
	return closer +
	       spread(plan->all, plan->nr_all, nr - closer, &plan->random, places + closer);
}
