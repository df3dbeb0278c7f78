// SPDX-License-Identifier: GPL-2.0-or-later
/* damon_memory.c - see damon_memory.h. */
#include "sources/damon_memory.h"

#include <errno.h>
#include <hwloc/bitmap.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

void damon_memory_fini(struct damon_memory *m)
{
	ram_fini(&m->ram);
	*m = (struct damon_memory){ 0 };
}

/* Pieces of memory are sorted; what follows closely is one range. */
static int add_range(struct thermo_range *ranges, size_t *nr, const struct thermo_range *range)
{
	struct thermo_range *last = *nr ? &ranges[*nr - 1] : NULL;

	if (last && range->start <= last->end) {
		last->end = range->end > last->end ? range->end : last->end;
		return 0;
	}
	if (*nr == DAMON_MAX_RANGES)
		return thermo_fail(-E2BIG,
				   "damon-pa: the memory of these nodes is in more than %u ranges",
				   DAMON_MAX_RANGES);
	ranges[(*nr)++] = *range;
	return 0;
}

static int ranges_of_nodes(const struct ram *ram, const char *nodes, struct thermo_range *ranges,
			   size_t *nr)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	int err = 0;

	*nr = 0;
	if (!set || hwloc_bitmap_list_sscanf(set, nodes) || hwloc_bitmap_iszero(set))
		err = thermo_fail(-EINVAL, "damon-pa: '%s' is no list of nodes", nodes);
	for (size_t i = 0; i < ram->nr_pieces && !err; i++)
		if (ram->pieces[i].node >= 0 &&
		    hwloc_bitmap_isset(set, (unsigned int)ram->pieces[i].node))
			err = add_range(ranges, nr, &ram->pieces[i].range);
	hwloc_bitmap_free(set);
	if (!err && *nr == 0)
		err = thermo_fail(-EINVAL,
				  "damon-pa: node %s has no memory, or none that /sys tells",
				  nodes);
	return err;
}

int damon_memory_update(struct damon_memory *m, const struct thermo_host *host, const char *nodes)
{
	struct thermo_range ranges[DAMON_MAX_RANGES];
	size_t nr = 0;
	int err = ram_update(&m->ram, host);

	if (!err && nodes) {
		err = ranges_of_nodes(&m->ram, nodes, ranges, &nr);
	} else if (!err) {
		ssize_t found = ram_ranges(&m->ram, DAMON_MAX_RANGES, ranges);

		err = found < 0 ? (int)found : 0;
		nr = found > 0 ? (size_t)found : 0;
	}
	if (err)
		return err;
	if (nr == m->nr_ranges && memcmp(ranges, m->ranges, nr * sizeof(ranges[0])) == 0)
		return 0;
	memcpy(m->ranges, ranges, nr * sizeof(ranges[0]));
	m->nr_ranges = nr;
	return 1;
}

static uint64_t meminfo_kb(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t kb = 0;

	return at && sscanf(at + strlen(name), " %" SCNu64, &kb) == 1 ? kb : 0;
}

uint64_t damon_memory_unit_bytes(const struct thermo_host *host)
{
	AUTO_FREE char *text = NULL;

	if (thermo_host_read_all(host, &text, "proc/meminfo") < 0)
		return THERMO_PAGE_BYTES;
	return 2 * meminfo_kb(text, "\nAnonHugePages:") > meminfo_kb(text, "\nAnonPages:")
			       ? THERMO_HUGE_BYTES
			       : THERMO_PAGE_BYTES;
}

size_t damon_pieces(uint64_t start, uint64_t end, uint32_t nr_accesses, uint64_t random,
		    struct damon_piece pieces[DAMON_MAX_PIECES])
{
	uint64_t nr_all = (end - start - 1) / DAMON_PIECE_BYTES + 1;
	uint64_t nr = nr_all < DAMON_MAX_PIECES ? nr_all : DAMON_MAX_PIECES;
	/* Two numbers that do not go together, or always the same piece would have luck. */
	uint64_t first = random % nr_all, luck = (random >> 32) % nr;

	for (uint64_t i = 0; i < nr; i++) {
		/* Evenly spaced, and in time all of them. */
		uint64_t index = (first + i * nr_all / nr) % nr_all;
		struct damon_piece *p = &pieces[i];

		p->start = start + index * DAMON_PIECE_BYTES;
		p->end = end - p->start > DAMON_PIECE_BYTES ? p->start + DAMON_PIECE_BYTES : end;
		p->nr_accesses = (uint32_t)((nr_accesses * (i + 1) + luck) / nr -
					    (nr_accesses * i + luck) / nr);
		p->watched_share = 1.0 / (double)nr;
	}
	return (size_t)nr;
}
