// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ibs_events.c - AMD: what to ask of ibs_op.
 *
 * IBS tags one operation every so often, whatever it is, and there is one such counter a
 * CPU: loads, stores and misses are never events of their own.  Most operations touch no
 * memory; the reader throws them away.  libpfm4 knows nothing of this PMU.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "sources/pmu_planner.h"

#define PMU_IBS "ibs_op"
/* The kernel refuses what is no multiple, and newer ones less than this. */
#define PERIOD_STEP 16u
#define LEAST_PERIOD 0x90u
/* Operations still, but those that did not miss give no sample: more often, then. */
#define PERIOD_MISSES 100003u

/* In cycles; the kernel silently rounds what is between the steps, and refuses what is beyond. */
#define LATENCY_STEP 128u
#define MOST_LATENCY 2048u
#define LATENCY_BITS 0xfffu

#define SAMPLE_TYPE                                                                                \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_DATA_SRC |          \
	 PERF_SAMPLE_PHYS_ADDR)
#define SAMPLE_WEIGHT_STRUCT (1ull << 24)

static void prepare(struct perf_event_attr *attr, const struct pmu_machine *machine,
		    const struct pmu *pmu, const struct pmu_goal *goal)
{
	(void)pmu;
	attr->sample_type = SAMPLE_TYPE |
			    (pmu_kernel_before(machine, 5, 12) ? (uint64_t)PERF_SAMPLE_WEIGHT
							       : SAMPLE_WEIGHT_STRUCT);
	attr->exclude_kernel = !goal->with_kernel;
	/* Each sample is an interrupt anyway: it may as well bear our clock's time. */
	attr->use_clockid = 1;
	attr->clockid = CLOCK_MONOTONIC;
	/*
	 * exclude_guest and exclude_hv are refused, precise_ip means nothing: IBS tags the
	 * operation, so the address is always exact.
	 */
}

/* The hardware cannot tell who runs: from 6.14 on the kernel can drop samples for us. */
static int filter_who(struct pmu_plan *plan, const struct pmu *pmu, struct pmu_event *event)
{
	struct perf_event_attr *attr = &event->attr.perf;

	if (!attr->exclude_kernel && !attr->exclude_user)
		return 0;
	if (pmu_has_format(pmu, "swfilt"))
		return pmu_put_terms(pmu, &event->attr, "swfilt=1");
	attr->exclude_kernel = 0;
	attr->exclude_user = 0;
	plan_note(plan,
		  "%s: no swfilt before Linux 6.14: the kernel's accesses are sampled too and "
		  "sorted out by the reader",
		  pmu->name);
	return 0;
}

static int finish(struct pmu_plan *plan, const struct pmu_machine *machine, const struct pmu *pmu,
		  struct pmu_event *event)
{
	struct perf_event_attr *attr = &event->attr.perf;
	uint64_t latency = attr->config1 & LATENCY_BITS;

	if (attr->precise_ip)
		return thermo_fail(-EINVAL, "%s: takes no precise level: it is always exact",
				   pmu->name);
	if (latency % LATENCY_STEP || latency > MOST_LATENCY)
		return thermo_fail(-EINVAL, "%s: ldlat=%" PRIu64 ": %u to %u in steps of %u",
				   pmu->name, latency, LATENCY_STEP, MOST_LATENCY, LATENCY_STEP);
	attr->sample_period -= attr->sample_period % PERIOD_STEP;
	if (attr->sample_period < LEAST_PERIOD)
		attr->sample_period = LEAST_PERIOD;
	if (pmu_kernel_before(machine, 6, 2))
		plan_note(plan,
			  "%s: before Linux 6.2 samples carry no address, unless the "
			  "distribution has added it",
			  pmu->name);
	return filter_who(plan, pmu, event);
}

/* Return: the threshold to ask for, 0 for none. */
static uint32_t plan_latency(struct pmu_plan *plan, const struct pmu *pmu,
			     const struct pmu_goal *goal)
{
	uint32_t cycles = goal->latency_cycles - goal->latency_cycles % LATENCY_STEP;

	if (!goal->latency_cycles)
		return 0;
	if (goal->kinds & PMU_STORES) {
		plan_note(plan, "%s: a latency threshold drops all stores: not set", pmu->name);
		return 0;
	}
	if (!pmu_has_format(pmu, "ldlat")) {
		plan_note(plan, "%s: no ldlat (Zen 5 with Linux 6.15 has it): the reader compares",
			  pmu->name);
		return 0;
	}
	if (cycles < LATENCY_STEP) {
		plan_note(plan, "%s: filters from %u cycles on: the reader compares", pmu->name,
			  LATENCY_STEP);
		return 0;
	}
	/* Erratum 1606 of Zen 5; up to Linux 7.0 the kernel does so everywhere. */
	plan_note(plan, "%s: with ldlat only L3 misses are sampled, at periods that vary",
		  pmu->name);
	return cycles < MOST_LATENCY ? cycles : MOST_LATENCY;
}

/* Return: whether operations that hit a cache are left out by the hardware. */
static bool plan_misses_only(struct pmu_plan *plan, const struct pmu *pmu,
			     const struct pmu_goal *goal)
{
	if (!(goal->kinds & PMU_L3_MISSES))
		return false;
	if (goal->kinds != PMU_L3_MISSES) {
		plan_note(plan, "%s: one event a CPU: L3 misses come among all operations",
			  pmu->name);
		return false;
	}
	if (!pmu_has_format(pmu, "l3missonly")) {
		plan_note(plan,
			  "%s: no l3missonly (Zen 4 has it): the reader picks the misses out of "
			  "all operations",
			  pmu->name);
		return false;
	}
	plan_note(plan, "%s: l3missonly makes the hardware vary the period: rates are estimates",
		  pmu->name);
	return true;
}

static int plan_open_pmu(struct pmu_plan *plan, const struct pmu_machine *machine,
			 const struct pmu *pmu, const struct pmu_goal *goal)
{
	char terms[64] = "";
	size_t len = 0;
	bool misses_only = plan_misses_only(plan, pmu, goal);
	uint32_t latency = plan_latency(plan, pmu, goal);

	/* Counting cycles tags long operations more often than others; counting uops none. */
	if (pmu_has_format(pmu, "cnt_ctl"))
		len = (size_t)snprintf(terms, sizeof(terms), "cnt_ctl=1");
	else
		plan_note(plan, "%s: no cnt_ctl: counts cycles, and so favours slow operations",
			  pmu->name);
	if (misses_only)
		len += (size_t)snprintf(terms + len, sizeof(terms) - len, "%sl3missonly=1",
					len ? "," : "");
	if (latency)
		(void)snprintf(terms + len, sizeof(terms) - len, "%sldlat=%u", len ? "," : "",
			       latency);
	return plan_terms(plan, &pmu_class_ibs, machine, pmu, goal,
			  misses_only ? PERIOD_MISSES : PMU_PERIOD_OPS, terms,
			  misses_only ? "one operation in so many, kept if it missed the L3 cache"
			  : latency ? "one operation in so many, kept if it is a load that took so "
				      "long"
				    : "one operation in so many; the reader keeps loads and "
				      "stores");
}

static int plan_ibs(struct pmu_plan *plan, const struct pmu_machine *machine,
		    const struct pmu_goal *goal)
{
	struct pmu pmu;
	int err = pmu_open(&pmu, machine->host, PMU_IBS);

	if (!err)
		err = plan_open_pmu(plan, machine, &pmu, goal);
	pmu_close(&pmu);
	return err;
}

const struct pmu_class pmu_class_ibs = {
	.source = "ibs",
	.prepare = prepare,
	.finish = finish,
	.plan = plan_ibs,
};
