/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * family.h - the processes that a user named, and all that descend from them.
 *
 * What /proc shows is only who somebody's parent is now.  So who once belonged to
 * the family is remembered, and stays in it when its parent exits; and a named pid
 * that comes back as another process is not what the user meant.  A process is a pid
 * and a start.  Monitor's thread only.
 *
 * One gap is left: a process that was started and lost its parent between two
 * updates was never seen as a descendant.
 */
#ifndef CORE_FAMILY_H
#define CORE_FAMILY_H

#include "core/proc.h"

/* One process that belongs to it; of those named, the start they had first. */
struct family_member {
	pid_t pid;
	pid_t named; /* the pid that it descends from */
	uint64_t start_ticks;
};

/**
 * struct family - Zeroed, it knows nobody.
 * @named:	Named pids that were seen, by pid.
 * @members:	Who belongs to it, by pid.
 * @nr_reused:	Named pids that are other processes now.
 */
struct family {
	size_t nr_named;
	struct family_member *named;
	size_t nr_members;
	struct family_member *members;
	size_t nr_reused;
};

/* Accepts a zeroed one, and may be called twice. */
void family_fini(struct family *family);

/*
 * Who belongs to @pids, with @procs all that run now, sorted by pid.
 * Return: 0 or -ENOMEM, then nothing changed.
 */
int family_update(struct family *family, const pid_t *pids, size_t nr_pids,
		  const struct thermo_proc *procs, size_t nr_procs);

bool family_has(const struct family *family, pid_t pid);

#endif
