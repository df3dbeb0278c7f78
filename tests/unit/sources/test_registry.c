/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_registry.c - what every source must hold to, by the table of them. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>

#include "core/settings.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define FOR_EACH_SOURCE(s)                                                                         \
	for (const struct thermo_source *const *at = thermo_sources, *s; (s = *at); at++)

static struct fake_host fake;
static struct thermo_settings settings;
static struct thermo_source_opts opts;

static int make(void **state)
{
	(void)state;
	fake_host_init(&fake);
	settings = (struct thermo_settings){ .lock_fd = -1 };
	opts = (struct thermo_source_opts){ .host = &fake.host, .settings = &settings };
	return 0;
}

static int drop(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	return 0;
}

static int nr_entries;

static int count_entry(const char *path, const struct stat *st, int type)
{
	(void)path, (void)st, (void)type;
	nr_entries++;
	return 0;
}

static int count_files(void)
{
	nr_entries = 0;
	assert_int_equal(ftw(fake.root, count_entry, 16), 0);
	return nr_entries;
}

static void every_source_tells_who_it_is(void **state)
{
	(void)state;
	FOR_EACH_SOURCE(s)
	{
		assert_non_null(s->name);
		assert_non_null(s->summary);
		assert_non_null(s->cost);
		assert_true(s->name[0] && s->summary[0] && s->cost[0]);
		assert_int_equal(strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(s->name));
		assert_true(s->can & (THERMO_CAN_VIRTUAL | THERMO_CAN_PHYSICAL | THERMO_CAN_AGES));
		assert_true(s->granularity_bytes > 0);
		assert_true(s->state_bytes > 0);
		assert_true(s->drain_interval_ms > 0);
		assert_true(s->probe && s->open && s->start && s->drain && s->counters && s->close);
	}
}

static void names_are_unique_and_found(void **state)
{
	(void)state;
	FOR_EACH_SOURCE(s)
	assert_ptr_equal(thermo_source_find(s->name), s);
	assert_null(thermo_source_find("no-such"));
	assert_null(thermo_source_find(""));
}

static void probe_of_an_empty_machine_says_why_not_and_changes_nothing(void **state)
{
	(void)state;
	FOR_EACH_SOURCE(s)
	{
		char before[512];

		(void)snprintf(before, sizeof(before), "%s", thermo_last_error());
		assert_true(s->probe(&opts) < 0);
		assert_true(thermo_last_error()[0] != '\0');
		/* The reason is its own and says whose it is. */
		assert_reason(s->name);
		assert_int_equal(count_files(), 1);
	}
}

static void open_of_an_empty_machine_fails_and_changes_nothing(void **state)
{
	(void)state;
	FOR_EACH_SOURCE(s)
	{
		void *mem = calloc(1, s->state_bytes);

		assert_non_null(mem);
		assert_true(s->open(mem, &opts) < 0);
		assert_int_equal(count_files(), 1);
		s->close(mem);
		free(mem);
	}
}

static void close_accepts_zeroed_state_and_that_of_a_failed_open_twice(void **state)
{
	(void)state;
	FOR_EACH_SOURCE(s)
	{
		unsigned char *mem = calloc(1, s->state_bytes), *zero = calloc(1, s->state_bytes);

		assert_true(mem && zero);
		s->close(mem);
		s->close(mem);
		assert_memory_equal(mem, zero, s->state_bytes);
		(void)s->open(mem, &opts);
		s->close(mem);
		s->close(mem);
		assert_memory_equal(mem, zero, s->state_bytes);
		free(mem);
		free(zero);
	}
}

static void open_that_fails_at_the_perf_event_leaves_nothing_open(void **state)
{
	(void)state;
	fake_host_fini(&fake);
	fake_host_copy(&fake, FAKE_MACHINE("2n-cxl"));
	FOR_EACH_SOURCE(s)
	{
		int next_fd = dup(0);
		void *mem = calloc(1, s->state_bytes);

		(void)close(next_fd);
		assert_non_null(mem);
		assert_true(s->open(mem, &opts) < 0);
		s->close(mem);
		s->close(mem);
		free(mem);
		/* The lowest free descriptor is the one it was. */
		int fd = dup(0);

		assert_int_equal(fd, next_fd);
		(void)close(fd);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(every_source_tells_who_it_is),
		TEST(names_are_unique_and_found),
		TEST(probe_of_an_empty_machine_says_why_not_and_changes_nothing),
		TEST(open_of_an_empty_machine_fails_and_changes_nothing),
		TEST(close_accepts_zeroed_state_and_that_of_a_failed_open_twice),
		TEST(open_that_fails_at_the_perf_event_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
