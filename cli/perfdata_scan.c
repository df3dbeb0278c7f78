// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_scan.c - see perfdata_scan.h.  Pure; what a file can make grow has a bound. */
#include "cli/perfdata_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define MAX_ANCESTORS 16
/* Of one report so much is taken to be memory. */
#define MAX_WIDE_BYTES (16ull << 30)
/* No machine runs that long; beyond, sums of times would overflow. */
#define MAX_TIME_NS (UINT64_MAX / 4)

bool perfdata_scan_wants(const struct thermo_access *access)
{
	/* On all machines that perf knows the kernel has the upper half. */
	return access->pid > 0 && access->space == THERMO_SPACE_VIRTUAL && !(access->addr >> 63) &&
	       access->extent_bytes <= INT64_MAX && access->time_ns <= MAX_TIME_NS;
}

/* --- chunks --- */

static int by_place(const void *a, const void *b)
{
	const struct scan_chunk *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Fibonacci hashing: neighbours are spread, and equal pids as well. */
static size_t place_of(const struct perfdata_scan *s, const struct scan_chunk *c)
{
	uint64_t key = (c->at ^ (uint64_t)(uint32_t)c->pid << 40) * 0x9e3779b97f4a7c15ull;

	return (size_t)(key >> 20) & (s->chunks_room - 1);
}

/* Return: where the chunk is, or where it is to be: there nr is 0. */
static struct scan_chunk *find_chunk(const struct perfdata_scan *s, const struct scan_chunk *c)
{
	size_t i = place_of(s, c);

	while (s->chunks[i].nr && by_place(&s->chunks[i], c) != 0)
		i = (i + 1) & (s->chunks_room - 1);
	return &s->chunks[i];
}

/* Return: 0 or -ENOMEM; there may still be no room when there are too many. */
static int make_room(struct perfdata_scan *s)
{
	size_t old_room = s->chunks_room, room = old_room ? 2 * old_room : 4096;
	struct scan_chunk *old = s->chunks;

	/* Half full at most, so that one is found soon. */
	if (s->nr_chunks < old_room / 2 || room > 2 * SCAN_MAX_CHUNKS)
		return 0;
	s->chunks = calloc(room, sizeof(*s->chunks));
	if (!s->chunks) {
		s->chunks = old;
		return thermo_fail(-ENOMEM, "samples: no memory for %zu places", room);
	}
	s->chunks_room = room;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].nr)
			*find_chunk(s, &old[i]) = old[i];
	free(old);
	return 0;
}

static int add_chunk(struct perfdata_scan *s, int32_t pid, uint64_t addr)
{
	struct scan_chunk new = { pid, addr / SCAN_CHUNK_BYTES, 1 }, *c;

	if (make_room(s))
		return -ENOMEM;
	c = find_chunk(s, &new);
	if (c->nr) {
		c->nr++;
	} else if (s->nr_chunks < s->chunks_room / 2) {
		*c = new;
		s->nr_chunks++;
	} else {
		s->nr_left_out++;
	}
	return 0;
}

/* What was watched is memory from its beginning to its end: chunks near enough to be joined. */
static int add_access(struct perfdata_scan *s, const struct thermo_access *a)
{
	const uint64_t step = SCAN_GAP_BYTES / 2;
	uint64_t extent = a->extent_bytes < MAX_WIDE_BYTES ? a->extent_bytes : MAX_WIDE_BYTES;
	int err = 0;

	if (!perfdata_scan_wants(a)) {
		s->nr_kernel++;
		return 0;
	}
	s->first_ns = s->nr_accesses == 0 || a->time_ns < s->first_ns ? a->time_ns : s->first_ns;
	s->last_ns = a->time_ns > s->last_ns ? a->time_ns : s->last_ns;
	s->nr_accesses++;
	for (uint64_t at = 0; at < extent && !err; at += step)
		err = add_chunk(s, a->pid, a->addr + at);
	if (!err && extent > SCAN_CHUNK_BYTES)
		err = add_chunk(s, a->pid, a->addr + extent - 1);
	return err;
}

/* A table no more: one after the other, in order. */
static void sort_chunks(struct perfdata_scan *s)
{
	size_t out = 0;

	for (size_t i = 0; i < s->chunks_room; i++)
		if (s->chunks[i].nr)
			s->chunks[out++] = s->chunks[i];
	if (out)
		qsort(s->chunks, out, sizeof(*s->chunks), by_place);
}

/* --- names --- */

static int add_name(struct perfdata_scan *s, uint64_t time_ns, int32_t pid, int32_t parent_pid,
		    const char *name)
{
	if (s->nr_names == s->names_room) {
		size_t room = s->names_room ? 2 * s->names_room : 256;
		struct scan_name *grown;

		if (room > SCAN_MAX_NAMES)
			return 0;
		grown = realloc(s->names, room * sizeof(*grown));
		if (!grown)
			return thermo_fail(-ENOMEM, "samples: no memory for %zu names", room);
		s->names = grown;
		s->names_room = room;
	}
	struct scan_name *n = &s->names[s->nr_names];

	*n = (struct scan_name){ pid, parent_pid, time_ns, s->nr_names, "" };
	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	s->nr_names++;
	return 0;
}

/* The newest of a process comes last. */
static int by_age(const void *a, const void *b)
{
	const struct scan_name *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static const struct scan_name *newest_name(const struct perfdata_scan *s, int32_t pid)
{
	size_t low = 0, high = s->nr_names;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->names[middle].pid <= pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && s->names[low - 1].pid == pid ? &s->names[low - 1] : NULL;
}

/* A child that ran no other program is called what its parent is. */
static const char *name_of(const struct perfdata_scan *s, int32_t pid)
{
	for (int i = 0; i < MAX_ANCESTORS; i++) {
		const struct scan_name *n = newest_name(s, pid);

		if (!n)
			return "";
		if (!n->parent_pid)
			return n->name;
		pid = n->parent_pid;
	}
	return "";
}

int perfdata_scan_add(struct perfdata_scan *s, const struct perfdata_item *item)
{
	const struct perf_record *r = item->record;

	if (item->access)
		return add_access(s, item->access);
	if (r->type == PERF_RECORD_COMM && r->comm.pid == r->comm.tid)
		return add_name(s, item->time_ns, r->comm.pid, 0, r->comm.name);
	if (r->type == PERF_RECORD_FORK && r->task.pid != r->task.parent_pid)
		return add_name(s, item->time_ns, r->task.pid, r->task.parent_pid, "");
	return 0;
}

/* --- targets --- */

struct owner {
	size_t first; /* chunk */
	size_t nr;
	uint64_t nr_samples;
};

static int by_samples(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->nr_samples != y->nr_samples)
		return x->nr_samples < y->nr_samples ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Return: how many processes have chunks. */
static size_t find_owners(const struct perfdata_scan *s, struct owner *owners)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_chunks; i++) {
		if (i == 0 || s->chunks[i].pid != s->chunks[i - 1].pid)
			owners[nr++] = (struct owner){ .first = i };
		owners[nr - 1].nr++;
		owners[nr - 1].nr_samples += s->chunks[i].nr;
	}
	return nr;
}

/* Return: how many ranges. */
static size_t make_ranges(const struct scan_chunk *chunks, size_t nr, struct thermo_range *ranges)
{
	size_t out = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t start = chunks[i].at * SCAN_CHUNK_BYTES;

		if (out && start - ranges[out - 1].end < SCAN_GAP_BYTES)
			ranges[out - 1].end = start + SCAN_CHUNK_BYTES;
		else
			ranges[out++] = (struct thermo_range){ start, start + SCAN_CHUNK_BYTES };
	}
	return out;
}

static void make_target(const struct perfdata_scan *s, const struct owner *o,
			struct given_target *t)
{
	struct thermo_range *ranges = s->ranges + o->first;

	*t = (struct given_target){ .info.pid = s->chunks[o->first].pid, .ranges = ranges };
	(void)snprintf(t->info.name, sizeof(t->info.name), "%s", name_of(s, t->info.pid));
	t->nr_ranges = make_ranges(&s->chunks[o->first], o->nr, ranges);
	t->info.rss_bytes = o->nr * SCAN_CHUNK_BYTES;
}

static void make_targets(struct perfdata_scan *s, struct owner *owners, size_t nr)
{
	qsort(owners, nr, sizeof(*owners), by_samples);
	for (size_t i = 0; i < nr; i++) {
		if (i < SCAN_MAX_TARGETS)
			make_target(s, &owners[i], &s->targets[s->nr_targets++]);
		else
			s->nr_left_out += owners[i].nr_samples;
	}
}

int perfdata_scan_finish(struct perfdata_scan *s)
{
	struct owner *owners;

	sort_chunks(s);
	if (s->nr_names)
		qsort(s->names, s->nr_names, sizeof(*s->names), by_age);
	owners = calloc(s->nr_chunks + 1, sizeof(*owners));
	s->ranges = calloc(s->nr_chunks + 1, sizeof(*s->ranges));
	s->targets = calloc(SCAN_MAX_TARGETS, sizeof(*s->targets));
	if (!owners || !s->ranges || !s->targets) {
		free(owners);
		return thermo_fail(-ENOMEM, "samples: no memory for %zu places", s->nr_chunks);
	}
	make_targets(s, owners, find_owners(s, owners));
	free(owners);
	s->nr_accesses -= s->nr_left_out;
	return 0;
}

void perfdata_scan_fini(struct perfdata_scan *s)
{
	free(s->chunks);
	free(s->names);
	free(s->targets);
	free(s->ranges);
	*s = (struct perfdata_scan){ 0 };
}
