/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region.h - one region: evidence by place, by direction, by CPU, by thread.
 *
 * A region is cut into REGION_BINS equal bins that count events (accesses seen)
 * and exposure (bytes x seconds watched) each, so that a split can be made where
 * the evidence says that the rate changes.  Evidence of the open window is kept
 * apart until the window closes: if it contradicts what was known, the old is
 * dropped; if not, it is added to the old, which counts half after a half-life.
 *
 * Monitor's thread only.
 */
#ifndef CORE_REGION_H
#define CORE_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "thermocline/monitor.h"
#include "thermocline/report.h"

#define REGION_BINS 8

struct evidence {
	float events[REGION_BINS];
	float exposure[REGION_BINS]; /* bytes x seconds */
};

/* The heaviest keys; a new one takes the place and the weight of the lightest. */
struct heavy {
	uint32_t key;
	float weight; /* 0: unused */
};

struct region {
	uint64_t start;
	uint64_t end;
	struct evidence known;
	struct evidence window;
	float op_events[THERMO_NR_OPS];
	struct heavy cpus[THERMO_TOP_CPUS];
	struct heavy tids[THERMO_TOP_TIDS];
	uint64_t evidence_ns; /* last; 0: never */
	uint64_t changed_ns;
	uint64_t doubted_ns; /* when it last was */
	uint8_t doubted;     /* bins, a bit each, whose last silence was not fully believed */
	float lower_share;   /* of its resident bytes, on lower tiers; set by the monitor */
};

/* Sums over the bins, and the rate per byte that they make. */
struct rate {
	double events;
	double exposure;
};

static inline uint64_t region_bytes(const struct region *r)
{
	return r->end - r->start;
}

struct rate region_rate(const struct region *r);

/*
 * Accesses per second and byte.  With little evidence it leans towards @prior, the
 * rate around it, which counts as half an event; 0: no prior.
 */
double rate_per_byte(const struct rate *rate, double prior);

/* One standard error of rate_per_byte(), as a share of it. */
double rate_relative_error(const struct rate *rate);

/* Add @events and @exposure, evenly over [@start, @end) cut to the region. */
void region_add(struct region *r, uint64_t start, uint64_t end, double events, double exposure);

/* Note who made @events accesses. */
void region_attribute(struct region *r, const struct thermo_access *access, double events);

/*
 * End the window at @now_ns.  Return: by how many accesses per second the rate
 * changed, if it changed significantly, or may have; else 0.
 */
double region_close_window(struct region *r, uint64_t now_ns, uint64_t half_life_ns);

/* What the decayed weight of the evidence is at @now_ns, 0 to 1. */
double region_weight(const struct region *r, uint64_t now_ns, uint64_t half_life_ns);

/*
 * How much better two rates explain the evidence than one: the log likelihood
 * ratio of two Poisson processes.  Above 5, equal rates are very unlikely.
 */
double rates_differ(const struct rate *a, const struct rate *b);

/* Where the evidence says to split.  Return: its likelihood gain; *@at is page aligned. */
double region_best_split(const struct region *r, uint64_t *at);

/* Cut @r at @at; @right gets the upper part.  Evidence goes with its place. */
void region_split(struct region *r, uint64_t at, struct region *right);

/* @right, which begins where @r ends, becomes part of @r. */
void region_merge(struct region *r, const struct region *right);

/* Cut a region down to [@start, @end), which lies within. */
void region_trim(struct region *r, uint64_t start, uint64_t end);

#endif
