/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kthreads.h - CPU time of kernel threads that work for a source.
 *
 * DAMON scans in a thread of its own, kdamond.N, which no clock of ours sees.  Those that
 * were there before a source was started are somebody else's.
 */
#ifndef BENCH_OVERHEAD_KTHREADS_H
#define BENCH_OVERHEAD_KTHREADS_H

#include "core/host.h"

#define OVERHEAD_MAX_KTHREADS 64

struct overhead_kthreads {
	size_t nr;
	pid_t pids[OVERHEAD_MAX_KTHREADS];
};

/* Those that are there now and not in @before, which may be NULL. */
void overhead_kthreads_find(struct overhead_kthreads *threads, const struct thermo_host *host,
			    const struct overhead_kthreads *before);

/* CPU time of those that are still there. */
uint64_t overhead_kthreads_cpu_ns(const struct overhead_kthreads *threads,
				  const struct thermo_host *host);

#endif
