// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_map.c - open addressing, at most half full. */
#include "sources/perfdata_map.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64u

/* The finalizer of MurmurHash3: who makes up the numbers of a file gains no long chains. */
static uint64_t spread(uint64_t key)
{
	key = (key ^ key >> 33) * 0xff51afd7ed558ccdull;
	key = (key ^ key >> 33) * 0xc4ceb9fe1a85ec53ull;
	return key ^ key >> 33;
}

/* Where @key is or would be; there is always a free one. */
static struct perfdata_map_slot *slot_of(const struct perfdata_map *map, uint64_t key)
{
	size_t i = (size_t)spread(key) & (map->room - 1);

	while (map->slots[i].used && map->slots[i].key != key)
		i = (i + 1) & (map->room - 1);
	return &map->slots[i];
}

static int grow(struct perfdata_map *map)
{
	struct perfdata_map grown = { .room = map->room ? 2 * map->room : FIRST_ROOM,
				      .nr = map->nr };

	grown.slots = calloc(grown.room, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->room; i++)
		if (map->slots[i].used)
			*slot_of(&grown, map->slots[i].key) = map->slots[i];
	free(map->slots);
	*map = grown;
	return 0;
}

int perfdata_map_put(struct perfdata_map *map, uint64_t key, uint64_t value)
{
	struct perfdata_map_slot *slot;

	if (map->nr >= map->room / 2 && grow(map) < 0)
		return -ENOMEM;
	slot = slot_of(map, key);
	if (!slot->used && map->nr == PERFDATA_MAP_MAX)
		return -E2BIG;
	map->nr += !slot->used;
	*slot = (struct perfdata_map_slot){ key, value, true };
	return 0;
}

bool perfdata_map_get(const struct perfdata_map *map, uint64_t key, uint64_t *value)
{
	const struct perfdata_map_slot *slot;

	if (map->room == 0)
		return false;
	slot = slot_of(map, key);
	if (slot->used)
		*value = slot->value;
	return slot->used;
}

void perfdata_map_fini(struct perfdata_map *map)
{
	free(map->slots);
	*map = (struct perfdata_map){ 0 };
}
