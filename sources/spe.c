// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spe.c - Arm: one in so many operations, if it is a load or store, with address, thread,
 * latency and level.
 *
 * spe_events.c says what is asked, spe_cpu.c brings packets and switches together.  The
 * hardware writes records by itself, 64 bytes each, and interrupts once a page.
 *
 * A report has the time of the drain that found it: what the packets tell is of a counter
 * of which the kernel tells no way to CLOCK_MONOTONIC.
 *
 * Runs in the source's thread.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "sources/cpu_nodes.h"
#include "sources/period.h"
#include "sources/pid_set.h"
#include "sources/pmu.h"
#include "sources/pmu_machine.h"
#include "sources/pmu_plan.h"
#include "sources/spe_cpu.h"

#define DEFAULT_BUFFER_BYTES (64u << 10)
#define AUX_BYTES (256u << 10)
#define CHUNK_BYTES (64u << 10)
#define FULL_RATE_HZ 10000u
#define MOST_RECORDS_HZ 100000u
/* All memory is seen at any rate: so low a one still notices what changes. */
#define LEAST_PERMILLE 10
#define NOBODY_PERMILLE 10u
#define ADAPT_NS 500000000ull
#define CHECK_NS 1000000000ull
#define FLUSH_NS 500000000ull
/* The interval register has 32 bits, of which the kernel keeps the lower ones clear. */
#define PERIOD_STEP 256u
#define MOST_PERIOD (1u << 30)
/* An interrupt and a wake-up for each page of them. */
#define RECORD_COST_NS 100u

struct spe_source {
	const struct thermo_host *host;
	struct pmu_plan plan;
	struct spe_setup setups[PMU_PLAN_EVENTS];
	size_t nr_cpus;
	struct spe_cpu **cpus;
	struct perfdata_map process_of;
	struct cpu_nodes nodes;
	struct pid_set targets;
	void *record;
	void *bytes;
	struct period_limits limits;
	uint64_t random;
	uint64_t period;
	uint32_t permille;
	uint64_t adapted_ns;
	uint64_t reported_at_adapted;
	uint64_t seen_at_adapted;
	uint64_t checked_ns;
	uint64_t lost_of_closed;
	struct thermo_source_counters counters;
	char why_not_all[200];
};

/* --- CPUs --- */

static int no_plan(int err, const struct thermo_host *host)
{
	struct pmu_machine machine;

	pmu_machine_read(&machine, host);
	if (err == -ENODEV && machine.vendor != PMU_VENDOR_OTHER &&
	    machine.vendor != PMU_VENDOR_ARM)
		return thermo_fail(err, "spe: the processor is not Arm's");
	return thermo_fail(err, "spe: %s", strdupa(thermo_last_error()));
}

static int make_plan(struct pmu_plan *plan, const struct thermo_host *host)
{
	static const struct pmu_goal by_default;
	int err = pmu_plan_make(plan, host, &by_default);

	if (err)
		return no_plan(err, host);
	if (strcmp(plan->source, "spe") != 0)
		return thermo_fail(-ENODEV, "spe: this machine has none; it has %s", plan->source);
	if (plan->not_permitted[0])
		return thermo_fail(-EPERM, "spe: %s", strdupa(plan->not_permitted));
	return pmu_plan_try(plan, host);
}

static int spe_probe(const struct thermo_source_opts *opts)
{
	struct pmu_plan plan;
	int err = make_plan(&plan, opts->host);

	pmu_plan_fini(&plan);
	return err;
}

/* Its name is that of the PMU, and what is asked of it. */
static uint64_t least_period(const struct thermo_host *host, const struct pmu_event *event)
{
	char name[PMU_NAME_BYTES];
	struct pmu pmu;
	uint64_t least = PERIOD_STEP;

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(event->name, "/"), event->name);
	if (pmu_open(&pmu, host, name) == 0)
		least = pmu_cap(&pmu, "min_interval", PERIOD_STEP);
	pmu_close(&pmu);
	return least;
}

static void set_up(struct spe_source *s, const struct thermo_source_opts *opts)
{
	s->limits = (struct period_limits){ PERIOD_STEP, MOST_PERIOD, PERIOD_STEP };
	for (size_t i = 0; i < s->plan.nr_events; i++) {
		struct pmu_event *event = &s->plan.events[i];
		uint64_t least = least_period(s->host, event);

		s->setups[i] = (struct spe_setup){
			.host = s->host,
			.name = event->name,
			.attr = event->attr.perf,
			.format = perf_format_of(&event->attr.perf),
			.buffer_bytes = opts->buffer_bytes ? opts->buffer_bytes
							   : DEFAULT_BUFFER_BYTES,
			.aux_bytes = AUX_BYTES,
			.process_of = &s->process_of,
		};
		/* As early as the hardware can: a page. */
		s->setups[i].attr.aux_watermark = (uint32_t)sysconf(_SC_PAGESIZE);
		s->limits.least = least > s->limits.least ? least : s->limits.least;
		s->period = event->attr.perf.sample_period > s->period
					    ? event->attr.perf.sample_period
					    : s->period;
	}
}

static int spe_open(void *state, const struct thermo_source_opts *opts)
{
	struct spe_source *s = state;
	int err;

	s->host = opts->host;
	s->permille = THERMO_RATE_FULL;
	s->random = thermo_host_now_ns(opts->host) | 1;
	err = make_plan(&s->plan, opts->host);
	if (err)
		return err;
	set_up(s, opts);
	s->record = malloc(PERF_RECORD_MAX_BYTES);
	s->bytes = malloc(CHUNK_BYTES);
	if (!s->record || !s->bytes)
		return thermo_fail(-ENOMEM, "spe: no memory");
	return cpu_nodes_read(&s->nodes, s->host);
}

static bool is_open(const struct spe_source *s, int cpu)
{
	for (size_t i = 0; i < s->nr_cpus; i++)
		if (s->cpus[i]->cpu == cpu)
			return true;
	return false;
}

/* Return: the event that covers @cpu; nr_events when none does. */
static size_t event_on(const struct spe_source *s, int cpu)
{
	size_t i = 0;

	while (i < s->plan.nr_events && !hwloc_bitmap_isset(s->plan.events[i].cpus, (unsigned)cpu))
		i++;
	return i;
}

static int make_room(struct spe_source *s)
{
	struct spe_cpu **more = realloc(s->cpus, (s->nr_cpus + 1) * sizeof(struct spe_cpu *));

	if (!more)
		return thermo_fail(-ENOMEM, "spe: no memory for %zu CPUs", s->nr_cpus + 1);
	s->cpus = more;
	return 0;
}

static int add_cpu(struct spe_source *s, int cpu, size_t event)
{
	int err = make_room(s);
	struct spe_cpu *fresh;

	if (err)
		return err;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return thermo_fail(-ENOMEM, "spe: no memory for CPU %d", cpu);
	s->setups[event].attr.sample_period = s->period;
	err = spe_cpu_open(fresh, &s->setups[event], event, cpu);
	if (err)
		free(fresh);
	else
		s->cpus[s->nr_cpus++] = fresh;
	return err;
}

static uint64_t lost_of(const struct spe_cpu *c)
{
	return c->lost + c->decoder.nr_broken + c->decoder.nr_cut;
}

static void remove_cpu(struct spe_source *s, struct spe_cpu *c)
{
	s->lost_of_closed += lost_of(c);
	spe_cpu_close(c);
	free(c);
}

/* Those that are online and covered.  Return: 0; -errno when none is open. */
static int open_cpus(struct spe_source *s, hwloc_const_bitmap_t online)
{
	int first_err = 0;

	s->why_not_all[0] = '\0';
	for (int cpu = hwloc_bitmap_first(online); cpu >= 0; cpu = hwloc_bitmap_next(online, cpu)) {
		size_t event = event_on(s, cpu);
		int err = event < s->plan.nr_events && !is_open(s, cpu) ? add_cpu(s, cpu, event)
									: 0;

		if (!err || first_err)
			continue;
		first_err = err;
		(void)snprintf(s->why_not_all, sizeof(s->why_not_all), "%s", thermo_last_error());
	}
	if (s->nr_cpus)
		return 0;
	return first_err ? thermo_fail(first_err, "spe: no CPU can be sampled: %s",
				       strdupa(s->why_not_all))
			 : thermo_fail(-ENODEV, "spe: none of its CPUs is online");
}

static void close_offline(struct spe_source *s, hwloc_const_bitmap_t online)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nr_cpus; i++) {
		if (hwloc_bitmap_isset(online, (unsigned int)s->cpus[i]->cpu))
			s->cpus[kept++] = s->cpus[i];
		else
			remove_cpu(s, s->cpus[i]);
	}
	s->nr_cpus = kept;
}

static int look_at_cpus(struct spe_source *s)
{
	hwloc_bitmap_t online = hwloc_bitmap_alloc();
	int err = online ? thermo_host_read_list(s->host, online, "sys/devices/system/cpu/online")
			 : thermo_fail(-ENOMEM, "spe: no memory");

	if (!err) {
		close_offline(s, online);
		err = open_cpus(s, online);
	}
	hwloc_bitmap_free(online);
	return err;
}

static int spe_start(void *state)
{
	struct spe_source *s = state;

	s->adapted_ns = s->checked_ns = thermo_host_now_ns(s->host);
	return look_at_cpus(s);
}

/* --- reports --- */

/* 0 would mean "not measured". */
static uint32_t latency_ns(const struct spe_cpu *c, const struct spe_record *r)
{
	double ns = r->total_cycles * c->ns_per_cycle;

	return ns > 0 && ns < 1 ? 1 : (uint32_t)lround(ns);
}

static bool is_users(const struct spe_record *r)
{
	return spe_record_is_access(r) && r->has & SPE_HAS_VADDR && !(r->vaddr >> 63);
}

static void report(struct spe_source *s, const struct spe_cpu *c, const struct spe_record *r,
		   const struct perf_thread *who, uint32_t nr_accesses,
		   struct thermo_reporter *reporter)
{
	struct thermo_access access = {
		.addr = r->vaddr,
		.extent_bytes = 1,
		.time_ns = thermo_host_now_ns(s->host),
		.nr_accesses = nr_accesses,
		.pid = who->pid,
		.tid = who->tid,
		.cpu = (uint32_t)c->cpu,
		.latency_ns = latency_ns(c, r),
		.node = cpu_nodes_get(&s->nodes, (uint32_t)c->cpu),
		.op = (uint8_t)spe_record_op(r),
		.space = THERMO_SPACE_VIRTUAL,
		.level = (uint8_t)spe_record_level(r, c->numbering),
	};

	(void)thermo_report_access(reporter, &access);
	s->counters.reported++;
}

static void take_packets(struct spe_source *s, struct spe_cpu *c, struct thermo_reporter *reporter)
{
	struct perf_thread who;
	struct spe_record r;

	while (spe_cpu_next(c, &r, &who)) {
		/* All of them pay for what is missing, also those that nobody watches. */
		double weight = spe_cpu_weight(c, (double)UINT32_MAX / (double)s->period);

		s->counters.seen++;
		s->counters.overhead_ns += RECORD_COST_NS;
		if (!is_users(&r))
			s->counters.useless++;
		else if (!pid_set_has(&s->targets, who.pid))
			s->counters.ignored++;
		else
			report(s, c, &r, &who, (uint32_t)(weight * (double)s->period), reporter);
	}
}

/* At most a ring full: a busy CPU must not keep the thread from the others. */
static int drain_cpu(struct spe_source *s, struct spe_cpu *c, uint64_t now_ns,
		     struct thermo_reporter *reporter)
{
	const struct perf_format *format = &s->setups[c->event].format;
	uint64_t left = c->aux.data_bytes;
	ssize_t n = 1;
	int err = 0;

	while (!err && n > 0 && left) {
		n = spe_cpu_take_bytes(c, s->bytes, left < CHUNK_BYTES ? left : CHUNK_BYTES);
		err = n < 0 ? (int)n : spe_cpu_take_records(c, format, s->record);
		if (err || n == 0)
			break;
		c->quiet_since_ns = now_ns;
		left -= (uint64_t)n;
		take_packets(s, c, reporter);
	}
	if (!err)
		err = spe_cpu_resume(c);
	if (err || now_ns - c->quiet_since_ns < FLUSH_NS)
		return err;
	c->quiet_since_ns = now_ns;
	return spe_cpu_flush(c);
}

/* --- how fast --- */

/* Return: what was measured over what is wanted; above 1 it is too much. */
static double pace_of(const struct spe_source *s, double elapsed_s)
{
	double rate = (double)(s->targets.nr ? s->permille : NOBODY_PERMILLE) / THERMO_RATE_FULL;
	double reports = (double)(s->counters.reported - s->reported_at_adapted) / elapsed_s;
	double records = (double)(s->counters.seen - s->seen_at_adapted) / elapsed_s;

	return fmax(reports / (FULL_RATE_HZ * rate), records / (MOST_RECORDS_HZ * rate));
}

static int adapt(struct spe_source *s, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - s->adapted_ns, period;
	double factor;
	int err = 0;

	if (elapsed_ns < ADAPT_NS)
		return 0;
	for (size_t i = 0; i < s->nr_cpus; i++)
		spe_cpu_settle(s->cpus[i], elapsed_ns);
	factor = period_factor(pace_of(s, (double)elapsed_ns / 1e9), 1);
	s->adapted_ns = now_ns;
	s->reported_at_adapted = s->counters.reported;
	s->seen_at_adapted = s->counters.seen;
	/* The hardware itself varies it, against loops in step. */
	period = factor == 1 ? s->period : period_fit((double)s->period * factor, &s->limits, NULL);
	if (period == s->period)
		return 0;
	s->period = period;
	for (size_t i = 0; i < s->nr_cpus && !err; i++)
		err = perf_event_fd_set_period(&s->cpus[i]->fd, period);
	return err;
}

/* --- the source --- */

static int spe_set_targets(void *state, const pid_t *pids, size_t nr_pids)
{
	struct spe_source *s = state;

	return pid_set_assign(&s->targets, pids, nr_pids);
}

static int spe_set_rate(void *state, uint32_t permille)
{
	struct spe_source *s = state;

	s->permille = permille;
	return 0;
}

static int look_around(struct spe_source *s, uint64_t now_ns)
{
	int err;

	if (now_ns - s->checked_ns < CHECK_NS)
		return 0;
	s->checked_ns = now_ns;
	err = look_at_cpus(s);
	return err ? err : cpu_nodes_read(&s->nodes, s->host);
}

static int spe_drain(void *state, struct thermo_reporter *reporter)
{
	struct spe_source *s = state;
	uint64_t now_ns = thermo_host_now_ns(s->host), before = s->counters.reported;
	int err = 0;

	for (size_t i = 0; i < s->nr_cpus && !err; i++)
		err = drain_cpu(s, s->cpus[i], now_ns, reporter);
	if (!err)
		err = look_around(s, now_ns);
	if (!err)
		err = adapt(s, now_ns);
	return err ? err : (int)(s->counters.reported - before);
}

static void spe_counters(const void *state, struct thermo_source_counters *counters)
{
	const struct spe_source *s = state;

	*counters = s->counters;
	counters->lost = s->lost_of_closed;
	for (size_t i = 0; i < s->nr_cpus; i++)
		counters->lost += lost_of(s->cpus[i]);
}

static void spe_note(const void *state, char *text, size_t size)
{
	(void)snprintf(text, size, "%s", ((const struct spe_source *)state)->why_not_all);
}

static void spe_stop(void *state)
{
	struct spe_source *s = state;

	for (size_t i = 0; i < s->nr_cpus; i++)
		(void)perf_event_fd_disable(&s->cpus[i]->fd);
}

static void spe_close(void *state)
{
	struct spe_source *s = state;

	for (size_t i = 0; i < s->nr_cpus; i++)
		remove_cpu(s, s->cpus[i]);
	free(s->cpus);
	free(s->record);
	free(s->bytes);
	perfdata_map_fini(&s->process_of);
	cpu_nodes_fini(&s->nodes);
	pid_set_fini(&s->targets);
	pmu_plan_fini(&s->plan);
	*s = (struct spe_source){ 0 };
}

const struct thermo_source thermo_source_spe = {
	.name = "spe",
	.summary = "Arm's SPE: loads and stores among every so many operations, with thread, CPU, "
		   "level and latency",
	.can = THERMO_CAN_VIRTUAL | THERMO_CAN_OP | THERMO_CAN_CPU | THERMO_CAN_THREAD |
	       THERMO_CAN_LATENCY | THERMO_CAN_LEVEL,
	.granularity_bytes = 1,
	.cost = "64 bytes that the hardware writes for each record, at most 100 000 a second of "
		"all CPUs together, an interrupt for 64 of them; a record of each context switch",
	.uses = THERMO_USES_PMU,
	.least_permille = LEAST_PERMILLE,
	.state_bytes = sizeof(struct spe_source),
	.drain_interval_ms = 100,
	.probe = spe_probe,
	.open = spe_open,
	.start = spe_start,
	.set_targets = spe_set_targets,
	.set_rate = spe_set_rate,
	.drain = spe_drain,
	.counters = spe_counters,
	.note = spe_note,
	.stop = spe_stop,
	.close = spe_close,
};
