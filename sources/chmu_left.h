/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_left.h - hotness units that a killed daemon left running.
 *
 * Before a unit is enabled there is a file of its device and instance in /run/thermocline; it
 * goes when the unit was disabled.  A unit that runs and has no such file is somebody else's.
 */
#ifndef SOURCES_CHMU_LEFT_H
#define SOURCES_CHMU_LEFT_H

#include <stdbool.h>

#include "sources/chmu_pci.h"

/* Return: 0 or -errno. */
int chmu_left_note(const struct thermo_host *host, const struct chmu_pci_block *block,
		   unsigned int instance);
void chmu_left_forget(const struct thermo_host *host, const struct chmu_pci_block *block,
		      unsigned int instance);
bool chmu_left_is_noted(const struct thermo_host *host, const struct chmu_pci_block *block,
			unsigned int instance);

/*
 * Disable what was left running.  Only while no other daemon runs.  Return: how many, or
 * -errno of the last one that could not be.
 */
int chmu_left_put_back(const struct thermo_host *host);

#endif
