/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * targets.h - all that is under watch, sorted by pid, and how it follows the machine:
 * processes that appear, exit, grow.  Monitor's thread only.
 */
#ifndef CORE_TARGETS_H
#define CORE_TARGETS_H

#include "core/target.h"

struct targets {
	size_t nr;
	struct target *list;
};

void targets_fini(struct targets *targets);

/* Return: the target, or NULL; physical memory is THERMO_PID_PHYSICAL. */
struct target *targets_find(const struct targets *targets, pid_t pid);

/*
 * Look who matches @spec now; what is known of those that stay is kept.  Reads /proc.
 * Return: number of targets, or -errno, then nothing changed.
 */
int targets_update(struct targets *targets, const struct thermo_host *host,
		   const struct thermo_target_spec *spec, uint32_t min_nr_regions,
		   uint32_t max_nr_regions);

#endif
