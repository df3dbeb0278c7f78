/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gauges.h - what the kernel knows and does by itself, beside what we see and move: for how
 * long memory has been idle, and which pages the kernel moved.
 *
 * Read every few seconds by the daemon's thread, which owns it.  What cannot be read is no
 * failure of the daemon: the reason is in the status.
 */
#ifndef CLI_GAUGES_H
#define CLI_GAUGES_H

#include <json-c/json.h>
#include <stdio.h>

#include "core/idle_ages.h"
#include "core/vmstat.h"
#include "thermocline/monitor.h"

#define GAUGES_ERROR_BYTES 256

/**
 * struct gauges - Zeroed, nothing was read.
 * @ages:	NULL as long as there is nothing to tell.
 * @ages_error, @vmstat_error:	Why it cannot be read; "" when it can.
 * @ours_pages:	What we had moved when @vmstat was read.
 */
struct gauges {
	struct idle_ages *ages;
	struct vmstat vmstat;
	char ages_error[GAUGES_ERROR_BYTES];
	char vmstat_error[GAUGES_ERROR_BYTES];
	uint64_t ages_at_ns;
	uint64_t vmstat_at_ns;
	uint64_t ours_pages;
	bool told_promotion;
	bool told_demotion;
};

/* Accepts a zeroed one, and may be called twice. */
void gauges_fini(struct gauges *gauges);

/*
 * Read what is due at @now_ns.  @ours_pages: moved by us so far.  @is_moving: we do move, so
 * that a kernel that moves as well is worth a warning.
 */
void gauges_step(struct gauges *gauges, const struct thermo_host *host,
		 const struct thermo_topology *topology, uint64_t ours_pages, bool is_moving,
		 uint64_t now_ns);

/* Sections of the status.  @snapshot says which cgroups are watched; may be NULL. */
struct json_object *gauges_kernel_json(const struct gauges *gauges);
struct json_object *gauges_idle_json(const struct gauges *gauges,
				     const struct thermo_snapshot *snapshot, uint64_t now_ns);
void gauges_kernel_print(FILE *out, struct json_object *kernel);
void gauges_idle_print(FILE *out, struct json_object *idle);

#endif
