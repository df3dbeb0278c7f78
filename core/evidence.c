// SPDX-License-Identifier: GPL-2.0-or-later
/* evidence.c - sums over bins, and what they say. */
#include "core/evidence.h"

#include <math.h>
#include <stdbool.h>

/* Prior weight in events: an unobserved region is like what is around it. */
#define PRIOR_EVENTS 0.5

static double dispersion(const struct evidence *e, double events)
{
	double scanned = events > 0 ? (double)e->scanned / events : 1;

	return DISPERSION_IN_SPACE +
	       (DISPERSION_IN_TIME - DISPERSION_IN_SPACE) * (scanned < 1 ? scanned : 1);
}

static double sum_events(const struct evidence *e)
{
	double events = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++)
		events += (double)e->events[i];
	return events;
}

struct rate evidence_rate(const struct evidence *e, int first, int end)
{
	float events = 0, exposure = 0, all = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		bool within = i >= first && i < end;

		all += e->events[i];
		events += within ? e->events[i] : 0;
		exposure += within ? e->exposure[i] : 0;
	}
	return (struct rate){ (double)events, (double)exposure, dispersion(e, (double)all) };
}

double evidence_count(const struct evidence *e)
{
	double events = sum_events(e);

	/* Kish, "Survey Sampling" (1965): effective size of a weighted sample. */
	return e->squares > 0 ? events * events / (double)e->squares : events;
}

double rate_per_byte(const struct rate *rate, double prior)
{
	/* What was seen speaks for itself soon, however far it is from what is around. */
	double weight = PRIOR_EVENTS * exp(-rate->events);

	if (prior > 0)
		return (rate->events + weight) / (rate->exposure + weight / prior);
	return rate->exposure > 0 ? rate->events / rate->exposure : 0;
}

double rate_relative_error(const struct rate *rate)
{
	return sqrt(1 / (rate->events + PRIOR_EVENTS) + rate->dispersion);
}

static double gain(double events, double rate, double common_rate)
{
	return events > 0 ? events * log(rate / common_rate) : 0;
}

double rates_differ(const struct rate *a, const struct rate *b)
{
	double events = a->events + b->events, likelihood;
	double spread = a->dispersion > b->dispersion ? a->dispersion : b->dispersion;

	if (a->exposure <= 0 || b->exposure <= 0 || events <= 0)
		return 0;
	double apart = a->events * b->exposure - b->events * a->exposure;

	/* Half of Pearson's statistic is about the same; it costs no logarithm where rates are
	 * alike. */
	likelihood = apart * apart / (2 * events * a->exposure * b->exposure);
	if (likelihood > 1) {
		double common = events / (a->exposure + b->exposure);

		likelihood = gain(a->events, a->events / a->exposure, common) +
			     gain(b->events, b->events / b->exposure, common);
	}
	/* As if there were only as many events as give that variance. */
	return likelihood / (1 + spread * events / 2);
}

static int bin_of(uint64_t bytes, uint64_t offset)
{
	int bin = (int)(offset * EVIDENCE_BINS / bytes);

	/* bin_offset() rounds down, so the first byte of a bin may still say the one before. */
	return bin + 1 < EVIDENCE_BINS && offset >= bin_offset(bytes, bin + 1) ? bin + 1 : bin;
}

void evidence_spread(struct evidence *e, uint64_t bytes, uint64_t from, uint64_t to, double events,
		     double exposure)
{
	int first = bin_of(bytes, from), last = bin_of(bytes, to - 1);

	if (first == last) {
		e->events[first] += (float)events;
		e->exposure[first] += (float)exposure;
		return;
	}
	for (int i = first; i <= last; i++) {
		uint64_t low = i == first ? from : bin_offset(bytes, i);
		uint64_t high = i == last ? to : bin_offset(bytes, i + 1);
		double share = (double)(high - low) / (double)(to - from);

		e->events[i] += (float)(events * share);
		e->exposure[i] += (float)(exposure * share);
	}
}

void evidence_add(struct evidence *e, const struct evidence *more)
{
	for (int i = 0; i < EVIDENCE_BINS; i++) {
		e->events[i] += more->events[i];
		e->exposure[i] += more->exposure[i];
	}
	e->squares += more->squares;
	e->scanned += more->scanned;
}

void evidence_scale(struct evidence *e, float factor)
{
	for (int i = 0; i < EVIDENCE_BINS; i++) {
		e->events[i] *= factor;
		e->exposure[i] *= factor;
	}
	e->squares *= factor;
	e->scanned *= factor;
}
