// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_names.c - see perfdata_names.h.  Pure; what a file can make grow has a bound. */
#include "cli/perfdata_names.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"

#define MAX_ANCESTORS 16

/* @time_ns 0: before all that was recorded.  @parent_pid 0: it has a name. */
struct name {
	int32_t pid;
	int32_t parent_pid;
	uint64_t time_ns;
	char text[16];
};

static int by_pid(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct name *find(const struct perfdata_names *names, int32_t pid)
{
	const struct name key = { .pid = pid };
	struct name *const *node = tfind(&key, &names->tree, by_pid);

	return node ? *node : NULL;
}

/* Return: NULL when there are too many, with *@err 0, or without memory. */
static struct name *find_or_add(struct perfdata_names *names, int32_t pid, int *err)
{
	struct name *n = find(names, pid);

	*err = 0;
	if (n || names->nr == NAMES_MAX)
		return n;
	n = calloc(1, sizeof(*n));
	if (n)
		n->pid = pid;
	if (!n || !tsearch(n, &names->tree, by_pid)) {
		free(n);
		*err = thermo_fail(-ENOMEM, "samples: no memory for %zu names", names->nr + 1);
		return NULL;
	}
	names->nr++;
	return n;
}

/* Records come in the order of the file: one may be older than what is known. */
static int note(struct perfdata_names *names, uint64_t time_ns, int32_t pid, int32_t parent_pid,
		const char *text)
{
	int err;
	struct name *n = find_or_add(names, pid, &err);

	if (!n || time_ns < n->time_ns)
		return err;
	n->time_ns = time_ns;
	n->parent_pid = parent_pid;
	(void)snprintf(n->text, sizeof(n->text), "%s", text);
	names->changed = true;
	return 0;
}

int perfdata_names_see(struct perfdata_names *names, const struct perfdata_item *item)
{
	const struct perf_record *r = item->record;

	if (r->type == PERF_RECORD_COMM && r->comm.pid == r->comm.tid)
		return note(names, item->time_ns, r->comm.pid, 0, r->comm.name);
	if (r->type == PERF_RECORD_FORK && r->task.pid != r->task.parent_pid)
		return note(names, item->time_ns, r->task.pid, r->task.parent_pid, "");
	return 0;
}

const char *perfdata_names_of(const struct perfdata_names *names, int32_t pid)
{
	for (int i = 0; i < MAX_ANCESTORS; i++) {
		const struct name *n = find(names, pid);

		if (!n || !n->parent_pid)
			return n ? n->text : "";
		pid = n->parent_pid;
	}
	return "";
}

void perfdata_names_fini(struct perfdata_names *names)
{
	tdestroy(names->tree, free);
	*names = (struct perfdata_names){ 0 };
}
