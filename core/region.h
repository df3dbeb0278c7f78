/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region.h - one region: evidence by place, and who made the accesses.
 *
 * Evidence of the open window is kept apart until the window closes: if it
 * contradicts what was known, the old is dropped; if not, it is added to the old,
 * which counts half after a half-life.  What is known of a region as a whole, but
 * not where in it, is its base: a part that was just cut off knows its rate well
 * and its inside hardly.
 *
 * Monitor's thread only.
 */
#ifndef CORE_REGION_H
#define CORE_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/attribution.h"
#include "core/evidence.h"

/* What every report touches comes first, then what a window touches. */
struct region {
	uint64_t start;
	uint64_t end;
	double bins_per_byte;
	struct evidence window;
	/* Of sources that see one direction only, by it. */
	struct {
		float events;
		float exposure;
	} directed[THERMO_NR_OPS];
	bool window_whole; /* a source that sees all accesses told of it in the open window */
	struct attribution who;
	struct evidence known;
	struct {
		float events;
		float exposure;
	} base;
	uint64_t whole_ns;    /* when a source that sees all accesses last told of it; 0: never */
	uint64_t evidence_ns; /* last; 0: never */
	uint64_t seen_ns;     /* last access; 0: never */
	uint64_t changed_ns;
	uint64_t doubted_ns;  /* when it last was */
	float lower_share;    /* of its resident bytes, on lower tiers; set by the monitor */
	uint8_t doubted;      /* bins, a bit each, whose last silence was not fully believed */
	bool uneven;          /* there is a cut to be made in it */
	uint8_t unsettled;    /* windows for which it is looked at by itself, see shape.c */
	uint64_t explored_ns; /* when it was last cut to see what is inside; 0: never */
};

/* A little more than exact: rounded down, the first byte of a bin would be in the one before. */
static inline double bins_per_byte(uint64_t bytes)
{
	return EVIDENCE_BINS / (double)bytes * (1 + 0x1p-51);
}

static inline void region_init(struct region *r, uint64_t start, uint64_t end)
{
	*r = (struct region){ .start = start, .end = end };
	r->bins_per_byte = bins_per_byte(end - start);
}

static inline uint64_t region_bytes(const struct region *r)
{
	return r->end - r->start;
}

/* All that is known of it. */
struct rate region_rate(const struct region *r);

/* What is known of a bin: its own, and its part of what is known of the whole. */
struct rate region_bin(const struct region *r, int bin);

/* Of accesses of direction @op, by the sources that see only those. */
struct rate region_rate_of(const struct region *r, uint8_t op);

/* Whether sources that see all accesses tell of it: those that see one direction are then asked
 * for the direction only. */
bool region_is_known_whole(const struct region *r, uint64_t now_ns);

/* The share of accesses that are writes, by sources that see only those; -1: they do not say. */
double region_write_share(const struct region *r, uint64_t now_ns);

static inline void region_add_directed(struct region *r, uint8_t op, double events, double exposure)
{
	r->directed[op].events += (float)events;
	r->directed[op].exposure += (float)exposure;
}

/* How many independent accesses that is worth. */
double region_count(const struct region *r);

/* Add @events and @exposure, evenly over [@start, @end) cut to the region. */
void region_add(struct region *r, uint64_t start, uint64_t end, double events, double exposure);

/* Of one that is new: it was watched for @watched_s until @now_ns, and nothing accessed it. */
void region_assume_silent(struct region *r, double watched_s, uint64_t now_ns);

/* Add an access of weight @weight at @addr, which lies within, of a source that watches always. */
static inline void region_add_sample(struct region *r, uint64_t addr, float weight)
{
	int bin = (int)((double)(addr - r->start) * r->bins_per_byte);

	r->window.events[bin < EVIDENCE_BINS ? bin : EVIDENCE_BINS - 1] += weight;
	r->window.squares += weight * weight;
}

/* Note that @events of those added were seen by watching place after place. */
static inline void region_add_scanned(struct region *r, double events)
{
	r->window.scanned += (float)events;
	r->window.squares += (float)events;
}

/*
 * The window ends at @now_ns: what is known fades, and what the window contradicts is
 * dropped.  @watched_s: how long sources that watch all memory all the time did so; it
 * is exposure of every byte.  Return: by how many accesses per second the rate changed,
 * if it changed significantly, or may have; else 0.
 */
double region_judge_window(struct region *r, uint64_t now_ns, uint64_t half_life_ns,
			   double watched_s);

/* Then: what is known of each bin counts @keep of what it did. */
void region_doubt_known(struct region *r, const float keep[EVIDENCE_BINS]);

/* Then: what the window saw becomes known, and a new one begins. */
void region_take_window(struct region *r, uint64_t now_ns);

/* What the decayed weight of the evidence is at @now_ns, 0 to 1. */
double region_weight(const struct region *r, uint64_t now_ns, uint64_t half_life_ns);

/* A place to split at, and the likelihood that it gains. */
struct cut {
	uint64_t at; /* page aligned, inside of the region */
	double gain;
};

/* Where the evidence says to split, in order of address.  Return: how many. */
int region_cuts(const struct region *r, struct cut cuts[EVIDENCE_BINS - 1]);

/* The part [@start, @end) of @r, with the evidence that fell there. */
void region_part(const struct region *r, uint64_t start, uint64_t end, struct region *part);

/* @right, which begins where @r ends, becomes part of @r. */
void region_merge(struct region *r, const struct region *right);

#endif
