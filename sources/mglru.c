// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mglru.c - have the kernel look at accessed bits, so that its generations say more of how
 * long memory has been idle.
 *
 * The multi-gen LRU looks when memory is short, and else hardly ever.  What it knows is
 * read by every daemon (core/idle_ages.h); this source, which only runs when it is named,
 * makes it look: at the cgroups of the targets, each node by itself, every so often.
 * The kernel keeps four generations, so that the oldest says "at least two intervals".
 *
 * There are no addresses: nothing is reported to the monitor.  Runs in the source's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/idle_ages.h"
#include "core/proc.h"
#include "thermocline/source.h"

#define INTERVAL_MS 60000u
#define MAX_CGROUPS 64u
#define MAX_LISTS 256u
/* A look costs a walk through page tables: at most so large a part of one CPU goes into it. */
#define COST_SHARE 0.01

/* One cgroup on one node, to be looked at. */
struct due {
	uint64_t memcg;
	int node;
	uint64_t youngest;
};

struct mglru {
	const struct thermo_host *host;
	uint64_t interval_ns; /* at full rate */
	uint32_t permille;
	size_t nr_cgroups;
	char *cgroups[MAX_CGROUPS];
	uint64_t nr_left_out; /* cgroups and lists beyond what there is room for */
	size_t nr_due;
	struct due due[MAX_LISTS];
	uint64_t round_at_ns; /* when the next round begins */
	uint64_t round_cpu_ns;
	struct thermo_source_counters counters;
};

static int mglru_probe(const struct thermo_source_opts *opts)
{
	return idle_ages_probe(opts->host, "mglru");
}

static int mglru_open(void *state, const struct thermo_source_opts *opts)
{
	struct mglru *m = state;
	int err = idle_ages_probe(opts->host, "mglru");

	if (err)
		return err;
	m->host = opts->host;
	m->interval_ns = (opts->mglru_interval_ms ? opts->mglru_interval_ms : INTERVAL_MS) *
			 1000000ull;
	m->permille = THERMO_RATE_FULL;
	return 0;
}

static int mglru_start(void *state)
{
	struct mglru *m = state;

	m->round_at_ns = thermo_host_now_ns(m->host);
	return 0;
}

static void forget_cgroups(struct mglru *m)
{
	for (size_t i = 0; i < m->nr_cgroups; i++)
		free(m->cgroups[i]);
	m->nr_cgroups = 0;
}

static bool is_ours(const struct mglru *m, const char *path, size_t len)
{
	for (size_t i = 0; i < m->nr_cgroups; i++)
		if (strncmp(m->cgroups[i], path, len) == 0 && m->cgroups[i][len] == '\0')
			return true;
	return false;
}

/* One whose cgroup nobody tells has exited, or is in none: then the text has one, "". */
static int mglru_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct mglru *m = state;
	char path[THERMO_CGROUP_BYTES];

	forget_cgroups(m);
	m->nr_left_out = 0;
	for (size_t i = 0; i < nr_pids; i++) {
		if (thermo_proc_cgroup(m->host, pids[i], path, sizeof(path)) ||
		    is_ours(m, path, strlen(path)))
			continue;
		if (m->nr_cgroups == MAX_CGROUPS) {
			m->nr_left_out++;
			continue;
		}
		char *copy = strdup(path);

		if (!copy)
			return thermo_fail(-ENOMEM, "mglru: no memory");
		m->cgroups[m->nr_cgroups++] = copy;
	}
	return 0;
}

static int mglru_set_rate(void *state, uint32_t permille)
{
	((struct mglru *)state)->permille = permille;
	return 0;
}

static void take_list(void *context, const struct lru_gen_list *l)
{
	struct mglru *m = context;
	uint64_t pages = 0;

	for (uint32_t g = 0; g < l->nr_gens; g++)
		pages += l->gens[g].anon_pages + l->gens[g].file_pages;
	if (!pages || (l->path_len && !is_ours(m, l->path, l->path_len)))
		return;
	if (m->nr_due == MAX_LISTS) {
		m->nr_left_out++;
		return;
	}
	m->due[m->nr_due++] = (struct due){ l->memcg, l->node, l->gens[l->nr_gens - 1].seq };
}

static int begin_round(struct mglru *m, uint64_t now_ns)
{
	AUTO_FREE char *text = NULL;
	struct lru_gen_counts counts;
	uint64_t wait_ns = m->interval_ns * THERMO_RATE_FULL / m->permille;
	uint64_t least_ns = (uint64_t)((double)m->round_cpu_ns / COST_SHARE);
	ssize_t len = thermo_host_read_all(m->host, &text, LRU_GEN_TEXT);

	if (len < 0)
		return (int)len;
	lru_gen_parse(text, (size_t)len, take_list, m, &counts);
	m->counters.useless += counts.nr_bad;
	m->round_cpu_ns = 0;
	m->round_at_ns = now_ns + (wait_ns > least_ns ? wait_ns : least_ns);
	return 0;
}

/*
 * "+ memcg node youngest swappiness force": anonymous memory also where nothing can be
 * swapped, and all page tables, not only those that were worth it last time.
 */
static int look(struct mglru *m, const struct due *due)
{
	uint64_t began_ns = m->host->ops->thread_cpu_ns(m->host);
	char command[96];
	int err;

	(void)snprintf(command, sizeof(command), "+ %" PRIu64 " %d %" PRIu64 " 1 1\n", due->memcg,
		       due->node, due->youngest);
	err = thermo_host_write(m->host, command, LRU_GEN_TEXT);
	m->round_cpu_ns += m->host->ops->thread_cpu_ns(m->host) - began_ns;
	m->counters.seen++;
	/* The cgroup is gone, or somebody else was faster: it was looked at, if it is there. */
	if (err == -EINVAL || err == -ERANGE || err == -EEXIST) {
		m->counters.useless++;
		return 0;
	}
	return err;
}

/* One list at a time: the walk through a large process takes its time. */
static int mglru_drain(void *state, struct thermo_reporter *reporter)
{
	struct mglru *m = state;
	uint64_t now_ns = thermo_host_now_ns(m->host);

	(void)reporter;
	if (m->nr_due)
		return look(m, &m->due[--m->nr_due]);
	return now_ns >= m->round_at_ns ? begin_round(m, now_ns) : 0;
}

static void mglru_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct mglru *)state)->counters;
}

static void mglru_note(const void *state, char *text, size_t size)
{
	const struct mglru *m = state;

	text[0] = '\0';
	if (m->nr_left_out)
		(void)snprintf(text, size, "leaves out %" PRIu64 " cgroups: there are too many",
			       m->nr_left_out);
}

/* It tells of no access, nor that there was none. */
static bool mglru_watches(const void *state)
{
	(void)state;
	return false;
}

static void mglru_close(void *state)
{
	struct mglru *m = state;

	forget_cgroups(m);
	memset(m, 0, sizeof(*m));
}

const struct thermo_source thermo_source_mglru = {
	.name = "mglru",
	.summary = "the multi-gen LRU: how long memory has been idle; named, it is made to look",
	.can = THERMO_CAN_AGES,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "nothing to read, which every daemon does; named, a walk through the page tables "
		"of the targets' cgroups an interval",
	.changes = "named, it clears accessed bits and begins generations that reclaim goes by",
	.uses = THERMO_USES_ACCESSED_BITS,
	/* To look is what it does; what is known without is read anyway. */
	.by_name_only = true,
	.state_bytes = sizeof(struct mglru),
	.drain_interval_ms = 200,
	.probe = mglru_probe,
	.open = mglru_open,
	.start = mglru_start,
	.set_targets = mglru_set_targets,
	.set_rate = mglru_set_rate,
	.drain = mglru_drain,
	.counters = mglru_counters,
	.note = mglru_note,
	.watches = mglru_watches,
	.close = mglru_close,
};
