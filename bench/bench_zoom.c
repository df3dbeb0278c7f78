// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_zoom.c - what is it worth that a scanner looks where hot and cold part?
 *
 * The monitor on a simulated host gets answers of idle marks: 4,000 pages a second, chosen by the
 * plan and for the intervals that the source idlepage has, accessed or not by the likelihood that
 * the load gives.  Once with places spread evenly, once with the focus that follows from each
 * window's snapshot and the size of the upper tier; the same number of looks.
 *
 * X_T_pct_of_bytes_even_lost_pct: share of all accesses that the T % of bytes held to be hottest
 * do not have and the truly hottest would; _zoom_: the same with the focus.  Means over
 * windows 6 to 20, medians of NR_SEEDS runs.
 */
#include "bench/bench.h"

#include <math.h>
#include <string.h>

#include "bench/sim/sim_judge.h"
#include "bench/sim/sim_rig.h"
#include "bench/sim/sim_scenes.h"
#include "core/focus.h"
#include "core/random.h"
#include "sources/scan_interval.h"
#include "sources/scan_plan.h"
#include "thermocline/error.h"

#define NR_WINDOWS 20
#define FIRST_JUDGED 6
#define NR_SEEDS 5
#define BATCHES_A_WINDOW 200
#define BATCH_LOOKS 20
#define BATCH_NS 5000000ull
#define PAGE 4096ull

static const struct {
	const char *scene;
	int top_pct;
} cases[] = {
	{ "hotset_small", 2 }, { "zipf", 5 },    { "zipf", 20 },    { "stairs", 25 },
	{ "zigzag", 25 },      { "jumping", 5 }, { "crawling", 5 }, { "tenants", 50 },
};

struct run {
	struct sim_rig rig;
	struct scan_plan plan;
	struct scan_interval interval;
	struct scan_range all;
	struct scan_range focus[FOCUS_MAX];
	int top_pct;
	bool zoom;
};

/* Running out of memory or of room for files is no result. */
static void must(int err)
{
	if (err >= 0)
		return;
	(void)fprintf(stderr, "bench_zoom: %s\n", thermo_last_error());
	exit(1);
}

static bool look(struct run *run, uint64_t addr, uint64_t interval_ns)
{
	uint64_t at = addr - SIM_BASE;
	double rate = sim_load_rate(run->rig.load, at, at + PAGE, sim_rig_time_ns(&run->rig));
	double chance = -expm1(-rate * (double)interval_ns / 1e9);
	bool accessed = (double)(next_random(&run->plan.random) >> 11) * 0x1p-53 < chance;
	struct thermo_access a = {
		.addr = addr,
		.extent_bytes = PAGE,
		.time_ns = thermo_host_now_ns(&run->rig.sim.host),
		.watched_ns = interval_ns,
		.nr_accesses = accessed,
		.pid = run->rig.sim.first_pid,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.count = accessed ? THERMO_COUNT_AT_LEAST : THERMO_COUNT_EXACT,
	};

	(void)thermo_report_access(run->rig.reporter, &a);
	return accessed;
}

static void watch(struct run *run)
{
	struct scan_place places[BATCH_LOOKS];

	for (int batch = 0; batch < BATCHES_A_WINDOW; batch++) {
		size_t nr = scan_plan_draw(&run->plan, BATCH_LOOKS, places), accessed = 0;
		bool is_middle;
		uint64_t interval_ns = scan_interval_next(&run->interval, &is_middle);

		for (size_t i = 0; i < nr; i++)
			accessed += look(run, places[i].addr, interval_ns);
		if (is_middle)
			scan_interval_learn(&run->interval, nr, accessed);
		sim_host_advance(&run->rig.sim, BATCH_NS);
	}
}

static void focus(struct run *run, const struct thermo_snapshot *s)
{
	static struct thermo_focus found[FOCUS_MAX];
	uint64_t top_bytes = run->rig.load->bytes / 100 * (uint64_t)run->top_pct;
	size_t nr = run->zoom ? focus_of_snapshot(s, top_bytes, found, FOCUS_MAX) : 0;

	for (size_t i = 0; i < nr; i++)
		run->focus[i] = (struct scan_range){ .start = found[i].start,
						     .end = found[i].end,
						     .weight = (double)found[i].share };
	run->plan.focus = run->focus;
	run->plan.nr_focus = nr;
}

/* Share of all accesses that is lost, in percent. */
static double judge(const struct run *run, int window, const struct thermo_snapshot *s)
{
	struct sim_guess *guesses = calloc(s->nr_regions, sizeof(*guesses));
	struct sim_verdict verdict;

	must(guesses ? 0 : -1);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		guesses[i] = (struct sim_guess){ .start = r->start - SIM_BASE,
						 .end = r->end - SIM_BASE,
						 .rate = r->accesses_per_s };
		guesses[i].heat = r->accesses_per_s / (double)(r->end - r->start);
	}
	must(sim_judge(run->rig.load, (uint64_t)(window - 1) * 1000000000, guesses, s->nr_regions,
		       &verdict));
	free(guesses);
	return 100 * (verdict.optimum[run->top_pct] - verdict.captured[run->top_pct]);
}

static double lost(const struct sim_load *load, int top_pct, bool zoom, uint64_t seed)
{
	static struct run run;
	struct sim_rig_opts opts = {
		.machine = { .nr_cpus = 64, .nr_nodes = 2, .node_bytes = load->bytes },
		.seed = seed,
	};
	double sum = 0;

	run = (struct run){ .top_pct = top_pct, .zoom = zoom };
	must(sim_rig_open(&run.rig, load, &opts));
	run.all = (struct scan_range){ .start = SIM_BASE,
				       .end = SIM_BASE + load->bytes,
				       .weight = 1 };
	run.plan = (struct scan_plan){ .all = &run.all, .nr_all = 1, .random = seed * 77777 + 1 };
	scan_interval_init(&run.interval);
	for (int window = 1; window <= NR_WINDOWS; window++) {
		struct thermo_snapshot *s = NULL;

		watch(&run);
		must(thermo_monitor_close_window(run.rig.monitor, &s));
		if (window >= FIRST_JUDGED)
			sum += judge(&run, window, s);
		focus(&run, s);
		thermo_snapshot_put(s);
	}
	sim_rig_close(&run.rig);
	return sum / (NR_WINDOWS - FIRST_JUDGED + 1);
}

static double median_lost(const struct sim_load *load, int top_pct, bool zoom)
{
	double values[NR_SEEDS];

	for (uint64_t seed = 1; seed <= NR_SEEDS; seed++)
		values[seed - 1] = lost(load, top_pct, zoom, seed);
	qsort(values, NR_SEEDS, sizeof(*values), bench_by_value);
	return values[NR_SEEDS / 2];
}

static void run_case(const struct sim_scene *scene, int top_pct)
{
	for (int zoom = 0; zoom <= 1; zoom++) {
		struct sim_load load;
		char name[80];

		must(sim_scene_load(scene, &load));
		(void)snprintf(name, sizeof(name), "%s_%d_pct_of_bytes_%s_lost_pct", scene->name,
			       top_pct, zoom ? "zoom" : "even");
		bench_print(name, median_lost(&load, top_pct, zoom));
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (const struct sim_scene *scene = sim_scenes; scene->name; scene++)
			if (strcmp(scene->name, cases[i].scene) == 0)
				run_case(scene, cases[i].top_pct);
	return 0;
}
