// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * reporter.c - ring of access reports: one producer, one consumer, no locks.
 *
 * A source's thread pushes, the monitor pops; neither waits.  head and tail run
 * freely and wrap, so only their unsigned difference means anything.
 *
 *	producer				consumer
 *	load tail, acquire (A)			load head, acquire (C)
 *	write slot				read slots
 *	store head, release (B)			store tail, release (D)
 *
 * B pairs with C: a slot is popped only after it was written.
 * D pairs with A: a slot is reused only after it was read.
 *
 * Each side keeps its last view of the other's index on its own cache line and
 * looks again only when that view says full (or empty), so that the line of the
 * other side is fetched once a batch and not once a report.
 */
#include "thermocline/report.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define CACHE_LINE_BYTES 64
#define MAX_REPORTS (1u << 24)

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): each side has its own line. */
struct thermo_reporter {
	/* Set once, read by both sides. */
	struct thermo_access *slots;
	uint32_t mask;
	uint8_t source;

	/* Producer's line. */
	_Alignas(CACHE_LINE_BYTES) _Atomic uint32_t head;
	uint32_t seen_tail;
	_Atomic uint64_t dropped;

	/* Consumer's line. */
	_Alignas(CACHE_LINE_BYTES) _Atomic uint32_t tail;
};

_Static_assert(sizeof(struct thermo_access) == CACHE_LINE_BYTES, "a report is a cache line");

int thermo_reporter_new(struct thermo_reporter **reporter, uint32_t nr_reports, uint8_t source)
{
	if (nr_reports < 2 || nr_reports > MAX_REPORTS || (nr_reports & (nr_reports - 1)))
		return thermo_fail(-EINVAL, "reporter: %u reports: a power of two from 2 to %u",
				   nr_reports, MAX_REPORTS);

	struct thermo_reporter *r = aligned_alloc(CACHE_LINE_BYTES, sizeof(*r));
	struct thermo_access *slots =
			aligned_alloc(CACHE_LINE_BYTES, (size_t)nr_reports * sizeof(*slots));

	if (!r || !slots) {
		free(r);
		free(slots);
		return thermo_fail(-ENOMEM, "reporter: no memory for %u reports", nr_reports);
	}
	memset(r, 0, sizeof(*r));
	/* Touch the slots here, so that reporting never takes a first page fault. */
	memset(slots, 0, (size_t)nr_reports * sizeof(*slots));
	r->slots = slots;
	r->mask = nr_reports - 1;
	r->source = source;
	*reporter = r;
	return 0;
}

void thermo_reporter_free(struct thermo_reporter *reporter)
{
	if (!reporter)
		return;
	free(reporter->slots);
	free(reporter);
}

bool thermo_report_access(struct thermo_reporter *r, const struct thermo_access *access)
{
	/* relaxed: this thread is the only writer of head. */
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head - r->seen_tail > r->mask) {
		/* acquire (A), pairs with D: the consumer has left the slots we reuse. */
		r->seen_tail = atomic_load_explicit(&r->tail, memory_order_acquire);
		if (head - r->seen_tail > r->mask) {
			/* relaxed: a statistic; it orders nothing. */
			atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
			return false;
		}
	}
	r->slots[head & r->mask] = *access;
	r->slots[head & r->mask].source = r->source;
	/* release (B), pairs with C: publish the slot before the index. */
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

size_t thermo_reporter_drain(struct thermo_reporter *r, struct thermo_access *out, size_t max)
{
	/* relaxed: this thread is the only writer of tail. */
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	/* acquire (C), pairs with B: the slots below head are written. */
	uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	uint32_t nr = head - tail < max ? head - tail : (uint32_t)max;
	uint32_t first = tail & r->mask;
	uint32_t until_wrap = r->mask + 1 - first < nr ? r->mask + 1 - first : nr;

	memcpy(out, &r->slots[first], until_wrap * sizeof(*out));
	memcpy(out + until_wrap, r->slots, (nr - until_wrap) * sizeof(*out));
	/* release (D), pairs with A: our reads of the slots end before they are reused. */
	atomic_store_explicit(&r->tail, tail + nr, memory_order_release);
	return nr;
}

uint64_t thermo_reporter_dropped(const struct thermo_reporter *r)
{
	/* relaxed: a statistic; it orders nothing. */
	return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}
