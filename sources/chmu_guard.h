/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_guard.h - a mapped BAR that is taken away reads as all ones, as registers of a device
 * that was unplugged do.
 *
 * Where a kernel takes the mappings of a removed device's BARs away, the next access is a
 * SIGBUS, which would end the program.  The handler puts memory of ones in the place.
 * A signal's handler belongs to the process: this is the one state here that does, too.
 */
#ifndef SOURCES_CHMU_GUARD_H
#define SOURCES_CHMU_GUARD_H

#include <stddef.h>

/* From now on.  Return: 0, or -errno. */
int chmu_guard_add(void *map, size_t bytes);
/* Before it is unmapped; accepts what was not added. */
void chmu_guard_remove(const void *map);

#endif
