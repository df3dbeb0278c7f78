// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spe_packet.c - the packets of the Arm Architecture Reference Manual, chapter D17
 * ("Statistical Profiling Extension sample record specification").
 */
#include "sources/spe_packet.h"

#include <string.h>

enum packet_kind {
	PACKET_BAD,
	PACKET_PADDING,
	PACKET_ALIGNMENT,
	PACKET_EXTENDED, /* the next byte tells what it is */
	PACKET_END,
	PACKET_TIME,
	PACKET_EVENTS,
	PACKET_SOURCE,
	PACKET_CONTEXT,
	PACKET_OP,
	PACKET_ADDRESS,
	PACKET_COUNTER,
};

enum { ADDRESS_PC = 0, ADDRESS_DATA_VIRTUAL = 2, ADDRESS_DATA_PHYSICAL = 3 };
enum { COUNTER_TOTAL = 0, COUNTER_ISSUE = 1, COUNTER_TRANSLATION = 2 };
enum { OP_CLASS_MEMORY = 1, OP_CLASS_BRANCH = 2 };

#define HEADER_PADDING 0x00u
#define HEADER_END 0x01u
#define HEADER_TIME 0x71u
#define HEADER_PC 0xb0u

/* Of the payload of an operation that accesses memory. */
#define OP_STORES 0x01u
#define OP_SUBCLASS_MASK 0xe2u /* which says what the other bits mean */
#define OP_SUBCLASS_ATOMIC 0x02u
#define OP_ATOMIC 0x04u /* else exclusive, acquire or release */

/* Addresses have 56 bits; the top byte holds tags, or the exception level. */
#define ADDRESS_MASK 0x00ffffffffffffffull
#define ADDRESS_TOP 0xff00000000000000ull
#define LEVEL_SHIFT 61

/* Which packets a record has; more than one of a kind means that two records ran together. */
#define SEEN_ADDRESS 0u  /* and seven more */
#define SEEN_COUNTER 8u  /* and seven more */
#define SEEN_CONTEXT 16u /* and three more */
#define SEEN_EVENTS 20u
#define SEEN_SOURCE 21u
#define SEEN_OP 22u
#define SEEN_NEVER 32u

struct packet {
	enum packet_kind kind;
	uint32_t index;
	size_t header_bytes;
	size_t payload_bytes;
	uint64_t payload;
};

/* --- bytes --- */

void spe_decoder_seek(struct spe_decoder *d, uint64_t offset)
{
	if (offset == d->offset + d->nr_kept)
		return;
	d->nr_cut += d->seen || d->nr_kept;
	d->seen = 0;
	d->nr_kept = 0;
	d->nr_padding = 0;
	d->lost = d->doubtful = false;
	d->record = (struct spe_record){ 0 };
	d->offset = offset;
}

void spe_decoder_give(struct spe_decoder *d, const void *bytes, size_t nr)
{
	d->at = bytes;
	d->left = nr;
}

/* The next @nr bytes, side by side.  Return: NULL when not all of them have come. */
static const unsigned char *look_at(struct spe_decoder *d, size_t nr)
{
	if (d->nr_kept == 0 && d->left >= nr)
		return d->at;
	while (d->nr_kept < nr && d->left) {
		d->kept[d->nr_kept++] = *d->at++;
		d->left--;
	}
	return d->nr_kept >= nr ? d->kept : NULL;
}

/* Of those that were looked at. */
static void use_up(struct spe_decoder *d, size_t nr)
{
	d->offset += nr;
	if (d->nr_kept == 0) {
		d->at += nr;
		d->left -= nr;
		return;
	}
	d->nr_kept -= nr;
	memmove(d->kept, d->kept + nr, d->nr_kept);
}

/* Return: whether all of it has come. */
static bool pass_padding(struct spe_decoder *d)
{
	while (d->nr_padding && look_at(d, 1)) {
		use_up(d, 1);
		d->nr_padding--;
	}
	return d->nr_padding == 0;
}

/* --- packets --- */

static enum packet_kind kind_of_indexed(unsigned char header)
{
	if ((header & 0xf8) == 0xb0)
		return PACKET_ADDRESS;
	return (header & 0xf8) == 0x98 ? PACKET_COUNTER : PACKET_BAD;
}

static enum packet_kind kind_of(unsigned char header)
{
	if (header == HEADER_PADDING)
		return PACKET_PADDING;
	if (header == HEADER_END)
		return PACKET_END;
	if (header == HEADER_TIME)
		return PACKET_TIME;
	if ((header & 0xcf) == 0x42)
		return PACKET_EVENTS;
	if ((header & 0xcf) == 0x43)
		return PACKET_SOURCE;
	if ((header & 0xfc) == 0x64)
		return PACKET_CONTEXT;
	if ((header & 0xfc) == 0x48)
		return PACKET_OP;
	if ((header & 0xfc) == 0x20)
		return PACKET_EXTENDED;
	return kind_of_indexed(header);
}

/* Return: false when the second byte has not come. */
static bool look_at_extended(struct spe_decoder *d, struct packet *p)
{
	const unsigned char *at = look_at(d, 2);

	if (!at)
		return false;
	p->header_bytes = 2;
	p->kind = at[1] == 0 ? PACKET_ALIGNMENT : kind_of_indexed(at[1]);
	p->index = (at[0] & 3u) << 3 | (at[1] & 7u);
	if (p->kind == PACKET_ALIGNMENT) {
		size_t alignment = 2ull << (at[0] & 0xf);

		p->payload_bytes = 0;
		d->nr_padding = alignment - (d->offset & (alignment - 1));
	} else {
		p->payload_bytes = 1u << (at[1] >> 4 & 3);
	}
	return true;
}

/* Return: false when not all of it has come. */
static bool look_at_packet(struct spe_decoder *d, struct packet *p)
{
	const unsigned char *at = look_at(d, 1);

	if (!at)
		return false;
	*p = (struct packet){ .kind = kind_of(at[0]), .header_bytes = 1 };
	if (p->kind == PACKET_EXTENDED && !look_at_extended(d, p))
		return false;
	if (p->kind <= PACKET_END)
		return true;
	if (p->header_bytes == 1) {
		bool few = p->kind == PACKET_CONTEXT || p->kind == PACKET_OP;

		p->index = at[0] & (few ? 3u : 7u);
		p->payload_bytes = 1u << (at[0] >> 4 & 3);
	}
	at = look_at(d, p->header_bytes + p->payload_bytes);
	for (size_t i = p->payload_bytes; at && i-- > 0;)
		p->payload = p->payload << 8 | at[p->header_bytes + i];
	return at != NULL;
}

/* --- records --- */

static enum spe_op op_of(uint32_t op_class, uint64_t payload)
{
	if (op_class == OP_CLASS_BRANCH)
		return SPE_OP_BRANCH;
	if (op_class != OP_CLASS_MEMORY)
		return SPE_OP_OTHER;
	if ((payload & OP_SUBCLASS_MASK) == OP_SUBCLASS_ATOMIC && payload & OP_ATOMIC)
		return SPE_OP_ATOMIC;
	return payload & OP_STORES ? SPE_OP_STORE : SPE_OP_LOAD;
}

/* Addresses of kernels have ones up to bit 55, and above that what the program left there. */
static uint64_t untagged(uint64_t address)
{
	return (address >> 52 & 0xf) == 0xf ? address | ADDRESS_TOP : address & ADDRESS_MASK;
}

static void take_address(struct spe_record *r, const struct packet *p)
{
	if (p->index == ADDRESS_PC) {
		bool kernel = p->payload >> LEVEL_SHIFT & 3;

		r->pc = kernel ? p->payload | ADDRESS_TOP : p->payload & ADDRESS_MASK;
		r->has |= SPE_HAS_PC;
	} else if (p->index == ADDRESS_DATA_VIRTUAL) {
		r->vaddr = untagged(p->payload);
		r->has |= SPE_HAS_VADDR;
	} else if (p->index == ADDRESS_DATA_PHYSICAL) {
		r->paddr = p->payload & ADDRESS_MASK;
		r->has |= SPE_HAS_PADDR;
	}
}

static void take_counter(struct spe_record *r, const struct packet *p)
{
	uint16_t cycles = p->payload > UINT16_MAX ? UINT16_MAX : (uint16_t)p->payload;

	if (p->index == COUNTER_TOTAL) {
		r->total_cycles = cycles;
		r->has |= SPE_HAS_TOTAL_LATENCY;
	} else if (p->index == COUNTER_ISSUE) {
		r->issue_cycles = cycles;
		r->has |= SPE_HAS_ISSUE_LATENCY;
	} else if (p->index == COUNTER_TRANSLATION) {
		r->translation_cycles = cycles;
		r->has |= SPE_HAS_TRANSLATION_LATENCY;
	}
}

static void take_packet(struct spe_record *r, const struct packet *p)
{
	switch (p->kind) {
	case PACKET_ADDRESS:
		take_address(r, p);
		break;
	case PACKET_COUNTER:
		take_counter(r, p);
		break;
	case PACKET_EVENTS:
		r->events = p->payload;
		r->has |= SPE_HAS_EVENTS;
		break;
	case PACKET_SOURCE:
		r->source = (uint16_t)p->payload;
		r->has |= SPE_HAS_SOURCE;
		break;
	case PACKET_CONTEXT:
		r->context = (uint32_t)p->payload;
		r->has |= SPE_HAS_CONTEXT;
		break;
	case PACKET_OP:
		r->op = op_of(p->index, p->payload);
		r->has |= SPE_HAS_OP;
		break;
	default:
		break;
	}
}

static uint32_t seen_bit(const struct packet *p)
{
	switch (p->kind) {
	case PACKET_ADDRESS:
		return p->index < 8 ? SEEN_ADDRESS + p->index : SEEN_NEVER;
	case PACKET_COUNTER:
		return p->index < 8 ? SEEN_COUNTER + p->index : SEEN_NEVER;
	case PACKET_CONTEXT:
		return SEEN_CONTEXT + p->index;
	case PACKET_EVENTS:
		return SEEN_EVENTS;
	case PACKET_SOURCE:
		return SEEN_SOURCE;
	case PACKET_OP:
		return SEEN_OP;
	default:
		return SEEN_NEVER;
	}
}

static void forget(struct spe_decoder *d)
{
	d->seen = 0;
	d->record = (struct spe_record){ 0 };
}

/* This makes no sense: what was begun is lost. */
static void break_off(struct spe_decoder *d)
{
	d->nr_broken++;
	d->lost = true;
	forget(d);
}

/* Return: whether a byte was found that a record may begin with. */
static bool find_beginning(struct spe_decoder *d)
{
	const unsigned char *at;

	while ((at = look_at(d, 1)) != NULL) {
		if (*at == HEADER_PC) {
			d->lost = false;
			d->doubtful = true;
			return true;
		}
		use_up(d, 1);
		d->skipped_bytes++;
	}
	return false;
}

/* Return: false when it is the second of its kind in a record. */
static bool add_packet(struct spe_decoder *d, const struct packet *p)
{
	uint32_t bit = seen_bit(p);

	if (bit != SEEN_NEVER && d->seen & 1u << bit)
		return false;
	if (!d->seen)
		d->record.offset = d->offset;
	if (bit != SEEN_NEVER)
		d->seen |= 1u << bit;
	take_packet(&d->record, p);
	return true;
}

/* What was found by its looks must look whole. */
static bool is_believed(const struct spe_decoder *d)
{
	const uint32_t whole = SPE_HAS_PC | SPE_HAS_OP | SPE_HAS_EVENTS;

	return d->seen && (!d->doubtful || (d->record.has & whole) == whole);
}

static void end_record(struct spe_decoder *d, const struct packet *p, struct spe_record *record)
{
	if (p->kind == PACKET_TIME) {
		d->record.time = p->payload;
		d->record.has |= SPE_HAS_TIME;
	}
	*record = d->record;
	d->doubtful = false;
	d->nr_records++;
	forget(d);
}

/* Return: false when it makes no sense here. */
static bool add(struct spe_decoder *d, const struct packet *p, struct spe_record *record)
{
	switch (p->kind) {
	case PACKET_BAD:
		return false;
	case PACKET_PADDING:
		return true;
	case PACKET_END:
	case PACKET_TIME:
		if (!is_believed(d))
			return false;
		end_record(d, p, record);
		return true;
	default:
		return add_packet(d, p);
	}
}

/* Return: whether it ended a record. */
static bool take(struct spe_decoder *d, const struct packet *p, struct spe_record *record)
{
	if (p->kind == PACKET_ALIGNMENT)
		return false; /* what is passed over counts from its header on */
	if (!add(d, p, record)) {
		/* It stays: what is second of its kind may be the first of the next record. */
		break_off(d);
		return false;
	}
	use_up(d, p->header_bytes + p->payload_bytes);
	return p->kind == PACKET_END || p->kind == PACKET_TIME;
}

bool spe_decoder_next(struct spe_decoder *d, struct spe_record *record)
{
	struct packet p;

	while (pass_padding(d) && (!d->lost || find_beginning(d)) && look_at_packet(d, &p))
		if (take(d, &p, record))
			return true;
	return false;
}
