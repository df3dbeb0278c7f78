/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_attribution.c - who and how, in bounded memory with bounded errors. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "core/attribution.h"
#include "tests/unit/core/chance.h"

static struct thermo_access by(uint32_t cpu, int32_t tid, uint8_t op)
{
	return (struct thermo_access){ .cpu = cpu, .tid = tid, .op = op, .node = -1 };
}

static struct thermo_region view(const struct attribution *a)
{
	struct thermo_region out = { .accesses_per_s = 1000 };

	attribution_view(a, &out);
	return out;
}

static void unknown_is_not_made_up(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_access unknown = by(THERMO_CPU_UNKNOWN, 0, THERMO_OP_UNKNOWN);
	struct thermo_access zeroes = by(0, 0, THERMO_OP_READ);
	struct thermo_region out;

	(void)state;
	attribution_add(&a, &unknown, 3);
	out = view(&a);
	assert_true(out.cpus[0].share == 0 && out.tids[0].share == 0);
	assert_true(out.accessor_nodes[0].share == 0);
	assert_true(out.op_known_share == 0 && out.read_share == 0 && out.write_share == 0);
	assert_true(out.latency_share == 0 && out.latency_p50_ns == 0);
	for (int i = 0; i < THERMO_NR_LEVELS; i++)
		assert_true(out.levels[i] == 0);
	/* CPU 0 is a CPU, and node 0 a node. */
	zeroes.node = 0;
	attribution_add(&a, &zeroes, 1);
	out = view(&a);
	assert_near((double)out.cpus[0].share, 0.25, 0.01);
	assert_near((double)out.accessor_nodes[0].share, 0.25, 0.01);
	assert_int_equal(out.cpus[0].key, 0);
	assert_true(out.cpus[1].share == 0 && out.tids[0].share == 0);
	assert_near((double)out.op_known_share, 0.25, 0.01);
	assert_near((double)out.read_share, 1, 0.01);
}

static void nothing_seen_views_as_nothing(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_region out = view(&a), none = { .accesses_per_s = 1000 };

	(void)state;
	assert_memory_equal(&out, &none, sizeof(out));
}

static void sources_above_the_last_are_counted_in_the_last(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_region out;

	(void)state;
	for (unsigned int source = 0; source <= UINT8_MAX; source++) {
		struct thermo_access access = by(0, 1, THERMO_OP_READ);

		access.source = (uint8_t)source;
		attribution_add(&a, &access, 1);
	}
	out = view(&a);
	for (int i = 0; i < THERMO_MAX_SOURCES - 1; i++)
		assert_near((double)out.sources[i], 1 / 256.0, 0.01);
	assert_near((double)out.sources[THERMO_MAX_SOURCES - 1], (257.0 - THERMO_MAX_SOURCES) / 256,
		    0.01);
}

static void levels_are_shares_of_those_known(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_region out;
	double sum = 0;

	(void)state;
	for (int level = 0; level < THERMO_NR_LEVELS; level++) {
		struct thermo_access access = by(0, 1, THERMO_OP_READ);

		access.level = (uint8_t)level;
		attribution_add(&a, &access, (float)(1 + level));
	}
	out = view(&a);
	assert_true(out.levels[THERMO_LEVEL_UNKNOWN] == 0);
	for (int i = 0; i < THERMO_NR_LEVELS; i++)
		sum += (double)out.levels[i];
	assert_near(sum, 1, 0.01);
	assert_near((double)out.levels[THERMO_LEVEL_CXL],
		    (double)out.levels[THERMO_LEVEL_L1] * (1 + THERMO_LEVEL_CXL) /
				    (1 + THERMO_LEVEL_L1),
		    0.01);
}

static void bytes_moved_are_accesses_times_their_size(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_access line = by(0, 1, THERMO_OP_READ), word = line;

	(void)state;
	attribution_add(&a, &line, 30);
	assert_near(view(&a).bytes_per_s, 1000 * 64, 0.01);
	word.access_bytes = 8;
	attribution_add(&a, &word, 10);
	assert_near(view(&a).bytes_per_s, 1000 * (64 * 30 + 8 * 10) / 40.0, 0.01);
}

/* A third each, millions of times, at a weight that no sum of floats holds exactly. */
static void shares_of_millions_are_right(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_region out;

	(void)state;
	for (int i = 0; i < 6000000; i++) {
		struct thermo_access access = by((uint32_t)(i % 3), 1, (uint8_t)(i % 3));

		attribution_add(&a, &access, 1.2345f);
	}
	assert_near((double)a.total, 6e6 * 1.2345, 1);
	out = view(&a);
	assert_near((double)out.op_known_share, 2 / 3.0, 1);
	assert_near((double)out.read_share, 0.5, 1);
	assert_near((double)out.cpus[0].share, 1 / 3.0, 1);
	assert_near((double)out.tids[0].share, 1, 1);
	assert_near(out.bytes_per_s, 1000 * 64, 1);
}

static void no_share_is_more_than_all(void **state)
{
	struct attribution a = { .total = 0 };
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 3000000; i++) {
		struct thermo_access access = by(1, 1, THERMO_OP_READ);
		struct thermo_region out;

		access.latency_ns = 100;
		access.level = THERMO_LEVEL_L3;
		access.node = 0;
		attribution_add(&a, &access, 0.1f + (float)(test_random(&random) % 7));
		if (i % 1000)
			continue;
		out = view(&a);
		assert_true(out.op_known_share <= 1 && out.read_share <= 1);
		assert_true(out.cpus[0].share <= 1 && out.tids[0].share <= 1);
		assert_true(out.accessor_nodes[0].share <= 1 && out.latency_share <= 1);
		assert_true(out.sources[0] <= 1 && out.levels[THERMO_LEVEL_L3] <= 1);
	}
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A sum of shares may be off by one sample where it falls on its border. */
static void assert_percentile(float is, const uint32_t *sorted, int nr, double share)
{
	int at = (int)ceil(share * nr) - 1;
	double low = sorted[at > 0 ? at - 1 : 0], high = sorted[at + 1 < nr ? at + 1 : nr - 1];

	if ((double)is < low * 0.7999 || (double)is > high * 1.2001)
		fail_msg("%g is not within a fifth of %g to %g, %g of %d latencies", (double)is,
			 low, high, share, nr);
}

static uint32_t some_latency_ns(int kind, double spread, uint64_t *random)
{
	switch (kind) {
	case 0: /* all the same */
		return (uint32_t)(80 + spread * 100);
	case 1: /* caches and far memory */
		return chance_even(random) < spread ? 4 : 800;
	case 2: /* waiting in a queue */
		return (uint32_t)(90 + chance_wait_s(random, 0.005));
	default: /* anything, evenly over the octaves */
		return (uint32_t)exp2(1 + 15.9 * chance_even(random));
	}
}

static void latency_percentiles_are_within_a_fifth(void **state)
{
	uint32_t latencies[999];
	uint64_t random = 5;

	(void)state;
	for (int round = 0; round < 400; round++) {
		int nr = 1 + (int)(test_random(&random) % 999);
		struct attribution a = { .total = 0 };
		struct thermo_region out;
		double sum = 0;

		for (int i = 0; i < nr; i++) {
			struct thermo_access access = by(0, 1, THERMO_OP_READ);

			latencies[i] = some_latency_ns(round % 4, round / 400.0, &random);
			access.latency_ns = latencies[i];
			attribution_add(&a, &access, 1);
			sum += latencies[i];
		}
		qsort(latencies, (size_t)nr, sizeof(latencies[0]), by_value);
		out = view(&a);
		assert_near((double)out.latency_mean_ns, sum / nr, 0.01);
		assert_percentile(out.latency_p50_ns, latencies, nr, 0.50);
		assert_percentile(out.latency_p95_ns, latencies, nr, 0.95);
		assert_percentile(out.latency_p99_ns, latencies, nr, 0.99);
		assert_true(out.latency_p50_ns <= out.latency_p95_ns);
		assert_true(out.latency_p95_ns <= out.latency_p99_ns);
	}
}

static void any_latency_is_counted_and_those_not_measured_are_not(void **state)
{
	static const uint32_t some[] = { 1, 2, 3, 4, 131071, 131072, 1u << 31, UINT32_MAX };
	struct attribution a = { .total = 0 };
	struct thermo_access access = by(0, 1, THERMO_OP_READ);
	double counted = 0;

	(void)state;
	attribution_add(&a, &access, 8);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		access.latency_ns = some[i];
		attribution_add(&a, &access, 1);
	}
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		counted += (double)a.latencies[i];
	assert_near(counted, 8, 0.01);
	assert_near((double)view(&a).latency_share, 0.5, 0.01);
	assert_true(view(&a).latency_p50_ns <= 131072);
	/* What is beyond all buckets is in the last. */
	attribution_add(&a, &access, 1000);
	assert_true(view(&a).latency_p50_ns >= 98304 && isfinite(view(&a).latency_p50_ns));
}

static struct thermo_access anybody(unsigned int nr_keys, uint64_t *random)
{
	uint64_t any = test_random(random);
	struct thermo_access access = by((uint32_t)(any % nr_keys), 1 + (int32_t)(any % nr_keys),
					 (uint8_t)(any % THERMO_NR_OPS));

	access.node = (int16_t)(any % 2);
	access.level = (uint8_t)(any % THERMO_NR_LEVELS);
	access.source = (uint8_t)(any % 3);
	access.latency_ns = 50 + (uint32_t)(any % 1000);
	access.access_bytes = (uint16_t)(any % 100);
	return access;
}

static void merge_is_as_if_all_had_been_added_to_one(void **state)
{
	struct attribution a = { .total = 0 }, b = a, one = a;
	struct thermo_region merged, all;
	uint64_t random = 7;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct thermo_access access = anybody(HEAVY_KEYS, &random);

		/* No two threads weigh the same, so that their order is known. */
		float events = (float)(1 + access.cpu);

		attribution_add(i % 3 ? &a : &b, &access, events);
		attribution_add(&one, &access, events);
	}
	attribution_merge(&a, &b);
	merged = view(&a);
	all = view(&one);
	assert_memory_equal(&merged, &all, sizeof(all));
}

static void scaling_keeps_every_share(void **state)
{
	struct attribution a = { .total = 0 };
	uint64_t random = 6;
	struct thermo_region before, after;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct thermo_access access = anybody(20, &random);

		attribution_add(&a, &access, 1);
	}
	before = view(&a);
	/* A power of two, so that nothing is rounded. */
	attribution_scale(&a, 0x1p-20f);
	after = view(&a);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_near((double)a.total, 1000 * 0x1p-20, 0.001);
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		TEST(unknown_is_not_made_up),
		TEST(nothing_seen_views_as_nothing),
		TEST(sources_above_the_last_are_counted_in_the_last),
		TEST(levels_are_shares_of_those_known),
		TEST(bytes_moved_are_accesses_times_their_size),
		TEST(shares_of_millions_are_right),
		TEST(no_share_is_more_than_all),
		TEST(latency_percentiles_are_within_a_fifth),
		TEST(any_latency_is_counted_and_those_not_measured_are_not),
		TEST(merge_is_as_if_all_had_been_added_to_one),
		TEST(scaling_keeps_every_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
