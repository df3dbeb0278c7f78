/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chmu_stream.c - entries, and the stream of the kernel's proposed driver. */
#include "tests/unit/test.h"

#include "sources/chmu_stream.h"

static struct chmu_hot taken[64];
static size_t nr_taken;
static struct chmu_stream stream;

static int begin(void **state)
{
	(void)state;
	nr_taken = 0;
	stream = (struct chmu_stream){ 0 };
	return 0;
}

static void take(void *data, const struct chmu_hot *hot)
{
	(void)data;
	assert_true(nr_taken < 64);
	taken[nr_taken++] = *hot;
}

static void feed(const uint64_t *words, size_t nr)
{
	chmu_stream_feed(&stream, words, nr * sizeof(*words), 12, take, NULL);
}

/* The example of the driver's documentation: unit 1, 0x364 times. */
static void documented_entry_is_unit_1_counted_868_times(void **state)
{
	struct chmu_hot hot;

	(void)state;
	assert_true(chmu_entry_decode(0x0000000000010364, 16, 12, &hot));
	assert_int_equal(hot.dpa, 4096);
	assert_int_equal(hot.bytes, 4096);
	assert_int_equal(hot.count, 0x364);
	assert_int_equal(hot.counter_bits, 16);
	assert_false(chmu_hot_is_saturated(&hot));
}

static void documented_stream_is_a_header_and_its_units(void **state)
{
	uint64_t words[2 + 0x29c + 4] = { 0x10029c, 0xdeadbeef, 0x0000000000010364 };

	(void)state;
	for (uint64_t i = 1; i < 0x29c; i++)
		words[2 + i] = 0; /* no count: cannot be */
	words[2 + 0x29c] = 0x080001;
	words[2 + 0x29c + 1] = 0xdeadbeef;
	words[2 + 0x29c + 2] = 0x2ff;
	feed(words, 2 + 0x29c + 3);
	assert_int_equal(nr_taken, 2);
	assert_int_equal(taken[0].dpa, 4096);
	assert_int_equal(taken[0].count, 868);
	/* The width is the batch's own. */
	assert_int_equal(taken[1].dpa, 2 * 4096);
	assert_int_equal(taken[1].count, 255);
	assert_true(chmu_hot_is_saturated(&taken[1]));
	assert_int_equal(stream.nr_bad, 0x29b);
	assert_int_equal(stream.skipped_bytes, 0);
	assert_int_equal(stream.most, 0x29c);
}

static void entries_that_cannot_be_are_refused(void **state)
{
	struct chmu_hot hot = { .dpa = 77 };

	(void)state;
	assert_false(chmu_entry_decode(0x10000, 16, 12, &hot));
	assert_false(chmu_entry_decode(1, 0, 12, &hot));
	assert_false(chmu_entry_decode(1, 64, 12, &hot));
	assert_false(chmu_entry_decode(1, 16, 32, &hot));
	assert_false(chmu_entry_decode(UINT64_MAX, 8, 12, &hot));
	/* The last granule that ends below 2^64. */
	assert_false(chmu_entry_decode(0x000fffffffffffffull << 8 | 1, 8, 12, &hot));
	assert_int_equal(hot.dpa, 77);
	assert_true(chmu_entry_decode(0x000ffffffffffffeull << 8 | 1, 8, 12, &hot));
	assert_int_equal(hot.dpa + hot.bytes, 0xfffffffffffff000);
	assert_true(chmu_entry_decode(UINT64_MAX >> 1, 63, 8, &hot));
	assert_int_equal(hot.dpa, 0);
	assert_true(chmu_hot_is_saturated(&hot));
}

static void it_does_not_matter_where_bytes_are_cut(void **state)
{
	static const uint64_t words[] = { 0x100002, 0xdeadbeef, 0x50001, 0x60002,
					  0x100001, 0xdeadbeef, 0x70003 };

	(void)state;
	for (size_t part = 1; part < sizeof(words); part++) {
		(void)begin(NULL);
		for (size_t at = 0; at < sizeof(words); at += part)
			chmu_stream_feed(&stream, (const char *)words + at,
					 sizeof(words) - at < part ? sizeof(words) - at : part, 12,
					 take, NULL);
		assert_int_equal(nr_taken, 3);
		assert_int_equal(taken[1].dpa, 6 * 4096);
		assert_int_equal(taken[2].count, 3);
		assert_int_equal(stream.skipped_bytes, 0);
	}
}

static void what_is_no_header_is_skipped_and_counted(void **state)
{
	static const uint64_t words[] = { 1, 0xdeadbeef, 77, 0x100001, 0xdeadbeef, 0x50001 };

	(void)state;
	/* No width: no header, though the mark is there. */
	feed(words, 6);
	assert_int_equal(nr_taken, 1);
	assert_int_equal(taken[0].dpa, 5 * 4096);
	assert_int_equal(stream.skipped_bytes, 24);
}

static void entry_that_looks_like_the_mark_is_an_entry(void **state)
{
	static const uint64_t words[] = { 0x100002, 0xdeadbeef, 0x100001, 0xdeadbeef,
					  0x100001, 0xdeadbeef, 0x50001 };

	(void)state;
	feed(words, 7);
	assert_int_equal(nr_taken, 3);
	assert_int_equal(taken[1].dpa, 0xdeadull << 12);
	assert_int_equal(taken[2].dpa, 5 * 4096);
}

static void after_a_gap_the_next_header_counts(void **state)
{
	static const uint64_t cut[] = { 0x100005, 0xdeadbeef, 0x50001 };
	static const uint64_t next[] = { 0x100001, 0xdeadbeef, 0x60001 };

	(void)state;
	feed(cut, 3);
	chmu_stream_feed(&stream, cut, 3, 12, take, NULL);
	chmu_stream_restart(&stream);
	feed(next, 3);
	assert_int_equal(nr_taken, 2);
	assert_int_equal(taken[1].dpa, 6 * 4096);
	assert_int_equal(stream.skipped_bytes, 3);
}

static void empty_batch_is_a_batch(void **state)
{
	static const uint64_t words[] = { 0x100000, 0xdeadbeef, 0x100001, 0xdeadbeef, 0x50001 };

	(void)state;
	feed(words, 5);
	assert_int_equal(nr_taken, 1);
	assert_int_equal(stream.skipped_bytes, 0);
}

#define T(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(documented_entry_is_unit_1_counted_868_times),
		T(documented_stream_is_a_header_and_its_units),
		T(entries_that_cannot_be_are_refused),
		T(it_does_not_matter_where_bytes_are_cut),
		T(what_is_no_header_is_skipped_and_counted),
		T(entry_that_looks_like_the_mark_is_an_entry),
		T(after_a_gap_the_next_header_counts),
		T(empty_batch_is_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
