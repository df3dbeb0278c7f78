// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perf_sample.c - decode PERF_RECORD_SAMPLE: perf_output_sample() of the kernel, the
 * other way round.  Its order is that function's, not the one of the comment in
 * linux/perf_event.h, which has AUX too early and CGROUP not at all.
 */
#include "sources/perf_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "core/error.h"

#define KNOWN_TYPES ((1ull << 25) - 1)
/* What is longer than a word, or a word that may be missing. */
#define VARIABLE_TYPES                                                                             \
	(PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_RAW | PERF_SAMPLE_BRANCH_STACK |   \
	 PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER | PERF_SAMPLE_REGS_INTR | PERF_SAMPLE_AUX)

struct perf_format perf_format_of(const struct perf_event_attr *attr)
{
	return (struct perf_format){
		.sample_type = attr->sample_type,
		.read_format = attr->read_format,
		.branch_sample_type = attr->branch_sample_type,
		.sample_regs_user = attr->sample_regs_user,
		.sample_regs_intr = attr->sample_regs_intr,
		.sample_id_all = attr->sample_id_all,
	};
}

/* Two 32-bit values that share a word. */
static void take_pair(struct perf_cursor *c, uint32_t *first, uint32_t *second)
{
	*first = perf_take_u32(c);
	*second = perf_take_u32(c);
}

static uint32_t words_per_entry(uint64_t read_format)
{
	return 1 + !!(read_format & PERF_FORMAT_ID) + !!(read_format & PERF_FORMAT_LOST);
}

static struct perf_read_entry entry_at(const struct perf_words *words, uint64_t first,
				       uint64_t read_format)
{
	struct perf_read_entry e = { .value = perf_word(words, first++) };

	if (read_format & PERF_FORMAT_ID)
		e.id = perf_word(words, first++);
	if (read_format & PERF_FORMAT_LOST)
		e.lost = perf_word(words, first);
	return e;
}

struct perf_read_entry perf_read_get(const struct perf_read *read, uint64_t i)
{
	if (!(read->format & PERF_FORMAT_GROUP))
		return read->single;
	return entry_at(&read->group, i * words_per_entry(read->format), read->format);
}

static void take_times(struct perf_cursor *c, struct perf_read *r)
{
	if (r->format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		r->time_enabled_ns = perf_take_u64(c);
	if (r->format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		r->time_running_ns = perf_take_u64(c);
}

static struct perf_read take_group(struct perf_cursor *c, uint64_t format)
{
	struct perf_read r = { .format = format };
	uint32_t words = words_per_entry(format);

	r.nr = perf_take_u64(c);
	take_times(c, &r);
	r.group = perf_take_words(c, r.nr > c->left / 8 ? UINT64_MAX : r.nr * words);
	return r;
}

struct perf_read perf_take_read(struct perf_cursor *c, uint64_t format)
{
	struct perf_read r = { .format = format, .nr = 1 };

	if (format & PERF_FORMAT_GROUP)
		return take_group(c, format);
	r.single.value = perf_take_u64(c);
	take_times(c, &r);
	if (format & PERF_FORMAT_ID)
		r.single.id = perf_take_u64(c);
	if (format & PERF_FORMAT_LOST)
		r.single.lost = perf_take_u64(c);
	return r;
}

static struct perf_bytes take_bytes(struct perf_cursor *c, uint64_t nr)
{
	const unsigned char *at = perf_take(c, nr);

	return (struct perf_bytes){ at, at ? nr : 0 };
}

static void take_branches(struct perf_cursor *c, const struct perf_format *f, bool empty_is_bare,
			  struct perf_branches *b)
{
	b->nr = perf_take_u64(c);
	if (b->nr == 0 && empty_is_bare)
		return;
	if (f->branch_sample_type & PERF_SAMPLE_BRANCH_HW_INDEX)
		b->hw_idx = perf_take_u64(c);
	b->entries = perf_take_words(c, b->nr > c->left / 8 ? UINT64_MAX : 3 * b->nr);
	if (f->branch_sample_type & PERF_BRANCH_COUNTERS)
		b->counters = perf_take_words(c, b->nr);
}

static void take_regs(struct perf_cursor *c, uint64_t mask, struct perf_regs *regs)
{
	regs->abi = perf_take_u64(c);
	/* Abi 0: there were no registers, and nothing follows. */
	if (regs->abi)
		regs->values = perf_take_words(c, (uint64_t)__builtin_popcountll(mask));
}

static void take_stack(struct perf_cursor *c, struct perf_sample *s)
{
	uint64_t bytes = perf_take_u64(c);

	if (bytes == 0)
		return; /* then there is no word for how much of it was used either */
	s->stack = take_bytes(c, bytes);
	s->stack_used_bytes = perf_take_u64(c);
}

static void split_weight(uint64_t weight, uint64_t type, struct perf_sample *s)
{
	s->latency_cycles = weight;
	if (!(type & PERF_SAMPLE_WEIGHT_STRUCT))
		return;
	s->latency_cycles = (uint32_t)weight;
	s->instruction_cycles = (uint16_t)(weight >> 32);
	s->retire_cycles = (uint16_t)(weight >> 48);
}

static void take_weight(struct perf_cursor *c, uint64_t type, struct perf_sample *s)
{
	split_weight(perf_take_u64(c), type, s);
}

/* What has a fixed size: from IDENTIFIER to PERIOD. */
static void take_fixed(struct perf_cursor *c, uint64_t type, struct perf_sample *s)
{
	uint32_t unused;

	if (type & PERF_SAMPLE_IDENTIFIER)
		s->id = perf_take_u64(c);
	if (type & PERF_SAMPLE_IP)
		s->ip = perf_take_u64(c);
	if (type & PERF_SAMPLE_TID)
		take_pair(c, (uint32_t *)&s->pid, (uint32_t *)&s->tid);
	if (type & PERF_SAMPLE_TIME)
		s->time_ns = perf_take_u64(c);
	if (type & PERF_SAMPLE_ADDR)
		s->addr = perf_take_u64(c);
	if (type & PERF_SAMPLE_ID)
		s->id = perf_take_u64(c);
	if (type & PERF_SAMPLE_STREAM_ID)
		s->stream_id = perf_take_u64(c);
	if (type & PERF_SAMPLE_CPU)
		take_pair(c, &s->cpu, &unused);
	if (type & PERF_SAMPLE_PERIOD)
		s->period = perf_take_u64(c);
}

static void take_middle(struct perf_cursor *c, const struct perf_format *f, bool empty_is_bare,
			struct perf_sample *s)
{
	uint64_t type = f->sample_type;

	if (type & PERF_SAMPLE_READ)
		s->read = perf_take_read(c, f->read_format);
	if (type & PERF_SAMPLE_CALLCHAIN)
		s->callchain = perf_take_words(c, perf_take_u64(c));
	if (type & PERF_SAMPLE_RAW)
		s->raw = take_bytes(c, perf_take_u32(c));
	if (type & PERF_SAMPLE_BRANCH_STACK)
		take_branches(c, f, empty_is_bare, &s->branches);
	if (type & PERF_SAMPLE_REGS_USER)
		take_regs(c, f->sample_regs_user, &s->user_regs);
	if (type & PERF_SAMPLE_STACK_USER)
		take_stack(c, s);
}

static void take_rest(struct perf_cursor *c, const struct perf_format *f, struct perf_sample *s)
{
	uint64_t type = f->sample_type;

	if (type & (PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT))
		take_weight(c, type, s);
	if (type & PERF_SAMPLE_DATA_SRC)
		s->data_src = perf_take_u64(c);
	if (type & PERF_SAMPLE_TRANSACTION)
		s->transaction = perf_take_u64(c);
	if (type & PERF_SAMPLE_REGS_INTR)
		take_regs(c, f->sample_regs_intr, &s->intr_regs);
	if (type & PERF_SAMPLE_PHYS_ADDR)
		s->phys_addr = perf_take_u64(c);
	if (type & PERF_SAMPLE_CGROUP)
		s->cgroup = perf_take_u64(c);
	if (type & PERF_SAMPLE_DATA_PAGE_SIZE)
		s->data_page_bytes = perf_take_u64(c);
	if (type & PERF_SAMPLE_CODE_PAGE_SIZE)
		s->code_page_bytes = perf_take_u64(c);
	if (type & PERF_SAMPLE_AUX)
		s->aux = take_bytes(c, perf_take_u64(c));
}

/* Return: whether it fits; @exact: to the last byte. */
static bool decode(const struct perf_event_header *record, const struct perf_format *f,
		   bool empty_is_bare, struct perf_sample *s, bool *exact)
{
	struct perf_cursor c = { (const unsigned char *)(record + 1),
				 record->size - sizeof(*record), f->swap, false };

	*s = (struct perf_sample){ 0 };
	take_fixed(&c, f->sample_type, s);
	take_middle(&c, f, empty_is_bare, s);
	take_rest(&c, f, s);
	*exact = !c.short_of_data && c.left == 0;
	return !c.short_of_data;
}

/*
 * A branch stack of no entries comes in two forms: from a PMU that has a stack with the
 * hardware's index, from one that has none without, and nothing tells which.  So it is
 * the one that uses the record up.
 */
static bool decode_either(const struct perf_event_header *record, const struct perf_format *f,
			  struct perf_sample *s)
{
	struct perf_sample bare;
	bool exact, ok = decode(record, f, false, s, &exact);

	if (exact || !(f->sample_type & PERF_SAMPLE_BRANCH_STACK) ||
	    !(f->branch_sample_type & PERF_SAMPLE_BRANCH_HW_INDEX))
		return ok;
	if (decode(record, f, true, &bare, &exact) && (exact || !ok)) {
		*s = bare;
		return true;
	}
	return ok;
}

/* Words that lie there: their number was checked. */
struct words {
	const unsigned char *at;
};

static uint64_t next_u64(struct words *w)
{
	w->at += 8;
	return perf_load_u64(w->at - 8, false);
}

static void next_pair(struct words *w, uint32_t *first, uint32_t *second)
{
	w->at += 8;
	*first = perf_load_u32(w->at - 8, false);
	*second = perf_load_u32(w->at - 4, false);
}

/* The order of take_fixed() and take_rest(). */
static void load_fixed(struct words w, uint64_t type, struct perf_sample *s)
{
	uint32_t unused;

	if (type & PERF_SAMPLE_IDENTIFIER)
		s->id = next_u64(&w);
	if (type & PERF_SAMPLE_IP)
		s->ip = next_u64(&w);
	if (type & PERF_SAMPLE_TID)
		next_pair(&w, (uint32_t *)&s->pid, (uint32_t *)&s->tid);
	if (type & PERF_SAMPLE_TIME)
		s->time_ns = next_u64(&w);
	if (type & PERF_SAMPLE_ADDR)
		s->addr = next_u64(&w);
	if (type & PERF_SAMPLE_ID)
		s->id = next_u64(&w);
	if (type & PERF_SAMPLE_STREAM_ID)
		s->stream_id = next_u64(&w);
	if (type & PERF_SAMPLE_CPU)
		next_pair(&w, &s->cpu, &unused);
	if (type & PERF_SAMPLE_PERIOD)
		s->period = next_u64(&w);
	if (type & (PERF_SAMPLE_WEIGHT | PERF_SAMPLE_WEIGHT_STRUCT))
		split_weight(next_u64(&w), type, s);
	if (type & PERF_SAMPLE_DATA_SRC)
		s->data_src = next_u64(&w);
	if (type & PERF_SAMPLE_TRANSACTION)
		s->transaction = next_u64(&w);
	if (type & PERF_SAMPLE_PHYS_ADDR)
		s->phys_addr = next_u64(&w);
	if (type & PERF_SAMPLE_CGROUP)
		s->cgroup = next_u64(&w);
	if (type & PERF_SAMPLE_DATA_PAGE_SIZE)
		s->data_page_bytes = next_u64(&w);
	if (type & PERF_SAMPLE_CODE_PAGE_SIZE)
		s->code_page_bytes = next_u64(&w);
}

/*
 * Part by part: all of it at once becomes a string instruction, which takes longer than
 * what follows.
 */
static void clear(struct perf_sample *s)
{
	_Static_assert(offsetof(struct perf_sample, read) + sizeof(s->read) + sizeof(s->callchain) +
						       sizeof(s->raw) + sizeof(s->branches) +
						       2 * sizeof(struct perf_regs) +
						       2 * sizeof(struct perf_bytes) ==
				       sizeof(*s),
		       "clear() misses a field");
	char *numbers = (char *)s;
	const size_t half = offsetof(struct perf_sample, read) / 2 / 8 * 8;

	memset(numbers, 0, half);
	memset(numbers + half, 0, offsetof(struct perf_sample, read) - half);
	memset(&s->read, 0, sizeof(s->read));
	memset(&s->callchain, 0, sizeof(s->callchain));
	memset(&s->raw, 0, sizeof(s->raw));
	memset(&s->branches, 0, sizeof(s->branches));
	memset(&s->user_regs, 0, sizeof(s->user_regs));
	memset(&s->stack, 0, sizeof(s->stack));
	memset(&s->intr_regs, 0, sizeof(s->intr_regs));
	memset(&s->aux, 0, sizeof(s->aux));
}

/*
 * Most events ask for words only.  Then one look at the size tells that all are there,
 * and each is loaded where it belongs.  Return: whether it is such a sample.
 */
static bool decode_words(const struct perf_event_header *record, const struct perf_format *f,
			 struct perf_sample *s)
{
	/* Two bits for one word: to count each is to be on the safe side. */
	size_t bytes = 8 * perf_nr_bits(f->sample_type);

	if (f->sample_type & VARIABLE_TYPES || f->swap || record->size < sizeof(*record) + bytes)
		return false;
	clear(s);
	load_fixed((struct words){ (const unsigned char *)(record + 1) }, f->sample_type, s);
	return true;
}

/* Apart, so that who decodes words does not pay for it. */
static __attribute__((noinline)) int decode_any(const struct perf_event_header *record,
						const struct perf_format *format,
						struct perf_sample *sample)
{
	struct perf_sample s;

	if (record->size < sizeof(*record) || !decode_either(record, format, &s))
		return thermo_fail(-EBADMSG, "perf sample: %u bytes are too few for type %#" PRIx64,
				   record->size, format->sample_type);
	*sample = s;
	return 0;
}

int perf_sample_decode(const struct perf_event_header *record, const struct perf_format *format,
		       struct perf_sample *sample)
{
	if (format->sample_type & ~KNOWN_TYPES)
		return thermo_fail(-EOPNOTSUPP,
				   "perf sample: type %#" PRIx64
				   " is of a newer kernel and not decoded",
				   format->sample_type);
	return decode_words(record, format, sample) ? 0 : decode_any(record, format, sample);
}
