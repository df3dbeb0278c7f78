/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cxl.c - firmware tables and files of /sys of any bytes, and topologies that
 * contradict themselves: what can be translated comes back, and nothing is lost.
 */
#include "tests/unit/fake_host.h"

#include "core/cxl_cedt.h"
#include "core/cxl_dpa.h"
#include "tiering/odd.h"

#define MAX_PIECES 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;

static void clean_up(void)
{
	fake_host_fini(&fake);
}

/* --- the table --- */

static void try_table(const uint8_t *data, size_t bytes)
{
	struct cedt_window windows[4];
	ssize_t nr = cedt_windows(data, bytes, windows, 4);

	for (ssize_t i = 0; i < nr && i < 4; i++)
		if (!windows[i].ways || windows[i].ways > CXL_MAX_WAYS ||
		    windows[i].granularity_bytes < 256 ||
		    windows[i].start + windows[i].bytes < windows[i].start)
			abort();
}

/* --- addresses --- */

static void check_piece(const struct cxl *cxl, const struct cxl_piece *p, uint64_t dpa,
			uint64_t *bytes)
{
	uint64_t last = p->hpa + (p->nr - 1) * p->stride_bytes + p->bytes - 1, back;
	const struct cxl_region *r = &cxl->regions[p->region];
	int memdev;

	if (!p->nr || !p->bytes || p->dpa < dpa || p->hpa < r->start ||
	    last - r->start >= r->bytes || last < p->hpa)
		abort();
	*bytes += p->nr * p->bytes;
	/* Where regions overlap, the other one may be found. */
	if (cxl_hpa_to_dpa(cxl, last, &memdev, &back) == 0 && cxl->nr_regions == 1 &&
	    back != p->dpa + p->nr * p->bytes - 1)
		abort();
}

static void try_extent(const struct cxl *cxl, uint64_t dpa, uint64_t bytes)
{
	for (size_t m = 0; m < cxl->nr_memdevs; m++) {
		struct cxl_piece pieces[MAX_PIECES];
		uint64_t unmapped, sum = 0;
		ssize_t nr = cxl_dpa_to_hpa(cxl, (int)m, dpa, bytes, pieces, MAX_PIECES, &unmapped);

		for (ssize_t i = 0; i < nr; i++)
			check_piece(cxl, &pieces[i], dpa, &sum);
		if (nr >= 0 && sum + unmapped != bytes)
			abort();
	}
}

/* A topology as the reader could make it: indexes are right, nothing else has to be. */
static void try_topology(const uint8_t *data, size_t bytes)
{
	struct cxl_memdev memdevs[2] = { { .name = "mem0" }, { .name = "mem1" } };
	struct cxl_decoder decoders[4] = { 0 };
	struct cxl_region regions[2] = { 0 };
	struct cxl cxl = { .memdevs = memdevs, .decoders = decoders, .regions = regions };
	uint64_t values[24] = { 0 };

	memcpy(values, data, bytes < sizeof(values) ? bytes : sizeof(values));
	cxl.nr_memdevs = 2;
	cxl.nr_decoders = 4;
	cxl.nr_regions = 1 + values[0] % 2;
	decoders[0] = (struct cxl_decoder){ .kind = CXL_DECODER_ROOT, .memdev = -1, .region = -1 };
	decoders[0].ways = (uint32_t)values[1] % 4;
	decoders[0].arithmetic = (enum cxl_arithmetic)(values[1] / 4 % 3);
	for (size_t i = 0; i < cxl.nr_regions; i++) {
		const uint64_t *v = values + 2 + 5 * i;

		regions[i] = (struct cxl_region){ .start = v[0], .bytes = v[1] };
		regions[i].cache_bytes = values[23] & 1 ? v[2] : 0;
		regions[i].ways = (uint32_t)(v[3] & 31);
		regions[i].granularity_bytes = 256u << (v[3] >> 5 & 7);
		regions[i].committed = (v[3] & 256) == 0;
		for (unsigned int p = 0; p < CXL_MAX_WAYS; p++)
			regions[i].targets[p] = (int)(v[4] >> 2 * p & 3) - (v[3] & 512 ? 0 : 1);
	}
	for (size_t i = 1; i < 4; i++) {
		const struct cxl_region *r = &regions[values[22] >> i & 1 && cxl.nr_regions > 1];

		decoders[i] = (struct cxl_decoder){
			.kind = CXL_DECODER_ENDPOINT,
			.memdev = (int)(values[22] >> 4 * i & 1),
			.region = (int)(r - regions),
			.dpa_start = values[11 + 2 * i],
			.start = r->start + r->cache_bytes,
			.bytes = r->bytes - r->cache_bytes,
			.dpa_bytes = r->ways ? (r->bytes - r->cache_bytes) / r->ways : 7,
			.ways = r->ways,
			.granularity_bytes = r->granularity_bytes,
		};
	}
	try_extent(&cxl, values[20], values[21]);
	try_extent(&cxl, decoders[1].dpa_start, values[21] % 100000);
}

/* --- files --- */

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
	if (bytes < 1)
		return 0;
	if (!fake.root[0]) {
		fake_host_init(&fake);
		give_nodes();
		give_endpoint();
		(void)atexit(clean_up);
	}
	/* Seldom: files are slow. */
	if (data[0] == 0)
		try_files(data + 1, bytes - 1);
	else if (data[0] & 1)
		try_table(data + 1, bytes - 1);
	else
		try_topology(data + 1, bytes - 1);
	return 0;
}
