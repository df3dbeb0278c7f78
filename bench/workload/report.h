/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what the workload tells: a line per interval, and a summary.
 *
 * Used by the main thread alone.
 */
#ifndef BENCH_WORKLOAD_REPORT_H
#define BENCH_WORKLOAD_REPORT_H

#include <stdio.h>

#include "bench/workload/options.h"
#include "bench/workload/worker.h"

struct workload_report {
	FILE *out; /* NULL: quiet */
	enum workload_format format;
	uint64_t last_ns; /* since the start, when the last line was written */
	struct workload_progress {
		struct workload_counts counts;
		const char *phase;
	} * last; /* of each worker, then */
};

/* Return: 0 or -errno; workload_report_close() is due in any case. */
int workload_report_open(struct workload_report *report, const struct workload_options *options,
			 size_t nr_workers);

/* Return: 0, or -errno when something could not be written. */
int workload_report_close(struct workload_report *report);

/* What is going to run. */
void workload_report_start(struct workload_report *report, const struct workload_shared *shared,
			   size_t nr_workers, uint64_t populate_ns);

/* What happened since the last line.  @now_ns: since the start. */
void workload_report_interval(struct workload_report *report, const struct workload_worker *workers,
			      size_t nr_workers, uint64_t now_ns);

/* All workers must have been joined. */
void workload_report_summary(struct workload_report *report, const struct workload_worker *workers,
			     size_t nr_workers, uint64_t now_ns);

#endif
