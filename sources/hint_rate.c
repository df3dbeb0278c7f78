// SPDX-License-Identifier: GPL-2.0-or-later
/* hint_rate.c - debugfs knobs of NUMA balancing, driven to a number of pages a second. */
#include "sources/hint_rate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "core/proc.h"
#include "thermocline/source.h"

#define FULL_RATE_PAGES_PER_S 10000u
#define FULL_RATE_STRETCHES_PER_S 10u
#define STRETCH_PAGES 1024u
#define STRETCHES_PER_TARGET 64u
#define MAX_STRETCH_MB 256u
/* Tasks keep an old scan period for a whole round: meanwhile stretches may grow by this. */
#define MAX_STRETCH_BOOST 16.0
#define ADAPT_INTERVAL_NS 2000000000ull
/* Beyond this many faults a second, at full rate, only every 2nd, 4th, ... is recorded. */
#define FULL_RATE_RECORDS_PER_S 1000
#define MAX_THINNING 32u
/*
 * A lower rate first thins the records, which cost us.  Arming goes down to this
 * share only: a change is noticed no sooner than its pages are armed again.
 */
#define MIN_ARMING_PERMILLE 250u
#define MIN_SCAN_PERIOD_MS 1000u
#define MAX_SCAN_PERIOD_MS 300000u

#define DEBUGFS_DIR "sys/kernel/debug/sched/numa_balancing/"

void hint_rate_init(struct hint_rate *r, struct thermo_settings *settings)
{
	*r = (struct hint_rate){
		.settings = settings,
		.permille = THERMO_RATE_FULL,
		.page_bytes = THERMO_PAGE_BYTES,
		/* A first, coarse picture soon: tasks come with long scan periods. */
		.boost = MAX_STRETCH_BOOST,
	};
}

void hint_rate_count(struct hint_rate *r, double pages, double bytes)
{
	if (pages > 0)
		r->page_bytes += 0.05 * (bytes / pages - r->page_bytes);
	r->armed_pages += (uint64_t)pages;
}

static double arming_rate(const struct hint_rate *r)
{
	uint32_t permille = r->permille > MIN_ARMING_PERMILLE ? r->permille : MIN_ARMING_PERMILLE;

	return (double)permille / THERMO_RATE_FULL;
}

/* What is armed at once, in MiB, before any boost. */
static double stretch_mb(const struct hint_rate *r)
{
	double by_pages = STRETCH_PAGES * r->page_bytes;
	double by_share = (double)r->largest_rss_bytes / STRETCHES_PER_TARGET;

	return fmax(1, fmin(fmin(by_pages, by_share) / (1 << 20), MAX_STRETCH_MB));
}

/* Armed pages a second that the rate stands for. */
static double wanted_pages_per_s(const struct hint_rate *r)
{
	double stretch_pages = stretch_mb(r) * (1 << 20) / r->page_bytes;

	return arming_rate(r) *
	       fmin(FULL_RATE_PAGES_PER_S, stretch_pages * FULL_RATE_STRETCHES_PER_S);
}

static int change_number(struct hint_rate *r, const char *path, double value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", (uint32_t)value);
	return thermo_settings_change(r->settings, path, text);
}

/*
 * The kernel arms scan_size_mb of each process in turn, so that a process is gone
 * through once in scan_period_min_ms.  Without debugfs its own values stay: slower
 * and coarser, not wrong.
 */
int hint_rate_apply(struct hint_rate *r)
{
	double boosted_mb = fmin(stretch_mb(r) * r->boost, MAX_STRETCH_MB);
	double stretches_per_s = wanted_pages_per_s(r) * r->page_bytes / (1 << 20) / stretch_mb(r);
	double period_ms = 1000 * (double)r->rss_bytes / (1 << 20) / boosted_mb / stretches_per_s;
	int err = change_number(r, DEBUGFS_DIR "scan_size_mb", boosted_mb);

	period_ms = fmax(MIN_SCAN_PERIOD_MS, fmin(period_ms, MAX_SCAN_PERIOD_MS));
	if (!err)
		err = change_number(r, DEBUGFS_DIR "scan_period_min_ms", period_ms);
	if (!err)
		err = change_number(r, DEBUGFS_DIR "scan_period_max_ms", period_ms);
	return err == -ENOENT ? 0 : err;
}

/*
 * The kernel lets each task keep the scan period that it has until its process was
 * gone through once: with small stretches and an old, long period that takes
 * minutes.  So stretches grow until about as much is armed as is wanted.
 */
int hint_rate_adapt(struct hint_rate *r, uint64_t now_ns)
{
	double elapsed_s = (double)(now_ns - r->adapted_ns) / 1e9;
	double boost;
	int err;

	if (now_ns - r->adapted_ns < ADAPT_INTERVAL_NS)
		return 0;
	boost = r->boost * wanted_pages_per_s(r) * elapsed_s / (double)(r->armed_pages + 1);
	/* Stretches come in bursts: half of what it was. */
	r->armed_pages_per_s += 0.5 * ((double)r->armed_pages / elapsed_s - r->armed_pages_per_s);
	r->armed_pages = 0;
	r->adapted_ns = now_ns;
	boost = fmax(1, fmin(fmin(boost, 4 * r->boost), MAX_STRETCH_BOOST));
	/* Within a factor of two it is good enough. */
	if (boost < 2 * r->boost && (2 * boost > r->boost && boost > 1))
		return 1;
	r->boost = boost;
	err = hint_rate_apply(r);
	return err ? err : 1;
}

uint32_t hint_rate_thinning(const struct hint_rate *r)
{
	double wanted_per_s = (double)FULL_RATE_RECORDS_PER_S * r->permille / THERMO_RATE_FULL;
	uint32_t thinning = 1;

	while (thinning < MAX_THINNING && r->armed_pages_per_s > wanted_per_s * thinning)
		thinning *= 2;
	return thinning;
}
