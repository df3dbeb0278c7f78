// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_accuracy.c - how true is the monitor's picture, and how soon?
 *
 * The monitor on a simulated host gets 10,000 samples a window of one second from
 * loads with a known truth; DAMON's algorithm looks at accessed bits of the same
 * loads instead.  The load makes 1e9 accesses a second: accessed bits see them all, a
 * sample stands for 100,000 of them; and DAMON looks up to 200,000 times a second.
 *
 * Each number is the median of NR_SEEDS runs.  Names of scenes as arguments choose
 * scenes; "spot" chooses all hot spots.
 *
 *	X_best_5_pct	share of all accesses to the hottest 5 % of bytes
 *	X_monitor_5_pct	... to the 5 % that the monitor holds to be hottest
 *	w10_miss	mean of that difference over 1 to 100 % of bytes, after 10 windows
 *	mean_miss	mean of it over windows 1 to 20
 *	isolation_x	bytes that are held for hot at the spot, by its 4 MiB
 */
#include "bench/bench.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "bench/sim/sim_damon.h"
#include "bench/sim/sim_judge.h"
#include "bench/sim/sim_load.h"
#include "bench/sim/sim_judge_who.h"
#include "bench/sim/sim_rig.h"
#include "bench/sim/sim_scenes.h"
#include "thermocline/error.h"

#define MIB (1ull << 20)
#define NR_WINDOWS 20
#define WINDOW_NS 1000000000ull
#define NR_SAMPLES 10000u
#define PERIOD ((uint32_t)(SIM_ACCESSES_PER_S / NR_SAMPLES))
#define NR_REGIONS 1000
#define RING 16384
#define NR_SEEDS 3
#define NR_SPOT_SEEDS 9
#define MAX_RUNS 9

/* What a run showed after each window. */
struct run {
	struct sim_verdict at[NR_WINDOWS + 1];
	struct sim_isolation spot[NR_WINDOWS + 1];
	struct sim_who_verdict who; /* after the tenth */
};

enum who { WHO_MONITOR, WHO_DAMON, WHO_DAMON_TUNED, NR_WHO };

static const char *const who_names[NR_WHO] = { "monitor", "damon", "damon_tuned" };

/* Running out of memory or of room for files is no result. */
static void must(int err)
{
	if (err >= 0)
		return;
	(void)fprintf(stderr, "bench_accuracy: %s\n", thermo_last_error());
	exit(1);
}

static void judge(const struct sim_load *load, int window, struct sim_guess *guesses, size_t nr,
		  struct run *run)
{
	/* Loads change between windows only: what was true when this one began. */
	uint64_t time_ns = (uint64_t)(window - 1) * WINDOW_NS;

	must(sim_judge(load, time_ns, guesses, nr, &run->at[window]));
	if (load->nr_pieces)
		sim_isolate(load, time_ns, guesses, nr, &run->spot[window]);
}

/* --- the monitor --- */

static void sample(struct sim_rig *rig)
{
	for (uint32_t i = 0; i < NR_SAMPLES; i++) {
		struct thermo_access a = sim_rig_draw(rig, PERIOD);

		sim_host_advance(&rig->sim, WINDOW_NS / NR_SAMPLES);
		(void)thermo_report_access(rig->reporter, &a);
	}
}

static void judge_snapshot(const struct sim_load *load, int window, const struct thermo_snapshot *s,
			   struct run *run)
{
	struct sim_guess *guesses = calloc(s->nr_regions, sizeof(*guesses));

	must(guesses ? 0 : -1);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		guesses[i] = (struct sim_guess){ .start = r->start - SIM_BASE,
						 .end = r->end - SIM_BASE,
						 .rate = r->accesses_per_s,
						 .error = r->accesses_per_s_error };
		guesses[i].heat = r->accesses_per_s / (double)(r->end - r->start);
	}
	judge(load, window, guesses, s->nr_regions, run);
	free(guesses);
}

static void run_monitor(const struct sim_load *load, uint64_t seed, struct run *run)
{
	struct sim_rig_opts opts = {
		.machine = { .nr_cpus = 64, .nr_nodes = 2, .node_bytes = load->bytes },
		.monitor = { .max_nr_regions = NR_REGIONS },
		.nr_slots = RING,
		.seed = seed
	};
	struct sim_rig rig;

	must(sim_rig_open(&rig, load, &opts));
	for (int window = 1; window <= NR_WINDOWS; window++) {
		struct thermo_snapshot *s = NULL;

		sample(&rig);
		must(thermo_monitor_close_window(rig.monitor, &s));
		judge_snapshot(load, window, s, run);
		if (window == 10)
			sim_judge_who(load, (uint64_t)(window - 1) * WINDOW_NS, s, &run->who);
		thermo_snapshot_put(s);
	}
	sim_rig_close(&rig);
}

/* --- DAMON --- */

static void run_damon(const struct sim_load *load, uint64_t seed, bool tune, struct run *run)
{
	struct sim_damon_opts opts = { .max_nr_regions = NR_REGIONS, .tune = tune, .seed = seed };
	struct sim_damon *damon;

	must(sim_damon_new(&damon, load, &opts));
	for (int window = 1; window <= NR_WINDOWS; window++) {
		struct sim_guess *guesses = NULL;
		ptrdiff_t nr;

		must(sim_damon_run(damon, (uint64_t)window * WINDOW_NS));
		nr = sim_damon_guesses(damon, &guesses);
		must((int)nr);
		judge(load, window, guesses, (size_t)nr, run);
		free(guesses);
	}
	sim_damon_free(damon);
}

/* --- results --- */

static struct run runs[NR_WHO][MAX_RUNS];

static double median(double *values, int nr)
{
	qsort(values, (size_t)nr, sizeof(*values), bench_by_value);
	return values[nr / 2];
}

/* Median over runs of the double at @offset of the verdict. */
static double verdict(enum who who, int window, size_t offset)
{
	double values[NR_SEEDS];

	for (int i = 0; i < NR_SEEDS; i++)
		memcpy(&values[i], (const char *)&runs[who][i].at[window] + offset,
		       sizeof(values[i]));
	return median(values, NR_SEEDS);
}

#define VERDICT(who, window, field) verdict(who, window, offsetof(struct sim_verdict, field))

static void print(const char *scene, const char *who, const char *what, double value)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "%s_%s_%s", scene, who, what);
	/* Rounding alone makes no minus. */
	bench_print(name, fabs(value) < 0.005 ? 0 : value);
}

static double mean_miss(enum who who)
{
	double sum = 0;

	for (int window = 1; window <= NR_WINDOWS; window++)
		sum += VERDICT(who, window, mean_miss);
	return sum / NR_WINDOWS;
}

static void print_captured(const char *scene)
{
	static const int shares[] = { 5, 10, 20, 40 };

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		size_t x = (size_t)shares[i] * sizeof(double);
		char what[16];

		(void)snprintf(what, sizeof(what), "%d_pct", shares[i]);
		print(scene, "best", what,
		      100 * verdict(WHO_MONITOR, 10, offsetof(struct sim_verdict, optimum) + x));
		for (int who = 0; who < WHO_DAMON_TUNED; who++)
			print(scene, who_names[who], what,
			      100 * verdict(who, 10, offsetof(struct sim_verdict, captured) + x));
	}
}

static void print_misses(const char *scene)
{
	static const int windows[] = { 1, 3, 5, 10, 20 };

	for (int who = 0; who < NR_WHO; who++) {
		for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
			char what[24];

			(void)snprintf(what, sizeof(what), "w%d_miss_pct", windows[i]);
			print(scene, who_names[who], what,
			      100 * VERDICT(who, windows[i], mean_miss));
		}
		print(scene, who_names[who], "mean_miss_pct", 100 * mean_miss(who));
	}
}

/* nr_ranges is no double. */
static double nr_ranges(enum who who)
{
	double values[NR_SEEDS];

	for (int i = 0; i < NR_SEEDS; i++)
		values[i] = (double)runs[who][i].at[10].nr_ranges;
	return median(values, NR_SEEDS);
}

static void print_rates(const char *scene)
{
	for (int who = 0; who < NR_WHO; who++) {
		print(scene, who_names[who], "regions", nr_ranges(who));
		print(scene, who_names[who], "total_error_pct",
		      100 * VERDICT(who, 10, total_error));
		print(scene, who_names[who], "rate_error_pct", 100 * VERDICT(who, 10, rate_error));
	}
	print(scene, "monitor", "mean_error_sigma", VERDICT(WHO_MONITOR, 10, mean_sigma));
	print(scene, "monitor", "within_2_sigma_pct",
	      100 * VERDICT(WHO_MONITOR, 10, within_2_sigma));
}

/* Median over runs of the double at @offset of what is said of who did it. */
static double who_verdict(size_t offset)
{
	double values[NR_SEEDS];

	for (int i = 0; i < NR_SEEDS; i++)
		memcpy(&values[i], (const char *)&runs[WHO_MONITOR][i].who + offset,
		       sizeof(values[i]));
	return median(values, NR_SEEDS);
}

static void print_who(const char *scene)
{
	print(scene, "monitor", "write_share_error_pct",
	      100 * who_verdict(offsetof(struct sim_who_verdict, writes)));
	print(scene, "monitor", "cpu_share_error_pct",
	      100 * who_verdict(offsetof(struct sim_who_verdict, cpus)));
	print(scene, "monitor", "tid_share_error_pct",
	      100 * who_verdict(offsetof(struct sim_who_verdict, tids)));
	print(scene, "monitor", "shares_contradicted_pct",
	      100 * who_verdict(offsetof(struct sim_who_verdict, contradicted)));
}

static void run_scene(const struct sim_scene *scene)
{
	struct sim_load load;

	must(sim_scene_load(scene, &load));
	for (int i = 0; i < NR_SEEDS; i++) {
		run_monitor(&load, (uint64_t)i + 1, &runs[WHO_MONITOR][i]);
		run_damon(&load, (uint64_t)i + 1, false, &runs[WHO_DAMON][i]);
		run_damon(&load, (uint64_t)i + 1, true, &runs[WHO_DAMON_TUNED][i]);
	}
	(void)printf("# %s: %s\n", scene->name, scene->what);
	print_captured(scene->name);
	print_misses(scene->name);
	print_rates(scene->name);
	print_who(scene->name);
	(void)fflush(stdout);
}

/* --- hot spots --- */

static void print_spot(const char *scene, enum who who, int window)
{
	double factors[NR_SPOT_SEEDS], held[NR_SPOT_SEEDS], elsewhere[NR_SPOT_SEEDS];
	char prefix[32];

	for (int i = 0; i < NR_SPOT_SEEDS; i++) {
		factors[i] = runs[who][i].spot[window].factor;
		held[i] = 100 * runs[who][i].spot[window].held;
		elsewhere[i] = (double)runs[who][i].spot[window].false_hot_bytes / (double)MIB;
	}
	(void)snprintf(prefix, sizeof(prefix), "%s_w%d", who_names[who], window);
	print(scene, prefix, "isolation_x", median(factors, NR_SPOT_SEEDS));
	print(scene, prefix, "isolation_worst_x", factors[NR_SPOT_SEEDS - 1]);
	print(scene, prefix, "held_pct", median(held, NR_SPOT_SEEDS));
	print(scene, prefix, "elsewhere_mib", median(elsewhere, NR_SPOT_SEEDS));
}

/* 4 MiB in 1 TiB, each time elsewhere. */
static void run_spot(int share_pct)
{
	char name[32];

	for (uint64_t i = 0; i < NR_SPOT_SEEDS; i++) {
		struct sim_load load;

		must(sim_spot_load(share_pct / 100.0, i, &load));
		run_monitor(&load, i + 1, &runs[WHO_MONITOR][i]);
		run_damon(&load, i + 1, false, &runs[WHO_DAMON][i]);
	}
	(void)snprintf(name, sizeof(name), "spot_%d_pct", share_pct);
	(void)printf("# %s: %d %% of accesses to 4 MiB of 1 TiB\n", name, share_pct);
	print_spot(name, WHO_MONITOR, 3);
	print_spot(name, WHO_MONITOR, 5);
	print_spot(name, WHO_MONITOR, 10);
	print_spot(name, WHO_MONITOR, 20);
	print_spot(name, WHO_DAMON, 10);
	print_spot(name, WHO_DAMON, 20);
	(void)fflush(stdout);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	for (const struct sim_scene *scene = sim_scenes; scene->name; scene++)
		if (is_wanted(scene->name, argc, argv))
			run_scene(scene);
	if (is_wanted("spot", argc, argv)) {
		run_spot(50);
		run_spot(10);
		run_spot(3);
	}
	return 0;
}
