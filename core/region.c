// SPDX-License-Identifier: GPL-2.0-or-later
/* region.c - the arithmetic of evidence. */
#include "core/region.h"

#include <math.h>
#include <string.h>

#include "core/proc.h"

/* Prior weight in events: an unobserved region is like what is around it. */
#define PRIOR_EVENTS 0.5
/*
 * Accesses do not come as independently as a Poisson process has it: a thread that
 * waits, a CPU that is busy, change the rates of all its memory for a while.  So a
 * rate is never known better than to this share (relative variance).
 */
#define OVERDISPERSION 0.04
/* Log likelihood gain from which rates are held to be different. */
#define SIGNIFICANT 5.0
/* Old evidence never vanishes entirely, so that its rate stays defined. */
#define MIN_WEIGHT 1e-4
/* A difference below this is not worth a region, however sure it is. */
#define WORTHWHILE_RATIO 1.3
/* Silence so soon after silence is the same one. */
#define SILENCE_NS 5000000000ull

static struct rate bins_rate(const struct evidence *e, int first, int end)
{
	struct rate rate = { 0, 0 };

	for (int i = first; i < end; i++) {
		rate.events += (double)e->events[i];
		rate.exposure += (double)e->exposure[i];
	}
	return rate;
}

struct rate region_rate(const struct region *r)
{
	return bins_rate(&r->known, 0, REGION_BINS);
}

double rate_per_byte(const struct rate *rate, double prior)
{
	if (prior > 0)
		return (rate->events + PRIOR_EVENTS) / (rate->exposure + PRIOR_EVENTS / prior);
	return rate->exposure > 0 ? rate->events / rate->exposure : 0;
}

/*
 * Offset of the beginning of a bin; bin REGION_BINS is the end.  Addresses have 57
 * bits at most, so nothing here overflows.
 */
static uint64_t bin_offset(uint64_t bytes, int bin)
{
	return bytes * (unsigned int)bin / REGION_BINS;
}

static int bin_of(uint64_t bytes, uint64_t offset)
{
	int bin = (int)(offset * REGION_BINS / bytes);

	/* bin_offset() rounds down, so the first byte of a bin may still say the one before. */
	return bin + 1 < REGION_BINS && offset >= bin_offset(bytes, bin + 1) ? bin + 1 : bin;
}

static void spread(struct evidence *e, uint64_t bytes, uint64_t from, uint64_t to, double events,
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

void region_add(struct region *r, uint64_t start, uint64_t end, double events, double exposure)
{
	start = start > r->start ? start : r->start;
	end = end < r->end ? end : r->end;
	if (start < end)
		spread(&r->window, region_bytes(r), start - r->start, end - r->start, events,
		       exposure);
}

static void heavy_add(struct heavy *list, int nr, uint32_t key, double weight)
{
	struct heavy *lightest = list;

	for (int i = 0; i < nr; i++) {
		if (list[i].key == key && list[i].weight > 0) {
			list[i].weight += (float)weight;
			return;
		}
		if (list[i].weight < lightest->weight)
			lightest = &list[i];
	}
	/* Metwally et al., "Space-Saving": never underestimates a key that is kept. */
	lightest->key = key;
	lightest->weight += (float)weight;
}

void region_attribute(struct region *r, const struct thermo_access *access, double events)
{
	if (access->op < THERMO_NR_OPS)
		r->op_events[access->op] += (float)events;
	if (access->cpu != THERMO_CPU_UNKNOWN)
		heavy_add(r->cpus, THERMO_TOP_CPUS, access->cpu, events);
	if (access->tid > 0)
		heavy_add(r->tids, THERMO_TOP_TIDS, (uint32_t)access->tid, events);
}

static void scale_attribution(struct region *r, float factor)
{
	for (int i = 0; i < THERMO_NR_OPS; i++)
		r->op_events[i] *= factor;
	for (int i = 0; i < THERMO_TOP_CPUS; i++)
		r->cpus[i].weight *= factor;
	for (int i = 0; i < THERMO_TOP_TIDS; i++)
		r->tids[i].weight *= factor;
}

static void scale_evidence(struct evidence *e, float factor)
{
	for (int i = 0; i < REGION_BINS; i++) {
		e->events[i] *= factor;
		e->exposure[i] *= factor;
	}
}

static void add_evidence(struct evidence *e, const struct evidence *more)
{
	for (int i = 0; i < REGION_BINS; i++) {
		e->events[i] += more->events[i];
		e->exposure[i] += more->exposure[i];
	}
}

double region_weight(const struct region *r, uint64_t now_ns, uint64_t half_life_ns)
{
	double weight;

	if (!r->evidence_ns)
		return 0;
	weight = exp2(-(double)(now_ns - r->evidence_ns) / (double)half_life_ns);
	return weight > MIN_WEIGHT ? weight : MIN_WEIGHT;
}

static double gain(double events, double rate, double common_rate)
{
	return events > 0 ? events * log(rate / common_rate) : 0;
}

double rates_differ(const struct rate *a, const struct rate *b)
{
	double events = a->events + b->events;

	if (a->exposure <= 0 || b->exposure <= 0 || events <= 0)
		return 0;
	double common = events / (a->exposure + b->exposure);
	double rate_a = a->events / a->exposure, rate_b = b->events / b->exposure;
	double low = rate_a < rate_b ? rate_a : rate_b, high = rate_a < rate_b ? rate_b : rate_a;

	if (high < low * WORTHWHILE_RATIO)
		return 0;
	double likelihood = gain(a->events, rate_a, common) + gain(b->events, rate_b, common);

	/* As if there were only as many events as give that variance. */
	return likelihood / (1 + OVERDISPERSION * events / 2);
}

double rate_relative_error(const struct rate *rate)
{
	return sqrt(1 / (rate->events + PRIOR_EVENTS) + OVERDISPERSION);
}

/*
 * That hot memory went silent is believed the second time.  A process that does
 * not run for a moment, or waits for a page, touches nothing: and because hot pages
 * wait so shortly, one such moment is more exposure than many rounds of touches.  So
 * the first silence of a bin weighs at most as much as all that is known of it,
 * which halves its rate.  A touch needs no second one: it did happen.
 * Return: by how many accesses per second silence was doubted.
 */
static double doubt_silence(struct region *r, uint64_t now_ns)
{
	bool again = now_ns - r->doubted_ns >= SILENCE_NS;
	double bytes = (double)region_bytes(r) / REGION_BINS, doubted = 0;

	for (int i = 0; i < REGION_BINS; i++) {
		struct rate old = bins_rate(&r->known, i, i + 1);
		struct rate now = bins_rate(&r->window, i, i + 1);
		double share = now.exposure > 0 ? old.exposure / now.exposure : 1;

		if (now.exposure <= 0)
			continue;
		if (share >= 1 || now.events * old.exposure * 2 >= old.events * now.exposure ||
		    (again && r->doubted & 1u << i)) {
			r->doubted &= (uint8_t) ~(1u << i);
			continue;
		}
		if (!(r->doubted & 1u << i))
			r->doubted_ns = now_ns;
		r->doubted |= (uint8_t)(1u << i);
		doubted += (rate_per_byte(&old, 0) - rate_per_byte(&now, 0)) * bytes;
		r->window.events[i] *= (float)share;
		r->window.exposure[i] *= (float)share;
	}
	return doubted;
}

double region_close_window(struct region *r, uint64_t now_ns, uint64_t half_life_ns)
{
	float weight = (float)region_weight(r, now_ns, half_life_ns);
	struct rate old, now = bins_rate(&r->window, 0, REGION_BINS);
	double doubted;
	bool changed;

	if (now.exposure <= 0)
		return 0;
	scale_evidence(&r->known, weight);
	doubted = doubt_silence(r, now_ns);
	old = region_rate(r);
	now = bins_rate(&r->window, 0, REGION_BINS);
	changed = rates_differ(&old, &now) > SIGNIFICANT;
	if (changed || !r->evidence_ns)
		r->changed_ns = now_ns;
	if (changed)
		r->known = (struct evidence){ { 0 }, { 0 } };
	add_evidence(&r->known, &r->window);
	/* Who accesses it is a slower question: the old count less, but count. */
	if (r->evidence_ns)
		scale_attribution(r, changed ? 0.5f * weight : weight);
	r->window = (struct evidence){ { 0 }, { 0 } };
	r->evidence_ns = now_ns;
	return changed ? fabs(rate_per_byte(&now, 0) - rate_per_byte(&old, 0)) *
					       (double)region_bytes(r)
		       : doubted;
}

double region_best_split(const struct region *r, uint64_t *at)
{
	double best = 0;

	for (int bin = 1; bin < REGION_BINS; bin++) {
		uint64_t cut = (r->start + bin_offset(region_bytes(r), bin)) &
			       ~(THERMO_PAGE_BYTES - 1);
		struct rate left = bins_rate(&r->known, 0, bin);
		struct rate right = bins_rate(&r->known, bin, REGION_BINS);
		/* Where hot and cold alternate both sides are alike, but not at the edge. */
		struct rate before = bins_rate(&r->known, bin - 1, bin);
		struct rate after = bins_rate(&r->known, bin, bin + 1);
		double gain_here = fmax(rates_differ(&left, &right), rates_differ(&before, &after));

		if (gain_here > best && cut > r->start && cut < r->end) {
			best = gain_here;
			*at = cut;
		}
	}
	return best > SIGNIFICANT ? best : 0;
}

/* The evidence of @from, which covers [@start, @end), as it falls on @to. */
static void transfer(struct evidence *to, uint64_t to_start, uint64_t to_end,
		     const struct evidence *from, uint64_t start, uint64_t end)
{
	for (int i = 0; i < REGION_BINS; i++) {
		uint64_t bin_start = start + bin_offset(end - start, i);
		uint64_t bin_end = start + bin_offset(end - start, i + 1);
		uint64_t low = bin_start > to_start ? bin_start : to_start;
		uint64_t high = bin_end < to_end ? bin_end : to_end;

		if (low >= high)
			continue;
		double share = (double)(high - low) / (double)(bin_end - bin_start);

		spread(to, to_end - to_start, low - to_start, high - to_start,
		       (double)from->events[i] * share, (double)from->exposure[i] * share);
	}
}

void region_trim(struct region *r, uint64_t start, uint64_t end)
{
	struct evidence known = r->known, window = r->window;
	double before = region_rate(r).events;

	if (start == r->start && end == r->end)
		return;
	r->known = r->window = (struct evidence){ { 0 }, { 0 } };
	transfer(&r->known, start, end, &known, r->start, r->end);
	transfer(&r->window, start, end, &window, r->start, r->end);
	r->start = start;
	r->end = end;
	r->doubted = 0;
	/* Who did it is known for the whole only: each part gets its share. */
	if (before > 0)
		scale_attribution(r, (float)(region_rate(r).events / before));
}

void region_split(struct region *r, uint64_t at, struct region *right)
{
	*right = *r;
	region_trim(right, at, r->end);
	region_trim(r, r->start, at);
}

void region_merge(struct region *r, const struct region *right)
{
	struct region merged = *r;

	merged.end = right->end;
	merged.doubted = 0;
	merged.known = merged.window = (struct evidence){ { 0 }, { 0 } };
	transfer(&merged.known, r->start, right->end, &r->known, r->start, r->end);
	transfer(&merged.known, r->start, right->end, &right->known, right->start, right->end);
	transfer(&merged.window, r->start, right->end, &r->window, r->start, r->end);
	transfer(&merged.window, r->start, right->end, &right->window, right->start, right->end);
	for (int i = 0; i < THERMO_NR_OPS; i++)
		merged.op_events[i] += right->op_events[i];
	for (int i = 0; i < THERMO_TOP_CPUS; i++)
		if (right->cpus[i].weight > 0)
			heavy_add(merged.cpus, THERMO_TOP_CPUS, right->cpus[i].key,
				  (double)right->cpus[i].weight);
	for (int i = 0; i < THERMO_TOP_TIDS; i++)
		if (right->tids[i].weight > 0)
			heavy_add(merged.tids, THERMO_TOP_TIDS, right->tids[i].key,
				  (double)right->tids[i].weight);
	merged.evidence_ns =
			r->evidence_ns > right->evidence_ns ? r->evidence_ns : right->evidence_ns;
	merged.changed_ns = r->changed_ns > right->changed_ns ? r->changed_ns : right->changed_ns;
	*r = merged;
}
