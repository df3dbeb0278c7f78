/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpmu.h - the virtual PMU's device: every Nth access becomes a perf record in shared memory.
 *
 * sources/virtual_pmu.h says what that memory looks like.  vpmu_count() and vpmu_sample() are
 * called in the thread of the virtual CPU that they are told of, which alone writes its ring;
 * vpmu_forget_tasks() in any.  What the driver wrote, indices of rings included, is checked or
 * kept a copy of: a guest can spoil its samples and nothing else.
 */
#ifndef TRUTH_VPMU_H
#define TRUTH_VPMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sources/virtual_pmu.h"

enum { VPMU_CPUS_MAX = 64, VPMU_NODES_MAX = 16 };

/**
 * struct vpmu_options - How the device is made.
 * @control:	Its power-on values; without sequence and enabled.
 * @cpus_per_node:	CPUs are numbered node by node.
 * @latency_ns:	Of each node's memory.
 * @is_fast:	Nodes that have CPUs; the others are CXL memory.
 */
struct vpmu_options {
	struct vpmu_control control;
	uint64_t fixed_period;
	uint32_t nr_cpus;
	uint32_t nr_nodes;
	uint32_t cpus_per_node;
	uint32_t latency_ns[VPMU_NODES_MAX];
	bool is_fast[VPMU_NODES_MAX];
};

/**
 * struct vpmu_cpu - What a CPU needs to count, and its ring.
 * @since:	Accesses that counted since the last sample.
 * @target:	At so many there is a sample.
 * @sequence:	Of the control that all this was made for.
 * @counts:	Nodes whose loads [0] and stores [1] count, a bit each.
 * @period, @jitter:	The next target is within jitter of period.
 * @head:	Ours; the one in shared memory is a copy.
 * @nr_lost:	Samples that found the ring full, not yet told.
 * @task:	pid << 32 | tid of who runs there; 0: unknown.
 */
struct vpmu_cpu {
	uint64_t since;
	uint64_t target;
	uint64_t sequence;
	uint32_t counts[2];
	uint64_t period;
	uint64_t jitter;
	uint64_t random;
	uint64_t head;
	uint64_t nr_lost;
	uint64_t task;
	struct perf_event_mmap_page *ring;
	unsigned char *data;
} __attribute__((aligned(64)));

struct vpmu {
	struct vpmu_page *page; /* NULL: there is no virtual PMU */
	struct vpmu_options options;
	struct vpmu_cpu cpus[VPMU_CPUS_MAX];
};

/* Makes the device in @map of vpmu_bytes(options->nr_cpus) bytes. */
void vpmu_init(struct vpmu *pmu, void *map, const struct vpmu_options *options);

/* As above, in the file @path, which must have that size.  Return: 0 or -errno. */
int vpmu_open(struct vpmu *pmu, const char *path, const struct vpmu_options *options);

/* Takes over what the driver wants.  Called by vpmu_count(). */
void vpmu_reload(struct vpmu *pmu, struct vpmu_cpu *cpu, uint64_t sequence);

/* Counts an access.  Return: it is to be sampled, by vpmu_sample(). */
static inline bool vpmu_count(struct vpmu *pmu, uint32_t cpu, uint32_t node, bool store)
{
	struct vpmu_cpu *c = &pmu->cpus[cpu];
	/* acquire, pairs with the driver's release: what it wants is there. */
	uint64_t sequence = __atomic_load_n(&pmu->page->control.sequence, __ATOMIC_ACQUIRE);

	if (__builtin_expect(sequence != c->sequence, 0))
		vpmu_reload(pmu, c, sequence);
	if (!(c->counts[store] >> node & 1))
		return false;
	return ++c->since >= c->target;
}

void vpmu_sample(struct vpmu *pmu, uint32_t cpu, uint32_t node, bool store, uint64_t vaddr,
		 uint64_t paddr);

/* From now on accesses of @cpu are those of @task (pid << 32 | tid). */
void vpmu_set_task(struct vpmu *pmu, uint32_t cpu, uint64_t task);

/* Nobody knows who runs where. */
void vpmu_forget_tasks(struct vpmu *pmu);

#endif
