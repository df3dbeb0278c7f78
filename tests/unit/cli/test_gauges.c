/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gauges.c - what the kernel knows and moves, in the status; when it is looked at again. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/gauges.h"
#include "tests/unit/fake_host.h"

#define SECOND 1000000000ull

static struct fake_host fake;
static struct gauges gauges;
static struct thermo_topology topology;
static struct json_object *root;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	topology = (struct thermo_topology){ .nr_nodes = 1 };
	fake_write(&fake, LRU_GEN_ENABLED, "0x0007\n");
	fake_write(&fake, LRU_GEN_TEXT,
		   "memcg 7 /app\n node 0\n 1 99000 100 0 \n 2 65000 0 0 \n 3 5000 0 1 \n"
		   "memcg 8 /app/x\n node 0\n 1 99000 5 0 \n 2 65000 0 0 \n 3 5000 0 1 \n");
	fake_write(&fake, "proc/vmstat", "pgpromote_success 5\npgmigrate_success 100\n");
	return 0;
}

static int drop(void **state)
{
	(void)state;
	json_object_put(root);
	root = NULL;
	gauges_fini(&gauges);
	gauges_fini(&gauges);
	fake_host_fini(&fake);
	return 0;
}

static void step(uint64_t ours_pages, bool is_moving)
{
	gauges_step(&gauges, &fake.host, &topology, ours_pages, is_moving, fake_now_ns(&fake.host));
}

static struct json_object *at(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(o, key, &value) ? value : NULL;
}

static uint64_t number(struct json_object *o, const char *key)
{
	if (!at(o, key))
		fail_msg("no %s in %s", key, json_object_to_json_string(o));
	return json_object_get_uint64(at(o, key));
}

static void moves_of_the_kernel_are_told_beside_ours(void **state)
{
	(void)state;
	step(0, false);
	fake_advance(&fake, 5 * SECOND);
	fake_write(&fake, "proc/vmstat", "pgpromote_success 25\npgmigrate_success 1100\n");
	step(900, false);
	root = gauges_kernel_json(&gauges);
	assert_int_equal(number(at(root, "pgpromote_success"), "since_start"), 20);
	assert_near(json_object_get_double(at(at(root, "pgpromote_success"), "per_s")), 4, 0.1);
	assert_int_equal(number(at(root, "pgmigrate_success"), "since_start"), 1000);
	assert_int_equal(number(root, "ours_pages"), 900);
	assert_int_equal(number(at(root, "moved_by_others"), "since_start"), 80);
	/* Not told is not 0. */
	assert_null(at(root, "pgdemote_kswapd"));
	assert_null(at(root, "demoted"));
	assert_non_null(strstr(json_object_to_json_string(at(root, "not_told")),
			       "pgdemote_kswapd"));
}

static void counters_are_read_every_five_seconds(void **state)
{
	(void)state;
	step(0, false);
	fake_write(&fake, "proc/vmstat", "pgpromote_success 25\n");
	fake_advance(&fake, 4 * SECOND);
	step(0, false);
	assert_int_equal(gauges.vmstat.all.now.values[VMSTAT_PROMOTED], 5);
	fake_advance(&fake, SECOND);
	step(0, false);
	assert_int_equal(gauges.vmstat.all.now.values[VMSTAT_PROMOTED], 25);
}

/* A clock that costs a tenth of a second of CPU time each time it is read. */
static uint64_t slow_cpu_ns(const struct thermo_host *host)
{
	struct fake_host *f = host->private_data;

	/* relaxed: a clock; it orders nothing. */
	return atomic_fetch_add_explicit(&f->thread_cpu_ns, SECOND / 10, memory_order_relaxed);
}

static void generations_that_are_dear_to_read_are_read_seldom(void **state)
{
	struct thermo_host_ops slow = fake_ops;

	(void)state;
	step(0, false);
	assert_int_equal(gauges.ages_at_ns, fake_now_ns(&fake.host) + 5 * SECOND);
	slow.thread_cpu_ns = slow_cpu_ns;
	fake.host.ops = &slow;
	fake_advance(&fake, 5 * SECOND);
	step(0, false);
	assert_int_equal(gauges.ages->read_ns, SECOND / 10);
	assert_int_equal(gauges.ages_at_ns, fake_now_ns(&fake.host) + 20 * SECOND);
}

static struct json_object *cgroup_at(size_t i)
{
	return json_object_array_get_idx(at(root, "cgroups"), i);
}

static void cgroups_of_targets_are_marked(void **state)
{
	static struct thermo_target targets[1];
	struct thermo_snapshot s = { .nr_targets = 1, .targets = targets };

	(void)state;
	(void)snprintf(targets[0].cgroup, sizeof(targets[0].cgroup), "/app");
	step(0, false);
	root = gauges_idle_json(&gauges, &s, fake_now_ns(&fake.host));
	assert_int_equal(json_object_array_length(at(root, "nodes")), 1);
	assert_int_equal(json_object_array_length(at(root, "cgroups")), 2);
	assert_string_equal(json_object_get_string(at(cgroup_at(0), "cgroup")), "/app");
	assert_true(json_object_get_boolean(at(cgroup_at(0), "watched")));
	assert_false(json_object_get_boolean(at(cgroup_at(1), "watched")));
	assert_int_equal(number(cgroup_at(0), "memcg"), 7);
	assert_int_equal(number(at(cgroup_at(0), "anon_bytes"), "1min"), 400 << 10);
	assert_int_equal(number(at(cgroup_at(0), "file_bytes"), "new"), 4096);
	assert_int_equal(number(cgroup_at(0), "looked_ago_ns"), 5 * SECOND);
}

static void many_cgroups_are_not_all_told(void **state)
{
	char *text = malloc(1 << 16);
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 1; i <= 60; i++)
		len += (size_t)snprintf(text + len, (1 << 16) - len,
					"memcg %d /c%d\n node 0\n 1 9 %d 0 \n 2 1 0 0 \n", i, i, i);
	fake_write(&fake, LRU_GEN_TEXT, text);
	free(text);
	step(0, false);
	root = gauges_idle_json(&gauges, NULL, fake_now_ns(&fake.host));
	assert_int_equal(json_object_array_length(at(root, "cgroups")), 16);
	assert_int_equal(number(root, "cgroups_left_out"), 44);
}

static void machine_that_tells_nothing_gets_a_reason(void **state)
{
	(void)state;
	fake_remove(&fake, LRU_GEN_TEXT);
	fake_remove(&fake, "proc/vmstat");
	step(0, true);
	root = gauges_idle_json(&gauges, NULL, 0);
	assert_non_null(strstr(json_object_get_string(at(root, "error")), "mount -t debugfs"));
	assert_null(at(root, "nodes"));
	json_object_put(root);
	root = gauges_kernel_json(&gauges);
	assert_non_null(strstr(json_object_get_string(at(root, "error")), "/proc/vmstat"));
	/* Mounted later, it is read. */
	fake_write(&fake, LRU_GEN_TEXT, "memcg 7 /app\n node 0\n 1 99000 100 0 \n");
	fake_advance(&fake, 5 * SECOND);
	step(0, true);
	json_object_put(root);
	root = gauges_idle_json(&gauges, NULL, 0);
	assert_null(at(root, "error"));
	assert_non_null(at(root, "nodes"));
}

/* What goes to stderr; it holds at most one line here. */
static void step_and_hear(char *heard, size_t size, bool is_moving)
{
	int pipes[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(pipes), 0);
	(void)dup2(pipes[1], STDERR_FILENO);
	step(0, is_moving);
	(void)fflush(stderr);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	(void)close(pipes[1]);
	n = read(pipes[0], heard, size - 1);
	(void)close(pipes[0]);
	heard[n > 0 ? n : 0] = '\0';
}

static void promote(unsigned int pages)
{
	static unsigned int sum;
	char text[64];

	sum += pages;
	(void)snprintf(text, sizeof(text), "pgpromote_success %u\npgdemote_direct %u\n", sum,
		       sum / 100);
	fake_write(&fake, "proc/vmstat", text);
	fake_advance(&fake, 5 * SECOND);
}

static void kernel_that_moves_beside_us_is_told_once(void **state)
{
	char heard[512];

	(void)state;
	promote(1);
	step_and_hear(heard, sizeof(heard), true);
	promote(100); /* 20 a second */
	step_and_hear(heard, sizeof(heard), true);
	assert_string_equal(heard, "");
	promote(2000);
	step_and_hear(heard, sizeof(heard), false); /* we move nothing: no rival */
	assert_string_equal(heard, "");
	promote(2000);
	step_and_hear(heard, sizeof(heard), true);
	assert_non_null(strstr(heard, "the kernel itself promotes too, 400 pages a second"));
	promote(2000);
	step_and_hear(heard, sizeof(heard), true);
	assert_string_equal(heard, "");
	promote(400000);
	step_and_hear(heard, sizeof(heard), true);
	assert_non_null(strstr(heard, "the kernel itself demotes too"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(moves_of_the_kernel_are_told_beside_ours),
		TEST(counters_are_read_every_five_seconds),
		TEST(generations_that_are_dear_to_read_are_read_seldom),
		TEST(cgroups_of_targets_are_marked),
		TEST(many_cgroups_are_not_all_told),
		TEST(machine_that_tells_nothing_gets_a_reason),
		TEST(kernel_that_moves_beside_us_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
