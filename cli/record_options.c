// SPDX-License-Identifier: GPL-2.0-or-later
/* record_options.c - see record_options.h. */
#include "cli/record_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define COMMAND RECORD_COMMAND
#define DEFAULT_OUTPUT "thermocline.data"

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline record [OPTION...] [-- COMMAND [ARG...]]\n\n"
		"Stores what is accessed, window by window, for thermocline report.  Nothing "
		"is moved.\n"
		"With COMMAND it runs that and records it and its descendants until it ends.\n\n"
		"  -o, --output FILE          default " DEFAULT_OUTPUT
		"; what was there becomes FILE.old;\n"
		"                             - is standard output\n"
		"      --perf-data FILE       also each report that a source made, for perf "
		"report\n"
		"                             and perf script\n"
		"      --duration S           stop after so many seconds\n"
		"      --interval S           a snapshot each so many seconds; default: each "
		"window\n"
		"      --live                 of the running daemon: what it watches, as it "
		"does\n"
		"      --pagetypes            also what kinds of pages are hot and cold, each "
		"10 s\n"
		"  -h, --help                 this text\n" WATCH_USAGE_TARGETS WATCH_USAGE_HOW);
}

enum { OPT_DURATION = WATCH_OPT_END, OPT_INTERVAL, OPT_LIVE, OPT_PAGETYPES, OPT_PERF_DATA };

static const struct option long_options[] = {
	WATCH_LONG_OPTIONS,
	{ "output", required_argument, NULL, 'o' },
	{ "perf-data", required_argument, NULL, OPT_PERF_DATA },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "live", no_argument, NULL, OPT_LIVE },
	{ "pagetypes", no_argument, NULL, OPT_PAGETYPES },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int parse_option(struct record_opts *o, int c, char *arg)
{
	int err = watch_option(&o->watch, c, arg);

	if (err <= 0) {
		o->any_watch_option = true;
		return err;
	}
	switch (c) {
	case 'o':
		o->output = arg;
		return 0;
	case OPT_PERF_DATA:
		o->perf_data = arg;
		return 0;
	case OPT_DURATION:
		return option_number(COMMAND, "--duration", arg, 1, 1u << 30, &o->duration_s);
	case OPT_INTERVAL:
		return option_number(COMMAND, "--interval", arg, 1, 86400, &o->interval_s);
	case OPT_LIVE:
		o->live = true;
		return 0;
	case OPT_PAGETYPES:
		o->pagetypes = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int record_options_parse(struct record_opts *o, int argc, char **argv)
{
	int c;

	o->watch.command = COMMAND;
	o->watch.daemon.monitor_only = true;
	o->output = DEFAULT_OUTPUT;

	/* "+": what follows the command's name is the command's. */
	while ((c = getopt_long(argc, argv, "+" WATCH_SHORT_OPTIONS "o:h", long_options, NULL)) !=
	       -1) {
		if (c == 'h') {
			print_usage(stdout);
			return 1;
		}
		if (c == '?' || parse_option(o, c, optarg))
			return -EINVAL;
	}
	o->argv = optind < argc ? argv + optind : NULL;
	if (watch_options_check(&o->watch))
		return -EINVAL;
	if (o->argv && o->watch.daemon.targets.physical) {
		fprintf(stderr, COMMAND ": --physical: not together with a command\n");
		return -EINVAL;
	}
	if (o->live && o->perf_data) {
		fprintf(stderr, COMMAND ": --perf-data: the running daemon gives snapshots, no "
					"reports: not together with --live\n");
		return -EINVAL;
	}
	if (o->perf_data && strcmp(o->perf_data, o->output) == 0) {
		fprintf(stderr, COMMAND ": --perf-data: %s is the recording's name: give another\n",
			o->output);
		return -EINVAL;
	}
	if (o->live && (o->any_watch_option || o->argv)) {
		fprintf(stderr, COMMAND ": --live records what the daemon watches: no targets, "
					"sources, or command can be given\n");
		return -EINVAL;
	}
	return 0;
}
