/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_target.c - regions follow the mappings and never overlap. */
#include "tests/unit/test.h"

#include "core/target.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull

static struct target target;

static int drop(void **state)
{
	(void)state;
	target_fini(&target);
	return 0;
}

static void follow(const struct thermo_range *ranges, size_t nr, uint32_t min)
{
	assert_int_equal(target_follow(&target, ranges, nr, min), 0);
}

/* Regions are exactly the ranges: sorted, without overlap or hole, none empty. */
static void assert_covers(const struct thermo_range *ranges, size_t nr)
{
	size_t i = 0;

	for (size_t j = 0; j < nr; j++) {
		uint64_t at = ranges[j].start;

		for (; i < target.nr_regions && target.regions[i].start < ranges[j].end; i++) {
			assert_int_equal(target.regions[i].start, at);
			assert_true(target.regions[i].end > at);
			at = target.regions[i].end;
		}
		assert_int_equal(at, ranges[j].end);
	}
	assert_int_equal(i, target.nr_regions);
}

static void observe(size_t index, double events)
{
	struct region *r = &target.regions[index];

	region_add(r, r->start, r->end, events, (double)region_bytes(r));
	(void)region_close_window(r, SECOND, SECOND);
}

static double all_events(void)
{
	double events = 0;

	for (size_t i = 0; i < target.nr_regions; i++)
		events += region_rate(&target.regions[i]).events;
	return events;
}

static void new_memory_comes_in_at_least_min_pieces(void **state)
{
	const struct thermo_range r = { 512 * MIB, 612 * MIB };

	(void)state;
	follow(&r, 1, 10);
	assert_covers(&r, 1);
	assert_true(target.nr_regions >= 10 && target.nr_regions <= 20);
	for (size_t i = 1; i < target.nr_regions; i++)
		assert_int_equal(target.regions[i].start % (2 * MIB), 0);
	assert_int_equal(target_bytes(&target), 100 * MIB);
}

static void small_memory_is_not_cut_to_bits(void **state)
{
	const struct thermo_range r = { PAGE, 5 * PAGE };

	(void)state;
	follow(&r, 1, 10);
	assert_int_equal(target.nr_regions, 1);
	assert_covers(&r, 1);
}

static void what_is_unmapped_goes_with_its_evidence(void **state)
{
	const struct thermo_range before = { 0x200000, 0x400000 }, after = { 0x300000, 0x400000 };

	(void)state;
	follow(&before, 1, 1);
	observe(0, 100);
	follow(&after, 1, 1);
	assert_covers(&after, 1);
	assert_near(all_events(), 50, 0.1);
	follow(NULL, 0, 1);
	assert_int_equal(target.nr_regions, 0);
}

static void hole_cuts_a_region_in_two_with_their_shares(void **state)
{
	const struct thermo_range before = { 0x200000, 0x400000 };
	const struct thermo_range after[] = { { 0x200000, 0x280000 }, { 0x380000, 0x400000 } };

	(void)state;
	follow(&before, 1, 1);
	observe(0, 100);
	follow(after, 2, 1);
	assert_covers(after, 2);
	assert_near(region_rate(&target.regions[0]).events, 25, 0.1);
	assert_near(region_rate(&target.regions[1]).events, 25, 0.1);
}

static void grown_mapping_keeps_what_is_known(void **state)
{
	const struct thermo_range before = { 0x400000, 0x600000 }, after = { 0x200000, 0x800000 };

	(void)state;
	follow(&before, 1, 1);
	observe(0, 100);
	follow(&after, 1, 1);
	assert_covers(&after, 1);
	assert_near(all_events(), 100, 0.1);
	assert_near(region_rate(&target.regions[target_find(&target, 0x400000)]).events, 100, 0.1);
}

static size_t random_layout(struct thermo_range *ranges, size_t max, uint64_t *random)
{
	size_t nr = test_random(random) % (max + 1);
	uint64_t at = PAGE * (1 + test_random(random) % 100);

	for (size_t i = 0; i < nr; i++) {
		at += PAGE * (test_random(random) % 1000 + 1);
		ranges[i].start = at;
		at += PAGE * (test_random(random) % 5000 + 1);
		ranges[i].end = at;
	}
	return nr;
}

static void any_sequence_of_layouts_is_covered_without_overlap(void **state)
{
	struct thermo_range ranges[20];
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 500; round++) {
		size_t nr = random_layout(ranges, 20, &random);
		double before = all_events();

		follow(ranges, nr, 1 + (uint32_t)(test_random(&random) % 20));
		assert_covers(ranges, nr);
		/* Following makes up no events. */
		assert_true(all_events() <= before * 1.0001 + 1e-6);
		for (size_t i = 0; i < target.nr_regions; i++)
			if (test_random(&random) % 3 == 0)
				observe(i, (double)(test_random(&random) % 50));
		for (int i = 0; i < 5 && target.nr_regions; i++) {
			size_t index = test_random(&random) % target.nr_regions;
			struct region *r = &target.regions[index];
			uint64_t pages = region_bytes(r) / PAGE;

			if (pages > 1)
				assert_int_equal(
						target_split(&target, index,
							     r->start + PAGE * (1 +
										test_random(&random) %
												(pages -
												 1))),
						0);
		}
		assert_covers(ranges, nr);
		before = all_events();
		target_merge(&target, 1e12, UINT64_MAX);
		assert_covers(ranges, nr);
		assert_near(all_events(), before, 0.1);
	}
}

static void find_gives_the_region_or_the_next(void **state)
{
	const struct thermo_range ranges[] = { { 0x1000, 0x3000 }, { 0x5000, 0x6000 } };

	(void)state;
	follow(ranges, 2, 1);
	assert_int_equal(target_find(&target, 0), 0);
	assert_int_equal(target_find(&target, 0x1000), 0);
	assert_int_equal(target_find(&target, 0x2fff), 0);
	assert_int_equal(target_find(&target, 0x3000), 1);
	assert_int_equal(target_find(&target, 0x5fff), 1);
	assert_int_equal(target_find(&target, 0x6000), 2);
}

static void alike_neighbours_merge_up_to_the_size_limit(void **state)
{
	const struct thermo_range r = { 0, 16 * MIB };

	(void)state;
	follow(&r, 1, 8);
	assert_int_equal(target.nr_regions, 8);
	for (size_t i = 0; i < 8; i++)
		observe(i, 100);
	target_merge(&target, 1, 4 * MIB);
	assert_int_equal(target.nr_regions, 4);
	target_merge(&target, 1, 16 * MIB);
	assert_int_equal(target.nr_regions, 1);
	assert_covers(&r, 1);
}

static void unlike_unobserved_and_distant_neighbours_do_not_merge(void **state)
{
	const struct thermo_range unlike = { 0, 4 * MIB };
	const struct thermo_range distant[] = { { 0, 2 * MIB }, { 4 * MIB, 6 * MIB } };

	(void)state;
	follow(&unlike, 1, 2);
	observe(0, 1000);
	observe(1, 10);
	target_merge(&target, 1, UINT64_MAX);
	assert_int_equal(target.nr_regions, 2);
	target_fini(&target);
	follow(&unlike, 1, 2);
	observe(0, 1000);
	target_merge(&target, 1e12, UINT64_MAX);
	assert_int_equal(target.nr_regions, 2);
	target_fini(&target);
	follow(distant, 2, 2);
	target_merge(&target, 1e12, UINT64_MAX);
	assert_int_equal(target.nr_regions, 2);
}

static void mean_rate_is_over_what_was_observed(void **state)
{
	const struct thermo_range r = { 0, 4 * MIB };

	(void)state;
	follow(&r, 1, 2);
	assert_true(target_mean_rate(&target) == 0);
	observe(0, 2.0 * MIB);
	assert_near(target_mean_rate(&target), 1, 0.1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(new_memory_comes_in_at_least_min_pieces),
		TEST(small_memory_is_not_cut_to_bits),
		TEST(what_is_unmapped_goes_with_its_evidence),
		TEST(hole_cuts_a_region_in_two_with_their_shares),
		TEST(grown_mapping_keeps_what_is_known),
		TEST(any_sequence_of_layouts_is_covered_without_overlap),
		TEST(find_gives_the_region_or_the_next),
		TEST(alike_neighbours_merge_up_to_the_size_limit),
		TEST(unlike_unobserved_and_distant_neighbours_do_not_merge),
		TEST(mean_rate_is_over_what_was_observed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
