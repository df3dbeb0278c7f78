/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * topology.h - the virtual machine's nodes: what the user asked for, and where QEMU puts it.
 *
 * Nodes 0 .. nr_cpu_nodes - 1 have CPUs and fast memory; the slow ones follow, without CPUs.
 */
#ifndef LAB_TOPOLOGY_H
#define LAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/argv.h"

enum { LAB_NODES_MAX = 16, LAB_CPUS_MAX = 64, LAB_RANGES_MAX = LAB_NODES_MAX + 1 };

struct lab_node {
	uint64_t bytes;
	uint32_t latency_ns;      /* from the nearest CPUs */
	uint32_t bandwidth_gib_s; /* as above */
	uint32_t distance;        /* as above; 10 is local */
	uint32_t near;            /* the CPU node that it is attached to */
};

struct lab_topology {
	uint32_t nr_cpu_nodes;
	uint32_t cpus_per_node;
	uint32_t nr_nodes; /* without the CXL device's, which the guest makes at run time */
	struct lab_node nodes[LAB_NODES_MAX];
	bool hmat;
	uint64_t cxl_bytes; /* 0: no CXL device */
};

/* A piece of guest-physical memory that belongs to one node. */
struct lab_range {
	uint64_t start;
	uint64_t end;
	uint32_t node;
};

/* Parses "512M", "2G": a multiple of 2 MiB.  Return: 0 or -EINVAL, @what is for the message. */
int lab_parse_size(const char *text, const char *what, uint64_t *bytes);

/* Parses a whole number within limits.  Return: 0 or -EINVAL. */
int lab_parse_number(const char *text, const char *what, uint32_t min, uint32_t max,
		     uint32_t *value);

/* Parses "SIZE[,lat=NS][,bw=GBs][,dist=N][,near=NODE]" over the defaults that @node holds. */
int lab_parse_node(const char *text, const char *what, struct lab_node *node);

/* Lay out what was parsed.  Return: 0 or -EINVAL when the parts do not fit together. */
int lab_topology_check(const struct lab_topology *topology);

uint32_t lab_topology_nr_cpus(const struct lab_topology *topology);

/* Latency of @node's memory for the CPUs of node @cpu_node. */
uint32_t lab_topology_latency_ns(const struct lab_topology *topology, uint32_t cpu_node,
				 uint32_t node);

/* QEMU's arguments for machine, memory, CPUs and nodes. */
void lab_topology_qemu_args(const struct lab_topology *topology, struct lab_argv *argv);

/* Where QEMU's q35 machine puts the nodes' memory.  Return: number of ranges. */
size_t lab_topology_ranges(const struct lab_topology *topology,
			   struct lab_range ranges[LAB_RANGES_MAX]);

#endif
