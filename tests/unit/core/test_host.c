/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_host.c - files below a root: read, written, refused by name. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_host.h"

static struct fake_host fake;
static const struct thermo_host *host = &fake.host;

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

static void number_is_read_without_its_newline(void **state)
{
	uint64_t value = 0;

	(void)state;
	fake_write(&fake, "proc/sys/kernel/numa_balancing", "12345\n");
	assert_int_equal(thermo_host_read_u64(host, &value, "proc/%s/kernel/numa_balancing", "sys"),
			 0);
	assert_int_equal(value, 12345);
	fake_write(&fake, "max", "18446744073709551615\n");
	assert_int_equal(thermo_host_read_u64(host, &value, "max"), 0);
	assert_true(value == UINT64_MAX);
}

static void minus_one_is_not_a_huge_number(void **state)
{
	static const char *const wrong[] = { "-1\n",   " 1\n",  "+1\n",
					     "",       "\n",    "max\n",
					     "0x10\n", "1 2\n", "18446744073709551616\n" };
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fake_write(&fake, "sys/numa_node", wrong[i]);
		assert_int_equal(thermo_host_read_u64(host, &value, "sys/numa_node"), -EINVAL);
		assert_reason("/sys/numa_node: not a number");
	}
	assert_int_equal(value, 42);
}

static void link_is_read_as_it_says_itself(void **state)
{
	char link[128], text[16] = "as before";

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/driver", fake.root);
	fake_check(symlink("../bus/kmem", link) == 0, link);
	assert_int_equal(thermo_host_read_link(host, text, 12, "%s", "driver"), 11);
	assert_string_equal(text, "../bus/kmem");
	assert_int_equal(thermo_host_read_link(host, text, 11, "driver"), -ENAMETOOLONG);
	assert_reason("/driver: the link is too long");
	assert_int_equal(thermo_host_read_link(host, text, sizeof(text), "nothing"), -ENOENT);
	assert_reason("/nothing: ");
	fake_write(&fake, "file", "");
	assert_int_equal(thermo_host_read_link(host, text, sizeof(text), "file"), -EINVAL);
}

static void missing_file_names_the_path(void **state)
{
	char text[16];
	char *all = NULL;
	uint64_t value;
	DIR *dir = NULL;

	(void)state;
	assert_int_equal(thermo_host_read(host, text, sizeof(text), "no/such/%d", 7), -ENOENT);
	assert_reason("/no/such/7: No such file");
	assert_int_equal(thermo_host_read_u64(host, &value, "no/u64"), -ENOENT);
	assert_reason("/no/u64: ");
	assert_int_equal(thermo_host_read_all(host, &all, "no/all"), -ENOENT);
	assert_reason("/no/all: ");
	assert_null(all);
	assert_int_equal(thermo_host_write(host, "1", "no/write"), -ENOENT);
	assert_reason("/no/write: ");
	assert_int_equal(thermo_host_open_dir(host, &dir, "no/dir"), -ENOENT);
	assert_reason("/no/dir: ");
	assert_null(dir);
}

static void text_is_cut_to_the_room_and_its_end_trimmed(void **state)
{
	char text[5];

	(void)state;
	fake_write(&fake, "f", "on \t\n\n");
	assert_int_equal(thermo_host_read(host, text, sizeof(text), "f"), 2);
	assert_string_equal(text, "on");
	fake_write(&fake, "f", "123456789");
	assert_int_equal(thermo_host_read(host, text, sizeof(text), "f"), 4);
	assert_string_equal(text, "1234");
}

static void whole_file_of_any_length_is_read(void **state)
{
	static const size_t lengths[] = { 0, 1, 16382, 16383, 16384, 16385, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char *in = malloc(lengths[i] + 1), *out = NULL;

		assert_non_null(in);
		memset(in, 'a' + (int)i, lengths[i]);
		fake_write_bytes(&fake, "long", in, lengths[i]);
		assert_int_equal(thermo_host_read_all(host, &out, "long"), lengths[i]);
		assert_memory_equal(out, in, lengths[i]);
		assert_int_equal(out[lengths[i]], '\0');
		free(in);
		free(out);
	}
}

static void list_of_cpus_is_parsed(void **state)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();

	(void)state;
	fake_write(&fake, "list", "0-3,8,10-11\n");
	assert_int_equal(thermo_host_read_list(host, set, "list"), 0);
	assert_int_equal(hwloc_bitmap_weight(set), 7);
	assert_true(hwloc_bitmap_isset(set, 3) && hwloc_bitmap_isset(set, 8) &&
		    hwloc_bitmap_isset(set, 11));
	assert_false(hwloc_bitmap_isset(set, 4) || hwloc_bitmap_isset(set, 9));
	fake_write(&fake, "list", "\n");
	assert_int_equal(thermo_host_read_list(host, set, "list"), 0);
	assert_true(hwloc_bitmap_iszero(set));
	hwloc_bitmap_free(set);
}

static void list_of_something_else_is_refused(void **state)
{
	static const char *const wrong[] = { "all\n", "0x3\n", "0 1\n", "-\n" };
	hwloc_bitmap_t set = hwloc_bitmap_alloc();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fake_write(&fake, "list", wrong[i]);
		if (thermo_host_read_list(host, set, "list") != -EINVAL)
			fail_msg("'%s' was taken for a list", wrong[i]);
		assert_reason("/list: not a list of numbers");
	}
	hwloc_bitmap_free(set);
}

static void write_replaces_the_content(void **state)
{
	(void)state;
	fake_write(&fake, "sys/f", "old and long");
	assert_int_equal(thermo_host_write(host, "new", "sys/f"), 0);
	assert_string_equal(fake_read(&fake, "sys/f"), "new");
}

static void real_host_has_a_clock_that_runs(void **state)
{
	struct thermo_host real;
	uint64_t first;

	(void)state;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	first = thermo_host_now_ns(&real);
	assert_true(first > 0 && thermo_host_now_ns(&real) >= first);
	assert_true(real.ops->thread_cpu_ns(&real) > 0);
	thermo_host_close(&real);
	thermo_host_close(&real);
}

/* No node and no privilege needed: a process may ask for its own pages. */
static void real_host_knows_where_our_own_pages_are(void **state)
{
	struct thermo_host real;
	static char page[8192];
	void *pages[2] = { page, NULL };
	int status[2] = { 77, 77 };

	(void)state;
	page[0] = 1;
	assert_int_equal(thermo_host_open(&real, "/"), 0);
	int err = real.ops->move_pages(&real, 0, 2, pages, NULL, status);

	thermo_host_close(&real);
	if (err == -ENOSYS || err == -EPERM)
		skip(); /* a kernel or container without move_pages(2) */
	assert_int_equal(err, 0);
	assert_true(status[0] >= 0 && status[0] != 77);
	assert_true(status[1] < 0);
}

static void root_that_is_not_there_is_named(void **state)
{
	struct thermo_host none;

	(void)state;
	assert_int_equal(thermo_host_open(&none, "/no/such/root"), -ENOENT);
	assert_reason("/no/such/root: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(number_is_read_without_its_newline, make, drop),
		cmocka_unit_test_setup_teardown(minus_one_is_not_a_huge_number, make, drop),
		cmocka_unit_test_setup_teardown(link_is_read_as_it_says_itself, make, drop),
		cmocka_unit_test_setup_teardown(missing_file_names_the_path, make, drop),
		cmocka_unit_test_setup_teardown(text_is_cut_to_the_room_and_its_end_trimmed, make,
						drop),
		cmocka_unit_test_setup_teardown(whole_file_of_any_length_is_read, make, drop),
		cmocka_unit_test_setup_teardown(list_of_cpus_is_parsed, make, drop),
		cmocka_unit_test_setup_teardown(list_of_something_else_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(write_replaces_the_content, make, drop),
		cmocka_unit_test(real_host_has_a_clock_that_runs),
		cmocka_unit_test(real_host_knows_where_our_own_pages_are),
		cmocka_unit_test(root_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
