// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_perfdata.c - a perf.data holds any bytes.
 *
 * The first byte chooses: 0: the rest is the file; 1: records behind a header and events
 * that are in order, in either byte order; 2: the same, compressed, since no fuzzer
 * guesses that; 3: bytes of AUX rings of Arm SPE.  Every byte of what comes out may be read, and
 * what is counted adds up.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "sources/perfdata.h"
#include "sources/perfdata_hmu.h"
#include "sources/perfdata_input.h"

#define MAX_BYTES 60000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sink;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void read_record(const struct perf_record *r)
{
	const struct perf_sample *s = &r->sample;

	switch (r->type) {
	case PERF_RECORD_MMAP:
	case PERF_RECORD_MMAP2:
		sink += strlen(r->mmap.name);
		break;
	case PERF_RECORD_COMM:
		sink += strlen(r->comm.name);
		break;
	case PERF_RECORD_SAMPLE:
		for (uint64_t i = 0; i < s->callchain.nr; i++)
			sink += perf_word(&s->callchain, i);
		for (uint64_t i = 0; i < s->raw.nr; i++)
			sink += s->raw.data[i];
		for (uint64_t i = 0; i < s->aux.nr; i++)
			sink += s->aux.data[i];
		break;
	default:
		break;
	}
}

/* All accesses: @sum of any order, @in_order not, which is one only while @has_order. */
struct accesses {
	uint64_t nr;
	uint64_t sum;
};

static void add_access(struct accesses *all, const struct thermo_access *a)
{
	const unsigned char *at = (const unsigned char *)a;
	uint64_t sum = 0;

	/* A device's memory begins at 0. */
	require((a->addr || a->pid == PERFDATA_HMU_PID) && a->nr_accesses);
	for (size_t i = 0; i < sizeof(*a); i++)
		sum = (sum ^ at[i]) * 0x100000001b3ull;
	all->nr++;
	all->sum += sum;
}

static void read_many(const void *data, size_t bytes, const struct perfdata_opts *opts,
		      const struct accesses *one_by_one);

static void read_all(const void *data, size_t bytes, const struct perfdata_opts *opts)
{
	FILE *file = fmemopen((void *)(uintptr_t)data, bytes, "r");
	uint64_t nr = 0, nr_samples = 0;
	struct accesses all = { 0 };
	struct perfdata_item item;
	struct perfdata *p;
	int n;

	require(file != NULL);
	if (perfdata_open(&p, file, opts) == 0) {
		while ((n = perfdata_next(p, &item)) == 1) {
			read_record(item.record);
			nr++;
			nr_samples += item.record->type == PERF_RECORD_SAMPLE;
			if (item.access)
				add_access(&all, item.access);
		}
		const struct perfdata_counters *c = perfdata_counters(p);

		require(perfdata_next(p, &item) == n);
		require(n == -ENOMEM || (nr == c->records && nr_samples == c->samples &&
					 all.nr + c->no_address == c->samples));
		perfdata_close(p);
	}
	(void)fclose(file);
	read_many(data, bytes, opts, &all);
}

static void read_parts(struct perfdata *p)
{
	struct thermo_access some[5];
	uint64_t begin, end;

	if (!perfdata_extent(p, &begin, &end) || begin > end)
		return;
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t from = begin + (end - begin) / 24 * i * 8;

		if (!perfdata_read_part(p, from, from + (end - begin) / 3))
			continue;
		while (perfdata_accesses(p, UINT64_MAX, some, 5) > 0)
			;
		require(perfdata_is_at_end(p));
	}
}

static int see(void *context, const struct perfdata_item *item)
{
	require(item->record->type != PERF_RECORD_SAMPLE && !item->access);
	read_record(item->record);
	++*(uint64_t *)context;
	return 0;
}

/* Many at once: the same, in windows; then parts of it, of which nothing is expected. */
static void read_many(const void *data, size_t bytes, const struct perfdata_opts *opts,
		      const struct accesses *one_by_one)
{
	FILE *file = fmemopen((void *)(uintptr_t)data, bytes, "r");
	struct accesses all = { 0 };
	struct perfdata_opts own = *opts;
	struct thermo_access some[5];
	uint64_t others = 0, until_ns = bytes ? 1ull << (((const unsigned char *)data)[0] & 63) : 1;
	struct perfdata *p;
	int n;

	own.see = see;
	own.context = &others;
	require(file != NULL);
	if (perfdata_open(&p, file, &own) == 0) {
		do {
			while ((n = perfdata_accesses(p, until_ns, some, 5)) > 0)
				for (int i = 0; i < n; i++)
					add_access(&all, &some[i]);
			until_ns = until_ns < UINT64_MAX / 16 ? 16 * until_ns : UINT64_MAX;
		} while (n == 0 && !perfdata_is_at_end(p));
		const struct perfdata_counters *c = perfdata_counters(p);

		require(perfdata_accesses(p, UINT64_MAX, some, 5) == n);
		if (n != -ENOMEM) {
			require(all.nr == one_by_one->nr && all.sum == one_by_one->sum);
			require(all.nr + c->no_address == c->samples);
			require(others + c->samples == c->records);
		}
		read_parts(p);
		perfdata_close(p);
	}
	(void)fclose(file);
}

struct out {
	size_t len;
	unsigned char bytes[1024 + 2 * MAX_BYTES];
};

static void put(struct out *o, const void *bytes, size_t nr)
{
	require(o->len + nr <= sizeof(o->bytes));
	if (nr)
		memcpy(o->bytes + o->len, bytes, nr);
	o->len += nr;
}

static void put_record(struct out *o, uint32_t type, const void *body, size_t bytes, bool swap)
{
	struct perf_event_header h = { type, 0, (uint16_t)(sizeof(h) + bytes) };

	if (swap) {
		h.type = __builtin_bswap32(h.type);
		h.size = __builtin_bswap16(h.size);
	}
	put(o, &h, sizeof(h));
	put(o, body, bytes);
}

/* Two events of any kind: 96 bytes of attr and an id each come out of @data. */
static void put_header(struct out *o, const unsigned char *data, bool swap)
{
	uint64_t words[2] = { 0x32454c4946524550ull, 16 };

	for (int i = 0; i < 2 && swap; i++)
		words[i] = __builtin_bswap64(words[i]);
	put(o, words, sizeof(words));
	for (int i = 0; i < 2; i++) {
		unsigned char attr[104];
		uint32_t size = 96;

		memcpy(attr, data + i * sizeof(attr), sizeof(attr));
		size = swap ? __builtin_bswap32(size) : size;
		memcpy(attr + 4, &size, sizeof(size));
		attr[swap ? 27 : 28] = 0; /* fields of newer kernels end it all */
		put_record(o, PERFDATA_HEADER_ATTR, attr, sizeof(attr), swap);
	}
}

static void put_packed(struct out *o, const void *data, size_t bytes, bool swap)
{
	static unsigned char packed[ZSTD_COMPRESSBOUND(MAX_BYTES)];
	size_t n = ZSTD_compress(packed, sizeof(packed), data, bytes, 1);
	size_t half = n / 2;

	require(!ZSTD_isError(n));
	put_record(o, PERFDATA_COMPRESSED, packed, half, swap);
	put_record(o, PERFDATA_COMPRESSED, packed + half, n - half, swap);
}

static void put_word(struct out *o, uint64_t word, bool swap)
{
	word = swap ? __builtin_bswap64(word) : word;
	put(o, &word, sizeof(word));
}

/* Two pieces of one ring, and what the kernel says of it, out of the rest. */
static void put_aux(struct out *o, const unsigned char *data, size_t bytes, bool swap)
{
	uint64_t info[3] = { 4, 7, 1 };
	size_t half = bytes / 2;

	for (int i = 0; i < 3 && swap; i++)
		info[i] = i ? __builtin_bswap64(info[i]) : __builtin_bswap32(4);
	put_record(o, PERFDATA_AUXTRACE_INFO, info, sizeof(info), swap);
	put_record(o, PERF_RECORD_AUX, data, half < 80 ? half : 80, swap);
	for (int i = 0; i < 2; i++) {
		size_t nr = i ? bytes - half : half, begin = o->len;

		put_record(o, PERFDATA_AUXTRACE, NULL, 0, swap);
		o->bytes[begin + (swap ? 6 : 7)] = 0;
		o->bytes[begin + (swap ? 7 : 6)] = 48;
		put_word(o, nr, swap);
		put_word(o, i ? half : 0, swap);
		put_word(o, 0, swap);
		put_word(o, 0, swap); /* index and thread */
		put_word(o, 0, swap); /* CPU */
		put(o, data + (i ? half : 0), nr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct out o;
	struct perfdata_opts opts = { 0 };

	if (bytes < 1 || bytes > MAX_BYTES)
		return 0;
	uint8_t mode = data[0] % 4;
	bool swap = data[0] & 128;

	opts.physical = data[0] & 64;
	opts.max_queued_bytes = data[0] & 32 ? 20000 : 0;
	data++;
	bytes--;
	o.len = 0;
	if (mode == 0) {
		if (bytes)
			read_all(data, bytes, &opts);
		return 0;
	}
	if (bytes < 208)
		return 0;
	put_header(&o, data, swap);
	if (mode == 1)
		put(&o, data + 208, bytes - 208);
	else if (mode == 3)
		put_aux(&o, data + 208, bytes - 208, swap);
	else
		put_packed(&o, data + 208, bytes - 208, swap);
	read_all(o.bytes, o.len, &opts);
	return 0;
}
