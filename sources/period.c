// SPDX-License-Identifier: GPL-2.0-or-later
/* period.c - one step at a time. */
#include "sources/period.h"

#include "core/random.h"

#define NEAR 0.1
#define JITTER_SHARE 32

#define MAX_RATE "proc/sys/kernel/perf_event_max_sample_rate"
#define CPU_TIME "proc/sys/kernel/perf_cpu_time_max_percent"
#define DEFAULT_MAX_RATE 100000u
#define DEFAULT_CPU_TIME_PCT 25u

double period_factor(double measured_hz, double wanted_hz)
{
	double factor = wanted_hz > 0 ? measured_hz / wanted_hz : 2;

	if (measured_hz <= 0 || (factor > 1 - NEAR && factor < 1 + NEAR))
		return 1;
	return factor < 0.5 ? 0.5 : factor > 2 ? 2 : factor;
}

/* The random part takes away as often as it adds. */
static double jitter(double wanted, uint64_t *random)
{
	double unit = (double)(next_random(random) >> 11) / (double)(1ull << 53);

	return wanted + wanted / JITTER_SHARE * (2 * unit - 1);
}

uint64_t period_fit(double wanted, const struct period_limits *limits, uint64_t *random)
{
	double x = random ? jitter(wanted, random) : wanted;
	uint64_t period;

	if (!(x > (double)limits->least))
		return limits->least;
	if (x >= (double)limits->most)
		return limits->most;
	period = (uint64_t)x;
	period = limits->step > 1 ? period - period % limits->step : period | 1;
	return period < limits->least ? limits->least : period;
}

struct period_kernel period_kernel_read(const struct thermo_host *host)
{
	struct period_kernel k = { DEFAULT_MAX_RATE, DEFAULT_CPU_TIME_PCT };

	(void)thermo_host_read_u64(host, &k.max_sample_rate, MAX_RATE);
	(void)thermo_host_read_u64(host, &k.cpu_time_pct, CPU_TIME);
	/* 0 would be no samples at all: the kernel never says so. */
	if (k.max_sample_rate == 0)
		k.max_sample_rate = 1;
	return k;
}
