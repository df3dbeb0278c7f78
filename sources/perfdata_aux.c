// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_aux.c - see perfdata_aux.h; what a file can make grow has a bound. */
#include "sources/perfdata_aux.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "sources/perfdata_hmu.h"

#define MAX_RINGS 65536u
#define MAX_LANDED (1u << 20)
/* perf fills a ring's bytes up to a multiple of this, and the next go on before. */
#define MAX_FILLING 8u

/* tools/perf/util/auxtrace.h */
enum {
	KIND_INTEL_PT = 1,
	KIND_INTEL_BTS = 2,
	KIND_CORESIGHT = 3,
	KIND_ARM_SPE = 4,
	KIND_S390_CPUMSF = 5,
	KIND_HISI_PTT = 6,
	KIND_VPA_DTL = 7,
	KIND_RISCV_TRACE = 8,
};

/**
 * struct perfdata_aux_kind - One kind of hardware that fills AUX rings.
 * @info:	What AUXTRACE_INFO says beyond the kind.  Return: 0; -EBADMSG; -ENOMEM.
 * @decode:	@nr bytes of a ring, in aux->bytes.  Return: 0 or -ENOMEM.  NULL: they are skipped.
 * @end:	The last of them were decoded.
 */
struct perfdata_aux_kind {
	uint32_t type;
	const char *name;
	int (*info)(struct perfdata_aux *aux, struct perf_cursor *c);
	int (*decode)(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		      struct perfdata_aux_ring *ring, const struct perfdata_aux_piece *piece,
		      size_t nr);
	void (*end)(struct perfdata_aux_ring *ring);
};

/* --- rings --- */

/* Of a CPU, or, when it was recorded without CPUs, of a thread. */
static uint64_t key_of(bool by_cpu, uint32_t cpu, int32_t tid)
{
	return by_cpu ? cpu : 1ull << 32 | (uint32_t)tid;
}

static int add_ring(struct perfdata_aux *aux, uint64_t key, size_t *index)
{
	struct perfdata_aux_ring *grown;

	if (aux->nr_rings == MAX_RINGS)
		return -E2BIG;
	if ((aux->nr_rings & (aux->nr_rings - 1)) == 0) {
		size_t room = aux->nr_rings ? 2 * aux->nr_rings : 1;

		grown = realloc(aux->rings, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		aux->rings = grown;
	}
	int err = perfdata_map_put(&aux->ring_of, key, aux->nr_rings);

	if (err)
		return err;
	aux->rings[aux->nr_rings] = (struct perfdata_aux_ring){ 0 };
	*index = aux->nr_rings++;
	return 0;
}

/* Return: NULL with *@err: -ENOMEM with a reason; -E2BIG. */
static struct perfdata_aux_ring *ring_of(struct perfdata_aux *aux, uint64_t key, int *err)
{
	uint64_t known;
	size_t index;

	if (perfdata_map_get(&aux->ring_of, key, &known))
		return &aux->rings[known];
	*err = add_ring(aux, key, &index);
	if (*err == 0)
		return &aux->rings[index];
	if (*err == -ENOMEM)
		(void)thermo_fail(*err, "perf.data: no memory for AUX rings");
	return NULL;
}

/* --- what landed --- */

static void forget_landed(struct perfdata_aux *aux, struct perfdata_aux_ring *ring, size_t nr)
{
	memmove(ring->landed, ring->landed + nr, (ring->nr_landed - nr) * sizeof(*ring->landed));
	ring->nr_landed -= nr;
	aux->nr_landed -= nr;
}

static int add_landed(struct perfdata_aux *aux, struct perfdata_aux_ring *ring,
		      const struct perfdata_landed *new)
{
	if (ring->nr_landed && new->offset < ring->landed[ring->nr_landed - 1].offset)
		forget_landed(aux, ring, ring->nr_landed); /* it began anew */
	if (aux->nr_landed == MAX_LANDED)
		return 0; /* times and threads are known less exactly then */
	if (ring->nr_landed == ring->room) {
		size_t room = ring->room ? 2 * ring->room : 16;
		struct perfdata_landed *grown = realloc(ring->landed, room * sizeof(*grown));

		if (!grown)
			return thermo_fail(-ENOMEM, "perf.data: no memory for AUX records");
		ring->landed = grown;
		ring->room = room;
	}
	ring->landed[ring->nr_landed++] = *new;
	aux->nr_landed++;
	return 0;
}

const struct perfdata_landed *perfdata_aux_landed_at(const struct perfdata_aux_ring *ring,
						     uint64_t offset)
{
	size_t low = 0, high = ring->nr_landed;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ring->landed[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || offset - ring->landed[low - 1].offset >= ring->landed[low - 1].bytes)
		return NULL;
	return &ring->landed[low - 1];
}

void perfdata_aux_forget_until(struct perfdata_aux *aux, struct perfdata_aux_ring *ring,
			       uint64_t offset)
{
	size_t nr = 0;

	while (nr < ring->nr_landed && ring->landed[nr].offset < offset &&
	       ring->landed[nr].bytes <= offset - ring->landed[nr].offset)
		nr++;
	if (nr)
		forget_landed(aux, ring, nr);
}

int perfdata_aux_see(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		     const struct perf_format *format, const struct perf_record *r)
{
	const uint64_t bad =
			PERF_AUX_FLAG_TRUNCATED | PERF_AUX_FLAG_PARTIAL | PERF_AUX_FLAG_COLLISION;
	bool has_cpu = format->sample_type & PERF_SAMPLE_CPU;
	struct perfdata_aux_ring *ring;
	int err = 0;

	if (r->sample_id.time_ns != UINT64_MAX && r->sample_id.time_ns > aux->newest_ns)
		aux->newest_ns = r->sample_id.time_ns;
	if (r->type != PERF_RECORD_AUX)
		return 0;
	host->counters->aux_gaps += !!(r->aux.flags & bad);
	if (!aux->kind || !aux->kind->decode || !format->sample_id_all)
		return 0;
	const struct perfdata_landed landed = {
		.offset = r->aux.offset,
		.bytes = r->aux.bytes,
		.time_ns = r->sample_id.time_ns == UINT64_MAX ? 0 : r->sample_id.time_ns,
		.tid = r->sample_id.tid,
		.cpu = has_cpu ? r->sample_id.cpu : THERMO_CPU_UNKNOWN,
	};

	ring = ring_of(aux, key_of(has_cpu, landed.cpu, landed.tid), &err);
	if (!ring)
		return err == -E2BIG ? 0 : err;
	return add_landed(aux, ring, &landed);
}

/* --- Arm SPE --- */

#define SPE_INFO_V1_WORDS 2u
#define SPE_CPU_MAGIC 0x1010101010101010ull

/* One CPU: a mark, its number, how many words follow, MIDR, PMU, ... . */
static int take_spe_cpu(struct perfdata_aux *aux, struct perf_cursor *c)
{
	uint64_t magic = perf_take_u64(c), cpu = perf_take_u64(c), nr = perf_take_u64(c);
	struct perf_words words = perf_take_words(c, nr);
	int err = 0;

	if (c->short_of_data || magic != SPE_CPU_MAGIC)
		return -EBADMSG;
	if (words.nr > 0)
		err = perfdata_map_put(&aux->midr_of_cpu, cpu, perf_word(&words, 0));
	if (words.nr > 1 && !err)
		err = perfdata_map_put(&aux->pmu_of_cpu, cpu, perf_word(&words, 1));
	if (words.nr > 0 && (aux->midr == 0 || aux->midr == perf_word(&words, 0)))
		aux->midr = perf_word(&words, 0);
	else
		aux->midr = UINT64_MAX; /* not alike: no core has this one */
	return err;
}

/* Of an older perf: the PMU's type, and whether there is a ring a CPU. */
static int take_spe_info(struct perfdata_aux *aux, struct perf_cursor *c)
{
	if (c->left == 8ull * SPE_INFO_V1_WORDS) {
		aux->pmu_type = perf_take_u64(c);
		return 0;
	}
	(void)perf_take_u64(c); /* version */
	uint64_t header_words = perf_take_u64(c);

	aux->pmu_type = perf_take_u64(c);
	uint64_t nr_cpus = perf_take_u64(c);

	if (header_words < 4 || header_words > c->left / 8 + 4)
		return -EBADMSG;
	(void)perf_take_words(c, header_words - 4); /* of a newer version */
	for (uint64_t i = 0; i < nr_cpus && !c->short_of_data; i++) {
		int err = take_spe_cpu(aux, c);

		if (err)
			return err;
	}
	return c->short_of_data ? -EBADMSG : 0;
}

static enum spe_numbering spe_numbering_on(const struct perfdata_aux *aux,
					   const struct perfdata_machine *machine, uint32_t cpu)
{
	uint64_t midr = aux->midr;

	(void)perfdata_map_get(&aux->midr_of_cpu, cpu, &midr);
	/* An older perf tells only of one CPU which it is, in the header. */
	if (midr == 0)
		midr = strtoull(machine->cpuid, NULL, 16);
	return spe_numbering_of(midr);
}

/* By the PMU of its CPU; there may be several, of unlike cores.  Return: an index. */
static size_t event_on(const struct perfdata_aux *aux, const struct perfdata_events *events,
		       uint32_t cpu)
{
	uint64_t type = aux->pmu_type;

	(void)perfdata_map_get(&aux->pmu_of_cpu, cpu, &type);
	for (size_t i = 0; i < events->nr; i++)
		if (events->list[i].type == type)
			return i;
	return 0;
}

/* What one record after the other has in common. */
struct spe_piece {
	struct perfdata_aux *aux;
	const struct perfdata_aux_host *host;
	const struct perfdata_aux_piece *piece;
	const struct perfdata_landed *landed;
	bool looked; /* at what is of @cpu */
	uint32_t cpu;
	size_t event;
	enum spe_numbering numbering;
};

static void look_at_cpu(struct spe_piece *s)
{
	uint32_t cpu = s->piece->cpu >= 0 ? (uint32_t)s->piece->cpu
		       : s->landed        ? s->landed->cpu
					  : THERMO_CPU_UNKNOWN;

	if (s->looked && s->cpu == cpu)
		return;
	s->looked = true;
	s->cpu = cpu;
	s->event = event_on(s->aux, s->host->events, cpu);
	s->numbering = spe_numbering_on(s->aux, s->host->machine, cpu);
}

/* Files of machines whose clock is not told of, or of another one, have the ring's times. */
static uint64_t spe_time_ns(const struct spe_piece *s, const struct spe_record *r)
{
	uint64_t time_ns = 0;

	if (r->has & SPE_HAS_TIME && !s->host->events->list[s->event].own_clock)
		time_ns = perfdata_clock_ns(&s->host->machine->clock, r->time);
	if (time_ns == 0 && s->landed)
		time_ns = s->landed->time_ns;
	return time_ns ? time_ns : s->aux->newest_ns;
}

static int queue_spe(struct spe_piece *s, const struct spe_record *r)
{
	const struct perfdata_landed *landed = s->landed;
	struct perfdata_aux_access a = {
		.header = { .type = PERFDATA_AUXTRACE, .size = sizeof(a) },
		.vaddr = r->vaddr,
		.paddr = r->paddr,
		.pc = r->pc,
		.context = r->context > INT32_MAX ? 0 : (int32_t)r->context,
		.tid = s->piece->tid > 0 ? s->piece->tid
		       : landed          ? landed->tid
					 : 0,
		.tid_is_certain = s->piece->tid > 0,
		.latency_cycles = r->total_cycles,
		.op = (uint8_t)spe_record_op(r),
	};

	look_at_cpu(s);
	a.cpu = s->cpu;
	a.level = (uint8_t)spe_record_level(r, s->numbering);
	s->host->counters->records++;
	s->host->counters->samples++;
	s->host->events->list[s->event].nr_samples++;
	return perfdata_order_push(s->host->order, &a.header, spe_time_ns(s, r),
				   s->host->in->record_offset, s->event);
}

/* Bytes that fill a piece up are padding, and not of the ring. */
static void seek_spe(struct spe_decoder *d, uint64_t offset)
{
	if (d->nr_kept == 0 && offset < d->offset && d->offset - offset < MAX_FILLING)
		d->offset = offset;
	spe_decoder_seek(d, offset);
}

static int decode_spe(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		      struct perfdata_aux_ring *ring, const struct perfdata_aux_piece *piece,
		      size_t nr)
{
	struct spe_piece s = { .aux = aux, .host = host, .piece = piece };
	struct spe_record r;
	int err = 0;

	seek_spe(&ring->spe, piece->offset);
	spe_decoder_give(&ring->spe, aux->bytes, nr);
	while (!err && spe_decoder_next(&ring->spe, &r)) {
		if (!spe_record_is_access(&r)) {
			host->counters->aux_other++;
			continue;
		}
		if (!s.landed || r.offset - s.landed->offset >= s.landed->bytes)
			s.landed = perfdata_aux_landed_at(ring, r.offset);
		err = queue_spe(&s, &r);
	}
	if (!err)
		perfdata_aux_forget_until(aux, ring,
					  ring->spe.seen ? ring->spe.record.offset
							 : ring->spe.offset);
	host->counters->aux_broken += ring->spe.nr_broken + ring->spe.nr_cut - ring->nr_bad;
	ring->nr_bad = ring->spe.nr_broken + ring->spe.nr_cut;
	return err;
}

static void end_spe(struct perfdata_aux_ring *ring)
{
	spe_decoder_seek(&ring->spe, UINT64_MAX);
}

/* --- all kinds --- */

static const struct perfdata_aux_kind kinds[] = {
	{ .type = KIND_ARM_SPE,
	  .name = "Arm SPE",
	  .info = take_spe_info,
	  .decode = decode_spe,
	  .end = end_spe },
	{ .type = KIND_INTEL_PT, .name = "Intel PT" },
	{ .type = KIND_INTEL_BTS, .name = "Intel BTS" },
	{ .type = KIND_CORESIGHT, .name = "Arm CoreSight" },
	{ .type = KIND_S390_CPUMSF, .name = "s390 CPU-measurement sampling" },
	{ .type = KIND_HISI_PTT, .name = "HiSilicon PCIe trace" },
	{ .type = KIND_VPA_DTL, .name = "PowerPC dispatch trace log" },
	{ .type = KIND_RISCV_TRACE, .name = "RISC-V trace" },
};

/* By the name of its PMU: its number is another kind's. */
static const struct perfdata_aux_kind hmu_kind = { .name = PERFDATA_HMU_KIND,
						   .decode = perfdata_hmu_decode };

static const struct perfdata_aux_kind unknown_kind = { .name = "an unknown kind" };

const char *perfdata_aux_kind_name(const struct perfdata_aux *aux)
{
	return aux->kind ? aux->kind->name : "";
}

/* All that a hotness unit's says is the type of its PMU. */
static bool is_hmu(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		   struct perf_cursor c)
{
	uint64_t type = perf_take_u64(&c);

	if (!perfdata_hmu_is(host->machine, host->events, type))
		return false;
	aux->pmu_type = type;
	return true;
}

int perfdata_aux_take_info(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
			   const struct perf_event_header *record)
{
	struct perf_cursor c = { (const unsigned char *)(record + 1),
				 record->size - sizeof(*record), host->in->swap, false };
	uint32_t type = perf_take_u32(&c);
	int err = 0;

	(void)perf_take_u32(&c);
	if (c.short_of_data)
		return perfdata_input_bad(host->in->record_offset, "AUXTRACE_INFO of %u bytes",
					  record->size);
	aux->kind = &unknown_kind;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].type == type)
			aux->kind = &kinds[i];
	if (c.left == 8 && is_hmu(aux, host, c))
		aux->kind = &hmu_kind;
	if (aux->kind->info)
		err = aux->kind->info(aux, &c);
	if (err == -ENOMEM)
		return thermo_fail(err, "perf.data: no memory");
	/* What it says of CPUs is missing then; the bytes of the rings can be decoded. */
	host->counters->bad_features += err != 0;
	return 0;
}

static int decode(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		  struct perfdata_aux_piece *piece)
{
	struct perfdata_aux_ring *ring;
	ssize_t n;
	int err = 0;

	ring = ring_of(aux, key_of(piece->cpu >= 0, (uint32_t)piece->cpu, piece->tid), &err);
	if (err == -E2BIG)
		host->counters->aux_skipped_bytes += piece->bytes;
	if (!ring)
		return err == -E2BIG ? 0 : err;
	while ((n = perfdata_input_attached(host->in, aux->bytes, sizeof(aux->bytes))) > 0) {
		err = aux->kind->decode(aux, host, ring, piece, (size_t)n);
		if (err)
			return err;
		piece->offset += (uint64_t)n;
	}
	return (int)n;
}

int perfdata_aux_take(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
		      const struct perf_event_header *record)
{
	struct perf_cursor c = { (const unsigned char *)(record + 1),
				 record->size - sizeof(*record), host->in->swap, false };
	struct perfdata_aux_piece piece = { .bytes = perf_take_u64(&c) };

	piece.offset = perf_take_u64(&c);
	(void)perf_take_u64(&c); /* reference */
	(void)perf_take_u32(&c); /* index */
	piece.tid = (int32_t)perf_take_u32(&c);
	piece.cpu = (int32_t)perf_take_u32(&c);
	if (c.short_of_data)
		return perfdata_input_bad(host->in->record_offset, "AUXTRACE of %u bytes",
					  record->size);
	if (!aux->kind)
		aux->kind = &unknown_kind;
	if (aux->kind->decode && host->events->nr)
		return decode(aux, host, &piece);
	host->counters->aux_skipped_bytes += piece.bytes;
	return 0;
}

void perfdata_aux_end(struct perfdata_aux *aux, const struct perfdata_aux_host *host)
{
	for (size_t i = 0; i < aux->nr_rings && aux->kind->end; i++) {
		struct perfdata_aux_ring *ring = &aux->rings[i];

		aux->kind->end(ring);
		host->counters->aux_broken += ring->spe.nr_broken + ring->spe.nr_cut - ring->nr_bad;
		ring->nr_bad = ring->spe.nr_broken + ring->spe.nr_cut;
	}
}

/* --- who it was --- */

static int32_t thread_of(const struct perfdata_aux *aux, const struct perfdata_aux_access *a)
{
	int32_t running = 0;

	if (a->context)
		return a->context;
	if (a->tid_is_certain)
		return a->tid;
	if (a->cpu != THERMO_CPU_UNKNOWN)
		running = perfdata_threads_on(&aux->threads, a->cpu);
	return running ? running : a->tid;
}

void perfdata_aux_sample_of(const struct perfdata_aux *aux, const struct perfdata_event *event,
			    const struct perfdata_aux_access *a, uint64_t time_ns,
			    struct perf_sample *s)
{
	int32_t tid = thread_of(aux, a);

	*s = (struct perf_sample){
		.ip = a->pc,
		.time_ns = time_ns,
		.addr = a->vaddr,
		.phys_addr = a->paddr,
		.period = event->period,
		.latency_cycles = a->latency_cycles,
		.pid = perfdata_threads_process_of(&aux->threads, tid),
		.tid = tid,
		.cpu = a->cpu,
	};
}

void perfdata_aux_fini(struct perfdata_aux *aux)
{
	for (size_t i = 0; i < aux->nr_rings; i++)
		free(aux->rings[i].landed);
	free(aux->rings);
	perfdata_map_fini(&aux->midr_of_cpu);
	perfdata_map_fini(&aux->pmu_of_cpu);
	perfdata_map_fini(&aux->ring_of);
	perfdata_threads_fini(&aux->threads);
	*aux = (struct perfdata_aux){ 0 };
}
