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

/* --- groups of chunks --- */

static int by_place(const void *a, const void *b)
{
	const struct scan_group *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool is_at(const struct scan_group *g, int32_t pid, uint64_t at)
{
	return g->at == at && g->pid == pid;
}

/* Return: where the group is, or where it is to be: there nr is 0. */
static struct scan_group *find_group(const struct perfdata_scan *s, int32_t pid, uint64_t at)
{
	/* Fibonacci hashing: neighbours are spread, and equal pids as well. */
	uint64_t key = (at ^ (uint64_t)(uint32_t)pid << 40) * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(key >> 20) & (s->groups_room - 1);

	while (s->groups[i].nr && !is_at(&s->groups[i], pid, at))
		i = (i + 1) & (s->groups_room - 1);
	return &s->groups[i];
}

/* Return: 0 or -ENOMEM; there may still be no room when there are too many. */
static int make_room(struct perfdata_scan *s)
{
	size_t old_room = s->groups_room, room = old_room ? 2 * old_room : 1024;
	struct scan_group *old = s->groups;

	/* Half full at most, so that one is found soon. */
	if (s->nr_groups < old_room / 2 || room > 2 * SCAN_MAX_CHUNKS)
		return 0;
	s->groups = calloc(room, sizeof(*s->groups));
	if (!s->groups) {
		s->groups = old;
		return thermo_fail(-ENOMEM, "samples: no memory for %zu places", room);
	}
	s->groups_room = room;
	s->last = NULL;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].nr)
			*find_group(s, old[i].pid, old[i].at) = old[i];
	free(old);
	return 0;
}

/* Return: the group of a sample, perhaps a new one; NULL: no more fit. */
static struct scan_group *group_of(struct perfdata_scan *s, int32_t pid, uint64_t at)
{
	struct scan_group *g = find_group(s, pid, at);

	if (g->nr == 0) {
		if (s->nr_groups >= s->groups_room / 2)
			return NULL;
		*g = (struct scan_group){ .pid = pid, .at = at };
		s->nr_groups++;
	}
	s->last = g;
	return g;
}

static int note_chunk(struct perfdata_scan *s, int32_t pid, uint64_t addr)
{
	uint64_t chunk = addr / SCAN_CHUNK_BYTES, at = chunk / SCAN_GROUP;
	uint64_t bit = 1ull << chunk % SCAN_GROUP;
	struct scan_group *g = s->last;

	if (!g || !is_at(g, pid, at)) {
		if (make_room(s))
			return -ENOMEM;
		g = group_of(s, pid, at);
	}
	if (!g || (!(g->chunks & bit) && s->nr_chunks >= SCAN_MAX_CHUNKS)) {
		s->nr_left_out++;
		return 0;
	}
	s->nr_chunks += !(g->chunks & bit);
	g->chunks |= bit;
	g->nr++;
	return 0;
}

/* What was watched is memory from its beginning to its end: chunks near enough to be joined. */
static int add_access(struct perfdata_scan *s, const struct thermo_access *a)
{
	const uint64_t step = SCAN_GAP_BYTES / 2;
	uint64_t extent = a->extent_bytes < MAX_WIDE_BYTES ? a->extent_bytes : MAX_WIDE_BYTES;
	int err = 0;

	s->first_ns = s->nr_accesses == 0 || a->time_ns < s->first_ns ? a->time_ns : s->first_ns;
	s->last_ns = a->time_ns > s->last_ns ? a->time_ns : s->last_ns;
	s->nr_accesses++;
	for (uint64_t at = 0; at < extent && !err; at += step)
		err = note_chunk(s, a->pid, a->addr + at);
	if (!err && extent > SCAN_CHUNK_BYTES)
		err = note_chunk(s, a->pid, a->addr + extent - 1);
	return err;
}

int perfdata_scan_add(struct perfdata_scan *s, const struct thermo_access *accesses, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		if (perfdata_scan_wants(&accesses[i]))
			err = add_access(s, &accesses[i]);
		else
			s->nr_kernel++;
	}
	return err;
}

/* A table no more: one after the other, in order. */
static void sort_groups(struct perfdata_scan *s)
{
	size_t out = 0;

	for (size_t i = 0; i < s->groups_room; i++)
		if (s->groups[i].nr)
			s->groups[out++] = s->groups[i];
	s->nr_groups = out;
	s->last = NULL;
	if (out)
		qsort(s->groups, out, sizeof(*s->groups), by_place);
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

int perfdata_scan_see(struct perfdata_scan *s, const struct perfdata_item *item)
{
	const struct perf_record *r = item->record;

	if (r->type == PERF_RECORD_COMM && r->comm.pid == r->comm.tid)
		return add_name(s, item->time_ns, r->comm.pid, 0, r->comm.name);
	if (r->type == PERF_RECORD_FORK && r->task.pid != r->task.parent_pid)
		return add_name(s, item->time_ns, r->task.pid, r->task.parent_pid, "");
	return 0;
}

/* --- targets --- */

/* @first_chunk: of all those of owners before it. */
struct owner {
	size_t first; /* group */
	size_t nr;
	size_t first_chunk;
	size_t nr_chunks;
	uint64_t nr_samples;
};

static int by_samples(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->nr_samples != y->nr_samples)
		return x->nr_samples < y->nr_samples ? 1 : -1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* Return: how many processes have groups. */
static size_t find_owners(const struct perfdata_scan *s, struct owner *owners)
{
	size_t nr = 0, nr_chunks = 0;

	for (size_t i = 0; i < s->nr_groups; i++) {
		const struct scan_group *g = &s->groups[i];
		size_t chunks = (size_t)__builtin_popcountll(g->chunks);

		if (i == 0 || g->pid != s->groups[i - 1].pid)
			owners[nr++] = (struct owner){ .first = i, .first_chunk = nr_chunks };
		owners[nr - 1].nr++;
		owners[nr - 1].nr_chunks += chunks;
		owners[nr - 1].nr_samples += g->nr;
		nr_chunks += chunks;
	}
	return nr;
}

/* Return: how many ranges, with the chunk at @start. */
static size_t add_chunk(struct thermo_range *ranges, size_t nr, uint64_t start)
{
	if (nr && start - ranges[nr - 1].end < SCAN_GAP_BYTES) {
		ranges[nr - 1].end = start + SCAN_CHUNK_BYTES;
		return nr;
	}
	ranges[nr] = (struct thermo_range){ start, start + SCAN_CHUNK_BYTES };
	return nr + 1;
}

/* Return: how many ranges. */
static size_t make_ranges(const struct scan_group *groups, size_t nr, struct thermo_range *ranges)
{
	size_t out = 0;

	for (size_t i = 0; i < nr; i++)
		for (uint64_t left = groups[i].chunks; left; left &= left - 1) {
			uint64_t chunk =
					groups[i].at * SCAN_GROUP + (uint64_t)__builtin_ctzll(left);

			out = add_chunk(ranges, out, chunk * SCAN_CHUNK_BYTES);
		}
	return out;
}

static void make_target(const struct perfdata_scan *s, const struct owner *o,
			struct given_target *t)
{
	struct thermo_range *ranges = s->ranges + o->first_chunk;

	*t = (struct given_target){ .info.pid = s->groups[o->first].pid, .ranges = ranges };
	(void)snprintf(t->info.name, sizeof(t->info.name), "%s", name_of(s, t->info.pid));
	t->nr_ranges = make_ranges(&s->groups[o->first], o->nr, ranges);
	t->info.rss_bytes = o->nr_chunks * SCAN_CHUNK_BYTES;
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

	sort_groups(s);
	if (s->nr_names)
		qsort(s->names, s->nr_names, sizeof(*s->names), by_age);
	owners = calloc(s->nr_groups + 1, sizeof(*owners));
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
	free(s->groups);
	free(s->names);
	free(s->targets);
	free(s->ranges);
	*s = (struct perfdata_scan){ 0 };
}
