// SPDX-License-Identifier: GPL-2.0-or-later
/* record_codec.c - structures to columns and back.  Pure. */
#include "core/record_format.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "core/error.h"

#define MIN_ROOM_BYTES 4096u

static unsigned int type_bytes(uint16_t type)
{
	static const unsigned char bytes[] = { 0, 1, 2, 4, 4, 8, 4, 8 };

	return type < sizeof(bytes) ? bytes[type] : 0;
}

void record_put_number(unsigned char *to, uint64_t value, unsigned int bytes)
{
	value = htole64(value);
	memcpy(to, &value, bytes);
}

uint64_t record_get_number(const unsigned char *from, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, from, bytes);
	return le64toh(value);
}

int record_buffer_reserve(struct record_buffer *b, size_t bytes)
{
	size_t room = b->room ? b->room : MIN_ROOM_BYTES;
	unsigned char *grown;

	if (b->room - b->len >= bytes)
		return 0;
	while (room - b->len < bytes)
		room *= 2;
	grown = realloc(b->data, room);
	if (!grown)
		return thermo_fail(-ENOMEM, "record: no memory for %zu bytes", room);
	b->data = grown;
	b->room = room;
	return 0;
}

/* --- a number in a structure, as its bits --- */

static uint64_t load(const unsigned char *at, unsigned int bytes)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (bytes) {
	case 2:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case 4:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

static void store(unsigned char *at, uint64_t value, unsigned int bytes)
{
	uint16_t u16 = (uint16_t)value;
	uint32_t u32 = (uint32_t)value;

	switch (bytes) {
	case 2:
		memcpy(at, &u16, sizeof(u16));
		return;
	case 4:
		memcpy(at, &u32, sizeof(u32));
		return;
	default:
		memcpy(at, &value, sizeof(value));
		return;
	}
}

/* --- writing --- */

static const unsigned char *item_at(const struct record_table *t, const struct record_column *c,
				    const void *rows, size_t row, size_t item)
{
	return (const unsigned char *)rows + row * t->row_bytes + c->offset + item * c->stride;
}

static bool item_is_zero(const struct record_table *t, const struct record_column *c,
			 const void *rows, size_t nr_rows, size_t item)
{
	unsigned int bytes = type_bytes(c->type);

	for (size_t row = 0; row < nr_rows; row++) {
		const unsigned char *at = item_at(t, c, rows, row, item);

		if (bytes == 1 ? *at : load(at, bytes))
			return false;
	}
	return true;
}

/* The text's own bytes: what is behind its zero means nothing. */
static size_t longest_text(const struct record_table *t, const struct record_column *c,
			   const void *rows, size_t nr_rows)
{
	size_t longest = 0;

	for (size_t row = 0; row < nr_rows; row++) {
		size_t len = strnlen((const char *)item_at(t, c, rows, row, 0), c->nr_items - 1u);

		longest = len > longest ? len : longest;
	}
	return longest;
}

/* How many items are worth writing: those that are zero in all rows at the end are not. */
static size_t count_items(const struct record_table *t, const struct record_column *c,
			  const void *rows, size_t nr_rows)
{
	size_t nr = c->nr_items;

	if (c->type == RECORD_TEXT)
		return longest_text(t, c, rows, nr_rows);
	while (nr > 0 && item_is_zero(t, c, rows, nr_rows, nr - 1))
		nr--;
	return nr;
}

/* Of @bytes, which is known where this is called: no call and no choice for each number. */
static inline __attribute__((always_inline)) unsigned char *
put_stretch(unsigned char *to, const unsigned char *at, size_t row_bytes, size_t nr_rows,
	    unsigned int bytes)
{
	for (size_t row = 0; row < nr_rows; row++, at += row_bytes, to += bytes) {
		uint64_t value = htole64(load(at, bytes));

		memcpy(to, &value, bytes);
	}
	return to;
}

/* Item after item, in each row after row: like beside like compresses well. */
static unsigned char *put_items(unsigned char *to, const struct record_table *t,
				const struct record_column *c, const void *rows, size_t nr_rows,
				size_t nr_items)
{
	for (size_t item = 0; item < nr_items; item++) {
		const unsigned char *at = item_at(t, c, rows, 0, item);

		switch (type_bytes(c->type)) {
		case 2:
			to = put_stretch(to, at, t->row_bytes, nr_rows, 2);
			break;
		case 4:
			to = put_stretch(to, at, t->row_bytes, nr_rows, 4);
			break;
		default:
			to = put_stretch(to, at, t->row_bytes, nr_rows, 8);
			break;
		}
	}
	return to;
}

static unsigned char *put_texts(unsigned char *to, const struct record_table *t,
				const struct record_column *c, const void *rows, size_t nr_rows,
				size_t nr_items)
{
	for (size_t row = 0; row < nr_rows; row++, to += nr_items) {
		const char *text = (const char *)item_at(t, c, rows, row, 0);
		size_t len = strnlen(text, nr_items);

		memcpy(to, text, len);
		memset(to + len, 0, nr_items - len);
	}
	return to;
}

/* Return: 1; 0 when there is nothing to write; -ENOMEM. */
static int put_column(struct record_buffer *b, const struct record_table *t,
		      const struct record_column *c, const void *rows, size_t nr_rows)
{
	size_t nr_items = count_items(t, c, rows, nr_rows);
	size_t bytes = nr_items * nr_rows * type_bytes(c->type);

	if (nr_items == 0)
		return 0;
	if (record_buffer_reserve(b, RECORD_COLUMN_BYTES + bytes))
		return -ENOMEM;
	unsigned char *to = b->data + b->len;

	record_put_number(to, c->id, 2);
	record_put_number(to + 2, c->type, 2);
	record_put_number(to + 4, nr_items, 4);
	record_put_number(to + 8, bytes, 8);
	if (c->type == RECORD_TEXT)
		put_texts(to + RECORD_COLUMN_BYTES, t, c, rows, nr_rows, nr_items);
	else
		put_items(to + RECORD_COLUMN_BYTES, t, c, rows, nr_rows, nr_items);
	b->len += RECORD_COLUMN_BYTES + bytes;
	return 1;
}

int record_put_table(struct record_buffer *b, const struct record_table *t, const void *rows,
		     size_t nr_rows)
{
	size_t start = b->len, nr_columns = 0;

	if (record_buffer_reserve(b, RECORD_TABLE_BYTES))
		return -ENOMEM;
	b->len += RECORD_TABLE_BYTES;
	for (size_t i = 0; i < t->nr_columns; i++) {
		int put = put_column(b, t, &t->columns[i], rows, nr_rows);

		if (put < 0)
			return put;
		nr_columns += (size_t)put;
	}
	record_put_number(b->data + start, t->id, 2);
	record_put_number(b->data + start + 2, nr_columns, 2);
	record_put_number(b->data + start + 4, nr_rows, 4);
	record_put_number(b->data + start + 8, b->len - start - RECORD_TABLE_BYTES, 8);
	return 0;
}

int record_put_block(struct record_buffer *out, uint16_t type, const struct record_buffer *payload,
		     void *zstd_context)
{
	size_t bound = ZSTD_compressBound(payload->len);

	if (payload->len > RECORD_MAX_RAW_BYTES)
		return thermo_fail(-E2BIG,
				   "record: a snapshot of %zu bytes is larger than %u: "
				   "use fewer regions",
				   payload->len, RECORD_MAX_RAW_BYTES);
	if (record_buffer_reserve(out, RECORD_BLOCK_BYTES + bound))
		return -ENOMEM;
	unsigned char *block = out->data + out->len;
	size_t bytes = ZSTD_compress2(zstd_context, block + RECORD_BLOCK_BYTES, bound,
				      payload->data, payload->len);

	if (ZSTD_isError(bytes))
		return thermo_fail(-ENOMEM, "record: zstd: %s", ZSTD_getErrorName(bytes));
	record_put_number(block, RECORD_BLOCK_MAGIC, 4);
	record_put_number(block + 4, type, 2);
	record_put_number(block + 6, 0, 2);
	record_put_number(block + 8, bytes, 4);
	record_put_number(block + 12, payload->len, 4);
	record_put_number(block + 16, XXH64(block + RECORD_BLOCK_BYTES, bytes, XXH64(block, 16, 0)),
			  8);
	out->len += RECORD_BLOCK_BYTES + bytes;
	return 0;
}

void record_put_prelude(unsigned char *prelude)
{
	record_put_number(prelude, RECORD_MAGIC, 8);
	record_put_number(prelude + 8, RECORD_MAJOR, 2);
	record_put_number(prelude + 10, RECORD_MINOR, 2);
	record_put_number(prelude + 12, XXH64(prelude, 12, 0), 4);
}

/* --- reading --- */

int record_find_table(const unsigned char *payload, size_t bytes, const struct record_table *t,
		      struct record_cursor *cursor)
{
	*cursor = (struct record_cursor){ 0 };
	while (bytes > 0) {
		uint64_t len = bytes >= RECORD_TABLE_BYTES ? record_get_number(payload + 8, 8) : 0;

		if (bytes < RECORD_TABLE_BYTES || len > bytes - RECORD_TABLE_BYTES)
			return thermo_fail(-EBADMSG, "a table ends outside of its block");
		if (record_get_number(payload, 2) == t->id) {
			*cursor = (struct record_cursor){
				.columns = payload + RECORD_TABLE_BYTES,
				.bytes = len,
				.nr_columns = (uint16_t)record_get_number(payload + 2, 2),
				.nr_rows = (uint32_t)record_get_number(payload + 4, 4),
			};
			if (cursor->nr_rows > t->max_rows ||
			    (uint64_t)cursor->nr_rows * t->min_row_bytes > len)
				return thermo_fail(-EBADMSG, "%s: %u rows cannot be", t->name,
						   cursor->nr_rows);
			return 1;
		}
		payload += RECORD_TABLE_BYTES + len;
		bytes -= RECORD_TABLE_BYTES + len;
	}
	return 0;
}

static bool number_is_sane(const struct record_column *c, const unsigned char *at)
{
	double value;
	float f32;

	if (c->type == RECORD_F32) {
		memcpy(&f32, at, sizeof(f32));
		value = (double)f32;
	} else if (c->type == RECORD_F64) {
		memcpy(&value, at, sizeof(value));
	} else {
		return true;
	}
	return isfinite(value) && value >= 0 && (c->max == 0 || value <= (double)c->max);
}

static int get_numbers(const unsigned char *from, const struct record_table *t,
		       const struct record_column *c, void *rows, size_t nr_rows, size_t nr_items)
{
	unsigned int bytes = type_bytes(c->type);

	for (size_t item = 0; item < nr_items; item++)
		for (size_t row = 0; row < nr_rows; row++, from += bytes) {
			unsigned char *at = (unsigned char *)item_at(t, c, rows, row, item);

			store(at, record_get_number(from, bytes), bytes);
			if (!number_is_sane(c, at))
				return thermo_fail(-EBADMSG,
						   "%s: row %zu, column %u: no such "
						   "number can be",
						   t->name, row, c->id);
		}
	return 0;
}

static void get_texts(const unsigned char *from, const struct record_table *t,
		      const struct record_column *c, void *rows, size_t nr_rows, size_t nr_items)
{
	size_t nr = nr_items < c->nr_items ? nr_items : c->nr_items - 1u;

	for (size_t row = 0; row < nr_rows; row++, from += nr_items) {
		char *to = (char *)item_at(t, c, rows, row, 0);

		(void)snprintf(to, c->nr_items, "%.*s", (int)nr, (const char *)from);
	}
}

static const struct record_column *find_column(const struct record_table *t, uint64_t id)
{
	for (size_t i = 0; i < t->nr_columns; i++)
		if (t->columns[i].id == id)
			return &t->columns[i];
	return NULL;
}

static int get_column(const unsigned char *header, const struct record_table *t,
		      const struct record_column *c, void *rows, size_t nr_rows)
{
	uint64_t nr_items = record_get_number(header + 4, 4);
	uint64_t bytes = record_get_number(header + 8, 8);
	size_t known = nr_items < c->nr_items ? nr_items : c->nr_items;

	/* 32 bits times 32 bits times 8 does not fit: rows are bounded by max_rows. */
	if (record_get_number(header + 2, 2) != c->type ||
	    bytes != nr_items * nr_rows * type_bytes(c->type))
		return thermo_fail(-EBADMSG, "%s: column %u has another shape", t->name, c->id);
	if (c->type != RECORD_TEXT)
		return get_numbers(header + RECORD_COLUMN_BYTES, t, c, rows, nr_rows, known);
	get_texts(header + RECORD_COLUMN_BYTES, t, c, rows, nr_rows, nr_items);
	return 0;
}

int record_get_table(const struct record_cursor *cursor, const struct record_table *t, void *rows)
{
	const unsigned char *at = cursor->columns;
	size_t left = cursor->bytes;

	for (unsigned int i = 0; i < cursor->nr_columns; i++) {
		uint64_t len = left >= RECORD_COLUMN_BYTES ? record_get_number(at + 8, 8) : 0;
		const struct record_column *c;
		int err;

		if (left < RECORD_COLUMN_BYTES || len > left - RECORD_COLUMN_BYTES)
			return thermo_fail(-EBADMSG, "%s: a column ends outside of its table",
					   t->name);
		c = find_column(t, record_get_number(at, 2));
		err = c ? get_column(at, t, c, rows, cursor->nr_rows) : 0;
		if (err)
			return err;
		at += RECORD_COLUMN_BYTES + len;
		left -= RECORD_COLUMN_BYTES + len;
	}
	return 0;
}
