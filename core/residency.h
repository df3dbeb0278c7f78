/* SPDX-License-Identifier: GPL-2.0-or-later */
/* residency.h - on which nodes the pages of regions are, from a sample of them. */
#ifndef CORE_RESIDENCY_H
#define CORE_RESIDENCY_H

#include "core/target.h"

/*
 * Ask for @per_region random pages in each region of @target and fill
 * @out[i].nodes for its i-th region.  Return: 0; -ESRCH when the process is gone;
 * -errno; -ENOMEM.
 */
int residency_sample(const struct thermo_host *host, const struct target *target,
		     unsigned int per_region, uint64_t *random_state, struct thermo_region *out);

#endif
