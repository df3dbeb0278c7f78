/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_reporter.c - order, loss and the two ends in two threads. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "thermocline/report.h"

#define NR_SLOTS 8u

static struct thermo_reporter *reporter;

static int make(void **state)
{
	(void)state;
	return thermo_reporter_new(&reporter, NR_SLOTS, 7);
}

static int drop(void **state)
{
	(void)state;
	thermo_reporter_free(reporter);
	return 0;
}

static bool report(uint64_t addr)
{
	struct thermo_access access = { .addr = addr, .extent_bytes = 1, .source = 99 };

	return thermo_report_access(reporter, &access);
}

static size_t fill(uint64_t first, size_t nr)
{
	size_t taken = 0;

	for (size_t i = 0; i < nr; i++)
		taken += report(first + i);
	return taken;
}

static void expect_addresses(uint64_t first, size_t max, size_t nr)
{
	struct thermo_access out[2 * NR_SLOTS];

	assert_int_equal(thermo_reporter_drain(reporter, out, max), nr);
	for (size_t i = 0; i < nr; i++)
		assert_int_equal(out[i].addr, first + i);
}

static void reports_come_out_in_order_with_their_source(void **state)
{
	struct thermo_access in = { .addr = 1,
				    .extent_bytes = 2,
				    .time_ns = 3,
				    .watched_ns = 4,
				    .nr_accesses = 5,
				    .pid = 6,
				    .tid = 7,
				    .cpu = 8,
				    .latency_ns = 9,
				    .node = 10,
				    .op = THERMO_OP_WRITE,
				    .level = THERMO_LEVEL_CXL,
				    .source = 1 };
	struct thermo_access out;

	(void)state;
	assert_true(thermo_report_access(reporter, &in));
	assert_int_equal(thermo_reporter_drain(reporter, &out, 1), 1);
	in.source = 7;
	assert_memory_equal(&out, &in, sizeof(out));
	assert_int_equal(fill(100, 3), 3);
	expect_addresses(100, 16, 3);
}

static void empty_ring_gives_nothing(void **state)
{
	(void)state;
	expect_addresses(0, 16, 0);
	fill(1, 1);
	expect_addresses(1, 0, 0);
	expect_addresses(1, 16, 1);
}

static void full_ring_drops_and_counts(void **state)
{
	(void)state;
	assert_int_equal(fill(0, NR_SLOTS), NR_SLOTS);
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
	assert_int_equal(fill(100, 3), 0);
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
	/* What was there is untouched by what was refused. */
	expect_addresses(0, 16, NR_SLOTS);
	assert_true(report(8));
	assert_int_equal(thermo_reporter_dropped(reporter), 3);
}

static void partial_drain_makes_room_for_as_many(void **state)
{
	(void)state;
	fill(0, NR_SLOTS);
	expect_addresses(0, 3, 3);
	assert_int_equal(fill(NR_SLOTS, 5), 3);
	assert_int_equal(thermo_reporter_dropped(reporter), 2);
	expect_addresses(3, 16, NR_SLOTS);
}

static void order_survives_the_wrap_at_every_offset(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (size_t round = 0; round < 5 * NR_SLOTS; round++) {
		assert_int_equal(fill(next, 5), 5);
		expect_addresses(next, 16, 5);
		next += 5;
	}
	assert_int_equal(thermo_reporter_dropped(reporter), 0);
}

static void sizes_other_than_powers_of_two_are_refused(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 3, 1000, (1u << 24) + 1, 1u << 25, UINT32_MAX };
	struct thermo_reporter *none = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(thermo_reporter_new(&none, wrong[i], 0), -EINVAL);
		assert_reason("a power of two");
		assert_null(none);
	}
	assert_int_equal(thermo_reporter_new(&none, 2, 0), 0);
	thermo_reporter_free(none);
	thermo_reporter_free(NULL);
}

/* --- two threads --- */

#define NR_LOAD 200000u

struct producer {
	struct thermo_reporter *reporter;
	uint64_t refused;
	_Atomic bool done;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t i = 0; i < NR_LOAD; i++) {
		struct thermo_access a = { .addr = i,
					   .extent_bytes = ~i,
					   .pid = (int32_t)(i % 1000) };

		p->refused += !thermo_report_access(p->reporter, &a);
	}
	/* release: the consumer that sees it also sees the last report and the count. */
	atomic_store_explicit(&p->done, true, memory_order_release);
	return NULL;
}

static void every_report_under_load_is_seen_once_or_counted_as_dropped(void **state)
{
	struct producer p = { 0 };
	struct thermo_access batch[64];
	uint64_t seen = 0, next = 0;
	pthread_t thread;
	bool done;

	(void)state;
	assert_int_equal(thermo_reporter_new(&p.reporter, 256, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &p), 0);
	do {
		size_t nr;

		/* acquire: pairs with the producer's release, so that the last drain is the last.
		 */
		done = atomic_load_explicit(&p.done, memory_order_acquire);
		while ((nr = thermo_reporter_drain(p.reporter, batch, 64)) > 0) {
			for (size_t i = 0; i < nr; i++) {
				/* Never torn, never twice, never out of order. */
				assert_true(batch[i].addr >= next);
				assert_int_equal(batch[i].extent_bytes, ~batch[i].addr);
				assert_int_equal(batch[i].pid, batch[i].addr % 1000);
				next = batch[i].addr + 1;
			}
			seen += nr;
		}
	} while (!done);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(thermo_reporter_dropped(p.reporter), p.refused);
	assert_int_equal(seen + p.refused, NR_LOAD);
	assert_true(seen > 0);
	thermo_reporter_free(p.reporter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reports_come_out_in_order_with_their_source, make,
						drop),
		cmocka_unit_test_setup_teardown(empty_ring_gives_nothing, make, drop),
		cmocka_unit_test_setup_teardown(full_ring_drops_and_counts, make, drop),
		cmocka_unit_test_setup_teardown(partial_drain_makes_room_for_as_many, make, drop),
		cmocka_unit_test_setup_teardown(order_survives_the_wrap_at_every_offset, make,
						drop),
		cmocka_unit_test(sizes_other_than_powers_of_two_are_refused),
		cmocka_unit_test(every_report_under_load_is_seen_once_or_counted_as_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
