// SPDX-License-Identifier: GPL-2.0-or-later
/* select.c - walk /proc and choose. */
#include "core/select.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/error.h"

static bool is_listed(const struct thermo_target_spec *spec, pid_t pid)
{
	for (size_t i = 0; i < spec->nr_pids; i++)
		if (spec->pids[i] == pid)
			return true;
	return spec->nr_pids == 0;
}

/* "0::/a/b" is in "/a" and in "/a/b", not in "/a/bc". */
static bool in_cgroup(const struct thermo_host *host, pid_t pid, const char *cgroup)
{
	char text[4096];
	size_t len = strlen(cgroup);

	while (len > 0 && cgroup[len - 1] == '/')
		len--;
	if (thermo_host_read(host, text, sizeof(text), "proc/%d/cgroup", (int)pid) < 0)
		return false;
	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");

	if (!line)
		return false;
	const char *path = strstr(line, "0::") + 3;

	return strncmp(path, cgroup, len) == 0 &&
	       (path[len] == '/' || path[len] == '\n' || path[len] == '\0');
}

static uint64_t min_rss_bytes(const struct thermo_target_spec *spec)
{
	bool named = spec->nr_pids || spec->cgroup || spec->name;

	return spec->min_rss_bytes || named ? spec->min_rss_bytes : DEFAULT_MIN_RSS_BYTES;
}

/* The cheap question first: most processes are small, and /proc/PID/stat is slow. */
static bool is_large_enough(const struct thermo_host *host, const struct thermo_target_spec *spec,
			    pid_t pid)
{
	char text[128];
	uint64_t size_pages, rss_pages;

	return thermo_host_read(host, text, sizeof(text), "proc/%d/statm", (int)pid) > 0 &&
	       sscanf(text, "%" SCNu64 " %" SCNu64, &size_pages, &rss_pages) == 2 &&
	       rss_pages > 0 && rss_pages * THERMO_PAGE_BYTES >= min_rss_bytes(spec);
}

static bool is_selected(const struct thermo_host *host, const struct thermo_target_spec *spec,
			const struct thermo_proc *p)
{
	return !p->kernel_thread && p->pid != getpid() &&
	       (!spec->name || fnmatch(spec->name, p->name, 0) == 0) &&
	       (!spec->cgroup || in_cgroup(host, p->pid, spec->cgroup));
}

static int by_size(const void *a, const void *b)
{
	const struct thermo_proc *x = a, *y = b;

	if (x->rss_bytes != y->rss_bytes)
		return x->rss_bytes < y->rss_bytes ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

ssize_t thermo_select(const struct thermo_host *host, const struct thermo_target_spec *spec,
		      struct thermo_proc **procs)
{
	size_t max = spec->max_targets ? spec->max_targets : DEFAULT_MAX_TARGETS;
	struct thermo_proc *found = NULL;
	size_t nr = 0, room = 0;
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int err = thermo_host_open_dir(host, &dir, "proc");

	if (err)
		return err;
	while ((entry = readdir(dir))) {
		struct thermo_proc proc;
		pid_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		/* A process that is gone by now is simply not a target. */
		if (!is_listed(spec, pid) || !is_large_enough(host, spec, pid) ||
		    thermo_proc_read(host, pid, &proc) || !is_selected(host, spec, &proc))
			continue;
		if (nr == room) {
			struct thermo_proc *grown;

			room = room ? 2 * room : 64;
			grown = realloc(found, room * sizeof(*found));
			if (!grown) {
				free(found);
				return thermo_fail(-ENOMEM, "targets: no memory for %zu", room);
			}
			found = grown;
		}
		found[nr++] = proc;
	}
	if (nr)
		qsort(found, nr, sizeof(*found), by_size);
	*procs = found;
	return (ssize_t)(nr < max ? nr : max);
}
