/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmstat.h - what the kernel itself moved between nodes, from its counters.
 *
 * Names differ by kernel version: what this one does not have is unknown, not 0.
 * Pages are base pages.  pgmigrate_success counts every page that anybody moved:
 * the kernel's promotion and demotion, compaction, move_pages(2) of any program.
 *
 * One thread.
 */
#ifndef CORE_VMSTAT_H
#define CORE_VMSTAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "thermocline/tiering.h"

enum vmstat_item {
	/* Also by node. */
	VMSTAT_PROMOTED,
	VMSTAT_PROMOTE_CANDIDATES,
	VMSTAT_DEMOTED_KSWAPD,
	VMSTAT_DEMOTED_DIRECT,
	VMSTAT_DEMOTED_KHUGEPAGED,
	VMSTAT_DEMOTED_PROACTIVE,
	VMSTAT_NUMA_HIT,
	VMSTAT_NUMA_MISS,
	VMSTAT_NUMA_FOREIGN,
	/* Of the machine alone. */
	VMSTAT_PTE_UPDATES,
	VMSTAT_HINT_FAULTS,
	VMSTAT_HINT_FAULTS_LOCAL,
	VMSTAT_NUMA_MIGRATED,
	VMSTAT_MIGRATED,
	VMSTAT_MIGRATE_FAILED,
	VMSTAT_THP_MIGRATED,
	VMSTAT_THP_MIGRATE_FAILED,
	VMSTAT_THP_MIGRATE_SPLIT,
	VMSTAT_NR_ITEMS,
};

#define VMSTAT_NR_NODE_ITEMS VMSTAT_PTE_UPDATES

/* As the kernel has it: "pgpromote_success".  Stable. */
const char *vmstat_name(enum vmstat_item item);

/* Counters as they were; those without their bit in @known are unknown. */
struct vmstat_values {
	uint32_t known;
	uint64_t values[VMSTAT_NR_ITEMS];
};

/* "name value" lines.  What is no such line, or of no interest, is passed over. */
void vmstat_parse(struct vmstat_values *out, const char *text);

/**
 * struct vmstat_change - A counter since the start, and in the last interval.
 * @per_s:	In the last interval; 0 before there was one.
 */
struct vmstat_change {
	bool known;
	uint64_t since_start;
	double per_s;
};

struct vmstat_node {
	int node;
	struct vmstat_values first;
	struct vmstat_values last;
	struct vmstat_values now;
};

/**
 * struct vmstat - Counters since vmstat_read() was called first.  Zeroed, nothing is known.
 * @time_ns, @last_ns:	Of the newest look, and of the one before it.
 */
struct vmstat {
	uint64_t time_ns;
	uint64_t last_ns;
	struct vmstat_node all;
	size_t nr_nodes;
	struct vmstat_node nodes[THERMO_MAX_NODES];
};

/*
 * Look again; @topology says which nodes.  One that comes later counts from then on.
 * Return: 0, or -errno: all as it was.
 */
int vmstat_read(struct vmstat *vmstat, const struct thermo_host *host,
		const struct thermo_topology *topology);

struct vmstat_change vmstat_change(const struct vmstat *vmstat, const struct vmstat_node *node,
				   enum vmstat_item item);

/* All the kernel's ways to demote together; known when one of them is. */
struct vmstat_change vmstat_demoted(const struct vmstat *vmstat, const struct vmstat_node *node);

/*
 * Pages that neither we nor the kernel's tiering moved: compaction, other programs,
 * balancing between fast nodes.  @ours_pages: what we moved since the start, read at
 * about the same time.
 */
struct vmstat_change vmstat_others_moved(const struct vmstat *vmstat, uint64_t ours_pages);

#endif
