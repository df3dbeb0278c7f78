/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load_child.h - the other side of load.c. */
#ifndef BENCH_OVERHEAD_LOAD_CHILD_H
#define BENCH_OVERHEAD_LOAD_CHILD_H

#include "bench/overhead/load.h"

/* Written by the child before it answers, read by the parent after. */
struct overhead_shared {
	int err;
	char reason[256];
	struct overhead_score scores[OVERHEAD_MAX_THREADS];
};

/* What the child does from fork to its end. */
_Noreturn void overhead_child(struct overhead_shared *shared, const struct overhead_load_opts *opts,
			      int command_fd, int answer_fd);

#endif
