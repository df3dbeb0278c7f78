/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.h - a command that is started once everything is ready to watch it. */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct child - A command, waiting, running or gone.
 * @pid:	0: none.
 * @status:	Once @ended: as from waitpid(2).
 */
struct child {
	pid_t pid;
	int go_fd;
	int error_fd;
	bool ended;
	int status;
};

/*
 * Fork; the child waits.  Call it before there are threads.  Signals that are blocked
 * are not in the child.  Return: 0 or -errno.
 */
int child_prepare(struct child *child, char **argv);

/* Let it execute the command.  Return: 0, or -errno of execvp(3), and it is gone. */
int child_go(struct child *child, const char *name);

/* Look whether it ended, or with @block wait until it did. */
void child_reap(struct child *child, bool block);

/* End it if it never ran; ask it to end with SIGTERM if it does.  Then wait. */
void child_end(struct child *child);

/* Its exit status as a shell has it; 0 for none. */
int child_exit_status(const struct child *child);

#endif
