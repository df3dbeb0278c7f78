/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning.h - how much to sample, and how long a window is: from snapshots alone.
 *
 * Goal "evidence": enough samples to tell on which side of the cut between hot and
 * cold each region is.  Goal "access ratio" is DAMON's: windows as long as it takes
 * that a wanted share of the pages is seen accessed.
 *
 * Pure arithmetic; any thread.
 */
#ifndef CORE_TUNING_H
#define CORE_TUNING_H

#include "thermocline/monitor.h"

#define TUNING_EVIDENCE_BP 50      /* goal: accesses in doubt */
#define TUNING_ACCESS_RATIO_BP 400 /* DAMON's recommendation */
#define TUNING_MIN_WINDOW_MS 100
#define TUNING_MAX_WINDOW_MS 10000

enum tuning_goal {
	TUNING_EVIDENCE,
	TUNING_ACCESS_RATIO,
};

/**
 * tuning_doubt_bp() - Accesses that may be on the wrong side of the cut.
 * @hot_bytes:	How many of the hottest bytes are hot; 0: a fifth of all.
 *
 * For each region: the probability that its true rate is on the other side of the
 * cut, from the number of its samples alone, times the accesses per second by which
 * that would be wrong.
 *
 * Return: the sum, in 1/10000 of all accesses per second.  More samples make it
 * smaller in proportion.  10000 when nothing was observed at all.
 */
double tuning_doubt_bp(const struct thermo_snapshot *snapshot, uint64_t hot_bytes);

/*
 * Return: the rate in 1/1000 that comes next, at least @min_permille: twice as high
 * or half as high at most.
 */
uint32_t tuning_rate(uint32_t permille, double doubt_bp, uint32_t min_permille);

/*
 * Return: the share of the resident pages that a window of the snapshot's length sees
 * accessed, in 1/10000, as the rates of the regions have it.
 */
double tuning_access_ratio_bp(const struct thermo_snapshot *snapshot);

/*
 * The next window after one of @window_ms in which @ratio_bp of the pages were accessed,
 * for @goal_bp: DAMON's feedback, from half to twice as long.
 */
uint32_t tuning_window_ms(uint32_t window_ms, double ratio_bp, uint32_t goal_bp);

#endif
