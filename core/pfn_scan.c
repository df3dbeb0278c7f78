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

#include "core/cleanup.h"
#include "core/error.h"

#define PM_PFN_MASK ((1ull << 55) - 1)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_FILE (1ull << 61)
#define PM_PRESENT (1ull << 63)

#define PAGE_RUNS 128
/* Files that stay open for looking again; more are opened for each time. */
#define MAX_OPEN 128
/* What a question about pages that are there costs beside them, in words. */
#define QUESTION_LOOKS 16
/* It reaches eight times as far each time that nothing was there. */
#define MIN_WINDOW_BYTES (64ull << 20)
#define MAX_WINDOW_BYTES (64ull << 30)

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
	struct pfn_run run;
};

static void flush(struct gathering *g)
{
	if (g->run.nr)
		pfn_index_add(g->index, &g->run);
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

static int take_small(struct pfn_process *p, struct gathering *g, uint64_t *words, uint64_t start,
		      uint64_t end)
{
	uint64_t page = start / THERMO_PAGE_BYTES;
	size_t nr = (size_t)((end - start) / THERMO_PAGE_BYTES);

	/* One that exits meanwhile has no pages any more. */
	if (!read_words(p->fd, page, words, nr))
		return 0;
	for (size_t i = 0; i < nr; i++) {
		if (!(words[i] & PM_PRESENT)) {
			flush(g);
			continue;
		}
		if (!(words[i] & PM_PFN_MASK))
			return hidden(p);
		gather(g, words[i] & PM_PFN_MASK, page + i, 1, flags_of(words[i], false));
	}
	return 0;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
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
			(*looks)--;
		} else {
			uint64_t nr = min_u64((run->end - s->addr) / THERMO_PAGE_BYTES,
					      min_u64(*looks, PFN_SCAN_WORDS));

			next = s->addr + nr * THERMO_PAGE_BYTES;
			err = take_small(p, g, s->words, s->addr, next);
			*looks -= nr;
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

	*looks -= min_u64(*looks, QUESTION_LOOKS);
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
	s->nr_looks += max_looks - looks;
	return err;
}

void pfn_scan_end_pass(struct pfn_scan *s, struct pfn_index *index)
{
	AUTO_FREE bool *alive = calloc(s->nr + 1, sizeof(*alive));

	for (size_t i = 0; alive && i < s->nr; i++)
		alive[i] = s->list[i].alive;
	/* Without memory all is forgotten: that is slow, and right. */
	pfn_index_sweep(index, s->pass, alive, alive ? s->nr : 0);
	for (size_t i = 0; i < s->nr; i++)
		s->list[i].free = !s->list[i].alive;
	s->trusted_ticks = PFN_TRUSTED_TICKS + 2 * (s->tick - s->begin_tick);
}

/* --- looking again --- */

void pfn_scan_tick(struct pfn_scan *s)
{
	s->tick++;
	s->tick_looks = PFN_TICK_LOOKS;
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

int pfn_scan_verify(struct pfn_scan *s, struct pfn_run *run, uint64_t pfn, size_t nr)
{
	size_t first = (size_t)(pfn - run->pfn), same;

	if (run->checked == s->tick)
		return (int)nr;
	if (s->tick_looks == 0) {
		s->nr_unverified++;
		return s->list[run->owner].alive && s->tick - run->checked <= s->trusted_ticks
				       ? (int)nr
				       : -EAGAIN;
	}
	s->tick_looks--;
	/* The whole run, which costs little more: the next report may be about the rest. */
	same = count_same(s, run, first);
	if (first == 0 && same == run->nr)
		run->checked = s->tick;
	return (int)(same < nr ? same : nr);
}
