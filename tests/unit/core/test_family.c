/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_family.c - who descends from whom, while processes come, go and reuse pids. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "core/family.h"

static struct family family;
static const pid_t named[] = { 10, 50 };

static int drop(void **state)
{
	(void)state;
	family_fini(&family);
	family_fini(&family);
	return 0;
}

/* One process: pid, parent, start. */
#define P(p, parent, start)                                                                        \
	{                                                                                          \
		.pid = (p), .parent_pid = (parent), .start_ticks = (start)                         \
	}

static void update(const struct thermo_proc *procs, size_t nr)
{
	assert_int_equal(family_update(&family, named, 2, procs, nr), 0);
}
#define UPDATE(...)                                                                                \
	update((const struct thermo_proc[]){ __VA_ARGS__ },                                        \
	       sizeof((const struct thermo_proc[]){ __VA_ARGS__ }) / sizeof(struct thermo_proc))

static void expect(const pid_t *pids)
{
	size_t nr = 0;

	for (; pids[nr]; nr++)
		if (!family_has(&family, pids[nr]))
			fail_msg("%d does not belong to it", (int)pids[nr]);
	assert_int_equal(family.nr_members, nr);
}
#define EXPECT(...) expect((const pid_t[]){ __VA_ARGS__, 0 })

static void descendants_of_any_depth_belong_to_it(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0), P(5, 12, 9), P(10, 1, 4), P(11, 10, 5), P(12, 11, 6), P(20, 1, 3),
	       P(21, 20, 8), P(50, 20, 7), P(51, 50, 7));
	EXPECT(5, 10, 11, 12, 50, 51);
	assert_false(family_has(&family, 1));
	assert_false(family_has(&family, 21));
	assert_int_equal(family.nr_reused, 0);
}

static void descendant_stays_when_its_parent_exits(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(11, 10, 5), P(12, 11, 6));
	UPDATE(P(1, 0, 0), P(12, 1, 6));
	EXPECT(12);
	/* ... and so do the children that it gets later. */
	UPDATE(P(1, 0, 0), P(12, 1, 6), P(13, 12, 9), P(14, 1, 9));
	EXPECT(12, 13);
}

static void reused_pid_of_a_descendant_is_a_stranger(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(11, 10, 5));
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(11, 1, 8));
	EXPECT(10);
}

static void reused_named_pid_is_a_stranger_for_good(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(11, 10, 5));
	UPDATE(P(1, 0, 0), P(11, 1, 5));
	EXPECT(11);
	assert_int_equal(family.nr_reused, 0);
	for (int i = 0; i < 2; i++) {
		UPDATE(P(1, 0, 0), P(10, 1, 9), P(11, 1, 5), P(12, 10, 10));
		EXPECT(11);
		assert_int_equal(family.nr_reused, 1);
	}
}

static void named_pid_that_appears_later_is_the_first_of_its_kind(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0));
	assert_int_equal(family.nr_members, 0);
	UPDATE(P(1, 0, 0), P(50, 1, 70), P(51, 50, 71));
	EXPECT(50, 51);
}

static void reused_named_pid_below_another_named_one_is_a_descendant(void **state)
{
	(void)state;
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(50, 1, 5));
	UPDATE(P(1, 0, 0), P(10, 1, 4), P(50, 10, 8));
	EXPECT(10, 50);
	assert_int_equal(family.nr_reused, 1);
}

static void parent_that_is_younger_is_no_parent(void **state)
{
	(void)state;
	/* 20 was read when its parent 10 was another process. */
	UPDATE(P(1, 0, 0), P(10, 1, 9), P(20, 10, 5));
	EXPECT(10);
}

static void loops_of_parents_end(void **state)
{
	(void)state;
	UPDATE(P(2, 2, 5), P(3, 4, 5), P(4, 3, 5), P(5, 4, 5), P(10, 11, 5), P(11, 12, 5),
	       P(12, 10, 5));
	EXPECT(10, 11, 12);
}

static void others_named_later_forget_only_those_that_are_gone(void **state)
{
	static const pid_t other[] = { 60, 50, 50 };
	static const struct thermo_proc procs[] = { P(11, 1, 5), P(51, 1, 5), P(60, 1, 6) };

	(void)state;
	UPDATE(P(10, 1, 4), P(11, 10, 5), P(50, 1, 4), P(51, 50, 5));
	assert_int_equal(family_update(&family, other, 3, procs, 3), 0);
	EXPECT(51, 60);
	assert_int_equal(family_update(&family, NULL, 0, procs, 3), 0);
	assert_int_equal(family.nr_members, 0);
	assert_false(family_has(&family, 51));
}

/* A chain and a star: every process is asked once, so this ends at once. */
static void many_processes_are_walked_once(void **state)
{
	enum { NR = 100000 };
	struct thermo_proc *procs = calloc(2 * NR, sizeof(*procs));

	(void)state;
	assert_non_null(procs);
	for (int i = 0; i < NR; i++)
		procs[i] = (struct thermo_proc)P(10 + i, 9 + i, 1);
	for (int i = NR; i < 2 * NR; i++)
		procs[i] = (struct thermo_proc)P(10 + i, 10 + NR - 1, 1);
	assert_int_equal(family_update(&family, named, 1, procs, 2 * NR), 0);
	assert_int_equal(family.nr_members, 2 * NR);
	/* The same upside down: parents above their children in number. */
	for (int i = 0; i < NR; i++)
		procs[i] = (struct thermo_proc)P(100 + i, 101 + i, 2);
	assert_int_equal(family_update(&family, named, 1, procs, NR), 0);
	assert_int_equal(family.nr_members, 0);
	free(procs);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(descendants_of_any_depth_belong_to_it),
		TEST(descendant_stays_when_its_parent_exits),
		TEST(reused_pid_of_a_descendant_is_a_stranger),
		TEST(reused_named_pid_is_a_stranger_for_good),
		TEST(named_pid_that_appears_later_is_the_first_of_its_kind),
		TEST(reused_named_pid_below_another_named_one_is_a_descendant),
		TEST(parent_that_is_younger_is_no_parent),
		TEST(loops_of_parents_end),
		TEST(others_named_later_forget_only_those_that_are_gone),
		TEST(many_processes_are_walked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
