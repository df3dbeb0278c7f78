// SPDX-License-Identifier: GPL-2.0-or-later
/* test_spe.c - Arm SPE live: rings that a test fills, as kernel and hardware would. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "thermocline/source.h"
#include "tests/unit/sources/fake_perf.h"
#include "tests/unit/sources/perf_encode.h"
#include "tests/unit/sources/spe_encode.h"

#define MS 1000000ull
#define PID 42
#define AUX_BYTES (256u << 10)
#define MAP_BYTES (4096u + FAKE_RING_BYTES + AUX_BYTES)
#define ONLINE "sys/devices/system/cpu/online"

static struct fake_host fake;
static struct thermo_source_opts opts;
static const struct thermo_source *source;
static void *mem;
static struct thermo_reporter *reporter;
static struct encoder encoder;
static struct spe_bytes packets;
static struct thermo_access got[4096];
static bool no_clock;

/* With room for an AUX ring, and a counter of 100 MHz that was at 0 with the clock at 1 s. */
static int open_with_aux(struct fake_host *host, struct perf_event_attr *attr, int cpu)
{
	const struct perf_event_mmap_page page = { .cap_user_time_zero = !no_clock,
						   .time_mult = 10,
						   .time_zero = 1000000000 };
	int fd = fake_perf_open(host, attr, cpu);

	if (fd < 0)
		return fd;
	fake_check(ftruncate(fd, MAP_BYTES) == 0, "ftruncate");
	fake_check(pwrite(fd, &page, sizeof(page), 0) == sizeof(page), "pwrite");
	return fd;
}

static int setup(void **state)
{
	const pid_t pid = PID;

	(void)state;
	fake_host_copy(&fake, FAKE_MACHINE("neoverse-spe"));
	fake_perf_init(&fake);
	fake.perf_event_open = open_with_aux;
	fake_write(&fake, ONLINE, "0-1\n");
	fake_write(&fake, "sys/devices/system/node/online", "0-1\n");
	fake_write(&fake, "sys/devices/system/node/node0/cpulist", "0\n");
	fake_write(&fake, "sys/devices/system/node/node1/cpulist", "1\n");
	for (int cpu = 0; cpu < 2; cpu++) {
		char path[128];

		(void)snprintf(path, sizeof(path),
			       "sys/devices/system/cpu/cpu%d/regs/identification/midr_el1", cpu);
		fake_write(&fake, path, "0x00000000413fd0c1\n");
		(void)snprintf(path, sizeof(path),
			       "sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq", cpu);
		fake_write(&fake, path, "2000000\n");
	}
	opts = (struct thermo_source_opts){ .host = &fake.host };
	source = thermo_source_find("spe");
	assert_non_null(source);
	mem = calloc(1, source->state_bytes);
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(source->open(mem, &opts), 0);
	fake_nr_events = 0;
	assert_int_equal(source->start(mem), 0);
	assert_int_equal(source->set_targets(mem, &pid, 1), 0);
	assert_int_equal(thermo_reporter_new(&reporter,
					     &(struct thermo_reporter_opts){ .nr_reports = 4096,
									     .nr_threads = 1 }),
			 0);
	packets.len = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source->stop(mem);
	source->close(mem);
	source->close(mem);
	free(mem);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	no_clock = false;
	return 0;
}

static int setup_without_clock(void **state)
{
	no_clock = true;
	return setup(state);
}

static int event_on(int cpu)
{
	for (int i = fake_nr_events; i-- > 0;)
		if (fake_events[i].cpu == cpu && fake_is_open(i))
			return i;
	fail_msg("no event on CPU %d", cpu);
	return -1;
}

static const struct fake_event *of_cpu_0(void)
{
	return &fake_events[event_on(0)];
}

/* The hardware's side: what is in @packets, around the end of the ring. */
static void land(int cpu)
{
	struct perf_event_mmap_page *page = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
						 MAP_SHARED, fake_events[event_on(cpu)].fd, 0);

	fake_check(page != MAP_FAILED, "mmap");
	assert_int_equal(page->aux_size, AUX_BYTES);
	for (size_t i = 0; i < packets.len; i++)
		((unsigned char *)page)[page->aux_offset + (page->aux_head + i) % AUX_BYTES] =
				packets.at[i];
	page->aux_head += packets.len;
	packets.len = 0;
	(void)munmap(page, MAP_BYTES);
}

static void put_who(int cpu, int32_t pid, int32_t tid, uint64_t time_ns)
{
	struct perf_format format = perf_format_of(&fake_events[event_on(cpu)].attr);
	const struct perf_sample_id who = {
		.time_ns = time_ns, .pid = pid, .tid = tid, .cpu = (uint32_t)cpu
	};

	encode_sample_id(&encoder, &format, &who);
	const struct perf_event_header *r = encode_end(&encoder);

	fake_put_record(event_on(cpu), r, r->size);
}

static void put_switch_in(int cpu, int32_t pid, int32_t tid, uint64_t time_ns)
{
	encoder.len = 0;
	encode_begin(&encoder, PERF_RECORD_SWITCH_CPU_WIDE, 0);
	encode_u32(&encoder, 0);
	encode_u32(&encoder, 0);
	put_who(cpu, pid, tid, time_ns);
}

static void put_landed(int cpu, uint64_t flags)
{
	encoder.len = 0;
	encode_begin(&encoder, PERF_RECORD_AUX, 0);
	encode_u64(&encoder, 0);
	encode_u64(&encoder, 64);
	encode_u64(&encoder, flags);
	put_who(cpu, PID, PID, 1);
}

static int drain(void)
{
	int n = source->drain(mem, reporter);

	if (n > 0)
		assert_int_equal(thermo_reporter_drain(reporter, got, 4096), n);
	return n;
}

static struct thermo_source_counters counted(void)
{
	struct thermo_source_counters c;

	source->counters(mem, &c);
	return c;
}

/* --- tests --- */

static void every_cpu_gets_what_is_planned_and_a_second_ring(void **state)
{
	(void)state;
	assert_int_equal(fake_nr_events, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fake_events[i].cpu, i);
		assert_int_equal(fake_events[i].pid, -1);
		assert_true(fake_events[i].enabled);
		assert_int_equal(fake_events[i].attr.type, 9);
		assert_int_equal(fake_events[i].attr.config, 0x600010003);
		assert_int_equal(fake_events[i].attr.context_switch, 1);
		assert_int_equal(fake_events[i].attr.aux_watermark, 4096);
	}
}

static void packet_that_names_its_thread_becomes_a_report(void **state)
{
	(void)state;
	put_switch_in(1, PID, 43, 1000000100);
	put_switch_in(1, 77, 77, 1000000200);
	spe_put_load(&packets, 0, 43, 1000);
	land(1);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].addr, 0xaaaa00000000);
	assert_int_equal(got[0].pid, PID);
	assert_int_equal(got[0].tid, 43);
	assert_int_equal(got[0].cpu, 1);
	assert_int_equal(got[0].node, 1);
	assert_int_equal(got[0].op, THERMO_OP_READ);
	assert_int_equal(got[0].level, THERMO_LEVEL_LOCAL_DRAM);
	assert_int_equal(got[0].latency_ns, 100);
	assert_int_equal(got[0].extent_bytes, 1);
	assert_int_equal(got[0].nr_accesses, 999936);
	assert_int_equal(counted().seen, 1);
	assert_int_equal(counted().lost, 0);
}

static void switches_tell_who_it_was_by_time(void **state)
{
	(void)state;
	put_switch_in(0, PID, 43, 1000000100);
	put_switch_in(0, 77, 78, 1000000200);
	put_switch_in(0, PID, 44, 1000000300); /* of bytes that come with the next drain */
	for (uint64_t i = 0; i < 4; i++)       /* at 50, 150, 250, 350 */
		spe_put_load(&packets, i, 0, 5 + 10 * i);
	packets.len = 192;
	land(0);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].addr, 0xaaaa00001000);
	assert_int_equal(got[0].tid, 43);
	assert_int_equal(counted().ignored, 2);
	spe_put_load(&packets, 3, 0, 35);
	land(0);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].tid, 44);
}

static void without_a_clock_who_was_told_last_is_meant(void **state)
{
	(void)state;
	put_switch_in(0, 77, 78, 1000000100);
	put_switch_in(0, PID, 43, 1000000200);
	spe_put_load(&packets, 0, 0, 1);
	land(0);
	assert_int_equal(drain(), 1);
	assert_int_equal(got[0].tid, 43);
}

static void what_is_lost_is_counted(void **state)
{
	(void)state;
	put_landed(0, 0);
	put_landed(0, PERF_AUX_FLAG_TRUNCATED);
	put_landed(0, PERF_AUX_FLAG_PARTIAL);
	put_landed(0, PERF_AUX_FLAG_COLLISION);
	encoder.len = 0;
	encode_begin(&encoder, PERF_RECORD_LOST, 0);
	encode_u64(&encoder, 100);
	encode_u64(&encoder, 7);
	put_who(0, PID, PID, 1);
	spe_put_load(&packets, 0, PID, 1);
	memset(packets.at + 20, 0xff, 30);
	land(0);
	assert_int_equal(drain(), 0);
	assert_true(counted().lost >= 3 + 7 + 1);
}

static uint64_t accesses_told(int nr)
{
	uint64_t sum = 0;

	for (int i = 0; i < nr; i++)
		sum += got[i].nr_accesses;
	return sum;
}

/* The counter ticks every 10 ns, and was at 0 with the clock at 1 s. */
static uint64_t tick_at(uint64_t time_ns)
{
	return (time_ns - 1000000000) / 10;
}

static uint64_t put_loads_between(uint64_t from_ns, uint64_t to_ns)
{
	uint64_t nr = 0;

	for (uint64_t at = from_ns; at < to_ns; at += MS, nr++)
		spe_put_load(&packets, nr, PID, tick_at(at));
	land(0);
	return nr;
}

static void put_truncated(uint64_t time_ns)
{
	encoder.len = 0;
	encode_begin(&encoder, PERF_RECORD_AUX, 0);
	encode_u64(&encoder, 0);
	encode_u64(&encoder, 0);
	encode_u64(&encoder, PERF_AUX_FLAG_TRUNCATED);
	put_who(0, PID, PID, time_ns);
}

/* For three tenths of the time the ring was full: what came stands for that, too. */
static void time_for_which_the_ring_was_full_is_made_up_for(void **state)
{
	const uint64_t begin_ns = 2000 * MS;
	uint64_t told = 0, missing = 0;

	(void)state;
	put_switch_in(0, PID, PID, 1);
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t at_ns = begin_ns + i * 1000 * MS, period = of_cpu_0()->period;
		uint64_t nr = put_loads_between(at_ns, at_ns + 700 * MS);

		put_truncated(at_ns + 700 * MS);
		fake_advance(&fake, 1000 * MS);
		assert_int_equal(drain(), nr);
		told += accesses_told((int)nr) / period;
		missing += 300;
	}
	assert_near((double)counted().lost, (double)missing, 10);
	/* The last stops are told, and paid, when they are over. */
	assert_near((double)told, 20 * 1000, 4);
}

static void event_that_a_full_ring_stopped_begins_again(void **state)
{
	uint64_t before = of_cpu_0()->nr_enabled;

	(void)state;
	put_switch_in(0, PID, PID, 1);
	(void)put_loads_between(2000 * MS, 2010 * MS);
	assert_int_equal(drain(), 10);
	assert_int_equal(of_cpu_0()->nr_enabled, before);
	put_truncated(2010 * MS);
	(void)put_loads_between(2000 * MS, 2010 * MS);
	assert_int_equal(drain(), 10);
	assert_int_equal(of_cpu_0()->nr_enabled, before + 1);
}

static void gaps_are_records_that_the_next_stand_for(void **state)
{
	(void)state;
	put_switch_in(0, PID, PID, 1);
	put_landed(0, PERF_AUX_FLAG_COLLISION);
	put_landed(0, PERF_AUX_FLAG_PARTIAL);
	(void)put_loads_between(2000 * MS, 2010 * MS);
	assert_int_equal(drain(), 10);
	assert_int_equal(accesses_told(10) / of_cpu_0()->period, 12);
}

static void kernels_memory_and_other_operations_are_useless(void **state)
{
	(void)state;
	put_switch_in(0, PID, PID, 1);
	spe_put_memory_op(&packets, 0);
	spe_put_vaddr(&packets, 0x00ff800011112222);
	spe_put_end(&packets);
	spe_put_packet(&packets, 0x4a, 0, 1);
	spe_put_end(&packets);
	land(0);
	assert_int_equal(drain(), 0);
	assert_int_equal(counted().seen, 2);
	assert_int_equal(counted().useless, 2);
}

static void ring_goes_around_many_times(void **state)
{
	uint64_t nr = 0;

	(void)state;
	put_switch_in(0, PID, PID, 1);
	for (int round = 0; round < 40; round++) {
		for (uint64_t i = 0; i < 500; i++)
			spe_put_load(&packets, i, PID, 1 + i);
		packets.len -= 1; /* so that records lie across the end and between drains */
		land(0);
		nr += (uint64_t)drain();
		spe_put(&packets, 0);
		land(0);
		assert_int_equal(drain(), 0);
	}
	assert_int_equal(nr, 40 * 500);
	assert_int_equal(counted().lost, 0);
}

static void quiet_hardware_is_asked_for_what_it_holds_back(void **state)
{
	struct fake_event *e = &fake_events[0];

	(void)state;
	e->nr_disabled = 0;
	fake_advance(&fake, 400 * MS);
	assert_int_equal(drain(), 0);
	assert_int_equal(e->nr_disabled, 0);
	fake_advance(&fake, 200 * MS);
	assert_int_equal(drain(), 0);
	assert_int_equal(e->nr_disabled, 1);
	assert_true(e->enabled);
}

static void period_follows_what_is_wanted_within_what_the_hardware_takes(void **state)
{
	uint64_t before;

	(void)state;
	put_switch_in(0, PID, PID, 1);
	for (uint64_t i = 0; i < 100; i++)
		spe_put_load(&packets, i, PID, 1 + i);
	land(0);
	fake_advance(&fake, 600 * MS);
	before = fake_events[0].period;
	assert_int_equal(drain(), 100); /* 167 a second: too few */
	assert_true(fake_events[0].period < before);
	assert_int_equal(fake_events[0].period % 256, 0);
	assert_int_equal(fake_events[1].period, fake_events[0].period);
	for (int i = 0; i < 40; i++) {
		spe_put_load(&packets, 0, PID, 1000);
		land(0);
		fake_advance(&fake, 600 * MS);
		assert_int_equal(drain(), 1);
	}
	assert_int_equal(fake_events[0].period, 1024); /* caps/min_interval */
	assert_int_equal(source->set_rate(mem, 10), 0);
	for (int i = 0; i < 900; i++)
		spe_put_load(&packets, 0, PID, 1000);
	land(0);
	fake_advance(&fake, 600 * MS);
	assert_int_equal(drain(), 900);
	assert_int_equal(fake_events[0].period, 2048);
}

static void cpus_that_come_are_sampled_and_those_that_go_are_closed(void **state)
{
	(void)state;
	fake_write(&fake, ONLINE, "1-2\n");
	fake_advance(&fake, 1100 * MS);
	assert_int_equal(drain(), 0);
	assert_false(fake_is_open(0));
	assert_true(fake_is_open(1));
	assert_int_equal(fake_events[event_on(2)].cpu, 2);
}

static void refusals_say_what_to_do(void **state)
{
	void *other = calloc(1, source->state_bytes);

	(void)state;
	fake_write(&fake, "proc/sys/kernel/perf_event_paranoid", "3\n");
	fake_write(&fake, "proc/self/status", "CapEff:\t0000000000000000\n");
	assert_int_equal(source->probe(&opts), -EPERM);
	assert_reason("CAP_PERFMON");
	assert_int_equal(source->open(other, &opts), -EPERM);
	source->close(other);
	free(other);
}

static void machines_without_it_say_so(void **state)
{
	struct fake_host other;
	struct thermo_source_opts elsewhere = { .host = &other.host };

	(void)state;
	fake_host_copy(&other, FAKE_MACHINE("vm-no-pmu"));
	assert_int_equal(source->probe(&elsewhere), -ENODEV);
	assert_reason("spe: the processor is not Arm's");
	fake_host_fini(&other);
	fake_host_copy(&other, FAKE_MACHINE("zen4"));
	assert_int_equal(source->probe(&elsewhere), -ENODEV);
	assert_reason("spe: this machine has none; it has ibs");
	fake_host_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_cpu_gets_what_is_planned_and_a_second_ring,
						setup, teardown),
		cmocka_unit_test_setup_teardown(packet_that_names_its_thread_becomes_a_report,
						setup, teardown),
		cmocka_unit_test_setup_teardown(switches_tell_who_it_was_by_time, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_clock_who_was_told_last_is_meant,
						setup_without_clock, teardown),
		cmocka_unit_test_setup_teardown(what_is_lost_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(time_for_which_the_ring_was_full_is_made_up_for,
						setup, teardown),
		cmocka_unit_test_setup_teardown(event_that_a_full_ring_stopped_begins_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(gaps_are_records_that_the_next_stand_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(kernels_memory_and_other_operations_are_useless,
						setup, teardown),
		cmocka_unit_test_setup_teardown(ring_goes_around_many_times, setup, teardown),
		cmocka_unit_test_setup_teardown(quiet_hardware_is_asked_for_what_it_holds_back,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
				period_follows_what_is_wanted_within_what_the_hardware_takes, setup,
				teardown),
		cmocka_unit_test_setup_teardown(
				cpus_that_come_are_sampled_and_those_that_go_are_closed, setup,
				teardown),
		cmocka_unit_test_setup_teardown(machines_without_it_say_so, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_say_what_to_do, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
