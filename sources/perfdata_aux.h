/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_aux.h - what hardware wrote into AUX rings: AUXTRACE_INFO says which hardware,
 * each AUXTRACE is followed by bytes of one ring.
 *
 * A kind of hardware is a line of the table in perfdata_aux.c; one without a decoder is
 * skipped and counted.  A decoder queues an access for each that it finds; who made it is
 * found out when that comes out again, since then all that happened before is known.
 */
#ifndef SOURCES_PERFDATA_AUX_H
#define SOURCES_PERFDATA_AUX_H

#include "sources/chmu_stream.h"
#include "sources/perfdata_input.h"
#include "sources/perfdata_machine.h"
#include "sources/perfdata_map.h"
#include "sources/perfdata_order.h"
#include "sources/perfdata_threads.h"
#include "sources/spe_level.h"

#define PERFDATA_AUX_CHUNK_BYTES 65536u

/**
 * struct perfdata_aux_access - An access as it waits in the queue.
 * @header:	PERFDATA_AUXTRACE, which no record that waits there has otherwise.
 * @context:	Thread that the hardware names; 0: none.
 * @tid:	Thread of the ring, or that ran when its bytes landed; 0: not known.
 * @cpu:	THERMO_CPU_UNKNOWN.
 * @granule_bytes:	0, or it is a count: of @nr_accesses within so many bytes.
 */
struct perfdata_aux_access {
	struct perf_event_header header;
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t pc;
	int32_t context;
	int32_t tid;
	bool tid_is_certain; /* it is the ring's */
	uint32_t cpu;
	uint32_t latency_cycles;
	uint8_t op;
	uint8_t level;
	uint32_t nr_accesses;
	uint64_t granule_bytes;
};

/* What a PERF_RECORD_AUX said: bytes of a ring, and when and by whom they came there. */
struct perfdata_landed {
	uint64_t offset;
	uint64_t bytes;
	uint64_t time_ns;
	int32_t tid;
	uint32_t cpu;
};

/* One ring. */
struct perfdata_aux_ring {
	struct perfdata_landed *landed; /* by offset: what is not yet decoded */
	size_t nr_landed;
	size_t room;
	struct spe_decoder spe;
	struct chmu_stream hmu;
	uint64_t hmu_offset; /* where its next byte is */
	uint64_t nr_bad;     /* of it that are in the counters */
};

/* What AUXTRACE says of the bytes that follow. */
struct perfdata_aux_piece {
	uint64_t bytes;
	uint64_t offset;
	int32_t tid;
	int32_t cpu;
};

struct perfdata_aux_kind;

/* @midr_of_cpu: of machines whose CPUs are not alike; @pmu_of_cpu likewise. */
struct perfdata_aux {
	const struct perfdata_aux_kind *kind; /* NULL: no AUXTRACE_INFO came */
	uint64_t pmu_type;
	uint64_t midr;
	struct perfdata_map midr_of_cpu;
	struct perfdata_map pmu_of_cpu;
	struct perfdata_map ring_of; /* CPU or thread -> index */
	struct perfdata_aux_ring *rings;
	size_t nr_rings;
	size_t nr_landed; /* of all rings */
	bool is_hmu_named;
	struct perfdata_threads threads;
	uint64_t newest_ns;
	unsigned char bytes[PERFDATA_AUX_CHUNK_BYTES];
};

/* What it works on; all belong to the struct perfdata. */
struct perfdata_aux_host {
	struct perfdata_input *in;
	struct perfdata_events *events;
	const struct perfdata_machine *machine;
	struct perfdata_counters *counters;
	struct perfdata_order *order;
};

/* What told of the byte at @offset.  Return: NULL when no record did. */
const struct perfdata_landed *perfdata_aux_landed_at(const struct perfdata_aux_ring *ring,
						     uint64_t offset);
/* No byte before @offset will be decoded any more. */
void perfdata_aux_forget_until(struct perfdata_aux *aux, struct perfdata_aux_ring *ring,
			       uint64_t offset);

/* In words; "" without AUXTRACE_INFO. */
const char *perfdata_aux_kind_name(const struct perfdata_aux *aux);

/* AUXTRACE_INFO.  Return: 0; -EBADMSG; -ENOMEM. */
int perfdata_aux_take_info(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
			   const struct perf_event_header *record);
/* A record of the kernel, in the order of the file.  Return: 0 or -ENOMEM. */
int perfdata_aux_see(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		     const struct perf_format *format, const struct perf_record *record);
/* AUXTRACE, and what follows it.  Return: 0; -errno, after what could be read was queued. */
int perfdata_aux_take(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		      const struct perf_event_header *record);
/* The file ends: what was begun will not go on. */
void perfdata_aux_end(struct perfdata_aux *aux, const struct perfdata_aux_host *host);

/* An access that comes out, as a sample; who it was is known now. */
void perfdata_aux_sample_of(const struct perfdata_aux *aux, const struct perfdata_event *event,
			    const struct perfdata_aux_access *access, uint64_t time_ns,
			    struct perf_sample *sample);
void perfdata_aux_fini(struct perfdata_aux *aux);

#endif
