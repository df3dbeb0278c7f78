// SPDX-License-Identifier: GPL-2.0-or-later
/* tap.c - see tap.h. */
#include "bench/overhead/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"
#include "core/proc.h"
#include "report_api/server.h"
#include "sources/runner.h"

#define BATCH 512u
#define PIECE (1u << 14)
/* The room of all rings of a program, see load_child.c; a source has less. */
#define MAX_DRAINED (1u << 18)
/* The bench asks what reports cost, not how the daemon bounds a client. */
#define MAX_REPORTS_PER_S 1000000000u
#define SOCKET_NAME "report"

const char *overhead_subject_name(const struct overhead_subject *subject)
{
	if (subject->way == OVERHEAD_CONTROL)
		return "none";
	return subject->way == OVERHEAD_REPORTS ? "reports" : subject->source->name;
}

/* --- draining --- */

static void count_reports(struct overhead_counts *c, const struct thermo_access *batch, size_t nr)
{
	c->reports += nr;
	for (size_t i = 0; i < nr; i++)
		if (batch[i].watched_ns == 0 && batch[i].nr_accesses > 0) {
			c->exact++;
			c->accesses += batch[i].nr_accesses;
		}
}

/* Return: whether there may be more than these @max. */
static bool drain(struct overhead_tap *tap, struct thermo_reporter *reporter, size_t max)
{
	struct thermo_access batch[BATCH];
	size_t nr, total = 0;

	do {
		nr = thermo_reporter_drain(reporter, batch, BATCH);
		count_reports(&tap->counts, batch, nr);
		total += nr;
	} while (nr == BATCH && total < max);
	return nr == BATCH;
}

/*
 * Who reports faster than we drain must not keep us from the clock: a piece at a time, and in
 * an interval no more than all rings hold.
 */
static void drain_piece(struct overhead_tap *tap, struct thermo_reporter *reporter)
{
	uint64_t now_ns = thermo_host_now_ns(tap->host);

	if (now_ns >= tap->refill_ns) {
		tap->left = MAX_DRAINED;
		tap->refill_ns = now_ns + OVERHEAD_STEP_NS;
	}
	tap->more = tap->left > 0 && drain(tap, reporter, PIECE);
	tap->left -= tap->left < PIECE ? tap->left : PIECE;
	tap->more = tap->more && tap->left > 0;
}

/* --- the socket --- */

static uint64_t server_now_ns(void *arg)
{
	const struct overhead_tap *tap = arg;

	return thermo_host_now_ns(tap->host);
}

static int server_start_ticks(void *arg, pid_t pid, uint64_t *ticks)
{
	const struct overhead_tap *tap = arg;
	struct thermo_proc proc;
	int err = thermo_proc_read(tap->host, pid, &proc);

	if (!err)
		*ticks = proc.start_ticks;
	return err;
}

static int server_attach(void *arg, struct thermo_reporter *reporter,
			 const struct server_client *client)
{
	struct overhead_tap *tap = arg;

	(void)client;
	if (tap->client)
		return thermo_fail(-EBUSY, "bench: one program at a time");
	tap->client = reporter;
	return 0;
}

static void server_detach(void *arg, struct thermo_reporter *reporter)
{
	struct overhead_tap *tap = arg;

	/* It reports no more: what is there is all. */
	(void)drain(tap, reporter, SIZE_MAX);
	tap->client = NULL;
}

static void server_gone(void *arg, const struct server_client *client)
{
	struct overhead_tap *tap = arg;

	tap->counts.dropped += client->dropped;
}

static int open_socket(struct overhead_tap *tap)
{
	static const struct server_ops ops = { .now_ns = server_now_ns,
					       .start_ticks = server_start_ticks,
					       .attach = server_attach,
					       .detach = server_detach,
					       .gone = server_gone };
	const char *tmp = getenv("TMPDIR");
	struct server_opts opts = {
		.path = SOCKET_NAME, .max_reports_per_s = MAX_REPORTS_PER_S, .ops = &ops, .arg = tap
	};

	if (!tmp || tmp[0] != '/' || strlen(tmp) > 32)
		tmp = "/tmp";
	(void)snprintf(tap->dir, sizeof(tap->dir), "%s/thermocline-XXXXXX", tmp);
	if (!mkdtemp(tap->dir)) {
		int err = -errno;

		tap->dir[0] = '\0';
		return thermo_fail(err, "%s: no folder for a socket: %s", tmp, strerror(-err));
	}
	(void)snprintf(tap->socket, sizeof(tap->socket), "%s/" SOCKET_NAME, tap->dir);

	tap->dir_fd = open(tap->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tap->dir_fd < 0)
		return thermo_fail(-errno, "%s: %s", tap->dir, strerror(errno));
	opts.dir_fd = tap->dir_fd;
	return server_open(&tap->server, &opts);
}

/* --- on and off --- */

int overhead_tap_open(struct overhead_tap *tap, const struct thermo_host *host,
		      struct thermo_settings *settings, bool reports)
{
	*tap = (struct overhead_tap){ .host = host, .settings = settings, .dir_fd = -1 };
	return reports ? open_socket(tap) : 0;
}

int overhead_tap_fd(const struct overhead_tap *tap)
{
	return tap->server ? server_fd(tap->server) : -1;
}

static int start_source(struct overhead_tap *tap, pid_t pid)
{
	const struct thermo_source *source = tap->subject.source;
	const struct thermo_source_opts opts = { .host = tap->host,
						 .settings = tap->settings,
						 .pause_damon_stat = tap->pause_damon_stat };
	int err = source->probe(&opts);

	overhead_kthreads_find(&tap->others, tap->host, NULL);
	if (!err)
		err = runner_start(&tap->runner, source, &opts, 0);
	if (err)
		return err;
	runner_set_targets(tap->runner, &pid, 1);
	runner_set_rate(tap->runner, tap->subject.setting);
	return 0;
}

int overhead_tap_start(struct overhead_tap *tap, const struct overhead_subject *subject, pid_t pid)
{
	tap->subject = *subject;
	tap->counts = (struct overhead_counts){ 0 };
	tap->others.nr = tap->kthreads.nr = 0;
	return subject->way == OVERHEAD_SOURCE ? start_source(tap, pid) : 0;
}

void overhead_tap_settle(struct overhead_tap *tap)
{
	if (tap->runner)
		overhead_kthreads_find(&tap->kthreads, tap->host, &tap->others);
}

int overhead_tap_step(struct overhead_tap *tap)
{
	struct runner_status status;

	if (tap->server)
		server_step(tap->server);
	tap->more = false;
	if (tap->client)
		drain_piece(tap, tap->client);
	if (!tap->runner)
		return 0;
	drain_piece(tap, runner_reporter(tap->runner));
	runner_status(tap->runner, &status);
	return status.failed ? thermo_fail(-EIO, "source %s ended: %s", status.source->name,
					   status.error)
			     : 0;
}

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000ull + (uint64_t)t->tv_usec * 1000;
}

/* This process does nothing else meanwhile. */
static void count_cpu(const struct overhead_tap *tap, struct overhead_counts *c)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	c->user_ns = timeval_ns(&usage.ru_utime);
	c->system_ns = timeval_ns(&usage.ru_stime);
	c->kthreads_ns = overhead_kthreads_cpu_ns(&tap->kthreads, tap->host);
}

int overhead_tap_counts(struct overhead_tap *tap, struct overhead_counts *counts)
{
	int err = overhead_tap_step(tap);
	struct runner_status status = { 0 };
	struct overhead_counts c = tap->counts;

	if (err)
		return err;
	if (tap->client)
		c.dropped += thermo_reporter_dropped(tap->client);
	if (tap->runner) {
		runner_status(tap->runner, &status);
		c.samples = status.counters.seen;
		c.lost = status.counters.lost;
		c.useless = status.counters.useless;
		c.ignored = status.counters.ignored;
		c.dropped = status.dropped;
	} else {
		c.samples = c.reports + c.dropped;
	}
	c.time_ns = thermo_host_now_ns(tap->host);
	count_cpu(tap, &c);
	*counts = c;
	return 0;
}

int overhead_tap_stop(struct overhead_tap *tap)
{
	runner_stop(tap->runner);
	tap->runner = NULL;
	/* The program has closed its end by now: its last reports. */
	if (tap->server)
		server_step(tap->server);
	return tap->settings ? thermo_settings_restore(tap->settings, 0) : 0;
}

void overhead_tap_close(struct overhead_tap *tap)
{
	runner_stop(tap->runner);
	server_close(tap->server);
	if (tap->dir[0]) {
		(void)rmdir(tap->dir);
		if (tap->dir_fd >= 0)
			(void)close(tap->dir_fd);
	}
	*tap = (struct overhead_tap){ 0 };
}
