/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_model.h - a hotness unit of 64-bit words, as the standard lays them out, that does at
 * each store what a unit does, and on a clock that only pauses move.
 */
#ifndef TESTS_UNIT_SOURCES_CHMU_MODEL_H
#define TESTS_UNIT_SOURCES_CHMU_MODEL_H

#include "sources/chmu_unit.h"
#include "tests/unit/fake_host.h"

#define MODEL_INSTANCE_BYTES 0x200u
#define MODEL_INSTANCES 2u
#define MODEL_BYTES (0x10 + MODEL_INSTANCES * MODEL_INSTANCE_BYTES)
#define MODEL_LOG_MAX 64
/* The n-th instance. */
#define MODEL_AT(n, reg) (0x10 + (n)*MODEL_INSTANCE_BYTES + (reg))

struct model_store {
	size_t offset;
	uint64_t value;
	size_t bytes;
};

/**
 * struct chmu_model - @busy_polls: how long an operation takes, in pauses.
 * @dead:	It takes stores and does nothing.
 * @unplug_after:	Reads from now on until all of them give ones; -1: never.
 */
struct chmu_model {
	unsigned char bytes[MODEL_BYTES] __attribute__((aligned(8)));
	struct fake_host fake;
	struct chmu_io io;
	struct model_store log[MODEL_LOG_MAX];
	size_t nr_stores;
	int busy_polls;
	int busy[MODEL_INSTANCES];
	bool wanted[MODEL_INSTANCES];
	bool dead;
	int unplug_after;
};

static inline uint64_t model_get(const struct chmu_model *m, size_t offset)
{
	uint64_t word;

	memcpy(&word, m->bytes + offset, sizeof(word));
	return word;
}

static inline void model_set(struct chmu_model *m, size_t offset, uint64_t word)
{
	memcpy(m->bytes + offset, &word, sizeof(word));
}

static inline uint64_t model_read(const struct chmu_io *io, size_t offset, size_t bytes)
{
	struct chmu_model *m = io->data;
	uint64_t value = 0;

	if (m->unplug_after == 0)
		return bytes == 2 ? UINT16_MAX : UINT64_MAX;
	if (m->unplug_after > 0)
		m->unplug_after--;
	fake_check(offset % bytes == 0 && offset + bytes <= MODEL_BYTES, "a read beyond the unit");
	memcpy(&value, m->bytes + offset, bytes);
	return value;
}

static inline void model_store_cfg0(struct chmu_model *m, size_t n, uint64_t value)
{
	bool enabled = model_get(m, MODEL_AT(n, 0x60)) & 1;
	uint64_t operation = value >> 17 & 1 ? 3 : (value >> 16 & 1) != enabled ? 2 - !enabled : 0;

	m->wanted[n] = value >> 16 & 1;
	m->busy[n] = m->busy_polls;
	if (operation)
		model_set(m, MODEL_AT(n, 0x60),
			  (model_get(m, MODEL_AT(n, 0x60)) & ~0xffff0000ull) | operation << 16);
}

static inline void model_write(const struct chmu_io *io, size_t offset, uint64_t value,
			       size_t bytes)
{
	struct chmu_model *m = io->data;
	size_t n = (offset - 0x10) / MODEL_INSTANCE_BYTES;
	size_t reg = (offset - 0x10) % MODEL_INSTANCE_BYTES;

	fake_check(offset % bytes == 0 && offset + bytes <= MODEL_BYTES, "a store beyond the unit");
	fake_check(m->nr_stores < MODEL_LOG_MAX, "more stores than anybody makes");
	m->log[m->nr_stores++] = (struct model_store){ offset, value, bytes };
	if (m->dead || m->unplug_after == 0)
		return;
	if (reg == 0x60)
		/* Writing 1 clears bits 40 and 41, all else is read-only. */
		model_set(m, offset, model_get(m, offset) & ~(value & 3ull << 40));
	else
		memcpy(m->bytes + offset, &value, bytes);
	if (reg == 0x40)
		model_store_cfg0(m, n, value);
}

static inline void model_pause(const struct chmu_io *io, uint64_t ns)
{
	struct chmu_model *m = io->data;

	fake_advance(&m->fake, ns);
	for (size_t n = 0; n < MODEL_INSTANCES && !m->dead; n++) {
		uint64_t status = model_get(m, MODEL_AT(n, 0x60));

		if (m->busy[n]-- <= 0)
			model_set(m, MODEL_AT(n, 0x60), (status & ~0xffff0001ull) | m->wanted[n]);
	}
}

static const struct chmu_io_ops model_ops = {
	.read = model_read,
	.write = model_write,
	.pause = model_pause,
};

/* Hotlist of 8 entries, pages and 64 KiB, epochs of 100 us to 1 s, counters of 16 bits. */
static inline void model_init(struct chmu_model *m)
{
	*m = (struct chmu_model){ .busy_polls = 3, .unplug_after = -1 };
	fake_host_init(&m->fake);
	m->io = (struct chmu_io){ &model_ops, &m->fake.host, m->bytes, MODEL_BYTES, m };
	model_set(m, 0x00, 0x0000000000000201);
	model_set(m, 0x08, MODEL_INSTANCE_BYTES);
	for (size_t n = 0; n < MODEL_INSTANCES; n++) {
		model_set(m, MODEL_AT(n, 0x00), 0x0008001100153f30);
		model_set(m, MODEL_AT(n, 0x08), 0x0011000500000110);
		model_set(m, MODEL_AT(n, 0x10), 0x70);
		model_set(m, MODEL_AT(n, 0x18), 0x100);
		model_set(m, MODEL_AT(n, 0x60), 16ull << 32);
	}
}

static inline void model_fini(struct chmu_model *m)
{
	fake_host_fini(&m->fake);
}

static inline void model_set_indices(struct chmu_model *m, size_t n, uint16_t head, uint16_t tail)
{
	memcpy(m->bytes + MODEL_AT(n, 0x68), &head, sizeof(head));
	memcpy(m->bytes + MODEL_AT(n, 0x6a), &tail, sizeof(tail));
}

#endif
