/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zipf.h - draws ranks 0..n-1, rank k with a likelihood of 1 / (k + 1)^s.
 *
 * An alias table (Walker, Vose) draws with two multiplications and no floating
 * point, which an emulator would pay dearly for.  A table of all pages would
 * outgrow the caches, and so disturb what is measured; so the first ranks have
 * an entry each, and all others share entries by ranges no wider than 1/256 of
 * their rank, inside which the likelihood is taken as constant: at most s/512
 * off.  At most about 7000 entries of 24 bytes whatever n is.
 */
#ifndef BENCH_WORKLOAD_ZIPF_H
#define BENCH_WORKLOAD_ZIPF_H

#include <stddef.h>
#include <stdint.h>

#include "bench/workload/random.h"

#define WORKLOAD_ZIPF_MAX_RANKS (UINT64_C(1) << 32)

struct workload_zipf_entry {
	uint64_t first; /* rank */
	uint32_t span;  /* ranks that share the entry */
	uint32_t alias; /* drawn instead ... */
	uint64_t keep;  /* ... unless a 64-bit random number is below this */
};

struct workload_zipf {
	struct workload_zipf_entry *entries;
	size_t nr_entries;
};

/* @nr_ranks: 1 to WORKLOAD_ZIPF_MAX_RANKS.  Return: 0 or -ENOMEM. */
int workload_zipf_init(struct workload_zipf *zipf, uint64_t nr_ranks, double s);

/* Accepts a zeroed one; may be called twice. */
void workload_zipf_fini(struct workload_zipf *zipf);

static inline uint64_t workload_zipf_draw(const struct workload_zipf *zipf, uint64_t *state)
{
	uint64_t coin;
	uint64_t i = workload_random_below(workload_random(state), zipf->nr_entries, &coin);
	const struct workload_zipf_entry *e = &zipf->entries[i];

	if (coin >= e->keep)
		e = &zipf->entries[e->alias];
	if (e->span == 1)
		return e->first;
	return e->first + workload_random_below(workload_random(state), e->span, &coin);
}

#endif
