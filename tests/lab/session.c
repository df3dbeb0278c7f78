// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - the host's side of a running command: terminal, streams, signals, time-out.
 *
 * One thread and one poll loop.  Until the agent says READY the terminal stays as it was, so that
 * Ctrl-C ends a boot; then, with a terminal on both sides, it is raw and Ctrl-C goes to the guest.
 */
#include "tests/lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "tests/lab/channel.h"
#include "tests/lab/console.h"

/* Ctrl-], as telnet has it, then q. */
enum { ESCAPE_KEY = 0x1d, QUIT_KEY = 'q', VERBOSE_POLL_MS = 200 };

struct session {
	struct lab_run *run;
	struct lab_channel *channel;
	struct lab_console console; /* for --verbose */
	int signal_fd;
	bool tty; /* standard input and output are the user's terminal */
	bool raw;
	bool escape; /* the escape key came, the next key decides */
	bool stdin_open;
	bool port_open; /* the agent's; closed as soon as QEMU ends */
	uint32_t stdin_credit;
	uint64_t start_ms;
	struct termios saved;
	int status; /* valid when a step returned 1 */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- what to run --- */

static void add_env(struct lab_argv *fields, const char *name)
{
	const char *value = getenv(name);

	if (value)
		lab_argv_add(fields, "env=%s=%s", name, value);
}

static void add_environment(struct lab_argv *fields, const struct lab_config *config)
{
	lab_argv_add(fields, "env=HOME=/root");
	lab_argv_add(fields, "env=USER=root");
	lab_argv_add(fields, "env=LAB_RESULTS=/lab/results");
	add_env(fields, "PATH");
	add_env(fields, "TERM");
	for (char **env = environ; *env; env++)
		if (strncmp(*env, "LAB_", 4) == 0 && strncmp(*env, "LAB_RESULTS=", 12) != 0)
			lab_argv_add(fields, "env=%s", *env);
	for (size_t i = 0; i < config->env_names.nr; i++)
		add_env(fields, config->env_names.items[i]);
}

static void add_job(struct lab_argv *fields, const struct session *s)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0);

	lab_argv_add(fields, "cwd=%s", cwd ? cwd : "/");
	lab_argv_add(fields, "tty=%d", s->tty);
	lab_argv_add(fields, "stderr=%d", !isatty(STDERR_FILENO));
	for (char **arg = s->run->config->command; *arg; arg++)
		lab_argv_add(fields, "arg=%s", *arg);
	add_environment(fields, s->run->config);
}

/* Sends the frame START, a list of strings. */
static int send_job(struct session *s)
{
	static char data[LAB_START_MAX];
	struct lab_argv fields = { 0 };
	size_t bytes = 0;
	int err = 0;

	add_job(&fields, s);
	if (fields.failed)
		err = thermo_fail(-ENOMEM, "lab: out of memory");
	for (size_t i = 0; i < fields.nr && err == 0; i++) {
		size_t item_bytes = strlen(fields.items[i]) + 1;

		if (item_bytes > sizeof(data) - bytes) {
			err = thermo_fail(-E2BIG,
					  "lab: command and environment are longer than %d kB",
					  LAB_START_MAX / 1024);
			break;
		}
		memcpy(data + bytes, fields.items[i], item_bytes);
		bytes += item_bytes;
	}
	if (err == 0)
		err = lab_channel_send(s->channel, LAB_START, data, bytes);
	lab_argv_fini(&fields);
	return err;
}

/* --- the terminal --- */

static int send_window(struct session *s)
{
	struct winsize size;
	struct lab_window window;

	if (!s->tty || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	window = (struct lab_window){ .rows = size.ws_row, .columns = size.ws_col };
	return lab_channel_send(s->channel, LAB_WINDOW, &window, sizeof(window));
}

static void make_raw(struct session *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
		return;
	raw = s->saved;
	cfmakeraw(&raw);
	s->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void restore_terminal(struct session *s)
{
	if (s->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	s->raw = false;
}

/* Takes the escape out of typed @data.  Return: bytes left, or -1 when the user quits. */
static ssize_t filter_escape(struct session *s, uint8_t *data, ssize_t bytes)
{
	ssize_t kept = 0;

	for (ssize_t i = 0; i < bytes; i++) {
		uint8_t key = data[i];

		if (s->escape && key == QUIT_KEY)
			return -1;
		if (!s->escape && key == ESCAPE_KEY) {
			s->escape = true;
			continue;
		}
		s->escape = false;
		data[kept++] = key;
	}
	return kept;
}

/* --- events; each returns 1 when the session is over, 0 to go on, -errno --- */

static int take_input(struct session *s)
{
	uint8_t data[LAB_FRAME_MAX];
	size_t room = s->stdin_credit < sizeof(data) ? s->stdin_credit : sizeof(data);
	ssize_t n = read(STDIN_FILENO, data, room);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		s->stdin_open = false;
		return lab_channel_send(s->channel, LAB_STDIN_EOF, NULL, 0);
	}
	if (s->raw)
		n = filter_escape(s, data, n);
	if (n < 0) {
		s->status = 128 + SIGINT;
		return 1;
	}
	s->stdin_credit -= (uint32_t)n;
	return n == 0 ? 0 : lab_channel_send(s->channel, LAB_STDIN, data, (size_t)n);
}

static int take_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH)
		return send_window(s);
	s->status = 128 + (int)info.ssi_signo;
	return 1;
}

static int begin(struct session *s)
{
	s->run->is_up = true;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	if (s->run->config->verbose)
		fprintf(stderr, "lab: booted in %.1f s\n", (double)(now_ms() - s->start_ms) / 1000);
	if (!s->tty)
		return 0;
	fprintf(stderr, "lab: the terminal is the guest's now; Ctrl-] q quits the machine\n");
	make_raw(s);
	return send_window(s);
}

/* The reader of our output may be gone ("| head"): the command then ends, as with a pipe. */
static int put_output(struct session *s, int fd, const struct lab_frame *frame)
{
	int err = lab_write_all(fd, frame->data, frame->bytes);

	if (err == -EPIPE) {
		s->status = 128 + SIGPIPE;
		return 1;
	}
	if (err < 0)
		return thermo_fail(err, "lab: writing the command's output: %s", strerror(-err));
	return 0;
}

static int take_frame(struct session *s, const struct lab_frame *frame)
{
	uint32_t number = 0;

	switch (frame->type) {
	case LAB_READY:
		return begin(s);
	case LAB_STDOUT:
		return put_output(s, STDOUT_FILENO, frame);
	case LAB_STDERR:
		return put_output(s, STDERR_FILENO, frame);
	case LAB_CREDIT:
		if (frame->bytes == sizeof(number))
			memcpy(&number, frame->data, sizeof(number));
		s->stdin_credit += number;
		return 0;
	case LAB_EXIT:
		if (frame->bytes == sizeof(number))
			memcpy(&number, frame->data, sizeof(number));
		s->status = (int)number;
		return 1;
	default:
		return thermo_fail(-EBADMSG, "lab: unexpected frame %d from the guest",
				   (int)frame->type);
	}
}

static int take_frames(struct session *s)
{
	struct lab_frame frame;
	int done = lab_channel_fill(s->channel);

	while (done >= 0 && (done = lab_channel_next(s->channel, &frame)) > 0) {
		done = take_frame(s, &frame);
		if (done != 0)
			return done;
	}
	return done;
}

/* Milliseconds until the time is up, at most what --verbose waits between two looks. */
static int poll_ms(const struct session *s)
{
	const struct lab_config *config = s->run->config;
	int wait_ms = config->verbose ? VERBOSE_POLL_MS : -1;
	uint64_t limit_ms = (uint64_t)config->timeout_s * 1000;
	uint64_t spent_ms = now_ms() - s->start_ms;

	if (config->timeout_s == 0)
		return wait_ms;
	if (spent_ms >= limit_ms)
		return 0;
	return wait_ms > 0 && limit_ms - spent_ms > (uint64_t)wait_ms ? wait_ms
								      : (int)(limit_ms - spent_ms);
}

static bool is_time_up(const struct session *s)
{
	uint32_t limit_s = s->run->config->timeout_s;

	return limit_s && now_ms() - s->start_ms >= (uint64_t)limit_s * 1000;
}

static int step(struct session *s)
{
	bool input = s->port_open && s->run->is_up && s->stdin_open && s->stdin_credit > 0;
	struct pollfd fds[] = {
		{ .fd = s->port_open ? s->channel->fd : -1, .events = POLLIN },
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = s->run->qemu_fd, .events = POLLIN },
	};
	int done = 0;

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), poll_ms(s)) < 0 && errno != EINTR)
		return thermo_fail(-errno, "lab: poll: %s", strerror(errno));
	if (s->run->config->verbose)
		lab_console_copy(&s->console, STDERR_FILENO);
	if (fds[1].revents)
		done = take_signal(s);
	if (done == 0 && fds[0].revents)
		done = take_frames(s);
	if (done == 0 && fds[2].revents)
		done = take_input(s);
	if (done == -EPIPE) {
		/* How QEMU ended is told by the next event. */
		s->port_open = false;
		return 0;
	}
	/* Only once the port is empty: it may hold the exit status. */
	if (done == 0 && fds[3].revents && !(fds[0].revents & POLLIN))
		return thermo_fail(-ECHILD, "lab: the virtual machine died");
	if (done == 0 && is_time_up(s)) {
		s->status = LAB_EXIT_TIMEOUT;
		return 1;
	}
	return done;
}

void lab_block_signals(sigset_t *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(signals);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(signals, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, signals, NULL);
}

int lab_session_run(struct lab_run *run)
{
	static struct lab_channel channel;
	struct session s = {
		.run = run, .channel = &channel, .stdin_open = true, .port_open = true
	};
	sigset_t signals;
	int done;

	channel = (struct lab_channel){ .fd = run->socket_fd };
	run->is_up = false;
	s.start_ms = now_ms();
	s.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	lab_block_signals(&signals);
	AUTO_CLOSE int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);

	if (signal_fd < 0)
		return thermo_fail(-errno, "lab: signalfd: %s", strerror(errno));
	s.signal_fd = signal_fd;
	lab_console_open(&s.console, run->results_dir);
	if (isatty(STDERR_FILENO) && !run->config->verbose)
		fprintf(stderr, "lab: booting (Ctrl-C quits)...");
	done = send_job(&s);
	if (done == -EPIPE)
		done = 0; /* QEMU is gone already */
	while (done == 0)
		done = step(&s);
	restore_terminal(&s);
	if (!run->is_up && isatty(STDERR_FILENO))
		fprintf(stderr, "\n"); /* after "booting..." */
	lab_console_close(&s.console);
	return done < 0 ? done : s.status;
}
