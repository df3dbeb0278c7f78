// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_load.c - shapes: where in a piece accesses go, drawn and as a formula. */
#include "bench/sim/sim_load.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bench/sim/sim_scatter.h"
#include "bench/workload/random.h"
#include "core/error.h"

#define PAGE 4096ull
#define LINE_BYTES 64u
#define NR_EXACT_RANKS 4096u
#define RANKS_PER_CLASS 256u /* a class is as wide as its rank divided by this */

static uint64_t draw_below(uint64_t *state, uint64_t n)
{
	uint64_t rest;

	return workload_random_below(workload_random(state), n, &rest);
}

static double draw_share(uint64_t *state)
{
	return (double)(workload_random(state) >> 11) * 0x1p-53;
}

static bool is_zipf(const struct sim_piece *p)
{
	return p->shape == SIM_ZIPF || p->shape == SIM_ZIPF_SCATTERED;
}

static uint64_t nr_grains(const struct sim_piece *p)
{
	return p->bytes / p->grain_bytes;
}

static int check_piece(const struct sim_load *load, const struct sim_piece *p)
{
	uint64_t unit = p->shape == SIM_EVEN        ? PAGE
			: p->shape == SIM_STRETCHES ? 2 * p->grain_bytes
						    : p->grain_bytes;

	if (!(p->share >= 0) || p->share > 1 || p->bytes == 0 || p->start % PAGE || unit < PAGE ||
	    unit % PAGE || p->bytes % unit || p->bytes > load->bytes ||
	    p->start > load->bytes - p->bytes)
		return thermo_fail(-EINVAL, "load: a piece of no sense");
	if (is_zipf(p) && !(p->exponent > 0))
		return thermo_fail(-EINVAL, "load: zipf: the exponent is above 0");
	if (p->step_ns && (load->nr_pieces > 1 || p->step_bytes % PAGE))
		return thermo_fail(-EINVAL, "load: a piece that moves is the only one, and moves "
					    "by whole pages");
	return 0;
}

int sim_load_init(struct sim_load *load)
{
	double shares = 0;

	if (!(load->accesses_per_s > 0) || load->bytes == 0 || load->bytes % PAGE ||
	    load->nr_pieces > SIM_MAX_PIECES)
		return thermo_fail(-EINVAL, "load: some accesses, whole pages, at most %d pieces",
				   SIM_MAX_PIECES);
	for (size_t i = 0; i < load->nr_pieces; i++) {
		struct sim_piece *p = &load->pieces[i];
		int err = check_piece(load, p);

		if (err)
			return err;
		for (size_t j = 0; j < i; j++)
			if (p->start < load->pieces[j].start + load->pieces[j].bytes &&
			    load->pieces[j].start < p->start + p->bytes)
				return thermo_fail(-EINVAL, "load: pieces overlap");
		if (is_zipf(p))
			sim_zipf_init(&p->zipf, nr_grains(p), p->exponent);
		shares += p->share;
	}
	if (shares > 1 + 1e-9)
		return thermo_fail(-EINVAL, "load: pieces of more than all accesses");
	return 0;
}

uint64_t sim_piece_start(const struct sim_load *load, const struct sim_piece *p, uint64_t time_ns)
{
	uint64_t nr_places = (load->bytes - p->bytes) / PAGE + 1;
	unsigned __int128 steps;

	if (!p->step_ns)
		return p->start;
	steps = (unsigned __int128)(time_ns / p->step_ns) * (p->step_bytes / PAGE);
	return (uint64_t)((steps + p->start / PAGE) % nr_places) * PAGE;
}

/* --- the formula --- */

static double background_share(const struct sim_load *load)
{
	double share = 1;

	for (size_t i = 0; i < load->nr_pieces; i++)
		share -= load->pieces[i].share;
	return share > 0 ? share : 0;
}

/* Of the first @offset bytes of a piece, how many are in hot stretches. */
static double hot_bytes(const struct sim_piece *p, uint64_t offset)
{
	uint64_t nr_pairs = offset / (2 * p->grain_bytes);
	uint64_t in_pair = offset % (2 * p->grain_bytes);
	uint64_t hot = in_pair < p->grain_bytes ? in_pair : p->grain_bytes;

	return (double)(nr_pairs * p->grain_bytes + hot);
}

/* The likelihood of the first @offset bytes. */
static double zipf_below(const struct sim_piece *p, uint64_t offset)
{
	uint64_t grain = offset / p->grain_bytes;
	double part = (double)(offset % p->grain_bytes) / (double)p->grain_bytes;
	double sum = sim_zipf_sum(&p->zipf, grain);

	if (part > 0)
		sum += part * pow((double)grain + 1, -p->exponent);
	return sum / p->zipf.total;
}

static double zipf_within(const struct sim_piece *p, uint64_t from, uint64_t to)
{
	uint64_t grain = from / p->grain_bytes;

	/* One grain: no difference of two large sums. */
	if (grain == (to - 1) / p->grain_bytes)
		return pow((double)grain + 1, -p->exponent) * (double)(to - from) /
		       (double)p->grain_bytes / p->zipf.total;
	return zipf_below(p, to) - zipf_below(p, from);
}

static double scattered_within(const struct sim_piece *p, uint64_t from, uint64_t to)
{
	double sum = 0;

	for (uint64_t grain = from / p->grain_bytes; grain * p->grain_bytes < to; grain++) {
		uint64_t low = grain * p->grain_bytes, high = low + p->grain_bytes;
		double rank = (double)sim_scatter_back(nr_grains(p), grain) + 1;

		low = low > from ? low : from;
		high = high < to ? high : to;
		sum += pow(rank, -p->exponent) * (double)(high - low);
	}
	return sum / (double)p->grain_bytes / p->zipf.total;
}

/* Which share of the piece's accesses goes to [@from, @to) of it. */
static double share_within(const struct sim_piece *p, uint64_t from, uint64_t to)
{
	switch (p->shape) {
	case SIM_STRETCHES:
		return (hot_bytes(p, to) - hot_bytes(p, from)) / hot_bytes(p, p->bytes);
	case SIM_ZIPF:
		return zipf_within(p, from, to);
	case SIM_ZIPF_SCATTERED:
		return scattered_within(p, from, to);
	case SIM_EVEN:
		break;
	}
	return (double)(to - from) / (double)p->bytes;
}

static double background_within(const struct sim_load *load, uint64_t start, uint64_t end)
{
	return background_share(load) * (double)(end - start) / (double)load->bytes;
}

static double piece_within(const struct sim_load *load, const struct sim_piece *p, uint64_t start,
			   uint64_t end, uint64_t time_ns)
{
	uint64_t at = sim_piece_start(load, p, time_ns);
	uint64_t low = start > at ? start : at;
	uint64_t high = end < at + p->bytes ? end : at + p->bytes;

	return low < high ? p->share * share_within(p, low - at, high - at) : 0;
}

double sim_load_rate(const struct sim_load *load, uint64_t start, uint64_t end, uint64_t time_ns)
{
	double share;

	end = end < load->bytes ? end : load->bytes;
	if (start >= end)
		return 0;
	share = background_within(load, start, end);
	for (size_t i = 0; i < load->nr_pieces; i++)
		share += piece_within(load, &load->pieces[i], start, end, time_ns);
	return share * load->accesses_per_s;
}

double sim_load_mean(const struct sim_load *load, uint64_t start, uint64_t end, uint64_t time_ns,
		     double (*value)(const struct sim_who *who, uint32_t key), uint32_t key)
{
	double all, sum;

	end = end < load->bytes ? end : load->bytes;
	if (start >= end)
		return 0;
	all = background_within(load, start, end);
	sum = all * value(&load->background, key);
	for (size_t i = 0; i < load->nr_pieces; i++) {
		double share = piece_within(load, &load->pieces[i], start, end, time_ns);

		all += share;
		sum += share * value(&load->pieces[i].who, key);
	}
	return all > 0 ? sum / all : 0;
}

double sim_who_writes(const struct sim_who *who, uint32_t key)
{
	(void)key;
	return who->write_share;
}

double sim_who_cpu(const struct sim_who *who, uint32_t key)
{
	return key >= who->first_cpu && key - who->first_cpu < who->nr_cpus ? 1.0 / who->nr_cpus
									    : 0;
}

double sim_who_tid(const struct sim_who *who, uint32_t key)
{
	uint32_t first = (uint32_t)who->first_tid;

	return key >= first && key - first < who->nr_tids ? 1.0 / who->nr_tids : 0;
}

/* --- samples --- */

static uint64_t draw_offset(const struct sim_piece *p, uint64_t *state)
{
	uint64_t rank;

	switch (p->shape) {
	case SIM_STRETCHES:
		return draw_below(state, nr_grains(p) / 2) * 2 * p->grain_bytes +
		       draw_below(state, p->grain_bytes);
	case SIM_ZIPF:
		rank = sim_zipf_draw(&p->zipf, state) - 1;
		return rank * p->grain_bytes + draw_below(state, p->grain_bytes);
	case SIM_ZIPF_SCATTERED:
		rank = sim_zipf_draw(&p->zipf, state) - 1;
		return sim_scatter(nr_grains(p), rank) * p->grain_bytes +
		       draw_below(state, p->grain_bytes);
	case SIM_EVEN:
		break;
	}
	return draw_below(state, p->bytes);
}

static void draw_who(const struct sim_who *who, struct thermo_access *a, uint64_t *state)
{
	a->cpu = who->nr_cpus ? who->first_cpu + (uint32_t)draw_below(state, who->nr_cpus)
			      : THERMO_CPU_UNKNOWN;
	a->tid = who->nr_tids ? who->first_tid + (int32_t)draw_below(state, who->nr_tids) : 0;
	a->op = draw_share(state) < who->write_share ? THERMO_OP_WRITE : THERMO_OP_READ;
	a->level = (uint8_t)who->level;
	if (who->latency_ns)
		a->latency_ns = 1 + (uint32_t)(-log1p(-draw_share(state)) * who->latency_ns);
}

struct thermo_access sim_load_draw(const struct sim_load *load, uint64_t time_ns, uint32_t period,
				   uint64_t *state)
{
	struct thermo_access a = { .extent_bytes = 1,
				   .time_ns = time_ns,
				   .nr_accesses = period,
				   .node = THERMO_NODE_UNKNOWN,
				   .access_bytes = 8,
				   .space = THERMO_SPACE_VIRTUAL,
				   .count = THERMO_COUNT_EXACT };
	const struct sim_piece *p = load->pieces, *end = p + load->nr_pieces;
	double coin = draw_share(state);

	while (p < end && coin >= p->share)
		coin -= p++->share;
	if (p < end)
		a.addr = sim_piece_start(load, p, time_ns) + draw_offset(p, state);
	else
		a.addr = draw_below(state, load->bytes);
	a.addr &= ~(uint64_t)(LINE_BYTES - 1);
	draw_who(p < end ? &p->who : &load->background, &a, state);
	return a;
}

/* --- the best that could be done --- */

struct class_list {
	struct sim_class *list;
	size_t nr;
};

static uint64_t ranks_at(const struct sim_piece *p, uint64_t first)
{
	uint64_t span = first < NR_EXACT_RANKS ? 1 : first / RANKS_PER_CLASS;

	return span < nr_grains(p) - first ? span : nr_grains(p) - first;
}

static size_t count_classes(const struct sim_piece *p)
{
	size_t nr = 0;

	if (!is_zipf(p))
		return 2;
	for (uint64_t first = 0; first < nr_grains(p); first += ranks_at(p, first))
		nr++;
	return nr;
}

static void add_class(struct class_list *to, double rate, double bytes, double background)
{
	if (bytes > 0)
		to->list[to->nr++] = (struct sim_class){ rate / bytes + background, bytes };
}

static void add_piece(struct class_list *to, const struct sim_piece *p, double rate,
		      double background)
{
	double bytes = (double)p->bytes;

	if (p->shape == SIM_EVEN) {
		add_class(to, rate, bytes, background);
		return;
	}
	if (p->shape == SIM_STRETCHES) {
		add_class(to, rate, bytes / 2, background);
		add_class(to, 0, bytes / 2, background);
		return;
	}
	for (uint64_t first = 0, nr; first < nr_grains(p); first += nr) {
		nr = ranks_at(p, first);
		double sum = nr == 1 ? pow((double)first + 1, -p->exponent)
				     : sim_zipf_sum(&p->zipf, first + nr) -
							     sim_zipf_sum(&p->zipf, first);

		add_class(to, rate * sum / p->zipf.total, (double)(nr * p->grain_bytes),
			  background);
	}
}

static int by_rate(const void *a, const void *b)
{
	const struct sim_class *x = a, *y = b;

	return x->rate_per_byte < y->rate_per_byte   ? 1
	       : x->rate_per_byte > y->rate_per_byte ? -1
						     : 0;
}

ptrdiff_t sim_load_classes(const struct sim_load *load, struct sim_class **classes)
{
	double background = background_share(load) * load->accesses_per_s / (double)load->bytes;
	uint64_t rest = load->bytes;
	struct class_list to = { 0 };
	size_t nr = 1;

	for (size_t i = 0; i < load->nr_pieces; i++)
		nr += count_classes(&load->pieces[i]);
	to.list = calloc(nr, sizeof(*to.list));
	if (!to.list)
		return thermo_fail(-ENOMEM, "load: no memory for %zu classes", nr);
	for (size_t i = 0; i < load->nr_pieces; i++) {
		const struct sim_piece *p = &load->pieces[i];

		add_piece(&to, p, p->share * load->accesses_per_s, background);
		rest -= p->bytes;
	}
	add_class(&to, 0, (double)rest, background);
	qsort(to.list, to.nr, sizeof(*to.list), by_rate);
	*classes = to.list;
	return (ptrdiff_t)to.nr;
}
