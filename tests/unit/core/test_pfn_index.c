/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pfn_index.c - runs of frames: sorted, found, replaced, forgotten. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "core/pfn_index.h"

static struct pfn_index x;

static int make(void **state)
{
	(void)state;
	memset(&x, 0, sizeof(x));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pfn_index_fini(&x);
	pfn_index_fini(&x);
	return 0;
}

static void add(uint32_t owner, uint64_t page, uint64_t pfn, uint16_t nr, uint16_t pass)
{
	pfn_index_add(&x, &(struct pfn_run){ .pfn = pfn,
					     .page = page,
					     .owner = owner,
					     .nr = nr,
					     .pass = pass });
}

/* How many runs hold @pfn; the last of them in @run. */
static size_t holders(uint64_t pfn, struct pfn_run *run)
{
	size_t nr = 0;

	for (size_t i = pfn_index_find(&x, pfn); i < x.nr && x.runs[i].pfn <= pfn; i++)
		if (pfn_run_holds(&x.runs[i], pfn)) {
			*run = x.runs[i];
			nr++;
		}
	return nr;
}

/* Seen in pass 2, by one of the owners 0 and 2. */
static bool is_seen(const void *data, const struct pfn_run *run)
{
	(void)data;
	return run->pass == 2 && (run->owner == 0 || run->owner == 2);
}

static void empty_index_finds_nothing(void **state)
{
	struct pfn_run run;

	(void)state;
	assert_int_equal(holders(0, &run), 0);
	pfn_index_settle(&x, true);
	pfn_index_sweep(&x, is_seen, NULL);
	assert_int_equal(holders(UINT64_MAX, &run), 0);
}

static void run_holds_its_frames_and_no_others(void **state)
{
	struct pfn_run run;

	(void)state;
	add(3, 70, 100, 5, 1);
	pfn_index_settle(&x, true);
	assert_int_equal(holders(99, &run), 0);
	for (uint64_t pfn = 100; pfn < 105; pfn++) {
		assert_int_equal(holders(pfn, &run), 1);
		assert_int_equal(run.owner, 3);
		assert_int_equal(run.page + (pfn - run.pfn), 70 + pfn - 100);
	}
	assert_int_equal(holders(105, &run), 0);
}

/* Beside a plain list that is searched from end to end. */
static void all_holders_of_random_overlapping_runs_are_found(void **state)
{
	struct pfn_run list[2000], run;
	uint64_t random = 88172645463325252ull;
	size_t nr = 0;

	(void)state;
	for (uint32_t owner = 0; owner < 20; owner++)
		for (uint64_t page = 0; page < 100; page++) {
			uint64_t pfn = (1ull << 32) + test_random(&random) % 20000;
			uint16_t most = (uint16_t)(512 - pfn % 512);

			list[nr] = (struct pfn_run){
				.pfn = pfn,
				.page = 1000 * page,
				.owner = owner,
				.nr = (uint16_t)(1 + test_random(&random) % most),
				.pass = 1,
			};
			pfn_index_add(&x, &list[nr++]);
			/* In many portions. */
			if (nr % 37 == 0)
				pfn_index_settle(&x, true);
		}
	pfn_index_settle(&x, true);
	assert_int_equal(x.nr, nr);
	for (uint64_t pfn = (1ull << 32) - 10; pfn < (1ull << 32) + 20600; pfn++) {
		size_t should = 0;

		for (size_t i = 0; i < nr; i++)
			should += pfn_run_holds(&list[i], pfn);
		assert_int_equal(holders(pfn, &run), should);
	}
}

/* Far apart, so that sorting needs all its digits. */
static void frames_from_all_over_memory_are_in_order(void **state)
{
	uint64_t random = 88172645463325252ull, pfns[5000];
	struct pfn_run run;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++) {
		pfns[i] = test_random(&random) % (1ull << 40);
		add(0, i, pfns[i], 1, 1);
	}
	pfn_index_settle(&x, true);
	for (size_t i = 1; i < x.nr; i++)
		assert_true(x.runs[i - 1].pfn <= x.runs[i].pfn);
	for (uint64_t i = 0; i < 5000; i++) {
		assert_int_equal(holders(pfns[i], &run), 1);
		assert_int_equal(run.page, i);
	}
}

static void what_is_seen_again_is_one_run(void **state)
{
	struct pfn_run run;

	(void)state;
	add(0, 10, 100, 4, 1);
	pfn_index_settle(&x, true);
	add(0, 10, 100, 2, 2);
	pfn_index_settle(&x, true);
	assert_int_equal(x.nr, 1);
	assert_int_equal(holders(101, &run), 1);
	assert_int_equal(run.pass, 2);
	assert_int_equal(holders(103, &run), 0);
	assert_int_equal(x.nr_new, 1);
}

static void sweep_forgets_what_a_pass_did_not_see_and_who_is_gone(void **state)
{
	struct pfn_run run;

	(void)state;
	add(0, 10, 100, 1, 1);
	add(0, 11, 200, 1, 1);
	add(1, 12, 300, 1, 1);
	pfn_index_settle(&x, true);
	add(0, 11, 200, 1, 2);
	add(1, 12, 300, 1, 2);
	add(2, 13, 400, 1, 2);
	add(3, 14, 500, 1, 2);
	pfn_index_sweep(&x, is_seen, NULL);
	assert_int_equal(x.nr, 2);
	assert_int_equal(holders(200, &run), 1);
	assert_int_equal(holders(400, &run), 1);
}

/* What is as it was stays in its place; a sweep that forgets nothing moves nothing. */
static void what_is_seen_again_is_refreshed_where_it_is(void **state)
{
	struct pfn_run run;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		add(0, i, 7 * i % 1000 + 5000, 1, 1);
	pfn_index_settle(&x, true);
	assert_int_equal(x.nr, 1000);
	for (uint64_t i = 0; i < 1000; i++)
		add(0, i, 7 * i % 1000 + 5000, 1, 2);
	pfn_index_settle(&x, false);
	assert_int_equal(x.nr_added, 0);
	assert_int_equal(x.nr_new, 1000);
	pfn_index_sweep(&x, is_seen, NULL);
	assert_int_equal(x.nr, 1000);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(holders(7 * i % 1000 + 5000, &run), 1);
		assert_int_equal(run.page, i);
		assert_int_equal(run.pass, 2);
	}
}

static void of_a_frame_that_many_share_the_first_owners_are_kept(void **state)
{
	struct pfn_run run;

	(void)state;
	for (uint32_t owner = 0; owner < 20; owner++)
		add(owner, 7, 100, 1, 1);
	add(20, 8, 101, 1, 1);
	pfn_index_settle(&x, true);
	assert_int_equal(holders(100, &run), PFN_MAX_SHARERS);
	assert_int_equal(run.owner, PFN_MAX_SHARERS - 1);
	assert_int_equal(x.nr_crowded, 20 - PFN_MAX_SHARERS);
	assert_int_equal(holders(101, &run), 1);
}

static void full_index_refuses_what_is_new_and_keeps_what_is_seen_again(void **state)
{
	struct pfn_run run;

	(void)state;
	x.max_runs = 100;
	for (uint64_t i = 0; i < 100; i++)
		add(0, i, 1000 + 2 * i, 1, 1);
	pfn_index_settle(&x, true);
	assert_int_equal(x.nr_refused, 0);
	for (uint64_t i = 0; i < 100; i++)
		add(0, i, 1000 + 2 * i, 1, 2);
	for (uint64_t i = 0; i < 50; i++)
		add(1, i, 5000 + 2 * i, 1, 2);
	pfn_index_settle(&x, true);
	assert_int_equal(x.nr, 100);
	assert_int_equal(x.nr_refused, 50);
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(holders(1000 + 2 * i, &run), 1);
		assert_int_equal(run.pass, 2);
	}
}

static void unsettled_runs_wait_until_there_are_enough(void **state)
{
	struct pfn_run run;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		add(0, i, 2 * i, 1, 1);
	pfn_index_settle(&x, true);
	add(0, 5000, 5001, 1, 1);
	pfn_index_settle(&x, false);
	assert_int_equal(holders(5001, &run), 0);
	for (uint64_t i = 0; i < 100; i++)
		add(0, 6000 + i, 6001 + 2 * i, 1, 1);
	pfn_index_settle(&x, false);
	assert_int_equal(holders(5001, &run), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_index_finds_nothing),
		TEST(run_holds_its_frames_and_no_others),
		TEST(all_holders_of_random_overlapping_runs_are_found),
		TEST(frames_from_all_over_memory_are_in_order),
		TEST(what_is_seen_again_is_one_run),
		TEST(sweep_forgets_what_a_pass_did_not_see_and_who_is_gone),
		TEST(what_is_seen_again_is_refreshed_where_it_is),
		TEST(of_a_frame_that_many_share_the_first_owners_are_kept),
		TEST(full_index_refuses_what_is_new_and_keeps_what_is_seen_again),
		TEST(unsettled_runs_wait_until_there_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
