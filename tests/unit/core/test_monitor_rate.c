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
	assert_int_equal(thermo_reporter_new(&small,
					     &(struct thermo_reporter_opts){ .nr_reports = 64,
									     .nr_threads = 1,
									     .source = 1 }),
			 0);
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

/* Samples of one access in @period, of @rate accesses a second in this window. */
static void sample_evenly(struct thermo_reporter *to, double rate, uint32_t period, double seconds)
{
	uint64_t nr = (uint64_t)(rate * seconds / period);

	for (uint64_t i = 0; i < nr; i++) {
		struct thermo_access a = exact(BASE + i * (64 * MIB) / nr, 1, period);

		a.watched_ns = 0;
		assert_true(thermo_report_access(to, &a));
	}
}

static void source_off_and_on_does_not_make_memory_look_cold(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 3; i++) {
		sample_evenly(reporter, 640e3, 1000, 1);
		(void)next_window();
	}
	thermo_monitor_remove_reporter(monitor, reporter);
	for (int i = 0; i < 20; i++)
		assert_near(total_rate(next_window()), 640e3, 2);
	assert_true(snapshot->regions[0].evidence_age_ns >= 20 * SECOND);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
	/* Before its first sample nobody knows whether it runs. */
	assert_near(total_rate(next_window()), 640e3, 2);
	sample_evenly(reporter, 640e3, 1000, 1);
	assert_near(total_rate(next_window()), 640e3, 2);
}

static void source_that_goes_or_comes_within_a_window_counts_for_its_part_of_it(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	fake_advance(&fake, 3 * SECOND);
	thermo_monitor_remove_reporter(monitor, reporter);
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
	sample_evenly(reporter, 640e3, 1000, 1);
	assert_near(total_rate(next_window()), 640e3, 2);
	/* It goes after a quarter of a window, with something still in its ring. */
	sample_evenly(reporter, 640e3, 1000, 0.25);
	fake_advance(&fake, SECOND / 4);
	thermo_monitor_remove_reporter(monitor, reporter);
	assert_near(total_rate(next_window()), 640e3, 2);
	assert_near((double)snapshot->regions[0].exposure_s, 1.25 / 1000, 20);
	assert_near(total_rate(next_window()), 640e3, 2);
	assert_int_equal(snapshot->regions[0].evidence_age_ns, SECOND);
	assert_int_equal(snapshot->counters.ingested, 640 + 160);
}

static void silence_of_a_dead_source_is_not_held_for_no_access(void **state)
{
	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	sample_evenly(reporter, 640e3, 1000, 1);
	assert_near(total_rate(next_window()), 640e3, 2);
	/* It ends after a quarter of a window, and that is noticed half a window later. */
	sample_evenly(reporter, 640e3, 1000, 0.25);
	fake_advance(&fake, SECOND / 4);
	uint64_t until_ns = fake_now_ns(&fake.host);

	fake_advance(&fake, SECOND / 2);
	thermo_monitor_retire_reporter(monitor, reporter, until_ns);
	assert_near(total_rate(next_window()), 640e3, 2);
	/* Noticed only in the window after: that one has seen nothing. */
	assert_int_equal(thermo_monitor_add_reporter(monitor, reporter, "test"), 0);
	sample_evenly(reporter, 640e3, 1000, 1);
	assert_near(total_rate(next_window()), 640e3, 2);
	thermo_monitor_retire_reporter(monitor, reporter, fake_now_ns(&fake.host) - SECOND / 2);
	assert_near(total_rate(next_window()), 640e3, 2);
}

static void two_sources_give_the_same_rate_as_one(void **state)
{
	struct thermo_reporter *second;

	(void)state;
	put_process(PID, 1, 64 * MIB);
	assert_int_equal(watch_all(), 1);
	assert_int_equal(thermo_reporter_new(&second,
					     &(struct thermo_reporter_opts){ .nr_reports = 1 << 12,
									     .nr_threads = 1,
									     .source = 1 }),
			 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, second, "second"), 0);
	for (int window = 0; window < 10; window++) {
		/* Another sampler with another period, and one that looks at all now and then. */
		sample_evenly(reporter, 640e3, 1000, 1);
		sample_evenly(second, 640e3, 250, 1);
		if (window % 3 == 0)
			report(exact(BASE, 64 * MIB, 640000));
		assert_near(total_rate(next_window()), 640e3, 2);
	}
	thermo_monitor_remove_reporter(monitor, second);
	thermo_reporter_free(second);
}

static void newer_accesses_count_twice_as_much_after_a_half_life(void **state)
{
	const struct thermo_region *r;
	struct thermo_access a = exact(BASE, 4096, 100);

	(void)state;
	remake(&(struct thermo_monitor_opts){ .half_life_ms = 1000 });
	put_process(PID, 1, 4096);
	assert_int_equal(watch_all(), 1);
	a.cpu = 1;
	report(a);
	(void)next_window();
	a.cpu = 2;
	report(a);
	r = region_at(next_window(), BASE);
	assert_int_equal(r->cpus[0].key, 2);
	assert_near((double)r->cpus[0].share, 2.0 / 3, 1);
	assert_near((double)r->cpus[1].share, 1.0 / 3, 1);
	/* And so on for much longer than a float has exponents. */
	for (int i = 0; i < 500; i++) {
		a.cpu = i % 2;
		report(a);
		r = region_at(next_window(), BASE);
		assert_int_equal(r->cpus[0].key, i % 2);
		if (i > 10)
			assert_near((double)r->cpus[0].share, 2.0 / 3, 1);
	}
}

static void who_is_known_however_long_nothing_happens(void **state)
{
	const struct thermo_region *r;
	struct thermo_access a = exact(BASE, 2 * MIB, 100);

	(void)state;
	remake(&(struct thermo_monitor_opts){ .half_life_ms = 100 });
	put_process(PID, 1, 2 * MIB);
	assert_int_equal(watch_all(), 1);
	a.cpu = 5;
	report(a);
	for (int i = 0; i < 10; i++) {
		/* Stopped for hours, as in a debugger: more half-lives than a float can tell. */
		fake_advance(&fake, 10000 * SECOND);
		(void)next_window();
	}
	r = region_at(snapshot, BASE);
	assert_int_equal(r->cpus[0].key, 5);
	assert_near((double)r->cpus[0].share, 1, 0.1);
	assert_true(r->accesses_per_s > 0 && r->bytes_per_s > 0);
	/* But what comes then counts for all. */
	a.cpu = 6;
	report(a);
	r = region_at(next_window(), BASE);
	assert_int_equal(r->cpus[0].key, 6);
	assert_true(r->cpus[0].share > 0.99f);
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
		TEST(source_off_and_on_does_not_make_memory_look_cold),
		TEST(source_that_goes_or_comes_within_a_window_counts_for_its_part_of_it),
		TEST(silence_of_a_dead_source_is_not_held_for_no_access),
		TEST(two_sources_give_the_same_rate_as_one),
		TEST(newer_accesses_count_twice_as_much_after_a_half_life),
		TEST(who_is_known_however_long_nothing_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
