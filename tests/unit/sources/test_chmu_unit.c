/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_chmu_unit.c - the driver of a hotness unit against a model of one.  Words are written out as
 * the standard has them, not by the macros under test.
 */
#include "tests/unit/test.h"

#include "tests/unit/sources/chmu_model.h"

static struct chmu_model model;
static struct chmu_block block;
static struct chmu_unit unit;

static const struct chmu_config config = {
	.request = 6,
	.threshold = 0x50,
	.unit_log2 = 12,
	.epoch_ns = 200000000,
	.range_start = 256ull << 20,
	.range_bytes = 512ull << 20,
};

static int make(void **state)
{
	(void)state;
	model_init(&model);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	model_fini(&model);
	return 0;
}

static void open_unit(unsigned int index)
{
	assert_int_equal(chmu_block_read(&model.io, &block), 0);
	assert_int_equal(chmu_unit_open(&unit, &model.io, &block, index), 0);
}

static void start_unit(void)
{
	open_unit(0);
	assert_int_equal(chmu_unit_start(&unit, &config), 0);
	model.nr_stores = 0;
}

static void expect_store(size_t n, size_t offset, uint64_t value, size_t bytes)
{
	assert_true(n < model.nr_stores);
	assert_int_equal(model.log[n].offset, offset);
	assert_int_equal(model.log[n].value, value);
	assert_int_equal(model.log[n].bytes, bytes);
}

static void header_says_how_many_and_how_long(void **state)
{
	(void)state;
	assert_int_equal(chmu_block_read(&model.io, &block), 0);
	assert_int_equal(block.version, 1);
	assert_int_equal(block.nr_instances, 2);
	assert_int_equal(block.instance_bytes, 0x200);
}

static void header_that_cannot_be_is_refused(void **state)
{
	static const uint64_t lengths[] = { 0, 0x68, 0x1fc, 0x208, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		model_set(&model, 0x08, lengths[i]);
		assert_int_equal(chmu_block_read(&model.io, &block), -EBADMSG);
		assert_reason("this is no CHMU");
	}
	model_set(&model, 0x08, 0x200);
	model_set(&model, 0x00, 0x0001);
	assert_int_equal(chmu_block_read(&model.io, &block), -EBADMSG);
	model.io.bytes = 8;
	assert_int_equal(chmu_block_read(&model.io, &block), -EBADMSG);
}

static void header_of_ones_is_no_device(void **state)
{
	(void)state;
	model.unplug_after = 0;
	assert_int_equal(chmu_block_read(&model.io, &block), -ENODEV);
	assert_reason("unplugged");
}

static void capabilities_are_read_bit_by_bit(void **state)
{
	(void)state;
	open_unit(0);
	assert_int_equal(unit.caps.requests, 0x7e);
	assert_true(unit.caps.overflow_interrupt && unit.caps.fill_interrupt);
	assert_false(unit.caps.per_counter_epochs);
	assert_int_equal(unit.caps.min_epoch_ns, 100000);
	assert_int_equal(unit.caps.max_epoch_ns, 1000000000);
	assert_int_equal(unit.caps.hotlist_entries, 8);
	/* 2^4 and 2^8 times 256 bytes. */
	assert_int_equal(unit.caps.unit_log2s, 1u << 12 | 1u << 16);
	assert_int_equal(unit.caps.downsampling_log2s, 1u << 0 | 1u << 2);
	assert_true(unit.caps.epoch_mode && unit.caps.postponed_insert);
	assert_false(unit.caps.always_on_mode || unit.caps.random_downsampling ||
		     unit.caps.overlapping_ranges);
	model_set(&model, MODEL_AT(0, 0x00), 0x0008001100153f70);
	model_set(&model, MODEL_AT(0, 0x08), 0x000e000500000110);
	open_unit(0);
	assert_true(unit.caps.per_counter_epochs);
	assert_true(unit.caps.always_on_mode && unit.caps.random_downsampling &&
		    unit.caps.overlapping_ranges);
	assert_false(unit.caps.epoch_mode || unit.caps.postponed_insert);
}

static void scales_of_epochs_are_100us_to_1s(void **state)
{
	static const uint64_t ns[] = { 100000, 1000000, 10000000, 100000000, 1000000000 };

	(void)state;
	for (uint64_t scale = 1; scale <= 5; scale++) {
		/* The longest epoch: 7 units. */
		model_set(&model, MODEL_AT(0, 0x00), 0x0008001100003f30 | scale << 16 | 7 << 20);
		open_unit(0);
		assert_int_equal(unit.caps.max_epoch_ns, 7 * ns[scale - 1]);
	}
}

static void capabilities_that_cannot_be_are_refused(void **state)
{
	static const struct {
		size_t reg;
		uint64_t value;
	} words[] = {
		{ 0x00, 0x0001001100153f30 }, /* hotlist of one */
		{ 0x00, 0x0008001100150030 }, /* no request */
		{ 0x00, 0x0008001100003f30 }, /* no longest epoch */
		{ 0x00, 0x0008000000153f30 }, /* no shortest */
		{ 0x00, 0x0008001600153f30 }, /* of a scale that there is not */
		{ 0x08, 0x0011000500000000 }, /* no granule */
		{ 0x10, 0x60 },               /* the bitmap over registers */
		{ 0x10, 0x74 },               /* between words */
		{ 0x18, 0x3d8 },              /* a hotlist that ends beyond */
		{ 0x18, ~7ull },
		{ 0x10, ~7ull },
	};

	(void)state;
	assert_int_equal(chmu_block_read(&model.io, &block), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t was = model_get(&model, MODEL_AT(0, words[i].reg));

		model_set(&model, MODEL_AT(0, words[i].reg), words[i].value);
		assert_int_equal(chmu_unit_open(&unit, &model.io, &block, 0), -EBADMSG);
		assert_reason("cannot be");
		model_set(&model, MODEL_AT(0, words[i].reg), was);
	}
	assert_int_equal(chmu_unit_open(&unit, &model.io, &block, 2), -EINVAL);
}

static void start_writes_what_the_standard_says(void **state)
{
	(void)state;
	open_unit(0);
	assert_int_equal(chmu_unit_start(&unit, &config), 0);
	assert_int_equal(model.nr_stores, 7);
	expect_store(0, MODEL_AT(0, 0x40), 1ull << 17, 8);
	/* 2^12 bytes, each request, epochs; 2000 times 100 us. */
	expect_store(1, MODEL_AT(0, 0x48), 2000ull << 52 | 1ull << 48 | 12, 8);
	/* The second and the third 256 MiB. */
	expect_store(2, MODEL_AT(0, 0x70), 0x6, 8);
	expect_store(3, MODEL_AT(0, 0x68), 0, 2);
	expect_store(4, MODEL_AT(0, 0x60), 3ull << 40, 8);
	expect_store(5, MODEL_AT(0, 0x50), 4, 8);
	expect_store(6, MODEL_AT(0, 0x40), 0x50ull << 32 | 1 << 16 | 6, 8);
	assert_int_equal(unit.counter_bits, 16);
	assert_int_equal(chmu_unit_is_enabled(&unit), 1);
}

static void start_stops_what_runs_first(void **state)
{
	(void)state;
	start_unit();
	model_set_indices(&model, 0, 2, 5);
	assert_int_equal(chmu_unit_start(&unit, &config), 0);
	expect_store(0, MODEL_AT(0, 0x40), 0x50ull << 32 | 6, 8);
	expect_store(1, MODEL_AT(0, 0x40), 1ull << 17, 8);
	/* What was in the hotlist is thrown away. */
	expect_store(4, MODEL_AT(0, 0x68), 5, 2);
}

static void instances_are_apart(void **state)
{
	unsigned char before[MODEL_INSTANCE_BYTES];

	(void)state;
	memcpy(before, model.bytes + 0x10, sizeof(before));
	open_unit(1);
	assert_int_equal(chmu_unit_start(&unit, &config), 0);
	assert_memory_equal(model.bytes + 0x10, before, sizeof(before));
	for (size_t i = 0; i < model.nr_stores; i++)
		assert_true(model.log[i].offset >= MODEL_AT(1, 0));
	assert_int_equal(model_get(&model, MODEL_AT(1, 0x60)) & 1, 1);
}

static void threshold_beyond_the_counters_is_lowered(void **state)
{
	struct chmu_config high = config;

	(void)state;
	high.threshold = 1 << 20;
	open_unit(0);
	assert_int_equal(chmu_unit_start(&unit, &high), 0);
	assert_int_equal(unit.config.threshold, 65535);
	assert_int_equal(model_get(&model, MODEL_AT(0, 0x40)) >> 32, 65535);
}

static void counters_of_no_width_are_refused(void **state)
{
	(void)state;
	open_unit(0);
	model_set(&model, MODEL_AT(0, 0x60), 0);
	assert_int_equal(chmu_unit_start(&unit, &config), -EBADMSG);
	assert_reason("counters of 0 bits");
	model_set(&model, MODEL_AT(0, 0x60), 64ull << 32);
	assert_int_equal(chmu_unit_start(&unit, &config), -EBADMSG);
}

static void range_beyond_the_bitmap_is_refused(void **state)
{
	struct chmu_config far = config;

	(void)state;
	open_unit(0);
	assert_int_equal(unit.caps.bitmap_bytes, 0x90);
	far.range_start = (0x90 * 8 - 1) * (256ull << 20);
	far.range_bytes = 1;
	assert_int_equal(chmu_unit_start(&unit, &far), 0);
	assert_int_equal(model_get(&model, MODEL_AT(0, 0xf8)), 1ull << 63);
	far.range_bytes = 512ull << 20;
	assert_int_equal(chmu_unit_start(&unit, &far), -EOPNOTSUPP);
	assert_reason("does not reach");
	far.range_bytes = 0;
	assert_int_equal(chmu_unit_start(&unit, &far), -EOPNOTSUPP);
}

static void unit_that_never_answers_times_out(void **state)
{
	uint64_t start_ns;

	(void)state;
	open_unit(0);
	model.busy_polls = 1 << 30;
	start_ns = thermo_host_now_ns(&model.fake.host);
	assert_int_equal(chmu_unit_start(&unit, &config), -ETIMEDOUT);
	assert_reason("does not reset its counters");
	assert_true(thermo_host_now_ns(&model.fake.host) - start_ns >= 1000000000);
	/* Nothing that needs the answer was done. */
	assert_int_equal(model.nr_stores, 1);
}

static void unit_that_does_not_stop_times_out(void **state)
{
	(void)state;
	start_unit();
	model.dead = true;
	assert_int_equal(chmu_unit_stop(&unit), -ETIMEDOUT);
	assert_reason("does not stop");
}

static void stop_of_what_is_off_writes_nothing(void **state)
{
	(void)state;
	open_unit(0);
	assert_int_equal(chmu_unit_stop(&unit), 0);
	assert_int_equal(model.nr_stores, 0);
}

static void stop_leaves_the_rest_as_it_is(void **state)
{
	(void)state;
	start_unit();
	assert_int_equal(chmu_unit_stop(&unit), 0);
	assert_int_equal(model.nr_stores, 1);
	expect_store(0, MODEL_AT(0, 0x40), 0x50ull << 32 | 6, 8);
	assert_int_equal(chmu_unit_is_enabled(&unit), 0);
}

static void hotlist_is_drained_round_its_end(void **state)
{
	uint64_t entries[8];
	struct chmu_drained drained;

	(void)state;
	start_unit();
	for (size_t i = 0; i < 8; i++)
		model_set(&model, MODEL_AT(0, 0x100 + 8 * i), 100 + i);
	model_set_indices(&model, 0, 6, 2);
	assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), 0);
	assert_int_equal(drained.nr, 4);
	assert_false(drained.more || drained.overflow || drained.fill);
	assert_int_equal(entries[0], 106);
	assert_int_equal(entries[1], 107);
	assert_int_equal(entries[2], 100);
	assert_int_equal(entries[3], 101);
	assert_int_equal(model.nr_stores, 1);
	expect_store(0, MODEL_AT(0, 0x68), 2, 2);
	assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), 0);
	assert_int_equal(drained.nr, 0);
	/* Nothing was taken: nothing is said. */
	assert_int_equal(model.nr_stores, 1);
}

static void what_has_no_room_stays(void **state)
{
	uint64_t entries[8];
	struct chmu_drained drained;

	(void)state;
	start_unit();
	model_set_indices(&model, 0, 0, 7);
	assert_int_equal(chmu_unit_drain(&unit, entries, 3, &drained), 0);
	assert_int_equal(drained.nr, 3);
	assert_true(drained.more);
	expect_store(0, MODEL_AT(0, 0x68), 3, 2);
}

static void overflow_and_fill_are_told_once(void **state)
{
	uint64_t entries[8];
	struct chmu_drained drained;

	(void)state;
	start_unit();
	model_set(&model, MODEL_AT(0, 0x60), model_get(&model, MODEL_AT(0, 0x60)) | 3ull << 40);
	assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), 0);
	assert_true(drained.overflow && drained.fill);
	/* The bits alone: the rest of the register is none of ours. */
	expect_store(0, MODEL_AT(0, 0x60), 3ull << 40, 8);
	assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), 0);
	assert_false(drained.overflow || drained.fill);
	assert_int_equal(model.nr_stores, 1);
}

static void overflow_that_comes_meanwhile_is_not_cleared(void **state)
{
	uint64_t entries[8];
	struct chmu_drained drained;

	(void)state;
	start_unit();
	model_set(&model, MODEL_AT(0, 0x60), model_get(&model, MODEL_AT(0, 0x60)) | 1ull << 41);
	assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), 0);
	assert_true(drained.fill && !drained.overflow);
	expect_store(0, MODEL_AT(0, 0x60), 1ull << 41, 8);
}

static void indices_beyond_the_hotlist_are_refused(void **state)
{
	static const uint16_t pairs[][2] = { { 8, 0 }, { 0, 8 }, { 0xffff, 0 }, { 3, 0xffff } };
	uint64_t entries[8];
	struct chmu_drained drained = { .nr = 77 };

	(void)state;
	start_unit();
	for (size_t i = 0; i < 4; i++) {
		model_set_indices(&model, 0, pairs[i][0], pairs[i][1]);
		assert_int_equal(chmu_unit_drain(&unit, entries, 8, &drained), -EBADMSG);
		assert_reason("of a hotlist of 8");
	}
	assert_int_equal(drained.nr, 77);
	assert_int_equal(model.nr_stores, 0);
}

static void unplugged_at_any_read_is_no_device(void **state)
{
	uint64_t entries[8];
	struct chmu_drained drained;

	(void)state;
	for (int reads = 0; reads < 6; reads++) {
		model_fini(&model);
		model_init(&model);
		start_unit();
		model_set_indices(&model, 0, 0, 2);
		model.unplug_after = reads;
		int err = chmu_unit_drain(&unit, entries, 8, &drained);

		/* An index of ones is as good a sign. */
		assert_true(err == -ENODEV || err == -EBADMSG);
		assert_int_equal(model.nr_stores, 0);
	}
	assert_int_equal(chmu_unit_stop(&unit), -ENODEV);
	assert_int_equal(chmu_unit_start(&unit, &config), -ENODEV);
}

static void fit_takes_the_nearest_that_the_unit_can(void **state)
{
	struct chmu_config c = config;

	(void)state;
	open_unit(0);
	c.unit_log2 = 13;
	c.epoch_ns = 5000000000;
	c.downsampling_log2 = 1;
	c.threshold = 0;
	assert_int_equal(chmu_unit_fit(&unit, &c), 0);
	assert_int_equal(c.unit_log2, 16);
	assert_int_equal(c.epoch_ns, 1000000000);
	assert_int_equal(c.downsampling_log2, 2);
	assert_int_equal(c.threshold, 1);
	c.unit_log2 = 20;
	c.epoch_ns = 1;
	assert_int_equal(chmu_unit_fit(&unit, &c), 0);
	assert_int_equal(c.unit_log2, 16);
	assert_int_equal(c.epoch_ns, 100000);
}

static void requests_that_cannot_be_told_apart_from_a_tees_will_do(void **state)
{
	struct chmu_config c = config;

	(void)state;
	/* NonTEE alone: bits 8 to 10. */
	model_set(&model, MODEL_AT(0, 0x00), 0x0008001100150730);
	open_unit(0);
	c.request = CHMU_REQUEST_WRITE;
	assert_int_equal(chmu_unit_fit(&unit, &c), 0);
	assert_int_equal(c.request, CHMU_REQUEST_NONTEE_WRITE);
	/* Reads alone. */
	model_set(&model, MODEL_AT(0, 0x00), 0x0008001100150130);
	open_unit(0);
	c.request = CHMU_REQUEST_ALL;
	assert_int_equal(chmu_unit_fit(&unit, &c), -EOPNOTSUPP);
	assert_reason("--chmu-count");
	c.request = 7;
	assert_int_equal(chmu_unit_fit(&unit, &c), -EINVAL);
}

static void unit_without_epochs_is_refused(void **state)
{
	struct chmu_config c = config;

	(void)state;
	model_set(&model, MODEL_AT(0, 0x08), 0x0002000500000110);
	open_unit(0);
	assert_int_equal(chmu_unit_fit(&unit, &c), -EOPNOTSUPP);
	assert_reason("nothing of rates");
}

static void random_downsampling_is_used_where_requests_are_left_out(void **state)
{
	struct chmu_config c = config;

	(void)state;
	model_set(&model, MODEL_AT(0, 0x08), 0x0015000500000110);
	open_unit(0);
	assert_int_equal(chmu_unit_start(&unit, &config), 0);
	assert_int_equal(model_get(&model, MODEL_AT(0, 0x40)) & 1 << 8, 0);
	c.downsampling_log2 = 2;
	assert_int_equal(chmu_unit_start(&unit, &c), 0);
	assert_int_equal(model_get(&model, MODEL_AT(0, 0x40)) & 1 << 8, 1 << 8);
	assert_int_equal(model_get(&model, MODEL_AT(0, 0x48)) >> 32 & 0xff, 2);
}

static void epochs_are_said_as_finely_as_they_can_be(void **state)
{
	unsigned int scale, multiplier;

	(void)state;
	assert_int_equal(chmu_epoch_encode(1, &scale, &multiplier), 100000);
	assert_int_equal(scale, 1);
	assert_int_equal(multiplier, 1);
	assert_int_equal(chmu_epoch_encode(409500000, &scale, &multiplier), 409500000);
	assert_int_equal(scale, 1);
	assert_int_equal(chmu_epoch_encode(409600000, &scale, &multiplier), 410000000);
	assert_int_equal(scale, 2);
	assert_int_equal(multiplier, 410);
	assert_int_equal(chmu_epoch_encode(UINT64_MAX / 2, &scale, &multiplier), 4095000000000);
	assert_int_equal(scale, 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(header_says_how_many_and_how_long),
		T(header_that_cannot_be_is_refused),
		T(header_of_ones_is_no_device),
		T(capabilities_are_read_bit_by_bit),
		T(scales_of_epochs_are_100us_to_1s),
		T(capabilities_that_cannot_be_are_refused),
		T(start_writes_what_the_standard_says),
		T(start_stops_what_runs_first),
		T(instances_are_apart),
		T(threshold_beyond_the_counters_is_lowered),
		T(counters_of_no_width_are_refused),
		T(range_beyond_the_bitmap_is_refused),
		T(unit_that_never_answers_times_out),
		T(unit_that_does_not_stop_times_out),
		T(stop_of_what_is_off_writes_nothing),
		T(stop_leaves_the_rest_as_it_is),
		T(hotlist_is_drained_round_its_end),
		T(what_has_no_room_stays),
		T(overflow_and_fill_are_told_once),
		T(overflow_that_comes_meanwhile_is_not_cleared),
		T(indices_beyond_the_hotlist_are_refused),
		T(unplugged_at_any_read_is_no_device),
		T(fit_takes_the_nearest_that_the_unit_can),
		T(requests_that_cannot_be_told_apart_from_a_tees_will_do),
		T(unit_without_epochs_is_refused),
		T(random_downsampling_is_used_where_requests_are_left_out),
		T(epochs_are_said_as_finely_as_they_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
