/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_privilege.c - every capability that is missing is named. */
#include "tests/unit/test.h"

#include <errno.h>

#include "core/privilege.h"
#include "tests/unit/fake_host.h"

#define ALL                                                                                        \
	(THERMO_CAP_DAC_READ_SEARCH | THERMO_CAP_SYS_PTRACE | THERMO_CAP_SYS_ADMIN |               \
	 THERMO_CAP_SYS_NICE | THERMO_CAP_PERFMON)
#define CAP_DAC_OVERRIDE (1ull << 1)

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

static int require(uint64_t effective, uint64_t caps)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "Name:\tx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n", ~0ull,
		       (unsigned long long)effective, ~0ull);
	fake_write(&fake, "proc/self/status", text);
	return thermo_require_caps(&fake.host, caps, "hintfault");
}

static void what_we_hold_is_enough(void **state)
{
	(void)state;
	assert_int_equal(require(ALL, ALL), 0);
	assert_int_equal(require(THERMO_CAP_PERFMON, THERMO_CAP_PERFMON), 0);
	assert_int_equal(require(0, 0), 0);
}

static void every_missing_capability_is_named(void **state)
{
	(void)state;
	assert_int_equal(require(0, ALL), -EPERM);
	assert_reason("hintfault: ");
	assert_reason("CAP_DAC_READ_SEARCH");
	assert_reason("CAP_SYS_PTRACE");
	assert_reason("CAP_SYS_ADMIN");
	assert_reason("CAP_SYS_NICE");
	assert_reason("CAP_PERFMON");
}

static void held_and_unwanted_ones_are_not_named(void **state)
{
	(void)state;
	assert_int_equal(require(THERMO_CAP_SYS_PTRACE, THERMO_CAP_SYS_PTRACE | THERMO_CAP_PERFMON),
			 -EPERM);
	assert_reason("needs CAP_PERFMON:");
	assert_null(strstr(thermo_last_error(), "PTRACE"));
	assert_null(strstr(thermo_last_error(), "NICE"));
}

static void sys_admin_stands_in_for_perfmon_only(void **state)
{
	(void)state;
	assert_int_equal(require(THERMO_CAP_SYS_ADMIN, THERMO_CAP_PERFMON), 0);
	assert_int_equal(require(THERMO_CAP_SYS_ADMIN, THERMO_CAP_SYS_PTRACE), -EPERM);
}

static void dac_override_reads_all_too(void **state)
{
	(void)state;
	assert_int_equal(require(CAP_DAC_OVERRIDE, THERMO_CAP_DAC_READ_SEARCH), 0);
	assert_int_equal(require(CAP_DAC_OVERRIDE, THERMO_CAP_PERFMON), -EPERM);
}

static void status_without_the_line_is_an_error(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/status", "Name:\tx\n");
	assert_int_equal(thermo_require_caps(&fake.host, ALL, "x"), -EBADMSG);
	fake_remove(&fake, "proc/self/status");
	assert_int_equal(thermo_require_caps(&fake.host, ALL, "x"), -ENOENT);
	assert_reason("/proc/self/status");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(what_we_hold_is_enough),
		TEST(every_missing_capability_is_named),
		TEST(held_and_unwanted_ones_are_not_named),
		TEST(dac_override_reads_all_too),
		TEST(sys_admin_stands_in_for_perfmon_only),
		TEST(status_without_the_line_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
