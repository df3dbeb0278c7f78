/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_perf_ring.c - records out of a ring that nobody vouches for. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/perf_ring.h"
#include "tests/unit/sources/fake_perf.h"

#define RING_BYTES 64u

static unsigned char bytes[RING_BYTES];
static uint64_t head, tail;
static struct perf_ring ring = { bytes, RING_BYTES, &head, &tail };
static unsigned char out[RING_BYTES];

static int reset(void **state)
{
	(void)state;
	head = tail = 0;
	memset(bytes, 0, sizeof(bytes));
	memset(out, 0, sizeof(out));
	return 0;
}

static void put(const void *record, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		bytes[(head + i) % RING_BYTES] = ((const unsigned char *)record)[i];
	head += nr;
}

struct small {
	struct perf_event_header header;
	uint64_t payload[2];
};

static struct small small_record(uint64_t payload)
{
	return (struct small){ { PERF_RECORD_SAMPLE, 0, sizeof(struct small) },
			       { payload, ~payload } };
}

static void empty_ring_has_no_record(void **state)
{
	(void)state;
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), 0);
	head = tail = 123456;
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), 0);
}

static void records_come_in_order_and_release_their_space(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 2; i++) {
		struct small in = small_record(i);

		put(&in, sizeof(in));
	}
	for (uint64_t i = 0; i < 2; i++) {
		struct small in = small_record(i);

		assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), sizeof(in));
		assert_memory_equal(out, &in, sizeof(in));
		assert_int_equal(tail, (i + 1) * sizeof(in));
	}
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), 0);
}

static void record_that_wraps_comes_out_whole(void **state)
{
	(void)state;
	for (uint64_t start = 0; start < 3 * RING_BYTES; start += 8) {
		struct small in = small_record(start * 0x0101010101ull + 7);

		head = tail = start;
		put(&in, sizeof(in));
		assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), sizeof(in));
		assert_memory_equal(out, &in, sizeof(in));
		assert_int_equal(tail, head);
	}
}

static void indices_that_overflow_go_on(void **state)
{
	struct small in = small_record(9);

	(void)state;
	head = tail = 0 - (uint64_t)8;
	put(&in, sizeof(in));
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), sizeof(in));
	assert_memory_equal(out, &in, sizeof(in));
	assert_int_equal(tail, 16);
}

static void expect_bad(uint64_t new_head, uint64_t new_tail)
{
	head = new_head;
	tail = new_tail;
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), -EBADMSG);
	assert_int_equal(tail, new_tail);
}

static void head_that_cannot_be_is_refused(void **state)
{
	(void)state;
	expect_bad(4, 0);              /* less than a header */
	expect_bad(RING_BYTES + 8, 0); /* more than the ring */
	expect_bad(0, 8);              /* behind the tail */
	expect_bad(UINT64_MAX, 0);
}

/* Were it believed, what is read is what the kernel is writing over. */
static void overrun_ring_is_refused_though_its_record_is_whole(void **state)
{
	struct small in = small_record(1);

	(void)state;
	put(&in, sizeof(in));
	expect_bad(RING_BYTES + sizeof(in), 0);
}

static void record_with_an_impossible_size_is_refused(void **state)
{
	struct small in = small_record(1);

	(void)state;
	for (uint32_t size = 0; size < 8; size++) {
		in.header.size = (uint16_t)size;
		head = tail = 0;
		put(&in, sizeof(in));
		assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), -EBADMSG);
	}
	in.header.size = sizeof(in) + 8;
	head = tail = 0;
	put(&in, sizeof(in));
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), -EBADMSG);
	in.header.size = UINT16_MAX;
	head = tail = 0;
	put(&in, sizeof(in));
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), -EBADMSG);
}

static void record_larger_than_the_room_is_not_cut(void **state)
{
	struct small in = small_record(1);

	(void)state;
	put(&in, sizeof(in));
	assert_int_equal(perf_ring_next(&ring, out, sizeof(in) - 1), -ENOBUFS);
	assert_int_equal(tail, 0);
	assert_int_equal(perf_ring_next(&ring, out, sizeof(in)), sizeof(in));
}

static void ring_that_is_exactly_full_is_read(void **state)
{
	unsigned char in[RING_BYTES] = { 0 };
	struct perf_event_header header = { PERF_RECORD_SAMPLE, 0, RING_BYTES };

	(void)state;
	memcpy(in, &header, sizeof(header));
	in[RING_BYTES - 1] = 0x77;
	head = tail = 24;
	put(in, sizeof(in));
	assert_int_equal(perf_ring_next(&ring, out, sizeof(out)), RING_BYTES);
	assert_memory_equal(out, in, sizeof(in));
}

/* --- samples --- */

#define NR_REGS 3u
#define ALL_TYPES                                                                                  \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |             \
	 PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW | PERF_SAMPLE_REGS_INTR)

static union {
	struct perf_event_header header;
	uint64_t words[64];
} record;

static void begin(void)
{
	memset(&record, 0, sizeof(record));
	record.header = (struct perf_event_header){ PERF_RECORD_SAMPLE, 0, 8 };
}

static void push(uint64_t value)
{
	record.words[record.header.size / 8] = value;
	record.header.size += 8;
}

/* As the kernel lays it out: perf_event_open(2), PERF_RECORD_SAMPLE. */
static void build(uint64_t type)
{
	begin();
	if (type & PERF_SAMPLE_IDENTIFIER)
		push(0x1d);
	if (type & PERF_SAMPLE_IP)
		push(0x1111);
	if (type & PERF_SAMPLE_TID)
		push(42 | 43ull << 32);
	if (type & PERF_SAMPLE_TIME)
		push(0x2222);
	if (type & PERF_SAMPLE_ADDR)
		push(0x3333);
	if (type & PERF_SAMPLE_ID)
		push(0x1d);
	if (type & PERF_SAMPLE_STREAM_ID)
		push(0x4444);
	if (type & PERF_SAMPLE_CPU)
		push(5 | 0xffffull << 32);
	if (type & PERF_SAMPLE_PERIOD)
		push(0x5555);
	if (type & PERF_SAMPLE_RAW) {
		push(12 | 0xabull << 32);
		push(0xcdef);
	}
	if (type & PERF_SAMPLE_REGS_INTR) {
		push(2);
		for (uint64_t i = 0; i < NR_REGS; i++)
			push(0x6660 + i);
	}
}

static void assert_decoded(uint64_t type, const struct perf_sample *s)
{
	assert_int_equal(s->id, type & (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_ID) ? 0x1d : 0);
	assert_int_equal(s->ip, type & PERF_SAMPLE_IP ? 0x1111 : 0);
	assert_int_equal(s->pid, type & PERF_SAMPLE_TID ? 42 : 0);
	assert_int_equal(s->tid, type & PERF_SAMPLE_TID ? 43 : 0);
	assert_int_equal(s->time_ns, type & PERF_SAMPLE_TIME ? 0x2222 : 0);
	assert_int_equal(s->addr, type & PERF_SAMPLE_ADDR ? 0x3333 : 0);
	assert_int_equal(s->cpu, type & PERF_SAMPLE_CPU ? 5 : 0);
	assert_int_equal(s->period, type & PERF_SAMPLE_PERIOD ? 0x5555 : 0);
	assert_int_equal(s->raw_bytes, type & PERF_SAMPLE_RAW ? 12 : 0);
	assert_int_equal(s->nr_regs, type & PERF_SAMPLE_REGS_INTR ? NR_REGS : 0);
	if (type & PERF_SAMPLE_RAW) {
		assert_int_equal(s->raw[0], 0xab);
		assert_int_equal(s->raw[4], 0xef);
	}
	for (uint32_t i = 0; i < s->nr_regs; i++)
		assert_int_equal(s->regs[i], 0x6660 + i);
}

static void every_combination_of_fields_is_decoded_in_order(void **state)
{
	static const uint64_t bits[] = {
		PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP,  PERF_SAMPLE_TID,       PERF_SAMPLE_TIME,
		PERF_SAMPLE_ADDR,       PERF_SAMPLE_ID,  PERF_SAMPLE_STREAM_ID, PERF_SAMPLE_CPU,
		PERF_SAMPLE_PERIOD,     PERF_SAMPLE_RAW, PERF_SAMPLE_REGS_INTR
	};

	(void)state;
	for (uint32_t set = 0; set < 1u << 11; set++) {
		struct perf_sample s;
		uint64_t type = 0;

		for (int i = 0; i < 11; i++)
			type |= set >> i & 1 ? bits[i] : 0;
		build(type);
		assert_int_equal(perf_sample_decode(&record.header, type, NR_REGS, &s), 0);
		assert_decoded(type, &s);
	}
}

static void truncated_sample_is_refused_at_every_length(void **state)
{
	struct perf_sample s = { .addr = 42 };
	uint16_t whole;

	(void)state;
	build(ALL_TYPES);
	whole = record.header.size;
	for (uint16_t size = 8; size < whole; size += 4) {
		record.header.size = size;
		assert_int_equal(perf_sample_decode(&record.header, ALL_TYPES, NR_REGS, &s),
				 -EBADMSG);
	}
	assert_int_equal(s.addr, 42);
}

static void raw_size_beyond_the_record_is_refused(void **state)
{
	static const uint32_t sizes[] = { 13, 4096, UINT32_MAX, UINT32_MAX - 3 };
	struct perf_sample s;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin();
		push(sizes[i]);
		push(0);
		assert_int_equal(perf_sample_decode(&record.header, PERF_SAMPLE_RAW, 0, &s),
				 -EBADMSG);
	}
}

static void sample_without_registers_has_none(void **state)
{
	struct perf_sample s;

	(void)state;
	begin();
	push(0); /* the ABI word: a kernel thread has no user registers */
	assert_int_equal(perf_sample_decode(&record.header, PERF_SAMPLE_REGS_INTR, NR_REGS, &s), 0);
	assert_int_equal(s.nr_regs, 0);
	assert_null(s.regs);
}

static void types_that_are_not_decoded_are_refused(void **state)
{
	struct perf_sample s;

	(void)state;
	build(ALL_TYPES);
	assert_int_equal(perf_sample_decode(&record.header, PERF_SAMPLE_CALLCHAIN, 0, &s),
			 -EOPNOTSUPP);
	assert_int_equal(perf_sample_decode(&record.header, PERF_SAMPLE_READ, 0, &s), -EOPNOTSUPP);
}

static void lost_records_are_counted(void **state)
{
	(void)state;
	begin();
	push(0x1d);
	push(77);
	record.header.type = PERF_RECORD_LOST;
	assert_int_equal(perf_record_lost(&record.header), 77);
	record.header.size = 16;
	assert_int_equal(perf_record_lost(&record.header), 0);
	begin();
	push(33);
	record.header.type = PERF_RECORD_LOST_SAMPLES;
	assert_int_equal(perf_record_lost(&record.header), 33);
	record.header.type = PERF_RECORD_THROTTLE;
	assert_int_equal(perf_record_lost(&record.header), 0);
}

/* --- events --- */

static struct fake_host fake;

static int make_host(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake_perf_init(&fake);
	return 0;
}

static int drop_host(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void opened_event_reads_its_ring(void **state)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .sample_period = 1 };
	struct small in = small_record(5);
	struct perf_event_fd e;

	(void)state;
	assert_int_equal(perf_event_fd_open(&e, &fake.host, &attr, 3, FAKE_RING_BYTES, "test"), 0);
	assert_int_equal(e.id, 100);
	assert_int_equal(fake_events[0].cpu, 3);
	assert_int_equal(perf_event_fd_enable(&e), 0);
	assert_true(fake_events[0].enabled);
	assert_int_equal(perf_event_fd_set_period(&e, 8), 0);
	assert_int_equal(fake_events[0].period, 8);
	fake_put_record(0, &in, sizeof(in));
	assert_int_equal(perf_ring_next(&e.ring, out, sizeof(out)), sizeof(in));
	assert_memory_equal(out, &in, sizeof(in));
	perf_event_fd_close(&e);
	perf_event_fd_close(&e);
}

static void failure_to_open_names_event_cpu_and_remedy(void **state)
{
	static const struct {
		int err;
		const char *part;
	} cases[] = { { -EACCES, "CAP_PERFMON" },
		      { -EPERM, "CAP_PERFMON" },
		      { -EMFILE, "open files" },
		      { -ENOENT, "does not offer" } };
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT };
	struct perf_event_fd e;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		fake_open_error = cases[i].err;
		assert_int_equal(perf_event_fd_open(&e, &fake.host, &attr, 7, FAKE_RING_BYTES,
						    "test"),
				 cases[i].err);
		assert_reason("test: perf_event_open on CPU 7");
		assert_reason(cases[i].part);
		perf_event_fd_close(&e);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
#define HOST_TEST(f) cmocka_unit_test_setup_teardown(f, make_host, drop_host)
	const struct CMUnitTest tests[] = {
		TEST(empty_ring_has_no_record),
		TEST(records_come_in_order_and_release_their_space),
		TEST(record_that_wraps_comes_out_whole),
		TEST(indices_that_overflow_go_on),
		TEST(head_that_cannot_be_is_refused),
		TEST(overrun_ring_is_refused_though_its_record_is_whole),
		TEST(record_with_an_impossible_size_is_refused),
		TEST(record_larger_than_the_room_is_not_cut),
		TEST(ring_that_is_exactly_full_is_read),
		TEST(every_combination_of_fields_is_decoded_in_order),
		TEST(truncated_sample_is_refused_at_every_length),
		TEST(raw_size_beyond_the_record_is_refused),
		TEST(sample_without_registers_has_none),
		TEST(types_that_are_not_decoded_are_refused),
		TEST(lost_records_are_counted),
		HOST_TEST(opened_event_reads_its_ring),
		HOST_TEST(failure_to_open_names_event_cpu_and_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
