/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy.c - a snapshot in, a plan out; nothing else matters. */
#include "tests/unit/test.h"

#include "tiering/policy.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define SECOND 1000000000ull
#define NOW (1000 * SECOND)
#define PID 42
#define FAST 0
#define SLOW 1

static struct thermo_target targets[2] = { { .pid = PID }, { .pid = PID + 1 } };
static struct thermo_region regions[64];
static struct thermo_snapshot snapshot;
static struct thermo_topology topology;
static struct move_history history;
static int node_of_cpu[8];
static struct thermo_scheme schemes[2 * THERMO_MAX_TIERS];
static struct policy_view view;
static struct policy_limits limits;
static struct plan plan;

static void add_node(int id, int tier, uint64_t total, uint64_t free_bytes)
{
	struct thermo_node *n = &topology.nodes[topology.nr_nodes++];

	*n = (struct thermo_node){ .id = id,
				   .tier = tier,
				   .has_cpu = tier == 0,
				   .total_bytes = total,
				   .free_bytes = free_bytes,
				   .read_latency_ns = tier ? 100 + 150 * (uint32_t)tier : 100,
				   .write_latency_ns = tier ? 100 + 150 * (uint32_t)tier : 100 };
	for (int i = 0; i < THERMO_MAX_NODES; i++)
		n->distance[i] = 20;
	n->distance[topology.nr_nodes - 1] = 10;
	if ((size_t)tier >= topology.nr_tiers)
		topology.nr_tiers = (size_t)tier + 1;
}

/* Fast: node 0, 1 GiB, full.  Slow: node 1, 4 GiB, half free. */
static int make(void **state)
{
	(void)state;
	memset(&topology, 0, sizeof(topology));
	memset(&history, 0, sizeof(history));
	memset(regions, 0, sizeof(regions));
	memset(node_of_cpu, 0, sizeof(node_of_cpu));
	add_node(0, FAST, GIB, 0);
	add_node(1, SLOW, 4 * GIB, 2 * GIB);
	snapshot = (struct thermo_snapshot){ .time_ns = NOW,
					     .window_ns = SECOND,
					     .nr_targets = 2,
					     .targets = targets,
					     .regions = regions };
	view = (struct policy_view){ .snapshot = &snapshot,
				     .topology = &topology,
				     .history = &history,
				     .node_of_cpu = node_of_cpu,
				     .nr_cpus = 8,
				     .now_ns = NOW,
				     .move_ns_per_byte = 1 };
	limits = (struct policy_limits){ .schemes = schemes,
					 .budget_bytes = GIB,
					 .horizon_ns = 60 * SECOND };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	plan_fini(&plan);
	return 0;
}

/* @rate: accesses per second and byte, well known. */
static struct thermo_region *add_region(int node, uint64_t bytes, double rate)
{
	struct thermo_region *r = &regions[snapshot.nr_regions];
	uint64_t start = snapshot.nr_regions ? (r - 1)->end + GIB : GIB;

	*r = (struct thermo_region){ .start = start,
				     .end = start + bytes,
				     .accesses_per_s = rate * (double)bytes,
				     .accesses_per_s_error = rate * (double)bytes / 100,
				     .nr_events = 1000,
				     .exposure_s = 1,
				     .age_ns = 60 * SECOND };
	r->nodes[0] = (struct thermo_node_bytes){ (int16_t)node, bytes };
	snapshot.nr_regions++;
	return r;
}

static void decide(void)
{
	limits.nr_schemes = thermo_default_schemes(&topology, schemes);
	plan_fini(&plan);
	policy_decide(&view, &limits, &plan);
	uint64_t sum[THERMO_NR_ACTIONS] = { 0 };

	for (size_t i = 0; i < plan.nr; i++) {
		const struct planned_move *m = &plan.moves[i];

		assert_true(m->start < m->end && m->bytes > 0 && m->bytes <= m->end - m->start + 1);
		sum[m->action] += m->bytes;
	}
	for (int a = 0; a < THERMO_NR_ACTIONS; a++)
		assert_int_equal(plan.bytes[a], sum[a]);
	assert_true(sum[0] + sum[1] <= limits.budget_bytes);
}

static uint64_t planned(enum thermo_action action, const struct thermo_region *r)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < plan.nr; i++)
		if (plan.moves[i].action == action && plan.moves[i].start >= r->start &&
		    plan.moves[i].end <= r->end)
			bytes += plan.moves[i].bytes;
	return bytes;
}

static void hot_memory_goes_up_when_there_is_room(void **state)
{
	struct thermo_region *hot;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	hot = add_region(1, 64 * MIB, 10);
	decide();
	assert_near((double)planned(THERMO_PROMOTE, hot), 64.0 * MIB, 1);
	assert_int_equal(plan.bytes[THERMO_DEMOTE], 0);
	assert_int_equal(plan.moves[0].pid, PID);
	assert_int_equal(plan.moves[0].from_tier, SLOW);
	assert_int_equal(plan.moves[0].to_node, 0);
}

static void the_hottest_goes_first(void **state)
{
	struct thermo_region *warm, *hot;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	warm = add_region(1, 64 * MIB, 1);
	hot = add_region(1, 64 * MIB, 100);
	decide();
	assert_true(plan.nr > 0 && plan.moves[0].start == hot->start);
	assert_true(planned(THERMO_PROMOTE, warm) > 0);
	limits.budget_bytes = 32 * MIB;
	decide();
	assert_int_equal(planned(THERMO_PROMOTE, warm), 0);
	assert_near((double)planned(THERMO_PROMOTE, hot), 32.0 * MIB, 10);
}

static void nothing_goes_into_a_full_node_without_a_victim(void **state)
{
	(void)state;
	(void)add_region(1, 64 * MIB, 1000);
	/* What fills the fast node belongs to nobody whom we watch. */
	decide();
	assert_int_equal(plan.nr, 0);
}

static void promotion_stops_at_its_goal(void **state)
{
	(void)state;
	topology.nodes[0].free_bytes = 40 * MIB;
	(void)add_region(1, 512 * MIB, 10);
	decide();
	/* 99.7 % used: about 3 MiB of 1 GiB stay free, to within a huge page. */
	assert_true(plan.bytes[THERMO_PROMOTE] > 30 * MIB);
	assert_true(plan.bytes[THERMO_PROMOTE] < 40 * MIB - 3 * MIB + 2 * MIB + 4096);
}

static void reserve_of_the_kernel_is_not_room(void **state)
{
	(void)state;
	topology.nodes[0].free_bytes = 40 * MIB;
	topology.nodes[0].reserve_bytes = 40 * MIB;
	(void)add_region(1, 512 * MIB, 10);
	decide();
	assert_int_equal(plan.bytes[THERMO_PROMOTE], 0);
}

static void cold_victim_leaves_for_a_much_hotter_one(void **state)
{
	struct thermo_region *cold, *hot;
	size_t first_up = 0;

	(void)state;
	cold = add_region(0, 512 * MIB, 1);
	hot = add_region(1, 64 * MIB, 100);
	decide();
	assert_true(planned(THERMO_DEMOTE, cold) >= 32 * MIB);
	assert_true(planned(THERMO_PROMOTE, hot) >= 32 * MIB);
	/* Room is made before it is used. */
	while (first_up < plan.nr && plan.moves[first_up].action != THERMO_PROMOTE)
		first_up++;
	assert_true(first_up > 0);
	assert_int_equal(plan.moves[0].from_tier, FAST);
	assert_int_equal(plan.moves[0].to_node, 1);
}

/* Free memory as the goal wants it, but not enough room to promote into. */
static void satisfy_keep_free(void)
{
	topology.nodes[0].free_bytes = GIB / 10000 * 50;
}

static void coldest_victim_leaves_first(void **state)
{
	struct thermo_region *cold, *tepid;

	(void)state;
	satisfy_keep_free();
	tepid = add_region(0, 256 * MIB, 2);
	cold = add_region(0, 256 * MIB, 1);
	(void)add_region(1, 64 * MIB, 100);
	decide();
	assert_true(planned(THERMO_DEMOTE, cold) > 0);
	assert_int_equal(planned(THERMO_DEMOTE, tepid), 0);
}

static void slightly_hotter_is_no_reason_to_swap(void **state)
{
	struct thermo_region *above;

	(void)state;
	satisfy_keep_free();
	above = add_region(0, 512 * MIB, 10);
	(void)add_region(1, 64 * MIB, 11);
	decide();
	assert_int_equal(planned(THERMO_DEMOTE, above), 0);
}

static void noise_is_no_reason_to_swap(void **state)
{
	struct thermo_region *above, *below;

	(void)state;
	satisfy_keep_free();
	above = add_region(0, 512 * MIB, 10);
	below = add_region(1, 64 * MIB, 20);
	above->accesses_per_s_error = above->accesses_per_s * 0.5;
	below->accesses_per_s_error = below->accesses_per_s * 0.5;
	decide();
	assert_int_equal(planned(THERMO_DEMOTE, above), 0);
}

static void move_must_pay_for_itself_within_the_horizon(void **state)
{
	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	(void)add_region(1, 64 * MIB, 0.01); /* saves 1.5 ns a second and byte: 90 in a minute */
	view.move_ns_per_byte = 80;
	decide();
	assert_true(plan.bytes[THERMO_PROMOTE] > 0);
	view.move_ns_per_byte = 100;
	decide();
	assert_int_equal(plan.bytes[THERMO_PROMOTE], 0);
}

static void swap_must_pay_for_both_moves(void **state)
{
	(void)state;
	satisfy_keep_free();
	(void)add_region(0, 512 * MIB, 0);
	(void)add_region(1, 512 * MIB, 0.01);
	view.move_ns_per_byte = 30;
	decide();
	assert_true(plan.bytes[THERMO_DEMOTE] > 0);
	view.move_ns_per_byte = 60;
	decide();
	assert_int_equal(plan.bytes[THERMO_DEMOTE], 0);
}

static void too_little_evidence_promotes_nothing(void **state)
{
	struct thermo_region *hot;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	hot = add_region(1, 64 * MIB, 10);
	hot->nr_events = 1;
	decide();
	assert_int_equal(plan.nr, 0);
}

static void short_of_free_memory_the_coldest_goes_down(void **state)
{
	struct thermo_region *cold, *hot;

	(void)state;
	topology.nodes[0].free_bytes = 0;
	hot = add_region(0, 256 * MIB, 100);
	cold = add_region(0, 256 * MIB, 1);
	decide();
	/* 0.5 % of 1 GiB. */
	assert_true(plan.bytes[THERMO_DEMOTE] >= 5 * MIB && plan.bytes[THERMO_DEMOTE] <= 10 * MIB);
	assert_true(planned(THERMO_DEMOTE, cold) > 0);
	assert_int_equal(planned(THERMO_DEMOTE, hot), 0);
}

static void memory_is_freed_on_the_node_that_is_short_of_it(void **state)
{
	struct thermo_region *here, *there;

	(void)state;
	memset(&topology, 0, sizeof(topology));
	add_node(0, FAST, GIB, 0);
	add_node(2, FAST, GIB, GIB / 2);
	add_node(5, SLOW, 4 * GIB, 2 * GIB);
	here = add_region(0, 256 * MIB, 10);
	there = add_region(2, 256 * MIB, 1);
	decide();
	assert_true(planned(THERMO_DEMOTE, here) >= 5 * MIB);
	assert_int_equal(planned(THERMO_DEMOTE, there), 0);
}

static void node_with_nothing_to_give_does_not_stop_the_others(void **state)
{
	struct thermo_region *there;

	(void)state;
	memset(&topology, 0, sizeof(topology));
	add_node(0, FAST, GIB, 0);
	add_node(2, FAST, GIB, 0);
	add_node(5, SLOW, 4 * GIB, 2 * GIB);
	there = add_region(2, 256 * MIB, 1);
	decide();
	assert_true(planned(THERMO_DEMOTE, there) >= 5 * MIB);
	assert_true(planned(THERMO_DEMOTE, there) <= 10 * MIB);
}

static void nothing_is_demoted_into_full_slow_memory(void **state)
{
	(void)state;
	topology.nodes[1].free_bytes = MIB;
	(void)add_region(0, 256 * MIB, 1);
	decide();
	assert_int_equal(plan.nr, 0);
}

static void what_came_down_lately_does_not_go_up_again(void **state)
{
	struct thermo_region *r;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	r = add_region(1, 64 * MIB, 10);
	history_add(&history, &(struct past_move){ PID, THERMO_DEMOTE, r->start,
						   r->start + 32 * MIB, NOW - SECOND, MOVE_DONE });
	decide();
	assert_true(plan.nr > 0);
	for (size_t i = 0; i < plan.nr; i++)
		assert_true(plan.moves[i].start >= r->start + 32 * MIB);
	/* After the cooldown it may. */
	memset(&history, 0, sizeof(history));
	history_add(&history,
		    &(struct past_move){ PID, THERMO_DEMOTE, r->start, r->start + 32 * MIB,
					 NOW - 11 * SECOND, MOVE_DONE });
	decide();
	assert_near((double)planned(THERMO_PROMOTE, r), 64.0 * MIB, 1);
}

static void what_could_not_be_moved_is_not_tried_each_time(void **state)
{
	struct thermo_region *r;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	r = add_region(1, 64 * MIB, 10);
	history_add(&history, &(struct past_move){ PID, THERMO_PROMOTE, r->start, r->end,
						   NOW - SECOND, MOVE_FUTILE });
	decide();
	assert_int_equal(plan.nr, 0);
}

/* Where a region's pages are is known for all of it, not where in it they are. */
static void what_is_exhausted_makes_way_for_what_follows(void **state)
{
	struct thermo_region *r;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	limits.budget_bytes = 4 * MIB;
	r = add_region(1, 64 * MIB, 10);
	r->nodes[0].bytes = 16 * MIB;
	decide();
	assert_int_equal(plan.moves[0].start, r->start);
	history_add(&history,
		    &(struct past_move){ PID, THERMO_PROMOTE, r->start, r->start + 48 * MIB,
					 NOW - SECOND, MOVE_EXHAUSTED });
	decide();
	assert_true(plan.nr > 0);
	assert_int_equal(plan.moves[0].start, r->start + 48 * MIB);
	assert_near((double)planned(THERMO_PROMOTE, r), 4.0 * MIB, 1);
	/* Not for ever: pages may have come there since. */
	history.moves[0].time_ns = NOW - 11 * SECOND;
	decide();
	assert_int_equal(plan.moves[0].start, r->start);
}

static void budget_is_respected_in_both_directions_together(void **state)
{
	static const uint64_t budgets[] = { 0, 1, 4096, 3 * MIB, 100 * MIB };

	(void)state;
	(void)add_region(0, 512 * MIB, 1);
	(void)add_region(1, 512 * MIB, 100);
	for (size_t i = 0; i < 5; i++) {
		limits.budget_bytes = budgets[i];
		decide();
		assert_true(plan.bytes[THERMO_PROMOTE] + plan.bytes[THERMO_DEMOTE] <= budgets[i]);
	}
}

static void destination_is_nearest_to_the_cpus_that_use_it(void **state)
{
	struct thermo_region *r;

	(void)state;
	memset(&topology, 0, sizeof(topology));
	add_node(0, FAST, GIB, GIB / 2);
	add_node(2, FAST, GIB, GIB / 2);
	add_node(5, SLOW, 4 * GIB, 2 * GIB);
	node_of_cpu[6] = node_of_cpu[7] = 2;
	r = add_region(5, 32 * MIB, 10);
	r->cpus[0] = (struct thermo_share){ .key = 0, .share = 0.4f };
	r->cpus[1] = (struct thermo_share){ .key = 6, .share = 0.3f };
	r->cpus[2] = (struct thermo_share){ .key = 7, .share = 0.3f };
	decide();
	assert_true(plan.nr > 0);
	for (size_t i = 0; i < plan.nr; i++)
		assert_int_equal(plan.moves[i].to_node, 2);
	/* Where that is full, the other will do. */
	topology.nodes[1].free_bytes = 0;
	decide();
	assert_true(plan.nr > 0);
	assert_int_equal(plan.moves[0].to_node, 0);
}

static void write_heavy_memory_counts_heavier_where_writes_are_slower(void **state)
{
	struct thermo_region *reads, *writes;

	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	topology.nodes[1].write_latency_ns = 1000;
	reads = add_region(1, 32 * MIB, 10);
	reads->read_share = 1;
	writes = add_region(1, 32 * MIB, 9);
	writes->write_share = 1;
	decide();
	assert_true(plan.nr > 0 && plan.moves[0].start == writes->start);
}

static void each_pair_of_tiers_is_weighed(void **state)
{
	struct thermo_region *middle, *bottom;

	(void)state;
	memset(&topology, 0, sizeof(topology));
	add_node(0, 0, GIB, 512 * MIB);
	add_node(1, 1, GIB, 512 * MIB);
	add_node(2, 2, 4 * GIB, 2 * GIB);
	middle = add_region(1, 32 * MIB, 10);
	bottom = add_region(2, 32 * MIB, 10);
	decide();
	assert_near((double)planned(THERMO_PROMOTE, middle), 32.0 * MIB, 1);
	assert_near((double)planned(THERMO_PROMOTE, bottom), 32.0 * MIB, 1);
	for (size_t i = 0; i < plan.nr; i++) {
		bool from_middle = plan.moves[i].start >= middle->start &&
				   plan.moves[i].end <= middle->end;

		/* One tier at a time: the bottom goes to the middle. */
		assert_int_equal(plan.moves[i].to_node, from_middle ? 0 : 1);
		assert_int_equal(plan.moves[i].from_tier, from_middle ? 1 : 2);
	}
}

static void without_schemes_or_regions_there_is_no_plan(void **state)
{
	(void)state;
	topology.nodes[0].free_bytes = 512 * MIB;
	decide();
	assert_int_equal(plan.nr, 0);
	(void)add_region(1, 64 * MIB, 10);
	limits.nr_schemes = 0;
	policy_decide(&view, &limits, &plan);
	assert_int_equal(plan.nr, 0);
}

static void same_input_gives_the_same_plan(void **state)
{
	struct plan first;

	(void)state;
	for (int i = 0; i < 20; i++)
		(void)add_region(i % 2, 32 * MIB, (i * 7) % 20);
	decide();
	first = plan;
	plan = (struct plan){ 0 };
	decide();
	assert_int_equal(plan.nr, first.nr);
	assert_true(plan.nr > 0);
	assert_memory_equal(plan.moves, first.moves, plan.nr * sizeof(*plan.moves));
	plan_fini(&first);
}

static void random_machines_never_break_the_rules(void **state)
{
	uint64_t random = 31;

	(void)state;
	for (int round = 0; round < 300; round++) {
		(void)make(NULL);
		snapshot.nr_regions = 0;
		topology.nodes[0].free_bytes = test_random(&random) % GIB;
		topology.nodes[1].free_bytes = test_random(&random) % GIB;
		limits.budget_bytes = test_random(&random) % (512 * MIB);
		for (int i = 0; i < 40; i++) {
			uint64_t bytes = 4096 * (1 + test_random(&random) % 20000);
			struct thermo_region *r = add_region((int)(test_random(&random) % 2), bytes,
							     (double)(test_random(&random) % 100));

			r->nodes[1] = (struct thermo_node_bytes){ (int16_t)(1 - r->nodes[0].node),
								  bytes / 4 };
			r->nodes[0].bytes -= bytes / 4;
		}
		int64_t room = (int64_t)topology.nodes[0].free_bytes;

		decide();
		/* Carried out in order, the fast node is never overfilled by more than a huge page.
		 */
		for (size_t i = 0; i < plan.nr; i++) {
			room += plan.moves[i].action == THERMO_DEMOTE
						? (int64_t)plan.moves[i].bytes
						: -(int64_t)plan.moves[i].bytes;
			assert_true(room >= -(int64_t)(2 * MIB + 4096));
		}
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(hot_memory_goes_up_when_there_is_room),
		TEST(the_hottest_goes_first),
		TEST(nothing_goes_into_a_full_node_without_a_victim),
		TEST(promotion_stops_at_its_goal),
		TEST(reserve_of_the_kernel_is_not_room),
		TEST(cold_victim_leaves_for_a_much_hotter_one),
		TEST(coldest_victim_leaves_first),
		TEST(slightly_hotter_is_no_reason_to_swap),
		TEST(noise_is_no_reason_to_swap),
		TEST(move_must_pay_for_itself_within_the_horizon),
		TEST(swap_must_pay_for_both_moves),
		TEST(too_little_evidence_promotes_nothing),
		TEST(short_of_free_memory_the_coldest_goes_down),
		TEST(memory_is_freed_on_the_node_that_is_short_of_it),
		TEST(node_with_nothing_to_give_does_not_stop_the_others),
		TEST(nothing_is_demoted_into_full_slow_memory),
		TEST(what_came_down_lately_does_not_go_up_again),
		TEST(what_could_not_be_moved_is_not_tried_each_time),
		TEST(what_is_exhausted_makes_way_for_what_follows),
		TEST(budget_is_respected_in_both_directions_together),
		TEST(destination_is_nearest_to_the_cpus_that_use_it),
		TEST(write_heavy_memory_counts_heavier_where_writes_are_slower),
		TEST(each_pair_of_tiers_is_weighed),
		TEST(without_schemes_or_regions_there_is_no_plan),
		TEST(same_input_gives_the_same_plan),
		TEST(random_machines_never_break_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
