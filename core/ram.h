/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ram.h - which physical addresses are memory that the kernel uses, and on which
 * node.  Follows memory that is plugged, unplugged, taken on- and offline.  One thread.
 *
 * /proc/iomem says what is "System RAM", to the page, offline blocks included; the
 * memory blocks below /sys say what is online and where, by blocks of 128 MiB or
 * more.  What both agree on counts; one of them is enough.
 */
#ifndef CORE_RAM_H
#define CORE_RAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/proc.h"
#include "thermocline/monitor.h"

#define RAM_NODE_UNKNOWN (-1)

/*
 * A piece of memory.  A block that is said to be on several nodes, nobody knows
 * where, is in the list once for each: @nr_nodes times.
 */
struct ram_piece {
	struct thermo_range range;
	int node;
	uint32_t nr_nodes;
};

/**
 * struct ram - Zeroed, it knows nothing.
 * @pieces:	By address.
 * @mem_total_kb:	What the kernel had in all then; while it has as much, nothing was
 *		plugged, most likely.
 * @nr_unchanged:	Updates since then that found as much and looked no further.
 */
struct ram {
	size_t nr_pieces;
	struct ram_piece *pieces;
	uint64_t mem_total_kb;
	unsigned int nr_unchanged;
};

/* Accepts a zeroed one, and may be called twice. */
void ram_fini(struct ram *ram);

/*
 * Look again.  Return: 0; -EPERM when nothing tells the addresses; -errno; after a
 * failure nothing changed.
 */
int ram_update(struct ram *ram, const struct thermo_host *host);

/* All memory, as at most @max_ranges.  Return: how many, or -ENOMEM. */
ssize_t ram_ranges(const struct ram *ram, size_t max_ranges, struct thermo_range *ranges);

/*
 * How many bytes of [@start, @end) each node has, most first, in @nodes, which has
 * room for THERMO_REGION_NODES; the smallest are left out when there are more.
 */
void ram_nodes(const struct ram *ram, uint64_t start, uint64_t end,
	       struct thermo_node_bytes *nodes);

#endif
