/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lru_gen.c - the kernel's text of generations, as several kernels write it. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "core/lru_gen.h"

#define MAX_LISTS 16

static struct lru_gen_list lists[MAX_LISTS];
static struct lru_gen_counts counts;
static size_t nr;

static void keep(void *context, const struct lru_gen_list *l)
{
	(void)context;
	assert_true(nr < MAX_LISTS);
	lists[nr++] = *l;
}

static void parse(const char *text)
{
	nr = 0;
	lru_gen_parse(text, strlen(text), keep, NULL, &counts);
}

static void assert_path(size_t i, const char *path)
{
	assert_int_equal(lists[i].path_len, strlen(path));
	assert_memory_equal(lists[i].path, path, strlen(path));
}

static void lists_of_two_cgroups_on_two_nodes(void **state)
{
	(void)state;
	parse("memcg     1 /\n"
	      " node     0\n"
	      "          0      18140          0          97 \n"
	      "          1      18140          0        2856 \n"
	      "          2       9000        963           0 \n"
	      "          3         20          1           2 \n"
	      " node     1\n"
	      "          0      18140          0           0 \n"
	      "memcg    27 /system.slice/a b.service\n"
	      " node     0\n"
	      "          7        100   70368744177664         0 \n");
	assert_int_equal(counts.nr_bad, 1); /* that many pages no machine has */
	parse("memcg     1 /\n"
	      " node     0\n"
	      "          0      18140          0          97 \n"
	      "          1      18140          0        2856 \n"
	      "          2       9000        963           0 \n"
	      "          3         20          1           2 \n"
	      " node     1\n"
	      "          0      18140          0           0 \n"
	      "memcg    27 /system.slice/a b.service\n"
	      " node     0\n"
	      "          7        100          5           0 \n");
	assert_int_equal(counts.nr_bad, 0);
	assert_int_equal(counts.nr_memcgs, 2);
	assert_int_equal(counts.nr_lists, 3);
	assert_int_equal(nr, 3);
	assert_int_equal(lists[0].memcg, 1);
	assert_path(0, "/");
	assert_int_equal(lists[0].nr_gens, 4);
	assert_int_equal(lists[0].gens[2].seq, 2);
	assert_int_equal(lists[0].gens[2].age_ms, 9000);
	assert_int_equal(lists[0].gens[2].anon_pages, 963);
	assert_int_equal(lists[0].gens[1].file_pages, 2856);
	assert_int_equal(lists[1].node, 1);
	assert_int_equal(lists[1].memcg, 1);
	assert_path(2, "/system.slice/a b.service");
	assert_int_equal(lists[2].memcg, 27);
}

static void columns_of_lru_gen_full_are_passed_over(void **state)
{
	(void)state;
	parse("memcg 1 /\n"
	      " node     0\n"
	      "          2      18240         11x       2856 \n"
	      "                     0          0r          0e          0p          0r          0e"
	      "          0p\n"
	      "                     3          0r          0e          0p          0r          0e"
	      "          0p\n"
	      "                                0x          0x          0x          0x\n"
	      "          3      18240          4           0 \n"
	      "                     0          0R          0T          0x          0R          0T"
	      "          0x\n"
	      "                                0T          0Y          0F          0A\n");
	assert_int_equal(counts.nr_bad, 0);
	assert_int_equal(nr, 1);
	assert_int_equal(lists[0].nr_gens, 2);
	/* Below the oldest generation of its kind: history. */
	assert_int_equal(lists[0].gens[0].anon_pages, 0);
	assert_int_equal(lists[0].gens[0].file_pages, 2856);
	assert_int_equal(lists[0].gens[1].anon_pages, 4);
}

static void kernel_without_cgroups_has_an_empty_path(void **state)
{
	(void)state;
	parse("memcg     0 \n node     0\n          0        5          1           2 \n");
	assert_int_equal(nr, 1);
	assert_path(0, "");
	parse("memcg     0\n node     0\n          0        5          1           2 \n");
	assert_int_equal(nr, 1);
	assert_path(0, "");
	assert_int_equal(counts.nr_bad, 0);
}

static void ages_cut_to_32_bits_are_made_whole(void **state)
{
	(void)state;
	parse("memcg 1 /\n node 0\n 4 1000 1 0 \n 5 4294967000 1 0 \n 6 500 1 0 \n");
	assert_int_equal(nr, 1);
	assert_int_equal(lists[0].gens[2].age_ms, 500);
	assert_int_equal(lists[0].gens[1].age_ms, 4294967000ull);
	assert_int_equal(lists[0].gens[0].age_ms, 1000 + (1ull << 32));
}

static void text_that_is_cut_off_loses_its_last_list_only(void **state)
{
	(void)state;
	parse("memcg 1 /\n node 0\n 4 1000 1 0 \n 5 400 1 0 \n node 1\n 4 1000 1 0 \n 5 40");
	assert_int_equal(nr, 1);
	assert_int_equal(lists[0].node, 0);
	assert_int_equal(counts.nr_bad, 1);
}

static void list_with_nonsense_inside_is_left_out_and_counted(void **state)
{
	static const char *const nonsense[] = {
		"what",
		"1 2 3",
		"1 2 3 4 5",
		"-1 2 3 4",
		"1 2 3y 4",
		"1x 2 3 4",
		"9 400 1 0",
		"5 99999999999999999999 1 0",
		"5 4294967296 1 0",
		"5 1 99999999999999999 0",
		"5 1 2 3\t",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "memcg 1 /\n node 0\n 4 1000 1 0 \n %s\n node 1\n 7 9 1 0 \n",
			       nonsense[i]);
		parse(text);
		if (nr != 1 || lists[0].node != 1 || counts.nr_bad != 1)
			fail_msg("'%s': %zu lists, %zu bad", nonsense[i], nr,
				 (size_t)counts.nr_bad);
	}
}

static void numbers_of_nobody_are_bad(void **state)
{
	(void)state;
	parse(" 4 1000 1 0 \n node 0\n 4 1000 1 0 \nmemcg x /\n node 0\n 4 1 1 0 \n"
	      "memcg 1 /\n node 40000\n 4 1 1 0 \n node 0 0\n 1 1 1 0 \n");
	assert_int_equal(nr, 0);
	assert_true(counts.nr_bad >= 6);
	parse("");
	assert_int_equal(nr, 0);
	assert_int_equal(counts.nr_bad, 0);
}

static void more_generations_than_there_can_be_are_bad(void **state)
{
	char text[512] = "memcg 1 /\n node 0\n";

	(void)state;
	for (int i = 0; i < 9; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %d 9 1 0 \n", i);
	parse(text);
	assert_int_equal(nr, 0);
	assert_int_equal(counts.nr_bad, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_two_cgroups_on_two_nodes),
		cmocka_unit_test(columns_of_lru_gen_full_are_passed_over),
		cmocka_unit_test(kernel_without_cgroups_has_an_empty_path),
		cmocka_unit_test(ages_cut_to_32_bits_are_made_whole),
		cmocka_unit_test(text_that_is_cut_off_loses_its_last_list_only),
		cmocka_unit_test(list_with_nonsense_inside_is_left_out_and_counted),
		cmocka_unit_test(numbers_of_nobody_are_bad),
		cmocka_unit_test(more_generations_than_there_can_be_are_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
