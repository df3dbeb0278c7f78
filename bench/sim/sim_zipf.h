/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_zipf.h - ranks 1..n, rank k with a likelihood of k^-s / H(n): drawn, and summed.
 *
 * Unlike the workload generator's table, which is a little off for the sake of
 * speed, this is exact: what is drawn is judged against the sum.  No tables of n.
 */
#ifndef BENCH_SIM_SIM_ZIPF_H
#define BENCH_SIM_SIM_ZIPF_H

#include <stdint.h>

#define SIM_ZIPF_EXACT 64 /* so many terms are added up one by one */

struct sim_zipf {
	uint64_t nr;
	double s;
	double head[SIM_ZIPF_EXACT + 1]; /* H(0) to H(SIM_ZIPF_EXACT) */
	double total;                    /* H(nr) */
	double area_first, area_end, squeeze;
};

/* @s above 0, also 1. */
void sim_zipf_init(struct sim_zipf *zipf, uint64_t nr, double s);

/* H(@k), the sum of the first @k terms; @k up to nr. */
double sim_zipf_sum(const struct sim_zipf *zipf, uint64_t k);

/* Return: a rank from 1 on; @state as workload_random() has it. */
uint64_t sim_zipf_draw(const struct sim_zipf *zipf, uint64_t *state);

#endif
