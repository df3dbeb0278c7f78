/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfn_scan.h - walk the page tables of processes through /proc/PID/pagemap, some pages
 * at a time, and put the frames that are wanted into an index.  One thread.
 *
 * A pass visits each process once.  Ranges without pages are skipped by PAGEMAP_SCAN, a
 * huge page costs one word, the rest is read in bulk; and what looks as it did in the last pass
 * is left as it is (pfn_memo.h).
 */
#ifndef CORE_PFN_SCAN_H
#define CORE_PFN_SCAN_H

#include "core/pfn_index.h"
#include "core/pfn_memo.h"
#include "core/pfn_wanted.h"
#include "core/proc.h"

#define PFN_SCAN_RANGES 64
#define PFN_SCAN_WORDS 8192
/*
 * Looks again in one tick: what they may take of CPU time, and how many at most and at least.
 * When they are used up, what was true within so many ticks is believed, and as many again as two
 * passes take.
 */
#define PFN_TICK_LOOKS_NS 1000000u
#define PFN_TICK_LOOKS 2048u
#define PFN_TICK_LOOKS_LEAST 32u
#define PFN_TRUSTED_TICKS 40

/**
 * struct pfn_process - A process; its place in the list is its number for the index.
 * @start_ticks:	With @pid it names one process for good.
 * @fd:		Of its pagemap; -1: not open.
 * @alive:	Still to be scanned.  One that is not keeps its place until the end of a
 *		pass, when the index has forgotten it.
 * @free:	The place may be used for another.
 */
struct pfn_process {
	pid_t pid;
	uint64_t start_ticks;
	int fd;
	bool alive;
	bool free;
};

/**
 * struct pfn_scan - Zeroed but for @host, it knows no process.
 * @passing:	A pass is under way; @pass is its number, or that of the last one.
 * @at, @range, @addr:	Where it is: process, of its ranges, address.
 * @window_bytes:	How far the next question about pages that are there reaches.
 * @memos:	What the last pass saw.
 * @nr_true:	Runs that the pass saw, or that nothing has changed where they were seen.
 * @nr_full:	Of the index when the pass began: runs that found no room.
 * @tick:	A moment: what was seen to be true in it is believed in it.
 * @tick_looks:	Looks again that are left in this tick; @nr_verified of them over all.
 * @look_ns:	What one takes, on average.
 * @begin_tick:	When the pass began; @trusted_ticks: for how long its word counts without
 *		another look, if there are too many to look at.
 * @nr_unverified:	Runs that were believed without.
 * @nr_looks:	Words of pagemap read, over all.
 * @nr_unreadable:	Processes that could not be looked at, over all.
 */
struct pfn_scan {
	const struct thermo_host *host;
	size_t nr;
	size_t room;
	struct pfn_process *list;
	size_t nr_open;
	bool passing;
	uint16_t pass;
	size_t at;
	bool entered;
	struct thermo_range ranges[PFN_SCAN_RANGES];
	size_t nr_ranges;
	size_t range;
	uint64_t addr;
	uint64_t window_bytes;
	struct pfn_memos memos;
	uint64_t nr_true;
	uint64_t nr_full;
	uint32_t tick;
	uint32_t tick_looks;
	uint32_t nr_verified;
	double look_ns;
	uint32_t begin_tick;
	uint32_t trusted_ticks;
	uint64_t nr_unverified;
	uint64_t nr_looks;
	uint64_t nr_unreadable;
	uint64_t words[PFN_SCAN_WORDS];
};

/* Accepts one without processes, and may be called twice. */
void pfn_scan_fini(struct pfn_scan *scan);

/*
 * These are the processes from now on; only .pid and .start_ticks of @processes are read.
 * Return: how many are new, or -ENOMEM.
 */
int pfn_scan_set_processes(struct pfn_scan *scan, const struct pfn_process *processes, size_t nr);

void pfn_scan_begin_pass(struct pfn_scan *scan);

/*
 * Go on for about @max_looks words of pagemap.  Return: 0; -EPERM when the kernel hides
 * frames; -EOPNOTSUPP without PAGEMAP_SCAN; scan->passing is false when the pass is over.
 */
int pfn_scan_step(struct pfn_scan *scan, const struct pfn_wanted *wanted, struct pfn_index *index,
		  uint64_t max_looks);

/* What the index has forgotten is forgotten here too. */
void pfn_scan_end_pass(struct pfn_scan *scan, struct pfn_index *index);

/* A new moment: pages may have moved since the last one. */
void pfn_scan_tick(struct pfn_scan *scan);

/*
 * Look again, once in a tick.  Return: of the @nr pages of @run from frame @pfn on, how many
 * are still there, one after the other from the first; 0 when that one is not; -EAGAIN when
 * there are no looks left and the last one was too long ago.
 */
int pfn_scan_verify(struct pfn_scan *scan, struct pfn_run *run, uint64_t pfn, size_t nr);

#endif
