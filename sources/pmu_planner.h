/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pmu_planner.h - what the files that plan for a vendor share; nobody else's business. */
#ifndef SOURCES_PMU_PLANNER_H
#define SOURCES_PMU_PLANNER_H

#include "sources/pmu.h"
#include "sources/pmu_machine.h"
#include "sources/pmu_plan.h"

/* A sample every so many operations, by default: some thousands a second of a busy CPU. */
#define PMU_PERIOD_OPS 1000003u
/* The same of events that are a hundred times as rare.  Primes, not to beat with loops. */
#define PMU_PERIOD_MISSES 10007u

/**
 * struct pmu_class - PMUs that sample addresses in the same way.  Always const.
 * @prepare:	Fill an event's attr as this class samples; config is still empty.
 * @finish:	Make what was asked into what the PMU takes, or say why it cannot be.
 *		May add an event before this one.
 * @plan:	The events for a goal on this machine.
 */
struct pmu_class {
	const char *source;
	void (*prepare)(struct perf_event_attr *attr, const struct pmu_machine *machine,
			const struct pmu *pmu, const struct pmu_goal *goal);
	int (*finish)(struct pmu_plan *plan, const struct pmu_machine *machine,
		      const struct pmu *pmu, struct pmu_event *event);
	int (*plan)(struct pmu_plan *plan, const struct pmu_machine *machine,
		    const struct pmu_goal *goal);
};

extern const struct pmu_class pmu_class_pebs;
extern const struct pmu_class pmu_class_ibs;
extern const struct pmu_class pmu_class_spe;

/* What could not be had, or what the samples lack. */
void plan_note(struct pmu_plan *plan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Begin an event; its config is the caller's to fill before plan_end().  @period is
 * taken where the goal names none.  Return: NULL with a reason when there is no room.
 */
struct pmu_event *plan_begin(struct pmu_plan *plan, const struct pmu_class *class,
			     const struct pmu_machine *machine, const struct pmu *pmu,
			     const struct pmu_goal *goal, uint64_t period);
int plan_end(struct pmu_plan *plan, const struct pmu_class *class,
	     const struct pmu_machine *machine, const struct pmu *pmu, struct pmu_event *event);

/* All of the above for an event that is a list of terms.  Return: 0 or -errno. */
int plan_terms(struct pmu_plan *plan, const struct pmu_class *class,
	       const struct pmu_machine *machine, const struct pmu *pmu,
	       const struct pmu_goal *goal, uint64_t period, const char *terms, const char *why);

/* Set plan->not_permitted when the kernel would refuse this process. */
void plan_check_permission(struct pmu_plan *plan, const struct thermo_host *host);

#endif
