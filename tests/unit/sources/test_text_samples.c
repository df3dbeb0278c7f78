// SPDX-License-Identifier: GPL-2.0-or-later
/* test_text_samples.c - items out of text. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "sources/text_samples.h"
#include "tests/unit/sources/test_data.h"

static struct text_samples *t;
static FILE *file;

static void open_text(const char *text, size_t bytes, enum text_format format)
{
	file = fmemopen((void *)(uintptr_t)text, bytes, "r");
	assert_non_null(file);
	assert_int_equal(text_recognise(text, bytes), format);
	assert_int_equal(text_samples_open(&t, file, format), 0);
}

static void done(void)
{
	struct perfdata_item item;

	assert_int_equal(text_samples_next(t, &item), 0);
	text_samples_close(t);
	(void)fclose(file);
}

static const struct thermo_access *next_access(void)
{
	static struct perfdata_item item;

	assert_int_equal(text_samples_next(t, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_SAMPLE);
	assert_non_null(item.access);
	assert_int_equal(item.time_ns, item.access->time_ns);
	return item.access;
}

static void assert_name(int32_t pid, const char *name)
{
	struct perfdata_item item;

	assert_int_equal(text_samples_next(t, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_COMM);
	assert_null(item.access);
	assert_int_equal(item.record->comm.pid, pid);
	assert_string_equal(item.record->comm.name, name);
}

static void lackey_gives_each_access_and_a_modify_gives_two(void **state)
{
	static const char text[] = "==77== Lackey, an example Valgrind tool\n"
				   "==77== Command: /usr/bin/ls -l\n\n"
				   "I  0401ab70,3\n L 1fff000628,8\n S 1fff000620,4\n"
				   "hello from the program\n M 0421c7cc,2\n";
	static const struct {
		uint64_t addr;
		uint16_t bytes;
		enum thermo_op op;
	} want[] = { { 0x401ab70, 3, THERMO_OP_READ },
		     { 0x1fff000628, 8, THERMO_OP_READ },
		     { 0x1fff000620, 4, THERMO_OP_WRITE },
		     { 0x421c7cc, 2, THERMO_OP_READ },
		     { 0x421c7cc, 2, THERMO_OP_WRITE } };

	(void)state;
	open_text(text, strlen(text), TEXT_LACKEY);
	assert_name(77, "ls");
	for (size_t i = 0; i < 5; i++) {
		const struct thermo_access *a = next_access();

		assert_int_equal(a->addr, want[i].addr);
		assert_int_equal(a->access_bytes, want[i].bytes);
		assert_int_equal(a->op, want[i].op);
		assert_int_equal(a->nr_accesses, 1);
		assert_int_equal(a->pid, 77);
		assert_int_equal(a->tid, 0);
		assert_int_equal(a->cpu, THERMO_CPU_UNKNOWN);
		assert_int_equal(a->time_ns, (i + 1) * TEXT_ACCESS_NS);
	}
	assert_int_equal(text_samples_trouble(t)->nr_bad, 1);
	assert_string_equal(text_samples_trouble(t)->first_bad, "line 7: hello from the program");
	assert_int_equal(text_samples_counters(t)->samples, 5);
	done();
}

static void lines_of_another_process_are_counted(void **state)
{
	static const char text[] = "==77== a\n==78== b\n==78== Command: x\n L 10,1\n";

	(void)state;
	open_text(text, strlen(text), TEXT_LACKEY);
	assert_int_equal(next_access()->pid, 77);
	assert_int_equal(text_samples_trouble(t)->nr_other_pids, 2);
	done();
}

static void script_names_processes_after_their_first_thread(void **state)
{
	static const char text[] = "# hostname : there\n# cpudesc : Some CPU @ 2.00GHz\n"
				   "  helper 5/6 [001] 1.000000: 100 e: 7f00\n"
				   "  helper 5/7 [001] 1.000001: 100 e: 7f08\n"
				   "    main 5/5 [001] 1.000002: 100 e: 7f10\n"
				   "nonsense\n\x1b[31mmore\n"
				   "  helper 5/6 [001] 1.000003: 100 e: 7f18";

	(void)state;
	open_text(text, strlen(text), TEXT_PERF_SCRIPT);
	assert_name(5, "helper");
	assert_int_equal(next_access()->tid, 6);
	assert_int_equal(next_access()->addr, 0x7f08);
	assert_name(5, "main");
	assert_int_equal(next_access()->tid, 5);
	/* The last line has no end. */
	assert_int_equal(next_access()->addr, 0x7f18);
	assert_string_equal(text_samples_machine(t)->hostname, "there");
	assert_int_equal(text_samples_trouble(t)->nr_bad, 2);
	assert_string_equal(text_samples_trouble(t)->first_bad, "line 6: nonsense");
	done();
}

static void latency_needs_the_rate_of_the_cpu(void **state)
{
	static const char line[] = " a 5 1.0: e: 7f00  11868100242 |OP LOAD|LVL L1|SNP None|TLB "
				   "None|LCK No|BLK  N/A   200 77 f+0x1 (x)\n";
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof(text), "%s# cpudesc : X @ 2.00GHz\n%s", line, line);
	open_text(text, strlen(text), TEXT_PERF_SCRIPT);
	assert_name(5, "a");
	assert_int_equal(next_access()->latency_ns, 0);
	const struct thermo_access *a = next_access();

	assert_int_equal(a->latency_ns, 100);
	assert_int_equal(a->op, THERMO_OP_READ);
	assert_int_equal(a->level, THERMO_LEVEL_LINE_FILL_BUFFER);
	assert_int_equal(a->nr_accesses, 1);
	done();
}

static void place_before_a_call_chain_is_the_address(void **state)
{
	static const char text[] = "  a 5 1.0: 1 page-faults:  7f00 f+0x0 (/x)\n"
				   "\t  55ff g+0x1 (/x)\n\n"
				   "  a 5 1.1: 1 page-faults:  7f10 f+0x0 (/x)\n"
				   "  a 5 1.2: 1 page-faults:  7f20 f+0x0 (/x)\n"
				   "\t  55ff g+0x1 (/x)\n\n"
				   "  a 5 1.3: 1 page-faults:  7f30 [unknown] ([stack])\n\n";
	struct perfdata_item item;

	(void)state;
	open_text(text, strlen(text), TEXT_PERF_SCRIPT);
	assert_name(5, "a");
	assert_int_equal(next_access()->addr, 0x7f00);
	assert_int_equal(text_samples_next(t, &item), 1);
	assert_null(item.access);
	assert_int_equal(next_access()->addr, 0x7f20);
	assert_int_equal(next_access()->addr, 0x7f30); /* a chain without frames */
	done();
}

static void what_comes_before_many_samples_is_recognised(void **state)
{
	static const char header[] = "# ========\n# captured on    : today\n";
	static const char records[] = "  a 5 0.000000: PERF_RECORD_COMM: a:5/5\n";

	(void)state;
	assert_int_equal(text_recognise(header, strlen(header)), TEXT_PERF_SCRIPT);
	assert_int_equal(text_recognise(records, strlen(records)), TEXT_PERF_SCRIPT);
}

static void endless_line_is_one_bad_line(void **state)
{
	size_t bytes = 3u << 20;
	char *text = malloc(bytes + 64);

	(void)state;
	memcpy(text, " L 10,1\n", 8);
	memset(text + 8, 'x', bytes - 8);
	memcpy(text + bytes, "\n L 20,1\r\n", 11);
	open_text(text, bytes + 10, TEXT_LACKEY);
	assert_int_equal(next_access()->addr, 0x10);
	assert_int_equal(next_access()->addr, 0x20);
	assert_int_equal(text_samples_trouble(t)->nr_bad, 1);
	assert_int_equal(strncmp(text_samples_trouble(t)->first_bad, "line 2: xxx", 11), 0);
	done();
	free(text);
}

static void line_with_a_nul_is_bad(void **state)
{
	static const char text[] = "  a 5 1.000000: 1 e: 7f00\n  a 5 1.0: 1 e: 7f08\0hidden\n";

	(void)state;
	file = fmemopen((void *)(uintptr_t)text, sizeof(text) - 1, "r");
	assert_int_equal(text_samples_open(&t, file, TEXT_PERF_SCRIPT), 0);
	assert_name(5, "a");
	assert_int_equal(next_access()->addr, 0x7f00);
	done();
}

static void neither_is_said_of_what_is_neither(void **state)
{
	static const char binary[] = " L 10,1\n\0";

	(void)state;
	assert_int_equal(text_recognise("", 0), TEXT_NONE);
	assert_int_equal(text_recognise("hello\nworld\n", 12), TEXT_NONE);
	assert_int_equal(text_recognise(binary, sizeof(binary)), TEXT_NONE);
}

/* --- what perf script said of a real recording --- */

static void real_text_says_what_the_recording_says(void **state)
{
	FILE *recording = open_test_data("perf.data.weight_struct");
	struct perfdata_item of_text, item;
	struct perfdata *p;
	int nr = 0;

	(void)state;
	file = open_test_data("perf.data.weight_struct.perf-script.txt");
	assert_int_equal(text_samples_open(&t, file, TEXT_PERF_SCRIPT), 0);
	assert_int_equal(perfdata_open(&p, recording, NULL), 0);
	while (perfdata_next(p, &item) == 1) {
		if (item.record->type != PERF_RECORD_SAMPLE)
			continue;
		assert_int_equal(text_samples_next(t, &of_text), 1);
		const struct perf_sample *a = &of_text.record->sample, *b = &item.record->sample;

		nr++;
		assert_int_equal(a->pid, b->pid);
		assert_int_equal(a->tid, b->tid);
		assert_int_equal(a->cpu, b->cpu);
		assert_int_equal(a->time_ns / 1000, b->time_ns / 1000);
		assert_int_equal(a->addr, b->addr);
		assert_int_equal(a->data_src, b->data_src);
		assert_int_equal(a->latency_cycles, b->latency_cycles);
		assert_int_equal(of_text.access->op, item.access->op);
		assert_int_equal(of_text.access->level, item.access->level);
	}
	assert_int_equal(nr, 14);
	assert_int_equal(text_samples_trouble(t)->nr_bad, 0);
	perfdata_close(p);
	(void)fclose(recording);
	done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lackey_gives_each_access_and_a_modify_gives_two),
		cmocka_unit_test(lines_of_another_process_are_counted),
		cmocka_unit_test(script_names_processes_after_their_first_thread),
		cmocka_unit_test(latency_needs_the_rate_of_the_cpu),
		cmocka_unit_test(place_before_a_call_chain_is_the_address),
		cmocka_unit_test(what_comes_before_many_samples_is_recognised),
		cmocka_unit_test(endless_line_is_one_bad_line),
		cmocka_unit_test(line_with_a_nul_is_bad),
		cmocka_unit_test(neither_is_said_of_what_is_neither),
		cmocka_unit_test(real_text_says_what_the_recording_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
