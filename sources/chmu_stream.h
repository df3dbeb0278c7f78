/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_stream.h - what a CXL Hotness Monitoring Unit says: entries of a hotlist, one by
 * one or as the stream that the kernel's proposed driver puts into a perf AUX ring.
 *
 * An entry is 64 bits: the count in the low bits, as many as the counters are wide, and the number
 * of the granule in the rest.  The stream is of little-endian 64-bit words:
 *
 *	bits 0-15: n, bits 16-23: width of the counters
 *	0xdeadbeef
 *	n entries
 *
 * and again.  Granule and epoch are not in it: who opened the event knows.
 *
 * Pure functions over bytes that nobody vouches for.
 */
#ifndef SOURCES_CHMU_STREAM_H
#define SOURCES_CHMU_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHMU_STREAM_MARK 0xdeadbeefull

/**
 * struct chmu_hot - A granule that was hot.
 * @dpa, @bytes:	Where, in the device.
 * @count:	What was counted in an epoch, before down-sampling is made up for.
 * @counter_bits:	Of the counter, which stops at its largest.
 */
struct chmu_hot {
	uint64_t dpa;
	uint64_t bytes;
	uint64_t count;
	unsigned int counter_bits;
};

/* Return: false for an entry that cannot be: no count, or an address beyond 64 bits. */
bool chmu_entry_decode(uint64_t entry, unsigned int counter_bits, unsigned int unit_log2,
		       struct chmu_hot *hot);

/* The counter stands at its end: there may have been more. */
static inline bool chmu_hot_is_saturated(const struct chmu_hot *hot)
{
	return hot->count == (1ull << hot->counter_bits) - 1;
}

/**
 * struct chmu_stream - Where a decoder stands; zeroed, at the beginning.
 * @word, @word_bytes:	The beginning of a word of which the rest is to come.
 * @header:	The word before, where a header may begin.
 * @left:	Entries to come of this batch.
 * @most:	Entries of the largest batch; whoever looks may set it back.
 * @skipped_bytes:	That were no part of anything.
 * @nr_bad:	Entries that cannot be.
 */
struct chmu_stream {
	unsigned char word[8];
	size_t word_bytes;
	bool has_header;
	uint64_t header;
	uint32_t left;
	unsigned int counter_bits;
	uint32_t most;
	uint64_t skipped_bytes;
	uint64_t nr_bad;
};

/* Called for each entry. */
typedef void (*chmu_hot_fn)(void *data, const struct chmu_hot *hot);

/*
 * Decode the next @nr bytes, wherever they were cut.  What is no header is skipped, and
 * counted, up to the next one.
 */
void chmu_stream_feed(struct chmu_stream *stream, const void *bytes, size_t nr,
		      unsigned int unit_log2, chmu_hot_fn take, void *data);

/* After a gap: what was begun will not be ended. */
void chmu_stream_restart(struct chmu_stream *stream);

#endif
