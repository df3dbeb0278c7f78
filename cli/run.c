// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - `thermocline run`: options, and the loop around a daemon. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "cli/cmd.h"
#include "cli/control.h"
#include "cli/daemon.h"
#include "cli/log.h"
#include "cli/status.h"
#include "cli/watch_options.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/privilege.h"

#define COMMAND "thermocline run"
#define STATUS_FILE_INTERVAL_NS 5000000000ull

struct run_opts {
	struct watch_opts watch;
	uint64_t status_interval_s;
	uint64_t duration_s; /* 0: until told to stop */
	bool json;
};

enum {
	OPT_TIERS = WATCH_OPT_END,
	OPT_MIGRATE_RATE,
	OPT_MIGRATE_SHARE,
	OPT_STATUS_INTERVAL,
	OPT_DURATION,
	OPT_DRY_RUN,
	OPT_MONITOR,
};

static const struct option long_options[] = {
	WATCH_LONG_OPTIONS,
	{ "tiers", required_argument, NULL, OPT_TIERS },
	{ "migrate-rate", required_argument, NULL, OPT_MIGRATE_RATE },
	{ "migrate-share", required_argument, NULL, OPT_MIGRATE_SHARE },
	{ "status-interval", required_argument, NULL, OPT_STATUS_INTERVAL },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "monitor", no_argument, NULL, OPT_MONITOR },
	{ "format", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline run [OPTION...]\n\n"
		"Watches which memory is accessed and moves hot pages to fast nodes and cold "
		"pages\n"
		"to slow ones.  With no option it finds sources, tiers and processes by "
		"itself.\n\n" WATCH_USAGE_TARGETS WATCH_USAGE_HOW
		"      --tiers LIST           nodes from fast to slow, as 0,1/2; default: found\n"
		"      --migrate-share PCT    of time that may be spent moving pages; default 50\n"
		"      --migrate-rate MIB     MiB a second at most, both directions; default no "
		"limit\n"
		"      --dry-run              decide and tell, but move nothing\n"
		"      --monitor              watch only; also where there is nothing to tier\n"
		"Output:\n"
		"      --status-interval S    seconds between status lines; default 10, 0: none\n"
		"  -f, --format text|json     of the status lines; default text\n"
		"      --duration S           stop after so many seconds\n"
		"  -h, --help                 this text\n");
}

static int parse_tiering(struct run_opts *o, int c, char *arg)
{
	struct tierer_opts *t = &o->watch.daemon.tierer;
	uint64_t n = 0;
	int err;

	switch (c) {
	case OPT_TIERS:
		t->tiers = arg;
		return 0;
	case OPT_MIGRATE_RATE:
		err = option_number(COMMAND, "--migrate-rate", arg, 1, 1u << 20, &n);
		t->bytes_per_s = n << 20;
		return err;
	case OPT_MIGRATE_SHARE:
		err = option_number(COMMAND, "--migrate-share", arg, 1, 100, &n);
		t->share_pct = (uint32_t)n;
		return err;
	case OPT_DRY_RUN:
		t->dry_run = true;
		return 0;
	case OPT_MONITOR:
		o->watch.daemon.monitor_only = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_option(struct run_opts *o, int c, char *arg)
{
	int err = watch_option(&o->watch, c, arg);

	if (err <= 0)
		return err;
	switch (c) {
	case 'f':
		o->json = strcmp(arg, "json") == 0;
		return o->json || strcmp(arg, "text") == 0
				       ? 0
				       : option_bad(COMMAND, "--format", arg, "text or json");
	case OPT_STATUS_INTERVAL:
		return option_number(COMMAND, "--status-interval", arg, 0, 86400,
				     &o->status_interval_s);
	case OPT_DURATION:
		return option_number(COMMAND, "--duration", arg, 1, 1u << 30, &o->duration_s);
	default:
		return parse_tiering(o, c, arg);
	}
}

/* Return: 0; -EINVAL for a usage error, said; 1 when help was asked for. */
static int parse_args(int argc, char **argv, struct run_opts *o)
{
	int c;

	while ((c = getopt_long(argc, argv, WATCH_SHORT_OPTIONS "f:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return 1;
		}
		if (c == '?' || parse_option(o, c, optarg))
			return -EINVAL;
	}
	if (watch_options_check(&o->watch))
		return -EINVAL;
	if (optind != argc) {
		fprintf(stderr, "thermocline run: '%s': no arguments are taken\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static void tell_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
	(void)sd_notify(0, state);
#else
	(void)state;
#endif
}

static void print_status(const struct daemon *d, uint64_t now_ns, struct status_line_state *last,
			 bool json)
{
	char line[512];

	if (json) {
		struct json_object *root = status_json(d, now_ns);

		printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
		json_object_put(root);
	} else {
		status_line(d, now_ns, last, line, sizeof(line));
		printf("%s\n", line);
	}
	(void)fflush(stdout);
}

static void say_start(const struct daemon *d)
{
	const struct thermo_topology *t = daemon_topology(d);
	char text[512];
	size_t len;

	daemon_sources_list(d->sources, text, sizeof(text));
	log_info("sources: %s", text[0] ? text : "none but programs that report");
	for (size_t tier = 0; tier < t->nr_tiers; tier++) {
		len = 0;
		text[0] = '\0';
		for (size_t i = 0; i < t->nr_nodes && len < sizeof(text) - 64; i++)
			if (t->nodes[i].tier == (int)tier)
				len += (size_t)snprintf(text + len, sizeof(text) - len,
							" node%d (%" PRIu64 " MiB, %u ns)",
							t->nodes[i].id,
							t->nodes[i].total_bytes >> 20,
							t->nodes[i].read_latency_ns);
		log_info("tier %zu:%s, by %s", tier, text, t->tiers_from);
	}
	if (t->warning[0])
		log_warning("%s", t->warning);
}

struct loop {
	int signal_fd;
	int control_fd;
	const struct run_opts *opts;
	struct status_line_state last;
	uint64_t status_at_ns;
	uint64_t stop_at_ns;
	uint64_t file_at_ns; /* when the status file is written again */
};

static int open_loop(struct loop *l, const struct thermo_host *host)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	/* Blocked before any thread exists, so that all inherit it. */
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	l->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal_fd < 0)
		return thermo_fail(-errno, "signalfd: %s", strerror(errno));
	(void)host;
	return 0;
}

/* Return: whether to go on. */
static bool wait_for_events(struct loop *l, const struct daemon *d, uint64_t timeout_ns)
{
	struct pollfd fds[] = { { .fd = l->signal_fd, .events = POLLIN },
				{ .fd = l->control_fd, .events = POLLIN },
				{ .fd = clients_fd(d->clients), .events = POLLIN } };
	struct timespec timeout = { (time_t)(timeout_ns / 1000000000),
				    (long)(timeout_ns % 1000000000) };

	if (ppoll(fds, 3, &timeout, NULL) <= 0)
		return true;
	if (fds[1].revents & POLLIN)
		control_serve(l->control_fd, d);
	return !(fds[0].revents & POLLIN);
}

static void tell_status(struct loop *l, struct daemon *d, uint64_t now_ns)
{
	if (d->snapshot && now_ns >= l->file_at_ns) {
		l->file_at_ns = now_ns + STATUS_FILE_INTERVAL_NS;
		if (status_write(d, now_ns))
			log_warning("%s, ignoring", thermo_last_error());
	}
	if (l->opts->status_interval_s && now_ns >= l->status_at_ns) {
		if (l->status_at_ns)
			print_status(d, now_ns, &l->last, l->opts->json);
		else
			l->last.time_ns = now_ns;
		l->status_at_ns = now_ns + l->opts->status_interval_s * 1000000000ull;
	}
}

static void run_loop(struct loop *l, struct daemon *d)
{
	uint64_t now_ns, wait_ns;

	do {
		now_ns = thermo_host_now_ns(d->host);
		wait_ns = daemon_step(d, now_ns);
		tell_status(l, d, now_ns);
	} while (wait_for_events(l, d, wait_ns) && !(l->stop_at_ns && now_ns >= l->stop_at_ns));
}

static int run_daemon(struct run_opts *o, const struct thermo_host *host)
{
	struct loop l = { .signal_fd = -1, .control_fd = -1, .opts = o };
	struct daemon d = { .settings.lock_fd = -1 };
	int err = open_loop(&l, host);

	if (!err && !o->watch.daemon.monitor_only && !o->watch.daemon.tierer.dry_run)
		err = thermo_require_caps(host,
					  THERMO_CAP_SYS_NICE | THERMO_CAP_SYS_PTRACE |
							  THERMO_CAP_DAC_READ_SEARCH,
					  "moving other processes' pages");
	if (!err)
		err = daemon_start(&d, host, &o->watch.daemon);
	if (!err) {
		l.control_fd = control_listen(host);
		err = l.control_fd < 0 ? l.control_fd : 0;
	}
	if (!err) {
		say_start(&d);
		tell_systemd("READY=1");
		l.stop_at_ns = o->duration_s ? d.started_ns + o->duration_s * 1000000000ull : 0;
		run_loop(&l, &d);
		tell_systemd("STOPPING=1");
		daemon_finish(&d);
		if (o->status_interval_s)
			print_status(&d, thermo_host_now_ns(host), &l.last, o->json);
	}
	if (err)
		log_error("%s", thermo_last_error());
	if (l.control_fd >= 0) {
		(void)close(l.control_fd);
		(void)unlinkat(host->root_fd, CONTROL_PATH, 0);
		(void)unlinkat(host->root_fd, STATUS_PATH, 0);
	}
	int restore_err = daemon_stop(&d);

	if (restore_err)
		log_error("putting settings back: %s", thermo_last_error());
	(void)close(l.signal_fd);
	return err || restore_err ? EXIT_FAILED : EXIT_OK;
}

int cmd_run(int argc, char **argv)
{
	struct run_opts opts = { .watch.command = COMMAND, .status_interval_s = 10 };
	struct thermo_host host;
	int err = parse_args(argc, argv, &opts);

	if (err)
		return err > 0 ? EXIT_OK : EXIT_USAGE;
	if (thermo_host_open(&host, "/")) {
		fprintf(stderr, "thermocline run: %s\n", thermo_last_error());
		return EXIT_FAILED;
	}
	int status = run_daemon(&opts, &host);

	thermo_host_close(&host);
	return status;
}
