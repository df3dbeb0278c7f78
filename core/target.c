// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - the regions of one process. */
#include "core/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* The weight of who accessed the whole, in what is known of a part of it. */
#define PART_WEIGHT 0.1f
/* Who accesses a region is known from so many events on. */
#define WHO_EVENTS 20
/* New memory is cut at multiples of this: no huge page is in two regions at first. */
#define ALIGN_BYTES (2ull << 20)

void target_fini(struct target *target)
{
	free(target->regions);
	free(target->starts);
	*target = (struct target){ 0 };
}

uint64_t target_bytes(const struct target *target)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < target->nr_regions; i++)
		bytes += region_bytes(&target->regions[i]);
	return bytes;
}

double target_mean_rate(const struct target *target)
{
	struct rate sum = { 0, 0, 0 };

	for (size_t i = 0; i < target->nr_regions; i++) {
		struct rate rate = region_rate(&target->regions[i]);

		sum.events += rate.events;
		sum.exposure += rate.exposure;
	}
	return rate_per_byte(&sum, 0);
}

/* Regions under construction, which replace those of a target. */
struct builder {
	struct region *regions;
	size_t nr;
	size_t room;
	uint64_t piece_bytes;
};

static int reserve(struct builder *b, size_t room)
{
	struct region *grown;

	if (room <= b->room)
		return 0;
	grown = aligned_alloc(_Alignof(struct region), room * sizeof(*grown));
	if (!grown)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zu regions", room);
	if (b->nr)
		memcpy(grown, b->regions, b->nr * sizeof(*grown));
	free(b->regions);
	b->regions = grown;
	b->room = room;
	return 0;
}

/* Room for one more region, which counts from now on.  Return: NULL without memory. */
static struct region *build_one(struct builder *b)
{
	if (b->nr == b->room && reserve(b, b->room ? 2 * b->room : 16))
		return NULL;
	return &b->regions[b->nr++];
}

static void index_regions(struct target *target)
{
	for (size_t i = 0; i < target->nr_regions; i++) {
		target->starts[i] = target->regions[i].start;
		target->ends[i] = target->regions[i].end;
	}
}

/* The target gets what was built.  Return: 0, or -ENOMEM: all as it was. */
static int finish(struct target *target, struct builder *b)
{
	uint64_t *starts = malloc(2 * (b->nr + 1) * sizeof(*starts));

	if (!starts) {
		free(b->regions);
		return thermo_fail(-ENOMEM, "monitor: no memory for %zu regions", b->nr);
	}
	free(target->regions);
	free(target->starts);
	target->regions = b->regions;
	target->nr_regions = b->nr;
	target->starts = starts;
	target->ends = starts + b->nr;
	index_regions(target);
	return 0;
}

static int build_new(struct builder *b, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t cut = (start + b->piece_bytes) & ~(ALIGN_BYTES - 1);
		struct region *r = build_one(b);

		if (!r)
			return -ENOMEM;
		region_init(r, start, cut > start && cut < end ? cut : end);
		start = r->end;
	}
	return 0;
}

/* One mapping: what is known of it, and new regions where nothing is. */
static int build_range(struct builder *b, const struct target *target,
		       const struct thermo_range *range)
{
	uint64_t at = range->start;
	int err = 0;

	for (size_t i = target_find(target, range->start);
	     i < target->nr_regions && target->regions[i].start < range->end && !err; i++) {
		const struct region *r = &target->regions[i];
		uint64_t start = r->start > range->start ? r->start : range->start;
		uint64_t end = r->end < range->end ? r->end : range->end;
		struct region *part;

		if (at < start)
			err = build_new(b, at, start);
		part = err ? NULL : build_one(b);
		if (part)
			region_part(r, start, end, part);
		else
			err = -ENOMEM;
		at = end;
	}
	return err || at >= range->end ? err : build_new(b, at, range->end);
}

int target_follow(struct target *target, const struct thermo_range *ranges, size_t nr_ranges,
		  uint32_t min_nr_regions)
{
	struct builder b = { 0 };
	uint64_t total = 0;
	int err = 0;

	for (size_t i = 0; i < nr_ranges; i++)
		total += ranges[i].end - ranges[i].start;
	b.piece_bytes = total / min_nr_regions > ALIGN_BYTES ? total / min_nr_regions : ALIGN_BYTES;
	for (size_t i = 0; i < nr_ranges && !err; i++)
		err = build_range(&b, target, &ranges[i]);
	if (!err)
		return finish(target, &b);
	free(b.regions);
	return err;
}

static double difference(const struct region *a, const struct region *b, uint64_t max_bytes)
{
	struct rate rate_a = region_rate(a), rate_b = region_rate(b);

	if (a->end != b->start || b->end - a->start > max_bytes || a->uneven || b->uneven ||
	    a->unsettled || b->unsettled)
		return INFINITY;
	/* Not known to be alike: they become one only where there is no room for both. */
	if ((rate_a.exposure > 0) != (rate_b.exposure > 0))
		return UNKNOWN_DIFFERENCE;
	double differ = rates_differ(&rate_a, &rate_b);

	/* As hot, but for others: who accesses what is half of what is to be known. */
	if (differ < SIGNIFICANT && rate_a.events >= WHO_EVENTS && rate_b.events >= WHO_EVENTS &&
	    attribution_unlike(&a->who, &b->who))
		return SIGNIFICANT;
	return differ;
}

double target_difference(const struct target *target, size_t index, uint64_t max_bytes)
{
	return index + 1 < target->nr_regions ? difference(&target->regions[index],
							   &target->regions[index + 1], max_bytes)
					      : INFINITY;
}

void target_merge(struct target *target, double threshold, uint64_t max_bytes)
{
	size_t out = 0;

	if (target->nr_regions < 2)
		return;
	for (size_t i = 1; i < target->nr_regions; i++) {
		struct region *r = &target->regions[i];

		if (difference(&target->regions[out], r, max_bytes) < threshold)
			region_merge(&target->regions[out], r);
		else if (++out != i)
			target->regions[out] = *r;
	}
	target->nr_regions = out + 1;
	index_regions(target);
}

/* Parts are made because they differ, or to see whether they do: who accesses a part is not known
 * well. */
static void add_part(struct builder *b, const struct region *r, uint64_t start, uint64_t end)
{
	struct region *part = &b->regions[b->nr++];

	region_part(r, start, end, part);
	if (start != r->start || end != r->end)
		attribution_scale(&part->who, PART_WEIGHT);
}

int target_split(struct target *target, const struct cut *cuts, size_t nr_cuts)
{
	struct builder b = { 0 };
	const struct cut *cut = cuts, *last = cuts + nr_cuts;
	int err = nr_cuts ? reserve(&b, target->nr_regions + nr_cuts) : 0;

	/* No cuts, so no room for parts. */
	if (err || !b.regions)
		return err;
	for (size_t i = 0; i < target->nr_regions; i++) {
		const struct region *r = &target->regions[i];
		uint64_t at = r->start;

		for (; cut < last && cut->at < r->end; cut++) {
			if (cut->at <= at)
				continue;
			add_part(&b, r, at, cut->at);
			at = cut->at;
		}
		add_part(&b, r, at, r->end);
	}
	return finish(target, &b);
}
