// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.c - /proc/PID/stat, /proc/PID/maps and /proc/PID/cgroup. */
#include "core/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

/* proc(5): of the fields after the command's closing parenthesis. */
#define STAT_FORMAT                                                                                \
	" %*c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %" SCNu32              \
	" %*d %" SCNu64 " %" SCNu64 " %" SCNu64
#define PF_KTHREAD 0x00200000u

int thermo_proc_read(const struct thermo_host *host, pid_t pid, struct thermo_proc *proc)
{
	struct thermo_proc p = { .pid = pid };
	char text[1024];
	unsigned int flags;
	uint64_t vsize_bytes, rss_pages;
	int len = thermo_host_read(host, text, sizeof(text), "proc/%d/stat", (int)pid);

	if (len == -ENOENT || len == -ESRCH)
		return thermo_fail(-ESRCH, "pid %d: no such process", (int)pid);
	if (len < 0)
		return len;
	/* The name may hold spaces and parentheses: it ends at the last one. */
	char *name = strchr(text, '(');
	char *name_end = strrchr(text, ')');

	if (!name || !name_end || name_end < name ||
	    sscanf(name_end + 1, STAT_FORMAT, &p.parent_pid, &flags, &p.nr_threads, &p.start_ticks,
		   &vsize_bytes, &rss_pages) != 6)
		return thermo_fail(-EBADMSG, "/proc/%d/stat: not as expected: '%.60s'", (int)pid,
				   text);
	*name_end = '\0';
	(void)snprintf(p.name, sizeof(p.name), "%s", name + 1);
	p.rss_bytes = rss_pages * THERMO_PAGE_BYTES;
	p.kernel_thread = flags & PF_KTHREAD;
	*proc = p;
	return 0;
}

int thermo_proc_cgroup(const struct thermo_host *host, pid_t pid, char *path, size_t size)
{
	char text[THERMO_CGROUP_BYTES + 1024];
	int len = thermo_host_read(host, text, sizeof(text), "proc/%d/cgroup", (int)pid);

	if (len < 0)
		return len;
	/* The lines of cgroup1, which have a number and a controller, are not meant. */
	const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");

	if (!line)
		return thermo_fail(-ENOENT, "/proc/%d/cgroup: not in a cgroup2 tree", (int)pid);
	const char *start = strstr(line, "0::") + 3;

	(void)snprintf(path, size, "%.*s", (int)strcspn(start, "\n"), start);
	return 0;
}

/* Mappings that hold no pages that anybody could move. */
static bool is_special(const char *name)
{
	return strcmp(name, "[vsyscall]") == 0 || strncmp(name, "[vvar", 5) == 0 ||
	       strcmp(name, "[vdso]") == 0;
}

static int by_gap(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

ssize_t thermo_ranges_close_gaps(struct thermo_range *all, size_t nr, size_t max)
{
	AUTO_FREE uint64_t *gaps = NULL;
	size_t out = 0;

	if (nr < 2 || nr <= max)
		return (ssize_t)nr;
	gaps = malloc((nr - 1) * sizeof(*gaps));
	if (!gaps)
		return thermo_fail(-ENOMEM, "ranges: no memory for %zu gaps", nr);
	for (size_t i = 0; i + 1 < nr; i++)
		gaps[i] = all[i + 1].start - all[i].end;
	qsort(gaps, nr - 1, sizeof(*gaps), by_gap);

	/* The widest stay; of those just as wide as the last of these, as many as have room. */
	uint64_t limit = max > 1 ? gaps[max - 2] : UINT64_MAX;
	size_t nr_equal = max > 1 ? max - 1 : 0;

	for (size_t i = 0; i + 1 < nr && gaps[i] > limit; i++)
		nr_equal--;
	for (size_t i = 1; i < nr; i++) {
		uint64_t gap = all[i].start - all[out].end;
		bool is_last = gap == limit && nr_equal > 0;

		nr_equal -= is_last;
		if (gap > limit || is_last)
			all[++out] = all[i];
		else
			all[out].end = all[i].end;
	}
	return (ssize_t)out + 1;
}

/* Return: number of mappings in *@out, which the caller frees. */
static ssize_t parse_maps(char *text, struct thermo_range **out)
{
	struct thermo_range *all = NULL;
	size_t nr = 0, room = 0;
	char *next;

	for (char *line = text; line && *line; line = next) {
		struct thermo_range r;
		int name_at = 0;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &r.start, &r.end,
			   &name_at) < 2 ||
		    r.start >= r.end)
			continue;
		if (name_at && is_special(line + name_at))
			continue;
		/*
		 * Mappings that change while they are read may be told twice, in part: since
		 * Linux 6.17 the list is walked without its lock.
		 */
		if (nr && all[nr - 1].end >= r.start) {
			if (r.end > all[nr - 1].end)
				all[nr - 1].end = r.end;
			continue;
		}
		if (nr == room) {
			struct thermo_range *grown;

			room = room ? 2 * room : 64;
			grown = realloc(all, room * sizeof(*all));
			if (!grown) {
				free(all);
				return -ENOMEM;
			}
			all = grown;
		}
		all[nr++] = r;
	}
	*out = all;
	return (ssize_t)nr;
}

int thermo_proc_ranges(const struct thermo_host *host, pid_t pid, size_t max_ranges,
		       struct thermo_range *ranges)
{
	AUTO_FREE struct thermo_range *all = NULL;
	AUTO_FREE char *text = NULL;
	ssize_t len = thermo_host_read_all(host, &text, "proc/%d/maps", (int)pid);

	if (len < 0)
		return (int)len;
	ssize_t nr = parse_maps(text, &all);

	if (nr < 0)
		return thermo_fail((int)nr, "/proc/%d/maps: no memory", (int)pid);
	ssize_t kept = thermo_ranges_close_gaps(all, (size_t)nr, max_ranges);

	if (all && kept > 0)
		memcpy(ranges, all, (size_t)kept * sizeof(*ranges));
	return (int)kept;
}

/* Return: whether @line tells the mapping that holds @addr. */
static bool parse_file(const char *line, uint64_t addr, struct thermo_file *file)
{
	uint64_t start, end, offset;
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %15s %" SCNu64 "%n", &start, &end,
		   &offset, file->device, &file->inode, &path_at) < 5 ||
	    addr < start || addr >= end)
		return false;
	line += path_at + (int)strspn(line + path_at, " ");
	file->offset_bytes = offset + (addr - start);
	(void)snprintf(file->path, sizeof(file->path), "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

int thermo_proc_file(const struct thermo_host *host, pid_t pid, uint64_t addr,
		     struct thermo_file *file)
{
	AUTO_FREE char *text = NULL;
	ssize_t len = thermo_host_read_all(host, &text, "proc/%d/maps", (int)pid);
	struct thermo_file found;

	if (len < 0)
		return (int)len;
	for (const char *line = text; line && *line; line = strchr(line, '\n'))
		if (parse_file(line += *line == '\n', addr, &found) && found.inode) {
			*file = found;
			return 0;
		}
	return thermo_fail(-ENOENT, "/proc/%d/maps: no file at %#" PRIx64, (int)pid, addr);
}
