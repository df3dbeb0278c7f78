/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_scan_page.c - words of page tables and page flags may be anything: the extent that is found
 * holds the page that was asked for, and no more than a huge page.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/proc.h"
#include "sources/scan_page.h"

#define NR_WORDS 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct thermo_page_run run;

static int scan_pages(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
		      struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)host, (void)fd, (void)nr_runs;
	*scanned_to = end;
	if (run.end <= start || run.start >= end)
		return 0;
	runs[0] = (struct thermo_page_run){ run.start > start ? run.start : start,
					    run.end < end ? run.end : end, run.huge };
	return 1;
}

static int file_of(const uint8_t *data, size_t bytes)
{
	int fd = memfd_create("words", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct thermo_host_ops ops = { .scan_pages = scan_pages };
	const struct thermo_host host = { .root_fd = -1, .ops = &ops };
	struct scan_page page;
	uint64_t random = 1;
	uint16_t head[4];

	if (bytes < sizeof(head))
		return 0;
	memcpy(head, data, sizeof(head));
	data += sizeof(head);
	bytes -= sizeof(head);
	run = (struct thermo_page_run){ head[0] % NR_WORDS * THERMO_PAGE_BYTES,
					head[1] % NR_WORDS * THERMO_PAGE_BYTES, head[3] & 1 };

	uint64_t addr = head[2] % NR_WORDS * THERMO_PAGE_BYTES;
	int pagemap = file_of(data, bytes / 2), flags = file_of(data + bytes / 2, bytes / 2);

	if (scan_page_find(&host, pagemap, flags, addr, NR_WORDS * THERMO_PAGE_BYTES, &random,
			   &page) == 1 &&
	    (page.at < page.addr || page.at >= page.addr + page.bytes || page.at < addr ||
	     page.bytes > THERMO_HUGE_BYTES || page.pfn > page.at_pfn ||
	     !scan_page_is_there(pagemap, &page)))
		abort();
	(void)close(pagemap);
	(void)close(flags);
	return 0;
}
