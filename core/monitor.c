// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * monitor.c - reports in, snapshots out.
 *
 * One thread calls everything here but thermo_snapshot_get() and _put().  The cost
 * of a report is a search among the targets and one among its regions; the cost
 * of a window grows with the number of regions, never with the size of memory.
 */
#include "thermocline/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/residency.h"
#include "core/snapshot.h"
#include "core/targets.h"

#define DEFAULT_MIN_NR_REGIONS 10
#define DEFAULT_MAX_NR_REGIONS 1000
#define DEFAULT_HALF_LIFE_MS 5000
#define DRAIN_BATCH 256
/* Pages asked for each window, over all regions, and for one region. */
#define RESIDENCY_PAGES 4096
#define MAX_PAGES_PER_REGION 16
#define MIN_PAGES_PER_REGION 2
/* Neighbours whose evidence for a difference is below this become one. */
#define MERGE_THRESHOLD 1.0
#define MAX_NODES 1024

/* A source that samples all the time: its exposure is the window's length. */
struct attached {
	struct thermo_reporter *reporter;
	char name[16];
	uint64_t dropped;        /* at the last window */
	uint64_t window_samples; /* with watched_ns 0 */
	uint64_t window_accesses;
	uint64_t window_taken;
	double period; /* accesses a sample; 0: not such a source */
};

struct thermo_monitor {
	const struct thermo_host *host;
	uint32_t min_nr_regions;
	uint32_t max_nr_regions;
	uint64_t half_life_ns;
	size_t nr_attached;
	struct attached attached[THERMO_MAX_REPORTERS];
	struct targets targets;
	struct thermo_monitor_counters counters;
	uint64_t window_start_ns;
	uint64_t sequence;
	uint64_t random_state;
	uint64_t top_nodes[MAX_NODES / 64]; /* a bit a node; all 0: not told */
};

int thermo_monitor_new(struct thermo_monitor **monitor, const struct thermo_host *host,
		       const struct thermo_monitor_opts *opts)
{
	struct thermo_monitor *m;
	uint32_t min = opts->min_nr_regions ? opts->min_nr_regions : DEFAULT_MIN_NR_REGIONS;
	uint32_t max = opts->max_nr_regions ? opts->max_nr_regions : DEFAULT_MAX_NR_REGIONS;

	if (max < 10 || max > 1000000 || min > max)
		return thermo_fail(-EINVAL,
				   "regions: %u to %u: the most is 10 to 1000000, the least not "
				   "above it",
				   min, max);
	m = calloc(1, sizeof(*m));
	if (!m)
		return thermo_fail(-ENOMEM, "monitor: no memory");
	m->host = host;
	m->min_nr_regions = min;
	m->max_nr_regions = max;
	m->half_life_ns = (opts->half_life_ms ? opts->half_life_ms : DEFAULT_HALF_LIFE_MS) *
			  1000000ull;
	m->window_start_ns = thermo_host_now_ns(host);
	m->random_state = m->window_start_ns | 1;
	*monitor = m;
	return 0;
}

void thermo_monitor_free(struct thermo_monitor *monitor)
{
	if (!monitor)
		return;
	targets_fini(&monitor->targets);
	free(monitor);
}

int thermo_monitor_add_reporter(struct thermo_monitor *m, struct thermo_reporter *reporter,
				const char *name)
{
	struct attached *to = &m->attached[m->nr_attached];

	if (m->nr_attached == THERMO_MAX_REPORTERS)
		return thermo_fail(-ENOSPC, "monitor: more than %d reporters",
				   THERMO_MAX_REPORTERS);
	*to = (struct attached){ .reporter = reporter,
				 .dropped = thermo_reporter_dropped(reporter) };
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	m->nr_attached++;
	return 0;
}

void thermo_monitor_remove_reporter(struct thermo_monitor *m, struct thermo_reporter *reporter)
{
	for (size_t i = 0; i < m->nr_attached; i++) {
		if (m->attached[i].reporter != reporter)
			continue;
		memmove(&m->attached[i], &m->attached[i + 1],
			(m->nr_attached - i - 1) * sizeof(m->attached[0]));
		m->nr_attached--;
		return;
	}
}

void thermo_monitor_set_top_nodes(struct thermo_monitor *m, const int *nodes, size_t nr_nodes)
{
	memset(m->top_nodes, 0, sizeof(m->top_nodes));
	for (size_t i = 0; i < nr_nodes; i++)
		if (nodes[i] >= 0 && nodes[i] < MAX_NODES)
			m->top_nodes[nodes[i] / 64] |= 1ull << (nodes[i] % 64);
}

/* --- targets --- */

int thermo_monitor_update_targets(struct thermo_monitor *m, const struct thermo_target_spec *spec)
{
	return targets_update(&m->targets, m->host, spec, m->min_nr_regions, m->max_nr_regions);
}

size_t thermo_monitor_pids(const struct thermo_monitor *m, pid_t *pids, size_t max)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->targets.nr && nr < max; i++)
		if (m->targets.list[i].info.pid != THERMO_PID_PHYSICAL)
			pids[nr++] = m->targets.list[i].info.pid;
	return nr;
}

/* --- reports --- */

static void ingest_into(struct target *t, const struct thermo_access *a, uint64_t end)
{
	double watched_s = (double)a->watched_ns / 1e9;
	double events = a->watched_ns ? a->nr_accesses : a->nr_accesses > 0;

	for (size_t i = target_find(t, a->addr); i < t->nr_regions && t->regions[i].start < end;
	     i++) {
		struct region *r = &t->regions[i];
		uint64_t low = a->addr > r->start ? a->addr : r->start;
		uint64_t high = end < r->end ? end : r->end;
		double bytes = (double)(high - low);
		double share = bytes / (double)a->extent_bytes;
		double exposure = bytes * watched_s;

		if (a->nr_accesses == 0 && a->scope == THERMO_SCOPE_LOWER_TIERS)
			exposure *= (double)r->lower_share;
		region_add(r, low, high, events * share, exposure);
		if (events > 0)
			region_attribute(r, a, events * share);
	}
}

static void ingest(struct thermo_monitor *m, struct attached *from, const struct thermo_access *a)
{
	uint64_t end = a->addr + a->extent_bytes;
	struct target *t;
	size_t first;

	if (a->extent_bytes == 0 || end < a->addr) {
		m->counters.bad++;
		return;
	}
	t = a->space == THERMO_SPACE_VIRTUAL ? targets_find(&m->targets, a->pid) : NULL;
	if (!t) {
		m->counters.no_target++;
		return;
	}
	first = target_find(t, a->addr);
	if (first == t->nr_regions || t->regions[first].start >= end) {
		m->counters.no_region++;
		return;
	}
	m->counters.ingested++;
	if (a->watched_ns == 0) {
		from->window_samples++;
		from->window_accesses += a->nr_accesses;
	}
	ingest_into(t, a, end);
}

size_t thermo_monitor_drain(struct thermo_monitor *m)
{
	struct thermo_access batch[DRAIN_BATCH];
	size_t total = 0, nr;

	for (size_t i = 0; i < m->nr_attached; i++) {
		struct attached *from = &m->attached[i];

		while ((nr = thermo_reporter_drain(from->reporter, batch, DRAIN_BATCH)) > 0) {
			for (size_t j = 0; j < nr; j++)
				ingest(m, from, &batch[j]);
			from->window_taken += nr;
			total += nr;
		}
	}
	return total;
}

/* --- windows --- */

/*
 * Exposure a byte of this window from the sources that sample all the time: a
 * sample stands for `period` accesses, so watching for a second is worth 1/period
 * seconds; and what was lost in a full ring was not watched.
 */
static double continuous_exposure_s(struct thermo_monitor *m, uint64_t window_ns)
{
	double exposure_s = 0;

	for (size_t i = 0; i < m->nr_attached; i++) {
		struct attached *from = &m->attached[i];
		uint64_t dropped = thermo_reporter_dropped(from->reporter);
		uint64_t lost = dropped - from->dropped;

		if (from->window_samples)
			from->period = (double)from->window_accesses / (double)from->window_samples;
		if (from->period > 0)
			exposure_s += (double)window_ns / 1e9 / from->period *
				      (double)(from->window_taken + 1) /
				      (double)(from->window_taken + lost + 1);
		from->dropped = dropped;
		from->window_samples = from->window_accesses = from->window_taken = 0;
		m->counters.dropped += lost;
	}
	return exposure_s;
}

static size_t count_regions(const struct thermo_monitor *m)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->targets.nr; i++)
		nr += m->targets.list[i].nr_regions;
	return nr;
}

/* Return: by how many accesses per second rates changed significantly. */
static double close_regions(struct thermo_monitor *m, uint64_t now_ns, double exposure_s)
{
	double changed = 0;

	for (size_t i = 0; i < m->targets.nr; i++) {
		struct target *t = &m->targets.list[i];

		for (size_t j = 0; j < t->nr_regions; j++) {
			struct region *r = &t->regions[j];

			if (exposure_s > 0)
				region_add(r, r->start, r->end, 0,
					   exposure_s * (double)region_bytes(r));
			changed += region_close_window(r, now_ns, m->half_life_ns);
		}
	}
	return changed;
}

/*
 * Merge what is alike; while there are too many, what is less and less alike, and
 * larger: with many targets there is no room for the least number of each.
 */
static void merge_regions(struct thermo_monitor *m)
{
	double threshold = MERGE_THRESHOLD;
	uint32_t min_nr_regions = m->min_nr_regions;

	do {
		for (size_t i = 0; i < m->targets.nr; i++) {
			struct target *t = &m->targets.list[i];

			target_merge(t, threshold, target_bytes(t) / min_nr_regions);
		}
		threshold *= 4;
		min_nr_regions = min_nr_regions > 1 ? min_nr_regions / 2 : 1;
	} while (count_regions(m) > m->max_nr_regions && threshold < 1e12);
}

struct split {
	double gain;
	uint64_t at;
	struct target *target;
};

static int by_gain(const void *a, const void *b)
{
	const struct split *x = a, *y = b;

	return x->gain < y->gain ? 1 : x->gain > y->gain ? -1 : 0;
}

/* The splits that explain most come first, as far as the number of regions allows. */
static void split_regions(struct thermo_monitor *m)
{
	size_t nr_regions = count_regions(m), nr = 0;
	AUTO_FREE struct split *splits = malloc((nr_regions + 1) * sizeof(*splits));

	/* Without memory the regions stay as they are. */
	if (!splits)
		return;
	for (size_t i = 0; i < m->targets.nr; i++) {
		struct target *t = &m->targets.list[i];

		for (size_t j = 0; j < t->nr_regions; j++) {
			struct split s = { .target = t };

			s.gain = region_best_split(&t->regions[j], &s.at);
			if (s.gain > 0)
				splits[nr++] = s;
		}
	}
	qsort(splits, nr, sizeof(*splits), by_gain);
	for (size_t i = 0; i < nr && nr_regions < m->max_nr_regions; i++, nr_regions++)
		if (target_split(splits[i].target, target_find(splits[i].target, splits[i].at),
				 splits[i].at))
			return;
}

/* --- snapshots --- */

static unsigned int pages_per_region(size_t nr_regions)
{
	size_t nr = RESIDENCY_PAGES / (nr_regions + 1);

	return nr > MAX_PAGES_PER_REGION   ? MAX_PAGES_PER_REGION
	       : nr < MIN_PAGES_PER_REGION ? MIN_PAGES_PER_REGION
					   : (unsigned int)nr;
}

/* Of what is resident, how much is not on the top tier; 0 while tiers are unknown. */
static float lower_share(const struct thermo_monitor *m, const struct thermo_region *out)
{
	uint64_t all = 0, lower = 0, told = 0;

	for (int i = 0; i < MAX_NODES / 64; i++)
		told |= m->top_nodes[i];
	for (int i = 0; i < THERMO_REGION_NODES; i++) {
		int node = out->nodes[i].node;

		all += out->nodes[i].bytes;
		if (node < MAX_NODES && !(m->top_nodes[node / 64] >> (node % 64) & 1))
			lower += out->nodes[i].bytes;
	}
	return told && all ? (float)lower / (float)all : 0;
}

static void view_target(struct thermo_monitor *m, size_t index, unsigned int nr_pages,
			uint64_t now_ns, struct thermo_region *out)
{
	struct target *t = &m->targets.list[index];
	double prior = target_mean_rate(t);

	for (size_t i = 0; i < t->nr_regions; i++) {
		out[i].target = (uint32_t)index;
		snapshot_view_region(&t->regions[i], prior, now_ns, m->half_life_ns, &out[i]);
	}
	/* A process that is gone has no pages; the next update of targets drops it. */
	if (residency_sample(m->host, t, nr_pages, &m->random_state, out))
		t->gone = true;
	for (size_t i = 0; i < t->nr_regions; i++)
		t->regions[i].lower_share = lower_share(m, &out[i]);
}

int thermo_monitor_close_window(struct thermo_monitor *m, struct thermo_snapshot **snapshot)
{
	uint64_t now_ns = thermo_host_now_ns(m->host);
	uint64_t window_ns = now_ns - m->window_start_ns;
	size_t nr_regions;
	double changed, total = 0;

	(void)thermo_monitor_drain(m);
	changed = close_regions(m, now_ns, continuous_exposure_s(m, window_ns));
	merge_regions(m);
	split_regions(m);
	m->window_start_ns = now_ns;

	nr_regions = count_regions(m);
	struct thermo_snapshot *s = snapshot_alloc(m->targets.nr, nr_regions);

	if (!s)
		return thermo_fail(-ENOMEM, "monitor: no memory for a snapshot of %zu regions",
				   nr_regions);
	struct thermo_region *regions = (void *)s->regions;
	struct thermo_target *targets = (void *)s->targets;
	unsigned int nr_pages = pages_per_region(nr_regions);

	s->time_ns = now_ns;
	s->window_ns = window_ns;
	s->sequence = ++m->sequence;
	s->counters = m->counters;
	for (size_t i = 0; i < m->targets.nr; i++) {
		targets[i] = m->targets.list[i].info;
		view_target(m, i, nr_pages, now_ns, regions);
		s->nr_gone += m->targets.list[i].gone;
		regions += m->targets.list[i].nr_regions;
	}
	for (size_t i = 0; i < nr_regions; i++)
		total += s->regions[i].accesses_per_s;
	s->changed_share = total > 0 ? (float)(changed / total) : 0;
	*snapshot = s;
	return 0;
}
