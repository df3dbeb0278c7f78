/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/report.h - report memory accesses.
 *
 * Whoever learns of an access - a sampling PMU, a page-table scanner, a program
 * about itself - says so with one struct thermo_access through a reporter.  What a
 * report stands for is in its fields: one access or many, none ("known not
 * accessed"), a byte, a page, a huge page, a range.
 *
 * A reporter is a set of rings: one for each of nr_threads threads, which a thread
 * claims with its first report, and a shared one.  In the process that made it the
 * other end is thermo_reporter_drain(); with thermocline/client.h it is the daemon.
 *
 * Progress: thermo_report_access() and thermo_report_accesses() may be called from
 * any thread, from signal handlers, and from a handler that interrupts a report of
 * the same thread.  They never block, never allocate and end after a bounded number
 * of instructions; no thread can keep another from reporting.  The usual report
 * executes no locked instruction and makes no system call.  System calls that cannot
 * block are made by the first report of a thread and, while more threads report than
 * there are rings, by one in some thousand.  A report that finds its ring full is
 * dropped and counted.
 * The shared ring takes the reports of handlers that interrupt a report, and of
 * threads beyond nr_threads; there a report that loses the race for a slot too often
 * is dropped and counted like one that finds the ring full.
 *
 * Order: who drains sees each report whole, with all that its thread wrote before
 * it (release when it is published, acquire when it is taken), and the reports that a
 * thread makes outside of handlers in the order of its calls.  (Once in its life a thread
 * may move from the shared ring to one that became free; there the order may break.)
 * Reports of different threads, and those of handlers, have no order but their time_ns.
 *
 * Limits: a handler that leaves a report for good (siglongjmp) costs its thread the
 * ring: later reports of that thread use the shared ring.  One that leaves a report
 * to the shared ring ends that ring: what follows there is dropped and counted.
 * After fork() a child's reports through the parent's reporter are refused; it makes
 * a reporter of its own.  fork() means the C library's: a child made by a raw clone
 * system call, or by vfork(), must not report.
 */
#ifndef THERMOCLINE_REPORT_H
#define THERMOCLINE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thermocline/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an access did. */
enum thermo_op {
	THERMO_OP_UNKNOWN,
	THERMO_OP_READ,
	THERMO_OP_WRITE,
	THERMO_NR_OPS,
};

/* Which addresses addr means. */
enum thermo_space {
	THERMO_SPACE_VIRTUAL, /* of the process pid */
	THERMO_SPACE_PHYSICAL,
};

/* Where the data came from. */
enum thermo_level {
	THERMO_LEVEL_UNKNOWN,
	THERMO_LEVEL_L1,
	THERMO_LEVEL_L2,
	THERMO_LEVEL_L3,
	THERMO_LEVEL_LINE_FILL_BUFFER,
	THERMO_LEVEL_REMOTE_CACHE,
	THERMO_LEVEL_LOCAL_DRAM,
	THERMO_LEVEL_REMOTE_DRAM,
	THERMO_LEVEL_PMEM,
	THERMO_LEVEL_CXL,
	THERMO_LEVEL_UNCACHED,
	THERMO_NR_LEVELS,
};

/* What nr_accesses says of the accesses in watched_ns. */
enum thermo_count {
	THERMO_COUNT_EXACT,    /* so many, the last of them at the end of watched_ns */
	THERMO_COUNT_AT_LEAST, /* each of nr_accesses equal parts, of watched_ns or of the extent,
				* saw one or more */
	THERMO_COUNT_AT_MOST,  /* so many or fewer: a counter that did not reach its threshold */
};

/* Which memory a report can speak of.  Matters for nr_accesses == 0. */
enum thermo_scope {
	THERMO_SCOPE_ALL,
	THERMO_SCOPE_LOWER_TIERS, /* says nothing of pages on top-tier nodes */
};

#define THERMO_CPU_UNKNOWN UINT32_MAX
#define THERMO_NODE_UNKNOWN (-1)

/**
 * struct thermo_access - What a source saw of an extent of memory.
 * @addr:	First byte, in @space.
 * @extent_bytes:	What the report speaks for, from @addr on: 1 for a sampled
 *		access, a page for an accessed bit, a range for a scan.  Not 0.
 * @time_ns:	CLOCK_MONOTONIC, when it was seen.
 * @watched_ns:	How long the whole extent was watched to see @nr_accesses.  0:
 *		all the time that the source ran, as a sampling PMU does.
 * @nr_accesses:	Accesses that the report stands for: the period of a PMU
 *		sample, 1 for an exact one; 0: known not accessed while watched.
 * @pid:	Process that accessed, and whose addresses these are if virtual; 0
 *		when unknown.
 * @tid:	Thread that accessed; 0 when unknown.
 * @cpu:	CPU that accessed; THERMO_CPU_UNKNOWN.
 * @latency_ns:	Load-to-use latency; 0 when not measured.
 * @node:	Node of the accessing CPU; THERMO_NODE_UNKNOWN.
 * @access_bytes:	What one access moved; 0 when unknown.
 * @op:		enum thermo_op.
 * @space:	enum thermo_space.
 * @level:	enum thermo_level.
 * @scope:	enum thermo_scope.
 * @count:	enum thermo_count; an accessed bit says THERMO_COUNT_AT_LEAST.  An upper bound
 *		says nothing of what is known to be colder than it.
 * @source:	Index of the source in the monitor; the reporter fills it in.
 * @watched_op:	enum thermo_op: only accesses of that direction could be seen, a write-protected
 *		page's writes say; so 0 @nr_accesses means "not written", not "not accessed".
 *		THERMO_OP_UNKNOWN: all could.
 *
 * One cache line.  What a reporter does not know it says it does not know.
 */
struct thermo_access {
	uint64_t addr;
	uint64_t extent_bytes;
	uint64_t time_ns;
	uint64_t watched_ns;
	uint32_t nr_accesses;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
	uint32_t latency_ns;
	int16_t node;
	uint16_t access_bytes;
	uint8_t op;
	uint8_t space;
	uint8_t level;
	uint8_t scope;
	uint8_t count;
	uint8_t source;
	uint8_t watched_op;
	uint8_t reserved[1];
};

/* A set of rings.  Opaque. */
struct thermo_reporter;

/**
 * struct thermo_reporter_opts - Zeroes mean the default.
 * @nr_reports:	Room of each ring: a power of two, 2 to 2^24, 64 bytes each; default
 *		4096.  The shared ring has no more than 4096.
 * @nr_threads:	Rings for threads, 1 to 1024; default 16.  Any number of threads may
 *		report; those beyond use the shared ring, which is slower.
 * @source:	What thermo_access.source becomes in every report.
 */
struct thermo_reporter_opts {
	uint32_t nr_reports;
	uint32_t nr_threads;
	uint8_t source;
};

/**
 * thermo_reporter_new() - Make a reporter.  All its memory is touched here.
 * @reporter:	Out: the new reporter; the caller frees it.
 * @opts:	NULL: all default.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
THERMO_API int thermo_reporter_new(struct thermo_reporter **reporter,
				   const struct thermo_reporter_opts *opts);

/* Neither end may be in use any more.  Accepts NULL. */
THERMO_API void thermo_reporter_free(struct thermo_reporter *reporter);

/**
 * thermo_report_access() - Report an access.  Any thread, any signal handler.
 *
 * Return: false when the report was dropped, or refused after a fork.
 */
THERMO_API bool thermo_report_access(struct thermo_reporter *reporter,
				     const struct thermo_access *access);

/**
 * thermo_report_accesses() - Report several at once; they become visible together.
 *
 * Cheaper than one by one.  (In the shared ring they become visible one by one.)
 *
 * Return: how many were accepted: the first ones; the rest was dropped and counted.
 */
THERMO_API size_t thermo_report_accesses(struct thermo_reporter *reporter,
					 const struct thermo_access *accesses, size_t nr);

/**
 * thermo_reporter_drain() - The consumer's side: take reports out.
 * @out:	Room for @max reports.
 *
 * One thread at a time, any thread.  Goes round the rings, so that none starves; a
 * ring that nobody claimed costs nothing, an empty one a look at its index.  Takes
 * nothing from a reporter that another process drains.
 *
 * Return: how many were taken; those of one ring oldest first.
 */
THERMO_API size_t thermo_reporter_drain(struct thermo_reporter *reporter, struct thermo_access *out,
					size_t max);

/* Reports dropped by all rings since it was made.  Any thread. */
THERMO_API uint64_t thermo_reporter_dropped(const struct thermo_reporter *reporter);

/* What thermo_access.source becomes in its reports. */
THERMO_API uint8_t thermo_reporter_source(const struct thermo_reporter *reporter);

/* Number of rings: the threads' are 0 to nr - 2, the shared one is nr - 1. */
THERMO_API uint32_t thermo_reporter_nr_rings(const struct thermo_reporter *reporter);

/* Reports dropped by ring @ring; 0 if there is none of that number.  Any thread. */
THERMO_API uint64_t thermo_reporter_ring_dropped(const struct thermo_reporter *reporter,
						 uint32_t ring);

/*
 * The process whose own accesses are all that this reporter can tell of, a client's; 0:
 * it may tell of any.  So a client that reports all the time (watched_ns 0) has watched
 * its own memory only.
 */
THERMO_API int32_t thermo_reporter_pid(const struct thermo_reporter *reporter);

/* Reports refused to this process because another made the reporter, before a fork. */
THERMO_API uint64_t thermo_reporter_refused(const struct thermo_reporter *reporter);

#ifdef __cplusplus
}
#endif

#endif
