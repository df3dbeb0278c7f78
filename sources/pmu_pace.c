// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pmu_pace.c - the period: enough reports, not too many records, no throttling.
 *
 * All events keep the proportion of their periods.  What is measured counts, whatever the
 * hardware calls a period.
 */
#include <math.h>

#include "sources/pmu_parts.h"

/* So often, at most, and on so many records, unless a second has passed. */
#define ADAPT_NS 200000000ull
#define ADAPT_LATEST_NS 1000000000ull
#define ENOUGH_RECORDS 256u
/* The busiest event of a CPU stays at this share of what the kernel throttles at. */
#define THROTTLE_SHARE 0.5
/* With nobody to watch, this much is enough to go on knowing the machine. */
#define NOBODY_PERMILLE 10.0
/* The kernel takes its average interrupt, and a quarter, to find its new limit. */
#define KERNEL_MARGIN 1.25
#define NS_PER_S 1e9

static uint64_t records_of(const struct pmu_sampler *s)
{
	return s->counters.seen + s->counters.lost;
}

static void begin(struct pmu_sampler *s, uint64_t now_ns)
{
	s->adapted_ns = now_ns;
	s->records_at_adapted = records_of(s);
	s->reported_at_adapted = s->counters.reported;
	s->busiest = 0;
}

void pmu_pace_start(struct pmu_sampler *s, uint64_t now_ns)
{
	s->kernel = period_kernel_read(s->host);
	s->first_max_sample_rate = s->kernel.max_sample_rate;
	begin(s, now_ns);
}

/*
 * A kernel that finds perf's interrupts too long lowers its limit, so that they fit into
 * the share of time again: the limit tells how long they are.
 */
uint64_t pmu_pace_cost_ns(const struct pmu_sampler *s, uint64_t records)
{
	double cost_ns = s->kind->record_cost_ns;

	if (s->kind->interrupt_each && s->kernel.cpu_time_pct &&
	    s->kernel.max_sample_rate < s->first_max_sample_rate)
		cost_ns = fmax(cost_ns, NS_PER_S * (double)s->kernel.cpu_time_pct / 100 /
							(double)s->kernel.max_sample_rate /
							KERNEL_MARGIN);
	return (uint64_t)(cost_ns * (double)records);
}

/* Return: what was measured over what is wanted; above 1 it is too much. */
static double pace_of(const struct pmu_sampler *s, double elapsed_s)
{
	double rate = (double)s->permille / THERMO_RATE_FULL;
	double reports = (double)(s->counters.reported - s->reported_at_adapted) / elapsed_s;
	double records = (double)(records_of(s) - s->records_at_adapted) / elapsed_s;
	double busiest = (double)s->busiest / elapsed_s;

	if (s->targets.nr == 0)
		rate = NOBODY_PERMILLE / THERMO_RATE_FULL;
	return fmax(fmax(reports / (s->kind->full_rate_hz * rate),
			 records / (s->kind->most_records_hz * rate)),
		    busiest / (THROTTLE_SHARE * (double)s->kernel.max_sample_rate));
}

/* Periods that reach a limit all the same must not let the scale run away. */
static void set_scale(struct pmu_sampler *s, double scale)
{
	const struct period_limits *limits = &s->kind->limits;
	double least = INFINITY, most = 0;

	for (size_t i = 0; i < s->plan.nr_events; i++) {
		double period = (double)s->plan.events[i].attr.perf.sample_period;

		if (period <= 0)
			continue;
		least = fmin(least, (double)limits->least / period);
		most = fmax(most, (double)limits->most / period);
	}
	s->scale = fmin(fmax(scale, least), most);
}

static int apply(struct pmu_sampler *s)
{
	uint64_t before[PMU_PLAN_EVENTS];
	int err = 0;

	for (size_t i = 0; i < s->plan.nr_events; i++) {
		uint64_t period = s->plan.events[i].attr.perf.sample_period;

		before[i] = s->setup.period[i];
		/* A leader only counts. */
		if (period)
			s->setup.period[i] = period_fit((double)period * s->scale, &s->kind->limits,
							&s->random);
	}
	for (size_t i = 0; i < s->nr_cpus && !err; i++)
		err = pmu_cpu_set_periods(&s->cpus[i], &s->setup, before);
	return err;
}

int pmu_pace_adapt(struct pmu_sampler *s, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - s->adapted_ns;
	double factor;

	if (!s->kind->full_rate_hz || elapsed_ns < ADAPT_NS ||
	    (records_of(s) - s->records_at_adapted < ENOUGH_RECORDS &&
	     elapsed_ns < ADAPT_LATEST_NS))
		return 0;
	factor = period_factor(pace_of(s, (double)elapsed_ns / NS_PER_S), 1);
	begin(s, now_ns);
	if (factor == 1)
		return 0;
	set_scale(s, s->scale * factor);
	return apply(s);
}
