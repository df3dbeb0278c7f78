/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * physical.h - accesses by physical page, beside those by page of the window: for sources that
 * see physical memory only.  Ranges are added first; then any virtual CPU counts.
 */
#ifndef TRUTH_PHYSICAL_H
#define TRUTH_PHYSICAL_H

#include <stdbool.h>
#include <stdint.h>

/* Return: false when there is no memory for it, or are too many. */
bool physical_add(uint64_t start, uint64_t end, uint32_t node);

/* Outside of all ranges: nothing. */
void physical_count(uint64_t physical, bool store);

/* How many pages on from the one before (at first: from page 0), and what is new there. */
typedef void (*physical_fn)(uint64_t pages_on, uint32_t node, uint32_t reads, uint32_t writes);

/* What has changed since the last call, by address.  One thread at a time. */
void physical_changed(physical_fn take);

#endif
