/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proc.h - what /proc says of a process. */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/host.h"

#define THERMO_PAGE_BYTES 4096ull
#define THERMO_HUGE_BYTES (2ull << 20)
/* The longest path of a cgroup, with its end. */
#define THERMO_CGROUP_BYTES 4096

/**
 * struct thermo_proc - A process.
 * @parent_pid:	Of now: when a parent exits, its children get another one.
 * @start_ticks:	When it started; with the pid it names one process for good,
 *		because a pid that is used again has another start.
 * @kernel_thread:	It has no memory of its own.
 */
struct thermo_proc {
	pid_t pid;
	pid_t parent_pid;
	uint64_t start_ticks;
	uint64_t rss_bytes;
	uint32_t nr_threads;
	bool kernel_thread;
	char name[16];
};

/* Return: 0; -ESRCH when there is no such process (any more); -errno. */
int thermo_proc_read(const struct thermo_host *host, pid_t pid, struct thermo_proc *proc);

/*
 * Its cgroup2 path, "/a/b", cut off at @size.  Return: 0; -ENOENT when it is in
 * none, or there is no such process; -errno.
 */
int thermo_proc_cgroup(const struct thermo_host *host, pid_t pid, char *path, size_t size);

/* A range of an address space. */
struct thermo_range {
	uint64_t start;
	uint64_t end;
};

/*
 * Join sorted ranges until there are at most @max, across the smallest gaps first.
 * Return: how many are left, or -ENOMEM.
 */
ssize_t thermo_ranges_close_gaps(struct thermo_range *ranges, size_t nr, size_t max);

/**
 * thermo_proc_ranges() - The mappings of a process, joined across small gaps.
 * @max_ranges:	At most so many; the smallest gaps are closed first.
 * @ranges:	Out: room for @max_ranges.
 *
 * Special mappings of the kernel are left out.
 *
 * Return: number of ranges; 0 for a process without memory; -errno.
 */
int thermo_proc_ranges(const struct thermo_host *host, pid_t pid, size_t max_ranges,
		       struct thermo_range *ranges);

/**
 * struct thermo_file - What a mapping is of.
 * @device:	As in /proc/PID/maps, major:minor.
 * @offset_bytes:	Of the address that was asked about, in the file.
 * @path:	As the process sees it; cut off when too long.
 */
struct thermo_file {
	char device[16];
	uint64_t inode;
	uint64_t offset_bytes;
	char path[256];
};

/*
 * The file, or shared memory, that is mapped at @addr.  Return: 0; -ENOENT when there is
 * none; -errno.
 */
int thermo_proc_file(const struct thermo_host *host, pid_t pid, uint64_t addr,
		     struct thermo_file *file);

#endif
