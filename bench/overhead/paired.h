/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paired.h - how much slower one of two is, from runs that were made in pairs.
 *
 * The two runs of a pair follow each other, so what changes slowly (other load,
 * frequency, temperature) is in both.  The logarithm of the ratio of their speeds is
 * what is averaged; its interval is Student's t, which allows for few pairs and takes
 * the pairs' noise for normal and independent.
 */
#ifndef BENCH_OVERHEAD_PAIRED_H
#define BENCH_OVERHEAD_PAIRED_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: no pairs yet.  Of the logarithms: @mean, and @m2 = sum of (x - mean)^2. */
struct paired {
	uint32_t nr;
	double mean;
	double m2;
};

/**
 * struct paired_interval - Slowdown in percent of the time that an access takes.
 * @known:	There were at least two pairs; else @low and @high say nothing.
 */
struct paired_interval {
	double middle_pct;
	double low_pct;
	double high_pct;
	bool known;
};

/* Two speeds, both above 0. */
void paired_add(struct paired *paired, double speed_without, double speed_with);

/* With confidence 95 %. */
struct paired_interval paired_interval(const struct paired *paired);

/* Student's t for @df >= 1 degrees of freedom: below it is 97.5 %. */
double paired_t975(uint32_t df);

#endif
