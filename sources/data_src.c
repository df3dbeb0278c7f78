// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * data_src.c - union perf_mem_data_src as numbers.
 *
 * The constants are our own: linux/perf_event.h of 2022 lacks the newer ones.
 */
#include "sources/data_src.h"

#include <stddef.h>

/* mem_op: bits 0-4 */
#define OP_NA 0x01u
#define OP_LOAD 0x02u
#define OP_STORE 0x04u
#define OP_PFETCH 0x08u
#define OP_EXEC 0x10u

/* mem_lvl: bits 5-18, any number of them */
#define LVL_NA 0x0001u
#define LVL_HIT 0x0002u
#define LVL_MISS 0x0004u
#define LVL_L1 0x0008u
#define LVL_LFB 0x0010u
#define LVL_L2 0x0020u
#define LVL_L3 0x0040u
#define LVL_LOC_RAM 0x0080u
#define LVL_REM_RAM1 0x0100u
#define LVL_REM_RAM 0x0300u /* one or two hops away */
#define LVL_REM_CCE1 0x0400u
#define LVL_REM_CCE 0x0c00u /* likewise */
#define LVL_IO 0x1000u
#define LVL_UNC 0x2000u

/* mem_lvl_num: bits 33-36, one of them */
enum {
	NUM_NONE = 0x0, /* before 4.14 */
	NUM_L1 = 0x1,
	NUM_L2 = 0x2,
	NUM_L3 = 0x3,
	NUM_L4 = 0x4,
	NUM_L2_MHB = 0x5, /* miss handling buffer */
	NUM_MSC = 0x6,    /* cache on the memory's side of the fabric */
	NUM_L0 = 0x7,
	NUM_UNC = 0x8,
	NUM_CXL = 0x9,
	NUM_IO = 0xa,
	NUM_ANY_CACHE = 0xb,
	NUM_LFB = 0xc,
	NUM_RAM = 0xd,
	NUM_PMEM = 0xe,
	NUM_NA = 0xf,
};

/* mem_hops: bits 43-45; 1 is another core of the node, what is above is farther. */
#define HOPS_OTHER_NODE 2u

static uint32_t bits(uint64_t data_src, int shift, int width)
{
	return (uint32_t)(data_src >> shift) & ((1u << width) - 1);
}

enum thermo_op data_src_op(uint64_t data_src)
{
	uint32_t op = bits(data_src, 0, 5);

	/* What reads and writes at once (an atomic) leaves changed memory behind. */
	if (op & OP_STORE)
		return THERMO_OP_WRITE;
	return op & (OP_LOAD | OP_PFETCH | OP_EXEC) ? THERMO_OP_READ : THERMO_OP_UNKNOWN;
}

/* Several levels at once: the data came from the farthest of them. */
static enum thermo_level level_of_set(uint32_t lvl)
{
	static const struct {
		uint32_t lvl;
		enum thermo_level level;
	} farthest_first[] = {
		{ LVL_IO | LVL_UNC, THERMO_LEVEL_UNCACHED },
		{ LVL_REM_RAM, THERMO_LEVEL_REMOTE_DRAM },
		{ LVL_LOC_RAM, THERMO_LEVEL_LOCAL_DRAM },
		{ LVL_REM_CCE, THERMO_LEVEL_REMOTE_CACHE },
		{ LVL_L3, THERMO_LEVEL_L3 },
		{ LVL_L2, THERMO_LEVEL_L2 },
		{ LVL_LFB, THERMO_LEVEL_LINE_FILL_BUFFER },
		{ LVL_L1, THERMO_LEVEL_L1 },
	};

	for (size_t i = 0; i < sizeof(farthest_first) / sizeof(farthest_first[0]); i++)
		if (lvl & farthest_first[i].lvl)
			return farthest_first[i].level;
	return THERMO_LEVEL_UNKNOWN;
}

/* L4 and a cache that is not named count as the last one before memory. */
static enum thermo_level level_of_number(uint32_t num)
{
	static const uint8_t levels[] = {
		[NUM_L1] = THERMO_LEVEL_L1,
		[NUM_L2] = THERMO_LEVEL_L2,
		[NUM_L3] = THERMO_LEVEL_L3,
		[NUM_L4] = THERMO_LEVEL_L3,
		[NUM_L2_MHB] = THERMO_LEVEL_LINE_FILL_BUFFER,
		[NUM_MSC] = THERMO_LEVEL_LOCAL_DRAM,
		[NUM_L0] = THERMO_LEVEL_L1,
		[NUM_UNC] = THERMO_LEVEL_UNCACHED,
		[NUM_CXL] = THERMO_LEVEL_CXL,
		[NUM_IO] = THERMO_LEVEL_UNCACHED,
		[NUM_ANY_CACHE] = THERMO_LEVEL_L3,
		[NUM_LFB] = THERMO_LEVEL_LINE_FILL_BUFFER,
		[NUM_RAM] = THERMO_LEVEL_LOCAL_DRAM,
		[NUM_PMEM] = THERMO_LEVEL_PMEM,
		[NUM_NA] = THERMO_LEVEL_UNKNOWN,
	};

	return levels[num];
}

static bool is_cache(enum thermo_level level)
{
	return level >= THERMO_LEVEL_L1 && level <= THERMO_LEVEL_REMOTE_CACHE;
}

static bool is_remote(uint64_t data_src, uint32_t lvl)
{
	return bits(data_src, 37, 1) || bits(data_src, 43, 3) >= HOPS_OTHER_NODE ||
	       lvl & (LVL_REM_RAM | LVL_REM_CCE);
}

enum thermo_level data_src_level(uint64_t data_src)
{
	uint32_t lvl = bits(data_src, 5, 14), num = bits(data_src, 33, 4);
	enum thermo_level level, of_set = level_of_set(lvl);

	/* "Any cache" is all that the number can say of what the set may know better. */
	if (num == NUM_NONE || num == NUM_NA || (num == NUM_ANY_CACHE && of_set))
		level = of_set;
	else
		level = level_of_number(num);
	if (is_cache(level) && lvl & LVL_MISS && !(lvl & LVL_HIT))
		return THERMO_LEVEL_UNKNOWN;
	if (!is_remote(data_src, lvl))
		return level;
	if (level == THERMO_LEVEL_LOCAL_DRAM)
		return THERMO_LEVEL_REMOTE_DRAM;
	return is_cache(level) && level != THERMO_LEVEL_LINE_FILL_BUFFER ? THERMO_LEVEL_REMOTE_CACHE
									 : level;
}

/* Older perf reads the set, newer the number: both are filled in. */
static const struct {
	uint32_t lvl;
	uint32_t num;
	bool remote;
	uint32_t hops;
} made_of[THERMO_NR_LEVELS] = {
	[THERMO_LEVEL_UNKNOWN] = { LVL_NA, NUM_NA, false, 0 },
	[THERMO_LEVEL_L1] = { LVL_HIT | LVL_L1, NUM_L1, false, 0 },
	[THERMO_LEVEL_L2] = { LVL_HIT | LVL_L2, NUM_L2, false, 0 },
	[THERMO_LEVEL_L3] = { LVL_HIT | LVL_L3, NUM_L3, false, 0 },
	[THERMO_LEVEL_LINE_FILL_BUFFER] = { LVL_HIT | LVL_LFB, NUM_LFB, false, 0 },
	[THERMO_LEVEL_REMOTE_CACHE] = { LVL_HIT | LVL_REM_CCE1, NUM_ANY_CACHE, true,
					HOPS_OTHER_NODE },
	[THERMO_LEVEL_LOCAL_DRAM] = { LVL_HIT | LVL_LOC_RAM, NUM_RAM, false, 0 },
	[THERMO_LEVEL_REMOTE_DRAM] = { LVL_HIT | LVL_REM_RAM1, NUM_RAM, true, HOPS_OTHER_NODE },
	[THERMO_LEVEL_PMEM] = { LVL_HIT, NUM_PMEM, false, 0 },
	[THERMO_LEVEL_CXL] = { LVL_HIT, NUM_CXL, false, 0 },
	[THERMO_LEVEL_UNCACHED] = { LVL_HIT | LVL_UNC, NUM_UNC, false, 0 },
};

uint64_t data_src_make(enum thermo_op op, enum thermo_level level)
{
	/* Snoop, lock, TLB, blocked: each has a bit that says "not known". */
	const uint64_t not_known = 1ull << 19 | 1ull << 24 | 1ull << 26 | 1ull << 40;
	uint64_t op_bits = op == THERMO_OP_READ    ? OP_LOAD
			   : op == THERMO_OP_WRITE ? OP_STORE
						   : OP_NA;

	if (level >= THERMO_NR_LEVELS)
		level = THERMO_LEVEL_UNKNOWN;
	return op_bits | (uint64_t)made_of[level].lvl << 5 | not_known |
	       (uint64_t)made_of[level].num << 33 | (uint64_t)made_of[level].remote << 37 |
	       (uint64_t)made_of[level].hops << 43;
}
