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
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/balance.h"
#include "core/error.h"
#include "core/given.h"
#include "core/host.h"
#include "core/ingest.h"
#include "core/residency.h"
#include "core/shape.h"
#include "core/snapshot.h"

#define DEFAULT_MIN_NR_REGIONS 10
#define DEFAULT_MAX_NR_REGIONS 1000
#define DEFAULT_HALF_LIFE_MS 5000
/* Pages asked for each window, over all regions, and for one region. */
#define RESIDENCY_PAGES 2048
#define MAX_PAGES_PER_REGION 16
#define MIN_PAGES_PER_REGION 2
/* Of attribution: when all is scaled down, and what is too little to be scaled. */
#define MAX_NEWER_WEIGHT 0x1p30f
#define MAX_HALVINGS 30.0f /* in one window: after that nothing is left that matters */
#define MIN_ATTRIBUTION 1e-15f
#define MAX_NODES 1024

struct thermo_monitor {
	const struct thermo_host *host;
	uint32_t min_nr_regions;
	uint32_t max_nr_regions;
	uint64_t half_life_ns;
	size_t nr_attached;
	struct intake attached[THERMO_MAX_REPORTERS];
	struct targets targets;
	struct ingest ingest;
	uint64_t window_start_ns;
	double removed_watched_s; /* in the open window, by reporters that are gone */
	uint64_t sequence;
	uint64_t random_state;
	bool are_owners_outdated;           /* the targets have changed since they were told */
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
	ingest_init(&m->ingest, &m->targets);
	m->window_start_ns = thermo_host_now_ns(host);
	m->random_state = m->window_start_ns | 1;
	*monitor = m;
	return 0;
}

void thermo_monitor_free(struct thermo_monitor *monitor)
{
	if (!monitor)
		return;
	owners_free(monitor->ingest.owners);
	targets_fini(&monitor->targets);
	free(monitor);
}

int thermo_monitor_add_reporter(struct thermo_monitor *m, struct thermo_reporter *reporter,
				const char *name)
{
	struct intake *to = &m->attached[m->nr_attached];

	if (m->nr_attached == THERMO_MAX_REPORTERS)
		return thermo_fail(-ENOSPC, "monitor: more than %d reporters",
				   THERMO_MAX_REPORTERS);
	*to = (struct intake){ .reporter = reporter,
			       .since_ns = thermo_host_now_ns(m->host),
			       .dropped = thermo_reporter_dropped(reporter) };
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	m->nr_attached++;
	return 0;
}

/*
 * Return: seconds of the open window for which @from watched all memory.  A program
 * that tells of itself alone has watched nothing else: that is noted with its target.
 */
static double close_intake(struct thermo_monitor *m, struct intake *from, uint64_t until_ns)
{
	uint64_t since_ns =
			from->since_ns > m->window_start_ns ? from->since_ns : m->window_start_ns;
	double watched_s = intake_close_window(&m->ingest, from,
					       until_ns > since_ns ? until_ns - since_ns : 0);
	pid_t pid = thermo_reporter_pid(from->reporter);
	struct target *t = pid ? targets_find(&m->targets, pid) : NULL;

	if (pid == 0)
		return watched_s;
	if (t)
		t->watched_s += watched_s;
	return 0;
}

void thermo_monitor_retire_reporter(struct thermo_monitor *m, struct thermo_reporter *reporter,
				    uint64_t until_ns)
{
	for (size_t i = 0; i < m->nr_attached; i++) {
		if (m->attached[i].reporter != reporter)
			continue;
		/* What it saw counts, and so does how long it looked. */
		(void)ingest_drain(&m->ingest, &m->attached[i]);
		m->removed_watched_s += close_intake(m, &m->attached[i], until_ns);
		memmove(&m->attached[i], &m->attached[i + 1],
			(m->nr_attached - i - 1) * sizeof(m->attached[0]));
		m->nr_attached--;
		return;
	}
}

void thermo_monitor_remove_reporter(struct thermo_monitor *m, struct thermo_reporter *reporter)
{
	thermo_monitor_retire_reporter(m, reporter, thermo_host_now_ns(m->host));
}

void thermo_monitor_set_tap(struct thermo_monitor *m, const struct thermo_tap *tap)
{
	m->ingest.tap = tap ? *tap : (struct thermo_tap){ 0 };
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
	int nr = targets_update(&m->targets, m->host, spec, m->min_nr_regions, m->max_nr_regions);

	ingest_forget_targets(&m->ingest);
	m->are_owners_outdated = true;
	return nr;
}

size_t thermo_monitor_give_reports(struct thermo_monitor *m, const struct thermo_reporter *reporter,
				   const struct thermo_access *reports, size_t nr,
				   struct thermo_access *unwatched)
{
	for (size_t i = 0; i < m->nr_attached; i++)
		if (m->attached[i].reporter == reporter)
			return ingest_given(&m->ingest, &m->attached[i], reports, nr, unwatched);
	return 0;
}

int thermo_monitor_give_targets(struct thermo_monitor *m, const struct given_target *given,
				size_t nr)
{
	int err = targets_give(&m->targets, given, nr, m->min_nr_regions, m->max_nr_regions);

	ingest_forget_targets(&m->ingest);
	return err;
}

size_t thermo_monitor_pids(const struct thermo_monitor *m, pid_t *pids, size_t max)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->targets.nr && nr < max; i++)
		if (m->targets.list[i].info.pid != THERMO_PID_PHYSICAL)
			pids[nr++] = m->targets.list[i].info.pid;
	return nr;
}

/* --- owners of physical memory --- */

static bool is_physical(const struct thermo_monitor *m)
{
	return targets_find(&m->targets, THERMO_PID_PHYSICAL);
}

/* Return: 0 with owners that know the targets, or -errno. */
static int prepare_owners(struct thermo_monitor *m)
{
	int err = 0;

	if (!m->ingest.owners) {
		err = owners_new(&m->ingest.owners, m->host);
		m->are_owners_outdated = true;
	}
	if (!err && m->are_owners_outdated)
		err = owners_set_targets(m->ingest.owners, &m->targets);
	if (!err)
		m->are_owners_outdated = false;
	return err;
}

int64_t thermo_monitor_find_owners(struct thermo_monitor *m, uint64_t cpu_ns)
{
	int err;

	if ((!m->ingest.owners && !m->ingest.nr_before_owners) || is_physical(m))
		return 0;
	err = prepare_owners(m);
	return err ? err : owners_step(m->ingest.owners, cpu_ns);
}

int thermo_monitor_owners_of(struct thermo_monitor *m, uint64_t addr, struct thermo_owner *owners,
			     size_t max)
{
	struct owner_piece pieces[PFN_MAX_SHARERS];
	size_t nr;
	int err;

	if (is_physical(m))
		return thermo_fail(-EOPNOTSUPP, "page owners: physical memory is the target");
	err = prepare_owners(m);
	if (err)
		return err;
	(void)owners_ask(m->ingest.owners, addr, 1);
	nr = owners_all(m->ingest.owners, addr, pieces,
			max < PFN_MAX_SHARERS ? max : PFN_MAX_SHARERS);
	for (size_t i = 0; i < nr; i++)
		owners[i] = (struct thermo_owner){ .pid = pieces[i].pid,
						   .addr = pieces[i].addr,
						   .is_file = pieces[i].flags & PFN_FILE,
						   .is_shared = pieces[i].flags & PFN_SHARED,
						   .is_huge = pieces[i].flags & PFN_HUGE };
	if (nr == 0 && !pfn_wanted_is_searched(&m->ingest.owners->wanted, addr / THERMO_PAGE_BYTES))
		return thermo_fail(-EAGAIN,
				   "page owners: nobody has looked for %#" PRIx64
				   " yet: ask again in some seconds",
				   addr);
	return (int)nr;
}

void thermo_monitor_owners_status(const struct thermo_monitor *m,
				  struct thermo_owners_status *status)
{
	*status = (struct thermo_owners_status){ 0 };
	if (m->ingest.owners)
		owners_get_status(m->ingest.owners, status);
	status->nr_unsearched += m->ingest.nr_before_owners;
}

/* --- windows --- */

size_t thermo_monitor_drain(struct thermo_monitor *m)
{
	size_t total = 0;

	for (size_t i = 0; i < m->nr_attached; i++)
		total += ingest_drain(&m->ingest, &m->attached[i]);
	return total;
}

/* Attribution fades like evidence: what comes later weighs more, and now and then all less. */
static void fade_attribution(struct thermo_monitor *m, uint64_t window_ns)
{
	float *newer = &m->ingest.newer_weight, scale;

	*newer *= exp2f(fminf((float)window_ns / (float)m->half_life_ns, MAX_HALVINGS));
	if (*newer < MAX_NEWER_WEIGHT)
		return;
	scale = 1 / *newer;
	for (size_t i = 0; i < m->targets.nr; i++)
		for (size_t j = 0; j < m->targets.list[i].nr_regions; j++) {
			struct attribution *who = &m->targets.list[i].regions[j].who;

			/* What is next to nothing stays, so that it is not nothing. */
			if (who->total > MIN_ATTRIBUTION)
				attribution_scale(who, scale);
		}
	*newer = 1;
}

/* Return: by how many accesses per second rates changed significantly. */
static double close_regions(struct thermo_monitor *m, uint64_t now_ns, double watched_s)
{
	double changed = 0;

	for (size_t i = 0; i < m->targets.nr; i++) {
		struct target *t = &m->targets.list[i];

		changed += target_close_window(t, now_ns, m->half_life_ns,
					       watched_s + t->watched_s);
		t->watched_s = 0;
	}
	return changed;
}

static size_t count_regions(const struct thermo_monitor *m)
{
	size_t nr = 0;

	for (size_t i = 0; i < m->targets.nr; i++)
		nr += m->targets.list[i].nr_regions;
	return nr;
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

static struct thermo_snapshot_source view_source(const struct intake *from)
{
	uint32_t source = thermo_reporter_source(from->reporter);
	struct thermo_snapshot_source out = { .source = source < THERMO_MAX_SOURCES
									? source
									: THERMO_MAX_SOURCES - 1,
					      .ingested = from->ingested,
					      .dropped = from->dropped,
					      .period = from->period };

	memcpy(out.name, from->name, sizeof(out.name));
	return out;
}

static void sum_up(struct thermo_snapshot *s, double changed)
{
	double variance = 0;

	for (uint32_t i = 0; i < s->nr_regions; i++) {
		const struct thermo_region *r = &s->regions[i];

		/* What nobody ever looked at is guessed, and guesses do not add up to a sum. */
		if (r->exposure_s <= 0)
			continue;
		s->accesses_per_s += r->accesses_per_s;
		s->bytes_per_s += r->bytes_per_s;
		variance += r->accesses_per_s_error * r->accesses_per_s_error;
	}
	s->accesses_per_s_error = sqrt(variance);
	s->changed_share = s->accesses_per_s > 0 ? (float)(changed / s->accesses_per_s) : 0;
}

static struct thermo_snapshot *make_snapshot(struct thermo_monitor *m, uint64_t now_ns)
{
	size_t nr_regions = count_regions(m);
	unsigned int nr_pages = pages_per_region(nr_regions);
	struct thermo_snapshot *s = snapshot_alloc(m->targets.nr, nr_regions, m->nr_attached);
	struct thermo_region *regions;
	struct thermo_target *targets;
	struct thermo_snapshot_source *sources;

	if (!s)
		return NULL;
	regions = (void *)s->regions;
	targets = (void *)s->targets;
	sources = (void *)s->sources;
	s->time_ns = now_ns;
	s->realtime_ns = thermo_host_realtime_ns(m->host);
	s->sequence = ++m->sequence;
	s->counters = m->ingest.counters;
	for (size_t i = 0; i < m->nr_attached; i++)
		sources[i] = view_source(&m->attached[i]);
	for (size_t i = 0; i < m->targets.nr; i++) {
		targets[i] = m->targets.list[i].info;
		view_target(m, i, nr_pages, now_ns, regions);
		s->nr_gone += m->targets.list[i].gone;
		regions += m->targets.list[i].nr_regions;
	}
	return s;
}

int thermo_monitor_close_window(struct thermo_monitor *m, struct thermo_snapshot **snapshot)
{
	uint64_t now_ns = thermo_host_now_ns(m->host);
	uint64_t window_ns = now_ns - m->window_start_ns;
	double watched_s, changed;
	struct thermo_snapshot *s;

	(void)thermo_monitor_drain(m);
	watched_s = m->removed_watched_s;
	for (size_t i = 0; i < m->nr_attached; i++)
		watched_s += close_intake(m, &m->attached[i], now_ns);
	m->removed_watched_s = 0;
	changed = close_regions(m, now_ns, watched_s);
	fade_attribution(m, window_ns);
	shape_regions(&m->targets, m->min_nr_regions, m->max_nr_regions, now_ns);
	m->window_start_ns = now_ns;
	s = make_snapshot(m, now_ns);
	if (!s)
		return thermo_fail(-ENOMEM, "monitor: no memory for a snapshot of %zu regions",
				   count_regions(m));
	s->window_ns = window_ns;
	sum_up(s, changed);
	*snapshot = s;
	return 0;
}
