/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_virtual_pmu.c - the driver of the virtual PMU on a device that is a file, which the
 * emulator's side fills.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "tests/lab/truth/vpmu.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define NR_CPUS 2u
#define DEVICE "sys/bus/pci/devices/0000:00:05.0"
#define PID 300

extern const struct thermo_source thermo_source_virtual_pmu;
static const struct thermo_source *const source = &thermo_source_virtual_pmu;

static const struct vpmu_options device_options = {
	.control = { .ops = VPMU_LOADS | VPMU_STORES },
	.nr_cpus = NR_CPUS,
	.nr_nodes = 2,
	.cpus_per_node = 2,
	.latency_ns = { 80, 250 },
	.is_fast = { true, false },
};

static struct fake_host fake;
static struct vpmu pmu;
static struct thermo_source_opts opts;
static struct thermo_reporter *reporter;
static void *state_of_source;

static void add_device(const char *at, const char *vendor, const char *device, size_t bytes)
{
	char path[128];
	static unsigned char zeroes[1 << 20];

	(void)snprintf(path, sizeof(path), "%s/vendor", at);
	fake_write(&fake, path, vendor);
	(void)snprintf(path, sizeof(path), "%s/device", at);
	fake_write(&fake, path, device);
	(void)snprintf(path, sizeof(path), "%s/resource2", at);
	assert_true(bytes <= sizeof(zeroes));
	fake_write_bytes(&fake, path, zeroes, bytes);
}

static int make(void **state)
{
	char path[FAKE_PATH_BYTES];

	(void)state;
	fake_host_init(&fake);
	opts = (struct thermo_source_opts){ .host = &fake.host };
	/* What is on other machines' buses, too. */
	add_device("sys/bus/pci/devices/0000:00:01.0", "0x8086\n", "0x2918\n", 4096);
	add_device("sys/bus/pci/devices/0000:00:04.0", "0x1af4\n", "0x1110\n", 65536);
	add_device(DEVICE, "0x1af4\n", "0x1110\n", vpmu_bytes(NR_CPUS));
	fake_write(&fake, "sys/devices/system/node/online", "0-1\n");
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "0\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "1\n");
	(void)snprintf(path, sizeof(path), "%s/" DEVICE "/resource2", fake.root);
	assert_int_equal(vpmu_open(&pmu, path, &device_options), 0);
	vpmu_set_task(&pmu, 0, (uint64_t)PID << 32 | 301);
	vpmu_set_task(&pmu, 1, (uint64_t)PID << 32 | 302);
	assert_int_equal(thermo_reporter_new(&reporter, NULL), 0);
	state_of_source = calloc(1, source->state_bytes);
	assert_non_null(state_of_source);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	source->close(state_of_source);
	free(state_of_source);
	thermo_reporter_free(reporter);
	(void)munmap(pmu.page, vpmu_bytes(NR_CPUS));
	fake_host_fini(&fake);
	return 0;
}

static void start(void)
{
	static const pid_t pids[] = { 900, PID, 20 };

	assert_int_equal(source->open(state_of_source, &opts), 0);
	assert_int_equal(source->start(state_of_source), 0);
	assert_int_equal(source->set_targets(state_of_source, pids, 3), 0);
}

static void touch(uint32_t cpu, uint32_t node, bool store, uint64_t addr)
{
	if (vpmu_count(&pmu, cpu, node, store))
		vpmu_sample(&pmu, cpu, node, store, addr, 0);
}

static void touch_times(uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		touch(0, 0, false, 4096 * i);
}

static struct thermo_source_counters counters(void)
{
	struct thermo_source_counters c;

	source->counters(state_of_source, &c);
	return c;
}

static uint64_t period(void)
{
	return pmu.page->control.period[0];
}

static void expect_probe(int err, const char *reason)
{
	assert_int_equal(source->probe(&opts), err);
	if (err)
		assert_reason(reason);
}

static void probe_finds_the_device_and_changes_nothing(void **state)
{
	struct vpmu_page before = *pmu.page;

	(void)state;
	expect_probe(0, NULL);
	assert_memory_equal(pmu.page, &before, sizeof(before));
}

static void probe_of_another_machine_says_where_the_device_is(void **state)
{
	(void)state;
	fake_remove(&fake, DEVICE);
	expect_probe(-ENODEV, "thermocline lab --truth --virtual-pmu");
	fake_remove(&fake, "sys/bus");
	expect_probe(-ENODEV, "thermocline lab --truth --virtual-pmu");
}

static void probe_of_another_version_says_so(void **state)
{
	(void)state;
	pmu.page->version++;
	expect_probe(-EOPNOTSUPP, "version 3, not 2");
	assert_int_equal(source->open(state_of_source, &opts), -EBADMSG);
}

static void device_has_one_driver(void **state)
{
	(void)state;
	start();
	expect_probe(-EBUSY, "in use by another process");
	source->close(state_of_source);
	expect_probe(0, NULL);
}

static void sample_becomes_a_report(void **state)
{
	struct thermo_access a[3];

	(void)state;
	start();
	for (uint64_t i = 0; i < period(); i++)
		touch(0, 0, false, 0x10000 + i);
	for (uint64_t i = 0; i < period(); i++)
		touch(1, 1, true, 0x20000 + i);
	fake_advance(&fake, 5000);
	assert_int_equal(source->drain(state_of_source, reporter), 2);
	assert_int_equal(thermo_reporter_drain(reporter, a, 3), 2);

	assert_int_equal(a[0].addr, 0x10000 + period() - 1);
	assert_int_equal(a[0].extent_bytes, 1);
	assert_int_equal(a[0].time_ns, 1000005000);
	assert_int_equal(a[0].watched_ns, 0);
	assert_int_equal(a[0].nr_accesses, period());
	assert_int_equal(a[0].pid, PID);
	assert_int_equal(a[0].tid, 301);
	assert_int_equal(a[0].cpu, 0);
	assert_int_equal(a[0].latency_ns, 80);
	assert_int_equal(a[0].node, 0);
	assert_int_equal(a[0].op, THERMO_OP_READ);
	assert_int_equal(a[0].space, THERMO_SPACE_VIRTUAL);
	assert_int_equal(a[0].level, THERMO_LEVEL_LOCAL_DRAM);

	assert_int_equal(a[1].tid, 302);
	assert_int_equal(a[1].cpu, 1);
	assert_int_equal(a[1].latency_ns, 250);
	assert_int_equal(a[1].node, 1);
	assert_int_equal(a[1].op, THERMO_OP_WRITE);
	assert_int_equal(a[1].level, THERMO_LEVEL_CXL);
	assert_int_equal(counters().seen, 2);
	assert_int_equal(counters().reported, 2);
}

static void node_of_a_cpu_that_no_list_names_is_unknown(void **state)
{
	struct thermo_access a;

	(void)state;
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "\n");
	start();
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 1);
	assert_int_equal(thermo_reporter_drain(reporter, &a, 1), 1);
	assert_int_equal(a.node, THERMO_NODE_UNKNOWN);
}

static void samples_of_others_are_ignored_and_counted(void **state)
{
	(void)state;
	start();
	vpmu_forget_tasks(&pmu);
	touch_times(period());
	vpmu_set_task(&pmu, 0, 301ull << 32 | 301);
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	assert_int_equal(counters().seen, 2);
	assert_int_equal(counters().ignored, 2);
	assert_int_equal(source->set_targets(state_of_source, NULL, 0), 0);
	vpmu_set_task(&pmu, 0, (uint64_t)PID << 32 | 301);
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	assert_int_equal(counters().ignored, 3);
}

static void what_the_device_lost_is_counted(void **state)
{
	const uint64_t room = VPMU_RING_BYTES / 72;

	(void)state;
	start();
	touch_times(period() * (room + 10));
	assert_int_equal(source->drain(state_of_source, reporter), room);
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 1);
	assert_int_equal(counters().lost, 10);
	assert_int_equal(counters().seen, room + 1);
}

/* As many accesses as there were, though a third of the samples found no room. */
static void what_the_device_lost_the_others_stand_for(void **state)
{
	const uint64_t room = VPMU_RING_BYTES / 72;
	uint64_t touches = 0, told = 0;

	(void)state;
	start();
	for (int i = 0; i < 10; i++) {
		touch_times(period() * (room + room / 2));
		touches += period() * (room + room / 2);
		for (int n = source->drain(state_of_source, reporter); n > 0; n -= 64) {
			struct thermo_access some[64];
			size_t nr = thermo_reporter_drain(reporter, some, 64);

			for (size_t j = 0; j < nr; j++)
				told += some[j].nr_accesses;
		}
	}
	assert_true(counters().lost > counters().seen / 3);
	/* What the last round lost is told with the next sample only. */
	assert_near((double)told, (double)touches, 100.0 / 10);
}

static void records_from_before_the_start_are_not_ours(void **state)
{
	(void)state;
	start();
	touch_times(3 * period());
	source->close(state_of_source);
	start();
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 1);
}

static void stop_ends_sampling(void **state)
{
	(void)state;
	start();
	source->stop(state_of_source);
	touch_times(10 * period());
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	assert_int_equal(counters().seen, 0);
}

/* @nr samples in @ms milliseconds. */
static void sample_rate(uint64_t nr, uint64_t ms)
{
	for (uint64_t left = nr; left > 0;) {
		uint64_t n = left < 3600 ? left : 3600;

		touch_times(n * period());
		left -= n;
		if (left == 0)
			fake_advance(&fake, ms * 1000000);
		assert_true(source->drain(state_of_source, reporter) >= 0);
	}
}

static void silence(uint64_t ms)
{
	fake_advance(&fake, ms * 1000000);
	assert_int_equal(source->drain(state_of_source, reporter), 0);
}

static void period_follows_the_rate_at_most_twofold_a_step(void **state)
{
	uint64_t was;

	(void)state;
	start();
	was = period();
	sample_rate(8000, 500); /* four times too many */
	assert_int_equal(period(), (2 * was) | 1);
	was = period();
	sample_rate(3000, 500);
	assert_near((double)period(), 1.5 * (double)was, 1);
	was = period();
	sample_rate(40, 500); /* far too few */
	assert_near((double)period(), 0.5 * (double)was, 1);
	assert_int_equal(period() % 2, 1);
}

static void period_stays_for_a_tenth_and_between_steps(void **state)
{
	uint64_t was;

	(void)state;
	start();
	was = period();
	sample_rate(2160, 500);
	assert_int_equal(period(), was);
	sample_rate(1600, 200);
	assert_int_equal(period(), was);
}

/* Silence does not say how many there will be. */
static void period_stays_without_samples_and_has_a_least(void **state)
{
	uint64_t was;

	(void)state;
	start();
	was = period();
	for (int i = 0; i < 10; i++)
		silence(500);
	assert_int_equal(period(), was);
	for (int i = 0; i < 10; i++)
		sample_rate(1, 500);
	assert_int_equal(period(), 31);
}

static void lower_rate_makes_the_period_longer(void **state)
{
	uint64_t was;

	(void)state;
	start();
	was = period();
	assert_int_equal(source->set_rate(state_of_source, 500), 0);
	sample_rate(2000, 500);
	assert_int_equal(period(), (2 * was) | 1);
	sample_rate(1000, 500);
	assert_int_equal(period(), (2 * was) | 1);
}

static void period_that_the_lab_fixed_is_left_alone(void **state)
{
	uint64_t sequence;

	(void)state;
	pmu.page->fixed_period[0] = 50;
	start();
	sequence = pmu.page->control.sequence;
	sample_rate(8000, 500);
	assert_int_equal(pmu.page->control.sequence, sequence);
}

/* The device is exchanged for one of another flavour. */
static void power_on_as(enum vpmu_flavour flavour, uint32_t other_ops)
{
	struct vpmu_options options = device_options;

	options.flavour = flavour;
	options.other_ops = other_ops;
	vpmu_init(&pmu, pmu.page, &options);
	vpmu_set_task(&pmu, 0, (uint64_t)PID << 32 | 301);
}

static void operations_that_are_no_access_are_sorted_out(void **state)
{
	static struct thermo_access a[1000];
	uint64_t sum = 0;
	size_t nr;

	(void)state;
	power_on_as(VPMU_IBS, 4);
	start();
	assert_int_equal(period() % 16, 0);
	touch_times(100 * period());
	nr = (size_t)source->drain(state_of_source, reporter);
	assert_int_equal(counters().seen, 500);
	assert_int_equal(counters().reported, nr);
	assert_int_equal(counters().useless, 500 - nr);
	assert_int_equal(thermo_reporter_drain(reporter, a, 1000), nr);
	for (size_t i = 0; i < nr; i++) {
		assert_true(a[i].addr < 4096 * 100 * period());
		assert_int_equal(a[i].op, THERMO_OP_READ);
		assert_int_equal(a[i].latency_ns, 80);
		sum += a[i].nr_accesses;
	}
	/* Accesses are a fifth of all operations, and so are the samples that tell of them. */
	assert_near((double)sum, 100.0 * (double)period(), 25.0 * (double)period());
}

static void latency_and_level_that_ibs_does_not_know_stay_unknown(void **state)
{
	struct thermo_access a;

	(void)state;
	power_on_as(VPMU_IBS, 0);
	start();
	for (uint64_t i = 0; i < period(); i++)
		touch(0, 1, true, 0x1000);
	assert_int_equal(source->drain(state_of_source, reporter), 1);
	assert_int_equal(thermo_reporter_drain(reporter, &a, 1), 1);
	assert_int_equal(a.op, THERMO_OP_WRITE);
	assert_int_equal(a.latency_ns, 0);
	assert_int_equal(a.level, THERMO_LEVEL_UNKNOWN);
}

static void period_of_ibs_stays_a_multiple_of_16(void **state)
{
	(void)state;
	power_on_as(VPMU_IBS, 0);
	start();
	for (int i = 0; i < 6; i++) {
		sample_rate(4000, 500);
		assert_int_equal(period() % 16, 0);
	}
	for (int i = 0; i < 12; i++) {
		sample_rate(40, 500);
		assert_int_equal(period() % 16, 0);
	}
	assert_int_equal(period(), 32);
}

static void loads_and_stores_of_pebs_are_samples_of_two_events(void **state)
{
	struct thermo_access a[2];

	(void)state;
	power_on_as(VPMU_PEBS, 0);
	start();
	assert_int_equal(pmu.page->control.period[0], pmu.page->control.period[1]);
	for (uint64_t i = 0; i < period(); i++)
		touch(0, 1, false, 0x1000);
	for (uint64_t i = 0; i < period(); i++)
		touch(0, 1, true, 0x2000);
	assert_int_equal(source->drain(state_of_source, reporter), 2);
	assert_int_equal(thermo_reporter_drain(reporter, a, 2), 2);
	assert_int_equal(a[0].op, THERMO_OP_READ);
	assert_int_equal(a[0].latency_ns, 250);
	/* Intel's processors do not tell CXL memory. */
	assert_int_equal(a[0].level, THERMO_LEVEL_REMOTE_DRAM);
	assert_int_equal(a[1].op, THERMO_OP_WRITE);
	assert_int_equal(a[1].nr_accesses, period());
	assert_int_equal(a[1].latency_ns, 0);
	assert_int_equal(a[1].level, THERMO_LEVEL_UNKNOWN);
}

static void event_that_nobody_opened_is_useless(void **state)
{
	(void)state;
	pmu.page->event_id[0] = 4711;
	start();
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	assert_int_equal(counters().useless, 1);
}

static void layout_that_cannot_be_is_refused(void **state)
{
	const struct vpmu_page good = *pmu.page;
	struct vpmu_page bad[11];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		bad[i] = good;
	bad[0].nr_rings = 0;
	bad[1].nr_rings = VPMU_RINGS_MAX + 1;
	bad[2].nr_rings = 64; /* beyond the end */
	bad[3].ring_offset = 1ull << 40;
	bad[4].ring_offset = 4097;
	bad[5].ring_stride = UINT64_MAX - 4095;
	bad[6].ring_stride = 0;
	bad[7].ring_stride = 4096 + 8;
	bad[8].flavour = VPMU_NR_FLAVOURS;
	bad[9].nr_events = 0;
	bad[10].nr_events = VPMU_EVENTS_MAX + 1;
	for (size_t i = 0; i < 11; i++) {
		*pmu.page = bad[i];
		assert_int_equal(source->open(state_of_source, &opts), -EBADMSG);
		assert_reason("not its layout");
		source->close(state_of_source);
	}
}

static void ring_with_nonsense_ends_the_source(void **state)
{
	struct perf_event_mmap_page *page = (void *)((char *)pmu.page + pmu.page->ring_offset);

	(void)state;
	start();
	page->data_head = 1ull << 40;
	assert_int_equal(source->drain(state_of_source, reporter), -EBADMSG);
	source->close(state_of_source);
	page->data_head = 0;
	page->data_size = 12345;
	assert_int_equal(source->open(state_of_source, &opts), -EBADMSG);
	assert_reason("virtual-pmu: ring of");
}

static void sample_type_that_is_not_decoded_ends_the_source(void **state)
{
	(void)state;
	pmu.page->sample_type = 1ull << 62;
	start();
	touch_times(period());
	assert_int_equal(source->drain(state_of_source, reporter), -EOPNOTSUPP);
}

static void sample_for_no_access_is_useless(void **state)
{
	struct perf_event_mmap_page *page = (void *)((char *)pmu.page + pmu.page->ring_offset);

	(void)state;
	start();
	touch_times(period());
	/* header, id, pid and tid, address, CPU: then the period */
	memset((char *)page + page->data_offset + 40, 0, 8);
	assert_int_equal(source->drain(state_of_source, reporter), 0);
	assert_int_equal(counters().useless, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(probe_finds_the_device_and_changes_nothing),
		TEST(probe_of_another_machine_says_where_the_device_is),
		TEST(probe_of_another_version_says_so),
		TEST(device_has_one_driver),
		TEST(sample_becomes_a_report),
		TEST(node_of_a_cpu_that_no_list_names_is_unknown),
		TEST(samples_of_others_are_ignored_and_counted),
		TEST(what_the_device_lost_is_counted),
		TEST(what_the_device_lost_the_others_stand_for),
		TEST(records_from_before_the_start_are_not_ours),
		TEST(stop_ends_sampling),
		TEST(period_follows_the_rate_at_most_twofold_a_step),
		TEST(period_stays_for_a_tenth_and_between_steps),
		TEST(period_stays_without_samples_and_has_a_least),
		TEST(lower_rate_makes_the_period_longer),
		TEST(period_that_the_lab_fixed_is_left_alone),
		TEST(operations_that_are_no_access_are_sorted_out),
		TEST(latency_and_level_that_ibs_does_not_know_stay_unknown),
		TEST(period_of_ibs_stays_a_multiple_of_16),
		TEST(loads_and_stores_of_pebs_are_samples_of_two_events),
		TEST(event_that_nobody_opened_is_useless),
		TEST(layout_that_cannot_be_is_refused),
		TEST(ring_with_nonsense_ends_the_source),
		TEST(sample_type_that_is_not_decoded_ends_the_source),
		TEST(sample_for_no_access_is_useless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
