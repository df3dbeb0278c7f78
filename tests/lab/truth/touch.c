// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * touch.c - makes a known number of accesses to the truth's window; for tests of the truth.
 *
 *	touch CPU NODE PAGES READS WRITES [NODE PAGES READS WRITES]...
 *
 * From CPU; for each quadruple so many pages on NODE, each read and written so many times.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lab/truth/format.h"

enum { MPOL_BIND = 2 };

static char *const base = (char *)TRUTH_BASE;

static void die(const char *what)
{
	fprintf(stderr, "touch: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void tell(const char *text)
{
	(void)snprintf(base + 8, TRUTH_TEXT_MAX, "%s", text);
	*(volatile uint64_t *)base = 1;
}

/* The kernel fills the pages: its accesses are not the workload's. */
static void place(char *start, size_t bytes, unsigned node)
{
	unsigned long mask = 1UL << node;

	if (syscall(SYS_mbind, start, bytes, MPOL_BIND, &mask, 8 * sizeof(mask), 0) < 0)
		die("mbind");
	if (madvise(start, bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
		die("madvise");
	if (madvise(start, bytes, MADV_POPULATE_WRITE) < 0)
		die("madvise");
}

static void touch_pages(char *start, size_t nr_pages, unsigned reads, unsigned writes)
{
	for (size_t page = 0; page < nr_pages; page++) {
		volatile uint64_t *word = (volatile uint64_t *)(start + page * TRUTH_PAGE_BYTES);

		for (unsigned i = 0; i < reads; i++)
			(void)*word;
		for (unsigned i = 0; i < writes; i++)
			*word = i;
	}
}

int main(int argc, char **argv)
{
	size_t nr_pages = 1;
	char text[64];
	cpu_set_t cpus;
	char *next = base + TRUTH_PAGE_BYTES;

	if (argc < 6 || (argc - 2) % 4 != 0) {
		fprintf(stderr, "usage: touch CPU NODE PAGES READS WRITES...\n");
		return 2;
	}
	for (int i = 2; i < argc; i += 4)
		nr_pages += (size_t)atoi(argv[i + 1]);
	if (mmap(base, nr_pages * TRUTH_PAGE_BYTES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != base)
		die("mmap");
	CPU_ZERO(&cpus);
	CPU_SET((size_t)atoi(argv[1]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		die("sched_setaffinity");

	for (int i = 2; i < argc; i += 4) {
		size_t bytes = (size_t)atoi(argv[i + 1]) * TRUTH_PAGE_BYTES;

		place(next, bytes, (unsigned)atoi(argv[i]));
		next += bytes;
	}
	(void)snprintf(text, sizeof(text), "window %zu", nr_pages * TRUTH_PAGE_BYTES);
	tell(text);
	tell("phase touch");
	next = base + TRUTH_PAGE_BYTES;
	for (int i = 2; i < argc; i += 4) {
		size_t pages = (size_t)atoi(argv[i + 1]);

		touch_pages(next, pages, (unsigned)atoi(argv[i + 2]), (unsigned)atoi(argv[i + 3]));
		next += pages * TRUTH_PAGE_BYTES;
	}
	tell("end");
	return 0;
}
