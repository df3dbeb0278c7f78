/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_ram.c - /proc/iomem of any bytes, with and without memory blocks: ranges come
 * out sorted, apart, of whole pages, and no node has more than there is.
 */
#include "tests/unit/fake_host.h"

#include "core/ram.h"

#define MAX_RANGES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

static void make_blocks(void)
{
	char path[80];

	for (unsigned int i = 0; i < 8; i++) {
		(void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%u/state", i);
		fake_write(&fake, path, i == 5 ? "offline" : "online");
		(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/memory%u", i % 3,
			       i);
		fake_write(&fake, path, "");
	}
}

static void check(const struct ram *ram, size_t max_ranges)
{
	struct thermo_node_bytes nodes[THERMO_REGION_NODES];
	struct thermo_range r[MAX_RANGES];
	ssize_t nr = ram_ranges(ram, max_ranges, r);

	if (nr < 0 || nr > (ssize_t)max_ranges)
		abort();
	for (ssize_t i = 0; i < nr; i++) {
		uint64_t sum = 0;

		if (r[i].start >= r[i].end || (r[i].start | r[i].end) % THERMO_PAGE_BYTES ||
		    (i && r[i - 1].end >= r[i].start))
			abort();
		ram_nodes(ram, r[i].start, r[i].end, nodes);
		for (int n = 0; n < THERMO_REGION_NODES; n++)
			sum += nodes[n].bytes;
		if (sum > r[i].end - r[i].start)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct ram ram = { 0 };

	if (bytes < 1)
		return 0;
	if (!fake.root[0]) {
		fake_host_init(&fake);
		make_blocks();
		(void)atexit(clean_up);
	}
	/* Without this file there are no blocks. */
	if (data[0] & 1)
		fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "1000000");
	else
		fake_remove(&fake, "sys/devices/system/memory/block_size_bytes");
	fake_write_bytes(&fake, "proc/iomem", data + 1, bytes - 1);
	if (ram_update(&ram, &fake.host) == 0)
		check(&ram, 1 + (data[0] >> 1) % MAX_RANGES);
	ram_fini(&ram);
	return 0;
}
