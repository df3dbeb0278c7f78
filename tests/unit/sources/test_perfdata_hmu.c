/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_perfdata_hmu.c - perf.data with AUX data of a CXL hotness unit: what perf record -e
 * cxl_hmu_mem0.0.0// would write, in either byte order, as a file and through a pipe.
 */
#include "tests/unit/test.h"

#include <endian.h>
#include <errno.h>

#include "sources/perfdata.h"
#include "sources/perfdata_hmu.h"
#include "tests/unit/sources/perfdata_encode.h"

#define HMU_TYPE 77
#define KIND_VPA_DTL 7
#define COUNTER_BITS 16

static struct encoder e;
static unsigned char stream[4096]; /* little-endian, whatever the file is */
static size_t stream_bytes;

struct hmu {
	bool swap;
	bool pipe;
	bool no_mapping;
	const char *pmu;
	uint64_t config;
	uint64_t config1;
};

/* Epochs of 3 * 100 ms, writes, one of 4; granules of 4 KiB. */
static const struct hmu usual = {
	.pmu = "cxl_hmu_mem3.0.1",
	.config = 5ull << 2 | 4ull << 10 | 3ull << 14 | 2ull << 27,
	.config1 = 12ull << 32 | 20,
};

static const struct perf_format format = {
	.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
		       PERF_SAMPLE_CPU,
	.sample_id_all = true,
};

/* --- writing --- */

static void put_attr(const struct hmu *h)
{
	static const char zeroes[128];
	size_t begin = e.len;

	encode_u32(&e, HMU_TYPE);
	encode_u32(&e, 120);
	encode_u64(&e, h->config);
	encode_u64(&e, 1);
	encode_u64(&e, format.sample_type);
	encode_u64(&e, 0);
	encode_flags(&e, 1ull << 18);
	encode_u64(&e, 0);
	encode_u64(&e, h->config1);
	encode_bytes(&e, zeroes, 120 - (e.len - begin));
}

static void put_mappings(const struct hmu *h)
{
	encode_u32(&e, 2);
	encode_u32(&e, 1);
	encode_name(&e, "software");
	encode_u32(&e, HMU_TYPE);
	encode_name(&e, h->pmu);
}

/* A file's records begin behind the only event; its features are behind them. */
static size_t put_header(const struct hmu *h)
{
	e.len = 0;
	e.swap = e.swap_header = h->swap;
	encode_magic(&e, h->pipe ? 16 : 104);
	if (h->pipe) {
		encode_begin(&e, PERFDATA_HEADER_ATTR, 0);
		put_attr(h);
		encode_u64(&e, 100);
		(void)encode_end(&e);
		if (!h->no_mapping) {
			encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
			encode_u64(&e, PERFDATA_FEATURE_PMU_MAPPINGS);
			put_mappings(h);
			(void)encode_end(&e);
		}
		return e.len;
	}
	encode_u64(&e, 136);
	encode_u64(&e, 104);
	encode_u64(&e, 136);
	encode_u64(&e, 104 + 136 + 8);
	for (int i = 0; i < 3; i++)
		encode_u64(&e, 0);
	encode_u64(&e, 1ull << PERFDATA_FEATURE_HOSTNAME |
				       (h->no_mapping ? 0 : 1ull << PERFDATA_FEATURE_PMU_MAPPINGS));
	for (int i = 0; i < 3; i++)
		encode_u64(&e, 0);
	put_attr(h);
	encode_u64(&e, 104 + 136);
	encode_u64(&e, 8);
	encode_u64(&e, 100);
	return e.len;
}

static void put_info(uint32_t kind)
{
	encode_begin(&e, PERFDATA_AUXTRACE_INFO, 0);
	encode_u32(&e, kind);
	encode_u32(&e, 0);
	encode_u64(&e, HMU_TYPE);
	(void)encode_end(&e);
}

static void put_landed(uint64_t offset, uint64_t bytes, uint64_t time_ns)
{
	const struct perf_sample_id who = { .time_ns = time_ns, .id = 100, .cpu = 2 };

	encode_begin(&e, PERF_RECORD_AUX, 0);
	encode_u64(&e, offset);
	encode_u64(&e, bytes);
	encode_u64(&e, 0);
	encode_sample_id(&e, &format, &who);
	(void)encode_end(&e);
}

static void put_word(uint64_t word)
{
	word = htole64(word);
	memcpy(stream + stream_bytes, &word, sizeof(word));
	stream_bytes += sizeof(word);
}

static void put_batch(uint64_t nr)
{
	put_word(nr | COUNTER_BITS << 16);
	put_word(0xdeadbeef);
}

static void put_entry(uint64_t granule, uint64_t count)
{
	put_word(granule << COUNTER_BITS | count);
}

static void put_aux(uint64_t offset)
{
	encode_begin(&e, PERFDATA_AUXTRACE, 0);
	encode_u64(&e, stream_bytes);
	encode_u64(&e, offset);
	encode_u64(&e, 0x1234);
	encode_u32(&e, 0);
	encode_u32(&e, UINT32_MAX);
	encode_u32(&e, 2);
	encode_u32(&e, 0);
	(void)encode_end(&e);
	encode_bytes(&e, stream, stream_bytes);
	stream_bytes = 0;
}

/* A file says where its data ends, and behind it where its features are. */
static void end_file(const struct hmu *h, size_t data)
{
	size_t places = e.len;

	if (h->pipe)
		return;
	put_u64_at(&e, FILE_HEADER_AT_DATA + 8, e.len - data);
	for (int i = 0; i < (h->no_mapping ? 2 : 4); i++)
		encode_u64(&e, 0);
	for (int i = 0; i < (h->no_mapping ? 1 : 2); i++) {
		size_t begin = e.len;

		if (i)
			put_mappings(h);
		else
			encode_name(&e, "there");
		put_u64_at(&e, places + 16 * (size_t)i, begin);
		put_u64_at(&e, places + 16 * (size_t)i + 8, e.len - begin);
	}
}

/* Two batches, the first of them cut in two; the granules 0, 5 and 1000. */
static void put_story(const struct hmu *h, uint32_t kind)
{
	size_t data = put_header(h);

	stream_bytes = 0;
	put_info(kind);
	put_landed(0, 32, 1000000000);
	put_landed(32, 24, 2000000000);
	put_batch(2);
	put_entry(0, 30);
	put_entry(5, 25);
	put_aux(0);
	put_batch(1);
	put_entry(1000, 65535);
	put_aux(32);
	end_file(h, data);
}

/* --- reading --- */

struct seen {
	size_t nr;
	struct thermo_access accesses[16];
	struct perfdata_counters counters;
	char name[32];
	int32_t named;
	char kind[128];
};

static struct seen read_all(const struct perfdata_opts *opts)
{
	FILE *file = fmemopen(e.bytes, e.len, "r");
	struct perfdata_item item;
	struct seen seen = { 0 };
	struct perfdata *p;
	int n;

	assert_non_null(file);
	assert_int_equal(perfdata_open(&p, file, opts), 0);
	while ((n = perfdata_next(p, &item)) == 1) {
		if (item.record->type == PERF_RECORD_COMM) {
			seen.named = item.record->comm.pid;
			(void)snprintf(seen.name, sizeof(seen.name), "%s", item.record->comm.name);
		}
		if (!item.access)
			continue;
		assert_true(seen.nr < 16);
		seen.accesses[seen.nr++] = *item.access;
	}
	assert_int_equal(n, 0);
	seen.counters = *perfdata_counters(p);
	(void)snprintf(seen.kind, sizeof(seen.kind), "%s", perfdata_aux_kind(p));
	perfdata_close(p);
	(void)fclose(file);
	return seen;
}

static struct seen read_usual(void)
{
	const struct perfdata_opts opts = { 0 };

	return read_all(&opts);
}

/* --- tests --- */

static void check_story(const struct seen *seen)
{
	const struct {
		uint64_t addr, nr, time_ns;
	} expected[] = { { 0, 120, 1000000000 },
			 { 5 * 4096, 100, 1000000000 },
			 { 1000 * 4096, 4 * 65535, 2000000000 } };

	assert_int_equal(seen->nr, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct thermo_access *a = &seen->accesses[i];

		assert_int_equal(a->addr, expected[i].addr);
		assert_int_equal(a->extent_bytes, 1);
		assert_int_equal(a->nr_accesses, expected[i].nr);
		assert_int_equal(a->watched_ns, 0);
		assert_int_equal(a->time_ns, expected[i].time_ns);
		assert_int_equal(a->op, THERMO_OP_WRITE);
		assert_int_equal(a->level, THERMO_LEVEL_CXL);
		assert_int_equal(a->pid, PERFDATA_HMU_PID);
		assert_int_equal(a->cpu, THERMO_CPU_UNKNOWN);
	}
	assert_int_equal(seen->counters.samples, 3);
	assert_int_equal(seen->counters.aux_broken, 0);
	assert_int_equal(seen->counters.aux_skipped_bytes, 0);
	assert_int_equal(seen->named, PERFDATA_HMU_PID);
	assert_string_equal(seen->name, "mem3.0.1 DPA");
	assert_string_equal(seen->kind, PERFDATA_HMU_KIND);
}

static void entries_become_counts_of_granules_of_the_device(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct hmu h = usual;

		h.swap = i & 1;
		h.pipe = i & 2;
		put_story(&h, KIND_VPA_DTL);
		const struct seen seen = read_usual();

		check_story(&seen);
	}
}

/* Whatever number the kind will have one day. */
static void unit_is_known_by_the_name_of_its_pmu(void **state)
{
	struct hmu h = usual;

	(void)state;
	put_story(&h, 12345);
	struct seen seen = read_usual();

	check_story(&seen);
	h.pmu = "vpa_dtl";
	put_story(&h, KIND_VPA_DTL);
	seen = read_usual();
	assert_int_equal(seen.nr, 0);
	assert_int_equal(seen.counters.aux_skipped_bytes, 56);
	assert_string_equal(seen.kind, "PowerPC dispatch trace log");
	h.no_mapping = true;
	put_story(&h, 12345);
	seen = read_usual();
	assert_int_equal(seen.nr, 0);
	assert_string_equal(seen.kind, "an unknown kind");
}

static void physical_addresses_are_none_that_the_file_knows(void **state)
{
	const struct perfdata_opts opts = { .physical = true };

	(void)state;
	put_story(&usual, KIND_VPA_DTL);
	const struct seen seen = read_all(&opts);

	assert_int_equal(seen.nr, 0);
	assert_int_equal(seen.counters.no_address, 3);
}

/* A granule that is none, a part that is none: nobody knows what a count says. */
static void event_that_cannot_be_has_no_entries(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct hmu h = usual;

		h.config |= i == 0 ? 200ull << 27 : 0;
		h.config1 = i == 1 ? 40ull << 32 : i == 2 ? 0 : h.config1;
		put_story(&h, KIND_VPA_DTL);
		const struct seen seen = read_usual();

		assert_int_equal(seen.nr, 0);
		assert_int_equal(seen.counters.aux_skipped_bytes, 56);
	}
}

static void what_makes_no_sense_is_skipped_and_counted(void **state)
{
	size_t data = put_header(&usual);

	(void)state;
	stream_bytes = 0;
	put_info(KIND_VPA_DTL);
	put_landed(0, 64, 1000000000);
	put_word(0x1111111111111111);
	put_word(0x2222222222222222);
	put_batch(2);
	put_entry(1, 9);
	put_entry(2, 0); /* no count */
	put_aux(0);
	/* Bytes are missing: the batch that was begun before them is not gone on with. */
	put_batch(5);
	put_entry(3, 7);
	put_aux(48);
	put_entry(4, 7);
	put_batch(1);
	put_entry(6, 7);
	put_aux(1024);
	end_file(&usual, data);
	const struct seen seen = read_usual();

	assert_int_equal(seen.nr, 3);
	assert_int_equal(seen.accesses[0].addr, 1 * 4096);
	assert_int_equal(seen.accesses[1].addr, 3 * 4096);
	assert_int_equal(seen.accesses[2].addr, 6 * 4096);
	assert_int_equal(seen.counters.aux_broken, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_become_counts_of_granules_of_the_device),
		cmocka_unit_test(unit_is_known_by_the_name_of_its_pmu),
		cmocka_unit_test(physical_addresses_are_none_that_the_file_knows),
		cmocka_unit_test(event_that_cannot_be_has_no_entries),
		cmocka_unit_test(what_makes_no_sense_is_skipped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
