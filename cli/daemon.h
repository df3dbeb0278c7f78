/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - sources, monitor and tiering put together: what `thermocline run` runs.
 *
 * One thread owns a daemon and calls everything here.  The sources and the
 * migrator have threads of their own behind it.
 */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "cli/clients.h"
#include "cli/daemon_sources.h"
#include "cli/gauges.h"
#include "cli/governor.h"
#include "core/host.h"
#include "core/settings.h"
#include "thermocline/monitor.h"
#include "tiering/tierer.h"

/**
 * struct daemon_opts - What the user asked for.  Zeroes mean the default.
 * @sources:	Names of the sources to use, NULL-terminated; NULL: all that run here.
 * @fall_back:	While one of @sources does not run, others may.
 * @clients_only:	No source at all: only programs report, about themselves.
 * @monitor_only:	Watch, move nothing; also where there is nothing to tier.
 * @damon_nodes, @mglru_interval_ms:	As in struct thermo_source_opts.
 * @chmu_registers, @chmu_count, @chmu_replay, @external:	As in struct thermo_source_opts.
 * @clients:	Which programs may report their own accesses.
 * @governor:	CPU budget, windows, what to sample for.
 */
struct daemon_opts {
	char **sources;
	bool fall_back;
	bool clients_only;
	bool monitor_only;
	bool pause_damon_stat;
	const char *damon_nodes;
	uint32_t mglru_interval_ms;
	bool chmu_registers;
	uint8_t chmu_count;
	const char *chmu_replay;
	const char *external;
	enum clients_policy clients;
	struct governor_opts governor;
	struct thermo_target_spec targets;
	struct thermo_monitor_opts monitor;
	struct tierer_opts tierer;
};

struct daemon {
	const struct thermo_host *host;
	const struct daemon_opts *opts;
	struct thermo_settings settings;
	unsigned int nr_settings_left;  /* put back from a daemon that was killed */
	struct daemon_sources *sources; /* NULL when only programs report */
	bool is_blind;                  /* no source runs: nothing is moved; and it was said */
	struct thermo_monitor *monitor;
	struct clients *clients;          /* NULL when none may report */
	struct tierer *tierer;            /* NULL when it only monitors */
	struct thermo_topology topology;  /* when it only monitors */
	struct thermo_snapshot *snapshot; /* newest, NULL before the first window */
	char tick_error[256];             /* of tiering, that was told; "" when all is well */
	char owners_error[256];           /* of finding owners, likewise */
	uint64_t owners_at_ns;            /* when they were looked for last */
	double owners_credit_ns;          /* CPU time that may go into it */
	int nr_targets;                   /* -1: not looked yet */
	uint64_t started_ns;
	uint64_t window_at_ns; /* when the next window closes */
	uint64_t targets_at_ns;
	uint64_t window_start_ns;
	struct governor governor;
	struct gauges gauges;
};

/* Return: 0 or -errno; then daemon_stop() is still to be called. */
int daemon_start(struct daemon *daemon, const struct thermo_host *host,
		 const struct daemon_opts *opts);

/*
 * Do what is due at @now_ns.  With no source left it waits for one.  Return: nanoseconds
 * until it wants to be called again.
 */
uint64_t daemon_step(struct daemon *daemon, uint64_t now_ns);

/* No more moves: what was done is final. */
void daemon_finish(struct daemon *daemon);

/* Stop all, put everything back.  Return: 0, or the first -errno of putting back. */
int daemon_stop(struct daemon *daemon);

const struct thermo_topology *daemon_topology(const struct daemon *daemon);

#endif
