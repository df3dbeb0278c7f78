/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_machine.c - what is known of the machine besides its PMUs. */
#include "tests/unit/test.h"

#include "sources/pmu_machine.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static struct pmu_machine machine;

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

static void read_release(const char *release)
{
	fake_write(&fake, "proc/sys/kernel/osrelease", release);
	pmu_machine_read(&machine, &fake.host);
}

static void kernels_are_ordered_by_release(void **state)
{
	(void)state;
	read_release("6.14.0-27-generic\n");
	assert_false(pmu_kernel_before(&machine, 6, 14));
	assert_true(pmu_kernel_before(&machine, 6, 15));
	assert_true(pmu_kernel_before(&machine, 7, 0));
	assert_false(pmu_kernel_before(&machine, 6, 2));
	assert_false(pmu_kernel_before(&machine, 5, 19));
}

static void unknown_kernel_is_before_none(void **state)
{
	(void)state;
	read_release("next\n");
	assert_false(pmu_kernel_before(&machine, 99, 0));
	read_release("6\n");
	assert_false(pmu_kernel_before(&machine, 99, 0));
	fake_remove(&fake, "proc/sys/kernel/osrelease");
	pmu_machine_read(&machine, &fake.host);
	assert_false(pmu_kernel_before(&machine, 99, 0));
}

static void read_cpuinfo(const char *text)
{
	fake_write(&fake, "proc/cpuinfo", text);
	pmu_machine_read(&machine, &fake.host);
}

static void model_is_not_the_models_name(void **state)
{
	(void)state;
	read_cpuinfo("processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
		     "model name\t: 99 bottles\nmodel\t\t: 143\nflags\t\t: fpu hypervisor sse\n");
	assert_int_equal(machine.vendor, PMU_VENDOR_INTEL);
	assert_int_equal(machine.family, 6);
	assert_int_equal(machine.model, 143);
	assert_true(machine.in_vm);
}

static void flag_is_a_whole_word(void **state)
{
	(void)state;
	read_cpuinfo("vendor_id : HygonGenuine\nflags : fpu hypervisor_like nohypervisor\n"
		     "bugs : hypervisor\n");
	assert_int_equal(machine.vendor, PMU_VENDOR_AMD);
	assert_false(machine.in_vm);
}

static void arm_is_known_by_its_implementer(void **state)
{
	(void)state;
	read_cpuinfo("processor\t: 0\nCPU implementer\t: 0x41\n");
	assert_int_equal(machine.vendor, PMU_VENDOR_ARM);
}

static void nothing_readable_is_nothing_known(void **state)
{
	(void)state;
	pmu_machine_read(&machine, &fake.host);
	assert_int_equal(machine.vendor, PMU_VENDOR_OTHER);
	read_cpuinfo("vendor_id");
	assert_int_equal(machine.vendor, PMU_VENDOR_OTHER);
	assert_int_equal(machine.model, 0);
	read_cpuinfo("");
	assert_false(machine.in_vm);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernels_are_ordered_by_release),  TEST(unknown_kernel_is_before_none),
		TEST(model_is_not_the_models_name),    TEST(flag_is_a_whole_word),
		TEST(arm_is_known_by_its_implementer), TEST(nothing_readable_is_nothing_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
