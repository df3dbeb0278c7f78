// SPDX-License-Identifier: GPL-2.0-or-later
/* sources.c - `thermocline sources`: what there is, what would be used, why not the rest. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/sources_events.h"
#include "cli/topology_print.h"
#include "core/error.h"
#include "core/host.h"
#include "core/number.h"
#include "sources/selection.h"

static const struct {
	uint32_t bit;
	const char *name;
} abilities[] = {
	{ THERMO_CAN_VIRTUAL, "virtual" }, { THERMO_CAN_PHYSICAL, "physical" },
	{ THERMO_CAN_OP, "read-write" },   { THERMO_CAN_CPU, "cpu" },
	{ THERMO_CAN_THREAD, "thread" },   { THERMO_CAN_LATENCY, "latency" },
	{ THERMO_CAN_LEVEL, "level" },     { THERMO_CAN_NEGATIVE, "not-accessed" },
	{ THERMO_CAN_AGES, "idle-ages" },
};

#define NR_ABILITIES (sizeof(abilities) / sizeof(abilities[0]))

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: thermocline sources [OPTION...]\n\n"
		"Lists the sources of access information: whether each runs on this machine and,\n"
		"if not, why; what it can tell; and which ones `thermocline run` would use.\n\n"
		"  -f, --format text|json    default text\n"
		"      --pause-damon-stat    as if run with it: DAMON_STAT may be turned off\n"
		"      --chmu-registers      as if run with it: CXL hotness units may be driven "
		"from "
		"here\n"
		"      --events[=KINDS]      instead: what would be asked of the processor's PMU, "
		"for\n"
		"                            loads, stores, l3-misses; default loads,stores\n"
		"      --event EVENT         the same for one event: PMU/TERMS/, rNNN, PMU::EVENT\n"
		"      --latency CYCLES      only loads that take so long\n"
		"      --try                 also ask the kernel whether it takes them\n"
		"  -h, --help                this text\n");
}

static void list_abilities(const struct thermo_source *s, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < NR_ABILITIES; i++)
		if (s->can & abilities[i].bit && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "," : "",
						abilities[i].name);
}

static void print_text(const struct source_choice *c)
{
	const struct thermo_source *s = c->source;
	char can[128];

	list_abilities(s, can, sizeof(can));
	printf("%-10s %-9s %s\n", s->name,
	       c->chosen ? "chosen"
	       : c->err  ? "no"
			 : "yes",
	       s->summary);
	printf("%20s %s: %s\n", "", c->chosen ? "why" : "why not", c->why);
	printf("%20s tells: %s; finest %llu bytes\n", "", can,
	       (unsigned long long)s->granularity_bytes);
	printf("%20s costs: %s\n", "", s->cost);
	if (s->changes)
		printf("%20s changes while it runs: %s\n", "", s->changes);
}

static struct json_object *to_json(const struct source_choice *c)
{
	const struct thermo_source *s = c->source;
	struct json_object *o = json_object_new_object();
	struct json_object *can = json_object_new_array();

	json_object_object_add(o, "name", json_object_new_string(s->name));
	json_object_object_add(o, "summary", json_object_new_string(s->summary));
	json_object_object_add(o, "usable", json_object_new_boolean(!c->err));
	json_object_object_add(o, "chosen", json_object_new_boolean(c->chosen));
	json_object_object_add(o, c->chosen ? "why" : "why_not", json_object_new_string(c->why));
	for (size_t i = 0; i < NR_ABILITIES; i++)
		if (s->can & abilities[i].bit)
			json_object_array_add(can, json_object_new_string(abilities[i].name));
	json_object_object_add(o, "can", can);
	json_object_object_add(o, "granularity_bytes",
			       json_object_new_uint64(s->granularity_bytes));
	json_object_object_add(o, "cost", json_object_new_string(s->cost));
	if (s->changes)
		json_object_object_add(o, "changes", json_object_new_string(s->changes));
	return o;
}

/* Where memory is that counts its accesses itself, one day; nothing without CXL. */
static void list_devices(const struct thermo_host *host)
{
	struct cxl cxl = { 0 };

	if (cxl_read(&cxl, host))
		fprintf(stderr, "thermocline sources: %s, ignoring\n", thermo_last_error());
	else if (cxl.nr_memdevs)
		printf("\nCXL memory devices:\n");
	topology_print_devices(stdout, &cxl);
	cxl_fini(&cxl);
}

static void list_sources(const struct thermo_source_opts *opts, bool json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;
	struct source_choice choices[SELECT_MAX];
	size_t nr = thermo_sources_choose(opts, 0, choices);

	if (!json)
		printf("%-10s %-9s\n", "source", "usable");
	for (size_t i = 0; i < nr; i++)
		if (json)
			json_object_array_add(list, to_json(&choices[i]));
		else
			print_text(&choices[i]);
	if (!json)
		list_devices(opts->host);
	if (json)
		puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY));
	json_object_put(list);
}

struct options {
	struct thermo_source_opts opts;
	struct events_request request;
	bool events;
};

enum { OPT_PAUSE = 256, OPT_CHMU_REGISTERS, OPT_EVENTS, OPT_EVENT, OPT_LATENCY, OPT_TRY };

/* Return: false, having said why, when @arg is not for option @c. */
static bool take_option(struct options *o, int c, const char *arg)
{
	uint64_t cycles;

	switch (c) {
	case OPT_PAUSE:
		o->opts.pause_damon_stat = true;
		return true;
	case OPT_CHMU_REGISTERS:
		o->opts.chmu_registers = true;
		return true;
	case OPT_EVENTS:
		o->events = true;
		if (!arg || events_parse_kinds(arg, &o->request.goal.kinds) == 0)
			return true;
		fprintf(stderr, "thermocline sources: --events: %s\n", thermo_last_error());
		return false;
	case OPT_EVENT:
		o->request.event = arg;
		return true;
	case OPT_TRY:
		o->request.try = true;
		return true;
	case OPT_LATENCY:
		if (thermo_parse_u64(arg, UINT16_MAX, &cycles) == 0) {
			o->request.goal.latency_cycles = (uint32_t)cycles;
			return true;
		}
		fprintf(stderr, "thermocline sources: --latency is 0 to 65535 cycles, not '%s'\n",
			arg);
		return false;
	case 'f':
		o->request.json = strcmp(arg, "json") == 0;
		if (o->request.json || strcmp(arg, "text") == 0)
			return true;
		fprintf(stderr, "thermocline sources: --format is text or json, not '%s'\n", arg);
		return false;
	default:
		return false;
	}
}

static int show(const struct options *o)
{
	struct thermo_source_opts opts = o->opts;
	struct thermo_host host;
	int err = thermo_host_open(&host, "/");

	if (!err && (o->events || o->request.event)) {
		err = events_show(&host, &o->request, stdout);
	} else if (!err) {
		opts.host = &host;
		list_sources(&opts, o->request.json);
	}
	if (err)
		fprintf(stderr, "thermocline sources: %s\n", thermo_last_error());
	thermo_host_close(&host);
	return err ? EXIT_FAILED : EXIT_OK;
}

int cmd_sources(int argc, char **argv)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "pause-damon-stat", no_argument, NULL, OPT_PAUSE },
		{ "chmu-registers", no_argument, NULL, OPT_CHMU_REGISTERS },
		{ "events", optional_argument, NULL, OPT_EVENTS },
		{ "event", required_argument, NULL, OPT_EVENT },
		{ "try", no_argument, NULL, OPT_TRY },
		{ "latency", required_argument, NULL, OPT_LATENCY },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "f:h", options, NULL)) != -1) {
		if (c == 'h') {
			print_usage(stdout);
			return EXIT_OK;
		}
		if (!take_option(&o, c, optarg))
			return EXIT_USAGE;
	}
	if (optind != argc) {
		fprintf(stderr, "thermocline sources: '%s': no arguments are taken\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (o.request.event && (o.events || o.request.goal.latency_cycles)) {
		fprintf(stderr,
			"thermocline sources: --event is instead of --events, and holds its "
			"threshold itself (ldlat=N)\n");
		return EXIT_USAGE;
	}
	if ((o.request.try || o.request.goal.latency_cycles) && !o.request.event && !o.events) {
		fprintf(stderr, "thermocline sources: --try and --latency are for --events\n");
		return EXIT_USAGE;
	}
	return show(&o);
}
