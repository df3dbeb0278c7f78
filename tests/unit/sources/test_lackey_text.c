// SPDX-License-Identifier: GPL-2.0-or-later
/* test_lackey_text.c - lines of valgrind's lackey, and what is none. */
#include "tests/unit/test.h"

#include <string.h>

#include "sources/lackey_text.h"

static struct lackey_line l;

static enum lackey_kind parse(const char *text)
{
	return lackey_text_parse(text, strlen(text), &l);
}

static void accesses_are_told_with_address_and_size(void **state)
{
	(void)state;
	assert_int_equal(parse("I  0401ab70,3"), LACKEY_FETCH);
	assert_int_equal(l.addr, 0x401ab70);
	assert_int_equal(l.bytes, 3);
	assert_int_equal(parse(" L 1fff000628,8"), LACKEY_LOAD);
	assert_int_equal(l.addr, 0x1fff000628);
	assert_int_equal(parse(" S 1FFF000620,16"), LACKEY_STORE);
	assert_int_equal(l.bytes, 16);
	assert_int_equal(parse(" M ffffffffffffffff,4"), LACKEY_MODIFY);
	assert_int_equal(l.addr, UINT64_MAX);
}

static void valgrind_tells_whose_trace_it_is(void **state)
{
	(void)state;
	assert_int_equal(parse("==14921== Command: ls /usr"), LACKEY_SELF);
	assert_int_equal(l.pid, 14921);
	assert_string_equal(l.text, "Command: ls /usr");
	assert_int_equal(parse("--7-- warning"), LACKEY_SELF);
	assert_int_equal(l.pid, 7);
	assert_int_equal(parse("==7=="), LACKEY_SELF);
	assert_string_equal(l.text, "");
	assert_int_equal(parse(""), LACKEY_BLANK);
}

static void all_else_is_bad(void **state)
{
	static const char *const bad[] = {
		"I 0401ab70,3",
		"I  0401ab70",
		"I  ,3",
		"I  0401ab70,",
		"I  0401ab70,0",
		" L 1,8 ",
		" L 1,8x",
		" X 1,8",
		"L  1,8",
		" L 12345678123456781,8",
		" L 1,70000",
		" L 0x1,8",
		"==12==hello==" + 4,
		"==x== a",
		"== 12 ==",
		"==1234567890==",
		"I",
		" L ",
		"the program says",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) != LACKEY_BAD)
			fail_msg("%s: is taken for a line of lackey", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses_are_told_with_address_and_size),
		cmocka_unit_test(valgrind_tells_whose_trace_it_is),
		cmocka_unit_test(all_else_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
