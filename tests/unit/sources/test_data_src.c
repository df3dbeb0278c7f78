// SPDX-License-Identifier: GPL-2.0-or-later
/* test_data_src.c - where the data came from, as old and new kernels and all drivers say it. */
#include "tests/unit/test.h"

#include "sources/data_src.h"
#include "tests/unit/sources/test_data.h"

/* Put together from its fields: op, lvl, snoop, lock, tlb, lvl_num, remote, snoopx, hops. */
#define SRC(op, lvl, snoop, num, remote, hops)                                                     \
	((uint64_t)(op) | (uint64_t)(lvl) << 5 | (uint64_t)(snoop) << 19 | 1ull << 24 |            \
	 1ull << 26 | (uint64_t)(num) << 33 | (uint64_t)(remote) << 37 | (uint64_t)(hops) << 43)

#define LOAD 2
#define STORE 4
#define HIT 2
#define MISS 4

static void assert_level(uint64_t src, enum thermo_level level)
{
	if (data_src_level(src) != level)
		fail_msg("%#llx: level %d, not %d", (unsigned long long)src, data_src_level(src),
			 level);
}

static void direction_is_what_the_instruction_did(void **state)
{
	static const struct {
		uint32_t op;
		enum thermo_op is;
	} ops[] = { { 0, THERMO_OP_UNKNOWN },   { 1, THERMO_OP_UNKNOWN }, { 2, THERMO_OP_READ },
		    { 4, THERMO_OP_WRITE },     { 8, THERMO_OP_READ },    { 16, THERMO_OP_READ },
		    { 2 | 4, THERMO_OP_WRITE }, { 2 | 8, THERMO_OP_READ } };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(data_src_op(SRC(ops[i].op, 1, 1, 0xf, 0, 0)), ops[i].is);
	assert_int_equal(data_src_op(DATA_SRC_NONE), THERMO_OP_UNKNOWN);
	assert_level(DATA_SRC_NONE, THERMO_LEVEL_UNKNOWN);
}

/* Values that were seen on machines; what they mean is in the text beside them. */
static void recorded_values_say_what_perf_says(void **state)
{
	static const struct {
		uint64_t src;
		enum thermo_op op;
		enum thermo_level level;
	} seen[] = {
		/* Intel, L1 hit; L2 hit; L1 hit with a blocked address; L3 hit; fill buffer */
		{ 0x10268100142, THERMO_OP_READ, THERMO_LEVEL_L1 },
		{ 0x10450100442, THERMO_OP_READ, THERMO_LEVEL_L2 },
		{ 0x40268100142, THERMO_OP_READ, THERMO_LEVEL_L1 },
		{ 0x10668100842, THERMO_OP_READ, THERMO_LEVEL_L3 },
		{ 0x11868100242, THERMO_OP_READ, THERMO_LEVEL_LINE_FILL_BUFFER },
		/* AMD: L3, RAM, a store and a load that hit L1, L3 with a dirty line, a store */
		{ 0x629080842, THERMO_OP_READ, THERMO_LEVEL_L3 },
		{ 0x1a29081042, THERMO_OP_READ, THERMO_LEVEL_LOCAL_DRAM },
		{ 0x229080144, THERMO_OP_WRITE, THERMO_LEVEL_L1 },
		{ 0x229080142, THERMO_OP_READ, THERMO_LEVEL_L1 },
		{ 0x629800842, THERMO_OP_READ, THERMO_LEVEL_L3 },
		{ 0x1e29080024, THERMO_OP_WRITE, THERMO_LEVEL_UNKNOWN },
		/* Arm: L3, from another core */
		{ 0x8688000842, THERMO_OP_READ, THERMO_LEVEL_L3 },
		/* a load of which nothing is known */
		{ 0x5080022, THERMO_OP_READ, THERMO_LEVEL_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		assert_int_equal(data_src_op(seen[i].src), seen[i].op);
		assert_level(seen[i].src, seen[i].level);
	}
}

static void set_of_levels_of_old_kernels_is_understood(void **state)
{
	static const struct {
		uint32_t lvl;
		enum thermo_level level;
	} sets[] = {
		{ 0x0000, THERMO_LEVEL_UNKNOWN },
		{ 0x0001, THERMO_LEVEL_UNKNOWN },
		{ HIT, THERMO_LEVEL_UNKNOWN },
		{ HIT | 0x0008, THERMO_LEVEL_L1 },
		{ HIT | 0x0010, THERMO_LEVEL_LINE_FILL_BUFFER },
		{ HIT | 0x0020, THERMO_LEVEL_L2 },
		{ HIT | 0x0040, THERMO_LEVEL_L3 },
		{ HIT | 0x0080, THERMO_LEVEL_LOCAL_DRAM },
		{ HIT | 0x0100, THERMO_LEVEL_REMOTE_DRAM },
		{ HIT | 0x0200, THERMO_LEVEL_REMOTE_DRAM },
		{ HIT | 0x0400, THERMO_LEVEL_REMOTE_CACHE },
		{ HIT | 0x0800, THERMO_LEVEL_REMOTE_CACHE },
		{ HIT | 0x1000, THERMO_LEVEL_UNCACHED },
		{ HIT | 0x2000, THERMO_LEVEL_UNCACHED },
		/* missed here, so it came from somewhere beyond */
		{ MISS | 0x0008, THERMO_LEVEL_UNKNOWN },
		{ MISS | 0x0040, THERMO_LEVEL_UNKNOWN },
		{ MISS | 0x0080, THERMO_LEVEL_LOCAL_DRAM },
		/* missed in L1 and hit in L2: the farthest counts */
		{ HIT | MISS | 0x0028, THERMO_LEVEL_L2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		assert_level(SRC(LOAD, sets[i].lvl, 1, 0, 0, 0), sets[i].level);
		/* "not available" in the newer field is no better than nothing there */
		assert_level(SRC(LOAD, sets[i].lvl, 1, 0xf, 0, 0), sets[i].level);
	}
}

static void number_of_the_level_is_enough_without_the_set(void **state)
{
	static const enum thermo_level local[16] = {
		THERMO_LEVEL_UNKNOWN,
		THERMO_LEVEL_L1,
		THERMO_LEVEL_L2,
		THERMO_LEVEL_L3,
		THERMO_LEVEL_L3,
		THERMO_LEVEL_LINE_FILL_BUFFER,
		THERMO_LEVEL_LOCAL_DRAM,
		THERMO_LEVEL_L1,
		THERMO_LEVEL_UNCACHED,
		THERMO_LEVEL_CXL,
		THERMO_LEVEL_UNCACHED,
		THERMO_LEVEL_L3,
		THERMO_LEVEL_LINE_FILL_BUFFER,
		THERMO_LEVEL_LOCAL_DRAM,
		THERMO_LEVEL_PMEM,
		THERMO_LEVEL_UNKNOWN,
	};
	static const enum thermo_level remote[16] = {
		THERMO_LEVEL_UNKNOWN,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_LINE_FILL_BUFFER,
		THERMO_LEVEL_REMOTE_DRAM,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_UNCACHED,
		THERMO_LEVEL_CXL,
		THERMO_LEVEL_UNCACHED,
		THERMO_LEVEL_REMOTE_CACHE,
		THERMO_LEVEL_LINE_FILL_BUFFER,
		THERMO_LEVEL_REMOTE_DRAM,
		THERMO_LEVEL_PMEM,
		THERMO_LEVEL_UNKNOWN,
	};

	(void)state;
	for (uint32_t num = 0; num < 16; num++)
		for (uint32_t set = 0; set < 3; set++) { /* nothing, "not available", "hit" */
			assert_level(SRC(LOAD, set, 1, num, 0, 0), local[num]);
			assert_level(SRC(LOAD, set, 1, num, 1, 0), remote[num]);
			/* hops: another core here; another node, socket, board */
			assert_level(SRC(STORE, set, 1, num, 0, 1), local[num]);
			for (uint32_t hops = 2; hops < 5; hops++)
				assert_level(SRC(STORE, set, 1, num, 0, hops), remote[num]);
		}
}

static void what_drivers_fill_in_both_fields_agrees(void **state)
{
	(void)state;
	/* an L3 miss of which no more is known: the number names the level that missed */
	assert_level(SRC(LOAD, MISS, 1, 3, 0, 0), THERMO_LEVEL_UNKNOWN);
	/* L3, dirty in another core of the node */
	assert_level(SRC(LOAD, HIT | 0x40, 0x10, 3, 0, 0), THERMO_LEVEL_L3);
	/* a remote cache, dirty: "any cache", remote, with and without the set */
	assert_level(SRC(LOAD, HIT, 0x10, 0xb, 1, 0), THERMO_LEVEL_REMOTE_CACHE);
	assert_level(SRC(LOAD, HIT | 0x400, 0x10, 0xb, 1, 1), THERMO_LEVEL_REMOTE_CACHE);
	assert_level(SRC(LOAD, HIT | 0x400, 0x10, 0xb, 0, 0), THERMO_LEVEL_REMOTE_CACHE);
	/* any cache, where the set knows which */
	assert_level(SRC(LOAD, HIT | 0x20, 1, 0xb, 0, 0), THERMO_LEVEL_L2);
	/* RAM of another node: by the set alone, by the number alone, by both */
	assert_level(SRC(LOAD, HIT | 0x100, 2, 0xd, 0, 0), THERMO_LEVEL_REMOTE_DRAM);
	assert_level(SRC(LOAD, HIT, 2, 0xd, 1, 0), THERMO_LEVEL_REMOTE_DRAM);
	assert_level(SRC(LOAD, HIT | 0x100, 2, 0xd, 1, 2), THERMO_LEVEL_REMOTE_DRAM);
	/* extended memory and persistent memory come with the number alone, also remote */
	assert_level(SRC(LOAD, HIT, 1, 9, 1, 2), THERMO_LEVEL_CXL);
	assert_level(SRC(LOAD, HIT, 1, 0xe, 0, 0), THERMO_LEVEL_PMEM);
	/* AMD: uncached; a miss address buffer */
	assert_level(SRC(LOAD, HIT | 0x2000, 1, 8, 0, 0), THERMO_LEVEL_UNCACHED);
	assert_level(SRC(LOAD, HIT | 0x10, 1, 0xc, 0, 0), THERMO_LEVEL_LINE_FILL_BUFFER);
}

static void any_value_gives_some_level_and_direction(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t src = test_random(&seed);

		assert_true(data_src_level(src) < THERMO_NR_LEVELS);
		assert_true(data_src_op(src) < THERMO_NR_OPS);
	}
}

/* perf's own words for a level, in the order in which they must be looked for. */
static enum thermo_level level_in_words(const char *text)
{
	static const struct {
		const char *words;
		enum thermo_level level;
	} all[] = {
		{ "LVL N/A", THERMO_LEVEL_UNKNOWN },
		{ "LVL LFB", THERMO_LEVEL_LINE_FILL_BUFFER },
		{ "LVL L1", THERMO_LEVEL_L1 },
		{ "LVL L2", THERMO_LEVEL_L2 },
		{ "LVL L3", THERMO_LEVEL_L3 },
		{ ", L3 hit", THERMO_LEVEL_L3 },
		{ "LVL RAM", THERMO_LEVEL_LOCAL_DRAM },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strstr(text, all[i].words))
			return all[i].level;
	fail_msg("no level in '%s'", text);
	return THERMO_LEVEL_UNKNOWN;
}

static enum thermo_op op_in_words(const char *text)
{
	return strstr(text, "STORE")  ? THERMO_OP_WRITE
	       : strstr(text, "LOAD") ? THERMO_OP_READ
				      : THERMO_OP_UNKNOWN;
}

static void published_values_agree_with_published_text(void **state)
{
	FILE *file = open_test_data("data_src_vectors.tsv");
	char line[1024];
	int nr = 0;

	(void)state;
	while (fgets(line, sizeof(line), file)) {
		unsigned long long src;

		if (sscanf(line, "%llx", &src) != 1)
			continue;
		nr++;
		/* Of one row its own table says that the text is wrong: the fields count. */
		if (strstr(line, "DO NOT TRUST")) {
			assert_level(src, THERMO_LEVEL_UNKNOWN);
			continue;
		}
		assert_level(src, level_in_words(line));
		assert_int_equal(data_src_op(src), op_in_words(line));
	}
	(void)fclose(file);
	assert_int_equal(nr, 15);
}

static void made_value_says_what_it_was_made_of(void **state)
{
	(void)state;
	for (enum thermo_op op = THERMO_OP_UNKNOWN; op < THERMO_NR_OPS; op++)
		for (enum thermo_level l = THERMO_LEVEL_UNKNOWN; l < THERMO_NR_LEVELS; l++) {
			uint64_t src = data_src_make(op, l);

			assert_int_equal(data_src_op(src), op);
			assert_int_equal(data_src_level(src), l);
		}
	assert_int_equal(data_src_op(data_src_make(77, THERMO_LEVEL_L1)), THERMO_OP_UNKNOWN);
	assert_int_equal(data_src_level(data_src_make(THERMO_OP_READ, 200)), THERMO_LEVEL_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(direction_is_what_the_instruction_did),
		cmocka_unit_test(recorded_values_say_what_perf_says),
		cmocka_unit_test(set_of_levels_of_old_kernels_is_understood),
		cmocka_unit_test(number_of_the_level_is_enough_without_the_set),
		cmocka_unit_test(what_drivers_fill_in_both_fields_agrees),
		cmocka_unit_test(any_value_gives_some_level_and_direction),
		cmocka_unit_test(made_value_says_what_it_was_made_of),
		cmocka_unit_test(published_values_agree_with_published_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
