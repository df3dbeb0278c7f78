/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_attribution_heavy.c - the heaviest keys, against a count of all of them. */
#include "tests/unit/test.h"

#include "core/attribution.h"
#include "tests/unit/core/chance.h"

#define NR_KEYS 40

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

/* What really happened, key by key. */
struct truth {
	double weight[NR_KEYS];
	double all;
};

/* Few keys are heavy and many are light, as threads and CPUs are. */
static uint32_t some_key(unsigned int nr_keys, uint64_t *random)
{
	double even = chance_even(random);

	return (uint32_t)(even * even * even * nr_keys);
}

static void add_stream(struct attribution *a, struct truth *truth, unsigned int nr_keys,
		       uint64_t *random)
{
	int nr = 1 + (int)(test_random(random) % 300);

	for (int i = 0; i < nr; i++) {
		uint32_t key = some_key(nr_keys, random);
		float weight = (float)(1 + test_random(random) % 8);
		struct thermo_access access = by(key, (int32_t)key + 1, THERMO_OP_READ);

		access.node = (int16_t)key;
		attribution_add(a, &access, weight);
		truth->weight[key] += (double)weight;
		truth->all += (double)weight;
	}
}

/* Sums are float: what is exact is so to one in 100000. */
static void assert_bounded(const struct attribution *a, enum heavy_kind kind, uint32_t first_key,
			   const struct truth *truth)
{
	const struct heavy *h = &a->heavy[kind];
	double slack = truth->all * 1e-5, least = INFINITY;

	for (int i = 0; i < HEAVY_KEYS; i++) {
		double weight = (double)h->weight[i], error = (double)a->error[kind][i];

		least = fmin(least, weight);
		if (weight <= 0)
			continue;
		double real = truth->weight[h->key[i] - first_key];

		if (weight < real - slack || weight - error > real + slack || error < -slack)
			fail_msg("key %u weighs %g, not %g to %g", h->key[i], real, weight - error,
				 weight);
		for (int j = 0; j < i; j++)
			assert_true(h->weight[j] <= 0 || h->key[j] != h->key[i]);
	}
	/* A key that is not kept weighs no more than the lightest of those that are. */
	for (uint32_t key = 0; key < NR_KEYS; key++) {
		bool kept = false;

		for (int i = 0; i < HEAVY_KEYS; i++)
			kept |= h->weight[i] > 0 && h->key[i] == key + first_key;
		assert_true(kept || truth->weight[key] <= least + slack);
	}
}

static void assert_all_bounded(const struct attribution *a, const struct truth *truth)
{
	assert_bounded(a, HEAVY_CPU, 0, truth);
	assert_bounded(a, HEAVY_TID, 1, truth);
	assert_bounded(a, HEAVY_NODE, 0, truth);
	assert_near((double)a->total, truth->all, 0.001);
}

static void kept_keys_are_never_underestimated_and_their_errors_hold(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct attribution a = { .total = 0 };
		struct truth truth = { .all = 0 };

		add_stream(&a, &truth, 1 + (unsigned int)(round % NR_KEYS), &random);
		assert_all_bounded(&a, &truth);
	}
}

static void no_more_keys_than_fit_are_exact(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (unsigned int nr_keys = 1; nr_keys <= HEAVY_KEYS; nr_keys++) {
		struct attribution a = { .total = 0 };
		struct truth truth = { .all = 0 };

		add_stream(&a, &truth, nr_keys, &random);
		for (int i = 0; i < HEAVY_KEYS; i++) {
			assert_true(a.error[HEAVY_CPU][i] == 0);
			if (a.heavy[HEAVY_CPU].weight[i] > 0)
				assert_near((double)a.heavy[HEAVY_CPU].weight[i],
					    truth.weight[a.heavy[HEAVY_CPU].key[i]], 0.001);
		}
	}
}

/* Lists that are full and lists that are not, empty ones too, and more after the merge. */
static void bounds_hold_through_merges_scales_and_more_accesses(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct attribution a = { .total = 0 };
		struct truth truth = { .all = 0 };

		for (int step = 0; step < 6; step++) {
			struct attribution more = { .total = 0 };
			unsigned int nr_keys = 1 + (unsigned int)(test_random(&random) % NR_KEYS);

			if (test_random(&random) % 4)
				add_stream(&more, &truth, nr_keys, &random);
			attribution_merge(&a, &more);
			assert_all_bounded(&a, &truth);
			add_stream(&a, &truth, nr_keys, &random);
			assert_all_bounded(&a, &truth);
			attribution_scale(&a, 0.5f);
			truth.all /= 2;
			for (int key = 0; key < NR_KEYS; key++)
				truth.weight[key] /= 2;
			assert_all_bounded(&a, &truth);
		}
	}
}

static void keys_that_both_lists_keep_merge_without_any_new_error(void **state)
{
	struct attribution a = { .total = 0 }, b = a;

	(void)state;
	for (uint32_t key = 0; key < HEAVY_KEYS; key++) {
		struct thermo_access access = by(key, 0, THERMO_OP_READ);

		attribution_add(&a, &access, (float)(10 + key));
		attribution_add(&b, &access, (float)(100 - 2 * key));
	}
	attribution_merge(&a, &b);
	for (int i = 0; i < HEAVY_KEYS; i++) {
		assert_true(a.error[HEAVY_CPU][i] == 0);
		assert_true(a.heavy[HEAVY_CPU].weight[i] == 110 - (float)a.heavy[HEAVY_CPU].key[i]);
	}
}

static void heavy_hitters_survive_many_light_ones(void **state)
{
	struct attribution a = { .total = 0 };
	struct thermo_region out;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct thermo_access heavy = by(5, 500, THERMO_OP_READ);
		struct thermo_access light = by(100 + (uint32_t)i % 50, 1000 + i, THERMO_OP_READ);

		attribution_add(&a, &heavy, 1);
		attribution_add(&a, &light, 1);
	}
	out = view(&a);
	assert_int_equal(out.cpus[0].key, 5);
	assert_int_equal(out.tids[0].key, 500);
	assert_true(out.cpus[0].share >= 0.5f && out.cpus[0].share - out.cpus[0].error <= 0.5f);
}

static void shares_are_heaviest_first_without_gaps_and_at_most_all(void **state)
{
	uint64_t random = 4;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct attribution a = { .total = 0 }, b = a;
		struct truth truth = { .all = 0 };
		struct thermo_region out;

		add_stream(&a, &truth, 1 + (unsigned int)(round % NR_KEYS), &random);
		add_stream(&b, &truth, NR_KEYS, &random);
		if (round % 2)
			attribution_merge(&a, &b);
		out = view(&a);
		assert_true(out.tids[0].share > 0);
		for (int i = 0; i < THERMO_TOP_TIDS; i++) {
			assert_true(out.tids[i].share <= 1.0001f);
			assert_true(out.tids[i].error <= out.tids[i].share);
			assert_true(i == 0 || out.tids[i].share <= out.tids[i - 1].share);
		}
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		TEST(kept_keys_are_never_underestimated_and_their_errors_hold),
		TEST(no_more_keys_than_fit_are_exact),
		TEST(bounds_hold_through_merges_scales_and_more_accesses),
		TEST(keys_that_both_lists_keep_merge_without_any_new_error),
		TEST(heavy_hitters_survive_many_light_ones),
		TEST(shares_are_heaviest_first_without_gaps_and_at_most_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
