/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_target.c - regions follow the mappings and never overlap. */
#include "tests/unit/test.h"

#include "core/target.h"
#include "tests/unit/core/close_window.h"

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
			assert_int_equal(target.starts[i], at);
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
	(void)region_close_window(r, SECOND, SECOND, 0);
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

/* Some inside, some at the edges of regions, some in holes and beyond all; in order. */
static size_t random_cuts(struct cut *cuts, size_t max, uint64_t *random)
{
	uint64_t first = target.regions[0].start - PAGE;
	uint64_t last = target.regions[target.nr_regions - 1].end + PAGE;
	size_t nr = test_random(random) % (max + 1);
	uint64_t step = (last - first) / PAGE / (nr + 1) + 1, at = first;

	for (size_t i = 0; i < nr; i++) {
		at += PAGE * (test_random(random) % (2 * step));
		cuts[i] = (struct cut){ .at = at, .gain = 1 };
	}
	return nr;
}

static void split_at_random(uint64_t *random)
{
	struct cut cuts[20];
	size_t nr, before = target.nr_regions;

	if (target.nr_regions == 0)
		return;
	nr = random_cuts(cuts, 20, random);
	assert_int_equal(target_split(&target, cuts, nr), 0);
	assert_true(target.nr_regions >= before && target.nr_regions <= before + nr);
	for (size_t i = 0; i < nr; i++) {
		size_t at = target_find(&target, cuts[i].at);

		/* A region begins where a cut is, or it was in no region. */
		assert_true(at == target.nr_regions || target.regions[at].start >= cuts[i].at);
	}
}

static void any_sequence_of_layouts_is_covered_without_overlap(void **state)
{
	struct thermo_range ranges[20];
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t nr = random_layout(ranges, 20, &random);
		double before = all_events();

		follow(ranges, nr, 1 + (uint32_t)(test_random(&random) % 20));
		assert_covers(ranges, nr);
		/* Following makes up no events. */
		assert_true(all_events() <= before * 1.0001 + 1e-6);
		for (size_t i = 0; i < target.nr_regions; i++)
			if (test_random(&random) % 3 == 0)
				observe(i, (double)(test_random(&random) % 50));
		before = all_events();
		split_at_random(&random);
		assert_covers(ranges, nr);
		assert_near(all_events(), before, 0.1);
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

static size_t find_slowly(uint64_t addr)
{
	size_t i = 0;

	while (i < target.nr_regions && target.regions[i].end <= addr)
		i++;
	return i;
}

static size_t last_from_slowly(uint64_t addr)
{
	size_t last = 0;

	for (size_t i = 0; i < target.nr_regions; i++)
		if (target.regions[i].start <= addr)
			last = i;
	return last;
}

static void assert_finds(uint64_t addr)
{
	assert_int_equal(target_find(&target, addr), find_slowly(addr));
	assert_int_equal(target_last_from(&target, addr), last_from_slowly(addr));
}

static void search_finds_what_looking_at_all_finds(void **state)
{
	struct thermo_range ranges[20];
	uint64_t random = 13;

	(void)state;
	assert_finds(0);
	assert_finds(UINT64_MAX);
	for (int round = 0; round < 200; round++) {
		size_t nr = random_layout(ranges, round < 40 ? 2 : 20, &random);

		follow(ranges, nr, 1 + (uint32_t)(test_random(&random) % 20));
		assert_finds(0);
		assert_finds(UINT64_MAX);
		for (size_t i = 0; i < target.nr_regions; i++) {
			const struct region *r = &target.regions[i];

			assert_finds(r->start - 1);
			assert_finds(r->start);
			assert_finds(r->start + test_random(&random) % region_bytes(r));
			assert_finds(r->end - 1);
			assert_finds(r->end);
		}
	}
}

static void split_is_where_the_cuts_say_and_nowhere_else(void **state)
{
	const struct thermo_range ranges[] = { { 0, 4 * MIB }, { 8 * MIB, 12 * MIB } };
	const struct cut cuts[] = { { MIB, 9 },     { MIB, 9 },      { 2 * MIB, 9 },
				    { 4 * MIB, 9 }, { 6 * MIB, 9 },  { 8 * MIB, 9 },
				    { 9 * MIB, 9 }, { 12 * MIB, 9 }, { 99 * MIB, 9 } };
	const uint64_t starts[] = { 0, MIB, 2 * MIB, 8 * MIB, 9 * MIB };

	(void)state;
	follow(ranges, 2, 1);
	assert_int_equal(target_split(&target, cuts, 0), 0);
	assert_int_equal(target.nr_regions, 2);
	observe(0, 400);
	assert_int_equal(target_split(&target, cuts, sizeof(cuts) / sizeof(cuts[0])), 0);
	assert_covers(ranges, 2);
	assert_int_equal(target.nr_regions, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(target.regions[i].start, starts[i]);
	assert_near(region_rate(&target.regions[1]).events, 100, 0.1);
	assert_near(region_rate(&target.regions[2]).events, 200, 0.1);
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
	target_merge(&target, UNKNOWN_DIFFERENCE, UINT64_MAX);
	assert_int_equal(target.nr_regions, 2);
	target_fini(&target);
	follow(distant, 2, 2);
	target_merge(&target, 1e12, UINT64_MAX);
	assert_int_equal(target.nr_regions, 2);
}

static void uneven_regions_do_not_merge(void **state)
{
	const struct thermo_range r = { 0, 6 * MIB };

	(void)state;
	follow(&r, 1, 3);
	for (size_t i = 0; i < 3; i++)
		observe(i, 100);
	target.regions[1].uneven = true;
	target_merge(&target, 1e12, UINT64_MAX);
	assert_int_equal(target.nr_regions, 3);
	assert_true(isinf(target_difference(&target, 0, UINT64_MAX)));
	assert_true(isinf(target_difference(&target, 1, UINT64_MAX)));
	/* There is no neighbour to the right of the last. */
	assert_true(isinf(target_difference(&target, 2, UINT64_MAX)));
	target.regions[1].uneven = false;
	assert_true(target_difference(&target, 0, UINT64_MAX) == 0);
	assert_true(isinf(target_difference(&target, 0, 4 * MIB - 1)));
}

/* Regions 0 and 1 are as hot, and accessed by the thread @tid of each. */
static double difference_when_accessed_by(int32_t tid0, int32_t tid1, double events)
{
	const struct thermo_range r = { 0x400000, 0x800000 };

	follow(NULL, 0, 1);
	follow(&r, 1, 2);
	for (size_t i = 0; i < 2; i++) {
		struct thermo_access a = { .tid = i ? tid1 : tid0,
					   .cpu = THERMO_CPU_UNKNOWN,
					   .node = THERMO_NODE_UNKNOWN };

		observe(i, events);
		attribution_add(&target.regions[i].who, &a, (float)events);
	}
	return target_difference(&target, 0, UINT64_MAX);
}

static void regions_as_hot_for_other_threads_do_not_merge(void **state)
{
	(void)state;
	assert_true(difference_when_accessed_by(7, 7, 100) < 1);
	assert_true(difference_when_accessed_by(7, 8, 100) >= SIGNIFICANT);
	/* Of few events it is not known. */
	assert_true(difference_when_accessed_by(7, 8, 10) < 1);
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
		TEST(search_finds_what_looking_at_all_finds),
		TEST(split_is_where_the_cuts_say_and_nowhere_else),
		TEST(alike_neighbours_merge_up_to_the_size_limit),
		TEST(unlike_unobserved_and_distant_neighbours_do_not_merge),
		TEST(uneven_regions_do_not_merge),
		TEST(regions_as_hot_for_other_threads_do_not_merge),
		TEST(mean_rate_is_over_what_was_observed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
