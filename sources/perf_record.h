/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perf_record.h - what a record of perf_event_open(2) says.
 *
 * Decodes one record, given how its event was opened, from a ring or a file.  Nothing
 * in it is believed before it is checked.  What is larger than a number stays in the
 * record, and so lives as long as that; it need not be aligned.
 */
#ifndef SOURCES_PERF_RECORD_H
#define SOURCES_PERF_RECORD_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sources/perf_cursor.h"

#define PERF_RECORD_MAX_BYTES 65536

/* What linux/perf_event.h of 2022 does not have. */
#define PERF_BRANCH_COUNTERS (1ull << 19) /* PERF_SAMPLE_BRANCH_COUNTERS, 6.8 */

/* How the records of an event are laid out: what perf_event_attr says of it. */
struct perf_format {
	uint64_t sample_type;
	uint64_t read_format;
	uint64_t branch_sample_type;
	uint64_t sample_regs_user;
	uint64_t sample_regs_intr;
	bool sample_id_all;
	bool swap; /* bodies are of the other byte order; headers never are */
};

struct perf_format perf_format_of(const struct perf_event_attr *attr);

/* A value of PERF_SAMPLE_READ; id and lost are 0 when not in read_format. */
struct perf_read_entry {
	uint64_t value;
	uint64_t id;
	uint64_t lost;
};

struct perf_read {
	uint64_t time_enabled_ns;
	uint64_t time_running_ns;
	uint64_t nr; /* 1 without PERF_FORMAT_GROUP */
	uint64_t format;
	struct perf_read_entry single; /* without PERF_FORMAT_GROUP */
	struct perf_words group;
};

/* What PERF_SAMPLE_READ and PERF_RECORD_READ hold for @read_format. */
struct perf_read perf_take_read(struct perf_cursor *c, uint64_t read_format);
/* Entry @i of fewer than @read->nr. */
struct perf_read_entry perf_read_get(const struct perf_read *read, uint64_t i);

/* @entries: from, to, flags of each branch; @counters: one word a branch, or none. */
struct perf_branches {
	uint64_t nr;
	uint64_t hw_idx;
	struct perf_words entries;
	struct perf_words counters;
};

/* @values: those asked for, lowest bit of the mask first; none with @abi 0. */
struct perf_regs {
	uint64_t abi;
	struct perf_words values;
};

struct perf_bytes {
	const unsigned char *data;
	uint64_t nr;
};

/**
 * struct perf_sample - What PERF_RECORD_SAMPLE holds; zero what was not asked for.
 * @latency_cycles:	The weight: load latency on all PMUs that have one.
 * @instruction_cycles, @retire_cycles:	Second and third weight of WEIGHT_STRUCT.
 * @raw:	A tracepoint's record, or what a PMU adds; in the byte order of the machine
 *		that recorded.
 * @stack_used_bytes:	Of @stack.
 */
struct perf_sample {
	uint64_t id;
	uint64_t stream_id;
	uint64_t ip;
	uint64_t time_ns;
	uint64_t addr;
	uint64_t period;
	uint64_t latency_cycles;
	uint64_t data_src;
	uint64_t transaction;
	uint64_t phys_addr;
	uint64_t cgroup;
	uint64_t data_page_bytes;
	uint64_t code_page_bytes;
	uint64_t stack_used_bytes;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
	uint16_t instruction_cycles;
	uint16_t retire_cycles;
	struct perf_read read;
	struct perf_words callchain;
	struct perf_bytes raw;
	struct perf_branches branches;
	struct perf_regs user_regs;
	struct perf_bytes stack;
	struct perf_regs intr_regs;
	struct perf_bytes aux;
};

/*
 * Decode a PERF_RECORD_SAMPLE.  Return: 0; -EBADMSG when it does not fit its size;
 * -EOPNOTSUPP for a sample_type with bits that are not known here.
 */
int perf_sample_decode(const struct perf_event_header *record, const struct perf_format *format,
		       struct perf_sample *sample);

/* Who and when, at the end of records that are no samples.  Zero what is not there. */
struct perf_sample_id {
	uint64_t time_ns;
	uint64_t id;
	uint64_t stream_id;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
};

/* MMAP and MMAP2; @prot and @flags 0 for MMAP.  @is_data: no code is in it. */
struct perf_mmap {
	int32_t pid;
	int32_t tid;
	uint64_t start;
	uint64_t bytes;
	uint64_t file_offset;
	uint32_t prot;
	uint32_t flags;
	bool is_data;
	const char *name;
};

struct perf_comm {
	int32_t pid;
	int32_t tid;
	bool is_exec;
	const char *name;
};

/* FORK and EXIT. */
struct perf_task {
	int32_t pid;
	int32_t parent_pid;
	int32_t tid;
	int32_t parent_tid;
	uint64_t time_ns;
};

/* LOST, and LOST_SAMPLES with @id 0. */
struct perf_lost {
	uint64_t id;
	uint64_t nr;
};

struct perf_throttle {
	uint64_t time_ns;
	uint64_t id;
	uint64_t stream_id;
};

/* @flags: PERF_AUX_FLAG_... */
struct perf_aux_landed {
	uint64_t offset;
	uint64_t bytes;
	uint64_t flags;
};

/* SWITCH_CPU_WIDE; pid and tid -1 for SWITCH, which does not say who. */
struct perf_switch {
	bool out;
	bool preempted;
	int32_t other_pid;
	int32_t other_tid;
};

struct perf_thread {
	int32_t pid;
	int32_t tid;
};

/* @pairs: device and inode of each. */
struct perf_namespaces {
	struct perf_thread thread;
	uint64_t nr;
	struct perf_words pairs;
};

struct perf_ksymbol {
	uint64_t addr;
	uint32_t bytes;
	uint16_t type;
	bool is_removed;
	const char *name;
};

struct perf_bpf {
	uint16_t type;
	uint16_t flags;
	uint32_t id;
	const unsigned char *tag; /* 8 bytes */
};

struct perf_cgroup {
	uint64_t id;
	const char *path;
};

struct perf_text_poke {
	uint64_t addr;
	struct perf_bytes before;
	struct perf_bytes after;
};

struct perf_counts {
	struct perf_thread thread;
	struct perf_read read;
};

/**
 * struct perf_record - A record of any kind; which of the union is in @type.
 * @type:	enum perf_event_type.
 * @started:	ITRACE_START.
 * @hw_id:	AUX_OUTPUT_HW_ID.
 */
struct perf_record {
	uint32_t type;
	uint16_t misc;
	struct perf_sample_id sample_id;
	union {
		struct perf_sample sample;
		struct perf_mmap mmap;
		struct perf_comm comm;
		struct perf_task task;
		struct perf_lost lost;
		struct perf_throttle throttle;
		struct perf_aux_landed aux;
		struct perf_switch switched;
		struct perf_thread started;
		struct perf_namespaces namespaces;
		struct perf_ksymbol ksymbol;
		struct perf_bpf bpf;
		struct perf_cgroup cgroup;
		struct perf_text_poke text_poke;
		struct perf_counts counts;
		uint64_t hw_id;
	};
};

/*
 * Decode @record, samples too (their sample_id stays zero).  Return: 1; 0 for a type
 * that is not known here, to be skipped by its size; -EBADMSG when it does not fit its
 * size; -EOPNOTSUPP as perf_sample_decode().
 */
int perf_record_decode(const struct perf_event_header *record, const struct perf_format *format,
		       struct perf_record *out);

/*
 * Who and when of a record that is no sample; all zero without sample_id_all.  Return: 0
 * or -EBADMSG.
 */
int perf_sample_id_decode(const struct perf_event_header *record, const struct perf_format *format,
			  struct perf_sample_id *id);
/* Bytes of it at the end of such records. */
size_t perf_sample_id_bytes(const struct perf_format *format);

/*
 * Records lost according to a PERF_RECORD_LOST or LOST_SAMPLES of a ring; 0 for any
 * other.
 */
uint64_t perf_record_lost(const struct perf_event_header *record);

#endif
