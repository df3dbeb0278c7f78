/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_lines.h - lines out of a text that comes in pieces, of which no more than one block
 * is in memory.
 *
 *	while there is more text
 *		room = text_lines_room(t, &bytes); read up to bytes into room
 *		text_lines_filled(t, n)
 *		while (text_lines_next(t, false, &line, &len)) take it
 *	and once with at_end for a last line that has no end
 */
#ifndef SOURCES_TEXT_LINES_H
#define SOURCES_TEXT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct text_lines - Zeroed, it may be given to text_lines_fini().
 * @line_nr:	Of the line that was given last, from 1.
 */
struct text_lines {
	uint64_t line_nr;
	char *block;
	size_t block_bytes;
	size_t max_line_bytes;
	size_t at; /* of the next line */
	size_t len;
	bool too_long; /* what follows belongs to a line that was given up */
};

/* Lines longer than @max_line_bytes, less than half of @block_bytes, are given up. */
int text_lines_init(struct text_lines *lines, size_t block_bytes, size_t max_line_bytes);
void text_lines_fini(struct text_lines *lines);

/* Where more text goes, and how much: what was returned by text_lines_next() is gone then. */
char *text_lines_room(struct text_lines *lines, size_t *bytes);
void text_lines_filled(struct text_lines *lines, size_t bytes);

/*
 * The next line, without its end, and with a NUL behind it; one may be within as well.
 * @at_end: no more comes.  Return: 1; -EMSGSIZE with the beginning of a line that is too
 * long, whose rest is passed over; 0 when more text is needed.
 */
int text_lines_next(struct text_lines *lines, bool at_end, char **text, size_t *len);

/* What the next line begins with; -1: more text is needed, or there is none. */
int text_lines_peek(const struct text_lines *lines);

#endif
