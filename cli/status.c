// SPDX-License-Identifier: GPL-2.0-or-later
/* status.c - numbers with units; names are stable, see thermocline-ctl(1). */
#include "cli/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/proc.h"

static const char *const action_names[THERMO_NR_ACTIONS] = { "promotion", "demotion" };

static void add_u64(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_double(struct json_object *o, const char *key, double value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *source_json(const struct source_view *v, uint64_t now_ns)
{
	static const char *const states[] = { [SOURCE_RUNS] = "running",
					      [SOURCE_FAILED] = "failed",
					      [SOURCE_STANDS_BY] = "standby" };
	struct json_object *o = json_object_new_object();
	const struct runner_status *s = &v->run;

	add_text(o, "name", s->source->name);
	add_text(o, "state", states[v->state]);
	add_u64(o, "since_ns", v->since_ns);
	if (v->nr_failures)
		add_u64(o, "failures", v->nr_failures);
	if (v->state == SOURCE_FAILED) {
		add_text(o, "error", v->why);
		add_u64(o, "retry_in_ns", v->retry_at_ns > now_ns ? v->retry_at_ns - now_ns : 0);
		add_text(o, "replaced_by", v->replaced_by);
	} else if (v->state == SOURCE_STANDS_BY) {
		add_text(o, "why_not", v->why);
	} else if (s->note[0]) {
		add_text(o, "note", s->note);
	}
	add_u64(o, "rate_permille", s->rate_permille);
	add_u64(o, "records_seen", s->counters.seen);
	add_u64(o, "records_ignored", s->counters.ignored);
	add_u64(o, "records_useless", s->counters.useless);
	add_u64(o, "records_lost", s->counters.lost);
	add_u64(o, "overhead_ns", s->counters.overhead_ns);
	add_u64(o, "reports", s->counters.reported);
	add_u64(o, "reports_dropped", s->dropped);
	add_u64(o, "cpu_ns", s->cpu_ns);
	return o;
}

static struct json_object *sources_json(const struct daemon *d, uint64_t now_ns)
{
	struct json_object *list = json_object_new_array();
	struct source_view views[SELECT_MAX];
	size_t nr = daemon_sources_view(d->sources, views);

	for (size_t i = 0; i < nr; i++)
		json_object_array_add(list, source_json(&views[i], now_ns));
	return list;
}

static struct json_object *node_json(const struct thermo_node *n)
{
	struct json_object *o = json_object_new_object();

	add_u64(o, "node", (uint64_t)n->id);
	add_u64(o, "tier", (uint64_t)n->tier);
	add_u64(o, "total_bytes", n->total_bytes);
	add_u64(o, "free_bytes", n->free_bytes);
	add_u64(o, "reserve_bytes", n->reserve_bytes);
	return o;
}

static void add_moves(struct json_object *o, const struct tierer_status *s)
{
	const struct thermo_move_counters *c = &s->counters;

	for (int a = 0; a < THERMO_NR_ACTIONS; a++) {
		struct json_object *pages = json_object_new_object();

		for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++)
			add_u64(pages, thermo_move_result_name(r), c->pages[a][r]);
		add_u64(pages, "planned_bytes", s->planned_bytes[a]);
		json_object_object_add(o, action_names[a], pages);
	}
	add_u64(o, "move_calls", c->calls);
	add_u64(o, "move_ns", c->call_ns);
	add_u64(o, "longest_call_ns", c->longest_call_ns);
	add_u64(o, "ping_pong_pages", c->ping_pongs);
	add_double(o, "move_ns_per_page", s->move_ns_per_byte * THERMO_PAGE_BYTES);
	add_u64(o, "migrator_cpu_ns", s->cpu_ns);
}

/* Accesses a second to all regions, and the share that the top tier serves. */
struct hits {
	double accesses_per_s;
	double top_share;
};

static struct hits estimate_hits(const struct daemon *d)
{
	const struct thermo_topology *t = daemon_topology(d);
	double all = 0, located = 0, top = 0;

	for (uint32_t i = 0; d->snapshot && i < d->snapshot->nr_regions; i++) {
		const struct thermo_region *r = &d->snapshot->regions[i];
		uint64_t bytes = 0, top_bytes = 0;

		if (r->exposure_s <= 0)
			continue;
		all += r->accesses_per_s;
		for (int j = 0; j < THERMO_REGION_NODES; j++) {
			int index = thermo_topology_find(t, r->nodes[j].node);

			bytes += r->nodes[j].bytes;
			if (index >= 0 && t->nodes[index].tier == 0)
				top_bytes += r->nodes[j].bytes;
		}
		if (bytes) {
			located += r->accesses_per_s;
			top += r->accesses_per_s * (double)top_bytes / (double)bytes;
		}
	}
	return (struct hits){ all, located > 0 ? top / located : 0 };
}

static void add_monitor(struct json_object *o, const struct daemon *d)
{
	struct hits hits = estimate_hits(d);

	add_u64(o, "targets", d->nr_targets > 0 ? (uint64_t)d->nr_targets : 0);
	if (!d->snapshot)
		return;
	const struct thermo_monitor_counters *c = &d->snapshot->counters;

	add_u64(o, "regions", d->snapshot->nr_regions);
	add_u64(o, "windows", d->snapshot->sequence);
	add_double(o, "accesses_per_s", hits.accesses_per_s);
	add_double(o, "top_tier_share", hits.top_share);
	add_u64(o, "reports_ingested", c->ingested);
	add_u64(o, "reports_no_target", c->no_target);
	add_u64(o, "reports_no_region", c->no_region);
	add_u64(o, "reports_no_owner", c->no_owner);
	add_u64(o, "reports_bad", c->bad);
	add_u64(o, "reports_dropped", c->dropped);
}

/* Of physical memory: there when reports of it have come. */
static void add_owners(struct json_object *root, const struct daemon *d)
{
	struct json_object *o;
	struct thermo_owners_status s;

	if (!d->monitor)
		return;
	thermo_monitor_owners_status(d->monitor, &s);
	if (!s.active && s.nr_unsearched == 0)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "active", json_object_new_boolean(s.active));
	add_u64(o, "wanted_bytes", s.wanted_bytes);
	add_u64(o, "runs", s.nr_runs);
	add_u64(o, "passes", s.nr_passes);
	add_u64(o, "pass_cpu_ns", s.pass_cpu_ns);
	add_u64(o, "looks", s.nr_looks);
	add_u64(o, "cpu_ns", s.cpu_ns);
	add_u64(o, "reports_anon", s.nr_anon);
	add_u64(o, "reports_file", s.nr_file);
	add_u64(o, "reports_huge", s.nr_huge);
	add_u64(o, "reports_shared", s.nr_shared);
	add_u64(o, "reports_unsearched", s.nr_unsearched);
	add_u64(o, "reports_unowned", s.nr_unowned);
	add_u64(o, "reports_too_wide", s.nr_too_wide);
	add_u64(o, "pages_moved", s.nr_moved);
	add_u64(o, "runs_unverified", s.nr_unverified);
	add_u64(o, "refused_frames", s.nr_refused_frames);
	add_u64(o, "refused_runs", s.nr_refused_runs);
	if (d->owners_error[0])
		add_text(o, "error", d->owners_error);
	json_object_object_add(root, "owners", o);
}

struct json_object *status_json(const struct daemon *d, uint64_t now_ns)
{
	struct json_object *root = json_object_new_object();
	struct json_object *nodes = json_object_new_array();
	struct json_object *monitor = json_object_new_object();
	const struct thermo_topology *t = daemon_topology(d);

	add_text(root, "version", THERMO_VERSION);
	add_u64(root, "pid", (uint64_t)getpid());
	add_u64(root, "time_ns", now_ns);
	add_u64(root, "uptime_ns", now_ns - d->started_ns);
	add_text(root, "mode",
		 !d->tierer                ? "monitor"
		 : d->opts->tierer.dry_run ? "dry-run"
					   : "tiering");
	add_double(root, "cpu_pct", d->governor.cpu_pct);
	add_double(root, "cpu_with_moves_pct", d->governor.cpu_with_moves_pct);
	add_u64(root, "rate_permille", d->governor.rate_permille);
	add_u64(root, "sheds", d->governor.nr_sheds);
	add_double(root, "doubt_bp", d->governor.doubt_bp);
	add_double(root, "access_ratio_bp", d->governor.access_ratio_bp);
	add_u64(root, "window_ms", d->governor.window_ms);
	add_text(root, "tiers_from", t->tiers_from);
	if (t->warning[0])
		add_text(root, "warning", t->warning);
	for (size_t i = 0; i < t->nr_nodes; i++)
		json_object_array_add(nodes, node_json(&t->nodes[i]));
	json_object_object_add(root, "nodes", nodes);
	json_object_object_add(root, "sources", sources_json(d, now_ns));
	json_object_object_add(root, "watching", json_object_new_boolean(!d->is_blind));
	json_object_object_add(root, "clients", clients_json(d->clients));
	add_monitor(monitor, d);
	json_object_object_add(root, "monitor", monitor);
	add_owners(root, d);
	if (d->tierer) {
		struct json_object *moves = json_object_new_object();
		struct tierer_status status;

		tierer_status(d->tierer, &status);
		add_moves(moves, &status);
		json_object_object_add(root, "migration", moves);
	}
	json_object_object_add(root, "kernel", gauges_kernel_json(&d->gauges));
	json_object_object_add(root, "idle_ages",
			       gauges_idle_json(&d->gauges, d->snapshot, now_ns));
	return root;
}

static struct json_object *shares_json(const struct thermo_share *shares, int nr, const char *key)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < nr && shares[i].share > 0; i++) {
		struct json_object *o = json_object_new_object();

		add_u64(o, key, shares[i].key);
		add_double(o, "share", (double)shares[i].share);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *region_json(const struct thermo_snapshot *s,
				       const struct thermo_region *r)
{
	struct json_object *o = json_object_new_object();
	struct json_object *nodes = json_object_new_array();

	add_u64(o, "pid", (uint64_t)s->targets[r->target].pid);
	add_u64(o, "start", r->start);
	add_u64(o, "end", r->end);
	add_double(o, "accesses_per_s", r->accesses_per_s);
	add_double(o, "accesses_per_s_error", r->accesses_per_s_error);
	add_double(o, "read_share", (double)r->read_share);
	add_double(o, "write_share", (double)r->write_share);
	add_double(o, "events", (double)r->nr_events);
	add_double(o, "exposure_s", (double)r->exposure_s);
	add_u64(o, "age_ns", r->age_ns);
	if (r->evidence_age_ns != UINT64_MAX)
		add_u64(o, "evidence_age_ns", r->evidence_age_ns);
	for (int i = 0; i < THERMO_REGION_NODES && r->nodes[i].bytes; i++) {
		struct json_object *n = json_object_new_object();

		add_u64(n, "node", (uint64_t)r->nodes[i].node);
		add_u64(n, "bytes", r->nodes[i].bytes);
		json_object_array_add(nodes, n);
	}
	json_object_object_add(o, "nodes", nodes);
	json_object_object_add(o, "cpus", shares_json(r->cpus, THERMO_TOP_CPUS, "cpu"));
	json_object_object_add(o, "threads", shares_json(r->tids, THERMO_TOP_TIDS, "tid"));
	return o;
}

struct json_object *regions_json(const struct daemon *d)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; d->snapshot && i < d->snapshot->nr_regions; i++)
		json_object_array_add(list, region_json(d->snapshot, &d->snapshot->regions[i]));
	return list;
}

int status_write(const struct daemon *d, uint64_t now_ns)
{
	const struct thermo_host *host = d->host;
	AUTO_CLOSE int fd = thermo_host_open_file(host, O_WRONLY | O_CREAT | O_TRUNC,
						  STATUS_PATH ".new");
	int err = 0;

	if (fd < 0)
		return fd;
	struct json_object *root = status_json(d, now_ns);

	if (json_object_to_fd(fd, root, JSON_C_TO_STRING_PRETTY) < 0)
		err = thermo_fail(-EIO, "/%s: cannot write: %s", STATUS_PATH, strerror(errno));
	json_object_put(root);
	if (!err && renameat(host->root_fd, STATUS_PATH ".new", host->root_fd, STATUS_PATH) < 0)
		err = thermo_fail(-errno, "/%s: %s", STATUS_PATH, strerror(errno));
	return err;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* Only when it did: mostly it does not. */
static void kernel_moves(const struct daemon *d, struct status_line_state *now,
			 const struct status_line_state *last, char *text, size_t size)
{
	const struct vmstat *v = &d->gauges.vmstat;
	uint64_t up, down;

	now->kernel_pages[THERMO_PROMOTE] = vmstat_change(v, &v->all, VMSTAT_PROMOTED).since_start;
	now->kernel_pages[THERMO_DEMOTE] = vmstat_demoted(v, &v->all).since_start;
	up = now->kernel_pages[THERMO_PROMOTE] - last->kernel_pages[THERMO_PROMOTE];
	down = now->kernel_pages[THERMO_DEMOTE] - last->kernel_pages[THERMO_DEMOTE];
	text[0] = '\0';
	if (up || down)
		(void)snprintf(text, size, ", the kernel up %.1f MiB down %.1f MiB",
			       mib(up * THERMO_PAGE_BYTES), mib(down * THERMO_PAGE_BYTES));
}

void status_line(const struct daemon *d, uint64_t now_ns, struct status_line_state *last,
		 char *text, size_t size)
{
	struct status_line_state now = { .time_ns = now_ns,
					 .seen = daemon_sources_reported(d->sources) };
	struct hits hits = estimate_hits(d);
	char moves[128] = "";

	if (d->tierer) {
		struct tierer_status s;

		tierer_status(d->tierer, &s);
		for (int a = 0; a < THERMO_NR_ACTIONS; a++) {
			now.moved_pages[a] = s.counters.pages[a][THERMO_MOVED];
			now.planned_bytes[a] = s.planned_bytes[a];
		}
		bool dry = d->opts->tierer.dry_run;

		(void)snprintf(moves, sizeof(moves), ", %s up %.1f MiB down %.1f MiB",
			       dry ? "would move" : "moved",
			       dry ? mib(now.planned_bytes[THERMO_PROMOTE] -
					 last->planned_bytes[THERMO_PROMOTE])
				   : mib((now.moved_pages[THERMO_PROMOTE] -
					  last->moved_pages[THERMO_PROMOTE]) *
					 THERMO_PAGE_BYTES),
			       dry ? mib(now.planned_bytes[THERMO_DEMOTE] -
					 last->planned_bytes[THERMO_DEMOTE])
				   : mib((now.moved_pages[THERMO_DEMOTE] -
					  last->moved_pages[THERMO_DEMOTE]) *
					 THERMO_PAGE_BYTES));
	}
	double seconds = (double)(now_ns - last->time_ns) / 1e9;
	char kernel[96];

	kernel_moves(d, &now, last, kernel, sizeof(kernel));
	(void)snprintf(text, size,
		       "%d targets, %u regions, %.0f reports/s, %.3g accesses/s, %.1f %% in top "
		       "tier%s%s, "
		       "cpu %.1f %%",
		       d->nr_targets, d->snapshot ? d->snapshot->nr_regions : 0,
		       last->time_ns ? (double)(now.seen - last->seen) / seconds : 0.0,
		       hits.accesses_per_s, 100 * hits.top_share, moves, kernel,
		       d->governor.cpu_with_moves_pct);
	*last = now;
}

/* --- for people --- */

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

static const char *get_text(struct json_object *o, const char *key)
{
	const char *text = json_object_get_string(get(o, key));

	return text ? text : "";
}

static void print_nodes(FILE *out, struct json_object *nodes)
{
	fprintf(out, "\n%-6s %-6s %12s %12s\n", "node", "tier", "total MiB", "free MiB");
	for (size_t i = 0; nodes && i < json_object_array_length(nodes); i++) {
		struct json_object *n = json_object_array_get_idx(nodes, i);

		fprintf(out, "%-6" PRIu64 " %-6" PRIu64 " %12.0f %12.1f\n", get_u64(n, "node"),
			get_u64(n, "tier"), mib(get_u64(n, "total_bytes")),
			mib(get_u64(n, "free_bytes")));
	}
}

/* When, why, who instead, and when it is tried again. */
static void print_failure(FILE *out, struct json_object *s, uint64_t now_ns)
{
	const char *by = get_text(s, "replaced_by");

	fprintf(out, "           %s\n", get_text(s, "error"));
	fprintf(out,
		"           failed %.0f s ago, next try in %.0f s, %" PRIu64 " failures so far",
		(double)(now_ns - get_u64(s, "since_ns")) / 1e9,
		(double)get_u64(s, "retry_in_ns") / 1e9, get_u64(s, "failures"));
	fprintf(out, "%s%s\n", by[0] ? "; in its place: " : "", by);
}

static void print_sources(FILE *out, struct json_object *sources, uint64_t now_ns)
{
	fprintf(out, "\n%-10s %-8s %12s %12s %10s %10s %8s\n", "source", "state", "records",
		"reports", "lost", "dropped", "rate");
	for (size_t i = 0; sources && i < json_object_array_length(sources); i++) {
		struct json_object *s = json_object_array_get_idx(sources, i);

		fprintf(out,
			"%-10s %-8s %12" PRIu64 " %12" PRIu64 " %10" PRIu64 " %10" PRIu64
			" %6.1f %%\n",
			get_text(s, "name"), get_text(s, "state"), get_u64(s, "records_seen"),
			get_u64(s, "reports"), get_u64(s, "records_lost"),
			get_u64(s, "reports_dropped"), (double)get_u64(s, "rate_permille") / 10);
		if (get(s, "error"))
			print_failure(out, s, now_ns);
		if (get(s, "why_not"))
			fprintf(out, "           not needed: %s\n", get_text(s, "why_not"));
		if (get(s, "note"))
			fprintf(out, "           %s\n", get_text(s, "note"));
	}
}

static void print_moves(FILE *out, struct json_object *moves)
{
	fprintf(out, "\n%-14s", "pages");
	for (int a = 0; a < THERMO_NR_ACTIONS; a++)
		fprintf(out, " %12s", action_names[a]);
	fprintf(out, "\n");
	for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++) {
		fprintf(out, "%-14s", thermo_move_result_name(r));
		for (int a = 0; a < THERMO_NR_ACTIONS; a++)
			fprintf(out, " %12" PRIu64,
				get_u64(get(moves, action_names[a]), thermo_move_result_name(r)));
		fprintf(out, "\n");
	}
	fprintf(out, "%" PRIu64 " calls, longest %.1f ms; %" PRIu64 " pages ping-ponged\n",
		get_u64(moves, "move_calls"), (double)get_u64(moves, "longest_call_ns") / 1e6,
		get_u64(moves, "ping_pong_pages"));
}

static void print_top(FILE *out, struct json_object *shares, const char *key)
{
	char text[48] = "-";
	size_t len = 0;

	for (size_t i = 0; shares && i < json_object_array_length(shares) && i < 3; i++) {
		struct json_object *o = json_object_array_get_idx(shares, i);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%" PRIu64 ":%.0f%%",
					i ? " " : "", get_u64(o, key),
					100 * json_object_get_double(get(o, "share")));
		if (len >= sizeof(text))
			break;
	}
	fprintf(out, " %-24s", text);
}

void regions_print(FILE *out, struct json_object *regions)
{
	fprintf(out, "%-8s %-16s %10s %12s %7s %6s %8s %8s %-12s %-24s %-24s\n", "pid", "start",
		"KiB", "accesses/s", "+-", "write", "age s", "seen s", "node:MiB", "cpu", "thread");
	for (size_t i = 0; i < json_object_array_length(regions); i++) {
		struct json_object *r = json_object_array_get_idx(regions, i);
		struct json_object *nodes = get(r, "nodes");
		double rate = json_object_get_double(get(r, "accesses_per_s"));
		double error = json_object_get_double(get(r, "accesses_per_s_error"));
		char where[16] = "-";

		if (nodes && json_object_array_length(nodes)) {
			struct json_object *n = json_object_array_get_idx(nodes, 0);

			(void)snprintf(where, sizeof(where), "%" PRIu64 ":%.0f", get_u64(n, "node"),
				       mib(get_u64(n, "bytes")));
		}
		fprintf(out,
			"%-8" PRIu64 " %-16" PRIx64 " %10" PRIu64 " %12.4g %5.0f %% %4.0f %% %8.1f",
			get_u64(r, "pid"), get_u64(r, "start"),
			(get_u64(r, "end") - get_u64(r, "start")) >> 10, rate,
			rate > 0 ? 100 * error / rate : 0.0,
			100 * json_object_get_double(get(r, "write_share")),
			(double)get_u64(r, "age_ns") / 1e9);
		if (get(r, "evidence_age_ns"))
			fprintf(out, " %8.1f", (double)get_u64(r, "evidence_age_ns") / 1e9);
		else
			fprintf(out, " %8s", "never");
		fprintf(out, " %-12s", where);
		print_top(out, get(r, "cpus"), "cpu");
		print_top(out, get(r, "threads"), "tid");
		fprintf(out, "\n");
	}
}

/* Reports of physical memory, and where they went. */
static void print_owners(FILE *out, struct json_object *o)
{
	if (!o)
		return;
	fprintf(out,
		"\nphysical reports: %" PRIu64 " anonymous, %" PRIu64 " file (%" PRIu64
		" huge, %" PRIu64 " shared); %" PRIu64 " not looked for yet, %" PRIu64
		" without owner, %" PRIu64 " too wide\n",
		get_u64(o, "reports_anon"), get_u64(o, "reports_file"), get_u64(o, "reports_huge"),
		get_u64(o, "reports_shared"), get_u64(o, "reports_unsearched"),
		get_u64(o, "reports_unowned"), get_u64(o, "reports_too_wide"));
	fprintf(out,
		"owners: %.1f MiB asked for, %" PRIu64 " runs known, %" PRIu64
		" passes, the last in %.1f ms of CPU time; %" PRIu64 " pages had moved\n",
		mib(get_u64(o, "wanted_bytes")), get_u64(o, "runs"), get_u64(o, "passes"),
		(double)get_u64(o, "pass_cpu_ns") / 1e6, get_u64(o, "pages_moved"));
	if (get(o, "error"))
		fprintf(out, "owners: %s\n", get_text(o, "error"));
}

void status_print(FILE *out, struct json_object *s)
{
	struct json_object *monitor = get(s, "monitor");

	fprintf(out,
		"thermocline %s, pid %" PRIu64
		", %s for %.0f s, cpu %.2f %% (with moves %.2f %%)\n",
		get_text(s, "version"), get_u64(s, "pid"), get_text(s, "mode"),
		(double)get_u64(s, "uptime_ns") / 1e9, json_object_get_double(get(s, "cpu_pct")),
		json_object_get_double(get(s, "cpu_with_moves_pct")));
	if (get(s, "warning"))
		fprintf(out, "warning: %s\n", get_text(s, "warning"));
	fprintf(out,
		"%" PRIu64 " targets, %" PRIu64 " regions, %.3g accesses/s, %.1f %% of them in "
		"the top tier (estimated)\n",
		get_u64(monitor, "targets"), get_u64(monitor, "regions"),
		json_object_get_double(get(monitor, "accesses_per_s")),
		100 * json_object_get_double(get(monitor, "top_tier_share")));
	print_nodes(out, get(s, "nodes"));
	print_sources(out, get(s, "sources"), get_u64(s, "time_ns"));
	if (get(s, "watching") && !json_object_get_boolean(get(s, "watching")))
		fprintf(out, "no source of access information is left: waiting for one\n");
	clients_print(out, get(s, "clients"));
	print_owners(out, get(s, "owners"));
	if (get(s, "migration"))
		print_moves(out, get(s, "migration"));
	gauges_kernel_print(out, get(s, "kernel"));
	gauges_idle_print(out, get(s, "idle_ages"));
}
