/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pmu_sampler.c - PEBS and IBS on machines that nobody here has. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "sources/pmu_sampler.h"
#include "tests/unit/sources/fake_perf.h"
#include "tests/unit/sources/perf_encode.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define PID 42
#define DRAM_LOAD 0x1a29081042ull
#define L1_STORE 0x229080144ull
#define NO_ACCESS 0x1e05080021ull
#define ONLINE "sys/devices/system/cpu/online"

static struct fake_host fake;
static struct thermo_source_opts opts;
static const struct thermo_source *source;
static struct pmu_sampler *mem;
static struct thermo_reporter *reporter;
static struct encoder encoder;
static struct thermo_access got[4096];

static int drop(void **state)
{
	(void)state;
	if (source)
		source->close(mem);
	free(mem);
	mem = NULL;
	source = NULL;
	thermo_reporter_free(reporter);
	reporter = NULL;
	fake_host_fini(&fake);
	return 0;
}

/* Four CPUs, two a node. */
static void have_machine(const char *machine)
{
	fake_host_copy(&fake, machine);
	fake_perf_init(&fake);
	fake_write(&fake, ONLINE, "0-3\n");
	fake_write(&fake, "sys/devices/system/node/online", "0-1\n");
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "0-1\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "2-3\n");
	opts = (struct thermo_source_opts){ .host = &fake.host, .buffer_bytes = FAKE_RING_BYTES };
}

/* Opened, with its trials forgotten. */
static void open_source(const char *name)
{
	source = thermo_source_find(name);
	assert_int_equal(source->state_bytes, sizeof(*mem));
	mem = calloc(1, sizeof(*mem));
	assert_non_null(mem);
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(source->open(mem, &opts), 0);
	for (int i = 0; i < fake_nr_events; i++)
		assert_false(fake_is_open(i));
	fake_nr_events = 0;
	assert_int_equal(thermo_reporter_new(&reporter,
					     &(struct thermo_reporter_opts){ .nr_reports = 4096,
									     .nr_threads = 1 }),
			 0);
}

static void start(void)
{
	const pid_t pid = PID;

	assert_int_equal(source->start(mem), 0);
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
}

static void start_on(const char *machine, const char *name)
{
	have_machine(machine);
	open_source(name);
	start();
}

/* Return: reports, in got[]. */
static int drain(void)
{
	int n = source->drain(mem, reporter);

	if (n > 0)
		assert_int_equal(thermo_reporter_drain(reporter, got, 4096), n);
	return n;
}

static int drain_after(uint64_t ns)
{
	fake_advance(&fake, ns);
	return drain();
}

static struct thermo_source_counters counted(void)
{
	struct thermo_source_counters c;

	source->counters(mem, &c);
	return c;
}

static const char *note(void)
{
	static char text[512];

	source->note(mem, text, sizeof(text));
	return text;
}

/* Return: the event with @config on @cpu, of @pid, that is open. */
static int event_on(int cpu, uint64_t config, pid_t pid)
{
	for (int i = 0; i < fake_nr_events; i++)
		if (fake_events[i].cpu == cpu && fake_events[i].attr.config == config &&
		    fake_events[i].pid == pid && fake_is_open(i))
			return i;
	fail_msg("no event %#lx of %d on CPU %d", (unsigned long)config, (int)pid, cpu);
	return -1;
}

static void put(int event, const struct perf_event_header *header)
{
	const struct fake_event *e = &fake_events[event];

	fake_put_record(e->output_fd < 0 ? event : (int)(fake_event_of(e->output_fd) - fake_events),
			header, header->size);
}

static void sample_as(int event, uint16_t mode, const struct perf_sample *s)
{
	struct perf_format format = perf_format_of(&fake_events[event].attr);
	struct perf_sample with_id = *s;
	struct perf_event_header *header;

	with_id.id = (uint64_t)event + 100;
	encoder.len = 0;
	header = encode_sample(&encoder, &format, &with_id);
	header->misc = mode;
	put(event, header);
}

static struct perf_sample load(int event)
{
	const struct fake_event *e = &fake_events[event];

	return (struct perf_sample){
		.ip = 0x401000,
		.addr = 0x7f0000001234,
		.pid = PID,
		.tid = PID + 1,
		.cpu = (uint32_t)e->cpu,
		.time_ns = 123,
		.period = e->period,
		.latency_cycles = 400,
		.data_src = DRAM_LOAD,
		.phys_addr = 0x123456000,
	};
}

static void samples(int event, int nr)
{
	struct perf_sample s = load(event);

	for (int i = 0; i < nr; i++)
		sample_as(event, PERF_RECORD_MISC_USER, &s);
}

/* A record that is no sample: words, then who and when. */
static void record(int event, uint32_t type, const uint64_t *words, size_t nr)
{
	struct perf_format format = perf_format_of(&fake_events[event].attr);
	struct perf_sample_id id = { .id = (uint64_t)event + 100 };

	encoder.len = 0;
	encode_begin(&encoder, type, 0);
	for (size_t i = 0; i < nr; i++)
		encode_u64(&encoder, words[i]);
	encode_sample_id(&encoder, &format, &id);
	put(event, encode_end(&encoder));
}

static uint64_t nr_accesses(int n)
{
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += got[i].nr_accesses;
	return sum;
}

static void tick_all(uint64_t enabled_ns, uint64_t running_ns)
{
	for (int i = 0; i < fake_nr_events; i++) {
		fake_events[i].enabled_ns += enabled_ns;
		fake_events[i].running_ns += running_ns;
	}
}

/* --- what is opened --- */

/* Event @i of what was opened on a CPU is event @planned of the plan. */
static void assert_is_planned(const struct fake_event *e, const struct pmu_event *planned)
{
	struct perf_event_attr attr = planned->attr.perf;

	/* The plan leaves it to who reads. */
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			   PERF_READ_LOST;
	assert_memory_equal(&e->attr, &attr, sizeof(attr));
	assert_int_equal(e->pid, -1);
	assert_true(hwloc_bitmap_isset(planned->cpus, (unsigned int)e->cpu));
	/* Who is enabled by a leader need not be, all others are. */
	assert_int_equal(e->enabled, planned->leader < 0);
}

static void assert_opened_as_planned(void)
{
	static const struct pmu_goal by_default;
	struct pmu_plan plan;
	int at = 0;

	assert_int_equal(pmu_plan_make(&plan, &fake.host, &by_default), 0);
	for (size_t cpu = 0; cpu < mem->nr_cpus; cpu++) {
		int first = at;

		for (size_t i = 0; i < plan.nr_events; i++) {
			const struct pmu_event *p = &plan.events[i];

			if (!hwloc_bitmap_isset(p->cpus, (unsigned int)mem->cpus[cpu].cpu))
				continue;
			assert_true(at < fake_nr_events);
			assert_is_planned(&fake_events[at], p);
			assert_int_equal(fake_events[at].cpu, mem->cpus[cpu].cpu);
			/* Leaders are opened right before who they lead. */
			assert_int_equal(fake_events[at].group_fd,
					 p->leader < 0 ? -1 : fake_events[at - 1].fd);
			assert_int_equal(fake_events[at].output_fd,
					 at == first ? -1 : fake_events[first].fd);
			at++;
		}
	}
	assert_int_equal(at, fake_nr_events);
	pmu_plan_fini(&plan);
}

static void sapphire_rapids_gets_what_is_planned_on_each_cpu(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	assert_int_equal(fake_nr_events, 12); /* leader, loads, stores */
	assert_opened_as_planned();
}

static void hybrid_gets_each_kind_of_core_its_own(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("alder-lake"));
	fake_write(&fake, ONLINE, "0-1,16-17\n");
	fake_write(&fake, "sys/bus/event_source/devices/cpu_core/cpus", "0-1\n");
	fake_write(&fake, "sys/bus/event_source/devices/cpu_atom/cpus", "16-17\n");
	open_source("pebs");
	start();
	assert_int_equal(fake_nr_events, 2 * 3 + 2 * 2);
	assert_opened_as_planned();
}

static void zen4_and_zen5_get_one_event_a_cpu(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	assert_int_equal(fake_nr_events, 4);
	assert_opened_as_planned();
	(void)drop(state);
	start_on(FAKE_MACHINE("zen5"), "ibs");
	assert_int_equal(fake_nr_events, 4);
	assert_opened_as_planned();
}

static void each_source_leaves_the_others_machines_alone(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("zen4"));
	assert_int_equal(thermo_source_find("pebs")->probe(&opts), -ENODEV);
	assert_reason("pebs: this machine has none; it has ibs");
	fake_host_fini(&fake);
	have_machine(FAKE_MACHINE("skylake-sp"));
	assert_int_equal(thermo_source_find("ibs")->probe(&opts), -ENODEV);
	assert_reason("ibs: this machine has none; it has pebs");
	fake_host_fini(&fake);
	have_machine(FAKE_MACHINE("vm-no-pmu"));
	assert_int_equal(thermo_source_find("pebs")->probe(&opts), -ENODEV);
	assert_reason("pebs: ");
}

static int refuse_lost(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)pid, (void)cpu;
	return attr->read_format & PERF_READ_LOST ? -EINVAL : 0;
}

static void kernel_that_does_not_count_its_losses_is_asked_for_less(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("sapphire-rapids"));
	fake_refuse = refuse_lost;
	open_source("pebs");
	start();
	assert_int_equal(fake_nr_events, 12);
	assert_int_equal(drain_after(2 * SECOND), 0);
	source->stop(mem);
	assert_int_equal(counted().lost, 0);
}

/* --- what becomes of records --- */

static void load_is_reported_with_all_that_is_known_of_it(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	samples(event_on(2, 0x1cd, -1), 1);
	assert_int_equal(drain_after(50 * MS), 1);
	assert_int_equal(got[0].addr, 0x7f0000001234);
	assert_int_equal(got[0].extent_bytes, 1);
	assert_int_equal(got[0].nr_accesses, 1000003);
	assert_int_equal(got[0].watched_ns, 0);
	assert_int_equal(got[0].pid, PID);
	assert_int_equal(got[0].tid, PID + 1);
	assert_int_equal(got[0].cpu, 2);
	assert_int_equal(got[0].node, 1);
	assert_int_equal(got[0].op, THERMO_OP_READ);
	assert_int_equal(got[0].level, THERMO_LEVEL_LOCAL_DRAM);
	assert_int_equal(got[0].latency_ns, 200); /* 400 cycles of half a nanosecond */
	assert_int_equal(got[0].space, THERMO_SPACE_VIRTUAL);
	/* PEBS bears perf's clock, which is not ours. */
	assert_int_equal(got[0].time_ns, thermo_host_now_ns(&fake.host));
}

static void events_of_a_cpu_are_told_apart_in_one_ring(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	int stores = event_on(1, 0x2cd, -1);
	struct perf_sample s = load(stores);

	s.data_src = L1_STORE;
	samples(event_on(1, 0x1cd, -1), 1);
	sample_as(stores, PERF_RECORD_MISC_USER, &s);
	assert_int_equal(drain(), 2);
	assert_int_equal(got[0].op, THERMO_OP_READ);
	assert_int_equal(got[1].op, THERMO_OP_WRITE);
	assert_int_equal(got[1].level, THERMO_LEVEL_L1);
}

static void atom_and_core_of_a_hybrid_both_report(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("alder-lake"));
	fake_write(&fake, ONLINE, "0-1,16-17\n");
	fake_write(&fake, "sys/bus/event_source/devices/cpu_core/cpus", "0-1\n");
	fake_write(&fake, "sys/bus/event_source/devices/cpu_atom/cpus", "16-17\n");
	open_source("pebs");
	start();
	samples(event_on(0, 0x1cd, -1), 1);
	samples(event_on(17, 0x5d0, -1), 1);
	samples(event_on(17, 0x6d0, -1), 1);
	assert_int_equal(drain(), 3);
	assert_int_equal(got[0].cpu, 0);
	assert_int_equal(got[1].cpu, 17);
	assert_int_equal(got[1].node, THERMO_NODE_UNKNOWN); /* no node lists it */
}

static void ibs_reports_loads_and_stores_alone_at_their_own_time(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);
	struct perf_sample s = load(e);

	s.time_ns = thermo_host_now_ns(&fake.host) + 10 * MS;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	s.data_src = NO_ACCESS;
	s.addr = 0;
	for (int i = 0; i < 19; i++)
		sample_as(e, PERF_RECORD_MISC_USER, &s);
	s.addr = 0x1000; /* an address, and yet no access */
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	assert_int_equal(drain_after(50 * MS), 1);
	assert_int_equal(got[0].time_ns, s.time_ns);
	assert_int_equal(got[0].nr_accesses, 1000000);
	assert_int_equal(counted().seen, 21);
	assert_int_equal(counted().useless, 20);
	assert_int_equal(counted().reported, 1);
}

static void times_that_cannot_be_are_those_of_the_drain(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);
	struct perf_sample s = load(e);

	fake_advance(&fake, 100 * SECOND);
	s.time_ns = 0;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	s.time_ns = UINT64_MAX;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	assert_int_equal(drain(), 2);
	assert_int_equal(got[0].time_ns, thermo_host_now_ns(&fake.host));
	assert_int_equal(got[1].time_ns, thermo_host_now_ns(&fake.host));
}

static void kernel_guests_and_strangers_are_not_reported(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(3, 0x80000, -1);
	struct perf_sample s = load(e);

	sample_as(e, PERF_RECORD_MISC_KERNEL, &s);
	sample_as(e, PERF_RECORD_MISC_GUEST_USER, &s);
	s.addr = 0xffff888000001000;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	s.addr = 0x1000;
	s.period = 0;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	s.period = 16;
	s.pid = PID + 1;
	sample_as(e, PERF_RECORD_MISC_USER, &s);
	assert_int_equal(drain(), 0);
	assert_int_equal(counted().useless, 4);
	assert_int_equal(counted().ignored, 1);
}

static void record_of_an_event_that_is_not_open_is_useless(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);
	struct perf_format format = perf_format_of(&fake_events[e].attr);
	struct perf_sample s = load(e);

	s.id = 99999;
	encoder.len = 0;
	put(e, encode_sample(&encoder, &format, &s));
	assert_int_equal(drain(), 0);
	assert_int_equal(counted().useless, 1);
}

static void ring_that_holds_nonsense_ends_the_source(void **state)
{
	const struct perf_event_header nonsense = { PERF_RECORD_SAMPLE, 0, 4 };

	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	fake_put_record(event_on(0, 0x80000, -1), &nonsense, sizeof(nonsense));
	assert_int_equal(drain(), -EBADMSG);
}

/* --- losses --- */

static void what_the_ring_lost_is_counted_and_made_up_for(void **state)
{
	const uint64_t lost[] = { 0, 20 };

	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	int loads = event_on(0, 0x1cd, -1);

	record(loads, PERF_RECORD_LOST, lost, 2);
	samples(loads, 10);
	assert_int_equal(drain(), 10);
	assert_int_equal(counted().lost, 20);
	assert_int_equal(nr_accesses(10), 30 * 1000003ull);
	samples(loads, 1);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].nr_accesses, 1000003);
}

static void strangers_pay_their_part_of_what_was_lost(void **state)
{
	const uint64_t lost[] = { 8 };

	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	int loads = event_on(0, 0x1cd, -1);
	struct perf_sample stranger = load(loads);

	stranger.pid = 7;
	record(loads, PERF_RECORD_LOST_SAMPLES, lost, 1);
	sample_as(loads, PERF_RECORD_MISC_USER, &stranger);
	samples(loads, 1);
	assert_int_equal(drain(), 1);
	assert_int_equal(counted().lost, 8);
	assert_int_equal(got[0].nr_accesses, 1000003);
}

static void losses_of_one_cpu_are_not_made_up_for_by_another(void **state)
{
	const uint64_t lost[] = { 0, 5 };

	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	record(event_on(0, 0x1cd, -1), PERF_RECORD_LOST, lost, 2);
	samples(event_on(1, 0x1cd, -1), 1);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].nr_accesses, 1000003);
}

/* 100 ms, stopped for 75 of them: 10 samples in a quarter of the time are 40. */
static void throttled_time_is_counted_and_made_up_for(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);
	const uint64_t stop[] = { 5 * MS, (uint64_t)e + 100, 0 };
	const uint64_t go[] = { 80 * MS, (uint64_t)e + 100, 0 };

	samples(e, 5);
	record(e, PERF_RECORD_THROTTLE, stop, 3);
	record(e, PERF_RECORD_UNTHROTTLE, go, 3);
	samples(e, 5);
	assert_int_equal(drain_after(100 * MS), 10);
	assert_int_equal(nr_accesses(10), 10 * 1000000ull);
	assert_int_equal(counted().lost, 30);
	samples(e, 10);
	assert_int_equal(drain_after(100 * MS), 10);
	assert_int_equal(nr_accesses(10), 40 * 1000000ull);
}

static void what_no_record_told_is_found_in_the_end(void **state)
{
	const uint64_t lost[] = { 0, 4 };

	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	int loads = event_on(0, 0x1cd, -1);

	fake_events[loads].lost = 7;
	fake_events[event_on(0, 0x2cd, -1)].lost = 2;
	record(loads, PERF_RECORD_LOST, lost, 2);
	assert_int_equal(drain(), 0);
	assert_int_equal(counted().lost, 4);
	source->stop(mem);
	assert_int_equal(counted().lost, 9);
	assert_false(fake_events[event_on(0, 0x8203, -1)].enabled);
	assert_false(fake_events[event_on(3, 0x2cd, -1)].enabled);
}

/* Two users take turns: it ran half of the time, so a sample stands for two. */
static void time_that_it_could_not_run_is_made_up_for(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	tick_all(1000 * MS, 500 * MS);
	assert_int_equal(drain_after(1001 * MS), 0);
	samples(event_on(1, 0x80000, -1), 4);
	assert_int_equal(drain(), 4);
	assert_int_equal(nr_accesses(4), 8 * 1000000ull);
}

static void debts_are_paid_in_parts_and_forgiven_beyond_measure(void **state)
{
	struct sample_debt debt = { 0 };

	(void)state;
	assert_true(sample_debt_pay(&debt, 100) == 0);
	sample_debt_add(&debt, 20);
	assert_true(sample_debt_pay(&debt, 100) == SAMPLE_DEBT_PAY);
	assert_true(sample_debt_pay(&debt, 100) == 20 - SAMPLE_DEBT_PAY);
	sample_debt_add(&debt, 1e12);
	assert_true(debt.owed == SAMPLE_DEBT_MOST);
	assert_true(sample_debt_pay(&debt, -1) == 0);
	assert_true(sample_debt_pay(&debt, 2.5) == 2.5);
	assert_true(sample_debt_of_pause(10, 0, 100) == 0);
	assert_true(sample_debt_of_pause(0, 50, 100) == 0);
	assert_true(sample_debt_of_pause(10, 50, 100) == 10);
	assert_true(sample_debt_of_pause(16, 1000, 160) == 16 * 15);
	assert_true(sample_debt_of_pause(10, 100, 0) == 0);
}

/* --- how fast --- */

/* A second's worth, in steps that the rings hold. */
static void busy_second(int event, int nr)
{
	for (int i = 0; i < 10; i++) {
		samples(event, nr / 10);
		assert_int_equal(drain_after(100 * MS), nr / 10);
	}
}

static void too_many_samples_make_the_period_longer_on_all_cpus(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);

	assert_int_equal(source->set_rate(mem, 100), 0); /* 1,000 a second */
	samples(e, 400);
	assert_int_equal(drain_after(200 * MS), 400);
	for (int i = 0; i < 4; i++) {
		assert_near((double)fake_events[i].period, 2e6, 3.2);
		assert_int_equal(fake_events[i].period % 16, 0);
	}
}

static void too_few_make_it_shorter_down_to_its_limit(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	for (int i = 0; i < 20; i++) {
		samples(event_on(0, 0x80000, -1), 10);
		(void)drain_after(SECOND);
		tick_all(SECOND, SECOND);
	}
	assert_int_equal(fake_events[0].period, 1024);
}

static void periods_of_pebs_are_odd_and_its_leader_has_none(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	assert_int_equal(source->set_rate(mem, 10), 0);
	samples(event_on(0, 0x1cd, -1), 400);
	assert_int_equal(drain_after(200 * MS), 400);
	for (int i = 0; i < fake_nr_events; i++) {
		if (fake_events[i].attr.config == 0x8203) {
			assert_int_equal(fake_events[i].period, 0);
			continue;
		}
		assert_near((double)fake_events[i].period, 2e6, 3.2);
		assert_int_equal(fake_events[i].period % 2, 1);
	}
}

static void useless_records_count_for_the_budget(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1);
	struct perf_sample s = load(e);

	s.data_src = NO_ACCESS;
	assert_int_equal(source->set_rate(mem, 100), 0); /* 2,000 records a second */
	for (int i = 0; i < 600; i++)
		sample_as(e, PERF_RECORD_MISC_USER, &s);
	assert_int_equal(drain_after(200 * MS), 0);
	assert_near((double)fake_events[e].period, 1.5e6, 3.2);
}

static void busiest_cpu_stays_below_what_the_kernel_throttles_at(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	fake_write(&fake, "proc/sys/kernel/perf_event_max_sample_rate", "2000\n");
	assert_int_equal(drain_after(SECOND), 0);
	tick_all(SECOND, SECOND);
	samples(event_on(0, 0x80000, -1), 300); /* 1,500 a second */
	assert_int_equal(drain_after(200 * MS), 300);
	assert_near((double)fake_events[0].period, 1.5e6, 3.2);
}

static void part_of_a_period_that_a_change_threw_away_is_made_up_for(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	int e = event_on(0, 0x80000, -1), idle = event_on(1, 0x80000, -1);

	assert_int_equal(source->set_rate(mem, 100), 0);
	samples(e, 400);
	assert_int_equal(drain_after(200 * MS), 400);
	samples(e, 1);
	samples(idle, 1);
	assert_int_equal(drain_after(1 * MS), 2);
	/* Half of the old period, where the event had been counting. */
	assert_near(got[0].nr_accesses, (double)fake_events[e].period + 0.5e6, 0.1);
	assert_int_equal(got[1].nr_accesses, fake_events[idle].period);
}

static void cpu_time_in_the_kernel_is_estimated_and_learned_from_its_limit(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	busy_second(event_on(0, 0x80000, -1), 1000);
	assert_int_equal(counted().overhead_ns, 1000 * 2000);
	/* 25 % of a CPU at 10,000 a second, with a quarter of margin: 20 us each. */
	fake_write(&fake, "proc/sys/kernel/perf_event_max_sample_rate", "10000\n");
	tick_all(SECOND, SECOND);
	assert_int_equal(drain_after(SECOND), 0);
	samples(event_on(0, 0x80000, -1), 10);
	assert_int_equal(drain(), 10);
	assert_int_equal(counted().overhead_ns, 1000 * 2000 + 10 * 20000);
}

/* --- CPUs that come and go --- */

static void cpu_that_goes_is_drained_and_closed_and_comes_back(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("sapphire-rapids"), "pebs");
	int loads = event_on(2, 0x1cd, -1);

	fake_write(&fake, ONLINE, "0-1,3\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "3\n");
	fake_advance(&fake, SECOND);
	assert_int_equal(drain(), 0);
	assert_int_equal(mem->nr_cpus, 3);
	for (int i = 0; i < 12; i++)
		assert_int_equal(fake_is_open(i), fake_events[i].cpu != 2);
	fake_write(&fake, ONLINE, "0-5\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "2-5\n");
	assert_int_equal(drain_after(SECOND), 0);
	assert_int_equal(mem->nr_cpus, 6);
	assert_int_equal(fake_nr_events, 12 + 9);
	assert_true(event_on(2, 0x1cd, -1) != loads);
	samples(event_on(5, 0x1cd, -1), 1);
	samples(event_on(2, 0x2cd, -1), 1);
	assert_int_equal(drain(), 2);
	assert_int_equal(got[0].cpu, 2);
	assert_int_equal(got[1].cpu, 5);
	assert_int_equal(got[1].node, 1);
	assert_string_equal(note(), "");
}

static void last_samples_of_a_cpu_that_goes_are_kept(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	fake_events[event_on(3, 0x80000, -1)].lost = 6;
	fake_write(&fake, ONLINE, "0-2\n");
	samples(event_on(3, 0x80000, -1), 3);
	assert_int_equal(drain_after(SECOND), 3);
	assert_int_equal(counted().lost, 6);
	assert_int_equal(mem->nr_cpus, 3);
}

static void new_cpus_begin_with_the_period_of_the_others(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	assert_int_equal(source->set_rate(mem, 100), 0);
	samples(event_on(0, 0x80000, -1), 400);
	assert_int_equal(drain_after(200 * MS), 400);
	fake_write(&fake, ONLINE, "0-4\n");
	assert_int_equal(drain_after(SECOND), 0);
	assert_int_equal(fake_events[event_on(4, 0x80000, -1)].attr.sample_period,
			 fake_events[0].period);
}

/* --- others use it too --- */

static int refuse_cpu_1(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)attr, (void)pid;
	return cpu == 1 ? -EBUSY : 0;
}

static int refuse_all_but_trials(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)pid, (void)cpu;
	return attr->read_format ? -EBUSY : 0;
}

static void cpu_that_is_refused_is_told_and_tried_again(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("sapphire-rapids"));
	fake_refuse = refuse_cpu_1;
	open_source("pebs");
	start();
	assert_int_equal(mem->nr_cpus, 3);
	assert_non_null(strstr(note(), "on CPU 1"));
	fake_refuse = NULL;
	assert_int_equal(drain_after(SECOND), 0);
	assert_int_equal(mem->nr_cpus, 4);
	assert_string_equal(note(), "");
}

static void refusal_of_all_cpus_ends_it_with_the_reason(void **state)
{
	(void)state;
	have_machine(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	fake_refuse = refuse_all_but_trials;
	assert_int_equal(source->start(mem), -EBUSY);
	assert_reason("pebs: no CPU can be sampled");
	assert_int_equal(fake_nr_events, 0);
}

static void counter_that_another_holds_on_some_cpus_is_told(void **state)
{
	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	tick_all(SECOND, SECOND);
	fake_events[event_on(1, 0x80000, -1)].running_ns = 0;
	assert_int_equal(drain_after(SECOND), 0);
	assert_non_null(strstr(note(), "does not run on 1 of 4 CPUs"));
	assert_non_null(strstr(note(), "each CPU has once"));
	tick_all(SECOND, SECOND);
	assert_int_equal(drain_after(SECOND), 0);
	assert_string_equal(note(), "");
}

static void counter_that_another_holds_everywhere_ends_it_and_says_who(void **state)
{
	int n = 0;

	(void)state;
	start_on(FAKE_MACHINE("zen4"), "ibs");
	fake_process(&fake, &(struct fake_process){ .pid = 4711, .name = "perf" });
	fake_write(&fake, "proc/4711/fd/1", "");
	fake_remove(&fake, "proc/4711/fd/1");
	assert_int_equal(symlinkat("anon_inode:[perf_event]", fake.host.root_fd, "proc/4711/fd/5"),
			 0);
	for (int i = 0; i < 10 && n == 0; i++) {
		tick_all(SECOND, 0);
		n = drain_after(SECOND);
	}
	assert_int_equal(n, -EBUSY);
	assert_reason("ibs: the kernel ran it on no CPU");
	assert_reason("perf (4711)");
}

/* --- without privileges --- */

static void have_no_privileges(const char *machine)
{
	have_machine(machine);
	fake_write(&fake, "proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
	fake_write(&fake, "proc/42/task/42/stat", "");
	fake_write(&fake, "proc/42/task/43/stat", "");
}

/* Threads are looked for after a drain. */
static void start_following(void)
{
	start();
	assert_int_equal(drain(), 0);
}

static void own_threads_are_sampled_without_privileges(void **state)
{
	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	start_following();
	/* On each CPU a ring's owner, and leader, loads and stores of two threads. */
	assert_int_equal(fake_nr_events, 4 + 4 * 3 * 2);
	int loads = event_on(2, 0x1cd, 43);
	const struct perf_event_attr *attr = &fake_events[loads].attr;

	assert_int_equal(attr->inherit, 1);
	assert_int_equal(attr->exclude_kernel, 1);
	assert_false(attr->sample_type & PERF_SAMPLE_PHYS_ADDR);
	assert_int_equal(fake_event_of(fake_events[loads].output_fd)->cpu, 2);
	assert_int_equal(fake_event_of(fake_events[loads].output_fd)->pid, 0);
	samples(loads, 2);
	assert_int_equal(drain(), 2);
	assert_int_equal(got[0].cpu, 2);
}

static void who_is_born_of_a_sampled_thread_is_not_sampled_twice(void **state)
{
	struct perf_format format;
	const pid_t pid = PID;

	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	start_following();
	int before = fake_nr_events, loads = event_on(0, 0x1cd, 42);

	format = perf_format_of(&fake_events[loads].attr);
	encoder.len = 0;
	encode_begin(&encoder, PERF_RECORD_FORK, 0);
	encode_u32(&encoder, 42); /* pid, parent, tid, parent */
	encode_u32(&encoder, 42);
	encode_u32(&encoder, 44);
	encode_u32(&encoder, 42);
	encode_u64(&encoder, 1);
	encode_sample_id(&encoder, &format,
			 &(struct perf_sample_id){ .id = (uint64_t)loads + 100 });
	put(loads, encode_end(&encoder));
	/* It is among the targets before its birth was read. */
	fake_write(&fake, "proc/42/task/44/stat", "");
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	assert_int_equal(drain(), 0);
	assert_int_equal(fake_nr_events, before);
	/* One that nobody told of is new. */
	fake_write(&fake, "proc/42/task/45/stat", "");
	assert_int_equal(drain_after(SECOND), 0);
	assert_int_equal(fake_nr_events, before + 12);
}

static int refuse_43(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)attr, (void)cpu;
	return pid == 43 ? -ESRCH : 0;
}

static void process_that_vanished_is_passed_over(void **state)
{
	const pid_t pids[] = { 41, PID };

	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	fake_refuse = refuse_43;
	assert_int_equal(source->start(mem), 0);
	assert_int_equal(source->set_targets(mem, pids, 2), 0);
	assert_int_equal(drain(), 0);
	assert_int_equal(fake_nr_events, 4 + 4 * 3);
	assert_string_equal(note(), "");
}

static void events_of_a_thread_are_closed_when_nobody_has_them_any_more(void **state)
{
	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	start_following();
	fake_remove(&fake, "proc/42/task/43");
	for (int i = 0; i < fake_nr_events; i++)
		fake_events[i].hung_up = fake_events[i].pid == 43;
	assert_int_equal(drain_after(SECOND), 0);
	for (int i = 0; i < fake_nr_events; i++)
		assert_int_equal(fake_is_open(i), fake_events[i].pid != 43);
}

static int refuse_threads(const struct perf_event_attr *attr, pid_t pid, int cpu)
{
	(void)attr, (void)cpu;
	return pid > 0 ? -EMFILE : 0;
}

static void threads_that_cannot_be_sampled_are_told(void **state)
{
	const pid_t pid = PID;

	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	open_source("pebs");
	assert_int_equal(source->start(mem), 0);
	fake_refuse = refuse_threads;
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	assert_int_equal(drain(), -EMFILE);
	assert_reason("ulimit");
}

static void kernel_that_forbids_all_says_so(void **state)
{
	(void)state;
	have_no_privileges(FAKE_MACHINE("sapphire-rapids"));
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "3\n");
	assert_int_equal(thermo_source_find("pebs")->probe(&opts), -EPERM);
	assert_reason("CAP_PERFMON");
	fake_host_fini(&fake);
	/* Zen 4's kernel there has no swfilt. */
	have_no_privileges(FAKE_MACHINE("zen4"));
	assert_int_equal(thermo_source_find("ibs")->probe(&opts), -EPERM);
	assert_reason("cannot leave out the kernel");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, drop)
	const struct CMUnitTest tests[] = {
		TEST(sapphire_rapids_gets_what_is_planned_on_each_cpu),
		TEST(hybrid_gets_each_kind_of_core_its_own),
		TEST(zen4_and_zen5_get_one_event_a_cpu),
		TEST(each_source_leaves_the_others_machines_alone),
		TEST(kernel_that_does_not_count_its_losses_is_asked_for_less),
		TEST(load_is_reported_with_all_that_is_known_of_it),
		TEST(events_of_a_cpu_are_told_apart_in_one_ring),
		TEST(atom_and_core_of_a_hybrid_both_report),
		TEST(ibs_reports_loads_and_stores_alone_at_their_own_time),
		TEST(times_that_cannot_be_are_those_of_the_drain),
		TEST(kernel_guests_and_strangers_are_not_reported),
		TEST(record_of_an_event_that_is_not_open_is_useless),
		TEST(ring_that_holds_nonsense_ends_the_source),
		TEST(what_the_ring_lost_is_counted_and_made_up_for),
		TEST(strangers_pay_their_part_of_what_was_lost),
		TEST(losses_of_one_cpu_are_not_made_up_for_by_another),
		TEST(throttled_time_is_counted_and_made_up_for),
		TEST(what_no_record_told_is_found_in_the_end),
		TEST(time_that_it_could_not_run_is_made_up_for),
		cmocka_unit_test(debts_are_paid_in_parts_and_forgiven_beyond_measure),
		TEST(too_many_samples_make_the_period_longer_on_all_cpus),
		TEST(too_few_make_it_shorter_down_to_its_limit),
		TEST(periods_of_pebs_are_odd_and_its_leader_has_none),
		TEST(useless_records_count_for_the_budget),
		TEST(busiest_cpu_stays_below_what_the_kernel_throttles_at),
		TEST(part_of_a_period_that_a_change_threw_away_is_made_up_for),
		TEST(cpu_time_in_the_kernel_is_estimated_and_learned_from_its_limit),
		TEST(cpu_that_goes_is_drained_and_closed_and_comes_back),
		TEST(last_samples_of_a_cpu_that_goes_are_kept),
		TEST(new_cpus_begin_with_the_period_of_the_others),
		TEST(cpu_that_is_refused_is_told_and_tried_again),
		TEST(refusal_of_all_cpus_ends_it_with_the_reason),
		TEST(counter_that_another_holds_on_some_cpus_is_told),
		TEST(counter_that_another_holds_everywhere_ends_it_and_says_who),
		TEST(own_threads_are_sampled_without_privileges),
		TEST(who_is_born_of_a_sampled_thread_is_not_sampled_twice),
		TEST(process_that_vanished_is_passed_over),
		TEST(events_of_a_thread_are_closed_when_nobody_has_them_any_more),
		TEST(threads_that_cannot_be_sampled_are_told),
		TEST(kernel_that_forbids_all_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
