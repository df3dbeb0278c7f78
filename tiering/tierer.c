// SPDX-License-Identifier: GPL-2.0-or-later
/* tierer.c - one tick after the other. */
#include "tiering/tierer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "tiering/cost.h"
#include "tiering/migrator.h"
#include "tiering/policy.h"

#define DEFAULT_SHARE_PCT 50
#define MACHINE_INTERVAL_NS 10000000000ull
#define DEFAULT_HORIZON_NS 60000000000ull
/* A tick's budget until the first moves have told what they cost. */
#define FIRST_BUDGET_BYTES (16ull << 20)
/* Of what fits into a tick, so that a plan is done before the next. */
#define PLAN_SHARE 0.8
/* ... and when it ends at the latest, whatever it has waited for: the next one knows more. */
#define PLAN_UNTIL 0.9
/* So much more is planned than may move: of what is planned not all is still there. */
#define PLAN_AHEAD 3

struct tierer {
	const struct thermo_host *host;
	struct tierer_opts opts;
	struct thermo_topology topology;
	struct thermo_scheme schemes[2 * THERMO_MAX_TIERS];
	size_t nr_schemes;
	uint32_t nr_cpus;
	int *node_of_cpu;
	struct migrator *migrator;
	uint64_t machine_at_ns; /* when the machine is looked at anew */
	struct tierer_status status;
	struct move_history history;
	struct move_cost cost;
};

/* Which node each CPU belongs to, for the CPUs of @topology. */
static int map_cpus(const struct thermo_host *host, const struct thermo_topology *topology,
		    int **node_of_cpu, uint32_t *nr_cpus)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	int err = thermo_host_read_list(host, set, "sys/devices/system/cpu/possible");
	int last = err ? -1 : hwloc_bitmap_last(set);
	int *map = malloc(((size_t)last + 2) * sizeof(*map));

	if (!map) {
		hwloc_bitmap_free(set);
		return thermo_fail(-ENOMEM, "tiering: no memory for %d CPUs", last + 1);
	}
	for (int cpu = 0; !err && cpu <= last; cpu++)
		map[cpu] = -1;
	for (size_t i = 0; !err && i < topology->nr_nodes; i++) {
		int id = topology->nodes[i].id;

		if (thermo_host_read_list(host, set, "sys/devices/system/node/node%d/cpulist", id))
			continue;
		for (int cpu = hwloc_bitmap_first(set); cpu >= 0 && cpu <= last;
		     cpu = hwloc_bitmap_next(set, cpu))
			map[cpu] = id;
	}
	hwloc_bitmap_free(set);
	if (err) {
		free(map);
		return err;
	}
	free(*node_of_cpu);
	*node_of_cpu = map;
	*nr_cpus = (uint32_t)(last + 1);
	return 0;
}

/* Look at the machine anew; what was known stays when that fails, or leaves one tier. */
static int read_machine(struct tierer *t)
{
	AUTO_FREE struct thermo_topology *fresh = calloc(1, sizeof(*fresh));
	int err;

	if (!fresh)
		return thermo_fail(-ENOMEM, "tiering: no memory");
	err = thermo_topology_read(fresh, t->host, t->opts.tiers);
	if (err)
		return err;
	if (fresh->nr_tiers < 2)
		return thermo_fail(-ENODEV,
				   "nothing to tier: %zu memory node%s, all of one tier (by %s)",
				   fresh->nr_nodes, fresh->nr_nodes == 1 ? "" : "s",
				   fresh->tiers_from);
	err = map_cpus(t->host, fresh, &t->node_of_cpu, &t->nr_cpus);
	if (err)
		return err;
	t->topology = *fresh;
	t->nr_schemes = thermo_default_schemes(&t->topology, t->schemes);
	return 0;
}

static int init(struct tierer *t)
{
	int err = read_machine(t);

	if (!err && !t->opts.dry_run)
		err = thermo_host_require_scan(t->host, "moving pages");
	if (!err && !t->opts.dry_run)
		err = migrator_start(&t->migrator, t->host, t->opts.share_pct);
	return err;
}

static void collect(struct tierer *t)
{
	uint64_t now_ns = thermo_host_now_ns(t->host);
	double ns_per_byte;

	migrator_collect(t->migrator, &t->status.counters, &ns_per_byte, &t->history);
	move_cost_measured(&t->cost, ns_per_byte, now_ns);
	t->status.move_ns_per_byte = move_cost_believed(&t->cost, now_ns);
	t->status.cpu_ns = migrator_cpu_ns(t->migrator);
}

int tierer_new(struct tierer **tierer, const struct thermo_host *host,
	       const struct tierer_opts *opts)
{
	struct tierer *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return thermo_fail(-ENOMEM, "tiering: no memory");
	t->host = host;
	t->opts = *opts;
	if (!t->opts.share_pct)
		t->opts.share_pct = DEFAULT_SHARE_PCT;
	if (!t->opts.horizon_ns)
		t->opts.horizon_ns = DEFAULT_HORIZON_NS;
	err = init(t);
	if (err) {
		tierer_free(t);
		return err;
	}
	*tierer = t;
	return 0;
}

void tierer_finish(struct tierer *t)
{
	if (!t->migrator)
		return;
	migrator_stop(t->migrator);
	collect(t);
	migrator_free(t->migrator);
	t->migrator = NULL;
}

void tierer_free(struct tierer *t)
{
	if (!t)
		return;
	tierer_finish(t);
	free(t->node_of_cpu);
	free(t);
}

/* What may move in a tick: the share of time, and the limit on bandwidth. */
static uint64_t budget_bytes(const struct tierer *t, uint64_t tick_ns)
{
	double cost = t->status.move_ns_per_byte;
	double bytes = cost > 0 ? PLAN_SHARE * (double)tick_ns * t->opts.share_pct / 100 / cost
				: (double)FIRST_BUDGET_BYTES;
	double limit = (double)t->opts.bytes_per_s * (double)tick_ns / 1e9;

	return (uint64_t)(t->opts.bytes_per_s && limit < bytes ? limit : bytes);
}

static void decide_and_act(struct tierer *t, const struct thermo_snapshot *snapshot,
			   uint64_t tick_ns)
{
	struct plan plan = { 0 };
	struct policy_view view = {
		.snapshot = snapshot,
		.topology = &t->topology,
		.history = &t->history,
		.node_of_cpu = t->node_of_cpu,
		.nr_cpus = t->nr_cpus,
		.now_ns = snapshot->time_ns,
		.move_ns_per_byte = t->status.move_ns_per_byte,
	};
	uint64_t may_move_bytes = budget_bytes(t, tick_ns);
	struct policy_limits limits = {
		.schemes = t->schemes,
		.nr_schemes = t->nr_schemes,
		.budget_bytes = t->migrator ? PLAN_AHEAD * may_move_bytes : may_move_bytes,
		.horizon_ns = t->opts.horizon_ns,
	};

	policy_decide(&view, &limits, &plan);
	plan.budget_bytes = may_move_bytes;
	plan.until_ns = thermo_host_now_ns(t->host) + (uint64_t)(PLAN_UNTIL * (double)tick_ns);
	for (int i = 0; i < THERMO_NR_ACTIONS; i++)
		t->status.planned_bytes[i] += plan.bytes[i];
	if (plan.nr && t->migrator)
		migrator_submit(t->migrator, &plan, &t->topology);
	plan_fini(&plan);
}

/* Nodes come and go, watermarks change: look at all of it now and then, or when a node is missed.
 */
static int observe(struct tierer *t, uint64_t now_ns)
{
	int err = thermo_topology_refresh(&t->topology, t->host);

	if (!err && now_ns < t->machine_at_ns)
		return 0;
	t->machine_at_ns = now_ns + MACHINE_INTERVAL_NS;
	return read_machine(t);
}

int tierer_tick(struct tierer *t, const struct thermo_snapshot *snapshot, uint64_t tick_ns)
{
	int err = observe(t, snapshot->time_ns);
	bool ready = true;

	if (t->migrator) {
		/* An older snapshot may show pages where they no longer are: wait for the next. */
		ready = migrator_is_idle_since(t->migrator, snapshot->time_ns);
		collect(t);
	}
	if (!err && ready)
		decide_and_act(t, snapshot, tick_ns);
	return err;
}

const struct thermo_topology *tierer_topology(const struct tierer *t)
{
	return &t->topology;
}

void tierer_status(struct tierer *t, struct tierer_status *status)
{
	*status = t->status;
}
