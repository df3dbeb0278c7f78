// SPDX-License-Identifier: GPL-2.0-or-later
/* pmu_format.c - parse formats and terms; strict, since a wrong bit samples something else. */
#include "sources/pmu_format.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int pmu_number(const char *text, size_t len, uint64_t *value)
{
	bool hex = len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned int base = hex ? 16 : 10;
	uint64_t v = 0;

	if (len == 0)
		return -EINVAL;
	for (size_t i = hex ? 2 : 0; i < len; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0 || (unsigned int)digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit, &v))
			return -ERANGE;
	}
	*value = v;
	return 0;
}

bool pmu_name_is_sane(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= PMU_NAME_BYTES || name[0] == '.')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_.-", *name))
			return false;
	return true;
}

/* "7" or "0-7", up to a comma or the end. */
static int parse_range(const char **text, uint64_t *bits)
{
	size_t len = strcspn(*text, ",");
	const char *dash = memchr(*text, '-', len);
	uint64_t low, high;
	int err = pmu_number(*text, dash ? (size_t)(dash - *text) : len, &low);

	if (err)
		return err;
	high = low;
	if (dash)
		err = pmu_number(dash + 1, len - (size_t)(dash + 1 - *text), &high);
	if (err || low > high || high > 63)
		return -EINVAL;
	*bits = (high == 63 ? ~0ull : (1ull << (high + 1)) - 1) & ~((1ull << low) - 1);
	*text += len;
	return 0;
}

int pmu_format_parse(const char *text, struct pmu_format *format)
{
	char word[16] = "";
	size_t len = strcspn(text, ":");
	uint64_t all = 0, bits, last = 0;

	if (text[len] != ':' || len >= sizeof(word) || strncmp(text, "config", 6) != 0)
		return -EINVAL;
	memcpy(word, text, len);
	int index = pmu_word_of(word);

	if (index < 0)
		return -EOPNOTSUPP;
	for (text += len; *text; last = bits) {
		text++; /* the colon or a comma */
		/*
		 * Values are laid out from the lowest bit up, as perf does: ranges that go
		 * down or overlap would need another rule, and no kernel has them.
		 */
		if (parse_range(&text, &bits) || (last && (bits & -bits) <= last))
			return -EINVAL;
		all |= bits;
	}
	*format = (struct pmu_format){ (enum pmu_word)index, all };
	return 0;
}

uint64_t pmu_format_max(const struct pmu_format *format)
{
	int width = __builtin_popcountll(format->bits);

	return width == 64 ? ~0ull : (1ull << width) - 1;
}

int pmu_format_put(const struct pmu_format *format, union pmu_attr *attr, uint64_t value)
{
	uint64_t *word = pmu_attr_word(attr, format->word);
	uint64_t spread = 0;

	if (value > pmu_format_max(format))
		return -ERANGE;
	for (uint64_t rest = format->bits; rest; rest &= rest - 1, value >>= 1)
		if (value & 1)
			spread |= rest & -rest;
	*word = (*word & ~format->bits) | spread;
	return 0;
}

int pmu_term_next(const char **text, struct pmu_term *term)
{
	size_t len = strcspn(*text, ",");
	const char *equals = memchr(*text, '=', len);
	size_t name_len = equals ? (size_t)(equals - *text) : len;
	struct pmu_term t = { .has_value = equals, .value = 1 };

	if (**text == '\0')
		return 0;
	if (name_len >= sizeof(t.name))
		return -EINVAL;
	memcpy(t.name, *text, name_len);
	if (!pmu_name_is_sane(t.name))
		return -EINVAL;
	if (equals) {
		int err = pmu_number(equals + 1, len - name_len - 1, &t.value);

		if (err)
			return err;
	}
	/* A comma at the very end announces a term that is not there. */
	if ((*text)[len] == ',' && (*text)[len + 1] == '\0')
		return -EINVAL;
	*text += len + ((*text)[len] == ',');
	*term = t;
	return 1;
}
