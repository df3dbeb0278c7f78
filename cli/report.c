// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - `thermocline report`: read a recording or ask the daemon, and print it by
 * what was asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/perfdata_import.h"
#include "cli/recording.h"
#include "cli/report_options.h"
#include "core/cleanup.h"
#include "core/error.h"

#define COMMAND REPORT_COMMAND

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
	struct perfdata_summary summary; /* when it is of another tool */
};

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
	struct thermo_host host = { .root_fd = -1 };
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

static int print_ages(const struct reading *r)
{
	const struct idle_ages *ages = record_reader_idle(r->reader);

	if (!ages)
		return thermo_fail(-ENODATA,
				   "%s tells no idle ages: thermocline sources says why, "
				   "at mglru",
				   r->opts->live ? "the daemon" : "the recording");
	if (r->opts->pid)
		return thermo_fail(-EINVAL, "idle ages are of cgroups: --pid cannot take them "
					    "apart");
	report_ages_print(&r->opts->output, ages);
	return 0;
}

static int print_view(struct reading *r)
{
	struct report_opts *o = r->opts;
	struct thermo_snapshot part = report_narrow(r->newest, o->pid);

	if (o->output.format == REPORT_TEXT)
		print_text_head(r, o->by->view != VIEW_WSS || o->last);
	if (o->by->view == VIEW_PAGETYPE)
		return print_pagetypes(r, &part);
	if (o->by->view == VIEW_AGES)
		return print_ages(r);
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
	else if (end->error && !r->summary.reason[0])
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
	struct thermo_host host = { .root_fd = -1 };
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

/* Samples of another tool become a recording of ours.  Return: 0 or -errno. */
static int import_if_perfs(struct reading *r, FILE **file)
{
	FILE *recording = NULL;
	int err;

	if (r->opts->live || !perfdata_import_wanted(*file))
		return 0;
	err = perfdata_import(*file, &recording, &r->summary);
	if (err)
		return err;
	(void)fclose(*file);
	*file = recording;
	return 0;
}

static void say_count(uint64_t nr, const char *what)
{
	if (nr)
		fprintf(stderr, COMMAND ": note: %" PRIu64 " %s\n", nr, what);
}

/* Of another tool's samples: what is in none of the numbers, and whether it broke. */
static int say_what_perf_left(const struct perfdata_summary *s)
{
	say_count(s->counters.no_address, "samples without an address are left out");
	say_count(s->nr_kernel, "samples of the kernel's memory or of no process are left out");
	say_count(s->nr_left_out, "samples of the least sampled processes are left out");
	say_count(s->counters.lost, "records were lost by the kernel: rates are too low");
	say_count(s->counters.throttled, "times the kernel throttled sampling: rates are too low");
	say_count(s->counters.bad + s->counters.no_event, "records make no sense and are left out");
	say_count(s->trouble.nr_other_pids, "lines are of other processes than the first: all "
					    "accesses are taken to be that one's");
	if (s->trouble.nr_bad)
		fprintf(stderr,
			COMMAND ": note: %" PRIu64 " line%s cannot be read; the first is %s\n",
			s->trouble.nr_bad, s->trouble.nr_bad == 1 ? "" : "s", s->trouble.first_bad);
	say_count(s->counters.aux_gaps, "times the kernel lost AUX data: rates are too low");
	say_count(s->counters.aux_broken, "places in AUX data make no sense: rates are too low");
	if (s->counters.aux_skipped_bytes)
		fprintf(stderr,
			COMMAND ": note: %" PRIu64 " bytes of AUX data are skipped: %s is not "
				"decoded\n",
			s->counters.aux_skipped_bytes, s->aux_kind);
	if (!s->reason[0])
		return EXIT_OK;
	fprintf(stderr, COMMAND ": %s\n", s->reason);
	return EXIT_FAILED;
}

int cmd_report(int argc, char **argv)
{
	struct report_opts opts = { .output.out = stdout };
	struct reading r = { .opts = &opts };
	AUTO_FCLOSE FILE *file = NULL;
	int err = report_options_parse(&opts, argc, argv), status;

	if (err)
		return err > 0 ? EXIT_OK : EXIT_USAGE;
	err = open_input(&opts, &file);
	if (!err)
		err = import_if_perfs(&r, &file);
	if (!err)
		err = record_reader_new(&r.reader, file);
	if (err)
		return report_failure();
	r.machine = record_reader_machine(r.reader);
	report_init(&r.report, opts.by->rows, r.machine, opts.pid);
	status = read_and_print(&r);
	if (status == EXIT_OK)
		status = say_what_perf_left(&r.summary);
	report_fini(&r.report);
	thermo_snapshot_put(r.newest);
	record_reader_free(r.reader);
	return status;
}
