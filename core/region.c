// SPDX-License-Identifier: GPL-2.0-or-later
/* region.c - windows, cuts, parts. */
#include "core/region.h"

#include <math.h>
#include <string.h>

#include "core/proc.h"

/* Old evidence never vanishes entirely, so that its rate stays defined. */
#define MIN_WEIGHT 1e-4
/* Silence so soon after silence is the same one. */
#define SILENCE_NS 5000000000ull
/* Whoever sees all accesses counts alone for so long after it last said something. */
#define WHOLE_NS 10000000000ull
/* Evidence of a place that is cut finer says so little of where inside of it. */
#define FINER_WEIGHT 0.25f

struct rate region_rate(const struct region *r)
{
	struct rate rate = evidence_rate(&r->known, 0, EVIDENCE_BINS);

	rate.events += (double)r->base.events;
	rate.exposure += (double)r->base.exposure;
	return rate;
}

struct rate region_rate_of(const struct region *r, uint8_t op)
{
	return (struct rate){ (double)r->directed[op].events, (double)r->directed[op].exposure,
			      DISPERSION_IN_TIME };
}

bool region_is_known_whole(const struct region *r, uint64_t now_ns)
{
	return r->window_whole || (r->whole_ns && now_ns < r->whole_ns + WHOLE_NS);
}

double region_write_share(const struct region *r, uint64_t now_ns)
{
	struct rate all = region_rate(r), writes = region_rate_of(r, THERMO_OP_WRITE);
	double rate = rate_per_byte(&all, 0), share;

	if (!region_is_known_whole(r, now_ns) || writes.exposure <= 0 || rate <= 0)
		return -1;
	share = rate_per_byte(&writes, 0) / rate;
	return share < 1 ? share : 1;
}

double region_count(const struct region *r)
{
	struct rate rate = evidence_rate(&r->known, 0, EVIDENCE_BINS);
	double each = rate.events > 0 ? evidence_count(&r->known) / rate.events : 1;

	return (rate.events + (double)r->base.events) * each;
}

void region_add(struct region *r, uint64_t start, uint64_t end, double events, double exposure)
{
	start = start > r->start ? start : r->start;
	end = end < r->end ? end : r->end;
	if (start < end)
		evidence_spread(&r->window, region_bytes(r), start - r->start, end - r->start,
				events, exposure);
}

void region_assume_silent(struct region *r, double watched_s, uint64_t now_ns)
{
	r->base.exposure = (float)((double)region_bytes(r) * watched_s);
	r->evidence_ns = r->changed_ns = now_ns;
}

double region_weight(const struct region *r, uint64_t now_ns, uint64_t half_life_ns)
{
	double weight;

	if (!r->evidence_ns)
		return 0;
	weight = exp2(-(double)(now_ns - r->evidence_ns) / (double)half_life_ns);
	return weight > MIN_WEIGHT ? weight : MIN_WEIGHT;
}

/*
 * That hot memory went silent is believed the second time, when pages were watched
 * one after the other.  A process that does not run for a moment, or waits for a
 * page, touches nothing: and because hot pages wait so shortly, one such moment is
 * more exposure than many rounds of touches.  So the first silence of a bin weighs
 * at most as much as all that is known of it, which halves its rate.  A touch needs
 * no second one: it did happen.
 * Return: by how many accesses per second silence was doubted, and in which @bins.
 */
static double doubt_silence(struct region *r, uint64_t now_ns, uint8_t *bins)
{
	bool again = now_ns - r->doubted_ns >= SILENCE_NS;
	double bytes = (double)region_bytes(r) / EVIDENCE_BINS, doubted = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		struct rate old = evidence_bin(&r->known, i);
		struct rate now = evidence_bin(&r->window, i);
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
		*bins |= (uint8_t)(1u << i);
		doubted += (rate_per_byte(&old, 0) - rate_per_byte(&now, 0)) * bytes;
		r->window.events[i] *= (float)share;
		r->window.exposure[i] *= (float)share;
	}
	return doubted;
}

/* From one time to another, everything a process does may be faster or slower. */
static bool has_changed(struct rate old, const struct rate *now)
{
	old.dispersion = DISPERSION_IN_TIME;
	return rates_differ(&old, now) > SIGNIFICANT;
}

struct rate region_bin(const struct region *r, int bin)
{
	struct rate rate = evidence_bin(&r->known, bin);

	rate.events += (double)r->base.events / EVIDENCE_BINS;
	rate.exposure += (double)r->base.exposure / EVIDENCE_BINS;
	return rate;
}

static void forget_bins(struct region *r, uint8_t bins)
{
	float rest = 1 - (float)__builtin_popcount(bins) / EVIDENCE_BINS;

	for (int i = 0; i < EVIDENCE_BINS; i++)
		if (bins & 1u << i)
			r->known.events[i] = r->known.exposure[i] = 0;
	r->base.events *= rest;
	r->base.exposure *= rest;
}

/* The bins that the open window saw, what it saw, and what was to be expected there. */
struct comparison {
	uint8_t bins;
	double exposure;
	double events;
	double expected;
	double known_events;
	double known_exposure;
};

static struct comparison compare(const struct region *r)
{
	struct comparison c = { 0 };

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		struct rate old = region_bin(r, i), now = evidence_bin(&r->window, i);

		if (old.exposure <= 0 || now.exposure <= 0)
			continue;
		c.bins |= (uint8_t)(1u << i);
		c.exposure += now.exposure;
		c.events += now.events;
		c.expected += rate_per_byte(&old, 0) * now.exposure;
		c.known_events += old.events;
		c.known_exposure += old.exposure;
	}
	return c;
}

/*
 * Did all of it change?  A window may see a part of the region only: what it saw is
 * compared with what was to be expected in that part, or the colder half that is
 * watched today looks like a change of the whole.
 */
static bool whole_has_changed(const struct comparison *c)
{
	/* Where nothing was seen ever, all was to be expected alike. */
	bool silent = c->known_events <= 0;
	struct rate old = { c->known_events, silent ? c->known_exposure : c->known_events, 0 };
	struct rate now = { c->events, silent ? c->exposure : c->expected, 0 };

	return has_changed(old, &now);
}

/* Where only a part of the region changed, only that part of the old goes. */
static double drop_changed_bins(struct region *r, uint8_t doubted)
{
	double bytes = (double)region_bytes(r) / EVIDENCE_BINS, changed = 0;
	uint8_t bins = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		struct rate old = region_bin(r, i), now = evidence_bin(&r->window, i);

		if (doubted & 1u << i || !has_changed(old, &now))
			continue;
		changed += fabs(rate_per_byte(&now, 0) - rate_per_byte(&old, 0)) * bytes;
		bins |= (uint8_t)(1u << i);
	}
	forget_bins(r, bins);
	return changed;
}

/* Drop what was known where the window saw something else.  Return: the change. */
static double drop_changed(struct region *r, uint64_t now_ns, uint8_t doubted)
{
	struct comparison c = compare(r);
	int nr_bins = __builtin_popcount(c.bins);

	/* Silence that is doubted is no reason to drop anything: that would be believing it. */
	if (doubted || !whole_has_changed(&c))
		return drop_changed_bins(r, doubted);
	forget_bins(r, c.bins);
	if (2 * nr_bins >= EVIDENCE_BINS)
		r->changed_ns = now_ns;
	return fabs(c.events - c.expected) / c.exposure * (double)region_bytes(r) * nr_bins /
	       EVIDENCE_BINS;
}

static void scale_directed(struct region *r, float factor)
{
	for (int op = 0; op < THERMO_NR_OPS; op++) {
		r->directed[op].events *= factor;
		r->directed[op].exposure *= factor;
	}
}

double region_judge_window(struct region *r, uint64_t now_ns, uint64_t half_life_ns,
			   double watched_s)
{
	float weight = (float)region_weight(r, now_ns, half_life_ns);
	float exposure = (float)(watched_s * (double)region_bytes(r) / EVIDENCE_BINS);
	double scanned = evidence_rate(&r->window, 0, EVIDENCE_BINS).exposure, doubted = 0, changed;
	uint8_t bins = 0;

	if (r->unsettled)
		r->unsettled--;
	if (r->window_whole || watched_s > 0)
		r->whole_ns = now_ns;
	r->window_whole = false;
	if (scanned <= 0 && exposure <= 0)
		return 0;
	for (int i = 0; i < EVIDENCE_BINS; i++)
		r->window.exposure[i] += exposure;
	evidence_scale(&r->known, weight);
	r->base.events *= weight;
	r->base.exposure *= weight;
	scale_directed(r, weight);
	if (scanned > (double)exposure * EVIDENCE_BINS)
		doubted = doubt_silence(r, now_ns, &bins);
	changed = drop_changed(r, now_ns, bins);
	return changed > 0 ? changed : doubted;
}

void region_take_window(struct region *r, uint64_t now_ns)
{
	struct rate window = evidence_rate(&r->window, 0, EVIDENCE_BINS);

	if (window.exposure <= 0)
		return;
	if (window.events > 0)
		r->seen_ns = now_ns;
	if (!r->evidence_ns)
		r->changed_ns = now_ns;
	evidence_add(&r->known, &r->window);
	memset(&r->window, 0, sizeof(r->window));
	r->evidence_ns = now_ns;
}

void region_doubt_known(struct region *r, const float keep[EVIDENCE_BINS])
{
	float sum = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		r->known.events[i] *= keep[i];
		r->known.exposure[i] *= keep[i];
		sum += keep[i];
	}
	r->base.events *= sum / EVIDENCE_BINS;
	r->base.exposure *= sum / EVIDENCE_BINS;
}

/* Sums of the evidence before each bin, so that any run of bins is two lookups. */
struct sums {
	double events[EVIDENCE_BINS + 1];
	double exposure[EVIDENCE_BINS + 1];
	double dispersion;
	double gains[EVIDENCE_BINS]; /* of a cut before a bin; 0: none */
};

static struct rate between(const struct sums *s, int first, int end)
{
	return (struct rate){ s->events[end] - s->events[first],
			      s->exposure[end] - s->exposure[first], s->dispersion };
}

/* Of the bins from @first to before @end: the best place to cut, or 0. */
static int best_cut(const struct sums *s, int first, int end, double *gain)
{
	int best = 0;

	*gain = SIGNIFICANT;
	for (int bin = first + 1; bin < end; bin++) {
		struct rate left = between(s, first, bin), right = between(s, bin, end);
		/* Where hot and cold alternate both sides are alike, but not at the edge. */
		struct rate before = between(s, bin - 1, bin), after = between(s, bin, bin + 1);
		double gain_here = fmax(rates_differ(&left, &right), rates_differ(&before, &after));

		if (gain_here > *gain) {
			*gain = gain_here;
			best = bin;
		}
	}
	return best;
}

/* Binary segmentation: cut where it is best, then look into both parts. */
static void find_cuts(struct sums *s, int first, int end)
{
	double gain;
	int bin = best_cut(s, first, end, &gain);

	if (!bin)
		return;
	s->gains[bin] = gain;
	find_cuts(s, first, bin);
	find_cuts(s, bin, end);
}

int region_cuts(const struct region *r, struct cut cuts[EVIDENCE_BINS - 1])
{
	struct sums s = { .dispersion = evidence_rate(&r->known, 0, EVIDENCE_BINS).dispersion };
	uint64_t last = r->start;
	int nr = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		s.events[i + 1] = s.events[i] + (double)r->known.events[i];
		s.exposure[i + 1] = s.exposure[i] + (double)r->known.exposure[i];
	}
	if (region_bytes(r) <= THERMO_PAGE_BYTES || s.events[EVIDENCE_BINS] < SIGNIFICANT)
		return 0;
	find_cuts(&s, 0, EVIDENCE_BINS);
	for (int bin = 1; bin < EVIDENCE_BINS; bin++) {
		uint64_t at = (r->start + bin_offset(region_bytes(r), bin)) &
			      ~(THERMO_PAGE_BYTES - 1);

		if (s.gains[bin] <= 0 || at <= last || at >= r->end)
			continue;
		cuts[nr++] = (struct cut){ at, s.gains[bin] };
		last = at;
	}
	return nr;
}

/* The evidence of @from, which covers [@start, @end), as it falls on [@to_start, @to_end). */
static void transfer(struct evidence *to, uint64_t to_start, uint64_t to_end,
		     const struct evidence *from, uint64_t start, uint64_t end)
{
	for (int i = 0; i < EVIDENCE_BINS; i++) {
		uint64_t bin_start = start + bin_offset(end - start, i);
		uint64_t bin_end = start + bin_offset(end - start, i + 1);
		uint64_t low = bin_start > to_start ? bin_start : to_start;
		uint64_t high = bin_end < to_end ? bin_end : to_end;

		if (low >= high)
			continue;
		double share = (double)(high - low) / (double)(bin_end - bin_start);

		evidence_spread(to, to_end - to_start, low - to_start, high - to_start,
				(double)from->events[i] * share, (double)from->exposure[i] * share);
	}
}

/* Squares and the like are known of the whole only: a part has its share of the events. */
static void share_sums(struct evidence *part, const struct evidence *whole)
{
	double events = evidence_rate(whole, 0, EVIDENCE_BINS).events;
	double share = events > 0 ? evidence_rate(part, 0, EVIDENCE_BINS).events / events : 0;

	part->squares = (float)((double)whole->squares * share);
	part->scanned = (float)((double)whole->scanned * share);
}

void region_part(const struct region *r, uint64_t start, uint64_t end, struct region *part)
{
	float share = (float)((double)(end - start) / (double)region_bytes(r));
	double before = region_rate(r).events;
	struct rate moved;

	if (start == r->start && end == r->end) {
		*part = *r;
		return;
	}
	*part = *r;
	part->start = start;
	part->end = end;
	part->bins_per_byte = bins_per_byte(end - start);
	part->doubted = 0;
	memset(&part->known, 0, sizeof(part->known));
	memset(&part->window, 0, sizeof(part->window));
	transfer(&part->known, start, end, &r->known, r->start, r->end);
	transfer(&part->window, start, end, &r->window, r->start, r->end);
	share_sums(&part->known, &r->known);
	share_sums(&part->window, &r->window);
	moved = evidence_rate(&part->known, 0, EVIDENCE_BINS);
	evidence_scale(&part->known, FINER_WEIGHT);
	part->base.events = r->base.events * share + (1 - FINER_WEIGHT) * (float)moved.events;
	part->base.exposure = r->base.exposure * share + (1 - FINER_WEIGHT) * (float)moved.exposure;
	scale_directed(part, share);
	if (before > 0)
		attribution_scale(&part->who, (float)(region_rate(part).events / before));
}

/* Spread what is known of a whole over where the whole lies. */
static void transfer_base(struct evidence *to, uint64_t to_start, uint64_t to_end,
			  const struct region *r)
{
	evidence_spread(to, to_end - to_start, r->start - to_start, r->end - to_start,
			(double)r->base.events, (double)r->base.exposure);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void region_merge(struct region *r, const struct region *right)
{
	struct evidence known = { .squares = r->known.squares + right->known.squares,
				  .scanned = r->known.scanned + right->known.scanned };
	struct evidence window = { .squares = r->window.squares + right->window.squares,
				   .scanned = r->window.scanned + right->window.scanned };
	uint64_t end = right->end;

	transfer(&known, r->start, end, &r->known, r->start, r->end);
	transfer(&known, r->start, end, &right->known, right->start, right->end);
	transfer_base(&known, r->start, end, r);
	transfer_base(&known, r->start, end, right);
	transfer(&window, r->start, end, &r->window, r->start, r->end);
	transfer(&window, r->start, end, &right->window, right->start, right->end);
	attribution_merge(&r->who, &right->who);
	r->known = known;
	r->window = window;
	r->base.events = r->base.exposure = 0;
	for (int op = 0; op < THERMO_NR_OPS; op++) {
		r->directed[op].events += right->directed[op].events;
		r->directed[op].exposure += right->directed[op].exposure;
	}
	r->whole_ns = later(r->whole_ns, right->whole_ns);
	r->window_whole |= right->window_whole;
	r->end = end;
	r->bins_per_byte = bins_per_byte(region_bytes(r));
	r->doubted = 0;
	r->evidence_ns = later(r->evidence_ns, right->evidence_ns);
	r->seen_ns = later(r->seen_ns, right->seen_ns);
	r->changed_ns = later(r->changed_ns, right->changed_ns);
	r->explored_ns = later(r->explored_ns, right->explored_ns);
}
