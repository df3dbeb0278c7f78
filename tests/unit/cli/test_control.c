/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_control.c - one line in, one JSON object out, whatever the line. */
#include "tests/unit/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/kernel-page-flags.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "cli/control.h"
#include "cli/recording.h"
#include "tests/unit/core/fake_pagemap.h"
#include "tests/unit/core/make_snapshot.h"
#include "tests/unit/fake_host.h"

static struct fake_host fake;
static struct daemon_opts opts;
static struct daemon daemon_;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, "run/thermocline/lock", "");
	/* As it is before its first window: monitor, runners, snapshot are not there yet. */
	daemon_ = (struct daemon){ .host = &fake.host, .opts = &opts };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

/* The caller puts it. */
static struct json_object *reply_to(const char *request)
{
	char *text = control_reply(request, &daemon_, 5000000000ull);
	struct json_object *root = text ? json_tokener_parse(text) : NULL;

	assert_non_null(text);
	/* One line: the newline is the end of the reply. */
	assert_null(strchr(text, '\n'));
	assert_non_null(root);
	assert_true(json_object_is_type(root, json_type_object));
	free(text);
	return root;
}

static void put_word_at(uint64_t pfn, uint64_t flags)
{
	uint64_t words[512] = { 0 };

	words[pfn] = flags;
	fake_write_bytes(&fake, "proc/kpageflags", words, sizeof(words));
}

static bool has(struct json_object *root, const char *key)
{
	return json_object_object_get_ex(root, key, NULL);
}

static void ping_is_answered(void **state)
{
	struct json_object *root = reply_to("ping");

	(void)state;
	assert_true(has(root, "pong"));
	assert_false(has(root, "error"));
	json_object_put(root);
}

static const char *error_of(struct json_object *root)
{
	struct json_object *error = NULL;

	return json_object_object_get_ex(root, "error", &error) ? json_object_get_string(error)
								: "";
}

static struct json_object *first_owner(struct json_object *root)
{
	struct json_object *list = NULL;

	return json_object_object_get_ex(root, "owners", &list) ? json_object_array_get_idx(list, 0)
								: NULL;
}

static uint64_t number(struct json_object *root, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(root, key, &value))
		fail_msg("no %s in %s", key, json_object_to_json_string(root));
	return json_object_get_uint64(value);
}

static void owner_of_no_address_or_without_a_monitor_is_an_error(void **state)
{
	static const char *const wrong[] = { "owner ",   "owner -1", "owner x",
					     "owner 1x", "owner  1", "owner 0x1ffffffffffffffff" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct json_object *root = reply_to(wrong[i]);

		assert_string_equal(error_of(root), "owner: not a physical address");
		json_object_put(root);
	}
	struct json_object *root = reply_to("owner 0x1000");

	assert_string_equal(error_of(root), "owner: the daemon is starting");
	json_object_put(root);
}

/* A mapped file, then a frame that nobody has. */
static void owner_is_told_with_file_and_offset(void **state)
{
	struct json_object *root;

	(void)state;
	fake.scan_pages = scan_pagemap;
	fake_write(&fake, "proc/self/status", "CapEff:\t000001ffffffffff\n");
	fake_process(&fake,
		     &(struct fake_process){ .pid = 42,
					     .name = "app",
					     .rss_pages = 100,
					     .start_ticks = 9,
					     .maps = "1000-2000 rw-p 00000000 00:00 0\n"
						     "40000000-40100000 rw-s 00003000 08:01 77   "
						     "/a file\n" });
	put_page(&fake, 42, 0x40002000, PM_PRESENT | PM_FILE | 500);
	assert_int_equal(thermo_monitor_new(&daemon_.monitor, &fake.host,
					    &(struct thermo_monitor_opts){ 0 }),
			 0);
	assert_int_equal(thermo_monitor_update_targets(
					 daemon_.monitor,
					 &(struct thermo_target_spec){ .name = "app" }),
			 1);
	root = reply_to("owner 0x1f4123");
	assert_non_null(strstr(error_of(root), "ask again"));
	json_object_put(root);
	assert_true(thermo_monitor_find_owners(daemon_.monitor, 1000000000) >= 0);
	root = reply_to("owner 0x1f4123");
	assert_int_equal(number(first_owner(root), "pid"), 42);
	assert_int_equal(number(first_owner(root), "addr"), 0x40002123);
	assert_int_equal(number(first_owner(root), "inode"), 77);
	assert_int_equal(number(first_owner(root), "offset"), 0x5123);
	assert_non_null(strstr(json_object_to_json_string(root), "a file\""));
	assert_non_null(strstr(json_object_to_json_string(root), "\"kind\": \"file\""));
	json_object_put(root);

	/* Gone: no owner, and what the page is by now. */
	put_page(&fake, 42, 0x40002000, 0);
	fake_advance(&fake, 2000000000);
	assert_true(thermo_monitor_find_owners(daemon_.monitor, 1000000000) >= 0);
	put_word_at(500, 1ull << KPF_BUDDY);
	root = reply_to("owner 0x1f4123");
	assert_null(first_owner(root));
	assert_non_null(strstr(json_object_to_json_string(root), "\"page\": \"free\""));
	json_object_put(root);
	thermo_monitor_free(daemon_.monitor);
}

static void unknown_requests_get_an_error(void **state)
{
	static const char *const wrong[] = { "",        "statu",        "status ",   "STATUS",
					     "statuss", "\"\\\x01\xff", "{\"a\":1}", "%s%n" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct json_object *root = reply_to(wrong[i]);

		assert_true(has(root, "error"));
		assert_int_equal(json_object_object_length(root), 1);
		json_object_put(root);
	}
}

static void status_before_the_first_window_is_whole(void **state)
{
	struct json_object *root = reply_to("status"), *value;

	(void)state;
	assert_true(has(root, "version") && has(root, "nodes") && has(root, "sources"));
	assert_true(json_object_object_get_ex(root, "mode", &value));
	assert_string_equal(json_object_get_string(value), "monitor");
	assert_true(json_object_object_get_ex(root, "uptime_ns", &value));
	assert_int_equal(json_object_get_uint64(value), 5000000000ull);
	json_object_put(root);
}

static void regions_before_the_first_window_are_none(void **state)
{
	struct json_object *root = reply_to("regions"), *value;

	(void)state;
	assert_true(json_object_object_get_ex(root, "regions", &value));
	assert_int_equal(json_object_array_length(value), 0);
	json_object_put(root);
}

static void regions_of_a_snapshot_are_all_there(void **state)
{
	struct thermo_target target = { .pid = 42, .name = "app" };
	struct thermo_region regions[2] = { { .start = 0x1000,
					      .end = 0x3000,
					      .accesses_per_s = 7,
					      .evidence_age_ns = UINT64_MAX },
					    { .start = 0x5000, .end = 0x6000 } };
	struct thermo_snapshot snapshot = { .time_ns = 4711,
					    .nr_targets = 1,
					    .targets = &target,
					    .nr_regions = 2,
					    .regions = regions };
	struct json_object *root, *list, *value;

	(void)state;
	regions[0].cpus[0] = (struct thermo_share){ .key = 3, .share = 0.5f };
	regions[0].nodes[0] = (struct thermo_node_bytes){ 1, 8192 };
	daemon_.snapshot = &snapshot;
	root = reply_to("regions");
	assert_true(json_object_object_get_ex(root, "time_ns", &value));
	assert_int_equal(json_object_get_int64(value), 4711);
	assert_true(json_object_object_get_ex(root, "regions", &list));
	assert_int_equal(json_object_array_length(list), 2);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(list, 0), "pid", &value));
	assert_int_equal(json_object_get_int(value), 42);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(list, 1), "start", &value));
	assert_int_equal(json_object_get_uint64(value), 0x5000);
	/* What was never observed has no age. */
	assert_false(has(json_object_array_get_idx(list, 0), "evidence_age_ns"));
	json_object_put(root);
	root = reply_to("status");
	json_object_put(root);
}

/* --- over the socket --- */

static int listener;

static void *serve_one(void *arg)
{
	for (int i = 0; i < 100; i++) {
		struct timespec ms = { 0, 10000000 };

		control_serve(listener, &daemon_);
		(void)nanosleep(&ms, NULL);
		/* relaxed: the thread is joined after it was set. */
		if (atomic_load_explicit((atomic_bool *)arg, memory_order_relaxed))
			break;
	}
	return NULL;
}

static void client_gets_its_reply_over_the_socket(void **state)
{
	atomic_bool done = false;
	pthread_t thread;
	char *reply = NULL;
	struct stat st;

	(void)state;
	listener = control_listen(&fake.host);
	if (listener < 0)
		fail_msg("%s", thermo_last_error());
	/* Root only. */
	assert_int_equal(fstatat(fake.host.root_fd, "run/thermocline/control", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pthread_create(&thread, NULL, serve_one, &done), 0);
	int err = control_ask(&fake.host, "ping", &reply);

	/* relaxed: see serve_one(). */
	atomic_store_explicit(&done, true, memory_order_relaxed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(listener);
	assert_int_equal(err, 0);
	assert_non_null(strstr(reply, "pong"));
	free(reply);
}

/* Ask for the newest snapshot over the socket.  The caller closes it. */
static FILE *ask_for_recording(void)
{
	atomic_bool done = false;
	pthread_t thread;
	FILE *file = NULL;

	listener = control_listen(&fake.host);
	assert_true(listener >= 0);
	assert_int_equal(pthread_create(&thread, NULL, serve_one, &done), 0);
	int err = recording_ask(&fake.host, &file);

	/* relaxed: see serve_one(). */
	atomic_store_explicit(&done, true, memory_order_relaxed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(listener);
	assert_int_equal(err, 0);
	return file;
}

static void snapshot_comes_as_a_whole_recording(void **state)
{
	static struct made_snapshot made;
	struct record_reader *reader = NULL;
	struct thermo_snapshot *s = NULL;
	FILE *file;

	(void)state;
	make_snapshot(&made, 3, 500);
	daemon_.snapshot = &made.s;
	daemon_.started_ns = 500000000;
	file = ask_for_recording();
	assert_int_equal(record_reader_new(&reader, file), 0);
	assert_int_equal(record_reader_machine(reader)->start_time_ns, 500000000);
	assert_int_equal(record_reader_next(reader, &s), 1);
	assert_int_equal(s->sequence, made.s.sequence);
	assert_memory_equal(s->regions, made.regions, 500 * sizeof(made.regions[0]));
	thermo_snapshot_put(s);
	assert_int_equal(record_reader_next(reader, &s), 0);
	assert_non_null(record_reader_end(reader));
	record_reader_free(reader);
	(void)fclose(file);
}

static void snapshot_before_the_first_window_is_an_empty_recording(void **state)
{
	struct record_reader *reader = NULL;
	struct thermo_snapshot *s = NULL;
	FILE *file = ask_for_recording();

	(void)state;
	assert_int_equal(record_reader_new(&reader, file), 0);
	assert_int_equal(record_reader_next(reader, &s), 0);
	assert_non_null(record_reader_end(reader));
	record_reader_free(reader);
	(void)fclose(file);
}

static void without_a_daemon_the_client_is_told(void **state)
{
	char *reply = NULL;

	(void)state;
	assert_true(control_ask(&fake.host, "ping", &reply) < 0);
	assert_reason("is the daemon running?");
	assert_null(reply);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(ping_is_answered),
		TEST(owner_of_no_address_or_without_a_monitor_is_an_error),
		TEST(owner_is_told_with_file_and_offset),
		TEST(unknown_requests_get_an_error),
		TEST(status_before_the_first_window_is_whole),
		TEST(regions_before_the_first_window_are_none),
		TEST(regions_of_a_snapshot_are_all_there),
		TEST(client_gets_its_reply_over_the_socket),
		TEST(snapshot_comes_as_a_whole_recording),
		TEST(snapshot_before_the_first_window_is_an_empty_recording),
		TEST(without_a_daemon_the_client_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
