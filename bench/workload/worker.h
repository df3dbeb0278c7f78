/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.h - one thread of the workload: goes through its phases and counts.
 *
 * The main thread initialises all workers, starts, and joins them; in between it
 * only reads the progress counters and writes the stop flag.  The per-phase
 * results are the worker's until it was joined.
 */
#ifndef BENCH_WORKLOAD_WORKER_H
#define BENCH_WORKLOAD_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/workload/arena.h"
#include "bench/workload/config.h"
#include "bench/workload/options.h"
#include "bench/workload/stream.h"
#include "bench/workload/tlb.h"

/* What all workers share.  Only the stop flag changes while they run. */
struct workload_shared {
	const struct workload_config *config;
	const struct workload_options *options;
	struct workload_arena *arena; /* the first worker makes marks */
	uint64_t start_ns;
	int done_fd; /* eventfd: a worker writes when it ends */
	_Atomic bool stop;
};

struct workload_worker_phase {
	struct workload_stream *streams; /* as many as the phase has patterns */
	uint64_t *weight_ends;           /* sums of weights up to and with each */
	bool moves;
	struct workload_counts counts; /* over all repeats */
	uint64_t time_ns;
};

struct workload_worker {
	struct workload_shared *shared;
	const struct workload_thread *thread;
	unsigned int index;
	char name[WORKLOAD_MAX_NAME_BYTES + 8];
	bool pinned;
	cpu_set_t cpus;
	struct workload_worker_phase *phases;
	struct workload_tlb tlb;
	pthread_t pthread;
	bool started;

	/* The worker's own. */
	uint64_t task; /* pid << 32 | tid */
	uint64_t random;
	uint64_t picks_per_check;
	uint64_t accesses_to_flush;
	struct workload_counts counts;

	/* Written by the worker, read by the main thread. */
	_Atomic uint64_t nr_reads;
	_Atomic uint64_t nr_writes;
	_Atomic uint32_t phase;
	_Atomic bool done;
};

uint64_t workload_now_ns(void);

/**
 * workload_worker_init() - Prepare all that a worker needs.
 * @thread:	Its phases and CPUs.
 * @copy:	Number to append to the name; negative: none.
 *
 * Return: 0 or -errno; workload_worker_fini() is due in any case.
 */
int workload_worker_init(struct workload_worker *worker, struct workload_shared *shared,
			 const struct workload_thread *thread, unsigned int index, int copy);

/* The worker must have been joined, or never started.  Accepts a zeroed one. */
void workload_worker_fini(struct workload_worker *worker);

/* shared->start_ns must be set.  Return: 0 or -errno. */
int workload_worker_start(struct workload_worker *worker);

/* Wait for its end, if it was started. */
void workload_worker_join(struct workload_worker *worker);

#endif
