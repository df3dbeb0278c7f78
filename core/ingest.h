/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest.h - from reports to evidence in regions: the path that every report takes.
 *
 * Two passes over a batch: the first finds the region of each report and asks for
 * its memory, the second adds to it.  Monitor's thread only.
 */
#ifndef CORE_INGEST_H
#define CORE_INGEST_H

#include "core/owners.h"
#include "core/targets.h"

#define TARGET_CACHE 256

/**
 * struct intake - A reporter that is drained, and what became of its reports.
 * @since_ns:	When it was added.
 * @weight:	Of a sample that stands for one access: 1 / @period.  A sample counts
 *		as as many events as its accesses are periods, so that events over
 *		exposure is exact whatever the mixture of periods.
 * @period:	Accesses a sample, on average over the last window; 0: no such sample yet.
 */
struct intake {
	struct thermo_reporter *reporter;
	char name[16];
	uint64_t since_ns;
	uint64_t ingested;
	uint64_t dropped;
	uint64_t window_taken;
	uint64_t window_samples;
	double window_accesses;
	float weight;
	double period;
};

/**
 * struct ingest - From reports to regions.
 * @owners:	Who owns physical memory, while processes are the targets; NULL until it was
 *		reported and somebody looked.
 * @nr_before_owners:	Such reports that came before.
 */
struct ingest {
	struct targets *targets;
	struct owners *owners;
	uint64_t nr_before_owners;
	struct thermo_monitor_counters counters;
	struct thermo_tap tap;
	float newer_weight; /* of attribution: newer events weigh more */
	/* The target of a pid, by its low bits; -1: look it up. */
	int32_t cache[TARGET_CACHE];
};

void ingest_init(struct ingest *ingest, struct targets *targets);

/* Targets have changed: forget where they were. */
void ingest_forget_targets(struct ingest *ingest);

/* Take what @from holds, at most as much as a large ring.  Return: reports taken. */
size_t ingest_drain(struct ingest *ingest, struct intake *from);

/* As thermo_monitor_give_reports(). */
size_t ingest_given(struct ingest *ingest, struct intake *from, const struct thermo_access *reports,
		    size_t nr, struct thermo_access *unwatched);

/*
 * End the window of @from, @window_ns long.  Return: seconds for which it watched all
 * memory; a sample stands for a period, so a second of watching is worth 1/period
 * seconds, and what was lost in a full ring was not watched.
 */
double intake_close_window(struct ingest *ingest, struct intake *from, uint64_t window_ns);

#endif
