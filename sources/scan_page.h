/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan_page.h - the page at an address, and the extent that its accessed bit speaks for.
 *
 * Through /proc/PID/pagemap (where is it?) and /proc/kpageflags (what is it?).  A page of a
 * large folio shares one mark with all of it, however it is mapped.
 *
 * One thread.
 */
#ifndef SOURCES_SCAN_PAGE_H
#define SOURCES_SCAN_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"

/**
 * struct scan_page - A page that can be marked.
 * @addr, @bytes:	The extent, in the process.
 * @at:		In it, the address whose frame is @at_pfn.
 * @pfn:	The first frame of the folio, which bears the mark.
 */
struct scan_page {
	uint64_t addr;
	uint64_t bytes;
	uint64_t at;
	uint64_t at_pfn;
	uint64_t pfn;
};

/**
 * scan_page_find() - The page at @addr, or one soon after it and before @end.
 * @pagemap, @kpageflags:	Open.
 * @random:	Chooses among the pages after a gap; not 0.
 *
 * Return: 1; 0: nothing there, or nothing that can be marked; -EPERM when the kernel hides
 * frames; -EOPNOTSUPP without PAGEMAP_SCAN.
 */
int scan_page_find(const struct thermo_host *host, int pagemap, int kpageflags, uint64_t addr,
		   uint64_t end, uint64_t *random, struct scan_page *page);

/* Is it still where it was? */
bool scan_page_is_there(int pagemap, const struct scan_page *page);

/* Is the frame on an LRU list?  Only then does its mark mean anything. */
bool scan_page_is_markable(int kpageflags, uint64_t pfn);

#endif
