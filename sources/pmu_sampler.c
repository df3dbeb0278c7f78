// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pmu_sampler.c - from records to reports.
 *
 * pmu_cpu.c opens and keeps the accounts, pmu_watch.c looks after CPUs that come and go and
 * after other users, pmu_follow.c after threads, pmu_pace.c after the period.
 */
#include "sources/pmu_sampler.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/error.h"
#include "sources/data_src.h"
#include "sources/pmu_parts.h"

#define DEFAULT_BUFFER_BYTES (128u << 10)
#define CHECK_NS 1000000000ull
#define USER_ADDR_MAX (1ull << 63)
/* A record's time is not older than this, nor of the future. */
#define OLDEST_NS 60000000000ull
/* The most that the kernel lets users without privileges do. */
#define PARANOID "proc/sys/kernel/perf_event_paranoid"
#define PARANOID_OWN 2

/* Without privileges the kernel still samples a user's own threads, with less in a sample. */
static int plan_for_own(struct pmu_plan *plan, const struct thermo_host *host)
{
	char text[16];

	if (thermo_host_read(host, text, sizeof(text), PARANOID) < 0 ||
	    strtol(text, NULL, 10) > PARANOID_OWN)
		return thermo_fail(-EPERM, "%s: %s", plan->source, strdupa(plan->not_permitted));
	for (size_t i = 0; i < plan->nr_events; i++) {
		struct perf_event_attr *attr = &plan->events[i].attr.perf;

		if (!attr->exclude_kernel)
			return thermo_fail(-EPERM,
					   "%s: the hardware cannot leave out the kernel, and to "
					   "see that: %s",
					   plan->source, strdupa(plan->not_permitted));
		attr->sample_type &= ~(uint64_t)PERF_SAMPLE_PHYS_ADDR;
	}
	return 0;
}

static int no_plan(int err, const struct pmu_kind *kind, const struct thermo_host *host)
{
	struct pmu_machine machine;

	pmu_machine_read(&machine, host);
	if (err == -ENODEV && machine.vendor != PMU_VENDOR_OTHER && machine.vendor != kind->vendor)
		return thermo_fail(err, "%s: the processor is not %s's", kind->name, kind->maker);
	return thermo_fail(err, "%s: %s", kind->name, strdupa(thermo_last_error()));
}

/* Return: 0 with the plan of @kind, *own when only own threads may be sampled. */
static int make_plan(struct pmu_plan *plan, const struct pmu_kind *kind,
		     const struct thermo_host *host, bool *own)
{
	static const struct pmu_goal by_default;
	int err = pmu_plan_make(plan, host, &by_default);

	if (err)
		return no_plan(err, kind, host);
	if (strcmp(plan->source, kind->name) != 0)
		return thermo_fail(-ENODEV, "%s: this machine has none; it has %s", kind->name,
				   plan->source);
	*own = plan->not_permitted[0] != '\0';
	err = *own ? plan_for_own(plan, host) : 0;
	if (!err)
		err = *own ? pmu_plan_try_own(plan, host) : pmu_plan_try(plan, host);
	return err;
}

int pmu_sampler_probe(const struct pmu_kind *kind, const struct thermo_source_opts *opts)
{
	struct pmu_plan plan;
	bool own;
	int err = make_plan(&plan, kind, opts->host, &own);

	pmu_plan_fini(&plan);
	return err;
}

static int check_plan(const struct pmu_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->nr_events; i++) {
		const struct perf_event_attr *attr = &plan->events[i].attr.perf;

		/* Without an id, nothing tells which event a record is of. */
		if (!(attr->sample_type & PERF_SAMPLE_IDENTIFIER) || !attr->sample_id_all)
			return thermo_fail(-EINVAL, "%s: %s has no identifier", name,
					   plan->events[i].name);
	}
	return plan->nr_events ? 0 : thermo_fail(-EINVAL, "%s: no events", name);
}

/* Some events on each of hundreds of CPUs are more descriptors than a process has at first. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		/* What does not fit then says so. */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int get_ready(struct pmu_sampler *s, const struct pmu_kind *kind,
		     const struct thermo_source_opts *opts)
{
	int err = check_plan(&s->plan, kind->name);

	s->host = opts->host;
	s->kind = kind;
	s->permille = THERMO_RATE_FULL;
	s->scale = 1;
	s->random = thermo_host_now_ns(opts->host) | 1;
	s->setup.host = opts->host;
	s->setup.plan = &s->plan;
	s->setup.name = kind->name;
	s->setup.buffer_bytes = opts->buffer_bytes ? opts->buffer_bytes : DEFAULT_BUFFER_BYTES;
	s->setup.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       PERF_READ_LOST;
	for (size_t i = 0; i < s->plan.nr_events; i++) {
		s->setup.period[i] = s->plan.events[i].attr.perf.sample_period;
		s->formats[i] = perf_format_of(&s->plan.events[i].attr.perf);
	}
	allow_many_files();
	s->record = malloc(PERF_RECORD_MAX_BYTES);
	if (!s->record)
		return thermo_fail(-ENOMEM, "%s: no memory", kind->name);
	return err ? err : cpu_nodes_read(&s->nodes, opts->host);
}

int pmu_sampler_open_plan(struct pmu_sampler *s, const struct pmu_kind *kind,
			  const struct thermo_source_opts *opts, struct pmu_plan *plan)
{
	s->plan = *plan;
	*plan = (struct pmu_plan){ 0 };
	return get_ready(s, kind, opts);
}

int pmu_sampler_open(struct pmu_sampler *s, const struct pmu_kind *kind,
		     const struct thermo_source_opts *opts)
{
	bool own = false;
	int err = make_plan(&s->plan, kind, opts->host, &own);

	s->replans = true;
	s->setup.per_thread = own;
	return err ? err : get_ready(s, kind, opts);
}

int pmu_sampler_start(void *state)
{
	struct pmu_sampler *s = state;
	uint64_t now_ns = thermo_host_now_ns(s->host);

	s->drained_ns = s->checked_ns = now_ns;
	pmu_pace_start(s, now_ns);
	int err = pmu_watch_open(s);

	if (!err)
		pmu_watch_note(s);
	return err;
}

int pmu_sampler_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct pmu_sampler *s = state;

	/* Threads that are new are looked for after the next drain. */
	if (s->setup.per_thread)
		s->checked_ns = 0;
	return pid_set_assign(&s->targets, pids, nr_pids);
}

int pmu_sampler_set_rate(void *state, uint32_t permille)
{
	struct pmu_sampler *s = state;

	s->permille = permille;
	return 0;
}

static uint32_t at_most_u32(double value)
{
	return value < (double)UINT32_MAX ? (uint32_t)lround(value) : UINT32_MAX;
}

/* 0 would mean "not measured". */
static uint32_t latency_ns(const struct pmu_cpu *c, const struct perf_sample *sample)
{
	double ns = (double)sample->latency_cycles * c->ns_per_cycle;

	return ns > 0 && ns < 1 ? 1 : at_most_u32(ns);
}

/* What user space did, to memory of its own: the kernel's, and a guest's, are no addresses. */
static bool is_access(const struct perf_event_header *header, const struct perf_format *format,
		      const struct perf_sample *sample)
{
	if ((header->misc & PERF_RECORD_MISC_CPUMODE_MASK) != PERF_RECORD_MISC_USER)
		return false;
	if (format->sample_type & PERF_SAMPLE_DATA_SRC && sample->data_src == DATA_SRC_NONE)
		return false;
	return sample->addr != 0 && sample->addr < USER_ADDR_MAX && sample->period != 0;
}

/* Only where the plan asked for our clock is a record's time ours. */
static uint64_t time_of(const struct pmu_sampler *s, uint8_t event, const struct perf_sample *p,
			uint64_t now_ns)
{
	const struct perf_event_attr *attr = &s->plan.events[event].attr.perf;

	if (!attr->use_clockid || !(attr->sample_type & PERF_SAMPLE_TIME) || p->time_ns > now_ns ||
	    now_ns - p->time_ns > OLDEST_NS)
		return now_ns;
	return p->time_ns;
}

static void report(struct pmu_sampler *s, const struct pmu_cpu *c, const struct perf_sample *p,
		   uint64_t time_ns, double weight, struct thermo_reporter *reporter)
{
	struct thermo_access access = {
		.addr = p->addr,
		.extent_bytes = 1,
		.time_ns = time_ns,
		.nr_accesses = at_most_u32((double)p->period * weight),
		.pid = p->pid,
		.tid = p->tid,
		.cpu = (uint32_t)c->cpu,
		.latency_ns = latency_ns(c, p),
		.node = cpu_nodes_get(&s->nodes, (uint32_t)c->cpu),
		.op = (uint8_t)data_src_op(p->data_src),
		.space = THERMO_SPACE_VIRTUAL,
		.level = (uint8_t)data_src_level(p->data_src),
	};

	(void)thermo_report_access(reporter, &access);
	s->counters.reported++;
}

static int take_sample(struct pmu_sampler *s, struct pmu_cpu *c, uint64_t now_ns,
		       struct thermo_reporter *reporter)
{
	const struct perf_event_header *header = (const void *)s->record;
	const struct pmu_instance *instance = pmu_cpu_instance_of(c, header);
	struct perf_sample sample;
	int err;

	s->counters.seen++;
	/* Of an event that was closed meanwhile. */
	if (!instance) {
		s->counters.useless++;
		return 0;
	}
	err = perf_sample_decode(header, &s->formats[instance->event], &sample);
	if (err)
		return err;
	/* Also who is not kept pays for what was lost. */
	double weight = pmu_cpu_weight(c, instance->event, sample.period);

	if (!is_access(header, &s->formats[instance->event], &sample))
		s->counters.useless++;
	else if (!pid_set_has(&s->targets, sample.pid))
		s->counters.ignored++;
	else
		report(s, c, &sample, time_of(s, instance->event, &sample, now_ns), weight,
		       reporter);
	return 0;
}

/* Who is born inherits the events of its parent, who ends takes them away. */
static int take_task(struct pmu_sampler *s, const struct perf_record *r)
{
	if (r->type == PERF_RECORD_FORK)
		return pid_set_add(&s->covered, r->task.tid);
	pid_set_remove(&s->covered, r->task.tid);
	return 0;
}

static int take_other(struct pmu_sampler *s, struct pmu_cpu *c)
{
	const struct perf_event_header *header = (const void *)s->record;
	const struct pmu_instance *instance = pmu_cpu_instance_of(c, header);
	uint8_t event = instance ? instance->event : 0;
	struct perf_record r;
	int err = perf_record_decode(header, &s->formats[event], &r);

	if (err <= 0)
		return err;
	switch (r.type) {
	case PERF_RECORD_LOST:
		c->nr_told_lost += r.lost.nr;
		/* fallthrough */
	case PERF_RECORD_LOST_SAMPLES:
		s->counters.lost += r.lost.nr;
		sample_debt_add(&c->debt, (double)r.lost.nr);
		return 0;
	case PERF_RECORD_THROTTLE:
		pmu_cpu_throttled(c, event, r.throttle.time_ns);
		return 0;
	case PERF_RECORD_UNTHROTTLE:
		pmu_cpu_unthrottled(c, event, r.throttle.time_ns);
		return 0;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		return take_task(s, &r);
	default:
		return 0;
	}
}

/* At most a ring full: a fast CPU must not keep the thread from the others. */
int pmu_drain_cpu(struct pmu_sampler *s, struct pmu_cpu *c, uint64_t now_ns,
		  struct thermo_reporter *reporter)
{
	const struct perf_event_header *header = (const void *)s->record;
	uint64_t left = c->ring.data_bytes / sizeof(*header);
	int err = 0;

	while (!err && left--) {
		int n = perf_ring_next(&c->ring, s->record, PERF_RECORD_MAX_BYTES);

		if (n <= 0)
			return n;
		err = header->type == PERF_RECORD_SAMPLE ? take_sample(s, c, now_ns, reporter)
							 : take_other(s, c);
	}
	return err;
}

static int drain_all(struct pmu_sampler *s, uint64_t now_ns, struct thermo_reporter *reporter)
{
	uint64_t elapsed_ns = now_ns - s->drained_ns, busiest = 0;
	int err = 0;

	for (size_t i = 0; i < s->nr_cpus && !err; i++) {
		struct pmu_cpu *c = &s->cpus[i];

		err = pmu_drain_cpu(s, c, now_ns, reporter);
		busiest = pmu_cpu_busiest(c) > busiest ? pmu_cpu_busiest(c) : busiest;
		s->counters.lost += (uint64_t)llround(pmu_cpu_settle(c, elapsed_ns));
	}
	s->drained_ns = now_ns;
	s->busiest += busiest;
	return err;
}

static int look_around(struct pmu_sampler *s, uint64_t now_ns, struct thermo_reporter *reporter)
{
	int err;

	if (now_ns - s->checked_ns < CHECK_NS)
		return 0;
	s->checked_ns = now_ns;
	s->kernel = period_kernel_read(s->host);
	err = pmu_watch_cpus(s, reporter);
	if (!err && s->setup.per_thread) {
		pmu_follow_ended(s);
		err = pmu_follow_targets(s, reporter);
	}
	if (!err)
		err = pmu_watch_sharing(s);
	pmu_watch_note(s);
	return err;
}

int pmu_sampler_drain(void *state, struct thermo_reporter *reporter)
{
	struct pmu_sampler *s = state;
	uint64_t now_ns = thermo_host_now_ns(s->host), before = s->counters.reported;
	uint64_t seen = s->counters.seen;
	int err = drain_all(s, now_ns, reporter);

	s->counters.overhead_ns += pmu_pace_cost_ns(s, s->counters.seen - seen);
	if (!err)
		err = look_around(s, now_ns, reporter);
	if (!err)
		err = pmu_pace_adapt(s, now_ns);
	return err ? err : (int)(s->counters.reported - before);
}

void pmu_sampler_counters(const void *state, struct thermo_source_counters *counters)
{
	*counters = ((const struct pmu_sampler *)state)->counters;
}

void pmu_sampler_note(const void *state, char *text, size_t size)
{
	(void)snprintf(text, size, "%s", ((const struct pmu_sampler *)state)->note);
}

void pmu_sampler_stop(void *state)
{
	struct pmu_sampler *s = state;

	for (size_t i = 0; i < s->nr_cpus; i++) {
		pmu_cpu_stop(&s->cpus[i], &s->setup);
		s->counters.lost += pmu_cpu_untold_lost(&s->cpus[i], &s->setup);
	}
}

void pmu_sampler_close(void *state)
{
	struct pmu_sampler *s = state;

	for (size_t i = 0; i < s->nr_cpus; i++)
		pmu_cpu_close(&s->cpus[i]);
	free(s->cpus);
	free(s->record);
	cpu_nodes_fini(&s->nodes);
	pid_set_fini(&s->targets);
	pid_set_fini(&s->opened);
	pid_set_fini(&s->covered);
	pmu_plan_fini(&s->plan);
	*s = (struct pmu_sampler){ 0 };
}
