// SPDX-License-Identifier: GPL-2.0-or-later
/* pfn_memo.c - see pfn_memo.h: open addressing, at most half full. */
#include "core/pfn_memo.h"

#include <stdlib.h>

#define LEAST_SLOTS 1024u
#define PAGES 512ull /* of 2 MiB */

void pfn_memos_fini(struct pfn_memos *m)
{
	free(m->slots);
	*m = (struct pfn_memos){ 0 };
}

void pfn_memos_forget_all(struct pfn_memos *m)
{
	pfn_memos_fini(m);
}

static bool is_same(const struct pfn_memo *memo, uint32_t owner, uint64_t page)
{
	return memo->owner == owner && memo->page / PAGES == page / PAGES;
}

/* Its slot, or the free one where it belongs. */
static struct pfn_memo *slot_of(const struct pfn_memos *m, uint32_t owner, uint64_t page)
{
	/* Fibonacci hashing: neighbours are spread over the table. */
	uint64_t hash = (page / PAGES ^ (uint64_t)owner << 40) * 0x9e3779b97f4a7c15ull;
	size_t at = (size_t)(hash >> 32) & (m->nr_slots - 1);

	while (m->slots[at].is_used && !is_same(&m->slots[at], owner, page))
		at = (at + 1) & (m->nr_slots - 1);
	return &m->slots[at];
}

struct pfn_memo *pfn_memos_find(const struct pfn_memos *m, uint32_t owner, uint64_t page)
{
	struct pfn_memo *memo = m->nr_slots ? slot_of(m, owner, page) : NULL;

	return memo && memo->is_used ? memo : NULL;
}

/* To @nr_slots, those whose owner is alive; NULL: all are. */
static bool move_to(struct pfn_memos *m, size_t nr_slots, const bool *alive, size_t nr_owners)
{
	struct pfn_memos new = { .slots = calloc(nr_slots, sizeof(*new.slots)),
				 .nr_slots = nr_slots };

	if (!new.slots)
		return false;
	for (size_t i = 0; i < m->nr_slots; i++) {
		const struct pfn_memo *memo = &m->slots[i];

		if (!memo->is_used || (alive && (memo->owner >= nr_owners || !alive[memo->owner])))
			continue;
		*slot_of(&new, memo->owner, memo->page) = *memo;
		new.nr++;
	}
	free(m->slots);
	*m = new;
	return true;
}

struct pfn_memo *pfn_memos_make(struct pfn_memos *m, uint32_t owner, uint64_t page)
{
	struct pfn_memo *memo = pfn_memos_find(m, owner, page);

	if (memo)
		return memo;
	if (2 * (m->nr + 1) > m->nr_slots &&
	    !move_to(m, m->nr_slots ? 2 * m->nr_slots : LEAST_SLOTS, NULL, 0))
		return NULL;
	memo = slot_of(m, owner, page);
	*memo = (struct pfn_memo){ .page = page, .owner = owner, .is_used = true };
	m->nr++;
	return memo;
}

void pfn_memos_forget_dead(struct pfn_memos *m, const bool *alive, size_t nr_owners)
{
	if (m->nr_slots && !move_to(m, m->nr_slots, alive, nr_owners))
		pfn_memos_forget_all(m);
}
