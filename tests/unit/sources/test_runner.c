/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_runner.c - a source in its thread: obeys, reports, fails alone. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "core/error.h"
#include "sources/runner.h"
#include "tests/unit/fake_host.h"

/* A source that does as the test says and notes what it was told. */
struct puppet {
	uint32_t rate;
	uint32_t nr_pids;
	uint64_t reported;
};

static struct {
	int open_error;
	int start_error;
	_Atomic int drain_error;
	_Atomic uint32_t rate;
	_Atomic uint32_t nr_pids;
	_Atomic uint32_t nr_focus; /* ranges, and one more */
	_Atomic uint32_t stops;
	_Atomic uint32_t closes;
} seen;

static int puppet_probe(const struct thermo_source_opts *opts)
{
	(void)opts;
	return 0;
}

static int puppet_open(void *state, const struct thermo_source_opts *opts)
{
	(void)state, (void)opts;
	return seen.open_error ? thermo_fail(seen.open_error, "puppet: no") : 0;
}

static int puppet_start(void *state)
{
	(void)state;
	return seen.start_error ? thermo_fail(seen.start_error, "puppet: not now") : 0;
}

static int puppet_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	(void)state, (void)pids;
	/* relaxed: a value that the test waits for; nothing else is read because of it. */
	atomic_store_explicit(&seen.nr_pids, (uint32_t)nr_pids, memory_order_relaxed);
	return 0;
}

static int puppet_set_rate(void *state, uint32_t permille)
{
	(void)state;
	/* relaxed: as above. */
	atomic_store_explicit(&seen.rate, permille, memory_order_relaxed);
	return 0;
}

static int puppet_set_focus(void *state, const struct thermo_focus *focus, size_t nr)
{
	(void)state;
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(focus[i].start, i * 4096);
	/* relaxed: as above. */
	atomic_store_explicit(&seen.nr_focus, (uint32_t)nr + 1, memory_order_relaxed);
	return 0;
}

static int puppet_drain(void *state, struct thermo_reporter *reporter)
{
	struct puppet *p = state;
	struct thermo_access a = { .addr = p->reported, .extent_bytes = 1 };
	/* relaxed: as above. */
	int err = atomic_load_explicit(&seen.drain_error, memory_order_relaxed);

	if (err)
		return thermo_fail(err, "puppet: ring is gone");
	p->reported++;
	(void)thermo_report_access(reporter, &a);
	return 1;
}

static void puppet_counters(const void *state, struct thermo_source_counters *counters)
{
	counters->reported = ((const struct puppet *)state)->reported;
}

static void puppet_note(const void *state, char *text, size_t size)
{
	(void)state;
	(void)snprintf(text, size, "has a string that is stuck");
}

static void puppet_stop(void *state)
{
	(void)state;
	/* relaxed: as above. */
	atomic_fetch_add_explicit(&seen.stops, 1, memory_order_relaxed);
}

static void puppet_close(void *state)
{
	(void)state;
	/* relaxed: as above. */
	atomic_fetch_add_explicit(&seen.closes, 1, memory_order_relaxed);
}

static const struct thermo_source puppet = {
	.name = "puppet",
	.state_bytes = sizeof(struct puppet),
	.drain_interval_ms = 1,
	.probe = puppet_probe,
	.open = puppet_open,
	.start = puppet_start,
	.set_targets = puppet_set_targets,
	.set_rate = puppet_set_rate,
	.set_focus = puppet_set_focus,
	.drain = puppet_drain,
	.counters = puppet_counters,
	.note = puppet_note,
	.stop = puppet_stop,
	.close = puppet_close,
};
static struct fake_host fake;
static struct thermo_source_opts opts;

static int reset(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	fake_host_init(&fake);
	opts.host = &fake.host;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

/* Wait until the puppet was told @wanted. */
static void wait_for(_Atomic uint32_t *value, uint32_t wanted)
{
	const struct timespec ms = { 0, 1000000 };

	/* relaxed: a value to wait for; nothing else is read because of it. */
	for (int i = 0; i < 5000 && atomic_load_explicit(value, memory_order_relaxed) != wanted;
	     i++)
		(void)nanosleep(&ms, NULL);
	/* relaxed: as above. */
	assert_int_equal(atomic_load_explicit(value, memory_order_relaxed), wanted);
}

static void orders_reach_the_source_and_reports_come_back(void **state)
{
	const pid_t pids[] = { 1, 2, 3 };
	struct thermo_access a[64];
	struct runner_status status;
	struct runner *r;

	(void)state;
	assert_int_equal(runner_start(&r, &puppet, &opts, 5), 0);
	runner_set_targets(r, pids, 3);
	wait_for(&seen.nr_pids, 3);
	runner_set_targets(r, NULL, 0);
	wait_for(&seen.nr_pids, 0);
	runner_set_rate(r, 250);
	wait_for(&seen.rate, 250);
	do {
		runner_status(r, &status);
	} while (status.counters.reported < 3);
	assert_false(status.failed);
	assert_string_equal(status.note, "has a string that is stuck");
	assert_int_equal(status.rate_permille, 250);
	assert_ptr_equal(status.source, &puppet);
	assert_true(thermo_reporter_drain(runner_reporter(r), a, 64) >= 3);
	assert_int_equal(a[1].addr, 1);
	assert_int_equal(a[1].source, 5);
	runner_stop(r);
	wait_for(&seen.stops, 1);
	wait_for(&seen.closes, 1);
	runner_stop(NULL);
}

static void focus_reaches_a_source_that_chooses_where_it_looks(void **state)
{
	const struct thermo_focus focus[] = { { .start = 0 }, { .start = 4096 } };
	struct thermo_source blind = puppet;
	struct runner *r;

	(void)state;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), 0);
	runner_set_focus(r, focus, 2);
	wait_for(&seen.nr_focus, 3);
	runner_set_focus(r, NULL, 0);
	wait_for(&seen.nr_focus, 1);
	runner_stop(r);
	/* One that sees everything is not asked. */
	blind.set_focus = NULL;
	assert_int_equal(runner_start(&r, &blind, &opts, 0), 0);
	runner_set_focus(r, focus, 2);
	runner_set_rate(r, 250);
	wait_for(&seen.rate, 250);
	assert_int_equal(seen.nr_focus, 1);
	runner_stop(r);
}

static void source_that_fails_ends_alone_and_says_why(void **state)
{
	const pid_t pid = 1;
	struct runner_status status;
	struct runner *r;

	(void)state;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), 0);
	/* relaxed: a value that the source waits for. */
	atomic_store_explicit(&seen.drain_error, -EIO, memory_order_relaxed);
	do {
		runner_status(r, &status);
	} while (!status.failed);
	assert_string_equal(status.error, "puppet: ring is gone");
	wait_for(&seen.stops, 1);
	/* Orders to a dead source go nowhere, and nowhere wrong. */
	runner_set_targets(r, &pid, 1);
	runner_set_rate(r, 1);
	runner_stop(r);
	wait_for(&seen.stops, 1);
	wait_for(&seen.closes, 1);
}

static void order_that_was_not_taken_over_yet_is_not_forgotten(void **state)
{
	struct runner *r;

	(void)state;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), 0);
	for (uint32_t permille = 100; permille < 200; permille++) {
		runner_set_rate(r, permille);
		runner_set_rate(r, permille);
		wait_for(&seen.rate, permille);
	}
	runner_stop(r);
}

static void it_is_told_until_when_the_source_looked(void **state)
{
	struct runner_status status;
	struct runner *r;

	(void)state;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), 0);
	fake_advance(&fake, 1000);
	do {
		runner_status(r, &status);
	} while (status.alive_ns != fake_now_ns(&fake.host));
	uint64_t alive_ns = status.alive_ns;

	/* relaxed: a value that the source waits for. */
	atomic_store_explicit(&seen.drain_error, -EIO, memory_order_relaxed);
	do {
		runner_status(r, &status);
	} while (!status.failed);
	fake_advance(&fake, 1000);
	runner_status(r, &status);
	assert_int_equal(status.alive_ns, alive_ns);
	runner_stop(r);
}

static void failed_open_and_start_are_closed(void **state)
{
	struct runner *r = NULL;

	(void)state;
	seen.open_error = -ENODEV;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), -ENODEV);
	assert_reason("puppet: no");
	wait_for(&seen.closes, 1);
	seen.open_error = 0;
	seen.start_error = -EBUSY;
	assert_int_equal(runner_start(&r, &puppet, &opts, 0), -EBUSY);
	assert_reason("puppet: not now");
	wait_for(&seen.closes, 2);
	assert_null(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(orders_reach_the_source_and_reports_come_back,
						reset, drop),
		cmocka_unit_test_setup_teardown(focus_reaches_a_source_that_chooses_where_it_looks,
						reset, drop),
		cmocka_unit_test_setup_teardown(source_that_fails_ends_alone_and_says_why, reset,
						drop),
		cmocka_unit_test_setup_teardown(order_that_was_not_taken_over_yet_is_not_forgotten,
						reset, drop),
		cmocka_unit_test_setup_teardown(it_is_told_until_when_the_source_looked, reset,
						drop),
		cmocka_unit_test_setup_teardown(failed_open_and_start_are_closed, reset, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
