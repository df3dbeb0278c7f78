/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pfn_live.c - the frames of a real child of ours, on this kernel: all are found, their
 * kinds told apart, and what moves meanwhile is not believed.  Needs root.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/pfn_scan.h"
#include "core/privilege.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define PART (8 * MIB)
#define PART_PAGES (PART / PAGE)
#define PFN_MASK ((1ull << 55) - 1)
#define PRESENT (1ull << 63)

/* The child's memory, at the same addresses as ours: it is made before the fork. */
enum part { ANON, COW, SHM, FILE_MAPPED, HUGE, NR_PARTS };

static const char *const part_names[NR_PARTS] = { "anonymous", "fork", "shm", "file", "huge" };

static struct thermo_host host;
static struct pfn_scan scan;
static struct pfn_wanted wanted;
static struct pfn_index found;
static char *parts[NR_PARTS];
static uint64_t frames[NR_PARTS][PART_PAGES];
static pid_t child, grandchild;
static int to_child[2], from_child[2];
static bool is_skipped;

static char *map_part(int flags, int fd)
{
	/* Room to begin at a multiple of 2 MiB. */
	char *room = mmap(NULL, PART + 2 * MIB, PROT_READ | PROT_WRITE, flags, fd, 0);

	assert_ptr_not_equal(room, MAP_FAILED);
	return room + (-(uintptr_t)room & (2 * MIB - 1));
}

static void map_parts(void)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), (off_t)(PART + 2 * MIB)), 0);
	parts[ANON] = map_part(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	parts[COW] = map_part(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	parts[SHM] = map_part(MAP_SHARED | MAP_ANONYMOUS, -1);
	parts[FILE_MAPPED] = map_part(MAP_SHARED, fileno(file));
	parts[HUGE] = map_part(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	(void)madvise(parts[ANON], PART, MADV_NOHUGEPAGE);
	(void)madvise(parts[COW], PART, MADV_NOHUGEPAGE);
	(void)madvise(parts[HUGE], PART, MADV_HUGEPAGE);
}

static void touch(enum part part)
{
	for (uint64_t i = 0; i < PART; i += PAGE)
		parts[part][i] = (char)(i / PAGE + 1);
}

static void answer(int fd, pid_t pid)
{
	if (write(fd, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
}

/* New frames for the first half of the anonymous part; its last quarter at another address. */
static void move_pages_of_child(void)
{
	char *elsewhere = mmap(NULL, PART / 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	/* Keeps the old frames, so that they are not the new ones. */
	char *keep = mremap(parts[ANON], PART / 2, PART / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
			    mmap(NULL, PART / 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	if (keep == MAP_FAILED ||
	    mmap(parts[ANON], PART / 2, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != parts[ANON] ||
	    mremap(parts[ANON] + PART / 4 * 3, PART / 4, PART / 4, MREMAP_MAYMOVE | MREMAP_FIXED,
		   elsewhere) != elsewhere)
		_exit(2);
	for (uint64_t i = 0; i < PART / 2; i += PAGE)
		parts[ANON][i] = 1;
}

static void run_child(void)
{
	char order;

	for (int part = 0; part < NR_PARTS; part++)
		touch(part);
	pid_t pid = fork();

	if (pid == 0) {
		/* What it only inherits stays shared; shared memory it has to touch. */
		touch(SHM);
		touch(FILE_MAPPED);
		answer(from_child[1], getpid());
		(void)pause();
		_exit(0);
	}
	/* Written by one of the two, the frames are its own again. */
	touch(ANON);
	answer(from_child[1], pid);
	while (read(to_child[0], &order, 1) == 1) {
		move_pages_of_child();
		answer(from_child[1], pid);
	}
	_exit(0);
}

static pid_t wait_for_answer(void)
{
	pid_t pid = -1;

	assert_int_equal(read(from_child[0], &pid, sizeof(pid)), sizeof(pid));
	return pid;
}

static void read_words(enum part part, uint64_t *words)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)child);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, words, PART_PAGES * 8,
			       (off_t)((uintptr_t)parts[part] / PAGE * 8)),
			 PART_PAGES * 8);
	(void)close(fd);
}

static void watch(void)
{
	struct pfn_process processes[2] = { { .pid = child }, { .pid = grandchild } };
	struct thermo_proc proc;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(thermo_proc_read(&host, processes[i].pid, &proc), 0);
		processes[i].start_ticks = proc.start_ticks;
	}
	assert_int_equal(pfn_scan_set_processes(&scan, processes, 2), 2);
}

static void pass(void)
{
	pfn_wanted_begin_pass(&wanted);
	pfn_scan_begin_pass(&scan);
	pfn_scan_tick(&scan);
	while (scan.passing)
		assert_int_equal(pfn_scan_step(&scan, &wanted, &found, 1000), 0);
	pfn_scan_end_pass(&scan, &found);
	pfn_wanted_end_pass(&wanted, 0);
}

static int make(void **state)
{
	(void)state;
	assert_int_equal(thermo_host_open(&host, "/"), 0);
	scan.host = &host;
	is_skipped = thermo_require_caps(&host, THERMO_CAP_SYS_ADMIN | THERMO_CAP_SYS_PTRACE,
					 "test_pfn_live");
	if (is_skipped) {
		print_message("SKIPPED: %s\n", thermo_last_error());
		return 0;
	}
	assert_int_equal(pipe(to_child) || pipe(from_child), 0);
	map_parts();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_child();
	pid_t first = wait_for_answer();

	assert_int_equal(wait_for_answer(), first);
	grandchild = first;
	watch();
	for (int part = 0; part < NR_PARTS; part++) {
		read_words(part, frames[part]);
		for (uint64_t i = 0; i < PART_PAGES; i++)
			pfn_wanted_ask(&wanted, frames[part][i] & PFN_MASK, 1, 1);
	}
	pass();
	return 0;
}

static int drop(void **state)
{
	(void)state;
	if (!is_skipped) {
		(void)kill(grandchild, SIGKILL);
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	pfn_scan_fini(&scan);
	pfn_index_fini(&found);
	pfn_wanted_fini(&wanted);
	thermo_host_close(&host);
	return 0;
}

/* The run of process @owner that says that @pfn is page @i of @part, or NULL. */
static struct pfn_run *find(uint64_t pfn, uint32_t owner, enum part part, uint64_t i)
{
	for (size_t at = pfn_index_find(&found, pfn); at < found.nr && found.runs[at].pfn <= pfn;
	     at++) {
		struct pfn_run *run = &found.runs[at];

		if (pfn_run_holds(run, pfn) && run->owner == owner &&
		    run->page + (pfn - run->pfn) == (uintptr_t)parts[part] / PAGE + i)
			return run;
	}
	return NULL;
}

static void at_least_999_of_1000_present_pages_are_found(void **state)
{
	(void)state;
	if (is_skipped)
		skip();
	for (int part = 0; part < NR_PARTS; part++) {
		uint64_t nr_present = 0, nr_found = 0;

		for (uint64_t i = 0; i < PART_PAGES; i++) {
			if (!(frames[part][i] & PRESENT))
				continue;
			nr_present++;
			nr_found += find(frames[part][i] & PFN_MASK, 0, part, i) != NULL;
		}
		print_message("%s: %llu of %llu found\n", part_names[part],
			      (unsigned long long)nr_found, (unsigned long long)nr_present);
		assert_int_equal(nr_present, PART_PAGES);
		assert_true(nr_found * 1000 >= nr_present * 999);
	}
}

/* Pages of @part with just the flags @is of @mask, in permille. */
static uint64_t permille(enum part part, uint16_t mask, uint16_t is)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < PART_PAGES; i++) {
		const struct pfn_run *run = find(frames[part][i] & PFN_MASK, 0, part, i);

		nr += run && (run->flags & mask) == is;
	}
	return nr * 1000 / PART_PAGES;
}

static void kinds_are_told_apart(void **state)
{
	const uint16_t all = PFN_FILE | PFN_SHARED;

	(void)state;
	if (is_skipped)
		skip();
	assert_true(permille(ANON, all | PFN_HUGE, 0) >= 999);
	assert_true(permille(COW, all, PFN_SHARED) >= 999);
	assert_true(permille(SHM, all, PFN_FILE | PFN_SHARED) >= 999);
	assert_true(permille(FILE_MAPPED, all, PFN_FILE | PFN_SHARED) >= 999);
	print_message("huge: %llu permille in huge pages\n",
		      (unsigned long long)permille(HUGE, PFN_HUGE, PFN_HUGE));
	assert_int_equal(permille(HUGE, PFN_FILE, PFN_FILE), 0);
}

static void pages_of_both_have_two_owners(void **state)
{
	uint64_t nr_cow = 0, nr_shm = 0, nr_anon = 0;

	(void)state;
	if (is_skipped)
		skip();
	for (uint64_t i = 0; i < PART_PAGES; i++) {
		nr_cow += find(frames[COW][i] & PFN_MASK, 1, COW, i) != NULL;
		nr_shm += find(frames[SHM][i] & PFN_MASK, 1, SHM, i) != NULL;
		nr_anon += find(frames[ANON][i] & PFN_MASK, 1, ANON, i) != NULL;
	}
	assert_true(nr_cow * 1000 >= PART_PAGES * 999);
	assert_true(nr_shm * 1000 >= PART_PAGES * 999);
	assert_int_equal(nr_anon, 0);
}

static void what_moved_is_not_believed_and_the_rest_is(void **state)
{
	static uint64_t now[PART_PAGES];

	(void)state;
	if (is_skipped)
		skip();
	assert_int_equal(write(to_child[1], "m", 1), 1);
	(void)wait_for_answer();
	read_words(ANON, now);
	pfn_scan_tick(&scan);
	scan.tick_looks = UINT32_MAX;
	for (uint64_t i = 0; i < PART_PAGES; i++) {
		uint64_t pfn = frames[ANON][i] & PFN_MASK;
		struct pfn_run *run = find(pfn, 0, ANON, i);
		bool is_same = now[i] & PRESENT && (now[i] & PFN_MASK) == pfn;

		assert_non_null(run);
		assert_int_equal(is_same, i >= PART_PAGES / 2 && i < PART_PAGES / 4 * 3);
		assert_int_equal(pfn_scan_verify(&scan, run, pfn, 1), is_same);
	}
	/* Another pass finds them where they are, and forgets where they were. */
	for (uint64_t i = 0; i < PART_PAGES / 2; i++)
		pfn_wanted_ask(&wanted, now[i] & PFN_MASK, 1, 1);
	pass();
	for (uint64_t i = 0; i < PART_PAGES / 2; i++) {
		assert_non_null(find(now[i] & PFN_MASK, 0, ANON, i));
		assert_null(find(frames[ANON][i] & PFN_MASK, 0, ANON, i));
	}
}

static void process_that_exits_is_not_believed(void **state)
{
	(void)state;
	if (is_skipped)
		skip();
	struct pfn_run *run = find(frames[HUGE][5] & PFN_MASK, 0, HUGE, 5);

	assert_non_null(run);
	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, frames[HUGE][5] & PFN_MASK, 1), 1);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	pfn_scan_tick(&scan);
	assert_int_equal(pfn_scan_verify(&scan, run, frames[HUGE][5] & PFN_MASK, 1), 0);
	pass();
	assert_int_equal(scan.nr_unreadable, 1);
	assert_null(find(frames[HUGE][5] & PFN_MASK, 0, HUGE, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_least_999_of_1000_present_pages_are_found),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(pages_of_both_have_two_owners),
		cmocka_unit_test(what_moved_is_not_believed_and_the_rest_is),
		cmocka_unit_test(process_that_exits_is_not_believed),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
