// SPDX-License-Identifier: GPL-2.0-or-later
/* child.c - see child.h.  Two pipes: one says go, the other why exec failed. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"

static void close_both(struct child *c)
{
	if (c->go_fd >= 0)
		(void)close(c->go_fd);
	if (c->error_fd >= 0)
		(void)close(c->error_fd);
	c->go_fd = c->error_fd = -1;
}

/* In the child.  It ends silently when the parent does before it says go. */
static _Noreturn void wait_and_exec(char **argv, int go_fd, int error_fd)
{
	sigset_t none;
	char go;
	int err;

	if (read(go_fd, &go, 1) != 1)
		_exit(125);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)execvp(argv[0], argv);
	err = errno;
	(void)!write(error_fd, &err, sizeof(err));
	_exit(err == ENOENT ? 127 : 126);
}

int child_prepare(struct child *c, char **argv)
{
	int go[2], error[2];

	*c = (struct child){ .go_fd = -1, .error_fd = -1 };
	if (pipe2(go, O_CLOEXEC) < 0)
		return thermo_fail(-errno, "pipe: %s", strerror(errno));
	c->go_fd = go[1];
	if (pipe2(error, O_CLOEXEC) < 0) {
		(void)close(go[0]);
		return thermo_fail(-errno, "pipe: %s", strerror(errno));
	}
	c->error_fd = error[0];
	c->pid = fork();
	if (c->pid == 0) {
		(void)close(go[1]);
		(void)close(error[0]);
		wait_and_exec(argv, go[0], error[1]);
	}
	(void)close(go[0]);
	(void)close(error[1]);
	if (c->pid < 0) {
		c->pid = 0;
		return thermo_fail(-errno, "fork: %s", strerror(errno));
	}
	return 0;
}

int child_go(struct child *c, const char *name)
{
	int err = 0;
	ssize_t n;

	if (write(c->go_fd, "g", 1) != 1)
		return thermo_fail(-EPIPE, "%s: its process is gone", name);
	do
		n = read(c->error_fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	close_both(c);
	if (n != sizeof(err))
		return 0;
	child_reap(c, true);
	return thermo_fail(-err, "%s: %s", name, strerror(err));
}

void child_reap(struct child *c, bool block)
{
	pid_t pid = -1;

	if (c->pid <= 0 || c->ended)
		return;
	do
		pid = waitpid(c->pid, &c->status, block ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	c->ended = pid != 0;
}

void child_end(struct child *c)
{
	bool waiting = c->go_fd >= 0;

	close_both(c);
	if (c->pid > 0 && !c->ended && !waiting)
		(void)kill(c->pid, SIGTERM);
	child_reap(c, true);
}

int child_exit_status(const struct child *c)
{
	if (c->pid <= 0 || !c->ended)
		return 0;
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}
