// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshot.c - immutable, counted views of the regions. */
#include "core/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A snapshot and its arrays in one piece. */
struct snapshot_block {
	struct thermo_snapshot snapshot;
	_Atomic uint32_t nr_refs;
};

/* Where accesses are seen without their direction, and writes apart from them. */
static void view_direction(const struct region *r, uint64_t now_ns, struct thermo_region *out)
{
	double share = region_write_share(r, now_ns);

	if (share < 0 || out->op_known_share > 0)
		return;
	out->write_share = (float)share;
	out->read_share = 1 - out->write_share;
	out->op_known_share = 1;
}

void snapshot_view_region(const struct region *r, double prior, uint64_t now_ns,
			  uint64_t half_life_ns, struct thermo_region *out)
{
	struct rate rate = region_rate(r);
	double bytes = (double)region_bytes(r);
	double weight = region_weight(r, now_ns, half_life_ns);

	rate.events *= weight;
	rate.exposure *= weight;
	out->start = r->start;
	out->end = r->end;
	out->accesses_per_s = rate_per_byte(&rate, prior) * bytes;
	out->nr_events = (float)(region_count(r) * weight);
	out->accesses_per_s_error =
			out->accesses_per_s *
			rate_relative_error(&(struct rate){ (double)out->nr_events, rate.exposure,
							    rate.dispersion });
	out->exposure_s = (float)(rate.exposure / bytes);
	out->age_ns = r->changed_ns ? now_ns - r->changed_ns : 0;
	out->evidence_age_ns = r->evidence_ns ? now_ns - r->evidence_ns : UINT64_MAX;
	out->idle_ns = r->seen_ns ? now_ns - r->seen_ns : UINT64_MAX;
	attribution_view(&r->who, out);
	view_direction(r, now_ns, out);
}

struct thermo_snapshot *snapshot_alloc(size_t nr_targets, size_t nr_regions, size_t nr_sources)
{
	struct snapshot_block *block = calloc(
			1, sizeof(*block) + nr_regions * sizeof(struct thermo_region) +
					   nr_sources * sizeof(struct thermo_snapshot_source) +
					   nr_targets * sizeof(struct thermo_target));

	if (!block)
		return NULL;
	struct thermo_region *regions = (void *)(block + 1);
	struct thermo_snapshot_source *sources = (void *)(regions + nr_regions);

	block->snapshot.regions = regions;
	block->snapshot.sources = sources;
	block->snapshot.nr_sources = (uint32_t)nr_sources;
	block->snapshot.targets = (void *)(sources + nr_sources);
	block->snapshot.nr_regions = (uint32_t)nr_regions;
	block->snapshot.nr_targets = (uint32_t)nr_targets;
	/* relaxed: nobody else knows of it yet. */
	atomic_store_explicit(&block->nr_refs, 1, memory_order_relaxed);
	return &block->snapshot;
}

struct thermo_snapshot *thermo_snapshot_get(struct thermo_snapshot *snapshot)
{
	struct snapshot_block *block = (void *)snapshot;

	/* relaxed: whoever gets a reference holds one already. */
	atomic_fetch_add_explicit(&block->nr_refs, 1, memory_order_relaxed);
	return snapshot;
}

void thermo_snapshot_put(struct thermo_snapshot *snapshot)
{
	struct snapshot_block *block = (void *)snapshot;

	/* acq_rel: the reads of every reader end before the last one frees it. */
	if (block && atomic_fetch_sub_explicit(&block->nr_refs, 1, memory_order_acq_rel) == 1)
		free(block);
}
