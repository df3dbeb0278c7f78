/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_report.c - `thermocline report` on files: what comes out, and with which status. */
#include "tests/unit/test.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>

#include "cli/cmd.h"
#include "cli/table.h"
#include "cli/units.h"
#include "tests/unit/core/make_snapshot.h"
#include "tests/unit/fake_host.h"

#define MAX_FIELDS 64

static struct fake_host fake;
static struct made_snapshot made;
static char path[FAKE_PATH_BYTES];
static char *output; /* of the last report */
static char *errors;

/* Half of all pages anonymous, all of them of a cgroup with an odd name. */
static void make_page_types(struct record_writer *w)
{
	static struct record_pages pages;

	memset(&pages, 0, sizeof(pages));
	pages.hot_rate = 12;
	pages.has_cgroups = 1;
	pages.types.nr_cgroups = 1;
	(void)snprintf(pages.types.cgroups[0].path, sizeof(pages.types.cgroups[0].path),
		       "/a,\"\x1b[2J");
	for (int g = 0; g < NR_PAGE_GROUPS - 1; g++) {
		pages.types.groups[g].nr_pages = 100;
		pages.types.groups[g].classes[PAGE_ANON] = (struct page_share){ 0.5f, 0.05f };
		pages.types.cgroups[0].groups[g] = (struct page_share){ 1, 0 };
	}
	assert_int_equal(record_write_pages(w, &pages), 0);
}

/* 400 KiB of a cgroup with an odd name were idle for a minute when they were looked at last. */
static void make_ages(struct record_writer *w)
{
	static const char text[] = "memcg 7 /a,\"\x1b[2J\n node 1\n 1 99000 100 0 \n"
				   " 2 65000 0 0 \n 3 5000 0 1 \n";
	static struct idle_ages ages;

	memset(&ages, 0, sizeof(ages));
	idle_ages_parse(&ages, text, sizeof(text) - 1);
	ages.time_ns = 1;
	assert_int_equal(record_write_idle(w, &ages), 0);
}

/* Snapshots 0 to @nr - 1. */
static void make_recording(uint64_t nr, uint32_t nr_regions, bool end)
{
	struct record_machine machine = made_machine();
	struct record_writer *w = NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(record_writer_new(&w, fd, &machine), 0);
	for (uint64_t i = 0; i < nr; i++) {
		make_snapshot(&made, i, nr_regions);
		(void)snprintf(made.targets[1].name, sizeof(made.targets[1].name), "a,\"\x1b[2J");
		assert_int_equal(record_write_snapshot(w, &made.s), 0);
	}
	make_page_types(w);
	make_ages(w);
	if (end)
		assert_int_equal(record_write_end(w, 1, 1, 0), 0);
	record_writer_free(w);
	(void)close(fd);
}

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	(void)snprintf(path, sizeof(path), "%s/data", fake.root);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(output);
	free(errors);
	output = errors = NULL;
	fake_host_fini(&fake);
	return 0;
}

static int redirect(int fd, FILE *stream, int *saved)
{
	int memory = memfd_create("output", MFD_CLOEXEC);

	(void)fflush(stream);
	*saved = dup(fd);
	(void)dup2(memory, fd);
	return memory;
}

static char *restore(int fd, FILE *stream, int saved, int memory)
{
	size_t bytes;

	(void)fflush(stream);
	(void)dup2(saved, fd);
	(void)close(saved);
	char *text = (char *)whole_file(memory, &bytes);

	text[bytes] = '\0';
	(void)close(memory);
	return text;
}

/* thermocline report @args..., which end with NULL, on the recording.  Return: its status. */
static int run_report(const char *first, ...)
{
	char *argv[24] = { (char *)"report", path };
	int argc = 2, saved_out, saved_err, status;
	va_list ap;

	va_start(ap, first);
	for (const char *arg = first; arg; arg = va_arg(ap, const char *))
		argv[argc++] = (char *)arg;
	va_end(ap);
	free(output);
	free(errors);
	int out = redirect(STDOUT_FILENO, stdout, &saved_out);
	int err = redirect(STDERR_FILENO, stderr, &saved_err);

	optind = 0;
	status = cmd_report(argc, argv);
	output = restore(STDOUT_FILENO, stdout, saved_out, out);
	errors = restore(STDERR_FILENO, stderr, saved_err, err);
	return status;
}

static size_t count_lines(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += *text == '\n';
	return nr;
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("expected '%s' in '%s'", part, text);
}

static const char *const all_bys[] = { "region",  "cpu",      "node", "thread", "op",
				       "process", "cgroup",   "wss",  "idle",   "temperature",
				       "recency", "pagetype", "ages" };
#define NR_BYS (sizeof(all_bys) / sizeof(all_bys[0]))

/* --- CSV --- */

/* Fields of one line, quotes minded. */
static size_t count_fields(const char *line)
{
	size_t nr = 1;
	bool quoted = false;

	for (; *line && *line != '\n'; line++) {
		quoted ^= *line == '"';
		nr += *line == ',' && !quoted;
	}
	return nr;
}

static void largest_level_and_source_have_names(void **state)
{
	(void)state;
	make_recording(1, 1, true);
	assert_int_equal(run_report("-f", "csv", NULL), EXIT_OK);
	/* made with shares that rise: the last level, and the source with the last place */
	assert_says(output, ",uncached,0.55");
	assert_says(output, ",source-1,0.8");
}

static void every_csv_line_has_the_fields_of_its_header(void **state)
{
	(void)state;
	make_recording(2, 9, true);
	for (size_t i = 0; i < NR_BYS; i++) {
		assert_int_equal(run_report("--by", all_bys[i], "-f", "csv", "--top-regions", "2",
					    NULL),
				 EXIT_OK);
		size_t nr = count_fields(output);

		assert_true(nr >= 4 && count_lines(output) > 1);
		for (const char *l = output; *l; l = strchr(l, '\n') + 1)
			assert_int_equal(count_fields(l), nr);
	}
}

static void csv_of_regions_begins_with_the_columns_that_were_promised(void **state)
{
	(void)state;
	make_recording(3, 9, true);
	assert_int_equal(run_report("-f", "csv", NULL), EXIT_OK);
	assert_ptr_equal(strstr(output,
				"time_ns,pid,start,end,accesses_per_s,reads_per_s,writes_per_s,"
				"age_ns,node,"),
			 output);
	/* All snapshots: 9 regions, 3 times. */
	assert_int_equal(count_lines(output), 1 + 27);
	assert_says(output, "\n1000000000,100,139637976727552,139637978824704,1000.25,");
	assert_int_equal(run_report("-f", "csv", "--last", NULL), EXIT_OK);
	assert_int_equal(count_lines(output), 1 + 9);
	assert_says(output, "\n3000000000,");
}

static void unknown_is_an_empty_field_and_no_number(void **state)
{
	struct table_row row = { 0 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	row_u64_if(&row, false, "a", 7);
	row_i64_if(&row, true, "b", -1);
	row_double_if(&row, false, "c", 7);
	row_double(&row, "d", 0);
	row_text(&row, "e", "say \"hi\", \x1b[2J");
	csv_print_header(out, &row);
	csv_print(out, &row);
	(void)fclose(out);
	assert_string_equal(text, "a,b,c,d,e\n,-1,,0,\"say \"\"hi\"\", ?[2J\"\n");
	free(text);
	struct json_object *o = row_json(&row);

	assert_int_equal(json_object_object_length(o), 3);
	json_object_put(o);
}

/* --- JSON --- */

static void json_is_json_and_has_all_rows(void **state)
{
	(void)state;
	make_recording(2, 9, true);
	for (size_t i = 0; i < NR_BYS; i++) {
		assert_int_equal(run_report("--by", all_bys[i], "-f", "json", NULL), EXIT_OK);
		struct json_object *root = json_tokener_parse(output), *rows, *value;

		assert_true(json_object_object_get_ex(root, "rows", &rows));
		assert_true(json_object_array_length(rows) > 0);
		assert_true(json_object_object_get_ex(root, "complete", &value));
		assert_true(json_object_get_boolean(value));
		assert_true(json_object_object_get_ex(root, "snapshots", &value));
		assert_int_equal(json_object_get_int(value), 2);
		json_object_put(root);
	}
}

/* --- text --- */

static void text_shows_the_newest_regions_or_the_mean(void **state)
{
	(void)state;
	make_recording(3, 9, true);
	assert_int_equal(run_report("--by", "region", NULL), EXIT_OK);
	assert_says(output, "host.example, Linux 6.12.0-test");
	assert_says(output, "the newest of 3 snapshots");
	assert_int_equal(run_report("--by", "cpu", NULL), EXIT_OK);
	assert_says(output, "mean of 3 snapshots over 3.0 s");
	assert_says(output, "other");
}

static void no_byte_of_a_name_reaches_a_terminal(void **state)
{
	(void)state;
	make_recording(1, 9, true);
	for (size_t i = 0; i < NR_BYS; i++)
		for (int f = 0; f < 3; f++) {
			assert_int_equal(run_report("--by", all_bys[i], "--format",
						    f == 0   ? "text"
						    : f == 1 ? "csv"
							     : "json",
						    NULL),
					 EXIT_OK);
			assert_null(strchr(output, '\x1b'));
		}
}

static void views_say_what_is_known(void **state)
{
	(void)state;
	make_recording(3, 9, true);
	assert_int_equal(run_report("--by", "wss", NULL), EXIT_OK);
	assert_says(output, "ACCESSED WITHIN");
	assert_int_equal(run_report("--by", "wss", "-f", "csv", "--last", NULL), EXIT_OK);
	assert_says(output, "\n1000000000,1,");
	assert_int_equal(run_report("--by", "idle", NULL), EXIT_OK);
	assert_says(output, "IDLE FOR");
	assert_int_equal(run_report("--by", "recency", NULL), EXIT_OK);
	assert_says(output, "never accessed");
	assert_int_equal(run_report("--by", "pagetype", NULL), EXIT_OK);
	assert_says(output, "50.0% +-5.0");
	/* Of what was not looked at nothing is known. */
	assert_int_equal(run_report("--by", "pagetype", "-f", "csv", NULL), EXIT_OK);
	assert_says(output, "unobserved,kind,anon,,,");
	assert_int_equal(run_report("--by", "pagetype", "--pid", "100", NULL), EXIT_FAILED);
	assert_says(errors, "--pid cannot");
	assert_int_equal(run_report("--by", "ages", NULL), EXIT_OK);
	assert_says(output, "\n /a,\"?[2J ");
	assert_says(output, " 400K ");
	assert_int_equal(run_report("--by", "ages", "-f", "csv", NULL), EXIT_OK);
	/* time, what, node, cgroup, memcg, looked; anon by bucket, then files */
	assert_says(output, "\n1,node,1,,,5000000000,0,0,0,0,409600,0,0,4096,0,");
	assert_int_equal(run_report("--by", "ages", "--pid", "100", NULL), EXIT_FAILED);
	assert_says(errors, "--pid cannot");
}

static void view_of_nobody_is_of_nothing(void **state)
{
	(void)state;
	make_recording(1, 9, true);
	assert_int_equal(run_report("--by", "wss", "--pid", "4711", "-f", "csv", NULL), EXIT_OK);
	assert_says(output, "\n1000000000,1,0,0,0,0,0,0,0,0\n");
	assert_int_equal(run_report("--by", "idle", "--pid", "4711", "-f", "csv", NULL), EXIT_OK);
	assert_says(output, ",50,,0\n");
}

static void limit_and_share_choose_rows(void **state)
{
	(void)state;
	make_recording(1, 9, true);
	assert_int_equal(run_report("-f", "csv", "--limit", "4", NULL), EXIT_OK);
	assert_int_equal(count_lines(output), 1 + 4);
	/* 9 of 1 + 2 + ... + 9. */
	assert_int_equal(run_report("-f", "csv", "--min-share", "19.9", NULL), EXIT_OK);
	assert_int_equal(count_lines(output), 1 + 1);
	assert_int_equal(run_report("--limit", "4", NULL), EXIT_OK);
	assert_says(output, "5 more");
}

static void pid_and_time_choose_snapshots(void **state)
{
	(void)state;
	make_recording(3, 9, true);
	assert_int_equal(run_report("-f", "csv", "--pid", "102", NULL), EXIT_OK);
	assert_int_equal(count_lines(output), 1 + 9);
	/* Snapshots end 0.1, 1.1 and 2.1 s after the start. */
	assert_int_equal(run_report("-f", "csv", "--from", "0.5", "--to", "2", NULL), EXIT_OK);
	assert_int_equal(count_lines(output), 1 + 9);
	assert_says(output, "\n2000000000,");
	assert_int_equal(run_report("--from", "10", NULL), EXIT_FAILED);
	assert_says(errors, "none of the 3 snapshots");
}

static void keys_sort_upwards_and_rates_downwards(void **state)
{
	const char *first, *second;

	(void)state;
	make_recording(1, 9, true);
	assert_int_equal(run_report("--by", "process", "-f", "csv", "--sort", "key", NULL),
			 EXIT_OK);
	first = strstr(output, "\n100,");
	second = strstr(output, "\n102,");
	assert_true(first && second && first < second);
	assert_int_equal(run_report("--by", "process", "-f", "csv", NULL), EXIT_OK);
	first = strstr(output, "\n100,");
	second = strstr(output, "\n102,");
	assert_true(first && second && first > second);
}

/* --- what is broken, and what is wrong --- */

static void killed_recording_is_a_note(void **state)
{
	(void)state;
	make_recording(2, 9, false);
	assert_int_equal(run_report("--by", "cpu", NULL), EXIT_OK);
	assert_says(errors, "no end");
	assert_says(output, "mean of 2 snapshots");
}

static void torn_recording_fails_after_what_can_be_read(void **state)
{
	struct stat st;

	(void)state;
	make_recording(2, 9, false);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size * 2 / 3), 0);
	assert_int_equal(run_report("--by", "cpu", NULL), EXIT_FAILED);
	assert_says(output, "mean of 1 snapshot ");
	assert_says(errors, "block at byte");
	assert_int_equal(run_report("-f", "json", NULL), EXIT_FAILED);
	struct json_object *root = json_tokener_parse(output), *value;

	assert_true(json_object_object_get_ex(root, "complete", &value));
	assert_false(json_object_get_boolean(value));
	json_object_put(root);
}

static void empty_or_no_recording_is_told(void **state)
{
	(void)state;
	make_recording(0, 9, true);
	assert_int_equal(run_report(NULL, NULL), EXIT_FAILED);
	assert_says(errors, "no snapshot");
	fake_write(&fake, "data", "hello");
	assert_int_equal(run_report(NULL, NULL), EXIT_FAILED);
	assert_says(errors, "not a recording");
	fake_remove(&fake, "data");
	assert_int_equal(run_report(NULL, NULL), EXIT_FAILED);
	assert_says(errors, "make it with thermocline record");
}

static void wrong_options_are_usage_errors(void **state)
{
	static const char *const wrong[][2] = {
		{ "--by", "cpus" },       { "--format", "xml" },     { "--sort", "" },
		{ "--limit", "-1" },      { "--min-share", "101" },  { "--pid", "0" },
		{ "--from", "now" },      { "--top-regions", "33" }, { "--live", NULL },
		{ "another-file", NULL },
	};

	(void)state;
	make_recording(1, 9, true);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(run_report(wrong[i][0], wrong[i][1], NULL), EXIT_USAGE);
}

/* --- numbers for people --- */

static void units_have_three_digits(void **state)
{
	(void)state;
	assert_string_equal(unit_count(0), "0");
	assert_string_equal(unit_count(7.777), "7.78");
	assert_string_equal(unit_count(999.4), "999");
	assert_string_equal(unit_count(999.6), "1.00k");
	assert_string_equal(unit_count(1234567), "1.23M");
	assert_string_equal(unit_bytes(1023), "1.00K");
	assert_string_equal(unit_bytes(512.0 * (1 << 20)), "512M");
	assert_string_equal(unit_bytes(1.5 * (1 << 30)), "1.50G");
	assert_string_equal(unit_ns(UINT64_MAX), "never");
	assert_string_equal(unit_ns(0), "0ns");
	assert_string_equal(unit_ns(1500000000), "1.5s");
	assert_string_equal(unit_ns(90ull * 60 * 1000000000), "90m");
	assert_string_equal(unit_percent(true, 1, 4), "25%");
	assert_string_equal(unit_percent(false, 1, 4), "-");
	assert_string_equal(unit_percent(true, 0, 0), "-");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(largest_level_and_source_have_names),
		TEST(every_csv_line_has_the_fields_of_its_header),
		TEST(csv_of_regions_begins_with_the_columns_that_were_promised),
		TEST(unknown_is_an_empty_field_and_no_number),
		TEST(json_is_json_and_has_all_rows),
		TEST(text_shows_the_newest_regions_or_the_mean),
		TEST(no_byte_of_a_name_reaches_a_terminal),
		TEST(views_say_what_is_known),
		TEST(view_of_nobody_is_of_nothing),
		TEST(limit_and_share_choose_rows),
		TEST(pid_and_time_choose_snapshots),
		TEST(keys_sort_upwards_and_rates_downwards),
		TEST(killed_recording_is_a_note),
		TEST(torn_recording_fails_after_what_can_be_read),
		TEST(empty_or_no_recording_is_told),
		TEST(wrong_options_are_usage_errors),
		TEST(units_have_three_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
