/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spe_encode.h - write the packets of Arm SPE, as hardware does, byte by byte. */
#ifndef TESTS_UNIT_SOURCES_SPE_ENCODE_H
#define TESTS_UNIT_SOURCES_SPE_ENCODE_H

#include <stdlib.h>
#include <string.h>

#include "sources/spe_packet.h"

struct spe_bytes {
	size_t len;
	unsigned char at[65536];
};

static inline void spe_put(struct spe_bytes *b, unsigned char byte)
{
	if (b->len == sizeof(b->at))
		abort();
	b->at[b->len++] = byte;
}

static inline void spe_put_packet(struct spe_bytes *b, unsigned char header, uint64_t payload,
				  size_t bytes)
{
	spe_put(b, header);
	for (size_t i = 0; i < bytes; i++)
		spe_put(b, (unsigned char)(payload >> (8 * i)));
}

static inline void spe_put_pc(struct spe_bytes *b, uint64_t pc)
{
	spe_put_packet(b, 0xb0, pc, 8);
}

static inline void spe_put_vaddr(struct spe_bytes *b, uint64_t addr)
{
	spe_put_packet(b, 0xb2, addr, 8);
}

static inline void spe_put_paddr(struct spe_bytes *b, uint64_t addr)
{
	spe_put_packet(b, 0xb3, addr, 8);
}

/* @op: 0x00 a load, 0x01 a store, 0x06 and 0x07 atomic. */
static inline void spe_put_memory_op(struct spe_bytes *b, unsigned char op)
{
	spe_put_packet(b, 0x49, op, 1);
}

static inline void spe_put_events(struct spe_bytes *b, uint32_t events)
{
	spe_put_packet(b, 0x62, events, 4);
}

static inline void spe_put_latency(struct spe_bytes *b, unsigned int index, uint16_t cycles)
{
	spe_put_packet(b, (unsigned char)(0x98 | index), cycles, 2);
}

static inline void spe_put_context(struct spe_bytes *b, uint32_t tid)
{
	spe_put_packet(b, 0x64, tid, 4);
}

static inline void spe_put_source(struct spe_bytes *b, unsigned char source)
{
	spe_put_packet(b, 0x43, source, 1);
}

static inline void spe_put_time(struct spe_bytes *b, uint64_t time)
{
	spe_put_packet(b, 0x71, time, 8);
}

static inline void spe_put_end(struct spe_bytes *b)
{
	spe_put(b, 0x01);
}

static inline void spe_pad(struct spe_bytes *b, size_t alignment)
{
	while (b->len % alignment)
		spe_put(b, 0);
}

/* A load of a thread, as a Neoverse writes it; @i tells one from the other. */
static inline void spe_put_load(struct spe_bytes *b, uint64_t i, uint32_t tid, uint64_t time)
{
	spe_put_pc(b, 0x400000 + 4 * i);
	if (tid)
		spe_put_context(b, tid);
	spe_put_memory_op(b, 0);
	spe_put_events(b, 0x0316); /* retired, missed the first and the last cache */
	spe_put_latency(b, 1, 7);
	spe_put_latency(b, 0, (uint16_t)(200 + i));
	spe_put_latency(b, 2, 3);
	spe_put_vaddr(b, 0xaaaa00000000 + 4096 * i);
	spe_put_paddr(b, 0x8000000100000000 + 4096 * i); /* not secure */
	spe_put_source(b, 0xe);
	if (time)
		spe_put_time(b, time);
	else
		spe_put_end(b);
	spe_pad(b, 64);
}

#endif
