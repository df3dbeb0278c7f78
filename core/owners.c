// SPDX-License-Identifier: GPL-2.0-or-later
/* owners.c - when to look for frames, and what to believe. */
#include "core/owners.h"

#include <errno.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/privilege.h"

/* Between two looks at the clock: a tenth of a millisecond or so. */
#define LOOKS 4096
/* The least time between passes; what has no owner waits longer each time in vain. */
#define PASS_INTERVAL_NS 1000000000ull
#define MAX_RETRY_NS 60000000000ull
/* A pass is far cheaper than to look at each page again: where those are too many. */
#define REFRESH_NS 5000000000ull
/* For so long a page that was seen is believed to be there. */
#define TICK_NS 250000000ull
/* What nobody asks for any more is forgotten after so long. */
#define KEEP_NS 60000000000ull

int owners_new(struct owners **owners, const struct thermo_host *host)
{
	struct owners *o;
	int err = thermo_require_caps(host, THERMO_CAP_SYS_ADMIN | THERMO_CAP_SYS_PTRACE,
				      "finding the owners of page frames");

	if (err)
		return err;
	o = calloc(1, sizeof(*o));
	if (!o)
		return thermo_fail(-ENOMEM, "page owners: no memory");
	o->scan.host = host;
	o->now_ns = thermo_host_now_ns(host);
	o->retry_ns = PASS_INTERVAL_NS;
	pfn_scan_tick(&o->scan);
	*owners = o;
	return 0;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	pfn_scan_fini(&o->scan);
	pfn_index_fini(&o->index);
	pfn_wanted_fini(&o->wanted);
	free(o);
}

int owners_set_targets(struct owners *o, const struct targets *targets)
{
	AUTO_FREE struct pfn_process *processes = calloc(targets->nr + 1, sizeof(*processes));
	int nr_new;

	if (!processes)
		return thermo_fail(-ENOMEM, "page owners: no memory for %zu processes",
				   targets->nr);
	for (size_t i = 0; i < targets->nr; i++) {
		processes[i].pid = targets->list[i].info.pid;
		processes[i].start_ticks = targets->list[i].info.start_ticks;
	}
	nr_new = pfn_scan_set_processes(&o->scan, processes, targets->nr);
	o->has_new_processes |= nr_new > 0;
	return nr_new < 0 ? nr_new : 0;
}

/* --- passes --- */

static bool wants_pass(const struct owners *o)
{
	uint64_t waited_ns = o->now_ns - o->pass_ns;

	if (o->status.nr_passes && waited_ns < PASS_INTERVAL_NS)
		return false;
	return o->wanted.has_news || o->has_moved ||
	       (o->has_new_processes && (o->wanted.nr || o->wanted.nr_added)) ||
	       (o->has_missed && waited_ns >= o->retry_ns) ||
	       (o->scan.nr_unverified != o->nr_unverified && waited_ns >= REFRESH_NS);
}

static void begin_pass(struct owners *o)
{
	pfn_wanted_begin_pass(&o->wanted);
	pfn_scan_begin_pass(&o->scan);
	o->has_moved = o->has_missed = o->has_new_processes = false;
	o->nr_unverified = o->scan.nr_unverified;
	o->pass_cpu_ns = 0;
}

static void end_pass(struct owners *o)
{
	pfn_index_settle(&o->index, true);
	/* Frames of the kernel and of the page cache have no owner however often one looks. */
	if (o->index.nr_new > o->index.nr / 100)
		o->retry_ns = PASS_INTERVAL_NS;
	else if (o->retry_ns < MAX_RETRY_NS)
		o->retry_ns *= 2;
	pfn_scan_end_pass(&o->scan, &o->index);
	pfn_wanted_end_pass(&o->wanted, o->now_ns > KEEP_NS ? o->now_ns - KEEP_NS : 0);
	o->pass_ns = o->now_ns;
	o->status.nr_passes++;
}

int64_t owners_step(struct owners *o, uint64_t cpu_ns)
{
	const struct thermo_host *host = o->scan.host;
	uint64_t start_ns = host->ops->thread_cpu_ns(host), used_ns = 0;
	int err = 0;

	o->now_ns = thermo_host_now_ns(host);
	if (o->now_ns - o->tick_ns >= TICK_NS) {
		pfn_scan_tick(&o->scan);
		o->tick_ns = o->now_ns;
	}
	if (!o->scan.passing && !wants_pass(o))
		return 0;
	if (!o->scan.passing)
		begin_pass(o);
	while (!err && o->scan.passing && used_ns < cpu_ns) {
		/* What was asked for meanwhile is found in what is left of the pass. */
		err = pfn_wanted_settle(&o->wanted);
		if (!err)
			err = pfn_scan_step(&o->scan, &o->wanted, &o->index, LOOKS);
		used_ns = host->ops->thread_cpu_ns(host) - start_ns;
	}
	pfn_index_settle(&o->index, false);
	if (!err && !o->scan.passing)
		end_pass(o);
	used_ns = host->ops->thread_cpu_ns(host) - start_ns;
	o->pass_cpu_ns += used_ns;
	if (!o->scan.passing)
		o->status.pass_cpu_ns = o->pass_cpu_ns;
	o->status.cpu_ns += used_ns;
	return err ? err : (int64_t)used_ns;
}

/* --- answers --- */

bool owners_ask(struct owners *o, uint64_t addr, uint64_t bytes)
{
	uint64_t first = addr / THERMO_PAGE_BYTES, last = (addr + bytes - 1) / THERMO_PAGE_BYTES;

	if (bytes > OWNERS_MAX_EXTENT_BYTES) {
		o->status.nr_too_wide++;
		return false;
	}
	if (o->index.nr < PFN_MAX_RUNS / 2) {
		/* What lies beside it is most likely asked for next, and the pass is the same. */
		first -= first % PFN_BLOCK_FRAMES;
		last |= PFN_BLOCK_FRAMES - 1;
	}
	pfn_wanted_ask(&o->wanted, first, last - first + 1, o->now_ns);
	o->is_doubtful = false;
	return true;
}

/* Of the runs that hold @pfn that of the lowest owner above @above; NULL: none. */
static struct pfn_run *lowest_owner(const struct owners *o, size_t first, uint64_t pfn,
				    int64_t above)
{
	struct pfn_run *best = NULL;

	for (size_t i = first; i < o->index.nr && o->index.runs[i].pfn <= pfn; i++) {
		struct pfn_run *run = &o->index.runs[i];

		if (pfn_run_holds(run, pfn) && (int64_t)run->owner > above &&
		    (!best || run->owner < best->owner))
			best = run;
	}
	return best;
}

/* Return: the first frame after @pfn, at most @end, at which a run begins. */
static uint64_t next_begin(const struct owners *o, size_t first, uint64_t pfn, uint64_t end)
{
	for (size_t i = first; i < o->index.nr && o->index.runs[i].pfn < end; i++)
		if (o->index.runs[i].pfn > pfn)
			return o->index.runs[i].pfn;
	return end;
}

/*
 * Who has @pfn.  @nr_frames: for so many, up to @end, the answer is the same, or they are
 * unknown.  Return: NULL when nobody has, that is known and still true.
 */
static const struct pfn_run *find_owner(struct owners *o, uint64_t pfn, uint64_t end,
					uint64_t *nr_frames)
{
	size_t first = pfn_index_find(&o->index, pfn);
	uint64_t begin = next_begin(o, first, pfn, end);
	struct pfn_run *run = lowest_owner(o, first, pfn, -1);

	*nr_frames = begin - pfn;
	for (; run; run = lowest_owner(o, first, pfn, run->owner)) {
		uint64_t left = run->pfn + run->nr - pfn;
		uint64_t nr = left < *nr_frames ? left : *nr_frames;
		int same = pfn_scan_verify(&o->scan, run, pfn, (size_t)nr);

		if (same > 0) {
			*nr_frames = (uint64_t)same;
			return run;
		}
		o->is_doubtful = same < 0;
		o->status.nr_moved += same == 0;
		o->has_moved |= same == 0;
		*nr_frames = 1;
	}
	return NULL;
}

static struct owner_piece piece_of(const struct owners *o, const struct pfn_run *run, uint64_t addr,
				   uint64_t end)
{
	const struct pfn_process *p = &o->scan.list[run->owner];

	return (struct owner_piece){
		.pid = p->pid,
		.start_ticks = p->start_ticks,
		.addr = (run->page + (addr / THERMO_PAGE_BYTES - run->pfn)) * THERMO_PAGE_BYTES +
			addr % THERMO_PAGE_BYTES,
		.bytes = end - addr,
		.flags = run->flags,
	};
}

bool owners_next(struct owners *o, uint64_t *addr, uint64_t end, struct owner_piece *piece)
{
	uint64_t last_pfn = (end - 1) / THERMO_PAGE_BYTES, nr;

	while (*addr < end) {
		uint64_t pfn = *addr / THERMO_PAGE_BYTES, from = *addr;
		const struct pfn_run *run = find_owner(o, pfn, last_pfn + 1, &nr);
		uint64_t to = (pfn + nr) * THERMO_PAGE_BYTES;

		*addr = to < end ? to : end;
		if (!run)
			continue;
		*piece = piece_of(o, run, from, *addr);
		return true;
	}
	return false;
}

size_t owners_all(struct owners *o, uint64_t addr, struct owner_piece *pieces, size_t max)
{
	uint64_t pfn = addr / THERMO_PAGE_BYTES;
	size_t nr = 0, first = pfn_index_find(&o->index, pfn);
	struct pfn_run *run = lowest_owner(o, first, pfn, -1);

	for (; run && nr < max; run = lowest_owner(o, first, pfn, run->owner))
		if (pfn_scan_verify(&o->scan, run, pfn, 1) > 0)
			pieces[nr++] = piece_of(o, run, addr, addr + 1);
	return nr;
}

void owners_count_missed(struct owners *o, uint64_t addr)
{
	if (pfn_wanted_is_searched(&o->wanted, addr / THERMO_PAGE_BYTES) && !o->is_doubtful) {
		o->status.nr_unowned++;
		o->has_missed = true;
	} else {
		o->status.nr_unsearched++;
	}
}

void owners_count_found(struct owners *o, const struct owner_piece *piece)
{
	if (piece->flags & PFN_FILE)
		o->status.nr_file++;
	else
		o->status.nr_anon++;
	o->status.nr_huge += piece->flags & PFN_HUGE ? 1 : 0;
	o->status.nr_shared += piece->flags & PFN_SHARED ? 1 : 0;
}

void owners_get_status(const struct owners *o, struct thermo_owners_status *status)
{
	*status = o->status;
	status->active = true;
	status->wanted_bytes = pfn_wanted_count(&o->wanted) * THERMO_PAGE_BYTES;
	status->nr_runs = o->index.nr;
	status->nr_looks = o->scan.nr_looks;
	status->nr_unverified = o->scan.nr_unverified;
	status->nr_refused_frames = o->wanted.nr_refused;
	status->nr_refused_runs = o->index.nr_refused;
}
