/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pmu_plan.c - what is asked of machines that nobody here has.
 *
 * A machine below tests/data/sysroot is the files that the kernel would show there, and
 * plan.txt what has to come out, written down before, with the reason for each number.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "sources/pmu_plan.h"
#include "tests/unit/fake_host.h"

static const struct {
	const char *name;
	struct pmu_goal goal;
} goals[] = {
	{ "loads and stores", { 0 } },
	{ "L3 misses", { .kinds = PMU_L3_MISSES } },
	{ "loads of 256 cycles and more", { .kinds = PMU_LOADS, .latency_cycles = 256 } },
};

static void print_goal(const struct thermo_host *host, size_t goal, FILE *out)
{
	struct pmu_plan plan;

	fprintf(out, "goal: %s\n", goals[goal].name);
	if (pmu_plan_make(&plan, host, &goals[goal].goal))
		fprintf(out, "no plan: %s\n", thermo_last_error());
	else
		pmu_plan_print(&plan, out);
	pmu_plan_fini(&plan);
}

/* Without comments, empty lines and white space at the end of lines. */
static void strip(char *text)
{
	char *to = text;

	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		size_t len = strcspn(line, "#");

		while (len && line[len - 1] == ' ')
			len--;
		memmove(to, line, len);
		to += len;
		if (len)
			*to++ = '\n';
	}
	*to = '\0';
}

static char *read_expected(const char *machine)
{
	struct thermo_host here;
	char *text;

	assert_int_equal(thermo_host_open(&here, TEST_DATA "/sysroot"), 0);
	assert_true(thermo_host_read_all(&here, &text, "%s/plan.txt", machine) > 0);
	thermo_host_close(&here);
	strip(text);
	return text;
}

/* Says which line it is, which assert_string_equal does not. */
static void assert_same_lines(const char *is, const char *should)
{
	for (int line = 1; *is || *should; line++) {
		size_t a = strcspn(is, "\n"), b = strcspn(should, "\n");

		if (a != b || memcmp(is, should, a) != 0)
			fail_msg("line %d is\n%.*s\nand should be\n%.*s", line, (int)a, is, (int)b,
				 should);
		is += a + (is[a] == '\n');
		should += b + (should[b] == '\n');
	}
}

static void is_asked_as_written_down(void **state)
{
	const char *machine = *state;
	AUTO_FREE char *expected = read_expected(machine);
	AUTO_FREE char *text = NULL;
	char root[FAKE_PATH_BYTES];
	struct thermo_host host;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)snprintf(root, sizeof(root), TEST_DATA "/sysroot/%s", machine);
	assert_int_equal(thermo_host_open(&host, root), 0);
	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++)
		print_goal(&host, i, out);
	(void)fclose(out);
	thermo_host_close(&host);
	assert_same_lines(text, expected);
}

static struct fake_host fake;
static struct pmu_plan plan;

static int make_empty(void **state)
{
	(void)state;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	pmu_plan_fini(&plan);
	fake_host_fini(&fake);
	return 0;
}

static int make_plan(const struct pmu_goal *goal)
{
	pmu_plan_fini(&plan);
	return pmu_plan_make(&plan, &fake.host, goal);
}

static const struct pmu_goal by_default;

static void machine_without_sysfs_says_so(void **state)
{
	(void)state;
	assert_int_equal(make_plan(&by_default), -ENODEV);
	assert_reason("is sysfs mounted?");
}

static void amd_that_only_counts_is_told_of_ibs(void **state)
{
	(void)state;
	fake_write(&fake, "proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor\n");
	fake_write(&fake, "sys/bus/event_source/devices/cpu/type", "4\n");
	assert_int_equal(make_plan(&by_default), -ENODEV);
	assert_reason("no ibs_op");
	assert_reason("up to the hypervisor");
}

/* The vendor says what is missing, never what is there. */
static void ibs_is_taken_where_it_is_shown_whoever_made_the_cpu(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("zen5"));
	fake_write(&fake, "proc/cpuinfo", "vendor_id\t: GenuineIntel\n");
	assert_int_equal(make_plan(&by_default), 0);
	assert_string_equal(plan.source, "ibs");
}

static void vm_that_passes_counters_but_no_pebs_gets_the_reason(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("skylake-sp"));
	fake_write(&fake, "sys/bus/event_source/devices/cpu/caps/max_precise", "0\n");
	assert_int_equal(make_plan(&by_default), -ENODEV);
	assert_reason("no PEBS here");
}

static void machine_that_knows_one_level_gets_no_more(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("skylake-sp"));
	fake_write(&fake, "sys/bus/event_source/devices/cpu/caps/max_precise", "1\n");
	assert_int_equal(make_plan(&by_default), 0);
	assert_int_equal(plan.events[0].attr.perf.precise_ip, 1);
}

static void latency_beyond_the_field_is_refused_with_its_limit(void **state)
{
	struct pmu_goal goal = { .kinds = PMU_LOADS, .latency_cycles = 65536 };

	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("skylake-sp"));
	assert_int_equal(make_plan(&goal), -ERANGE);
	assert_reason("ldlat=0x10000: at most 0xffff");
}

/* Model numbers matter only where the kernel does not name the core. */
static void unnamed_haswell_is_known_by_its_model(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("haswell-ep"));
	fake_remove(&fake, "sys/bus/event_source/devices/cpu/caps/pmu_name");
	assert_int_equal(make_plan(&by_default), 0);
	assert_false(plan.events[0].attr.perf.sample_type & PERF_SAMPLE_TIME);
	fake_write(&fake, "proc/cpuinfo",
		   "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel : 85\n");
	assert_int_equal(make_plan(&by_default), 0);
	assert_true(plan.events[0].attr.perf.sample_type & PERF_SAMPLE_TIME);
}

static void kernel_is_sampled_only_when_asked(void **state)
{
	struct pmu_goal goal = { .with_kernel = true };

	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("zen5"));
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.exclude_kernel, 0);
	assert_int_equal(plan.events[0].attr.perf.config2, 0); /* no swfilt: nothing to filter */
}

static void periods_fit_the_pmu(void **state)
{
	struct pmu_goal goal = { .period = 17 };

	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("zen5"));
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.sample_period, 0x90);
	goal.period = 5000001;
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.sample_period, 5000000);
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("neoverse-spe"));
	goal.period = 300;
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.sample_period, 1024);
}

static void threshold_is_not_set_on_ibs_that_samples_stores(void **state)
{
	struct pmu_goal goal = { .kinds = PMU_LOADS | PMU_STORES, .latency_cycles = 256 };

	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("zen5"));
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.config1, 0);
	assert_non_null(strstr(plan.notes[0], "drops all stores"));
}

static void thresholds_of_ibs_are_its_steps(void **state)
{
	struct pmu_goal goal = { .kinds = PMU_LOADS, .latency_cycles = 300 };

	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("zen5"));
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.config1, 256);
	goal.latency_cycles = 100000;
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.config1, 2048);
	goal.latency_cycles = 100;
	assert_int_equal(make_plan(&goal), 0);
	assert_int_equal(plan.events[0].attr.perf.config1, 0);
	assert_non_null(strstr(plan.notes[0], "the reader compares"));
}

static void wide_open_kernel_permits_everybody(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("locked-down"));
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "-1\n");
	assert_int_equal(make_plan(&by_default), 0);
	assert_string_equal(plan.not_permitted, "");
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "1\n");
	assert_int_equal(make_plan(&by_default), 0);
	assert_non_null(strstr(plan.not_permitted, "CAP_PERFMON"));
}

static void nonsense_in_an_event_names_the_file(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("sierra-forest"));
	fake_write(&fake, "sys/bus/event_source/devices/cpu/events/mem-loads", "event=0xd0;x\n");
	assert_int_equal(make_plan(&by_default), -EINVAL);
	assert_reason("cpu/events/mem-loads");
}

/* A machine's name is its test's. */
#define MACHINE(name)                                                                              \
	{                                                                                          \
		name, is_asked_as_written_down, NULL, NULL, (void *)(uintptr_t)name                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE("haswell-ep"),
		MACHINE("skylake-sp"),
		MACHINE("ice-lake-sp"),
		MACHINE("sapphire-rapids"),
		MACHINE("emerald-rapids"),
		MACHINE("granite-rapids"),
		MACHINE("sierra-forest"),
		MACHINE("alder-lake"),
		MACHINE("meteor-lake"),
		MACHINE("zen2"),
		MACHINE("zen3"),
		MACHINE("zen4"),
		MACHINE("zen5"),
		MACHINE("neoverse-spe"),
		MACHINE("vm-no-pmu"),
		MACHINE("locked-down"),
		cmocka_unit_test_setup_teardown(machine_without_sysfs_says_so, make_empty, drop),
		cmocka_unit_test_setup_teardown(amd_that_only_counts_is_told_of_ibs, make_empty,
						drop),
		cmocka_unit_test_setup_teardown(ibs_is_taken_where_it_is_shown_whoever_made_the_cpu,
						make_empty, drop),
		cmocka_unit_test_setup_teardown(vm_that_passes_counters_but_no_pebs_gets_the_reason,
						make_empty, drop),
		cmocka_unit_test_setup_teardown(machine_that_knows_one_level_gets_no_more,
						make_empty, drop),
		cmocka_unit_test_setup_teardown(latency_beyond_the_field_is_refused_with_its_limit,
						make_empty, drop),
		cmocka_unit_test_setup_teardown(unnamed_haswell_is_known_by_its_model, make_empty,
						drop),
		cmocka_unit_test_setup_teardown(kernel_is_sampled_only_when_asked, make_empty,
						drop),
		cmocka_unit_test_setup_teardown(periods_fit_the_pmu, make_empty, drop),
		cmocka_unit_test_setup_teardown(threshold_is_not_set_on_ibs_that_samples_stores,
						make_empty, drop),
		cmocka_unit_test_setup_teardown(thresholds_of_ibs_are_its_steps, make_empty, drop),
		cmocka_unit_test_setup_teardown(wide_open_kernel_permits_everybody, make_empty,
						drop),
		cmocka_unit_test_setup_teardown(nonsense_in_an_event_names_the_file, make_empty,
						drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
