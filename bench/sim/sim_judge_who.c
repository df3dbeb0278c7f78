// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_judge_who.c - shares of CPUs and threads against those of a load. */
#include "bench/sim/sim_judge_who.h"

#include <math.h>

#include "bench/sim/sim_rig.h"

/* Sums while one goes through lists of shares. */
struct who_sums {
	double weight;
	double distance;
	double nr;
	double nr_contradicted;
};

/* Of threads, whose first has the process' @pid; 0: of CPUs. */
static void judge_shares(const struct sim_load *load, uint64_t time_ns,
			 const struct thermo_region *r, pid_t pid, struct who_sums *sums)
{
	const struct thermo_share *list = pid ? r->tids : r->cpus;
	size_t max = pid ? sizeof(r->tids) / sizeof(r->tids[0])
			 : sizeof(r->cpus) / sizeof(r->cpus[0]);

	for (size_t i = 0; i < max && list[i].share > 0; i++) {
		uint32_t key = pid ? list[i].key - (uint32_t)pid + 1 : list[i].key;
		double truth = sim_load_mean(load, r->start - SIM_BASE, r->end - SIM_BASE, time_ns,
					     pid ? sim_who_tid : sim_who_cpu, key);
		double share = (double)list[i].share, error = (double)list[i].error;
		double noise = 2 * sqrt(truth * (1 - truth) / ((double)r->nr_events + 1)) + 1e-3;

		sums->weight += r->accesses_per_s;
		sums->distance += r->accesses_per_s * fabs(share - truth);
		sums->nr++;
		sums->nr_contradicted += truth > share + noise || truth < share - error - noise;
	}
}

static double judge_writes(const struct sim_load *load, uint64_t time_ns,
			   const struct thermo_region *r)
{
	double truth = sim_load_mean(load, r->start - SIM_BASE, r->end - SIM_BASE, time_ns,
				     sim_who_writes, 0);

	return fabs((double)r->write_share - truth);
}

static double ratio(double sum, double of)
{
	return of > 0 ? sum / of : 0;
}

void sim_judge_who(const struct sim_load *load, uint64_t time_ns, const struct thermo_snapshot *s,
		   struct sim_who_verdict *v)
{
	struct who_sums cpus = { 0 }, tids = { 0 };
	double weight = 0, writes = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		weight += r->accesses_per_s;
		writes += r->accesses_per_s * judge_writes(load, time_ns, r);
		judge_shares(load, time_ns, r, 0, &cpus);
		judge_shares(load, time_ns, r, s->targets[r->target].pid, &tids);
	}
	*v = (struct sim_who_verdict){
		.writes = ratio(writes, weight),
		.cpus = ratio(cpus.distance, cpus.weight),
		.tids = ratio(tids.distance, tids.weight),
		.contradicted = ratio(cpus.nr_contradicted + tids.nr_contradicted,
				      cpus.nr + tids.nr),
	};
}
