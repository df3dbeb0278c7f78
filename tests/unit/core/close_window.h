/* SPDX-License-Identifier: GPL-2.0-or-later */
/* close_window.h - a region's window ends, of whose target nothing else is known. */
#ifndef TESTS_UNIT_CORE_CLOSE_WINDOW_H
#define TESTS_UNIT_CORE_CLOSE_WINDOW_H

#include "core/region.h"

static inline double region_close_window(struct region *r, uint64_t now_ns, uint64_t half_life_ns,
					 double watched_s)
{
	double changed = region_judge_window(r, now_ns, half_life_ns, watched_s);

	region_take_window(r, now_ns);
	return changed;
}

#endif
