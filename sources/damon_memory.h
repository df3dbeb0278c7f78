/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * damon_memory.h - what DAMON is to watch of physical memory, and what it says of it in
 * pieces that have owners.
 */
#ifndef SOURCES_DAMON_MEMORY_H
#define SOURCES_DAMON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "core/ram.h"

#define DAMON_MAX_RANGES 64u
/* The monitor finds the owners of no larger extent. */
#define DAMON_PIECE_BYTES (32ull << 20)
/* Of a larger region so many pieces are told of, each time others. */
#define DAMON_MAX_PIECES 16u

/* Zeroed, it knows nothing. */
struct damon_memory {
	struct ram ram;
	size_t nr_ranges;
	struct thermo_range ranges[DAMON_MAX_RANGES];
};

/* Accepts a zeroed one, and may be called twice. */
void damon_memory_fini(struct damon_memory *memory);

/*
 * Look again which addresses are memory; only of @nodes ("0-1,3"), NULL: of all.
 * Return: 1 when that changed, 0 when not; -EINVAL for nodes that make no sense or have no
 * memory; -EPERM, -errno: all as it was.
 */
int damon_memory_update(struct damon_memory *memory, const struct thermo_host *host,
			const char *nodes);

/* What one accessed bit speaks for: 2 MiB where most memory is mapped so. */
uint64_t damon_memory_unit_bytes(const struct thermo_host *host);

/**
 * struct damon_piece - A part of a region, with its part of what was seen.
 * @nr_accesses:	Whole numbers: a piece that has none may just have had no luck.
 * @watched_share:	Of the region's exposure.
 */
struct damon_piece {
	uint64_t start;
	uint64_t end;
	uint32_t nr_accesses;
	double watched_share;
};

/*
 * The pieces of [@start, @end) in which @nr_accesses were seen; together they have all of
 * its accesses and exposure.  DAMON looked at a few pages and does not say which: so a
 * piece has what is its due on average.  @random: any number, another one each time.
 * Return: how many.
 */
size_t damon_pieces(uint64_t start, uint64_t end, uint32_t nr_accesses, uint64_t random,
		    struct damon_piece pieces[DAMON_MAX_PIECES]);

#endif
