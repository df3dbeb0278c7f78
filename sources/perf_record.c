// SPDX-License-Identifier: GPL-2.0-or-later
/* perf_record.c - decode the records that are no samples, and who and when at their end. */
#include "sources/perf_record.h"

#include <errno.h>

#include "core/error.h"

size_t perf_sample_id_bytes(const struct perf_format *format)
{
	const uint64_t in_it = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID |
			       PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER;

	return format->sample_id_all ? 8 * (size_t)__builtin_popcountll(format->sample_type & in_it)
				     : 0;
}

static struct perf_sample_id take_sample_id(struct perf_cursor *c, uint64_t type)
{
	struct perf_sample_id id = { 0 };

	if (type & PERF_SAMPLE_TID) {
		id.pid = (int32_t)perf_take_u32(c);
		id.tid = (int32_t)perf_take_u32(c);
	}
	if (type & PERF_SAMPLE_TIME)
		id.time_ns = perf_take_u64(c);
	if (type & PERF_SAMPLE_ID)
		id.id = perf_take_u64(c);
	if (type & PERF_SAMPLE_STREAM_ID)
		id.stream_id = perf_take_u64(c);
	if (type & PERF_SAMPLE_CPU) {
		id.cpu = perf_take_u32(c);
		(void)perf_take_u32(c);
	}
	if (type & PERF_SAMPLE_IDENTIFIER)
		id.id = perf_take_u64(c);
	return id;
}

static int too_short(const struct perf_event_header *record)
{
	return thermo_fail(-EBADMSG, "perf record: %u bytes are too few for type %u", record->size,
			   record->type);
}

int perf_sample_id_decode(const struct perf_event_header *record, const struct perf_format *format,
			  struct perf_sample_id *id)
{
	size_t bytes = perf_sample_id_bytes(format);

	if (record->size < sizeof(*record) + bytes)
		return too_short(record);
	struct perf_cursor c = { (const unsigned char *)record + record->size - bytes, bytes,
				 format->swap, false };

	*id = bytes ? take_sample_id(&c, format->sample_type) : (struct perf_sample_id){ 0 };
	return 0;
}

static struct perf_thread take_thread(struct perf_cursor *c)
{
	struct perf_thread t = { .pid = (int32_t)perf_take_u32(c) };

	t.tid = (int32_t)perf_take_u32(c);
	return t;
}

static void take_mmap(struct perf_cursor *c, struct perf_record *r)
{
	struct perf_thread t = take_thread(c);
	struct perf_mmap m = { .pid = t.pid, .tid = t.tid };

	m.is_data = r->misc & PERF_RECORD_MISC_MMAP_DATA;
	m.start = perf_take_u64(c);
	m.bytes = perf_take_u64(c);
	m.file_offset = perf_take_u64(c);
	if (r->type == PERF_RECORD_MMAP2) {
		(void)perf_take(c, 24); /* device, inode and generation, or a build id */
		m.prot = perf_take_u32(c);
		m.flags = perf_take_u32(c);
	}
	m.name = perf_take_string(c);
	r->mmap = m;
}

static void take_comm(struct perf_cursor *c, struct perf_record *r)
{
	struct perf_thread t = take_thread(c);

	r->comm = (struct perf_comm){ t.pid, t.tid, r->misc & PERF_RECORD_MISC_COMM_EXEC, NULL };
	r->comm.name = perf_take_string(c);
}

static void take_task(struct perf_cursor *c, struct perf_record *r)
{
	r->task.pid = (int32_t)perf_take_u32(c);
	r->task.parent_pid = (int32_t)perf_take_u32(c);
	r->task.tid = (int32_t)perf_take_u32(c);
	r->task.parent_tid = (int32_t)perf_take_u32(c);
	r->task.time_ns = perf_take_u64(c);
}

static void take_lost(struct perf_cursor *c, struct perf_record *r)
{
	r->lost.id = r->type == PERF_RECORD_LOST ? perf_take_u64(c) : 0;
	r->lost.nr = perf_take_u64(c);
}

static void take_throttle(struct perf_cursor *c, struct perf_record *r)
{
	r->throttle.time_ns = perf_take_u64(c);
	r->throttle.id = perf_take_u64(c);
	r->throttle.stream_id = perf_take_u64(c);
}

static void take_aux(struct perf_cursor *c, struct perf_record *r)
{
	r->aux.offset = perf_take_u64(c);
	r->aux.bytes = perf_take_u64(c);
	r->aux.flags = perf_take_u64(c);
}

static void take_switch(struct perf_cursor *c, struct perf_record *r)
{
	struct perf_thread other = { -1, -1 };

	if (r->type == PERF_RECORD_SWITCH_CPU_WIDE)
		other = take_thread(c);
	r->switched = (struct perf_switch){ r->misc & PERF_RECORD_MISC_SWITCH_OUT,
					    r->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT,
					    other.pid, other.tid };
}

static void take_namespaces(struct perf_cursor *c, struct perf_record *r)
{
	r->namespaces.thread = take_thread(c);
	r->namespaces.nr = perf_take_u64(c);
	r->namespaces.pairs = perf_take_words(
			c, r->namespaces.nr > c->left / 8 ? UINT64_MAX : 2 * r->namespaces.nr);
}

static void take_ksymbol(struct perf_cursor *c, struct perf_record *r)
{
	r->ksymbol.addr = perf_take_u64(c);
	r->ksymbol.bytes = perf_take_u32(c);
	r->ksymbol.type = perf_take_u16(c);
	r->ksymbol.is_removed = perf_take_u16(c) & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER;
	r->ksymbol.name = perf_take_string(c);
}

static void take_bpf(struct perf_cursor *c, struct perf_record *r)
{
	r->bpf.type = perf_take_u16(c);
	r->bpf.flags = perf_take_u16(c);
	r->bpf.id = perf_take_u32(c);
	r->bpf.tag = perf_take(c, 8);
}

static void take_cgroup(struct perf_cursor *c, struct perf_record *r)
{
	r->cgroup.id = perf_take_u64(c);
	r->cgroup.path = perf_take_string(c);
}

static void take_text_poke(struct perf_cursor *c, struct perf_record *r)
{
	r->text_poke.addr = perf_take_u64(c);
	r->text_poke.before.nr = perf_take_u16(c);
	r->text_poke.after.nr = perf_take_u16(c);
	r->text_poke.before.data = perf_take(c, r->text_poke.before.nr);
	r->text_poke.after.data = perf_take(c, r->text_poke.after.nr);
}

static void take_started(struct perf_cursor *c, struct perf_record *r)
{
	r->started = take_thread(c);
}

static void take_hw_id(struct perf_cursor *c, struct perf_record *r)
{
	r->hw_id = perf_take_u64(c);
}

static void (*const takers[])(struct perf_cursor *c, struct perf_record *r) = {
	[PERF_RECORD_MMAP] = take_mmap,
	[PERF_RECORD_LOST] = take_lost,
	[PERF_RECORD_COMM] = take_comm,
	[PERF_RECORD_EXIT] = take_task,
	[PERF_RECORD_THROTTLE] = take_throttle,
	[PERF_RECORD_UNTHROTTLE] = take_throttle,
	[PERF_RECORD_FORK] = take_task,
	[PERF_RECORD_MMAP2] = take_mmap,
	[PERF_RECORD_AUX] = take_aux,
	[PERF_RECORD_ITRACE_START] = take_started,
	[PERF_RECORD_LOST_SAMPLES] = take_lost,
	[PERF_RECORD_SWITCH] = take_switch,
	[PERF_RECORD_SWITCH_CPU_WIDE] = take_switch,
	[PERF_RECORD_NAMESPACES] = take_namespaces,
	[PERF_RECORD_KSYMBOL] = take_ksymbol,
	[PERF_RECORD_BPF_EVENT] = take_bpf,
	[PERF_RECORD_CGROUP] = take_cgroup,
	[PERF_RECORD_TEXT_POKE] = take_text_poke,
	[PERF_RECORD_AUX_OUTPUT_HW_ID] = take_hw_id,
};

/* READ is the one whose layout depends on the event. */
static void take_body(struct perf_cursor *c, const struct perf_format *format,
		      struct perf_record *r)
{
	if (r->type == PERF_RECORD_READ) {
		r->counts.thread = take_thread(c);
		r->counts.read = perf_take_read(c, format->read_format);
		return;
	}
	takers[r->type](c, r);
}

static bool is_known(uint32_t type)
{
	return type == PERF_RECORD_READ ||
	       (type < sizeof(takers) / sizeof(takers[0]) && takers[type]);
}

static int decode_sample(const struct perf_event_header *record, const struct perf_format *format,
			 struct perf_record *out)
{
	int err = perf_sample_decode(record, format, &out->sample);

	if (err)
		return err;
	out->type = record->type;
	out->misc = record->misc;
	out->sample_id = (struct perf_sample_id){ 0 };
	return 1;
}

int perf_record_decode(const struct perf_event_header *record, const struct perf_format *format,
		       struct perf_record *out)
{
	struct perf_cursor c = { (const unsigned char *)(record + 1), 0, format->swap, false };
	int err;

	if (record->type == PERF_RECORD_SAMPLE)
		return decode_sample(record, format, out);
	if (!is_known(record->type))
		return 0;

	struct perf_record r = { .type = record->type, .misc = record->misc };

	err = perf_sample_id_decode(record, format, &r.sample_id);
	if (err)
		return err;
	c.left = record->size - sizeof(*record) - perf_sample_id_bytes(format);
	take_body(&c, format, &r);
	if (c.short_of_data)
		return too_short(record);
	*out = r;
	return 1;
}

uint64_t perf_record_lost(const struct perf_event_header *record)
{
	const struct perf_format plain = { 0 };
	struct perf_record r = { 0 };

	if (record->type != PERF_RECORD_LOST && record->type != PERF_RECORD_LOST_SAMPLES)
		return 0;
	return perf_record_decode(record, &plain, &r) == 1 ? r.lost.nr : 0;
}
