/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vchmu.h - the virtual CHMU's device: counts accesses to slow memory by granule and tells, at
 * the end of each epoch, which were hot.
 *
 * sources/virtual_chmu.h says what its memory looks like, sources/chmu_regs.h the registers.
 * vchmu_count() is called in the threads of the virtual CPUs, vchmu_step() in one thread, again and
 * again.  What the driver wrote is checked: a guest can spoil its counts and nothing else.
 *
 * A counter for each granule, or a sketch: a count-min of so many counters in four rows, which
 * never counts too little and, where granules share counters, too much.
 */
#ifndef TRUTH_VCHMU_H
#define TRUTH_VCHMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sources/chmu_regs.h"
#include "sources/virtual_chmu.h"

enum { VCHMU_CPUS_MAX = 64, VCHMU_ROWS = 4 };

/**
 * struct vchmu_options - How the device is made.
 * @nr_entries:	Of the hotlist, which holds one less.
 * @nr_counters:	Of the sketch; 0: one for each granule.
 * @loss_permille:	Accesses that it does not see, at random.
 * @counter_bits:	Where counters stop.
 * @min_epoch_ms:	The shortest epoch.
 */
struct vchmu_options {
	uint32_t nr_windows;
	struct vchmu_window windows[VCHMU_WINDOWS_MAX];
	uint32_t nr_entries;
	uint32_t nr_counters;
	uint32_t loss_permille;
	uint32_t counter_bits;
	uint32_t min_epoch_ms;
};

struct vchmu_cpu {
	uint64_t random;
} __attribute__((aligned(64)));

/* How it counts.  Virtual CPUs see all of it at once: packed into a word. */
struct vchmu_plan {
	bool loads;
	bool stores;
	uint32_t unit_log2;
	uint32_t downsampling_log2;
	uint32_t threshold;
};

struct vchmu {
	struct vchmu_page *page; /* NULL: there is no virtual CHMU */
	unsigned char *block;
	struct vchmu_options options;
	uint64_t device_bytes;
	uint64_t nr_ranges;
	/* Of vchmu_step()'s thread: the registers as they are, whatever the guest wrote there. */
	uint64_t cfg[3];
	uint64_t operation;
	uint64_t operation_end_ns;
	uint64_t epoch_ns;
	uint64_t epoch_end_ns;
	uint32_t head;
	uint32_t tail;
	bool enabled;
	bool overflow;
	bool fill;
	uint64_t random;
	struct vchmu_plan plan;
	/* Of all threads, atomically. */
	uint64_t active;    /* the plan, packed; 0: nothing is counted */
	uint32_t *counters; /* by granule, or the sketch's rows one after the other */
	uint64_t *hot;      /* with a sketch, a bit for each granule that reached the threshold */
	uint64_t *ranges;   /* the bitmap, a copy of what counts */
	struct vchmu_cpu cpus[VCHMU_CPUS_MAX];
};

/* Makes the device in @map of VCHMU_BAR_BYTES.  Return: 0 or -errno. */
int vchmu_init(struct vchmu *chmu, void *map, const struct vchmu_options *options);
/* As above, in the file @path, which must have that size. */
int vchmu_open(struct vchmu *chmu, const char *path, const struct vchmu_options *options);
void vchmu_fini(struct vchmu *chmu);

/* Take the driver's stores, end operations and epochs.  Call it more often than each ms. */
void vchmu_step(struct vchmu *chmu, uint64_t now_ns);

/* An access to physical memory, anywhere. */
void vchmu_count(struct vchmu *chmu, uint32_t cpu, uint64_t physical, bool store);

#endif
