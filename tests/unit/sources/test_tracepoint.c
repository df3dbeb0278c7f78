/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tracepoint.c - where the fields of a tracepoint are. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/tracepoint.h"
#include "tests/unit/fake_host.h"

#define EVENTS "sys/kernel/tracing/events/"
#define FAULT "exceptions/page_fault_user"

static struct fake_host fake;

static int make(void **state)
{
	(void)state;
	fake_host_copy(&fake, FAKE_MACHINE("2n-cxl"));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static int64_t find(const char *field)
{
	struct tracepoint_field f = { .name = field };

	return tracepoint_find(&fake.host, "exceptions", "page_fault_user", &f, 1);
}

#ifdef HAVE_TRACEEVENT
static void fields_are_found_by_name(void **state)
{
	struct tracepoint_field f[] = { { .name = "target_id" },
					{ .name = "nr_accesses" },
					{ .name = "common_pid" } };

	(void)state;
	assert_int_equal(tracepoint_find(&fake.host, "damon", "damon_aggregated", f, 3), 637);
	assert_int_equal(f[0].offset, 8);
	assert_int_equal(f[0].bytes, 8);
	assert_false(f[0].is_signed);
	assert_int_equal(f[1].offset, 40);
	assert_int_equal(f[1].bytes, 4);
	assert_int_equal(f[2].offset, 4);
	assert_true(f[2].is_signed);
}

static void missing_field_is_named(void **state)
{
	(void)state;
	assert_int_equal(find("address"), 118);
	assert_int_equal(find("no_such"), -EOPNOTSUPP);
	assert_reason("page_fault_user: no field 'no_such'");
}

static void format_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	fake_write(&fake, EVENTS FAULT "/format", "nonsense\n");
	assert_true(find("address") < 0);
	assert_reason("page_fault_user");
	fake_write(&fake, EVENTS FAULT "/format", "");
	assert_true(find("address") < 0);
}

static void old_mount_point_is_looked_at_too(void **state)
{
	char format[4096], path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), EVENTS FAULT "/format");
	assert_true(thermo_host_read(&fake.host, format, sizeof(format), "%s", path) > 0);
	strcat(format, "\n");
	fake_remove(&fake, "sys/kernel/tracing");
	fake_write(&fake, "sys/kernel/debug/tracing/events/" FAULT "/id", "119\n");
	fake_write(&fake, "sys/kernel/debug/tracing/events/" FAULT "/format", format);
	assert_int_equal(find("address"), 119);
}
#else
static void without_libtraceevent_it_says_so(void **state)
{
	(void)state;
	assert_int_equal(find("address"), -EOPNOTSUPP);
	assert_reason("built without libtraceevent");
}
#endif

static void without_tracefs_it_says_where_to_mount_it(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/kernel/tracing");
	assert_int_equal(find("address"), -ENOENT);
	assert_reason("exceptions:page_fault_user");
	assert_reason("is tracefs mounted on /sys/kernel/tracing?");
}

static bool value_of(uint32_t offset, uint32_t bytes, bool is_signed, uint64_t *value)
{
	static const unsigned char raw[] = { 0x01, 0x02, 0xfe, 0xff, 0xff, 0xff,
					     0x80, 0x7f, 0x11, 0x22, 0x33, 0x44 };
	struct tracepoint_field f = { "x", offset, bytes, is_signed };

	return tracepoint_value(&f, raw, sizeof(raw), value);
}

static void value_is_little_endian_and_sign_extended(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_true(value_of(0, 2, false, &v));
	assert_int_equal(v, 0x0201);
	assert_true(value_of(2, 4, false, &v));
	assert_int_equal(v, 0xfffffffe);
	assert_true(value_of(2, 4, true, &v));
	assert_true((int64_t)v == -2);
	assert_true(value_of(7, 1, true, &v));
	assert_int_equal(v, 0x7f);
	assert_true(value_of(6, 1, true, &v));
	assert_true((int64_t)v == -128);
	assert_true(value_of(4, 8, true, &v));
	assert_true(v == 0x443322117f80ffff);
}

static void value_beyond_the_record_is_none(void **state)
{
	struct tracepoint_field f = { "x", 0, 4, false };
	uint64_t v = 42;

	(void)state;
	assert_false(value_of(9, 4, false, &v));
	assert_false(value_of(12, 1, false, &v));
	assert_false(value_of(UINT32_MAX, 4, false, &v));
	assert_false(value_of(0, 9, false, &v));
	assert_false(tracepoint_value(&f, NULL, 100, &v));
	assert_int_equal(v, 42);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
#ifdef HAVE_TRACEEVENT
		TEST(fields_are_found_by_name),
		TEST(missing_field_is_named),
		TEST(format_that_cannot_be_read_is_an_error),
		TEST(old_mount_point_is_looked_at_too),
#else
		TEST(without_libtraceevent_it_says_so),
#endif
		TEST(without_tracefs_it_says_where_to_mount_it),
		TEST(value_is_little_endian_and_sign_extended),
		TEST(value_beyond_the_record_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
