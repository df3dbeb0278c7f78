/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hint_rate.c - the kernel's knobs follow the rate, whatever the numbers are. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "sources/hint_rate.h"
#include "tests/unit/fake_host.h"

#define SECOND 1000000000ull
#define GIB (1ull << 30)
#define SCAN_DIR "sys/kernel/debug/sched/numa_balancing/"

static struct fake_host fake;
static struct thermo_settings settings;
static struct hint_rate rate;

static int make(void **state)
{
	(void)state;
	fake_host_copy(&fake, FAKE_MACHINE("2n-cxl"));
	if (thermo_settings_open(&settings, &fake.host, NULL))
		return -1;
	hint_rate_init(&rate, &settings);
	rate.rss_bytes = rate.largest_rss_bytes = 16 * GIB;
	rate.adapted_ns = SECOND;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	(void)thermo_settings_close(&settings);
	fake_host_fini(&fake);
	return 0;
}

static double knob(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), SCAN_DIR "%s", name);
	return strtod(fake_read(&fake, path), NULL);
}

/* MiB that the kernel arms in a second. */
static double armed_mb_per_s(void)
{
	assert_int_equal(hint_rate_apply(&rate), 0);
	assert_true(knob("scan_size_mb") >= 1);
	assert_true(knob("scan_period_min_ms") >= 1);
	assert_true(knob("scan_period_max_ms") >= knob("scan_period_min_ms"));
	/* scan_period is for a whole round through the process. */
	return (double)rate.rss_bytes / (1 << 20) / knob("scan_period_min_ms") * 1000;
}

static void lower_rate_never_arms_more(void **state)
{
	double last = INFINITY;

	(void)state;
	for (uint32_t permille = 1000; permille > 0; permille /= 2) {
		rate.permille = permille;
		double now = armed_mb_per_s();

		assert_true(now > 0 && now <= last * 1.01);
		last = now;
	}
}

static void any_size_of_targets_gives_sane_knobs(void **state)
{
	static const uint64_t sizes[] = { 0, 4096, 1 << 20, GIB, 1024 * GIB, 1ull << 46 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		rate.rss_bytes = rate.largest_rss_bytes = sizes[i];
		(void)armed_mb_per_s();
		assert_true(knob("scan_size_mb") <= 1024);
	}
}

static void knobs_go_back(void **state)
{
	(void)state;
	(void)armed_mb_per_s();
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_int_equal(knob("scan_size_mb"), 256);
	assert_int_equal(knob("scan_period_min_ms"), 1000);
	assert_int_equal(knob("scan_period_max_ms"), 60000);
}

static void without_debugfs_the_kernels_own_values_stay(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/kernel/debug");
	assert_int_equal(hint_rate_apply(&rate), 0);
	assert_int_equal(settings.nr_changes, 0);
}

static void more_faults_are_thinned_more_by_powers_of_two(void **state)
{
	uint32_t last = 1;

	(void)state;
	rate.armed_pages_per_s = 0;
	assert_int_equal(hint_rate_thinning(&rate), 1);
	for (double pages = 1; pages < 1e9; pages *= 1.5) {
		rate.armed_pages_per_s = pages;
		uint32_t thinning = hint_rate_thinning(&rate);

		assert_true(thinning >= last && (thinning & (thinning - 1)) == 0);
		rate.permille = 100;
		assert_true(hint_rate_thinning(&rate) >= thinning);
		rate.permille = 1000;
		last = thinning;
	}
	assert_true(last > 1);
}

static void adapting_waits_until_there_is_something_to_compare(void **state)
{
	(void)state;
	assert_int_equal(hint_rate_adapt(&rate, SECOND + 1000000), 0);
	assert_int_equal(hint_rate_adapt(&rate, 61 * SECOND), 1);
	assert_int_equal(hint_rate_adapt(&rate, 61 * SECOND + 1000000), 0);
}

static void stretches_shrink_when_too_much_is_armed_and_grow_again(void **state)
{
	double large, small;

	(void)state;
	(void)armed_mb_per_s();
	large = knob("scan_size_mb");
	for (uint64_t i = 1; i <= 10; i++) {
		hint_rate_count(&rate, 1e8, 1e8 * 4096);
		assert_int_equal(hint_rate_adapt(&rate, SECOND + 60 * i * SECOND), 1);
	}
	small = knob("scan_size_mb");
	assert_true(small < large);
	assert_true(rate.armed_pages_per_s > 1e6);
	for (uint64_t i = 11; i <= 20; i++)
		assert_int_equal(hint_rate_adapt(&rate, SECOND + 60 * i * SECOND), 1);
	assert_true(knob("scan_size_mb") > small);
	assert_true(rate.armed_pages_per_s < 1e4);
}

static void size_of_pages_is_learned(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		hint_rate_count(&rate, 10, 10.0 * (2 << 20));
	assert_near(rate.page_bytes, 2 << 20, 1);
	hint_rate_count(&rate, 0, 0);
	assert_true(isfinite(rate.page_bytes));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(lower_rate_never_arms_more),
		TEST(any_size_of_targets_gives_sane_knobs),
		TEST(knobs_go_back),
		TEST(without_debugfs_the_kernels_own_values_stay),
		TEST(more_faults_are_thinned_more_by_powers_of_two),
		TEST(adapting_waits_until_there_is_something_to_compare),
		TEST(stretches_shrink_when_too_much_is_armed_and_grow_again),
		TEST(size_of_pages_is_learned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
