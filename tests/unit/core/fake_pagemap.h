/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_pagemap.h - page tables of fake processes: files of 64-bit words, and a PAGEMAP_SCAN
 * that reads them.
 */
#ifndef TESTS_UNIT_CORE_FAKE_PAGEMAP_H
#define TESTS_UNIT_CORE_FAKE_PAGEMAP_H

#include "tests/unit/fake_host.h"

#define PM_PRESENT (1ull << 63)
#define PM_FILE (1ull << 61)
#define PM_EXCLUSIVE (1ull << 56)

/* Pages that are mapped huge, of all processes; none: 0 and 0. */
static uint64_t fake_huge_start, fake_huge_end;
/* Addresses that the questions reached over, and the largest of them. */
static uint64_t fake_scanned_bytes, fake_longest_scan;

static inline void put_page(const struct fake_host *host, pid_t pid, uint64_t addr, uint64_t word)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%d/pagemap", (int)pid);
	int fd = openat(host->host.root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	fake_check(fd >= 0 && pwrite(fd, &word, 8, (off_t)(addr / 4096 * 8)) == 8, path);
	(void)close(fd);
}

/* @nr pages from @addr on, in frames from @pfn on, which only they map. */
static inline void put_pages(const struct fake_host *host, pid_t pid, uint64_t addr, uint64_t pfn,
			     uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		put_page(host, pid, addr + i * 4096, PM_PRESENT | PM_EXCLUSIVE | (pfn + i));
}

static inline bool fake_is_huge(uint64_t addr)
{
	return addr >= fake_huge_start && addr < fake_huge_end;
}

static inline int scan_pagemap(struct fake_host *host, uint64_t start, uint64_t end,
			       struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	size_t nr = 0;
	uint64_t at;

	fake_scanned_bytes += end - start;
	fake_longest_scan = end - start > fake_longest_scan ? end - start : fake_longest_scan;
	for (at = start; at < end; at += 4096) {
		uint64_t word;

		/* Beyond the end of the file there is nothing. */
		if (pread(host->scan_fd, &word, 8, (off_t)(at / 4096 * 8)) != 8) {
			at = end;
			break;
		}
		if (!(word & PM_PRESENT))
			continue;
		if (nr && runs[nr - 1].end == at && !runs[nr - 1].huge == !fake_is_huge(at)) {
			runs[nr - 1].end += 4096;
			continue;
		}
		if (nr == nr_runs)
			break;
		runs[nr++] = (struct thermo_page_run){ at, at + 4096, fake_is_huge(at) };
	}
	*scanned_to = at;
	return (int)nr;
}

/* A process with one mapping; its pagemap is empty. */
static inline void put_mapped(const struct fake_host *host, pid_t pid, uint64_t start_ticks,
			      uint64_t start, uint64_t end)
{
	char maps[128];

	(void)snprintf(maps, sizeof(maps), "%llx-%llx rw-p 0 0:0 0\n", (unsigned long long)start,
		       (unsigned long long)end);
	fake_process(host, &(struct fake_process){ .pid = pid,
						   .name = "app",
						   .rss_pages = (end - start) / 4096,
						   .start_ticks = start_ticks,
						   .maps = maps });
}

#endif
