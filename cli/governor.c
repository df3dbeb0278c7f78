// SPDX-License-Identifier: GPL-2.0-or-later
/* governor.c - an account of CPU time, and what to spend it on. */
#include "cli/governor.h"

#include "thermocline/source.h"

#define DEFAULT_CPU_BUDGET_PCT 1.0
/* Less than this tells nothing any more: it is not gone below for the CPU budget. */
#define MIN_RATE_PERMILLE 300u
/* Less than this looks too seldom to notice soon that something changed. */
#define WATCHFUL_RATE_PERMILLE 500u
/* A change of this share of all accesses is worth a closer look, for so long. */
#define UNSTABLE_SHARE 0.05f
#define UNSTABLE_NS 15000000000ull
/* The budget holds on average over this time, and for a window at so many times it. */
#define CREDIT_NS 600e9
#define BURST_FACTOR 5.0

void governor_init(struct governor *g, const struct governor_opts *opts, uint32_t nr_sockets,
		   uint64_t now_ns)
{
	double pct = opts->cpu_budget_pct > 0 ? opts->cpu_budget_pct : DEFAULT_CPU_BUDGET_PCT;

	*g = (struct governor){
		.opts = opts,
		.budget = pct / 100 * nr_sockets,
		.allowed_permille = THERMO_RATE_FULL,
		.evidence_permille = THERMO_RATE_FULL,
		.rate_permille = THERMO_RATE_FULL,
		.window_ms = opts->window_ms ? opts->window_ms : DEFAULT_WINDOW_MS,
		/* Everything is new at first. */
		.unstable_until_ns = now_ns + 2 * UNSTABLE_NS,
	};
	g->cpu_credit_ns = g->budget * CREDIT_NS;
}

/* What is saved in quiet times pays for bursts, ten minutes' worth of it. */
static void account(struct governor *g, uint64_t elapsed_ns, uint64_t cpu_ns, uint64_t cpu_moves_ns)
{
	double all_ns = (double)(cpu_ns - g->cpu_ns);
	double ours_ns = all_ns - (double)(cpu_moves_ns - g->cpu_moves_ns);
	double most = g->budget * CREDIT_NS;

	g->cpu_ns = cpu_ns;
	g->cpu_moves_ns = cpu_moves_ns;
	/* Smoothed over some ten windows, for people. */
	g->cpu_with_moves_pct += 0.1 * (100 * all_ns / (double)elapsed_ns - g->cpu_with_moves_pct);
	g->cpu_pct += 0.1 * (100 * ours_ns / (double)elapsed_ns - g->cpu_pct);
	g->cpu_credit_ns += g->budget * (double)elapsed_ns - ours_ns;
	if (g->cpu_credit_ns > most)
		g->cpu_credit_ns = most;
	if (g->cpu_credit_ns < -most)
		g->cpu_credit_ns = -most;
}

static bool is_over_budget(const struct governor *g)
{
	return g->cpu_credit_ns < 0 || g->cpu_pct > 100 * BURST_FACTOR * g->budget;
}

/* Where a source sees all memory at any rate, there is less reason not to go low. */
static uint32_t least(const struct governor *g, uint32_t permille)
{
	return g->least_permille && g->least_permille < permille ? g->least_permille : permille;
}

/* Sample less rather than fall behind. */
static void limit_to_budget(struct governor *g)
{
	uint32_t allowed = g->allowed_permille, floor = least(g, MIN_RATE_PERMILLE);

	if (is_over_budget(g) && allowed > floor) {
		allowed = allowed * 9 / 10;
		g->allowed_permille = allowed > floor ? allowed : floor;
		g->nr_sheds++;
	} else if (!is_over_budget(g) && allowed < THERMO_RATE_FULL) {
		allowed = allowed * 11 / 10 + 1;
		g->allowed_permille = allowed < THERMO_RATE_FULL ? allowed : THERMO_RATE_FULL;
	}
}

static uint32_t wanted_rate(struct governor *g, const struct thermo_snapshot *s, uint64_t hot_bytes)
{
	g->doubt_bp = tuning_doubt_bp(s, hot_bytes);
	g->access_ratio_bp = tuning_access_ratio_bp(s);
	if (g->opts->goal == TUNING_ACCESS_RATIO) {
		uint32_t goal_bp = g->opts->access_ratio_bp ? g->opts->access_ratio_bp
							    : TUNING_ACCESS_RATIO_BP;

		g->window_ms = tuning_window_ms(g->window_ms, g->access_ratio_bp, goal_bp);
		return THERMO_RATE_FULL;
	}
	g->evidence_permille = tuning_rate(g->evidence_permille, g->doubt_bp,
					   least(g, WATCHFUL_RATE_PERMILLE));
	if (s->changed_share > UNSTABLE_SHARE)
		g->unstable_until_ns = s->time_ns + UNSTABLE_NS;
	return s->time_ns < g->unstable_until_ns ? THERMO_RATE_FULL : g->evidence_permille;
}

bool governor_step(struct governor *g, const struct thermo_snapshot *s, uint64_t hot_bytes,
		   uint64_t cpu_ns, uint64_t cpu_moves_ns)
{
	uint32_t rate;

	if (s->window_ns)
		account(g, s->window_ns, cpu_ns, cpu_moves_ns);
	limit_to_budget(g);
	rate = wanted_rate(g, s, hot_bytes);
	rate = rate < g->allowed_permille ? rate : g->allowed_permille;
	/* Small steps are not worth the trouble. */
	if (10 * rate > 9 * g->rate_permille && 9 * rate < 10 * g->rate_permille)
		return false;
	g->rate_permille = rate;
	return true;
}

uint32_t governor_rate_of(const struct governor *g, uint32_t least_permille)
{
	uint32_t floor = least_permille ? least_permille : MIN_RATE_PERMILLE;

	return g->rate_permille > floor ? g->rate_permille : floor;
}
