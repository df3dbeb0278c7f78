/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - on what it was measured: everything that makes numbers differ.
 *
 * What the kernel does not tell is "unknown", or 0.
 */
#ifndef BENCH_OVERHEAD_MACHINE_H
#define BENCH_OVERHEAD_MACHINE_H

#include <stdbool.h>

#include "core/host.h"

struct overhead_machine {
	char cpu[96];
	char kernel[96];
	char governor[32]; /* "mixed" when CPUs differ */
	char thp[16];
	char numa_balancing[16];
	uint32_t nr_cpus; /* online */
	uint32_t nr_nodes;
	bool is_virtual;
	uint64_t cache_bytes; /* all of the last level of cache */
	uint64_t available_bytes;
	double load; /* runnable tasks, mean of a minute */
};

void overhead_machine_read(struct overhead_machine *machine, const struct thermo_host *host);

#endif
