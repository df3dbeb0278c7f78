// SPDX-License-Identifier: GPL-2.0-or-later
/* lackey_text.c - see lackey_text.h.  Pure, and fast: traces are large. */
#include "sources/lackey_text.h"

#include <stdbool.h>
#include <string.h>

/* What valgrind can trace at once at most is far below. */
#define MAX_BYTES 65535u

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Return: behind the number; NULL when there is none, or it has more than @max digits. */
static const char *take_number(const char *at, int base, int max, uint64_t *value)
{
	const char *begin = at;
	uint64_t v = 0;

	for (int d = digit_of(*at); d < base; d = digit_of(*++at))
		v = v * (uint64_t)base + (uint64_t)d;
	if (at == begin || at - begin > max)
		return NULL;
	*value = v;
	return at;
}

static enum lackey_kind kind_of(const char *text)
{
	if (text[0] == 'I' && text[1] == ' ' && text[2] == ' ')
		return LACKEY_FETCH;
	if (text[0] != ' ' || text[2] != ' ')
		return LACKEY_BAD;
	switch (text[1]) {
	case 'L':
		return LACKEY_LOAD;
	case 'S':
		return LACKEY_STORE;
	case 'M':
		return LACKEY_MODIFY;
	default:
		return LACKEY_BAD;
	}
}

/* "==1234== ", and "--1234-- " for what only the curious want to know. */
static bool is_self(const char *text, struct lackey_line *line)
{
	char c = text[0];
	uint64_t pid;
	const char *at;

	if ((c != '=' && c != '-') || text[1] != c)
		return false;
	at = take_number(text + 2, 10, 9, &pid);
	if (!at || at[0] != c || at[1] != c)
		return false;
	line->pid = (int32_t)pid;
	line->text = at + 2 + (at[2] == ' ');
	return true;
}

enum lackey_kind lackey_text_parse(const char *text, size_t len, struct lackey_line *line)
{
	enum lackey_kind kind;
	const char *at;

	if (len == 0)
		return LACKEY_BLANK;
	if (is_self(text, line))
		return LACKEY_SELF;
	kind = len > 3 ? kind_of(text) : LACKEY_BAD;
	if (kind == LACKEY_BAD)
		return LACKEY_BAD;
	at = take_number(text + 3, 16, 16, &line->addr);
	if (!at || *at != ',')
		return LACKEY_BAD;
	at = take_number(at + 1, 10, 5, &line->bytes);
	if (!at || at != text + len || line->bytes == 0 || line->bytes > MAX_BYTES)
		return LACKEY_BAD;
	return kind;
}
