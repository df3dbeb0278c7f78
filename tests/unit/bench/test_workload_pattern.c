/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_workload_pattern.c - do the accesses go where the config says, as often as it says? */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/workload/arena.h"
#include "bench/workload/stream.h"
#include "bench/workload/zipf.h"

#define PAGE WORKLOAD_PAGE_BYTES
#define NS_PER_MS UINT64_C(1000000)
#define SEED 42

/* Within @percent of what it should be. */
static void assert_near(double is, double should, double percent)
{
	if (fabs(is - should) > fabs(should) * percent / 100)
		fail_msg("%g is not within %g %% of %g", is, percent, should);
}

static struct workload_stream open_stream(const struct workload_pattern *pattern, void *base,
					  uint64_t bytes)
{
	struct workload_stream stream;

	assert_int_equal(workload_stream_init(&stream, pattern, base, bytes), 0);
	workload_stream_rewind(&stream, SEED);
	return stream;
}

/* Return: how many of @nr accesses went to [from, to). */
static uint64_t count_within(struct workload_stream *stream, uint64_t nr, uint64_t from,
			     uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < nr; i++) {
		uint64_t at = workload_stream_next(stream);

		n += at >= from && at < to;
	}
	return n;
}

static void sequential_goes_by_strides_and_begins_again(void **state)
{
	struct workload_pattern p = { .kind = WORKLOAD_SEQUENTIAL, .stride_bytes = 64 };
	struct workload_stream stream = open_stream(&p, NULL, 256);

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(workload_stream_next(&stream), i % 4 * 64);
}

static void uneven_strides_stay_aligned_and_inside(void **state)
{
	struct workload_pattern p = { .kind = WORKLOAD_SEQUENTIAL, .stride_bytes = 5 };
	struct workload_stream stream = open_stream(&p, NULL, 12);

	(void)state;
	assert_int_equal(workload_stream_next(&stream), 0); /* byte 0 */
	assert_int_equal(workload_stream_next(&stream), 0); /* byte 5 */
	assert_int_equal(workload_stream_next(&stream), 8); /* byte 10 */
	assert_int_equal(workload_stream_next(&stream), 0);
}

static void random_covers_every_page_evenly(void **state)
{
	enum { NR_PAGES = 5000, PER_PAGE = 400 };
	struct workload_pattern p = { .kind = WORKLOAD_UNIFORM };
	struct workload_stream stream = open_stream(&p, NULL, NR_PAGES * PAGE);
	uint32_t *nr = calloc(NR_PAGES, sizeof(*nr));

	(void)state;
	for (int i = 0; i < NR_PAGES * PER_PAGE; i++)
		nr[workload_stream_next(&stream) / PAGE]++;
	/* Six standard deviations of 20. */
	for (int i = 0; i < NR_PAGES; i++)
		assert_in_range(nr[i], PER_PAGE - 120, PER_PAGE + 120);
	free(nr);
}

static void random_reaches_the_end_of_a_huge_region(void **state)
{
	uint64_t bytes = UINT64_C(1) << 44;
	struct workload_pattern p = { .kind = WORKLOAD_UNIFORM };
	struct workload_stream stream = open_stream(&p, NULL, bytes);

	(void)state;
	assert_near((double)count_within(&stream, 100000, bytes / 10 * 9, bytes), 10000, 5);
	assert_int_equal(workload_stream_next(&stream) % 8, 0);
}

static double harmonic(uint64_t from, uint64_t to, double s)
{
	double sum = 0;

	for (uint64_t k = from; k <= to; k++)
		sum += pow((double)k, -s);
	return sum;
}

/* Shares of the first ranks, which have entries of their own, and of the far ones, which share. */
static void check_zipf(uint64_t nr_ranks, double s, const uint64_t *tops, size_t nr_tops)
{
	enum { NR_DRAWS = 4000000 };
	double all = harmonic(1, nr_ranks, s);
	uint64_t nr[8] = { 0 }, random = SEED;
	struct workload_zipf zipf;

	assert_int_equal(workload_zipf_init(&zipf, nr_ranks, s), 0);
	for (int i = 0; i < NR_DRAWS; i++) {
		uint64_t rank = workload_zipf_draw(&zipf, &random);

		assert_true(rank < nr_ranks);
		for (size_t t = 0; t < nr_tops; t++)
			nr[t] += rank < tops[t];
	}
	for (size_t t = 0; t < nr_tops; t++)
		assert_near((double)nr[t] / NR_DRAWS, harmonic(1, tops[t], s) / all, 1);
	workload_zipf_fini(&zipf);
}

static void zipf_shares_match_theory_within_1_percent(void **state)
{
	static const uint64_t tops[] = { 1, 10, 100, 1000, 4096, 10000, 90000 };

	(void)state;
	check_zipf(98304, 0.99, tops, 7);
	check_zipf(1000, 0.5, tops + 1, 3);
	check_zipf(98304, 1.3, tops, 7);
	check_zipf(1, 1.0, tops, 1);
}

static void zipf_table_stays_small_and_covers_all_ranks(void **state)
{
	struct workload_zipf zipf;
	uint64_t next = 0;

	(void)state;
	assert_int_equal(workload_zipf_init(&zipf, WORKLOAD_ZIPF_MAX_RANKS, 0.99), 0);
	assert_true(zipf.nr_entries < 8000);
	for (size_t i = 0; i < zipf.nr_entries; i++) {
		assert_true(zipf.entries[i].first == next);
		assert_true(zipf.entries[i].alias < zipf.nr_entries);
		next += zipf.entries[i].span;
	}
	assert_true(next == WORKLOAD_ZIPF_MAX_RANKS);
	workload_zipf_fini(&zipf);
}

static void contiguous_zipf_has_its_hottest_page_first(void **state)
{
	struct workload_pattern p = { .kind = WORKLOAD_ZIPF, .zipf = 0.99, .contiguous = true };
	struct workload_stream stream = open_stream(&p, NULL, 1000 * PAGE);

	(void)state;
	assert_near((double)count_within(&stream, 1000000, 0, 10 * PAGE) / 1000000,
		    harmonic(1, 10, 0.99) / harmonic(1, 1000, 0.99), 1);
	workload_stream_fini(&stream);
}

static void scattered_zipf_gives_every_rank_a_page_of_its_own(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 512, 1000, 98304 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct workload_pattern p = { .kind = WORKLOAD_ZIPF, .zipf = 0.99 };
		struct workload_stream stream = open_stream(&p, NULL, sizes[i] * PAGE);
		unsigned char *seen = calloc(sizes[i], 1);

		for (uint64_t rank = 0; rank < sizes[i]; rank++) {
			uint64_t page = rank * stream.scatter % stream.nr_pages;

			assert_int_equal(seen[page], 0);
			seen[page] = 1;
		}
		free(seen);
		workload_stream_fini(&stream);
	}
}

static void scattered_zipf_spreads_the_hot_pages(void **state)
{
	struct workload_pattern p = { .kind = WORKLOAD_ZIPF, .zipf = 0.99 };
	struct workload_stream stream = open_stream(&p, NULL, 100000 * PAGE);
	uint64_t n = count_within(&stream, 200000, 0, 50000 * PAGE);

	(void)state;
	/* The halves get alike, up to where the hottest few pages fell. */
	assert_in_range(n, 70000, 130000);
	workload_stream_fini(&stream);
}

static const struct workload_pattern hot = {
	.kind = WORKLOAD_HOT,
	.hot_bytes = 96 * PAGE,
	.hot_offset_bytes = 288 * PAGE,
	.hot_share_bp = 9000,
	.move_bytes = 10 * PAGE,
	.move_ns = 100 * NS_PER_MS,
};

static void hot_set_gets_exactly_its_share(void **state)
{
	struct workload_stream stream = open_stream(&hot, NULL, 384 * PAGE);

	(void)state;
	assert_near((double)count_within(&stream, 1000000, 288 * PAGE, 384 * PAGE), 900000, 0.2);
}

static void the_rest_is_even_outside_the_hot_set(void **state)
{
	struct workload_stream stream = open_stream(&hot, NULL, 384 * PAGE);

	(void)state;
	/* A third of what lies outside gets a third of its 10 %. */
	assert_near((double)count_within(&stream, 1000000, 96 * PAGE, 192 * PAGE), 33333, 3);
}

static void moving_hot_set_is_where_it_should_be(void **state)
{
	struct workload_stream stream = open_stream(&hot, NULL, 500 * PAGE);

	(void)state;
	workload_stream_move(&stream, 99 * NS_PER_MS);
	assert_near((double)count_within(&stream, 100000, 288 * PAGE, 384 * PAGE), 90000, 1);
	workload_stream_move(&stream, 550 * NS_PER_MS); /* five steps */
	assert_near((double)count_within(&stream, 100000, 338 * PAGE, 434 * PAGE), 90000, 1);
	workload_stream_rewind(&stream, SEED);
	assert_near((double)count_within(&stream, 100000, 288 * PAGE, 384 * PAGE), 90000, 1);
}

static void hot_set_that_moves_past_the_end_goes_on_at_the_start(void **state)
{
	struct workload_stream stream = open_stream(&hot, NULL, 500 * PAGE);
	uint64_t n;

	(void)state;
	workload_stream_move(&stream, 2000 * NS_PER_MS); /* page 488: 12 there, 84 round the end */
	n = count_within(&stream, 100000, 488 * PAGE, 500 * PAGE);
	assert_near((double)n, 90000.0 * 12 / 96, 3);
	n = count_within(&stream, 100000, 0, 84 * PAGE);
	assert_near((double)n, 90000.0 * 84 / 96, 1);
	/* A round of 50 steps later, and after years. */
	workload_stream_move(&stream, 7000 * NS_PER_MS);
	assert_int_equal(stream.hot_word, 488 * PAGE / 8);
	workload_stream_move(&stream, UINT64_MAX);
	assert_true(stream.hot_word < stream.nr_words);
}

/* Counts of @nr accesses on real memory of @bytes. */
static struct workload_counts run(const struct workload_pattern *p, void *memory, uint64_t bytes,
				  uint32_t nr)
{
	struct workload_stream stream = open_stream(p, memory, bytes);
	struct workload_counts counts = { 0 };

	workload_stream_run(&stream, nr, &counts);
	workload_stream_fini(&stream);
	return counts;
}

static void modes_read_and_write_in_their_proportion(void **state)
{
	enum { NR = 1000000 };
	struct workload_pattern p = { .kind = WORKLOAD_UNIFORM, .mode = WORKLOAD_READ_ONLY };
	uint64_t *memory = calloc(1, PAGE), zero[PAGE / 8] = { 0 };
	struct workload_counts counts = run(&p, memory, PAGE, NR);

	(void)state;
	assert_int_equal(counts.nr_reads, NR);
	assert_int_equal(counts.nr_writes, 0);
	assert_memory_equal(memory, zero, PAGE);

	p.mode = WORKLOAD_MIXED;
	p.read_bp = 7000;
	counts = run(&p, memory, PAGE, NR);
	assert_near((double)counts.nr_reads, 0.7 * NR, 0.5);
	assert_int_equal(counts.nr_reads + counts.nr_writes, NR);

	p.mode = WORKLOAD_WRITE_ONLY;
	assert_int_equal(run(&p, memory, PAGE, NR).nr_writes, NR);
	for (size_t i = 0; i < PAGE / 8; i++)
		assert_true(memory[i] != 0);
	free(memory);
}

static void read_then_write_adds_one_to_each_word(void **state)
{
	struct workload_pattern p = { .kind = WORKLOAD_SEQUENTIAL,
				      .stride_bytes = 8,
				      .mode = WORKLOAD_READ_THEN_WRITE };
	uint64_t *memory = calloc(1, PAGE);
	struct workload_counts counts = run(&p, memory, PAGE, 3 * PAGE / 8);

	(void)state;
	assert_int_equal(counts.nr_reads, 3 * PAGE / 8);
	assert_int_equal(counts.nr_writes, 3 * PAGE / 8);
	for (size_t i = 0; i < PAGE / 8; i++)
		assert_int_equal(memory[i], 3);
	free(memory);
}

static void same_seed_gives_the_same_accesses(void **state)
{
	struct workload_stream a = open_stream(&hot, NULL, 384 * PAGE);
	struct workload_stream b = open_stream(&hot, NULL, 384 * PAGE);
	unsigned int nr_same = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(workload_stream_next(&a), workload_stream_next(&b));
	workload_stream_rewind(&b, SEED + 1);
	for (int i = 0; i < 1000; i++)
		nr_same += workload_stream_next(&a) == workload_stream_next(&b);
	assert_true(nr_same < 20);
}

/* A config of a region of half a page and one of three, for arena tests. */
static struct workload_region regions[] = { { .bytes = PAGE / 2 }, { .bytes = 3 * PAGE } };
static const struct workload_config two_regions = { .regions = regions,
						    .nr_regions = 2,
						    .total_bytes = 4 * PAGE };

/*
 * An address where a window fits.  The default one is inside the shadow memory of
 * the address sanitizer, so that tests use what the kernel offers.
 */
static uint64_t free_window(void)
{
	size_t bytes = 16 << 20, align = 2 << 20;
	void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	assert_int_equal(munmap(p, bytes), 0);
	return ((uintptr_t)p + align - 1) & ~(uint64_t)(align - 1);
}

static void window_holds_the_regions_in_order(void **state)
{
	uint64_t at = free_window();
	struct workload_arena arena;
	int nothing[2];

	(void)state;
	assert_int_equal(pipe(nothing), 0);
	assert_int_equal(workload_arena_open(&arena, &two_regions, at, WORKLOAD_THP_DEFAULT), 0);
	assert_true((uintptr_t)arena.base == at);
	assert_true((uintptr_t)arena.regions[0] == at + (2 << 20));
	assert_true((uintptr_t)arena.regions[1] == at + (2 << 20) + PAGE);
	assert_int_equal(arena.bytes, (2 << 20) + 4 * PAGE);
	assert_int_equal(workload_arena_populate(&arena, &two_regions, nothing[0]), 0);
	for (int i = 0; i < 3; i++)
		assert_true(((uint64_t *)arena.regions[1])[i * PAGE / 8] != 0);
	workload_arena_close(&arena);
	workload_arena_close(&arena);
	(void)close(nothing[0]);
	(void)close(nothing[1]);
}

static void window_that_is_in_use_is_refused(void **state)
{
	uint64_t at = free_window();
	struct workload_arena first, second;

	(void)state;
	assert_int_equal(workload_arena_open(&first, &two_regions, at, WORKLOAD_THP_DEFAULT), 0);
	assert_true(workload_arena_open(&second, &two_regions, at, WORKLOAD_THP_DEFAULT) < 0);
	workload_arena_close(&second);
	workload_arena_close(&first);
}

static void marks_appear_in_the_mailbox_with_a_new_number(void **state)
{
	uint64_t at = free_window();
	struct workload_arena arena;
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(workload_arena_open(&arena, &two_regions, at, WORKLOAD_THP_DEFAULT), 0);
	assert_int_equal(*(uint64_t *)arena.base, 0);
	workload_arena_mark(&arena, "phase %s", "first");
	assert_int_equal(*(uint64_t *)arena.base, 1);
	assert_string_equal((char *)arena.base + 8, "phase first");
	workload_arena_mark(&arena, "%s", longest);
	assert_int_equal(*(uint64_t *)arena.base, 2);
	assert_int_equal(strlen((char *)arena.base + 8), WORKLOAD_MARK_BYTES - 1);
	workload_arena_mark(&arena, "end");
	assert_string_equal((char *)arena.base + 8, "end");
	workload_arena_close(&arena);
}

static void without_a_window_there_is_no_mailbox(void **state)
{
	struct workload_arena arena;

	(void)state;
	assert_int_equal(workload_arena_open(&arena, &two_regions, 0, WORKLOAD_THP_DEFAULT), 0);
	assert_int_equal((uintptr_t)arena.regions[0] % (2 << 20), 0);
	workload_arena_mark(&arena, "end");
	assert_int_equal(*(uint64_t *)arena.base, 0);
	workload_arena_close(&arena);
}

static void more_memory_than_the_machine_has_is_refused(void **state)
{
	struct workload_region huge = { .bytes = WORKLOAD_MAX_TOTAL_BYTES };
	struct workload_config c = { .regions = &huge,
				     .nr_regions = 1,
				     .total_bytes = WORKLOAD_MAX_TOTAL_BYTES };
	struct workload_arena arena = { 0 };

	(void)state;
	assert_true(workload_arena_populate(&arena, &c, -1) < 0);
}

static void data_file_fills_its_region(void **state)
{
	char path[] = "/tmp/test_workload_XXXXXX";
	struct workload_region r = { .bytes = 8, .data_path = path };
	struct workload_config c = { .regions = &r, .nr_regions = 1, .total_bytes = PAGE };
	struct workload_arena arena;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "0123456789", 10), 10);
	(void)close(fd);
	assert_int_equal(workload_arena_open(&arena, &c, 0, WORKLOAD_THP_NEVER), 0);
	assert_int_equal(workload_arena_load(&arena, &c), 0);
	/* Eight bytes of the ten: the region has no more. */
	assert_memory_equal(arena.regions[0], "01234567\0\0", 10);
	(void)unlink(path);
	assert_true(workload_arena_load(&arena, &c) < 0);
	workload_arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequential_goes_by_strides_and_begins_again),
		cmocka_unit_test(uneven_strides_stay_aligned_and_inside),
		cmocka_unit_test(random_covers_every_page_evenly),
		cmocka_unit_test(random_reaches_the_end_of_a_huge_region),
		cmocka_unit_test(zipf_shares_match_theory_within_1_percent),
		cmocka_unit_test(zipf_table_stays_small_and_covers_all_ranks),
		cmocka_unit_test(contiguous_zipf_has_its_hottest_page_first),
		cmocka_unit_test(scattered_zipf_gives_every_rank_a_page_of_its_own),
		cmocka_unit_test(scattered_zipf_spreads_the_hot_pages),
		cmocka_unit_test(hot_set_gets_exactly_its_share),
		cmocka_unit_test(the_rest_is_even_outside_the_hot_set),
		cmocka_unit_test(moving_hot_set_is_where_it_should_be),
		cmocka_unit_test(hot_set_that_moves_past_the_end_goes_on_at_the_start),
		cmocka_unit_test(modes_read_and_write_in_their_proportion),
		cmocka_unit_test(read_then_write_adds_one_to_each_word),
		cmocka_unit_test(same_seed_gives_the_same_accesses),
		cmocka_unit_test(window_holds_the_regions_in_order),
		cmocka_unit_test(window_that_is_in_use_is_refused),
		cmocka_unit_test(marks_appear_in_the_mailbox_with_a_new_number),
		cmocka_unit_test(without_a_window_there_is_no_mailbox),
		cmocka_unit_test(more_memory_than_the_machine_has_is_refused),
		cmocka_unit_test(data_file_fills_its_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
