// SPDX-License-Identifier: GPL-2.0-or-later
/* watch_options.c - see watch_options.h.  What is wrong is said on stderr at once. */
#include "cli/watch_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"

int option_bad(const char *command, const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "%s: %s: '%s' is not %s\n", command, option, value, expected);
	return -EINVAL;
}

int option_number(const char *command, const char *option, const char *text, uint64_t min,
		  uint64_t max, uint64_t *value)
{
	char expected[80];

	if (thermo_parse_u64(text, max, value) == 0 && *value >= min)
		return 0;
	(void)snprintf(expected, sizeof(expected), "a number from %" PRIu64 " to %" PRIu64, min,
		       max);
	return option_bad(command, option, text, expected);
}

static int parse_range(const char *text, uint32_t *min, uint32_t *max)
{
	char copy[32];
	char *dash;
	uint64_t low, high;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	dash = strchr(copy, '-');
	if (!dash)
		return -EINVAL;
	*dash = '\0';
	if (thermo_parse_u64(copy, 1000000, &low) || thermo_parse_u64(dash + 1, 1000000, &high) ||
	    low < 1 || high < 10 || low > high)
		return -EINVAL;
	*min = (uint32_t)low;
	*max = (uint32_t)high;
	return 0;
}

static int add_pid(struct watch_opts *o, const char *text)
{
	struct thermo_target_spec *t = &o->daemon.targets;
	uint64_t pid;

	if (thermo_parse_u64(text, 1u << 22, &pid) || pid == 0)
		return option_bad(o->command, "--pid", text, "a process id");
	if (t->nr_pids == MAX_TARGET_PIDS)
		return option_bad(o->command, "--pid", text,
				  "possible any more: too many; use --cgroup or --name");
	o->pids[t->nr_pids++] = (pid_t)pid;
	t->pids = o->pids;
	return 0;
}

static int add_sources(struct watch_opts *o, char *text)
{
	size_t nr = 0;
	char *save = NULL;

	if (strcmp(text, "none") == 0) {
		o->daemon.clients_only = true;
		return 0;
	}
	while (o->sources[nr])
		nr++;
	for (char *name = strtok_r(text, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (!thermo_source_find(name))
			return option_bad(o->command, "--source", name,
					  "a source: see thermocline sources");
		if (nr == MAX_SOURCE_NAMES)
			return option_bad(o->command, "--source", name,
					  "possible any more: too many");
		o->sources[nr++] = name;
	}
	o->daemon.sources = nr ? o->sources : NULL;
	return nr ? 0
		  : option_bad(o->command, "--source", text, "a source: see thermocline sources");
}

/* "evidence", "access-ratio" or "access-ratio=BP". */
static int parse_goal(struct watch_opts *o, const char *arg)
{
	static const char ratio[] = "access-ratio";
	struct governor_opts *g = &o->daemon.governor;
	size_t len = sizeof(ratio) - 1;
	uint64_t bp = TUNING_ACCESS_RATIO_BP;

	if (strcmp(arg, "evidence") == 0) {
		g->goal = TUNING_EVIDENCE;
		return 0;
	}
	if (strncmp(arg, ratio, len) != 0 || (arg[len] != '\0' && arg[len] != '=') ||
	    (arg[len] && (thermo_parse_u64(arg + len + 1, 10000, &bp) || bp == 0)))
		return option_bad(o->command, "--goal", arg,
				  "evidence, access-ratio or access-ratio=BP with BP from 1 to "
				  "10000");
	g->goal = TUNING_ACCESS_RATIO;
	g->access_ratio_bp = (uint32_t)bp;
	return 0;
}

static int parse_clients(struct watch_opts *o, const char *arg)
{
	static const char *const names[] = { "all", "root", "none" };

	for (enum clients_policy p = CLIENTS_ALL; p <= CLIENTS_NONE; p++)
		if (strcmp(arg, names[p]) == 0) {
			o->daemon.clients = p;
			return 0;
		}
	return option_bad(o->command, "--clients", arg, "all, root or none");
}

/* Return: 1 when @c is none of these. */
static int parse_chmu(struct watch_opts *o, int c, char *arg)
{
	static const char *const names[THERMO_NR_OPS] = { "all", "reads", "writes" };
	struct daemon_opts *d = &o->daemon;

	switch (c) {
	case WATCH_OPT_CHMU_REGISTERS:
		d->chmu_registers = true;
		return 0;
	case WATCH_OPT_CHMU_REPLAY:
		d->chmu_replay = arg;
		return 0;
	case WATCH_OPT_CHMU_COUNT:
		for (int op = 0; op < THERMO_NR_OPS; op++)
			if (strcmp(arg, names[op]) == 0) {
				d->chmu_count = (uint8_t)op;
				return 0;
			}
		return option_bad(o->command, "--chmu-count", arg, "all, reads or writes");
	default:
		return 1;
	}
}

/* Of sources that are named.  Return: 1 when @c is none of these. */
static int parse_source(struct watch_opts *o, int c, char *arg)
{
	uint64_t n = 0;
	int err;

	switch (c) {
	case WATCH_OPT_PAUSE:
		o->daemon.pause_damon_stat = true;
		return 0;
	case WATCH_OPT_DAMON_NODES:
		/* Which nodes there are the source knows. */
		o->daemon.damon_nodes = arg;
		return 0;
	case WATCH_OPT_MGLRU_INTERVAL:
		err = option_number(o->command, "--mglru-interval", arg, 1, 3600, &n);
		o->daemon.mglru_interval_ms = (uint32_t)n * 1000;
		return err;
	default:
		return parse_chmu(o, c, arg);
	}
}

static int parse_how(struct watch_opts *o, int c, char *arg)
{
	struct daemon_opts *d = &o->daemon;
	uint64_t n = 0;
	int err;

	switch (c) {
	case WATCH_OPT_CPU_BUDGET:
		if (thermo_parse_decimal(arg, 100, &d->governor.cpu_budget_pct) ||
		    d->governor.cpu_budget_pct <= 0)
			return option_bad(o->command, "--cpu-budget", arg,
					  "a percentage above 0, up to 100");
		return 0;
	case WATCH_OPT_REGIONS:
		if (parse_range(arg, &d->monitor.min_nr_regions, &d->monitor.max_nr_regions))
			return option_bad(o->command, "--regions", arg,
					  "MIN-MAX with 1 <= MIN <= MAX, 10 <= MAX <= 1000000");
		return 0;
	case WATCH_OPT_WINDOW:
		err = option_number(o->command, "--window", arg, 100, 60000, &n);
		d->governor.window_ms = (uint32_t)n;
		return err;
	case WATCH_OPT_CLIENTS:
		return parse_clients(o, arg);
	case WATCH_OPT_GOAL:
		return parse_goal(o, arg);
	case WATCH_OPT_EXTERNAL:
		d->external = arg;
		return 0;
	case WATCH_OPT_FALL_BACK:
		d->fall_back = true;
		return 0;
	default:
		return parse_source(o, c, arg);
	}
}

int watch_option(struct watch_opts *o, int c, char *arg)
{
	struct thermo_target_spec *t = &o->daemon.targets;

	switch (c) {
	case 'p':
		return add_pid(o, arg);
	case 's':
		return add_sources(o, arg);
	case WATCH_OPT_CGROUP:
		t->cgroup = arg;
		return arg[0] == '/' ? 0
				     : option_bad(o->command, "--cgroup", arg,
						  "a path in the cgroup2 tree, as /a/b");
	case WATCH_OPT_NAME:
		t->name = arg;
		return 0;
	case WATCH_OPT_MIN_RSS:
		if (thermo_parse_bytes(arg, 1ull << 50, &t->min_rss_bytes))
			return option_bad(o->command, "--min-rss", arg, "a size, as 64M");
		return 0;
	case WATCH_OPT_PHYSICAL:
		/* Pages are moved by process and virtual address, and neither is known. */
		t->physical = true;
		o->daemon.monitor_only = true;
		return 0;
	default:
		return parse_how(o, c, arg);
	}
}

int watch_options_check(const struct watch_opts *o)
{
	const struct thermo_target_spec *t = &o->daemon.targets;

	if (o->daemon.clients_only && (o->daemon.sources || o->daemon.clients == CLIENTS_NONE)) {
		fprintf(stderr, "%s: --source none: not together with %s\n", o->command,
			o->daemon.sources ? "another --source" : "--clients none");
		return -EINVAL;
	}
	if (o->daemon.clients_only && o->daemon.external) {
		fprintf(stderr, "%s: --source none: not together with --external\n", o->command);
		return -EINVAL;
	}
	if (o->daemon.fall_back && !o->daemon.sources) {
		fprintf(stderr, "%s: --fall-back is for --source\n", o->command);
		return -EINVAL;
	}
	if (!t->physical || !(t->nr_pids || t->cgroup || t->name || t->min_rss_bytes))
		return 0;
	fprintf(stderr, "%s: --physical: not together with --pid, --cgroup, --name or --min-rss\n",
		o->command);
	return -EINVAL;
}
