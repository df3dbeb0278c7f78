/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_balance.c - regions add up to what their process did, whatever moves between them. */
#include "tests/unit/core/fake_intake.h"

#include "core/shape.h"
#include "tests/unit/core/chance.h"

#define NR_SAMPLES 20000u
#define PERIOD 50u
#define RATE ((double)NR_SAMPLES * PERIOD)
/* What a sum may be off by: in a window in which places are cut, and in the mean. */
#define OFF_PCT 10
#define MEAN_OFF_PCT 3

static uint64_t random_state;
static double sum_of_sums;
static int nr_sums;

static int make_balance(void **state)
{
	sum_of_sums = nr_sums = 0;
	random_state = 1;
	return make(state);
}

static void sample_between(uint64_t start, uint64_t end, unsigned int nr)
{
	while (nr-- > 0) {
		report(sample(start + test_random(&random_state) % (end - start), PERIOD));
		if (nr % 1024 == 0)
			(void)drain();
	}
}

/* As the monitor does: evidence, then cuts. */
static void end(void)
{
	(void)drain();
	end_window();
	shape_regions(&targets, 1, 1000, now_ns);
}

static double rate_between(const struct target *t, uint64_t start, uint64_t end)
{
	double sum = 0;

	for (size_t i = 0; i < t->nr_regions; i++) {
		const struct region *r = &t->regions[i];
		uint64_t low = r->start > start ? r->start : start;
		uint64_t high = r->end < end ? r->end : end;
		struct rate rate = region_rate(r);

		if (low < high)
			sum += rate_per_byte(&rate, 0) * (double)(high - low);
	}
	return sum;
}

static void assert_adds_up(const struct target *t)
{
	sum_of_sums += accesses_per_s(t);
	nr_sums++;
	assert_near(accesses_per_s(t), RATE, OFF_PCT);
}

static void two_places_in_turn_count_once(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	for (int phase = 0; phase < 12; phase++)
		for (int window = 0; window < 3; window++) {
			uint64_t at = BASE + (phase % 2 ? 4 * MIB : 0);

			sample_between(at, at + 4 * MIB, NR_SAMPLES);
			end();
			assert_adds_up(t);
		}
	assert_near(sum_of_sums / nr_sums, RATE, MEAN_OFF_PCT);
}

/* Where it falls to a half, no window tells it from chance; where it rises, each does. */
static void what_spreads_out_counts_once(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	for (int phase = 0; phase < 16; phase++)
		for (int window = 0; window < 3; window++) {
			sample_between(BASE, BASE + (MIB << phase % 4), NR_SAMPLES);
			end();
			assert_adds_up(t);
		}
	assert_near(sum_of_sums / nr_sums, RATE, MEAN_OFF_PCT);
}

static void what_shrinks_counts_once(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	for (int window = 0; window < 30; window++) {
		sample_between(BASE, BASE + 8 * MIB, NR_SAMPLES);
		end();
	}
	for (int phase = 0; phase < 3; phase++)
		for (int window = 0; window < 3; window++) {
			sample_between(BASE, BASE + (4 * MIB >> phase), NR_SAMPLES);
			end();
			assert_adds_up(t);
		}
}

static void what_stays_is_not_touched_by_what_moves(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	for (int phase = 0; phase < 8; phase++)
		for (int window = 0; window < 3; window++) {
			uint64_t at = BASE + (phase % 2 ? 2 * MIB : 0);

			sample_between(at, at + 2 * MIB, NR_SAMPLES / 2);
			sample_between(BASE + 16 * MIB, BASE + 24 * MIB, NR_SAMPLES / 2);
			end();
			assert_near(rate_between(t, BASE + 16 * MIB, BASE + 24 * MIB), RATE / 2,
				    OFF_PCT);
		}
}

/* More and less in all are no contradiction: the sum is between now and of late. */
static void a_process_may_do_more_and_less(void **state)
{
	struct target *t = add_target(PID);
	double late = 0, weight = 0;

	(void)state;
	for (int window = 0; window < 40; window++) {
		unsigned int nr = window / 4 % 2 ? NR_SAMPLES : NR_SAMPLES / 8;
		double now = (double)nr * PERIOD, fade = exp2(-1 / 5.0);

		sample_between(BASE + (window / 4 % 2 ? 4 * MIB : 0), BASE + 8 * MIB, nr);
		end();
		late = late * fade + now;
		weight = weight * fade + 1;
		assert_true(accesses_per_s(t) >= fmin(now, late / weight) * 0.95);
		assert_true(accesses_per_s(t) <= fmax(now, late / weight) * 1.05);
	}
}

/* Pages that are watched one after the other do not add up in a window: nothing is corrected. */
static void scanned_places_are_left_alone(void **state)
{
	struct target *t = add_target(PID);
	double before;

	(void)state;
	for (int i = 0; i < 5; i++) {
		report(watched(BASE, 2 * MIB, 2000));
		end();
	}
	before = rate_between(t, BASE, BASE + 2 * MIB);
	assert_near(before, 2000, 1);
	for (int i = 0; i < 5; i++) {
		report(watched(BASE + 16 * MIB, 2 * MIB, 2000));
		sample_between(BASE + 4 * MIB, BASE + 6 * MIB, 10);
		end();
	}
	assert_true(t->total.scanned_ns > 0);
	assert_true(accesses_per_s(t) > 1.5 * before);
}

static void a_window_that_nobody_watched_changes_nothing(void **state)
{
	struct target *t = add_target(PID);
	double before;

	(void)state;
	sample_between(BASE, BASE + 8 * MIB, NR_SAMPLES);
	end();
	before = accesses_per_s(t);
	now_ns += SECOND;
	assert_true(target_close_window(t, now_ns, 5 * SECOND, 0) == 0);
	assert_near(accesses_per_s(t), before, 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_places_in_turn_count_once, make_balance, drop),
		cmocka_unit_test_setup_teardown(what_spreads_out_counts_once, make_balance, drop),
		cmocka_unit_test_setup_teardown(what_shrinks_counts_once, make_balance, drop),
		cmocka_unit_test_setup_teardown(what_stays_is_not_touched_by_what_moves,
						make_balance, drop),
		cmocka_unit_test_setup_teardown(a_process_may_do_more_and_less, make_balance, drop),
		cmocka_unit_test_setup_teardown(scanned_places_are_left_alone, make_balance, drop),
		cmocka_unit_test_setup_teardown(a_window_that_nobody_watched_changes_nothing,
						make_balance, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
