/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idle_bitmap.h - /sys/kernel/mm/page_idle/bitmap: a bit a page frame, in words of 64.
 *
 * Setting a bit clears the accessed bits of all mappings of the page and marks it idle;
 * reading one looks at those accessed bits again.  Clear bits that are written change nothing. Only
 * pages on an LRU list have the mark, and of a large one only its first frame.
 *
 * One thread.
 */
#ifndef SOURCES_IDLE_BITMAP_H
#define SOURCES_IDLE_BITMAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/host.h"

#define IDLE_BITMAP_PATH "sys/kernel/mm/page_idle/bitmap"

enum idle_answer {
	IDLE_UNKNOWN,  /* there is no such frame any more */
	IDLE_ACCESSED, /* or not marked, or not markable */
	IDLE_STILL,
};

/* Mark the frames @pfns, in order of number, idle.  Return: 0 or -errno. */
int idle_bitmap_set(int fd, const uint64_t *pfns, size_t nr);

/* Look at the frames @pfns, in order of number.  Return: 0 or -errno. */
int idle_bitmap_get(int fd, const uint64_t *pfns, size_t nr, enum idle_answer *answers);

#endif
