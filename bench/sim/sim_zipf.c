// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sim_zipf.c - drawing by rejection-inversion: Hörmann and Derflinger, ACM TOMACS 6
 * (1996); sums by the formula of Euler and Maclaurin.
 */
#include "bench/sim/sim_zipf.h"

#include <math.h>

#include "bench/workload/random.h"

/* The integral of x^-s, up to a constant. */
static double area(const struct sim_zipf *z, double x)
{
	return fabs(z->s - 1) < 1e-9 ? log(x) : expm1((1 - z->s) * log(x)) / (1 - z->s);
}

static double area_inverse(const struct sim_zipf *z, double a)
{
	return fabs(z->s - 1) < 1e-9 ? exp(a) : exp(log1p(a * (1 - z->s)) / (1 - z->s));
}

double sim_zipf_sum(const struct sim_zipf *z, uint64_t k)
{
	double a = SIM_ZIPF_EXACT, b = (double)k;

	if (k <= SIM_ZIPF_EXACT)
		return z->head[k];
	double fa = pow(a, -z->s), fb = pow(b, -z->s);

	/* The next term is below 1e-9 of the first. */
	return z->head[SIM_ZIPF_EXACT] + area(z, b) - area(z, a) + (fb - fa) / 2 +
	       z->s / 12 * (fa / a - fb / b);
}

void sim_zipf_init(struct sim_zipf *z, uint64_t nr, double s)
{
	*z = (struct sim_zipf){ .nr = nr, .s = s };
	for (int k = 1; k <= SIM_ZIPF_EXACT; k++)
		z->head[k] = z->head[k - 1] + pow(k, -s);
	z->total = sim_zipf_sum(z, nr);
	z->area_first = area(z, 1.5) - 1;
	z->area_end = area(z, (double)nr + 0.5);
	z->squeeze = 2 - area_inverse(z, area(z, 2.5) - pow(2, -s));
}

uint64_t sim_zipf_draw(const struct sim_zipf *z, uint64_t *state)
{
	for (;;) {
		double coin = (double)(workload_random(state) >> 11) * 0x1p-53;
		double u = z->area_end + coin * (z->area_first - z->area_end);
		double x = area_inverse(z, u), k = floor(x + 0.5);

		k = k < 1 ? 1 : k > (double)z->nr ? (double)z->nr : k;
		if (k - x <= z->squeeze || u >= area(z, k + 0.5) - pow(k, -z->s))
			return (uint64_t)k;
	}
}
