// SPDX-License-Identifier: GPL-2.0-or-later
/* overhead_print.c - see overhead_print.h: text, JSON, and what to doubt. */
#include "cli/overhead_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "cli/table.h"
#include "cli/units.h"

/* --- warnings --- */

static void warn(struct overhead_outcome *o, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));

static void warn(struct overhead_outcome *o, const char *fmt, ...)
{
	va_list ap;

	if (o->nr_warnings == OVERHEAD_MAX_WARNINGS)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(o->warnings[o->nr_warnings++], sizeof(o->warnings[0]), fmt, ap);
	va_end(ap);
}

static void warn_of_machine(struct overhead_outcome *o)
{
	const struct overhead_machine *m = o->machine;
	const struct overhead_load_opts *load = &o->opts->load;

	if (m->load > 0.3)
		warn(o, "other programs ran: the load was %.2f at the start%s", m->load,
		     o->opts->clock == OVERHEAD_WALL ? ": --clock cpu leaves out waiting for a CPU"
						     : "");
	if (strcmp(m->governor, "performance") != 0 && strcmp(m->governor, "unknown") != 0)
		warn(o, "CPUs change their frequency: the governor is %s, not performance",
		     m->governor);
	if (m->is_virtual)
		warn(o, "this is a virtual machine: its host takes time away unseen");
	if (m->cache_bytes == 0)
		warn(o,
		     "the kernel does not tell the size of the caches: is %s of memory far more?",
		     unit_bytes((double)load->bytes));
	if (load->bytes < 2 * m->cache_bytes)
		warn(o,
		     "%s of memory beside %s of cache: the workload is not bound by memory, try "
		     "a larger --memory",
		     unit_bytes((double)load->bytes), unit_bytes((double)m->cache_bytes));
	if (load->nr_threads < m->nr_cpus && o->opts->clock == OVERHEAD_WALL)
		warn(o,
		     "%u threads on %u CPUs: what sources do on idle CPUs is not seen as "
		     "slowdown",
		     load->nr_threads, m->nr_cpus);
}

static void warn_of_noise(struct overhead_outcome *o, const struct overhead_workload *w)
{
	double noise = overhead_noise_pct(w);
	unsigned int unsure = 0, starved = 0;

	for (size_t i = 0; i < w->nr_results; i++)
		starved += w->results[i].nr_starved;
	if (starved)
		warn(o, "%s: %u pairs were repeated: somebody got no CPU in a whole run",
		     overhead_kind_name(w->kind), starved);
	for (size_t i = 0; i < w->nr_results; i++)
		unsure += w->results[i].subject.way != OVERHEAD_CONTROL &&
			  overhead_fit(&w->results[i], o->budget_pct) == OVERHEAD_UNSURE;
	if (noise > o->budget_pct)
		warn(o,
		     "%s: noise of +-%.1f %% is more than the budget of %g %%: try more --rounds "
		     "or longer --seconds",
		     overhead_kind_name(w->kind), noise, o->budget_pct);
	if (unsure)
		warn(o, "%s: the budget lies inside the interval of %u settings: unsure",
		     overhead_kind_name(w->kind), unsure);
}

void overhead_warn(struct overhead_outcome *o)
{
	warn_of_machine(o);
	for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
		warn_of_noise(o, &o->workloads[k]);
	if (o->ended_early)
		warn(o, "ended early: fewer rounds than asked for");
}

/* --- text --- */

const char *overhead_setting(const struct overhead_subject *s, char text[32])
{
	if (s->way == OVERHEAD_CONTROL)
		return "-";
	(void)snprintf(text, 32, "%s %u", s->way == OVERHEAD_REPORTS ? "period" : "rate",
		       s->setting);
	return text;
}

/* "-" for what is not known. */
static const char *count_text(double value)
{
	return isnan(value) ? "-" : unit_count(value);
}

/* Times of a sample are differences: noise makes them negative, which is shown. */
/* A cost below nothing is a difference of two runs that is smaller than their noise. */
static const char *ns_text(double ns, char text[24])
{
	if (isnan(ns))
		return "-";
	if (ns < 0)
		return "noise";
	(void)snprintf(text, 24, "%.*f", ns < 100 ? 1 : 0, ns);
	return text;
}

static const char *pct_text(double pct, char text[24])
{
	if (isnan(pct))
		return "-";
	(void)snprintf(text, 24, pct > 0 && pct < 0.1 ? "%.3f" : "%.1f", pct);
	return text;
}

static const char *fit_name(enum overhead_fit fit)
{
	static const char *const names[] = { [OVERHEAD_FITS] = "yes",
					     [OVERHEAD_UNSURE] = "unsure",
					     [OVERHEAD_EXCEEDS] = "no",
					     [OVERHEAD_UNKNOWN] = "-" };

	return names[fit];
}

static void print_result(FILE *out, const struct overhead_result *r, double budget_pct)
{
	struct overhead_figures f;
	char setting[32], interval[48] = "-", lost[24], dropped[24], kernel[24], user[24], held[24];

	fprintf(out, "  %-12s %-14s", overhead_subject_name(&r->subject),
		overhead_setting(&r->subject, setting));
	if (r->failed[0] || r->paired.nr == 0) {
		fprintf(out, " %s\n", r->failed[0] ? r->failed : "not measured");
		return;
	}
	overhead_figures(r, &f);
	if (f.slowdown.known)
		(void)snprintf(interval, sizeof(interval), "%.2f .. %.2f", f.slowdown.low_pct,
			       f.slowdown.high_pct);
	fprintf(out, " %9.2f %17s %-7s", f.slowdown.middle_pct, interval,
		r->subject.way == OVERHEAD_CONTROL ? "" : fit_name(overhead_fit(r, budget_pct)));
	if (r->subject.way != OVERHEAD_CONTROL)
		fprintf(out, " %9s %8s %7s %8s %9s %9s %9s %7.2f", count_text(f.samples_per_s),
			count_text(f.period), pct_text(f.lost_pct, lost),
			pct_text(f.dropped_pct, dropped), ns_text(f.kernel_ns, kernel),
			ns_text(f.user_ns, user), ns_text(f.workload_ns, held), f.own_cpu_pct);
	(void)fputc('\n', out);
}

static void print_workload(FILE *out, const struct overhead_workload *w, double budget_pct)
{
	struct overhead_figures f;

	overhead_figures(&w->results[0], &f);
	fprintf(out, "\n%s: %s accesses a second without any source\n", overhead_kind_name(w->kind),
		count_text(f.speed_without));
	fprintf(out, "  %-12s %-14s %9s %17s %-7s %9s %8s %7s %8s %9s %9s %9s %7s\n", "source",
		"setting", "slower %", "95 % interval", "fits", "samples/s", "period", "lost %",
		"dropped%", "kernel ns", "user ns", "held ns", "CPU %");
	for (size_t i = 0; i < w->nr_results; i++)
		print_result(out, &w->results[i], budget_pct);
}

static void print_machine(FILE *out, const struct overhead_outcome *o)
{
	const struct overhead_machine *m = o->machine;
	const struct overhead_load_opts *load = &o->opts->load;

	fprintf(out, "machine:  %s, %u CPUs, %u memory node%s, last-level cache of %s%s\n", m->cpu,
		m->nr_cpus, m->nr_nodes, m->nr_nodes == 1 ? "" : "s",
		m->cache_bytes ? unit_bytes((double)m->cache_bytes) : "unknown size",
		m->is_virtual ? ", virtual" : "");
	fprintf(out,
		"kernel:   Linux %s, governor %s, huge pages %s, NUMA balancing %s, load %.2f\n",
		m->kernel, m->governor, m->thp, m->numa_balancing, m->load);
	fprintf(out,
		"workload: %s over %u threads; %u pairs of runs of %s, with and without in "
		"random order\n",
		unit_bytes((double)load->bytes), load->nr_threads, o->opts->nr_rounds,
		unit_ns(o->opts->run_ns));
	fprintf(out, "speed:    accesses a second of %s\n",
		o->opts->clock == OVERHEAD_CPU
				? "CPU time of the workload: without what it waits for a CPU"
				: "time that goes by");
	fprintf(out, "interval: 95 %%, Student's t on the logarithms of the pairs' ratios\n");
}

/* Whether an earlier result is of the same source. */
static bool is_repeated(const struct overhead_workload *w, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(overhead_subject_name(&w->results[i].subject),
			   overhead_subject_name(&w->results[at].subject)) == 0)
			return true;
	return w->results[at].subject.way == OVERHEAD_CONTROL;
}

static const char *chosen_text(const struct overhead_outcome *o, uint32_t first, uint32_t nr,
			       const char *name, char text[32])
{
	int at = overhead_choose(o->workloads + first, nr, name, o->budget_pct);

	return at < 0 ? "none" : overhead_setting(&o->workloads[first].results[at].subject, text);
}

static void print_budget(FILE *out, const struct overhead_outcome *o)
{
	const struct overhead_workload *w = o->workloads;
	char text[32];

	fprintf(out, "\nwithin %g %%:\n", o->budget_pct);
	for (size_t i = 0; i < w->nr_results; i++) {
		const char *name = overhead_subject_name(&w->results[i].subject);

		if (is_repeated(w, i))
			continue;
		fprintf(out, "  %-12s", name);
		for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
			fprintf(out, " %s: %s;", overhead_kind_name(w[k].kind),
				chosen_text(o, k, 1, name, text));
		fprintf(out, " all: %s\n", chosen_text(o, 0, o->opts->nr_kinds, name, text));
	}
}

void overhead_print_text(FILE *out, const struct overhead_outcome *o)
{
	print_machine(out, o);
	for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
		print_workload(out, &o->workloads[k], o->budget_pct);
	print_budget(out, o);
	for (size_t i = 0; i < o->nr_warnings; i++)
		fprintf(out, "%swarning: %s\n", i ? "" : "\n", o->warnings[i]);
}

/* --- JSON --- */

static struct json_object *machine_json(const struct overhead_machine *m)
{
	struct table_row row = { 0 };

	row_text(&row, "cpu", m->cpu);
	row_text(&row, "kernel", m->kernel);
	row_text(&row, "governor", m->governor);
	row_text(&row, "transparent_hugepage", m->thp);
	row_text(&row, "numa_balancing", m->numa_balancing);
	row_u64(&row, "nr_cpus", m->nr_cpus);
	row_u64(&row, "nr_memory_nodes", m->nr_nodes);
	row_u64(&row, "cache_bytes", m->cache_bytes);
	row_double(&row, "load", m->load);
	struct json_object *json = row_json(&row);

	json_object_object_add(json, "virtual", json_object_new_boolean(m->is_virtual));
	return json;
}

static struct json_object *method_json(const struct overhead_outcome *o)
{
	const struct overhead_opts *opts = o->opts;
	struct table_row row = { 0 };

	row_u64(&row, "nr_threads", opts->load.nr_threads);
	row_u64(&row, "memory_bytes", opts->load.bytes);
	row_u64(&row, "nr_rounds", opts->nr_rounds);
	row_u64(&row, "run_ns", opts->run_ns);
	row_u64(&row, "warmup_ns", opts->warmup_ns);
	row_double(&row, "confidence_pct", 95);
	row_text(&row, "clock", opts->clock == OVERHEAD_CPU ? "cpu" : "wall");
	row_text(&row, "interval", "Student's t on log ratios of pairs");
	return row_json(&row);
}

static void row_known(struct table_row *row, const char *name, double value)
{
	row_double_if(row, isfinite(value), name, value);
}

static void add_counts(struct table_row *row, const struct overhead_counts *c)
{
	row_u64(row, "samples", c->samples);
	row_u64(row, "samples_lost", c->lost);
	row_u64(row, "samples_useless", c->useless);
	row_u64(row, "samples_ignored", c->ignored);
	row_u64(row, "reports", c->reports);
	row_u64(row, "reports_dropped", c->dropped);
}

static void add_figures(struct table_row *row, const struct overhead_result *r)
{
	struct overhead_figures f;

	overhead_figures(r, &f);
	row_known(row, "slowdown_pct", f.slowdown.middle_pct);
	row_double_if(row, f.slowdown.known, "slowdown_low_pct", f.slowdown.low_pct);
	row_double_if(row, f.slowdown.known, "slowdown_high_pct", f.slowdown.high_pct);
	row_known(row, "accesses_per_s_without", f.speed_without);
	row_known(row, "accesses_per_s_with", f.speed_with);
	row_known(row, "samples_per_s", f.samples_per_s);
	row_known(row, "reports_per_s", f.reports_per_s);
	row_known(row, "period", f.period);
	row_known(row, "accesses_per_sample", f.accesses_per_sample);
	row_known(row, "lost_pct", f.lost_pct);
	row_known(row, "dropped_pct", f.dropped_pct);
	row_known(row, "kernel_ns_per_sample", f.kernel_ns);
	row_known(row, "user_ns_per_sample", f.user_ns);
	row_known(row, "workload_ns_per_sample", f.workload_ns);
	row_known(row, "own_cpu_pct", f.own_cpu_pct);
	add_counts(row, &r->tap);
}

static struct json_object *result_json(const struct overhead_workload *w,
				       const struct overhead_result *r, double budget_pct)
{
	const struct overhead_subject *s = &r->subject;
	struct table_row row = { 0 };

	row_text(&row, "workload", overhead_kind_name(w->kind));
	row_text(&row, "source", overhead_subject_name(s));
	row_u64_if(&row, s->way == OVERHEAD_SOURCE, "rate_permille", s->setting);
	row_u64_if(&row, s->way == OVERHEAD_REPORTS, "report_period", s->setting);
	row_u64(&row, "nr_pairs", r->paired.nr);
	row_u64(&row, "nr_starved", r->nr_starved);
	if (r->failed[0])
		row_text(&row, "failed", r->failed);
	else
		row_text(&row, "fits", fit_name(overhead_fit(r, budget_pct)));
	if (r->paired.nr)
		add_figures(&row, r);
	return row_json(&row);
}

static struct json_object *choice_json(const struct overhead_outcome *o, uint32_t first,
				       uint32_t nr, const char *name)
{
	int at = overhead_choose(o->workloads + first, nr, name, o->budget_pct);
	struct table_row row = { 0 };

	row_text(&row, "source", name);
	row_text(&row, "workload", nr == 1 ? overhead_kind_name(o->workloads[first].kind) : "all");
	if (at >= 0) {
		const struct overhead_subject *s = &o->workloads[first].results[at].subject;

		row_u64(&row, s->way == OVERHEAD_SOURCE ? "rate_permille" : "report_period",
			s->setting);
	}
	struct json_object *json = row_json(&row);

	json_object_object_add(json, "fits", json_object_new_boolean(at >= 0));
	return json;
}

static struct json_object *budget_json(const struct overhead_outcome *o)
{
	const struct overhead_workload *w = o->workloads;
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < w->nr_results; i++) {
		const char *name = overhead_subject_name(&w->results[i].subject);

		if (is_repeated(w, i))
			continue;
		for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
			json_object_array_add(list, choice_json(o, k, 1, name));
		if (o->opts->nr_kinds > 1)
			json_object_array_add(list, choice_json(o, 0, o->opts->nr_kinds, name));
	}
	return list;
}

void overhead_print_json(FILE *out, const struct overhead_outcome *o)
{
	struct json_object *root = json_object_new_object();
	struct json_object *results = json_object_new_array(), *warnings = json_object_new_array();

	for (uint32_t k = 0; k < o->opts->nr_kinds; k++)
		for (size_t i = 0; i < o->workloads[k].nr_results; i++)
			json_object_array_add(results, result_json(&o->workloads[k],
								   &o->workloads[k].results[i],
								   o->budget_pct));
	for (size_t i = 0; i < o->nr_warnings; i++)
		json_object_array_add(warnings, json_object_new_string(o->warnings[i]));
	json_object_object_add(root, "machine", machine_json(o->machine));
	json_object_object_add(root, "method", method_json(o));
	json_object_object_add(root, "results", results);
	json_object_object_add(root, "budget_pct", json_object_new_double(o->budget_pct));
	json_object_object_add(root, "within_budget", budget_json(o));
	json_object_object_add(root, "ended_early", json_object_new_boolean(o->ended_early));
	json_object_object_add(root, "warnings", warnings);
	fprintf(out, "%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	json_object_put(root);
}
