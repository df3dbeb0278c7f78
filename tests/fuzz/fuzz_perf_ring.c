// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fuzz_perf_ring.c - a ring of any bytes, any head and tail, of events of any kind:
 * records come out or are refused, and every byte that is handed out may be read.
 */
#include <stdlib.h>
#include <string.h>

#include "sources/data_src.h"
#include "sources/perf_aux.h"
#include "sources/perf_ring.h"
#include "sources/tracepoint.h"

#define RING_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct control {
	uint64_t tail;
	uint64_t filled;
	uint64_t sample_type;
	uint64_t read_format;
	uint64_t branch_sample_type;
	uint64_t regs;
	uint32_t flags;
	uint32_t room;
	uint32_t field_offset;
	uint32_t field_bytes;
};

static volatile uint64_t sink;

static void read_bytes(const void *at, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		sink += ((const unsigned char *)at)[i];
}

static void read_words(const struct perf_words *words)
{
	for (uint64_t i = 0; i < words->nr; i++)
		sink += perf_word(words, i);
}

static void read_values(const struct perf_read *read)
{
	for (uint64_t i = 0; i < read->nr; i++)
		sink += perf_read_get(read, i).value + perf_read_get(read, i).lost;
}

static void read_sample(const struct perf_sample *s, const struct control *c)
{
	/* Of a size that tracepoint_find() lets through. */
	const struct tracepoint_field field = { "", c->field_offset, 1 + c->field_bytes % 8,
						c->flags & 1 };
	uint64_t value = 0;

	read_values(&s->read);
	read_words(&s->callchain);
	read_bytes(s->raw.data, s->raw.nr);
	read_words(&s->branches.entries);
	read_words(&s->branches.counters);
	read_words(&s->user_regs.values);
	read_words(&s->intr_regs.values);
	read_bytes(s->stack.data, s->stack.nr);
	read_bytes(s->aux.data, s->aux.nr);
	if (tracepoint_value(&field, s->raw.data, (uint32_t)s->raw.nr, &value))
		sink += value;
	sink += data_src_level(s->data_src) + data_src_op(s->data_src);
}

static void read_record(const struct perf_record *r, const struct control *c)
{
	if (r->type == PERF_RECORD_SAMPLE)
		read_sample(&r->sample, c);
	else if (r->type == PERF_RECORD_MMAP || r->type == PERF_RECORD_MMAP2)
		read_bytes(r->mmap.name, strlen(r->mmap.name));
	else if (r->type == PERF_RECORD_COMM)
		read_bytes(r->comm.name, strlen(r->comm.name));
	else if (r->type == PERF_RECORD_KSYMBOL)
		read_bytes(r->ksymbol.name, strlen(r->ksymbol.name));
	else if (r->type == PERF_RECORD_CGROUP)
		read_bytes(r->cgroup.path, strlen(r->cgroup.path));
	else if (r->type == PERF_RECORD_BPF_EVENT)
		read_bytes(r->bpf.tag, 8);
	else if (r->type == PERF_RECORD_NAMESPACES)
		read_words(&r->namespaces.pairs);
	else if (r->type == PERF_RECORD_READ)
		read_values(&r->counts.read);
	else if (r->type == PERF_RECORD_TEXT_POKE) {
		read_bytes(r->text_poke.before.data, r->text_poke.before.nr);
		read_bytes(r->text_poke.after.data, r->text_poke.after.nr);
	}
}

static void read_aux(unsigned char *bytes, uint64_t head, uint64_t tail, const struct control *c)
{
	struct perf_aux aux = { .data = bytes,
				.data_bytes = RING_BYTES,
				.head = &head,
				.tail = &tail,
				.overwrite = c->flags & 8 };
	size_t room = 1 + c->room % RING_BYTES;
	unsigned char *out = malloc(room);
	ssize_t n;

	if (!out)
		abort();
	while ((n = perf_aux_read(&aux, out, room)) > 0)
		read_bytes(out, (uint64_t)n);
	if (n == 0 && head != tail)
		abort();
	free(out);
}

static int take_one(struct perf_ring *ring, size_t room, const struct perf_format *format,
		    const struct control *c)
{
	/* Of just that size each time, so that a byte too far is seen. */
	unsigned char *record = malloc(room);
	struct perf_record r;
	int n;

	if (!record)
		abort();
	n = perf_ring_next(ring, record, room);
	if (n > 0) {
		unsigned char *exact = malloc((size_t)n);

		if (!exact)
			abort();
		memcpy(exact, record, (size_t)n);
		sink += perf_record_lost((const void *)exact);
		if (perf_record_decode((const void *)exact, format, &r) == 1)
			read_record(&r, c);
		free(exact);
	}
	free(record);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static unsigned char ring_bytes[RING_BYTES];
	struct control c;
	uint64_t head, tail;

	if (bytes < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	data += sizeof(c);
	bytes -= sizeof(c);
	memset(ring_bytes, 0, sizeof(ring_bytes));
	memcpy(ring_bytes, data, bytes < RING_BYTES ? bytes : RING_BYTES);
	tail = c.tail;
	head = tail + c.filled % (RING_BYTES + 16);
	read_aux(ring_bytes, head, tail, &c);

	struct perf_ring ring = { ring_bytes, RING_BYTES, &head, &tail };
	const struct perf_format format = {
		.sample_type = c.sample_type,
		.read_format = c.read_format,
		.branch_sample_type = c.branch_sample_type,
		.sample_regs_user = c.regs,
		.sample_regs_intr = c.regs >> 32,
		.sample_id_all = c.flags & 2,
		.swap = c.flags & 4,
	};

	while (take_one(&ring, 8 + c.room % RING_BYTES, &format, &c) > 0)
		;
	return 0;
}
