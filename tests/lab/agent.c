// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent.c - the lab's end in the guest: runs the command and passes its streams to the host.
 *
 * The same program as on the host, started by init.sh with "lab --agent PORT".  One thread, which
 * owns the port, the child and its pipes (or the pty, when the user sits at a terminal).
 */
#include "tests/lab/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "tests/lab/argv.h"
#include "tests/lab/channel.h"

enum { PTY_IDLE_MS = 100 };

/* What the host wants to run. */
struct job {
	struct lab_argv args;
	struct lab_argv env;
	char *cwd;
	bool tty;
	bool own_stderr; /* with a tty: standard error is a pipe all the same */
	struct winsize window;
};

struct agent {
	struct lab_channel *channel;
	struct job job;
	pid_t child;
	int stdin_fd; /* ours: we write; with a tty the same as stdout_fd */
	int stdout_fd;
	int stderr_fd;
	int signal_fd;
	bool stdin_eof;
	bool pty_idle; /* nobody has it open: look again now and then */
	size_t pending_bytes;
	uint8_t pending[LAB_STDIN_CREDIT];
};

static void add_field(struct job *job, const char *text)
{
	if (strncmp(text, "arg=", 4) == 0)
		lab_argv_add(&job->args, "%s", text + 4);
	else if (strncmp(text, "env=", 4) == 0)
		lab_argv_add(&job->env, "%s", text + 4);
	else if (strncmp(text, "cwd=", 4) == 0)
		job->cwd = strdup(text + 4);
	else if (strcmp(text, "tty=1") == 0)
		job->tty = true;
	else if (strcmp(text, "stderr=1") == 0)
		job->own_stderr = true;
}

static int parse_job(struct job *job, const struct lab_frame *frame)
{
	const char *text = (const char *)frame->data;
	const char *end = text + frame->bytes;

	if (frame->bytes == 0 || end[-1] != '\0')
		return thermo_fail(-EBADMSG, "lab agent: START is not a list of strings");
	for (; text < end; text += strlen(text) + 1)
		add_field(job, text);
	if (job->args.nr == 0 || !job->cwd || job->args.failed || job->env.failed)
		return thermo_fail(-EBADMSG, "lab agent: START names no command or no folder");
	return 0;
}

static void set_window(struct agent *agent, const struct lab_frame *frame)
{
	struct lab_window window;

	if (frame->bytes != sizeof(window))
		return;
	memcpy(&window, frame->data, sizeof(window));
	agent->job.window.ws_row = window.rows;
	agent->job.window.ws_col = window.columns;
	if (agent->child > 0 && agent->job.tty)
		(void)ioctl(agent->stdout_fd, TIOCSWINSZ, &agent->job.window);
}

/* In the child; never returns.  127 and 126 are what shells give. */
static void exec_job(const struct job *job)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (chdir(job->cwd) < 0) {
		dprintf(STDERR_FILENO, "lab: the guest cannot enter %s: %s\n", job->cwd,
			strerror(errno));
		_exit(126);
	}
	environ = job->env.items;
	execvp(job->args.items[0], job->args.items);
	dprintf(STDERR_FILENO, "lab: %s: %s\n", job->args.items[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_on_pty(struct agent *agent, const int err_pipe[2])
{
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, &agent->job.window);

	if (pid == 0) {
		if (agent->job.own_stderr)
			(void)dup2(err_pipe[1], STDERR_FILENO);
		exec_job(&agent->job);
	}
	if (pid < 0)
		return thermo_fail(-errno, "lab agent: no terminal: %s", strerror(errno));
	agent->child = pid;
	agent->stdin_fd = master;
	agent->stdout_fd = master;
	return 0;
}

static int start_on_pipes(struct agent *agent, const int err_pipe[2])
{
	int in[2];
	int out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return thermo_fail(-errno, "lab agent: pipe: %s", strerror(errno));
	agent->child = fork();
	if (agent->child < 0)
		return thermo_fail(-errno, "lab agent: fork: %s", strerror(errno));
	if (agent->child == 0) {
		(void)setsid();
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(err_pipe[1], STDERR_FILENO);
		exec_job(&agent->job);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	agent->stdin_fd = in[1];
	agent->stdout_fd = out[0];
	return 0;
}

static int start_job(struct agent *agent)
{
	uint32_t credit = sizeof(agent->pending);
	int err_pipe[2];
	int err;

	if (pipe2(err_pipe, O_CLOEXEC) < 0)
		return thermo_fail(-errno, "lab agent: pipe: %s", strerror(errno));
	err = agent->job.tty ? start_on_pty(agent, err_pipe) : start_on_pipes(agent, err_pipe);
	if (err < 0)
		return err;
	(void)close(err_pipe[1]);
	agent->stderr_fd = err_pipe[0];
	(void)fcntl(agent->stdin_fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(agent->stdout_fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(agent->stderr_fd, F_SETFL, O_NONBLOCK);

	err = lab_channel_send(agent->channel, LAB_READY, NULL, 0);
	if (err < 0)
		return err;
	return lab_channel_send(agent->channel, LAB_CREDIT, &credit, sizeof(credit));
}

static void close_stdin(struct agent *agent)
{
	/* A pty is also where the output comes from: end of file is a character there. */
	if (agent->stdin_fd >= 0 && !agent->job.tty)
		(void)close(agent->stdin_fd);
	agent->stdin_fd = -1;
	agent->pending_bytes = 0;
}

/* Pass on the input that the command has room for, and tell the host. */
static int feed_stdin(struct agent *agent)
{
	ssize_t n = 0;
	uint32_t credit;

	if (agent->pending_bytes > 0 && agent->stdin_fd >= 0) {
		n = write(agent->stdin_fd, agent->pending, agent->pending_bytes);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0) {
			/* The command closed its input; the rest has nowhere to go. */
			close_stdin(agent);
			return 0;
		}
		agent->pending_bytes -= (size_t)n;
		memmove(agent->pending, agent->pending + n, agent->pending_bytes);
	}
	if (agent->stdin_eof && agent->pending_bytes == 0)
		close_stdin(agent);
	if (n == 0)
		return 0;
	credit = (uint32_t)n;
	return lab_channel_send(agent->channel, LAB_CREDIT, &credit, sizeof(credit));
}

static int take_frame(struct agent *agent, const struct lab_frame *frame)
{
	int err;

	switch (frame->type) {
	case LAB_START:
		err = parse_job(&agent->job, frame);
		return err < 0 ? err : start_job(agent);
	case LAB_WINDOW:
		set_window(agent, frame);
		return 0;
	case LAB_STDIN:
		if (frame->bytes > sizeof(agent->pending) - agent->pending_bytes)
			return thermo_fail(-EBADMSG, "lab agent: more input than credit");
		memcpy(agent->pending + agent->pending_bytes, frame->data, frame->bytes);
		agent->pending_bytes += frame->bytes;
		return feed_stdin(agent);
	case LAB_STDIN_EOF:
		agent->stdin_eof = true;
		return feed_stdin(agent);
	default:
		return thermo_fail(-EBADMSG, "lab agent: unexpected frame %d", (int)frame->type);
	}
}

/* Pass on output.  Return: 1 when there was some, 0 when none, -errno. */
static int drain(struct agent *agent, int *fd, enum lab_frame_type type)
{
	char data[LAB_FRAME_MAX];
	ssize_t n = *fd < 0 ? 0 : read(*fd, data, sizeof(data));
	int err;

	if (n > 0) {
		err = lab_channel_send(agent->channel, type, data, (size_t)n);
		return err < 0 ? err : 1;
	}
	if (*fd < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	/*
	 * EIO is how a pty says that nobody has it open.  The command may live on, or even open it
	 * again; closing our side would kill it with SIGHUP.
	 */
	if (agent->job.tty && type == LAB_STDOUT) {
		agent->pty_idle = true;
		return 0;
	}
	(void)close(*fd);
	*fd = -1;
	return 0;
}

/*
 * The child is gone: send all that it wrote, then its status.  Output of processes that it left
 * behind ends here; the machine is going down.
 */
static int finish(struct agent *agent, int wait_status)
{
	uint32_t status = WIFSIGNALED(wait_status) ? 128u + (uint32_t)WTERMSIG(wait_status)
						   : (uint32_t)WEXITSTATUS(wait_status);
	int more;

	do {
		int out = drain(agent, &agent->stdout_fd, LAB_STDOUT);
		int err = drain(agent, &agent->stderr_fd, LAB_STDERR);

		if (out < 0 || err < 0)
			return out < 0 ? out : err;
		more = out + err;
	} while (more > 0);
	/* Files in the results folder that were written through mappings. */
	sync();
	return lab_channel_send(agent->channel, LAB_EXIT, &status, sizeof(status));
}

/* Return: 1 when the child has ended, 0, or -errno. */
static int reap(struct agent *agent)
{
	struct signalfd_siginfo info;
	int status;
	int err;

	(void)!read(agent->signal_fd, &info, sizeof(info));
	if (agent->child <= 0 || waitpid(agent->child, &status, WNOHANG) != agent->child)
		return 0;
	err = finish(agent, status);
	return err < 0 ? err : 1;
}

static int take_frames(struct agent *agent)
{
	struct lab_frame frame;
	int err = lab_channel_fill(agent->channel);

	if (err <= 0)
		return err;
	while ((err = lab_channel_next(agent->channel, &frame)) > 0) {
		err = take_frame(agent, &frame);
		if (err < 0)
			return err;
	}
	return err;
}

/* Return: 1 when all is done, 0 to go on, -errno. */
static int step(struct agent *agent)
{
	bool feeding = agent->pending_bytes > 0 && !agent->pty_idle;
	struct pollfd fds[] = {
		{ .fd = agent->channel->fd, .events = POLLIN },
		{ .fd = agent->signal_fd, .events = POLLIN },
		{ .fd = agent->pty_idle ? -1 : agent->stdout_fd, .events = POLLIN },
		{ .fd = agent->stderr_fd, .events = POLLIN },
		{ .fd = feeding ? agent->stdin_fd : -1, .events = POLLOUT },
	};
	int err = 0;

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), agent->pty_idle ? PTY_IDLE_MS : -1) < 0)
		return errno == EINTR ? 0
				      : thermo_fail(-errno, "lab agent: poll: %s", strerror(errno));
	if (fds[2].revents || agent->pty_idle) {
		agent->pty_idle = false;
		err = drain(agent, &agent->stdout_fd, LAB_STDOUT);
	}
	if (err >= 0 && fds[3].revents)
		err = drain(agent, &agent->stderr_fd, LAB_STDERR);
	if (err >= 0 && fds[4].revents)
		err = feed_stdin(agent);
	if (err >= 0 && fds[0].revents)
		err = take_frames(agent);
	if (err < 0)
		return err;
	return fds[1].revents ? reap(agent) : 0;
}

int lab_agent_run(const char *path)
{
	static struct lab_channel channel;
	static struct agent agent = { .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
	AUTO_CLOSE int port = open(path, O_RDWR | O_CLOEXEC);
	sigset_t chld;
	int err;

	if (port < 0)
		return thermo_fail(-errno, "lab agent: %s: %s", path, strerror(errno));
	channel.fd = port;
	agent.channel = &channel;
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &chld, NULL);
	agent.signal_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent.signal_fd < 0)
		return thermo_fail(-errno, "lab agent: signalfd: %s", strerror(errno));
	do
		err = step(&agent);
	while (err == 0);
	return err < 0 ? err : 0;
}
