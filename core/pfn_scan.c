// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pfn_scan.c - a cursor over processes, their mappings, their pages.  What the words of
 * pagemap mean is in the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#include "core/pfn_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/cleanup.h"
#include "core/error.h"

#define PM_PFN_MASK ((1ull << 55) - 1)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_FILE (1ull << 61)
#define PM_PRESENT (1ull << 63)
/* What says whose frame it is and how; others change while it stays (soft-dirty). */
#define PM_MATTERS (PM_PFN_MASK | PM_EXCLUSIVE | PM_FILE | PM_PRESENT)

#define PAGE_RUNS 128
/* One look in so many is timed, and how slowly the average follows. */
#define LOOKS_TIMED 16
#define LOOK_SMOOTHING 8
/* Files that stay open for looking again; more are opened for each time. */
#define MAX_OPEN 128
/* What a question about pages that are there costs beside them, in words. */
#define QUESTION_LOOKS 16
/* It reaches eight times as far each time that nothing was there. */
#define MIN_WINDOW_BYTES (16ull << 20)
#define MAX_WINDOW_BYTES (64ull << 30)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- processes --- */

static void close_pagemap(struct pfn_scan *s, struct pfn_process *p)
{
	if (p->fd < 0)
		return;
	(void)close(p->fd);
	p->fd = -1;
	s->nr_open--;
}

void pfn_scan_fini(struct pfn_scan *s)
{
	for (size_t i = 0; i < s->nr; i++)
		close_pagemap(s, &s->list[i]);
	free(s->list);
	pfn_memos_fini(&s->memos);
	*s = (struct pfn_scan){ .host = s->host };
}

/*
 * The file stays with the memory that the process has now, whoever gets its pid later.
 * After exec() it has another: so it is opened anew in each pass.
 */
static int open_pagemap(struct pfn_scan *s, struct pfn_process *p)
{
	struct thermo_proc proc;

	close_pagemap(s, p);
	int fd = thermo_host_open_file(s->host, O_RDONLY, "proc/%d/pagemap", (int)p->pid);

	if (fd < 0)
		return fd;
	p->fd = fd;
	s->nr_open++;
	/* After the file is open: it belongs to whoever has the pid now. */
	if (thermo_proc_read(s->host, p->pid, &proc) || proc.start_ticks != p->start_ticks) {
		close_pagemap(s, p);
		return -ESRCH;
	}
	return 0;
}

static void leave_open(struct pfn_scan *s, struct pfn_process *p)
{
	if (s->nr_open > MAX_OPEN)
		close_pagemap(s, p);
}

static struct pfn_process *find_process(struct pfn_scan *s, const struct pfn_process *key)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->list[i].alive && s->list[i].pid == key->pid &&
		    s->list[i].start_ticks == key->start_ticks)
			return &s->list[i];
	return NULL;
}

static int add_process(struct pfn_scan *s, const struct pfn_process *key)
{
	struct pfn_process new = {
		.pid = key->pid, .start_ticks = key->start_ticks, .fd = -1, .alive = true
	};

	for (size_t i = 0; i < s->nr; i++)
		if (s->list[i].free) {
			s->list[i] = new;
			return 0;
		}
	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct pfn_process *grown = realloc(s->list, room * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "page owners: no memory for %zu processes",
					   room);
		s->list = grown;
		s->room = room;
	}
	s->list[s->nr++] = new;
	return 0;
}

static bool is_among(const struct pfn_process *p, const struct pfn_process *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (list[i].pid == p->pid && list[i].start_ticks == p->start_ticks)
			return true;
	return false;
}

int pfn_scan_set_processes(struct pfn_scan *s, const struct pfn_process *processes, size_t nr)
{
	int nr_new = 0, err = 0;

	for (size_t i = 0; i < s->nr; i++)
		if (s->list[i].alive && !is_among(&s->list[i], processes, nr)) {
			close_pagemap(s, &s->list[i]);
			s->list[i].alive = false;
		}
	for (size_t i = 0; i < nr && !err; i++) {
		if (find_process(s, &processes[i]))
			continue;
		err = add_process(s, &processes[i]);
		nr_new++;
	}
	return err ? err : nr_new;
}

/* --- pages --- */

/* A run that is being put together. */
struct gathering {
	const struct pfn_wanted *wanted;
	struct pfn_index *index;
	const struct pfn_block *block; /* of the last frame; NULL: not wanted */
	uint64_t number;               /* of that block */
	bool all_wanted;               /* up to now */
	uint64_t nr_runs;
	struct pfn_run run;
};

static void flush(struct gathering *g)
{
	if (g->run.nr) {
		pfn_index_add(g->index, &g->run);
		g->nr_runs++;
	}
	g->run.nr = 0;
}

static bool is_wanted(struct gathering *g, uint64_t pfn, bool huge)
{
	uint64_t number = pfn / PFN_BLOCK_FRAMES;

	if (number != g->number) {
		g->number = number;
		g->block = pfn_wanted_find(g->wanted, number);
	}
	/* A huge page is one run, whatever part of it is wanted. */
	return g->block && (huge || g->block->wanted & pfn_chunk_bit(pfn));
}

static uint16_t flags_of(uint64_t word, bool huge)
{
	return (uint16_t)((word & PM_FILE ? PFN_FILE : 0) | (word & PM_EXCLUSIVE ? 0 : PFN_SHARED) |
			  (huge ? PFN_HUGE : 0));
}

/* @nr frames from @pfn on are at @page; all of one block. */
static void gather(struct gathering *g, uint64_t pfn, uint64_t page, size_t nr, uint16_t flags)
{
	struct pfn_run *run = &g->run;

	if (!is_wanted(g, pfn, flags & PFN_HUGE)) {
		g->all_wanted = false;
		flush(g);
		return;
	}
	if (run->nr && run->pfn + run->nr == pfn && run->page + run->nr == page &&
	    run->flags == flags && pfn % PFN_BLOCK_FRAMES) {
		run->nr = (uint16_t)(run->nr + nr);
		return;
	}
	flush(g);
	run->pfn = pfn;
	run->page = page;
	run->nr = (uint16_t)nr;
	run->flags = flags;
}

/* Frame 0 is never a process': this is what the kernel shows to the unprivileged. */
static int hidden(const struct pfn_process *p)
{
	return thermo_fail(-EPERM,
			   "page owners: /proc/%d/pagemap hides page frames: needs CAP_SYS_ADMIN "
			   "outside of containers: run as root",
			   (int)p->pid);
}

static bool read_words(int fd, uint64_t page, uint64_t *words, size_t nr)
{
	ssize_t bytes = (ssize_t)(nr * sizeof(*words));

	return pread(fd, words, (size_t)bytes, (off_t)(page * sizeof(*words))) == bytes;
}

/* Frames of a huge page follow each other: one word tells all of them. */
static int take_huge(struct pfn_process *p, struct gathering *g, uint64_t start, uint64_t end)
{
	uint64_t page = start / THERMO_PAGE_BYTES, left = (end - start) / THERMO_PAGE_BYTES, word;

	if (!read_words(p->fd, page, &word, 1) || !(word & PM_PRESENT))
		return 0;
	uint64_t pfn = word & PM_PFN_MASK;

	if (!pfn)
		return hidden(p);
	while (left) {
		uint64_t nr = PFN_BLOCK_FRAMES - pfn % PFN_BLOCK_FRAMES;

		nr = nr < left ? nr : left;
		gather(g, pfn, page, nr, flags_of(word, true));
		pfn += nr;
		page += nr;
		left -= nr;
	}
	return 0;
}

static int gather_words(struct pfn_process *p, struct gathering *g, const uint64_t *words,
			uint64_t page, size_t nr)
{
	g->all_wanted = true;
	for (size_t i = 0; i < nr; i++) {
		if (!(words[i] & PM_PRESENT)) {
			flush(g);
			continue;
		}
		if (!(words[i] & PM_PFN_MASK))
			return hidden(p);
		gather(g, words[i] & PM_PFN_MASK, page + i, 1, flags_of(words[i], false));
	}
	flush(g);
	return 0;
}

/* Whether all that the last pass made of these pages is still as it was, and still wanted. */
static bool is_unchanged(const struct pfn_scan *s, const struct pfn_wanted *w,
			 const struct pfn_memo *m, const struct pfn_memo *now)
{
	return m->page == now->page && m->nr == now->nr && m->hash == now->hash &&
	       m->pass == (uint16_t)(s->pass - 1) && m->nr_shrunk == w->nr_shrunk &&
	       (m->is_whole || m->nr_grown == w->nr_grown);
}

static struct pfn_memo memo_of(const struct pfn_scan *s, const struct pfn_wanted *w, uint64_t page,
			       size_t nr)
{
	return (struct pfn_memo){
		.page = page,
		.owner = (uint32_t)s->at,
		.nr = (uint16_t)nr,
		.checked = s->tick,
		.nr_grown = w->nr_grown,
		.nr_shrunk = w->nr_shrunk,
		.since = s->pass,
		.pass = s->pass,
		.is_used = true,
	};
}

/* Pages of 2 MiB that are there, one after the other. */
static int take_stretch(struct pfn_scan *s, struct gathering *g, const uint64_t *words,
			uint64_t page, size_t nr)
{
	struct pfn_memo now = memo_of(s, g->wanted, page, nr);
	struct pfn_memo *memo =
			nr >= PFN_MEMO_LEAST ? pfn_memos_make(&s->memos, now.owner, page) : NULL;
	uint64_t before = g->nr_runs;
	int err;

	/* Another stretch of the same 2 MiB has it. */
	if (memo && memo->nr && memo->pass == s->pass)
		memo = NULL;
	if (memo)
		now.hash = XXH3_64bits(words, nr * sizeof(*words));
	if (memo && memo->nr && is_unchanged(s, g->wanted, memo, &now)) {
		memo->pass = s->pass;
		memo->checked = s->tick;
		s->nr_true += memo->nr_runs;
		return 0;
	}
	err = gather_words(&s->list[s->at], g, words, page, nr);
	now.is_whole = g->all_wanted;
	now.nr_runs = (uint16_t)(g->nr_runs - before);
	if (memo && !err)
		*memo = now;
	return err;
}

static int take_small(struct pfn_scan *s, struct gathering *g, uint64_t start, uint64_t end)
{
	uint64_t page = start / THERMO_PAGE_BYTES, last = end / THERMO_PAGE_BYTES;
	uint64_t *words = s->words;
	int err = 0;

	flush(g);
	/* One that exits meanwhile has no pages any more. */
	if (!read_words(s->list[s->at].fd, page, words, (size_t)(last - page)))
		return 0;
	for (size_t i = 0; i < last - page; i++)
		words[i] &= PM_MATTERS;
	while (!err && page < last) {
		uint64_t next = min_u64((page | (PFN_BLOCK_FRAMES - 1)) + 1, last);

		err = take_stretch(s, g, words, page, (size_t)(next - page));
		words += next - page;
		page = next;
	}
	return err;
}

static void spend(struct pfn_scan *s, uint64_t *looks, uint64_t nr)
{
	s->nr_looks += nr;
	*looks -= min_u64(*looks, nr);
}

/* As many as there are looks for, and up to the end of their 2 MiB: a stretch is never cut. */
static uint64_t end_of_portion(uint64_t start, uint64_t end, uint64_t looks)
{
	uint64_t nr = min_u64(looks, PFN_SCAN_WORDS - PFN_BLOCK_FRAMES);

	start += nr * THERMO_PAGE_BYTES - 1;
	return min_u64((start | (THERMO_HUGE_BYTES - 1)) + 1, end);
}

/* Pages that are there, up to where the looks end: s->addr is where to go on. */
static int take_pages(struct pfn_scan *s, struct gathering *g, const struct thermo_page_run *run,
		      uint64_t *looks)
{
	struct pfn_process *p = &s->list[s->at];
	uint64_t next;
	int err = 0;

	for (s->addr = run->start; !err && s->addr < run->end && *looks; s->addr = next) {
		if (run->huge) {
			next = min_u64(run->end, (s->addr | (THERMO_HUGE_BYTES - 1)) + 1);
			err = take_huge(p, g, s->addr, next);
			spend(s, looks, 1);
		} else {
			next = end_of_portion(s->addr, run->end, *looks);
			err = take_small(s, g, s->addr, next);
			spend(s, looks, (next - s->addr) / THERMO_PAGE_BYTES);
		}
	}
	return err;
}

/* --- the cursor --- */

void pfn_scan_begin_pass(struct pfn_scan *s)
{
	s->passing = true;
	s->begin_tick = s->tick;
	s->entered = false;
	s->nr_true = 0;
	s->pass++;
	s->at = 0;
}

static void next_process(struct pfn_scan *s)
{
	leave_open(s, &s->list[s->at]);
	s->at++;
	s->entered = false;
}

/* Return: false when there is nothing to look at: it is gone, or none of our business. */
static bool enter_process(struct pfn_scan *s)
{
	struct pfn_process *p = &s->list[s->at];
	int nr;

	if (open_pagemap(s, p)) {
		s->nr_unreadable++;
		return false;
	}
	nr = thermo_proc_ranges(s->host, p->pid, PFN_SCAN_RANGES, s->ranges);
	if (nr < 0)
		s->nr_unreadable++;
	s->nr_ranges = nr > 0 ? (size_t)nr : 0;
	s->range = 0;
	s->addr = s->nr_ranges ? s->ranges[0].start : 0;
	s->window_bytes = MIN_WINDOW_BYTES;
	s->entered = true;
	return true;
}

static bool next_range(struct pfn_scan *s)
{
	if (++s->range >= s->nr_ranges)
		return false;
	s->addr = s->ranges[s->range].start;
	return true;
}

/* A question, and what it found.  Return: 0 or -errno. */
static int look_further(struct pfn_scan *s, struct gathering *g, uint64_t *looks)
{
	struct thermo_page_run runs[PAGE_RUNS];
	uint64_t left = s->ranges[s->range].end - s->addr, to;
	uint64_t end = s->addr + min_u64(left, s->window_bytes);
	int nr = s->host->ops->scan_pages(s->host, s->list[s->at].fd, s->addr, end, runs, PAGE_RUNS,
					  &to);
	int err = 0;

	spend(s, looks, QUESTION_LOOKS);
	if (nr == -ENOTTY || nr == -EOPNOTSUPP)
		return thermo_fail(-EOPNOTSUPP, "page owners: this kernel cannot tell which pages "
						"are there (PAGEMAP_SCAN, Linux 6.7)");
	/* Its memory is gone with it: to the end of its ranges. */
	if (nr < 0 || (nr == 0 && to <= s->addr)) {
		s->range = s->nr_ranges;
		return 0;
	}
	s->window_bytes = nr ? MIN_WINDOW_BYTES : min_u64(8 * s->window_bytes, MAX_WINDOW_BYTES);
	for (int i = 0; i < nr && !err; i++) {
		err = take_pages(s, g, &runs[i], looks);
		/* Out of looks: the rest is asked for again. */
		if (s->addr < runs[i].end)
			return err;
	}
	s->addr = to;
	return err;
}

int pfn_scan_step(struct pfn_scan *s, const struct pfn_wanted *wanted, struct pfn_index *index,
		  uint64_t max_looks)
{
	uint64_t looks = max_looks;
	struct gathering g = { .wanted = wanted, .index = index, .number = UINT64_MAX };
	int err = 0;

	while (!err && s->passing && looks) {
		if (s->at >= s->nr) {
			s->passing = false;
		} else if (!s->list[s->at].alive || (!s->entered && !enter_process(s)) ||
			   s->range >= s->nr_ranges) {
			next_process(s);
		} else if (s->addr >= s->ranges[s->range].end) {
			(void)next_range(s);
		} else {
			g.run.owner = (uint32_t)s->at;
			g.run.pass = s->pass;
			g.run.checked = s->tick;
			err = look_further(s, &g, &looks);
			flush(&g);
		}
	}
	s->nr_true += g.nr_runs;
	return err;
}

/* --- the end of a pass --- */

struct survey {
	const struct pfn_scan *scan;
	const bool *alive; /* NULL: nothing is known any more */
};

/* The pass saw it, or that nothing has changed where it was seen. */
static bool is_true(const void *data, const struct pfn_run *run)
{
	const struct survey *v = data;
	const struct pfn_scan *s = v->scan;
	const struct pfn_memo *memo;

	if (!v->alive || run->owner >= s->nr || !v->alive[run->owner])
		return false;
	if (run->pass == s->pass)
		return true;
	memo = pfn_memos_find(&s->memos, run->owner, run->page);
	return pfn_memo_covers(memo, run) && memo->pass == s->pass;
}

/* Runs that found no room. */
static uint64_t nr_full(const struct pfn_index *index)
{
	return index->nr_refused + index->nr_crowded;
}

static void forget_memos(struct pfn_scan *s, const struct pfn_index *index, const bool *alive,
			 bool has_dead)
{
	/* Runs found no room, nobody knows which: next time there may be some. */
	if (!alive || nr_full(index) != s->nr_full)
		pfn_memos_forget_all(&s->memos);
	else if (has_dead)
		pfn_memos_forget_dead(&s->memos, alive, s->nr);
	s->nr_full = nr_full(index);
}

void pfn_scan_end_pass(struct pfn_scan *s, struct pfn_index *index)
{
	AUTO_FREE bool *alive = calloc(s->nr + 1, sizeof(*alive));
	const struct survey survey = { s, alive };
	bool has_dead = false;

	for (size_t i = 0; i < s->nr; i++) {
		if (alive)
			alive[i] = s->list[i].alive;
		has_dead |= !s->list[i].alive && !s->list[i].free;
	}
	pfn_index_settle(index, true);
	/*
	 * Where every run that was seen found its place and there are no others, there is nothing
	 * to forget.  Without memory all is forgotten: that is slow, and right.
	 */
	if (alive && !has_dead && s->nr_true == index->nr && nr_full(index) == s->nr_full)
		index->nr_new = 0;
	else
		pfn_index_sweep(index, is_true, &survey);
	forget_memos(s, index, alive, has_dead);
	for (size_t i = 0; i < s->nr; i++)
		s->list[i].free = !s->list[i].alive;
	s->trusted_ticks = PFN_TRUSTED_TICKS + 2 * (s->tick - s->begin_tick);
}

/* --- looking again --- */

void pfn_scan_tick(struct pfn_scan *s)
{
	double affordable = s->look_ns > 0 ? PFN_TICK_LOOKS_NS / s->look_ns : PFN_TICK_LOOKS;

	s->tick++;
	s->tick_looks = affordable < PFN_TICK_LOOKS_LEAST ? PFN_TICK_LOOKS_LEAST
			: affordable < PFN_TICK_LOOKS     ? (uint32_t)affordable
							  : PFN_TICK_LOOKS;
}

/* Return: how many pages of @run, from the @first on, are where they were. */
static size_t count_same(struct pfn_scan *s, const struct pfn_run *run, size_t first)
{
	struct pfn_process *p = &s->list[run->owner];
	size_t same = first;

	if (!p->alive || (p->fd < 0 && open_pagemap(s, p)))
		return 0;
	if (read_words(p->fd, run->page, s->words, run->nr))
		while (same < run->nr && s->words[same] & PM_PRESENT &&
		       (s->words[same] & PM_PFN_MASK) == run->pfn + same)
			same++;
	leave_open(s, p);
	return same - first;
}

/* The same; one in sixteen is timed. */
static size_t look_again(struct pfn_scan *s, const struct pfn_run *run, size_t first)
{
	bool is_timed = s->nr_verified++ % LOOKS_TIMED == 0;
	uint64_t start_ns = is_timed ? s->host->ops->thread_cpu_ns(s->host) : 0;
	size_t same = count_same(s, run, first);

	if (is_timed) {
		double ns = (double)(s->host->ops->thread_cpu_ns(s->host) - start_ns);

		s->look_ns += (ns - s->look_ns) / (s->look_ns > 0 ? LOOK_SMOOTHING : 1);
	}
	return same;
}

/* When it was last seen to be true. */
static uint32_t last_checked(const struct pfn_scan *s, const struct pfn_run *run)
{
	const struct pfn_memo *memo;

	if (run->checked == s->tick)
		return run->checked;
	memo = pfn_memos_find(&s->memos, run->owner, run->page);
	return pfn_memo_covers(memo, run) && memo->checked > run->checked ? memo->checked
									  : run->checked;
}

int pfn_scan_verify(struct pfn_scan *s, struct pfn_run *run, uint64_t pfn, size_t nr)
{
	size_t first = (size_t)(pfn - run->pfn), same;
	uint32_t checked = last_checked(s, run);

	if (checked == s->tick)
		return (int)nr;
	if (s->tick_looks == 0) {
		s->nr_unverified++;
		return s->list[run->owner].alive && s->tick - checked <= s->trusted_ticks ? (int)nr
											  : -EAGAIN;
	}
	s->tick_looks--;
	/* The whole run, which costs little more: the next report may be about the rest. */
	same = look_again(s, run, first);
	if (first == 0 && same == run->nr)
		run->checked = s->tick;
	return (int)(same < nr ? same : nr);
}
