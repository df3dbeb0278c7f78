// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_perfdata_aux.c - perf.data with AUX data: what perf record -e arm_spe// writes, in
 * either byte order, as a file and through a pipe.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "sources/perfdata.h"
#include "tests/unit/sources/perfdata_encode.h"
#include "tests/unit/sources/perfdata_ways.h"
#include "tests/unit/sources/spe_encode.h"

#define SPE_TYPE 8
#define SPE_PERIOD 1024
#define MIDR_N1 0x413fd0c1
#define MIDR_AMPERE 0xc00fac40

static struct encoder e;
static struct spe_bytes ring;

/* 100 MHz, and a clock that was at 5 s at tick 0. */
#define TICK_NS 10
#define ZERO_NS 5000000000ull

struct arm {
	bool swap;
	bool pipe;
	bool own_clock;
	bool no_clock;
	bool old_perf; /* AUXTRACE_INFO of one PMU, not of CPUs */
	bool by_thread;
	uint32_t kind;
};

static struct perf_format format_of(const struct arm *a)
{
	return (struct perf_format){
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       (a->by_thread ? 0 : PERF_SAMPLE_CPU),
		.sample_id_all = true,
	};
}

/* --- writing --- */

static void put_attr(const struct arm *a)
{
	static const char zeroes[128];
	size_t begin = e.len;

	encode_u32(&e, SPE_TYPE);
	encode_u32(&e, 120);
	encode_u64(&e, 0x700000001);
	encode_u64(&e, SPE_PERIOD);
	encode_u64(&e, format_of(a).sample_type);
	encode_u64(&e, 0);
	encode_flags(&e, 1ull << 18 | (a->own_clock ? 1ull << 25 : 0));
	encode_bytes(&e, zeroes, 120 - (e.len - begin));
}

static size_t put_header(const struct arm *a)
{
	e.len = 0;
	e.swap = e.swap_header = a->swap;
	encode_magic(&e, a->pipe ? 16 : 104);
	if (a->pipe) {
		encode_begin(&e, PERFDATA_HEADER_ATTR, 0);
		put_attr(a);
		encode_u64(&e, 100);
		(void)encode_end(&e);
		return e.len;
	}
	encode_u64(&e, 136);
	encode_u64(&e, 104);
	encode_u64(&e, 136);
	encode_u64(&e, 104 + 136 + 8);
	for (int i = 0; i < 3; i++)
		encode_u64(&e, 0);
	for (int i = 0; i < 4; i++)
		encode_u64(&e, 0);
	put_attr(a);
	encode_u64(&e, 104 + 136);
	encode_u64(&e, 8);
	encode_u64(&e, 100);
	return e.len;
}

static void put_clock(void)
{
	encode_begin(&e, PERFDATA_TIME_CONV, 0);
	encode_u64(&e, 20);
	encode_u64(&e, TICK_NS << 20);
	encode_u64(&e, ZERO_NS);
	for (int i = 0; i < 3; i++)
		encode_u64(&e, 0);
	(void)encode_end(&e);
}

static void put_info_of_cpu(uint64_t cpu, uint64_t midr)
{
	encode_u64(&e, 0x1010101010101010);
	encode_u64(&e, cpu);
	encode_u64(&e, 3);
	encode_u64(&e, midr);
	encode_u64(&e, SPE_TYPE);
	encode_u64(&e, 256);
}

static void put_info(const struct arm *a)
{
	encode_begin(&e, PERFDATA_AUXTRACE_INFO, 0);
	encode_u32(&e, a->kind ? a->kind : 4);
	encode_u32(&e, 0);
	if (a->old_perf) {
		encode_u64(&e, SPE_TYPE);
		encode_u64(&e, 1);
	} else {
		encode_u64(&e, 2);
		encode_u64(&e, 4);
		encode_u64(&e, SPE_TYPE);
		encode_u64(&e, 2);
		put_info_of_cpu(0, MIDR_N1);
		put_info_of_cpu(1, MIDR_AMPERE);
	}
	(void)encode_end(&e);
}

static void put_who(const struct arm *a, int32_t tid, uint32_t cpu, uint64_t time_ns)
{
	const struct perf_format f = format_of(a);
	const struct perf_sample_id who = {
		.time_ns = time_ns, .id = 100, .pid = tid == 101 ? 100 : tid, .tid = tid, .cpu = cpu
	};

	encode_sample_id(&e, &f, &who);
	(void)encode_end(&e);
}

static void put_comm(const struct arm *a, int32_t pid, int32_t tid)
{
	encode_begin(&e, PERF_RECORD_COMM, 0);
	encode_u32(&e, (uint32_t)pid);
	encode_u32(&e, (uint32_t)tid);
	encode_string(&e, "server");
	put_who(a, 0, 0, 0);
}

static void put_switch_in(const struct arm *a, int32_t tid, uint32_t cpu, uint64_t time_ns)
{
	encode_begin(&e, PERF_RECORD_SWITCH_CPU_WIDE, 0);
	encode_u32(&e, 1);
	encode_u32(&e, 1);
	put_who(a, tid, cpu, time_ns);
}

static void put_switch_out(const struct arm *a, int32_t next_pid, int32_t next_tid, uint32_t cpu,
			   uint64_t time_ns)
{
	encode_begin(&e, PERF_RECORD_SWITCH_CPU_WIDE, PERF_RECORD_MISC_SWITCH_OUT);
	encode_u32(&e, (uint32_t)next_pid);
	encode_u32(&e, (uint32_t)next_tid);
	put_who(a, 1, cpu, time_ns);
}

static void put_landed(const struct arm *a, uint64_t offset, uint64_t bytes, uint64_t flags,
		       int32_t tid, uint32_t cpu, uint64_t time_ns)
{
	encode_begin(&e, PERF_RECORD_AUX, 0);
	encode_u64(&e, offset);
	encode_u64(&e, bytes);
	encode_u64(&e, flags);
	put_who(a, tid, cpu, time_ns);
}

/* What is in @ring, and @padding bytes that fill it up. */
static void put_aux(uint64_t offset, int32_t tid, int32_t cpu, size_t padding)
{
	static const char zeroes[8];

	encode_begin(&e, PERFDATA_AUXTRACE, 0);
	encode_u64(&e, ring.len + padding);
	encode_u64(&e, offset);
	encode_u64(&e, 0x1234);
	encode_u32(&e, 0);
	encode_u32(&e, (uint32_t)tid);
	encode_u32(&e, (uint32_t)cpu);
	encode_u32(&e, 0);
	(void)encode_end(&e);
	encode_bytes(&e, ring.at, ring.len);
	encode_bytes(&e, zeroes, padding);
	ring.len = 0;
}

static void begin(const struct arm *a)
{
	ring.len = 0;
	(void)put_header(a);
	if (!a->no_clock)
		put_clock();
	put_info(a);
	put_comm(a, 100, 100);
	put_comm(a, 100, 101);
	put_comm(a, 200, 200);
}

static void put_loads(uint64_t first, uint64_t nr, uint32_t tid, uint64_t step)
{
	for (uint64_t i = first; i < first + nr; i++)
		spe_put_load(&ring, i, tid, 1000 + step * i);
}

/* --- reading --- */

struct seen {
	size_t nr;
	struct thermo_access accesses[64];
	struct perfdata_counters counters;
	int end;
	char kind[64];
};

static struct seen read_bytes(size_t bytes, const struct perfdata_opts *opts)
{
	FILE *file = fmemopen(e.bytes, bytes, "r");
	struct perfdata_item item;
	struct seen seen = { 0 };
	struct perfdata *p;

	assert_non_null(file);
	/* Also who takes them as they come: who it was is known in the order of time only. */
	assert_ways_say_the_same(e.bytes, bytes, opts);
	assert_int_equal(perfdata_open(&p, file, opts), 0);
	while ((seen.end = perfdata_next(p, &item)) == 1) {
		if (!item.access)
			continue;
		assert_int_equal(item.record->type, PERF_RECORD_SAMPLE);
		assert_int_equal(item.record->sample.period, SPE_PERIOD);
		assert_int_equal(item.event->type, SPE_TYPE);
		assert_true(seen.nr < 64);
		seen.accesses[seen.nr++] = *item.access;
	}
	seen.counters = *perfdata_counters(p);
	(void)snprintf(seen.kind, sizeof(seen.kind), "%s", perfdata_aux_kind(p));
	perfdata_close(p);
	(void)fclose(file);
	return seen;
}

static struct seen read_all(void)
{
	const struct perfdata_opts opts = { .cpu_mhz = 2000 };
	struct seen seen = read_bytes(e.len, &opts);

	assert_int_equal(seen.end, 0);
	return seen;
}

/* --- tests --- */

static void put_story(const struct arm *a)
{
	begin(a);
	put_landed(a, 0, 3 * 64, 0, 1, 0, ZERO_NS + 10500);
	put_loads(0, 3, 101, 10);
	spe_put_memory_op(&ring, 1); /* a store of another process, by the other header */
	spe_put_context(&ring, 200);
	spe_put_vaddr(&ring, 0xbbbb00001000);
	spe_put_time(&ring, 1004);
	put_aux(0, -1, 0, 0);
	encode_simple(&e, PERFDATA_FINISHED_ROUND);
}

static void recordings_of_either_byte_order_and_form_say_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct arm a = { .swap = i & 1, .pipe = i & 2 };

		put_story(&a);
		struct seen seen = read_all();

		assert_int_equal(seen.nr, 4);
		assert_string_equal(seen.kind, "Arm SPE");
		assert_int_equal(seen.counters.samples, 4);
		assert_int_equal(seen.counters.aux_broken + seen.counters.bad_features, 0);
		/* In the order of time: the store is second. */
		for (int j = 0; j < 4; j++) {
			const struct thermo_access *x = &seen.accesses[j];
			uint64_t load = j > 1 ? (uint64_t)j - 1 : 0;

			assert_int_equal(x->nr_accesses, SPE_PERIOD);
			assert_int_equal(x->extent_bytes, 1);
			assert_int_equal(x->cpu, 0);
			assert_int_equal(x->space, THERMO_SPACE_VIRTUAL);
			if (j == 1) {
				assert_int_equal(x->addr, 0xbbbb00001000);
				assert_int_equal(x->op, THERMO_OP_WRITE);
				assert_int_equal(x->pid, 200);
				assert_int_equal(x->level, THERMO_LEVEL_UNKNOWN);
				assert_int_equal(x->latency_ns, 0);
				assert_int_equal(x->time_ns, ZERO_NS + 10040);
				continue;
			}
			assert_int_equal(x->addr, 0xaaaa00000000 + 4096 * load);
			assert_int_equal(x->op, THERMO_OP_READ);
			assert_int_equal(x->pid, 100);
			assert_int_equal(x->tid, 101);
			assert_int_equal(x->level, THERMO_LEVEL_LOCAL_DRAM);
			assert_int_equal(x->latency_ns, (200 + load + 1) / 2);
			assert_int_equal(x->time_ns, ZERO_NS + 10 * (1000 + 10 * load));
		}
	}
}

static void physical_addresses_come_out_when_they_are_asked_for(void **state)
{
	const struct perfdata_opts opts = { .physical = true };
	const struct arm a = { 0 };

	(void)state;
	put_story(&a);
	struct seen seen = read_bytes(e.len, &opts);

	assert_int_equal(seen.nr, 3);
	assert_int_equal(seen.counters.no_address, 1);
	assert_int_equal(seen.accesses[1].addr, 0x100001000);
	assert_int_equal(seen.accesses[1].space, THERMO_SPACE_PHYSICAL);
	assert_int_equal(seen.accesses[1].latency_ns, 0); /* the clock of latencies is not known */
}

static void numbering_is_that_of_the_cpus_core(void **state)
{
	const struct arm a = { 0 };

	(void)state;
	begin(&a);
	for (int cpu = 0; cpu < 2; cpu++) {
		spe_put_memory_op(&ring, 0);
		spe_put_vaddr(&ring, 0x1000);
		spe_put_source(&ring, 8);
		spe_put_time(&ring, 1000 + (uint64_t)cpu);
		put_aux(0, -1, cpu, 0);
	}
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 2);
	assert_int_equal(seen.accesses[0].level, THERMO_LEVEL_L2);
	assert_int_equal(seen.accesses[1].level, THERMO_LEVEL_L1);
}

static void old_perf_tells_the_core_in_its_header(void **state)
{
	const struct arm a = { .pipe = true, .old_perf = true };

	(void)state;
	begin(&a);
	encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
	encode_u64(&e, PERFDATA_FEATURE_CPUID);
	encode_name(&e, "0x00000000413fd0c1");
	(void)encode_end(&e);
	put_loads(0, 1, 200, 0);
	put_aux(0, -1, 1, 0);
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 1);
	assert_int_equal(seen.accesses[0].level, THERMO_LEVEL_LOCAL_DRAM);
	assert_int_equal(seen.accesses[0].pid, 200);
}

static void without_contexts_switches_tell_who_it_was(void **state)
{
	const struct arm a = { 0 };
	static const int32_t tids[] = { 55, 101, 101, 200, 200, 0 };
	static const int32_t pids[] = { 0, 100, 100, 200, 200, 0 };

	(void)state;
	begin(&a);
	put_switch_in(&a, 101, 0, ZERO_NS + 10005);
	put_switch_out(&a, 200, 200, 0, ZERO_NS + 10025);
	put_switch_out(&a, 100, 101, 1, ZERO_NS + 10030); /* on another CPU */
	put_switch_out(&a, 0, 0, 0, ZERO_NS + 10045);
	put_landed(&a, 0, 64, 0, 55, 0, ZERO_NS + 10050);
	put_loads(0, 6, 0, 1);
	put_aux(0, -1, 0, 0);
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(seen.accesses[i].tid, tids[i]);
		assert_int_equal(seen.accesses[i].pid, pids[i]);
	}
}

static void ring_of_a_thread_is_that_threads(void **state)
{
	const struct arm a = { .by_thread = true };

	(void)state;
	begin(&a);
	put_loads(0, 2, 0, 1);
	put_aux(0, 101, -1, 0);
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 2);
	assert_int_equal(seen.accesses[1].tid, 101);
	assert_int_equal(seen.accesses[1].pid, 100);
	assert_int_equal(seen.accesses[1].cpu, THERMO_CPU_UNKNOWN);
}

static void without_a_clock_times_are_those_of_the_aux_records(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct arm a = { .no_clock = i == 0, .own_clock = i == 1 };

		begin(&a);
		put_landed(&a, 0, 128, 0, 101, 0, 7000);
		put_landed(&a, 128, 64, 0, 200, 0, 8000);
		put_loads(0, 4, 0, 1); /* of the last no record tells */
		put_aux(0, -1, 0, 0);
		struct seen seen = read_all();

		assert_int_equal(seen.nr, 4);
		assert_int_equal(seen.accesses[0].time_ns, 7000);
		assert_int_equal(seen.accesses[1].time_ns, 7000);
		assert_int_equal(seen.accesses[1].tid, 101);
		assert_int_equal(seen.accesses[2].time_ns, 8000);
		assert_int_equal(seen.accesses[2].tid, 200);
		assert_int_equal(seen.accesses[3].time_ns, 8000);
		assert_int_equal(seen.accesses[3].tid, 0);
	}
}

static void rings_of_all_cpus_come_out_in_the_order_of_time(void **state)
{
	const struct arm a = { 0 };

	(void)state;
	begin(&a);
	for (int round = 0; round < 2; round++) {
		for (int cpu = 0; cpu < 2; cpu++) {
			for (uint64_t i = 0; i < 8; i++)
				spe_put_load(&ring, i, 200,
					     1000 + 100 * (uint64_t)round + 2 * i + (uint64_t)cpu);
			put_aux(512 * (uint64_t)round, -1, cpu, 0);
		}
		encode_simple(&e, PERFDATA_FINISHED_ROUND);
	}
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 32);
	for (size_t i = 1; i < 32; i++)
		assert_true(seen.accesses[i].time_ns > seen.accesses[i - 1].time_ns);
	assert_int_equal(seen.counters.late, 0);
}

static void record_that_two_pieces_share_comes_out(void **state)
{
	const struct arm a = { 0 };
	static unsigned char whole[256];

	(void)state;
	for (size_t cut = 1; cut < 192; cut++) {
		size_t padding = (8 - cut % 8) % 8;

		begin(&a);
		put_loads(0, 3, 200, 1);
		memcpy(whole, ring.at, 192);
		ring.len = cut;
		put_aux(0, -1, 0, 0);
		ring.len = 192 - cut;
		memcpy(ring.at, whole + cut, 192 - cut);
		put_aux(cut, -1, 0, padding);
		ring.len = 0;
		put_loads(3, 1, 200, 1);
		put_aux(192, -1, 0, 0); /* the padding is not counted */
		struct seen seen = read_all();

		assert_int_equal(seen.nr, 4);
		assert_int_equal(seen.counters.aux_broken, 0);
	}
}

static void other_kinds_are_skipped_and_named(void **state)
{
	static const struct {
		uint32_t kind;
		const char *name;
	} kinds[] = { { 1, "Intel PT" }, { 3, "Arm CoreSight" }, { 99, "an unknown kind" } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct arm a = { .kind = kinds[i].kind, .swap = i == 1 };

		begin(&a);
		put_landed(&a, 0, 128, 0, 101, 0, 7000);
		put_loads(0, 2, 0, 1);
		put_aux(0, -1, 0, 0);
		put_comm(&a, 300, 300);
		struct seen seen = read_all();

		assert_int_equal(seen.nr, 0);
		assert_string_equal(seen.kind, kinds[i].name);
		assert_int_equal(seen.counters.aux_skipped_bytes, 128);
		assert_int_equal(seen.counters.records, 5); /* also those behind it */
	}
}

static void what_the_kernel_lost_and_what_makes_no_sense_is_counted(void **state)
{
	const struct arm a = { 0 };

	(void)state;
	begin(&a);
	put_landed(&a, 0, 64, PERF_AUX_FLAG_TRUNCATED, 1, 0, 7000);
	put_landed(&a, 64, 64, 8 /* collision */, 1, 0, 7000);
	put_landed(&a, 128, 64, PERF_AUX_FLAG_PARTIAL | PERF_AUX_FLAG_TRUNCATED, 1, 0, 7000);
	put_landed(&a, 192, 64, PERF_AUX_FLAG_OVERWRITE, 1, 0, 7000);
	put_loads(0, 4, 200, 1);
	memset(ring.at + 70, 0xff, 20);
	spe_put_packet(&ring, 0x4a, 0, 1); /* a branch */
	spe_put_end(&ring);
	spe_put_pc(&ring, 0x1000); /* and one that never ends */
	put_aux(0, -1, 0, 0);
	struct seen seen = read_all();

	assert_int_equal(seen.nr, 3);
	assert_int_equal(seen.counters.aux_gaps, 3);
	assert_int_equal(seen.counters.aux_other, 1);
	assert_true(seen.counters.aux_broken >= 2);
	assert_int_equal(seen.counters.samples, 3);
}

static void file_that_is_cut_anywhere_gives_what_it_has_and_says_where(void **state)
{
	const struct arm a = { 0 };
	size_t from, most = 0;

	(void)state;
	from = put_header(&a);
	put_story(&a);
	for (size_t bytes = from; bytes < e.len; bytes++) {
		struct seen seen = read_bytes(bytes, NULL);

		assert_true(seen.nr >= most);
		most = seen.nr;
		assert_true(seen.end == 0 || seen.end == -EBADMSG);
		if (seen.end < 0)
			assert_reason("offset ");
	}
	assert_int_equal(most, 4);
}

static void size_that_is_not_there_is_said(void **state)
{
	const struct arm a = { 0 };
	struct seen seen;

	(void)state;
	begin(&a);
	put_u64_at(&e, FILE_HEADER_AT_DATA + 8, e.len + 48 + 64 - (104 + 136 + 8));
	put_loads(0, 2, 200, 1); /* one more than the header says */
	put_aux(0, -1, 0, 0);
	seen = read_bytes(e.len, NULL);
	assert_int_equal(seen.end, -EBADMSG);
	assert_reason("128 bytes are said to follow");
}

static void clock_of_fewer_bits_goes_on_where_it_wraps(void **state)
{
	const struct perfdata_clock wraps = {
		.shift = 0, .mult = 2, .zero_ns = 7, .cycles = 0x1fff0, .mask = 0xffff
	};
	const struct perfdata_clock none = { 0 };

	(void)state;
	assert_int_equal(perfdata_clock_ns(&none, 1000), 0);
	assert_int_equal(perfdata_clock_ns(&wraps, 0x1fff0), 7 + 2 * 0x1fff0);
	assert_int_equal(perfdata_clock_ns(&wraps, 0x0001), 7 + 2 * 0x20001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_of_either_byte_order_and_form_say_the_same),
		cmocka_unit_test(physical_addresses_come_out_when_they_are_asked_for),
		cmocka_unit_test(numbering_is_that_of_the_cpus_core),
		cmocka_unit_test(old_perf_tells_the_core_in_its_header),
		cmocka_unit_test(without_contexts_switches_tell_who_it_was),
		cmocka_unit_test(ring_of_a_thread_is_that_threads),
		cmocka_unit_test(without_a_clock_times_are_those_of_the_aux_records),
		cmocka_unit_test(rings_of_all_cpus_come_out_in_the_order_of_time),
		cmocka_unit_test(record_that_two_pieces_share_comes_out),
		cmocka_unit_test(other_kinds_are_skipped_and_named),
		cmocka_unit_test(what_the_kernel_lost_and_what_makes_no_sense_is_counted),
		cmocka_unit_test(file_that_is_cut_anywhere_gives_what_it_has_and_says_where),
		cmocka_unit_test(size_that_is_not_there_is_said),
		cmocka_unit_test(clock_of_fewer_bits_goes_on_where_it_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
