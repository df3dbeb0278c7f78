/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_encode.h - write perf records as the kernel does, in either byte order.
 *
 * The order of a sample's fields is that of perf_output_sample(), written down here a
 * second time so that the decoder's is checked against something.
 */
#ifndef TESTS_UNIT_SOURCES_PERF_ENCODE_H
#define TESTS_UNIT_SOURCES_PERF_ENCODE_H

#include <stdio.h>
#include <stdlib.h>

#include "sources/perf_record.h"

#define ENCODER_BYTES (1u << 20)

/* @swap: the other byte order; @swap_header: also in headers, as a file has it. */
struct encoder {
	bool swap;
	bool swap_header;
	size_t record; /* where the record begins that is being written */
	size_t len;
	unsigned char bytes[ENCODER_BYTES] __attribute__((aligned(8)));
};

static inline void encode_bytes(struct encoder *e, const void *bytes, size_t nr)
{
	if (e->len + nr > sizeof(e->bytes)) {
		(void)fprintf(stderr, "encoder: full\n");
		abort();
	}
	if (nr)
		memcpy(e->bytes + e->len, bytes, nr);
	e->len += nr;
}

static inline void encode_u64(struct encoder *e, uint64_t value)
{
	value = e->swap ? __builtin_bswap64(value) : value;
	encode_bytes(e, &value, sizeof(value));
}

static inline void encode_u32(struct encoder *e, uint32_t value)
{
	value = e->swap ? __builtin_bswap32(value) : value;
	encode_bytes(e, &value, sizeof(value));
}

static inline void encode_u16(struct encoder *e, uint16_t value)
{
	value = e->swap ? __builtin_bswap16(value) : value;
	encode_bytes(e, &value, sizeof(value));
}

/* Filled up with zeroes, as the kernel does with names. */
static inline void encode_string(struct encoder *e, const char *text)
{
	static const char zeroes[8];
	size_t nr = strlen(text) + 1;

	encode_bytes(e, text, nr);
	encode_bytes(e, zeroes, (8 - nr % 8) % 8);
}

static inline void encode_words(struct encoder *e, const struct perf_words *words)
{
	for (uint64_t i = 0; i < words->nr; i++)
		encode_u64(e, perf_word(words, i));
}

/* The size follows in encode_end(). */
static inline void encode_begin(struct encoder *e, uint32_t type, uint16_t misc)
{
	bool swap = e->swap;

	e->record = e->len;
	e->swap = e->swap_header;
	encode_u32(e, type);
	encode_u16(e, misc);
	encode_u16(e, 0);
	e->swap = swap;
}

static inline struct perf_event_header *encode_end(struct encoder *e)
{
	uint16_t size = (uint16_t)(e->len - e->record);

	size = e->swap_header ? __builtin_bswap16(size) : size;
	memcpy(e->bytes + e->record + 6, &size, sizeof(size));
	return (void *)(e->bytes + e->record);
}

static inline void encode_read(struct encoder *e, uint64_t format, const struct perf_read *r)
{
	bool group = format & PERF_FORMAT_GROUP;

	encode_u64(e, group ? r->nr : r->single.value);
	if (format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		encode_u64(e, r->time_enabled_ns);
	if (format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		encode_u64(e, r->time_running_ns);
	for (uint64_t i = 0; i < (group ? r->nr : 1); i++) {
		/* Of a group: made up from @i: value, id, lost. */
		struct perf_read_entry entry = { 100 + i, 200 + i, 300 + i };

		if (!group)
			entry = r->single;
		else
			encode_u64(e, entry.value);
		if (format & PERF_FORMAT_ID)
			encode_u64(e, entry.id);
		if (format & PERF_FORMAT_LOST)
			encode_u64(e, entry.lost);
	}
}

static inline void encode_regs(struct encoder *e, const struct perf_regs *regs)
{
	encode_u64(e, regs->abi);
	if (regs->abi)
		encode_words(e, &regs->values);
}

static inline void encode_branches(struct encoder *e, const struct perf_format *f,
				   const struct perf_branches *b)
{
	encode_u64(e, b->nr);
	if (f->branch_sample_type & PERF_SAMPLE_BRANCH_HW_INDEX)
		encode_u64(e, b->hw_idx);
	encode_words(e, &b->entries);
	if (f->branch_sample_type & PERF_BRANCH_COUNTERS)
		encode_words(e, &b->counters);
}

static inline void encode_weight(struct encoder *e, uint64_t type, const struct perf_sample *s)
{
	encode_u64(e, type & PERF_SAMPLE_WEIGHT
				      ? s->latency_cycles
				      : s->latency_cycles | (uint64_t)s->instruction_cycles << 32 |
							(uint64_t)s->retire_cycles << 48);
}

static inline void encode_fixed(struct encoder *e, uint64_t type, const struct perf_sample *s)
{
	if (type & PERF_SAMPLE_IDENTIFIER)
		encode_u64(e, s->id);
	if (type & PERF_SAMPLE_IP)
		encode_u64(e, s->ip);
	if (type & PERF_SAMPLE_TID) {
		encode_u32(e, (uint32_t)s->pid);
		encode_u32(e, (uint32_t)s->tid);
	}
	if (type & PERF_SAMPLE_TIME)
		encode_u64(e, s->time_ns);
	if (type & PERF_SAMPLE_ADDR)
		encode_u64(e, s->addr);
	if (type & PERF_SAMPLE_ID)
		encode_u64(e, s->id);
	if (type & PERF_SAMPLE_STREAM_ID)
		encode_u64(e, s->stream_id);
	if (type & PERF_SAMPLE_CPU) {
		encode_u32(e, s->cpu);
		encode_u32(e, 0xeeeeeeee);
	}
	if (type & PERF_SAMPLE_PERIOD)
		encode_u64(e, s->period);
}

static inline void encode_variable(struct encoder *e, const struct perf_format *f,
				   const struct perf_sample *s)
{
	uint64_t type = f->sample_type;

	if (type & PERF_SAMPLE_READ)
		encode_read(e, f->read_format, &s->read);
	if (type & PERF_SAMPLE_CALLCHAIN) {
		encode_u64(e, s->callchain.nr);
		encode_words(e, &s->callchain);
	}
	if (type & PERF_SAMPLE_RAW) {
		encode_u32(e, (uint32_t)s->raw.nr);
		encode_bytes(e, s->raw.data, s->raw.nr);
	}
	if (type & PERF_SAMPLE_BRANCH_STACK)
		encode_branches(e, f, &s->branches);
	if (type & PERF_SAMPLE_REGS_USER)
		encode_regs(e, &s->user_regs);
	if (type & PERF_SAMPLE_STACK_USER) {
		encode_u64(e, s->stack.nr);
		encode_bytes(e, s->stack.data, s->stack.nr);
		if (s->stack.nr)
			encode_u64(e, s->stack_used_bytes);
	}
}

static inline void encode_tail(struct encoder *e, uint64_t type, const struct perf_sample *s)
{
	if (type & (PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT))
		encode_weight(e, type, s);
	if (type & PERF_SAMPLE_DATA_SRC)
		encode_u64(e, s->data_src);
	if (type & PERF_SAMPLE_TRANSACTION)
		encode_u64(e, s->transaction);
	if (type & PERF_SAMPLE_REGS_INTR)
		encode_regs(e, &s->intr_regs);
	if (type & PERF_SAMPLE_PHYS_ADDR)
		encode_u64(e, s->phys_addr);
	if (type & PERF_SAMPLE_CGROUP)
		encode_u64(e, s->cgroup);
	if (type & PERF_SAMPLE_DATA_PAGE_SIZE)
		encode_u64(e, s->data_page_bytes);
	if (type & PERF_SAMPLE_CODE_PAGE_SIZE)
		encode_u64(e, s->code_page_bytes);
	if (type & PERF_SAMPLE_AUX) {
		encode_u64(e, s->aux.nr);
		encode_bytes(e, s->aux.data, s->aux.nr);
	}
}

static inline struct perf_event_header *
encode_sample(struct encoder *e, const struct perf_format *f, const struct perf_sample *s)
{
	encode_begin(e, PERF_RECORD_SAMPLE, 0);
	encode_fixed(e, f->sample_type, s);
	encode_variable(e, f, s);
	encode_tail(e, f->sample_type, s);
	return encode_end(e);
}

/* What ends a record that is no sample. */
static inline void encode_sample_id(struct encoder *e, const struct perf_format *f,
				    const struct perf_sample_id *id)
{
	uint64_t type = f->sample_id_all ? f->sample_type : 0;

	if (type & PERF_SAMPLE_TID) {
		encode_u32(e, (uint32_t)id->pid);
		encode_u32(e, (uint32_t)id->tid);
	}
	if (type & PERF_SAMPLE_TIME)
		encode_u64(e, id->time_ns);
	if (type & PERF_SAMPLE_ID)
		encode_u64(e, id->id);
	if (type & PERF_SAMPLE_STREAM_ID)
		encode_u64(e, id->stream_id);
	if (type & PERF_SAMPLE_CPU) {
		encode_u32(e, id->cpu);
		encode_u32(e, 0xeeeeeeee);
	}
	if (type & PERF_SAMPLE_IDENTIFIER)
		encode_u64(e, id->id);
}

#endif
