/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - decide what to move.  Pure: same input, same plan; cannot fail.
 *
 * For each pair of neighbouring tiers the hottest memory below is weighed against
 * the room above and, when there is none, against the coldest memory above:
 *
 *	value = accesses per second and byte x latency saved (reads and writes apart)
 *
 * One standard error is taken off the value of what might go up and added to what
 * might go down, so that noise alone moves nothing.  A move must pay for itself
 * within the horizon: value difference x horizon > cost of the moves.
 */
#ifndef TIERING_POLICY_H
#define TIERING_POLICY_H

#include "thermocline/tiering.h"
#include "tiering/history.h"

/* Memory moves in chunks of this; what is planned for one range at a time. */
#define CHUNK_BYTES (8ull << 20)

/* One step of a plan.  Steps are carried out in order: room is made before it is used. */
struct planned_move {
	enum thermo_action action;
	pid_t pid;
	uint64_t start;
	uint64_t end;
	uint64_t bytes; /* at most, of what is found there on tier `from` */
	int from_tier;
	int to_node;  /* the kernel's number */
	double value; /* ns saved per second and byte */
};

/*
 * A plan.  Where in a region pages are is an estimate, so a plan may hold more steps than are to be
 * carried out; its end is what its maker allows:
 * @budget_bytes:	when so much has moved, in both directions together,
 * @until_ns:	or at this time.
 */
struct plan {
	size_t nr;
	size_t room;
	struct planned_move *moves;
	uint64_t bytes[THERMO_NR_ACTIONS];
	uint64_t budget_bytes;
	uint64_t until_ns;
};

/* What the loop saw this tick. */
struct policy_view {
	const struct thermo_snapshot *snapshot;
	const struct thermo_topology *topology;
	const struct move_history *history;
	const int *node_of_cpu; /* index: CPU */
	uint32_t nr_cpus;
	uint64_t now_ns;
	double move_ns_per_byte; /* measured cost of a move */
};

/* What the administrator allows. */
struct policy_limits {
	const struct thermo_scheme *schemes;
	size_t nr_schemes;
	uint64_t budget_bytes; /* this tick, both directions together */
	uint64_t horizon_ns;   /* within which a move must pay */
};

/* Steps are appended to @plan, which the caller zeroed and frees with plan_fini(). */
void policy_decide(const struct policy_view *view, const struct policy_limits *limits,
		   struct plan *plan);
void plan_fini(struct plan *plan);

#endif
