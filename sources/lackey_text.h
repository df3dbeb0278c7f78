/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lackey_text.h - a line of what `valgrind --tool=lackey --trace-mem=yes` prints:
 *
 *	I  0401ab70,3		an instruction is fetched
 *	 L 1fff000628,8		a load
 *	 S 1fff000620,8		a store
 *	 M 0421c7cc,4		a load and a store (a modify)
 *	==1234== ...		valgrind itself, about process 1234
 */
#ifndef SOURCES_LACKEY_TEXT_H
#define SOURCES_LACKEY_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum lackey_kind {
	LACKEY_FETCH,
	LACKEY_LOAD,
	LACKEY_STORE,
	LACKEY_MODIFY,
	LACKEY_SELF, /* valgrind speaks */
	LACKEY_BLANK,
	LACKEY_BAD,
};

/**
 * struct lackey_line - What a line says.
 * @pid:	Of LACKEY_SELF.
 * @text:	Of LACKEY_SELF: what it says, in the line that was parsed.
 */
struct lackey_line {
	uint64_t addr;
	uint64_t bytes;
	int32_t pid;
	const char *text;
};

/* @text of @len bytes, then a NUL, without a line's end. */
enum lackey_kind lackey_text_parse(const char *text, size_t len, struct lackey_line *line);

#endif
