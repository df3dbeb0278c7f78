/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_memory.h - pages of one process behind scripted move_pages and scan_pages.
 *
 * As the kernel does it: a huge page moves by any of its addresses, and when a page
 * of a call cannot be moved, only that one is sure to have a status.
 */
#ifndef TESTS_UNIT_TIERING_FAKE_MEMORY_H
#define TESTS_UNIT_TIERING_FAKE_MEMORY_H

#include <pthread.h>

#include "core/proc.h"
#include "tests/unit/fake_host.h"
#include "thermocline/tiering.h"

#define FAKE_PID 42
#define FAKE_BASE 0x40000000ull
#define FAKE_PAGES 4096

struct fake_memory {
	pthread_mutex_t mutex; /* the migrator moves from its own thread */
	int node[FAKE_PAGES];  /* -1: not present */
	bool huge[FAKE_PAGES];
	int error[FAKE_PAGES]; /* of a move, 0: it moves */
	int call_error;        /* of the next moving call as a whole */
	bool no_status;        /* the kernel stores no status although pages moved */
	bool splits;           /* a huge page is split and moves up to its middle */
	uint64_t ns_per_page;  /* CPU time of a move */
	unsigned int move_calls;
	size_t largest_call;
};

static struct fake_memory fake_memory;

static inline size_t fake_page_index(const void *page)
{
	return (size_t)(((uintptr_t)page - FAKE_BASE) / THERMO_PAGE_BYTES);
}

static inline void fake_move_one(size_t page, int to, int *status)
{
	struct fake_memory *m = &fake_memory;
	size_t first = page, nr = 1;

	if (page >= FAKE_PAGES || m->node[page] < 0) {
		*status = -ENOENT;
		return;
	}
	if (m->error[page]) {
		*status = m->error[page];
		return;
	}
	if (m->huge[page]) {
		first = page & ~(size_t)511;
		nr = m->splits ? 256 : 512;
		for (size_t i = 0; m->splits && i < 512; i++)
			m->huge[first + i] = false;
	}
	for (size_t i = 0; i < nr; i++)
		m->node[first + i] = to;
	*status = m->no_status ? -EAGAIN : to;
}

static inline int fake_memory_move(struct fake_host *fake, pid_t pid, size_t nr, void **pages,
				   const int *nodes, int *status)
{
	struct fake_memory *m = &fake_memory;
	int err = pid == FAKE_PID ? 0 : -ESRCH;

	pthread_mutex_lock(&m->mutex);
	if (nodes) {
		m->move_calls++;
		if (nr > m->largest_call)
			m->largest_call = nr;
		err = err ? err : m->call_error;
		fake_advance(fake, 2 * m->ns_per_page * nr);
		/* relaxed: a clock; it orders nothing. */
		atomic_fetch_add_explicit(&fake->thread_cpu_ns, m->ns_per_page * nr,
					  memory_order_relaxed);
	}
	for (size_t i = 0; i < nr && !err; i++) {
		size_t page = fake_page_index(pages[i]);

		if (nodes)
			fake_move_one(page, nodes[i], &status[i]);
		else
			status[i] = page < FAKE_PAGES && m->node[page] >= 0 ? m->node[page]
									    : -ENOENT;
	}
	pthread_mutex_unlock(&m->mutex);
	return err;
}

static inline int fake_memory_scan(struct fake_host *fake, uint64_t start, uint64_t end,
				   struct thermo_page_run *runs, size_t nr_runs,
				   uint64_t *scanned_to)
{
	const struct fake_memory *m = &fake_memory;
	size_t nr = 0;

	(void)fake;
	pthread_mutex_lock(&fake_memory.mutex);
	*scanned_to = end;
	for (uint64_t at = start; at < end; at += THERMO_PAGE_BYTES) {
		size_t page = (size_t)((at - FAKE_BASE) / THERMO_PAGE_BYTES);

		if (page >= FAKE_PAGES || m->node[page] < 0)
			continue;
		if (nr && runs[nr - 1].end == at && !runs[nr - 1].huge == !m->huge[page]) {
			runs[nr - 1].end += THERMO_PAGE_BYTES;
			continue;
		}
		if (nr == nr_runs) {
			*scanned_to = at;
			break;
		}
		runs[nr++] = (struct thermo_page_run){ at, at + THERMO_PAGE_BYTES, m->huge[page] };
	}
	pthread_mutex_unlock(&fake_memory.mutex);
	return (int)nr;
}

static inline void fake_node_free(struct fake_host *fake, int node, uint64_t free_kb)
{
	char path[80], text[128];

	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%d/meminfo", node);
	(void)snprintf(text, sizeof(text),
		       "Node %d MemTotal: 4194304 kB\nNode %d MemFree: %llu kB\n", node, node,
		       (unsigned long long)free_kb);
	fake_write(fake, path, text);
}

/* Node 0 above node 1, both with room; all pages small and on node 1. */
static inline void fake_memory_init(struct fake_host *fake, struct thermo_topology *topology)
{
	fake_host_init(fake);
	fake->move_pages = fake_memory_move;
	fake->scan_pages = fake_memory_scan;
	fake_memory = (struct fake_memory){ .ns_per_page = 1000 };
	(void)pthread_mutex_init(&fake_memory.mutex, NULL);
	for (size_t i = 0; i < FAKE_PAGES; i++)
		fake_memory.node[i] = 1;
	fake_process(fake, &(struct fake_process){ .pid = FAKE_PID, .name = "app" });
	*topology = (struct thermo_topology){ .nr_nodes = 2, .nr_tiers = 2 };
	topology->nodes[0] = (struct thermo_node){ .id = 0, .tier = 0 };
	topology->nodes[1] = (struct thermo_node){ .id = 1, .tier = 1 };
	fake_node_free(fake, 0, 1 << 20);
	fake_node_free(fake, 1, 1 << 20);
}

static inline size_t fake_pages_on(int node)
{
	size_t nr = 0;

	for (size_t i = 0; i < FAKE_PAGES; i++)
		nr += fake_memory.node[i] == node;
	return nr;
}

#endif
