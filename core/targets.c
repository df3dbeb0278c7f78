// SPDX-License-Identifier: GPL-2.0-or-later
/* targets.c - select, adopt, follow. */
#include "core/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/select.h"

#define MAX_RANGES_PER_TARGET 64

static int by_pid(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return x->info.pid < y->info.pid ? -1 : x->info.pid > y->info.pid;
}

struct target *targets_find(const struct targets *targets, pid_t pid)
{
	struct target key = { .info.pid = pid };

	return targets->nr ? bsearch(&key, targets->list, targets->nr, sizeof(key), by_pid) : NULL;
}

/* Take over what is known if it is the same process, not only the same pid. */
static void adopt(struct targets *targets, const struct thermo_proc *proc, struct target *t)
{
	struct target *old = targets_find(targets, proc->pid);

	if (old && !old->gone && old->info.start_ticks == proc->start_ticks) {
		*t = *old;
		*old = (struct target){ .info.pid = proc->pid };
	}
	t->info.pid = proc->pid;
	t->info.parent_pid = proc->parent_pid;
	t->info.start_ticks = proc->start_ticks;
	t->info.rss_bytes = proc->rss_bytes;
	memcpy(t->info.name, proc->name, sizeof(t->info.name));
}

static void look_up_cgroup(const struct thermo_host *host, struct thermo_target *info)
{
	/* It moves rarely, but it may. */
	if (thermo_proc_cgroup(host, info->pid, info->cgroup, sizeof(info->cgroup)))
		info->cgroup[0] = '\0';
}

static int follow_one(const struct thermo_host *host, struct target *t, size_t max_nr_ranges,
		      uint32_t min_nr_regions)
{
	struct thermo_range ranges[MAX_RANGES_PER_TARGET];
	int nr = thermo_proc_ranges(host, t->info.pid, max_nr_ranges, ranges);

	return nr < 0 ? nr : target_follow(t, ranges, (size_t)nr, min_nr_regions);
}

static void free_list(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		target_fini(&targets->list[i]);
	free(targets->list);
	targets->list = NULL;
	targets->nr = 0;
}

void targets_fini(struct targets *targets)
{
	free_list(targets);
	family_fini(&targets->family);
	ram_fini(&targets->ram);
}

/* Mappings alone must not eat up the regions. */
static size_t max_ranges(size_t nr_targets, uint32_t max_nr_regions)
{
	size_t max = max_nr_regions / 2 / (nr_targets + 1) + 1;

	return max < MAX_RANGES_PER_TARGET ? max : MAX_RANGES_PER_TARGET;
}

static int follow_processes(struct targets *targets, const struct thermo_host *host,
			    const struct thermo_target_spec *spec, uint32_t min_nr_regions,
			    uint32_t max_nr_regions)
{
	AUTO_FREE struct thermo_proc *procs = NULL;
	ssize_t nr_procs = thermo_select(host, spec, &targets->family, &procs);
	struct target *list;
	size_t nr = 0;

	if (nr_procs < 0)
		return (int)nr_procs;
	/* Each has a region at least. */
	if (nr_procs > (ssize_t)max_nr_regions)
		nr_procs = (ssize_t)max_nr_regions;
	list = calloc((size_t)nr_procs + 1, sizeof(*list));
	if (!list)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zd targets", nr_procs);
	for (ssize_t i = 0; i < nr_procs; i++) {
		adopt(targets, &procs[i], &list[nr]);
		look_up_cgroup(host, &list[nr].info);
		/* It may exit at any time, or be none of our business: then it is no target. */
		if (follow_one(host, &list[nr], max_ranges((size_t)nr_procs, max_nr_regions),
			       min_nr_regions))
			target_fini(&list[nr]);
		else
			nr++;
	}
	free_list(targets);
	if (nr)
		qsort(list, nr, sizeof(*list), by_pid);
	targets->list = list;
	targets->nr = nr;
	ram_fini(&targets->ram);
	return (int)nr;
}

/* The one target from now on. */
static int start_physical(struct targets *targets, const struct thermo_range *ranges,
			  size_t nr_ranges, uint32_t min_nr_regions)
{
	struct target *list = calloc(1, sizeof(*list));

	if (!list)
		return thermo_fail(-ENOMEM, "monitor: no memory for a target");
	list->info = (struct thermo_target){ .pid = THERMO_PID_PHYSICAL, .name = "physical" };
	list->ram = &targets->ram;
	int err = target_follow(list, ranges, nr_ranges, min_nr_regions);

	if (err) {
		free(list);
		return err;
	}
	free_list(targets);
	family_fini(&targets->family);
	targets->list = list;
	targets->nr = 1;
	return 0;
}

static int follow_physical(struct targets *targets, const struct thermo_host *host,
			   const struct thermo_target_spec *spec, uint32_t min_nr_regions,
			   uint32_t max_nr_regions)
{
	struct target *t = targets_find(targets, THERMO_PID_PHYSICAL);
	struct thermo_range ranges[MAX_RANGES_PER_TARGET];
	ssize_t nr;
	int err;

	if (spec->nr_pids || spec->cgroup || spec->name || spec->min_rss_bytes)
		return thermo_fail(-EINVAL, "targets: physical memory cannot be combined with "
					    "processes: name one of both");
	err = ram_update(&targets->ram, host);
	if (err)
		return err;
	nr = ram_ranges(&targets->ram, max_ranges(1, max_nr_regions), ranges);
	if (nr < 0)
		return (int)nr;
	err = t ? target_follow(t, ranges, (size_t)nr, min_nr_regions)
		: start_physical(targets, ranges, (size_t)nr, min_nr_regions);
	return err ? err : 1;
}

int targets_update(struct targets *targets, const struct thermo_host *host,
		   const struct thermo_target_spec *spec, uint32_t min_nr_regions,
		   uint32_t max_nr_regions)
{
	return (spec->physical ? follow_physical : follow_processes)(
			targets, host, spec, min_nr_regions, max_nr_regions);
}

/* What is known goes from one to the other, which knew nothing. */
static void move_known(struct target *from, struct target *to)
{
	*to = *from;
	*from = (struct target){ .info.pid = to->info.pid };
}

/* What was never observed was there all the time, and nothing accessed it. */
static void assume_silent(struct target *t)
{
	for (size_t i = 0; i < t->nr_regions && t->total.watched_s > 0; i++)
		if (!t->regions[i].evidence_ns)
			region_assume_silent(&t->regions[i], t->total.watched_s,
					     t->total.fades_from_ns);
}

static int give_one(struct targets *old, const struct given_target *given, size_t max_nr_ranges,
		    uint32_t min_nr_regions, struct target *t)
{
	AUTO_FREE struct thermo_range *ranges = calloc(given->nr_ranges + 1, sizeof(*ranges));
	struct target *known = targets_find(old, given->info.pid);
	ssize_t nr;
	int err;

	if (known)
		move_known(known, t);
	t->info = given->info;
	if (!ranges)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zu ranges", given->nr_ranges);
	if (given->nr_ranges)
		memcpy(ranges, given->ranges, given->nr_ranges * sizeof(*ranges));
	nr = thermo_ranges_close_gaps(ranges, given->nr_ranges, max_nr_ranges);
	if (nr < 0)
		return (int)nr;
	err = target_follow(t, ranges, (size_t)nr, min_nr_regions);
	if (!err)
		assume_silent(t);
	return err;
}

/* It failed half way. */
static void give_back(struct targets *old, struct targets *new)
{
	for (size_t i = 0; i < new->nr; i++) {
		struct target *known = targets_find(old, new->list[i].info.pid);

		if (known)
			move_known(&new->list[i], known);
	}
	free_list(new);
}

int targets_give(struct targets *targets, const struct given_target *given, size_t nr,
		 uint32_t min_nr_regions, uint32_t max_nr_regions)
{
	struct targets new = { 0 };
	int err = 0;

	/* Each has a region at least. */
	nr = nr < max_nr_regions ? nr : max_nr_regions;
	new.list = calloc(nr + 1, sizeof(*new.list));
	if (!new.list)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zu targets", nr);
	for (new.nr = 0; new.nr < nr && !err; new.nr++)
		err = give_one(targets, &given[new.nr], max_ranges(nr, max_nr_regions),
			       min_nr_regions, &new.list[new.nr]);
	if (err) {
		give_back(targets, &new);
		return err;
	}
	if (nr)
		qsort(new.list, nr, sizeof(*new.list), by_pid);
	free_list(targets);
	targets->list = new.list;
	targets->nr = nr;
	return (int)nr;
}
