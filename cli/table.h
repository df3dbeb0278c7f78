/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - rows of named cells as CSV or JSON: one description, so both agree.
 *
 * A cell without a value is an empty field in CSV and missing in JSON: unknown, never 0.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cell_kind {
	CELL_UNKNOWN,
	CELL_U64,
	CELL_I64,
	CELL_DOUBLE,
	CELL_TEXT,
};

struct cell {
	const char *name;
	enum cell_kind kind;
	union {
		uint64_t u64;
		int64_t i64;
		double real;
		const char *text;
	};
};

#define TABLE_MAX_CELLS 64

/* A row under construction. */
struct table_row {
	size_t nr;
	struct cell cells[TABLE_MAX_CELLS];
};

void row_u64(struct table_row *row, const char *name, uint64_t value);
void row_i64(struct table_row *row, const char *name, int64_t value);
void row_double(struct table_row *row, const char *name, double value);
/* @value must stay. */
void row_text(struct table_row *row, const char *name, const char *value);
void row_unknown(struct table_row *row, const char *name);

/* One or the other of the above, by @known. */
void row_u64_if(struct table_row *row, bool known, const char *name, uint64_t value);
void row_i64_if(struct table_row *row, bool known, const char *name, int64_t value);
void row_double_if(struct table_row *row, bool known, const char *name, double value);

void csv_print_header(FILE *out, const struct table_row *row);
void csv_print(FILE *out, const struct table_row *row);

/* The caller puts it. */
struct json_object *row_json(const struct table_row *row);

/* @text with '?' for what could do harm on a terminal or is not ASCII; into @safe. */
const char *safe_text(const char *text, char *safe, size_t size);

#endif
