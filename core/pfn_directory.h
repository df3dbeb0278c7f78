/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pfn_directory.h - where in a sorted array of runs those of a frame begin: about as many
 * slots as runs, so that a search ends within a few of them.  One thread.
 */
#ifndef CORE_PFN_DIRECTORY_H
#define CORE_PFN_DIRECTORY_H

#include <stddef.h>
#include <stdint.h>

struct pfn_run;

/**
 * struct pfn_directory - Zeroed, it knows of no array.
 * @starts:	Of each 2^@shift frames from @first on, the first run that begins there or
 *		later; one more at the end.
 * @nr:		Slots; 0: it is not valid.
 */
struct pfn_directory {
	uint32_t *starts;
	size_t room;
	size_t nr;
	uint64_t first;
	unsigned int shift;
};

void pfn_directory_fini(struct pfn_directory *directory);

/* Of @nr sorted runs.  Without memory it is not valid. */
void pfn_directory_make(struct pfn_directory *directory, const struct pfn_run *runs, size_t nr);

/* Frames below the first one are in the first slot, those behind the last in the last. */
static inline size_t pfn_directory_slot(const struct pfn_directory *d, uint64_t pfn)
{
	uint64_t slot = pfn < d->first ? 0 : (pfn - d->first) >> d->shift;

	return slot < d->nr ? (size_t)slot : d->nr - 1;
}

#endif
