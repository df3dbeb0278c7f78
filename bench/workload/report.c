/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - rows of numbers, as text, JSON lines or CSV.
 *
 * For programs every row has the same fields: what it is about (type, thread,
 * phase), when it ended, how long it took, and the counts.
 */
#include "bench/workload/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define NS_PER_S 1e9
#define ALL_THREADS "all"
#define MAX_THREADS_IN_LINE 8u

struct row {
	const char *type;
	const char *thread;
	const char *phase;
	uint64_t end_ns;
	uint64_t time_ns;
	struct workload_counts counts;
};

static struct workload_counts add(struct workload_counts a, struct workload_counts b)
{
	return (struct workload_counts){ a.nr_reads + b.nr_reads, a.nr_writes + b.nr_writes };
}

static uint64_t total(struct workload_counts counts)
{
	return counts.nr_reads + counts.nr_writes;
}

static double per_second(const struct row *row)
{
	return row->time_ns ? (double)total(row->counts) * NS_PER_S / (double)row->time_ns : 0;
}

static double read_percent(struct workload_counts counts)
{
	return total(counts) ? 100.0 * (double)counts.nr_reads / (double)total(counts) : 0;
}

/* Names hold no control characters: config.c refuses them. */
static void print_quoted(FILE *out, const char *text, char escape)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || (*text == '\\' && escape == '\\'))
			fputc(escape, out);
		/* The one control character that may be in a name. */
		fputc(*text == '\t' ? ' ' : *text, out);
	}
	fputc('"', out);
}

static void print_json(FILE *out, const struct row *row)
{
	fprintf(out, "{\"type\":\"%s\",\"time_s\":%.3f,\"thread\":", row->type,
		(double)row->end_ns / NS_PER_S);
	print_quoted(out, row->thread, '\\');
	fputs(",\"phase\":", out);
	print_quoted(out, row->phase, '\\');
	fprintf(out,
		",\"seconds\":%.3f,\"accesses\":%" PRIu64 ",\"reads\":%" PRIu64
		",\"writes\":%" PRIu64 ",\"accesses_per_s\":%.0f}\n",
		(double)row->time_ns / NS_PER_S, total(row->counts), row->counts.nr_reads,
		row->counts.nr_writes, per_second(row));
}

static void print_csv(FILE *out, const struct row *row)
{
	fprintf(out, "%s,%.3f,", row->type, (double)row->end_ns / NS_PER_S);
	print_quoted(out, row->thread, '"');
	fputc(',', out);
	print_quoted(out, row->phase, '"');
	fprintf(out, ",%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.0f\n",
		(double)row->time_ns / NS_PER_S, total(row->counts), row->counts.nr_reads,
		row->counts.nr_writes, per_second(row));
}

static void print_text(FILE *out, const struct row *row)
{
	fprintf(out, "%-12s %-24s %9.1f %16" PRIu64 " %12.3f %7.1f\n", row->thread, row->phase,
		(double)row->time_ns / NS_PER_S, total(row->counts), per_second(row) / 1e6,
		read_percent(row->counts));
}

static void print_row(const struct workload_report *report, const struct row *row)
{
	if (report->format == WORKLOAD_JSON)
		print_json(report->out, row);
	else if (report->format == WORKLOAD_CSV)
		print_csv(report->out, row);
	else
		print_text(report->out, row);
}

int workload_report_open(struct workload_report *report, const struct workload_options *options,
			 size_t nr_workers)
{
	*report = (struct workload_report){ .format = options->format };
	report->last = calloc(nr_workers, sizeof(*report->last));
	if (!report->last)
		return thermo_fail(-ENOMEM, "report: out of memory");
	if (options->quiet)
		return 0;
	report->out = options->output_path ? fopen(options->output_path, "we") : stdout;
	if (!report->out)
		return thermo_fail(-errno, "%.100s: %s", options->output_path, strerror(errno));
	/* Whoever follows the output sees a line as soon as it is there. */
	(void)setvbuf(report->out, NULL, _IOLBF, 0);
	return 0;
}

int workload_report_close(struct workload_report *report)
{
	int err = 0;

	if (report->out) {
		bool failed = fflush(report->out) || ferror(report->out);

		if (report->out != stdout)
			failed |= fclose(report->out) != 0;
		if (failed)
			err = thermo_fail(-EIO, "output: could not be written: is the disk full?");
	}
	free(report->last);
	*report = (struct workload_report){ 0 };
	return err;
}

static void start_text(FILE *out, const struct workload_shared *shared, size_t nr_workers,
		       uint64_t populate_ns)
{
	const struct workload_config *config = shared->config;
	uint64_t longest_ns = 0;

	for (size_t i = 0; i < config->nr_threads; i++)
		if (config->threads[i].time_ns > longest_ns)
			longest_ns = config->threads[i].time_ns;
	fprintf(out,
		"%s: %.1f MiB in %zu region%s, %zu thread%s, %.1f s a round, seed %" PRIu64 "\n",
		shared->options->config_path, (double)config->total_bytes / (1 << 20),
		config->nr_regions, config->nr_regions == 1 ? "" : "s", nr_workers,
		nr_workers == 1 ? "" : "s", (double)longest_ns / NS_PER_S, shared->options->seed);
	if (shared->arena->has_mailbox)
		fprintf(out, "window at %p, %" PRIu64 " bytes\n", (void *)shared->arena->base,
			shared->arena->bytes);
	if (shared->options->populate)
		fprintf(out, "populated in %.2f s\n", (double)populate_ns / NS_PER_S);
	if (shared->options->interval_ns)
		fprintf(out, "\n%8s %12s %8s  %-24s%s\n", "time s", "M access/s", "read %", "phase",
			nr_workers > 1 && nr_workers <= MAX_THREADS_IN_LINE ? "  by thread" : "");
}

void workload_report_start(struct workload_report *report, const struct workload_shared *shared,
			   size_t nr_workers, uint64_t populate_ns)
{
	if (!report->out)
		return;
	if (report->format == WORKLOAD_CSV)
		fputs("type,time_s,thread,phase,seconds,accesses,reads,writes,accesses_per_s\n",
		      report->out);
	if (report->format == WORKLOAD_TEXT)
		start_text(report->out, shared, nr_workers, populate_ns);
}

static struct workload_progress read_progress(const struct workload_worker *worker)
{
	struct workload_progress progress;
	uint32_t phase;

	/* relaxed: statistics; reads and writes need not be of one moment. */
	progress.counts.nr_reads = atomic_load_explicit(&worker->nr_reads, memory_order_relaxed);
	/* relaxed: as above. */
	progress.counts.nr_writes = atomic_load_explicit(&worker->nr_writes, memory_order_relaxed);
	/* relaxed: for display alone. */
	phase = atomic_load_explicit(&worker->phase, memory_order_relaxed);
	progress.phase = worker->thread->phases[phase].name;
	return progress;
}

/* One line for all threads: a person compares columns, not rows. */
static void interval_text(FILE *out, const struct row *all, const struct row *rows,
			  size_t nr_workers)
{
	fprintf(out, "%8.1f %12.3f %8.1f  %-24s", (double)all->end_ns / NS_PER_S,
		per_second(all) / 1e6, read_percent(all->counts), all->phase);
	for (size_t i = 0; nr_workers > 1 && nr_workers <= MAX_THREADS_IN_LINE && i < nr_workers;
	     i++)
		fprintf(out, "  %s %.3f", rows[i].thread, per_second(&rows[i]) / 1e6);
	fputc('\n', out);
}

/* What one worker did since the last line. */
static struct row take_interval(const struct workload_worker *worker, uint64_t now_ns,
				uint64_t last_ns, struct workload_progress *last)
{
	struct workload_progress now = read_progress(worker);
	struct row row = {
		"interval",
		worker->name,
		/* An interval belongs to the phase in which it began. */
		last->phase ? last->phase : worker->thread->phases[0].name,
		now_ns,
		now_ns - last_ns,
		{ now.counts.nr_reads - last->counts.nr_reads,
		  now.counts.nr_writes - last->counts.nr_writes },
	};

	*last = now;
	return row;
}

void workload_report_interval(struct workload_report *report, const struct workload_worker *workers,
			      size_t nr_workers, uint64_t now_ns)
{
	struct row rows[WORKLOAD_MAX_THREADS];
	struct row all;

	if (!report->out)
		return;
	rows[0] = take_interval(&workers[0], now_ns, report->last_ns, &report->last[0]);
	all = rows[0];
	all.thread = ALL_THREADS;
	for (size_t i = 1; i < nr_workers; i++) {
		rows[i] = take_interval(&workers[i], now_ns, report->last_ns, &report->last[i]);
		all.counts = add(all.counts, rows[i].counts);
	}
	report->last_ns = now_ns;
	if (report->format == WORKLOAD_TEXT) {
		interval_text(report->out, &all, rows, nr_workers);
		return;
	}
	print_row(report, &all);
	for (size_t i = 0; nr_workers > 1 && i < nr_workers; i++)
		print_row(report, &rows[i]);
}

/* One thread's phases, then its total, which is added to @all. */
static void summarise_worker(const struct workload_report *report,
			     const struct workload_worker *worker, struct row *all)
{
	struct row sum = { "total", worker->name, "", all->end_ns, 0, { 0 } };

	for (size_t i = 0; i < worker->thread->nr_phases; i++) {
		const struct workload_worker_phase *phase = &worker->phases[i];
		struct row row = { "phase",     worker->name,   worker->thread->phases[i].name,
				   all->end_ns, phase->time_ns, phase->counts };

		print_row(report, &row);
		sum.time_ns += phase->time_ns;
		sum.counts = add(sum.counts, phase->counts);
	}
	if (sum.time_ns > all->time_ns)
		all->time_ns = sum.time_ns;
	all->counts = add(all->counts, sum.counts);
	sum.phase = "(total)";
	print_row(report, &sum);
}

/* Do all threads go through phases of the same names? */
static bool same_phases(const struct workload_worker *workers, size_t nr_workers)
{
	for (size_t i = 1; i < nr_workers; i++) {
		if (workers[i].thread->nr_phases != workers[0].thread->nr_phases)
			return false;
		for (size_t j = 0; j < workers[0].thread->nr_phases; j++)
			if (strcmp(workers[i].thread->phases[j].name,
				   workers[0].thread->phases[j].name) != 0)
				return false;
	}
	return true;
}

static void summarise_phase(const struct workload_report *report,
			    const struct workload_worker *workers, size_t nr_workers, size_t index,
			    uint64_t now_ns)
{
	struct row row = { "phase", ALL_THREADS, workers[0].thread->phases[index].name,
			   now_ns,  0,           { 0 } };

	for (size_t i = 0; i < nr_workers; i++) {
		const struct workload_worker_phase *phase = &workers[i].phases[index];

		row.counts = add(row.counts, phase->counts);
		if (phase->time_ns > row.time_ns)
			row.time_ns = phase->time_ns;
	}
	print_row(report, &row);
}

void workload_report_summary(struct workload_report *report, const struct workload_worker *workers,
			     size_t nr_workers, uint64_t now_ns)
{
	struct row all = { "total", ALL_THREADS, "(total)", now_ns, 0, { 0 } };

	if (!report->out)
		return;
	if (report->format == WORKLOAD_TEXT)
		fprintf(report->out, "\n%-12s %-24s %9s %16s %12s %7s\n", "thread", "phase",
			"seconds", "accesses", "M access/s", "read %");
	for (size_t i = 0; i < nr_workers; i++)
		summarise_worker(report, &workers[i], &all);
	if (nr_workers > 1 && same_phases(workers, nr_workers))
		for (size_t i = 0; i < workers[0].thread->nr_phases; i++)
			summarise_phase(report, workers, nr_workers, i, now_ns);
	print_row(report, &all);
}
