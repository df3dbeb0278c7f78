/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_span.h - some epochs together: which granules were listed how often, and so which were
 * not, in how many epochs.  One thread.
 *
 * An entry does not say which epoch it is of; over a span of several, how often a granule came
 * up says in how many it was hot, and in all the others it was below the threshold.
 */
#ifndef SOURCES_CHMU_SPAN_H
#define SOURCES_CHMU_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct chmu_span - Zeroed, it is empty.
 * @broken:	Something was lost: what is not listed may have been hot.
 */
struct chmu_span {
	uint64_t start_ns;
	uint64_t *listed; /* granules, one for each entry */
	size_t nr;
	size_t room;
	uint64_t nr_saturated;
	bool broken;
	bool overflow;
};

void chmu_span_begin(struct chmu_span *span, uint64_t now_ns);
void chmu_span_fini(struct chmu_span *span);

/* Granule number @granule was listed.  Too many, or no memory: the span is broken. */
void chmu_span_add(struct chmu_span *span, uint64_t granule);

/* @nr granules from @granule on were not listed in @nr_epochs epochs. */
typedef void (*chmu_unlisted_fn)(void *data, uint64_t granule, uint64_t nr, uint64_t nr_epochs);

/*
 * What was not listed in [@first, @end), of @nr_epochs epochs, by address.  Nothing when
 * the span is broken.
 */
void chmu_span_unlisted(struct chmu_span *span, uint64_t first, uint64_t end, uint64_t nr_epochs,
			chmu_unlisted_fn take, void *data);

#endif
