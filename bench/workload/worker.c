/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.c - see worker.h. */
#include "bench/workload/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/workload/random.h"
#include "core/error.h"

/*
 * In a virtual machine the clock may cost as much as many accesses; so it is read
 * about once in this time, after a number of picks that adapts.
 */
#define CHECK_NS UINT64_C(1000000)
#define MAX_PICKS_PER_CHECK 4096u
#define NS_PER_S UINT64_C(1000000000)

uint64_t workload_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int init_phase(struct workload_worker *w, struct workload_worker_phase *phase,
		      const struct workload_phase *from)
{
	const struct workload_config *config = w->shared->config;
	uint64_t sum = 0;

	phase->streams = calloc(from->nr_patterns, sizeof(*phase->streams));
	phase->weight_ends = calloc(from->nr_patterns, sizeof(*phase->weight_ends));
	if (!phase->streams || !phase->weight_ends)
		return thermo_fail(-ENOMEM, "thread '%.40s': out of memory", w->name);
	for (size_t i = 0; i < from->nr_patterns; i++) {
		const struct workload_pattern *p = &from->patterns[i];
		int err = workload_stream_init(&phase->streams[i], p,
					       w->shared->arena->regions[p->region],
					       config->regions[p->region].bytes);

		if (err)
			return err;
		sum += p->weight;
		phase->weight_ends[i] = sum;
		phase->moves |= p->move_ns != 0;
	}
	return 0;
}

int workload_worker_init(struct workload_worker *worker, struct workload_shared *shared,
			 const struct workload_thread *thread, unsigned int index, int copy)
{
	const struct workload_options *options = shared->options;
	int err = 0;

	*worker = (struct workload_worker){
		.shared = shared,
		.thread = thread,
		.index = index,
		.pinned = thread->pinned,
		.cpus = thread->cpus,
		.picks_per_check = 1,
		.accesses_to_flush = options->tlb_flush_accesses,
	};
	(void)snprintf(worker->name, sizeof(worker->name), copy < 0 ? "%s" : "%s%d", thread->name,
		       copy);
	worker->phases = calloc(thread->nr_phases, sizeof(*worker->phases));
	if (!worker->phases)
		return thermo_fail(-ENOMEM, "thread '%.40s': out of memory", worker->name);
	for (size_t i = 0; !err && i < thread->nr_phases; i++)
		err = init_phase(worker, &worker->phases[i], &thread->phases[i]);
	if (!err && options->tlb_flush_accesses)
		err = workload_tlb_open(&worker->tlb);
	return err;
}

void workload_worker_fini(struct workload_worker *worker)
{
	for (size_t i = 0; worker->phases && i < worker->thread->nr_phases; i++) {
		struct workload_worker_phase *phase = &worker->phases[i];

		for (size_t j = 0; phase->streams && j < worker->thread->phases[i].nr_patterns; j++)
			workload_stream_fini(&phase->streams[j]);
		free(phase->streams);
		free(phase->weight_ends);
	}
	free(worker->phases);
	worker->phases = NULL;
	workload_tlb_close(&worker->tlb);
}

/* The first stream whose sum of weights is above a random number below them all. */
static struct workload_stream *pick(struct workload_worker *w,
				    const struct workload_worker_phase *phase,
				    const struct workload_phase *from)
{
	size_t low = 0, high = from->nr_patterns - 1;
	uint64_t rest, at;

	if (high == 0)
		return &phase->streams[0];
	at = workload_random_below(workload_random(&w->random), from->total_weight, &rest);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (phase->weight_ends[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return &phase->streams[low];
}

static void run_pick(struct workload_worker *w, struct workload_stream *stream)
{
	uint64_t left = w->shared->options->accesses_per_pick;

	if (w->shared->options->tlb_flush_accesses == 0) {
		workload_stream_run(stream, (uint32_t)left, &w->counts);
		return;
	}
	while (left > 0) {
		uint64_t n = left < w->accesses_to_flush ? left : w->accesses_to_flush;

		workload_stream_run(stream, (uint32_t)n, &w->counts);
		left -= n;
		w->accesses_to_flush -= n;
		if (w->accesses_to_flush == 0) {
			workload_tlb_flush(&w->tlb);
			w->accesses_to_flush = w->shared->options->tlb_flush_accesses;
		}
	}
}

static void publish(struct workload_worker *w)
{
	/* relaxed: statistics; nothing is read on their strength. */
	atomic_store_explicit(&w->nr_reads, w->counts.nr_reads, memory_order_relaxed);
	/* relaxed: as above. */
	atomic_store_explicit(&w->nr_writes, w->counts.nr_writes, memory_order_relaxed);
}

static void begin_phase(struct workload_worker *w, size_t index, uint64_t round)
{
	const struct workload_phase *from = &w->thread->phases[index];
	struct workload_worker_phase *phase = &w->phases[index];
	uint64_t seed = workload_random_seed(w->shared->options->seed, w->index);

	/* A seed for each phase: how far the one before came must not matter. */
	seed = workload_random_seed(seed, index);
	seed = workload_random_seed(seed, round);
	w->random = workload_random_seed(seed, 0);
	for (size_t i = 0; i < from->nr_patterns; i++)
		workload_stream_rewind(&phase->streams[i], workload_random_seed(seed, i + 1));
	/* relaxed: for display alone. */
	atomic_store_explicit(&w->phase, (uint32_t)index, memory_order_relaxed);
	if (w->index == 0)
		workload_arena_mark(w->shared->arena, "phase %s", from->name);
}

static bool stopped(const struct workload_worker *w)
{
	/* relaxed: a flag alone; pairs with the main thread's store. */
	return atomic_load_explicit(&w->shared->stop, memory_order_relaxed);
}

/* Accesses until the clock is due again.  Return: the time then. */
static uint64_t run_until_check(struct workload_worker *w, struct workload_worker_phase *phase,
				const struct workload_phase *from, uint64_t now_ns)
{
	uint64_t later_ns;

	for (uint64_t i = 0; i < w->picks_per_check; i++)
		run_pick(w, pick(w, phase, from));
	publish(w);
	workload_arena_tell_task(w->shared->arena, w->task);
	later_ns = workload_now_ns();
	if (later_ns - now_ns < CHECK_NS / 2 && w->picks_per_check < MAX_PICKS_PER_CHECK)
		w->picks_per_check *= 2;
	else if (later_ns - now_ns > CHECK_NS * 2 && w->picks_per_check > 1)
		w->picks_per_check /= 2;
	return later_ns;
}

static void run_phase(struct workload_worker *w, size_t index, uint64_t round, uint64_t end_ns)
{
	const struct workload_phase *from = &w->thread->phases[index];
	struct workload_worker_phase *phase = &w->phases[index];
	struct workload_counts before = w->counts;
	uint64_t start_ns = workload_now_ns();
	uint64_t now_ns = start_ns;

	begin_phase(w, index, round);
	while (now_ns < end_ns && !stopped(w)) {
		for (size_t i = 0; phase->moves && i < from->nr_patterns; i++)
			workload_stream_move(&phase->streams[i], now_ns - start_ns);
		now_ns = run_until_check(w, phase, from, now_ns);
	}
	phase->time_ns += now_ns - start_ns;
	phase->counts.nr_reads += w->counts.nr_reads - before.nr_reads;
	phase->counts.nr_writes += w->counts.nr_writes - before.nr_writes;
}

static void *worker_main(void *arg)
{
	struct workload_worker *w = arg;
	uint64_t nr_repeats = w->shared->options->nr_repeats;
	/* Ends are counted from the common start: threads never drift apart. */
	uint64_t end_ns = w->shared->start_ns;
	uint64_t one = 1;

	w->task = (uint64_t)getpid() << 32 | (uint32_t)gettid();
	workload_arena_tell_task(w->shared->arena, w->task);
	for (uint64_t round = 0; (nr_repeats == 0 || round < nr_repeats) && !stopped(w); round++) {
		for (size_t i = 0; i < w->thread->nr_phases && !stopped(w); i++) {
			end_ns += w->thread->phases[i].time_ns;
			run_phase(w, i, round, end_ns);
		}
	}
	/* relaxed: the main thread joins before it uses anything of ours. */
	atomic_store_explicit(&w->done, true, memory_order_relaxed);
	(void)!write(w->shared->done_fd, &one, sizeof(one));
	return NULL;
}

int workload_worker_start(struct workload_worker *worker)
{
	char comm[16]; /* what the kernel shows of a thread's name */
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (!err && worker->pinned)
		err = pthread_attr_setaffinity_np(&attr, sizeof(worker->cpus), &worker->cpus);
	if (!err)
		err = pthread_create(&worker->pthread, &attr, worker_main, worker);
	(void)pthread_attr_destroy(&attr);
	if (err)
		return thermo_fail(-err,
				   "starting thread '%.40s': %s: use fewer threads or "
				   "--unpinned",
				   worker->name, strerror(err));
	(void)snprintf(comm, sizeof(comm), "%.15s", worker->name);
	(void)pthread_setname_np(worker->pthread, comm);
	worker->started = true;
	return 0;
}

void workload_worker_join(struct workload_worker *worker)
{
	if (worker->started)
		(void)pthread_join(worker->pthread, NULL);
	worker->started = false;
}
