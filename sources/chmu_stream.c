// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_stream.c - see chmu_stream.h. */
#include "sources/chmu_stream.h"

#include <endian.h>
#include <string.h>

#include "sources/chmu_regs.h"

#define HEADER_ENTRIES CHMU_FIELD(0, 16)
#define HEADER_COUNTER_BITS CHMU_FIELD(16, 8)
#define HEADER_REST CHMU_FIELD(24, 40)

bool chmu_entry_decode(uint64_t entry, unsigned int counter_bits, unsigned int unit_log2,
		       struct chmu_hot *hot)
{
	uint64_t index, count;

	if (counter_bits == 0 || counter_bits > 63 || unit_log2 > CHMU_UNIT_LOG2_MAX)
		return false;
	index = entry >> counter_bits;
	count = entry & ((1ull << counter_bits) - 1);
	/* The granule ends at 2^64 - 1 at the latest. */
	if (count == 0 || index >= UINT64_MAX >> unit_log2)
		return false;
	*hot = (struct chmu_hot){
		.dpa = index << unit_log2,
		.bytes = 1ull << unit_log2,
		.count = count,
		.counter_bits = counter_bits,
	};
	return true;
}

static bool is_header(uint64_t word)
{
	uint64_t bits = chmu_get(word, HEADER_COUNTER_BITS);

	return chmu_get(word, HEADER_REST) == 0 && bits >= 1 && bits <= 63;
}

/* Between batches: a header is known by the mark behind it. */
static void take_header(struct chmu_stream *s, uint64_t word)
{
	if (s->has_header && word == CHMU_STREAM_MARK && is_header(s->header)) {
		s->left = (uint32_t)chmu_get(s->header, HEADER_ENTRIES);
		s->counter_bits = (unsigned int)chmu_get(s->header, HEADER_COUNTER_BITS);
		s->has_header = false;
		s->most = s->left > s->most ? s->left : s->most;
		return;
	}
	if (s->has_header)
		s->skipped_bytes += sizeof(word);
	s->header = word;
	s->has_header = true;
}

void chmu_stream_feed(struct chmu_stream *s, const void *bytes, size_t nr, unsigned int unit_log2,
		      chmu_hot_fn take, void *data)
{
	const unsigned char *from = bytes;
	struct chmu_hot hot;
	uint64_t word;

	while (nr) {
		size_t part = sizeof(word) - s->word_bytes < nr ? sizeof(word) - s->word_bytes : nr;

		memcpy(s->word + s->word_bytes, from, part);
		s->word_bytes += part;
		from += part;
		nr -= part;
		if (s->word_bytes < sizeof(word))
			return;
		s->word_bytes = 0;
		memcpy(&word, s->word, sizeof(word));
		word = le64toh(word);
		if (!s->left) {
			take_header(s, word);
			continue;
		}
		s->left--;
		if (chmu_entry_decode(word, s->counter_bits, unit_log2, &hot))
			take(data, &hot);
		else
			s->nr_bad++;
	}
}

void chmu_stream_restart(struct chmu_stream *s)
{
	s->skipped_bytes += s->word_bytes + (s->has_header ? sizeof(s->header) : 0);
	s->word_bytes = 0;
	s->has_header = false;
	s->left = 0;
}
