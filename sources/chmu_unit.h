/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_unit.h - drives one instance of a CXL Hotness Monitoring Unit by its registers.
 *
 *	chmu_block_read -> chmu_unit_open -> (chmu_unit_start -> chmu_unit_drain*)* ->
 *chmu_unit_stop
 *
 * Every access to a register goes through struct chmu_io, so that a model of the unit can
 * stand in for it.  What the unit says is not believed: values that cannot be are -EBADMSG, a
 * unit that does not answer is -ETIMEDOUT, one that reads as all ones was unplugged: -ENODEV.
 * One thread.
 */
#ifndef SOURCES_CHMU_UNIT_H
#define SOURCES_CHMU_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"
#include "sources/chmu_regs.h"

struct chmu_io;

/**
 * struct chmu_io_ops - How registers are reached.
 * @read:	@bytes is 2 or 8; @offset is aligned to it and lies within.
 * @write:	As above.  May be posted: it need not have arrived when this returns.
 * @pause:	Let so much time pass.
 */
struct chmu_io_ops {
	uint64_t (*read)(const struct chmu_io *io, size_t offset, size_t bytes);
	void (*write)(const struct chmu_io *io, size_t offset, uint64_t value, size_t bytes);
	void (*pause)(const struct chmu_io *io, uint64_t ns);
};

/**
 * struct chmu_io - A block of registers.
 * @base:	Where it is mapped.
 * @bytes:	As far as it may be touched.
 * @data:	The accessor's own.
 */
struct chmu_io {
	const struct chmu_io_ops *ops;
	const struct thermo_host *host; /* for the clock */
	volatile unsigned char *base;
	size_t bytes;
	void *data;
};

/* Registers that are memory, as a mapped BAR's are. */
extern const struct chmu_io_ops chmu_io_mapped;

struct chmu_block {
	unsigned int version;
	unsigned int nr_instances;
	size_t instance_bytes;
};

/**
 * struct chmu_caps - What an instance can do.
 * @requests:	Bit n: enum chmu_request n.
 * @unit_log2s:	Bit n: granules of 2^n bytes.
 * @downsampling_log2s:	Bit n: one of 2^n requests is looked at.
 * @epoch_mode:	Counts are of an epoch; else they say only that the threshold was reached.
 * @bitmap_offset, @bitmap_bytes:	Of the ranges, in the block, and the room before what
 *		follows.
 * @hotlist_offset:	In the block.
 */
struct chmu_caps {
	uint32_t requests;
	uint32_t unit_log2s;
	uint32_t downsampling_log2s;
	uint64_t min_epoch_ns;
	uint64_t max_epoch_ns;
	uint32_t hotlist_entries;
	bool epoch_mode;
	bool always_on_mode;
	bool random_downsampling;
	bool overlapping_ranges;
	bool postponed_insert;
	bool per_counter_epochs;
	bool overflow_interrupt;
	bool fill_interrupt;
	size_t bitmap_offset;
	size_t bitmap_bytes;
	size_t hotlist_offset;
};

/**
 * struct chmu_config - How it is to count.
 * @request:	enum chmu_request.
 * @threshold:	Counts of an epoch from which a granule gets into the hotlist.
 * @range_start, @range_bytes:	Device addresses that are watched.
 */
struct chmu_config {
	uint32_t request;
	uint32_t threshold;
	uint32_t unit_log2;
	uint32_t downsampling_log2;
	uint64_t epoch_ns;
	uint64_t range_start;
	uint64_t range_bytes;
};

struct chmu_unit {
	const struct chmu_io *io;
	unsigned int index;
	size_t offset; /* of the instance, in the block */
	struct chmu_caps caps;
	struct chmu_config config;
	unsigned int counter_bits; /* 0: not configured yet */
};

/* What was found in the hotlist besides its entries. */
struct chmu_drained {
	size_t nr;
	bool more;     /* than there was room for */
	bool overflow; /* entries were dropped since the last look */
	bool fill;     /* it was filled up to the level that was set */
};

/* Return: 0, -ENODEV when nothing answers, -EBADMSG for a header that cannot be. */
int chmu_block_read(const struct chmu_io *io, struct chmu_block *block);

/* Reads what instance number @index can do; changes nothing.  Return: 0 or -errno. */
int chmu_unit_open(struct chmu_unit *unit, const struct chmu_io *io, const struct chmu_block *block,
		   unsigned int index);

/* Whether it counts, whoever started it.  Return: 0, 1, -ENODEV. */
int chmu_unit_is_enabled(const struct chmu_unit *unit);

/*
 * What the unit can do that comes nearest to @config: unit, epoch, request and so on
 * within its capabilities.  Return: 0, or -EOPNOTSUPP when it can do nothing of the kind.
 */
int chmu_unit_fit(const struct chmu_unit *unit, struct chmu_config *config);

/*
 * Stop it if it runs, reset its counters, configure, enable.  @config as chmu_unit_fit() made it;
 * a threshold beyond the counters is lowered, unit->config tells.  Entries that were in the hotlist
 * are thrown away.  After a failure the unit may run: chmu_unit_stop().
 */
int chmu_unit_start(struct chmu_unit *unit, const struct chmu_config *config);

/*
 * Take at most @max entries out of the hotlist, raw; chmu_stream.h decodes them.  Overflow
 * and fill status are taken back.  Return: 0 or -errno; @drained then is as it was.
 */
int chmu_unit_drain(struct chmu_unit *unit, uint64_t *entries, size_t max,
		    struct chmu_drained *drained);

/* Disable it, if it is not.  Return: 0 or -errno. */
int chmu_unit_stop(struct chmu_unit *unit);

/* An epoch in the unit's terms, rounded to what can be said.  Return: nanoseconds. */
uint64_t chmu_epoch_encode(uint64_t epoch_ns, unsigned int *scale, unsigned int *multiplier);

#endif
