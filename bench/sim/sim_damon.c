// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_damon.c - regions, accessed bits, intervals. */
#include "bench/sim/sim_damon.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workload/random.h"
#include "core/error.h"

#define PAGE 4096ull
#define MIN_SAMPLE_NS 5000000ull
#define MAX_SAMPLE_NS 10000000000ull
#define TUNE_AGGREGATIONS 3
#define TUNE_ACCESS_BP 400.0
#define BP 10000.0

struct damon_region {
	uint64_t start;
	uint64_t end;
	unsigned int nr;   /* intervals with an access in this aggregation */
	unsigned int last; /* in the one before */
	unsigned int age;  /* aggregations */
};

struct sim_damon {
	const struct sim_load *load;
	struct sim_damon_opts opts;
	struct damon_region *regions;
	size_t nr;
	size_t nr_at_last_split;
	uint64_t time_ns;
	uint64_t sample_ns;
	unsigned int samples_per_aggr;
	unsigned int samples_passed;
	unsigned int aggrs_passed;
	uint64_t random;
};

static uint64_t bytes_of(const struct damon_region *r)
{
	return r->end - r->start;
}

static uint64_t draw_below(struct sim_damon *d, uint64_t n)
{
	uint64_t rest;

	return workload_random_below(workload_random(&d->random), n, &rest);
}

/* --- looking --- */

static void look(struct sim_damon *d)
{
	double sample_s = (double)d->sample_ns / 1e9;

	for (size_t i = 0; i < d->nr; i++) {
		struct damon_region *r = &d->regions[i];
		uint64_t page = r->start + draw_below(d, bytes_of(r) / PAGE) * PAGE;
		double rate = sim_load_rate(d->load, page, page + PAGE, d->time_ns);
		double coin = (double)(workload_random(&d->random) >> 11) * 0x1p-53;

		r->nr += coin < -expm1(-rate * sample_s);
	}
}

/* --- merging --- */

static unsigned int apart(unsigned int a, unsigned int b)
{
	return a > b ? a - b : b - a;
}

static void grow_older(struct sim_damon *d, unsigned int threshold)
{
	for (size_t i = 0; i < d->nr; i++) {
		struct damon_region *r = &d->regions[i];

		if (apart(r->nr, r->last) > threshold || !r->nr != !r->last)
			r->age = 0;
		else
			r->age++;
	}
}

static void merge_pair(struct damon_region *left, const struct damon_region *right)
{
	uint64_t l = bytes_of(left) / PAGE, r = bytes_of(right) / PAGE;

	left->nr = (unsigned int)((left->nr * l + right->nr * r) / (l + r));
	left->age = (unsigned int)((left->age * l + right->age * r) / (l + r));
	left->end = right->end;
}

static void merge_once(struct sim_damon *d, unsigned int threshold, uint64_t max_bytes)
{
	size_t out = 0;

	for (size_t i = 1; i < d->nr; i++) {
		struct damon_region *to = &d->regions[out];
		const struct damon_region *r = &d->regions[i];

		if (apart(to->nr, r->nr) <= threshold && r->end - to->start <= max_bytes)
			merge_pair(to, r);
		else
			d->regions[++out] = *r;
	}
	d->nr = out + 1;
}

static void merge(struct sim_damon *d, uint64_t max_bytes)
{
	unsigned int most = 0, threshold;

	for (size_t i = 0; i < d->nr; i++)
		most = d->regions[i].nr > most ? d->regions[i].nr : most;
	threshold = most / 10;
	grow_older(d, threshold);
	do {
		merge_once(d, threshold, max_bytes);
		threshold = threshold ? 2 * threshold : 1;
	} while (d->nr > d->opts.max_nr_regions && threshold / 2 < d->samples_per_aggr);
}

/* --- splitting --- */

/* The parts replace the regions: each region becomes up to @nr_parts, cut at random. */
static size_t cut(struct sim_damon *d, const struct damon_region *r, unsigned int nr_parts,
		  struct damon_region *out)
{
	size_t nr = 0;
	struct damon_region rest = *r;

	/* DAMON cuts the left part again; which side it is makes no difference. */
	while (nr + 1 < nr_parts && bytes_of(&rest) > 2 * PAGE) {
		uint64_t left = bytes_of(&rest) / 10 * (1 + draw_below(d, 9)) / PAGE * PAGE;

		if (left == 0 || left >= bytes_of(&rest))
			continue;
		out[nr] = rest;
		out[nr].end = rest.start + left;
		rest.start = out[nr++].end;
	}
	out[nr++] = rest;
	return nr;
}

static int reserve(size_t nr, struct damon_region **out)
{
	*out = calloc(nr + 1, sizeof(**out));
	if (!*out)
		return thermo_fail(-ENOMEM, "simulated DAMON: no memory for %zu regions", nr);
	return 0;
}

static void replace(struct sim_damon *d, struct damon_region *regions, size_t nr)
{
	free(d->regions);
	d->regions = regions;
	d->nr = nr;
}

static int split(struct sim_damon *d)
{
	unsigned int nr_parts = 2;
	struct damon_region *out;
	size_t nr = 0;

	if (d->nr > d->opts.max_nr_regions / 2)
		return 0;
	if (d->nr == d->nr_at_last_split && d->nr < d->opts.max_nr_regions / 3)
		nr_parts = 3;
	d->nr_at_last_split = d->nr;
	if (reserve(d->nr * nr_parts, &out))
		return -ENOMEM;
	for (size_t i = 0; i < d->nr; i++)
		nr += cut(d, &d->regions[i], nr_parts, &out[nr]);
	replace(d, out, nr);
	return 0;
}

/* No region is larger than the least number of them allows. */
static int enforce_min(struct sim_damon *d, uint64_t max_bytes)
{
	struct damon_region *out;
	size_t nr = 0;

	for (size_t i = 0; i < d->nr; i++)
		nr += (bytes_of(&d->regions[i]) + max_bytes - 1) / max_bytes;
	if (nr == d->nr)
		return 0;
	if (reserve(nr, &out))
		return -ENOMEM;
	nr = 0;
	for (size_t i = 0; i < d->nr; i++) {
		struct damon_region rest = d->regions[i];

		for (; bytes_of(&rest) > max_bytes; rest.start = out[nr++].end) {
			out[nr] = rest;
			out[nr].end = rest.start + max_bytes;
		}
		out[nr++] = rest;
	}
	replace(d, out, nr);
	return 0;
}

/* --- intervals --- */

/* How long intervals become, in 1/10000 of what they are: DAMON's feedback loop. */
static double interval_factor_bp(const struct sim_damon *d)
{
	double seen = 0, possible = 0, score, factor;

	for (size_t i = 0; i < d->nr; i++) {
		double bytes = (double)bytes_of(&d->regions[i]);

		seen += bytes * d->regions[i].nr;
		possible += bytes * d->samples_per_aggr;
	}
	score = BP * seen / fmax(1, possible * TUNE_ACCESS_BP / BP);
	factor = fmax(BP * (2 - score / BP), 1);
	return factor <= BP ? BP / 2 + factor / 2 : factor;
}

static void tune(struct sim_damon *d)
{
	double before = (double)d->sample_ns;
	double wanted = before * interval_factor_bp(d) / BP;

	d->sample_ns = (uint64_t)fmin(fmax(wanted, (double)MIN_SAMPLE_NS), (double)MAX_SAMPLE_NS);
	for (size_t i = 0; i < d->nr; i++)
		d->regions[i].age =
				(unsigned int)(d->regions[i].age * before / (double)d->sample_ns);
}

static int aggregate(struct sim_damon *d)
{
	uint64_t pages = (d->load->bytes / d->opts.min_nr_regions + PAGE - 1) / PAGE;
	uint64_t max_bytes = (pages ? pages : 1) * PAGE;
	int err;

	merge(d, max_bytes);
	err = enforce_min(d, max_bytes);
	if (err)
		return err;
	if (d->opts.tune && ++d->aggrs_passed % TUNE_AGGREGATIONS == 0)
		tune(d);
	for (size_t i = 0; i < d->nr; i++) {
		d->regions[i].last = d->regions[i].nr;
		d->regions[i].nr = 0;
	}
	return split(d);
}

int sim_damon_run(struct sim_damon *d, uint64_t time_ns)
{
	int err = 0;

	while (d->time_ns + d->sample_ns <= time_ns && !err) {
		look(d);
		d->time_ns += d->sample_ns;
		if (++d->samples_passed % d->samples_per_aggr == 0)
			err = aggregate(d);
	}
	return err;
}

/* --- life --- */

static int first_regions(struct sim_damon *d)
{
	struct damon_region all = { .end = d->load->bytes }, *list;
	uint64_t piece = d->load->bytes / d->opts.min_nr_regions / PAGE * PAGE;
	size_t nr = piece ? d->opts.min_nr_regions : 1;
	int err = reserve(nr, &list);

	if (err)
		return err;
	for (size_t i = 0; i < nr; i++) {
		list[i] = all;
		list[i].end = i + 1 < nr ? all.start + piece : all.end;
		all.start = list[i].end;
	}
	replace(d, list, nr);
	return 0;
}

int sim_damon_new(struct sim_damon **damon, const struct sim_load *load,
		  const struct sim_damon_opts *opts)
{
	struct sim_damon *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return thermo_fail(-ENOMEM, "simulated DAMON: no memory");
	d->load = load;
	d->opts = *opts;
	d->opts.sample_ns = opts->sample_ns ? opts->sample_ns : MIN_SAMPLE_NS;
	d->opts.aggr_ns = opts->aggr_ns ? opts->aggr_ns : 100000000ull;
	d->opts.min_nr_regions = opts->min_nr_regions ? opts->min_nr_regions : 10;
	d->opts.max_nr_regions = opts->max_nr_regions ? opts->max_nr_regions : 1000;
	d->sample_ns = d->opts.sample_ns;
	d->samples_per_aggr = (unsigned int)(d->opts.aggr_ns / d->opts.sample_ns);
	d->random = workload_random_seed(opts->seed, 1);
	err = d->samples_per_aggr && d->opts.min_nr_regions <= d->opts.max_nr_regions
			      ? first_regions(d)
			      : thermo_fail(-EINVAL,
					    "simulated DAMON: intervals or regions of no sense");
	if (err) {
		sim_damon_free(d);
		return err;
	}
	*damon = d;
	return 0;
}

void sim_damon_free(struct sim_damon *d)
{
	if (!d)
		return;
	free(d->regions);
	free(d);
}

uint64_t sim_damon_sample_ns(const struct sim_damon *d)
{
	return d->sample_ns;
}

/* An accessed bit says "at least once": the mean number that makes it so frequent. */
static double rate_of(const struct sim_damon *d, const struct damon_region *r)
{
	double n = d->samples_per_aggr;
	double k = r->last < d->samples_per_aggr ? r->last : n - 0.5;
	uint64_t pages = bytes_of(r) / PAGE;

	return -log1p(-k / n) / ((double)d->sample_ns / 1e9) * (double)pages;
}

ptrdiff_t sim_damon_guesses(const struct sim_damon *d, struct sim_guess **guesses)
{
	*guesses = calloc(d->nr, sizeof(**guesses));
	if (!*guesses)
		return thermo_fail(-ENOMEM, "simulated DAMON: no memory for %zu guesses", d->nr);
	for (size_t i = 0; i < d->nr; i++) {
		const struct damon_region *r = &d->regions[i];
		/* Below 1: only a tie is broken. */
		double age = r->age / (1.0 + r->age);

		(*guesses)[i] = (struct sim_guess){ .start = r->start,
						    .end = r->end,
						    .rate = rate_of(d, r),
						    .heat = r->last ? r->last + age : -age };
	}
	return (ptrdiff_t)d->nr;
}
