/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mover.h - carry out one step of a plan: find its pages, move them, look what
 * became of each.  Used by one worker thread at a time.
 */
#ifndef TIERING_MOVER_H
#define TIERING_MOVER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/host.h"
#include "thermocline/tiering.h"
#include "tiering/policy.h"

/* One call of move_pages(2) is sized to take about so much CPU time. */
#define CALL_TARGET_NS 10000000ull
#define MAX_CALL_UNITS 1024u

/* How a kind of page (4 KiB, or 2 MiB) behaved so far. */
struct mover_pace {
	uint32_t units; /* in the next call */
};

/**
 * struct mover - State that outlives a step.
 * @share_pct:	Of a CPU's time that move_pages(2) may take; it sleeps the rest.
 * @stop:	Set by another thread: end after the call in flight.
 * @left_bytes, @until_ns:	What the plan still allows; nothing begins beyond either.
 * @recent_ns, @recent_bytes:	CPU time of the calls that moved, and what they moved; the
 *		older, the less they count.
 * @ns_per_byte:	Their ratio; 0 before the first move.
 */
struct mover {
	const struct thermo_host *host;
	const struct thermo_topology *topology; /* free memory is read anew */
	uint32_t share_pct;
	const atomic_bool *stop;
	uint64_t left_bytes;
	uint64_t until_ns;
	struct mover_pace small;
	struct mover_pace huge;
	double recent_ns;
	double recent_bytes;
	double ns_per_byte;
	struct thermo_move_counters counters;
};

void mover_init(struct mover *mover, const struct thermo_host *host,
		const struct thermo_topology *topology, uint32_t share_pct,
		const atomic_bool *stop);

/* Whether nothing more may be moved: stopped, nothing left, or too late. */
bool mover_is_over(const struct mover *mover);

/* Return: bytes that moved. */
uint64_t mover_run(struct mover *mover, const struct planned_move *step);

#endif
