/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perf_users.h - which other processes have perf events open, for a reason to be told. */
#ifndef SOURCES_PERF_USERS_H
#define SOURCES_PERF_USERS_H

#include <stddef.h>

#include "core/host.h"

#define PERF_USERS_BYTES 160

/*
 * "perf (4711), node_exporter (812)": the first few.  "" when none is seen, also because
 * their descriptors may not be read.  Walks all of /proc: only for when something is wrong.
 */
void perf_users_list(const struct thermo_host *host, char *text, size_t size);

#endif
