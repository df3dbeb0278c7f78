/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_queue.h - accesses that wait until they are asked for, by their time.
 *
 * 40 bytes each, one behind the other as they came.  A run is what came in the order of time:
 * what one ring held, as perf wrote it.  All runs but the newest have ended, so a run needs no
 * more than where it begins.
 */
#ifndef SOURCES_PERFDATA_QUEUE_H
#define SOURCES_PERFDATA_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thermocline/report.h"

/* @ends_run: what came after it is older. */
struct perfdata_waiting {
	uint64_t time_ns;
	uint64_t addr;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
	uint32_t nr_accesses;
	uint32_t latency_ns;
	int16_t node;
	uint8_t level;
	uint8_t op : 4;
	uint8_t ends_run : 4;
};

#define PERFDATA_QUEUE_BLOCK 1600

struct perfdata_queue_block {
	struct perfdata_queue_block *next; /* in which its last run goes on; or spare */
	uint32_t nr;                       /* not yet taken */
	uint32_t used;
	struct perfdata_waiting list[PERFDATA_QUEUE_BLOCK + 1]; /* one more may be looked at */
};

struct perfdata_queue_slab;

/* @time_ns: of its first. */
struct perfdata_queue_run {
	uint64_t time_ns;
	struct perfdata_queue_block *block;
	uint32_t at;
};

/**
 * struct perfdata_queue - Zeroed, it is empty.
 * @space:	Of all its accesses.
 * @oldest_ns:	Of all, where there are some.
 * @newest_ns:	Of the one that came last.
 * @growing:	That one is still queued: what comes may join its run.
 */
struct perfdata_queue {
	enum thermo_space space;
	struct perfdata_queue_run *runs;
	size_t nr_runs;
	size_t room;
	uint64_t oldest_ns;
	uint64_t newest_ns;
	bool growing;
	size_t nr;
	size_t nr_blocks; /* in use */
	struct perfdata_queue_block *filling;
	struct perfdata_queue_block *spare;
	struct perfdata_queue_slab *slabs; /* all blocks */
};

/* What perf says when it does not know the time is older than all. */
static inline uint64_t perfdata_queue_time(uint64_t time_ns)
{
	return time_ns == UINT64_MAX ? 0 : time_ns;
}

/* One that begins a run or a block. */
int perfdata_queue_push_first(struct perfdata_queue *q, const struct thermo_access *access);

static inline void perfdata_queue_put(struct perfdata_queue *q, const struct thermo_access *a)
{
	struct perfdata_queue_block *b = q->filling;
	struct perfdata_waiting *w = &b->list[b->used++];

	w->time_ns = a->time_ns;
	w->addr = a->addr;
	w->pid = a->pid;
	w->tid = a->tid;
	w->cpu = a->cpu;
	w->nr_accesses = a->nr_accesses;
	w->latency_ns = a->latency_ns;
	w->node = a->node;
	w->level = a->level;
	w->op = a->op;
	w->ends_run = 0;
	b->nr++;
	q->nr++;
	q->newest_ns = perfdata_queue_time(a->time_ns);
}

/* A sample's access: of one byte, and not of a while.  Return: 0 or -ENOMEM. */
static inline int perfdata_queue_push(struct perfdata_queue *q, const struct thermo_access *a)
{
	if (!q->growing || q->filling->used == PERFDATA_QUEUE_BLOCK ||
	    perfdata_queue_time(a->time_ns) < q->newest_ns)
		return perfdata_queue_push_first(q, a);
	perfdata_queue_put(q, a);
	return 0;
}

/* Take out those that are not younger than @until_ns, in any order.  Return: how many. */
size_t perfdata_queue_take(struct perfdata_queue *q, uint64_t until_ns, struct thermo_access *out,
			   size_t max);
/* Memory that it needs: few that stay may hold the memory of many that went. */
size_t perfdata_queue_bytes(const struct perfdata_queue *q);
void perfdata_queue_fini(struct perfdata_queue *q);

#endif
