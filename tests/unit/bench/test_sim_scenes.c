/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_scenes.c - every scene makes sense, and is what it says. */
#include "tests/unit/test.h"

#include <string.h>

#include "bench/sim/sim_judge.h"
#include "bench/sim/sim_scenes.h"
#include "bench/workload/random.h"

#define MIB (1ull << 20)

static void best_curve_rises_ever_more_slowly(void **state)
{
	(void)state;
	for (const struct sim_scene *scene = sim_scenes; scene->name; scene++) {
		struct sim_verdict v;
		struct sim_load load;

		assert_int_equal(sim_scene_load(scene, &load), 0);
		assert_int_equal(sim_judge(&load, 0, &(struct sim_guess){ 0 }, 0, &v), 0);
		for (int x = 2; x <= 100; x++) {
			assert_true(v.optimum[x] >= v.optimum[x - 1]);
			assert_true(v.optimum[x] - v.optimum[x - 1] <=
				    v.optimum[x - 1] - v.optimum[x - 2] + 1e-9);
		}
		assert_near(v.optimum[100], 1, 1e-4);
	}
}

/* Eight parts of all memory, after some time: where samples fall is what the formula says. */
static void samples_follow_the_formula_also_when_it_moves(void **state)
{
	(void)state;
	for (const struct sim_scene *scene = sim_scenes; scene->name; scene++) {
		uint64_t random = workload_random_seed(1, 1), time_ns = 7100000000;
		double seen[8] = { 0 };
		struct sim_load load;

		assert_int_equal(sim_scene_load(scene, &load), 0);
		for (int i = 0; i < 20000; i++) {
			uint64_t addr = sim_load_draw(&load, time_ns, 1, &random).addr;

			assert_true(addr < load.bytes);
			seen[addr / (load.bytes / 8)]++;
		}
		for (uint64_t i = 0; i < 8; i++) {
			uint64_t from = i * (load.bytes / 8);
			double should = 20000 / SIM_ACCESSES_PER_S *
					sim_load_rate(&load, from, from + load.bytes / 8, time_ns);

			/* Four standard errors of counting. */
			if (fabs(seen[i] - should) > 4 * sqrt(should))
				fail_msg("%s: %g samples instead of %g", scene->name, seen[i],
					 should);
		}
	}
}

static void names_differ(void **state)
{
	(void)state;
	for (const struct sim_scene *a = sim_scenes; a->name; a++)
		for (const struct sim_scene *b = a + 1; b->name; b++)
			assert_string_not_equal(a->name, b->name);
}

static void spots_are_small_and_elsewhere_each_time(void **state)
{
	struct sim_load first, second;
	uint64_t at;

	(void)state;
	assert_int_equal(sim_spot_load(0.03, 1, &first), 0);
	assert_int_equal(sim_spot_load(0.03, 2, &second), 0);
	at = first.pieces[0].start;
	assert_int_not_equal(at, second.pieces[0].start);
	assert_near(sim_load_rate(&first, at, at + 4 * MIB, 0), 0.03 * SIM_ACCESSES_PER_S, 0.1);
	assert_int_equal(first.bytes, 1ull << 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_curve_rises_ever_more_slowly),
		cmocka_unit_test(samples_follow_the_formula_also_when_it_moves),
		cmocka_unit_test(names_differ),
		cmocka_unit_test(spots_are_small_and_elsewhere_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
