/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_perf_ring.c - a ring of any bytes, any head and tail: records and samples
 * come out or are refused, and every byte that is handed out may be read.
 */
#include <stdlib.h>
#include <string.h>

#include "sources/perf_ring.h"
#include "sources/tracepoint.h"

#define RING_BYTES 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct control {
	uint64_t tail;
	uint64_t filled;
	uint64_t sample_type;
	uint32_t nr_regs;
	uint32_t room;
	uint32_t signedness;
	uint32_t field_offset;
	uint32_t field_bytes;
};

static volatile uint64_t sink;

static void read_all(const struct perf_sample *s, const struct control *c)
{
	/* Of a size that tracepoint_find() lets through. */
	const struct tracepoint_field field = { "", c->field_offset, 1 + c->field_bytes % 8,
						c->signedness & 1 };
	uint64_t sum = s->id + s->addr + s->time_ns, value = 0;

	for (uint32_t i = 0; i < s->raw_bytes; i++)
		sum += s->raw[i];
	for (uint32_t i = 0; i < s->nr_regs; i++) {
		uint64_t reg;

		memcpy(&reg, (const unsigned char *)s->regs + i * sizeof(reg), sizeof(reg));
		sum += reg;
	}
	if (tracepoint_value(&field, s->raw, s->raw_bytes, &value))
		sum += value;
	sink += sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static unsigned char ring_bytes[RING_BYTES];
	struct control c;
	uint64_t head, tail;
	unsigned char *record;
	int n;

	if (bytes < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	data += sizeof(c);
	bytes -= sizeof(c);
	memset(ring_bytes, 0, sizeof(ring_bytes));
	memcpy(ring_bytes, data, bytes < RING_BYTES ? bytes : RING_BYTES);
	tail = c.tail;
	head = tail + c.filled % (RING_BYTES + 16);
	c.nr_regs %= 64;

	struct perf_ring ring = { ring_bytes, RING_BYTES, &head, &tail };
	size_t room = 8 + c.room % RING_BYTES;

	while (1) {
		/* Of just that size each time, so that a byte too far is seen. */
		record = malloc(room);
		if (!record)
			abort();
		n = perf_ring_next(&ring, record, room);
		if (n > 0) {
			unsigned char *exact = malloc((size_t)n);
			struct perf_sample s;

			if (!exact)
				abort();
			memcpy(exact, record, (size_t)n);
			sink += perf_record_lost((const void *)exact);
			if (perf_sample_decode((const void *)exact, c.sample_type, c.nr_regs, &s) ==
			    0)
				read_all(&s, &c);
			free(exact);
		}
		free(record);
		if (n <= 0)
			break;
	}
	return 0;
}
