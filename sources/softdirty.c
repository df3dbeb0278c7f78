// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * softdirty.c - which pages were written, page by page, through soft-dirty bits.
 *
 * In rounds: the bits of each target are cleared (4 to /proc/PID/clear_refs), and some time
 * later PAGEMAP_SCAN tells which pages have theirs again.  Writes are all that it sees: what it
 * reports, that something was not written too, is marked as such (watched_op).
 *
 * Clearing walks all page tables of a process, and takes the right to write from every page: each
 * first write then faults.  Both is paid for: the next round waits until what this one cost is a
 * fiftieth of the time.
 *
 * Mappings that are made after the clearing are soft-dirty as a whole; only bits of pages are
 * read here, and those of a new page are set by the write that made it.
 *
 * Runs in the source's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/proc.h"
#include "sources/dirty_blocks.h"
#include "sources/scan_interval.h"
#include "thermocline/source.h"

#define MAX_TARGETS 256u
#define MAX_RANGES 64u
#define RUNS 256u
/* Questions to the kernel in one drain; a large process is scanned in several. */
#define QUESTIONS_A_DRAIN 64u
/* One question reaches so far: it walks what it reaches. */
#define QUESTION_BYTES (64ull << 20)
/* Of a round, whatever the size of memory: blocks grow with it. */
#define MAX_BLOCKS 8192u
/* Of one CPU, at the full rate. */
#define CPU_SHARE 0.02
/* Of the application, for the first write to a page. */
#define FAULT_NS 1000u
#define LONGEST_PAUSE_NS 60000000000ull

enum round { ROUND_PAUSED, ROUND_WATCHING, ROUND_SCANNING };

struct dirty_target {
	pid_t pid;
	int pagemap; /* -1: it is gone, or not ours to look at */
	uint64_t cleared_ns;
	uint64_t block_bytes;
	size_t nr_ranges; /* 0: it has not been cleared */
	struct thermo_range ranges[MAX_RANGES];
};

struct softdirty {
	const struct thermo_host *host;
	uint32_t permille;
	enum round round;
	uint64_t due_ns; /* when it is time for the next step */
	uint64_t began_ns;
	uint64_t cost_ns; /* of this round */
	bool is_middle;   /* of the intervals */
	struct scan_interval interval;
	size_t nr_targets;
	size_t nr_unwatched; /* for which there was no room */
	size_t nr_refused;   /* whose files are not ours to open */
	struct dirty_target *targets;
	size_t at; /* where the scan is: target, range, address */
	size_t range;
	uint64_t addr;
	uint64_t nr_pages; /* of this round */
	uint64_t nr_written;
	struct thermo_source_counters counters;
};

/*
 * A page that was just written has the bit, or the kernel has none: it takes a 4 in clear_refs in
 * any case, and clears nothing.
 */
static bool has_soft_dirty(const struct thermo_host *host, int fd)
{
	AUTO_FREE char *page = aligned_alloc(THERMO_PAGE_BYTES, THERMO_PAGE_BYTES);
	uint64_t start = (uintptr_t)page, scanned_to;
	struct thermo_dirty_run run = { 0 };

	if (!page)
		return false;
	memset(page, 1, THERMO_PAGE_BYTES);
	return host->ops->scan_dirty(host, fd, start, start + THERMO_PAGE_BYTES, &run, 1,
				     &scanned_to) == 1 &&
	       run.dirty;
}

static int check(const struct thermo_host *host)
{
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDONLY, "proc/self/pagemap");

	if (fd < 0)
		return thermo_fail(fd,
				   "softdirty: no /proc/self/pagemap: this kernel does not show "
				   "page tables (CONFIG_PROC_PAGE_MONITOR)");
	int err = thermo_host_require_scan(host, "softdirty");

	if (err)
		return err;
	if (!host->ops->scan_dirty || !has_soft_dirty(host, fd))
		return thermo_fail(-EOPNOTSUPP, "softdirty: this kernel keeps no soft-dirty bits "
						"(CONFIG_MEM_SOFT_DIRTY)");
	return 0;
}

static int softdirty_probe(const struct thermo_source_opts *opts)
{
	return check(opts->host);
}

static int softdirty_open(void *state, const struct thermo_source_opts *opts)
{
	struct softdirty *s = state;

	s->host = opts->host;
	s->permille = THERMO_RATE_FULL;
	scan_interval_init(&s->interval);
	return check(s->host);
}

static int softdirty_start(void *state)
{
	(void)state;
	return 0;
}

static void forget_targets(struct softdirty *s)
{
	for (size_t i = 0; i < s->nr_targets; i++)
		if (s->targets[i].pagemap >= 0)
			(void)close(s->targets[i].pagemap);
	free(s->targets);
	s->targets = NULL;
	s->nr_targets = 0;
}

static bool same_targets(const struct softdirty *s, const pid_t *pids, size_t nr)
{
	for (size_t i = 0; i < nr && i < s->nr_targets; i++)
		if (s->targets[i].pid != pids[i])
			return false;
	return nr == s->nr_targets;
}

/* What is new makes a new round; else the one that is under way goes on. */
static int softdirty_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct softdirty *s = state;
	size_t nr = nr_pids < MAX_TARGETS ? nr_pids : MAX_TARGETS;

	s->nr_unwatched = nr_pids - nr;
	if (same_targets(s, pids, nr))
		return 0;
	forget_targets(s);
	s->round = ROUND_PAUSED;
	s->due_ns = 0;
	s->targets = calloc(nr + 1, sizeof(*s->targets));
	if (!s->targets)
		return thermo_fail(-ENOMEM, "softdirty: no memory for %zu targets", nr);
	for (size_t i = 0; i < nr; i++)
		s->targets[i] = (struct dirty_target){ .pid = pids[i], .pagemap = -1 };
	s->nr_targets = nr;
	return 0;
}

static int softdirty_set_rate(void *state, uint32_t permille)
{
	((struct softdirty *)state)->permille = permille;
	return 0;
}

/* --- clearing --- */

/* What is mapped when it is cleared is what is told of later. */
static void clear_target(struct softdirty *s, struct dirty_target *t)
{
	uint64_t bytes = 0;
	int nr, err;

	if (t->pagemap >= 0)
		(void)close(t->pagemap);
	t->nr_ranges = 0;
	/* Opened anew: after exec() a process has other memory. */
	t->pagemap = thermo_host_open_file(s->host, O_RDONLY, "proc/%d/pagemap", (int)t->pid);
	nr = t->pagemap < 0 ? t->pagemap
			    : thermo_proc_ranges(s->host, t->pid, MAX_RANGES, t->ranges);
	err = nr < 0 ? nr : thermo_host_write(s->host, "4", "proc/%d/clear_refs", (int)t->pid);
	if (err) {
		/* One that is gone is no target soon. */
		s->nr_refused += err == -EACCES || err == -EPERM;
		return;
	}
	t->cleared_ns = thermo_host_now_ns(s->host);
	t->nr_ranges = (size_t)nr;
	for (int i = 0; i < nr; i++)
		bytes += t->ranges[i].end - t->ranges[i].start;
	t->block_bytes = DIRTY_BLOCK_BYTES;
	while (bytes / t->block_bytes > MAX_BLOCKS)
		t->block_bytes *= 2;
}

static void begin_round(struct softdirty *s, uint64_t now_ns)
{
	s->began_ns = now_ns;
	s->cost_ns = s->nr_pages = s->nr_written = 0;
	s->nr_refused = 0;
	for (size_t i = 0; i < s->nr_targets; i++)
		clear_target(s, &s->targets[i]);
	s->at = s->range = 0;
	s->addr = 0;
	s->round = ROUND_WATCHING;
	s->due_ns = thermo_host_now_ns(s->host) + scan_interval_next(&s->interval, &s->is_middle);
}

/* --- scanning --- */

static void take_runs(struct softdirty *s, const struct dirty_target *t,
		      const struct thermo_dirty_run *runs, int nr, struct thermo_reporter *reporter)
{
	uint64_t now_ns = thermo_host_now_ns(s->host);
	struct dirty_blocks blocks = {
		.reporter = reporter,
		.pid = t->pid,
		.block_bytes = t->block_bytes,
		.time_ns = now_ns,
		.watched_ns = now_ns > t->cleared_ns ? now_ns - t->cleared_ns : 1,
	};

	for (int i = 0; i < nr; i++) {
		uint64_t unit = runs[i].huge ? THERMO_HUGE_BYTES : THERMO_PAGE_BYTES;
		uint64_t pages = (runs[i].end - runs[i].start + unit - 1) / unit;

		dirty_blocks_add(&blocks, &runs[i]);
		s->nr_pages += pages;
		s->nr_written += runs[i].dirty ? pages : 0;
	}
	dirty_blocks_flush(&blocks);
	s->counters.reported += blocks.nr_reports;
	s->counters.seen += (uint64_t)nr;
}

/* One question about what is at the cursor.  Return: false when the round's scan is over. */
static bool scan_on(struct softdirty *s, struct thermo_reporter *reporter)
{
	struct thermo_dirty_run runs[RUNS];
	const struct dirty_target *t = &s->targets[s->at];
	uint64_t until, scanned_to = 0;
	int nr;

	if (s->at == s->nr_targets)
		return false;
	if (s->range >= t->nr_ranges) {
		s->at++;
		s->range = 0;
		s->addr = 0;
		return true;
	}
	if (s->addr < t->ranges[s->range].start)
		s->addr = t->ranges[s->range].start;
	until = t->ranges[s->range].end;
	until = until - s->addr > QUESTION_BYTES ? s->addr + QUESTION_BYTES : until;
	nr = s->host->ops->scan_dirty(s->host, t->pagemap, s->addr, until, runs, RUNS, &scanned_to);
	if (nr > 0)
		take_runs(s, t, runs, nr, reporter);
	/* A process that is gone, or a range that cannot be walked, has nothing to tell. */
	s->counters.useless += nr < 0;
	s->addr = nr < 0 || scanned_to <= s->addr ? until : scanned_to;
	if (s->addr >= t->ranges[s->range].end)
		s->range++;
	return true;
}

static void end_round(struct softdirty *s)
{
	uint64_t faults_ns = s->nr_written * FAULT_NS;
	double share = CPU_SHARE * s->permille / THERMO_RATE_FULL;
	double pause_ns = (double)(s->cost_ns + faults_ns) / share;

	s->counters.overhead_ns += faults_ns;
	if (s->is_middle && s->nr_pages)
		scan_interval_learn(&s->interval, s->nr_pages, s->nr_written);
	s->round = ROUND_PAUSED;
	s->due_ns = s->began_ns +
		    (pause_ns < (double)LONGEST_PAUSE_NS ? (uint64_t)pause_ns : LONGEST_PAUSE_NS);
}

static void scan(struct softdirty *s, struct thermo_reporter *reporter)
{
	bool more = true;

	s->round = ROUND_SCANNING;
	for (unsigned int i = 0; i < QUESTIONS_A_DRAIN && more; i++)
		more = scan_on(s, reporter);
	if (!more)
		end_round(s);
}

static int softdirty_drain(void *state, struct thermo_reporter *reporter)
{
	struct softdirty *s = state;
	uint64_t reported = s->counters.reported, now_ns = thermo_host_now_ns(s->host);
	uint64_t cpu_ns = s->host->ops->thread_cpu_ns(s->host);

	if (now_ns < s->due_ns || s->nr_targets == 0)
		return 0;
	if (s->round == ROUND_PAUSED)
		begin_round(s, now_ns);
	else
		scan(s, reporter);
	s->cost_ns += s->host->ops->thread_cpu_ns(s->host) - cpu_ns;
	return (int)(s->counters.reported - reported);
}

static void softdirty_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct softdirty *)state)->counters;
}

static void softdirty_note(const void *state, char *text, size_t size)
{
	const struct softdirty *s = state;

	if (s->nr_refused)
		(void)snprintf(text, size,
			       "may not look at %zu processes: run as root, or watch the user's "
			       "own",
			       s->nr_refused);
	else if (s->nr_unwatched)
		(void)snprintf(text, size, "does not watch %zu processes: it has room for %u",
			       s->nr_unwatched, MAX_TARGETS);
}

static void softdirty_close(void *state)
{
	struct softdirty *s = state;

	forget_targets(s);
	*s = (struct softdirty){ 0 };
}

const struct thermo_source thermo_source_softdirty = {
	.name = "softdirty",
	.summary = "soft-dirty bits: which pages were written, and which were not",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "a walk of page tables and a fault of about 1 us for each first write, up to 2 % "
		"of a CPU",
	.changes = "clears the soft-dirty bits of the processes it watches",
	.uses = THERMO_USES_SOFT_DIRTY,
	.by_name_only = true,
	.state_bytes = sizeof(struct softdirty),
	.drain_interval_ms = 20,
	.probe = softdirty_probe,
	.open = softdirty_open,
	.start = softdirty_start,
	.set_targets = softdirty_set_targets,
	.set_rate = softdirty_set_rate,
	.drain = softdirty_drain,
	.counters = softdirty_counters,
	.note = softdirty_note,
	.close = softdirty_close,
};
