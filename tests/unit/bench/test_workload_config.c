/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_workload_config.c - what the workload's config parser takes, and what it says to the rest.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/workload/config.h"
#include "bench/workload/options.h"
#include "thermocline/error.h"

#define NS_PER_MS UINT64_C(1000000)
#define MASIM_SAMPLE                                                                               \
	"#regions\n# name, length, initial data file\n"                                            \
	"a, 256, none\nb, 64\nc,128, /data/c\n"                                                    \
	"\n# phase 1\n  1 GiB seq perf\n1000\n# access\na, 1, 64, 80, wo\n"                        \
	"\nthread pool\n2000\nc, 1, 64, 50, ro\nb, 0, 4096,50, rw\na, 0, 8, 0\n"

static struct workload_config config;

static int parse(const char *text)
{
	workload_config_fini(&config);
	return workload_config_parse(&config, "x.cfg", text, strlen(text), WORKLOAD_WRITE_ONLY);
}

/* Asserts that @text fails, and that the reason begins with its place and holds @why. */
static void expect_error(const char *text, const char *place, const char *why)
{
	const char *said;

	assert_int_equal(parse(text), -EINVAL);
	said = thermo_last_error();
	if (strncmp(said, place, strlen(place)) != 0 || !strstr(said, why))
		fail_msg("expected '%s ... %s ...', got '%s'", place, why, said);
}

/* One access line on line 5, of a region of 1 MiB. */
static void expect_line_error(const char *line, const char *why)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "r, 1M\n\np\n10\n%s\n", line);
	expect_error(text, "x.cfg:5: ", why);
}

static const struct workload_pattern *parse_line(const char *line)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "r, 1M\n\np\n10\n%s\n", line);
	if (parse(text))
		fail_msg("%s", thermo_last_error());
	return &config.threads[0].phases[0].patterns[0];
}

static int fini(void **state)
{
	(void)state;
	workload_config_fini(&config);
	return 0;
}

static void every_construct_of_masim_parses(void **state)
{
	const struct workload_phase *phases;

	(void)state;
	assert_int_equal(parse(MASIM_SAMPLE), 0);
	assert_int_equal(config.nr_regions, 3);
	assert_string_equal(config.regions[1].name, "b");
	assert_int_equal(config.regions[1].bytes, 64);
	assert_null(config.regions[0].data_path);
	assert_string_equal(config.regions[2].data_path, "/data/c");
	assert_int_equal(config.nr_threads, 1);
	assert_false(config.threads[0].pinned);
	assert_int_equal(config.threads[0].nr_phases, 2);
	phases = config.threads[0].phases;
	assert_string_equal(phases[0].name, "1 GiB seq perf");
	assert_int_equal(phases[0].time_ns, 1000 * NS_PER_MS);
	assert_int_equal(phases[0].patterns[0].kind, WORKLOAD_UNIFORM);
	assert_int_equal(phases[0].patterns[0].weight, 80);
	assert_int_equal(phases[1].nr_patterns, 3);
	assert_int_equal(phases[1].total_weight, 100);
	assert_int_equal(phases[1].patterns[0].region, 2);
	assert_int_equal(phases[1].patterns[0].mode, WORKLOAD_READ_ONLY);
	assert_int_equal(phases[1].patterns[1].mode, WORKLOAD_READ_THEN_WRITE);
	assert_int_equal(phases[1].patterns[1].kind, WORKLOAD_SEQUENTIAL);
	assert_int_equal(phases[1].patterns[1].stride_bytes, 4096);
	assert_int_equal(phases[1].patterns[2].mode, WORKLOAD_WRITE_ONLY);
}

static void phase_called_thread_stays_a_phase(void **state)
{
	(void)state;
	assert_int_equal(parse(MASIM_SAMPLE), 0);
	assert_string_equal(config.threads[0].phases[1].name, "thread pool");
}

static void default_mode_is_the_callers(void **state)
{
	const char *text = "r, 64\n\np\n10\nr, 1, 0, 1\n";

	(void)state;
	workload_config_fini(&config);
	assert_int_equal(
			workload_config_parse(&config, "x", text, strlen(text), WORKLOAD_READ_ONLY),
			0);
	assert_int_equal(config.threads[0].phases[0].patterns[0].mode, WORKLOAD_READ_ONLY);
}

static void last_newline_may_be_missing(void **state)
{
	(void)state;
	assert_int_equal(parse("r, 64\n\np\n10\nr, 1, 0, 1, ro"), 0);
	assert_int_equal(config.threads[0].phases[0].patterns[0].mode, WORKLOAD_READ_ONLY);
}

static void dos_line_ends_and_several_empty_lines_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("\r\n# x\r\nr, 64\r\n\r\n \r\n\r\np\r\n10\r\nr, 1, 0, 1\r\n\r\n"),
			 0);
	assert_string_equal(config.threads[0].phases[0].name, "p");
}

static void sizes_take_suffixes(void **state)
{
	(void)state;
	assert_int_equal(parse("a, 64K\nb, 96M\nc, 2g\nd, 1T\n\np\n10\na, 1, 0, 1\n"), 0);
	assert_int_equal(config.regions[0].bytes, 64 << 10);
	assert_int_equal(config.regions[1].bytes, 96 << 20);
	assert_true(config.regions[2].bytes == UINT64_C(2) << 30);
	assert_true(config.regions[3].bytes == UINT64_C(1) << 40);
}

static void mix_zipf_and_hot_set_parse(void **state)
{
	const struct workload_pattern *p = parse_line("r, 1, 0, 7, rw=70");

	(void)state;
	assert_int_equal(p->mode, WORKLOAD_MIXED);
	assert_int_equal(p->read_bp, 7000);

	p = parse_line("r, 1, 0, 1, ro, zipf=0.99, order=contiguous");
	assert_int_equal(p->kind, WORKLOAD_ZIPF);
	assert_true(p->zipf > 0.98999 && p->zipf < 0.99001);
	assert_true(p->contiguous);

	p = parse_line("r, 1, 0, 1, hot=64K@512K, share=99.5, move=4K/250, rw=0");
	assert_int_equal(p->kind, WORKLOAD_HOT);
	assert_int_equal(p->hot_bytes, 64 << 10);
	assert_int_equal(p->hot_offset_bytes, 512 << 10);
	assert_int_equal(p->hot_share_bp, 9950);
	assert_int_equal(p->move_bytes, 4096);
	assert_int_equal(p->move_ns, 250 * NS_PER_MS);
	assert_int_equal(parse_line("r, 1, 0, 1, hot=4K@0")->hot_share_bp, 9000);
	assert_false(parse_line("r, 1, 0, 1, zipf=1")->contiguous);
}

static void threads_have_cpus_and_phases_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(parse("r, 64\n\nthread A cpu=1\n\np\n10\nr, 1, 0, 1\n\nq\n20\nr, 0, 8, "
			       "1\n\n"
			       "thread B cpus=0-2,5\n\np\n10\nr, 1, 0, 1\n\nthread C\n\np\n1\n"
			       "r, 1, 0, 1\n"),
			 0);
	assert_int_equal(config.nr_threads, 3);
	assert_string_equal(config.threads[0].name, "A");
	assert_int_equal(config.threads[0].nr_phases, 2);
	assert_int_equal(config.threads[0].time_ns, 30 * NS_PER_MS);
	assert_true(CPU_ISSET(1, &config.threads[0].cpus));
	assert_int_equal(CPU_COUNT(&config.threads[0].cpus), 1);
	assert_int_equal(CPU_COUNT(&config.threads[1].cpus), 4);
	assert_true(CPU_ISSET(5, &config.threads[1].cpus));
	assert_true(config.threads[1].pinned);
	assert_false(config.threads[2].pinned);
}

static void bad_regions_are_named(void **state)
{
	(void)state;
	expect_error("", "x.cfg:1: ", "no regions");
	expect_error("a\n\np\n1\na, 1, 0, 1\n", "x.cfg:1: ", "1 fields");
	expect_error("a, 1, none, x\n", "x.cfg:1: ", "4 fields");
	expect_error(", 64\n", "x.cfg:1: ", "without a name");
	expect_error("# c\na, 64\na, 64\n", "x.cfg:3: ", "again");
	expect_error("a, 0\n", "x.cfg:1: ", "0 bytes");
	expect_error("a, 7\n", "x.cfg:1: ", "7 bytes");
	expect_error("a, -1\n", "x.cfg:1: ", "size '-1'");
	expect_error("a, 12X\n", "x.cfg:1: ", "size '12X'");
	expect_error("a, 12KB\n", "x.cfg:1: ", "size '12KB'");
	expect_error("a, 17T\n", "x.cfg:1: ", "more than 16T");
	expect_error("a, 18446744073709551617\n", "x.cfg:1: ", "more than 16T");
	expect_error("a, 18446744073709551615T\n", "x.cfg:1: ", "more than 16T");
	expect_error("a, 9T\nb, 9T\n", "x.cfg:2: ", "more than 16T");
	expect_error("a, 64\n", "x.cfg:1: ", "no phases");
}

static void bad_phases_are_named(void **state)
{
	(void)state;
	expect_error("r, 64\n\np\n", "x.cfg:3: ", "of 1 lines");
	expect_error("r, 64\n\np\n10\n", "x.cfg:3: ", "of 2 lines");
	expect_error("r, 64\n\np\nten\nr, 1, 0, 1\n", "x.cfg:4: ", "milliseconds");
	expect_error("r, 64\n\np\n-5\nr, 1, 0, 1\n", "x.cfg:4: ", "milliseconds");
	expect_error("r, 64\n\np\n99999999999\nr, 1, 0, 1\n", "x.cfg:4: ", "30 days");
	expect_error("r, 64\n\np\n10\nr, 1, 0, 0\nr, 0, 8, 0\n", "x.cfg:6: ", "all weights are 0");
	expect_error("r, 64\n\np\n0\nr, 1, 0, 1\n", "x.cfg:5: ", "no phase that takes time");
}

static void bad_thread_lines_are_named(void **state)
{
	(void)state;
	expect_error("r, 64\n\nthread\n\n", "x.cfg:3: ", "without a name");
	expect_error("r, 64\n\nthread A cpu=x\n\n", "x.cfg:3: ", "write cpu=N");
	expect_error("r, 64\n\nthread A cpu=1024\n\n", "x.cfg:3: ", "write cpu=N");
	expect_error("r, 64\n\nthread A cpus=3-1\n\n", "x.cfg:3: ", "write cpu=N");
	expect_error("r, 64\n\nthread A cpus=1,\n\n", "x.cfg:3: ", "write cpu=N");
	expect_error("r, 64\n\nthread A cpu=1 cpu=2\n\n", "x.cfg:3: ", "once");
	expect_error("r, 64\n\nthread A\np\n10\nr, 1, 0, 1\n", "x.cfg:4: ", "empty line");
	expect_error("r, 64\n\np\n10\nr, 1, 0, 1\n\nthread A\n", "x.cfg:7: ", "before the first");
	expect_error("r, 64\n\nthread A\n\nthread B\n\np\n10\nr, 1, 0, 1\n",
		     "x.cfg:9: ", "'A' has no phase");
}

static void bad_access_lines_are_named(void **state)
{
	(void)state;
	expect_line_error("r, 1, 0", "3 fields");
	expect_line_error("r,1,0,1,,,,,,,,,,,,", "more than 12 fields");
	expect_line_error("q, 1, 0, 1", "unknown region 'q'");
	expect_line_error("r, 2, 0, 1", "random '2'");
	expect_line_error("r, 0, -8, 1", "stride '-8'");
	expect_line_error("r, 0, 0, 1", "stride 0");
	expect_line_error("r, 1, 0, 9999999", "weight");
	expect_line_error("r, 1, 0, 1, wr", "no access mode");
	expect_line_error("r, 1, 0, 1, heat=3", "unknown key 'heat'");
	expect_line_error("r, 1, 0, 1, rw=101", "percentage");
	expect_line_error("r, 1, 0, 1, rw=", "percentage");
	expect_line_error("r, 1, 0, 1, rw=nan", "percentage");
	expect_line_error("r, 1, 0, 1, ro, rw=50", "keep one");
	expect_line_error("r, 1, 0, 1, ro, ro", "twice");
	expect_line_error("r, 1, 0, 1, zipf=1, zipf=1", "twice");
	expect_line_error("r, 1, 0, 1, zipf=0", "exponent");
	expect_line_error("r, 1, 0, 1, zipf=0.009", "exponent");
	expect_line_error("r, 1, 0, 1, zipf=4.1", "exponent");
	expect_line_error("r, 1, 0, 1, zipf=1e3", "exponent");
	expect_line_error("r, 0, 8, 1, zipf=1", "sequential");
	expect_line_error("r, 1, 0, 1, order=scattered", "without zipf");
	expect_line_error("r, 1, 0, 1, zipf=1, order=random", "order=");
	expect_line_error("r, 1, 0, 1, zipf=1, hot=4K@0", "two lines");
	expect_line_error("r, 1, 0, 1, hot=4K", "size and an offset");
	expect_line_error("r, 1, 0, 1, hot=0@0", "not empty");
	expect_line_error("r, 1, 0, 1, hot=1M@0", "smaller than the region");
	expect_line_error("r, 1, 0, 1, hot=512K@768K", "beyond the region");
	expect_line_error("r, 1, 0, 1, hot=4K@17T", "size and an offset");
	expect_line_error("r, 1, 0, 1, hot=4097@0", "multiples of 4096");
	expect_line_error("r, 1, 0, 1, share=50", "without hot");
	expect_line_error("r, 1, 0, 1, hot=4K@0, move=4K", "step and milliseconds");
	expect_line_error("r, 1, 0, 1, hot=4K@0, move=4K/0", "step and milliseconds");
	expect_line_error("r, 1, 0, 1, hot=4K@0, move=1M/10", "smaller step");
}

static void nul_and_control_bytes_are_refused(void **state)
{
	static const char nul[] = "r, 64\n\np\0\n10\nr, 1, 0, 1\n";

	(void)state;
	assert_int_equal(workload_config_parse(&config, "x.cfg", nul, sizeof(nul) - 1,
					       WORKLOAD_WRITE_ONLY),
			 -EINVAL);
	assert_non_null(strstr(thermo_last_error(), "x.cfg:3: NUL byte"));
	expect_error("r, 64\n\n\033[2Jp\n10\nr, 1, 0, 1\n", "x.cfg:3: ", "control character");
}

static void counts_beyond_the_bounds_are_refused(void **state)
{
	size_t room = 64 + (WORKLOAD_MAX_REGIONS + 1) * 16;
	char *text = malloc(room);
	size_t n = 0;

	(void)state;
	for (unsigned int i = 0; i <= WORKLOAD_MAX_REGIONS; i++)
		n += (size_t)snprintf(text + n, room - n, "r%u, 64\n", i);
	expect_error(text, "x.cfg:4097: ", "more than 4096 regions");

	n = (size_t)snprintf(text, room, "r, 64\n\n");
	for (unsigned int i = 0; i <= WORKLOAD_MAX_THREADS; i++)
		n += (size_t)snprintf(text + n, room - n, "thread t%u\n\n", i);
	expect_error(text, "x.cfg:515: ", "more than 256 threads");

	memset(text, 'x', 300);
	strcpy(text + 300, ", 64\n");
	expect_error(text, "x.cfg:1: ", "longer than 200");
	free(text);
}

static void scaling_keeps_proportions_and_never_makes_a_period_0(void **state)
{
	(void)state;
	assert_int_equal(
			parse("r, 1M\n\nthread A\n\np\n3000\nr, 1, 0, 1, hot=4K@0, move=4K/1000\n\n"
			      "q\n1000\nr, 1, 0, 1\n\nthread B\n\np\n2000\nr, 1, 0, 1\n"),
			0);
	workload_config_scale(&config, 400 * NS_PER_MS);
	assert_in_range(config.threads[0].phases[0].time_ns, 300 * NS_PER_MS - 1,
			300 * NS_PER_MS + 1);
	assert_in_range(config.threads[0].phases[1].time_ns, 100 * NS_PER_MS - 1,
			100 * NS_PER_MS + 1);
	assert_in_range(config.threads[1].time_ns, 200 * NS_PER_MS - 1, 200 * NS_PER_MS + 1);
	workload_config_scale(&config, 1);
	assert_true(config.threads[0].phases[0].patterns[0].move_ns > 0);
}

/* Return: what --dry-run shows of the config; the caller frees it. */
static char *print(void)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	workload_config_print(&config, out);
	(void)fclose(out);
	return text;
}

static void printed_config_reads_back_the_same(void **state)
{
	char *first, *second;

	(void)state;
	assert_int_equal(parse("a, 1M, none\nb, 64, file\n\nthread A cpus=0-3,8\n\np\n10\n"
			       "a, 1, 0, 1, rw=70, hot=64K@512K, share=99.5, move=4K/250\n"
			       "a, 1, 0, 1, zipf=1.2, order=contiguous\nb, 0, 8, 3, rw\n\n"
			       "thread B\n\nq\n20\nb, 1, 64, 1, ro\n"),
			 0);
	first = print();
	assert_non_null(strstr(first, "thread A cpus=0-3,8\n"));
	assert_int_equal(parse(first), 0);
	second = print();
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void missing_file_and_directory_fail_with_their_name(void **state)
{
	(void)state;
	workload_config_fini(&config);
	assert_int_equal(workload_config_load(&config, "/nonexistent/x", WORKLOAD_WRITE_ONLY),
			 -ENOENT);
	assert_non_null(strstr(thermo_last_error(), "/nonexistent/x"));
	assert_int_equal(workload_config_load(&config, "/", WORKLOAD_WRITE_ONLY), -EISDIR);
}

static int parse_options(struct workload_options *options, const char *argument)
{
	char name[] = "workload", file[] = "x.cfg", copy[64];
	char *argv[] = { name, copy, file, NULL };

	(void)snprintf(copy, sizeof(copy), "%s", argument);
	return workload_options_parse(options, 3, argv);
}

static void masims_option_names_work(void **state)
{
	struct workload_options options;

	(void)state;
	assert_int_equal(parse_options(&options, "--nr_accesses_per_region=131072"), 0);
	assert_int_equal(options.accesses_per_pick, 131072);
	assert_int_equal(parse_options(&options, "--default_rw_mode=rw"), 0);
	assert_int_equal(options.default_mode, WORKLOAD_READ_THEN_WRITE);
	assert_int_equal(parse_options(&options, "--dry_run"), 0);
	assert_int_equal(options.action, WORKLOAD_DRY_RUN);
}

static void window_defaults_to_its_fixed_address(void **state)
{
	struct workload_options options;

	(void)state;
	assert_int_equal(parse_options(&options, "--quiet"), 0);
	assert_true(options.window_addr == 0);
	assert_int_equal(parse_options(&options, "--window"), 0);
	assert_true(options.window_addr == UINT64_C(0x100000000000));
	assert_int_equal(parse_options(&options, "--window=0x200000000000"), 0);
	assert_true(options.window_addr == UINT64_C(0x200000000000));
}

static void bad_option_values_are_usage_errors(void **state)
{
	static const char *const bad[] = { "--threads=0",
					   "--threads=257",
					   "--interval=-1",
					   "--duration=0",
					   "--repeat=0",
					   "--repeat=never",
					   "--seed=x",
					   "--accesses-per-pick=0",
					   "--thp=on",
					   "--format=xml",
					   "--window=0x1000",
					   "--window=-0x200000",
					   "--window=0xffffffffffe00000",
					   "--populate-delay=1e3",
					   "--no-such-option",
					   "extra.cfg" };
	struct workload_options options;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse_options(&options, bad[i]) != -EINVAL)
			fail_msg("%s was accepted", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_construct_of_masim_parses),
		cmocka_unit_test(phase_called_thread_stays_a_phase),
		cmocka_unit_test(default_mode_is_the_callers),
		cmocka_unit_test(last_newline_may_be_missing),
		cmocka_unit_test(dos_line_ends_and_several_empty_lines_are_taken),
		cmocka_unit_test(sizes_take_suffixes),
		cmocka_unit_test(mix_zipf_and_hot_set_parse),
		cmocka_unit_test(threads_have_cpus_and_phases_of_their_own),
		cmocka_unit_test(bad_regions_are_named),
		cmocka_unit_test(bad_phases_are_named),
		cmocka_unit_test(bad_thread_lines_are_named),
		cmocka_unit_test(bad_access_lines_are_named),
		cmocka_unit_test(nul_and_control_bytes_are_refused),
		cmocka_unit_test(counts_beyond_the_bounds_are_refused),
		cmocka_unit_test(scaling_keeps_proportions_and_never_makes_a_period_0),
		cmocka_unit_test(printed_config_reads_back_the_same),
		cmocka_unit_test(missing_file_and_directory_fail_with_their_name),
		cmocka_unit_test(masims_option_names_work),
		cmocka_unit_test(window_defaults_to_its_fixed_address),
		cmocka_unit_test(bad_option_values_are_usage_errors),
	};

	return cmocka_run_group_tests(tests, NULL, fini);
}
