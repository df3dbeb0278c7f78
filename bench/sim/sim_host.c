// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_host.c - the files and the calls of a simulated machine. */
#include "bench/sim/sim_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"

#define PREFIX "thermo-sim-"
#define STALE_S 60 /* old enough to be locked if it is in use */
#define START_NS 1000000000ull
#define PATH_BYTES 128
#define MAX_NODES 1024u
#define MAX_CPUS 65536u

/* --- calls --- */

static const struct sim_host *sim_of(const struct thermo_host *host)
{
	return host->private_data;
}

static uint64_t sim_now_ns(const struct thermo_host *host)
{
	/* relaxed: a clock; it orders nothing. */
	return atomic_load_explicit(&sim_of(host)->now_ns, memory_order_relaxed);
}

/* Work takes no time here. */
static uint64_t sim_thread_cpu_ns(const struct thermo_host *host)
{
	(void)host;
	return 0;
}

static int sim_perf_event_open(const struct thermo_host *host, struct perf_event_attr *attr,
			       pid_t pid, int cpu, int group_fd)
{
	(void)host, (void)attr, (void)pid, (void)cpu, (void)group_fd;
	return -ENOENT;
}

static bool is_sim_pid(const struct sim_host *sim, pid_t pid)
{
	return pid >= sim->first_pid && pid - sim->first_pid < SIM_MAX_PROCESSES;
}

static bool is_alive(const struct sim_host *sim, pid_t pid)
{
	unsigned int i = (unsigned int)(pid - sim->first_pid);

	return is_sim_pid(sim, pid) && sim->alive[i / 64] >> i % 64 & 1;
}

static int sim_move_pages(const struct thermo_host *host, pid_t pid, size_t nr, void **pages,
			  const int *nodes, int *status)
{
	const struct sim_host *sim = sim_of(host);

	if (nodes)
		return -EPERM;
	if (!is_alive(sim, pid))
		return -ESRCH;
	for (size_t i = 0; i < nr; i++)
		status[i] = sim_host_node_of_addr(sim, (uint64_t)(uintptr_t)pages[i]);
	return 0;
}

static int sim_scan_pages(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
			  struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)host, (void)fd;
	*scanned_to = end;
	if (nr_runs == 0 || start >= end)
		return 0;
	runs[0] = (struct thermo_page_run){ start, end, 1 };
	return 1;
}

static const struct thermo_host_ops sim_ops = {
	.now_ns = sim_now_ns,
	.thread_cpu_ns = sim_thread_cpu_ns,
	.perf_event_open = sim_perf_event_open,
	.move_pages = sim_move_pages,
	.scan_pages = sim_scan_pages,
};

int sim_host_node_of_addr(const struct sim_host *sim, uint64_t addr)
{
	return (int)(addr / sim->machine.stripe_bytes % sim->machine.nr_nodes);
}

static unsigned int cpus_per_node(const struct sim_host *sim)
{
	unsigned int nodes = sim->machine.nr_cpu_nodes;

	return (sim->machine.nr_cpus + nodes - 1) / nodes;
}

int sim_host_node_of_cpu(const struct sim_host *sim, unsigned int cpu)
{
	return cpu < sim->machine.nr_cpus ? (int)(cpu / cpus_per_node(sim)) : -1;
}

void sim_host_advance(struct sim_host *sim, uint64_t ns)
{
	/* relaxed: a clock; it orders nothing. */
	atomic_fetch_add_explicit(&sim->now_ns, ns, memory_order_relaxed);
}

/* --- files --- */

static int make_dir(const struct sim_host *sim, const char *path)
{
	if (mkdirat(sim->host.root_fd, path, 0755) && errno != EEXIST)
		return thermo_fail(-errno, "simulated host: %s/%s: %s", sim->root, path,
				   strerror(errno));
	return 0;
}

static int make_dirs(const struct sim_host *sim, const char *const *paths)
{
	int err = 0;

	for (; *paths && !err; paths++)
		err = make_dir(sim, *paths);
	return err;
}

static int put(const struct sim_host *sim, const char *text, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));

static int put(const struct sim_host *sim, const char *text, const char *fmt, ...)
{
	char path[PATH_BYTES];
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	AUTO_CLOSE int fd = openat(sim->host.root_fd, path,
				   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		return thermo_fail(errno ? -errno : -EIO, "simulated host: %s/%s: %s", sim->root,
				   path, strerror(errno));
	return 0;
}

static int put_list(const struct sim_host *sim, unsigned int first, unsigned int nr,
		    const char *path)
{
	char text[32] = "\n";

	if (nr == 1)
		(void)snprintf(text, sizeof(text), "%u\n", first);
	else if (nr > 1)
		(void)snprintf(text, sizeof(text), "%u-%u\n", first, first + nr - 1);
	return put(sim, text, "%s", path);
}

static int put_distances(const struct sim_host *sim, unsigned int node)
{
	const struct sim_machine *m = &sim->machine;
	char text[MAX_NODES * 3 + 1];

	for (unsigned int to = 0; to < m->nr_nodes; to++)
		(void)snprintf(text + (size_t)to * 3, 4, "%u%c", to == node ? 10u : 20u,
			       to + 1 < m->nr_nodes ? ' ' : '\n');
	return put(sim, text, "sys/devices/system/node/node%u/distance", node);
}

static int put_node(const struct sim_host *sim, unsigned int node)
{
	const struct sim_machine *m = &sim->machine;
	unsigned int each = cpus_per_node(sim), first = node * each, nr = 0;
	uint64_t kb = m->node_bytes / 1024;
	char path[PATH_BYTES], text[256];
	int err;

	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u", node);
	err = make_dir(sim, path);
	if (node < m->nr_cpu_nodes && first < m->nr_cpus)
		nr = first + each < m->nr_cpus ? each : m->nr_cpus - first;
	(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
	if (!err)
		err = put_list(sim, first, nr, path);
	(void)snprintf(text, sizeof(text),
		       "Node %u MemTotal:       %" PRIu64 " kB\n"
		       "Node %u MemFree:        %" PRIu64 " kB\n"
		       "Node %u MemUsed:        %" PRIu64 " kB\n",
		       node, kb, node, kb / 2, node, kb - kb / 2);
	if (!err)
		err = put(sim, text, "sys/devices/system/node/node%u/meminfo", node);
	return err ? err : put_distances(sim, node);
}

static int put_machine(const struct sim_host *sim)
{
	static const char *const dirs[] = { "proc",
					    "sys",
					    "sys/devices",
					    "sys/devices/system",
					    "sys/devices/system/cpu",
					    "sys/devices/system/node",
					    NULL };
	const struct sim_machine *m = &sim->machine;
	int err = make_dirs(sim, dirs);

	if (!err)
		err = put_list(sim, 0, m->nr_cpus, "sys/devices/system/cpu/online");
	if (!err)
		err = put_list(sim, 0, m->nr_cpus, "sys/devices/system/cpu/possible");
	if (!err)
		err = put_list(sim, 0, m->nr_nodes, "sys/devices/system/node/online");
	if (!err)
		err = put_list(sim, 0, m->nr_nodes, "sys/devices/system/node/has_memory");
	if (!err)
		err = put_list(sim, 0, m->nr_cpu_nodes, "sys/devices/system/node/has_cpu");
	for (unsigned int node = 0; node < m->nr_nodes && !err; node++)
		err = put_node(sim, node);
	return err;
}

int sim_host_add_process(struct sim_host *sim, const struct sim_process *p)
{
	uint64_t pages = p->bytes / SIM_PAGE_BYTES;
	unsigned int threads = p->nr_threads ? p->nr_threads : 1;
	char path[PATH_BYTES], text[512];
	int err, pid = (int)p->pid;
	unsigned int index = (unsigned int)(pid - sim->first_pid);

	if (!is_sim_pid(sim, p->pid))
		return thermo_fail(-EINVAL, "simulated host: pids are %d to %d",
				   (int)sim->first_pid,
				   (int)sim->first_pid + SIM_MAX_PROCESSES - 1);
	(void)snprintf(path, sizeof(path), "proc/%d", pid);
	err = make_dir(sim, path);
	(void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " 10 1 0 50 0\n", pages, pages);
	if (!err)
		err = put(sim, text, "proc/%d/statm", pid);
	(void)snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64 " rw-p 00000000 00:00 0\n",
		       p->start, p->start + p->bytes);
	if (!err)
		err = put(sim, text, "proc/%d/maps", pid);
	if (!err)
		err = put(sim, "0::/sim\n", "proc/%d/cgroup", pid);
	if (!err)
		err = put(sim, "", "proc/%d/pagemap", pid);
	(void)snprintf(text, sizeof(text),
		       "%d (%s) S 1 %d %d 0 -1 0 0 0 0 0 7 8 0 0 20 0 %u 0 7 %" PRIu64 " %" PRIu64
		       " 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
		       pid, p->name, pid, pid, threads, p->bytes, pages);
	if (!err)
		err = put(sim, text, "proc/%d/stat", pid);
	if (!err)
		sim->alive[index / 64] |= 1ull << index % 64;
	return err;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

void sim_host_remove_process(struct sim_host *sim, pid_t pid)
{
	unsigned int index = (unsigned int)(pid - sim->first_pid);
	char path[PATH_BYTES];

	if (!is_alive(sim, pid))
		return;
	sim->alive[index / 64] &= ~(1ull << index % 64);
	(void)snprintf(path, sizeof(path), "%s/proc/%d", sim->root, (int)pid);
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- a host's life --- */

static int check_machine(struct sim_machine *m)
{
	m->nr_nodes = m->nr_nodes ? m->nr_nodes : 1;
	m->nr_cpu_nodes = m->nr_cpu_nodes ? m->nr_cpu_nodes : m->nr_nodes;
	m->nr_cpus = m->nr_cpus ? m->nr_cpus : 1;
	m->node_bytes = m->node_bytes ? m->node_bytes : 64ull << 30;
	m->stripe_bytes = m->stripe_bytes ? m->stripe_bytes : 1ull << 30;
	if (m->nr_nodes > MAX_NODES || m->nr_cpu_nodes > m->nr_nodes || m->nr_cpus > MAX_CPUS)
		return thermo_fail(-EINVAL,
				   "simulated host: %u nodes, %u with CPUs, %u CPUs: the most is "
				   "%u nodes and %u CPUs",
				   m->nr_nodes, m->nr_cpu_nodes, m->nr_cpus, MAX_NODES, MAX_CPUS);
	return 0;
}

/* Whoever uses a directory holds a lock on it, which dies with the process. */
static bool is_stale(const char *path)
{
	struct stat st;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	       st.st_mtime + STALE_S < time(NULL) && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* A bench that was killed could not clean up. */
static void remove_stale(const char *where)
{
	AUTO_CLOSEDIR DIR *dir = opendir(where);
	struct dirent *entry;
	char path[PATH_BYTES];

	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%.64s", where, entry->d_name);
		if (is_stale(path))
			(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
}

/* Return: 0 or -errno. */
static int make_root(struct sim_host *sim)
{
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	remove_stale(where);
	(void)snprintf(sim->root, sizeof(sim->root), "%s/" PREFIX "XXXXXX", where);
	if (!mkdtemp(sim->root)) {
		sim->root[0] = '\0';
		return thermo_fail(-errno, "simulated host: a directory in %s: %s", where,
				   strerror(errno));
	}
	sim->host.root_fd = open(sim->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sim->host.root_fd < 0 || flock(sim->host.root_fd, LOCK_EX | LOCK_NB))
		return thermo_fail(-errno, "simulated host: %s: %s", sim->root, strerror(errno));
	return 0;
}

int sim_host_open(struct sim_host *sim, const struct sim_machine *machine)
{
	int err;

	*sim = (struct sim_host){ .machine = *machine, .now_ns = START_NS };
	sim->host = (struct thermo_host){ .root_fd = -1, .ops = &sim_ops, .private_data = sim };
	/* A monitor never watches its own process: no pid here may be that of this one. */
	sim->first_pid = getpid() < 2000000 ? 3000000 : 1000000;
	err = check_machine(&sim->machine);
	if (err)
		return err;
	sim->alive = calloc(SIM_MAX_PROCESSES / 64, sizeof(*sim->alive));
	if (!sim->alive)
		return thermo_fail(-ENOMEM, "simulated host: no memory");
	err = make_root(sim);
	return err ? err : put_machine(sim);
}

void sim_host_close(struct sim_host *sim)
{
	if (sim->root[0]) {
		if (sim->host.root_fd >= 0)
			(void)close(sim->host.root_fd);
		(void)nftw(sim->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	free(sim->alive);
	*sim = (struct sim_host){ 0 };
}
