// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vpmu_data_src.c - what the virtual PMU's samples say of an access, by flavour: where it was
 * served from and how long it took, as the kernel's drivers tell it.  Part of the plugin.
 *
 * There are no caches: every load missed them all.
 */
#include "tests/lab/truth/vpmu.h"

/* union perf_mem_data_src, in the fields of 4.14 and later, and its levels of before */
#define OP_LOAD 0x2ULL
#define OP_STORE 0x4ULL
#define LVL_NA (0x1ULL << 5)
#define LVL_HIT (0x2ULL << 5)
#define LVL_MISS (0x4ULL << 5)
#define LVL_L1 (0x8ULL << 5)
#define LVL_LOC_RAM (0x80ULL << 5)
#define LVL_REM_RAM1 (0x100ULL << 5)
#define SNOOP_NA (0x1ULL << 19)
#define SNOOP_NONE (0x2ULL << 19)
#define SNOOP_HIT (0x4ULL << 19)
#define LOCK_NA (0x1ULL << 24)
#define TLB_HIT (0x2ULL << 26)
#define TLB_L1 (0x8ULL << 26)
#define TLB_L2 (0x10ULL << 26)
#define NUM_CXL (0x9ULL << 33)
#define NUM_RAM (0xdULL << 33)
#define NUM_NA (0xfULL << 33)
#define REMOTE (1ULL << 37)
#define BLK_NA (0x1ULL << 40)
#define HOPS_1 (0x2ULL << 43) /* another node */

/* What WEIGHT_STRUCT's second weight counts besides the load: waiting to be issued and to retire.
 */
enum { PIPELINE_CYCLES = 20 };

static bool is_local(const struct vpmu_options *o, const struct vpmu_access *a)
{
	return o->is_fast[a->node] &&
	       (o->cpus_per_node == 0 || a->cpu / o->cpus_per_node == a->node);
}

static uint64_t plain(const struct vpmu_options *o, const struct vpmu_access *a)
{
	uint64_t src = (a->store ? OP_STORE : OP_LOAD) | LVL_HIT;

	if (!o->is_fast[a->node])
		return src | NUM_CXL;
	return src | NUM_RAM | (is_local(o, a) ? LVL_LOC_RAM : LVL_REM_RAM1 | REMOTE);
}

/* As of Zen 4: the data source is valid for loads that missed; the miss address buffer has none. */
static uint64_t ibs(const struct vpmu_options *o, const struct vpmu_access *a)
{
	const uint64_t common = SNOOP_NA | LOCK_NA | TLB_HIT | TLB_L1;

	if (a->store)
		return OP_STORE | LVL_NA | NUM_NA | common;
	if (!o->is_fast[a->node])
		return OP_LOAD | NUM_CXL | common;
	if (is_local(o, a))
		return OP_LOAD | LVL_HIT | LVL_LOC_RAM | NUM_RAM | common;
	return OP_LOAD | LVL_HIT | LVL_REM_RAM1 | NUM_RAM | REMOTE | HOPS_1 | common;
}

/*
 * Entries a and b of the table by which the kernel reads the four bits of a server's record since
 * Skylake: memory near or far, shared.  Memory without CPUs is far.  Stores only know that they
 * missed the first cache.
 */
static uint64_t pebs(const struct vpmu_options *o, const struct vpmu_access *a)
{
	const uint64_t common = TLB_HIT | TLB_L1 | TLB_L2 | BLK_NA;

	if (a->store)
		return OP_STORE | LVL_L1 | LVL_MISS | SNOOP_NA | common;
	if (is_local(o, a))
		return OP_LOAD | LVL_HIT | LVL_LOC_RAM | NUM_RAM | SNOOP_HIT | common;
	return OP_LOAD | LVL_HIT | NUM_RAM | REMOTE | SNOOP_NONE | common;
}

uint64_t vpmu_data_src(const struct vpmu_options *options, const struct vpmu_access *access)
{
	switch (options->flavour) {
	case VPMU_IBS:
		return ibs(options, access);
	case VPMU_PEBS:
		return pebs(options, access);
	default:
		return plain(options, access);
	}
}

uint64_t vpmu_weight(const struct vpmu_options *options, const struct vpmu_access *access)
{
	uint64_t cycles = options->latency_ns[access->node], second = cycles + PIPELINE_CYCLES;

	if (options->flavour == VPMU_PLAIN)
		return cycles;
	if (access->store)
		return 0;
	/* WEIGHT_STRUCT: 32 bits of latency, then 16 of the instruction's. */
	return cycles | (second < UINT16_MAX ? second : UINT16_MAX) << 32;
}
