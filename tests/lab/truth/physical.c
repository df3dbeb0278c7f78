// SPDX-License-Identifier: GPL-2.0-or-later
/* physical.c - see physical.h.  Part of the plugin: needs the C library alone. */
#include "tests/lab/truth/physical.h"

#include <stddef.h>
#include <sys/mman.h>

#include "tests/lab/truth/format.h"

enum { PARTS_MAX = 2 * TRUTH_NODES_MAX };

/* Wraps after 4 G accesses to a page: harmless, the differences do not. */
struct cell {
	uint32_t reads;
	uint32_t writes;
};

struct part {
	uint64_t start;
	uint64_t bytes;
	uint32_t node;
	struct cell *cells;
	struct cell *told; /* the same, as of the last call */
};

/* Sorted, as they are added. */
static struct part parts[PARTS_MAX];
static size_t nr_parts;

static struct cell *map_cells(uint64_t nr)
{
	void *map = mmap(NULL, nr * sizeof(struct cell), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

bool physical_add(uint64_t start, uint64_t end, uint32_t node)
{
	uint64_t nr = (end - start) / TRUTH_PAGE_BYTES;
	struct part *p = &parts[nr_parts];

	if (nr_parts == PARTS_MAX)
		return false;
	*p = (struct part){ start, end - start, node, map_cells(nr), map_cells(nr) };
	nr_parts += p->cells && p->told;
	return p->cells && p->told;
}

void physical_count(uint64_t physical, bool store)
{
	for (size_t i = 0; i < nr_parts; i++) {
		uint64_t offset = physical - parts[i].start;
		struct cell *cell = &parts[i].cells[offset / TRUTH_PAGE_BYTES];

		if (offset >= parts[i].bytes)
			continue;
		/* relaxed: a number alone; several CPUs count here. */
		(void)__atomic_fetch_add(store ? &cell->writes : &cell->reads, 1, __ATOMIC_RELAXED);
		return;
	}
}

static void tell_part(const struct part *p, uint64_t *last_page, physical_fn take)
{
	for (uint64_t i = 0; i < p->bytes / TRUTH_PAGE_BYTES; i++) {
		struct cell *was = &p->told[i], is;
		uint64_t page = p->start / TRUTH_PAGE_BYTES + i;

		/* relaxed, pairs with physical_count(): any recent value will do. */
		is.reads = __atomic_load_n(&p->cells[i].reads, __ATOMIC_RELAXED);
		/* relaxed: as above. */
		is.writes = __atomic_load_n(&p->cells[i].writes, __ATOMIC_RELAXED);
		if (is.reads == was->reads && is.writes == was->writes)
			continue;
		take(page - *last_page, p->node, is.reads - was->reads, is.writes - was->writes);
		*last_page = page;
		*was = is;
	}
}

void physical_changed(physical_fn take)
{
	uint64_t last_page = 0;

	for (size_t i = 0; i < nr_parts; i++)
		tell_part(&parts[i], &last_page, take);
}
