/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_names.h - what the processes of a perf.data are called, record by record. */
#ifndef CLI_PERFDATA_NAMES_H
#define CLI_PERFDATA_NAMES_H

#include "sources/perfdata.h"

#define NAMES_MAX (1u << 20)

/**
 * struct perfdata_names - Zeroed, it is empty.
 * @tree:	Of tsearch(), by pid: of each process the newest that is known.
 * @changed:	By perfdata_names_see(); for who wants to know.
 */
struct perfdata_names {
	void *tree;
	size_t nr;
	bool changed;
};

/* Learn from a record: a process got a name, or was forked.  Return: 0 or -ENOMEM. */
int perfdata_names_see(struct perfdata_names *names, const struct perfdata_item *item);
/* A child that ran no other program is called what its parent is.  Return: "" for unknown. */
const char *perfdata_names_of(const struct perfdata_names *names, int32_t pid);
void perfdata_names_fini(struct perfdata_names *names);

#endif
