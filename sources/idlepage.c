// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * idlepage.c - random pages of the targets, through the kernel's idle marks.
 *
 * Every 5 ms a batch of pages is chosen (scan_plan.c), marked idle, and looked at again some
 * time later (scan_interval.c).  A page that is still idle then was not accessed; one that is
 * not was, at least once.  Pages that moved meanwhile tell nothing.
 *
 * A mark is the page's, not ours.  Whoever marks a page again takes away what happened
 * before, so that it would look idle.  No page is in two of our batches at a time; and whether
 * somebody else marks pages, pages that were accessed tell: they have no mark until somebody
 * sets it.  Then we keep still for a while, and say so.
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
#include "core/privilege.h"
#include "core/proc.h"
#include "sources/idle_bitmap.h"
#include "sources/scan_interval.h"
#include "sources/scan_page.h"
#include "sources/scan_plan.h"
#include "thermocline/source.h"

#define DRAIN_MS 5u
/* Of all targets, at the full rate. */
#define LOOKS_PER_S 4000u
/* One that comes late catches up on so much, and no more. */
#define MAX_LATE_MS (4ull * DRAIN_MS)
#define BATCH_LOOKS (LOOKS_PER_S * MAX_LATE_MS / 1000)
/* In the air at a time: more than the longest interval holds. */
#define MAX_BATCHES 256
#define MAX_TARGETS 256u
#define MAX_RANGES 64u
/* Accessed pages that are looked at again, to see whether somebody else marks them. */
#define WITNESSES 256u
#define WITNESS_NS 1000000000ull
/* So many of them, and a share, are no chance: DAMON marks a page here and there. */
#define MIN_STOLEN 8u
#define STOLEN_DIVISOR 8u
#define KEEP_STILL_NS 30000000000ull

struct idle_target {
	pid_t pid;
	int pagemap; /* -1: it is gone */
};

/* A page that is marked. */
struct look {
	uint32_t target;
	struct scan_page page;
};

/* Looks in order of frame, marked together. */
struct batch {
	uint64_t marked_ns;
	uint64_t due_ns;
	bool is_middle; /* of the intervals */
	size_t nr;      /* 0: free */
	struct look looks[BATCH_LOOKS];
};

struct idlepage {
	const struct thermo_host *host;
	int bitmap; /* 0: not open; the state starts as zeroes */
	int kpageflags;
	uint32_t permille;
	struct scan_interval interval;
	uint64_t last_ns; /* when the last batch was marked */
	struct scan_plan plan;
	size_t nr_targets;
	size_t nr_unwatched; /* for which there was no room */
	struct idle_target *targets;
	struct scan_range *ranges;
	struct thermo_focus *focus; /* as it was told; of targets that may be gone */
	size_t nr_focus;
	struct scan_range *focus_ranges;
	struct batch *batches;
	uint64_t witnesses[WITNESSES]; /* frames; 0: none */
	uint64_t witnessed_ns;
	uint64_t still_until_ns;
	struct thermo_source_counters counters;
};

static int idlepage_probe(const struct thermo_source_opts *opts)
{
	int err;

	if (faccessat(opts->host->root_fd, IDLE_BITMAP_PATH, F_OK, 0) < 0)
		return thermo_fail(-EOPNOTSUPP,
				   "idlepage: this kernel has no /" IDLE_BITMAP_PATH
				   " (CONFIG_IDLE_PAGE_TRACKING, which few distributions set)");
	err = thermo_require_caps(opts->host,
				  THERMO_CAP_SYS_ADMIN | THERMO_CAP_SYS_PTRACE |
						  THERMO_CAP_DAC_READ_SEARCH,
				  "idlepage");
	if (!err && faccessat(opts->host->root_fd, IDLE_BITMAP_PATH, R_OK | W_OK, 0) < 0)
		err = thermo_fail(-EACCES,
				  "idlepage: /" IDLE_BITMAP_PATH
				  " cannot be written: run as root, outside of containers");
	return err ? err : thermo_host_require_scan(opts->host, "idlepage");
}

static int idlepage_open(void *state, const struct thermo_source_opts *opts)
{
	struct idlepage *p = state;
	int fd;

	p->host = opts->host;
	p->permille = THERMO_RATE_FULL;
	scan_interval_init(&p->interval);
	p->plan.random = thermo_host_now_ns(p->host) | 1;
	p->batches = calloc(MAX_BATCHES, sizeof(*p->batches));
	if (!p->batches)
		return thermo_fail(-ENOMEM, "idlepage: no memory");
	fd = thermo_host_open_file(p->host, O_RDWR, IDLE_BITMAP_PATH);
	if (fd < 0)
		return fd;
	p->bitmap = fd;
	fd = thermo_host_open_file(p->host, O_RDONLY, "proc/kpageflags");
	p->kpageflags = fd < 0 ? 0 : fd;
	return fd < 0 ? fd : 0;
}

static int idlepage_start(void *state)
{
	(void)state;
	return 0;
}

/* --- whom, and where --- */

static void forget_targets(struct idlepage *p)
{
	for (size_t i = 0; i < p->nr_targets; i++)
		if (p->targets[i].pagemap >= 0)
			(void)close(p->targets[i].pagemap);
	free(p->targets);
	free(p->ranges);
	p->targets = NULL;
	p->ranges = NULL;
	p->nr_targets = 0;
	p->plan.all = NULL;
	p->plan.nr_all = 0;
}

/* What was marked of them is not looked at again. */
static void drop_batches(struct idlepage *p)
{
	for (size_t i = 0; i < MAX_BATCHES; i++) {
		p->counters.useless += p->batches[i].nr;
		p->batches[i].nr = 0;
	}
}

static int find_target(const struct idlepage *p, pid_t pid)
{
	for (size_t i = 0; i < p->nr_targets; i++)
		if (p->targets[i].pid == pid)
			return (int)i;
	return -1;
}

/* A process is worth as many looks as it has memory, wherever in its mappings that is. */
static void add_target(struct idlepage *p, pid_t pid)
{
	struct idle_target *t = &p->targets[p->nr_targets];
	struct scan_range *to = p->ranges + p->plan.nr_all;
	struct thermo_range ranges[MAX_RANGES];
	struct thermo_proc proc;
	double bytes = 0;
	int nr;

	*t = (struct idle_target){ pid, -1 };
	t->pagemap = thermo_host_open_file(p->host, O_RDONLY, "proc/%d/pagemap", (int)pid);
	if (t->pagemap < 0)
		return;
	p->nr_targets++;
	nr = thermo_proc_read(p->host, pid, &proc)
			     ? 0
			     : thermo_proc_ranges(p->host, pid, MAX_RANGES, ranges);
	for (int i = 0; i < nr; i++)
		bytes += (double)(ranges[i].end - ranges[i].start);
	for (int i = 0; i < nr; i++)
		to[i] = (struct scan_range){ .target = (uint32_t)(t - p->targets),
					     .start = ranges[i].start,
					     .end = ranges[i].end,
					     .weight = (double)proc.rss_bytes / bytes *
						       (double)(ranges[i].end - ranges[i].start) };
	p->plan.nr_all += nr > 0 ? (size_t)nr : 0;
}

/* The focus, as far as it is of targets. */
static int apply_focus(struct idlepage *p)
{
	struct scan_range *ranges = calloc(p->nr_focus + 1, sizeof(*ranges));
	size_t nr = 0;

	if (!ranges)
		return thermo_fail(-ENOMEM, "idlepage: no memory");
	for (size_t i = 0; i < p->nr_focus; i++) {
		const struct thermo_focus *f = &p->focus[i];
		int target = find_target(p, f->pid);

		if (target >= 0 && f->start < f->end)
			ranges[nr++] = (struct scan_range){ .target = (uint32_t)target,
							    .start = f->start,
							    .end = f->end,
							    .weight = (double)f->share };
	}
	free(p->focus_ranges);
	p->focus_ranges = ranges;
	p->plan.focus = ranges;
	p->plan.nr_focus = nr;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The same processes keep their numbers, so that what is in the air can land. */
static bool same_targets(const struct idlepage *p, const pid_t *pids, size_t nr)
{
	for (size_t i = 0; i < nr && i < p->nr_targets; i++)
		if (p->targets[i].pid != pids[i])
			return false;
	return nr == p->nr_targets;
}

static int idlepage_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct idlepage *p = state;
	size_t nr = nr_pids < MAX_TARGETS ? nr_pids : MAX_TARGETS;
	AUTO_FREE pid_t *sorted = calloc(nr + 1, sizeof(*sorted));

	if (!sorted)
		return thermo_fail(-ENOMEM, "idlepage: no memory");
	if (nr)
		memcpy(sorted, pids, nr * sizeof(*sorted));
	qsort(sorted, nr, sizeof(*sorted), by_pid);
	if (!same_targets(p, sorted, nr))
		drop_batches(p);
	forget_targets(p);
	p->nr_unwatched = nr_pids - nr;
	p->targets = calloc(nr + 1, sizeof(*p->targets));
	p->ranges = calloc(nr * MAX_RANGES + 1, sizeof(*p->ranges));
	if (!p->targets || !p->ranges)
		return thermo_fail(-ENOMEM, "idlepage: no memory for %zu targets", nr);
	p->plan.all = p->ranges;
	for (size_t i = 0; i < nr; i++)
		add_target(p, sorted[i]);
	return apply_focus(p);
}

static int idlepage_set_rate(void *state, uint32_t permille)
{
	((struct idlepage *)state)->permille = permille;
	return 0;
}

static int idlepage_set_focus(void *state, const struct thermo_focus *focus, size_t nr)
{
	struct idlepage *p = state;
	struct thermo_focus *copy = calloc(nr + 1, sizeof(*copy));

	if (!copy)
		return thermo_fail(-ENOMEM, "idlepage: no memory");
	if (nr)
		memcpy(copy, focus, nr * sizeof(*copy));
	free(p->focus);
	p->focus = copy;
	p->nr_focus = nr;
	return apply_focus(p);
}

/* --- marking --- */

static int by_frame(const void *a, const void *b)
{
	const struct look *x = a, *y = b;

	return (x->page.pfn > y->page.pfn) - (x->page.pfn < y->page.pfn);
}

static bool is_marked(const struct idlepage *p, const struct look *look)
{
	for (size_t i = 0; i < MAX_BATCHES; i++) {
		const struct batch *b = &p->batches[i];

		if (b->nr && bsearch(look, b->looks, b->nr, sizeof(*look), by_frame))
			return true;
	}
	return false;
}

/* Pages for a batch that is still empty, each once. */
static int choose_looks(struct idlepage *p, struct look *looks, size_t nr_wanted)
{
	struct scan_place places[BATCH_LOOKS];
	size_t nr_places = scan_plan_draw(&p->plan, nr_wanted, places), nr = 0, kept = 0;

	for (size_t i = 0; i < nr_places; i++) {
		struct look *l = &looks[nr];
		int found;

		l->target = places[i].target;
		found = scan_page_find(p->host, p->targets[l->target].pagemap, p->kpageflags,
				       places[i].addr, places[i].end, &p->plan.random, &l->page);
		if (found < 0)
			return found;
		p->counters.seen++;
		if (found && !is_marked(p, l))
			nr++;
		else
			p->counters.useless++;
	}
	qsort(looks, nr, sizeof(*looks), by_frame);
	for (size_t i = 0; i < nr; i++)
		if (!kept || looks[kept - 1].page.pfn != looks[i].page.pfn)
			looks[kept++] = looks[i];
	p->counters.useless += nr - kept;
	return (int)kept;
}

static struct batch *free_batch(struct idlepage *p)
{
	for (size_t i = 0; i < MAX_BATCHES; i++)
		if (p->batches[i].nr == 0)
			return &p->batches[i];
	return NULL;
}

static void frames_of(const struct batch *b, uint64_t *pfns)
{
	for (size_t i = 0; i < b->nr; i++)
		pfns[i] = b->looks[i].page.pfn;
}

static int mark_batch(struct idlepage *p, uint64_t now_ns)
{
	struct batch *b = free_batch(p);
	uint64_t pfns[BATCH_LOOKS], since_ns = now_ns - p->last_ns;
	uint64_t due_ns = since_ns < MAX_LATE_MS * 1000000 ? since_ns : MAX_LATE_MS * 1000000;
	size_t wanted = (size_t)(due_ns * LOOKS_PER_S / 1000000000 * p->permille /
				 THERMO_RATE_FULL);
	int nr, err;

	if (!b || !wanted)
		return 0;
	p->last_ns = now_ns;
	nr = choose_looks(p, b->looks, wanted);
	if (nr <= 0)
		return nr;
	b->nr = (size_t)nr;
	frames_of(b, pfns);
	err = idle_bitmap_set(p->bitmap, pfns, b->nr);
	for (size_t i = 0; i < b->nr; i++)
		if (p->witnesses[pfns[i] % WITNESSES] == pfns[i])
			p->witnesses[pfns[i] % WITNESSES] = 0;
	b->marked_ns = thermo_host_now_ns(p->host);
	b->due_ns = b->marked_ns + scan_interval_next(&p->interval, &b->is_middle);
	return err;
}

/* --- looking again --- */

/* Pages side by side that stayed idle for the same time are one extent that did. */
static void report(struct idlepage *p, struct thermo_access *run, const struct thermo_access *next,
		   struct thermo_reporter *reporter)
{
	if (next && run->extent_bytes && run->nr_accesses == 0 && next->nr_accesses == 0 &&
	    run->pid == next->pid && run->addr + run->extent_bytes == next->addr) {
		run->extent_bytes += next->extent_bytes;
		return;
	}
	if (run->extent_bytes) {
		(void)thermo_report_access(reporter, run);
		p->counters.reported++;
	}
	if (next)
		*run = *next;
}

/* Return: whether the answer is of the page that was marked, and means what it says. */
static bool is_sound(const struct idlepage *p, const struct look *l, enum idle_answer answer)
{
	if (answer == IDLE_UNKNOWN || !scan_page_is_there(p->targets[l->target].pagemap, &l->page))
		return false;
	/* What is being moved or reclaimed is on no list for a moment, and looks accessed. */
	return answer == IDLE_STILL || scan_page_is_markable(p->kpageflags, l->page.pfn);
}

static int by_address(const void *a, const void *b)
{
	const struct thermo_access *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

static int check_batch(struct idlepage *p, struct batch *b, struct thermo_reporter *reporter)
{
	uint64_t pfns[BATCH_LOOKS], now_ns = thermo_host_now_ns(p->host);
	struct thermo_access all[BATCH_LOOKS] = { 0 }, run = { 0 };
	enum idle_answer answers[BATCH_LOOKS];
	size_t nr = 0, accessed = 0;
	int err;

	frames_of(b, pfns);
	err = idle_bitmap_get(p->bitmap, pfns, b->nr, answers);
	for (size_t i = 0; i < b->nr && !err; i++) {
		const struct look *l = &b->looks[i];

		if (!is_sound(p, l, answers[i])) {
			p->counters.useless++;
			continue;
		}
		if (answers[i] == IDLE_ACCESSED)
			p->witnesses[pfns[i] % WITNESSES] = pfns[i];
		accessed += answers[i] == IDLE_ACCESSED;
		all[nr++] = (struct thermo_access){
			.addr = l->page.addr,
			.extent_bytes = l->page.bytes,
			.time_ns = now_ns,
			.watched_ns = now_ns > b->marked_ns ? now_ns - b->marked_ns : 1,
			.nr_accesses = answers[i] == IDLE_ACCESSED,
			.pid = p->targets[l->target].pid,
			.cpu = THERMO_CPU_UNKNOWN,
			.node = THERMO_NODE_UNKNOWN,
			.space = THERMO_SPACE_VIRTUAL,
			.count = answers[i] == IDLE_ACCESSED ? THERMO_COUNT_AT_LEAST
							     : THERMO_COUNT_EXACT,
		};
	}
	qsort(all, nr, sizeof(*all), by_address);
	for (size_t i = 0; i < nr; i++)
		report(p, &run, &all[i], reporter);
	report(p, &run, NULL, reporter);
	if (b->is_middle)
		scan_interval_learn(&p->interval, nr, accessed);
	b->nr = 0;
	return err;
}

/* --- somebody else --- */

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Return: 1 when somebody else marks pages, 0 or -errno. */
static int ask_witnesses(struct idlepage *p)
{
	enum idle_answer answers[WITNESSES];
	uint64_t pfns[WITNESSES] = { 0 };
	size_t nr = 0, stolen = 0;
	int err;

	for (size_t i = 0; i < WITNESSES; i++)
		if (p->witnesses[i])
			pfns[nr++] = p->witnesses[i];
	qsort(pfns, nr, sizeof(*pfns), by_number);
	memset(p->witnesses, 0, sizeof(p->witnesses));
	err = idle_bitmap_get(p->bitmap, pfns, nr, answers);
	for (size_t i = 0; i < nr && !err; i++)
		stolen += answers[i] == IDLE_STILL;
	return err ? err : stolen >= MIN_STOLEN && stolen * STOLEN_DIVISOR > nr;
}

/* Return: 1 when it is time to keep still, 0 or -errno. */
static int beware(struct idlepage *p, uint64_t now_ns)
{
	int somebody;

	if (now_ns < p->still_until_ns)
		return 1;
	if (now_ns - p->witnessed_ns < WITNESS_NS)
		return 0;
	p->still_until_ns = 0;
	p->witnessed_ns = now_ns;
	somebody = ask_witnesses(p);
	if (somebody <= 0)
		return somebody;
	drop_batches(p);
	p->still_until_ns = now_ns + KEEP_STILL_NS;
	return 1;
}

static int idlepage_drain(void *state, struct thermo_reporter *reporter)
{
	struct idlepage *p = state;
	uint64_t reported = p->counters.reported, now_ns = thermo_host_now_ns(p->host);
	int err = beware(p, now_ns);

	if (err)
		return err < 0 ? err : 0;
	for (size_t i = 0; i < MAX_BATCHES && !err; i++)
		if (p->batches[i].nr && now_ns >= p->batches[i].due_ns)
			err = check_batch(p, &p->batches[i], reporter);
	if (!err)
		err = mark_batch(p, now_ns);
	return err < 0 ? err : (int)(p->counters.reported - reported);
}

static void idlepage_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct idlepage *)state)->counters;
}

static void idlepage_note(const void *state, char *text, size_t size)
{
	const struct idlepage *p = state;

	if (p->still_until_ns)
		(void)snprintf(text, size,
			       "keeps still for 30 s: somebody else marks pages idle "
			       "(/" IDLE_BITMAP_PATH " or DAMON), and both would see too little");
	else if (p->nr_unwatched)
		(void)snprintf(text, size, "does not watch %zu processes: it has room for %u",
			       p->nr_unwatched, MAX_TARGETS);
}

static void idlepage_close(void *state)
{
	struct idlepage *p = state;

	forget_targets(p);
	if (p->bitmap > 0)
		(void)close(p->bitmap);
	if (p->kpageflags > 0)
		(void)close(p->kpageflags);
	free(p->batches);
	free(p->focus);
	free(p->focus_ranges);
	*p = (struct idlepage){ 0 };
}

const struct thermo_source thermo_source_idlepage = {
	.name = "idlepage",
	.summary = "idle marks of random pages: accessed or not within some time",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_NEGATIVE,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "some microseconds for each of up to 4000 pages a second, in its own thread",
	.uses = THERMO_USES_ACCESSED_BITS,
	.state_bytes = sizeof(struct idlepage),
	.drain_interval_ms = DRAIN_MS,
	.probe = idlepage_probe,
	.open = idlepage_open,
	.start = idlepage_start,
	.set_targets = idlepage_set_targets,
	.set_rate = idlepage_set_rate,
	.set_focus = idlepage_set_focus,
	.drain = idlepage_drain,
	.counters = idlepage_counters,
	.note = idlepage_note,
	.close = idlepage_close,
};
