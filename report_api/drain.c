// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * drain.c - the consumer's end: rings in turn, one thread at a time.
 *
 * The block may be another process', which may write anything at any moment.  So all
 * that is used to compute an address or a length is private, and a report is read from
 * the block once, into the caller's memory.  In a block of our own the same code finds
 * nothing wrong.  The letters of the memory orders are those in reporter.c.
 */
#include "report_api/rings.h"

#include <string.h>

/* More than this a ring cannot drop between two looks: 2^32 takes seconds. */
#define MAX_TOLD_DROPS (1ull << 32)
#define MAX_TOLD_SUM (1ull << 62)
/* Reports looked at in a call, beyond those asked for, when many are refused. */
#define MAX_REFUSED_IN_CALL 4096u

static size_t take_from_ring(struct thermo_reporter *r, uint32_t index, struct thermo_access *out,
			     size_t max)
{
	struct ring *ring = &r->rings[index];
	const struct thermo_access *slots = &r->slots[(size_t)index << r->shift];
	uint32_t tail = r->outlets[index].tail;
	/* acquire (C), pairs with B: the slots below head are written. */
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint32_t nr = head - tail < max ? head - tail : (uint32_t)max;

	if (head == tail)
		return 0;
	if (head - tail > r->mask + 1) {
		/* Not a number of reports: what was there is lost, go on from here. */
		r->nr_corrupt++;
		nr = 0;
		tail = head;
	}
	uint32_t first = tail & r->mask;
	uint32_t until_wrap = r->mask + 1 - first < nr ? r->mask + 1 - first : nr;

	memcpy(out, &slots[first], until_wrap * sizeof(*out));
	memcpy(out + until_wrap, slots, (nr - until_wrap) * sizeof(*out));
	r->outlets[index].tail = tail + nr;
	/* release (D), pairs with A: our reads of the slots end before they are reused. */
	atomic_store_explicit(&ring->tail, tail + nr, memory_order_release);
	return nr;
}

static size_t take_from_shared(struct thermo_reporter *r, struct thermo_access *out, size_t max)
{
	struct outlet *outlet = &r->outlets[r->nr_threads];
	uint32_t mask = r->geometry.nr_shared - 1;
	size_t nr = 0;

	/* Skipped slots count, too, so that this ends. */
	for (size_t i = 0; i < max; i++) {
		uint32_t slot = outlet->tail & mask;
		/* acquire (G), pairs with F: the slot is written. */
		uint32_t turn = atomic_load_explicit(&r->turns[slot], memory_order_acquire);

		if (turn == outlet->tail - slot)
			break;
		if (turn == outlet->tail - slot + 1)
			memcpy(&out[nr++], &r->shared_slots[slot], sizeof(*out));
		else
			r->nr_corrupt++;
		/* release (H), pairs with E: our read of the slot ends before it is reused. */
		atomic_store_explicit(&r->turns[slot], outlet->tail - slot + mask + 1,
				      memory_order_release);
		outlet->tail++;
	}
	return nr;
}

static size_t take(struct thermo_reporter *r, struct thermo_access *out, size_t max)
{
	/* acquire, pairs with the release in claim.c: the rings counted are ready. */
	uint32_t nr_claimed = atomic_load_explicit(&r->block->nr_claimed, memory_order_acquire);
	size_t taken = 0;

	if (nr_claimed > r->nr_threads)
		nr_claimed = r->nr_threads;
	/* Begins after where it ended: a ring that is never empty holds up no other. */
	for (uint32_t i = 0; i <= nr_claimed && taken < max; i++) {
		uint32_t index = r->next < nr_claimed ? r->next : r->nr_threads;

		r->next = index == r->nr_threads ? 0 : index + 1;
		taken += index == r->nr_threads
					 ? take_from_shared(r, out + taken, max - taken)
					 : take_from_ring(r, index, out + taken, max - taken);
	}
	return taken;
}

/* Counts only grow, and only by what is possible. */
static void note_dropped(struct thermo_reporter *r)
{
	/* relaxed: this thread is the only one to write it. */
	uint64_t sum = atomic_load_explicit(&r->told_dropped, memory_order_relaxed);

	for (uint32_t i = 0; i <= r->nr_threads; i++) {
		/* The memory is another process': this is whatever it likes. */
		uint64_t told = thermo_reporter_ring_dropped(r, i);
		uint64_t more = told - r->outlets[i].told_dropped;

		r->outlets[i].told_dropped = told;
		if (more <= MAX_TOLD_DROPS && sum < MAX_TOLD_SUM)
			sum += more;
	}
	/* relaxed: a statistic; it orders nothing. */
	atomic_store_explicit(&r->told_dropped, sum, memory_order_relaxed);
}

static size_t drain_guarded(struct thermo_reporter *r, struct thermo_access *out, size_t max)
{
	const struct drain_guard *guard = r->guard;
	size_t kept = 0, seen = 0;

	while (kept < max && seen < max + MAX_REFUSED_IN_CALL) {
		size_t quota = guard->quota(guard->arg, max - kept);
		size_t nr = take(r, out + kept, quota);

		if (nr == 0)
			break;
		/* seq_cst, for the compiler: what is checked is the copy, which it must not
		 * read again from the block. */
		atomic_signal_fence(memory_order_seq_cst);
		seen += nr;
		kept += guard->check(guard->arg, out + kept, nr);
	}
	note_dropped(r);
	return kept;
}

size_t thermo_reporter_drain(struct thermo_reporter *r, struct thermo_access *out, size_t max)
{
	if (!r->outlets)
		return 0;
	return r->guard ? drain_guarded(r, out, max) : take(r, out, max);
}
