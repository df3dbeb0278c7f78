// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - see report.h: how well memory is ranked. */
#include "tests/lab/accuracy/report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "tests/lab/accuracy/curve.h"

/* What is printed of a snapshot, or as a median of many. */
enum column {
	SEEN,
	BEST = SEEN + CURVE_POINTS,
	MISS = BEST + CURVE_POINTS,
	REGIONS,
	UNKNOWN,
	COLUMNS
};

struct judged {
	size_t phase;
	double time_s; /* into the phase */
	double columns[COLUMNS];
};

static struct judged to_columns(const struct curve *curve, uint64_t nr_pages)
{
	struct judged judged = { 0 };

	for (int i = 0; i < CURVE_POINTS; i++) {
		judged.columns[SEEN + i] = 100 * curve->captured[i];
		judged.columns[BEST + i] = 100 * curve->best[i];
	}
	judged.columns[MISS] = 100 * curve->mean_miss;
	judged.columns[REGIONS] = (double)curve->nr_regions;
	judged.columns[UNKNOWN] = 100 * (double)curve->unknown_pages / (double)nr_pages;
	return judged;
}

/* In pages of the window; what lies before it begins with it. */
static uint64_t to_page(uint64_t address)
{
	const uint64_t base = TRUTH_BASE + (uint64_t)HISTORY_FIRST_PAGE * TRUTH_PAGE_BYTES;

	return address <= base ? 0 : (address - base + TRUTH_PAGE_BYTES - 1) / TRUTH_PAGE_BYTES;
}

/* In pages of the window.  Return: as many as the snapshot has, to be freed, or NULL. */
static struct curve_region *to_regions(const struct snapshots *snapshots,
				       const struct snapshot *snapshot)
{
	struct curve_region *regions = calloc(snapshot->nr_regions + 1, sizeof(*regions));

	for (size_t i = 0; regions && i < snapshot->nr_regions; i++) {
		const struct snapshot_region *r = &snapshots->regions[snapshot->first + i];

		regions[i] = (struct curve_region){ to_page(r->start), to_page(r->end), r->heat };
	}
	return regions;
}

/* Return: 1 when judged, 0 when the snapshot is in no phase, or -errno. */
static int judge(const struct accuracy_options *options, const struct history *history,
		 const struct snapshots *snapshots, const struct snapshot *snapshot,
		 struct judged *judged)
{
	AUTO_FREE struct curve_region *regions = to_regions(snapshots, snapshot);
	AUTO_FREE uint64_t *counts = calloc(history->nr_pages, sizeof(*counts));
	struct curve curve;
	int phase, err;

	if (!counts || !regions)
		return thermo_fail(-ENOMEM, "accuracy: no memory for a snapshot");
	phase = history_sum(history, snapshot->time_s, options->last_s, counts);
	if (phase < 0)
		return 0;
	err = curve_measure(counts, history->nr_pages, regions, snapshot->nr_regions, &curve);
	if (err)
		return err == -ENODATA ? 0 : err;
	*judged = to_columns(&curve, history->nr_pages);
	judged->phase = (size_t)phase;
	judged->time_s = snapshot->time_s - history->phases[phase].start_s;
	return 1;
}

static void print_heading(const char *first)
{
	printf("%-16s %7s", first, "time_s");
	for (int i = 0; i < CURVE_POINTS; i++)
		printf(" %9s%2u%%", "best ", curve_points[i]);
	printf(" %8s %8s %8s\n", "miss_pct", "regions", "unknown");
}

static void print_text(const char *phase, const struct judged *judged)
{
	printf("%-16s %7.1f", phase, judged->time_s);
	for (int i = 0; i < CURVE_POINTS; i++)
		printf(" %5.1f %5.1f ", judged->columns[SEEN + i], judged->columns[BEST + i]);
	printf(" %8.2f %8.0f %8.1f\n", judged->columns[MISS], judged->columns[REGIONS],
	       judged->columns[UNKNOWN]);
}

static void add_number(struct json_object *object, const char *key, double value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(object, key, json_object_new_double_s(value, text));
}

static void print_json(const char *phase, const struct judged *judged, size_t nr)
{
	struct json_object *object = json_object_new_object();
	char key[32];

	json_object_object_add(object, "phase", json_object_new_string(phase));
	json_object_object_add(object, "snapshots", json_object_new_uint64(nr));
	add_number(object, "time_s", judged->time_s);
	for (int i = 0; i < CURVE_POINTS; i++) {
		(void)snprintf(key, sizeof(key), "captured_%u_pct", curve_points[i]);
		add_number(object, key, judged->columns[SEEN + i]);
		(void)snprintf(key, sizeof(key), "best_%u_pct", curve_points[i]);
		add_number(object, key, judged->columns[BEST + i]);
	}
	add_number(object, "mean_miss_pct", judged->columns[MISS]);
	add_number(object, "regions", judged->columns[REGIONS]);
	add_number(object, "unknown_bytes_pct", judged->columns[UNKNOWN]);
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}

static void print_judged(const struct accuracy_options *options, const char *phase,
			 const struct judged *judged, size_t nr)
{
	if (options->json)
		print_json(phase, judged, nr);
	else
		print_text(phase, judged);
}

/* Of the snapshots of one phase, from the steady part on.  Return: 1, 0 without any, -ENOMEM. */
static int print_medians(const struct accuracy_options *options, const struct history *history,
			 const struct judged *judged, size_t nr_judged, size_t phase)
{
	AUTO_FREE double *values = calloc(nr_judged + 1, sizeof(*values));
	struct judged medians = { .phase = phase, .time_s = options->skip_s };
	size_t nr = 0;

	if (!values)
		return thermo_fail(-ENOMEM, "accuracy: no memory for medians");
	for (int column = 0; column < COLUMNS; column++) {
		nr = 0;
		for (size_t i = 0; i < nr_judged; i++)
			if (judged[i].phase == phase && judged[i].time_s >= options->skip_s)
				values[nr++] = judged[i].columns[column];
		medians.columns[column] = curve_median(values, nr);
	}
	if (nr == 0)
		return 0;
	print_judged(options, history->phases[phase].name, &medians, nr);
	return 1;
}

int report_accuracy(const struct accuracy_options *options, const struct history *history,
		    const struct snapshots *snapshots)
{
	AUTO_FREE struct judged *judged = calloc(snapshots->nr + 1, sizeof(*judged));
	size_t nr_judged = 0;
	size_t nr_phases = 0;
	int err = 0;

	if (!judged)
		return thermo_fail(-ENOMEM, "accuracy: no memory for the snapshots");
	if (!options->json)
		print_heading("phase");
	for (size_t i = 0; i < snapshots->nr && err >= 0; i++) {
		err = judge(options, history, snapshots, &snapshots->list[i], &judged[nr_judged]);
		if (err <= 0)
			continue;
		if (options->each)
			print_judged(options, history->phases[judged[nr_judged].phase].name,
				     &judged[nr_judged], 1);
		nr_judged++;
	}
	for (size_t phase = 0; phase < history->nr_phases && err >= 0; phase++) {
		err = print_medians(options, history, judged, nr_judged, phase);
		nr_phases += err > 0;
	}
	if (err >= 0 && !nr_phases)
		err = thermo_fail(-ENODATA, "accuracy: no snapshot in the steady part of a phase");
	return err < 0 ? err : 0;
}
