// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * reporter.c - the producer's end: a report goes into the ring of its thread.
 *
 * head and tail run freely and wrap, so only their unsigned difference means
 * anything.  The consumer is in drain.c.
 *
 *	producer, one thread a ring		consumer, one thread
 *	load tail, acquire (A)			load head, acquire (C)
 *	write slot				read slots
 *	store head, release (B)			store tail, release (D)
 *
 * B pairs with C: a slot is popped only after it was written.
 * D pairs with A: a slot is reused only after it was read.
 *
 * The shared ring has many producers: a slot's turn says whose move it is.
 *
 *	producer				consumer
 *	load turn, acquire (E)			load turn, acquire (G)
 *	take the slot: exchange head
 *	write slot				read slot
 *	store turn, release (F)			store turn, release (H)
 *
 * F pairs with G, H with E.  The turn of slot i at position p of the ring is p - i
 * when it is free, one more when it is written: it begins as zeroed memory.
 *
 * The producer keeps its last view of tail and looks again only when that says full, so
 * that the consumer's line is fetched once a batch and not once a report.
 *
 * A signal handler may interrupt a report and report itself.  `busy` tells it to use the
 * shared ring then.  Handlers run on the stack of the thread that they interrupt and
 * end before it goes on, so plain stores and compiler fences are enough.  But a handler
 * may also report, to the end, just before busy is set: so head is read after that, and
 * the two cannot be one word.
 */
#include "report_api/rings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

/* Lost races for a slot of the shared ring before a report gives up. */
#define MAX_TRIES 64

int thermo_geometry_make(uint32_t nr_threads, uint32_t nr_reports, struct geometry *geometry)
{
	struct geometry g = { nr_threads ? nr_threads : DEFAULT_THREADS,
			      nr_reports ? nr_reports : DEFAULT_REPORTS, 0 };

	if (g.nr_reports < MIN_REPORTS || g.nr_reports > MAX_REPORTS ||
	    (g.nr_reports & (g.nr_reports - 1)))
		return thermo_fail(-EINVAL, "reporter: %u reports: a power of two from %u to %u",
				   g.nr_reports, MIN_REPORTS, MAX_REPORTS);
	if (g.nr_threads > MAX_THREADS)
		return thermo_fail(-EINVAL,
				   "reporter: %u threads: at most %u have rings of their own",
				   g.nr_threads, MAX_THREADS);
	g.nr_shared = g.nr_reports < MAX_SHARED_REPORTS ? g.nr_reports : MAX_SHARED_REPORTS;
	*geometry = g;
	return 0;
}

static size_t turns_offset(const struct geometry *g)
{
	return sizeof(struct block) + ((size_t)g->nr_threads + 1) * sizeof(struct ring);
}

static size_t slots_offset(const struct geometry *g)
{
	size_t end = turns_offset(g) + g->nr_shared * sizeof(uint32_t);

	return (end + APART_BYTES - 1) / APART_BYTES * APART_BYTES;
}

size_t thermo_geometry_bytes(const struct geometry *g)
{
	return slots_offset(g) + ((size_t)g->nr_threads * g->nr_reports + g->nr_shared) *
						 sizeof(struct thermo_access);
}

static void lay_out(struct thermo_reporter *r, void *block, const struct geometry *g)
{
	r->block = block;
	r->rings = r->block->rings;
	r->turns = (void *)((char *)block + turns_offset(g));
	r->slots = (void *)((char *)block + slots_offset(g));
	r->shared_slots = r->slots + (size_t)g->nr_threads * g->nr_reports;
	r->geometry = *g;
	r->block_bytes = thermo_geometry_bytes(g);
	r->nr_threads = g->nr_threads;
	r->mask = g->nr_reports - 1;
	r->shift = (uint32_t)__builtin_ctz(g->nr_reports);
}

int thermo_reporter_map(struct thermo_reporter **reporter, void *block, const struct geometry *g,
			unsigned int sides)
{
	static _Atomic uint64_t nr_reporters;
	struct thermo_reporter *r = aligned_alloc(ALIAS_BYTES, ALIAS_BYTES);
	struct outlet *outlets = sides & REPORTER_CONSUMES ? calloc((size_t)g->nr_threads + 1,
								    sizeof(*outlets))
							   : NULL;

	if (!r || (sides & REPORTER_CONSUMES && !outlets)) {
		free(r);
		free(outlets);
		return thermo_fail(-ENOMEM, "reporter: no memory");
	}
	watch_forks();
	*r = (struct thermo_reporter){ .pid = sides & REPORTER_PRODUCES ? getpid() : 0,
				       .outlets = outlets,
				       .socket_fd = -1 };
	lay_out(r, block, g);
	/* relaxed: a number nobody else gets; it orders nothing.  Never 0, never again: what a
	 * thread remembers of a reporter that was freed matches no other. */
	r->key = (atomic_fetch_add_explicit(&nr_reporters, 1, memory_order_relaxed) + 1) << 16;
	*reporter = r;
	return 0;
}

int thermo_reporter_new(struct thermo_reporter **reporter, const struct thermo_reporter_opts *opts)
{
	static const struct thermo_reporter_opts defaults;
	struct geometry g = { 0 };

	opts = opts ? opts : &defaults;
	int err = thermo_geometry_make(opts->nr_threads, opts->nr_reports, &g);

	if (err)
		return err;
	size_t bytes = thermo_geometry_bytes(&g);
	void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		return thermo_fail(-ENOMEM, "reporter: no memory for %zu MiB of rings",
				   bytes >> 20);
	/* Touched here, so that reporting never takes a first page fault. */
	memset(block, 0, bytes);
	err = thermo_reporter_map(reporter, block, &g, REPORTER_PRODUCES | REPORTER_CONSUMES);
	if (err)
		(void)munmap(block, bytes);
	else
		(*reporter)->source = opts->source;
	return err;
}

void thermo_reporter_free(struct thermo_reporter *r)
{
	if (!r)
		return;
	if (r->socket_fd >= 0)
		(void)close(r->socket_fd);
	(void)munmap(r->block, r->block_bytes);
	free(r->outlets);
	free(r);
}

/* --- the shared ring --- */

static void count_shared_drop(struct thermo_reporter *r, size_t nr)
{
	/* relaxed: a statistic; it orders nothing. */
	atomic_fetch_add_explicit(&r->rings[r->nr_threads].dropped, nr, memory_order_relaxed);
}

static bool report_shared(struct thermo_reporter *r, const struct thermo_access *access)
{
	struct ring *ring = &r->rings[r->nr_threads];
	uint32_t mask = r->geometry.nr_shared - 1;
	/* relaxed: the exchange below decides. */
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	for (int tries = 0; tries < MAX_TRIES; tries++) {
		uint32_t slot = head & mask;
		/* acquire (E), pairs with H: the consumer has left the slot that we reuse. */
		uint32_t turn = atomic_load_explicit(&r->turns[slot], memory_order_acquire);

		if ((int32_t)(turn - (head - slot)) < 0)
			break;
		/* relaxed, also when it fails: the turn orders the slot. */
		if (turn == head - slot &&
		    atomic_compare_exchange_weak_explicit(&ring->head, &head, head + 1,
							  memory_order_relaxed,
							  memory_order_relaxed)) {
			r->shared_slots[slot] = *access;
			r->shared_slots[slot].source = r->source;
			/* release (F), pairs with G: publish the slot before its turn. */
			atomic_store_explicit(&r->turns[slot], turn + 1, memory_order_release);
			return true;
		}
		/* relaxed: as above. */
		head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	}
	return false;
}

static size_t report_all_shared(struct thermo_reporter *r, const struct thermo_access *accesses,
				size_t nr)
{
	size_t taken = 0;

	while (taken < nr && report_shared(r, &accesses[taken]))
		taken++;
	if (taken < nr)
		count_shared_drop(r, nr - taken);
	return taken;
}

/* --- a thread's ring --- */

/*
 * No handler of this thread uses the ring until leave().  @head: Out: the first slot that
 * is not used.  Return: false: a report is interrupted.
 */
static inline bool enter(struct ring *ring, uint32_t *head)
{
	/* relaxed: this thread and its handlers are the only ones to touch it. */
	if (__builtin_expect(atomic_load_explicit(&ring->busy, memory_order_relaxed) != 0, 0))
		return false;
	/* relaxed: as above. */
	atomic_store_explicit(&ring->busy, 1, memory_order_relaxed);
	/* seq_cst, for the compiler: nothing of the report comes before the flag. */
	atomic_signal_fence(memory_order_seq_cst);
	/* relaxed: this thread and its handlers are the only writers of head. */
	*head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	return true;
}

static inline void leave(struct ring *ring, uint32_t head)
{
	/* release (B), pairs with C: publish the slots before the index. */
	atomic_store_explicit(&ring->head, head, memory_order_release);
	/* seq_cst, for the compiler: nothing of the report comes after the flag. */
	atomic_signal_fence(memory_order_seq_cst);
	/* relaxed: see enter(). */
	atomic_store_explicit(&ring->busy, 0, memory_order_relaxed);
}

/* Free slots from @head on, at least one if there is one. */
static inline uint32_t room(const struct thermo_reporter *r, struct ring *ring, uint32_t head,
			    size_t wanted)
{
	/* relaxed: this thread is the only one to write it. */
	uint32_t seen = atomic_load_explicit(&ring->seen_tail, memory_order_relaxed);

	if (head - seen <= r->mask && r->mask + 1 - (head - seen) >= wanted)
		return r->mask + 1 - (head - seen);
	/* acquire (A), pairs with D: the consumer has left the slots we reuse. */
	seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	/* relaxed: as above. */
	atomic_store_explicit(&ring->seen_tail, seen, memory_order_relaxed);
	/* A daemon that is out of its mind costs us our reports, not our memory. */
	return head - seen <= r->mask ? r->mask + 1 - (head - seen) : 0;
}

static void count_drop(struct ring *ring, size_t nr)
{
	/* relaxed: a statistic that only the ring's thread writes. */
	uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);

	/* relaxed: as above. */
	atomic_store_explicit(&ring->dropped, dropped + nr, memory_order_relaxed);
}

/* In a ring that was entered.  Return: how many of @nr. */
static uint32_t put_all(struct thermo_reporter *r, uint64_t index, uint32_t head,
			const struct thermo_access *accesses, size_t nr)
{
	struct ring *ring = &r->rings[index];
	struct thermo_access *slots = &r->slots[index << r->shift];
	uint32_t free_slots = room(r, ring, head, nr), mask = r->mask;
	uint32_t taken = nr < free_slots ? (uint32_t)nr : free_slots;
	uint8_t source = r->source;

	for (uint32_t i = 0; i < taken; i++) {
		struct thermo_access *slot = &slots[(head + i) & mask];

		*slot = accesses[i];
		slot->source = source;
	}
	if (taken < nr)
		count_drop(ring, nr - taken);
	return taken;
}

/* Also what the usual report leaves to: a thread's first, an interrupted one. */
__attribute__((noinline)) size_t
thermo_report_accesses(struct thermo_reporter *r, const struct thermo_access *accesses, size_t nr)
{
	uint64_t index = cached_ring(r);
	uint32_t head;

	if (index >= r->nr_threads)
		index = find_ring(r);
	if (index == USE_NONE) {
		/* relaxed: a statistic; it orders nothing. */
		atomic_fetch_add_explicit(&r->refused, nr, memory_order_relaxed);
		return 0;
	}
	if (index == USE_SHARED || !enter(&r->rings[index], &head))
		return report_all_shared(r, accesses, nr);
	uint32_t taken = put_all(r, index, head, accesses, nr);

	leave(&r->rings[index], head + taken);
	return taken;
}

bool thermo_report_access(struct thermo_reporter *r, const struct thermo_access *access)
{
	uint64_t index = cached_ring(r);
	uint32_t head;

	if (__builtin_expect(index >= r->nr_threads, 0) || !enter(&r->rings[index], &head))
		return thermo_report_accesses(r, access, 1) == 1;
	struct ring *ring = &r->rings[index];

	if (__builtin_expect(room(r, ring, head, 1) == 0, 0)) {
		count_drop(ring, 1);
		leave(ring, head);
		return false;
	}
	struct thermo_access *slot = &r->slots[(index << r->shift) + (head & r->mask)];

	*slot = *access;
	slot->source = r->source;
	leave(ring, head + 1);
	return true;
}

/* --- counters --- */

uint32_t thermo_reporter_nr_rings(const struct thermo_reporter *r)
{
	return r->nr_threads + 1;
}

uint64_t thermo_reporter_ring_dropped(const struct thermo_reporter *r, uint32_t ring)
{
	if (ring > r->nr_threads)
		return 0;
	/* relaxed: a statistic; it orders nothing. */
	return atomic_load_explicit(&r->rings[ring].dropped, memory_order_relaxed);
}

uint64_t thermo_reporter_dropped(const struct thermo_reporter *r)
{
	uint64_t sum = 0;

	if (r->guard)
		/* relaxed: a statistic; it orders nothing. */
		return atomic_load_explicit(&r->told_dropped, memory_order_relaxed);
	for (uint32_t i = 0; i <= r->nr_threads; i++)
		sum += thermo_reporter_ring_dropped(r, i);
	return sum;
}

uint8_t thermo_reporter_source(const struct thermo_reporter *r)
{
	return r->source;
}

int32_t thermo_reporter_pid(const struct thermo_reporter *r)
{
	return r->subject;
}

uint64_t thermo_reporter_refused(const struct thermo_reporter *r)
{
	/* relaxed: a statistic; it orders nothing. */
	return atomic_load_explicit(&r->refused, memory_order_relaxed);
}
