/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_softdirty.c - rounds of clearing and scanning, and what they cost. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "core/settings.h"
#include "tests/unit/fake_host.h"
#include "thermocline/source.h"

#define PAGE 4096ull
#define BASE 0x400000ull
#define NR_PAGES 256u

static struct fake_host fake;
static struct thermo_settings settings;
static struct thermo_source_opts opts;
static const struct thermo_source *source;
static struct thermo_reporter *reporter;
static void *source_state;
static struct thermo_access reports[1024];
static uint64_t first_dirty, end_dirty; /* addresses */
static int scan_error;
static bool kernel_has_it;
static struct thermo_host_ops ops;

/* Everything that is asked for is there. */
static int scan_dirty(const struct thermo_host *host, int fd, uint64_t start, uint64_t end,
		      struct thermo_dirty_run *runs, size_t nr_runs, uint64_t *scanned_to)
{
	uint64_t cuts[] = { first_dirty, end_dirty, end };
	size_t nr = 0;

	(void)host, (void)fd;
	if (scan_error)
		return scan_error;
	/* The page that the probe wrote. */
	if (start >= BASE + NR_PAGES * PAGE) {
		runs[0] = (struct thermo_dirty_run){ start, end, false, kernel_has_it };
		*scanned_to = end;
		return 1;
	}
	for (size_t i = 0; i < 3 && start < end && nr < nr_runs; i++) {
		uint64_t to = cuts[i] < end ? cuts[i] : end;

		if (to <= start)
			continue;
		runs[nr++] = (struct thermo_dirty_run){ start, to, false, i == 1 };
		start = to;
	}
	*scanned_to = start;
	return (int)nr;
}

static void put_process(pid_t pid)
{
	char path[64];

	fake_process(&fake, &(struct fake_process){ .pid = pid,
						    .name = "app",
						    .rss_pages = NR_PAGES,
						    .start_ticks = 1,
						    .maps = "400000-500000 rw-p 0 0:0 0\n" });
	(void)snprintf(path, sizeof(path), "proc/%d/clear_refs", (int)pid);
	fake_write(&fake, path, "");
}

static int make(void **state)
{
	const pid_t pid = 100;

	(void)state;
	fake_host_init(&fake);
	ops = fake_ops;
	ops.scan_dirty = scan_dirty;
	fake.host.ops = &ops;
	fake_write(&fake, "proc/self/pagemap", "");
	put_process(100);
	kernel_has_it = true;
	scan_error = 0;
	first_dirty = end_dirty = BASE;
	settings = (struct thermo_settings){ .lock_fd = -1 };
	opts = (struct thermo_source_opts){ .host = &fake.host, .settings = &settings };
	source = thermo_source_find("softdirty");
	source_state = calloc(1, source->state_bytes);
	assert_int_equal(thermo_reporter_new(&reporter, NULL), 0);
	assert_int_equal(source->probe(&opts), 0);
	assert_int_equal(source->open(source_state, &opts), 0);
	assert_int_equal(source->start(source_state), 0);
	assert_int_equal(source->set_targets(source_state, &pid, 1), 0);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	source->close(source_state);
	source->close(source_state);
	free(source_state);
	thermo_reporter_free(reporter);
	fake_host_fini(&fake);
	return 0;
}

static int drain(void)
{
	return source->drain(source_state, reporter);
}

static const char *note(void)
{
	static char text[400];

	text[0] = '\0';
	source->note(source_state, text, sizeof(text));
	return text;
}

/* Until a round is over.  Return: reports. */
static size_t one_round(void)
{
	for (int i = 0; i < 10000; i++, fake_advance(&fake, 20000000))
		if (drain() > 0)
			break;
	return thermo_reporter_drain(reporter, reports, 1024);
}

static void a_round_clears_first_and_tells_later_what_was_written(void **state)
{
	(void)state;
	assert_int_equal(drain(), 0);
	assert_string_equal(fake_read(&fake, "proc/100/clear_refs"), "4");
	assert_int_equal(drain(), 0);
	first_dirty = BASE + 64 * PAGE;
	end_dirty = BASE + 96 * PAGE;
	fake_advance(&fake, 2000000000);
	assert_int_equal(drain(), 3);
	assert_int_equal(thermo_reporter_drain(reporter, reports, 1024), 3);
	assert_int_equal(reports[0].extent_bytes, 64 * PAGE);
	assert_int_equal(reports[0].nr_accesses, 0);
	assert_int_equal(reports[1].addr, first_dirty);
	assert_int_equal(reports[1].extent_bytes, 32 * PAGE);
	assert_int_equal(reports[1].nr_accesses, 32);
	assert_int_equal(reports[1].op, THERMO_OP_WRITE);
	assert_int_equal(reports[2].extent_bytes, 160 * PAGE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(reports[i].pid, 100);
		assert_int_equal(reports[i].watched_op, THERMO_OP_WRITE);
		assert_int_equal(reports[i].watched_ns, 2000000000);
	}
}

static void the_next_round_waits_until_this_one_is_paid_for(void **state)
{
	uint64_t began;

	(void)state;
	first_dirty = BASE;
	end_dirty = BASE + NR_PAGES * PAGE;
	assert_int_equal(drain(), 0);
	began = fake.now_ns;
	fake_advance(&fake, 2000000000);
	/* Scanning costs a second: a fiftieth of fifty. */
	fake.thread_cpu_ns = 0;
	assert_true(drain() > 0);
	fake_write(&fake, "proc/100/clear_refs", "");
	/* Faults of 256 pages: 0.256 ms of 12.8. */
	while (fake.now_ns < began + 12000000)
		fake_advance(&fake, 1000000);
	assert_int_equal(drain(), 0);
	fake_advance(&fake, 2000000);
	assert_int_equal(drain(), 0);
	assert_string_equal(fake_read(&fake, "proc/100/clear_refs"), "4");
}

static void what_faults_cost_is_accounted_for(void **state)
{
	struct thermo_source_counters c;

	(void)state;
	end_dirty = BASE + 100 * PAGE;
	assert_true(one_round() > 0);
	source->counters(source_state, &c);
	assert_int_equal(c.overhead_ns, 100 * 1000);
}

static void a_process_that_is_gone_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(drain(), 0);
	scan_error = -ESRCH;
	fake_advance(&fake, 2000000000);
	assert_int_equal(drain(), 0);
	fake_remove(&fake, "proc/100");
	for (int i = 0; i < 200; i++, fake_advance(&fake, 1000000000))
		assert_int_equal(drain(), 0);
	assert_string_equal(note(), "");
}

static void new_targets_begin_a_new_round(void **state)
{
	const pid_t pids[] = { 100, 101 };

	(void)state;
	assert_int_equal(drain(), 0);
	put_process(101);
	assert_int_equal(source->set_targets(source_state, pids, 2), 0);
	assert_int_equal(drain(), 0);
	assert_string_equal(fake_read(&fake, "proc/101/clear_refs"), "4");
	assert_true(one_round() > 0);
	assert_int_equal(source->set_targets(source_state, NULL, 0), 0);
	assert_int_equal(drain(), 0);
}

static void a_kernel_without_the_bits_is_found_out(void **state)
{
	(void)state;
	kernel_has_it = false;
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_non_null(strstr(thermo_last_error(), "CONFIG_MEM_SOFT_DIRTY"));
	kernel_has_it = true;
	ops.scan_dirty = NULL;
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
		T(a_round_clears_first_and_tells_later_what_was_written),
		T(the_next_round_waits_until_this_one_is_paid_for),
		T(what_faults_cost_is_accounted_for),
		T(a_process_that_is_gone_is_no_failure),
		T(new_targets_begin_a_new_round),
		T(a_kernel_without_the_bits_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
