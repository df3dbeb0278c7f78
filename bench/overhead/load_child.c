// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load_child.c - the workload's process: a main thread that takes orders, and a worker on
 * each CPU.  They meet at two barriers a run, and share nothing between them.
 */
#include "bench/overhead/load_child.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/workload/arena.h"
#include "core/error.h"
#include "thermocline/client.h"

/* Accesses between two looks at what else is due. */
#define PIECE 1024u
/* The clock is read about once in this time: in a virtual machine it is slow. */
#define CHECK_NS 500000ull
#define MAX_PIECES 1024u
/* Rings as large as the daemon lets a client have, all together. */
#define MAX_RING_BYTES (16ull << 20)
#define MAX_RINGS 256u
#define MAX_REPORTS (1u << 16)

struct child;

struct worker {
	struct child *child;
	uint32_t index;
	pthread_t thread;
	unsigned char *memory;
	struct overhead_kernel kernel;
	uint64_t accesses;
	uint64_t reported;  /* accesses up to the last report */
	uint64_t nr_pieces; /* between two looks at the clock */
};

struct child {
	const struct overhead_load_opts *opts;
	struct overhead_shared *shared;
	struct overhead_run run;
	struct thermo_reporter *reporter; /* NULL: this run reports nothing */
	struct workload_arena arena;
	struct worker *workers;
	uint64_t slice_bytes;
	pthread_barrier_t begin, end;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* --- a worker --- */

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000ull + (uint64_t)t->tv_usec * 1000;
}

/* So far, at @now. */
static struct overhead_score score_now(const struct worker *w, uint64_t now)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_THREAD, &usage);
	return (struct overhead_score){ .accesses = w->accesses,
					.ns = now,
					.user_ns = timeval_ns(&usage.ru_utime),
					.system_ns = timeval_ns(&usage.ru_stime),
					.checksum = w->kernel.sum };
}

/* The last access stands for all since the one that was reported before. */
static void report(struct worker *w)
{
	const struct thermo_access access = {
		.addr = (uintptr_t)w->kernel.last,
		.extent_bytes = sizeof(uint64_t),
		.nr_accesses = (uint32_t)(w->accesses - w->reported),
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.access_bytes = sizeof(uint64_t),
		.op = w->kernel.last_is_write ? THERMO_OP_WRITE : THERMO_OP_READ,
		.space = THERMO_SPACE_VIRTUAL,
	};

	/* One that finds the ring full is counted there. */
	(void)thermo_report_access(w->child->reporter, &access);
	w->reported = w->accesses;
}

static void run_piece(struct worker *w)
{
	struct thermo_reporter *reporter = w->child->reporter;
	uint64_t period = w->child->run.report_period, left = PIECE;

	while (left > 0) {
		uint64_t due = reporter ? period - (w->accesses - w->reported) : left;
		uint64_t made = overhead_kernel_run(&w->kernel, due < left ? due : left);

		w->accesses += made;
		left -= made < left ? made : left;
		if (reporter && w->accesses - w->reported >= period)
			report(w);
	}
}

/* Until the clock is due.  Return: the time then. */
static uint64_t run_pieces(struct worker *w, uint64_t task, uint64_t now)
{
	uint64_t later;

	for (uint64_t i = 0; i < w->nr_pieces; i++)
		run_piece(w);
	workload_arena_tell_task(&w->child->arena, task);
	later = now_ns();
	if (later - now < CHECK_NS / 2 && w->nr_pieces < MAX_PIECES)
		w->nr_pieces *= 2;
	else if (later - now > CHECK_NS * 2 && w->nr_pieces > 1)
		w->nr_pieces /= 2;
	return later;
}

static void run(struct worker *w, uint64_t task)
{
	const struct overhead_run *r = &w->child->run;
	struct overhead_score *score = &w->child->shared->scores[w->index], from, to;
	uint64_t now = now_ns();

	w->reported = w->accesses;
	while (now < r->start_ns)
		now = run_pieces(w, task, now);
	from = score_now(w, now);
	while (now < r->end_ns)
		now = run_pieces(w, task, now);
	to = score_now(w, now);
	*score = (struct overhead_score){ .accesses = to.accesses - from.accesses,
					  .ns = to.ns - from.ns,
					  .user_ns = to.user_ns - from.user_ns,
					  .system_ns = to.system_ns - from.system_ns,
					  .checksum = to.checksum };
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t task = (uint64_t)getpid() << 32 | (uint32_t)gettid();

	/* Where it will be used: its first touch decides the node. */
	overhead_kernel_init(&w->kernel, w->child->opts->kind, w->memory, w->child->slice_bytes,
			     w->index + 1);
	w->nr_pieces = 1;
	(void)pthread_barrier_wait(&w->child->end);
	for (;;) {
		(void)pthread_barrier_wait(&w->child->begin);
		run(w, task);
		(void)pthread_barrier_wait(&w->child->end);
	}
	return NULL;
}

/* --- the main thread --- */

static int map_memory(struct child *c)
{
	struct workload_region region = { .bytes = c->opts->bytes };
	const struct workload_config config = { .regions = &region,
						.nr_regions = 1,
						.total_bytes = c->opts->bytes };

	c->slice_bytes =
			c->opts->bytes / c->opts->nr_threads & ~(uint64_t)(WORKLOAD_PAGE_BYTES - 1);
	if (c->slice_bytes < OVERHEAD_MIN_BYTES)
		return thermo_fail(-EINVAL, "less than a page of memory for each thread");
	int err = workload_arena_open(&c->arena, &config, c->opts->window_addr,
				      WORKLOAD_THP_DEFAULT);

	/* As the workload generator tells who observes it. */
	if (!err)
		workload_arena_mark(&c->arena, "window %ju", (uintmax_t)c->arena.bytes);
	return err;
}

static int start_worker(struct child *c, uint32_t index, int *cpu)
{
	struct worker *w = &c->workers[index];
	pthread_attr_t attr;
	cpu_set_t one;
	int err;

	do
		*cpu = (*cpu + 1) % CPU_SETSIZE;
	while (!CPU_ISSET(*cpu, &c->opts->cpus));
	CPU_ZERO(&one);
	CPU_SET(*cpu, &one);
	*w = (struct worker){ .child = c,
			      .index = index,
			      .memory = (unsigned char *)c->arena.regions[0] +
					index * c->slice_bytes };
	err = pthread_attr_init(&attr);
	if (!err)
		err = pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
	if (!err)
		err = pthread_create(&w->thread, &attr, work, w);
	(void)pthread_attr_destroy(&attr);
	return err ? thermo_fail(-err, "starting a thread on CPU %d: %s", *cpu, strerror(err)) : 0;
}

static int prepare(struct child *c)
{
	uint32_t nr = c->opts->nr_threads;
	int cpu = -1, err = map_memory(c);

	if (err)
		return err;
	c->workers = calloc(nr, sizeof(*c->workers));
	if (!c->workers || pthread_barrier_init(&c->begin, NULL, nr + 1) ||
	    pthread_barrier_init(&c->end, NULL, nr + 1))
		return thermo_fail(-ENOMEM, "no memory for %u threads", nr);
	for (uint32_t i = 0; !err && i < nr; i++)
		err = start_worker(c, i, &cpu);
	/* All memory is written, all threads wait. */
	if (!err)
		(void)pthread_barrier_wait(&c->end);
	return err;
}

static int connect_reporter(struct child *c)
{
	uint32_t nr_rings = c->opts->nr_threads < MAX_RINGS ? c->opts->nr_threads : MAX_RINGS;
	struct thermo_client_opts opts = { .socket = c->opts->socket,
					   .name = "overhead",
					   .nr_reports = MAX_REPORTS,
					   .nr_threads = nr_rings };

	while ((uint64_t)opts.nr_reports * nr_rings * sizeof(struct thermo_access) > MAX_RING_BYTES)
		opts.nr_reports /= 2;
	return thermo_client_connect(&c->reporter, &opts);
}

static int obey(struct child *c)
{
	if (c->run.end_ns == 0)
		return connect_reporter(c);
	(void)pthread_barrier_wait(&c->begin);
	(void)pthread_barrier_wait(&c->end);
	thermo_client_close(c->reporter);
	c->reporter = NULL;
	return 0;
}

/* Return: whether the parent can hear it. */
static bool answer(struct child *c, int fd, int err)
{
	c->shared->err = err;
	if (err)
		(void)snprintf(c->shared->reason, sizeof(c->shared->reason), "%s",
			       thermo_last_error());
	return write(fd, "", 1) == 1;
}

/* No exit handlers of the parent's run here. */
_Noreturn void overhead_child(struct overhead_shared *shared, const struct overhead_load_opts *opts,
			      int command_fd, int answer_fd)
{
	struct child c = { .opts = opts, .shared = shared };
	bool heard = answer(&c, answer_fd, prepare(&c));

	while (heard && read(command_fd, &c.run, sizeof(c.run)) == (ssize_t)sizeof(c.run))
		heard = answer(&c, answer_fd, obey(&c));
	_exit(0);
}
