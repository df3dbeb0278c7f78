/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h - from "these pages were armed" and "this page was touched" to reports.
 *
 * Whoever arms pages so that their next access shows (NUMA hint faults do) tells
 * when it armed which; a touch within the horizon after that is an access with a
 * measured waiting time, and a page that was not touched by then is known not to
 * have been accessed for so long.  Both are exposure: together they give the rate
 * without bias (events over time watched), and without saturating on hot pages,
 * as one accessed bit does.
 *
 * One thread.  Memory is bounded by what is armed within a horizon.
 */
#ifndef SOURCES_WATCH_H
#define SOURCES_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/host.h"
#include "thermocline/report.h"

#define WATCH_MAX 1024          /* armed ranges at a time */
#define WATCH_BLOCK_BYTES 65536 /* negative reports do not look closer than this */

struct watch; /* one armed range */

struct watch_set {
	uint64_t horizon_ns;
	size_t nr;
	struct watch *watches[WATCH_MAX]; /* oldest first */
};

void watch_set_init(struct watch_set *set, uint64_t horizon_ns);
void watch_set_fini(struct watch_set *set);

/*
 * Arming of the pages of @pid in @runs, sorted, began at @time_ns; @scope says for which of
 * them silence means anything; of the touches only one in @thinning is told.  Return: 0, -ENOSPC or
 * -ENOMEM: then nothing is watched and nothing claimed.
 */
int watch_add(struct watch_set *set, pid_t pid, uint64_t time_ns, enum thermo_scope scope,
	      uint32_t thinning, const struct thermo_page_run *runs, size_t nr_runs);

/*
 * Arming, which @pid began when it added its newest watch, is complete at @time_ns:
 * only now does every CPU fault.  Waiting times count from here.
 */
void watch_armed(struct watch_set *set, pid_t pid, uint64_t time_ns);

/*
 * A touch at access->addr.  When a watched page was touched for the first time,
 * @access is completed to a report (address and extent of the page, how long it
 * was watched).  Return: whether it was.
 */
bool watch_touch(struct watch_set *set, struct thermo_access *access);

/*
 * End the watches whose horizon has passed at @now_ns: report what was not
 * touched.  Return: reports made.
 */
size_t watch_expire(struct watch_set *set, uint64_t now_ns, struct thermo_reporter *reporter);

#endif
