/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cxl.c - devices, decoders, regions of a recorded machine and of machines that break. */
#include "tests/unit/test.h"

#include "core/cxl.h"
#include "tests/unit/fake_host.h"

#define ROOT "sys/devices/platform/ACPI0017:00/root0/"
#define REGION ROOT "decoder0.0/region0/"
#define DAX REGION "dax_region0/dax0.0/"
#define MEM0 "sys/devices/pci0000:0c/0000:0c:00.0/0000:0d:00.0/mem0/"
#define CEDT "sys/firmware/acpi/tables/CEDT"

static struct fake_host fake;
static struct cxl cxl;

static void use(const char *machine)
{
	fake_host_copy(&fake, machine);
}

static int drop(void **state)
{
	(void)state;
	cxl_fini(&cxl);
	cxl_fini(&cxl);
	fake_host_fini(&fake);
	return 0;
}

static void look(void)
{
	assert_int_equal(cxl_read(&cxl, &fake.host), 0);
}

static const struct cxl_decoder *decoder(const char *name)
{
	for (size_t i = 0; i < cxl.nr_decoders; i++)
		if (strcmp(cxl.decoders[i].name, name) == 0)
			return &cxl.decoders[i];
	fail_msg("no %s", name);
	return NULL;
}

static void recorded_machine_is_read_whole(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	assert_int_equal(cxl.nr_memdevs, 1);
	assert_string_equal(cxl.memdevs[0].name, "mem0");
	assert_string_equal(cxl.memdevs[0].address, "0000:0d:00.0");
	assert_string_equal(cxl.memdevs[0].endpoint, "endpoint2");
	assert_int_equal(cxl.memdevs[0].ram_bytes, 256 << 20);
	assert_int_equal(cxl.memdevs[0].pmem_bytes, 0);
	assert_int_equal(cxl.memdevs[0].serial, 1);
	assert_int_equal(cxl.memdevs[0].node, -1);
	assert_int_equal(cxl.memdevs[0].qos_class, -1);
	assert_int_equal(cxl.nr_decoders, 6);
	assert_int_equal(cxl.nr_regions, 1);
	assert_int_equal(cxl.nr_daxes, 1);
	assert_int_equal(cxl.nr_left_out, 0);
	assert_int_equal(cxl.cedt_err, 0);
}

static void decoders_are_told_apart_and_belong_to_their_ports(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	assert_int_equal(decoder("decoder0.0")->kind, CXL_DECODER_ROOT);
	assert_string_equal(decoder("decoder0.0")->port, "root0");
	assert_int_equal(decoder("decoder0.0")->bytes, 4ull << 30);
	assert_int_equal(decoder("decoder0.0")->arithmetic, CXL_ARITHMETIC_MODULO);
	assert_string_equal(decoder("decoder0.0")->targets, "12");
	assert_true(decoder("decoder0.0")->ram && decoder("decoder0.0")->pmem);
	assert_int_equal(decoder("decoder1.0")->kind, CXL_DECODER_SWITCH);
	assert_int_equal(decoder("decoder1.0")->memdev, -1);
	assert_int_equal(decoder("decoder1.0")->region, 0);
	assert_int_equal(decoder("decoder2.0")->kind, CXL_DECODER_ENDPOINT);
	assert_string_equal(decoder("decoder2.0")->port, "endpoint2");
	assert_int_equal(decoder("decoder2.0")->memdev, 0);
	assert_int_equal(decoder("decoder2.0")->region, 0);
	assert_int_equal(decoder("decoder2.0")->mode, CXL_MODE_RAM);
	assert_int_equal(decoder("decoder2.0")->dpa_bytes, 256 << 20);
	assert_int_equal(decoder("decoder2.1")->region, -1);
}

static void region_knows_its_window_its_devices_and_its_node(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	const struct cxl_region *r = &cxl.regions[0];

	assert_int_equal(r->mode, CXL_MODE_RAM);
	assert_int_equal(r->start, 0x1050000000);
	assert_int_equal(r->bytes, 1 << 30);
	assert_int_equal(r->cache_bytes, 0);
	assert_int_equal(r->ways, 2);
	assert_int_equal(r->granularity_bytes, 1024);
	assert_true(r->committed && r->bound);
	assert_ptr_equal(&cxl.decoders[r->root], decoder("decoder0.0"));
	assert_ptr_equal(&cxl.decoders[r->targets[0]], decoder("decoder4.0"));
	assert_ptr_equal(&cxl.decoders[r->targets[1]], decoder("decoder3.0"));
	assert_int_equal(r->targets[2], -1);
	assert_int_equal(cxl.decoders[r->targets[0]].memdev, cxl_find_memdev(&cxl, "mem1"));
	assert_int_equal(cxl_find_memdev(&cxl, "mem2"), -1);
	assert_string_equal(cxl.daxes[0].driver, "kmem");
	assert_int_equal(cxl.daxes[0].region, 0);
	assert_int_equal(cxl_region_node(&cxl, 0), 1);
}

static void memory_that_programs_map_is_no_node(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_remove(&fake, DAX "driver");
	look();
	assert_string_equal(cxl.daxes[0].driver, "");
	assert_int_equal(cxl.daxes[0].node, 1);
	assert_int_equal(cxl_region_node(&cxl, 0), -1);
}

static void without_links_addresses_say_who_belongs_to_whom(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	/* As from a kernel that arranges its devices in another way. */
	fake_remove(&fake, "sys/bus/cxl/devices/region0");
	fake_remove(&fake, "sys/bus/dax/devices/dax0.0");
	fake_write(&fake, "sys/bus/cxl/devices/region0/resource", "0x4d0000000\n");
	fake_write(&fake, "sys/bus/cxl/devices/region0/size", "0x10000000\n");
	fake_write(&fake, "sys/bus/dax/devices/dax0.0/resource", "0x4d0000000\n");
	fake_write(&fake, "sys/bus/dax/devices/dax0.0/size", "268435456\n");
	look();
	assert_ptr_equal(&cxl.decoders[cxl.regions[0].root], decoder("decoder0.0"));
	assert_int_equal(cxl.daxes[0].region, 0);
}

static void device_without_driver_has_no_endpoint(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_remove(&fake, "sys/bus/cxl/devices/endpoint2");
	look();
	assert_string_equal(cxl.memdevs[0].endpoint, "");
	assert_int_equal(decoder("decoder2.0")->memdev, -1);
}

static void machine_without_cxl_has_nothing(void **state)
{
	(void)state;
	fake_host_init(&fake);
	look();
	assert_int_equal(cxl.nr_memdevs + cxl.nr_decoders + cxl.nr_regions + cxl.nr_daxes, 0);
	assert_int_equal(cxl.cedt_err, -ENOENT);
}

static void what_is_no_number_is_unknown(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_write(&fake, MEM0 "ram/size", "-1\n");
	fake_write(&fake, MEM0 "serial", "0x1 2\n");
	fake_write(&fake, MEM0 "numa_node", "99999999999999999999\n");
	fake_write(&fake, REGION "interleave_ways", "4294967297\n");
	fake_write(&fake, REGION "size", "0xffffffffffffffffff\n");
	fake_write(&fake, REGION "mode", "a-mode-that-is-much-longer-than-any\n");
	look();
	assert_int_equal(cxl.memdevs[0].ram_bytes, 0);
	assert_int_equal(cxl.memdevs[0].serial, CXL_UNKNOWN);
	assert_int_equal(cxl.memdevs[0].node, -1);
	assert_int_equal(cxl.regions[0].ways, 0);
	assert_int_equal(cxl.regions[0].targets[0], -1);
	assert_int_equal(cxl.regions[0].bytes, 0);
	assert_int_equal(cxl.regions[0].mode, CXL_MODE_NONE);
}

static void more_ways_than_there_are_read_no_further(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_write(&fake, REGION "interleave_ways", "4294967295\n");
	fake_write(&fake, REGION "target16", "decoder2.0\n");
	look();
	for (uint32_t i = 1; i < CXL_MAX_WAYS; i++)
		assert_int_equal(cxl.regions[0].targets[i], -1);
}

static void region_without_addresses_is_nowhere(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	fake_write(&fake, REGION "resource", "0xffffffffffffffff\n");
	look();
	assert_int_equal(cxl.regions[0].bytes, 0);
	assert_int_equal(cxl.regions[0].start, 0);
}

static void arithmetic_is_unknown_without_cedt_or_with_a_broken_one(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	look();
	assert_int_equal(decoder("decoder0.0")->arithmetic, CXL_ARITHMETIC_XOR);
	fake_write(&fake, CEDT, "CEDT, but not really");
	look();
	assert_int_equal(decoder("decoder0.0")->arithmetic, CXL_ARITHMETIC_UNKNOWN);
	assert_int_equal(cxl.cedt_err, -EBADMSG);
	fake_remove(&fake, CEDT);
	look();
	assert_int_equal(decoder("decoder0.0")->arithmetic, CXL_ARITHMETIC_UNKNOWN);
	assert_int_equal(cxl.cedt_err, -ENOENT);
}

static void window_of_another_place_says_nothing(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	fake_write(&fake, ROOT "decoder0.0/start", "0x2050000000\n");
	look();
	assert_int_equal(decoder("decoder0.0")->arithmetic, CXL_ARITHMETIC_UNKNOWN);
	assert_int_equal(cxl.cedt_err, 0);
}

static void objects_beyond_the_limit_are_counted(void **state)
{
	(void)state;
	fake_host_init(&fake);
	for (unsigned int i = 0; i < CXL_MAX_OBJECTS + 3; i++) {
		char path[80];

		(void)snprintf(path, sizeof(path), "sys/bus/cxl/devices/mem%u/serial", i);
		fake_write(&fake, path, "0x1\n");
	}
	fake_write(&fake, "sys/bus/cxl/devices/memory/serial", "0x1\n");
	look();
	assert_int_equal(cxl.nr_memdevs, CXL_MAX_OBJECTS);
	assert_int_equal(cxl.nr_left_out, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(recorded_machine_is_read_whole, drop),
		cmocka_unit_test_teardown(decoders_are_told_apart_and_belong_to_their_ports, drop),
		cmocka_unit_test_teardown(region_knows_its_window_its_devices_and_its_node, drop),
		cmocka_unit_test_teardown(memory_that_programs_map_is_no_node, drop),
		cmocka_unit_test_teardown(without_links_addresses_say_who_belongs_to_whom, drop),
		cmocka_unit_test_teardown(device_without_driver_has_no_endpoint, drop),
		cmocka_unit_test_teardown(machine_without_cxl_has_nothing, drop),
		cmocka_unit_test_teardown(what_is_no_number_is_unknown, drop),
		cmocka_unit_test_teardown(more_ways_than_there_are_read_no_further, drop),
		cmocka_unit_test_teardown(region_without_addresses_is_nowhere, drop),
		cmocka_unit_test_teardown(arithmetic_is_unknown_without_cedt_or_with_a_broken_one,
					  drop),
		cmocka_unit_test_teardown(window_of_another_place_says_nothing, drop),
		cmocka_unit_test_teardown(objects_beyond_the_limit_are_counted, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
