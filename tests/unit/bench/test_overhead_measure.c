/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_overhead_measure.c - whole measurements, with a workload that runs and a source that
 * does as the test says; whatever happens, settings are as they were.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>

#include "bench/overhead/figures.h"
#include "core/error.h"
#include "tests/unit/fake_host.h"

#define MODE "proc/sys/kernel/numa_balancing"
#define MS UINT64_C(1000000)

static struct fake_host fake;
static struct thermo_host host; /* the fake's files, the real clock */
static struct thermo_settings settings;
static struct overhead_workload workloads[OVERHEAD_NR_KINDS];

static uint64_t real_now_ns(const struct thermo_host *unused)
{
	struct timespec ts;

	(void)unused;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static struct thermo_host_ops ops;

/* --- a source that does as the test says --- */

enum failure { NOTHING, PROBE, OPEN, START, DRAIN };

static struct {
	enum failure fails;
	bool floods; /* drains a hundred thousand reports at a time */
	_Atomic unsigned int nr_starts;
	_Atomic unsigned int nr_running;
	_Atomic int pid;
	_Atomic uint32_t permille;
	char mode_while[8]; /* the setting, as the source left it */
} puppet;

struct puppet_state {
	struct thermo_settings *settings;
	uint64_t nr;
};

static int puppet_probe(const struct thermo_source_opts *opts)
{
	(void)opts;
	return puppet.fails == PROBE ? thermo_fail(-ENODEV, "puppet: no such thing") : 0;
}

static int puppet_open(void *state, const struct thermo_source_opts *opts)
{
	((struct puppet_state *)state)->settings = opts->settings;
	return puppet.fails == OPEN ? thermo_fail(-EACCES, "puppet: not for you") : 0;
}

/* Fails after the change, when there is something to put back. */
static int puppet_start(void *state)
{
	int err = thermo_settings_change(((struct puppet_state *)state)->settings, MODE, "2");

	if (!err && puppet.fails == START)
		err = thermo_fail(-EIO, "puppet: half way");
	if (err)
		return err;
	/* relaxed: counts, read when the source's thread is gone. */
	atomic_fetch_add_explicit(&puppet.nr_starts, 1, memory_order_relaxed);
	/* relaxed: as above. */
	atomic_fetch_add_explicit(&puppet.nr_running, 1, memory_order_relaxed);
	return 0;
}

static int puppet_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	(void)state;
	/* relaxed: read when the thread is gone. */
	atomic_store_explicit(&puppet.pid, nr_pids == 1 ? pids[0] : -1, memory_order_relaxed);
	return 0;
}

static int puppet_set_rate(void *state, uint32_t permille)
{
	(void)state;
	/* relaxed: as above. */
	atomic_store_explicit(&puppet.permille, permille, memory_order_relaxed);
	return 0;
}

static int puppet_drain(void *state, struct thermo_reporter *reporter)
{
	struct puppet_state *p = state;
	struct thermo_access access = { .addr = 4096, .extent_bytes = 1, .nr_accesses = 499 };

	if (puppet.fails == DRAIN)
		return thermo_fail(-EIO, "puppet: taken away");
	(void)snprintf(puppet.mode_while, sizeof(puppet.mode_while), "%.7s",
		       fake_read(&fake, MODE));
	for (int i = puppet.floods ? 100000 : 1; i > 0; i--) {
		p->nr++;
		(void)thermo_report_access(reporter, &access);
	}
	return 1;
}

static void puppet_counters(const void *state, struct thermo_source_counters *counters)
{
	counters->seen = counters->reported = ((const struct puppet_state *)state)->nr;
	counters->lost = 2 * counters->seen;
}

static void puppet_stop(void *state)
{
	(void)state;
	/* relaxed: as above. */
	atomic_fetch_sub_explicit(&puppet.nr_running, 1, memory_order_relaxed);
}

static void puppet_close(void *state)
{
	(void)state;
}

static const struct thermo_source source = {
	.name = "puppet",
	.state_bytes = sizeof(struct puppet_state),
	.drain_interval_ms = 1,
	.probe = puppet_probe,
	.open = puppet_open,
	.start = puppet_start,
	.set_targets = puppet_set_targets,
	.set_rate = puppet_set_rate,
	.drain = puppet_drain,
	.counters = puppet_counters,
	.stop = puppet_stop,
	.close = puppet_close,
};

/* --- the frame --- */

static int make(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	fake_host_init(&fake);
	ops = fake_ops;
	ops.now_ns = real_now_ns;
	host = (struct thermo_host){ .root_fd = fake.host.root_fd,
				     .ops = &ops,
				     .private_data = &fake };
	fake_write(&fake, MODE, "1\n");
	memset(&puppet, 0, sizeof(puppet));
	memset(workloads, 0, sizeof(workloads));
	return thermo_settings_open(&settings, &host, NULL);
}

static int drop(void **state)
{
	int status;

	(void)state;
	assert_int_equal(thermo_settings_close(&settings), 0);
	/* No child is left, not even a dead one. */
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	fake_host_fini(&fake);
	return 0;
}

static struct overhead_opts options(void)
{
	struct overhead_opts o = { .host = &host,
				   .settings = &settings,
				   .load = { .bytes = 1 << 20, .nr_threads = 2 },
				   .nr_kinds = 1,
				   .kinds = { OVERHEAD_UPDATE },
				   .nr_subjects = 2,
				   .subjects = { { OVERHEAD_CONTROL, NULL, 0 },
						 { OVERHEAD_SOURCE, &source, 300 } },
				   .nr_rounds = 3,
				   .run_ns = 100 * MS,
				   .warmup_ns = 10 * MS,
				   .seed = 1,
				   .signal_fd = -1 };

	assert_int_equal(sched_getaffinity(0, sizeof(o.load.cpus), &o.load.cpus), 0);
	return o;
}

static void assert_all_is_as_before(void)
{
	assert_string_equal(fake_read(&fake, MODE), "1");
	/* relaxed: the source's threads are gone. */
	assert_int_equal(atomic_load_explicit(&puppet.nr_running, memory_order_relaxed), 0);
}

/* --- tests --- */

static void each_subject_is_measured_in_pairs(void **state)
{
	struct overhead_opts o = options();
	const struct overhead_result *r = &workloads[0].results[1];
	struct overhead_figures f;

	(void)state;
	assert_int_equal(overhead_measure(&o, workloads), 0);
	assert_int_equal(workloads[0].kind, OVERHEAD_UPDATE);
	assert_int_equal(workloads[0].results[0].paired.nr, 3);
	assert_int_equal(r->paired.nr, 3);
	assert_string_equal(r->failed, "");
	/* relaxed: the source's threads are gone. */
	assert_int_equal(atomic_load_explicit(&puppet.nr_starts, memory_order_relaxed), 3);
	assert_true(r->with.accesses > 0 && r->without.accesses > 0);
	overhead_figures(r, &f);
	assert_near(f.period, 499, 1e-6);
	assert_true(r->tap.samples > 0);
	assert_int_equal(r->tap.lost, 2 * r->tap.samples);
	assert_int_equal(r->tap_without.samples, 0);
	assert_int_equal(r->tap_without.reports, 0);
	assert_true(f.slowdown.known);
	assert_all_is_as_before();
}

static void source_runs_with_its_setting_on_the_workload_alone(void **state)
{
	struct overhead_opts o = options();

	(void)state;
	assert_int_equal(overhead_measure(&o, workloads), 0);
	assert_string_equal(puppet.mode_while, "2");
	/* relaxed: the source's threads are gone. */
	assert_int_equal(atomic_load_explicit(&puppet.permille, memory_order_relaxed), 300);
	/* relaxed: as above. */
	int pid = atomic_load_explicit(&puppet.pid, memory_order_relaxed);

	assert_true(pid > 0 && pid != getpid());
	assert_all_is_as_before();
}

static void fails_with(enum failure failure, const char *reason)
{
	struct overhead_opts o = options();

	puppet.fails = failure;
	assert_int_equal(overhead_measure(&o, workloads), 0);
	assert_non_null(strstr(workloads[0].results[1].failed, reason));
	assert_int_equal(workloads[0].results[1].paired.nr, 0);
	/* The rest goes on. */
	assert_int_equal(workloads[0].results[0].paired.nr, 3);
	assert_all_is_as_before();
}

static void source_that_is_not_there_is_given_up(void **state)
{
	(void)state;
	fails_with(PROBE, "puppet: no such thing");
}

static void source_that_cannot_open_is_given_up(void **state)
{
	(void)state;
	fails_with(OPEN, "puppet: not for you");
}

static void half_started_source_leaves_no_setting(void **state)
{
	(void)state;
	fails_with(START, "puppet: half way");
}

static void source_that_ends_by_itself_leaves_no_setting(void **state)
{
	(void)state;
	fails_with(DRAIN, "source puppet ended: puppet: taken away");
}

/* It would keep a drain that goes on while there is more from ever looking at the clock. */
static void source_that_floods_does_not_stop_the_clock(void **state)
{
	struct overhead_opts o = options();
	const struct overhead_counts *t = &workloads[0].results[1].tap;

	(void)state;
	puppet.floods = true;
	assert_int_equal(overhead_measure(&o, workloads), 0);
	assert_string_equal(workloads[0].results[1].failed, "");
	assert_true(t->reports > 0);
	assert_true(t->dropped > 0);
	assert_all_is_as_before();
}

static int stop_fd;

static void stop_at_third(void *arg, const struct overhead_progress *p)
{
	unsigned int *nr = arg;

	(void)p;
	if (++*nr == 3)
		assert_int_equal(eventfd_write(stop_fd, 1), 0);
}

static void signal_ends_it_and_keeps_what_there_is(void **state)
{
	struct overhead_opts o = options();
	unsigned int nr = 0;

	(void)state;
	stop_fd = o.signal_fd = eventfd(0, EFD_CLOEXEC);
	o.progress = stop_at_third;
	o.arg = &nr;
	assert_int_equal(overhead_measure(&o, workloads), -EINTR);
	assert_reason("ended early by a signal");
	assert_int_equal(workloads[0].results[0].paired.nr + workloads[0].results[1].paired.nr, 2);
	assert_all_is_as_before();
	(void)close(stop_fd);
}

static void signal_while_a_source_runs_puts_settings_back(void **state)
{
	struct overhead_opts o = options();
	unsigned int nr = 2;

	(void)state;
	stop_fd = o.signal_fd = eventfd(0, EFD_CLOEXEC);
	o.progress = stop_at_third;
	o.arg = &nr;
	o.nr_subjects = 1;
	o.subjects[0] = o.subjects[1];
	/* With or without first: both orders. */
	for (o.seed = 1; o.seed < 9; o.seed++) {
		memset(workloads, 0, sizeof(workloads));
		assert_int_equal(overhead_measure(&o, workloads), -EINTR);
		assert_all_is_as_before();
	}
	(void)close(stop_fd);
}

static struct {
	unsigned int nr;
	char order[64];
} seen;

static void note_order(void *arg, const struct overhead_progress *p)
{
	(void)arg;
	if (seen.nr < sizeof(seen.order))
		seen.order[seen.nr++] = p->subject->way == OVERHEAD_CONTROL ? 'n' : 's';
	assert_int_equal(p->nr_pairs, 20);
}

static void order_is_random_and_fair(void **state)
{
	struct overhead_opts o = options();
	unsigned int first = 0;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	o.nr_rounds = 10;
	o.run_ns = 20 * MS;
	o.warmup_ns = 0;
	o.progress = note_order;
	/* What so short a run says does not matter here, nor whether it says anything. */
	(void)overhead_measure(&o, workloads);
	for (unsigned int i = 0; i + 1 < seen.nr; i += 2) {
		assert_int_not_equal(seen.order[i], seen.order[i + 1]);
		first += seen.order[i] == 'n';
	}
	assert_true(first > 0 && first < 10);
}

/* --- a program that reports its own accesses --- */

static void programs_reports_are_all_accounted_for(void **state)
{
	struct thermo_host real;
	struct overhead_opts o = options();
	const struct overhead_result *r = &workloads[0].results[0];
	struct overhead_figures f;

	(void)state;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	o.host = &real;
	o.settings = NULL;
	o.nr_subjects = 1;
	o.subjects[0] = (struct overhead_subject){ OVERHEAD_REPORTS, NULL, 1000 };
	assert_int_equal(overhead_measure(&o, workloads), 0);
	assert_string_equal(r->failed, "");
	assert_int_equal(r->paired.nr, 3);
	assert_true(r->tap.reports > 0);
	assert_int_equal(r->tap.samples, r->tap.reports + r->tap.dropped);
	assert_int_equal(r->tap.exact, r->tap.reports);
	assert_int_equal(r->tap_without.reports, 0);
	overhead_figures(r, &f);
	/* Updates are pairs of accesses, and 1000 is even. */
	assert_near(f.period, 1000, 1e-6);
	thermo_host_close(&real);
}

static void load_that_has_no_room_says_so(void **state)
{
	struct overhead_opts o = options();

	(void)state;
	o.load.bytes = 4096; /* for two threads */
	assert_int_equal(overhead_measure(&o, workloads), -EINVAL);
	assert_reason("less than a page of memory for each thread");
	assert_all_is_as_before();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_subject_is_measured_in_pairs),
		CASE(source_runs_with_its_setting_on_the_workload_alone),
		CASE(source_that_is_not_there_is_given_up),
		CASE(source_that_cannot_open_is_given_up),
		CASE(half_started_source_leaves_no_setting),
		CASE(source_that_ends_by_itself_leaves_no_setting),
		CASE(source_that_floods_does_not_stop_the_clock),
		CASE(signal_ends_it_and_keeps_what_there_is),
		CASE(signal_while_a_source_runs_puts_settings_back),
		CASE(order_is_random_and_fair),
		CASE(programs_reports_are_all_accounted_for),
		CASE(load_that_has_no_room_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
