// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - the regions of one process. */
#include "core/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* New memory is cut at multiples of this: no huge page is in two regions at first. */
#define ALIGN_BYTES (2ull << 20)

void target_fini(struct target *target)
{
	free(target->regions);
	*target = (struct target){ 0 };
}

size_t target_find(const struct target *target, uint64_t addr)
{
	size_t low = 0, high = target->nr_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr >= target->regions[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
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
	struct rate sum = { 0, 0 };

	for (size_t i = 0; i < target->nr_regions; i++) {
		struct rate rate = region_rate(&target->regions[i]);

		sum.events += rate.events;
		sum.exposure += rate.exposure;
	}
	return rate_per_byte(&sum, 0);
}

static int reserve(struct region **regions, size_t *room, size_t nr)
{
	struct region *grown;
	size_t wanted = *room ? *room : 16;

	if (nr <= *room)
		return 0;
	while (wanted < nr)
		wanted *= 2;
	grown = realloc(*regions, wanted * sizeof(*grown));
	if (!grown)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zu regions", wanted);
	*regions = grown;
	*room = wanted;
	return 0;
}

/* Regions under construction, while a target follows its mappings. */
struct builder {
	struct region *regions;
	size_t nr;
	size_t room;
	uint64_t piece_bytes;
};

static int build_one(struct builder *b, const struct region *r)
{
	int err = reserve(&b->regions, &b->room, b->nr + 1);

	if (!err)
		b->regions[b->nr++] = *r;
	return err;
}

static int build_new(struct builder *b, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t cut = (start + b->piece_bytes) & ~(ALIGN_BYTES - 1);
		struct region r = { .start = start, .end = cut > start && cut < end ? cut : end };
		int err = build_one(b, &r);

		if (err)
			return err;
		start = r.end;
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
		struct region r = target->regions[i];
		uint64_t start = r.start > range->start ? r.start : range->start;
		uint64_t end = r.end < range->end ? r.end : range->end;

		if (at < start)
			err = build_new(b, at, start);
		region_trim(&r, start, end);
		if (!err)
			err = build_one(b, &r);
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
	if (err) {
		free(b.regions);
		return err;
	}
	free(target->regions);
	target->regions = b.regions;
	target->nr_regions = b.nr;
	target->room = b.room;
	return 0;
}

static bool may_merge(const struct region *a, const struct region *b, double threshold,
		      uint64_t max_bytes)
{
	struct rate rate_a = region_rate(a), rate_b = region_rate(b);

	if (a->end != b->start || b->end - a->start > max_bytes)
		return false;
	/* What was never observed is not known to be like its neighbour. */
	if ((rate_a.exposure > 0) != (rate_b.exposure > 0))
		return false;
	return rates_differ(&rate_a, &rate_b) < threshold;
}

void target_merge(struct target *target, double threshold, uint64_t max_bytes)
{
	size_t out = 0;

	if (target->nr_regions < 2)
		return;
	for (size_t i = 1; i < target->nr_regions; i++) {
		if (may_merge(&target->regions[out], &target->regions[i], threshold, max_bytes))
			region_merge(&target->regions[out], &target->regions[i]);
		else
			target->regions[++out] = target->regions[i];
	}
	target->nr_regions = out + 1;
}

int target_split(struct target *target, size_t index, uint64_t at)
{
	int err = reserve(&target->regions, &target->room, target->nr_regions + 1);

	if (err)
		return err;
	struct region *r = &target->regions[index];

	memmove(r + 2, r + 1, (target->nr_regions - index - 1) * sizeof(*r));
	region_split(r, at, r + 1);
	target->nr_regions++;
	return 0;
}
