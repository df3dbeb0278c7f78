// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pmu_watch.c - CPUs come and go, and somebody else may hold the counters.
 *
 * The kernel opens events that it then cannot run, and says nothing: only the time that an
 * event could run, against the time that it should, tells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "sources/perf_users.h"
#include "sources/pmu_parts.h"

/* Calls a second, at most, that ask how long an event could run: each may interrupt a CPU. */
#define MOST_ASKS 1024u
/* So many rounds without any CPU that samples, and the source gives up. */
#define MOST_IDLE_ASKS 5u

static struct pmu_cpu *find_cpu(struct pmu_sampler *s, int number, size_t *at)
{
	size_t low = 0, high = s->nr_cpus;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->cpus[mid].cpu < number)
			low = mid + 1;
		else
			high = mid;
	}
	*at = low;
	return low < s->nr_cpus && s->cpus[low].cpu == number ? &s->cpus[low] : NULL;
}

static bool is_planned(const struct pmu_sampler *s, int number)
{
	for (size_t i = 0; i < s->plan.nr_events; i++)
		if (hwloc_bitmap_isset(s->plan.events[i].cpus, (unsigned int)number))
			return true;
	return false;
}

/* Return: 0; -ENODEV when it has just gone; -errno. */
static int open_cpu(struct pmu_sampler *s, int number, size_t at)
{
	struct pmu_cpu fresh, *more = realloc(s->cpus, (s->nr_cpus + 1) * sizeof(*more));
	int err;

	if (!more)
		return thermo_fail(-ENOMEM, "%s: no memory for CPU %d", s->kind->name, number);
	s->cpus = more;
	err = pmu_cpu_open(&fresh, &s->setup, number);
	if (!err && s->setup.per_thread)
		err = pmu_follow_on(s, &fresh);
	if (err) {
		pmu_cpu_close(&fresh);
		return err;
	}
	memmove(more + at + 1, more + at, (s->nr_cpus - at) * sizeof(*more));
	more[at] = fresh;
	s->nr_cpus++;
	return 0;
}

static int open_cpus(struct pmu_sampler *s, hwloc_bitmap_t online)
{
	bool failed = false;
	int first_err = 0;
	size_t at;

	s->why_not_all[0] = '\0';
	for (int cpu = hwloc_bitmap_first(online); cpu >= 0; cpu = hwloc_bitmap_next(online, cpu)) {
		int err = is_planned(s, cpu) && !find_cpu(s, cpu, &at) ? open_cpu(s, cpu, at) : 0;

		if (err && (!first_err || first_err == -ENODEV)) {
			first_err = err;
			(void)snprintf(s->why_not_all, sizeof(s->why_not_all), "%s",
				       thermo_last_error());
		}
		failed = failed || err;
	}
	/* One that goes while we look is no failure. */
	if (s->nr_cpus && first_err == -ENODEV)
		s->why_not_all[0] = '\0';
	if (s->nr_cpus)
		return 0;
	if (failed)
		return thermo_fail(first_err, "%s: no CPU can be sampled: %s", s->kind->name,
				   strdupa(s->why_not_all));
	return thermo_fail(-ENODEV, "%s: none of its CPUs is online", s->kind->name);
}

static int read_online(struct pmu_sampler *s, hwloc_bitmap_t online)
{
	int err = online ? thermo_host_read_list(s->host, online, "sys/devices/system/cpu/online")
			 : thermo_fail(-ENOMEM, "%s: no memory", s->kind->name);

	return err;
}

int pmu_watch_open(struct pmu_sampler *s)
{
	hwloc_bitmap_t online = hwloc_bitmap_alloc();
	int err = read_online(s, online);

	if (!err)
		err = open_cpus(s, online);
	hwloc_bitmap_free(online);
	return err;
}

static int close_offline(struct pmu_sampler *s, hwloc_bitmap_t online,
			 struct thermo_reporter *reporter)
{
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < s->nr_cpus; i++) {
		struct pmu_cpu *c = &s->cpus[i];

		if (hwloc_bitmap_isset(online, (unsigned int)c->cpu)) {
			s->cpus[kept++] = *c;
			continue;
		}
		/* What it sampled until then is in its ring still. */
		if (!err)
			err = pmu_drain_cpu(s, c, s->drained_ns, reporter);
		s->counters.lost += pmu_cpu_untold_lost(c, &s->setup);
		pmu_cpu_close(c);
	}
	s->nr_cpus = kept;
	return err;
}

/* PMUs that list no CPUs of their own, and those of hybrids, have the CPUs that are online. */
static void plan_again(struct pmu_sampler *s)
{
	static const struct pmu_goal by_default;
	struct pmu_plan now;
	int err = pmu_plan_make(&now, s->host, &by_default);

	for (size_t i = 0; !err && now.nr_events == s->plan.nr_events && i < now.nr_events; i++) {
		hwloc_bitmap_t cpus = s->plan.events[i].cpus;

		s->plan.events[i].cpus = now.events[i].cpus;
		now.events[i].cpus = cpus;
	}
	pmu_plan_fini(&now);
}

static bool are_as_before(const struct pmu_sampler *s, hwloc_bitmap_t online)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_cpus; i++)
		if (hwloc_bitmap_isset(online, (unsigned int)s->cpus[i].cpu))
			nr++;
	return nr == s->nr_cpus && nr == (size_t)hwloc_bitmap_weight(online);
}

int pmu_watch_cpus(struct pmu_sampler *s, struct thermo_reporter *reporter)
{
	hwloc_bitmap_t online = hwloc_bitmap_alloc();
	int err = read_online(s, online);

	if (!err && !are_as_before(s, online)) {
		err = close_offline(s, online, reporter);
		if (s->replans)
			plan_again(s);
		if (!err)
			err = open_cpus(s, online);
		if (!err)
			err = cpu_nodes_read(&s->nodes, s->host);
	}
	hwloc_bitmap_free(online);
	return err;
}

static bool is_held(const struct pmu_sampler *s, const struct pmu_cpu *c)
{
	bool any = false;

	for (size_t i = 0; i < s->plan.nr_events; i++) {
		const struct pmu_tally *t = &c->tallies[i];

		/* A leader does not sample: whoever needs it is held with it. */
		if (!s->plan.events[i].attr.perf.sample_period)
			continue;
		if (t->enabled_ns && !t->held)
			return false;
		any |= t->held;
	}
	return any;
}

static size_t nr_held(const struct pmu_sampler *s)
{
	size_t nr = 0;

	for (size_t i = 0; i < s->nr_cpus; i++)
		nr += is_held(s, &s->cpus[i]);
	return nr;
}

/* Goes on where it ended the last time. */
static int ask_some(struct pmu_sampler *s)
{
	size_t asked = 0;

	for (size_t i = 0; i < s->nr_cpus && asked < MOST_ASKS; i++) {
		struct pmu_cpu *c = &s->cpus[s->next_check % s->nr_cpus];
		int held = pmu_cpu_check(c, &s->setup);

		if (held < 0)
			return held;
		asked += c->nr + 1;
		s->next_check = (s->next_check + 1) % s->nr_cpus;
	}
	return 0;
}

static int give_up(const struct pmu_sampler *s)
{
	char who[PERF_USERS_BYTES];

	perf_users_list(s->host, who, sizeof(who));
	return thermo_fail(-EBUSY, "%s: the kernel ran it on no CPU for %u seconds: %s%s%s",
			   s->kind->name, MOST_IDLE_ASKS, s->kind->sharing,
			   who[0] ? "; perf events are open in " : "", who);
}

int pmu_watch_sharing(struct pmu_sampler *s)
{
	int err = ask_some(s);

	if (err)
		return err;
	s->nr_idle_asks = nr_held(s) == s->nr_cpus ? s->nr_idle_asks + 1 : 0;
	return s->nr_idle_asks < MOST_IDLE_ASKS ? 0 : give_up(s);
}

void pmu_watch_note(struct pmu_sampler *s)
{
	size_t held = s->setup.per_thread ? 0 : nr_held(s);
	int len = 0;

	s->note[0] = '\0';
	if (held)
		len = snprintf(s->note, sizeof(s->note), "does not run on %zu of %zu CPUs: %s",
			       held, s->nr_cpus, s->kind->sharing);
	if (s->why_not_all[0] && len < (int)sizeof(s->note))
		(void)snprintf(s->note + len, sizeof(s->note) - (size_t)len, "%s%s",
			       len ? "; " : "", s->why_not_all);
}
