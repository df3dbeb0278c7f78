/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tierer.h - the tiering loop: observe, decide, act.
 *
 * One thread calls tierer_tick() with each snapshot.  Pages are moved by the
 * migrator's thread; nothing new is decided before the last plan is done and a
 * snapshot was taken after it.
 */
#ifndef TIERING_TIERER_H
#define TIERING_TIERER_H

#include "thermocline/tiering.h"

struct tierer;

/**
 * struct tierer_opts - Zeroes mean the default.
 * @tiers:	As thermo_topology_read().
 * @share_pct:	Of wall time in move_pages(2), 1 to 100; default 50.
 * @bytes_per_s:	Limit on migration, both directions; 0: none but the share.
 * @horizon_ns:	Within which a move must pay for itself; default 60 s.
 * @dry_run:	Decide, but do not act.
 */
struct tierer_opts {
	const char *tiers;
	uint32_t share_pct;
	uint64_t bytes_per_s;
	uint64_t horizon_ns;
	bool dry_run;
};

/**
 * struct tierer_status - What the loop saw and did.
 * @planned_bytes:	By action, since the start: more than may move, or just that in a dry run.
 * @move_ns_per_byte:	Cost of a move, as far as it is believed; 0 before the first.
 * @cpu_ns:	Of the migrator's thread.
 */
struct tierer_status {
	struct thermo_move_counters counters;
	uint64_t planned_bytes[THERMO_NR_ACTIONS];
	double move_ns_per_byte;
	uint64_t cpu_ns;
};

/* Return: 0; -ENODEV when there is only one tier; -errno. */
int tierer_new(struct tierer **tierer, const struct thermo_host *host,
	       const struct tierer_opts *opts);
void tierer_free(struct tierer *tierer);

/* @tick_ns: time since the last tick.  Return: 0 or -errno when observing failed. */
int tierer_tick(struct tierer *tierer, const struct thermo_snapshot *snapshot, uint64_t tick_ns);

/* End after the call in flight; tierer_status() then says all that was done. */
void tierer_finish(struct tierer *tierer);

const struct thermo_topology *tierer_topology(const struct tierer *tierer);
void tierer_status(struct tierer *tierer, struct tierer_status *status);

#endif
