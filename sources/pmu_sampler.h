/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_sampler.h - a plan of PMU events at work: opened on every CPU, drained, kept right.
 *
 * Sources of CPU vendors are this and a few numbers: pebs.c, ibs.c.  All processes are
 * sampled and those watched are kept; where the kernel does not allow that, only the threads
 * of those watched, and their children.
 *
 * Runs in the source's thread.  A zeroed one is closed.
 */
#ifndef SOURCES_PMU_SAMPLER_H
#define SOURCES_PMU_SAMPLER_H

#include "sources/cpu_nodes.h"
#include "sources/period.h"
#include "sources/pid_set.h"
#include "sources/pmu_cpu.h"
#include "sources/pmu_machine.h"
#include "thermocline/source.h"

#define PMU_NOTE_BYTES_MAX 200
/* All memory is seen at any rate: so low a one still notices what changes. */
#define PMU_LEAST_PERMILLE 10
#define PMU_DRAIN_INTERVAL_MS 100

/**
 * struct pmu_kind - What differs between PMUs.  Always const.
 * @vendor:	Whose processors may have it; @maker in words.  Only for the reason why not.
 * @limits:	Of the period.
 * @full_rate_hz:	Reports wanted a second, of all CPUs, at full rate; 0: the plan's
 *		period stays.
 * @most_records_hz:	Records taken a second at most for them: most may be useless, or of
 *		processes that nobody watches.
 * @record_cost_ns:	CPU time in the kernel for each record.
 * @interrupt_each:	Each record is an interrupt.
 * @sharing:	Who cannot share what, for people.
 */
struct pmu_kind {
	const char *name;
	enum pmu_vendor vendor;
	const char *maker;
	struct period_limits limits;
	uint32_t full_rate_hz;
	uint32_t most_records_hz;
	uint32_t record_cost_ns;
	bool interrupt_each;
	const char *sharing;
};

struct pmu_sampler {
	const struct thermo_host *host;
	const struct pmu_kind *kind;
	bool replans; /* the plan is of pmu_plan_make() */
	struct pmu_plan plan;
	struct pmu_setup setup;
	struct perf_format formats[PMU_PLAN_EVENTS];
	size_t nr_cpus;
	struct pmu_cpu *cpus; /* by number */
	struct cpu_nodes nodes;
	unsigned char *record;
	struct pid_set targets;

	/* Per thread. */
	struct pid_set opened;  /* threads that have events of their own */
	struct pid_set covered; /* those, and who was born of them */

	/* How fast. */
	uint32_t permille;
	uint64_t random;
	double scale; /* of the plan's periods */
	struct period_kernel kernel;
	uint64_t first_max_sample_rate;
	uint64_t adapted_ns;
	uint64_t records_at_adapted;
	uint64_t reported_at_adapted;
	uint64_t busiest; /* samples of the busiest event of a CPU since then */

	uint64_t drained_ns;
	uint64_t checked_ns;
	size_t next_check;     /* CPU to ask first */
	uint32_t nr_idle_asks; /* in a row that found no CPU sampling */
	struct thermo_source_counters counters;
	char why_not_all[PMU_NOTE_BYTES_MAX]; /* CPUs or threads that could not be opened */
	char note[2 * PMU_NOTE_BYTES_MAX];
};

/* Can @kind sample here?  Opens events and closes them.  Return: 0 or -errno. */
int pmu_sampler_probe(const struct pmu_kind *kind, const struct thermo_source_opts *opts);

/* Plan, and get ready.  Return: 0 or -errno; pmu_sampler_close() in any case. */
int pmu_sampler_open(struct pmu_sampler *sampler, const struct pmu_kind *kind,
		     const struct thermo_source_opts *opts);
/* As above with @plan, which is taken over, also by a failure. */
int pmu_sampler_open_plan(struct pmu_sampler *sampler, const struct pmu_kind *kind,
			  const struct thermo_source_opts *opts, struct pmu_plan *plan);

/* The rest is what struct thermo_source wants; the state is a struct pmu_sampler. */
int pmu_sampler_start(void *state);
int pmu_sampler_set_targets(void *state, const pid_t *pids, size_t nr_pids);
int pmu_sampler_set_rate(void *state, uint32_t permille);
int pmu_sampler_drain(void *state, struct thermo_reporter *reporter);
void pmu_sampler_counters(const void *state, struct thermo_source_counters *counters);
void pmu_sampler_note(const void *state, char *text, size_t size);
void pmu_sampler_stop(void *state);
void pmu_sampler_close(void *state);

#endif
