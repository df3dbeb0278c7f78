// SPDX-License-Identifier: GPL-2.0-or-later
/* figures.c - see figures.h. */
#include "bench/overhead/figures.h"

#include <math.h>
#include <string.h>

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

/*
 * More than without, in as long a time: nanoseconds a second.  A workload that is held up
 * makes fewer accesses, not a shorter run.
 */
static double more_ns_per_s(uint64_t with, double with_s, uint64_t without, double without_s)
{
	return ratio((double)with, with_s) - ratio((double)without, without_s);
}

/* Seconds that all threads of the workload had, for each second that went by. */
static double workload_s_per_s(const struct overhead_result *r, double with_s)
{
	const struct overhead_score *w = &r->with;
	uint64_t ns = r->clock == OVERHEAD_CPU ? w->user_ns + w->system_ns : w->ns;

	return ratio((double)ns / 1e9, with_s);
}

static void costs(const struct overhead_result *r, struct overhead_figures *f)
{
	const struct overhead_counts *t = &r->tap, *n = &r->tap_without;
	double with_s = (double)t->time_ns / 1e9, without_s = (double)n->time_ns / 1e9;
	double samples_s = ratio((double)t->samples, with_s);
	double user = more_ns_per_s(t->user_ns, with_s, n->user_ns, without_s);
	double system = more_ns_per_s(t->system_ns, with_s, n->system_ns, without_s);
	double kthreads = ratio((double)t->kthreads_ns, with_s);
	double workload = more_ns_per_s(r->with.system_ns, with_s, r->without.system_ns, without_s);

	f->own_cpu_pct = (user + system + kthreads) / 1e7;
	f->user_ns = ratio(user, samples_s);
	f->kernel_ns = ratio(system + kthreads + workload, samples_s);
	f->workload_ns = ratio(-expm1(-r->paired.mean) * 1e9 * workload_s_per_s(r, with_s),
			       samples_s);
}

void overhead_figures(const struct overhead_result *r, struct overhead_figures *f)
{
	const struct overhead_counts *t = &r->tap;
	double with_s = (double)t->time_ns / 1e9, nr = r->paired.nr;

	*f = (struct overhead_figures){
		.slowdown = paired_interval(&r->paired),
		.speed_without = ratio(r->speed_without, nr),
		.speed_with = ratio(r->speed_with, nr),
		.samples_per_s = ratio((double)t->samples, with_s),
		.reports_per_s = ratio((double)t->reports, with_s),
		.period = ratio((double)t->accesses, (double)t->exact),
		.lost_pct = 100 * ratio((double)t->lost, (double)(t->lost + t->samples)),
		.dropped_pct = 100 * ratio((double)t->dropped, (double)(t->dropped + t->reports)),
	};
	f->accesses_per_sample = ratio(f->speed_with, f->samples_per_s);
	costs(r, f);
}

enum overhead_fit overhead_fit(const struct overhead_result *r, double budget_pct)
{
	struct paired_interval i = paired_interval(&r->paired);

	if (r->failed[0] || !i.known)
		return OVERHEAD_UNKNOWN;
	if (i.high_pct <= budget_pct)
		return OVERHEAD_FITS;
	return i.low_pct > budget_pct ? OVERHEAD_EXCEEDS : OVERHEAD_UNSURE;
}

/* Of two settings of one source. */
static bool samples_more(const struct overhead_subject *a, const struct overhead_subject *b)
{
	return a->way == OVERHEAD_REPORTS ? a->setting < b->setting : a->setting > b->setting;
}

/* The worst over all workloads: unknown is worse than all. */
static enum overhead_fit worst_fit(const struct overhead_workload *workloads, size_t nr, size_t at,
				   double budget_pct)
{
	enum overhead_fit worst = OVERHEAD_FITS;

	for (size_t k = 0; k < nr; k++) {
		enum overhead_fit fit = overhead_fit(&workloads[k].results[at], budget_pct);

		if (fit > worst)
			worst = fit;
	}
	return worst;
}

static bool is_of(const struct overhead_workload *w, size_t at, const char *name)
{
	return strcmp(overhead_subject_name(&w->results[at].subject), name) == 0;
}

/* Whether one that samples less than @at exceeds. */
static bool is_contradicted(const struct overhead_workload *workloads, size_t nr, size_t at,
			    const char *name, double budget_pct)
{
	for (size_t i = 0; i < workloads->nr_results; i++)
		if (is_of(workloads, i, name) &&
		    samples_more(&workloads->results[at].subject, &workloads->results[i].subject) &&
		    worst_fit(workloads, nr, i, budget_pct) == OVERHEAD_EXCEEDS)
			return true;
	return false;
}

int overhead_choose(const struct overhead_workload *workloads, size_t nr, const char *name,
		    double budget_pct)
{
	int best = -1;

	for (size_t i = 0; nr > 0 && i < workloads->nr_results; i++) {
		if (!is_of(workloads, i, name) ||
		    worst_fit(workloads, nr, i, budget_pct) != OVERHEAD_FITS ||
		    is_contradicted(workloads, nr, i, name, budget_pct))
			continue;
		if (best < 0 ||
		    samples_more(&workloads->results[i].subject, &workloads->results[best].subject))
			best = (int)i;
	}
	return best;
}

double overhead_noise_pct(const struct overhead_workload *w)
{
	for (size_t i = 0; i < w->nr_results; i++) {
		struct paired_interval p = paired_interval(&w->results[i].paired);

		if (w->results[i].subject.way == OVERHEAD_CONTROL && p.known)
			return (p.high_pct - p.low_pct) / 2;
	}
	return NAN;
}
