/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - all that matters for tiering on a machine, looked at once: nodes and tiers, CXL,
 * which addresses are memory, and what the kernel does by itself.  For people who ask, and for
 * odd.h; the daemon needs the topology alone.
 */
#ifndef TIERING_MACHINE_H
#define TIERING_MACHINE_H

#include "core/cxl.h"
#include "core/ram.h"
#include "thermocline/tiering.h"

/* From the nearest initiator: class 0 of any kind, class 1 with CPUs. */
#define MACHINE_ACCESS_CLASSES 2

/* What firmware (HMAT, CDAT) says; 0 unknown. */
struct machine_access {
	uint32_t read_latency_ns;
	uint32_t write_latency_ns;
	uint32_t read_bandwidth_mib_s;
	uint32_t write_bandwidth_mib_s;
};

/* What struct thermo_node does not have; same index.  @cpus is the kernel's list, "" for none. */
struct machine_node {
	char cpus[256];
	struct machine_access access[MACHINE_ACCESS_CLASSES];
};

/**
 * struct machine - Zeroed, it knows nothing.
 * @demotion:	The kernel demotes instead of reclaiming: 1, 0; -1 unknown.
 * @promotes:	The kernel promotes by itself: NUMA balancing tiers, and may move.
 * @block_bytes:	Memory comes and goes in blocks of this size; 0 unknown.
 * @libcxl:	How many things libcxl sees otherwise, the first in @libcxl_says; -ENOTSUP
 *		not asked, or -errno.
 * @offline_bytes:	Memory that is there and not in use, other than that of dax devices.
 */
struct machine {
	struct thermo_topology topology;
	struct machine_node nodes[THERMO_MAX_NODES];
	struct cxl cxl;
	struct ram ram;
	int demotion;
	bool promotes;
	int libcxl;
	char libcxl_says[160];
	uint64_t block_bytes;
	uint64_t offline_bytes;
};

/*
 * @tiers: as for thermo_topology_read().  Close also after a failure.
 * Return: 0; -EINVAL for wrong @tiers; -ENODEV where /sys shows no nodes; -ENOMEM.
 */
int machine_open(struct machine *machine, const struct thermo_host *host, const char *tiers);
void machine_close(struct machine *machine);

/* Ask libcxl as well: only where @machine is this very one. */
void machine_ask_libcxl(struct machine *machine);

/* How much of [@start, @start + @bytes) the kernel uses as memory. */
uint64_t machine_online_bytes(const struct machine *machine, uint64_t start, uint64_t bytes);

/* The part of a dax device that can be memory: whole blocks. */
uint64_t machine_usable_bytes(const struct machine *machine, const struct cxl_dax *dax);

#endif
