// SPDX-License-Identifier: GPL-2.0-or-later
/* measure.c - see measure.h. */
#include "bench/overhead/measure.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/workload/random.h"
#include "core/error.h"

#define MAX_REPEATS 10

struct measurement {
	const struct overhead_opts *opts;
	struct overhead_load load;
	struct overhead_tap tap;
	uint64_t random;
	uint32_t nr_done;
};

/* What one run gave. */
struct outcome {
	double speed;
	struct overhead_score score;
	struct overhead_counts begin;
	struct overhead_counts end;
};

static uint64_t now_ns(const struct measurement *m)
{
	return thermo_host_now_ns(m->opts->host);
}

static uint32_t nr_pairs(const struct overhead_opts *o)
{
	return (uint32_t)(o->nr_kinds * o->nr_subjects * o->nr_rounds);
}

uint64_t overhead_duration_ns(const struct overhead_opts *o)
{
	return nr_pairs(o) * 2ull * (o->run_ns + o->warmup_ns);
}

/* --- one run --- */

static struct timespec until(const struct measurement *m, uint64_t deadline_ns)
{
	uint64_t now = now_ns(m), left = deadline_ns > now ? deadline_ns - now : 0;

	if (left > OVERHEAD_STEP_NS)
		left = OVERHEAD_STEP_NS;
	if (m->tap.more)
		left = 0;
	return (struct timespec){ (time_t)(left / 1000000000), (long)(left % 1000000000) };
}

/*
 * Take what arrives until @deadline_ns or, with UINT64_MAX, until the workload answers.
 * Return: 1: it answered; 0: time is up; -EINTR; -errno.
 */
static int wait_some(struct measurement *m, uint64_t deadline_ns)
{
	struct pollfd fds[] = { { .fd = m->opts->signal_fd, .events = POLLIN },
				{ .fd = m->load.answer_fd, .events = POLLIN },
				{ .fd = overhead_tap_fd(&m->tap), .events = POLLIN } };

	do {
		struct timespec timeout = until(m, deadline_ns);
		int err, nr = ppoll(fds, 3, &timeout, NULL);

		if (nr > 0 && fds[0].revents)
			return thermo_fail(-EINTR, "ended early by a signal");
		err = overhead_tap_step(&m->tap);
		if (err)
			return err;
		if (nr > 0 && fds[1].revents) {
			err = overhead_load_answer(&m->load);
			return err ? err : 1;
		}
	} while (now_ns(m) < deadline_ns);
	return 0;
}

/* The workload answers when its run is over, or earlier, that it cannot. */
static int expect_answer(struct measurement *m)
{
	int n = wait_some(m, UINT64_MAX);

	return n < 0 ? n : 0;
}

static int run_window(struct measurement *m, const struct overhead_run *run, struct outcome *out)
{
	int n = wait_some(m, run->start_ns);

	if (n > 0)
		return thermo_fail(-EAGAIN, "this process got no CPU for a whole run: make "
					    "--seconds longer");
	overhead_tap_settle(&m->tap);
	if (n == 0)
		n = overhead_tap_counts(&m->tap, &out->begin);
	if (n == 0)
		n = wait_some(m, run->end_ns);
	/* Threads see the end a moment after us, or before. */
	if (n < 0)
		return n;
	int err = overhead_tap_counts(&m->tap, &out->end);

	if (!err && n == 0)
		err = expect_answer(m);
	if (err)
		return err;
	out->speed = overhead_load_speed(&m->load, m->opts->clock);
	overhead_load_sum(&m->load, &out->score);
	return out->speed > 0 ? 0
			      : thermo_fail(-EAGAIN,
					    "the workload did nothing in a whole run: make "
					    "--seconds longer");
}

/* The program connects before the clock runs. */
static int connect_program(struct measurement *m, uint64_t period)
{
	const struct overhead_run run = { .report_period = period };
	int err = overhead_load_run(&m->load, &run);

	return err ? err : expect_answer(m);
}

static int run_with(struct measurement *m, const struct overhead_subject *subject,
		    struct outcome *out)
{
	struct overhead_run run = { .report_period = subject->way == OVERHEAD_REPORTS
								     ? subject->setting
								     : 0 };
	int err = overhead_tap_start(&m->tap, subject, m->load.pid);

	if (!err && run.report_period)
		err = connect_program(m, run.report_period);
	run.start_ns = now_ns(m) + m->opts->warmup_ns;
	run.end_ns = run.start_ns + m->opts->run_ns;
	if (!err)
		err = overhead_load_run(&m->load, &run);
	return err ? err : run_window(m, &run, out);
}

/* @subject NULL: without.  Switched off again in any case. */
static int run_once(struct measurement *m, const struct overhead_subject *subject,
		    struct outcome *out)
{
	const struct overhead_subject none = { .way = OVERHEAD_CONTROL };
	int stop_err, err = run_with(m, subject ? subject : &none, out);
	char reason[256];

	(void)snprintf(reason, sizeof(reason), "%s", thermo_last_error());
	stop_err = overhead_tap_stop(&m->tap);
	if (err)
		return thermo_fail(err, "%s", reason);
	return stop_err;
}

/* --- pairs --- */

static void add_scores(struct overhead_score *sum, const struct overhead_score *s)
{
	sum->accesses += s->accesses;
	sum->ns += s->ns;
	sum->user_ns += s->user_ns;
	sum->system_ns += s->system_ns;
}

/* As the fields are all counters, and nothing else. */
static void add_counts(struct overhead_counts *sum, const struct outcome *o)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *begin = (const uint64_t *)&o->begin, *end = (const uint64_t *)&o->end;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "counters alone");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += end[i] > begin[i] ? end[i] - begin[i] : 0;
}

static void add_pair(struct overhead_result *r, const struct outcome *without,
		     const struct outcome *with)
{
	paired_add(&r->paired, without->speed, with->speed);
	r->speed_without += without->speed;
	r->speed_with += with->speed;
	add_scores(&r->without, &without->score);
	add_scores(&r->with, &with->score);
	add_counts(&r->tap_without, without);
	add_counts(&r->tap, with);
}

static int try_pair(struct measurement *m, struct overhead_result *r)
{
	bool with_first = workload_random(&m->random) >> 63;
	struct outcome with = { 0 }, without = { 0 };
	int err = with_first ? run_once(m, &r->subject, &with) : run_once(m, NULL, &without);

	if (!err)
		err = with_first ? run_once(m, NULL, &without) : run_once(m, &r->subject, &with);
	if (!err)
		add_pair(r, &without, &with);
	return err;
}

/* On a busy machine a short run may pass without us, or without the workload. */
static int run_pair(struct measurement *m, struct overhead_result *r)
{
	int err = try_pair(m, r);

	for (unsigned int i = 0; err == -EAGAIN && i < MAX_REPEATS; i++) {
		r->nr_starved++;
		err = try_pair(m, r);
	}
	return err;
}

static void tell_progress(const struct measurement *m, enum overhead_kind kind,
			  const struct overhead_subject *subject)
{
	const struct overhead_opts *o = m->opts;
	uint32_t pairs = nr_pairs(o);
	const struct overhead_progress p = { .kind = kind,
					     .subject = subject,
					     .nr = m->nr_done,
					     .nr_pairs = pairs,
					     .left_ns = (pairs - m->nr_done) * 2ull *
							(o->run_ns + o->warmup_ns) };

	if (o->progress)
		o->progress(o->arg, &p);
}

/* --- a workload --- */

static int start_load(struct measurement *m, enum overhead_kind kind)
{
	struct overhead_load_opts opts = m->opts->load;
	int err;

	overhead_load_stop(&m->load);
	opts.kind = kind;
	opts.socket = m->tap.socket;
	err = overhead_load_start(&m->load, &opts);
	return err ? err : expect_answer(m);
}

/* Fisher and Yates. */
static void shuffle(struct measurement *m, size_t *order, size_t nr)
{
	uint64_t rest;

	for (size_t i = nr; i > 1; i--) {
		size_t j = (size_t)workload_random_below(workload_random(&m->random), i, &rest);
		size_t other = order[j];

		order[j] = order[i - 1];
		order[i - 1] = other;
	}
}

/* Return: 0 also when the subject was given up. */
static int measure_subject(struct measurement *m, enum overhead_kind kind,
			   struct overhead_result *r)
{
	int err = 0;

	tell_progress(m, kind, &r->subject);
	if (!r->failed[0])
		err = run_pair(m, r);
	m->nr_done++;
	/* Without the workload there is nothing to go on with; it is started anew. */
	if (!err || err == -EINTR || r->subject.way == OVERHEAD_CONTROL)
		return err;
	(void)snprintf(r->failed, sizeof(r->failed), "%s", thermo_last_error());
	return start_load(m, kind);
}

static int measure_workload(struct measurement *m, struct overhead_workload *w)
{
	size_t order[OVERHEAD_MAX_SUBJECTS] = { 0 };
	int err = start_load(m, w->kind);

	for (size_t i = 0; i < w->nr_results; i++)
		order[i] = i;
	for (uint32_t round = 0; !err && round < m->opts->nr_rounds; round++) {
		shuffle(m, order, w->nr_results);
		for (size_t i = 0; !err && i < w->nr_results; i++)
			err = measure_subject(m, w->kind, &w->results[order[i]]);
	}
	overhead_load_stop(&m->load);
	return err;
}

static void init_workload(const struct overhead_opts *o, struct overhead_workload *w,
			  enum overhead_kind kind)
{
	w->kind = kind;
	w->nr_results = o->nr_subjects;
	for (size_t i = 0; i < o->nr_subjects; i++) {
		w->results[i].subject = o->subjects[i];
		w->results[i].clock = o->clock;
	}
}

int overhead_measure(const struct overhead_opts *o, struct overhead_workload *workloads)
{
	struct measurement m = { .opts = o,
				 .load = OVERHEAD_NO_LOAD,
				 .random = workload_random_seed(o->seed, 0) };
	bool reports = false;
	int err;

	for (size_t i = 0; i < o->nr_subjects; i++)
		reports |= o->subjects[i].way == OVERHEAD_REPORTS;
	err = overhead_tap_open(&m.tap, o->host, o->settings, reports);
	m.tap.pause_damon_stat = o->pause_damon_stat;
	for (uint32_t k = 0; k < o->nr_kinds; k++)
		init_workload(o, &workloads[k], o->kinds[k]);
	for (uint32_t k = 0; !err && k < o->nr_kinds; k++)
		err = measure_workload(&m, &workloads[k]);
	overhead_load_stop(&m.load);
	overhead_tap_close(&m.tap);
	return err;
}
