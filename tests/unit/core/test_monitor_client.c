/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_monitor_client.c - a program that reports about itself says nothing about others. */
#include "report_api/rings.h"
#include "tests/unit/core/fake_monitor.h"

#define OTHER 43

static double rate_of(const struct thermo_snapshot *s, pid_t pid)
{
	double sum = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++)
		if (s->targets[s->regions[i].target].pid == pid)
			sum += s->regions[i].accesses_per_s;
	return sum;
}

/* Both are watched; the other one's accesses are known from elsewhere. */
static void begin(void)
{
	struct thermo_reporter *source = NULL;
	struct thermo_access a = exact(BASE, 64 * MIB, 6400);

	put_process(PID, 1, 64 * MIB);
	put_process(OTHER, 1, 64 * MIB);
	assert_int_equal(watch_all(), 2);
	assert_int_equal(thermo_reporter_new(&source, NULL), 0);
	assert_int_equal(thermo_monitor_add_reporter(monitor, source, "source"), 0);
	a.pid = OTHER;
	assert_true(thermo_report_access(source, &a));
	assert_near(rate_of(next_window(), OTHER), 6400, 1);
	thermo_monitor_remove_reporter(monitor, source);
	thermo_reporter_free(source);
}

static void sample_itself(void)
{
	for (uint64_t i = 0; i < 640; i++) {
		struct thermo_access a = exact(BASE + i * MIB / 10, 1, 1);

		a.watched_ns = 0;
		report(a);
	}
}

static void silence_of_a_client_is_about_itself(void **state)
{
	(void)state;
	begin();
	reporter->subject = PID;
	for (int i = 0; i < 5; i++) {
		sample_itself();
		(void)next_window();
	}
	assert_near(rate_of(snapshot, PID), 640, 2);
	assert_near(rate_of(snapshot, OTHER), 6400, 1);
	/* What it no longer touches cools down. */
	for (int i = 0; i < 60; i++)
		(void)next_window();
	assert_true(rate_of(snapshot, PID) < 64);
	assert_near(rate_of(snapshot, OTHER), 6400, 1);
}

/* The contrary, so that the test above is one. */
static void silence_of_a_source_is_about_all(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 5; i++) {
		sample_itself();
		(void)next_window();
	}
	assert_near(rate_of(snapshot, PID), 640, 2);
	assert_true(rate_of(snapshot, OTHER) < 3200);
}

static void client_that_goes_within_a_window_watched_itself_until_then(void **state)
{
	(void)state;
	begin();
	reporter->subject = PID;
	sample_itself();
	(void)next_window();
	sample_itself();
	fake_advance(&fake, SECOND);
	thermo_monitor_remove_reporter(monitor, reporter);
	(void)next_window();
	assert_near(rate_of(snapshot, PID), 640, 2);
	assert_near(rate_of(snapshot, OTHER), 6400, 1);
}

static void client_that_is_no_target_is_about_nobody(void **state)
{
	(void)state;
	begin();
	reporter->subject = 4711;
	sample_itself();
	(void)next_window();
	assert_near(rate_of(snapshot, OTHER), 6400, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(silence_of_a_client_is_about_itself),
		TEST(silence_of_a_source_is_about_all),
		TEST(client_that_goes_within_a_window_watched_itself_until_then),
		TEST(client_that_is_no_target_is_about_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
