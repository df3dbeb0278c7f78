// SPDX-License-Identifier: GPL-2.0-or-later
/* test_spe_level.c - what cores say, in the words of a report. */
#include "tests/unit/test.h"

#include "sources/spe_level.h"

static struct spe_record from(enum spe_op op, uint16_t source)
{
	return (struct spe_record){ .op = op, .source = source, .has = SPE_HAS_SOURCE };
}

static void cores_are_known_by_implementer_and_part_whatever_revision(void **state)
{
	(void)state;
	assert_int_equal(spe_numbering_of(0x413fd0c1), SPE_NUMBERING_ARM);
	assert_int_equal(spe_numbering_of(0x411fd402), SPE_NUMBERING_ARM);
	assert_int_equal(spe_numbering_of(0x410fd4f0), SPE_NUMBERING_ARM);
	assert_int_equal(spe_numbering_of(0x6d0fd490), SPE_NUMBERING_ARM);
	assert_int_equal(spe_numbering_of(0xc00fac40), SPE_NUMBERING_AMPERE);
	assert_int_equal(spe_numbering_of(0x480fd060), SPE_NUMBERING_HISILICON);
	assert_int_equal(spe_numbering_of(0x480fd0c0), SPE_NUMBERING_UNKNOWN);
	assert_int_equal(spe_numbering_of(0x410fd0b0), SPE_NUMBERING_UNKNOWN);
	assert_int_equal(spe_numbering_of(0), SPE_NUMBERING_UNKNOWN);
}

static void same_number_means_something_else_on_each(void **state)
{
	static const struct {
		uint16_t source;
		enum thermo_level arm, ampere, hisilicon;
	} should[] = {
		{ 0x0, THERMO_LEVEL_L1, THERMO_LEVEL_L2, THERMO_LEVEL_L2 },
		{ 0x7, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_LOCAL_DRAM, THERMO_LEVEL_REMOTE_CACHE },
		{ 0x8, THERMO_LEVEL_L2, THERMO_LEVEL_L1, THERMO_LEVEL_LOCAL_DRAM },
		{ 0x9, THERMO_LEVEL_L2, THERMO_LEVEL_L2, THERMO_LEVEL_REMOTE_DRAM },
		{ 0xb, THERMO_LEVEL_L3, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_UNKNOWN },
		{ 0xd, THERMO_LEVEL_REMOTE_CACHE, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_UNCACHED },
		{ 0xe, THERMO_LEVEL_LOCAL_DRAM, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_UNKNOWN },
		{ 0xffff, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_UNKNOWN, THERMO_LEVEL_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(should) / sizeof(should[0]); i++) {
		struct spe_record r = from(SPE_OP_LOAD, should[i].source);

		assert_int_equal(spe_record_level(&r, SPE_NUMBERING_ARM), should[i].arm);
		assert_int_equal(spe_record_level(&r, SPE_NUMBERING_AMPERE), should[i].ampere);
		assert_int_equal(spe_record_level(&r, SPE_NUMBERING_HISILICON),
				 should[i].hisilicon);
	}
}

static void of_unknown_cores_and_of_stores_the_caches_events_speak(void **state)
{
	struct spe_record r = from(SPE_OP_STORE, 0xe);

	(void)state;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_ARM), THERMO_LEVEL_UNKNOWN);
	r.has |= SPE_HAS_EVENTS;
	r.events = SPE_EVENT_L1D_ACCESS;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_ARM), THERMO_LEVEL_L1);
	r.op = SPE_OP_LOAD;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_UNKNOWN), THERMO_LEVEL_L1);
	r.events = SPE_EVENT_L1D_ACCESS | SPE_EVENT_L1D_REFILL | SPE_EVENT_L2D_ACCESS;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_UNKNOWN), THERMO_LEVEL_L2);
	r.events = SPE_EVENT_L1D_ACCESS | SPE_EVENT_L1D_REFILL | SPE_EVENT_LLC_ACCESS;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_UNKNOWN), THERMO_LEVEL_L3);
	r.events |= SPE_EVENT_LLC_MISS;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_UNKNOWN), THERMO_LEVEL_UNKNOWN);
	r.events = SPE_EVENT_LLC_ACCESS | SPE_EVENT_REMOTE;
	assert_int_equal(spe_record_level(&r, SPE_NUMBERING_UNKNOWN), THERMO_LEVEL_UNKNOWN);
}

static void atomics_write(void **state)
{
	static const enum thermo_op should[] = {
		[SPE_OP_OTHER] = THERMO_OP_UNKNOWN,  [SPE_OP_LOAD] = THERMO_OP_READ,
		[SPE_OP_STORE] = THERMO_OP_WRITE,    [SPE_OP_ATOMIC] = THERMO_OP_WRITE,
		[SPE_OP_BRANCH] = THERMO_OP_UNKNOWN,
	};

	(void)state;
	for (int op = SPE_OP_OTHER; op <= SPE_OP_BRANCH; op++) {
		struct spe_record r = from((enum spe_op)op, 0);

		assert_int_equal(spe_record_op(&r), should[op]);
	}
}

static void access_needs_an_address_of_data(void **state)
{
	struct spe_record r = { .op = SPE_OP_LOAD, .has = SPE_HAS_PC, .pc = 1 };

	(void)state;
	assert_false(spe_record_is_access(&r));
	r.has |= SPE_HAS_VADDR;
	assert_false(spe_record_is_access(&r));
	r.vaddr = 8;
	assert_true(spe_record_is_access(&r));
	r.op = SPE_OP_BRANCH;
	assert_false(spe_record_is_access(&r));
	r = (struct spe_record){ .op = SPE_OP_OTHER, .has = SPE_HAS_PADDR, .paddr = 64 };
	assert_true(spe_record_is_access(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cores_are_known_by_implementer_and_part_whatever_revision),
		cmocka_unit_test(same_number_means_something_else_on_each),
		cmocka_unit_test(of_unknown_cores_and_of_stores_the_caches_events_speak),
		cmocka_unit_test(atomics_write),
		cmocka_unit_test(access_needs_an_address_of_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
