// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_hmu.c - see perfdata_hmu.h; the stream is chmu_stream.h's. */
#include "sources/perfdata_hmu.h"

#include <byteswap.h>
#include <stdio.h>
#include <string.h>

#include "sources/chmu_regs.h"

#define PREFIX PERFDATA_HMU_PREFIX
/* What a request of the host to a CXL device moves. */
#define LINE_BYTES 64
#define NAME_BYTES 16
#define MAX_TRAILER_WORDS 8
#define MAX_DOWNSAMPLING 15u /* the register has a bit for each */

/* Fields of perf_event_attr's config and config1, as the proposed driver has them. */
enum {
	ACCESS_TYPE_SHIFT = 2,
	DOWNSAMPLING_SHIFT = 27,
	GRANULE_SHIFT = 32,
};

static const struct perfdata_hmu_pmu *mapping_of(const struct perfdata_machine *m, uint64_t type)
{
	for (size_t i = 0; i < m->nr_hmus; i++)
		if (m->hmus[i].type == type)
			return &m->hmus[i];
	return NULL;
}

static const struct perfdata_event *event_of(const struct perfdata_events *events, uint64_t type)
{
	for (size_t i = 0; i < events->nr; i++)
		if (events->list[i].type == type)
			return &events->list[i];
	return NULL;
}

/* Its PMU's, or what the event is called.  Return: NULL when it is no hotness unit's. */
static const char *name_of(const struct perfdata_machine *machine,
			   const struct perfdata_events *events, uint64_t type)
{
	const struct perfdata_hmu_pmu *pmu = mapping_of(machine, type);
	const struct perfdata_event *event = event_of(events, type);

	if (pmu)
		return pmu->name;
	return event && strncmp(event->name, PREFIX, strlen(PREFIX)) == 0 ? event->name : NULL;
}

bool perfdata_hmu_is(const struct perfdata_machine *machine, const struct perfdata_events *events,
		     uint64_t pmu_type)
{
	return name_of(machine, events, pmu_type) != NULL;
}

/* --- what the event asked for --- */

/* A power of two. */
static unsigned int downsampling_of(const struct perfdata_event *event)
{
	return event->config >> DOWNSAMPLING_SHIFT & 0xff;
}

static uint8_t op_of(uint64_t config)
{
	switch (config >> ACCESS_TYPE_SHIFT & 0xff) {
	case CHMU_REQUEST_NONTEE_READ:
	case CHMU_REQUEST_READ:
		return THERMO_OP_READ;
	case CHMU_REQUEST_NONTEE_WRITE:
	case CHMU_REQUEST_WRITE:
		return THERMO_OP_WRITE;
	default:
		return THERMO_OP_UNKNOWN;
	}
}

/* --- the name --- */

static void put_u32(unsigned char *at, uint32_t value, bool swap)
{
	value = swap ? bswap_32(value) : value;
	memcpy(at, &value, sizeof(value));
}

/* As if the kernel had told the name of a process: "mem0.0.0 DPA". */
static int queue_name(struct perfdata_aux *aux, const struct perfdata_aux_host *host, size_t event)
{
	const struct perf_format *f = &host->events->list[event].format;
	const char *name = name_of(host->machine, host->events, aux->pmu_type);
	struct {
		struct perf_event_header header;
		unsigned char body[8 + NAME_BYTES + 8 * MAX_TRAILER_WORDS];
	} comm = { .header = { .type = PERF_RECORD_COMM, .size = sizeof(comm) } };
	size_t bytes = name ? strcspn(name + strlen(PREFIX), "/") : 0;

	put_u32(comm.body, PERFDATA_HMU_PID, f->swap);
	put_u32(comm.body + 4, PERFDATA_HMU_PID, f->swap);
	(void)snprintf((char *)comm.body + 8, NAME_BYTES, "%.*s DPA", bytes < 11 ? (int)bytes : 11,
		       name ? name + strlen(PREFIX) : "");
	aux->is_hmu_named = true;
	host->counters->records++;
	return perfdata_order_push(host->order, &comm.header, 0, host->in->record_offset, event);
}

/* --- entries --- */

struct batch {
	struct perfdata_aux *aux;
	const struct perfdata_aux_host *host;
	uint64_t time_ns;
	size_t event;
	int err;
};

static uint32_t at_most_u32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static void take(void *data, const struct chmu_hot *hot)
{
	struct batch *b = data;
	struct perfdata_event *event = &b->host->events->list[b->event];
	unsigned int downsampling = downsampling_of(event);
	struct perfdata_aux_access a = {
		.header = { .type = PERFDATA_AUXTRACE, .size = sizeof(a) },
		.vaddr = hot->dpa,
		.context = PERFDATA_HMU_PID,
		.cpu = THERMO_CPU_UNKNOWN,
		.op = op_of(event->config),
		.level = THERMO_LEVEL_CXL,
		.granule_bytes = hot->bytes,
		.nr_accesses = at_most_u32(hot->count < UINT32_MAX ? hot->count << downsampling
								   : UINT32_MAX),
	};

	if (b->err)
		return;
	b->host->counters->records++;
	b->host->counters->samples++;
	event->nr_samples++;
	b->err = perfdata_order_push(b->host->order, &a.header, b->time_ns,
				     b->host->in->record_offset, b->event);
}

/* What was skipped, and entries that cannot be, are places that make no sense. */
static uint64_t count_bad(const struct chmu_stream *s)
{
	return s->nr_bad + s->skipped_bytes / 8;
}

int perfdata_hmu_decode(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
			struct perfdata_aux_ring *ring, const struct perfdata_aux_piece *piece,
			size_t nr)
{
	const struct perfdata_event *event = event_of(host->events, aux->pmu_type);
	const struct perfdata_landed *landed = perfdata_aux_landed_at(ring, piece->offset);
	struct batch b = { .aux = aux, .host = host };
	unsigned int unit_log2 = event ? event->config1 >> GRANULE_SHIFT & 0xff : 0;

	if (!event || unit_log2 < CHMU_UNIT_LOG2_MIN || unit_log2 > CHMU_UNIT_LOG2_MAX ||
	    downsampling_of(event) > MAX_DOWNSAMPLING) {
		/* Nobody can say what the entries speak of. */
		host->counters->aux_skipped_bytes += nr;
		return 0;
	}
	b.event = (size_t)(event - host->events->list);
	b.time_ns = landed && landed->time_ns ? landed->time_ns : aux->newest_ns;
	if (!aux->is_hmu_named)
		b.err = queue_name(aux, host, b.event);
	if (piece->offset != ring->hmu_offset)
		chmu_stream_restart(&ring->hmu);
	ring->hmu_offset = piece->offset + nr;
	chmu_stream_feed(&ring->hmu, aux->bytes, nr, unit_log2, take, &b);
	perfdata_aux_forget_until(aux, ring, piece->offset + nr);
	host->counters->aux_broken += count_bad(&ring->hmu) - ring->nr_bad;
	ring->nr_bad = count_bad(&ring->hmu);
	return b.err;
}

/* A sample that stands for what was counted: what was not listed counts as nothing. */
void perfdata_hmu_access(const struct perfdata_aux_access *a, uint64_t time_ns,
			 struct thermo_access *access)
{
	*access = (struct thermo_access){
		.addr = a->vaddr,
		.extent_bytes = 1,
		.time_ns = time_ns,
		.nr_accesses = a->nr_accesses,
		.pid = a->context,
		.cpu = THERMO_CPU_UNKNOWN,
		.node = THERMO_NODE_UNKNOWN,
		.access_bytes = LINE_BYTES,
		.op = a->op,
		.space = THERMO_SPACE_VIRTUAL,
		.level = a->level,
	};
}
