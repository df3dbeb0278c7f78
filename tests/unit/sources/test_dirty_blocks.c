/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dirty_blocks.c - nothing that is told of written pages is more or less than what was seen.
 */
#include "tests/unit/test.h"

#include "core/random.h"
#include "sources/dirty_blocks.h"

#define PAGE 4096ull
#define HUGE_PAGE (2ull << 20)
#define BASE 0x100000000ull
#define WATCHED_NS 1000000000ull

static struct thermo_reporter *reporter;
static struct thermo_access reports[4096];
static struct dirty_blocks blocks;

static int make(void **state)
{
	(void)state;
	assert_int_equal(thermo_reporter_new(&reporter, NULL), 0);
	blocks = (struct dirty_blocks){ .reporter = reporter,
					.pid = 100,
					.block_bytes = DIRTY_BLOCK_BYTES,
					.time_ns = 5,
					.watched_ns = WATCHED_NS };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	thermo_reporter_free(reporter);
	return 0;
}

static void add(uint64_t first, uint64_t nr, bool dirty)
{
	dirty_blocks_add(&blocks, &(struct thermo_dirty_run){ .start = BASE + first * PAGE,
							      .end = BASE + (first + nr) * PAGE,
							      .dirty = dirty });
}

static size_t take(void)
{
	size_t nr;

	dirty_blocks_flush(&blocks);
	nr = thermo_reporter_drain(reporter, reports, 4096);
	assert_int_equal(nr, blocks.nr_reports);
	return nr;
}

static void pages_that_are_alike_are_one_report_that_is_exact(void **state)
{
	(void)state;
	add(3, 1000, false);
	add(1003, 500, true);
	/* The block where they meet is told by itself. */
	assert_true(take() <= 4);
	assert_int_equal(reports[0].addr, BASE + 3 * PAGE);
	assert_true(reports[0].extent_bytes >= 980 * PAGE);
	assert_int_equal(reports[0].nr_accesses, 0);
	assert_int_equal(reports[0].watched_ns, WATCHED_NS);
	assert_int_equal(reports[0].count, THERMO_COUNT_EXACT);
}

static void a_report_says_that_only_writes_could_be_seen(void **state)
{
	(void)state;
	add(0, 16, false);
	add(16, 16, true);
	assert_int_equal(take(), 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(reports[i].watched_op, THERMO_OP_WRITE);
	assert_int_equal(reports[0].op, THERMO_OP_UNKNOWN);
	assert_int_equal(reports[1].op, THERMO_OP_WRITE);
	assert_int_equal(reports[1].count, THERMO_COUNT_AT_LEAST);
	assert_int_equal(reports[1].nr_accesses, 16);
}

static void a_mixed_block_has_two_reports_whatever_is_in_it(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 16; i++)
		add(i, 1, i % 4 == 0);
	assert_int_equal(take(), 2);
	assert_int_equal(reports[0].nr_accesses, 4);
	assert_int_equal(reports[0].watched_ns, WATCHED_NS / 4);
	assert_int_equal(reports[1].nr_accesses, 0);
	assert_int_equal(reports[1].watched_ns, WATCHED_NS * 3 / 4);
}

static void huge_pages_count_as_one_each(void **state)
{
	(void)state;
	dirty_blocks_add(&blocks, &(struct thermo_dirty_run){ .start = BASE,
							      .end = BASE + 3 * HUGE_PAGE,
							      .huge = true,
							      .dirty = true });
	add(3 * 512, 5, true);
	assert_int_equal(take(), 2);
	assert_int_equal(reports[0].nr_accesses, 3);
	assert_int_equal(reports[0].extent_bytes, 3 * HUGE_PAGE);
	assert_int_equal(reports[1].nr_accesses, 5);
}

/* Whatever pages there are: bytes x time and the number of writes come out as they went in. */
static void exposure_and_events_are_kept(void **state)
{
	uint64_t random = 7, at = 0, written = 0, events = 0;
	double exposure = 0, seen = 0;
	size_t nr;

	(void)state;
	for (int i = 0; i < 600; i++) {
		uint64_t gap = next_random(&random) % 4 ? 0 : next_random(&random) % 40;
		uint64_t pages = 1 + next_random(&random) % (next_random(&random) % 8 ? 5 : 200);
		bool dirty = next_random(&random) % 2;

		add(at + gap, pages, dirty);
		at += gap + pages;
		written += dirty ? pages : 0;
		exposure += (double)(pages * PAGE) * (double)WATCHED_NS;
	}
	nr = take();
	for (size_t i = 0; i < nr; i++) {
		events += reports[i].nr_accesses;
		seen += (double)reports[i].extent_bytes * (double)reports[i].watched_ns;
		assert_true(reports[i].addr + reports[i].extent_bytes <= BASE + at * PAGE);
	}
	assert_int_equal(events, written);
	assert_true(seen > 0.9999 * exposure && seen < 1.0001 * exposure);
}

static void nothing_gives_no_report(void **state)
{
	(void)state;
	add(5, 0, true);
	assert_int_equal(take(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
		T(pages_that_are_alike_are_one_report_that_is_exact),
		T(a_report_says_that_only_writes_could_be_seen),
		T(a_mixed_block_has_two_reports_whatever_is_in_it),
		T(huge_pages_count_as_one_each),
		T(exposure_and_events_are_kept),
		T(nothing_gives_no_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
