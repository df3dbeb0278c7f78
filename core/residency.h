/* SPDX-License-Identifier: GPL-2.0-or-later */
/* residency.h - on which nodes the pages of regions are. */
#ifndef CORE_RESIDENCY_H
#define CORE_RESIDENCY_H

#include "core/target.h"

/*
 * Fill @out[i].nodes for the i-th region of @target: for a process an estimate from
 * @per_region random pages in each region; for physical memory exactly what is
 * online, of which some may be free.
 *
 * Return: 0; -ESRCH when the process is gone; -errno; -ENOMEM.
 */
int residency_sample(const struct thermo_host *host, const struct target *target,
		     unsigned int per_region, uint64_t *random_state, struct thermo_region *out);

#endif
