/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vpmu.c - the virtual PMU's device: what it samples, and its ring, read as a kernel's is. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sources/data_src.h"
#include "sources/perf_ring.h"
#include "tests/lab/truth/vpmu.h"

#define NR_CPUS 4u
#define RECORD_BYTES 72u

static const struct vpmu_options two_sockets = {
	.control = { .ops = VPMU_LOADS | VPMU_STORES },
	.nr_cpus = NR_CPUS,
	.nr_nodes = 3,
	.cpus_per_node = 2,
	.latency_ns = { 80, 80, 250 },
	.is_fast = { true, true, false },
};

static struct vpmu pmu;
static void *map;
static struct perf_ring rings[NR_CPUS];

static void power_on(const struct vpmu_options *options)
{
	vpmu_init(&pmu, map, options);
	for (uint32_t i = 0; i < NR_CPUS; i++)
		assert_int_equal(perf_ring_init(&rings[i],
						(char *)map + pmu.page->ring_offset +
								i * pmu.page->ring_stride,
						pmu.page->ring_stride, "test"),
				 0);
}

static int make(void **state)
{
	(void)state;
	map = aligned_alloc(VPMU_PAGE_BYTES, vpmu_bytes(NR_CPUS));
	assert_non_null(map);
	power_on(&two_sockets);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(map);
	return 0;
}

static void want(struct vpmu_control control)
{
	control.sequence = pmu.page->control.sequence + 1;
	control.enabled = 1;
	pmu.page->control = control;
}

static void power_on_as(enum vpmu_flavour flavour)
{
	struct vpmu_options options = two_sockets;

	options.flavour = flavour;
	options.other_ops = flavour == VPMU_IBS ? 4 : 0;
	power_on(&options);
}

static void want_period(uint64_t period)
{
	want((struct vpmu_control){ .period = { period, period },
				    .ops = VPMU_LOADS | VPMU_STORES });
}

static bool touch(uint32_t cpu, uint32_t node, bool store, uint64_t addr)
{
	bool sampled = vpmu_count(&pmu, cpu, node, store);

	if (sampled)
		vpmu_sample(&pmu, cpu, node, store, addr, addr / 2);
	return sampled;
}

static uint64_t touch_times(uint64_t nr, uint32_t node, bool store)
{
	uint64_t sampled = 0;

	for (uint64_t i = 0; i < nr; i++)
		sampled += touch(0, node, store, i);
	return sampled;
}

/* The next record of @cpu.  Return: its type; 0: none. */
static uint32_t next(uint32_t cpu, struct perf_sample *sample, uint64_t *nr_lost)
{
	static unsigned char bytes[PERF_RECORD_MAX_BYTES] __attribute__((aligned(8)));
	const struct perf_event_header *header = (const void *)bytes;
	const struct perf_format format = { .sample_type = pmu.page->sample_type };
	int n = perf_ring_next(&rings[cpu], bytes, sizeof(bytes));

	assert_true(n >= 0);
	if (n == 0)
		return 0;
	if (header->type == PERF_RECORD_SAMPLE)
		assert_int_equal(perf_sample_decode(header, &format, sample), 0);
	else
		*nr_lost = perf_record_lost(header);
	return header->type;
}

static struct perf_sample next_sample(uint32_t cpu)
{
	struct perf_sample sample = { 0 };
	uint64_t nr_lost;

	assert_int_equal(next(cpu, &sample, &nr_lost), PERF_RECORD_SAMPLE);
	return sample;
}

static void assert_empty(uint32_t cpu)
{
	struct perf_sample sample;
	uint64_t nr_lost;

	assert_int_equal(next(cpu, &sample, &nr_lost), 0);
}

static void memory_is_a_power_of_two_with_room_for_all_rings(void **state)
{
	(void)state;
	for (uint32_t nr = 1; nr <= VPMU_CPUS_MAX; nr++) {
		uint64_t bytes = vpmu_bytes(nr);

		assert_int_equal(bytes & (bytes - 1), 0);
		assert_true(bytes >= 4096 + nr * (4096 + VPMU_RING_BYTES));
	}
	assert_true(pmu.page->ring_offset + NR_CPUS * pmu.page->ring_stride <= vpmu_bytes(NR_CPUS));
}

static void nothing_is_sampled_before_the_driver_wants_it(void **state)
{
	(void)state;
	assert_int_equal(touch_times(100000, 0, false), 0);
	pmu.page->control.period[0] = 10;
	pmu.page->control.enabled = 1;
	/* Not told: the sequence is as it was. */
	assert_int_equal(touch_times(1000, 0, false), 0);
	want_period(10);
	assert_int_equal(touch_times(1000, 0, false), 100);
	pmu.page->control.enabled = 0;
	pmu.page->control.sequence++;
	assert_int_equal(touch_times(1000, 0, false), 0);
}

static void every_nth_access_is_a_sample_that_stands_for_n(void **state)
{
	(void)state;
	want_period(7);
	touch_times(20, 0, false);
	for (uint64_t i = 1; i <= 2; i++) {
		struct perf_sample s = next_sample(0);

		assert_int_equal(s.addr, 7 * i - 1);
		assert_int_equal(s.phys_addr, (7 * i - 1) / 2);
		assert_int_equal(s.period, 7);
	}
	assert_empty(0);
}

static void each_cpu_counts_into_its_own_ring(void **state)
{
	(void)state;
	want_period(2);
	assert_false(touch(0, 0, false, 1));
	assert_false(touch(1, 0, false, 2));
	assert_true(touch(1, 0, false, 3));
	assert_empty(0);
	struct perf_sample s = next_sample(1);

	assert_int_equal(s.addr, 3);
	assert_int_equal(s.cpu, 1);
}

static void expect_source(uint32_t cpu, uint32_t node, bool store, enum thermo_level level,
			  uint64_t latency)
{
	assert_true(touch(cpu, node, store, 4096));
	struct perf_sample s = next_sample(cpu);

	assert_int_equal(data_src_op(s.data_src), store ? THERMO_OP_WRITE : THERMO_OP_READ);
	assert_int_equal(data_src_level(s.data_src), level);
	assert_int_equal(s.latency_cycles, latency);
}

static void source_of_the_data_is_told_by_cpu_and_node(void **state)
{
	(void)state;
	want_period(1);
	expect_source(0, 0, false, THERMO_LEVEL_LOCAL_DRAM, 80);
	expect_source(1, 0, true, THERMO_LEVEL_LOCAL_DRAM, 80);
	expect_source(2, 1, true, THERMO_LEVEL_LOCAL_DRAM, 80);
	expect_source(2, 0, false, THERMO_LEVEL_REMOTE_DRAM, 80);
	expect_source(0, 1, true, THERMO_LEVEL_REMOTE_DRAM, 80);
	expect_source(0, 2, false, THERMO_LEVEL_CXL, 250);
	expect_source(3, 2, true, THERMO_LEVEL_CXL, 250);
}

static void only_the_wanted_direction_counts(void **state)
{
	(void)state;
	want((struct vpmu_control){ .period = { 10 }, .ops = VPMU_LOADS });
	assert_int_equal(touch_times(100, 0, true), 0);
	assert_int_equal(touch_times(100, 0, false), 10);
	want((struct vpmu_control){ .period = { 10 }, .ops = VPMU_STORES });
	assert_int_equal(touch_times(100, 0, true), 10);
	assert_int_equal(touch_times(100, 0, false), 0);
	want((struct vpmu_control){ .period = { 10 } });
	assert_int_equal(touch_times(100, 0, true) + touch_times(100, 0, false), 0);
}

static void only_nodes_of_at_least_the_latency_count(void **state)
{
	(void)state;
	want((struct vpmu_control){
			.period = { 10 }, .ops = VPMU_LOADS, .min_latency_ns = { 81, 81, 81 } });
	assert_int_equal(touch_times(100, 0, false), 0);
	assert_int_equal(touch_times(100, 2, false), 10);
	want((struct vpmu_control){
			.period = { 10 }, .ops = VPMU_LOADS, .min_latency_ns = { 80, 80, 80 } });
	assert_int_equal(touch_times(100, 0, false), 10);
	want((struct vpmu_control){
			.period = { 10 }, .ops = VPMU_LOADS, .min_latency_ns = { 251, 251, 251 } });
	assert_int_equal(touch_times(100, 2, false), 0);
}

/* Whatever the intervals are, their sum is the number of accesses. */
static void intervals_jitter_and_stand_for_all_accesses(void **state)
{
	uint64_t least = UINT64_MAX, most = 0, sum = 0, nr;

	(void)state;
	want((struct vpmu_control){ .period = { 100 }, .ops = VPMU_LOADS, .jitter_permille = 200 });
	nr = touch_times(100000, 0, false);
	for (uint64_t i = 0; i < nr; i++) {
		struct perf_sample s = next_sample(0);

		least = s.period < least ? s.period : least;
		most = s.period > most ? s.period : most;
		sum += s.period;
	}
	assert_int_equal(least, 80);
	assert_int_equal(most, 120);
	assert_true(sum <= 100000 && sum > 100000 - 120);
	assert_near((double)nr, 1000, 2);
}

static void new_period_loses_no_access(void **state)
{
	(void)state;
	want_period(1000);
	assert_int_equal(touch_times(999, 0, false), 0);
	want_period(500);
	assert_true(touch(0, 0, false, 1));
	assert_int_equal(next_sample(0).period, 1000);
	want_period(2000);
	assert_int_equal(touch_times(1999, 0, false), 0);
	assert_true(touch(0, 0, false, 1));
	assert_int_equal(next_sample(0).period, 2000);
}

static void period_of_the_lab_wins(void **state)
{
	struct vpmu_options options = two_sockets;

	(void)state;
	options.fixed_period[0] = 50;
	power_on(&options);
	assert_int_equal(pmu.page->fixed_period[0], 50);
	want_period(7);
	assert_int_equal(touch_times(500, 0, false), 10);
	assert_int_equal(next_sample(0).period, 50);
}

static void power_on_values_are_what_the_lab_wants(void **state)
{
	struct vpmu_options options = two_sockets;

	(void)state;
	options.control = (struct vpmu_control){
		.sequence = 9, .ops = VPMU_STORES, .min_latency_ns = { 0, 90 }, .enabled = 1
	};
	power_on(&options);
	assert_int_equal(pmu.page->control.sequence, 0);
	assert_int_equal(pmu.page->control.enabled, 0);
	assert_int_equal(pmu.page->control.ops, VPMU_STORES);
	assert_int_equal(pmu.page->control.min_latency_ns[1], 90);
}

static void absurd_wishes_do_no_harm(void **state)
{
	(void)state;
	want_period(0);
	assert_int_equal(touch_times(100, 0, false), 0);
	want_period(UINT64_MAX);
	assert_int_equal(touch_times(100, 0, false), 0);
	want((struct vpmu_control){ .period = { 1 }, .ops = ~0u, .jitter_permille = ~0u });
	assert_int_equal(touch_times(100, 0, false), 100);
	want((struct vpmu_control){ .period = { 10 }, .ops = ~0u, .jitter_permille = ~0u });
	assert_true(touch_times(1000, 0, false) > 0);
}

static void task_is_that_of_the_cpu(void **state)
{
	(void)state;
	want_period(1);
	vpmu_set_task(&pmu, 1, 4711ull << 32 | 4713);
	touch(0, 0, false, 1);
	touch(1, 0, false, 1);
	assert_int_equal(next_sample(0).pid, 0);
	struct perf_sample s = next_sample(1);

	assert_int_equal(s.pid, 4711);
	assert_int_equal(s.tid, 4713);
	vpmu_forget_tasks(&pmu);
	touch(1, 0, false, 1);
	s = next_sample(1);
	assert_int_equal(s.pid, 0);
	assert_int_equal(s.tid, 0);
}

static void full_ring_drops_and_tells_how_many(void **state)
{
	const uint64_t room = VPMU_RING_BYTES / RECORD_BYTES;
	struct perf_sample s;

	(void)state;
	want_period(1);
	touch_times(room + 5, 0, false);
	assert_int_equal(VPMU_RING_BYTES - *rings[0].head, 64);
	assert_int_equal(next_sample(0).addr, 0);
	touch(0, 0, false, 1000001);
	touch(0, 0, false, 1000002);
	assert_int_equal(next_sample(0).addr, 1);
	touch(0, 0, false, 1000003);
	touch(0, 0, false, 1000004);
	assert_int_equal(next_sample(0).addr, 2);
	/* Room for a sample, not for what was lost as well. */
	touch(0, 0, false, 1000005);
	assert_int_equal(next_sample(0).addr, 3);
	touch(0, 0, false, 1000006);
	for (uint64_t i = 4; i < room; i++)
		assert_int_equal(next_sample(0).addr, i);
	static const struct {
		uint64_t nr_lost, addr;
	} told[] = { { 5, 1000001 }, { 1, 1000003 }, { 2, 1000006 } };

	for (size_t i = 0; i < 3; i++) {
		uint64_t nr_lost = 0;

		assert_int_equal(next(0, &s, &nr_lost), PERF_RECORD_LOST);
		assert_int_equal(nr_lost, told[i].nr_lost);
		assert_int_equal(next_sample(0).addr, told[i].addr);
	}
	assert_empty(0);
}

static void records_that_wrap_come_out_whole(void **state)
{
	uint64_t addr = 0;

	(void)state;
	want_period(1);
	/* The ring is no multiple of a record. */
	assert_int_not_equal(VPMU_RING_BYTES % RECORD_BYTES, 0);
	for (uint64_t i = 0; i < 5 * VPMU_RING_BYTES / RECORD_BYTES; i++) {
		addr = addr * 31 + 0x0123456789abcdefull;
		touch(0, 0, false, addr);
		struct perf_sample s = next_sample(0);

		assert_int_equal(s.addr, addr);
		assert_int_equal(s.phys_addr, addr / 2);
	}
}

/* Were it believed, the device would write outside of what was given back. */
static void tail_that_cannot_be_makes_a_full_ring(void **state)
{
	static const uint64_t tails[] = { 1, 8, 128, 1ull << 40, 1ull << 63 };
	struct perf_event_mmap_page *page = (void *)((char *)map + pmu.page->ring_offset);
	unsigned char before[RECORD_BYTES];

	(void)state;
	want_period(1);
	memcpy(before, rings[0].data, sizeof(before));
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		page->data_tail = tails[i];
		touch(0, 0, false, 77);
		assert_int_equal(page->data_head, 0);
		assert_memory_equal(rings[0].data, before, sizeof(before));
	}
	/* Nor does it matter what is written over the head. */
	page->data_tail = 0;
	page->data_head = 1ull << 40;
	touch(0, 0, false, 78);
	assert_int_equal(page->data_head, 24 + RECORD_BYTES);
}

static void latency_threshold_is_by_node(void **state)
{
	(void)state;
	want((struct vpmu_control){
			.period = { 10 }, .ops = VPMU_LOADS, .min_latency_ns = { 81, 0, 250 } });
	assert_int_equal(touch_times(100, 0, false), 0);
	assert_int_equal(touch_times(100, 1, false), 10);
	assert_int_equal(touch_times(100, 2, false), 10);
}

/* --- IBS --- */

static void want_ibs(uint64_t period, uint32_t jitter_permille)
{
	want((struct vpmu_control){ .period = { period }, .jitter_permille = jitter_permille });
}

static void ibs_samples_all_operations_and_tells_which_access_memory(void **state)
{
	uint64_t hits = 0, sum = 0, nr;

	(void)state;
	power_on_as(VPMU_IBS);
	want_ibs(32, 0);
	nr = touch_times(16000, 2, false);
	assert_near((double)nr, 16000 * 5 / 32.0, 1);
	for (uint64_t i = 0; i < nr; i++) {
		struct perf_sample s = next_sample(0);

		assert_int_equal(s.period, 32);
		sum += s.period;
		if (s.data_src == DATA_SRC_NONE) {
			assert_int_equal(s.addr, 0);
			assert_int_equal(s.phys_addr, 0);
			assert_int_equal(s.latency_cycles, 0);
			continue;
		}
		hits++;
		assert_int_equal(data_src_level(s.data_src), THERMO_LEVEL_CXL);
		assert_int_equal(s.latency_cycles, 250);
		assert_int_equal(s.instruction_cycles, 270);
	}
	assert_true(sum <= 80000 && sum + 64 > 80000);
	/* One in five, whatever the period is: its low bits are random. */
	assert_near((double)hits, (double)nr / 5, 60);
}

static void ibs_takes_periods_of_16_only(void **state)
{
	(void)state;
	power_on_as(VPMU_IBS);
	want_ibs(40, 0);
	assert_int_equal(touch_times(1000, 0, false), 0);
	want_ibs(48, 999);
	assert_true(touch_times(10000, 0, false) > 500);
	for (int i = 0; i < 500; i++) {
		uint64_t period = next_sample(0).period;

		assert_int_equal(period % 16, 0);
		assert_true(period >= 16 && period <= 80);
	}
}

static void ibs_begins_anew_with_another_period(void **state)
{
	(void)state;
	power_on_as(VPMU_IBS);
	want_ibs(160000, 0);
	assert_int_equal(touch_times(30000, 0, false), 0);
	want_ibs(1600, 0);
	assert_near((double)touch_times(3200, 0, false), 10, 10);
}

static void ibs_knows_latency_and_level_of_loads_only(void **state)
{
	const struct vpmu_options options = { .flavour = VPMU_IBS,
					      .cpus_per_node = 2,
					      .latency_ns = { 80, 80, 250 },
					      .is_fast = { true, true, false } };
	const struct vpmu_access load = { 0, 0, false }, far = { 0, 1, false },
				 store = { 0, 0, true };

	(void)state;
	assert_int_equal(data_src_level(vpmu_data_src(&options, &load)), THERMO_LEVEL_LOCAL_DRAM);
	assert_int_equal(data_src_level(vpmu_data_src(&options, &far)), THERMO_LEVEL_REMOTE_DRAM);
	assert_int_equal(vpmu_weight(&options, &load) & UINT32_MAX, 80);
	/* As AMD's kernel tells a load from memory and a store. */
	assert_int_equal(vpmu_data_src(&options, &load), 0x1a29081042ull);
	assert_int_equal(vpmu_data_src(&options, &store), 0x1e29080024ull);
	assert_int_equal(data_src_op(vpmu_data_src(&options, &store)), THERMO_OP_WRITE);
	assert_int_equal(data_src_level(vpmu_data_src(&options, &store)), THERMO_LEVEL_UNKNOWN);
	assert_int_equal(vpmu_weight(&options, &store), 0);
}

static void ibs_drops_what_is_short_after_it_has_sampled(void **state)
{
	(void)state;
	power_on_as(VPMU_IBS);
	want((struct vpmu_control){ .period = { 32 }, .min_latency_ns = { 100, 100, 100 } });
	touch_times(10000, 0, false);
	touch_times(10000, 2, true);
	assert_empty(0);
	touch_times(10000, 2, false);
	for (int i = 0; i < 250; i++)
		assert_int_equal(next_sample(0).latency_cycles, 250);
}

/* --- PEBS --- */

static void pebs_has_an_event_and_a_period_for_loads_and_one_for_stores(void **state)
{
	uint64_t nr[2] = { 0 };

	(void)state;
	power_on_as(VPMU_PEBS);
	assert_int_equal(pmu.page->nr_events, 2);
	want((struct vpmu_control){ .period = { 10, 25 }, .ops = VPMU_LOADS | VPMU_STORES });
	touch_times(1000, 0, false);
	touch_times(1000, 0, true);
	for (int i = 0; i < 140; i++) {
		struct perf_sample s = next_sample(0);
		bool store = data_src_op(s.data_src) == THERMO_OP_WRITE;

		assert_int_equal(s.id, pmu.page->event_id[store]);
		assert_int_equal(s.period, store ? 25 : 10);
		nr[store]++;
	}
	assert_empty(0);
	assert_int_equal(nr[0], 100);
	assert_int_equal(nr[1], 40);
	want((struct vpmu_control){ .period = { 10, 0 }, .ops = VPMU_LOADS | VPMU_STORES });
	assert_int_equal(touch_times(100, 0, true), 0);
	assert_int_equal(touch_times(100, 0, false), 10);
	want((struct vpmu_control){ .period = { 10, 10 }, .ops = VPMU_STORES });
	assert_int_equal(touch_times(100, 0, true), 10);
	assert_int_equal(touch_times(100, 0, false), 0);
}

static void pebs_threshold_makes_short_loads_not_count(void **state)
{
	(void)state;
	power_on_as(VPMU_PEBS);
	want((struct vpmu_control){ .period = { 10, 10 },
				    .ops = VPMU_LOADS | VPMU_STORES,
				    .min_latency_ns = { 100, 100, 100 } });
	assert_int_equal(touch_times(1000, 0, false), 0);
	assert_int_equal(touch_times(1000, 2, false), 100);
	assert_int_equal(touch_times(1000, 0, true), 100);
}

static void pebs_knows_no_cxl_and_of_stores_what_did_not_serve_them(void **state)
{
	(void)state;
	power_on_as(VPMU_PEBS);
	want_period(1);
	expect_source(0, 0, false, THERMO_LEVEL_LOCAL_DRAM, 80);
	expect_source(0, 1, false, THERMO_LEVEL_REMOTE_DRAM, 80);
	expect_source(0, 2, false, THERMO_LEVEL_REMOTE_DRAM, 250);
	expect_source(0, 2, true, THERMO_LEVEL_UNKNOWN, 0);
	touch(0, 2, false, 4096);
	assert_int_equal(next_sample(0).instruction_cycles, 270);
}

static void loss_carries_the_id_of_the_event(void **state)
{
	unsigned char bytes[RECORD_BYTES] __attribute__((aligned(8)));
	uint64_t id;

	(void)state;
	power_on_as(VPMU_PEBS);
	want_period(1);
	touch_times(VPMU_RING_BYTES / RECORD_BYTES + 1, 0, true);
	next_sample(0);
	touch(0, 0, true, 1);
	for (int type = 0; type != PERF_RECORD_LOST;) {
		assert_true(perf_ring_next(&rings[0], bytes, sizeof(bytes)) > 0);
		type = (int)((struct perf_event_header *)(void *)bytes)->type;
	}
	memcpy(&id, bytes + sizeof(struct perf_event_header), sizeof(id));
	assert_int_equal(id, pmu.page->event_id[VPMU_STORE_EVENT]);
}

static void file_must_have_the_size(void **state)
{
	char path[] = "/tmp/thermo-vpmu-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(vpmu_open(&pmu, path, &two_sockets), -EINVAL);
	assert_int_equal(ftruncate(fd, (off_t)vpmu_bytes(NR_CPUS)), 0);
	assert_int_equal(vpmu_open(&pmu, path, &two_sockets), 0);
	assert_memory_equal(pmu.page->magic, VPMU_MAGIC, 8);
	(void)munmap(pmu.page, vpmu_bytes(NR_CPUS));
	(void)unlink(path);
	(void)close(fd);
	assert_int_equal(vpmu_open(&pmu, path, &two_sockets), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(memory_is_a_power_of_two_with_room_for_all_rings),
		TEST(nothing_is_sampled_before_the_driver_wants_it),
		TEST(every_nth_access_is_a_sample_that_stands_for_n),
		TEST(each_cpu_counts_into_its_own_ring),
		TEST(source_of_the_data_is_told_by_cpu_and_node),
		TEST(only_the_wanted_direction_counts),
		TEST(only_nodes_of_at_least_the_latency_count),
		TEST(intervals_jitter_and_stand_for_all_accesses),
		TEST(new_period_loses_no_access),
		TEST(period_of_the_lab_wins),
		TEST(power_on_values_are_what_the_lab_wants),
		TEST(absurd_wishes_do_no_harm),
		TEST(task_is_that_of_the_cpu),
		TEST(full_ring_drops_and_tells_how_many),
		TEST(records_that_wrap_come_out_whole),
		TEST(tail_that_cannot_be_makes_a_full_ring),
		TEST(latency_threshold_is_by_node),
		TEST(ibs_samples_all_operations_and_tells_which_access_memory),
		TEST(ibs_takes_periods_of_16_only),
		TEST(ibs_begins_anew_with_another_period),
		TEST(ibs_knows_latency_and_level_of_loads_only),
		TEST(ibs_drops_what_is_short_after_it_has_sampled),
		TEST(pebs_has_an_event_and_a_period_for_loads_and_one_for_stores),
		TEST(pebs_threshold_makes_short_loads_not_count),
		TEST(pebs_knows_no_cxl_and_of_stores_what_did_not_serve_them),
		TEST(loss_carries_the_id_of_the_event),
		TEST(file_must_have_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
