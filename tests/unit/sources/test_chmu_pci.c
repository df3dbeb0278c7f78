/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chmu_pci.c - hotness units found in configuration space, and who has them. */
#include "tests/unit/test.h"

#include "sources/chmu_pci.h"
#include "tests/unit/fake_host.h"

#define DEVICE "sys/bus/pci/devices/0000:0d:00.0"

static uint8_t config[CHMU_CONFIG_BYTES];
static struct chmu_pci_block blocks[CHMU_BLOCKS_MAX];
static struct fake_host fake;

static void put_word(size_t at, uint32_t word)
{
	for (size_t i = 0; i < 4; i++)
		config[at + i] = (uint8_t)(word >> 8 * i);
}

/*
 * Advanced error reporting, a DVSEC of CXL's that is no Register Locator, one of
 * another vendor that has its number, and the Register Locator with four blocks.
 */
static int make(void **state)
{
	(void)state;
	memset(config, 0, sizeof(config));
	memset(blocks, 0, sizeof(blocks));
	put_word(0x100, 0x20020001);
	put_word(0x200, 0x30010023);
	put_word(0x204, 0x03c01e98);
	put_word(0x208, 0x00000000);
	put_word(0x300, 0x40010023);
	put_word(0x304, 0x02c08086);
	put_word(0x308, 0x00000008);
	put_word(0x400, 0x00010023);
	put_word(0x404, 0x02c01e98);
	put_word(0x408, 0x00000008);
	put_word(0x40c, 0x00000100); /* component registers */
	put_word(0x410, 0x00000000);
	put_word(0x414, 0x00010302); /* memory device, BAR 2 */
	put_word(0x418, 0x00000000);
	put_word(0x41c, 0x00050502); /* hotness, BAR 2 at 0x50000 */
	put_word(0x420, 0x00000000);
	put_word(0x424, 0xabcd0504); /* hotness, BAR 4 at 0x1abcd0000 */
	put_word(0x428, 0x00000001);
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void locator_names_bar_and_offset(void **state)
{
	(void)state;
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), 2);
	assert_int_equal(blocks[0].bar, 2);
	assert_int_equal(blocks[0].offset, 0x50000);
	assert_int_equal(blocks[0].number, 0);
	assert_int_equal(blocks[1].bar, 4);
	assert_int_equal(blocks[1].offset, 0x1abcd0000);
	assert_int_equal(blocks[1].number, 1);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, 1), 1);
}

static void device_without_a_unit_has_none(void **state)
{
	(void)state;
	put_word(0x41c, 0x00050402);
	put_word(0x424, 0x00000000);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), 0);
	/* No extended capabilities: all ones, or zeroes. */
	put_word(0x100, 0xffffffff);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), 0);
	put_word(0x100, 0);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), 0);
}

static void list_that_never_ends_ends(void **state)
{
	(void)state;
	put_word(0x300, 0x20010023);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), 0);
}

static void locator_that_is_cut_off_is_refused(void **state)
{
	(void)state;
	put_word(0x404, 0xfff01e98);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), -EBADMSG);
	assert_reason("longer than the rest");
	put_word(0x404, 0x02c01e98);
	assert_int_equal(chmu_pci_parse(config, 0x420, blocks, CHMU_BLOCKS_MAX), -EBADMSG);
	put_word(0x41c, 0x00050507);
	assert_int_equal(chmu_pci_parse(config, sizeof(config), blocks, CHMU_BLOCKS_MAX), -EBADMSG);
	assert_reason("there are six");
}

static void only_cxl_memory_is_looked_at(void **state)
{
	(void)state;
	fake_write(&fake, DEVICE "/class", "0x020000\n");
	fake_write_bytes(&fake, DEVICE "/config", config, sizeof(config));
	assert_int_equal(chmu_pci_find(&fake.host, blocks), 0);
	fake_write(&fake, DEVICE "/class", "0x050210\n");
	assert_int_equal(chmu_pci_find(&fake.host, blocks), 2);
	assert_string_equal(blocks[0].device, "0000:0d:00.0");
	assert_string_equal(blocks[1].device, "0000:0d:00.0");
	assert_false(blocks[0].is_virtual);
}

static void who_is_not_root_is_told(void **state)
{
	(void)state;
	fake_write(&fake, DEVICE "/class", "0x050210\n");
	fake_write_bytes(&fake, DEVICE "/config", config, 64);
	assert_int_equal(chmu_pci_find(&fake.host, blocks), -EACCES);
	assert_reason("run as root");
}

static void machine_without_pci_has_none(void **state)
{
	(void)state;
	assert_int_equal(chmu_pci_find(&fake.host, blocks), 0);
}

static void unit_that_the_kernel_has_is_left_to_it(void **state)
{
	(void)state;
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0d:00.0", "mem1"), 0);
	/* mem10's is not mem1's. */
	fake_write(&fake, "sys/bus/event_source/devices/cxl_hmu_mem10.0.0/type", "30\n");
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0d:00.0", "mem1"), 0);
	fake_write(&fake, "sys/bus/event_source/devices/cxl_hmu_mem1.0.0/type", "31\n");
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0d:00.0", "mem1"), -EBUSY);
	assert_reason("cxl_hmu_mem1.0.0");
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0e:00.0", "mem2"), 0);
	/* Whose it is, is not known: then any counts. */
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0e:00.0", ""), -EBUSY);
}

static void bound_driver_has_it_without_a_pmu(void **state)
{
	(void)state;
	fake_write(&fake, "sys/bus/cxl/devices/hmu_mem1.0/uevent", "");
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0d:00.0", "mem1"), 0);
	fake_write(&fake, "sys/bus/cxl/devices/hmu_mem1.0/driver/bind", "");
	assert_int_equal(chmu_pci_check_owner(&fake.host, "0000:0d:00.0", "mem1"), -EBUSY);
}

static void registers_beyond_the_bar_are_refused(void **state)
{
	struct chmu_pci_block block = { .device = "0000:0d:00.0", .bar = 2, .offset = 8192 };
	struct chmu_pci_map map;
	static const uint8_t zeroes[8192];

	(void)state;
	fake_write_bytes(&fake, DEVICE "/resource2", zeroes, sizeof(zeroes));
	assert_int_equal(chmu_pci_map(&map, &fake.host, &block), -EBADMSG);
	assert_reason("which has 8192 bytes");
	chmu_pci_unmap(&map);
	block.offset = 4096;
	assert_int_equal(chmu_pci_map(&map, &fake.host, &block), 0);
	assert_int_equal(map.io.bytes, 4096);
	/* It has one driver. */
	struct chmu_pci_map other;

	assert_int_equal(chmu_pci_map(&other, &fake.host, &block), -EBUSY);
	chmu_pci_unmap(&other);
	chmu_pci_unmap(&map);
	chmu_pci_unmap(&map);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(locator_names_bar_and_offset),      T(device_without_a_unit_has_none),
		T(list_that_never_ends_ends),         T(locator_that_is_cut_off_is_refused),
		T(only_cxl_memory_is_looked_at),      T(who_is_not_root_is_told),
		T(machine_without_pci_has_none),      T(unit_that_the_kernel_has_is_left_to_it),
		T(bound_driver_has_it_without_a_pmu), T(registers_beyond_the_bar_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
