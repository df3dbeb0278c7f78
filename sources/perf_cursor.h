/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_cursor.h - take what a record holds from front to back, in either byte order.
 *
 * Once short of data, always short: who takes looks at @short_of_data at the end.
 * Numbers need not be aligned.
 */
#ifndef SOURCES_PERF_CURSOR_H
#define SOURCES_PERF_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct perf_cursor {
	const unsigned char *at;
	size_t left;
	bool swap; /* written by a machine of the other byte order */
	bool short_of_data;
};

static inline const unsigned char *perf_take(struct perf_cursor *c, uint64_t bytes)
{
	const unsigned char *at = c->at;

	if (c->short_of_data || bytes > c->left) {
		c->short_of_data = true;
		return NULL;
	}
	c->at += bytes;
	c->left -= bytes;
	return at;
}

static inline uint64_t perf_load_u64(const unsigned char *at, bool swap)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return swap ? __builtin_bswap64(value) : value;
}

static inline uint32_t perf_load_u32(const unsigned char *at, bool swap)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return swap ? __builtin_bswap32(value) : value;
}

static inline uint16_t perf_load_u16(const unsigned char *at, bool swap)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return swap ? __builtin_bswap16(value) : value;
}

/* Bits of a sample_type: not the compiler's, which calls a function on any old x86. */
static inline size_t perf_nr_bits(uint64_t bits)
{
	uint32_t b = (uint32_t)bits;

	b -= b >> 1 & 0x55555555u;
	b = (b & 0x33333333u) + (b >> 2 & 0x33333333u);
	return (((b + (b >> 4)) & 0x0f0f0f0fu) * 0x01010101u) >> 24;
}

static inline uint64_t perf_take_u64(struct perf_cursor *c)
{
	const unsigned char *at = perf_take(c, 8);

	return at ? perf_load_u64(at, c->swap) : 0;
}

static inline uint32_t perf_take_u32(struct perf_cursor *c)
{
	const unsigned char *at = perf_take(c, 4);

	return at ? perf_load_u32(at, c->swap) : 0;
}

static inline uint16_t perf_take_u16(struct perf_cursor *c)
{
	const unsigned char *at = perf_take(c, 2);

	return at ? perf_load_u16(at, c->swap) : 0;
}

/* All that is left is text that ends in it, filled up with zeroes. */
static inline const char *perf_take_string(struct perf_cursor *c)
{
	const char *text = (const char *)c->at;

	if (c->short_of_data || c->left == 0 || !memchr(text, '\0', c->left)) {
		c->short_of_data = true;
		return "";
	}
	(void)perf_take(c, c->left);
	return text;
}

/* 64-bit words inside of a record, where they lie. */
struct perf_words {
	const unsigned char *at;
	uint64_t nr;
	bool swap;
};

static inline uint64_t perf_word(const struct perf_words *words, uint64_t i)
{
	return perf_load_u64(words->at + 8 * i, words->swap);
}

static inline struct perf_words perf_take_words(struct perf_cursor *c, uint64_t nr)
{
	struct perf_words words = { .swap = c->swap };

	/* More than there are is short of data, also where 8 * nr is no number any more. */
	words.at = perf_take(c, nr > c->left / 8 ? UINT64_MAX : 8 * nr);
	words.nr = words.at ? nr : 0;
	return words;
}

#endif
