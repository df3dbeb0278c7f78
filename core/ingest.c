// SPDX-License-Identifier: GPL-2.0-or-later
/* ingest.c - find the region, add the evidence. */
#include "core/ingest.h"

#include <math.h>
#include <string.h>

#define BATCH 256
/* A producer that is faster than we are must not keep us from ending windows. */
#define MAX_REPORTS_A_DRAIN (1u << 18)
/* An accessed bit cannot tell more touches than so many a look. */
#define MAX_TOUCHES 5.0

void ingest_forget_targets(struct ingest *in)
{
	memset(in->cache, -1, sizeof(in->cache));
}

void ingest_init(struct ingest *in, struct targets *targets)
{
	*in = (struct ingest){ .targets = targets, .newer_weight = 1 };
	ingest_forget_targets(in);
}

static struct target *target_of(struct ingest *in, const struct thermo_access *a)
{
	struct targets *targets = in->targets;
	pid_t pid = a->space == THERMO_SPACE_VIRTUAL ? a->pid : THERMO_PID_PHYSICAL;
	int32_t *cached = &in->cache[(uint32_t)pid % TARGET_CACHE];

	/* No process has such a pid, and physical memory is not asked for by it. */
	if (pid < 0 && a->space == THERMO_SPACE_VIRTUAL)
		return NULL;
	if (*cached >= 0 && targets->list[*cached].info.pid == pid)
		return &targets->list[*cached];
	struct target *t = targets_find(targets, pid);

	if (t)
		*cached = (int32_t)(t - targets->list);
	return t;
}

static bool is_sound(const struct thermo_access *a)
{
	return a->extent_bytes && a->addr + a->extent_bytes > a->addr &&
	       (a->watched_ns || a->nr_accesses) && a->op < THERMO_NR_OPS &&
	       a->level < THERMO_NR_LEVELS && a->space <= THERMO_SPACE_PHYSICAL &&
	       a->scope <= THERMO_SCOPE_LOWER_TIERS && a->count <= THERMO_COUNT_AT_MOST &&
	       a->watched_op < THERMO_NR_OPS;
}

static void ingest_physical(struct ingest *in, struct intake *from, const struct thermo_access *a);

/*
 * struct located - What a report speaks of.
 * @target, @index:	The first of its regions; NULL: none.
 * @unwatched:	Then: the counter of why not; NULL: the report was dealt with.
 */
struct located {
	struct target *target;
	size_t index;
	uint64_t *unwatched;
};

static struct located locate(struct ingest *in, struct intake *from, const struct thermo_access *a)
{
	struct located at = { 0 };
	struct target *t;

	if (!is_sound(a)) {
		in->counters.bad++;
		return at;
	}
	t = target_of(in, a);
	if (!t && a->space == THERMO_SPACE_PHYSICAL) {
		ingest_physical(in, from, a);
		return at;
	}
	if (!t) {
		at.unwatched = &in->counters.no_target;
		return at;
	}
	at.index = target_find(t, a->addr);
	if (at.index == t->nr_regions || t->starts[at.index] >= a->addr + a->extent_bytes) {
		at.unwatched = &in->counters.no_region;
		return at;
	}
	at.target = t;
	return at;
}

/*
 * How many accesses there were, expected, when each of nr_accesses looks found one or
 * more: the expectation step of the EM algorithm (Dempster, Laird, Rubin, 1977) for
 * counts of which only "none" or "some" was seen.  What is known of the region so far
 * is the rate that it takes; repeated over windows it ends at the maximum likelihood.
 */
static double expected_accesses(const struct region *r, const struct thermo_access *a,
				double watched_s)
{
	struct rate rate = a->watched_op ? region_rate_of(r, a->watched_op) : region_rate(r);
	double touches = rate_per_byte(&rate, 0) * (double)a->extent_bytes * watched_s /
			 a->nr_accesses;

	if (touches < 0.01)
		return a->nr_accesses;
	touches = touches < MAX_TOUCHES ? touches : MAX_TOUCHES;
	return a->nr_accesses * touches / -expm1(-touches);
}

/*
 * Whether an upper bound tells anything: of what is known to be colder it does not.  Of what
 * was never observed it is the best that there is to tell.
 */
static bool is_above(const struct region *r, double events, double exposure)
{
	struct rate rate = region_rate(r);

	return rate.exposure <= 0 || rate.events * exposure > events * rate.exposure;
}

/* A stretch that was watched for a while: its part within one region. */
static void add_watched(struct ingest *in, struct region *r, const struct thermo_access *a,
			uint64_t low, uint64_t high)
{
	double watched_s = (double)a->watched_ns / 1e9, bytes = (double)(high - low);
	double share = bytes / (double)a->extent_bytes, exposure = bytes * watched_s;
	double events = a->nr_accesses;

	if (events > 0 && a->count == THERMO_COUNT_AT_LEAST)
		events = expected_accesses(r, a, watched_s);
	if (a->nr_accesses == 0 && a->scope == THERMO_SCOPE_LOWER_TIERS)
		exposure *= (double)r->lower_share;
	if (a->watched_op) {
		region_add_directed(r, a->watched_op, events * share, exposure);
		/* Who sees writes only does not know the rate where somebody else does. */
		if (region_is_known_whole(r, a->time_ns))
			return;
	} else {
		r->window_whole = true;
	}
	if (a->count == THERMO_COUNT_AT_MOST) {
		if (is_above(r, events * share, exposure))
			region_add(r, low, high, events * share, exposure);
		return;
	}
	region_add(r, low, high, events * share, exposure);
	if (events <= 0)
		return;
	region_add_scanned(r, events * share);
	attribution_add(&r->who, a, (float)(a->nr_accesses * share) * in->newer_weight);
}

static void add_sample(struct ingest *in, struct intake *from, struct region *r,
		       const struct thermo_access *a)
{
	if (from->weight <= 0)
		from->weight = 1 / (float)a->nr_accesses;
	from->window_samples++;
	from->window_accesses += a->nr_accesses;
	float weight = (float)a->nr_accesses * from->weight;

	/* What begins before its region is one access all the same. */
	region_add_sample(r, a->addr > r->start ? a->addr : r->start, weight);
	attribution_add(&r->who, a, weight * in->newer_weight);
}

/* A stretch that was watched, [@start, @end) here, to all regions that it lies in. */
static void add_stretch(struct ingest *in, struct target *t, size_t first,
			const struct thermo_access *a, uint64_t start, uint64_t end)
{
	for (size_t i = first; i < t->nr_regions && t->regions[i].start < end; i++) {
		struct region *r = &t->regions[i];

		add_watched(in, r, a, start > r->start ? start : r->start,
			    end < r->end ? end : r->end);
	}
}

/* What a report is about to touch. */
static void prefetch(const struct region *r)
{
	__builtin_prefetch(r, 1);
	__builtin_prefetch((const char *)r + 64, 1);
	for (int kind = 0; kind < NR_HEAVY; kind++)
		__builtin_prefetch(&r->who.heavy[kind], 1);
	__builtin_prefetch(&r->who.total, 1);
	__builtin_prefetch(&r->who.error, 1);
	__builtin_prefetch(&r->who.levels, 1);
	__builtin_prefetch(&r->who.latencies[LATENCY_BUCKETS / 2], 1);
}

/* Return: whether @piece of a physical report is in a region. */
static bool add_piece(struct ingest *in, struct intake *from, const struct thermo_access *a,
		      const struct owner_piece *piece)
{
	struct target *t = targets_find(in->targets, piece->pid);
	uint64_t end = piece->addr + piece->bytes;

	if (!t || t->info.start_ticks != piece->start_ticks)
		return false;
	size_t index = target_find(t, piece->addr);

	if (index == t->nr_regions || t->starts[index] >= end)
		return false;
	if (a->watched_ns == 0) {
		struct thermo_access there = *a;

		there.addr = piece->addr;
		add_sample(in, from, &t->regions[index], &there);
	} else {
		add_stretch(in, t, index, a, piece->addr, end);
	}
	return true;
}

/*
 * A physical report while processes are watched: evidence of those who own the memory, of
 * each for its part.  A sample is one access, to the owner of its first byte.  An upper bound
 * is of nearly all memory and tells of what was hot once: nobody is looked for because of it.
 */
static void ingest_physical(struct ingest *in, struct intake *from, const struct thermo_access *a)
{
	uint64_t at = a->addr, end = a->addr + (a->watched_ns ? a->extent_bytes : 1);
	struct owner_piece piece;
	bool is_owned = false, is_added = false, is_bound = a->count == THERMO_COUNT_AT_MOST;

	in->nr_before_owners += in->owners == NULL;
	if (!in->owners || (!is_bound && !owners_ask(in->owners, a->addr, end - a->addr))) {
		in->counters.no_owner++;
		return;
	}
	while (owners_next(in->owners, &at, end, &piece)) {
		is_owned = true;
		if (add_piece(in, from, a, &piece) && !is_added) {
			owners_count_found(in->owners, &piece);
			is_added = true;
		}
	}
	if (!is_owned) {
		if (!is_bound)
			owners_count_missed(in->owners, a->addr);
		in->counters.no_owner++;
	} else if (!is_added) {
		in->counters.no_region++;
	} else {
		in->counters.ingested++;
		from->ingested++;
	}
}

/* Return: how many are of what is not watched; these go to @unwatched, or are counted: NULL. */
static size_t ingest_batch(struct ingest *in, struct intake *from,
			   const struct thermo_access *batch, size_t nr,
			   struct thermo_access *unwatched)
{
	struct located at[BATCH];
	size_t nr_unwatched = 0, nr_ingested = 0;

	for (size_t i = 0; i < nr; i++) {
		at[i] = locate(in, from, &batch[i]);
		if (at[i].target)
			prefetch(&at[i].target->regions[at[i].index]);
	}
	for (size_t i = 0; i < nr; i++) {
		const struct thermo_access *a = &batch[i];
		struct target *t = at[i].target;

		if (!t && at[i].unwatched) {
			if (unwatched)
				unwatched[nr_unwatched] = *a;
			else
				++*at[i].unwatched;
			nr_unwatched++;
		}
		if (!t)
			continue;
		nr_ingested++;
		if (a->watched_ns == 0) {
			add_sample(in, from, &t->regions[at[i].index], a);
		} else {
			add_stretch(in, t, at[i].index, a, a->addr, a->addr + a->extent_bytes);
		}
	}
	in->counters.ingested += nr_ingested;
	from->ingested += nr_ingested;
	return nr_unwatched;
}

size_t ingest_drain(struct ingest *in, struct intake *from)
{
	struct thermo_access batch[BATCH];
	size_t total = 0, nr;

	do {
		nr = thermo_reporter_drain(from->reporter, batch, BATCH);
		if (in->tap.take && nr)
			in->tap.take(in->tap.context, from->name, batch, nr);
		(void)ingest_batch(in, from, batch, nr, NULL);
		total += nr;
	} while (nr > 0 && total < MAX_REPORTS_A_DRAIN);
	from->window_taken += total;
	return total;
}

size_t ingest_given(struct ingest *in, struct intake *from, const struct thermo_access *reports,
		    size_t nr, struct thermo_access *unwatched)
{
	size_t nr_unwatched = 0;

	for (size_t at = 0; at < nr; at += BATCH)
		nr_unwatched += ingest_batch(in, from, reports + at,
					     nr - at < BATCH ? nr - at : BATCH,
					     unwatched ? unwatched + nr_unwatched : NULL);
	from->window_taken += unwatched ? nr - nr_unwatched : nr;
	return nr_unwatched;
}

double intake_close_window(struct ingest *in, struct intake *from, uint64_t window_ns)
{
	uint64_t dropped = thermo_reporter_dropped(from->reporter);
	uint64_t lost = dropped - from->dropped;
	double watched_s = (double)window_ns / 1e9 * (double)from->weight *
			   (double)(from->window_taken + 1) /
			   (double)(from->window_taken + lost + 1);

	if (from->window_samples) {
		from->period = from->window_accesses / (double)from->window_samples;
		from->weight = (float)(1 / from->period);
	}
	in->counters.dropped += lost;
	from->dropped = dropped;
	from->window_taken = from->window_samples = 0;
	from->window_accesses = 0;
	return watched_s;
}
