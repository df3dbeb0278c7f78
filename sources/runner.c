// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * runner.c - open, start, (drain)*, stop, close: in a thread.
 *
 * open and start run in the caller's thread, before the thread exists; everything
 * after that in the thread.  The two sides meet in a mutex: orders one way, status
 * the other.
 */
#include "sources/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/host.h"

#define NR_REPORTS (1u << 16)

struct runner {
	const struct thermo_source *source;
	const struct thermo_host *host;
	void *state;
	struct thermo_reporter *reporter;
	pthread_t thread;

	/* Below the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool quit;
	bool has_targets;
	pid_t *pids;
	size_t nr_pids;
	uint32_t rate_permille;
	bool has_rate;
	struct thermo_focus *focus; /* NULL: no news */
	size_t nr_focus;
	struct runner_status status;
};

struct orders {
	bool quit;
	pid_t *pids; /* NULL: no news */
	size_t nr_pids;
	uint32_t rate_permille;     /* 0: no news */
	struct thermo_focus *focus; /* NULL: no news */
	size_t nr_focus;
};

static void wait_until(struct runner *r, struct orders *orders)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(r->source->drain_interval_ms % 1000) * 1000000;
	until.tv_sec += r->source->drain_interval_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;

	pthread_mutex_lock(&r->mutex);
	while (!r->quit && !r->has_targets && !r->has_rate)
		if (pthread_cond_timedwait(&r->wake, &r->mutex, &until) == ETIMEDOUT)
			break;
	*orders = (struct orders){ .quit = r->quit };
	if (r->has_targets) {
		orders->pids = r->pids;
		orders->nr_pids = r->nr_pids;
		r->pids = NULL;
		r->has_targets = false;
	}
	if (r->has_rate)
		orders->rate_permille = r->rate_permille;
	r->has_rate = false;
	orders->focus = r->focus;
	orders->nr_focus = r->nr_focus;
	r->focus = NULL;
	pthread_mutex_unlock(&r->mutex);
}

static int obey(struct runner *r, const struct orders *orders)
{
	int err = 0;

	if (orders->pids && r->source->set_targets)
		err = r->source->set_targets(r->state, orders->pids, orders->nr_pids);
	if (!err && orders->rate_permille && r->source->set_rate)
		err = r->source->set_rate(r->state, orders->rate_permille);
	if (!err && orders->focus)
		err = r->source->set_focus(r->state, orders->focus, orders->nr_focus);
	return err;
}

static void publish(struct runner *r, int err)
{
	struct thermo_source_counters counters = { 0 };
	char note[RUNNER_NOTE_BYTES] = "";
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	if (r->source->counters)
		r->source->counters(r->state, &counters);
	if (r->source->note)
		r->source->note(r->state, note, sizeof(note));
	pthread_mutex_lock(&r->mutex);
	r->status.counters = counters;
	memcpy(r->status.note, note, sizeof(note));
	r->status.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000ull + (uint64_t)cpu.tv_nsec;
	r->status.watches = !err && (!r->source->watches || r->source->watches(r->state));
	if (r->status.watches)
		r->status.alive_ns = thermo_host_now_ns(r->host);
	if (err) {
		r->status.failed = true;
		(void)snprintf(r->status.error, sizeof(r->status.error), "%s", thermo_last_error());
	}
	pthread_mutex_unlock(&r->mutex);
}

static void *work(void *arg)
{
	struct runner *r = arg;
	struct orders orders;
	char name[16];
	int err = 0;

	(void)snprintf(name, sizeof(name), "src-%s", r->source->name);
	(void)pthread_setname_np(pthread_self(), name);
	do {
		wait_until(r, &orders);
		if (!err) {
			err = obey(r, &orders);
			if (!err && !orders.quit) {
				int n = r->source->drain(r->state, r->reporter);

				err = n < 0 ? n : 0;
			}
			publish(r, err);
			if (err && r->source->stop)
				r->source->stop(r->state);
		}
		free(orders.pids);
		free(orders.focus);
	} while (!orders.quit);
	if (!err && r->source->stop)
		r->source->stop(r->state);
	return NULL;
}

static void free_runner(struct runner *r)
{
	if (r->state)
		r->source->close(r->state);
	free(r->state);
	free(r->pids);
	free(r->focus);
	thermo_reporter_free(r->reporter);
	free(r);
}

static void init_meeting(struct runner *r)
{
	pthread_condattr_t attr;

	(void)pthread_mutex_init(&r->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

int runner_start(struct runner **runner, const struct thermo_source *source,
		 const struct thermo_source_opts *opts, uint8_t index)
{
	struct runner *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return thermo_fail(-ENOMEM, "%s: no memory", source->name);
	r->source = source;
	r->host = opts->host;
	r->status.source = source;
	r->status.watches = true;
	r->status.alive_ns = thermo_host_now_ns(r->host);
	r->rate_permille = r->status.rate_permille = THERMO_RATE_FULL;
	r->state = calloc(1, source->state_bytes);
	err = r->state ? thermo_reporter_new(
					 &r->reporter,
					 &(struct thermo_reporter_opts){ .nr_reports = NR_REPORTS,
									 .nr_threads = 1,
									 .source = index })
		       : thermo_fail(-ENOMEM, "%s: no memory", source->name);
	if (!err)
		err = source->open(r->state, opts);
	if (!err)
		err = source->start(r->state);
	if (err) {
		free_runner(r);
		return err;
	}
	init_meeting(r);
	err = pthread_create(&r->thread, NULL, work, r);
	if (err) {
		free_runner(r);
		return thermo_fail(-err, "%s: cannot start its thread: %s", source->name,
				   strerror(err));
	}
	*runner = r;
	return 0;
}

struct thermo_reporter *runner_reporter(struct runner *runner)
{
	return runner->reporter;
}

void runner_set_targets(struct runner *r, const pid_t *pids, size_t nr_pids)
{
	pid_t *copy = malloc((nr_pids + 1) * sizeof(*copy));

	/* Without memory the source keeps the targets that it has. */
	if (!copy)
		return;
	if (nr_pids)
		memcpy(copy, pids, nr_pids * sizeof(*copy));
	pthread_mutex_lock(&r->mutex);
	free(r->pids);
	r->pids = copy;
	r->nr_pids = nr_pids;
	r->has_targets = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mutex);
}

void runner_set_rate(struct runner *r, uint32_t permille)
{
	pthread_mutex_lock(&r->mutex);
	/* One that was not taken over yet still stands. */
	r->has_rate |= r->rate_permille != permille;
	r->rate_permille = r->status.rate_permille = permille;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mutex);
}

void runner_set_focus(struct runner *r, const struct thermo_focus *focus, size_t nr)
{
	struct thermo_focus *copy = r->source->set_focus ? calloc(nr + 1, sizeof(*copy)) : NULL;

	/* Without memory the source looks where it did. */
	if (!copy)
		return;
	if (nr)
		memcpy(copy, focus, nr * sizeof(*copy));
	/* Nobody is woken: it is taken over with the next drain. */
	pthread_mutex_lock(&r->mutex);
	free(r->focus);
	r->focus = copy;
	r->nr_focus = nr;
	pthread_mutex_unlock(&r->mutex);
}

void runner_status(struct runner *r, struct runner_status *status)
{
	pthread_mutex_lock(&r->mutex);
	*status = r->status;
	pthread_mutex_unlock(&r->mutex);
	status->dropped = thermo_reporter_dropped(r->reporter);
}

void runner_stop(struct runner *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->mutex);
	r->quit = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mutex);
	(void)pthread_join(r->thread, NULL);
	(void)pthread_mutex_destroy(&r->mutex);
	(void)pthread_cond_destroy(&r->wake);
	free_runner(r);
}
