/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_pattern.c - one access line of a phase:
 *
 *	region, random, stride, weight[, ro|wo|rw][, key=value]...
 *
 * The first five fields are masim's; the keys are ours.
 */
#include "bench/workload/config_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/number.h"

#define DEFAULT_HOT_SHARE_BP 9000u
#define NS_PER_MS UINT64_C(1000000)

char *workload_trim(char *text)
{
	size_t n;

	while (isspace((unsigned char)*text))
		text++;
	n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

size_t workload_split(char *text, char **fields, size_t max)
{
	size_t n = 0;
	char *field;

	while ((field = strsep(&text, ","))) {
		if (n == max)
			return max + 1;
		fields[n++] = workload_trim(field);
	}
	return n;
}

static int parse_percent_bp(const char *text, uint32_t *bp)
{
	double percent;
	int err = thermo_parse_decimal(text, 100.0, &percent);

	if (!err)
		*bp = (uint32_t)lround(percent * WORKLOAD_PERCENT_BP);
	return err;
}

/* Cuts @text at @sep, in place.  Return: what follows it, or NULL. */
static char *cut(char *text, char sep)
{
	char *at = strchr(text, sep);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

static int set_rw(struct workload_pattern *p, char *value)
{
	p->mode = WORKLOAD_MIXED;
	return parse_percent_bp(value, &p->read_bp);
}

static int set_zipf(struct workload_pattern *p, char *value)
{
	int err = thermo_parse_decimal(value, WORKLOAD_MAX_ZIPF, &p->zipf);

	p->kind = WORKLOAD_ZIPF;
	return err ? err : p->zipf >= WORKLOAD_MIN_ZIPF ? 0 : -EINVAL;
}

static int set_order(struct workload_pattern *p, char *value)
{
	p->contiguous = strcmp(value, "contiguous") == 0;
	return p->contiguous || strcmp(value, "scattered") == 0 ? 0 : -EINVAL;
}

static int set_hot(struct workload_pattern *p, char *value)
{
	char *offset = cut(value, '@');

	p->kind = WORKLOAD_HOT;
	if (!offset || thermo_parse_bytes(value, WORKLOAD_MAX_TOTAL_BYTES, &p->hot_bytes))
		return -EINVAL;
	return thermo_parse_bytes(offset, WORKLOAD_MAX_TOTAL_BYTES, &p->hot_offset_bytes);
}

static int set_share(struct workload_pattern *p, char *value)
{
	return parse_percent_bp(value, &p->hot_share_bp);
}

static int set_move(struct workload_pattern *p, char *value)
{
	char *every = cut(value, '/');
	uint64_t every_ms;

	if (!every || thermo_parse_bytes(value, WORKLOAD_MAX_TOTAL_BYTES, &p->move_bytes) ||
	    thermo_parse_u64(every, WORKLOAD_MAX_TIME_MS, &every_ms))
		return -EINVAL;
	p->move_ns = every_ms * NS_PER_MS;
	return every_ms > 0 && p->move_bytes > 0 ? 0 : -EINVAL;
}

enum key_id { KEY_MODE, KEY_RW, KEY_ZIPF, KEY_ORDER, KEY_HOT, KEY_SHARE, KEY_MOVE };

static const struct key {
	const char *name;
	enum key_id id;
	int (*set)(struct workload_pattern *p, char *value); /* 0 or -errno, silent */
	const char *wanted;
} keys[] = {
	{ "rw", KEY_RW, set_rw, "a percentage of reads, such as rw=70" },
	{ "zipf", KEY_ZIPF, set_zipf, "an exponent from 0.01 to 4, such as zipf=0.99" },
	{ "order", KEY_ORDER, set_order, "order=scattered or order=contiguous" },
	{ "hot", KEY_HOT, set_hot, "a size and an offset, such as hot=96M@288M" },
	{ "share", KEY_SHARE, set_share, "a percentage of accesses, such as share=90" },
	{ "move", KEY_MOVE, set_move, "a step and milliseconds above 0, such as move=4M/1000" },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool parse_mode(const char *text, enum workload_mode *mode)
{
	if (strcmp(text, "ro") == 0)
		*mode = WORKLOAD_READ_ONLY;
	else if (strcmp(text, "wo") == 0)
		*mode = WORKLOAD_WRITE_ONLY;
	else if (strcmp(text, "rw") == 0)
		*mode = WORKLOAD_READ_THEN_WRITE;
	else
		return false;
	return true;
}

/* One field after the weight.  @seen: a bit for each key_id met so far. */
static int parse_extra(struct workload_pattern *p, const struct workload_place *place, char *field,
		       uint32_t *seen)
{
	const struct key *key = NULL;
	char *value = cut(field, '=');
	enum key_id id = KEY_MODE;

	if (value) {
		key = find_key(field);
		if (!key)
			return place_fail(place,
					  "unknown key '%.20s': use rw, zipf, order, hot, "
					  "share or move",
					  field);
		id = key->id;
	} else if (!parse_mode(field, &p->mode)) {
		return place_fail(place, "'%.20s' is no access mode: use ro, wo, rw or key=value",
				  field);
	}
	if (*seen & 1u << id)
		return place_fail(place, "'%.20s' stands twice: keep one", field);
	*seen |= 1u << id;
	if (key && key->set(p, value))
		return place_fail(place, "bad value of '%s': give %s", key->name, key->wanted);
	return 0;
}

static bool whole_pages(uint64_t bytes)
{
	return bytes % WORKLOAD_PAGE_BYTES == 0;
}

static int check_hot(const struct workload_pattern *p, const struct workload_place *place,
		     uint64_t region_bytes)
{
	if (!whole_pages(region_bytes) || !whole_pages(p->hot_bytes) ||
	    !whole_pages(p->hot_offset_bytes) || !whole_pages(p->move_bytes))
		return place_fail(place, "hot set of parts of pages: "
					 "make region, hot and move multiples of 4096");
	if (p->hot_bytes == 0 || p->hot_bytes >= region_bytes)
		return place_fail(place,
				  "hot set of %ju bytes in a region of %ju: it must be "
				  "smaller than the region, and not empty",
				  (uintmax_t)p->hot_bytes, (uintmax_t)region_bytes);
	if (p->hot_offset_bytes > region_bytes - p->hot_bytes)
		return place_fail(place,
				  "hot set of %ju bytes at %ju ends beyond the region of "
				  "%ju: use a smaller offset",
				  (uintmax_t)p->hot_bytes, (uintmax_t)p->hot_offset_bytes,
				  (uintmax_t)region_bytes);
	if (p->move_bytes >= region_bytes)
		return place_fail(place, "move by %ju bytes in a region of %ju: use a smaller step",
				  (uintmax_t)p->move_bytes, (uintmax_t)region_bytes);
	return 0;
}

/* What can only be told when all fields are known. */
static int check(const struct workload_pattern *p, const struct workload_place *place, bool random,
		 uint32_t seen, uint64_t region_bytes)
{
	bool hot = seen & 1u << KEY_HOT;
	bool zipf = seen & 1u << KEY_ZIPF;

	if ((hot || zipf) && !random)
		return place_fail(place, "%s= with a sequential pattern: make the second field 1",
				  hot ? "hot" : "zipf");
	if (hot && zipf)
		return place_fail(place, "hot= and zipf= in one line: write two lines");
	if (seen & 1u << KEY_MODE && seen & 1u << KEY_RW)
		return place_fail(place, "ro, wo or rw beside rw=PERCENT: keep one");
	if (!zipf && seen & 1u << KEY_ORDER)
		return place_fail(place, "order= without zipf=: add zipf= or drop it");
	if (!hot && seen & (1u << KEY_SHARE | 1u << KEY_MOVE))
		return place_fail(place, "share= or move= without hot=: add hot=SIZE@OFFSET");
	if (!random && p->stride_bytes == 0)
		return place_fail(place, "sequential with stride 0 stays in one place: "
					 "give a stride, such as 64");
	if (zipf && !whole_pages(region_bytes))
		return place_fail(place,
				  "zipf over a region of %ju bytes: "
				  "make it a multiple of 4096",
				  (uintmax_t)region_bytes);
	return hot ? check_hot(p, place, region_bytes) : 0;
}

static int find_region(const struct workload_config *config, const char *name, uint32_t *region)
{
	for (size_t i = 0; i < config->nr_regions; i++) {
		if (strcmp(config->regions[i].name, name) == 0) {
			*region = (uint32_t)i;
			return 0;
		}
	}
	return -ENOENT;
}

int workload_pattern_parse(struct workload_pattern *pattern, const struct workload_config *config,
			   const struct workload_place *place, char *line, enum workload_mode mode)
{
	struct workload_pattern p = { .mode = mode, .hot_share_bp = DEFAULT_HOT_SHARE_BP };
	char *fields[WORKLOAD_MAX_FIELDS];
	size_t nr_fields = workload_split(line, fields, WORKLOAD_MAX_FIELDS);
	uint64_t random, weight;
	uint32_t seen = 0;

	if (nr_fields < 4)
		return place_fail(place,
				  "access line of %zu fields: "
				  "write region, random, stride, weight",
				  nr_fields);
	if (nr_fields > WORKLOAD_MAX_FIELDS)
		return place_fail(place, "access line of more than %u fields: drop some",
				  WORKLOAD_MAX_FIELDS);
	if (find_region(config, fields[0], &p.region))
		return place_fail(place, "unknown region '%.40s': name one of the first paragraph",
				  fields[0]);
	if (thermo_parse_u64(fields[1], 1, &random))
		return place_fail(place, "random '%.20s': write 1 for random, 0 for sequential",
				  fields[1]);
	if (thermo_parse_bytes(fields[2], WORKLOAD_MAX_TOTAL_BYTES, &p.stride_bytes))
		return place_fail(place, "stride '%.20s': write bytes, such as 64 or 4K",
				  fields[2]);
	if (thermo_parse_u64(fields[3], WORKLOAD_MAX_WEIGHT, &weight))
		return place_fail(place, "weight '%.20s': write a number from 0 to %u", fields[3],
				  WORKLOAD_MAX_WEIGHT);
	p.weight = (uint32_t)weight;
	p.kind = random ? WORKLOAD_UNIFORM : WORKLOAD_SEQUENTIAL;

	for (size_t i = 4; i < nr_fields; i++) {
		int err = parse_extra(&p, place, fields[i], &seen);

		if (err)
			return err;
	}
	*pattern = p;
	return check(&p, place, random != 0, seen, config->regions[p.region].bytes);
}
