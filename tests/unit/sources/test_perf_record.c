// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perf_record.c - what comes out is what the kernel put in, or nothing. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/unit/sources/perf_encode.h"

#define NR_TYPES 25
#define ALL_TYPES ((1ull << NR_TYPES) - 1)

static struct encoder e;
static uint64_t seed;

static int reset(void **state)
{
	(void)state;
	e.len = e.record = 0;
	e.swap = e.swap_header = false;
	seed = 0x1234567;
	return 0;
}

static uint64_t below(uint64_t limit)
{
	return test_random(&seed) % limit;
}

/* --- a sample of any content --- */

static uint64_t pool[4096];

static struct perf_words any_words(uint64_t nr)
{
	return (struct perf_words){ (const unsigned char *)&pool[below(2048)], nr, false };
}

static struct perf_bytes any_bytes(uint64_t nr)
{
	return (struct perf_bytes){ (const unsigned char *)&pool[below(2048)], nr };
}

static struct perf_regs any_regs(uint64_t mask)
{
	struct perf_regs regs = { .abi = below(3) };

	if (regs.abi)
		regs.values = any_words((uint64_t)__builtin_popcountll(mask));
	return regs;
}

static struct perf_format any_format(uint64_t type)
{
	struct perf_format f = { .sample_type = type };

	f.read_format = below(32);
	f.branch_sample_type = 1 | below(2) << 17 | below(2) << 19;
	f.sample_regs_user = test_random(&seed) & test_random(&seed);
	f.sample_regs_intr = test_random(&seed) & test_random(&seed);
	f.swap = below(2);
	f.sample_id_all = below(2);
	/* The kernel refuses both weights at once. */
	if (type & PERF_SAMPLE_WEIGHT)
		f.sample_type &= ~(uint64_t)PERF_SAMPLE_WEIGHT_STRUCT;
	return f;
}

static void any_variable(const struct perf_format *f, struct perf_sample *s)
{
	s->read = (struct perf_read){ .nr = f->read_format & PERF_FORMAT_GROUP ? below(5) : 1,
				      .time_enabled_ns = test_random(&seed),
				      .time_running_ns = test_random(&seed),
				      .single = { test_random(&seed), 7, 8 } };
	s->callchain = any_words(below(20));
	s->raw = any_bytes(below(30));
	s->branches.nr = below(10);
	s->branches.hw_idx = test_random(&seed);
	s->branches.entries = any_words(3 * s->branches.nr);
	s->branches.counters = any_words(s->branches.nr);
	s->user_regs = any_regs(f->sample_regs_user);
	s->intr_regs = any_regs(f->sample_regs_intr);
	s->stack = any_bytes(below(4) * 8);
	s->stack_used_bytes = test_random(&seed);
	s->aux = any_bytes(below(40));
}

static struct perf_sample any_sample(const struct perf_format *f)
{
	struct perf_sample s = {
		.id = test_random(&seed),
		.stream_id = test_random(&seed),
		.ip = test_random(&seed),
		.time_ns = test_random(&seed),
		.addr = test_random(&seed),
		.period = test_random(&seed),
		.data_src = test_random(&seed),
		.transaction = test_random(&seed),
		.phys_addr = test_random(&seed),
		.cgroup = test_random(&seed),
		.data_page_bytes = test_random(&seed),
		.code_page_bytes = test_random(&seed),
		.latency_cycles = (uint32_t)test_random(&seed),
		.instruction_cycles = (uint16_t)test_random(&seed),
		.retire_cycles = (uint16_t)test_random(&seed),
		.pid = (int32_t)test_random(&seed),
		.tid = (int32_t)test_random(&seed),
		.cpu = (uint32_t)test_random(&seed),
	};

	if (f->sample_type & PERF_SAMPLE_WEIGHT)
		s.latency_cycles = test_random(&seed);
	any_variable(f, &s);
	return s;
}

static void assert_words(const struct perf_words *is, const struct perf_words *should)
{
	assert_int_equal(is->nr, should->nr);
	for (uint64_t i = 0; i < is->nr; i++)
		assert_int_equal(perf_word(is, i), perf_word(should, i));
}

static void assert_bytes(const struct perf_bytes *is, const struct perf_bytes *should)
{
	assert_int_equal(is->nr, should->nr);
	assert_memory_equal(is->data, should->data, is->nr);
}

static void assert_regs(const struct perf_regs *is, const struct perf_regs *should)
{
	assert_int_equal(is->abi, should->abi);
	assert_words(&is->values, &should->values);
}

static void assert_read(uint64_t format, const struct perf_read *is, const struct perf_read *should)
{
	assert_int_equal(is->nr, should->nr);
	assert_int_equal(is->time_enabled_ns,
			 format & PERF_FORMAT_TOTAL_TIME_ENABLED ? should->time_enabled_ns : 0);
	assert_int_equal(is->time_running_ns,
			 format & PERF_FORMAT_TOTAL_TIME_RUNNING ? should->time_running_ns : 0);
	for (uint64_t i = 0; i < is->nr; i++) {
		struct perf_read_entry entry = perf_read_get(is, i);
		struct perf_read_entry want = { 100 + i, 200 + i, 300 + i };

		if (!(format & PERF_FORMAT_GROUP))
			want = should->single;
		assert_int_equal(entry.value, want.value);
		assert_int_equal(entry.id, format & PERF_FORMAT_ID ? want.id : 0);
		assert_int_equal(entry.lost, format & PERF_FORMAT_LOST ? want.lost : 0);
	}
}

#define ASSERT_IF(bits, field) assert_int_equal(is->field, type &(bits) ? should->field : 0)

static void assert_numbers(uint64_t type, const struct perf_sample *is,
			   const struct perf_sample *should)
{
	ASSERT_IF(PERF_SAMPLE_ID | PERF_SAMPLE_IDENTIFIER, id);
	ASSERT_IF(PERF_SAMPLE_IP, ip);
	ASSERT_IF(PERF_SAMPLE_TID, pid);
	ASSERT_IF(PERF_SAMPLE_TID, tid);
	ASSERT_IF(PERF_SAMPLE_TIME, time_ns);
	ASSERT_IF(PERF_SAMPLE_ADDR, addr);
	ASSERT_IF(PERF_SAMPLE_STREAM_ID, stream_id);
	ASSERT_IF(PERF_SAMPLE_CPU, cpu);
	ASSERT_IF(PERF_SAMPLE_PERIOD, period);
	ASSERT_IF(PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT, latency_cycles);
	ASSERT_IF(PERF_SAMPLE_WEIGHT_STRUCT, instruction_cycles);
	ASSERT_IF(PERF_SAMPLE_WEIGHT_STRUCT, retire_cycles);
	ASSERT_IF(PERF_SAMPLE_DATA_SRC, data_src);
	ASSERT_IF(PERF_SAMPLE_TRANSACTION, transaction);
	ASSERT_IF(PERF_SAMPLE_PHYS_ADDR, phys_addr);
	ASSERT_IF(PERF_SAMPLE_CGROUP, cgroup);
	ASSERT_IF(PERF_SAMPLE_DATA_PAGE_SIZE, data_page_bytes);
	ASSERT_IF(PERF_SAMPLE_CODE_PAGE_SIZE, code_page_bytes);
}

static void assert_branches(uint64_t branch_type, const struct perf_branches *is,
			    const struct perf_branches *should)
{
	const struct perf_words none = { 0 };

	assert_int_equal(is->nr, should->nr);
	assert_int_equal(is->hw_idx,
			 branch_type & PERF_SAMPLE_BRANCH_HW_INDEX ? should->hw_idx : 0);
	assert_words(&is->entries, &should->entries);
	assert_words(&is->counters, branch_type & PERF_BRANCH_COUNTERS ? &should->counters : &none);
}

static void assert_sample(const struct perf_format *f, const struct perf_sample *is,
			  const struct perf_sample *should)
{
	static const struct perf_sample none;
	uint64_t type = f->sample_type;

	assert_numbers(type, is, should);
	if (type & PERF_SAMPLE_READ)
		assert_read(f->read_format, &is->read, &should->read);
	assert_words(&is->callchain,
		     type & PERF_SAMPLE_CALLCHAIN ? &should->callchain : &none.callchain);
	assert_bytes(&is->raw, type & PERF_SAMPLE_RAW ? &should->raw : &none.raw);
	if (type & PERF_SAMPLE_BRANCH_STACK)
		assert_branches(f->branch_sample_type, &is->branches, &should->branches);
	assert_regs(&is->user_regs,
		    type & PERF_SAMPLE_REGS_USER ? &should->user_regs : &none.user_regs);
	assert_regs(&is->intr_regs,
		    type & PERF_SAMPLE_REGS_INTR ? &should->intr_regs : &none.intr_regs);
	assert_bytes(&is->stack, type & PERF_SAMPLE_STACK_USER ? &should->stack : &none.stack);
	assert_int_equal(is->stack_used_bytes, type & PERF_SAMPLE_STACK_USER && should->stack.nr
							       ? should->stack_used_bytes
							       : 0);
	assert_bytes(&is->aux, type & PERF_SAMPLE_AUX ? &should->aux : &none.aux);
}

static void round_trip(uint64_t type)
{
	struct perf_format f = any_format(type);
	struct perf_sample in = any_sample(&f), out;
	struct perf_record record;

	e.len = 0;
	e.swap = f.swap;
	struct perf_event_header *header = encode_sample(&e, &f, &in);

	assert_int_equal(perf_sample_decode(header, &f, &out), 0);
	assert_sample(&f, &out, &in);
	assert_int_equal(perf_record_decode(header, &f, &record), 1);
	assert_int_equal(record.type, PERF_RECORD_SAMPLE);
	assert_sample(&f, &record.sample, &in);
}

static void each_field_alone_comes_back(void **state)
{
	(void)state;
	for (int i = 0; i < 4096; i++)
		pool[i] = test_random(&seed);
	for (int bit = 0; bit < NR_TYPES; bit++)
		for (int i = 0; i < 20; i++)
			round_trip(1ull << bit);
	round_trip(0);
}

static void any_fields_in_either_byte_order_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 4096; i++)
		pool[i] = test_random(&seed);
	for (int i = 0; i < 20000; i++)
		round_trip(test_random(&seed) & ALL_TYPES);
	for (int i = 0; i < 1000; i++)
		round_trip(ALL_TYPES);
}

/* Written out by hand: the encoder could have the same fault as the decoder. */
static void fields_lie_in_the_order_of_the_kernel(void **state)
{
	static const struct {
		struct perf_event_header header;
		uint64_t words[18];
	} in = { { PERF_RECORD_SAMPLE, 0, sizeof(in) },
		 { 0x1d, 0x11, 42 | 43ull << 32, 0x22, 0x33, 0x1d, 0x44, 5, 0x55,
		   99 | 7ull << 32 | 6ull << 48, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 4,
		   0x64636261 } };
	const struct perf_format f = {
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			       PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_ID |
			       PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |
			       PERF_SAMPLE_WEIGHT_STRUCT | PERF_SAMPLE_DATA_SRC |
			       PERF_SAMPLE_TRANSACTION | PERF_SAMPLE_PHYS_ADDR |
			       PERF_SAMPLE_CGROUP | PERF_SAMPLE_DATA_PAGE_SIZE |
			       PERF_SAMPLE_CODE_PAGE_SIZE | PERF_SAMPLE_AUX,
	};
	struct perf_sample s;

	(void)state;
	assert_int_equal(perf_sample_decode(&in.header, &f, &s), 0);
	assert_int_equal(s.id, 0x1d);
	assert_int_equal(s.ip, 0x11);
	assert_int_equal(s.pid, 42);
	assert_int_equal(s.tid, 43);
	assert_int_equal(s.time_ns, 0x22);
	assert_int_equal(s.addr, 0x33);
	assert_int_equal(s.stream_id, 0x44);
	assert_int_equal(s.cpu, 5);
	assert_int_equal(s.period, 0x55);
	assert_int_equal(s.latency_cycles, 99);
	assert_int_equal(s.instruction_cycles, 7);
	assert_int_equal(s.retire_cycles, 6);
	assert_int_equal(s.data_src, 0x66);
	assert_int_equal(s.transaction, 0x77);
	assert_int_equal(s.phys_addr, 0x88);
	assert_int_equal(s.cgroup, 0x99);
	assert_int_equal(s.data_page_bytes, 0xaa);
	assert_int_equal(s.code_page_bytes, 0xbb);
	assert_int_equal(s.aux.nr, 4);
	assert_memory_equal(s.aux.data, "abcd", 4);
}

/* Exactly so many bytes of memory, so that a sanitizer sees one too many. */
static int decode_cut(const struct perf_event_header *header, uint16_t size,
		      const struct perf_format *f, struct perf_record *r)
{
	struct perf_event_header *cut = malloc(size);
	int result;

	memcpy(cut, header, size);
	cut->size = size;
	result = perf_record_decode(cut, f, r);
	free(cut);
	return result;
}

static void sample_cut_anywhere_is_refused(void **state)
{
	struct perf_record r = { .type = 77 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct perf_format f =
				any_format(i < 25 ? 1ull << i : test_random(&seed) & ALL_TYPES);
		struct perf_sample in = any_sample(&f);

		/* An empty branch stack may end in two places. */
		in.branches.nr = 2;
		in.branches.entries.nr = 6;
		in.branches.counters.nr = 2;
		e.len = 0;
		e.swap = f.swap;
		struct perf_event_header *header = encode_sample(&e, &f, &in);

		for (uint16_t size = sizeof(*header); size < header->size; size++)
			assert_int_equal(decode_cut(header, size, &f, &r), -EBADMSG);
		assert_int_equal(r.type, 77);
	}
}

static void count_beyond_the_record_is_refused(void **state)
{
	static const uint64_t types[] = { PERF_SAMPLE_CALLCHAIN,    PERF_SAMPLE_RAW,
					  PERF_SAMPLE_BRANCH_STACK, PERF_SAMPLE_STACK_USER,
					  PERF_SAMPLE_AUX,          PERF_SAMPLE_READ };
	static const uint64_t counts[] = { 17,
					   18,
					   1000,
					   UINT32_MAX,
					   1ull << 61,
					   (1ull << 61) + 1,
					   0x5555555555555556,
					   0xaaaaaaaaaaaaaaab,
					   UINT64_MAX,
					   UINT64_MAX - 7 };

	(void)state;
	for (size_t t = 0; t < 6; t++)
		for (size_t n = 0; n < 10; n++) {
			const struct perf_format f = { .sample_type = types[t],
						       .read_format = 31,
						       .branch_sample_type = 1 << 17 | 1 << 19 };
			struct perf_record r;

			e.len = 0;
			encode_begin(&e, PERF_RECORD_SAMPLE, 0);
			encode_u64(&e, counts[n]);
			encode_u64(&e, 0);
			encode_u64(&e, 0);
			struct perf_event_header *header = encode_end(&e);

			/* The size of RAW has 32 bits. */
			if (types[t] == PERF_SAMPLE_RAW && (uint32_t)counts[n] <= 20)
				continue;
			assert_int_equal(decode_cut(header, header->size, &f, &r), -EBADMSG);
		}
}

static void empty_branch_stack_has_an_index_or_not(void **state)
{
	const struct perf_format f = { .sample_type = PERF_SAMPLE_BRANCH_STACK |
						      PERF_SAMPLE_DATA_SRC,
				       .branch_sample_type = PERF_SAMPLE_BRANCH_HW_INDEX };
	struct perf_sample s;

	(void)state;
	for (int with_index = 0; with_index < 2; with_index++) {
		e.len = 0;
		encode_begin(&e, PERF_RECORD_SAMPLE, 0);
		encode_u64(&e, 0);
		if (with_index)
			encode_u64(&e, 9);
		encode_u64(&e, 0x1234);
		assert_int_equal(perf_sample_decode(encode_end(&e), &f, &s), 0);
		assert_int_equal(s.branches.hw_idx, with_index ? 9 : 0);
		assert_int_equal(s.data_src, 0x1234);
	}
}

static void fields_of_newer_kernels_are_refused(void **state)
{
	const struct perf_format f = { .sample_type = 1ull << NR_TYPES };
	struct perf_sample s;

	(void)state;
	encode_begin(&e, PERF_RECORD_SAMPLE, 0);
	encode_u64(&e, 0);
	assert_int_equal(perf_sample_decode(encode_end(&e), &f, &s), -EOPNOTSUPP);
	assert_reason("newer kernel");
}

static void header_without_a_size_is_refused(void **state)
{
	const struct perf_format f = { 0 };
	struct perf_event_header header = { PERF_RECORD_SAMPLE, 0, 0 };
	struct perf_record r;

	(void)state;
	for (uint16_t size = 0; size < sizeof(header); size++) {
		header.size = size;
		for (uint32_t type = 0; type < 30; type++) {
			header.type = type;
			assert_true(perf_record_decode(&header, &f, &r) <= 0);
		}
		header.type = PERF_RECORD_SAMPLE;
		assert_int_equal(perf_record_decode(&header, &f, &r), -EBADMSG);
	}
}

/* --- records that are no samples --- */

#define ID_TYPES                                                                                   \
	(PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |             \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER)

static const struct perf_sample_id who = {
	.time_ns = 0x71, .id = 0x72, .stream_id = 0x73, .pid = 0x74, .tid = 0x75, .cpu = 0x76
};

static void body_mmap(void)
{
	encode_u32(&e, 42);
	encode_u32(&e, 43);
	encode_u64(&e, 0x7f0000000000);
	encode_u64(&e, 0x2000);
	encode_u64(&e, 0x1000);
	encode_string(&e, "/lib/a");
}

static void check_mmap(const struct perf_record *r)
{
	assert_int_equal(r->mmap.pid, 42);
	assert_int_equal(r->mmap.tid, 43);
	assert_int_equal(r->mmap.start, 0x7f0000000000);
	assert_int_equal(r->mmap.bytes, 0x2000);
	assert_int_equal(r->mmap.file_offset, 0x1000);
	assert_true(r->mmap.is_data);
	assert_int_equal(r->mmap.prot, 0);
}

static void body_mmap2(void)
{
	encode_u32(&e, 42);
	encode_u32(&e, 43);
	encode_u64(&e, 0x7f0000000000);
	encode_u64(&e, 0x2000);
	encode_u64(&e, 0x1000);
	for (int i = 0; i < 3; i++)
		encode_u64(&e, ~0ull);
	encode_u32(&e, 5);
	encode_u32(&e, 2);
	encode_string(&e, "/lib/with a space");
}

static void check_mmap2(const struct perf_record *r)
{
	assert_int_equal(r->mmap.file_offset, 0x1000);
	assert_int_equal(r->mmap.prot, 5);
	assert_int_equal(r->mmap.flags, 2);
}

static void body_lost(void)
{
	encode_u64(&e, 0x1d);
	encode_u64(&e, 77);
}

static void check_lost(const struct perf_record *r)
{
	assert_int_equal(r->lost.id, 0x1d);
	assert_int_equal(r->lost.nr, 77);
}

static void body_u64(void)
{
	encode_u64(&e, 33);
}

static void check_lost_samples(const struct perf_record *r)
{
	assert_int_equal(r->lost.id, 0);
	assert_int_equal(r->lost.nr, 33);
}

static void check_hw_id(const struct perf_record *r)
{
	assert_int_equal(r->hw_id, 33);
}

static void body_comm(void)
{
	encode_u32(&e, 42);
	encode_u32(&e, 43);
	encode_string(&e, "1234567");
}

static void check_comm(const struct perf_record *r)
{
	assert_int_equal(r->comm.pid, 42);
	assert_int_equal(r->comm.tid, 43);
	assert_true(r->comm.is_exec);
}

static void body_task(void)
{
	for (uint32_t i = 1; i <= 4; i++)
		encode_u32(&e, i);
	encode_u64(&e, 55);
}

static void check_task(const struct perf_record *r)
{
	assert_int_equal(r->task.pid, 1);
	assert_int_equal(r->task.parent_pid, 2);
	assert_int_equal(r->task.tid, 3);
	assert_int_equal(r->task.parent_tid, 4);
	assert_int_equal(r->task.time_ns, 55);
}

static void body_three(void)
{
	for (uint64_t i = 1; i <= 3; i++)
		encode_u64(&e, i);
}

static void check_throttle(const struct perf_record *r)
{
	assert_int_equal(r->throttle.time_ns, 1);
	assert_int_equal(r->throttle.id, 2);
	assert_int_equal(r->throttle.stream_id, 3);
}

static void check_aux(const struct perf_record *r)
{
	assert_int_equal(r->aux.offset, 1);
	assert_int_equal(r->aux.bytes, 2);
	assert_int_equal(r->aux.flags, PERF_AUX_FLAG_TRUNCATED | PERF_AUX_FLAG_OVERWRITE);
}

static void body_thread(void)
{
	encode_u32(&e, 42);
	encode_u32(&e, 43);
}

static void check_started(const struct perf_record *r)
{
	assert_int_equal(r->started.pid, 42);
	assert_int_equal(r->started.tid, 43);
}

static void body_nothing(void)
{
}

static void check_switch(const struct perf_record *r)
{
	assert_true(r->switched.out);
	assert_int_equal(r->switched.other_pid, -1);
}

static void check_switch_wide(const struct perf_record *r)
{
	assert_true(r->switched.out);
	assert_false(r->switched.preempted);
	assert_int_equal(r->switched.other_pid, 42);
	assert_int_equal(r->switched.other_tid, 43);
}

static void body_namespaces(void)
{
	body_thread();
	encode_u64(&e, 2);
	for (uint64_t i = 0; i < 4; i++)
		encode_u64(&e, 90 + i);
}

static void check_namespaces(const struct perf_record *r)
{
	assert_int_equal(r->namespaces.thread.tid, 43);
	assert_int_equal(r->namespaces.nr, 2);
	assert_int_equal(perf_word(&r->namespaces.pairs, 3), 93);
}

static void body_ksymbol(void)
{
	encode_u64(&e, 0xffffffffc0000000);
	encode_u32(&e, 200);
	encode_u16(&e, 1);
	encode_u16(&e, 1);
	encode_string(&e, "bpf_p");
}

static void check_ksymbol(const struct perf_record *r)
{
	assert_int_equal(r->ksymbol.addr, 0xffffffffc0000000);
	assert_int_equal(r->ksymbol.bytes, 200);
	assert_int_equal(r->ksymbol.type, 1);
	assert_true(r->ksymbol.is_removed);
}

static void body_bpf(void)
{
	encode_u16(&e, 1);
	encode_u16(&e, 2);
	encode_u32(&e, 3);
	encode_bytes(&e, "abcdefgh", 8);
}

static void check_bpf(const struct perf_record *r)
{
	assert_int_equal(r->bpf.type, 1);
	assert_int_equal(r->bpf.flags, 2);
	assert_int_equal(r->bpf.id, 3);
}

static void body_cgroup(void)
{
	encode_u64(&e, 4711);
	encode_string(&e, "/a/b");
}

static void check_cgroup(const struct perf_record *r)
{
	assert_int_equal(r->cgroup.id, 4711);
}

static void body_text_poke(void)
{
	encode_u64(&e, 0xffffffff81000000);
	encode_u16(&e, 1);
	encode_u16(&e, 3);
	encode_bytes(&e, "oNEW", 4);
}

static void check_text_poke(const struct perf_record *r)
{
	assert_int_equal(r->text_poke.before.nr, 1);
	assert_int_equal(r->text_poke.after.nr, 3);
}

static void body_read(void)
{
	body_thread();
	encode_u64(&e, 5);
	encode_u64(&e, 6);
}

static void check_read(const struct perf_record *r)
{
	assert_int_equal(r->counts.thread.pid, 42);
	assert_int_equal(perf_read_get(&r->counts.read, 0).value, 5);
	assert_int_equal(perf_read_get(&r->counts.read, 0).id, 6);
}

static const struct {
	uint32_t type;
	uint16_t misc;
	void (*body)(void);
	void (*check)(const struct perf_record *r);
} kinds[] = {
	{ PERF_RECORD_MMAP, PERF_RECORD_MISC_MMAP_DATA, body_mmap, check_mmap },
	{ PERF_RECORD_LOST, 0, body_lost, check_lost },
	{ PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, body_comm, check_comm },
	{ PERF_RECORD_EXIT, 0, body_task, check_task },
	{ PERF_RECORD_THROTTLE, 0, body_three, check_throttle },
	{ PERF_RECORD_UNTHROTTLE, 0, body_three, check_throttle },
	{ PERF_RECORD_FORK, 0, body_task, check_task },
	{ PERF_RECORD_READ, 0, body_read, check_read },
	{ PERF_RECORD_MMAP2, PERF_RECORD_MISC_MMAP_BUILD_ID, body_mmap2, check_mmap2 },
	{ PERF_RECORD_AUX, 0, body_three, check_aux },
	{ PERF_RECORD_ITRACE_START, 0, body_thread, check_started },
	{ PERF_RECORD_LOST_SAMPLES, 0, body_u64, check_lost_samples },
	{ PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT, body_nothing, check_switch },
	{ PERF_RECORD_SWITCH_CPU_WIDE, PERF_RECORD_MISC_SWITCH_OUT, body_thread,
	  check_switch_wide },
	{ PERF_RECORD_NAMESPACES, 0, body_namespaces, check_namespaces },
	{ PERF_RECORD_KSYMBOL, 0, body_ksymbol, check_ksymbol },
	{ PERF_RECORD_BPF_EVENT, 0, body_bpf, check_bpf },
	{ PERF_RECORD_CGROUP, 0, body_cgroup, check_cgroup },
	{ PERF_RECORD_TEXT_POKE, 0, body_text_poke, check_text_poke },
	{ PERF_RECORD_AUX_OUTPUT_HW_ID, 0, body_u64, check_hw_id },
};

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct perf_event_header *encode_kind(size_t i, const struct perf_format *f)
{
	e.len = 0;
	e.swap = f->swap;
	encode_begin(&e, kinds[i].type, kinds[i].misc);
	kinds[i].body();
	encode_sample_id(&e, f, &who);
	return encode_end(&e);
}

static void assert_who(const struct perf_format *f, const struct perf_sample_id *is)
{
	uint64_t type = f->sample_id_all ? f->sample_type : 0;
	const struct perf_sample_id *should = &who;

	ASSERT_IF(PERF_SAMPLE_TID, pid);
	ASSERT_IF(PERF_SAMPLE_TID, tid);
	ASSERT_IF(PERF_SAMPLE_TIME, time_ns);
	ASSERT_IF(PERF_SAMPLE_ID | PERF_SAMPLE_IDENTIFIER, id);
	ASSERT_IF(PERF_SAMPLE_STREAM_ID, stream_id);
	ASSERT_IF(PERF_SAMPLE_CPU, cpu);
}

static void every_kind_of_record_is_decoded_with_who_and_when(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_KINDS; i++)
		for (int j = 0; j < 100; j++) {
			struct perf_format f = any_format(test_random(&seed) & ALL_TYPES);
			struct perf_record r;

			f.read_format = PERF_FORMAT_ID;
			assert_int_equal(perf_record_decode(encode_kind(i, &f), &f, &r), 1);
			assert_int_equal(r.type, kinds[i].type);
			assert_int_equal(r.misc, kinds[i].misc);
			kinds[i].check(&r);
			assert_who(&f, &r.sample_id);
		}
}

static void names_and_bytes_of_records_are_whole(void **state)
{
	static const struct {
		size_t kind;
		size_t offset;
		const char *text;
	} texts[] = { { 0, offsetof(struct perf_record, mmap.name), "/lib/a" },
		      { 2, offsetof(struct perf_record, comm.name), "1234567" },
		      { 8, offsetof(struct perf_record, mmap.name), "/lib/with a space" },
		      { 15, offsetof(struct perf_record, ksymbol.name), "bpf_p" },
		      { 17, offsetof(struct perf_record, cgroup.path), "/a/b" } };
	const struct perf_format f = { .sample_type = ID_TYPES, .sample_id_all = true };
	struct perf_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *text;

		assert_int_equal(perf_record_decode(encode_kind(texts[i].kind, &f), &f, &r), 1);
		memcpy(&text, (const char *)&r + texts[i].offset, sizeof(text));
		assert_string_equal(text, texts[i].text);
	}
	assert_int_equal(perf_record_decode(encode_kind(16, &f), &f, &r), 1);
	assert_memory_equal(r.bpf.tag, "abcdefgh", 8);
	assert_int_equal(perf_record_decode(encode_kind(18, &f), &f, &r), 1);
	assert_memory_equal(r.text_poke.before.data, "o", 1);
	assert_memory_equal(r.text_poke.after.data, "NEW", 3);
}

static void record_cut_anywhere_is_refused(void **state)
{
	/* A name that is cut within its zeroes is still whole. */
	static const uint16_t zeroes[NR_KINDS] = { [0] = 1, [8] = 6, [15] = 2, [17] = 3 };

	(void)state;
	for (size_t i = 0; i < NR_KINDS; i++)
		for (int all = 0; all < 2; all++) {
			const struct perf_format f = { .sample_type = all ? ID_TYPES : 0,
						       .read_format = PERF_FORMAT_ID,
						       .sample_id_all = true };
			struct perf_event_header *header = encode_kind(i, &f);
			uint16_t whole = header->size - zeroes[i];
			struct perf_record r;

			for (uint16_t size = sizeof(*header); size < whole; size++)
				assert_int_equal(decode_cut(header, size, &f, &r), -EBADMSG);
			for (uint16_t size = whole; size <= header->size; size++)
				assert_int_equal(decode_cut(header, size, &f, &r), 1);
		}
}

static void types_not_known_are_left_to_be_skipped(void **state)
{
	const struct perf_format f = { .sample_type = ID_TYPES, .sample_id_all = true };
	static const uint32_t types[] = { 0, 22, 23, 63, 64, 81, 4711, UINT32_MAX };
	struct perf_record r;

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct perf_event_header header = { types[i], 0, sizeof(header) };

		assert_int_equal(perf_record_decode(&header, &f, &r), 0);
	}
}

static void lost_records_of_a_ring_are_counted(void **state)
{
	const struct perf_format f = { 0 };
	struct perf_event_header *header;

	(void)state;
	header = encode_kind(1, &f);
	assert_int_equal(perf_record_lost(header), 77);
	header->size = 16;
	assert_int_equal(perf_record_lost(header), 0);
	assert_int_equal(perf_record_lost(encode_kind(11, &f)), 33);
	assert_int_equal(perf_record_lost(encode_kind(4, &f)), 0);
}

static void format_is_what_the_event_was_opened_with(void **state)
{
	const struct perf_event_attr attr = { .sample_type = 1,
					      .read_format = 2,
					      .branch_sample_type = 3,
					      .sample_regs_user = 4,
					      .sample_regs_intr = 5,
					      .sample_id_all = 1 };
	struct perf_format f = perf_format_of(&attr);

	(void)state;
	assert_int_equal(f.sample_type, 1);
	assert_int_equal(f.read_format, 2);
	assert_int_equal(f.branch_sample_type, 3);
	assert_int_equal(f.sample_regs_user, 4);
	assert_int_equal(f.sample_regs_intr, 5);
	assert_true(f.sample_id_all);
	assert_false(f.swap);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
	const struct CMUnitTest tests[] = {
		TEST(each_field_alone_comes_back),
		TEST(any_fields_in_either_byte_order_come_back),
		TEST(fields_lie_in_the_order_of_the_kernel),
		TEST(sample_cut_anywhere_is_refused),
		TEST(count_beyond_the_record_is_refused),
		TEST(empty_branch_stack_has_an_index_or_not),
		TEST(fields_of_newer_kernels_are_refused),
		TEST(header_without_a_size_is_refused),
		TEST(every_kind_of_record_is_decoded_with_who_and_when),
		TEST(names_and_bytes_of_records_are_whole),
		TEST(record_cut_anywhere_is_refused),
		TEST(types_not_known_are_left_to_be_skipped),
		TEST(lost_records_of_a_ring_are_counted),
		TEST(format_is_what_the_event_was_opened_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
