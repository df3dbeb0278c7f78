/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_perf_live.c - this machine's kernel writes the ring: page faults with their addresses and
 * hardware breakpoints, beside what the test knows that it accessed.
 *
 * They need no PMU, and their records are those of one: each access is seen, with its address,
 * thread, CPU and time, or is counted as lost.  Where perf_event_open is refused nothing can be
 * tested, and the tests say so.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/host.h"
#include "sources/perf_ring.h"

#define PAGE 4096u
#define NR_PAGES 1000u
#define NR_THREADS 4u
#define ALL_CPUS -1
/* PERF_FORMAT_LOST of 6.0, which headers of 2022 may lack. */
#define FORMAT_LOST (1u << 4)

static struct thermo_host host;
static unsigned char *area; /* NR_THREADS * NR_PAGES, nothing populated */
static size_t area_bytes;
static pid_t me;

struct live {
	int fd;
	void *map;
	size_t map_bytes;
	struct perf_format format;
	struct perf_ring ring;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		print_message("SKIPPED: this process may not run on CPU %d\n", cpu);
		skip();
	}
}

static struct perf_event_attr attr_of(uint32_t type, uint64_t config)
{
	return (struct perf_event_attr){
		.type = type,
		.size = sizeof(struct perf_event_attr),
		.config = config,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			       PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
			       PERF_SAMPLE_PERIOD,
		.read_format = FORMAT_LOST,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

/* Of this process, on @cpu or all; a refusal skips the test. */
static void open_live(struct live *live, struct perf_event_attr *attr, int cpu, size_t ring_pages)
{
	*live = (struct live){ .fd = host.ops->perf_event_open(&host, attr, 0, cpu, -1) };
	if (live->fd < 0) {
		print_message("SKIPPED: perf_event_open of type %u: %s\n", attr->type,
			      strerror(-live->fd));
		skip();
	}
	live->map_bytes = (1 + ring_pages) * PAGE;
	live->map = mmap(NULL, live->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, live->fd, 0);
	if (live->map == MAP_FAILED) {
		print_message("SKIPPED: a ring of %zu pages: %s\n", ring_pages, strerror(errno));
		(void)close(live->fd);
		skip();
	}
	live->format = perf_format_of(attr);
	assert_int_equal(perf_ring_init(&live->ring, live->map, live->map_bytes, "live"), 0);
}

static void close_live(struct live *live)
{
	(void)munmap(live->map, live->map_bytes);
	(void)close(live->fd);
}

static void enable(const struct live *live)
{
	assert_int_equal(ioctl(live->fd, PERF_EVENT_IOC_ENABLE, 0), 0);
}

static void disable(const struct live *live)
{
	assert_int_equal(ioctl(live->fd, PERF_EVENT_IOC_DISABLE, 0), 0);
}

/* The next sample.  Return: false when there is none; what was lost is added to @lost. */
static bool next_sample(struct live *live, struct perf_sample *sample, uint64_t *lost)
{
	static _Thread_local unsigned char bytes[PERF_RECORD_MAX_BYTES] __attribute__((aligned(8)));
	const struct perf_event_header *header = (const void *)bytes;
	struct perf_record record;
	int n;

	while ((n = perf_ring_next(&live->ring, bytes, sizeof(bytes))) > 0) {
		assert_int_equal(n, header->size);
		assert_int_equal(perf_record_decode(header, &live->format, &record), 1);
		*lost += perf_record_lost(header);
		if (record.type == PERF_RECORD_SAMPLE) {
			*sample = record.sample;
			return true;
		}
		assert_true(record.type == PERF_RECORD_LOST || record.type == PERF_RECORD_EXIT ||
			    record.type == PERF_RECORD_FORK);
	}
	assert_int_equal(n, 0);
	return false;
}

static void read_counts(const struct live *live, uint64_t *count, uint64_t *lost)
{
	uint64_t values[2] = { 0 };

	assert_int_equal(read(live->fd, values, sizeof(values)), sizeof(values));
	*count = values[0];
	*lost = values[1];
}

static bool in_area(uint64_t addr)
{
	return addr >= (uintptr_t)area && addr < (uintptr_t)area + area_bytes;
}

/* Somewhere in it, never at the same offset as in the page before. */
static unsigned char *byte_of_page(size_t page)
{
	return area + page * PAGE + page * 7 % PAGE;
}

static int make(void **state)
{
	(void)state;
	me = getpid();
	area_bytes = (size_t)NR_THREADS * NR_PAGES * PAGE;
	area = mmap(NULL, area_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(area != MAP_FAILED);
	assert_int_equal(madvise(area, area_bytes, MADV_NOHUGEPAGE), 0);
	return thermo_host_open(&host, "/");
}

static int drop(void **state)
{
	(void)state;
	(void)munmap(area, area_bytes);
	thermo_host_close(&host);
	return 0;
}

struct when {
	uint64_t begin_ns;
	uint64_t end_ns;
};

/* Populates the first pages, one after the other. */
static struct when touch_pages(struct live *live, size_t nr)
{
	struct when w = { .begin_ns = now_ns() };

	enable(live);
	for (size_t i = 0; i < nr; i++)
		*(volatile unsigned char *)byte_of_page(i) = 1;
	disable(live);
	w.end_ns = now_ns();
	return w;
}

static void expect_sample(const struct perf_sample *s, const struct when *w, uint64_t *last_ns)
{
	assert_int_equal(s->pid, me);
	assert_int_equal(s->tid, me);
	assert_int_equal(s->cpu, 0);
	assert_int_equal(s->period, 1);
	assert_true(s->ip != 0 && s->id != 0);
	assert_true(s->time_ns >= *last_ns && s->time_ns >= w->begin_ns && s->time_ns <= w->end_ns);
	*last_ns = s->time_ns;
}

/* Where the page is in truth.  Return: 0 where that is not told. */
static uint64_t frame_of(uint64_t addr)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && pread(fd, &entry, sizeof(entry), (off_t)(addr / PAGE * 8)) != sizeof(entry))
		entry = 0;
	if (fd >= 0)
		(void)close(fd);
	return entry & ((1ull << 55) - 1);
}

static void each_page_fault_is_seen_at_its_byte(void **state)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	uint64_t lost = 0, last_ns = 0;
	struct perf_sample s;
	struct live live;
	size_t seen = 0;

	(void)state;
	pin(0);
	open_live(&live, &attr, ALL_CPUS, 64);
	struct when w = touch_pages(&live, NR_PAGES);

	while (next_sample(&live, &s, &lost)) {
		expect_sample(&s, &w, &last_ns);
		/* What the test's own code and stack fault in is between them. */
		if (in_area(s.addr))
			assert_ptr_equal(s.addr, byte_of_page(seen++));
	}
	assert_int_equal(lost, 0);
	assert_int_equal(seen, NR_PAGES);
	close_live(&live);
}

static void minor_fault_tells_the_physical_address(void **state)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN);
	uint64_t lost = 0, last_ns = 0;
	struct perf_sample s;
	struct live live;
	size_t seen = 0;

	(void)state;
	pin(0);
	attr.sample_type |= PERF_SAMPLE_PHYS_ADDR;
	open_live(&live, &attr, ALL_CPUS, 64);
	struct when w = touch_pages(&live, NR_PAGES);

	while (next_sample(&live, &s, &lost)) {
		expect_sample(&s, &w, &last_ns);
		if (!in_area(s.addr))
			continue;
		assert_ptr_equal(s.addr, byte_of_page(seen++));
		assert_int_equal(s.phys_addr % PAGE, s.addr % PAGE);
		uint64_t frame = frame_of(s.addr);

		if (frame)
			assert_int_equal(s.phys_addr / PAGE, frame);
	}
	assert_int_equal(lost, 0);
	assert_int_equal(seen, NR_PAGES);
	close_live(&live);
}

static volatile uint64_t word __attribute__((aligned(8)));

static struct perf_event_attr breakpoint_at_word(void)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_BREAKPOINT, 0);

	attr.bp_type = HW_BREAKPOINT_RW;
	attr.bp_addr = (uintptr_t)&word;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	return attr;
}

/* Reads and writes by turns. */
static void access_word(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (i % 2)
			word = i;
		else
			(void)word;
}

/* Some hypervisors take breakpoints and never let one fire: no record of anybody can be tested. */
static void open_breakpoint(struct live *live, size_t ring_pages)
{
	struct perf_event_attr attr = breakpoint_at_word();
	uint64_t count, lost;

	pin(0);
	open_live(live, &attr, ALL_CPUS, ring_pages);
	enable(live);
	access_word(2);
	disable(live);
	read_counts(live, &count, &lost);
	if (count == 0) {
		print_message("SKIPPED: breakpoints never fire on this machine\n");
		close_live(live);
		skip();
	}
	assert_int_equal(count, 2);
	close_live(live);
	open_live(live, &attr, ALL_CPUS, ring_pages);
}

static void each_access_to_a_watched_word_is_seen(void **state)
{
	uint64_t lost = 0, last_ns = 0;
	struct perf_sample s;
	struct live live;
	size_t seen = 0;

	(void)state;
	open_breakpoint(&live, 64);
	struct when w = { .begin_ns = now_ns() };

	enable(&live);
	access_word(2001);
	disable(&live);
	w.end_ns = now_ns();
	while (next_sample(&live, &s, &lost)) {
		expect_sample(&s, &w, &last_ns);
		assert_ptr_equal(s.addr, &word);
		seen++;
	}
	assert_int_equal(lost, 0);
	assert_int_equal(seen, 2001);
	close_live(&live);
}

/*
 * Rounds of more accesses than the ring holds; what is read between them makes room.  Each access
 * is @at.  Return: how many there were.
 */
static uint64_t overflow(struct live *live, void (*access)(size_t nr), const volatile void *at,
			 uint64_t *seen, uint64_t *lost)
{
	uint64_t made = 0;
	struct perf_sample s;

	*seen = *lost = 0;
	enable(live);
	/* What a round lost is told with the first record of the next: the last is one access. */
	for (size_t round = 20; round-- > 0;) {
		size_t nr = 50 * round + 1;

		access(nr);
		made += nr;
		while (next_sample(live, &s, lost))
			*seen += s.addr == (uintptr_t)at;
		assert_true(*seen <= made);
	}
	disable(live);
	return made;
}

static void full_ring_loses_accesses_and_says_how_many(void **state)
{
	uint64_t lost, seen, made, count, kernel_lost;
	struct live live;

	(void)state;
	open_breakpoint(&live, 1);
	made = overflow(&live, access_word, &word, &seen, &lost);
	assert_true(seen > 0 && lost > 0);
	assert_int_equal(seen + lost, made);
	read_counts(&live, &count, &kernel_lost);
	assert_int_equal(count, made);
	assert_int_equal(kernel_lost, lost);
	close_live(&live);
}

/* Each access is a page fault, because the page is gone each time. */
static void access_page(size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		(void)madvise(area, PAGE, MADV_DONTNEED);
		if (i % 2)
			*(volatile unsigned char *)area = 1;
		else
			(void)*(volatile unsigned char *)area;
	}
}

static void full_ring_loses_faults_and_says_how_many(void **state)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	uint64_t lost, seen, made, count, kernel_lost;
	struct live live;

	(void)state;
	pin(0);
	open_live(&live, &attr, ALL_CPUS, 1);
	/* So that all code and stack that is needed is there: what faults then is the page. */
	(void)overflow(&live, access_page, area, &seen, &lost);
	close_live(&live);
	open_live(&live, &attr, ALL_CPUS, 1);
	made = overflow(&live, access_page, area, &seen, &lost);
	assert_true(seen > 0 && lost > 0);
	read_counts(&live, &count, &kernel_lost);
	/* Should the kernel have taken memory away meanwhile, it has told of that fault, too. */
	assert_true(count >= made);
	assert_int_equal(kernel_lost, lost);
	assert_true(seen + lost >= made && seen + lost <= count);
	close_live(&live);
}

static void page_faults_that_find_no_room_are_counted(void **state)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	uint64_t lost = 0, seen = 0, seen_here = 0, count, kernel_lost;
	struct perf_sample s;
	struct live live;

	(void)state;
	pin(0);
	open_live(&live, &attr, ALL_CPUS, 2);
	(void)touch_pages(&live, NR_PAGES);
	while (next_sample(&live, &s, &lost)) {
		seen++;
		/* Those that fitted, the first ones, and none of them twice. */
		if (in_area(s.addr))
			assert_ptr_equal(s.addr, byte_of_page(seen_here++));
	}
	assert_int_equal(lost, 0);
	read_counts(&live, &count, &kernel_lost);
	/* All that the kernel counted: the test's pages, and what else it faulted in. */
	assert_true(count >= NR_PAGES);
	assert_true(seen < NR_PAGES);
	assert_int_equal(seen + kernel_lost, count);
	close_live(&live);
}

/* --- many threads, one ring a CPU, drained while they run --- */

static _Atomic bool running;
static pid_t tids[NR_THREADS];

static void *touch_part(void *arg)
{
	size_t part = *(size_t *)arg;

	tids[part] = gettid();
	for (size_t i = part * NR_PAGES; i < (part + 1) * NR_PAGES; i++)
		*(volatile unsigned char *)byte_of_page(i) = 1;
	return NULL;
}

static void *touch_all_parts(void *unused)
{
	static size_t parts[NR_THREADS] = { 0, 1, 2, 3 };
	pthread_t threads[NR_THREADS];

	(void)unused;
	for (size_t i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, touch_part, &parts[i]), 0);
	for (size_t i = 0; i < NR_THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	/* release: the threads' ids are there before. */
	atomic_store_explicit(&running, false, memory_order_release);
	return NULL;
}

struct tally {
	pid_t tid_of_page[NR_THREADS * NR_PAGES]; /* 0: not seen */
	uint64_t seen;
	uint64_t lost;
	uint64_t last_ns;
};

static void drain(struct live *live, int cpu, struct tally *t)
{
	struct perf_sample s;

	while (next_sample(live, &s, &t->lost)) {
		assert_int_equal(s.pid, me);
		assert_int_equal(s.cpu, cpu);
		assert_true(s.time_ns >= t->last_ns);
		t->last_ns = s.time_ns;
		t->seen++;
		if (!in_area(s.addr))
			continue;
		size_t page = (s.addr - (uintptr_t)area) / PAGE;

		assert_ptr_equal(s.addr, byte_of_page(page));
		t->tid_of_page[page] = s.tid;
	}
}

static void may_run_on(int first, int last)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* The event follows the threads that come later, each CPU's faults go to that CPU's ring. */
static void threads_on_two_cpus_are_told_apart_while_they_run(void **state)
{
	static struct tally tallies[2];
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	struct live live[2];
	uint64_t count[2], kernel_lost[2], missing = 0;
	pthread_t parent;

	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("SKIPPED: one CPU only\n");
		skip();
	}
	may_run_on(0, 1);
	attr.inherit = 1;
	memset(tallies, 0, sizeof(tallies));
	for (int cpu = 0; cpu < 2; cpu++) {
		open_live(&live[cpu], &attr, cpu, 8);
		enable(&live[cpu]);
	}
	/* relaxed: the thread does not run yet. */
	atomic_store_explicit(&running, true, memory_order_relaxed);
	assert_int_equal(pthread_create(&parent, NULL, touch_all_parts, NULL), 0);
	/* acquire: pairs with the release above. */
	while (atomic_load_explicit(&running, memory_order_acquire))
		for (int cpu = 0; cpu < 2; cpu++)
			drain(&live[cpu], cpu, &tallies[cpu]);
	(void)pthread_join(parent, NULL);
	for (int cpu = 0; cpu < 2; cpu++) {
		disable(&live[cpu]);
		drain(&live[cpu], cpu, &tallies[cpu]);
		read_counts(&live[cpu], &count[cpu], &kernel_lost[cpu]);
		/* Losses that no later record has told are in the kernel's count alone. */
		assert_true(tallies[cpu].lost <= kernel_lost[cpu]);
		assert_int_equal(tallies[cpu].seen + kernel_lost[cpu], count[cpu]);
	}
	for (size_t i = 0; i < NR_THREADS * NR_PAGES; i++) {
		pid_t on[2] = { tallies[0].tid_of_page[i], tallies[1].tid_of_page[i] };

		assert_true(!on[0] || !on[1]);
		missing += !on[0] && !on[1];
		assert_true((!on[0] && !on[1]) || on[0] + on[1] == tids[i / NR_PAGES]);
	}
	assert_true(missing <= kernel_lost[0] + kernel_lost[1]);
	close_live(&live[0]);
	close_live(&live[1]);
}

/* As the sources open their events: all processes of a CPU. */
static void event_of_a_whole_cpu_sees_this_process_too(void **state)
{
	struct perf_event_attr attr = attr_of(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
	struct perf_event_fd event = { .fd = -1 };
	uint64_t lost = 0, seen = 0;
	struct perf_sample s;
	struct live live;

	(void)state;
	pin(0);
	if (perf_event_fd_open(&event, &host, &attr, 0, 64 * PAGE, "live test")) {
		print_message("SKIPPED: %s\n", thermo_last_error());
		perf_event_fd_close(&event);
		skip();
	}
	live = (struct live){ .ring = event.ring, .format = perf_format_of(&attr) };
	assert_int_equal(perf_event_fd_enable(&event), 0);
	for (size_t i = 0; i < NR_PAGES; i++) {
		*(volatile unsigned char *)byte_of_page(i) = 1;
		/* Others share the ring: it must not get full. */
		while (i % 100 == 99 && next_sample(&live, &s, &lost))
			if (s.pid == me && in_area(s.addr))
				assert_ptr_equal(s.addr, byte_of_page(seen++));
	}
	perf_event_fd_close(&event);
	assert_true(seen + lost >= NR_PAGES);
	assert_true(lost > 0 || seen == NR_PAGES);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(each_page_fault_is_seen_at_its_byte),
		TEST(minor_fault_tells_the_physical_address),
		TEST(each_access_to_a_watched_word_is_seen),
		TEST(full_ring_loses_accesses_and_says_how_many),
		TEST(full_ring_loses_faults_and_says_how_many),
		TEST(page_faults_that_find_no_room_are_counted),
		TEST(threads_on_two_cpus_are_told_apart_while_they_run),
		TEST(event_of_a_whole_cpu_sees_this_process_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
