// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * damon.c - the kernel's DAMON as a page-table scanner.
 *
 * We start one kdamond on the virtual address spaces of the targets, or (damon-pa)
 * on physical memory, through sysfs, let it tune its own intervals (an access ratio
 * of 4 % over 3 aggregations, as its authors recommend), and read what it finds from
 * its tracepoint: a record for each region and aggregation.
 *
 * A kdamond belongs to who started it.  Where one runs that is not ours, or a
 * DAMON module is on, nothing is written.  DAMON_STAT, which newer kernels run by
 * default, is turned off only when the user says so, and on again afterwards.
 *
 * Of a region, DAMON looks at one page in each sampling interval; n of the N looks
 * of an aggregation found it accessed.  For accesses that come independently the
 * rate of a page is then -ln(1 - n/N) an interval.  Its blind spot: accessed bits
 * are cleared without flushing the TLB, so what stays in the TLB looks idle.
 *
 * Runs in the source's thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/privilege.h"
#include "core/proc.h"
#include "core/random.h"
#include "core/settings.h"
#include "sources/damon_events.h"
#include "sources/damon_memory.h"
#include "thermocline/source.h"

#define KDAMONDS "sys/kernel/mm/damon/admin/kdamonds"
#define OUR_KDAMOND KDAMONDS "/0"
#define OUR_CONTEXT OUR_KDAMOND "/contexts/0"
#define DAMON_STAT_ENABLED "sys/module/damon_stat/parameters/enabled"

#define SAMPLE_US 5000ull
#define LOOKS_PER_AGGREGATION 20u
/* DAMON's authors allow 10 s; a picture older than some seconds is no use for tiering. */
#define MAX_SAMPLE_US 100000u
#define UPDATE_US 2000000u
#define MIN_NR_REGIONS 10u
#define MAX_NR_REGIONS 1000u
#define ACCESS_RATIO_BP 400u
#define TUNE_AGGREGATIONS 3u
#define MAX_TARGETS 64u
#define DEFAULT_BUFFER_BYTES (256u << 10)
/* How often it is looked whether the kdamond is still ours and on. */
#define CHECK_NS 1000000000ull

struct damon_target {
	pid_t pid;
	uint64_t unit_bytes; /* what one accessed bit speaks for */
};

struct damon {
	const struct thermo_host *host;
	struct thermo_settings *settings;
	bool pause_damon_stat;
	bool running;
	uint64_t checked_ns;
	bool is_physical;
	const char *nodes; /* physical: only of these; NULL: of all */
	struct damon_memory memory;
	uint64_t unit_bytes; /* physical: what one accessed bit speaks for */
	uint64_t random_state;
	struct damon_events events;
	size_t nr_targets;
	struct damon_target targets[MAX_TARGETS];
	uint64_t aggregated_ns; /* time of the newest record */
	uint64_t sample_ns;     /* interval in use, from the time between aggregations */
	struct thermo_source_counters counters;
};

/* Modules that run a kdamond of their own, which excludes all others. */
static int check_modules(const struct thermo_host *host, bool pause_damon_stat)
{
	static const char *const modules[] = { "damon_stat", "damon_reclaim", "damon_lru_sort" };
	char enabled[8];

	for (size_t i = 0; i < 3; i++) {
		if (thermo_host_read(host, enabled, sizeof(enabled),
				     "sys/module/%s/parameters/enabled", modules[i]) < 0 ||
		    enabled[0] != 'Y')
			continue;
		if (i > 0)
			return thermo_fail(
					-EBUSY,
					"damon: the kernel module %s is using DAMON: turn it off "
					"(/sys/module/%s/parameters/enabled) to use this source",
					modules[i], modules[i]);
		if (!pause_damon_stat)
			return thermo_fail(
					-EBUSY,
					"damon: DAMON_STAT, on by default in this kernel, is using "
					"DAMON: --pause-damon-stat turns it off while thermocline "
					"runs");
	}
	return 0;
}

static int check_kdamonds(const struct thermo_host *host)
{
	uint64_t nr;
	int err = thermo_host_read_u64(host, &nr, KDAMONDS "/nr_kdamonds");

	if (err == -ENOENT)
		return thermo_fail(-EOPNOTSUPP, "damon: this kernel has no DAMON sysfs interface "
						"(CONFIG_DAMON_SYSFS)");
	if (err == -EACCES || err == -EPERM)
		return thermo_fail(err, "damon: /%s is closed to this user: run as root", KDAMONDS);
	if (err)
		return err;
	if (faccessat(host->root_fd, KDAMONDS "/nr_kdamonds", W_OK, 0) < 0)
		return thermo_fail(-errno, "damon: /%s cannot be written: %s", KDAMONDS,
				   strerror(errno));
	for (uint64_t i = 0; i < nr; i++) {
		char state[16] = "", pid[16] = "?";

		(void)thermo_host_read(host, state, sizeof(state), KDAMONDS "/%" PRIu64 "/state",
				       i);
		(void)thermo_host_read(host, pid, sizeof(pid), KDAMONDS "/%" PRIu64 "/pid", i);
		if (strcmp(state, "on") == 0)
			return thermo_fail(-EBUSY,
					   "damon: kdamond %" PRIu64
					   " (pid %s) is running for somebody "
					   "else: it is left alone",
					   i, pid);
	}
	if (nr > 0)
		return thermo_fail(-EBUSY,
				   "damon: somebody has set up %" PRIu64
				   " kdamond(s) in /%s: left alone",
				   nr, KDAMONDS);
	return 0;
}

static int damon_probe(const struct thermo_source_opts *opts)
{
	int err = check_kdamonds(opts->host);

	if (!err)
		err = check_modules(opts->host, opts->pause_damon_stat);
	if (!err)
		err = thermo_require_caps(opts->host, THERMO_CAP_PERFMON | THERMO_CAP_SYS_ADMIN,
					  "damon");
	return err ? err : damon_events_probe(opts->host);
}

/* The same reasons, of the other source. */
static int of_damon_pa(int err)
{
	const char *reason = strdupa(thermo_last_error());

	if (err >= 0 || strncmp(reason, "damon-pa: ", 10) == 0)
		return err;
	return thermo_fail(err, "damon-pa: %s",
			   strncmp(reason, "damon: ", 7) == 0 ? reason + 7 : reason);
}

static int damon_pa_probe(const struct thermo_source_opts *opts)
{
	struct damon_memory memory = { 0 };
	int err = damon_probe(opts);

	if (!err)
		err = damon_memory_update(&memory, opts->host, opts->damon_nodes);
	damon_memory_fini(&memory);
	return err < 0 ? of_damon_pa(err) : 0;
}

static int damon_open(void *state, const struct thermo_source_opts *opts)
{
	struct damon *d = state;

	d->host = opts->host;
	d->settings = opts->settings;
	d->pause_damon_stat = opts->pause_damon_stat;
	d->sample_ns = SAMPLE_US * 1000ull;
	return damon_events_open(&d->events, d->host,
				 opts->buffer_bytes ? opts->buffer_bytes : DEFAULT_BUFFER_BYTES);
}

static int damon_pa_open(void *state, const struct thermo_source_opts *opts)
{
	struct damon *d = state;

	d->is_physical = true;
	d->nodes = opts->damon_nodes;
	d->random_state = thermo_host_now_ns(opts->host) | 1;
	return of_damon_pa(damon_open(state, opts));
}

static int damon_start(void *state)
{
	struct damon *d = state;
	int err = check_kdamonds(d->host);

	if (!err)
		err = check_modules(d->host, d->pause_damon_stat);
	if (!err)
		err = damon_events_enable(&d->events);
	if (!err && d->pause_damon_stat) {
		err = thermo_settings_change(d->settings, DAMON_STAT_ENABLED, "N");
		err = err == -ENOENT ? 0 : err;
	}
	if (!err)
		err = thermo_settings_change(d->settings, KDAMONDS "/nr_kdamonds", "1");
	/* The kdamond itself starts with its first targets. */
	return err;
}

static int write_number(const struct damon *d, const char *path, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return thermo_host_write(d->host, text, "%s", path);
}

/* A kernel may have the one or the other way to watch, and tells when asked to. */
static int write_operations(const struct damon *d)
{
	const char *name = d->is_physical ? "paddr" : "vaddr";
	int err = thermo_host_write(d->host, name, OUR_CONTEXT "/operations");

	if (err != -EINVAL)
		return err;
	return thermo_fail(-EOPNOTSUPP,
			   "%s: this kernel's DAMON does not watch %s addresses (%s): "
			   "--source %s may do",
			   d->is_physical ? "damon-pa" : "damon",
			   d->is_physical ? "physical" : "virtual",
			   d->is_physical ? "CONFIG_DAMON_PADDR" : "CONFIG_DAMON_VADDR",
			   d->is_physical ? "damon" : "damon-pa");
}

static int write_attributes(const struct damon *d)
{
	static const struct {
		const char *path;
		uint64_t value;
		bool optional; /* kernels before 6.15 do not tune */
	} numbers[] = {
		{ "intervals/sample_us", SAMPLE_US, false },
		{ "intervals/aggr_us", SAMPLE_US * LOOKS_PER_AGGREGATION, false },
		{ "intervals/update_us", UPDATE_US, false },
		{ "intervals/intervals_goal/access_bp", ACCESS_RATIO_BP, true },
		{ "intervals/intervals_goal/aggrs", TUNE_AGGREGATIONS, true },
		{ "intervals/intervals_goal/min_sample_us", SAMPLE_US, true },
		{ "intervals/intervals_goal/max_sample_us", MAX_SAMPLE_US, true },
		{ "nr_regions/min", MIN_NR_REGIONS, false },
		{ "nr_regions/max", MAX_NR_REGIONS, false },
	};
	int err = thermo_host_write(d->host, "1", OUR_KDAMOND "/contexts/nr_contexts");

	if (!err)
		err = write_operations(d);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !err; i++) {
		char path[160];

		(void)snprintf(path, sizeof(path), OUR_CONTEXT "/monitoring_attrs/%s",
			       numbers[i].path);
		err = write_number(d, path, numbers[i].value);
		if (numbers[i].optional && err == -ENOENT)
			err = 0;
	}
	return err;
}

static int write_targets(const struct damon *d)
{
	int err = write_number(d, OUR_CONTEXT "/targets/nr_targets", d->nr_targets);

	for (size_t i = 0; i < d->nr_targets && !err; i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), OUR_CONTEXT "/targets/%zu/pid_target", i);
		err = write_number(d, path, (uint64_t)d->targets[i].pid);
	}
	return err;
}

/* Physical memory is one target, whose regions nobody finds but us. */
static int write_memory(const struct damon *d)
{
	static const char regions[] = OUR_CONTEXT "/targets/0/regions";
	char path[160];
	int err = write_number(d, OUR_CONTEXT "/targets/nr_targets", 1);

	(void)snprintf(path, sizeof(path), "%s/nr_regions", regions);
	if (!err)
		err = write_number(d, path, d->memory.nr_ranges);
	for (size_t i = 0; i < d->memory.nr_ranges && !err; i++) {
		(void)snprintf(path, sizeof(path), "%s/%zu/start", regions, i);
		err = write_number(d, path, d->memory.ranges[i].start);
		(void)snprintf(path, sizeof(path), "%s/%zu/end", regions, i);
		if (!err)
			err = write_number(d, path, d->memory.ranges[i].end);
	}
	return err;
}

static bool kdamond_is_on(const struct damon *d)
{
	char state[16];

	return thermo_host_read(d->host, state, sizeof(state), OUR_KDAMOND "/state") >= 0 &&
	       strcmp(state, "on") == 0;
}

static int start_kdamond(struct damon *d)
{
	int err = write_attributes(d);

	if (!err)
		err = d->is_physical ? write_memory(d) : write_targets(d);
	if (!err)
		err = thermo_settings_change(d->settings, OUR_KDAMOND "/state", "on");
	/* After a kill -9 only a kdamond with this pid is ours to stop. */
	if (!err)
		err = thermo_settings_guard(d->settings, OUR_KDAMOND "/state", OUR_KDAMOND "/pid");
	d->running = !err;
	return err;
}

/* Accessed bits of a process that is mapped hugely speak for 2 MiB each. */
static uint64_t unit_bytes_of(const struct damon *d, pid_t pid)
{
	AUTO_FREE char *text = NULL;
	uint64_t rss_kb = 0, huge_kb = 0;

	if (thermo_host_read_all(d->host, &text, "proc/%d/smaps_rollup", (int)pid) < 0)
		return THERMO_PAGE_BYTES;
	const char *rss = strstr(text, "\nRss:"), *huge = strstr(text, "\nAnonHugePages:");

	if (!rss || !huge || sscanf(rss, " Rss: %" SCNu64, &rss_kb) != 1 ||
	    sscanf(huge, " AnonHugePages: %" SCNu64, &huge_kb) != 1)
		return THERMO_PAGE_BYTES;
	return 2 * huge_kb > rss_kb ? THERMO_HUGE_BYTES : THERMO_PAGE_BYTES;
}

static bool same_targets(const struct damon *d, const pid_t *pids, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (i >= d->nr_targets || d->targets[i].pid != pids[i])
			return false;
	return nr == d->nr_targets;
}

static bool is_any_target_alive(const struct damon *d)
{
	char name[32];

	if (d->is_physical)
		return true;
	for (size_t i = 0; i < d->nr_targets; i++)
		if (thermo_host_read(d->host, name, sizeof(name), "proc/%d/comm",
				     (int)d->targets[i].pid) >= 0)
			return true;
	return false;
}

/* A kdamond ends by itself with the last of its targets: off with one alive, or gone, it was
 * taken away. */
static int check_kdamond(struct damon *d, uint64_t now_ns)
{
	int err = thermo_settings_check(d->settings, DAMON_STAT_ENABLED);

	d->checked_ns = now_ns;
	if (!err)
		err = thermo_settings_check(d->settings, KDAMONDS "/nr_kdamonds");
	if (err)
		return thermo_fail(err, "damon: %s", strdupa(thermo_last_error()));
	if (d->running && !kdamond_is_on(d) && is_any_target_alive(d))
		return thermo_fail(-EBUSY, "damon: somebody turned our kdamond off");
	return 0;
}

static int damon_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct damon *d = state;
	size_t nr = nr_pids < MAX_TARGETS ? nr_pids : MAX_TARGETS;
	bool same = same_targets(d, pids, nr);
	int err = d->running ? check_kdamond(d, thermo_host_now_ns(d->host)) : 0;

	if (err)
		return err;
	for (size_t i = 0; i < nr; i++)
		d->targets[i] = (struct damon_target){ pids[i], unit_bytes_of(d, pids[i]) };
	d->nr_targets = nr;
	if (nr == 0)
		return 0;
	if (!d->running || !kdamond_is_on(d))
		return start_kdamond(d);
	if (same)
		return 0;
	err = write_targets(d);
	return err ? err : thermo_host_write(d->host, "commit", OUR_KDAMOND "/state");
}

/* Whoever the targets are: all of their memory, and others', is watched.  Memory may have been
 * plugged. */
static int damon_pa_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct damon *d = state;
	int changed = damon_memory_update(&d->memory, d->host, d->nodes);
	int err = d->running ? check_kdamond(d, thermo_host_now_ns(d->host)) : 0;

	(void)pids, (void)nr_pids;
	if (err)
		return of_damon_pa(err);
	if (changed < 0)
		return of_damon_pa(changed);
	d->unit_bytes = damon_memory_unit_bytes(d->host);
	if (!d->running || !kdamond_is_on(d))
		return of_damon_pa(start_kdamond(d));
	if (!changed)
		return 0;
	err = write_memory(d);
	if (!err)
		err = thermo_host_write(d->host, "commit", OUR_KDAMOND "/state");
	return of_damon_pa(err);
}

/* Records of one aggregation come together; a gap is the aggregation interval. */
static void learn_interval(struct damon *d, uint64_t time_ns)
{
	uint64_t gap_ns = time_ns - d->aggregated_ns;

	if (d->aggregated_ns && time_ns > d->aggregated_ns &&
	    gap_ns > SAMPLE_US * LOOKS_PER_AGGREGATION * 1000ull / 2)
		d->sample_ns = gap_ns / LOOKS_PER_AGGREGATION;
	if (time_ns > d->aggregated_ns)
		d->aggregated_ns = time_ns;
}

/* Accessed in every look: at least as often as if half a look had missed. */
static uint32_t expected_accesses(uint64_t nr_looks)
{
	const double looks = LOOKS_PER_AGGREGATION;
	double missed = looks - (double)nr_looks < 0.5 ? 0.5 : looks - (double)nr_looks;

	return (uint32_t)lround(-looks * log(missed / looks));
}

/* One page of the region was watched, each time another: @share of that spread over @bytes. */
static uint64_t watched_ns(const struct damon *d, uint64_t unit_bytes, uint64_t bytes, double share)
{
	double watched_bytes = share * LOOKS_PER_AGGREGATION * (double)unit_bytes;
	uint64_t ns = (uint64_t)((double)d->sample_ns * watched_bytes / (double)bytes);

	return ns ? ns : 1;
}

static void report_region(struct damon *d, const struct damon_aggregation *a,
			  struct thermo_reporter *reporter)
{
	const struct damon_target *target = &d->targets[a->target];
	struct thermo_access report = {
		.addr = a->start,
		.extent_bytes = a->end - a->start,
		.time_ns = a->time_ns,
		.nr_accesses = expected_accesses(a->nr_accesses),
		.watched_ns = watched_ns(d, target->unit_bytes, a->end - a->start, 1),
		.pid = target->pid,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.space = THERMO_SPACE_VIRTUAL,
	};

	(void)thermo_report_access(reporter, &report);
	d->counters.reported++;
}

static void report_memory(struct damon *d, const struct damon_aggregation *a,
			  struct thermo_reporter *reporter)
{
	struct damon_piece pieces[DAMON_MAX_PIECES];
	size_t nr = damon_pieces(a->start, a->end, expected_accesses(a->nr_accesses),
				 next_random(&d->random_state), pieces);

	for (size_t i = 0; i < nr; i++) {
		uint64_t bytes = pieces[i].end - pieces[i].start;
		struct thermo_access report = {
			.addr = pieces[i].start,
			.extent_bytes = bytes,
			.time_ns = a->time_ns,
			.nr_accesses = pieces[i].nr_accesses,
			.watched_ns = watched_ns(d, d->unit_bytes, bytes, pieces[i].watched_share),
			.cpu = THERMO_CPU_UNKNOWN,
			.node = THERMO_NODE_UNKNOWN,
			.space = THERMO_SPACE_PHYSICAL,
		};

		(void)thermo_report_access(reporter, &report);
		d->counters.reported++;
	}
}

static void take(struct damon *d, const struct damon_aggregation *a,
		 struct thermo_reporter *reporter)
{
	learn_interval(d, a->time_ns);
	if (a->target >= (d->is_physical ? 1 : d->nr_targets) || a->end <= a->start)
		d->counters.ignored++;
	else if (d->is_physical)
		report_memory(d, a, reporter);
	else
		report_region(d, a, reporter);
}

static int damon_drain(void *state, struct thermo_reporter *reporter)
{
	struct damon *d = state;
	uint64_t reported = d->counters.reported, now_ns = thermo_host_now_ns(d->host);
	bool checks = now_ns - d->checked_ns >= CHECK_NS;
	int err = checks ? check_kdamond(d, now_ns) : 0;
	struct damon_aggregation a;

	if (err)
		return err;
	while ((err = damon_events_next(&d->events, &a, &d->counters)) > 0)
		take(d, &a, reporter);
	if (!err && checks)
		err = damon_events_follow_cpus(&d->events);
	return err ? err : (int)(d->counters.reported - reported);
}

static int damon_pa_drain(void *state, struct thermo_reporter *reporter)
{
	int n = damon_drain(state, reporter);

	return n < 0 ? of_damon_pa(n) : n;
}

static void damon_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct damon *)state)->counters;
}

static void damon_close(void *state)
{
	struct damon *d = state;

	damon_events_close(&d->events);
	damon_memory_fini(&d->memory);
	*d = (struct damon){ 0 };
}

const struct thermo_source thermo_source_damon = {
	.name = "damon",
	.summary = "the kernel's DAMON scanning accessed bits of page tables",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_NEGATIVE,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "a kernel thread that looks at one page a region and sampling interval",
	.changes = "starts a kdamond; with --pause-damon-stat turns DAMON_STAT off",
	.uses = THERMO_USES_ACCESSED_BITS,
	.state_bytes = sizeof(struct damon),
	.drain_interval_ms = 100,
	.probe = damon_probe,
	.open = damon_open,
	.start = damon_start,
	.set_targets = damon_set_targets,
	.drain = damon_drain,
	.counters = damon_counters,
	.close = damon_close,
};

const struct thermo_source thermo_source_damon_pa = {
	.name = "damon-pa",
	.summary = "the kernel's DAMON scanning accessed bits of physical memory",
	.can = THERMO_CAN_PHYSICAL | THERMO_CAN_NEGATIVE,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "a kernel thread that looks at one page a region and sampling interval, through "
		"every mapping of it",
	.changes = "starts a kdamond; with --pause-damon-stat turns DAMON_STAT off",
	.uses = THERMO_USES_ACCESSED_BITS,
	/* Neighbours in physical memory need not be of one program, nor alike. */
	.by_name_only = true,
	.state_bytes = sizeof(struct damon),
	.drain_interval_ms = 100,
	.probe = damon_pa_probe,
	.open = damon_pa_open,
	.start = damon_start,
	.set_targets = damon_pa_set_targets,
	.drain = damon_pa_drain,
	.counters = damon_counters,
	.close = damon_close,
};
