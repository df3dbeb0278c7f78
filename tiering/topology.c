// SPDX-License-Identifier: GPL-2.0-or-later
/* topology.c - which memory nodes there are, and which are faster than others. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/proc.h"
#include "thermocline/tiering.h"

#define NODE_DIR "sys/devices/system/node"
#define TIER_DIR "sys/devices/virtual/memory_tiering"
/* Latencies closer than this are one tier: HMAT values are rounded. */
#define TIER_LATENCY_RATIO_PCT 120

int thermo_topology_find(const struct thermo_topology *topology, int id)
{
	for (size_t i = 0; i < topology->nr_nodes; i++)
		if (topology->nodes[i].id == id)
			return (int)i;
	return -1;
}

static void read_distances(struct thermo_topology *t, struct thermo_node *node,
			   const struct thermo_host *host)
{
	char text[4096];
	char *at = text;

	if (thermo_host_read(host, text, sizeof(text), NODE_DIR "/node%d/distance", node->id) < 0)
		return;
	/* One number for each node that is online, with or without memory. */
	hwloc_bitmap_t online = hwloc_bitmap_alloc();

	if (thermo_host_read_list(host, online, NODE_DIR "/online") == 0) {
		for (int id = hwloc_bitmap_first(online); id >= 0;
		     id = hwloc_bitmap_next(online, id)) {
			int index = thermo_topology_find(t, id);
			uint32_t distance = (uint32_t)strtoul(at, &at, 10);

			if (index >= 0)
				node->distance[index] = distance;
		}
	}
	hwloc_bitmap_free(online);
}

static uint32_t read_attribute(const struct thermo_host *host, int node, const char *name)
{
	uint64_t value = 0;

	/* Not every machine has an HMAT: 0 means unknown. */
	if (thermo_host_read_u64(host, &value, NODE_DIR "/node%d/access0/initiators/%s", node,
				 name))
		return 0;
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int read_nodes(struct thermo_topology *t, const struct thermo_host *host)
{
	hwloc_bitmap_t memory = hwloc_bitmap_alloc(), cpu = hwloc_bitmap_alloc();
	int err = thermo_host_read_list(host, memory, NODE_DIR "/has_memory");

	if (!err)
		err = thermo_host_read_list(host, cpu, NODE_DIR "/has_cpu");
	for (int id = hwloc_bitmap_first(memory); !err && id >= 0 && t->nr_nodes < THERMO_MAX_NODES;
	     id = hwloc_bitmap_next(memory, id)) {
		t->nodes[t->nr_nodes++] = (struct thermo_node){
			.id = id,
			.has_cpu = hwloc_bitmap_isset(cpu, (unsigned int)id),
			.read_latency_ns = read_attribute(host, id, "read_latency"),
			.write_latency_ns = read_attribute(host, id, "write_latency"),
			.read_bandwidth_mib_s = read_attribute(host, id, "read_bandwidth"),
		};
	}
	for (size_t i = 0; i < t->nr_nodes; i++)
		read_distances(t, &t->nodes[i], host);
	hwloc_bitmap_free(memory);
	hwloc_bitmap_free(cpu);
	return err;
}

static int compare_uint(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Turn a key a node, the smaller the faster, into tiers. */
static void tiers_from_keys(struct thermo_topology *t, const unsigned int *keys,
			    unsigned int ratio_pct, const char *from)
{
	unsigned int sorted[THERMO_MAX_NODES];
	size_t nr_tiers = 1;

	memcpy(sorted, keys, t->nr_nodes * sizeof(*keys));
	qsort(sorted, t->nr_nodes, sizeof(*sorted), compare_uint);
	for (size_t i = 1, first = 0; i < t->nr_nodes && nr_tiers < THERMO_MAX_TIERS; i++) {
		if ((uint64_t)sorted[i] * 100 <= (uint64_t)sorted[first] * ratio_pct)
			continue;
		sorted[nr_tiers++] = sorted[i];
		first = i;
	}
	/* sorted[tier] is now the least key of each tier. */
	for (size_t i = 0; i < t->nr_nodes; i++) {
		t->nodes[i].tier = 0;
		for (size_t tier = 1; tier < nr_tiers; tier++)
			if (keys[i] >= sorted[tier])
				t->nodes[i].tier = (int)tier;
	}
	t->nr_tiers = nr_tiers;
	(void)snprintf(t->tiers_from, sizeof(t->tiers_from), "%s", from);
}

/* The N of memory_tierN by node.  Return: whether every node is in one. */
static bool read_kernel_tiers(const struct thermo_topology *t, const struct thermo_host *host,
			      unsigned int *keys)
{
	hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	size_t found = 0;

	if (thermo_host_open_dir(host, &dir, TIER_DIR) == 0) {
		while ((entry = readdir(dir))) {
			unsigned int n;

			if (sscanf(entry->d_name, "memory_tier%u", &n) != 1 ||
			    thermo_host_read_list(host, nodes, TIER_DIR "/%s/nodelist",
						  entry->d_name))
				continue;
			for (size_t i = 0; i < t->nr_nodes; i++)
				if (hwloc_bitmap_isset(nodes, (unsigned int)t->nodes[i].id)) {
					keys[i] = n;
					found++;
				}
		}
	}
	hwloc_bitmap_free(nodes);
	return found == t->nr_nodes;
}

static bool latency_keys(const struct thermo_topology *t, unsigned int *keys)
{
	for (size_t i = 0; i < t->nr_nodes; i++) {
		keys[i] = t->nodes[i].read_latency_ns;
		if (!keys[i])
			return false;
	}
	return true;
}

/* How far the nearest CPUs are. */
static void distance_keys(const struct thermo_topology *t, unsigned int *keys)
{
	for (size_t i = 0; i < t->nr_nodes; i++) {
		keys[i] = UINT32_MAX;
		for (size_t j = 0; j < t->nr_nodes; j++)
			if (t->nodes[j].has_cpu && t->nodes[i].distance[j] &&
			    t->nodes[i].distance[j] < keys[i])
				keys[i] = t->nodes[i].distance[j];
	}
}

static void find_tiers(struct thermo_topology *t, const struct thermo_host *host)
{
	unsigned int keys[THERMO_MAX_NODES] = { 0 };
	bool has_kernel_tiers = read_kernel_tiers(t, host, keys);

	tiers_from_keys(t, keys, 100, "kernel memory tiers");
	if (has_kernel_tiers && t->nr_tiers > 1)
		return;
	if (latency_keys(t, keys)) {
		tiers_from_keys(t, keys, TIER_LATENCY_RATIO_PCT, "latencies (HMAT)");
	} else {
		distance_keys(t, keys);
		tiers_from_keys(t, keys, TIER_LATENCY_RATIO_PCT, "node distances");
	}
	if (has_kernel_tiers && t->nr_tiers > 1)
		(void)snprintf(t->warning, sizeof(t->warning),
			       "the kernel has all nodes in one memory tier: its own demotion and "
			       "promotion do nothing here (no HMAT or CDAT?)");
}

/* "0,1/2/3": nodes of each tier, fast to slow. */
static int parse_tiers(struct thermo_topology *t, const char *text)
{
	char copy[256];
	char *save = NULL;
	size_t placed = 0;

	if (strlen(text) >= sizeof(copy))
		return thermo_fail(-EINVAL, "tiers '%.20s...': too long", text);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (size_t i = 0; i < t->nr_nodes; i++)
		t->nodes[i].tier = -1;
	t->nr_tiers = 0;
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		hwloc_bitmap_t set = hwloc_bitmap_alloc();
		size_t placed_before = placed;
		bool ok = t->nr_tiers < THERMO_MAX_TIERS &&
			  strspn(part, "0123456789,-") == strlen(part) &&
			  isdigit((unsigned char)part[0]) &&
			  hwloc_bitmap_list_sscanf(set, part) == 0 &&
			  hwloc_bitmap_weight(set) > 0; /* "0-" has no end */

		for (int id = ok ? hwloc_bitmap_first(set) : -1; id >= 0 && ok;
		     id = hwloc_bitmap_next(set, id)) {
			int index = thermo_topology_find(t, id);

			ok = index >= 0 && t->nodes[index].tier < 0;
			if (ok) {
				t->nodes[index].tier = (int)t->nr_tiers;
				placed++;
			}
		}
		hwloc_bitmap_free(set);
		/* "3-1" is a list, of nothing. */
		if (!ok || placed == placed_before)
			return thermo_fail(
					-EINVAL,
					"tiers '%s': '%s' is no list of memory nodes, or names one "
					"twice: give nodes from fast to slow, as 0,1/2",
					text, part);
		t->nr_tiers++;
	}
	if (placed != t->nr_nodes)
		return thermo_fail(-EINVAL, "tiers '%s': every memory node must be in a tier",
				   text);
	(void)snprintf(t->tiers_from, sizeof(t->tiers_from), "the user");
	return 0;
}

/* High watermarks of /proc/zoneinfo; where it cannot be read they count as 0. */
static void read_reserves(struct thermo_topology *t, const struct thermo_host *host)
{
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int index = -1;

	for (size_t i = 0; i < t->nr_nodes; i++)
		t->nodes[i].reserve_bytes = 0;
	if (thermo_host_read_all(host, &text, "proc/zoneinfo") < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		uint64_t pages;
		int id;

		if (sscanf(line, "Node %d, zone", &id) == 1)
			index = thermo_topology_find(t, id);
		/* The per-CPU lines say "high:" and do not match. */
		else if (index >= 0 && sscanf(line, " high %" SCNu64, &pages) == 1)
			t->nodes[index].reserve_bytes += pages * THERMO_PAGE_BYTES;
	}
}

int thermo_topology_read(struct thermo_topology *topology, const struct thermo_host *host,
			 const char *tiers)
{
	/* Large: filled in place, but left alone on failure is what callers expect. */
	AUTO_FREE struct thermo_topology *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return thermo_fail(-ENOMEM, "topology: no memory");
	if (read_nodes(t, host) || t->nr_nodes == 0)
		return thermo_fail(-ENODEV,
				   "/%s: shows no memory nodes: is this kernel built with "
				   "CONFIG_NUMA?",
				   NODE_DIR);
	if (tiers) {
		err = parse_tiers(t, tiers);
		if (err)
			return err;
	} else {
		find_tiers(t, host);
	}
	err = thermo_topology_refresh(t, host);
	if (err)
		return err;
	read_reserves(t, host);
	*topology = *t;
	return 0;
}

static int refresh_free(struct thermo_node *node, const struct thermo_host *host)
{
	char text[4096];
	const char *total, *free_line;
	uint64_t total_kb, free_kb;
	int err = thermo_host_read(host, text, sizeof(text), NODE_DIR "/node%d/meminfo", node->id);

	if (err < 0)
		return err;
	total = strstr(text, "MemTotal:");
	free_line = strstr(text, "MemFree:");
	if (!total || !free_line || sscanf(total, "MemTotal: %" SCNu64, &total_kb) != 1 ||
	    sscanf(free_line, "MemFree: %" SCNu64, &free_kb) != 1)
		return thermo_fail(-EBADMSG, "/%s/node%d/meminfo: not as expected", NODE_DIR,
				   node->id);
	node->total_bytes = total_kb << 10;
	node->free_bytes = free_kb << 10;
	return 0;
}

int thermo_topology_refresh(struct thermo_topology *topology, const struct thermo_host *host)
{
	for (size_t i = 0; i < topology->nr_nodes; i++) {
		int err = refresh_free(&topology->nodes[i], host);

		if (err)
			return err;
	}
	return 0;
}
