// SPDX-License-Identifier: GPL-2.0-or-later
/* kthreads.c - see kthreads.h. */
#include "bench/overhead/kthreads.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/proc.h"

#define NAME "kdamond"

static bool is_one(const struct thermo_host *host, pid_t pid)
{
	struct thermo_proc proc;
	char name[16];

	/* The cheap question first. */
	return thermo_host_read(host, name, sizeof(name), "proc/%d/comm", (int)pid) > 0 &&
	       strncmp(name, NAME, strlen(NAME)) == 0 && thermo_proc_read(host, pid, &proc) == 0 &&
	       proc.kernel_thread;
}

static bool has(const struct overhead_kthreads *threads, pid_t pid)
{
	for (size_t i = 0; i < threads->nr; i++)
		if (threads->pids[i] == pid)
			return true;
	return false;
}

void overhead_kthreads_find(struct overhead_kthreads *threads, const struct thermo_host *host,
			    const struct overhead_kthreads *before)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	threads->nr = 0;
	if (thermo_host_open_dir(host, &dir, "proc"))
		return;
	while ((entry = readdir(dir)) && threads->nr < OVERHEAD_MAX_KTHREADS) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && is_one(host, pid) &&
		    !(before && has(before, pid)))
			threads->pids[threads->nr++] = pid;
	}
}

uint64_t overhead_kthreads_cpu_ns(const struct overhead_kthreads *threads,
				  const struct thermo_host *host)
{
	uint64_t sum = 0, ns;
	char text[64];

	for (size_t i = 0; i < threads->nr; i++)
		if (thermo_host_read(host, text, sizeof(text), "proc/%d/schedstat",
				     (int)threads->pids[i]) > 0 &&
		    sscanf(text, "%" SCNu64, &ns) == 1)
			sum += ns;
	return sum;
}
