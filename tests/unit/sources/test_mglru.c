/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mglru.c - which cgroups the kernel is made to look at, when, and how it is asked. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/idle_ages.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define SECOND 1000000000ull

extern const struct thermo_source thermo_source_mglru;

static const struct thermo_source *const source = &thermo_source_mglru;
static struct fake_host fake;
static struct thermo_source_opts opts;
static void *mem;

static const char two_nodes[] =
		"memcg     1 /\n node     0\n          1      10          5        0 \n"
		"memcg     9 /app\n"
		" node     0\n"
		"          3      40000          5         0 \n"
		"          4      20000          0         0 \n"
		" node     1\n"
		"          7      30000          8         1 \n"
		"          8      10000          0         0 \n"
		" node     2\n"
		"          0      10000          0         0 \n"
		"memcg    11 /other\n node     0\n          2      10          5        0 \n";

static void write_text(const char *text)
{
	fake_write(&fake, LRU_GEN_TEXT, text);
}

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, LRU_GEN_ENABLED, "0x0007\n");
	write_text(two_nodes);
	fake_process(&fake, &(struct fake_process){ .pid = 42, .name = "a", .cgroup = "/app" });
	fake_process(&fake, &(struct fake_process){ .pid = 43, .name = "b", .cgroup = "/app" });
	fake_process(&fake, &(struct fake_process){ .pid = 44, .name = "c", .cgroup = "/ap" });
	opts = (struct thermo_source_opts){ .host = &fake.host, .mglru_interval_ms = 10000 };
	mem = calloc(1, source->state_bytes);
	return mem == NULL;
}

static int drop(void **state)
{
	(void)state;
	source->close(mem);
	free(mem);
	fake_host_fini(&fake);
	return 0;
}

static void start(void)
{
	const pid_t pids[] = { 42, 43, 44, 45 };

	assert_int_equal(source->open(mem, &opts), 0);
	assert_int_equal(source->start(mem), 0);
	assert_int_equal(source->set_targets(mem, pids, 4), 0);
}

/* What the kernel is told by the next drain; the file is as before then. */
static const char *told(void)
{
	const char *text;

	write_text("");
	assert_int_equal(source->drain(mem, NULL), 0);
	text = fake_read(&fake, LRU_GEN_TEXT);
	return text;
}

static void reasons_why_not_begin_with_its_name(void **state)
{
	(void)state;
	assert_int_equal(source->probe(&opts), 0);
	fake_remove(&fake, LRU_GEN_TEXT);
	assert_int_equal(source->probe(&opts), -ENOENT);
	assert_reason("mglru: no /sys/kernel/debug/lru_gen");
}

static void cgroups_of_targets_are_looked_at_where_they_have_memory(void **state)
{
	struct thermo_source_counters c;

	(void)state;
	start();
	assert_int_equal(source->drain(mem, NULL), 0); /* reads */
	assert_string_equal(fake_read(&fake, LRU_GEN_TEXT), "memcg     1 /");
	assert_string_equal(told(), "+ 9 1 8 1 1");
	assert_string_equal(told(), "+ 9 0 4 1 1");
	assert_string_equal(told(), "");
	source->counters(mem, &c);
	assert_int_equal(c.seen, 2);
	assert_int_equal(c.useless, 0);
	assert_int_equal(c.reported, 0);
}

static void next_round_comes_after_the_interval(void **state)
{
	(void)state;
	start();
	assert_int_equal(source->drain(mem, NULL), 0);
	(void)told();
	(void)told();
	write_text(two_nodes);
	fake_advance(&fake, 9 * SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "");
	write_text(two_nodes);
	fake_advance(&fake, SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "+ 9 1 8 1 1");
}

static void half_the_rate_is_twice_the_interval(void **state)
{
	(void)state;
	start();
	assert_int_equal(source->set_rate(mem, 500), 0);
	assert_int_equal(source->drain(mem, NULL), 0);
	(void)told();
	(void)told();
	write_text(two_nodes);
	fake_advance(&fake, 19 * SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "");
	write_text(two_nodes);
	fake_advance(&fake, SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "+ 9 1 8 1 1");
}

/* A look that costs a second of CPU time each time its clock is read. */
static uint64_t slow_cpu_ns(const struct thermo_host *host)
{
	struct fake_host *f = host->private_data;

	/* relaxed: a clock; it orders nothing. */
	return atomic_fetch_add_explicit(&f->thread_cpu_ns, SECOND, memory_order_relaxed);
}

static void looks_that_are_dear_are_made_seldom(void **state)
{
	struct thermo_host_ops slow = fake_ops;

	(void)state;
	slow.thread_cpu_ns = slow_cpu_ns;
	fake.host.ops = &slow;
	start();
	assert_int_equal(source->drain(mem, NULL), 0);
	(void)told();
	(void)told();
	/* Two looks of a second: known to the round after, so that the one after that waits. */
	write_text(two_nodes);
	fake_advance(&fake, 10 * SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	(void)told();
	(void)told();
	write_text(two_nodes);
	fake_advance(&fake, 199 * SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "");
	write_text(two_nodes);
	fake_advance(&fake, SECOND);
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "+ 9 1 8 1 1");
}

static void without_cgroups_all_memory_is_one(void **state)
{
	(void)state;
	write_text("memcg     0 \n node     0\n          1      10          5        0 \n");
	start();
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "+ 0 0 1 1 1");
}

static void file_that_goes_ends_the_source(void **state)
{
	(void)state;
	start();
	assert_int_equal(source->drain(mem, NULL), 0);
	fake_remove(&fake, LRU_GEN_TEXT);
	assert_int_equal(source->drain(mem, NULL), -ENOENT);
}

static void nonsense_in_the_text_is_counted(void **state)
{
	struct thermo_source_counters c;

	(void)state;
	write_text("memcg 9 /app\n node 0\n what\n");
	start();
	assert_int_equal(source->drain(mem, NULL), 0);
	assert_string_equal(told(), "");
	source->counters(mem, &c);
	assert_int_equal(c.useless, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(reasons_why_not_begin_with_its_name),
		TEST(cgroups_of_targets_are_looked_at_where_they_have_memory),
		TEST(next_round_comes_after_the_interval),
		TEST(half_the_rate_is_twice_the_interval),
		TEST(looks_that_are_dear_are_made_seldom),
		TEST(without_cgroups_all_memory_is_one),
		TEST(file_that_goes_ends_the_source),
		TEST(nonsense_in_the_text_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
