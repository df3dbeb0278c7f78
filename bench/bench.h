/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench.h - what the micro-benchmarks share: time, medians, lines of "name_unit value". */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_RUNS 7

static inline double bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline int bench_by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median of BENCH_RUNS runs of @run, which returns the nanoseconds of one operation. */
static inline double bench_median(double (*run)(void *context), void *context)
{
	double values[BENCH_RUNS];

	(void)run(context); /* warm */
	for (int i = 0; i < BENCH_RUNS; i++)
		values[i] = run(context);
	qsort(values, BENCH_RUNS, sizeof(values[0]), bench_by_value);
	return values[BENCH_RUNS / 2];
}

static inline void bench_print(const char *name, double value)
{
	printf("%-40s %12.2f\n", name, value);
}

#endif
