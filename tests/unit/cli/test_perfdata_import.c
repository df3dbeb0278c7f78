// SPDX-License-Identifier: GPL-2.0-or-later
/* test_perfdata_import.c - a perf.data as a recording of ours. */
#include "tests/unit/test.h"

#include <errno.h>
#include <unistd.h>

#include "cli/perfdata_import.h"
#include "cli/perfdata_look.h"
#include "core/record.h"
#include "sources/perfdata_write.h"
#include "tests/unit/sources/perfdata_encode.h"

#define HOT 0x7f0000000000ull
#define COLD 0x7f0040000000ull
#define PERIOD 1000u
#define NR 10000u
#define STEP_NS 1000000u /* ten seconds in all */
#define CHILD_PID (STORY_PID + 7)

static const struct perf_format format = {
	.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
		       PERF_SAMPLE_PERIOD | PERF_SAMPLE_DATA_SRC,
	.sample_id_all = true,
};

static struct encoder e;
static uint64_t seed;

/* A pipe's header, nodes, and names of a process and its child. */
static void begin(void)
{
	e.len = 0;
	encode_magic(&e, 16);
	encode_begin(&e, PERFDATA_HEADER_ATTR, 0);
	size_t attr = e.len;

	encode_attr(&e, 0, 128);
	put_u64_at(&e, attr + 24, format.sample_type);
	encode_u64(&e, 100);
	(void)encode_end(&e);
	encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
	encode_u64(&e, PERFDATA_FEATURE_NUMA_TOPOLOGY);
	encode_feature(&e, PERFDATA_FEATURE_NUMA_TOPOLOGY, 128);
	(void)encode_end(&e);
	encode_begin(&e, PERFDATA_HEADER_FEATURE, 0);
	encode_u64(&e, PERFDATA_FEATURE_HOSTNAME);
	encode_name(&e, "there");
	(void)encode_end(&e);
}

static void put_name_at(uint64_t time_ns, int32_t pid, const char *name)
{
	const struct perf_sample_id who = { .time_ns = time_ns };

	encode_begin(&e, PERF_RECORD_COMM, 0);
	encode_u32(&e, (uint32_t)pid);
	encode_u32(&e, (uint32_t)pid);
	encode_string(&e, name);
	encode_sample_id(&e, &format, &who);
	(void)encode_end(&e);
}

static void put_name(int32_t pid, const char *name)
{
	put_name_at(0, pid, name);
}

static void put_fork(int32_t pid, int32_t parent_pid)
{
	const struct perf_sample_id who = { 0 };

	encode_begin(&e, PERF_RECORD_FORK, 0);
	encode_u32(&e, (uint32_t)pid);
	encode_u32(&e, (uint32_t)parent_pid);
	encode_u32(&e, (uint32_t)pid);
	encode_u32(&e, (uint32_t)parent_pid);
	encode_u64(&e, 0);
	encode_sample_id(&e, &format, &who);
	(void)encode_end(&e);
}

static void put_sample(int32_t pid, uint64_t time_ns, uint64_t addr, uint32_t cpu, bool store)
{
	const struct perf_sample s = { .time_ns = time_ns,
				       .addr = addr,
				       .period = PERIOD,
				       .pid = pid,
				       .tid = pid,
				       .cpu = cpu,
				       .data_src = store ? 0x229080144 : 0x1a29081042 };

	(void)encode_sample(&e, &format, &s);
}

/* Nine of ten accesses read the first 2 MiB from CPU 1, the others write the second from CPU 0. */
static void put_load(void)
{
	for (uint64_t i = 0; i < NR; i++) {
		bool hot = test_random(&seed) % 10 < 9;
		uint64_t at = test_random(&seed) % (2 << 20);

		put_sample(STORY_PID, 5000000000 + i * STEP_NS, (hot ? HOT : COLD) + at, hot, !hot);
	}
}

static int reset(void **state)
{
	(void)state;
	seed = 77;
	e.swap = e.swap_header = false;
	return 0;
}

static int import(FILE **recording, struct perfdata_summary *summary)
{
	FILE *file = fmemopen(e.bytes, e.len, "r");
	int err;

	assert_non_null(file);
	assert_true(perfdata_import_wanted(file));
	err = perfdata_import(file, recording, summary);
	(void)fclose(file);
	return err;
}

/* Return: the last snapshot; @nr: how many there are. */
static struct thermo_snapshot *read_last(FILE *recording, struct record_reader **reader, int *nr)
{
	struct thermo_snapshot *s, *last = NULL;
	int n;

	assert_int_equal(record_reader_new(reader, recording), 0);
	for (*nr = 0; (n = record_reader_next(*reader, &s)) == 1; ++*nr) {
		thermo_snapshot_put(last);
		last = s;
	}
	assert_int_equal(n, 0);
	assert_non_null(last);
	return last;
}

static void rates_users_and_directions_are_those_of_the_samples(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	double hot = 0, cold = 0;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	put_name(STORY_PID, "worker");
	put_load();
	assert_int_equal(import(&recording, &summary), 0);
	assert_int_equal(summary.nr_accesses, NR);
	assert_string_equal(summary.reason, "");
	struct thermo_snapshot *s = read_last(recording, &reader, &nr);

	assert_int_equal(nr, 20);
	assert_string_equal(record_reader_machine(reader)->hostname, "there");
	assert_int_equal(record_machine_node_of_cpu(record_reader_machine(reader), 1), 2);
	assert_non_null(record_reader_end(reader));
	assert_int_equal(s->nr_targets, 1);
	assert_int_equal(s->targets[0].pid, STORY_PID);
	assert_string_equal(s->targets[0].name, "worker");
	assert_int_equal(s->counters.ingested, NR);
	assert_int_equal(s->counters.no_target + s->counters.no_region + s->counters.dropped, 0);
	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];
		bool is_hot = r->start < HOT + (2 << 20);

		*(is_hot ? &hot : &cold) += r->accesses_per_s;
		assert_near(is_hot ? r->read_share : r->write_share, 1, 0.1);
		assert_int_equal(r->cpus[0].key, is_hot);
		assert_int_equal(r->accessor_nodes[0].key, is_hot ? 2 : 0);
		assert_int_equal(r->nodes[0].bytes, 0); /* where pages were nobody knows */
	}
	assert_near(hot, 0.9 * 1000 * PERIOD, 10);
	assert_near(cold, 0.1 * 1000 * PERIOD, 20);
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
}

static void children_are_called_as_their_parents_until_they_run_something(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	put_name(STORY_PID, "first");
	put_name(STORY_PID, "worker");
	put_fork(CHILD_PID, STORY_PID);
	put_fork(CHILD_PID + 1, CHILD_PID);
	put_fork(CHILD_PID + 2, STORY_PID);
	put_name(CHILD_PID + 2, "other");
	for (int i = 0; i < 4; i++)
		put_sample(i ? CHILD_PID + i - 1 : STORY_PID, 1000 + (uint64_t)i, HOT, 0, false);
	put_sample(99, 1010, HOT, 0, false);
	assert_int_equal(import(&recording, &summary), 0);
	struct thermo_snapshot *s = read_last(recording, &reader, &nr);

	assert_int_equal(nr, 1);
	assert_int_equal(s->nr_targets, 5);
	assert_string_equal(s->targets[0].name, ""); /* nothing tells */
	assert_string_equal(s->targets[1].name, "worker");
	assert_string_equal(s->targets[2].name, "worker");
	assert_string_equal(s->targets[3].name, "worker");
	assert_string_equal(s->targets[4].name, "other");
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
}

static void what_is_not_a_process_own_memory_is_left_out_and_counted(void **state)
{
	struct perfdata_summary summary;
	FILE *recording;

	(void)state;
	begin();
	put_sample(STORY_PID, 1000, HOT, 0, false);
	put_sample(STORY_PID, 1001, 0xffff888000000000, 0, false);
	put_sample(0, 1002, HOT, 0, false);
	put_sample(-1, 1003, HOT, 0, false);
	put_sample(STORY_PID, 1004, 0, 0, false);
	assert_int_equal(import(&recording, &summary), 0);
	assert_int_equal(summary.nr_accesses, 1);
	assert_int_equal(summary.nr_kernel, 3);
	assert_int_equal(summary.counters.no_address, 1);
	(void)fclose(recording);
}

static void file_without_addresses_or_times_is_refused_with_a_hint(void **state)
{
	struct perfdata_summary summary;
	FILE *recording;

	(void)state;
	begin();
	put_sample(STORY_PID, 1000, 0, 0, false);
	assert_int_equal(import(&recording, &summary), -ENODATA);
	assert_reason("perf mem record");
	begin();
	put_sample(STORY_PID, 0, HOT, 0, false);
	assert_int_equal(import(&recording, &summary), -ENODATA);
}

static void broken_file_gives_its_good_part_and_the_reason(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	put_load();
	e.len = e.len / 2 + 3;
	assert_int_equal(import(&recording, &summary), 0);
	assert_non_null(strstr(summary.reason, "perf.data: offset "));
	struct thermo_snapshot *s = read_last(recording, &reader, &nr);

	assert_near((double)s->counters.ingested, NR / 2.0, 2);
	assert_int_equal(record_reader_end(reader)->error, EBADMSG);
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
	e.len = 20;
	assert_int_equal(import(&recording, &summary), -EBADMSG);
}

static void pipe_is_read_as_a_file(void **state)
{
	static const char *const firsts[] = { "PERFILE2", "2ELIFREP", "\x89TCDATA\n", "" };
	struct perfdata_summary summary;
	FILE *recording;
	int fds[2];

	(void)state;
	begin();
	put_sample(STORY_PID, 1000, HOT, 0, false);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], e.bytes, e.len), e.len);
	(void)close(fds[1]);
	FILE *file = fdopen(fds[0], "r");

	assert_true(perfdata_import_wanted(file));
	assert_int_equal(perfdata_import(file, &recording, &summary), 0);
	assert_int_equal(summary.nr_accesses, 1);
	(void)fclose(recording);
	(void)fclose(file);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], firsts[i], strlen(firsts[i])), strlen(firsts[i]));
		(void)close(fds[1]);
		file = fdopen(fds[0], "r");
		assert_int_equal(perfdata_import_wanted(file), i < 2);
		/* Nothing is lost by looking. */
		assert_int_equal(getc(file), i < 3 ? (unsigned char)firsts[i][0] : EOF);
		(void)fclose(file);
	}
}

/* Any time may be in a file: the number of windows stays small. */
static void text_is_imported_as_a_perf_data_is(void **state)
{
	struct perfdata_summary summary;
	FILE *text = tmpfile(), *recording;
	struct record_reader *reader;
	struct thermo_snapshot *s = NULL, *next;
	uint64_t nr_loads = 0;

	(void)state;
	fprintf(text, "==4711== Lackey\n==4711== Command: ./worker\n");
	for (int i = 0; i < 50000; i++) {
		bool load = test_random(&seed) % 4 != 0;

		nr_loads += load;
		fprintf(text, " %c %llx,8\n", load ? 'L' : 'S',
			HOT + test_random(&seed) % (1 << 20));
	}
	fprintf(text, "what the program prints\n");
	rewind(text);
	assert_true(perfdata_import_wanted(text));
	assert_int_equal(perfdata_import(text, &recording, &summary), 0);
	assert_int_equal(summary.nr_accesses, 50000);
	assert_int_equal(summary.trouble.nr_bad, 1);
	assert_string_equal(summary.trouble.first_bad, "line 50003: what the program prints");
	assert_int_equal(record_reader_new(&reader, recording), 0);
	while (record_reader_next(reader, &next) == 1) {
		thermo_snapshot_put(s);
		s = next;
	}
	assert_non_null(s);
	assert_int_equal(s->nr_targets, 1);
	assert_int_equal(s->targets[0].pid, 4711);
	assert_string_equal(s->targets[0].name, "worker");
	/* An access a microsecond. */
	assert_near(s->accesses_per_s, 1e6, 5);
	assert_near(s->regions[0].read_share, (double)nr_loads / 50000, 10);
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
	(void)fclose(text);
}

static void what_is_none_of_these_is_not_wanted(void **state)
{
	FILE *file = tmpfile();

	(void)state;
	assert_false(perfdata_import_wanted(file));
	fprintf(file, "hello\n");
	rewind(file);
	assert_false(perfdata_import_wanted(file));
	(void)fclose(file);
}

static void trace_that_names_no_process_is_refused_with_a_hint(void **state)
{
	struct perfdata_summary summary;
	FILE *text = tmpfile(), *recording;

	(void)state;
	fprintf(text, "I  0401ab70,3\n L 1fff000628,8\n");
	rewind(text);
	assert_int_equal(perfdata_import(text, &recording, &summary), -ENODATA);
	assert_reason("==PID==");
	(void)fclose(text);
}

static void times_far_apart_cost_no_more(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	put_sample(STORY_PID, 1, HOT, 0, false);
	put_sample(STORY_PID, UINT64_MAX / 5, HOT, 0, false);
	put_sample(STORY_PID, UINT64_MAX / 4, HOT, 0, false);
	put_sample(STORY_PID, UINT64_MAX / 2, HOT, 0, false); /* these two cannot be */
	put_sample(STORY_PID, UINT64_MAX - 1, HOT, 0, false);
	assert_int_equal(import(&recording, &summary), 0);
	assert_int_equal(summary.nr_accesses, 3);
	assert_int_equal(summary.nr_kernel, 2);
	thermo_snapshot_put(read_last(recording, &reader, &nr));
	assert_int_equal(nr, 600);
	record_reader_free(reader);
	(void)fclose(recording);
}

static void more_samples_in_a_window_than_a_ring_holds_are_all_there(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	for (uint64_t i = 0; i < NR; i++)
		put_sample(STORY_PID, 1000 + i, HOT, 0, false);
	assert_int_equal(import(&recording, &summary), 0);
	struct thermo_snapshot *s = read_last(recording, &reader, &nr);

	assert_int_equal(nr, 1);
	assert_int_equal(s->counters.ingested, NR);
	assert_int_equal(s->counters.dropped, 0);
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
}

static void of_many_processes_the_most_sampled_are_kept(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader = NULL;
	FILE *recording;
	int nr;

	(void)state;
	begin();
	for (int32_t pid = 1; pid <= MEMORY_MAX_PROCESSES + 10; pid++)
		for (int i = 0; i < 1 + (pid > 10); i++)
			put_sample(pid, 1000, HOT + (uint64_t)i * (64 << 20), 0, false);
	assert_int_equal(import(&recording, &summary), 0);
	assert_int_equal(summary.nr_left_out, 10);
	assert_int_equal(summary.nr_accesses, 2 * MEMORY_MAX_PROCESSES);
	struct thermo_snapshot *s = read_last(recording, &reader, &nr);

	assert_int_equal(s->nr_targets, MEMORY_MAX_PROCESSES);
	assert_int_equal(s->targets[0].pid, 11);
	assert_int_equal(s->counters.no_target, 10);
	thermo_snapshot_put(s);
	record_reader_free(reader);
	(void)fclose(recording);
}

static void directory_is_refused_with_the_reason(void **state)
{
	FILE *file = fopen(TEST_DATA, "r"), *recording;
	struct perfdata_summary summary;

	(void)state;
	assert_non_null(file);
	assert_true(perfdata_import_wanted(file));
	assert_int_equal(perfdata_import(file, &recording, &summary), -EISDIR);
	assert_non_null(strstr(thermo_last_error(), "--threads"));
	(void)fclose(file);
}

static int import_text(const char *text, FILE **recording, struct perfdata_summary *summary)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int err;

	assert_non_null(file);
	assert_true(perfdata_import_wanted(file));
	err = perfdata_import(file, recording, summary);
	(void)fclose(file);
	return err;
}

/* perf prints no addresses of software events by default, and symbols with them if told to. */
static void page_faults_as_perf_script_prints_them_are_imported(void **state)
{
	struct perfdata_summary summary;
	FILE *recording;

	(void)state;
	assert_int_equal(import_text("  a 5 1.0: 1 page-faults:  7f00 f+0x0 (/x) 7ff0 g+0x1 (/x)\n"
				     "  a 5 1.1: 1 page-faults:  7f10 f+0x0 (/x) 7ff0 g+0x1 (/x)\n",
				     &recording, &summary),
			 0);
	assert_int_equal(summary.nr_accesses, 2);
	assert_int_equal(summary.counters.no_address, 0);
	(void)fclose(recording);
	assert_int_equal(import_text("  a 5 1.0: 1 page-faults:  7ff0 g+0x1 (/x)\n", &recording,
				     &summary),
			 -ENODATA);
	assert_non_null(strstr(thermo_last_error(), "-F +addr"));
}

/* --- files that are too long to be looked at as a whole --- */

#define NR_LONG 100000u
#define LONG_STEP_NS 100000ull /* ten seconds in all */
#define GUEST_PID (STORY_PID + 1)
#define GUEST_FROM 50250u /* between two parts that are looked at */
#define NR_GUEST 40u

static struct thermo_access long_access(uint64_t i)
{
	return (struct thermo_access){
		.addr = HOT + test_random(&seed) % (64 << 20),
		.extent_bytes = 1,
		.time_ns = 5000000000 + i * LONG_STEP_NS,
		.nr_accesses = PERIOD,
		.pid = STORY_PID,
		.tid = STORY_PID,
		.cpu = 0,
		.node = THERMO_NODE_UNKNOWN,
		.op = THERMO_OP_READ,
	};
}

/* @change: may make each of the accesses another. */
static FILE *long_file(void (*change)(uint64_t i, struct thermo_access *access))
{
	static const struct perfdata_write_event event = { 0, "test" };
	char record[] = "record", *argv[] = { record, NULL };
	FILE *file = tmpfile();
	struct perfdata_writer *w;

	assert_non_null(file);
	assert_int_equal(perfdata_writer_new(&w, fileno(file), &event, 1), 0);
	perfdata_write_name(w, STORY_PID, STORY_PID, "worker");
	for (uint64_t i = 0; i < NR_LONG; i++) {
		struct thermo_access a = long_access(i);

		if (change)
			change(i, &a);
		if (i == GUEST_FROM)
			perfdata_write_name(w, GUEST_PID, GUEST_PID, "guest");
		perfdata_write_access(w, &a);
		if (i % 1000 == 999)
			assert_int_equal(perfdata_write_round(w), 0);
	}
	assert_int_equal(perfdata_write_end(w, argv), 0);
	perfdata_writer_free(w);
	rewind(file);
	return file;
}

static void add_a_guest(uint64_t i, struct thermo_access *a)
{
	if (i < GUEST_FROM || i >= GUEST_FROM + NR_GUEST)
		return;
	if (i % 2)
		a->pid = a->tid = GUEST_PID;
	a->addr += COLD - HOT;
}

static struct thermo_snapshot *import_long(FILE *file, struct record_reader **reader,
					   struct perfdata_summary *summary, int *nr_windows)
{
	static FILE *recording;

	if (recording)
		(void)fclose(recording);
	recording = NULL;
	if (perfdata_import(file, &recording, summary) < 0)
		fail_msg("not imported: %s", thermo_last_error());
	(void)fclose(file);
	assert_string_equal(summary->reason, "");
	assert_int_equal(summary->nr_accesses + summary->nr_left_out, NR_LONG);
	return read_last(recording, reader, nr_windows);
}

/* Memory and processes that the look did not see are there as soon as they are accessed. */
static void what_the_look_missed_joins_when_it_comes(void **state)
{
	FILE *file = long_file(add_a_guest);
	struct perfdata_memory memory = { 0 };
	struct perfdata_times times = { 0 };
	struct perfdata_summary summary;
	struct record_reader *reader;
	int nr;

	(void)state;
	assert_int_equal(perfdata_look(file, &times, &memory), 0);
	assert_false(times.is_exact);
	assert_int_equal(memory.nr, 1);
	assert_true(memory.list[0].ranges[memory.list[0].nr_ranges - 1].end <= HOT + (64 << 20));
	perfdata_memory_fini(&memory);
	struct thermo_snapshot *s = import_long(file, &reader, &summary, &nr);

	assert_int_equal(nr, 20);
	assert_int_equal(s->counters.ingested, NR_LONG);
	assert_int_equal(s->counters.no_target + s->counters.no_region, 0);
	assert_int_equal(s->nr_targets, 2);
	assert_string_equal(s->targets[0].name, "worker");
	assert_int_equal(s->targets[1].pid, GUEST_PID);
	assert_string_equal(s->targets[1].name, "guest");
	assert_near(s->accesses_per_s, (double)PERIOD * 1e9 / LONG_STEP_NS, 3);
	for (uint32_t i = 0; i < s->nr_regions; i++)
		assert_true(s->regions[i].exposure_s > 0);
	thermo_snapshot_put(s);
	record_reader_free(reader);
}

/*
 * As perf record -o - writes it: the one event, whose samples do not tell which they are of, is
 * described in the beginning.  The second half of the samples is of COLD memory; long after them
 * come a name and two marks.
 */
static FILE *long_pipe(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	begin();
	put_name(STORY_PID, "worker");
	for (uint64_t i = 0; i < NR_LONG; i++) {
		uint64_t base = i < NR_LONG / 2 ? HOT : COLD;

		put_sample(STORY_PID, 5000000000 + i * LONG_STEP_NS,
			   base + test_random(&seed) % (64 << 20), 1, false);
		if (i + 1 == NR_LONG) {
			put_name_at(60000000000, STORY_PID, "worker");
			for (int mark = 0; mark < 2; mark++) {
				encode_begin(&e, PERFDATA_FINISHED_ROUND, 0);
				(void)encode_end(&e);
			}
		}
		if (e.len < sizeof(e.bytes) - 4096 && i + 1 < NR_LONG)
			continue;
		assert_int_equal(fwrite(e.bytes, 1, e.len, file), e.len);
		e.len = 0;
	}
	rewind(file);
	return file;
}

static void long_file_of_a_pipe_is_looked_at_in_parts_as_well(void **state)
{
	FILE *file = long_pipe();
	struct perfdata_memory memory = { 0 };
	struct perfdata_times times = { 0 };
	struct perfdata_summary summary;
	struct record_reader *reader;
	int nr;

	(void)state;
	assert_int_equal(perfdata_look(file, &times, &memory), 0);
	assert_false(times.is_exact);
	assert_near((double)(times.last_ns - times.first_ns), (double)NR_LONG * LONG_STEP_NS, 1);
	assert_int_equal(memory.nr, 1);
	assert_int_equal(memory.list[0].nr_ranges, 2);
	perfdata_memory_fini(&memory);
	struct thermo_snapshot *s = import_long(file, &reader, &summary, &nr);

	assert_int_equal(nr, 20);
	assert_int_equal(s->counters.ingested, NR_LONG);
	assert_string_equal(record_reader_machine(reader)->hostname, "there");
	assert_string_equal(s->targets[0].name, "worker");
	thermo_snapshot_put(s);
	record_reader_free(reader);
}

static void crowd(uint64_t i, struct thermo_access *a)
{
	a->pid = a->tid = 1000 + (int32_t)(i / 100);
}

/* A thousand processes, a few at a time: more than can be watched, but not at once. */
static void processes_that_come_and_go_all_have_their_turn(void **state)
{
	struct perfdata_summary summary;
	struct record_reader *reader;
	int nr;
	struct thermo_snapshot *s = import_long(long_file(crowd), &reader, &summary, &nr);

	(void)state;
	/* In the first window those of later, of which the look knows, count as well. */
	assert_true(summary.nr_left_out < 10);
	assert_int_equal(s->counters.ingested, summary.nr_accesses);
	assert_int_equal(s->counters.no_target, summary.nr_left_out);
	assert_int_equal(s->counters.no_region, 0);
	assert_int_equal(s->nr_targets, MEMORY_MAX_PROCESSES);
	thermo_snapshot_put(s);
	record_reader_free(reader);
}

/* Write these where the header has when the first and the last sample were taken. */
static void lie(FILE *file, uint64_t first_ns, uint64_t last_ns)
{
	const uint64_t truth[] = { 5000000000, 5000000000 + (NR_LONG - 1) * LONG_STEP_NS };
	const uint64_t lies[] = { first_ns, last_ns };
	unsigned char end[4096];

	assert_int_equal(fseeko(file, -(off_t)sizeof(end), SEEK_END), 0);
	assert_int_equal(fread(end, 1, sizeof(end), file), sizeof(end));
	unsigned char *at = memmem(end, sizeof(end), truth, sizeof(truth));

	assert_non_null(at);
	assert_int_equal(fseeko(file, (off_t)(at - end) - (off_t)sizeof(end), SEEK_END), 0);
	assert_int_equal(fwrite(lies, 1, sizeof(lies), file), sizeof(lies));
	rewind(file);
}

static void what_the_header_says_of_time_is_not_believed_blindly(void **state)
{
	static const uint64_t lies[][2] = {
		{ 0, 0 },
		{ 5000000000, 5000000001 },
		{ 1, 1ull << 40 },
		{ 1, UINT64_MAX / 4 },
		{ 4000000000, UINT64_MAX },
		{ UINT64_MAX, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		FILE *file = long_file(NULL);
		struct perfdata_summary summary;
		struct record_reader *reader;
		int nr;

		lie(file, lies[i][0], lies[i][1]);
		struct thermo_snapshot *s = import_long(file, &reader, &summary, &nr);

		assert_int_equal(nr, 20);
		assert_int_equal(s->counters.ingested, NR_LONG);
		assert_near(s->accesses_per_s, (double)PERIOD * 1e9 / LONG_STEP_NS, 3);
		thermo_snapshot_put(s);
		record_reader_free(reader);
	}
}

static void jump(uint64_t i, struct thermo_access *a)
{
	if (i >= GUEST_FROM && i < GUEST_FROM + NR_GUEST)
		a->time_ns = UINT64_MAX / 5 + i;
}

/* Nothing told of samples so late: all is done again, with as many windows as there may be. */
static void time_that_nothing_told_of_costs_a_second_reading(void **state)
{
	FILE *file = long_file(jump);
	struct perfdata_summary summary;
	struct record_reader *reader;
	int nr;

	(void)state;
	/* The writer knew. */
	struct perfdata_times times = { 0 };
	struct perfdata_memory memory = { 0 };

	assert_int_equal(perfdata_look(file, &times, &memory), 0);
	assert_int_equal(times.last_ns, UINT64_MAX / 5 + GUEST_FROM + NR_GUEST - 1);
	perfdata_memory_fini(&memory);
	unsigned char end[4096];
	uint64_t last_ns = times.last_ns;

	assert_int_equal(fseeko(file, -(off_t)sizeof(end), SEEK_END), 0);
	assert_int_equal(fread(end, 1, sizeof(end), file), sizeof(end));
	unsigned char *at = memmem(end, sizeof(end), &last_ns, sizeof(last_ns));

	assert_non_null(at);
	last_ns = 0;
	assert_int_equal(fseeko(file, (off_t)(at - end) - (off_t)sizeof(end), SEEK_END), 0);
	assert_int_equal(fwrite(&last_ns, 1, sizeof(last_ns), file), sizeof(last_ns));
	rewind(file);
	struct thermo_snapshot *s = import_long(file, &reader, &summary, &nr);

	assert_int_equal(nr, 600);
	assert_int_equal(s->counters.ingested, NR_LONG);
	thermo_snapshot_put(s);
	record_reader_free(reader);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
	const struct CMUnitTest tests[] = {
		TEST(rates_users_and_directions_are_those_of_the_samples),
		TEST(children_are_called_as_their_parents_until_they_run_something),
		TEST(what_is_not_a_process_own_memory_is_left_out_and_counted),
		TEST(file_without_addresses_or_times_is_refused_with_a_hint),
		TEST(broken_file_gives_its_good_part_and_the_reason),
		TEST(pipe_is_read_as_a_file),
		TEST(text_is_imported_as_a_perf_data_is),
		TEST(what_is_none_of_these_is_not_wanted),
		TEST(trace_that_names_no_process_is_refused_with_a_hint),
		TEST(times_far_apart_cost_no_more),
		TEST(more_samples_in_a_window_than_a_ring_holds_are_all_there),
		TEST(of_many_processes_the_most_sampled_are_kept),
		cmocka_unit_test_setup(directory_is_refused_with_the_reason, reset),
		cmocka_unit_test_setup(page_faults_as_perf_script_prints_them_are_imported, reset),
		TEST(what_the_look_missed_joins_when_it_comes),
		TEST(long_file_of_a_pipe_is_looked_at_in_parts_as_well),
		TEST(processes_that_come_and_go_all_have_their_turn),
		TEST(what_the_header_says_of_time_is_not_believed_blindly),
		TEST(time_that_nothing_told_of_costs_a_second_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
