/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - the inner loops of the workloads that sampling may slow down.
 *
 * Each belongs to its thread and has memory of its own.  An access is one load or one
 * store of 8 bytes that the processor really makes: nothing is vectorised or left out.
 */
#ifndef BENCH_OVERHEAD_KERNEL_H
#define BENCH_OVERHEAD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * CHASE waits for one load after the other, UPDATE reads and writes at random as fast as
 * the machine can keep misses in flight, STREAM (the triad) takes the bandwidth.
 */
enum overhead_kind {
	OVERHEAD_CHASE,
	OVERHEAD_UPDATE,
	OVERHEAD_STREAM,
	OVERHEAD_NR_KINDS,
};

#define OVERHEAD_MIN_BYTES 4096u

/**
 * struct overhead_kernel - One workload at work on its memory.
 * @at:		CHASE: the word to read next; STREAM: the element to do next.
 * @sum:	CHASE: of all that was read; UPDATE: XOR of all that was written into words.
 * @last:	Where the last access went; @last_is_write: how.
 */
struct overhead_kernel {
	enum overhead_kind kind;
	volatile uint64_t *words;
	uint64_t nr_words;
	uint64_t random;
	uint64_t at;
	uint64_t sum;
	volatile uint64_t *last;
	bool last_is_write;
};

/* As users write it: "chase". */
const char *overhead_kind_name(enum overhead_kind kind);

/* Return: the kind of that name, or -1. */
int overhead_kind_find(const char *name);

/* Accesses that belong together: a run makes them all or none. */
uint32_t overhead_kind_step(enum overhead_kind kind);

/* Write all of @memory, which is at least OVERHEAD_MIN_BYTES of @bytes. */
void overhead_kernel_init(struct overhead_kernel *kernel, enum overhead_kind kind, void *memory,
			  uint64_t bytes, uint64_t seed);

/* Make @nr accesses, rounded up to whole steps.  Return: how many were made. */
uint64_t overhead_kernel_run(struct overhead_kernel *kernel, uint64_t nr);

#endif
