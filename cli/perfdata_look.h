/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_look.h - a look at a file of samples before it is read: when they were taken, and
 * which memory they are of.
 *
 * Of a long perf.data only parts are read, evenly spread over it: what they miss is found
 * out when the samples come.
 */
#ifndef CLI_PERFDATA_LOOK_H
#define CLI_PERFDATA_LOOK_H

#include "cli/perfdata_memory.h"

/**
 * struct perfdata_times - Of the samples that are wanted.
 * @is_any:	There are some.
 * @is_exact:	All were looked at.
 */
struct perfdata_times {
	uint64_t first_ns;
	uint64_t last_ns;
	bool is_any;
	bool is_exact;
};

/* No machine runs that long; beyond, sums of times would overflow. */
#define PERFDATA_MAX_TIME_NS (UINT64_MAX / 4)

/*
 * Whether it is of a process' own memory, and of a time that can be.  On all machines that
 * perf knows the kernel has the upper half.
 */
static inline bool perfdata_is_wanted(const struct thermo_access *access)
{
	return access->pid > 0 && access->space == THERMO_SPACE_VIRTUAL && !(access->addr >> 63) &&
	       access->extent_bytes <= INT64_MAX && access->time_ns <= PERFDATA_MAX_TIME_NS;
}

static inline void perfdata_note_time_of(struct perfdata_times *t, uint64_t time_ns)
{
	t->first_ns = !t->is_any || time_ns < t->first_ns ? time_ns : t->first_ns;
	t->last_ns = time_ns > t->last_ns ? time_ns : t->last_ns;
	t->is_any = true;
}

/*
 * Look at @file, which can be seeked and is at its beginning then.  @times and @memory are
 * empty before.  Where the file breaks is not told here.  Return: 0 or -errno.
 */
int perfdata_look(FILE *file, struct perfdata_times *times, struct perfdata_memory *memory);

#endif
