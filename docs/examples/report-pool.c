/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report-pool.c - a buffer pool that tells the daemon which of its pages are used.
 *
 *	cc -O2 report-pool.c -o report-pool $(pkg-config --cflags --libs thermocline) -pthread
 *	./report-pool [SOCKET [SECONDS]]
 *
 * The pool sees every use of a page, so it knows better than any sampling from outside.
 * It counts uses in its frames.  Ten times a second each worker goes through its share of
 * the frames and reports what was counted and for how long: a report for each frame that
 * was used, and one for each run of frames that were not.  The cost is a count for each
 * use and some nanoseconds for each frame and round.
 *
 * Without a daemon the pool works as ever: reporting is never a reason to fail.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <thermocline/client.h>

#define PAGE_BYTES 8192u
#define NR_FRAMES 4096u
#define NR_PAGES 16384u /* of the file that is cached: more than fit */
#define NR_WORKERS 4u
#define SHARE (NR_FRAMES / NR_WORKERS)
#define ROUND_NS 100000000ull
#define BATCH 64u

struct frame {
	pthread_mutex_t lock;
	uint32_t page; /* + 1; 0: empty */
	uint32_t nr_uses;
	uint32_t nr_writes;
};

static struct thermo_reporter *reporter; /* NULL: nobody to report to */
static unsigned char *memory;
static struct frame frames[NR_FRAMES];
static uint64_t stop_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* A frame for each page: what a real pool does better is not the point here. */
static void use_page(uint32_t page, int is_write)
{
	struct frame *frame = &frames[page % NR_FRAMES];
	unsigned char *bytes = memory + (size_t)(page % NR_FRAMES) * PAGE_BYTES;

	pthread_mutex_lock(&frame->lock);
	if (frame->page != page + 1) {
		memset(bytes, (int)page, PAGE_BYTES); /* "read from the file" */
		frame->page = page + 1;
	}
	if (is_write)
		bytes[page % PAGE_BYTES]++;
	frame->nr_uses++;
	frame->nr_writes += (uint32_t)is_write;
	pthread_mutex_unlock(&frame->lock);
}

/* What was counted since the last round, in a report of one frame. */
static struct thermo_access take_counts(uint32_t index, uint64_t time_ns, uint64_t watched_ns)
{
	struct frame *frame = &frames[index];
	struct thermo_access access = { .addr = (uint64_t)(uintptr_t)memory +
						(uint64_t)index * PAGE_BYTES,
					.extent_bytes = PAGE_BYTES,
					.time_ns = time_ns,
					.watched_ns = watched_ns,
					.cpu = THERMO_CPU_UNKNOWN,
					.node = THERMO_NODE_UNKNOWN,
					.count = THERMO_COUNT_EXACT };

	pthread_mutex_lock(&frame->lock);
	access.nr_accesses = frame->nr_uses;
	/* A report has one direction: what most of its accesses did. */
	access.op = 2 * frame->nr_writes > frame->nr_uses ? THERMO_OP_WRITE : THERMO_OP_READ;
	frame->nr_uses = frame->nr_writes = 0;
	pthread_mutex_unlock(&frame->lock);
	return access;
}

/* What does not fit into the ring is lost, and counted: the next round is as good. */
static void report_share(uint32_t worker, uint64_t time_ns, uint64_t watched_ns)
{
	struct thermo_access batch[BATCH];
	size_t nr = 0;

	for (uint32_t i = worker * SHARE; i < (worker + 1) * SHARE; i++) {
		struct thermo_access access = take_counts(i, time_ns, watched_ns);

		/* Known not accessed, and so was its neighbour: one report for both. */
		if (access.nr_accesses == 0 && nr && batch[nr - 1].nr_accesses == 0) {
			batch[nr - 1].extent_bytes += PAGE_BYTES;
			continue;
		}
		if (nr == BATCH) {
			(void)thermo_report_accesses(reporter, batch, nr);
			nr = 0;
		}
		batch[nr++] = access;
	}
	(void)thermo_report_accesses(reporter, batch, nr);
}

/* Few pages get most uses. */
static void *work(void *arg)
{
	uint32_t worker = (uint32_t)(uintptr_t)arg;
	uint64_t random = 0x9e3779b97f4a7c15ull * (worker + 1), round_ns = now_ns(), now;

	while ((now = now_ns()) < stop_ns) {
		for (int i = 0; i < 256; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			uint32_t any = (uint32_t)(random >> 32) % NR_PAGES;

			use_page(random % 10 ? any % (NR_PAGES / 16) : any, random % 7 == 0);
		}
		if (reporter && now - round_ns >= ROUND_NS) {
			report_share(worker, now, now - round_ns);
			round_ns = now;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct thermo_client_opts opts = { .socket = argc > 1 ? argv[1] : NULL,
					   .name = "report-pool",
					   .nr_reports = 8192,
					   .nr_threads = NR_WORKERS };
	pthread_t workers[NR_WORKERS];

	memory = aligned_alloc(PAGE_BYTES, (size_t)NR_FRAMES * PAGE_BYTES);
	if (!memory)
		return 1;
	for (size_t i = 0; i < NR_FRAMES; i++)
		pthread_mutex_init(&frames[i].lock, NULL);
	if (thermo_client_connect(&reporter, &opts))
		fprintf(stderr, "not reporting: %s\n", thermo_last_error());
	stop_ns = now_ns() + (argc > 2 ? strtoull(argv[2], NULL, 10) : 10) * 1000000000ull;
	for (size_t i = 0; i < NR_WORKERS; i++)
		if (pthread_create(&workers[i], NULL, work, (void *)(uintptr_t)i))
			return 1;
	for (size_t i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i], NULL);
	if (reporter)
		printf("%s, %llu reports dropped\n",
		       thermo_client_connected(reporter) ? "connected" : "the daemon is gone",
		       (unsigned long long)thermo_reporter_dropped(reporter));
	thermo_client_close(reporter);
	free(memory);
	return 0;
}
