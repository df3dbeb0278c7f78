/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtual_pmu.h - the virtual PMU's memory, as the device and its driver see it.
 *
 * A PCI device of the lab's guest (ivshmem) whose BAR 2 is this memory.  The device's
 * side, which makes the samples, is tests/lab/truth/vpmu.c, outside of the guest; the
 * driver's is virtual_pmu.c.
 *
 *	struct vpmu_page, one page
 *	for each CPU, ring_stride bytes: a struct perf_event_mmap_page in one page, then
 *	its data: as the kernel maps a perf event's ring
 *
 * The records are the kernel's: PERF_RECORD_SAMPLE with the fields of sample_type, and
 * PERF_RECORD_LOST before the first sample after a full ring.  The weight of a sample
 * is in cycles of 1 ns.
 *
 * There are flavours, for PMUs differ in what they count and tell:
 *
 *	plain	one event, every Nth access; level and latency of each
 *	ibs	one event, every Nth operation of any kind, as AMD's IBS: most samples are of
 *		operations that access no memory, and say so; periods are multiples of 16;
 *		latency and level of loads alone; extension memory is told as CXL
 *	pebs	two events, loads and stores, each with its id and period, as Intel's PEBS:
 *		latency of loads alone, none of whose levels is CXL; a threshold makes loads
 *		that are shorter not count; of stores only where they were not served from
 *
 * Neither side trusts the other's numbers.
 */
#ifndef SOURCES_VIRTUAL_PMU_H
#define SOURCES_VIRTUAL_PMU_H

#include <linux/perf_event.h>
#include <stdint.h>

#define VPMU_MAGIC "THERMPMU"
#define VPMU_PCI_VENDOR "0x1af4"
#define VPMU_PCI_DEVICE "0x1110"
#define VPMU_BAR "resource2"

/* The weight is one word in either form. */
#define VPMU_SAMPLE_TYPE                                                                           \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |           \
	 PERF_SAMPLE_PERIOD | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR)

enum {
	VPMU_VERSION = 2,
	VPMU_EVENTS_MAX = 2,
	VPMU_NODES_MAX = 16,
	VPMU_IBS_STEP = 16,
	VPMU_PAGE_BYTES = 4096,
	VPMU_RING_BYTES = 256 << 10,
	VPMU_RINGS_MAX = 1024,
};

enum vpmu_flavour { VPMU_PLAIN, VPMU_IBS, VPMU_PEBS, VPMU_NR_FLAVOURS };

/* Events of the flavour pebs; the others have the first alone. */
enum {
	VPMU_LOAD_EVENT,
	VPMU_STORE_EVENT,
};

/* Kinds of accesses that count; IBS cannot tell them apart. */
enum {
	VPMU_LOADS = 1,
	VPMU_STORES = 2,
};

/**
 * struct vpmu_control - What the driver wants.  The device sets power-on values.
 * @sequence:	The driver adds one after each change of what follows.
 * @period:	Accesses of a CPU for each sample of an event; 0: none.  Of IBS operations, in
 *		multiples of VPMU_IBS_STEP, or there are no samples.
 * @ops:	OR of VPMU_LOADS and VPMU_STORES.
 * @jitter_permille:	Each interval differs from the period by up to so much, at random.
 * @enabled:	0 or 1.
 * @min_latency_ns:	By node: accesses to it count if they take at least so long.  Of PEBS
 *		loads alone; IBS counts all and drops the samples, those of stores as well.
 */
struct vpmu_control {
	uint64_t sequence;
	uint64_t period[VPMU_EVENTS_MAX];
	uint32_t ops;
	uint32_t jitter_permille;
	uint32_t enabled;
	uint32_t reserved;
	uint32_t min_latency_ns[VPMU_NODES_MAX];
};

/**
 * struct vpmu_page - The first page.  All but @control is the device's.
 * @fixed_period:	An event's period is this, whatever the driver wants; 0: as it wants.
 * @event_id:	What samples and losses of an event carry.
 * @control:	In a line of its own: the device looks at it with each access.
 */
struct vpmu_page {
	char magic[8];
	uint32_t version;
	uint32_t nr_rings;
	uint64_t ring_offset;
	uint64_t ring_stride;
	uint64_t sample_type;
	uint64_t fixed_period[VPMU_EVENTS_MAX];
	uint64_t event_id[VPMU_EVENTS_MAX];
	uint32_t flavour;
	uint32_t nr_events;
	struct vpmu_control control __attribute__((aligned(64)));
};

/* A BAR is a power of two. */
static inline uint64_t vpmu_bytes(uint32_t nr_rings)
{
	uint64_t used = VPMU_PAGE_BYTES + (uint64_t)nr_rings * (VPMU_PAGE_BYTES + VPMU_RING_BYTES);
	uint64_t bytes = VPMU_PAGE_BYTES;

	while (bytes < used)
		bytes *= 2;
	return bytes;
}

#endif
