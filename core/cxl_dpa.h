/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cxl_dpa.h - device addresses of CXL memory to physical addresses, and back.
 *
 * A device knows its memory by device physical addresses (DPA).  Where a region interleaves
 * @ways devices, the host's physical addresses (HPA) go round them by granules: what is
 * one extent in a device is every ways-th granule of the region, which is
 * told as a first fragment, a number of them and a stride, never as a list: there can be
 * millions.  With granules less than a page, a page of the region is several devices'.
 *
 * Pure functions of what cxl_read() found.
 */
#ifndef CORE_CXL_DPA_H
#define CORE_CXL_DPA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/cxl.h"

/* Enough for an extent that lies in one decoder of the device: a cut granule, whole ones, a cut
 * one. */
#define CXL_PIECES_PER_DECODER 3u

/**
 * struct cxl_piece - Evenly spaced fragments of physical memory.
 * @hpa:	Where the first begins.
 * @bytes:	Of each.
 * @stride_bytes:	From the beginning of one to that of the next; @bytes when there is one.
 * @nr:		How many.
 * @dpa:	Where the first is in the device; fragments follow each other there.
 * @cache_bytes:	0, or with an extended linear cache: a line of the device may hold the
 *		data of the address so many bytes lower instead, the DRAM's that caches it.
 * @region:	Index in the topology.
 */
struct cxl_piece {
	uint64_t hpa;
	uint64_t bytes;
	uint64_t stride_bytes;
	uint64_t nr;
	uint64_t dpa;
	uint64_t cache_bytes;
	int region;
};

/*
 * Where [@dpa, @dpa + @bytes) of the device number @memdev (cxl_find_memdev()) is, as at
 * most @max_pieces by DPA.  *@unmapped_bytes is how much of it no committed region maps,
 * which is no failure while some of it is.
 *
 * Return: how many pieces, or with the reason
 *	-EINVAL		no such device, nothing asked for, or addresses that wrap
 *	-ENXIO		nothing of it is mapped: no region, or one that is not committed
 *	-EOPNOTSUPP	the root decoder finds its host bridges by XOR
 *	-EACCES		it cannot be known whether it does: the CEDT is for root
 *	-EBADMSG	region and decoders contradict each other
 *	-ENOSPC		more pieces than @max_pieces
 */
ssize_t cxl_dpa_to_hpa(const struct cxl *cxl, int memdev, uint64_t dpa, uint64_t bytes,
		       struct cxl_piece *pieces, size_t max_pieces, uint64_t *unmapped_bytes);

/*
 * Which device, and where in it, @hpa is.  Return: 0, or with the reason -ENXIO when it is in no
 * committed region (or in the DRAM of an extended linear cache), and as above.
 */
int cxl_hpa_to_dpa(const struct cxl *cxl, uint64_t hpa, int *memdev, uint64_t *dpa);

/*
 * The arithmetic alone, of facts that the caller has checked: offset in the region of
 * offset @offset in the device at @position, and the other way round.
 */
uint64_t cxl_interleave(uint32_t ways, uint32_t granularity_bytes, uint32_t position,
			uint64_t offset);
uint64_t cxl_deinterleave(uint32_t ways, uint32_t granularity_bytes, uint64_t region_offset,
			  uint32_t *position);

#endif
