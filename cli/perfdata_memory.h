/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_memory.h - which processes a file of samples tells of, and which memory of theirs.
 *
 * Most mappings of a process are not in a perf.data (anonymous memory from before it
 * began is not), so its memory is taken to be where samples are, and is known from the
 * first of them on.
 */
#ifndef CLI_PERFDATA_MEMORY_H
#define CLI_PERFDATA_MEMORY_H

#include "cli/perfdata_names.h"
#include "core/given.h"

/* Around a sample so much is memory, aligned. */
#define MEMORY_CHUNK_BYTES (64ull << 10)
#define MEMORY_GAP_BYTES (2ull << 20)
#define MEMORY_MAX_PROCESSES 256
/* Of a process; of more the smallest gaps are closed.  A monitor tells fewer apart. */
#define MEMORY_MAX_RANGES 1024

/* @weight: accesses, as far as they were counted; the heaviest stay. */
struct perfdata_process {
	int32_t pid;
	double weight;
	size_t nr_ranges;
	struct thermo_range *ranges; /* sorted, without overlaps */
};

/**
 * struct perfdata_memory - Zeroed, it is empty.
 * @list:	Sorted by pid.
 * @gap_bytes:	What is between samples less far apart is memory; 0: MEMORY_GAP_BYTES.
 */
struct perfdata_memory {
	uint64_t gap_bytes;
	size_t nr;
	size_t room;
	struct perfdata_process *list;
};

/*
 * There is memory where @accesses are.  Of too many processes the lightest go.  Return: 1; 0
 * when all of it was known; -ENOMEM.
 */
int perfdata_memory_add(struct perfdata_memory *memory, const struct thermo_access *accesses,
			size_t nr);
/* Whether an access is of memory that is known; then its process is the heavier for it. */
bool perfdata_memory_knows(struct perfdata_memory *memory, const struct thermo_access *access);
/* From now on processes weigh what a window of @snapshot saw of them. */
void perfdata_memory_weigh(struct perfdata_memory *memory, const struct thermo_snapshot *snapshot);
/* @targets has room for MEMORY_MAX_PROCESSES; borrows from @memory.  Return: how many. */
size_t perfdata_memory_targets(const struct perfdata_memory *memory,
			       const struct perfdata_names *names, struct given_target *targets);
void perfdata_memory_fini(struct perfdata_memory *memory);

#endif
