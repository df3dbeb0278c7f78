// SPDX-License-Identifier: GPL-2.0-or-later
/* balance.c - what rises somewhere has fallen elsewhere. */
#include "core/balance.h"

#include <math.h>
#include <stdlib.h>

#include "core/cleanup.h"

/* By so much the sum may be off, as a share, before anything is done; and by so many standard
 * errors. */
#define SLACK 0.02
#define SLACK_SIGMA 2.0
/* Of a search that halves: how finely it is set how much is doubted. */
#define STEPS 14
/* More would take what is unlike by chance alone. */
#define MOST_DOUBT 30.0
/* A scanner that was silent for so many half-lives has hardly a part in what is known. */
#define SCAN_HALF_LIVES 10
/* What lost more than this share of its old evidence is something new. */
#define CHANGED 0.5f

/* A bin: what was known, what the window saw, and how unlike the two are. */
struct place {
	struct rate known;
	struct rate window;
	double bytes;
	double unlike;
};

static struct place view_bin(const struct region *r, int bin)
{
	return (struct place){ region_bin(r, bin), evidence_bin(&r->window, bin),
			       (double)region_bytes(r) / EVIDENCE_BINS, 0 };
}

/* In accesses per second, when what was known counts @keep. */
static double rate_at(const struct place *p, double keep)
{
	double exposure = keep * p->known.exposure + p->window.exposure;

	return exposure > 0 ? (keep * p->known.events + p->window.events) / exposure * p->bytes : 0;
}

static double sum_up(const struct target *t)
{
	double sum = 0;

	for (size_t i = 0; i < t->nr_regions; i++)
		for (int bin = 0; bin < EVIDENCE_BINS; bin++) {
			struct place p = view_bin(&t->regions[i], bin);

			sum += rate_at(&p, 1);
		}
	return sum;
}

/* The bounds of what all may add up to: what it does now, and what it did of late. */
struct bounds {
	double low;
	double high;
};

static struct bounds note_total(struct target *t, uint64_t now_ns, uint64_t half_life_ns,
				double watched_s)
{
	double fade = exp2(-(double)(now_ns - t->total.fades_from_ns) / (double)half_life_ns);
	double events = 0, now, late;

	for (size_t i = 0; i < t->nr_regions; i++)
		events += evidence_rate(&t->regions[i].window, 0, EVIDENCE_BINS).events;
	t->total.events = t->total.events * fade + events;
	t->total.watched_s = t->total.watched_s * fade + watched_s;
	t->total.fades_from_ns = now_ns;
	now = events / watched_s;
	late = t->total.events / t->total.watched_s;
	return (struct bounds){ fmin(now, late), fmax(now, late) };
}

/* Only what moved against the sum is doubted: what has fallen if it is too high. */
static struct place *list_places(const struct target *t, bool fallen)
{
	struct place *list = malloc((t->nr_regions * EVIDENCE_BINS + 1) * sizeof(*list));

	for (size_t i = 0; list && i < t->nr_regions * EVIDENCE_BINS; i++) {
		struct place p = view_bin(&t->regions[i / EVIDENCE_BINS], (int)(i % EVIDENCE_BINS));
		double apart = p.window.events * p.known.exposure -
			       p.known.events * p.window.exposure;

		p.known.dispersion = DISPERSION_IN_TIME;
		p.unlike = (fallen ? apart < 0 : apart > 0) ? rates_differ(&p.known, &p.window) : 0;
		list[i] = p;
	}
	return list;
}

/* A likelihood ratio is a logarithm: what is certainly unlike goes before what may be chance. */
static double keep_of(const struct place *p, double doubt)
{
	return p->unlike > 0 ? exp(-doubt * p->unlike) : 1;
}

/* How much must be doubted, so that all adds up to @wanted. */
static double find_doubt(const struct place *list, size_t nr, double wanted, bool fallen)
{
	double low = 0, high = MOST_DOUBT, middle = 0;

	for (int step = 0; step < STEPS; step++) {
		double sum = 0;

		middle = (low + high) / 2;
		for (size_t i = 0; i < nr; i++)
			sum += rate_at(&list[i], keep_of(&list[i], middle));
		if (fallen ? sum > wanted : sum < wanted)
			low = middle;
		else
			high = middle;
	}
	return middle;
}

/* Return: by how many accesses per second its rate changed. */
static double doubt_region(struct region *r, const struct place *bins, double doubt,
			   uint64_t now_ns)
{
	float keep[EVIDENCE_BINS], sum = 0;
	double changed = 0;

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		keep[i] = (float)keep_of(&bins[i], doubt);
		sum += keep[i];
		if (keep[i] < CHANGED)
			changed += fabs(rate_at(&bins[i], 1) - rate_at(&bins[i], (double)keep[i]));
	}
	region_doubt_known(r, keep);
	if (sum < CHANGED * EVIDENCE_BINS)
		r->changed_ns = now_ns;
	return changed;
}

/* Return: by how many accesses per second rates changed.  Without memory all stays as it is. */
static double doubt_until(struct target *t, double wanted, bool fallen, uint64_t now_ns)
{
	AUTO_FREE struct place *list = list_places(t, fallen);
	double changed = 0, doubt;

	if (!list)
		return 0;
	doubt = find_doubt(list, t->nr_regions * EVIDENCE_BINS, wanted, fallen);
	for (size_t i = 0; i < t->nr_regions; i++)
		changed += doubt_region(&t->regions[i], &list[i * EVIDENCE_BINS], doubt, now_ns);
	return changed;
}

static double balance(struct target *t, const struct bounds *bounds, uint64_t now_ns)
{
	double sum = sum_up(t), slack = SLACK + SLACK_SIGMA / sqrt(t->total.events + 1);

	if (sum > bounds->high * (1 + slack))
		return doubt_until(t, bounds->high, true, now_ns);
	if (sum < bounds->low * (1 - slack))
		return doubt_until(t, bounds->low, false, now_ns);
	return 0;
}

/* Places that are watched one after the other do not add up to what was seen in a window. */
static bool is_scanned(struct target *t, uint64_t now_ns, uint64_t half_life_ns)
{
	for (size_t i = 0; i < t->nr_regions; i++)
		if (evidence_rate(&t->regions[i].window, 0, EVIDENCE_BINS).exposure > 0)
			t->total.scanned_ns = now_ns;
	return t->total.scanned_ns && now_ns - t->total.scanned_ns < SCAN_HALF_LIVES * half_life_ns;
}

double target_close_window(struct target *t, uint64_t now_ns, uint64_t half_life_ns,
			   double watched_s)
{
	bool scanned = is_scanned(t, now_ns, half_life_ns);
	double changed = 0;

	for (size_t i = 0; i < t->nr_regions; i++)
		changed += region_judge_window(&t->regions[i], now_ns, half_life_ns, watched_s);
	if (watched_s > 0) {
		struct bounds bounds = note_total(t, now_ns, half_life_ns, watched_s);

		if (!scanned)
			changed += balance(t, &bounds, now_ns);
	}
	for (size_t i = 0; i < t->nr_regions; i++)
		region_take_window(&t->regions[i], now_ns);
	return changed;
}
