/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * focus.h - which memory is worth a closer look: where hot and cold part.
 *
 * Who tiers sorts memory by heat and fills the upper tier from the top.  What is far hotter
 * or far colder than the last that fits is decided; another look at it changes nothing.  What
 * is near that boundary, or too little known to be told from it, may be on the wrong side.
 */
#ifndef CORE_FOCUS_H
#define CORE_FOCUS_H

#include <stddef.h>

#include "thermocline/monitor.h"
#include "thermocline/source.h"

#define FOCUS_MAX 1024

/*
 * The ranges of @snapshot that looks should go to, when the upper tier holds @top_bytes, in the
 * order of the snapshot.  Pure.  Return: how many, at most @max; 0 when there is no boundary
 * (all fits, nothing is known), or no memory to find it.
 */
size_t focus_of_snapshot(const struct thermo_snapshot *snapshot, uint64_t top_bytes,
			 struct thermo_focus *focus, size_t max);

#endif
