/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * online_cpus.h - CPUs that come and go, for those who have events on each.
 *
 * The kernel takes an event off a CPU that goes, and does not put it back.
 */
#ifndef SOURCES_ONLINE_CPUS_H
#define SOURCES_ONLINE_CPUS_H

#include <hwloc.h>

#include "core/host.h"

/*
 * @known become the CPUs that are online now; @come are those of them that were not known.
 * Return: 1 when something changed, 0, or -errno.
 */
int online_cpus_follow(const struct thermo_host *host, hwloc_bitmap_t known, hwloc_bitmap_t come);

#endif
