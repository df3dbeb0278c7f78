/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_regs.h - the registers of a CXL Hotness Monitoring Unit, CXL 3.2 section 8.2.8.
 *
 * A block of registers holds a common header and a number of instances, all of the same
 * length, which are configured apart.  All is 64 bits, little-endian, but for head and tail.
 * Offsets of an instance's registers are from its own beginning.
 */
#ifndef SOURCES_CHMU_REGS_H
#define SOURCES_CHMU_REGS_H

#include <stdint.h>

/* Which lowest bit and how many a field has; for chmu_get() and chmu_put(). */
#define CHMU_FIELD(low, bits) (low), (bits)

static inline uint64_t chmu_field_mask(unsigned int low, unsigned int bits)
{
	return (bits == 64 ? ~0ull : (1ull << bits) - 1) << low;
}

static inline uint64_t chmu_get(uint64_t reg, unsigned int low, unsigned int bits)
{
	return (reg & chmu_field_mask(low, bits)) >> low;
}

static inline uint64_t chmu_put(uint64_t value, unsigned int low, unsigned int bits)
{
	return value << low & chmu_field_mask(low, bits);
}

/* The common header. */
#define CHMU_COMMON_CAP 0x00u
#define CHMU_COMMON_VERSION CHMU_FIELD(0, 4)
#define CHMU_COMMON_NR_INSTANCES CHMU_FIELD(8, 8)
#define CHMU_COMMON_LENGTH 0x08u
#define CHMU_COMMON_INSTANCE_BYTES CHMU_FIELD(0, 16)
#define CHMU_INSTANCES 0x10u

/* Capabilities of an instance. */
#define CHMU_CAP0 0x00u
#define CHMU_CAP0_MSI CHMU_FIELD(0, 4)
#define CHMU_CAP0_OVERFLOW_INT CHMU_FIELD(4, 1)
#define CHMU_CAP0_FILL_INT CHMU_FIELD(5, 1)
#define CHMU_CAP0_EPOCH_TYPE CHMU_FIELD(6, 2) /* 0: of all counters at once, 1: of each */
#define CHMU_CAP0_REQUESTS CHMU_FIELD(8, 6)   /* bit n: enum chmu_request n + 1 */
#define CHMU_CAP0_MAX_EPOCH_SCALE CHMU_FIELD(16, 4)
#define CHMU_CAP0_MAX_EPOCH_MULTIPLIER CHMU_FIELD(20, 12)
#define CHMU_CAP0_MIN_EPOCH_SCALE CHMU_FIELD(32, 4)
#define CHMU_CAP0_MIN_EPOCH_MULTIPLIER CHMU_FIELD(36, 12)
#define CHMU_CAP0_HOTLIST_ENTRIES CHMU_FIELD(48, 16)

#define CHMU_CAP1 0x08u
#define CHMU_CAP1_UNIT_SIZES CHMU_FIELD(0, 32)     /* bit n: 2^n x 256 bytes */
#define CHMU_CAP1_DOWNSAMPLINGS CHMU_FIELD(32, 16) /* bit n: one of 2^n */
#define CHMU_CAP1_EPOCH_MODE CHMU_FIELD(48, 1)
#define CHMU_CAP1_ALWAYS_ON_MODE CHMU_FIELD(49, 1)
#define CHMU_CAP1_RANDOM_DOWNSAMPLING CHMU_FIELD(50, 1)
#define CHMU_CAP1_OVERLAPPING_RANGES CHMU_FIELD(51, 1)
#define CHMU_CAP1_POSTPONED_INSERT CHMU_FIELD(52, 1)

#define CHMU_CAP2 0x10u /* where the bitmap of ranges is, from the instance */
#define CHMU_CAP3 0x18u /* where the hotlist is, from the instance */

/* Configuration. */
#define CHMU_CFG0 0x40u
#define CHMU_CFG0_REQUEST CHMU_FIELD(0, 8)
#define CHMU_CFG0_RANDOM_DOWNSAMPLING CHMU_FIELD(8, 1)
#define CHMU_CFG0_OVERFLOW_INT CHMU_FIELD(9, 1)
#define CHMU_CFG0_FILL_INT CHMU_FIELD(10, 1)
#define CHMU_CFG0_ENABLE CHMU_FIELD(16, 1)
#define CHMU_CFG0_RESET CHMU_FIELD(17, 1)
#define CHMU_CFG0_THRESHOLD CHMU_FIELD(32, 32)

#define CHMU_CFG1 0x48u
#define CHMU_CFG1_UNIT_LOG2 CHMU_FIELD(0, 32)
#define CHMU_CFG1_DOWNSAMPLING_LOG2 CHMU_FIELD(32, 8)
#define CHMU_CFG1_MODE CHMU_FIELD(40, 8) /* 0: epochs, 1: always on */
#define CHMU_CFG1_EPOCH_SCALE CHMU_FIELD(48, 4)
#define CHMU_CFG1_EPOCH_MULTIPLIER CHMU_FIELD(52, 12)

#define CHMU_CFG2 0x50u
#define CHMU_CFG2_FILL_ENTRIES CHMU_FIELD(0, 16)

#define CHMU_STATUS 0x60u
#define CHMU_STATUS_ENABLED CHMU_FIELD(0, 1)
#define CHMU_STATUS_OPERATION CHMU_FIELD(16, 16) /* enum chmu_operation */
#define CHMU_STATUS_COUNTER_BITS CHMU_FIELD(32, 8)
#define CHMU_STATUS_OVERFLOW CHMU_FIELD(40, 1) /* writing 1 clears it */
#define CHMU_STATUS_FILL CHMU_FIELD(41, 1)     /* writing 1 clears it */

/* 16 bits each, indices of entries: we own the head, the unit the tail. */
#define CHMU_HEAD 0x68u
#define CHMU_TAIL 0x6au

/* The least that an instance has before its bitmap. */
#define CHMU_INSTANCE_MIN_BYTES 0x70u

/* A bit of the bitmap of ranges, and the granules that an instance can have. */
#define CHMU_RANGE_BYTES (256ull << 20)
enum { CHMU_UNIT_LOG2_MIN = 8, CHMU_UNIT_LOG2_MAX = 31, CHMU_EPOCH_MULTIPLIER_MAX = 4095 };

/* Requests that count: what the host sends to the device, master to subordinate. */
enum chmu_request {
	CHMU_REQUEST_NONTEE_READ = 1,
	CHMU_REQUEST_NONTEE_WRITE,
	CHMU_REQUEST_NONTEE_ALL,
	CHMU_REQUEST_READ,
	CHMU_REQUEST_WRITE,
	CHMU_REQUEST_ALL,
};

enum chmu_operation {
	CHMU_OPERATION_NONE,
	CHMU_OPERATION_ENABLE,
	CHMU_OPERATION_DISABLE,
	CHMU_OPERATION_RESET,
};

/* What the code @scale of an epoch's unit means; 0: nothing. */
static inline uint64_t chmu_epoch_unit_ns(unsigned int scale)
{
	static const uint64_t ns[] = { 0, 100000, 1000000, 10000000, 100000000, 1000000000 };

	return scale < sizeof(ns) / sizeof(ns[0]) ? ns[scale] : 0;
}

#endif
