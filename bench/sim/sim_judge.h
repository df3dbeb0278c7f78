/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_judge.h - how good is a picture of memory, against the truth of a load? */
#ifndef BENCH_SIM_SIM_JUDGE_H
#define BENCH_SIM_SIM_JUDGE_H

#include "bench/sim/sim_load.h"

/**
 * struct sim_guess - What somebody believes of a range.
 * @start, @end:	Offsets, as the load has them.
 * @rate:	Accesses per second; @error: one standard error, 0: not claimed.
 * @heat:	The hottest is placed first: the higher the hotter, per byte.
 */
struct sim_guess {
	uint64_t start;
	uint64_t end;
	double rate;
	double error;
	double heat;
};

/**
 * struct sim_verdict - What is true of it.
 * @captured:	[x]: share of all accesses that goes to the hottest x % of bytes, by the
 *		guess; of a range that is cut, as much as its mean says.
 * @optimum:	[x]: with perfect knowledge of every page.
 * @mean_miss:	Mean over 1 to 100 % of @optimum - @captured.
 * @total_error:	Of the sum of all rates, as a share of the truth, signed.
 * @rate_error:	Sum of the distances of all rates from the truth, as a share of all.
 * @mean_sigma:	Mean distance from the truth in units of the claimed standard error;
 *		0.80 is right.  @within_2_sigma: share of ranges, 0.95 is right.
 */
struct sim_verdict {
	double captured[101];
	double optimum[101];
	double mean_miss;
	double total_error;
	double rate_error;
	double mean_sigma;
	double within_2_sigma;
	size_t nr_ranges;
};

/* @guesses is sorted by heat.  Return: 0 or -ENOMEM. */
int sim_judge(const struct sim_load *load, uint64_t time_ns, struct sim_guess *guesses, size_t nr,
	      struct sim_verdict *verdict);

/**
 * struct sim_isolation - How tightly ranges hold the first piece of a load.
 * @factor:	Bytes of the ranges that touch it and are believed to be hot, by bytes of
 *		the piece; hot is above the geometric middle of inside and outside.  When
 *		those hold less than nine tenths of it: of all ranges that touch it.
 * @held:	Share of the piece in the ranges believed to be hot.
 * @false_hot_bytes:	In ranges believed to be hot that do not touch it.
 */
struct sim_isolation {
	double factor;
	double held;
	uint64_t false_hot_bytes;
};

void sim_isolate(const struct sim_load *load, uint64_t time_ns, const struct sim_guess *guesses,
		 size_t nr, struct sim_isolation *isolation);

#endif
