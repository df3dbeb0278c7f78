/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_ways.h - a file says the same to who asks item by item, and to who asks for many. */
#ifndef TESTS_PERFDATA_WAYS_H
#define TESTS_PERFDATA_WAYS_H

#include <stdlib.h>
#include <string.h>

#include "sources/perfdata.h"
#include "tests/unit/test.h"

struct way {
	struct thermo_access *list;
	size_t nr;
	size_t room;
	size_t nr_others; /* records that are no samples */
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

static struct way way_of_many(const void *bytes, size_t len, const struct perfdata_opts *opts,
			      bool unordered)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes, len ? len : 1, "r");
	struct perfdata_opts own = opts ? *opts : (struct perfdata_opts){ 0 };
	struct thermo_access some[7];
	struct way w = { 0 };
	struct perfdata *p;

	assert_non_null(file);
	own.see = way_see;
	own.context = &w;
	own.unordered = unordered;
	w.opened = perfdata_open(&p, file, &own);
	if (w.opened == 0) {
		while ((w.ended = perfdata_accesses(p, some, 7)) > 0)
			for (int i = 0; i < w.ended; i++)
				way_add(&w, &some[i]);
		assert_int_equal(perfdata_accesses(p, some, 7), w.ended);
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

/* Whether there is one order only: none came too late for it, and each has its time. */
static bool way_has_order(const struct way *w)
{
	for (size_t i = 0; i < w->nr; i++)
		if (w->list[i].time_ns == 0 || w->list[i].time_ns == UINT64_MAX)
			return false;
	return w->counters.late == 0;
}

/* In order they are the same to the last byte, whatever the file. */
static void assert_ways_say_the_same(const void *bytes, size_t len,
				     const struct perfdata_opts *opts)
{
	struct way items = way_of_items(bytes, len, opts);
	struct way many = way_of_many(bytes, len, opts, false);
	struct way any_order = way_of_many(bytes, len, opts, true);

	way_same(&items, &many);
	way_same(&items, &any_order);
	if (items.nr && way_has_order(&items) && way_has_order(&many))
		assert_memory_equal(items.list, many.list, items.nr * sizeof(*items.list));
	free(items.list);
	free(many.list);
	free(any_order.list);
}

#endif
