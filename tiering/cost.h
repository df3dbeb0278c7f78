/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.h - what moving a byte costs, from what was measured and how long ago.
 *
 * Moves are measured only when there are some, and too high a cost prevents them: what was
 * measured while the machine was busy would be believed for ever.  So it is believed less and
 * less, down to the least that was ever measured.  One thread.
 */
#ifndef TIERING_COST_H
#define TIERING_COST_H

#include <stdint.h>

/* Zeroed: nothing was measured. */
struct move_cost {
	double ns_per_byte;
	double least_ns_per_byte;
	uint64_t measured_ns;
};

/* The newest measurement; the same number as before is no new one, 0 is none. */
void move_cost_measured(struct move_cost *cost, double ns_per_byte, uint64_t now_ns);

/* Return: nanoseconds of CPU time a byte; 0: nobody knows. */
double move_cost_believed(const struct move_cost *cost, uint64_t now_ns);

#endif
