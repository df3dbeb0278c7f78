/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribution.h - who accesses a region, and how: direction, CPU, node, thread,
 * source, latency, memory level, all at once and in bounded memory.
 *
 * Weights are events.  Newer ones are to count more: instead of shrinking what is
 * there, whoever adds multiplies by a factor that grows ("forward decay"), and all
 * is scaled down together when the factor gets large.  Only shares are ever read.
 *
 * Monitor's thread only.
 */
#ifndef CORE_ATTRIBUTION_H
#define CORE_ATTRIBUTION_H

#include <stdbool.h>

#include "thermocline/monitor.h"
#include "thermocline/report.h"

#define HEAVY_KEYS 8
#define LATENCY_BUCKETS 32

/*
 * The heaviest keys: Metwally, Agrawal, El Abbadi, "Space-Saving".  A new key takes
 * the place and the weight of the lightest, which is then its possible error: a key
 * that is kept never weighs too little.
 */
struct heavy {
	uint32_t key[HEAVY_KEYS];
	float weight[HEAVY_KEYS]; /* 0: unused */
};

enum heavy_kind {
	HEAVY_CPU,
	HEAVY_TID,
	HEAVY_NODE,
	NR_HEAVY,
};

struct attribution {
	_Alignas(64) struct heavy heavy[NR_HEAVY];
	float total;
	float ops[THERMO_NR_OPS];
	float sources[THERMO_MAX_SOURCES];
	float moved; /* events x bytes of an access */
	float latency_events;
	float latency_ns; /* sum */
	float levels[THERMO_NR_LEVELS];
	float latencies[LATENCY_BUCKETS]; /* two an octave, from 2 ns on */
	uint32_t random;
	float error[NR_HEAVY][HEAVY_KEYS];
};

/* Note who made @events accesses.  Fields of @access are known to be in range. */
void attribution_add(struct attribution *attribution, const struct thermo_access *access,
		     float events);

void attribution_scale(struct attribution *attribution, float factor);
/*
 * Whether two regions are accessed by others: one CPU or thread makes half of the accesses
 * of one and hardly any of the other, or one is mostly read and the other mostly written.
 */
bool attribution_unlike(const struct attribution *a, const struct attribution *b);

/* Whether @a and @b are unlike, and @middle is accessed by those of both. */
bool attribution_between(const struct attribution *middle, const struct attribution *a,
			 const struct attribution *b);

void attribution_merge(struct attribution *attribution, const struct attribution *more);

/* As a region of a snapshot tells it. */
void attribution_view(const struct attribution *attribution, struct thermo_region *out);

#endif
