/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_pmu_sampler.c - a kernel that writes anything into a ring: the sampler takes it or
 * ends with a reason, and its accounts stay numbers.
 */
#include <stdlib.h>

#include "sources/pmu_sampler.h"
#include "tests/unit/fake_host.h"

#define RING_BYTES 8192u
#define DRAINS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct pmu_kind kind = { .name = "fuzz", .limits = { 1, 1, 1 } };

static struct fake_host fake;
static struct thermo_reporter *reporter;
static unsigned char ring[RING_BYTES];
static uint64_t head, tail;

static void drop(void)
{
	fake_host_fini(&fake);
}

static void make(void)
{
	fake_host_init(&fake);
	(void)atexit(drop);
	fake_check(thermo_reporter_new(&reporter, NULL) == 0, "reporter");
}

/* A CPU with two events: ids 1 and 2, as PEBS and as a leader. */
static void open_sampler(struct pmu_sampler *s)
{
	const pid_t pid = 42;
	struct pmu_plan plan = { .source = "fuzz", .nr_events = 2 };
	struct thermo_source_opts opts = { .host = &fake.host };

	for (int i = 0; i < 2; i++) {
		plan.events[i].leader = -1;
		plan.events[i].cpus = hwloc_bitmap_alloc();
		plan.events[i].attr.perf = (struct perf_event_attr){
			.sample_type = PERF_SAMPLE_IDENTIFIER,
			.sample_id_all = 1,
		};
	}
	plan.events[0].attr.perf.sample_type |=
			PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR |
			PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_DATA_SRC |
			PERF_SAMPLE_PHYS_ADDR | (1ull << 24);
	plan.events[0].attr.perf.use_clockid = 1;
	fake_check(pmu_sampler_open_plan(s, &kind, &opts, &plan) == 0, "open");
	fake_check(pmu_sampler_set_targets(s, &pid, 1) == 0, "targets");
	s->drained_ns = s->checked_ns = thermo_host_now_ns(&fake.host);
	s->cpus = calloc(1, sizeof(*s->cpus));
	fake_check(s->cpus != NULL, "calloc");
	s->nr_cpus = 1;
	struct pmu_cpu *c = s->cpus;

	c->instances = calloc(2, sizeof(*c->instances));
	fake_check(c->instances != NULL, "calloc");
	c->nr = c->room = 2;
	for (size_t i = 0; i < PMU_PLAN_EVENTS; i++)
		c->tallies[i].share = 1;
	for (uint8_t i = 0; i < 2; i++)
		c->instances[i] = (struct pmu_instance){ .fd = { .fd = -1, .id = i + 1u },
							 .event = i };
	c->owner.fd = -1;
	c->ns_per_cycle = 0.5;
	c->ring = (struct perf_ring){ ring, RING_BYTES, &head, &tail };
}

static void check(const struct pmu_sampler *s)
{
	struct thermo_access got[64];
	size_t n;

	while ((n = thermo_reporter_drain(reporter, got, 64)) > 0)
		for (size_t i = 0; i < n; i++)
			if (got[i].addr == 0 || got[i].nr_accesses == 0 || got[i].pid != 42)
				abort();
	for (size_t i = 0; i < PMU_PLAN_EVENTS; i++)
		if (!(s->cpus->tallies[i].debt.owed >= 0 &&
		      s->cpus->tallies[i].debt.owed <= SAMPLE_DEBT_MOST))
			abort();
	if (s->counters.seen != s->counters.reported + s->counters.ignored + s->counters.useless)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct pmu_sampler s = { 0 };
	int err = 0;

	if (!reporter)
		make();
	open_sampler(&s);
	head = tail = RING_BYTES - 64; /* so that records wrap */
	for (int i = 0; i < DRAINS && err >= 0; i++) {
		size_t nr = bytes / DRAINS < RING_BYTES ? bytes / DRAINS : RING_BYTES;

		for (size_t at = 0; at < nr; at++)
			ring[(head + at) % RING_BYTES] = data[(size_t)i * (bytes / DRAINS) + at];
		head += nr;
		fake_advance(&fake, 1000000);
		err = pmu_sampler_drain(&s, reporter);
		if (err >= 0)
			check(&s);
	}
	pmu_sampler_close(&s);
	return 0;
}
