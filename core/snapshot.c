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

static void fill_shares(const struct heavy *list, int nr, double total, struct thermo_share *out)
{
	for (int i = 0; i < nr; i++)
		if (list[i].weight > 0 && total > 0)
			out[i] = (struct thermo_share){
				.key = list[i].key, .share = (float)((double)list[i].weight / total)
			};
}

static int by_share(const void *a, const void *b)
{
	const struct thermo_share *x = a, *y = b;

	return x->share < y->share ? 1 : x->share > y->share ? -1 : 0;
}

static double sum_ops(const struct region *r)
{
	return (double)(r->op_events[THERMO_OP_UNKNOWN] + r->op_events[THERMO_OP_READ] +
			r->op_events[THERMO_OP_WRITE]);
}

void snapshot_view_region(const struct region *r, double prior, uint64_t now_ns,
			  uint64_t half_life_ns, struct thermo_region *out)
{
	struct rate rate = region_rate(r);
	double bytes = (double)region_bytes(r), ops = sum_ops(r);
	double known_ops = (double)(r->op_events[THERMO_OP_READ] + r->op_events[THERMO_OP_WRITE]);
	double weight = region_weight(r, now_ns, half_life_ns);

	rate.events *= weight;
	rate.exposure *= weight;
	out->start = r->start;
	out->end = r->end;
	out->accesses_per_s = rate_per_byte(&rate, prior) * bytes;
	out->accesses_per_s_error = out->accesses_per_s * rate_relative_error(&rate);
	if (known_ops > 0) {
		out->read_share = (float)((double)r->op_events[THERMO_OP_READ] / known_ops);
		out->write_share = 1 - out->read_share;
	}
	out->nr_events = (float)rate.events;
	out->exposure_s = (float)(rate.exposure / bytes);
	out->age_ns = r->changed_ns ? now_ns - r->changed_ns : 0;
	out->evidence_age_ns = r->evidence_ns ? now_ns - r->evidence_ns : UINT64_MAX;
	fill_shares(r->cpus, THERMO_TOP_CPUS, ops, out->cpus);
	fill_shares(r->tids, THERMO_TOP_TIDS, ops, out->tids);
	qsort(out->cpus, THERMO_TOP_CPUS, sizeof(out->cpus[0]), by_share);
	qsort(out->tids, THERMO_TOP_TIDS, sizeof(out->tids[0]), by_share);
}

struct thermo_snapshot *snapshot_alloc(size_t nr_targets, size_t nr_regions)
{
	struct snapshot_block *block =
			calloc(1, sizeof(*block) + nr_regions * sizeof(struct thermo_region) +
						  nr_targets * sizeof(struct thermo_target));

	if (!block)
		return NULL;
	struct thermo_region *regions = (void *)(block + 1);

	block->snapshot.regions = regions;
	block->snapshot.targets = (void *)(regions + nr_regions);
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
