// SPDX-License-Identifier: GPL-2.0-or-later
/* report_print.c - rows of those who access.  Columns are stable, see thermocline-report(1). */
#include "cli/report_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/units.h"

static const char *const op_names[THERMO_NR_OPS] = { "unknown", "read", "write" };

/* --- order --- */

static double sort_value(const struct report_row *row, enum report_sort sort)
{
	const struct report_rates *r = &row->rates;

	switch (sort) {
	case REPORT_SORT_READS:
		return r->reads;
	case REPORT_SORT_WRITES:
		return r->writes;
	case REPORT_SORT_LOCAL:
		return r->local;
	case REPORT_SORT_REMOTE:
		return r->remote;
	case REPORT_SORT_BYTES:
		return r->bytes;
	default:
		return r->accesses;
	}
}

static int by_key(const struct report_row *x, const struct report_row *y)
{
	if (x->cgroup && y->cgroup)
		return strcmp(x->cgroup, y->cgroup);
	return x->number < y->number ? -1 : x->number > y->number;
}

static int compare(const void *a, const void *b, void *sort)
{
	const struct report_row *x = *(struct report_row *const *)a;
	const struct report_row *y = *(struct report_row *const *)b;
	double vx = sort_value(x, *(enum report_sort *)sort);
	double vy = sort_value(y, *(enum report_sort *)sort);

	if (*(enum report_sort *)sort == REPORT_SORT_KEY || vx == vy)
		return by_key(x, y);
	return vx < vy ? 1 : -1;
}

static bool is_worth_it(const struct report_output *o, const struct report *report,
			const struct report_rates *r)
{
	return r->accesses >= o->min_share * report->total.accesses;
}

size_t report_sort_rows(const struct report_output *o, struct report *report)
{
	enum report_sort sort = o->sort;
	size_t nr = 0;

	if (report->nr_rows)
		qsort_r(report->rows, report->nr_rows, sizeof(struct report_row *), compare, &sort);
	for (size_t i = 0; i < report->nr_rows && (!o->limit || nr < o->limit); i++)
		if (is_worth_it(o, report, &report->rows[i]->rates)) {
			struct report_row *row = report->rows[i];

			/* Those that are printed come first, so that only they get details. */
			report->rows[i] = report->rows[nr];
			report->rows[nr++] = row;
		}
	return nr;
}

/* --- for programs --- */

static const char *const by_names[REPORT_NR_BY] = {
	[REPORT_CPU] = "cpu", [REPORT_NODE] = "node",   [REPORT_THREAD] = "tid",
	[REPORT_OP] = "op",   [REPORT_PROCESS] = "pid", [REPORT_CGROUP] = "cgroup",
};

static void add_key(struct table_row *t, const struct report *report, const struct report_row *row)
{
	const char *name = by_names[report->by];

	if (row->is_other && report->by != REPORT_OP)
		row_unknown(t, name);
	else if (report->by == REPORT_OP)
		row_text(t, name, op_names[row->is_other ? 0 : row->number]);
	else if (report->by == REPORT_CGROUP)
		row_text(t, name, row->cgroup);
	else
		row_i64(t, name, (int64_t)row->number);
	if (report->by == REPORT_THREAD)
		row_i64_if(t, !row->is_other, "pid", row->pid);
	if (report->by == REPORT_THREAD || report->by == REPORT_PROCESS)
		row_text(t, "name", row->name);
	if (report->by == REPORT_CPU)
		row_i64_if(t, row->node >= 0, "node", row->node);
}

static void add_rates(struct table_row *t, const struct report_rates *r)
{
	bool op_known = r->reads + r->writes > 0 || !(r->accesses > 0);
	bool place_known = r->local + r->remote > 0 || !(r->accesses > 0);

	row_double(t, "accesses_per_s", r->accesses);
	row_double(t, "accesses_per_s_error", r->error);
	row_double(t, "accesses_per_s_excess", r->excess);
	row_double_if(t, op_known, "reads_per_s", r->reads);
	row_double_if(t, op_known, "writes_per_s", r->writes);
	row_double_if(t, place_known, "local_per_s", r->local);
	row_double_if(t, place_known, "remote_per_s", r->remote);
	row_double(t, "bytes_per_s", r->bytes);
}

static double share_of(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static void make_row(struct table_row *t, const struct report *report, const struct report_row *row)
{
	t->nr = 0;
	add_key(t, report, row);
	row_u64(t, "rank", 0);
	add_rates(t, &row->rates);
	row_double(t, "share", share_of(row->rates.accesses, report->total.accesses));
	row_u64(t, "regions", row->nr_regions);
	if (report->by == REPORT_NODE)
		row_double_if(t, !row->is_other, "served_per_s", row->rates.served);
	row_unknown(t, "region_pid");
	row_unknown(t, "start");
	row_unknown(t, "end");
}

/* What follows the key.  Its share would be of the mean, but it is of the newest snapshot. */
static void add_detail(struct table_row *t, const struct report *report,
		       const struct report_row *row, uint32_t i)
{
	const struct report_detail *d = &row->details[i];

	row_u64(t, "rank", i + 1);
	add_rates(t, &d->rates);
	row_unknown(t, "share");
	row_unknown(t, "regions");
	if (report->by == REPORT_NODE)
		row_unknown(t, "served_per_s");
	row_i64(t, "region_pid", d->target->pid);
	row_u64(t, "start", d->region->start);
	row_u64(t, "end", d->region->end);
}

static void print_csv(const struct report_output *o, const struct report *report,
		      const struct report_row *row)
{
	struct table_row t;

	make_row(&t, report, row);
	csv_print(o->out, &t);
	for (uint32_t i = 0; i < row->nr_details; i++) {
		t.nr = 0;
		add_key(&t, report, row);
		add_detail(&t, report, row, i);
		csv_print(o->out, &t);
	}
}

void report_print_json(struct report_output *o, struct json_object *row)
{
	fprintf(o->out, "%s\n    %s", o->has_rows ? "," : "",
		json_object_to_json_string_ext(row, JSON_C_TO_STRING_PLAIN));
	o->has_rows = true;
	json_object_put(row);
}

static void print_json(struct report_output *o, const struct report *report,
		       const struct report_row *row)
{
	struct json_object *object, *list = json_object_new_array();
	struct table_row t;

	make_row(&t, report, row);
	object = row_json(&t);
	json_object_object_del(object, "rank");
	if (row->is_other)
		json_object_object_add(object, "other", json_object_new_boolean(1));
	for (uint32_t i = 0; i < row->nr_details; i++) {
		t.nr = 0;
		add_detail(&t, report, row, i);
		json_object_array_add(list, row_json(&t));
	}
	if (o->nr_details)
		json_object_object_add(object, "top_regions", list);
	else
		json_object_put(list);
	report_print_json(o, object);
}

/* --- for people --- */

static void print_text_header(const struct report_output *o, const struct report *report)
{
	static const char *const heads[REPORT_NR_BY] = {
		[REPORT_CPU] = "   CPU NODE",
		[REPORT_NODE] = "  NODE TIER",
		[REPORT_THREAD] = "   THREAD     PID COMMAND     ",
		[REPORT_OP] = "  ACCESS ",
		[REPORT_PROCESS] = "     PID COMMAND     ",
		[REPORT_CGROUP] = "  CGROUP                        ",
	};

	fprintf(o->out, "%s  %6s %4s %6s %-6s %4s %5s %5s %6s %6s %4s%s\n", heads[report->by],
		"ACC/S", "+-", "SHARE", "(LESS)", "READ", "WRITE", "LOCAL", "REMOTE", "B/S", "REGS",
		report->by == REPORT_NODE ? " SERVED" : "");
}

static int tier_of(const struct record_machine *m, int node)
{
	for (uint32_t i = 0; i < m->nr_nodes; i++)
		if (m->nodes[i].node == node)
			return m->nodes[i].tier;
	return RECORD_TIER_UNKNOWN;
}

static const char *number_text(bool known, int64_t value, char text[24])
{
	(void)snprintf(text, 24, known ? "%" PRId64 : "-", value);
	return text;
}

/* The end of a long path says more than its beginning. */
static const char *tail_of(const char *text, size_t len)
{
	size_t all = strlen(text);

	return all > len ? text + all - len : text;
}

static void print_key(const struct report_output *o, const struct report *report,
		      const struct report_row *row)
{
	char number[24], second[24], safe[256];
	int tier = tier_of(report->machine, row->node);

	(void)number_text(!row->is_other, (int64_t)row->number, number);
	switch (report->by) {
	case REPORT_CPU:
		fprintf(o->out, "%6s %4s", row->is_other ? "other" : number,
			number_text(row->node >= 0, row->node, second));
		return;
	case REPORT_NODE:
		fprintf(o->out, "%6s %4s", row->is_other ? "other" : number,
			number_text(tier >= 0, tier, second));
		return;
	case REPORT_THREAD:
		fprintf(o->out, "%9s %7s %-12.12s", row->is_other ? "other" : number,
			number_text(!row->is_other, row->pid, second),
			safe_text(row->name, safe, sizeof(safe)));
		return;
	case REPORT_PROCESS:
		fprintf(o->out, "%8s %-12.12s",
			row->is_other                     ? "other"
			: row->pid == THERMO_PID_PHYSICAL ? "physical"
							  : number,
			safe_text(row->name, safe, sizeof(safe)));
		return;
	case REPORT_OP:
		fprintf(o->out, "  %-7s", op_names[row->is_other ? 0 : row->number]);
		return;
	default:
		fprintf(o->out, "  %-30s",
			row->is_other ? "unknown"
				      : tail_of(safe_text(row->cgroup, safe, sizeof(safe)), 30));
		return;
	}
}

static void print_rates(const struct report_output *o, const struct report *report,
			const struct report_row *row)
{
	const struct report_rates *r = &row->rates;
	bool op_known = r->reads + r->writes > 0, place_known = r->local + r->remote > 0;
	double all = report->total.accesses;
	char share[32] = "-", less[32] = "";

	if (all > 0 && r->excess / all >= 0.0005)
		(void)snprintf(less, sizeof(less), "-%.1f%%", 100 * r->excess / all);
	if (all > 0)
		(void)snprintf(share, sizeof(share), "%.1f%%", 100 * r->accesses / all);
	fprintf(o->out, "  %6s %4s %6s %-6s %4s %5s %5s %6s %6s %4u", unit_count(r->accesses),
		unit_percent(true, r->error, r->accesses), share, less,
		unit_percent(op_known, r->reads, r->accesses),
		unit_percent(op_known, r->writes, r->accesses),
		unit_percent(place_known, r->local, r->accesses),
		unit_percent(place_known, r->remote, r->accesses), unit_bytes(r->bytes),
		row->nr_regions);
	if (report->by == REPORT_NODE)
		fprintf(o->out, " %6s", row->is_other ? "" : unit_count(r->served));
	fprintf(o->out, "\n");
}

static void print_detail(const struct report_output *o, const struct report_detail *d)
{
	const struct report_rates *r = &d->rates;
	char safe[16], text[48];

	(void)snprintf(text, sizeof(text), "%s/%d", safe_text(d->target->name, safe, sizeof(safe)),
		       d->target->pid);
	fprintf(o->out, "%10s %-23s %12" PRIx64 " %6s %6s/s", "", text, d->region->start,
		unit_bytes((double)(d->region->end - d->region->start)), unit_count(r->accesses));
	if (r->reads + r->writes > 0)
		fprintf(o->out, "  read %s write %s", unit_percent(true, r->reads, r->accesses),
			unit_percent(true, r->writes, r->accesses));
	if (r->local + r->remote > 0)
		fprintf(o->out, "  local %s", unit_percent(true, r->local, r->accesses));
	fprintf(o->out, "\n");
}

static void print_row(struct report_output *o, const struct report *report,
		      const struct report_row *row)
{
	if (o->format == REPORT_CSV) {
		print_csv(o, report, row);
	} else if (o->format == REPORT_JSON) {
		print_json(o, report, row);
	} else {
		print_key(o, report, row);
		print_rates(o, report, row);
		for (uint32_t i = 0; i < row->nr_details; i++)
			print_detail(o, &row->details[i]);
	}
}

void report_print_rows(struct report_output *o, const struct report *report)
{
	const struct report_row nobody = { .is_other = true, .node = RECORD_NODE_UNKNOWN };
	struct table_row t;
	size_t nr = 0;

	if (o->format == REPORT_CSV) {
		make_row(&t, report, &nobody);
		csv_print_header(o->out, &t);
	} else if (o->format == REPORT_TEXT) {
		print_text_header(o, report);
	}
	for (size_t i = 0; i < report->nr_rows && (!o->limit || nr < o->limit); i++, nr++) {
		if (!is_worth_it(o, report, &report->rows[i]->rates))
			break;
		print_row(o, report, report->rows[i]);
	}
	/* The rest is told whatever its share: without it the rows would seem to be all. */
	if (report->other.rates.accesses > 0)
		print_row(o, report, &report->other);
	if (o->format == REPORT_TEXT && nr < report->nr_rows)
		fprintf(o->out, "%zu more: --limit, --min-share\n", report->nr_rows - nr);
}
