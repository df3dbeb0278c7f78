/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_snapshots.c - what observers say, in both forms, and what is neither. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/lab/accuracy/snapshots.h"

static int parse(struct snapshots *s, const char *text)
{
	*s = (struct snapshots){ 0 };
	return snapshots_parse(s, text);
}

static void json_snapshots_are_read_one_after_the_other(void **state)
{
	struct snapshots s;

	(void)state;
	assert_int_equal(parse(&s, "{\"uptime_s\": 1.5, \"snapshot\": {\"regions\": ["
				   "{\"start\":4096,\"end\":12288,\"accesses_per_s\":16384.0,"
				   "\"read_share\":0.25,\"write_share\":0.75,"
				   "\"cpus\":[{\"cpu\":3,\"share\":0.5}],"
				   "\"threads\":[{\"tid\":77,\"share\":1}]},"
				   "{\"start\":17592186044416,\"end\":17592186048512,"
				   "\"accesses_per_s\":0}]}}\n"
				   "{\"uptime_s\": 2, \"snapshot\": null}\n"
				   "{\"uptime_s\": 3, \"snapshot\":\n{\"regions\": []}\n}\n"),
			 0);
	assert_int_equal(s.nr, 2);
	assert_true(s.list[0].time_s == 1.5 && s.list[1].time_s == 3);
	assert_int_equal(s.list[0].nr_regions, 2);
	assert_int_equal(s.list[1].nr_regions, 0);
	assert_true(s.regions[0].heat == 2 && s.regions[0].accesses == 16384);
	assert_true(s.regions[0].reads == 4096 && s.regions[0].writes == 12288);
	assert_true(s.regions[0].cpus[0].key == 3 && s.regions[0].cpus[0].share == 0.5);
	assert_true(s.regions[0].threads[0].key == 77);
	assert_true(s.regions[1].start == 1ULL << 44 && s.regions[1].heat == 0);
	snapshots_fini(&s);
}

/* Its rate is the mean of its process; one that does not say so was observed. */
static void region_without_an_event_is_assumed(void **state)
{
	struct snapshots s;

	(void)state;
	assert_int_equal(parse(&s,
			       "{\"uptime_s\": 1, \"snapshot\": {\"regions\": ["
			       "{\"start\":0,\"end\":4096,\"accesses_per_s\":9,\"events\":0.000},"
			       "{\"start\":4096,\"end\":8192,\"accesses_per_s\":9,\"events\":0.5},"
			       "{\"start\":8192,\"end\":12288,\"accesses_per_s\":9}]}}\n"),
			 0);
	assert_true(s.regions[0].is_assumed);
	assert_false(s.regions[1].is_assumed);
	assert_false(s.regions[2].is_assumed);
	snapshots_fini(&s);
}

static void what_a_snapshot_says_of_its_time_is_believed(void **state)
{
	struct snapshots s;

	(void)state;
	assert_int_equal(parse(&s, "{\"uptime_s\":9,\"snapshot\":{\"time_ns\":7500000000,"
				   "\"regions\":[]}}"),
			 0);
	assert_true(s.list[0].time_s == 7.5);
	snapshots_fini(&s);
}

static void unknown_directions_are_neither_reads_nor_writes(void **state)
{
	struct snapshots s;

	(void)state;
	assert_int_equal(parse(&s, "{\"uptime_s\":1,\"snapshot\":{\"regions\":[{\"start\":0,"
				   "\"end\":100,\"accesses_per_s\":100,\"op_known_share\":0.5,"
				   "\"read_share\":0.8,\"write_share\":0.2}]}}"),
			 0);
	assert_near(s.regions[0].reads, 40, 1e-6);
	assert_near(s.regions[0].writes, 10, 1e-6);
	snapshots_fini(&s);
}

#define EVENT(time, regions)                                                                       \
	" kdamond.0-184     [001] ..... " time                                                     \
	": damos_before_apply: ctx_idx=0 scheme_idx=0 target_idx=0 nr_regions=2 " regions "\n"

static void trace_is_cut_where_addresses_begin_anew(void **state)
{
	struct snapshots s;

	(void)state;
	assert_int_equal(
			parse(&s,
			      "# tracer: nop\n#\n" EVENT("12.500000", "4096-8192: 20 7") EVENT(
					      "12.500001",
					      "8192-17592186048512: 0 3") " kdamond.0-184 [001] "
									  "..... 12.6: "
									  "damon_monitor_intervals_"
									  "tune: "
									  "sample_us=10000\n" EVENT(
											  "13."
											  "500000",
											  "4096-"
											  "16384: "
											  "3 1")),
			0);
	assert_int_equal(s.nr, 2);
	assert_int_equal(s.list[0].nr_regions, 2);
	assert_int_equal(s.list[1].nr_regions, 1);
	assert_true(s.list[0].time_s == 12.5 && s.list[1].time_s == 13.5);
	assert_true(s.regions[0].heat == 20 && s.regions[0].end == 8192);
	assert_true(s.regions[1].end == 17592186048512);
	assert_true(s.regions[2].start == 4096 && s.regions[2].heat == 3);
	snapshots_fini(&s);
}

static void what_is_neither_form_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"hello",
		"{",
		"{}",
		"[1]",
		"{\"uptime_s\":1}",
		"{\"uptime_s\":\"1\",\"snapshot\":null}",
		"{\"uptime_s\":1,\"snapshot\":7}",
		"{\"uptime_s\":1,\"snapshot\":{\"regions\":{}}}",
		"{\"uptime_s\":1,\"snapshot\":{\"regions\":[7]}}",
		"{\"uptime_s\":1,\"snapshot\":{\"regions\":[{\"start\":1,\"end\":2}]}}",
		"{\"uptime_s\":1,\"snapshot\":{\"regions\":[{\"start\":2,\"end\":2,"
		"\"accesses_per_s\":1}]}}",
		"{\"uptime_s\":1,\"snapshot\":null} garbage",
		EVENT("1.0", "4096-8192"),
		EVENT("1.0", "8192-4096: 1 1"),
		EVENT("soon", "4096-8192: 1 1"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct snapshots s;

		if (parse(&s, wrong[i]) != -EBADMSG)
			fail_msg("accepted: %s", wrong[i]);
		snapshots_fini(&s);
	}
}

static void more_shares_than_there_is_room_for_are_left_out(void **state)
{
	char text[1024] = "{\"uptime_s\":1,\"snapshot\":{\"regions\":[{\"start\":0,\"end\":1,"
			  "\"accesses_per_s\":1,\"cpus\":[";
	struct snapshots s;

	(void)state;
	for (int i = 0; i < 2 * SNAPSHOT_KEYS; i++)
		strcat(text, i ? ",{\"cpu\":1,\"share\":0.1}" : "{\"cpu\":1,\"share\":0.1}");
	strcat(text, "]}]}}");
	assert_int_equal(parse(&s, text), 0);
	assert_true(s.regions[0].cpus[SNAPSHOT_KEYS - 1].share == 0.1);
	assert_true(s.regions[0].threads[0].share == 0);
	snapshots_fini(&s);
}

static void file_that_is_not_there_has_a_reason(void **state)
{
	struct snapshots s = { 0 };

	(void)state;
	assert_int_equal(snapshots_read(&s, "/nonexistent/trace"), -ENOENT);
	assert_reason("/nonexistent/trace");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_snapshots_are_read_one_after_the_other),
		cmocka_unit_test(region_without_an_event_is_assumed),
		cmocka_unit_test(what_a_snapshot_says_of_its_time_is_believed),
		cmocka_unit_test(unknown_directions_are_neither_reads_nor_writes),
		cmocka_unit_test(trace_is_cut_where_addresses_begin_anew),
		cmocka_unit_test(what_is_neither_form_is_refused),
		cmocka_unit_test(more_shares_than_there_is_room_for_are_left_out),
		cmocka_unit_test(file_that_is_not_there_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
