/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * governor.h - how much the sources sample and how long windows are, inside a CPU
 * budget.  Daemon's thread only.
 */
#ifndef CLI_GOVERNOR_H
#define CLI_GOVERNOR_H

#include "core/tuning.h"

#define DEFAULT_WINDOW_MS 1000

/**
 * struct governor_opts - Zeroes mean the default.
 * @cpu_budget_pct:	CPU time for sampling and monitoring, in percent of one CPU for
 *		each socket; default 1.
 * @window_ms:	Length of a window, where windows do not tune themselves; default 1000.
 * @goal:	What more or less sampling is for.
 * @access_ratio_bp:	For TUNING_ACCESS_RATIO; default 400.
 */
struct governor_opts {
	double cpu_budget_pct;
	uint32_t window_ms;
	enum tuning_goal goal;
	uint32_t access_ratio_bp;
};

struct governor {
	const struct governor_opts *opts;
	double budget;              /* CPUs */
	uint64_t cpu_ns;            /* of the process at the last window */
	uint64_t cpu_moves_ns;      /* of it, for moving pages */
	double cpu_pct;             /* of one CPU, smoothed, without moving pages */
	double cpu_with_moves_pct;  /* and with */
	double cpu_credit_ns;       /* of the budget, saved up to ten minutes' worth */
	uint64_t unstable_until_ns; /* the picture changes: sample at the full rate */
	uint32_t allowed_permille;  /* by the CPU budget */
	uint32_t evidence_permille; /* wanted for the evidence */
	uint32_t rate_permille;     /* in use */
	uint32_t least_permille; /* of a source that notices changes at so low a rate; 0: none does
				  */
	uint32_t window_ms;      /* of the next window */
	double doubt_bp;         /* of the last window, see tuning.h */
	double access_ratio_bp;  /* likewise */
	uint64_t nr_sheds;       /* times that the rate was lowered for the CPU budget */
};

void governor_init(struct governor *governor, const struct governor_opts *opts, uint32_t nr_sockets,
		   uint64_t now_ns);

/**
 * governor_step() - A window has ended.
 * @hot_bytes:	What fits into fast memory; 0 when there is nothing to tier.
 * @cpu_ns:	Of the process so far; @cpu_moves_ns of it for moving pages, which has a
 *		budget of its own.
 *
 * Return: whether rate_permille changed and the sources are to be told.
 */
bool governor_step(struct governor *governor, const struct thermo_snapshot *snapshot,
		   uint64_t hot_bytes, uint64_t cpu_ns, uint64_t cpu_moves_ns);

/* Return: the rate for a source with that least_permille: not every one goes as low. */
uint32_t governor_rate_of(const struct governor *governor, uint32_t least_permille);

#endif
