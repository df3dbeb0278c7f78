/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run.h - one run of a config, from the mapping of its memory to the summary. */
#ifndef BENCH_WORKLOAD_RUN_H
#define BENCH_WORKLOAD_RUN_H

#include "bench/workload/config.h"
#include "bench/workload/options.h"

/*
 * Return: 0, also when a signal ended it, or -errno.  Blocks SIGINT and SIGTERM
 * for good: call it from the main thread, last.
 */
int workload_run(const struct workload_config *config, const struct workload_options *options);

#endif
