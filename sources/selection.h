/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selection.h - which sources run when nobody names any, and why.
 *
 * The order (selection.c has the table):
 *
 *	1. what the processor samples itself: ibs (AMD), pebs (Intel), spe (Arm), whichever the
 *	   kernel shows; one of them;
 *	2. devices that see what no processor sees, in addition wherever there is one;
 *	3. scanning, only where nothing of 1 runs: it costs the applications more and tells
 *	   less.
 */
#ifndef SOURCES_SELECTION_H
#define SOURCES_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thermocline/source.h"

#define SELECT_MAX 32
#define SELECT_WHY_BYTES 320

/**
 * struct source_choice - What was decided of one source.
 * @err:	Of its probe; 0: it runs here.
 * @why:	It is chosen, or is not, for people; the reason of the probe when it fails.
 */
struct source_choice {
	const struct thermo_source *source;
	int err;
	bool chosen;
	char why[SELECT_WHY_BYTES];
};

/*
 * Probe all sources, in the order of thermo_sources[], and choose.  Bit i of @failed: source
 * i was chosen before and failed.  Changes nothing.  Return: number of choices.
 */
size_t thermo_sources_choose(const struct thermo_source_opts *opts, uint32_t failed,
			     struct source_choice choices[SELECT_MAX]);

#endif
