// SPDX-License-Identifier: GPL-2.0-or-later
/* table.c - see table.h. */
#include "cli/table.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static struct cell *add(struct table_row *row, const char *name, enum cell_kind kind)
{
	assert(row->nr < TABLE_MAX_CELLS);
	row->cells[row->nr] = (struct cell){ .name = name, .kind = kind };
	return &row->cells[row->nr++];
}

void row_u64(struct table_row *row, const char *name, uint64_t value)
{
	add(row, name, CELL_U64)->u64 = value;
}

void row_i64(struct table_row *row, const char *name, int64_t value)
{
	add(row, name, CELL_I64)->i64 = value;
}

void row_double(struct table_row *row, const char *name, double value)
{
	add(row, name, CELL_DOUBLE)->real = value;
}

void row_text(struct table_row *row, const char *name, const char *value)
{
	add(row, name, CELL_TEXT)->text = value;
}

void row_unknown(struct table_row *row, const char *name)
{
	(void)add(row, name, CELL_UNKNOWN);
}

void row_u64_if(struct table_row *row, bool known, const char *name, uint64_t value)
{
	if (known)
		row_u64(row, name, value);
	else
		row_unknown(row, name);
}

void row_i64_if(struct table_row *row, bool known, const char *name, int64_t value)
{
	if (known)
		row_i64(row, name, value);
	else
		row_unknown(row, name);
}

void row_double_if(struct table_row *row, bool known, const char *name, double value)
{
	if (known)
		row_double(row, name, value);
	else
		row_unknown(row, name);
}

const char *safe_text(const char *text, char *safe, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			safe[i] = '?';
		else
			safe[i] = text[i];
	safe[i] = '\0';
	return safe;
}

/* Ten digits tell every rate apart that a sample can, and no locale changes them. */
static const char *real_text(double value, char text[32])
{
	(void)snprintf(text, 32, "%.10g", value);
	return text;
}

static void csv_print_text(FILE *out, const char *text)
{
	char safe[512];

	(void)safe_text(text, safe, sizeof(safe));
	if (!strpbrk(safe, ",\" ")) {
		(void)fputs(safe, out);
		return;
	}
	(void)fputc('"', out);
	for (const char *c = safe; *c; c++) {
		if (*c == '"')
			(void)fputc('"', out);
		(void)fputc(*c, out);
	}
	(void)fputc('"', out);
}

static void csv_print_cell(FILE *out, const struct cell *c)
{
	char text[32];

	switch (c->kind) {
	case CELL_UNKNOWN:
		return;
	case CELL_U64:
		fprintf(out, "%" PRIu64, c->u64);
		return;
	case CELL_I64:
		fprintf(out, "%" PRId64, c->i64);
		return;
	case CELL_DOUBLE:
		(void)fputs(real_text(c->real, text), out);
		return;
	case CELL_TEXT:
		csv_print_text(out, c->text);
		return;
	}
}

void csv_print_header(FILE *out, const struct table_row *row)
{
	for (size_t i = 0; i < row->nr; i++)
		fprintf(out, "%s%s", i ? "," : "", row->cells[i].name);
	(void)fputc('\n', out);
}

void csv_print(FILE *out, const struct table_row *row)
{
	for (size_t i = 0; i < row->nr; i++) {
		if (i)
			(void)fputc(',', out);
		csv_print_cell(out, &row->cells[i]);
	}
	(void)fputc('\n', out);
}

static struct json_object *cell_json(const struct cell *c)
{
	char text[512];

	switch (c->kind) {
	case CELL_U64:
		return json_object_new_uint64(c->u64);
	case CELL_I64:
		return json_object_new_int64(c->i64);
	case CELL_DOUBLE:
		return json_object_new_double_s(c->real, real_text(c->real, text));
	default:
		return json_object_new_string(safe_text(c->text, text, sizeof(text)));
	}
}

struct json_object *row_json(const struct table_row *row)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < row->nr; i++)
		if (row->cells[i].kind != CELL_UNKNOWN)
			json_object_object_add(o, row->cells[i].name, cell_json(&row->cells[i]));
	return o;
}
