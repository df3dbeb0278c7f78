// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_pfn.c - what it costs to find out which process maps a page frame, on this machine.
 *
 *	pass_ms_per_gib		CPU time of a pass over this process' page tables, for each GiB
 *				that it has, by what is asked for
 *	pagemap_ms_per_gib	of it, what it takes to read the same words and do nothing; in
 *				turns with the passes, so that both have the same neighbours
 *	recall_pct		of the present pages that were asked for, those found where they
 *				are
 *	verify_ns		to look again at a page before it is believed
 *	find_ns			to find a frame in the index
 *
 * Memory is mapped anew for each: pages of 4 KiB touched one after the other, the same
 * touched in random order, so that no two frames follow each other, and huge pages.  Needs
 * CAP_SYS_ADMIN: without it the kernel shows no frames.
 */
#include "bench/bench.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/workload/random.h"
#include "core/pfn_scan.h"
#include "core/privilege.h"
#include "thermocline/error.h"

#define GIB (1ull << 30)
#define BYTES GIB
#define NR_PAGES (BYTES / THERMO_PAGE_BYTES)
#define PFN_MASK ((1ull << 55) - 1)

static struct thermo_host host;
static uint64_t *frames; /* of each page */

static const struct subject {
	const char *name;
	int advice;
	bool is_scattered;
} subjects[] = {
	{ "small", MADV_NOHUGEPAGE, false },
	{ "scattered", MADV_NOHUGEPAGE, true },
	{ "huge", MADV_HUGEPAGE, false },
};

/* One page of so many is asked for. */
static const size_t strides[] = { 1, 100 };

static void must(int err)
{
	if (err >= 0)
		return;
	(void)fprintf(stderr, "bench_pfn: %s\n", thermo_last_error());
	exit(1);
}

static double cpu_ns(void)
{
	return (double)host.ops->thread_cpu_ns(&host);
}

/* Every page, in an order that has nothing to do with addresses if @is_scattered. */
static void touch(char *memory, bool is_scattered)
{
	uint64_t random = workload_random_seed(1, 0), rest;
	uint32_t *order = malloc(NR_PAGES * sizeof(*order));

	for (size_t i = 0; i < NR_PAGES; i++) {
		size_t at = is_scattered ? workload_random_below(workload_random(&random), i + 1,
								 &rest)
					 : i;

		order[i] = order[at];
		order[at] = (uint32_t)i;
	}
	for (size_t i = 0; i < NR_PAGES; i++)
		memory[order[i] * THERMO_PAGE_BYTES] = 1;
	free(order);
}

/* The truth, read apart from what is measured. */
static void read_frames(const char *memory)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t bytes = NR_PAGES * sizeof(*frames);

	if (fd < 0 || pread(fd, frames, bytes,
			    (off_t)((uintptr_t)memory / THERMO_PAGE_BYTES * sizeof(*frames))) !=
				      (ssize_t)bytes) {
		perror("bench_pfn: /proc/self/pagemap");
		exit(1);
	}
	(void)close(fd);
	for (size_t i = 0; i < NR_PAGES; i++)
		frames[i] &= PFN_MASK;
}

static double pagemap_ms_per_gib(const char *memory)
{
	uint64_t page = (uintptr_t)memory / THERMO_PAGE_BYTES;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	static uint64_t words[PFN_SCAN_WORDS];
	double start_ns = cpu_ns();

	for (size_t i = 0; i < NR_PAGES; i += PFN_SCAN_WORDS)
		if (pread(fd, words, sizeof(words), (off_t)((page + i) * sizeof(words[0]))) < 0)
			exit(1);
	start_ns = cpu_ns() - start_ns;
	(void)close(fd);
	return start_ns / 1e6 / ((double)BYTES / (double)GIB);
}

static double resident_gib(void)
{
	struct thermo_proc proc;

	must(thermo_proc_read(&host, getpid(), &proc));
	return (double)proc.rss_bytes / (double)GIB;
}

static double pass_ms_per_gib(struct pfn_scan *scan, struct pfn_wanted *wanted,
			      struct pfn_index *index)
{
	double start_ns = cpu_ns();

	pfn_wanted_begin_pass(wanted);
	pfn_scan_begin_pass(scan);
	while (scan->passing)
		must(pfn_scan_step(scan, wanted, index, 4096));
	pfn_scan_end_pass(scan, index);
	pfn_wanted_end_pass(wanted, 0);
	return (cpu_ns() - start_ns) / 1e6 / resident_gib();
}

/* Return: the run that says that frame @pfn is at @page, or NULL. */
static struct pfn_run *find(const struct pfn_index *index, uint64_t pfn, uint64_t page)
{
	for (size_t i = pfn_index_find(index, pfn); i < index->nr; i++) {
		struct pfn_run *run = &index->runs[i];

		if (run->pfn > pfn)
			return NULL;
		if (pfn_run_holds(run, pfn) && run->page + (pfn - run->pfn) == page)
			return run;
	}
	return NULL;
}

static void print(const struct subject *s, size_t stride, const char *what, double value)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "pfn_%s_1_of_%zu_%s", s->name, stride, what);
	bench_print(name, value);
}

static void print_answers(const struct subject *s, size_t stride, struct pfn_scan *scan,
			  const struct pfn_index *index, uint64_t first_page)
{
	size_t nr_found = 0, nr_same = 0, nr = NR_PAGES / stride;
	double start_ns = cpu_ns(), found_ns;

	for (size_t i = 0; i < nr; i++)
		nr_found += find(index, frames[i * stride], first_page + i * stride) != NULL;
	found_ns = cpu_ns();
	for (size_t i = 0; i < nr; i++) {
		struct pfn_run *run = find(index, frames[i * stride], first_page + i * stride);

		/* As if each report came at a moment of its own. */
		pfn_scan_tick(scan);
		nr_same += run && pfn_scan_verify(scan, run, frames[i * stride], 1) > 0;
	}
	print(s, stride, "recall_pct", 100.0 * (double)nr_found / (double)nr);
	print(s, stride, "verified_pct", 100.0 * (double)nr_same / (double)nr);
	print(s, stride, "find_ns", (found_ns - start_ns) / (double)nr);
	print(s, stride, "verify_ns", (cpu_ns() - found_ns - (found_ns - start_ns)) / (double)nr);
}

static void bench(const struct subject *s, size_t stride, const char *memory)
{
	struct pfn_process self = { .pid = getpid() };
	struct pfn_scan scan = { .host = &host };
	struct pfn_wanted *wanted = calloc(1, sizeof(*wanted));
	struct pfn_index index = { 0 };
	double ms[BENCH_RUNS], floor_ms[BENCH_RUNS];
	struct thermo_proc proc;

	must(thermo_proc_read(&host, self.pid, &proc));
	self.start_ticks = proc.start_ticks;
	must(pfn_scan_set_processes(&scan, &self, 1));
	for (size_t i = 0; i < NR_PAGES; i += stride)
		pfn_wanted_ask(wanted, frames[i], 1, 0);
	/* The first pass makes the index, the others look again. */
	print(s, stride, "first_pass_ms_per_gib", pass_ms_per_gib(&scan, wanted, &index));
	for (int i = 0; i < BENCH_RUNS; i++) {
		ms[i] = pass_ms_per_gib(&scan, wanted, &index);
		floor_ms[i] = pagemap_ms_per_gib(memory);
	}
	qsort(ms, BENCH_RUNS, sizeof(ms[0]), bench_by_value);
	qsort(floor_ms, BENCH_RUNS, sizeof(floor_ms[0]), bench_by_value);
	print(s, stride, "pass_ms_per_gib", ms[BENCH_RUNS / 2]);
	print(s, stride, "pagemap_ms_per_gib", floor_ms[BENCH_RUNS / 2]);
	print(s, stride, "runs", (double)index.nr);
	print(s, stride, "refused_runs", (double)index.nr_refused);
	print_answers(s, stride, &scan, &index, (uintptr_t)memory / THERMO_PAGE_BYTES);
	pfn_scan_fini(&scan);
	pfn_index_fini(&index);
	pfn_wanted_fini(wanted);
	free(wanted);
}

static void bench_subject(const struct subject *s)
{
	/* Room to begin at a multiple of 2 MiB. */
	char *room = mmap(NULL, BYTES + THERMO_HUGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *memory;

	if (room == MAP_FAILED) {
		perror("bench_pfn: mmap");
		exit(1);
	}
	memory = room + (-(uintptr_t)room & (THERMO_HUGE_BYTES - 1));
	(void)madvise(memory, BYTES, s->advice);
	touch(memory, s->is_scattered);
	read_frames(memory);
	for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
		bench(s, strides[i], memory);
	(void)munmap(room, BYTES + THERMO_HUGE_BYTES);
}

int main(void)
{
	must(thermo_host_open(&host, "/"));
	if (thermo_require_caps(&host, THERMO_CAP_SYS_ADMIN, "bench_pfn")) {
		printf("bench_pfn: SKIPPED: %s\n", thermo_last_error());
		return 0;
	}
	frames = malloc(NR_PAGES * sizeof(*frames));
	if (!frames)
		return 1;
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		bench_subject(&subjects[i]);
	free(frames);
	thermo_host_close(&host);
	return 0;
}
