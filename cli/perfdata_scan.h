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

/* Some of a process' memory, and how many samples were there. */
struct scan_chunk {
	int32_t pid;
	uint64_t at; /* in units of SCAN_CHUNK_BYTES */
	uint64_t nr;
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
/* Samples that are farther apart are not of one range. */
#define SCAN_GAP_BYTES (2ull << 20)
#define SCAN_MAX_TARGETS 256
#define SCAN_MAX_CHUNKS ((size_t)4 << 20)
#define SCAN_MAX_NAMES (1u << 20)

/**
 * struct perfdata_scan - Zeroed, it is empty.
 * @first_ns, @last_ns:	Of the samples with addresses.
 * @chunks:	Until it is finished a hash table of @chunks_room places.
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
	size_t chunks_room;
	struct scan_chunk *chunks;
	size_t nr_names;
	size_t names_room;
	struct scan_name *names;
	size_t nr_targets;
	struct given_target *targets;
	struct thermo_range *ranges;
};

/* Whether it is of a process' own memory, and of a time that can be. */
bool perfdata_scan_wants(const struct thermo_access *access);

/* Return: 0 or -ENOMEM. */
int perfdata_scan_add(struct perfdata_scan *scan, const struct perfdata_item *item);
/* All were added: make the targets.  Return: 0 or -ENOMEM. */
int perfdata_scan_finish(struct perfdata_scan *scan);
void perfdata_scan_fini(struct perfdata_scan *scan);

#endif
