// SPDX-License-Identifier: GPL-2.0-or-later
/* clients.c - between the server of clients and the monitor. */
#include "cli/clients.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/log.h"
#include "core/error.h"
#include "core/proc.h"
#include "report_api/server.h"

#define MAX_SHOWN 64
/* Whoever connects over and over shall not fill the log: so many lines, then one in a while. */
#define LOG_BURST 20u
#define LOG_INTERVAL_NS 10000000000ull

struct clients {
	const struct thermo_host *host;
	struct thermo_monitor *monitor;
	struct thermo_server *server;
	bool root_only;
	uint32_t nr_lines; /* that may be logged now */
	uint64_t nr_unlogged;
	uint64_t lines_ns; /* when nr_lines last grew */
};

static uint64_t now_ns(void *arg)
{
	const struct clients *c = arg;

	return thermo_host_now_ns(c->host);
}

static int start_ticks(void *arg, pid_t pid, uint64_t *ticks)
{
	const struct clients *c = arg;
	struct thermo_proc proc;
	int err = thermo_proc_read(c->host, pid, &proc);

	if (!err)
		*ticks = proc.start_ticks;
	return err;
}

/* Whether a line about a client may be logged now. */
static bool may_log(struct clients *c)
{
	uint64_t now = now_ns(c), grown = (now - c->lines_ns) / LOG_INTERVAL_NS;

	c->lines_ns += grown * LOG_INTERVAL_NS;
	c->nr_lines = grown < LOG_BURST - c->nr_lines ? c->nr_lines + (uint32_t)grown : LOG_BURST;
	if (c->nr_lines == 0) {
		c->nr_unlogged++;
		return false;
	}
	c->nr_lines--;
	if (c->nr_unlogged)
		log_info("%" PRIu64 " clients that came or went were not logged", c->nr_unlogged);
	c->nr_unlogged = 0;
	return true;
}

static int attach(void *arg, struct thermo_reporter *reporter, const struct server_client *who)
{
	struct clients *c = arg;
	int err = thermo_monitor_add_reporter(c->monitor, reporter, "client");

	if (!err && may_log(c))
		log_info("client %d (%s, uid %u) reports its accesses", who->pid, who->name,
			 who->uid);
	return err;
}

static void detach(void *arg, struct thermo_reporter *reporter)
{
	struct clients *c = arg;

	/* Its last reports; the others' are due at any time. */
	(void)thermo_monitor_drain(c->monitor);
	thermo_monitor_remove_reporter(c->monitor, reporter);
}

static void gone(void *arg, const struct server_client *who)
{
	if (may_log(arg))
		log_info("client %d (%s) is gone: %" PRIu64 " reports, %" PRIu64
			 " refused, %" PRIu64 " bad, %" PRIu64 " dropped",
			 who->pid, who->name, who->reports, who->refused, who->bad, who->dropped);
}

int clients_open(struct clients **clients, const struct thermo_host *host,
		 struct thermo_monitor *monitor, enum clients_policy policy)
{
	static const struct server_ops ops = { .now_ns = now_ns,
					       .start_ticks = start_ticks,
					       .attach = attach,
					       .detach = detach,
					       .gone = gone };
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		return thermo_fail(-ENOMEM, "clients: no memory");
	*c = (struct clients){ .host = host,
			       .monitor = monitor,
			       .root_only = policy == CLIENTS_ROOT,
			       .nr_lines = LOG_BURST,
			       .lines_ns = thermo_host_now_ns(host) };
	struct server_opts opts = { .dir_fd = host->root_fd,
				    .path = CLIENTS_PATH,
				    .root_only = c->root_only,
				    .source = CLIENTS_SOURCE,
				    .ops = &ops,
				    .arg = c };
	int err = server_open(&c->server, &opts);

	if (err) {
		free(c);
		return err;
	}
	*clients = c;
	return 0;
}

int clients_fd(const struct clients *c)
{
	return c ? server_fd(c->server) : -1;
}

void clients_step(struct clients *c)
{
	if (c)
		server_step(c->server);
}

void clients_close(struct clients *c)
{
	if (!c)
		return;
	server_close(c->server);
	free(c);
}

/* --- status --- */

static void add_u64(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *client_json(const struct server_client *c)
{
	struct json_object *o = json_object_new_object();

	add_u64(o, "pid", (uint64_t)c->pid);
	add_u64(o, "uid", c->uid);
	json_object_object_add(o, "name", json_object_new_string(c->name));
	json_object_object_add(o, "privileged", json_object_new_boolean(c->privileged));
	add_u64(o, "rings", c->nr_rings);
	add_u64(o, "shared_bytes", c->bytes);
	add_u64(o, "reports", c->reports);
	add_u64(o, "reports_refused", c->refused);
	add_u64(o, "reports_bad", c->bad);
	add_u64(o, "reports_dropped", c->dropped);
	add_u64(o, "rings_corrupt", c->corrupt);
	return o;
}

struct json_object *clients_json(const struct clients *c)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();
	struct server_client shown[MAX_SHOWN];
	struct server_counters sum = { 0 };
	size_t nr = c ? server_clients(c->server, shown, MAX_SHOWN) : 0;

	if (c)
		server_counters(c->server, &sum);
	for (size_t i = 0; i < nr; i++)
		json_object_array_add(list, client_json(&shown[i]));
	json_object_object_add(root, "allowed",
			       json_object_new_string(!c             ? "none"
						      : c->root_only ? "root"
								     : "all"));
	add_u64(root, "connects", sum.connects);
	add_u64(root, "turned_away", sum.turned_away);
	add_u64(root, "reports", sum.reports);
	add_u64(root, "reports_refused", sum.refused);
	add_u64(root, "reports_bad", sum.bad);
	add_u64(root, "reports_dropped", sum.dropped);
	add_u64(root, "reports_unread", sum.unread);
	add_u64(root, "rings_corrupt", sum.corrupt);
	json_object_object_add(root, "connected", list);
	return root;
}

static uint64_t get_u64(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return json_object_get_uint64(value);
}

static void print_row(FILE *out, const char *name, struct json_object *c)
{
	fprintf(out, "%-16s %12" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %8" PRIu64 "\n",
		name, get_u64(c, "reports"), get_u64(c, "reports_refused"),
		get_u64(c, "reports_bad"), get_u64(c, "reports_dropped"),
		get_u64(c, "rings_corrupt"));
}

void clients_print(FILE *out, struct json_object *clients)
{
	struct json_object *list = NULL, *name = NULL;

	if (!clients || get_u64(clients, "connects") + get_u64(clients, "turned_away") == 0)
		return;
	fprintf(out, "\n%-8s %-6s %-16s %12s %10s %10s %10s %8s\n", "client", "uid", "name",
		"reports", "refused", "bad", "dropped", "corrupt");
	(void)json_object_object_get_ex(clients, "connected", &list);
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		(void)json_object_object_get_ex(c, "name", &name);
		fprintf(out, "%-8" PRIu64 " %-6" PRIu64 " ", get_u64(c, "pid"), get_u64(c, "uid"));
		print_row(out, name ? json_object_get_string(name) : "", c);
	}
	fprintf(out, "%-8s %-6s ", "all", "");
	print_row(out, "", clients);
	fprintf(out, "%" PRIu64 " connected so far, %" PRIu64 " turned away\n",
		get_u64(clients, "connects"), get_u64(clients, "turned_away"));
}
