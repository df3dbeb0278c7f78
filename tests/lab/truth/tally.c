// SPDX-License-Identifier: GPL-2.0-or-later
/* tally.c - accesses of a stretch of time, and the oracle. */
#include "tests/lab/truth/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

int tally_init(struct tally *tally, uint64_t nr_pages)
{
	*tally = (struct tally){ .nr_pages = nr_pages };
	tally->pages = calloc(nr_pages, sizeof(*tally->pages));
	if (!tally->pages)
		return thermo_fail(-ENOMEM,
				   "truth-report: no memory for a window of %" PRIu64 " pages",
				   nr_pages);
	return 0;
}

void tally_reset(struct tally *tally)
{
	uint64_t *pages = tally->pages;
	uint64_t nr_pages = tally->nr_pages;

	if (pages)
		memset(pages, 0, nr_pages * sizeof(*pages));
	*tally = (struct tally){ .pages = pages, .nr_pages = nr_pages };
}

void tally_fini(struct tally *tally)
{
	free(tally->pages);
	*tally = (struct tally){ 0 };
}

bool tally_add(struct tally *tally, const struct truth_cell *cell)
{
	if (cell->page >= tally->nr_pages)
		return false;
	tally->reads += cell->reads;
	tally->writes += cell->writes;
	tally->by_node[cell->node] += cell->reads + cell->writes;
	tally->pages[cell->page] += cell->reads + cell->writes;
	return true;
}

uint64_t tally_accesses(const struct tally *tally)
{
	return tally->reads + tally->writes;
}

double tally_hit_ratio(const struct tally *tally, const bool is_fast[TRUTH_NODES_MAX])
{
	uint64_t fast = 0;

	for (uint32_t node = 0; node < TRUTH_NODES_MAX; node++)
		if (is_fast[node])
			fast += tally->by_node[node];
	return tally_accesses(tally) ? (double)fast / (double)tally_accesses(tally) : 0;
}

static int compare_down(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a < b) - (a > b);
}

double tally_oracle(const struct tally *tally, uint64_t fast_pages)
{
	uint64_t *counts;
	uint64_t nr = 0;
	uint64_t best = 0;

	if (tally_accesses(tally) == 0)
		return 0;
	counts = malloc(tally->nr_pages * sizeof(*counts));
	if (!counts)
		return -1;
	for (uint64_t page = 0; page < tally->nr_pages; page++)
		if (tally->pages[page])
			counts[nr++] = tally->pages[page];
	qsort(counts, nr, sizeof(*counts), compare_down);
	for (uint64_t i = 0; i < nr && i < fast_pages; i++)
		best += counts[i];
	free(counts);
	return (double)best / (double)tally_accesses(tally);
}

double tally_latency_ns(const struct tally *tally, const uint32_t latency_ns[TRUTH_NODES_MAX])
{
	double sum = 0;

	for (uint32_t node = 0; node < TRUTH_NODES_MAX; node++)
		sum += (double)tally->by_node[node] * latency_ns[node];
	return tally_accesses(tally) ? sum / (double)tally_accesses(tally) : 0;
}
