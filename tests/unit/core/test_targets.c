/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_targets.c - targets follow the machine, and what is known of them is kept. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/balance.h"
#include "core/targets.h"
#include "tests/unit/fake_host.h"

#define MIB (1ull << 20)

static struct fake_host fake;
static struct targets targets;
static const char maps[] = "10000000-14000000 rw-p 00000000 00:00 0 \n";

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	targets_fini(&targets);
	targets_fini(&targets);
	fake_host_fini(&fake);
	return 0;
}

static void process(pid_t pid, pid_t parent, uint64_t start_ticks)
{
	fake_process(&fake, &(struct fake_process){ .pid = pid,
						    .name = "job",
						    .parent = parent,
						    .start_ticks = start_ticks,
						    .rss_pages = 20000,
						    .cgroup = "/jobs/one",
						    .maps = maps });
}

static int update(const struct thermo_target_spec *spec)
{
	return targets_update(&targets, &fake.host, spec, 10, 1000);
}

/* What was learned of @pid's first region. */
static struct region *first_region(pid_t pid)
{
	struct target *t = targets_find(&targets, pid);

	assert_non_null(t);
	assert_true(t->nr_regions > 0);
	return &t->regions[0];
}

static const struct thermo_target_spec everything = { 0 };

static void target_knows_its_process(void **state)
{
	const struct target *t;

	(void)state;
	process(42, 17, 9);
	assert_int_equal(update(&everything), 1);
	t = targets_find(&targets, 42);
	assert_int_equal(t->info.parent_pid, 17);
	assert_int_equal(t->info.start_ticks, 9);
	assert_int_equal(t->info.rss_bytes, 20000 * 4096);
	assert_string_equal(t->info.name, "job");
	assert_string_equal(t->info.cgroup, "/jobs/one");
	assert_null(t->ram);
	assert_int_equal(target_bytes(t), 64 * MIB);
	assert_null(targets_find(&targets, 41));
	assert_null(targets_find(&targets, THERMO_PID_PHYSICAL));
}

static void long_cgroup_is_cut_and_a_lost_one_is_empty(void **state)
{
	char line[600];

	(void)state;
	process(42, 1, 9);
	memset(line, 'x', sizeof(line));
	memcpy(line, "0::/", 4);
	fake_write_bytes(&fake, "proc/42/cgroup", line, sizeof(line));
	assert_int_equal(update(&everything), 1);
	assert_int_equal(strlen(targets_find(&targets, 42)->info.cgroup), 255);
	fake_remove(&fake, "proc/42/cgroup");
	assert_int_equal(update(&everything), 1);
	assert_string_equal(targets_find(&targets, 42)->info.cgroup, "");
}

static void evidence_stays_with_the_process_not_with_the_pid(void **state)
{
	(void)state;
	process(42, 1, 9);
	process(43, 1, 9);
	assert_int_equal(update(&everything), 2);
	first_region(42)->known.events[0] = 77;
	first_region(43)->known.events[0] = 78;
	process(43, 1, 10);
	assert_int_equal(update(&everything), 2);
	assert_true(first_region(42)->known.events[0] == 77);
	assert_true(first_region(43)->known.events[0] == 0);
}

static void process_whose_maps_are_closed_is_no_target(void **state)
{
	(void)state;
	process(42, 1, 9);
	process(43, 1, 9);
	fake_remove(&fake, "proc/42/maps");
	assert_int_equal(update(&everything), 1);
	assert_null(targets_find(&targets, 42));
}

static void without_proc_the_targets_are_those_of_before(void **state)
{
	(void)state;
	process(42, 1, 9);
	assert_int_equal(update(&everything), 1);
	fake_remove(&fake, "proc");
	assert_int_equal(update(&everything), -ENOENT);
	assert_non_null(targets_find(&targets, 42));
}

static void descendants_follow_and_reused_pids_are_counted(void **state)
{
	static const pid_t pids[] = { 42 };
	const struct thermo_target_spec spec = { .pids = pids, .nr_pids = 1 };

	(void)state;
	process(42, 1, 5);
	process(43, 42, 6);
	process(44, 1, 6);
	assert_int_equal(update(&spec), 2);
	first_region(43)->known.events[0] = 77;
	fake_remove(&fake, "proc/42");
	process(43, 1, 6);
	assert_int_equal(update(&spec), 1);
	assert_true(first_region(43)->known.events[0] == 77);
	assert_int_equal(targets_find(&targets, 43)->info.parent_pid, 1);
	assert_int_equal(targets.family.nr_reused, 0);
	process(42, 1, 99);
	assert_int_equal(update(&spec), 1);
	assert_null(targets_find(&targets, 42));
	assert_int_equal(targets.family.nr_reused, 1);
}

static void thousands_of_processes_leave_the_largest(void **state)
{
	enum { NR = 3000 };

	(void)state;
	for (pid_t pid = 100; pid < 100 + NR; pid++)
		fake_process(&fake, &(struct fake_process){ .pid = pid,
							    .name = "x",
							    .rss_pages = 10000 + (uint64_t)pid,
							    .maps = maps });
	assert_int_equal(update(&everything), 256);
	assert_non_null(targets_find(&targets, 100 + NR - 1));
	assert_non_null(targets_find(&targets, 100 + NR - 256));
	assert_null(targets_find(&targets, 100 + NR - 257));
	assert_int_equal(targets_update(&targets, &fake.host,
					&(struct thermo_target_spec){ .max_targets = 2000 }, 10,
					20),
			 20);
}

static void write_blocks(unsigned int nr)
{
	char path[80];

	fake_write(&fake, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	for (unsigned int i = 0; i < nr; i++) {
		(void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%u/state", i);
		fake_write(&fake, path, "online\n");
		(void)snprintf(path, sizeof(path), "sys/devices/system/node/node%u/memory%u", i % 2,
			       i);
		fake_write(&fake, path, "");
	}
}

static void physical_memory_is_one_target_that_follows_hot_plug(void **state)
{
	static const struct thermo_target_spec spec = { .physical = true };
	struct target *t;

	(void)state;
	process(42, 1, 9);
	assert_int_equal(update(&everything), 1);
	write_blocks(4);
	assert_int_equal(update(&spec), 1);
	assert_null(targets_find(&targets, 42));
	t = targets_find(&targets, THERMO_PID_PHYSICAL);
	assert_non_null(t);
	assert_string_equal(t->info.name, "physical");
	assert_string_equal(t->info.cgroup, "");
	assert_int_equal(t->info.rss_bytes + t->info.start_ticks, 0);
	assert_int_equal(target_bytes(t), 512 * MIB);
	assert_in_range(t->nr_regions, 10, 12);
	assert_int_equal(t->ram->nr_pieces, 4);
	first_region(THERMO_PID_PHYSICAL)->known.events[0] = 77;

	write_blocks(6);
	fake_write(&fake, "sys/devices/system/memory/memory2/state", "offline\n");
	assert_int_equal(update(&spec), 1);
	t = targets_find(&targets, THERMO_PID_PHYSICAL);
	assert_int_equal(target_bytes(t), 640 * MIB);
	assert_true(t->regions[0].known.events[0] == 77);
	assert_int_equal(t->regions[target_find(t, 256 * MIB)].start, 384 * MIB);

	assert_int_equal(update(&everything), 1);
	assert_null(targets_find(&targets, THERMO_PID_PHYSICAL));
	assert_int_equal(targets.ram.nr_pieces, 0);
}

static void physical_memory_goes_with_nothing_else(void **state)
{
	static const pid_t pids[] = { 42 };
	static const struct thermo_target_spec wrong[] = {
		{ .physical = true, .pids = pids, .nr_pids = 1 },
		{ .physical = true, .name = "x" },
		{ .physical = true, .cgroup = "/" },
		{ .physical = true, .min_rss_bytes = 1 },
	};

	(void)state;
	process(42, 1, 9);
	write_blocks(2);
	assert_int_equal(update(&everything), 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(update(&wrong[i]), -EINVAL);
		assert_reason("physical memory");
	}
	assert_non_null(targets_find(&targets, 42));
}

static void physical_memory_that_nobody_tells_of_fails(void **state)
{
	(void)state;
	process(42, 1, 9);
	assert_int_equal(update(&everything), 1);
	assert_int_equal(update(&(struct thermo_target_spec){ .physical = true }), -EPERM);
	assert_non_null(targets_find(&targets, 42));
}

/*
 * On the real /proc: a child that starts a grandchild and exits when told.
 * Return: the child; the grandchild's pid comes through @report.
 */
static pid_t start_tree(int report, int stop)
{
	pid_t child = fork();
	char c;

	if (child != 0)
		return child;
	pid_t grandchild = fork();

	if (grandchild == 0) {
		(void)pause();
		_exit(0);
	}
	if (write(report, &grandchild, sizeof(grandchild)) == sizeof(grandchild))
		(void)!read(stop, &c, 1);
	_exit(0);
}

static void real_grandchild_stays_when_its_parent_exits(void **state)
{
	struct thermo_host real;
	int report[2], stop[2];
	pid_t grandchild = 0;

	(void)state;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	assert_int_equal(pipe2(report, O_CLOEXEC) + pipe2(stop, O_CLOEXEC), 0);
	pid_t child = start_tree(report[1], stop[0]);
	const struct thermo_target_spec spec = { .pids = &child, .nr_pids = 1 };

	assert_true(child > 0);
	assert_int_equal(read(report[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	int nr_both = targets_update(&targets, &real, &spec, 10, 1000);
	bool had_both = targets_find(&targets, child) && targets_find(&targets, grandchild);

	(void)!write(stop[1], "x", 1);
	(void)waitpid(child, NULL, 0);
	int nr_left = targets_update(&targets, &real, &spec, 10, 1000);
	const struct target *left = targets_find(&targets, grandchild);
	pid_t new_parent = left ? left->info.parent_pid : child;

	/* Nobody else ends it. */
	(void)kill(grandchild, SIGKILL);
	assert_int_equal(nr_both, 2);
	assert_true(had_both);
	assert_int_equal(nr_left, 1);
	assert_true(new_parent != child);
	for (int i = 0; i < 2; i++) {
		(void)close(report[i]);
		(void)close(stop[i]);
	}
	thermo_host_close(&real);
}

/* Of a recording: nobody is asked, and the most ranges hold for them as well. */
static void given_targets_are_taken_as_they_are(void **state)
{
	static struct thermo_range many[1000];
	const struct given_target given[] = {
		{ .info = { .pid = 70, .name = "later" }, .ranges = many, .nr_ranges = 1000 },
		{ .info = { .pid = 42, .name = "sooner" }, .ranges = many, .nr_ranges = 1 },
		{ .info = { .pid = 50 } },
	};

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		many[i] = (struct thermo_range){ (i + 1) << 30, ((i + 1) << 30) + 65536 };
	assert_int_equal(targets_give(&targets, given, 3, 10, 100), 3);
	assert_string_equal(targets.list[0].info.name, "sooner");
	assert_int_equal(targets.list[0].nr_regions, 1);
	assert_int_equal(targets.list[0].regions[0].start, 1 << 30);
	assert_int_equal(targets.list[0].regions[0].end, (1 << 30) + 65536);
	assert_int_equal(targets.list[1].nr_regions, 0);
	struct target *large = targets_find(&targets, 70);

	assert_int_equal(large->regions[0].start, many[0].start);
	assert_int_equal(large->regions[large->nr_regions - 1].end, many[999].end);
	/* They take the place of those before. */
	assert_int_equal(targets_give(&targets, &given[1], 1, 10, 100), 1);
	assert_null(targets_find(&targets, 70));
	assert_int_equal(targets_give(&targets, given, 0, 10, 100), 0);
	assert_int_equal(targets.nr, 0);
}

/* What is known of those that stay is kept; new memory was there all the time, and silent. */
static void given_again_they_keep_what_is_known(void **state)
{
	const struct thermo_range one = { 1ull << 30, (1ull << 30) + 8 * MIB };
	const struct thermo_range two[] = { one, { 4ull << 30, (4ull << 30) + 4 * MIB } };
	struct given_target given[] = {
		{ .info = { .pid = 42, .name = "before" }, .ranges = &one, .nr_ranges = 1 },
		{ .info = { .pid = 43 }, .ranges = &one, .nr_ranges = 1 },
	};

	(void)state;
	assert_int_equal(targets_give(&targets, given, 2, 10, 100), 2);
	for (size_t i = 0; i < 2; i++) {
		struct region *r = first_region(given[i].info.pid);

		region_add_sample(r, r->start, 5);
		(void)target_close_window(&targets.list[i], 7000, 1000000000, 2);
	}
	given[0].info.name[0] = 'B';
	given[0].ranges = two;
	given[0].nr_ranges = 2;
	assert_int_equal(targets_give(&targets, given, 1, 10, 100), 1);
	assert_int_equal(targets.nr, 1);
	struct target *t = &targets.list[0];
	struct rate known = region_rate(&t->regions[0]);
	struct rate new = region_rate(&t->regions[t->nr_regions - 1]);

	assert_string_equal(t->info.name, "Before");
	assert_near(known.events, 5, 0.01);
	assert_near(known.exposure, 2.0 * (double)region_bytes(&t->regions[0]), 0.01);
	assert_int_equal(t->regions[t->nr_regions - 1].end, two[1].end);
	assert_near(new.events, 0, 0);
	assert_near(new.exposure, 2.0 * (double)region_bytes(&t->regions[t->nr_regions - 1]), 0.01);
	assert_int_equal(t->regions[t->nr_regions - 1].evidence_ns, 7000);
	assert_int_equal(t->regions[t->nr_regions - 1].seen_ns, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(target_knows_its_process),
		TEST(long_cgroup_is_cut_and_a_lost_one_is_empty),
		TEST(evidence_stays_with_the_process_not_with_the_pid),
		TEST(process_whose_maps_are_closed_is_no_target),
		TEST(without_proc_the_targets_are_those_of_before),
		TEST(descendants_follow_and_reused_pids_are_counted),
		TEST(thousands_of_processes_leave_the_largest),
		TEST(physical_memory_is_one_target_that_follows_hot_plug),
		TEST(physical_memory_goes_with_nothing_else),
		TEST(physical_memory_that_nobody_tells_of_fails),
		TEST(real_grandchild_stays_when_its_parent_exits),
		TEST(given_targets_are_taken_as_they_are),
		TEST(given_again_they_keep_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
