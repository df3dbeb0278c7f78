/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/report.h - report memory accesses.
 *
 * Whoever learns of an access - a sampling PMU, a page-table scanner, a program
 * about itself - says so with one struct thermo_access through a reporter.  A
 * reporter is one producer's end of a ring; the monitor reads the other end.
 *
 * Progress: thermo_report_access() never blocks, never allocates and makes no
 * system call; it ends after a bounded number of instructions.  One thread uses a
 * reporter at a time.  A report that finds the ring full is dropped and counted.
 * Order: the monitor sees the reports of one reporter in the order of the calls;
 * reports of different reporters have no order but their time_ns.
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
	THERMO_COUNT_AT_LEAST, /* each of nr_accesses equal parts of watched_ns saw one or more */
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
 * @count:	enum thermo_count; an accessed bit says THERMO_COUNT_AT_LEAST.
 * @source:	Index of the source in the monitor; the reporter fills it in.
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
	uint8_t reserved[2];
};

/* The producer's end of a ring of reports. */
struct thermo_reporter;

/**
 * thermo_reporter_new() - Make a reporter with room for @nr_reports.
 * @reporter:	Out: the new reporter; the caller frees it.
 * @nr_reports:	A power of two, 2 to 2^24; 64 bytes each.
 * @source:	What thermo_access.source becomes in every report.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
THERMO_API int thermo_reporter_new(struct thermo_reporter **reporter, uint32_t nr_reports,
				   uint8_t source);

/* Neither end may be in use any more.  Accepts NULL. */
THERMO_API void thermo_reporter_free(struct thermo_reporter *reporter);

/**
 * thermo_report_access() - Report an access.
 *
 * Return: false when the ring was full: the report is dropped and counted.
 */
THERMO_API bool thermo_report_access(struct thermo_reporter *reporter,
				     const struct thermo_access *access);

/**
 * thermo_reporter_drain() - The consumer's side: take reports out.
 * @out:	Room for @max reports.
 *
 * One thread at a time, any thread.
 *
 * Return: how many were taken, oldest first.
 */
THERMO_API size_t thermo_reporter_drain(struct thermo_reporter *reporter, struct thermo_access *out,
					size_t max);

/* Reports lost because the ring was full, since it was made.  Any thread. */
THERMO_API uint64_t thermo_reporter_dropped(const struct thermo_reporter *reporter);

#ifdef __cplusplus
}
#endif

#endif
