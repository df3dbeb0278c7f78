// SPDX-License-Identifier: GPL-2.0-or-later
/* damon_events.c - perf events of aggregations, of CPUs that come and go. */
#include "sources/damon_events.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "core/error.h"
#include "sources/online_cpus.h"
#include "sources/perf_ring.h"

#define SAMPLE_TYPE (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW)

struct damon_cpu_event {
	int cpu;
	struct perf_event_fd event;
};

static int find_tracepoint(const struct thermo_host *host,
			   struct tracepoint_field fields[DAMON_NR_FIELDS], uint64_t *id)
{
	fields[DAMON_TARGET] = (struct tracepoint_field){ .name = "target_id" };
	fields[DAMON_START] = (struct tracepoint_field){ .name = "start" };
	fields[DAMON_END] = (struct tracepoint_field){ .name = "end" };
	fields[DAMON_NR_ACCESSES] = (struct tracepoint_field){ .name = "nr_accesses" };
	int64_t found = tracepoint_find(host, "damon", "damon_aggregated", fields, DAMON_NR_FIELDS);

	if (found < 0)
		return (int)found;
	*id = (uint64_t)found;
	return 0;
}

int damon_events_probe(const struct thermo_host *host)
{
	struct tracepoint_field fields[DAMON_NR_FIELDS];
	uint64_t id;

	return find_tracepoint(host, fields, &id);
}

static int open_cpu(struct damon_events *ev, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = ev->id,
		.sample_period = 1,
		.sample_type = SAMPLE_TYPE,
		.disabled = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	struct damon_cpu_event *more = realloc(ev->cpus, (ev->nr_cpus + 1) * sizeof(*more)), *c;
	int err;

	if (!more)
		return thermo_fail(-ENOMEM, "damon: no memory");
	ev->cpus = more;
	c = &more[ev->nr_cpus];
	*c = (struct damon_cpu_event){ .cpu = cpu, .event.fd = -1 };
	err = perf_event_fd_open(&c->event, ev->host, &attr, cpu, ev->buffer_bytes,
				 "damon: aggregations");
	if (!err && ev->enabled)
		err = perf_event_fd_enable(&c->event);
	if (err)
		perf_event_fd_close(&c->event);
	else
		ev->nr_cpus++;
	return err;
}

/* What the rings held was taken. */
static void close_gone(struct damon_events *ev)
{
	size_t kept = 0;

	for (size_t i = 0; i < ev->nr_cpus; i++) {
		if (hwloc_bitmap_isset(ev->online, (unsigned int)ev->cpus[i].cpu))
			ev->cpus[kept++] = ev->cpus[i];
		else
			perf_event_fd_close(&ev->cpus[i].event);
	}
	ev->nr_cpus = kept;
}

int damon_events_follow_cpus(struct damon_events *ev)
{
	hwloc_bitmap_t come = hwloc_bitmap_alloc();
	int changed = come ? online_cpus_follow(ev->host, ev->online, come)
			   : thermo_fail(-ENOMEM, "damon: no memory");
	int err = changed < 0 ? changed : 0;

	if (changed > 0)
		close_gone(ev);
	for (int cpu = changed > 0 ? hwloc_bitmap_first(come) : -1; cpu >= 0 && !err;
	     cpu = hwloc_bitmap_next(come, cpu)) {
		err = open_cpu(ev, cpu);
		/* It went while we looked. */
		err = err == -ENODEV && ev->nr_cpus ? 0 : err;
	}
	hwloc_bitmap_free(come);
	return err;
}

int damon_events_open(struct damon_events *ev, const struct thermo_host *host, size_t buffer_bytes)
{
	int err;

	ev->host = host;
	ev->buffer_bytes = buffer_bytes;
	err = find_tracepoint(host, ev->fields, &ev->id);
	if (err)
		return err;
	ev->record = malloc(PERF_RECORD_MAX_BYTES);
	ev->online = hwloc_bitmap_alloc();
	if (!ev->record || !ev->online)
		return thermo_fail(-ENOMEM, "damon: no memory");
	return damon_events_follow_cpus(ev);
}

void damon_events_close(struct damon_events *ev)
{
	for (size_t i = 0; i < ev->nr_cpus; i++)
		perf_event_fd_close(&ev->cpus[i].event);
	hwloc_bitmap_free(ev->online);
	free(ev->cpus);
	free(ev->record);
	*ev = (struct damon_events){ 0 };
}

int damon_events_enable(struct damon_events *ev)
{
	int err = 0;

	ev->enabled = true;
	for (size_t i = 0; i < ev->nr_cpus && !err; i++)
		err = perf_event_fd_enable(&ev->cpus[i].event);
	return err;
}

static const struct perf_format sample_format = { .sample_type = SAMPLE_TYPE };

/* Return: 1; 0 when the record is none; -errno. */
static int decode(const struct damon_events *ev, struct damon_aggregation *out,
		  struct thermo_source_counters *counters)
{
	const struct perf_event_header *header = (const void *)ev->record;
	uint64_t values[DAMON_NR_FIELDS];
	struct perf_sample s;
	int err;

	if (header->type != PERF_RECORD_SAMPLE) {
		counters->lost += perf_record_lost(header);
		return 0;
	}
	err = perf_sample_decode(header, &sample_format, &s);
	if (err)
		return err;
	counters->seen++;
	for (int i = 0; i < DAMON_NR_FIELDS; i++)
		if (!tracepoint_value(&ev->fields[i], s.raw.data, (uint32_t)s.raw.nr, &values[i])) {
			counters->useless++;
			return 0;
		}
	*out = (struct damon_aggregation){
		.time_ns = s.time_ns,
		.target = values[DAMON_TARGET],
		.start = values[DAMON_START],
		.end = values[DAMON_END],
		.nr_accesses = values[DAMON_NR_ACCESSES],
	};
	return 1;
}

int damon_events_next(struct damon_events *ev, struct damon_aggregation *out,
		      struct thermo_source_counters *counters)
{
	while (ev->at < ev->nr_cpus) {
		int n = perf_ring_next(&ev->cpus[ev->at].event.ring, ev->record,
				       PERF_RECORD_MAX_BYTES);

		if (n > 0)
			n = decode(ev, out, counters);
		else if (n == 0)
			ev->at++;
		if (n)
			return n;
	}
	ev->at = 0;
	return 0;
}
