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

static void counts_are_those_that_were_asked_for(void **state)
{
	const uint64_t times = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	struct perf_event_attr attr = { .read_format = times | PERF_READ_LOST };
	struct perf_event_count count;
	struct perf_event_fd e;

	(void)state;
	assert_int_equal(perf_event_fd_open_at(&e, &fake.host, &attr,
					       &(struct perf_event_place){ 42, 3, -1 }, "test"),
			 0);
	assert_int_equal(fake_events[0].pid, 42);
	fake_events[0].enabled_ns = 5;
	fake_events[0].running_ns = 4;
	fake_events[0].lost = 3;
	assert_int_equal(perf_event_fd_count(&e, attr.read_format, &count), 0);
	assert_int_equal(count.enabled_ns, 5);
	assert_int_equal(count.running_ns, 4);
	assert_int_equal(count.lost, 3);
	/* The kernel tells less than was asked for of an event in error. */
	assert_int_equal(perf_event_fd_count(&e, attr.read_format | PERF_FORMAT_ID, &count),
			 -EBADMSG);
	assert_int_equal(perf_event_fd_enable(&e), 0);
	assert_int_equal(perf_event_fd_disable(&e), 0);
	assert_false(fake_events[0].enabled);
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

/* Of 4096 bytes for the page and 4096 of data. */
static union {
	struct perf_event_mmap_page page;
	unsigned char bytes[8192];
} given;

static int init_given(uint64_t offset, uint64_t data_bytes, size_t map_bytes)
{
	struct perf_ring made;

	given.page.data_offset = offset;
	given.page.data_size = data_bytes;
	return perf_ring_init(&made, &given, map_bytes, "test");
}

static void ring_over_given_memory_is_read_like_the_kernels(void **state)
{
	struct small in = small_record(5);
	struct perf_ring made;

	(void)state;
	memset(&given, 0, sizeof(given));
	given.page.data_offset = 4096;
	given.page.data_size = 4096;
	assert_int_equal(perf_ring_init(&made, &given, sizeof(given), "test"), 0);
	memcpy(given.bytes + 4096, &in, sizeof(in));
	given.page.data_head = sizeof(in);
	assert_int_equal(perf_ring_next(&made, out, sizeof(out)), sizeof(in));
	assert_memory_equal(out, &in, sizeof(in));
	assert_int_equal(given.page.data_tail, sizeof(in));
	given.page.data_head = 1 << 20;
	assert_int_equal(perf_ring_next(&made, out, sizeof(out)), -EBADMSG);
}

static void memory_that_holds_no_ring_is_refused(void **state)
{
	static const struct {
		uint64_t offset, data_bytes;
		size_t map_bytes;
	} bad[] = {
		{ 4096, 4096, 100 },                /* not even a page */
		{ 4096, 4096, 8191 },               /* ends early */
		{ 0, 4096, 8192 },                  /* over the page */
		{ 4100, 2048, 8192 },               /* misaligned */
		{ 8192 + 8, 8, 8192 },              /* begins beyond the end */
		{ UINT64_MAX - 7, 4096, 8192 },     /* wraps */
		{ 4096, UINT64_MAX / 2 + 1, 8192 }, /* larger than all there is */
		{ 4096, 3000, 8192 },               /* no power of two */
		{ 4096, 4, 8192 },                  /* no room for a header */
		{ 4096, 0, 8192 },
	};

	(void)state;
	assert_int_equal(init_given(4096, 4096, 8192), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(init_given(bad[i].offset, bad[i].data_bytes, bad[i].map_bytes),
				 -EBADMSG);
		assert_reason("test: ring of");
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
		TEST(ring_over_given_memory_is_read_like_the_kernels),
		TEST(memory_that_holds_no_ring_is_refused),
		HOST_TEST(opened_event_reads_its_ring),
		HOST_TEST(counts_are_those_that_were_asked_for),
		HOST_TEST(failure_to_open_names_event_cpu_and_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
