/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_samples_ahead.c - what is read ahead is what would have been read. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/samples_ahead.h"
#include "core/error.h"

#define NR 50000u

static char *text;
static FILE *file;
static struct samples samples;

/* A trace of lackey's: one access a line, each somewhere else. */
static int make(void **state)
{
	size_t at = 0, room = NR * 32u + 256;

	(void)state;
	text = malloc(room);
	assert_non_null(text);
	at += (size_t)snprintf(text, room, "==77== Lackey, an example\n==77== Command: ls\n");
	for (unsigned int i = 0; i < NR; i++)
		at += (size_t)snprintf(text + at, room - at, " L %x,8\n", 0x100000 + 8 * i);
	file = fmemopen(text, at, "r");
	assert_non_null(file);
	return samples_open(&samples, file, NULL);
}

static int drop(void **state)
{
	(void)state;
	samples_close(&samples);
	(void)fclose(file);
	free(text);
	return 0;
}

static void all_come_in_order_and_the_end_stays(void **state)
{
	struct samples_ahead *ahead;
	struct thermo_access *list;
	unsigned int nr = 0;
	int n;

	(void)state;
	assert_int_equal(samples_ahead_new(&ahead, &samples), 0);
	while ((n = samples_ahead_next(ahead, &list)) > 0) {
		for (int i = 0; i < n; i++)
			assert_int_equal(list[i].addr, 0x100000 + 8 * nr++);
		/* It is the caller's. */
		memset(list, 0xee, (size_t)n * sizeof(*list));
	}
	assert_int_equal(n, 0);
	assert_int_equal(nr, NR);
	assert_int_equal(samples_ahead_next(ahead, &list), 0);
	samples_ahead_free(ahead);
}

static void it_ends_in_the_middle(void **state)
{
	struct samples_ahead *ahead;
	struct thermo_access *list;

	(void)state;
	assert_int_equal(samples_ahead_new(&ahead, &samples), 0);
	assert_true(samples_ahead_next(ahead, &list) > 0);
	samples_ahead_free(ahead);
	samples_ahead_free(NULL);
}

/* A file that cannot be read any more: the reason is the reader's, and comes over. */
static void failure_of_the_reader_is_told_with_its_reason(void **state)
{
	struct samples_ahead *ahead;
	struct thermo_access *list;
	unsigned int nr = 0;
	int n;

	(void)state;
	samples_close(&samples);
	(void)fclose(file);
	file = fopen("/dev/full", "w"); /* is not open for reading */
	assert_non_null(file);
	assert_int_equal(text_samples_open(&samples.text, file, TEXT_LACKEY), 0);
	assert_int_equal(samples_ahead_new(&ahead, &samples), 0);
	while ((n = samples_ahead_next(ahead, &list)) > 0)
		nr += (unsigned int)n;
	assert_true(n < 0);
	assert_int_equal(nr, 0);
	assert_non_null(strstr(thermo_last_error(), "line 1: "));
	assert_int_equal(samples_ahead_next(ahead, &list), n);
	samples_ahead_free(ahead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_come_in_order_and_the_end_stays, make, drop),
		cmocka_unit_test_setup_teardown(it_ends_in_the_middle, make, drop),
		cmocka_unit_test_setup_teardown(failure_of_the_reader_is_told_with_its_reason, make,
						drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
