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

#define DEFAULT_BUFFER_BYTES (256u << 10)
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

struct hintfault {
	const struct thermo_host *host;
	struct thermo_settings *settings;
	uint32_t mode; /* of NUMA balancing while we run */
	struct tracepoint_field fields[NR_FIELDS];
	size_t nr_cpus;
	struct cpu_events *cpus;
	bool sees_arming;
	struct watch_set watches;
	size_t nr_pids;
	pid_t *pids; /* sorted */
	size_t nr_events;
	size_t room_events;
	struct event *events;
	unsigned char *record;
	struct thermo_source_counters counters;

	uint32_t rate_permille;
	uint64_t rss_bytes;	    /* of all targets, and of the largest */
	uint64_t largest_rss_bytes;
	double page_bytes; /* of an armed page, mean: between 4 KiB and 2 MiB */
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
		err = thermo_require_caps(opts->host, THERMO_CAP_PERFMON | THERMO_CAP_SYS_PTRACE,
					  "hintfault");
	return err ? err : find_fault_tracepoint(opts->host, fields, &id);
}

static struct perf_event_attr fault_attr(uint64_t id)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(struct perf_event_attr),
		.config = id,
		.sample_period = 1,
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
	struct perf_event_attr fault = fault_attr(fault_id);
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
	h->boost = 1;
	watch_set_init(&h->watches, HORIZON_NS);
	err = find_fault_tracepoint(h->host, h->fields, &fault_id);
	if (err)
		return err;
	h->record = malloc(PERF_RECORD_MAX_BYTES);
	if (!h->record)
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

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * The kernel arms scan_size_mb of each process in turn, so that a process is gone
 * through once in scan_period_min_ms.  Without debugfs its own values stay: slower
 * and coarser, not wrong.
 */
static int set_scan_rate(struct hintfault *h)
{
	double rate = (double)h->rate_permille / THERMO_RATE_FULL;
	double all_mb = (double)h->rss_bytes / (1 << 20);
	uint64_t stretch_mb = min_u64((uint64_t)(STRETCH_PAGES * h->page_bytes) >> 20,
				      h->largest_rss_bytes / STRETCHES_PER_TARGET >> 20);
	uint64_t period_ms, boosted_mb;
	int err;

	stretch_mb = max_u64(1, min_u64(stretch_mb, MAX_STRETCH_MB));
	period_ms = (uint64_t)(1000 * all_mb / (double)stretch_mb /
			       (FULL_RATE_STRETCHES_PER_S * rate));
	period_ms = max_u64(period_ms, (uint64_t)(1000 * (double)h->rss_bytes / h->page_bytes /
						  (FULL_RATE_PAGES_PER_S * rate)));
	period_ms = max_u64(MIN_SCAN_PERIOD_MS, min_u64(period_ms, MAX_SCAN_PERIOD_MS));
	boosted_mb = min_u64((uint64_t)((double)stretch_mb * h->boost), MAX_STRETCH_MB);
	err = change_number(h, DEBUGFS_DIR "scan_size_mb", (uint32_t)boosted_mb);
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
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static int hintfault_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct hintfault *h = state;
	pid_t *copy = malloc((nr_pids + 1) * sizeof(*copy));

	if (!copy)
		return thermo_fail(-ENOMEM, "hintfault: no memory for %zu targets", nr_pids);
	if (nr_pids)
		memcpy(copy, pids, nr_pids * sizeof(*copy));
	qsort(copy, nr_pids, sizeof(*copy), by_pid);
	free(h->pids);
	h->pids = copy;
	h->nr_pids = nr_pids;
	h->rss_bytes = h->largest_rss_bytes = 0;
	for (size_t i = 0; i < nr_pids; i++) {
		struct thermo_proc proc;

		if (thermo_proc_read(h->host, pids[i], &proc))
			continue;
		h->rss_bytes += proc.rss_bytes;
		h->largest_rss_bytes = max_u64(h->largest_rss_bytes, proc.rss_bytes);
	}
	return set_scan_rate(h);
}

static bool is_target(const struct hintfault *h, pid_t pid)
{
	return h->nr_pids && bsearch(&pid, h->pids, h->nr_pids, sizeof(pid), by_pid);
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
	if (!is_target(h, s.pid)) {
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
	struct thermo_proc proc;

	if (!(h->mode & MODE_NORMAL) || thermo_proc_read(h->host, pid, &proc) ||
	    proc.nr_threads < 2)
		return THERMO_SCOPE_LOWER_TIERS;
	return THERMO_SCOPE_ALL;
}

/* The pages that are there; a process that is gone has none. */
static size_t scan_runs(const struct hintfault *h, const struct event *e,
			struct thermo_page_run *runs)
{
	AUTO_CLOSE int fd = thermo_host_open_file(h->host, O_RDONLY, "proc/%d/pagemap", e->pid);
	uint64_t at = e->addr;
	size_t nr = 0;

	while (fd >= 0 && at < e->end && nr < MAX_RUNS) {
		uint64_t scanned_to = at;
		int n = h->host->ops->scan_pages(h->host, fd, at, e->end, runs + nr, MAX_RUNS - nr,
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
	AUTO_FREE struct thermo_page_run *runs = calloc(MAX_RUNS, sizeof(*runs));

	if (!runs)
		return;
	size_t nr = scan_runs(h, e, runs);
	double bytes = 0, pages = 0;

	for (size_t i = 0; i < nr; i++) {
		bytes += (double)(runs[i].end - runs[i].start);
		pages += (double)((runs[i].end - runs[i].start) >> (runs[i].huge ? 21 : 12));
	}
	if (pages > 0)
		h->page_bytes += 0.05 * (bytes / pages - h->page_bytes);
	h->armed_pages += (uint64_t)pages;
	/* When there is no room nothing is claimed of these pages: a loss of evidence only. */
	if (watch_add(&h->watches, e->pid, e->time_ns, scope_of(h, e->pid), runs, nr))
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

/*
 * The kernel lets each task keep the scan period that it has until its process was
 * gone through once: with small stretches and an old, long period that takes
 * minutes.  So stretches grow until about as much is armed as is wanted.
 */
static int adapt_stretch(struct hintfault *h, uint64_t now_ns)
{
	double elapsed_s = (double)(now_ns - h->adapted_ns) / 1e9;
	double wanted, boost;

	if (now_ns - h->adapted_ns < ADAPT_INTERVAL_NS)
		return 0;
	/* No process is gone through more often than once in the least period. */
	wanted = fmin((double)FULL_RATE_PAGES_PER_S * h->rate_permille / THERMO_RATE_FULL,
		      (double)h->rss_bytes / h->page_bytes / (MIN_SCAN_PERIOD_MS / 1e3));
	wanted = fmin(wanted, STRETCH_PAGES * (double)FULL_RATE_STRETCHES_PER_S * h->rate_permille /
				      THERMO_RATE_FULL);
	boost = h->boost * wanted * elapsed_s / (double)(h->armed_pages + 1);
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
	free(h->pids);
	free(h->events);
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
	.drain_interval_ms = 50,
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
