/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_options.c - the settings of a virtual PMU, and those that none can have. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/lab/options.h"

static struct lab_pmu pmu;

static void refused(const char *text, const char *reason)
{
	assert_int_equal(lab_parse_pmu(text, &pmu), -EINVAL);
	assert_reason(reason);
}

static void without_settings_it_samples_all_as_the_guest_wants(void **state)
{
	(void)state;
	assert_int_equal(lab_parse_pmu(NULL, &pmu), 0);
	assert_true(pmu.wanted);
	assert_int_equal(pmu.flavour, VPMU_PLAIN);
	assert_int_equal(pmu.period[0], 0);
	assert_int_equal(pmu.ops, VPMU_LOADS | VPMU_STORES);
	assert_int_equal(pmu.jitter_permille, 100);
	assert_int_equal(pmu.min_latency_ns[0], 0);
}

static void settings_are_taken(void **state)
{
	(void)state;
	assert_int_equal(lab_parse_pmu("flavour=pebs,period=1000,store-period=2000,ops=loads,"
				       "latency=100,latency=1:300,jitter=0",
				       &pmu),
			 0);
	assert_int_equal(pmu.flavour, VPMU_PEBS);
	assert_int_equal(pmu.period[VPMU_LOAD_EVENT], 1000);
	assert_int_equal(pmu.period[VPMU_STORE_EVENT], 2000);
	assert_int_equal(pmu.ops, VPMU_LOADS);
	assert_int_equal(pmu.min_latency_ns[0], 100);
	assert_int_equal(pmu.min_latency_ns[1], 300);
	assert_int_equal(pmu.min_latency_ns[VPMU_NODES_MAX - 1], 100);
	assert_int_equal(pmu.jitter_permille, 0);
	assert_int_equal(lab_parse_pmu("flavour=ibs,period=160,other=15", &pmu), 0);
	assert_int_equal(pmu.flavour, VPMU_IBS);
	assert_int_equal(pmu.other_ops, 15);
	assert_int_equal(lab_parse_pmu("ops=stores", &pmu), 0);
	assert_int_equal(pmu.ops, VPMU_STORES);
}

static void what_is_no_setting_is_refused(void **state)
{
	(void)state;
	refused("speed=1", "give flavour=plain|ibs|pebs");
	refused("period", "give flavour=plain|ibs|pebs");
	refused("period=0", "not a number from 1");
	refused("period=1000000001", "not a number from 1");
	refused("flavour=spe", "none of plain, ibs, pebs");
	refused("ops=both", "none of loads, stores, all");
	refused("ops=", "none of loads, stores, all");
	refused("latency=1000001", "not a number from 0");
	refused("latency=16:100", "node of latency");
	refused("latency=:100", "node of latency");
	refused("latency=1:", "latency");
	refused("jitter=1000", "not a number from 0 to 999");
	refused("flavour=ibs,other=16", "not a number from 0 to 15");
}

static void what_the_flavour_does_not_have_is_refused(void **state)
{
	(void)state;
	refused("store-period=100", "is of flavour=pebs");
	refused("flavour=ibs,store-period=160", "is of flavour=pebs");
	refused("flavour=pebs,other=1", "is of flavour=ibs");
	refused("flavour=ibs,ops=loads", "cannot choose");
	refused("flavour=ibs,period=100", "multiples of 16");
}

static void too_long_is_refused(void **state)
{
	char text[400];

	(void)state;
	memset(text, ',', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refused(text, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_settings_it_samples_all_as_the_guest_wants),
		cmocka_unit_test(settings_are_taken),
		cmocka_unit_test(what_is_no_setting_is_refused),
		cmocka_unit_test(what_the_flavour_does_not_have_is_refused),
		cmocka_unit_test(too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
