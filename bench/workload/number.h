/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * number.h - numbers as people write them in a config or on a command line.
 *
 * Pure functions.  They return 0, -EINVAL (not such a number) or -ERANGE (too
 * large) and say nothing: only the caller knows what the number was for.
 */
#ifndef BENCH_WORKLOAD_NUMBER_H
#define BENCH_WORKLOAD_NUMBER_H

#include <sched.h>
#include <stdint.h>

/* Decimal digits only: no sign, no space, no suffix. */
int workload_parse_u64(const char *text, uint64_t max, uint64_t *value);

/* As above, and one of K, M, G, T (powers of 1024, either case) may follow. */
int workload_parse_bytes(const char *text, uint64_t max_bytes, uint64_t *bytes);

/* "12" or "0.99": no sign, no exponent, nothing that a locale could change. */
int workload_parse_decimal(const char *text, double max, double *value);

/* "0-3,8": CPU numbers and ranges.  Never returns an empty set. */
int workload_parse_cpus(const char *text, cpu_set_t *cpus);

#endif
