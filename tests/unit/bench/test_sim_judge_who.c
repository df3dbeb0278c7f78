/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sim_judge_who.c - claims of who did it, held against a load of two halves. */
#include "tests/unit/test.h"

#include "bench/sim/sim_judge_who.h"
#include "bench/sim/sim_rig.h"

#define PAGE 4096ull
#define PID 3000

static struct thermo_region regions[2];
static struct thermo_target target = { .pid = PID };

/* The lower half is written by CPU 0, the upper one read by CPUs 1 and 2, threads alike. */
static struct sim_load halves(void)
{
	struct sim_load load = { .bytes = 20 * PAGE, .accesses_per_s = 1000, .nr_pieces = 2 };

	load.pieces[0] = (struct sim_piece){
		.share = 0.5,
		.bytes = 10 * PAGE,
		.who = { .nr_cpus = 1, .first_tid = 1, .nr_tids = 1, .write_share = 1 }
	};
	load.pieces[1] = (struct sim_piece){
		.share = 0.5,
		.start = 10 * PAGE,
		.bytes = 10 * PAGE,
		.who = { .first_cpu = 1, .nr_cpus = 2, .first_tid = 2, .nr_tids = 2 }
	};
	assert_int_equal(sim_load_init(&load), 0);
	return load;
}

/* A snapshot that tells the truth, on more events than matter. */
static struct thermo_snapshot truth(void)
{
	regions[0] = (struct thermo_region){ .start = SIM_BASE,
					     .end = SIM_BASE + 10 * PAGE,
					     .accesses_per_s = 500,
					     .nr_events = 1e6f,
					     .write_share = 1,
					     .cpus = { { 0, 1, 0 } },
					     .tids = { { PID, 1, 0 } } };
	regions[1] = (struct thermo_region){ .start = SIM_BASE + 10 * PAGE,
					     .end = SIM_BASE + 20 * PAGE,
					     .accesses_per_s = 500,
					     .nr_events = 1e6f,
					     .cpus = { { 1, 0.5f, 0 }, { 2, 0.5f, 0 } },
					     .tids = { { PID + 1, 0.5f, 0 },
						       { PID + 2, 0.5f, 0 } } };
	return (struct thermo_snapshot){
		.nr_targets = 1, .nr_regions = 2, .targets = &target, .regions = regions
	};
}

static struct sim_who_verdict judge(const struct thermo_snapshot *s)
{
	struct sim_load load = halves();
	struct sim_who_verdict v;

	sim_judge_who(&load, 0, s, &v);
	return v;
}

static void truth_is_not_contradicted(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v = judge(&s);

	(void)state;
	assert_true(v.writes < 1e-6 && v.cpus < 1e-6 && v.tids < 1e-6);
	assert_true(v.contradicted == 0);
}

static void distances_are_weighted_by_accesses(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v;

	(void)state;
	regions[0].accesses_per_s = 750;
	regions[1].accesses_per_s = 250;
	regions[0].write_share = 0.6f;
	v = judge(&s);
	assert_near(v.writes, 0.75 * 0.4, 1e-3);
}

/* Six claims; one of a CPU that never was there, one of a thread that did more. */
static void wrong_claims_are_contradicted(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v;

	(void)state;
	regions[1].cpus[1].key = 3;
	regions[0].tids[0].share = 0.7f;
	v = judge(&s);
	assert_near(v.contradicted, 2.0 / 6, 1e-6);
	/* Of shares told with 500 accesses a second each: 0, 0, 0.5; 0.3, 0, 0. */
	assert_near(v.cpus, 0.5 / 3, 1e-3);
	assert_near(v.tids, 0.3 / 3, 1e-3);
}

static void admitted_error_is_no_contradiction(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v;

	(void)state;
	regions[1].cpus[0].share = 0.6f;
	v = judge(&s);
	assert_near(v.contradicted, 1.0 / 6, 1e-6);
	regions[1].cpus[0].error = 0.2f;
	v = judge(&s);
	assert_true(v.contradicted == 0);
	/* Too low it may never be. */
	regions[1].cpus[0].share = 0.4f;
	v = judge(&s);
	assert_near(v.contradicted, 1.0 / 6, 1e-6);
}

static void few_events_contradict_little(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v;

	(void)state;
	regions[1].cpus[0].share = 0.6f;
	regions[1].nr_events = 50;
	v = judge(&s);
	assert_true(v.contradicted == 0);
}

static void nothing_told_is_nothing_wrong(void **state)
{
	struct thermo_snapshot s = truth();
	struct sim_who_verdict v;

	(void)state;
	s.nr_regions = 0;
	v = judge(&s);
	assert_true(v.writes == 0 && v.cpus == 0 && v.tids == 0 && v.contradicted == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truth_is_not_contradicted),
		cmocka_unit_test(distances_are_weighted_by_accesses),
		cmocka_unit_test(wrong_claims_are_contradicted),
		cmocka_unit_test(admitted_error_is_no_contradiction),
		cmocka_unit_test(few_events_contradict_little),
		cmocka_unit_test(nothing_told_is_nothing_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
