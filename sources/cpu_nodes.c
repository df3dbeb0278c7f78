// SPDX-License-Identifier: GPL-2.0-or-later
/* cpu_nodes.c - cpulist of every node. */
#include "sources/cpu_nodes.h"

#include <errno.h>
#include <stdlib.h>

#include "core/error.h"

/* The kernel's own limit is 8192 on the largest machines. */
#define CPUS_MAX 65536

static int grow(struct cpu_nodes *nodes, uint32_t nr)
{
	int16_t *table = realloc(nodes->node_of_cpu, nr * sizeof(*table));

	if (!table) {
		(void)thermo_fail(-ENOMEM, "no memory for the nodes of %u CPUs", nr);
		return -ENOMEM;
	}
	for (uint32_t i = nodes->nr; i < nr; i++)
		table[i] = THERMO_NODE_UNKNOWN;
	nodes->node_of_cpu = table;
	nodes->nr = nr;
	return 0;
}

static int add_node(struct cpu_nodes *nodes, const struct thermo_host *host, int node,
		    hwloc_bitmap_t cpus)
{
	if (thermo_host_read_list(host, cpus, "sys/devices/system/node/node%d/cpulist", node))
		return 0;
	int last = hwloc_bitmap_last(cpus);

	if (last < 0)
		return 0;
	if (last >= CPUS_MAX)
		last = CPUS_MAX - 1;
	if ((!nodes->node_of_cpu || last >= (int)nodes->nr) && grow(nodes, (uint32_t)last + 1))
		return -ENOMEM;
	for (int cpu = hwloc_bitmap_first(cpus); cpu >= 0 && cpu <= last;
	     cpu = hwloc_bitmap_next(cpus, cpu))
		nodes->node_of_cpu[cpu] = (int16_t)node;
	return 0;
}

int cpu_nodes_read(struct cpu_nodes *nodes, const struct thermo_host *host)
{
	hwloc_bitmap_t ids = hwloc_bitmap_alloc(), cpus = hwloc_bitmap_alloc();
	struct cpu_nodes fresh = { 0 };
	int err = ids && cpus ? 0 : thermo_fail(-ENOMEM, "no memory for the nodes of CPUs");

	if (!err && thermo_host_read_list(host, ids, "sys/devices/system/node/online") == 0)
		for (int n = hwloc_bitmap_first(ids); n >= 0 && n < INT16_MAX && !err;
		     n = hwloc_bitmap_next(ids, n))
			err = add_node(&fresh, host, n, cpus);
	hwloc_bitmap_free(ids);
	hwloc_bitmap_free(cpus);
	if (err) {
		cpu_nodes_fini(&fresh);
		return err;
	}
	cpu_nodes_fini(nodes);
	*nodes = fresh;
	return 0;
}

void cpu_nodes_fini(struct cpu_nodes *nodes)
{
	free(nodes->node_of_cpu);
	*nodes = (struct cpu_nodes){ 0 };
}
