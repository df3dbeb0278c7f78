/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_damon.c - whose DAMON it is, and from aggregations to reports. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/settings.h"
#include "tests/unit/sources/fake_perf.h"
#include "thermocline/source.h"

#define MS 1000000ull
#define MIB (1ull << 20)
#define KDAMONDS "sys/kernel/mm/damon/admin/kdamonds/"
#define CONTEXT KDAMONDS "0/contexts/0/"
#define STAT "sys/module/damon_stat/parameters/enabled"
#define PID 42

extern const struct thermo_source thermo_source_damon;
extern const struct thermo_source thermo_source_damon_pa;

static const struct thermo_source *const source = &thermo_source_damon;
static const struct thermo_source *const source_pa = &thermo_source_damon_pa;
static struct fake_host fake;
static struct thermo_settings settings;
static struct thermo_source_opts opts;
static void *mem;
static struct thermo_reporter *reporter;

static int make(void **state)
{
	(void)state;
	fake_host_copy(&fake, FAKE_MACHINE("2n-cxl"));
	fake_perf_init(&fake);
	opts = (struct thermo_source_opts){ .host = &fake.host,
					    .settings = &settings,
					    .buffer_bytes = FAKE_RING_BYTES };
	mem = calloc(1, source->state_bytes);
	return !mem || thermo_settings_open(&settings, &fake.host, NULL) ||
	       thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 1024,
									      .nr_threads = 1 });
}

static int drop(void **state)
{
	(void)state;
	source->close(mem);
	free(mem);
	thermo_reporter_free(reporter);
	(void)thermo_settings_close(&settings);
	fake_host_fini(&fake);
	return 0;
}

/* --- probe --- */

static void kdamond_of_somebody_else_is_left_alone(void **state)
{
	(void)state;
	fake_write(&fake, KDAMONDS "nr_kdamonds", "2\n");
	fake_write(&fake, KDAMONDS "0/state", "off\n");
	fake_write(&fake, KDAMONDS "0/pid", "-1\n");
	fake_write(&fake, KDAMONDS "1/state", "on\n");
	fake_write(&fake, KDAMONDS "1/pid", "7777\n");
	assert_int_equal(source->probe(&opts), -EBUSY);
	assert_reason("kdamond 1 (pid 7777)");
	assert_reason("left alone");
	assert_int_equal(source_pa->probe(&opts), -EBUSY);
	assert_reason("damon-pa: kdamond 1 (pid 7777)");
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "2");
	assert_string_equal(fake_read(&fake, KDAMONDS "1/state"), "on");
}

static void kdamond_that_somebody_only_set_up_is_left_alone(void **state)
{
	(void)state;
	fake_write(&fake, KDAMONDS "nr_kdamonds", "1\n");
	fake_write(&fake, KDAMONDS "0/state", "off\n");
	assert_int_equal(source->probe(&opts), -EBUSY);
	assert_reason("somebody has set up 1 kdamond");
}

static void damon_stat_blocks_unless_it_may_be_paused(void **state)
{
	(void)state;
	fake_write(&fake, STAT, "Y\n");
	assert_int_equal(source->probe(&opts), -EBUSY);
	assert_reason("DAMON_STAT");
	assert_reason("--pause-damon-stat");
#ifdef HAVE_TRACEEVENT
	opts.pause_damon_stat = true;
	assert_int_equal(source->probe(&opts), 0);
	assert_string_equal(fake_read(&fake, STAT), "Y");
	fake_write(&fake, STAT, "N\n");
	opts.pause_damon_stat = false;
	assert_int_equal(source->probe(&opts), 0);
#endif
}

static void running_module_is_named_and_cannot_be_paused(void **state)
{
	static const char *const modules[] = { "damon_reclaim", "damon_lru_sort" };

	(void)state;
	opts.pause_damon_stat = true;
	for (int i = 0; i < 2; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "sys/module/%s/parameters/enabled", modules[i]);
		fake_write(&fake, path, "Y\n");
		assert_int_equal(source->probe(&opts), -EBUSY);
		assert_reason(modules[i]);
		fake_write(&fake, path, "N\n");
	}
}

static void kernel_without_the_interface_is_told(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/kernel/mm");
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_reason("CONFIG_DAMON_SYSFS");
}

static void missing_capabilities_are_named(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/status", "CapEff:\t0000000000000000\n");
	assert_int_equal(source->probe(&opts), -EPERM);
	assert_reason("damon: needs CAP_SYS_ADMIN and CAP_PERFMON");
}

#ifdef HAVE_TRACEEVENT
static void idle_machine_will_do_and_stays_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "0");
	assert_int_equal(settings.nr_changes, 0);
}

static void missing_tracepoint_is_named(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/kernel/tracing");
	assert_int_equal(source->probe(&opts), -ENOENT);
	assert_reason("damon:damon_aggregated");
}

/* --- running --- */

/* What the kernel makes when nr_kdamonds becomes 1. */
static void make_kdamond_files(void)
{
	static const char *const files[] = {
		"0/contexts/nr_contexts",
		"0/contexts/0/operations",
		"0/contexts/0/monitoring_attrs/intervals/sample_us",
		"0/contexts/0/monitoring_attrs/intervals/aggr_us",
		"0/contexts/0/monitoring_attrs/intervals/update_us",
		"0/contexts/0/monitoring_attrs/nr_regions/min",
		"0/contexts/0/monitoring_attrs/nr_regions/max",
		"0/contexts/0/targets/nr_targets",
		"0/contexts/0/targets/0/pid_target",
		"0/contexts/0/targets/1/pid_target",
		"0/contexts/0/targets/0/regions/nr_regions",
		"0/contexts/0/targets/0/regions/0/start",
		"0/contexts/0/targets/0/regions/0/end",
		"0/contexts/0/targets/0/regions/1/start",
		"0/contexts/0/targets/0/regions/1/end",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[160];

		(void)snprintf(path, sizeof(path), KDAMONDS "%s", files[i]);
		fake_write(&fake, path, "0\n");
	}
	fake_write(&fake, KDAMONDS "0/state", "off\n");
	fake_write(&fake, KDAMONDS "0/pid", "4711\n");
}

static void start_this(const struct thermo_source *s)
{
	assert_int_equal(s->open(mem, &opts), 0);
	assert_int_equal(s->start(mem), 0);
	make_kdamond_files();
}

static void start_source(void)
{
	start_this(source);
}

static void kdamond_starts_with_its_first_target_and_goes_back(void **state)
{
	const pid_t pids[] = { PID, PID + 1 };

	(void)state;
	fake_write(&fake, STAT, "Y\n");
	opts.pause_damon_stat = true;
	start_source();
	assert_string_equal(fake_read(&fake, STAT), "N");
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "1");
	assert_int_equal(source->set_targets(mem, pids, 0), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "off");
	assert_int_equal(source->set_targets(mem, pids, 2), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "on");
	assert_string_equal(fake_read(&fake, CONTEXT "operations"), "vaddr");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/nr_targets"), "2");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/1/pid_target"), "43");
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "off");
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "0");
	assert_string_equal(fake_read(&fake, STAT), "Y");
}

static void kdamond_with_another_pid_is_not_stopped(void **state)
{
	const pid_t pid = PID;

	(void)state;
	start_source();
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	fake_write(&fake, KDAMONDS "0/pid", "9999\n");
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "on");
}

static void kdamond_that_somebody_turned_off_is_not_turned_on_again(void **state)
{
	const pid_t pid = PID;

	(void)state;
	start_source();
	fake_write(&fake, "proc/42/comm", "one\n");
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	fake_advance(&fake, 1000 * MS);
	assert_int_equal(source->drain(mem, reporter), 0);
	fake_write(&fake, KDAMONDS "0/state", "off\n");
	assert_int_equal(source->drain(mem, reporter), 0); /* it looks once a second */
	fake_advance(&fake, 1000 * MS);
	assert_int_equal(source->drain(mem, reporter), -EBUSY);
	assert_reason("turned our kdamond off");
	assert_int_equal(source->set_targets(mem, &pid, 1), -EBUSY);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "off");
	/* With its last target it ends by itself, and starts with the next one. */
	fake_remove(&fake, "proc/42/comm");
	assert_int_equal(source->drain(mem, reporter), 0);
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "on");
}

static void damon_that_somebody_took_ends_the_source(void **state)
{
	(void)state;
	fake_write(&fake, STAT, "Y\n");
	opts.pause_damon_stat = true;
	start_source();
	fake_write(&fake, STAT, "Y\n");
	fake_advance(&fake, 1000 * MS);
	assert_int_equal(source->drain(mem, reporter), -EBUSY);
	assert_reason("somebody set /" STAT " to Y");
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, STAT), "Y");
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "0");
}

static void damon_stat_is_not_touched_without_leave(void **state)
{
	(void)state;
	assert_int_equal(source->open(mem, &opts), 0);
	fake_write(&fake, STAT, "Y\n");
	assert_int_equal(source->start(mem), -EBUSY);
	assert_string_equal(fake_read(&fake, STAT), "Y");
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "0");
}

static void aggregate(uint64_t time_ns, uint64_t target, uint64_t start, uint64_t end,
		      uint32_t nr_accesses)
{
	struct {
		struct perf_event_header header;
		uint64_t id, time_ns;
		unsigned char raw[56];
	} r = { { PERF_RECORD_SAMPLE, 0, sizeof(r) }, 100, time_ns, { 52 } };

	memcpy(r.raw + 4 + 8, &target, 8);
	memcpy(r.raw + 4 + 24, &start, 8);
	memcpy(r.raw + 4 + 32, &end, 8);
	memcpy(r.raw + 4 + 40, &nr_accesses, 4);
	fake_put_record(0, &r, sizeof(r));
}

/* Accesses per second and byte that a report speaks for. */
static double rate_of(const struct thermo_access *a)
{
	return (double)a->nr_accesses / ((double)a->extent_bytes * (double)a->watched_ns / 1e9);
}

static void aggregation_becomes_reports_of_its_regions(void **state)
{
	const pid_t pid = PID;
	struct thermo_access a[8];

	(void)state;
	start_source();
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	aggregate(100 * MS, 0, 0, 64 * MIB, 0);
	aggregate(100 * MS, 0, 64 * MIB, 128 * MIB, 10);
	aggregate(100 * MS, 0, 128 * MIB, 192 * MIB, 20);
	assert_int_equal(source->drain(mem, reporter), 3);
	assert_int_equal(thermo_reporter_drain(reporter, a, 8), 3);
	assert_int_equal(a[0].nr_accesses, 0);
	assert_int_equal(a[0].pid, PID);
	assert_int_equal(a[0].extent_bytes, 64 * MIB);
	assert_true(a[0].watched_ns > 0);
	/* Half of the looks at 5 ms each: ln 2 an interval and page. */
	assert_near(rate_of(&a[1]), 0.693 / 0.005 / 4096, 5);
	assert_true(rate_of(&a[2]) > 3 * rate_of(&a[1]) && isfinite(rate_of(&a[2])));
}

/* The kdamond may run on any of them. */
static void cpus_that_come_and_go_are_followed(void **state)
{
	const pid_t pid = PID;
	int nr;

	(void)state;
	start_source();
	nr = fake_nr_events;
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	aggregate(100 * MS, 0, 0, 64 * MIB, 0);
	fake_write(&fake, "sys/devices/system/cpu/online", "1\n");
	fake_advance(&fake, 1000 * MS);
	/* What it recorded before it went counts. */
	assert_int_equal(source->drain(mem, reporter), 1);
	for (int i = 0; i < nr; i++)
		assert_int_equal(fake_is_open(i), fake_events[i].cpu == 1);
	fake_write(&fake, "sys/devices/system/cpu/online", "0-1\n");
	fake_advance(&fake, 1000 * MS);
	assert_int_equal(source->drain(mem, reporter), 0);
	assert_int_equal(fake_nr_events, nr + 1);
	assert_int_equal(fake_events[nr].cpu, 0);
	assert_true(fake_events[nr].enabled);
}

static void records_of_nobody_and_nonsense_are_counted(void **state)
{
	const pid_t pid = PID;
	struct thermo_source_counters c;

	(void)state;
	start_source();
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	aggregate(100 * MS, 1, 0, 64 * MIB, 0);
	aggregate(100 * MS, UINT64_MAX, 0, 64 * MIB, 0);
	aggregate(100 * MS, 0, 64 * MIB, 64 * MIB, 0);
	aggregate(100 * MS, 0, 0, 64 * MIB, UINT32_MAX); /* more accesses than looks */
	assert_int_equal(source->drain(mem, reporter), 1);
	source->counters(mem, &c);
	assert_int_equal(c.seen, 4);
	assert_int_equal(c.ignored, 3);
	assert_int_equal(c.reported, 1);
}

/* --- physical memory --- */

static void write_memory(void)
{
	fake_write(&fake, "proc/iomem",
		   "00001000-3fffffff : System RAM\n"
		   "100000000-13fffffff : System RAM\n");
	fake_remove(&fake, "sys/devices/system/memory");
}

static void physical_memory_is_one_target_with_its_ranges(void **state)
{
	(void)state;
	write_memory();
	assert_int_equal(source_pa->probe(&opts), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "nr_kdamonds"), "0");
	start_this(source_pa);
	/* Nobody is watched, and all memory is. */
	assert_int_equal(source_pa->set_targets(mem, NULL, 0), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "on");
	assert_string_equal(fake_read(&fake, CONTEXT "operations"), "paddr");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/nr_targets"), "1");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/0/regions/nr_regions"), "2");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/0/regions/0/start"), "4096");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/0/regions/1/end"), "5368709120");
	assert_string_equal(fake_read(&fake, CONTEXT "targets/0/pid_target"), "0");
	/* As long as memory stays, the kdamond is left in peace. */
	fake_write(&fake, CONTEXT "operations", "untouched");
	assert_int_equal(source_pa->set_targets(mem, NULL, 0), 0);
	assert_string_equal(fake_read(&fake, CONTEXT "operations"), "untouched");
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "off");
}

static void memory_that_is_plugged_is_told_to_the_kdamond(void **state)
{
	(void)state;
	write_memory();
	start_this(source_pa);
	assert_int_equal(source_pa->set_targets(mem, NULL, 0), 0);
	fake_write(&fake, "proc/iomem",
		   "00001000-3fffffff : System RAM\n"
		   "100000000-17fffffff : System RAM\n");
	fake_write(&fake, "proc/meminfo", "MemTotal: 4711 kB\n");
	assert_int_equal(source_pa->set_targets(mem, NULL, 0), 0);
	assert_string_equal(fake_read(&fake, CONTEXT "targets/0/regions/1/end"), "6442450944");
	assert_string_equal(fake_read(&fake, KDAMONDS "0/state"), "commit");
}

static void physical_reports_say_nothing_of_who(void **state)
{
	struct thermo_access a[64];
	double events = 0, exposure = 0;

	(void)state;
	write_memory();
	start_this(source_pa);
	assert_int_equal(source_pa->set_targets(mem, NULL, 0), 0);
	aggregate(100 * MS, 0, 16 * MIB, 32 * MIB, 10);
	aggregate(100 * MS, 1, 32 * MIB, 64 * MIB, 10); /* there is one target */
	assert_int_equal(source_pa->drain(mem, reporter), 1);
	assert_int_equal(thermo_reporter_drain(reporter, a, 64), 1);
	assert_int_equal(a[0].space, THERMO_SPACE_PHYSICAL);
	assert_int_equal(a[0].pid, 0);
	assert_int_equal(a[0].tid, 0);
	assert_int_equal(a[0].op, THERMO_OP_UNKNOWN);
	assert_int_equal(a[0].cpu, THERMO_CPU_UNKNOWN);
	assert_near(rate_of(&a[0]), 0.693 / 0.005 / 4096, 5);
	/* 320 MiB are told in ten pieces, with the same sums. */
	aggregate(100 * MS, 0, 0, 320 * MIB, 10);
	assert_int_equal(source_pa->drain(mem, reporter), 10);
	assert_int_equal(thermo_reporter_drain(reporter, a, 64), 10);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(a[i].extent_bytes, 32 * MIB);
		events += a[i].nr_accesses;
		exposure += (double)a[i].extent_bytes * (double)a[i].watched_ns / 1e9;
	}
	assert_near(events / exposure, 0.693 / 0.005 / 4096, 5);
}

static void wrong_nodes_are_no_reason_to_watch_all(void **state)
{
	(void)state;
	write_memory();
	opts.damon_nodes = "99";
	assert_int_equal(source_pa->probe(&opts), -EINVAL);
	assert_reason("damon-pa: node 99 has no memory");
}
#endif

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(kdamond_of_somebody_else_is_left_alone),
		TEST(kdamond_that_somebody_only_set_up_is_left_alone),
		TEST(damon_stat_blocks_unless_it_may_be_paused),
		TEST(running_module_is_named_and_cannot_be_paused),
		TEST(kernel_without_the_interface_is_told),
		TEST(missing_capabilities_are_named),
#ifdef HAVE_TRACEEVENT
		TEST(idle_machine_will_do_and_stays_as_it_is),
		TEST(missing_tracepoint_is_named),
		TEST(kdamond_starts_with_its_first_target_and_goes_back),
		TEST(kdamond_with_another_pid_is_not_stopped),
		TEST(kdamond_that_somebody_turned_off_is_not_turned_on_again),
		TEST(damon_that_somebody_took_ends_the_source),
		TEST(damon_stat_is_not_touched_without_leave),
		TEST(aggregation_becomes_reports_of_its_regions),
		TEST(cpus_that_come_and_go_are_followed),
		TEST(records_of_nobody_and_nonsense_are_counted),
		TEST(physical_memory_is_one_target_with_its_ranges),
		TEST(memory_that_is_plugged_is_told_to_the_kdamond),
		TEST(physical_reports_say_nothing_of_who),
		TEST(wrong_nodes_are_no_reason_to_watch_all),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
