/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_load.c - are samples drawn from the formula that they are judged against? */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/sim/sim_load.h"
#include "bench/sim/sim_scatter.h"
#include "bench/workload/random.h"

#define PAGE 4096ull
#define NR_BINS 64
#define NR_DRAWS 200000
#define PERIOD 100

static struct sim_load one_piece(enum sim_shape shape)
{
	struct sim_load load = { .bytes = 4096 * PAGE, .accesses_per_s = 1000, .nr_pieces = 1 };

	load.pieces[0] = (struct sim_piece){ .shape = shape,
					     .share = 0.8,
					     .start = 37 * PAGE,
					     .bytes = 2048 * PAGE,
					     .grain_bytes = 8 * PAGE,
					     .exponent = 0.99 };
	assert_int_equal(sim_load_init(&load), 0);
	return load;
}

static const enum sim_shape shapes[] = { SIM_EVEN, SIM_STRETCHES, SIM_ZIPF, SIM_ZIPF_SCATTERED };

#define NR_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/*
 * Sum over bins of (seen - expected)^2 / expected, which has mean and half the
 * variance of the degrees of freedom.
 */
static void assert_fits(const double *seen, const double *expected, int nr)
{
	double distance = 0;

	for (int i = 0; i < nr; i++) {
		assert_true(expected[i] > 5);
		distance += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
	}
	if (distance > nr - 1 + 4 * sqrt(2.0 * (nr - 1)))
		fail_msg("distance %g of %d degrees of freedom", distance, nr - 1);
}

static void samples_fall_where_the_formula_says(void **state)
{
	(void)state;
	for (size_t s = 0; s < NR_SHAPES; s++) {
		struct sim_load load = one_piece(shapes[s]);
		uint64_t bin = load.bytes / NR_BINS, random = workload_random_seed(s, 1);
		double seen[NR_BINS] = { 0 }, expected[NR_BINS];

		for (int i = 0; i < NR_DRAWS; i++)
			seen[sim_load_draw(&load, 0, PERIOD, &random).addr / bin]++;
		for (uint64_t i = 0; i < NR_BINS; i++)
			expected[i] = NR_DRAWS / load.accesses_per_s *
				      sim_load_rate(&load, i * bin, (i + 1) * bin, 0);
		assert_fits(seen, expected, NR_BINS);
	}
}

/* Within the pieces of a grain, and across its edges. */
static void parts_add_up_to_the_whole(void **state)
{
	uint64_t random = workload_random_seed(7, 7);

	(void)state;
	for (size_t s = 0; s < NR_SHAPES; s++) {
		struct sim_load load = one_piece(shapes[s]);
		double sum = 0;

		for (uint64_t at = 0, end; at < load.bytes; at = end) {
			end = at + 1 + workload_random(&random) % (40 * PAGE);
			sum += sim_load_rate(&load, at, end, 0);
		}
		assert_near(sum, load.accesses_per_s, 1e-7);
	}
}

static void stretches_alternate(void **state)
{
	struct sim_load load = one_piece(SIM_STRETCHES);
	uint64_t start = load.pieces[0].start;
	double cold = 0.2 * 1000 / 4096, hot = 0.8 * 1000 / 1024 + cold;

	(void)state;
	assert_near(sim_load_rate(&load, start, start + PAGE, 0), hot, 1e-7);
	assert_near(sim_load_rate(&load, start + 7 * PAGE, start + 8 * PAGE, 0), hot, 1e-7);
	assert_near(sim_load_rate(&load, start + 8 * PAGE, start + 9 * PAGE, 0), cold, 1e-7);
	assert_near(sim_load_rate(&load, start + 16 * PAGE, start + 17 * PAGE, 0), hot, 1e-7);
	assert_near(sim_load_rate(&load, 0, PAGE, 0), cold, 1e-7);
}

static void zipf_grains_are_as_hot_as_their_rank(void **state)
{
	struct sim_load load = one_piece(SIM_ZIPF);
	uint64_t start = load.pieces[0].start, grain = load.pieces[0].grain_bytes;
	double background = 0.2 * 1000 / 4096 * 8;
	double first = sim_load_rate(&load, start, start + grain, 0) - background;

	(void)state;
	for (uint64_t k = 2; k <= 256; k *= 2) {
		uint64_t at = start + (k - 1) * grain;

		assert_near(sim_load_rate(&load, at, at + grain, 0) - background,
			    first * pow((double)k, -0.99), 1e-6);
	}
}

/* The same ranks, elsewhere: every grain has one. */
static void scattered_zipf_has_the_grains_of_zipf(void **state)
{
	struct sim_load load = one_piece(SIM_ZIPF_SCATTERED);
	uint64_t start = load.pieces[0].start, grain = load.pieces[0].grain_bytes;
	double hottest = 0;
	uint64_t hottest_at = 0;

	(void)state;
	for (uint64_t i = 0; i < 256; i++) {
		double rate = sim_load_rate(&load, start + i * grain, start + (i + 1) * grain, 0);

		hottest_at = rate > hottest ? i : hottest_at;
		hottest = rate > hottest ? rate : hottest;
	}
	assert_int_equal(hottest_at, sim_scatter(256, 0));
	assert_near(hottest,
		    0.2 * 1000 / 512 + 0.8 * 1000 / sim_zipf_sum(&load.pieces[0].zipf, 256), 1e-7);
}

static void zipf_sums_are_sums(void **state)
{
	static const double exponents[] = { 0.5, 0.99, 1, 2 };
	struct sim_zipf zipf;

	(void)state;
	for (size_t e = 0; e < 4; e++) {
		double sum = 0;

		sim_zipf_init(&zipf, 100000, exponents[e]);
		for (uint64_t k = 1; k <= 100000; k++) {
			sum += pow((double)k, -exponents[e]);
			if (k < 200 || k % 9973 == 0)
				assert_near(sim_zipf_sum(&zipf, k), sum, 1e-6);
		}
		assert_near(zipf.total, sum, 1e-6);
	}
}

static void zipf_ranks_are_drawn_as_often_as_they_say(void **state)
{
	static const double exponents[] = { 0.5, 0.99, 1, 2 };

	(void)state;
	for (size_t e = 0; e < 4; e++) {
		double seen[17] = { 0 }, expected[17];
		uint64_t random = workload_random_seed(e, 3);
		struct sim_zipf zipf;

		sim_zipf_init(&zipf, 100000, exponents[e]);
		for (int i = 0; i < NR_DRAWS; i++) {
			uint64_t rank = sim_zipf_draw(&zipf, &random);
			int bin = 63 - __builtin_clzll(rank);

			assert_in_range(rank, 1, 100000);
			/* Powers of two by size: 1, 2-3, 4-7, ... */
			seen[bin]++;
		}
		for (int bin = 0; bin < 17; bin++) {
			uint64_t end = (2ull << bin) - 1;

			expected[bin] = sim_zipf_sum(&zipf, end < 100000 ? end : 100000) -
					sim_zipf_sum(&zipf, (1ull << bin) - 1);
			expected[bin] *= NR_DRAWS / zipf.total;
		}
		/* Far down hardly any are expected when the exponent is 2: few bins only. */
		assert_fits(seen, expected, exponents[e] > 1.5 ? 13 : 17);
	}
}

static void one_rank_is_always_drawn(void **state)
{
	uint64_t random = 1;
	struct sim_zipf zipf;

	(void)state;
	sim_zipf_init(&zipf, 1, 0.99);
	for (int i = 0; i < 100; i++)
		assert_int_equal(sim_zipf_draw(&zipf, &random), 1);
}

static void scattering_loses_and_doubles_nothing(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 5, 1000, 4096, 4097 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *seen = calloc(1, sizes[i]);

		assert_non_null(seen);
		for (uint64_t at = 0; at < sizes[i]; at++) {
			uint64_t to = sim_scatter(sizes[i], at);

			assert_true(to < sizes[i]);
			assert_int_equal(seen[to]++, 0);
			assert_int_equal(sim_scatter_back(sizes[i], to), at);
		}
		free(seen);
	}
}

/* Neighbours before are no neighbours after. */
static void scattering_leaves_no_order(void **state)
{
	uint64_t n = 1 << 20, near = 0;

	(void)state;
	for (uint64_t at = 0; at + 1 < 10000; at++) {
		int64_t step = (int64_t)sim_scatter(n, at + 1) - (int64_t)sim_scatter(n, at);

		near += llabs(step) < (int64_t)n / 100;
	}
	/* By chance one in fifty. */
	assert_in_range(near, 100, 300);
}

static void piece_moves_and_comes_around(void **state)
{
	struct sim_load load = one_piece(SIM_EVEN);
	struct sim_piece *p = &load.pieces[0];

	(void)state;
	p->step_bytes = 1000 * PAGE;
	p->step_ns = 10;
	assert_int_equal(sim_load_init(&load), 0);
	assert_int_equal(sim_piece_start(&load, p, 9), 37 * PAGE);
	assert_int_equal(sim_piece_start(&load, p, 10), 1037 * PAGE);
	assert_int_equal(sim_piece_start(&load, p, 25), 2037 * PAGE);
	/* It has 2049 places. */
	assert_int_equal(sim_piece_start(&load, p, 30), (3037 - 2049) * PAGE);
	assert_near(sim_load_rate(&load, 2037 * PAGE, 4085 * PAGE, 20), 0.8 * 1000 + 100, 1e-7);
	assert_near(sim_load_rate(&load, 37 * PAGE, 2037 * PAGE, 20), 0.2 * 1000 * 2000 / 4096,
		    1e-7);
	for (uint64_t t = 0; t < 100000; t += 10)
		assert_true(sim_piece_start(&load, p, t) + p->bytes <= load.bytes);
	assert_true(sim_piece_start(&load, p, UINT64_MAX) + p->bytes <= load.bytes);
}

static void samples_say_who_made_them(void **state)
{
	struct sim_load load = one_piece(SIM_EVEN);
	uint64_t random = 5, nr = 0, nr_writes = 0;
	double latency = 0;

	(void)state;
	load.pieces[0].who = (struct sim_who){ .first_cpu = 8,
					       .nr_cpus = 4,
					       .first_tid = 100,
					       .nr_tids = 3,
					       .write_share = 0.25,
					       .latency_ns = 400,
					       .level = THERMO_LEVEL_CXL };
	for (int i = 0; i < NR_DRAWS; i++) {
		struct thermo_access a = sim_load_draw(&load, 77, PERIOD, &random);

		assert_int_equal(a.nr_accesses, PERIOD);
		assert_int_equal(a.time_ns, 77);
		assert_int_equal(a.watched_ns, 0);
		if (a.cpu == THERMO_CPU_UNKNOWN) {
			assert_int_equal(a.tid, 0);
			assert_int_equal(a.latency_ns, 0);
			continue;
		}
		assert_in_range(a.cpu, 8, 11);
		assert_in_range(a.tid, 100, 102);
		assert_int_equal(a.level, THERMO_LEVEL_CXL);
		nr++;
		nr_writes += a.op == THERMO_OP_WRITE;
		latency += a.latency_ns;
	}
	assert_near((double)nr, 0.8 * NR_DRAWS, 1);
	assert_near((double)nr_writes, 0.25 * 0.8 * NR_DRAWS, 2);
	assert_near(latency / (double)nr, 400, 2);
}

/* A page of the piece: 0.8 / 2048 of all accesses from it, 0.2 / 4096 from the background. */
static void shares_of_who_are_mixed_by_rate(void **state)
{
	struct sim_load load = one_piece(SIM_EVEN);
	uint64_t at = load.pieces[0].start;

	(void)state;
	load.background = (struct sim_who){ .nr_cpus = 2, .first_tid = 1, .nr_tids = 1 };
	load.pieces[0].who = (struct sim_who){
		.first_cpu = 1, .nr_cpus = 4, .first_tid = 7, .nr_tids = 2, .write_share = 0.5
	};
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_writes, 0), 0.5 * 8 / 9, 1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_cpu, 0), 1.0 / 18, 1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_cpu, 1), 1.0 / 18 + 2.0 / 9,
		    1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_cpu, 4), 2.0 / 9, 1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_cpu, 5) + 1, 1, 1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_tid, 7), 4.0 / 9, 1e-7);
	assert_near(sim_load_mean(&load, at, at + PAGE, 0, sim_who_tid, 1), 1.0 / 9, 1e-7);
	assert_near(sim_load_mean(&load, 0, PAGE, 0, sim_who_tid, 1), 1, 1e-7);
	assert_true(sim_load_mean(&load, PAGE, PAGE, 0, sim_who_tid, 1) == 0);
}

static void classes_hold_all_memory_and_all_accesses(void **state)
{
	(void)state;
	for (size_t s = 0; s < NR_SHAPES; s++) {
		struct sim_load load = one_piece(shapes[s]);
		struct sim_class *classes = NULL;
		ptrdiff_t nr = sim_load_classes(&load, &classes);
		double bytes = 0, rate = 0;

		assert_true(nr > 0);
		for (ptrdiff_t i = 0; i < nr; i++) {
			bytes += classes[i].bytes;
			rate += classes[i].bytes * classes[i].rate_per_byte;
			if (i)
				assert_true(classes[i].rate_per_byte <=
					    classes[i - 1].rate_per_byte);
		}
		assert_near(bytes, (double)load.bytes, 1e-9);
		assert_near(rate, load.accesses_per_s, 1e-6);
		free(classes);
	}
}

/* 2^28 pages: what is far down shares classes, and all is still there. */
static void classes_of_a_terabyte_are_few(void **state)
{
	struct sim_load load = { .bytes = 1ull << 40, .accesses_per_s = 1e9, .nr_pieces = 1 };
	struct sim_class *classes = NULL;
	double rate = 0;

	(void)state;
	load.pieces[0] = (struct sim_piece){ .shape = SIM_ZIPF,
					     .share = 1,
					     .bytes = 1ull << 40,
					     .grain_bytes = PAGE,
					     .exponent = 0.99 };
	assert_int_equal(sim_load_init(&load), 0);
	ptrdiff_t nr = sim_load_classes(&load, &classes);

	assert_in_range(nr, 4096, 8000);
	for (ptrdiff_t i = 0; i < nr; i++)
		rate += classes[i].bytes * classes[i].rate_per_byte;
	assert_near(rate, 1e9, 1e-5);
	free(classes);
}

static void assert_refused(struct sim_load load)
{
	assert_int_equal(sim_load_init(&load), -EINVAL);
}

static void nonsense_is_refused(void **state)
{
	struct sim_load good = one_piece(SIM_EVEN), load;

	(void)state;
	load = good, load.bytes = 0, assert_refused(load);
	load = good, load.bytes += 1, assert_refused(load);
	load = good, load.accesses_per_s = 0, assert_refused(load);
	load = good, load.accesses_per_s = NAN, assert_refused(load);
	load = good, load.nr_pieces = SIM_MAX_PIECES + 1, assert_refused(load);
	load = good, load.pieces[0].bytes = 0, assert_refused(load);
	load = good, load.pieces[0].start = 1, assert_refused(load);
	load = good, load.pieces[0].start = load.bytes, assert_refused(load);
	load = good, load.pieces[0].start = 0 - PAGE, assert_refused(load);
	load = good, load.pieces[0].share = 1.5, assert_refused(load);
	load = good, load.pieces[0].share = -0.5, assert_refused(load);
	load = good, load.pieces[0].share = NAN, assert_refused(load);
	good = one_piece(SIM_ZIPF);
	load = good, load.pieces[0].grain_bytes = 0, assert_refused(load);
	load = good, load.pieces[0].grain_bytes = 100, assert_refused(load);
	load = good, load.pieces[0].grain_bytes = 3 * PAGE, assert_refused(load);
	load = good, load.pieces[0].exponent = 0, assert_refused(load);
}

static void pieces_do_not_overlap_and_share_no_more_than_all(void **state)
{
	struct sim_load load = one_piece(SIM_EVEN);

	(void)state;
	load.pieces[1] = load.pieces[0];
	load.nr_pieces = 2;
	load.pieces[1].share = 0.1;
	assert_refused(load);
	load.pieces[1].start += load.pieces[0].bytes;
	load.pieces[1].bytes = PAGE;
	assert_int_equal(sim_load_init(&load), 0);
	load.pieces[1].share = 0.3;
	assert_refused(load);
	load.pieces[1].share = 0.1;
	load.pieces[0].step_ns = 1;
	assert_refused(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_fall_where_the_formula_says),
		cmocka_unit_test(parts_add_up_to_the_whole),
		cmocka_unit_test(stretches_alternate),
		cmocka_unit_test(zipf_grains_are_as_hot_as_their_rank),
		cmocka_unit_test(scattered_zipf_has_the_grains_of_zipf),
		cmocka_unit_test(zipf_sums_are_sums),
		cmocka_unit_test(zipf_ranks_are_drawn_as_often_as_they_say),
		cmocka_unit_test(one_rank_is_always_drawn),
		cmocka_unit_test(scattering_loses_and_doubles_nothing),
		cmocka_unit_test(scattering_leaves_no_order),
		cmocka_unit_test(piece_moves_and_comes_around),
		cmocka_unit_test(samples_say_who_made_them),
		cmocka_unit_test(shares_of_who_are_mixed_by_rate),
		cmocka_unit_test(classes_hold_all_memory_and_all_accesses),
		cmocka_unit_test(classes_of_a_terabyte_are_few),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(pieces_do_not_overlap_and_share_no_more_than_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
