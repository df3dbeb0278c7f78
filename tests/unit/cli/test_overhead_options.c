/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_options.c - what is asked for, and what follows from the machine. */
#include "tests/unit/test.h"

#include <errno.h>
#include <getopt.h>

#include "bench/workload/options.h"
#include "cli/overhead_options.h"
#include "core/error.h"
#include "tests/unit/fake_host.h"

#define GIB (1ull << 30)

static struct overhead_request request;

static int parse(const char *text)
{
	static char line[256];
	char *argv[32] = { (char *)"overhead" }, *save = NULL;
	int argc = 1;

	(void)snprintf(line, sizeof(line), "%s", text);
	for (char *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	optind = 0;
	return overhead_options_parse(&request, argc, argv);
}

static void defaults_measure_everything(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(request.nr_names, 0);
	assert_int_equal(request.nr_kinds, OVERHEAD_NR_KINDS);
	assert_int_equal(request.rates.nr, 3);
	assert_int_equal(request.periods.nr, 4);
	assert_int_equal(request.clock, OVERHEAD_WALL);
	assert_true(request.budget_pct == 1);
	assert_false(request.json);
	assert_null(request.svg);
}

static void all_options_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("-s damon,reports,damon -w stream,chase --rates 7,7,1000 "
			       "--periods 1,1000000000 --threads 3 --memory 96M --seconds 0.25 "
			       "--warmup 0 --rounds 2 --clock cpu --window --budget 2.5 -f json "
			       "--svg x.svg --pause-damon-stat"),
			 0);
	assert_int_equal(request.nr_names, 2);
	assert_string_equal(request.names[1], "reports");
	assert_int_equal(request.nr_kinds, 2);
	assert_int_equal(request.kinds[0], OVERHEAD_STREAM);
	assert_int_equal(request.rates.nr, 2);
	assert_int_equal(request.rates.values[1], 1000);
	assert_int_equal(request.periods.values[1], 1000000000);
	assert_int_equal(request.nr_threads, 3);
	assert_int_equal(request.bytes, 96 << 20);
	assert_int_equal(request.run_ns, 250000000);
	assert_int_equal(request.warmup_ns, 0);
	assert_int_equal(request.nr_rounds, 2);
	assert_int_equal(request.clock, OVERHEAD_CPU);
	assert_true(request.window && request.json && request.pause_damon_stat);
	assert_true(request.budget_pct == 2.5);
	assert_string_equal(request.svg, "x.svg");
}

static void wrong_values_are_refused(void **state)
{
	static const char *const wrong[] = {
		"-s nobody",       "-s ,",
		"-w triad",        "--rates 0",
		"--rates 1001",    "--rates ,",
		"--rates 1,x",     "--periods 0",
		"--periods -1",    "--threads 0",
		"--threads 1025",  "--memory 0",
		"--memory much",   "--seconds 0",
		"--seconds 0.001", "--seconds 4000",
		"--warmup -1",     "--rounds 1",
		"--rounds 1001",   "--budget 0",
		"--budget 1001",   "--clock solar",
		"-f csv",          "extra",
		"--nothing",       "--rates 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (parse(wrong[i]) != -EINVAL)
			fail_msg("'%s' was taken", wrong[i]);
}

static void memory_is_four_times_the_caches(void **state)
{
	const struct overhead_machine m = { .cache_bytes = GIB, .available_bytes = 32 * GIB };
	struct overhead_load_opts load;

	(void)state;
	assert_int_equal(parse("--threads 4"), 0);
	assert_int_equal(overhead_choose_load(&request, &m, &load), 0);
	assert_int_equal(load.bytes, 4 * GIB);
	assert_int_equal(load.nr_threads, 4);
	assert_int_equal(load.window_addr, 0);
}

static void small_caches_still_get_64_mib_a_thread(void **state)
{
	const struct overhead_machine m = { .available_bytes = 32 * GIB };
	struct overhead_load_opts load;

	(void)state;
	assert_int_equal(parse("--threads 4 --window"), 0);
	assert_int_equal(overhead_choose_load(&request, &m, &load), 0);
	assert_int_equal(load.bytes, 256 << 20);
	assert_true(load.window_addr == WORKLOAD_WINDOW_ADDR);
}

static void no_more_than_half_of_what_is_free_is_taken(void **state)
{
	const struct overhead_machine m = { .cache_bytes = GIB, .available_bytes = 1 << 20 };
	struct overhead_load_opts load;

	(void)state;
	assert_int_equal(parse("--threads 3"), 0);
	assert_int_equal(overhead_choose_load(&request, &m, &load), 0);
	/* Whole pages for each thread. */
	assert_int_equal(load.bytes, (1 << 19) / (3 * 4096) * 3 * 4096);
}

static void memory_that_is_not_there_is_refused(void **state)
{
	const struct overhead_machine m = { .available_bytes = 1 << 20 };
	struct overhead_load_opts load;

	(void)state;
	assert_int_equal(parse("--memory 2M"), 0);
	assert_int_equal(overhead_choose_load(&request, &m, &load), -ENOMEM);
	assert_reason("2 MiB of memory for the workload, 1 are free");
	assert_int_equal(parse("--memory 4095 --threads 1"), 0);
	assert_int_equal(overhead_choose_load(&request, &m, &load), -EINVAL);
}

/* --- subjects --- */

static struct fake_host fake;
static unsigned int nr_told;

static int make(void **state)
{
	(void)state;
	nr_told = 0;
	fake_host_init(&fake);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static void told(const char *name, const char *reason)
{
	assert_non_null(thermo_source_find(name));
	assert_true(reason[0] != '\0');
	nr_told++;
}

/* An empty machine has no source at all, but programs can report. */
static void reports_are_there_on_every_machine(void **state)
{
	struct overhead_opts o = { .host = &fake.host };

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(overhead_choose_subjects(&request, &o, told), 0);
	assert_true(nr_told > 0);
	assert_int_equal(o.nr_subjects, 5);
	assert_int_equal(o.subjects[0].way, OVERHEAD_CONTROL);
	assert_int_equal(o.subjects[4].way, OVERHEAD_REPORTS);
	assert_int_equal(o.subjects[4].setting, 100000);
}

static void named_source_that_does_not_run_is_an_error(void **state)
{
	struct overhead_opts o = { .host = &fake.host };

	(void)state;
	assert_int_equal(parse("-s hintfault"), 0);
	assert_int_equal(overhead_choose_subjects(&request, &o, told), -ENODEV);
	assert_reason("hintfault: ");
	assert_int_equal(nr_told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_measure_everything),
		cmocka_unit_test(all_options_are_taken),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(memory_is_four_times_the_caches),
		cmocka_unit_test(small_caches_still_get_64_mib_a_thread),
		cmocka_unit_test(no_more_than_half_of_what_is_free_is_taken),
		cmocka_unit_test(memory_that_is_not_there_is_refused),
		cmocka_unit_test_setup_teardown(reports_are_there_on_every_machine, make, drop),
		cmocka_unit_test_setup_teardown(named_source_that_does_not_run_is_an_error, make,
						drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
