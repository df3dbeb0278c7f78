/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfn_memo.h - what a stretch of page table looked like in the last pass, so that one that looks
 * the same need not be gone through again.  One thread.
 *
 * A stretch are pages that are there, one after the other, within 2 MiB of a process'
 * addresses; of several in one 2 MiB the first is remembered.  The runs that were made of it are
 * as true as the memo is: as long as nothing changes, a pass touches none of them.
 */
#ifndef CORE_PFN_MEMO_H
#define CORE_PFN_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pfn_index.h"

/* Shorter stretches are gone through: that costs less than to remember them. */
#define PFN_MEMO_LEAST 64

/**
 * struct pfn_memo - Of one stretch.
 * @page, @nr:	Which, in pages; @nr_runs were made of it.
 * @hash:	Of its words.
 * @owner:	Number of the process.
 * @checked:	The tick when it was last seen to be like this.
 * @nr_grown, @nr_shrunk:	Of struct pfn_wanted when its runs were made.
 * @is_whole:	All of it is wanted, so that it does not matter what else is.
 * @since:	The pass in which they were; @pass: the last in which it was like this.
 */
struct pfn_memo {
	uint64_t page;
	uint64_t hash;
	uint32_t owner;
	uint32_t checked;
	uint32_t nr_grown;
	uint32_t nr_shrunk;
	uint16_t nr;
	uint16_t nr_runs;
	uint16_t since;
	uint16_t pass;
	bool is_whole;
	bool is_used;
};

/* A hash table; zeroed, it is empty. */
struct pfn_memos {
	struct pfn_memo *slots;
	size_t nr_slots; /* a power of two */
	size_t nr;
};

void pfn_memos_fini(struct pfn_memos *memos);
/* All of them, or those of owners that are not @alive. */
void pfn_memos_forget_all(struct pfn_memos *memos);
void pfn_memos_forget_dead(struct pfn_memos *memos, const bool *alive, size_t nr_owners);

/* Of the 2 MiB of @owner that @page is in.  Return: NULL when there is none. */
struct pfn_memo *pfn_memos_find(const struct pfn_memos *memos, uint32_t owner, uint64_t page);
/* The same, or a new one with @nr 0.  Others move.  Return: NULL without memory. */
struct pfn_memo *pfn_memos_make(struct pfn_memos *memos, uint32_t owner, uint64_t page);

/* Whether @run was made of what is remembered. */
static inline bool pfn_memo_covers(const struct pfn_memo *memo, const struct pfn_run *run)
{
	return memo && run->page - memo->page < memo->nr && run->pass == memo->since;
}

#endif
