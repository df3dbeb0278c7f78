// SPDX-License-Identifier: GPL-2.0-or-later
/* units.c - see units.h.  Main thread. */
#include "cli/units.h"

#include <inttypes.h>
#include <stdio.h>

#define NR_TEXTS 32

static char *next_text(void)
{
	static char texts[NR_TEXTS][24];
	static unsigned int at;

	return texts[at++ % NR_TEXTS];
}

static const char *scaled(double value, double base, const char *const *units, int nr_units)
{
	char *text = next_text();
	int unit = 0;

	/* What would round up to the next unit is of the next unit. */
	while (unit < nr_units - 1 && value >= (base > 1000 ? 999.5 : base - 0.5)) {
		value /= base;
		unit++;
	}
	(void)snprintf(text, 24, "%.*f%s",
		       value < 9.995 && value > 0   ? 2
		       : value < 99.95 && value > 0 ? 1
						    : 0,
		       value, units[unit]);
	return text;
}

const char *unit_count(double value)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };

	return scaled(value, 1000, units, 7);
}

const char *unit_bytes(double bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P", "E" };

	return scaled(bytes, 1024, units, 7);
}

const char *unit_ns(uint64_t ns)
{
	static const struct {
		const char *unit;
		double ns;
		double below;
	} units[] = {
		{ "ns", 1, 1e3 },       { "us", 1e3, 1e6 },    { "ms", 1e6, 1e9 },
		{ "s", 1e9, 120e9 },    { "m", 60e9, 7200e9 }, { "h", 3600e9, 172800e9 },
		{ "d", 86400e9, 1e99 },
	};
	char *text = next_text();
	int i = 0;

	if (ns == UINT64_MAX)
		return "never";
	while ((double)ns >= units[i].below)
		i++;
	double value = (double)ns / units[i].ns;

	(void)snprintf(text, 24, "%.*f%s", value < 9.95 && i > 0 ? 1 : 0, value, units[i].unit);
	return text;
}

const char *unit_percent(bool known, double part, double whole)
{
	char *text = next_text();

	if (!known || !(whole > 0))
		return "-";
	(void)snprintf(text, 24, "%.0f%%", 100 * part / whole);
	return text;
}
