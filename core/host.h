/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - the seam between Thermocline and the machine.
 *
 * Every file below /sys, /proc and /run is opened relative to root_fd, and every
 * system call that looks at or changes memory goes through the table of
 * functions.  A test puts a directory and scripted calls there; nothing above
 * this seam knows the difference.
 *
 * Paths are printf formats without a leading slash: "proc/%d/statm".
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <dirent.h>
#include <hwloc/bitmap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_event_attr;
struct thermo_host;

/* A run of pages that the kernel says are there. */
struct thermo_page_run {
	uint64_t start;
	uint64_t end;
	uint64_t huge; /* mapped by a PMD: one move takes 2 MiB */
};

/* A run of pages that are there, and alike. */
struct thermo_dirty_run {
	uint64_t start;
	uint64_t end;
	bool huge;
	bool dirty; /* soft-dirty: written since that was cleared */
};

/**
 * struct thermo_host_ops - System calls that a test or a simulation replaces.
 * @now_ns:	CLOCK_MONOTONIC.
 * @realtime_ns:	CLOCK_REALTIME; NULL: as @now_ns.
 * @thread_cpu_ns:	CPU time of the calling thread.
 * @perf_event_open:	As perf_event_open(2) with PERF_FLAG_FD_CLOEXEC.  Return: a
 *		descriptor or -errno.
 * @move_pages:	As move_pages(2) with MPOL_MF_MOVE; @nodes NULL only asks.  Every
 *		status is set, to a node or to -errno, unless the call fails.
 *		Return: 0, or -errno when the call as a whole failed.  NULL: of a monitor of
 *		what was recorded, which does not ask where pages are.
 * @scan_pages:	Present pages of [@start, @end) through PAGEMAP_SCAN on the open
 *		/proc/PID/pagemap @fd, as at most @nr_runs runs; @scanned_to is where
 *		to go on.  Return: number of runs or -errno (-ENOTTY before 6.7).
 * @scan_dirty:	The same, and which of them are soft-dirty.
 */
struct thermo_host_ops {
	uint64_t (*now_ns)(const struct thermo_host *host);
	uint64_t (*realtime_ns)(const struct thermo_host *host);
	uint64_t (*thread_cpu_ns)(const struct thermo_host *host);
	int (*perf_event_open)(const struct thermo_host *host, struct perf_event_attr *attr,
			       pid_t pid, int cpu, int group_fd);
	int (*move_pages)(const struct thermo_host *host, pid_t pid, size_t nr, void **pages,
			  const int *nodes, int *status);
	int (*scan_pages)(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
			  struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to);
	int (*scan_dirty)(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
			  struct thermo_dirty_run *runs, size_t nr_runs, uint64_t *scanned_to);
};

struct thermo_host {
	int root_fd;
	const struct thermo_host_ops *ops;
	void *private_data; /* the test's or simulation's own */
};

/* Use the directory @root as /, with the kernel's system calls.  Return: 0 or -errno. */
int thermo_host_open(struct thermo_host *host, const char *root);
void thermo_host_close(struct thermo_host *host);

/* Read at most @size - 1 bytes, cut trailing white space, terminate.  Return: length or -errno. */
int thermo_host_read(const struct thermo_host *host, char *text, size_t size, const char *path, ...)
		__attribute__((format(printf, 4, 5)));
/* The whole file of any length, terminated; the caller frees it.  Return: length or -errno. */
ssize_t thermo_host_read_all(const struct thermo_host *host, char **text, const char *path, ...)
		__attribute__((format(printf, 3, 4)));
/* A decimal number and nothing else.  Return: 0 or -errno. */
int thermo_host_read_u64(const struct thermo_host *host, uint64_t *value, const char *path, ...)
		__attribute__((format(printf, 3, 4)));
/* A list of CPUs or nodes, "0-3,8".  Return: 0 or -errno. */
int thermo_host_read_list(const struct thermo_host *host, hwloc_bitmap_t set, const char *path, ...)
		__attribute__((format(printf, 3, 4)));
/* Where a symbolic link points, as it says itself.  Return: length or -errno. */
int thermo_host_read_link(const struct thermo_host *host, char *text, size_t size, const char *path,
			  ...) __attribute__((format(printf, 4, 5)));
/* Return: 0 or -errno. */
int thermo_host_write(const struct thermo_host *host, const char *text, const char *path, ...)
		__attribute__((format(printf, 3, 4)));
/* Return: a descriptor or -errno. */
int thermo_host_open_file(const struct thermo_host *host, int flags, const char *path, ...)
		__attribute__((format(printf, 3, 4)));
/* Return: 0 and a directory to walk, or -errno. */
int thermo_host_open_dir(const struct thermo_host *host, DIR **dir, const char *path, ...)
		__attribute__((format(printf, 3, 4)));

/* Return: 0, or -EOPNOTSUPP with the reason after @what when the kernel lacks PAGEMAP_SCAN. */
int thermo_host_require_scan(const struct thermo_host *host, const char *what);

static inline uint64_t thermo_host_now_ns(const struct thermo_host *host)
{
	return host->ops->now_ns(host);
}

static inline uint64_t thermo_host_realtime_ns(const struct thermo_host *host)
{
	return host->ops->realtime_ns ? host->ops->realtime_ns(host) : host->ops->now_ns(host);
}

#endif
