// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_report.c - what a report costs who makes it, and what the rings carry.
 *
 * One thread is measured against a Concurrency Kit ring of the same 64-byte records, one
 * producer and one consumer, filled in turn with ours; and a client's shared memory
 * against private memory.  Several threads report as fast as they can while one drains;
 * each report must come out or be counted as dropped, or the bench fails.
 */
#include "bench/bench.h"

#include <sched.h>
#include <stdbool.h>

#include "tests/unit/report_api/fake_daemon.h"

#ifdef HAVE_CK
#include <ck_ring.h>
#endif

#define RING 4096u
#define LOAD_RING 65536u
#define ROUNDS 256
#define PAGE 4096ull
#define MAX_PRODUCERS 64
#define LOAD_NS 100e6

static struct thermo_access make_report(void)
{
	return (struct thermo_access){ .addr = PAGE,
				       .extent_bytes = PAGE,
				       .nr_accesses = 1,
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

static struct thermo_reporter *make_reporter(uint32_t nr_reports, uint32_t nr_threads)
{
	struct thermo_reporter_opts opts = { .nr_reports = nr_reports, .nr_threads = nr_threads };
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
	struct thermo_reporter *r = make_reporter(RING, 1);
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

/* --- shared memory --- */

static void bench_client(void)
{
	struct thermo_reporter *r = make_reporter(RING, 1);
	struct fake_connect client = { .opts = { .nr_reports = RING, .nr_threads = 1 } };
	double private_ns[ROUNDS], shared_ns[ROUNDS];
	struct fake_daemon fake;

	check(fake_daemon_start(&fake, (struct server_opts){ .max_reports_per_s = 1u << 30 }) == 0,
	      thermo_last_error());
	check(fake_daemon_connect(&fake, &client) == 0, client.reason);
	for (int i = -1; i < ROUNDS; i++) {
		int at = i < 0 ? 0 : i;

		private_ns[at] = fill_ns(r);
		check(drain_all(r) == RING - 1, "reports are missing");
		shared_ns[at] = fill_ns(client.reporter);
		fake.now_ns += 1000000000;
		server_step(fake.server);
		check(drain_all(fake.attached[0]) == RING - 1, "reports of the client are missing");
	}
	double ns = median(shared_ns, ROUNDS);

	bench_print("client_report_ns", ns);
	bench_print("client_over_in_process_ratio", ns / median(private_ns, ROUNDS));
	thermo_client_close(client.reporter);
	fake_daemon_stop(&fake);
	thermo_reporter_free(r);
}

/* --- many threads --- */

struct producer {
	pthread_t thread;
	struct thermo_reporter *reporter;
	const _Atomic bool *stop;
	uint64_t made;
	uint64_t accepted;
	uint64_t cpu_ns;
	_Atomic bool done;
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct thermo_access a = make_report();
	uint64_t made = 0, accepted = 0, start = thread_cpu_ns();

	/* relaxed: it only has to be seen at last. */
	while (!atomic_load_explicit(p->stop, memory_order_relaxed))
		for (int i = 0; i < 64; i++) {
			bool taken;

			a.addr += PAGE;
			taken = thermo_report_access(p->reporter, &a);
			accepted += taken;
			made++;
			/* To measure the way of reports, not how fast they can be thrown away:
			 * where CPUs are few, the consumer needs one. */
			if (!taken)
				(void)sched_yield();
		}
	p->cpu_ns = thread_cpu_ns() - start;
	p->made = made;
	p->accepted = accepted;
	/* release: the consumer that sees it also sees the last report and the counts. */
	atomic_store_explicit(&p->done, true, memory_order_release);
	return NULL;
}

static uint64_t drain_until_done(struct thermo_reporter *r, struct producer *producers, uint32_t nr,
				 _Atomic bool *stop)
{
	double until = bench_now_ns() + LOAD_NS;
	uint64_t taken = 0;
	bool done;

	do {
		done = true;
		for (uint32_t i = 0; i < nr; i++)
			/* acquire: pairs with the release in produce(). */
			done &= atomic_load_explicit(&producers[i].done, memory_order_acquire);
		taken += drain_all(r);
		/* relaxed: see produce(). */
		atomic_store_explicit(stop, bench_now_ns() > until, memory_order_relaxed);
	} while (!done);
	return taken;
}

static void print_threads(uint32_t nr, const char *what, double value)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "threads_%u_%s", nr, what);
	bench_print(name, value);
}

static void bench_threads(uint32_t nr)
{
	struct producer producers[MAX_PRODUCERS] = { 0 };
	struct thermo_reporter *r = make_reporter(LOAD_RING, nr);
	uint64_t made = 0, accepted = 0, cpu_ns = 0, taken;
	_Atomic bool stop = false;
	double start = bench_now_ns(), elapsed_s;

	for (uint32_t i = 0; i < nr; i++) {
		producers[i] = (struct producer){ .reporter = r, .stop = &stop };
		check(pthread_create(&producers[i].thread, NULL, produce, &producers[i]) == 0,
		      "no thread");
	}
	taken = drain_until_done(r, producers, nr, &stop);
	elapsed_s = (bench_now_ns() - start) / 1e9;
	for (uint32_t i = 0; i < nr; i++) {
		(void)pthread_join(producers[i].thread, NULL);
		made += producers[i].made;
		accepted += producers[i].accepted;
		cpu_ns += producers[i].cpu_ns;
	}
	check(taken == accepted, "reports were accepted and did not come out");
	check(made == taken + thermo_reporter_dropped(r), "reports are neither taken nor dropped");
	print_threads(nr, "made_per_us", (double)made / elapsed_s / 1e6);
	print_threads(nr, "drained_per_us", (double)taken / elapsed_s / 1e6);
	print_threads(nr, "dropped_pct", 100 * (double)(made - taken) / (double)made);
	print_threads(nr, "cpu_ns_per_report", (double)cpu_ns / (double)made);
	thermo_reporter_free(r);
}

/* What a drain costs that finds nothing in so many rings, of threads that did report once. */
static void *report_once(void *arg)
{
	struct thermo_access a = make_report();

	(void)thermo_report_access(arg, &a);
	return NULL;
}

static void bench_empty(void)
{
	enum { NR = 128, DRAINS = 1000 };
	struct thermo_reporter *r = make_reporter(RING, NR);
	pthread_t threads[NR];
	double start;

	for (int i = 0; i < NR; i++)
		check(pthread_create(&threads[i], NULL, report_once, r) == 0, "no thread");
	for (int i = 0; i < NR; i++)
		(void)pthread_join(threads[i], NULL);
	(void)drain_all(r);
	start = bench_now_ns();
	for (int i = 0; i < DRAINS; i++)
		check(drain_all(r) == 0, "reports from nowhere");
	bench_print("drain_128_empty_rings_ns", (bench_now_ns() - start) / DRAINS);
	thermo_reporter_free(r);
}

int main(void)
{
	long nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);

	bench_one_thread();
	bench_client();
	bench_empty();
	/* Up to a thread for each CPU but the consumer's, and at least two. */
	for (uint32_t nr = 1; nr <= MAX_PRODUCERS && (nr <= 2 || nr < nr_cpus); nr *= 2)
		bench_threads(nr);
	return 0;
}
