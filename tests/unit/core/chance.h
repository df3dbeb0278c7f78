/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chance.h - random numbers with a distribution, the same in every run. */
#ifndef TESTS_UNIT_CORE_CHANCE_H
#define TESTS_UNIT_CORE_CHANCE_H

#include "tests/unit/test.h"

/* Evenly in [0, 1). */
static inline double chance_even(uint64_t *random)
{
	return (double)(test_random(random) >> 11) * 0x1p-53;
}

/* How long until the next of independent events, of which @rate come a second. */
static inline double chance_wait_s(uint64_t *random, double rate)
{
	return -log(1 - chance_even(random)) / rate;
}

/* How many independent events come when @mean are expected. */
static inline unsigned int chance_count(uint64_t *random, double mean)
{
	unsigned int nr = 0;

	for (double at = chance_wait_s(random, mean); at < 1; at += chance_wait_s(random, mean))
		nr++;
	return nr;
}

#endif
