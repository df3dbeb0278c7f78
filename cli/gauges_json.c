// SPDX-License-Identifier: GPL-2.0-or-later
/* gauges_json.c - gauges in the status, for programs and people.  Names are stable. */
#include <inttypes.h>
#include <string.h>

#include "cli/gauges.h"
#include "cli/table.h"
#include "cli/units.h"
#include "core/proc.h"

/* Cgroups on nodes that are told beside those that are watched. */
#define MAX_OTHERS 16u
#define PRINTED_CGROUPS 12u

static void add_u64(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return value;
}

static uint64_t get_u64(struct json_object *o, const char *key)
{
	return json_object_get_uint64(get(o, key));
}

/* --- what the kernel moved --- */

/* Missing when this kernel does not tell. */
static void add_change(struct json_object *o, const char *key, struct vmstat_change c, bool rated)
{
	struct json_object *change;
	char text[32];

	if (!c.known)
		return;
	change = json_object_new_object();
	add_u64(change, "since_start", c.since_start);
	(void)snprintf(text, sizeof(text), "%.3f", c.per_s);
	if (rated)
		json_object_object_add(change, "per_s", json_object_new_double_s(c.per_s, text));
	json_object_object_add(o, key, change);
}

static void add_items(struct json_object *o, const struct vmstat *v, const struct vmstat_node *n,
		      int nr)
{
	for (int i = 0; i < nr; i++)
		add_change(o, vmstat_name((enum vmstat_item)i),
			   vmstat_change(v, n, (enum vmstat_item)i), true);
	add_change(o, "demoted", vmstat_demoted(v, n), true);
}

struct json_object *gauges_kernel_json(const struct gauges *g)
{
	const struct vmstat *v = &g->vmstat;
	struct json_object *o = json_object_new_object(), *nodes = json_object_new_array();
	struct json_object *unknown = json_object_new_array();

	if (g->vmstat_error[0])
		add_text(o, "error", g->vmstat_error);
	add_items(o, v, &v->all, VMSTAT_NR_ITEMS);
	add_u64(o, "ours_pages", g->ours_pages);
	add_change(o, "moved_by_others", vmstat_others_moved(v, g->ours_pages), false);
	for (int i = 0; i < VMSTAT_NR_ITEMS; i++)
		if (!vmstat_change(v, &v->all, (enum vmstat_item)i).known)
			json_object_array_add(unknown, json_object_new_string(vmstat_name(
								       (enum vmstat_item)i)));
	json_object_object_add(o, "not_told", unknown);
	for (size_t i = 0; i < v->nr_nodes; i++) {
		struct json_object *n = json_object_new_object();

		add_u64(n, "node", (uint64_t)v->nodes[i].node);
		add_items(n, v, &v->nodes[i], VMSTAT_NR_NODE_ITEMS);
		json_object_array_add(nodes, n);
	}
	json_object_object_add(o, "nodes", nodes);
	return o;
}

/* "-" for what this kernel does not tell. */
static void print_change(FILE *out, const char *name, struct json_object *c)
{
	char pages[24] = "-", rate[24] = "-";

	if (c)
		(void)snprintf(pages, sizeof(pages), "%" PRIu64, get_u64(c, "since_start"));
	if (get(c, "per_s"))
		(void)snprintf(rate, sizeof(rate), "%.1f", json_object_get_double(get(c, "per_s")));
	fprintf(out, "%-22s %12s %10s\n", name, pages, rate);
}

static void print_node(FILE *out, struct json_object *n)
{
	struct json_object *up = get(n, "pgpromote_success"), *down = get(n, "demoted");

	fprintf(out, "  node %-3" PRIu64, get_u64(n, "node"));
	if (up)
		fprintf(out, " promoted to it %" PRIu64 ",", get_u64(up, "since_start"));
	if (down)
		fprintf(out, " demoted from it %" PRIu64 ",", get_u64(down, "since_start"));
	fprintf(out, " allocated here though wanted elsewhere %" PRIu64 "\n",
		get_u64(get(n, "numa_miss"), "since_start"));
}

void gauges_kernel_print(FILE *out, struct json_object *kernel)
{
	static const struct {
		const char *name;
		const char *key;
	} lines[] = {
		{ "promoted", "pgpromote_success" },
		{ "demoted", "demoted" },
		{ "moved by hint faults", "numa_pages_migrated" },
		{ "moved by others", "moved_by_others" },
		{ "moves that failed", "pgmigrate_fail" },
		{ "hint faults", "numa_hint_faults" },
	};
	struct json_object *nodes = get(kernel, "nodes"), *unknown = get(kernel, "not_told");

	if (!kernel)
		return;
	fprintf(out, "\n%-22s %12s %10s\n", "kernel's own pages", "since start", "per s");
	if (get(kernel, "error"))
		fprintf(out, "  %s\n", json_object_get_string(get(kernel, "error")));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		print_change(out, lines[i].name, get(kernel, lines[i].key));
	for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++)
		print_node(out, json_object_array_get_idx(nodes, i));
	if (!unknown || !json_object_array_length(unknown))
		return;
	fprintf(out, "  not told by this kernel:");
	for (size_t i = 0; i < json_object_array_length(unknown); i++)
		fprintf(out, " %s", json_object_get_string(json_object_array_get_idx(unknown, i)));
	fprintf(out, "\n");
}

/* --- for how long memory has been idle --- */

static struct json_object *buckets_json(const uint64_t bytes[IDLE_NR_BUCKETS])
{
	struct json_object *o = json_object_new_object();

	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		add_u64(o, idle_bucket_name((enum idle_bucket)b), bytes[b]);
	return o;
}

static struct json_object *row_to_json(const struct idle_row *row)
{
	struct json_object *o = json_object_new_object();

	add_u64(o, "node", (uint64_t)row->node);
	add_u64(o, "bytes", idle_row_bytes(row));
	add_u64(o, "looked_ago_ns", row->looked_ms * 1000000ull);
	json_object_object_add(o, "anon_bytes", buckets_json(row->anon_bytes));
	json_object_object_add(o, "file_bytes", buckets_json(row->file_bytes));
	return o;
}

static bool is_watched(const struct thermo_snapshot *s, const char *path)
{
	for (uint32_t i = 0; s && i < s->nr_targets; i++)
		if (strncmp(s->targets[i].cgroup, path, IDLE_PATH_BYTES - 1) == 0)
			return true;
	return false;
}

static struct json_object *cgroups_json(const struct idle_ages *ages,
					const struct thermo_snapshot *s, uint64_t *nr_left_out)
{
	struct json_object *list = json_object_new_array();
	uint32_t nr_others = 0;

	*nr_left_out = ages->nr_left_out;
	for (uint32_t i = 0; i < ages->nr_rows; i++) {
		const struct idle_row *row = &ages->rows[i];
		bool watched = is_watched(s, row->path);
		struct json_object *o;

		if (!watched && nr_others++ >= MAX_OTHERS) {
			++*nr_left_out;
			continue;
		}
		o = row_to_json(row);
		add_text(o, "cgroup", row->path);
		add_u64(o, "memcg", row->memcg);
		json_object_object_add(o, "watched", json_object_new_boolean(watched));
		json_object_array_add(list, o);
	}
	return list;
}

struct json_object *gauges_idle_json(const struct gauges *g, const struct thermo_snapshot *s,
				     uint64_t now_ns)
{
	const struct idle_ages *ages = g->ages;
	struct json_object *o = json_object_new_object(), *nodes;
	uint64_t nr_left_out;

	if (g->ages_error[0])
		add_text(o, "error", g->ages_error);
	if (!ages || !ages->time_ns)
		return o;
	nodes = json_object_new_array();
	add_u64(o, "read_ago_ns", now_ns > ages->time_ns ? now_ns - ages->time_ns : 0);
	add_u64(o, "read_cpu_ns", ages->read_ns);
	add_u64(o, "bad_lines", ages->nr_bad);
	for (uint32_t i = 0; i < ages->nr_nodes; i++)
		json_object_array_add(nodes, row_to_json(&ages->nodes[i]));
	json_object_object_add(o, "nodes", nodes);
	json_object_object_add(o, "cgroups", cgroups_json(ages, s, &nr_left_out));
	add_u64(o, "cgroups_left_out", nr_left_out);
	return o;
}

static void print_row(FILE *out, const char *name, struct json_object *row)
{
	struct json_object *anon = get(row, "anon_bytes"), *file = get(row, "file_bytes");

	fprintf(out, "%-28s %8s", name, unit_ns(get_u64(row, "looked_ago_ns")));
	for (int b = 0; b < IDLE_NR_BUCKETS; b++) {
		const char *key = idle_bucket_name((enum idle_bucket)b);
		uint64_t bytes = get_u64(anon, key) + get_u64(file, key);

		fprintf(out, " %8s", bytes ? unit_bytes((double)bytes) : "-");
	}
	fprintf(out, "\n");
}

/* Below each node the largest cgroups on it; those that are watched have a star. */
static void print_cgroups(FILE *out, struct json_object *cgroups, uint64_t node)
{
	unsigned int nr = 0;

	for (size_t i = 0; cgroups && i < json_object_array_length(cgroups); i++) {
		struct json_object *c = json_object_array_get_idx(cgroups, i);
		const char *path = json_object_get_string(get(c, "cgroup"));
		bool watched = json_object_get_boolean(get(c, "watched"));
		char name[64], safe[48];

		if (get_u64(c, "node") != node || (!watched && nr >= PRINTED_CGROUPS))
			continue;
		nr++;
		(void)snprintf(name, sizeof(name), " %c%.25s", watched ? '*' : ' ',
			       safe_text(path ? path : "", safe, sizeof(safe)));
		print_row(out, name, c);
	}
}

void gauges_idle_print(FILE *out, struct json_object *idle)
{
	struct json_object *nodes = get(idle, "nodes");
	const char *error = json_object_get_string(get(idle, "error"));

	if (!idle)
		return;
	if (error)
		fprintf(out, "\n%s\n", error);
	if (!nodes)
		return;
	fprintf(out, "\n%-28s %8s", "idle for at least", "looked");
	for (int b = 0; b < IDLE_NR_BUCKETS; b++)
		fprintf(out, " %8s", idle_bucket_name((enum idle_bucket)b));
	fprintf(out, "\n");
	for (size_t i = 0; i < json_object_array_length(nodes); i++) {
		struct json_object *n = json_object_array_get_idx(nodes, i);
		char name[32];

		(void)snprintf(name, sizeof(name), "node %" PRIu64, get_u64(n, "node"));
		print_row(out, name, n);
		print_cgroups(out, get(idle, "cgroups"), get_u64(n, "node"));
	}
	fprintf(out, "  as of when the kernel looked last; new: since then%s\n",
		get_u64(idle, "cgroups_left_out") ? "; small cgroups are in their nodes only" : "");
}
