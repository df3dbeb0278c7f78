// SPDX-License-Identifier: GPL-2.0-or-later
/* report_views.c - see report_views.h.  Columns are stable, see thermocline-report(1). */
#include "cli/report_views.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/units.h"
#include "core/cleanup.h"
#include "core/error.h"

#define BAR_CHARS 30

static const uint64_t wss_within_ns[REPORT_NR_WSS] = { 1000000000ull, 10000000000ull,
						       60000000000ull, 600000000000ull };

struct thermo_snapshot report_narrow(const struct thermo_snapshot *s, int32_t pid)
{
	struct thermo_snapshot none = *s;

	if (pid == 0)
		return *s;
	for (uint32_t i = 0; i < s->nr_targets; i++)
		if (s->targets[i].pid == pid)
			return view_of_target(s, i);
	none.nr_regions = 0;
	return none;
}

/* One row of any of these, for a program.  The first one has the header before it. */
static void print_row(struct report_output *o, struct table_row *row, bool first)
{
	if (o->format == REPORT_JSON) {
		report_print_json(o, row_json(row));
	} else {
		if (first)
			csv_print_header(o->out, row);
		csv_print(o->out, row);
	}
	row->nr = 0;
}

/* --- working set size --- */

void report_wss_add(struct report_wss *wss, const struct thermo_snapshot *s)
{
	for (int i = 0; i < REPORT_NR_WSS; i++) {
		wss->newest[i] = view_bytes_accessed(s, wss_within_ns[i]);
		view_series_add(&wss->series[i], wss->newest[i]);
	}
}

static void make_wss_row(struct table_row *t, const struct report_wss *wss, int i)
{
	static const struct {
		const char *name;
		double percent;
	} columns[] = { { "min_bytes", 0 },  { "p25_bytes", 25 }, { "p50_bytes", 50 },
			{ "p75_bytes", 75 }, { "p95_bytes", 95 }, { "max_bytes", 100 } };
	const struct view_series *series = &wss->series[i];

	row_u64(t, "within_ns", wss_within_ns[i]);
	row_u64(t, "snapshots", series->nr);
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
		row_u64(t, columns[c].name, view_series_percentile(series, columns[c].percent));
	row_double(t, "mean_bytes", view_series_mean(series));
	row_u64(t, "newest_bytes", wss->newest[i]);
}

void report_wss_print(struct report_output *o, const struct report_wss *wss)
{
	struct table_row t = { 0 };

	if (o->format == REPORT_TEXT)
		fprintf(o->out, "%15s %8s %8s %8s %8s %8s %8s %8s %8s\n", "ACCESSED WITHIN", "MIN",
			"25%", "MEDIAN", "75%", "95%", "MAX", "MEAN", "NEWEST");
	for (int i = 0; i < REPORT_NR_WSS; i++) {
		make_wss_row(&t, wss, i);
		if (o->format != REPORT_TEXT) {
			print_row(o, &t, i == 0);
			continue;
		}
		fprintf(o->out, "%15s", unit_ns(wss_within_ns[i]));
		for (size_t c = 2; c < t.nr; c++)
			fprintf(o->out, " %8s",
				unit_bytes(t.cells[c].kind == CELL_U64 ? (double)t.cells[c].u64
								       : t.cells[c].real));
		fprintf(o->out, "\n");
		t.nr = 0;
	}
}

/* --- idle time --- */

static bool is_shown(int percent)
{
	return percent % 10 == 0 || percent == 1 || percent == 5 || percent == 25 ||
	       percent == 75 || percent == 95 || percent == 99;
}

static void print_idle_text(const struct report_output *o, const int64_t *idle_ns, int64_t bytes)
{
	fprintf(o->out, "of %s observed memory\n\n%8s  %s\n", unit_bytes((double)bytes), "BYTES",
		"IDLE FOR AT MOST");
	for (int p = 0; p < VIEW_NR_PERCENTILES; p++)
		if (is_shown(p))
			fprintf(o->out, "%7d%%  %s%s\n", p, idle_ns[p] < 0 ? "hot for " : "",
				unit_ns((uint64_t)(idle_ns[p] < 0 ? -idle_ns[p] : idle_ns[p])));
}

static int print_idle(struct report_output *o, const struct thermo_snapshot *s)
{
	int64_t idle_ns[VIEW_NR_PERCENTILES], bytes = view_idle_percentiles(s, idle_ns);
	struct table_row t = { 0 };

	if (bytes < 0)
		return (int)bytes;
	if (o->format == REPORT_TEXT) {
		print_idle_text(o, idle_ns, bytes);
		return 0;
	}
	for (int p = 0; p < VIEW_NR_PERCENTILES; p++) {
		row_u64(&t, "time_ns", s->time_ns);
		row_u64(&t, "percent", (uint64_t)p);
		row_i64_if(&t, bytes > 0, "idle_ns", idle_ns[p]);
		row_u64(&t, "observed_bytes", (uint64_t)bytes);
		print_row(o, &t, p == 0);
	}
	return 0;
}

/* --- histograms --- */

static const char *bound_text(enum report_view view, double bound)
{
	if (isinf(bound))
		return "";
	return view == VIEW_RECENCY ? unit_ns((uint64_t)(bound * 1e9)) : unit_count(bound);
}

static void print_bucket_text(const struct report_output *o, enum report_view view,
			      const struct view_bucket *b, const char *label, double all,
			      double largest)
{
	char bar[BAR_CHARS + 1] = "";
	size_t len = largest > 0 ? (size_t)ceil(BAR_CHARS * (double)b->bytes / largest) : 0;

	memset(bar, '#', len);
	if (label)
		fprintf(o->out, "%18s", label);
	else
		fprintf(o->out, "%8s %9s", bound_text(view, b->low), bound_text(view, b->high));
	fprintf(o->out, " %8s %6s %8s  %s\n", unit_bytes((double)b->bytes),
		unit_percent(true, (double)b->bytes, all), unit_count(b->accesses_per_s), bar);
}

static void print_bucket(struct report_output *o, const struct thermo_snapshot *s,
			 const struct view_bucket *b, const char *kind, bool first)
{
	struct table_row t = { 0 };
	bool ranged = strcmp(kind, "range") == 0;

	row_u64(&t, "time_ns", s->time_ns);
	row_text(&t, "kind", kind);
	row_double_if(&t, ranged, "low", b->low);
	row_double_if(&t, ranged && !isinf(b->high), "high", b->high);
	row_u64(&t, "bytes", b->bytes);
	/* What was never observed has an assumed rate: it is not told. */
	row_double_if(&t, strcmp(kind, "unobserved") != 0, "accesses_per_s", b->accesses_per_s);
	print_row(o, &t, first);
}

/* The first and last bucket with something in it.  Return: false when there is none. */
static bool find_range(const struct view_histogram *h, int *first, int *last)
{
	*first = VIEW_NR_BUCKETS;
	*last = -1;
	for (int i = 0; i < VIEW_NR_BUCKETS; i++)
		if (h->buckets[i].bytes) {
			*first = i < *first ? i : *first;
			*last = i;
		}
	return *last >= 0;
}

static void print_histogram_text(const struct report_output *o, enum report_view view,
				 const struct view_histogram *h)
{
	double all = (double)h->never.bytes + (double)h->unobserved.bytes;
	double largest = fmax((double)h->never.bytes, (double)h->unobserved.bytes);
	struct view_bucket unobserved = h->unobserved;
	int first, last;

	unobserved.accesses_per_s = 0;
	for (int i = 0; i < VIEW_NR_BUCKETS; i++) {
		all += (double)h->buckets[i].bytes;
		largest = fmax(largest, (double)h->buckets[i].bytes);
	}
	fprintf(o->out, "%s\n%8s %9s %8s %6s %8s\n",
		view == VIEW_RECENCY ? "time since the last access" : "accesses per second and MiB",
		"FROM", "TO", "BYTES", "SHARE", "ACC/S");
	if (find_range(h, &first, &last))
		for (int i = first; i <= last; i++)
			print_bucket_text(o, view, &h->buckets[i], NULL, all, largest);
	if (h->never.bytes)
		print_bucket_text(o, view, &h->never, "never accessed", all, largest);
	if (h->unobserved.bytes)
		print_bucket_text(o, view, &unobserved, "never observed", all, largest);
}

static void print_histogram(struct report_output *o, enum report_view view,
			    const struct thermo_snapshot *s)
{
	struct view_histogram h;

	if (view == VIEW_RECENCY)
		view_recency(s, &h);
	else
		view_temperature(s, &h);
	if (o->format == REPORT_TEXT) {
		print_histogram_text(o, view, &h);
		return;
	}
	for (int i = 0; i < VIEW_NR_BUCKETS; i++)
		print_bucket(o, s, &h.buckets[i], "range", i == 0);
	if (view == VIEW_RECENCY)
		print_bucket(o, s, &h.never, "never", false);
	print_bucket(o, s, &h.unobserved, "unobserved", false);
}

int report_view_print(struct report_output *o, enum report_view view,
		      const struct thermo_snapshot *s)
{
	if (view == VIEW_IDLE)
		return print_idle(o, s);
	print_histogram(o, view, s);
	return 0;
}

/* --- idle ages, of the kernel --- */

static void make_ages_row(struct table_row *t, const struct idle_ages *ages,
			  const struct idle_row *row, bool is_node)
{
	static const char *const anon[IDLE_NR_BUCKETS] = { "anon_new_bytes",  "anon_0s_bytes",
							   "anon_1s_bytes",   "anon_10s_bytes",
							   "anon_1min_bytes", "anon_10min_bytes",
							   "anon_1h_bytes" };
	static const char *const file[IDLE_NR_BUCKETS] = { "file_new_bytes",  "file_0s_bytes",
							   "file_1s_bytes",   "file_10s_bytes",
							   "file_1min_bytes", "file_10min_bytes",
							   "file_1h_bytes" };

	row_u64(t, "time_ns", ages->time_ns);
	row_text(t, "what", is_node ? "node" : "cgroup");
	row_i64(t, "node", row->node);
	row_text(t, "cgroup", row->path);
	row_u64_if(t, !is_node, "memcg", row->memcg);
	row_u64(t, "looked_ago_ns", row->looked_ms * 1000000ull);
	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		row_u64(t, anon[b], row->anon_bytes[b]);
	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		row_u64(t, file[b], row->file_bytes[b]);
}

static void print_ages_text(FILE *out, const struct idle_row *row, const char *name)
{
	fprintf(out, "%-32s %8s", name, unit_ns(row->looked_ms * 1000000ull));
	for (int b = 0; b < IDLE_NR_BUCKETS; b++) {
		uint64_t bytes = row->anon_bytes[b] + row->file_bytes[b];

		fprintf(out, " %8s", bytes ? unit_bytes((double)bytes) : "-");
	}
	fprintf(out, "\n");
}

static void print_ages_table(FILE *out, const struct idle_ages *ages)
{
	char name[32], safe[31];

	fprintf(out, "%-32s %8s", "IDLE FOR AT LEAST", "LOOKED");
	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		fprintf(out, " %8s", idle_bucket_name((enum idle_bucket)b));
	fprintf(out, "\n");
	for (uint32_t n = 0; n < ages->nr_nodes; n++) {
		(void)snprintf(name, sizeof(name), "node %d", ages->nodes[n].node);
		print_ages_text(out, &ages->nodes[n], name);
		for (uint32_t i = 0; i < ages->nr_rows; i++) {
			if (ages->rows[i].node != ages->nodes[n].node)
				continue;
			(void)snprintf(name, sizeof(name), " %s",
				       safe_text(ages->rows[i].path, safe, sizeof(safe)));
			print_ages_text(out, &ages->rows[i], name);
		}
	}
	if (ages->nr_left_out)
		fprintf(out, "%" PRIu64 " small cgroups are in their nodes only\n",
			ages->nr_left_out);
}

void report_ages_print(struct report_output *o, const struct idle_ages *ages)
{
	struct table_row t = { 0 };

	if (o->format == REPORT_TEXT) {
		print_ages_table(o->out, ages);
		return;
	}
	for (uint32_t i = 0; i < ages->nr_nodes; i++) {
		make_ages_row(&t, ages, &ages->nodes[i], true);
		print_row(o, &t, i == 0);
	}
	for (uint32_t i = 0; i < ages->nr_rows; i++) {
		make_ages_row(&t, ages, &ages->rows[i], false);
		print_row(o, &t, false);
	}
}

/* --- page types --- */

double report_hot_rate(const struct thermo_snapshot *s)
{
	double accesses = 0, bytes = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		if (!view_is_observed(r))
			continue;
		accesses += r->accesses_per_s;
		bytes += (double)(r->end - r->start);
	}
	return bytes > 0 ? accesses / bytes * VIEW_MIB : 0;
}

static const char *const group_names[NR_PAGE_GROUPS] = { "all", "hot", "cold", "unobserved" };

static void print_share_text(FILE *out, bool known, const struct page_share *s)
{
	char text[24];

	(void)snprintf(text, sizeof(text), known ? "%.1f%% +-%.1f" : "-", 100 * (double)s->share,
		       100 * (double)s->error);
	fprintf(out, " %14s", text);
}

static const char *cgroup_name(const struct page_cgroup *c)
{
	if (c->path[0])
		return c->path;
	return c->inode ? "unknown" : "none";
}

static void print_types_text(const struct report_output *o, const struct page_types *types,
			     double hot_rate)
{
	char safe[64];

	fprintf(o->out, "hot: %s accesses a second and MiB, the mean, or more\n\n%-16s",
		unit_count(hot_rate), "");
	for (int g = 0; g < NR_PAGE_GROUPS; g++)
		fprintf(o->out, " %14s", group_names[g]);
	fprintf(o->out, "\n%-16s", "bytes");
	for (int g = 0; g < NR_PAGE_GROUPS; g++)
		fprintf(o->out, " %14s", unit_bytes((double)types->groups[g].bytes));
	fprintf(o->out, "\n%-16s", "pages looked at");
	for (int g = 0; g < NR_PAGE_GROUPS; g++)
		fprintf(o->out, " %14u", types->groups[g].nr_pages);
	for (int c = 0; c < NR_PAGE_CLASSES; c++) {
		fprintf(o->out, "\n%-16s", page_class_name((enum page_class)c));
		for (int g = 0; g < NR_PAGE_GROUPS; g++)
			print_share_text(o->out, types->groups[g].nr_pages > 0,
					 &types->groups[g].classes[c]);
	}
	for (uint32_t i = 0; types->has_cgroups && i < types->nr_cgroups; i++) {
		fprintf(o->out, "\n%-16s", safe_text(cgroup_name(&types->cgroups[i]), safe, 17));
		for (int g = 0; g < NR_PAGE_GROUPS; g++)
			print_share_text(o->out, types->groups[g].nr_pages > 0,
					 &types->cgroups[i].groups[g]);
	}
	fprintf(o->out, "\n");
}

static void print_type(struct report_output *o, const struct page_group_types *group,
		       const char *kind, const char *name, int g, const struct page_share *share,
		       bool first)
{
	struct table_row t = { 0 };
	bool known = group->nr_pages > 0;

	row_text(&t, "group", group_names[g]);
	row_text(&t, "kind", kind);
	row_text(&t, "name", name);
	row_double_if(&t, known, "share", (double)share->share);
	row_double_if(&t, known, "share_error", (double)share->error);
	row_u64(&t, "group_bytes", group->bytes);
	row_u64(&t, "group_pages", group->nr_pages);
	print_row(o, &t, first);
}

void report_pagetypes_print(struct report_output *o, const struct page_types *types,
			    double hot_rate)
{
	if (o->format == REPORT_TEXT) {
		print_types_text(o, types, hot_rate);
		return;
	}
	for (int g = 0; g < NR_PAGE_GROUPS; g++) {
		const struct page_group_types *group = &types->groups[g];

		for (int c = 0; c < NR_PAGE_CLASSES; c++)
			print_type(o, group, c < NR_PAGE_KINDS ? "kind" : "flag",
				   page_class_name((enum page_class)c), g, &group->classes[c],
				   g == 0 && c == 0);
		for (uint32_t i = 0; types->has_cgroups && i < types->nr_cgroups; i++)
			print_type(o, group, "cgroup", cgroup_name(&types->cgroups[i]), g,
				   &types->cgroups[i].groups[g], false);
		if (types->has_cgroups)
			print_type(o, group, "cgroup", "other", g, &types->other_cgroups[g], false);
	}
}
