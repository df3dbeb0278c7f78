// SPDX-License-Identifier: GPL-2.0-or-later
/* shape.c - merge what is alike, split where the evidence says so. */
#include "core/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/proc.h"

/* Neighbours whose evidence for a difference is below this become one. */
#define MERGE_THRESHOLD 1.0
/* A split must explain so many times what the merges lose that make room for it. */
#define WORTH 2.0
#define MAX_THRESHOLD 1e12
/* A part that is explored has so many events to be judged by, and so many windows to get more. */
#define EXPLORE_EVENTS 16
#define EXPLORE_WINDOWS 3
/* What looked even is explored again; and sooner, where a border must be. */
#define EXPLORE_AGAIN_NS 60000000000ull
#define EXPLORE_BORDER_NS 3000000000ull

/* A cut that is proposed. */
struct proposal {
	struct cut cut;
	uint32_t target;
};

struct proposals {
	size_t nr;
	struct proposal *list;
};

static size_t count_regions(const struct targets *targets)
{
	size_t nr = 0;

	for (size_t i = 0; i < targets->nr; i++)
		nr += targets->list[i].nr_regions;
	return nr;
}

static uint64_t max_bytes(const struct target *t, uint32_t min_nr_regions)
{
	return target_bytes(t) / min_nr_regions;
}

static void propose(struct targets *targets, struct proposals *p)
{
	for (uint32_t i = 0; i < targets->nr; i++) {
		struct target *t = &targets->list[i];

		for (size_t j = 0; j < t->nr_regions; j++) {
			struct cut cuts[EVIDENCE_BINS - 1];
			int nr = region_cuts(&t->regions[j], cuts);

			t->regions[j].uneven = nr > 0;
			for (int k = 0; k < nr; k++)
				p->list[p->nr++] = (struct proposal){ cuts[k], i };
		}
	}
}

/* What each merge of neighbours would lose; runs of merges are as many as their joints. */
static size_t list_losses(const struct targets *targets, uint32_t min_nr_regions, double *losses)
{
	size_t nr = 0;

	for (size_t i = 0; i < targets->nr; i++) {
		const struct target *t = &targets->list[i];
		uint64_t max = max_bytes(t, min_nr_regions);

		for (size_t j = 0; j + 1 < t->nr_regions; j++)
			losses[nr++] = target_difference(t, j, max);
	}
	return nr;
}

static size_t count_below(const double *losses, size_t nr, double threshold)
{
	size_t below = 0;

	for (size_t i = 0; i < nr; i++)
		below += losses[i] < threshold;
	return below;
}

static size_t count_above(const struct proposals *p, double gain)
{
	size_t nr = 0;

	for (size_t i = 0; i < p->nr; i++)
		nr += p->list[i].cut.gain > gain;
	return nr;
}

static void merge_below(struct targets *targets, double threshold, uint32_t min_nr_regions)
{
	for (size_t i = 0; i < targets->nr; i++) {
		struct target *t = &targets->list[i];

		target_merge(t, threshold, max_bytes(t, min_nr_regions));
	}
}

/*
 * Merge what is alike; while there is no room, what is less and less alike, as long as
 * there are splits that explain more.
 */
static void make_room(struct targets *targets, const struct proposals *p, uint32_t min_nr_regions,
		      uint32_t max_nr_regions)
{
	double threshold = MERGE_THRESHOLD;
	size_t nr = count_regions(targets), nr_losses;
	AUTO_FREE double *losses = malloc((nr + 1) * sizeof(*losses));

	nr_losses = losses ? list_losses(targets, min_nr_regions, losses) : 0;
	while (threshold < MAX_THRESHOLD &&
	       nr + count_above(p, WORTH * threshold) >
			       max_nr_regions + count_below(losses, nr_losses, threshold))
		threshold *= 2;
	merge_below(targets, threshold, min_nr_regions);
}

static void allow_all_merges(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		for (size_t j = 0; j < targets->list[i].nr_regions; j++) {
			struct region *r = &targets->list[i].regions[j];

			r->uneven = false;
			r->unsettled = 0;
		}
}

/* With many targets there is no room for the least number of each. */
static void enforce_max(struct targets *targets, uint32_t min_nr_regions, uint32_t max_nr_regions)
{
	double threshold = MERGE_THRESHOLD;

	if (count_regions(targets) > max_nr_regions)
		allow_all_merges(targets);
	while (count_regions(targets) > max_nr_regions && threshold < MAX_THRESHOLD) {
		min_nr_regions = min_nr_regions > 1 ? min_nr_regions / 2 : 1;
		threshold *= 4;
		merge_below(targets, threshold, min_nr_regions);
	}
}

static int by_gain(const void *a, const void *b)
{
	const struct proposal *x = a, *y = b;

	return x->cut.gain < y->cut.gain ? 1 : x->cut.gain > y->cut.gain ? -1 : 0;
}

static int by_place(const void *a, const void *b)
{
	const struct proposal *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return x->cut.at < y->cut.at ? -1 : x->cut.at > y->cut.at;
}

static void split_targets(struct targets *targets, const struct proposals *p)
{
	AUTO_FREE struct cut *cuts = malloc((p->nr + 1) * sizeof(*cuts));

	/* Without memory the regions stay as they are. */
	for (size_t i = 0; cuts && i < p->nr;) {
		uint32_t target = p->list[i].target;
		size_t nr = 0;

		for (; i < p->nr && p->list[i].target == target; i++)
			cuts[nr++] = p->list[i].cut;
		if (target_split(&targets->list[target], cuts, nr))
			return;
	}
}

/* The splits that explain most, as far as there is room. */
static void split_by_evidence(struct targets *targets, struct proposals *p, size_t room)
{
	if (p->nr)
		qsort(p->list, p->nr, sizeof(*p->list), by_gain);
	p->nr = p->nr < room ? p->nr : room;
	if (p->nr)
		qsort(p->list, p->nr, sizeof(*p->list), by_place);
	for (size_t i = 0; i < p->nr; i++) {
		struct target *t = &targets->list[p->list[i].target];

		/* Its parts are new. */
		t->regions[target_last_from(t, p->list[i].cut.at)].explored_ns = 0;
	}
	split_targets(targets, p);
}

/* Between neighbours that are accessed by others, and itself by both: where one's memory ends is
 * somewhere in it, and its rate does not tell where. */
static bool holds_border(const struct target *t, size_t index)
{
	const struct region *r = &t->regions[index];

	return index > 0 && index + 1 < t->nr_regions && r[-1].end == r->start &&
	       r->end == r[1].start && attribution_between(&r->who, &r[-1].who, &r[1].who);
}

static double explorable_events(const struct target *t, size_t index, uint64_t now_ns)
{
	const struct region *r = &t->regions[index];
	uint64_t since_ns = now_ns - r->explored_ns;

	if (r->unsettled || (r->explored_ns && since_ns < EXPLORE_BORDER_NS))
		return 0;
	return !r->explored_ns || since_ns >= EXPLORE_AGAIN_NS || holds_border(t, index)
			       ? region_rate(r).events
			       : 0;
}

static void explore_region(struct region *r, uint32_t target, uint64_t nr_parts, uint64_t now_ns,
			   struct proposals *p)
{
	uint64_t bytes = 0;

	if (nr_parts >= 2)
		bytes = region_bytes(r) / nr_parts & ~(THERMO_PAGE_BYTES - 1);
	if (bytes == 0)
		return;
	r->explored_ns = now_ns;
	r->unsettled = EXPLORE_WINDOWS;
	for (uint64_t i = 1; i < nr_parts; i++)
		p->list[p->nr++] = (struct proposal){ { r->start + i * bytes, 0 }, target };
}

/*
 * What alternates more finely than a bin looks even, and so does what others access as
 * often.  So regions that are not needed otherwise cut what looks even into parts, as many
 * as there are events to judge them by; after some windows those that are alike become one
 * again, for a while, which is short where a border is known to be.
 */
static void explore(struct targets *targets, struct proposals *p, size_t room, uint64_t now_ns)
{
	double events = 0;

	p->nr = 0;
	for (size_t i = 0; i < targets->nr; i++)
		for (size_t j = 0; j < targets->list[i].nr_regions; j++)
			events += explorable_events(&targets->list[i], j, now_ns);
	for (uint32_t i = 0; i < targets->nr && events > 0; i++)
		for (size_t j = 0; j < targets->list[i].nr_regions; j++) {
			double here = explorable_events(&targets->list[i], j, now_ns);
			double share = (double)room * here / events;

			here /= EXPLORE_EVENTS;
			explore_region(&targets->list[i].regions[j], i,
				       (uint64_t)(here < share ? here : share), now_ns, p);
		}
	split_targets(targets, p);
}

void shape_regions(struct targets *targets, uint32_t min_nr_regions, uint32_t max_nr_regions,
		   uint64_t now_ns)
{
	size_t nr = count_regions(targets), most = nr * (EVIDENCE_BINS - 1);
	AUTO_FREE struct proposal *list = malloc((most + max_nr_regions + 1) * sizeof(*list));
	struct proposals p = { 0, list };

	if (!list)
		return;
	propose(targets, &p);
	make_room(targets, &p, min_nr_regions, max_nr_regions);
	enforce_max(targets, min_nr_regions, max_nr_regions);
	nr = count_regions(targets);
	split_by_evidence(targets, &p, nr < max_nr_regions ? max_nr_regions - nr : 0);
	nr = count_regions(targets);
	if (nr < max_nr_regions / 2)
		explore(targets, &p, max_nr_regions / 2 - nr, now_ns);
}
