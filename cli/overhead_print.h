/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overhead_print.h - the results as text, JSON and a plot. */
#ifndef CLI_OVERHEAD_PRINT_H
#define CLI_OVERHEAD_PRINT_H

#include <stdio.h>

#include "bench/overhead/figures.h"
#include "bench/overhead/machine.h"

#define OVERHEAD_MAX_WARNINGS 16

/**
 * struct overhead_outcome - All that there is to say.
 * @ended_early:	By a signal: results hold what there was.
 * @warnings:	What makes the numbers doubtful.
 */
struct overhead_outcome {
	const struct overhead_machine *machine;
	const struct overhead_opts *opts;
	const struct overhead_workload *workloads;
	double budget_pct;
	bool ended_early;
	size_t nr_warnings;
	char warnings[OVERHEAD_MAX_WARNINGS][192];
};

/* Fill in the warnings. */
void overhead_warn(struct overhead_outcome *outcome);

/* "rate 300", "period 1000", "-"; into @text. */
const char *overhead_setting(const struct overhead_subject *subject, char text[32]);

void overhead_print_text(FILE *out, const struct overhead_outcome *outcome);
void overhead_print_json(FILE *out, const struct overhead_outcome *outcome);

/* Return: 0, or -errno when @path cannot be written. */
int overhead_write_svg(const char *path, const struct overhead_outcome *outcome);

#endif
