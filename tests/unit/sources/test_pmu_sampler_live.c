/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pmu_sampler_live.c - the sampler on this very kernel.
 *
 * A page fault is an event of the kernel's own, with an address, so it needs no PMU.  All
 * else is as with one: the plan, the events of each CPU, the shared rings, the decoder, the
 * accounts.  Each page that the test touches must come out, or be counted as lost.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/pmu_sampler.h"

#define PAGE 4096ull

static const struct pmu_kind kind = {
	.name = "faults",
	.limits = { 1, 1, 1 },
	.sharing = "nobody can hold it",
};

static struct thermo_host host;
static struct pmu_sampler sampler;
static struct thermo_reporter *reporter;
static struct thermo_access got[65536];
static unsigned char *pages;
static size_t nr_pages;

static struct pmu_plan plan_faults(void)
{
	struct pmu_plan plan = { .source = "named", .nr_events = 1 };
	struct pmu_event *e = &plan.events[0];

	(void)snprintf(e->name, sizeof(e->name), "minor-faults");
	e->leader = -1;
	e->cpus = hwloc_bitmap_alloc();
	assert_int_equal(thermo_host_read_list(&host, e->cpus, "sys/devices/system/cpu/online"), 0);
	e->attr.perf = (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = PERF_ATTR_SIZE_VER7,
		.config = PERF_COUNT_SW_PAGE_FAULTS_MIN,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			       PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
			       PERF_SAMPLE_PERIOD,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.sample_id_all = 1,
		.watermark = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	return plan;
}

/* Return: false, having said so, where the kernel does not let us. */
static bool begin_on(pid_t pid, bool per_thread, size_t buffer_bytes)
{
	struct thermo_source_opts opts = { .host = &host, .buffer_bytes = buffer_bytes };
	struct pmu_plan plan = plan_faults();
	int err;

	assert_int_equal(pmu_sampler_open_plan(&sampler, &kind, &opts, &plan), 0);
	sampler.setup.per_thread = per_thread;
	err = pmu_sampler_start(&sampler);
	if (!err)
		err = pmu_sampler_set_targets(&sampler, &pid, 1);
	/* Threads are looked for after a drain. */
	if (!err)
		err = pmu_sampler_drain(&sampler, reporter);
	while (err > 0)
		err = (int)thermo_reporter_drain(reporter, got, 65536);
	if (err == -EACCES || err == -EPERM || err == -ENOSYS || err == -ENOENT) {
		print_message("SKIPPED: %s\n", thermo_last_error());
		return false;
	}
	assert_int_equal(err, 0);
	return true;
}

static bool begin(bool per_thread, size_t buffer_bytes)
{
	return begin_on(getpid(), per_thread, buffer_bytes);
}

static int make(void **state)
{
	(void)state;
	/* Faults of the test's own memory would come in one burst. */
	memset(got, 0, sizeof(got));
	return thermo_host_open(&host, "/") ||
	       thermo_reporter_new(&reporter, &(struct thermo_reporter_opts){ .nr_reports = 65536,
									      .nr_threads = 1 });
}

static int drop(void **state)
{
	(void)state;
	pmu_sampler_close(&sampler);
	thermo_reporter_free(reporter);
	thermo_host_close(&host);
	if (pages)
		(void)munmap(pages, nr_pages * PAGE);
	pages = NULL;
	return 0;
}

static void map_pages(size_t nr)
{
	nr_pages = nr;
	pages = mmap(NULL, nr * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(madvise(pages, nr * PAGE, MADV_NOHUGEPAGE), 0);
}

static void touch(size_t first, size_t nr)
{
	for (size_t i = first; i < first + nr; i++)
		((volatile unsigned char *)pages)[i * PAGE + i % PAGE] = 1;
}

/* Drains.  Return: pages of ours that were reported, each exactly where it was touched. */
static size_t nr_touched(void)
{
	unsigned char *seen = calloc(nr_pages, 1);
	int n = pmu_sampler_drain(&sampler, reporter);
	size_t nr = 0;

	assert_non_null(seen);
	assert_true(n >= 0);
	assert_int_equal(thermo_reporter_drain(reporter, got, 65536), n);
	for (int i = 0; i < n; i++) {
		uint64_t offset = got[i].addr - (uint64_t)(uintptr_t)pages;
		size_t page = offset / PAGE;

		assert_int_equal(got[i].pid, getpid());
		if (page >= nr_pages)
			continue; /* our own code's, stack's and so on */
		assert_int_equal(offset % PAGE, page % PAGE);
		assert_int_equal(got[i].tid, getpid());
		assert_false(seen[page]);
		seen[page] = 1;
		nr++;
	}
	free(seen);
	return nr;
}

static void each_page_that_was_touched_is_reported(bool per_thread)
{
	uint64_t before_ns, after_ns;

	if (!begin(per_thread, 1u << 20)) {
		skip();
		return;
	}
	map_pages(3000);
	before_ns = thermo_host_now_ns(&host);
	touch(0, 3000);
	after_ns = thermo_host_now_ns(&host);
	assert_int_equal(nr_touched(), 3000);
	for (size_t i = 0; i < 3000; i++) {
		if (got[i].addr - (uint64_t)(uintptr_t)pages >= nr_pages * PAGE)
			continue;
		assert_in_range(got[i].time_ns, before_ns, after_ns);
		assert_int_equal(got[i].nr_accesses, 1);
		assert_true(got[i].cpu < 65536);
	}
}

static void faults_of_this_process_among_all(void **state)
{
	(void)state;
	each_page_that_was_touched_is_reported(false);
}

static void faults_of_this_thread_alone(void **state)
{
	(void)state;
	each_page_that_was_touched_is_reported(true);
}

static uint64_t nr_counted(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sampler.nr_cpus; i++)
		for (size_t j = 0; j < sampler.cpus[i].nr; j++) {
			struct perf_event_count count;

			assert_int_equal(perf_event_fd_count(&sampler.cpus[i].instances[j].fd,
							     sampler.setup.read_format, &count),
					 0);
			sum += count.value;
		}
	return sum;
}

/* A ring of a page holds some fifty: the kernel's own count says what there was. */
static void what_does_not_fit_is_counted_as_lost(void **state)
{
	struct thermo_source_counters c;
	uint64_t counted;
	size_t seen = 0;

	(void)state;
	if (!begin(true, 4096)) {
		skip();
		return;
	}
	if (!(sampler.setup.read_format & PERF_READ_LOST)) {
		print_message("SKIPPED: this kernel does not count what it loses\n");
		skip();
		return;
	}
	map_pages(20000);
	for (size_t i = 0; i < 20; i++) {
		touch(1000 * i, 1000);
		seen += nr_touched();
	}
	/* Nothing may come after the last drain, or it would be counted and not seen. */
	for (size_t i = 0; i < sampler.nr_cpus; i++)
		pmu_cpu_stop(&sampler.cpus[i], &sampler.setup);
	seen += nr_touched();
	pmu_sampler_stop(&sampler);
	counted = nr_counted();
	pmu_sampler_counters(&sampler, &c);
	print_message("%zu of 20000 pages seen; %ju faults counted: %ju records, %ju lost\n", seen,
		      (uintmax_t)counted, (uintmax_t)c.seen, (uintmax_t)c.lost);
	assert_true(counted >= 20000);
	assert_true(seen < 20000);
	assert_int_equal(c.seen + c.lost, counted);
}

/* The pages that were lost are made up for by those that were not. */
static void losses_leave_the_number_of_accesses_as_it_was(void **state)
{
	uint64_t accesses = 0;

	(void)state;
	if (!begin(true, 16384)) {
		skip();
		return;
	}
	map_pages(60000);
	for (size_t i = 0; i < 200; i++) {
		touch(300 * i, 300);
		(void)nr_touched();
		for (size_t j = 0; j < 65536 && got[j].addr; j++)
			accesses += got[j].nr_accesses;
		memset(got, 0, sizeof(got));
	}
	print_message("%ju accesses, reported as %ju\n", (uintmax_t)nr_counted(),
		      (uintmax_t)accesses);
	/* What was lost last is still owed. */
	assert_near((double)accesses, (double)nr_counted(), 1);
}

/* Touches the pages when it is told to; ends when the pipe does. */
static pid_t fork_toucher(int *go)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(fds[1]);
		if (read(fds[0], &byte, 1) == 1)
			touch(0, nr_pages);
		_exit(0);
	}
	assert_true(pid > 0);
	(void)close(fds[0]);
	*go = fds[1];
	return pid;
}

/* Born of a thread that is followed, and a target itself before anybody read of its birth. */
static void child_inherits_the_events_and_is_seen_once(void **state)
{
	pid_t pids[2] = { getpid() };
	unsigned char *seen;
	size_t nr = 0;
	int go, n;

	(void)state;
	if (!begin(true, 1u << 20)) {
		skip();
		return;
	}
	map_pages(2000);
	pids[1] = fork_toucher(&go);
	assert_int_equal(pmu_sampler_set_targets(&sampler, pids, 2), 0);
	assert_true(pmu_sampler_drain(&sampler, reporter) >= 0);
	while (thermo_reporter_drain(reporter, got, 65536) > 0)
		;
	assert_int_equal(write(go, "x", 1), 1);
	(void)close(go);
	assert_int_equal(waitpid(pids[1], NULL, 0), pids[1]);
	n = pmu_sampler_drain(&sampler, reporter);
	assert_int_equal(thermo_reporter_drain(reporter, got, 65536), n);
	seen = calloc(nr_pages, 1);
	assert_non_null(seen);
	for (int i = 0; i < n; i++) {
		uint64_t page = (got[i].addr - (uint64_t)(uintptr_t)pages) / PAGE;

		if (got[i].pid != pids[1] || page >= nr_pages)
			continue;
		assert_int_equal(got[i].tid, pids[1]);
		assert_false(seen[page]);
		seen[page] = 1;
		nr++;
	}
	free(seen);
	assert_int_equal(nr, 2000);
}

/* --- another program --- */

#define EXEC_PAGES 2000u

/* What the other program does: says where its pages are, and touches them when it may. */
static int be_other_program(int fd)
{
	unsigned char *at = mmap(NULL, EXEC_PAGES * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	if (at == MAP_FAILED || madvise(at, EXEC_PAGES * PAGE, MADV_NOHUGEPAGE) ||
	    write(fd, &at, sizeof(at)) != sizeof(at) || read(fd, &byte, 1) != 1)
		return 1;
	for (size_t i = 0; i < EXEC_PAGES; i++)
		((volatile unsigned char *)at)[i * PAGE] = 1;
	return 0;
}

/* Says that it is there, and becomes another program when it may. */
static void *become_other_program(void *arg)
{
	int fd = *(int *)arg;
	char number[16], byte;

	(void)snprintf(number, sizeof(number), "%d", fd);
	if (write(fd, &arg, sizeof(arg)) == sizeof(arg) && read(fd, &byte, 1) == 1)
		(void)execl("/proc/self/exe", "test", number, (char *)NULL);
	_exit(1);
}

static pid_t fork_other_program(bool by_thread, int *go)
{
	int fds[2];
	pthread_t thread;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(fds[0]);
		if (!by_thread)
			(void)become_other_program(&fds[1]);
		if (pthread_create(&thread, NULL, become_other_program, &fds[1]))
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	(void)close(fds[1]);
	*go = fds[0];
	return pid;
}

/* Return: what it says then. */
static uint64_t wait_ready(int go)
{
	uint64_t word;

	assert_int_equal(read(go, &word, sizeof(word)), sizeof(word));
	return word;
}

static void drop_reports(void)
{
	assert_true(pmu_sampler_drain(&sampler, reporter) >= 0);
	while (thermo_reporter_drain(reporter, got, 65536) > 0)
		;
}

/* Of those of the other program, from @start on, each exactly once. */
static size_t nr_other_pages(pid_t pid, uint64_t start)
{
	static unsigned char seen[EXEC_PAGES];
	int n = pmu_sampler_drain(&sampler, reporter);
	size_t nr = 0;

	memset(seen, 0, sizeof(seen));
	assert_int_equal(thermo_reporter_drain(reporter, got, 65536), n);
	for (int i = 0; i < n; i++) {
		uint64_t page = (got[i].addr - start) / PAGE;

		if (page >= EXEC_PAGES)
			continue;
		assert_int_equal(got[i].pid, pid);
		assert_false(seen[page]);
		seen[page] = 1;
		nr++;
	}
	return nr;
}

/* The events of who becomes another program stay with him, also when it is not the first thread
 * and takes that one's number. */
static void other_program_is_seen_once(bool by_thread)
{
	uint64_t start;
	int go, status;
	pid_t pid = fork_other_program(by_thread, &go);

	(void)wait_ready(go);
	if (!begin_on(pid, true, 1u << 20)) {
		(void)close(go);
		(void)waitpid(pid, NULL, 0);
		skip();
		return;
	}
	assert_int_equal(write(go, "x", 1), 1);
	start = wait_ready(go);
	drop_reports(); /* who has ended is found after a drain, who is new after the next */
	drop_reports();
	assert_int_equal(write(go, "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(go);
	assert_int_equal(nr_other_pages(pid, start), EXEC_PAGES);
}

static void process_that_becomes_another_program_is_seen_once(void **state)
{
	(void)state;
	other_program_is_seen_once(false);
}

static void thread_that_becomes_another_program_is_seen_once(void **state)
{
	(void)state;
	other_program_is_seen_once(true);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return be_other_program(atoi(argv[1]));

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(faults_of_this_process_among_all),
		TEST(faults_of_this_thread_alone),
		TEST(child_inherits_the_events_and_is_seen_once),
		TEST(process_that_becomes_another_program_is_seen_once),
		TEST(thread_that_becomes_another_program_is_seen_once),
		TEST(what_does_not_fit_is_counted_as_lost),
		TEST(losses_leave_the_number_of_accesses_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
