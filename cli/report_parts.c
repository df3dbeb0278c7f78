// SPDX-License-Identifier: GPL-2.0-or-later
/* report_parts.c - see report_parts.h. */
#include "cli/report_parts.h"

#include "core/views.h"

/* A thread's own node is not told.  If a node makes this share of the accesses, it is that. */
#define ONE_NODE_SHARE 0.9f

/* --- what is known of a region --- */

/* Of the resident bytes, those on @node; negative when that is unknown. */
static double resident_share(const struct thermo_region *r, int node)
{
	double all = 0, there = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		all += (double)r->nodes[i].bytes;
		if (r->nodes[i].node == node)
			there += (double)r->nodes[i].bytes;
	}
	return all > 0 && node >= 0 ? there / all : -1;
}

static void add_share(struct thermo_share *nodes, size_t *nr, int node,
		      const struct thermo_share *cpu)
{
	size_t i = 0;

	while (i < *nr && nodes[i].key != (uint32_t)node)
		i++;
	if (i == *nr)
		nodes[(*nr)++] = (struct thermo_share){ .key = (uint32_t)node };
	nodes[i].share += cpu->share;
	nodes[i].error += cpu->error;
}

size_t report_accessor_nodes(const struct record_machine *m, const struct thermo_region *r,
			     struct thermo_share *nodes)
{
	size_t nr = 0;

	while (nr < THERMO_TOP_NODES && r->accessor_nodes[nr].share > 0) {
		nodes[nr] = r->accessor_nodes[nr];
		nr++;
	}
	if (nr > 0)
		return nr;
	/* As many CPUs as nodes fit, so this does. */
	_Static_assert(THERMO_TOP_CPUS <= THERMO_TOP_NODES, "a node for each CPU");
	for (int i = 0; i < THERMO_TOP_CPUS && r->cpus[i].share > 0; i++) {
		int node = record_machine_node_of_cpu(m, r->cpus[i].key);

		if (node >= 0)
			add_share(nodes, &nr, node, &r->cpus[i]);
	}
	return nr;
}

/* The rates of @share of the accesses of @r, made from @node. */
static struct report_rates rates_of(const struct thermo_region *r, double share, double error,
				    int node)
{
	double accesses = r->accesses_per_s * share, there = resident_share(r, node);
	double known = accesses * (double)r->op_known_share;
	struct report_rates rates = {
		.accesses = accesses,
		.error = r->accesses_per_s_error * share,
		.excess = r->accesses_per_s * error,
		.reads = known * (double)r->read_share,
		.writes = known * (double)r->write_share,
		.bytes = r->bytes_per_s * share,
	};

	if (there >= 0) {
		rates.local = accesses * there;
		rates.remote = accesses * (1 - there);
	}
	return rates;
}

struct report_rates report_region_rates(const struct record_machine *m,
					const struct thermo_region *r)
{
	struct report_rates rates = rates_of(r, 1, 0, RECORD_NODE_UNKNOWN);
	struct thermo_share nodes[THERMO_TOP_NODES];
	size_t nr = report_accessor_nodes(m, r, nodes);

	for (size_t i = 0; i < nr; i++) {
		struct report_rates part =
				rates_of(r, (double)nodes[i].share, 0, (int)nodes[i].key);

		rates.local += part.local;
		rates.remote += part.remote;
	}
	return rates;
}

static int only_accessor_node(const struct record_machine *m, const struct thermo_region *r)
{
	struct thermo_share nodes[THERMO_TOP_NODES];
	size_t nr = report_accessor_nodes(m, r, nodes);

	for (size_t i = 0; i < nr; i++)
		if (nodes[i].share >= ONE_NODE_SHARE)
			return (int)nodes[i].key;
	return RECORD_NODE_UNKNOWN;
}

/* --- a region's parts --- */

static struct report_part part_of(const struct thermo_snapshot *s, const struct thermo_region *r)
{
	return (struct report_part){ .region = r,
				     .target = &s->targets[r->target],
				     .node = RECORD_NODE_UNKNOWN };
}

/* What is left when @told of all was given to somebody. */
static void give_rest(struct report *report, struct report_part *part, double told,
		      report_part_fn *fn)
{
	if (told > 0.9999)
		return;
	part->is_other = true;
	part->number = part->sub = 0;
	part->node = RECORD_NODE_UNKNOWN;
	part->rates = rates_of(part->region, 1 - told, 0, RECORD_NODE_UNKNOWN);
	fn(report, part);
}

static void take_cpus(struct report *report, struct report_part *part, report_part_fn *fn)
{
	const struct thermo_share *cpus = part->region->cpus;
	double told = 0;

	for (int i = 0; i < THERMO_TOP_CPUS && cpus[i].share > 0; i++) {
		part->number = cpus[i].key;
		part->node = record_machine_node_of_cpu(report->machine, cpus[i].key);
		part->rates = rates_of(part->region, (double)cpus[i].share, (double)cpus[i].error,
				       part->node);
		told += (double)cpus[i].share;
		fn(report, part);
	}
	give_rest(report, part, told, fn);
}

static void take_threads(struct report *report, struct report_part *part, report_part_fn *fn)
{
	const struct thermo_share *tids = part->region->tids;
	int node = only_accessor_node(report->machine, part->region);
	double told = 0;

	for (int i = 0; i < THERMO_TOP_TIDS && tids[i].share > 0; i++) {
		part->number = tids[i].key;
		part->rates = rates_of(part->region, (double)tids[i].share, (double)tids[i].error,
				       node);
		told += (double)tids[i].share;
		fn(report, part);
	}
	give_rest(report, part, told, fn);
}

static void take_nodes(struct report *report, struct report_part *part, report_part_fn *fn)
{
	const struct thermo_region *r = part->region;
	struct thermo_share nodes[THERMO_TOP_NODES];
	size_t nr = report_accessor_nodes(report->machine, r, nodes);
	double told = 0;

	for (size_t i = 0; i < nr; i++) {
		part->number = nodes[i].key;
		part->node = (int)nodes[i].key;
		part->rates = rates_of(r, (double)nodes[i].share, (double)nodes[i].error,
				       part->node);
		told += (double)nodes[i].share;
		fn(report, part);
	}
	/* Who serves them is another question. */
	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		if (r->nodes[i].bytes == 0 || r->nodes[i].node < 0)
			continue;
		part->number = (uint64_t)r->nodes[i].node;
		part->node = r->nodes[i].node;
		/* Over entries of the same node, as a hostile file may have, this adds up to more.
		 */
		part->rates = (struct report_rates){ .served = r->accesses_per_s *
							       resident_share(r, part->node) };
		fn(report, part);
	}
	give_rest(report, part, told, fn);
}

static void take_ops(struct report *report, struct report_part *part, report_part_fn *fn)
{
	const struct thermo_region *r = part->region;
	struct report_rates all = report_region_rates(report->machine, r);
	double known = (double)r->op_known_share;
	const double shares[THERMO_NR_OPS] = { [THERMO_OP_UNKNOWN] = known < 1 ? 1 - known : 0,
					       [THERMO_OP_READ] = known * (double)r->read_share,
					       [THERMO_OP_WRITE] = known * (double)r->write_share };

	for (int op = 0; op < THERMO_NR_OPS; op++) {
		if (shares[op] <= 0)
			continue;
		part->number = (uint64_t)op;
		part->rates = rates_of(r, shares[op], 0, RECORD_NODE_UNKNOWN);
		part->rates.reads = op == THERMO_OP_READ ? part->rates.accesses : 0;
		part->rates.writes = op == THERMO_OP_WRITE ? part->rates.accesses : 0;
		part->rates.local = all.local * shares[op];
		part->rates.remote = all.remote * shares[op];
		fn(report, part);
	}
}

static void take_whole(struct report *report, struct report_part *part, report_part_fn *fn)
{
	if (report->by == REPORT_CGROUP) {
		part->cgroup = part->target->cgroup;
		part->is_other = part->cgroup[0] == '\0';
	} else {
		part->number = (uint64_t)(int64_t)part->target->pid;
		part->sub = part->target->start_ticks;
	}
	part->rates = report_region_rates(report->machine, part->region);
	fn(report, part);
}

void report_take_apart(struct report *report, const struct thermo_snapshot *s,
		       const struct thermo_region *r, report_part_fn *fn)
{
	static void (*const take[REPORT_NR_BY])(struct report *, struct report_part *,
						report_part_fn *) = {
		[REPORT_CPU] = take_cpus,       [REPORT_NODE] = take_nodes,
		[REPORT_THREAD] = take_threads, [REPORT_OP] = take_ops,
		[REPORT_PROCESS] = take_whole,  [REPORT_CGROUP] = take_whole,
	};
	struct report_part part = part_of(s, r);

	if (view_is_observed(r) && (!report->pid || part.target->pid == report->pid))
		take[report->by](report, &part, fn);
}
