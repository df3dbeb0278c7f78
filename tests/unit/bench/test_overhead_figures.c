/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_figures.c - costs of a sample, and which setting fits a budget. */
#include "tests/unit/test.h"

#include "bench/overhead/figures.h"

#define S UINT64_C(1000000000)

static const struct thermo_source source = { .name = "puppet" };

/* Two threads, 4 runs of 1 s; 1000 samples a second. */
static struct overhead_result example(void)
{
	struct overhead_result r = {
		.subject = { OVERHEAD_SOURCE, &source, 1000 },
		.with = { .accesses = 8000000, .ns = 8 * S, .user_ns = 3 * S, .system_ns = S },
		.without = { .accesses = 16000000, .ns = 8 * S, .system_ns = S / 2 },
		.speed_without = 16e6,
		.speed_with = 8e6,
		.tap = { .time_ns = 4 * S,
			 .samples = 4000,
			 .reports = 9000,
			 .lost = 1000,
			 .dropped = 1000,
			 .exact = 100,
			 .accesses = 49900,
			 .user_ns = 40000000,
			 .system_ns = 20000000,
			 .kthreads_ns = 4000000 },
		.tap_without = { .time_ns = 4 * S, .user_ns = 8000000, .system_ns = 4000000 },
	};

	for (int i = 0; i < 4; i++)
		paired_add(&r.paired, 4e6, 2e6);
	return r;
}

static void figures_are_as_by_hand(void **state)
{
	struct overhead_result r = example();
	struct overhead_figures f;

	(void)state;
	overhead_figures(&r, &f);
	assert_near(f.slowdown.middle_pct, 100, 1e-6);
	assert_near(f.speed_without, 4e6, 1e-6);
	assert_near(f.speed_with, 2e6, 1e-6);
	assert_near(f.samples_per_s, 1000, 1e-6);
	assert_near(f.reports_per_s, 2250, 1e-6);
	assert_near(f.period, 499, 1e-6);
	assert_near(f.accesses_per_sample, 2000, 1e-6);
	assert_near(f.lost_pct, 20, 1e-6);
	assert_near(f.dropped_pct, 10, 1e-6);
	/* (40 - 8) ms of user time for 4000 samples. */
	assert_near(f.user_ns, 8000, 1e-6);
	/* 500 ms of the workload, 16 ms of ours, 4 ms of kernel threads. */
	assert_near(f.kernel_ns, 130000, 1e-6);
	assert_near(f.own_cpu_pct, 100 * 0.052 / 4, 1e-6);
	/* Half of two threads' seconds. */
	assert_near(f.workload_ns, 1e6, 1e-6);
	r.clock = OVERHEAD_CPU;
	overhead_figures(&r, &f);
	/* They had 4 s of CPU time in 4 s. */
	assert_near(f.workload_ns, 0.5e6, 1e-6);
}

static void what_was_not_sampled_is_not_known(void **state)
{
	struct overhead_result r = { .subject = { OVERHEAD_SOURCE, &source, 1000 } };
	struct overhead_figures f;

	(void)state;
	overhead_figures(&r, &f);
	assert_false(f.slowdown.known);
	assert_true(isnan(f.samples_per_s));
	r.tap.time_ns = S;
	overhead_figures(&r, &f);
	assert_true(f.samples_per_s == 0);
	assert_true(isnan(f.user_ns));
	assert_true(isnan(f.kernel_ns));
	assert_true(isnan(f.period));
	assert_true(isnan(f.lost_pct));
}

/* Slower by @pct, give or take @noise. */
static void set(struct overhead_result *r, enum overhead_way way, uint32_t setting, double pct,
		double noise)
{
	*r = (struct overhead_result){ .subject = { way, way == OVERHEAD_SOURCE ? &source : NULL,
						    setting } };
	paired_add(&r->paired, 100 + pct + noise, 100);
	paired_add(&r->paired, 100 + pct, 100);
	paired_add(&r->paired, 100 + pct - noise, 100);
}

static void interval_within_fits_and_around_is_unsure(void **state)
{
	struct overhead_result r;

	(void)state;
	set(&r, OVERHEAD_SOURCE, 1000, 0.5, 0.01);
	assert_int_equal(overhead_fit(&r, 1), OVERHEAD_FITS);
	set(&r, OVERHEAD_SOURCE, 1000, 0.5, 1);
	assert_int_equal(overhead_fit(&r, 1), OVERHEAD_UNSURE);
	set(&r, OVERHEAD_SOURCE, 1000, 5, 0.1);
	assert_int_equal(overhead_fit(&r, 1), OVERHEAD_EXCEEDS);
	strcpy(r.failed, "gone");
	assert_int_equal(overhead_fit(&r, 10), OVERHEAD_UNKNOWN);
	r = (struct overhead_result){ .subject = { OVERHEAD_SOURCE, &source, 1000 } };
	assert_int_equal(overhead_fit(&r, 1), OVERHEAD_UNKNOWN);
}

static struct overhead_workload w[2];

static void fill(void)
{
	for (int k = 0; k < 2; k++) {
		w[k].nr_results = 7;
		set(&w[k].results[0], OVERHEAD_CONTROL, 0, 0, 0.3);
		set(&w[k].results[1], OVERHEAD_SOURCE, 1000, 5, 0.1);
		set(&w[k].results[2], OVERHEAD_SOURCE, 300, 0.8, 0.01);
		set(&w[k].results[3], OVERHEAD_SOURCE, 100, 0.2, 0.01);
		set(&w[k].results[4], OVERHEAD_REPORTS, 100, 9, 0.1);
		set(&w[k].results[5], OVERHEAD_REPORTS, 1000, 0.9, 0.01);
		set(&w[k].results[6], OVERHEAD_REPORTS, 10000, 0.1, 0.01);
	}
}

static void what_samples_most_and_fits_is_chosen(void **state)
{
	(void)state;
	fill();
	assert_int_equal(overhead_choose(w, 2, "puppet", 1), 2);
	assert_int_equal(overhead_choose(w, 2, "reports", 1), 5);
	assert_int_equal(overhead_choose(w, 2, "puppet", 50), 1);
	assert_int_equal(overhead_choose(w, 2, "reports", 50), 4);
	assert_int_equal(overhead_choose(w, 2, "puppet", 0.1), -1);
	assert_int_equal(overhead_choose(w, 2, "other", 50), -1);
}

static void it_must_fit_on_every_workload(void **state)
{
	(void)state;
	fill();
	set(&w[1].results[2], OVERHEAD_SOURCE, 300, 1, 0.5);
	assert_int_equal(overhead_choose(w, 1, "puppet", 1), 2);
	assert_int_equal(overhead_choose(w, 2, "puppet", 1), 3);
}

/* That ten times as many samples cost less cannot be: one of the two is noise. */
static void costlier_setting_that_seems_cheap_is_not_believed(void **state)
{
	(void)state;
	fill();
	set(&w[0].results[3], OVERHEAD_SOURCE, 100, 3, 0.1);
	assert_int_equal(overhead_choose(w, 2, "puppet", 1), -1);
	fill();
	set(&w[1].results[6], OVERHEAD_REPORTS, 10000, 3, 0.1);
	assert_int_equal(overhead_choose(w, 2, "reports", 1), -1);
}

static void noise_is_what_doing_nothing_looks_like(void **state)
{
	struct paired_interval i;

	(void)state;
	fill();
	i = paired_interval(&w[0].results[0].paired);
	assert_near(overhead_noise_pct(&w[0]), (i.high_pct - i.low_pct) / 2, 1e-6);
	w[0].nr_results = 0;
	assert_true(isnan(overhead_noise_pct(&w[0])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_as_by_hand),
		cmocka_unit_test(what_was_not_sampled_is_not_known),
		cmocka_unit_test(interval_within_fits_and_around_is_unsure),
		cmocka_unit_test(what_samples_most_and_fits_is_chosen),
		cmocka_unit_test(it_must_fit_on_every_workload),
		cmocka_unit_test(costlier_setting_that_seems_cheap_is_not_believed),
		cmocka_unit_test(noise_is_what_doing_nothing_looks_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
