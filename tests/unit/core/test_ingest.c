/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ingest.c - each report is counted once and becomes as much evidence as it is worth. */
#include "tests/unit/test.h"

#include "core/snapshot.h"
#include "tests/unit/core/fake_intake.h"

static uint64_t counted(void)
{
	const struct thermo_monitor_counters *c = &ingest.counters;

	return c->ingested + c->no_target + c->no_region + c->no_owner + c->bad;
}

static void nonsense_is_bad_and_known_as_such(void **state)
{
	struct thermo_access wrong[] = {
		watched(BASE, 0, 1),
		watched(UINT64_MAX - 10, PAGE, 1),
		watched(BASE, UINT64_MAX, 1),
		watched(0, 0, 0),
		sample(BASE, 0),
		watched(BASE, PAGE, 1),
		watched(BASE, PAGE, 1),
		watched(BASE, PAGE, 1),
		watched(BASE, PAGE, 1),
		watched(BASE, PAGE, 1),
		watched(BASE, PAGE, 1),
	};

	(void)state;
	wrong[5].op = THERMO_NR_OPS;
	wrong[6].level = THERMO_NR_LEVELS;
	wrong[7].space = THERMO_SPACE_PHYSICAL + 1;
	wrong[8].scope = THERMO_SCOPE_LOWER_TIERS + 1;
	wrong[9].count = THERMO_COUNT_AT_MOST + 1;
	wrong[10].watched_op = THERMO_NR_OPS;
	(void)add_target(PID);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		report(wrong[i]);
		assert_int_equal(drain(), 1);
		assert_int_equal(ingest.counters.bad, i + 1);
	}
	assert_int_equal(counted(), ingest.counters.bad);
	assert_int_equal(intake.ingested, 0);
	assert_true(open_window(&list[0]).events == 0 && open_window(&list[0]).exposure == 0);
}

static uint64_t hostile(uint64_t usual, uint64_t *random)
{
	switch (test_random(random) % 12) {
	case 0:
		return test_random(random);
	case 1:
		return UINT64_MAX >> test_random(random) % 64;
	case 2:
		return 1ull << test_random(random) % 64;
	case 3:
		return 0;
	default:
		return usual;
	}
}

static struct thermo_access hostile_report(uint64_t *random)
{
	uint64_t addr = BASE + test_random(random) % (32 * MIB);

	return (struct thermo_access){
		.addr = hostile(addr, random),
		.extent_bytes = hostile(test_random(random) % 2 ? 1 : 4 * MIB, random),
		.watched_ns = hostile(test_random(random) % 2 ? 0 : SECOND, random),
		.nr_accesses = (uint32_t)hostile(1, random),
		.pid = (int32_t)hostile(PID, random),
		.tid = (int32_t)hostile(PID, random),
		.cpu = (uint32_t)hostile(3, random),
		.latency_ns = (uint32_t)hostile(100, random),
		.node = (int16_t)hostile(0, random),
		.access_bytes = (uint16_t)hostile(8, random),
		.op = (uint8_t)hostile(THERMO_OP_READ, random),
		.space = (uint8_t)hostile(THERMO_SPACE_VIRTUAL, random),
		.level = (uint8_t)hostile(THERMO_LEVEL_L3, random),
		.scope = (uint8_t)hostile(THERMO_SCOPE_ALL, random),
		.count = (uint8_t)hostile(THERMO_COUNT_EXACT, random),
		.time_ns = hostile(0, random),
	};
}

static void assert_finite(const struct target *t)
{
	for (size_t i = 0; i < t->nr_regions; i++) {
		const struct region *r = &t->regions[i];
		struct rate rate = region_rate(r);

		assert_true(rate.events >= 0 && isfinite(rate.events));
		assert_true(rate.exposure >= 0 && isfinite(rate.exposure));
		assert_true(region_count(r) >= 0 && isfinite(region_count(r)));
		assert_true(r->who.total >= 0 && isfinite(r->who.total));
		assert_true(isfinite(r->who.moved) && isfinite(r->who.latency_ns));
	}
}

static void hostile_reports_are_each_in_one_counter_and_spoil_no_sum(void **state)
{
	uint64_t random = 1, nr = 0;

	(void)state;
	(void)add_target(PID);
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 3000; i++)
			report(hostile_report(&random));
		nr += drain();
		end_window();
		assert_int_equal(counted(), nr);
		assert_int_equal(intake.ingested, ingest.counters.ingested);
		assert_finite(&list[0]);
	}
	assert_int_equal(nr, 90000);
	/* There was some of each. */
	assert_true(ingest.counters.ingested > 1000 && ingest.counters.bad > 1000);
	assert_true(ingest.counters.no_target > 1000 && ingest.counters.no_region > 1000);
}

static void report_over_several_regions_has_its_part_in_each(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	/* Half of the first region, the gap, and half of what is after it. */
	report(watched(BASE + MIB, 19 * MIB, 1900));
	assert_int_equal(drain(), 1);
	assert_int_equal(ingest.counters.ingested, 1);
	for (size_t i = 0; i < 5; i++) {
		struct rate r = evidence_rate(&t->regions[i].window, 0, EVIDENCE_BINS);
		double bytes = (i == 0 ? 1 : i == 4 ? 4 : 2) * (double)MIB;

		assert_near(r.events, bytes / MIB * 100, 0.01);
		assert_near(r.exposure, bytes, 0.01);
		assert_near((double)t->regions[i].who.total, bytes / MIB * 100, 0.01);
	}
}

static void reports_of_any_place_conserve_events_and_exposure(void **state)
{
	struct target *t = add_target(PID);
	uint64_t random = 2;
	struct rate should = { 0, 0, 0 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint64_t at = BASE + test_random(&random) % (8 * MIB - 1);
		uint64_t bytes = 1 + test_random(&random) % (BASE + 8 * MIB - at);
		uint32_t accesses = (uint32_t)(test_random(&random) % 100);

		report(watched(at, bytes, accesses));
		should.events += accesses;
		should.exposure += (double)bytes;
	}
	(void)drain();
	assert_near(open_window(t).events, should.events, 0.01);
	assert_near(open_window(t).exposure, should.exposure, 0.01);
}

static void samples_that_begin_before_their_region_are_accesses_all_the_same(void **state)
{
	struct target *t = add_target(PID);
	struct thermo_access a = sample(BASE - 32, 100);

	(void)state;
	a.extent_bytes = 64;
	report(a);
	a.addr = BASE + 16 * MIB - 32;
	report(a);
	(void)drain();
	assert_int_equal(ingest.counters.ingested, 2);
	assert_near((double)t->regions[0].window.events[0], 1, 0.01);
	assert_near((double)t->regions[4].window.events[0], 1, 0.01);
}

static void pid_that_shares_a_slot_of_the_cache_is_another_target(void **state)
{
	struct target *a = add_target(PID), *b = add_target(PID + TARGET_CACHE);

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct thermo_access access = watched(BASE, PAGE, 1);

		access.pid = i % 3 ? PID : PID + TARGET_CACHE;
		report(access);
		access.pid = PID + 2 * TARGET_CACHE;
		report(access);
	}
	(void)drain();
	assert_near(open_window(a).events, 66, 0.01);
	assert_near(open_window(b).events, 34, 0.01);
	assert_int_equal(ingest.counters.no_target, 100);
}

/* The cached place then holds another target, or none. */
static void cache_is_right_after_targets_change(void **state)
{
	struct target *t;

	(void)state;
	(void)add_target(PID);
	(void)add_target(PID + 1);
	report(watched(BASE, PAGE, 1));
	(void)drain();
	target_fini(&list[0]);
	list[0] = list[1];
	targets.nr = 1;
	ingest_forget_targets(&ingest);
	report(watched(BASE, PAGE, 1));
	(void)drain();
	assert_int_equal(ingest.counters.no_target, 1);
	assert_true(open_window(&list[0]).events == 0);
	t = add_target(PID + 2);
	struct thermo_access a = watched(BASE, PAGE, 5);

	a.pid = PID + 2;
	report(a);
	(void)drain();
	assert_near(open_window(t).events, 5, 0.01);
	/* What was not there when it was looked for may come. */
	targets.nr--;
	target_fini(t);
	t = add_target(PID + 3);
	a.pid = PID + 3;
	report(a);
	(void)drain();
	assert_near(open_window(t).events, 5, 0.01);
}

static void physical_reports_go_to_physical_memory_if_it_is_watched(void **state)
{
	struct thermo_access physical = watched(BASE, PAGE, 3);
	struct target *memory, *process;

	(void)state;
	physical.space = THERMO_SPACE_PHYSICAL;
	(void)add_target(PID);
	report(physical);
	(void)drain();
	assert_int_equal(ingest.counters.no_owner, 1);
	(void)drop(NULL);
	assert_int_equal(make(NULL), 0);
	memory = add_target(THERMO_PID_PHYSICAL);
	process = add_target(PID);
	report(physical);
	report(watched(BASE, PAGE, 7));
	(void)drain();
	assert_near(open_window(memory).events, 3, 0.01);
	assert_near(open_window(process).events, 7, 0.01);
}

static void virtual_report_of_a_negative_pid_is_not_of_physical_memory(void **state)
{
	struct target *memory = add_target(THERMO_PID_PHYSICAL);
	struct thermo_access a = watched(BASE, PAGE, 1);

	(void)state;
	a.pid = THERMO_PID_PHYSICAL;
	report(a);
	a.pid = INT32_MIN;
	report(a);
	(void)drain();
	assert_int_equal(ingest.counters.no_target, 2);
	assert_true(open_window(memory).events == 0);
}

static void target_without_memory_has_no_region(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	assert_int_equal(target_follow(t, NULL, 0, 1), 0);
	report(watched(BASE, PAGE, 1));
	report(sample(BASE, 1));
	(void)drain();
	assert_int_equal(ingest.counters.no_region, 2);
}

static struct thermo_access bound(uint64_t addr, uint64_t bytes, uint32_t most)
{
	struct thermo_access a = watched(addr, bytes, most);

	a.count = THERMO_COUNT_AT_MOST;
	return a;
}

static double rate_of(const struct target *t, size_t region)
{
	struct rate r = region_rate(&t->regions[region]);

	return rate_per_byte(&r, 0) * (double)region_bytes(&t->regions[region]);
}

static void upper_bound_is_the_best_guess_where_nothing_is_known(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	report(bound(BASE, 2 * MIB, 100));
	assert_int_equal(drain(), 1);
	end_window();
	assert_near(rate_of(t, 0), 100, 1);
	/* Who accessed it, nobody has seen. */
	assert_true(t->regions[0].who.total == 0);
}

static void upper_bound_says_nothing_of_what_is_colder(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	report(watched(BASE, 2 * MIB, 50));
	(void)drain();
	end_window();
	report(bound(BASE, 2 * MIB, 100));
	(void)drain();
	assert_true(open_window(t).events == 0 && open_window(t).exposure == 0);
	end_window();
	assert_near(rate_of(t, 0), 50, 1);
}

static void upper_bound_cools_what_was_hotter(void **state)
{
	struct target *t = add_target(PID);
	double before = 1000;

	(void)state;
	report(watched(BASE, 2 * MIB, 1000));
	(void)drain();
	end_window();
	for (int i = 0; i < 20; i++) {
		report(bound(BASE, 2 * MIB, 10));
		(void)drain();
		end_window();
		assert_true(rate_of(t, 0) <= before && rate_of(t, 0) > 9.9);
		before = rate_of(t, 0);
	}
	assert_true(before < 30);
}

static void upper_bound_over_several_regions_cools_those_that_are_hotter(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	report(watched(BASE, 2 * MIB, 1000));
	report(watched(BASE + 2 * MIB, 2 * MIB, 1));
	(void)drain();
	end_window();
	/* 100 for each of the two. */
	report(bound(BASE, 4 * MIB, 200));
	(void)drain();
	assert_near(open_window(t).events, 100, 1);
	end_window();
	assert_true(rate_of(t, 0) < 600);
	assert_near(rate_of(t, 1), 1, 1);
}

/* @nr writes seen by somebody who sees nothing else. */
static struct thermo_access writes(uint64_t addr, uint64_t bytes, uint32_t nr)
{
	struct thermo_access a = watched(addr, bytes, nr);

	a.op = nr ? THERMO_OP_WRITE : THERMO_OP_UNKNOWN;
	a.watched_op = THERMO_OP_WRITE;
	a.time_ns = now_ns;
	return a;
}

static void writes_alone_are_the_rate_where_nobody_sees_more(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	report(writes(BASE, 2 * MIB, 100));
	(void)drain();
	end_window();
	assert_near(rate_of(t, 0), 100, 1);
	for (int i = 0; i < 12; i++) {
		report(writes(BASE, 2 * MIB, 0));
		(void)drain();
		end_window();
	}
	assert_true(rate_of(t, 0) < 30);
}

static void what_is_not_written_is_not_held_for_cold_where_somebody_sees_it_read(void **state)
{
	struct target *t = add_target(PID);

	(void)state;
	for (int i = 0; i < 12; i++) {
		report(watched(BASE, 2 * MIB, 100));
		report(writes(BASE, 2 * MIB, 0));
		(void)drain();
		end_window();
		assert_near(rate_of(t, 0), 100, 1);
	}
}

static void who_sees_writes_only_tells_the_direction_of_what_others_see(void **state)
{
	struct target *t = add_target(PID);
	struct thermo_region view = { 0 };

	(void)state;
	for (int i = 0; i < 12; i++) {
		report(watched(BASE, 2 * MIB, 100));
		report(writes(BASE, 2 * MIB, 25));
		(void)drain();
		end_window();
	}
	assert_near(rate_of(t, 0), 100, 1);
	snapshot_view_region(&t->regions[0], 0, now_ns, 5 * SECOND, &view);
	assert_near(view.write_share, 0.25, 0.02);
	assert_near(view.read_share, 0.75, 0.02);
	assert_near(view.op_known_share, 1, 0.001);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(nonsense_is_bad_and_known_as_such),
		TEST(hostile_reports_are_each_in_one_counter_and_spoil_no_sum),
		TEST(report_over_several_regions_has_its_part_in_each),
		TEST(reports_of_any_place_conserve_events_and_exposure),
		TEST(samples_that_begin_before_their_region_are_accesses_all_the_same),
		TEST(pid_that_shares_a_slot_of_the_cache_is_another_target),
		TEST(cache_is_right_after_targets_change),
		TEST(physical_reports_go_to_physical_memory_if_it_is_watched),
		TEST(virtual_report_of_a_negative_pid_is_not_of_physical_memory),
		TEST(upper_bound_is_the_best_guess_where_nothing_is_known),
		TEST(upper_bound_says_nothing_of_what_is_colder),
		TEST(upper_bound_cools_what_was_hotter),
		TEST(writes_alone_are_the_rate_where_nobody_sees_more),
		TEST(what_is_not_written_is_not_held_for_cold_where_somebody_sees_it_read),
		TEST(who_sees_writes_only_tells_the_direction_of_what_others_see),
		TEST(upper_bound_over_several_regions_cools_those_that_are_hotter),
		TEST(target_without_memory_has_no_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
