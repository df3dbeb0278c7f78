/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_write.h - write accesses as a perf.data that perf report and perf script read.
 *
 * An event for each source; each access is a sample.  What is written is good up to the
 * last perfdata_write_flush() or _round(), also after a kill: the header says how far.  Only
 * the names of events and of the machine come at the end.
 *
 * A writer belongs to one thread.
 */
#ifndef SOURCES_PERFDATA_WRITE_H
#define SOURCES_PERFDATA_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "thermocline/report.h"

struct perfdata_writer;

#define PERFDATA_WRITE_MAX_EVENTS 32

/**
 * struct perfdata_write_event - An event.
 * @source:	Of the accesses that belong to it.
 * @name:	For people; copied.
 */
struct perfdata_write_event {
	uint8_t source;
	const char *name;
};

/**
 * struct perfdata_write_counters - What became of the accesses.
 * @samples:	Written.
 * @negative:	Left out: "known not accessed", of which perf knows no sample.
 * @no_event:	Left out: of a source that is no event.
 */
struct perfdata_write_counters {
	uint64_t samples;
	uint64_t negative;
	uint64_t no_event;
};

/* A mapping, as in /proc/PID/maps; @name "" for memory without one. */
struct perfdata_write_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t file_offset;
	uint64_t inode;
	uint32_t device_major;
	uint32_t device_minor;
	uint32_t prot;
	uint32_t flags;
	const char *name;
};

/*
 * Begin a file on @fd, which must be seekable and stays the caller's.  Return: 0,
 * -EINVAL or -errno.
 */
int perfdata_writer_new(struct perfdata_writer **writer, int fd,
			const struct perfdata_write_event *events, size_t nr_events);
/* Accepts NULL; what was not written with a round or the end is lost. */
void perfdata_writer_free(struct perfdata_writer *writer);

/*
 * What follows cannot fail: a failure to write is kept, what comes after it is dropped,
 * and the next round says so.
 */

/*
 * A sample: virtual addresses as addr, physical ones as phys_addr; the period is
 * nr_accesses, the weight the latency in nanoseconds.  A thread that is not known is the
 * process' first.
 */
void perfdata_write_access(struct perfdata_writer *writer, const struct thermo_access *access);
/* Thread @tid of process @pid is called @name. */
void perfdata_write_name(struct perfdata_writer *writer, int32_t pid, int32_t tid,
			 const char *name);
void perfdata_write_mapping(struct perfdata_writer *writer, int32_t pid,
			    const struct perfdata_write_mapping *mapping);
/* So many accesses of @source were lost before they came here. */
void perfdata_write_lost(struct perfdata_writer *writer, uint8_t source, uint64_t nr);

/* What there is goes to the file.  Return: 0 or -errno. */
int perfdata_write_flush(struct perfdata_writer *writer);

/*
 * The same, and all sources have been drained: nothing that comes later is older than what
 * came before the round before.  Who reads holds back what came since then.
 */
int perfdata_write_round(struct perfdata_writer *writer);

/* The last round; names and machine, with thermocline and @argv as what made the file.  Return: 0
 * or -errno. */
int perfdata_write_end(struct perfdata_writer *writer, char *const *argv);

const struct perfdata_write_counters *
perfdata_writer_counters(const struct perfdata_writer *writer);
uint64_t perfdata_writer_bytes(const struct perfdata_writer *writer);

#endif
