/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h - what people ask, out of a result: rates, losses, costs of a sample, and which
 * setting fits a budget.  Pure functions.
 */
#ifndef BENCH_OVERHEAD_FIGURES_H
#define BENCH_OVERHEAD_FIGURES_H

#include "bench/overhead/measure.h"

/**
 * struct overhead_figures - Of a subject on a workload; what is not known is NAN.
 * @slowdown:	Of the workload, with its interval.
 * @period:	Accesses that a sample stands for, as the samples say it.
 * @accesses_per_sample:	As the workload counted its accesses.
 * @lost_pct:	Samples that the kernel dropped, of all.
 * @dropped_pct:	Reports that found a ring full, of all.
 * @kernel_ns:	Of a sample: time of the workload in the kernel more than without, of
 *		kernel threads, and of the source's thread and the draining in the kernel.
 * @user_ns:	Of a sample: the source's thread and the draining.
 * @workload_ns:	Of a sample: what the workload was held up by, from the slowdown.
 * @own_cpu_pct:	The source's thread, draining, kernel threads: of one CPU.
 */
struct overhead_figures {
	struct paired_interval slowdown;
	double speed_without;
	double speed_with;
	double samples_per_s;
	double reports_per_s;
	double period;
	double accesses_per_sample;
	double lost_pct;
	double dropped_pct;
	double kernel_ns;
	double user_ns;
	double workload_ns;
	double own_cpu_pct;
};

void overhead_figures(const struct overhead_result *result, struct overhead_figures *figures);

/* How a setting and a budget go together. */
enum overhead_fit {
	OVERHEAD_FITS,    /* the whole interval is within */
	OVERHEAD_UNSURE,  /* the budget is inside of the interval */
	OVERHEAD_EXCEEDS, /* the whole interval is above */
	OVERHEAD_UNKNOWN, /* failed, or too few pairs */
};

enum overhead_fit overhead_fit(const struct overhead_result *result, double budget_pct);

/**
 * overhead_choose() - The setting of a source that samples most and fits everywhere.
 * @workloads:	@nr of them, with the same subjects.
 * @name:	Of the source.
 *
 * It must fit on each workload, and no setting that samples less may exceed on any: that
 * a costlier one seems cheap is noise.
 *
 * Return: index of the result, or -1: none does.
 */
int overhead_choose(const struct overhead_workload *workloads, size_t nr, const char *name,
		    double budget_pct);

/* Half of the widest interval of doing nothing at all: what the machine lets one see. */
double overhead_noise_pct(const struct overhead_workload *workload);

#endif
