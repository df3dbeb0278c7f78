/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.h - random numbers that cost about a nanosecond, the same for the same seed.
 *
 * xorshift64* (Marsaglia, Vigna): full period over all non-zero states.
 */
#ifndef BENCH_WORKLOAD_RANDOM_H
#define BENCH_WORKLOAD_RANDOM_H

#include <stdint.h>

/* A state from any numbers, also small and similar ones (splitmix64's finish).  Never 0. */
static inline uint64_t workload_random_seed(uint64_t seed, uint64_t salt)
{
	uint64_t z = seed + (salt + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return z ? z : 1;
}

static inline uint64_t workload_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * A number below @n from the random number @random, without a division (Lemire).
 * What @random had left over, as a fraction of 2^64, goes to @rest: itself
 * random as long as @n is far below 2^64.
 */
static inline uint64_t workload_random_below(uint64_t random, uint64_t n, uint64_t *rest)
{
	unsigned __int128 product = (unsigned __int128)random * n;

	*rest = (uint64_t)product;
	return (uint64_t)(product >> 64);
}

#endif
