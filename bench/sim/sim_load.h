/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_load.h - accesses with a known truth.
 *
 * A load is memory of any size, accessed independently at random: a share of all
 * accesses goes evenly to all of it (the background), the others to pieces, which do
 * not overlap.  How many accesses a second any range gets is a formula, and so is
 * the best that anybody who places pages could do; samples are drawn from the same
 * formula.  Nothing here grows with the size of memory but what says so.
 *
 * Addresses are offsets, from 0.  Time is that of the load, from 0.
 */
#ifndef BENCH_SIM_SIM_LOAD_H
#define BENCH_SIM_SIM_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "bench/sim/sim_zipf.h"
#include "thermocline/report.h"

#define SIM_MAX_PIECES 32

enum sim_shape {
	SIM_EVEN,
	SIM_STRETCHES,      /* hot, cold, hot, ... of grain_bytes each; cold gets nothing */
	SIM_ZIPF,           /* by grains, the first is the hottest */
	SIM_ZIPF_SCATTERED, /* by grains, in an order without order */
};

/**
 * struct sim_who - Who makes the accesses: each CPU and thread as often as another.
 * @nr_cpus, @nr_tids:	0: unknown, as reports have it.
 * @first_tid:	From 1 on.
 * @latency_ns:	Mean; latencies are exponentially distributed.  0: not measured.
 */
struct sim_who {
	uint32_t first_cpu;
	uint32_t nr_cpus;
	int32_t first_tid;
	uint32_t nr_tids;
	double write_share;
	uint32_t latency_ns;
	enum thermo_level level;
};

/**
 * struct sim_piece - Where a share of the accesses goes.
 * @share:	Of all accesses, 0 to 1.
 * @start, @bytes:	In whole pages.
 * @grain_bytes:	In whole pages; @bytes is a multiple of it (of two with
 *		SIM_STRETCHES).  The cost of sim_load_rate() grows with the grains of
 *		SIM_ZIPF_SCATTERED.
 * @exponent:	Of a zipf shape, above 0.
 * @step_bytes, @step_ns:	How far it moves every @step_ns, in whole pages,
 *		around the end of memory; 0 ns: it stays.  Only the first piece of a load may, and
 *then it is the only one.
 */
struct sim_piece {
	enum sim_shape shape;
	double share;
	uint64_t start;
	uint64_t bytes;
	uint64_t grain_bytes;
	double exponent;
	uint64_t step_bytes;
	uint64_t step_ns;
	struct sim_who who;
	struct sim_zipf zipf; /* filled in by sim_load_init() */
};

/**
 * struct sim_load - What is accessed, how often.
 * @background:	Who makes the accesses that go to no piece.
 */
struct sim_load {
	uint64_t bytes;
	double accesses_per_s;
	struct sim_who background;
	size_t nr_pieces;
	struct sim_piece pieces[SIM_MAX_PIECES];
};

/* Memory of which every byte is accessed as often: one step of what is best. */
struct sim_class {
	double rate_per_byte;
	double bytes;
};

/* Check and prepare what the caller filled in.  Return: 0 or -EINVAL. */
int sim_load_init(struct sim_load *load);

/* Accesses per second to [@start, @end) at @time_ns. */
double sim_load_rate(const struct sim_load *load, uint64_t start, uint64_t end, uint64_t time_ns);

/*
 * Mean of @value over the accesses to [@start, @end) at @time_ns, by who makes them: with
 * a @value that is 1 for some and 0 for others, their share.
 */
double sim_load_mean(const struct sim_load *load, uint64_t start, uint64_t end, uint64_t time_ns,
		     double (*value)(const struct sim_who *who, uint32_t key), uint32_t key);

/* Values for sim_load_mean(): the share of writes; of the CPU or of the thread @key. */
double sim_who_writes(const struct sim_who *who, uint32_t key);
double sim_who_cpu(const struct sim_who *who, uint32_t key);
double sim_who_tid(const struct sim_who *who, uint32_t key);

/* Where the piece begins at @time_ns. */
uint64_t sim_piece_start(const struct sim_load *load, const struct sim_piece *piece,
			 uint64_t time_ns);

/*
 * An access at @time_ns, as a PMU's sample that stands for @period: addr is an
 * offset, pid and node are left to the caller.  @state as workload_random() has it.
 */
struct thermo_access sim_load_draw(const struct sim_load *load, uint64_t time_ns, uint32_t period,
				   uint64_t *state);

/*
 * All memory by how often it is accessed, most first; the caller frees it.
 * Zipf ranks far down share a class with neighbours, an even one: less than 1e-5 off.
 * Return: number of classes or -ENOMEM.
 */
ptrdiff_t sim_load_classes(const struct sim_load *load, struct sim_class **classes);

#endif
