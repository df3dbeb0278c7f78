/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_idle_ages.c - from generations to how long memory has been idle at least. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/idle_ages.h"
#include "tests/unit/fake_host.h"

#define PAGE 4096ull
#define MIB (1ull << 20)

static struct idle_ages *ages;

static int make(void **state)
{
	(void)state;
	ages = calloc(1, sizeof(*ages));
	return ages == NULL;
}

static int drop(void **state)
{
	(void)state;
	free(ages);
	return 0;
}

static void parse(const char *text)
{
	idle_ages_parse(ages, text, strlen(text));
}

static void buckets_are_in_order(void **state)
{
	(void)state;
	assert_string_equal(idle_bucket_name(IDLE_NEW), "new");
	for (int b = IDLE_1S; b < IDLE_NR_BUCKETS; b++)
		assert_true(idle_bucket_ms((enum idle_bucket)b) >
			    idle_bucket_ms((enum idle_bucket)(b - 1)));
}

static void idle_time_is_as_of_the_latest_look(void **state)
{
	const struct idle_row *row = &ages->rows[0];

	(void)state;
	/* Looks 100 s, 70 s and 5 s ago; the oldest generation was begun long before. */
	parse("memcg 7 /app\n node 1\n"
	      " 4 900000 100 1 \n" /* not seen by the looks 70 and 5 s ago */
	      " 5 100000 200 2 \n" /* seen by that 70 s ago, not by the last one */
	      " 6 70000 300 3 \n"  /* seen by the last one */
	      " 7 5000 400 4 \n"); /* came since */
	assert_int_equal(ages->nr_rows, 1);
	row = &ages->rows[0];
	assert_string_equal(row->path, "/app");
	assert_int_equal(row->node, 1);
	assert_int_equal(row->memcg, 7);
	assert_int_equal(row->looked_ms, 5000);
	assert_int_equal(row->anon_bytes[IDLE_1MIN], (100 + 200) * PAGE); /* 95 s and 65 s */
	assert_int_equal(row->file_bytes[IDLE_1MIN], (1 + 2) * PAGE);
	assert_int_equal(row->anon_bytes[IDLE_0], 300 * PAGE);
	assert_int_equal(row->anon_bytes[IDLE_NEW], 400 * PAGE);
	assert_int_equal(idle_row_bytes(row), 1010 * PAGE);
}

static void memory_that_was_never_looked_at_is_not_called_idle(void **state)
{
	(void)state;
	/* A day after the cgroup was made, and no look: all generations are as old. */
	parse("memcg 7 /app\n node 0\n 0 86400000 1 0 \n 1 86400000 2 0 \n 2 86400000 4 0 \n"
	      " 3 86400000 8 0 \n");
	assert_int_equal(ages->rows[0].anon_bytes[IDLE_0], 7 * PAGE);
	assert_int_equal(ages->rows[0].anon_bytes[IDLE_NEW], 8 * PAGE);
	for (int b = IDLE_1S; b < IDLE_NR_BUCKETS; b++)
		assert_int_equal(ages->rows[0].anon_bytes[b], 0);
	assert_int_equal(ages->rows[0].looked_ms, 86400000);
}

static void each_bucket_begins_where_it_says(void **state)
{
	(void)state;
	for (int b = IDLE_1S; b < IDLE_NR_BUCKETS; b++) {
		uint64_t from_ms = idle_bucket_ms((enum idle_bucket)b);
		char text[160];

		(void)snprintf(text, sizeof(text),
			       "memcg 1 /\n node 0\n 1 %llu 1 0 \n 2 %llu 2 0 \n 3 10 0 0 \n",
			       (unsigned long long)from_ms + 20, (unsigned long long)from_ms + 10);
		parse(text);
		assert_int_equal(ages->rows[0].anon_bytes[b], PAGE);
		(void)snprintf(text, sizeof(text),
			       "memcg 1 /\n node 0\n 1 %llu 1 0 \n 2 %llu 2 0 \n 3 10 0 0 \n",
			       (unsigned long long)from_ms + 20, (unsigned long long)from_ms + 9);
		parse(text);
		assert_int_equal(ages->rows[0].anon_bytes[b], 0);
		assert_int_equal(ages->rows[0].anon_bytes[b - 1] > 0, 1);
	}
}

static void nodes_are_the_sum_of_their_cgroups(void **state)
{
	(void)state;
	parse("memcg 1 /\n node 2\n 1 9000 100 0 \n 2 1000 0 0 \n node 0\n 1 9 5 0 \n 2 1 0 0 \n"
	      "memcg 2 /b\n node 2\n 1 9000 300 7 \n 2 5000 0 0 \n node 0\n 1 9 0 0 \n"
	      "memcg 3 /empty\n node 0\n 1 9 0 0 \n");
	assert_int_equal(ages->nr_nodes, 2);
	assert_int_equal(ages->nodes[0].node, 0);
	assert_int_equal(ages->nodes[1].node, 2);
	assert_int_equal(idle_row_bytes(&ages->nodes[1]), 407 * PAGE);
	assert_int_equal(ages->nodes[1].anon_bytes[IDLE_0], 400 * PAGE);
	assert_near((double)ages->nodes[1].looked_ms, (1000.0 * 100 + 5000.0 * 307) / 407, 1);
	/* The largest first; what has nothing is not told. */
	assert_int_equal(ages->nr_rows, 3);
	assert_string_equal(ages->rows[0].path, "/b");
	assert_int_equal(ages->nr_bad, 0);
}

static void only_the_largest_cgroups_are_told_one_by_one(void **state)
{
	size_t size = 1 << 20, len = 0;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 1; i <= 400; i++)
		len += (size_t)snprintf(text + len, size - len,
					"memcg %u /c%u\n node 0\n 1 9 %u 0 \n 2 1 0 0 \n", i, i,
					i * 7 % 401);
	idle_ages_parse(ages, text, len);
	free(text);
	assert_int_equal(ages->nr_rows, IDLE_MAX_ROWS);
	assert_int_equal(ages->nr_left_out, 400 - IDLE_MAX_ROWS);
	assert_int_equal(idle_row_bytes(&ages->rows[0]), 400 * PAGE);
	assert_int_equal(idle_row_bytes(&ages->rows[IDLE_MAX_ROWS - 1]),
			 (400 - IDLE_MAX_ROWS + 1) * PAGE);
	/* The node's sum has them all. */
	assert_int_equal(idle_row_bytes(&ages->nodes[0]), 400ull * 401 / 2 * PAGE);
}

static void long_path_is_cut(void **state)
{
	char text[1024] = "memcg 1 /";
	size_t len = strlen(text);

	(void)state;
	memset(text + len, 'p', 600);
	(void)snprintf(text + len + 600, sizeof(text) - len - 600, "\n node 0\n 1 9 1 0 \n");
	parse(text);
	assert_int_equal(strlen(ages->rows[0].path), IDLE_PATH_BYTES - 1);
}

/* --- of a machine --- */

static void each_reason_not_to_tell_is_its_own(void **state)
{
	struct fake_host fake;

	(void)state;
	fake_host_init(&fake);
	assert_int_equal(idle_ages_probe(&fake.host, "mglru"), -EOPNOTSUPP);
	assert_reason("mglru: this kernel has no multi-gen LRU");
	fake_write(&fake, LRU_GEN_ENABLED, "0x0006\n");
	assert_int_equal(idle_ages_probe(&fake.host, "mglru"), -EOPNOTSUPP);
	assert_reason("is off");
	fake_write(&fake, LRU_GEN_ENABLED, "0x0007\n");
	assert_int_equal(idle_ages_probe(&fake.host, "mglru"), -ENOENT);
	assert_reason("mount -t debugfs");
	fake_write(&fake, LRU_GEN_TEXT, "memcg 1 /\n node 0\n 1 9 1 0 \n");
	assert_int_equal(idle_ages_probe(&fake.host, "mglru"), 0);
	fake_host_fini(&fake);
}

static void what_is_read_has_its_time_and_a_failure_changes_nothing(void **state)
{
	struct fake_host fake;

	(void)state;
	fake_host_init(&fake);
	fake_write(&fake, LRU_GEN_TEXT, "memcg 1 /\n node 0\n 1 9 256 0 \n");
	assert_int_equal(idle_ages_read(ages, &fake.host), 0);
	assert_int_equal(ages->time_ns, fake_now_ns(&fake.host));
	assert_int_equal(idle_row_bytes(&ages->nodes[0]), MIB);
	fake_remove(&fake, LRU_GEN_TEXT);
	fake_advance(&fake, 1000);
	assert_int_equal(idle_ages_read(ages, &fake.host), -ENOENT);
	assert_int_equal(idle_row_bytes(&ages->nodes[0]), MIB);
	fake_host_fini(&fake);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(buckets_are_in_order),
		TEST(idle_time_is_as_of_the_latest_look),
		TEST(memory_that_was_never_looked_at_is_not_called_idle),
		TEST(each_bucket_begins_where_it_says),
		TEST(nodes_are_the_sum_of_their_cgroups),
		TEST(only_the_largest_cgroups_are_told_one_by_one),
		TEST(long_path_is_cut),
		TEST(each_reason_not_to_tell_is_its_own),
		TEST(what_is_read_has_its_time_and_a_failure_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
