/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_host.h - a machine that is not there, behind the host seam.
 *
 * /proc and /sys are a temporary directory in memory, the clock stands still until
 * it is told to go on, and where a page is follows from its address: so a machine
 * of 64 TiB, 1,024 CPUs and thousands of processes costs some files.  Every byte of
 * every process is present, in huge pages.  Pages do not move: a call that wants to
 * move some fails with -EPERM.
 *
 * One thread sets it up and ends it; the clock may be read and moved by any.
 */
#ifndef BENCH_SIM_SIM_HOST_H
#define BENCH_SIM_SIM_HOST_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/host.h"

#define SIM_PAGE_BYTES 4096ull
#define SIM_HUGE_BYTES (2ull << 20)

/**
 * struct sim_machine - What the machine has.  Zeroes mean the default.
 * @nr_nodes:	Default 1, at most 1024; the first @nr_cpu_nodes have CPUs.
 * @nr_cpu_nodes:	Default: all.
 * @nr_cpus:	Default 1, dealt to the nodes in equal consecutive shares.
 * @node_bytes:	Memory of a node, default 64 GiB.
 * @stripe_bytes:	Memory of a process goes to the nodes in turn, so much at a time;
 *		default 1 GiB.
 */
struct sim_machine {
	unsigned int nr_nodes;
	unsigned int nr_cpu_nodes;
	unsigned int nr_cpus;
	uint64_t node_bytes;
	uint64_t stripe_bytes;
};

struct sim_host {
	struct thermo_host host;
	struct sim_machine machine;
	char root[64];
	_Atomic uint64_t now_ns;
	pid_t first_pid;
	uint64_t *alive; /* processes from first_pid on, a bit each */
};

/* Pids are from first_pid on, which is far from the caller's own. */
#define SIM_MAX_PROCESSES 65536

/**
 * struct sim_process - A process with one mapping.
 * @pid:	sim_host.first_pid and up to SIM_MAX_PROCESSES - 1 more.
 * @name:	Without spaces or parentheses.
 * @start, @bytes:	Of the mapping, in whole pages.
 */
struct sim_process {
	pid_t pid;
	const char *name;
	uint64_t start;
	uint64_t bytes;
	unsigned int nr_threads; /* 0: one */
};

/* Return: 0 or -errno; sim_host_close() is due in any case. */
int sim_host_open(struct sim_host *sim, const struct sim_machine *machine);
/* Removes the directory.  Accepts a failed or zeroed one; twice is fine. */
void sim_host_close(struct sim_host *sim);

/* The process appears, or changes to this.  Return: 0 or -errno. */
int sim_host_add_process(struct sim_host *sim, const struct sim_process *process);

/* The process exits. */
void sim_host_remove_process(struct sim_host *sim, pid_t pid);

void sim_host_advance(struct sim_host *sim, uint64_t ns);

/* The node of a CPU and of the page at @addr, by the machine's rule. */
int sim_host_node_of_cpu(const struct sim_host *sim, unsigned int cpu);
int sim_host_node_of_addr(const struct sim_host *sim, uint64_t addr);

#endif
