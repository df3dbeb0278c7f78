// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxl_dpa.c - the arithmetic of interleaving, and when it may be used.
 *
 * A region of w ways and granules of g bytes lays granule number n of the device at position
 * p at (n * w + p) * g: CXL 3.1 8.2.4.20.13, for powers of two by bits, for 3, 6 and 12
 * ways by division; as arithmetic it is the same.
 */
#include "core/cxl_dpa.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/error.h"

#define MIN_GRANULARITY_BYTES 256u
#define MAX_GRANULARITY_BYTES 16384u

uint64_t cxl_interleave(uint32_t ways, uint32_t granularity_bytes, uint32_t position,
			uint64_t offset)
{
	return (offset / granularity_bytes * ways + position) * granularity_bytes +
	       offset % granularity_bytes;
}

uint64_t cxl_deinterleave(uint32_t ways, uint32_t granularity_bytes, uint64_t region_offset,
			  uint32_t *position)
{
	uint64_t granule = region_offset / granularity_bytes;

	*position = (uint32_t)(granule % ways);
	return granule / ways * granularity_bytes + region_offset % granularity_bytes;
}

/* --- may it be used? --- */

static bool is_interleaving(uint32_t ways, uint32_t granularity_bytes)
{
	bool ways_ok = ways == 3 || ways == 6 || ways == 12 ||
		       (ways && ways <= CXL_MAX_WAYS && (ways & (ways - 1)) == 0);

	return ways_ok && granularity_bytes >= MIN_GRANULARITY_BYTES &&
	       granularity_bytes <= MAX_GRANULARITY_BYTES &&
	       (granularity_bytes & (granularity_bytes - 1)) == 0;
}

/*
 * With XOR, the host bridge depends on more bits of the address than modulo looks at.  One
 * host bridge is always the same, and for three the standard has no XOR.
 */
static int check_root(const struct cxl *cxl, const struct cxl_region *region)
{
	const struct cxl_decoder *root = region->root < 0 ? NULL : &cxl->decoders[region->root];

	if (root &&
	    (root->ways == 1 || root->ways == 3 || root->arithmetic == CXL_ARITHMETIC_MODULO))
		return 0;
	if (!root)
		return thermo_fail(-EBADMSG,
				   "%s: no root decoder has its addresses: cannot know how it "
				   "interleaves",
				   region->name);
	if (root->arithmetic == CXL_ARITHMETIC_XOR)
		return thermo_fail(-EOPNOTSUPP,
				   "%s: %s finds its %u host bridges by XOR: device addresses "
				   "cannot be translated",
				   region->name, root->name, root->ways);
	return thermo_fail(-EACCES,
			   "%s: cannot know whether %s finds its %u host bridges by XOR: "
			   "/sys/firmware/acpi/tables/CEDT: %s",
			   region->name, root->name, root->ways,
			   cxl->cedt_err ? strerror(-cxl->cedt_err) : "does not have this window");
}

static int check_region(const struct cxl *cxl, const struct cxl_region *region)
{
	if (!region->committed)
		return thermo_fail(-ENXIO, "%s: not committed: its memory has no addresses yet",
				   region->name);
	if (!is_interleaving(region->ways, region->granularity_bytes) ||
	    region->cache_bytes >= region->bytes || region->start + region->bytes < region->start ||
	    (region->ways > 1 &&
	     (region->bytes - region->cache_bytes) %
			     ((uint64_t)region->ways * region->granularity_bytes)))
		return thermo_fail(-EBADMSG,
				   "%s: %u ways of %u bytes over %" PRIu64 " bytes cannot be",
				   region->name, region->ways, region->granularity_bytes,
				   region->bytes);
	return check_root(cxl, region);
}

static int position_of(const struct cxl_region *region, int decoder)
{
	for (uint32_t p = 0; p < region->ways; p++)
		if (region->targets[p] == decoder)
			return (int)p;
	return -1;
}

/*
 * The decoder maps what the region says.  Where it does not, the firmware translates once
 * more between the two (AMD's normalized addresses), or something changed while we looked.
 */
static int check_decoder(const struct cxl_region *region, const struct cxl_decoder *decoder,
			 int position)
{
	uint64_t mapped = region->bytes - region->cache_bytes;

	if (position >= 0 && decoder->ways == region->ways &&
	    (region->ways == 1 || decoder->granularity_bytes == region->granularity_bytes) &&
	    decoder->start == region->start + region->cache_bytes && decoder->bytes == mapped &&
	    decoder->dpa_bytes == mapped / region->ways &&
	    decoder->dpa_start + decoder->dpa_bytes >= decoder->dpa_start)
		return 0;
	return thermo_fail(-EBADMSG,
			   "%s and %s contradict each other: %u and %u ways of %u and %u bytes at "
			   "0x%" PRIx64 " and 0x%" PRIx64
			   ": does the firmware translate addresses, too?",
			   region->name, decoder->name, region->ways, decoder->ways,
			   region->granularity_bytes, decoder->granularity_bytes,
			   region->start + region->cache_bytes, decoder->start);
}

/* --- there --- */

/* Where pieces go; counts also those for which there is no room. */
struct output {
	struct cxl_piece *pieces;
	size_t max;
	size_t nr;
};

static void add_piece(struct output *out, const struct cxl_piece *piece)
{
	if (out->nr < out->max)
		out->pieces[out->nr] = *piece;
	out->nr++;
}

/* What [@offset, @end) of the decoder's memory is: a cut granule, whole ones, a cut one. */
static void add_offsets(const struct cxl *cxl, const struct cxl_decoder *decoder, uint32_t position,
			uint64_t offset, uint64_t end, struct output *out)
{
	const struct cxl_region *region = &cxl->regions[decoder->region];
	uint64_t granule = region->ways == 1 ? decoder->dpa_bytes : region->granularity_bytes;

	while (offset < end) {
		uint64_t left = end - offset, in_granule = granule - offset % granule;
		struct cxl_piece piece = {
			.hpa = region->start + region->cache_bytes +
			       cxl_interleave(region->ways, region->granularity_bytes, position,
					      offset),
			.bytes = left < in_granule ? left : in_granule,
			.nr = 1,
			.dpa = decoder->dpa_start + offset,
			.cache_bytes = region->cache_bytes,
			.region = decoder->region,
		};

		if (piece.bytes == granule)
			piece.nr = left / granule;
		piece.stride_bytes = piece.nr > 1 ? granule * region->ways : piece.bytes;
		add_piece(out, &piece);
		offset += piece.nr * piece.bytes;
	}
}

/* Return: how many bytes of [@dpa, @end) are mapped by it, or -errno. */
static int64_t add_decoder(const struct cxl *cxl, int index, uint64_t dpa, uint64_t end,
			   struct output *out)
{
	const struct cxl_decoder *d = &cxl->decoders[index];
	uint64_t from = d->dpa_start > dpa ? d->dpa_start : dpa;
	uint64_t to = d->dpa_bytes < end - d->dpa_start ? d->dpa_start + d->dpa_bytes : end;
	const struct cxl_region *region = &cxl->regions[d->region];
	int position, err = check_region(cxl, region);

	if (err)
		return err;
	position = position_of(region, index);
	err = check_decoder(region, d, position);
	if (err)
		return err;
	add_offsets(cxl, d, (uint32_t)position, from - d->dpa_start, to - d->dpa_start, out);
	return (int64_t)(to - from);
}

/* The decoder of @memdev that has @dpa or is the next one; -1 none.  By region: it may map. */
static int next_decoder(const struct cxl *cxl, int memdev, uint64_t dpa)
{
	int best = -1;

	for (size_t i = 0; i < cxl->nr_decoders; i++) {
		const struct cxl_decoder *d = &cxl->decoders[i];

		if (d->kind != CXL_DECODER_ENDPOINT || d->memdev != memdev || d->region < 0 ||
		    !d->dpa_bytes || d->dpa_bytes > INT64_MAX || d->dpa_start > INT64_MAX ||
		    d->dpa_start + d->dpa_bytes - 1 < dpa)
			continue;
		if (best < 0 || d->dpa_start < cxl->decoders[best].dpa_start)
			best = (int)i;
	}
	return best;
}

ssize_t cxl_dpa_to_hpa(const struct cxl *cxl, int memdev, uint64_t dpa, uint64_t bytes,
		       struct cxl_piece *pieces, size_t max_pieces, uint64_t *unmapped_bytes)
{
	struct output out = { pieces, max_pieces, 0 };
	uint64_t end = dpa + bytes, mapped = 0, at = dpa;
	int64_t err = 0;
	int d;

	if (memdev < 0 || (size_t)memdev >= cxl->nr_memdevs || !bytes || end < dpa)
		return thermo_fail(-EINVAL,
				   "device addresses 0x%" PRIx64 "+0x%" PRIx64 " of memory device "
				   "%d: no such device or no such addresses",
				   dpa, bytes, memdev);
	while (at < end && (d = next_decoder(cxl, memdev, at)) >= 0 &&
	       cxl->decoders[d].dpa_start < end) {
		int64_t n = add_decoder(cxl, d, at, end, &out);

		if (n < 0 && n != -ENXIO)
			return (ssize_t)n;
		if (n < 0)
			err = n;
		else
			mapped += (uint64_t)n;
		at = cxl->decoders[d].dpa_start + cxl->decoders[d].dpa_bytes;
	}
	if (!mapped)
		return err ? (ssize_t)err
			   : thermo_fail(-ENXIO,
					 "%s: no region maps its addresses 0x%" PRIx64 " to "
					 "0x%" PRIx64,
					 cxl->memdevs[memdev].name, dpa, end - 1);
	if (out.nr > max_pieces)
		return thermo_fail(-ENOSPC,
				   "%s: addresses 0x%" PRIx64 "+0x%" PRIx64
				   " are %zu pieces, room is for %zu",
				   cxl->memdevs[memdev].name, dpa, bytes, out.nr, max_pieces);
	*unmapped_bytes = bytes - mapped;
	return (ssize_t)out.nr;
}

/* --- and back --- */

static const struct cxl_region *find_region(const struct cxl *cxl, uint64_t hpa)
{
	for (size_t i = 0; i < cxl->nr_regions; i++) {
		const struct cxl_region *r = &cxl->regions[i];

		if (hpa >= r->start && hpa - r->start < r->bytes)
			return r;
	}
	return NULL;
}

int cxl_hpa_to_dpa(const struct cxl *cxl, uint64_t hpa, int *memdev, uint64_t *dpa)
{
	const struct cxl_region *region = find_region(cxl, hpa);
	const struct cxl_decoder *d;
	uint32_t position;
	uint64_t offset;
	int err;

	if (!region)
		return thermo_fail(-ENXIO, "physical address 0x%" PRIx64 ": in no CXL region", hpa);
	err = check_region(cxl, region);
	if (err)
		return err;
	if (hpa - region->start < region->cache_bytes)
		return thermo_fail(-ENXIO,
				   "physical address 0x%" PRIx64 ": the DRAM that caches %s", hpa,
				   region->name);
	offset = cxl_deinterleave(region->ways, region->granularity_bytes,
				  hpa - region->start - region->cache_bytes, &position);
	if (region->targets[position] < 0 || cxl->decoders[region->targets[position]].memdev < 0)
		return thermo_fail(-EBADMSG, "%s: knows no device at position %u", region->name,
				   position);
	d = &cxl->decoders[region->targets[position]];
	err = check_decoder(region, d, (int)position);
	if (err)
		return err;
	*memdev = d->memdev;
	*dpa = d->dpa_start + offset;
	return 0;
}
