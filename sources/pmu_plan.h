/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_plan.h - which events to ask the kernel for, byte for byte, and why.
 *
 * Planning reads files and opens nothing, so the plan of any machine can be made from a
 * copy of its files.  One vendor's way to sample addresses is one file: pebs_events.c,
 * ibs_events.c, spe_events.c.
 */
#ifndef SOURCES_PMU_PLAN_H
#define SOURCES_PMU_PLAN_H

#include <hwloc/bitmap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/host.h"
#include "sources/pmu_attr.h"

#define PMU_PLAN_EVENTS 12
#define PMU_PLAN_NOTES 8
#define PMU_EVENT_NAME_BYTES 128
#define PMU_NOTE_BYTES 256

enum pmu_goal_kind {
	PMU_LOADS = 1u << 0,
	PMU_STORES = 1u << 1,
	PMU_L3_MISSES = 1u << 2, /* loads that no cache served */
};

/**
 * struct pmu_goal - What is to be learned.  Zeroes mean the default.
 * @kinds:	OR of enum pmu_goal_kind; default loads and stores.
 * @latency_cycles:	Only loads that took at least so long.
 * @period:	Events (operations, where the PMU counts those) a sample; rounded to
 *		what the PMU takes.
 * @with_kernel:	Also what the kernel itself accesses.
 */
struct pmu_goal {
	uint32_t kinds;
	uint32_t latency_cycles;
	uint64_t period;
	bool with_kernel;
};

/**
 * struct pmu_event - One event to open on each of @cpus.
 * @name:	As perf would take it.
 * @leader:	Index of the event that has to be opened before, on the same CPU, as
 *		leader of its group; -1: none.
 * @why:	This event, so encoded.
 */
struct pmu_event {
	char name[PMU_EVENT_NAME_BYTES];
	union pmu_attr attr;
	hwloc_bitmap_t cpus;
	int leader;
	const char *why;
};

/**
 * struct pmu_plan - What to ask for.
 * @source:	"pebs", "ibs" or "spe"; "named" for an event that is of none.
 * @notes:	What the goal asks and this machine cannot do, and what its samples lack.
 * @not_permitted:	Why the kernel would refuse this process; "" when it would not.
 */
struct pmu_plan {
	const char *source;
	struct pmu_event events[PMU_PLAN_EVENTS];
	size_t nr_events;
	char notes[PMU_PLAN_NOTES][PMU_NOTE_BYTES];
	size_t nr_notes;
	char not_permitted[PMU_NOTE_BYTES];
};

/*
 * Plan the events of the best PMU that this machine has for @goal.
 * Return: 0; -ENODEV when no PMU samples addresses here; -EOPNOTSUPP when the one that is
 * there cannot reach the goal; -EINVAL for files that hold nonsense.
 * pmu_plan_fini() in any case.
 */
int pmu_plan_make(struct pmu_plan *plan, const struct thermo_host *host,
		  const struct pmu_goal *goal);

/*
 * Plan the one event @text: "cpu/mem-loads,ldlat=64/P", "r1cd" or, as libpfm4 writes
 * it, "spr::MEM_LOAD_RETIRED:L3_MISS:precise=2".  Return: as above, and -EINVAL for what
 * is no event.
 */
int pmu_plan_named(struct pmu_plan *plan, const struct thermo_host *host,
		   const struct pmu_goal *goal, const char *text);

/*
 * Open each event on its first CPU, and close it: nothing is sampled.  Where the kernel
 * takes no weight of that kind, the attr is made to ask for less, and a note says so.
 * Return: 0 when it takes them all, or -errno with the event and what to try.
 */
int pmu_plan_try(struct pmu_plan *plan, const struct thermo_host *host);

/* The same on the calling thread alone, which takes no privileges. */
int pmu_plan_try_own(struct pmu_plan *plan, const struct thermo_host *host);

void pmu_plan_fini(struct pmu_plan *plan);

/* For people; tests compare it with what they know the machine needs. */
void pmu_plan_print(const struct pmu_plan *plan, FILE *out);

#endif
