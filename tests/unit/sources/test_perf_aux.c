// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perf_aux.c - bytes out of the ring that hardware fills. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/perf_aux.h"
#include "tests/unit/sources/fake_perf.h"

#define RING_BYTES 64u

static unsigned char bytes[RING_BYTES];
static uint64_t head, tail;
static struct perf_aux aux;
static unsigned char out[2 * RING_BYTES];

static int reset(void **state)
{
	(void)state;
	head = tail = 0;
	aux = (struct perf_aux){
		.data = bytes, .data_bytes = RING_BYTES, .head = &head, .tail = &tail
	};
	memset(bytes, 0, sizeof(bytes));
	memset(out, 0, sizeof(out));
	return 0;
}

/* Byte number i of the stream is i, so that what comes out tells where it was. */
static void produce(size_t nr)
{
	for (size_t i = 0; i < nr; i++, head++)
		bytes[head % RING_BYTES] = (unsigned char)head;
}

static void expect(uint64_t first, size_t nr, size_t max)
{
	assert_int_equal(perf_aux_read(&aux, out, max), nr);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(out[i], (unsigned char)(first + i));
	assert_int_equal(tail, first + nr);
}

static void empty_ring_gives_nothing(void **state)
{
	(void)state;
	assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), 0);
	head = tail = 12345;
	assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), 0);
}

static void bytes_come_in_order_also_around_the_end(void **state)
{
	(void)state;
	for (uint64_t start = 0; start < 3 * RING_BYTES; start += 7)
		for (size_t nr = 1; nr <= RING_BYTES; nr += 9) {
			head = tail = start;
			produce(nr);
			expect(start, nr, sizeof(out));
		}
}

static void no_more_is_taken_than_there_is_room_for(void **state)
{
	(void)state;
	head = tail = 50;
	produce(40);
	expect(50, 15, 15);
	expect(65, 25, sizeof(out));
	expect(90, 0, sizeof(out));
}

static void indices_that_overflow_go_on(void **state)
{
	(void)state;
	head = tail = 0 - (uint64_t)10;
	produce(30);
	assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), 30);
	assert_int_equal(tail, 20);
}

static void head_that_cannot_be_is_refused(void **state)
{
	static const uint64_t heads[] = { RING_BYTES + 1, UINT64_MAX, 1ull << 40 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		head = heads[i];
		assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), -EBADMSG);
		assert_int_equal(tail, 0);
	}
	head = 4;
	tail = 5;
	assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), -EBADMSG);
}

static void overwritten_ring_gives_the_newest_and_counts_the_rest(void **state)
{
	(void)state;
	aux.overwrite = true;
	produce(10);
	expect(0, 10, sizeof(out));
	produce(3 * RING_BYTES);
	expect(10 + 2 * RING_BYTES, RING_BYTES, sizeof(out));
	assert_int_equal(aux.overwritten_bytes, 2 * RING_BYTES);
	head = tail - 1;
	assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), -EBADMSG);
}

static void faults_that_the_kernel_tells_are_counted(void **state)
{
	static const struct perf_aux_landed landed[] = {
		{ 0, 64, 0 },
		{ 0, 64, PERF_AUX_FLAG_TRUNCATED },
		{ 0, 64, PERF_AUX_FLAG_OVERWRITE },
		{ 0, 64, PERF_AUX_FLAG_PARTIAL | PERF_AUX_FLAG_TRUNCATED },
		{ 0, 64, PERF_AUX_FLAG_COLLISION },
		{ 0, 64, 0x0100 /* a format of the PMU's */ },
	};
	static const bool whole[] = { true, false, true, false, false, true };

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(perf_aux_count(&aux, &landed[i]), whole[i]);
	assert_int_equal(aux.nr_truncated, 2);
	assert_int_equal(aux.nr_gaps, 1);
	assert_int_equal(aux.nr_collisions, 1);
}

static struct fake_host fake;

static int make_host(void **state)
{
	(void)reset(state);
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

static void opened_ring_lies_behind_the_events_own(void **state)
{
	struct perf_event_attr attr = { .sample_period = 1 };
	struct perf_event_fd event;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	(void)state;
	assert_int_equal(perf_event_fd_open(&event, &fake.host, &attr, 0, FAKE_RING_BYTES, "test"),
			 0);
	struct perf_event_mmap_page *control = event.map;
	const uint64_t at = page + FAKE_RING_BYTES;

	assert_int_equal(ftruncate(event.fd, (off_t)(at + 2 * page)), 0);
	for (int overwrite = 0; overwrite < 2; overwrite++) {
		assert_int_equal(perf_aux_open(&aux, &event, 2 * page, overwrite, "test"), 0);
		assert_int_equal(control->aux_offset, at);
		assert_int_equal(control->aux_size, 2 * page);
		assert_int_equal(pwrite(event.fd, "abc", 3, (off_t)at), 3);
		control->aux_head = 3;
		assert_int_equal(perf_aux_read(&aux, out, sizeof(out)), 3);
		assert_memory_equal(out, "abc", 3);
		/* An overwritten ring's tail is not the kernel's. */
		assert_int_equal(control->aux_tail, overwrite ? 0 : 3);
		control->aux_head = control->aux_tail = 0;
		perf_aux_close(&aux);
		perf_aux_close(&aux);
	}
	perf_event_fd_close(&event);
}

static void size_that_cannot_be_is_refused(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4095, 3 * 4096 };
	struct perf_event_attr attr = { .sample_period = 1 };
	struct perf_event_fd event;

	(void)state;
	assert_int_equal(perf_event_fd_open(&event, &fake.host, &attr, 0, FAKE_RING_BYTES, "test"),
			 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(perf_aux_open(&aux, &event, sizes[i], false, "test"), -EINVAL);
		assert_reason("power of two");
		perf_aux_close(&aux);
	}
	perf_event_fd_close(&event);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
#define HOST_TEST(f) cmocka_unit_test_setup_teardown(f, make_host, drop_host)
	const struct CMUnitTest tests[] = {
		TEST(empty_ring_gives_nothing),
		TEST(bytes_come_in_order_also_around_the_end),
		TEST(no_more_is_taken_than_there_is_room_for),
		TEST(indices_that_overflow_go_on),
		TEST(head_that_cannot_be_is_refused),
		TEST(overwritten_ring_gives_the_newest_and_counts_the_rest),
		TEST(faults_that_the_kernel_tells_are_counted),
		HOST_TEST(opened_ring_lies_behind_the_events_own),
		HOST_TEST(size_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
