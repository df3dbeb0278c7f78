/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata.h - read perf.data: what perf record left, in a file or through a pipe.
 *
 * The file may be of another machine, of the other byte order, of an older or newer perf,
 * compressed, cut off, or malicious.  What can be read comes out, in the order of time;
 * then comes where it broke and why.
 *
 * A reader belongs to one thread.
 */
#ifndef SOURCES_PERFDATA_H
#define SOURCES_PERFDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sources/perf_record.h"
#include "thermocline/report.h"

struct perfdata;
struct perfdata_item;

/**
 * struct perfdata_opts - Zeroes mean the default.
 * @physical:	Accesses are of physical memory, where the samples say it.
 * @cpu_mhz:	What latencies in cycles are divided by; default: what the file says.
 * @max_queued_bytes:	Records held back to bring them in order; default 64 MiB.
 * @see, @context:	Of perfdata_accesses(): called with each record that is no sample, in
 *		the order of the file; what it returns other than 0 ends the reading.
 */
struct perfdata_opts {
	bool physical;
	double cpu_mhz;
	size_t max_queued_bytes;
	int (*see)(void *context, const struct perfdata_item *item);
	void *context;
};

/**
 * struct perfdata_layout - Where in a sample is what makes an access: in words from the
 * record's header on, 0: nowhere.
 * @bytes:	Of a sample at least; 0: samples have parts without a fixed place.
 */
struct perfdata_layout {
	uint16_t bytes;
	uint8_t tid;
	uint8_t time;
	uint8_t addr;
	uint8_t cpu;
	uint8_t period;
	uint8_t weight;
	uint8_t data_src;
	uint8_t phys_addr;
};

/**
 * struct perfdata_event - An event that was recorded.
 * @name:	As perf was told; "" when the file does not say.
 * @period:	Of all its samples; 0: each sample tells its own.
 * @nr_samples:	So far.
 * @own_clock:	Times are of a clock that the user chose, not of perf's.
 * @layout:	Of its samples.
 */
struct perfdata_event {
	char name[128];
	uint32_t type;
	uint64_t config;
	uint64_t config1;
	uint64_t period;
	uint64_t nr_samples;
	bool own_clock;
	struct perf_format format;
	struct perfdata_layout layout;
};

/**
 * struct perfdata_clock - How the machine's counter becomes nanoseconds of perf's clock.
 * @mult, @shift:	Nanoseconds are ticks * mult >> shift; mult 0: not known.
 * @zero_ns:	At tick 0.
 * @cycles, @mask:	Of a counter that wraps within @mask, a value of late; mask 0: of
 *		one that does not.
 */
struct perfdata_clock {
	uint64_t shift;
	uint64_t mult;
	uint64_t zero_ns;
	uint64_t cycles;
	uint64_t mask;
};

#define PERFDATA_HMU_PREFIX "cxl_hmu_"
#define PERFDATA_MAX_HMUS 64

/* A PMU that was a CXL hotness unit. */
struct perfdata_hmu_pmu {
	uint32_t type;
	char name[32];
};

/**
 * struct perfdata_machine - Where it was recorded; "" and 0 what the file does not say.
 * @cpuid:	Arm: MIDR_EL1 in hexadecimal digits.
 * @first_sample_ns, @last_sample_ns:	When the samples were taken, as the header says.
 * @cpu_mhz:	The rate of the time stamp counter, or the nominal one of the CPU's name.
 * @node_of_cpu:	THERMO_NODE_UNKNOWN where that is not known; @nr_cpus_known of them.
 */
struct perfdata_machine {
	char hostname[65];
	char os_release[65];
	char arch[65];
	char cpu_desc[128];
	char cpuid[65];
	uint32_t nr_cpus;
	uint32_t nr_cpus_online;
	uint64_t first_sample_ns;
	uint64_t last_sample_ns;
	double cpu_mhz;
	struct perfdata_clock clock;
	size_t nr_cpus_known;
	int16_t *node_of_cpu;
	size_t nr_hmus;
	struct perfdata_hmu_pmu hmus[PERFDATA_MAX_HMUS];
};

/**
 * struct perfdata_counters - What was met so far.
 * @records:	Of the kernel, decoded.
 * @samples:	Of these, samples.
 * @no_address:	Samples that tell of no access: without an address, or with one of a
 *		virtual machine.
 * @lost:	Records that the kernel had no room for.  It says so where it happened, and perf
 *		says it again for each event at the end: the larger of both.
 * @throttled:	Times that the kernel stopped an event that fired too often.
 * @skipped:	Records of kinds that are not decoded.
 * @bad:	Records that do not fit their size.
 * @no_event:	Records of an event that the file does not describe.
 * @late:	Records that came out after younger ones; of perfdata_accesses(): after those of
 *		their time had been said to be all.
 * @bad_features:	Parts of the header that do not hold what they should.
 * @aux_other:	Records in AUX data that tell of no access.  They are no samples.
 * @aux_broken:	Places in AUX data that make no sense, and records that were cut off there.
 * @aux_gaps:	Times that the kernel says AUX data is incomplete: the ring was full, or
 *		samples came too fast for the hardware.
 * @aux_skipped_bytes:	AUX data of a kind that is not decoded; see perfdata_aux_kind().
 */
struct perfdata_counters {
	uint64_t records;
	uint64_t samples;
	uint64_t no_address;
	uint64_t lost;
	uint64_t throttled;
	uint64_t skipped;
	uint64_t bad;
	uint64_t no_event;
	uint64_t late;
	uint64_t bad_features;
	uint64_t aux_other;
	uint64_t aux_broken;
	uint64_t aux_gaps;
	uint64_t aux_skipped_bytes;
};

/**
 * struct perfdata_item - A record, valid until the next call.
 * @offset:	In the file; of a compressed record, and of AUX data, of what it is in.
 * @time_ns:	0 when it does not tell.
 * @record:	What hardware wrote into an AUX ring comes as a sample too.
 * @access:	NULL unless it is a sample with an address.
 */
struct perfdata_item {
	uint64_t offset;
	uint64_t time_ns;
	const struct perfdata_event *event;
	const struct perf_record *record;
	const struct thermo_access *access;
};

/* Whether a file that begins with these 8 bytes is perf's. */
bool perfdata_recognises(const void *first, size_t bytes);

/*
 * Begin to read @file, which stays the caller's and need not be seekable when it was
 * written through a pipe.  Return: 0; -EBADMSG, "offset N: what" as the reason;
 * -EOPNOTSUPP for what is not supported.  After a failure *@p is NULL.
 */
int perfdata_open(struct perfdata **p, FILE *file, const struct perfdata_opts *opts);
/* Accepts NULL. */
void perfdata_close(struct perfdata *p);

/*
 * The next record, in the order of time as far as the file allows.  Return: 1; 0 at the
 * end; -errno where it broke, after all that could be read.
 */
int perfdata_next(struct perfdata *p, struct perfdata_item *item);

/*
 * The same for who wants accesses only, at a tenth of the cost: those made before @until_ns,
 * in any order, @max at most; UINT64_MAX: all.  With AUX data they are in the order of time.  A
 * reader is read in one of the two ways, with @until_ns that does not become less.  Return: how
 * many; 0: no more of them; -errno as perfdata_next().
 */
int perfdata_accesses(struct perfdata *p, uint64_t until_ns, struct thermo_access *out, size_t max);
/* No more of any time. */
bool perfdata_is_at_end(const struct perfdata *p);

/*
 * Where records lie in a file of which parts can be read: neither compressed, nor with AUX
 * data, as far as that is known.  Return: false for another.
 */
bool perfdata_extent(struct perfdata *p, uint64_t *begin, uint64_t *end);
/*
 * Of perfdata_accesses() of all times: go on with the first record of the kernel that is found
 * from @from on, and be at the end behind @to.  Where events are described in records, these
 * have to be read first, and once.  Return: false when none is found; then it is at the end.
 */
bool perfdata_read_part(struct perfdata *p, uint64_t from, uint64_t to);

/* What is known so far: of a pipe that comes bit by bit. */
const struct perfdata_machine *perfdata_machine(const struct perfdata *p);
const struct perfdata_counters *perfdata_counters(const struct perfdata *p);
/* What its AUX data is, in words; "" when it has none. */
const char *perfdata_aux_kind(const struct perfdata *p);
size_t perfdata_nr_events(const struct perfdata *p);
const struct perfdata_event *perfdata_event(const struct perfdata *p, size_t i);

#endif
