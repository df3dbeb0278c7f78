// SPDX-License-Identifier: GPL-2.0-or-later
/* report_options.c - see report_options.h. */
#include "cli/report_options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cli/watch_options.h"
#include "core/number.h"

#define COMMAND REPORT_COMMAND
#define DEFAULT_INPUT "thermocline.data"
#define DEFAULT_TEXT_LIMIT 30
#define DEFAULT_DETAILS 3

static const struct report_what bys[] = {
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
	{ "ages", BY_VIEW, .view = VIEW_AGES },
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

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline report [OPTION...] [FILE]\n\n"
		"Shows what thermocline record stored in FILE (default " DEFAULT_INPUT
		", - is standard\n"
		"input), or perf record (perf.data), or what the running daemon sees.\n\n"
		"      --live                 ask the running daemon for its newest snapshot\n"
		"      --by WHAT              region (default), cpu, node, thread, op, process,\n"
		"                             cgroup; wss (working set size), idle (idle times),\n"
		"                             temperature, recency, pagetype; ages (idle ages of "
		"all\n"
		"                             cgroups and nodes, as the kernel has them)\n"
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
			  "temperature, recency, pagetype or ages");
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

int report_options_parse(struct report_opts *o, int argc, char **argv)
{
	int c;

	o->by = &bys[0];
	o->to_s = -1;

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
