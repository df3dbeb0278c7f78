/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reader.h - reads a truth file, finished or still growing. */
#ifndef TRUTH_READER_H
#define TRUTH_READER_H

#include <stdint.h>
#include <stdio.h>

#include "tests/lab/truth/format.h"

/* Zeroed is closed. */
struct truth_reader {
	FILE *file;
	const char *path;
	struct truth_header header;
	struct truth_record record; /* the last one read */
	uint8_t *payload;           /* its payload, followed by a NUL */
	size_t room;
};

struct truth_cell {
	uint64_t page;
	uint32_t node;
	uint32_t cpu;
	uint64_t reads;
	uint64_t writes;
};

/* Walks the cells of a COUNTS record. */
struct truth_cursor {
	const struct truth_reader *reader;
	const uint8_t *next;
	const uint8_t *end;
	uint64_t page;
};

int truth_reader_open(struct truth_reader *reader, const char *path);
void truth_reader_close(struct truth_reader *reader);

/* Return: 1 with a record; 0 when there is none, or only part of one, yet; -errno. */
int truth_reader_next(struct truth_reader *reader);

/* Return: bytes behind the last whole record: not 0 when the file was cut off. */
long truth_reader_rest_bytes(struct truth_reader *reader);

void truth_cursor_init(struct truth_cursor *cursor, const struct truth_reader *reader);

/* Return: 1 with a cell, 0 at the end, -EBADMSG. */
int truth_cursor_next(struct truth_cursor *cursor, struct truth_cell *cell);

#endif
