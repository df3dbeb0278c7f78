/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_ways.h - a file says the same to who asks item by item, and to who asks for many. */
#ifndef TESTS_PERFDATA_WAYS_H
#define TESTS_PERFDATA_WAYS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sources/perfdata.h"
#include "tests/unit/test.h"

struct way {
	struct thermo_access *list;
	size_t nr;
	size_t room;
	size_t nr_others; /* records that are no samples */
	uint64_t nr_late; /* accesses of a window before */
	int opened;
	int ended;
	char reason[256];
	struct perfdata_counters counters;
};

static void way_add(struct way *w, const struct thermo_access *a)
{
	if (w->nr == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->list = realloc(w->list, w->room * sizeof(*a));
		assert_non_null(w->list);
	}
	w->list[w->nr++] = *a;
}

static void way_end(struct way *w, struct perfdata *p)
{
	if (w->ended < 0)
		(void)snprintf(w->reason, sizeof(w->reason), "%s", thermo_last_error());
	w->counters = *perfdata_counters(p);
	perfdata_close(p);
}

static struct way way_of_items(const void *bytes, size_t len, const struct perfdata_opts *opts)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes, len ? len : 1, "r");
	struct way w = { 0 };
	struct perfdata_item item;
	struct perfdata *p;

	assert_non_null(file);
	w.opened = perfdata_open(&p, file, opts);
	if (w.opened == 0) {
		while ((w.ended = perfdata_next(p, &item)) == 1) {
			if (item.access)
				way_add(&w, item.access);
			w.nr_others += item.record->type != PERF_RECORD_SAMPLE;
		}
		way_end(&w, p);
	}
	(void)fclose(file);
	return w;
}

static int way_see(void *context, const struct perfdata_item *item)
{
	struct way *w = context;

	assert_true(item->record->type != PERF_RECORD_SAMPLE && !item->access);
	w->nr_others++;
	return 0;
}

/* Of one window after the other; their ends are @ends, then all that is left. */
static struct way way_of_many(const void *bytes, size_t len, const struct perfdata_opts *opts,
			      const uint64_t *ends, size_t nr_ends)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes, len ? len : 1, "r");
	struct perfdata_opts own = opts ? *opts : (struct perfdata_opts){ 0 };
	struct thermo_access some[7];
	uint64_t begin = 0;
	struct way w = { 0 };
	struct perfdata *p;

	assert_non_null(file);
	own.see = way_see;
	own.context = &w;
	w.opened = perfdata_open(&p, file, &own);
	for (size_t k = 0; w.opened == 0 && k <= nr_ends; k++) {
		uint64_t end = k < nr_ends ? ends[k] : UINT64_MAX;

		while ((w.ended = perfdata_accesses(p, end, some, 7)) > 0)
			for (int i = 0; i < w.ended; i++) {
				uint64_t time_ns =
						some[i].time_ns == UINT64_MAX ? 0 : some[i].time_ns;

				assert_true(end == UINT64_MAX || time_ns < end);
				w.nr_late += time_ns && time_ns < begin;
				way_add(&w, &some[i]);
			}
		/* What failed is not tried again. */
		if (w.ended < 0 || perfdata_is_at_end(p))
			break;
		begin = end;
	}
	if (w.opened == 0) {
		assert_true(w.ended == -ENOMEM || perfdata_is_at_end(p));
		assert_int_equal(perfdata_accesses(p, UINT64_MAX, some, 7), w.ended);
		assert_int_equal(perfdata_counters(p)->late, w.nr_late);
		way_end(&w, p);
	}
	(void)fclose(file);
	return w;
}

/* What does not depend on the order. */
static uint64_t way_sum(const struct way *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->nr; i++)
		sum += (w->list[i].addr ^ (uint64_t)w->list[i].pid << 48 ^
			(uint64_t)w->list[i].tid << 24) *
		       (w->list[i].time_ns + 0x9e3779b97f4a7c15ull);
	return sum;
}

static void way_same(const struct way *a, const struct way *b)
{
	struct perfdata_counters x = a->counters, y = b->counters;

	x.late = y.late = 0; /* of all records, or of accesses only */
	assert_int_equal(a->opened, b->opened);
	assert_int_equal(a->ended, b->ended);
	assert_int_equal(a->nr, b->nr);
	assert_int_equal(a->nr_others, b->nr_others);
	assert_string_equal(a->reason, b->reason);
	assert_memory_equal(&x, &y, sizeof(x));
	assert_int_equal(way_sum(a), way_sum(b));
}

static int way_by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Window by window it is the same, whatever the file; and all at once. */
static void assert_ways_say_the_same(const void *bytes, size_t len,
				     const struct perfdata_opts *opts)
{
	struct way items = way_of_items(bytes, len, opts);
	struct way many = way_of_many(bytes, len, opts, NULL, 0);
	uint64_t ends[5];

	way_same(&items, &many);
	free(many.list);
	for (size_t i = 0; items.nr && i < 5; i++)
		ends[i] = items.list[i * items.nr / 5].time_ns;
	qsort(ends, items.nr ? 5 : 0, sizeof(ends[0]), way_by_number);
	many = way_of_many(bytes, len, opts, ends, items.nr ? 5 : 0);
	way_same(&items, &many);
	free(items.list);
	free(many.list);
}

#endif
