/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cxl_dpa.c - device addresses and physical ones, and when they cannot be told. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/cxl_dpa.h"
#include "tests/unit/fake_host.h"

#define ROOT "sys/devices/platform/ACPI0017:00/root0/"
#define REGION ROOT "decoder0.0/region0/"
/* Of the interleaved machine: two devices, granules of 1 KiB, device addresses from 256 MiB. */
#define START 0x1050000000ull
#define DPA 0x10000000ull
#define DPA_BYTES 0x20000000ull

static struct fake_host fake;
static struct cxl cxl;
static struct cxl_piece pieces[8];
static uint64_t unmapped;

static void use(const char *machine)
{
	fake_host_copy(&fake, machine);
}

static int drop(void **state)
{
	(void)state;
	cxl_fini(&cxl);
	fake_host_fini(&fake);
	return 0;
}

static void look(void)
{
	assert_int_equal(cxl_read(&cxl, &fake.host), 0);
}

static ssize_t locate(const char *memdev, uint64_t dpa, uint64_t bytes)
{
	return cxl_dpa_to_hpa(&cxl, cxl_find_memdev(&cxl, memdev), dpa, bytes, pieces, 8,
			      &unmapped);
}

static void vectors_of_all_ways_go_there_and_back(void **state)
{
	static const struct {
		uint32_t ways, granularity, position;
		uint64_t offset, in_region;
	} vectors[] = {
		{ 1, 256, 0, 0x12345, 0x12345 },       { 2, 256, 1, 0x1234, 0x2534 },
		{ 4, 1024, 2, 0x1234, 0x4a34 },        { 8, 4096, 5, 0x123456, 0x91d456 },
		{ 3, 256, 2, 0x1234, 0x3834 },         { 6, 512, 4, 0x123456, 0x6d4056 },
		{ 12, 1024, 11, 0x200000, 0x1802c00 }, { 16, 16384, 7, 0x10007, 0x11c007 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint32_t position = 99;

		assert_int_equal(cxl_interleave(vectors[i].ways, vectors[i].granularity,
						vectors[i].position, vectors[i].offset),
				 vectors[i].in_region);
		assert_int_equal(cxl_deinterleave(vectors[i].ways, vectors[i].granularity,
						  vectors[i].in_region, &position),
				 vectors[i].offset);
		assert_int_equal(position, vectors[i].position);
	}
}

/* The kernel goes by bits: position between the granule's bits and the upper ones. */
static uint64_t by_bits(uint32_t ways, uint32_t granularity, uint32_t position, uint64_t offset)
{
	uint64_t low = offset & (granularity - 1);
	unsigned int shift = (unsigned int)__builtin_ctz(granularity);

	if ((ways & (ways - 1)) == 0)
		return (offset >> shift << (shift + (unsigned int)__builtin_ctz(ways))) |
		       (uint64_t)position << shift | low;
	return ((offset >> shift) * 3 * (ways / 3) + position) << shift | low;
}

static void any_offset_of_any_interleaving_goes_there_and_back(void **state)
{
	static const uint32_t ways[] = { 1, 2, 3, 4, 6, 8, 12, 16 };
	uint64_t seed = 88172645463325252ull;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint32_t w = ways[test_random(&seed) % 8], g = 256u << test_random(&seed) % 7;
		uint32_t p = (uint32_t)(test_random(&seed) % w), position;
		uint64_t offset = test_random(&seed) >> 12;
		uint64_t there = cxl_interleave(w, g, p, offset);

		assert_int_equal(there, by_bits(w, g, p, offset));
		assert_int_equal(cxl_deinterleave(w, g, there, &position), offset);
		assert_int_equal(position, p);
	}
}

static void one_way_is_one_piece(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	assert_int_equal(locate("mem0", 0x12345, 0x100000), 1);
	assert_int_equal(pieces[0].hpa, 0x4d0012345);
	assert_int_equal(pieces[0].bytes, 0x100000);
	assert_int_equal(pieces[0].nr, 1);
	assert_int_equal(pieces[0].dpa, 0x12345);
	assert_int_equal(unmapped, 0);
	assert_int_equal(locate("mem0", 0, 0x10000000), 1);
	assert_int_equal(pieces[0].bytes, 0x10000000);
}

static void position_is_that_in_the_region_not_that_of_the_name(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	/* target0 is mem1's. */
	assert_int_equal(locate("mem1", DPA, 64), 1);
	assert_int_equal(pieces[0].hpa, START);
	assert_int_equal(locate("mem0", DPA, 64), 1);
	assert_int_equal(pieces[0].hpa, START + 1024);
}

static void device_addresses_begin_where_the_decoder_does(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	assert_int_equal(locate("mem1", DPA + 0x1234, 1), 1);
	assert_int_equal(pieces[0].hpa, START + cxl_interleave(2, 1024, 0, 0x1234));
	assert_int_equal(locate("mem1", DPA - 1, 1), -ENXIO);
	assert_reason("mem1: no region maps");
	assert_int_equal(locate("mem1", DPA + DPA_BYTES, 1), -ENXIO);
}

static void extent_is_a_cut_granule_whole_ones_and_a_cut_one(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	assert_int_equal(locate("mem0", DPA + 1000, 24 + 3 * 1024 + 100), 3);
	assert_int_equal(pieces[0].hpa, START + 1024 + 1000);
	assert_int_equal(pieces[0].bytes, 24);
	assert_int_equal(pieces[0].nr, 1);
	assert_int_equal(pieces[1].hpa, START + 2048 + 1024);
	assert_int_equal(pieces[1].bytes, 1024);
	assert_int_equal(pieces[1].stride_bytes, 2048);
	assert_int_equal(pieces[1].nr, 3);
	assert_int_equal(pieces[1].dpa, DPA + 1024);
	assert_int_equal(pieces[2].hpa, START + 4 * 2048 + 1024);
	assert_int_equal(pieces[2].bytes, 100);
	assert_int_equal(pieces[2].dpa, DPA + 4096);
}

static void every_byte_of_an_extent_comes_back(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	for (int i = 0; i < 200; i++) {
		uint64_t from = DPA + test_random(&seed) % 100000, at = from;
		uint64_t bytes = 1 + test_random(&seed) % 9000;
		ssize_t nr = locate("mem0", from, bytes);

		assert_true(nr > 0 && nr <= (ssize_t)CXL_PIECES_PER_DECODER);
		for (ssize_t p = 0; p < nr; p++)
			for (uint64_t f = 0; f < pieces[p].nr; f++)
				for (uint64_t b = 0; b < pieces[p].bytes; b++, at++) {
					int memdev;
					uint64_t dpa, hpa = pieces[p].hpa +
							    f * pieces[p].stride_bytes + b;

					assert_int_equal(cxl_hpa_to_dpa(&cxl, hpa, &memdev, &dpa),
							 0);
					assert_int_equal(memdev, 0);
					assert_int_equal(dpa, at);
				}
		assert_int_equal(at, from + bytes);
	}
}

static void what_is_not_mapped_is_counted(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	assert_int_equal(locate("mem1", 0, UINT64_MAX), 1);
	assert_int_equal(pieces[0].nr, DPA_BYTES / 1024);
	assert_int_equal(unmapped, UINT64_MAX - DPA_BYTES);
}

/* A second region on the other decoder, one way, before the first in the device. */
static void add_second_region(void)
{
	static const char *const files[][2] = {
		{ ROOT "decoder0.0/region1/resource", "0x1090000000" },
		{ ROOT "decoder0.0/region1/size", "0x8000000" },
		{ ROOT "decoder0.0/region1/interleave_ways", "1" },
		{ ROOT "decoder0.0/region1/interleave_granularity", "256" },
		{ ROOT "decoder0.0/region1/target0", "decoder3.1" },
		{ ROOT "decoder0.0/region1/mode", "ram" },
		{ ROOT "decoder0.0/region1/commit", "1" },
		{ ROOT "port1/port2/endpoint3/decoder3.1/start", "0x1090000000" },
		{ ROOT "port1/port2/endpoint3/decoder3.1/size", "0x8000000" },
		{ ROOT "port1/port2/endpoint3/decoder3.1/dpa_size", "0x8000000" },
		{ ROOT "port1/port2/endpoint3/decoder3.1/dpa_resource", "0x8000000" },
	};
	char link[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		fake_write(&fake, files[i][0], files[i][1]);
	(void)snprintf(link, sizeof(link), "%s/sys/bus/cxl/devices/region1", fake.root);
	fake_check(symlink("../../../devices/platform/ACPI0017:00/root0/decoder0.0/region1",
			   link) == 0,
		   link);
}

static void extent_over_two_decoders_is_in_two_regions(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	add_second_region();
	look();
	assert_int_equal(locate("mem0", DPA - 4096, 8192), 2);
	assert_int_equal(pieces[0].hpa, 0x1090000000 + 0x8000000 - 4096);
	assert_int_equal(pieces[0].bytes, 4096);
	assert_int_equal(pieces[0].region, 1);
	assert_int_equal(pieces[1].hpa, START + 1024);
	assert_int_equal(pieces[1].nr, 4);
	assert_int_equal(pieces[1].region, 0);
	assert_int_equal(unmapped, 0);
	assert_int_equal(cxl_dpa_to_hpa(&cxl, 0, DPA - 4096, 8192, pieces, 1, &unmapped), -ENOSPC);
	assert_reason("2 pieces, room is for 1");
}

static void region_that_is_not_committed_leaves_the_rest(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	add_second_region();
	fake_write(&fake, ROOT "decoder0.0/region1/commit", "0\n");
	look();
	assert_int_equal(locate("mem0", DPA - 4096, 8192), 1);
	assert_int_equal(pieces[0].hpa, START + 1024);
	assert_int_equal(unmapped, 4096);
	assert_int_equal(locate("mem0", DPA - 4096, 4096), -ENXIO);
	assert_reason("region1: not committed");
}

static void xor_is_refused_with_the_reason(void **state)
{
	int memdev;
	uint64_t dpa;

	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	look();
	assert_int_equal(locate("mem0", DPA, 64), -EOPNOTSUPP);
	assert_reason("decoder0.0 finds its 2 host bridges by XOR");
	assert_int_equal(cxl_hpa_to_dpa(&cxl, START, &memdev, &dpa), -EOPNOTSUPP);
}

static void several_bridges_without_cedt_are_refused(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	fake_remove(&fake, "sys/firmware/acpi/tables/CEDT");
	look();
	assert_int_equal(locate("mem0", DPA, 64), -EACCES);
	assert_reason("cannot know whether decoder0.0");
	assert_reason("No such file");
}

/* The standard has no XOR for them: kernel and devices go by modulo. */
static void one_and_three_bridges_need_no_cedt(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	fake_remove(&fake, "sys/firmware/acpi/tables/CEDT");
	look();
	assert_int_equal(locate("mem0", DPA, 64), 1);
	fake_write(&fake, ROOT "decoder0.0/interleave_ways", "3\n");
	look();
	assert_int_equal(locate("mem0", DPA, 64), 1);
	fake_write(&fake, ROOT "decoder0.0/interleave_ways", "6\n");
	look();
	assert_int_equal(locate("mem0", DPA, 64), -EACCES);
}

static void bridges_by_modulo_are_translated(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-xor"));
	look();
	cxl.decoders[cxl.regions[0].root].arithmetic = CXL_ARITHMETIC_MODULO;
	assert_int_equal(locate("mem0", DPA, 64), 1);
	assert_int_equal(pieces[0].hpa, START + 1024);
}

static void linear_cache_comes_first_and_is_told(void **state)
{
	int memdev;
	uint64_t dpa;

	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	/* 256 MiB of DRAM, then as much of the device. */
	fake_write(&fake, REGION "size", "0x20000000\n");
	fake_write(&fake, REGION "extended_linear_cache_size", "0x10000000\n");
	fake_write(&fake, ROOT "port1/endpoint2/decoder2.0/start", "0x4e0000000\n");
	look();
	assert_int_equal(locate("mem0", 0x1000, 64), 1);
	assert_int_equal(pieces[0].hpa, 0x4e0001000);
	assert_int_equal(pieces[0].cache_bytes, 0x10000000);
	assert_int_equal(cxl_hpa_to_dpa(&cxl, 0x4e0001000, &memdev, &dpa), 0);
	assert_int_equal(dpa, 0x1000);
	assert_int_equal(cxl_hpa_to_dpa(&cxl, 0x4d0001000, &memdev, &dpa), -ENXIO);
	assert_reason("the DRAM that caches region0");
}

static void contradictions_are_refused(void **state)
{
	static const char *const files[][2] = {
		{ REGION "interleave_ways", "5" },
		{ REGION "interleave_ways", "0" },
		{ REGION "interleave_granularity", "128" },
		{ REGION "interleave_granularity", "300" },
		{ REGION "size", "0x3ffffc01" },
		{ REGION "resource", "0xfffffffffffff000" },
		{ REGION "extended_linear_cache_size", "0x40000000" },
		{ ROOT "port1/port2/endpoint3/decoder3.0/start", "0x0" },
		{ ROOT "port1/port2/endpoint3/decoder3.0/dpa_size", "0x40000000" },
		{ ROOT "port1/port2/endpoint3/decoder3.0/interleave_ways", "4" },
		{ REGION "target1", "decoder4.1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		use(FAKE_MACHINE("cxl-interleaved"));
		fake_write(&fake, files[i][0], files[i][1]);
		look();
		if (locate("mem0", DPA, 64) != -EBADMSG)
			fail_msg("%s %s was taken", files[i][0], files[i][1]);
		fake_host_fini(&fake);
	}
	fake_host_init(&fake);
}

static void half_a_round_of_granules_is_refused(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	/* Region and decoders agree, but the last granules would lie beyond the region's end. */
	cxl.regions[0].bytes -= 1024;
	for (size_t i = 0; i < cxl.nr_decoders; i++)
		if (cxl.decoders[i].dpa_bytes) {
			cxl.decoders[i].bytes -= 1024;
			cxl.decoders[i].dpa_bytes -= 512;
		}
	assert_int_equal(locate("mem0", DPA, 64), -EBADMSG);
	assert_reason("cannot be");
}

static void address_in_no_region_is_refused(void **state)
{
	int memdev = 77;
	uint64_t dpa = 88;

	(void)state;
	use(FAKE_MACHINE("cxl-interleaved"));
	look();
	assert_int_equal(cxl_hpa_to_dpa(&cxl, 0x1000, &memdev, &dpa), -ENXIO);
	assert_reason("in no CXL region");
	assert_int_equal(cxl_hpa_to_dpa(&cxl, START + (1 << 30), &memdev, &dpa), -ENXIO);
	assert_int_equal(memdev, 77);
	assert_int_equal(dpa, 88);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	use(FAKE_MACHINE("cxl-lab"));
	look();
	assert_int_equal(locate("mem9", 0, 64), -EINVAL);
	assert_int_equal(locate("mem0", 0, 0), -EINVAL);
	assert_int_equal(locate("mem0", UINT64_MAX, 2), -EINVAL);
	assert_int_equal(cxl_dpa_to_hpa(&cxl, 1, 0, 1, pieces, 8, &unmapped), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_all_ways_go_there_and_back),
		cmocka_unit_test(any_offset_of_any_interleaving_goes_there_and_back),
		cmocka_unit_test_teardown(one_way_is_one_piece, drop),
		cmocka_unit_test_teardown(position_is_that_in_the_region_not_that_of_the_name,
					  drop),
		cmocka_unit_test_teardown(device_addresses_begin_where_the_decoder_does, drop),
		cmocka_unit_test_teardown(extent_is_a_cut_granule_whole_ones_and_a_cut_one, drop),
		cmocka_unit_test_teardown(every_byte_of_an_extent_comes_back, drop),
		cmocka_unit_test_teardown(what_is_not_mapped_is_counted, drop),
		cmocka_unit_test_teardown(extent_over_two_decoders_is_in_two_regions, drop),
		cmocka_unit_test_teardown(region_that_is_not_committed_leaves_the_rest, drop),
		cmocka_unit_test_teardown(xor_is_refused_with_the_reason, drop),
		cmocka_unit_test_teardown(several_bridges_without_cedt_are_refused, drop),
		cmocka_unit_test_teardown(one_and_three_bridges_need_no_cedt, drop),
		cmocka_unit_test_teardown(bridges_by_modulo_are_translated, drop),
		cmocka_unit_test_teardown(linear_cache_comes_first_and_is_told, drop),
		cmocka_unit_test_teardown(contradictions_are_refused, drop),
		cmocka_unit_test_teardown(half_a_round_of_granules_is_refused, drop),
		cmocka_unit_test_teardown(address_in_no_region_is_refused, drop),
		cmocka_unit_test_teardown(nonsense_is_refused, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
