/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_idlepage.c - pages that are marked, looked at again, and what is said of them. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "core/settings.h"
#include "tests/unit/sources/fake_frames.h"
#include "thermocline/source.h"

#define PID 100
#define BASE 0x400000ull
#define NR_PAGES 1024u
#define PFN 4096u
#define TICK_NS 5000000ull

static struct fake_host fake;
static struct thermo_settings settings;
static struct thermo_source_opts opts;
static const struct thermo_source *source;
static struct thermo_reporter *reporter;
static void *source_state;
static struct thermo_access reports[4096];

/* A process of 4 MiB in frames that follow each other, none of them accessed yet. */
static int make(void **state)
{
	const pid_t pid = PID;

	(void)state;
	fake_host_init(&fake);
	put_frames(&fake);
	put_mapped(&fake, PID, 1, BASE, BASE + NR_PAGES * 4096ull);
	put_pages(&fake, PID, BASE, PFN, NR_PAGES);
	fake_write(&fake, "proc/self/status", "CapEff:\t000001ffffffffff\n");
	fake_write(&fake, "proc/self/pagemap", "");
	fake.scan_pages = scan_pagemap;
	fake_huge_start = fake_huge_end = 0;
	settings = (struct thermo_settings){ .lock_fd = -1 };
	opts = (struct thermo_source_opts){ .host = &fake.host, .settings = &settings };
	source = thermo_source_find("idlepage");
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

static size_t drain(void)
{
	int n = source->drain(source_state, reporter);

	assert_true(n >= 0);
	return (size_t)n;
}

static struct thermo_source_counters counters(void)
{
	struct thermo_source_counters c;

	source->counters(source_state, &c);
	return c;
}

static const char *note(void)
{
	static char text[400];

	text[0] = '\0';
	source->note(source_state, text, sizeof(text));
	return text;
}

/* The frames that are marked. */
static size_t marked(uint64_t pfns[NR_PAGES])
{
	size_t nr = 0;

	for (uint64_t pfn = PFN; pfn < PFN + NR_PAGES; pfn++)
		if (is_idle(&fake, pfn))
			pfns[nr++] = pfn;
	return nr;
}

/* The first batch is marked and due; no other is. */
static size_t first_batch(uint64_t pfns[NR_PAGES])
{
	size_t nr;

	assert_int_equal(drain(), 0);
	nr = marked(pfns);
	assert_true(nr > 0);
	assert_int_equal(source->set_rate(source_state, 1), 0);
	fake_advance(&fake, 2000000000);
	return nr;
}

static uint64_t addr_of(uint64_t pfn)
{
	return BASE + (pfn - PFN) * 4096;
}

static void what_stayed_idle_was_not_accessed_and_the_rest_was(void **state)
{
	uint64_t pfns[NR_PAGES];
	size_t nr = first_batch(pfns), idle = 0, accessed = 0, n;

	(void)state;
	for (size_t i = 0; i < nr; i += 3)
		put_idle(&fake, pfns[i], false);
	assert_true(drain() > 0);
	n = thermo_reporter_drain(reporter, reports, 4096);
	for (size_t i = 0; i < n; i++) {
		const struct thermo_access *a = &reports[i];

		assert_int_equal(a->pid, PID);
		assert_int_equal(a->op, THERMO_OP_UNKNOWN);
		assert_int_equal(a->scope, THERMO_SCOPE_ALL);
		assert_int_equal(a->watched_ns, 2000000000);
		assert_int_equal(a->count,
				 a->nr_accesses ? THERMO_COUNT_AT_LEAST : THERMO_COUNT_EXACT);
		if (a->nr_accesses)
			assert_int_equal(a->extent_bytes, 4096);
		*(a->nr_accesses ? &accessed : &idle) += a->extent_bytes / 4096;
	}
	assert_int_equal(accessed, (nr + 2) / 3);
	assert_int_equal(idle + accessed, nr);
	assert_int_equal(counters().reported, n);
}

static void accessed_pages_are_the_right_ones(void **state)
{
	uint64_t pfns[NR_PAGES];
	size_t nr = first_batch(pfns), n;

	(void)state;
	put_idle(&fake, pfns[nr / 2], false);
	(void)drain();
	n = thermo_reporter_drain(reporter, reports, 4096);
	for (size_t i = 0; i < n; i++)
		if (reports[i].nr_accesses)
			assert_int_equal(reports[i].addr, addr_of(pfns[nr / 2]));
}

static void pages_side_by_side_that_stayed_idle_are_one_report(void **state)
{
	struct thermo_focus focus = {
		.pid = PID, .share = 1, .start = BASE, .end = BASE + 8 * 4096
	};
	uint64_t pfns[NR_PAGES];
	size_t n;

	(void)state;
	assert_int_equal(source->set_focus(source_state, &focus, 1), 0);
	(void)first_batch(pfns);
	/* Forty places in eight pages: all of them. */
	for (uint64_t i = 0; i < 8; i++)
		assert_true(is_idle(&fake, PFN + i));
	(void)drain();
	n = thermo_reporter_drain(reporter, reports, 4096);
	assert_int_equal(reports[0].addr, BASE);
	assert_true(reports[0].extent_bytes >= 8 * 4096);
	for (size_t i = 1; i < n; i++)
		assert_true(reports[i].addr > reports[i - 1].addr + reports[i - 1].extent_bytes);
}

static void a_page_that_moved_says_nothing(void **state)
{
	uint64_t pfns[NR_PAGES];
	size_t nr = first_batch(pfns), n, pages = 0;
	uint64_t useless = counters().useless;

	(void)state;
	put_page(&fake, PID, addr_of(pfns[0]), PM_PRESENT | 9999);
	put_page(&fake, PID, addr_of(pfns[1]), 0);
	(void)drain();
	n = thermo_reporter_drain(reporter, reports, 4096);
	for (size_t i = 0; i < n; i++)
		pages += reports[i].extent_bytes / 4096;
	assert_int_equal(pages, nr - 2);
	assert_true(counters().useless >= useless + 2);
}

static void a_page_off_the_lists_does_not_look_accessed(void **state)
{
	uint64_t pfns[NR_PAGES];
	size_t n;

	(void)state;
	(void)first_batch(pfns);
	put_idle(&fake, pfns[0], false);
	put_flags(&fake, pfns[0], 1, 0);
	(void)drain();
	n = thermo_reporter_drain(reporter, reports, 4096);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(reports[i].nr_accesses, 0);
}

static void no_page_is_in_two_batches(void **state)
{
	struct thermo_focus focus = {
		.pid = PID, .share = 1, .start = BASE, .end = BASE + 8 * 4096
	};
	uint64_t pfns[NR_PAGES];

	(void)state;
	assert_int_equal(source->set_focus(source_state, &focus, 1), 0);
	(void)drain();
	for (uint64_t i = 0; i < 8; i++)
		put_idle(&fake, PFN + i, false);
	fake_advance(&fake, TICK_NS);
	(void)drain();
	/* Accessed, and the first batch does not know yet: the second must not mark them anew. */
	assert_true(marked(pfns) > 0);
	for (uint64_t i = 0; i < 8; i++)
		assert_false(is_idle(&fake, PFN + i));
}

static void the_rate_scales_the_looks(void **state)
{
	uint64_t full, tenth;

	(void)state;
	for (int i = 0; i < 100; i++, fake_advance(&fake, TICK_NS))
		(void)drain();
	full = counters().seen;
	assert_int_equal(source->set_rate(source_state, 100), 0);
	for (int i = 0; i < 100; i++, fake_advance(&fake, TICK_NS))
		(void)drain();
	tenth = counters().seen - full;
	assert_in_range(full, 1900, 2100);
	assert_in_range(tenth, 190, 210);
}

static void pages_that_somebody_else_marks_make_it_keep_still(void **state)
{
	uint64_t pfns[NR_PAGES];
	size_t nr = first_batch(pfns);

	(void)state;
	assert_string_equal(note(), "");
	for (size_t i = 0; i < nr; i++)
		put_idle(&fake, pfns[i], false);
	(void)drain();
	/* They were accessed, and nobody of us marks them: rate 1 has no looks. */
	for (size_t i = 0; i < nr; i++)
		put_idle(&fake, pfns[i], true);
	(void)thermo_reporter_drain(reporter, reports, 4096);
	fake_advance(&fake, 1100000000);
	assert_int_equal(drain(), 0);
	assert_non_null(strstr(note(), "somebody else"));
	assert_int_equal(source->set_rate(source_state, 1000), 0);
	fake_advance(&fake, 2000000000);
	assert_int_equal(drain(), 0);
	fake_advance(&fake, 30000000000);
	(void)drain();
	fake_advance(&fake, 2000000000);
	assert_true(drain() > 0);
	assert_string_equal(note(), "");
}

static void a_process_that_is_gone_is_no_failure(void **state)
{
	uint64_t pfns[NR_PAGES];
	const pid_t gone[] = { PID, 4711 };

	(void)state;
	(void)first_batch(pfns);
	/* What is open of it reads as empty from then on. */
	fake_write(&fake, "proc/100/pagemap", "");
	fake_remove(&fake, "proc/100");
	assert_int_equal(drain(), 0);
	assert_int_equal(source->set_targets(source_state, gone, 2), 0);
	assert_int_equal(source->set_rate(source_state, 1000), 0);
	fake_advance(&fake, 2000000000);
	assert_int_equal(drain(), 0);
	assert_int_equal(source->set_targets(source_state, NULL, 0), 0);
	assert_int_equal(drain(), 0);
}

static void too_many_processes_are_told(void **state)
{
	pid_t pids[300];

	(void)state;
	for (int i = 0; i < 300; i++)
		pids[i] = 1000 + i;
	assert_int_equal(source->set_targets(source_state, pids, 300), 0);
	assert_non_null(strstr(note(), "44 processes"));
}

static void without_the_bitmap_the_probe_says_which_option_is_missing(void **state)
{
	(void)state;
	fake_remove(&fake, IDLE_BITMAP_PATH);
	assert_int_equal(source->probe(&opts), -EOPNOTSUPP);
	assert_non_null(strstr(thermo_last_error(), "CONFIG_IDLE_PAGE_TRACKING"));
}

static void without_privileges_the_probe_names_them(void **state)
{
	(void)state;
	fake_write(&fake, "proc/self/status", "CapEff:\t0000000000000000\n");
	assert_int_equal(source->probe(&opts), -EPERM);
	assert_non_null(strstr(thermo_last_error(), "CAP_SYS_ADMIN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
		T(what_stayed_idle_was_not_accessed_and_the_rest_was),
		T(accessed_pages_are_the_right_ones),
		T(pages_side_by_side_that_stayed_idle_are_one_report),
		T(a_page_that_moved_says_nothing),
		T(a_page_off_the_lists_does_not_look_accessed),
		T(no_page_is_in_two_batches),
		T(the_rate_scales_the_looks),
		T(pages_that_somebody_else_marks_make_it_keep_still),
		T(a_process_that_is_gone_is_no_failure),
		T(too_many_processes_are_told),
		T(without_the_bitmap_the_probe_says_which_option_is_missing),
		T(without_privileges_the_probe_names_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
