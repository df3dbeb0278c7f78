/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * targets.h - all that is under watch, sorted by pid, and how it follows the machine:
 * processes that appear, exit, grow.  Monitor's thread only.
 */
#ifndef CORE_TARGETS_H
#define CORE_TARGETS_H

#include "core/family.h"
#include "core/given.h"
#include "core/ram.h"
#include "core/target.h"

/**
 * struct targets - Zeroed, it is empty.  It must not move while it is in use.
 * @family:	Who descends from the pids that were named; family.nr_reused of these
 *		are other processes by now, and no targets.
 * @ram:	What physical memory there is, while it is the target.
 */
struct targets {
	size_t nr;
	struct target *list;
	struct family family;
	struct ram ram;
};

void targets_fini(struct targets *targets);

/* Return: the target, or NULL; physical memory is THERMO_PID_PHYSICAL. */
struct target *targets_find(const struct targets *targets, pid_t pid);

/*
 * Look who matches @spec now; what is known of those that stay is kept.  Reads
 * /proc, or for physical memory also /sys/devices/system/memory and node.
 *
 * Return: number of targets; -EINVAL for physical memory together with anything
 * else; -errno.  After a failure the targets are those of before.
 */
int targets_update(struct targets *targets, const struct thermo_host *host,
		   const struct thermo_target_spec *spec, uint32_t min_nr_regions,
		   uint32_t max_nr_regions);

/* As thermo_monitor_give_targets(). */
int targets_give(struct targets *targets, const struct given_target *given, size_t nr,
		 uint32_t min_nr_regions, uint32_t max_nr_regions);

#endif
