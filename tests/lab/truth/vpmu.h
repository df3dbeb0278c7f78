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

enum { VPMU_CPUS_MAX = 64, VPMU_OTHER_OPS_MAX = VPMU_IBS_STEP - 1 };

/**
 * struct vpmu_options - How the device is made.
 * @control:	Its power-on values; without sequence and enabled.
 * @other_ops:	Of IBS: operations that access no memory, for each that does; at most
 *		VPMU_OTHER_OPS_MAX.
 * @cpus_per_node:	CPUs are numbered node by node.
 * @latency_ns:	Of each node's memory.
 * @is_fast:	Nodes that have CPUs; the others are CXL memory.
 */
struct vpmu_options {
	enum vpmu_flavour flavour;
	struct vpmu_control control;
	uint64_t fixed_period[VPMU_EVENTS_MAX];
	uint32_t other_ops;
	uint32_t nr_cpus;
	uint32_t nr_nodes;
	uint32_t cpus_per_node;
	uint32_t latency_ns[VPMU_NODES_MAX];
	bool is_fast[VPMU_NODES_MAX];
};

/**
 * struct vpmu_counter - A CPU's counter of one event.
 * @since:	What counted since the last sample.
 * @target:	At so many there is a sample.
 * @nodes:	Those whose loads [0] and stores [1] count, a bit each.
 * @period, @jitter:	The next target is within jitter of period.
 * @nominal:	What the sample at @target says it stands for (IBS).
 * @early:	So far before its place the sample at @target is (IBS): its counter's low bits
 *		are random.
 */
struct vpmu_counter {
	uint64_t since;
	uint64_t target;
	uint32_t nodes[2];
	uint64_t period;
	uint64_t jitter;
	uint64_t nominal;
	uint64_t early;
};

/**
 * struct vpmu_cpu - What a CPU needs to count, and its ring.
 * @sequence:	Of the control that the counters were made for.
 * @min_latency_ns:	As of then.
 * @head:	Ours; the one in shared memory is a copy.
 * @nr_lost:	Samples that found the ring full, not yet told.
 * @task:	pid << 32 | tid of who runs there; 0: unknown.
 */
struct vpmu_cpu {
	uint64_t sequence;
	struct vpmu_counter counters[VPMU_EVENTS_MAX];
	uint32_t min_latency_ns[VPMU_NODES_MAX];
	uint64_t random;
	uint64_t head;
	uint64_t nr_lost;
	uint64_t task;
	struct perf_event_mmap_page *ring;
	unsigned char *data;
} __attribute__((aligned(64)));

/**
 * struct vpmu - The device.
 * @page:	NULL: there is no virtual PMU.
 * @event_of:	The event that counts loads [0], stores [1].
 * @ops_per_access:	An access and the operations around it, where those count.
 */
struct vpmu {
	struct vpmu_page *page;
	struct vpmu_options options;
	uint32_t nr_events;
	uint32_t event_of[2];
	uint32_t ops_per_access;
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
	struct vpmu_counter *counter = &c->counters[pmu->event_of[store]];
	/* acquire, pairs with the driver's release: what it wants is there. */
	uint64_t sequence = __atomic_load_n(&pmu->page->control.sequence, __ATOMIC_ACQUIRE);

	if (__builtin_expect(sequence != c->sequence, 0))
		vpmu_reload(pmu, c, sequence);
	if (!(counter->nodes[store] >> node & 1))
		return false;
	counter->since += pmu->ops_per_access;
	return counter->since >= counter->target;
}

/* Of IBS it may be another operation than the access that is sampled, or none is. */
void vpmu_sample(struct vpmu *pmu, uint32_t cpu, uint32_t node, bool store, uint64_t vaddr,
		 uint64_t paddr);

/* An access as the PMU sees it. */
struct vpmu_access {
	uint32_t cpu;
	uint32_t node;
	bool store;
};

/* What the flavour's samples say of it: union perf_mem_data_src, and the weight. */
uint64_t vpmu_data_src(const struct vpmu_options *options, const struct vpmu_access *access);
uint64_t vpmu_weight(const struct vpmu_options *options, const struct vpmu_access *access);

/* From now on accesses of @cpu are those of @task (pid << 32 | tid). */
void vpmu_set_task(struct vpmu *pmu, uint32_t cpu, uint64_t task);

/* Nobody knows who runs where. */
void vpmu_forget_tasks(struct vpmu *pmu);

#endif
