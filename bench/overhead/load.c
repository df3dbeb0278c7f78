// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - see load.h.  Two pipes, and memory that both processes share.
 *
 * The shared memory needs no order of its own: the child fills it in before it answers
 * through the pipe.
 */
#include "bench/overhead/load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/overhead/load_child.h"
#include "core/cleanup.h"
#include "core/error.h"

static int make_pipes(struct overhead_load *load, int child_fds[2])
{
	int command[2], answer[2];

	if (pipe2(command, O_CLOEXEC) < 0)
		return thermo_fail(-errno, "pipe: %s", strerror(errno));
	load->command_fd = command[1];
	child_fds[0] = command[0];
	if (pipe2(answer, O_CLOEXEC) < 0) {
		(void)close(command[0]);
		return thermo_fail(-errno, "pipe: %s", strerror(errno));
	}
	load->answer_fd = answer[0];
	child_fds[1] = answer[1];
	return 0;
}

static int share_memory(struct overhead_load *load)
{
	void *map = mmap(NULL, sizeof(*load->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return thermo_fail(-errno, "workload: shared memory: %s", strerror(errno));
	load->shared = map;
	return 0;
}

int overhead_load_start(struct overhead_load *load, const struct overhead_load_opts *opts)
{
	pid_t parent = getpid();
	int fds[2] = { -1, -1 }, err;

	*load = (struct overhead_load)OVERHEAD_NO_LOAD;
	load->nr_threads = opts->nr_threads;
	err = share_memory(load);
	if (!err)
		err = make_pipes(load, fds);
	if (err)
		return err;
	load->pid = fork();
	if (load->pid == 0) {
		(void)close(load->command_fd);
		(void)close(load->answer_fd);
		/* The parent may be gone before this takes effect. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
			overhead_child(load->shared, opts, fds[0], fds[1]);
		_exit(1);
	}
	err = load->pid < 0 ? errno : 0;
	(void)close(fds[0]);
	(void)close(fds[1]);
	if (!err)
		return 0;
	load->pid = 0;
	return thermo_fail(-err, "fork: %s", strerror(err));
}

int overhead_load_run(struct overhead_load *load, const struct overhead_run *run)
{
	if (write(load->command_fd, run, sizeof(*run)) != (ssize_t)sizeof(*run))
		return thermo_fail(-EPIPE, "workload: its process is gone");
	return 0;
}

int overhead_load_answer(struct overhead_load *load)
{
	const struct overhead_shared *s = load->shared;
	ssize_t n;
	char byte;

	do
		n = read(load->answer_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return thermo_fail(-EPIPE, "workload: its process died: is there memory enough? "
					   "try a smaller --memory");
	return s->err ? thermo_fail(s->err, "workload: %.200s", s->reason) : 0;
}

double overhead_load_speed(const struct overhead_load *load, enum overhead_clock clock)
{
	double speed = 0;

	for (uint32_t i = 0; i < load->nr_threads; i++) {
		const struct overhead_score *s = &load->shared->scores[i];
		uint64_t ns = clock == OVERHEAD_CPU ? s->user_ns + s->system_ns : s->ns;

		if (ns)
			speed += (double)s->accesses * 1e9 / (double)ns;
	}
	return speed;
}

void overhead_load_sum(const struct overhead_load *load, struct overhead_score *sum)
{
	*sum = (struct overhead_score){ 0 };
	for (uint32_t i = 0; i < load->nr_threads; i++) {
		const struct overhead_score *s = &load->shared->scores[i];

		sum->accesses += s->accesses;
		sum->ns += s->ns;
		sum->user_ns += s->user_ns;
		sum->system_ns += s->system_ns;
		sum->checksum += s->checksum;
	}
}

void overhead_load_stop(struct overhead_load *load)
{
	if (load->command_fd >= 0)
		(void)close(load->command_fd);
	if (load->answer_fd >= 0)
		(void)close(load->answer_fd);
	/* In the middle of a run it looks at no pipe. */
	if (load->pid > 0) {
		(void)kill(load->pid, SIGKILL);
		while (waitpid(load->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (load->shared)
		(void)munmap(load->shared, sizeof(*load->shared));
	*load = (struct overhead_load)OVERHEAD_NO_LOAD;
}
