/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_history.c - what was moved lately, and no longer than that. */
#include "tests/unit/test.h"

#include "tiering/history.h"

#define MIB (1ull << 20)

static struct move_history history;

static int reset(void **state)
{
	(void)state;
	memset(&history, 0, sizeof(history));
	return 0;
}

static void add(pid_t pid, enum thermo_action action, uint64_t start, uint64_t time_ns,
		enum move_outcome outcome)
{
	history_add(&history,
		    &(struct past_move){ pid, action, start, start + MIB, time_ns, outcome });
}

static bool has(pid_t pid, enum thermo_action action, uint64_t start, uint64_t end,
		uint64_t since_ns)
{
	return history_has(&history, action, MOVE_DONE, pid, start, end, since_ns);
}

static void move_is_found_by_any_overlap(void **state)
{
	(void)state;
	add(1, THERMO_DEMOTE, 4 * MIB, 100, MOVE_DONE);
	assert_true(has(1, THERMO_DEMOTE, 4 * MIB, 5 * MIB, 50));
	assert_true(has(1, THERMO_DEMOTE, 0, 4 * MIB + 1, 50));
	assert_true(has(1, THERMO_DEMOTE, 5 * MIB - 1, 9 * MIB, 50));
	assert_false(has(1, THERMO_DEMOTE, 0, 4 * MIB, 50));
	assert_false(has(1, THERMO_DEMOTE, 5 * MIB, 9 * MIB, 50));
}

static void other_process_action_and_kind_do_not_match(void **state)
{
	(void)state;
	add(1, THERMO_DEMOTE, 0, 100, MOVE_DONE);
	assert_false(has(2, THERMO_DEMOTE, 0, MIB, 50));
	assert_false(has(1, THERMO_PROMOTE, 0, MIB, 50));
	assert_false(history_has(&history, THERMO_DEMOTE, MOVE_FUTILE, 1, 0, MIB, 50));
	add(1, THERMO_DEMOTE, 8 * MIB, 100, MOVE_FUTILE);
	assert_true(history_has(&history, THERMO_DEMOTE, MOVE_FUTILE, 1, 8 * MIB, 9 * MIB, 50));
	assert_false(has(1, THERMO_DEMOTE, 8 * MIB, 9 * MIB, 50));
}

static void old_moves_do_not_count(void **state)
{
	(void)state;
	add(1, THERMO_DEMOTE, 0, 100, MOVE_DONE);
	add(1, THERMO_DEMOTE, 8 * MIB, 200, MOVE_DONE);
	assert_true(has(1, THERMO_DEMOTE, 0, MIB, 100));
	assert_false(has(1, THERMO_DEMOTE, 0, MIB, 101));
	assert_true(has(1, THERMO_DEMOTE, 8 * MIB, 9 * MIB, 101));
}

static void ring_forgets_the_oldest_first(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < HISTORY_MOVES + 1; i++)
		add(1, THERMO_DEMOTE, i * MIB, 100 + i, MOVE_DONE);
	assert_false(has(1, THERMO_DEMOTE, 0, MIB, 0));
	assert_true(has(1, THERMO_DEMOTE, MIB, 2 * MIB, 0));
	assert_true(has(1, THERMO_DEMOTE, HISTORY_MOVES * MIB, (HISTORY_MOVES + 1) * MIB, 0));
}

static void what_is_exhausted_is_skipped_whatever_the_order(void **state)
{
	(void)state;
	add(1, THERMO_PROMOTE, 2 * MIB, 100, MOVE_EXHAUSTED);
	add(1, THERMO_PROMOTE, 0, 110, MOVE_EXHAUSTED);
	add(1, THERMO_PROMOTE, MIB, 120, MOVE_EXHAUSTED);
	add(1, THERMO_PROMOTE, 3 * MIB, 130, MOVE_DONE);
	assert_int_equal(history_skip_exhausted(&history, THERMO_PROMOTE, 1, 0, 50), 3 * MIB);
	assert_int_equal(history_skip_exhausted(&history, THERMO_PROMOTE, 1, MIB + 1, 50), 3 * MIB);
	assert_int_equal(history_skip_exhausted(&history, THERMO_PROMOTE, 1, 0, 105), 2 * MIB);
	assert_int_equal(history_skip_exhausted(&history, THERMO_PROMOTE, 1, 3 * MIB, 50), 3 * MIB);
	assert_int_equal(history_skip_exhausted(&history, THERMO_DEMOTE, 1, 0, 50), 0);
	assert_int_equal(history_skip_exhausted(&history, THERMO_PROMOTE, 2, 0, 50), 0);
}

static void empty_history_has_nothing(void **state)
{
	(void)state;
	assert_false(has(0, THERMO_PROMOTE, 0, UINT64_MAX, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(move_is_found_by_any_overlap, reset),
		cmocka_unit_test_setup(other_process_action_and_kind_do_not_match, reset),
		cmocka_unit_test_setup(old_moves_do_not_count, reset),
		cmocka_unit_test_setup(ring_forgets_the_oldest_first, reset),
		cmocka_unit_test_setup(what_is_exhausted_is_skipped_whatever_the_order, reset),
		cmocka_unit_test_setup(empty_history_has_nothing, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
