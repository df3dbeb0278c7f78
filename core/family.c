// SPDX-License-Identifier: GPL-2.0-or-later
/* family.c - one walk up the parents for each process, none twice. */
#include "core/family.h"

#include <errno.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/error.h"

/* What is known of a process during an update: 0, or the named pid, or one of these. */
#define STRANGER (-1)
#define ASKED (-2) /* on the way up from it right now: meeting it again is a loop */

static int by_pid(const void *a, const void *b)
{
	const struct family_member *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct family_member *find(struct family_member *list, size_t nr, pid_t pid)
{
	struct family_member key = { .pid = pid };

	return nr ? bsearch(&key, list, nr, sizeof(key), by_pid) : NULL;
}

static const struct thermo_proc *find_proc(const struct thermo_proc *procs, size_t nr, pid_t pid)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (procs[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < nr && procs[low].pid == pid ? &procs[low] : NULL;
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

void family_fini(struct family *family)
{
	free(family->named);
	free(family->members);
	*family = (struct family){ 0 };
}

/* An update under way: what was known, what is found. */
struct update {
	struct family *old;
	const struct thermo_proc *procs;
	size_t nr_procs;
	pid_t *named_of; /* for each of procs, see above */
	struct family now;
};

/* The named ones: each keeps the start that it had when it was seen first. */
static int name_them(struct update *u, const pid_t *pids, size_t nr_pids)
{
	AUTO_FREE pid_t *sorted = malloc((nr_pids + 1) * sizeof(*sorted));

	u->now.named = calloc(nr_pids + 1, sizeof(*u->now.named));
	if (!sorted || !u->now.named)
		return -ENOMEM;
	for (size_t i = 0; i < nr_pids; i++)
		sorted[i] = pids[i];
	qsort(sorted, nr_pids, sizeof(*sorted), by_number);
	for (size_t i = 0; i < nr_pids; i++) {
		const struct thermo_proc *p = find_proc(u->procs, u->nr_procs, sorted[i]);
		const struct family_member *seen = find(u->old->named, u->old->nr_named, sorted[i]);

		if ((i && sorted[i] == sorted[i - 1]) || (!p && !seen))
			continue;
		uint64_t start_ticks = seen ? seen->start_ticks : p->start_ticks;

		u->now.nr_reused += p && p->start_ticks != start_ticks;
		u->now.named[u->now.nr_named++] =
				(struct family_member){ sorted[i], sorted[i], start_ticks };
	}
	return 0;
}

/* Named itself, or known from before as a descendant of one that is still named. */
static pid_t known_as(struct update *u, const struct thermo_proc *p)
{
	const struct family_member *m = find(u->now.named, u->now.nr_named, p->pid);

	if (m && m->start_ticks == p->start_ticks)
		return m->named;
	m = find(u->old->members, u->old->nr_members, p->pid);
	if (m && m->start_ticks == p->start_ticks && find(u->now.named, u->now.nr_named, m->named))
		return m->named;
	return 0;
}

/* Up from procs[at] until the answer is known.  Return: the answer. */
static pid_t ask_upwards(struct update *u, size_t at)
{
	for (;;) {
		const struct thermo_proc *p = &u->procs[at];

		if (u->named_of[at] == ASKED)
			return STRANGER;
		if (!u->named_of[at])
			u->named_of[at] = known_as(u, p);
		if (u->named_of[at])
			return u->named_of[at];
		u->named_of[at] = ASKED;

		const struct thermo_proc *parent = find_proc(u->procs, u->nr_procs, p->parent_pid);

		/* A parent that is younger is another process with the parent's pid. */
		if (!parent || parent->start_ticks > p->start_ticks)
			return STRANGER;
		at = (size_t)(parent - u->procs);
	}
}

/* The same way again: everybody on it gets the answer. */
static void tell(struct update *u, size_t at, pid_t answer)
{
	while (u->named_of[at] == ASKED) {
		const struct thermo_proc *parent =
				find_proc(u->procs, u->nr_procs, u->procs[at].parent_pid);

		u->named_of[at] = answer;
		if (!parent)
			return;
		at = (size_t)(parent - u->procs);
	}
}

static int gather(struct update *u)
{
	u->named_of = calloc(u->nr_procs + 1, sizeof(*u->named_of));
	u->now.members = calloc(u->nr_procs + 1, sizeof(*u->now.members));
	if (!u->named_of || !u->now.members)
		return -ENOMEM;
	for (size_t i = 0; i < u->nr_procs; i++) {
		tell(u, i, ask_upwards(u, i));
		if (u->named_of[i] != STRANGER)
			u->now.members[u->now.nr_members++] =
					(struct family_member){ u->procs[i].pid, u->named_of[i],
								u->procs[i].start_ticks };
	}
	return 0;
}

int family_update(struct family *family, const pid_t *pids, size_t nr_pids,
		  const struct thermo_proc *procs, size_t nr_procs)
{
	struct update u = { .old = family, .procs = procs, .nr_procs = nr_procs };
	int err = name_them(&u, pids, nr_pids);

	if (!err)
		err = gather(&u);
	free(u.named_of);
	if (err) {
		family_fini(&u.now);
		return thermo_fail(err, "targets: no memory for %zu processes", nr_procs);
	}
	family_fini(family);
	*family = u.now;
	return 0;
}

bool family_has(const struct family *family, pid_t pid)
{
	return find(family->members, family->nr_members, pid);
}
