// SPDX-License-Identifier: GPL-2.0-or-later
/* report_regions.c - rows of regions.  Columns are stable, see thermocline-report(1). */
#include "cli/report_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/units.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/views.h"

/* A region with what is printed of it. */
struct line {
	const struct thermo_snapshot *snapshot;
	const struct thermo_region *region;
	const struct thermo_target *target;
	struct report_rates rates;
	struct thermo_share node; /* that accesses it most; share 0: unknown */
	bool observed;
};

static struct line make_line(const struct record_machine *m, const struct thermo_snapshot *s,
			     const struct thermo_region *r)
{
	struct thermo_share nodes[THERMO_TOP_NODES];
	struct line line = { .snapshot = s,
			     .region = r,
			     .target = &s->targets[r->target],
			     .rates = report_region_rates(m, r),
			     .observed = view_is_observed(r) };
	size_t nr = report_accessor_nodes(m, r, nodes);

	for (size_t i = 0; i < nr; i++)
		if (nodes[i].share > line.node.share)
			line.node = nodes[i];
	return line;
}

/* --- order --- */

static double sort_value(const struct line *l, enum report_sort sort)
{
	switch (sort) {
	case REPORT_SORT_DENSITY:
		return view_rate(l->region);
	case REPORT_SORT_READS:
		return l->rates.reads;
	case REPORT_SORT_WRITES:
		return l->rates.writes;
	case REPORT_SORT_LOCAL:
		return l->rates.local;
	case REPORT_SORT_REMOTE:
		return l->rates.remote;
	case REPORT_SORT_BYTES:
		return l->rates.bytes;
	default:
		return l->rates.accesses;
	}
}

/* Regions are in the order of their keys already. */
static int compare(const void *a, const void *b, void *sort)
{
	const struct line *x = a, *y = b;
	double vx = x->observed ? sort_value(x, *(enum report_sort *)sort) : -1;
	double vy = y->observed ? sort_value(y, *(enum report_sort *)sort) : -1;

	if (*(enum report_sort *)sort == REPORT_SORT_KEY || vx == vy)
		return x->region < y->region ? -1 : x->region > y->region;
	return vx < vy ? 1 : -1;
}

/* --- for programs --- */

static void add_who(struct table_row *t, const char *const names[3],
		    const struct thermo_share *share)
{
	bool known = share->share > 0;

	row_u64_if(t, known, names[0], share->key);
	row_double_if(t, known, names[1], (double)share->share);
	row_double_if(t, known, names[2], (double)share->error);
}

/* The rate of what was never observed is an assumption: it is not told. */
static void add_rates(struct table_row *t, const struct line *l)
{
	bool op_known = l->observed && l->region->op_known_share > 0;

	row_double_if(t, l->observed, "accesses_per_s", l->rates.accesses);
	row_double_if(t, op_known, "reads_per_s", l->rates.reads);
	row_double_if(t, op_known, "writes_per_s", l->rates.writes);
}

static void add_place(struct table_row *t, const struct line *l)
{
	const struct thermo_region *r = l->region;
	bool known = l->rates.local + l->rates.remote > 0;
	double resident = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++)
		resident += (double)r->nodes[i].bytes;
	row_double(t, "resident_bytes", resident);
	row_double_if(t, resident > 0, "node_share",
		      resident > 0 ? (double)r->nodes[0].bytes / resident : 0);
	row_double_if(t, known, "local_per_s", l->rates.local);
	row_double_if(t, known, "remote_per_s", l->rates.remote);
}

static void add_latency(struct table_row *t, const struct thermo_region *r)
{
	bool known = r->latency_share > 0;

	row_double_if(t, known, "latency_mean_ns", (double)r->latency_mean_ns);
	row_double_if(t, known, "latency_p50_ns", (double)r->latency_p50_ns);
	row_double_if(t, known, "latency_p95_ns", (double)r->latency_p95_ns);
	row_double_if(t, known, "latency_p99_ns", (double)r->latency_p99_ns);
}

/* Return: index of the largest of @nr shares, or -1 when all are 0. */
static int find_largest(const float *shares, int nr)
{
	int largest = -1;

	for (int i = 0; i < nr; i++)
		if (shares[i] > (largest < 0 ? 0 : shares[largest]))
			largest = i;
	return largest;
}

/* Those that are not told apart have the name of the first. */
static const char *source_name(const struct thermo_snapshot *s, int source)
{
	for (uint32_t i = 0; i < s->nr_sources; i++)
		if (source >= 0 && s->sources[i].source == (uint32_t)source)
			return s->sources[i].name;
	return "";
}

static void add_where_from(struct table_row *t, const struct line *l)
{
	static const char *const level_names[THERMO_NR_LEVELS] = {
		"unknown",    "l1",          "l2",   "l3",  "line_fill_buffer", "remote_cache",
		"local_dram", "remote_dram", "pmem", "cxl", "uncached",
	};
	int level = find_largest(l->region->levels, THERMO_NR_LEVELS);
	int source = find_largest(l->region->sources, THERMO_MAX_SOURCES);

	row_text(t, "level", level >= 0 ? level_names[level] : "");
	row_double_if(t, level >= 0, "level_share",
		      level >= 0 ? (double)l->region->levels[level] : 0);
	row_text(t, "source", source_name(l->snapshot, source));
	row_double_if(t, source >= 0, "source_share",
		      source >= 0 ? (double)l->region->sources[source] : 0);
}

static void make_row(struct table_row *t, const struct line *l)
{
	static const char *const node[] = { "accessor_node", "accessor_node_share",
					    "accessor_node_share_error" };
	static const char *const cpu[] = { "cpu", "cpu_share", "cpu_share_error" };
	static const char *const tid[] = { "tid", "tid_share", "tid_share_error" };
	const struct thermo_region *r = l->region;

	t->nr = 0;
	row_u64(t, "time_ns", l->snapshot->time_ns);
	row_i64(t, "pid", l->target->pid);
	row_u64(t, "start", r->start);
	row_u64(t, "end", r->end);
	add_rates(t, l);
	row_u64(t, "age_ns", r->age_ns);
	row_i64_if(t, r->nodes[0].bytes > 0 && r->nodes[0].node >= 0, "node", r->nodes[0].node);
	row_double_if(t, l->observed, "accesses_per_s_error", l->rates.error);
	row_double_if(t, l->observed && l->rates.bytes > 0, "bytes_per_s", l->rates.bytes);
	row_u64_if(t, r->idle_ns != UINT64_MAX, "idle_ns", r->idle_ns);
	row_u64_if(t, r->evidence_age_ns != UINT64_MAX, "evidence_age_ns", r->evidence_age_ns);
	row_double(t, "events", (double)r->nr_events);
	row_double(t, "exposure_s", (double)r->exposure_s);
	add_place(t, l);
	add_who(t, node, &l->node);
	add_who(t, cpu, &r->cpus[0]);
	add_who(t, tid, &r->tids[0]);
	add_latency(t, r);
	add_where_from(t, l);
	row_text(t, "name", l->target->name);
	row_text(t, "cgroup", l->target->cgroup);
	row_u64(t, "realtime_ns", l->snapshot->realtime_ns);
}

/* --- for people --- */

static void print_text_header(FILE *out)
{
	fprintf(out, "%8s %-12s %12s %6s %6s %4s %6s %5s %5s %5s %5s %6s %6s\n", "PID", "COMMAND",
		"START", "SIZE", "ACC/S", "+-", "/MIB", "READ", "WRITE", "AGE", "IDLE", "NODE",
		"CPU");
}

static const char *share_text(char text[24], bool known, int64_t key, double share)
{
	(void)snprintf(text, 24, known ? "%" PRId64 ":%.0f%%" : "-", key, 100 * share);
	return text;
}

static void print_text(FILE *out, const struct line *l)
{
	const struct thermo_region *r = l->region;
	const struct report_rates *rates = &l->rates;
	bool op_known = rates->reads + rates->writes > 0;
	char safe[13], pid[16], node[24], cpu[24];
	double resident = 0;

	for (int i = 0; i < THERMO_REGION_NODES; i++)
		resident += (double)r->nodes[i].bytes;
	(void)snprintf(pid, sizeof(pid), l->target->pid == THERMO_PID_PHYSICAL ? "physical" : "%d",
		       l->target->pid);
	fprintf(out, "%8s %-12s %12" PRIx64 " %6s", pid,
		safe_text(l->target->name, safe, sizeof(safe)), r->start,
		unit_bytes((double)(r->end - r->start)));
	if (l->observed)
		fprintf(out, " %6s %4s %6s %5s %5s %5s %5s", unit_count(rates->accesses),
			unit_percent(true, rates->error, rates->accesses), unit_count(view_rate(r)),
			unit_percent(op_known, rates->reads, rates->accesses),
			unit_percent(op_known, rates->writes, rates->accesses), unit_ns(r->age_ns),
			unit_ns(r->idle_ns));
	else
		fprintf(out, " %6s %4s %6s %5s %5s %5s %5s", "unseen", "-", "-", "-", "-", "-",
			"-");
	fprintf(out, " %6s %6s\n",
		share_text(node, resident > 0, r->nodes[0].node,
			   resident > 0 ? (double)r->nodes[0].bytes / resident : 0),
		share_text(cpu, r->cpus[0].share > 0, r->cpus[0].key, (double)r->cpus[0].share));
}

static void print_line(struct report_output *o, const struct line *l)
{
	struct table_row t;

	if (o->format == REPORT_TEXT) {
		print_text(o->out, l);
		return;
	}
	make_row(&t, l);
	if (o->format == REPORT_CSV)
		csv_print(o->out, &t);
	else
		report_print_json(o, row_json(&t));
}

void report_print_regions_header(struct report_output *o)
{
	static const struct thermo_snapshot no_snapshot;
	static const struct thermo_region no_region;
	static const struct thermo_target no_target;
	const struct line nothing = { .snapshot = &no_snapshot,
				      .region = &no_region,
				      .target = &no_target };
	struct table_row t;

	if (o->format == REPORT_TEXT)
		print_text_header(o->out);
	if (o->format != REPORT_CSV)
		return;
	make_row(&t, &nothing);
	csv_print_header(o->out, &t);
}

int report_print_regions(struct report_output *o, const struct record_machine *m,
			 const struct thermo_snapshot *s, int32_t pid)
{
	AUTO_FREE struct line *lines = malloc((s->nr_regions + 1) * sizeof(*lines));
	size_t nr = 0, nr_printed = 0;
	double total = 0;

	if (!lines)
		return thermo_fail(-ENOMEM, "report: no memory for %u regions", s->nr_regions);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		if (pid && s->targets[s->regions[i].target].pid != pid)
			continue;
		lines[nr] = make_line(m, s, &s->regions[i]);
		total += lines[nr].observed ? lines[nr].rates.accesses : 0;
		nr++;
	}
	if (nr)
		qsort_r(lines, nr, sizeof(*lines), compare, &o->sort);
	for (size_t i = 0; i < nr && (!o->limit || nr_printed < o->limit); i++) {
		bool is_worth_it = lines[i].observed
						   ? lines[i].rates.accesses >= o->min_share * total
						   : o->min_share <= 0;

		if (is_worth_it)
			print_line(o, &lines[i]);
		nr_printed += is_worth_it;
	}
	if (o->format == REPORT_TEXT && nr_printed < nr)
		fprintf(o->out, "%zu more: --limit, --min-share\n", nr - nr_printed);
	return 0;
}
