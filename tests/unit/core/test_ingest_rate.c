/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ingest_rate.c - whatever way accesses are seen, the rate is that of the accesses. */
#include "tests/unit/core/chance.h"
#include "tests/unit/core/fake_intake.h"

/* A governor that changes the period, and a kernel that does so by itself. */
static void samples_of_mixed_periods_give_the_exact_rate(void **state)
{
	struct target *t = add_target(PID);
	uint64_t random = 3;

	(void)state;
	for (int window = 0; window < 10; window++) {
		double accesses = 0;

		for (int i = 0; i < 1000; i++) {
			uint32_t period = 1u << test_random(&random) % 17;

			report(sample(BASE + test_random(&random) % (8 * MIB), period));
			accesses += period;
		}
		(void)drain();
		end_window();
		assert_near(accesses_per_s(t), accesses, 0.01);
		assert_near(intake.period, accesses / 1000, 0.01);
		forget_all(t);
	}
}

/* One sample in seven gets through: with a thousand of them, to three percent or so. */
static void samples_lost_in_a_full_ring_do_not_lower_the_rate(void **state)
{
	struct target *t = add_target(PID);
	uint64_t random = 4, nr = 7ull << 12, refused = 0;

	(void)state;
	for (uint64_t i = 0; i < nr; i++) {
		struct thermo_access a = sample(BASE + test_random(&random) % (8 * MIB), 1000);

		refused += !thermo_report_access(intake.reporter, &a);
	}
	(void)drain();
	end_window();
	assert_int_equal(refused, 6ull << 12);
	assert_int_equal(ingest.counters.dropped, refused);
	assert_int_equal(ingest.counters.ingested, nr - refused);
	assert_near(accesses_per_s(t), 1000.0 * (double)nr, 0.1);
	/* They are counted in one window only. */
	end_window();
	assert_int_equal(ingest.counters.dropped, refused);
}

static void losses_of_all_samples_are_no_silence(void **state)
{
	struct target *t = add_target(PID);
	struct thermo_access noise = sample(0, 1000);
	double before;

	(void)state;
	for (int i = 0; i < 1000; i++)
		report(sample(BASE + (uint64_t)i * 8192, 1000));
	(void)drain();
	end_window();
	before = accesses_per_s(t);
	/* A flood that nobody watches fills the ring, and what is told of us is lost. */
	for (int i = 0; i < 1 << 20; i++)
		(void)thermo_report_access(intake.reporter, &noise);
	(void)drain();
	end_window();
	assert_true(accesses_per_s(t) > before * 0.8);
}

static void samples_count_as_one_event_each_whatever_their_period(void **state)
{
	static const uint32_t periods[] = { 1000, 1000, 10, 10, 100000, 100000 };
	struct target *t = add_target(PID);

	(void)state;
	for (size_t window = 0; window < 6; window++) {
		for (uint64_t i = 0; i < 800; i++)
			report(sample(BASE + i * MIB / 100, periods[window]));
		(void)drain();
		/* A window late, because until its end nobody knows. */
		if (window % 2)
			assert_near(open_window(t).events, 800, 0.01);
		end_window();
		assert_near(intake.period, periods[window], 0.01);
	}
}

/* Pages that are watched one after the other see different times; a sampler sees all of them. */
static void looks_are_less_certain_than_as_many_samples(void **state)
{
	struct target *t = add_target(PID);
	struct rate seen;

	(void)state;
	report(watched(BASE, 2 * MIB, 1000));
	for (uint64_t i = 0; i < 1000; i++)
		report(sample(BASE + 2 * MIB + i * 2048, 1));
	(void)drain();
	end_window();
	seen = region_rate(&t->regions[0]);
	assert_near(seen.dispersion, DISPERSION_IN_TIME, 0.1);
	assert_near(region_count(&t->regions[0]), 1000, 0.1);
	seen = region_rate(&t->regions[1]);
	assert_near(seen.dispersion, DISPERSION_IN_SPACE, 0.1);
	assert_near(region_count(&t->regions[1]), 1000, 0.1);
}

static void silence_between_samples_is_evidence(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	/* Nobody knows the period before the first sample: that is no evidence. */
	end_window();
	assert_int_equal(t->regions[0].evidence_ns, 0);
	report(sample(BASE, 1000));
	(void)drain();
	end_window();
	assert_near(accesses_per_s(t), 1000, 0.01);
	end_window();
	assert_true(accesses_per_s(t) < 600);
	assert_int_equal(t->regions[0].evidence_ns, now_ns);
}

/* Looks at the accessed bits of some pages: each says whether there was an access since the last.
 */
static void look(const struct target *t, double accesses_per_page_s, uint64_t *random)
{
	const unsigned int nr_looks = 20;
	const uint64_t interval_ns = SECOND / nr_looks;

	for (uint64_t at = t->starts[0]; at < t->regions[0].end; at += 8 * PAGE) {
		struct thermo_access a = watched(at, PAGE, 0);

		for (unsigned int i = 0; i < nr_looks; i++)
			a.nr_accesses += chance_wait_s(random, accesses_per_page_s) * 1e9 <
					 (double)interval_ns;
		a.count = THERMO_COUNT_AT_LEAST;
		unsigned int found = a.nr_accesses;

		a.watched_ns = found * interval_ns;
		if (found)
			report(a);
		a.nr_accesses = 0;
		a.watched_ns = (nr_looks - found) * interval_ns;
		if (found < nr_looks)
			report(a);
	}
}

/* With three accesses from look to look, one in twenty tells anything: it takes its time. */
static void looks_that_say_at_least_once_end_at_the_true_rate(void **state)
{
	static const double touches_a_look[] = { 0.03, 0.1, 0.5, 1, 2, 3 };
	struct target *t = add_target(PID);
	uint64_t random = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(touches_a_look) / sizeof(touches_a_look[0]); i++) {
		double truth = touches_a_look[i] * 20 * (2 * MIB / PAGE), late = 0;

		forget_all(t);
		for (int window = 0; window < 200; window++) {
			look(t, touches_a_look[i] * 20, &random);
			(void)drain();
			end_window();
			if (window >= 100)
				late += accesses_per_s(t) / 100;
		}
		assert_near(late, truth, 5);
	}
}

/* An accessed bit cannot tell how often: the estimate is bounded, not endless. */
static void looks_that_always_say_yes_give_a_finite_rate(void **state)
{
	struct target *t = add_target(PID);
	uint64_t random = 6;

	(void)state;
	/* Not even what was known before of a much higher one goes on for ever. */
	report(watched(BASE, 2 * MIB, 1u << 31));
	(void)drain();
	end_window();
	for (int window = 0; window < 200; window++) {
		look(t, 1e6, &random);
		(void)drain();
		end_window();
	}
	/* At least one in each look, and at most as many as can be told from it. */
	assert_true(accesses_per_s(t) >= 20.0 * (2 * MIB / PAGE));
	assert_true(accesses_per_s(t) < 20.0 * 10 * (2 * MIB / PAGE));
}

static void silence_about_lower_tiers_counts_for_their_share(void **state)
{
	struct target *t = add_target(PID);
	struct thermo_access a = watched(BASE, 8 * MIB, 0);

	(void)state;
	for (size_t i = 0; i < 4; i++)
		t->regions[i].lower_share = (float)i / 4;
	a.scope = THERMO_SCOPE_LOWER_TIERS;
	report(a);
	/* An access is one wherever it was. */
	a.nr_accesses = 100;
	report(a);
	(void)drain();
	for (size_t i = 0; i < 4; i++) {
		struct rate r = evidence_rate(&t->regions[i].window, 0, EVIDENCE_BINS);

		assert_near(r.exposure, 2.0 * MIB * (1 + (double)i / 4), 0.01);
		assert_near(r.events, 25, 0.01);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(samples_of_mixed_periods_give_the_exact_rate),
		TEST(samples_lost_in_a_full_ring_do_not_lower_the_rate),
		TEST(losses_of_all_samples_are_no_silence),
		TEST(samples_count_as_one_event_each_whatever_their_period),
		TEST(looks_are_less_certain_than_as_many_samples),
		TEST(silence_between_samples_is_evidence),
		TEST(looks_that_say_at_least_once_end_at_the_true_rate),
		TEST(looks_that_always_say_yes_give_a_finite_rate),
		TEST(silence_about_lower_tiers_counts_for_their_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
