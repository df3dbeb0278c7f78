/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_governor.c - how low the rate goes, and why. */
#include "tests/unit/test.h"

#include "cli/governor.h"
#include "thermocline/source.h"

#define SECOND 1000000000ull

static const struct governor_opts by_default;
static struct governor g;
static struct thermo_snapshot snapshot;
static struct thermo_region region;
static uint64_t cpu_ns;

static int make(void **state)
{
	(void)state;
	cpu_ns = 0;
	governor_init(&g, &by_default, 1, 0);
	/* One region, known for sure: nothing is in doubt. */
	region = (struct thermo_region){ .end = 1 << 20, .accesses_per_s = 1e6, .nr_events = 1e9 };
	snapshot = (struct thermo_snapshot){
		.window_ns = SECOND, .nr_regions = 1, .regions = &region, .accesses_per_s = 1e6
	};
	return 0;
}

/* Windows of a second with @cpu_share of a CPU. */
static void windows(int nr, double cpu_share)
{
	for (int i = 0; i < nr; i++) {
		cpu_ns += (uint64_t)(cpu_share * SECOND);
		snapshot.time_ns += SECOND;
		(void)governor_step(&g, &snapshot, 0, cpu_ns, 0);
	}
}

static void all_is_new_at_first_and_sampled_in_full(void **state)
{
	(void)state;
	windows(29, 0.001);
	assert_int_equal(g.rate_permille, THERMO_RATE_FULL);
}

static void what_is_known_is_sampled_half_where_seldom_looks_miss_changes(void **state)
{
	(void)state;
	windows(60, 0.001);
	assert_int_equal(g.rate_permille, 500);
}

static void what_is_known_is_hardly_sampled_where_all_memory_is_seen(void **state)
{
	(void)state;
	g.least_permille = 10;
	windows(60, 0.001);
	assert_int_equal(g.rate_permille, 10);
}

static void change_brings_the_full_rate_back_at_once(void **state)
{
	(void)state;
	g.least_permille = 10;
	windows(60, 0.001);
	snapshot.changed_share = 0.5f;
	windows(1, 0.001);
	assert_int_equal(g.rate_permille, THERMO_RATE_FULL);
}

static void budget_goes_as_low_as_the_source_allows(void **state)
{
	(void)state;
	snapshot.changed_share = 0.5f; /* it wants all it can get */
	windows(100, 0.5);
	assert_in_range(g.rate_permille, 300, 330);
	assert_true(g.nr_sheds > 0);
	(void)make(state);
	g.least_permille = 10;
	snapshot.changed_share = 0.5f;
	windows(100, 0.5);
	assert_in_range(g.rate_permille, 10, 11);
}

static void each_source_goes_no_lower_than_it_can(void **state)
{
	(void)state;
	g.rate_permille = 100;
	assert_int_equal(governor_rate_of(&g, 10), 100);
	assert_int_equal(governor_rate_of(&g, 0), 300);
	g.rate_permille = 5;
	assert_int_equal(governor_rate_of(&g, 10), 10);
	g.rate_permille = 700;
	assert_int_equal(governor_rate_of(&g, 0), 700);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, make)
	const struct CMUnitTest tests[] = {
		TEST(all_is_new_at_first_and_sampled_in_full),
		TEST(what_is_known_is_sampled_half_where_seldom_looks_miss_changes),
		TEST(what_is_known_is_hardly_sampled_where_all_memory_is_seen),
		TEST(change_brings_the_full_rate_back_at_once),
		TEST(budget_goes_as_low_as_the_source_allows),
		TEST(each_source_goes_no_lower_than_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
