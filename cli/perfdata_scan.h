/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_scan.h - once through a perf.data: which processes, what they are called, and
 * which memory of theirs was sampled.
 *
 * Most mappings of a process are not in a perf.data (anonymous memory from before it
 * began is not), so its memory is taken to be where samples are.
 */
#ifndef CLI_PERFDATA_SCAN_H
#define CLI_PERFDATA_SCAN_H

#include "core/given.h"
#include "sources/perfdata.h"

/*
 * Some of a process' memory: SCAN_GROUP chunks, in which of them samples were, a bit each,
 * and how many.  Most samples are near to others, so all groups fit into a cache.
 */
struct scan_group {
	uint64_t at; /* in units of groups */
	uint64_t nr;
	uint64_t chunks;
	int32_t pid;
};

/* A process that got a name, or was forked; @time_ns 0: before all that was recorded. */
struct scan_name {
	int32_t pid;
	int32_t parent_pid; /* 0: it got a name */
	uint64_t time_ns;
	size_t sequence;
	char name[16];
};

#define SCAN_CHUNK_BYTES (64ull << 10)
#define SCAN_GROUP 64u
/* Samples that are farther apart are not of one range. */
#define SCAN_GAP_BYTES (2ull << 20)
#define SCAN_MAX_TARGETS 256
#define SCAN_MAX_CHUNKS ((size_t)4 << 20)
#define SCAN_MAX_NAMES (1u << 20)

/**
 * struct perfdata_scan - Zeroed, it is empty.
 * @first_ns, @last_ns:	Of the samples with addresses.
 * @groups:	Until it is finished a hash table of @groups_room places.
 * @last:	Group of the last sample.
 * @nr_accesses:	Samples that belong to a target.
 * @nr_kernel:	Samples of the kernel's memory, of no process, or of no time that can be.
 * @nr_left_out:	Samples of the smallest processes, or beyond what can be kept.
 */
struct perfdata_scan {
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t nr_accesses;
	uint64_t nr_kernel;
	uint64_t nr_left_out;
	size_t nr_chunks;
	size_t nr_groups;
	size_t groups_room;
	struct scan_group *groups;
	struct scan_group *last;
	size_t nr_names;
	size_t names_room;
	struct scan_name *names;
	size_t nr_targets;
	struct given_target *targets;
	struct thermo_range *ranges;
};

/* No machine runs that long; beyond, sums of times would overflow. */
#define SCAN_MAX_TIME_NS (UINT64_MAX / 4)

/*
 * Whether it is of a process' own memory, and of a time that can be.  On all machines that
 * perf knows the kernel has the upper half.
 */
static inline bool perfdata_scan_wants(const struct thermo_access *access)
{
	return access->pid > 0 && access->space == THERMO_SPACE_VIRTUAL && !(access->addr >> 63) &&
	       access->extent_bytes <= INT64_MAX && access->time_ns <= SCAN_MAX_TIME_NS;
}

/* Return: 0 or -ENOMEM. */
int perfdata_scan_add(struct perfdata_scan *scan, const struct thermo_access *accesses, size_t nr);
/* What another record tells of names.  Return: 0 or -ENOMEM. */
int perfdata_scan_see(struct perfdata_scan *scan, const struct perfdata_item *item);
/* All were added: make the targets.  Return: 0 or -ENOMEM. */
int perfdata_scan_finish(struct perfdata_scan *scan);
void perfdata_scan_fini(struct perfdata_scan *scan);

#endif
