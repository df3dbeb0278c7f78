/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally.h - accesses of a stretch of time, and what they could have been at best.
 *
 * The oracle puts the most accessed pages of the stretch into fast memory, as many as fit, and
 * leaves them there: no placement that stays the same can do better.
 */
#ifndef TRUTH_TALLY_H
#define TRUTH_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/truth/reader.h"

/* Zeroed is empty. */
struct tally {
	uint64_t reads;
	uint64_t writes;
	uint64_t by_node[TRUTH_NODES_MAX];
	uint64_t *pages; /* accesses of each page */
	uint64_t nr_pages;
};

/* Return: 0, or -ENOMEM for a window that is too large. */
int tally_init(struct tally *tally, uint64_t nr_pages);
void tally_reset(struct tally *tally);
void tally_fini(struct tally *tally);

/* A page outside the window is left out: false. */
bool tally_add(struct tally *tally, const struct truth_cell *cell);

uint64_t tally_accesses(const struct tally *tally);

/* Share of accesses that fast memory served; 0 without accesses. */
double tally_hit_ratio(const struct tally *tally, const bool is_fast[TRUTH_NODES_MAX]);

/* The same for the best placement into @fast_pages pages.  Negative: out of memory. */
double tally_oracle(const struct tally *tally, uint64_t fast_pages);

/* Average memory access time. */
double tally_latency_ns(const struct tally *tally, const uint32_t latency_ns[TRUTH_NODES_MAX]);

#endif
