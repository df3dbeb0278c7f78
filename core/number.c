// SPDX-License-Identifier: GPL-2.0-or-later
/* number.c - strict: what is not wholly a number is none. */
#include "core/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Reads the digits at @text, at least one. */
static int parse_digits(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*text = p;
	*value = v;
	return 0;
}

int thermo_parse_u64(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t v;
	int err = parse_digits(&text, &v);

	if (err)
		return err;
	if (*text != '\0')
		return -EINVAL;
	if (v > max)
		return -ERANGE;
	*value = v;
	return 0;
}

int thermo_parse_bytes(const char *text, uint64_t max_bytes, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 0;
	uint64_t v;
	int err = parse_digits(&text, &v);

	if (err)
		return err;
	if (*text != '\0') {
		const char *s = strchr(suffixes, toupper((unsigned char)*text));

		if (!s || text[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned int)(s - suffixes + 1);
	}
	if (v > max_bytes >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

int thermo_parse_decimal(const char *text, double max, double *value)
{
	uint64_t whole;
	double v;
	int err = parse_digits(&text, &whole);

	if (err)
		return err;
	v = (double)whole;
	if (*text == '.') {
		double place = 0.1;

		if (!isdigit((unsigned char)*++text))
			return -EINVAL;
		for (; isdigit((unsigned char)*text); text++, place /= 10)
			v += place * (*text - '0');
	}
	if (*text != '\0')
		return -EINVAL;
	if (v > max)
		return -ERANGE;
	*value = v;
	return 0;
}
