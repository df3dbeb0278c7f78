/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu_nodes.h - which memory node a CPU belongs to.
 *
 * One thread.  A zeroed table knows no CPU.
 */
#ifndef SOURCES_CPU_NODES_H
#define SOURCES_CPU_NODES_H

#include <stdint.h>

#include "core/host.h"
#include "thermocline/report.h"

struct cpu_nodes {
	uint32_t nr;
	int16_t *node_of_cpu;
};

/*
 * Read what the kernel tells now: of CPUs that are offline it tells nothing.  What it does
 * not tell stays unknown.  Return: 0; -ENOMEM, then the table is as it was.
 */
int cpu_nodes_read(struct cpu_nodes *nodes, const struct thermo_host *host);
/* Leaves an empty table; twice is fine. */
void cpu_nodes_fini(struct cpu_nodes *nodes);

static inline int16_t cpu_nodes_get(const struct cpu_nodes *nodes, uint32_t cpu)
{
	if (cpu >= nodes->nr)
		return THERMO_NODE_UNKNOWN;
	return nodes->node_of_cpu[cpu];
}

#endif
