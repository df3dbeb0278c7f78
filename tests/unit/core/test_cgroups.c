/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cgroups.c - paths of cgroups by inode number, in trees that a directory stands for. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/cgroups.h"
#include "tests/unit/fake_host.h"

#define CGROUP2_LINE "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n"

static struct fake_host fake;
static struct cgroups cgroups;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	cgroups_fini(&cgroups);
	cgroups_fini(&cgroups);
	fake_host_fini(&fake);
	return 0;
}

static uint64_t inode_of(const char *path)
{
	struct stat st;

	fake_check(fstatat(fake.host.root_fd, path, &st, 0) == 0, path);
	return st.st_ino;
}

static void expect(const char *directory, const char *path)
{
	const char *is = cgroups_find(&cgroups, inode_of(directory));

	if (!is || strcmp(is, path) != 0)
		fail_msg("%s is '%s', not '%s'", directory, is ? is : "unknown", path);
}

static void every_directory_has_its_path(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/mounts", "/dev/root / ext4 rw 0 0\n" CGROUP2_LINE);
	fake_write(&fake, "sys/fs/cgroup/cgroup.procs", "");
	fake_write(&fake, "sys/fs/cgroup/system.slice/db.service/memory.max", "");
	fake_write(&fake, "sys/fs/cgroup/a b/memory.max", "");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 4);
	expect("sys/fs/cgroup", "/");
	expect("sys/fs/cgroup/system.slice", "/system.slice");
	expect("sys/fs/cgroup/system.slice/db.service", "/system.slice/db.service");
	expect("sys/fs/cgroup/a b", "/a b");
	assert_null(cgroups_find(&cgroups, inode_of("sys/fs/cgroup/cgroup.procs")));
	assert_null(cgroups_find(&cgroups, 0));
	assert_null(cgroups_find(&cgroups, UINT64_MAX));
}

static void memory_of_cgroup1_comes_first(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/mounts",
		   CGROUP2_LINE "cgroup /cg/cpu cgroup rw,memoryless,cpu 0 0\n"
				"cgroup /cg/mem cgroup rw,relatime,memory 0 0\n");
	fake_write(&fake, "sys/fs/cgroup/two/x", "");
	fake_write(&fake, "cg/cpu/no/x", "");
	fake_write(&fake, "cg/mem/one/x", "");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 2);
	expect("cg/mem/one", "/one");
	assert_null(cgroups_find(&cgroups, inode_of("sys/fs/cgroup/two")));
}

static void mount_point_with_a_space_is_found(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/mounts", "none /my\\040cg\\134x cgroup2 rw 0 0\n");
	fake_write(&fake, "my cg\\x/a/x", "");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 2);
	expect("my cg\\x/a", "/a");
}

static void failure_leaves_what_was_known(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/mounts", CGROUP2_LINE);
	fake_write(&fake, "sys/fs/cgroup/a/x", "");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 2);
	fake_write(&fake, "proc/self/mounts", "cgroup2 /gone cgroup2 rw 0 0\n");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), -ENOENT);
	fake_write(&fake, "proc/self/mounts", "x\n\n\\\n/ / / /\n");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), -ENOENT);
	assert_reason("/proc/self/mounts");
	expect("sys/fs/cgroup/a", "/a");
}

static void trees_that_are_too_deep_end(void **state)
{
	char path[FAKE_PATH_BYTES] = "sys/fs/cgroup";

	(void)state;
	fake_write(&fake, "proc/self/mounts", CGROUP2_LINE);
	for (int i = 0; i < 100; i++)
		strcat(path, "/d");
	strcat(path, "/x");
	fake_write(&fake, path, "");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 65);
}

static void links_are_not_followed(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/mounts", CGROUP2_LINE);
	fake_write(&fake, "sys/fs/cgroup/a/x", "");
	fake_check(symlinkat("..", fake.host.root_fd, "sys/fs/cgroup/a/loop") == 0, "symlink");
	assert_int_equal(cgroups_read(&cgroups, &fake.host), 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(every_directory_has_its_path),      TEST(memory_of_cgroup1_comes_first),
		TEST(mount_point_with_a_space_is_found), TEST(failure_leaves_what_was_known),
		TEST(trees_that_are_too_deep_end),       TEST(links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
