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

#define VPMU_SAMPLE_TYPE                                                                           \
	(PERF_SAMPLE_TID | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |               \
	 PERF_SAMPLE_WEIGHT | PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR)

enum {
	VPMU_VERSION = 1,
	VPMU_PAGE_BYTES = 4096,
	VPMU_RING_BYTES = 256 << 10,
	VPMU_RINGS_MAX = 1024,
};

/* Kinds of accesses that count. */
enum {
	VPMU_LOADS = 1,
	VPMU_STORES = 2,
};

/**
 * struct vpmu_control - What the driver wants.  The device sets power-on values.
 * @sequence:	The driver adds one after each change of what follows.
 * @period:	Accesses of a CPU for each sample; 0: none.
 * @ops:	OR of VPMU_LOADS and VPMU_STORES.
 * @min_latency_ns:	Only accesses to nodes that take at least so long count.
 * @jitter_permille:	Each interval differs from the period by up to so much, at random.
 * @enabled:	0 or 1.
 */
struct vpmu_control {
	uint64_t sequence;
	uint64_t period;
	uint32_t ops;
	uint32_t min_latency_ns;
	uint32_t jitter_permille;
	uint32_t enabled;
};

/**
 * struct vpmu_page - The first page.  All but @control is the device's.
 * @fixed_period:	The period is this, whatever the driver wants; 0: as it wants.
 * @control:	In a line of its own: the device looks at it with each access.
 */
struct vpmu_page {
	char magic[8];
	uint32_t version;
	uint32_t nr_rings;
	uint64_t ring_offset;
	uint64_t ring_stride;
	uint64_t sample_type;
	uint64_t fixed_period;
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
