/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - what a workload does: regions, and threads that go through phases.
 *
 * The format is masim's, unchanged, with additions; thermocline-workload(1)
 * describes it.  A config is read once by the main thread and only read by all
 * others afterwards.  It owns everything that it points to.
 */
#ifndef BENCH_WORKLOAD_CONFIG_H
#define BENCH_WORKLOAD_CONFIG_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WORKLOAD_PAGE_BYTES 4096u
#define WORKLOAD_PERCENT_BP 100u
#define WORKLOAD_ALL_BP 10000u

/* Bounds on what a file may ask for. */
#define WORKLOAD_MAX_CONFIG_BYTES (4u << 20)
#define WORKLOAD_MAX_REGIONS 4096u
#define WORKLOAD_MAX_THREADS 256u
#define WORKLOAD_MAX_PHASES 4096u    /* of one thread */
#define WORKLOAD_MAX_PATTERNS 65536u /* of the whole file */
#define WORKLOAD_MAX_NAME_BYTES 200u /* a phase mark has room for 240 */
#define WORKLOAD_MAX_FIELDS 12u
#define WORKLOAD_MAX_WEIGHT 1000000u
#define WORKLOAD_MAX_TOTAL_BYTES (UINT64_C(1) << 44)
#define WORKLOAD_MAX_TIME_MS (UINT64_C(30) * 24 * 3600 * 1000)
#define WORKLOAD_MIN_ZIPF 0.01 /* less is as good as none */
#define WORKLOAD_MAX_ZIPF 4.0

enum workload_kind {
	WORKLOAD_SEQUENTIAL, /* every stride_bytes, then from the start again */
	WORKLOAD_UNIFORM,    /* anywhere, equally likely */
	WORKLOAD_ZIPF,       /* the k-th hottest page with likelihood 1 / k^zipf */
	WORKLOAD_HOT,        /* a share of all accesses to one range, the rest outside */
};

enum workload_mode {
	WORKLOAD_WRITE_ONLY, /* zero, since it is masim's default */
	WORKLOAD_READ_ONLY,
	WORKLOAD_READ_THEN_WRITE, /* both to the same word, as masim's rw */
	WORKLOAD_MIXED,           /* read_bp of them reads */
};

struct workload_region {
	char *name;
	uint64_t bytes;
	char *data_path; /* loaded at the start; NULL: none */
};

/**
 * struct workload_pattern - One access line of a phase.
 * @region:	Index into the config's regions.
 * @weight:	How often it is picked, relative to the others of the phase.
 * @read_bp:	Share of reads, with WORKLOAD_MIXED.
 * @stride_bytes:	With WORKLOAD_SEQUENTIAL; else kept but without effect, as in masim.
 * @zipf:	The exponent, with WORKLOAD_ZIPF.
 * @contiguous:	With WORKLOAD_ZIPF: hottest page first, instead of scattered.
 * @hot_bytes:	Size of the hot range, with WORKLOAD_HOT, as all that follow.
 * @hot_offset_bytes:	Where it is when the phase begins.
 * @hot_share_bp:	Share of the accesses that go into it.
 * @move_bytes:	How far it moves up every @move_ns, round the region's end; 0: stays.
 */
struct workload_pattern {
	uint32_t region;
	uint32_t weight;
	enum workload_kind kind;
	enum workload_mode mode;
	uint32_t read_bp;
	uint64_t stride_bytes;
	double zipf;
	bool contiguous;
	uint64_t hot_bytes;
	uint64_t hot_offset_bytes;
	uint32_t hot_share_bp;
	uint64_t move_bytes;
	uint64_t move_ns;
};

struct workload_phase {
	char *name;
	uint64_t time_ns;
	struct workload_pattern *patterns;
	size_t nr_patterns;
	uint64_t total_weight;
};

struct workload_thread {
	char *name;
	bool pinned; /* to cpus, which means nothing otherwise */
	cpu_set_t cpus;
	struct workload_phase *phases;
	size_t nr_phases;
	uint64_t time_ns; /* of all its phases, once */
};

struct workload_config {
	struct workload_region *regions;
	size_t nr_regions;
	uint64_t total_bytes; /* of all regions, each rounded up to pages */
	struct workload_thread *threads;
	size_t nr_threads;
	size_t nr_patterns;
};

/**
 * workload_config_parse() - Read a config from memory.
 * @config:	Zeroed.  The caller calls workload_config_fini() also after a failure.
 * @name:	What errors call the text; usually its path.
 * @mode:	Of patterns that name none.
 *
 * Return: 0, -EINVAL with "NAME:LINE: what: what to try", or -ENOMEM.
 */
int workload_config_parse(struct workload_config *config, const char *name, const char *text,
			  size_t text_bytes, enum workload_mode mode);

/* The same from a file.  Return: as above, or what reading it met. */
int workload_config_load(struct workload_config *config, const char *path, enum workload_mode mode);

/* Accepts a config that is zeroed or half read; may be called twice. */
void workload_config_fini(struct workload_config *config);

/* Stretch or shrink all times so that the longest thread takes @duration_ns. */
void workload_config_scale(struct workload_config *config, uint64_t duration_ns);

/* Write @config in its own format: reading that again gives the same config. */
void workload_config_print(const struct workload_config *config, FILE *out);

/* Whole pages of a region: what it takes in memory. */
static inline uint64_t workload_region_mapped_bytes(const struct workload_region *region)
{
	return (region->bytes + WORKLOAD_PAGE_BYTES - 1) & ~(uint64_t)(WORKLOAD_PAGE_BYTES - 1);
}

#endif
