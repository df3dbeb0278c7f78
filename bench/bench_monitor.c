// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_monitor.c - what a report, a window and a target cost the monitor.
 *
 * On a simulated host, so that memory, CPUs and processes are as many as wanted.
 * Costs are of the monitor's side alone: the ring is full before the clock starts.
 * Each number is the median of NR_RUNS rounds; what is to be compared takes turns in
 * each round, so that a busy machine slows all of it down.
 */
#include "bench/bench.h"

#include <malloc.h>
#include <stdarg.h>
#include <string.h>

#include "bench/sim/sim_rig.h"
#include "bench/workload/random.h"
#include "thermocline/error.h"

#define GIB (1ull << 30)
#define TIB (1ull << 40)
#define RING 65536u
#define NR_RUNS 15
#define MAX_SUBJECTS 4
#define WINDOW_NS 1000000000ull
#define ACCESSES_PER_S 1e9
#define MAX_ROUNDS 60
#define STRETCHES_PER_REGION 2

static void must(int err)
{
	if (err >= 0)
		return;
	(void)fprintf(stderr, "bench_monitor: %s\n", thermo_last_error());
	exit(1);
}

static void print(double value, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void print(double value, const char *fmt, ...)
{
	char name[80];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	bench_print(name, value);
	(void)fflush(stdout);
}

/* --- a monitor with as many regions as it may have --- */

enum cost { COST_SAMPLE, COST_WATCHED, COST_SILENCE, COST_WINDOW, NR_COSTS };

struct subject {
	struct sim_load load; /* what it has learnt: more stretches than regions */
	struct sim_load even; /* what it is measured with */
	struct sim_rig rig;
	uint32_t nr_regions;
	double heap_bytes;
	double costs[NR_COSTS][NR_RUNS];
};

struct subject_opts {
	uint64_t bytes; /* of a process */
	uint32_t nr_regions;
	unsigned int nr_cpus;
	unsigned int nr_nodes;
	unsigned int nr_processes;
};

static struct sim_who who_of(const struct subject_opts *opts)
{
	return (struct sim_who){ .nr_cpus = opts->nr_cpus,
				 .first_tid = 1,
				 .nr_tids = opts->nr_cpus < 256 ? opts->nr_cpus : 256,
				 .write_share = 0.3,
				 .latency_ns = 150,
				 .level = THERMO_LEVEL_LOCAL_DRAM };
}

/* Neighbours are seldom alike, so there is always something to split. */
static void make_loads(struct subject *s, const struct subject_opts *opts)
{
	uint64_t nr_regions = opts->nr_regions / opts->nr_processes;
	uint64_t nr = nr_regions * STRETCHES_PER_REGION;
	uint64_t grain = opts->bytes / nr / SIM_PAGE_BYTES * SIM_PAGE_BYTES;
	struct sim_load load = { .bytes = nr * grain,
				 .accesses_per_s = ACCESSES_PER_S,
				 .background = who_of(opts) };

	s->even = s->load = load;
	s->load.nr_pieces = 1;
	s->load.pieces[0] = (struct sim_piece){ .shape = SIM_ZIPF_SCATTERED,
						.share = 0.9,
						.bytes = load.bytes,
						.grain_bytes = grain,
						.exponent = 1.5,
						.who = who_of(opts) };
	must(sim_load_init(&s->load));
	must(sim_load_init(&s->even));
}

static void report(struct subject *s, const struct thermo_access *a)
{
	if (thermo_report_access(s->rig.reporter, a))
		return;
	(void)thermo_monitor_drain(s->rig.monitor);
	(void)thermo_report_access(s->rig.reporter, a);
}

/* Each stretch is watched as a whole for a tenth of a second. */
static void teach_process(struct subject *s, pid_t pid)
{
	uint64_t grain = s->load.pieces[0].grain_bytes;

	for (uint64_t at = 0; at < s->load.bytes; at += grain) {
		struct thermo_access a = { .addr = SIM_BASE + at,
					   .extent_bytes = grain,
					   .watched_ns = 100000000,
					   .pid = pid,
					   .tid = pid,
					   .node = THERMO_NODE_UNKNOWN };
		double rate = sim_load_rate(&s->load, at, at + grain, 0);

		a.time_ns = thermo_host_now_ns(&s->rig.sim.host);
		a.nr_accesses = (uint32_t)(rate / 10 / s->rig.nr_processes) + 1;
		report(s, &a);
	}
}

static void teach(struct subject *s)
{
	for (unsigned int i = 0; i < s->rig.nr_processes; i++)
		teach_process(s, s->rig.sim.first_pid + (pid_t)i);
	(void)thermo_monitor_drain(s->rig.monitor);
}

static void close_window(struct subject *s)
{
	struct thermo_snapshot *snapshot = NULL;

	sim_host_advance(&s->rig.sim, WINDOW_NS);
	must(thermo_monitor_close_window(s->rig.monitor, &snapshot));
	s->nr_regions = snapshot->nr_regions;
	if (snapshot->counters.no_target + snapshot->counters.no_region + snapshot->counters.bad) {
		(void)fprintf(stderr, "bench_monitor: reports went nowhere\n");
		exit(1);
	}
	thermo_snapshot_put(snapshot);
}

/* Until the number of regions grows no more. */
static void learn(struct subject *s, uint32_t nr_wanted)
{
	uint32_t before = 0;
	int same = 0;

	for (int round = 0; round < MAX_ROUNDS && same < 5; round++) {
		teach(s);
		close_window(s);
		same = s->nr_regions <= before ? same + 1 : 0;
		before = s->nr_regions > before ? s->nr_regions : before;
		if (s->nr_regions >= nr_wanted)
			break;
	}
}

static double heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)info.uordblks + (double)info.hblkhd;
}

static void subject_open(struct subject *s, const struct subject_opts *opts)
{
	struct sim_rig_opts rig = {
		.machine = { .nr_cpus = opts->nr_cpus,
			     .nr_nodes = opts->nr_nodes,
			     .node_bytes = opts->bytes * opts->nr_processes / opts->nr_nodes },
		/* Nearly as many at least: there are to be so many, whatever is learnt. */
		.monitor = { .min_nr_regions = opts->nr_regions / opts->nr_processes * 9 / 10,
			     .max_nr_regions = opts->nr_regions },
		.nr_processes = opts->nr_processes,
		.nr_slots = RING,
	};

	make_loads(s, opts);
	must(sim_rig_open(&s->rig, &s->load, &rig));
	learn(s, opts->nr_regions);
}

/* The monitor's own memory is what comes back when it goes. */
static void close_monitor(struct subject *s)
{
	double before = heap_bytes();

	thermo_monitor_free(s->rig.monitor);
	s->rig.monitor = NULL;
	s->heap_bytes = before - heap_bytes();
}

/* --- measuring --- */

/* Accesses all over memory: PMU samples. */
static struct thermo_access make_sample(struct subject *s, const struct sim_load *load)
{
	s->rig.load = load;
	return sim_rig_draw(&s->rig, (uint32_t)(ACCESSES_PER_S / RING));
}

/* A page that was watched until somebody touched it, as a hint fault tells. */
static struct thermo_access make_watched(struct subject *s)
{
	struct thermo_access a = make_sample(s, &s->even);

	a.addr &= ~(SIM_PAGE_BYTES - 1);
	a.extent_bytes = SIM_PAGE_BYTES;
	a.watched_ns = 1000 + (uint64_t)a.latency_ns * 100;
	a.nr_accesses = 1;
	a.latency_ns = 0;
	a.level = THERMO_LEVEL_UNKNOWN;
	a.access_bytes = 0;
	return a;
}

/* A stretch of pages that nobody touched while it was watched. */
static struct thermo_access make_silence(struct subject *s)
{
	struct thermo_access a = make_watched(s);
	uint64_t end = SIM_BASE + s->load.bytes;

	a.extent_bytes = end - a.addr < 64 * SIM_PAGE_BYTES ? end - a.addr : 64 * SIM_PAGE_BYTES;
	a.watched_ns = 100000000;
	a.nr_accesses = 0;
	a.op = THERMO_OP_UNKNOWN;
	a.cpu = THERMO_CPU_UNKNOWN;
	a.tid = 0;
	a.node = THERMO_NODE_UNKNOWN;
	return a;
}

static void fill(struct subject *s, enum cost cost)
{
	for (uint32_t i = 0; i < RING; i++) {
		struct thermo_access a = cost == COST_WATCHED   ? make_watched(s)
					 : cost == COST_SILENCE ? make_silence(s)
					 : cost == COST_WINDOW  ? make_sample(s, &s->load)
								: make_sample(s, &s->even);

		(void)thermo_report_access(s->rig.reporter, &a);
	}
}

/* Return: nanoseconds of one report. */
static double measure_drain(struct subject *s, enum cost cost)
{
	double start;

	fill(s, cost);
	start = bench_now_ns();
	if (thermo_monitor_drain(s->rig.monitor) != RING) {
		(void)fprintf(stderr, "bench_monitor: the ring was not full\n");
		exit(1);
	}
	return (bench_now_ns() - start) / RING;
}

/* Return: nanoseconds a region. */
static double measure_window(struct subject *s)
{
	double start, ns;

	teach(s);
	fill(s, COST_WINDOW);
	(void)thermo_monitor_drain(s->rig.monitor);
	start = bench_now_ns();
	close_window(s);
	ns = bench_now_ns() - start;
	return ns / s->nr_regions;
}

/*
 * Windows first: they go by what was learnt, which reports from all over memory
 * would blur as soon as a window closes.  Round -1 only warms up.
 */
static void measure(struct subject *subjects, int nr)
{
	for (int round = -1; round < NR_RUNS; round++)
		for (int i = 0; i < nr; i++)
			subjects[i].costs[COST_WINDOW][round < 0 ? 0 : round] =
					measure_window(&subjects[i]);
	for (int cost = 0; cost < COST_WINDOW; cost++)
		for (int round = -1; round < NR_RUNS; round++)
			for (int i = 0; i < nr; i++)
				subjects[i].costs[cost][round < 0 ? 0 : round] =
						measure_drain(&subjects[i], cost);
}

static double cost_of(const struct subject *s, enum cost cost)
{
	double values[NR_RUNS];

	memcpy(values, s->costs[cost], sizeof(values));
	qsort(values, NR_RUNS, sizeof(values[0]), bench_by_value);
	return values[NR_RUNS / 2];
}

static void print_subject(const char *name, const struct subject *s)
{
	print(s->nr_regions, "%s_nr", name);
	print(cost_of(s, COST_SAMPLE), "%s_sample_ns", name);
	print(1e3 / cost_of(s, COST_SAMPLE), "%s_samples_million_per_s", name);
	print(cost_of(s, COST_WATCHED), "%s_watched_page_ns", name);
	print(cost_of(s, COST_SILENCE), "%s_silence_ns", name);
	print(cost_of(s, COST_WINDOW), "%s_window_ns_per_region", name);
	print(s->heap_bytes / s->nr_regions, "%s_heap_bytes_per_region", name);
}

static void print_spread(const char *name, const char *what, const struct subject *subjects, int nr,
			 enum cost cost)
{
	double low = cost_of(&subjects[0], cost), high = low;

	for (int i = 1; i < nr; i++) {
		double value = cost_of(&subjects[i], cost);

		low = value < low ? value : low;
		high = value > high ? value : high;
	}
	print(high / low, "%s_%s_max_by_min_x", name, what);
}

/* Open, measure by turns, print, close. */
static void compare(const char *name, const char *const *names, const struct subject_opts *opts,
		    int nr)
{
	static struct subject subjects[MAX_SUBJECTS];

	memset(subjects, 0, sizeof(subjects));
	for (int i = 0; i < nr; i++)
		subject_open(&subjects[i], &opts[i]);
	measure(subjects, nr);
	for (int i = 0; i < nr; i++)
		close_monitor(&subjects[i]);
	for (int i = 0; i < nr; i++)
		print_subject(names[i], &subjects[i]);
	if (nr > 1 && name) {
		print_spread(name, "sample", subjects, nr, COST_SAMPLE);
		print_spread(name, "watched_page", subjects, nr, COST_WATCHED);
		print_spread(name, "window", subjects, nr, COST_WINDOW);
	}
	for (int i = 0; i < nr; i++)
		sim_rig_close(&subjects[i].rig);
}

/* --- the questions --- */

static void bench_regions(void)
{
	static const char *const names[] = { "1000_regions", "10000_regions" };
	static const struct subject_opts opts[] = {
		{ 1 * TIB, 1000, 64, 2, 1 },
		{ 1 * TIB, 10000, 64, 2, 1 },
	};

	(void)printf("# by regions: 1 TiB, 64 CPUs, 2 nodes\n");
	compare(NULL, names, opts, 2);
}

static void bench_memory(void)
{
	static const char *const names[] = { "1_gib", "64_gib", "1_tib", "64_tib" };
	static const struct subject_opts opts[] = {
		{ 1 * GIB, 1000, 64, 2, 1 },
		{ 64 * GIB, 1000, 64, 2, 1 },
		{ 1 * TIB, 1000, 64, 2, 1 },
		{ 64 * TIB, 1000, 64, 2, 1 },
	};

	(void)printf("# by memory: 1,000 regions, 64 CPUs, 2 nodes\n");
	compare("memory", names, opts, 4);
}

static void bench_cpus(void)
{
	static const char *const names[] = { "2_cpus", "64_cpus", "1024_cpus" };
	static const struct subject_opts opts[] = {
		{ 1 * TIB, 1000, 2, 2, 1 },
		{ 1 * TIB, 1000, 64, 8, 1 },
		{ 1 * TIB, 1000, 1024, 8, 1 },
	};

	(void)printf("# by CPUs: 1 TiB, 1,000 regions, 8 nodes (2 with 2 CPUs)\n");
	compare("cpus", names, opts, 3);
}

static double by_target(struct subject *s, double start)
{
	return (bench_now_ns() - start) / 1e3 / s->rig.nr_processes;
}

/* 64 TiB, 8 nodes, 1,024 CPUs, 4,096 processes. */
static void bench_large(void)
{
	static const struct subject_opts opts = { 16 * GIB, 40960, 1024, 8, 4096 };
	static struct subject s;
	double values[BENCH_RUNS];

	(void)printf("# 64 TiB, 8 nodes, 1,024 CPUs, 4,096 processes\n");
	subject_open(&s, &opts);
	for (int i = 0; i < BENCH_RUNS; i++) {
		double start = bench_now_ns();

		must(sim_rig_update_targets(&s.rig));
		values[i] = by_target(&s, start);
	}
	qsort(values, BENCH_RUNS, sizeof(values[0]), bench_by_value);
	print(values[BENCH_RUNS / 2], "large_update_us_per_process");
	measure(&s, 1);
	close_monitor(&s);
	print_subject("large", &s);
	print(cost_of(&s, COST_WINDOW) * s.nr_regions / 1e6, "large_window_ms");
	sim_rig_close(&s.rig);
}

int main(void)
{
	bench_regions();
	bench_memory();
	bench_cpus();
	bench_large();
	return 0;
}
