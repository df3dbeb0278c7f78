/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_overhead_print.c - results as text, JSON and a drawing that is well-formed. */
#include "tests/unit/test.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "cli/overhead_print.h"
#include "core/cleanup.h"
#include "tests/unit/fake_host.h"

#define S UINT64_C(1000000000)

static struct fake_host fake;
static struct overhead_machine machine;
static struct overhead_opts opts;
static struct overhead_workload workloads[2];
static struct overhead_outcome outcome;

static const struct thermo_source source = { .name = "puppet" };

static void add(struct overhead_workload *w, struct overhead_subject subject, double pct,
		uint64_t samples)
{
	struct overhead_result *r = &w->results[w->nr_results++];

	*r = (struct overhead_result){
		.subject = subject,
		.speed_without = 3e6,
		.speed_with = 3e6,
		.with = { .accesses = 3000000, .ns = 3 * S },
		.without = { .accesses = 3000000, .ns = 3 * S },
		.tap = { .time_ns = 3 * S, .samples = samples, .reports = samples },
		.tap_without = { .time_ns = 3 * S },
	};
	paired_add(&r->paired, 100 + pct, 100);
	paired_add(&r->paired, 100.02 + pct, 100);
	paired_add(&r->paired, 99.98 + pct, 100);
}

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	memset(workloads, 0, sizeof(workloads));
	machine = (struct overhead_machine){ .cpu = "A <&> B 3000",
					     .kernel = "7.2",
					     .governor = "performance",
					     .thp = "never",
					     .numa_balancing = "0",
					     .cache_bytes = 1 << 18,
					     .nr_cpus = 2 };
	opts = (struct overhead_opts){ .load = { .bytes = 1 << 20, .nr_threads = 2 },
				       .nr_kinds = 2,
				       .nr_rounds = 3,
				       .run_ns = S };
	for (int k = 0; k < 2; k++) {
		workloads[k].kind = k ? OVERHEAD_STREAM : OVERHEAD_CHASE;
		add(&workloads[k], (struct overhead_subject){ OVERHEAD_CONTROL, NULL, 0 }, 0, 0);
		add(&workloads[k], (struct overhead_subject){ OVERHEAD_SOURCE, &source, 1000 }, 900,
		    3000000);
		add(&workloads[k], (struct overhead_subject){ OVERHEAD_SOURCE, &source, 100 }, 0.5,
		    3000);
		add(&workloads[k], (struct overhead_subject){ OVERHEAD_REPORTS, NULL, 100000 },
		    -0.1, 0);
	}
	outcome = (struct overhead_outcome){
		.machine = &machine, .opts = &opts, .workloads = workloads, .budget_pct = 1
	};
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static char *print(void (*how)(FILE *out, const struct overhead_outcome *outcome))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	how(file, &outcome);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void text_tells_what_fits(void **state)
{
	AUTO_FREE char *text = print(overhead_print_text);

	(void)state;
	assert_non_null(strstr(text, "A <&> B 3000"));
	assert_non_null(strstr(text, "\nwithin 1 %:\n"));
	assert_non_null(strstr(text, "puppet       chase: rate 100; stream: rate 100; all: rate "
				     "100\n"));
	assert_non_null(strstr(text, "all: period 100000\n"));
}

static void text_tells_why_something_was_given_up(void **state)
{
	(void)state;
	strcpy(workloads[0].results[1].failed, "puppet: taken away");
	AUTO_FREE char *text = print(overhead_print_text);

	assert_non_null(strstr(text, "puppet: taken away"));
}

static void cost_below_nothing_is_noise_in_text_and_a_number_in_json(void **state)
{
	(void)state;
	workloads[0].results[1].tap_without.user_ns = S;
	AUTO_FREE char *text = print(overhead_print_text);
	AUTO_FREE char *json = print(overhead_print_json);

	assert_non_null(strstr(text, " noise "));
	assert_non_null(strstr(json, "\"user_ns_per_sample\":-"));
}

static struct json_object *at(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no '%s'", key);
	return value;
}

static void json_has_all_results_and_choices(void **state)
{
	AUTO_FREE char *text = print(overhead_print_json);
	struct json_object *root = json_tokener_parse(text), *r;

	(void)state;
	assert_non_null(root);
	assert_int_equal(json_object_array_length(at(root, "results")), 8);
	r = json_object_array_get_idx(at(root, "results"), 2);
	assert_string_equal(json_object_get_string(at(r, "source")), "puppet");
	assert_string_equal(json_object_get_string(at(r, "fits")), "yes");
	assert_int_equal(json_object_get_int(at(r, "rate_permille")), 100);
	assert_near(json_object_get_double(at(r, "slowdown_pct")), 0.5, 0.1);
	assert_near(json_object_get_double(at(r, "samples_per_s")), 1000, 0.1);
	/* Two sources on two workloads, and on all. */
	assert_int_equal(json_object_array_length(at(root, "within_budget")), 6);
	r = json_object_array_get_idx(at(root, "within_budget"), 2);
	assert_string_equal(json_object_get_string(at(r, "workload")), "all");
	assert_int_equal(json_object_get_int(at(r, "rate_permille")), 100);
	json_object_put(root);
}

/* What is not known is not there: no NaN, no 0. */
static void json_leaves_out_what_is_not_known(void **state)
{
	AUTO_FREE char *text = print(overhead_print_json);
	struct json_object *root = json_tokener_parse(text), *r;

	(void)state;
	r = json_object_array_get_idx(at(root, "results"), 3);
	assert_false(json_object_object_get_ex(r, "user_ns_per_sample", NULL));
	assert_false(json_object_object_get_ex(r, "period", NULL));
	assert_null(strstr(text, "nan"));
	json_object_put(root);
}

static bool is_warned(const char *part)
{
	for (size_t i = 0; i < outcome.nr_warnings; i++)
		if (strstr(outcome.warnings[i], part))
			return true;
	return false;
}

static void quiet_machine_is_not_warned_of(void **state)
{
	(void)state;
	overhead_warn(&outcome);
	assert_int_equal(outcome.nr_warnings, 0);
}

static void noise_above_the_budget_is_warned_of(void **state)
{
	struct paired *p = &workloads[1].results[0].paired;

	(void)state;
	*p = (struct paired){ 0 };
	paired_add(p, 100, 110);
	paired_add(p, 110, 100);
	overhead_warn(&outcome);
	assert_true(is_warned("stream: noise of +-"));
	assert_false(is_warned("chase: noise"));
}

static void caches_of_unknown_size_are_warned_of(void **state)
{
	(void)state;
	machine.cache_bytes = 0;
	overhead_warn(&outcome);
	assert_true(is_warned("size of the caches"));
}

static void what_makes_numbers_doubtful_is_told(void **state)
{
	(void)state;
	machine.load = 2;
	machine.is_virtual = true;
	machine.cache_bytes = 1 << 20;
	machine.nr_cpus = 4;
	strcpy(machine.governor, "powersave");
	workloads[0].results[1].nr_starved = 3;
	outcome.ended_early = true;
	overhead_warn(&outcome);
	assert_true(is_warned("the load was 2.00"));
	assert_true(is_warned("virtual machine"));
	assert_true(is_warned("governor is powersave"));
	assert_true(is_warned("not bound by memory"));
	assert_true(is_warned("2 threads on 4 CPUs"));
	assert_true(is_warned("chase: 3 pairs were repeated"));
	assert_true(is_warned("ended early"));
}

/* --- SVG --- */

/* Past the attributes of an element at @c, quotes in pairs.  Return: at its '>'. */
static const char *skip_attributes(const char *c)
{
	bool quoted = false;

	for (; *c && (quoted || *c != '>'); c++) {
		assert_true(*c != '<');
		quoted ^= *c == '"';
	}
	assert_int_equal(*c, '>');
	return c;
}

/* Elements nest, attributes are quoted, no entity is broken: what a parser minds. */
static void assert_well_formed(const char *text)
{
	char open[16][16];
	size_t depth = 0, nr_roots = 0;

	for (const char *c = text; *c; c++) {
		char name[16] = "";

		if (*c == '&')
			assert_true(!strncmp(c, "&lt;", 4) || !strncmp(c, "&gt;", 4) ||
				    !strncmp(c, "&amp;", 5));
		if (*c != '<')
			continue;
		bool closes = c[1] == '/';

		(void)sscanf(c + 1 + closes, "%15[a-z]", name);
		assert_true(name[0] != '\0');
		c = skip_attributes(c + 1);
		if (closes) {
			assert_true(depth > 0);
			assert_string_equal(open[--depth], name);
		} else if (c[-1] != '/') {
			nr_roots += depth == 0;
			assert_true(depth < 16);
			strcpy(open[depth++], name);
		}
	}
	assert_int_equal(depth, 0);
	assert_int_equal(nr_roots, 1);
}

/* Return: the file's text; the caller frees it. */
static char *draw(void)
{
	char path[FAKE_PATH_BYTES], *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/plot.svg", fake.root);
	assert_int_equal(overhead_write_svg(path, &outcome), 0);
	assert_true(thermo_host_read_all(&fake.host, &text, "plot.svg") > 0);
	return text;
}

static unsigned int count(const char *text, const char *part)
{
	unsigned int nr = 0;

	for (const char *c = text; (c = strstr(c, part)); c++)
		nr++;
	return nr;
}

/* Every coordinate is inside of the picture. */
static void assert_inside(const char *text, const char *attribute, double most)
{
	for (const char *c = text; (c = strstr(c, attribute)); c++) {
		double value = strtod(c + strlen(attribute), NULL);

		assert_true(value >= 0 && value <= most);
	}
}

static void svg_is_well_formed(void **state)
{
	AUTO_FREE char *text = draw();

	(void)state;
	assert_well_formed(text);
	assert_non_null(strstr(text, "A &lt;&amp;&gt; B 3000"));
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	assert_inside(text, "y1=\"", 600);
	assert_inside(text, "x1=\"", 1000);
	assert_inside(text, "cy=\"", 600);
	assert_inside(text, "cx=\"", 1000);
}

static void svg_has_a_line_for_each_source_and_workload(void **state)
{
	AUTO_FREE char *text = draw();

	(void)state;
	/* The puppet's on two workloads; reports had no samples. */
	assert_int_equal(count(text, "<polyline"), 2);
	assert_non_null(strstr(text, "puppet, chase<"));
	assert_non_null(strstr(text, "puppet, stream<"));
	assert_non_null(strstr(text, "reports, stream<"));
	assert_non_null(strstr(text, "2 without samples: not shown"));
	assert_non_null(strstr(text, "samples per second"));
	assert_non_null(strstr(text, "slowdown of the workload in %"));
	/* Bars: two settings on two workloads. */
	assert_int_equal(count(text, "h8m-4 0V"), 4);
}

static void svg_without_any_point_is_well_formed(void **state)
{
	(void)state;
	workloads[0].nr_results = workloads[1].nr_results = 1;
	AUTO_FREE char *text = draw();

	assert_well_formed(text);
	assert_int_equal(count(text, "<polyline"), 0);
}

static void file_that_cannot_be_written_is_an_error(void **state)
{
	(void)state;
	assert_true(overhead_write_svg("/nowhere/plot.svg", &outcome) < 0);
	assert_reason("/nowhere/plot.svg: ");
	if (access("/dev/full", W_OK) == 0) {
		assert_true(overhead_write_svg("/dev/full", &outcome) < 0);
		assert_reason("cannot be written whole");
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(text_tells_what_fits),
		CASE(text_tells_why_something_was_given_up),
		CASE(cost_below_nothing_is_noise_in_text_and_a_number_in_json),
		CASE(json_has_all_results_and_choices),
		CASE(json_leaves_out_what_is_not_known),
		CASE(quiet_machine_is_not_warned_of),
		CASE(noise_above_the_budget_is_warned_of),
		CASE(caches_of_unknown_size_are_warned_of),
		CASE(what_makes_numbers_doubtful_is_told),
		CASE(svg_is_well_formed),
		CASE(svg_has_a_line_for_each_source_and_workload),
		CASE(svg_without_any_point_is_well_formed),
		CASE(file_that_cannot_be_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
