/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * migrator.h - the thread that carries out plans, one at a time.
 *
 * The policy's thread submits a plan when the last one is done and collects what
 * really happened; they meet in a mutex, never for longer than a copy.
 */
#ifndef TIERING_MIGRATOR_H
#define TIERING_MIGRATOR_H

#include "tiering/history.h"
#include "tiering/policy.h"

struct migrator;

/* Return: 0 or -errno. */
int migrator_start(struct migrator **migrator, const struct thermo_host *host, uint32_t share_pct);

/* End after the call in flight.  What was done can still be collected. */
void migrator_stop(struct migrator *migrator);
/* Only after migrator_stop(). */
void migrator_free(struct migrator *migrator);

/* Whether the last plan was done by @time_ns: what was seen then shows its effect. */
bool migrator_is_idle_since(struct migrator *migrator, uint64_t time_ns);

/*
 * Takes over the plan's steps and zeroes @plan; copies @topology, by which it was
 * made.  Only when it is not busy.  It ends early by the plan's budget and time.
 */
void migrator_submit(struct migrator *migrator, struct plan *plan,
		     const struct thermo_topology *topology);

/*
 * What happened so far: @counters, the measured cost, and the moves that were done
 * since the last call, into @history.
 */
void migrator_collect(struct migrator *migrator, struct thermo_move_counters *counters,
		      double *ns_per_byte, struct move_history *history);

/* CPU time that its thread used, as of the last step. */
uint64_t migrator_cpu_ns(struct migrator *migrator);

#endif
