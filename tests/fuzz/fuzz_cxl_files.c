/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cxl_files.c - files of /sys/bus/cxl that hold anything: a topology is read, what is odd is
 * found and told in whole, printable texts, and addresses are translated or refused.
 */
#include "tests/unit/fake_host.h"

#include "core/cxl_dpa.h"
#include "tiering/odd.h"

#define MAX_PIECES 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

static void try_extent(const struct cxl *cxl, uint64_t dpa, uint64_t bytes)
{
	struct cxl_piece pieces[MAX_PIECES];
	uint64_t unmapped, sum = 0;
	ssize_t nr = cxl_dpa_to_hpa(cxl, 0, dpa, bytes, pieces, MAX_PIECES, &unmapped);

	for (ssize_t i = 0; i < nr; i++)
		sum += pieces[i].nr * pieces[i].bytes;
	if (nr >= 0 && sum + unmapped != bytes)
		abort();
}

static void check_text(const char *text)
{
	if (!*text)
		abort();
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			abort();
}

static void try_files(const uint8_t *data, size_t bytes)
{
	static const char *const files[] = {
		"mem0/ram/size",
		"mem0/serial",
		"decoder0.0/start",
		"decoder0.0/size",
		"decoder0.0/cap_type3",
		"decoder0.0/interleave_ways",
		"decoder1.0/dpa_size",
		"decoder1.0/dpa_resource",
		"decoder1.0/start",
		"decoder1.0/size",
		"decoder1.0/region",
		"region0/size",
		"region0/resource",
		"region0/interleave_ways",
		"region0/interleave_granularity",
		"region0/target0",
		"region0/target1",
		"region0/commit",
		"region0/mode",
		"region0/extended_linear_cache_size",
	};
	static struct machine machine;
	static struct odds odds;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const uint8_t *end = memchr(data, '|', bytes);
		size_t n = end ? (size_t)(end - data) : bytes;
		char path[96];

		(void)snprintf(path, sizeof(path), "sys/bus/cxl/devices/%s", files[i]);
		fake_write_bytes(&fake, path, data, n);
		data += n + (n < bytes);
		bytes -= n + (n < bytes);
	}
	if (machine_open(&machine, &fake.host, NULL) == 0) {
		odd_find(&machine, &odds);
		for (size_t i = 0; i < odds.nr; i++) {
			check_text(odds.odds[i].what);
			check_text(odds.odds[i].todo);
		}
		try_extent(&machine.cxl, 0, 4096);
		try_extent(&machine.cxl, 0x100000, UINT64_MAX / 2);
	}
	machine_close(&machine);
}

static void give_nodes(void)
{
	fake_write(&fake, "sys/devices/system/node/has_memory", "0");
	fake_write(&fake, "sys/devices/system/node/has_cpu", "0");
	fake_write(&fake, "sys/devices/system/node/node0/meminfo",
		   "Node 0 MemTotal: 4096 kB\nNode 0 MemFree: 77 kB\n");
}

/* The device of decoder1.0. */
static void give_endpoint(void)
{
	char link[256];

	(void)snprintf(link, sizeof(link), "%s/sys/bus/cxl/devices/endpoint1/uport", fake.root);
	fake_make_parents(link);
	fake_check(symlink("../mem0", link) == 0, link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!fake.root[0]) {
		fake_host_init(&fake);
		give_nodes();
		give_endpoint();
		(void)atexit(clean_up);
	}
	try_files(data, bytes);
	return 0;
}
