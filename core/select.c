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

/* "/a/b" is in "/a" and in "/a/b", not in "/a/bc". */
static bool in_cgroup(const struct thermo_host *host, pid_t pid, const char *cgroup)
{
	char path[THERMO_CGROUP_BYTES];
	size_t len = strlen(cgroup);

	while (len > 0 && cgroup[len - 1] == '/')
		len--;
	return thermo_proc_cgroup(host, pid, path, sizeof(path)) == 0 &&
	       strncmp(path, cgroup, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static uint64_t min_rss_bytes(const struct thermo_target_spec *spec)
{
	bool named = spec->nr_pids || spec->cgroup || spec->name;

	return spec->min_rss_bytes || named ? spec->min_rss_bytes : DEFAULT_MIN_RSS_BYTES;
}

/* The cheap question first: most processes are small, and /proc/PID/stat is slow. */
static bool is_large(const struct thermo_host *host, uint64_t min_bytes, pid_t pid)
{
	char text[128];
	uint64_t size_pages, rss_pages;

	return thermo_host_read(host, text, sizeof(text), "proc/%d/statm", (int)pid) > 0 &&
	       sscanf(text, "%" SCNu64 " %" SCNu64, &size_pages, &rss_pages) == 2 &&
	       rss_pages > 0 && rss_pages * THERMO_PAGE_BYTES >= min_bytes;
}

static bool is_selected(const struct thermo_host *host, const struct thermo_target_spec *spec,
			const struct family *family, const struct thermo_proc *p)
{
	return !p->kernel_thread && p->pid != getpid() && p->rss_bytes > 0 &&
	       p->rss_bytes >= min_rss_bytes(spec) &&
	       (!spec->nr_pids || family_has(family, p->pid)) &&
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

static int by_pid(const void *a, const void *b)
{
	const struct thermo_proc *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int append(struct thermo_proc **list, size_t nr, size_t *room, const struct thermo_proc *p)
{
	if (nr == *room) {
		size_t wanted = *room ? 2 * *room : 64;
		struct thermo_proc *grown = realloc(*list, wanted * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "targets: no memory for %zu processes", wanted);
		*list = grown;
		*room = wanted;
	}
	(*list)[nr] = *p;
	return 0;
}

/* All that may matter for @spec.  Return: how many in *@list, or -errno. */
static ssize_t read_all(const struct thermo_host *host, const struct thermo_target_spec *spec,
			struct thermo_proc **list)
{
	size_t nr = 0, room = 0;
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int err = thermo_host_open_dir(host, &dir, "proc");

	while (!err && (entry = readdir(dir))) {
		struct thermo_proc proc;
		pid_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		/*
		 * With pids every process counts: a small one may be a large one's parent.
		 * One that is gone by now is simply not there.
		 */
		if ((!spec->nr_pids && !is_large(host, min_rss_bytes(spec), pid)) ||
		    thermo_proc_read(host, pid, &proc))
			continue;
		err = append(list, nr, &room, &proc);
		nr += !err;
	}
	return err ? err : (ssize_t)nr;
}

ssize_t thermo_select(const struct thermo_host *host, const struct thermo_target_spec *spec,
		      struct family *family, struct thermo_proc **procs)
{
	size_t max = spec->max_targets ? spec->max_targets : DEFAULT_MAX_TARGETS, kept = 0;
	AUTO_FREE struct thermo_proc *all = NULL;
	ssize_t nr = read_all(host, spec, &all);
	int err = 0;

	if (nr > 0)
		qsort(all, (size_t)nr, sizeof(*all), by_pid);
	if (nr >= 0)
		err = family_update(family, spec->pids, spec->nr_pids, all, (size_t)nr);
	if (nr < 0 || err)
		return nr < 0 ? nr : err;
	for (ssize_t i = 0; i < nr; i++)
		if (is_selected(host, spec, family, &all[i]))
			all[kept++] = all[i];
	if (kept)
		qsort(all, kept, sizeof(*all), by_size);
	*procs = all;
	all = NULL;
	return (ssize_t)(kept < max ? kept : max);
}
