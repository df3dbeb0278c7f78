// SPDX-License-Identifier: GPL-2.0-or-later
/* shares.c - see report.h: who accesses which part of memory, and how. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/accuracy/report.h"

enum { KEYS_MAX = 64 };

/* Accesses by CPU or thread. */
struct by_key {
	uint32_t keys[KEYS_MAX];
	double accesses[KEYS_MAX];
	size_t nr;
};

/* In accesses, the observer's in its own unit. */
struct shares {
	double all;
	double reads;
	double writes;
	struct by_key cpus;
	struct by_key threads;
};

static void add_key(struct by_key *by, uint32_t key, double accesses)
{
	size_t i = 0;

	while (i < by->nr && by->keys[i] != key)
		i++;
	if (i == KEYS_MAX)
		return;
	if (i == by->nr)
		by->keys[by->nr++] = key;
	by->accesses[i] += accesses;
}

static double of_key(const struct by_key *by, uint32_t key)
{
	for (size_t i = 0; i < by->nr; i++)
		if (by->keys[i] == key)
			return by->accesses[i];
	return 0;
}

static void add_truth(const struct history *history, const struct accuracy_range *range,
		      struct shares *shares)
{
	uint64_t end = range->first_page + range->nr_pages;

	for (uint64_t page = range->first_page; page < end && page < history->nr_pages; page++)
		for (uint32_t cpu = 0; cpu < history->nr_cpus; cpu++) {
			double reads = (double)history->reads[page * history->nr_cpus + cpu];
			double writes = (double)history->writes[page * history->nr_cpus + cpu];

			shares->all += reads + writes;
			shares->reads += reads;
			shares->writes += writes;
			add_key(&shares->cpus, cpu, reads + writes);
		}
}

/* Of the region, the part that lies in the range. */
static double overlap(const struct snapshot_region *region, const struct accuracy_range *range)
{
	const double base = (double)(TRUTH_BASE + (uint64_t)HISTORY_FIRST_PAGE * TRUTH_PAGE_BYTES);
	double start = base + (double)range->first_page * TRUTH_PAGE_BYTES;
	double end = start + (double)range->nr_pages * TRUTH_PAGE_BYTES;
	double part = fmin(end, (double)region->end) - fmax(start, (double)region->start);

	return part > 0 ? part / (double)(region->end - region->start) : 0;
}

static void add_region(const struct snapshot_region *region, const struct accuracy_range *range,
		       struct shares *shares)
{
	double part = overlap(region, range);

	shares->all += part * region->accesses;
	shares->reads += part * region->reads;
	shares->writes += part * region->writes;
	for (int i = 0; i < SNAPSHOT_KEYS; i++) {
		const struct snapshot_share *cpu = &region->cpus[i];
		const struct snapshot_share *thread = &region->threads[i];

		if (cpu->share > 0)
			add_key(&shares->cpus, cpu->key, part * region->accesses * cpu->share);
		if (thread->share > 0)
			add_key(&shares->threads, thread->key,
				part * region->accesses * thread->share);
	}
}

static bool is_steady(const struct accuracy_options *options, const struct history *history,
		      const struct snapshot *snapshot)
{
	return snapshot->time_s >= history->phases[0].start_s + options->skip_s &&
	       snapshot->time_s < history->phases[history->nr_phases - 1].end_s;
}

static void add_seen(const struct accuracy_options *options, const struct history *history,
		     const struct snapshots *snapshots, const struct accuracy_range *range,
		     struct shares *shares)
{
	for (size_t i = 0; i < snapshots->nr; i++) {
		const struct snapshot *s = &snapshots->list[i];

		if (!is_steady(options, history, s))
			continue;
		/* What was never observed has a rate, but nobody who accesses it. */
		for (size_t j = 0; j < s->nr_regions; j++)
			if (!snapshots->regions[s->first + j].is_assumed)
				add_region(&snapshots->regions[s->first + j], range, shares);
	}
}

static double percent(double part, double all)
{
	return all > 0 ? 100 * part / all : 0;
}

/* A negative truth is not known. */
static void print_line(const struct accuracy_options *options, const char *range, const char *what,
		       double truth_pct, double seen_pct)
{
	char truth[32];

	(void)snprintf(truth, sizeof(truth), "%.2f", truth_pct);
	if (truth_pct < 0)
		(void)snprintf(truth, sizeof(truth), options->json ? "null" : "-");
	if (options->json)
		printf("{\"range\":\"%s\",\"share\":\"%s\",\"truth_pct\":%s,\"seen_pct\":%.2f}\n",
		       range, what, truth, seen_pct);
	else
		printf("%-12s %-16s %9s %9.2f\n", range, what, truth, seen_pct);
}

/* A thread's truth is its CPU's, where each thread is bound to one: the caller knows. */
static void print_range(const struct accuracy_options *options, const char *name,
			const struct shares *truth, const struct shares *seen)
{
	char what[32];

	print_line(options, name, "reads", percent(truth->reads, truth->all),
		   percent(seen->reads, seen->reads + seen->writes));
	print_line(options, name, "writes", percent(truth->writes, truth->all),
		   percent(seen->writes, seen->reads + seen->writes));
	for (size_t i = 0; i < truth->cpus.nr; i++) {
		uint32_t cpu = truth->cpus.keys[i];

		(void)snprintf(what, sizeof(what), "cpu %" PRIu32, cpu);
		print_line(options, name, what, percent(truth->cpus.accesses[i], truth->all),
			   percent(of_key(&seen->cpus, cpu), seen->all));
	}
	for (size_t i = 0; i < seen->threads.nr; i++) {
		(void)snprintf(what, sizeof(what), "thread %" PRIu32, seen->threads.keys[i]);
		print_line(options, name, what, -1, percent(seen->threads.accesses[i], seen->all));
	}
}

/* What accesses of that slice count for at @time_s, 0 to 1. */
static double weight_of(const struct accuracy_options *options, const struct history_slice *slice,
			double time_s)
{
	double ago_s = time_s - (slice->start_s + slice->end_s) / 2;

	if (ago_s < 0)
		return 0;
	if (options->half_life_s > 0)
		return exp2(-ago_s / options->half_life_s);
	return ago_s < options->last_s;
}

/* Accesses a second to the range shortly before @time_s; < 0: nothing was counted. */
static double true_rate(const struct accuracy_options *options, const struct history *history,
			const struct accuracy_range *range, double time_s)
{
	uint64_t end = range->first_page + range->nr_pages;
	double accesses = 0, seconds = 0;

	for (size_t i = 0; i < history->nr_slices; i++) {
		const struct history_slice *slice = &history->slices[i];
		double weight = weight_of(options, slice, time_s);

		if (weight == 0)
			continue;
		seconds += weight * (slice->end_s - slice->start_s);
		for (uint64_t page = range->first_page; page < end && page < history->nr_pages;
		     page++)
			accesses += weight * slice->counts[page];
	}
	return seconds > 0 ? accesses / seconds : -1;
}

static double seen_rate(const struct snapshots *snapshots, const struct snapshot *s,
			const struct accuracy_range *range)
{
	struct shares seen = { 0 };

	for (size_t i = 0; i < s->nr_regions; i++)
		add_region(&snapshots->regions[s->first + i], range, &seen);
	return seen.all;
}

/* Means over the steady snapshots.  With both times 0 there is no truth to a moment. */
static void print_rate(const struct accuracy_options *options, const struct history *history,
		       const struct snapshots *snapshots, const struct accuracy_range *range)
{
	double truth = 0, seen = 0;
	size_t nr = 0;

	for (size_t i = 0; i < snapshots->nr; i++) {
		const struct snapshot *s = &snapshots->list[i];
		double rate = true_rate(options, history, range, s->time_s);

		if (!is_steady(options, history, s) || rate < 0)
			continue;
		truth += rate;
		seen += seen_rate(snapshots, s, range);
		nr++;
	}
	if (nr == 0)
		return;
	printf(options->json ? "{\"range\":\"%s\",\"share\":\"accesses/s\","
			       "\"truth_per_s\":%.0f,\"seen_per_s\":%.0f}\n"
			     : "%-12s accesses/s: truth %.0f, seen %.0f\n",
	       range->name, truth / (double)nr, seen / (double)nr);
}

int report_shares(const struct accuracy_options *options, const struct history *history,
		  const struct snapshots *snapshots, const struct accuracy_range *ranges,
		  size_t nr_ranges)
{
	struct shares truth[RANGES_MAX] = { 0 }, seen[RANGES_MAX] = { 0 };
	double all_truth = 0, all_seen = 0;

	if (!options->json)
		printf("%-12s %-16s %9s %9s\n", "range", "share", "truth_pct", "seen_pct");
	for (size_t i = 0; i < nr_ranges; i++) {
		add_truth(history, &ranges[i], &truth[i]);
		add_seen(options, history, snapshots, &ranges[i], &seen[i]);
		all_truth += truth[i].all;
		all_seen += seen[i].all;
	}
	for (size_t i = 0; i < nr_ranges; i++) {
		print_line(options, ranges[i].name, "all", percent(truth[i].all, all_truth),
			   percent(seen[i].all, all_seen));
		print_range(options, ranges[i].name, &truth[i], &seen[i]);
		print_rate(options, history, snapshots, &ranges[i]);
	}
	return 0;
}
