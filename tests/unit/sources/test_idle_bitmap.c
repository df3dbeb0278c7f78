/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_idle_bitmap.c - bits of frames in words of a file. */
#include "tests/unit/test.h"

#include "tests/unit/sources/fake_frames.h"

static struct fake_host fake;
static int fd;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	put_frames(&fake);
	fd = openat(fake.host.root_fd, IDLE_BITMAP_PATH, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	(void)close(fd);
	fake_host_fini(&fake);
	return 0;
}

static void what_is_marked_is_marked_and_nothing_else(void **state)
{
	static const uint64_t pfns[] = { 5, 6, 63, 64, 130, 4096, 4097 + 64, 9999 };
	size_t nr = sizeof(pfns) / sizeof(pfns[0]), marked = 0;

	(void)state;
	assert_int_equal(idle_bitmap_set(fd, pfns, nr), 0);
	for (size_t i = 0; i < nr; i++)
		assert_true(is_idle(&fake, pfns[i]));
	for (uint64_t i = 0; i < FAKE_FRAMES / 64; i++)
		marked += (size_t)__builtin_popcountll(fake_word(&fake, IDLE_BITMAP_PATH, i));
	assert_int_equal(marked, nr);
}

static void answers_are_those_of_the_frames(void **state)
{
	static const uint64_t pfns[] = { 5, 6, 63, 64, 65, 130, 4096, 9999 };
	enum idle_answer answers[8];

	(void)state;
	for (size_t i = 0; i < 8; i += 2)
		put_idle(&fake, pfns[i], true);
	assert_int_equal(idle_bitmap_get(fd, pfns, 8, answers), 0);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(answers[i], i % 2 ? IDLE_ACCESSED : IDLE_STILL);
}

static void more_than_a_call_holds_is_several_calls(void **state)
{
	uint64_t pfns[2000];
	enum idle_answer answers[2000];

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		pfns[i] = 100 + 5 * i;
	assert_int_equal(idle_bitmap_set(fd, pfns, 2000), 0);
	put_idle(&fake, pfns[1234], false);
	assert_int_equal(idle_bitmap_get(fd, pfns, 2000, answers), 0);
	for (size_t i = 0; i < 2000; i++)
		assert_int_equal(answers[i], i == 1234 ? IDLE_ACCESSED : IDLE_STILL);
}

static void memory_that_was_taken_out_is_unknown(void **state)
{
	static const uint64_t pfns[] = { FAKE_FRAMES - 1, FAKE_FRAMES, 1ull << 40 };
	enum idle_answer answers[3];

	(void)state;
	assert_int_equal(idle_bitmap_get(fd, pfns, 3, answers), 0);
	assert_int_equal(answers[0], IDLE_ACCESSED);
	assert_int_equal(answers[1], IDLE_UNKNOWN);
	assert_int_equal(answers[2], IDLE_UNKNOWN);
}

static void a_file_that_cannot_be_used_is_an_error(void **state)
{
	static const uint64_t pfn = 5;
	enum idle_answer answer;

	(void)state;
	assert_true(idle_bitmap_set(-1, &pfn, 1) < 0);
	assert_true(idle_bitmap_get(-1, &pfn, 1, &answer) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_marked_is_marked_and_nothing_else, make,
						drop),
		cmocka_unit_test_setup_teardown(answers_are_those_of_the_frames, make, drop),
		cmocka_unit_test_setup_teardown(more_than_a_call_holds_is_several_calls, make,
						drop),
		cmocka_unit_test_setup_teardown(memory_that_was_taken_out_is_unknown, make, drop),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_used_is_an_error, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
