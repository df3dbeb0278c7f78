/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_evidence.c - sums over bins lose nothing, and say no more than they know. */
#include "tests/unit/test.h"

#include "core/evidence.h"
#include "tests/unit/core/chance.h"

#define MIB (1ull << 20)

static struct rate all(const struct evidence *e)
{
	return evidence_rate(e, 0, EVIDENCE_BINS);
}

static void evidence_is_spread_by_bytes(void **state)
{
	struct evidence e = { 0 };

	(void)state;
	/* Half of bin 1, all of bin 2, a quarter of bin 3. */
	evidence_spread(&e, 8 * MIB, MIB + MIB / 2, 3 * MIB + MIB / 4, 70, 700);
	assert_near((double)e.events[1], 20, 0.01);
	assert_near((double)e.events[2], 40, 0.01);
	assert_near((double)e.events[3], 10, 0.01);
	assert_near((double)e.exposure[2], 400, 0.01);
	assert_true(e.events[0] == 0 && e.events[4] == 0);
}

static void every_byte_is_in_the_bin_that_begins_before_it(void **state)
{
	(void)state;
	for (uint64_t bytes = EVIDENCE_BINS; bytes < 200; bytes++)
		for (uint64_t at = 0; at < bytes; at++) {
			struct evidence e = { 0 };
			int bin = 0;

			while (bin_offset(bytes, bin + 1) <= at)
				bin++;
			evidence_spread(&e, bytes, at, at + 1, 3, 5);
			assert_true(e.events[bin] == 3 && e.exposure[bin] == 5);
			assert_true(all(&e).events == 3 && all(&e).exposure == 5);
		}
}

static void bins_begin_at_0_and_end_at_the_size(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		uint64_t bytes = 1 + test_random(&random) % (1ull << (round % 57));

		assert_int_equal(bin_offset(bytes, 0), 0);
		assert_int_equal(bin_offset(bytes, EVIDENCE_BINS), bytes);
		for (int i = 0; i < EVIDENCE_BINS; i++)
			assert_true(bin_offset(bytes, i) <= bin_offset(bytes, i + 1));
	}
}

static void spread_of_any_stretch_conserves_events_and_exposure(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		uint64_t bytes = EVIDENCE_BINS + test_random(&random) % (1ull << (round % 57));
		uint64_t from = test_random(&random) % bytes;
		uint64_t to = from + 1 + test_random(&random) % (bytes - from);
		struct evidence e = { 0 };

		evidence_spread(&e, bytes, from, to, 1000, 1e9);
		assert_near(all(&e).events, 1000, 0.001);
		assert_near(all(&e).exposure, 1e9, 0.001);
		for (int i = 0; i < EVIDENCE_BINS; i++)
			if (bin_offset(bytes, i + 1) <= from || bin_offset(bytes, i) >= to)
				assert_true(e.events[i] == 0 && e.exposure[i] == 0);
	}
}

static struct evidence any_evidence(uint64_t *random)
{
	struct evidence e = { 0 };

	for (int i = 0; i < EVIDENCE_BINS; i++) {
		e.events[i] = (float)(test_random(random) % 100);
		e.exposure[i] = (float)(1 + test_random(random) % 100000);
		e.squares += e.events[i];
	}
	e.scanned = (float)(all(&e).events * chance_even(random));
	return e;
}

static void rate_of_bins_is_that_of_its_parts(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct evidence e = any_evidence(&random);

		for (int cut = 0; cut <= EVIDENCE_BINS; cut++) {
			struct rate left = evidence_rate(&e, 0, cut);
			struct rate right = evidence_rate(&e, cut, EVIDENCE_BINS);

			assert_near(left.events + right.events, all(&e).events, 1e-6);
			assert_near(left.exposure + right.exposure, all(&e).exposure, 1e-6);
		}
	}
}

static void adding_adds_and_scaling_scales_everything_that_is_counted(void **state)
{
	uint64_t random = 4;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct evidence a = any_evidence(&random), b = any_evidence(&random), sum = a;
		struct rate rate;

		evidence_add(&sum, &b);
		rate = all(&sum);
		assert_near(rate.events, all(&a).events + all(&b).events, 0.001);
		assert_near(rate.exposure, all(&a).exposure + all(&b).exposure, 0.001);
		assert_near(evidence_count(&sum), evidence_count(&a) + evidence_count(&b), 0.001);
		evidence_scale(&sum, 0.25f);
		assert_near(all(&sum).events, rate.events / 4, 0.001);
		assert_near(evidence_count(&sum), rate.events / 4, 0.001);
		/* Less is known of the rate, but it is the same rate and of the same kind. */
		struct rate scaled = all(&sum);

		assert_near(rate_per_byte(&scaled, 0), rate_per_byte(&rate, 0), 0.001);
		assert_near(scaled.dispersion, rate.dispersion, 0.001);
		assert_true(rate_relative_error(&scaled) > rate_relative_error(&rate));
	}
}

static void unlike_events_count_less_than_equal_ones(void **state)
{
	struct evidence equal = { .events = { 10, 20 }, .squares = 30 }, none = { 0 };
	/* 99 of weight 1 and one of weight 901. */
	struct evidence unlike = { .events = { 1000 }, .squares = 99 + 901.0f * 901 };

	(void)state;
	assert_near(evidence_count(&equal), 30, 0.001);
	assert_true(evidence_count(&none) == 0);
	assert_true(evidence_count(&unlike) >= 1 && evidence_count(&unlike) < 2);
}

static void dispersion_is_by_how_the_events_were_seen(void **state)
{
	struct evidence e = { .events = { 50, 50 } }, none = { 0 };

	(void)state;
	assert_near(all(&e).dispersion, DISPERSION_IN_SPACE, 0.01);
	e.scanned = 100;
	assert_near(all(&e).dispersion, DISPERSION_IN_TIME, 0.01);
	/* More than all cannot have been scanned, whatever rounding says. */
	e.scanned = 1e6f;
	assert_near(all(&e).dispersion, DISPERSION_IN_TIME, 0.01);
	assert_near(all(&none).dispersion, DISPERSION_IN_TIME, 0.01);
	e.scanned = 50;
	assert_true(all(&e).dispersion > DISPERSION_IN_SPACE);
	assert_true(all(&e).dispersion < DISPERSION_IN_TIME);
}

static void little_evidence_leans_towards_the_prior(void **state)
{
	struct rate none = { 0, 0, 0 }, little = { 0, 100, 0 }, much = { 1000, 1000, 0 };

	(void)state;
	assert_near(rate_per_byte(&none, 7), 7, 0.01);
	assert_true(rate_per_byte(&little, 7) > 0 && rate_per_byte(&little, 7) < 1);
	assert_near(rate_per_byte(&much, 7), 1, 1);
	assert_true(rate_per_byte(&none, 0) == 0);
	assert_true(rate_relative_error(&none) > rate_relative_error(&much));
}

static void leaning_rate_lies_between_evidence_and_prior(void **state)
{
	uint64_t random = 5;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct rate r = { (double)(test_random(&random) % 50),
				  1 + (double)(test_random(&random) % 100), 0 };
		double prior = 0.01 + chance_even(&random), bare = rate_per_byte(&r, 0);
		double leaning = rate_per_byte(&r, prior);

		assert_near(bare, r.events / r.exposure, 1e-9);
		assert_true(leaning >= fmin(bare, prior) - 1e-12);
		assert_true(leaning <= fmax(bare, prior) + 1e-12);
	}
}

/* Of a small hot region in large cold memory: far from what is around, and little of it. */
static void some_events_speak_for_themselves_however_unlike_the_prior(void **state)
{
	struct rate hot = { 30, 1e-3, 0 };

	(void)state;
	assert_near(rate_per_byte(&hot, 1e-3), 3e4, 1);
	assert_near(rate_per_byte(&hot, 1e6), 3e4, 1);
}

static void equal_rates_do_not_differ_and_unlike_ones_do(void **state)
{
	struct rate a = { 100, 1000, 0 }, same = { 200, 2000, 0 }, more = { 400, 1000, 0 },
		    none = { 0, 0, 0 }, silent = { 0, 1000, 0 };

	(void)state;
	assert_true(rates_differ(&a, &same) == 0);
	assert_true(rates_differ(&a, &more) > SIGNIFICANT);
	assert_true(rates_differ(&a, &silent) > SIGNIFICANT);
	/* What was never watched says nothing. */
	assert_true(rates_differ(&a, &none) == 0);
	assert_true(rates_differ(&silent, &silent) == 0);
}

static void difference_is_the_same_from_both_sides_and_never_negative(void **state)
{
	uint64_t random = 6;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		struct rate a = { (double)(test_random(&random) % (1u << round % 30)),
				  (double)(test_random(&random) % 1000), DISPERSION_IN_TIME };
		struct rate b = { (double)(test_random(&random) % (1u << round % 17)),
				  (double)(test_random(&random) % 1000), DISPERSION_IN_SPACE };
		double gain = rates_differ(&a, &b);

		assert_true(gain >= 0 && isfinite(gain));
		assert_near(gain, rates_differ(&b, &a), 1e-6);
	}
}

static void gain_is_the_log_likelihood_ratio_where_it_matters(void **state)
{
	uint64_t random = 9;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		struct rate a = { 1 + chance_even(&random) * 500, 1 + chance_even(&random), 0 };
		struct rate b = { 1 + chance_even(&random) * 500, 1 + chance_even(&random), 0 };
		double common = (a.events + b.events) / (a.exposure + b.exposure);
		double ratio = a.events * log(a.events / a.exposure / common) +
			       b.events * log(b.events / b.exposure / common);

		if (ratio > 2)
			assert_near(rates_differ(&a, &b), ratio, 1e-3);
		else
			assert_true(rates_differ(&a, &b) < SIGNIFICANT);
	}
}

static void more_of_the_same_evidence_makes_a_difference_clearer(void **state)
{
	(void)state;
	for (double ratio = 1.1; ratio < 100; ratio *= 1.5)
		for (double events = 1, last = 0; events < 1e6; events *= 2) {
			struct rate a = { events, 10, DISPERSION_IN_TIME };
			struct rate b = { events, 10 * ratio, DISPERSION_IN_TIME };

			assert_true(rates_differ(&a, &b) > last);
			last = rates_differ(&a, &b);
		}
}

static void no_amount_of_evidence_tells_rates_apart_that_are_within_their_dispersion(void **state)
{
	double apart = 1 + sqrt(DISPERSION_IN_TIME);

	(void)state;
	for (double events = 1; events < 1e15; events *= 10) {
		struct rate a = { events, 1, DISPERSION_IN_TIME };
		struct rate b = { events * apart, 1, DISPERSION_IN_TIME };

		assert_true(rates_differ(&a, &b) < SIGNIFICANT);
		assert_true(rate_relative_error(&a) >= sqrt(DISPERSION_IN_TIME));
	}
}

/* Twice the gain is about chi-squared with one degree of freedom: above 10 once in 640. */
static void independent_accesses_at_one_rate_rarely_differ(void **state)
{
	uint64_t random = 7;
	int alarms = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		double mean = 5 + round % 100;
		struct rate a = { chance_count(&random, mean), mean, 0 };
		struct rate b = { chance_count(&random, 2 * mean), 2 * mean, 0 };

		alarms += rates_differ(&a, &b) > SIGNIFICANT;
	}
	if (alarms > 20000 / 200)
		fail_msg("%d of 20000 equal rates differ", alarms);
}

static void truth_is_within_two_standard_errors_nineteen_times_of_twenty(void **state)
{
	uint64_t random = 8;
	int within = 0;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		double mean = 10 + round % 200;
		struct rate r = { chance_count(&random, mean), mean, 0 };
		double rate = rate_per_byte(&r, 0);

		within += fabs(rate - 1) <= 2 * rate * rate_relative_error(&r);
	}
	if (within < 9300 || within > 9800)
		fail_msg("%d of 10000 are within two standard errors", within);
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		TEST(evidence_is_spread_by_bytes),
		TEST(every_byte_is_in_the_bin_that_begins_before_it),
		TEST(bins_begin_at_0_and_end_at_the_size),
		TEST(spread_of_any_stretch_conserves_events_and_exposure),
		TEST(rate_of_bins_is_that_of_its_parts),
		TEST(adding_adds_and_scaling_scales_everything_that_is_counted),
		TEST(unlike_events_count_less_than_equal_ones),
		TEST(dispersion_is_by_how_the_events_were_seen),
		TEST(little_evidence_leans_towards_the_prior),
		TEST(leaning_rate_lies_between_evidence_and_prior),
		TEST(some_events_speak_for_themselves_however_unlike_the_prior),
		TEST(equal_rates_do_not_differ_and_unlike_ones_do),
		TEST(difference_is_the_same_from_both_sides_and_never_negative),
		TEST(gain_is_the_log_likelihood_ratio_where_it_matters),
		TEST(more_of_the_same_evidence_makes_a_difference_clearer),
		TEST(no_amount_of_evidence_tells_rates_apart_that_are_within_their_dispersion),
		TEST(independent_accesses_at_one_rate_rarely_differ),
		TEST(truth_is_within_two_standard_errors_nineteen_times_of_twenty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
