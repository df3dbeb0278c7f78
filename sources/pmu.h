/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu.h - a PMU as the kernel shows it below /sys/bus/event_source/devices.
 *
 * What the kernel shows there is what it accepts; what the processor says of itself is
 * not (a VM's CPUID shows a PMU that nobody passes through).
 */
#ifndef SOURCES_PMU_H
#define SOURCES_PMU_H

#include <hwloc/bitmap.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/host.h"
#include "sources/pmu_format.h"

#define PMU_DEVICES "sys/bus/event_source/devices"
/* Of a file of a PMU: both names have at most PMU_NAME_BYTES. */
#define PMU_PATH_BYTES 256

struct pmu {
	const struct thermo_host *host;
	char name[PMU_NAME_BYTES];
	uint32_t type;
	hwloc_bitmap_t cpus; /* that it counts on */
};

bool pmu_exists(const struct thermo_host *host, const char *name);

/*
 * Return: 0; -ENODEV when there is no such PMU; -EINVAL when its files hold nonsense.
 * After a failure too, pmu_close().
 */
int pmu_open(struct pmu *pmu, const struct thermo_host *host, const char *name);
void pmu_close(struct pmu *pmu);

bool pmu_has_event(const struct pmu *pmu, const char *event);
bool pmu_has_format(const struct pmu *pmu, const char *term);

/* A number in caps/.  Return: @missing when there is none. */
uint64_t pmu_cap(const struct pmu *pmu, const char *cap, uint64_t missing);
/* A text in caps/; "" when there is none. */
void pmu_cap_text(const struct pmu *pmu, const char *cap, char *text, size_t size);

/*
 * Put @terms into @attr: names of events/, terms of format/ with a value (1 when none is
 * given), config to config3, period.  Later terms replace earlier ones.
 * Return: 0 or -errno with the file and the term.
 */
int pmu_put_terms(const struct pmu *pmu, union pmu_attr *attr, const char *terms);

#endif
