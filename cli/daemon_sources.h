/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon_sources.h - the sources of a daemon: which run, which failed, who is in their place.
 *
 * A source that ends by itself is stopped, what it changed goes back, and the next best
 * takes its place; it is tried again after a while, each time a longer one.  Where the user
 * named sources, only those are tried.  How they are chosen is in sources/selection.h.
 *
 * The daemon's thread calls everything here.  NULL stands for no sources at all.
 */
#ifndef CLI_DAEMON_SOURCES_H
#define CLI_DAEMON_SOURCES_H

#include "cli/governor.h"
#include "core/settings.h"
#include "sources/runner.h"
#include "sources/selection.h"
#include "thermocline/monitor.h"

struct daemon_sources;

/**
 * struct daemon_sources_opts - Which.
 * @list:	All there are, NULL at its end; NULL: thermo_sources.
 * @names:	Those to use, NULL-terminated; NULL: the best of @list.
 * @fall_back:	While one of @names does not run, others may.
 * @source:	How to open each; host and settings must be there.
 * @monitor:	Where their reports go.
 */
struct daemon_sources_opts {
	const struct thermo_source *const *list;
	char **names;
	bool fall_back;
	struct thermo_source_opts source;
	struct thermo_monitor *monitor;
};

enum source_state {
	SOURCE_UNUSED, /* never ran */
	SOURCE_RUNS,
	SOURCE_FAILED,
	SOURCE_STANDS_BY, /* ran, and is not needed now */
};

/**
 * struct source_view - How one source is doing, that runs or did.
 * @index:	Of its reports.
 * @why:	It failed, or stands by.
 * @replaced_by:	Of one that failed: who runs in its place, "a, b"; "" when nobody does.
 * @since_ns:	It is in @state since then.
 * @retry_at_ns:	Of one that failed: when it is tried again.
 * @nr_failures:	So far, tries that failed included.
 * @run:	Sums over all its runs; source is always there.
 */
struct source_view {
	enum source_state state;
	uint8_t index;
	char why[SELECT_WHY_BYTES];
	char replaced_by[128];
	uint64_t since_ns;
	uint64_t retry_at_ns;
	uint32_t nr_failures;
	struct runner_status run;
};

/*
 * Start them.  What the user named must run; of the others what does not is passed over.
 * Return: 0; -ENODEV when none runs; -EINVAL for names that are unknown or disturb each
 * other; -errno.  After a failure daemon_sources_stop() is still to be called.
 */
int daemon_sources_start(struct daemon_sources **sources, const struct daemon_sources_opts *opts);

/* Notice who failed, and do what is due.  Some times a second. */
void daemon_sources_step(struct daemon_sources *sources, uint64_t now_ns);

void daemon_sources_set_targets(struct daemon_sources *sources, const pid_t *pids, size_t nr_pids);
void daemon_sources_set_rate(struct daemon_sources *sources, const struct governor *governor);
/* Whether one that runs chooses where it looks, and where that matters most. */
bool daemon_sources_want_focus(const struct daemon_sources *sources);
void daemon_sources_set_focus(struct daemon_sources *sources, const struct thermo_focus *focus,
			      size_t nr);

/* The least rate that notices changes still: of the most watchful one that runs; 0: none. */
uint32_t daemon_sources_least_rate(const struct daemon_sources *sources);

/* Whether one watches now and has done so since @since_ns at least. */
bool daemon_sources_watch_since(const struct daemon_sources *sources, uint64_t since_ns);

/* Of all runs of all sources: CPU time outside of this process; reports. */
uint64_t daemon_sources_overhead_ns(const struct daemon_sources *sources);
uint64_t daemon_sources_reported(const struct daemon_sources *sources);

/* Those that run or did.  Return: how many; at most SELECT_MAX. */
size_t daemon_sources_view(const struct daemon_sources *sources,
			   struct source_view views[SELECT_MAX]);

/* Names of those that run, "a, b". */
void daemon_sources_list(const struct daemon_sources *sources, char *text, size_t size);

/* Return: the name of the source that has, or may come to have, @index; NULL. */
const char *daemon_sources_name(const struct daemon_sources *sources, unsigned int index);

/* Stop all; settings are the caller's to put back.  Accepts NULL. */
void daemon_sources_stop(struct daemon_sources *sources);

#endif
