// SPDX-License-Identifier: GPL-2.0-or-later
/* cpu_list.c - strict: nothing but digits, dashes and commas, no end left open. */
#include "bench/workload/cpu_list.h"

#include <ctype.h>
#include <errno.h>
#include <hwloc/bitmap.h>
#include <string.h>

/* hwloc is generous with what lies between numbers; we are not. */
static int is_regular(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (isdigit((unsigned char)*p))
			continue;
		/* A comma or dash stands between two digits. */
		if ((*p != ',' && *p != '-') || p == text || !isdigit((unsigned char)p[-1]) ||
		    !isdigit((unsigned char)p[1]))
			return 0;
	}
	return *text != '\0';
}

int workload_parse_cpus(const char *text, cpu_set_t *cpus)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	int err = is_regular(text) && strlen(text) < 256 &&
						  hwloc_bitmap_list_sscanf(set, text) == 0 &&
						  hwloc_bitmap_weight(set) > 0
				  ? 0
				  : -EINVAL;

	if (!err && hwloc_bitmap_last(set) >= CPU_SETSIZE)
		err = -ERANGE;
	if (!err) {
		CPU_ZERO(cpus);
		for (int cpu = hwloc_bitmap_first(set); cpu >= 0; cpu = hwloc_bitmap_next(set, cpu))
			CPU_SET(cpu, cpus);
	}
	hwloc_bitmap_free(set);
	return err;
}
