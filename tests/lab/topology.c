// SPDX-License-Identifier: GPL-2.0-or-later
/* topology.c - the virtual machine's nodes as QEMU arguments and as physical addresses. */
#include "tests/lab/topology.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/error.h"

#define MIB (1024ULL * 1024)
#define GIB (1024ULL * MIB)

/* What a hop between two CPU nodes adds, as on a two-socket server. */
enum { REMOTE_NS = 50, REMOTE_DISTANCE = 10, LOCAL_DISTANCE = 10 };

/*
 * Memory below 4 GiB ends at 2 GiB on q35 as soon as there is more than 2.75 GiB; the rest
 * continues at 4 GiB.  See pc_q35_init() in QEMU's hw/i386/pc_q35.c.
 */
#define Q35_SPLIT_BYTES (2816 * MIB)
#define Q35_LOW_BYTES (2 * GIB)

uint32_t lab_topology_nr_cpus(const struct lab_topology *topology)
{
	return topology->nr_cpu_nodes * topology->cpus_per_node;
}

int lab_topology_check(const struct lab_topology *topology)
{
	uint32_t nr_cpus = lab_topology_nr_cpus(topology);

	if (nr_cpus > LAB_CPUS_MAX)
		return thermo_fail(-EINVAL, "lab: %u CPUs are more than %d", nr_cpus, LAB_CPUS_MAX);
	/* The kernel, its first file system and page tables live in node 0. */
	if (topology->nodes[0].bytes < 256 * MIB)
		return thermo_fail(-EINVAL, "lab: --fast: the guest needs at least 256M to boot");
	for (uint32_t i = 0; i < topology->nr_nodes; i++)
		if (topology->nodes[i].near >= topology->nr_cpu_nodes)
			return thermo_fail(-EINVAL, "lab: --slow: near=%u is no node with CPUs",
					   topology->nodes[i].near);
	if (!topology->hmat && topology->cxl_bytes)
		return thermo_fail(-EINVAL, "lab: --cxl and --no-hmat do not go together");
	return 0;
}

static uint64_t total_bytes(const struct lab_topology *topology)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < topology->nr_nodes; i++)
		bytes += topology->nodes[i].bytes;
	return bytes;
}

static bool is_remote(const struct lab_topology *topology, uint32_t cpu_node, uint32_t node)
{
	return topology->nodes[node].near != cpu_node;
}

uint32_t lab_topology_latency_ns(const struct lab_topology *topology, uint32_t cpu_node,
				 uint32_t node)
{
	return topology->nodes[node].latency_ns +
	       (is_remote(topology, cpu_node, node) ? REMOTE_NS : 0);
}

static uint32_t distance(const struct lab_topology *topology, uint32_t from, uint32_t to)
{
	const struct lab_node *nodes = topology->nodes;
	/* Symmetric: what is nearest to memory is the way through the CPU nodes. */
	uint32_t steps = nodes[from].distance + nodes[to].distance - LOCAL_DISTANCE;

	if (from == to)
		return LOCAL_DISTANCE;
	return steps + (nodes[from].near != nodes[to].near ? REMOTE_DISTANCE : 0);
}

static void add_nodes(const struct lab_topology *topology, struct lab_argv *argv)
{
	for (uint32_t i = 0; i < topology->nr_nodes; i++) {
		uint32_t first_cpu = i * topology->cpus_per_node;

		lab_argv_add(argv, "-object");
		lab_argv_add(argv, "memory-backend-ram,id=mem%u,size=%" PRIu64, i,
			     topology->nodes[i].bytes);
		lab_argv_add(argv, "-numa");
		if (i < topology->nr_cpu_nodes)
			lab_argv_add(argv, "node,nodeid=%u,memdev=mem%u,cpus=%u-%u", i, i,
				     first_cpu, first_cpu + topology->cpus_per_node - 1);
		else if (topology->hmat)
			lab_argv_add(argv, "node,nodeid=%u,memdev=mem%u,initiator=%u", i, i,
				     topology->nodes[i].near);
		else
			lab_argv_add(argv, "node,nodeid=%u,memdev=mem%u", i, i);
	}
	for (uint32_t from = 0; from < topology->nr_nodes; from++)
		for (uint32_t to = from + 1; to < topology->nr_nodes; to++) {
			lab_argv_add(argv, "-numa");
			lab_argv_add(argv, "dist,src=%u,dst=%u,val=%u", from, to,
				     distance(topology, from, to));
		}
}

static void add_performance(const struct lab_topology *topology, struct lab_argv *argv)
{
	for (uint32_t cpu = 0; cpu < topology->nr_cpu_nodes; cpu++)
		for (uint32_t node = 0; node < topology->nr_nodes; node++) {
			const char *pair = "hmat-lb,hierarchy=memory";
			uint32_t gib_s = topology->nodes[node].bandwidth_gib_s;

			/* A link between sockets halves what can be had. */
			if (is_remote(topology, cpu, node) && gib_s > 1)
				gib_s /= 2;
			lab_argv_add(argv, "-numa");
			lab_argv_add(argv,
				     "%s,initiator=%u,target=%u,data-type=access-latency,latency=%"
				     "u",
				     pair, cpu, node, lab_topology_latency_ns(topology, cpu, node));
			lab_argv_add(argv, "-numa");
			lab_argv_add(argv,
				     "%s,initiator=%u,target=%u,data-type=access-bandwidth,"
				     "bandwidth=%uG",
				     pair, cpu, node, gib_s);
		}
}

/* A type-3 device behind a root port of its own host bridge, in a window of its size. */
static void add_cxl(const struct lab_topology *topology, struct lab_argv *argv)
{
	static const char *const devices[] = {
		"pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.1",
		"cxl-rp,port=0,bus=cxl.1,id=rp0,chassis=0,slot=2",
		"cxl-type3,bus=rp0,volatile-memdev=cxlmem0,id=cxl-dev0,sn=0x1",
	};

	lab_argv_add(argv, "-object");
	lab_argv_add(argv, "memory-backend-ram,id=cxlmem0,size=%" PRIu64, topology->cxl_bytes);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		lab_argv_add(argv, "-device");
		lab_argv_add(argv, "%s", devices[i]);
	}
	lab_argv_add(argv, "-machine");
	lab_argv_add(argv, "cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G");
}

void lab_topology_qemu_args(const struct lab_topology *topology, struct lab_argv *argv)
{
	uint32_t nr_cpus = lab_topology_nr_cpus(topology);
	uint64_t mib = total_bytes(topology) / MIB;
	/* Room for the CXL window to be plugged in. */
	uint64_t max_mib = mib + 7 * GIB / MIB;

	lab_argv_add(argv, "-machine");
	lab_argv_add(argv, "q35,hmat=%s%s", topology->hmat ? "on" : "off",
		     topology->cxl_bytes ? ",cxl=on" : "");
	lab_argv_add(argv, "-cpu");
	/* The kernel does not commit a CXL region where it sees a hypervisor: it cannot
	 * invalidate the caches there.  Five-level page tables only cost emulation time. */
	lab_argv_add(argv, "max,la57=off%s", topology->cxl_bytes ? ",hypervisor=off" : "");
	lab_argv_add(argv, "-m");
	if (topology->cxl_bytes)
		lab_argv_add(argv, "%" PRIu64 "M,maxmem=%" PRIu64 "M,slots=8", mib, max_mib);
	else
		lab_argv_add(argv, "%" PRIu64 "M", mib);
	lab_argv_add(argv, "-smp");
	lab_argv_add(argv, "%u,sockets=%u,cores=%u,threads=1", nr_cpus, topology->nr_cpu_nodes,
		     topology->cpus_per_node);
	add_nodes(topology, argv);
	if (topology->hmat)
		add_performance(topology, argv);
	if (topology->cxl_bytes)
		add_cxl(topology, argv);
}

size_t lab_topology_ranges(const struct lab_topology *topology,
			   struct lab_range ranges[LAB_RANGES_MAX])
{
	uint64_t low_bytes = total_bytes(topology) < Q35_SPLIT_BYTES ? UINT64_MAX : Q35_LOW_BYTES;
	uint64_t offset = 0;
	size_t nr = 0;

	for (uint32_t i = 0; i < topology->nr_nodes; i++) {
		uint64_t end = offset + topology->nodes[i].bytes;
		uint64_t low_end = end < low_bytes ? end : low_bytes;
		uint64_t high = offset > low_bytes ? offset : low_bytes;

		if (offset < low_end)
			ranges[nr++] = (struct lab_range){ offset, low_end, i };
		if (end > low_bytes)
			ranges[nr++] = (struct lab_range){ high - low_bytes + 4 * GIB,
							   end - low_bytes + 4 * GIB, i };
		offset = end;
	}
	return nr;
}
