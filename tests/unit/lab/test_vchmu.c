/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vchmu.c - the lab's virtual hotness unit, by its registers as a driver sees them. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "tests/lab/truth/vchmu.h"

#define MS 1000000ull
#define HPA 0x140000000ull
#define ALL 6
#define READS 4
#define WRITES 5

static const struct vchmu_options defaults = {
	.nr_windows = 2,
	.windows = { { 0, HPA, 64 << 20 }, { 64 << 20, 2 * HPA, 64 << 20 } },
	.nr_entries = 16,
	.counter_bits = 8,
	.min_epoch_ms = 10,
};

static struct vchmu chmu;
static void *memory;
static uint64_t now_ns;

static void make_with(const struct vchmu_options *options)
{
	vchmu_fini(&chmu);
	assert_int_equal(vchmu_init(&chmu, memory, options), 0);
	now_ns = 1000 * MS;
}

static int make(void **state)
{
	(void)state;
	memory = aligned_alloc(4096, VCHMU_BAR_BYTES);
	make_with(&defaults);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	vchmu_fini(&chmu);
	free(memory);
	return 0;
}

static uint64_t reg(size_t offset)
{
	uint64_t word;

	memcpy(&word, (char *)memory + VCHMU_PAGE_BYTES + 0x10 + offset, sizeof(word));
	return word;
}

static void after(uint64_t ns)
{
	now_ns += ns;
	vchmu_step(&chmu, now_ns);
}

static void store(size_t offset, uint64_t value, size_t bytes)
{
	struct vchmu_mailbox *box = &((struct vchmu_page *)memory)->mailbox;

	box->offset = 0x10 + offset;
	box->value = value;
	box->bytes = bytes;
	box->sent++;
	vchmu_step(&chmu, now_ns);
	assert_int_equal(box->done, box->sent);
}

/* Epochs of 100 ms, pages. */
static void start(uint64_t request, uint64_t threshold)
{
	store(0x48, 1ull << 52 | 4ull << 48 | 12, 8);
	store(0x70, 1, 8);
	store(0x50, 8, 8);
	store(0x40, threshold << 32 | 1 << 16 | request, 8);
	after(3 * MS);
	assert_int_equal(reg(0x60) & 1, 1);
}

static void touch(uint64_t page, unsigned int nr, bool is_store)
{
	while (nr--)
		vchmu_count(&chmu, nr, HPA + page * 4096 + nr % 4096, is_store);
}

static unsigned int nr_listed(void)
{
	uint64_t indices = reg(0x68);

	return (unsigned int)((indices >> 16) + 16 - (indices & 0xffff)) % 16;
}

/* The count of @page in the hotlist, 0 when it is not there. */
static uint64_t listed(uint64_t page)
{
	for (uint64_t i = reg(0x68) & 0xffff; i != reg(0x68) >> 16; i = (i + 1) % 16)
		if (reg(VCHMU_HOTLIST_OFFSET + i * 8) >> 8 == page)
			return reg(VCHMU_HOTLIST_OFFSET + i * 8) & 0xff;
	return 0;
}

static void operations_take_a_while_and_say_which(void **state)
{
	(void)state;
	store(0x48, 1ull << 52 | 4ull << 48 | 12, 8);
	store(0x40, 5ull << 32 | 1 << 16 | ALL, 8);
	assert_int_equal(reg(0x60) >> 16 & 0xffff, 1);
	assert_int_equal(reg(0x60) & 1, 0);
	after(3 * MS);
	assert_int_equal(reg(0x60) >> 16 & 0xffff, 0);
	assert_int_equal(reg(0x60) & 1, 1);
	store(0x40, 5ull << 32 | ALL, 8);
	assert_int_equal(reg(0x60) >> 16 & 0xffff, 2);
	after(3 * MS);
	assert_int_equal(reg(0x60) & 0xffff0001, 0);
	store(0x40, 1 << 17, 8);
	assert_int_equal(reg(0x60) >> 16 & 0xffff, 3);
	assert_int_equal(reg(0x40), 0);
	after(3 * MS);
	assert_int_equal(reg(0x60) >> 16 & 0xffff, 0);
}

static void hot_granules_are_listed_at_the_end_of_the_epoch(void **state)
{
	(void)state;
	start(ALL, 5);
	touch(3, 4, false);
	touch(7, 5, false);
	touch(9, 100, true);
	after(50 * MS);
	assert_int_equal(nr_listed(), 0);
	after(60 * MS);
	assert_int_equal(nr_listed(), 2);
	assert_int_equal(listed(7), 5);
	assert_int_equal(listed(9), 100);
	/* Counters begin anew. */
	touch(3, 4, false);
	after(100 * MS);
	assert_int_equal(nr_listed(), 2);
}

static void reads_and_writes_are_told_apart(void **state)
{
	(void)state;
	start(READS, 1);
	touch(1, 10, false);
	touch(2, 10, true);
	after(110 * MS);
	assert_int_equal(listed(1), 10);
	assert_int_equal(listed(2), 0);
	store(0x40, ALL, 8);
	after(3 * MS);
	start(WRITES, 1);
	touch(3, 10, false);
	touch(4, 10, true);
	after(110 * MS);
	assert_int_equal(listed(3), 0);
	assert_int_equal(listed(4), 10);
}

static void addresses_are_the_devices_own(void **state)
{
	(void)state;
	start(ALL, 1);
	/* The second window begins where the first ends. */
	vchmu_count(&chmu, 0, 2 * HPA + 5 * 4096, false);
	vchmu_count(&chmu, 0, HPA - 1, false);
	vchmu_count(&chmu, 0, HPA + (64 << 20), false);
	after(110 * MS);
	assert_int_equal(nr_listed(), 1);
	assert_int_equal(listed((64 << 8) + 5), 1);
}

static void only_ranges_that_are_asked_for_count(void **state)
{
	(void)state;
	start(ALL, 1);
	store(0x40, ALL, 8);
	after(3 * MS);
	store(0x70, 2, 8);
	store(0x40, 1ull << 32 | 1 << 16 | ALL, 8);
	after(3 * MS);
	touch(1, 10, false);
	after(110 * MS);
	assert_int_equal(nr_listed(), 0);
}

static void full_hotlist_drops_counts_and_overwrites_nothing(void **state)
{
	uint64_t first;

	(void)state;
	start(ALL, 1);
	for (uint64_t page = 0; page < 20; page++)
		touch(page, 1, false);
	after(110 * MS);
	assert_int_equal(nr_listed(), 15);
	assert_int_equal(reg(0x60) >> 40 & 3, 3);
	assert_int_equal(chmu.page->nr_dropped, 5);
	first = reg(VCHMU_HOTLIST_OFFSET);
	touch(100, 1, false);
	after(110 * MS);
	assert_int_equal(reg(VCHMU_HOTLIST_OFFSET), first);
	assert_int_equal(chmu.page->nr_dropped, 6);
	/* Writing 1 clears, writing 0 does not. */
	store(0x60, 1ull << 40, 8);
	assert_int_equal(reg(0x60) >> 40 & 3, 2);
	store(0x60, 0, 8);
	assert_int_equal(reg(0x60) >> 40 & 3, 2);
	store(0x68, 15, 2);
	assert_int_equal(nr_listed(), 0);
	touch(100, 1, false);
	after(110 * MS);
	assert_int_equal(listed(100), 1);
}

static void counters_stop_at_their_end(void **state)
{
	(void)state;
	start(ALL, 1);
	touch(1, 300, false);
	after(110 * MS);
	assert_int_equal(listed(1), 255);
}

static void head_beyond_the_hotlist_has_no_effect(void **state)
{
	(void)state;
	start(ALL, 1);
	store(0x68, 16, 2);
	assert_int_equal(reg(0x68), 0);
	store(0x68, 0xffff, 8);
	assert_int_equal(reg(0x68), 0);
}

static void what_was_not_offered_does_not_start(void **state)
{
	static const uint64_t granules[] = { 1ull << 52 | 4ull << 48 | 13,
					     4ull << 48 | 12,
					     1ull << 52 | 6ull << 48 | 12,
					     1ull << 52 | 1ull << 48 | 12,
					     1ull << 52 | 4ull << 48 | 1ull << 40 | 12,
					     1ull << 52 | 4ull << 48 | 1ull << 32 | 12,
					     0 };

	(void)state;
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		store(0x48, granules[i], 8);
		store(0x40, 1ull << 32 | 1 << 16 | ALL, 8);
		after(3 * MS);
		assert_int_equal(reg(0x60) & 0xffff0001, 0);
		store(0x40, 0, 8);
	}
	store(0x48, 1ull << 52 | 4ull << 48 | 12, 8);
	store(0x40, 1ull << 32 | 1 << 16 | 7, 8);
	after(3 * MS);
	assert_int_equal(reg(0x60) & 1, 0);
}

static void stores_of_nonsense_do_nothing(void **state)
{
	static const size_t offsets[] = { 0,    8,    0x10,  0x18,   0x58,       0x6a,
					  0x71, 0xf9, 0x100, 0x1000, 0xffffffff, SIZE_MAX - 0x10 };
	uint64_t caps[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		caps[i] = reg(8 * i);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		for (size_t bytes = 0; bytes < 10; bytes++)
			store(offsets[i], ~0ull, bytes);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(reg(8 * i), caps[i]);
	start(ALL, 1);
}

static void lost_accesses_are_as_many_as_were_asked_for(void **state)
{
	struct vchmu_options o = defaults;

	(void)state;
	o.loss_permille = 250;
	o.counter_bits = 32;
	make_with(&o);
	start(ALL, 1);
	touch(1, 100000, false);
	after(110 * MS);
	assert_near((double)(reg(VCHMU_HOTLIST_OFFSET) & 0xffffffff), 75000, 2);
}

static void downsampling_looks_at_one_of_so_many(void **state)
{
	struct vchmu_options o = defaults;

	(void)state;
	o.counter_bits = 32;
	make_with(&o);
	store(0x48, 1ull << 52 | 4ull << 48 | 2ull << 32 | 12, 8);
	store(0x70, 1, 8);
	store(0x40, 1ull << 32 | 1 << 16 | ALL, 8);
	after(3 * MS);
	touch(1, 100000, false);
	after(110 * MS);
	assert_near((double)(reg(VCHMU_HOTLIST_OFFSET) & 0xffffffff), 25000, 3);
}

static void sketch_never_counts_too_little(void **state)
{
	struct vchmu_options o = defaults;

	(void)state;
	o.nr_counters = 64;
	make_with(&o);
	start(ALL, 50);
	for (uint64_t page = 0; page < 200; page++)
		touch(page, 2, false);
	touch(500, 60, false);
	after(110 * MS);
	assert_true(listed(500) >= 60);
	store(0x68, reg(0x68) >> 16, 2);
	/* Counters begin anew: what shared one is cold again. */
	touch(500, 49, false);
	after(110 * MS);
	assert_int_equal(nr_listed(), 0);
}

static void reset_forgets_what_was_counted(void **state)
{
	(void)state;
	start(ALL, 5);
	touch(1, 100, false);
	store(0x40, 5ull << 32 | ALL, 8);
	after(3 * MS);
	store(0x40, 1 << 17, 8);
	after(3 * MS);
	start(ALL, 5);
	after(110 * MS);
	assert_int_equal(nr_listed(), 0);
}

static void what_is_off_counts_nothing(void **state)
{
	(void)state;
	touch(1, 100, false);
	start(ALL, 1);
	after(110 * MS);
	assert_int_equal(nr_listed(), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(operations_take_a_while_and_say_which),
		T(hot_granules_are_listed_at_the_end_of_the_epoch),
		T(reads_and_writes_are_told_apart),
		T(addresses_are_the_devices_own),
		T(only_ranges_that_are_asked_for_count),
		T(full_hotlist_drops_counts_and_overwrites_nothing),
		T(counters_stop_at_their_end),
		T(head_beyond_the_hotlist_has_no_effect),
		T(what_was_not_offered_does_not_start),
		T(stores_of_nonsense_do_nothing),
		T(lost_accesses_are_as_many_as_were_asked_for),
		T(downsampling_looks_at_one_of_so_many),
		T(sketch_never_counts_too_little),
		T(reset_forgets_what_was_counted),
		T(what_is_off_counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
