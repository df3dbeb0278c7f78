// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * record.c - `thermocline record`: snapshots into a file, of a monitor of our own or of
 * the running daemon.  Main thread; it owns the daemon, the file and the command.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cmd.h"
#include "cli/log.h"
#include "cli/perfdata_output.h"
#include "cli/record_options.h"
#include "cli/record_output.h"
#include "cli/recording.h"
#include "cli/report_views.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/views.h"

#define COMMAND RECORD_COMMAND
/* A command that was just started maps its memory: look often, and for so long. */
#define YOUNG_NS 5000000000ull
#define YOUNG_TARGETS_NS 250000000ull
#define PAGETYPES_INTERVAL_NS 10000000000ull
#define MIN_WAIT_NS 50000000ull

struct recording {
	const struct record_opts *opts;
	const struct thermo_host *host;
	int signal_fd;
	int clients_fd; /* readable when a program that reports wants in; -1 */
	bool told;      /* to stop, by a signal */
	bool on_terminal;
	struct record_output out;
	struct record_writer *writer;
	struct perfdata_output *perf_data; /* NULL: not asked for */
	char *const *argv;                 /* our own */
	struct child child;
	uint64_t sequence; /* of the newest snapshot that was written */
	uint64_t started_ns;
	uint64_t next_ns;     /* no snapshot is written before */
	uint64_t pages_at_ns; /* when page types are looked at again; UINT64_MAX: never */
	uint64_t idle_ns;     /* time of the newest idle ages that were written */
	struct cgroups cgroups;
	uint64_t random_state;
	uint32_t nr_regions;
	uint32_t nr_targets;
};

/* --- one snapshot after another --- */

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void tell_progress(const struct recording *r)
{
	if (r->on_terminal)
		fprintf(stderr,
			"\r\033[Krecording: %" PRIu64 " snapshots, %u regions of %u processes, "
			"%.2f MiB ",
			record_writer_snapshots(r->writer), r->nr_regions, r->nr_targets,
			mib(record_writer_bytes(r->writer)));
}

/* Not worth ending a recording for: said once, and not tried again. */
static int write_pages(struct recording *r, const struct thermo_snapshot *s, uint64_t now_ns)
{
	struct record_pages pages = { .time_ns = s->time_ns, .hot_rate = report_hot_rate(s) };
	const struct pagetypes_opts opts = { .hot_rate = pages.hot_rate };

	if (!r->opts->pagetypes || now_ns < r->pages_at_ns)
		return 0;
	if (pagetypes_sample(r->host, s, &opts, &r->cgroups, &r->random_state, &pages.types)) {
		log_warning("page types: %s, ignoring", thermo_last_error());
		r->pages_at_ns = UINT64_MAX;
		return 0;
	}
	pages.has_cgroups = pages.types.has_cgroups;
	r->pages_at_ns = now_ns + PAGETYPES_INTERVAL_NS;
	return record_write_pages(r->writer, &pages);
}

/* Of a command that is just exiting nobody can see any more where its memory is. */
static bool is_too_late(const struct recording *r, const struct thermo_snapshot *s)
{
	return r->child.pid && s->nr_gone > 0 && s->nr_gone == s->nr_targets &&
	       record_writer_snapshots(r->writer) > 0;
}

/* @ages: NULL when nobody tells. */
static int write_idle(struct recording *r, const struct idle_ages *ages)
{
	if (!ages || ages->time_ns == r->idle_ns)
		return 0;
	r->idle_ns = ages->time_ns;
	return record_write_idle(r->writer, ages);
}

static int write_snapshot(struct recording *r, const struct thermo_snapshot *s,
			  const struct idle_ages *ages, uint64_t now_ns)
{
	int err;

	if (s->sequence == r->sequence || now_ns < r->next_ns || is_too_late(r, s))
		return 0;
	err = record_write_snapshot(r->writer, s);
	if (err)
		return err;
	r->sequence = s->sequence;
	r->nr_regions = s->nr_regions;
	r->nr_targets = s->nr_targets;
	/* A little early is in time: windows do not end on the dot. */
	if (r->opts->interval_s)
		r->next_ns = now_ns + r->opts->interval_s * 1000000000ull - s->window_ns / 2;
	tell_progress(r);
	err = write_idle(r, ages);
	return err ? err : write_pages(r, s, now_ns);
}

static void read_signals(struct recording *r)
{
	struct signalfd_siginfo info;

	while (read(r->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			child_reap(&r->child, false);
		else
			r->told = true;
	}
}

/* Return: whether to go on. */
static bool wait_some(struct recording *r, uint64_t wait_ns)
{
	uint64_t now_ns = thermo_host_now_ns(r->host), left_ns = wait_ns;
	struct pollfd fds[] = { { .fd = r->signal_fd, .events = POLLIN },
				{ .fd = r->clients_fd, .events = POLLIN } };

	if (r->opts->duration_s) {
		uint64_t stop_ns = r->started_ns + r->opts->duration_s * 1000000000ull;

		if (now_ns >= stop_ns)
			return false;
		left_ns = stop_ns - now_ns < left_ns ? stop_ns - now_ns : left_ns;
	}
	struct timespec timeout = { (time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000) };

	if (ppoll(fds, 2, &timeout, NULL) > 0)
		read_signals(r);
	return !r->told && !r->child.ended;
}

static void look_for_new_memory(const struct recording *r, struct daemon *d, uint64_t now_ns)
{
	if (r->child.pid && now_ns < r->started_ns + YOUNG_NS &&
	    d->targets_at_ns > now_ns + YOUNG_TARGETS_NS)
		d->targets_at_ns = now_ns + YOUNG_TARGETS_NS;
}

/*
 * What the open window has seen.  Not when the command ended, unless it was over in no
 * time: where its memory was cannot be seen any more.
 */
static int write_rest(struct recording *r, struct daemon *d)
{
	uint64_t now_ns = thermo_host_now_ns(r->host);

	if ((r->child.ended && record_writer_snapshots(r->writer) > 0) ||
	    now_ns < d->window_start_ns + MIN_WAIT_NS)
		return 0;
	d->window_at_ns = now_ns;
	d->targets_at_ns = UINT64_MAX;
	(void)daemon_step(d, now_ns);
	r->next_ns = 0;
	return d->snapshot ? write_snapshot(r, d->snapshot, d->gauges.ages, now_ns) : 0;
}

static int record_windows(struct recording *r, struct daemon *d)
{
	uint64_t wait_ns;
	int err;

	do {
		uint64_t now_ns = thermo_host_now_ns(r->host);

		look_for_new_memory(r, d, now_ns);
		wait_ns = daemon_step(d, now_ns);
		err = d->snapshot ? write_snapshot(r, d->snapshot, d->gauges.ages, now_ns) : 0;
		if (!err && r->perf_data)
			err = perfdata_output_step(r->perf_data, d);
		if (err)
			return err;
	} while (wait_some(r, wait_ns));
	return write_rest(r, d);
}

/* --- with a monitor of our own --- */

static void say_start(const struct daemon *d)
{
	char text[256];

	daemon_sources_list(d->sources, text, sizeof(text));
	log_info("recording with %s", text[0] ? text : "programs that report");
}

static int start_own(struct recording *r, struct daemon *d, const char *what)
{
	int err = daemon_start(d, r->host, &r->opts->watch.daemon);

	if (err == -EBUSY)
		return thermo_fail(err, "%s; to record what it watches: " COMMAND " --live",
				   strdupa(thermo_last_error()));
	if (!err)
		err = record_output_open(&r->out, r->opts->output);
	if (!err)
		err = recording_start(&r->writer, r->out.fd, d, what);
	if (!err && r->opts->perf_data)
		err = perfdata_output_open(&r->perf_data, r->opts->perf_data, d);
	r->started_ns = d->started_ns;
	r->clients_fd = clients_fd(d->clients);
	if (!err && r->opts->argv) {
		err = child_go(&r->child, r->opts->argv[0]);
		if (err) {
			record_output_discard(&r->out);
			record_writer_free(r->writer);
			r->writer = NULL;
		}
	}
	if (!err)
		say_start(d);
	return err;
}

/* What the rings still hold belongs to it.  Return: @err, or what went wrong with it. */
static int end_perf_data(struct recording *r, const struct daemon *d, int err)
{
	int close_err;

	if (r->perf_data && !err)
		(void)thermo_monitor_drain(d->monitor);
	if (!err) {
		close_err = perfdata_output_close(r->perf_data, r->argv);
		r->perf_data = NULL;
		return close_err;
	}
	/* Why it ends comes first. */
	char reason[256];

	(void)snprintf(reason, sizeof(reason), "%s", thermo_last_error());
	(void)perfdata_output_close(r->perf_data, r->argv);
	r->perf_data = NULL;
	return thermo_fail(err, "%s", reason);
}

static int record_own(struct recording *r, const char *what)
{
	struct daemon d = { .settings.lock_fd = -1 };
	int err = start_own(r, &d, what), restore_err;

	if (!err)
		err = record_windows(r, &d);
	err = end_perf_data(r, &d, err);
	if (err) {
		char reason[256];

		/* Stopping may fail as well: this comes first. */
		(void)snprintf(reason, sizeof(reason), "%s", thermo_last_error());
		restore_err = daemon_stop(&d);
		if (restore_err)
			log_error("putting settings back: %s", thermo_last_error());
		return thermo_fail(err, "%s", reason);
	}
	restore_err = daemon_stop(&d);
	return restore_err ? thermo_fail(restore_err, "putting settings back: %s",
					 strdupa(thermo_last_error()))
			   : 0;
}

/* --- of the running daemon --- */

/* Open the output with the machine of the first reply. */
static int start_live(struct recording *r, const struct record_machine *daemons, const char *what)
{
	struct record_machine machine = *daemons;
	int err = record_output_open(&r->out, r->opts->output);

	r->started_ns = machine.start_time_ns = thermo_host_now_ns(r->host);
	machine.start_realtime_ns = thermo_host_realtime_ns(r->host);
	(void)snprintf(machine.what, sizeof(machine.what), "%s", what);
	return err ? err : record_writer_new(&r->writer, r->out.fd, &machine);
}

/* Return: nanoseconds until the next window may be there, or -errno. */
static int64_t record_newest(struct recording *r, const char *what)
{
	AUTO_FCLOSE FILE *file = NULL;
	struct record_reader *reader = NULL;
	struct thermo_snapshot *s = NULL, *none = NULL;
	int64_t wait_ns = 1000000000;
	int err = recording_ask(r->host, &file);

	if (!err)
		err = record_reader_new(&reader, file);
	if (!err && !r->writer)
		err = start_live(r, record_reader_machine(reader), what);
	if (!err)
		err = record_reader_next(reader, &s);
	if (err > 0 && s) {
		wait_ns = s->window_ns > MIN_WAIT_NS ? (int64_t)s->window_ns : (int64_t)MIN_WAIT_NS;
		/* What belongs to the one snapshot comes behind it. */
		err = record_reader_next(reader, &none);
		if (err >= 0)
			err = write_snapshot(r, s, record_reader_idle(reader),
					     thermo_host_now_ns(r->host));
		thermo_snapshot_put(none);
		thermo_snapshot_put(s);
	}
	record_reader_free(reader);
	return err < 0 ? err : wait_ns;
}

static int record_live(struct recording *r, const char *what)
{
	int64_t wait_ns;

	do {
		wait_ns = record_newest(r, what);
		if (wait_ns < 0)
			return (int)wait_ns;
	} while (wait_some(r, (uint64_t)wait_ns));
	return 0;
}

/* --- all together --- */

static int block_signals(struct recording *r)
{
	sigset_t signals;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGCHLD);
	/* Blocked before any thread exists, so that all inherit it. */
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? thermo_fail(-errno, "signalfd: %s", strerror(errno)) : 0;
}

static int close_output(struct recording *r, int error)
{
	/* A full disk may still have room for the end, which says why it is one. */
	int err = record_write_end(r->writer, thermo_host_now_ns(r->host),
				   thermo_host_realtime_ns(r->host), error);
	int close_err = record_output_close(&r->out);

	return err ? err : close_err;
}

/* Return: @err, or what else went wrong; it is said. */
static int finish(struct recording *r, int err)
{
	int close_err;

	if (r->on_terminal && r->writer)
		fprintf(stderr, "\r\033[K");
	if (err)
		log_error("%s", thermo_last_error());
	if (!r->writer || r->out.fd < 0)
		return err;
	close_err = close_output(r, -err);
	if (!err && close_err)
		log_error("%s", thermo_last_error());
	return err ? err : close_err;
}

static void tell_result(const struct recording *r)
{
	if (!r->writer || record_writer_bytes(r->writer) == 0)
		return;
	log_info("recorded %" PRIu64 " snapshots, at last %u regions of %u processes: %.2f MiB "
		 "in %s",
		 record_writer_snapshots(r->writer), r->nr_regions, r->nr_targets,
		 mib(record_writer_bytes(r->writer)),
		 strcmp(r->out.path, "-") == 0 ? "standard output" : r->out.path);
	if (r->nr_targets == 0)
		log_warning("%s", r->child.pid ? "the command ended before its memory was looked at"
					       : "no process matched the targets");
}

/* Whoever is told to stop stops his command as well; else that ends when it likes. */
static void wait_for_command(struct recording *r)
{
	struct pollfd fd = { .fd = r->signal_fd, .events = POLLIN };

	while (r->child.pid && r->child.go_fd < 0 && !r->child.ended && !r->told)
		if (poll(&fd, 1, -1) > 0)
			read_signals(r);
	child_end(&r->child);
}

static int prepare_command(struct recording *r, struct watch_opts *watch, char **argv)
{
	struct thermo_target_spec *t = &watch->daemon.targets;
	int err;

	if (t->nr_pids == MAX_TARGET_PIDS)
		return thermo_fail(-E2BIG, "too many processes beside the command: use --cgroup");
	err = child_prepare(&r->child, argv);
	if (err)
		return err;
	watch->pids[t->nr_pids++] = r->child.pid;
	t->pids = watch->pids;
	return 0;
}

static int record(struct record_opts *o, const struct thermo_host *host, const char *what,
		  char *const *argv)
{
	struct recording r = { .opts = o,
			       .argv = argv,
			       .host = host,
			       .signal_fd = -1,
			       .clients_fd = -1,
			       .on_terminal = isatty(STDERR_FILENO),
			       .child = { .go_fd = -1, .error_fd = -1 },
			       .out.fd = -1,
			       .random_state = thermo_host_now_ns(host) | 1 };
	int err = block_signals(&r);

	if (!err && o->argv)
		err = prepare_command(&r, &o->watch, o->argv);
	if (!err)
		err = o->live ? record_live(&r, what) : record_own(&r, what);
	err = finish(&r, err);
	tell_result(&r);
	record_writer_free(r.writer);
	cgroups_fini(&r.cgroups);
	wait_for_command(&r);
	if (r.signal_fd >= 0)
		(void)close(r.signal_fd);
	return err ? EXIT_FAILED : child_exit_status(&r.child);
}

static void join_args(char **argv, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (int i = 1; argv[i] && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s", i > 1 ? " " : "", argv[i]);
}

int cmd_record(int argc, char **argv)
{
	struct record_opts opts = { 0 };
	struct thermo_host host;
	char what[256];
	int err;

	join_args(argv, what, sizeof(what));
	err = record_options_parse(&opts, argc, argv);
	if (err)
		return err > 0 ? EXIT_OK : EXIT_USAGE;
	if (thermo_host_open(&host, "/")) {
		fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
		return EXIT_FAILED;
	}
	int status = record(&opts, &host, what, argv);

	thermo_host_close(&host);
	return status;
}
