/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_error.c - the reason of a failure: whose, how long. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "core/error.h"

static void nothing_has_failed_yet_is_an_empty_text(void **state)
{
	(void)state;
	assert_string_equal(thermo_last_error(), "");
}

static void fail_hands_back_the_code_and_keeps_the_newest_reason(void **state)
{
	(void)state;
	assert_int_equal(thermo_fail(-ENOENT, "first"), -ENOENT);
	assert_int_equal(thermo_fail(-EIO, "CPU %d: %s", 3, "why"), -EIO);
	assert_string_equal(thermo_last_error(), "CPU 3: why");
}

static void long_reason_is_cut_not_overrun(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)thermo_fail(-EIO, "%s", text);
	assert_true(strlen(thermo_last_error()) > 100);
	assert_true(strlen(thermo_last_error()) < sizeof(text) - 1);
}

static void *fail_elsewhere(void *arg)
{
	(void)arg;
	(void)thermo_fail(-EIO, "elsewhere");
	return strcmp(thermo_last_error(), "elsewhere") == 0 ? NULL : (void *)1;
}

static void threads_do_not_see_each_others_reasons(void **state)
{
	pthread_t thread;
	void *wrong = NULL;

	(void)state;
	(void)thermo_fail(-EIO, "here");
	assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, &wrong), 0);
	assert_null(wrong);
	assert_string_equal(thermo_last_error(), "here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_has_failed_yet_is_an_empty_text),
		cmocka_unit_test(fail_hands_back_the_code_and_keeps_the_newest_reason),
		cmocka_unit_test(long_reason_is_cut_not_overrun),
		cmocka_unit_test(threads_do_not_see_each_others_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
