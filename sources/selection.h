/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selection.h - which sources run when nobody names any, and why.
 *
 * The order (selection.c has the table):
 *
 *	1. what the processor samples itself: ibs (AMD), pebs (Intel), spe (Arm), whichever the
 *	   kernel shows; one of them;
 *	2. devices that see what no processor sees, in addition wherever there is one;
 *	3. what costs next to nothing, and the text of other programs where there is some: in
 *	   addition to others;
 *	4. scanning, only where nothing of 1 runs: it costs the applications more and tells
 *	   less.
 *
 * Two sources that would disturb each other (thermo_source.uses) never run together: the one
 * that comes first in this order does, and among equals the one that is listed first in
 * sources/registry.c.
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

/**
 * struct source_marks - What is known of sources without a probe; bit i is of source i.
 * @failed:	Was chosen before and failed: is not chosen.
 * @running:	Runs, so it is not probed: it would find what it does itself.
 */
struct source_marks {
	uint32_t failed;
	uint32_t running;
};

/*
 * Probe all sources of @list, NULL at its end, in that order, and choose.  Changes nothing.
 * Return: number of choices.
 */
size_t thermo_sources_choose_from(const struct thermo_source *const *list,
				  const struct thermo_source_opts *opts,
				  const struct source_marks *marks,
				  struct source_choice choices[SELECT_MAX]);

/* Of thermo_sources[], none of which runs. */
size_t thermo_sources_choose(const struct thermo_source_opts *opts, uint32_t failed,
			     struct source_choice choices[SELECT_MAX]);

/* Return: why @a and @b would disturb each other, for people: "both ..."; NULL: they do not. */
const char *thermo_sources_conflict(const struct thermo_source *a, const struct thermo_source *b);

#endif
