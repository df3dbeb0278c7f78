/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_select.c - which processes become targets. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/select.h"
#include "tests/unit/fake_host.h"

#define MIB_PAGES 256ull

static struct fake_host fake;
static struct family family;

static int make(void **state)
{
	static const struct fake_process processes[] = {
		{ .pid = 10, .name = "small", .rss_pages = 1 * MIB_PAGES, .cgroup = "/a" },
		{ .pid = 11, .name = "large", .rss_pages = 100 * MIB_PAGES, .cgroup = "/a/deep" },
		{ .pid = 12, .name = "largest", .rss_pages = 200 * MIB_PAGES, .cgroup = "/ab" },
		{ .pid = 13, .name = "just", .rss_pages = 32 * MIB_PAGES },
		{ .pid = 14, .name = "below", .rss_pages = 32 * MIB_PAGES - 1 },
		{ .pid = 2, .name = "kthreadd", .rss_pages = 500 * MIB_PAGES, .flags = 0x00200000 },
	};

	(void)state;
	fake_host_init(&fake);
	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++)
		fake_process(&fake, &processes[i]);
	fake_process(&fake, &(struct fake_process){ .pid = getpid(),
						    .name = "large",
						    .rss_pages = 300 * MIB_PAGES,
						    .cgroup = "/a" });
	fake_write(&fake, "proc/self/status", "x");
	fake_write(&fake, "proc/meminfo", "x");
	return 0;
}

static int drop(void **state)
{
	(void)state;
	family_fini(&family);
	fake_host_fini(&fake);
	return 0;
}

/* @pids ends with 0; in this order. */
static void expect(const struct thermo_target_spec *spec, const pid_t *pids)
{
	struct thermo_proc *procs = NULL;
	ssize_t nr = thermo_select(&fake.host, spec, &family, &procs), i;

	for (i = 0; pids[i]; i++)
		if (i >= nr || procs[i].pid != pids[i])
			fail_msg("target %zd is %d, not %d", i, i < nr ? (int)procs[i].pid : -1,
				 (int)pids[i]);
	assert_int_equal(nr, i);
	free(procs);
}
#define EXPECT(spec, ...) expect(&(struct thermo_target_spec)spec, (const pid_t[]){ __VA_ARGS__ })
#define SPEC(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static void default_is_all_from_32_mib_the_largest_first(void **state)
{
	(void)state;
	EXPECT(SPEC(.nr_pids = 0), 12, 11, 13, 0);
}

static void named_pids_have_no_least_size(void **state)
{
	static const pid_t pids[] = { 10, 13, 999 };

	(void)state;
	EXPECT(SPEC(.pids = pids, .nr_pids = 3), 13, 10, 0);
	EXPECT(SPEC(.pids = pids, .nr_pids = 3, .min_rss_bytes = 8 << 20), 13, 0);
}

static void named_pids_stand_for_their_descendants(void **state)
{
	static const pid_t pids[] = { 10 };

	(void)state;
	fake_process(&fake, &(struct fake_process){ .pid = 21,
						    .name = "sh",
						    .rss_pages = 1,
						    .parent = 10,
						    .start_ticks = 5 });
	fake_process(&fake, &(struct fake_process){ .pid = 20,
						    .name = "job",
						    .rss_pages = 700,
						    .parent = 21,
						    .start_ticks = 6 });
	EXPECT(SPEC(.pids = pids, .nr_pids = 1), 20, 10, 21, 0);
	EXPECT(SPEC(.pids = pids, .nr_pids = 1, .name = "j*"), 20, 0);
	EXPECT(SPEC(.pids = pids, .nr_pids = 1, .min_rss_bytes = 2u << 20), 20, 0);
	/* The shell exits: somebody else is the job's parent now. */
	fake_remove(&fake, "proc/21");
	fake_process(&fake, &(struct fake_process){ .pid = 20,
						    .name = "job",
						    .rss_pages = 700,
						    .parent = 1,
						    .start_ticks = 6 });
	EXPECT(SPEC(.pids = pids, .nr_pids = 1), 20, 10, 0);
	/* Without pids there is no family, and nothing is remembered of it. */
	EXPECT(SPEC(.name = "j*"), 13, 20, 0);
	EXPECT(SPEC(.pids = pids, .nr_pids = 1), 10, 0);
}

static void cgroup_holds_what_is_below_it_but_not_its_namesakes(void **state)
{
	(void)state;
	EXPECT(SPEC(.cgroup = "/a"), 11, 10, 0);
	EXPECT(SPEC(.cgroup = "/a/"), 11, 10, 0);
	EXPECT(SPEC(.cgroup = "/a/deep"), 11, 0);
	EXPECT(SPEC(.cgroup = "/a/dee"), 0);
	EXPECT(SPEC(.cgroup = "/ab"), 12, 0);
	EXPECT(SPEC(.cgroup = "/"), 12, 11, 13, 14, 10, 0);
}

static void cgroup2_line_is_found_among_those_of_cgroup1(void **state)
{
	(void)state;
	fake_write(&fake, "proc/10/cgroup", "12:memory:/b\n1:name=systemd:/b\n0::/c\n");
	EXPECT(SPEC(.cgroup = "/c"), 10, 0);
	EXPECT(SPEC(.cgroup = "/b"), 0);
	fake_write(&fake, "proc/10/cgroup", "12:memory:/b\n");
	EXPECT(SPEC(.cgroup = "/b"), 0);
}

static void name_is_a_pattern(void **state)
{
	(void)state;
	EXPECT(SPEC(.name = "large"), 11, 0);
	EXPECT(SPEC(.name = "large*"), 12, 11, 0);
	EXPECT(SPEC(.name = "?mall"), 10, 0);
	EXPECT(SPEC(.name = "arge"), 0);
}

static void all_that_is_set_must_hold(void **state)
{
	static const pid_t pids[] = { 11, 12 };

	(void)state;
	EXPECT(SPEC(.pids = pids, .nr_pids = 2, .name = "large*", .cgroup = "/a"), 11, 0);
	EXPECT(SPEC(.name = "large*", .min_rss_bytes = 150ull << 20), 12, 0);
}

static void kernel_threads_and_we_ourselves_are_never_targets(void **state)
{
	const pid_t pids[] = { 2, getpid(), 10 };

	(void)state;
	EXPECT(SPEC(.pids = pids, .nr_pids = 3), 10, 0);
	EXPECT(SPEC(.name = "kthreadd"), 0);
}

static void process_that_vanishes_in_between_is_no_target(void **state)
{
	(void)state;
	fake_remove(&fake, "proc/12/stat");
	fake_remove(&fake, "proc/13/statm");
	EXPECT(SPEC(.nr_pids = 0), 11, 0);
}

static void at_most_max_targets_the_largest(void **state)
{
	(void)state;
	EXPECT(SPEC(.max_targets = 2), 12, 11, 0);
	EXPECT(SPEC(.max_targets = 1), 12, 0);
}

static void without_proc_it_fails(void **state)
{
	struct thermo_proc *procs = NULL;

	(void)state;
	fake_remove(&fake, "proc");
	assert_int_equal(thermo_select(&fake.host, &(struct thermo_target_spec){ 0 }, &family,
				       &procs),
			 -ENOENT);
	assert_reason("/proc");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(default_is_all_from_32_mib_the_largest_first),
		TEST(named_pids_have_no_least_size),
		TEST(named_pids_stand_for_their_descendants),
		TEST(cgroup_holds_what_is_below_it_but_not_its_namesakes),
		TEST(cgroup2_line_is_found_among_those_of_cgroup1),
		TEST(name_is_a_pattern),
		TEST(all_that_is_set_must_hold),
		TEST(kernel_threads_and_we_ourselves_are_never_targets),
		TEST(process_that_vanishes_in_between_is_no_target),
		TEST(at_most_max_targets_the_largest),
		TEST(without_proc_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
