// SPDX-License-Identifier: GPL-2.0-or-later
/* scan_interval.c - up when few were accessed, down when most were. */
#include "sources/scan_interval.h"

/* So many looks tell a share to a per cent. */
#define ENOUGH_LOOKS 500u
/*
 * Low, because accesses are told apart by their ratio, and a page that is accessed more than once a
 * look says nothing of how much more (bench_zoom has tried others).
 */
#define HIGH_SHARE 0.15
#define LOW_SHARE 0.05
#define STEP 1.4

static uint64_t within(double ns)
{
	if (ns < (double)SCAN_SHORTEST_NS)
		return SCAN_SHORTEST_NS;
	return ns > (double)SCAN_LONGEST_NS ? SCAN_LONGEST_NS : (uint64_t)ns;
}

uint64_t scan_interval_next(struct scan_interval *i, bool *is_middle)
{
	static const double times[] = { 1, 0.25, 4 };
	uint32_t turn = i->turn++ % 3;

	*is_middle = turn == 0;
	return within((double)i->middle_ns * times[turn]);
}

void scan_interval_learn(struct scan_interval *i, size_t nr_looks, size_t nr_accessed)
{
	double share;

	i->nr_looks += nr_looks;
	i->nr_accessed += nr_accessed;
	if (i->nr_looks < ENOUGH_LOOKS)
		return;
	share = (double)i->nr_accessed / (double)i->nr_looks;
	if (share > HIGH_SHARE)
		i->middle_ns = within((double)i->middle_ns / STEP);
	else if (share < LOW_SHARE)
		i->middle_ns = within((double)i->middle_ns * STEP);
	i->nr_looks = i->nr_accessed = 0;
}
