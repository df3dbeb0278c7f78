// SPDX-License-Identifier: GPL-2.0-or-later
/* record_read.c - blocks in.  Nothing that a file says is believed before it was checked. */
#include "core/record_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "core/error.h"
#include "core/snapshot.h"

/* As much is read at a time: a length that lies costs no more memory than the file has bytes. */
#define READ_BYTES (1u << 20)
#define MAX_NODE 1023

struct record_reader {
	FILE *file;
	uint64_t offset; /* of the next block */
	uint64_t time_ns;
	bool broken;
	bool ended;
	ZSTD_DCtx *zstd;
	struct record_buffer block;
	struct record_buffer payload;
	struct record_machine machine;
	struct record_end end;
	bool has_pages;
	bool has_idle;
	struct record_pages pages;
	struct idle_ages idle;
};

/* Nothing more can be read: @why, with the place.  The first reason stays. */
static int broken(struct record_reader *r, const char *why)
{
	char text[200];

	if (r->broken)
		return -EBADMSG;
	(void)snprintf(text, sizeof(text), "%s", why);
	r->broken = true;
	return thermo_fail(-EBADMSG, "recording, block at byte %llu: %s",
			   (unsigned long long)r->offset, text);
}

/* --- blocks --- */

/* Append up to @bytes of the file to the block.  Return: how many, or -errno. */
static ssize_t read_some(struct record_reader *r, size_t bytes)
{
	size_t n;

	if (record_buffer_reserve(&r->block, bytes))
		return -ENOMEM;
	n = fread(r->block.data + r->block.len, 1, bytes, r->file);
	if (n < bytes && ferror(r->file))
		return thermo_fail(errno ? -errno : -EIO, "reading the recording: %s",
				   strerror(errno ? errno : EIO));
	r->block.len += n;
	return (ssize_t)n;
}

static int read_payload(struct record_reader *r, size_t bytes)
{
	while (bytes > 0) {
		size_t want = bytes < READ_BYTES ? bytes : READ_BYTES;
		ssize_t n = read_some(r, want);

		if (n < 0)
			return (int)n;
		if ((size_t)n < want)
			return broken(r, "the file ends inside of it: it was cut off, or its "
					 "writer killed");
		bytes -= want;
	}
	return 0;
}

static bool checksum_is_right(const struct record_buffer *b)
{
	XXH64_hash_t hash = XXH64(b->data, 16, 0);

	return record_get_number(b->data + 16, 8) ==
	       XXH64(b->data + RECORD_BLOCK_BYTES, b->len - RECORD_BLOCK_BYTES, hash);
}

/* Return: 1 with a whole block; 0 at the end of the file; -EBADMSG, -errno. */
static int read_block(struct record_reader *r)
{
	ssize_t n;
	int err;

	r->block.len = 0;
	n = read_some(r, RECORD_BLOCK_BYTES);
	if (n <= 0)
		return (int)n;
	if (n < (ssize_t)RECORD_BLOCK_BYTES)
		return broken(r, "the file ends inside of its header: it was cut off, or its "
				 "writer killed");
	if (record_get_number(r->block.data, 4) != RECORD_BLOCK_MAGIC)
		return broken(r, "no block begins here");
	size_t stored = record_get_number(r->block.data + 8, 4);

	if (record_get_number(r->block.data + 12, 4) > RECORD_MAX_RAW_BYTES ||
	    stored > ZSTD_COMPRESSBOUND(RECORD_MAX_RAW_BYTES))
		return broken(r, "its length cannot be");
	err = read_payload(r, stored);
	if (err)
		return err;
	return checksum_is_right(&r->block) ? 1 : broken(r, "its checksum is wrong");
}

static int decompress(struct record_reader *r)
{
	const unsigned char *from = r->block.data + RECORD_BLOCK_BYTES;
	size_t bytes = r->block.len - RECORD_BLOCK_BYTES;
	size_t raw = record_get_number(r->block.data + 12, 4);

	r->payload.len = 0;
	/* Before there is memory for it, what both say must be the same. */
	if (ZSTD_getFrameContentSize(from, bytes) != raw)
		return broken(r, "its length is not that of its content");
	if (record_buffer_reserve(&r->payload, raw + 1))
		return -ENOMEM;
	size_t n = ZSTD_decompressDCtx(r->zstd, r->payload.data, raw, from, bytes);

	if (ZSTD_isError(n) || n != raw)
		return broken(r, "it does not decompress");
	r->payload.len = raw;
	return 0;
}

/* --- content --- */

/* Rows of @table into @rows, of which there is room for table->max_rows.  Return: how many. */
static int get_rows(const struct record_reader *r, const struct record_table *t, void *rows)
{
	struct record_cursor cursor;
	int found = record_find_table(r->payload.data, r->payload.len, t, &cursor);

	if (found <= 0)
		return found;
	memset(rows, 0, cursor.nr_rows * t->row_bytes);
	int err = record_get_table(&cursor, t, rows);

	return err ? err : (int)cursor.nr_rows;
}

static bool node_is_sane(int node)
{
	return node >= RECORD_NODE_UNKNOWN && node <= MAX_NODE;
}

static bool machine_is_sane(const struct record_machine *m)
{
	for (uint32_t i = 0; i < m->nr_cpus; i++)
		if (!node_is_sane(m->cpus[i].node) ||
		    (i > 0 && m->cpus[i].cpu <= m->cpus[i - 1].cpu))
			return false;
	for (uint32_t i = 0; i < m->nr_nodes; i++)
		if (!node_is_sane(m->nodes[i].node) || m->nodes[i].tier < RECORD_TIER_UNKNOWN ||
		    m->nodes[i].tier >= THERMO_MAX_TIERS)
			return false;
	return true;
}

static int get_machine(struct record_reader *r)
{
	struct record_machine *m = &r->machine;
	struct record_cursor cursor;
	int nr = get_rows(r, &record_machine_table, m);

	if (nr == 0)
		return thermo_fail(-EBADMSG, "it says nothing of the machine");
	if (nr > 0)
		nr = record_find_table(r->payload.data, r->payload.len, &record_cpu_table, &cursor);
	if (nr < 0)
		return nr;
	m->cpus = calloc(cursor.nr_rows + 1u, sizeof(*m->cpus));
	if (!m->cpus)
		return thermo_fail(-ENOMEM, "record: no memory for %u CPUs", cursor.nr_rows);
	m->nr_cpus = cursor.nr_rows;
	nr = record_get_table(&cursor, &record_cpu_table, m->cpus);
	if (nr == 0)
		nr = get_rows(r, &record_node_table, m->nodes);
	if (nr < 0)
		return nr;
	m->nr_nodes = (uint32_t)nr;
	return machine_is_sane(m) ? 0 : thermo_fail(-EBADMSG, "its CPUs or nodes cannot be");
}

static bool region_is_sane(const struct thermo_snapshot *s, uint32_t i)
{
	const struct thermo_region *r = &s->regions[i], *last = i > 0 ? r - 1 : NULL;

	if (r->start >= r->end || r->target >= s->nr_targets)
		return false;
	for (int n = 0; n < THERMO_REGION_NODES; n++)
		if (!node_is_sane(r->nodes[n].node))
			return false;
	return !last || r->target > last->target ||
	       (r->target == last->target && r->start >= last->end);
}

static int check_snapshot(const struct record_reader *r, const struct thermo_snapshot *s)
{
	if (s->time_ns < r->time_ns)
		return thermo_fail(-EBADMSG, "it is older than the one before it");
	for (uint32_t i = 0; i < s->nr_targets; i++)
		if (s->targets[i].pid == 0 || s->targets[i].pid < THERMO_PID_PHYSICAL)
			return thermo_fail(-EBADMSG, "target %u has no process", i);
	for (uint32_t i = 0; i < s->nr_regions; i++)
		if (!region_is_sane(s, i))
			return thermo_fail(-EBADMSG,
					   "region %u is empty, out of order, or of no "
					   "target or node",
					   i);
	return 0;
}

struct snapshot_cursors {
	struct record_cursor head;
	struct record_cursor targets;
	struct record_cursor regions;
	struct record_cursor sources;
};

static int find_tables(const struct record_reader *r, struct snapshot_cursors *c)
{
	const unsigned char *payload = r->payload.data;
	size_t bytes = r->payload.len;
	int found = record_find_table(payload, bytes, &record_snapshot_table, &c->head);

	if (found >= 0 && c->head.nr_rows != 1)
		return thermo_fail(-EBADMSG, "it has no snapshot");
	if (found >= 0)
		found = record_find_table(payload, bytes, &record_target_table, &c->targets);
	if (found >= 0)
		found = record_find_table(payload, bytes, &record_region_table, &c->regions);
	if (found >= 0)
		found = record_find_table(payload, bytes, &record_source_table, &c->sources);
	return found < 0 ? found : 0;
}

static struct thermo_snapshot *make_snapshot(const struct snapshot_cursors *c)
{
	struct thermo_snapshot *s =
			snapshot_alloc(c->targets.nr_rows, c->regions.nr_rows, c->sources.nr_rows);

	if (!s)
		(void)thermo_fail(-ENOMEM, "record: no memory for %u regions", c->regions.nr_rows);
	return s;
}

static int fill_snapshot(const struct record_reader *r, const struct snapshot_cursors *c,
			 struct thermo_snapshot *s)
{
	int err = record_get_table(&c->head, &record_snapshot_table, s);

	if (!err)
		err = record_get_table(&c->targets, &record_target_table, (void *)s->targets);
	if (!err)
		err = record_get_table(&c->regions, &record_region_table, (void *)s->regions);
	if (!err)
		err = record_get_table(&c->sources, &record_source_table, (void *)s->sources);
	return err ? err : check_snapshot(r, s);
}

static int get_snapshot(struct record_reader *r, struct thermo_snapshot **snapshot)
{
	struct snapshot_cursors cursors;
	struct thermo_snapshot *s;
	int err = find_tables(r, &cursors);

	if (err)
		return err;
	s = make_snapshot(&cursors);
	if (!s)
		return -ENOMEM;
	err = fill_snapshot(r, &cursors, s);
	if (err) {
		thermo_snapshot_put(s);
		return err;
	}
	r->time_ns = s->time_ns;
	*snapshot = s;
	return 0;
}

static int get_pages(struct record_reader *r)
{
	struct record_pages *p = &r->pages;
	int nr = get_rows(r, &record_pages_table, p);

	if (nr == 0)
		return thermo_fail(-EBADMSG, "it has no pages");
	if (nr > 0)
		nr = get_rows(r, &record_page_group_table, p->types.groups);
	if (nr >= 0 && nr != NR_PAGE_GROUPS)
		return thermo_fail(-EBADMSG, "it has not all groups of pages");
	if (nr > 0)
		nr = get_rows(r, &record_page_cgroup_table, p->types.cgroups);
	if (nr < 0)
		return nr;
	p->types.nr_cgroups = (uint32_t)nr;
	p->types.has_cgroups = p->has_cgroups != 0;
	r->has_pages = true;
	return 0;
}

/* Sums of what is in a row must not overflow. */
static bool idle_row_is_sane(const struct idle_row *row)
{
	const uint64_t max_bytes = INT64_MAX / (2ll * IDLE_NR_BUCKETS);

	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		if (row->anon_bytes[b] > max_bytes || row->file_bytes[b] > max_bytes)
			return false;
	return row->node >= 0 && row->node <= MAX_NODE && row->looked_ms <= INT64_MAX / 1000000;
}

static int check_idle(const struct idle_ages *ages)
{
	for (uint32_t i = 0; i < ages->nr_nodes; i++)
		if (!idle_row_is_sane(&ages->nodes[i]))
			return thermo_fail(-EBADMSG, "idle ages of a node cannot be");
	for (uint32_t i = 0; i < ages->nr_rows; i++)
		if (!idle_row_is_sane(&ages->rows[i]))
			return thermo_fail(-EBADMSG, "idle ages of a cgroup cannot be");
	return 0;
}

static int get_idle(struct record_reader *r)
{
	struct idle_ages *ages = &r->idle;
	int nr = get_rows(r, &record_idle_table, ages);

	/* Until all of it is known to be sane. */
	r->has_idle = false;
	if (nr == 0)
		return thermo_fail(-EBADMSG, "it has no idle ages");
	if (nr > 0)
		nr = get_rows(r, &record_idle_node_table, ages->nodes);
	if (nr < 0)
		return nr;
	ages->nr_nodes = (uint32_t)nr;
	nr = get_rows(r, &record_idle_cgroup_table, ages->rows);
	if (nr < 0)
		return nr;
	ages->nr_rows = (uint32_t)nr;
	nr = check_idle(ages);
	r->has_idle = nr == 0;
	return nr;
}

static int get_end(struct record_reader *r)
{
	int nr = get_rows(r, &record_end_table, &r->end);

	if (nr < 0)
		return nr;
	if (nr == 0)
		return thermo_fail(-EBADMSG, "it has no end");
	r->ended = true;
	return 0;
}

/* A failure inside of a block gets the block's place. */
static int finish_block(struct record_reader *r, int err)
{
	if (err == -EBADMSG)
		return broken(r, thermo_last_error());
	if (!err)
		r->offset += r->block.len;
	return err;
}

/* --- the door --- */

static int read_prelude(struct record_reader *r)
{
	unsigned char prelude[RECORD_PRELUDE_BYTES];

	if (fread(prelude, 1, sizeof(prelude), r->file) != sizeof(prelude) ||
	    record_get_number(prelude, 8) != RECORD_MAGIC)
		return thermo_fail(-EBADMSG, "not a recording of thermocline record");
	if (record_get_number(prelude + 12, 4) != (uint32_t)XXH64(prelude, 12, 0))
		return thermo_fail(-EBADMSG, "recording, byte 0: its checksum is wrong");
	if (record_get_number(prelude + 8, 2) != RECORD_MAJOR)
		return thermo_fail(-EPROTONOSUPPORT,
				   "recording: format %u.%u; this Thermocline reads %u.x: use "
				   "the one that recorded it",
				   (unsigned int)record_get_number(prelude + 8, 2),
				   (unsigned int)record_get_number(prelude + 10, 2), RECORD_MAJOR);
	r->offset = sizeof(prelude);
	return 0;
}

static int read_machine(struct record_reader *r)
{
	int err = read_block(r);

	if (err == 0)
		return broken(r, "the file ends where the machine should be told");
	if (err > 0 && record_get_number(r->block.data + 4, 2) != RECORD_BLOCK_MACHINE)
		return broken(r, "it does not tell the machine");
	if (err > 0)
		err = decompress(r);
	if (!err)
		err = finish_block(r, get_machine(r));
	return err;
}

int record_reader_new(struct record_reader **reader, FILE *file)
{
	struct record_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r || !(r->zstd = ZSTD_createDCtx())) {
		free(r);
		return thermo_fail(-ENOMEM, "record: no memory for a reader");
	}
	r->file = file;
	err = read_prelude(r);
	if (!err)
		err = read_machine(r);
	if (err) {
		record_reader_free(r);
		return err;
	}
	*reader = r;
	return 0;
}

const struct record_machine *record_reader_machine(const struct record_reader *r)
{
	return &r->machine;
}

const struct record_end *record_reader_end(const struct record_reader *r)
{
	return r->ended ? &r->end : NULL;
}

const struct record_pages *record_reader_pages(const struct record_reader *r)
{
	return r->has_pages ? &r->pages : NULL;
}

const struct idle_ages *record_reader_idle(const struct record_reader *r)
{
	return r->has_idle ? &r->idle : NULL;
}

/* What a block of this type holds.  Others are of a newer version. */
static int get_block(struct record_reader *r, uint64_t type, struct thermo_snapshot **snapshot)
{
	bool known = type == RECORD_BLOCK_SNAPSHOT || type == RECORD_BLOCK_PAGES ||
		     type == RECORD_BLOCK_IDLE || type == RECORD_BLOCK_END;
	int err = known ? decompress(r) : 0;

	if (err)
		return err;
	if (type == RECORD_BLOCK_SNAPSHOT)
		return get_snapshot(r, snapshot);
	if (type == RECORD_BLOCK_PAGES)
		return get_pages(r);
	if (type == RECORD_BLOCK_IDLE)
		return get_idle(r);
	return type == RECORD_BLOCK_END ? get_end(r) : 0;
}

int record_reader_next(struct record_reader *r, struct thermo_snapshot **snapshot)
{
	if (r->broken)
		return thermo_fail(-EBADMSG, "recording: broken before byte %llu",
				   (unsigned long long)r->offset);
	for (;;) {
		int err = read_block(r);

		if (err <= 0)
			return err;
		if (r->ended)
			return broken(r, "there is something behind the end");
		uint64_t type = record_get_number(r->block.data + 4, 2);

		err = finish_block(r, get_block(r, type, snapshot));
		if (err || type == RECORD_BLOCK_SNAPSHOT)
			return err ? err : 1;
	}
}

void record_reader_free(struct record_reader *r)
{
	if (!r)
		return;
	(void)ZSTD_freeDCtx(r->zstd);
	free(r->block.data);
	free(r->payload.data);
	record_machine_fini(&r->machine);
	free(r);
}
