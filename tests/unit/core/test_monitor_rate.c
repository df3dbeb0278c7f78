/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_monitor_rate.c - what a snapshot says of rates, whatever was reported when. */
#include "tests/unit/core/fake_monitor.h"

static void watched_reports_give_their_rate(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 64; i++)
		report(exact(BASE + i * MIB, MIB, 100));
	assert_near(total_rate(next_window()), 6400, 1);
	assert_near(snapshot->regions[0].exposure_s, 1, 1);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, 0);
	assert_int_equal(snapshot->window_ns, SECOND);
	assert_int_equal(snapshot->sequence, 1);
}

static void rate_does_not_depend_on_how_long_pages_were_watched(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	/* One access after 10 ms each: 100 a second. */
	for (uint64_t i = 0; i < 64 * 256; i++) {
		struct thermo_access a = exact(BASE + i * 4096, 4096, 1);

		a.watched_ns = SECOND / 100;
		report(a);
	}
	assert_near(total_rate(next_window()), 100.0 * 64 * 256, 2);
}

static void samples_stand_for_their_period(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		report(a);
	}
	assert_near(total_rate(next_window()), 640e3, 2);
}

static void samples_lost_in_a_full_ring_do_not_lower_the_rate(void **state)
{
	struct thermo_reporter *small;
	uint64_t refused = 0;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(thermo_reporter_new(&small, 64, 1), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, small, "small"), 0);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		refused += !thermo_report_access(small, &a);
	}
	(void)next_window();
	assert_int_equal(refused, 640 - 64);
	assert_int_equal(snapshot->counters.dropped, refused);
	assert_int_equal(snapshot->counters.ingested, 64);
	assert_near(total_rate(snapshot), 640e3, 10);
	thermo_monitor_remove_reporter(monitor, small);
	thermo_reporter_free(small);
}

static void silence_of_a_sampler_lowers_the_rate(void **state)
{
	double before;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1000);

		a.watched_ns = 0;
		report(a);
	}
	before = total_rate(next_window());
	for (int i = 0; i < 5; i++)
		(void)next_window();
	assert_true(total_rate(snapshot) < before / 2);
}

static void negative_reports_are_evidence_of_no_access(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(region_at(next_window(), BASE)->evidence_age_ns, UINT64_MAX);
	report(exact(BASE, 64 * MIB, 0));
	assert_int_equal(region_at(next_window(), BASE)->evidence_age_ns, 0);
	assert_true(total_rate(snapshot) == 0);
	assert_near(region_at(snapshot, BASE)->exposure_s, 1, 1);
	assert_int_equal(snapshot->counters.ingested, 1);
}

/* Where all pages are; -1: the lower half of the memory on node 0, the rest on node 1. */
static int all_on;

static int place(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
		 int *status)
{
	(void)f, (void)pid, (void)nodes;
	for (size_t i = 0; i < nr; i++)
		status[i] = all_on >= 0 ? all_on : (uintptr_t)pages[i] >= BASE + 32 * MIB;
	return 0;
}

static float exposure_of_lower_silence(void)
{
	struct thermo_access a = exact(BASE, 64 * MIB, 0);

	a.scope = THERMO_SCOPE_LOWER_TIERS;
	(void)next_window();
	report(a);
	return region_at(next_window(), BASE)->exposure_s;
}

static void silence_about_lower_tiers_counts_only_for_what_is_there(void **state)
{
	static const int top[] = { 0 };

	(void)state;
	fake.move_pages = place;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	all_on = 1;
	/* As long as nobody knows which tier is the top, it says nothing. */
	assert_true(exposure_of_lower_silence() == 0);
	thermo_monitor_set_top_nodes(monitor, top, 1);
	all_on = 0;
	assert_true(exposure_of_lower_silence() == 0);
	all_on = 1;
	assert_near((double)exposure_of_lower_silence(), 1, 1);
}

static void access_to_the_top_tier_counts_whatever_the_scope(void **state)
{
	static const int top[] = { 0 };

	(void)state;
	fake.move_pages = place;
	all_on = 0;
	thermo_monitor_set_top_nodes(monitor, top, 1);
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	(void)next_window();
	for (uint64_t i = 0; i < 64; i++) {
		struct thermo_access a = exact(BASE + i * MIB, MIB, 10);

		a.scope = THERMO_SCOPE_LOWER_TIERS;
		report(a);
	}
	assert_near(total_rate(next_window()), 640, 1);
}

static void change_of_rates_is_told(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 3; i++) {
		report(exact(BASE, 64 * MIB, 1000));
		(void)next_window();
	}
	assert_true(snapshot->changed_share < 0.05f);
	assert_true(snapshot->regions[0].age_ns >= 2 * SECOND);
	report(exact(BASE, 64 * MIB, 100000));
	(void)next_window();
	assert_true(snapshot->changed_share > 0.5f);
	assert_int_equal(snapshot->regions[0].age_ns, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(watched_reports_give_their_rate),
		TEST(rate_does_not_depend_on_how_long_pages_were_watched),
		TEST(samples_stand_for_their_period),
		TEST(samples_lost_in_a_full_ring_do_not_lower_the_rate),
		TEST(silence_of_a_sampler_lowers_the_rate),
		TEST(negative_reports_are_evidence_of_no_access),
		TEST(silence_about_lower_tiers_counts_only_for_what_is_there),
		TEST(access_to_the_top_tier_counts_whatever_the_scope),
		TEST(change_of_rates_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
