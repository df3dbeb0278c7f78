/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hint_rate.h - how many pages the kernel arms for hint faults, and how many of the
 * faults are worth a record.
 *
 * How much is armed at full rate: each armed page is a fault of about 1 us in the
 * application.  A stretch that is armed at once must be small, in pages and as a
 * share of the process: while its pages fault one after the other, how soon they
 * fault says how fast faults are handled, not how hot the pages are.
 *
 * Source's thread only.
 */
#ifndef SOURCES_HINT_RATE_H
#define SOURCES_HINT_RATE_H

#include <stdint.h>

#include "core/settings.h"

/* Records are thinned from the beginning: the first round comes in large stretches. */
#define HINT_FIRST_THINNING 8u

struct hint_rate {
	struct thermo_settings *settings;
	uint32_t permille;  /* of the full rate */
	uint64_t rss_bytes; /* of all targets, and of the largest */
	uint64_t largest_rss_bytes;
	double page_bytes;    /* of an armed page, mean: between 4 KiB and 2 MiB */
	double boost;         /* of the stretch */
	uint64_t armed_pages; /* since adapted_ns */
	double armed_pages_per_s;
	uint64_t adapted_ns;
};

void hint_rate_init(struct hint_rate *rate, struct thermo_settings *settings);

/* A range with @pages pages, of @bytes together, was armed. */
void hint_rate_count(struct hint_rate *rate, double pages, double bytes);

/* Write what the kernel is to do.  Return: 0 or -errno. */
int hint_rate_apply(struct hint_rate *rate);

/* Compare what was armed with what is wanted, now and then.  Return: 1 when it was time; 0; -errno.
 */
int hint_rate_adapt(struct hint_rate *rate, uint64_t now_ns);

/* One fault in so many is to be recorded: a power of two. */
uint32_t hint_rate_thinning(const struct hint_rate *rate);

#endif
