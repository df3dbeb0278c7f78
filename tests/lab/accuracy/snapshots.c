// SPDX-License-Identifier: GPL-2.0-or-later
/* snapshots.c - see snapshots.h; believes nothing that it reads. */
#include "tests/lab/accuracy/snapshots.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

#define DAMON_EVENT ": damos_before_apply: "

/* Return: @array with room for one more than @nr, or NULL. */
static void *grow(void *array, size_t nr, size_t *room, size_t size)
{
	if (nr < *room)
		return array;
	size_t more = *room ? 2 * *room : 64;
	void *grown = reallocarray(array, more, size);

	if (grown)
		*room = more;
	return grown;
}

static int add_snapshot(struct snapshots *all, double time_s)
{
	struct snapshot *list = grow(all->list, all->nr, &all->room, sizeof(*list));

	if (!list)
		return thermo_fail(-ENOMEM, "accuracy: no memory for snapshots");
	all->list = list;
	list[all->nr++] = (struct snapshot){ .time_s = time_s, .first = all->nr_regions };
	return 0;
}

/* To the newest snapshot. */
static int add_region(struct snapshots *all, const struct snapshot_region *region)
{
	struct snapshot_region *regions =
			grow(all->regions, all->nr_regions, &all->regions_room, sizeof(*regions));

	if (!regions)
		return thermo_fail(-ENOMEM, "accuracy: no memory for regions");
	all->regions = regions;
	if (region->start >= region->end)
		return thermo_fail(-EBADMSG, "accuracy: a region from %#" PRIx64 " to %#" PRIx64,
				   region->start, region->end);
	regions[all->nr_regions++] = *region;
	all->list[all->nr - 1].nr_regions++;
	return 0;
}

/* --- JSON --- */

static bool get_number(struct json_object *object, const char *key, double *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    (!json_object_is_type(member, json_type_double) &&
	     !json_object_is_type(member, json_type_int)))
		return false;
	*value = json_object_get_double(member);
	return true;
}

static bool get_address(struct json_object *object, const char *key, uint64_t *value)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_int))
		return false;
	*value = json_object_get_uint64(member);
	return true;
}

static void get_shares(struct json_object *object, const char *list_key, const char *key,
		       struct snapshot_share shares[SNAPSHOT_KEYS])
{
	struct json_object *list;
	size_t nr;

	if (!json_object_object_get_ex(object, list_key, &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	nr = json_object_array_length(list);
	for (size_t i = 0; i < nr && i < SNAPSHOT_KEYS; i++) {
		struct json_object *member = json_object_array_get_idx(list, i);
		uint64_t number;
		double share;

		if (!get_address(member, key, &number) || !get_number(member, "share", &share))
			continue;
		shares[i] = (struct snapshot_share){ (uint32_t)number, share };
	}
}

static int take_json_region(struct snapshots *all, struct json_object *object)
{
	struct snapshot_region region = { 0 };
	double known = 1, read_share = 0, write_share = 0, events = 0;

	if (!json_object_is_type(object, json_type_object) ||
	    !get_address(object, "start", &region.start) ||
	    !get_address(object, "end", &region.end) ||
	    !get_number(object, "accesses_per_s", &region.accesses))
		return thermo_fail(-EBADMSG, "accuracy: a region without start, end or rate");
	(void)get_number(object, "read_share", &read_share);
	(void)get_number(object, "write_share", &write_share);
	(void)get_number(object, "op_known_share", &known);
	region.is_assumed = get_number(object, "events", &events) && events == 0;
	region.reads = region.accesses * known * read_share;
	region.writes = region.accesses * known * write_share;
	if (region.end > region.start)
		region.heat = region.accesses / (double)(region.end - region.start);
	get_shares(object, "cpus", "cpu", region.cpus);
	get_shares(object, "threads", "tid", region.threads);
	return add_region(all, &region);
}

static int take_json(struct snapshots *all, struct json_object *object)
{
	struct json_object *snapshot, *regions;
	double time_s, time_ns;
	int err;

	if (!get_number(object, "uptime_s", &time_s) ||
	    !json_object_object_get_ex(object, "snapshot", &snapshot))
		return thermo_fail(-EBADMSG, "accuracy: no uptime_s, or no snapshot");
	if (!snapshot)
		return 0;
	if (!json_object_object_get_ex(snapshot, "regions", &regions) ||
	    !json_object_is_type(regions, json_type_array))
		return thermo_fail(-EBADMSG, "accuracy: a snapshot without regions");
	/* When it was asked for is later, on a busy machine by seconds. */
	if (get_number(snapshot, "time_ns", &time_ns))
		time_s = time_ns / 1e9;
	err = add_snapshot(all, time_s);
	for (size_t i = 0; i < json_object_array_length(regions) && !err; i++)
		err = take_json_region(all, json_object_array_get_idx(regions, i));
	return err;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t\n");
}

static int parse_json(struct snapshots *all, const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	const char *end = text + strlen(text);
	int err = tokener ? 0 : thermo_fail(-ENOMEM, "accuracy: no memory");

	for (text = skip_blanks(text); *text && !err; text = skip_blanks(text)) {
		struct json_object *object =
				json_tokener_parse_ex(tokener, text, (int)(end - text));

		if (json_object_is_type(object, json_type_object))
			err = take_json(all, object);
		else
			err = thermo_fail(-EBADMSG, "accuracy: no JSON object at '%.20s'", text);
		json_object_put(object);
		text += json_tokener_get_parse_end(tokener);
	}
	if (tokener)
		json_tokener_free(tokener);
	return err;
}

/* --- the kernel's trace --- */

/* The number that ends at @end; what is before it does not matter. */
static bool time_before(const char *line, const char *end, double *time_s)
{
	const char *start = end;

	while (start > line && start[-1] != ' ')
		start--;
	return sscanf(start, "%lf", time_s) == 1;
}

static int take_trace_line(struct snapshots *all, const char *line)
{
	const char *event = strstr(line, DAMON_EVENT);
	const struct snapshot *last = all->nr ? &all->list[all->nr - 1] : NULL;
	struct snapshot_region region = { 0 };
	unsigned nr_accesses;
	double time_s;
	int err = 0;

	if (!event)
		return 0; /* a comment, or another event */
	if (!time_before(line, event, &time_s) ||
	    sscanf(event + strlen(DAMON_EVENT),
		   "ctx_idx=%*u scheme_idx=%*u target_idx=%*u nr_regions=%*u %" SCNu64 "-%" SCNu64
		   ": %u",
		   &region.start, &region.end, &nr_accesses) != 3)
		return thermo_fail(-EBADMSG, "accuracy: not an event of DAMON's: '%.80s'", line);
	region.heat = nr_accesses;
	if (!last || !last->nr_regions || region.start < all->regions[all->nr_regions - 1].end)
		err = add_snapshot(all, time_s);
	return err ? err : add_region(all, &region);
}

static int parse_trace(struct snapshots *all, const char *text)
{
	int err = 0;

	while (*text && !err) {
		size_t length = strcspn(text, "\n");
		AUTO_FREE char *line = strndup(text, length);

		err = line ? take_trace_line(all, line) : -ENOMEM;
		text += length + (text[length] == '\n');
	}
	return err;
}

int snapshots_parse(struct snapshots *snapshots, const char *text)
{
	text = skip_blanks(text);
	if (*text == '{')
		return parse_json(snapshots, text);
	if (*text == '#' || strstr(text, DAMON_EVENT))
		return parse_trace(snapshots, text);
	return thermo_fail(-EBADMSG, "accuracy: neither snapshots in JSON nor a kernel's trace");
}

/* Return: the file as a text, or NULL. */
static char *read_text(FILE *file)
{
	char *text = NULL;
	size_t room = 0;

	/* No text holds a NUL: this reads to the end. */
	if (getdelim(&text, &room, '\0', file) >= 0)
		return text;
	free(text);
	return NULL;
}

int snapshots_read(struct snapshots *snapshots, const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return thermo_fail(-errno, "%s: %s", path, strerror(errno));
	AUTO_FREE char *text = read_text(file);

	(void)fclose(file);
	return text ? snapshots_parse(snapshots, text)
		    : thermo_fail(-EBADMSG, "%s: empty, or cannot be read", path);
}

void snapshots_fini(struct snapshots *snapshots)
{
	free(snapshots->list);
	free(snapshots->regions);
	*snapshots = (struct snapshots){ 0 };
}
