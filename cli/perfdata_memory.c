// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_memory.c - see perfdata_memory.h.  Pure; what a file can make grow has a bound. */
#include "cli/perfdata_memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/proc.h"

/* Of one report so much is taken to be memory. */
#define MAX_WIDE_BYTES (16ull << 30)

static int by_pid(const void *a, const void *b)
{
	const struct perfdata_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int by_weight(const void *a, const void *b)
{
	const struct perfdata_process *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return by_pid(a, b);
}

/* Where some accesses were that came one after the other; whole chunks. */
struct place {
	int32_t pid;
	struct thermo_range range;
	double weight;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->range.start < y->range.start ? -1 : x->range.start > y->range.start;
}

/* --- ranges --- */

static struct thermo_range chunks_of(const struct thermo_access *a)
{
	uint64_t extent = a->extent_bytes < MAX_WIDE_BYTES ? a->extent_bytes : MAX_WIDE_BYTES;
	uint64_t last = a->addr + (extent ? extent - 1 : 0);

	return (struct thermo_range){ a->addr & ~(MEMORY_CHUNK_BYTES - 1),
				      (last | (MEMORY_CHUNK_BYTES - 1)) + 1 };
}

/* @r, which begins at the last of @nr @ranges or after it.  Return: how many there are now. */
static size_t append(struct thermo_range *ranges, size_t nr, struct thermo_range r,
		     uint64_t gap_bytes)
{
	struct thermo_range *last = nr ? &ranges[nr - 1] : NULL;

	if (!last || (r.start > last->end && r.start - last->end >= gap_bytes)) {
		ranges[nr] = r;
		return nr + 1;
	}
	last->end = r.end > last->end ? r.end : last->end;
	return nr;
}

static bool is_same(const struct perfdata_process *p, const struct thermo_range *ranges, size_t nr)
{
	return nr == p->nr_ranges &&
	       (nr == 0 || memcmp(ranges, p->ranges, nr * sizeof(*ranges)) == 0);
}

/* @places are in order.  Return: 1; 0 when nothing is new; -ENOMEM. */
static int add_ranges(struct perfdata_process *p, const struct place *places, size_t nr,
		      uint64_t gap_bytes)
{
	struct thermo_range *merged = malloc((p->nr_ranges + nr + 1) * sizeof(*merged));
	size_t old = 0, nr_merged = 0;
	ssize_t nr_left;

	if (!merged)
		return thermo_fail(-ENOMEM, "samples: no memory for %zu ranges", p->nr_ranges + nr);
	for (size_t i = 0; i < nr; i++) {
		const struct thermo_range *r = &places[i].range;

		for (; old < p->nr_ranges && p->ranges[old].start <= r->start; old++)
			nr_merged = append(merged, nr_merged, p->ranges[old], gap_bytes);
		nr_merged = append(merged, nr_merged, *r, gap_bytes);
	}
	for (; old < p->nr_ranges; old++)
		nr_merged = append(merged, nr_merged, p->ranges[old], gap_bytes);
	nr_left = thermo_ranges_close_gaps(merged, nr_merged, MEMORY_MAX_RANGES);
	if (nr_left < 0 || is_same(p, merged, (size_t)nr_left)) {
		free(merged);
		return nr_left < 0 ? (int)nr_left : 0;
	}
	free(p->ranges);
	p->ranges = merged;
	p->nr_ranges = (size_t)nr_left;
	return 1;
}

/* --- processes --- */

static struct perfdata_process *find(const struct perfdata_memory *m, size_t nr, int32_t pid)
{
	const struct perfdata_process key = { .pid = pid };

	return nr ? bsearch(&key, m->list, nr, sizeof(key), by_pid) : NULL;
}

/* Behind all others: who adds some sorts when they are all there.  Return: NULL without memory. */
static struct perfdata_process *append_process(struct perfdata_memory *m, int32_t pid)
{
	if (m->nr == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		struct perfdata_process *grown = realloc(m->list, room * sizeof(*grown));

		if (!grown) {
			(void)thermo_fail(-ENOMEM, "samples: no memory for %zu processes", room);
			return NULL;
		}
		m->list = grown;
		m->room = room;
	}
	m->list[m->nr] = (struct perfdata_process){ .pid = pid };
	return &m->list[m->nr++];
}

void perfdata_memory_weigh(struct perfdata_memory *m, const struct thermo_snapshot *s)
{
	for (size_t i = 0; i < m->nr; i++)
		m->list[i].weight = 0;
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		struct perfdata_process *p = find(m, m->nr, s->targets[r->target].pid);

		if (p)
			p->weight += r->accesses_per_s * (double)s->window_ns / 1e9;
	}
}

static void drop_lightest(struct perfdata_memory *m)
{
	qsort(m->list, m->nr, sizeof(*m->list), by_weight);
	while (m->nr > MEMORY_MAX_PROCESSES)
		free(m->list[--m->nr].ranges);
	qsort(m->list, m->nr, sizeof(*m->list), by_pid);
}

static size_t nr_of_first_pid(const struct place *places, size_t nr)
{
	size_t i = 1;

	while (i < nr && places[i].pid == places[0].pid)
		i++;
	return i;
}

static int add_process(struct perfdata_memory *m, size_t nr_known, const struct place *places,
		       size_t nr)
{
	struct perfdata_process *p = find(m, nr_known, places[0].pid);

	if (!p)
		p = append_process(m, places[0].pid);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		p->weight += places[i].weight;
	return add_ranges(p, places, nr, m->gap_bytes ? m->gap_bytes : MEMORY_GAP_BYTES);
}

/* Who goes through new memory page by page is often in one chunk.  Return: how many places. */
static size_t make_places(struct place *places, const struct thermo_access *accesses, size_t nr)
{
	size_t out = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct thermo_access *a = &accesses[i];
		const struct thermo_range r = chunks_of(a);
		struct place *last = out ? &places[out - 1] : NULL;

		if (last && last->pid == a->pid && last->range.start == r.start &&
		    last->range.end == r.end)
			last->weight += a->nr_accesses;
		else
			places[out++] = (struct place){ a->pid, r, a->nr_accesses };
	}
	return out;
}

int perfdata_memory_add(struct perfdata_memory *m, const struct thermo_access *accesses, size_t nr)
{
	AUTO_FREE struct place *places = malloc((nr + 1) * sizeof(*places));
	const size_t nr_known = m->nr;
	int n = 0, changed = 0;

	if (!places)
		return thermo_fail(-ENOMEM, "samples: no memory for %zu places", nr);
	nr = make_places(places, accesses, nr);
	if (nr)
		qsort(places, nr, sizeof(*places), by_place);
	for (size_t i = 0, of_one; i < nr && n >= 0; i += of_one) {
		of_one = nr_of_first_pid(places + i, nr - i);
		n = add_process(m, nr_known, places + i, of_one);
		changed |= n;
	}
	if (m->nr > nr_known)
		qsort(m->list, m->nr, sizeof(*m->list), by_pid);
	if (m->nr > MEMORY_MAX_PROCESSES)
		drop_lightest(m);
	return n < 0 ? n : changed;
}

bool perfdata_memory_knows(struct perfdata_memory *m, const struct thermo_access *a)
{
	struct perfdata_process *p = find(m, m->nr, a->pid);
	const struct thermo_range chunks = chunks_of(a);
	size_t low = 0, high = p ? p->nr_ranges : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->ranges[middle].end < chunks.end)
			low = middle + 1;
		else
			high = middle;
	}
	if (!p || low == p->nr_ranges || p->ranges[low].start > chunks.start)
		return false;
	p->weight += a->nr_accesses;
	return true;
}

/* --- targets --- */

size_t perfdata_memory_targets(const struct perfdata_memory *m, const struct perfdata_names *names,
			       struct given_target *targets)
{
	for (size_t i = 0; i < m->nr; i++) {
		const struct perfdata_process *p = &m->list[i];
		struct given_target *t = &targets[i];

		*t = (struct given_target){ .info.pid = p->pid,
					    .ranges = p->ranges,
					    .nr_ranges = p->nr_ranges };
		(void)snprintf(t->info.name, sizeof(t->info.name), "%s",
			       perfdata_names_of(names, p->pid));
		for (size_t r = 0; r < p->nr_ranges; r++)
			t->info.rss_bytes += p->ranges[r].end - p->ranges[r].start;
	}
	return m->nr;
}

void perfdata_memory_fini(struct perfdata_memory *m)
{
	for (size_t i = 0; i < m->nr; i++)
		free(m->list[i].ranges);
	free(m->list);
	*m = (struct perfdata_memory){ 0 };
}
