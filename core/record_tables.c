// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * record_tables.c - which fields are in a record file, under which number.
 *
 * A number is never used for anything else again.  thermocline.data(5) lists them.
 */
#include "core/record_format.h"

/* A share that was rounded may be a little more than everything. */
#define MAX_SHARE 1.001f
#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))

#define FIELD(structure, field, number, kind, limit)                                               \
	{                                                                                          \
		.id = (number), .type = RECORD_##kind, .nr_items = 1,                              \
		.offset = offsetof(structure, field), .max = (limit)                               \
	}
#define TEXT(structure, field, number)                                                             \
	{                                                                                          \
		.id = (number), .type = RECORD_TEXT, .nr_items = sizeof(((structure *)0)->field),  \
		.stride = 1, .offset = offsetof(structure, field)                                  \
	}
#define ARRAY(structure, array, item, number, kind, limit)                                         \
	{                                                                                          \
		.id = (number), .type = RECORD_##kind, .nr_items = NR_OF(((structure *)0)->array), \
		.stride = sizeof(((structure *)0)->array[0]), .offset = offsetof(structure, item), \
		.max = (limit)                                                                     \
	}
#define TABLE(number, label, list, structure, rows, row_at_least)                                  \
	{                                                                                          \
		.id = (number), .name = (label), .columns = (list), .nr_columns = NR_OF(list),     \
		.row_bytes = sizeof(structure), .max_rows = (rows),                                \
		.min_row_bytes = (row_at_least)                                                    \
	}

static const struct record_column machine_columns[] = {
	FIELD(struct record_machine, start_time_ns, 1, U64, 0),
	FIELD(struct record_machine, start_realtime_ns, 2, U64, 0),
	FIELD(struct record_machine, page_bytes, 3, U64, 0),
	TEXT(struct record_machine, version, 4),
	TEXT(struct record_machine, kernel, 5),
	TEXT(struct record_machine, hostname, 6),
	TEXT(struct record_machine, boot_id, 7),
	TEXT(struct record_machine, what, 8),
};

static const struct record_column cpu_columns[] = {
	FIELD(struct record_cpu, cpu, 1, U32, 0),
	FIELD(struct record_cpu, node, 2, I32, 0),
};

static const struct record_column node_columns[] = {
	FIELD(struct record_node, node, 1, I32, 0),
	FIELD(struct record_node, tier, 2, I32, 0),
	FIELD(struct record_node, total_bytes, 3, U64, 0),
	FIELD(struct record_node, read_latency_ns, 4, U32, 0),
	FIELD(struct record_node, write_latency_ns, 5, U32, 0),
};

static const struct record_column snapshot_columns[] = {
	FIELD(struct thermo_snapshot, time_ns, 1, U64, 0),
	FIELD(struct thermo_snapshot, realtime_ns, 2, U64, 0),
	FIELD(struct thermo_snapshot, window_ns, 3, U64, 0),
	FIELD(struct thermo_snapshot, sequence, 4, U64, 0),
	FIELD(struct thermo_snapshot, accesses_per_s, 5, F64, 0),
	FIELD(struct thermo_snapshot, accesses_per_s_error, 6, F64, 0),
	FIELD(struct thermo_snapshot, bytes_per_s, 7, F64, 0),
	FIELD(struct thermo_snapshot, changed_share, 8, F32, 0),
	FIELD(struct thermo_snapshot, nr_gone, 9, U32, 0),
	FIELD(struct thermo_snapshot, counters.ingested, 10, U64, 0),
	FIELD(struct thermo_snapshot, counters.no_target, 11, U64, 0),
	FIELD(struct thermo_snapshot, counters.no_region, 12, U64, 0),
	FIELD(struct thermo_snapshot, counters.bad, 13, U64, 0),
	FIELD(struct thermo_snapshot, counters.dropped, 14, U64, 0),
	FIELD(struct thermo_snapshot, counters.no_owner, 15, U64, 0),
};

static const struct record_column target_columns[] = {
	FIELD(struct thermo_target, pid, 1, I32, 0),
	FIELD(struct thermo_target, parent_pid, 2, I32, 0),
	FIELD(struct thermo_target, start_ticks, 3, U64, 0),
	FIELD(struct thermo_target, rss_bytes, 4, U64, 0),
	TEXT(struct thermo_target, name, 5),
	TEXT(struct thermo_target, cgroup, 6),
};

static const struct record_column region_columns[] = {
	FIELD(struct thermo_region, target, 1, U32, 0),
	FIELD(struct thermo_region, start, 2, U64, 0),
	FIELD(struct thermo_region, end, 3, U64, 0),
	FIELD(struct thermo_region, accesses_per_s, 4, F64, 0),
	FIELD(struct thermo_region, accesses_per_s_error, 5, F64, 0),
	FIELD(struct thermo_region, bytes_per_s, 6, F64, 0),
	FIELD(struct thermo_region, read_share, 7, F32, MAX_SHARE),
	FIELD(struct thermo_region, write_share, 8, F32, MAX_SHARE),
	FIELD(struct thermo_region, op_known_share, 9, F32, MAX_SHARE),
	FIELD(struct thermo_region, nr_events, 10, F32, 0),
	FIELD(struct thermo_region, exposure_s, 11, F32, 0),
	FIELD(struct thermo_region, age_ns, 12, U64, 0),
	FIELD(struct thermo_region, idle_ns, 13, U64, 0),
	FIELD(struct thermo_region, evidence_age_ns, 14, U64, 0),
	ARRAY(struct thermo_region, cpus, cpus[0].key, 15, U32, 0),
	ARRAY(struct thermo_region, cpus, cpus[0].share, 16, F32, MAX_SHARE),
	ARRAY(struct thermo_region, cpus, cpus[0].error, 17, F32, MAX_SHARE),
	ARRAY(struct thermo_region, tids, tids[0].key, 18, U32, 0),
	ARRAY(struct thermo_region, tids, tids[0].share, 19, F32, MAX_SHARE),
	ARRAY(struct thermo_region, tids, tids[0].error, 20, F32, MAX_SHARE),
	ARRAY(struct thermo_region, accessor_nodes, accessor_nodes[0].key, 21, U32, 0),
	ARRAY(struct thermo_region, accessor_nodes, accessor_nodes[0].share, 22, F32, MAX_SHARE),
	ARRAY(struct thermo_region, accessor_nodes, accessor_nodes[0].error, 23, F32, MAX_SHARE),
	ARRAY(struct thermo_region, sources, sources[0], 24, F32, MAX_SHARE),
	ARRAY(struct thermo_region, levels, levels[0], 25, F32, MAX_SHARE),
	FIELD(struct thermo_region, latency_share, 26, F32, MAX_SHARE),
	FIELD(struct thermo_region, latency_mean_ns, 27, F32, 0),
	FIELD(struct thermo_region, latency_p50_ns, 28, F32, 0),
	FIELD(struct thermo_region, latency_p95_ns, 29, F32, 0),
	FIELD(struct thermo_region, latency_p99_ns, 30, F32, 0),
	ARRAY(struct thermo_region, nodes, nodes[0].node, 31, I16, 0),
	ARRAY(struct thermo_region, nodes, nodes[0].bytes, 32, U64, 0),
};

static const struct record_column source_columns[] = {
	TEXT(struct thermo_snapshot_source, name, 1),
	FIELD(struct thermo_snapshot_source, ingested, 2, U64, 0),
	FIELD(struct thermo_snapshot_source, dropped, 3, U64, 0),
	FIELD(struct thermo_snapshot_source, period, 4, F64, 0),
	FIELD(struct thermo_snapshot_source, source, 5, U32, 0),
};

static const struct record_column end_columns[] = {
	FIELD(struct record_end, time_ns, 1, U64, 0),
	FIELD(struct record_end, realtime_ns, 2, U64, 0),
	FIELD(struct record_end, nr_snapshots, 3, U64, 0),
	FIELD(struct record_end, error, 4, U32, 0),
};

static const struct record_column pages_columns[] = {
	FIELD(struct record_pages, time_ns, 1, U64, 0),
	FIELD(struct record_pages, hot_rate, 2, F64, 0),
	FIELD(struct record_pages, has_cgroups, 3, U32, 0),
	ARRAY(struct record_pages, types.other_cgroups, types.other_cgroups[0].share, 4, F32,
	      MAX_SHARE),
	ARRAY(struct record_pages, types.other_cgroups, types.other_cgroups[0].error, 5, F32,
	      MAX_SHARE),
};

static const struct record_column page_group_columns[] = {
	FIELD(struct page_group_types, bytes, 1, U64, 0),
	FIELD(struct page_group_types, nr_pages, 2, U32, 0),
	FIELD(struct page_group_types, nr_vanished, 3, U32, 0),
	ARRAY(struct page_group_types, classes, classes[0].share, 4, F32, MAX_SHARE),
	ARRAY(struct page_group_types, classes, classes[0].error, 5, F32, MAX_SHARE),
};

static const struct record_column page_cgroup_columns[] = {
	FIELD(struct page_cgroup, inode, 1, U64, 0),
	TEXT(struct page_cgroup, path, 2),
	ARRAY(struct page_cgroup, groups, groups[0].share, 3, F32, MAX_SHARE),
	ARRAY(struct page_cgroup, groups, groups[0].error, 4, F32, MAX_SHARE),
};

static const struct record_column idle_columns[] = {
	FIELD(struct idle_ages, time_ns, 1, U64, 0),
	FIELD(struct idle_ages, read_ns, 2, U64, 0),
	FIELD(struct idle_ages, nr_bad, 3, U64, 0),
	FIELD(struct idle_ages, nr_left_out, 4, U64, 0),
};

static const struct record_column idle_row_columns[] = {
	FIELD(struct idle_row, node, 1, I32, 0),
	FIELD(struct idle_row, memcg, 2, U64, 0),
	FIELD(struct idle_row, looked_ms, 3, U64, 0),
	ARRAY(struct idle_row, anon_bytes, anon_bytes[0], 4, U64, 0),
	ARRAY(struct idle_row, file_bytes, file_bytes[0], 5, U64, 0),
	TEXT(struct idle_row, path, 6),
};

/* A region has an end and a target a pid: those columns are never left out. */
const struct record_table record_machine_table =
		TABLE(1, "machine", machine_columns, struct record_machine, 1, 0);
const struct record_table record_cpu_table =
		TABLE(2, "cpus", cpu_columns, struct record_cpu, RECORD_MAX_CPUS, 0);
const struct record_table record_node_table =
		TABLE(3, "nodes", node_columns, struct record_node, THERMO_MAX_NODES, 0);
const struct record_table record_snapshot_table =
		TABLE(4, "snapshot", snapshot_columns, struct thermo_snapshot, 1, 0);
const struct record_table record_target_table =
		TABLE(5, "targets", target_columns, struct thermo_target, RECORD_MAX_TARGETS, 4);
const struct record_table record_region_table =
		TABLE(6, "regions", region_columns, struct thermo_region, RECORD_MAX_REGIONS, 8);
const struct record_table record_source_table =
		TABLE(7, "sources", source_columns, struct thermo_snapshot_source,
		      THERMO_MAX_REPORTERS, 0);
const struct record_table record_end_table = TABLE(8, "end", end_columns, struct record_end, 1, 0);
const struct record_table record_pages_table =
		TABLE(9, "pages", pages_columns, struct record_pages, 1, 0);
const struct record_table record_page_group_table = TABLE(
		10, "page groups", page_group_columns, struct page_group_types, NR_PAGE_GROUPS, 0);
const struct record_table record_page_cgroup_table =
		TABLE(11, "page cgroups", page_cgroup_columns, struct page_cgroup,
		      PAGETYPES_MAX_CGROUPS, 0);
const struct record_table record_idle_table =
		TABLE(12, "idle ages", idle_columns, struct idle_ages, 1, 0);
const struct record_table record_idle_node_table = TABLE(13, "idle ages of nodes", idle_row_columns,
							 struct idle_row, THERMO_MAX_NODES, 0);
const struct record_table record_idle_cgroup_table = TABLE(
		14, "idle ages of cgroups", idle_row_columns, struct idle_row, IDLE_MAX_ROWS, 0);
