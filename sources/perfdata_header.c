// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_header.c - the same in two forms: sections of a file, records of a pipe.
 *
 * A file: magic, size, size of an attr section, sections of attrs, data and event types,
 * bits of features; an attr section is a perf_event_attr, then where its ids are; the
 * places of the features follow the data.  A pipe: magic, size.
 */
#include "sources/perfdata_header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

#define MAGIC 0x32454c4946524550ull /* "PERFILE2" */
#define MAGIC_OF_2009 "PERFFILE"
#define PIPE_HEADER_BYTES 16u
#define FILE_HEADER_BYTES 104u
#define OLD_HEADER_BYTES 72u /* without features */
#define MAX_ATTR_BYTES 4096u
#define MAX_FEATURE_BYTES (64u << 20)

struct section {
	uint64_t offset;
	uint64_t bytes;
};

bool perfdata_recognises(const void *first, size_t bytes)
{
	uint64_t magic;

	if (bytes < sizeof(magic))
		return false;
	memcpy(&magic, first, sizeof(magic));
	return magic == MAGIC || magic == __builtin_bswap64(MAGIC) ||
	       memcmp(first, MAGIC_OF_2009, 8) == 0;
}

static struct section take_section(struct perf_cursor *c)
{
	struct section s = { .offset = perf_take_u64(c) };

	s.bytes = perf_take_u64(c);
	return s;
}

static int no_room(int err)
{
	if (err == -ENOMEM)
		return thermo_fail(err, "perf.data: no memory");
	return thermo_fail(err, "perf.data: more than %d events or %u ids", PERFDATA_MAX_EVENTS,
			   PERFDATA_MAX_IDS);
}

/* --- sections of a file --- */

static int read_ids(const struct perfdata_header *h, struct perfdata_input *in,
		    const struct section *ids, uint32_t event)
{
	int err = perfdata_input_seek(in, ids->offset);

	for (uint64_t i = 0; i < ids->bytes / 8 && !err; i++) {
		uint64_t id;

		err = perfdata_input_read(in, &id, sizeof(id));
		if (err == -ENODATA)
			return perfdata_input_bad(in->offset,
						  "the file ends inside of an event's ids");
		if (err)
			return err;
		err = perfdata_events_add_id(h->events, in->swap ? __builtin_bswap64(id) : id,
					     event);
		if (err)
			return no_room(err);
	}
	return err;
}

static int read_attr(const struct perfdata_header *h, struct perfdata_input *in, uint64_t offset,
		     size_t bytes)
{
	unsigned char attr[MAX_ATTR_BYTES];
	struct section ids;
	int err = perfdata_input_seek(in, offset);

	if (!err)
		err = perfdata_input_read(in, attr, bytes);
	if (err == -ENODATA)
		return perfdata_input_bad(offset, "the file ends inside of an event");
	if (err)
		return err;
	struct perf_cursor c = { attr + bytes - 16, 16, in->swap, false };

	ids = take_section(&c);
	err = perfdata_events_add(h->events, attr, bytes - 16, in->swap);
	if (err < 0)
		return no_room(err);
	return read_ids(h, in, &ids, (uint32_t)err);
}

static int read_attrs(const struct perfdata_header *h, struct perfdata_input *in,
		      const struct section *attrs, uint64_t attr_bytes)
{
	if (attr_bytes < PERF_ATTR_SIZE_VER0 + 16 || attr_bytes > MAX_ATTR_BYTES)
		return perfdata_input_bad(16, "an event is said to take %" PRIu64 " bytes",
					  attr_bytes);
	if (attrs->offset > INT64_MAX || attrs->bytes > INT64_MAX)
		return perfdata_input_bad(24, "no file is that long");
	for (uint64_t i = 0; i < attrs->bytes / attr_bytes; i++) {
		int err = read_attr(h, in, attrs->offset + i * attr_bytes, (size_t)attr_bytes);

		if (err)
			return err;
	}
	return 0;
}

/* Return: 0, also when it is bad, which is counted; -ENOMEM. */
static int take_feature(const struct perfdata_header *h, int feature, const void *data,
			size_t bytes, bool swap)
{
	int err = perfdata_feature_take(h->machine, h->events, feature, data, bytes, swap);

	if (err == -ENOMEM)
		return no_room(err);
	if (err)
		h->counters->bad_features++;
	return 0;
}

static int read_feature(const struct perfdata_header *h, struct perfdata_input *in, int feature,
			const struct section *s)
{
	void *data;
	int err;

	if (s->bytes > MAX_FEATURE_BYTES || perfdata_input_seek(in, s->offset) < 0) {
		h->counters->bad_features++;
		return 0;
	}
	data = malloc(s->bytes + 1);
	if (!data)
		return no_room(-ENOMEM);
	err = perfdata_input_read(in, data, (size_t)s->bytes);
	if (err == 0)
		err = take_feature(h, feature, data, (size_t)s->bytes, in->swap);
	else
		h->counters->bad_features++;
	free(data);
	return err == -ENOMEM ? err : 0;
}

static bool has_feature(const uint64_t *bits, int feature)
{
	return bits[feature / 64] >> (feature % 64) & 1;
}

/* What is missing here was perhaps cut off; the records are still there. */
static int read_features(const struct perfdata_header *h, struct perfdata_input *in,
			 const struct section *data, const uint64_t *bits)
{
	uint64_t at = data->offset + data->bytes;

	for (int i = 0; i < PERFDATA_NR_FEATURES; i++) {
		unsigned char place[16];
		int err;

		if (!has_feature(bits, i))
			continue;
		if (perfdata_input_seek(in, at) < 0 ||
		    perfdata_input_read(in, place, sizeof(place)) < 0) {
			h->counters->bad_features++;
			return 0;
		}
		at += sizeof(place);
		if (!perfdata_feature_matters(i))
			continue;
		struct perf_cursor c = { place, sizeof(place), in->swap, false };
		struct section s = take_section(&c);

		err = read_feature(h, in, i, &s);
		if (err)
			return err;
	}
	return 0;
}

/* A machine of 32 bits and the other byte order has the halves of each word the other way round. */
static void take_feature_bits(struct perf_cursor *c, uint64_t *bits)
{
	for (int i = 0; i < 4; i++)
		bits[i] = perf_take_u64(c);
	if (!c->swap || has_feature(bits, PERFDATA_FEATURE_HOSTNAME))
		return;
	for (int i = 0; i < 4; i++)
		bits[i] = bits[i] << 32 | bits[i] >> 32;
}

static int read_file_header(const struct perfdata_header *h, struct perfdata_input *in,
			    uint64_t header_bytes)
{
	unsigned char rest[FILE_HEADER_BYTES - PIPE_HEADER_BYTES] = { 0 };
	size_t bytes = header_bytes < FILE_HEADER_BYTES ? OLD_HEADER_BYTES - PIPE_HEADER_BYTES
							: sizeof(rest);
	struct perf_cursor c = { rest, sizeof(rest), in->swap, false };
	uint64_t attr_bytes, bits[4];
	struct section attrs, data;
	int err = perfdata_input_read(in, rest, bytes);

	if (err)
		return err == -ENODATA ? perfdata_input_bad(in->offset, "the header ends too soon")
				       : err;
	attr_bytes = perf_take_u64(&c);
	attrs = take_section(&c);
	data = take_section(&c);
	(void)take_section(&c); /* event types */
	take_feature_bits(&c, bits);
	if (data.offset > INT64_MAX || data.bytes > INT64_MAX)
		return perfdata_input_bad(40, "no file is that long");
	if (has_feature(bits, PERFDATA_FEATURE_DIR_FORMAT))
		return thermo_fail(-EOPNOTSUPP, "perf.data: recorded with --threads into a "
						"directory: record without");
	if (fseeko(in->file, 0, SEEK_CUR) < 0)
		return thermo_fail(-ESPIPE, "perf.data: a file that comes through a pipe: give its "
					    "name, or record with -o -");
	err = read_attrs(h, in, &attrs, attr_bytes);
	/* No length: perf was killed before it could write it, and features as well. */
	if (!err && data.bytes)
		err = read_features(h, in, &data, bits);
	in->end = data.bytes ? data.offset + data.bytes : UINT64_MAX;
	return err ? err : perfdata_input_seek(in, data.offset);
}

int perfdata_header_read(const struct perfdata_header *h, struct perfdata_input *in)
{
	uint64_t first[2];
	int err = perfdata_input_read(in, first, sizeof(first));

	if (err && err != -ENODATA)
		return err;
	if (err || !perfdata_recognises(first, sizeof(first)))
		return perfdata_input_bad(0, "not a perf.data");
	if (memcmp(first, MAGIC_OF_2009, 8) == 0)
		return thermo_fail(-EOPNOTSUPP, "perf.data: offset 0: of a perf of before 2012");
	in->swap = first[0] != MAGIC;
	in->end = UINT64_MAX;
	uint64_t bytes = in->swap ? __builtin_bswap64(first[1]) : first[1];

	if (bytes == PIPE_HEADER_BYTES)
		return 0;
	if (bytes < OLD_HEADER_BYTES)
		return perfdata_input_bad(8, "a header of %" PRIu64 " bytes", bytes);
	return read_file_header(h, in, bytes);
}

/* --- records of a pipe --- */

static struct perf_cursor body_of(const struct perf_event_header *record, bool swap)
{
	return (struct perf_cursor){ (const unsigned char *)(record + 1),
				     record->size - sizeof(*record), swap, false };
}

/* The attr says how long it is; what follows are ids. */
static int take_attr(const struct perfdata_header *h, const struct perfdata_input *in,
		     const struct perf_event_header *record)
{
	struct perf_cursor c = body_of(record, in->swap);
	uint32_t bytes = c.left >= 8 ? perf_load_u32(c.at + 4, in->swap) : 0;
	const unsigned char *attr = perf_take(&c, bytes ? bytes : PERF_ATTR_SIZE_VER0);
	int event, err = 0;

	if (!attr || (bytes && bytes < PERF_ATTR_SIZE_VER0))
		return perfdata_input_bad(in->record_offset, "an event of %u bytes in %u", bytes,
					  record->size);
	event = perfdata_events_add(h->events, attr, bytes ? bytes : PERF_ATTR_SIZE_VER0, in->swap);
	if (event < 0)
		return no_room(event);
	while (c.left >= 8 && !err)
		err = perfdata_events_add_id(h->events, perf_take_u64(&c), (uint32_t)event);
	return err ? no_room(err) : 1;
}

static int take_feature_record(const struct perfdata_header *h, const struct perfdata_input *in,
			       const struct perf_event_header *record)
{
	struct perf_cursor c = body_of(record, in->swap);
	uint64_t feature = perf_take_u64(&c);
	int err;

	if (c.short_of_data || feature >= PERFDATA_NR_FEATURES) {
		h->counters->bad_features++;
		return 1;
	}
	err = take_feature(h, (int)feature, c.at, c.left, in->swap);
	return err ? err : 1;
}

/* EVENT_UPDATE of kind 2 tells a name. */
static void take_update(const struct perfdata_header *h, const struct perfdata_input *in,
			const struct perf_event_header *record)
{
	struct perf_cursor c = body_of(record, in->swap);
	uint64_t kind = perf_take_u64(&c), id = perf_take_u64(&c);
	struct perfdata_event *e = perfdata_events_with_id(h->events, id);
	const char *name;

	if (kind != 2 || !e)
		return;
	name = perf_take_string(&c);
	if (!c.short_of_data)
		perfdata_copy_name(e->name, sizeof(e->name), name);
}

int perfdata_header_take(const struct perfdata_header *h, const struct perfdata_input *in,
			 const struct perf_event_header *record)
{
	switch (record->type) {
	case PERFDATA_HEADER_ATTR:
		return take_attr(h, in, record);
	case PERFDATA_HEADER_FEATURE:
		return take_feature_record(h, in, record);
	case PERFDATA_EVENT_UPDATE:
		take_update(h, in, record);
		return 1;
	case PERFDATA_TIME_CONV:
		perfdata_machine_take_time_conv(h->machine, record, in->swap);
		return 1;
	default:
		return 0;
	}
}
