// SPDX-License-Identifier: GPL-2.0-or-later
/* test_spe_packet.c - records out of bytes written by hand. */
#include "tests/unit/test.h"

#include "tests/unit/sources/spe_encode.h"

static struct spe_bytes b;
static struct spe_decoder d;
static struct spe_record r;

static int setup(void **state)
{
	(void)state;
	b.len = 0;
	d = (struct spe_decoder){ 0 };
	r = (struct spe_record){ 0 };
	return 0;
}

static void give_all(void)
{
	spe_decoder_give(&d, b.at, b.len);
}

static void expect_none(void)
{
	assert_false(spe_decoder_next(&d, &r));
}

static void expect_one(void)
{
	assert_true(spe_decoder_next(&d, &r));
}

static void expect_load(uint64_t i, uint32_t tid, uint64_t time)
{
	expect_one();
	assert_int_equal(r.op, SPE_OP_LOAD);
	assert_int_equal(r.pc, 0x400000 + 4 * i);
	assert_int_equal(r.vaddr, 0xaaaa00000000 + 4096 * i);
	assert_int_equal(r.paddr, 0x100000000 + 4096 * i);
	assert_int_equal(r.total_cycles, 200 + i);
	assert_int_equal(r.issue_cycles, 7);
	assert_int_equal(r.translation_cycles, 3);
	assert_int_equal(r.events, 0x0316);
	assert_int_equal(r.source, 0xe);
	assert_int_equal(r.context, tid);
	assert_int_equal(!!(r.has & SPE_HAS_CONTEXT), !!tid);
	assert_int_equal(r.time, time);
	assert_int_equal(!!(r.has & SPE_HAS_TIME), !!time);
}

/* --- packets --- */

static void record_of_known_bytes_is_what_it_says(void **state)
{
	/* A store that missed: PC 0xffff800012345678 at EL1, thread 0x1267. */
	static const unsigned char bytes[] = {
		0xb0, 0x78, 0x56, 0x34, 0x12, 0x00, 0x80, 0xff, 0xa0, /* PC, el1, ns */
		0x65, 0x67, 0x12, 0x00, 0x00,                         /* context, el2 */
		0x49, 0x01,                                           /* a store */
		0x52, 0x1e, 0x00,                                     /* events, 16 bits */
		0x99, 0x05, 0x00,                                     /* issued after 5 cycles */
		0x98, 0x0c, 0x01,                                     /* 268 cycles in all */
		0xb2, 0xef, 0xbe, 0xad, 0xde, 0xff, 0xff, 0x00, 0x5a, /* VA, with a tag */
		0x9a, 0x01, 0x00,                                     /* translated in 1 */
		0x43, 0x08,                                           /* source */
		0x00,                                                 /* padding */
		0x71, 0x4f, 0xe9, 0x9c, 0xbf, 0x12, 0x00, 0x00, 0x00,
	};

	(void)state;
	spe_decoder_give(&d, bytes, sizeof(bytes));
	expect_one();
	assert_int_equal(r.has, SPE_HAS_PC | SPE_HAS_CONTEXT | SPE_HAS_OP | SPE_HAS_EVENTS |
						SPE_HAS_ISSUE_LATENCY | SPE_HAS_TOTAL_LATENCY |
						SPE_HAS_VADDR | SPE_HAS_TRANSLATION_LATENCY |
						SPE_HAS_SOURCE | SPE_HAS_TIME);
	assert_int_equal(r.pc, 0xffff800012345678);
	assert_int_equal(r.context, 0x1267);
	assert_int_equal(r.op, SPE_OP_STORE);
	assert_int_equal(r.events, 0x1e);
	assert_int_equal(r.issue_cycles, 5);
	assert_int_equal(r.total_cycles, 268);
	assert_int_equal(r.vaddr, 0xffffdeadbeef);
	assert_int_equal(r.translation_cycles, 1);
	assert_int_equal(r.source, 8);
	assert_int_equal(r.time, 0x12bf9ce94f);
	assert_int_equal(r.offset, 0);
	expect_none();
	assert_int_equal(d.nr_records, 1);
	assert_int_equal(d.nr_broken + d.skipped_bytes + d.nr_cut, 0);
}

static void kernel_address_keeps_its_upper_half(void **state)
{
	(void)state;
	spe_put_memory_op(&b, 0);
	spe_put_vaddr(&b, 0x00ff800011112222);
	spe_put_end(&b);
	give_all();
	expect_one();
	assert_int_equal(r.vaddr, 0xffff800011112222);
}

static void every_operation_is_told_apart(void **state)
{
	static const struct {
		unsigned char header;
		unsigned char payload;
		enum spe_op op;
	} ops[] = {
		{ 0x49, 0x00, SPE_OP_LOAD },                                /* general register */
		{ 0x49, 0x01, SPE_OP_STORE },  { 0x49, 0x04, SPE_OP_LOAD }, /* vector register */
		{ 0x49, 0x05, SPE_OP_STORE },  { 0x49, 0x02, SPE_OP_LOAD }, /* acquire */
		{ 0x49, 0x12, SPE_OP_LOAD },   { 0x49, 0x0a, SPE_OP_LOAD }, /* exclusive */
		{ 0x49, 0x0b, SPE_OP_STORE },  { 0x49, 0x06, SPE_OP_ATOMIC },
		{ 0x49, 0x17, SPE_OP_ATOMIC }, { 0x49, 0x08, SPE_OP_LOAD },  /* SVE */
		{ 0x49, 0x8d, SPE_OP_STORE },  { 0x49, 0x25, SPE_OP_STORE }, /* memset */
		{ 0x48, 0x00, SPE_OP_OTHER },  { 0x48, 0x01, SPE_OP_OTHER },
		{ 0x4a, 0x02, SPE_OP_BRANCH },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		setup(NULL);
		spe_put_packet(&b, ops[i].header, ops[i].payload, 1);
		spe_put_end(&b);
		give_all();
		expect_one();
		assert_int_equal(r.op, ops[i].op);
	}
}

static void events_come_in_four_sizes(void **state)
{
	(void)state;
	for (size_t log = 0; log < 4; log++) {
		setup(NULL);
		spe_put_packet(&b, (unsigned char)(0x42 | log << 4), 0x8182838485868788, 1u << log);
		spe_put_end(&b);
		give_all();
		expect_one();
		assert_int_equal(r.events, 0x8182838485868788 & (UINT64_MAX >> (64 - (8 << log))));
	}
}

static void extended_headers_mean_the_same_and_unknown_indexes_are_passed_over(void **state)
{
	(void)state;
	spe_put_memory_op(&b, 0);
	spe_put(&b, 0x20);
	spe_put_vaddr(&b, 0x1234);
	spe_put(&b, 0x21); /* address 10, which nobody knows */
	spe_put_vaddr(&b, 0x9999);
	spe_put(&b, 0x23); /* counter 24 */
	spe_put_latency(&b, 0, 999);
	spe_put_packet(&b, 0xb4, 0x7777, 8); /* where the branch before went */
	spe_put_end(&b);
	give_all();
	expect_one();
	assert_int_equal(r.vaddr, 0x1234);
	assert_int_equal(r.has, SPE_HAS_OP | SPE_HAS_VADDR);
	assert_int_equal(d.nr_broken, 0);
}

static void alignment_passes_over_what_it_says_from_the_stream_on(void **state)
{
	(void)state;
	spe_decoder_seek(&d, 3); /* so that pointers are aligned differently */
	spe_put_memory_op(&b, 0);
	spe_put(&b, 0x23); /* to 16 */
	spe_put(&b, 0x00);
	while (b.len + 3 < 16)
		spe_put(&b, 0xff);
	spe_put_vaddr(&b, 0x4321);
	spe_put_end(&b);
	give_all();
	expect_one();
	assert_int_equal(r.vaddr, 0x4321);
	assert_int_equal(d.nr_broken, 0);
	assert_int_equal(r.offset, 3);
}

/* --- streams --- */

static void put_loads(uint64_t first, uint64_t nr)
{
	for (uint64_t i = first; i < first + nr; i++)
		spe_put_load(&b, i, 100 + (uint32_t)i, 1000 + i);
}

static void records_come_out_whole_wherever_the_bytes_are_cut(void **state)
{
	(void)state;
	for (size_t chunk = 1; chunk < 150; chunk++) {
		uint64_t next = 0;

		setup(NULL);
		put_loads(0, 10);
		for (size_t at = 0; at < b.len; at += chunk) {
			size_t n = b.len - at < chunk ? b.len - at : chunk;
			unsigned char *piece = malloc(n); /* so that nothing beyond is read */

			memcpy(piece, b.at + at, n);
			spe_decoder_give(&d, piece, n);
			while (spe_decoder_next(&d, &r)) {
				assert_int_equal(r.vaddr, 0xaaaa00000000 + 4096 * next);
				assert_int_equal(r.time, 1000 + next);
				assert_int_equal(r.offset, 64 * next);
				next++;
			}
			free(piece);
		}
		assert_int_equal(next, 10);
		assert_int_equal(d.offset, b.len);
		assert_int_equal(d.nr_broken + d.skipped_bytes + d.nr_cut, 0);
	}
}

static void after_broken_bytes_the_next_record_comes_out(void **state)
{
	(void)state;
	put_loads(0, 1);
	spe_put_load(&b, 1, 101, 1001);
	memset(b.at + b.len - 54, 0xff, 40); /* within the second */
	put_loads(2, 2);
	give_all();
	expect_load(0, 100, 1000);
	expect_load(2, 102, 1002);
	expect_load(3, 103, 1003);
	expect_none();
	assert_true(d.nr_broken >= 1);
	assert_true(d.skipped_bytes >= 40);
}

/* Of eight records, all but those that were hit and one where it began again. */
static void expect_most(size_t nr_hit_bytes)
{
	give_all();
	while (spe_decoder_next(&d, &r))
		continue;
	if (d.nr_records + nr_hit_bytes / 64 + 3 < 8)
		fail_msg("%zu bytes hit, but %lu records came out", nr_hit_bytes,
			 (unsigned long)d.nr_records);
	assert_int_equal(d.offset + d.nr_kept, b.len);
}

static void bytes_that_are_missing_cost_the_records_they_were_of(void **state)
{
	uint64_t random_state = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		setup(NULL);
		put_loads(0, 8);
		size_t from = (size_t)(test_random(&random_state) % b.len);
		size_t nr = 1 + (size_t)(test_random(&random_state) % 300);

		nr = nr < b.len - from ? nr : b.len - from;
		memmove(b.at + from, b.at + from + nr, b.len - from - nr);
		b.len -= nr;
		expect_most(nr);
	}
}

static void bytes_that_are_overwritten_cost_the_records_they_were_of(void **state)
{
	uint64_t random_state = 8;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		setup(NULL);
		put_loads(0, 8);
		size_t from = (size_t)(test_random(&random_state) % b.len);
		size_t nr = 1 + (size_t)(test_random(&random_state) % 300);

		nr = nr < b.len - from ? nr : b.len - from;
		for (size_t i = 0; i < nr; i++)
			b.at[from + i] = (unsigned char)test_random(&random_state);
		expect_most(nr);
	}
}

static void gap_cuts_off_what_was_begun(void **state)
{
	(void)state;
	put_loads(0, 2);
	spe_decoder_give(&d, b.at, 64 + 30);
	expect_load(0, 100, 1000);
	expect_none();
	spe_decoder_seek(&d, 4096);
	assert_int_equal(d.nr_cut, 1);
	spe_decoder_give(&d, b.at + 64, 64);
	expect_load(1, 101, 1001);
	assert_int_equal(r.offset, 4096);
	spe_decoder_seek(&d, 4096 + 64); /* no gap */
	assert_int_equal(d.nr_cut, 1);
	assert_int_equal(d.nr_broken, 0);
}

static void two_records_that_ran_together_are_one_broken_and_one_whole(void **state)
{
	(void)state;
	put_loads(0, 2);
	memmove(b.at + 30, b.at + 64, 64); /* the end of the first is missing */
	b.len = 30 + 64;
	give_all();
	expect_load(1, 101, 1001);
	expect_none();
	assert_int_equal(d.nr_broken, 1);
}

static void end_of_nothing_is_broken(void **state)
{
	(void)state;
	spe_put_end(&b);
	put_loads(0, 1);
	give_all();
	expect_load(0, 100, 1000);
	assert_int_equal(d.nr_broken, 1);
	assert_int_equal(d.skipped_bytes, 1);
}

static void padding_only_is_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 4096; i++)
		spe_put(&b, 0);
	give_all();
	expect_none();
	spe_decoder_seek(&d, 1 << 20);
	assert_int_equal(d.nr_records + d.nr_broken + d.nr_cut + d.skipped_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(record_of_known_bytes_is_what_it_says, setup),
		cmocka_unit_test_setup(kernel_address_keeps_its_upper_half, setup),
		cmocka_unit_test_setup(every_operation_is_told_apart, setup),
		cmocka_unit_test_setup(events_come_in_four_sizes, setup),
		cmocka_unit_test_setup(
				extended_headers_mean_the_same_and_unknown_indexes_are_passed_over,
				setup),
		cmocka_unit_test_setup(alignment_passes_over_what_it_says_from_the_stream_on,
				       setup),
		cmocka_unit_test_setup(records_come_out_whole_wherever_the_bytes_are_cut, setup),
		cmocka_unit_test_setup(after_broken_bytes_the_next_record_comes_out, setup),
		cmocka_unit_test_setup(bytes_that_are_missing_cost_the_records_they_were_of, setup),
		cmocka_unit_test_setup(bytes_that_are_overwritten_cost_the_records_they_were_of,
				       setup),
		cmocka_unit_test_setup(gap_cuts_off_what_was_begun, setup),
		cmocka_unit_test_setup(two_records_that_ran_together_are_one_broken_and_one_whole,
				       setup),
		cmocka_unit_test_setup(end_of_nothing_is_broken, setup),
		cmocka_unit_test_setup(padding_only_is_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
