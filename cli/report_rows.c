// SPDX-License-Identifier: GPL-2.0-or-later
/* report_rows.c - see report_rows.h.  Each region is taken apart, each part goes to a row. */
#include "cli/report_rows.h"

#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/views.h"

/* A thread's own node is not told.  If a node makes this share of the accesses, it is that. */
#define ONE_NODE_SHARE 0.9f

/* A region's accesses by one of those who access it. */
struct part {
	const struct thermo_region *region;
	const struct thermo_target *target;
	bool is_other;
	uint64_t number;
	uint64_t sub;
	int node;
	const char *cgroup;
	struct report_rates rates;
};

typedef void part_fn(struct report *report, const struct part *part);

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

static struct part part_of(const struct thermo_snapshot *s, const struct thermo_region *r)
{
	return (struct part){ .region = r,
			      .target = &s->targets[r->target],
			      .node = RECORD_NODE_UNKNOWN };
}

/* What is left when @told of all was given to somebody. */
static void give_rest(struct report *report, struct part *part, double told, part_fn *fn)
{
	if (told > 0.9999)
		return;
	part->is_other = true;
	part->number = part->sub = 0;
	part->node = RECORD_NODE_UNKNOWN;
	part->rates = rates_of(part->region, 1 - told, 0, RECORD_NODE_UNKNOWN);
	fn(report, part);
}

static void take_cpus(struct report *report, struct part *part, part_fn *fn)
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

static void take_threads(struct report *report, struct part *part, part_fn *fn)
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

static void take_nodes(struct report *report, struct part *part, part_fn *fn)
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

static void take_ops(struct report *report, struct part *part, part_fn *fn)
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

static void take_whole(struct report *report, struct part *part, part_fn *fn)
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

static void take_apart(struct report *report, const struct thermo_snapshot *s,
		       const struct thermo_region *r, part_fn *fn)
{
	static void (*const take[REPORT_NR_BY])(struct report *, struct part *, part_fn *) = {
		[REPORT_CPU] = take_cpus,       [REPORT_NODE] = take_nodes,
		[REPORT_THREAD] = take_threads, [REPORT_OP] = take_ops,
		[REPORT_PROCESS] = take_whole,  [REPORT_CGROUP] = take_whole,
	};
	struct part part = part_of(s, r);

	if (view_is_observed(r) && (!report->pid || part.target->pid == report->pid))
		take[report->by](report, &part, fn);
}

/* --- rows --- */

static int by_key(const void *a, const void *b)
{
	const struct report_row *x = a, *y = b;

	if (x->cgroup && y->cgroup)
		return strcmp(x->cgroup, y->cgroup);
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->sub < y->sub ? -1 : x->sub > y->sub;
}

/* Return: NULL when there is none yet. */
static struct report_row *find_row(struct report *report, const struct part *part)
{
	struct report_row key = { .number = part->number,
				  .sub = part->sub,
				  .cgroup = (char *)part->cgroup };
	struct report_row **found = tfind(&key, &report->tree, by_key);

	return found ? *found : NULL;
}

static int make_room(struct report *report)
{
	size_t room = report->room ? 2 * report->room : 64;
	struct report_row **grown;

	if (report->nr_rows < report->room)
		return 0;
	grown = realloc(report->rows, room * sizeof(struct report_row *));
	if (!grown)
		return -ENOMEM;
	report->rows = grown;
	report->room = room;
	return 0;
}

static void free_row(struct report_row *row)
{
	if (!row)
		return;
	free(row->cgroup);
	free(row->details);
	free(row);
}

/* Return: NULL without memory. */
static struct report_row *new_row(struct report *report, const struct part *part)
{
	struct report_row *row = calloc(1, sizeof(*row));

	if (!row || make_room(report)) {
		free(row);
		return NULL;
	}
	row->number = part->number;
	row->sub = part->sub;
	row->node = part->node;
	if (report->by == REPORT_PROCESS || report->by == REPORT_THREAD) {
		row->pid = part->target->pid;
		memcpy(row->name, part->target->name, sizeof(row->name));
	}
	if (part->cgroup && !(row->cgroup = strdup(part->cgroup))) {
		free(row);
		return NULL;
	}
	if (!tsearch(row, &report->tree, by_key)) {
		free_row(row);
		return NULL;
	}
	report->rows[report->nr_rows++] = row;
	return row;
}

static struct report_row *row_for(struct report *report, const struct part *part)
{
	struct report_row *row;

	if (part->is_other)
		return &report->other;
	row = find_row(report, part);
	if (row)
		return row;
	if (report->nr_rows == REPORT_MAX_ROWS) {
		report->out_of_rows = true;
		return &report->other;
	}
	row = new_row(report, part);
	report->out_of_memory |= !row;
	return row ? row : &report->other;
}

static void add_rates(struct report_rates *sum, const struct report_rates *r, double weight)
{
	sum->accesses += r->accesses * weight;
	sum->excess += r->excess * weight;
	sum->reads += r->reads * weight;
	sum->writes += r->writes * weight;
	sum->local += r->local * weight;
	sum->remote += r->remote * weight;
	sum->bytes += r->bytes * weight;
	sum->served += r->served * weight;
}

static void add_part(struct report *report, const struct part *part)
{
	struct report_row *row = row_for(report, part);

	add_rates(&row->rates, &part->rates, report->weight);
	row->variance += part->rates.error * part->rates.error;
	row->nr_regions += part->rates.accesses > 0;
}

static void begin_row(struct report_row *row)
{
	row->nr_regions = 0;
	row->variance = 0;
}

/* Regions are known independently of each other, but a snapshot is not of the one before. */
static void end_row(struct report_row *row, double weight)
{
	row->rates.error += sqrt(row->variance) * weight;
}

static void add_total(struct report *report, const struct thermo_region *r)
{
	struct report_rates rates = report_region_rates(report->machine, r);

	add_rates(&report->total, &rates, report->weight);
	report->total_variance += rates.error * rates.error;
}

int report_add(struct report *report, const struct thermo_snapshot *s)
{
	/* Seconds weigh; those of a window without length, which no monitor makes, as 1 ns. */
	report->weight = (double)(s->window_ns ? s->window_ns : 1) / 1e9;
	report->seconds += report->weight;
	report->nr_snapshots++;
	report->total_variance = 0;
	begin_row(&report->other);
	for (size_t i = 0; i < report->nr_rows; i++)
		begin_row(report->rows[i]);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		take_apart(report, s, r, add_part);
		if (view_is_observed(r) &&
		    (!report->pid || s->targets[r->target].pid == report->pid))
			add_total(report, r);
	}
	end_row(&report->other, report->weight);
	for (size_t i = 0; i < report->nr_rows; i++)
		end_row(report->rows[i], report->weight);
	report->total.error += sqrt(report->total_variance) * report->weight;
	return report->out_of_memory ? thermo_fail(-ENOMEM, "report: no memory for %zu rows",
						   report->nr_rows)
				     : 0;
}

/* --- the end --- */

static void divide(struct report_rates *r, double by)
{
	r->accesses /= by;
	r->error /= by;
	r->excess /= by;
	r->reads /= by;
	r->writes /= by;
	r->local /= by;
	r->remote /= by;
	r->bytes /= by;
	r->served /= by;
}

void report_finish(struct report *report)
{
	if (report->nr_snapshots == 0)
		return;
	for (size_t i = 0; i < report->nr_rows; i++)
		divide(&report->rows[i]->rates, report->seconds);
	divide(&report->other.rates, report->seconds);
	divide(&report->total, report->seconds);
}

/* Keep the heaviest: they are few, so each one is put into its place. */
static void add_detail(struct report *report, const struct part *part)
{
	struct report_row *row = part->is_other ? &report->other : find_row(report, part);
	uint32_t nr = row && row->details ? row->nr_details : 0, i;

	if (nr == 0 || part->rates.accesses <= row->details[nr - 1].rates.accesses)
		return;
	for (i = nr - 1; i > 0 && row->details[i - 1].rates.accesses < part->rates.accesses; i--)
		row->details[i] = row->details[i - 1];
	row->details[i] = (struct report_detail){ part->region, part->target, part->rates };
}

/* Places that nobody took have no region. */
static void drop_empty(struct report_row *row)
{
	while (row->nr_details > 0 && !row->details[row->nr_details - 1].region)
		row->nr_details--;
}

static int make_details(struct report_row *row, uint32_t nr)
{
	row->details = calloc(nr, sizeof(*row->details));
	row->nr_details = nr;
	return row->details ? 0 : thermo_fail(-ENOMEM, "report: no memory");
}

int report_add_details(struct report *report, const struct thermo_snapshot *newest, size_t nr_rows,
		       uint32_t nr_details)
{
	size_t nr = nr_rows < report->nr_rows ? nr_rows : report->nr_rows;
	int err = 0;

	if (nr_details == 0)
		return 0;
	err = make_details(&report->other, nr_details);
	for (size_t i = 0; i < nr && !err; i++)
		err = make_details(report->rows[i], nr_details);
	for (uint32_t i = 0; i < newest->nr_regions && !err; i++)
		take_apart(report, newest, &newest->regions[i], add_detail);
	drop_empty(&report->other);
	for (size_t i = 0; i < nr; i++)
		drop_empty(report->rows[i]);
	return err;
}

void report_init(struct report *report, enum report_by by, const struct record_machine *machine,
		 int32_t pid)
{
	*report = (struct report){
		.by = by,
		.machine = machine,
		.pid = pid,
		.other = { .is_other = true, .node = RECORD_NODE_UNKNOWN },
	};
}

static void keep_row(void *row)
{
	(void)row;
}

void report_fini(struct report *report)
{
	tdestroy(report->tree, keep_row);
	for (size_t i = 0; i < report->nr_rows; i++)
		free_row(report->rows[i]);
	free(report->rows);
	free(report->other.details);
	*report = (struct report){ 0 };
}
