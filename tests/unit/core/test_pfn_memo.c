/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pfn_memo.c - what stretches looked like: kept, found, forgotten. */
#include "tests/unit/test.h"

#include "core/pfn_memo.h"

static struct pfn_memos memos;

static int drop(void **state)
{
	(void)state;
	pfn_memos_fini(&memos);
	pfn_memos_fini(&memos);
	return 0;
}

static void put(uint32_t owner, uint64_t page, uint64_t hash)
{
	struct pfn_memo *memo = pfn_memos_make(&memos, owner, page);

	assert_non_null(memo);
	memo->hash = hash;
	memo->nr = 64;
}

static void empty_table_holds_nothing(void **state)
{
	(void)state;
	assert_null(pfn_memos_find(&memos, 0, 0));
	pfn_memos_forget_all(&memos);
	pfn_memos_forget_dead(&memos, NULL, 0);
}

static void there_is_one_for_each_2_mib_of_each_owner(void **state)
{
	(void)state;
	put(1, 512, 11);
	put(1, 1024, 12);
	put(2, 512, 21);
	assert_int_equal(memos.nr, 3);
	assert_int_equal(pfn_memos_find(&memos, 1, 512 + 511)->hash, 11);
	assert_int_equal(pfn_memos_find(&memos, 1, 1024)->hash, 12);
	assert_int_equal(pfn_memos_find(&memos, 2, 700)->hash, 21);
	assert_null(pfn_memos_find(&memos, 2, 1024));
	put(1, 600, 13);
	assert_int_equal(memos.nr, 3);
	assert_int_equal(pfn_memos_find(&memos, 1, 512)->hash, 13);
}

static void all_are_found_while_it_grows(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20000; i++)
		put((uint32_t)(i % 7), i * 512, i);
	assert_int_equal(memos.nr, 20000);
	assert_true(memos.nr_slots >= 2 * memos.nr);
	for (uint64_t i = 0; i < 20000; i++)
		assert_int_equal(pfn_memos_find(&memos, (uint32_t)(i % 7), i * 512)->hash, i);
}

static void owners_that_are_gone_are_forgotten(void **state)
{
	const bool alive[] = { true, false, true };

	(void)state;
	for (uint32_t owner = 0; owner < 4; owner++)
		for (uint64_t i = 0; i < 1000; i++)
			put(owner, i * 512, i);
	pfn_memos_forget_dead(&memos, alive, 3);
	assert_int_equal(memos.nr, 2000);
	assert_non_null(pfn_memos_find(&memos, 0, 512));
	assert_null(pfn_memos_find(&memos, 1, 512));
	assert_non_null(pfn_memos_find(&memos, 2, 999 * 512));
	assert_null(pfn_memos_find(&memos, 3, 512));
	pfn_memos_forget_all(&memos);
	assert_null(pfn_memos_find(&memos, 0, 512));
}

static void run_is_covered_by_what_it_was_made_of(void **state)
{
	const struct pfn_memo memo = { .page = 512, .nr = 100, .since = 7 };

	(void)state;
	assert_true(pfn_memo_covers(&memo, &(struct pfn_run){ .page = 512, .pass = 7 }));
	assert_true(pfn_memo_covers(&memo, &(struct pfn_run){ .page = 611, .pass = 7 }));
	assert_false(pfn_memo_covers(&memo, &(struct pfn_run){ .page = 612, .pass = 7 }));
	assert_false(pfn_memo_covers(&memo, &(struct pfn_run){ .page = 511, .pass = 7 }));
	assert_false(pfn_memo_covers(&memo, &(struct pfn_run){ .page = 512, .pass = 6 }));
	assert_false(pfn_memo_covers(NULL, &(struct pfn_run){ .page = 512, .pass = 7 }));
}

#define TEST(name) cmocka_unit_test_teardown(name, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_table_holds_nothing),
		TEST(there_is_one_for_each_2_mib_of_each_owner),
		TEST(all_are_found_while_it_grows),
		TEST(owners_that_are_gone_are_forgotten),
		TEST(run_is_covered_by_what_it_was_made_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
