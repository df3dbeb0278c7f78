/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfn_index.h - page frame -> who maps it where: runs of frames that follow each other
 * in both, sorted by frame, bounded.  One thread.
 *
 * A run lies within 2 MiB of frames, so a huge page is one.  What is found again is
 * refreshed where it is; what is new is added to a list and sorted in when that is worth its
 * while.
 */
#ifndef CORE_PFN_INDEX_H
#define CORE_PFN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pfn_directory.h"

#define PFN_MAX_RUNS (1u << 20) /* 32 MiB; at worst 4 GiB of single pages */
/* Of the processes that share a frame so many are kept, those watched longest. */
#define PFN_MAX_SHARERS 8
/* Runs that are looked up together, because memory answers several questions at a time. */
#define PFN_PENDING 64

enum pfn_flags {
	PFN_FILE = 1,   /* page cache, or shared anonymous memory */
	PFN_SHARED = 2, /* mapped more than once */
	PFN_HUGE = 4,   /* mapped as a huge page */
};

/**
 * struct pfn_run - Frames that one process maps one after the other.
 * @page:	Address of the first one, in pages.
 * @owner:	Number of the process.
 * @checked:	When it was last seen to be true, see pfn_scan.tick.
 * @pass:	In which it was seen.
 * @back:	So many runs before this one reach its first frame, or come after one that
 *		does.
 */
struct pfn_run {
	uint64_t pfn;
	uint64_t page;
	uint32_t owner;
	uint32_t checked;
	uint16_t pass;
	uint16_t back;
	uint16_t nr;
	uint16_t flags;
};

/**
 * struct pfn_index - Zeroed, it is empty.
 * @max_runs:	0: PFN_MAX_RUNS.
 * @directory:	Of @runs; not valid while they change.
 * @pending:	Runs that were added, of which it is not known yet whether they are known.
 * @added:	@nr_added, with room for @room_added; @keys: to sort them, twice as many.
 * @nr_new:	Runs that were added since the pass began and were not known before.
 * @nr_refused:	Runs that found no room.
 * @nr_crowded:	Runs of frames that had PFN_MAX_SHARERS owners already.
 */
struct pfn_index {
	size_t max_runs;
	size_t nr;
	size_t room;
	struct pfn_run *runs;
	struct pfn_directory directory;
	size_t nr_pending;
	struct pfn_run pending[PFN_PENDING];
	size_t nr_added;
	size_t room_added;
	struct pfn_run *added;
	uint64_t *keys;
	uint64_t nr_new;
	uint64_t nr_refused;
	uint64_t nr_crowded;
};

/* Accepts a zeroed one, and may be called twice. */
void pfn_index_fini(struct pfn_index *index);

/* Within one pass, runs come in order of owner, then of page. */
void pfn_index_add(struct pfn_index *index, const struct pfn_run *run);

/* Sort in what was added; unless @all is set, only when that is worth its while. */
void pfn_index_settle(struct pfn_index *index, bool all);

/* A pass is over: keep the runs that @is_true says are. */
void pfn_index_sweep(struct pfn_index *index,
		     bool (*is_true)(const void *data, const struct pfn_run *run),
		     const void *data);

/*
 * Return: the first of the runs that may hold @pfn; those that do are among the next
 * ones, up to the first that begins after it.
 */
size_t pfn_index_find(const struct pfn_index *index, uint64_t pfn);

static inline bool pfn_run_holds(const struct pfn_run *run, uint64_t pfn)
{
	return pfn - run->pfn < run->nr;
}

#endif
