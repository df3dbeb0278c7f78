/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_rows.h - snapshots added up: who accesses how much, and where that is.
 *
 * Pure, but for memory.  A row is a CPU, a node, a thread, a kind of access, a process
 * or a cgroup.  Rates are means over the snapshots that were added, each weighing as
 * its window is long.  Regions that were never observed count nowhere: their rate
 * is an assumption.
 *
 * What is known of a region as a whole (reads and writes, where its pages are) is
 * taken to hold for each of those who access it.
 */
#ifndef CLI_REPORT_ROWS_H
#define CLI_REPORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/record.h"

#define REPORT_MAX_ROWS 65536u
#define REPORT_MAX_DETAILS 32

enum report_by {
	REPORT_CPU,
	REPORT_NODE,
	REPORT_THREAD,
	REPORT_OP,
	REPORT_PROCESS,
	REPORT_CGROUP,
	REPORT_NR_BY,
};

/**
 * struct report_rates - Accesses of some kind, a second.
 * @error:	One standard error of @accesses.
 * @excess:	@accesses may be too high by so much, because only the heaviest are kept.
 * @reads, @writes:	Known ones; the rest of @accesses may be either.
 * @local, @remote:	To memory on the node of the accessor, and on others; the rest
 *		of @accesses is unknown.
 * @bytes:	What they moved.
 * @served:	Accesses by anybody to memory on this node; rows of nodes only.
 */
struct report_rates {
	double accesses;
	double error;
	double excess;
	double reads;
	double writes;
	double local;
	double remote;
	double bytes;
	double served;
};

/* A region that a row accesses, in the newest snapshot. */
struct report_detail {
	const struct thermo_region *region;
	const struct thermo_target *target;
	struct report_rates rates;
};

/**
 * struct report_row - One of those who access.
 * @is_other:	All the rest: nobody told who it was, or it is not among the heaviest
 *		of its region.
 * @number:	CPU, node, tid, enum thermo_op, pid.
 * @sub:	Tells apart what has the same number: start of a process.
 * @node:	Of a CPU; RECORD_NODE_UNKNOWN.
 * @pid:	Of a process or thread.
 * @name:	Of the process; "".
 * @cgroup:	Of a cgroup's row, owned; else NULL.
 * @nr_regions:	That it accesses, in the newest snapshot.
 */
struct report_row {
	bool is_other;
	uint64_t number;
	uint64_t sub;
	int node;
	int32_t pid;
	char name[16];
	char *cgroup;
	struct report_rates rates;
	uint32_t nr_regions;
	double variance; /* of the snapshot that is being added */
	uint32_t nr_details;
	struct report_detail *details; /* REPORT_MAX_DETAILS; NULL: none were asked for */
};

struct report {
	enum report_by by;
	const struct record_machine *machine;
	int32_t pid; /* only this process; 0: all */
	struct report_row **rows;
	size_t nr_rows;
	size_t room;
	void *tree;
	struct report_row other;
	struct report_rates total;
	double total_variance;
	double weight; /* of the snapshot that is being added */
	double seconds;
	uint64_t nr_snapshots;
	bool out_of_rows; /* some are in @other */
	bool out_of_memory;
};

/* @machine must stay. */
void report_init(struct report *report, enum report_by by, const struct record_machine *machine,
		 int32_t pid);

/* Return: 0 or -ENOMEM. */
int report_add(struct report *report, const struct thermo_snapshot *snapshot);

/* Means instead of sums; once, after the last was added. */
void report_finish(struct report *report);

/*
 * The @nr_details heaviest regions of the first @nr_rows rows, from @newest, which must
 * stay.  Return: 0 or -ENOMEM.
 */
int report_add_details(struct report *report, const struct thermo_snapshot *newest, size_t nr_rows,
		       uint32_t nr_details);

/* Accepts a zeroed one. */
void report_fini(struct report *report);

/* What a region as a whole is accessed, and from how far. */
struct report_rates report_region_rates(const struct record_machine *machine,
					const struct thermo_region *region);

/*
 * Who accesses @region, by node: as it was told, else from its CPUs.  Return: how many of
 * THERMO_TOP_NODES.
 */
size_t report_accessor_nodes(const struct record_machine *machine,
			     const struct thermo_region *region, struct thermo_share *nodes);

#endif
