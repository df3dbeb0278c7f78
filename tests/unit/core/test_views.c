/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_views.c - what a snapshot says, against numbers worked out by hand. */
#include "tests/unit/test.h"

#include "core/views.h"

#define MIB (1ull << 20)
#define S 1000000000ull

/*
 * Four targets' worth of trouble in 16 MiB:
 *	1 MiB at 800/s, hot for 20 s; 3 MiB at 150/s, idle for 3 s;
 *	4 MiB at 0/s, looked at for 60 s, never accessed; 8 MiB never observed, assumed 50/s.
 */
static const struct thermo_region mixed[] = {
	{ .start = 0,
	  .end = 1 * MIB,
	  .accesses_per_s = 800,
	  .nr_events = 9,
	  .exposure_s = 1,
	  .age_ns = 20 * S,
	  .idle_ns = S / 2,
	  .target = 0 },
	{ .start = 4 * MIB,
	  .end = 7 * MIB,
	  .accesses_per_s = 150,
	  .nr_events = 4,
	  .exposure_s = 2,
	  .age_ns = 7 * S,
	  .idle_ns = 3 * S,
	  .target = 1 },
	{ .start = 7 * MIB,
	  .end = 11 * MIB,
	  .exposure_s = 60,
	  .age_ns = 60 * S,
	  .idle_ns = UINT64_MAX,
	  .target = 1 },
	{ .start = 16 * MIB,
	  .end = 24 * MIB,
	  .accesses_per_s = 50,
	  .age_ns = 0,
	  .idle_ns = UINT64_MAX,
	  .evidence_age_ns = UINT64_MAX,
	  .target = 3 },
};
static const struct thermo_snapshot snapshot = { .window_ns = S,
						 .nr_regions = 4,
						 .regions = mixed };
static const struct thermo_snapshot nothing = { .window_ns = S };

static struct thermo_snapshot one(const struct thermo_region *r)
{
	return (struct thermo_snapshot){ .window_ns = S, .nr_regions = 1, .regions = r };
}

static void rate_is_for_each_mib(void **state)
{
	(void)state;
	assert_near(view_rate(&mixed[0]), 800, 0);
	assert_near(view_rate(&mixed[1]), 50, 0);
	assert_near(view_rate(&mixed[2]), 0, 0);
	assert_near(view_rate(&(struct thermo_region){ .end = 4096, .accesses_per_s = 2 }), 512, 0);
}

static void nonsense_counts_as_nothing(void **state)
{
	const struct thermo_region wrong[] = {
		{ .start = 5, .end = 5, .accesses_per_s = 1, .exposure_s = 1 },
		{ .start = 9, .end = 5, .accesses_per_s = 1, .exposure_s = 1 },
		{ .end = MIB, .accesses_per_s = (double)NAN, .exposure_s = 1 },
		{ .end = MIB, .accesses_per_s = -5, .exposure_s = 1 },
	};
	struct thermo_snapshot s = { .nr_regions = 4, .regions = wrong };
	struct view_histogram h;
	struct view_curve curve;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(view_rate(&wrong[i]) == 0);
	assert_int_equal(view_bytes_from_rate(&s, 0), 2 * MIB);
	view_temperature(&s, &h);
	assert_int_equal(h.buckets[0].bytes, 2 * MIB);
	assert_true(h.buckets[0].accesses_per_s <= 2);
	assert_int_equal(view_curve_init(&curve, &s), 0);
	assert_int_equal(curve.nr_steps, 2);
	assert_true(view_curve_share(&curve, MIB) == 0.5);
	view_curve_fini(&curve);
}

static void infinite_rates_and_full_address_spaces_stay_numbers(void **state)
{
	const struct thermo_region wild[] = {
		{ .end = UINT64_MAX, .accesses_per_s = (double)INFINITY, .exposure_s = 1 },
		{ .end = UINT64_MAX, .accesses_per_s = 1e308, .exposure_s = 1 },
		{ .end = 1, .accesses_per_s = 1e308, .exposure_s = 1 },
	};
	struct thermo_snapshot s = { .nr_regions = 3, .regions = wild };
	struct view_curve curve;
	struct view_histogram h;
	int64_t idle[VIEW_NR_PERCENTILES];

	(void)state;
	assert_true(view_bytes_from_rate(&s, 0) == UINT64_MAX);
	assert_true(view_idle_percentiles(&s, idle) == INT64_MAX);
	assert_int_equal(view_curve_init(&curve, &s), 0);
	assert_near(view_curve_share(&curve, view_curve_bytes(&curve) / 2), 2.0 / 3, 1);
	assert_true(isfinite(view_curve_share(&curve, 0.5)));
	view_curve_fini(&curve);
	view_temperature(&s, &h);
	assert_true(isfinite(h.buckets[VIEW_NR_BUCKETS - 1].accesses_per_s));
}

static void view_of_a_target_holds_its_regions_alone(void **state)
{
	struct thermo_snapshot v = view_of_target(&snapshot, 1);

	(void)state;
	assert_int_equal(v.nr_regions, 2);
	assert_ptr_equal(v.regions, &mixed[1]);
	assert_int_equal(view_of_target(&snapshot, 0).nr_regions, 1);
	assert_ptr_equal(view_of_target(&snapshot, 3).regions, &mixed[3]);
	assert_int_equal(view_of_target(&snapshot, 2).nr_regions, 0);
	assert_int_equal(view_of_target(&snapshot, 9).nr_regions, 0);
	assert_int_equal(view_of_target(&nothing, 0).nr_regions, 0);
}

static void hot_memory_is_idle_for_minus_its_age(void **state)
{
	(void)state;
	assert_int_equal(view_idle_ns(&mixed[0], S), -20 * (int64_t)S);
	assert_int_equal(view_idle_ns(&mixed[0], S / 4), S / 2);
	assert_int_equal(view_idle_ns(&mixed[1], S), 3 * S);
	assert_int_equal(view_idle_ns(&mixed[2], S), 60 * S);
	assert_int_equal(view_idle_ns(&(struct thermo_region){ .idle_ns = UINT64_MAX - 1 }, S),
			 INT64_MAX);
	assert_int_equal(view_idle_ns(&(struct thermo_region){ .age_ns = UINT64_MAX }, S),
			 -INT64_MAX);
}

/* 8 MiB observed: 12.5 % are hot, up to 50 % idle for 3 s, the rest for 60 s. */
static void idle_percentiles_are_by_byte_of_what_was_observed(void **state)
{
	int64_t idle[VIEW_NR_PERCENTILES];

	(void)state;
	assert_int_equal(view_idle_percentiles(&snapshot, idle), 8 * MIB);
	for (int p = 0; p <= 100; p++)
		assert_int_equal(idle[p], p <= 12   ? -20 * (int64_t)S
					  : p <= 50 ? 3 * (int64_t)S
						    : 60 * (int64_t)S);
}

static void idle_percentiles_of_one_region_are_all_the_same(void **state)
{
	struct thermo_snapshot s = one(&mixed[1]);
	int64_t idle[VIEW_NR_PERCENTILES];

	(void)state;
	assert_int_equal(view_idle_percentiles(&s, idle), 3 * MIB);
	assert_int_equal(idle[0], 3 * S);
	assert_int_equal(idle[100], 3 * S);
}

static void idle_percentiles_of_nothing_are_zero(void **state)
{
	struct thermo_snapshot unobserved = one(&mixed[3]);
	int64_t idle[VIEW_NR_PERCENTILES] = { 7, 7 };

	(void)state;
	assert_int_equal(view_idle_percentiles(&nothing, idle), 0);
	assert_int_equal(idle[0] + idle[1] + idle[100], 0);
	assert_int_equal(view_idle_percentiles(&unobserved, idle), 0);
	assert_int_equal(idle[50], 0);
}

static void working_set_by_rate_and_by_time(void **state)
{
	(void)state;
	assert_int_equal(view_bytes_from_rate(&snapshot, 800), 1 * MIB);
	assert_int_equal(view_bytes_from_rate(&snapshot, 800.1), 0);
	assert_int_equal(view_bytes_from_rate(&snapshot, 50), 4 * MIB);
	assert_int_equal(view_bytes_from_rate(&snapshot, 0), 8 * MIB);
	assert_int_equal(view_bytes_accessed(&snapshot, S), 1 * MIB);
	assert_int_equal(view_bytes_accessed(&snapshot, 3 * S), 4 * MIB);
	assert_int_equal(view_bytes_accessed(&snapshot, 3 * S - 1), 1 * MIB);
	assert_int_equal(view_bytes_accessed(&snapshot, UINT64_MAX), 4 * MIB);
	assert_int_equal(view_bytes_accessed(&nothing, UINT64_MAX), 0);
}

static void series_gives_nearest_ranks(void **state)
{
	static const uint64_t values[] = { 40, 10, 30, 20 };
	struct view_series series = { 0 };

	(void)state;
	assert_int_equal(view_series_percentile(&series, 50), 0);
	assert_true(view_series_mean(&series) == 0);
	for (int i = 0; i < 4; i++)
		view_series_add(&series, values[i]);
	assert_int_equal(view_series_percentile(&series, 0), 10);
	assert_int_equal(view_series_percentile(&series, 25), 10);
	assert_int_equal(view_series_percentile(&series, 26), 20);
	assert_int_equal(view_series_percentile(&series, 50), 20);
	assert_int_equal(view_series_percentile(&series, 75), 30);
	assert_int_equal(view_series_percentile(&series, 100), 40);
	assert_int_equal(view_series_percentile(&series, -1), 10);
	assert_int_equal(view_series_percentile(&series, (double)NAN), 10);
	assert_true(view_series_mean(&series) == 25);
}

static void long_series_keeps_evenly_spaced_values_and_both_ends(void **state)
{
	static struct view_series series;
	const uint64_t nr = 1000000;

	(void)state;
	for (uint64_t i = 0; i < nr; i++)
		view_series_add(&series, 1000 + (i * 7919) % nr);
	assert_int_equal(series.nr, nr);
	assert_int_equal(series.every, 256);
	assert_int_equal(series.nr_kept, (nr + 255) / 256);
	for (size_t i = 0; i < series.nr_kept; i++)
		assert_int_equal(series.kept[i], 1000 + (i * 256 * 7919) % nr);
	assert_int_equal(view_series_percentile(&series, 0), 1000);
	assert_int_equal(view_series_percentile(&series, 100), 1000 + nr - 1);
	assert_near((double)view_series_percentile(&series, 50), 501000, 2);
}

static void recency_has_buckets_of_powers_of_two_from_a_millisecond(void **state)
{
	static const struct {
		uint64_t idle_ns;
		int bucket;
	} cases[] = {
		{ 0, 0 },
		{ 999999, 0 },
		{ 1000000, 1 },
		{ 2000000 - 1, 1 },
		{ 2000000, 2 },
		{ 3 * S, 12 }, /* 2.048 to 4.096 s */
		{ UINT64_MAX - 1, 39 },
	};
	struct view_histogram h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct thermo_region r = {
			.end = MIB, .accesses_per_s = 5, .nr_events = 1, .idle_ns = cases[i].idle_ns
		};
		struct thermo_snapshot s = one(&r);

		view_recency(&s, &h);
		assert_int_equal(h.buckets[cases[i].bucket].bytes, MIB);
		assert_true(h.buckets[cases[i].bucket].accesses_per_s == 5);
	}
	assert_true(h.buckets[0].low == 0 && h.buckets[1].low == 1e-3 &&
		    h.buckets[12].low == 2.048 && isinf(h.buckets[VIEW_NR_BUCKETS - 1].high));
}

static void histograms_hold_every_byte_once(void **state)
{
	struct view_histogram h;
	uint64_t bytes = 0;

	(void)state;
	view_recency(&snapshot, &h);
	assert_int_equal(h.never.bytes, 4 * MIB);
	assert_int_equal(h.unobserved.bytes, 8 * MIB);
	assert_true(h.unobserved.accesses_per_s == 50);
	for (int i = 0; i < VIEW_NR_BUCKETS; i++)
		bytes += h.buckets[i].bytes;
	assert_int_equal(bytes, 4 * MIB);

	view_temperature(&snapshot, &h);
	assert_int_equal(h.never.bytes, 0);
	assert_int_equal(h.unobserved.bytes, 8 * MIB);
	assert_int_equal(h.buckets[0].bytes, 4 * MIB);
	assert_int_equal(h.buckets[16].bytes, 3 * MIB); /* 50: 32 to 64 */
	assert_true(h.buckets[16].low == 32 && h.buckets[16].high == 64);
	assert_int_equal(h.buckets[20].bytes, 1 * MIB); /* 800: 512 to 1024 */
	assert_true(h.buckets[20].accesses_per_s == 800);
	view_temperature(&nothing, &h);
	assert_int_equal(h.buckets[0].bytes + h.unobserved.bytes, 0);
}

/* Hottest first: 1 MiB 800/s, 3 MiB 150/s, 8 MiB 50/s, 4 MiB 0/s; 1000/s in all. */
static void heat_curve_is_linear_inside_a_region(void **state)
{
	struct view_curve curve;

	(void)state;
	assert_int_equal(view_curve_init(&curve, &snapshot), 0);
	assert_true(view_curve_bytes(&curve) == 16.0 * MIB);
	assert_true(view_curve_accesses_per_s(&curve) == 1000);
	assert_true(view_curve_share(&curve, 0) == 0);
	assert_near(view_curve_share(&curve, 0.25 * MIB), 0.2, 0.001);
	assert_near(view_curve_share(&curve, 1.0 * MIB), 0.8, 0.001);
	assert_near(view_curve_share(&curve, 2.0 * MIB), 0.85, 0.001);
	assert_near(view_curve_share(&curve, 4.0 * MIB), 0.95, 0.001);
	assert_near(view_curve_share(&curve, 8.0 * MIB), 0.975, 0.001);
	assert_near(view_curve_share(&curve, 12.0 * MIB), 1, 0.001);
	assert_true(view_curve_share(&curve, 16.0 * MIB) == 1);
	assert_true(view_curve_share(&curve, 1e300) == 1);
	assert_true(view_curve_share(&curve, -1) == 0);
	assert_true(view_curve_share(&curve, (double)NAN) == 0);
	view_curve_fini(&curve);
	view_curve_fini(&curve);
}

static void heat_curve_without_accesses_is_a_diagonal(void **state)
{
	struct thermo_snapshot s = one(&mixed[2]);
	struct view_curve curve;

	(void)state;
	assert_int_equal(view_curve_init(&curve, &s), 0);
	assert_near(view_curve_share(&curve, 1.0 * MIB), 0.25, 0.001);
	view_curve_fini(&curve);
	assert_int_equal(view_curve_init(&curve, &nothing), 0);
	assert_true(view_curve_bytes(&curve) == 0);
	assert_true(view_curve_share(&curve, 1) == 0);
	view_curve_fini(&curve);
}

static void cut_is_the_rate_of_what_fits_only_in_part(void **state)
{
	struct view_curve curve;

	(void)state;
	assert_int_equal(view_curve_init(&curve, &snapshot), 0);
	assert_true(isinf(view_curve_cut(&curve, 0)));
	assert_true(view_curve_cut(&curve, 1) == 800);
	assert_true(view_curve_cut(&curve, 0.5 * MIB) == 800);
	/* The first region fits as a whole: only what is as cold as the next must stay out. */
	assert_true(view_curve_cut(&curve, 1.0 * MIB) == 50);
	assert_true(view_curve_cut(&curve, 3.0 * MIB) == 50);
	assert_true(view_curve_cut(&curve, 5.0 * MIB) == 6.25);
	assert_true(view_curve_cut(&curve, 16.0 * MIB) == 0);
	assert_true(view_curve_cut(&curve, 1e300) == 0);
	view_curve_fini(&curve);
	assert_int_equal(view_curve_init(&curve, &nothing), 0);
	assert_true(view_curve_cut(&curve, 1) == 0);
	assert_true(view_curve_cut(&curve, 0) == 0);
	view_curve_fini(&curve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rate_is_for_each_mib),
		cmocka_unit_test(nonsense_counts_as_nothing),
		cmocka_unit_test(infinite_rates_and_full_address_spaces_stay_numbers),
		cmocka_unit_test(view_of_a_target_holds_its_regions_alone),
		cmocka_unit_test(hot_memory_is_idle_for_minus_its_age),
		cmocka_unit_test(idle_percentiles_are_by_byte_of_what_was_observed),
		cmocka_unit_test(idle_percentiles_of_one_region_are_all_the_same),
		cmocka_unit_test(idle_percentiles_of_nothing_are_zero),
		cmocka_unit_test(working_set_by_rate_and_by_time),
		cmocka_unit_test(series_gives_nearest_ranks),
		cmocka_unit_test(long_series_keeps_evenly_spaced_values_and_both_ends),
		cmocka_unit_test(recency_has_buckets_of_powers_of_two_from_a_millisecond),
		cmocka_unit_test(histograms_hold_every_byte_once),
		cmocka_unit_test(heat_curve_is_linear_inside_a_region),
		cmocka_unit_test(heat_curve_without_accesses_is_a_diagonal),
		cmocka_unit_test(cut_is_the_rate_of_what_fits_only_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
