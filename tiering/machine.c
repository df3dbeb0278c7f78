// SPDX-License-Identifier: GPL-2.0-or-later
/* machine.c - puts together what topology.c, cxl.c and ram.c find. */
#include "tiering/machine.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/cxl_lib.h"
#include "core/error.h"
#include "core/number.h"

#define NODE_DIR "sys/devices/system/node"
#define MEMORY_DIR "sys/devices/system/memory"

static uint32_t read_attribute(const struct thermo_host *host, int node, int class,
			       const char *name)
{
	uint64_t value;

	if (thermo_host_read_u64(host, &value, NODE_DIR "/node%d/access%d/initiators/%s", node,
				 class, name) ||
	    value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

static void read_node(struct machine_node *node, const struct thermo_host *host, int id)
{
	if (thermo_host_read(host, node->cpus, sizeof(node->cpus), NODE_DIR "/node%d/cpulist", id) <
			    0 ||
	    strspn(node->cpus, "0123456789,-") != strlen(node->cpus))
		node->cpus[0] = '\0';
	for (int c = 0; c < MACHINE_ACCESS_CLASSES; c++)
		node->access[c] = (struct machine_access){
			.read_latency_ns = read_attribute(host, id, c, "read_latency"),
			.write_latency_ns = read_attribute(host, id, c, "write_latency"),
			.read_bandwidth_mib_s = read_attribute(host, id, c, "read_bandwidth"),
			.write_bandwidth_mib_s = read_attribute(host, id, c, "write_bandwidth"),
		};
}

static int read_demotion(const struct thermo_host *host)
{
	char text[16];

	if (thermo_host_read(host, text, sizeof(text), "sys/kernel/mm/numa/demotion_enabled") < 0)
		return -1;
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		return 1;
	return strcmp(text, "false") == 0 || strcmp(text, "0") == 0 ? 0 : -1;
}

#define BALANCING_TIERS 2u

static bool read_promotes(const struct thermo_host *host)
{
	uint64_t mode = 0, limit = 0;

	return !thermo_host_read_u64(host, &mode, "proc/sys/kernel/numa_balancing") &&
	       mode & BALANCING_TIERS &&
	       !thermo_host_read_u64(host, &limit,
				     "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps") &&
	       limit > 0;
}

static uint64_t read_block_bytes(const struct thermo_host *host)
{
	char text[32];
	uint64_t bytes;

	if (thermo_host_read(host, text, sizeof(text), MEMORY_DIR "/block_size_bytes") < 0 ||
	    sscanf(text, "%" SCNx64, &bytes) != 1 || bytes < THERMO_PAGE_BYTES ||
	    (bytes & (bytes - 1)))
		return 0;
	return bytes;
}

static bool is_of_dax(const struct cxl *cxl, uint64_t start)
{
	for (size_t i = 0; i < cxl->nr_daxes; i++)
		if (start >= cxl->daxes[i].start &&
		    start - cxl->daxes[i].start < cxl->daxes[i].bytes)
			return true;
	return false;
}

static bool is_offline(const struct thermo_host *host, const char *block)
{
	char state[32];

	return thermo_host_read(host, state, sizeof(state), MEMORY_DIR "/%s/state", block) > 0 &&
	       strcmp(state, "offline") == 0;
}

static uint64_t read_offline_bytes(const struct machine *m, const struct thermo_host *host)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	uint64_t bytes = 0, id;

	if (!m->block_bytes || thermo_host_open_dir(host, &dir, MEMORY_DIR))
		return 0;
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "memory", 6) == 0 &&
		    thermo_parse_u64(entry->d_name + 6, UINT64_MAX / m->block_bytes, &id) == 0 &&
		    !is_of_dax(&m->cxl, id * m->block_bytes) && is_offline(host, entry->d_name))
			bytes += m->block_bytes;
	return bytes;
}

int machine_open(struct machine *m, const struct thermo_host *host, const char *tiers)
{
	int err;

	*m = (struct machine){ .libcxl = -ENOTSUP };
	err = thermo_topology_read(&m->topology, host, tiers);
	if (!err)
		err = cxl_read(&m->cxl, host);
	if (err)
		return err;
	/* Then nothing is known to be memory; who asks sees that there is none. */
	err = ram_update(&m->ram, host);
	if (err == -ENOMEM)
		return err;
	for (size_t i = 0; i < m->topology.nr_nodes; i++)
		read_node(&m->nodes[i], host, m->topology.nodes[i].id);
	m->demotion = read_demotion(host);
	m->promotes = read_promotes(host);
	m->block_bytes = read_block_bytes(host);
	m->offline_bytes = read_offline_bytes(m, host);
	return 0;
}

void machine_ask_libcxl(struct machine *m)
{
	m->libcxl = cxl_lib_compare(&m->cxl, m->libcxl_says, sizeof(m->libcxl_says));
}

void machine_close(struct machine *m)
{
	cxl_fini(&m->cxl);
	ram_fini(&m->ram);
}

uint64_t machine_online_bytes(const struct machine *m, uint64_t start, uint64_t bytes)
{
	struct thermo_node_bytes nodes[THERMO_REGION_NODES];
	uint64_t sum = 0;

	if (start + bytes < start)
		return 0;
	ram_nodes(&m->ram, start, start + bytes, nodes);
	for (int i = 0; i < THERMO_REGION_NODES; i++)
		sum += nodes[i].bytes;
	return sum;
}

uint64_t machine_usable_bytes(const struct machine *m, const struct cxl_dax *dax)
{
	uint64_t block = m->block_bytes, start = dax->start, end = dax->start + dax->bytes;

	if (!block || end < start || start > UINT64_MAX - block)
		return dax->bytes;
	start = (start + block - 1) / block * block;
	end = end / block * block;
	return end > start ? end - start : 0;
}
