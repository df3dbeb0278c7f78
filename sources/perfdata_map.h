/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_map.h - from numbers of a perf.data, as many as there are, to what they stand for. */
#ifndef SOURCES_PERFDATA_MAP_H
#define SOURCES_PERFDATA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERFDATA_MAP_MAX (1u << 18)

struct perfdata_map_slot {
	uint64_t key;
	uint64_t value;
	bool used;
};

/* A hash table without deletion.  Zeroed, it is empty. */
struct perfdata_map {
	struct perfdata_map_slot *slots;
	size_t nr;
	size_t room; /* 0 or a power of two */
};

/* Return: 0; -ENOMEM; -E2BIG when there are PERFDATA_MAP_MAX others. */
int perfdata_map_put(struct perfdata_map *map, uint64_t key, uint64_t value);
/* Return: false when it is not there, and then @value is not written. */
bool perfdata_map_get(const struct perfdata_map *map, uint64_t key, uint64_t *value);
void perfdata_map_fini(struct perfdata_map *map);

#endif
