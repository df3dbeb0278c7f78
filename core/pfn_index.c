// SPDX-License-Identifier: GPL-2.0-or-later
/* pfn_index.c - a sorted array: add, merge, sweep, search. */
#include "core/pfn_index.h"

#include <stdlib.h>

/* Merging costs as much as there are runs: it waits for half as many, or so many. */
#define MIN_ADDED 32768
/* ... and for this part of them where answers are waited for. */
#define WORTHWHILE 16
/* A key is a frame, counted from the lowest one, above the place of its run in the list. */
#define PLACE_BITS 24
#define PLACE_MASK ((1u << PLACE_BITS) - 1)
#define DIGIT_BITS 11
#define NR_DIGITS (1u << DIGIT_BITS)
#define IS_NEW UINT16_MAX /* pfn_run.back of one that is not in its place yet */

void pfn_index_fini(struct pfn_index *x)
{
	free(x->runs);
	free(x->added);
	free(x->keys);
	pfn_directory_fini(&x->directory);
	*x = (struct pfn_index){ .max_runs = x->max_runs };
}

static size_t max_runs(const struct pfn_index *x)
{
	return x->max_runs ? x->max_runs : PFN_MAX_RUNS;
}

static int compare(const struct pfn_run *a, const struct pfn_run *b)
{
	if (a->pfn != b->pfn)
		return a->pfn < b->pfn ? -1 : 1;
	if (a->owner != b->owner)
		return a->owner < b->owner ? -1 : 1;
	return a->page < b->page ? -1 : a->page > b->page;
}

/* --- searching --- */

/* The first run from @low on, below @high, that begins at @pfn or later. */
static size_t lower_bound(const struct pfn_index *x, size_t low, size_t high, uint64_t pfn)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->runs[middle].pfn < pfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same, by the directory if there is one. */
static size_t first_from(const struct pfn_index *x, uint64_t pfn)
{
	const struct pfn_directory *d = &x->directory;
	size_t slot;

	if (d->nr == 0)
		return lower_bound(x, 0, x->nr, pfn);
	slot = pfn_directory_slot(d, pfn);
	return lower_bound(x, d->starts[slot], d->starts[slot + 1], pfn);
}

size_t pfn_index_find(const struct pfn_index *x, uint64_t pfn)
{
	size_t next = pfn == UINT64_MAX ? x->nr : first_from(x, pfn + 1);

	return next ? next - 1 - x->runs[next - 1].back : 0;
}

/* --- adding --- */

static size_t enough_added(const struct pfn_index *x)
{
	return x->nr / 2 > MIN_ADDED ? x->nr / 2 : MIN_ADDED;
}

static bool make_room_for_added(struct pfn_index *x)
{
	size_t room = enough_added(x);
	struct pfn_run *added;
	uint64_t *keys;

	if (room <= x->room_added)
		return x->nr_added < x->room_added;
	added = realloc(x->added, room * sizeof(*added));
	if (added)
		x->added = added;
	keys = realloc(x->keys, 2 * room * sizeof(*keys));
	if (keys)
		x->keys = keys;
	if (added && keys)
		x->room_added = room;
	return x->nr_added < x->room_added;
}

static void sort_in(struct pfn_index *x);

static void add_new(struct pfn_index *x, const struct pfn_run *run)
{
	if (x->nr_added == x->room_added) {
		sort_in(x);
		if (!make_room_for_added(x)) {
			x->nr_refused++;
			return;
		}
	}
	x->added[x->nr_added] = *run;
	x->added[x->nr_added++].back = IS_NEW;
}

/* What is as it was needs no new place.  Return: whether it is. */
static bool refresh(struct pfn_index *x, const struct pfn_run *run)
{
	for (size_t i = first_from(x, run->pfn); i < x->nr && x->runs[i].pfn == run->pfn; i++) {
		struct pfn_run *known = &x->runs[i];

		if (compare(known, run) != 0 || known->nr != run->nr || known->flags != run->flags)
			continue;
		known->pass = run->pass;
		known->checked = run->checked;
		return true;
	}
	return false;
}

/*
 * Frames of neighbouring pages may be anywhere, so each look into the array is one into
 * memory that no cache holds.  Asked for all at once they arrive together.
 */
static void take_pending(struct pfn_index *x)
{
	const struct pfn_directory *d = &x->directory;
	size_t nr = x->nr_pending;

	x->nr_pending = 0;
	for (size_t i = 0; i < nr && d->nr; i++)
		__builtin_prefetch(&x->runs[d->starts[pfn_directory_slot(d, x->pending[i].pfn)]],
				   1);
	for (size_t i = 0; i < nr; i++)
		if (!refresh(x, &x->pending[i]))
			add_new(x, &x->pending[i]);
}

void pfn_index_add(struct pfn_index *x, const struct pfn_run *run)
{
	const struct pfn_directory *d = &x->directory;

	if (x->nr_pending == PFN_PENDING)
		take_pending(x);
	x->pending[x->nr_pending++] = *run;
	if (d->nr)
		__builtin_prefetch(&d->starts[pfn_directory_slot(d, run->pfn)]);
}

/* One digit of a radix sort: keeps the order of those whose digit is the same. */
static void sort_by_digit(const uint64_t *from, uint64_t *to, size_t nr, unsigned int shift)
{
	uint32_t at[NR_DIGITS + 1] = { 0 };

	for (size_t i = 0; i < nr; i++)
		at[(from[i] >> shift) % NR_DIGITS + 1]++;
	for (size_t d = 1; d < NR_DIGITS; d++)
		at[d] += at[d - 1];
	for (size_t i = 0; i < nr; i++)
		to[at[(from[i] >> shift) % NR_DIGITS]++] = from[i];
}

/*
 * By frame.  They came in order of owner and page, and equal frames stay in it.  Frames are
 * numbers below 2^40, or their distance would not fit: those of 4 PiB.
 */
static const uint64_t *sort_added(struct pfn_index *x)
{
	uint64_t *from = x->keys, *to = x->keys + x->room_added;
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < x->nr_added; i++) {
		uint64_t pfn = x->added[i].pfn;

		first = pfn < first ? pfn : first;
		last = pfn > last ? pfn : last;
	}
	for (size_t i = 0; i < x->nr_added; i++)
		from[i] = (x->added[i].pfn - first) << PLACE_BITS | i;
	for (unsigned int bit = 0; (last - first) >> bit; bit += DIGIT_BITS) {
		uint64_t *sorted = to;

		sort_by_digit(from, to, x->nr_added, PLACE_BITS + bit);
		to = from;
		from = sorted;
	}
	return from;
}

/* --- merging --- */

/* From the end, so that it needs no room but what it grows by. */
static void merge(struct pfn_index *x, const uint64_t *keys)
{
	size_t old = x->nr, new = x->nr_added, to = old + new;

	while (new) {
		const struct pfn_run *added = &x->added[keys[new - 1] & PLACE_MASK];

		/* Of equals the new one comes last. */
		if (old && compare(&x->runs[old - 1], added) > 0) {
			x->runs[--to] = x->runs[--old];
		} else {
			x->runs[--to] = *added;
			new --;
		}
	}
	x->nr += x->nr_added;
	x->nr_added = 0;
}

/* Return: whether it may stay. */
static bool may_stay(struct pfn_index *x, const struct pfn_run *run, size_t sharers,
		     size_t *room_for)
{
	if (sharers >= PFN_MAX_SHARERS) {
		x->nr_crowded++;
		return false;
	}
	if (run->back != IS_NEW)
		return true;
	if (*room_for == 0) {
		x->nr_refused++;
		return false;
	}
	(*room_for)--;
	x->nr_new++;
	return true;
}

/*
 * The newest of equals; of a frame that many share only the first owners.  @room_for: new
 * ones that may stay; those beyond, the ones of the highest frames, are refused.
 */
static void keep_one_of_each(struct pfn_index *x, size_t room_for)
{
	size_t kept = 0, sharers = 0;

	for (size_t i = 0; i < x->nr; i++) {
		const struct pfn_run *run = &x->runs[i];

		if (kept && compare(&x->runs[kept - 1], run) == 0) {
			x->runs[kept - 1] = *run;
			continue;
		}
		sharers = kept && x->runs[kept - 1].pfn == run->pfn ? sharers + 1 : 0;
		if (may_stay(x, run, sharers, &room_for))
			x->runs[kept++] = *run;
	}
	x->nr = kept;
}

/* How far back a search must begin: at the first run that reaches this one's first frame. */
static void set_backs(struct pfn_index *x)
{
	size_t first = 0;

	for (size_t i = 0; i < x->nr; i++) {
		while (first < i && !pfn_run_holds(&x->runs[first], x->runs[i].pfn))
			first++;
		x->runs[i].back = (uint16_t)(i - first);
	}
}

static bool make_room(struct pfn_index *x)
{
	size_t wanted = x->nr + x->nr_added;
	struct pfn_run *grown;

	if (wanted <= x->room)
		return true;
	wanted += wanted / 4;
	grown = realloc(x->runs, wanted * sizeof(*grown));
	if (!grown)
		return false;
	x->runs = grown;
	x->room = wanted;
	return true;
}

static void sort_in(struct pfn_index *x)
{
	size_t room_for = max_runs(x) > x->nr ? max_runs(x) - x->nr : 0;

	if (x->nr_added == 0)
		return;
	if (!make_room(x)) {
		x->nr_refused += x->nr_added;
		x->nr_added = 0;
		return;
	}
	merge(x, sort_added(x));
	keep_one_of_each(x, room_for);
	set_backs(x);
	pfn_directory_make(&x->directory, x->runs, x->nr);
}

void pfn_index_settle(struct pfn_index *x, bool all)
{
	take_pending(x);
	if (all || x->nr_added > x->nr / WORTHWHILE)
		sort_in(x);
}

void pfn_index_sweep(struct pfn_index *x,
		     bool (*is_true)(const void *data, const struct pfn_run *run), const void *data)
{
	size_t kept = 0;

	pfn_index_settle(x, true);
	for (size_t i = 0; i < x->nr; i++) {
		if (!is_true(data, &x->runs[i]))
			continue;
		if (kept != i)
			x->runs[kept] = x->runs[i];
		kept++;
	}
	x->nr_new = 0;
	if (kept == x->nr)
		return;
	x->nr = kept;
	set_backs(x);
	pfn_directory_make(&x->directory, x->runs, x->nr);
}
