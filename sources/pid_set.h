/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pid_set.h - pids or thread ids, and whether one is among them.
 *
 * One thread.  A zeroed set is empty.
 */
#ifndef SOURCES_PID_SET_H
#define SOURCES_PID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pid_set {
	size_t nr;
	size_t room;
	pid_t *pids; /* sorted, each once */
};

/* Make @set hold @pids and nothing else.  Return: 0; -ENOMEM, then it is as it was. */
int pid_set_assign(struct pid_set *set, const pid_t *pids, size_t nr_pids);
/* Return: 0, also when it is there already; -ENOMEM. */
int pid_set_add(struct pid_set *set, pid_t pid);
void pid_set_remove(struct pid_set *set, pid_t pid);
bool pid_set_has(const struct pid_set *set, pid_t pid);
/* Leaves an empty set; twice is fine. */
void pid_set_fini(struct pid_set *set);

#endif
