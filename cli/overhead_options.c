// SPDX-License-Identifier: GPL-2.0-or-later
/* overhead_options.c - see overhead_options.h. */
#include "cli/overhead_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workload/options.h"
#include "cli/watch_options.h"
#include "core/error.h"
#include "core/number.h"

#define COMMAND OVERHEAD_COMMAND
#define REPORTS "reports"
#define MAX_PERIOD 1000000000u
#define MAX_ROUNDS 1000u
#define MAX_SECONDS 3600.0
#define MIN_BYTES_PER_THREAD (64ull << 20)
/* Of the caches: what is left in them between two visits should not matter. */
#define CACHE_FACTOR 4

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline bench overhead [OPTION...]\n\n"
		"Runs memory-bound workloads with and without each source, in pairs, and tells "
		"how\n"
		"much slower they get, with a confidence interval; what a sample costs; what is "
		"lost;\n"
		"and which setting fits a budget.  Use it on a machine that does nothing else.\n\n"
		"What:\n"
		"  -s, --source NAME[,NAME]   only these; default: all that run here.  reports: a\n"
		"                             program that reports its own accesses\n"
		"  -w, --workload NAME[,NAME] of chase, update, stream; default all\n"
		"      --rates LIST           permille of a source's full rate; default "
		"1000,300,100\n"
		"      --periods LIST         accesses for each report of reports; default\n"
		"                             100,1000,10000,100000\n"
		"      --pause-damon-stat     turn DAMON_STAT off while running, to use DAMON\n"
		"      --list                 what could be measured here, and why not the rest\n"
		"How:\n"
		"      --threads N            default: one for each CPU\n"
		"      --memory SIZE          of all threads; default: 4 times the caches, 64M a\n"
		"                             thread at least, half of what is free at most\n"
		"      --seconds S            each run; default 1\n"
		"      --warmup S             before it; default 0.5\n"
		"      --rounds N             pairs of runs, 2 to 1000; default 7\n"
		"      --clock wall|cpu       speed by time that goes by (default), or by CPU time "
		"of\n"
		"                             the workload's threads: for a machine that is busy\n"
		"      --window               memory where the lab's virtual PMU looks\n"
		"Result:\n"
		"      --budget PCT           slowdown that is acceptable; default 1\n"
		"  -f, --format text|json     default text\n"
		"      --svg FILE             a plot as well\n"
		"  -h, --help                 this text\n");
}

enum {
	OPT_RATES = 256,
	OPT_PERIODS,
	OPT_PAUSE,
	OPT_LIST,
	OPT_THREADS,
	OPT_MEMORY,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_ROUNDS,
	OPT_CLOCK,
	OPT_WINDOW,
	OPT_BUDGET,
	OPT_SVG,
};

static const struct option long_options[] = {
	{ "source", required_argument, NULL, 's' },
	{ "workload", required_argument, NULL, 'w' },
	{ "rates", required_argument, NULL, OPT_RATES },
	{ "periods", required_argument, NULL, OPT_PERIODS },
	{ "pause-damon-stat", no_argument, NULL, OPT_PAUSE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "clock", required_argument, NULL, OPT_CLOCK },
	{ "window", no_argument, NULL, OPT_WINDOW },
	{ "budget", required_argument, NULL, OPT_BUDGET },
	{ "format", required_argument, NULL, 'f' },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* --- lists --- */

static int add_name(struct overhead_request *r, char *name)
{
	if (strcmp(name, REPORTS) != 0 && !thermo_source_find(name))
		return option_bad(COMMAND, "--source", name, "a source: see --list");
	for (size_t i = 0; i < r->nr_names; i++)
		if (strcmp(r->names[i], name) == 0)
			return 0;
	if (r->nr_names == OVERHEAD_MAX_NAMES)
		return option_bad(COMMAND, "--source", name, "possible any more: too many");
	r->names[r->nr_names++] = name;
	return 0;
}

static int add_kind(struct overhead_request *r, const char *name)
{
	int kind = overhead_kind_find(name);

	if (kind < 0)
		return option_bad(COMMAND, "--workload", name, "chase, update or stream");
	for (uint32_t i = 0; i < r->nr_kinds; i++)
		if (r->kinds[i] == (enum overhead_kind)kind)
			return 0;
	r->kinds[r->nr_kinds++] = (enum overhead_kind)kind;
	return 0;
}

/* @add of each word of @arg, of which there must be one. */
static int parse_names(struct overhead_request *r, char *arg, bool sources)
{
	char *save = NULL, *name = strtok_r(arg, ",", &save);
	int err = 0;

	if (!name)
		return option_bad(COMMAND, sources ? "--source" : "--workload", arg, "a name");
	for (; name && !err; name = strtok_r(NULL, ",", &save))
		err = sources ? add_name(r, name) : add_kind(r, name);
	return err;
}

static int parse_list(struct overhead_list *list, const char *option, char *arg, uint32_t max)
{
	char *save = NULL;

	list->nr = 0;
	for (char *word = strtok_r(arg, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		uint64_t value = 0;
		bool seen = false;
		int err = option_number(COMMAND, option, word, 1, max, &value);

		if (err)
			return err;
		for (size_t i = 0; i < list->nr; i++)
			seen |= list->values[i] == value;
		if (!seen && list->nr == OVERHEAD_MAX_LIST)
			return option_bad(COMMAND, option, word, "possible any more: too many");
		if (!seen)
			list->values[list->nr++] = (uint32_t)value;
	}
	return list->nr ? 0 : option_bad(COMMAND, option, arg, "a list of numbers");
}

/* --- options --- */

static int parse_seconds(const char *option, const char *arg, bool may_be_0, uint64_t *ns)
{
	double s;

	/* Shorter than that and neither clocks nor sources keep up. */
	if (thermo_parse_decimal(arg, MAX_SECONDS, &s) || (s < 0.05 && !(may_be_0 && s == 0)))
		return option_bad(COMMAND, option, arg,
				  may_be_0 ? "0, or seconds from 0.05 to 3600"
					   : "seconds from 0.05 to 3600");
	*ns = (uint64_t)(s * 1e9);
	return 0;
}

static int parse_how(struct overhead_request *r, int c, char *arg)
{
	uint64_t n = 0;
	int err;

	switch (c) {
	case OPT_THREADS:
		err = option_number(COMMAND, "--threads", arg, 1, OVERHEAD_MAX_THREADS, &n);
		r->nr_threads = (uint32_t)n;
		return err;
	case OPT_ROUNDS:
		err = option_number(COMMAND, "--rounds", arg, 2, MAX_ROUNDS, &n);
		r->nr_rounds = (uint32_t)n;
		return err;
	case OPT_CLOCK:
		r->clock = strcmp(arg, "cpu") == 0 ? OVERHEAD_CPU : OVERHEAD_WALL;
		return r->clock == OVERHEAD_CPU || strcmp(arg, "wall") == 0
				       ? 0
				       : option_bad(COMMAND, "--clock", arg, "wall or cpu");
	case OPT_MEMORY:
		return thermo_parse_bytes(arg, 1ull << 45, &r->bytes) || r->bytes == 0
				       ? option_bad(COMMAND, "--memory", arg, "a size, as 512M")
				       : 0;
	case OPT_SECONDS:
		return parse_seconds("--seconds", arg, false, &r->run_ns);
	case OPT_WARMUP:
		return parse_seconds("--warmup", arg, true, &r->warmup_ns);
	case OPT_BUDGET:
		return thermo_parse_decimal(arg, 1000, &r->budget_pct) || r->budget_pct <= 0
				       ? option_bad(COMMAND, "--budget", arg,
						    "a percentage above 0, up to 1000")
				       : 0;
	default:
		return -EINVAL;
	}
}

static int parse_option(struct overhead_request *r, int c, char *arg)
{
	switch (c) {
	case 's':
		return parse_names(r, arg, true);
	case 'w':
		return parse_names(r, arg, false);
	case OPT_RATES:
		return parse_list(&r->rates, "--rates", arg, THERMO_RATE_FULL);
	case OPT_PERIODS:
		return parse_list(&r->periods, "--periods", arg, MAX_PERIOD);
	case OPT_PAUSE:
		r->pause_damon_stat = true;
		return 0;
	case OPT_LIST:
		r->list = true;
		return 0;
	case OPT_WINDOW:
		r->window = true;
		return 0;
	case OPT_SVG:
		r->svg = arg;
		return 0;
	case 'f':
		r->json = strcmp(arg, "json") == 0;
		return r->json || strcmp(arg, "text") == 0
				       ? 0
				       : option_bad(COMMAND, "--format", arg, "text or json");
	default:
		return parse_how(r, c, arg);
	}
}

int overhead_options_parse(struct overhead_request *r, int argc, char **argv)
{
	int c;

	*r = (struct overhead_request){ .rates = { 3, { 1000, 300, 100 } },
					.periods = { 4, { 100, 1000, 10000, 100000 } },
					.nr_rounds = 7,
					.run_ns = 1000000000,
					.warmup_ns = 500000000,
					.budget_pct = 1 };
	while ((c = getopt_long(argc, argv, "s:w:f:h", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return 1;
		}
		if (c == '?' || parse_option(r, c, optarg))
			return -EINVAL;
	}
	if (optind != argc) {
		fprintf(stderr, COMMAND ": '%s': no arguments are taken\n", argv[optind]);
		return -EINVAL;
	}
	for (int i = 0; r->nr_kinds == 0 && i < OVERHEAD_NR_KINDS; i++)
		r->kinds[i] = (enum overhead_kind)i;
	if (r->nr_kinds == 0)
		r->nr_kinds = OVERHEAD_NR_KINDS;
	return 0;
}

/* --- what follows from the machine --- */

static uint64_t default_bytes(const struct overhead_machine *m, uint32_t nr_threads)
{
	uint64_t bytes = CACHE_FACTOR * m->cache_bytes;

	if (bytes < MIN_BYTES_PER_THREAD * nr_threads)
		bytes = MIN_BYTES_PER_THREAD * nr_threads;
	if (bytes > m->available_bytes / 2)
		bytes = m->available_bytes / 2;
	return bytes;
}

int overhead_choose_load(const struct overhead_request *r, const struct overhead_machine *m,
			 struct overhead_load_opts *load)
{
	*load = (struct overhead_load_opts){ 0 };
	if (sched_getaffinity(0, sizeof(load->cpus), &load->cpus) < 0)
		return thermo_fail(-errno, "sched_getaffinity: %s", strerror(errno));
	load->nr_threads = r->nr_threads ? r->nr_threads : (uint32_t)CPU_COUNT(&load->cpus);
	if (load->nr_threads > OVERHEAD_MAX_THREADS)
		load->nr_threads = OVERHEAD_MAX_THREADS;
	load->bytes = r->bytes ? r->bytes : default_bytes(m, load->nr_threads);
	/* Whole pages for each thread. */
	load->bytes -= load->bytes % (load->nr_threads * (uint64_t)WORKLOAD_PAGE_BYTES);
	if (load->bytes == 0)
		return thermo_fail(-EINVAL, "--memory: less than a page for each of %u threads",
				   load->nr_threads);
	if (load->bytes > m->available_bytes)
		return thermo_fail(-ENOMEM,
				   "%ju MiB of memory for the workload, %ju are free: try "
				   "a smaller --memory",
				   (uintmax_t)load->bytes >> 20,
				   (uintmax_t)m->available_bytes >> 20);
	load->window_addr = r->window ? WORKLOAD_WINDOW_ADDR : 0;
	return 0;
}

static bool is_named(const struct overhead_request *r, const char *name)
{
	for (size_t i = 0; i < r->nr_names; i++)
		if (strcmp(r->names[i], name) == 0)
			return true;
	return false;
}

static int add_subjects(struct overhead_opts *o, enum overhead_way way,
			const struct thermo_source *source, const struct overhead_list *settings)
{
	for (size_t i = 0; i < settings->nr; i++) {
		if (o->nr_subjects == OVERHEAD_MAX_SUBJECTS)
			return thermo_fail(-E2BIG, "more than %d settings of sources: name fewer",
					   OVERHEAD_MAX_SUBJECTS);
		o->subjects[o->nr_subjects++] =
				(struct overhead_subject){ way, source, settings->values[i] };
	}
	return 0;
}

int overhead_choose_subjects(const struct overhead_request *r, struct overhead_opts *o,
			     void (*told)(const char *name, const char *reason))
{
	const struct thermo_source_opts opts = { .host = o->host,
						 .pause_damon_stat = o->pause_damon_stat };
	static const struct overhead_list full = { 1, { THERMO_RATE_FULL } }, once = { 1, { 0 } };
	int err = add_subjects(o, OVERHEAD_CONTROL, NULL, &once);

	for (const struct thermo_source *const *s = thermo_sources; *s && !err; s++) {
		bool named = is_named(r, (*s)->name);

		if (r->nr_names ? !named : (*s)->by_name_only)
			continue;
		if ((*s)->probe(&opts) == 0)
			err = add_subjects(o, OVERHEAD_SOURCE, *s,
					   (*s)->set_rate ? &r->rates : &full);
		else if (named)
			return -ENODEV;
		else
			told((*s)->name, thermo_last_error());
	}
	if (!err && (r->nr_names == 0 || is_named(r, REPORTS)))
		err = add_subjects(o, OVERHEAD_REPORTS, NULL, &r->periods);
	return err;
}
