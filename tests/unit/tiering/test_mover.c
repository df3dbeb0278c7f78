/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mover.c - what became of each page, whatever the kernel says of it. */
#include "tests/unit/test.h"

#include <errno.h>

#include "tests/unit/tiering/fake_memory.h"
#include "tiering/mover.h"

static struct fake_host fake;
static struct thermo_topology topology;
static struct mover mover;
static atomic_bool stop;

static int make(void **state)
{
	(void)state;
	fake_memory_init(&fake, &topology);
	/* relaxed: one thread. */
	atomic_store_explicit(&stop, false, memory_order_relaxed);
	mover_init(&mover, &fake.host, &topology, 100, &stop);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static struct planned_move step_of(size_t first, size_t nr)
{
	return (struct planned_move){ .action = THERMO_PROMOTE,
				      .pid = FAKE_PID,
				      .start = FAKE_BASE + first * THERMO_PAGE_BYTES,
				      .end = FAKE_BASE + (first + nr) * THERMO_PAGE_BYTES,
				      .bytes = nr * THERMO_PAGE_BYTES,
				      .from_tier = 1,
				      .to_node = 0 };
}

static uint64_t promote(size_t first, size_t nr)
{
	struct planned_move step = step_of(first, nr);

	return mover_run(&mover, &step);
}

static uint64_t result(enum thermo_move_result r)
{
	return mover.counters.pages[THERMO_PROMOTE][r];
}

/* @total pages were tried, and each is in one result. */
static void assert_total(uint64_t total)
{
	uint64_t sum = 0;

	for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++) {
		sum += mover.counters.pages[THERMO_PROMOTE][r];
		assert_int_equal(mover.counters.pages[THERMO_DEMOTE][r], 0);
	}
	assert_int_equal(sum, total);
}

static void make_huge(size_t first, size_t nr)
{
	for (size_t i = first; i < first + nr; i++)
		fake_memory.huge[i] = true;
}

static void pages_move_and_are_counted(void **state)
{
	(void)state;
	assert_int_equal(promote(0, 1000), 1000 * THERMO_PAGE_BYTES);
	assert_int_equal(result(THERMO_MOVED), 1000);
	assert_int_equal(fake_pages_on(0), 1000);
	assert_total(1000);
	assert_int_equal(mover.counters.calls, fake_memory.move_calls);
	assert_int_equal(mover.counters.call_ns, 1000 * 2000);
	assert_true(mover.counters.longest_call_ns >= 64 * 2000);
	assert_near(mover.ns_per_byte, 1000.0 / 4096, 1);
}

/* A call has a fixed cost: with a page in it that says nothing of what many would cost. */
static void cost_of_a_small_call_hardly_counts(void **state)
{
	(void)state;
	promote(0, 1000);
	fake_memory.ns_per_page = 1000000;
	promote(1000, 1);
	assert_true(mover.ns_per_byte > 1000.0 / 4096);
	assert_true(mover.ns_per_byte < 3000.0 / 4096);
}

static void no_more_bytes_move_than_were_planned(void **state)
{
	struct planned_move step = step_of(0, 2000);

	(void)state;
	step.bytes = 100 * THERMO_PAGE_BYTES;
	assert_int_equal(mover_run(&mover, &step), 100 * THERMO_PAGE_BYTES);
	assert_int_equal(fake_pages_on(0), 100);
	assert_total(100);
}

static void pages_on_other_tiers_or_not_there_are_not_tried(void **state)
{
	(void)state;
	for (size_t i = 0; i < 100; i++)
		fake_memory.node[i] = i % 2 ? 0 : -1;
	assert_int_equal(promote(0, 200), 100 * THERMO_PAGE_BYTES);
	assert_total(100);
	assert_int_equal(result(THERMO_MOVED), 100);
}

static void every_cause_is_told_apart(void **state)
{
	static const struct {
		int error;
		enum thermo_move_result result;
	} causes[] = { { -EBUSY, THERMO_MOVE_BUSY },         { -ENOENT, THERMO_MOVE_GONE },
		       { -EFAULT, THERMO_MOVE_GONE },        { -ENOMEM, THERMO_MOVE_NO_MEMORY },
		       { -EACCES, THERMO_MOVE_NOT_ALLOWED }, { -EPERM, THERMO_MOVE_NOT_ALLOWED },
		       { -EIO, THERMO_MOVE_FAILED } };

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		fake_memory.error[10 * i] = causes[i].error;
	/* Looked up afterwards, the busy page is where it was. */
	assert_int_equal(promote(0, 100), 93 * THERMO_PAGE_BYTES);
	assert_int_equal(result(THERMO_MOVE_BUSY), 1);
	assert_int_equal(result(THERMO_MOVE_GONE), 2);
	assert_int_equal(result(THERMO_MOVE_NO_MEMORY), 1);
	assert_int_equal(result(THERMO_MOVE_NOT_ALLOWED), 2);
	assert_int_equal(result(THERMO_MOVE_FAILED), 1);
	assert_total(100);
}

static void pages_without_a_status_are_looked_up(void **state)
{
	(void)state;
	fake_memory.no_status = true;
	fake_memory.error[3] = -EBUSY;
	assert_int_equal(promote(0, 100), 99 * THERMO_PAGE_BYTES);
	assert_int_equal(result(THERMO_MOVED), 99);
	assert_int_equal(result(THERMO_MOVE_BUSY), 1);
	assert_total(100);
}

static void huge_page_is_512_pages(void **state)
{
	(void)state;
	make_huge(0, 1024);
	assert_int_equal(promote(0, 1024), 2 * THERMO_HUGE_BYTES);
	assert_int_equal(result(THERMO_MOVED), 1024);
	assert_total(1024);
	/* Asked for once each. */
	assert_true(fake_memory.largest_call <= 2);
}

static void huge_page_that_does_not_move_is_512_pages_too(void **state)
{
	(void)state;
	make_huge(0, 512);
	for (size_t i = 0; i < 512; i++)
		fake_memory.error[i] = -ENOMEM;
	assert_int_equal(promote(0, 512), 0);
	assert_int_equal(result(THERMO_MOVE_NO_MEMORY), 512);
	assert_total(512);
}

static void split_huge_page_is_counted_page_by_page(void **state)
{
	(void)state;
	make_huge(0, 512);
	fake_memory.splits = true;
	assert_int_equal(promote(0, 512), 256 * THERMO_PAGE_BYTES);
	assert_int_equal(result(THERMO_MOVED), 256);
	assert_int_equal(result(THERMO_MOVE_BUSY), 256);
	assert_total(512);
}

/* Split by somebody, and none of it moved: busy like any page that stays where it is. */
static int split_and_stay(struct fake_host *f, pid_t pid, size_t nr, void **pages, const int *nodes,
			  int *status)
{
	if (!nodes)
		return fake_memory_move(f, pid, nr, pages, nodes, status);
	for (size_t i = 0; i < FAKE_PAGES; i++)
		fake_memory.huge[i] = false;
	for (size_t i = 0; i < nr; i++)
		status[i] = -EBUSY;
	return 0;
}

static void split_huge_page_that_stayed_is_busy_not_failed(void **state)
{
	(void)state;
	make_huge(0, 512);
	fake.move_pages = split_and_stay;
	assert_int_equal(promote(0, 512), 0);
	assert_int_equal(result(THERMO_MOVE_BUSY), 512);
	assert_total(512);
}

static void small_and_huge_pages_of_one_range_all_move(void **state)
{
	(void)state;
	make_huge(512, 512);
	assert_int_equal(promote(100, 1500), 1500 * THERMO_PAGE_BYTES);
	assert_total(1500);
	assert_int_equal(fake_pages_on(0), 1500);
}

static void process_that_is_gone_is_a_counter_only(void **state)
{
	struct planned_move step = step_of(0, 100);

	(void)state;
	step.pid = 4711;
	assert_int_equal(mover_run(&mover, &step), 0);
	assert_int_equal(result(THERMO_MOVE_GONE), 100);
	assert_total(100);
	/* It exits between being looked at and being moved. */
	fake_memory.call_error = -ESRCH;
	assert_int_equal(promote(0, 64), 0);
	assert_int_equal(result(THERMO_MOVE_GONE), 164);
	assert_total(164);
}

static void what_is_not_allowed_ends_the_step(void **state)
{
	(void)state;
	fake_memory.call_error = -EPERM;
	assert_int_equal(promote(0, 1000), 0);
	assert_int_equal(fake_memory.move_calls, 1);
	assert_true(result(THERMO_MOVE_NOT_ALLOWED) > 0);
	assert_total(result(THERMO_MOVE_NOT_ALLOWED));
}

static void full_node_is_not_entered(void **state)
{
	(void)state;
	fake_node_free(&fake, 0, 64 * 4 - 1);
	assert_int_equal(promote(0, 64), 0);
	assert_int_equal(fake_memory.move_calls, 0);
	assert_int_equal(result(THERMO_MOVE_NO_MEMORY), 64);
	assert_total(64);
	fake_node_free(&fake, 0, 64 * 4);
	assert_int_equal(promote(0, 64), 64 * THERMO_PAGE_BYTES);
}

static void reserve_of_a_node_is_left_to_the_kernel(void **state)
{
	(void)state;
	fake_node_free(&fake, 0, 1024);
	topology.nodes[0].reserve_bytes = 1024 << 10;
	assert_int_equal(promote(0, 64), 0);
	assert_int_equal(fake_memory.move_calls, 0);
}

static void quick_calls_grow_and_slow_ones_shrink(void **state)
{
	size_t grown;

	(void)state;
	fake_memory.ns_per_page = 10000; /* 1000 pages in 10 ms */
	(void)promote(0, 3000);
	grown = fake_memory.largest_call;
	assert_true(grown >= 512 && grown <= MAX_CALL_UNITS);
	assert_true(mover.counters.longest_call_ns <= 4 * CALL_TARGET_NS);
	fake_memory.ns_per_page = 1000000; /* and now only 10 */
	(void)promote(3000, 1000);
	assert_int_equal(mover.small.units, 64);
}

static void one_quick_call_at_most_doubles_the_next(void **state)
{
	(void)state;
	(void)promote(0, 64 + 128);
	assert_int_equal(fake_memory.largest_call, 128);
	assert_int_equal(fake_memory.move_calls, 2);
}

static void stop_ends_after_the_call_in_flight(void **state)
{
	(void)state;
	/* relaxed: one thread. */
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	assert_int_equal(promote(0, 1000), 0);
	assert_int_equal(fake_memory.move_calls, 0);
	assert_total(0);
}

static void random_trouble_never_loses_a_page(void **state)
{
	static const int errors[] = { -EBUSY, -ENOENT, -ENOMEM, -EACCES, -EIO };
	uint64_t random = 17, before[THERMO_NR_MOVE_RESULTS] = { 0 };

	(void)state;
	for (int round = 0; round < 100; round++) {
		uint64_t tried = 0, candidates = 0, there = 0;

		for (size_t i = 0; i < FAKE_PAGES; i++) {
			uint64_t dice = test_random(&random);

			fake_memory.node[i] = dice % 10 == 0 ? -1 : (int)(dice / 16 % 2);
			fake_memory.error[i] = dice / 64 % 20 ? 0 : errors[dice / 4096 % 5];
			there += fake_memory.node[i] == 0;
			candidates += fake_memory.node[i] == 1;
		}
		fake_memory.no_status = round % 2;

		uint64_t bytes = promote(0, FAKE_PAGES);

		for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++) {
			tried += result((enum thermo_move_result)r) - before[r];
			if (r == THERMO_MOVED)
				assert_int_equal(result(THERMO_MOVED) - before[r],
						 fake_pages_on(0) - there);
			before[r] = result((enum thermo_move_result)r);
		}
		assert_int_equal(tried, candidates);
		assert_int_equal(bytes / THERMO_PAGE_BYTES, fake_pages_on(0) - there);
	}
}

static void results_have_names(void **state)
{
	(void)state;
	for (int r = 0; r < THERMO_NR_MOVE_RESULTS; r++)
		for (int s = 0; s < r; s++)
			assert_string_not_equal(
					thermo_move_result_name((enum thermo_move_result)r),
					thermo_move_result_name((enum thermo_move_result)s));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(pages_move_and_are_counted),
		TEST(cost_of_a_small_call_hardly_counts),
		TEST(no_more_bytes_move_than_were_planned),
		TEST(pages_on_other_tiers_or_not_there_are_not_tried),
		TEST(every_cause_is_told_apart),
		TEST(pages_without_a_status_are_looked_up),
		TEST(huge_page_is_512_pages),
		TEST(huge_page_that_does_not_move_is_512_pages_too),
		TEST(split_huge_page_is_counted_page_by_page),
		TEST(split_huge_page_that_stayed_is_busy_not_failed),
		TEST(small_and_huge_pages_of_one_range_all_move),
		TEST(process_that_is_gone_is_a_counter_only),
		TEST(what_is_not_allowed_ends_the_step),
		TEST(full_node_is_not_entered),
		TEST(reserve_of_a_node_is_left_to_the_kernel),
		TEST(quick_calls_grow_and_slow_ones_shrink),
		TEST(one_quick_call_at_most_doubles_the_next),
		TEST(stop_ends_after_the_call_in_flight),
		TEST(random_trouble_never_loses_a_page),
		TEST(results_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
