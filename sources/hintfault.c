// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hintfault.c - NUMA hint faults as access samples.
 *
 * The kernel's NUMA balancing arms pages, a stretch of address space at a time,
 * so that the next access faults.  We see both ends: a probe on the kernel
 * function that arms a range says which and when, and the page-fault tracepoint
 * says who touched which page, when, and whether to write (hint_events.c).
 * watch.c makes exact waiting times and "not accessed" of it; hint_rate.c drives
 * how much is armed.
 *
 * The mode bit for tiering makes the kernel arm pages of lower tiers; a promotion
 * rate limit of 0 keeps it from moving them itself.  The mode bit for balancing
 * arms top-tier pages too.  It is set where it moves nothing (one node with CPUs)
 * and kept where the system had it.  Single-threaded processes are special: the
 * kernel does not arm their pages on the node where they run, so silence there
 * means nothing (THERMO_SCOPE_LOWER_TIERS).
 *
 * Runs in the source's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/privilege.h"
#include "core/proc.h"
#include "core/settings.h"
#include "sources/hint_events.h"
#include "sources/hint_rate.h"
#include "sources/watch.h"
#include "thermocline/source.h"

#define DEFAULT_BUFFER_BYTES (512u << 10)
#define HORIZON_NS 100000000ull
/* How often it is looked whether somebody changed what was set. */
#define CHECK_NS 1000000000ull
/* Records younger than this may still be overtaken by older ones of other CPUs. */
#define SETTLE_NS 2000000ull
/* Runs of pages in one armed range; what is beyond is not watched. */
#define MAX_RUNS 4096u

#define SYSCTL_MODE "proc/sys/kernel/numa_balancing"
#define SYSCTL_RATE_LIMIT "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps"
#define MODE_NORMAL 1u
#define MODE_TIERING 2u

struct hint_target {
	pid_t pid;
	bool threaded; /* more than one thread: its pages are armed on every node */
};

struct hintfault {
	const struct thermo_host *host;
	uint32_t mode; /* of NUMA balancing while we run */
	struct hint_events *events;
	struct hint_rate rate;
	uint64_t checked_ns; /* when our settings were last seen as they should be */
	uint32_t thinning;   /* one fault in so many is recorded */
	bool blind;          /* the records at hand are not all */
	struct watch_set watches;
	size_t nr_targets;
	struct hint_target *targets;  /* sorted by pid */
	struct thermo_page_run *runs; /* MAX_RUNS of one armed range */
	struct thermo_source_counters counters;
};

static int count_memory_nodes(const struct thermo_host *host, const char *file)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();
	int err = thermo_host_read_list(host, set, "sys/devices/system/node/%s", file);
	int nr = err ? err : hwloc_bitmap_weight(set);

	hwloc_bitmap_free(set);
	return nr;
}

/* The mode to run with, from the mode that the system had. */
static uint32_t mode_to_use(const struct thermo_host *host, uint32_t old_mode)
{
	bool one_cpu_node = count_memory_nodes(host, "has_cpu") == 1;

	return MODE_TIERING | (old_mode & MODE_NORMAL) | (one_cpu_node ? MODE_NORMAL : 0);
}

static int check_numa_balancing(const struct thermo_host *host)
{
	uint64_t mode;
	int nodes = count_memory_nodes(host, "has_memory");

	if (nodes < 0)
		return thermo_fail(-ENODEV, "hintfault: this kernel shows no NUMA nodes");
	if (nodes < 2)
		return thermo_fail(-ENODEV,
				   "hintfault: only one memory node: the kernel arms no pages");
	if (thermo_host_read_u64(host, &mode, SYSCTL_MODE) == -ENOENT)
		return thermo_fail(-EOPNOTSUPP, "hintfault: this kernel has no NUMA balancing "
						"(CONFIG_NUMA_BALANCING)");
	if (thermo_host_read_u64(host, &mode, SYSCTL_MODE))
		return -EIO;
	if (mode & MODE_TIERING)
		return thermo_fail(-EBUSY,
				   "hintfault: the kernel is tiering by itself "
				   "(kernel.numa_balancing=%" PRIu64
				   "): set it to 0 or 1 to let thermocline do it",
				   mode);
	if (faccessat(host->root_fd, SYSCTL_RATE_LIMIT, F_OK, 0) < 0)
		return thermo_fail(-EOPNOTSUPP,
				   "hintfault: this kernel cannot be kept from promoting by itself "
				   "(no %s, Linux 5.18)",
				   "numa_balancing_promote_rate_limit_MBps");
	if (faccessat(host->root_fd, SYSCTL_MODE, W_OK, 0) < 0)
		return thermo_fail(-EACCES, "hintfault: /%s cannot be written: run as root",
				   SYSCTL_MODE);
	return 0;
}

static int hintfault_probe(const struct thermo_source_opts *opts)
{
	int err = check_numa_balancing(opts->host);

	if (!err)
		err = thermo_require_caps(opts->host,
					  THERMO_CAP_PERFMON | THERMO_CAP_SYS_PTRACE |
							  THERMO_CAP_SYS_ADMIN |
							  THERMO_CAP_DAC_READ_SEARCH,
					  "hintfault");
	if (!err)
		err = thermo_host_require_scan(opts->host, "hintfault");
	return err ? err : hint_events_probe(opts->host);
}

static int hintfault_open(void *state, const struct thermo_source_opts *opts)
{
	struct hintfault *h = state;

	h->host = opts->host;
	h->thinning = HINT_FIRST_THINNING;
	hint_rate_init(&h->rate, opts->settings);
	watch_set_init(&h->watches, HORIZON_NS);
	h->runs = calloc(MAX_RUNS, sizeof(*h->runs));
	if (!h->runs)
		return thermo_fail(-ENOMEM, "hintfault: no memory");
	return hint_events_open(&h->events, h->host,
				opts->buffer_bytes ? opts->buffer_bytes : DEFAULT_BUFFER_BYTES,
				h->thinning);
}

static int hintfault_start(void *state)
{
	struct hintfault *h = state;
	uint64_t old_mode;
	char mode[16];
	int err = check_numa_balancing(h->host);

	if (!err)
		err = thermo_settings_may_change(h->rate.settings, SYSCTL_MODE);
	if (!err)
		err = thermo_host_read_u64(h->host, &old_mode, SYSCTL_MODE);
	if (err)
		return err;
	h->mode = mode_to_use(h->host, (uint32_t)old_mode);
	(void)snprintf(mode, sizeof(mode), "%u", h->mode);
	err = hint_events_enable(h->events);
	/* The limit before the mode: the kernel must not promote in between. */
	if (!err)
		err = thermo_settings_change(h->rate.settings, SYSCTL_RATE_LIMIT, "0");
	if (!err)
		err = hint_rate_apply(&h->rate);
	h->rate.adapted_ns = thermo_host_now_ns(h->host);
	return err ? err : thermo_settings_change(h->rate.settings, SYSCTL_MODE, mode);
}

static int by_pid(const void *a, const void *b)
{
	const struct hint_target *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int hintfault_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct hintfault *h = state;
	struct hint_target *targets = calloc(nr_pids + 1, sizeof(*targets));

	if (!targets)
		return thermo_fail(-ENOMEM, "hintfault: no memory for %zu targets", nr_pids);
	free(h->targets);
	h->targets = targets;
	h->nr_targets = 0;
	h->rate.rss_bytes = h->rate.largest_rss_bytes = 0;
	for (size_t i = 0; i < nr_pids; i++) {
		struct thermo_proc proc;

		if (thermo_proc_read(h->host, pids[i], &proc))
			continue;
		targets[h->nr_targets++] = (struct hint_target){ pids[i], proc.nr_threads > 1 };
		h->rate.rss_bytes += proc.rss_bytes;
		if (proc.rss_bytes > h->rate.largest_rss_bytes)
			h->rate.largest_rss_bytes = proc.rss_bytes;
	}
	qsort(targets, h->nr_targets, sizeof(*targets), by_pid);
	return hint_rate_apply(&h->rate);
}

static const struct hint_target *find_target(const struct hintfault *h, pid_t pid)
{
	struct hint_target key = { .pid = pid };

	return h->nr_targets ? bsearch(&key, h->targets, h->nr_targets, sizeof(key), by_pid) : NULL;
}

static bool is_target(const void *state, int32_t pid)
{
	return find_target(state, pid) != NULL;
}

static enum thermo_scope scope_of(const struct hintfault *h, pid_t pid)
{
	const struct hint_target *target = find_target(h, pid);

	return h->mode & MODE_NORMAL && target && target->threaded ? THERMO_SCOPE_ALL
								   : THERMO_SCOPE_LOWER_TIERS;
}

/* The pages that are there; a process that is gone has none. */
static size_t scan_runs(const struct hintfault *h, const struct hint_event *e)
{
	AUTO_CLOSE int fd = thermo_host_open_file(h->host, O_RDONLY, "proc/%d/pagemap", e->pid);
	uint64_t at = e->addr;
	size_t nr = 0;

	while (fd >= 0 && at < e->end && nr < MAX_RUNS) {
		uint64_t scanned_to = at;
		int n = h->host->ops->scan_pages(h->host, fd, at, e->end, h->runs + nr,
						 MAX_RUNS - nr, &scanned_to);

		if (n < 0 || scanned_to <= at)
			break;
		nr += (size_t)n;
		at = scanned_to;
	}
	return nr;
}

static void handle_arming(struct hintfault *h, const struct hint_event *e)
{
	const struct thermo_page_run *runs = h->runs;
	size_t nr = scan_runs(h, e);
	double bytes = 0, pages = 0;

	for (size_t i = 0; i < nr; i++) {
		bytes += (double)(runs[i].end - runs[i].start);
		pages += (double)((runs[i].end - runs[i].start) >> (runs[i].huge ? 21 : 12));
	}
	hint_rate_count(&h->rate, pages, bytes);
	if (h->blind)
		return;
	/* When there is no room nothing is claimed of these pages: a loss of evidence only. */
	if (watch_add(&h->watches, e->pid, e->time_ns, scope_of(h, e->pid), h->thinning, runs, nr))
		h->counters.useless++;
}

static void handle_fault(struct hintfault *h, const struct hint_event *e,
			 struct thermo_reporter *reporter)
{
	struct thermo_access access = {
		.addr = e->addr & ~(THERMO_PAGE_BYTES - 1),
		.extent_bytes = THERMO_PAGE_BYTES,
		.time_ns = e->time_ns,
		.nr_accesses = h->thinning,
		.pid = e->pid,
		.tid = e->tid,
		.cpu = e->cpu,
		.node = THERMO_NODE_UNKNOWN,
		.op = e->op,
		.space = THERMO_SPACE_VIRTUAL,
	};

	/* Without the probe a fault is all there is: one access since nobody knows when. */
	if (hint_events_see_arming(h->events)) {
		access.addr = e->addr;
		if (!watch_touch(&h->watches, &access)) {
			h->counters.useless++;
			return;
		}
	}
	(void)thermo_report_access(reporter, &access);
	h->counters.reported++;
}

/* In the order of time: what one CPU armed another touches. */
static void process(struct hintfault *h, uint64_t until_ns, struct thermo_reporter *reporter)
{
	const struct hint_event *list;
	size_t nr = hint_events_take(h->events, until_ns, &list);

	for (size_t i = 0; i < nr; i++) {
		const struct hint_event *e = &list[i];

		h->counters.reported += watch_expire(&h->watches, e->time_ns, reporter);
		if (e->kind == HINT_ARM)
			handle_arming(h, e);
		else if (e->kind == HINT_ARMED)
			watch_armed(&h->watches, e->pid, e->time_ns);
		else
			handle_fault(h, e, reporter);
	}
	h->counters.reported += watch_expire(&h->watches, until_ns, reporter);
}

/* Recording a fault costs us, not the application: a sample of them says as much. */
static int adapt(struct hintfault *h, uint64_t now_ns)
{
	int due = hint_rate_adapt(&h->rate, now_ns);
	uint32_t thinning = hint_rate_thinning(&h->rate);

	/* What a change drops costs more than being off by two. */
	if (due <= 0 || (thinning <= 2 * h->thinning && 2 * thinning >= h->thinning))
		return due;
	/* What is armed now was thinned by the old one: it would be counted wrongly. */
	watch_set_fini(&h->watches);
	h->thinning = thinning;
	return hint_events_set_thinning(h->events, thinning);
}

/* Nothing more would fault, or the kernel would promote: and nobody would tell. */
static int check_settings(struct hintfault *h)
{
	int err = thermo_settings_check(h->rate.settings, SYSCTL_MODE);

	if (!err)
		err = thermo_settings_check(h->rate.settings, SYSCTL_RATE_LIMIT);
	return err ? thermo_fail(err, "hintfault: %s", strdupa(thermo_last_error())) : 0;
}

static int hintfault_drain(void *state, struct thermo_reporter *reporter)
{
	struct hintfault *h = state;
	uint64_t now_ns = thermo_host_now_ns(h->host);
	uint64_t reported = h->counters.reported, lost = h->counters.lost;
	bool checks = now_ns - h->checked_ns >= CHECK_NS;
	int err = checks ? check_settings(h) : 0, cpus_changed = 0;

	if (!err)
		err = hint_events_collect(h->events, is_target, h, &h->counters);
	if (!err && checks)
		cpus_changed = hint_events_follow_cpus(h->events);
	if (err || cpus_changed < 0)
		return err ? err : cpus_changed;
	h->checked_ns = checks ? now_ns : h->checked_ns;
	/*
	 * Touches that were lost would look like silence, and touches without the silence
	 * around them like heat: of what was armed by now nothing more is claimed.
	 */
	h->blind = h->counters.lost > lost || cpus_changed;
	if (h->blind)
		watch_set_fini(&h->watches);
	process(h, now_ns - SETTLE_NS, reporter);
	err = adapt(h, now_ns);
	return err < 0 ? err : (int)(h->counters.reported - reported);
}

static int hintfault_set_rate(void *state, uint32_t permille)
{
	struct hintfault *h = state;

	h->rate.permille = permille;
	return hint_rate_apply(&h->rate);
}

static void hintfault_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct hintfault *)state)->counters;
}

static void hintfault_stop(void *state)
{
	struct hintfault *h = state;

	watch_set_fini(&h->watches);
}

static void hintfault_close(void *state)
{
	struct hintfault *h = state;

	hint_events_close(h->events);
	watch_set_fini(&h->watches);
	free(h->targets);
	free(h->runs);
	*h = (struct hintfault){ 0 };
}

const struct thermo_source thermo_source_hintfault = {
	.name = "hintfault",
	.summary = "NUMA hint faults: time to the next access, thread, CPU, read or write",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_THREAD |
	       THERMO_CAN_NEGATIVE,
	.granularity_bytes = THERMO_PAGE_BYTES,
	.cost = "a page fault of about 1 us in the application for each page and round",
	.changes = "kernel.numa_balancing, its promotion rate limit and scan rate",
	.uses = THERMO_USES_HINT_FAULTS,
	.state_bytes = sizeof(struct hintfault),
	.drain_interval_ms = 200,
	.probe = hintfault_probe,
	.open = hintfault_open,
	.start = hintfault_start,
	.set_targets = hintfault_set_targets,
	.set_rate = hintfault_set_rate,
	.drain = hintfault_drain,
	.counters = hintfault_counters,
	.stop = hintfault_stop,
	.close = hintfault_close,
};
