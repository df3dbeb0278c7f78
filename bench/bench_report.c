// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_report.c - what a report costs who makes it, and what the rings carry.
 *
 * The measure is a Concurrency Kit ring of the same 64-byte records, one producer and
 * one consumer, filled in turn with ours.
 */
#include "bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "thermocline/report.h"

#ifdef HAVE_CK
#include <ck_ring.h>
#endif

#define RING 4096u
#define ROUNDS 64
#define PAGE 4096ull
#define MAX_PRODUCERS 64
#define LOAD_NS 300e6

static struct thermo_access make_report(void)
{
	return (struct thermo_access){ .addr = PAGE,
				       .extent_bytes = PAGE,
				       .nr_accesses = 1,
				       .pid = 1,
				       .cpu = THERMO_CPU_UNKNOWN,
				       .node = THERMO_NODE_UNKNOWN,
				       .op = THERMO_OP_READ };
}

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_report: %s\n", what);
	exit(1);
}

static struct thermo_reporter *make_reporter(uint32_t nr_threads)
{
	struct thermo_reporter_opts opts = { .nr_reports = RING, .nr_threads = nr_threads };
	struct thermo_reporter *r = NULL;

	check(thermo_reporter_new(&r, &opts) == 0, thermo_last_error());
	return r;
}

/* --- one thread --- */

static uint64_t drain_all(struct thermo_reporter *r)
{
	struct thermo_access out[256];
	uint64_t total = 0;
	size_t nr;

	while ((nr = thermo_reporter_drain(r, out, 256)) > 0)
		total += nr;
	return total;
}

/* As many into an empty ring as a Concurrency Kit ring of that size holds. */
static double fill_ns(struct thermo_reporter *r)
{
	struct thermo_access a = make_report();
	double start = bench_now_ns();

	for (uint32_t i = 0; i < RING - 1; i++) {
		a.addr += PAGE;
		(void)thermo_report_access(r, &a);
	}
	return (bench_now_ns() - start) / (RING - 1);
}

static double fill_batches_ns(struct thermo_reporter *r)
{
	struct thermo_access batch[64];
	double start;

	for (int i = 0; i < 64; i++)
		batch[i] = make_report();
	start = bench_now_ns();
	for (uint32_t i = 0; i < RING; i += 64)
		(void)thermo_report_accesses(r, batch, 64);
	return (bench_now_ns() - start) / RING;
}

#ifdef HAVE_CK
CK_RING_PROTOTYPE(access, thermo_access)

struct ck {
	ck_ring_t ring;
	struct thermo_access *slots;
};

static void ck_make(struct ck *ck)
{
	size_t bytes = RING * sizeof(*ck->slots);

	ck->slots = aligned_alloc(64, bytes);
	check(ck->slots, "no memory");
	memset(ck->slots, 0, bytes);
	ck_ring_init(&ck->ring, RING);
}

static double ck_fill_ns(struct ck *ck)
{
	struct thermo_access a = make_report();
	struct thermo_access out;
	double start = bench_now_ns(), ns;

	for (uint32_t i = 0; i < RING - 1; i++) {
		a.addr += PAGE;
		(void)ck_ring_enqueue_spsc_access(&ck->ring, ck->slots, &a);
	}
	ns = (bench_now_ns() - start) / (RING - 1);
	while (ck_ring_dequeue_spsc_access(&ck->ring, ck->slots, &out))
		;
	return ns;
}
#endif

static double median(double *values, int nr)
{
	qsort(values, (size_t)nr, sizeof(values[0]), bench_by_value);
	return values[nr / 2];
}

static void bench_one_thread(void)
{
	struct thermo_reporter *r = make_reporter(1);
	double ours[ROUNDS], batches[ROUNDS], ns;
#ifdef HAVE_CK
	double theirs[ROUNDS];
	struct ck ck;

	ck_make(&ck);
#endif
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i; /* the first one warms */

		ours[at] = fill_ns(r);
		check(drain_all(r) == RING - 1, "reports are missing");
		batches[at] = fill_batches_ns(r);
		check(drain_all(r) == RING, "reports are missing");
#ifdef HAVE_CK
		theirs[at] = ck_fill_ns(&ck);
#endif
	}
	ns = median(ours, ROUNDS);
	bench_print("report_ns", ns);
	bench_print("report_in_batch_ns", median(batches, ROUNDS));
#ifdef HAVE_CK
	bench_print("ck_enqueue_ns", median(theirs, ROUNDS));
	bench_print("report_over_ck_ratio", ns / median(theirs, ROUNDS));
	free(ck.slots);
#else
	printf("report_over_ck_ratio: not measured, built without Concurrency Kit (libck-dev)\n");
#endif
	thermo_reporter_free(r);
}

int main(void)
{
	bench_one_thread();
	return 0;
}
