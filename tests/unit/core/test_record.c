/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_record.c - what was written comes back whole, or it is said that it does not. */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zstd.h>

#include "core/record_format.h"
#include "tests/unit/core/make_snapshot.h"
#include "tests/unit/fake_host.h"

static struct made_snapshot made[3];

/* Snapshots @from to below @to and, if @end, the end; the caller frees it. */
static unsigned char *record_some(uint64_t from, uint64_t to, uint32_t nr_regions, bool end,
				  size_t *bytes)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int fd = memfd_create("record", MFD_CLOEXEC);

	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	for (uint64_t i = from; i < to; i++) {
		make_snapshot(&made[i], i, nr_regions);
		assert_int_equal(record_write_snapshot(w, &made[i].s), 0);
	}
	if (end)
		assert_int_equal(record_write_end(w, 5000000000, 1700000000000000005, ENOSPC), 0);
	unsigned char *data = whole_file(fd, bytes);

	assert_int_equal(record_writer_bytes(w), *bytes);
	assert_int_equal(record_writer_snapshots(w), to - from);
	record_writer_free(w);
	(void)close(fd);
	return data;
}

static void assert_same_snapshot(const struct thermo_snapshot *is,
				 const struct thermo_snapshot *should)
{
	struct thermo_snapshot heads[2] = { *is, *should };

	assert_int_equal(is->nr_regions, should->nr_regions);
	assert_int_equal(is->nr_targets, should->nr_targets);
	assert_int_equal(is->nr_sources, should->nr_sources);
	assert_memory_equal(is->regions, should->regions, is->nr_regions * sizeof(*is->regions));
	assert_memory_equal(is->targets, should->targets, is->nr_targets * sizeof(*is->targets));
	assert_memory_equal(is->sources, should->sources, is->nr_sources * sizeof(*is->sources));
	for (int i = 0; i < 2; i++) {
		heads[i].regions = NULL;
		heads[i].targets = NULL;
		heads[i].sources = NULL;
	}
	assert_memory_equal(&heads[0], &heads[1], sizeof(heads[0]));
}

/* Read all; those that come must be made[first...].  Return: what the last call said. */
static int read_back(const void *data, size_t bytes, size_t first, size_t *nr, bool *ended)
{
	FILE *file = fmemopen((void *)data, bytes, "r");
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;
	int err;

	*nr = 0;
	*ended = false;
	assert_non_null(file);
	err = record_reader_new(&r, file);
	while (err >= 0 && (err = record_reader_next(r, &s)) > 0) {
		assert_true(first + *nr < 3);
		assert_same_snapshot(s, &made[first + *nr].s);
		thermo_snapshot_put(s);
		++*nr;
	}
	*ended = r && record_reader_end(r);
	record_reader_free(r);
	(void)fclose(file);
	return err;
}

static void every_field_comes_back(void **state)
{
	size_t bytes, nr;
	unsigned char *data = record_some(0, 3, 40, true, &bytes);
	bool ended;

	(void)state;
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 3);
	assert_true(ended);
	free(data);
}

/* Bytes of a structure that are in none of its columns. */
static size_t bytes_outside(const struct record_table *t)
{
	static const size_t sizes[] = { 0, 1, 2, 4, 4, 8, 4, 8 };
	unsigned char *seen = calloc(1, t->row_bytes);
	size_t nr = t->row_bytes;

	for (size_t c = 0; c < t->nr_columns; c++)
		for (size_t i = 0; i < t->columns[c].nr_items; i++)
			memset(seen + t->columns[c].offset + i * t->columns[c].stride, 1,
			       sizes[t->columns[c].type]);
	for (size_t i = 0; i < t->row_bytes; i++)
		nr -= seen[i];
	free(seen);
	return nr;
}

static void no_field_is_forgotten(void **state)
{
	const size_t node_padding =
			sizeof(struct thermo_node_bytes) - sizeof(int16_t) - sizeof(uint64_t);

	(void)state;
	/* Padding behind target and latency_p99_ns, and in each node. */
	assert_int_equal(bytes_outside(&record_region_table),
			 4 + 4 + THERMO_REGION_NODES * node_padding);
	assert_int_equal(bytes_outside(&record_target_table), 0);
	/* Behind source. */
	assert_int_equal(bytes_outside(&record_source_table), 4);
	assert_int_equal(bytes_outside(&record_snapshot_table),
			 3 * sizeof(uint32_t) + 4 + 3 * sizeof(void *));
	assert_int_equal(bytes_outside(&record_cpu_table), 0);
	/* Behind node. */
	assert_int_equal(bytes_outside(&record_idle_cgroup_table), 4);
	assert_int_equal(bytes_outside(&record_node_table), 0);
}

static void numbers_of_columns_are_unique(void **state)
{
	static const struct record_table *const tables[] = {
		&record_machine_table,   &record_cpu_table,         &record_node_table,
		&record_snapshot_table,  &record_target_table,      &record_region_table,
		&record_pages_table,     &record_page_group_table,  &record_page_cgroup_table,
		&record_source_table,    &record_end_table,         &record_idle_table,
		&record_idle_node_table, &record_idle_cgroup_table,
	};

	(void)state;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (size_t i = 0; i < tables[t]->nr_columns; i++)
			for (size_t j = 0; j < i; j++)
				assert_int_not_equal(tables[t]->columns[i].id,
						     tables[t]->columns[j].id);
}

static void machine_comes_back(void **state)
{
	struct record_machine should = made_machine();
	size_t bytes;
	unsigned char *data = record_some(0, 0, 0, true, &bytes);
	FILE *file = fmemopen(data, bytes, "r");
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;

	(void)state;
	assert_int_equal(record_reader_new(&r, file), 0);
	struct record_machine is = *record_reader_machine(r);

	assert_memory_equal(is.cpus, should.cpus, 3 * sizeof(*is.cpus));
	is.cpus = should.cpus;
	assert_memory_equal(&is, &should, sizeof(is));
	assert_int_equal(record_machine_node_of_cpu(&should, 2), 1);
	assert_int_equal(record_machine_node_of_cpu(&should, 3), RECORD_NODE_UNKNOWN);
	assert_null(record_reader_end(r));
	assert_int_equal(record_reader_next(r, &s), 0);
	assert_int_equal(record_reader_end(r)->error, ENOSPC);
	assert_int_equal(record_reader_end(r)->time_ns, 5000000000);
	assert_int_equal(record_reader_end(r)->realtime_ns, 1700000000000000005);
	assert_int_equal(record_reader_end(r)->nr_snapshots, 0);
	record_reader_free(r);
	(void)fclose(file);
	free(data);
}

static void make_pages(struct record_pages *p)
{
	memset(p, 0, sizeof(*p));
	p->time_ns = 77;
	p->hot_rate = 2.5;
	p->has_cgroups = p->types.has_cgroups = 1;
	p->types.nr_cgroups = 2;
	for (int g = 0; g < NR_PAGE_GROUPS; g++) {
		p->types.groups[g].bytes = 4096ull << g;
		p->types.groups[g].nr_pages = 10 + (uint32_t)g;
		p->types.groups[g].nr_vanished = 1 + (uint32_t)g;
		for (int c = 0; c < NR_PAGE_CLASSES; c++)
			p->types.groups[g].classes[c] =
					(struct page_share){ 0.01f * (float)(c + 1), 0.125f };
		for (int c = 0; c < 2; c++)
			p->types.cgroups[c].groups[g] = (struct page_share){ 0.25f, 0.5f };
		p->types.other_cgroups[g] = (struct page_share){ 0.75f, 0.0625f };
	}
	p->types.cgroups[0].inode = 4711;
	memset(p->types.cgroups[0].path, 'p', sizeof(p->types.cgroups[0].path) - 1);
}

static void page_types_come_back(void **state)
{
	static struct record_pages should;
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;
	int fd = memfd_create("record", MFD_CLOEXEC);
	size_t bytes;

	(void)state;
	make_pages(&should);
	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	assert_int_equal(record_write_pages(w, &should), 0);
	unsigned char *data = whole_file(fd, &bytes);
	FILE *file = fmemopen(data, bytes, "r");

	assert_int_equal(record_reader_new(&r, file), 0);
	assert_null(record_reader_pages(r));
	assert_int_equal(record_reader_next(r, &s), 0);
	assert_memory_equal(record_reader_pages(r), &should, sizeof(should));
	record_reader_free(r);
	record_writer_free(w);
	(void)fclose(file);
	(void)close(fd);
	free(data);
}

/* Of a text of the kernel.  Return: what reading back said; @is: what came back, if anything. */
static int record_idle(const struct idle_ages *should, struct idle_ages *is)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;
	int fd = memfd_create("record", MFD_CLOEXEC), err;
	size_t bytes;

	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	assert_int_equal(record_write_idle(w, should), 0);
	unsigned char *data = whole_file(fd, &bytes);
	FILE *file = fmemopen(data, bytes, "r");

	assert_int_equal(record_reader_new(&r, file), 0);
	assert_null(record_reader_idle(r));
	err = record_reader_next(r, &s);
	assert_int_equal(record_reader_idle(r) != NULL, err == 0);
	if (record_reader_idle(r))
		*is = *record_reader_idle(r);
	record_reader_free(r);
	record_writer_free(w);
	(void)fclose(file);
	(void)close(fd);
	free(data);
	return err;
}

static void make_idle(struct idle_ages *ages)
{
	static const char text[] = "memcg 1 /\n node 0\n 1 9000 100 7 \n 2 1000 3 0 \n"
				   "memcg 77 /a/b\n node 1\n 5 9000000 300 7 \n 6 5000 8 9 \n";

	memset(ages, 0, sizeof(*ages));
	idle_ages_parse(ages, text, sizeof(text) - 1);
	ages->time_ns = 4711;
	ages->read_ns = 12;
	ages->nr_bad = 3;
	ages->nr_left_out = 4;
	assert_int_equal(ages->nr_rows, 2);
}

static void idle_ages_come_back(void **state)
{
	static struct idle_ages should, is;

	(void)state;
	make_idle(&should);
	assert_int_equal(record_idle(&should, &is), 0);
	assert_memory_equal(&is, &should, sizeof(is));
}

static void idle_ages_that_cannot_be_are_refused(void **state)
{
	static struct idle_ages ages, is;

	(void)state;
	make_idle(&ages);
	ages.rows[1].anon_bytes[IDLE_NEW] = UINT64_MAX;
	assert_int_equal(record_idle(&ages, &is), -EBADMSG);
	assert_reason("idle ages of a cgroup cannot be");
	make_idle(&ages);
	ages.nodes[0].node = -1;
	assert_int_equal(record_idle(&ages, &is), -EBADMSG);
	assert_reason("idle ages of a node cannot be");
	make_idle(&ages);
	ages.nodes[1].looked_ms = UINT64_MAX;
	assert_int_equal(record_idle(&ages, &is), -EBADMSG);
}

static void snapshot_of_nothing_comes_back(void **state)
{
	size_t bytes, nr;
	bool ended;
	struct record_machine machine = { 0 };
	struct record_writer *w = NULL;
	int fd = memfd_create("record", MFD_CLOEXEC);

	(void)state;
	memset(&made[0], 0, sizeof(made[0]));
	made[0].s = (struct thermo_snapshot){ .targets = made[0].targets,
					      .regions = made[0].regions,
					      .sources = made[0].sources };
	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	assert_int_equal(record_write_snapshot(w, &made[0].s), 0);
	unsigned char *data = whole_file(fd, &bytes);

	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 1);
	assert_false(ended);
	record_writer_free(w);
	(void)close(fd);
	free(data);
}

static void texts_and_lists_as_long_as_they_can_be_come_back(void **state)
{
	size_t bytes, nr;
	bool ended;
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int fd = memfd_create("record", MFD_CLOEXEC);

	(void)state;
	make_snapshot(&made[0], 0, 3);
	memset(made[0].targets[0].name, 'n', sizeof(made[0].targets[0].name) - 1);
	memset(made[0].targets[0].cgroup, 'c', sizeof(made[0].targets[0].cgroup) - 1);
	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	assert_int_equal(record_write_snapshot(w, &made[0].s), 0);
	unsigned char *data = whole_file(fd, &bytes);

	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 1);
	record_writer_free(w);
	(void)close(fd);
	free(data);
}

static void cut_anywhere_all_whole_blocks_come_back(void **state)
{
	size_t bytes, nr, ends[4] = { 0 };
	bool ended;
	unsigned char *data;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		data = record_some(0, i < 3 ? i : 2, 2, i == 3, &ends[i]);
		free(data);
	}
	data = record_some(0, 2, 2, true, &bytes);
	for (size_t cut = 0; cut <= bytes; cut++) {
		int err = read_back(data, cut, 0, &nr, &ended);
		size_t whole = cut >= ends[2] ? 2 : cut >= ends[1] ? 1 : 0;
		bool at_edge = cut == ends[0] || cut == ends[1] || cut == ends[2] || cut == ends[3];

		assert_int_equal(nr, whole);
		assert_int_equal(err, at_edge ? 0 : -EBADMSG);
		assert_int_equal(ended, cut == bytes);
	}
	free(data);
}

static void every_flipped_bit_is_detected(void **state)
{
	size_t bytes, nr;
	unsigned char *data = record_some(0, 1, 2, true, &bytes);
	bool ended;

	(void)state;
	for (size_t bit = 0; bit < 8 * bytes; bit++) {
		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
		int err = read_back(data, bytes, 0, &nr, &ended);

		if (err != -EBADMSG && err != -EPROTONOSUPPORT)
			fail_msg("bit %zu: %d", bit, err);
		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	free(data);
}

static void reason_names_the_place(void **state)
{
	size_t first, bytes, nr;
	unsigned char *data = record_some(0, 1, 2, false, &first);
	bool ended;
	char place[32];

	(void)state;
	free(data);
	data = record_some(0, 2, 2, false, &bytes);
	data[bytes - 1] ^= 1;
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), -EBADMSG);
	(void)snprintf(place, sizeof(place), "at byte %zu", first);
	assert_reason(place);
	assert_reason("checksum");
	free(data);
}

static void what_is_no_recording_is_told(void **state)
{
	static const char text[] = "{\"error\": \"unknown request\"}\n";
	size_t nr;
	bool ended;

	(void)state;
	assert_int_equal(read_back(text, sizeof(text), 0, &nr, &ended), -EBADMSG);
	assert_reason("not a recording");
}

/* --- other versions --- */

#define NEW_PRELUDE_CHECKSUM(data) record_put_number((data) + 12, XXH64((data), 12, 0), 4)
#include <xxhash.h>

static void newer_major_version_is_refused(void **state)
{
	size_t bytes, nr;
	unsigned char *data = record_some(0, 1, 2, true, &bytes);
	bool ended;

	(void)state;
	record_put_number(data + 8, RECORD_MAJOR + 1, 2);
	NEW_PRELUDE_CHECKSUM(data);
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), -EPROTONOSUPPORT);
	assert_reason("format 2.0");
	free(data);
}

static void newer_minor_version_is_read(void **state)
{
	size_t bytes, nr;
	unsigned char *data = record_some(0, 2, 2, true, &bytes);
	bool ended;

	(void)state;
	record_put_number(data + 10, RECORD_MINOR + 7, 2);
	NEW_PRELUDE_CHECKSUM(data);
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 2);
	free(data);
}

/* A block of @type with @payload behind the first @start bytes of a recording. */
static unsigned char *with_block(const unsigned char *start, size_t start_bytes, uint16_t type,
				 const struct record_buffer *payload, size_t *bytes)
{
	struct record_buffer out = { 0 };
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	assert_int_equal(record_buffer_reserve(&out, start_bytes), 0);
	memcpy(out.data, start, start_bytes);
	out.len = start_bytes;
	assert_int_equal(record_put_block(&out, type, payload, zstd), 0);
	(void)ZSTD_freeCCtx(zstd);
	*bytes = out.len;
	return out.data;
}

static void unknown_block_is_skipped(void **state)
{
	size_t one, two, bytes, nr;
	unsigned char *before = record_some(0, 1, 2, false, &one);
	unsigned char *all = record_some(0, 2, 2, true, &two);
	struct record_buffer odd = { (unsigned char *)"anything", 8, 8 };
	unsigned char *data = with_block(before, one, 999, &odd, &bytes);
	bool ended;

	(void)state;
	data = realloc(data, bytes + two - one);
	memcpy(data + bytes, all + one, two - one);
	assert_int_equal(read_back(data, bytes + two - one, 0, &nr, &ended), 0);
	assert_int_equal(nr, 2);
	assert_true(ended);
	free(before);
	free(all);
	free(data);
}

static void something_behind_the_end_is_told(void **state)
{
	size_t one, bytes, nr;
	unsigned char *before = record_some(0, 1, 2, true, &one);
	struct record_buffer odd = { (unsigned char *)"anything", 8, 8 };
	unsigned char *data = with_block(before, one, 999, &odd, &bytes);
	bool ended;

	(void)state;
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), -EBADMSG);
	assert_int_equal(nr, 1);
	assert_reason("behind the end");
	free(before);
	free(data);
}

/* As one of a newer version writes it: more columns, longer lists, more tables. */
static void put_newer_snapshot(struct record_buffer *payload, const struct thermo_snapshot *s)
{
	struct record_column columns[64];
	struct record_table newer = record_region_table, odd = record_source_table;
	const struct record_column added = {
		.id = 4711, .type = RECORD_U64, .nr_items = 3, .stride = 8, .offset = 0
	};

	columns[0] = added;
	memcpy(columns + 1, newer.columns, newer.nr_columns * sizeof(columns[0]));
	newer.columns = columns;
	newer.nr_columns++;
	odd.id = 4712;
	assert_int_equal(record_put_table(payload, &odd, s->sources, s->nr_sources), 0);
	assert_int_equal(record_put_table(payload, &record_snapshot_table, s, 1), 0);
	assert_int_equal(record_put_table(payload, &record_target_table, s->targets, s->nr_targets),
			 0);
	assert_int_equal(record_put_table(payload, &newer, s->regions, s->nr_regions), 0);
	assert_int_equal(record_put_table(payload, &record_source_table, s->sources, s->nr_sources),
			 0);
}

static void unknown_tables_and_columns_are_skipped(void **state)
{
	size_t start, bytes, nr;
	unsigned char *before = record_some(0, 0, 0, false, &start);
	struct record_buffer payload = { 0 };
	bool ended;

	(void)state;
	make_snapshot(&made[0], 0, 5);
	put_newer_snapshot(&payload, &made[0].s);
	unsigned char *data = with_block(before, start, RECORD_BLOCK_SNAPSHOT, &payload, &bytes);

	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 1);
	free(before);
	free(payload.data);
	free(data);
}

static void longer_lists_and_texts_of_a_newer_version_are_cut(void **state)
{
	static const struct record_column ours[] = {
		{ .id = 1, .type = RECORD_TEXT, .nr_items = 4, .stride = 1 },
		{ .id = 2, .type = RECORD_U32, .nr_items = 2, .stride = 4, .offset = 4 },
	};
	static const struct record_column theirs[] = {
		{ .id = 1, .type = RECORD_TEXT, .nr_items = 8, .stride = 1 },
		{ .id = 2, .type = RECORD_U32, .nr_items = 3, .stride = 4, .offset = 8 },
	};
	const struct record_table our_table = { 1, "t", ours, 2, 12, 10, 0 };
	const struct record_table their_table = { 1, "t", theirs, 2, 20, 10, 0 };
	struct {
		char text[8];
		uint32_t list[3];
	} in[2] = { { "abcdefg", { 1, 2, 3 } }, { "x", { 4, 5, 6 } } };
	struct {
		char text[4];
		uint32_t list[2];
	} out[2] = { 0 };
	struct record_buffer payload = { 0 };
	struct record_cursor cursor;

	(void)state;
	assert_int_equal(record_put_table(&payload, &their_table, in, 2), 0);
	assert_int_equal(record_find_table(payload.data, payload.len, &our_table, &cursor), 1);
	assert_int_equal(record_get_table(&cursor, &our_table, out), 0);
	assert_string_equal(out[0].text, "abc");
	assert_string_equal(out[1].text, "x");
	assert_int_equal(out[0].list[1], 2);
	assert_int_equal(out[1].list[0], 4);
	free(payload.data);
}

/* --- what cannot be --- */

/* Record made[0] as it is now.  Return: what reading it says. */
static int reread(void)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	struct record_reader *r = NULL;
	struct thermo_snapshot *s = NULL;
	int fd = memfd_create("record", MFD_CLOEXEC);
	size_t bytes;

	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	assert_int_equal(record_write_snapshot(w, &made[0].s), 0);
	unsigned char *data = whole_file(fd, &bytes);
	FILE *file = fmemopen(data, bytes, "r");

	assert_int_equal(record_reader_new(&r, file), 0);
	int err = record_reader_next(r, &s);

	thermo_snapshot_put(s);
	record_reader_free(r);
	record_writer_free(w);
	(void)fclose(file);
	(void)close(fd);
	free(data);
	return err;
}

#define assert_refused(change)                                                                     \
	do {                                                                                       \
		make_snapshot(&made[0], 0, 6);                                                     \
		assert_int_equal(reread(), 1);                                                     \
		change;                                                                            \
		assert_int_equal(reread(), -EBADMSG);                                              \
		assert_reason("at byte");                                                          \
	} while (0)

static void numbers_that_cannot_be_are_refused(void **state)
{
	struct thermo_region *r = &made[0].regions[1];

	(void)state;
	assert_refused(r->accesses_per_s = (double)NAN);
	assert_refused(r->accesses_per_s = (double)INFINITY);
	assert_refused(r->accesses_per_s_error = -1);
	assert_refused(r->read_share = 1.5f);
	assert_refused(r->cpus[7].share = -0.5f);
	assert_refused(r->tids[2].error = (float)NAN);
	assert_refused(r->levels[3] = 2);
	assert_refused(r->latency_p99_ns = (float)-INFINITY);
	assert_refused(r->exposure_s = (float)NAN);
	assert_refused(made[0].s.accesses_per_s = (double)NAN);
	assert_refused(made[0].sources[1].period = -3);
}

static void regions_that_cannot_be_are_refused(void **state)
{
	struct thermo_region *r = made[0].regions;

	(void)state;
	assert_refused(r[1].end = r[1].start);
	assert_refused(r[1].end = r[1].start - 1);
	assert_refused(r[5].target = MADE_TARGETS);
	assert_refused(r[0].target = 1);
	assert_refused(r[1].start = r[0].end - 1);
	assert_refused(r[2].nodes[3].node = -2);
	assert_refused(r[2].nodes[0].node = 1024);
}

static void targets_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_refused(made[0].targets[2].pid = 0);
	assert_refused(made[0].targets[2].pid = -2);
	make_snapshot(&made[0], 0, 6);
	made[0].targets[2].pid = THERMO_PID_PHYSICAL;
	assert_int_equal(reread(), 1);
}

static void time_that_runs_back_is_refused(void **state)
{
	size_t one, two, nr;
	unsigned char *late = record_some(1, 2, 2, false, &one);
	unsigned char *head = record_some(0, 0, 2, false, &two);
	unsigned char *both = record_some(0, 1, 2, false, &nr);
	bool ended;

	(void)state;
	/* Snapshot 1, then snapshot 0. */
	late = realloc(late, one + nr - two);
	memcpy(late + one, both + two, nr - two);
	assert_int_equal(read_back(late, one + nr - two, 1, &nr, &ended), -EBADMSG);
	assert_int_equal(nr, 1);
	assert_reason("older");
	free(late);
	free(head);
	free(both);
}

/* A snapshot block of any payload.  Return: what reading it says. */
static int read_payload(const struct record_buffer *payload)
{
	size_t start, bytes, nr;
	unsigned char *before = record_some(0, 0, 0, false, &start);
	unsigned char *data = with_block(before, start, RECORD_BLOCK_SNAPSHOT, payload, &bytes);
	bool ended;
	int err = read_back(data, bytes, 0, &nr, &ended);

	free(before);
	free(data);
	return err;
}

/* The payload ends here, or a table does: what is left is whole. */
static bool is_table_edge(const struct record_buffer *payload, size_t at)
{
	size_t edge = 0;

	while (edge < at)
		edge += RECORD_TABLE_BYTES + record_get_number(payload->data + edge + 8, 8);
	return edge == at;
}

static void payload_cut_anywhere_is_refused(void **state)
{
	struct record_buffer payload = { 0 };

	(void)state;
	make_snapshot(&made[0], 0, 4);
	put_newer_snapshot(&payload, &made[0].s);
	assert_int_equal(read_payload(&payload), 0);
	for (size_t cut = 0; cut < payload.len; cut++) {
		struct record_buffer part = { payload.data, cut, cut };

		if (!is_table_edge(&payload, cut))
			assert_int_equal(read_payload(&part), -EBADMSG);
	}
	free(payload.data);
}

/* The @nr bytes at @at of the payload of made[0], all ones. */
static void assert_lie_refused(struct record_buffer *payload, size_t at, size_t nr)
{
	unsigned char was[8];

	memcpy(was, payload->data + at, nr);
	memset(payload->data + at, 0xff, nr);
	assert_int_equal(read_payload(payload), -EBADMSG);
	memcpy(payload->data + at, was, nr);
}

static void counts_and_lengths_that_lie_are_refused(void **state)
{
	struct record_buffer payload = { 0 };
	const size_t column = RECORD_TABLE_BYTES;

	(void)state;
	make_snapshot(&made[0], 0, 0);
	made[0].s.nr_targets = made[0].s.nr_sources = 0;
	assert_int_equal(record_put_table(&payload, &record_snapshot_table, &made[0].s, 1), 0);
	assert_int_equal(read_payload(&payload), 0);
	assert_lie_refused(&payload, 2, 2);          /* columns */
	assert_lie_refused(&payload, 4, 4);          /* rows */
	assert_lie_refused(&payload, 8, 8);          /* bytes of the table */
	assert_lie_refused(&payload, column + 2, 2); /* type */
	assert_lie_refused(&payload, column + 4, 4); /* items */
	assert_lie_refused(&payload, column + 8, 8); /* bytes of the column */
	free(payload.data);
}

static void rows_without_bytes_cost_no_memory(void **state)
{
	struct record_buffer payload = { 0 };

	(void)state;
	make_snapshot(&made[0], 0, 1);
	assert_int_equal(record_put_table(&payload, &record_snapshot_table, &made[0].s, 1), 0);
	assert_int_equal(record_put_table(&payload, &record_region_table, NULL, 0), 0);
	record_put_number(payload.data + payload.len - RECORD_TABLE_BYTES + 4, RECORD_MAX_REGIONS,
			  4);
	assert_int_equal(read_payload(&payload), -EBADMSG);
	assert_reason("rows cannot be");
	free(payload.data);
}

static void length_beyond_the_limit_is_refused_before_memory_is_taken(void **state)
{
	size_t bytes, nr;
	unsigned char *data = record_some(0, 1, 2, true, &bytes);
	bool ended;

	(void)state;
	record_put_number(data + RECORD_PRELUDE_BYTES + 12, RECORD_MAX_RAW_BYTES + 1, 4);
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), -EBADMSG);
	assert_reason("length cannot be");
	record_put_number(data + RECORD_PRELUDE_BYTES + 12, 100, 4);
	record_put_number(data + RECORD_PRELUDE_BYTES + 8, 0xffffffff, 4);
	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), -EBADMSG);
	assert_reason("length cannot be");
	free(data);
}

/* --- writing that fails --- */

/* Snapshots until it is killed.  One byte in @ready once there are some. */
static _Noreturn void write_for_ever(int fd, int ready)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int err = record_writer_new(&w, fd, &machine);

	make_snapshot(&made[0], 0, 1000);
	for (int i = 0; !err; i++) {
		err = record_write_snapshot(w, &made[0].s);
		if (i == 3)
			(void)!write(ready, "", 1);
	}
	_exit(1);
}

/* Where the writer is when the signal comes is up to chance; the promise is for anywhere. */
static void killed_writer_leaves_whole_blocks(void **state)
{
	int fd = memfd_create("record", MFD_CLOEXEC), ready[2], status;
	size_t bytes, nr = 0;
	struct record_reader *r = NULL;
	struct thermo_snapshot *s;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0)
		write_for_ever(fd, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	unsigned char *data = whole_file(fd, &bytes);
	FILE *file = fmemopen(data, bytes, "r");
	int err = record_reader_new(&r, file);

	assert_int_equal(err, 0);
	make_snapshot(&made[0], 0, 1000);
	while ((err = record_reader_next(r, &s)) > 0) {
		assert_same_snapshot(s, &made[0].s);
		thermo_snapshot_put(s);
		nr++;
	}
	assert_true(nr >= 4);
	assert_true(err == 0 || err == -EBADMSG);
	record_reader_free(r);
	(void)fclose(file);
	(void)close(fd);
	(void)close(ready[0]);
	free(data);
}

static void full_device_is_told(void **state)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(record_writer_new(&w, fd, &machine), -ENOSPC);
	assert_null(w);
	assert_reason("No space left");
	(void)close(fd);
}

static void what_does_not_fit_is_taken_back(void **state)
{
	struct record_machine machine = made_machine();
	struct rlimit old, limit;
	struct record_writer *w = NULL;
	struct fake_host fake;
	size_t bytes, nr;
	bool ended;

	(void)state;
	fake_host_init(&fake);
	int fd = openat(fake.host.root_fd, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	make_snapshot(&made[0], 0, 20);
	make_snapshot(&made[1], 1, 20);
	assert_int_equal(record_write_snapshot(w, &made[0].s), 0);
	limit = (struct rlimit){ record_writer_bytes(w) + 100, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(record_write_snapshot(w, &made[1].s), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(record_writer_snapshots(w), 1);
	/* And it goes on from there. */
	assert_int_equal(record_write_snapshot(w, &made[1].s), 0);
	assert_int_equal(record_write_end(w, 1, 1, 0), 0);
	unsigned char *data = whole_file(fd, &bytes);

	assert_int_equal(read_back(data, bytes, 0, &nr, &ended), 0);
	assert_int_equal(nr, 2);
	assert_true(ended);
	record_writer_free(w);
	(void)close(fd);
	free(data);
	fake_host_fini(&fake);
}

static void torn_pipe_gets_no_more_blocks(void **state)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int fds[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(record_writer_new(&w, fds[1], &machine), 0);
	(void)close(fds[0]);
	make_snapshot(&made[0], 0, 2);
	assert_int_equal(record_write_snapshot(w, &made[0].s), -EPIPE);
	assert_int_equal(record_write_end(w, 1, 1, 0), -EPIPE);
	assert_reason("earlier block");
	record_writer_free(w);
	(void)close(fds[1]);
}

/* --- the machine --- */

static void machine_is_read_from_proc_and_sys(void **state)
{
	struct record_machine m;
	struct fake_host fake;
	struct thermo_topology t = { .nr_nodes = 2,
				     .nodes = { { .id = 0, .tier = 0, .total_bytes = 5 },
						{ .id = 1, .tier = 1, .read_latency_ns = 250 } } };

	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, "proc/sys/kernel/osrelease", "6.12.9\n");
	fake_write(&fake, "sys/devices/system/node/online", "0-1,3\n");
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "0-1,8\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "\n");
	fake_write(&fake, "sys/devices/system/node/node3/cpulist", "2-4\n");
	assert_int_equal(record_machine_read(&m, &fake.host, &t, "--pid 1"), 0);
	assert_string_equal(m.kernel, "6.12.9");
	assert_string_equal(m.hostname, "");
	assert_string_equal(m.what, "--pid 1");
	assert_int_equal(m.nr_cpus, 6);
	assert_int_equal(record_machine_node_of_cpu(&m, 8), 0);
	assert_int_equal(record_machine_node_of_cpu(&m, 3), 3);
	assert_int_equal(record_machine_node_of_cpu(&m, 5), RECORD_NODE_UNKNOWN);
	assert_int_equal(m.nr_nodes, 2);
	assert_int_equal(m.nodes[1].tier, 1);
	assert_int_equal(m.nodes[1].read_latency_ns, 250);
	record_machine_fini(&m);
	record_machine_fini(&m);
	fake_host_fini(&fake);
}

static void machine_that_shows_nothing_is_no_failure(void **state)
{
	struct record_machine m;
	struct fake_host fake;

	(void)state;
	fake_host_init(&fake);
	assert_int_equal(record_machine_read(&m, &fake.host, NULL, ""), 0);
	assert_int_equal(m.nr_cpus, 0);
	assert_int_equal(record_machine_node_of_cpu(&m, 0), RECORD_NODE_UNKNOWN);
	record_machine_fini(&m);
	fake_host_fini(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(no_field_is_forgotten),
		cmocka_unit_test(numbers_of_columns_are_unique),
		cmocka_unit_test(machine_comes_back),
		cmocka_unit_test(page_types_come_back),
		cmocka_unit_test(idle_ages_come_back),
		cmocka_unit_test(idle_ages_that_cannot_be_are_refused),
		cmocka_unit_test(snapshot_of_nothing_comes_back),
		cmocka_unit_test(texts_and_lists_as_long_as_they_can_be_come_back),
		cmocka_unit_test(cut_anywhere_all_whole_blocks_come_back),
		cmocka_unit_test(every_flipped_bit_is_detected),
		cmocka_unit_test(reason_names_the_place),
		cmocka_unit_test(what_is_no_recording_is_told),
		cmocka_unit_test(newer_major_version_is_refused),
		cmocka_unit_test(newer_minor_version_is_read),
		cmocka_unit_test(unknown_block_is_skipped),
		cmocka_unit_test(something_behind_the_end_is_told),
		cmocka_unit_test(unknown_tables_and_columns_are_skipped),
		cmocka_unit_test(longer_lists_and_texts_of_a_newer_version_are_cut),
		cmocka_unit_test(numbers_that_cannot_be_are_refused),
		cmocka_unit_test(regions_that_cannot_be_are_refused),
		cmocka_unit_test(targets_that_cannot_be_are_refused),
		cmocka_unit_test(time_that_runs_back_is_refused),
		cmocka_unit_test(payload_cut_anywhere_is_refused),
		cmocka_unit_test(counts_and_lengths_that_lie_are_refused),
		cmocka_unit_test(rows_without_bytes_cost_no_memory),
		cmocka_unit_test(length_beyond_the_limit_is_refused_before_memory_is_taken),
		cmocka_unit_test(killed_writer_leaves_whole_blocks),
		cmocka_unit_test(full_device_is_told),
		cmocka_unit_test(what_does_not_fit_is_taken_back),
		cmocka_unit_test(torn_pipe_gets_no_more_blocks),
		cmocka_unit_test(machine_is_read_from_proc_and_sys),
		cmocka_unit_test(machine_that_shows_nothing_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
