/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_reporter.c - order, loss, threads, signal handlers, forks. */
#include "tests/unit/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report_api/rings.h"

#define NR_SLOTS 8u

static struct thermo_reporter *reporter;

static int make(void **state)
{
	(void)state;
	return thermo_reporter_new(&reporter,
				   &(struct thermo_reporter_opts){ .nr_reports = NR_SLOTS,
								   .nr_threads = 2,
								   .source = 7 });
}

static int drop(void **state)
{
	(void)state;
	thermo_reporter_free(reporter);
	return 0;
}

static bool report(uint64_t addr)
{
	struct thermo_access access = { .addr = addr, .extent_bytes = 1, .source = 99 };

	return thermo_report_access(reporter, &access);
}

static size_t fill(uint64_t first, size_t nr)
{
	size_t taken = 0;

	for (size_t i = 0; i < nr; i++)
		taken += report(first + i);
	return taken;
}

static void expect_addresses(uint64_t first, size_t max, size_t nr)
{
	struct thermo_access out[2 * NR_SLOTS];

	assert_int_equal(thermo_reporter_drain(reporter, out, max), nr);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(out[i].addr, first + i);
}

static void reports_come_out_in_order_with_their_source(void **state)
{
	struct thermo_access in = { .addr = 1,
				    .extent_bytes = 2,
				    .time_ns = 3,
				    .watched_ns = 4,
				    .nr_accesses = 5,
				    .pid = 6,
				    .tid = 7,
				    .cpu = 8,
				    .latency_ns = 9,
				    .node = 10,
				    .op = THERMO_OP_WRITE,
				    .level = THERMO_LEVEL_CXL,
				    .source = 1 };
	struct thermo_access out;

	(void)state;
	assert_true(thermo_report_access(reporter, &in));
	assert_int_equal(thermo_reporter_drain(reporter, &out, 1), 1);
	in.source = 7;
	assert_memory_equal(&out, &in, sizeof(out));
	assert_int_equal(fill(100, 3), 3);
	expect_addresses(100, 16, 3);
}

static void empty_ring_gives_nothing(void **state)
{
	(void)state;
	expect_addresses(0, 16, 0);
	fill(1, 1);
	expect_addresses(1, 0, 0);
	expect_addresses(1, 16, 1);
}

static void full_ring_drops_and_counts(void **state)
{
	(void)state;
	assert_int_equal(fill(0, NR_SLOTS), NR_SLOTS);
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
	assert_int_equal(fill(100, 3), 0);
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
	/* What was there is untouched by what was refused. */
	expect_addresses(0, 16, NR_SLOTS);
	assert_true(report(8));
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
}

static void partial_drain_makes_room_for_as_many(void **state)
{
	(void)state;
	fill(0, NR_SLOTS);
	expect_addresses(0, 3, 3);
	assert_int_equal(fill(NR_SLOTS, 5), 3);
	assert_int_equal(thermo_reporter_dropped(reporter), 2);
	expect_addresses(3, 16, NR_SLOTS);
}

static void order_survives_the_wrap_at_every_offset(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (size_t round = 0; round < 5 * NR_SLOTS; round++) {
		assert_int_equal(fill(next, 5), 5);
		expect_addresses(next, 16, 5);
		next += 5;
	}
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
}

static void sizes_out_of_range_are_refused(void **state)
{
	static const uint32_t wrong[] = { 1, 3, 1000, (1u << 24) + 1, 1u << 25, UINT32_MAX };
	struct thermo_reporter_opts opts = { .nr_threads = 1 };
	struct thermo_reporter *none = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		opts.nr_reports = wrong[i];
		assert_int_equal(thermo_reporter_new(&none, &opts), -EINVAL);
		assert_reason("a power of two");
		assert_null(none);
	}
	opts = (struct thermo_reporter_opts){ .nr_reports = 2, .nr_threads = 1025 };
	assert_int_equal(thermo_reporter_new(&none, &opts), -EINVAL);
	assert_reason("at most 1024");
	opts.nr_threads = 1024;
	assert_int_equal(thermo_reporter_new(&none, &opts), 0);
	assert_int_equal(thermo_reporter_nr_rings(none), 1025);
	thermo_reporter_free(none);
	thermo_reporter_free(NULL);
}

static void no_options_mean_the_defaults(void **state)
{
	struct thermo_reporter *r = NULL;
	struct thermo_access access = { .extent_bytes = 1 };

	(void)state;
	assert_int_equal(thermo_reporter_new(&r, NULL), 0);
	assert_int_equal(thermo_reporter_nr_rings(r), 17);
	for (int i = 0; i < 4096; i++)
		assert_true(thermo_report_access(r, &access));
	assert_false(thermo_report_access(r, &access));
	assert_int_equal(thermo_reporter_ring_dropped(r, 0), 1);
	assert_int_equal(thermo_reporter_ring_dropped(r, 17), 0);
	thermo_reporter_free(r);
}

/* --- batches --- */

static void batch_is_taken_as_far_as_there_is_room(void **state)
{
	struct thermo_access batch[NR_SLOTS];

	(void)state;
	for (uint64_t i = 0; i < NR_SLOTS; i++)
		batch[i] = (struct thermo_access){ .addr = 3 + i, .extent_bytes = 1 };
	fill(0, 3);
	assert_int_equal(thermo_report_accesses(reporter, batch, 0), 0);
	assert_int_equal(thermo_report_accesses(reporter, batch, NR_SLOTS), NR_SLOTS - 3);
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
	expect_addresses(0, 16, NR_SLOTS);
	/* Wraps around the end of the ring. */
	assert_int_equal(thermo_report_accesses(reporter, batch, NR_SLOTS), NR_SLOTS);
	assert_int_equal(thermo_report_accesses(reporter, batch, 1), 0);
	expect_addresses(3, 16, NR_SLOTS);
	assert_int_equal(thermo_reporter_dropped(reporter), 4);
}

/* --- several threads, one after the other --- */

static void run_thread(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A thread that reports, and stays until it is told to go. */
struct guest {
	pthread_t thread;
	uint64_t first;
	size_t nr;
	size_t taken;
	pid_t tid;
	pthread_barrier_t reported;
	pthread_barrier_t may_go;
};

static void *visit(void *arg)
{
	struct guest *g = arg;

	g->tid = (pid_t)syscall(SYS_gettid);
	g->taken = fill(g->first, g->nr);
	(void)pthread_barrier_wait(&g->reported);
	(void)pthread_barrier_wait(&g->may_go);
	return NULL;
}

static void invite(struct guest *g)
{
	assert_int_equal(pthread_barrier_init(&g->reported, NULL, 2), 0);
	assert_int_equal(pthread_barrier_init(&g->may_go, NULL, 2), 0);
	assert_int_equal(pthread_create(&g->thread, NULL, visit, g), 0);
	(void)pthread_barrier_wait(&g->reported);
}

static void dismiss(struct guest *g)
{
	(void)pthread_barrier_wait(&g->may_go);
	assert_int_equal(pthread_join(g->thread, NULL), 0);
	/* A thread that was joined may still be on its way out of the kernel. */
	while (syscall(SYS_tgkill, getpid(), g->tid, 0) == 0)
		(void)sched_yield();
	(void)pthread_barrier_destroy(&g->reported);
	(void)pthread_barrier_destroy(&g->may_go);
}

static void each_thread_fills_a_ring_of_its_own(void **state)
{
	struct guest guest = { .first = 100, .nr = NR_SLOTS + 1 };

	(void)state;
	assert_int_equal(fill(0, NR_SLOTS + 2), NR_SLOTS);
	invite(&guest);
	assert_int_equal(guest.taken, NR_SLOTS);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 0), 2);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 1), 1);
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
	expect_addresses(0, NR_SLOTS, NR_SLOTS);
	expect_addresses(100, NR_SLOTS, NR_SLOTS);
	dismiss(&guest);
}

static void threads_beyond_the_rings_share_one(void **state)
{
	struct guest guests[3] = { { .first = 0, .nr = 1 },
				   { .first = 1, .nr = 1 },
				   { .first = 100, .nr = NR_SLOTS + 3 } };

	(void)state;
	for (int i = 0; i < 3; i++)
		invite(&guests[i]);
	assert_int_equal(guests[2].taken, NR_SLOTS);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 2), 3);
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
	expect_addresses(0, 2, 2);
	expect_addresses(100, 16, NR_SLOTS);
	for (int i = 0; i < 3; i++)
		dismiss(&guests[i]);
}

static void shared_ring_keeps_order_over_many_laps(void **state)
{
	struct guest guests[2] = { { .nr = 0 }, { .nr = 0 } };
	uint64_t next = 0;

	(void)state;
	guests[0].nr = guests[1].nr = 1;
	invite(&guests[0]);
	invite(&guests[1]);
	expect_addresses(0, 1, 1);
	expect_addresses(0, 1, 1);
	for (size_t round = 0; round < 5 * NR_SLOTS; round++) {
		assert_int_equal(fill(next, 5), 5);
		expect_addresses(next, 16, 5);
		next += 5;
	}
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
	dismiss(&guests[0]);
	dismiss(&guests[1]);
}

static void ring_of_a_thread_that_is_gone_is_taken_over(void **state)
{
	struct guest guests[2] = { { .first = 0, .nr = NR_SLOTS }, { .first = 100, .nr = 1 } };

	(void)state;
	invite(&guests[0]);
	invite(&guests[1]);
	dismiss(&guests[0]);
	/* Full with what its thread left, which is not lost. */
	errno = 4711;
	assert_int_equal(fill(200, 1), 0);
	/* As if in a handler, which must leave it alone. */
	assert_int_equal(errno, 4711);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 0), 1);
	expect_addresses(0, NR_SLOTS, NR_SLOTS);
	assert_true(report(201));
	expect_addresses(100, 1, 1);
	expect_addresses(201, 1, 1);
	dismiss(&guests[1]);
}

/* Its thread died in the middle of a report. */
static void ring_taken_over_is_not_busy(void **state)
{
	struct guest guests[2] = { { .first = 0, .nr = 1 }, { .first = 1, .nr = 1 } };

	(void)state;
	invite(&guests[0]);
	invite(&guests[1]);
	/* relaxed: the thread waits. */
	atomic_store_explicit(&reporter->rings[0].busy, 1, memory_order_relaxed);
	dismiss(&guests[0]);
	expect_addresses(0, 2, 2);
	assert_int_equal(fill(0, NR_SLOTS + 1), NR_SLOTS);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 0), 1);
	dismiss(&guests[1]);
}

static void thread_without_a_ring_finds_one_that_became_free(void **state)
{
	struct guest guests[2] = { { .nr = 1 }, { .nr = 1 } };
	struct thermo_access out[64];

	(void)state;
	invite(&guests[0]);
	invite(&guests[1]);
	assert_true(report(1));
	dismiss(&guests[0]);
	/* It does not search at each report, but it does now and then. */
	for (int i = 0; i < 5000; i++) {
		assert_true(report(1));
		(void)thermo_reporter_drain(reporter, out, 64);
	}
	assert_int_equal(fill(0, NR_SLOTS + 1), NR_SLOTS);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 0), 1);
	dismiss(&guests[1]);
}

static void drain_goes_round_so_that_no_ring_starves(void **state)
{
	struct guest guest = { .first = 100, .nr = 4 };
	struct thermo_access out[2];
	int of_guest = 0;

	(void)state;
	assert_true(report(0));
	invite(&guest);
	/* Ours is filled again before each drain. */
	for (int i = 0; i < 4; i++) {
		fill(0, NR_SLOTS);
		assert_int_equal(thermo_reporter_drain(reporter, out, 2), 2);
		of_guest += (out[0].addr >= 100) + (out[1].addr >= 100);
	}
	assert_int_equal(of_guest, 4);
	dismiss(&guest);
}

static void *report_once(void *arg)
{
	*(size_t *)arg = fill(5, 1);
	return NULL;
}

static void reporter_at_the_address_of_a_freed_one_is_another(void **state)
{
	size_t taken = 0;

	(void)state;
	/* This thread remembers ring 0 of each; in the new one that is somebody else's. */
	for (int i = 0; i < 8; i++) {
		assert_true(report(1));
		(void)drop(NULL);
		assert_int_equal(make(NULL), 0);
	}
	run_thread(report_once, &taken);
	assert_int_equal(taken, 1);
	assert_int_equal(fill(6, NR_SLOTS), NR_SLOTS);
	expect_addresses(5, 1, 1);
}

static void thread_may_use_many_reporters_in_turn(void **state)
{
	enum { NR = 11 };
	struct thermo_reporter *many[NR];
	struct thermo_access a = { .extent_bytes = 1 }, out[64];

	(void)state;
	for (int i = 0; i < NR; i++)
		assert_int_equal(thermo_reporter_new(
						 &many[i],
						 &(struct thermo_reporter_opts){ .nr_reports = 64,
										 .nr_threads = 2 }),
				 0);
	for (uint64_t round = 0; round < 20; round++)
		for (int i = 0; i < NR; i++) {
			a.addr = round * NR + (uint64_t)i;
			assert_true(thermo_report_access(many[i], &a));
		}
	for (int i = 0; i < NR; i++) {
		assert_int_equal(thermo_reporter_drain(many[i], out, 64), 20);
		/* One ring of each: the order is that of the calls. */
		for (uint64_t round = 0; round < 20; round++)
			assert_int_equal(out[round].addr, round * NR + (uint64_t)i);
		thermo_reporter_free(many[i]);
	}
}

/* --- signal handlers --- */

static void report_in_an_interrupted_report_goes_to_the_shared_ring(void **state)
{
	(void)state;
	assert_true(report(1));
	/* relaxed: one thread.  As if a handler ran in the middle of a report. */
	atomic_store_explicit(&reporter->rings[0].busy, 1, memory_order_relaxed);
	assert_int_equal(fill(2, NR_SLOTS + 1), NR_SLOTS);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 2), 1);
	/* relaxed: as above. */
	atomic_store_explicit(&reporter->rings[0].busy, 0, memory_order_relaxed);
	assert_true(report(2 + NR_SLOTS));
	/* Ring 0 comes first, then the shared one. */
	struct thermo_access out[16];

	assert_int_equal(thermo_reporter_drain(reporter, out, 16), NR_SLOTS + 2);
	assert_int_equal(out[0].addr, 1);
	assert_int_equal(out[1].addr, 2 + NR_SLOTS);
	assert_int_equal(out[2].addr, 2);
	assert_int_equal(out[NR_SLOTS + 1].addr, 1 + NR_SLOTS);
}

/* Stands in for the C library's, so that a "handler" can run where a search makes a call. */
static void (*in_next_tgkill)(void);

long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_tgkill && in_next_tgkill) {
		void (*run)(void) = in_next_tgkill;

		in_next_tgkill = NULL;
		run();
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void report_fifty(void)
{
	assert_true(report(50));
}

static void report_in_a_search_for_a_ring_does_not_take_the_ring(void **state)
{
	struct guest guests[2] = { { .first = 1, .nr = 1 }, { .first = 2, .nr = 1 } };

	(void)state;
	invite(&guests[0]);
	invite(&guests[1]);
	dismiss(&guests[0]);
	in_next_tgkill = report_fifty;
	assert_true(report(3));
	assert_null(in_next_tgkill);
	/* The search that was interrupted found the free ring; the handler did without. */
	assert_int_equal(fill(4, NR_SLOTS), NR_SLOTS - 2);
	assert_int_equal(thermo_reporter_ring_dropped(reporter, 0), 2);
	expect_addresses(1, 1, 1);
	dismiss(&guests[1]);
}

/* --- a handler after each instruction --- */

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* Past the red zone; the flag is the processor's trap flag. */
#define TRAP_ON "lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp"
#define TRAP_OFF                                                                                   \
	"lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp"

/* A sanitizer makes many instructions of one; each is interrupted in builds without. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 13
#else
#define STRIDE 1
#endif

static volatile unsigned int nr_steps;
static volatile unsigned int report_at_step;

static void step(int number)
{
	(void)number;
	if (nr_steps++ == report_at_step && !report(200))
		abort();
}

/* Return: how many instructions it was. */
static unsigned int report_step_by_step(unsigned int at)
{
	struct thermo_access a = { .addr = 100, .extent_bytes = 1 };
	bool taken;

	nr_steps = 0;
	report_at_step = at;
	__asm__ volatile(TRAP_ON ::: "memory", "cc");
	taken = thermo_report_access(reporter, &a);
	__asm__ volatile(TRAP_OFF ::: "memory", "cc");
	assert_true(taken);
	return nr_steps;
}

static void expect_both(void)
{
	struct thermo_access out[4];

	assert_int_equal(thermo_reporter_drain(reporter, out, 4), 2);
	assert_int_equal(out[0].addr + out[1].addr, 300);
	assert_int_equal(out[0].addr % 100, 0);
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
}

static void report_may_be_interrupted_after_each_instruction(void **state)
{
	struct sigaction action = { .sa_handler = step }, old;
	unsigned int at = 0;

	(void)state;
	assert_true(report(1));
	expect_addresses(1, 1, 1);
	assert_int_equal(sigaction(SIGTRAP, &action, &old), 0);
	while (report_step_by_step(at) > at) {
		expect_both();
		at++;
	}
	expect_addresses(100, 1, 1);
	(void)sigaction(SIGTRAP, &old, NULL);
	assert_true(at > 20);
}

/* The first report of a thread searches for a ring: each one here is the first. */
static void search_for_a_ring_may_be_interrupted_after_each_instruction(void **state)
{
	struct sigaction action = { .sa_handler = step }, old;
	unsigned int at = 0;

	(void)state;
	assert_int_equal(sigaction(SIGTRAP, &action, &old), 0);
	while (report_step_by_step(at) > at) {
		expect_both();
		(void)drop(NULL);
		assert_int_equal(make(NULL), 0);
		at += STRIDE;
	}
	(void)sigaction(SIGTRAP, &old, NULL);
	assert_true(at > 100);
}
#else
static void report_may_be_interrupted_after_each_instruction(void **state)
{
	(void)state;
	skip();
}

static void search_for_a_ring_may_be_interrupted_after_each_instruction(void **state)
{
	(void)state;
	skip();
}
#endif

#define MAX_NESTED 4

static struct {
	struct thermo_reporter *reporter;
	_Atomic uint64_t made;
	_Atomic uint64_t dropped;
	_Atomic uint32_t nr_entered;
	_Atomic uint32_t nr_left;
} handler;

static void count(bool taken)
{
	/* relaxed: a count. */
	atomic_fetch_add_explicit(&handler.made, 1, memory_order_relaxed);
	/* relaxed: a count. */
	atomic_fetch_add_explicit(&handler.dropped, !taken, memory_order_relaxed);
}

static void report_from_handler(int number)
{
	struct thermo_access a = { .addr = 7, .extent_bytes = ~7ull, .pid = number };
	int saved = errno;

	/* relaxed: a count. */
	atomic_fetch_add_explicit(&handler.nr_entered, 1, memory_order_relaxed);
	errno = 4711;
	count(thermo_report_access(handler.reporter, &a));
	count(thermo_report_accesses(handler.reporter, &a, 1));
	if (errno != 4711)
		abort();
	errno = saved;
	/* relaxed: a count. */
	atomic_fetch_add_explicit(&handler.nr_left, 1, memory_order_relaxed);
}

/* A handler may interrupt itself, but not until the stack ends: the next signal waits. */
static void signal_nested(pthread_t thread, uint32_t *nr_sent)
{
	/* relaxed: counts. */
	uint32_t left = atomic_load_explicit(&handler.nr_left, memory_order_relaxed);
	/* relaxed: as above. */
	uint32_t entered = atomic_load_explicit(&handler.nr_entered, memory_order_relaxed);

	if (entered != *nr_sent || entered - left >= MAX_NESTED)
		return;
	++*nr_sent;
	(void)pthread_kill(thread, SIGUSR1);
}

static uint64_t drain_handled(void)
{
	struct thermo_access out[64];
	uint64_t seen = 0;
	size_t nr;

	while ((nr = thermo_reporter_drain(handler.reporter, out, 64)) > 0) {
		for (size_t i = 0; i < nr; i++)
			assert_int_equal(out[i].extent_bytes, ~out[i].addr);
		seen += nr;
	}
	return seen;
}

static uint32_t nr_handled(void)
{
	/* relaxed: a count. */
	return atomic_load_explicit(&handler.nr_left, memory_order_relaxed);
}

static void *hammer(void *arg)
{
	struct thermo_access a = { .addr = 9, .extent_bytes = ~9ull };

	/* Long enough for many signals, wherever they fall. */
	for (uint64_t i = 0; i < 60000 || nr_handled() < 200; i++) {
		a.addr = i;
		a.extent_bytes = ~a.addr;
		count(thermo_report_access(handler.reporter, &a));
	}
	/* release: the main thread joins after it has seen it. */
	atomic_store_explicit((_Atomic bool *)arg, true, memory_order_release);
	return NULL;
}

static void handlers_may_report_whatever_they_interrupt(void **state)
{
	struct sigaction action = { .sa_handler = report_from_handler, .sa_flags = SA_NODEFER },
			 old;
	_Atomic bool done = false;
	pthread_t thread;
	uint32_t nr_sent = 0;
	uint64_t seen = 0;

	(void)state;
	memset(&handler, 0, sizeof(handler));
	assert_int_equal(thermo_reporter_new(&handler.reporter,
					     &(struct thermo_reporter_opts){ .nr_reports = 128,
									     .nr_threads = 1 }),
			 0);
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	assert_int_equal(pthread_create(&thread, NULL, hammer, &done), 0);
	/* acquire: pairs with the release in hammer(). */
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		signal_nested(thread, &nr_sent);
		seen += drain_handled();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)sigaction(SIGUSR1, &old, NULL);
	seen += drain_handled();
	/* relaxed: all threads are joined. */
	uint64_t made = atomic_load_explicit(&handler.made, memory_order_relaxed);
	/* relaxed: as above. */
	uint64_t dropped = atomic_load_explicit(&handler.dropped, memory_order_relaxed);

	assert_true(made >= 60000 + 2 * 200);
	assert_int_equal(seen + dropped, made);
	assert_int_equal(thermo_reporter_dropped(handler.reporter), dropped);
	thermo_reporter_free(handler.reporter);
}

/* --- forks --- */

/* What a child checks is its exit status. */
static int child_reports(void)
{
	struct thermo_access batch[3] = { { .addr = 1 }, { .addr = 2 }, { .addr = 3 } };

	if (report(1) || thermo_report_accesses(reporter, batch, 3))
		return 1;
	if (thermo_reporter_refused(reporter) != 4 || thermo_reporter_dropped(reporter) != 0)
		return 2;
	/* One of its own is fine. */
	if (make(NULL) || !report(1))
		return 3;
	return 0;
}

static void child_is_refused_and_may_make_its_own(void **state)
{
	int status = -1;
	pid_t child;

	(void)state;
	assert_true(report(1));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(child_reports());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(report(2));
	expect_addresses(1, 16, 2);
	assert_int_equal(thermo_reporter_refused(reporter), 0);
}

/* --- under load --- */

#define NR_LOAD 50000u
#define NR_PRODUCERS 4u

struct producer {
	pthread_t thread;
	struct thermo_reporter *reporter;
	int32_t number;
	uint64_t refused;
	_Atomic bool done;
};

/* Nobody leaves before all have reported: a ring that becomes free is taken over, and
 * reports of its new thread that are still in the shared ring come out after. */
static pthread_barrier_t all_reported;

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t i = 0; i < NR_LOAD; i++) {
		struct thermo_access a = { .addr = i, .extent_bytes = ~i, .pid = p->number };

		if (i % 16)
			p->refused += !thermo_report_access(p->reporter, &a);
		else
			p->refused += 1 - thermo_report_accesses(p->reporter, &a, 1);
	}
	/* release: the consumer that sees it also sees the last report and the count. */
	atomic_store_explicit(&p->done, true, memory_order_release);
	(void)pthread_barrier_wait(&all_reported);
	return NULL;
}

static bool all_done(struct producer *producers)
{
	bool all = true;

	for (size_t i = 0; i < NR_PRODUCERS; i++)
		/* acquire: pairs with the release in produce(), so that the last drain is the
		 * last. */
		all &= atomic_load_explicit(&producers[i].done, memory_order_acquire);
	return all;
}

/* With two rings, half of the producers share the shared one. */
static void every_report_under_load_is_seen_once_or_counted_as_dropped(void **state)
{
	struct producer producers[NR_PRODUCERS] = { 0 };
	uint64_t next[NR_PRODUCERS] = { 0 };
	struct thermo_reporter *r = NULL;
	struct thermo_access batch[64];
	uint64_t seen = 0, refused = 0;
	bool done;

	(void)state;
	assert_int_equal(pthread_barrier_init(&all_reported, NULL, NR_PRODUCERS), 0);
	assert_int_equal(thermo_reporter_new(&r, &(struct thermo_reporter_opts){ .nr_reports = 256,
										 .nr_threads = 2 }),
			 0);
	for (uint32_t i = 0; i < NR_PRODUCERS; i++) {
		producers[i].reporter = r;
		producers[i].number = (int32_t)i;
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
				 0);
	}
	do {
		size_t nr;

		done = all_done(producers);
		while ((nr = thermo_reporter_drain(r, batch, 64)) > 0) {
			for (size_t i = 0; i < nr; i++) {
				uint64_t *expected = &next[batch[i].pid];

				/* Never torn, never twice, never out of its thread's order. */
				assert_true(batch[i].addr >= *expected);
				assert_int_equal(batch[i].extent_bytes, ~batch[i].addr);
				*expected = batch[i].addr + 1;
			}
			seen += nr;
		}
	} while (!done);
	for (uint32_t i = 0; i < NR_PRODUCERS; i++) {
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
		refused += producers[i].refused;
	}
	assert_int_equal(thermo_reporter_dropped(r), refused);
	assert_int_equal(seen + refused, NR_PRODUCERS * NR_LOAD);
	assert_true(seen > 0);
	thermo_reporter_free(r);
}

/* Threads that come and go inherit rings, also those of a thread that had their id. */
static void *visit_often(void *arg)
{
	for (int i = 0; i < 20; i++) {
		struct producer *p = arg;
		struct thermo_access a = { .addr = 1, .extent_bytes = ~1ull };

		p->refused += !thermo_report_access(p->reporter, &a);
	}
	return NULL;
}

static void threads_that_come_and_go_lose_nothing(void **state)
{
	enum { ROUNDS = 50 };
	struct producer producers[NR_PRODUCERS] = { 0 };
	struct thermo_access batch[64];
	uint64_t seen = 0, refused = 0;
	size_t nr;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < NR_PRODUCERS; i++) {
			producers[i].reporter = reporter;
			assert_int_equal(pthread_create(&producers[i].thread, NULL, visit_often,
							&producers[i]),
					 0);
		}
		while ((nr = thermo_reporter_drain(reporter, batch, 64)) > 0)
			seen += nr;
		for (uint32_t i = 0; i < NR_PRODUCERS; i++)
			assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
	}
	while ((nr = thermo_reporter_drain(reporter, batch, 64)) > 0)
		seen += nr;
	for (uint32_t i = 0; i < NR_PRODUCERS; i++)
		refused += producers[i].refused;
	assert_int_equal(thermo_reporter_dropped(reporter), refused);
	assert_int_equal(seen + refused, ROUNDS * NR_PRODUCERS * 20);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(reports_come_out_in_order_with_their_source),
		TEST(empty_ring_gives_nothing),
		TEST(full_ring_drops_and_counts),
		TEST(partial_drain_makes_room_for_as_many),
		TEST(order_survives_the_wrap_at_every_offset),
		cmocka_unit_test(sizes_out_of_range_are_refused),
		cmocka_unit_test(no_options_mean_the_defaults),
		TEST(batch_is_taken_as_far_as_there_is_room),
		TEST(each_thread_fills_a_ring_of_its_own),
		TEST(threads_beyond_the_rings_share_one),
		TEST(shared_ring_keeps_order_over_many_laps),
		TEST(ring_of_a_thread_that_is_gone_is_taken_over),
		TEST(ring_taken_over_is_not_busy),
		TEST(thread_without_a_ring_finds_one_that_became_free),
		TEST(drain_goes_round_so_that_no_ring_starves),
		TEST(reporter_at_the_address_of_a_freed_one_is_another),
		TEST(thread_may_use_many_reporters_in_turn),
		TEST(report_in_an_interrupted_report_goes_to_the_shared_ring),
		TEST(report_in_a_search_for_a_ring_does_not_take_the_ring),
		TEST(report_may_be_interrupted_after_each_instruction),
		TEST(search_for_a_ring_may_be_interrupted_after_each_instruction),
		cmocka_unit_test(handlers_may_report_whatever_they_interrupt),
		TEST(child_is_refused_and_may_make_its_own),
		cmocka_unit_test(every_report_under_load_is_seen_once_or_counted_as_dropped),
		TEST(threads_that_come_and_go_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
