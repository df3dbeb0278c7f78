// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_queue.c - runs of accesses, one behind the other in blocks. */
#include "sources/perfdata_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "core/error.h"

#define SLAB_BYTES ((size_t)2 << 20)
#define SLAB_BLOCKS ((SLAB_BYTES - 16) / sizeof(struct perfdata_queue_block))

struct perfdata_queue_slab {
	struct perfdata_queue_slab *next;
	size_t nr; /* of its blocks, that were ever used */
	struct perfdata_queue_block blocks[];
};

/* --- memory --- */

/*
 * Blocks come by the huge page where the system has some: the first touch of a small page can
 * cost more than all that is done with the samples in it.
 */
static struct perfdata_queue_slab *add_slab(struct perfdata_queue *q)
{
	struct perfdata_queue_slab *slab = aligned_alloc(SLAB_BYTES, SLAB_BYTES);

	if (!slab)
		return NULL;
	(void)madvise(slab, SLAB_BYTES, MADV_HUGEPAGE); /* small ones do as well */
	slab->next = q->slabs;
	slab->nr = 0;
	q->slabs = slab;
	return slab;
}

/* Return: a block that was never used, or NULL. */
static struct perfdata_queue_block *new_block(struct perfdata_queue *q)
{
	struct perfdata_queue_slab *slab = q->slabs;

	if (!slab || slab->nr == SLAB_BLOCKS)
		slab = add_slab(q);
	return slab ? &slab->blocks[slab->nr++] : NULL;
}

static int next_block(struct perfdata_queue *q)
{
	struct perfdata_queue_block *b = q->spare;

	if (b)
		q->spare = b->next;
	else
		b = new_block(q);
	if (!b) {
		(void)thermo_fail(-ENOMEM, "perf.data: no memory for samples");
		return -ENOMEM;
	}
	b->next = NULL;
	b->nr = b->used = 0;
	q->nr_blocks++;
	if (q->filling)
		q->filling->next = b;
	q->filling = b;
	return 0;
}

static void release_block(struct perfdata_queue *q, struct perfdata_queue_block *b)
{
	b->next = q->spare;
	q->spare = b;
	q->nr_blocks--;
}

static int make_room(struct perfdata_queue *q)
{
	size_t room = q->room ? 2 * q->room : 64;
	struct perfdata_queue_run *grown;

	if (q->nr_runs < q->room)
		return 0;
	grown = realloc(q->runs, room * sizeof(*grown));
	if (!grown)
		return thermo_fail(-ENOMEM, "perf.data: no memory for %zu samples", room);
	q->runs = grown;
	q->room = room;
	return 0;
}

/* All of it was taken: it can be filled again, or another needs it. */
static void drop_empty(struct perfdata_queue *q, struct perfdata_queue_block *b)
{
	if (b->nr)
		return;
	if (b == q->filling)
		b->used = 0;
	else
		release_block(q, b);
}

/* --- in --- */

/* What came last is the end of its run. */
static void end_run(struct perfdata_queue *q)
{
	if (q->growing)
		q->filling->list[q->filling->used - 1].ends_run = 1;
	q->growing = false;
}

int perfdata_queue_push_first(struct perfdata_queue *q, const struct thermo_access *a)
{
	uint64_t time_ns = perfdata_queue_time(a->time_ns);

	if (make_room(q))
		return -ENOMEM;
	if (!q->growing || time_ns < q->newest_ns)
		end_run(q);
	if ((!q->filling || q->filling->used == PERFDATA_QUEUE_BLOCK) && next_block(q))
		return -ENOMEM;
	if (!q->growing) {
		q->runs[q->nr_runs++] = (struct perfdata_queue_run){ time_ns, q->filling,
								     q->filling->used };
		q->oldest_ns = q->nr == 0 || time_ns < q->oldest_ns ? time_ns : q->oldest_ns;
	}
	q->growing = true;
	perfdata_queue_put(q, a);
	return 0;
}

/* --- out --- */

/* Field by field: a struct that is made first and then copied waits for its own parts. */
static inline void take_out(const struct perfdata_waiting *w, enum thermo_space space,
			    struct thermo_access *out)
{
	out->addr = w->addr;
	out->extent_bytes = 1;
	out->time_ns = w->time_ns;
	out->watched_ns = 0;
	out->nr_accesses = w->nr_accesses;
	out->pid = w->pid;
	out->tid = w->tid;
	out->cpu = w->cpu;
	out->latency_ns = w->latency_ns;
	out->node = w->node;
	out->access_bytes = 0;
	out->op = w->op;
	out->space = (uint8_t)space;
	out->level = w->level;
	out->scope = THERMO_SCOPE_ALL;
	out->count = THERMO_COUNT_EXACT;
	out->source = 0;
	out->watched_op = THERMO_OP_UNKNOWN;
	out->reserved[0] = 0;
}

/*
 * Out of one block: what of its run is not younger than @until_ns, at most @max; the first is
 * not.  Return: how many; @ends: the last of them ends the run.
 */
static size_t take_stretch(struct perfdata_queue *q, const struct perfdata_queue_run *run,
			   uint64_t until_ns, struct thermo_access *out, size_t max, bool *ends)
{
	const struct perfdata_waiting *w = &run->block->list[run->at];
	size_t left = run->block->used - run->at, nr = 0;
	uint64_t time_ns;

	max = left < max ? left : max;
	do {
		__builtin_prefetch(w + 8);
		take_out(w, q->space, &out[nr++]);
		*ends = w->ends_run;
		time_ns = perfdata_queue_time((++w)->time_ns);
	} while (nr < max && !*ends && time_ns <= until_ns);
	return nr;
}

/* Step over @nr of the run, all in one block.  Return: whether there is more of it. */
static bool step(struct perfdata_queue *q, struct perfdata_queue_run *run, size_t nr, bool ends)
{
	struct perfdata_queue_block *b = run->block;

	b->nr -= (uint32_t)nr;
	q->nr -= nr;
	run->at += (uint32_t)nr;
	if (b == q->filling && run->at == b->used) {
		ends = true;
		q->growing = false;
	} else if (run->at == b->used && !ends) {
		run->block = b->next;
		run->at = 0;
	}
	drop_empty(q, b);
	if (!ends)
		run->time_ns = perfdata_queue_time(run->block->list[run->at].time_ns);
	return !ends;
}

/* What of @run is not younger than @until_ns.  Return: how many; @more: there is more of it. */
static size_t take_of_run(struct perfdata_queue *q, struct perfdata_queue_run *run,
			  uint64_t until_ns, struct thermo_access *out, size_t max, bool *more)
{
	size_t nr = 0;

	*more = true;
	while (*more && nr < max && run->time_ns <= until_ns) {
		bool ends;
		size_t n = take_stretch(q, run, until_ns, out + nr, max - nr, &ends);

		nr += n;
		*more = step(q, run, n, ends);
	}
	return nr;
}

size_t perfdata_queue_take(struct perfdata_queue *q, uint64_t until_ns, struct thermo_access *out,
			   size_t max)
{
	size_t nr = 0, kept = 0;
	bool more;

	if (q->nr == 0 || q->oldest_ns > until_ns)
		return 0;
	q->oldest_ns = UINT64_MAX;
	for (size_t i = 0; i < q->nr_runs; i++) {
		struct perfdata_queue_run run = q->runs[i];

		nr += take_of_run(q, &run, until_ns, out + nr, max - nr, &more);
		if (!more)
			continue;
		q->oldest_ns = run.time_ns < q->oldest_ns ? run.time_ns : q->oldest_ns;
		q->runs[kept++] = run;
	}
	q->nr_runs = kept;
	return nr;
}

size_t perfdata_queue_bytes(const struct perfdata_queue *q)
{
	size_t bytes = q->nr * sizeof(struct perfdata_waiting) + q->nr_runs * sizeof(*q->runs);
	size_t held = q->nr_blocks * sizeof(struct perfdata_queue_block) / 4;

	return bytes > held ? bytes : held;
}

void perfdata_queue_fini(struct perfdata_queue *q)
{
	struct perfdata_queue_slab *next;

	for (struct perfdata_queue_slab *slab = q->slabs; slab; slab = next) {
		next = slab->next;
		free(slab);
	}
	free(q->runs);
	*q = (struct perfdata_queue){ 0 };
}
