// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spe_events.c - Arm: what to ask of arm_spe_N, the Statistical Profiling Extension.
 *
 * SPE writes packets into an AUX buffer, no samples: the event's own records only say
 * who runs and where the buffer lost data.  One event a CPU, filtered by the hardware.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "sources/pmu_planner.h"

/* Clusters of unlike cores have one PMU each. */
#define MAX_PMUS 16u
/* The driver drops the lower bits of the interval. */
#define PERIOD_STEP 256u
/* Of every core so far, and what is assumed of a kernel that does not say. */
#define LEAST_PERIOD 256u

static void prepare(struct perf_event_attr *attr, const struct pmu_machine *machine,
		    const struct pmu *pmu, const struct pmu_goal *goal)
{
	(void)machine, (void)pmu;
	attr->sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			    PERF_SAMPLE_CPU;
	attr->exclude_kernel = !goal->with_kernel;
	/* Not every kernel writes the pid into the packets: switches say who ran. */
	attr->context_switch = 1;
	/*
	 * No use_clockid: the packets' time is the architected counter, which perf's own
	 * clock is computed from.
	 */
}

static int finish(struct pmu_plan *plan, const struct pmu_machine *machine, const struct pmu *pmu,
		  struct pmu_event *event)
{
	struct perf_event_attr *attr = &event->attr.perf;
	uint64_t least = pmu_cap(pmu, "min_interval", LEAST_PERIOD);

	(void)plan, (void)machine;
	if (attr->precise_ip)
		return thermo_fail(-EINVAL, "%s: takes no precise level: it is always exact",
				   pmu->name);
	attr->sample_period -= attr->sample_period % PERIOD_STEP;
	if (attr->sample_period < least)
		attr->sample_period = least;
	return 0;
}

/* Add "name=value" to @terms where the PMU has it. */
static void add_term(const struct pmu *pmu, char *terms, size_t size, const char *name,
		     uint32_t value)
{
	size_t len = strlen(terms);

	if (pmu_has_format(pmu, name))
		(void)snprintf(terms + len, size - len, "%s%s=%u", len ? "," : "", name, value);
}

static int plan_open_pmu(struct pmu_plan *plan, const struct pmu_machine *machine,
			 const struct pmu *pmu, const struct pmu_goal *goal)
{
	char terms[128] = "";
	bool loads = goal->kinds & (PMU_LOADS | PMU_L3_MISSES);

	add_term(pmu, terms, sizeof(terms), "ts_enable", 1);
	/* Needs CAP_PERFMON, as sampling all processes does anyway. */
	add_term(pmu, terms, sizeof(terms), "pa_enable", 1);
	/* A fixed interval can run in step with a loop and see one of its accesses only. */
	add_term(pmu, terms, sizeof(terms), "jitter", 1);
	if (loads)
		add_term(pmu, terms, sizeof(terms), "load_filter", 1);
	if (goal->kinds & PMU_STORES)
		add_term(pmu, terms, sizeof(terms), "store_filter", 1);
	/* Of stores it would be the time until they retire, which says nothing of memory. */
	if (loads && goal->latency_cycles)
		add_term(pmu, terms, sizeof(terms), "min_latency", goal->latency_cycles);
	if (goal->kinds & PMU_L3_MISSES && !goal->latency_cycles)
		plan_note(plan,
			  "%s: not every core can filter by cache miss: the reader picks the "
			  "misses "
			  "out of all loads; a latency threshold saves most of that",
			  pmu->name);
	return plan_terms(plan, &pmu_class_spe, machine, pmu, goal, PMU_PERIOD_OPS, terms,
			  "one operation in so many; the hardware keeps loads and stores");
}

static int plan_spe(struct pmu_plan *plan, const struct pmu_machine *machine,
		    const struct pmu_goal *goal)
{
	char name[PMU_NAME_BYTES];
	int err = 0;

	for (unsigned int i = 0; i < MAX_PMUS && !err; i++) {
		struct pmu pmu;

		(void)snprintf(name, sizeof(name), "arm_spe_%u", i);
		if (!pmu_exists(machine->host, name))
			continue;
		err = pmu_open(&pmu, machine->host, name);
		if (!err)
			err = plan_open_pmu(plan, machine, &pmu, goal);
		pmu_close(&pmu);
	}
	return err;
}

const struct pmu_class pmu_class_spe = {
	.source = "spe",
	.prepare = prepare,
	.finish = finish,
	.plan = plan_spe,
};
