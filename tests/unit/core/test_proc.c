/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proc.c - processes as /proc shows them, odd ones included. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/proc.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void process_is_read(void **state)
{
	struct thermo_proc p;

	(void)state;
	fake_process(&fake, &(struct fake_process){ .pid = 42,
						    .name = "redis",
						    .rss_pages = 1000,
						    .start_ticks = 5555,
						    .parent = 17,
						    .nr_threads = 7 });
	assert_int_equal(thermo_proc_read(&fake.host, 42, &p), 0);
	assert_int_equal(p.pid, 42);
	assert_int_equal(p.parent_pid, 17);
	assert_string_equal(p.name, "redis");
	assert_int_equal(p.rss_bytes, 1000 * 4096);
	assert_int_equal(p.start_ticks, 5555);
	assert_int_equal(p.nr_threads, 7);
	assert_false(p.kernel_thread);
}

static void name_may_hold_spaces_and_parentheses(void **state)
{
	static const char *const names[] = { "a b", "x) S 1 (y", "(", ")", "Web Content)", "" };
	struct thermo_proc p;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fake_process(&fake, &(struct fake_process){ .pid = 42,
							    .name = names[i],
							    .rss_pages = 3,
							    .start_ticks = 9 });
		assert_int_equal(thermo_proc_read(&fake.host, 42, &p), 0);
		assert_string_equal(p.name, names[i]);
		assert_int_equal(p.start_ticks, 9);
		assert_int_equal(p.rss_bytes, 3 * 4096);
	}
}

static void kernel_thread_is_told_by_its_flag(void **state)
{
	struct thermo_proc p;

	(void)state;
	fake_process(&fake,
		     &(struct fake_process){ .pid = 2, .name = "kthreadd", .flags = 0x00208040 });
	assert_int_equal(thermo_proc_read(&fake.host, 2, &p), 0);
	assert_true(p.kernel_thread);
}

static void vanished_pid_is_no_such_process(void **state)
{
	struct thermo_proc p = { .pid = 1 };
	struct thermo_range r;

	(void)state;
	assert_int_equal(thermo_proc_read(&fake.host, 42, &p), -ESRCH);
	assert_reason("pid 42");
	assert_int_equal(p.pid, 1);
	assert_true(thermo_proc_ranges(&fake.host, 42, 1, &r) < 0);
}

static void stat_that_is_cut_short_is_an_error(void **state)
{
	static const char *const wrong[] = {
		"",
		"42",
		"42 (x",
		"42 (x)",
		"42 (x) S",
		"42 (x) S 1 2 3",
		"42 )x( S",
		"42 (x) S one 2 3 0 -1 0 0 0 0 0 7 8 0 0 20 0 1 0 5 9 9",
		"42 (x) S 1 2 3 0 -1 0 0 0 0 0 7 8 0 0 20 0 1 0 5 9",
	};
	struct thermo_proc p;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fake_write(&fake, "proc/42/stat", wrong[i]);
		assert_int_equal(thermo_proc_read(&fake.host, 42, &p), -EBADMSG);
		assert_reason("/proc/42/stat");
	}
}

static void cgroup_is_that_of_cgroup2(void **state)
{
	char path[16] = "as it was";

	(void)state;
	assert_int_equal(thermo_proc_cgroup(&fake.host, 42, path, sizeof(path)), -ENOENT);
	fake_write(&fake, "proc/42/cgroup", "4:memory:/b\n0::/a b/0::/c\n");
	assert_int_equal(thermo_proc_cgroup(&fake.host, 42, path, sizeof(path)), 0);
	assert_string_equal(path, "/a b/0::/c");
	fake_write(&fake, "proc/42/cgroup", "0::/a/very/long/path/to/cut\n4:memory:/b\n");
	assert_int_equal(thermo_proc_cgroup(&fake.host, 42, path, sizeof(path)), 0);
	assert_string_equal(path, "/a/very/long/pa");
	fake_write(&fake, "proc/42/cgroup", "4:memory:/b\n10::/c\n");
	assert_int_equal(thermo_proc_cgroup(&fake.host, 42, path, sizeof(path)), -ENOENT);
	assert_reason("/proc/42/cgroup");
	assert_string_equal(path, "/a/very/long/pa");
}

static int ranges_of(const char *maps, size_t max, struct thermo_range *ranges)
{
	fake_write(&fake, "proc/42/maps", maps);
	return thermo_proc_ranges(&fake.host, 42, max, ranges);
}

/* As Linux told it of a process whose threads' stacks grew together meanwhile. */
static void mapping_that_is_told_twice_counts_once(void **state)
{
	struct thermo_range r[4];

	(void)state;
	assert_int_equal(ranges_of("10000-30000 rw-p 0 0:0 0\n"
				   "20000-40000 rw-p 0 0:0 0\n"
				   "28000-29000 rw-p 0 0:0 0\n"
				   "50000-60000 rw-p 0 0:0 0\n",
				   4, r),
			 2);
	assert_int_equal(r[0].start, 0x10000);
	assert_int_equal(r[0].end, 0x40000);
	assert_int_equal(r[1].start, 0x50000);
	assert_int_equal(r[1].end, 0x60000);
}

static void neighbouring_mappings_are_joined(void **state)
{
	struct thermo_range r[8];

	(void)state;
	assert_int_equal(ranges_of("1000-3000 r-xp 00000000 08:01 5 /usr/bin/a b\n"
				   "3000-4000 rw-p 00002000 08:01 5 /usr/bin/a b\n"
				   "4000-9000 rw-p 00000000 00:00 0 \n"
				   "a000-b000 rw-p 00000000 00:00 0 [heap]\n",
				   8, r),
			 2);
	assert_int_equal(r[0].start, 0x1000);
	assert_int_equal(r[0].end, 0x9000);
	assert_int_equal(r[1].start, 0xa000);
	assert_int_equal(r[1].end, 0xb000);
}

static void special_mappings_are_skipped(void **state)
{
	struct thermo_range r[8];

	(void)state;
	assert_int_equal(ranges_of("1000-2000 rw-p 00000000 00:00 0 \n"
				   "3000-7000 r--p 00000000 00:00 0 [vvar]\n"
				   "7000-8000 r--p 00000000 00:00 0 [vvar_vclock]\n"
				   "8000-a000 r-xp 00000000 00:00 0 [vdso]\n"
				   "b000-c000 rw-p 00000000 00:00 0 [stack]\n"
				   "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
				   "[vsyscall]\n",
				   8, r),
			 2);
	assert_int_equal(r[0].end, 0x2000);
	assert_int_equal(r[1].start, 0xb000);
	assert_int_equal(r[1].end, 0xc000);
}

static void smallest_gaps_close_first_when_there_are_too_many(void **state)
{
	static const char maps[] = "10000-11000 rw-p 0 0:0 0\n"
				   "12000-13000 rw-p 0 0:0 0\n"
				   "93000-94000 rw-p 0 0:0 0\n"
				   "96000-97000 rw-p 0 0:0 0\n"
				   "f97000-f98000 rw-p 0 0:0 0\n";
	struct thermo_range r[8];

	(void)state;
	assert_int_equal(ranges_of(maps, 5, r), 5);
	assert_int_equal(ranges_of(maps, 3, r), 3);
	assert_int_equal(r[0].start, 0x10000);
	assert_int_equal(r[0].end, 0x13000);
	assert_int_equal(r[1].start, 0x93000);
	assert_int_equal(r[1].end, 0x97000);
	assert_int_equal(r[2].start, 0xf97000);
	assert_int_equal(ranges_of(maps, 1, r), 1);
	assert_int_equal(r[0].start, 0x10000);
	assert_int_equal(r[0].end, 0xf98000);
}

static void wider_gap_stays_though_equal_ones_come_first(void **state)
{
	static const char maps[] = "10000-11000 rw-p 0 0:0 0\n"
				   "12000-13000 rw-p 0 0:0 0\n"
				   "14000-15000 rw-p 0 0:0 0\n"
				   "16000-17000 rw-p 0 0:0 0\n"
				   "19000-1a000 rw-p 0 0:0 0\n";
	struct thermo_range r[8];

	(void)state;
	assert_int_equal(ranges_of(maps, 3, r), 3);
	assert_int_equal(r[0].end, 0x11000);
	assert_int_equal(r[1].start, 0x12000);
	assert_int_equal(r[1].end, 0x17000);
	assert_int_equal(r[2].start, 0x19000);
}

static void many_mappings_never_exceed_the_room(void **state)
{
	static char maps[400 * 40];
	struct thermo_range r[65];
	uint64_t random = 1;

	(void)state;
	for (size_t max = 1; max <= 64; max++) {
		uint64_t at = 0x10000;
		size_t len = 0;

		for (int i = 0; i < 300; i++) {
			uint64_t end = at + 4096 * (1 + test_random(&random) % 10);

			len += (size_t)snprintf(maps + len, sizeof(maps) - len,
						"%llx-%llx rw-p 0 0:0 0\n", (unsigned long long)at,
						(unsigned long long)end);
			/* Few distinct gaps: ties are what goes wrong. */
			at = end + 4096 * (test_random(&random) % 3);
		}
		memset(r, 0xee, sizeof(r));
		int nr = ranges_of(maps, max, r);

		assert_true(nr >= 1 && (size_t)nr <= max);
		assert_true(r[max].start == 0xeeeeeeeeeeeeeeee);
		for (int i = 0; i < nr; i++)
			assert_true(r[i].start < r[i].end && (i == 0 || r[i - 1].end < r[i].start));
	}
}

static void lines_that_are_no_mappings_are_skipped(void **state)
{
	struct thermo_range r[8];

	(void)state;
	assert_int_equal(ranges_of("", 8, r), 0);
	assert_int_equal(ranges_of("garbage\n2000-1000 rw-p 0 0:0 0\n1000-1000 rw-p 0 0:0 0\n"
				   "1000-2000 rw-p 0 0:0 0",
				   8, r),
			 1);
	assert_int_equal(r[0].start, 0x1000);
}

static void our_own_process_can_be_read(void **state)
{
	struct thermo_host real;
	struct thermo_range r[64];
	struct thermo_proc p;

	(void)state;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	assert_int_equal(thermo_proc_read(&real, getpid(), &p), 0);
	assert_int_equal(p.parent_pid, getppid());
	assert_true(p.rss_bytes > 0 && p.start_ticks > 0 && p.nr_threads >= 1);
	assert_true(thermo_proc_ranges(&real, getpid(), 64, r) > 1);
	thermo_host_close(&real);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(process_is_read),
		TEST(name_may_hold_spaces_and_parentheses),
		TEST(kernel_thread_is_told_by_its_flag),
		TEST(vanished_pid_is_no_such_process),
		TEST(stat_that_is_cut_short_is_an_error),
		TEST(cgroup_is_that_of_cgroup2),
		TEST(mapping_that_is_told_twice_counts_once),
		TEST(neighbouring_mappings_are_joined),
		TEST(special_mappings_are_skipped),
		TEST(smallest_gaps_close_first_when_there_are_too_many),
		TEST(wider_gap_stays_though_equal_ones_come_first),
		TEST(many_mappings_never_exceed_the_room),
		TEST(lines_that_are_no_mappings_are_skipped),
		TEST(our_own_process_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
