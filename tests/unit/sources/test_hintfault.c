/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hintfault.c - on which machines it runs, and from records to reports. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/settings.h"
#include "tests/unit/sources/fake_perf.h"
#include "thermocline/source.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define MODE "proc/sys/kernel/numa_balancing"
#define RATE_LIMIT "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps"
#define SCAN_DIR "sys/kernel/debug/sched/numa_balancing/"
#define STATUS "proc/self/status"
#define BASE 0x7f0000000000ull
#define PID 42

extern const struct thermo_source thermo_source_hintfault;

static const struct thermo_source *const source = &thermo_source_hintfault;
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
	fake_process(&fake, &(struct fake_process){ .pid = PID,
						    .name = "app",
						    .rss_pages = 1 << 20,
						    .start_ticks = 1,
						    .nr_threads = 2 });
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

#ifdef HAVE_TRACEEVENT
static void machine_with_slow_memory_will_do(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), 0);
	/* Also where the kernel balances, but does not tier. */
	fake_write(&fake, MODE, "1\n");
	assert_int_equal(source->probe(&opts), 0);
	assert_string_equal(fake_read(&fake, MODE), "1");
	assert_int_equal(settings.nr_changes, 0);
}

static int no_such_ioctl(struct fake_host *f, uint64_t start, uint64_t end,
			 struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)f, (void)start, (void)end, (void)runs, (void)nr_runs, (void)scanned_to;
	return -ENOTTY;
}

static void kernel_that_cannot_tell_present_pages_is_told(void **state)
{
	(void)state;
	fake.scan_pages = no_such_ioctl;
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_reason("PAGEMAP_SCAN");
}

static void missing_tracepoint_is_named(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/kernel/tracing");
	assert_int_equal(source->probe(&opts), -ENOENT);
	assert_reason("exceptions:page_fault_user");
}
#endif

static void one_node_has_nothing_to_arm(void **state)
{
	(void)state;
	fake_write(&fake, "sys/devices/system/node/has_memory", "0\n");
	assert_int_equal(source->probe(&opts), -ENODEV);
	assert_reason("only one memory node");
}

static void kernel_without_nodes_is_told(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/devices/system/node");
	assert_int_equal(source->probe(&opts), -ENODEV);
	assert_reason("no NUMA nodes");
}

static void kernel_without_numa_balancing_is_told(void **state)
{
	(void)state;
	fake_remove(&fake, MODE);
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_reason("CONFIG_NUMA_BALANCING");
}

static void kernel_that_tiers_by_itself_is_left_alone(void **state)
{
	static const char *const modes[] = { "2\n", "3\n" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		fake_write(&fake, MODE, modes[i]);
		assert_int_equal(source->probe(&opts), -EBUSY);
		assert_reason("tiering by itself");
		assert_reason("kernel.numa_balancing=");
	}
	assert_string_equal(fake_read(&fake, MODE), "3");
}

static void kernel_that_cannot_be_kept_from_promoting_is_refused(void **state)
{
	(void)state;
	fake_remove(&fake, RATE_LIMIT);
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_reason("promote_rate_limit");
}

static void missing_capabilities_are_named(void **state)
{
	(void)state;
	/* All but CAP_PERFMON (38), CAP_SYS_ADMIN (21), CAP_SYS_PTRACE (19). */
	fake_write(&fake, STATUS, "CapEff:\t000001bfffd7ffff\n");
	assert_int_equal(source->probe(&opts), -EPERM);
	assert_reason("hintfault: needs CAP_");
	assert_reason("CAP_SYS_PTRACE");
	assert_reason("CAP_PERFMON");
}

#if defined(HAVE_TRACEEVENT) && defined(__x86_64__)
/* --- running --- */

/* Opened per CPU in this order; the records of all three go to the ring of the first. */
enum { FAULT, ARM, ARMED, NR_PER_CPU };

static union {
	struct perf_event_header header;
	uint64_t words[32];
} record;

static void push(uint64_t value)
{
	record.words[record.header.size / 8] = value;
	record.header.size += 8;
}

static void begin(int cpu, int kind, pid_t pid, pid_t tid, uint64_t time_ns)
{
	memset(&record, 0, sizeof(record));
	record.header = (struct perf_event_header){ PERF_RECORD_SAMPLE, 0, 8 };
	push((uint64_t)(100 + cpu * NR_PER_CPU + kind));
	push((uint32_t)pid | (uint64_t)tid << 32);
	push(time_ns);
	push((uint64_t)cpu);
}

static void put(int cpu)
{
	fake_put_record(cpu * NR_PER_CPU, &record, record.header.size);
}

/* u32 size, then the tracepoint's record: 8 common bytes, address, ip, error code. */
static void fault(int cpu, pid_t pid, uint64_t time_ns, uint64_t address, uint64_t error_code)
{
	unsigned char raw[40] = { 36 };

	begin(cpu, FAULT, pid, pid + 1, time_ns);
	memcpy(raw + 4 + 8, &address, 8);
	memcpy(raw + 4 + 24, &error_code, 8);
	memcpy(&record.words[record.header.size / 8], raw, sizeof(raw));
	record.header.size += sizeof(raw);
	put(cpu);
}

static void arm(int cpu, pid_t pid, uint64_t time_ns, uint64_t start, uint64_t end)
{
	begin(cpu, ARM, pid, pid, time_ns);
	push(2);
	push(end); /* DX comes before SI */
	push(start);
	put(cpu);
}

static void armed(int cpu, pid_t pid, uint64_t time_ns)
{
	begin(cpu, ARMED, pid, pid, time_ns);
	put(cpu);
}

static int all_present(struct fake_host *f, uint64_t start, uint64_t end,
		       struct thermo_page_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	(void)f;
	assert_true(nr_runs > 0);
	runs[0] = (struct thermo_page_run){ start, end, false };
	*scanned_to = end;
	return 1;
}

static void run(void)
{
	const pid_t pid = PID;

	fake.scan_pages = all_present;
	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->start(mem), 0);
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
}

static void settings_change_at_start_only_and_go_back(void **state)
{
	(void)state;
	fake.scan_pages = all_present;
	assert_int_equal(source->open(mem, &opts), 0);
	assert_string_equal(fake_read(&fake, MODE), "0");
	assert_int_equal(settings.nr_changes, 0);
	for (int i = 0; i < fake_nr_events; i++)
		assert_false(fake_events[i].enabled);
	assert_int_equal(source->start(mem), 0);
	/* One node with CPUs: balancing moves nothing and arms all nodes. */
	assert_string_equal(fake_read(&fake, MODE), "3");
	assert_string_equal(fake_read(&fake, RATE_LIMIT), "0");
	/* The limit before the mode: it is the older change. */
	assert_string_equal(settings.changes[0].path, RATE_LIMIT);
	assert_int_equal(fake_nr_events, 2 * NR_PER_CPU);
	for (int i = 0; i < fake_nr_events; i++)
		assert_true(fake_events[i].enabled);
	source->stop(mem);
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, MODE), "0");
	assert_string_equal(fake_read(&fake, RATE_LIMIT), "65536");
	assert_string_equal(fake_read(&fake, SCAN_DIR "scan_size_mb"), "256");
	assert_string_equal(fake_read(&fake, SCAN_DIR "scan_period_min_ms"), "1000");
	assert_string_equal(fake_read(&fake, SCAN_DIR "scan_period_max_ms"), "60000");
}

static void several_nodes_with_cpus_keep_their_balancing(void **state)
{
	(void)state;
	fake_write(&fake, "sys/devices/system/node/has_cpu", "0-1\n");
	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->start(mem), 0);
	/* Balancing would move pages between them: it was off and stays off. */
	assert_string_equal(fake_read(&fake, MODE), "2");
}

static void start_refuses_what_somebody_turned_on_since_the_probe(void **state)
{
	(void)state;
	assert_int_equal(source->open(mem, &opts), 0);
	fake_write(&fake, MODE, "2\n");
	assert_int_equal(source->start(mem), -EBUSY);
	assert_int_equal(settings.nr_changes, 0);
}

static void setting_that_somebody_changed_ends_it_and_stays_his(void **state)
{
	(void)state;
	run();
	assert_int_equal(source->drain(mem, reporter), 0);
	fake_write(&fake, MODE, "0\n");
	fake_advance(&fake, 1000000000);
	assert_int_equal(source->drain(mem, reporter), -EBUSY);
	assert_reason("hintfault: somebody set /" MODE " to 0, where it was 3 for us");
	source->stop(mem);
	source->close(mem);
	assert_int_equal(thermo_settings_restore(&settings, 0), 0);
	assert_string_equal(fake_read(&fake, MODE), "0");
	assert_string_equal(fake_read(&fake, RATE_LIMIT), "65536");
	/* Nothing is touched while it is his. */
	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->start(mem), -EBUSY);
	assert_reason("somebody set it to 0");
	assert_int_equal(settings.nr_changes, 0);
	fake_write(&fake, MODE, "1\n");
	assert_int_equal(source->start(mem), 0);
	assert_string_equal(fake_read(&fake, MODE), "3");
}

static void promotion_by_the_kernel_that_somebody_allows_ends_it(void **state)
{
	(void)state;
	run();
	fake_write(&fake, RATE_LIMIT, "100\n");
	assert_int_equal(source->drain(mem, reporter), -EBUSY);
	assert_reason("somebody set /" RATE_LIMIT " to 100");
}

static void fault_on_an_armed_page_becomes_a_report(void **state)
{
	uint64_t t = thermo_host_now_ns(&fake.host);
	struct thermo_access a[8];

	(void)state;
	run();
	arm(0, PID, t, BASE, BASE + 0x100000);
	armed(0, PID, t + 1 * MS);
	/* Of the other CPU, and read before in no order. */
	fault(1, PID, t + 6 * MS, BASE + 0x5123, 2);
	fault(0, PID, t + 9 * MS, BASE + 0x7000, 0);
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 2);
	assert_int_equal(thermo_reporter_drain(reporter, a, 8), 2);
	assert_true(a[0].addr == BASE + 0x5000);
	assert_int_equal(a[0].extent_bytes, 4096);
	assert_int_equal(a[0].watched_ns, 5 * MS);
	assert_int_equal(a[0].op, THERMO_OP_WRITE);
	assert_int_equal(a[0].cpu, 1);
	assert_int_equal(a[0].pid, PID);
	assert_int_equal(a[0].tid, PID + 1);
	assert_true(a[1].addr == BASE + 0x7000);
	assert_int_equal(a[1].op, THERMO_OP_READ);
	assert_int_equal(a[1].watched_ns, 8 * MS);
}

static void silence_is_reported_when_the_horizon_has_passed(void **state)
{
	uint64_t t = thermo_host_now_ns(&fake.host);
	struct thermo_access a[64];
	uint64_t bytes = 0;

	(void)state;
	run();
	arm(0, PID, t, BASE, BASE + 0x100000);
	armed(0, PID, t);
	fake_advance(&fake, 10 * SECOND);
	int nr = source->drain(mem, reporter);

	assert_true(nr >= 1);
	assert_int_equal(thermo_reporter_drain(reporter, a, 64), nr);
	for (int i = 0; i < nr; i++) {
		assert_int_equal(a[i].nr_accesses, 0);
		bytes += a[i].extent_bytes;
	}
	assert_int_equal(bytes, 0x100000);
}

static void every_record_is_counted_once(void **state)
{
	struct thermo_source_counters c;
	uint64_t t = thermo_host_now_ns(&fake.host);
	struct {
		struct perf_event_header header;
		uint64_t id, lost;
	} lost = { { PERF_RECORD_LOST, 0, sizeof(lost) }, 100, 17 };

	(void)state;
	run();
	arm(0, PID, t, BASE, BASE + 0x10000);
	armed(0, PID, t);
	fault(0, PID, t + MS, BASE, 0);               /* a report */
	fault(0, PID, t + 2 * MS, BASE, 0);           /* useless: not armed any more */
	fault(0, PID, t + 2 * MS, BASE + 0x20000, 0); /* useless: never armed */
	fault(0, PID + 7, t + 2 * MS, BASE, 0);       /* ignored */
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 1);
	fake_put_record(0, &lost, sizeof(lost));
	assert_int_equal(source->drain(mem, reporter), 0);
	source->counters(mem, &c);
	assert_int_equal(c.seen, 6);
	assert_int_equal(c.reported, 1);
	assert_int_equal(c.useless, 2);
	assert_int_equal(c.ignored, 1);
	assert_int_equal(c.lost, 17);
}

static void where_records_were_lost_neither_touch_nor_silence_is_claimed(void **state)
{
	uint64_t t = thermo_host_now_ns(&fake.host);
	struct {
		struct perf_event_header header;
		uint64_t id, lost;
	} lost = { { PERF_RECORD_LOST, 0, sizeof(lost) }, 100, 17 };

	(void)state;
	run();
	arm(0, PID, t, BASE, BASE + 0x10000);
	armed(0, PID, t);
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 0);
	fault(0, PID, t + 30 * MS, BASE, 0);
	fake_put_record(0, &lost, sizeof(lost));
	arm(0, PID, t + 31 * MS, BASE + 0x10000, BASE + 0x20000);
	armed(0, PID, t + 31 * MS);
	fake_advance(&fake, 500 * MS);
	assert_int_equal(source->drain(mem, reporter), 0);
	/* What is armed after that is watched again. */
	t = thermo_host_now_ns(&fake.host);
	arm(0, PID, t, BASE, BASE + 0x10000);
	armed(0, PID, t);
	fake_advance(&fake, 500 * MS);
	assert_int_equal(source->drain(mem, reporter), 1);
}

static void cpus_that_come_and_go_are_followed(void **state)
{
	const int back = 2; /* the second CPU, as its events are numbered when it is back */
	uint64_t t = thermo_host_now_ns(&fake.host);

	(void)state;
	run();
	assert_int_equal(source->drain(mem, reporter), 0);
	arm(1, PID, t, BASE, BASE + 0x10000);
	armed(1, PID, t);
	fake_write(&fake, "sys/devices/system/cpu/online", "0\n");
	fake_advance(&fake, SECOND);
	/* What it recorded is taken, but touches by it may have been missed. */
	assert_int_equal(source->drain(mem, reporter), 0);
	for (int i = 0; i < 2 * NR_PER_CPU; i++)
		assert_int_equal(fake_is_open(i), i < NR_PER_CPU);
	fake_write(&fake, "sys/devices/system/cpu/online", "0-1\n");
	fake_advance(&fake, SECOND);
	assert_int_equal(source->drain(mem, reporter), 0);
	assert_int_equal(fake_nr_events, 3 * NR_PER_CPU);
	for (int i = back * NR_PER_CPU; i < fake_nr_events; i++) {
		assert_int_equal(fake_events[i].cpu, 1);
		assert_true(fake_events[i].enabled);
	}
	t = thermo_host_now_ns(&fake.host);
	arm(0, PID, t, BASE, BASE + 0x1000);
	armed(0, PID, t);
	fault(back, PID, t + MS, BASE, 0);
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 1);
}

/* It was in the list, and is not there any more. */
static int second_cpu_has_gone(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)attr, (void)pid;
	return cpu == 1 ? -ENODEV : 0;
}

static void cpu_that_goes_while_its_events_are_opened_is_none(void **state)
{
	(void)state;
	fake_refuse = second_cpu_has_gone;
	run();
	assert_int_equal(fake_nr_events, NR_PER_CPU);
	assert_int_equal(source->drain(mem, reporter), 0);
}

static void records_that_others_may_overtake_wait(void **state)
{
	uint64_t t;

	(void)state;
	run();
	fake_advance(&fake, 100 * MS);
	t = thermo_host_now_ns(&fake.host);
	/* The fault arrives first; what armed its page comes with the next drain. */
	fault(0, PID, t, BASE, 0);
	assert_int_equal(source->drain(mem, reporter), 0);
	arm(1, PID, t - MS, BASE, BASE + 0x1000);
	armed(1, PID, t - MS / 2);
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 1);
}

static void nonsense_in_a_ring_ends_the_source_with_a_reason(void **state)
{
	struct perf_event_header short_record = { PERF_RECORD_SAMPLE, 0, 4 };

	(void)state;
	run();
	fake_put_record(0, &short_record, sizeof(short_record));
	assert_int_equal(source->drain(mem, reporter), -EBADMSG);
	assert_reason("perf ring");
}

static void machine_without_kprobes_still_sees_faults(void **state)
{
	uint64_t t = thermo_host_now_ns(&fake.host);
	struct thermo_access a;

	(void)state;
	fake_remove(&fake, "sys/bus/event_source/devices/kprobe");
	run();
	assert_int_equal(fake_nr_events, 2);
	memset(&record, 0, sizeof(record));
	fault(0, PID, t, BASE + 0x123, 2);
	fake_advance(&fake, 20 * MS);
	assert_int_equal(source->drain(mem, reporter), 1);
	assert_int_equal(thermo_reporter_drain(reporter, &a, 1), 1);
	assert_true(a.addr == BASE);
	assert_int_equal(a.watched_ns, 0);
}
#endif

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
#ifdef HAVE_TRACEEVENT
		TEST(machine_with_slow_memory_will_do),
		TEST(missing_tracepoint_is_named),
		TEST(kernel_that_cannot_tell_present_pages_is_told),
#endif
		TEST(one_node_has_nothing_to_arm),
		TEST(kernel_without_nodes_is_told),
		TEST(kernel_without_numa_balancing_is_told),
		TEST(kernel_that_tiers_by_itself_is_left_alone),
		TEST(kernel_that_cannot_be_kept_from_promoting_is_refused),
		TEST(missing_capabilities_are_named),
#if defined(HAVE_TRACEEVENT) && defined(__x86_64__)
		TEST(settings_change_at_start_only_and_go_back),
		TEST(several_nodes_with_cpus_keep_their_balancing),
		TEST(start_refuses_what_somebody_turned_on_since_the_probe),
		TEST(setting_that_somebody_changed_ends_it_and_stays_his),
		TEST(promotion_by_the_kernel_that_somebody_allows_ends_it),
		TEST(fault_on_an_armed_page_becomes_a_report),
		TEST(silence_is_reported_when_the_horizon_has_passed),
		TEST(every_record_is_counted_once),
		TEST(where_records_were_lost_neither_touch_nor_silence_is_claimed),
		TEST(cpus_that_come_and_go_are_followed),
		TEST(cpu_that_goes_while_its_events_are_opened_is_none),
		TEST(records_that_others_may_overtake_wait),
		TEST(nonsense_in_a_ring_ends_the_source_with_a_reason),
		TEST(machine_without_kprobes_still_sees_faults),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
