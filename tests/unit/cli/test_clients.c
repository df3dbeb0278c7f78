/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_clients.c - a program's own reports reach the monitor, and the status tells. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/clients.h"
#include "tests/unit/fake_host.h"
#include "thermocline/client.h"

#define BASE 0x100000000ull
#define PAGE 4096ull

static struct fake_host fake;
static struct thermo_monitor *monitor;
static struct clients *clients;
static struct thermo_reporter *reporter;
static char path[128];

static void make_process(uint64_t start_ticks)
{
	fake_process(&fake, &(struct fake_process){ .pid = getpid(),
						    .name = "tester",
						    .rss_pages = 1000,
						    .start_ticks = start_ticks,
						    .nr_threads = 1,
						    .maps = "100000000-100100000 rw-p 00000000 "
							    "00:00 0\n" });
}

static int make(void **state)
{
	static const struct thermo_monitor_opts opts = { .min_nr_regions = 1 };
	pid_t pid = getpid();
	struct thermo_target_spec spec = { .pids = &pid, .nr_pids = 1 };

	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, "run/thermocline/lock", "");
	make_process(7);
	(void)snprintf(path, sizeof(path), "%s/%s", fake.root, CLIENTS_PATH);
	if (thermo_monitor_new(&monitor, &fake.host, &opts) ||
	    clients_open(&clients, &fake.host, monitor, CLIENTS_ALL))
		return -1;
	/* The monitor never watches its own process, and here there is only one. */
	(void)thermo_monitor_update_targets(monitor, &spec);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	thermo_client_close(reporter);
	reporter = NULL;
	clients_close(clients);
	clients = NULL;
	thermo_monitor_free(monitor);
	fake_host_fini(&fake);
	return 0;
}

static void *connect_client(void *done)
{
	struct thermo_client_opts opts = { .socket = path, .name = "pool", .timeout_ms = 60000 };

	if (thermo_client_connect(&reporter, &opts))
		reporter = NULL;
	/* release: who sees it sees the reporter. */
	atomic_store_explicit((atomic_bool *)done, true, memory_order_release);
	return NULL;
}

static void let_connect(void)
{
	atomic_bool done = false;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, connect_client, &done), 0);
	/* acquire: pairs with the release in connect_client(). */
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		clients_step(clients);
		(void)usleep(200);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(reporter);
}

static bool report(int32_t pid)
{
	struct thermo_access a = {
		.addr = BASE, .extent_bytes = PAGE, .nr_accesses = 1, .watched_ns = 1000, .pid = pid
	};

	return thermo_report_access(reporter, &a);
}

/* Of the monitor. */
static struct thermo_monitor_counters counters(void)
{
	struct thermo_snapshot *snapshot = NULL;

	assert_int_equal(thermo_monitor_close_window(monitor, &snapshot), 0);
	struct thermo_monitor_counters c = snapshot->counters;

	thermo_snapshot_put(snapshot);
	return c;
}

static uint64_t get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(o, key, &value));
	return json_object_get_uint64(value);
}

static void reports_of_a_client_reach_the_monitor(void **state)
{
	(void)state;
	let_connect();
	clients_step(clients);
	assert_true(report(0));
	assert_true(report(0));
	assert_int_equal(thermo_monitor_drain(monitor), 2);
	/* They are of this process, which is no target of its own monitor. */
	assert_int_equal(counters().no_target, 2);
}

static void last_reports_are_drained_before_a_client_is_removed(void **state)
{
	(void)state;
	let_connect();
	for (int i = 0; i < 100; i++)
		assert_true(report(0));
	thermo_client_close(reporter);
	reporter = NULL;
	clients_step(clients);
	clients_step(clients);
	assert_int_equal(counters().no_target, 100);
	/* And the monitor does not look at what is unmapped. */
	assert_int_equal(thermo_monitor_drain(monitor), 0);
}

static void many_clients_one_after_the_other_leave_nothing_behind(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * THERMO_MAX_REPORTERS; i++) {
		/* So many a second. */
		fake_advance(&fake, 1000000000);
		let_connect();
		assert_true(report(0));
		thermo_client_close(reporter);
		reporter = NULL;
		clients_step(clients);
	}
	assert_int_equal(counters().no_target, 2 * THERMO_MAX_REPORTERS);
}

static void another_process_of_the_same_pid_is_no_client(void **state)
{
	(void)state;
	let_connect();
	make_process(8);
	fake_advance(&fake, 1000000000);
	clients_step(clients);
	assert_false(thermo_client_connected(reporter));
}

static void status_shows_each_client_with_its_counts(void **state)
{
	struct thermo_access bad = { .addr = 1 };
	struct json_object *root, *list = NULL, *first, *name = NULL;

	(void)state;
	let_connect();
	clients_step(clients);
	assert_true(report(0));
	assert_true(thermo_report_access(reporter, &bad));
	(void)thermo_monitor_drain(monitor);
	root = clients_json(clients);
	assert_true(json_object_object_get_ex(root, "connected", &list));
	assert_int_equal(json_object_array_length(list), 1);
	first = json_object_array_get_idx(list, 0);
	assert_int_equal(get(first, "pid"), getpid());
	assert_int_equal(get(first, "uid"), getuid());
	assert_true(json_object_object_get_ex(first, "name", &name));
	assert_string_equal(json_object_get_string(name), "pool");
	assert_int_equal(get(first, "reports"), 1);
	assert_int_equal(get(first, "reports_bad"), 1);
	assert_int_equal(get(first, "reports_refused"), 0);
	assert_int_equal(get(root, "reports"), 1);
	assert_int_equal(get(root, "connects"), 1);
	json_object_put(root);
}

/* The caller frees it. */
static char *printed(const struct clients *c)
{
	struct json_object *root = clients_json(c);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	clients_print(out, root);
	(void)fclose(out);
	json_object_put(root);
	return text;
}

static void people_see_clients_once_there_was_one(void **state)
{
	char *text = printed(clients);

	(void)state;
	assert_string_equal(text, "");
	free(text);
	let_connect();
	text = printed(clients);
	assert_non_null(strstr(text, "pool"));
	assert_non_null(strstr(text, "1 connected so far, 0 turned away"));
	free(text);
}

static void without_clients_the_status_is_whole(void **state)
{
	struct json_object *root = clients_json(NULL), *value = NULL;
	char *text = printed(NULL);

	(void)state;
	assert_true(json_object_object_get_ex(root, "allowed", &value));
	assert_string_equal(json_object_get_string(value), "none");
	assert_int_equal(get(root, "connects"), 0);
	assert_string_equal(text, "");
	assert_int_equal(clients_fd(NULL), -1);
	clients_step(NULL);
	free(text);
	json_object_put(root);
}

static void everybody_may_connect_unless_it_is_for_root(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(fstatat(fake.host.root_fd, CLIENTS_PATH, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	clients_close(clients);
	assert_false(fake_exists(&fake, CLIENTS_PATH));
	assert_int_equal(clients_open(&clients, &fake.host, monitor, CLIENTS_ROOT), 0);
	assert_int_equal(fstatat(fake.host.root_fd, CLIENTS_PATH, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(reports_of_a_client_reach_the_monitor),
		TEST(last_reports_are_drained_before_a_client_is_removed),
		TEST(many_clients_one_after_the_other_leave_nothing_behind),
		TEST(another_process_of_the_same_pid_is_no_client),
		TEST(status_shows_each_client_with_its_counts),
		TEST(people_see_clients_once_there_was_one),
		TEST(without_clients_the_status_is_whole),
		TEST(everybody_may_connect_unless_it_is_for_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
