/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_daemon.h - a server in a temporary directory, with a clock that the test moves,
 * which keeps what its clients reported.
 */
#ifndef TESTS_UNIT_REPORT_API_FAKE_DAEMON_H
#define TESTS_UNIT_REPORT_API_FAKE_DAEMON_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report_api/rings.h"
#include "report_api/server.h"
#include "thermocline/client.h"

#define FAKE_NOW_NS 1000000000000ull
#define FAKE_CLIENTS 64
#define FAKE_SOURCE 7

struct fake_daemon {
	char dir[64];
	char socket[80];
	int dir_fd;
	struct thermo_server *server;
	uint64_t now_ns;
	uint64_t tick_ns;    /* the clock goes on by so much whenever somebody looks at it */
	uint64_t more_ticks; /* every process started so much later: another one */
	int attach_err;
	size_t nr_attached;
	struct thermo_reporter *attached[FAKE_CLIENTS];
	size_t nr_detached;
	struct thermo_access last[256]; /* what was left when a client was detached */
	size_t nr_last;
	struct server_client gone; /* the last one that was detached */
};

static inline uint64_t fake_daemon_now(void *arg)
{
	struct fake_daemon *d = arg;

	return d->now_ns += d->tick_ns;
}

/* Field 22 of /proc/PID/stat; the second one may hold anything, also brackets. */
static inline int fake_daemon_start_ticks(void *arg, pid_t pid, uint64_t *ticks)
{
	const struct fake_daemon *d = arg;
	unsigned long long start = 0;
	char path[40], text[1024];
	FILE *file;
	const char *at;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -ESRCH;
	start = strtoull(at + 1, NULL, 10);
	*ticks = start + d->more_ticks;
	return 0;
}

static inline int fake_daemon_attach(void *arg, struct thermo_reporter *reporter,
				     const struct server_client *client)
{
	struct fake_daemon *d = arg;

	(void)client;
	if (d->attach_err)
		return d->attach_err;
	d->attached[d->nr_attached++] = reporter;
	return 0;
}

static inline void fake_daemon_detach(void *arg, struct thermo_reporter *reporter)
{
	struct fake_daemon *d = arg;

	d->nr_detached++;
	d->nr_last = thermo_reporter_drain(reporter, d->last, 256);
	for (size_t i = 0; i < d->nr_attached; i++)
		if (d->attached[i] == reporter)
			d->attached[i--] = d->attached[--d->nr_attached];
}

static inline void fake_daemon_gone(void *arg, const struct server_client *client)
{
	struct fake_daemon *d = arg;

	d->gone = *client;
}

static const struct server_ops fake_daemon_ops = { .now_ns = fake_daemon_now,
						   .start_ticks = fake_daemon_start_ticks,
						   .attach = fake_daemon_attach,
						   .detach = fake_daemon_detach,
						   .gone = fake_daemon_gone };

/* @opts: what is not filled in here.  Return: 0 or -errno. */
static inline int fake_daemon_start(struct fake_daemon *d, struct server_opts opts)
{
	*d = (struct fake_daemon){ .now_ns = FAKE_NOW_NS };
	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/thermocline-test-XXXXXX");
	if (!mkdtemp(d->dir) || chmod(d->dir, 0711))
		return -errno;
	(void)snprintf(d->socket, sizeof(d->socket), "%s/report", d->dir);
	d->dir_fd = open(d->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	opts.dir_fd = d->dir_fd;
	opts.path = "report";
	opts.source = FAKE_SOURCE;
	opts.ops = &fake_daemon_ops;
	opts.arg = d;
	return server_open(&d->server, &opts);
}

static inline void fake_daemon_stop(struct fake_daemon *d)
{
	server_close(d->server);
	d->server = NULL;
	(void)close(d->dir_fd);
	(void)rmdir(d->dir);
}

/* A connect that waits, while the daemon goes on. */
struct fake_connect {
	struct thermo_client_opts opts;
	struct thermo_reporter *reporter;
	int err;
	char reason[256];
	_Atomic bool done;
};

static inline void *fake_connect_run(void *arg)
{
	struct fake_connect *c = arg;

	c->err = thermo_client_connect(&c->reporter, &c->opts);
	(void)snprintf(c->reason, sizeof(c->reason), "%s", thermo_last_error());
	/* release: who sees it sees the result. */
	atomic_store_explicit(&c->done, true, memory_order_release);
	return NULL;
}

static inline int fake_daemon_connect(struct fake_daemon *d, struct fake_connect *c)
{
	pthread_t thread;
	int err;

	c->opts.socket = d->socket;
	c->opts.timeout_ms = c->opts.timeout_ms ? c->opts.timeout_ms : 60000;
	err = pthread_create(&thread, NULL, fake_connect_run, c);
	if (err)
		return -err;
	/* acquire: pairs with the release in fake_connect_run(). */
	while (!atomic_load_explicit(&c->done, memory_order_acquire)) {
		server_step(d->server);
		(void)usleep(200);
	}
	(void)pthread_join(thread, NULL);
	return c->err;
}

#endif
