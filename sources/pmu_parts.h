/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pmu_parts.h - what the files of the sampler share; nobody else's business. */
#ifndef SOURCES_PMU_PARTS_H
#define SOURCES_PMU_PARTS_H

#include "sources/pmu_sampler.h"

/* pmu_watch.c: once a second. */
int pmu_watch_cpus(struct pmu_sampler *sampler, struct thermo_reporter *reporter);
int pmu_watch_sharing(struct pmu_sampler *sampler);
void pmu_watch_note(struct pmu_sampler *sampler);
/* Open the CPUs that are online and not open.  Return: 0; -errno when none is open. */
int pmu_watch_open(struct pmu_sampler *sampler);

/* pmu_follow.c: per thread. */
int pmu_follow_targets(struct pmu_sampler *sampler, struct thermo_reporter *reporter);
void pmu_follow_ended(struct pmu_sampler *sampler);
/* Also on a CPU that has come.  Return: 0 or -errno. */
int pmu_follow_on(struct pmu_sampler *sampler, struct pmu_cpu *cpu);

/* pmu_pace.c: how fast. */
void pmu_pace_start(struct pmu_sampler *sampler, uint64_t now_ns);
int pmu_pace_adapt(struct pmu_sampler *sampler, uint64_t now_ns);
/* CPU time that @records cost in the kernel. */
uint64_t pmu_pace_cost_ns(const struct pmu_sampler *sampler, uint64_t records);

/* pmu_sampler.c */
int pmu_drain_cpu(struct pmu_sampler *sampler, struct pmu_cpu *cpu, uint64_t now_ns,
		  struct thermo_reporter *reporter);

#endif
