// SPDX-License-Identifier: GPL-2.0-or-later
/* text_lines.c - see text_lines.h. */
#include "sources/text_lines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

int text_lines_init(struct text_lines *t, size_t block_bytes, size_t max_line_bytes)
{
	assert(max_line_bytes < block_bytes / 2);
	*t = (struct text_lines){ .block_bytes = block_bytes, .max_line_bytes = max_line_bytes };
	t->block = malloc(block_bytes + 1);
	return t->block ? 0 : thermo_fail(-ENOMEM, "text: no memory");
}

void text_lines_fini(struct text_lines *t)
{
	free(t->block);
	*t = (struct text_lines){ 0 };
}

char *text_lines_room(struct text_lines *t, size_t *bytes)
{
	memmove(t->block, t->block + t->at, t->len - t->at);
	t->len -= t->at;
	t->at = 0;
	*bytes = t->block_bytes - t->len;
	return t->block + t->len;
}

void text_lines_filled(struct text_lines *t, size_t bytes)
{
	t->len += bytes;
}

static int give(struct text_lines *t, char *end, char **text, size_t *len)
{
	*text = t->block + t->at;
	*len = (size_t)(end - *text);
	*end = '\0';
	/* The last line may be without an end. */
	t->at += *len + (t->at + *len < t->len);
	t->line_nr++;
	if (*len && (*text)[*len - 1] == '\r')
		(*text)[--*len] = '\0';
	return 1;
}

int text_lines_next(struct text_lines *t, bool at_end, char **text, size_t *len)
{
	size_t left;
	char *end;

	for (;;) {
		left = t->len - t->at;
		end = left ? memchr(t->block + t->at, '\n', left) : NULL;
		if (!t->too_long || !end)
			break;
		t->at = (size_t)(end - t->block) + 1;
		t->too_long = false;
	}
	if (end)
		return give(t, end, text, len);
	if (t->too_long) {
		t->at = t->len;
		return 0;
	}
	if (left >= t->max_line_bytes) {
		(void)give(t, t->block + t->len, text, len);
		t->too_long = true;
		return -EMSGSIZE;
	}
	return at_end && left ? give(t, t->block + t->len, text, len) : 0;
}

int text_lines_peek(const struct text_lines *t)
{
	return t->at < t->len ? (unsigned char)t->block[t->at] : -1;
}
