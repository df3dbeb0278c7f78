/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - the command line of thermocline-workload. */
#ifndef BENCH_WORKLOAD_OPTIONS_H
#define BENCH_WORKLOAD_OPTIONS_H

#include "bench/workload/config.h"

#define WORKLOAD_WINDOW_ADDR (UINT64_C(1) << 44)

enum workload_format { WORKLOAD_TEXT, WORKLOAD_JSON, WORKLOAD_CSV };
enum workload_thp { WORKLOAD_THP_DEFAULT, WORKLOAD_THP_ALWAYS, WORKLOAD_THP_NEVER };
enum workload_action { WORKLOAD_RUN, WORKLOAD_DRY_RUN, WORKLOAD_HELP, WORKLOAD_VERSION };

/**
 * struct workload_options - What the command line asks for.
 * @nr_threads:	Threads that go through the config's only list of phases; 0: as
 *		the config says.
 * @window_addr:	Where to map the regions and a mailbox for marks; 0: anywhere,
 *		without a mailbox.
 * @duration_ns:	What to scale the phases to; 0: as the config says.
 * @nr_repeats:	0: until stopped.
 * @tlb_flush_accesses:	0: never.
 * @output_path:	NULL: standard output.
 */
struct workload_options {
	enum workload_action action;
	const char *config_path;
	uint64_t nr_threads;
	bool unpinned;
	bool print_config;
	bool quiet;
	bool populate;
	enum workload_mode default_mode;
	enum workload_format format;
	enum workload_thp thp;
	const char *output_path;
	uint64_t interval_ns;
	uint64_t populate_delay_ns;
	uint64_t duration_ns;
	uint64_t nr_repeats;
	uint64_t seed;
	uint64_t accesses_per_pick;
	uint64_t tlb_flush_accesses;
	uint64_t window_addr;
};

/* @argv's strings stay in use.  Return: 0, or -EINVAL for a usage error. */
int workload_options_parse(struct workload_options *options, int argc, char **argv);

/* What --help says. */
extern const char workload_help[];

#endif
