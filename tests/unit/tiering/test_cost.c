/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cost.c - what moving costs, and how long that is believed. */
#include "tests/unit/test.h"

#include "tiering/cost.h"

#define SECOND 1000000000ull

static void without_a_measurement_nobody_knows(void **state)
{
	struct move_cost cost = { 0 };

	(void)state;
	move_cost_measured(&cost, 0, SECOND);
	assert_near(move_cost_believed(&cost, 100 * SECOND), 0, 0);
}

static void fresh_measurement_is_believed(void **state)
{
	struct move_cost cost = { 0 };

	(void)state;
	move_cost_measured(&cost, 10, SECOND);
	assert_near(move_cost_believed(&cost, SECOND), 10, 0);
	move_cost_measured(&cost, 100, 2 * SECOND);
	assert_near(move_cost_believed(&cost, 2 * SECOND), 100, 0);
	/* A clock that seems to run backwards is no reason to doubt. */
	assert_near(move_cost_believed(&cost, SECOND), 100, 0);
}

static void old_one_is_believed_less_down_to_the_least(void **state)
{
	struct move_cost cost = { 0 };

	(void)state;
	move_cost_measured(&cost, 10, SECOND);
	move_cost_measured(&cost, 100, 2 * SECOND);
	/* The same number again: nothing has moved. */
	move_cost_measured(&cost, 100, 11 * SECOND);
	assert_near(move_cost_believed(&cost, 12 * SECOND), 50, 0.001);
	assert_near(move_cost_believed(&cost, 22 * SECOND), 25, 0.001);
	assert_near(move_cost_believed(&cost, 1000 * SECOND), 10, 0.001);
	move_cost_measured(&cost, 5, 1001 * SECOND);
	assert_near(move_cost_believed(&cost, 2000 * SECOND), 5, 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_measurement_nobody_knows),
		cmocka_unit_test(fresh_measurement_is_believed),
		cmocka_unit_test(old_one_is_believed_less_down_to_the_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
