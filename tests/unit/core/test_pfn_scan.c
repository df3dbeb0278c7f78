/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pfn_scan.c - walking handmade page tables, and looking again. */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/pfn_scan.h"
#include "tests/unit/core/fake_pagemap.h"

#define PID 42
#define OTHER 43
#define BASE 0x40000000ull
#define PAGE 4096ull
#define MIB (1ull << 20)
#define LOTS 1000000

static struct fake_host fake;
static struct pfn_scan scan;
static struct pfn_wanted wanted;
static struct pfn_index found;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake.scan_pages = scan_pagemap;
	fake_huge_start = fake_huge_end = 0;
	fake_scanned_bytes = fake_longest_scan = 0;
	memset(&scan, 0, sizeof(scan));
	memset(&found, 0, sizeof(found));
	scan.host = &fake.host;
	put_mapped(&fake, PID, 9, BASE, BASE + 16 * MIB);
	put_mapped(&fake, OTHER, 10, BASE, BASE + 16 * MIB);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pfn_scan_fini(&scan);
	pfn_scan_fini(&scan);
	pfn_index_fini(&found);
	pfn_wanted_fini(&wanted);
	fake_host_fini(&fake);
	return 0;
}

static void watch(size_t nr)
{
	const struct pfn_process processes[] = { { .pid = PID, .start_ticks = 9 },
						 { .pid = OTHER, .start_ticks = 10 } };

	assert_true(pfn_scan_set_processes(&scan, processes, nr) >= 0);
}

static void begin(void)
{
	pfn_wanted_begin_pass(&wanted);
	pfn_scan_begin_pass(&scan);
	pfn_scan_tick(&scan);
}

static void end(void)
{
	assert_false(scan.passing);
	pfn_scan_end_pass(&scan, &found);
	pfn_wanted_end_pass(&wanted, 0);
}

static int pass(void)
{
	begin();
	int err = pfn_scan_step(&scan, &wanted, &found, LOTS);

	if (!err)
		end();
	return err;
}

static void want(uint64_t pfn, uint64_t nr)
{
	pfn_wanted_ask(&wanted, pfn, nr, 1);
}

/* How many know that @pfn is at @addr. */
static size_t knows(uint64_t pfn, uint64_t addr)
{
	size_t nr = 0;

	for (size_t i = pfn_index_find(&found, pfn); i < found.nr; i++)
		nr += pfn_run_holds(&found.runs[i], pfn) &&
		      (found.runs[i].page + (pfn - found.runs[i].pfn)) * PAGE == addr;
	return nr;
}

static struct pfn_run *run_of(uint64_t pfn, uint32_t owner)
{
	for (size_t i = 0; i < found.nr; i++)
		if (pfn_run_holds(&found.runs[i], pfn) && found.runs[i].owner == owner)
			return &found.runs[i];
	fail_msg("nobody knows frame %llu", (unsigned long long)pfn);
	return NULL;
}

static void only_what_is_wanted_is_found(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 64);
	want(1016, 8);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 1);
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(knows(1000 + i, BASE + i * PAGE), i >= 16 && i < 24);
	assert_int_equal(run_of(1016, 0)->flags, 0);
}

static void scattered_pages_are_found_one_by_one(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		put_pages(&fake, PID, BASE + i * 3 * PAGE, 50000 - 7 * i, 1);
	want(40000, 20000);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 100);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(knows(50000 - 7 * i, BASE + i * 3 * PAGE), 1);
}

static void huge_page_is_one_run_and_one_look(void **state)
{
	(void)state;
	fake_huge_start = BASE + 2 * MIB;
	fake_huge_end = BASE + 4 * MIB;
	put_pages(&fake, PID, fake_huge_start, 1024, 512);
	/* A part of it is enough. */
	want(1100, 1);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 1);
	assert_int_equal(found.runs[0].nr, 512);
	assert_int_equal(found.runs[0].flags, PFN_HUGE);
	assert_int_equal(knows(1535, BASE + 4 * MIB - PAGE), 1);
	assert_true(scan.nr_looks < 100);
}

static void kinds_are_told_apart(void **state)
{
	(void)state;
	put_page(&fake, PID, BASE, PM_PRESENT | PM_EXCLUSIVE | 100);
	put_page(&fake, PID, BASE + PAGE, PM_PRESENT | 101);
	put_page(&fake, PID, BASE + 2 * PAGE, PM_PRESENT | PM_FILE | PM_EXCLUSIVE | 102);
	put_page(&fake, PID, BASE + 3 * PAGE, PM_PRESENT | PM_FILE | 103);
	want(96, 16);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(run_of(100, 0)->flags, 0);
	assert_int_equal(run_of(101, 0)->flags, PFN_SHARED);
	assert_int_equal(run_of(102, 0)->flags, PFN_FILE);
	assert_int_equal(run_of(103, 0)->flags, PFN_FILE | PFN_SHARED);
}

static void page_of_two_processes_has_two_owners(void **state)
{
	(void)state;
	put_page(&fake, PID, BASE, PM_PRESENT | 100);
	put_page(&fake, OTHER, BASE + PAGE, PM_PRESENT | 100);
	want(100, 1);
	watch(2);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 2);
	assert_int_equal(run_of(100, 0)->page, BASE / PAGE);
	assert_int_equal(run_of(100, 1)->page, BASE / PAGE + 1);
}

static void step_is_bounded_and_goes_on_where_it_ended(void **state)
{
	int nr_steps = 0;

	(void)state;
	put_pages(&fake, PID, BASE, 10000, 4000);
	put_pages(&fake, OTHER, BASE, 50000, 4000);
	want(10000, 45000);
	watch(2);
	begin();
	while (scan.passing) {
		uint64_t before = scan.nr_looks;

		assert_int_equal(pfn_scan_step(&scan, &wanted, &found, 100), 0);
		/* The last 2 MiB are not cut. */
		assert_true(scan.nr_looks - before < 100 + 512);
		nr_steps++;
		assert_true(nr_steps < 1000);
	}
	end();
	assert_true(nr_steps >= 16);
	for (uint64_t i = 0; i < 4000; i++) {
		assert_int_equal(knows(10000 + i, BASE + i * PAGE), 1);
		assert_int_equal(knows(50000 + i, BASE + i * PAGE), 1);
	}
}

/* A terabyte of nothing is crossed in a few questions, that none reaches too far. */
static void absent_ranges_are_skipped_in_growing_strides(void **state)
{
	(void)state;
	put_mapped(&fake, PID, 9, BASE, BASE + (1ull << 40));
	put_pages(&fake, PID, BASE, 1000, 1);
	want(1000, 1);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(fake_scanned_bytes, 1ull << 40);
	assert_int_equal(fake_longest_scan, 64ull << 30);
	assert_true(scan.nr_looks < 1000);
	assert_int_equal(found.nr, 1);
}

static void what_is_wanted_in_the_middle_of_a_pass_is_found_in_its_rest(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1024);
	want(1000, 1);
	watch(1);
	begin();
	assert_int_equal(pfn_scan_step(&scan, &wanted, &found, 100), 0);
	want(1000, 1024);
	assert_int_equal(pfn_wanted_settle(&wanted), 0);
	assert_int_equal(pfn_scan_step(&scan, &wanted, &found, LOTS), 0);
	end();
	assert_int_equal(knows(1008, BASE + 8 * PAGE), 0);
	assert_int_equal(knows(2023, BASE + 1023 * PAGE), 1);
	/* ... but it was not looked for from the beginning. */
	assert_false(pfn_wanted_is_searched(&wanted, 1008));
	assert_int_equal(pass(), 0);
	assert_int_equal(knows(1008, BASE + 8 * PAGE), 1);
}

static void process_that_is_gone_or_another_is_passed_over(void **state)
{
	(void)state;
	put_pages(&fake, OTHER, BASE, 1000, 1);
	want(1000, 1);
	watch(2);
	fake_remove(&fake, "proc/42");
	assert_int_equal(pass(), 0);
	assert_int_equal(scan.nr_unreadable, 1);
	assert_int_equal(knows(1000, BASE), 1);
	/* Its pid is used again. */
	put_mapped(&fake, OTHER, 77, BASE, BASE + 16 * MIB);
	put_pages(&fake, OTHER, BASE, 1000, 1);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 0);
	assert_int_equal(scan.nr_unreadable, 3);
}

static void place_of_a_process_is_used_again_only_when_it_is_forgotten(void **state)
{
	const struct pfn_process other = { .pid = OTHER, .start_ticks = 10 };

	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1);
	put_pages(&fake, OTHER, BASE, 2000, 1);
	want(1000, 2000);
	watch(1);
	assert_int_equal(pass(), 0);
	struct pfn_run *run = run_of(1000, 0);

	/* Another comes, the first one goes: what is known of that is not the other's. */
	assert_int_equal(pfn_scan_set_processes(&scan, &other, 1), 1);
	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 1), 0);
	assert_int_equal(scan.nr, 2);
	assert_int_equal(pass(), 0);
	assert_int_equal(run_of(2000, 1)->page, BASE / PAGE);
	assert_int_equal(found.nr, 1);
	watch(2);
	assert_int_equal(scan.nr, 2);
	assert_int_equal(scan.list[0].pid, PID);
	assert_int_equal(pfn_scan_set_processes(&scan, &other, 1), 0);
}

static void hidden_frames_are_an_error_that_names_the_capability(void **state)
{
	(void)state;
	put_page(&fake, PID, BASE, PM_PRESENT);
	want(1000, 1);
	watch(1);
	assert_int_equal(pass(), -EPERM);
	assert_reason("CAP_SYS_ADMIN");
	fake_huge_start = BASE;
	fake_huge_end = BASE + 2 * MIB;
	assert_int_equal(pass(), -EPERM);
}

static int no_such_ioctl(struct fake_host *f, uint64_t start, uint64_t end,
			 struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)f, (void)start, (void)end, (void)runs, (void)nr_runs, (void)scanned_to;
	return -ENOTTY;
}

static void kernel_without_pagemap_scan_is_an_error(void **state)
{
	(void)state;
	fake.scan_pages = no_such_ioctl;
	watch(1);
	assert_int_equal(pass(), -EOPNOTSUPP);
	assert_reason("PAGEMAP_SCAN");
}

static void what_looks_as_before_is_left_alone_and_stays_known(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1024);
	want(1000, 1024);
	watch(1);
	assert_int_equal(pass(), 0);
	uint16_t first = scan.pass;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pass(), 0);
	assert_int_equal(run_of(1000, 0)->pass, first);
	assert_int_equal(knows(1000, BASE), 1);
	assert_int_equal(knows(2023, BASE + 1023 * PAGE), 1);
	/* The passes have looked: it is as if each run had been seen. */
	scan.tick_looks = 0;
	assert_int_equal(pfn_scan_verify(&scan, run_of(1000, 0), 1000, 1), 1);
	assert_int_equal(scan.nr_unverified, 0);
	/* A page of the first 2 MiB moves; soft-dirty bits are none of our business. */
	put_pages(&fake, PID, BASE + 7 * PAGE, 1900, 1);
	put_page(&fake, PID, BASE + 1000 * PAGE, PM_PRESENT | PM_EXCLUSIVE | 1ull << 55 | 2000);
	assert_int_equal(pass(), 0);
	assert_int_equal(knows(1007, BASE + 7 * PAGE), 0);
	assert_int_equal(knows(1900, BASE + 7 * PAGE), 1);
	assert_int_equal(knows(1008, BASE + 8 * PAGE), 1);
	assert_int_equal(run_of(2000, 0)->pass, first);
}

static void what_is_wanted_later_is_found_in_what_looks_as_before(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 512);
	want(1000, 8);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(knows(1200, BASE + 200 * PAGE), 0);
	want(1200, 8);
	assert_int_equal(pass(), 0);
	assert_int_equal(knows(1200, BASE + 200 * PAGE), 1);
	assert_int_equal(knows(1000, BASE), 1);
	/* Nobody asks any more. */
	begin();
	assert_int_equal(pfn_scan_step(&scan, &wanted, &found, LOTS), 0);
	pfn_scan_end_pass(&scan, &found);
	pfn_wanted_end_pass(&wanted, 2);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 0);
}

/* A process that gets the place of another has the same pages at the same addresses. */
static void what_looked_the_same_in_another_process_is_none_of_its_own(void **state)
{
	const struct pfn_process other = { .pid = OTHER, .start_ticks = 10 };

	(void)state;
	put_pages(&fake, PID, BASE, 1000, 512);
	put_pages(&fake, OTHER, BASE, 1000, 512);
	want(1000, 512);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(pfn_scan_set_processes(&scan, NULL, 0), 0);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 0);
	assert_int_equal(pfn_scan_set_processes(&scan, &other, 1), 1);
	assert_int_equal(scan.nr, 1);
	assert_int_equal(pass(), 0);
	assert_int_equal(knows(1000, BASE), 1);
}

static void when_runs_found_no_room_the_next_pass_looks_again(void **state)
{
	(void)state;
	found.max_runs = 100;
	for (uint64_t i = 0; i < 512; i++)
		put_pages(&fake, PID, BASE + i * PAGE, 1000 + 2 * i, 1);
	want(1000, 1024);
	watch(1);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 100);
	found.max_runs = 1000;
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 512);
}

/* Pages of two processes come, go and move; after each pass the index is what there is. */
static void after_random_changes_the_index_is_the_truth(void **state)
{
	static uint64_t frames[2][2048];
	uint64_t random = 88172645463325252ull;

	(void)state;
	for (uint64_t i = 0; i < 4096; i++) {
		uint64_t pfn = 9000 + 7 * i % 6000;

		frames[i % 2][i / 2] = pfn;
		put_pages(&fake, i % 2 ? OTHER : PID, BASE + i / 2 * PAGE, pfn, 1);
	}
	watch(2);
	want(10000, 4000);
	for (int round = 0; round < 60; round++) {
		/* Mostly nothing, sometimes a lot. */
		uint64_t nr = round % 3 ? test_random(&random) % 4 : test_random(&random) % 100;

		for (uint64_t i = 0; i < nr; i++) {
			uint64_t who = test_random(&random) % 2, page = test_random(&random) % 2048;
			uint64_t pfn = test_random(&random) % 8 ? 9000 + test_random(&random) % 6000
								: 0;

			frames[who][page] = pfn;
			if (pfn)
				put_pages(&fake, who ? OTHER : PID, BASE + page * PAGE, pfn, 1);
			else
				put_page(&fake, who ? OTHER : PID, BASE + page * PAGE, 0);
		}
		if (round == 30)
			want(14000, 500);
		assert_int_equal(pass(), 0);
		size_t nr_pages = 0, nr_known = 0;

		for (size_t i = 0; i < found.nr; i++)
			nr_known += found.runs[i].nr;
		for (int who = 0; who < 2; who++)
			for (uint64_t page = 0; page < 2048; page++) {
				uint64_t pfn = frames[who][page];

				if (pfn < 10000 || pfn >= (round < 30 ? 14000u : 14504u))
					continue;
				nr_pages++;
				assert_true(knows(pfn, BASE + page * PAGE) >= 1);
			}
		assert_int_equal(nr_known, nr_pages);
	}
	assert_true(scan.memos.nr > 0);
	assert_int_equal(found.nr_crowded, 0);
}

static void page_that_moved_is_not_believed(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 8);
	want(1000, 8);
	watch(1);
	assert_int_equal(pass(), 0);
	struct pfn_run *run = run_of(1000, 0);

	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 8), 8);
	put_pages(&fake, PID, BASE + 3 * PAGE, 7777, 1);
	/* Once in a tick. */
	assert_int_equal(pfn_scan_verify(&scan, run, 1003, 1), 1);
	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, 1003, 1), 0);
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 8), 3);
	assert_int_equal(pfn_scan_verify(&scan, run, 1004, 4), 4);
	/* Unmapped, and swapped out. */
	put_page(&fake, PID, BASE, 0);
	put_page(&fake, PID, BASE + PAGE, 1001);
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 1), 0);
	assert_int_equal(pfn_scan_verify(&scan, run, 1001, 1), 0);
	assert_int_equal(pass(), 0);
	assert_int_equal(found.nr, 2);
}

static void looks_again_are_limited_and_what_is_old_is_not_believed_without(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, 1000, 1);
	want(1000, 1);
	watch(1);
	assert_int_equal(pass(), 0);
	struct pfn_run *run = run_of(1000, 0);

	pfn_scan_tick(&scan);
	scan.tick_looks = 0;
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 1), 1);
	assert_int_equal(scan.nr_unverified, 1);
	for (int i = 0; i < (int)scan.trusted_ticks; i++)
		pfn_scan_tick(&scan);
	scan.tick_looks = 0;
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 1), -EAGAIN);
	assert_int_equal(scan.nr_unverified, 2);
	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, 1000, 1), 1);
	assert_int_equal(scan.tick_looks, PFN_TICK_LOOKS - 1);
}

/* More processes than files may stay open. */
static void many_processes_do_not_use_up_the_files(void **state)
{
	static struct pfn_process many[300];

	(void)state;
	for (int i = 0; i < 300; i++) {
		many[i] = (struct pfn_process){ .pid = 1000 + i, .start_ticks = 5 };
		put_mapped(&fake, 1000 + i, 5, BASE, BASE + MIB);
		put_pages(&fake, 1000 + i, BASE, 5000 + (uint64_t)i, 1);
	}
	want(5000, 300);
	assert_int_equal(pfn_scan_set_processes(&scan, many, 300), 300);
	assert_int_equal(pass(), 0);
	assert_true(scan.nr_open <= 128);
	assert_int_equal(found.nr, 300);
	pfn_scan_tick(&scan);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(pfn_scan_verify(&scan, run_of(5000 + i, i), 5000 + i, 1), 1);
	assert_true(scan.nr_open <= 128);
	assert_int_equal(pfn_scan_set_processes(&scan, NULL, 0), 0);
	assert_int_equal(scan.nr_open, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_wanted_is_found),
		TEST(scattered_pages_are_found_one_by_one),
		TEST(huge_page_is_one_run_and_one_look),
		TEST(kinds_are_told_apart),
		TEST(page_of_two_processes_has_two_owners),
		TEST(step_is_bounded_and_goes_on_where_it_ended),
		TEST(absent_ranges_are_skipped_in_growing_strides),
		TEST(what_is_wanted_in_the_middle_of_a_pass_is_found_in_its_rest),
		TEST(process_that_is_gone_or_another_is_passed_over),
		TEST(place_of_a_process_is_used_again_only_when_it_is_forgotten),
		TEST(hidden_frames_are_an_error_that_names_the_capability),
		TEST(kernel_without_pagemap_scan_is_an_error),
		TEST(what_looks_as_before_is_left_alone_and_stays_known),
		TEST(what_is_wanted_later_is_found_in_what_looks_as_before),
		TEST(what_looked_the_same_in_another_process_is_none_of_its_own),
		TEST(when_runs_found_no_room_the_next_pass_looks_again),
		TEST(after_random_changes_the_index_is_the_truth),
		TEST(page_that_moved_is_not_believed),
		TEST(looks_again_are_limited_and_what_is_old_is_not_believed_without),
		TEST(many_processes_do_not_use_up_the_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
