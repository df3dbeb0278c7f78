/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/test.h"

#include "sources/pid_set.h"

static struct pid_set set;

static int drop(void **state)
{
	(void)state;
	pid_set_fini(&set);
	pid_set_fini(&set);
	return 0;
}

static void empty_set_has_nobody(void **state)
{
	(void)state;
	assert_false(pid_set_has(&set, 0));
	assert_false(pid_set_has(&set, 1));
	assert_int_equal(pid_set_assign(&set, NULL, 0), 0);
	assert_false(pid_set_has(&set, 1));
	pid_set_remove(&set, 1);
}

static void assign_takes_any_order_and_each_once(void **state)
{
	const pid_t pids[] = { 30, 10, 20, 10, 30 };

	(void)state;
	assert_int_equal(pid_set_assign(&set, pids, 5), 0);
	assert_int_equal(set.nr, 3);
	for (pid_t pid = 0; pid < 40; pid++)
		assert_int_equal(pid_set_has(&set, pid), pid == 10 || pid == 20 || pid == 30);
}

static void assign_replaces_who_was_there(void **state)
{
	const pid_t first[] = { 1, 2, 3 }, second[] = { 2 };

	(void)state;
	assert_int_equal(pid_set_assign(&set, first, 3), 0);
	assert_int_equal(pid_set_assign(&set, second, 1), 0);
	assert_false(pid_set_has(&set, 1));
	assert_true(pid_set_has(&set, 2));
	assert_false(pid_set_has(&set, 3));
}

static void what_is_added_is_there_until_it_is_removed(void **state)
{
	(void)state;
	/* 1 to 1000 in an order that is neither. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pid_set_add(&set, i * 7 % 1000 + 1), 0);
	assert_int_equal(pid_set_add(&set, 500), 0);
	assert_int_equal(set.nr, 1000);
	for (int i = 1; i <= 1000; i += 2)
		pid_set_remove(&set, i);
	pid_set_remove(&set, 1);
	assert_int_equal(set.nr, 500);
	for (int i = 1; i <= 1000; i++)
		assert_int_equal(pid_set_has(&set, i), i % 2 == 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(empty_set_has_nobody),
		TEST(assign_takes_any_order_and_each_once),
		TEST(assign_replaces_who_was_there),
		TEST(what_is_added_is_there_until_it_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
