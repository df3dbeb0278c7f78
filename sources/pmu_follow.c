// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pmu_follow.c - sample chosen threads and whatever descends from them.
 *
 * An event on a thread is inherited by threads and processes that it makes later, not by
 * those that are there.  So each thread that is there gets events, one a CPU, and who is
 * born of it is known from FORK records: giving it events of its own would count it twice.
 * The events of a thread that ended live on in its children, so they are closed only when
 * the kernel says that nobody has them any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/number.h"
#include "sources/pmu_parts.h"

static void forget_on(struct pmu_sampler *s, size_t nr_cpus, pid_t tid)
{
	for (size_t i = 0; i < nr_cpus; i++)
		pmu_cpu_remove(&s->cpus[i], tid);
}

/* Return: 0, also for one that has just ended; -errno. */
static int add_thread(struct pmu_sampler *s, pid_t tid)
{
	int err = 0;

	for (size_t i = 0; i < s->nr_cpus && !err; i++) {
		err = pmu_cpu_add(&s->cpus[i], &s->setup, tid);
		if (err)
			forget_on(s, i, tid);
	}
	if (err)
		return err == -ESRCH ? 0 : err;
	err = pid_set_add(&s->opened, tid);
	return err ? err : pid_set_add(&s->covered, tid);
}

/* Who belongs to @pid and is not known. */
static int list_unknown(struct pmu_sampler *s, pid_t pid, struct pid_set *unknown)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int err = 0;

	/* It has ended: the next list of targets will not have it. */
	if (thermo_host_open_dir(s->host, &dir, "proc/%d/task", (int)pid))
		return 0;
	while (!err && (entry = readdir(dir))) {
		uint64_t tid;

		if (thermo_parse_u64(entry->d_name, INT32_MAX, &tid) == 0 &&
		    !pid_set_has(&s->covered, (pid_t)tid))
			err = pid_set_add(unknown, (pid_t)tid);
	}
	return err;
}

/* Who cannot be sampled is told, the others are sampled. */
static int add_unknown(struct pmu_sampler *s, const struct pid_set *unknown)
{
	int first_err = 0;

	s->why_not_all[0] = '\0';
	for (size_t i = 0; i < unknown->nr; i++) {
		pid_t tid = unknown->pids[i];
		int err = pid_set_has(&s->covered, tid) ? 0 : add_thread(s, tid);

		if (!err || first_err)
			continue;
		first_err = err;
		(void)snprintf(s->why_not_all, sizeof(s->why_not_all), "thread %d: %s", (int)tid,
			       thermo_last_error());
	}
	return first_err && s->opened.nr == 0 ? first_err : 0;
}

/*
 * First look who is there, then read who was born of whom, then decide: the other way
 * round, one that is born in between would look like a stranger.
 */
int pmu_follow_targets(struct pmu_sampler *s, struct thermo_reporter *reporter)
{
	struct pid_set unknown = { 0 };
	int err = 0;

	for (size_t i = 0; i < s->targets.nr && !err; i++)
		err = list_unknown(s, s->targets.pids[i], &unknown);
	for (size_t i = 0; unknown.nr && i < s->nr_cpus && !err; i++)
		err = pmu_drain_cpu(s, &s->cpus[i], s->drained_ns, reporter);
	if (!err)
		err = add_unknown(s, &unknown);
	pid_set_fini(&unknown);
	return err;
}

int pmu_follow_on(struct pmu_sampler *s, struct pmu_cpu *cpu)
{
	for (size_t i = 0; i < s->opened.nr; i++) {
		int err = pmu_cpu_add(cpu, &s->setup, s->opened.pids[i]);

		if (err && err != -ESRCH)
			return err;
	}
	return 0;
}

/* POLLHUP: the thread has ended, and so have all that inherited the event. */
static bool has_ended(const struct pmu_sampler *s, pid_t tid)
{
	const struct pmu_cpu *c = &s->cpus[0];

	for (size_t i = 0; i < c->nr; i++) {
		struct pollfd fd = { .fd = c->instances[i].fd.fd };

		if (c->instances[i].tid == tid)
			return poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
	}
	return true;
}

void pmu_follow_ended(struct pmu_sampler *s)
{
	for (size_t i = s->opened.nr; i-- > 0;) {
		pid_t tid = s->opened.pids[i];

		if (!has_ended(s, tid))
			continue;
		forget_on(s, s->nr_cpus, tid);
		pid_set_remove(&s->opened, tid);
		pid_set_remove(&s->covered, tid);
	}
}
