/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_cpu.h - the events of a plan on one CPU, and the ring that they share.
 *
 * Of all processes there is one instance of each event.  Of chosen threads there is one a
 * thread, which its children inherit; their ring belongs to an event of our own that never
 * counts, because a thread's ends with it.
 *
 * One thread.  A zeroed one is closed.
 */
#ifndef SOURCES_PMU_CPU_H
#define SOURCES_PMU_CPU_H

#include "sources/perf_ring.h"
#include "sources/pmu_plan.h"
#include "sources/sample_debt.h"

#define PMU_EVERYBODY (-1)

/**
 * struct pmu_setup - What is the same on all CPUs.
 * @name:	The source, for errors.
 * @period:	Of each event, now.
 * @per_thread:	Only threads that pmu_cpu_add() names, and their children.
 * @read_format:	Lowered once to what the kernel takes.
 */
struct pmu_setup {
	const struct thermo_host *host;
	const struct pmu_plan *plan;
	const char *name;
	uint64_t period[PMU_PLAN_EVENTS];
	size_t buffer_bytes;
	bool per_thread;
	uint64_t read_format;
};

/* An instance of an event; records bear its id, also those of children. */
struct pmu_instance {
	struct perf_event_fd fd;
	pid_t tid; /* PMU_EVERYBODY */
	uint8_t event;
};

/* What is known of one event on this CPU, all instances together. */
struct pmu_tally {
	uint64_t nr_samples;         /* since the last pmu_cpu_settle() */
	uint64_t nr_with_period;     /* since the period last changed */
	uint64_t throttled_since_ns; /* by the record's clock; 0: it is not */
	uint64_t throttled_ns;       /* since the last pmu_cpu_settle() */
	uint64_t enabled_ns;         /* at the last pmu_cpu_check() */
	uint64_t running_ns;
	double share; /* of the time that it should run, it does */
	bool held;    /* it did not run at all; of threads: or they were elsewhere */
	struct sample_debt debt;
};

struct pmu_cpu {
	int cpu;
	struct perf_event_fd owner; /* per thread: of the ring */
	int ring_fd;
	struct perf_ring ring;
	double ns_per_cycle; /* 0: not known */
	size_t nr;
	size_t room;
	struct pmu_instance *instances; /* by id */
	struct pmu_tally tallies[PMU_PLAN_EVENTS];
	struct sample_debt debt; /* of nobody knows which event */
	uint64_t nr_told_lost;
};

/* Open, and begin; per thread only the ring.  Return: 0 or -errno; then nothing is open. */
int pmu_cpu_open(struct pmu_cpu *cpu, struct pmu_setup *setup, int number);
/* Also thread @tid.  Return: 0 or -errno; then nothing of it is open. */
int pmu_cpu_add(struct pmu_cpu *cpu, struct pmu_setup *setup, pid_t tid);
void pmu_cpu_remove(struct pmu_cpu *cpu, pid_t tid);
void pmu_cpu_close(struct pmu_cpu *cpu);

/* Return: the instance that @record is of; NULL when there is none (any more). */
struct pmu_instance *pmu_cpu_instance_of(struct pmu_cpu *cpu,
					 const struct perf_event_header *record);

/*
 * Return: how many samples a sample of @event with @period stands for, at least 1; what was
 * lost is paid off.
 */
double pmu_cpu_weight(struct pmu_cpu *cpu, uint8_t event, uint64_t period);

/* Sampling of @event stopped or went on at @time_ns, by the record's clock. */
void pmu_cpu_throttled(struct pmu_cpu *cpu, uint8_t event, uint64_t time_ns);
void pmu_cpu_unthrottled(struct pmu_cpu *cpu, uint8_t event, uint64_t time_ns);

/* Samples of its busiest event since the last pmu_cpu_settle(). */
uint64_t pmu_cpu_busiest(const struct pmu_cpu *cpu);

/*
 * After a drain that comes @elapsed_ns after the one before: what the pauses cost becomes
 * debt.  Return: samples that are missing.
 */
double pmu_cpu_settle(struct pmu_cpu *cpu, uint64_t elapsed_ns);

/* From now on with setup->period, where it has changed from @before.  Return: 0 or -errno. */
int pmu_cpu_set_periods(struct pmu_cpu *cpu, const struct pmu_setup *setup,
			const uint64_t before[PMU_PLAN_EVENTS]);

/*
 * Ask the kernel for how long each event could run.  Return: how many events of this CPU
 * did not run at all, or -errno.
 */
int pmu_cpu_check(struct pmu_cpu *cpu, const struct pmu_setup *setup);

/* Lost, and not told by a record.  Where the kernel does not count, 0. */
uint64_t pmu_cpu_untold_lost(const struct pmu_cpu *cpu, const struct pmu_setup *setup);

/* Stop sampling; what is in the ring stays. */
void pmu_cpu_stop(struct pmu_cpu *cpu, const struct pmu_setup *setup);

#endif
