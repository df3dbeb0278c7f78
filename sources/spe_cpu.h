/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spe_cpu.h - Arm SPE on one CPU: a ring that the kernel fills with who runs and what is
 * wrong, and one that the hardware fills with packets.
 *
 * The packets tell when, by the architected counter; not every kernel has them tell who.
 * So switches wait until packets younger than them have come.
 *
 * Runs in the source's thread.  A zeroed one is closed.
 */
#ifndef SOURCES_SPE_CPU_H
#define SOURCES_SPE_CPU_H

#include "sources/perf_aux.h"
#include "sources/perfdata_machine.h"
#include "sources/perfdata_map.h"
#include "sources/sample_debt.h"
#include "sources/spe_level.h"
#include "thermocline/source.h"

/* Switches that wait; beyond, the oldest take effect too early. */
#define SPE_MAX_SWITCHES 4096u

/* From @time_ns on, @tid runs; 0: nobody who is watched; SPE_STOPPED: the ring is full. */
#define SPE_STOPPED INT32_MIN
struct spe_switch {
	uint64_t time_ns;
	int32_t tid;
};

/**
 * struct spe_setup - What is the same on all CPUs.
 * @name:	Of the event, for errors.
 * @process_of:	Of which process a thread is: shared by all CPUs, and begun anew when it
 *		is full.
 */
struct spe_setup {
	const struct thermo_host *host;
	const char *name;
	struct perf_event_attr attr;
	struct perf_format format;
	size_t buffer_bytes;
	size_t aux_bytes;
	struct perfdata_map *process_of;
};

/**
 * struct spe_cpu - One CPU.
 * @event:	Index in the plan.
 * @clock:	From the packets' time to that of records.
 * @lost:	Records that the kernel or the hardware says it lost, each gap at least one.
 * @debt:	Records that are missing, which those that come stand for.
 * @nr_records:	That came since spe_cpu_settle().
 * @is_stopped:	The ring was full, and the kernel has disabled the event.
 * @stopped_ns:	For how long it was so, since spe_cpu_settle().
 * @quiet_since_ns:	No packets have come since then.
 */
struct spe_cpu {
	int cpu;
	size_t event;
	struct perf_event_fd fd;
	struct perf_aux aux;
	struct spe_decoder decoder;
	struct perfdata_clock clock;
	struct perfdata_map *process_of;
	int32_t running;
	struct spe_switch *switches; /* a ring */
	uint64_t first_switch;
	uint64_t next_switch;
	enum spe_numbering numbering;
	double ns_per_cycle; /* 0: not known */
	uint64_t lost;
	struct sample_debt debt;
	uint64_t nr_records;
	uint64_t nr_faulty; /* of the decoder's, that are in the debt already */
	bool is_stopped;
	uint64_t stopped_ns;
	uint64_t quiet_since_ns;
};

/* Open, and begin.  Return: 0 or -errno; then it is closed. */
int spe_cpu_open(struct spe_cpu *cpu, const struct spe_setup *setup, size_t event, int number);
void spe_cpu_close(struct spe_cpu *cpu);

/*
 * The bytes that have come, at most @max of them, into @buffer, which must stay while
 * spe_cpu_next() is asked.  Return: how many, or -errno.
 */
ssize_t spe_cpu_take_bytes(struct spe_cpu *cpu, void *buffer, size_t max);
/*
 * What the kernel says; after the bytes, so that no switch of before them is missing.
 * @record: room for PERF_RECORD_MAX_BYTES.  Return: 0 or -errno.
 */
int spe_cpu_take_records(struct spe_cpu *cpu, const struct perf_format *format, void *record);
/* Return: whether there is one more in them; *@who ran then, zeroes when it is not known. */
bool spe_cpu_next(struct spe_cpu *cpu, struct spe_record *record, struct perf_thread *who);

/*
 * Return: for how many records the last one stands, as those are missing which the kernel
 * or the hardware lost; @most at most.
 */
double spe_cpu_weight(struct spe_cpu *cpu, double most);
/* What is missing of the last @elapsed_ns becomes a debt. */
void spe_cpu_settle(struct spe_cpu *cpu, uint64_t elapsed_ns);

/* Where a full ring had it stopped, it begins again.  Return: 0 or -errno. */
int spe_cpu_resume(struct spe_cpu *cpu);
/* The hardware hands out a page at a time: have it hand out what there is.  Return: 0 or -errno. */
int spe_cpu_flush(struct spe_cpu *cpu);

#endif
