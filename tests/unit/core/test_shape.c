/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_shape.c - regions go where they explain most, and are never too many. */
#include "tests/unit/test.h"

#include <math.h>
#include <stdlib.h>

#include "core/shape.h"
#include "tests/unit/core/close_window.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define NOW (100 * SECOND)
#define MAX_TARGETS 30

static struct target list[MAX_TARGETS];
static struct targets targets;
static uint64_t now_ns;

static int make(void **state)
{
	(void)state;
	memset(list, 0, sizeof(list));
	targets = (struct targets){ .list = list };
	now_ns = SECOND;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (size_t i = 0; i < MAX_TARGETS; i++)
		target_fini(&list[i]);
	return 0;
}

static void add_target(const struct thermo_range *ranges, size_t nr, uint32_t min)
{
	assert_int_equal(target_follow(&list[targets.nr], ranges, nr, min), 0);
	targets.nr++;
}

/* @rate accesses in each of so many seconds of watching, evenly. */
static void observe(struct region *r, uint64_t start, uint64_t end, double rate)
{
	region_add(r, start, end, rate * 10, 10 * (double)(end - start));
	region_add_scanned(r, rate * 10);
}

static void observe_evenly(struct region *r, double rate)
{
	observe(r, r->start, r->end, rate);
}

static void close_windows(void)
{
	now_ns += SECOND;
	for (size_t i = 0; i < targets.nr; i++)
		for (size_t j = 0; j < list[i].nr_regions; j++)
			(void)region_close_window(&list[i].regions[j], now_ns, 5 * SECOND, 0);
}

static size_t nr_regions(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < targets.nr; i++)
		nr += list[i].nr_regions;
	return nr;
}

static double all_events(void)
{
	double events = 0;

	for (size_t i = 0; i < targets.nr; i++)
		for (size_t j = 0; j < list[i].nr_regions; j++)
			events += region_rate(&list[i].regions[j]).events;
	return events;
}

/* Regions are exactly the ranges: none lies over a gap. */
static void assert_covers(const struct target *t, const struct thermo_range *ranges, size_t nr)
{
	size_t at = 0;

	for (size_t i = 0; i < nr; i++)
		for (uint64_t addr = ranges[i].start; addr < ranges[i].end; at++) {
			assert_true(at < t->nr_regions);
			assert_int_equal(t->regions[at].start, addr);
			assert_int_equal(t->starts[at], addr);
			assert_true(t->regions[at].end > addr &&
				    t->regions[at].end <= ranges[i].end);
			addr = t->regions[at].end;
		}
	assert_int_equal(at, t->nr_regions);
}

static void alike_regions_become_as_few_as_they_may(void **state)
{
	const struct thermo_range r = { 0, 160 * MIB };

	(void)state;
	add_target(&r, 1, 80);
	/* At first what looks even is cut to look inside; that ends when nothing is found. */
	for (int window = 0; window < 6; window++) {
		for (size_t i = 0; i < list[0].nr_regions; i++)
			observe_evenly(&list[0].regions[i], 1000);
		close_windows();
		shape_regions(&targets, window < 5 ? 10 : 1, 1000, now_ns);
		if (window == 0)
			assert_true(nr_regions() > 100);
		if (window == 4)
			assert_int_equal(nr_regions(), 10);
	}
	assert_int_equal(nr_regions(), 1);
	assert_covers(&list[0], &r, 1);
}

static void hot_spot_is_cut_out_where_there_is_room(void **state)
{
	const struct thermo_range r = { 0, 8 * MIB };

	(void)state;
	add_target(&r, 1, 1);
	observe_evenly(&list[0].regions[0], 10);
	observe(&list[0].regions[0], 3 * MIB, 4 * MIB, 10000);
	close_windows();
	shape_regions(&targets, 1, 10, NOW);
	assert_int_equal(list[0].nr_regions, 3);
	assert_int_equal(list[0].starts[1], 3 * MIB);
	assert_int_equal(list[0].starts[2], 4 * MIB);
}

static void no_merge_over_a_gap_however_few_regions_are_allowed(void **state)
{
	struct thermo_range ranges[8];

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		ranges[i] = (struct thermo_range){ i * 8 * MIB, i * 8 * MIB + 4 * MIB };
	add_target(ranges, 8, 16);
	assert_int_equal(nr_regions(), 16);
	for (size_t i = 0; i < 16; i++)
		observe_evenly(&list[0].regions[i], 1000);
	close_windows();
	shape_regions(&targets, 1, 10, NOW);
	assert_covers(&list[0], ranges, 8);
	assert_int_equal(nr_regions(), 8);
}

/* Ten regions that are unlike, though not much, and the most is ten: yet the spot is found. */
static void split_that_explains_much_takes_the_place_of_what_explains_little(void **state)
{
	const struct thermo_range r = { 0, 160 * MIB };
	size_t spot;

	(void)state;
	add_target(&r, 1, 10);
	assert_int_equal(nr_regions(), 10);
	for (size_t i = 0; i < 10; i++)
		observe_evenly(&list[0].regions[i], i % 2 ? 1000 : 1800);
	observe(&list[0].regions[5], 90 * MIB, 92 * MIB, 1000000);
	close_windows();
	shape_regions(&targets, 1, 10, NOW);
	assert_covers(&list[0], &r, 1);
	assert_true(nr_regions() <= 10);
	spot = target_find(&list[0], 90 * MIB);
	assert_int_equal(list[0].regions[spot].start, 90 * MIB);
	assert_int_equal(list[0].regions[spot].end, 92 * MIB);
}

static void what_is_very_unlike_stays_apart_when_a_split_explains_less(void **state)
{
	const struct thermo_range r = { 0, 160 * MIB };

	(void)state;
	add_target(&r, 1, 10);
	for (size_t i = 0; i < 10; i++)
		observe_evenly(&list[0].regions[i], i % 2 ? 10 : 1e6);
	/* It would be cut if there were room. */
	observe(&list[0].regions[5], 88 * MIB, 96 * MIB, 40);
	close_windows();
	struct cut cuts[EVIDENCE_BINS - 1];

	assert_true(region_cuts(&list[0].regions[5], cuts) > 0);
	shape_regions(&targets, 1, 10, NOW);
	assert_int_equal(nr_regions(), 10);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(list[0].starts[i], i * 16 * MIB);
}

static void room_goes_to_the_target_where_it_explains_most(void **state)
{
	const struct thermo_range r = { 0, 8 * MIB };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		add_target(&r, 1, 1);
		observe_evenly(&list[i].regions[0], 100);
		observe(&list[i].regions[0], 4 * MIB, 8 * MIB, i == 6 ? 1e6 : 500);
	}
	close_windows();
	shape_regions(&targets, 1, 10, NOW);
	assert_int_equal(nr_regions(), 10);
	assert_int_equal(list[6].nr_regions, 2);
	assert_int_equal(list[6].starts[1], 4 * MIB);
}

static void known_and_unknown_stay_apart_while_there_is_room(void **state)
{
	const struct thermo_range r = { 0, 160 * MIB };

	(void)state;
	add_target(&r, 1, 10);
	for (size_t i = 0; i < 10; i += 2)
		observe_evenly(&list[0].regions[i], 1000);
	close_windows();
	shape_regions(&targets, 1, 10, NOW);
	assert_int_equal(nr_regions(), 10);
}

/* A second process appears, and of the first only every other region was ever watched. */
static void unknown_regions_do_not_hold_the_number_above_the_most(void **state)
{
	const struct thermo_range r = { 0, 160 * MIB };

	(void)state;
	add_target(&r, 1, 10);
	for (size_t i = 0; i < 10; i += 2)
		observe_evenly(&list[0].regions[i], 1000);
	close_windows();
	add_target(&r, 1, 10);
	shape_regions(&targets, 10, 10, NOW);
	assert_true(nr_regions() <= 10);
	assert_covers(&list[0], &r, 1);
	assert_covers(&list[1], &r, 1);
}

/* So many that @max regions are enough for them. */
static size_t random_layout(struct thermo_range *ranges, size_t max, uint64_t *random)
{
	size_t nr = 1 + test_random(random) % max;
	uint64_t at = PAGE;

	for (size_t i = 0; i < nr; i++) {
		at += PAGE * (test_random(random) % 2);
		ranges[i].start = at;
		at += PAGE * (1 + test_random(random) % 20000);
		ranges[i].end = at;
		at += PAGE;
	}
	return nr;
}

/* Sometimes all, sometimes parts, sometimes spots, of any heat. */
static void observe_at_random(struct region *r, uint64_t *random)
{
	uint64_t from = r->start + test_random(random) % region_bytes(r);
	uint64_t to = from + 1 + test_random(random) % (r->end - from);

	if (test_random(random) % 2)
		observe_evenly(r, (double)(test_random(random) % (1u << test_random(random) % 20)));
	if (test_random(random) % 2)
		observe(r, from, to, (double)(test_random(random) % 100000));
}

static void any_evidence_gives_at_most_the_most_and_loses_nothing(void **state)
{
	struct thermo_range ranges[MAX_TARGETS][3];
	size_t nr_ranges[MAX_TARGETS];
	uint64_t random = 17;

	(void)state;
	for (int round = 0; round < 40; round++) {
		size_t nr = 1 + test_random(&random) % MAX_TARGETS;
		uint32_t min = 1 + (uint32_t)(test_random(&random) % 20);
		uint32_t max = 90 + (uint32_t)(test_random(&random) % 200);

		(void)drop(NULL);
		(void)make(NULL);
		for (size_t i = 0; i < nr; i++) {
			nr_ranges[i] = random_layout(ranges[i], 3, &random);
			add_target(ranges[i], nr_ranges[i], min);
		}
		for (int window = 0; window < 10; window++) {
			for (size_t i = 0; i < nr; i++)
				for (size_t j = 0; j < list[i].nr_regions; j++)
					if (test_random(&random) % 2)
						observe_at_random(&list[i].regions[j], &random);
			close_windows();
			double before = all_events();

			shape_regions(&targets, min, max, NOW);
			if (nr_regions() > max)
				fail_msg("%zu regions of at most %u", nr_regions(), max);
			assert_near(all_events(), before, 0.1);
			for (size_t i = 0; i < nr; i++)
				assert_covers(&list[i], ranges[i], nr_ranges[i]);
		}
	}
}

/* One window is too little to judge them by. */
static void what_is_looked_into_stays_cut_for_more_than_a_window(void **state)
{
	const struct thermo_range r = { 0, 64 * MIB };
	size_t nr;

	(void)state;
	add_target(&r, 1, 1);
	observe_evenly(&list[0].regions[0], 10000);
	close_windows();
	shape_regions(&targets, 1, 100, now_ns);
	nr = nr_regions();
	assert_true(nr > 1 && nr <= 50);
	for (size_t i = 0; i < nr; i++)
		observe_evenly(&list[0].regions[i], 10000.0 / (double)nr);
	close_windows();
	shape_regions(&targets, 1, 100, now_ns);
	assert_int_equal(nr_regions(), nr);
	/* But not when the room is wanted. */
	close_windows();
	shape_regions(&targets, 1, 10, now_ns);
	assert_true(nr_regions() <= 10);
}

/* 16 pairs of stripes in each eighth: every other of them has all the accesses. */
static void stripes_that_are_finer_than_a_bin_are_found(void **state)
{
	const struct thermo_range r = { 0, 64 * MIB };
	const uint64_t stripe = 256 * 1024;
	uint64_t random = 23, hot_bytes = 0;

	(void)state;
	add_target(&r, 1, 1);
	for (int window = 0; window < 10; window++) {
		for (int i = 0; i < 20000; i++) {
			uint64_t at = test_random(&random) % (64 * MIB) & ~stripe;

			region_add_sample(&list[0].regions[target_find(&list[0], at)], at, 1);
		}
		now_ns += SECOND;
		for (size_t i = 0; i < list[0].nr_regions; i++)
			(void)region_close_window(&list[0].regions[i], now_ns, 5 * SECOND, 1);
		shape_regions(&targets, 1, 1000, now_ns);
		assert_covers(&list[0], &r, 1);
		assert_true(nr_regions() <= 1000);
	}
	for (size_t i = 0; i < list[0].nr_regions; i++) {
		struct rate rate = region_rate(&list[0].regions[i]);

		if (rate_per_byte(&rate, 0) > 20000.0 / (64 * MIB))
			hot_bytes += region_bytes(&list[0].regions[i]);
	}
	/* Half of it is hot, and known to be. */
	assert_near((double)hot_bytes, 32.0 * MIB, 5);
}

/* Two threads, each as busy as the other, and where the memory of one ends is inside of a region.
 */
static void end_of_a_thread_s_memory_is_found_where_the_rate_does_not_tell(void **state)
{
	const struct thermo_range r = { 0, 256 * MIB };
	const uint64_t end = 123 * MIB;
	uint64_t random = 29;
	size_t at;

	(void)state;
	add_target(&r, 1, 10);
	assert_true(list[0].starts[target_find(&list[0], end)] < end);
	for (int window = 0; window < 25; window++) {
		for (int i = 0; i < 2000; i++) {
			uint64_t addr = test_random(&random) % (256 * MIB);
			struct thermo_access access = { .tid = addr < end ? 7 : 8,
							.cpu = THERMO_CPU_UNKNOWN,
							.op = THERMO_OP_UNKNOWN,
							.node = -1 };
			struct region *region = &list[0].regions[target_find(&list[0], addr)];

			region_add_sample(region, addr, 1);
			attribution_add(&region->who, &access, exp2f((float)window / 5));
		}
		now_ns += SECOND;
		for (size_t i = 0; i < list[0].nr_regions; i++) {
			struct region *region = &list[0].regions[i];

			(void)region_close_window(region, now_ns, 5 * SECOND, 1);
			/* They were looked into, too early to tell anything. */
			if (window == 0)
				region->explored_ns = now_ns;
		}
		shape_regions(&targets, 10, 1000, now_ns);
	}
	at = target_find(&list[0], end + MIB);
	assert_true(list[0].starts[at] + MIB > end);
	assert_int_equal(list[0].regions[at].who.heavy[HEAVY_TID].key[0], 8);
	assert_int_equal(list[0].regions[at - 1].who.heavy[HEAVY_TID].key[0], 7);
	assert_covers(&list[0], &r, 1);
}

static void nothing_to_watch_is_nothing_to_shape(void **state)
{
	(void)state;
	shape_regions(&targets, 10, 100, NOW);
	assert_int_equal(nr_regions(), 0);
	/* A target whose memory is all unmapped. */
	add_target(NULL, 0, 10);
	shape_regions(&targets, 10, 100, NOW);
	assert_int_equal(nr_regions(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(alike_regions_become_as_few_as_they_may),
		TEST(hot_spot_is_cut_out_where_there_is_room),
		TEST(no_merge_over_a_gap_however_few_regions_are_allowed),
		TEST(split_that_explains_much_takes_the_place_of_what_explains_little),
		TEST(what_is_very_unlike_stays_apart_when_a_split_explains_less),
		TEST(room_goes_to_the_target_where_it_explains_most),
		TEST(known_and_unknown_stay_apart_while_there_is_room),
		TEST(unknown_regions_do_not_hold_the_number_above_the_most),
		TEST(any_evidence_gives_at_most_the_most_and_loses_nothing),
		TEST(what_is_looked_into_stays_cut_for_more_than_a_window),
		TEST(stripes_that_are_finer_than_a_bin_are_found),
		TEST(end_of_a_thread_s_memory_is_found_where_the_rate_does_not_tell),
		TEST(nothing_to_watch_is_nothing_to_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
