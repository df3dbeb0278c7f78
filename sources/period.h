/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * period.h - every how many events to sample, from how many samples that gave.
 *
 * A step is from half to twice, and a tenth is not worth one.  A period is odd, so that it
 * does not beat with strides, and may be moved a little at random, so that it does not with
 * loops; where the PMU takes multiples of a step only, the random part has to do.
 * Pure arithmetic but for the one number that is the kernel's.
 */
#ifndef SOURCES_PERIOD_H
#define SOURCES_PERIOD_H

#include <stdint.h>

#include "core/host.h"

/* What a PMU takes.  @step 1: any. */
struct period_limits {
	uint64_t least;
	uint64_t most;
	uint32_t step;
};

/*
 * Return: by what to multiply periods that gave @measured_hz, to get @wanted_hz: 0.5 to 2,
 * and 1 when that is near enough, or nothing was measured.
 */
double period_factor(double measured_hz, double wanted_hz);

/*
 * Return: a period near @wanted that @limits allow, up to 1/32 off it at random;
 * @random NULL: as near as can be.
 */
uint64_t period_fit(double wanted, const struct period_limits *limits, uint64_t *random);

/**
 * struct period_kernel - The kernel's own limits, which it lowers by itself.
 * @max_sample_rate:	Samples a second of one event on one CPU beyond which it is
 *		throttled.
 * @cpu_time_pct:	Of a CPU, that interrupts of perf may take; 0: not limited.
 */
struct period_kernel {
	uint64_t max_sample_rate;
	uint64_t cpu_time_pct;
};

/* What cannot be read is what the kernel begins with. */
struct period_kernel period_kernel_read(const struct thermo_host *host);

#endif
