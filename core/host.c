// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - the real machine, and files below a root directory. */
#include "core/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"

#define PATH_BYTES 512
/* Runs of pages that one call of PAGEMAP_SCAN gives at most. */
#define SCAN_RUNS 256
#define READ_ALL_LIMIT_BYTES (64u << 20)

/* PAGEMAP_SCAN came with 6.7; the build machine's headers may be older. */
#define PM_SCAN_REQUEST 0xc0606610ul
#define PM_PRESENT (1ull << 3)
#define PM_ZERO_PAGE (1ull << 5)
#define PM_HUGE (1ull << 6)
#define PM_SOFT_DIRTY (1ull << 7)

struct pm_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pm_scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static uint64_t real_realtime_ns(const struct thermo_host *host)
{
	struct timespec ts;

	(void)host;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static uint64_t real_now_ns(const struct thermo_host *host)
{
	(void)host;
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t real_thread_cpu_ns(const struct thermo_host *host)
{
	(void)host;
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static int real_perf_event_open(const struct thermo_host *host, struct perf_event_attr *attr,
				pid_t pid, int cpu, int group_fd)
{
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);

	(void)host;
	return fd < 0 ? -errno : (int)fd;
}

static int real_move_pages(const struct thermo_host *host, pid_t pid, size_t nr, void **pages,
			   const int *nodes, int *status)
{
	const int mpol_mf_move = 2;

	(void)host;
	/* The kernel leaves the rest of status alone when it stops early. */
	for (size_t i = 0; i < nr; i++)
		status[i] = -EAGAIN;
	/* > 0 is the number of pages that did not move: the statuses say which. */
	return syscall(SYS_move_pages, (long)pid, nr, pages, nodes, status, mpol_mf_move) < 0
			       ? -errno
			       : 0;
}

/* Return: number of regions in @vec, which has room for SCAN_RUNS, or -errno. */
static int scan(int fd, uint64_t start, uint64_t end, uint64_t return_mask, struct pm_region *vec,
		size_t nr_runs, uint64_t *scanned_to)
{
	struct pm_scan scan = {
		.size = sizeof(scan),
		.start = start,
		.end = end,
		.vec = (uintptr_t)vec,
		.vec_len = nr_runs < SCAN_RUNS ? nr_runs : SCAN_RUNS,
		/* Present, and not the shared zero page, which holds nothing to move. */
		.category_inverted = PM_ZERO_PAGE,
		.category_mask = PM_PRESENT | PM_ZERO_PAGE,
		.return_mask = return_mask,
	};
	int nr = ioctl(fd, PM_SCAN_REQUEST, &scan);

	if (nr < 0)
		return -errno;
	*scanned_to = scan.walk_end;
	return nr;
}

static int real_scan_pages(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
			   struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	struct pm_region vec[SCAN_RUNS];
	int nr = scan(fd, start, end, PM_HUGE, vec, nr_runs, scanned_to);

	(void)host;
	for (int i = 0; i < nr; i++)
		runs[i] = (struct thermo_page_run){ vec[i].start, vec[i].end,
						    vec[i].categories & PM_HUGE };
	return nr;
}

static int real_scan_dirty(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
			   struct thermo_dirty_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	struct pm_region vec[SCAN_RUNS];
	int nr = scan(fd, start, end, PM_HUGE | PM_SOFT_DIRTY, vec, nr_runs, scanned_to);

	(void)host;
	for (int i = 0; i < nr; i++)
		runs[i] = (struct thermo_dirty_run){ vec[i].start, vec[i].end,
						     vec[i].categories & PM_HUGE,
						     vec[i].categories & PM_SOFT_DIRTY };
	return nr;
}

static const struct thermo_host_ops real_ops = {
	.now_ns = real_now_ns,
	.realtime_ns = real_realtime_ns,
	.thread_cpu_ns = real_thread_cpu_ns,
	.perf_event_open = real_perf_event_open,
	.move_pages = real_move_pages,
	.scan_pages = real_scan_pages,
	.scan_dirty = real_scan_dirty,
};

int thermo_host_open(struct thermo_host *host, const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return thermo_fail(-errno, "%s: %s", root, strerror(errno));
	*host = (struct thermo_host){ .root_fd = fd, .ops = &real_ops };
	return 0;
}

void thermo_host_close(struct thermo_host *host)
{
	if (host->ops && host->root_fd >= 0)
		(void)close(host->root_fd);
	*host = (struct thermo_host){ .root_fd = -1 };
}

/* Every opener below says which file it was. */
static int open_at(const struct thermo_host *host, int flags, const char *path)
{
	int fd = openat(host->root_fd, path, flags | O_CLOEXEC, 0644);

	return fd < 0 ? thermo_fail(-errno, "/%s: %s", path, strerror(errno)) : fd;
}

static ssize_t read_fully(int fd, char *text, size_t size, const char *path)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return thermo_fail(-errno, "/%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int read_text(const struct thermo_host *host, char *text, size_t size, const char *path)
{
	AUTO_CLOSE int fd = open_at(host, O_RDONLY, path);

	if (fd < 0)
		return fd;
	ssize_t len = read_fully(fd, text, size - 1, path);

	if (len < 0)
		return (int)len;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	text[len] = '\0';
	return (int)len;
}

/* Format the path of a printf-like function into the local array path. */
#define FORMAT_PATH(path, format)                                                                  \
	char path[PATH_BYTES];                                                                     \
	do {                                                                                       \
		va_list ap;                                                                        \
		va_start(ap, format);                                                              \
		(void)vsnprintf(path, sizeof(path), format, ap);                                   \
		va_end(ap);                                                                        \
	} while (0)

int thermo_host_read(const struct thermo_host *host, char *text, size_t size, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	return read_text(host, text, size, path);
}

ssize_t thermo_host_read_all(const struct thermo_host *host, char **text, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	AUTO_CLOSE int fd = open_at(host, O_RDONLY, path);
	size_t size = 16384, len = 0;
	char *buffer = NULL;

	if (fd < 0)
		return fd;
	for (;;) {
		char *grown = realloc(buffer, size);

		if (!grown) {
			free(buffer);
			return thermo_fail(-ENOMEM, "/%s: no memory for %zu bytes", path, size);
		}
		buffer = grown;
		ssize_t n = read_fully(fd, buffer + len, size - 1 - len, path);

		if (n < 0) {
			free(buffer);
			return n;
		}
		len += (size_t)n;
		if (len < size - 1)
			break;
		if (size >= READ_ALL_LIMIT_BYTES) {
			free(buffer);
			return thermo_fail(-EFBIG, "/%s: more than %u bytes", path,
					   READ_ALL_LIMIT_BYTES);
		}
		size *= 2;
	}
	buffer[len] = '\0';
	*text = buffer;
	return (ssize_t)len;
}

int thermo_host_read_u64(const struct thermo_host *host, uint64_t *value, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	char text[32];
	char *end;
	int len = read_text(host, text, sizeof(text), path);

	if (len < 0)
		return len;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);

	/* strtoull takes "-1" and " 1"; some files really hold "-1". */
	if (!isdigit((unsigned char)text[0]) || errno != 0 || *end != '\0')
		return thermo_fail(-EINVAL, "/%s: not a number: '%.20s'", path, text);
	*value = v;
	return 0;
}

int thermo_host_read_list(const struct thermo_host *host, hwloc_bitmap_t set, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	char text[4096];
	int len = read_text(host, text, sizeof(text), path);

	if (len < 0)
		return len;
	if (len == 0) {
		hwloc_bitmap_zero(set);
		return 0;
	}
	if (strspn(text, "0123456789,-") != (size_t)len ||
	    hwloc_bitmap_list_sscanf(set, text) < 0 || hwloc_bitmap_weight(set) < 0)
		return thermo_fail(-EINVAL, "/%s: not a list of numbers: '%.40s'", path, text);
	return 0;
}

int thermo_host_read_link(const struct thermo_host *host, char *text, size_t size, const char *fmt,
			  ...)
{
	FORMAT_PATH(path, fmt);
	ssize_t len = readlinkat(host->root_fd, path, text, size);

	if (len < 0)
		return thermo_fail(-errno, "/%s: %s", path, strerror(errno));
	if ((size_t)len >= size)
		return thermo_fail(-ENAMETOOLONG, "/%s: the link is too long", path);
	text[len] = '\0';
	return (int)len;
}

int thermo_host_write(const struct thermo_host *host, const char *text, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	AUTO_CLOSE int fd = open_at(host, O_WRONLY | O_TRUNC, path);
	size_t len = strlen(text);

	if (fd < 0)
		return fd;
	ssize_t n = write(fd, text, len);

	if (n < 0)
		return thermo_fail(-errno, "/%s: writing '%s': %s", path, text, strerror(errno));
	if ((size_t)n != len)
		return thermo_fail(-EIO, "/%s: writing '%s': only %zd bytes taken", path, text, n);
	return 0;
}

int thermo_host_open_file(const struct thermo_host *host, int flags, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	return open_at(host, flags, path);
}

int thermo_host_open_dir(const struct thermo_host *host, DIR **dir, const char *fmt, ...)
{
	FORMAT_PATH(path, fmt);
	AUTO_CLOSE int fd = open_at(host, O_RDONLY | O_DIRECTORY, path);

	if (fd < 0)
		return fd;
	DIR *opened = fdopendir(fd);

	if (!opened)
		return thermo_fail(-errno, "/%s: %s", path, strerror(errno));
	(void)take_fd(&fd);
	*dir = opened;
	return 0;
}

int thermo_host_require_scan(const struct thermo_host *host, const char *what)
{
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_RDONLY, "proc/self/pagemap");
	struct thermo_page_run run;
	uint64_t scanned_to;

	if (fd < 0)
		return fd;
	if (host->ops->scan_pages(host, fd, 0, 4096, &run, 1, &scanned_to) < 0)
		return thermo_fail(-EOPNOTSUPP,
				   "%s: this kernel cannot tell which pages are there "
				   "(PAGEMAP_SCAN, Linux 6.7)",
				   what);
	return 0;
}
