/* SPDX-License-Identifier: GPL-2.0-or-later */
/* select.h - which processes are targets. */
#ifndef CORE_SELECT_H
#define CORE_SELECT_H

#include "core/family.h"
#include "thermocline/monitor.h"

#define DEFAULT_MIN_RSS_BYTES (32ull << 20)
#define DEFAULT_MAX_TARGETS 256

/*
 * Processes that @spec selects, the largest first; the caller frees *@procs.
 * @family remembers from one call to the next who descends from spec->pids; to
 * learn of all parents, every process is read when there are pids.
 *
 * Return: how many, or -errno.
 */
ssize_t thermo_select(const struct thermo_host *host, const struct thermo_target_spec *spec,
		      struct family *family, struct thermo_proc **procs);

#endif
