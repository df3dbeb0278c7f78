/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_format.h - the bytes of a record file; for core/record_*.c and their tests.
 *
 * A block's payload is a sequence of tables, a table a sequence of columns.  Both say
 * how long they are, so that what a reader does not know it skips.  A column that a
 * file lacks is all zeroes.  New fields are new columns; nothing else ever changes
 * without a new major version.
 */
#ifndef CORE_RECORD_FORMAT_H
#define CORE_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "core/record.h"

#define RECORD_MAGIC 0x0a41544144435489ull /* "\x89TCDATA\n" */
#define RECORD_MAJOR 1u
#define RECORD_MINOR 0u
#define RECORD_PRELUDE_BYTES 16u
#define RECORD_BLOCK_MAGIC 0x4b4c4254u /* "TBLK" */
#define RECORD_BLOCK_BYTES 24u
#define RECORD_TABLE_BYTES 16u
#define RECORD_COLUMN_BYTES 16u
/* A million regions with every column full need 550 MiB. */
#define RECORD_MAX_RAW_BYTES (640u << 20)
#define RECORD_MAX_REGIONS 1000000u
#define RECORD_MAX_TARGETS 65536u

enum record_block_type {
	RECORD_BLOCK_MACHINE = 1,
	RECORD_BLOCK_SNAPSHOT = 2,
	RECORD_BLOCK_END = 3,
	RECORD_BLOCK_PAGES = 4,
	RECORD_BLOCK_IDLE = 5,
};

/* Of a column; also how a number is checked. */
enum record_type {
	RECORD_TEXT = 1, /* bytes up to a zero; a row's length is the number of items */
	RECORD_I16 = 2,
	RECORD_I32 = 3,
	RECORD_U32 = 4,
	RECORD_U64 = 5,
	RECORD_F32 = 6, /* finite, not negative */
	RECORD_F64 = 7, /* likewise */
};

/**
 * struct record_column - Where a column is in memory.
 * @nr_items:	Array length, or the bytes of a text with its zero.
 * @stride:	From item to item.
 * @max:	Of a number; 0: any.
 */
struct record_column {
	uint16_t id;
	uint16_t type;
	uint16_t nr_items;
	uint16_t stride;
	uint32_t offset;
	float max;
};

/**
 * struct record_table - The columns of one structure.
 * @row_bytes:	Size of the structure.
 * @min_row_bytes:	What a row takes in a file at least, so that a count is bounded by
 *		the length of what is there.
 */
struct record_table {
	uint16_t id;
	const char *name;
	const struct record_column *columns;
	size_t nr_columns;
	size_t row_bytes;
	uint32_t max_rows;
	uint32_t min_row_bytes;
};

extern const struct record_table record_machine_table;
extern const struct record_table record_cpu_table;
extern const struct record_table record_node_table;
extern const struct record_table record_snapshot_table;
extern const struct record_table record_target_table;
extern const struct record_table record_region_table;
extern const struct record_table record_source_table;
extern const struct record_table record_end_table;
extern const struct record_table record_pages_table;
extern const struct record_table record_page_group_table;
extern const struct record_table record_page_cgroup_table;
extern const struct record_table record_idle_table;
extern const struct record_table record_idle_node_table;
extern const struct record_table record_idle_cgroup_table;

/* Bytes that grow. */
struct record_buffer {
	unsigned char *data;
	size_t len;
	size_t room;
};

/* Room for @bytes more at the end.  Return: 0 or -ENOMEM. */
int record_buffer_reserve(struct record_buffer *buffer, size_t bytes);

/* Append @nr_rows rows as one table.  Return: 0 or -ENOMEM. */
int record_put_table(struct record_buffer *buffer, const struct record_table *table,
		     const void *rows, size_t nr_rows);

/* A table inside a payload. */
struct record_cursor {
	const unsigned char *columns;
	size_t bytes;
	uint16_t nr_columns;
	uint32_t nr_rows;
};

/*
 * Find @table in @payload.  Return: 1; 0 when it is not there, @cursor has no rows
 * then; -EBADMSG for what cannot be.
 */
int record_find_table(const unsigned char *payload, size_t bytes, const struct record_table *table,
		      struct record_cursor *cursor);

/* Fill cursor->nr_rows zeroed @rows.  Return: 0 or -EBADMSG. */
int record_get_table(const struct record_cursor *cursor, const struct record_table *table,
		     void *rows);

/*
 * The block's header and compressed payload in one piece, appended to @out.  Return:
 * 0, -E2BIG or -ENOMEM.
 */
int record_put_block(struct record_buffer *out, uint16_t type, const struct record_buffer *payload,
		     void *zstd_context);

/* RECORD_PRELUDE_BYTES of it. */
void record_put_prelude(unsigned char *prelude);

/* Little-endian numbers at any address. */
void record_put_number(unsigned char *to, uint64_t value, unsigned int bytes);
uint64_t record_get_number(const unsigned char *from, unsigned int bytes);

#endif
