/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pagetypes.c - kinds of pages, from handmade pagemap, kpageflags and kpagecgroup. */
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/kernel-page-flags.h>

#include "core/pageflags.h"
#include "core/pagetypes.h"
#include "tests/unit/fake_host.h"

#define MIB (1ull << 20)
#define K(name) (1ull << KPF_##name)
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define OF_FILE (1ull << 61)
#define PID 42
#define FIRST_PFN 1000
#define ADDR (1ull << 40) /* the file is sparse below */

static struct fake_host fake;
static struct cgroups cgroups;
static uint64_t random_state;
static struct page_types types;
/* 4 MiB hot, 8 MiB cold, 4 MiB never observed. */
static struct thermo_region regions[3];
static struct thermo_target target = { .pid = PID, .start_ticks = 9 };
static struct thermo_snapshot snapshot;
static const struct pagetypes_opts opts = { .hot_rate = 10 };

static void put_word(const char *path, uint64_t index, uint64_t word)
{
	int fd = openat(fake.host.root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	fake_check(fd >= 0 && pwrite(fd, &word, 8, (off_t)(index * 8)) == 8, path);
	(void)close(fd);
}

/* Page @index of the process: where it is, and the flags of that frame. */
static void page(uint64_t index, uint64_t bits, uint64_t flags, uint64_t cgroup)
{
	put_word("proc/42/pagemap", ADDR / 4096 + index,
		 bits & PRESENT ? bits | (FIRST_PFN + index) : bits);
	put_word("proc/kpageflags", FIRST_PFN + index, flags);
	put_word("proc/kpagecgroup", FIRST_PFN + index, cgroup);
}

static void pages(uint64_t first, uint64_t nr, uint64_t bits, uint64_t flags, uint64_t cgroup)
{
	for (uint64_t i = first; i < first + nr; i++)
		page(i, bits, flags, cgroup);
}

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, "proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	fake_process(&fake, &(struct fake_process){ .pid = PID, .name = "x", .start_ticks = 9 });
	regions[0] = (struct thermo_region){
		.start = ADDR, .end = ADDR + 4 * MIB, .accesses_per_s = 40, .nr_events = 5
	};
	regions[1] = (struct thermo_region){ .start = ADDR + 4 * MIB,
					     .end = ADDR + 12 * MIB,
					     .accesses_per_s = 79,
					     .exposure_s = 1 };
	regions[2] = (struct thermo_region){ .start = ADDR + 12 * MIB,
					     .end = ADDR + 16 * MIB,
					     .accesses_per_s = 1e9 };
	snapshot = (struct thermo_snapshot){
		.nr_targets = 1, .targets = &target, .nr_regions = 3, .regions = regions
	};
	random_state = 88172645463325252ull;
	memset(&types, 0xee, sizeof(types));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	cgroups_fini(&cgroups);
	fake_host_fini(&fake);
	return 0;
}

static int sample(const struct pagetypes_opts *o)
{
	return pagetypes_sample(&fake.host, &snapshot, o, &cgroups, &random_state, &types);
}

static double share(enum page_group group, enum page_class page_class)
{
	return (double)types.groups[group].classes[page_class].share;
}

static void flags_tell_the_kind(void **state)
{
	static const struct {
		uint64_t flags;
		bool file;
		bool physical;
		enum page_class kind;
	} cases[] = {
		{ K(MMAP) | K(ANON) | K(SWAPBACKED) | K(LRU), false, false, PAGE_ANON },
		{ K(ANON) | K(KSM), false, false, PAGE_KSM },
		{ K(ZERO_PAGE) | K(THP), false, false, PAGE_ZERO },
		{ K(LRU) | K(MMAP), true, false, PAGE_FILE },
		{ K(MMAP), false, false, PAGE_FILE },
		{ 0, true, false, PAGE_FILE },
		{ 0, false, false, PAGE_OTHER },
		{ K(LRU) | K(SWAPBACKED), true, false, PAGE_SHMEM },
		{ K(HUGE), true, false, PAGE_FILE },
		{ K(HUGE) | K(ANON), false, false, PAGE_ANON },
		{ K(NOPAGE), false, false, PAGE_OTHER },
		{ K(NOPAGE), false, true, PAGE_ABSENT },
		{ K(BUDDY), false, true, PAGE_FREE },
		{ K(SLAB) | K(LRU), false, true, PAGE_OTHER },
		{ 1ull << 26, false, true, PAGE_OTHER },
		{ K(UNEVICTABLE), false, true, PAGE_FILE },
		{ ~K(NOPAGE), false, true, PAGE_FREE },
	};
	struct page_look look;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page_classify(cases[i].flags, cases[i].file, cases[i].physical, &look);
		if (look.kind != cases[i].kind)
			fail_msg("case %zu is %s", i, page_class_name(look.kind));
		assert_int_equal(look.thp, (cases[i].flags & K(THP)) != 0);
		assert_int_equal(look.hugetlb, (cases[i].flags & K(HUGE)) != 0);
	}
	assert_string_equal(page_class_name(PAGE_HUGETLB), "hugetlb");
	assert_string_equal(page_class_name(NR_PAGE_CLASSES), "unknown");
}

/* Each group has fewer pages than could be looked at: all are, so the shares are exact. */
static void shares_of_each_group_are_those_of_its_pages(void **state)
{
	(void)state;
	pages(0, 512, PRESENT, K(ANON) | K(THP) | K(MMAP), 7);
	pages(512, 512, PRESENT | OF_FILE, K(LRU) | K(SWAPBACKED), 7);
	pages(1024, 1024, PRESENT | OF_FILE, K(LRU), 8);
	pages(2048, 512, SWAPPED | 12345, 0, 9);
	pages(2560, 512, 0, 0, 9);
	pages(3072, 1024, PRESENT, K(HUGE), 9);
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 6144 }), 0);

	assert_int_equal(types.groups[PAGES_HOT].bytes, 4 * MIB);
	assert_int_equal(types.groups[PAGES_COLD].bytes, 8 * MIB);
	assert_int_equal(types.groups[PAGES_ALL].bytes, 16 * MIB);
	assert_int_equal(types.groups[PAGES_HOT].nr_pages, 1024);
	assert_int_equal(types.groups[PAGES_COLD].nr_pages, 2048);
	assert_int_equal(types.groups[PAGES_ALL].nr_pages, 4096);
	assert_int_equal(types.groups[PAGES_ALL].nr_vanished, 0);
	assert_true(share(PAGES_HOT, PAGE_ANON) == 0.5);
	assert_true(share(PAGES_HOT, PAGE_THP) == 0.5);
	assert_true(share(PAGES_HOT, PAGE_SHMEM) == 0.5);
	assert_true(share(PAGES_COLD, PAGE_FILE) == 0.5);
	assert_true(share(PAGES_COLD, PAGE_SWAPPED) == 0.25);
	assert_true(share(PAGES_COLD, PAGE_ABSENT) == 0.25);
	assert_true(share(PAGES_UNOBSERVED, PAGE_FILE) == 1);
	assert_true(share(PAGES_UNOBSERVED, PAGE_HUGETLB) == 1);
	/* By bytes: 4 of 16 MiB were never observed, 8 of 16 are cold. */
	assert_near(share(PAGES_ALL, PAGE_FILE), 0.5, 0.001);
	assert_near(share(PAGES_ALL, PAGE_ANON), 0.125, 0.001);
}

static void each_group_gets_as_many_pages_and_tells_its_error(void **state)
{
	double error;

	(void)state;
	pages(0, 4096, PRESENT, K(ANON), 7);
	for (uint64_t i = 0; i < 4096; i += 4)
		page(i, PRESENT | OF_FILE, K(LRU), 7);
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 1200 }), 0);
	for (int g = PAGES_HOT; g < NR_PAGE_GROUPS; g++) {
		assert_int_equal(types.groups[g].nr_pages, 400);
		error = (double)types.groups[g].classes[PAGE_FILE].error;
		/* sqrt(0.25 * 0.75 / 400) */
		assert_near(error, 0.02165, 10);
		assert_true(fabs(share((enum page_group)g, PAGE_FILE) - 0.25) < 4 * error);
		/* Never seen is not impossible. */
		error = (double)types.groups[g].classes[PAGE_KSM].error;
		assert_true(error > 0 && error < 0.01);
	}
	error = (double)types.groups[PAGES_ALL].classes[PAGE_FILE].error;
	assert_near(error, 0.02165 * sqrt(4 * 4 + 8 * 8 + 4 * 4) / 16, 10);
}

/* One page each, of 1024 in a group: chosen at random, all are equally likely. */
static void every_page_of_a_group_has_its_chance(void **state)
{
	double sum = 0;
	enum { TRIES = 400 };

	(void)state;
	pages(0, 512, PRESENT, K(ANON), 7);
	pages(512, 3584, PRESENT | OF_FILE, K(LRU), 7);
	for (int i = 0; i < TRIES; i++) {
		assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 3 }),
				 0);
		assert_int_equal(types.groups[PAGES_HOT].nr_pages, 1);
		sum += share(PAGES_HOT, PAGE_ANON);
	}
	/* Four standard deviations. */
	assert_true(fabs(sum / TRIES - 0.5) < 4 * 0.5 / sqrt(TRIES));
}

/* One page looked at in each eight, and each eighth is different: no step in time with it. */
static void regular_patterns_do_not_deceive(void **state)
{
	double sum = 0, nr = 0;

	(void)state;
	pages(0, 4096, PRESENT | OF_FILE, K(LRU), 7);
	for (uint64_t i = 0; i < 1024; i += 8)
		page(i, PRESENT, K(ANON), 7);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10,
								  .max_pages = 3 * 128 }),
				 0);
		nr += types.groups[PAGES_HOT].nr_pages;
		sum += share(PAGES_HOT, PAGE_ANON) / 10;
	}
	assert_true(nr == 1280);
	assert_true(fabs(sum - 0.125) < 4 * sqrt(0.125 * 0.875 / nr));
}

static void later_pages_of_a_compound_page_are_what_the_first_is(void **state)
{
	(void)state;
	/* As kernels show it that keep these flags in the first page only. */
	pages(0, 4096, PRESENT | OF_FILE, K(COMPOUND_TAIL) | K(THP), 7);
	for (uint64_t i = 0; i < 4096; i++)
		if ((FIRST_PFN + i) % 16 == 0)
			page(i, PRESENT | OF_FILE,
			     K(COMPOUND_HEAD) | K(THP) | K(LRU) | K(SWAPBACKED), 7);
	assert_int_equal(sample(&opts), 0);
	/* Those before the first head have none, so they are what they seem. */
	assert_true(share(PAGES_COLD, PAGE_SHMEM) == 1);
	assert_near(share(PAGES_HOT, PAGE_SHMEM), 1016.0 / 1024, 0.001);
	assert_near(share(PAGES_HOT, PAGE_FILE), 8.0 / 1024, 0.001);
}

static void cgroups_are_named_and_the_largest_come_first(void **state)
{
	struct stat st;

	(void)state;
	fake_write(&fake, "proc/self/mounts", "cgroup2 /cg cgroup2 rw 0 0\n");
	fake_write(&fake, "cg/jobs/one/x", "");
	fake_check(fstatat(fake.host.root_fd, "cg/jobs/one", &st, 0) == 0, "cg");
	pages(0, 512, PRESENT, K(ANON), st.st_ino);
	pages(512, 512, PRESENT, K(ANON), 3);
	pages(1024, 2048, PRESENT, K(ANON), st.st_ino);
	pages(3072, 1024, 0, 0, 5);
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 6144 }), 0);
	assert_true(types.has_cgroups);
	assert_int_equal(types.nr_cgroups, 3);
	assert_true(types.cgroups[0].inode == st.st_ino);
	assert_string_equal(types.cgroups[0].path, "/jobs/one");
	assert_near((double)types.cgroups[0].groups[PAGES_ALL].share, 0.625, 0.001);
	assert_true(types.cgroups[0].groups[PAGES_HOT].share == 0.5f);
	assert_true(types.cgroups[0].groups[PAGES_COLD].share == 1.0f);
	assert_int_equal(types.cgroups[1].inode, 0);
	assert_true(types.cgroups[1].groups[PAGES_UNOBSERVED].share == 1.0f);
	assert_int_equal(types.cgroups[2].inode, 3);
	assert_string_equal(types.cgroups[2].path, "");
	assert_true(types.other_cgroups[PAGES_ALL].share == 0);
}

static void more_cgroups_than_fit_are_summed_up(void **state)
{
	double sum = 0;

	(void)state;
	for (uint64_t i = 0; i < 4096; i++)
		page(i, PRESENT, K(ANON), 1 + i % 64);
	assert_int_equal(sample(&opts), 0);
	assert_int_equal(types.nr_cgroups, PAGETYPES_MAX_CGROUPS);
	for (int i = 0; i < PAGETYPES_MAX_CGROUPS; i++)
		sum += (double)types.cgroups[i].groups[PAGES_ALL].share;
	assert_near((double)types.other_cgroups[PAGES_ALL].share + sum, 1, 0.01);
	assert_true(sum < 0.5);
}

static void without_kpagecgroup_there_are_no_cgroups(void **state)
{
	(void)state;
	pages(0, 4096, PRESENT, K(ANON), 7);
	fake_remove(&fake, "proc/kpagecgroup");
	assert_int_equal(sample(&opts), 0);
	assert_false(types.has_cgroups);
	assert_int_equal(types.nr_cgroups, 1);
	assert_int_equal(types.cgroups[0].inode, 0);
	assert_true(share(PAGES_ALL, PAGE_ANON) == 1);
}

static void process_that_is_gone_or_replaced_is_counted(void **state)
{
	(void)state;
	pages(0, 4096, PRESENT, K(ANON), 7);
	target.start_ticks = 8;
	assert_int_equal(sample(&opts), 0);
	target.start_ticks = 9;
	assert_int_equal(types.groups[PAGES_ALL].nr_pages, 0);
	assert_int_equal(types.groups[PAGES_HOT].nr_vanished, 1024);
	assert_true(share(PAGES_ALL, PAGE_ANON) == 0);
	fake_remove(&fake, "proc/42");
	assert_int_equal(sample(&opts), 0);
	assert_int_equal(types.groups[PAGES_ALL].nr_pages, 0);
	assert_true(types.groups[PAGES_ALL].nr_vanished > 3000);
}

static void pages_that_vanish_are_counted(void **state)
{
	(void)state;
	/* Freed after its frame was learned; and the page tables end in the cold region. */
	pages(0, 1024, PRESENT, K(ANON), 7);
	pages(1024, 1024, PRESENT, K(BUDDY), 0);
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 6144 }), 0);
	assert_int_equal(types.groups[PAGES_HOT].nr_pages, 1024);
	assert_int_equal(types.groups[PAGES_COLD].nr_pages, 0);
	assert_int_equal(types.groups[PAGES_COLD].nr_vanished, 2048);
	/* What is left speaks for all. */
	assert_true(share(PAGES_ALL, PAGE_ANON) == 1);
}

static void physical_memory_needs_no_pagemap(void **state)
{
	static const struct thermo_target physical = { .pid = THERMO_PID_PHYSICAL };
	struct thermo_region r = { .start = FIRST_PFN * 4096ull,
				   .end = (FIRST_PFN + 1024) * 4096ull,
				   .exposure_s = 1 };

	(void)state;
	for (uint64_t i = 0; i < 512; i++)
		put_word("proc/kpageflags", FIRST_PFN + i, i < 256 ? K(BUDDY) : K(LRU));
	snapshot.targets = &physical;
	snapshot.regions = &r;
	snapshot.nr_regions = 1;
	assert_int_equal(sample(&opts), 0);
	assert_int_equal(types.groups[PAGES_COLD].nr_pages, 1024);
	assert_true(share(PAGES_COLD, PAGE_FREE) == 0.25);
	assert_true(share(PAGES_COLD, PAGE_FILE) == 0.25);
	/* Beyond the end of the file there is no memory. */
	assert_true(share(PAGES_COLD, PAGE_ABSENT) == 0.5);
}

static void missing_privilege_is_named(void **state)
{
	(void)state;
	pages(0, 4096, PRESENT, K(ANON), 7);
	fake_write(&fake, "proc/self/status", "CapEff:\t0000000000000000\n");
	assert_int_equal(sample(&opts), -EPERM);
	assert_reason("CAP_SYS_ADMIN");
	/* In a container CAP_SYS_ADMIN is not enough: the frames are hidden. */
	fake_write(&fake, "proc/self/status", "CapEff:\t000001ffffffffff\n");
	for (uint64_t i = 0; i < 4096; i++)
		put_word("proc/42/pagemap", ADDR / 4096 + i, PRESENT);
	assert_int_equal(sample(&opts), -EPERM);
	assert_reason("CAP_SYS_ADMIN");
	fake_remove(&fake, "proc/kpageflags");
	assert_int_equal(sample(&opts), -EOPNOTSUPP);
	assert_reason("CONFIG_PROC_PAGE_MONITOR");
}

static void nonsense_in_a_snapshot_is_skipped(void **state)
{
	(void)state;
	pages(0, 4096, PRESENT, K(ANON), 7);
	regions[0].target = 99;
	regions[1].end = regions[1].start;
	regions[2] = (struct thermo_region){ .start = 9, .end = 5, .exposure_s = 1 };
	assert_int_equal(sample(&opts), 0);
	assert_int_equal(types.groups[PAGES_ALL].bytes, 0);
	assert_int_equal(types.groups[PAGES_ALL].nr_pages, 0);
	snapshot.nr_regions = 0;
	assert_int_equal(sample(&opts), 0);

	/* The whole address space, twice: sums must not wrap around. */
	regions[0] = (struct thermo_region){ .start = 0, .end = UINT64_MAX, .exposure_s = 1 };
	regions[1] = regions[0];
	snapshot.nr_regions = 2;
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = 10, .max_pages = 50 }), 0);
	assert_int_equal(types.groups[PAGES_ALL].nr_pages + types.groups[PAGES_ALL].nr_vanished,
			 50);
	assert_true(types.groups[PAGES_ALL].bytes == UINT64_MAX);
}

static void options_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_int_equal(sample(&(struct pagetypes_opts){ .max_pages = PAGETYPES_MAX_PAGES + 1 }),
			 -EINVAL);
	assert_reason("page types");
	assert_int_equal(sample(&(struct pagetypes_opts){ .hot_rate = (double)NAN }), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(flags_tell_the_kind),
		TEST(shares_of_each_group_are_those_of_its_pages),
		TEST(each_group_gets_as_many_pages_and_tells_its_error),
		TEST(every_page_of_a_group_has_its_chance),
		TEST(regular_patterns_do_not_deceive),
		TEST(later_pages_of_a_compound_page_are_what_the_first_is),
		TEST(cgroups_are_named_and_the_largest_come_first),
		TEST(more_cgroups_than_fit_are_summed_up),
		TEST(without_kpagecgroup_there_are_no_cgroups),
		TEST(process_that_is_gone_or_replaced_is_counted),
		TEST(pages_that_vanish_are_counted),
		TEST(physical_memory_needs_no_pagemap),
		TEST(missing_privilege_is_named),
		TEST(nonsense_in_a_snapshot_is_skipped),
		TEST(options_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
