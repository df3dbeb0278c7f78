// SPDX-License-Identifier: GPL-2.0-or-later
/* cost.c - see cost.h. */
#include "tiering/cost.h"

#include <math.h>

#define HALF_LIFE_NS 10e9

void move_cost_measured(struct move_cost *cost, double ns_per_byte, uint64_t now_ns)
{
	if (ns_per_byte <= 0 || ns_per_byte == cost->ns_per_byte)
		return;
	cost->ns_per_byte = ns_per_byte;
	cost->measured_ns = now_ns;
	if (cost->least_ns_per_byte <= 0 || ns_per_byte < cost->least_ns_per_byte)
		cost->least_ns_per_byte = ns_per_byte;
}

double move_cost_believed(const struct move_cost *cost, uint64_t now_ns)
{
	double age_ns = now_ns > cost->measured_ns ? (double)(now_ns - cost->measured_ns) : 0;

	return fmax(cost->least_ns_per_byte, cost->ns_per_byte * exp2(-age_ns / HALF_LIFE_NS));
}
