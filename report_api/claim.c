// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * claim.c - which ring is this thread's.
 *
 * Runs in the reporting thread, also in its signal handlers, when its cache does not
 * know the reporter.  A ring's owner is a word: the thread's id, and above it a
 * number that no other thread of the process has.  The id alone is not enough: it is
 * used again after the thread is gone, and then whoever takes the ring over must win
 * against a thread that found its owner dead a moment before.  All ownership changes
 * by compare-and-exchange of that word, so one of them wins.
 */
#include "report_api/rings.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* With all rings taken, look for a free one again after so many reports. */
#define RETRY_REPORTS 4096u

_Thread_local _Atomic uint64_t ring_cache[NR_CACHED]
		__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* This thread.  Its handlers see it too, hence words that are read and written whole. */
struct self {
	_Atomic uint64_t owner;   /* as in struct ring; 0: not known yet */
	_Atomic uint32_t looking; /* in find_ring() */
	_Atomic uint32_t left;    /* reports until it looks for a ring again */
};

static _Thread_local struct self self __attribute__((tls_model("initial-exec")));

static void forget(void)
{
	/* relaxed: the child has this thread only, and its handlers. */
	for (unsigned int i = 0; i < NR_CACHED; i++)
		atomic_store_explicit(&ring_cache[i], 0, memory_order_relaxed);
	/* relaxed: as above. */
	atomic_store_explicit(&self.owner, 0, memory_order_relaxed);
	/* relaxed: as above. */
	atomic_store_explicit(&self.looking, 0, memory_order_relaxed);
}

static void register_forget(void)
{
	(void)pthread_atfork(NULL, NULL, forget);
}

void watch_forks(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, register_forget);
}

static uint64_t whoami(void)
{
	static _Atomic uint32_t nr_threads;
	/* relaxed: only this thread and its handlers touch it. */
	uint64_t owner = atomic_load_explicit(&self.owner, memory_order_relaxed);

	if (owner)
		return owner;
	/* relaxed: a number nobody else gets; it orders nothing. */
	owner = (uint64_t)(atomic_fetch_add_explicit(&nr_threads, 1, memory_order_relaxed) + 1)
				<< 32 |
		(uint32_t)syscall(SYS_gettid);
	/* relaxed: see above. */
	atomic_store_explicit(&self.owner, owner, memory_order_relaxed);
	return owner;
}

static bool is_gone(const struct thermo_reporter *r, uint64_t owner)
{
	int saved = errno;
	bool gone = syscall(SYS_tgkill, r->pid, (pid_t)(uint32_t)owner, 0) < 0 && errno == ESRCH;

	/* A handler leaves errno as it was. */
	errno = saved;
	return gone;
}

static bool take(struct thermo_reporter *r, uint32_t index, uint64_t from, uint64_t to)
{
	struct ring *ring = &r->rings[index];

	/* relaxed when it fails; acq_rel: one owner's claim comes after the other's. */
	if (!atomic_compare_exchange_strong_explicit(&ring->owner, &from, to, memory_order_acq_rel,
						     memory_order_relaxed))
		return false;
	/* acquire, pairs with B of the owner before us: our B then publishes, with ours, the
	 * reports of it that are still in the ring. */
	(void)atomic_load_explicit(&ring->head, memory_order_acquire);
	/* relaxed: from now on this thread alone writes it.  The owner before us may have
	 * died in a report. */
	atomic_store_explicit(&ring->busy, 0, memory_order_relaxed);
	/* acquire (A), pairs with D: as a report does it. */
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	/* relaxed: from now on this thread alone writes it. */
	atomic_store_explicit(&ring->seen_tail, tail, memory_order_relaxed);
	/* relaxed: the consumer finds what is in the ring by its head, sooner or later. */
	uint32_t nr = atomic_load_explicit(&r->block->nr_claimed, memory_order_relaxed);

	/* release: who sees the count sees a ring that is ready; relaxed when it failed. */
	while (nr <= index &&
	       !atomic_compare_exchange_weak_explicit(&r->block->nr_claimed, &nr, index + 1,
						      memory_order_release, memory_order_relaxed))
		;
	return true;
}

/* Mine already, or of a thread before me that had my id. */
static uint32_t find_mine(struct thermo_reporter *r, uint64_t me)
{
	for (uint32_t i = 0; i < r->nr_threads; i++) {
		/* relaxed: the exchange in take() decides. */
		uint64_t owner = atomic_load_explicit(&r->rings[i].owner, memory_order_relaxed);

		if (owner == me || ((uint32_t)owner == (uint32_t)me && take(r, i, owner, me)))
			return i;
	}
	return USE_SHARED;
}

static uint32_t claim_any(struct thermo_reporter *r, uint64_t me)
{
	for (uint32_t i = 0; i < r->nr_threads; i++)
		if (take(r, i, 0, me))
			return i;
	for (uint32_t i = 0; i < r->nr_threads; i++) {
		/* relaxed: the exchange in take() decides. */
		uint64_t owner = atomic_load_explicit(&r->rings[i].owner, memory_order_relaxed);

		if (is_gone(r, owner) && take(r, i, owner, me))
			return i;
	}
	return USE_SHARED;
}

static uint32_t look(struct thermo_reporter *r)
{
	uint64_t me = whoami();
	uint32_t index = USE_NONE;

	if (r->pid == getpid()) {
		index = find_mine(r, me);
		if (index == USE_SHARED)
			index = claim_any(r, me);
	}
	/* relaxed: only this thread and its handlers touch it. */
	atomic_store_explicit(&self.left, RETRY_REPORTS, memory_order_relaxed);
	/* relaxed: as above; one word, so a handler sees it whole. */
	atomic_store_explicit(&ring_cache[(r->key >> 16) % NR_CACHED], r->key + index,
			      memory_order_relaxed);
	return index;
}

uint32_t find_ring(struct thermo_reporter *r)
{
	uint64_t known = cached_ring(r);

	if (known == USE_NONE)
		return USE_NONE;
	if (known == USE_SHARED) {
		/* relaxed: only this thread and its handlers touch it. */
		uint32_t left = atomic_load_explicit(&self.left, memory_order_relaxed);

		/* relaxed: as above. */
		atomic_store_explicit(&self.left, left ? left - 1 : 0, memory_order_relaxed);
		if (left)
			return USE_SHARED;
	}
	/*
	 * A handler that interrupts the search must not claim a second ring.  It may not
	 * know yet that a fork made this another process: ask.
	 * relaxed: only this thread and its handlers touch it.
	 */
	if (atomic_load_explicit(&self.looking, memory_order_relaxed))
		return r->pid == getpid() ? USE_SHARED : USE_NONE;
	/* relaxed: as above. */
	atomic_store_explicit(&self.looking, 1, memory_order_relaxed);
	/* seq_cst, for the compiler: handlers see the flag around the whole search. */
	atomic_signal_fence(memory_order_seq_cst);
	uint32_t index = look(r);

	/* seq_cst, for the compiler: as above. */
	atomic_signal_fence(memory_order_seq_cst);
	/* relaxed: as above. */
	atomic_store_explicit(&self.looking, 0, memory_order_relaxed);
	return index;
}
