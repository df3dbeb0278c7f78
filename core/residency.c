// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * residency.c - one move_pages(2) question a process: its cost depends on the
 * number of regions, not on their size.  Physical memory asks nobody: the memory
 * blocks say where an address is.
 */
#include "core/residency.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/ram.h"
#include "core/random.h"

static void choose_pages(const struct region *r, unsigned int nr, uint64_t *random_state,
			 void **pages)
{
	uint64_t nr_pages = region_bytes(r) / THERMO_PAGE_BYTES;
	uint64_t stride = nr_pages / nr;

	/* One from each of nr equal stretches: steadier than nr independent ones. */
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t page = stride     ? i * stride + next_random(random_state) % stride
				: nr_pages ? i % nr_pages
					   : 0;

		pages[i] = (void *)(uintptr_t)(r->start + page * THERMO_PAGE_BYTES);
	}
}

static void add_node(struct thermo_node_bytes *nodes, int node, uint64_t bytes)
{
	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		if (nodes[i].bytes && nodes[i].node != node)
			continue;
		nodes[i].node = (int16_t)node;
		nodes[i].bytes += bytes;
		return;
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct thermo_node_bytes *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static void count_nodes(const struct region *r, unsigned int nr, const int *status,
			struct thermo_region *out)
{
	memset(out->nodes, 0, sizeof(out->nodes));
	for (unsigned int i = 0; i < nr; i++)
		if (status[i] >= 0)
			add_node(out->nodes, status[i], region_bytes(r) / nr);
	qsort(out->nodes, THERMO_REGION_NODES, sizeof(out->nodes[0]), by_bytes);
}

static int sample_process(const struct thermo_host *host, const struct target *target,
			  unsigned int per_region, uint64_t *random_state,
			  struct thermo_region *out)
{
	size_t nr = target->nr_regions * per_region;
	AUTO_FREE void **pages = calloc(nr + 1, sizeof(*pages));
	AUTO_FREE int *status = calloc(nr + 1, sizeof(*status));
	int err;

	if (!pages || !status)
		return thermo_fail(-ENOMEM, "residency: no memory for %zu pages", nr);
	for (size_t i = 0; i < target->nr_regions; i++)
		choose_pages(&target->regions[i], per_region, random_state, pages + i * per_region);
	err = nr ? host->ops->move_pages(host, target->info.pid, nr, pages, NULL, status) : 0;
	if (err)
		return thermo_fail(err, "pid %d: asking where its pages are: %s",
				   (int)target->info.pid, strerror(-err));
	for (size_t i = 0; i < target->nr_regions; i++)
		count_nodes(&target->regions[i], per_region, status + i * per_region, &out[i]);
	return 0;
}

int residency_sample(const struct thermo_host *host, const struct target *target,
		     unsigned int per_region, uint64_t *random_state, struct thermo_region *out)
{
	if (target->info.pid != THERMO_PID_PHYSICAL && !host->ops->move_pages)
		return 0;
	if (target->info.pid != THERMO_PID_PHYSICAL)
		return sample_process(host, target, per_region, random_state, out);
	for (size_t i = 0; i < target->nr_regions; i++)
		ram_nodes(target->ram, target->regions[i].start, target->regions[i].end,
			  out[i].nodes);
	return 0;
}
