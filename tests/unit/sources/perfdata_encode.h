/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_encode.h - write perf.data as perf record does: a file or for a pipe, in either
 * byte order, compressed or not, with attrs of any age.
 *
 * Machine: "there", x86_64, 2 GHz, CPU 0 on node 0, CPUs 1 to 3 on node 2.  Two events, of
 * which each has two ids.  The records: see encode_story().
 */
#ifndef TESTS_UNIT_SOURCES_PERFDATA_ENCODE_H
#define TESTS_UNIT_SOURCES_PERFDATA_ENCODE_H

#include <zstd.h>

#include "sources/perfdata_input.h"
#include "sources/perfdata_machine.h"
#include "tests/unit/sources/perf_encode.h"

/**
 * struct variant - How a file is written.
 * @attr_bytes:	Size of perf_event_attr, 64 to 200.
 * @packed:	0, PERFDATA_COMPRESSED or PERFDATA_COMPRESSED2.
 * @chunk:	Compressed records hold so many bytes, wherever that cuts.
 */
struct variant {
	bool swap;
	bool pipe;
	uint32_t attr_bytes;
	uint32_t packed;
	size_t chunk;
};

#define STORY_SAMPLES 48
#define STORY_PID 4711
#define STORY_PERIOD 10007
#define STORY_FREQ 4000

static const struct perf_format story_formats[2] = {
	{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			 PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
			 PERF_SAMPLE_WEIGHT_STRUCT | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR,
	  .sample_id_all = true },
	{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			 PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD,
	  .sample_id_all = true },
};

static const char *const story_names[2] = { "cpu/mem-loads,ldlat=30/P", "page-faults" };

/* Sample @i of the story, in the order of time; every seventh has no address. */
static inline struct perf_sample story_sample(uint64_t i)
{
	return (struct perf_sample){
		.id = 100 + 10 * (i % 2) + i / 2 % 2,
		.ip = 0x400000 + i,
		.time_ns = 1000000 + 100 * i,
		.addr = i % 7 == 6 ? 0 : 0x7f0000000000 + 4096 * i,
		.period = 1 + i,
		.latency_cycles = 200 + 2 * i,
		.instruction_cycles = 7,
		.data_src = 0x1a29081042, /* a load out of memory */
		.phys_addr = i % 5 == 4 ? 0 : 0x100000000 + 4096 * i,
		.pid = STORY_PID,
		.tid = STORY_PID + (int32_t)(i % 3),
		.cpu = (uint32_t)(i % 4),
	};
}

/* --- records --- */

static inline void encode_simple(struct encoder *e, uint32_t type)
{
	encode_begin(e, type, 0);
	(void)encode_end(e);
}

static inline void encode_who(struct encoder *e, uint64_t time_ns, uint64_t id)
{
	const struct perf_sample_id who = {
		.time_ns = time_ns, .id = id, .pid = STORY_PID, .tid = STORY_PID
	};

	encode_sample_id(e, &story_formats[0], &who);
	(void)encode_end(e);
}

/* What perf itself writes of what was there before it: without an id, and without a time. */
static inline void encode_beginning(struct encoder *e)
{
	encode_begin(e, PERF_RECORD_COMM, 0);
	encode_u32(e, STORY_PID);
	encode_u32(e, STORY_PID);
	encode_string(e, "worker");
	encode_who(e, 0, 0);
	encode_begin(e, PERF_RECORD_MMAP2, PERF_RECORD_MISC_MMAP_DATA);
	encode_u32(e, STORY_PID);
	encode_u32(e, STORY_PID);
	encode_u64(e, 0x7f0000000000);
	encode_u64(e, 0x100000);
	for (int i = 0; i < 4; i++)
		encode_u64(e, 0);
	encode_u32(e, 3);
	encode_u32(e, 2);
	encode_string(e, "/dev/shm/data");
	encode_who(e, 0, 0);
}

static inline void encode_troubles(struct encoder *e, uint64_t time_ns)
{
	encode_begin(e, PERF_RECORD_LOST, 0);
	encode_u64(e, 100);
	encode_u64(e, 5);
	encode_who(e, time_ns, 100);
	encode_begin(e, PERF_RECORD_THROTTLE, 0);
	encode_u64(e, time_ns);
	encode_u64(e, 100);
	encode_u64(e, 100);
	encode_who(e, time_ns, 100);
	encode_begin(e, 22, 0); /* not decoded */
	encode_u64(e, 0);
	encode_who(e, time_ns, 100);
	encode_begin(e, PERF_RECORD_LOST_SAMPLES, 0); /* two of the five, told again */
	encode_u64(e, 2);
	encode_who(e, time_ns, 110);
}

/*
 * Rounds of twelve samples: first those of CPU 0, then those of CPU 1, ... .  One of a
 * round's is found only in the next, when younger ones have come already.
 */
static inline void encode_round(struct encoder *e, uint64_t first)
{
	for (uint64_t cpu = 0; cpu < 4; cpu++)
		for (uint64_t i = first; i < first + 12; i++) {
			uint64_t at = i % 12 == 10 ? i - 12 : i;
			struct perf_sample s = story_sample(at);

			if (i == 10)
				continue;
			if (s.cpu == cpu)
				(void)encode_sample(e, &story_formats[at % 2], &s);
		}
	encode_simple(e, PERFDATA_FINISHED_ROUND);
}

static inline void encode_story(struct encoder *e)
{
	struct perf_sample last = story_sample(STORY_SAMPLES - 2);

	encode_beginning(e);
	for (uint64_t first = 0; first < STORY_SAMPLES; first += 12)
		encode_round(e, first);
	encode_troubles(e, 1000000 + 100 * 46 + 50);
	(void)encode_sample(e, &story_formats[0], &last);
	encode_simple(e, 99); /* of a newer perf */
}

/* --- packing --- */

static inline void encode_packed(struct encoder *e, uint32_t type, const void *data, size_t bytes)
{
	static const char zeroes[8];

	encode_begin(e, type, 0);
	if (type == PERFDATA_COMPRESSED2)
		encode_u64(e, bytes);
	encode_bytes(e, data, bytes);
	if (type == PERFDATA_COMPRESSED2)
		encode_bytes(e, zeroes, (8 - bytes % 8) % 8);
	(void)encode_end(e);
}

/* One stream over all records, flushed after each chunk, as perf does. */
static inline void encode_story_packed(struct encoder *e, const struct variant *v)
{
	struct encoder *plain = calloc(1, sizeof(*plain));
	static unsigned char buffer[65536];
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	plain->swap = plain->swap_header = v->swap;
	encode_story(plain);
	for (size_t at = 0; at < plain->len; at += v->chunk) {
		size_t n = plain->len - at < v->chunk ? plain->len - at : v->chunk;
		ZSTD_inBuffer in = { plain->bytes + at, n, 0 };
		ZSTD_outBuffer out = { buffer, sizeof(buffer), 0 };

		if (ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush) != 0)
			abort();
		encode_packed(e, v->packed, buffer, out.pos);
	}
	(void)ZSTD_freeCCtx(zstd);
	free(plain);
}

static inline void encode_records(struct encoder *e, const struct variant *v)
{
	if (v->packed)
		encode_story_packed(e, v);
	else
		encode_story(e);
}

/* --- header --- */

/* Bit fields: from the other end of each byte on a machine of big-endian order. */
static inline void encode_flags(struct encoder *e, uint64_t flags)
{
	bool big_endian = e->swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);

	for (int i = 0; i < 64; i += 8) {
		unsigned char byte = 0;

		for (int bit = 0; bit < 8; bit++)
			if (flags >> (i + bit) & 1)
				byte |= (unsigned char)(big_endian ? 0x80 >> bit : 1 << bit);
		encode_bytes(e, &byte, 1);
	}
}

static inline void encode_attr(struct encoder *e, int event, uint32_t attr_bytes)
{
	static const char zeroes[200];
	size_t begin = e->len;

	encode_u32(e, event ? PERF_TYPE_SOFTWARE : PERF_TYPE_RAW);
	encode_u32(e, attr_bytes);
	encode_u64(e, event ? PERF_COUNT_SW_PAGE_FAULTS : 0x1cd);
	encode_u64(e, event ? STORY_FREQ : STORY_PERIOD);
	encode_u64(e, story_formats[event].sample_type);
	encode_u64(e, 0);
	encode_flags(e, 1ull << 18 | (event ? 1ull << 10 : 0));
	encode_bytes(e, zeroes, attr_bytes - (e->len - begin));
}

static inline void encode_name(struct encoder *e, const char *text)
{
	char room[64] = "";

	(void)snprintf(room, sizeof(room), "%s", text);
	encode_u32(e, sizeof(room));
	encode_bytes(e, room, sizeof(room));
}

static inline void encode_descriptions(struct encoder *e, uint32_t attr_bytes)
{
	encode_u32(e, 2);
	encode_u32(e, attr_bytes);
	for (int i = 0; i < 2; i++) {
		encode_attr(e, i, attr_bytes);
		encode_u32(e, 2);
		encode_name(e, story_names[i]);
		encode_u64(e, 100 + 10 * (uint64_t)i);
		encode_u64(e, 101 + 10 * (uint64_t)i);
	}
}

static inline void encode_nodes(struct encoder *e)
{
	static const char *const cpus[] = { "0", "", "1-2,3" };

	encode_u32(e, 3);
	for (uint32_t i = 0; i < 3; i++) {
		encode_u32(e, i);
		encode_u64(e, 1000);
		encode_u64(e, 500);
		encode_name(e, cpus[i]);
	}
}

#define STORY_FEATURES 8

static const int story_features[STORY_FEATURES] = {
	PERFDATA_FEATURE_HOSTNAME, PERFDATA_FEATURE_OSRELEASE,     PERFDATA_FEATURE_ARCH,
	PERFDATA_FEATURE_NRCPUS,   PERFDATA_FEATURE_CPUDESC,       PERFDATA_FEATURE_EVENT_DESC,
	13 /* CPU topology */,     PERFDATA_FEATURE_NUMA_TOPOLOGY,
};

static inline void encode_feature(struct encoder *e, int feature, uint32_t attr_bytes)
{
	switch (feature) {
	case PERFDATA_FEATURE_HOSTNAME:
		encode_name(e, "there");
		break;
	case PERFDATA_FEATURE_OSRELEASE:
		encode_name(e, "6.1.0");
		break;
	case PERFDATA_FEATURE_ARCH:
		encode_name(e, "x86_64");
		break;
	case PERFDATA_FEATURE_NRCPUS:
		encode_u32(e, 8);
		encode_u32(e, 4);
		break;
	case PERFDATA_FEATURE_CPUDESC:
		encode_name(e, "Some(R) CPU @ 2.00GHz");
		break;
	case PERFDATA_FEATURE_EVENT_DESC:
		encode_descriptions(e, attr_bytes);
		break;
	case PERFDATA_FEATURE_NUMA_TOPOLOGY:
		encode_nodes(e);
		break;
	default: /* not read */
		encode_u64(e, ~0ull);
	}
}

/* --- the whole --- */

static inline void encode_magic(struct encoder *e, uint64_t header_bytes)
{
	encode_u64(e, 0x32454c4946524550ull);
	encode_u64(e, header_bytes);
}

static inline void encode_pipe_header(struct encoder *e, const struct variant *v)
{
	encode_magic(e, 16);
	for (int i = 0; i < 2; i++) {
		encode_begin(e, PERFDATA_HEADER_ATTR, 0);
		encode_attr(e, i, v->attr_bytes);
		encode_u64(e, 100 + 10 * (uint64_t)i);
		encode_u64(e, 101 + 10 * (uint64_t)i);
		(void)encode_end(e);
	}
	for (int i = 0; i < STORY_FEATURES; i++) {
		encode_begin(e, PERFDATA_HEADER_FEATURE, 0);
		encode_u64(e, (uint64_t)story_features[i]);
		encode_feature(e, story_features[i], v->attr_bytes);
		(void)encode_end(e);
	}
	encode_begin(e, PERFDATA_TRACING_DATA, 0); /* what it counts follows it */
	encode_u32(e, 16);
	(void)encode_end(e);
	encode_u64(e, ~0ull);
	encode_u64(e, ~0ull);
}

static inline void put_u64_at(struct encoder *e, size_t at, uint64_t value)
{
	size_t len = e->len;

	e->len = at;
	encode_u64(e, value);
	e->len = len;
}

#define FILE_HEADER_AT_DATA 40

static inline void encode_file_header(struct encoder *e, const struct variant *v)
{
	size_t attrs = 104 + 32, stride = v->attr_bytes + 16;

	encode_magic(e, 104);
	encode_u64(e, stride);
	encode_u64(e, attrs);
	encode_u64(e, 2 * stride);
	encode_u64(e, attrs + 2 * stride);
	encode_u64(e, 0); /* how long the data is: later */
	encode_u64(e, 0);
	encode_u64(e, 0);
	uint64_t bits = 0;

	for (int i = 0; i < STORY_FEATURES; i++)
		bits |= 1ull << story_features[i];
	encode_u64(e, bits);
	for (int i = 0; i < 3; i++)
		encode_u64(e, 0);
	for (uint64_t i = 0; i < 4; i++)
		encode_u64(e, 100 + 10 * (i / 2) + i % 2);
	for (int i = 0; i < 2; i++) {
		encode_attr(e, i, v->attr_bytes);
		encode_u64(e, 104 + 16 * (uint64_t)i);
		encode_u64(e, 16);
	}
}

static inline void encode_features(struct encoder *e, const struct variant *v)
{
	size_t places = e->len;

	for (int i = 0; i < 2 * STORY_FEATURES; i++)
		encode_u64(e, 0);
	for (int i = 0; i < STORY_FEATURES; i++) {
		size_t begin = e->len;

		encode_feature(e, story_features[i], v->attr_bytes);
		put_u64_at(e, places + 16 * (size_t)i, begin);
		put_u64_at(e, places + 16 * (size_t)i + 8, e->len - begin);
	}
}

/* Return: where the records begin; @data_end: where they end. */
static inline size_t encode_perfdata(struct encoder *e, const struct variant *v, size_t *data_end)
{
	size_t data;

	e->len = 0;
	e->swap = e->swap_header = v->swap;
	if (v->pipe)
		encode_pipe_header(e, v);
	else
		encode_file_header(e, v);
	data = e->len;
	encode_records(e, v);
	*data_end = e->len;
	if (!v->pipe) {
		put_u64_at(e, FILE_HEADER_AT_DATA + 8, e->len - data);
		encode_features(e, v);
	}
	return data;
}

#endif
