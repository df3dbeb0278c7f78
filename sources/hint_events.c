// SPDX-License-Identifier: GPL-2.0-or-later
/* hint_events.c - perf events of hint faults, merged by time. */
#include "sources/hint_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "sources/online_cpus.h"
#include "sources/perf_ring.h"
#include "sources/tracepoint.h"

#define KPROBE_DIR "sys/bus/event_source/devices/kprobe"
#define ARM_FUNCTION "change_prot_numa" /* (vma, start, end) */
/* Registers of the second and third argument; uapi/asm/perf_regs.h: SI 4, DX 3. */
#define ARM_REGS ((1ull << 3) | (1ull << 4))
enum { REG_END, REG_START, NR_ARM_REGS };

#define X86_PF_WRITE (1u << 1)
#define COMMON_SAMPLE_TYPE                                                                         \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)

enum { FIELD_ADDRESS, FIELD_ERROR_CODE, NR_FIELDS };

struct cpu_events {
	int cpu;
	struct perf_event_fd fault;
	struct perf_event_fd arm;   /* these two: not open where the kernel has no kprobes */
	struct perf_event_fd armed; /* return of the same function */
};

struct hint_events {
	const struct thermo_host *host;
	struct tracepoint_field fields[NR_FIELDS];
	uint64_t fault_id;
	uint64_t kprobe_type;
	size_t buffer_bytes;
	uint32_t thinning;
	bool enabled;
	hwloc_bitmap_t online;
	size_t nr_cpus;
	struct cpu_events *cpus;
	bool sees_arming;
	size_t nr_taken; /* of list, handed out by the last take */
	size_t nr;
	size_t room;
	struct hint_event *list;
	unsigned char *record;
};

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

int hint_events_probe(const struct thermo_host *host)
{
	struct tracepoint_field fields[NR_FIELDS];
	uint64_t id;

	return find_fault_tracepoint(host, fields, &id);
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

static int open_cpu(struct hint_events *ev, struct cpu_events *c)
{
	struct perf_event_attr fault = fault_attr(ev->fault_id, ev->thinning);
	struct perf_event_attr arm = arm_attr((uint32_t)ev->kprobe_type, false);
	struct perf_event_attr armed = arm_attr((uint32_t)ev->kprobe_type, true);
	int err = perf_event_fd_open(&c->fault, ev->host, &fault, c->cpu, ev->buffer_bytes,
				     "hintfault: page faults");

	if (err || !ev->sees_arming)
		return err;
	err = perf_event_fd_open_into(&c->arm, &c->fault, ev->host, &arm, c->cpu,
				      "hintfault: probe on " ARM_FUNCTION);
	return err ? err
		   : perf_event_fd_open_into(&c->armed, &c->fault, ev->host, &armed, c->cpu,
					     "hintfault: probe on the return of " ARM_FUNCTION);
}

static void close_cpu(struct cpu_events *c)
{
	perf_event_fd_close(&c->armed);
	perf_event_fd_close(&c->arm);
	perf_event_fd_close(&c->fault);
}

static int enable_cpu(const struct hint_events *ev, struct cpu_events *c)
{
	int err = perf_event_fd_enable(&c->fault);

	if (!err && ev->sees_arming)
		err = perf_event_fd_enable(&c->arm);
	if (!err && ev->sees_arming)
		err = perf_event_fd_enable(&c->armed);
	return err;
}

static int add_cpu(struct hint_events *ev, int cpu)
{
	struct cpu_events *more = realloc(ev->cpus, (ev->nr_cpus + 1) * sizeof(*more)), *c;
	int err;

	if (!more)
		return thermo_fail(-ENOMEM, "hintfault: no memory");
	ev->cpus = more;
	c = &more[ev->nr_cpus];
	*c = (struct cpu_events){ .cpu = cpu };
	c->fault.fd = c->arm.fd = c->armed.fd = -1;
	err = open_cpu(ev, c);
	/* Without the probe (a locked-down kernel) faults still count. */
	if (err && c->fault.map && ev->sees_arming && ev->nr_cpus == 0) {
		perf_event_fd_close(&c->arm);
		perf_event_fd_close(&c->armed);
		ev->sees_arming = false;
		err = 0;
	}
	if (!err && ev->enabled)
		err = enable_cpu(ev, c);
	if (err)
		close_cpu(c);
	else
		ev->nr_cpus++;
	return err;
}

/* What the rings held was taken. */
static void close_gone(struct hint_events *ev)
{
	size_t kept = 0;

	for (size_t i = 0; i < ev->nr_cpus; i++) {
		if (hwloc_bitmap_isset(ev->online, (unsigned int)ev->cpus[i].cpu))
			ev->cpus[kept++] = ev->cpus[i];
		else
			close_cpu(&ev->cpus[i]);
	}
	ev->nr_cpus = kept;
}

static int open_cpus(struct hint_events *ev, hwloc_const_bitmap_t come)
{
	int err = 0;

	for (int cpu = hwloc_bitmap_first(come); cpu >= 0 && !err;
	     cpu = hwloc_bitmap_next(come, cpu)) {
		err = add_cpu(ev, cpu);
		/* It went while we looked. */
		err = err == -ENODEV && ev->nr_cpus ? 0 : err;
	}
	return err;
}

int hint_events_follow_cpus(struct hint_events *ev)
{
	hwloc_bitmap_t come = hwloc_bitmap_alloc();
	int changed = come ? online_cpus_follow(ev->host, ev->online, come)
			   : thermo_fail(-ENOMEM, "hintfault: no memory");
	int err = 0;

	if (changed > 0) {
		close_gone(ev);
		err = open_cpus(ev, come);
	}
	hwloc_bitmap_free(come);
	return err ? err : changed;
}

static int open_all(struct hint_events *ev)
{
	int err = find_fault_tracepoint(ev->host, ev->fields, &ev->fault_id);

#ifdef __x86_64__
	ev->sees_arming = thermo_host_read_u64(ev->host, &ev->kprobe_type, KPROBE_DIR "/type") == 0;
#endif
	if (!err)
		err = hint_events_follow_cpus(ev);
	return err < 0 ? err : 0;
}

int hint_events_open(struct hint_events **events, const struct thermo_host *host,
		     size_t buffer_bytes, uint32_t thinning)
{
	struct hint_events *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return thermo_fail(-ENOMEM, "hintfault: no memory");
	e->host = host;
	e->buffer_bytes = buffer_bytes;
	e->thinning = thinning;
	e->record = malloc(PERF_RECORD_MAX_BYTES);
	e->online = hwloc_bitmap_alloc();
	err = e->record && e->online ? open_all(e) : thermo_fail(-ENOMEM, "hintfault: no memory");
	if (err)
		hint_events_close(e);
	else
		*events = e;
	return err;
}

void hint_events_close(struct hint_events *ev)
{
	if (!ev)
		return;
	for (size_t i = 0; i < ev->nr_cpus; i++)
		close_cpu(&ev->cpus[i]);
	hwloc_bitmap_free(ev->online);
	free(ev->cpus);
	free(ev->list);
	free(ev->record);
	free(ev);
}

int hint_events_enable(struct hint_events *ev)
{
	int err = 0;

	ev->enabled = true;
	for (size_t i = 0; i < ev->nr_cpus && !err; i++)
		err = enable_cpu(ev, &ev->cpus[i]);
	return err;
}

int hint_events_set_thinning(struct hint_events *ev, uint32_t thinning)
{
	int err = 0;

	ev->thinning = thinning;
	for (size_t i = 0; i < ev->nr_cpus && !err; i++)
		err = perf_event_fd_set_period(&ev->cpus[i].fault, thinning);
	return err;
}

bool hint_events_see_arming(const struct hint_events *ev)
{
	return ev->sees_arming;
}

static bool event_from_fault(const struct hint_events *ev, const struct perf_sample *s,
			     struct hint_event *e)
{
	uint64_t error_code;
	uint32_t raw_bytes = (uint32_t)s->raw.nr;

	if (!tracepoint_value(&ev->fields[FIELD_ADDRESS], s->raw.data, raw_bytes, &e->addr) ||
	    !tracepoint_value(&ev->fields[FIELD_ERROR_CODE], s->raw.data, raw_bytes, &error_code))
		return false;
	e->op = error_code & X86_PF_WRITE ? THERMO_OP_WRITE : THERMO_OP_READ;
	return true;
}

static bool event_from_arming(const struct perf_sample *s, struct hint_event *e)
{
	if (s->intr_regs.values.nr != NR_ARM_REGS)
		return false;
	e->addr = perf_word(&s->intr_regs.values, REG_START);
	e->end = perf_word(&s->intr_regs.values, REG_END);
	return e->addr < e->end;
}

static int add_event(struct hint_events *ev, const struct hint_event *e)
{
	if (ev->nr == ev->room) {
		size_t room = ev->room ? 2 * ev->room : 4096;
		struct hint_event *grown = realloc(ev->list, room * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "hintfault: no memory for %zu records", room);
		ev->list = grown;
		ev->room = room;
	}
	ev->list[ev->nr++] = *e;
	return 0;
}

static const struct perf_format formats[] = {
	[HINT_FAULT] = { .sample_type = COMMON_SAMPLE_TYPE | PERF_SAMPLE_RAW },
	[HINT_ARM] = { .sample_type = COMMON_SAMPLE_TYPE | PERF_SAMPLE_REGS_INTR,
		       .sample_regs_intr = ARM_REGS },
	[HINT_ARMED] = { .sample_type = COMMON_SAMPLE_TYPE },
};

static int take_record(struct hint_events *ev, const struct cpu_events *c, hint_filter *filter,
		       const void *context, struct thermo_source_counters *counters)
{
	const struct perf_event_header *header = (const void *)ev->record;
	struct perf_sample s;
	struct hint_event e = { 0 };
	uint64_t id;
	bool ok = true;
	int err;

	if (header->type != PERF_RECORD_SAMPLE) {
		counters->lost += perf_record_lost(header);
		return 0;
	}
	if (header->size < sizeof(*header) + sizeof(id))
		return thermo_fail(-EBADMSG, "hintfault: sample of %u bytes", header->size);
	/* PERF_SAMPLE_IDENTIFIER: the id is first, whatever else follows. */
	memcpy(&id, header + 1, sizeof(id));
	e.kind = id == c->fault.id ? HINT_FAULT : id == c->arm.id ? HINT_ARM : HINT_ARMED;
	err = perf_sample_decode(header, &formats[e.kind], &s);
	if (err)
		return err;
	counters->seen++;
	if (!filter(context, s.pid)) {
		counters->ignored++;
		return 0;
	}
	e.time_ns = s.time_ns;
	e.pid = s.pid;
	e.tid = s.tid;
	e.cpu = s.cpu;
	if (e.kind == HINT_FAULT)
		ok = event_from_fault(ev, &s, &e);
	else if (e.kind == HINT_ARM)
		ok = event_from_arming(&s, &e);
	if (!ok) {
		counters->useless++;
		return 0;
	}
	return add_event(ev, &e);
}

int hint_events_collect(struct hint_events *ev, hint_filter *filter, const void *context,
			struct thermo_source_counters *counters)
{
	for (size_t i = 0; i < ev->nr_cpus; i++) {
		struct cpu_events *c = &ev->cpus[i];
		int n;

		while ((n = perf_ring_next(&c->fault.ring, ev->record, PERF_RECORD_MAX_BYTES)) >
		       0) {
			int err = take_record(ev, c, filter, context, counters);

			if (err)
				return err;
		}
		if (n < 0)
			return n;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct hint_event *x = a, *y = b;

	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

size_t hint_events_take(struct hint_events *ev, uint64_t until_ns, const struct hint_event **first)
{
	ev->nr -= ev->nr_taken;
	if (ev->nr_taken)
		memmove(ev->list, ev->list + ev->nr_taken, ev->nr * sizeof(*ev->list));
	ev->nr_taken = 0;
	if (ev->nr)
		qsort(ev->list, ev->nr, sizeof(*ev->list), by_time);
	while (ev->nr_taken < ev->nr && ev->list[ev->nr_taken].time_ns <= until_ns)
		ev->nr_taken++;
	*first = ev->list;
	return ev->nr_taken;
}
