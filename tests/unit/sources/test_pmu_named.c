/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_named.c - events as users name them. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/pmu_plan.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static struct pmu_plan plan;

static int make(void **state)
{
	(void)state;
	memset(&plan, 0, sizeof(plan));
	fake_host_copy(&fake, FAKE_MACHINE("skylake-sp"));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pmu_plan_fini(&plan);
	fake_host_fini(&fake);
	return 0;
}

static void use_machine(const char *machine)
{
	fake_host_fini(&fake);
	fake_host_copy(&fake, machine);
}

static int name_event(const char *text)
{
	static const struct pmu_goal by_default;

	pmu_plan_fini(&plan);
	return pmu_plan_named(&plan, &fake.host, &by_default, text);
}

static const struct perf_event_attr *only_attr(const char *text)
{
	if (name_event(text))
		fail_msg("%s: %s", text, thermo_last_error());
	assert_int_equal(plan.nr_events, 1);
	return &plan.events[0].attr.perf;
}

static void event_is_named_as_for_perf(void **state)
{
	(void)state;
	const struct perf_event_attr *a = only_attr("cpu/mem-loads,ldlat=64/P");

	assert_string_equal(plan.source, "pebs");
	assert_int_equal(a->type, 4);
	assert_int_equal(a->config, 0x1cd);
	assert_int_equal(a->config1, 64);
	assert_int_equal(a->precise_ip, 2);
	assert_int_equal(a->sample_period, 1000003);
	assert_true(a->sample_type & PERF_SAMPLE_ADDR);
}

static void period_is_the_users(void **state)
{
	(void)state;
	assert_int_equal(only_attr("cpu/mem-stores,period=5000/")->sample_period, 5000);
}

static void modifiers_say_who_and_how_precise(void **state)
{
	(void)state;
	const struct perf_event_attr *a = only_attr("cpu/mem-stores/k");

	assert_int_equal(a->exclude_user, 1);
	assert_int_equal(a->exclude_kernel, 0);
	a = only_attr("cpu/mem-stores/ukp");
	assert_int_equal(a->exclude_user, 0);
	assert_int_equal(a->exclude_kernel, 0);
	assert_int_equal(a->precise_ip, 1);
	a = only_attr("cpu/mem-stores/:uppp");
	assert_int_equal(a->exclude_kernel, 1);
	assert_int_equal(a->precise_ip, 3);
	assert_int_equal(name_event("cpu/mem-stores/pppp"), -EINVAL);
	assert_int_equal(name_event("cpu/mem-stores/x"), -EINVAL);
	assert_reason("'x' after the event");
}

static void raw_event_is_the_bits_of_config(void **state)
{
	(void)state;
	assert_int_equal(only_attr("r20d1")->config, 0x20d1);
	assert_int_equal(only_attr("r20d1:u")->precise_ip, 2);
	assert_int_equal(name_event("r00000000000000001"), -EINVAL);
	assert_reason("more than 64 bits");
}

static void raw_event_is_asked_of_each_kind_of_core(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("alder-lake"));
	assert_int_equal(name_event("r82d0"), 0);
	assert_int_equal(plan.nr_events, 2);
	assert_int_equal(plan.events[0].attr.perf.type, 4);
	assert_int_equal(plan.events[1].attr.perf.type, 10);
	assert_int_equal(hwloc_bitmap_first(plan.events[1].cpus), 16);
}

static void named_load_event_gets_its_leader_too(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("emerald-rapids"));
	assert_int_equal(name_event("r1cd"), -EINVAL); /* without a threshold */
	assert_reason("ldlat=3 or more");
	assert_int_equal(name_event("cpu/mem-loads/"), 0);
	assert_int_equal(plan.nr_events, 2);
	assert_int_equal(plan.events[0].attr.perf.config, 0x8203);
	assert_int_equal(plan.events[1].attr.perf.config, 0x1cd);
	assert_int_equal(plan.events[1].leader, 0);
	assert_int_equal(name_event("cpu/mem-loads/ppp"), -EINVAL);
	assert_reason("3 needs counter 0");
}

/* Granite Rapids and Skylake need no leader; only the former's counter 0 is special. */
static void most_precise_loads_are_refused_where_counter_0_cannot(void **state)
{
	(void)state;
	assert_int_equal(only_attr("cpu/mem-loads/ppp")->precise_ip, 3);
	use_machine(FAKE_MACHINE("granite-rapids"));
	assert_int_equal(only_attr("cpu/mem-loads/pp")->precise_ip, 2);
	assert_int_equal(name_event("cpu/mem-loads/ppp"), -EINVAL);
	assert_int_equal(only_attr("cpu/mem-stores/ppp")->precise_ip, 3);
}

static void ibs_filters_who_in_software(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("zen5"));
	const struct perf_event_attr *a = only_attr("ibs_op/cnt_ctl=1,ldlat=384/u");

	assert_string_equal(plan.source, "ibs");
	assert_int_equal(a->config, 0x80000);
	assert_int_equal(a->config1, 384);
	assert_int_equal(a->config2, 1);
	assert_int_equal(a->exclude_kernel, 1);
	assert_int_equal(a->exclude_hv, 0);
	assert_int_equal(only_attr("ibs_op//uk")->config2, 0);
}

static void ibs_refuses_what_the_kernel_would(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("zen5"));
	assert_int_equal(name_event("ibs_op/ldlat=100/"), -EINVAL);
	assert_reason("steps of 128");
	assert_int_equal(name_event("ibs_op/ldlat=2176/"), -EINVAL);
	assert_int_equal(name_event("ibs_op//p"), -EINVAL);
	assert_reason("always exact");
}

static void spe_reaches_the_word_that_old_headers_lack(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("neoverse-spe"));
	assert_int_equal(only_attr("arm_spe_0/load_filter=1,min_latency=40/")->config2, 40);
	assert_int_equal(plan.events[0].attr.perf.size, 128);
	assert_int_equal(only_attr("arm_spe_0/inv_event_filter=2/")->size, 136);
	assert_int_equal(*pmu_attr_word(&plan.events[0].attr, PMU_CONFIG3), 2);
	assert_int_equal(name_event("arm_spe_0/min_latency=4096/"), -ERANGE);
}

static void pmu_without_addresses_is_refused(void **state)
{
	(void)state;
	assert_int_equal(name_event("uncore_imc_0/cas_count_read/"), -EINVAL);
	assert_reason("carry no address");
	assert_int_equal(name_event("ibs_op//"), -ENODEV);
}

static void amd_core_events_are_not_precise(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("zen4"));
	assert_int_equal(name_event("cpu/event=0x76/"), -ENODEV);
	assert_reason("max_precise is 0");
}

static void nonsense_is_no_event(void **state)
{
	static const char *const bad[] = {
		"",
		"r",
		"rxyz",
		"mem-loads",
		"cpu/mem-loads",
		"/",
		"//",
		"cpu/../type/",
		"cpu/a=b/",
		"\xff\xff",
		"r1cd/",
		"cpu/mem-loads,/",
	};
	char big[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (name_event(bad[i]) != -EINVAL)
			fail_msg("'%s' was taken for an event, or refused otherwise", bad[i]);
	memset(big, 'r', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(name_event(big), -EINVAL);
}

#ifdef HAVE_PFM
static void libpfm4_encodes_what_it_knows(void **state)
{
	(void)state;
	const struct perf_event_attr *a = only_attr("skx::MEM_LOAD_RETIRED:L3_MISS:u:period=4099");

	assert_int_equal(a->type, 4);
	assert_int_equal(a->config, 0x20d1);
	assert_int_equal(a->sample_period, 4099);
	assert_int_equal(a->exclude_kernel, 1);
	assert_int_equal(a->precise_ip, 2); /* libpfm4 leaves it 0: samples without address */
	a = only_attr("skx::MEM_LOAD_RETIRED:L3_MISS:precise=3");
	assert_int_equal(a->precise_ip, 3);
	assert_int_equal(name_event("skx::MEM_LOAD_RETIRED:L3_MISS:precise=4"), -EINVAL);
	assert_int_equal(name_event("skx::MEM_LOAD_RETIRED:precise=22"), -EINVAL);
}

/* The code of our own for L3 misses, against tables that others keep. */
static void libpfm4_agrees_on_l3_misses(void **state)
{
	static const char *const names[] = {
		"skx::MEM_LOAD_RETIRED:L3_MISS",         "clx::MEM_LOAD_RETIRED:L3_MISS",
		"icx::MEM_LOAD_RETIRED:L3_MISS",         "spr::MEM_LOAD_RETIRED:L3_MISS",
		"hsw_ep::MEM_LOAD_UOPS_RETIRED:L3_MISS", "bdw_ep::MEM_LOAD_UOPS_RETIRED:L3_MISS",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(only_attr(names[i])->config, 0x20d1);
}

static void wrong_tables_of_libpfm4_are_corrected(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("sapphire-rapids"));
	assert_int_equal(only_attr("spr::MEM_TRANS_RETIRED:STORE_SAMPLE")->config, 0x2cd);
	/* Refused by 4.13 with precise. */
	const struct perf_event_attr *a =
			only_attr("spr::MEM_LOAD_L3_MISS_RETIRED:LOCAL_DRAM:precise=2");

	assert_int_equal(a->config, 0x1d3);
	assert_int_equal(a->precise_ip, 2);
	assert_int_equal(name_event("spr::MEM_TRANS_RETIRED:LOAD_LATENCY:ldlat=2"), -EINVAL);
	assert_reason("ldlat=3 or more");
	assert_int_equal(name_event("spr::MEM_TRANS_RETIRED:LOAD_LATENCY:ldlat=128"), 0);
	assert_int_equal(plan.nr_events, 2);
	assert_int_equal(plan.events[1].attr.perf.config1, 128);
}

static void software_event_of_libpfm4_samples_addresses(void **state)
{
	(void)state;
	const struct perf_event_attr *a = only_attr("perf::PERF_COUNT_SW_PAGE_FAULTS");

	assert_string_equal(plan.source, "named");
	assert_int_equal(a->type, PERF_TYPE_SOFTWARE);
	assert_int_equal(a->config, 2);
	assert_int_equal(a->precise_ip, 0);
}

static void unknown_name_is_said_to_be_libpfm4s(void **state)
{
	(void)state;
	assert_int_equal(name_event("skx::NO_SUCH_EVENT"), -ENOENT);
	assert_reason("libpfm4");
	assert_int_equal(name_event("::"), -ENOENT);
	assert_int_equal(name_event("skx::MEM_LOAD_RETIRED:L3_MISS:freq=100"), -EINVAL);
}

static void hybrid_machine_wants_to_know_which_cores(void **state)
{
	(void)state;
	use_machine(FAKE_MACHINE("alder-lake"));
	assert_int_equal(name_event("skx::MEM_LOAD_RETIRED:L3_MISS"), -EINVAL);
	assert_reason("which cores?");
}
#else
static void without_libpfm4_its_names_are_refused(void **state)
{
	(void)state;
	assert_int_equal(name_event("skx::MEM_LOAD_RETIRED:L3_MISS"), -EOPNOTSUPP);
	assert_reason("built without libpfm4");
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(event_is_named_as_for_perf),
		TEST(period_is_the_users),
		TEST(modifiers_say_who_and_how_precise),
		TEST(raw_event_is_the_bits_of_config),
		TEST(raw_event_is_asked_of_each_kind_of_core),
		TEST(named_load_event_gets_its_leader_too),
		TEST(most_precise_loads_are_refused_where_counter_0_cannot),
		TEST(ibs_filters_who_in_software),
		TEST(ibs_refuses_what_the_kernel_would),
		TEST(spe_reaches_the_word_that_old_headers_lack),
		TEST(pmu_without_addresses_is_refused),
		TEST(amd_core_events_are_not_precise),
		TEST(nonsense_is_no_event),
#ifdef HAVE_PFM
		TEST(libpfm4_encodes_what_it_knows),
		TEST(libpfm4_agrees_on_l3_misses),
		TEST(wrong_tables_of_libpfm4_are_corrected),
		TEST(software_event_of_libpfm4_samples_addresses),
		TEST(unknown_name_is_said_to_be_libpfm4s),
		TEST(hybrid_machine_wants_to_know_which_cores),
#else
		TEST(without_libpfm4_its_names_are_refused),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
