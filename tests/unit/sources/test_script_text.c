// SPDX-License-Identifier: GPL-2.0-or-later
/* test_script_text.c - lines as perf script prints them, and as nobody does. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "sources/script_text.h"

static struct script_line l;

static void parse(const char *text)
{
	assert_int_equal(script_text_parse(text, &l), SCRIPT_SAMPLE);
}

static void default_columns_of_a_memory_event_are_found(void **state)
{
	(void)state;
	parse("          worker 20132 [028] 13166.196585:      10009 cpu/mem-loads,ldlat=30/P:"
	      "     55ffba5cda08     11868100242 |OP LOAD|LVL LFB/MAB or LFB/MAB hit|SNP None|TLB "
	      "L1"
	      " or L2 hit|LCK No|BLK  N/A             225               0 ffffffffa4470d46"
	      " operator|| (/a b/x)        123456000");
	assert_string_equal(l.comm, "worker");
	assert_string_equal(l.event, "cpu/mem-loads,ldlat=30/P");
	assert_int_equal(l.sample.pid, 20132);
	assert_int_equal(l.sample.tid, 20132);
	assert_int_equal(l.sample.cpu, 28);
	assert_int_equal(l.sample.time_ns, 13166196585000);
	assert_int_equal(l.sample.period, 10009);
	assert_int_equal(l.sample.addr, 0x55ffba5cda08);
	assert_int_equal(l.sample.data_src, 0x11868100242);
	assert_int_equal(l.sample.latency_cycles, 225);
	assert_int_equal(l.sample.phys_addr, 0x123456000);
	assert_int_equal(l.sample_type, PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU |
							PERF_SAMPLE_PERIOD | PERF_SAMPLE_ADDR |
							PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_WEIGHT |
							PERF_SAMPLE_PHYS_ADDR);
}

static void few_columns_are_enough(void **state)
{
	(void)state;
	parse("20132/20144 13166.196585123: page-faults:     7f00");
	assert_string_equal(l.comm, "");
	assert_int_equal(l.sample.pid, 20132);
	assert_int_equal(l.sample.tid, 20144);
	assert_int_equal(l.sample.time_ns, 13166196585123);
	assert_int_equal(l.sample.addr, 0x7f00);
	assert_int_equal(l.sample_type, PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR);
	parse("  4711 1.5: e:   7f00           12 |OP STORE|LVL N/A|SNP N/A|TLB N/A|LCK N/A");
	assert_int_equal(l.sample.time_ns, 1500000000);
	assert_int_equal(l.sample.addr, 0x7f00);
	assert_int_equal(l.sample.data_src, 0x12);
	assert_false(l.sample_type & PERF_SAMPLE_WEIGHT);
	parse("  4711 1.5: e:           12 |OP STORE|LVL N/A|SNP N/A|TLB N/A|LCK N/A       7 77 f");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	assert_int_equal(l.sample.latency_cycles, 7);
}

static void name_of_an_event_may_have_blanks(void **state)
{
	(void)state;
	parse("  a 5 [000] 1.0: 7 raw 0x1cd:HG:  7f00");
	assert_string_equal(l.event, "raw 0x1cd:HG");
	assert_int_equal(l.sample.period, 7);
	assert_int_equal(l.sample.addr, 0x7f00);
	parse("  a 5 [000] 1.0: raw 0x1cd:  7f00");
	assert_string_equal(l.event, "raw 0x1cd");
}

static void instruction_is_no_address(void **state)
{
	(void)state;
	parse("  ls 1 1.5:   1 page-faults:  ffffffff81775b9a elf_load+0x28a ([kernel.kallsyms])");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	parse("  ls 1 1.5:   1 page-faults:  ffffffff81775b9a facade (/bin/x)");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	parse("  ls 1 1.5:   1 page-faults:  7f01 ffffffff81775b9a facade (/bin/x)");
	assert_int_equal(l.sample.addr, 0x7f01);
	parse("  ls 1 1.5:   1 page-faults:  7f01 225 ffffffff81775b9a elf_load (/bin/x)");
	assert_int_equal(l.sample.addr, 0x7f01);
	parse("  ls 1 1.5:   1 page-faults: ");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
}

/* As perf 6.1 prints page faults with -F +addr, and with fields left out. */
static void address_may_have_a_symbol_too(void **state)
{
	static const char *const texts[] = {
		"  ls 1 1.5: 1 page-faults:  7fd27afb1110 dl_close+0x0 (/ld.so) ffffffff81775b9a "
		"elf_load+0x28a ([kernel.kallsyms])",
		"  ls 1 1.5: 1 page-faults:  7fd27afb1110 [unknown] ([stack]) ffffffff81775b9a "
		"elf_load+0x28a ([kernel.kallsyms])  0 N/A",
		"  ls 1 1.5: 1 page-faults:  7fd27afb1110 dl_close.2+0x0 ffffffff81775b9a "
		"elf_load+0x28a",
		"  ls 1 1.5: 1 page-faults:  7fd27afb1110 std::f(int, A*)+0x3 (/a b/x (deleted)) "
		"55ffba5cda08 operator()(int) (/bin/x)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(texts[i]);
		assert_true(l.sample_type & PERF_SAMPLE_ADDR);
		assert_int_equal(l.sample.addr, 0x7fd27afb1110);
		assert_int_equal(l.place, 0);
	}
}

static void instruction_after_a_symbol_is_no_physical_address(void **state)
{
	(void)state;
	parse("  ls 1 1.5: 1 page-faults:  7f01 f+0x0 (/a) ffffffff81775b9a g+0x2 (/b)");
	assert_false(l.sample_type & PERF_SAMPLE_PHYS_ADDR);
	parse("  ls 1 1.5: 1 page-faults:  7f01 f+0x0 (/a) ffffffff81775b9a g+0x2 (/b)  1000 4K");
	assert_int_equal(l.sample.phys_addr, 0x1000);
	parse("  ls 1 1.5: 1 e:  7f01 ffffffff81775b9a g+0x2 (/b)  123456000 4K N/A");
	assert_int_equal(l.sample.addr, 0x7f01);
	assert_int_equal(l.sample.phys_addr, 0x123456000);
}

/* With a physical address or pages of it behind, it is still one. */
static void only_place_is_told_apart(void **state)
{
	(void)state;
	parse("  ls 1 1.5:  1 page-faults:  ffffffff81775b9a elf_load+0x28a ([kernel.kallsyms])");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	assert_int_equal(l.place, 0xffffffff81775b9a);
	parse("  ls 1 1.5:  1 page-faults:  ffffffff81775b9a elf_load+0x28a (/b) 123456000 4K");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	assert_int_equal(l.place, 0xffffffff81775b9a);
	parse("  ls 1 1.5:  1 page-faults:  ffffffff81775b9a f(int) (/b) 123456000");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
	parse("  ls 1 1.5:  1 page-faults:  7f01");
	assert_int_equal(l.place, 0);
}

static void perfs_own_lines_are_told_from_others(void **state)
{
	(void)state;
	assert_true(script_text_is_perfs("# ========"));
	assert_true(script_text_is_perfs("  ls 1 [000]  0.000000: PERF_RECORD_COMM: ls:1/1"));
	assert_false(script_text_is_perfs("# hostname : there"));
	assert_false(script_text_is_perfs("  ls 1 [000]  0.000000: PERF_RECORD"));
	assert_false(script_text_is_perfs(""));
	assert_false(script_text_is_perfs("PERF_RECORD_COMM"));
}

static void name_may_be_anything(void **state)
{
	static const char *const names[] = { "Web Content", "kworker/0:1-ev", "12 [001]", ":4711",
					     "12/13",       "a: b",           "12" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%16s 20132/20144 [007]  3.5: 1 e: 7f00",
			       names[i]);
		parse(text);
		assert_string_equal(l.comm, names[i]);
		assert_int_equal(l.sample.pid, 20132);
		assert_int_equal(l.sample.tid, 20144);
		assert_int_equal(l.sample.cpu, 7);
		assert_true(l.sample_type & PERF_SAMPLE_CPU);
	}
}

static void what_perf_does_not_know_stays_unknown(void **state)
{
	(void)state;
	parse("  :-1  -1/-1  [-01] 3.5: 1 e: 7f00");
	assert_int_equal(l.sample.pid, -1);
	assert_false(l.sample_type & PERF_SAMPLE_CPU);
	parse("  a  4/5  [12] 3.5: 1 e: 7f00 anything else");
	assert_false(l.sample_type & PERF_SAMPLE_ADDR);
}

static void what_is_beside_samples_is_passed_over(void **state)
{
	static const char *const asides[] = {
		"",
		"   ",
		"# cmdline : perf record",
		"\t    55eeeb30216c g+0x15 (/tmp/spin)",
		"  ls 1 [000]  0.000000: PERF_RECORD_MMAP2 1/1: [0x56(0x1) @ 0 fe:00 1 0]: r--p /x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(asides) / sizeof(asides[0]); i++)
		assert_int_equal(script_text_parse(asides[i], &l), SCRIPT_ASIDE);
}

static void what_makes_no_sense_is_bad(void **state)
{
	static const char *const bad[] = {
		"nonsense",
		"1 2 3",
		"ls 1 [000] 3.5:",
		"ls 1 3.5: 12",
		"ls 1 3.5: 12 13 14",
		"ls 3.5: 1 e: 7f00",
		"ls 1 3.1234567890: 1 e: 7f00",
		"ls 1 99999999999999999999.5: 1 e: 7f00",
		"ls 1 18446744073709.5: 1 e: 7f00",
		"ls 1 3.5: 1 e: |OP LOAD|LVL L1",
		"ls 1 3.5: 1 e: 1 2 3 |OP LOAD|LVL L1",
		"ls 1 3.5: 1 e: 12345678123456781 7f00",
		"ls 1 .5: 1 e: 7f00",
		"ls 1 5.: 1 e: 7f00",
		"ls 99999999999 3.5: 1 e: 7f00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (script_text_parse(bad[i], &l) != SCRIPT_BAD)
			fail_msg("%s: is a sample", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_columns_of_a_memory_event_are_found),
		cmocka_unit_test(few_columns_are_enough),
		cmocka_unit_test(name_of_an_event_may_have_blanks),
		cmocka_unit_test(instruction_is_no_address),
		cmocka_unit_test(address_may_have_a_symbol_too),
		cmocka_unit_test(instruction_after_a_symbol_is_no_physical_address),
		cmocka_unit_test(only_place_is_told_apart),
		cmocka_unit_test(perfs_own_lines_are_told_from_others),
		cmocka_unit_test(name_may_be_anything),
		cmocka_unit_test(what_perf_does_not_know_stays_unknown),
		cmocka_unit_test(what_is_beside_samples_is_passed_over),
		cmocka_unit_test(what_makes_no_sense_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
