// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hintfault.c - NUMA hint faults as access samples.
 *
 * The kernel's NUMA balancing arms pages, a stretch of address space at a time,
 * so that the next access faults.  We see both ends: a probe on the kernel
 * function that arms a range says which and when, and the page-fault tracepoint
 * says who touched which page, when, and whether to write.  sources/watch.c makes
 * exact waiting times and "not accessed" of it.
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
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cleanup.h"
#include "core/error.h"
#include "core/host.h"
#include "core/privilege.h"
#include "core/proc.h"
#include "core/settings.h"
#include "sources/perf_ring.h"
#include "sources/tracepoint.h"
#include "sources/watch.h"
#include "thermocline/source.h"

#define DEFAULT_BUFFER_BYTES (512u << 10)
#define HORIZON_NS 100000000ull
/* Records younger than this may still be overtaken by older ones of other CPUs. */
#define SETTLE_NS 2000000ull

/*
 * How much is armed at full rate.  Each armed page is a fault of about 1 us in the
 * application.  A stretch that is armed at once must be small, in pages and as a
 * share of the process: while its pages fault one after the other, how soon they
 * fault says how fast faults are handled, not how hot the pages are.
 */
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
#define FIRST_THINNING 8u
/*
 * A lower rate first thins the records, which cost us.  Arming goes down to this
 * share only: a change is noticed no sooner than its pages are armed again.
 */
#define MIN_ARMING_PERMILLE 250u
#define MIN_SCAN_PERIOD_MS 1000u
#define MAX_SCAN_PERIOD_MS 300000u
/* Runs of pages in one armed range; what is beyond is not watched. */
#define MAX_RUNS 4096u

#define SYSCTL_MODE "proc/sys/kernel/numa_balancing"
#define SYSCTL_RATE_LIMIT "proc/sys/kernel/numa_balancing_promote_rate_limit_MBps"
#define DEBUGFS_DIR "sys/kernel/debug/sched/numa_balancing/"
#define MODE_NORMAL 1u
#define MODE_TIERING 2u

#define KPROBE_DIR "sys/bus/event_source/devices/kprobe"
#define ARM_FUNCTION "change_prot_numa" /* (vma, start, end) */
/* Registers of the second and third argument; uapi/asm/perf_regs.h: SI 4, DX 3. */
#define ARM_REGS ((1ull << 3) | (1ull << 4))
enum { REG_END, REG_START, NR_ARM_REGS };

#define X86_PF_WRITE (1u << 1)
#define COMMON_SAMPLE_TYPE (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

enum { FIELD_ADDRESS, FIELD_ERROR_CODE, NR_FIELDS };

struct cpu_events {
	int cpu;
	struct perf_event_fd fault;
	struct perf_event_fd arm;   /* these two: not open where the kernel has no kprobes */
	struct perf_event_fd armed; /* return of the same function */
};

enum event_kind {
	EVENT_FAULT,
	EVENT_ARM,   /* arming [addr, end) begins */
	EVENT_ARMED, /* and is complete */
};

/* A record of any kind, kept until all older ones have arrived. */
struct event {
	uint64_t time_ns;
	uint64_t addr;
	uint64_t end;
	int32_t pid;
	int32_t tid;
	uint32_t cpu;
	uint8_t kind;
	uint8_t op;
};

struct hint_target {
	pid_t pid;
	bool threaded; /* more than one thread: its pages are armed on every node */
};

struct hintfault {
	const struct thermo_host *host;
	struct thermo_settings *settings;
	uint32_t mode; /* of NUMA balancing while we run */
	struct tracepoint_field fields[NR_FIELDS];
	size_t nr_cpus;
	struct cpu_events *cpus;
	bool sees_arming;
	struct watch_set watches;
	size_t nr_targets;
	struct hint_target *targets; /* sorted by pid */
	size_t nr_events;
	size_t room_events;
	struct event *events;
	struct thermo_page_run *runs; /* MAX_RUNS of one armed range */
	unsigned char *record;
	struct thermo_source_counters counters;

	uint32_t rate_permille;
	uint64_t rss_bytes;	    /* of all targets, and of the largest */
	uint64_t largest_rss_bytes;
	double page_bytes; /* of an armed page, mean: between 4 KiB and 2 MiB */
	uint32_t thinning; /* one fault in so many is recorded: a power of two */
	double boost;	   /* of the stretch, 1 to MAX_STRETCH_BOOST */
	uint64_t armed_pages; /* since adapted_ns */
	uint64_t adapted_ns;
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

static int find_fault_tracepoint(const struct thermo_host *host,
				 struct tracepoint_field fields[NR_FIELDS], uint64_t *id)
{
	fields[FIELD_ADDRESS] = (struct tracepoint_field){ .name = "address" };
	fields[FIELD_ERROR_CODE] = (struct tracepoint_field){ .name = "error_code" };
	int64_t found = tracepoint_find(host, "exceptions", "page_fault_user", fields, NR_FIELDS);

	if (found < 0)
		return (int)found;
	*id = (uint64_t)found;
	return 0;
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
		return thermo_fail(-EOPNOTSUPP,
				   "hintfault: this kernel has no NUMA balancing (CONFIG_NUMA_BALANCING)");
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
	struct tracepoint_field fields[NR_FIELDS];
	uint64_t id;
	int err = check_numa_balancing(opts->host);

	if (!err)
		err = thermo_require_caps(opts->host,
					  THERMO_CAP_PERFMON | THERMO_CAP_SYS_PTRACE |
						  THERMO_CAP_SYS_ADMIN | THERMO_CAP_DAC_READ_SEARCH,
					  "hintfault");
	if (!err)
		err = thermo_host_require_scan(opts->host, "hintfault");
	return err ? err : find_fault_tracepoint(opts->host, fields, &id);
}

static struct perf_event_attr fault_attr(uint64_t id, uint32_t thinning)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(struct perf_event_attr),
		.config = id,
		.sample_period = thinning,
		.sample_type = COMMON_SAMPLE_TYPE | PERF_SAMPLE_RAW,
		.disabled = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

/* A probe on the entry of the function, which sees its arguments, or on its return. */
static struct perf_event_attr arm_attr(uint32_t kprobe_type, bool is_return)
{
	return (struct perf_event_attr){
		.type = kprobe_type,
		.size = sizeof(struct perf_event_attr),
		.config = is_return,
		.config1 = (uintptr_t)ARM_FUNCTION,
		.sample_period = 1,
		.sample_type = COMMON_SAMPLE_TYPE | (is_return ? 0 : PERF_SAMPLE_REGS_INTR),
		.sample_regs_intr = is_return ? 0 : ARM_REGS,
		.disabled = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

static int open_cpu(struct hintfault *h, struct cpu_events *c, uint64_t fault_id,
		    uint32_t kprobe_type, size_t buffer_bytes)
{
	struct perf_event_attr fault = fault_attr(fault_id, h->thinning);
	struct perf_event_attr arm = arm_attr(kprobe_type, false);
	struct perf_event_attr armed = arm_attr(kprobe_type, true);
	int err = perf_event_fd_open(&c->fault, h->host, &fault, c->cpu, buffer_bytes,
				     "hintfault: page faults");

	if (err || !h->sees_arming)
		return err;
	err = perf_event_fd_open_into(&c->arm, &c->fault, h->host, &arm, c->cpu,
				      "hintfault: probe on " ARM_FUNCTION);
	return err ? err
		   : perf_event_fd_open_into(&c->armed, &c->fault, h->host, &armed, c->cpu,
					     "hintfault: probe on the return of " ARM_FUNCTION);
}

static int open_cpus(struct hintfault *h, const hwloc_bitmap_t online, uint64_t fault_id,
		     size_t buffer_bytes)
{
	uint64_t kprobe_type = 0;
	int cpu;

#ifdef __x86_64__
	h->sees_arming = thermo_host_read_u64(h->host, &kprobe_type, KPROBE_DIR "/type") == 0;
#endif
	h->cpus = calloc((size_t)hwloc_bitmap_weight(online), sizeof(*h->cpus));
	if (!h->cpus)
		return thermo_fail(-ENOMEM, "hintfault: no memory");
	for (cpu = hwloc_bitmap_first(online); cpu >= 0; cpu = hwloc_bitmap_next(online, cpu)) {
		struct cpu_events *c = &h->cpus[h->nr_cpus++];

		c->cpu = cpu;
		c->fault.fd = c->arm.fd = c->armed.fd = -1;
		int err = open_cpu(h, c, fault_id, (uint32_t)kprobe_type, buffer_bytes);

		/* Without the probe (a locked-down kernel) faults still count. */
		if (err && c->fault.map && h->sees_arming && h->nr_cpus == 1) {
			perf_event_fd_close(&c->arm);
			perf_event_fd_close(&c->armed);
			h->sees_arming = false;
			err = 0;
		}
		if (err)
			return err;
	}
	return 0;
}

static int hintfault_open(void *state, const struct thermo_source_opts *opts)
{
	struct hintfault *h = state;
	uint64_t fault_id = 0;
	int err;

	h->host = opts->host;
	h->settings = opts->settings;
	h->rate_permille = THERMO_RATE_FULL;
	h->page_bytes = THERMO_PAGE_BYTES;
	/* A first, coarse picture soon: tasks come with long scan periods. */
	h->boost = MAX_STRETCH_BOOST;
	h->thinning = FIRST_THINNING;
	watch_set_init(&h->watches, HORIZON_NS);
	err = find_fault_tracepoint(h->host, h->fields, &fault_id);
	if (err)
		return err;
	h->record = malloc(PERF_RECORD_MAX_BYTES);
	h->runs = calloc(MAX_RUNS, sizeof(*h->runs));
	if (!h->record || !h->runs)
		return thermo_fail(-ENOMEM, "hintfault: no memory");

	hwloc_bitmap_t online = hwloc_bitmap_alloc();

	err = thermo_host_read_list(h->host, online, "sys/devices/system/cpu/online");
	if (!err)
		err = open_cpus(h, online, fault_id,
				opts->buffer_bytes ? opts->buffer_bytes : DEFAULT_BUFFER_BYTES);
	hwloc_bitmap_free(online);
	return err;
}

static int change_number(struct hintfault *h, const char *path, uint32_t value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", value);
	return thermo_settings_change(h->settings, path, text);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static double arming_rate(const struct hintfault *h)
{
	uint32_t permille = h->rate_permille > MIN_ARMING_PERMILLE ? h->rate_permille
								   : MIN_ARMING_PERMILLE;

	return (double)permille / THERMO_RATE_FULL;
}

/* What is armed at once, in MiB, before any boost. */
static double stretch_mb(const struct hintfault *h)
{
	double by_pages = STRETCH_PAGES * h->page_bytes;
	double by_share = (double)h->largest_rss_bytes / STRETCHES_PER_TARGET;

	return fmax(1, fmin(fmin(by_pages, by_share) / (1 << 20), MAX_STRETCH_MB));
}

/* Armed pages a second that the rate stands for. */
static double wanted_pages_per_s(const struct hintfault *h)
{
	double stretch_pages = stretch_mb(h) * (1 << 20) / h->page_bytes;

	return arming_rate(h) *
	       fmin(FULL_RATE_PAGES_PER_S, stretch_pages * FULL_RATE_STRETCHES_PER_S);
}

/*
 * The kernel arms scan_size_mb of each process in turn, so that a process is gone
 * through once in scan_period_min_ms.  Without debugfs its own values stay: slower
 * and coarser, not wrong.
 */
static int set_scan_rate(struct hintfault *h)
{
	double boosted_mb = fmin(stretch_mb(h) * h->boost, MAX_STRETCH_MB);
	double stretches_per_s = wanted_pages_per_s(h) * h->page_bytes / (1 << 20) / stretch_mb(h);
	double period_ms = 1000 * (double)h->rss_bytes / (1 << 20) / boosted_mb / stretches_per_s;
	int err = change_number(h, DEBUGFS_DIR "scan_size_mb", (uint32_t)boosted_mb);

	period_ms = fmax(MIN_SCAN_PERIOD_MS, fmin(period_ms, MAX_SCAN_PERIOD_MS));
	if (!err)
		err = change_number(h, DEBUGFS_DIR "scan_period_min_ms", (uint32_t)period_ms);
	if (!err)
		err = change_number(h, DEBUGFS_DIR "scan_period_max_ms", (uint32_t)period_ms);
	return err == -ENOENT ? 0 : err;
}

static int hintfault_start(void *state)
{
	struct hintfault *h = state;
	uint64_t old_mode;
	int err = check_numa_balancing(h->host);

	if (err)
		return err;
	err = thermo_host_read_u64(h->host, &old_mode, SYSCTL_MODE);
	if (err)
		return err;
	h->mode = mode_to_use(h->host, (uint32_t)old_mode);
	for (size_t i = 0; i < h->nr_cpus && !err; i++) {
		err = perf_event_fd_enable(&h->cpus[i].fault);
		if (!err && h->sees_arming)
			err = perf_event_fd_enable(&h->cpus[i].arm);
		if (!err && h->sees_arming)
			err = perf_event_fd_enable(&h->cpus[i].armed);
	}
	/* The limit before the mode: the kernel must not promote in between. */
	if (!err)
		err = change_number(h, SYSCTL_RATE_LIMIT, 0);
	if (!err)
		err = set_scan_rate(h);
	h->adapted_ns = thermo_host_now_ns(h->host);
	return err ? err : change_number(h, SYSCTL_MODE, h->mode);
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
	h->rss_bytes = h->largest_rss_bytes = 0;
	for (size_t i = 0; i < nr_pids; i++) {
		struct thermo_proc proc;

		if (thermo_proc_read(h->host, pids[i], &proc))
			continue;
		targets[h->nr_targets++] = (struct hint_target){ pids[i], proc.nr_threads > 1 };
		h->rss_bytes += proc.rss_bytes;
		h->largest_rss_bytes = max_u64(h->largest_rss_bytes, proc.rss_bytes);
	}
	qsort(targets, h->nr_targets, sizeof(*targets), by_pid);
	return set_scan_rate(h);
}

static const struct hint_target *find_target(const struct hintfault *h, pid_t pid)
{
	struct hint_target key = { .pid = pid };

	return h->nr_targets ? bsearch(&key, h->targets, h->nr_targets, sizeof(key), by_pid) : NULL;
}

static bool event_from_fault(struct hintfault *h, const struct perf_sample *s, struct event *e)
{
	uint64_t error_code;

	if (!tracepoint_value(&h->fields[FIELD_ADDRESS], s->raw, s->raw_bytes, &e->addr) ||
	    !tracepoint_value(&h->fields[FIELD_ERROR_CODE], s->raw, s->raw_bytes, &error_code))
		return false;
	e->op = error_code & X86_PF_WRITE ? THERMO_OP_WRITE : THERMO_OP_READ;
	return true;
}

static bool event_from_arming(const struct perf_sample *s, struct event *e)
{
	if (s->nr_regs != NR_ARM_REGS)
		return false;
	memcpy(&e->addr, &s->regs[REG_START], sizeof(e->addr));
	memcpy(&e->end, &s->regs[REG_END], sizeof(e->end));
	return e->addr < e->end;
}

static int add_event(struct hintfault *h, const struct event *e)
{
	if (h->nr_events == h->room_events) {
		size_t room = h->room_events ? 2 * h->room_events : 4096;
		struct event *grown = realloc(h->events, room * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "hintfault: no memory for %zu records", room);
		h->events = grown;
		h->room_events = room;
	}
	h->events[h->nr_events++] = *e;
	return 0;
}

static const uint64_t more_sample_type[] = {
	[EVENT_FAULT] = PERF_SAMPLE_RAW,
	[EVENT_ARM] = PERF_SAMPLE_REGS_INTR,
	[EVENT_ARMED] = 0,
};

static int take_record(struct hintfault *h, const struct cpu_events *c)
{
	const struct perf_event_header *header = (const void *)h->record;
	struct perf_sample s;
	struct event e = { 0 };
	uint64_t id;
	bool ok = true;
	int err;

	if (header->type != PERF_RECORD_SAMPLE) {
		h->counters.lost += perf_record_lost(header);
		return 0;
	}
	if (header->size < sizeof(*header) + sizeof(id))
		return thermo_fail(-EBADMSG, "hintfault: sample of %u bytes", header->size);
	/* PERF_SAMPLE_IDENTIFIER: the id is first, whatever else follows. */
	memcpy(&id, header + 1, sizeof(id));
	e.kind = id == c->fault.id ? EVENT_FAULT : id == c->arm.id ? EVENT_ARM : EVENT_ARMED;
	err = perf_sample_decode(header, COMMON_SAMPLE_TYPE | more_sample_type[e.kind], NR_ARM_REGS,
				 &s);
	if (err)
		return err;
	h->counters.seen++;
	if (!find_target(h, s.pid)) {
		h->counters.ignored++;
		return 0;
	}
	e.time_ns = s.time_ns;
	e.pid = s.pid;
	e.tid = s.tid;
	e.cpu = s.cpu;
	if (e.kind == EVENT_FAULT)
		ok = event_from_fault(h, &s, &e);
	else if (e.kind == EVENT_ARM)
		ok = event_from_arming(&s, &e);
	if (!ok) {
		h->counters.useless++;
		return 0;
	}
	return add_event(h, &e);
}

static int collect(struct hintfault *h)
{
	for (size_t i = 0; i < h->nr_cpus; i++) {
		struct cpu_events *c = &h->cpus[i];
		int n;

		while ((n = perf_ring_next(&c->fault.ring, h->record, PERF_RECORD_MAX_BYTES)) > 0) {
			int err = take_record(h, c);

			if (err)
				return err;
		}
		if (n < 0)
			return n;
	}
	return 0;
}

static enum thermo_scope scope_of(const struct hintfault *h, pid_t pid)
{
	const struct hint_target *target = find_target(h, pid);

	return h->mode & MODE_NORMAL && target && target->threaded ? THERMO_SCOPE_ALL
								   : THERMO_SCOPE_LOWER_TIERS;
}

/* The pages that are there; a process that is gone has none. */
static size_t scan_runs(const struct hintfault *h, const struct event *e)
{
	AUTO_CLOSE int fd = thermo_host_open_file(h->host, O_RDONLY, "proc/%d/pagemap", e->pid);
	uint64_t at = e->addr;
	size_t nr = 0;

	while (fd >= 0 && at < e->end && nr < MAX_RUNS) {
		uint64_t scanned_to = at;
		int n = h->host->ops->scan_pages(h->host, fd, at, e->end, h->runs + nr, MAX_RUNS - nr,
						 &scanned_to);

		if (n < 0 || scanned_to <= at)
			break;
		nr += (size_t)n;
		at = scanned_to;
	}
	return nr;
}

static void handle_arming(struct hintfault *h, const struct event *e)
{
	const struct thermo_page_run *runs = h->runs;
	size_t nr = scan_runs(h, e);
	double bytes = 0, pages = 0;

	for (size_t i = 0; i < nr; i++) {
		bytes += (double)(runs[i].end - runs[i].start);
		pages += (double)((runs[i].end - runs[i].start) >> (runs[i].huge ? 21 : 12));
	}
	if (pages > 0)
		h->page_bytes += 0.05 * (bytes / pages - h->page_bytes);
	h->armed_pages += (uint64_t)pages;
	/* When there is no room nothing is claimed of these pages: a loss of evidence only. */
	if (watch_add(&h->watches, e->pid, e->time_ns, scope_of(h, e->pid), h->thinning, runs, nr))
		h->counters.useless++;
}

static void handle_fault(struct hintfault *h, const struct event *e,
			 struct thermo_reporter *reporter)
{
	struct thermo_access access = {
		.addr = e->addr & ~(THERMO_PAGE_BYTES - 1),
		.extent_bytes = THERMO_PAGE_BYTES,
		.time_ns = e->time_ns,
		.nr_accesses = 1,
		.pid = e->pid,
		.tid = e->tid,
		.cpu = e->cpu,
		.node = THERMO_NODE_UNKNOWN,
		.op = e->op,
		.space = THERMO_SPACE_VIRTUAL,
	};

	if (h->sees_arming) {
		access.addr = e->addr;
		if (!watch_touch(&h->watches, &access)) {
			h->counters.useless++;
			return;
		}
	}
	(void)thermo_report_access(reporter, &access);
	h->counters.reported++;
}

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* All CPUs' records in the order of time, up to @until_ns. */
static void process(struct hintfault *h, uint64_t until_ns, struct thermo_reporter *reporter)
{
	size_t done = 0;

	if (h->nr_events == 0)
		return;
	qsort(h->events, h->nr_events, sizeof(*h->events), by_time);
	for (; done < h->nr_events && h->events[done].time_ns <= until_ns; done++) {
		const struct event *e = &h->events[done];

		h->counters.reported += watch_expire(&h->watches, e->time_ns, reporter);
		if (e->kind == EVENT_ARM)
			handle_arming(h, e);
		else if (e->kind == EVENT_ARMED)
			watch_armed(&h->watches, e->pid, e->time_ns);
		else
			handle_fault(h, e, reporter);
	}
	memmove(h->events, h->events + done, (h->nr_events - done) * sizeof(*h->events));
	h->nr_events -= done;
}

/* Recording a fault costs us, not the application: a sample of them says as much. */
static int adapt_thinning(struct hintfault *h, double pages_per_s)
{
	double wanted_per_s = (double)FULL_RATE_RECORDS_PER_S * h->rate_permille / THERMO_RATE_FULL;
	uint32_t thinning = 1;

	/* Without the probe a fault is all there is. */
	while (h->sees_arming && thinning < MAX_THINNING && pages_per_s > wanted_per_s * thinning)
		thinning *= 2;
	if (thinning == h->thinning)
		return 0;
	for (size_t i = 0; i < h->nr_cpus; i++) {
		int err = perf_event_fd_set_period(&h->cpus[i].fault, thinning);

		if (err)
			return err;
	}
	/* What is armed now still goes by the old one: it would be counted wrongly. */
	watch_set_fini(&h->watches);
	h->thinning = thinning;
	return 0;
}

/*
 * The kernel lets each task keep the scan period that it has until its process was
 * gone through once: with small stretches and an old, long period that takes
 * minutes.  So stretches grow until about as much is armed as is wanted.
 */
static int adapt_stretch(struct hintfault *h, uint64_t now_ns)
{
	double elapsed_s = (double)(now_ns - h->adapted_ns) / 1e9;
	double boost;
	int err;

	if (now_ns - h->adapted_ns < ADAPT_INTERVAL_NS)
		return 0;
	err = adapt_thinning(h, (double)h->armed_pages / elapsed_s);
	if (err)
		return err;
	boost = h->boost * wanted_pages_per_s(h) * elapsed_s / (double)(h->armed_pages + 1);
	h->armed_pages = 0;
	h->adapted_ns = now_ns;
	boost = fmax(1, fmin(fmin(boost, 4 * h->boost), MAX_STRETCH_BOOST));
	/* Within a factor of two it is good enough. */
	if (boost < 2 * h->boost && (2 * boost > h->boost && boost > 1))
		return 0;
	h->boost = boost;
	return set_scan_rate(h);
}

static int hintfault_drain(void *state, struct thermo_reporter *reporter)
{
	struct hintfault *h = state;
	uint64_t now_ns = thermo_host_now_ns(h->host);
	uint64_t reported = h->counters.reported;
	int err = collect(h);

	if (err)
		return err;
	process(h, now_ns - SETTLE_NS, reporter);
	h->counters.reported += watch_expire(&h->watches, now_ns - SETTLE_NS, reporter);
	err = adapt_stretch(h, now_ns);
	return err ? err : (int)(h->counters.reported - reported);
}

static int hintfault_set_rate(void *state, uint32_t permille)
{
	struct hintfault *h = state;

	h->rate_permille = permille;
	return set_scan_rate(h);
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

	for (size_t i = 0; i < h->nr_cpus; i++) {
		perf_event_fd_close(&h->cpus[i].armed);
		perf_event_fd_close(&h->cpus[i].arm);
		perf_event_fd_close(&h->cpus[i].fault);
	}
	watch_set_fini(&h->watches);
	free(h->cpus);
	free(h->targets);
	free(h->events);
	free(h->runs);
	free(h->record);
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
