// SPDX-License-Identifier: GPL-2.0-or-later
/* watch.c - armed pages, touches, and what silence means. */
#include "sources/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/proc.h"

/* A flush of all CPUs' TLBs, and a fault, take about so long. */
#define RESOLUTION_NS 1000u

/* Pages that are armed one by one; a huge page is one. */
struct watch_run {
	uint64_t start;
	uint64_t end;
	uint64_t unit_bytes;
	size_t first_bit; /* in touched[] */
};

struct watch {
	pid_t pid;
	enum thermo_scope scope;
	uint32_t thinning;
	uint64_t begun_ns; /* of arming: some CPUs fault already */
	uint64_t time_ns;  /* all do */
	size_t nr_runs;
	struct watch_run *runs;
	uint64_t *touched; /* a bit a unit */
};

void watch_set_init(struct watch_set *set, uint64_t horizon_ns)
{
	set->horizon_ns = horizon_ns;
	set->nr = 0;
}

static void watch_free(struct watch *w)
{
	if (!w)
		return;
	free(w->runs);
	free(w->touched);
	free(w);
}

void watch_set_fini(struct watch_set *set)
{
	for (size_t i = 0; i < set->nr; i++)
		watch_free(set->watches[i]);
	set->nr = 0;
}

static size_t units_of(const struct watch_run *run)
{
	return (run->end - run->start) / run->unit_bytes;
}

int watch_add(struct watch_set *set, pid_t pid, uint64_t time_ns, enum thermo_scope scope,
	      uint32_t thinning, const struct thermo_page_run *runs, size_t nr_runs)
{
	size_t nr_bits = 0;

	if (nr_runs == 0)
		return 0;
	if (set->nr == WATCH_MAX)
		return thermo_fail(-ENOSPC, "watch: more than %d ranges armed at a time",
				   WATCH_MAX);

	struct watch *w = calloc(1, sizeof(*w));

	if (w)
		w->runs = calloc(nr_runs, sizeof(*w->runs));
	if (!w || !w->runs)
		goto no_memory;
	w->pid = pid;
	w->begun_ns = w->time_ns = time_ns;
	w->scope = scope;
	w->thinning = thinning;
	for (size_t i = 0; i < nr_runs; i++) {
		struct watch_run *r = &w->runs[w->nr_runs];

		*r = (struct watch_run){ .start = runs[i].start,
					 .end = runs[i].end,
					 .unit_bytes = THERMO_PAGE_BYTES,
					 .first_bit = nr_bits };
		/* A mark may begin or end inside of a huge page: that part was not armed. */
		if (runs[i].huge) {
			r->unit_bytes = THERMO_HUGE_BYTES;
			r->start = (r->start + THERMO_HUGE_BYTES - 1) & ~(THERMO_HUGE_BYTES - 1);
			r->end &= ~(THERMO_HUGE_BYTES - 1);
		}
		if (r->start >= r->end)
			continue;
		nr_bits += units_of(r);
		w->nr_runs++;
	}
	w->touched = calloc(nr_bits / 64 + 1, sizeof(*w->touched));
	if (!w->touched)
		goto no_memory;
	set->watches[set->nr++] = w;
	return 0;

no_memory:
	watch_free(w);
	return thermo_fail(-ENOMEM, "watch: no memory");
}

void watch_armed(struct watch_set *set, pid_t pid, uint64_t time_ns)
{
	for (size_t i = set->nr; i-- > 0;) {
		if (set->watches[i]->pid != pid)
			continue;
		set->watches[i]->time_ns = time_ns;
		return;
	}
}

static const struct watch_run *find_run(const struct watch *w, uint64_t addr)
{
	size_t low = 0, high = w->nr_runs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr >= w->runs[mid].end)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->nr_runs && addr >= w->runs[low].start ? &w->runs[low] : NULL;
}

/* Set the bit; false when it was set. */
static bool touch_unit(struct watch *w, size_t bit)
{
	uint64_t mask = 1ull << (bit % 64);

	if (w->touched[bit / 64] & mask)
		return false;
	w->touched[bit / 64] |= mask;
	return true;
}

bool watch_touch(struct watch_set *set, struct thermo_access *access)
{
	/* Newest first: a page armed twice waits since the second time. */
	for (size_t i = set->nr; i-- > 0;) {
		struct watch *w = set->watches[i];
		const struct watch_run *run;

		if (w->pid != access->pid || access->time_ns < w->begun_ns ||
		    access->time_ns > w->time_ns + set->horizon_ns)
			continue;
		run = find_run(w, access->addr);
		if (!run)
			continue;
		size_t unit = (access->addr - run->start) / run->unit_bytes;

		if (!touch_unit(w, run->first_bit + unit))
			return false;
		access->addr = run->start + unit * run->unit_bytes;
		access->extent_bytes = run->unit_bytes;
		access->nr_accesses = 1;
		access->watched_ns =
				access->time_ns > w->time_ns ? access->time_ns - w->time_ns : 0;
		/* 0 would mean "all the time", and nothing is told apart so finely. */
		if (access->watched_ns < RESOLUTION_NS)
			access->watched_ns = RESOLUTION_NS;
		return true;
	}
	return false;
}

/* A stretch of units with the same share untouched, reported as one. */
struct silence {
	uint64_t start;
	uint64_t end;
	uint64_t watched_ns; /* 0: nothing to say */
};

static size_t flush_silence(const struct watch *w, const struct silence *s, uint64_t end_ns,
			    struct thermo_reporter *reporter)
{
	struct thermo_access report = {
		.addr = s->start,
		.extent_bytes = s->end - s->start,
		.time_ns = end_ns,
		.watched_ns = s->watched_ns,
		.pid = w->pid,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.space = THERMO_SPACE_VIRTUAL,
		.scope = (uint8_t)w->scope,
	};

	if (s->watched_ns == 0 || s->start == s->end)
		return 0;
	(void)thermo_report_access(reporter, &report);
	return 1;
}

static size_t count_untouched(const struct watch *w, size_t first_bit, size_t nr_units)
{
	size_t touched = 0;

	for (size_t bit = first_bit; bit < first_bit + nr_units; bit++)
		touched += w->touched[bit / 64] >> (bit % 64) & 1;
	/* One that was told stands for those that were not. */
	touched *= w->thinning;
	return touched < nr_units ? nr_units - touched : 0;
}

/*
 * What was not touched, block by block.  A block that was touched in part gives
 * the exposure of its untouched pages, spread over the block: a list of single
 * pages would cost a report each and say little more.
 */
static size_t report_silence(const struct watch *w, uint64_t horizon_ns,
			     struct thermo_reporter *reporter)
{
	struct silence s = { 0 };
	uint64_t end_ns = w->time_ns + horizon_ns;
	size_t reports = 0;

	for (size_t i = 0; i < w->nr_runs; i++) {
		const struct watch_run *r = &w->runs[i];
		uint64_t block = WATCH_BLOCK_BYTES;
		uint64_t next;

		/* Enough units that a block of thinned touches still has some. */
		while (block < r->unit_bytes || block < (uint64_t)WATCH_BLOCK_BYTES * w->thinning)
			block *= 2;
		for (uint64_t at = r->start; at < r->end; at = next) {
			next = (at & ~(block - 1)) + block;
			next = next < r->end ? next : r->end;

			size_t units = (next - at) / r->unit_bytes;
			size_t first = r->first_bit + (at - r->start) / r->unit_bytes;
			/* Thinned like the touches, so that events over exposure stays. */
			uint64_t watched = horizon_ns * count_untouched(w, first, units) / units /
					   w->thinning;

			if (s.end == at && s.watched_ns == watched) {
				s.end = next;
				continue;
			}
			reports += flush_silence(w, &s, end_ns, reporter);
			s = (struct silence){ at, next, watched };
		}
	}
	return reports + flush_silence(w, &s, end_ns, reporter);
}

size_t watch_expire(struct watch_set *set, uint64_t now_ns, struct thermo_reporter *reporter)
{
	size_t reports = 0, kept = 0;

	for (size_t i = 0; i < set->nr; i++) {
		struct watch *w = set->watches[i];

		if (now_ns < w->time_ns + set->horizon_ns) {
			set->watches[kept++] = w;
			continue;
		}
		reports += report_silence(w, set->horizon_ns, reporter);
		watch_free(w);
	}
	set->nr = kept;
	return reports;
}
