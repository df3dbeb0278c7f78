// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_spe_packet.c - an AUX ring holds any bytes.
 *
 * The first two bytes choose how the rest is cut into pieces, of which each lies in memory
 * of its own.  However it is cut, the same records come out, and every byte is used.
 */
#include <stdlib.h>
#include <string.h>

#include "sources/spe_level.h"
#include "sources/spe_packet.h"

#define MAX_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint64_t sink;

static void require(bool ok)
{
	if (!ok)
		abort();
}

struct outcome {
	uint64_t nr;
	uint64_t sum;
	uint64_t broken;
	uint64_t skipped;
};

static uint64_t sum_of(const struct spe_record *r)
{
	uint64_t sum = r->has * 31 + r->op;

	sum = sum * 31 + r->offset;
	sum = sum * 31 + r->pc;
	sum = sum * 31 + r->vaddr;
	sum = sum * 31 + r->paddr;
	sum = sum * 31 + r->time;
	sum = sum * 31 + r->events;
	sum = sum * 31 + r->context;
	return sum * 31 + r->source + r->total_cycles + r->issue_cycles + r->translation_cycles;
}

static struct outcome decode(const uint8_t *data, size_t bytes, size_t piece)
{
	struct spe_decoder d = { 0 };
	struct spe_record r;
	struct outcome o = { 0 };

	for (size_t at = 0; at < bytes; at += piece) {
		size_t n = bytes - at < piece ? bytes - at : piece;
		unsigned char *copy = malloc(n);

		require(copy != NULL);
		memcpy(copy, data + at, n);
		spe_decoder_give(&d, copy, n);
		while (spe_decoder_next(&d, &r)) {
			/* One whose packets are all of kinds that nobody knows tells nothing. */
			require(r.offset < bytes);
			o.sum = o.sum * 31 + sum_of(&r);
			o.nr++;
			for (int n = SPE_NUMBERING_UNKNOWN; n <= SPE_NUMBERING_HISILICON; n++)
				sink += spe_record_level(&r, (enum spe_numbering)n);
			sink += spe_record_op(&r) + spe_record_is_access(&r);
		}
		free(copy);
	}
	/* All but a packet of which the end has not come. */
	require(d.offset + d.nr_kept == bytes && d.nr_kept < SPE_PACKET_BYTES);
	require(o.nr == d.nr_records && d.skipped_bytes <= bytes);
	o.broken = d.nr_broken;
	o.skipped = d.skipped_bytes;
	spe_decoder_seek(&d, UINT64_MAX);
	require(d.nr_cut <= 1);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct outcome whole, cut;
	size_t piece;

	if (bytes < 3 || bytes > MAX_BYTES)
		return 0;
	piece = 1 + (data[0] | data[1] << 8) % 300;
	whole = decode(data + 2, bytes - 2, bytes);
	cut = decode(data + 2, bytes - 2, piece);
	require(whole.nr == cut.nr && whole.sum == cut.sum && whole.broken == cut.broken &&
		whole.skipped == cut.skipped);
	return 0;
}
