/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_report_rows.c - what is added up, and what is said to be unknown. */
#include "tests/unit/test.h"

#include "cli/report_rows.h"
#include "tests/unit/core/make_snapshot.h"

/* Nodes 0 (CPUs 0 and 1), 1 (CPU 2) and 2 (none). */
static struct record_machine machine;
static struct thermo_target targets[3];
static struct thermo_region regions[4];
static struct thermo_snapshot snapshot;
static struct report report;

/* 1000 accesses a second: 0.8 of known direction, a quarter of them writes; 3/4 on node 0. */
static void set_region(int i)
{
	regions[i] = (struct thermo_region){
		.start = 0x1000000ull * (uint64_t)(i + 1),
		.end = 0x1000000ull * (uint64_t)(i + 1) + 0x100000,
		.target = 0,
		.accesses_per_s = 1000,
		.accesses_per_s_error = 100,
		.bytes_per_s = 64000,
		.read_share = 0.75f,
		.write_share = 0.25f,
		.op_known_share = 0.8f,
		.nr_events = 10,
		.exposure_s = 1,
		.nodes = { { 0, 3 << 20 }, { 2, 1 << 20 } },
	};
}

static int make(void **state)
{
	(void)state;
	machine = made_machine();
	for (int i = 0; i < 3; i++)
		make_target(&targets[i], i);
	for (int i = 0; i < 4; i++)
		set_region(i);
	snapshot = (struct thermo_snapshot){ .time_ns = 2000000000,
					     .window_ns = 1000000000,
					     .nr_targets = 3,
					     .nr_regions = 1,
					     .targets = targets,
					     .regions = regions };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	report_fini(&report);
	return 0;
}

static void add_up(enum report_by by)
{
	report_fini(&report);
	report_init(&report, by, &machine, 0);
	assert_int_equal(report_add(&report, &snapshot), 0);
	report_finish(&report);
}

static const struct report_row *row_of(uint64_t number)
{
	for (size_t i = 0; i < report.nr_rows; i++)
		if (report.rows[i]->number == number)
			return report.rows[i];
	fail_msg("no row %llu", (unsigned long long)number);
	return NULL;
}

static void cpu_gets_its_share_of_everything(void **state)
{
	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ 1, 0.5f, 0.1f };
	regions[0].cpus[1] = (struct thermo_share){ 2, 0.25f, 0 };
	add_up(REPORT_CPU);
	const struct report_rates *r = &row_of(1)->rates;

	assert_int_equal(report.nr_rows, 2);
	assert_int_equal(row_of(1)->node, 0);
	assert_near(r->accesses, 500, 0.001);
	assert_near(r->error, 50, 0.001);
	assert_near(r->excess, 100, 0.001);
	assert_near(r->reads, 300, 0.001);
	assert_near(r->writes, 100, 0.001);
	assert_near(r->bytes, 32000, 0.001);
	assert_near(r->local, 375, 0.001);
	assert_near(r->remote, 125, 0.001);
	assert_near(row_of(2)->rates.remote, 250, 0.001);
	assert_near(row_of(2)->rates.local, 0, 0);
	assert_near(report.other.rates.accesses, 250, 0.001);
	assert_near(report.total.accesses, 1000, 0.001);
}

static void nobody_told_means_other(void **state)
{
	(void)state;
	add_up(REPORT_CPU);
	assert_int_equal(report.nr_rows, 0);
	assert_near(report.other.rates.accesses, 1000, 0.001);
	assert_true(report.other.is_other);
}

static void unknown_direction_is_left_out_not_split(void **state)
{
	(void)state;
	regions[0].op_known_share = 0;
	add_up(REPORT_PROCESS);
	assert_near(row_of(100)->rates.accesses, 1000, 0.001);
	assert_near(row_of(100)->rates.reads, 0, 0);
	assert_near(row_of(100)->rates.writes, 0, 0);
}

static void cpu_of_unknown_node_is_neither_local_nor_remote(void **state)
{
	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ 77, 1, 0 };
	add_up(REPORT_CPU);
	assert_int_equal(row_of(77)->node, RECORD_NODE_UNKNOWN);
	assert_near(row_of(77)->rates.local, 0, 0);
	assert_near(row_of(77)->rates.remote, 0, 0);
}

static void unknown_residency_is_neither_local_nor_remote(void **state)
{
	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ 0, 1, 0 };
	memset(regions[0].nodes, 0, sizeof(regions[0].nodes));
	add_up(REPORT_CPU);
	assert_near(row_of(0)->rates.local, 0, 0);
	assert_near(row_of(0)->rates.remote, 0, 0);
}

static void accessor_nodes_come_from_cpus_when_they_are_not_told(void **state)
{
	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ 0, 0.25f, 0.01f };
	regions[0].cpus[1] = (struct thermo_share){ 1, 0.25f, 0.02f };
	regions[0].cpus[2] = (struct thermo_share){ 2, 0.125f, 0 };
	regions[0].cpus[3] = (struct thermo_share){ 77, 0.125f, 0 };
	add_up(REPORT_NODE);
	assert_near(row_of(0)->rates.accesses, 500, 0.001);
	assert_near(row_of(0)->rates.excess, 30, 0.001);
	assert_near(row_of(1)->rates.accesses, 125, 0.001);
	assert_near(report.other.rates.accesses, 375, 0.001);
	regions[0].accessor_nodes[0] = (struct thermo_share){ 1, 1, 0 };
	add_up(REPORT_NODE);
	assert_near(row_of(1)->rates.accesses, 1000, 0.001);
	assert_near(row_of(0)->rates.accesses, 0, 0);
}

static void node_without_cpus_serves(void **state)
{
	(void)state;
	regions[0].accessor_nodes[0] = (struct thermo_share){ 0, 1, 0 };
	add_up(REPORT_NODE);
	assert_near(row_of(2)->rates.accesses, 0, 0);
	assert_near(row_of(2)->rates.served, 250, 0.001);
	assert_int_equal(row_of(2)->nr_regions, 0);
	assert_near(row_of(0)->rates.served, 750, 0.001);
	assert_near(row_of(0)->rates.remote, 250, 0.001);
}

static void thread_has_a_place_only_if_one_node_accesses(void **state)
{
	(void)state;
	regions[0].tids[0] = (struct thermo_share){ 4711, 0.5f, 0 };
	regions[0].accessor_nodes[0] = (struct thermo_share){ 0, 0.6f, 0 };
	regions[0].accessor_nodes[1] = (struct thermo_share){ 1, 0.4f, 0 };
	add_up(REPORT_THREAD);
	assert_near(row_of(4711)->rates.accesses, 500, 0.001);
	assert_near(row_of(4711)->rates.local + row_of(4711)->rates.remote, 0, 0);
	assert_int_equal(row_of(4711)->pid, 100);
	assert_string_equal(row_of(4711)->name, "target-0");
	regions[0].accessor_nodes[0].share = 0.95f;
	regions[0].accessor_nodes[1].share = 0.05f;
	add_up(REPORT_THREAD);
	assert_near(row_of(4711)->rates.local, 375, 0.001);
}

static void kinds_of_access_add_up_to_all(void **state)
{
	(void)state;
	regions[0].accessor_nodes[0] = (struct thermo_share){ 0, 1, 0 };
	add_up(REPORT_OP);
	assert_near(row_of(THERMO_OP_READ)->rates.accesses, 600, 0.001);
	assert_near(row_of(THERMO_OP_READ)->rates.reads, 600, 0.001);
	assert_near(row_of(THERMO_OP_READ)->rates.writes, 0, 0);
	assert_near(row_of(THERMO_OP_WRITE)->rates.accesses, 200, 0.001);
	assert_near(row_of(THERMO_OP_WRITE)->rates.local, 150, 0.001);
	assert_near(row_of(THERMO_OP_UNKNOWN)->rates.accesses, 200, 0.001);
	assert_near(row_of(THERMO_OP_UNKNOWN)->rates.reads, 0, 0);
}

static void pid_that_was_used_again_is_another_process(void **state)
{
	(void)state;
	targets[1].pid = targets[0].pid;
	targets[1].start_ticks = targets[0].start_ticks + 1;
	regions[1].target = 1;
	snapshot.nr_regions = 2;
	add_up(REPORT_PROCESS);
	assert_int_equal(report.nr_rows, 2);
	targets[1].start_ticks--;
	add_up(REPORT_PROCESS);
	assert_int_equal(report.nr_rows, 1);
}

static void process_is_called_what_it_was_called_last(void **state)
{
	static const enum report_by ways[] = { REPORT_PROCESS, REPORT_THREAD };

	(void)state;
	regions[0].tids[0] = (struct thermo_share){ 100, 1, 0 };
	for (size_t i = 0; i < 2; i++) {
		make_target(&targets[0], 0);
		add_up(ways[i]);
		assert_int_equal(report.nr_rows, 1);
		assert_string_equal(report.rows[0]->name, "target-0");
		(void)snprintf(targets[0].name, sizeof(targets[0].name), "after exec");
		assert_int_equal(report_add(&report, &snapshot), 0);
		assert_int_equal(report.nr_rows, 1);
		assert_string_equal(report.rows[0]->name, "after exec");
	}
}

static void processes_of_a_cgroup_are_one_row(void **state)
{
	(void)state;
	memcpy(targets[1].cgroup, targets[0].cgroup, sizeof(targets[1].cgroup));
	targets[2].cgroup[0] = '\0';
	for (uint32_t i = 0; i < 3; i++)
		regions[i].target = i;
	snapshot.nr_regions = 3;
	add_up(REPORT_CGROUP);
	assert_int_equal(report.nr_rows, 1);
	assert_string_equal(report.rows[0]->cgroup, "/system.slice/service-0.service");
	assert_near(report.rows[0]->rates.accesses, 2000, 0.001);
	assert_int_equal(report.rows[0]->nr_regions, 2);
	/* Nobody said in which cgroup it is. */
	assert_near(report.other.rates.accesses, 1000, 0.001);
}

static void errors_of_regions_add_in_quadrature(void **state)
{
	(void)state;
	regions[0].accesses_per_s_error = 3;
	regions[1].accesses_per_s_error = 4;
	snapshot.nr_regions = 2;
	add_up(REPORT_PROCESS);
	assert_near(row_of(100)->rates.error, 5, 0.001);
	assert_near(report.total.error, 5, 0.001);
}

static void longer_windows_weigh_more(void **state)
{
	(void)state;
	report_init(&report, REPORT_PROCESS, &machine, 0);
	assert_int_equal(report_add(&report, &snapshot), 0);
	regions[0].accesses_per_s = 5000;
	regions[0].accesses_per_s_error = 500;
	snapshot.window_ns = 3000000000;
	assert_int_equal(report_add(&report, &snapshot), 0);
	report_finish(&report);
	assert_near(row_of(100)->rates.accesses, 4000, 0.001);
	/* Not divided by the number of windows: they share their evidence. */
	assert_near(row_of(100)->rates.error, 400, 0.001);
	assert_near(report.total.accesses, 4000, 0.001);
	assert_near(report.seconds, 4, 0.001);
}

static void who_comes_late_has_a_mean_over_all_the_time(void **state)
{
	(void)state;
	report_init(&report, REPORT_PROCESS, &machine, 0);
	snapshot.nr_regions = 0;
	assert_int_equal(report_add(&report, &snapshot), 0);
	snapshot.nr_regions = 1;
	assert_int_equal(report_add(&report, &snapshot), 0);
	report_finish(&report);
	assert_near(row_of(100)->rates.accesses, 500, 0.001);
}

static void never_observed_regions_count_nowhere(void **state)
{
	(void)state;
	regions[1].nr_events = 0;
	regions[1].exposure_s = 0;
	regions[1].accesses_per_s = 1e9;
	snapshot.nr_regions = 2;
	for (int by = 0; by < REPORT_NR_BY; by++) {
		add_up((enum report_by)by);
		assert_near(report.total.accesses, 1000, 0.001);
	}
}

static void only_the_wanted_process_counts(void **state)
{
	(void)state;
	regions[1].target = 1;
	snapshot.nr_regions = 2;
	report_init(&report, REPORT_PROCESS, &machine, 101);
	assert_int_equal(report_add(&report, &snapshot), 0);
	report_finish(&report);
	assert_int_equal(report.nr_rows, 1);
	assert_near(row_of(101)->rates.accesses, 1000, 0.001);
	assert_near(report.total.accesses, 1000, 0.001);
}

static void heaviest_regions_are_told_in_order(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		regions[i].cpus[0] = (struct thermo_share){ 0, 0.5f, 0 };
		regions[i].accesses_per_s = 100 * (i == 1 ? 7 : i + 1);
	}
	regions[3].cpus[0].share = 0;
	snapshot.nr_regions = 4;
	add_up(REPORT_CPU);
	assert_int_equal(report_add_details(&report, &snapshot, 1, 2), 0);
	const struct report_row *row = row_of(0);

	assert_int_equal(row->nr_details, 2);
	assert_ptr_equal(row->details[0].region, &regions[1]);
	assert_ptr_equal(row->details[1].region, &regions[2]);
	assert_near(row->details[0].rates.accesses, 350, 0.001);
	/* All of region 3, half of the others. */
	assert_ptr_equal(report.other.details[0].region, &regions[3]);
}

static void fewer_regions_than_asked_for_leave_no_empty_ones(void **state)
{
	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ 0, 1, 0 };
	add_up(REPORT_CPU);
	assert_int_equal(report_add_details(&report, &snapshot, 5, REPORT_MAX_DETAILS), 0);
	assert_int_equal(row_of(0)->nr_details, 1);
	assert_int_equal(report.other.nr_details, 0);
}

static void too_many_rows_end_in_other(void **state)
{
	const uint32_t nr = REPORT_MAX_ROWS / THERMO_TOP_TIDS + 5;
	struct thermo_region *many = calloc(nr, sizeof(*many));

	(void)state;
	for (uint32_t i = 0; i < nr; i++) {
		many[i] = regions[0];
		for (uint32_t t = 0; t < THERMO_TOP_TIDS; t++)
			many[i].tids[t] = (struct thermo_share){ i * THERMO_TOP_TIDS + t + 1,
								 0.125f, 0 };
	}
	snapshot.regions = many;
	snapshot.nr_regions = nr;
	add_up(REPORT_THREAD);
	assert_int_equal(report.nr_rows, REPORT_MAX_ROWS);
	assert_true(report.out_of_rows);
	assert_near(report.other.rates.accesses, 5 * 1000, 0.01);
	assert_int_equal(report_add_details(&report, &snapshot, 3, 1), 0);
	free(many);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(cpu_gets_its_share_of_everything),
		TEST(nobody_told_means_other),
		TEST(unknown_direction_is_left_out_not_split),
		TEST(cpu_of_unknown_node_is_neither_local_nor_remote),
		TEST(unknown_residency_is_neither_local_nor_remote),
		TEST(accessor_nodes_come_from_cpus_when_they_are_not_told),
		TEST(node_without_cpus_serves),
		TEST(thread_has_a_place_only_if_one_node_accesses),
		TEST(kinds_of_access_add_up_to_all),
		TEST(pid_that_was_used_again_is_another_process),
		TEST(process_is_called_what_it_was_called_last),
		TEST(processes_of_a_cgroup_are_one_row),
		TEST(errors_of_regions_add_in_quadrature),
		TEST(longer_windows_weigh_more),
		TEST(who_comes_late_has_a_mean_over_all_the_time),
		TEST(never_observed_regions_count_nowhere),
		TEST(only_the_wanted_process_counts),
		TEST(heaviest_regions_are_told_in_order),
		TEST(fewer_regions_than_asked_for_leave_no_empty_ones),
		TEST(too_many_rows_end_in_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
