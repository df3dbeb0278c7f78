/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_damon.h - DAMON's algorithm on a load, to compare with.
 *
 * As Linux 7.1 has it in mm/damon/core.c: regions, one random page a region and
 * sampling interval whose accessed bit is looked at, merging and splitting by the
 * number of intervals with an access, ages, and the tuning of the intervals.  The
 * accessed bit of a page is set with the likelihood of at least one access since the
 * last look: no TLB hides anything, and looking takes no time.
 */
#ifndef BENCH_SIM_SIM_DAMON_H
#define BENCH_SIM_SIM_DAMON_H

#include <stdbool.h>

#include "bench/sim/sim_judge.h"
#include "bench/sim/sim_load.h"

/**
 * struct sim_damon_opts - Zeroes mean DAMON's default.
 * @sample_ns, @aggr_ns:	Intervals to start with, 5 and 100 ms.
 * @min_nr_regions, @max_nr_regions:	10 and 1000.
 * @tune:	Tune the intervals to 4 % of the possible accesses over 3 aggregations,
 *		sampling at least every 10 s.
 */
struct sim_damon_opts {
	uint64_t sample_ns;
	uint64_t aggr_ns;
	size_t min_nr_regions;
	size_t max_nr_regions;
	bool tune;
	uint64_t seed;
};

struct sim_damon;

/* Watch @load from time 0 on.  Return: 0 or -errno. */
int sim_damon_new(struct sim_damon **damon, const struct sim_load *load,
		  const struct sim_damon_opts *opts);
/* Accepts NULL. */
void sim_damon_free(struct sim_damon *damon);

/* Go on until @time_ns.  Return: 0 or -ENOMEM. */
int sim_damon_run(struct sim_damon *damon, uint64_t time_ns);

/* The sampling interval as it is now. */
uint64_t sim_damon_sample_ns(const struct sim_damon *damon);

/*
 * What it believes after its last aggregation; *@guesses is the caller's to free.  Hot
 * is what had accesses in more intervals; among equals what has been so for longer,
 * or, without any, for less long.  Return: number of guesses or -ENOMEM.
 */
ptrdiff_t sim_damon_guesses(const struct sim_damon *damon, struct sim_guess **guesses);

#endif
