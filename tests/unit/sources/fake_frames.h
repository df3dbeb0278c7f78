/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_frames.h - page frames of a fake machine: /proc/kpageflags, and the idle bitmap as a file
 * that keeps what is written.  An access is a bit that the test clears.
 */
#ifndef TESTS_UNIT_SOURCES_FAKE_FRAMES_H
#define TESTS_UNIT_SOURCES_FAKE_FRAMES_H

#include "sources/idle_bitmap.h"
#include "tests/unit/core/fake_pagemap.h"

#define KPF_LRU (1ull << 5)
#define KPF_HEAD (1ull << 15)
#define KPF_TAIL (1ull << 16)
#define KPF_HUGETLB (1ull << 17)

#define FAKE_FRAMES 16384ull

static inline uint64_t fake_word(const struct fake_host *host, const char *path, uint64_t index)
{
	int fd = openat(host->host.root_fd, path, O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	fake_check(fd >= 0 && pread(fd, &word, 8, (off_t)(index * 8)) == 8, path);
	(void)close(fd);
	return word;
}

static inline void put_word(const struct fake_host *host, const char *path, uint64_t index,
			    uint64_t word)
{
	int fd = openat(host->host.root_fd, path, O_WRONLY | O_CLOEXEC);

	fake_check(fd >= 0 && pwrite(fd, &word, 8, (off_t)(index * 8)) == 8, path);
	(void)close(fd);
}

static inline void put_flags(const struct fake_host *host, uint64_t pfn, uint64_t nr,
			     uint64_t flags)
{
	for (uint64_t i = 0; i < nr; i++)
		put_word(host, "proc/kpageflags", pfn + i, flags);
}

/* A machine whose frames are all on an LRU list, and none marked. */
static inline void put_frames(const struct fake_host *host)
{
	static uint64_t flags[FAKE_FRAMES], bits[FAKE_FRAMES / 64];

	for (size_t i = 0; i < FAKE_FRAMES; i++)
		flags[i] = KPF_LRU;
	fake_write_bytes(host, "proc/kpageflags", flags, sizeof(flags));
	fake_write_bytes(host, IDLE_BITMAP_PATH, bits, sizeof(bits));
}

static inline bool is_idle(const struct fake_host *host, uint64_t pfn)
{
	return fake_word(host, IDLE_BITMAP_PATH, pfn / 64) >> pfn % 64 & 1;
}

static inline void put_idle(const struct fake_host *host, uint64_t pfn, bool idle)
{
	uint64_t word = fake_word(host, IDLE_BITMAP_PATH, pfn / 64);

	word = idle ? word | 1ull << pfn % 64 : word & ~(1ull << pfn % 64);
	put_word(host, IDLE_BITMAP_PATH, pfn / 64, word);
}

#endif
