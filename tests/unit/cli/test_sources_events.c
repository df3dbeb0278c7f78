/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sources_events.c - `thermocline sources --events` for programs. */
#include "tests/unit/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "cli/sources_events.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static char *text;
static bool trying;

static int make(void **state)
{
	(void)state;
	trying = false;
	fake_host_copy(&fake, FAKE_MACHINE("sapphire-rapids"));
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	fake_host_fini(&fake);
	return 0;
}

static int show(const char *event, bool json)
{
	struct events_request request = { .event = event, .json = json, .try = trying };
	size_t size;

	free(text);
	FILE *out = open_memstream(&text, &size);
	int err = events_show(&fake.host, &request, out);

	(void)fclose(out);
	return err;
}

static uint64_t number(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		fail_msg("no '%s' in %s", key, json_object_to_json_string(o));
	return json_object_get_uint64(value);
}

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(o, key, &value));
	return value;
}

static void json_holds_every_number_of_the_attr(void **state)
{
	(void)state;
	assert_int_equal(show(NULL, true), 0);
	struct json_object *o = json_tokener_parse(text);
	struct json_object *events = member(o, "events");

	assert_string_equal(json_object_get_string(member(o, "source")), "pebs");
	assert_true(json_object_get_boolean(member(o, "permitted")));
	assert_int_equal(json_object_array_length(events), 3);
	struct json_object *load = json_object_array_get_idx(events, 1);

	assert_int_equal(number(load, "leader"), 0);
	assert_string_equal(json_object_get_string(member(load, "cpus")), "0-223");
	assert_int_equal(number(member(load, "attr"), "config"), 0x1cd);
	assert_int_equal(number(member(load, "attr"), "config1"), 3);
	assert_int_equal(number(member(load, "attr"), "precise_ip"), 2);
	assert_int_equal(number(member(load, "attr"), "sample_period"), 1000003);
	json_object_put(o);
}

static void json_says_why_there_is_no_event(void **state)
{
	(void)state;
	fake_remove(&fake, "sys/bus/event_source/devices/cpu");
	assert_int_equal(show(NULL, true), -ENODEV);
	struct json_object *o = json_tokener_parse(text);

	assert_non_null(strstr(json_object_get_string(member(o, "why_not")), "no PEBS"));
	assert_int_equal(json_object_array_length(member(o, "events")), 0);
	json_object_put(o);
}

static void json_says_that_the_kernel_would_refuse(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/status", "CapEff:\t0000000000000000\n");
	assert_int_equal(show("r20d1", true), 0);
	struct json_object *o = json_tokener_parse(text);

	assert_false(json_object_get_boolean(member(o, "permitted")));
	assert_non_null(strstr(json_object_get_string(member(o, "why_not")), "CAP_PERFMON"));
	json_object_put(o);
}

static int take_all(struct fake_host *f, struct perf_event_attr *attr, int cpu)
{
	(void)f, (void)attr, (void)cpu;
	return open("/dev/null", O_CLOEXEC);
}

static void what_was_tried_is_told(void **state)
{
	(void)state;
	trying = true;
	assert_int_equal(show(NULL, true), -ENOENT); /* the fake kernel's answer */
	struct json_object *o = json_tokener_parse(text);

	assert_false(json_object_get_boolean(member(o, "accepted")));
	assert_non_null(strstr(json_object_get_string(member(o, "why_not")), "mem-loads-aux"));
	assert_int_equal(json_object_array_length(member(o, "events")), 3);
	json_object_put(o);
	fake.perf_event_open = take_all;
	assert_int_equal(show(NULL, true), 0);
	o = json_tokener_parse(text);
	assert_true(json_object_get_boolean(member(o, "accepted")));
	json_object_put(o);
	assert_int_equal(show(NULL, false), 0);
	assert_non_null(strstr(text, "\naccepted: "));
}

static void text_without_events_is_empty_and_the_reason_is_left(void **state)
{
	(void)state;
	assert_int_equal(show("cpu/nothing/", false), -ENOENT);
	assert_string_equal(text, "");
	assert_reason("'nothing'");
}

static void kinds_are_a_list_of_names(void **state)
{
	static const char *const bad[] = {
		"", "load", "loads,", ",loads", "loads stores", "LOADS"
	};
	uint32_t kinds = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(events_parse_kinds(bad[i], &kinds), -EINVAL);
		assert_int_equal(kinds, 42);
	}
	assert_int_equal(events_parse_kinds("l3-misses,loads", &kinds), 0);
	assert_int_equal(kinds, PMU_LOADS | PMU_L3_MISSES);
	assert_int_equal(events_parse_kinds("stores", &kinds), 0);
	assert_int_equal(kinds, PMU_STORES);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_holds_every_number_of_the_attr),
		TEST(json_says_why_there_is_no_event),
		TEST(json_says_that_the_kernel_would_refuse),
		TEST(what_was_tried_is_told),
		TEST(text_without_events_is_empty_and_the_reason_is_left),
		cmocka_unit_test(kinds_are_a_list_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
