/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_history.c - truth files made by hand: guest time, phases, which seconds count. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lab/accuracy/history.h"

#define S UINT64_C(1000000000)

static char path[] = "/tmp/test_history_XXXXXX";
static FILE *out;

static void begin(void)
{
	struct truth_header header = { .version = TRUTH_VERSION,
				       .page_bytes = TRUTH_PAGE_BYTES,
				       .nr_nodes = 2,
				       .nr_cpus = 2 };

	memcpy(header.magic, TRUTH_MAGIC, sizeof(header.magic));
	out = fopen(path, "wbe");
	assert_non_null(out);
	assert_int_equal(fwrite(&header, sizeof(header), 1, out), 1);
}

static void put(uint32_t type, uint64_t time_ns, const void *payload, size_t bytes)
{
	struct truth_record record = { type, (uint32_t)bytes, time_ns };

	assert_int_equal(fwrite(&record, sizeof(record), 1, out), 1);
	if (bytes)
		assert_int_equal(fwrite(payload, bytes, 1, out), 1);
}

static void put_text(uint32_t type, uint64_t time_ns, const char *text)
{
	put(type, time_ns, text, strlen(text));
}

static void put_window(uint64_t time_ns, uint64_t pages)
{
	uint64_t bytes = pages * TRUTH_PAGE_BYTES;

	put(TRUTH_WINDOW, time_ns, &bytes, sizeof(bytes));
}

/* Of the first page behind the mailbox's, by CPU 1 on node 1. */
static void put_counts(uint64_t time_ns, uint8_t reads, uint8_t writes)
{
	/* 512 and 257, as LEB128 */
	const uint8_t cells[] = { 0x80, 4, 0x81, 2, reads, writes };

	put(TRUTH_COUNTS, time_ns, cells, sizeof(cells));
}

static int end(struct history *history)
{
	*history = (struct history){ 0 };
	assert_int_equal(fclose(out), 0);
	return history_read(history, path);
}

/* The guest's clock is 10 s ahead; phase a is from 15 to 18, b from 18 to 19. */
static void put_run(void)
{
	begin();
	put_text(TRUTH_PHASE, 2 * S, "guest-clock 12000000000");
	put_window(4 * S, HISTORY_FIRST_PAGE + 3);
	put_counts(5 * S, 99, 99);
	put_text(TRUTH_PHASE, 5 * S, "a");
	put_counts(6 * S, 1, 0);
	put_counts(7 * S, 2, 0);
	put_counts(8 * S, 4, 8);
	put_text(TRUTH_PHASE, 8 * S, "b");
	put_counts(9 * S, 16, 0);
	put(TRUTH_END, 9 * S, NULL, 0);
	put_counts(10 * S, 99, 99);
}

static void phases_are_in_the_guests_time(void **state)
{
	struct history h;

	(void)state;
	put_run();
	assert_int_equal(end(&h), 0);
	assert_int_equal(h.nr_pages, 3);
	assert_int_equal(h.nr_phases, 2);
	assert_string_equal(h.phases[0].name, "a");
	assert_near(h.phases[0].start_s, 15, 1e-6);
	assert_near(h.phases[0].end_s, 18, 1e-6);
	assert_near(h.phases[1].end_s, 19, 1e-6);
	assert_int_equal(h.reads[1], 23);
	assert_int_equal(h.writes[1], 8);
	assert_int_equal(h.reads[0], 0);
	history_fini(&h);
}

static void last_seconds_count_and_never_another_phase(void **state)
{
	struct history h;
	uint64_t counts[3];

	(void)state;
	put_run();
	assert_int_equal(end(&h), 0);
	assert_int_equal(history_sum(&h, 16.1, 0, counts), 0);
	assert_int_equal(counts[0], 15);
	assert_int_equal(counts[1], 0);
	assert_int_equal(history_sum(&h, 17.9, 2, counts), 0);
	assert_int_equal(counts[0], 14);
	/* The middle of the third second is still to come. */
	assert_int_equal(history_sum(&h, 17.4, 1, counts), 0);
	assert_int_equal(counts[0], 2);
	assert_int_equal(history_sum(&h, 18.9, 10, counts), 1);
	assert_int_equal(counts[0], 16);
	assert_int_equal(history_sum(&h, 14.9, 10, counts), -1);
	assert_int_equal(history_sum(&h, 19.1, 10, counts), -1);
	history_fini(&h);
}

static void file_without_the_guests_clock_is_refused(void **state)
{
	struct history h;

	(void)state;
	begin();
	put_window(4 * S, HISTORY_FIRST_PAGE + 3);
	put_text(TRUTH_PHASE, 5 * S, "a");
	put_counts(6 * S, 1, 0);
	assert_int_equal(end(&h), -EBADMSG);
	assert_reason("truth-clock");
	history_fini(&h);
}

static void damaged_files_are_refused(void **state)
{
	struct history h;

	(void)state;
	begin();
	put_text(TRUTH_PHASE, 2 * S, "guest-clock 12000000000");
	assert_int_equal(end(&h), -EBADMSG);
	assert_reason("no phase");
	history_fini(&h);

	put_run();
	put_window(11 * S, 4096);
	assert_int_equal(end(&h), -EBADMSG);
	assert_reason("more than one window");
	history_fini(&h);

	begin();
	put_window(4 * S, HISTORY_FIRST_PAGE);
	assert_int_equal(end(&h), -EBADMSG);
	history_fini(&h);

	put_run();
	put_window(11 * S, UINT64_C(1) << 50);
	assert_int_equal(end(&h), -EBADMSG);
	history_fini(&h);
}

static void page_outside_the_window_is_left_out(void **state)
{
	struct history h;

	(void)state;
	begin();
	put_text(TRUTH_PHASE, 2 * S, "guest-clock 12000000000");
	put_window(4 * S, HISTORY_FIRST_PAGE + 3);
	put_text(TRUTH_PHASE, 5 * S, "a");
	put(TRUTH_COUNTS, 6 * S, (const uint8_t[]){ 0x83, 4, 0, 1, 1, 0xff, 0xff, 3, 0, 1, 1 }, 11);
	put(TRUTH_COUNTS, 7 * S, (const uint8_t[]){ 0, 0, 1, 1 }, 4);
	assert_int_equal(end(&h), 0);
	for (size_t i = 0; i < 3 * 2; i++)
		assert_true(h.reads[i] == 0 && h.writes[i] == 0);
	history_fini(&h);
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_are_in_the_guests_time),
		cmocka_unit_test(last_seconds_count_and_never_another_phase),
		cmocka_unit_test(file_without_the_guests_clock_is_refused),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(page_outside_the_window_is_left_out),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
