// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_pipeline.c - what a report costs on its way: into the ring, out of it, into
 * the regions; what a window costs; what a decision costs.
 */
#include "bench/bench.h"

#include <string.h>

#include "tests/unit/fake_host.h"
#include "thermocline/monitor.h"
#include "tiering/policy.h"

#define PID 4242
#define BASE 0x100000000000ull
#define RING 65536u
#define PAGE 4096ull

struct pipeline {
	struct fake_host fake;
	struct thermo_reporter *reporter;
	struct thermo_monitor *monitor;
	uint64_t bytes; /* of the target */
	uint64_t random;
};

static uint64_t next_random(struct pipeline *p)
{
	p->random = p->random * 6364136223846793005ull + 1442695040888963407ull;
	return p->random >> 20;
}

static struct thermo_access make_report(struct pipeline *p, uint64_t offset)
{
	return (struct thermo_access){
		.addr = BASE + (offset & ~(PAGE - 1)),
		.extent_bytes = PAGE,
		.time_ns = p->fake.now_ns,
		.watched_ns = 1000 + next_random(p) % 1000,
		.nr_accesses = 1,
		.pid = PID,
		.tid = PID + (int32_t)(offset >> 20 & 7),
		.cpu = (uint32_t)(offset >> 21 & 15),
		.op = THERMO_OP_READ,
	};
}

static double run_report(void *context)
{
	struct pipeline *p = context;
	struct thermo_access a = make_report(p, 0);
	struct thermo_access out[256];
	double start = bench_now_ns(), ns;

	for (uint32_t i = 0; i < RING; i++) {
		a.addr += PAGE;
		(void)thermo_report_access(p->reporter, &a);
	}
	ns = (bench_now_ns() - start) / RING;
	while (thermo_reporter_drain(p->reporter, out, 256))
		;
	return ns;
}

static void fill(struct pipeline *p)
{
	for (uint32_t i = 0; i < RING; i++) {
		struct thermo_access a = make_report(p, next_random(p) % p->bytes);

		(void)thermo_report_access(p->reporter, &a);
	}
}

static double run_ingest(void *context)
{
	struct pipeline *p = context;
	double start;

	fill(p);
	start = bench_now_ns();
	(void)thermo_monitor_drain(p->monitor);
	return (bench_now_ns() - start) / RING;
}

/* 0 to 15, the same each round; neighbours have nothing to do with each other (splitmix64). */
static unsigned int heat_of(uint64_t stretch)
{
	uint64_t z = (stretch + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (unsigned int)(z >> 60);
}

/* Stretches of very different heat, so that there is something to split. */
static void teach(struct pipeline *p, uint64_t stretch)
{
	for (int round = 0; round < 40; round++) {
		for (uint64_t at = 0; at < p->bytes; at += stretch) {
			struct thermo_access a = make_report(p, at);

			a.extent_bytes = stretch;
			a.nr_accesses = 1u << heat_of(at / stretch);
			a.watched_ns = 1000000;
			(void)thermo_report_access(p->reporter, &a);
			if (at / stretch % 32768 == 32767)
				(void)thermo_monitor_drain(p->monitor);
		}
		fake_advance(&p->fake, 1000000000);
		struct thermo_snapshot *s = NULL;

		if (thermo_monitor_close_window(p->monitor, &s) == 0)
			thermo_snapshot_put(s);
	}
}

static double run_window(void *context)
{
	struct pipeline *p = context;
	struct thermo_snapshot *s = NULL;
	double start, ns;

	fill(p);
	(void)thermo_monitor_drain(p->monitor);
	fake_advance(&p->fake, 1000000000);
	start = bench_now_ns();
	if (thermo_monitor_close_window(p->monitor, &s))
		return 0;
	ns = (bench_now_ns() - start) / s->nr_regions;
	thermo_snapshot_put(s);
	return ns;
}

static void set_up(struct pipeline *p, uint32_t max_regions, uint64_t bytes)
{
	struct thermo_monitor_opts opts = { .min_nr_regions = max_regions / 10,
					    .max_nr_regions = max_regions };
	pid_t pid = PID;
	struct thermo_target_spec spec = { .pids = &pid, .nr_pids = 1 };
	char maps[80];

	memset(p, 0, sizeof(*p));
	fake_host_init(&p->fake);
	(void)snprintf(maps, sizeof(maps), "%llx-%llx rw-p 00000000 00:00 0\n", BASE,
		       (unsigned long long)(BASE + bytes));
	fake_process(&p->fake, &(struct fake_process){ .pid = PID,
						       .name = "bench",
						       .rss_pages = 100000,
						       .start_ticks = 7,
						       .nr_threads = 8,
						       .maps = maps });
	p->bytes = bytes;
	p->random = 1;
	fake_check(thermo_reporter_new(&p->reporter,
				       &(struct thermo_reporter_opts){ .nr_reports = RING,
								       .nr_threads = 1 }) == 0,
		   "reporter");
	fake_check(thermo_monitor_new(&p->monitor, &p->fake.host, &opts) == 0, "monitor");
	fake_check(thermo_monitor_add_reporter(p->monitor, p->reporter, "bench") == 0, "monitor");
	fake_check(thermo_monitor_update_targets(p->monitor, &spec) == 1, "target");
}

static void tear_down(struct pipeline *p)
{
	thermo_monitor_free(p->monitor);
	thermo_reporter_free(p->reporter);
	fake_host_fini(&p->fake);
}

static uint32_t count_regions(struct pipeline *p)
{
	struct thermo_snapshot *s = NULL;
	uint32_t nr = 0;

	fake_advance(&p->fake, 1000000000);
	if (thermo_monitor_close_window(p->monitor, &s) == 0)
		nr = s->nr_regions;
	thermo_snapshot_put(s);
	return nr;
}

static void bench_regions(uint32_t max_regions, uint64_t bytes, const char *what)
{
	struct pipeline p;
	char name[64];

	set_up(&p, max_regions, bytes);
	/* Stretches as long as regions, so that about as many come about. */
	teach(&p, bytes / max_regions / 4096 * 4096);
	(void)snprintf(name, sizeof(name), "%s_regions", what);
	bench_print(name, count_regions(&p));
	(void)snprintf(name, sizeof(name), "%s_ingest_ns_per_report", what);
	bench_print(name, bench_median(run_ingest, &p));
	(void)snprintf(name, sizeof(name), "%s_window_ns_per_region", what);
	bench_print(name, bench_median(run_window, &p));
	tear_down(&p);
}

int main(void)
{
	struct pipeline p;

	set_up(&p, 1000, 1ull << 30);
	bench_print("report_ns", bench_median(run_report, &p));
	tear_down(&p);
	bench_regions(1000, 1ull << 30, "1gib_1000");
	bench_regions(10000, 1ull << 34, "16gib_10000");
	/* Cost depends on regions, not on the size of memory. */
	bench_regions(1000, 1ull << 46, "64tib_1000");
	return 0;
}
