/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_machine.h - what kind of machine and kernel this is, for reasons and close calls.
 *
 * Never decides whether there is a PMU: only what the kernel shows does.
 */
#ifndef SOURCES_PMU_MACHINE_H
#define SOURCES_PMU_MACHINE_H

#include <stdbool.h>

#include "core/host.h"

enum pmu_vendor { PMU_VENDOR_OTHER, PMU_VENDOR_INTEL, PMU_VENDOR_AMD, PMU_VENDOR_ARM };

struct pmu_machine {
	const struct thermo_host *host;
	enum pmu_vendor vendor;
	unsigned int family;
	unsigned int model;
	bool in_vm;
	unsigned int kernel_major; /* 0: unknown */
	unsigned int kernel_minor;
};

/* What cannot be read stays unknown. */
void pmu_machine_read(struct pmu_machine *machine, const struct thermo_host *host);

/* Known to be older.  Distributions backport: not to be used to refuse anything. */
bool pmu_kernel_before(const struct pmu_machine *machine, unsigned int major, unsigned int minor);

#endif
