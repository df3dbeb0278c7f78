// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * overhead.c - `thermocline bench overhead`: what sampling costs on this machine.
 *
 * Main thread; it owns the settings, which it opens as the daemon does, so that both are
 * never there at once and what was changed goes back on every exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/overhead_options.h"
#include "cli/overhead_print.h"
#include "cli/units.h"
#include "core/error.h"

#define COMMAND OVERHEAD_COMMAND

/* --- progress --- */

static void show_progress(void *arg, const struct overhead_progress *p)
{
	char setting[32];

	(void)arg;
	fprintf(stderr, "\r\033[K%s: %s %s: pair %u of %u, %s left ", overhead_kind_name(p->kind),
		overhead_subject_name(p->subject), overhead_setting(p->subject, setting), p->nr + 1,
		p->nr_pairs, unit_ns(p->left_ns));
}

static void say_left_out(const char *name, const char *reason)
{
	/* Reasons begin with the source's name. */
	if (strncmp(reason, name, strlen(name)) == 0)
		fprintf(stderr, COMMAND ": left out: %s\n", reason);
	else
		fprintf(stderr, COMMAND ": left out: %s: %s\n", name, reason);
}

/* --- what could be measured --- */

static int list(const struct thermo_host *host, const struct overhead_request *r)
{
	const struct thermo_source_opts opts = { .host = host,
						 .pause_damon_stat = r->pause_damon_stat };

	printf("sources:\n");
	for (const struct thermo_source *const *s = thermo_sources; *s; s++) {
		int err = (*s)->probe(&opts);

		printf("  %-12s %s\n", (*s)->name,
		       err                  ? thermo_last_error()
		       : (*s)->by_name_only ? "yes, when it is named"
					    : "yes");
	}
	printf("  %-12s yes: a program that reports its own accesses\n", "reports");
	printf("workloads:\n"
	       "  chase        one dependent load after the other, at random\n"
	       "  update       reads and writes at random places\n"
	       "  stream       a[i] = b[i] + 3 c[i]: two loads, a store, in order\n");
	return 0;
}

/* --- measuring --- */

static int block_signals(void)
{
	sigset_t signals;
	int fd;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	/* Blocked before any thread exists, so that all inherit it. */
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? thermo_fail(-errno, "signalfd: %s", strerror(errno)) : fd;
}

static bool has_source(const struct overhead_opts *o)
{
	for (size_t i = 0; i < o->nr_subjects; i++)
		if (o->subjects[i].way == OVERHEAD_SOURCE)
			return true;
	return false;
}

/*
 * A daemon that runs would be measured with us, and sources may fight over settings.
 * Who is not allowed to look can measure what changes nothing.
 */
static int open_settings(struct thermo_settings *settings, const struct overhead_opts *o)
{
	unsigned int nr_left = 0;
	int err = thermo_settings_open(settings, o->host, &nr_left);

	if (nr_left)
		fprintf(stderr, COMMAND ": put back %u settings of a daemon that was killed\n",
			nr_left);
	if (err == -EBUSY)
		return thermo_fail(err, "%s: stop it while this measures",
				   strdupa(thermo_last_error()));
	return err == 0 || has_source(o) ? err : 0;
}

static int print_results(const struct overhead_request *r, struct overhead_outcome *outcome)
{
	overhead_warn(outcome);
	if (r->json)
		overhead_print_json(stdout, outcome);
	else
		overhead_print_text(stdout, outcome);
	if (fflush(stdout) != 0)
		return thermo_fail(-errno, "standard output: %s", strerror(errno));
	return r->svg ? overhead_write_svg(r->svg, outcome) : 0;
}

/* Whether something was given up, which the status should tell. */
static bool any_failed(const struct overhead_outcome *outcome)
{
	for (uint32_t k = 0; k < outcome->opts->nr_kinds; k++)
		for (size_t i = 0; i < outcome->workloads[k].nr_results; i++)
			if (outcome->workloads[k].results[i].failed[0])
				return true;
	return false;
}

/* Measured at all: some pair of the first subject. */
static bool has_results(const struct overhead_outcome *outcome)
{
	for (uint32_t k = 0; k < outcome->opts->nr_kinds; k++)
		for (size_t i = 0; i < outcome->workloads[k].nr_results; i++)
			if (outcome->workloads[k].results[i].paired.nr)
				return true;
	return false;
}

static int run(const struct overhead_request *r, struct overhead_opts *o,
	       struct overhead_outcome *outcome)
{
	struct overhead_workload *workloads = calloc(o->nr_kinds, sizeof(*workloads));
	int err = workloads ? overhead_measure(o, workloads)
			    : thermo_fail(-ENOMEM, "no memory for results");
	bool failed = false;

	if (o->progress)
		fprintf(stderr, "\r\033[K");
	outcome->workloads = workloads;
	outcome->ended_early = err == -EINTR;
	if (err)
		fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
	if (workloads && has_results(outcome)) {
		int print_err = print_results(r, outcome);

		if (print_err)
			fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
		failed = print_err || any_failed(outcome);
	}
	free(workloads);
	return err || failed ? EXIT_FAILED : EXIT_OK;
}

static int prepare(const struct overhead_request *r, const struct overhead_machine *machine,
		   struct overhead_opts *o)
{
	int err = overhead_choose_load(r, machine, &o->load);

	o->pause_damon_stat = r->pause_damon_stat;
	o->nr_kinds = r->nr_kinds;
	memcpy(o->kinds, r->kinds, sizeof(o->kinds));
	o->nr_rounds = r->nr_rounds;
	o->clock = r->clock;
	o->run_ns = r->run_ns;
	o->warmup_ns = r->warmup_ns;
	o->seed = thermo_host_now_ns(o->host);
	o->progress = isatty(STDERR_FILENO) ? show_progress : NULL;
	return err ? err : overhead_choose_subjects(r, o, say_left_out);
}

static int measure(const struct thermo_host *host, const struct overhead_request *r)
{
	struct thermo_settings settings = { .lock_fd = -1 };
	struct overhead_opts o = { .host = host, .signal_fd = -1 };
	struct overhead_machine machine;
	struct overhead_outcome outcome = { .machine = &machine,
					    .opts = &o,
					    .budget_pct = r->budget_pct };
	int status = EXIT_FAILED, err;

	overhead_machine_read(&machine, host);
	err = prepare(r, &machine, &o);
	if (!err)
		err = o.signal_fd = block_signals();
	if (err >= 0)
		err = open_settings(&settings, &o);
	if (!err) {
		o.settings = settings.lock_fd >= 0 ? &settings : NULL;
		fprintf(stderr, COMMAND ": this takes about %s\n",
			unit_ns(overhead_duration_ns(&o)));
		status = run(r, &o, &outcome);
	} else {
		fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
	}
	if (thermo_settings_close(&settings)) {
		fprintf(stderr, COMMAND ": putting settings back: %s\n", thermo_last_error());
		status = EXIT_FAILED;
	}
	if (o.signal_fd >= 0)
		(void)close(o.signal_fd);
	return status;
}

int bench_overhead(int argc, char **argv)
{
	struct overhead_request request;
	struct thermo_host host;
	int err = overhead_options_parse(&request, argc, argv);

	if (err)
		return err > 0 ? EXIT_OK : EXIT_USAGE;
	if (thermo_host_open(&host, "/")) {
		fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
		return EXIT_FAILED;
	}
	int status = request.list ? list(&host, &request) : measure(&host, &request);

	thermo_host_close(&host);
	return status;
}
