/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overhead_options.h - what `thermocline bench overhead` is asked for. */
#ifndef CLI_OVERHEAD_OPTIONS_H
#define CLI_OVERHEAD_OPTIONS_H

#include "bench/overhead/machine.h"
#include "bench/overhead/measure.h"

#define OVERHEAD_COMMAND "thermocline bench overhead"
#define OVERHEAD_MAX_LIST 16
#define OVERHEAD_MAX_NAMES 16

struct overhead_list {
	size_t nr;
	uint32_t values[OVERHEAD_MAX_LIST];
};

/**
 * struct overhead_request - Filled in by overhead_options_parse().
 * @nr_names:	Sources that were named; 0: all that are usable.
 * @bytes, @nr_threads:	0: by the machine.
 * @rates:	Permille of a source's full rate.  @periods: accesses for each report.
 */
struct overhead_request {
	size_t nr_names;
	char *names[OVERHEAD_MAX_NAMES];
	uint32_t nr_kinds;
	enum overhead_kind kinds[OVERHEAD_NR_KINDS];
	struct overhead_list rates;
	struct overhead_list periods;
	uint64_t bytes;
	uint32_t nr_threads;
	uint32_t nr_rounds;
	enum overhead_clock clock;
	uint64_t run_ns;
	uint64_t warmup_ns;
	double budget_pct;
	bool window;
	bool pause_damon_stat;
	bool json;
	bool list;
	const char *svg;
};

/* Return: 0; -EINVAL for a usage error, said; 1 when help was asked for, and given. */
int overhead_options_parse(struct overhead_request *request, int argc, char **argv);

/**
 * overhead_choose_load() - Threads, CPUs and memory: what was asked for, or by the machine.
 *
 * Return: 0, or -EINVAL or -ENOMEM with the reason.
 */
int overhead_choose_load(const struct overhead_request *request,
			 const struct overhead_machine *machine, struct overhead_load_opts *load);

/**
 * overhead_choose_subjects() - What is to be measured: nothing at all first, then sources.
 * @opts:	Host and pause_damon_stat are set; subjects are filled in.
 * @told:	Called for each source of the registry that is left out, with the reason.
 *
 * Return: 0; -errno when a source that was named is not usable.
 */
int overhead_choose_subjects(const struct overhead_request *request, struct overhead_opts *opts,
			     void (*told)(const char *name, const char *reason));

#endif
