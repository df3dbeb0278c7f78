/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.c - generates addresses and touches them.
 *
 * The inner loops take no division, no floating point and no memory of their own
 * except zipf's table, so that what is measured is the access.
 */
#include "bench/workload/stream.h"

#include "bench/workload/random.h"

#define WORD_BYTES sizeof(uint64_t)
#define WORDS_PER_PAGE (WORKLOAD_PAGE_BYTES / WORD_BYTES)
#define COIN_ONE (UINT64_C(1) << 32)
#define GOLDEN_RATIO 0.6180339887498949

#define always_inline inline __attribute__((always_inline))

/* Where an access goes, and 32 random bits that are independent of it. */
struct target {
	uint64_t word;
	uint32_t coin;
};

static always_inline struct target target_from(uint64_t word, uint64_t rest)
{
	return (struct target){ word, (uint32_t)(rest >> 32) };
}

static always_inline struct target next_sequential(struct workload_stream *s)
{
	uint64_t at = s->next_bytes;

	s->next_bytes += s->pattern->stride_bytes;
	if (s->next_bytes >= s->bytes)
		s->next_bytes = 0;
	return target_from(at / WORD_BYTES, workload_random(&s->random));
}

static always_inline struct target next_uniform(struct workload_stream *s)
{
	uint64_t rest;
	uint64_t word = workload_random_below(workload_random(&s->random), s->nr_words, &rest);

	return target_from(word, rest);
}

static always_inline struct target next_zipf(struct workload_stream *s)
{
	uint64_t page = workload_zipf_draw(&s->zipf, &s->random);
	uint64_t rest;
	uint64_t word = workload_random_below(workload_random(&s->random), WORDS_PER_PAGE, &rest);

	/* Ranks and pages are below 2^32: the product fits. */
	if (s->scatter != 1)
		page = page * s->scatter % s->nr_pages;
	return target_from(page * WORDS_PER_PAGE + word, rest);
}

static always_inline struct target next_hot(struct workload_stream *s)
{
	bool hot = (workload_random(&s->random) >> 32) < s->hot_limit;
	uint64_t first = hot ? s->hot_word : s->hot_word + s->nr_hot_words;
	uint64_t nr = hot ? s->nr_hot_words : s->nr_words - s->nr_hot_words;
	uint64_t rest;
	uint64_t word = first + workload_random_below(workload_random(&s->random), nr, &rest);

	/* Below 2 * nr_words; a hot set that moved may lie round the region's end. */
	if (word >= s->nr_words)
		word -= s->nr_words;
	return target_from(word, rest);
}

static always_inline struct target next_of_kind(struct workload_stream *s, enum workload_kind kind)
{
	switch (kind) {
	case WORKLOAD_UNIFORM:
		return next_uniform(s);
	case WORKLOAD_ZIPF:
		return next_zipf(s);
	case WORKLOAD_HOT:
		return next_hot(s);
	case WORKLOAD_SEQUENTIAL:
		break;
	}
	return next_sequential(s);
}

uint64_t workload_stream_next(struct workload_stream *stream)
{
	return next_of_kind(stream, stream->pattern->kind).word * WORD_BYTES;
}

/*
 * The accesses themselves.  Threads share regions and race on purpose; as atomic
 * operations the compiler neither drops nor merges them, and they are plain moves.
 */
static always_inline void load(volatile uint64_t *word)
{
	/* relaxed: the value means nothing. */
	(void)__atomic_load_n(word, __ATOMIC_RELAXED);
}

static always_inline void store(volatile uint64_t *word, uint64_t value)
{
	/* relaxed: the value means nothing. */
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Inlined once for each kind, so that the loop holds no switch. */
static always_inline uint64_t touch(struct workload_stream *s, uint32_t nr, enum workload_kind kind)
{
	volatile uint64_t *words = (volatile uint64_t *)s->base;
	uint64_t nr_reads = 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct target t = next_of_kind(s, kind);

		if (t.coin < s->read_limit) {
			load(&words[t.word]);
			nr_reads++;
		} else {
			store(&words[t.word], t.coin);
		}
	}
	return nr_reads;
}

static void read_then_write(struct workload_stream *s, uint32_t nr)
{
	volatile uint64_t *words = (volatile uint64_t *)s->base;

	for (uint32_t i = 0; i < nr; i++) {
		volatile uint64_t *word = &words[next_of_kind(s, s->pattern->kind).word];

		/* relaxed: the value means nothing. */
		store(word, __atomic_load_n(word, __ATOMIC_RELAXED) + 1);
	}
}

static uint64_t touch_any(struct workload_stream *s, uint32_t nr)
{
	switch (s->pattern->kind) {
	case WORKLOAD_UNIFORM:
		return touch(s, nr, WORKLOAD_UNIFORM);
	case WORKLOAD_ZIPF:
		return touch(s, nr, WORKLOAD_ZIPF);
	case WORKLOAD_HOT:
		return touch(s, nr, WORKLOAD_HOT);
	case WORKLOAD_SEQUENTIAL:
		break;
	}
	return touch(s, nr, WORKLOAD_SEQUENTIAL);
}

void workload_stream_run(struct workload_stream *stream, uint32_t nr,
			 struct workload_counts *counts)
{
	uint64_t nr_reads;

	if (stream->pattern->mode == WORKLOAD_READ_THEN_WRITE) {
		read_then_write(stream, nr);
		counts->nr_reads += nr;
		counts->nr_writes += nr;
		return;
	}
	nr_reads = touch_any(stream, nr);
	counts->nr_reads += nr_reads;
	counts->nr_writes += nr - nr_reads;
}

static uint64_t limit_of_bp(uint32_t bp)
{
	return COIN_ONE * bp / WORKLOAD_ALL_BP;
}

static uint64_t read_limit(const struct workload_pattern *pattern)
{
	switch (pattern->mode) {
	case WORKLOAD_READ_ONLY:
		return COIN_ONE;
	case WORKLOAD_MIXED:
		return limit_of_bp(pattern->read_bp);
	case WORKLOAD_WRITE_ONLY:
	case WORKLOAD_READ_THEN_WRITE:
		break;
	}
	return 0;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * A factor that, modulo @nr_pages, takes every rank to a page of its own and
 * neighbouring ranks far apart.  1 when there is nothing to scatter.
 */
static uint64_t scatter_factor(uint64_t nr_pages)
{
	uint64_t factor = (uint64_t)((double)nr_pages * GOLDEN_RATIO);

	while (factor > 1 && gcd(factor, nr_pages) != 1)
		factor--;
	return factor ? factor : 1;
}

int workload_stream_init(struct workload_stream *stream, const struct workload_pattern *pattern,
			 volatile void *base, uint64_t bytes)
{
	*stream = (struct workload_stream){
		.pattern = pattern,
		.base = base,
		.bytes = bytes,
		/* A last half word is accessed whole: mappings are whole pages. */
		.nr_words = (bytes + WORD_BYTES - 1) / WORD_BYTES,
		.read_limit = read_limit(pattern),
		.nr_pages = bytes / WORKLOAD_PAGE_BYTES,
		.nr_hot_words = pattern->hot_bytes / WORD_BYTES,
		.hot_limit = limit_of_bp(pattern->hot_share_bp),
	};
	workload_stream_rewind(stream, 0);
	if (pattern->kind != WORKLOAD_ZIPF)
		return 0;
	stream->scatter = pattern->contiguous ? 1 : scatter_factor(stream->nr_pages);
	return workload_zipf_init(&stream->zipf, stream->nr_pages, pattern->zipf);
}

void workload_stream_fini(struct workload_stream *stream)
{
	workload_zipf_fini(&stream->zipf);
}

void workload_stream_rewind(struct workload_stream *stream, uint64_t seed)
{
	stream->random = workload_random_seed(seed, 0);
	stream->next_bytes = 0;
	workload_stream_move(stream, 0);
}

void workload_stream_move(struct workload_stream *stream, uint64_t elapsed_ns)
{
	const struct workload_pattern *p = stream->pattern;
	uint64_t steps = p->move_ns ? elapsed_ns / p->move_ns : 0;
	/* At most 2^32 pages times 2^32: steps is first taken modulo the pages, as
	 * the position has that period. */
	uint64_t move_pages = p->move_bytes / WORKLOAD_PAGE_BYTES;
	uint64_t page = p->hot_offset_bytes / WORKLOAD_PAGE_BYTES;

	if (p->kind != WORKLOAD_HOT)
		return;
	page = (page + steps % stream->nr_pages * move_pages) % stream->nr_pages;
	stream->hot_word = page * WORDS_PER_PAGE;
}
