/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/test.h"

#include "sources/period.h"
#include "tests/unit/fake_host.h"

static const struct period_limits any = { 31, 1u << 30, 1 };
static const struct period_limits sixteens = { 0x90, (1u << 27) - 16, 16 };

static void factor_is_what_was_measured_over_what_is_wanted(void **state)
{
	(void)state;
	assert_true(period_factor(1500, 1000) == 1.5);
	assert_true(period_factor(600, 1000) == 0.6);
}

static void factor_is_a_half_to_two(void **state)
{
	(void)state;
	assert_true(period_factor(1e9, 1) == 2);
	assert_true(period_factor(1, 1e9) == 0.5);
	assert_true(period_factor(1000, 0) == 2);
}

static void a_tenth_or_no_samples_change_nothing(void **state)
{
	(void)state;
	assert_true(period_factor(1090, 1000) == 1);
	assert_true(period_factor(910, 1000) == 1);
	assert_true(period_factor(0, 1000) == 1);
	assert_true(period_factor(0, 0) == 1);
}

static void periods_are_odd_and_as_near_as_can_be(void **state)
{
	(void)state;
	assert_int_equal(period_fit(1000, &any, NULL), 1001);
	assert_int_equal(period_fit(1001.9, &any, NULL), 1001);
}

static void periods_are_multiples_where_the_pmu_wants_them(void **state)
{
	uint64_t random = 1;

	(void)state;
	assert_int_equal(period_fit(1007, &sixteens, NULL), 992);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(period_fit(1e6, &sixteens, &random) % 16, 0);
}

static void limits_hold_whatever_is_wanted(void **state)
{
	const double wanted[] = { -1, 0, 1e-300, 30, 1e10, 1e300, NAN, INFINITY };
	uint64_t random = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint64_t a = period_fit(wanted[i], &any, &random);
		uint64_t b = period_fit(wanted[i], &sixteens, &random);

		assert_in_range(a, any.least, any.most);
		assert_in_range(b, sixteens.least, sixteens.most);
		assert_int_equal(b % 16, 0);
	}
}

static void random_part_is_a_32nd_at_most_and_as_often_less_as_more(void **state)
{
	uint64_t random = 42, low = UINT64_MAX, high = 0;
	double sum = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t p = period_fit(320000, &any, &random);

		assert_true(p % 2);
		low = p < low ? p : low;
		high = p > high ? p : high;
		sum += (double)p;
	}
	assert_in_range(low, 310000, 312000);
	assert_in_range(high, 328000, 330001);
	assert_true(sum / 10000 > 319500 && sum / 10000 < 320500);
}

static void kernels_limits_are_read_and_have_their_defaults(void **state)
{
	struct fake_host fake;
	struct period_kernel k;

	(void)state;
	fake_host_init(&fake);
	k = period_kernel_read(&fake.host);
	assert_int_equal(k.max_sample_rate, 100000);
	assert_int_equal(k.cpu_time_pct, 25);
	fake_write(&fake, "proc/sys/kernel/perf_event_max_sample_rate", "32000\n");
	fake_write(&fake, "proc/sys/kernel/perf_cpu_time_max_percent", "10\n");
	k = period_kernel_read(&fake.host);
	assert_int_equal(k.max_sample_rate, 32000);
	assert_int_equal(k.cpu_time_pct, 10);
	fake_write(&fake, "proc/sys/kernel/perf_event_max_sample_rate", "0\n");
	assert_int_equal(period_kernel_read(&fake.host).max_sample_rate, 1);
	fake_host_fini(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(factor_is_what_was_measured_over_what_is_wanted),
		cmocka_unit_test(factor_is_a_half_to_two),
		cmocka_unit_test(a_tenth_or_no_samples_change_nothing),
		cmocka_unit_test(periods_are_odd_and_as_near_as_can_be),
		cmocka_unit_test(periods_are_multiples_where_the_pmu_wants_them),
		cmocka_unit_test(limits_hold_whatever_is_wanted),
		cmocka_unit_test(random_part_is_a_32nd_at_most_and_as_often_less_as_more),
		cmocka_unit_test(kernels_limits_are_read_and_have_their_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
