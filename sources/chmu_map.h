/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_map.h - from a hotness unit's device addresses to extents of physical memory.
 *
 * A CXL device's decoders say (core/cxl_dpa.h); the lab's virtual unit and recordings bring windows
 * of their own instead.
 */
#ifndef SOURCES_CHMU_MAP_H
#define SOURCES_CHMU_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/cxl_dpa.h"
#include "sources/virtual_chmu.h"

/* A granule that lies across decoders, cut at both ends. */
enum { CHMU_EXTENTS_MAX = 64 };

/**
 * struct chmu_map - Zeroed, it maps nothing.
 * @memdev:	"mem0": as the topology says; "": the windows do.
 */
struct chmu_map {
	const struct thermo_host *host;
	char memdev[CXL_NAME_BYTES];
	struct cxl cxl;
	uint64_t read_ns; /* when the topology was */
	uint32_t nr_windows;
	struct vchmu_window windows[VCHMU_WINDOWS_MAX];
};

/**
 * struct chmu_extent - Physical memory that a stretch of the device is.
 * @share:	Of the stretch's accesses, those that went here.
 * @density:	Of the extent, the part that is the device's: less than 1 where it is interleaved
 *		with others'.
 */
struct chmu_extent {
	uint64_t addr;
	uint64_t bytes;
	double share;
	double density;
};

/* Return: 0, or why the addresses of @memdev cannot be translated. */
int chmu_map_open(struct chmu_map *map, const struct thermo_host *host, const char *memdev);

/* As windows say; what lies in several is in the first.  Return: 0 or -EBADMSG. */
int chmu_map_windows(struct chmu_map *map, const struct vchmu_window *windows, uint32_t nr);

void chmu_map_close(struct chmu_map *map);

/* Look at the topology again if that was long ago: regions come and go. */
void chmu_map_refresh(struct chmu_map *map);

/* The stretch of the device that holds all that is mapped.  Return: 0 or -ENXIO. */
int chmu_map_range(const struct chmu_map *map, uint64_t *start, uint64_t *bytes);

/*
 * Where [@dpa, @dpa + @bytes) is.  Small fragments of interleaved memory are told as the one extent
 * that they are spread over.  Return: number of extents, or -errno when none of it is mapped.
 */
int chmu_map_extents(const struct chmu_map *map, uint64_t dpa, uint64_t bytes,
		     struct chmu_extent extents[CHMU_EXTENTS_MAX]);

#endif
