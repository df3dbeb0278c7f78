/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make_snapshot.h - snapshots with something in every field, and files of them. */
#ifndef TESTS_UNIT_CORE_MAKE_SNAPSHOT_H
#define TESTS_UNIT_CORE_MAKE_SNAPSHOT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/record.h"

#define MADE_TARGETS 3
#define MADE_SOURCES 2
#define MADE_MAX_REGIONS 4096

struct made_snapshot {
	struct thermo_snapshot s;
	struct thermo_target targets[MADE_TARGETS];
	struct thermo_snapshot_source sources[MADE_SOURCES];
	struct thermo_region regions[MADE_MAX_REGIONS];
};

static inline void make_shares(struct thermo_share *list, int nr, uint32_t key)
{
	for (int i = 0; i < nr; i++)
		list[i] = (struct thermo_share){ key + (uint32_t)i, 0.5f / (float)(i + 2),
						 0.01f * (float)(i + 1) };
}

static inline void make_region(struct thermo_region *r, uint32_t target, uint64_t i)
{
	r->start = 0x7f0000000000 + i * 0x400000;
	r->end = r->start + 0x200000 + (i % 7) * 4096;
	r->target = target;
	r->accesses_per_s = 1000.25 * (double)(i + 1);
	r->accesses_per_s_error = 10.5 * (double)(i + 1);
	r->bytes_per_s = 64000.5 * (double)(i + 1);
	r->read_share = 0.75f;
	r->write_share = 0.25f;
	r->op_known_share = 0.8f;
	r->nr_events = 17.5f + (float)i;
	r->exposure_s = 3.25f;
	r->age_ns = 5000000000 + i;
	r->idle_ns = i % 2 ? UINT64_MAX : i + 1;
	r->evidence_age_ns = i % 3 ? UINT64_MAX : i + 2;
	make_shares(r->cpus, THERMO_TOP_CPUS, (uint32_t)i % 5);
	make_shares(r->tids, THERMO_TOP_TIDS, 4000 + (uint32_t)i);
	make_shares(r->accessor_nodes, THERMO_TOP_NODES, 0);
	for (int n = 0; n < THERMO_MAX_SOURCES; n++)
		r->sources[n] = 0.1f * (float)(n + 1);
	for (int n = 0; n < THERMO_NR_LEVELS; n++)
		r->levels[n] = 0.05f * (float)(n + 1);
	r->latency_share = 0.5f;
	r->latency_mean_ns = 120;
	r->latency_p50_ns = 100;
	r->latency_p95_ns = 250;
	r->latency_p99_ns = 400;
	for (int n = 0; n < THERMO_REGION_NODES; n++)
		r->nodes[n] = (struct thermo_node_bytes){ (int16_t)(3 - n), 4096ull << n };
}

static inline void make_target(struct thermo_target *t, int i)
{
	t->pid = 100 + i;
	t->parent_pid = 1 + i;
	t->start_ticks = 777 + (uint64_t)i;
	t->rss_bytes = 1ull << (30 + i);
	(void)snprintf(t->name, sizeof(t->name), "target-%d", i);
	(void)snprintf(t->cgroup, sizeof(t->cgroup), "/system.slice/service-%d.service", i);
}

/* @number makes it differ from others; regions are spread over the targets. */
static inline void make_snapshot(struct made_snapshot *m, uint64_t number, uint32_t nr_regions)
{
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < MADE_TARGETS; i++)
		make_target(&m->targets[i], i);
	for (uint32_t i = 0; i < nr_regions; i++)
		make_region(&m->regions[i], i * MADE_TARGETS / nr_regions, i + number);
	for (int i = 0; i < MADE_SOURCES; i++) {
		(void)snprintf(m->sources[i].name, sizeof(m->sources[i].name), "source-%d", i);
		m->sources[i].source = i ? THERMO_MAX_SOURCES - 1 : 0;
		m->sources[i].ingested = 1000 * number + (uint64_t)i;
		m->sources[i].dropped = 5 + (uint64_t)i;
		m->sources[i].period = 1000.5 * (i + 1);
	}
	m->s = (struct thermo_snapshot){
		.time_ns = 1000000000 * (number + 1),
		.realtime_ns = 1700000000000000000 + number,
		.window_ns = 1000000000,
		.sequence = number + 1,
		.accesses_per_s = 123456.75,
		.accesses_per_s_error = 1234.5,
		.bytes_per_s = 7654321.5,
		.changed_share = 1.5f,
		.nr_gone = 1,
		.nr_targets = MADE_TARGETS,
		.nr_regions = nr_regions,
		.nr_sources = MADE_SOURCES,
		.targets = m->targets,
		.regions = m->regions,
		.sources = m->sources,
		.counters = { 1, 2, 3, 4, 5 },
	};
}

/* Nodes 0 (CPUs 0 and 1), 1 (CPU 2) and 2 (none). */
static inline struct record_machine made_machine(void)
{
	static struct record_cpu cpus[] = { { 0, 0 }, { 1, 0 }, { 2, 1 } };

	return (struct record_machine){
		.start_time_ns = 900000000,
		.start_realtime_ns = 1700000000000000000,
		.page_bytes = 4096,
		.version = "0.1.0",
		.kernel = "6.12.0-test",
		.hostname = "host.example",
		.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.what = "--pid 100",
		.nr_cpus = 3,
		.nr_nodes = 3,
		.cpus = cpus,
		.nodes = { { 0, 0, 1ull << 34, 80, 90 },
			   { 1, 0, 1ull << 34, 80, 90 },
			   { 2, 1, 1ull << 36, 250, 300 } },
	};
}

/* What is in the file @fd; the caller frees it. */
static inline unsigned char *whole_file(int fd, size_t *bytes)
{
	off_t end = lseek(fd, 0, SEEK_END);
	unsigned char *data = malloc((size_t)end + 1);

	*bytes = (size_t)end;
	if (!data || pread(fd, data, *bytes, 0) != end)
		abort();
	return data;
}

#endif
