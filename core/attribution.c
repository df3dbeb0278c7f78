// SPDX-License-Identifier: GPL-2.0-or-later
/* attribution.c - counting who, without a counter for everybody. */
#include "core/attribution.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* An access of unknown size is counted as the cache line that it moves. */
#define LINE_BYTES 64
#define FIRST_OCTAVE 1 /* of latencies: below 4 ns is one bucket */
/* Of a sum: at least what adding to it may round off; and of what is added, too little to matter.
 */
#define ROUNDING 0x1p-22f
#define ROUNDED_ENOUGH 0x1p-8f
/* A smaller share of others may be what is left of old reports. */
#define MIXED 0.02f

/*
 * Which of the keys it is, a bit each.  No branch, here and below: which one it is cannot be
 * predicted.  This is much of the cost of a report, three times each; compilers do not find it
 * themselves.
 */
static inline unsigned int find_key(const struct heavy *h, uint32_t key)
{
#ifdef __SSE2__
	__m128i wanted = _mm_set1_epi32((int)key);
	const __m128i *keys = (const __m128i *)h->key;
	__m128i low = _mm_cmpeq_epi32(_mm_load_si128(keys), wanted);
	__m128i high = _mm_cmpeq_epi32(_mm_load_si128(keys + 1), wanted);

	return (unsigned int)_mm_movemask_ps(_mm_castsi128_ps(low)) |
	       (unsigned int)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
#else
	unsigned int hits = 0;

	for (int i = 0; i < HEAVY_KEYS; i++)
		hits |= (unsigned int)(h->key[i] == key) << i;
	return hits;
#endif
}

/* The lightest of the keys, a bit each. */
static inline unsigned int find_lightest(const struct heavy *h)
{
#ifdef __SSE2__
	__m128 low = _mm_load_ps(h->weight), high = _mm_load_ps(h->weight + 4);
	__m128 least = _mm_min_ps(low, high);

	least = _mm_min_ps(least, _mm_shuffle_ps(least, least, _MM_SHUFFLE(1, 0, 3, 2)));
	least = _mm_min_ps(least, _mm_shuffle_ps(least, least, _MM_SHUFFLE(2, 3, 0, 1)));
	return (unsigned int)_mm_movemask_ps(_mm_cmpeq_ps(low, least)) |
	       (unsigned int)_mm_movemask_ps(_mm_cmpeq_ps(high, least)) << 4;
#else
	unsigned int lightest = 0;

	for (unsigned int i = 1; i < HEAVY_KEYS; i++)
		lightest = h->weight[i] < h->weight[lightest] ? i : lightest;
	return 1u << lightest;
#endif
}

static inline void heavy_add(struct heavy *h, float *error, uint32_t key, float weight)
{
	unsigned int hits = find_key(h, key);
	int slot;

	/*
	 * What is known gets nothing but its weight: whoever stores a part of what the next report
	 * loads as a whole makes it wait.
	 */
	if (hits) {
		h->weight[__builtin_ctz(hits)] += weight;
		return;
	}
	/* The last bit for weights that compare with nothing; there are none. */
	slot = __builtin_ctz(find_lightest(h) | 1u << (HEAVY_KEYS - 1));
	error[slot] = h->weight[slot];
	h->key[slot] = key;
	h->weight[slot] += weight;
}

/* Bit patterns of positive floats are in the order of their values: exponent, then half octaves. */
static int latency_bucket(uint32_t latency_ns)
{
	float value = (float)latency_ns;
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	int bucket = (int)(bits >> 22) - 2 * (127 + FIRST_OCTAVE);

	return bucket < 0 ? 0 : bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static float bucket_start_ns(int bucket)
{
	uint32_t bits = (uint32_t)(bucket + 2 * (127 + FIRST_OCTAVE)) << 22;
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/*
 * A sum of millions rounds whatever is added to it, and equal weights all the same way: a
 * million accesses of one direction can be a tenth short.  A little at random makes the
 * roundings cancel.
 */
static float dithered(struct attribution *a, float events)
{
	float most = a->total * ROUNDING;

	most = most < events ? most : events; /* no call: this is for each report */
	if (most < events * ROUNDED_ENOUGH)
		return events;
	a->random = a->random * 1664525u + 1013904223u;
	return events + most * ((float)(a->random >> 8) * 0x1p-24f - 0.5f);
}

void attribution_add(struct attribution *a, const struct thermo_access *access, float events)
{
	unsigned int source = access->source < THERMO_MAX_SOURCES ? access->source
								  : THERMO_MAX_SOURCES - 1;

	events = dithered(a, events);
	a->total += events;
	a->ops[access->op] += events;
	a->sources[source] += events;
	a->moved += events * (float)(access->access_bytes ? access->access_bytes : LINE_BYTES);
	if (access->cpu != THERMO_CPU_UNKNOWN)
		heavy_add(&a->heavy[HEAVY_CPU], a->error[HEAVY_CPU], access->cpu, events);
	if (access->tid > 0)
		heavy_add(&a->heavy[HEAVY_TID], a->error[HEAVY_TID], (uint32_t)access->tid, events);
	if (access->node >= 0)
		heavy_add(&a->heavy[HEAVY_NODE], a->error[HEAVY_NODE], (uint32_t)access->node,
			  events);
	if (access->level)
		a->levels[access->level] += events;
	if (access->latency_ns) {
		a->latency_events += events;
		a->latency_ns += events * (float)access->latency_ns;
		a->latencies[latency_bucket(access->latency_ns)] += events;
	}
}

void attribution_scale(struct attribution *a, float factor)
{
	for (int kind = 0; kind < NR_HEAVY; kind++)
		for (int i = 0; i < HEAVY_KEYS; i++) {
			a->heavy[kind].weight[i] *= factor;
			a->error[kind][i] *= factor;
		}
	a->total *= factor;
	a->moved *= factor;
	a->latency_events *= factor;
	a->latency_ns *= factor;
	for (int i = 0; i < THERMO_NR_OPS; i++)
		a->ops[i] *= factor;
	for (int i = 0; i < THERMO_MAX_SOURCES; i++)
		a->sources[i] *= factor;
	for (int i = 0; i < THERMO_NR_LEVELS; i++)
		a->levels[i] *= factor;
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		a->latencies[i] *= factor;
}

static float weight_of(const struct heavy *h, uint32_t key)
{
	for (int i = 0; i < HEAVY_KEYS; i++)
		if (h->key[i] == key && h->weight[i] > 0)
			return h->weight[i];
	return 0;
}

/* Of a key that surely makes half of @a, and at most a tenth of @b: its place in @a; or -1. */
static int own_key(const struct attribution *a, const struct attribution *b, enum heavy_kind kind)
{
	const struct heavy *h = &a->heavy[kind];

	for (int i = 0; i < HEAVY_KEYS; i++)
		if (h->weight[i] - a->error[kind][i] >= 0.5f * a->total &&
		    weight_of(&b->heavy[kind], h->key[i]) <= 0.1f * b->total)
			return i;
	return -1;
}

static float read_share(const struct attribution *a)
{
	float known = a->ops[THERMO_OP_READ] + a->ops[THERMO_OP_WRITE];

	return known > 0.5f * a->total ? a->ops[THERMO_OP_READ] / known : 0.5f;
}

bool attribution_unlike(const struct attribution *a, const struct attribution *b)
{
	if (a->total <= 0 || b->total <= 0)
		return false;
	return fabsf(read_share(a) - read_share(b)) > 0.5f || own_key(a, b, HEAVY_TID) >= 0 ||
	       own_key(b, a, HEAVY_TID) >= 0 || own_key(a, b, HEAVY_CPU) >= 0 ||
	       own_key(b, a, HEAVY_CPU) >= 0;
}

static bool is_between(float share, float one, float other)
{
	return share > fminf(one, other) + MIXED && share < fmaxf(one, other) - MIXED;
}

/* Has @middle some of what @a has for its own, but less? */
static bool shares_key(const struct attribution *middle, const struct attribution *a,
		       const struct attribution *b, enum heavy_kind kind)
{
	const struct heavy *h = &a->heavy[kind];
	int i = own_key(a, b, kind);

	return i >= 0 && is_between(weight_of(&middle->heavy[kind], h->key[i]) / middle->total,
				    h->weight[i] / a->total,
				    weight_of(&b->heavy[kind], h->key[i]) / b->total);
}

bool attribution_between(const struct attribution *middle, const struct attribution *a,
			 const struct attribution *b)
{
	if (middle->total <= 0 || a->total <= 0 || b->total <= 0)
		return false;
	return (fabsf(read_share(a) - read_share(b)) > 0.5f &&
		is_between(read_share(middle), read_share(a), read_share(b))) ||
	       shares_key(middle, a, b, HEAVY_TID) || shares_key(middle, b, a, HEAVY_TID) ||
	       shares_key(middle, a, b, HEAVY_CPU) || shares_key(middle, b, a, HEAVY_CPU);
}

/* What a key that a full list does not hold may weigh in it at most. */
static float unseen_weight(const struct heavy *h)
{
	float least = h->weight[0];

	for (int i = 1; i < HEAVY_KEYS; i++)
		least = h->weight[i] < least ? h->weight[i] : least;
	return least;
}

struct candidates {
	int nr;
	struct {
		uint32_t key;
		float weight;
		float error;
	} list[2 * HEAVY_KEYS];
};

static void add_candidates(struct candidates *c, const struct heavy *h, const float *error,
			   float unseen_here, float unseen_there)
{
	for (int i = 0; i < HEAVY_KEYS; i++) {
		int j = 0;

		if (h->weight[i] <= 0)
			continue;
		while (j < c->nr && c->list[j].key != h->key[i])
			j++;
		if (j == c->nr) {
			c->list[c->nr++].key = h->key[i];
			c->list[j].weight = c->list[j].error = unseen_there;
		} else {
			/* The first list took it for unseen here. */
			c->list[j].weight -= unseen_here;
			c->list[j].error -= unseen_here;
		}
		c->list[j].weight += h->weight[i];
		c->list[j].error += error[i];
	}
}

static void heavy_merge(struct heavy *h, float *error, const struct heavy *more,
			const float *more_error)
{
	struct candidates c = { 0 };
	float unseen = unseen_weight(h), unseen_more = unseen_weight(more);

	add_candidates(&c, h, error, unseen, unseen_more);
	add_candidates(&c, more, more_error, unseen_more, unseen);
	*h = (struct heavy){ 0 };
	memset(error, 0, HEAVY_KEYS * sizeof(*error));
	for (int out = 0; out < HEAVY_KEYS && out < c.nr; out++) {
		int heaviest = out;

		for (int i = out + 1; i < c.nr; i++)
			if (c.list[i].weight > c.list[heaviest].weight)
				heaviest = i;
		h->key[out] = c.list[heaviest].key;
		h->weight[out] = c.list[heaviest].weight;
		error[out] = c.list[heaviest].error;
		c.list[heaviest] = c.list[out];
	}
}

void attribution_merge(struct attribution *a, const struct attribution *more)
{
	for (int kind = 0; kind < NR_HEAVY; kind++)
		heavy_merge(&a->heavy[kind], a->error[kind], &more->heavy[kind], more->error[kind]);
	a->total += more->total;
	a->moved += more->moved;
	a->latency_events += more->latency_events;
	a->latency_ns += more->latency_ns;
	for (int i = 0; i < THERMO_NR_OPS; i++)
		a->ops[i] += more->ops[i];
	for (int i = 0; i < THERMO_MAX_SOURCES; i++)
		a->sources[i] += more->sources[i];
	for (int i = 0; i < THERMO_NR_LEVELS; i++)
		a->levels[i] += more->levels[i];
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		a->latencies[i] += more->latencies[i];
}

/* Sums that were rounded may be a little more than their total. */
static float share_of(float part, float all)
{
	float share = part / all;

	return share < 1 ? share : 1;
}

static void view_heavy(const struct attribution *a, enum heavy_kind kind, struct thermo_share *out)
{
	const struct heavy *h = &a->heavy[kind];
	int nr = 0;

	for (int i = 0; i < HEAVY_KEYS; i++) {
		struct thermo_share share = { .key = h->key[i],
					      .share = share_of(h->weight[i], a->total),
					      .error = share_of(a->error[kind][i], a->total) };
		int at = nr;

		if (share.share <= 0)
			continue;
		for (; at > 0 && out[at - 1].share < share.share; at--)
			out[at] = out[at - 1];
		out[at] = share;
		nr++;
	}
}

/*
 * Where @share of the latencies are below.  Where in its bucket is not known: what is
 * told is the value from which both ends of the bucket are equally far, by share.
 */
static float latency_percentile(const struct attribution *a, float share)
{
	float wanted = share * a->latency_events, middle = 0;

	for (int i = 0; i < LATENCY_BUCKETS; i++) {
		if (a->latencies[i] <= 0)
			continue;
		float low = bucket_start_ns(i), high = bucket_start_ns(i + 1);

		middle = 2 * low * high / (low + high);
		if (wanted <= a->latencies[i])
			break;
		wanted -= a->latencies[i];
	}
	/* If rounding of sums left something over: the last. */
	return middle;
}

static void view_latency(const struct attribution *a, struct thermo_region *out)
{
	if (a->latency_events <= 0)
		return;
	out->latency_share = share_of(a->latency_events, a->total);
	out->latency_mean_ns = a->latency_ns / a->latency_events;
	out->latency_p50_ns = latency_percentile(a, 0.50f);
	out->latency_p95_ns = latency_percentile(a, 0.95f);
	out->latency_p99_ns = latency_percentile(a, 0.99f);
}

void attribution_view(const struct attribution *a, struct thermo_region *out)
{
	float known = a->ops[THERMO_OP_READ] + a->ops[THERMO_OP_WRITE], level = 0;

	if (a->total <= 0)
		return;
	if (known > 0) {
		out->read_share = share_of(a->ops[THERMO_OP_READ], known);
		out->write_share = 1 - out->read_share;
		out->op_known_share = share_of(known, a->total);
	}
	out->bytes_per_s = out->accesses_per_s * (double)(a->moved / a->total);
	view_heavy(a, HEAVY_CPU, out->cpus);
	view_heavy(a, HEAVY_TID, out->tids);
	view_heavy(a, HEAVY_NODE, out->accessor_nodes);
	for (int i = 0; i < THERMO_MAX_SOURCES; i++)
		out->sources[i] = share_of(a->sources[i], a->total);
	for (int i = 0; i < THERMO_NR_LEVELS; i++)
		level += a->levels[i];
	for (int i = 0; i < THERMO_NR_LEVELS && level > 0; i++)
		out->levels[i] = share_of(a->levels[i], level);
	view_latency(a, out);
}
