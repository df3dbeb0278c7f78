/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu.c - a PMU's files, as they should be and as they should not. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/pmu.h"
#include "tests/unit/fake_host.h"

#define CPU PMU_DEVICES "/cpu/"

static struct fake_host fake;
static struct pmu pmu;
static union pmu_attr attr;

static int make(void **state)
{
	(void)state;
	fake_host_copy(&fake, FAKE_MACHINE("skylake-sp"));
	attr = (union pmu_attr){ 0 };
	assert_int_equal(pmu_open(&pmu, &fake.host, "cpu"), 0);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pmu_close(&pmu);
	fake_host_fini(&fake);
	return 0;
}

static int reopen(const char *name)
{
	pmu_close(&pmu);
	return pmu_open(&pmu, &fake.host, name);
}

static void pmu_of_all_cpus_names_none(void **state)
{
	(void)state;
	assert_int_equal(pmu.type, 4);
	assert_int_equal(hwloc_bitmap_weight(pmu.cpus), 112);
}

static void pmu_of_some_cpus_names_them(void **state)
{
	(void)state;
	fake_write(&fake, PMU_DEVICES "/cpu_atom/type", "10\n");
	fake_write(&fake, PMU_DEVICES "/cpu_atom/cpus", "16-23\n");
	assert_int_equal(reopen("cpu_atom"), 0);
	assert_int_equal(pmu.type, 10);
	assert_int_equal(hwloc_bitmap_first(pmu.cpus), 16);
	assert_int_equal(hwloc_bitmap_weight(pmu.cpus), 8);
	fake_write(&fake, PMU_DEVICES "/arm_spe_0/type", "9\n");
	fake_write(&fake, PMU_DEVICES "/arm_spe_0/cpumask", "2\n");
	assert_int_equal(reopen("arm_spe_0"), 0);
	assert_int_equal(hwloc_bitmap_first(pmu.cpus), 2);
	assert_int_equal(hwloc_bitmap_weight(pmu.cpus), 1);
}

static void missing_pmu_is_named(void **state)
{
	(void)state;
	assert_int_equal(reopen("ibs_op"), -ENODEV);
	assert_reason("no PMU 'ibs_op'");
	assert_int_equal(reopen("../cpu"), -ENODEV);
	assert_int_equal(reopen(""), -ENODEV);
	assert_int_equal(reopen("."), -ENODEV);
}

static void nonsense_in_its_files_is_refused(void **state)
{
	static const char *const types[] = { "", "x", "-1", "4294967296", "4 5" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		fake_write(&fake, CPU "type", types[i]);
		assert_int_equal(reopen("cpu"), -EINVAL);
		assert_reason("cpu/type");
	}
	fake_write(&fake, CPU "type", "4\n");
	fake_write(&fake, CPU "cpus", "all of them\n");
	assert_int_equal(reopen("cpu"), -EINVAL);
	assert_reason("cpu/cpus");
}

static void event_is_replaced_by_its_terms(void **state)
{
	(void)state;
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads"), 0);
	assert_int_equal(attr.perf.config, 0x1cd);
	assert_int_equal(attr.perf.config1, 3);
}

static void users_terms_win_over_the_events(void **state)
{
	(void)state;
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads,ldlat=64,period=4001"), 0);
	assert_int_equal(attr.perf.config, 0x1cd);
	assert_int_equal(attr.perf.config1, 64);
	assert_int_equal(attr.perf.sample_period, 4001);
}

static void whole_words_can_be_given(void **state)
{
	(void)state;
	assert_int_equal(pmu_put_terms(&pmu, &attr, "config=0x20d1,config1=1,config2=2,config3=3"),
			 0);
	assert_int_equal(attr.perf.config, 0x20d1);
	assert_int_equal(attr.perf.config1, 1);
	assert_int_equal(attr.perf.config2, 2);
	assert_int_equal(*pmu_attr_word(&attr, PMU_CONFIG3), 3);
}

static void term_without_a_value_is_one(void **state)
{
	(void)state;
	assert_int_equal(pmu_put_terms(&pmu, &attr, "edge"), 0);
	assert_int_equal(attr.perf.config, 1u << 18);
}

static void unknown_terms_say_where_to_look(void **state)
{
	(void)state;
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-lods"), -ENOENT);
	assert_reason("'mem-lods'");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "l3missonly=1"), -EINVAL);
	assert_reason("cpu/format");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "event=0x1cd"), -ERANGE);
	assert_reason("event=0x1cd: at most 0xff (format 'config:0-7')");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "event=99999999999999999999"), -ERANGE);
	assert_int_equal(pmu_put_terms(&pmu, &attr, "config"), -ENOENT);
}

static void broken_format_names_its_file(void **state)
{
	(void)state;
	fake_write(&fake, CPU "format/ldlat", "config1:15-0\n");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads"), -EINVAL);
	assert_reason("cpu/format/ldlat: not a format");
	fake_write(&fake, CPU "format/ldlat", "config9:0-15\n");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads"), -EOPNOTSUPP);
	assert_reason("a word that we cannot set");
}

static void files_that_are_no_line_are_refused(void **state)
{
	char big[2048];

	(void)state;
	memset(big, '1', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	fake_write(&fake, CPU "format/ldlat", big);
	assert_int_equal(pmu_put_terms(&pmu, &attr, "ldlat=3"), -EINVAL);
	assert_reason("format/ldlat: not one line");
	fake_write_bytes(&fake, CPU "format/ldlat", "config1:0\0-15", 13);
	assert_int_equal(pmu_put_terms(&pmu, &attr, "ldlat=3"), -EINVAL);
	fake_write(&fake, CPU "events/mem-loads", "event=0xcd\numask=0x1\n");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads"), -EINVAL);
	assert_reason("events/mem-loads: not one line");
}

static void event_that_names_events_does_not_go_round(void **state)
{
	(void)state;
	fake_write(&fake, CPU "events/mem-loads", "mem-loads\n");
	assert_int_equal(pmu_put_terms(&pmu, &attr, "mem-loads"), -EINVAL);
	assert_reason("'mem-loads' is none of its terms");
}

static void capability_that_is_not_told_is_assumed(void **state)
{
	char name[8];

	(void)state;
	assert_int_equal(pmu_cap(&pmu, "max_precise", 7), 3);
	assert_int_equal(pmu_cap(&pmu, "min_interval", 7), 7);
	fake_write(&fake, CPU "caps/max_precise", "many\n");
	assert_int_equal(pmu_cap(&pmu, "max_precise", 7), 7);
	pmu_cap_text(&pmu, "pmu_name", name, sizeof(name));
	assert_string_equal(name, "skylake");
	pmu_cap_text(&pmu, "none", name, sizeof(name));
	assert_string_equal(name, "");
}

static void close_takes_what_was_never_opened_and_twice(void **state)
{
	struct pmu none = { 0 };

	(void)state;
	pmu_close(&none);
	pmu_close(&pmu);
	pmu_close(&pmu);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pmu_of_all_cpus_names_none),
		TEST(pmu_of_some_cpus_names_them),
		TEST(missing_pmu_is_named),
		TEST(nonsense_in_its_files_is_refused),
		TEST(event_is_replaced_by_its_terms),
		TEST(users_terms_win_over_the_events),
		TEST(whole_words_can_be_given),
		TEST(term_without_a_value_is_one),
		TEST(unknown_terms_say_where_to_look),
		TEST(broken_format_names_its_file),
		TEST(files_that_are_no_line_are_refused),
		TEST(event_that_names_events_does_not_go_round),
		TEST(capability_that_is_not_told_is_assumed),
		TEST(close_takes_what_was_never_opened_and_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
