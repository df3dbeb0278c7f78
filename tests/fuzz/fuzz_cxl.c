/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cxl.c - firmware tables of any bytes, and topologies that contradict themselves: what can
 * be translated comes back, and nothing is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cxl_cedt.h"
#include "core/cxl_dpa.h"

#define MAX_PIECES 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 1)
		return 0;
	if (data[0] & 1)
		try_table(data + 1, bytes - 1);
	else
		try_topology(data + 1, bytes - 1);
	return 0;
}
