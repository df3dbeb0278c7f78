/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_selection.c - which sources run when nobody names any. */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/selection.h"
#include "tests/unit/sources/fake_perf.h"

static struct fake_host fake;
static struct thermo_source_opts opts;
static struct source_choice choices[SELECT_MAX];
static size_t nr;

static void on(const char *machine)
{
	fake_host_copy(&fake, machine);
	fake_perf_init(&fake);
	opts = (struct thermo_source_opts){ .host = &fake.host };
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static const struct source_choice *choice_of(const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(choices[i].source->name, name) == 0)
			return &choices[i];
	fail_msg("no choice of %s", name);
	return NULL;
}

static uint32_t bit_of(const char *name)
{
	return 1u << (choice_of(name) - choices);
}

static void all_sources_are_judged_in_their_order(void **state)
{
	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	nr = thermo_sources_choose(&opts, 0, choices);
	for (size_t i = 0; i < nr; i++) {
		assert_ptr_equal(choices[i].source, thermo_sources[i]);
		assert_true(choices[i].why[0] != '\0');
		assert_false(choices[i].chosen && choices[i].err);
	}
	assert_null(thermo_sources[nr]);
}

static void amd_is_sampled_by_ibs_and_not_scanned(void **state)
{
	(void)state;
	on(FAKE_MACHINE("zen4"));
	nr = thermo_sources_choose(&opts, 0, choices);
	assert_true(choice_of("ibs")->chosen);
	assert_false(choice_of("pebs")->chosen);
	assert_non_null(strstr(choice_of("pebs")->why, "it has ibs"));
	assert_false(choice_of("hintfault")->chosen);
	assert_false(choice_of("damon")->chosen);
}

static void intel_is_sampled_by_pebs(void **state)
{
	(void)state;
	on(FAKE_MACHINE("sapphire-rapids"));
	nr = thermo_sources_choose(&opts, 0, choices);
	assert_true(choice_of("pebs")->chosen);
	assert_false(choice_of("ibs")->chosen);
}

static void pmu_that_the_kernel_refuses_is_not_chosen_and_says_why(void **state)
{
	(void)state;
	on(FAKE_MACHINE("sapphire-rapids"));
	fake_open_error = -EBUSY;
	nr = thermo_sources_choose(&opts, 0, choices);
	assert_false(choice_of("pebs")->chosen);
	assert_int_equal(choice_of("pebs")->err, -EBUSY);
	assert_non_null(strstr(choice_of("pebs")->why, "somebody else has the counter"));
}

#ifdef HAVE_TRACEEVENT
/* A machine with two nodes, where DAMON can run, and a PMU besides. */
static void scanning_takes_over_where_the_pmu_failed(void **state)
{
	(void)state;
	on(FAKE_MACHINE("2n-cxl"));
	fake_write(&fake, "proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
	fake_write(&fake, "sys/bus/event_source/devices/ibs_op/type", "11\n");
	fake_write(&fake, "sys/devices/system/cpu/online", "0-1\n");
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "-1\n");
	nr = thermo_sources_choose(&opts, 0, choices);
	assert_true(choice_of("ibs")->chosen);
	assert_int_equal(choice_of("damon")->err, 0);
	assert_false(choice_of("damon")->chosen);
	assert_non_null(strstr(choice_of("damon")->why, "ibs sees all memory"));
	nr = thermo_sources_choose(&opts, bit_of("ibs"), choices);
	assert_false(choice_of("ibs")->chosen);
	assert_non_null(strstr(choice_of("ibs")->why, "failed"));
	assert_true(choice_of("damon")->chosen);
}
#endif

/* --- where little is allowed --- */

/* Nothing is chosen, and every reason is one that a person can act on. */
static void expect_nothing(void)
{
	nr = thermo_sources_choose(&opts, 0, choices);
	for (size_t i = 0; i < nr; i++) {
		assert_false(choices[i].chosen);
		assert_true(strlen(choices[i].why) > 10);
	}
}

static void machine_that_is_locked_down_says_what_is_closed(void **state)
{
	(void)state;
	on(FAKE_MACHINE("locked-down"));
	fake_open_error = -EACCES;
	expect_nothing();
	assert_non_null(strstr(choice_of("pebs")->why, "perf_event_paranoid"));
}

static void vm_without_a_pmu_says_so(void **state)
{
	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	expect_nothing();
	assert_non_null(strstr(choice_of("hintfault")->why, "NUMA nodes"));
}

#ifdef HAVE_TRACEEVENT
static void vm_without_a_pmu_is_scanned_where_it_can_be(void **state)
{
	(void)state;
	on(FAKE_MACHINE("2n-cxl"));
	fake_write(&fake, "sys/devices/system/cpu/online", "0-1\n");
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "-1\n");
	nr = thermo_sources_choose(&opts, 0, choices);
	assert_true(choice_of("damon")->chosen);
	assert_non_null(strstr(choice_of("damon")->why, "no PMU samples here"));
}
#endif

static void system_call_that_a_container_forbids_is_named(void **state)
{
	static const int errors[] = { -ENOSYS, -EPERM };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		on(FAKE_MACHINE("sapphire-rapids"));
		fake_open_error = errors[i];
		expect_nothing();
		assert_int_equal(choice_of("pebs")->err, errors[i]);
		assert_non_null(strstr(choice_of("pebs")->why, "perf_event_open"));
		if (i == 0)
			fake_host_fini(&fake);
	}
}

/* --- sources that would disturb each other --- */

static int runs(const struct thermo_source_opts *o)
{
	(void)o;
	return 0;
}

static int runs_not(const struct thermo_source_opts *o)
{
	(void)o;
	return -EPERM;
}

static const struct thermo_source first = { .name = "first",
					    .uses = THERMO_USES_ACCESSED_BITS,
					    .probe = runs };
static const struct thermo_source second = {
	.name = "second", .uses = THERMO_USES_ACCESSED_BITS | THERMO_USES_SOFT_DIRTY, .probe = runs
};
static const struct thermo_source third = { .name = "third",
					    .uses = THERMO_USES_SOFT_DIRTY,
					    .probe = runs };
static const struct thermo_source device = { .name = "chmu",
					     .uses = THERMO_USES_ACCESSED_BITS,
					     .probe = runs };
static const struct thermo_source not_here = { .name = "not-here", .probe = runs_not };

static void of_two_rivals_the_first_runs_and_the_reason_is_told(void **state)
{
	static const struct thermo_source *const list[] = { &first, &second, &third, NULL };
	const struct source_marks none = { 0 }, one_failed = { .failed = 1 };

	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	nr = thermo_sources_choose_from(list, &opts, &none, choices);
	assert_int_equal(nr, 3);
	assert_true(choice_of("first")->chosen);
	assert_false(choice_of("second")->chosen);
	assert_non_null(strstr(choice_of("second")->why, "first runs"));
	assert_non_null(strstr(choice_of("second")->why, "both clear accessed bits"));
	/* Whoever does not run is nobody's rival. */
	assert_true(choice_of("third")->chosen);
	nr = thermo_sources_choose_from(list, &opts, &one_failed, choices);
	assert_true(choice_of("second")->chosen);
	assert_false(choice_of("third")->chosen);
	assert_non_null(strstr(choice_of("third")->why, "both clear soft-dirty bits"));
}

static void rank_goes_before_the_order_of_the_list(void **state)
{
	static const struct thermo_source *const list[] = { &first, &device, NULL };
	const struct source_marks none = { 0 };

	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	nr = thermo_sources_choose_from(list, &opts, &none, choices);
	assert_true(choice_of("chmu")->chosen);
	assert_false(choice_of("first")->chosen);
}

static void who_runs_is_not_probed(void **state)
{
	static const struct thermo_source *const list[] = { &not_here, NULL };
	const struct source_marks none = { 0 }, it_runs = { .running = 1 };

	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	nr = thermo_sources_choose_from(list, &opts, &it_runs, choices);
	assert_true(choice_of("not-here")->chosen);
	nr = thermo_sources_choose_from(list, &opts, &none, choices);
	assert_false(choice_of("not-here")->chosen);
}

static void text_is_read_where_the_user_says_so_beside_others(void **state)
{
	const struct thermo_source *const list[] = { thermo_source_find("external"), &first, NULL };
	const struct source_marks none = { 0 };

	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	nr = thermo_sources_choose_from(list, &opts, &none, choices);
	assert_false(choice_of("external")->chosen);
	assert_non_null(strstr(choice_of("external")->why, "--external"));
	assert_non_null(strstr(choice_of("external")->why, "shared memory need no source"));
	opts.external = FAKE_MACHINE("vm-no-pmu") "/proc/cpuinfo";
	nr = thermo_sources_choose_from(list, &opts, &none, choices);
	assert_true(choice_of("external")->chosen);
	assert_true(choice_of("first")->chosen);
}

static void what_nobody_shares_disturbs_nobody(void **state)
{
	static const struct thermo_source pmu = { .name = "a", .uses = THERMO_USES_PMU };
	static const struct thermo_source hint = { .name = "b", .uses = THERMO_USES_HINT_FAULTS };

	(void)state;
	on(FAKE_MACHINE("vm-no-pmu"));
	assert_null(thermo_sources_conflict(&pmu, &hint));
	assert_null(thermo_sources_conflict(&not_here, &not_here));
	assert_non_null(strstr(thermo_sources_conflict(&pmu, &pmu), "one user at a time"));
	assert_non_null(strstr(thermo_sources_conflict(&hint, &hint), "NUMA balancing"));
}

static void what_runs_only_by_name_is_never_chosen(void **state)
{
	(void)state;
	on(FAKE_MACHINE("zen5"));
	nr = thermo_sources_choose(&opts, 0, choices);
	for (size_t i = 0; i < nr; i++)
		if (choices[i].source->by_name_only)
			assert_false(choices[i].chosen);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(all_sources_are_judged_in_their_order),
		TEST(amd_is_sampled_by_ibs_and_not_scanned),
		TEST(intel_is_sampled_by_pebs),
		TEST(pmu_that_the_kernel_refuses_is_not_chosen_and_says_why),
#ifdef HAVE_TRACEEVENT
		TEST(scanning_takes_over_where_the_pmu_failed),
#endif
		TEST(machine_that_is_locked_down_says_what_is_closed),
		TEST(vm_without_a_pmu_says_so),
#ifdef HAVE_TRACEEVENT
		TEST(vm_without_a_pmu_is_scanned_where_it_can_be),
#endif
		TEST(system_call_that_a_container_forbids_is_named),
		TEST(of_two_rivals_the_first_runs_and_the_reason_is_told),
		TEST(rank_goes_before_the_order_of_the_list),
		TEST(who_runs_is_not_probed),
		TEST(text_is_read_where_the_user_says_so_beside_others),
		TEST(what_nobody_shares_disturbs_nobody),
		TEST(what_runs_only_by_name_is_never_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
