// SPDX-License-Identifier: GPL-2.0-or-later
/* pfn_wanted.c - ask, sort in, find by a directory of where numbers begin. */
#include "core/pfn_wanted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define LAST_FRAME ((1ull << 52) - 1) /* of 64-bit addresses */

void pfn_wanted_fini(struct pfn_wanted *w)
{
	free(w->blocks);
	free(w->directory);
	*w = (struct pfn_wanted){ 0 };
}

static int by_number(const void *a, const void *b)
{
	const struct pfn_block *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* As many slots as blocks, or up to twice; there is room for two more each. */
static void make_directory(struct pfn_wanted *w)
{
	uint64_t span = w->nr ? w->blocks[w->nr - 1].number - w->blocks[0].number + 1 : 0;
	size_t at = 0;

	w->first = w->nr ? w->blocks[0].number : 0;
	w->shift = 0;
	while (span >> w->shift > 2 * (uint64_t)w->nr)
		w->shift++;
	w->nr_directory = span ? (size_t)((span - 1) >> w->shift) + 1 : 0;
	for (size_t slot = 0; slot < w->nr_directory; slot++) {
		while (at < w->nr && (w->blocks[at].number - w->first) >> w->shift < slot)
			at++;
		w->directory[slot] = (uint32_t)at;
	}
	if (w->directory)
		w->directory[w->nr_directory] = (uint32_t)w->nr;
}

static int make_room(struct pfn_wanted *w, size_t nr)
{
	size_t room = w->room ? w->room : PFN_NEW_BLOCKS;

	while (room < nr)
		room *= 2;
	if (room == w->room)
		return 0;
	struct pfn_block *blocks = realloc(w->blocks, room * sizeof(*blocks));

	if (blocks)
		w->blocks = blocks;
	uint32_t *directory = realloc(w->directory, (2 * room + 2) * sizeof(*directory));

	if (directory)
		w->directory = directory;
	if (!blocks || !directory)
		return thermo_fail(-ENOMEM, "page owners: no memory for %zu blocks of frames", nr);
	w->room = room;
	return 0;
}

/* The same block may have been added more than once. */
static void join_equal(struct pfn_wanted *w)
{
	size_t kept = 0;

	for (size_t i = 1; i < w->nr; i++) {
		struct pfn_block *last = &w->blocks[kept];

		if (w->blocks[i].number != last->number) {
			w->blocks[++kept] = w->blocks[i];
			continue;
		}
		last->wanted |= w->blocks[i].wanted;
		if (w->blocks[i].asked_ns > last->asked_ns)
			last->asked_ns = w->blocks[i].asked_ns;
	}
	w->nr = w->nr ? kept + 1 : 0;
}

int pfn_wanted_settle(struct pfn_wanted *w)
{
	int err;

	if (w->nr_added == 0)
		return 0;
	err = make_room(w, w->nr + w->nr_added);
	if (err)
		return err;
	memcpy(w->blocks + w->nr, w->added, w->nr_added * sizeof(w->added[0]));
	w->nr += w->nr_added;
	w->nr_added = 0;
	qsort(w->blocks, w->nr, sizeof(w->blocks[0]), by_number);
	join_equal(w);
	make_directory(w);
	w->nr_grown++;
	return 0;
}

/* Those of the chunks of block @number that hold frames from @pfn to @last. */
static uint64_t chunks_of(uint64_t number, uint64_t pfn, uint64_t last)
{
	uint64_t first = number * PFN_BLOCK_FRAMES, end = first + PFN_BLOCK_FRAMES - 1;
	uint64_t low = pfn_chunk_bit(pfn > first ? pfn : first);
	uint64_t high = pfn_chunk_bit(last < end ? last : end);

	return (high - low) | high;
}

static void ask_new(struct pfn_wanted *w, const struct pfn_block *block)
{
	struct pfn_block *newest = w->nr_added ? &w->added[w->nr_added - 1] : NULL;

	/* Neighbours come one after the other. */
	if (newest && newest->number == block->number) {
		newest->wanted |= block->wanted;
		return;
	}
	if (w->nr + w->nr_added >= PFN_MAX_BLOCKS ||
	    (w->nr_added == PFN_NEW_BLOCKS && pfn_wanted_settle(w))) {
		w->nr_refused += (uint64_t)__builtin_popcountll(block->wanted) * PFN_CHUNK_FRAMES;
		return;
	}
	w->added[w->nr_added++] = *block;
	w->has_news = true;
}

void pfn_wanted_ask(struct pfn_wanted *w, uint64_t pfn, uint64_t nr, uint64_t now_ns)
{
	uint64_t last = pfn + nr - 1;

	if (nr == 0 || last < pfn || last > LAST_FRAME)
		return;
	for (uint64_t n = pfn / PFN_BLOCK_FRAMES; n <= last / PFN_BLOCK_FRAMES; n++) {
		struct pfn_block new = { .number = n,
					 .wanted = chunks_of(n, pfn, last),
					 .asked_ns = now_ns };
		struct pfn_block *known = pfn_wanted_find(w, n);

		if (!known) {
			ask_new(w, &new);
			continue;
		}
		if (new.wanted & ~known->wanted) {
			w->has_news = true;
			w->nr_grown++;
		}
		known->wanted |= new.wanted;
		known->asked_ns = now_ns;
	}
}

bool pfn_wanted_is_searched(const struct pfn_wanted *w, uint64_t pfn)
{
	const struct pfn_block *block = pfn_wanted_find(w, pfn / PFN_BLOCK_FRAMES);

	return block && block->searched & pfn_chunk_bit(pfn);
}

void pfn_wanted_begin_pass(struct pfn_wanted *w)
{
	/* What finds no memory now is still there, and news, for the next one. */
	w->has_news = pfn_wanted_settle(w) != 0;
	for (size_t i = 0; i < w->nr; i++)
		w->blocks[i].passing = w->blocks[i].wanted;
}

void pfn_wanted_end_pass(struct pfn_wanted *w, uint64_t oldest_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->nr; i++) {
		if (w->blocks[i].asked_ns < oldest_ns)
			continue;
		w->blocks[kept] = w->blocks[i];
		w->blocks[kept].searched |= w->blocks[kept].passing;
		kept++;
	}
	w->nr_shrunk += kept != w->nr;
	w->nr = kept;
	make_directory(w);
}

uint64_t pfn_wanted_count(const struct pfn_wanted *w)
{
	uint64_t chunks = 0;

	for (size_t i = 0; i < w->nr; i++)
		chunks += (uint64_t)__builtin_popcountll(w->blocks[i].wanted);
	return chunks * PFN_CHUNK_FRAMES;
}
