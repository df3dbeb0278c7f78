/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence.h - accesses seen against bytes x seconds watched, by place.
 *
 * A stretch of memory is cut into EVIDENCE_BINS equal bins that count events
 * (accesses seen) and exposure (bytes x seconds watched) each, so that a region
 * can be split where the evidence says that the rate changes.
 */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include <stdint.h>

#define EVIDENCE_BINS 8

/*
 * Accesses do not come as independently as a Poisson process has it: a thread that
 * waits, a CPU that is busy, change the rates of all its memory for a while.  So a
 * rate is never known better than to such a share (relative variance): the first
 * from one time to another, or between pages that were watched at different times;
 * the second between places that were watched all the time.
 */
#define DISPERSION_IN_TIME 0.04
#define DISPERSION_IN_SPACE 0.001

/* Log likelihood gain from which rates are held to be different. */
#define SIGNIFICANT 5.0

/**
 * struct evidence - Of one stretch of memory.
 * @exposure:	Bytes x seconds.
 * @squares:	Sum of the squared weights of the events: events that stand for
 *		unlike numbers of accesses tell less than as many equal ones.
 * @scanned:	Of the events, those of pages watched one after the other.
 */
struct evidence {
	float events[EVIDENCE_BINS];
	float exposure[EVIDENCE_BINS];
	float squares;
	float scanned;
};

/* Sums over some bins, and how independent their events are. */
struct rate {
	double events;
	double exposure;
	double dispersion;
};

/* Of the bins from @first to before @end. */
struct rate evidence_rate(const struct evidence *evidence, int first, int end);

/* Of one bin, as if its events were independent. */
static inline struct rate evidence_bin(const struct evidence *evidence, int bin)
{
	return (struct rate){ (double)evidence->events[bin], (double)evidence->exposure[bin], 0 };
}

/* How many events of weight 1 tell as much as all of @evidence. */
double evidence_count(const struct evidence *evidence);

/*
 * Accesses per second and byte.  With little evidence it leans towards @prior, the
 * rate around it, which counts as half an event, less the more was seen; 0: no prior.
 */
double rate_per_byte(const struct rate *rate, double prior);

/* One standard error of rate_per_byte(), as a share of it. */
double rate_relative_error(const struct rate *rate);

/*
 * How much better two rates explain the evidence than one: the log likelihood
 * ratio of two Poisson processes.  Above SIGNIFICANT, equal rates are very unlikely.
 */
double rates_differ(const struct rate *a, const struct rate *b);

/* Offset of the beginning of a bin of @bytes; bin EVIDENCE_BINS is the end. */
static inline uint64_t bin_offset(uint64_t bytes, int bin)
{
	/* Addresses have 57 bits at most, so nothing here overflows. */
	return bytes * (unsigned int)bin / EVIDENCE_BINS;
}

/* Add, evenly over the offsets [@from, @to) of a stretch of @bytes. */
void evidence_spread(struct evidence *evidence, uint64_t bytes, uint64_t from, uint64_t to,
		     double events, double exposure);

void evidence_add(struct evidence *evidence, const struct evidence *more);
void evidence_scale(struct evidence *evidence, float factor);

#endif
