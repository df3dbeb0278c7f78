// SPDX-License-Identifier: GPL-2.0-or-later
/* online_cpus.c - see online_cpus.h. */
#include "sources/online_cpus.h"

#include <errno.h>

#include "core/error.h"

int online_cpus_follow(const struct thermo_host *host, hwloc_bitmap_t known, hwloc_bitmap_t come)
{
	hwloc_bitmap_t now = hwloc_bitmap_alloc();
	int err = now ? thermo_host_read_list(host, now, "sys/devices/system/cpu/online")
		      : thermo_fail(-ENOMEM, "no memory for a list of CPUs");
	bool changed = !err && !hwloc_bitmap_isequal(now, known);

	if (!err) {
		(void)hwloc_bitmap_andnot(come, now, known);
		(void)hwloc_bitmap_copy(known, now);
	}
	hwloc_bitmap_free(now);
	return err ? err : changed;
}
