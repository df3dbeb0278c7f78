/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfn_wanted.h - which page frames somebody asks for: a bounded set.  One thread.
 *
 * Frames are kept in blocks of 2 MiB with a bit for each 32 KiB: a set for a GiB takes
 * 20 KiB.
 */
#ifndef CORE_PFN_WANTED_H
#define CORE_PFN_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PFN_BLOCK_FRAMES 512ull
#define PFN_CHUNK_FRAMES 8ull
#define PFN_MAX_BLOCKS (1u << 16) /* 128 GiB of frames */
#define PFN_NEW_BLOCKS 512

/**
 * struct pfn_block - Frames that are wanted, of a block.
 * @number:	Of its first frame, by PFN_BLOCK_FRAMES.
 * @wanted:	A bit for each chunk of PFN_CHUNK_FRAMES frames.
 * @passing:	Those that the pass under way has looked for from its beginning.
 * @searched:	Those that a whole pass has looked for: if their owner is not known
 *		now, nobody watched owned them then.
 */
struct pfn_block {
	uint64_t number;
	uint64_t wanted;
	uint64_t passing;
	uint64_t searched;
	uint64_t asked_ns;
};

/**
 * struct pfn_wanted - Zeroed, it is empty.
 * @blocks:	Sorted.
 * @directory:	For blocks of each 2^@shift numbers from @first on, where they begin in
 *		@blocks: there are as many of these as blocks, so a search is short.
 * @added:	New blocks, not sorted yet: nobody finds them before pfn_wanted_settle().
 * @has_news:	Something was added since the last pass began.
 * @nr_grown, @nr_shrunk:	How often pfn_wanted_find() came to find more, or less.
 * @nr_refused:	Frames that were asked for while the set was full.
 */
struct pfn_wanted {
	size_t nr;
	size_t room;
	struct pfn_block *blocks;
	uint32_t *directory;
	size_t nr_directory;
	uint64_t first;
	unsigned int shift;
	size_t nr_added;
	struct pfn_block added[PFN_NEW_BLOCKS];
	bool has_news;
	uint32_t nr_grown;
	uint32_t nr_shrunk;
	uint64_t nr_refused;
};

/* Accepts a zeroed one, and may be called twice. */
void pfn_wanted_fini(struct pfn_wanted *wanted);

/* Want @nr frames from @pfn on. */
void pfn_wanted_ask(struct pfn_wanted *wanted, uint64_t pfn, uint64_t nr, uint64_t now_ns);

/* Sort in what was added.  Return: 0, or -ENOMEM: nothing changed. */
int pfn_wanted_settle(struct pfn_wanted *wanted);

/* Whether a whole pass has looked for @pfn. */
bool pfn_wanted_is_searched(const struct pfn_wanted *wanted, uint64_t pfn);

/* A pass over all processes begins: it looks for all that is wanted now. */
void pfn_wanted_begin_pass(struct pfn_wanted *wanted);

/* It is over.  What nobody has asked for since @oldest_ns is wanted no longer. */
void pfn_wanted_end_pass(struct pfn_wanted *wanted, uint64_t oldest_ns);

/* Frames that are wanted. */
uint64_t pfn_wanted_count(const struct pfn_wanted *wanted);

/* The bit of a frame in its block. */
static inline uint64_t pfn_chunk_bit(uint64_t pfn)
{
	return 1ull << (pfn % PFN_BLOCK_FRAMES / PFN_CHUNK_FRAMES);
}

/* Return: the block of that number, or NULL.  Each page that is looked at comes here. */
static inline struct pfn_block *pfn_wanted_find(const struct pfn_wanted *wanted, uint64_t number)
{
	uint64_t slot = (number - wanted->first) >> wanted->shift;

	if (number < wanted->first || slot >= wanted->nr_directory)
		return NULL;
	size_t low = wanted->directory[slot], high = wanted->directory[slot + 1];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (wanted->blocks[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < wanted->directory[slot + 1] && wanted->blocks[low].number == number
			       ? &wanted->blocks[low]
			       : NULL;
}

#endif
