// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * views.c - sums over the regions of a snapshot.  Pure functions; any thread.
 *
 * A snapshot may come from a file that somebody else wrote: an extent that is no
 * extent counts as empty, a rate that is no number as 0, and sums stop at their
 * type's end instead of wrapping around.
 */
#include "core/views.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

/* Where the second bucket begins: 1 ms; one access in 1024 s and MiB. */
#define RECENCY_FIRST_S 1e-3
#define TEMPERATURE_FIRST (1.0 / 1024)
/* No machine makes so many; a sum of them stays a number. */
#define MAX_ACCESSES_PER_S 1e30

static uint64_t bytes_of(const struct thermo_region *r)
{
	return r->end > r->start ? r->end - r->start : 0;
}

static double accesses_of(const struct thermo_region *r)
{
	return r->accesses_per_s > 0 ? fmin(r->accesses_per_s, MAX_ACCESSES_PER_S) : 0;
}

static void add_bytes(uint64_t *sum, uint64_t bytes)
{
	*sum = *sum + bytes < *sum ? UINT64_MAX : *sum + bytes;
}

static int64_t clamp_ns(uint64_t ns)
{
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

bool view_is_observed(const struct thermo_region *region)
{
	return region->nr_events > 0 || region->exposure_s > 0;
}

double view_rate(const struct thermo_region *region)
{
	uint64_t bytes = bytes_of(region);

	return bytes ? accesses_of(region) / ((double)bytes / VIEW_MIB) : 0;
}

struct thermo_snapshot view_of_target(const struct thermo_snapshot *snapshot, uint32_t target)
{
	struct thermo_snapshot view = *snapshot;
	uint32_t first = 0, high = snapshot->nr_regions, nr = 0;

	while (first < high) {
		uint32_t mid = first + (high - first) / 2;

		if (snapshot->regions[mid].target < target)
			first = mid + 1;
		else
			high = mid;
	}
	while (first + nr < snapshot->nr_regions && snapshot->regions[first + nr].target == target)
		nr++;
	view.regions = nr ? snapshot->regions + first : NULL;
	view.nr_regions = nr;
	return view;
}

/* --- how recent --- */

int64_t view_idle_ns(const struct thermo_region *region, uint64_t window_ns)
{
	if (region->idle_ns == UINT64_MAX)
		return clamp_ns(region->age_ns);
	if (region->idle_ns <= window_ns)
		return -clamp_ns(region->age_ns);
	return clamp_ns(region->idle_ns);
}

struct idle_bytes {
	int64_t idle_ns;
	uint64_t bytes;
};

static int by_idle(const void *a, const void *b)
{
	const struct idle_bytes *x = a, *y = b;

	return x->idle_ns < y->idle_ns ? -1 : x->idle_ns > y->idle_ns;
}

/* Return: how many were observed; their bytes in *@total. */
static size_t list_idle(const struct thermo_snapshot *s, struct idle_bytes *list, uint64_t *total)
{
	size_t nr = 0;

	*total = 0;
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		uint64_t bytes = bytes_of(r);

		if (!bytes || !view_is_observed(r))
			continue;
		list[nr++] = (struct idle_bytes){ view_idle_ns(r, s->window_ns), bytes };
		add_bytes(total, bytes);
	}
	return nr;
}

int64_t view_idle_percentiles(const struct thermo_snapshot *snapshot, int64_t *idle_ns)
{
	AUTO_FREE struct idle_bytes *list = calloc((size_t)snapshot->nr_regions + 1, sizeof(*list));
	uint64_t total, seen = 0;
	int percent = 0;

	if (!list)
		return thermo_fail(-ENOMEM, "idle time: no memory for %u regions",
				   snapshot->nr_regions);
	size_t nr = list_idle(snapshot, list, &total);

	memset(idle_ns, 0, VIEW_NR_PERCENTILES * sizeof(*idle_ns));
	qsort(list, nr, sizeof(*list), by_idle);
	for (size_t i = 0; i < nr; i++) {
		add_bytes(&seen, list[i].bytes);
		while (percent < VIEW_NR_PERCENTILES &&
		       (i + 1 == nr || (double)seen * 100 >= (double)percent * (double)total))
			idle_ns[percent++] = list[i].idle_ns;
	}
	return clamp_ns(total);
}

/* --- working set --- */

uint64_t view_bytes_from_rate(const struct thermo_snapshot *snapshot, double min_rate)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (view_is_observed(r) && view_rate(r) >= min_rate)
			add_bytes(&bytes, bytes_of(r));
	}
	return bytes;
}

uint64_t view_bytes_accessed(const struct thermo_snapshot *snapshot, uint64_t within_ns)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (r->idle_ns != UINT64_MAX && r->idle_ns <= within_ns)
			add_bytes(&bytes, bytes_of(r));
	}
	return bytes;
}

#define SERIES_ROOM (sizeof(((struct view_series *)0)->kept) / sizeof(uint64_t))

static void thin_out(struct view_series *series)
{
	for (size_t i = 0; i < SERIES_ROOM / 2; i++)
		series->kept[i] = series->kept[2 * i];
	series->nr_kept = SERIES_ROOM / 2;
	series->every *= 2;
}

void view_series_add(struct view_series *series, uint64_t value)
{
	if (series->nr == 0) {
		series->every = 1;
		series->min = value;
	}
	if (series->nr % series->every == 0) {
		if (series->nr_kept == SERIES_ROOM)
			thin_out(series);
		/* The room is even: what made it full is one of those that stay. */
		series->kept[series->nr_kept++] = value;
	}
	series->nr++;
	series->sum += (double)value;
	series->min = value < series->min ? value : series->min;
	series->max = value > series->max ? value : series->max;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t view_series_percentile(const struct view_series *series, double percent)
{
	uint64_t sorted[SERIES_ROOM];
	size_t rank;

	if (series->nr == 0 || percent >= 100)
		return series->max;
	if (!(percent > 0))
		return series->min;
	memcpy(sorted, series->kept, series->nr_kept * sizeof(sorted[0]));
	qsort(sorted, series->nr_kept, sizeof(sorted[0]), by_value);
	rank = (size_t)ceil(percent / 100 * (double)series->nr_kept);
	return sorted[rank ? rank - 1 : 0];
}

double view_series_mean(const struct view_series *series)
{
	return series->nr ? series->sum / (double)series->nr : 0;
}

/* --- histograms --- */

static void make_buckets(struct view_histogram *h, double first)
{
	*h = (struct view_histogram){ 0 };
	for (int i = 0; i < VIEW_NR_BUCKETS; i++) {
		h->buckets[i].low = i ? ldexp(first, i - 1) : 0;
		h->buckets[i].high = i + 1 < VIEW_NR_BUCKETS ? ldexp(first, i) : INFINITY;
	}
}

static void put(struct view_bucket *bucket, const struct thermo_region *r)
{
	add_bytes(&bucket->bytes, bytes_of(r));
	bucket->accesses_per_s += accesses_of(r);
}

static struct view_bucket *bucket_of(struct view_histogram *h, double value)
{
	int i = 0;

	while (i + 1 < VIEW_NR_BUCKETS && value >= h->buckets[i].high)
		i++;
	return &h->buckets[i];
}

void view_recency(const struct thermo_snapshot *snapshot, struct view_histogram *histogram)
{
	make_buckets(histogram, RECENCY_FIRST_S);
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (!view_is_observed(r))
			put(&histogram->unobserved, r);
		else if (r->idle_ns == UINT64_MAX)
			put(&histogram->never, r);
		else
			put(bucket_of(histogram, (double)r->idle_ns / 1e9), r);
	}
}

void view_temperature(const struct thermo_snapshot *snapshot, struct view_histogram *histogram)
{
	make_buckets(histogram, TEMPERATURE_FIRST);
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (!view_is_observed(r))
			put(&histogram->unobserved, r);
		else
			put(bucket_of(histogram, view_rate(r)), r);
	}
}

/* --- heat curve --- */

static int by_rate(const void *a, const void *b)
{
	const struct view_step *x = a, *y = b;

	return x->rate < y->rate ? 1 : x->rate > y->rate ? -1 : 0;
}

int view_curve_init(struct view_curve *curve, const struct thermo_snapshot *snapshot)
{
	struct view_step *steps = calloc((size_t)snapshot->nr_regions + 1, sizeof(*steps));
	size_t nr = 0;

	if (!steps)
		return thermo_fail(-ENOMEM, "heat curve: no memory for %u regions",
				   snapshot->nr_regions);
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		const struct thermo_region *r = &snapshot->regions[i];

		if (bytes_of(r))
			steps[nr++] = (struct view_step){ (double)bytes_of(r), accesses_of(r),
							  view_rate(r) };
	}
	qsort(steps, nr, sizeof(*steps), by_rate);
	for (size_t i = 1; i < nr; i++) {
		steps[i].bytes += steps[i - 1].bytes;
		steps[i].accesses_per_s += steps[i - 1].accesses_per_s;
	}
	*curve = (struct view_curve){ nr, steps };
	return 0;
}

void view_curve_fini(struct view_curve *curve)
{
	free(curve->steps);
	*curve = (struct view_curve){ 0 };
}

double view_curve_bytes(const struct view_curve *curve)
{
	return curve->nr_steps ? curve->steps[curve->nr_steps - 1].bytes : 0;
}

double view_curve_accesses_per_s(const struct view_curve *curve)
{
	return curve->nr_steps ? curve->steps[curve->nr_steps - 1].accesses_per_s : 0;
}

/* The first step that ends at @bytes or after it; nr_steps when none does. */
static size_t find_step(const struct view_curve *curve, double bytes)
{
	size_t low = 0, high = curve->nr_steps;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (curve->steps[mid].bytes < bytes)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

double view_curve_share(const struct view_curve *curve, double bytes)
{
	double all = view_curve_accesses_per_s(curve), total = view_curve_bytes(curve);
	size_t i = find_step(curve, bytes);

	if (total == 0 || !(bytes > 0))
		return 0;
	if (i == curve->nr_steps)
		return 1;
	if (all == 0)
		return bytes / total;
	struct view_step before = i ? curve->steps[i - 1] : (struct view_step){ 0 };
	struct view_step step = curve->steps[i];
	double inside = (bytes - before.bytes) / (step.bytes - before.bytes);

	return (before.accesses_per_s + inside * (step.accesses_per_s - before.accesses_per_s)) /
	       all;
}

double view_curve_cut(const struct view_curve *curve, double budget_bytes)
{
	if (!(budget_bytes < view_curve_bytes(curve)))
		return 0;
	if (!(budget_bytes > 0))
		return INFINITY;
	/* The first step that does not fit as a whole. */
	size_t i = find_step(curve, budget_bytes);

	if (curve->steps[i].bytes == budget_bytes)
		i++;
	return curve->steps[i].rate;
}
