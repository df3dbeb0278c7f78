/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch_options.h - options of every command that watches: which processes, how. */
#ifndef CLI_WATCH_OPTIONS_H
#define CLI_WATCH_OPTIONS_H

#include "cli/daemon.h"

#define MAX_TARGET_PIDS 256
#define MAX_SOURCE_NAMES 16

/**
 * struct watch_opts - What to watch, and room for what @daemon points to.
 * @command:	For messages: "thermocline run".
 */
struct watch_opts {
	const char *command;
	struct daemon_opts daemon;
	pid_t pids[MAX_TARGET_PIDS];
	char *sources[MAX_SOURCE_NAMES + 1];
};

/* Values of getopt_long(); a command's own begin at WATCH_OPT_END. */
enum {
	WATCH_OPT_CGROUP = 256,
	WATCH_OPT_NAME,
	WATCH_OPT_MIN_RSS,
	WATCH_OPT_PHYSICAL,
	WATCH_OPT_CPU_BUDGET,
	WATCH_OPT_REGIONS,
	WATCH_OPT_WINDOW,
	WATCH_OPT_GOAL,
	WATCH_OPT_CLIENTS,
	WATCH_OPT_PAUSE,
	WATCH_OPT_DAMON_NODES,
	WATCH_OPT_MGLRU_INTERVAL,
	WATCH_OPT_CHMU_REGISTERS,
	WATCH_OPT_CHMU_COUNT,
	WATCH_OPT_CHMU_REPLAY,
	WATCH_OPT_EXTERNAL,
	WATCH_OPT_FALL_BACK,
	WATCH_OPT_END,
};

#define WATCH_SHORT_OPTIONS "p:s:"
#define WATCH_LONG_OPTIONS                                                                         \
	{ "pid", required_argument, NULL, 'p' }, { "source", required_argument, NULL, 's' },       \
			{ "cgroup", required_argument, NULL, WATCH_OPT_CGROUP },                   \
			{ "name", required_argument, NULL, WATCH_OPT_NAME },                       \
			{ "min-rss", required_argument, NULL, WATCH_OPT_MIN_RSS },                 \
			{ "physical", no_argument, NULL, WATCH_OPT_PHYSICAL },                     \
			{ "cpu-budget", required_argument, NULL, WATCH_OPT_CPU_BUDGET },           \
			{ "regions", required_argument, NULL, WATCH_OPT_REGIONS },                 \
			{ "window", required_argument, NULL, WATCH_OPT_WINDOW },                   \
			{ "clients", required_argument, NULL, WATCH_OPT_CLIENTS },                 \
			{ "goal", required_argument, NULL, WATCH_OPT_GOAL },                       \
			{ "damon-nodes", required_argument, NULL, WATCH_OPT_DAMON_NODES },         \
			{ "mglru-interval", required_argument, NULL, WATCH_OPT_MGLRU_INTERVAL },   \
			{ "chmu-registers", no_argument, NULL, WATCH_OPT_CHMU_REGISTERS },         \
			{ "chmu-count", required_argument, NULL, WATCH_OPT_CHMU_COUNT },           \
			{ "chmu-replay", required_argument, NULL, WATCH_OPT_CHMU_REPLAY },         \
			{ "external", required_argument, NULL, WATCH_OPT_EXTERNAL },               \
			{ "fall-back", no_argument, NULL, WATCH_OPT_FALL_BACK },                   \
	{                                                                                          \
		"pause-damon-stat", no_argument, NULL, WATCH_OPT_PAUSE                             \
	}

#define WATCH_USAGE_TARGETS                                                                        \
	"Which processes (all that is given must hold):\n"                                         \
	"  -p, --pid PID              this one and its descendants, also when they outlive\n"      \
	"                             it; may be repeated, up to 256 times\n"                      \
	"      --cgroup PATH          those in this cgroup or below it\n"                          \
	"      --name PATTERN         those whose command name matches the shell pattern\n"        \
	"      --min-rss SIZE         those with so much resident memory; default 32M\n"           \
	"                             unless one of the above is given\n"                          \
	"      --physical             physical memory instead of processes; watch only\n"
#define WATCH_USAGE_HOW                                                                            \
	"How:\n"                                                                                   \
	"  -s, --source NAME[,NAME]   only these sources; default: all that run here; none:\n"     \
	"                             only programs that report their own accesses\n"              \
	"      --fall-back            others may run while a source that was named does not\n"     \
	"      --external PATH        also text addr,len,count,rw,cpu,pid from this pipe or\n"     \
	"                             file\n"                                                      \
	"      --pause-damon-stat     turn DAMON_STAT off while running, to use DAMON\n"           \
	"      --damon-nodes LIST     --source damon-pa: only memory of these nodes\n"             \
	"      --mglru-interval S     --source mglru: how often the kernel is to look;\n"          \
	"                             1 to 3600, default 60\n"                                     \
	"      --chmu-registers       drive CXL hotness units that the kernel has no driver for\n" \
	"      --chmu-count all|reads|writes  what they count; default all\n"                      \
	"      --chmu-replay FILE     a recorded hotlist, for --source chmu-replay\n"              \
	"      --clients all|root|none  whose programs may report their own accesses;\n"           \
	"                             default all\n"                                               \
	"      --regions MIN-MAX      number of regions; default 10-1000\n"                        \
	"      --window MS            length of a window, 100 to 60000; default 1000\n"            \
	"      --goal GOAL            what sampling is tuned for: evidence (default), enough to\n" \
	"                             tell hot from cold; or access-ratio[=BP], windows in\n"      \
	"                             which BP/10000 of the pages are accessed, default 400\n"     \
	"      --cpu-budget PCT       of one CPU for each socket; default 1\n"

/* Return: 0; -EINVAL for a wrong value, said; 1 when @c is none of these options. */
int watch_option(struct watch_opts *opts, int c, char *arg);

/* After the last option.  Return: 0; -EINVAL when they do not go together, said. */
int watch_options_check(const struct watch_opts *opts);

/* Say that @option has a wrong value.  Return: -EINVAL. */
int option_bad(const char *command, const char *option, const char *value, const char *expected);

/* A number with its range.  Return: 0 or -EINVAL, said. */
int option_number(const char *command, const char *option, const char *text, uint64_t min,
		  uint64_t max, uint64_t *value);

#endif
