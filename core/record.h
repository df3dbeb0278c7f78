/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - snapshots in a file, see thermocline.data(5).
 *
 * A file is a prelude and blocks: facts of the machine, a snapshot each, and an end.
 * Each block is compressed, has a checksum and is written at once, so that a kill at
 * any moment leaves whole blocks and at most one that is torn.  What a reader reads
 * is hostile: every count, length and number is checked before it is used.
 *
 * One thread uses a writer or a reader.  They own no file.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/host.h"
#include "core/idle_ages.h"
#include "core/pagetypes.h"
#include "thermocline/monitor.h"
#include "thermocline/tiering.h"

#define RECORD_MAX_CPUS 65536u
#define RECORD_NODE_UNKNOWN (-1)
#define RECORD_TIER_UNKNOWN (-1)

struct record_cpu {
	uint32_t cpu;
	int32_t node;
};

/* As in struct thermo_node; 0: unknown. */
struct record_node {
	int32_t node;
	int32_t tier; /* RECORD_TIER_UNKNOWN */
	uint64_t total_bytes;
	uint32_t read_latency_ns;
	uint32_t write_latency_ns;
};

/**
 * struct record_machine - What is needed to understand a recording elsewhere.
 * @start_time_ns, @start_realtime_ns:	When recording started, CLOCK_MONOTONIC and
 *		CLOCK_REALTIME.
 * @version:	Of the Thermocline that recorded.
 * @what:	What was asked for, for people: the command line.
 * @cpus:	By number; those whose node is unknown may be missing.
 */
struct record_machine {
	uint64_t start_time_ns;
	uint64_t start_realtime_ns;
	uint64_t page_bytes;
	char version[32];
	char kernel[96];
	char hostname[72];
	char boot_id[40];
	char what[256];
	uint32_t nr_cpus;
	uint32_t nr_nodes;
	struct record_cpu *cpus;
	struct record_node nodes[THERMO_MAX_NODES];
};

/**
 * struct record_pages - What kinds of memory are hot and cold, at some time.
 * @hot_rate:	As in struct pagetypes_opts.
 * @has_cgroups:	types.has_cgroups, in a file's form.
 */
struct record_pages {
	uint64_t time_ns;
	double hot_rate;
	uint32_t has_cgroups;
	struct page_types types;
};

/**
 * struct record_end - The end block.
 * @error:	0: recording ended because it was to; or the errno that ended it.
 */
struct record_end {
	uint64_t time_ns;
	uint64_t realtime_ns;
	uint64_t nr_snapshots;
	uint32_t error;
};

/*
 * Facts of @host; @topology may be NULL.  What cannot be read stays unknown.  The
 * caller finishes it.  Return: 0 or -ENOMEM.
 */
int record_machine_read(struct record_machine *machine, const struct thermo_host *host,
			const struct thermo_topology *topology, const char *what);

/* Accepts a zeroed one. */
void record_machine_fini(struct record_machine *machine);

/* Return: RECORD_NODE_UNKNOWN when it is not told. */
int record_machine_node_of_cpu(const struct record_machine *machine, uint32_t cpu);

struct record_writer;

/*
 * Write the prelude and @machine to @fd, which stays the caller's.  When a write
 * fails, and @fd is a regular file, it is cut back to the last whole block.
 * Return: 0, -EINVAL, -ENOMEM or the -errno of writing.
 */
int record_writer_new(struct record_writer **writer, int fd, const struct record_machine *machine);

/* Return: 0; -E2BIG; or -errno. */
int record_write_snapshot(struct record_writer *writer, const struct thermo_snapshot *snapshot);

/* Behind the snapshot that they are of.  Return: 0 or -errno. */
int record_write_pages(struct record_writer *writer, const struct record_pages *pages);

/* Likewise.  Return: 0 or -errno. */
int record_write_idle(struct record_writer *writer, const struct idle_ages *ages);

/* @error: why it ends; 0 or an errno.  Return: 0 or -errno. */
int record_write_end(struct record_writer *writer, uint64_t time_ns, uint64_t realtime_ns,
		     int error);

/* Written so far, and how many snapshots. */
uint64_t record_writer_bytes(const struct record_writer *writer);
uint64_t record_writer_snapshots(const struct record_writer *writer);

/* Accepts NULL.  Writes no end. */
void record_writer_free(struct record_writer *writer);

struct record_reader;

/*
 * Read prelude and machine from @file, which stays the caller's.
 * Return: 0; -EBADMSG for what is no recording, or a broken one; -EPROTONOSUPPORT for
 * a format that is too new; -errno.
 */
int record_reader_new(struct record_reader **reader, FILE *file);

/* Valid until the reader is freed. */
const struct record_machine *record_reader_machine(const struct record_reader *reader);

/* The end block, or NULL: there was none yet. */
const struct record_end *record_reader_end(const struct record_reader *reader);

/* The newest kinds of memory so far, or NULL: none were recorded. */
const struct record_pages *record_reader_pages(const struct record_reader *reader);

/* The newest idle ages so far, or NULL: none were recorded. */
const struct idle_ages *record_reader_idle(const struct record_reader *reader);

/**
 * record_reader_next() - The next snapshot.
 * @snapshot:	Out: one reference, which the caller gives back.
 *
 * Return: 1; 0 at the end, with or without an end block; -EBADMSG, with offset and
 * reason, when the file is torn or broken here: nothing more can be read; -errno.
 */
int record_reader_next(struct record_reader *reader, struct thermo_snapshot **snapshot);

/* Accepts NULL. */
void record_reader_free(struct record_reader *reader);

#endif
