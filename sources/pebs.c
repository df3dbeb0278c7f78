// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pebs.c - Intel: retired loads and stores with address, thread, latency and level.
 *
 * pebs_events.c says what is asked, pmu_sampler.c does the work.
 */
#include "sources/pmu_sampler.h"

/*
 * The processor writes records by itself and interrupts once for many.  400 ns for each is
 * what copying one out takes with all its fields.  More than 10,000 reports a second tell
 * a monitor of a thousand regions little more.
 */
static const struct pmu_kind kind = {
	.name = "pebs",
	.vendor = PMU_VENDOR_INTEL,
	.maker = "Intel",
	.limits = { .least = 1009, .most = INT32_MAX, .step = 1 },
	.full_rate_hz = 10000,
	.most_records_hz = 40000,
	.record_cost_ns = 400,
	.sharing = "somebody else has the counter that it needs, and PEBS events of two users "
		   "share it by turns only: end the other, or set kernel.nmi_watchdog to 0",
};

static int pebs_probe(const struct thermo_source_opts *opts)
{
	return pmu_sampler_probe(&kind, opts);
}

static int pebs_open(void *state, const struct thermo_source_opts *opts)
{
	return pmu_sampler_open(state, &kind, opts);
}

const struct thermo_source thermo_source_pebs = {
	.name = "pebs",
	.summary = "Intel's PEBS: every so many loads and stores, with thread, CPU, level and "
		   "latency",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_THREAD |
	       THERMO_CAN_LATENCY | THERMO_CAN_LEVEL,
	.granularity_bytes = 1,
	.cost = "some 400 ns for each record, at most 40 000 a second of all CPUs together",
	.uses = THERMO_USES_PMU,
	.least_permille = PMU_LEAST_PERMILLE,
	.state_bytes = sizeof(struct pmu_sampler),
	.drain_interval_ms = PMU_DRAIN_INTERVAL_MS,
	.probe = pebs_probe,
	.open = pebs_open,
	.start = pmu_sampler_start,
	.set_targets = pmu_sampler_set_targets,
	.set_rate = pmu_sampler_set_rate,
	.drain = pmu_sampler_drain,
	.counters = pmu_sampler_counters,
	.note = pmu_sampler_note,
	.stop = pmu_sampler_stop,
	.close = pmu_sampler_close,
};
