/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spe_packet.h - records of Arm's Statistical Profiling Extension, out of the bytes that
 * the hardware writes into an AUX ring.
 *
 * A record is a row of packets that ends with END or a time stamp: a header byte, or two,
 * that says what it is and how long, then a number in little-endian order, whatever order
 * the machine has.  There is no mark where a record begins, so after bytes that make no
 * sense it goes on with the next that looks like one, and nothing of a record that was
 * not seen whole comes out.
 *
 * Bytes may be given in pieces of any size.  One thread.
 */
#ifndef SOURCES_SPE_PACKET_H
#define SOURCES_SPE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a record tells; a clear bit means "does not tell", never zero. */
enum spe_has {
	SPE_HAS_PC = 1u << 0,
	SPE_HAS_VADDR = 1u << 1,
	SPE_HAS_PADDR = 1u << 2,
	SPE_HAS_CONTEXT = 1u << 3,
	SPE_HAS_SOURCE = 1u << 4,
	SPE_HAS_TIME = 1u << 5,
	SPE_HAS_TOTAL_LATENCY = 1u << 6,
	SPE_HAS_ISSUE_LATENCY = 1u << 7,
	SPE_HAS_TRANSLATION_LATENCY = 1u << 8,
	SPE_HAS_EVENTS = 1u << 9,
	SPE_HAS_OP = 1u << 10,
};

enum spe_op {
	SPE_OP_OTHER,
	SPE_OP_LOAD,
	SPE_OP_STORE,
	SPE_OP_ATOMIC, /* loads and stores at once */
	SPE_OP_BRANCH,
};

/* Bits of spe_record.events that say something of memory. */
enum spe_event {
	SPE_EVENT_L1D_ACCESS = 1u << 2,
	SPE_EVENT_L1D_REFILL = 1u << 3,
	SPE_EVENT_TLB_ACCESS = 1u << 4,
	SPE_EVENT_TLB_WALK = 1u << 5,
	SPE_EVENT_LLC_ACCESS = 1u << 8,
	SPE_EVENT_LLC_MISS = 1u << 9,
	SPE_EVENT_REMOTE = 1u << 10,
	SPE_EVENT_L2D_ACCESS = 1u << 19,
	SPE_EVENT_L2D_MISS = 1u << 20,
};

/**
 * struct spe_record - One sampled operation.
 * @has:	OR of enum spe_has.
 * @offset:	Of its first byte, in the stream.
 * @vaddr:	Without tags in the top byte.
 * @paddr:	Without the bits that tell the security state.
 * @time:	Ticks of the architected counter.
 * @context:	What the kernel left in CONTEXTIDR: the thread, as the first pid namespace
 *		knows it.
 * @source:	Where the data came from; spe_level.h knows what cores mean by it.
 * @total_cycles:	From dispatch to completion.
 */
struct spe_record {
	uint32_t has;
	enum spe_op op;
	uint64_t offset;
	uint64_t pc;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t time;
	uint64_t events;
	uint32_t context;
	uint16_t source;
	uint16_t total_cycles;
	uint16_t issue_cycles;
	uint16_t translation_cycles;
};

/* Two header bytes and eight of payload. */
#define SPE_PACKET_BYTES 10

/**
 * struct spe_decoder - Zeroed, it is at the beginning of a stream.
 * @nr_records:	That came out.
 * @nr_broken:	Times that bytes made no sense; what was begun of a record is lost.
 * @skipped_bytes:	Passed over in search of the next record.
 * @nr_cut:	Records of which the rest never came.
 */
struct spe_decoder {
	uint64_t nr_records;
	uint64_t nr_broken;
	uint64_t skipped_bytes;
	uint64_t nr_cut;
	uint64_t offset; /* of the next byte that is not yet taken */
	const unsigned char *at;
	size_t left;
	size_t nr_kept;
	size_t nr_padding; /* still to be passed over */
	unsigned char kept[SPE_PACKET_BYTES];
	bool lost;     /* where a record begins is not known */
	bool doubtful; /* this one was found by its looks */
	uint32_t seen; /* packets of this record */
	struct spe_record record;
};

/*
 * What is given next is at @offset of the stream.  Unless that is where the decoder is,
 * what was begun is cut off.
 */
void spe_decoder_seek(struct spe_decoder *d, uint64_t offset);

/* The next bytes; they must stay until spe_decoder_next() returned false. */
void spe_decoder_give(struct spe_decoder *d, const void *bytes, size_t nr);

/* Return: whether a record came; when not, all bytes are used up. */
bool spe_decoder_next(struct spe_decoder *d, struct spe_record *record);

#endif
