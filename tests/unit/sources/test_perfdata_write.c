// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_perfdata_write.c - what is written is what our reader reads again, field by field,
 * and what perf itself reads, where it is installed.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/perfdata_write.h"
#include "sources/text_samples.h"

#define NR 500
#define CLIENTS 7

static const struct perfdata_write_event events[] = { { 0, "hot-source" }, { CLIENTS, "client" } };

/* Every kind of access, all fields different. */
static struct thermo_access access_of(uint32_t i)
{
	return (struct thermo_access){
		.addr = 0x7f0000000000 + 64ull * i,
		.extent_bytes = 1,
		.time_ns = 5000000000 + 10000000ull * i,
		.nr_accesses = 1 + i,
		.pid = 100 + (int32_t)i % 3,
		.tid = 100 + (int32_t)i % 5,
		.cpu = i % 4,
		.latency_ns = i % 2 ? 100 + i : 0,
		.node = THERMO_NODE_UNKNOWN,
		.op = i % THERMO_NR_OPS,
		.level = i % THERMO_NR_LEVELS,
		.source = i % 2 ? CLIENTS : 0,
	};
}

static void write_all(struct perfdata_writer *w)
{
	const struct perfdata_write_mapping anon = { .start = 0x7f0000000000,
						     .end = 0x7f0000100000,
						     .prot = PROT_READ | PROT_WRITE,
						     .flags = MAP_PRIVATE,
						     .name = "" };

	perfdata_write_name(w, 100, 100, "a name that is too long");
	perfdata_write_mapping(w, 100, &anon);
	for (uint32_t i = 0; i < NR; i++) {
		const struct thermo_access a = access_of(i);

		perfdata_write_access(w, &a);
		if (i % 50 == 49)
			assert_int_equal(perfdata_write_round(w), 0);
	}
}

/* Return: a file of which the writer's descriptor is a copy. */
static FILE *begin(struct perfdata_writer **w)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(perfdata_writer_new(w, fileno(file), events, 2), 0);
	return file;
}

static void end(struct perfdata_writer *w)
{
	char record[] = "record", *argv[] = { record, NULL };

	assert_int_equal(perfdata_write_end(w, argv), 0);
	perfdata_writer_free(w);
}

static struct perfdata *reopen(FILE *file)
{
	struct perfdata *p;

	rewind(file);
	assert_int_equal(perfdata_open(&p, file, NULL), 0);
	return p;
}

static void assert_same(const struct thermo_access *is, const struct thermo_access *should)
{
	assert_int_equal(is->addr, should->addr);
	assert_int_equal(is->time_ns, should->time_ns);
	assert_int_equal(is->nr_accesses, should->nr_accesses);
	assert_int_equal(is->pid, should->pid);
	assert_int_equal(is->tid, should->tid);
	assert_int_equal(is->cpu, should->cpu);
	assert_int_equal(is->op, should->op);
	assert_int_equal(is->level, should->level);
}

/* Only on x86 does the reader take the rate of the clock for that of latencies. */
static void assert_same_latency(const struct thermo_access *is, const struct thermo_access *should)
{
#if defined(__x86_64__) || defined(__i386__)
	assert_int_equal(is->latency_ns, should->latency_ns);
#else
	(void)is, (void)should;
#endif
}

/* Return: how many samples, all as they were written. */
static uint32_t read_all(struct perfdata *p, bool has_end)
{
	struct perfdata_item item;
	uint32_t nr = 0;
	int n;

	while ((n = perfdata_next(p, &item)) == 1) {
		if (!item.access)
			continue;
		const struct thermo_access should = access_of(nr++);

		assert_same(item.access, &should);
		if (!has_end)
			continue;
		assert_same_latency(item.access, &should);
		assert_string_equal(item.event->name, should.source ? "client" : "hot-source");
	}
	assert_int_equal(n, 0);
	return nr;
}

static void what_is_written_is_read_again(void **state)
{
	const struct perfdata_counters *c;
	struct perfdata_writer *w;
	FILE *file = begin(&w);
	struct perfdata *p;

	(void)state;
	write_all(w);
	perfdata_write_lost(w, CLIENTS, 3);
	perfdata_write_lost(w, 0, 4);
	perfdata_write_lost(w, 200, 5);
	assert_int_equal(perfdata_writer_counters(w)->samples, NR);
	end(w);
	p = reopen(file);
	assert_int_equal(read_all(p, true), NR);
	c = perfdata_counters(p);
	assert_int_equal(c->lost, 7);
	assert_int_equal(c->bad + c->no_event + c->late + c->bad_features, 0);
	assert_int_equal(perfdata_nr_events(p), 2);
	assert_true(perfdata_machine(p)->hostname[0]);
	assert_true(perfdata_machine(p)->nr_cpus >= 1);
	perfdata_close(p);
	(void)fclose(file);
}

static void names_and_mappings_are_read_again(void **state)
{
	struct perfdata_writer *w;
	FILE *file = begin(&w);
	struct perfdata_item item;
	struct perfdata *p;

	(void)state;
	write_all(w);
	end(w);
	p = reopen(file);
	assert_int_equal(perfdata_next(p, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_COMM);
	assert_string_equal(item.record->comm.name, "a name that is ");
	assert_int_equal(perfdata_next(p, &item), 1);
	assert_int_equal(item.record->type, PERF_RECORD_MMAP2);
	assert_string_equal(item.record->mmap.name, "//anon");
	assert_int_equal(item.record->mmap.start, 0x7f0000000000);
	assert_int_equal(item.record->mmap.bytes, 0x100000);
	assert_true(item.record->mmap.is_data);
	perfdata_close(p);
	(void)fclose(file);
}

static void killed_writer_leaves_whole_rounds(void **state)
{
	struct perfdata_writer *w;
	FILE *file = begin(&w);
	struct perfdata *p;

	(void)state;
	p = reopen(file); /* before the first */
	assert_int_equal(read_all(p, false), 0);
	perfdata_close(p);
	write_all(w);
	for (uint32_t i = NR; i < NR + 10; i++) {
		const struct thermo_access a = access_of(i);

		perfdata_write_access(w, &a);
	}
	/* As if a buffer had been written, and its writer killed before the header was. */
	assert_true(pwrite(fileno(file), "half of a rec", 13, (off_t)perfdata_writer_bytes(w)) ==
		    13);
	p = reopen(file);
	assert_int_equal(read_all(p, false), NR);
	perfdata_close(p);
	perfdata_writer_free(w);
	(void)fclose(file);
}

static void what_is_no_sample_is_left_out_and_counted(void **state)
{
	struct thermo_access a = access_of(0);
	const struct perfdata_write_counters *c;
	struct perfdata_writer *w;
	FILE *file = begin(&w);
	struct perfdata_item item;
	struct perfdata *p;

	(void)state;
	a.nr_accesses = 0;
	perfdata_write_access(w, &a);
	a.nr_accesses = 1;
	a.source = 3;
	perfdata_write_access(w, &a);
	/* What a hostile client may say does no harm. */
	a.source = 0;
	a.op = a.level = a.space = 255;
	a.pid = a.tid = INT32_MIN;
	a.cpu = THERMO_CPU_UNKNOWN;
	perfdata_write_access(w, &a);
	c = perfdata_writer_counters(w);
	assert_int_equal(c->negative, 1);
	assert_int_equal(c->no_event, 1);
	assert_int_equal(c->samples, 1);
	end(w);
	p = reopen(file);
	do
		assert_int_equal(perfdata_next(p, &item), 1);
	while (!item.access);
	assert_int_equal(item.access->op, THERMO_OP_UNKNOWN);
	assert_int_equal(item.access->level, THERMO_LEVEL_UNKNOWN);
	assert_int_equal(item.access->pid, 0);
	assert_int_equal(item.access->tid, 0);
	assert_int_equal(item.access->cpu, THERMO_CPU_UNKNOWN);
	perfdata_close(p);
	(void)fclose(file);
}

static void physical_address_is_one_and_no_virtual_one(void **state)
{
	const struct perfdata_opts opts = { .physical = true };
	struct thermo_access a = access_of(0);
	struct perfdata_writer *w;
	FILE *file = begin(&w);
	struct perfdata_item item;
	struct perfdata *p;

	(void)state;
	a.space = THERMO_SPACE_PHYSICAL;
	perfdata_write_access(w, &a);
	end(w);
	rewind(file);
	assert_int_equal(perfdata_open(&p, file, &opts), 0);
	do
		assert_int_equal(perfdata_next(p, &item), 1);
	while (!item.access);
	assert_int_equal(item.access->addr, a.addr);
	assert_int_equal(item.access->space, THERMO_SPACE_PHYSICAL);
	assert_int_equal(item.record->sample.addr, 0);
	perfdata_close(p);
	(void)fclose(file);
}

static void full_disk_is_told_by_the_next_round(void **state)
{
	struct perfdata_writer *w = NULL;
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)state;
	if (fd < 0) {
		print_message("SKIPPED: no /dev/full\n");
		skip();
	}
	assert_int_equal(perfdata_writer_new(&w, fd, events, 2), -ENOSPC);
	assert_reason("No space left");
	perfdata_writer_free(w);
	(void)close(fd);
}

static void pipe_is_refused(void **state)
{
	struct perfdata_writer *w = NULL;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(perfdata_writer_new(&w, fds[1], events, 2), -ESPIPE);
	assert_reason("name a file");
	assert_int_equal(perfdata_writer_new(&w, fds[1], events, 0), -EINVAL);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* --- perf itself --- */

/* What perf script says of the file; NULL where there is no perf. */
static FILE *run_perf_script(FILE *file)
{
	FILE *out = tmpfile();
	char path[64];
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)dup2(fileno(out), STDOUT_FILENO);
		(void)close(STDIN_FILENO);
		(void)open("/dev/null", O_RDWR);
		(void)dup2(STDIN_FILENO, STDERR_FILENO);
		(void)execlp("perf", "perf", "script", "-f", "-i", path, "--ns", "-F",
			     "comm,pid,tid,cpu,time,period,event,addr,data_src,weight,ip,sym,dso,"
			     "phys_addr",
			     (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 127) {
		(void)fclose(out);
		return NULL;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	rewind(out);
	return out;
}

static void check_against_perf(FILE *file)
{
	FILE *text = run_perf_script(file);
	struct text_samples *t;
	struct perfdata_item item;
	uint32_t nr = 0;

	if (!text) {
		print_message("SKIPPED: perf is not installed: what it reads is not known\n");
		(void)fclose(file);
		skip();
	}
	assert_int_equal(text_samples_open(&t, text, TEXT_PERF_SCRIPT), 0);
	while (text_samples_next(t, &item) == 1) {
		if (!item.access)
			continue;
		const struct thermo_access should = access_of(nr++);

		assert_same(item.access, &should);
		assert_int_equal(item.record->sample.latency_cycles, should.latency_ns);
	}
	assert_int_equal(nr, NR);
	assert_int_equal(text_samples_trouble(t)->nr_bad, 0);
	text_samples_close(t);
	(void)fclose(text);
}

static void perf_reads_the_same(void **state)
{
	struct perfdata_writer *w;
	FILE *file = begin(&w);

	(void)state;
	write_all(w);
	end(w);
	check_against_perf(file);
	(void)fclose(file);
}

static void perf_reads_what_a_killed_writer_left(void **state)
{
	struct perfdata_writer *w;
	FILE *file = begin(&w);

	(void)state;
	write_all(w);
	perfdata_writer_free(w);
	check_against_perf(file);
	(void)fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(names_and_mappings_are_read_again),
		cmocka_unit_test(killed_writer_leaves_whole_rounds),
		cmocka_unit_test(what_is_no_sample_is_left_out_and_counted),
		cmocka_unit_test(physical_address_is_one_and_no_virtual_one),
		cmocka_unit_test(full_disk_is_told_by_the_next_round),
		cmocka_unit_test(pipe_is_refused),
		cmocka_unit_test(perf_reads_the_same),
		cmocka_unit_test(perf_reads_what_a_killed_writer_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
