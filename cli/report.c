// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - `thermocline report`: read a recording or ask the daemon, and print it by
 * what was asked for.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/recording.h"
#include "cli/report_print.h"
#include "cli/report_views.h"
#include "cli/watch_options.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/number.h"

#define COMMAND "thermocline report"
#define DEFAULT_INPUT "thermocline.data"
#define DEFAULT_TEXT_LIMIT 30
#define DEFAULT_DETAILS 3

enum by_kind {
	BY_REGION,
	BY_ROWS,
	BY_VIEW,
};

static const struct by {
	const char *name;
	enum by_kind kind;
	enum report_by rows;
	enum report_view view;
} bys[] = {
	{ "region", BY_REGION, .rows = 0 },
	{ "cpu", BY_ROWS, .rows = REPORT_CPU },
	{ "node", BY_ROWS, .rows = REPORT_NODE },
	{ "thread", BY_ROWS, .rows = REPORT_THREAD },
	{ "op", BY_ROWS, .rows = REPORT_OP },
	{ "process", BY_ROWS, .rows = REPORT_PROCESS },
	{ "cgroup", BY_ROWS, .rows = REPORT_CGROUP },
	{ "wss", BY_VIEW, .view = VIEW_WSS },
	{ "idle", BY_VIEW, .view = VIEW_IDLE },
	{ "temperature", BY_VIEW, .view = VIEW_TEMPERATURE },
	{ "recency", BY_VIEW, .view = VIEW_RECENCY },
	{ "pagetype", BY_VIEW, .view = VIEW_PAGETYPE },
};

#define NR_BYS (sizeof(bys) / sizeof(bys[0]))

static const char *const sort_names[REPORT_NR_SORTS] = {
	[REPORT_SORT_ACCESSES] = "accesses", [REPORT_SORT_DENSITY] = "density",
	[REPORT_SORT_READS] = "reads",       [REPORT_SORT_WRITES] = "writes",
	[REPORT_SORT_LOCAL] = "local",       [REPORT_SORT_REMOTE] = "remote",
	[REPORT_SORT_BYTES] = "bytes",       [REPORT_SORT_KEY] = "key",
};

static const char *const format_names[] = {
	[REPORT_TEXT] = "text", [REPORT_JSON] = "json", [REPORT_CSV] = "csv"
};

struct report_opts {
	const char *input;
	bool live;
	bool last;
	const struct by *by;
	int32_t pid;
	double from_s;
	double to_s; /* negative: no end */
	bool limit_given;
	bool details_given;
	struct report_output output;
};

/* What goes on while a recording is read. */
struct reading {
	struct report_opts *opts;
	struct record_reader *reader;
	const struct record_machine *machine;
	struct report report;
	struct report_wss wss;
	struct thermo_snapshot *newest; /* in the time that was asked for */
	uint64_t nr_snapshots;
	uint64_t nr_outside;
	double seconds;
};

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline report [OPTION...] [FILE]\n\n"
		"Shows what thermocline record stored in FILE (default " DEFAULT_INPUT
		", - is standard\n"
		"input), or what the running daemon sees.\n\n"
		"      --live                 ask the running daemon for its newest snapshot\n"
		"      --by WHAT              region (default), cpu, node, thread, op, process,\n"
		"                             cgroup; wss (working set size), idle (idle times),\n"
		"                             temperature, recency, pagetype\n"
		"  -f, --format text|json|csv default text\n"
		"Which part:\n"
		"  -p, --pid PID              only memory of this process\n"
		"      --from S, --to S       only this time, in seconds since recording began\n"
		"      --last                 only the newest snapshot\n"
		"Which rows:\n"
		"      --sort WHAT            accesses (default), density, reads, writes, local,\n"
		"                             remote, bytes, key\n"
		"      --limit N              at most so many; default 30 in text, else all; 0: "
		"all\n"
		"      --min-share PCT        only with so much of all accesses\n"
		"      --top-regions N        so many below each row, up to 32; default 3, in csv "
		"0\n"
		"  -h, --help                 this text\n");
}

enum {
	OPT_BY = 256,
	OPT_LIVE,
	OPT_FROM,
	OPT_TO,
	OPT_LAST,
	OPT_SORT,
	OPT_LIMIT,
	OPT_MIN_SHARE,
	OPT_TOP_REGIONS
};

static const struct option long_options[] = {
	{ "by", required_argument, NULL, OPT_BY },
	{ "live", no_argument, NULL, OPT_LIVE },
	{ "format", required_argument, NULL, 'f' },
	{ "pid", required_argument, NULL, 'p' },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "last", no_argument, NULL, OPT_LAST },
	{ "sort", required_argument, NULL, OPT_SORT },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "min-share", required_argument, NULL, OPT_MIN_SHARE },
	{ "top-regions", required_argument, NULL, OPT_TOP_REGIONS },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* Return: index in @names, or -1. */
static int find_name(const char *const *names, int nr, const char *name)
{
	for (int i = 0; i < nr; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static int set_by(struct report_opts *o, const char *name)
{
	for (size_t i = 0; i < NR_BYS; i++)
		if (strcmp(bys[i].name, name) == 0) {
			o->by = &bys[i];
			return 0;
		}
	return option_bad(COMMAND, "--by", name,
			  "region, cpu, node, thread, op, process, cgroup, wss, idle, "
			  "temperature, recency or pagetype");
}

static int set_number(struct report_opts *o, int c, const char *arg)
{
	uint64_t n = 0;
	double pct = 0;
	int err;

	switch (c) {
	case 'p':
		err = option_number(COMMAND, "--pid", arg, 1, 1u << 22, &n);
		o->pid = (int32_t)n;
		return err;
	case OPT_LIMIT:
		o->limit_given = true;
		return option_number(COMMAND, "--limit", arg, 0, UINT32_MAX, &o->output.limit);
	case OPT_TOP_REGIONS:
		o->details_given = true;
		err = option_number(COMMAND, "--top-regions", arg, 0, REPORT_MAX_DETAILS, &n);
		o->output.nr_details = (uint32_t)n;
		return err;
	case OPT_MIN_SHARE:
		if (thermo_parse_decimal(arg, 100, &pct))
			return option_bad(COMMAND, "--min-share", arg,
					  "a percentage from 0 to 100");
		o->output.min_share = pct / 100;
		return 0;
	case OPT_FROM:
	case OPT_TO:
		if (thermo_parse_decimal(arg, 1e9, c == OPT_FROM ? &o->from_s : &o->to_s))
			return option_bad(COMMAND, c == OPT_FROM ? "--from" : "--to", arg,
					  "a number of seconds");
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_option(struct report_opts *o, int c, const char *arg)
{
	int i;

	switch (c) {
	case OPT_BY:
		return set_by(o, arg);
	case OPT_LIVE:
		o->live = true;
		return 0;
	case OPT_LAST:
		o->last = true;
		return 0;
	case 'f':
		i = find_name(format_names, 3, arg);
		o->output.format = (enum report_format)i;
		return i >= 0 ? 0 : option_bad(COMMAND, "--format", arg, "text, json or csv");
	case OPT_SORT:
		i = find_name(sort_names, REPORT_NR_SORTS, arg);
		o->output.sort = (enum report_sort)i;
		return i >= 0 ? 0
			      : option_bad(COMMAND, "--sort", arg,
					   "accesses, density, reads, writes, local, remote, bytes "
					   "or key");
	default:
		return set_number(o, c, arg);
	}
}

/* Return: 0; -EINVAL for a usage error, said; 1 when help was asked for. */
static int parse_args(int argc, char **argv, struct report_opts *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "f:p:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return 1;
		}
		if (c == '?' || set_option(o, c, optarg))
			return -EINVAL;
	}
	if (optind + 1 < argc || (o->live && optind < argc)) {
		fprintf(stderr, COMMAND ": %s\n",
			o->live ? "--live takes no file" : "one file at most");
		return -EINVAL;
	}
	o->last |= o->live;
	o->input = optind < argc ? argv[optind] : DEFAULT_INPUT;
	if (!o->limit_given && o->output.format == REPORT_TEXT)
		o->output.limit = DEFAULT_TEXT_LIMIT;
	if (!o->details_given && o->output.format != REPORT_CSV)
		o->output.nr_details = DEFAULT_DETAILS;
	return 0;
}

/* --- what is around the rows --- */

static void print_when(FILE *out, uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	char text[64] = "unknown time";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	(void)fputs(text, out);
}

static double since_start_s(const struct reading *r, const struct thermo_snapshot *s)
{
	return (double)(s->time_ns > r->machine->start_time_ns
					? s->time_ns - r->machine->start_time_ns
					: 0) /
	       1e9;
}

static void print_sources(FILE *out, const struct thermo_snapshot *s)
{
	char safe[16];

	for (uint32_t i = 0; i < s->nr_sources; i++)
		fprintf(out, "%s %s",
			i ? "," : "; sources:", safe_text(s->sources[i].name, safe, sizeof(safe)));
	fprintf(out, "\n");
}

/* Two lines: what this is of, and how it was put together. */
static void print_text_head(const struct reading *r, bool newest_only)
{
	const struct record_machine *m = r->machine;
	FILE *out = r->opts->output.out;
	char safe[128];

	fprintf(out, "%s, ", safe_text(m->hostname, safe, sizeof(safe)));
	fprintf(out, "Linux %s, ", safe_text(m->kernel, safe, sizeof(safe)));
	print_when(out, m->start_realtime_ns);
	print_sources(out, r->newest);
	fprintf(out, "by %s: ", r->opts->by->name);
	if (newest_only)
		fprintf(out,
			"the newest of %" PRIu64 " snapshot%s, %.1f s after the start; "
			"%u process%s\n\n",
			r->nr_snapshots, r->nr_snapshots == 1 ? "" : "s",
			since_start_s(r, r->newest), r->newest->nr_targets,
			r->newest->nr_targets == 1 ? "" : "es");
	else
		fprintf(out, "%s %" PRIu64 " snapshot%s over %.1f s%s\n\n",
			r->opts->by->kind == BY_ROWS ? "mean of" : "all", r->nr_snapshots,
			r->nr_snapshots == 1 ? "" : "s", r->seconds,
			r->opts->by->kind == BY_ROWS ? "; regions below a row are of the newest"
						     : "");
}

static void print_json_head(const struct reading *r)
{
	const struct record_machine *m = r->machine;
	struct table_row t = { 0 };

	row_text(&t, "version", m->version);
	row_text(&t, "hostname", m->hostname);
	row_text(&t, "kernel", m->kernel);
	row_text(&t, "boot_id", m->boot_id);
	row_text(&t, "what", m->what);
	row_u64(&t, "start_time_ns", m->start_time_ns);
	row_u64(&t, "start_realtime_ns", m->start_realtime_ns);
	struct json_object *o = row_json(&t);

	fprintf(r->opts->output.out, "{\n  \"by\": \"%s\",\n  \"recording\": %s,\n  \"rows\": [",
		r->opts->by->name, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void print_json_tail(const struct reading *r, int err)
{
	fprintf(r->opts->output.out,
		"\n  ],\n  \"snapshots\": %" PRIu64 ",\n  \"seconds\": %.9g,\n"
		"  \"complete\": %s\n}\n",
		r->nr_snapshots, r->seconds,
		!err && record_reader_end(r->reader) ? "true" : "false");
}

/* --- reading --- */

static bool is_series(const struct report_opts *o)
{
	return o->by->kind == BY_REGION && o->output.format != REPORT_TEXT && !o->last;
}

static bool is_wanted(const struct reading *r, const struct thermo_snapshot *s)
{
	double at_s = since_start_s(r, s);

	return at_s >= r->opts->from_s && (r->opts->to_s < 0 || at_s <= r->opts->to_s);
}

static void add_wss(struct reading *r, const struct thermo_snapshot *s)
{
	struct thermo_snapshot part = report_narrow(s, r->opts->pid);

	report_wss_add(&r->wss, &part);
}

static int take(struct reading *r, struct thermo_snapshot *s)
{
	struct report_opts *o = r->opts;

	thermo_snapshot_put(r->newest);
	r->newest = s;
	r->nr_snapshots++;
	r->seconds += (double)s->window_ns / 1e9;
	if (is_series(o))
		return report_print_regions(&o->output, r->machine, s, o->pid);
	if (o->by->kind == BY_ROWS && !o->last)
		return report_add(&r->report, s);
	if (o->by->kind == BY_VIEW && o->by->view == VIEW_WSS && !o->last)
		add_wss(r, s);
	return 0;
}

static int read_all(struct reading *r)
{
	struct thermo_snapshot *s;
	int err;

	while ((err = record_reader_next(r->reader, &s)) > 0) {
		if (is_wanted(r, s)) {
			err = take(r, s);
			if (err)
				return err;
		} else {
			r->nr_outside++;
			thermo_snapshot_put(s);
		}
	}
	return err;
}

static int print_rows(struct reading *r)
{
	struct report_opts *o = r->opts;
	int err = o->last ? report_add(&r->report, r->newest) : 0;

	if (err)
		return err;
	report_finish(&r->report);
	size_t nr = report_sort_rows(&o->output, &r->report);

	err = report_add_details(&r->report, r->newest, nr, o->output.nr_details);
	if (err)
		return err;
	if (o->output.format == REPORT_TEXT)
		print_text_head(r, o->last);
	report_print_rows(&o->output, &r->report);
	return 0;
}

/* Recorded ones, or of the processes as they are now. */
static int print_pagetypes(struct reading *r, const struct thermo_snapshot *s)
{
	const struct record_pages *recorded = record_reader_pages(r->reader);
	struct pagetypes_opts opts = { .hot_rate = report_hot_rate(s) };
	uint64_t random_state = s->time_ns | 1;
	struct cgroups cgroups = { 0 };
	struct page_types types;
	struct thermo_host host;
	int err;

	if (!r->opts->live && !recorded)
		return thermo_fail(-ENODATA, "the recording has no page types: record with "
					     "--pagetypes, or ask the daemon with --live");
	if (!r->opts->live) {
		if (r->opts->pid)
			return thermo_fail(-EINVAL, "page types were recorded of all processes "
						    "together: --pid cannot take them apart");
		report_pagetypes_print(&r->opts->output, &recorded->types, recorded->hot_rate);
		return 0;
	}
	err = thermo_host_open(&host, "/");
	if (!err)
		err = pagetypes_sample(&host, s, &opts, &cgroups, &random_state, &types);
	if (!err)
		report_pagetypes_print(&r->opts->output, &types, opts.hot_rate);
	cgroups_fini(&cgroups);
	thermo_host_close(&host);
	return err;
}

static int print_view(struct reading *r)
{
	struct report_opts *o = r->opts;
	struct thermo_snapshot part = report_narrow(r->newest, o->pid);

	if (o->output.format == REPORT_TEXT)
		print_text_head(r, o->by->view != VIEW_WSS || o->last);
	if (o->by->view == VIEW_PAGETYPE)
		return print_pagetypes(r, &part);
	if (o->by->view != VIEW_WSS)
		return report_view_print(&o->output, o->by->view, &part);
	if (o->last)
		report_wss_add(&r->wss, &part);
	report_wss_print(&o->output, &r->wss);
	return 0;
}

/* What was not printed on the way. */
static int print_rest(struct reading *r)
{
	struct report_opts *o = r->opts;

	if (is_series(o))
		return 0;
	if (o->by->kind == BY_ROWS)
		return print_rows(r);
	if (o->by->kind == BY_VIEW)
		return print_view(r);
	if (o->output.format == REPORT_TEXT)
		print_text_head(r, true);
	report_print_regions_header(&o->output);
	return report_print_regions(&o->output, r->machine, r->newest, o->pid);
}

static void say_how_it_ended(const struct reading *r)
{
	const struct record_end *end = record_reader_end(r->reader);

	if (!end)
		fprintf(stderr, COMMAND ": note: the recording has no end: its writer was "
					"killed, or is still writing\n");
	else if (end->error)
		fprintf(stderr, COMMAND ": note: the recording ended early: %s\n",
			strerror((int)end->error));
	if (r->report.out_of_rows)
		fprintf(stderr, COMMAND ": note: more than %u rows: the rest is in 'other'\n",
			REPORT_MAX_ROWS);
}

static int report_failure(void)
{
	fprintf(stderr, COMMAND ": %s\n", thermo_last_error());
	return EXIT_FAILED;
}

static int no_snapshot(const struct reading *r, int err)
{
	if (err)
		return report_failure();
	if (r->nr_outside)
		fprintf(stderr, COMMAND ": none of the %" PRIu64 " snapshots is of that time\n",
			r->nr_outside);
	else
		fprintf(stderr, COMMAND ": %s\n",
			r->opts->live ? "the daemon has no snapshot yet: its first window is open"
				      : "the recording has no snapshot");
	return EXIT_FAILED;
}

static int read_and_print(struct reading *r)
{
	struct report_opts *o = r->opts;
	bool json = o->output.format == REPORT_JSON;
	int err, print_err;

	if (json)
		print_json_head(r);
	if (is_series(o))
		report_print_regions_header(&o->output);
	err = read_all(r);
	/* A broken file is told after what it still says. */
	char reason[256];

	(void)snprintf(reason, sizeof(reason), "%s", thermo_last_error());
	print_err = r->nr_snapshots ? print_rest(r) : 0;
	if (json)
		print_json_tail(r, err);
	if (fflush(o->output.out) != 0 || ferror(o->output.out)) {
		fprintf(stderr, COMMAND ": writing the output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	if (print_err)
		return report_failure();
	if (err)
		(void)thermo_fail(err, "%s", reason);
	if (!r->nr_snapshots)
		return no_snapshot(r, err);
	if (err)
		return report_failure();
	say_how_it_ended(r);
	return EXIT_OK;
}

static int open_input(const struct report_opts *o, FILE **file)
{
	struct thermo_host host;
	int err;

	if (o->live) {
		err = thermo_host_open(&host, "/");
		if (!err)
			err = recording_ask(&host, file);
		thermo_host_close(&host);
		return err;
	}
	*file = strcmp(o->input, "-") == 0 ? fdopen(dup(STDIN_FILENO), "r") : fopen(o->input, "re");
	return *file ? 0
		     : thermo_fail(-errno, "%s: %s%s", o->input, strerror(errno),
				   errno == ENOENT ? ": make it with thermocline record" : "");
}

int cmd_report(int argc, char **argv)
{
	struct report_opts opts = { .by = &bys[0], .to_s = -1, .output.out = stdout };
	struct reading r = { .opts = &opts };
	AUTO_FCLOSE FILE *file = NULL;
	int err = parse_args(argc, argv, &opts), status;

	if (err)
		return err > 0 ? EXIT_OK : EXIT_USAGE;
	err = open_input(&opts, &file);
	if (!err)
		err = record_reader_new(&r.reader, file);
	if (err)
		return report_failure();
	r.machine = record_reader_machine(r.reader);
	report_init(&r.report, opts.by->rows, r.machine, opts.pid);
	status = read_and_print(&r);
	report_fini(&r.report);
	thermo_snapshot_put(r.newest);
	record_reader_free(r.reader);
	return status;
}
