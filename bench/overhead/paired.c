// SPDX-License-Identifier: GPL-2.0-or-later
/* paired.c - see paired.h. */
#include "bench/overhead/paired.h"

#include <math.h>

double paired_t975(uint32_t df)
{
	static const double table[] = { 12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646,
					2.3060,  2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
					2.1314,  2.1199, 2.1098, 2.1009, 2.0930, 2.0860 };
	const double z = 1.959964, n = df;
	const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;

	if (df <= sizeof(table) / sizeof(table[0]))
		return table[df - 1];
	/* Abramowitz and Stegun 26.7.5; from here on good to five digits. */
	return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

/* Welford's way: no large numbers to subtract. */
void paired_add(struct paired *p, double speed_without, double speed_with)
{
	double x = log(speed_without / speed_with), from_old = x - p->mean;

	p->nr++;
	p->mean += from_old / p->nr;
	p->m2 += from_old * (x - p->mean);
}

static double percent(double log_ratio)
{
	return 100 * expm1(log_ratio);
}

struct paired_interval paired_interval(const struct paired *p)
{
	struct paired_interval i = { .middle_pct = percent(p->mean), .known = p->nr >= 2 };
	double half = 0;

	if (i.known)
		half = paired_t975(p->nr - 1) * sqrt(p->m2 / (p->nr - 1) / p->nr);
	i.low_pct = percent(p->mean - half);
	i.high_pct = percent(p->mean + half);
	return i;
}
