// SPDX-License-Identifier: GPL-2.0-or-later
/* report_rows.c - see report_rows.h.  Each region is taken apart, each part goes to a row. */
#include "cli/report_parts.h"

#include <errno.h>
#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/views.h"

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
static struct report_row *find_row(struct report *report, const struct report_part *part)
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

/* What it is called now: a process may become another program. */
static void name_row(const struct report *report, struct report_row *row,
		     const struct report_part *part)
{
	if (report->by == REPORT_PROCESS || report->by == REPORT_THREAD)
		memcpy(row->name, part->target->name, sizeof(row->name));
}

/* Return: NULL without memory. */
static struct report_row *new_row(struct report *report, const struct report_part *part)
{
	struct report_row *row = calloc(1, sizeof(*row));

	if (!row || make_room(report)) {
		free(row);
		return NULL;
	}
	row->number = part->number;
	row->sub = part->sub;
	row->node = part->node;
	if (report->by == REPORT_PROCESS || report->by == REPORT_THREAD)
		row->pid = part->target->pid;
	name_row(report, row, part);
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

static struct report_row *row_for(struct report *report, const struct report_part *part)
{
	struct report_row *row;

	if (part->is_other)
		return &report->other;
	row = find_row(report, part);
	if (row) {
		name_row(report, row, part);
		return row;
	}
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

static void add_part(struct report *report, const struct report_part *part)
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

		report_take_apart(report, s, r, add_part);
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
static void add_detail(struct report *report, const struct report_part *part)
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
		report_take_apart(report, newest, &newest->regions[i], add_detail);
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
