// SPDX-License-Identifier: GPL-2.0-or-later
/* policy.c - hot below against cold above. */
#include "tiering/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/proc.h"

/* Latency difference where the firmware tells none: DRAM to CXL on public devices. */
#define DEFAULT_LATENCY_GAIN_NS 100.0
/* Evidence, in events, without which nothing is promoted. */
#define MIN_EVENTS 2.0f
/* An estimate that nothing refreshed counts half as a reason to stay up after this. */
#define STALE_HALF_LIFE_NS 60e9
/* What goes up must be worth this much more than what goes down for it. */
#define HYSTERESIS 1.2
#define FUTILE_NS 60000000000ull
#define BP_ONE 10000

static const struct {
	enum thermo_action action;
	enum thermo_goal_metric goal;
	uint32_t goal_bp;
} default_pair[] = {
	/* DAMON's mtier sample: 0.2 % of overlap keeps memory flowing both ways. */
	{ THERMO_PROMOTE, THERMO_GOAL_USED_BP, 9970 },
	{ THERMO_DEMOTE, THERMO_GOAL_FREE_BP, 50 },
};
#define DEFAULT_COOLDOWN_NS 10000000000ull

size_t thermo_default_schemes(const struct thermo_topology *topology,
			      struct thermo_scheme schemes[2 * THERMO_MAX_TIERS])
{
	size_t nr = 0;

	for (uint32_t upper = 0; upper + 1 < topology->nr_tiers; upper++)
		for (size_t i = 0; i < 2; i++)
			schemes[nr++] = (struct thermo_scheme){
				.action = default_pair[i].action,
				.upper = upper,
				.goal = default_pair[i].goal,
				.goal_bp = default_pair[i].goal_bp,
				.cooldown_ns = DEFAULT_COOLDOWN_NS,
			};
	return nr;
}

/* A region as a candidate to leave one tier. */
struct candidate {
	const struct thermo_region *region;
	double value;   /* ns saved per second and byte, with its error taken into account */
	uint64_t bytes; /* of it in the tier that it would leave */
	uint64_t at;    /* how far it is planned */
};

/* One pair of tiers in the making. */
struct pair {
	const struct policy_view *view;
	const struct policy_limits *limits;
	const struct thermo_scheme *promote; /* NULL: this direction is off */
	const struct thermo_scheme *demote;
	int upper;
	uint64_t budget_bytes;
	int64_t room_bytes[THERMO_MAX_NODES];    /* by node index, this plan's moves counted */
	int64_t planned_bytes[THERMO_MAX_NODES]; /* coming less going, over all pairs of tiers */
	struct plan *plan;
};

static uint64_t bytes_in_tier(const struct thermo_topology *t, const struct thermo_region *r,
			      int tier)
{
	uint64_t bytes = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		int index = r->nodes[i].bytes ? thermo_topology_find(t, r->nodes[i].node) : -1;

		if (index >= 0 && t->nodes[index].tier == tier)
			bytes += r->nodes[i].bytes;
	}
	return bytes;
}

static double mean_latency(const struct thermo_topology *t, int tier, bool write)
{
	double sum = 0;
	size_t nr = 0;

	for (size_t i = 0; i < t->nr_nodes; i++) {
		if (t->nodes[i].tier != tier)
			continue;
		sum += write ? t->nodes[i].write_latency_ns : t->nodes[i].read_latency_ns;
		nr++;
	}
	return nr ? sum / (double)nr : 0;
}

/* What an access of the region saves in the upper tier. */
static double latency_gain_ns(const struct thermo_topology *t, const struct thermo_region *r,
			      int upper)
{
	double gain[2];

	for (int write = 0; write < 2; write++) {
		double above = mean_latency(t, upper, write),
		       below = mean_latency(t, upper + 1, write);

		gain[write] = above > 0 && below > above ? below - above : DEFAULT_LATENCY_GAIN_NS;
	}
	/* Where the direction is not known both shares are 0: take reads. */
	return gain[0] + (double)r->write_share * (gain[1] - gain[0]);
}

/*
 * The standard error, and once more what of it comes from few samples: of hundreds of
 * regions the hottest and the coldest look so by chance, and would change places.
 */
static double doubt_of(const struct thermo_region *r)
{
	return r->accesses_per_s_error + r->accesses_per_s / sqrt((double)r->nr_events + 0.5);
}

static double value_of(const struct pair *p, const struct thermo_region *r, double errors)
{
	double rate = r->accesses_per_s + errors * doubt_of(r);
	double bytes = (double)(r->end - r->start);

	return rate > 0 ? rate / bytes * latency_gain_ns(p->view->topology, r, p->upper) : 0;
}

static double staleness(const struct thermo_region *r)
{
	return r->evidence_age_ns == UINT64_MAX
			       ? 1
			       : exp2(-(double)r->evidence_age_ns / STALE_HALF_LIFE_NS);
}

static int hottest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->value < y->value ? 1 : x->value > y->value ? -1 : 0;
}

static int coldest_first(const void *a, const void *b)
{
	return hottest_first(b, a);
}

static size_t collect_hot(const struct pair *p, struct candidate *out)
{
	const struct thermo_snapshot *s = p->view->snapshot;
	size_t nr = 0;

	for (uint32_t i = 0; p->promote && i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		struct candidate c = { .region = r, .at = r->start };

		c.bytes = bytes_in_tier(p->view->topology, r, p->upper + 1);
		c.value = value_of(p, r, -1);
		if (c.bytes && c.value > 0 && r->nr_events >= MIN_EVENTS)
			out[nr++] = c;
	}
	qsort(out, nr, sizeof(*out), hottest_first);
	return nr;
}

static size_t collect_cold(const struct pair *p, struct candidate *out)
{
	const struct thermo_snapshot *s = p->view->snapshot;
	size_t nr = 0;

	for (uint32_t i = 0; p->demote && i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		struct candidate c = { .region = r, .at = r->start };

		c.bytes = bytes_in_tier(p->view->topology, r, p->upper);
		c.value = value_of(p, r, 1) * staleness(r);
		if (c.bytes)
			out[nr++] = c;
	}
	qsort(out, nr, sizeof(*out), coldest_first);
	return nr;
}

static bool add_step(struct pair *p, const struct planned_move *step)
{
	struct plan *plan = p->plan;

	if (plan->nr == plan->room) {
		size_t room = plan->room ? 2 * plan->room : 64;
		struct planned_move *grown = realloc(plan->moves, room * sizeof(*grown));

		/* Without memory the plan is shorter, that is all. */
		if (!grown)
			return false;
		plan->moves = grown;
		plan->room = room;
	}
	plan->moves[plan->nr++] = *step;
	plan->bytes[step->action] += step->bytes;
	return true;
}

/* Free memory of a node that may still be used, by a goal on used or free memory. */
static int64_t room_of(const struct thermo_node *n, uint32_t keep_free_bp)
{
	return (int64_t)n->free_bytes - (int64_t)n->reserve_bytes -
	       (int64_t)(n->total_bytes / BP_ONE * keep_free_bp);
}

static uint32_t keep_free_bp(const struct thermo_scheme *s)
{
	return s->goal == THERMO_GOAL_USED_BP ? BP_ONE - s->goal_bp : s->goal_bp;
}

/* The node of the tier that has room, nearest to node @near (an index, or -1). */
static int nearest_with_room(const struct pair *p, int tier, int near)
{
	const struct thermo_topology *t = p->view->topology;
	int best = -1;

	for (size_t i = 0; i < t->nr_nodes; i++) {
		if (t->nodes[i].tier != tier || p->room_bytes[i] < (int64_t)THERMO_HUGE_BYTES)
			continue;
		if (best < 0 ||
		    (near >= 0 && t->nodes[near].distance[i] < t->nodes[near].distance[best]))
			best = (int)i;
	}
	return best;
}

/* The node whose CPUs use the region most; -1 when nobody knows. */
static int accessor_node(const struct policy_view *view, const struct thermo_region *r)
{
	double by_node[THERMO_MAX_NODES] = { 0 };
	int best = -1;

	for (int i = 0; i < THERMO_TOP_CPUS; i++) {
		int index = r->cpus[i].share > 0 && r->cpus[i].key < view->nr_cpus
					    ? thermo_topology_find(
							      view->topology,
							      view->node_of_cpu[r->cpus[i].key])
					    : -1;

		if (index < 0)
			continue;
		by_node[index] += (double)r->cpus[i].share;
		if (best < 0 || by_node[index] > by_node[best])
			best = index;
	}
	return best;
}

/* The node that most of the region is on, among those of the tier. */
static int home_node(const struct thermo_topology *t, const struct thermo_region *r, int tier)
{
	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		int index = r->nodes[i].bytes ? thermo_topology_find(t, r->nodes[i].node) : -1;

		if (index >= 0 && t->nodes[index].tier == tier)
			return index;
	}
	return -1;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* @bytes more, or fewer, will be on the node. */
static void book(struct pair *p, int index, int64_t bytes)
{
	p->room_bytes[index] -= bytes;
	p->planned_bytes[index] += bytes;
}

/*
 * Plan the next chunk of a candidate.  The chunk covers as much address space as
 * holds, on average, @bytes of what is to move.
 * Return: bytes planned; 0 when the candidate has no more.
 */
static uint64_t plan_chunk(struct pair *p, struct candidate *c, enum thermo_action action,
			   int to_index, uint64_t bytes)
{
	const struct thermo_region *r = c->region;
	const struct thermo_topology *t = p->view->topology;
	const struct thermo_scheme *s = action == THERMO_PROMOTE ? p->promote : p->demote;
	double share = (double)c->bytes / (double)(r->end - r->start);
	struct planned_move step = {
		.action = action,
		.pid = p->view->snapshot->targets[r->target].pid,
		.from_tier = action == THERMO_PROMOTE ? p->upper + 1 : p->upper,
		.to_node = t->nodes[to_index].id,
		.value = c->value,
	};
	uint64_t since = p->view->now_ns > s->cooldown_ns ? p->view->now_ns - s->cooldown_ns : 0;

	uint64_t futile_since = p->view->now_ns > FUTILE_NS ? p->view->now_ns - FUTILE_NS : 0;

	while (c->at < r->end) {
		uint64_t span = (uint64_t)((double)min_u64(bytes, CHUNK_BYTES) / share);
		uint64_t at = history_skip_exhausted(p->view->history, action, step.pid, c->at,
						     since);
		uint64_t end = (at + span + THERMO_HUGE_BYTES - 1) & ~(THERMO_HUGE_BYTES - 1);

		if (at >= r->end)
			break;
		step.start = at;
		step.end = min_u64(end, r->end);
		c->at = step.end;
		/* What just moved the other way stays where it is. */
		if (history_has(p->view->history,
				action == THERMO_PROMOTE ? THERMO_DEMOTE : THERMO_PROMOTE,
				MOVE_DONE, step.pid, step.start, step.end, since))
			continue;
		/* What could not be moved lately (shared, pinned) is not tried each time. */
		if (history_has(p->view->history, action, MOVE_FUTILE, step.pid, step.start,
				step.end, futile_since))
			continue;
		step.bytes = min_u64((uint64_t)(share * (double)(step.end - step.start)) + 1,
				     p->budget_bytes);
		if (!add_step(p, &step))
			return 0;
		p->budget_bytes -= step.bytes;
		book(p, to_index, (int64_t)step.bytes);
		return step.bytes;
	}
	return 0;
}

struct queue {
	struct candidate *list;
	size_t nr;
	size_t next;
};

/* Demote one chunk of the coldest that is worth less than @value.  Return: bytes. */
static uint64_t make_room(struct pair *p, struct queue *cold, double value, uint64_t bytes)
{
	const struct thermo_topology *t = p->view->topology;

	while (cold->next < cold->nr && cold->list[cold->next].value < value) {
		struct candidate *c = &cold->list[cold->next];
		int home = home_node(t, c->region, p->upper);
		int to = nearest_with_room(p, p->upper + 1, home);
		uint64_t planned = to < 0 ? 0 : plan_chunk(p, c, THERMO_DEMOTE, to, bytes);

		if (planned) {
			if (home >= 0)
				book(p, home, -(int64_t)planned);
			return planned;
		}
		cold->next++;
	}
	return 0;
}

static bool pays(const struct pair *p, double value_gain, double nr_moves)
{
	return value_gain * ((double)p->limits->horizon_ns / 1e9) >
	       nr_moves * p->view->move_ns_per_byte;
}

/* The value that a victim must stay below for @value to take its place. */
static double victim_limit(const struct pair *p, double value)
{
	double by_ratio = value / HYSTERESIS;
	double by_cost = value -
			 2 * p->view->move_ns_per_byte / ((double)p->limits->horizon_ns / 1e9);

	return by_ratio < by_cost ? by_ratio : by_cost;
}

static void promote_hot(struct pair *p, struct queue *hot, struct queue *cold)
{
	for (; hot->next < hot->nr && p->budget_bytes; hot->next++) {
		struct candidate *c = &hot->list[hot->next];
		int near = accessor_node(p->view, c->region);

		if (!pays(p, c->value, 1))
			return;
		for (;;) {
			uint64_t wanted = min_u64(CHUNK_BYTES, p->budget_bytes);
			int to = nearest_with_room(p, p->upper, near);

			if (wanted == 0)
				return;
			if (to < 0) {
				if (!make_room(p, cold, victim_limit(p, c->value), wanted / 2 + 1))
					return;
				continue;
			}
			wanted = min_u64(wanted, (uint64_t)p->room_bytes[to]);
			if (!plan_chunk(p, c, THERMO_PROMOTE, to, wanted))
				break;
		}
	}
}

/* Demote one chunk of the coldest that is on node @home.  Return: bytes. */
static uint64_t make_room_on(struct pair *p, const struct queue *cold, int home, uint64_t bytes)
{
	for (size_t i = cold->next; i < cold->nr; i++) {
		struct candidate *c = &cold->list[i];
		uint64_t planned;
		int to;

		if (home_node(p->view->topology, c->region, p->upper) != home)
			continue;
		to = nearest_with_room(p, p->upper + 1, home);
		planned = to < 0 ? 0 : plan_chunk(p, c, THERMO_DEMOTE, to, bytes);
		if (planned) {
			book(p, home, -(int64_t)planned);
			return planned;
		}
	}
	return 0;
}

/* The goal of the demotion scheme, whatever the victims are worth. */
static void keep_free(struct pair *p, const struct queue *cold)
{
	const struct thermo_topology *t = p->view->topology;

	for (size_t i = 0; i < t->nr_nodes && p->demote; i++) {
		int64_t wanted = -room_of(&t->nodes[i], keep_free_bp(p->demote));

		if (t->nodes[i].tier != p->upper)
			continue;
		while (wanted > 0 && p->budget_bytes) {
			uint64_t done = make_room_on(p, cold, (int)i,
						     min_u64((uint64_t)wanted, p->budget_bytes));

			if (!done)
				break;
			wanted -= (int64_t)done;
		}
	}
}

static const struct thermo_scheme *find_scheme(const struct policy_limits *limits, uint32_t upper,
					       enum thermo_action action)
{
	for (size_t i = 0; i < limits->nr_schemes; i++)
		if (limits->schemes[i].upper == upper && limits->schemes[i].action == action)
			return &limits->schemes[i];
	return NULL;
}

static void decide_pair(struct pair *p, struct candidate *hot_list, struct candidate *cold_list)
{
	const struct thermo_topology *t = p->view->topology;
	struct queue hot = { hot_list, collect_hot(p, hot_list), 0 };
	struct queue cold = { cold_list, collect_cold(p, cold_list), 0 };

	for (size_t i = 0; i < t->nr_nodes; i++)
		p->room_bytes[i] = room_of(&t->nodes[i], t->nodes[i].tier == p->upper && p->promote
									 ? keep_free_bp(p->promote)
									 : 0) -
				   p->planned_bytes[i];
	/* First what is owed: short of free memory the kernel would choose the victims. */
	keep_free(p, &cold);
	promote_hot(p, &hot, &cold);
}

void policy_decide(const struct policy_view *view, const struct policy_limits *limits,
		   struct plan *plan)
{
	size_t nr = view->snapshot->nr_regions + 1;
	AUTO_FREE struct candidate *hot = malloc(nr * sizeof(*hot));
	AUTO_FREE struct candidate *cold = malloc(nr * sizeof(*cold));
	struct pair p = {
		.view = view, .limits = limits, .plan = plan, .budget_bytes = limits->budget_bytes
	};

	if (!hot || !cold)
		return;
	for (int upper = 0; upper + 1 < (int)view->topology->nr_tiers; upper++) {
		p.upper = upper;
		p.promote = find_scheme(limits, (uint32_t)upper, THERMO_PROMOTE);
		p.demote = find_scheme(limits, (uint32_t)upper, THERMO_DEMOTE);
		decide_pair(&p, hot, cold);
	}
}

void plan_fini(struct plan *plan)
{
	free(plan->moves);
	*plan = (struct plan){ 0 };
}
