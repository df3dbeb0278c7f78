/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rings.h - a reporter from the inside: its memory, and who may touch what.
 *
 * A block of memory holds the rings: private to a process, or shared between a
 * client, which reports, and the daemon, which drains.  Its layout follows from
 * struct geometry alone, and zeroed memory is a block of empty rings.
 *
 *	struct block		how many rings are claimed
 *	struct ring[]		a thread's each; the last is the shared ring
 *	uint32_t turn[]		of the shared ring's slots
 *	struct thermo_access[]	slots of all threads' rings, then of the shared one
 *
 * struct thermo_reporter is private to each process, and so is all in it.  Of what
 * lies in a block the drain believes nothing: sizes are its own, its tail is its own
 * and only published, a head is checked, and a report is copied before it is looked at.
 */
#ifndef REPORT_API_RINGS_H
#define REPORT_API_RINGS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "thermocline/report.h"

#define CACHE_LINE_BYTES 64
/* Processors fetch lines in pairs: the two sides stay a pair apart. */
#define APART_BYTES 128
/*
 * A load waits for an earlier store when the low bits of their addresses agree, and for long
 * when some of the physical ones above do, too.  A report stores to its ring and the next
 * one loads from its reporter: in one reporter of ten that doubled the cost, as long as
 * both could lie at the same place of a page.  So a reporter begins a page, where no ring
 * can be.
 */
#define ALIAS_BYTES 4096
#define MIN_REPORTS 2u
#define MAX_REPORTS (1u << 24)
#define MAX_SHARED_REPORTS 4096u
#define MAX_THREADS 1024u
#define DEFAULT_REPORTS 4096u
#define DEFAULT_THREADS 16u

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): each side has its own line. */
struct ring {
	/* The producer's. */
	_Alignas(APART_BYTES) _Atomic uint32_t head;
	_Atomic uint32_t busy;      /* a report is under way in the owning thread */
	_Atomic uint64_t owner;     /* thread, see claim.c; 0: free */
	_Atomic uint32_t seen_tail; /* the producer's last view of tail */
	_Atomic uint64_t dropped;

	/* The consumer's. */
	_Alignas(APART_BYTES) _Atomic uint32_t tail;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the rings have their own lines. */
struct block {
	_Atomic uint32_t nr_claimed; /* rings from 0 on that were ever claimed */
	_Alignas(APART_BYTES) struct ring rings[];
};

/* Chosen once; each side computes the layout from its own copy. */
struct geometry {
	uint32_t nr_threads;
	uint32_t nr_reports; /* of each thread's ring */
	uint32_t nr_shared;  /* of the shared ring */
};

/*
 * Who drains another process' memory gives this: how many reports may be looked at
 * now, and which are good.  check() keeps the good ones, in order, from the front.
 */
struct drain_guard {
	size_t (*quota)(void *arg, size_t max);
	size_t (*check)(void *arg, struct thermo_access *batch, size_t nr);
	void *arg;
};

/* The consumer's view of a ring. */
struct outlet {
	uint32_t tail;
	uint64_t told_dropped; /* the ring's count when it was last looked at */
};

struct thermo_reporter {
	/* What a report reads: one line, constant. */
	uint64_t key; /* number of this reporter in this process, times 2^16 */
	struct ring *rings;
	struct thermo_access *slots;
	uint32_t nr_threads;
	uint32_t mask;
	uint32_t shift; /* a thread's ring has 1 << shift slots */
	uint8_t source;

	/* What the slow path reads. */
	_Alignas(APART_BYTES) struct block *block;
	_Atomic uint32_t *turns;
	struct thermo_access *shared_slots;
	struct geometry geometry;
	size_t block_bytes;
	pid_t pid;     /* who may report; 0: nobody */
	int socket_fd; /* to the daemon; -1: none */
	_Atomic uint64_t refused;

	/* The consumer's. */
	_Alignas(APART_BYTES) struct outlet *outlets; /* NULL: another process drains */
	uint32_t next;                                /* ring to begin with */
	const struct drain_guard *guard;              /* NULL: the block is our own */
	pid_t subject;                                /* whom reports speak of; 0: anybody */
	uint64_t nr_corrupt;                          /* nonsense found in indices */
	_Atomic uint64_t told_dropped;                /* by the other side */
};

_Static_assert(sizeof(struct thermo_access) == CACHE_LINE_BYTES, "a report is a cache line");
_Static_assert(sizeof(struct thermo_reporter) <= ALIAS_BYTES, "a reporter is in one page");
_Static_assert(sizeof(struct block) % sizeof(struct ring) == APART_BYTES, "no ring begins a page");
_Static_assert(sizeof(struct ring) == 2 * APART_BYTES, "a ring is four cache lines");
_Static_assert(MAX_THREADS < 1u << 15, "a ring's number fits into a key's low bits");

/*
 * What is exported here is for libthermocline-monitor, which holds the daemon's side;
 * it is no interface for anybody else.
 */

/* Fill in defaults.  Return: 0, or -EINVAL with the reason. */
THERMO_API int thermo_geometry_make(uint32_t nr_threads, uint32_t nr_reports,
				    struct geometry *geometry);

/* Bytes of a block. */
THERMO_API size_t thermo_geometry_bytes(const struct geometry *geometry);

enum reporter_sides {
	REPORTER_PRODUCES = 1,
	REPORTER_CONSUMES = 2,
};

/**
 * thermo_reporter_map() - Make a reporter of a zeroed block, which it unmaps when freed.
 *
 * On failure the block stays the caller's.
 *
 * Return: 0 or -ENOMEM.
 */
THERMO_API int thermo_reporter_map(struct thermo_reporter **reporter, void *block,
				   const struct geometry *geometry, unsigned int sides);

/* What find_ring() may answer besides a ring's number. */
#define USE_SHARED 0xffffu
#define USE_NONE 0xfffeu

/* claim.c: what this thread found last time; minus the reporter's key a ring's number. */
#define NR_CACHED 4u
extern _Thread_local _Atomic uint64_t ring_cache[NR_CACHED]
		__attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline uint64_t cached_ring(const struct thermo_reporter *r)
{
	/* relaxed: only this thread and its handlers touch it, a word at a time. */
	return atomic_load_explicit(&ring_cache[(r->key >> 16) % NR_CACHED], memory_order_relaxed) -
	       r->key;
}

/* The ring of this thread, found or claimed; or USE_SHARED, or USE_NONE. */
uint32_t find_ring(struct thermo_reporter *reporter);

/* Once a process, before its first reporter: forget what a parent's threads knew. */
void watch_forks(void);

#endif
