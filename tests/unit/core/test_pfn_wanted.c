/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pfn_wanted.c - the set of frames that somebody asks for. */
#include "tests/unit/test.h"

#include "core/pfn_wanted.h"

static struct pfn_wanted w;

static int make(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pfn_wanted_fini(&w);
	pfn_wanted_fini(&w);
	return 0;
}

static bool wants(uint64_t pfn)
{
	const struct pfn_block *block = pfn_wanted_find(&w, pfn / PFN_BLOCK_FRAMES);

	return block && block->wanted & pfn_chunk_bit(pfn);
}

static void ask(uint64_t pfn, uint64_t nr)
{
	pfn_wanted_ask(&w, pfn, nr, 1000);
	assert_int_equal(pfn_wanted_settle(&w), 0);
}

static void empty_set_wants_nothing(void **state)
{
	(void)state;
	assert_false(wants(0));
	assert_false(wants(UINT64_MAX));
	assert_false(pfn_wanted_is_searched(&w, 0));
	assert_int_equal(pfn_wanted_count(&w), 0);
	pfn_wanted_begin_pass(&w);
	pfn_wanted_end_pass(&w, 0);
	assert_false(w.has_news);
}

static void frame_brings_its_neighbours_of_32_kib(void **state)
{
	(void)state;
	ask(1003, 1);
	for (uint64_t pfn = 0; pfn < 3000; pfn++)
		assert_int_equal(wants(pfn), pfn >= 1000 && pfn < 1008);
	assert_int_equal(pfn_wanted_count(&w), 8);
	assert_true(w.has_news);
}

static void range_over_several_blocks_is_wanted_whole(void **state)
{
	(void)state;
	ask(508, 1036);
	for (uint64_t pfn = 0; pfn < 3000; pfn++)
		assert_int_equal(wants(pfn), pfn >= 504 && pfn < 1544);
	assert_int_equal(w.nr, 4);
}

/* Frames all over a large machine: each is found, and no other is. */
static void random_frames_are_found_and_others_not(void **state)
{
	uint64_t random = 88172645463325252ull, asked[4000];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		asked[i] = test_random(&random) % (1ull << 34);
		pfn_wanted_ask(&w, asked[i], 1, 1);
	}
	assert_int_equal(pfn_wanted_settle(&w), 0);
	for (int i = 0; i < 4000; i++)
		assert_true(wants(asked[i]));
	for (size_t i = 1; i < w.nr; i++)
		assert_true(w.blocks[i - 1].number < w.blocks[i].number);
	int nr_others = 0;

	for (int i = 0; i < 4000; i++)
		nr_others += wants(test_random(&random) % (1ull << 34));
	assert_true(nr_others < 5);
	assert_int_equal(w.nr_refused, 0);
}

static void nonsense_is_no_frame(void **state)
{
	(void)state;
	ask(5, 0);
	ask(UINT64_MAX, 1);
	ask(1ull << 52, 1);
	ask(UINT64_MAX - 3, 100);
	assert_int_equal(w.nr, 0);
	ask((1ull << 52) - 1, 1);
	assert_int_equal(w.nr, 1);
}

static void full_set_refuses_and_counts(void **state)
{
	(void)state;
	for (uint64_t n = 0; n < PFN_MAX_BLOCKS + 10; n++)
		pfn_wanted_ask(&w, 2 * n * PFN_BLOCK_FRAMES, PFN_BLOCK_FRAMES, 1);
	assert_int_equal(pfn_wanted_settle(&w), 0);
	assert_int_equal(w.nr, PFN_MAX_BLOCKS);
	assert_int_equal(w.nr_refused, 10 * PFN_BLOCK_FRAMES);
	/* What is in it may still be asked for. */
	pfn_wanted_ask(&w, 0, 1, 2);
	assert_int_equal(w.nr_refused, 10 * PFN_BLOCK_FRAMES);
}

static void only_a_whole_pass_has_searched(void **state)
{
	(void)state;
	ask(1000, 8);
	pfn_wanted_begin_pass(&w);
	assert_false(w.has_news);
	ask(1016, 8);
	ask(5000, 8);
	assert_true(w.has_news);
	assert_false(pfn_wanted_is_searched(&w, 1000));
	pfn_wanted_end_pass(&w, 0);
	assert_true(pfn_wanted_is_searched(&w, 1000));
	assert_false(pfn_wanted_is_searched(&w, 1016));
	assert_false(pfn_wanted_is_searched(&w, 5000));
	pfn_wanted_begin_pass(&w);
	pfn_wanted_end_pass(&w, 0);
	assert_true(pfn_wanted_is_searched(&w, 1016));
	assert_true(pfn_wanted_is_searched(&w, 5000));
}

static void asking_again_is_no_news(void **state)
{
	(void)state;
	ask(1000, 8);
	pfn_wanted_begin_pass(&w);
	ask(1001, 2);
	assert_false(w.has_news);
}

static void what_nobody_asks_for_is_dropped_at_the_end_of_a_pass(void **state)
{
	(void)state;
	pfn_wanted_ask(&w, 1000, 1, 100);
	pfn_wanted_ask(&w, 9000, 1, 200);
	assert_int_equal(pfn_wanted_settle(&w), 0);
	pfn_wanted_begin_pass(&w);
	pfn_wanted_end_pass(&w, 150);
	assert_false(wants(1000));
	assert_true(wants(9000));
	/* Asked for again it lives on. */
	pfn_wanted_ask(&w, 9000, 1, 300);
	pfn_wanted_begin_pass(&w);
	pfn_wanted_end_pass(&w, 250);
	assert_true(wants(9000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_set_wants_nothing),
		TEST(frame_brings_its_neighbours_of_32_kib),
		TEST(range_over_several_blocks_is_wanted_whole),
		TEST(random_frames_are_found_and_others_not),
		TEST(nonsense_is_no_frame),
		TEST(full_set_refuses_and_counts),
		TEST(only_a_whole_pass_has_searched),
		TEST(asking_again_is_no_news),
		TEST(what_nobody_asks_for_is_dropped_at_the_end_of_a_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
