/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_views.h - reports that are of memory, not of those who access it. */
#ifndef CLI_REPORT_VIEWS_H
#define CLI_REPORT_VIEWS_H

#include "cli/report_print.h"
#include "core/idle_ages.h"
#include "core/pagetypes.h"
#include "core/views.h"

enum report_view {
	VIEW_WSS,
	VIEW_IDLE,
	VIEW_TEMPERATURE,
	VIEW_RECENCY,
	VIEW_PAGETYPE,
	VIEW_AGES,
};

#define REPORT_NR_WSS 4

/* Working sets of the snapshots so far, accessed within 1 s, 10 s, 60 s, 600 s. */
struct report_wss {
	struct view_series series[REPORT_NR_WSS];
	uint64_t newest[REPORT_NR_WSS];
};

/* The part of @snapshot that is of process @pid; all of it for 0.  It borrows. */
struct thermo_snapshot report_narrow(const struct thermo_snapshot *snapshot, int32_t pid);

void report_wss_add(struct report_wss *wss, const struct thermo_snapshot *snapshot);
void report_wss_print(struct report_output *o, const struct report_wss *wss);

/* VIEW_IDLE, VIEW_TEMPERATURE, VIEW_RECENCY.  Return: 0 or -ENOMEM. */
int report_view_print(struct report_output *o, enum report_view view,
		      const struct thermo_snapshot *snapshot);

/* What is hot for report_pagetypes_print(): above the mean of what is observed. */
double report_hot_rate(const struct thermo_snapshot *snapshot);

/* By node and cgroup, as the kernel's multi-gen LRU has it. */
void report_ages_print(struct report_output *o, const struct idle_ages *ages);

void report_pagetypes_print(struct report_output *o, const struct page_types *types,
			    double hot_rate);

#endif
