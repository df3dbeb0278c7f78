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
	t->info.start_ticks = proc->start_ticks;
	t->info.rss_bytes = proc->rss_bytes;
	memcpy(t->info.name, proc->name, sizeof(t->info.name));
}

static int follow_one(const struct thermo_host *host, struct target *t, size_t max_ranges,
		      uint32_t min_nr_regions)
{
	struct thermo_range ranges[MAX_RANGES_PER_TARGET];
	int nr = thermo_proc_ranges(host, t->info.pid, max_ranges, ranges);

	return nr < 0 ? nr : target_follow(t, ranges, (size_t)nr, min_nr_regions);
}

void targets_fini(struct targets *targets)
{
	for (size_t i = 0; i < targets->nr; i++)
		target_fini(&targets->list[i]);
	free(targets->list);
	*targets = (struct targets){ 0 };
}

int targets_update(struct targets *targets, const struct thermo_host *host,
		   const struct thermo_target_spec *spec, uint32_t min_nr_regions,
		   uint32_t max_nr_regions)
{
	AUTO_FREE struct thermo_proc *procs = NULL;
	ssize_t nr_procs = thermo_select(host, spec, &procs);
	struct target *list;
	size_t nr = 0, max_ranges;

	if (nr_procs < 0)
		return (int)nr_procs;
	/* Each has a region at least. */
	if (nr_procs > (ssize_t)max_nr_regions)
		nr_procs = (ssize_t)max_nr_regions;
	list = calloc((size_t)nr_procs + 1, sizeof(*list));
	if (!list)
		return thermo_fail(-ENOMEM, "monitor: no memory for %zd targets", nr_procs);
	/* Mappings alone must not eat up the regions. */
	max_ranges = max_nr_regions / 2 / (size_t)(nr_procs + 1) + 1;
	if (max_ranges > MAX_RANGES_PER_TARGET)
		max_ranges = MAX_RANGES_PER_TARGET;
	for (ssize_t i = 0; i < nr_procs; i++) {
		adopt(targets, &procs[i], &list[nr]);
		/* It may exit at any time, or be none of our business: then it is no target. */
		if (follow_one(host, &list[nr], max_ranges, min_nr_regions))
			target_fini(&list[nr]);
		else
			nr++;
	}
	targets_fini(targets);
	if (nr)
		qsort(list, nr, sizeof(*list), by_pid);
	targets->list = list;
	targets->nr = nr;
	return (int)nr;
}
