/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arena.c - see arena.h. */
#include "bench/workload/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define STOP_CHECK_BYTES (UINT64_C(16) << 20)
#define MAILBOX_TEXT_OFFSET sizeof(uint64_t)

/* Maps the arena at @window_addr, or anywhere at a multiple of a huge page. */
static int map_arena(struct workload_arena *arena, uint64_t window_addr)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	uint64_t map_bytes = arena->bytes + (window_addr ? 0 : HUGE_PAGE_BYTES);
	void *map;

	if (window_addr)
		flags |= MAP_FIXED_NOREPLACE;
	map = mmap((void *)(uintptr_t)window_addr, map_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (map == MAP_FAILED)
		return thermo_fail(-errno,
				   "mapping %ju bytes at %#jx: %s: make the regions smaller",
				   (uintmax_t)map_bytes, (uintmax_t)window_addr, strerror(errno));
	arena->map = map;
	arena->map_bytes = map_bytes;
	arena->base = (unsigned char *)(((uintptr_t)map + HUGE_PAGE_BYTES - 1) &
					~(uintptr_t)(HUGE_PAGE_BYTES - 1));
	/* Kernels before 4.17 take MAP_FIXED_NOREPLACE for a hint. */
	if (window_addr && (uintptr_t)map != window_addr)
		return thermo_fail(-EEXIST,
				   "mapping %ju bytes at %#jx: in use: try another "
				   "--window address",
				   (uintmax_t)map_bytes, (uintmax_t)window_addr);
	return 0;
}

static int advise_thp(const struct workload_arena *arena, enum workload_thp thp)
{
	int advice = thp == WORKLOAD_THP_ALWAYS ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;

	/* The mailbox must not draw 2 MiB of fast memory; whether a kernel knows
	 * huge pages at all only matters to those who asked for them. */
	(void)madvise(arena->base, HUGE_PAGE_BYTES, MADV_NOHUGEPAGE);
	if (thp == WORKLOAD_THP_DEFAULT)
		return 0;
	if (madvise(arena->base + HUGE_PAGE_BYTES, arena->bytes - HUGE_PAGE_BYTES, advice) &&
	    thp == WORKLOAD_THP_ALWAYS)
		return thermo_fail(-errno,
				   "--thp=always: %s: this kernel has no transparent huge "
				   "pages",
				   strerror(errno));
	return 0;
}

int workload_arena_open(struct workload_arena *arena, const struct workload_config *config,
			uint64_t window_addr, enum workload_thp thp)
{
	uint64_t at = HUGE_PAGE_BYTES;
	int err;

	*arena = (struct workload_arena){ .bytes = HUGE_PAGE_BYTES + config->total_bytes };
	arena->regions = calloc(config->nr_regions, sizeof(*arena->regions));
	if (!arena->regions)
		return thermo_fail(-ENOMEM, "arena: out of memory");
	err = map_arena(arena, window_addr);
	if (err)
		return err;
	for (size_t i = 0; i < config->nr_regions; i++) {
		arena->regions[i] = arena->base + at;
		at += workload_region_mapped_bytes(&config->regions[i]);
	}
	arena->has_mailbox = window_addr != 0;
	return advise_thp(arena, thp);
}

void workload_arena_close(struct workload_arena *arena)
{
	if (arena->map)
		(void)munmap(arena->map, arena->map_bytes);
	free(arena->regions);
	*arena = (struct workload_arena){ 0 };
}

static bool readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) > 0;
}

int workload_arena_populate(const struct workload_arena *arena,
			    const struct workload_config *config, int stop_fd)
{
	uint64_t machine_bytes =
			(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (config->total_bytes > machine_bytes)
		return thermo_fail(-ENOMEM,
				   "regions of %ju MiB on a machine of %ju MiB: make them "
				   "smaller, or use --no-populate",
				   (uintmax_t)config->total_bytes >> 20,
				   (uintmax_t)machine_bytes >> 20);
	for (uint64_t at = HUGE_PAGE_BYTES; at < arena->bytes; at += WORKLOAD_PAGE_BYTES) {
		if (at % STOP_CHECK_BYTES == 0 && readable(stop_fd))
			break;
		*(volatile uint64_t *)(arena->base + at) = at;
	}
	return 0;
}

static int load_region(const struct workload_region *region, unsigned char *to)
{
	uint64_t n = 0;
	ssize_t got = 0;
	int fd = open(region->data_path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return thermo_fail(-errno, "region '%.40s': data file %.100s: %s", region->name,
				   region->data_path, strerror(errno));
	do {
		n += (uint64_t)got;
		got = read(fd, to + n, region->bytes - n);
	} while (got > 0);
	if (got < 0)
		got = thermo_fail(-errno, "region '%.40s': data file %.100s: %s", region->name,
				  region->data_path, strerror(errno));
	(void)close(fd);
	return (int)got;
}

int workload_arena_load(const struct workload_arena *arena, const struct workload_config *config)
{
	for (size_t i = 0; i < config->nr_regions; i++) {
		const struct workload_region *region = &config->regions[i];
		int err = region->data_path ? load_region(region, arena->regions[i]) : 0;

		if (err)
			return err;
	}
	return 0;
}

void workload_arena_mark(struct workload_arena *arena, const char *fmt, ...)
{
	char text[WORKLOAD_MARK_BYTES];
	volatile unsigned char *to = arena->base + MAILBOX_TEXT_OFFSET;
	va_list ap;

	if (!arena->has_mailbox)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i <= strlen(text); i++)
		to[i] = (unsigned char)text[i];
	/* release: an observer that sees the new number sees the whole text. */
	__atomic_store_n((uint64_t *)arena->base, ++arena->nr_marks, __ATOMIC_RELEASE);
}

void workload_arena_tell_task(const struct workload_arena *arena, uint64_t task)
{
	/* relaxed: the observer sees this very store; nobody reads it. */
	if (arena->has_mailbox)
		__atomic_store_n((uint64_t *)(arena->base + WORKLOAD_TASK_OFFSET), task,
				 __ATOMIC_RELAXED);
}
