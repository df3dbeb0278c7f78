/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_daemon_sources.c - sources that a script lets fail and come back, in their threads. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "cli/daemon_sources.h"
#include "core/error.h"
#include "tests/unit/fake_host.h"

#define S 1000000000ull
#define SETTING "proc/sys/kernel/of_scan_a"

/* What a source of the test shall do, and what it was told. */
enum { PMU, SCAN_A, SCAN_B, OTHER, NAMED_ONLY, NR };

static struct script {
	int probe_error;
	int start_error;
	uint32_t probes;
	_Atomic int drain_error;
	_Atomic uint32_t nr_pids;
} scripts[NR];

struct actor {
	struct script *script;
	struct thermo_settings *settings;
	uint64_t reported;
};

static int probe_of(struct script *script, const char *name)
{
	script->probes++;
	return script->probe_error ? thermo_fail(script->probe_error, "%s: not here", name) : 0;
}

static int start_of(void *state)
{
	struct actor *a = state;

	if (a->script->start_error)
		return thermo_fail(a->script->start_error, "does not start");
	if (a->script == &scripts[SCAN_A])
		return thermo_settings_change(a->settings, SETTING, "ours");
	return 0;
}

static int set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct actor *a = state;

	(void)pids;
	/* relaxed: a value that the test waits for; nothing else is read because of it. */
	atomic_store_explicit(&a->script->nr_pids, (uint32_t)nr_pids, memory_order_relaxed);
	return 0;
}

static int drain(void *state, struct thermo_reporter *reporter)
{
	struct actor *a = state;
	/* relaxed: as above. */
	int err = atomic_load_explicit(&a->script->drain_error, memory_order_relaxed);

	(void)reporter;
	if (err)
		return thermo_fail(err, "its ring is gone");
	a->reported++;
	return 1;
}

static void counters(const void *state, struct thermo_source_counters *c)
{
	c->reported = ((const struct actor *)state)->reported;
}

static void close_it(void *state)
{
	(void)state;
}

#define ACTOR(id, text, used, only)                                                                \
	static int probe_##id(const struct thermo_source_opts *opts)                               \
	{                                                                                          \
		(void)opts;                                                                        \
		return probe_of(&scripts[id], text);                                               \
	}                                                                                          \
	static int open_##id(void *state, const struct thermo_source_opts *opts)                   \
	{                                                                                          \
		*(struct actor *)state = (struct actor){ .script = &scripts[id],                   \
							 .settings = opts->settings };             \
		return 0;                                                                          \
	}                                                                                          \
	static const struct thermo_source source_##id = { .name = (text),                          \
							  .uses = (used),                          \
							  .by_name_only = (only),                  \
							  .state_bytes = sizeof(struct actor),     \
							  .drain_interval_ms = 1,                  \
							  .probe = probe_##id,                     \
							  .open = open_##id,                       \
							  .start = start_of,                       \
							  .set_targets = set_targets,              \
							  .drain = drain,                          \
							  .counters = counters,                    \
							  .close = close_it }

ACTOR(PMU, "ibs", THERMO_USES_PMU, false);
ACTOR(SCAN_A, "scan-a", THERMO_USES_ACCESSED_BITS, false);
ACTOR(SCAN_B, "scan-b", THERMO_USES_ACCESSED_BITS, false);
ACTOR(OTHER, "other", THERMO_USES_HINT_FAULTS, false);
ACTOR(NAMED_ONLY, "named-only", 0, true);

static const struct thermo_source *const list[] = { &source_PMU,        &source_SCAN_A,
						    &source_SCAN_B,     &source_OTHER,
						    &source_NAMED_ONLY, NULL };

/* As a user types them. */
static char a_name[] = "scan-a", b_name[] = "scan-b", other_name[] = "other", bad_name[] = "nosuch";

static struct fake_host fake;
static struct thermo_settings settings;
static struct thermo_monitor *monitor;
static struct daemon_sources *sources;
static struct source_view views[SELECT_MAX];

static int make(void **state)
{
	const struct thermo_monitor_opts opts = { 0 };

	(void)state;
	memset(scripts, 0, sizeof(scripts));
	scripts[PMU].probe_error = -ENODEV;
	fake_host_init(&fake);
	fake_write(&fake, SETTING, "theirs\n");
	sources = NULL;
	return thermo_settings_open(&settings, &fake.host, NULL) ||
	       thermo_monitor_new(&monitor, &fake.host, &opts);
}

static int drop(void **state)
{
	(void)state;
	daemon_sources_stop(sources);
	(void)thermo_settings_close(&settings);
	thermo_monitor_free(monitor);
	fake_host_fini(&fake);
	return 0;
}

static int start(char **names, bool fall_back)
{
	const struct daemon_sources_opts opts = { .list = list,
						  .names = names,
						  .fall_back = fall_back,
						  .source = { .host = &fake.host,
							      .settings = &settings },
						  .monitor = monitor };

	return daemon_sources_start(&sources, &opts);
}

static const struct source_view *view_of(const char *name)
{
	size_t nr = daemon_sources_view(sources, views);

	for (size_t i = 0; i < nr; i++)
		if (strcmp(views[i].run.source->name, name) == 0)
			return &views[i];
	return NULL;
}

static enum source_state state_of(const char *name)
{
	const struct source_view *v = view_of(name);

	return v ? v->state : SOURCE_UNUSED;
}

static void expect_running(const char *names)
{
	char text[128];

	daemon_sources_list(sources, text, sizeof(text));
	assert_string_equal(text, names);
}

static void step(void)
{
	daemon_sources_step(sources, fake_now_ns(&fake.host));
}

static void later(uint64_t ns)
{
	fake_advance(&fake, ns);
	step();
}

static void nap(void)
{
	const struct timespec ms = { 0, 1000000 };

	(void)nanosleep(&ms, NULL);
}

/* Its next drain fails, in its thread; go on when that was noticed. */
static void let_fail(int who, int error)
{
	/* relaxed: a value that the source waits for. */
	atomic_store_explicit(&scripts[who].drain_error, error, memory_order_relaxed);
	for (int i = 0; i < 5000 && state_of(list[who]->name) == SOURCE_RUNS; i++) {
		nap();
		step();
	}
	assert_int_not_equal(state_of(list[who]->name), SOURCE_RUNS);
	/* relaxed: as above. */
	atomic_store_explicit(&scripts[who].drain_error, 0, memory_order_relaxed);
}

static void best_ones_run_and_none_beside_its_rival(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	expect_running("scan-a, other");
	assert_int_equal(state_of("scan-b"), SOURCE_UNUSED);
	assert_int_equal(state_of("named-only"), SOURCE_UNUSED);
}

static void nothing_that_runs_is_an_error_at_the_start(void **state)
{
	(void)state;
	scripts[SCAN_A].probe_error = scripts[SCAN_B].probe_error = -EPERM;
	scripts[OTHER].start_error = -EBUSY;
	assert_int_equal(start(NULL, false), -ENODEV);
	assert_reason("no source of access information runs here");
}

static void who_fails_is_replaced_and_what_it_changed_is_put_back(void **state)
{
	const struct source_view *v;

	(void)state;
	assert_int_equal(start(NULL, false), 0);
	assert_string_equal(fake_read(&fake, SETTING), "ours");
	let_fail(SCAN_A, -EIO);
	expect_running("scan-b, other");
	assert_string_equal(fake_read(&fake, SETTING), "theirs");
	assert_int_equal(settings.nr_changes, 0);
	v = view_of("scan-a");
	assert_string_equal(v->why, "its ring is gone");
	assert_string_equal(v->replaced_by, "scan-b");
	assert_int_equal(v->nr_failures, 1);
	assert_true(v->retry_at_ns > v->since_ns);
}

static void one_without_replacement_leaves_the_others_alone(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	let_fail(OTHER, -EIO);
	expect_running("scan-a");
	assert_string_equal(view_of("other")->replaced_by, "");
}

static void setting_that_somebody_took_is_left_to_him(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	fake_write(&fake, SETTING, "his\n");
	assert_int_equal(thermo_settings_check(&settings, SETTING), -EBUSY);
	let_fail(SCAN_A, -EBUSY);
	assert_string_equal(fake_read(&fake, SETTING), "his");
	/* Also when it is tried again: scan-b made way, and takes over once more. */
	later(5 * S);
	expect_running("scan-b, other");
	assert_string_equal(fake_read(&fake, SETTING), "his");
	assert_non_null(strstr(view_of("scan-a")->why, "somebody set it to his"));
	/* He gives it back. */
	fake_write(&fake, SETTING, "theirs\n");
	later(20 * S);
	expect_running("scan-a, other");
	assert_string_equal(fake_read(&fake, SETTING), "ours");
}

static void it_is_tried_again_after_twice_as_long_each_time(void **state)
{
	uint64_t wait_ns = 5 * S;

	(void)state;
	assert_int_equal(start(NULL, false), 0);
	let_fail(OTHER, -EIO);
	scripts[OTHER].start_error = -EBUSY;
	for (int i = 0; i < 10; i++) {
		uint32_t failures = view_of("other")->nr_failures;

		later(wait_ns - 1);
		assert_int_equal(view_of("other")->nr_failures, failures);
		later(1);
		assert_int_equal(view_of("other")->nr_failures, failures + 1);
		wait_ns = 2 * wait_ns < 600 * S ? 2 * wait_ns : 600 * S;
		assert_int_equal(view_of("other")->retry_at_ns - fake_now_ns(&fake.host), wait_ns);
	}
	assert_string_equal(view_of("other")->why, "does not start");
	scripts[OTHER].start_error = 0;
	later(wait_ns);
	expect_running("scan-a, other");
}

static void long_success_is_forgiven_and_short_is_not(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	let_fail(OTHER, -EIO);
	later(5 * S);
	later(59 * S);
	let_fail(OTHER, -EIO);
	assert_int_equal(view_of("other")->retry_at_ns - fake_now_ns(&fake.host), 10 * S);
	later(10 * S);
	later(61 * S);
	let_fail(OTHER, -EIO);
	assert_int_equal(view_of("other")->retry_at_ns - fake_now_ns(&fake.host), 5 * S);
}

static void better_one_that_comes_takes_over_when_it_proved_steady(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	scripts[PMU].probe_error = 0;
	later(59 * S);
	expect_running("scan-a, other");
	later(1 * S);
	expect_running("ibs, scan-a, other");
	for (int i = 0; i < 9; i++)
		later(1 * S);
	expect_running("ibs, scan-a, other");
	later(1 * S);
	expect_running("ibs");
	assert_int_equal(state_of("scan-a"), SOURCE_STANDS_BY);
	assert_non_null(strstr(view_of("scan-a")->why, "ibs sees all memory"));
	assert_string_equal(fake_read(&fake, SETTING), "theirs");
	/* And back, at once. */
	let_fail(PMU, -ENODEV);
	expect_running("scan-a, other");
	assert_string_equal(view_of("ibs")->replaced_by, "scan-a, other");
	assert_string_equal(fake_read(&fake, SETTING), "ours");
}

static void better_one_that_fails_at_once_has_stopped_nobody(void **state)
{
	(void)state;
	assert_int_equal(start(NULL, false), 0);
	scripts[PMU].probe_error = 0;
	later(60 * S);
	expect_running("ibs, scan-a, other");
	let_fail(PMU, -EIO);
	expect_running("scan-a, other");
	assert_int_equal(scripts[SCAN_A].probes, 1);
}

static void one_that_failed_and_is_not_needed_any_more_stands_by(void **state)
{
	uint32_t probes;

	(void)state;
	assert_int_equal(start(NULL, false), 0);
	scripts[OTHER].start_error = -EBUSY;
	let_fail(OTHER, -EIO);
	scripts[PMU].probe_error = 0;
	later(5 * S);
	expect_running("ibs, scan-a");
	scripts[OTHER].start_error = 0;
	later(10 * S);
	expect_running("ibs");
	assert_int_equal(state_of("other"), SOURCE_STANDS_BY);
	/* And nobody is asked all the time whether it may run. */
	probes = scripts[OTHER].probes;
	for (int i = 0; i < 100; i++)
		later(S / 2);
	assert_in_range(scripts[OTHER].probes - probes, 0, 3);
}

static void rival_makes_way_for_the_better_one_and_is_back_when_that_fails(void **state)
{
	(void)state;
	scripts[SCAN_A].probe_error = -EBUSY;
	assert_int_equal(start(NULL, false), 0);
	expect_running("scan-b, other");
	scripts[SCAN_A].probe_error = 0;
	later(60 * S);
	expect_running("scan-a, other");
	assert_int_equal(state_of("scan-b"), SOURCE_STANDS_BY);
	assert_non_null(strstr(view_of("scan-b")->why, "both clear accessed bits"));
	let_fail(SCAN_A, -EIO);
	expect_running("scan-b, other");
}

static void with_nothing_left_nobody_watches_until_one_is_back(void **state)
{
	uint64_t began_ns;

	(void)state;
	scripts[SCAN_B].probe_error = -EPERM;
	assert_int_equal(start(NULL, false), 0);
	began_ns = fake_now_ns(&fake.host);
	assert_true(daemon_sources_watch_since(sources, began_ns));
	scripts[OTHER].probe_error = -EPERM;
	let_fail(SCAN_A, -EIO);
	let_fail(OTHER, -EIO);
	assert_false(daemon_sources_watch_since(sources, UINT64_MAX));
	later(5 * S);
	expect_running("scan-a");
	/* Not for the window that had begun before. */
	assert_false(daemon_sources_watch_since(sources, began_ns));
	assert_true(daemon_sources_watch_since(sources, fake_now_ns(&fake.host)));
}

static void named_one_is_not_replaced_but_tried_again(void **state)
{
	char *names[] = { a_name, NULL };

	(void)state;
	assert_int_equal(start(names, false), 0);
	expect_running("scan-a");
	scripts[SCAN_A].probe_error = -ENODEV;
	let_fail(SCAN_A, -EIO);
	expect_running("");
	later(5 * S);
	expect_running("");
	assert_string_equal(view_of("scan-a")->why, "scan-a: not here");
	scripts[SCAN_A].probe_error = 0;
	later(10 * S);
	expect_running("scan-a");
	assert_int_equal(scripts[SCAN_B].probes + scripts[OTHER].probes, 0);
}

static void named_one_may_be_replaced_when_the_user_says_so(void **state)
{
	char *names[] = { a_name, NULL };

	(void)state;
	assert_int_equal(start(names, true), 0);
	expect_running("scan-a");
	let_fail(SCAN_A, -EIO);
	expect_running("scan-b, other");
	assert_string_equal(view_of("scan-a")->replaced_by, "scan-b, other");
	/* What it would disturb, and be disturbed by, ends first; the other when it is steady. */
	later(5 * S);
	expect_running("scan-a, other");
	later(10 * S);
	expect_running("scan-a");
}

static void named_one_that_does_not_start_is_an_error(void **state)
{
	char *names[] = { other_name, a_name, NULL }, *unknown[] = { bad_name, NULL };

	(void)state;
	scripts[SCAN_A].probe_error = -EPERM;
	assert_int_equal(start(names, true), -EPERM);
	assert_reason("scan-a: not here");
	daemon_sources_stop(sources);
	sources = NULL;
	assert_int_equal(start(unknown, false), -EINVAL);
	assert_reason("no source 'nosuch'");
}

static void two_that_would_disturb_each_other_are_refused_by_name(void **state)
{
	char *names[] = { b_name, a_name, NULL };

	(void)state;
	assert_int_equal(start(names, false), -EINVAL);
	assert_reason("scan-a and scan-b cannot run together: both clear accessed bits");
	assert_int_equal(scripts[SCAN_A].probes, 0);
}

static void who_starts_later_is_told_the_targets(void **state)
{
	const pid_t pids[] = { 1, 2, 3 };

	(void)state;
	assert_int_equal(start(NULL, false), 0);
	daemon_sources_set_targets(sources, pids, 3);
	let_fail(SCAN_A, -EIO);
	expect_running("scan-b, other");
	/* relaxed: a value to wait for. */
	for (int i = 0;
	     i < 5000 && atomic_load_explicit(&scripts[SCAN_B].nr_pids, memory_order_relaxed) != 3;
	     i++)
		nap();
	/* relaxed: as above. */
	assert_int_equal(atomic_load_explicit(&scripts[SCAN_B].nr_pids, memory_order_relaxed), 3);
}

static void counters_and_number_outlive_a_failure(void **state)
{
	uint64_t before;
	uint8_t index;

	(void)state;
	assert_int_equal(start(NULL, false), 0);
	index = view_of("other")->index;
	assert_string_equal(daemon_sources_name(sources, index), "other");
	/* It may come to run, so it has a number that is nobody else's. */
	assert_int_not_equal(view_of("scan-a")->index, index);
	while (view_of("other")->run.counters.reported < 3)
		nap();
	let_fail(OTHER, -EIO);
	before = view_of("other")->run.counters.reported;
	assert_true(before >= 3);
	later(5 * S);
	while (view_of("other")->run.counters.reported <= before)
		nap();
	assert_int_equal(view_of("other")->index, index);
	assert_true(daemon_sources_reported(sources) > before);
}

static void none_at_all_is_taken(void **state)
{
	char text[8];

	(void)state;
	daemon_sources_step(NULL, 1);
	daemon_sources_set_targets(NULL, NULL, 0);
	daemon_sources_set_rate(NULL, NULL);
	assert_int_equal(daemon_sources_least_rate(NULL), 0);
	assert_int_equal(daemon_sources_view(NULL, views), 0);
	assert_false(daemon_sources_watch_since(NULL, UINT64_MAX));
	daemon_sources_list(NULL, text, sizeof(text));
	assert_string_equal(text, "");
	assert_null(daemon_sources_name(NULL, 0));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(best_ones_run_and_none_beside_its_rival),
		TEST(nothing_that_runs_is_an_error_at_the_start),
		TEST(who_fails_is_replaced_and_what_it_changed_is_put_back),
		TEST(one_without_replacement_leaves_the_others_alone),
		TEST(setting_that_somebody_took_is_left_to_him),
		TEST(it_is_tried_again_after_twice_as_long_each_time),
		TEST(long_success_is_forgiven_and_short_is_not),
		TEST(better_one_that_comes_takes_over_when_it_proved_steady),
		TEST(better_one_that_fails_at_once_has_stopped_nobody),
		TEST(one_that_failed_and_is_not_needed_any_more_stands_by),
		TEST(rival_makes_way_for_the_better_one_and_is_back_when_that_fails),
		TEST(with_nothing_left_nobody_watches_until_one_is_back),
		TEST(named_one_is_not_replaced_but_tried_again),
		TEST(named_one_may_be_replaced_when_the_user_says_so),
		TEST(named_one_that_does_not_start_is_an_error),
		TEST(two_that_would_disturb_each_other_are_refused_by_name),
		TEST(who_starts_later_is_told_the_targets),
		TEST(counters_and_number_outlive_a_failure),
		TEST(none_at_all_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
