// SPDX-License-Identifier: GPL-2.0-or-later
/* pid_set.c - a sorted array. */
#include "sources/pid_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

int pid_set_assign(struct pid_set *set, const pid_t *pids, size_t nr_pids)
{
	pid_t *sorted = malloc((nr_pids + 1) * sizeof(*sorted));
	size_t nr = 0;

	if (!sorted)
		return thermo_fail(-ENOMEM, "no memory for %zu processes", nr_pids);
	if (nr_pids)
		memcpy(sorted, pids, nr_pids * sizeof(*sorted));
	qsort(sorted, nr_pids, sizeof(*sorted), by_pid);
	for (size_t i = 0; i < nr_pids; i++)
		if (nr == 0 || sorted[nr - 1] != sorted[i])
			sorted[nr++] = sorted[i];
	free(set->pids);
	*set = (struct pid_set){ .nr = nr, .room = nr_pids + 1, .pids = sorted };
	return 0;
}

/* Return: where @pid is, or would be. */
static size_t place_of(const struct pid_set *set, pid_t pid)
{
	size_t low = 0, high = set->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->pids[mid] < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool pid_set_has(const struct pid_set *set, pid_t pid)
{
	size_t at = place_of(set, pid);

	return at < set->nr && set->pids[at] == pid;
}

static int make_room(struct pid_set *set)
{
	size_t room = 2 * set->room + 16;
	pid_t *pids;

	if (set->nr < set->room)
		return 0;
	pids = realloc(set->pids, room * sizeof(*pids));
	if (!pids)
		return thermo_fail(-ENOMEM, "no memory for %zu threads", room);
	set->pids = pids;
	set->room = room;
	return 0;
}

int pid_set_add(struct pid_set *set, pid_t pid)
{
	int err;

	if (pid_set_has(set, pid))
		return 0;
	err = make_room(set);
	if (err)
		return err;
	size_t at = place_of(set, pid);

	memmove(set->pids + at + 1, set->pids + at, (set->nr - at) * sizeof(*set->pids));
	set->pids[at] = pid;
	set->nr++;
	return 0;
}

void pid_set_remove(struct pid_set *set, pid_t pid)
{
	size_t at = place_of(set, pid);

	if (at == set->nr || set->pids[at] != pid)
		return;
	set->nr--;
	memmove(set->pids + at, set->pids + at + 1, (set->nr - at) * sizeof(*set->pids));
}

void pid_set_fini(struct pid_set *set)
{
	free(set->pids);
	*set = (struct pid_set){ 0 };
}
