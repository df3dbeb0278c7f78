/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_region.c - the arithmetic of evidence: nothing is made up, nothing is lost. */
#include "tests/unit/test.h"

#include "core/region.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define SECOND 1000000000ull
#define HALF_LIFE (5 * SECOND)

static struct region make_region(uint64_t start, uint64_t end)
{
	struct region r;

	region_init(&r, start, end);
	return r;
}

static struct rate sum(const struct evidence *e)
{
	struct rate rate = { 0, 0, 0 };

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		rate.events += (double)e->events[i];
		rate.exposure += (double)e->exposure[i];
	}
	return rate;
}

static void rate_is_events_over_exposure(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	struct rate rate;

	(void)state;
	region_add(&r, 0, 8 * MIB, 0, 8.0 * MIB * 2);
	region_add(&r, 100 * PAGE, 101 * PAGE, 40, 0);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	rate = region_rate(&r);
	assert_near(rate.events, 40, 0.01);
	assert_near(rate.exposure, 16.0 * MIB, 0.01);
	assert_near(rate_per_byte(&rate, 0), 40 / (16.0 * MIB), 0.01);
}

static void evidence_falls_into_the_bin_of_its_address(void **state)
{
	struct region r = make_region(16 * MIB, 24 * MIB);

	(void)state;
	for (uint64_t i = 0; i < EVIDENCE_BINS; i++) {
		region_add(&r, (16 + i) * MIB, (16 + i) * MIB + 1, 1.0 + (double)i, 0);
		region_add(&r, (17 + i) * MIB - 1, (17 + i) * MIB, 10, 0);
	}
	for (int i = 0; i < EVIDENCE_BINS; i++)
		assert_near((double)r.window.events[i], 11.0 + i, 0.001);
}

static void evidence_over_several_bins_is_spread_by_bytes(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	/* Half of bin 1, all of bin 2, a quarter of bin 3. */
	region_add(&r, MIB + MIB / 2, 3 * MIB + MIB / 4, 70, 700);
	assert_near((double)r.window.events[1], 20, 0.01);
	assert_near((double)r.window.events[2], 40, 0.01);
	assert_near((double)r.window.events[3], 10, 0.01);
	assert_near((double)r.window.exposure[2], 400, 0.01);
	assert_true(r.window.events[0] == 0 && r.window.events[4] == 0);
}

static void what_lies_outside_is_cut_off(void **state)
{
	struct region r = make_region(8 * MIB, 16 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 5, 5);
	region_add(&r, 16 * MIB, 17 * MIB, 5, 5);
	assert_true(sum(&r.window).events == 0);
	region_add(&r, 0, 100 * MIB, 5, 5);
	assert_near(sum(&r.window).events, 5, 0.001);
}

static void odd_sizes_lose_no_byte_at_the_bin_edges(void **state)
{
	(void)state;
	for (uint64_t pages = 1; pages < 40; pages++) {
		struct region r = make_region(PAGE, PAGE + pages * PAGE);

		for (uint64_t at = r.start; at < r.end; at += 512)
			region_add(&r, at, at + 512, 1, 512);
		assert_near(sum(&r.window).events, (double)(pages * 8), 0.01);
		assert_near(sum(&r.window).exposure, (double)(pages * PAGE), 0.01);
	}
}

static void old_evidence_counts_half_after_a_half_life(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND + HALF_LIFE, HALF_LIFE, 0);
	assert_near(region_rate(&r).events, 150, 0.1);
	assert_near(region_weight(&r, SECOND + 2 * HALF_LIFE, HALF_LIFE), 0.5, 0.1);
}

static void window_without_exposure_changes_nothing(void **state)
{
	struct region r = make_region(0, 8 * MIB), before;

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	before = r;
	assert_true(region_close_window(&r, 9 * SECOND, HALF_LIFE, 0) == 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void change_drops_the_old_and_tells_its_size(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB, changed;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_add(&r, 0, 8 * MIB, 1000, bytes);
	changed = region_close_window(&r, 2 * SECOND, HALF_LIFE, 0);
	assert_near(changed, 900, 1);
	assert_int_equal(r.changed_ns, 2 * SECOND);
	assert_near(region_rate(&r).exposure, bytes, 0.1);
}

static void noise_is_no_change(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 20, 10 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	/* 2 are expected; 4 come often enough. */
	region_add(&r, 0, 8 * MIB, 4, bytes);
	assert_true(region_close_window(&r, 2 * SECOND, HALF_LIFE, 0) == 0);
	assert_int_equal(r.changed_ns, SECOND);
}

/* 1000 touches that waited 5 ms each on average, against a tenth of a second of silence. */
static void one_silence_halves_a_hot_rate_and_the_second_is_believed(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double bytes = 8.0 * MIB;

	(void)state;
	region_add(&r, 0, 8 * MIB, 1000, 0.005 * bytes);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	struct rate before = region_rate(&r);

	region_add(&r, 0, 8 * MIB, 0, 0.1 * bytes);
	/* Told all the same: it is worth a closer look. */
	assert_true(region_close_window(&r, SECOND + 1, HALF_LIFE, 0) > 0);
	struct rate doubted = region_rate(&r);

	assert_near(rate_per_byte(&doubted, 0) / rate_per_byte(&before, 0), 0.5, 0.01);
	region_add(&r, 0, 8 * MIB, 0, 0.1 * bytes);
	assert_true(region_close_window(&r, 7 * SECOND, HALF_LIFE, 0) > 0);
	struct rate believed = region_rate(&r);

	assert_near(rate_per_byte(&believed, 0), 0, 0.01);
}

static void first_evidence_sets_the_age(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	assert_true(region_weight(&r, 5 * SECOND, HALF_LIFE) == 0);
	region_add(&r, 0, 8 * MIB, 0, 100);
	(void)region_close_window(&r, 5 * SECOND, HALF_LIFE, 0);
	assert_int_equal(r.changed_ns, 5 * SECOND);
	assert_int_equal(r.evidence_ns, 5 * SECOND);
}

static void little_evidence_leans_towards_the_prior(void **state)
{
	struct rate none = { 0, 0, 0 }, little = { 0, 100, 0 }, much = { 1000, 1000, 0 };

	(void)state;
	assert_near(rate_per_byte(&none, 7), 7, 0.01);
	assert_true(rate_per_byte(&little, 7) > 0 && rate_per_byte(&little, 7) < 1);
	assert_near(rate_per_byte(&much, 7), 1, 1);
	assert_true(rate_per_byte(&none, 0) == 0);
	assert_true(rate_relative_error(&none) > rate_relative_error(&much));
}

static void equal_rates_do_not_differ_and_unlike_ones_do(void **state)
{
	struct rate a = { 100, 1000, 0 }, same = { 200, 2000, 0 }, more = { 400, 1000, 0 },
		    none = { 0, 0, 0 }, silent = { 0, 1000, 0 };

	(void)state;
	assert_true(rates_differ(&a, &same) == 0);
	assert_true(rates_differ(&a, &more) > 5);
	assert_true(rates_differ(&a, &more) == rates_differ(&more, &a));
	assert_true(rates_differ(&a, &silent) > 5);
	/* What was never watched says nothing. */
	assert_true(rates_differ(&a, &none) == 0);
	assert_true(rates_differ(&silent, &silent) == 0);
}

static void split_falls_where_the_rate_changes(void **state)
{
	(void)state;
	for (uint64_t hot = 1; hot < EVIDENCE_BINS; hot++) {
		struct region r = make_region(64 * MIB, 72 * MIB);
		uint64_t at = 0;

		region_add(&r, 64 * MIB, 72 * MIB, 8, 8.0 * MIB);
		region_add(&r, (64 + hot) * MIB, 72 * MIB, 500, 0);
		(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
		assert_true(region_best_split(&r, &at) > 0);
		assert_int_equal(at, (64 + hot) * MIB);
	}
}

static void even_region_and_single_page_are_not_split(void **state)
{
	struct region even = make_region(0, 8 * MIB), page = make_region(PAGE, 2 * PAGE);
	uint64_t at = 42;

	(void)state;
	region_add(&even, 0, 8 * MIB, 10000, 8.0 * MIB);
	(void)region_close_window(&even, SECOND, HALF_LIFE, 0);
	assert_true(region_best_split(&even, &at) == 0);
	region_add(&page, PAGE, 2 * PAGE, 1, PAGE);
	region_add(&page, PAGE, PAGE + 64, 10000, 0);
	(void)region_close_window(&page, SECOND, HALF_LIFE, 0);
	assert_true(region_best_split(&page, &at) == 0);
	assert_int_equal(at, 42);
}

static void fill_random(struct region *r, uint64_t *random)
{
	for (int i = 0; i < 20; i++) {
		uint64_t at = r->start + test_random(random) % (r->end - r->start);

		region_add(r, at, at + 1 + test_random(random) % (2 * MIB),
			   (double)(test_random(random) % 100),
			   (double)(test_random(random) % 100000));
	}
}

static void split_and_merge_conserve_events_and_exposure(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t pages = 2 + test_random(&random) % 5000;
		uint64_t start = PAGE * (1 + test_random(&random) % 1000000);
		struct region r = make_region(start, start + pages * PAGE), right;
		uint64_t at = start + PAGE * (1 + test_random(&random) % (pages - 1)), end = r.end;

		fill_random(&r, &random);
		(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
		fill_random(&r, &random);

		struct rate known = sum(&r.known), window = sum(&r.window), left;

		region_split(&r, at, &right);
		assert_int_equal(r.start, start);
		assert_int_equal(r.end, at);
		assert_int_equal(right.start, at);
		assert_int_equal(right.end, end);
		left = sum(&r.known);
		assert_near(left.events + sum(&right.known).events, known.events, 0.01);
		assert_near(left.exposure + sum(&right.known).exposure, known.exposure, 0.01);
		assert_near(sum(&r.window).events + sum(&right.window).events, window.events, 0.01);
		region_merge(&r, &right);
		assert_int_equal(r.end, end);
		assert_near(sum(&r.known).events, known.events, 0.01);
		assert_near(sum(&r.known).exposure, known.exposure, 0.01);
		assert_near(sum(&r.window).exposure, window.exposure, 0.01);
	}
}

static void split_leaves_events_where_they_were(void **state)
{
	struct region r = make_region(0, 8 * MIB), right;

	(void)state;
	region_add(&r, 5 * MIB, 5 * MIB + 1, 30, 0);
	region_add(&r, MIB, MIB + 1, 10, 0);
	region_add(&r, 0, 8 * MIB, 0, 80);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_split(&r, 4 * MIB, &right);
	assert_near(region_rate(&r).events, 10, 0.01);
	assert_near(region_rate(&right).events, 30, 0.01);
	assert_near(region_rate(&right).exposure, 40, 0.01);
}

static void trim_keeps_what_lies_within(void **state)
{
	struct region r = make_region(0, 8 * MIB);

	(void)state;
	region_add(&r, 0, 8 * MIB, 80, 800);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	region_trim(&r, 2 * MIB, 4 * MIB);
	assert_int_equal(r.start, 2 * MIB);
	assert_int_equal(r.end, 4 * MIB);
	assert_near(region_rate(&r).events, 20, 0.01);
	assert_near(region_rate(&r).exposure, 200, 0.01);
}

static struct thermo_access by(uint32_t cpu, int32_t tid, uint8_t op)
{
	return (struct thermo_access){ .cpu = cpu, .tid = tid, .op = op };
}

static double weight_of(const struct heavy *list, int nr, uint32_t key)
{
	for (int i = 0; i < nr; i++)
		if (list[i].key == key && list[i].weight > 0)
			return (double)list[i].weight;
	return 0;
}

static void heavy_hitters_survive_many_light_ones(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	double total = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct thermo_access heavy = by(5, 500, THERMO_OP_READ);
		struct thermo_access light = by(100 + (uint32_t)i % 50, 1000 + i, THERMO_OP_READ);

		region_attribute(&r, &heavy, 1);
		region_attribute(&r, &light, 1);
	}
	/* Space-Saving: kept keys are never underestimated, the sum is exact. */
	assert_true(weight_of(r.cpus, THERMO_TOP_CPUS, 5) >= 1000);
	assert_true(weight_of(r.tids, THERMO_TOP_TIDS, 500) >= 1000);
	for (int i = 0; i < THERMO_TOP_CPUS; i++)
		total += (double)r.cpus[i].weight;
	assert_near(total, 2000, 0.01);
}

static void unknown_cpu_and_thread_are_not_made_up(void **state)
{
	struct region r = make_region(0, 8 * MIB);
	struct thermo_access a = by(THERMO_CPU_UNKNOWN, 0, THERMO_OP_UNKNOWN), cpu0 = by(0, 0, 200);

	(void)state;
	region_attribute(&r, &a, 3);
	assert_true(r.cpus[0].weight == 0 && r.tids[0].weight == 0);
	assert_near((double)r.op_events[THERMO_OP_UNKNOWN], 3, 0.01);
	/* CPU 0 is a CPU; an op that does not exist is none. */
	region_attribute(&r, &cpu0, 2);
	assert_near(weight_of(r.cpus, THERMO_TOP_CPUS, 0), 2, 0.01);
	assert_near((double)(r.op_events[0] + r.op_events[1] + r.op_events[2]), 3, 0.01);
}

static void attribution_is_divided_by_split_and_joined_by_merge(void **state)
{
	struct region r = make_region(0, 8 * MIB), right;
	struct thermo_access a = by(1, 10, THERMO_OP_READ), b = by(2, 20, THERMO_OP_WRITE);

	(void)state;
	region_add(&r, 0, 8 * MIB, 100, 100);
	region_attribute(&r, &a, 75);
	region_attribute(&r, &b, 25);
	(void)region_close_window(&r, SECOND, HALF_LIFE, 0);
	double reads = (double)r.op_events[THERMO_OP_READ];

	region_split(&r, 2 * MIB, &right);
	assert_near((double)r.op_events[THERMO_OP_READ], reads / 4, 0.1);
	assert_near((double)right.op_events[THERMO_OP_READ], reads * 3 / 4, 0.1);
	region_merge(&r, &right);
	assert_near((double)r.op_events[THERMO_OP_READ], reads, 0.1);
	assert_near(weight_of(r.cpus, THERMO_TOP_CPUS, 1),
		    3 * weight_of(r.cpus, THERMO_TOP_CPUS, 2), 0.1);
	assert_near(weight_of(r.tids, THERMO_TOP_TIDS, 10),
		    3 * weight_of(r.tids, THERMO_TOP_TIDS, 20), 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_events_over_exposure),
		cmocka_unit_test(evidence_falls_into_the_bin_of_its_address),
		cmocka_unit_test(evidence_over_several_bins_is_spread_by_bytes),
		cmocka_unit_test(what_lies_outside_is_cut_off),
		cmocka_unit_test(odd_sizes_lose_no_byte_at_the_bin_edges),
		cmocka_unit_test(old_evidence_counts_half_after_a_half_life),
		cmocka_unit_test(window_without_exposure_changes_nothing),
		cmocka_unit_test(change_drops_the_old_and_tells_its_size),
		cmocka_unit_test(noise_is_no_change),
		cmocka_unit_test(first_evidence_sets_the_age),
		cmocka_unit_test(little_evidence_leans_towards_the_prior),
		cmocka_unit_test(equal_rates_do_not_differ_and_unlike_ones_do),
		cmocka_unit_test(split_falls_where_the_rate_changes),
		cmocka_unit_test(even_region_and_single_page_are_not_split),
		cmocka_unit_test(split_and_merge_conserve_events_and_exposure),
		cmocka_unit_test(split_leaves_events_where_they_were),
		cmocka_unit_test(trim_keeps_what_lies_within),
		cmocka_unit_test(heavy_hitters_survive_many_light_ones),
		cmocka_unit_test(unknown_cpu_and_thread_are_not_made_up),
		cmocka_unit_test(attribution_is_divided_by_split_and_joined_by_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
