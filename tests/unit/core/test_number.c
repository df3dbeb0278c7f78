/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_number.c - what is a number, what is not, what is too large. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/number.h"

static void digits_are_a_number(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(thermo_parse_u64("0", 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(thermo_parse_u64("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(thermo_parse_u64("007", 10, &v), 0);
	assert_int_equal(v, 7);
}

static void anything_else_is_no_number_and_changes_nothing(void **state)
{
	static const char *const wrong[] = {
		"", "-1", "+1", " 1", "1 ", "0x10", "1k", "1.0", "abc"
	};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(thermo_parse_u64(wrong[i], UINT64_MAX, &v), -EINVAL);
	assert_int_equal(v, 42);
}

static void beyond_the_maximum_is_out_of_range(void **state)
{
	uint64_t v = 42;

	(void)state;
	assert_int_equal(thermo_parse_u64("11", 10, &v), -ERANGE);
	assert_int_equal(thermo_parse_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(thermo_parse_u64("99999999999999999999999", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(v, 42);
	assert_int_equal(thermo_parse_u64("10", 10, &v), 0);
	assert_int_equal(v, 10);
}

static void suffixes_are_powers_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} right[] = { { "5", 5 },
		      { "1k", 1024 },
		      { "3M", 3ull << 20 },
		      { "2g", 2ull << 30 },
		      { "1T", 1ull << 40 } };
	uint64_t v = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(thermo_parse_bytes(right[i].text, UINT64_MAX, &v), 0);
		assert_true(v == right[i].bytes);
	}
}

static void suffix_that_overflows_or_is_unknown_is_refused(void **state)
{
	uint64_t v = 42;

	(void)state;
	assert_int_equal(thermo_parse_bytes("16777216T", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(thermo_parse_bytes("2k", 2047, &v), -ERANGE);
	assert_int_equal(thermo_parse_bytes("1kb", UINT64_MAX, &v), -EINVAL);
	assert_int_equal(thermo_parse_bytes("1P", UINT64_MAX, &v), -EINVAL);
	assert_int_equal(thermo_parse_bytes("k", UINT64_MAX, &v), -EINVAL);
	assert_int_equal(v, 42);
}

static void decimals_need_digits_on_both_sides(void **state)
{
	static const char *const wrong[] = { "",    ".5",  "1.",  "1.5x", "-1",
					     "1e3", "1,5", "nan", "inf" };
	double v = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(thermo_parse_decimal(wrong[i], 1e9, &v), -EINVAL);
	assert_int_equal(thermo_parse_decimal("100.5", 100, &v), -ERANGE);
	assert_true(v == 42);
	assert_int_equal(thermo_parse_decimal("12", 100, &v), 0);
	assert_true(v == 12);
	assert_int_equal(thermo_parse_decimal("0.99", 1, &v), 0);
	assert_near(v, 0.99, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_are_a_number),
		cmocka_unit_test(anything_else_is_no_number_and_changes_nothing),
		cmocka_unit_test(beyond_the_maximum_is_out_of_range),
		cmocka_unit_test(suffixes_are_powers_of_1024),
		cmocka_unit_test(suffix_that_overflows_or_is_unknown_is_refused),
		cmocka_unit_test(decimals_need_digits_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
