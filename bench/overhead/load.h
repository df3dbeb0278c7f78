/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.h - a workload in a process of its own, which runs when it is told to.
 *
 * Sources never watch their own process, so the workload is a child: a thread on each
 * CPU, with memory of its own, all waiting between runs.  The child dies with its parent
 * and when the load is stopped.  One thread owns a load; fork happens in load_start(), so
 * it comes before that thread starts others.
 *
 *	parent			child
 *	overhead_load_start	memory, threads
 *	  fd readable		ready
 *	overhead_load_run	all threads run until the window ends
 *	  fd readable		speeds are there
 */
#ifndef BENCH_OVERHEAD_LOAD_H
#define BENCH_OVERHEAD_LOAD_H

#include <sched.h>
#include <stddef.h>
#include <sys/types.h>

#include "bench/overhead/kernel.h"

#define OVERHEAD_MAX_THREADS 1024u

/**
 * struct overhead_load_opts - What runs.
 * @bytes:	Of all threads together.
 * @nr_threads:	Bound to @cpus one after the other, and round again.
 * @window_addr:	Map the memory there, for who observes the lab's window; 0: anywhere.
 * @socket:	Where the program reports its own accesses when it is told to.
 */
struct overhead_load_opts {
	enum overhead_kind kind;
	uint64_t bytes;
	uint32_t nr_threads;
	cpu_set_t cpus;
	uint64_t window_addr;
	const char *socket;
};

/**
 * struct overhead_run - A run: it begins at once and counts from @start_ns to @end_ns.
 * @end_ns:	0: no run, only connect for the next one, which takes its time.
 * @report_period:	The program reports an access each so many; 0: none.
 */
struct overhead_run {
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t report_period;
};

/* One thread's, or the sum.  @ns: how long it really counted. */
struct overhead_score {
	uint64_t accesses;
	uint64_t ns;
	uint64_t user_ns;
	uint64_t system_ns;
	uint64_t checksum;
};

struct overhead_shared;

/* Zeroed with both descriptors -1: none. */
struct overhead_load {
	pid_t pid;
	int command_fd;
	int answer_fd;
	struct overhead_shared *shared;
	uint32_t nr_threads;
};

#define OVERHEAD_NO_LOAD                                                                           \
	{                                                                                          \
		.command_fd = -1, .answer_fd = -1                                                  \
	}

/* Return: 0 or -errno; overhead_load_stop() is due in any case.  An answer follows. */
int overhead_load_start(struct overhead_load *load, const struct overhead_load_opts *opts);

/* Return: 0, or -EPIPE when the child is gone.  An answer follows. */
int overhead_load_run(struct overhead_load *load, const struct overhead_run *run);

/* Once answer_fd is readable.  Return: 0; -errno with the child's reason. */
int overhead_load_answer(struct overhead_load *load);

/*
 * What a second is of: time that goes by, or CPU time of the threads alone, which leaves
 * out what they wait for a CPU.
 */
enum overhead_clock { OVERHEAD_WALL, OVERHEAD_CPU };

/* Of the last run: accesses a second of all threads. */
double overhead_load_speed(const struct overhead_load *load, enum overhead_clock clock);

/* Of the last run, sums over the threads. */
void overhead_load_sum(const struct overhead_load *load, struct overhead_score *sum);

/* End the child.  Accepts none and a half started one; may be called twice. */
void overhead_load_stop(struct overhead_load *load);

#endif
