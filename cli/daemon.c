// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon.c - start the parts, turn the crank, take them down in the right order. */
#include "cli/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/log.h"
#include "core/error.h"
#include "core/focus.h"
#include "sources/chmu_left.h"

#define DRAIN_NS 500000000ull
#define TARGETS_INTERVAL_NS 5000000000ull
#define NO_TARGETS_INTERVAL_NS 2000000000ull
#define MAX_PIDS 1024
/* Finding owners of physical memory: its share of the CPU budget, what is saved of it for
 * bursts, and how long a step may keep the rest waiting. */
#define OWNERS_SHARE 0.5
#define OWNERS_CREDIT_NS 600e9 /* as long as the governor does */
#define OWNERS_STEP_NS 50e6
#define OWNERS_INTERVAL_NS 100000000ull

static int start_sources(struct daemon *d)
{
	const struct daemon_opts *o = d->opts;
	const struct daemon_sources_opts opts = {
		.names = o->sources,
		.fall_back = o->fall_back,
		.source = { .host = d->host,
			    .settings = &d->settings,
			    .pause_damon_stat = o->pause_damon_stat,
			    .damon_nodes = o->damon_nodes,
			    .mglru_interval_ms = o->mglru_interval_ms,
			    .chmu_registers = o->chmu_registers,
			    .chmu_count = o->chmu_count,
			    .chmu_replay = o->chmu_replay,
			    .external = o->external },
		.monitor = d->monitor,
	};

	return o->clients_only ? 0 : daemon_sources_start(&d->sources, &opts);
}

static void tell_top_nodes(struct daemon *d)
{
	const struct thermo_topology *t = daemon_topology(d);
	int nodes[THERMO_MAX_NODES];
	size_t nr = 0;

	for (size_t i = 0; i < t->nr_nodes; i++)
		if (t->nodes[i].tier == 0)
			nodes[nr++] = t->nodes[i].id;
	thermo_monitor_set_top_nodes(d->monitor, nodes, nr);
}

static uint32_t count_sockets(const struct thermo_host *host)
{
	hwloc_bitmap_t online = hwloc_bitmap_alloc(), packages = hwloc_bitmap_alloc();
	uint64_t package;
	int nr = 0;

	if (thermo_host_read_list(host, online, "sys/devices/system/cpu/online") == 0)
		for (int cpu = hwloc_bitmap_first(online); cpu >= 0;
		     cpu = hwloc_bitmap_next(online, cpu))
			if (!thermo_host_read_u64(host, &package,
						  "sys/devices/system/cpu/cpu%d/topology/"
						  "physical_package_id",
						  cpu) &&
			    package < 4096)
				hwloc_bitmap_set(packages, (unsigned int)package);
	nr = hwloc_bitmap_weight(packages);
	hwloc_bitmap_free(online);
	hwloc_bitmap_free(packages);
	return nr > 0 ? (uint32_t)nr : 1;
}

static int start_tiering(struct daemon *d)
{
	int err;

	if (!d->opts->monitor_only) {
		err = tierer_new(&d->tierer, d->host, &d->opts->tierer);
		if (err == -ENODEV)
			return thermo_fail(err,
					   "%s; to watch accesses without moving pages: "
					   "thermocline run --monitor",
					   strdupa(thermo_last_error()));
		return err;
	}
	return thermo_topology_read(&d->topology, d->host, d->opts->tierer.tiers);
}

static uint64_t window_ns(const struct daemon *d)
{
	return d->governor.window_ms * 1000000ull;
}

static uint64_t process_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void update_targets(struct daemon *d, uint64_t now_ns)
{
	pid_t pids[MAX_PIDS];
	int nr = thermo_monitor_update_targets(d->monitor, &d->opts->targets);

	/* With nobody to watch, looking for somebody is all there is to do. */
	d->targets_at_ns = now_ns + (nr > 0 ? TARGETS_INTERVAL_NS : NO_TARGETS_INTERVAL_NS);
	if (nr < 0) {
		log_warning("%s, ignoring", thermo_last_error());
		return;
	}
	if (nr == 0 && d->nr_targets != 0)
		log_notice("no process matches the targets that were asked for: waiting for one");
	d->nr_targets = nr;
	size_t nr_pids = thermo_monitor_pids(d->monitor, pids, MAX_PIDS);

	daemon_sources_set_targets(d->sources, pids, nr_pids);
}

/* What cannot be had is worth a word, not the daemon. */
static void start_clients(struct daemon *d)
{
	if (d->opts->clients != CLIENTS_NONE &&
	    clients_open(&d->clients, d->host, d->monitor, d->opts->clients))
		log_warning("%s, ignoring: no program can report its accesses",
			    thermo_last_error());
}

/* With the lock held: no other daemon runs that they could be of. */
static void stop_left_units(const struct thermo_host *host)
{
	int nr = chmu_left_put_back(host);

	if (nr > 0)
		log_notice("stopped %d CXL hotness units of a daemon that was killed", nr);
	if (nr < 0)
		log_warning("a CXL hotness unit of a daemon that was killed: %s, ignoring",
			    thermo_last_error());
}

/* What the kernel knows and does beside us. */
static void read_gauges(struct daemon *d, uint64_t now_ns)
{
	struct tierer_status s = { 0 };

	if (d->tierer)
		tierer_status(d->tierer, &s);
	gauges_step(&d->gauges, d->host, daemon_topology(d),
		    s.counters.pages[THERMO_PROMOTE][THERMO_MOVED] +
				    s.counters.pages[THERMO_DEMOTE][THERMO_MOVED],
		    d->tierer && !d->opts->tierer.dry_run, now_ns);
}

int daemon_start(struct daemon *d, const struct thermo_host *host, const struct daemon_opts *opts)
{
	int err;

	*d = (struct daemon){
		.host = host, .opts = opts, .settings.lock_fd = -1, .nr_targets = -1
	};
	err = start_tiering(d);
	if (!err)
		err = thermo_monitor_new(&d->monitor, host, &opts->monitor);
	/* Takes the lock, and puts back what a daemon that was killed left changed. */
	if (!err)
		err = thermo_settings_open(&d->settings, host, &d->nr_settings_left);
	if (err)
		return err;
	if (d->nr_settings_left)
		log_notice("put back %u settings of a daemon that was killed", d->nr_settings_left);
	stop_left_units(host);
	tell_top_nodes(d);
	err = start_sources(d);
	if (err)
		return err;
	start_clients(d);
	d->started_ns = d->window_start_ns = thermo_host_now_ns(host);
	governor_init(&d->governor, &opts->governor, count_sockets(host), d->started_ns);
	d->governor.least_permille = daemon_sources_least_rate(d->sources);
	d->governor.cpu_ns = process_cpu_ns();
	d->owners_at_ns = d->started_ns;
	d->owners_credit_ns = OWNERS_SHARE * d->governor.budget * OWNERS_CREDIT_NS;
	d->window_at_ns = d->started_ns + window_ns(d);
	update_targets(d, d->started_ns);
	/* Before anything moves: what is counted since the start begins here. */
	read_gauges(d, d->started_ns);
	return 0;
}

const struct thermo_topology *daemon_topology(const struct daemon *d)
{
	return d->tierer ? tierer_topology(d->tierer) : &d->topology;
}

/* What the top tier can hold; 0 when there is nothing to tier. */
static uint64_t top_bytes(const struct daemon *d)
{
	const struct thermo_topology *t = daemon_topology(d);
	uint64_t bytes = 0;

	for (size_t i = 0; t->nr_tiers > 1 && i < t->nr_nodes; i++)
		if (t->nodes[i].tier == 0)
			bytes += t->nodes[i].total_bytes - t->nodes[i].reserve_bytes;
	return bytes;
}

static void govern(struct daemon *d)
{
	struct tierer_status status = { 0 };

	if (d->tierer)
		tierer_status(d->tierer, &status);
	/* Sources come and go. */
	d->governor.least_permille = daemon_sources_least_rate(d->sources);
	(void)governor_step(&d->governor, d->snapshot, top_bytes(d),
			    process_cpu_ns() + daemon_sources_overhead_ns(d->sources),
			    status.cpu_ns);
	daemon_sources_set_rate(d->sources, &d->governor);
}

/* Scanners that choose where to look are told where it matters. */
static void tell_focus(struct daemon *d)
{
	struct thermo_focus focus[FOCUS_MAX];
	size_t nr;

	if (!daemon_sources_want_focus(d->sources))
		return;
	nr = focus_of_snapshot(d->snapshot, top_bytes(d), focus, FOCUS_MAX);
	daemon_sources_set_focus(d->sources, focus, nr);
}

/*
 * Whether somebody watched for all of the window that began at @since_ns.  If nobody did,
 * what is known grows old, and pages are not moved on it.
 */
static bool is_watching(struct daemon *d, uint64_t since_ns)
{
	bool was_blind = d->is_blind;

	if (d->opts->clients_only)
		return true;
	d->is_blind = !daemon_sources_watch_since(d->sources, UINT64_MAX);
	if (d->is_blind && !was_blind)
		log_warning("no source of access information is left: waiting for one%s",
			    d->tierer ? "; nothing is moved until then" : "");
	if (!d->is_blind && was_blind)
		log_notice("memory is watched again");
	return daemon_sources_watch_since(d->sources, since_ns);
}

/* A failure that lasts, a node that is gone say, is told once. */
static void tick(struct daemon *d, uint64_t elapsed_ns)
{
	if (!d->tierer)
		return;
	if (tierer_tick(d->tierer, d->snapshot, elapsed_ns) == 0) {
		d->tick_error[0] = '\0';
	} else if (strcmp(d->tick_error, thermo_last_error()) != 0) {
		(void)snprintf(d->tick_error, sizeof(d->tick_error), "%s", thermo_last_error());
		log_warning("%s, ignoring", d->tick_error);
	}
	tell_top_nodes(d);
}

static void close_window(struct daemon *d, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - d->window_start_ns;
	bool is_watched = is_watching(d, d->window_start_ns);
	struct thermo_snapshot *snapshot = NULL;

	d->window_start_ns = now_ns;
	d->window_at_ns = now_ns + window_ns(d);
	if (thermo_monitor_close_window(d->monitor, &snapshot)) {
		log_warning("%s, ignoring", thermo_last_error());
		return;
	}
	thermo_snapshot_put(d->snapshot);
	d->snapshot = snapshot;
	if (snapshot->nr_gone && d->targets_at_ns > now_ns + NO_TARGETS_INTERVAL_NS)
		d->targets_at_ns = now_ns + NO_TARGETS_INTERVAL_NS;
	if (is_watched)
		tick(d, elapsed_ns);
	govern(d);
	tell_focus(d);
	d->window_at_ns = now_ns + window_ns(d);
}

/*
 * A failure that lasts is told once; those reports have no owner then, and are counted.
 * Return: whether there is more to do soon.
 */
static bool find_owners(struct daemon *d, uint64_t now_ns)
{
	double income = OWNERS_SHARE * d->governor.budget;
	double credit_ns = d->owners_credit_ns + income * (double)(now_ns - d->owners_at_ns);
	int64_t used_ns;

	if (credit_ns > income * OWNERS_CREDIT_NS)
		credit_ns = income * OWNERS_CREDIT_NS;
	d->owners_at_ns = now_ns;
	d->owners_credit_ns = credit_ns;
	if (credit_ns <= 0)
		return false;
	used_ns = thermo_monitor_find_owners(
			d->monitor,
			(uint64_t)(credit_ns < OWNERS_STEP_NS ? credit_ns : OWNERS_STEP_NS));
	if (used_ns >= 0) {
		d->owners_credit_ns -= (double)used_ns;
		d->owners_error[0] = '\0';
	} else if (strcmp(d->owners_error, thermo_last_error()) != 0) {
		(void)snprintf(d->owners_error, sizeof(d->owners_error), "%s", thermo_last_error());
		log_warning("%s, ignoring: reports of physical memory have no owner",
			    d->owners_error);
	}
	return used_ns > 0;
}

uint64_t daemon_step(struct daemon *d, uint64_t now_ns)
{
	clients_step(d->clients);
	(void)thermo_monitor_drain(d->monitor);
	if (now_ns >= d->targets_at_ns)
		update_targets(d, now_ns);
	read_gauges(d, now_ns);
	bool is_busy = find_owners(d, now_ns);

	daemon_sources_step(d->sources, now_ns);
	if (now_ns >= d->window_at_ns)
		close_window(d, now_ns);
	uint64_t left_ns = d->window_at_ns > now_ns ? d->window_at_ns - now_ns : 0;
	uint64_t most_ns = is_busy ? OWNERS_INTERVAL_NS : DRAIN_NS;

	return left_ns < most_ns ? left_ns : most_ns;
}

void daemon_finish(struct daemon *d)
{
	if (d->tierer)
		tierer_finish(d->tierer);
}

int daemon_stop(struct daemon *d)
{
	int err;

	/* No more moves; then no more reports; then the kernel as it was. */
	tierer_free(d->tierer);
	clients_close(d->clients);
	daemon_sources_stop(d->sources);
	err = thermo_settings_close(&d->settings);
	thermo_snapshot_put(d->snapshot);
	thermo_monitor_free(d->monitor);
	gauges_fini(&d->gauges);
	*d = (struct daemon){ .settings.lock_fd = -1 };
	return err;
}
