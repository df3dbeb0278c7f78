/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_owners.c - reports of physical memory become evidence of the processes that own it. */
#include "tests/unit/core/fake_monitor.h"

#include <errno.h>

#include "core/owners.h"
#include "tests/unit/core/fake_pagemap.h"

#define PAGE 4096ull
#define BUDGET 1000000000ull
#define OTHER 43
#define FRAME 5000ull
#define ALL_CAPS "Name:\tx\nCapEff:\t000001ffffffffff\n"

static struct thermo_owners_status owners;

static int make_owned(void **state)
{
	int err = make(state);

	fake.scan_pages = scan_pagemap;
	fake_huge_start = fake_huge_end = 0;
	fake_write(&fake, "proc/self/status", ALL_CAPS);
	put_process(PID, 9, 16 * MIB);
	return err;
}

static struct thermo_access physical(uint64_t pfn, uint64_t bytes, uint32_t accesses)
{
	struct thermo_access a = exact(pfn * PAGE, bytes, accesses);

	a.space = THERMO_SPACE_PHYSICAL;
	a.pid = 0;
	return a;
}

/* After enough time for a page to have moved. */
static void find_owners(void)
{
	(void)thermo_monitor_drain(monitor);
	fake_advance(&fake, SECOND / 4);
	assert_true(thermo_monitor_find_owners(monitor, BUDGET) >= 0);
	thermo_monitor_owners_status(monitor, &owners);
}

/* Ask for @nr frames, and have them looked for. */
static void want(uint64_t pfn, uint64_t nr)
{
	/* The first report only says that there are such. */
	report(physical(pfn, nr * PAGE, 0));
	find_owners();
	report(physical(pfn, nr * PAGE, 0));
	find_owners();
	fake_advance(&fake, 2 * SECOND);
	find_owners();
	(void)next_window();
}

static const struct thermo_monitor_counters *counters(void)
{
	return &next_window()->counters;
}

/* The rates of the newest window are those that @nr reports of the virtual address give. */
static void assert_same_as_virtual(struct thermo_access a, int nr)
{
	uint64_t start = region_at(snapshot, a.addr)->start;
	double rate = region_at(snapshot, a.addr)->accesses_per_s, total = total_rate(snapshot);

	remake(&(struct thermo_monitor_opts){ 0 });
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < nr; i++)
		report(a);
	find_owners();
	(void)next_window();
	assert_int_equal(region_at(snapshot, a.addr)->start, start);
	assert_near(rate, region_at(snapshot, a.addr)->accesses_per_s, 0.01);
	assert_near(total, total_rate(snapshot), 0.01);
	assert_true(rate > 100);
}

static void report_becomes_evidence_at_the_virtual_address(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE + 8 * MIB, FRAME, 256);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 256);
	report(physical(FRAME + 10, 4 * PAGE, 1000));
	find_owners();
	assert_int_equal(counters()->ingested, 1);
	assert_int_equal(owners.nr_anon, 1);
	assert_int_equal(owners.nr_shared, 0);
	assert_same_as_virtual(exact(BASE + 8 * MIB + 10 * PAGE, 4 * PAGE, 1000), 1);
}

static void sample_goes_to_the_owner_of_its_byte(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	struct thermo_access a = physical(FRAME + 3, 1, 50), there = exact(BASE + 3 * PAGE, 1, 50);

	a.watched_ns = there.watched_ns = 0;
	for (int i = 0; i < 100; i++)
		report(a);
	find_owners();
	(void)next_window();
	assert_int_equal(snapshot->counters.ingested, 100);
	assert_int_equal(snapshot->sources[0].ingested, 100);
	assert_same_as_virtual(there, 100);
}

static void report_that_nobody_has_looked_for_is_counted_and_wanted(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	thermo_monitor_owners_status(monitor, &owners);
	assert_false(owners.active);
	assert_int_equal(thermo_monitor_find_owners(monitor, BUDGET), 0);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_true(owners.active);
	assert_int_equal(owners.nr_unsearched, 2);
	assert_int_equal(owners.wanted_bytes, 2 * MIB);
	assert_int_equal(owners.nr_passes, 1);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_int_equal(counters()->no_owner, 2);
	assert_int_equal(snapshot->counters.ingested, 1);
}

static void without_physical_reports_nothing_is_looked_at(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	report(exact(BASE, PAGE, 1));
	fake_scanned_bytes = 0;
	find_owners();
	assert_false(owners.active);
	assert_int_equal(fake_scanned_bytes, 0);
}

static void frame_that_no_target_has_is_unowned(void **state)
{
	(void)state;
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_int_equal(owners.nr_unowned, 1);
	assert_int_equal(counters()->no_owner, 3);
}

/* Looking for the kernel's memory over and over would cost, and find nothing. */
static void unowned_frames_are_looked_for_ever_less_often(void **state)
{
	(void)state;
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	uint64_t before = owners.nr_passes;

	for (int i = 0; i < 600; i++) {
		report(physical(FRAME, PAGE, 1));
		fake_advance(&fake, SECOND / 2);
		find_owners();
	}
	assert_true(owners.nr_passes - before >= 4);
	assert_true(owners.nr_passes - before <= 12);
	/* One that appears is found all the same. */
	put_pages(&fake, PID, BASE, FRAME, 8);
	for (int i = 0; i < 130; i++) {
		report(physical(FRAME, PAGE, 1));
		fake_advance(&fake, SECOND / 2);
		find_owners();
	}
	assert_true(owners.nr_anon > 0);
}

static void granule_of_several_owners_is_shared_out(void **state)
{
	(void)state;
	put_process(OTHER, 10, 16 * MIB);
	put_pages(&fake, PID, BASE, FRAME, 64);
	put_pages(&fake, OTHER, BASE + MIB, FRAME + 64, 32);
	assert_int_equal(watch_all(), 2);
	want(FRAME, 128);
	/* The last quarter has no owner. */
	report(physical(FRAME, 128 * PAGE, 1280));
	find_owners();
	(void)next_window();
	double of[2] = { 0, 0 };

	for (uint32_t i = 0; i < snapshot->nr_regions; i++)
		if (snapshot->regions[i].exposure_s > 0)
			of[snapshot->targets[snapshot->regions[i].target].pid == OTHER] +=
					(double)snapshot->regions[i].nr_events;
	assert_near(of[0], 640, 1);
	assert_near(of[1], 320, 1);
	assert_int_equal(snapshot->counters.ingested, 1);
}

static void shared_page_counts_once_for_the_target_watched_longest(void **state)
{
	(void)state;
	put_page(&fake, PID, BASE, PM_PRESENT | FRAME);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 1);
	/* A lower pid, but it came later. */
	put_process(7, 100, 16 * MIB);
	put_page(&fake, 7, BASE + MIB, PM_PRESENT | FRAME);
	assert_int_equal(watch_all(), 2);
	fake_advance(&fake, 2 * SECOND);
	find_owners();
	assert_int_equal(owners.nr_runs, 2);
	report(physical(FRAME, PAGE, 100));
	find_owners();
	(void)next_window();
	for (uint32_t i = 0; i < snapshot->nr_regions; i++)
		if (snapshot->regions[i].accesses_per_s > 1)
			assert_int_equal(snapshot->targets[snapshot->regions[i].target].pid, PID);
	assert_true(total_rate(snapshot) > 10);
	assert_int_equal(owners.nr_shared, 1);
	/* Unmapped there, it is the other's. */
	put_page(&fake, PID, BASE, 0);
	find_owners();
	report(physical(FRAME, PAGE, 100));
	find_owners();
	(void)next_window();
	assert_int_equal(snapshot->targets[region_at(snapshot, BASE + MIB)->target].pid, 7);
	assert_int_equal(owners.nr_moved, 1);
	assert_int_equal(owners.nr_shared, 2);
}

static void page_that_moved_is_found_where_it_went(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	/* Migrated: another frame, and the old one is somebody else's by now. */
	put_pages(&fake, PID, BASE, 9000, 8);
	find_owners();
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_int_equal(owners.nr_moved, 1);
	assert_int_equal(owners.nr_anon, 0);
	uint64_t missed = owners.nr_unowned;

	assert_int_equal(missed, 1);
	report(physical(9000, PAGE, 1));
	find_owners();
	fake_advance(&fake, 2 * SECOND);
	find_owners();
	report(physical(9000, PAGE, 1));
	find_owners();
	assert_int_equal(owners.nr_anon, 1);
}

static void what_is_too_wide_is_refused_and_counted(void **state)
{
	(void)state;
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	report(physical(FRAME, OWNERS_MAX_EXTENT_BYTES + 1, 1));
	find_owners();
	assert_int_equal(owners.nr_too_wide, 1);
	assert_int_equal(owners.wanted_bytes, 2 * MIB);
	assert_int_equal(counters()->no_owner, 3);
}

static void page_outside_of_the_regions_has_no_region(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	/* A mapping that came after the targets were looked at. */
	put_process(PID, 9, 32 * MIB);
	put_pages(&fake, PID, BASE + 24 * MIB, FRAME, 8);
	want(FRAME, 8);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_int_equal(counters()->no_region, 1);
}

static void process_that_has_the_pid_now_is_not_the_owner(void **state)
{
	(void)state;
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 8);
	put_process(PID, 77, 16 * MIB);
	assert_int_equal(watch_all(), 1);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_int_equal(owners.nr_anon, 0);
	assert_int_equal(counters()->ingested, 0);
}

static void without_the_capability_there_is_a_reason_and_no_owner(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
	put_pages(&fake, PID, BASE, FRAME, 8);
	assert_int_equal(watch_all(), 1);
	for (int i = 0; i < 3; i++) {
		report(physical(FRAME, PAGE, 1));
		(void)thermo_monitor_drain(monitor);
		assert_int_equal(thermo_monitor_find_owners(monitor, BUDGET), -EPERM);
		assert_reason("CAP_SYS_ADMIN");
	}
	thermo_monitor_owners_status(monitor, &owners);
	assert_false(owners.active);
	assert_int_equal(owners.nr_unsearched, 3);
	assert_int_equal(counters()->no_owner, 3);
}

/* More single pages than can be looked at again each time: what is known is refreshed. */
static void reports_of_very_many_pages_are_attributed_all_the_same(void **state)
{
	const uint64_t nr = 4096;
	uint64_t before;

	(void)state;
	for (uint64_t i = 0; i < nr; i++)
		put_pages(&fake, PID, BASE + i * PAGE, FRAME + 2 * i, 1);
	assert_int_equal(watch_all(), 1);
	want(FRAME, 2 * nr);
	before = owners.nr_unsearched;
	for (int i = 0; i < 100; i++) {
		for (uint64_t page = 0; page < nr; page++)
			report(physical(FRAME + 2 * page, PAGE, 1));
		find_owners();
	}
	assert_int_equal(owners.nr_anon, 100 * nr);
	assert_int_equal(owners.nr_unsearched, before);
	assert_int_equal(owners.nr_unowned + owners.nr_moved, 0);
	assert_true(owners.nr_unverified > 0);
}

/* A user namespace's root has the capability, and sees no frames. */
static void hidden_frames_are_an_error_and_the_monitor_goes_on(void **state)
{
	(void)state;
	put_page(&fake, PID, BASE, PM_PRESENT);
	assert_int_equal(watch_all(), 1);
	report(physical(FRAME, PAGE, 1));
	(void)thermo_monitor_drain(monitor);
	report(physical(FRAME, PAGE, 1));
	assert_int_equal(thermo_monitor_find_owners(monitor, BUDGET), 0);
	(void)thermo_monitor_drain(monitor);
	assert_int_equal(thermo_monitor_find_owners(monitor, BUDGET), -EPERM);
	assert_reason("CAP_SYS_ADMIN");
	report(exact(BASE, PAGE, 1));
	assert_int_equal(counters()->ingested, 1);
}

static uint64_t order[1024];

/* Windows in which the second of four MiB is hot, told page by page. */
static void report_windows(bool is_physical)
{
	for (int window = 0; window < 6; window++) {
		for (uint64_t i = 0; i < 1024; i++) {
			uint32_t accesses = i >= 256 && i < 512 ? 100 : 0;

			report(is_physical ? physical(FRAME + order[i], PAGE, accesses)
					   : exact(BASE + i * PAGE, PAGE, accesses));
		}
		find_owners();
		(void)next_window();
	}
}

/* Frames in any order: the picture is the very same as from reports of virtual addresses. */
static void scattered_frames_map_back_exactly(void **state)
{
	uint64_t random = 88172645463325252ull;
	struct thermo_snapshot *virtual;

	(void)state;
	for (uint64_t i = 0; i < 1024; i++) {
		uint64_t at = test_random(&random) % (i + 1);

		order[i] = order[at];
		order[at] = i;
	}
	for (uint64_t i = 0; i < 1024; i++)
		put_pages(&fake, PID, BASE + i * PAGE, FRAME + order[i], 1);
	assert_int_equal(watch_all(), 1);
	report_windows(false);
	virtual = thermo_snapshot_get(snapshot);
	remake(&(struct thermo_monitor_opts){ 0 });
	assert_int_equal(watch_all(), 1);
	want(FRAME, 1024);
	report_windows(true);
	assert_int_equal(snapshot->counters.ingested, 6 * 1024);
	assert_int_equal(snapshot->nr_regions, virtual->nr_regions);
	for (uint32_t i = 0; i < snapshot->nr_regions; i++) {
		assert_int_equal(snapshot->regions[i].start, virtual->regions[i].start);
		assert_int_equal(snapshot->regions[i].end, virtual->regions[i].end);
		assert_near(snapshot->regions[i].accesses_per_s, virtual->regions[i].accesses_per_s,
			    0.1);
	}
	assert_true(region_at(snapshot, BASE + 3 * MIB / 2)->accesses_per_s >
		    100 * region_at(snapshot, BASE + 3 * MIB)->accesses_per_s);
	thermo_snapshot_put(virtual);
}

static void physical_target_needs_no_owner(void **state)
{
	(void)state;
	fake_write(&fake, "proc/iomem", "00000000-3fffffff : System RAM\n");
	assert_int_equal(thermo_monitor_update_targets(
					 monitor, &(struct thermo_target_spec){ .physical = true }),
			 1);
	report(physical(FRAME, PAGE, 1));
	find_owners();
	assert_false(owners.active);
	assert_int_equal(counters()->ingested, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_owned, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(report_becomes_evidence_at_the_virtual_address),
		TEST(sample_goes_to_the_owner_of_its_byte),
		TEST(report_that_nobody_has_looked_for_is_counted_and_wanted),
		TEST(without_physical_reports_nothing_is_looked_at),
		TEST(frame_that_no_target_has_is_unowned),
		TEST(unowned_frames_are_looked_for_ever_less_often),
		TEST(granule_of_several_owners_is_shared_out),
		TEST(shared_page_counts_once_for_the_target_watched_longest),
		TEST(page_that_moved_is_found_where_it_went),
		TEST(what_is_too_wide_is_refused_and_counted),
		TEST(page_outside_of_the_regions_has_no_region),
		TEST(process_that_has_the_pid_now_is_not_the_owner),
		TEST(without_the_capability_there_is_a_reason_and_no_owner),
		TEST(reports_of_very_many_pages_are_attributed_all_the_same),
		TEST(hidden_frames_are_an_error_and_the_monitor_goes_on),
		TEST(scattered_frames_map_back_exactly),
		TEST(physical_target_needs_no_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
