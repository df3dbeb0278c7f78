/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_way.h - the ways to a hotness unit: the kernel's perf event, its registers, a recording.
 *
 * Each makes entries of what it finds; chmu_watch.h does the rest, for all the same.  One thread.
 */
#ifndef SOURCES_CHMU_WAY_H
#define SOURCES_CHMU_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sources/chmu_map.h"
#include "sources/chmu_stream.h"
#include "sources/chmu_tune.h"

struct chmu_watch;
struct thermo_source_opts;

/**
 * struct chmu_found - What a drain brought besides entries.
 * @overflow:	Entries were dropped, or may have been.
 * @nr_lost:	How many losses that were; of how many entries each, nobody knows.
 * @nr_bad:	Entries that cannot be.
 */
struct chmu_found {
	bool overflow;
	uint64_t nr_lost;
	uint64_t nr_bad;
};

/**
 * struct chmu_way - What a way does; @way is its state, of @close too after a failure.
 * @start:	Begin anew with @config, and say in it what became of it.  Before that, end.
 * @drain:	Never waits.
 * @can_tune:	It can be begun anew with another configuration.
 */
struct chmu_way {
	const char *name;
	bool can_tune;
	int (*start)(void *way, struct chmu_config *config);
	int (*drain)(void *way, chmu_hot_fn take, void *data, struct chmu_found *found);
	void (*stop)(void *way);
	void (*close)(void *way);
};

/*
 * Each finds what it can watch and fills in way, state, map and limits of at most @max watches;
 * with @probe it only looks.  Return: how many; 0 with the reason why there are none; -errno.
 */
int chmu_perf_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
		   bool probe);
int chmu_registers_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
			bool probe);
int chmu_replay_open(const struct thermo_source_opts *opts, struct chmu_watch *watches, int max,
		     bool probe);

#endif
