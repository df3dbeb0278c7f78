// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_judge.c - curves and distances. */
#include "bench/sim/sim_judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HELD_ENOUGH 0.9

/* Walks a curve of cumulated shares, filling the points that each step passes. */
struct curve {
	double *points;
	double total_bytes;
	double bytes;
	double share;
	int next;
};

static void curve_step(struct curve *c, double bytes, double share)
{
	while (c->next <= 100) {
		double wanted = c->total_bytes * c->next / 100;

		/* The last step ends at 100 %, whatever rounding says. */
		if (wanted > c->bytes + bytes && c->next < 100)
			break;
		if (c->next == 100 && c->bytes + bytes < c->total_bytes * (1 - 1e-9))
			break;
		c->points[c->next++] = c->share + share * fmin(1, (wanted - c->bytes) / bytes);
	}
	c->bytes += bytes;
	c->share += share;
}

/* What no step reached gets what there is. */
static void curve_end(struct curve *c)
{
	while (c->next <= 100)
		c->points[c->next++] = c->share;
}

static int by_heat(const void *a, const void *b)
{
	const struct sim_guess *x = a, *y = b;

	if (x->heat != y->heat)
		return x->heat < y->heat ? 1 : -1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int judge_optimum(const struct sim_load *load, struct sim_verdict *v)
{
	struct curve c = { .points = v->optimum, .total_bytes = (double)load->bytes };
	struct sim_class *classes = NULL;
	ptrdiff_t nr = sim_load_classes(load, &classes);

	if (nr < 0)
		return (int)nr;
	for (ptrdiff_t i = 0; i < nr; i++)
		curve_step(&c, classes[i].bytes,
			   classes[i].bytes * classes[i].rate_per_byte / load->accesses_per_s);
	curve_end(&c);
	free(classes);
	return 0;
}

static void judge_rates(struct sim_verdict *v, const struct sim_guess *g, double truth,
			size_t *nr_claimed)
{
	double distance = fabs(g->rate - truth);

	v->total_error += g->rate;
	v->rate_error += distance;
	if (g->error <= 0)
		return;
	(*nr_claimed)++;
	v->mean_sigma += distance / g->error;
	v->within_2_sigma += distance <= 2 * g->error;
}

int sim_judge(const struct sim_load *load, uint64_t time_ns, struct sim_guess *guesses, size_t nr,
	      struct sim_verdict *v)
{
	struct curve c = { .points = v->captured, .total_bytes = (double)load->bytes };
	size_t nr_claimed = 0;
	double covered = 0;
	int err;

	memset(v, 0, sizeof(*v));
	err = judge_optimum(load, v);
	if (err)
		return err;
	v->nr_ranges = nr;
	qsort(guesses, nr, sizeof(*guesses), by_heat);
	for (size_t i = 0; i < nr; i++) {
		const struct sim_guess *g = &guesses[i];
		double truth = sim_load_rate(load, g->start, g->end, time_ns);

		curve_step(&c, (double)(g->end - g->start), truth / load->accesses_per_s);
		judge_rates(v, g, truth, &nr_claimed);
		covered += truth;
	}
	curve_end(&c);
	/* Memory that nobody speaks of is believed to have no accesses. */
	v->rate_error = (v->rate_error + load->accesses_per_s - covered) / load->accesses_per_s;
	v->total_error = v->total_error / load->accesses_per_s - 1;
	if (nr_claimed) {
		v->mean_sigma /= (double)nr_claimed;
		v->within_2_sigma /= (double)nr_claimed;
	}
	for (int x = 1; x <= 100; x++)
		v->mean_miss += (v->optimum[x] - v->captured[x]) / 100;
	return 0;
}

/* --- one hot spot --- */

/* Accesses per second and byte, halfway between inside and outside. */
static double middle_rate(const struct sim_load *load, const struct sim_piece *p, uint64_t at,
			  uint64_t time_ns)
{
	double inside = sim_load_rate(load, at, at + p->bytes, time_ns);
	double outside = load->accesses_per_s - inside;

	return sqrt(inside / (double)p->bytes * outside / (double)(load->bytes - p->bytes));
}

void sim_isolate(const struct sim_load *load, uint64_t time_ns, const struct sim_guess *guesses,
		 size_t nr, struct sim_isolation *out)
{
	const struct sim_piece *p = &load->pieces[0];
	uint64_t at = sim_piece_start(load, p, time_ns), end = at + p->bytes;
	double middle = middle_rate(load, p, at, time_ns), hot = 0, touching = 0;

	*out = (struct sim_isolation){ 0 };
	for (size_t i = 0; i < nr; i++) {
		const struct sim_guess *g = &guesses[i];
		uint64_t low = g->start > at ? g->start : at, high = g->end < end ? g->end : end;
		double bytes = (double)(g->end - g->start);
		bool is_hot = g->rate > middle * bytes;

		if (low >= high) {
			out->false_hot_bytes += is_hot ? g->end - g->start : 0;
			continue;
		}
		touching += bytes;
		hot += is_hot ? bytes : 0;
		out->held += is_hot ? (double)(high - low) / (double)p->bytes : 0;
	}
	out->factor = (out->held < HELD_ENOUGH ? touching : hot) / (double)p->bytes;
}
