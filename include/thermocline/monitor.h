/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/monitor.h - which memory is accessed, how much, by whom.
 *
 * A monitor drains the reporters of its sources into the regions of its targets
 * and closes a window now and then; each window gives an immutable snapshot.  One
 * thread runs the monitor; any thread reads snapshots.
 *
 * The estimate.  A report says how many accesses were seen in an extent that was
 * watched for some time: events and exposure (bytes x seconds).  A region adds both
 * up, older ones at half weight every half-life, and its rate is events over
 * exposure: the maximum-likelihood estimate for accesses that come independently,
 * whatever mixture of sources it came from.  A source that is switched off adds
 * neither, so the estimate stays and only its weight falls.  With n events the
 * relative standard error is 1/sqrt(n).
 */
#ifndef THERMOCLINE_MONITOR_H
#define THERMOCLINE_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "thermocline/report.h"

#ifdef __cplusplus
extern "C" {
#endif

struct thermo_host;
struct thermo_monitor;

#define THERMO_MAX_REPORTERS 128
#define THERMO_MAX_SOURCES 8 /* told apart in snapshots; those above are in the last */
#define THERMO_TOP_CPUS 8
#define THERMO_TOP_TIDS 8
#define THERMO_TOP_NODES 8
#define THERMO_REGION_NODES 4

/**
 * struct thermo_monitor_opts - Zeroes mean the default.
 * @min_nr_regions:	No target has fewer, if it is that large; default 10.
 * @max_nr_regions:	Over all targets; default 1000, 10 to 1000000.
 * @half_life_ms:	After which evidence counts half; default 5000.
 */
struct thermo_monitor_opts {
	uint32_t min_nr_regions;
	uint32_t max_nr_regions;
	uint32_t half_life_ms;
};

/**
 * struct thermo_target_spec - What to watch.  All that is set must hold.
 * @pids:	One of these, or a descendant of one; NULL: any.
 * @cgroup:	In this cgroup or below it, as "/a/b" relative to the cgroup2 mount.
 * @name:	Command name matches this pattern, fnmatch(3).
 * @min_rss_bytes:	At least so much resident; default 32 MiB when neither pids nor
 *		cgroup nor name is given, else 0.
 * @max_targets:	At most so many, the largest first; default 256.
 * @physical:	Physical memory instead of processes; nothing else may be set.
 *
 * Kernel threads and the caller itself are never watched.  A descendant stays a
 * target when its parent exits.
 */
struct thermo_target_spec {
	const pid_t *pids;
	size_t nr_pids;
	const char *cgroup;
	const char *name;
	uint64_t min_rss_bytes;
	size_t max_targets;
	bool physical;
};

/**
 * struct thermo_share - One of the heaviest CPUs, threads or nodes.
 * @share:	Of the region's accesses, 0 to 1; 0: unused, and so are all that follow.
 * @error:	@share may be too high by so much, never too low.
 */
struct thermo_share {
	uint32_t key;
	float share;
	float error;
};

struct thermo_node_bytes {
	int16_t node;
	uint64_t bytes;
};

/**
 * struct thermo_region - A region of a target, in a snapshot.
 * @target:	Index in thermo_snapshot.targets.
 * @accesses_per_s:	Of the whole region; with @accesses_per_s_error, one standard
 *		error.
 * @bytes_per_s:	What the accesses moved; those of unknown size count as a cache
 *		line of 64 bytes.
 * @read_share, @write_share:	Of the accesses whose direction is known, 0 to 1; both 0
 *		when none is.
 * @op_known_share:	Of all accesses, those whose direction is known.
 * @nr_events:	Weight of the evidence: events, the old ones counted less.  0 with
 *		@exposure_s 0: never observed, the rate is the target's mean.
 * @exposure_s:	How long an average byte was watched, the old counted less.
 * @age_ns:	Since the rate last changed significantly.
 * @idle_ns:	Since a source last saw an access; UINT64_MAX: never.
 * @evidence_age_ns:	Since a source last said anything; UINT64_MAX: never.
 * @cpus, @tids:	Which accessed it most, heaviest first; shares of all accesses.
 * @accessor_nodes:	The nodes of the CPUs that accessed it.
 * @sources:	Share of the evidence by source, see thermo_snapshot_source.source.
 * @levels:	Share by enum thermo_level, of the accesses whose level is known.
 * @latency_share:	Of the accesses, those with a latency.
 * @latency_mean_ns, @latency_p50_ns, @latency_p95_ns, @latency_p99_ns:	Over them, percentiles
 *		to within a fifth; 0 without any.
 * @nodes:	Where the resident bytes are, estimated from a sample of pages; most
 *		first, unused ones have bytes 0.
 */
struct thermo_region {
	uint64_t start;
	uint64_t end;
	uint32_t target;
	double accesses_per_s;
	double accesses_per_s_error;
	double bytes_per_s;
	float read_share;
	float write_share;
	float op_known_share;
	float nr_events;
	float exposure_s;
	uint64_t age_ns;
	uint64_t idle_ns;
	uint64_t evidence_age_ns;
	struct thermo_share cpus[THERMO_TOP_CPUS];
	struct thermo_share tids[THERMO_TOP_TIDS];
	struct thermo_share accessor_nodes[THERMO_TOP_NODES];
	float sources[THERMO_MAX_SOURCES];
	float levels[THERMO_NR_LEVELS];
	float latency_share;
	float latency_mean_ns;
	float latency_p50_ns;
	float latency_p95_ns;
	float latency_p99_ns;
	struct thermo_node_bytes nodes[THERMO_REGION_NODES];
};

#define THERMO_PID_PHYSICAL (-1)

/**
 * struct thermo_target - A process under watch, or physical memory.
 * @pid:	THERMO_PID_PHYSICAL: physical memory, and what follows is 0 but for @name.
 * @parent_pid:	When it was last looked at.
 * @cgroup:	As in /proc/PID/cgroup; "" when unknown, cut off when too long.
 */
struct thermo_target {
	pid_t pid;
	pid_t parent_pid;
	uint64_t start_ticks;
	uint64_t rss_bytes;
	char name[16];
	char cgroup[256];
};

/**
 * struct thermo_monitor_counters - Where reports went; each is in exactly one.
 * @ingested:	Reports that became evidence.
 * @no_target:	Of a process that is not watched (any more).
 * @no_region:	Outside of every mapping of its target.
 * @no_owner:	Of a physical address that no target owns, or is known to own so far; see
 *		thermo_monitor_find_owners().
 * @bad:	Nonsense: no extent, or one that wraps around.
 * @dropped:	Lost in full rings.
 */
struct thermo_monitor_counters {
	uint64_t ingested;
	uint64_t no_target;
	uint64_t no_region;
	uint64_t no_owner;
	uint64_t bad;
	uint64_t dropped;
};

/**
 * struct thermo_snapshot_source - One reporter of the monitor.
 * @source:	Index in thermo_region.sources; several reporters may have the same.
 * @ingested, @dropped:	Its reports, since it was added.
 * @period:	Accesses that one of its samples stood for, lately; 0: its reports say
 *		themselves how long they watched.
 */
struct thermo_snapshot_source {
	char name[16];
	uint32_t source;
	uint64_t ingested;
	uint64_t dropped;
	double period;
};

/**
 * struct thermo_snapshot - What a window showed.
 * @time_ns:	When it ended, CLOCK_MONOTONIC; @realtime_ns: the same, CLOCK_REALTIME.
 * @accesses_per_s, @bytes_per_s:	Over all regions that were ever observed, with one
 *		standard error.
 * @changed_share:	By how much of all accesses per second the rates of regions
 *		changed significantly in this window, 0 to 1 and above.
 * @nr_gone:	Targets that turned out to have exited: time to update them.
 * @regions:	Sorted by target, then address.
 */
struct thermo_snapshot {
	uint64_t time_ns;
	uint64_t realtime_ns;
	uint64_t window_ns;
	uint64_t sequence;
	double accesses_per_s;
	double accesses_per_s_error;
	double bytes_per_s;
	float changed_share;
	uint32_t nr_gone;
	uint32_t nr_targets;
	uint32_t nr_regions;
	uint32_t nr_sources;
	const struct thermo_target *targets;
	const struct thermo_region *regions;
	const struct thermo_snapshot_source *sources;
	struct thermo_monitor_counters counters;
};

/* Return: 0, -EINVAL for options out of range, -ENOMEM. */
THERMO_API int thermo_monitor_new(struct thermo_monitor **monitor, const struct thermo_host *host,
				  const struct thermo_monitor_opts *opts);
THERMO_API void thermo_monitor_free(struct thermo_monitor *monitor);

/* The monitor drains @reporter from now on; it stays the caller's.  Return: 0 or -ENOSPC. */
THERMO_API int thermo_monitor_add_reporter(struct thermo_monitor *monitor,
					   struct thermo_reporter *reporter, const char *name);
/* What @reporter still holds is taken; from then on the monitor knows nothing of it. */
THERMO_API void thermo_monitor_remove_reporter(struct thermo_monitor *monitor,
					       struct thermo_reporter *reporter);
/*
 * The same for one that saw nothing any more after @until_ns: what was not seen since then
 * says nothing of memory.
 */
THERMO_API void thermo_monitor_retire_reporter(struct thermo_monitor *monitor,
					       struct thermo_reporter *reporter, uint64_t until_ns);

/**
 * struct thermo_tap - Sees every report, raw, as it is taken from its reporter.
 * @take:	@nr reports of the reporter called @name.  In the monitor's thread, which it
 *		holds up; reports that are nonsense or of no target are among them.
 * @context:	For @take.
 */
struct thermo_tap {
	void (*take)(void *context, const char *name, const struct thermo_access *accesses,
		     size_t nr);
	void *context;
};

/*
 * @tap sees what is drained from now on; it is copied, NULL ends it.  Without one it costs
 * a test for each batch of 256 reports.
 */
THERMO_API void thermo_monitor_set_tap(struct thermo_monitor *monitor,
				       const struct thermo_tap *tap);

/**
 * thermo_monitor_set_top_nodes() - Which nodes are the top tier.
 *
 * Only then do reports of THERMO_SCOPE_LOWER_TIERS that something was not accessed
 * count, for the share of a region that is on other nodes.  Nodes from 0 to 1023.
 */
THERMO_API void thermo_monitor_set_top_nodes(struct thermo_monitor *monitor, const int *nodes,
					     size_t nr_nodes);

/**
 * thermo_monitor_update_targets() - Follow processes that appear, exit, grow.
 *
 * Reads /proc; call it every few seconds.  A process whose mappings cannot be read
 * any more is dropped with its regions.
 *
 * Return: number of targets, or -errno.
 */
THERMO_API int thermo_monitor_update_targets(struct thermo_monitor *monitor,
					     const struct thermo_target_spec *spec);

/* The pids of the targets.  Return: how many of @max. */
THERMO_API size_t thermo_monitor_pids(const struct thermo_monitor *monitor, pid_t *pids,
				      size_t max);

/**
 * struct thermo_owners_status - How physical reports become evidence of processes.
 * @active:	Owners are looked for: there were such reports, and it is allowed.
 * @wanted_bytes:	Of page frames whose owner is asked for.
 * @nr_runs:	Known so far: frames that follow each other, with their owner.
 * @nr_passes:	Over the page tables of all targets; @pass_cpu_ns: what the last one cost.
 * @nr_looks:	Words of /proc/PID/pagemap read; a huge page is one.
 * @cpu_ns:	Of all passes.
 * @nr_anon, @nr_file:	Reports that became evidence, by what the page is; shared anonymous
 *		memory is file memory.
 * @nr_huge, @nr_shared:	Of these, of pages mapped huge; mapped more than once, which the
 *		target watched longest is credited for.
 * @nr_unsearched:	Reports that came before anybody had looked for their frame, or so long
 *		after that it is not believed.
 * @nr_unowned:	Reports of frames that were looked for, and no target had them.
 * @nr_too_wide:	Reports of more than 32 MiB, which are not attributed.
 * @nr_moved:	Pages that were somewhere else when their turn came.
 * @nr_unverified:	Runs of pages not looked at again because there were too many: they were
 *		believed as of the last seconds, or not.
 * @nr_refused_frames, @nr_refused_runs:	For which there was no room.
 *
 * Of no_owner in the counters, each report is in @nr_unsearched, @nr_unowned or
 * @nr_too_wide.
 */
struct thermo_owners_status {
	bool active;
	uint64_t wanted_bytes;
	uint64_t nr_runs;
	uint64_t nr_passes;
	uint64_t pass_cpu_ns;
	uint64_t nr_looks;
	uint64_t cpu_ns;
	uint64_t nr_anon;
	uint64_t nr_file;
	uint64_t nr_huge;
	uint64_t nr_shared;
	uint64_t nr_unsearched;
	uint64_t nr_unowned;
	uint64_t nr_too_wide;
	uint64_t nr_moved;
	uint64_t nr_unverified;
	uint64_t nr_refused_frames;
	uint64_t nr_refused_runs;
};

/**
 * thermo_monitor_find_owners() - Look for the owners of physical memory that was reported.
 * @cpu_ns:	Spend about so much CPU time on it.
 *
 * While processes are watched, a report of physical memory becomes evidence of the target
 * that owns the page at that moment, so that sources of both kinds speak of the same
 * regions.  A page that several targets map counts for the one watched longest.  Owners are
 * looked for in the targets' page tables, only for pages that were reported, and only when
 * some were: else this does nothing.  Call it after each drain.
 *
 * Return: CPU time spent, in ns; -EPERM with the missing capability; -errno.  After a
 * failure reports of physical memory are still taken, and have no owner.
 */
THERMO_API int64_t thermo_monitor_find_owners(struct thermo_monitor *monitor, uint64_t cpu_ns);
THERMO_API void thermo_monitor_owners_status(const struct thermo_monitor *monitor,
					     struct thermo_owners_status *status);

/**
 * struct thermo_owner - A target that maps a page.
 * @addr:	Where.
 * @is_file:	Page cache, or shared anonymous memory.
 * @is_shared:	Mapped more than once.
 * @is_huge:	Mapped as a huge page.
 */
struct thermo_owner {
	pid_t pid;
	uint64_t addr;
	bool is_file;
	bool is_shared;
	bool is_huge;
};

/**
 * thermo_monitor_owners_of() - Which targets have the page at physical @addr now.
 * @owners:	Out: room for @max, those that were watched longest.
 *
 * Return: how many; 0: none, as of the last look at all of them; -EAGAIN: nobody has
 * looked yet, thermo_monitor_find_owners() will; -EPERM with the missing capability;
 * -EOPNOTSUPP when physical memory is the target; -ENOMEM.
 */
THERMO_API int thermo_monitor_owners_of(struct thermo_monitor *monitor, uint64_t addr,
					struct thermo_owner *owners, size_t max);

/* Take what the reporters hold.  Return: reports taken. */
THERMO_API size_t thermo_monitor_drain(struct thermo_monitor *monitor);

/**
 * thermo_monitor_close_window() - End a window: split, merge, age, snapshot.
 * @snapshot:	Out: one reference, which the caller gives back.
 *
 * Return: 0 or -ENOMEM.
 */
THERMO_API int thermo_monitor_close_window(struct thermo_monitor *monitor,
					   struct thermo_snapshot **snapshot);

/* References may be taken and given back by any thread. */
THERMO_API struct thermo_snapshot *thermo_snapshot_get(struct thermo_snapshot *snapshot);
THERMO_API void thermo_snapshot_put(struct thermo_snapshot *snapshot);

#ifdef __cplusplus
}
#endif

#endif
