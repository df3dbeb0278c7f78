/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_try.c - a plan meets a kernel that takes it, takes less, or refuses. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sources/pmu_plan.h"
#include "tests/unit/fake_host.h"

#define WEIGHT_STRUCT (1ull << 24)
#define MAX_OPENS 32

static struct fake_host fake;
static struct thermo_host_ops ops;
static struct pmu_plan plan;

/* What the kernel was asked, and how it answers. */
static struct {
	struct perf_event_attr attr;
	int cpu;
	int group_fd;
	int fd;
} opens[MAX_OPENS];
static size_t nr_opens;
static uint64_t refused_bits; /* of sample_type: -EINVAL */
static uint64_t refused_config;
static int refusal;

static int kernel(const struct thermo_host *host, struct perf_event_attr *attr, pid_t pid, int cpu,
		  int group_fd)
{
	int fd = refused_config && attr->config == refused_config ? refusal
		 : attr->sample_type & refused_bits               ? -EINVAL
								  : open("/dev/null", O_CLOEXEC);

	(void)host;
	assert_int_equal(pid, -1);
	assert_true(nr_opens < MAX_OPENS);
	opens[nr_opens].attr = *attr;
	opens[nr_opens].cpu = cpu;
	opens[nr_opens].group_fd = group_fd;
	opens[nr_opens++].fd = fd;
	return fd;
}

static void plan_for(const char *machine)
{
	static const struct pmu_goal by_default;

	fake_host_copy(&fake, machine);
	ops = *fake.host.ops;
	ops.perf_event_open = kernel;
	fake.host.ops = &ops;
	nr_opens = 0;
	refused_bits = refused_config = 0;
	assert_int_equal(pmu_plan_make(&plan, &fake.host, &by_default), 0);
}

static int drop(void **state)
{
	(void)state;
	pmu_plan_fini(&plan);
	fake_host_fini(&fake);
	return 0;
}

static void assert_all_closed(void)
{
	for (size_t i = 0; i < nr_opens; i++)
		if (opens[i].fd >= 0)
			assert_int_equal(fcntl(opens[i].fd, F_GETFD), -1);
}

static void leader_is_opened_first_and_leads(void **state)
{
	(void)state;
	plan_for(FAKE_MACHINE("sapphire-rapids"));
	assert_int_equal(pmu_plan_try(&plan, &fake.host), 0);
	assert_int_equal(nr_opens, 3);
	assert_int_equal(opens[0].attr.config, 0x8203);
	assert_int_equal(opens[0].group_fd, -1);
	assert_int_equal(opens[1].attr.config, 0x1cd);
	assert_int_equal(opens[1].group_fd, opens[0].fd);
	assert_int_equal(opens[2].group_fd, -1);
	assert_all_closed();
}

static void each_kind_of_core_is_tried_on_one_of_its_cpus(void **state)
{
	(void)state;
	plan_for(FAKE_MACHINE("alder-lake"));
	assert_int_equal(pmu_plan_try(&plan, &fake.host), 0);
	assert_int_equal(nr_opens, 5);
	assert_int_equal(opens[0].cpu, 0);
	assert_int_equal(opens[4].cpu, 16);
}

static void weight_is_lowered_to_what_the_kernel_takes(void **state)
{
	(void)state;
	plan_for(FAKE_MACHINE("zen5"));
	refused_bits = WEIGHT_STRUCT;
	assert_int_equal(pmu_plan_try(&plan, &fake.host), 0);
	assert_true(plan.events[0].attr.perf.sample_type & PERF_SAMPLE_WEIGHT);
	assert_false(plan.events[0].attr.perf.sample_type & WEIGHT_STRUCT);
	assert_int_equal(plan.nr_notes, 0);
}

static void no_weight_at_all_is_noted(void **state)
{
	(void)state;
	plan_for(FAKE_MACHINE("zen5"));
	refused_bits = WEIGHT_STRUCT | PERF_SAMPLE_WEIGHT;
	assert_int_equal(pmu_plan_try(&plan, &fake.host), 0);
	assert_false(plan.events[0].attr.perf.sample_type & refused_bits);
	assert_true(plan.events[0].attr.perf.sample_type & PERF_SAMPLE_DATA_SRC);
	assert_non_null(strstr(plan.notes[0], "no latency"));
}

static void other_refusals_leave_the_plan_as_it_was(void **state)
{
	(void)state;
	plan_for(FAKE_MACHINE("skylake-sp"));
	refused_bits = PERF_SAMPLE_PHYS_ADDR;
	assert_int_equal(pmu_plan_try(&plan, &fake.host), -EINVAL);
	assert_true(plan.events[0].attr.perf.sample_type & WEIGHT_STRUCT);
	assert_int_equal(plan.nr_notes, 0);
	assert_reason("cpu/mem-loads,ldlat=3/: perf_event_open on CPU 0");
}

static void refusal_of_the_last_closes_the_others(void **state)
{
	static const struct {
		int err;
		const char *hint;
	} refusals[] = {
		{ -EACCES, "CAP_PERFMON" },     { -ENOENT, "does not offer" },
		{ -ENODATA, "mem-loads-aux" },  { -EOPNOTSUPP, "a VM" },
		{ -EBUSY, "another profiler" }, { -EMFILE, "ulimit" },
	};

	(void)state;
	plan_for(FAKE_MACHINE("sapphire-rapids"));
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		nr_opens = 0;
		refused_config = 0x2cd;
		refusal = refusals[i].err;
		assert_int_equal(pmu_plan_try(&plan, &fake.host), refusals[i].err);
		assert_reason("cpu/mem-stores/");
		assert_reason(refusals[i].hint);
		assert_int_equal(nr_opens, 3);
		assert_all_closed();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(leader_is_opened_first_and_leads, drop),
		cmocka_unit_test_teardown(each_kind_of_core_is_tried_on_one_of_its_cpus, drop),
		cmocka_unit_test_teardown(weight_is_lowered_to_what_the_kernel_takes, drop),
		cmocka_unit_test_teardown(no_weight_at_all_is_noted, drop),
		cmocka_unit_test_teardown(other_refusals_leave_the_plan_as_it_was, drop),
		cmocka_unit_test_teardown(refusal_of_the_last_closes_the_others, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
