/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zipf.c - builds the table of zipf.h. */
#include "bench/workload/zipf.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/error.h"

#define NR_EXACT_RANKS 4096u
#define SPANS_PER_RANK 256u /* a range is as wide as its rank divided by this */

/* Width of the range that begins at rank @first. */
static uint32_t span_at(uint64_t first, uint64_t nr_ranks)
{
	uint64_t span = first < NR_EXACT_RANKS ? 1 : first / SPANS_PER_RANK;

	return (uint32_t)(span < nr_ranks - first ? span : nr_ranks - first);
}

static size_t count_entries(uint64_t nr_ranks)
{
	size_t n = 0;

	assert(nr_ranks > 0);
	for (uint64_t first = 0; first < nr_ranks; first += span_at(first, nr_ranks))
		n++;
	return n;
}

/* Cuts the ranks into entries.  Return: the sum of all likelihoods, each in @mass. */
static double fill_entries(struct workload_zipf *zipf, uint64_t nr_ranks, double s, double *mass)
{
	uint64_t first = 0;
	double sum = 0;

	for (size_t i = 0; i < zipf->nr_entries; i++) {
		uint32_t span = span_at(first, nr_ranks);
		double middle = (double)first + (span + 1) / 2.0;

		mass[i] = span * pow(middle, -s);
		sum += mass[i];
		zipf->entries[i] = (struct workload_zipf_entry){ first, span, (uint32_t)i,
								 UINT64_MAX };
		first += span;
	}
	return sum;
}

/*
 * Vose's method: an entry with less than the average mass keeps what it has and
 * is filled up from one with more.  @mass: in units of the average.
 * @stack: room for all entries; those with less grow from its start, the others
 * from its end.
 */
static void link_aliases(struct workload_zipf *zipf, double *mass, uint32_t *stack)
{
	size_t nr_less = 0, more = zipf->nr_entries;

	for (uint32_t i = 0; i < zipf->nr_entries; i++) {
		if (mass[i] < 1.0)
			stack[nr_less++] = i;
		else
			stack[--more] = i;
	}
	while (nr_less > 0 && more < zipf->nr_entries) {
		uint32_t poor = stack[--nr_less], rich = stack[more];

		zipf->entries[poor].keep = (uint64_t)(mass[poor] * 0x1p64);
		zipf->entries[poor].alias = rich;
		mass[rich] -= 1.0 - mass[poor];
		if (mass[rich] < 1.0) {
			more++;
			stack[nr_less++] = rich;
		}
	}
}

int workload_zipf_init(struct workload_zipf *zipf, uint64_t nr_ranks, double s)
{
	size_t n = count_entries(nr_ranks);
	double *mass = calloc(n, sizeof(*mass));
	uint32_t *stack = calloc(n, sizeof(*stack));
	int err = 0;

	*zipf = (struct workload_zipf){ .entries = calloc(n, sizeof(*zipf->entries)),
					.nr_entries = n };
	if (mass && stack && zipf->entries) {
		double average = fill_entries(zipf, nr_ranks, s, mass) / (double)n;

		for (size_t i = 0; i < n; i++)
			mass[i] /= average;
		link_aliases(zipf, mass, stack);
	} else {
		err = thermo_fail(-ENOMEM, "zipf: no memory for a table of %zu entries", n);
	}
	free(stack);
	free(mass);
	return err;
}

void workload_zipf_fini(struct workload_zipf *zipf)
{
	free(zipf->entries);
	*zipf = (struct workload_zipf){ 0 };
}
