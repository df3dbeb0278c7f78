/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_scatter.h - an order without order: a permutation of 0..n-1, and its way back.
 *
 * A Feistel network of four rounds over the next even power of two, walked on until
 * it falls below n: no table, whatever n is.
 */
#ifndef BENCH_SIM_SIM_SCATTER_H
#define BENCH_SIM_SIM_SCATTER_H

#include <stdint.h>

#define SIM_SCATTER_ROUNDS 4

static inline unsigned int sim_scatter_half_bits(uint64_t n)
{
	unsigned int bits = 1;

	while (bits < 31 && (1ull << 2 * bits) < n)
		bits++;
	return bits;
}

static inline uint64_t sim_scatter_mix(uint64_t half, unsigned int round)
{
	uint64_t z = (half + 1) * UINT64_C(0x9e3779b97f4a7c15) + round;

	z = (z ^ z >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ z >> 32;
}

/* @n: 1 to 2^62; @at below it. */
static inline uint64_t sim_scatter(uint64_t n, uint64_t at)
{
	unsigned int bits = sim_scatter_half_bits(n);
	uint64_t mask = (1ull << bits) - 1;

	do {
		uint64_t left = at >> bits, right = at & mask;

		for (unsigned int round = 0; round < SIM_SCATTER_ROUNDS; round++) {
			uint64_t next = left ^ (sim_scatter_mix(right, round) & mask);

			left = right;
			right = next;
		}
		at = left << bits | right;
	} while (at >= n);
	return at;
}

static inline uint64_t sim_scatter_back(uint64_t n, uint64_t at)
{
	unsigned int bits = sim_scatter_half_bits(n);
	uint64_t mask = (1ull << bits) - 1;

	do {
		uint64_t left = at >> bits, right = at & mask;

		for (unsigned int round = SIM_SCATTER_ROUNDS; round-- > 0;) {
			uint64_t before = right ^ (sim_scatter_mix(left, round) & mask);

			right = left;
			left = before;
		}
		at = left << bits | right;
	} while (at >= n);
	return at;
}

#endif
