// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perfdata.c - what perf recorded, here and elsewhere, whole and in pieces. */
#include "tests/unit/test.h"

#include <errno.h>
#include <unistd.h>

#include "sources/perfdata.h"
#include "tests/unit/sources/perfdata_encode.h"
#include "tests/unit/sources/perfdata_ways.h"
#include "tests/unit/sources/test_data.h"

/* A sanitizer poisons all buffers of a file that is opened: it sees fewer of the many. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 13
#else
#define STRIDE 1
#endif

static struct encoder e;
static size_t data_end;

static const struct variant plain = { .attr_bytes = 128 };

/* Every way to write the story. */
static const struct variant variants[] = {
	{ false, false, 128, 0, 0 },
	{ true, false, 128, 0, 0 },
	{ false, true, 128, 0, 0 },
	{ true, true, 128, 0, 0 },
	{ false, false, 64, 0, 0 },
	{ true, false, 64, 0, 0 },
	{ false, true, 72, 0, 0 },
	{ false, false, 80, 0, 0 },
	{ false, false, 96, 0, 0 },
	{ false, true, 104, 0, 0 },
	{ true, false, 112, 0, 0 },
	{ true, true, 120, 0, 0 },
	{ false, false, 144, 0, 0 },
	{ false, false, 200, 0, 0 },
	{ true, true, 200, 0, 0 },
	{ false, false, 136, PERFDATA_COMPRESSED, 100000 },
	{ false, false, 136, PERFDATA_COMPRESSED, 777 },
	{ true, true, 136, PERFDATA_COMPRESSED, 1 },
	{ false, true, 136, PERFDATA_COMPRESSED2, 333 },
	{ true, false, 136, PERFDATA_COMPRESSED2, 100000 },
};

#define NR_VARIANTS (sizeof(variants) / sizeof(variants[0]))

static FILE *file_of(size_t bytes)
{
	FILE *file = fmemopen(e.bytes, bytes ? bytes : 1, "r");

	assert_non_null(file);
	return file;
}

static void open_bytes(struct perfdata **p, FILE **file, size_t bytes,
		       const struct perfdata_opts *opts)
{
	*file = file_of(bytes);
	assert_ways_say_the_same(e.bytes, bytes, opts);
	if (perfdata_open(p, *file, opts) < 0)
		fail_msg("not opened: %s", thermo_last_error());
}

static void done(struct perfdata *p, FILE *file)
{
	perfdata_close(p);
	(void)fclose(file);
}

/* --- the story, in all variants --- */

static void expect_sample(const struct perfdata_item *item, uint64_t i)
{
	struct perf_sample should = story_sample(i);
	const struct perf_sample *is = &item->record->sample;
	bool load = i % 2 == 0;

	assert_int_equal(item->time_ns, should.time_ns);
	assert_int_equal(is->id, should.id);
	assert_int_equal(is->addr, should.addr);
	assert_int_equal(is->ip, load ? should.ip : 0);
	assert_int_equal(is->latency_cycles, load ? should.latency_cycles : 0);
	assert_int_equal(is->instruction_cycles, load ? 7 : 0);
	assert_string_equal(item->event->name, story_names[i % 2]);
	if (should.addr == 0) {
		assert_null(item->access);
		return;
	}
	const struct thermo_access *a = item->access;

	assert_non_null(a);
	assert_int_equal(a->addr, should.addr);
	assert_int_equal(a->extent_bytes, 1);
	assert_int_equal(a->watched_ns, 0);
	assert_int_equal(a->time_ns, should.time_ns);
	assert_int_equal(a->nr_accesses, load ? STORY_PERIOD : should.period);
	assert_int_equal(a->pid, STORY_PID);
	assert_int_equal(a->tid, should.tid);
	assert_int_equal(a->cpu, i % 4);
	assert_int_equal(a->node, i % 4 ? 2 : 0);
	assert_int_equal(a->space, THERMO_SPACE_VIRTUAL);
	assert_int_equal(a->op, load ? THERMO_OP_READ : THERMO_OP_UNKNOWN);
	assert_int_equal(a->level, load ? THERMO_LEVEL_LOCAL_DRAM : THERMO_LEVEL_UNKNOWN);
	/* At 2 GHz. */
	assert_int_equal(a->latency_ns, load ? 100 + i : 0);
}

static void expect_beginning(struct perfdata *p)
{
	struct perfdata_item item;

	assert_int_equal(perfdata_next(p, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_COMM);
	assert_int_equal(item.record->comm.pid, STORY_PID);
	assert_string_equal(item.record->comm.name, "worker");
	assert_int_equal(perfdata_next(p, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_MMAP2);
	assert_int_equal(item.record->mmap.start, 0x7f0000000000);
	assert_int_equal(item.record->mmap.bytes, 0x100000);
	assert_int_equal(item.record->mmap.prot, 3);
	assert_string_equal(item.record->mmap.name, "/dev/shm/data");
}

static void expect_counters(const struct perfdata *p)
{
	const struct perfdata_counters *c = perfdata_counters(p);

	assert_int_equal(c->samples, STORY_SAMPLES);
	assert_int_equal(c->records, STORY_SAMPLES + 5);
	assert_int_equal(c->no_address, STORY_SAMPLES / 7);
	assert_int_equal(c->lost, 5);
	assert_int_equal(c->throttled, 1);
	assert_int_equal(c->bad, 0);
	assert_int_equal(c->no_event, 0);
	assert_int_equal(c->bad_features, 0);
}

static void expect_machine(const struct perfdata *p)
{
	const struct perfdata_machine *m = perfdata_machine(p);

	assert_string_equal(m->hostname, "there");
	assert_string_equal(m->os_release, "6.1.0");
	assert_string_equal(m->arch, "x86_64");
	assert_string_equal(m->cpu_desc, "Some(R) CPU @ 2.00GHz");
	assert_int_equal(m->nr_cpus, 8);
	assert_int_equal(m->nr_cpus_online, 4);
	assert_int_equal(m->nr_cpus_known, 4);
	assert_int_equal(perfdata_nr_events(p), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(perfdata_event(p, i)->nr_samples, STORY_SAMPLES / 2);
		assert_string_equal(perfdata_event(p, i)->name, story_names[i]);
	}
	assert_int_equal(perfdata_event(p, 0)->config, 0x1cd);
	assert_int_equal(perfdata_event(p, 0)->period, STORY_PERIOD);
	assert_int_equal(perfdata_event(p, 1)->period, 0);
}

/* @skipped: records not decoded, which a pipe has not more of. */
static void expect_story(struct perfdata *p)
{
	struct perfdata_item item;
	int nr_others = 0;

	expect_beginning(p);
	for (uint64_t i = 0; i < STORY_SAMPLES;) {
		assert_int_equal(perfdata_next(p, &item), 1);
		if (item.record->type == PERF_RECORD_SAMPLE)
			expect_sample(&item, i++);
		else
			nr_others++;
	}
	assert_int_equal(perfdata_next(p, &item), 0);
	assert_int_equal(perfdata_next(p, &item), 0);
	assert_int_equal(nr_others, 3);
	expect_counters(p);
	expect_machine(p);
	assert_int_equal(perfdata_counters(p)->late, 0);
}

static void all_variants_tell_the_same_in_the_order_of_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_VARIANTS; i++) {
		struct perfdata *p;
		FILE *file;

		(void)encode_perfdata(&e, &variants[i], &data_end);
		assert_true(perfdata_recognises(e.bytes, 8));
		open_bytes(&p, &file, e.len, NULL);
		expect_story(p);
		/* CALLCHAIN_DEFERRED, type 99; and what follows a TRACING_DATA. */
		assert_int_equal(perfdata_counters(p)->skipped, variants[i].pipe ? 3 : 2);
		done(p, file);
	}
}

static void pipe_need_not_be_seekable(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_VARIANTS; i++) {
		struct perfdata *p;
		int fds[2];

		(void)encode_perfdata(&e, &variants[i], &data_end);
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], e.bytes, e.len), e.len);
		(void)close(fds[1]);
		FILE *file = fdopen(fds[0], "r");

		if (variants[i].pipe) {
			assert_int_equal(perfdata_open(&p, file, NULL), 0);
			expect_story(p);
			perfdata_close(p);
		} else {
			assert_int_equal(perfdata_open(&p, file, NULL), -ESPIPE);
			assert_reason("-o -");
			assert_null(p);
		}
		(void)fclose(file);
	}
}

static void physical_memory_is_chosen_where_samples_tell_it(void **state)
{
	const struct perfdata_opts opts = { .physical = true, .cpu_mhz = 4000 };
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;
	int n, nr = 0;

	(void)state;
	(void)encode_perfdata(&e, &plain, &data_end);
	open_bytes(&p, &file, e.len, &opts);
	while ((n = perfdata_next(p, &item)) == 1) {
		if (!item.access)
			continue;
		assert_int_equal(item.access->space, THERMO_SPACE_PHYSICAL);
		assert_int_equal(item.access->addr, item.record->sample.phys_addr);
		assert_int_equal(item.access->latency_ns, item.record->sample.latency_cycles / 4);
		nr++;
	}
	assert_int_equal(n, 0);
	/* The loads, every fifth of which has none. */
	assert_int_equal(nr, 19);
	assert_int_equal(perfdata_counters(p)->no_address, STORY_SAMPLES - 19);
	done(p, file);
}

static void short_queue_lets_some_out_late_and_loses_none(void **state)
{
	const struct perfdata_opts opts = { .max_queued_bytes = 300 };
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;
	int nr = 0;

	(void)state;
	(void)encode_perfdata(&e, &plain, &data_end);
	open_bytes(&p, &file, e.len, &opts);
	while (perfdata_next(p, &item) == 1)
		nr++;
	assert_int_equal(nr, STORY_SAMPLES + 5);
	assert_true(perfdata_counters(p)->late > 0);
	done(p, file);
}

/* --- broken files --- */

struct outcome {
	int opened;
	int ended;
	int nr;
	int nr_samples;
	uint64_t bad_features;
};

/* Of exactly so many bytes of memory, so that a sanitizer sees one too many. */
static struct outcome read_all(const unsigned char *bytes, size_t nr)
{
	static unsigned int nr_read;
	unsigned char *exact = malloc(nr + !nr);
	struct outcome o = { 0 };
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;

	memcpy(exact, bytes, nr);
	if (nr_read++ % STRIDE == 0)
		assert_ways_say_the_same(exact, nr, NULL);
	file = fmemopen(exact, nr + !nr, "r");
	assert_non_null(file);
	o.opened = perfdata_open(&p, file, NULL);
	if (o.opened == 0) {
		while ((o.ended = perfdata_next(p, &item)) == 1) {
			o.nr++;
			o.nr_samples += item.record->type == PERF_RECORD_SAMPLE;
		}
		o.bad_features = perfdata_counters(p)->bad_features;
		/* It stays as it ended, and says why again. */
		assert_int_equal(perfdata_next(p, &item), o.ended);
	} else {
		assert_null(p);
	}
	perfdata_close(p);
	(void)fclose(file);
	free(exact);
	return o;
}

/* After @cut, the last being @end. */
static size_t next_cut(size_t cut, size_t end)
{
	return cut < end && cut + STRIDE > end ? end : cut + STRIDE;
}

static void file_cut_anywhere_gives_what_is_before_and_says_where(void **state)
{
	struct outcome o, before = { 0 };
	size_t data;

	(void)state;
	for (int swap = 0; swap < 2; swap++) {
		const struct variant v = { .swap = swap, .attr_bytes = 96 };

		before.nr = 0;
		data = encode_perfdata(&e, &v, &data_end);
		for (size_t cut = 0; cut < e.len; cut += STRIDE) {
			o = read_all(e.bytes, cut);
			if (cut < data) {
				assert_int_equal(o.opened, -EBADMSG);
				assert_reason("perf.data: offset ");
				continue;
			}
			assert_int_equal(o.opened, 0);
			/* The more there is the more comes out. */
			assert_true(o.nr >= before.nr && o.nr <= before.nr + STRIDE);
			before = o;
			assert_int_equal(o.ended, cut < data_end ? -EBADMSG : 0);
			if (cut < data_end) {
				assert_reason("perf.data: offset ");
				assert_reason("cut off");
			} else {
				assert_int_equal(o.nr, STORY_SAMPLES + 5);
			}
			assert_true(o.bad_features > 0);
		}
	}
}

static void pipe_cut_anywhere_gives_what_is_before(void **state)
{
	const struct variant v = { .pipe = true, .attr_bytes = 64 };
	struct outcome o = { 0 };
	int nr = 0, nr_whole = 0;

	(void)state;
	(void)encode_perfdata(&e, &v, &data_end);
	for (size_t cut = 16; cut <= e.len; cut = next_cut(cut, e.len)) {
		o = read_all(e.bytes, cut);
		assert_int_equal(o.opened, 0);
		assert_true(o.ended == 0 || o.ended == -EBADMSG);
		assert_true(o.nr >= nr && o.nr <= nr + STRIDE);
		nr = o.nr;
		/* Between two records nobody can see that there was more. */
		nr_whole += o.ended == 0;
	}
	assert_int_equal(nr, STORY_SAMPLES + 5);
	/* After the header 2 events, features, tracing data, 4 rounds and what is not read. */
	if (STRIDE == 1)
		assert_int_equal(nr_whole, 1 + 2 + STORY_FEATURES + 1 + nr + 4 + 2);
}

static void compressed_file_cut_anywhere_is_said(void **state)
{
	const struct variant v = { .attr_bytes = 64, .packed = PERFDATA_COMPRESSED, .chunk = 500 };
	size_t data = encode_perfdata(&e, &v, &data_end);
	int nr = 0;

	(void)state;
	for (size_t cut = data; cut < data_end; cut += STRIDE) {
		struct outcome o = read_all(e.bytes, cut);

		assert_int_equal(o.opened, 0);
		assert_int_equal(o.ended, -EBADMSG);
		assert_true(o.nr >= nr);
		nr = o.nr;
	}
	/* Of what is compressed together all is lost, not what came before. */
	assert_true(nr > STORY_SAMPLES / 2 && nr < STORY_SAMPLES + 5);
}

static void any_byte_changed_is_survived(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	const struct variant some[] = {
		{ .attr_bytes = 64 },
		{ .pipe = true, .attr_bytes = 64 },
		{ .attr_bytes = 64, .packed = PERFDATA_COMPRESSED2, .chunk = 900 }
	};
	int nr_unharmed = 0, nr_refused = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		(void)encode_perfdata(&e, &some[i], &data_end);
		for (size_t at = 0; at < e.len; at += STRIDE) {
			unsigned char mask = masks[at % 3];

			e.bytes[at] ^= mask;
			struct outcome o = read_all(e.bytes, e.len);

			e.bytes[at] ^= mask;
			nr_refused += o.opened < 0 || o.ended < 0;
			nr_unharmed += o.ended == 0 && o.nr == STORY_SAMPLES + 5;
		}
	}
	assert_true(nr_refused > 100 / STRIDE);
	assert_true(nr_unharmed > 100 / STRIDE);
}

static void expect_refused(size_t bytes, int err, const char *why)
{
	FILE *file = file_of(bytes);
	struct perfdata *p;

	assert_int_equal(perfdata_open(&p, file, NULL), err);
	assert_null(p);
	assert_reason(why);
	(void)fclose(file);
}

static void what_is_no_perf_data_is_refused(void **state)
{
	(void)state;
	memset(&e, 0, sizeof(e));
	assert_false(perfdata_recognises("PERFILE2", 7));
	assert_false(perfdata_recognises("\0\0\0\0\0\0\0\0", 8));
	assert_true(perfdata_recognises("PERFILE2", 8));
	assert_true(perfdata_recognises("2ELIFREP", 8));
	expect_refused(1, -EBADMSG, "offset 0: not a perf.data");
	expect_refused(100, -EBADMSG, "offset 0: not a perf.data");
	encode_bytes(&e, "PERFFILE", 8);
	encode_u64(&e, 104);
	expect_refused(200, -EOPNOTSUPP, "2012");
	e.len = 0;
	encode_magic(&e, 20);
	expect_refused(200, -EBADMSG, "offset 8: a header of 20 bytes");
}

static void header_that_cannot_be_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		int err;
		const char *why;
	} cases[] = {
		{ 16, 79, -EBADMSG, "offset 16: an event is said to take 79 bytes" },
		{ 16, UINT64_MAX, -EBADMSG, "offset 16" },
		{ 24, UINT64_MAX, -EBADMSG, "offset 24" },
		{ 24, 1ull << 40, -EBADMSG, "offset 1099511627776: the file ends" },
		{ 32, 1ull << 40, -EBADMSG, "" }, /* events without end: what is there is none */
		{ 40, 1ull << 63, -EBADMSG, "offset 40" },
		{ 48, UINT64_MAX, -EBADMSG, "offset 40" },
		{ 72, 1ull << PERFDATA_FEATURE_DIR_FORMAT, -EOPNOTSUPP, "directory" },
		/* where the ids of the first event are, and how many */
		{ 104 + 32 + 128, UINT64_MAX, -EBADMSG, "no file is that long" },
		{ 104 + 32 + 128 + 8, UINT64_MAX, -EBADMSG, "ids" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)encode_perfdata(&e, &plain, &data_end);
		put_u64_at(&e, cases[i].at, cases[i].value);
		expect_refused(e.len, cases[i].err, cases[i].why);
	}
}

static void file_that_perf_did_not_finish_is_read_to_its_end(void **state)
{
	struct outcome o;

	(void)state;
	(void)encode_perfdata(&e, &plain, &data_end);
	put_u64_at(&e, FILE_HEADER_AT_DATA + 8, 0);
	o = read_all(e.bytes, data_end);
	assert_int_equal(o.opened, 0);
	assert_int_equal(o.ended, 0);
	assert_int_equal(o.nr, STORY_SAMPLES + 5);
}

/* A pipe's header, then these records. */
static void begin_records(const struct perf_format *formats, int nr)
{
	e.len = 0;
	e.swap = e.swap_header = false;
	encode_magic(&e, 16);
	for (int i = 0; i < nr; i++) {
		encode_begin(&e, PERFDATA_HEADER_ATTR, 0);
		size_t attr = e.len;

		encode_attr(&e, i, 128);
		put_u64_at(&e, attr + 24, formats[i].sample_type);
		encode_u64(&e, 100 + 10 * (uint64_t)i);
		(void)encode_end(&e);
	}
}

static void record_with_an_impossible_size_ends_the_reading(void **state)
{
	struct perf_sample s = story_sample(0);

	(void)state;
	for (uint16_t size = 0; size < 8; size++) {
		begin_records(story_formats, 2);
		(void)encode_sample(&e, &story_formats[0], &s);
		struct perf_event_header *bad = encode_sample(&e, &story_formats[0], &s);

		bad->size = size;
		struct outcome o = read_all(e.bytes, e.len);

		assert_int_equal(o.nr, 1);
		assert_int_equal(o.ended, -EBADMSG);
		assert_reason("a record of type 9 says it has");
	}
}

static void body_that_does_not_fit_is_counted_and_passed_over(void **state)
{
	struct perf_sample s = story_sample(0);
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;

	(void)state;
	begin_records(story_formats, 2);
	encode_begin(&e, PERF_RECORD_SAMPLE, 0);
	encode_u64(&e, 100);
	(void)encode_end(&e);
	encode_begin(&e, PERF_RECORD_SAMPLE, 0); /* of nobody */
	encode_u64(&e, 4242);
	(void)encode_end(&e);
	encode_simple(&e, PERF_RECORD_SAMPLE);
	encode_simple(&e, PERF_RECORD_COMM);
	(void)encode_sample(&e, &story_formats[0], &s);
	open_bytes(&p, &file, e.len, NULL);
	assert_int_equal(perfdata_next(p, &item), 1);
	assert_int_equal(item.record->sample.addr, s.addr);
	assert_int_equal(perfdata_next(p, &item), 0);
	assert_int_equal(perfdata_counters(p)->bad, 1);
	assert_int_equal(perfdata_counters(p)->no_event, 3);
	done(p, file);
}

static void records_without_a_time_come_as_they_are(void **state)
{
	const struct perf_format f = { .sample_type = PERF_SAMPLE_ADDR };
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;

	(void)state;
	begin_records(&f, 1);
	for (uint64_t i = 0; i < 10; i++) {
		struct perf_sample s = { .addr = 10 - i };

		(void)encode_sample(&e, &f, &s);
	}
	open_bytes(&p, &file, e.len, NULL);
	for (uint64_t i = 0; i < 10; i++) {
		assert_int_equal(perfdata_next(p, &item), 1);
		assert_int_equal(item.access->addr, 10 - i);
		/* What samples do not tell is not known. */
		assert_int_equal(item.access->cpu, THERMO_CPU_UNKNOWN);
		assert_int_equal(item.access->node, THERMO_NODE_UNKNOWN);
		assert_int_equal(item.access->pid, 0);
		assert_int_equal(item.access->nr_accesses, STORY_PERIOD);
	}
	assert_int_equal(perfdata_next(p, &item), 0);
	done(p, file);
}

static void records_of_one_time_stay_in_the_order_of_the_file(void **state)
{
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;

	(void)state;
	begin_records(story_formats, 2);
	for (uint64_t i = 0; i < 100; i++) {
		struct perf_sample s = story_sample(0);

		s.addr = 1 + i;
		(void)encode_sample(&e, &story_formats[0], &s);
	}
	open_bytes(&p, &file, e.len, NULL);
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(perfdata_next(p, &item), 1);
		assert_int_equal(item.access->addr, 1 + i);
	}
	done(p, file);
}

/* @nr samples in one compressed record. */
static struct outcome read_packed(struct encoder *records, int nr)
{
	static unsigned char packed[60000];
	struct perf_sample s = story_sample(0);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	records->len = 0;
	for (int i = 0; i < nr; i++)
		(void)encode_sample(records, &story_formats[0], &s);
	/* Flushed and not ended, as perf does: of an end zstd keeps a byte until all is out. */
	ZSTD_inBuffer in = { records->bytes, records->len, 0 };
	ZSTD_outBuffer out = { packed, sizeof(packed), 0 };

	assert_int_equal(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush), 0);
	(void)ZSTD_freeCCtx(zstd);
	begin_records(story_formats, 2);
	encode_packed(&e, PERFDATA_COMPRESSED, packed, out.pos);
	return read_all(e.bytes, e.len);
}

/* It may hold more than is unpacked at a time, and end where that ends, or a little later. */
static void large_compressed_record_is_unpacked_bit_by_bit(void **state)
{
	struct encoder *records = calloc(1, sizeof(*records));
	struct perf_sample s = story_sample(0);
	int bytes = encode_sample(records, &story_formats[0], &s)->size;
	int nr_of_two = 2 * (int)PERFDATA_INNER_BYTES / bytes;

	(void)state;
	for (int nr = nr_of_two - 5; nr < nr_of_two + 5; nr++) {
		struct outcome o = read_packed(records, nr);

		assert_int_equal(o.ended, 0);
		assert_int_equal(o.nr_samples, nr);
	}
	assert_int_equal(read_packed(records, 10000).nr_samples, 10000);
	free(records);
}

/* Its bits are in words of 32, of which two were read as one. */
static void features_of_a_big_endian_machine_of_32_bits_are_found(void **state)
{
	const struct variant v = { .swap = true, .attr_bytes = 96 };
	struct perfdata *p;
	uint64_t bits;
	FILE *file;

	(void)state;
	(void)encode_perfdata(&e, &v, &data_end);
	memcpy(&bits, e.bytes + 72, sizeof(bits));
	bits = bits << 32 | bits >> 32;
	memcpy(e.bytes + 72, &bits, sizeof(bits));
	open_bytes(&p, &file, e.len, NULL);
	expect_story(p);
	done(p, file);
}

static void id_is_found_without_an_identifier(void **state)
{
	static const struct perf_format f[2] = {
		{ .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR |
				 PERF_SAMPLE_ID | PERF_SAMPLE_CPU,
		  .sample_id_all = true },
		{ .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR |
				 PERF_SAMPLE_ID | PERF_SAMPLE_CPU | PERF_SAMPLE_DATA_SRC,
		  .sample_id_all = true },
	};
	const struct perf_sample_id who = { .id = 110, .cpu = 3 };
	struct perfdata_item item;
	struct perfdata *p;
	FILE *file;

	(void)state;
	begin_records(f, 2);
	for (uint64_t i = 0; i < 2; i++) {
		struct perf_sample s = { .id = 100 + 10 * i, .addr = 5, .data_src = 0x10268100142 };

		(void)encode_sample(&e, &f[i], &s);
	}
	encode_begin(&e, PERF_RECORD_LOST_SAMPLES, 0);
	encode_u64(&e, 3);
	encode_sample_id(&e, &f[1], &who);
	(void)encode_end(&e);
	open_bytes(&p, &file, e.len, NULL);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(perfdata_next(p, &item), 1);
		assert_ptr_equal(item.event, perfdata_event(p, i));
		assert_int_equal(item.access->level, i ? THERMO_LEVEL_L1 : THERMO_LEVEL_UNKNOWN);
	}
	assert_int_equal(perfdata_next(p, &item), 1);
	assert_ptr_equal(item.event, perfdata_event(p, 1));
	assert_int_equal(item.record->sample_id.cpu, 3);
	assert_int_equal(perfdata_next(p, &item), 0);
	done(p, file);
}

static void put_lost(uint32_t type, uint16_t misc, uint64_t nr)
{
	encode_begin(&e, type, misc);
	if (type == PERF_RECORD_LOST)
		encode_u64(&e, 100);
	encode_u64(&e, nr);
	encode_who(&e, 1000, 100);
}

/* perf repeats at the end, for each event, what the kernel said where it happened. */
static void what_was_lost_is_counted_once(void **state)
{
	static const uint64_t samples[] = { 0, 4, 30 };
	static const uint64_t lost[] = { 7, 7, 31 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct perfdata_item item;
		struct perfdata *p;
		FILE *file;

		begin_records(story_formats, 2);
		put_lost(PERF_RECORD_LOST, 0, 3);
		put_lost(PERF_RECORD_LOST, 0, 4);
		put_lost(PERF_RECORD_LOST_SAMPLES, 0, samples[i]);
		put_lost(PERF_RECORD_LOST_SAMPLES, 0, 1);
		put_lost(PERF_RECORD_LOST_SAMPLES, 1u << 15, 1000); /* to a filter */
		open_bytes(&p, &file, e.len, NULL);
		while (perfdata_next(p, &item) == 1)
			;
		assert_int_equal(perfdata_counters(p)->lost, lost[i]);
		done(p, file);
	}
}

static void events_that_cannot_be_told_apart_are_refused(void **state)
{
	static const struct perf_format f[2] = { { .sample_type = PERF_SAMPLE_ADDR },
						 { .sample_type = PERF_SAMPLE_IP } };
	struct perf_sample s = { .addr = 1 };
	struct outcome o;

	(void)state;
	begin_records(f, 2);
	(void)encode_sample(&e, &f[0], &s);
	o = read_all(e.bytes, e.len);
	assert_int_equal(o.ended, -EBADMSG);
	assert_reason("whose a record is");
	/* Of one kind it does not matter. */
	const struct perf_format same[2] = { f[0], f[0] };

	begin_records(same, 2);
	(void)encode_sample(&e, &f[0], &s);
	assert_int_equal(read_all(e.bytes, e.len).nr, 1);
}

static void attachment_that_never_ends_is_said(void **state)
{
	(void)state;
	begin_records(story_formats, 2);
	encode_begin(&e, PERFDATA_AUXTRACE, 0);
	encode_u64(&e, 4);
	for (int i = 0; i < 4; i++)
		encode_u64(&e, 0);
	(void)encode_end(&e);
	encode_u32(&e, 0);
	assert_int_equal(read_all(e.bytes, e.len).ended, 0);
	put_u64_at(&e, e.len - 44 + 0, UINT64_MAX);
	struct perf_event_header *h = (void *)(e.bytes + e.len - 52);

	assert_int_equal(h->type, PERFDATA_AUXTRACE);
	assert_int_equal(read_all(e.bytes, e.len).ended, -EBADMSG);
	assert_reason("said to follow");
	put_u64_at(&e, e.len - 44, 1000000);
	assert_int_equal(read_all(e.bytes, e.len).ended, -EBADMSG);
	assert_reason("what follows a record");
}

static void text_of_the_file_cannot_command_a_terminal(void **state)
{
	const struct perfdata_machine *m;
	struct perfdata *p;
	struct perfdata_item item;
	FILE *file;

	(void)state;
	begin_records(story_formats, 2);
	encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
	encode_u64(&e, PERFDATA_FEATURE_HOSTNAME);
	encode_name(&e, "a\033[2Jb\nc");
	(void)encode_end(&e);
	encode_begin(&e, PERFDATA_EVENT_UPDATE, 0);
	encode_u64(&e, 2);
	encode_u64(&e, 110);
	encode_string(&e, "new\tname");
	(void)encode_end(&e);
	open_bytes(&p, &file, e.len, NULL);
	assert_int_equal(perfdata_next(p, &item), 0);
	m = perfdata_machine(p);
	assert_string_equal(m->hostname, "a?[2Jb?c");
	assert_string_equal(perfdata_event(p, 1)->name, "new?name");
	done(p, file);
}

static void bad_features_are_counted(void **state)
{
	static const char *const cpus[] = { "0-", "x", "1,,2", "70000", "0-65536", "-1", "1;2" };
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < 7; i++) {
		begin_records(story_formats, 2);
		encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
		encode_u64(&e, PERFDATA_FEATURE_NUMA_TOPOLOGY);
		encode_u32(&e, 1);
		encode_u32(&e, 0);
		encode_u64(&e, 0);
		encode_u64(&e, 0);
		encode_name(&e, cpus[i]);
		(void)encode_end(&e);
		o = read_all(e.bytes, e.len);
		assert_int_equal(o.ended, 0);
		assert_int_equal(o.bad_features, 1);
	}
	begin_records(story_formats, 2);
	encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
	encode_u64(&e, 4711);
	(void)encode_end(&e);
	assert_int_equal(read_all(e.bytes, e.len).bad_features, 1);
}

static void rate_of_the_clock_makes_cycles_nanoseconds(void **state)
{
	struct perf_sample s = story_sample(0);
	struct perfdata_item item;

	(void)state;
	for (int x86 = 0; x86 < 2; x86++) {
		struct perfdata *p;
		FILE *file;

		begin_records(story_formats, 2);
		encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
		encode_u64(&e, PERFDATA_FEATURE_ARCH);
		encode_name(&e, x86 ? "x86_64" : "aarch64");
		(void)encode_end(&e);
		encode_begin(&e, PERFDATA_TIME_CONV, 0);
		encode_u64(&e, 31); /* 2^31 cycles are mult nanoseconds */
		encode_u64(&e, (uint64_t)((1ull << 31) / 2.5));
		encode_u64(&e, 0);
		(void)encode_end(&e);
		(void)encode_sample(&e, &story_formats[0], &s);
		open_bytes(&p, &file, e.len, NULL);
		assert_int_equal(perfdata_next(p, &item), 1);
		/* 200 cycles; the clock of another architecture counts something else. */
		assert_int_equal(item.access->latency_ns, x86 ? 80 : 0);
		done(p, file);
	}
}

/* --- a recording of a real machine --- */

static void check_against_script(struct perfdata *p, const char *line)
{
	struct perfdata_item item;
	unsigned long long addr, data_src, ip, weight;
	int pid, tid, cpu, n;
	double time_s;
	char event[128];

	assert_int_equal(sscanf(line, "%d/%d [%d] %lf: %127s %llx %llx %n", &pid, &tid, &cpu,
				&time_s, event, &addr, &data_src, &n),
			 7);
	const char *rest = strstr(line + n, "BLK  N/A");

	assert_non_null(rest);
	assert_int_equal(sscanf(rest, "BLK N/A %llu %llx", &weight, &ip), 2);
	do
		assert_int_equal(perfdata_next(p, &item), 1);
	while (item.record->type != PERF_RECORD_SAMPLE);
	const struct perf_sample *s = &item.record->sample;

	assert_int_equal(s->pid, pid);
	assert_int_equal(s->tid, tid);
	assert_int_equal(s->cpu, cpu);
	assert_int_equal(s->time_ns / 1000, (uint64_t)(time_s * 1e6 + 0.5));
	assert_int_equal(s->addr, addr);
	assert_int_equal(s->data_src, data_src);
	assert_int_equal(s->latency_cycles, weight);
	assert_int_equal(s->ip, ip);
	assert_int_equal(strncmp(event, item.event->name, strlen(item.event->name)), 0);
	assert_int_equal(item.access->nr_accesses, 10009);
	assert_true(item.access->latency_ns > 0);
	assert_int_equal(item.access->op, THERMO_OP_READ);
	assert_true(item.access->node == 0 || item.access->node == 1);
}

static void real_recording_says_what_perf_script_says(void **state)
{
	FILE *file = open_test_data("perf.data.weight_struct");
	FILE *script = open_test_data("perf.data.weight_struct.perf-script.txt");
	const struct perfdata_counters *c;
	struct perfdata_item item;
	struct perfdata *p;
	char line[1024];
	int nr = 0, n;

	(void)state;
	assert_int_equal(perfdata_open(&p, file, NULL), 0);
	while (fgets(line, sizeof(line), script)) {
		check_against_script(p, line);
		nr++;
	}
	assert_int_equal(nr, 14);
	while ((n = perfdata_next(p, &item)) == 1)
		assert_int_not_equal(item.record->type, PERF_RECORD_SAMPLE);
	assert_int_equal(n, 0);
	c = perfdata_counters(p);
	assert_int_equal(c->samples, 14);
	assert_int_equal(c->records, 14 + 12918);
	assert_int_equal(c->bad + c->no_event + c->late + c->bad_features + c->lost, 0);
	assert_int_equal(perfdata_machine(p)->nr_cpus, 112);
	(void)fclose(script);
	done(p, file);
}

static void addresses_of_a_guest_are_no_access(void **state)
{
	static const uint16_t modes[] = { PERF_RECORD_MISC_USER, PERF_RECORD_MISC_KERNEL,
					  PERF_RECORD_MISC_GUEST_KERNEL,
					  PERF_RECORD_MISC_GUEST_USER };
	struct perf_sample s = story_sample(0);
	struct perfdata_item item;
	struct perfdata *p;
	size_t data;
	FILE *file;

	(void)state;
	data = encode_perfdata(&e, &plain, &data_end);
	e.len = data;
	for (size_t i = 0; i < 4; i++) {
		size_t begin = e.len;

		(void)encode_sample(&e, &story_formats[0], &s);
		memcpy(e.bytes + begin + offsetof(struct perf_event_header, misc), &modes[i],
		       sizeof(modes[i]));
	}
	put_u64_at(&e, FILE_HEADER_AT_DATA + 8, e.len - data);
	open_bytes(&p, &file, e.len, NULL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(perfdata_next(p, &item), 1);
		assert_int_equal(!!item.access, i < 2);
	}
	assert_int_equal(perfdata_counters(p)->no_address, 2);
	done(p, file);
}

/* perf writes none, but nothing forbids them: what follows is not aligned. */
static void records_of_odd_sizes_are_read_as_others(void **state)
{
	static unsigned char record[4096];
	struct perf_sample s = story_sample(0);
	struct outcome o;

	(void)state;
	for (uint16_t more = 1; more < 8; more++) {
		begin_records(&story_formats[0], 1);
		size_t at = e.len;
		uint16_t size = (uint16_t)(encode_sample(&e, &story_formats[0], &s)->size + more);

		memcpy(record, e.bytes + at, e.len - at);
		memcpy(record + offsetof(struct perf_event_header, size), &size, sizeof(size));
		e.len = at;
		for (int i = 0; i < 20; i++)
			encode_bytes(&e, record, size);
		assert_ways_say_the_same(e.bytes, e.len, NULL);
		o = read_all(e.bytes, e.len);
		assert_int_equal(o.nr, 20);
		assert_int_equal(o.ended, 0);
	}
}

/* --- parts --- */

#define NR_PLACED 4000

static size_t placed_at[NR_PLACED];

/* Samples of the addresses 4096, 8192, ..., with names between them now and then. */
static void place_samples(void)
{
	const struct perf_sample_id who = { 0 };

	begin_records(&story_formats[0], 1);
	for (uint64_t i = 0; i < NR_PLACED; i++) {
		struct perf_sample s = story_sample(0);

		if (i % 100 == 7) {
			encode_begin(&e, PERF_RECORD_COMM, 0);
			encode_u64(&e, 1);
			encode_string(&e, "somebody");
			encode_sample_id(&e, &story_formats[0], &who);
			(void)encode_end(&e);
		}
		placed_at[i] = e.len;
		s.addr = 4096 * (i + 1);
		(void)encode_sample(&e, &story_formats[0], &s);
	}
}

/* Just the samples that begin from @from to before @to. */
static void assert_part(struct perfdata *p, uint64_t from, uint64_t to)
{
	struct thermo_access list[64];
	size_t next = 0;
	int n;

	while (next < NR_PLACED && placed_at[next] < from)
		next++;
	while ((n = perfdata_accesses(p, UINT64_MAX, list, 64)) > 0)
		for (int i = 0; i < n; i++, next++)
			assert_int_equal(list[i].addr, 4096 * (next + 1));
	assert_int_equal(n, 0);
	assert_true(perfdata_is_at_end(p));
	assert_true(next == NR_PLACED || placed_at[next] >= to);
	assert_true(next == 0 || placed_at[next - 1] < to);
}

static void parts_begin_with_the_first_record_in_them(void **state)
{
	uint64_t begin, end;
	struct perfdata *p;
	FILE *file;

	(void)state;
	place_samples();
	file = file_of(e.len);
	assert_int_equal(perfdata_open(&p, file, NULL), 0);
	assert_true(perfdata_extent(p, &begin, &end));
	assert_int_equal(end, e.len);
	/* What was written through a pipe tells of its events in its beginning. */
	assert_int_equal(perfdata_accesses(p, UINT64_MAX, &(struct thermo_access){ 0 }, 1), 1);
	for (uint64_t from = begin; from + 20000 < end; from += 1000) {
		assert_true(perfdata_read_part(p, from, from + 10000));
		assert_part(p, from, from + 10000);
	}
	/* All of it, from its beginning; and too little to be sure. */
	assert_true(perfdata_read_part(p, begin, UINT64_MAX));
	assert_part(p, begin, UINT64_MAX);
	assert_false(perfdata_read_part(p, placed_at[NR_PLACED - 3], UINT64_MAX));
	assert_int_equal(perfdata_accesses(p, UINT64_MAX, &(struct thermo_access){ 0 }, 1), 0);
	assert_true(perfdata_is_at_end(p));
	done(p, file);
}

static void what_is_no_record_is_no_part(void **state)
{
	static const unsigned char junk[] = { 0, 0xff, 9, 0x41, 8 };
	struct thermo_access list[64];
	uint64_t begin, end;
	struct perfdata *p;
	FILE *file;

	(void)state;
	for (size_t i = 0; i < sizeof(junk); i++) {
		place_samples();
		memset(e.bytes + placed_at[1000], junk[i], placed_at[3000] - placed_at[1000]);
		file = file_of(e.len);
		assert_int_equal(perfdata_open(&p, file, NULL), 0);
		assert_true(perfdata_extent(p, &begin, &end));
		/* What was written through a pipe tells of its events in its beginning. */
		assert_int_equal(perfdata_accesses(p, UINT64_MAX, list, 64), 64);
		assert_false(perfdata_read_part(p, placed_at[1500], placed_at[2000]));
		assert_true(perfdata_read_part(p, placed_at[2900], placed_at[3200]));
		assert_int_equal(perfdata_accesses(p, UINT64_MAX, list, 64), 64);
		assert_int_equal(list[0].addr, 4096 * 3001);
		done(p, file);
	}
}

static void of_compressed_files_no_parts_are_read(void **state)
{
	struct thermo_access access;
	uint64_t begin, end;
	struct encoder *records = calloc(1, sizeof(*records));
	struct perfdata *p;
	FILE *file;

	(void)state;
	assert_int_equal(read_packed(records, 10).nr, 10);
	file = file_of(e.len);
	assert_int_equal(perfdata_open(&p, file, NULL), 0);
	assert_int_equal(perfdata_accesses(p, UINT64_MAX, &access, 1), 1);
	assert_false(perfdata_extent(p, &begin, &end));
	done(p, file);
	free(records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_variants_tell_the_same_in_the_order_of_time),
		cmocka_unit_test(pipe_need_not_be_seekable),
		cmocka_unit_test(physical_memory_is_chosen_where_samples_tell_it),
		cmocka_unit_test(short_queue_lets_some_out_late_and_loses_none),
		cmocka_unit_test(file_cut_anywhere_gives_what_is_before_and_says_where),
		cmocka_unit_test(pipe_cut_anywhere_gives_what_is_before),
		cmocka_unit_test(compressed_file_cut_anywhere_is_said),
		cmocka_unit_test(any_byte_changed_is_survived),
		cmocka_unit_test(what_is_no_perf_data_is_refused),
		cmocka_unit_test(header_that_cannot_be_is_refused),
		cmocka_unit_test(file_that_perf_did_not_finish_is_read_to_its_end),
		cmocka_unit_test(record_with_an_impossible_size_ends_the_reading),
		cmocka_unit_test(body_that_does_not_fit_is_counted_and_passed_over),
		cmocka_unit_test(records_without_a_time_come_as_they_are),
		cmocka_unit_test(records_of_one_time_stay_in_the_order_of_the_file),
		cmocka_unit_test(large_compressed_record_is_unpacked_bit_by_bit),
		cmocka_unit_test(features_of_a_big_endian_machine_of_32_bits_are_found),
		cmocka_unit_test(id_is_found_without_an_identifier),
		cmocka_unit_test(what_was_lost_is_counted_once),
		cmocka_unit_test(events_that_cannot_be_told_apart_are_refused),
		cmocka_unit_test(attachment_that_never_ends_is_said),
		cmocka_unit_test(text_of_the_file_cannot_command_a_terminal),
		cmocka_unit_test(bad_features_are_counted),
		cmocka_unit_test(rate_of_the_clock_makes_cycles_nanoseconds),
		cmocka_unit_test(real_recording_says_what_perf_script_says),
		cmocka_unit_test(addresses_of_a_guest_are_no_access),
		cmocka_unit_test(parts_begin_with_the_first_record_in_them),
		cmocka_unit_test(what_is_no_record_is_no_part),
		cmocka_unit_test(of_compressed_files_no_parts_are_read),
		cmocka_unit_test(records_of_odd_sizes_are_read_as_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
