/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroups.h - from the inode number that the kernel gives for a memory cgroup to
 * its path.  The tree is walked only when an unknown number comes.  One thread.
 */
#ifndef CORE_CGROUPS_H
#define CORE_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "core/host.h"

/* More cgroups than this stay without a path. */
#define CGROUPS_MAX 16384

struct cgroup_name;

/* Zeroed, it knows nothing yet. */
struct cgroups {
	size_t nr;
	struct cgroup_name *names; /* sorted by inode */
};

/* Accepts a zeroed one, and may be called twice. */
void cgroups_fini(struct cgroups *cgroups);

/*
 * Walk the tree of the memory controller: below the cgroup2 mount, or that of
 * cgroup1's "memory" where it is in use.  Return: number of cgroups, or -errno.
 */
int cgroups_read(struct cgroups *cgroups, const struct thermo_host *host);

/* Return: "/a/b" as in /proc/PID/cgroup, "/" for the root; NULL: unknown. */
const char *cgroups_find(const struct cgroups *cgroups, uint64_t inode);

#endif
