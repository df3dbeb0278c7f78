/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - the main thread's part: memory, threads, the clock of the report.
 *
 * SIGINT and SIGTERM are blocked and read from a signalfd, so that they end a
 * wait and nothing else.
 */
#include "bench/workload/run.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bench/workload/arena.h"
#include "bench/workload/report.h"
#include "bench/workload/worker.h"
#include "core/error.h"

#define NS_PER_MS UINT64_C(1000000)

/* Bounds on what the workers of one run take in memory, beyond the regions. */
#define MAX_STREAMS (1u << 18)
#define MAX_ZIPF_TABLES 1024u /* of up to 170 kB */

struct run {
	const struct workload_config *config;
	const struct workload_options *options;
	struct workload_arena arena;
	struct workload_report report;
	struct workload_shared shared;
	struct workload_worker *workers;
	size_t nr_workers;
	int signal_fd;
};

static int open_signals(struct run *run)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	run->shared.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->signal_fd < 0 || run->shared.done_fd < 0)
		return thermo_fail(-errno, "signalfd or eventfd: %s", strerror(errno));
	return 0;
}

/* Sleeps until @until_ns (UINT64_MAX: no end), a signal or a worker's end.  Return: a signal? */
static bool wait_until(const struct run *run, uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = run->signal_fd, .events = POLLIN },
				{ .fd = run->shared.done_fd, .events = POLLIN } };
	uint64_t now_ns = workload_now_ns();
	uint64_t left_ms = until_ns > now_ns ? (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
	uint64_t nr_done;

	(void)poll(fds, 2, until_ns == UINT64_MAX ? -1 : (int)left_ms);
	(void)!read(run->shared.done_fd, &nr_done, sizeof(nr_done));
	return fds[0].revents != 0;
}

static int check_limits(const struct run *run)
{
	size_t nr_copies = run->options->nr_threads ? run->options->nr_threads : 1;
	size_t nr_zipf = 0;

	for (size_t i = 0; i < run->config->nr_threads; i++)
		for (size_t j = 0; j < run->config->threads[i].nr_phases; j++)
			for (size_t k = 0; k < run->config->threads[i].phases[j].nr_patterns; k++)
				nr_zipf += run->config->threads[i].phases[j].patterns[k].kind ==
					   WORKLOAD_ZIPF;
	if (nr_copies * nr_zipf > MAX_ZIPF_TABLES)
		return thermo_fail(-E2BIG,
				   "%zu lines with zipf, times threads: more than %u: "
				   "use fewer",
				   nr_copies * nr_zipf, MAX_ZIPF_TABLES);
	if (nr_copies * run->config->nr_patterns > MAX_STREAMS)
		return thermo_fail(-E2BIG,
				   "%zu access lines, times threads: more than %u: "
				   "use fewer",
				   nr_copies * run->config->nr_patterns, MAX_STREAMS);
	return 0;
}

/* The @nth of @cpus, counted round. */
static int nth_cpu(const cpu_set_t *cpus, unsigned int nth)
{
	nth %= (unsigned int)CPU_COUNT(cpus);
	for (int cpu = 0;; cpu++)
		if (CPU_ISSET(cpu, cpus) && nth-- == 0)
			return cpu;
}

/* Settles where a worker runs: copies of one thread get one CPU each. */
static int place_worker(const struct run *run, struct workload_worker *worker,
			const cpu_set_t *allowed)
{
	cpu_set_t usable;

	if (run->options->unpinned) {
		worker->pinned = false;
		return 0;
	}
	CPU_AND(&usable, &worker->cpus, allowed);
	if (worker->pinned && CPU_COUNT(&usable) == 0)
		return thermo_fail(-EINVAL,
				   "thread '%.40s': none of its CPUs may be used here: "
				   "change cpu= or use --unpinned",
				   worker->name);
	if (run->options->nr_threads) {
		int cpu = nth_cpu(worker->pinned ? &usable : allowed, worker->index);

		CPU_ZERO(&worker->cpus);
		CPU_SET(cpu, &worker->cpus);
		worker->pinned = true;
	}
	return 0;
}

static int init_workers(struct run *run)
{
	size_t nr_copies = run->options->nr_threads;
	cpu_set_t allowed;
	int err = check_limits(run);

	if (err)
		return err;
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return thermo_fail(-errno, "sched_getaffinity: %s", strerror(errno));
	run->workers = calloc(nr_copies ? nr_copies : run->config->nr_threads,
			      sizeof(*run->workers));
	if (!run->workers)
		return thermo_fail(-ENOMEM, "out of memory");
	while (!err && run->nr_workers < (nr_copies ? nr_copies : run->config->nr_threads)) {
		unsigned int i = (unsigned int)run->nr_workers++;
		const struct workload_thread *thread = &run->config->threads[nr_copies ? 0 : i];

		err = workload_worker_init(&run->workers[i], &run->shared, thread, i,
					   nr_copies ? (int)i : -1);
		if (!err)
			err = place_worker(run, &run->workers[i], &allowed);
	}
	return err;
}

/*
 * Populates from a CPU of the first worker: where the kernel puts a page depends
 * on the CPU that touches it first.
 */
static int populate(struct run *run, uint64_t *time_ns)
{
	uint64_t start_ns = workload_now_ns();
	cpu_set_t before;
	int err = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		return thermo_fail(-errno, "sched_getaffinity: %s", strerror(errno));
	if (run->workers[0].pinned)
		(void)sched_setaffinity(0, sizeof(before), &run->workers[0].cpus);
	if (run->options->populate)
		err = workload_arena_populate(&run->arena, run->config, run->signal_fd);
	if (!err)
		err = workload_arena_load(&run->arena, run->config);
	(void)sched_setaffinity(0, sizeof(before), &before);
	*time_ns = workload_now_ns() - start_ns;
	return err;
}

static void stop_workers(struct run *run)
{
	/* relaxed: a flag alone; pairs with the workers' loads. */
	atomic_store_explicit(&run->shared.stop, true, memory_order_relaxed);
}

static bool all_done(const struct run *run)
{
	for (size_t i = 0; i < run->nr_workers; i++)
		/* relaxed: joined before anything else of theirs is read. */
		if (!atomic_load_explicit(&run->workers[i].done, memory_order_relaxed))
			return false;
	return true;
}

/* Reports until all workers ended, or a signal came. */
static void watch(struct run *run)
{
	uint64_t interval_ns = run->options->interval_ns;
	uint64_t next_ns = interval_ns ? run->shared.start_ns + interval_ns : UINT64_MAX;

	while (!all_done(run)) {
		if (wait_until(run, next_ns)) {
			stop_workers(run);
			break;
		}
		if (workload_now_ns() < next_ns)
			continue;
		workload_report_interval(&run->report, run->workers, run->nr_workers,
					 workload_now_ns() - run->shared.start_ns);
		next_ns += interval_ns;
	}
}

static int run_workers(struct run *run)
{
	int err = 0;

	run->shared.start_ns = workload_now_ns();
	for (size_t i = 0; !err && i < run->nr_workers; i++)
		err = workload_worker_start(&run->workers[i]);
	if (err)
		stop_workers(run);
	else
		watch(run);
	for (size_t i = 0; i < run->nr_workers; i++)
		workload_worker_join(&run->workers[i]);
	workload_arena_mark(&run->arena, "end");
	if (!err)
		workload_report_summary(&run->report, run->workers, run->nr_workers,
					workload_now_ns() - run->shared.start_ns);
	return err;
}

static int run_all(struct run *run)
{
	uint64_t populate_ns = 0;
	int err = open_signals(run);

	if (!err)
		err = workload_arena_open(&run->arena, run->config, run->options->window_addr,
					  run->options->thp);
	if (!err)
		err = init_workers(run);
	if (!err)
		err = workload_report_open(&run->report, run->options, run->nr_workers);
	if (!err)
		err = populate(run, &populate_ns);
	if (err)
		return err;
	workload_arena_mark(&run->arena, "window %ju", (uintmax_t)run->arena.bytes);
	workload_report_start(&run->report, &run->shared, run->nr_workers, populate_ns);
	if (run->options->populate_delay_ns &&
	    wait_until(run, workload_now_ns() + run->options->populate_delay_ns))
		return 0;
	return run_workers(run);
}

int workload_run(const struct workload_config *config, const struct workload_options *options)
{
	struct run run = { .config = config, .options = options, .signal_fd = -1 };
	int err, close_err;

	run.shared = (struct workload_shared){
		.config = config,
		.options = options,
		.arena = &run.arena,
		.done_fd = -1,
	};
	err = run_all(&run);
	for (size_t i = 0; i < run.nr_workers; i++)
		workload_worker_fini(&run.workers[i]);
	free(run.workers);
	close_err = workload_report_close(&run.report);
	workload_arena_close(&run.arena);
	if (run.shared.done_fd >= 0)
		(void)close(run.shared.done_fd);
	if (run.signal_fd >= 0)
		(void)close(run.signal_fd);
	return err ? err : close_err;
}
