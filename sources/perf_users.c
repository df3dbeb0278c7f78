// SPDX-License-Identifier: GPL-2.0-or-later
/* perf_users.c - /proc/PID/fd: what links to anon_inode:[perf_event]. */
#include "sources/perf_users.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/number.h"
#include "core/proc.h"

#define PERF_LINK "anon_inode:[perf_event]"
#define MOST_USERS 3

static bool has_perf_events(const struct thermo_host *host, pid_t pid)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	if (thermo_host_open_dir(host, &dir, "proc/%d/fd", (int)pid))
		return false;
	while ((entry = readdir(dir))) {
		char target[sizeof(PERF_LINK)];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));

		if (len == sizeof(PERF_LINK) - 1 && memcmp(target, PERF_LINK, (size_t)len) == 0)
			return true;
	}
	return false;
}

void perf_users_list(const struct thermo_host *host, char *text, size_t size)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	size_t len = 0;
	int nr = 0;

	text[0] = '\0';
	if (thermo_host_open_dir(host, &dir, "proc"))
		return;
	while ((entry = readdir(dir)) && nr < MOST_USERS && len < size) {
		struct thermo_proc proc;
		uint64_t pid;

		if (thermo_parse_u64(entry->d_name, INT32_MAX, &pid) || (pid_t)pid == getpid() ||
		    !has_perf_events(host, (pid_t)pid) || thermo_proc_read(host, (pid_t)pid, &proc))
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%s (%d)", nr ? ", " : "",
					proc.name, (int)pid);
		nr++;
	}
}
