/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_scan_page.c - which page an address is in, and what its mark speaks for. */
#include "tests/unit/test.h"

#include "sources/scan_page.h"
#include "tests/unit/sources/fake_frames.h"

#define PID 100
#define BASE 0x400000ull
#define END (BASE + 0x4000000ull)

static struct fake_host fake;
static int pagemap, kpageflags;
static uint64_t chance;
static struct scan_page page;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	put_frames(&fake);
	put_mapped(&fake, PID, 1, BASE, END);
	fake.scan_pages = scan_pagemap;
	fake_huge_start = fake_huge_end = 0;
	pagemap = openat(fake.host.root_fd, "proc/100/pagemap", O_RDONLY | O_CLOEXEC);
	kpageflags = openat(fake.host.root_fd, "proc/kpageflags", O_RDONLY | O_CLOEXEC);
	chance = 1;
	memset(&page, 0, sizeof(page));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	(void)close(pagemap);
	(void)close(kpageflags);
	fake_host_fini(&fake);
	return 0;
}

static int find(uint64_t addr)
{
	return scan_page_find(&fake.host, pagemap, kpageflags, addr, END, &chance, &page);
}

static void a_page_speaks_for_itself(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 4);
	assert_int_equal(find(BASE + 0x2000), 1);
	assert_int_equal(page.addr, BASE + 0x2000);
	assert_int_equal(page.bytes, 4096);
	assert_int_equal(page.pfn, 1002);
	assert_true(scan_page_is_there(pagemap, &page));
	assert_true(scan_page_is_markable(kpageflags, page.pfn));
}

static void behind_a_gap_any_of_the_next_pages_is_taken(void **state)
{
	uint64_t seen = 0;

	(void)state;
	put_pages(&fake, PID, BASE + 0x3000000, 1000, 8);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(find(BASE), 1);
		seen |= 1ull << (page.pfn - 1000);
	}
	assert_int_equal(seen, 0xff);
}

static void where_nothing_is_there_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(find(BASE), 0);
	put_pages(&fake, PID, BASE, 1000, 4);
	assert_int_equal(find(BASE + 0x4000), 0);
}

static void a_large_folio_is_one_extent_wherever_one_looks(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1008, 16);
	put_flags(&fake, 1008, 1, KPF_LRU | KPF_HEAD);
	put_flags(&fake, 1009, 15, KPF_TAIL);
	put_flags(&fake, 1024, 1, KPF_LRU | KPF_HEAD);
	put_flags(&fake, 1025, 1, KPF_TAIL);
	for (uint64_t i = 0; i < 16; i++) {
		assert_int_equal(find(BASE + i * 4096), 1);
		assert_int_equal(page.pfn, 1008);
		assert_int_equal(page.addr, BASE);
		assert_int_equal(page.bytes, 16 * 4096);
	}
}

static void a_huge_page_is_marked_by_its_first_frame(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1024, 512);
	put_flags(&fake, 1024, 1, KPF_LRU | KPF_HEAD);
	put_flags(&fake, 1025, 511, KPF_TAIL);
	fake_huge_start = BASE;
	fake_huge_end = BASE + 0x200000;
	assert_int_equal(find(BASE + 0x123000), 1);
	assert_int_equal(page.pfn, 1024);
	assert_int_equal(page.at_pfn, 1024 + 0x123);
	assert_int_equal(page.addr, BASE);
	assert_int_equal(page.bytes, 0x200000);
}

static void of_a_folio_that_is_mapped_in_part_that_part_is_the_extent(void **state)
{
	(void)state;
	/* Frames 1010 to 1013 of 1008 to 1023; what is beside them is something else. */
	put_pages(&fake, PID, BASE, 5000, 2);
	put_pages(&fake, PID, BASE + 0x2000, 1010, 4);
	put_pages(&fake, PID, BASE + 0x6000, 6000, 2);
	put_flags(&fake, 1008, 1, KPF_LRU | KPF_HEAD);
	put_flags(&fake, 1009, 15, KPF_TAIL);
	assert_int_equal(find(BASE + 0x3000), 1);
	assert_int_equal(page.pfn, 1008);
	assert_int_equal(page.addr, BASE + 0x2000);
	assert_int_equal(page.bytes, 4 * 4096);
}

static void what_bears_no_mark_is_left_alone(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1);
	put_flags(&fake, 1000, 1, 0);
	assert_int_equal(find(BASE), 0);
	put_flags(&fake, 1000, 1, KPF_LRU | KPF_HEAD | KPF_HUGETLB);
	assert_int_equal(find(BASE), 0);
	/* A tail without a head: flags that changed while they were read. */
	put_flags(&fake, 0, FAKE_FRAMES, KPF_TAIL);
	assert_int_equal(find(BASE), 0);
	/* Beyond the last frame. */
	put_pages(&fake, PID, BASE, FAKE_FRAMES + 5, 1);
	assert_int_equal(find(BASE), 0);
}

static void a_page_that_moved_is_not_there(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1);
	assert_int_equal(find(BASE), 1);
	put_pages(&fake, PID, BASE, 1001, 1);
	assert_false(scan_page_is_there(pagemap, &page));
	put_page(&fake, PID, BASE, 1000);
	assert_false(scan_page_is_there(pagemap, &page));
}

static void hidden_frames_are_an_error_that_says_what_is_missing(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 0, 1);
	assert_int_equal(find(BASE), -EPERM);
	assert_non_null(strstr(thermo_last_error(), "CAP_SYS_ADMIN"));
}

static int no_scan(struct fake_host *host, uint64_t start, uint64_t end,
		   struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)host, (void)start, (void)end, (void)runs, (void)nr_runs, (void)scanned_to;
	return -ENOTTY;
}

static void an_old_kernel_is_an_error(void **state)
{
	(void)state;
	fake.scan_pages = no_scan;
	assert_int_equal(find(BASE), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_page_speaks_for_itself, make, drop),
		cmocka_unit_test_setup_teardown(behind_a_gap_any_of_the_next_pages_is_taken, make,
						drop),
		cmocka_unit_test_setup_teardown(where_nothing_is_there_is_nothing, make, drop),
		cmocka_unit_test_setup_teardown(a_large_folio_is_one_extent_wherever_one_looks,
						make, drop),
		cmocka_unit_test_setup_teardown(a_huge_page_is_marked_by_its_first_frame, make,
						drop),
		cmocka_unit_test_setup_teardown(
				of_a_folio_that_is_mapped_in_part_that_part_is_the_extent, make,
				drop),
		cmocka_unit_test_setup_teardown(what_bears_no_mark_is_left_alone, make, drop),
		cmocka_unit_test_setup_teardown(a_page_that_moved_is_not_there, make, drop),
		cmocka_unit_test_setup_teardown(
				hidden_frames_are_an_error_that_says_what_is_missing, make, drop),
		cmocka_unit_test_setup_teardown(an_old_kernel_is_an_error, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
