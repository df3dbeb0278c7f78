// SPDX-License-Identifier: GPL-2.0-or-later
/* chmu_map.c - see chmu_map.h. */
#include "sources/chmu_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/host.h"

#define REFRESH_NS 10000000000ull
/* Fragments of less are not told apart: no page is less. */
#define FRAGMENT_BYTES 4096u
#define FRAGMENTS_MAX 16u
#define PIECES_MAX 12u

int chmu_map_open(struct chmu_map *map, const struct thermo_host *host, const char *memdev)
{
	struct chmu_extent extents[CHMU_EXTENTS_MAX];
	uint64_t start = 0, bytes;
	int err;

	*map = (struct chmu_map){ .host = host };
	(void)snprintf(map->memdev, sizeof(map->memdev), "%.31s", memdev);
	err = cxl_read(&map->cxl, host);
	if (!err && cxl_find_memdev(&map->cxl, map->memdev) < 0)
		err = thermo_fail(-ENODEV, "chmu: no CXL memory device %s", memdev);
	map->read_ns = thermo_host_now_ns(host);
	if (!err)
		err = chmu_map_range(map, &start, &bytes);
	/* Whether addresses can be translated at all shows with the first one. */
	if (!err) {
		int n = chmu_map_extents(map, start, FRAGMENT_BYTES, extents);

		err = n < 0 ? n : 0;
	}
	return err;
}

int chmu_map_windows(struct chmu_map *map, const struct vchmu_window *windows, uint32_t nr)
{
	*map = (struct chmu_map){ .nr_windows = nr };
	if (nr == 0 || nr > VCHMU_WINDOWS_MAX)
		return thermo_fail(-EBADMSG, "chmu: %u windows of device addresses", nr);
	for (uint32_t i = 0; i < nr; i++) {
		const struct vchmu_window *w = &windows[i];

		if (w->bytes == 0 || w->dpa + w->bytes < w->dpa || w->hpa + w->bytes < w->hpa)
			return thermo_fail(-EBADMSG,
					   "chmu: window of device addresses %#" PRIx64
					   " at %#" PRIx64 ", %#" PRIx64 " bytes: cannot be",
					   w->dpa, w->hpa, w->bytes);
		map->windows[i] = *w;
	}
	return 0;
}

void chmu_map_close(struct chmu_map *map)
{
	cxl_fini(&map->cxl);
	*map = (struct chmu_map){ 0 };
}

/* The old topology is better than none. */
void chmu_map_refresh(struct chmu_map *map)
{
	if (!map->memdev[0] || thermo_host_now_ns(map->host) - map->read_ns < REFRESH_NS)
		return;
	map->read_ns = thermo_host_now_ns(map->host);
	(void)cxl_read(&map->cxl, map->host);
}

static void include(uint64_t *low, uint64_t *high, uint64_t start, uint64_t bytes)
{
	if (start < *low)
		*low = start;
	if (start + bytes > *high)
		*high = start + bytes;
}

int chmu_map_range(const struct chmu_map *map, uint64_t *start, uint64_t *bytes)
{
	uint64_t low = UINT64_MAX, high = 0;
	int memdev = map->memdev[0] ? cxl_find_memdev(&map->cxl, map->memdev) : -1;

	for (uint32_t i = 0; i < map->nr_windows; i++)
		include(&low, &high, map->windows[i].dpa, map->windows[i].bytes);
	for (size_t i = 0; memdev >= 0 && i < map->cxl.nr_decoders; i++) {
		const struct cxl_decoder *d = &map->cxl.decoders[i];

		if (d->memdev == memdev && d->region >= 0 && d->dpa_bytes &&
		    d->dpa_start + d->dpa_bytes > d->dpa_start)
			include(&low, &high, d->dpa_start, d->dpa_bytes);
	}
	if (high == 0)
		return thermo_fail(-ENXIO,
				   "chmu: %s: no region maps its memory: make one, or there is "
				   "nothing to watch",
				   map->memdev);
	*start = low;
	*bytes = high - low;
	return 0;
}

static int window_extents(const struct chmu_map *map, uint64_t dpa, uint64_t bytes,
			  struct chmu_extent *extents)
{
	uint64_t end = dpa + bytes;
	int nr = 0;

	for (uint32_t i = 0; i < map->nr_windows; i++) {
		const struct vchmu_window *w = &map->windows[i];
		uint64_t low = dpa > w->dpa ? dpa : w->dpa;
		uint64_t high = end < w->dpa + w->bytes ? end : w->dpa + w->bytes;

		if (low < high)
			extents[nr++] = (struct chmu_extent){
				.addr = w->hpa + (low - w->dpa),
				.bytes = high - low,
				.share = (double)(high - low) / (double)bytes,
				.density = 1,
			};
	}
	return nr ? nr : -ENXIO;
}

/* Fragments one by one where pages can be told apart by them, else all that they lie in. */
static int piece_extents(const struct cxl_piece *p, uint64_t bytes, int nr,
			 struct chmu_extent *extents)
{
	double share = (double)p->bytes / (double)bytes;

	if (p->nr > 1 && (p->bytes < FRAGMENT_BYTES || p->nr > FRAGMENTS_MAX ||
			  nr + (int)p->nr > CHMU_EXTENTS_MAX)) {
		uint64_t span = (p->nr - 1) * p->stride_bytes + p->bytes;

		extents[nr++] = (struct chmu_extent){
			.addr = p->hpa,
			.bytes = span,
			.share = share * (double)p->nr,
			.density = (double)p->bytes * (double)p->nr / (double)span,
		};
		return nr;
	}
	for (uint64_t i = 0; i < p->nr && nr < CHMU_EXTENTS_MAX; i++)
		extents[nr++] = (struct chmu_extent){
			.addr = p->hpa + i * p->stride_bytes,
			.bytes = p->bytes,
			.share = share,
			.density = 1,
		};
	return nr;
}

int chmu_map_extents(const struct chmu_map *map, uint64_t dpa, uint64_t bytes,
		     struct chmu_extent extents[CHMU_EXTENTS_MAX])
{
	struct cxl_piece pieces[PIECES_MAX];
	uint64_t unmapped;
	int nr = 0;

	if (dpa + bytes <= dpa)
		return -ENXIO;
	if (map->nr_windows)
		return window_extents(map, dpa, bytes, extents);
	ssize_t n = cxl_dpa_to_hpa(&map->cxl, cxl_find_memdev(&map->cxl, map->memdev), dpa, bytes,
				   pieces, PIECES_MAX, &unmapped);

	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++)
		nr = piece_extents(&pieces[i], bytes, nr, extents);
	return nr;
}
