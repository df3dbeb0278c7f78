/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_host.h - a machine made of a directory and scripted system calls.
 *
 * The root is a temporary directory, empty or a copy of a machine below
 * tests/data/sysroot; a test writes what its machine shows and reads what the code
 * under test wrote.  The clock stands still until the test moves it.  Calls that a
 * test does not script find all pages on node 0 and no page present.
 */
#ifndef TESTS_UNIT_FAKE_HOST_H
#define TESTS_UNIT_FAKE_HOST_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/host.h"

#define FAKE_MACHINE(name) TEST_DATA "/sysroot/" name
#define FAKE_PATH_BYTES 512

struct fake_host {
	struct thermo_host host;
	char root[64];
	_Atomic uint64_t now_ns;
	_Atomic uint64_t thread_cpu_ns;
	/* A test's script; NULL: as told above. */
	int (*move_pages)(struct fake_host *fake, pid_t pid, size_t nr, void **pages,
			  const int *nodes, int *status);
	int (*scan_pages)(struct fake_host *fake, uint64_t start, uint64_t end,
			  struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to);
	int scan_fd; /* of the call of scan_pages */
	int (*perf_event_open)(struct fake_host *fake, struct perf_event_attr *attr, int cpu);
	pid_t perf_pid; /* what else perf_event_open() was called with */
	int perf_group_fd;
};

static inline uint64_t fake_now_ns(const struct thermo_host *host)
{
	struct fake_host *fake = host->private_data;

	/* relaxed: a clock; it orders nothing. */
	return atomic_load_explicit(&fake->now_ns, memory_order_relaxed);
}

static inline uint64_t fake_thread_cpu_ns(const struct thermo_host *host)
{
	struct fake_host *fake = host->private_data;

	/* relaxed: a clock; it orders nothing. */
	return atomic_load_explicit(&fake->thread_cpu_ns, memory_order_relaxed);
}

static inline int fake_perf_event_open(const struct thermo_host *host, struct perf_event_attr *attr,
				       pid_t pid, int cpu, int group_fd)
{
	struct fake_host *fake = host->private_data;

	fake->perf_pid = pid;
	fake->perf_group_fd = group_fd;
	return fake->perf_event_open ? fake->perf_event_open(fake, attr, cpu) : -ENOENT;
}

static inline int fake_move_pages(const struct thermo_host *host, pid_t pid, size_t nr,
				  void **pages, const int *nodes, int *status)
{
	struct fake_host *fake = host->private_data;

	if (fake->move_pages)
		return fake->move_pages(fake, pid, nr, pages, nodes, status);
	for (size_t i = 0; i < nr; i++)
		status[i] = nodes ? nodes[i] : 0;
	return 0;
}

static inline int fake_scan_pages(const struct thermo_host *host, int fd, uint64_t start,
				  uint64_t end, struct thermo_page_run *runs, size_t nr_runs,
				  uint64_t *scanned_to)
{
	struct fake_host *fake = host->private_data;

	fake->scan_fd = fd;
	if (fake->scan_pages)
		return fake->scan_pages(fake, start, end, runs, nr_runs, scanned_to);
	*scanned_to = end;
	return 0;
}

static const struct thermo_host_ops fake_ops = {
	.now_ns = fake_now_ns,
	.thread_cpu_ns = fake_thread_cpu_ns,
	.perf_event_open = fake_perf_event_open,
	.move_pages = fake_move_pages,
	.scan_pages = fake_scan_pages,
};

/* Not being able to make a directory is no result of a test. */
static inline void fake_check(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static inline void fake_advance(struct fake_host *fake, uint64_t ns)
{
	/* relaxed: a clock; it orders nothing. */
	atomic_fetch_add_explicit(&fake->now_ns, ns, memory_order_relaxed);
}

/* An empty machine, one second after its start. */
static inline void fake_host_init(struct fake_host *fake)
{
	memset(fake, 0, sizeof(*fake));
	(void)snprintf(fake->root, sizeof(fake->root), "/tmp/thermo-test-XXXXXX");
	fake_check(mkdtemp(fake->root), fake->root);
	fake->host = (struct thermo_host){
		.root_fd = open(fake->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.ops = &fake_ops,
		.private_data = fake,
	};
	fake_check(fake->host.root_fd >= 0, fake->root);
	fake_advance(fake, 1000000000);
}

static inline int fake_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static inline void fake_remove(const struct fake_host *fake, const char *path)
{
	char full[FAKE_PATH_BYTES];

	(void)snprintf(full, sizeof(full), "%s/%s", fake->root, path);
	(void)nftw(full, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void fake_host_fini(struct fake_host *fake)
{
	(void)close(fake->host.root_fd);
	fake_remove(fake, "");
}

static inline void fake_make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		fake_check(mkdir(path, 0755) == 0 || errno == EEXIST, path);
		*slash = '/';
	}
}

static inline void fake_write_bytes(const struct fake_host *fake, const char *path,
				    const void *bytes, size_t nr)
{
	char full[FAKE_PATH_BYTES];

	(void)snprintf(full, sizeof(full), "%s/%s", fake->root, path);
	fake_make_parents(full);
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	fake_check(fd >= 0 && write(fd, bytes, nr) == (ssize_t)nr, full);
	(void)close(fd);
}

static inline void fake_write(const struct fake_host *fake, const char *path, const char *text)
{
	fake_write_bytes(fake, path, text, strlen(text));
}

static inline bool fake_exists(const struct fake_host *fake, const char *path)
{
	return faccessat(fake->host.root_fd, path, F_OK, 0) == 0;
}

/* Without the newline at its end; "" when there is no such file.  Valid until the next call. */
static inline const char *fake_read(const struct fake_host *fake, const char *path)
{
	static char text[8192];
	int fd = openat(fake->host.root_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	text[len > 0 ? len : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* nftw() hands its callback no argument. */
static struct {
	const struct fake_host *to;
	size_t skip;
} fake_copying;

/* As it is: where it leads may be missing here as well. */
static inline void fake_copy_link(const char *path)
{
	char full[FAKE_PATH_BYTES], to[FAKE_PATH_BYTES];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	fake_check(len > 0, path);
	to[len] = '\0';
	(void)snprintf(full, sizeof(full), "%s/%s", fake_copying.to->root,
		       path + fake_copying.skip);
	fake_make_parents(full);
	fake_check(symlink(to, full) == 0, full);
}

static inline int fake_copy_one(const char *path, const struct stat *st, int type,
				struct FTW *where)
{
	static char bytes[1 << 16];

	(void)where;
	if (type == FTW_SL)
		fake_copy_link(path);
	if (type != FTW_F)
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	fake_check(fd >= 0 && st->st_size < (off_t)sizeof(bytes), path);
	ssize_t nr = read(fd, bytes, sizeof(bytes));

	(void)close(fd);
	fake_check(nr >= 0, path);
	fake_write_bytes(fake_copying.to, path + fake_copying.skip, bytes, (size_t)nr);
	return 0;
}

/* A copy of the recorded @machine, to change. */
static inline void fake_host_copy(struct fake_host *fake, const char *machine)
{
	fake_host_init(fake);
	fake_copying.to = fake;
	fake_copying.skip = strlen(machine) + 1;
	fake_check(nftw(machine, fake_copy_one, 16, FTW_PHYS) == 0, machine);
}

struct fake_process {
	pid_t pid;
	const char *name;
	uint64_t rss_pages;
	uint64_t start_ticks;
	pid_t parent;            /* 0: pid 1 */
	unsigned int nr_threads; /* 0: one */
	unsigned int flags;      /* PF_* */
	const char *maps;
	const char *cgroup; /* NULL: "/" */
};

static inline void fake_process(const struct fake_host *fake, const struct fake_process *p)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "proc/%d/stat", (int)p->pid);
	(void)snprintf(text, sizeof(text),
		       "%d (%s) S %d %d %d 0 -1 %u 0 0 0 0 7 8 0 0 20 0 %u 0 %llu 123456789 %llu "
		       "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
		       (int)p->pid, p->name, p->parent ? (int)p->parent : 1, (int)p->pid,
		       (int)p->pid, p->flags, p->nr_threads ? p->nr_threads : 1,
		       (unsigned long long)p->start_ticks, (unsigned long long)p->rss_pages);
	fake_write(fake, path, text);
	(void)snprintf(path, sizeof(path), "proc/%d/statm", (int)p->pid);
	(void)snprintf(text, sizeof(text), "99999 %llu 10 1 0 50 0\n",
		       (unsigned long long)p->rss_pages);
	fake_write(fake, path, text);
	(void)snprintf(path, sizeof(path), "proc/%d/maps", (int)p->pid);
	fake_write(fake, path, p->maps ? p->maps : "");
	(void)snprintf(path, sizeof(path), "proc/%d/cgroup", (int)p->pid);
	(void)snprintf(text, sizeof(text), "0::%s\n", p->cgroup ? p->cgroup : "/");
	fake_write(fake, path, text);
	(void)snprintf(path, sizeof(path), "proc/%d/pagemap", (int)p->pid);
	fake_write(fake, path, "");
}

#endif
