/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measure.h - the whole measurement: pairs of runs, with and without, in random order.
 *
 *	for each workload: start it; for each round: for each subject, in random order:
 *		a run without and a run with it, in random order
 *
 * Main thread.  It owns the workload's process and the tap; results are filled in as they
 * come, and hold what there is when it ends early.
 */
#ifndef BENCH_OVERHEAD_MEASURE_H
#define BENCH_OVERHEAD_MEASURE_H

#include "bench/overhead/load.h"
#include "bench/overhead/paired.h"
#include "bench/overhead/tap.h"

#define OVERHEAD_MAX_SUBJECTS 128

/**
 * struct overhead_result - A subject on a workload.
 * @with, @without:	Sums over the runs of what the workload did.
 * @speed_without, @speed_with:	Sums of accesses a second, for means.
 * @tap:	Sums of what was counted in the runs with it (time_ns: their length).
 * @tap_without:	The same without: what this process costs by itself.
 * @nr_starved:	Pairs that were repeated because somebody got no CPU in a whole run.
 * @failed:	Why it was given up; "": it was not.
 */
struct overhead_result {
	struct overhead_subject subject;
	enum overhead_clock clock;
	struct paired paired;
	struct overhead_score with;
	struct overhead_score without;
	double speed_with;
	double speed_without;
	struct overhead_counts tap;
	struct overhead_counts tap_without;
	uint32_t nr_starved;
	char failed[256];
};

struct overhead_workload {
	enum overhead_kind kind;
	size_t nr_results;
	struct overhead_result results[OVERHEAD_MAX_SUBJECTS];
};

/* Where it is: pair @nr of @nr_pairs is next. */
struct overhead_progress {
	enum overhead_kind kind;
	const struct overhead_subject *subject;
	uint32_t nr;
	uint32_t nr_pairs;
	uint64_t left_ns;
};

/**
 * struct overhead_opts - How to measure.
 * @load:	Kind and socket are filled in.
 * @settings:	NULL when no source is among the subjects.
 * @clock:	What speeds are by.
 * @run_ns:	Length of a run that counts; @warmup_ns: what does not, before it.
 * @signal_fd:	Ends early when it becomes readable; -1: never.
 * @seed:	Of the order.
 */
struct overhead_opts {
	const struct thermo_host *host;
	struct thermo_settings *settings;
	bool pause_damon_stat;
	struct overhead_load_opts load;
	uint32_t nr_kinds;
	enum overhead_kind kinds[OVERHEAD_NR_KINDS];
	size_t nr_subjects;
	struct overhead_subject subjects[OVERHEAD_MAX_SUBJECTS];
	uint32_t nr_rounds;
	enum overhead_clock clock;
	uint64_t run_ns;
	uint64_t warmup_ns;
	uint64_t seed;
	int signal_fd;
	void (*progress)(void *arg, const struct overhead_progress *progress);
	void *arg;
};

/* How long it will take, about. */
uint64_t overhead_duration_ns(const struct overhead_opts *opts);

/**
 * overhead_measure() - Measure all.
 * @workloads:	Out: opts->nr_kinds of them, zeroed before.
 *
 * A subject that fails is given up and the rest goes on.  Settings are back when it
 * returns.
 *
 * Return: 0; -EINTR when it was told to end; -errno.
 */
int overhead_measure(const struct overhead_opts *opts, struct overhead_workload *workloads);

#endif
