/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owners.h - from physical addresses to the processes that own the memory, so that what
 * is reported of both becomes evidence in one place.  Monitor's thread only.
 *
 * Who asks for a frame has it wanted.  Passes over the targets' page tables find out who
 * maps the wanted ones (pfn_scan.h), and what was found is believed only after another
 * look at the page table: frames move.
 *
 * Of a frame that several targets map, the one watched longest is the owner, so that
 * an access is evidence once.
 */
#ifndef CORE_OWNERS_H
#define CORE_OWNERS_H

#include "core/pfn_scan.h"
#include "core/targets.h"

/* What a report of more is refused for: nobody could tell whose part of it was meant. */
#define OWNERS_MAX_EXTENT_BYTES (32ull << 20)

/**
 * struct owners - See owners_new().
 * @status:	For people, but for what owners_get_status() fills in.
 * @now_ns:	Of the last step: fine enough for when something was asked for.
 * @pass_ns:	When the last pass ended; @pass_cpu_ns: what it has cost so far.
 * @retry_ns:	How long what has no owner waits for the next pass.
 * @tick_ns:	When what is known had to be looked at again.
 * @nr_unverified:	What the scan had counted when the last pass began.
 * @has_moved, @has_missed:	Since the last pass began: frames were elsewhere; were asked
 *		for and have no owner.
 * @is_doubtful:	The last answer was none, because nobody had looked lately.
 */
struct owners {
	struct pfn_wanted wanted;
	struct pfn_index index;
	struct pfn_scan scan;
	struct thermo_owners_status status;
	uint64_t now_ns;
	uint64_t pass_ns;
	uint64_t pass_cpu_ns;
	uint64_t retry_ns;
	bool has_new_processes;
	bool has_moved;
	bool has_missed;
	bool is_doubtful;
	uint64_t tick_ns;
	uint64_t nr_unverified;
};

/* Frames of one target that follow each other: virtual addresses. */
struct owner_piece {
	pid_t pid;
	uint64_t start_ticks;
	uint64_t addr;
	uint64_t bytes;
	uint16_t flags; /* enum pfn_flags */
};

/* Return: 0; -EPERM with the missing capability; -ENOMEM. */
int owners_new(struct owners **owners, const struct thermo_host *host);
void owners_free(struct owners *owners);

/* The targets have changed.  Return: 0 or -ENOMEM. */
int owners_set_targets(struct owners *owners, const struct targets *targets);

/*
 * Look on for what is wanted, if anything is, for about @cpu_ns of this thread's CPU time.
 * Return: what it took; -EPERM when the kernel hides frames, -EOPNOTSUPP, -errno.
 */
int64_t owners_step(struct owners *owners, uint64_t cpu_ns);

/*
 * Somebody has something to say of the @bytes from physical @addr on.  Return: false, and
 * counted, when that is too much.
 */
bool owners_ask(struct owners *owners, uint64_t addr, uint64_t bytes);

/*
 * The next piece of [*@addr, @end) that has an owner; *@addr is where to go on.
 * Return: false when there is none.
 */
bool owners_next(struct owners *owners, uint64_t *addr, uint64_t end, struct owner_piece *piece);

/* All targets that have the page at @addr, up to @max.  Return: how many. */
size_t owners_all(struct owners *owners, uint64_t addr, struct owner_piece *pieces, size_t max);

/* A report was all about @addr, which has no owner (yet): count it. */
void owners_count_missed(struct owners *owners, uint64_t addr);
/* A report became evidence, of @piece first. */
void owners_count_found(struct owners *owners, const struct owner_piece *piece);

void owners_get_status(const struct owners *owners, struct thermo_owners_status *status);

#endif
