/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.h - the accesses of one pattern, as one thread makes them.
 *
 * Belongs to its thread.  The same seed gives the same addresses; only a hot set
 * that moves depends on the time.
 */
#ifndef BENCH_WORKLOAD_STREAM_H
#define BENCH_WORKLOAD_STREAM_H

#include "bench/workload/config.h"
#include "bench/workload/zipf.h"

/**
 * struct workload_stream - One pattern at work.
 * @base:	Where its region is mapped.
 * @nr_words:	Words of 8 bytes in the region.
 * @read_limit:	An access whose 32-bit coin is below this is a read: 0 to 2^32.
 * @next_bytes:	Where WORKLOAD_SEQUENTIAL goes next.
 * @scatter:	With WORKLOAD_ZIPF: rank times this, modulo the pages, is the page.
 * @hot_word:	With WORKLOAD_HOT: where the hot set begins now.
 * @hot_limit:	As @read_limit, for an access to the hot set.
 */
struct workload_stream {
	const struct workload_pattern *pattern;
	volatile unsigned char *base;
	uint64_t bytes;
	uint64_t nr_words;
	uint64_t random;
	uint64_t read_limit;
	uint64_t next_bytes;
	struct workload_zipf zipf;
	uint64_t nr_pages;
	uint64_t scatter;
	uint64_t hot_word;
	uint64_t nr_hot_words;
	uint64_t hot_limit;
};

struct workload_counts {
	uint64_t nr_reads;
	uint64_t nr_writes;
};

/* @base: where a region of @bytes is mapped, as whole pages.  Return: 0 or -ENOMEM. */
int workload_stream_init(struct workload_stream *stream, const struct workload_pattern *pattern,
			 volatile void *base, uint64_t bytes);

/* Accepts a zeroed one; may be called twice. */
void workload_stream_fini(struct workload_stream *stream);

/* Begin again, as at the start of a phase. */
void workload_stream_rewind(struct workload_stream *stream, uint64_t seed);

/* Put a moving hot set where it belongs @elapsed_ns after the start of the phase. */
void workload_stream_move(struct workload_stream *stream, uint64_t elapsed_ns);

/* Where the next access goes, as an offset into the region, aligned to 8. */
uint64_t workload_stream_next(struct workload_stream *stream);

/* Make @nr accesses (reads followed by a write count as one here, as two in @counts). */
void workload_stream_run(struct workload_stream *stream, uint32_t nr,
			 struct workload_counts *counts);

#endif
