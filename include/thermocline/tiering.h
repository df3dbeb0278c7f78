/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/tiering.h - memory tiers, and schemes that move pages between them.
 *
 * A scheme is DAMOS' idea: an action on memory of some access pattern, within a
 * quota, until a goal is met.  By default each pair of neighbouring tiers has two:
 * promote what is hot below until the upper tier is used to 99.7 %, demote what is
 * cold above until 0.5 % of it is free.  The overlap keeps memory flowing.
 *
 * The rate that decides is accesses per second and byte, from a monitor's snapshot,
 * times the latency that the upper tier saves.  A page goes up when there is room,
 * or when the gain over the coldest page that would have to leave is worth both
 * moves; never into a node without free memory, and not soon after it came down.
 */
#ifndef THERMOCLINE_TIERING_H
#define THERMOCLINE_TIERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thermocline/monitor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define THERMO_MAX_NODES 64
#define THERMO_MAX_TIERS 8

/**
 * struct thermo_node - A memory node.
 * @id:		The kernel's number.
 * @tier:	Index of its tier, 0 the fastest.
 * @has_cpu:	CPUs belong to it.
 * @total_bytes, @free_bytes:	MemTotal and MemFree.
 * @reserve_bytes:	Sum of its zones' high watermarks: below that the kernel
 *		reclaims.  Free memory in goals is free_bytes less this.
 * @read_latency_ns, @write_latency_ns:	From its nearest initiator (HMAT, CDAT); 0:
 *		unknown.
 * @read_bandwidth_mib_s:	Likewise.
 * @distance:	SLIT distance to each node of the topology, by index.
 */
struct thermo_node {
	int id;
	int tier;
	bool has_cpu;
	uint64_t total_bytes;
	uint64_t free_bytes;
	uint64_t reserve_bytes;
	uint32_t read_latency_ns;
	uint32_t write_latency_ns;
	uint32_t read_bandwidth_mib_s;
	uint32_t distance[THERMO_MAX_NODES];
};

/**
 * struct thermo_topology - Nodes by number, each in a tier.
 * @tiers_from:	How the tiers were found, for people.
 * @warning:	What is odd about this machine; "" when nothing is.
 */
struct thermo_topology {
	size_t nr_nodes;
	size_t nr_tiers;
	struct thermo_node nodes[THERMO_MAX_NODES];
	char tiers_from[64];
	char warning[256];
};

/**
 * thermo_topology_read() - Nodes and tiers of this machine.
 * @tiers:	NULL to find them, from the kernel's memory tiers, else latencies,
 *		else distances; or a list from fast to slow, as "0,1/2".
 *
 * Return: 0; -EINVAL for a wrong @tiers; -ENODEV where /sys shows no nodes.
 */
THERMO_API int thermo_topology_read(struct thermo_topology *topology,
				    const struct thermo_host *host, const char *tiers);

/* Read free memory again.  Return: 0 or -errno. */
THERMO_API int thermo_topology_refresh(struct thermo_topology *topology,
				       const struct thermo_host *host);

/* Return: index in @topology of node number @id, or -1. */
THERMO_API int thermo_topology_find(const struct thermo_topology *topology, int id);

enum thermo_action {
	THERMO_PROMOTE,
	THERMO_DEMOTE,
	THERMO_NR_ACTIONS,
};

enum thermo_goal_metric {
	THERMO_GOAL_USED_BP, /* of the upper tier's nodes, 1/10000 */
	THERMO_GOAL_FREE_BP,
};

/**
 * struct thermo_scheme - What to move between two neighbouring tiers.
 * @upper:	Index of the upper tier; the lower one is the next.
 * @goal_bp:	Act until the metric is at least this; 0 to 10000.
 * @cooldown_ns:	What moved the other way less than this ago stays.
 */
struct thermo_scheme {
	enum thermo_action action;
	uint32_t upper;
	enum thermo_goal_metric goal;
	uint32_t goal_bp;
	uint64_t cooldown_ns;
};

/* The default pair of schemes for every two neighbouring tiers.  Return: how many. */
THERMO_API size_t thermo_default_schemes(const struct thermo_topology *topology,
					 struct thermo_scheme schemes[2 * THERMO_MAX_TIERS]);

/* What became of a page that was to be moved. */
enum thermo_move_result {
	THERMO_MOVED,
	THERMO_MOVE_BUSY,        /* locked, pinned, under writeback */
	THERMO_MOVE_GONE,        /* unmapped meanwhile, or the process exited */
	THERMO_MOVE_NO_MEMORY,   /* the destination is full */
	THERMO_MOVE_NOT_ALLOWED, /* shared, or not ours to move, or not its cpuset's node */
	THERMO_MOVE_ALREADY,     /* somebody else was faster */
	THERMO_MOVE_FAILED,      /* anything else */
	THERMO_NR_MOVE_RESULTS,
};

/* Short lower-case name, as in status and metrics: "no_memory". */
THERMO_API const char *thermo_move_result_name(enum thermo_move_result result);

/**
 * struct thermo_move_counters - What the migrator did, in base pages of 4 KiB.
 * @pages:	By direction and result; every page that was tried is in exactly one.
 * @calls, @call_ns:	move_pages(2) calls that moved, and the time spent in them.
 * @longest_call_ns:	The longest of them.
 * @ping_pongs:	Pages that went up within a minute after they came down.
 */
struct thermo_move_counters {
	uint64_t pages[THERMO_NR_ACTIONS][THERMO_NR_MOVE_RESULTS];
	uint64_t calls;
	uint64_t call_ns;
	uint64_t longest_call_ns;
	uint64_t ping_pongs;
};

#ifdef __cplusplus
}
#endif

#endif
