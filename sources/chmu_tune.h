/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_tune.h - how a hotness unit is best asked, from what it told: enough entries to rank what is
 * hot, and no hotlist that overflows.
 *
 * First the threshold moves.  Where it stands at its end and the hotlist still overflows, epochs
 * get shorter, then granules coarser; where counters stand at their end, epochs get shorter,
 * then fewer requests are looked at.  After a calm minute all that goes back, a step at a time.
 * A threshold that made the hotlist overflow is not tried again for a while.  Pure: time comes in.
 */
#ifndef SOURCES_CHMU_TUNE_H
#define SOURCES_CHMU_TUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "sources/chmu_unit.h"

/**
 * struct chmu_limits - Between which the tuner moves.
 * @hotlist_entries:	That an epoch may fill.
 * @unit_log2s, @downsampling_log2s:	Bit n: 2^n is possible.
 */
struct chmu_limits {
	uint32_t hotlist_entries;
	uint32_t unit_log2s;
	uint32_t downsampling_log2s;
	uint64_t min_epoch_ns;
	uint64_t max_epoch_ns;
	uint32_t max_threshold;
};

/* What a stretch of time showed. */
struct chmu_seen {
	uint64_t now_ns;
	double nr_epochs;
	uint64_t nr_entries;
	uint64_t nr_saturated;
	bool overflow;
};

struct chmu_tuner {
	uint32_t rate_permille; /* of the entries that are wanted */
	uint32_t too_low;       /* the highest threshold that overflowed; 0: none lately */
	uint64_t too_low_ns;
	uint64_t changed_ns; /* when epoch, granule or down-sampling last changed */
};

void chmu_tuner_init(struct chmu_tuner *tuner, uint64_t now_ns);

/* What to begin with: pages, a fifth of a second. */
struct chmu_config chmu_tuner_first(const struct chmu_limits *limits);

/* Return: whether @config was changed. */
bool chmu_tuner_step(struct chmu_tuner *tuner, const struct chmu_limits *limits,
		     const struct chmu_seen *seen, struct chmu_config *config);

#endif
