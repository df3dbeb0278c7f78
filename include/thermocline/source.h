/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thermocline/source.h - what an access source must provide.
 *
 * To add one: write sources/<name>.c with one const struct thermo_source, add its
 * line to sources/registry.c, and a test in tests/unit/sources/test_<name>.c.
 * docs/adding-a-source.md walks through it.
 *
 * Each opened source has its own state, reporter and thread, so it never locks.
 * probe, open and start run in the thread that opens it, the rest in its own, in
 * this order:
 *
 *	probe -> open -> start -> (set_targets | set_rate | set_focus | drain)* -> stop -> close
 */
#ifndef THERMOCLINE_SOURCE_H
#define THERMOCLINE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "thermocline/report.h"

#ifdef __cplusplus
extern "C" {
#endif

struct thermo_host;
struct thermo_settings;

/* What a source can tell. */
enum thermo_source_can {
	THERMO_CAN_VIRTUAL = 1u << 0,  /* virtual addresses of a process */
	THERMO_CAN_PHYSICAL = 1u << 1, /* physical addresses */
	THERMO_CAN_OP = 1u << 2,       /* reads from writes */
	THERMO_CAN_CPU = 1u << 3,
	THERMO_CAN_THREAD = 1u << 4,
	THERMO_CAN_LATENCY = 1u << 5,
	THERMO_CAN_LEVEL = 1u << 6,
	THERMO_CAN_NEGATIVE = 1u << 7, /* knows what was not accessed */
	THERMO_CAN_AGES = 1u << 8,     /* how long memory of a cgroup and node was idle */
};

/* What there is only one of, for one user at a time: two sources that use the same disturb each
 * other, and are not run together. */
enum thermo_source_uses {
	THERMO_USES_PMU = 1u << 0,           /* the processor's sampling */
	THERMO_USES_ACCESSED_BITS = 1u << 1, /* clears them in page tables, to see them set again */
	THERMO_USES_HINT_FAULTS = 1u << 2,   /* NUMA balancing takes access away from pages */
	THERMO_USES_SOFT_DIRTY = 1u << 3,    /* clears them, to see them set again */
};

/**
 * struct thermo_source_opts - How to open a source.  Zeroes mean the default.
 * @host:	The machine.
 * @settings:	Where changes of kernel settings are recorded; only start() uses it.
 * @pause_damon_stat:	The user allows DAMON_STAT to be turned off meanwhile.
 * @damon_nodes:	Memory of which nodes damon-pa watches, "1,3"; NULL: of all.
 * @mglru_interval_ms:	How often mglru makes the kernel look at accessed bits.
 * @buffer_bytes:	Kernel buffer for each CPU; a power of two of pages.
 * @chmu_registers:	The user allows hotness units to be driven by their registers.
 * @chmu_count:	enum thermo_op: what they count; THERMO_OP_UNKNOWN: all.
 * @chmu_replay:	A recording of one, instead of this machine's; NULL: none.
 * @external:	A pipe or file of text that other programs write; NULL: none.
 */
struct thermo_source_opts {
	const struct thermo_host *host;
	struct thermo_settings *settings;
	bool pause_damon_stat;
	const char *damon_nodes;
	uint32_t mglru_interval_ms;
	size_t buffer_bytes;
	bool chmu_registers;
	uint8_t chmu_count;
	const char *chmu_replay;
	const char *external;
};

/**
 * struct thermo_source_counters - Where what a source saw went.
 * @seen:	Records taken from the kernel.
 * @reported:	Access reports made of them, those that found the ring full included.
 * @lost:	Records that the kernel had to drop.
 * @ignored:	Records of processes that nobody watches.
 * @useless:	Records that say nothing of a rate (the page was not being watched).
 * @overhead_ns:	CPU time that sampling took elsewhere than in the source's thread, in
 *		interrupts say; an estimate.
 */
struct thermo_source_counters {
	uint64_t seen;
	uint64_t reported;
	uint64_t lost;
	uint64_t ignored;
	uint64_t useless;
	uint64_t overhead_ns;
};

/**
 * struct thermo_focus - Memory that is worth a closer look than the rest.
 * @share:	Of the closer looks, 0 to 1; those of all ranges add up to 1.
 */
struct thermo_focus {
	int32_t pid;
	float share;
	uint64_t start;
	uint64_t end;
};

/* The whole rate of set_rate(). */
#define THERMO_RATE_FULL 1000u

/**
 * struct thermo_source - One way to learn of accesses.  Always const.
 * @name:	Short, lower case, as users type it: "hintfault".
 * @summary:	One line for `thermocline sources`.
 * @can:	OR of enum thermo_source_can.
 * @granularity_bytes:	The least extent that it tells apart.
 * @cost:	What it costs, for people.
 * @changes:	System settings that it changes while it runs, for people; NULL: none.
 * @uses:	OR of enum thermo_source_uses.
 * @by_name_only:	Never chosen by default: it does not measure this machine.
 * @least_permille:	It sees all memory all the time, so that so low a rate still notices
 *		changes; 0: it should not go far down.
 * @state_bytes:	Size of the state; the core allocates it, zeroed.
 * @drain_interval_ms:	How often @drain wants to be called.
 * @probe:	0 when this machine can run it; else -errno, with the reason and
 *		what to do about it in thermo_last_error().  Changes nothing.
 * @open:	Get what is needed from the kernel; nothing is sampled yet.  After a
 *		failure @close is still called.
 * @start:	Begin.  Changes settings only through opts->settings.
 * @set_targets:	Watch these processes from now on.  NULL: it sees all.
 * @set_rate:	Sample at @permille of the source's own full rate, 1 to
 *		THERMO_RATE_FULL.  NULL: cannot.
 * @set_focus:	Look at these ranges most, and at the rest now and then; none: at all alike.
 *		NULL: it does not choose where it looks.
 * @drain:	Move what has arrived to @reporter; never blocks for long.
 *		Return: reports made, or -errno, which ends the source.
 * @counters:	So far.
 * @note:	What it cannot do just now and why, for people; "" when all is well.
 *		NULL: it always can or fails.
 * @watches:	Whether it watches just now, so that its silence means no access.  NULL: always.
 * @stop:	End sampling.  What it changed is put back by its caller.
 * @close:	Release all.  Accepts the state of a failed @open; twice is fine.
 */
struct thermo_source {
	const char *name;
	const char *summary;
	uint32_t can;
	uint64_t granularity_bytes;
	const char *cost;
	const char *changes;
	uint32_t uses;
	bool by_name_only;
	uint32_t least_permille;
	size_t state_bytes;
	uint32_t drain_interval_ms;
	int (*probe)(const struct thermo_source_opts *opts);
	int (*open)(void *state, const struct thermo_source_opts *opts);
	int (*start)(void *state);
	int (*set_targets)(void *state, const pid_t *pids, size_t nr_pids);
	int (*set_rate)(void *state, uint32_t permille);
	int (*set_focus)(void *state, const struct thermo_focus *focus, size_t nr);
	int (*drain)(void *state, struct thermo_reporter *reporter);
	void (*counters)(const void *state, struct thermo_source_counters *counters);
	void (*note)(const void *state, char *text, size_t size);
	bool (*watches)(const void *state);
	void (*stop)(void *state);
	void (*close)(void *state);
};

/* All sources built in, best first.  Ends with NULL. */
THERMO_API extern const struct thermo_source *const thermo_sources[];

/* Return: the source of that name, or NULL. */
THERMO_API const struct thermo_source *thermo_source_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
