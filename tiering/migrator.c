// SPDX-License-Identifier: GPL-2.0-or-later
/* migrator.c - a worker thread around mover.c. */
#include "tiering/migrator.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/proc.h"
#include "tiering/mover.h"

#define PING_PONG_NS 60000000000ull
/* Moves done and not yet collected; beyond that the oldest are forgotten. */
#define MAX_DONE 4096

struct migrator {
	pthread_t thread;
	atomic_bool stop;

	/* Below the mutex. */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool busy;
	bool quit;
	struct plan plan;
	struct thermo_topology submitted; /* as it was when the plan was made */
	struct thermo_move_counters counters;
	double ns_per_byte;
	uint64_t cpu_ns;
	uint64_t idle_since_ns;
	size_t nr_done;
	struct past_move done[MAX_DONE];

	/* The worker's own. */
	const struct thermo_host *host;
	struct mover mover;
	struct thermo_topology topology;
	struct move_history history; /* to tell ping-pongs */
};

/* Below the mutex. */
static void tell(struct migrator *m, const struct past_move *done, enum move_outcome outcome)
{
	if (m->nr_done == MAX_DONE)
		return;
	m->done[m->nr_done] = *done;
	m->done[m->nr_done++].outcome = outcome;
}

static void publish(struct migrator *m, const struct planned_move *step, uint64_t moved_bytes,
		    bool futile, bool exhausted)
{
	uint64_t now_ns = thermo_host_now_ns(m->host);
	struct past_move done = { .pid = step->pid,
				  .action = step->action,
				  .start = step->start,
				  .end = step->end,
				  .time_ns = now_ns,
				  .outcome = MOVE_DONE };

	if (moved_bytes) {
		if (step->action == THERMO_PROMOTE &&
		    history_has(&m->history, THERMO_DEMOTE, MOVE_DONE, step->pid, step->start,
				step->end, now_ns > PING_PONG_NS ? now_ns - PING_PONG_NS : 0))
			m->mover.counters.ping_pongs += moved_bytes / THERMO_PAGE_BYTES;
		history_add(&m->history, &done);
	}
	pthread_mutex_lock(&m->mutex);
	m->counters = m->mover.counters;
	m->ns_per_byte = m->mover.ns_per_byte;
	m->cpu_ns = m->host->ops->thread_cpu_ns(m->host);
	if (moved_bytes)
		tell(m, &done, MOVE_DONE);
	if (futile)
		tell(m, &done, MOVE_FUTILE);
	if (exhausted)
		tell(m, &done, MOVE_EXHAUSTED);
	pthread_mutex_unlock(&m->mutex);
}

static uint64_t pages_with(const struct thermo_move_counters *c, enum thermo_action action,
			   enum thermo_move_result result)
{
	return c->pages[action][result];
}

/*
 * Whether a step found pages to move and none of them could be: shared, pinned.  A
 * full destination is no fault of theirs, and pages that are gone are not there.
 */
static bool was_futile(const struct thermo_move_counters *before,
		       const struct thermo_move_counters *after, enum thermo_action action)
{
	static const enum thermo_move_result refusals[] = { THERMO_MOVE_BUSY,
							    THERMO_MOVE_NOT_ALLOWED,
							    THERMO_MOVE_FAILED };
	bool refused = false;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		refused |= pages_with(after, action, refusals[i]) !=
			   pages_with(before, action, refusals[i]);
	return refused &&
	       pages_with(after, action, THERMO_MOVED) == pages_with(before, action, THERMO_MOVED);
}

/*
 * Whether a step came to its end and left nothing behind that it found.  What it was to
 * move beyond that is elsewhere: where pages are is an estimate for the whole region.
 */
static bool was_all_moved(const struct migrator *m, const struct thermo_move_counters *before,
			  enum thermo_action action)
{
	for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++)
		if (r != THERMO_MOVED &&
		    pages_with(&m->mover.counters, action, r) != pages_with(before, action, r))
			return false;
	return !mover_is_over(&m->mover);
}

static void carry_out(struct migrator *m, const struct plan *plan)
{
	m->mover.left_bytes = plan->budget_bytes;
	m->mover.until_ns = plan->until_ns;
	for (size_t i = 0; i < plan->nr && !mover_is_over(&m->mover); i++) {
		struct thermo_move_counters before = m->mover.counters;
		const struct planned_move *step = &plan->moves[i];
		uint64_t moved_bytes = mover_run(&m->mover, step);

		publish(m, step, moved_bytes, was_futile(&before, &m->mover.counters, step->action),
			moved_bytes < step->bytes && was_all_moved(m, &before, step->action));
	}
}

static void *work(void *arg)
{
	struct migrator *m = arg;

	(void)pthread_setname_np(pthread_self(), "migrator");
	pthread_mutex_lock(&m->mutex);
	for (;;) {
		while (!m->busy && !m->quit)
			pthread_cond_wait(&m->wake, &m->mutex);
		if (m->quit)
			break;
		struct plan plan = m->plan;

		m->plan = (struct plan){ 0 };
		m->topology = m->submitted;
		pthread_mutex_unlock(&m->mutex);
		carry_out(m, &plan);
		plan_fini(&plan);
		pthread_mutex_lock(&m->mutex);
		m->busy = false;
		m->idle_since_ns = thermo_host_now_ns(m->host);
	}
	pthread_mutex_unlock(&m->mutex);
	return NULL;
}

int migrator_start(struct migrator **migrator, const struct thermo_host *host, uint32_t share_pct)
{
	struct migrator *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return thermo_fail(-ENOMEM, "migrator: no memory");
	m->host = host;
	mover_init(&m->mover, host, &m->topology, share_pct, &m->stop);
	(void)pthread_mutex_init(&m->mutex, NULL);
	(void)pthread_cond_init(&m->wake, NULL);
	err = pthread_create(&m->thread, NULL, work, m);
	if (err) {
		free(m);
		return thermo_fail(-err, "migrator: cannot start its thread: %s", strerror(err));
	}
	*migrator = m;
	return 0;
}

void migrator_stop(struct migrator *m)
{
	/* relaxed: the mutex below orders everything else. */
	atomic_store_explicit(&m->stop, true, memory_order_relaxed);
	pthread_mutex_lock(&m->mutex);
	m->quit = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->mutex);
	(void)pthread_join(m->thread, NULL);
}

void migrator_free(struct migrator *m)
{
	plan_fini(&m->plan);
	(void)pthread_mutex_destroy(&m->mutex);
	(void)pthread_cond_destroy(&m->wake);
	free(m);
}

bool migrator_is_idle_since(struct migrator *m, uint64_t time_ns)
{
	pthread_mutex_lock(&m->mutex);
	bool idle = !m->busy && m->idle_since_ns <= time_ns;

	pthread_mutex_unlock(&m->mutex);
	return idle;
}

void migrator_submit(struct migrator *m, struct plan *plan, const struct thermo_topology *topology)
{
	pthread_mutex_lock(&m->mutex);
	m->plan = *plan;
	m->submitted = *topology;
	m->busy = true;
	pthread_cond_signal(&m->wake);
	pthread_mutex_unlock(&m->mutex);
	*plan = (struct plan){ 0 };
}

void migrator_collect(struct migrator *m, struct thermo_move_counters *counters,
		      double *ns_per_byte, struct move_history *history)
{
	pthread_mutex_lock(&m->mutex);
	*counters = m->counters;
	*ns_per_byte = m->ns_per_byte;
	for (size_t i = 0; i < m->nr_done; i++)
		history_add(history, &m->done[i]);
	m->nr_done = 0;
	pthread_mutex_unlock(&m->mutex);
}

uint64_t migrator_cpu_ns(struct migrator *m)
{
	pthread_mutex_lock(&m->mutex);
	uint64_t cpu_ns = m->cpu_ns;

	pthread_mutex_unlock(&m->mutex);
	return cpu_ns;
}
