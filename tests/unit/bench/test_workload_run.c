/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_workload_run.c - short real runs: threads, phases, weights, and what is reported of them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/workload/config.h"
#include "bench/workload/options.h"
#include "bench/workload/run.h"
#include "bench/workload/worker.h"
#include "tests/lab/truth/format.h"
#include "thermocline/error.h"

/* Runs @text without binding threads, so that it works on any machine.  Return: as workload_run. */
static int run(const char *text, struct workload_options options, const char *path)
{
	struct workload_config config = { 0 };
	int err;

	assert_int_equal(workload_config_parse(&config, "x.cfg", text, strlen(text),
					       WORKLOAD_WRITE_ONLY),
			 0);
	options.config_path = "x.cfg";
	options.output_path = path;
	options.format = WORKLOAD_CSV;
	options.unpinned = true;
	options.populate = true;
	options.accesses_per_pick = 512;
	err = workload_run(&config, &options);
	workload_config_fini(&config);
	return err;
}

struct row {
	double seconds;
	unsigned long long accesses, reads, writes;
};

/* Finds the summary row of a thread's phase in the CSV at @path.  Return: found? */
static bool find_row(const char *path, const char *type, const char *thread, const char *phase,
		     struct row *row)
{
	FILE *in = fopen(path, "re");
	char line[512], want[128];
	bool found = false;

	assert_non_null(in);
	(void)snprintf(want, sizeof(want), ",\"%s\",\"%s\",", thread, phase);
	while (!found && fgets(line, sizeof(line), in)) {
		const char *at = strstr(line, want);

		if (!at || strncmp(line, type, strlen(type)) != 0)
			continue;
		assert_int_equal(sscanf(at + strlen(want), "%lf,%llu,%llu,%llu", &row->seconds,
					&row->accesses, &row->reads, &row->writes),
				 4);
		found = true;
	}
	(void)fclose(in);
	return found;
}

static int make_path(void **state)
{
	static char path[] = "/tmp/test_workload_XXXXXX";
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	*state = path;
	return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
	return unlink(*state);
}

static void each_thread_does_its_own(void **state)
{
	struct row a, b, all;

	assert_int_equal(run("x, 64K\ny, 64K\n\nthread A\n\np\n300\nx, 1, 0, 1, ro\n\n"
			     "thread B\n\nq\n100\ny, 1, 0, 1, wo\n",
			     (struct workload_options){ .nr_repeats = 1 }, *state),
			 0);
	assert_true(find_row(*state, "phase", "A", "p", &a));
	assert_true(find_row(*state, "phase", "B", "q", &b));
	assert_true(find_row(*state, "total", "all", "(total)", &all));
	assert_true(a.reads > 0 && a.writes == 0);
	assert_true(b.reads == 0 && b.writes > 0);
	assert_true(all.accesses == a.reads + b.writes);
	/* Loose at the end where a loaded machine starts threads late. */
	assert_true(a.seconds > 0.2 && b.seconds > 0.02);
	assert_false(find_row(*state, "phase", "all", "p", &all));
}

static void lines_are_picked_by_their_weights(void **state)
{
	struct row row;

	assert_int_equal(run("x, 64K\n\np\n200\nx, 1, 0, 30, ro\nx, 1, 0, 0, wo\nx, 1, 0, 10, wo\n",
			     (struct workload_options){ .nr_repeats = 1 }, *state),
			 0);
	assert_true(find_row(*state, "phase", "main", "p", &row));
	assert_true(row.reads > row.accesses / 100 * 72 && row.reads < row.accesses / 100 * 78);
}

static void phases_follow_each_other_and_repeat(void **state)
{
	struct row first, second;

	assert_int_equal(run("x, 64K\n\none\n30\nx, 1, 0, 1, ro\n\ntwo\n60\nx, 0, 64, 1, rw\n",
			     (struct workload_options){ .nr_repeats = 2 }, *state),
			 0);
	assert_true(find_row(*state, "phase", "main", "one", &first));
	assert_true(find_row(*state, "phase", "main", "two", &second));
	assert_true(first.writes == 0 && second.reads == second.writes && second.reads > 0);
	/* Ends are due at fixed times; only a late start may take from the first. */
	assert_true(first.seconds + second.seconds > 0.1);
}

static void copies_of_one_thread_get_numbers(void **state)
{
	struct row row;

	assert_int_equal(run("x, 64K\n\np\n50\nx, 1, 0, 1\n",
			     (struct workload_options){ .nr_repeats = 1, .nr_threads = 3 }, *state),
			 0);
	assert_true(find_row(*state, "phase", "main2", "p", &row));
	assert_true(find_row(*state, "phase", "all", "p", &row));
	assert_false(find_row(*state, "phase", "main3", "p", &row));
}

static void intervals_sum_up_to_what_was_done(void **state)
{
	struct row interval, total;

	assert_int_equal(run("x, 64K\n\np\n500\nx, 1, 0, 1\n",
			     (struct workload_options){ .nr_repeats = 1, .interval_ns = 100000000 },
			     *state),
			 0);
	assert_true(find_row(*state, "interval", "all", "p", &interval));
	assert_true(find_row(*state, "total", "all", "(total)", &total));
	assert_true(interval.seconds > 0.09 && interval.accesses > 0);
	assert_true(interval.accesses < total.accesses);
}

static void tlb_flushes_change_nothing_but_speed(void **state)
{
	struct row row;

	assert_int_equal(
			run("x, 64K\n\np\n50\nx, 1, 0, 1, ro\n",
			    (struct workload_options){ .nr_repeats = 1, .tlb_flush_accesses = 700 },
			    *state),
			0);
	assert_true(find_row(*state, "phase", "main", "p", &row));
	assert_true(row.reads > 0 && row.reads % 512 == 0);
}

/* In a process of its own, which a signal stops. */
static void sigterm_ends_an_endless_run_with_the_summary(void **state)
{
	struct row row;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run("x, 64K\n\np\n20\nx, 1, 0, 1\n", (struct workload_options){ 0 }, *state)
				      ? 1
				      : 0);
	assert_true(pid > 0);
	/* Until then the signal would kill: the run blocks it before it opens its output. */
	for (int i = 0; i < 500 && access(*state, F_OK) == 0; i++) {
		FILE *in = fopen(*state, "re");
		int c = fgetc(in);

		(void)fclose(in);
		if (c != EOF)
			break;
		(void)usleep(10000);
	}
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(find_row(*state, "total", "all", "(total)", &row));
}

static void too_many_zipf_tables_are_refused(void **state)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof(text), "x, 64K\n\np\n10\n");

	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "x, 1, 0, 1, zipf=1\n");
	assert_int_equal(run(text, (struct workload_options){ .nr_repeats = 1, .nr_threads = 200 },
			     *state),
			 -E2BIG);
	assert_non_null(strstr(thermo_last_error(), "zipf"));
}

static void output_that_cannot_be_written_fails(void **state)
{
	(void)state;
	assert_true(run("x, 64K\n\np\n1\nx, 1, 0, 1\n",
			(struct workload_options){ .nr_repeats = 1 }, "/dev/full") < 0);
	assert_true(run("x, 64K\n\np\n1\nx, 1, 0, 1\n",
			(struct workload_options){ .nr_repeats = 1 }, "/nonexistent/x") < 0);
}

/* An address where there is room: sanitizers use the usual one. */
static uint64_t free_window(void)
{
	const size_t bytes = 16u << 20, huge = 2u << 20;
	void *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0);

	assert_true(map != MAP_FAILED);
	(void)munmap(map, bytes);
	return ((uintptr_t)map + huge - 1) & ~(uint64_t)(huge - 1);
}

/* An observer looks there, and sees who runs on the CPU that stored. */
static void task_is_told_in_the_mailbox_if_there_is_one(void **state)
{
	struct workload_config config = { 0 };
	struct workload_arena arena;
	const char text[] = "x, 64K\n\np\n1\nx, 1, 0, 1\n";

	(void)state;
	assert_int_equal(WORKLOAD_TASK_OFFSET, TRUTH_TASK_OFFSET);
	assert_int_equal(workload_config_parse(&config, "x.cfg", text, strlen(text),
					       WORKLOAD_WRITE_ONLY),
			 0);
	assert_int_equal(workload_arena_open(&arena, &config, free_window(), WORKLOAD_THP_DEFAULT),
			 0);
	workload_arena_tell_task(&arena, 0x0000123400005678ull);
	assert_int_equal(*(uint64_t *)(arena.base + TRUTH_TASK_OFFSET), 0x0000123400005678ull);
	workload_arena_close(&arena);
	assert_int_equal(workload_arena_open(&arena, &config, 0, WORKLOAD_THP_DEFAULT), 0);
	workload_arena_tell_task(&arena, 1);
	assert_int_equal(*(uint64_t *)(arena.base + TRUTH_TASK_OFFSET), 0);
	workload_arena_close(&arena);
	workload_config_fini(&config);
}

#define with_path(f) cmocka_unit_test_setup_teardown(f, make_path, drop_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_path(each_thread_does_its_own),
		with_path(lines_are_picked_by_their_weights),
		with_path(phases_follow_each_other_and_repeat),
		with_path(copies_of_one_thread_get_numbers),
		with_path(intervals_sum_up_to_what_was_done),
		with_path(tlb_flushes_change_nothing_but_speed),
		with_path(sigterm_ends_an_endless_run_with_the_summary),
		with_path(too_many_zipf_tables_are_refused),
		cmocka_unit_test(task_is_told_in_the_mailbox_if_there_is_one),
		cmocka_unit_test(output_that_cannot_be_written_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
