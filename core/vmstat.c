// SPDX-License-Identifier: GPL-2.0-or-later
/* vmstat.c - /proc/vmstat, and vmstat and numastat of nodes. */
#include "core/vmstat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/number.h"

static const char *const names[VMSTAT_NR_ITEMS] = {
	[VMSTAT_PROMOTED] = "pgpromote_success",
	[VMSTAT_PROMOTE_CANDIDATES] = "pgpromote_candidate",
	[VMSTAT_DEMOTED_KSWAPD] = "pgdemote_kswapd",
	[VMSTAT_DEMOTED_DIRECT] = "pgdemote_direct",
	[VMSTAT_DEMOTED_KHUGEPAGED] = "pgdemote_khugepaged",
	[VMSTAT_DEMOTED_PROACTIVE] = "pgdemote_proactive",
	[VMSTAT_NUMA_HIT] = "numa_hit",
	[VMSTAT_NUMA_MISS] = "numa_miss",
	[VMSTAT_NUMA_FOREIGN] = "numa_foreign",
	[VMSTAT_PTE_UPDATES] = "numa_pte_updates",
	[VMSTAT_HINT_FAULTS] = "numa_hint_faults",
	[VMSTAT_HINT_FAULTS_LOCAL] = "numa_hint_faults_local",
	[VMSTAT_NUMA_MIGRATED] = "numa_pages_migrated",
	[VMSTAT_MIGRATED] = "pgmigrate_success",
	[VMSTAT_MIGRATE_FAILED] = "pgmigrate_fail",
	[VMSTAT_THP_MIGRATED] = "thp_migration_success",
	[VMSTAT_THP_MIGRATE_FAILED] = "thp_migration_fail",
	[VMSTAT_THP_MIGRATE_SPLIT] = "thp_migration_split",
};

const char *vmstat_name(enum vmstat_item item)
{
	return names[item];
}

static void take(struct vmstat_values *out, const char *name, size_t len, const char *number)
{
	for (int i = 0; i < VMSTAT_NR_ITEMS; i++) {
		if (strncmp(names[i], name, len) != 0 || names[i][len] != '\0')
			continue;
		if (thermo_parse_u64(number, UINT64_MAX, &out->values[i]) == 0)
			out->known |= 1u << i;
		return;
	}
}

void vmstat_parse(struct vmstat_values *out, const char *text)
{
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		const char *blank;
		char number[24];

		end = line + strcspn(line, "\n");
		blank = memchr(line, ' ', (size_t)(end - line));
		if (!blank || (size_t)(end - blank) > sizeof(number))
			continue;
		memcpy(number, blank + 1, (size_t)(end - blank) - 1);
		number[end - blank - 1] = '\0';
		take(out, line, (size_t)(blank - line), number);
	}
}

/* numastat's numbers are in vmstat too, but not on every kernel. */
static int read_node(const struct thermo_host *host, int node, struct vmstat_values *values)
{
	static const char *const files[] = { "vmstat", "numastat" };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO_FREE char *text = NULL;

		if (thermo_host_read_all(host, &text, "sys/devices/system/node/node%d/%s", node,
					 files[i]) < 0)
			continue;
		vmstat_parse(values, text);
		err = 0;
	}
	return err;
}

static void begin_or_go_on(struct vmstat_node *n, const struct vmstat_values *now, bool is_new)
{
	n->last = is_new ? *now : n->now;
	n->now = *now;
	if (is_new)
		n->first = *now;
}

static struct vmstat_node *find(struct vmstat *v, int node)
{
	for (size_t i = 0; i < v->nr_nodes; i++)
		if (v->nodes[i].node == node)
			return &v->nodes[i];
	return NULL;
}

static void read_nodes(struct vmstat *v, const struct thermo_host *host,
		       const struct thermo_topology *t)
{
	for (size_t i = 0; i < t->nr_nodes; i++) {
		struct vmstat_node *n = find(v, t->nodes[i].id);
		struct vmstat_values now = { 0 };
		bool is_new = !n;

		/* One that is gone keeps what it had. */
		if (read_node(host, t->nodes[i].id, &now))
			continue;
		if (is_new && v->nr_nodes == THERMO_MAX_NODES)
			continue;
		if (is_new) {
			n = &v->nodes[v->nr_nodes++];
			n->node = t->nodes[i].id;
		}
		begin_or_go_on(n, &now, is_new);
	}
}

int vmstat_read(struct vmstat *v, const struct thermo_host *host, const struct thermo_topology *t)
{
	AUTO_FREE char *text = NULL;
	struct vmstat_values now = { 0 };
	ssize_t len = thermo_host_read_all(host, &text, "proc/vmstat");

	if (len < 0)
		return (int)len;
	vmstat_parse(&now, text);
	begin_or_go_on(&v->all, &now, v->time_ns == 0);
	v->last_ns = v->time_ns;
	v->time_ns = thermo_host_now_ns(host);
	read_nodes(v, host, t);
	return 0;
}

/* A counter that falls was set back: of a node that came back, say. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

struct vmstat_change vmstat_change(const struct vmstat *v, const struct vmstat_node *n,
				   enum vmstat_item item)
{
	double seconds = v->last_ns ? (double)(v->time_ns - v->last_ns) / 1e9 : 0;
	struct vmstat_change c = { 0 };

	if (!(n->now.known & n->first.known & 1u << item))
		return c;
	c.known = true;
	c.since_start = grown(n->now.values[item], n->first.values[item]);
	if (seconds > 0)
		c.per_s = (double)grown(n->now.values[item], n->last.values[item]) / seconds;
	return c;
}

struct vmstat_change vmstat_demoted(const struct vmstat *v, const struct vmstat_node *n)
{
	struct vmstat_change sum = { 0 };

	for (int i = VMSTAT_DEMOTED_KSWAPD; i <= VMSTAT_DEMOTED_PROACTIVE; i++) {
		struct vmstat_change c = vmstat_change(v, n, (enum vmstat_item)i);

		sum.known |= c.known;
		sum.since_start += c.since_start;
		sum.per_s += c.per_s;
	}
	return sum;
}

struct vmstat_change vmstat_others_moved(const struct vmstat *v, uint64_t ours_pages)
{
	struct vmstat_change c = vmstat_change(v, &v->all, VMSTAT_MIGRATED);
	uint64_t promoted = vmstat_change(v, &v->all, VMSTAT_PROMOTED).since_start;
	uint64_t demoted = vmstat_demoted(v, &v->all).since_start;

	/* Ours goes on while the kernel's are read: a little less than nothing is nothing. */
	c.since_start = grown(grown(grown(c.since_start, ours_pages), promoted), demoted);
	c.per_s = 0;
	return c;
}
