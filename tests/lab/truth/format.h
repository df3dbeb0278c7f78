/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format.h - the truth file: every access to the workload's window, counted by the emulator.
 *
 * The workload talks to the plugin through the first page of its window (the mailbox): a text at
 * TRUTH_BASE + 8, then a non-zero uint64_t at TRUTH_BASE.
 *
 *	window BYTES	count accesses to [TRUTH_BASE, TRUTH_BASE + BYTES) from now on, from zero
 *	phase NAME	a phase begins
 *	end		count no more
 *
 * A thread that stores a uint64_t at TRUTH_BASE + TRUTH_TASK_OFFSET, pid << 32 | tid, says that it
 * runs on this CPU now: the virtual PMU's samples have it.
 *
 * The file is a struct truth_header, then records: a struct truth_record and its payload.  All is
 * little-endian.  The writer may be killed at any time: a last record may be cut off.
 *
 * A COUNTS record holds what happened since the record before, as unsigned LEB128 numbers, for
 * each page, node and CPU with accesses, in ascending order of pages:
 *
 *	pages since the previous cell's page (the first: since page 0)
 *	node * 256 + cpu
 *	reads
 *	writes
 *
 * A PHYSICAL record holds the same accesses by where they went, as far as that was slow memory, and
 * is there with a virtual CHMU only.  It follows its COUNTS record, and has the same cells: its
 * pages are numbers of physical pages, its CPUs all 0.
 */
#ifndef TRUTH_FORMAT_H
#define TRUTH_FORMAT_H

#include <stdint.h>

#define TRUTH_BASE (1ULL << 44)
#define TRUTH_MAGIC "THERMTRU"

enum {
	TRUTH_VERSION = 1,
	TRUTH_PAGE_BYTES = 4096,
	TRUTH_TEXT_MAX = 240,
	TRUTH_TASK_OFFSET = 1024, /* in the mailbox */
	TRUTH_NODES_MAX = 16,
	TRUTH_CPUS_MAX = 64,
	TRUTH_NUMBER_MAX = 10, /* bytes of one LEB128 number */
	TRUTH_CELL_MAX = 4 * TRUTH_NUMBER_MAX,
	TRUTH_PAYLOAD_MAX = 1 << 30,
};

struct truth_header {
	char magic[8];
	uint32_t version;
	uint32_t page_bytes;
	uint32_t nr_nodes;
	uint32_t nr_cpus;
	uint64_t node_bytes[TRUTH_NODES_MAX];
	uint32_t latency_ns[TRUTH_NODES_MAX];
	uint8_t is_fast[TRUTH_NODES_MAX]; /* the node has CPUs */
};

enum truth_record_type {
	TRUTH_WINDOW = 1, /* uint64_t bytes */
	TRUTH_PHASE,      /* text, no NUL */
	TRUTH_END,        /* empty */
	TRUTH_COUNTS,     /* cells */
	TRUTH_CLOSED,     /* empty; the last record of a run that ended in order */
	TRUTH_PHYSICAL,   /* cells */
};

struct truth_record {
	uint32_t type;
	uint32_t bytes;   /* of the payload */
	uint64_t time_ns; /* since the plugin started */
};

#endif
