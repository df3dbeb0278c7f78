/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.h - the memory of all regions: one mapping, region after region.
 *
 *	base		mailbox page (with a window address only): marks, and at
 *			WORKLOAD_TASK_OFFSET who runs
 *	base + 2 MiB	first region, then the others, each from a page's start
 *
 * Opened, populated and closed by the main thread.  The mailbox has one writer
 * at a time: the main thread before the others start and after they ended, the
 * first worker in between.  The word at WORKLOAD_TASK_OFFSET all workers write.
 */
#ifndef BENCH_WORKLOAD_ARENA_H
#define BENCH_WORKLOAD_ARENA_H

#include "bench/workload/config.h"
#include "bench/workload/options.h"

#define WORKLOAD_MARK_BYTES 240u /* with the NUL byte */
#define WORKLOAD_TASK_OFFSET 1024u

struct workload_arena {
	unsigned char *base;
	uint64_t bytes; /* from base to the end of the last region */
	void **regions; /* where each is, in the config's order */
	bool has_mailbox;
	uint64_t nr_marks;
	void *map; /* what is to be unmapped */
	uint64_t map_bytes;
};

/* Return: 0 or -errno.  After a failure the caller still calls workload_arena_close(). */
int workload_arena_open(struct workload_arena *arena, const struct workload_config *config,
			uint64_t window_addr, enum workload_thp thp);

/* Accepts a zeroed or half opened one; may be called twice. */
void workload_arena_close(struct workload_arena *arena);

/**
 * workload_arena_populate() - Write to every page once, in the config's order.
 * @stop_fd:	Ends early, with success, when this becomes readable.
 *
 * Whatever node has room when its turn comes gets the page: what the config names
 * first lies in fast memory.
 *
 * Return: 0, or -ENOMEM when the machine has less memory than that.
 */
int workload_arena_populate(const struct workload_arena *arena,
			    const struct workload_config *config, int stop_fd);

/* Read the regions' data files.  Return: 0 or -errno. */
int workload_arena_load(const struct workload_arena *arena, const struct workload_config *config);

/*
 * Put a text into the mailbox for whoever observes the memory; no-op without one.
 * The text is complete before the sequence number in the first word changes.
 */
void workload_arena_mark(struct workload_arena *arena, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));

/* Tell the observer that @task (pid << 32 | tid) runs on this CPU now.  Any worker; no-op without a
 * mailbox. */
void workload_arena_tell_task(const struct workload_arena *arena, uint64_t task);

#endif
