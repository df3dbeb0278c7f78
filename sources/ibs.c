// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ibs.c - AMD: every so many operations; loads and stores with address, thread, latency and
 * level are kept.
 *
 * ibs_events.c says what is asked, pmu_sampler.c does the work.
 */
#include "sources/pmu_sampler.h"

/*
 * Each record is an interrupt, some 2 us with all its fields, and of most operations nothing
 * is learned.  The kernel refuses periods below 0x90; the hardware's counter has 27 bits.
 */
static const struct pmu_kind kind = {
	.name = "ibs",
	.vendor = PMU_VENDOR_AMD,
	.maker = "AMD",
	.limits = { .least = 1024, .most = (1u << 27) - 16, .step = 16 },
	.full_rate_hz = 10000,
	.most_records_hz = 20000,
	.record_cost_ns = 2000,
	.interrupt_each = true,
	.sharing = "somebody else samples with IBS, which each CPU has once (perf's cycles:p is "
		   "IBS too): end the other",
};

static int ibs_probe(const struct thermo_source_opts *opts)
{
	return pmu_sampler_probe(&kind, opts);
}

static int ibs_open(void *state, const struct thermo_source_opts *opts)
{
	return pmu_sampler_open(state, &kind, opts);
}

const struct thermo_source thermo_source_ibs = {
	.name = "ibs",
	.summary = "AMD's IBS: loads and stores among every so many operations, with thread, CPU, "
		   "level and "
		   "latency",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_THREAD |
	       THERMO_CAN_LATENCY | THERMO_CAN_LEVEL,
	.granularity_bytes = 1,
	.cost = "an interrupt of some 2 us for each record, at most 20 000 a second of all CPUs "
		"together",
	.uses = THERMO_USES_PMU,
	.least_permille = PMU_LEAST_PERMILLE,
	.state_bytes = sizeof(struct pmu_sampler),
	.drain_interval_ms = PMU_DRAIN_INTERVAL_MS,
	.probe = ibs_probe,
	.open = ibs_open,
	.start = pmu_sampler_start,
	.set_targets = pmu_sampler_set_targets,
	.set_rate = pmu_sampler_set_rate,
	.drain = pmu_sampler_drain,
	.counters = pmu_sampler_counters,
	.note = pmu_sampler_note,
	.stop = pmu_sampler_stop,
	.close = pmu_sampler_close,
};
