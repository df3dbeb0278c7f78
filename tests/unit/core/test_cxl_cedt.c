/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cxl_cedt.c - the firmware's table, as it is and as it must not be. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cxl_cedt.h"

static uint8_t table[4096];
static size_t bytes;
static struct cedt_window windows[4];

static void load(const char *machine)
{
	char path[512];

	(void)snprintf(path, sizeof(path), TEST_DATA "/sysroot/%s/sys/firmware/acpi/tables/CEDT",
		       machine);
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	bytes = fread(table, 1, sizeof(table), file);
	assert_int_equal(fclose(file), 0);
}

static ssize_t parse(void)
{
	return cedt_windows(table, bytes, windows, 4);
}

static void qemu_has_one_window_of_one_bridge(void **state)
{
	(void)state;
	load("cxl-lab");
	assert_int_equal(bytes, 108);
	assert_int_equal(parse(), 1);
	assert_int_equal(windows[0].start, 0x4d0000000);
	assert_int_equal(windows[0].bytes, 0x100000000);
	assert_int_equal(windows[0].ways, 1);
	assert_int_equal(windows[0].granularity_bytes, 256);
	assert_int_equal(windows[0].arithmetic, 0);
}

static void xor_window_is_seen_between_other_structures(void **state)
{
	(void)state;
	load("cxl-xor");
	assert_int_equal(parse(), 1);
	assert_int_equal(windows[0].start, 0x1050000000);
	assert_int_equal(windows[0].ways, 2);
	assert_int_equal(windows[0].granularity_bytes, 1024);
	assert_int_equal(windows[0].arithmetic, CEDT_XOR);
}

/* Offset of the window in the XOR machine's table: header, two host bridges of 32 bytes. */
#define WINDOW (36 + 64)

static void every_code_of_ways_is_decoded(void **state)
{
	static const uint32_t ways[] = { 1, 2, 4, 8, 16, 0, 0, 0, 3, 6, 12, 0 };

	(void)state;
	for (size_t code = 0; code < sizeof(ways) / sizeof(ways[0]); code++) {
		uint8_t big[36 + 36 + 64] = "CEDT";

		big[4] = sizeof(big);
		big[36] = 1;
		big[38] = 36 + 64;
		big[36 + 24] = (uint8_t)code;
		ssize_t nr = cedt_windows(big, sizeof(big), windows, 4);

		assert_int_equal(nr, ways[code] ? 1 : -EBADMSG);
		if (ways[code])
			assert_int_equal(windows[0].ways, ways[code]);
	}
}

static void table_cut_anywhere_is_refused(void **state)
{
	(void)state;
	load("cxl-xor");
	size_t whole = bytes;

	for (bytes = 0; bytes < whole; bytes++) {
		/* In memory of its own, so that a sanitizer sees a read beyond it. */
		uint8_t *cut = malloc(bytes + 1);

		assert_non_null(cut);
		memcpy(cut, table, bytes);
		assert_int_equal(cedt_windows(cut, bytes, windows, 4), -EBADMSG);
		free(cut);
	}
	assert_int_equal(parse(), 1);
}

static void lengths_that_lead_nowhere_are_refused(void **state)
{
	(void)state;
	load("cxl-xor");
	table[WINDOW + 2] = 0; /* a structure of no bytes would be read for ever */
	assert_int_equal(parse(), -EBADMSG);
	assert_reason("structure of 0 bytes");
	load("cxl-xor");
	table[WINDOW + 2] = 35;
	assert_int_equal(parse(), -EBADMSG);
	load("cxl-xor");
	table[WINDOW + 3] = 0xff;
	assert_int_equal(parse(), -EBADMSG);
	load("cxl-xor");
	table[4] = 35;
	assert_int_equal(parse(), -EBADMSG);
	assert_reason("says it has 35 bytes");
}

static void window_with_fewer_targets_than_ways_is_refused(void **state)
{
	(void)state;
	load("cxl-xor");
	table[WINDOW + 24] = 2; /* four ways, two targets */
	assert_int_equal(parse(), -EBADMSG);
	assert_reason("cannot be");
	load("cxl-xor");
	table[WINDOW + 28] = 7; /* 32 KiB */
	assert_int_equal(parse(), -EBADMSG);
	load("cxl-xor");
	memset(table + WINDOW + 16, 0xff, 8); /* beyond the end of the address space */
	assert_int_equal(parse(), -EBADMSG);
}

static void windows_without_room_are_counted(void **state)
{
	(void)state;
	load("cxl-xor");
	assert_int_equal(cedt_windows(table, bytes, NULL, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_has_one_window_of_one_bridge),
		cmocka_unit_test(xor_window_is_seen_between_other_structures),
		cmocka_unit_test(every_code_of_ways_is_decoded),
		cmocka_unit_test(table_cut_anywhere_is_refused),
		cmocka_unit_test(lengths_that_lead_nowhere_are_refused),
		cmocka_unit_test(window_with_fewer_targets_than_ways_is_refused),
		cmocka_unit_test(windows_without_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
