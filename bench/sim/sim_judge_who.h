/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_judge_who.h - is it true what a snapshot says of who made the accesses? */
#ifndef BENCH_SIM_SIM_JUDGE_WHO_H
#define BENCH_SIM_SIM_JUDGE_WHO_H

#include "bench/sim/sim_load.h"
#include "thermocline/monitor.h"

/**
 * struct sim_who_verdict - Mean distances of shares from the truth, by accesses.
 * @writes:	Of the share of writes of a region.
 * @cpus, @tids:	Of the shares of those CPUs and threads that are told.
 * @contradicted:	Share of those told of which the truth is not between @share - @error
 *		and @share, by more than two standard errors of counting and a thousandth.
 */
struct sim_who_verdict {
	double writes;
	double cpus;
	double tids;
	double contradicted;
};

/* @snapshot: of processes at SIM_BASE, each under @load. */
void sim_judge_who(const struct sim_load *load, uint64_t time_ns,
		   const struct thermo_snapshot *snapshot, struct sim_who_verdict *verdict);

#endif
