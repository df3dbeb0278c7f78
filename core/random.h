/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random.h - which pages are asked for is no secret, and any seed but 0 will do. */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stdint.h>

/* Marsaglia, "Xorshift RNGs" (2003). */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

#endif
