// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfdata_write.c - records into a buffer, the buffer into the file, then how much there
 * is into the header: whenever we are killed, the header tells of whole records only.
 */
#include "sources/perfdata_write.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "sources/data_src.h"
#include "sources/perfdata_input.h"
#include "sources/perfdata_machine.h"

#define BUFFER_BYTES (1u << 20)
#define NAME_BYTES 4096u /* of a mapping, cut there */
#define FEATURE_STRING_ALIGN 64u

#define SAMPLE_TYPE                                                                                \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |            \
	 PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_WEIGHT |            \
	 PERF_SAMPLE_DATA_SRC | PERF_SAMPLE_PHYS_ADDR)

/* --- the file's layout; tools/perf/Documentation/perf.data-file-format.txt --- */

struct section {
	uint64_t offset;
	uint64_t bytes;
};

struct file_header {
	char magic[8];
	uint64_t header_bytes;
	uint64_t attr_bytes;
	struct section attrs;
	struct section data;
	struct section event_types; /* of long ago */
	uint64_t features[PERFDATA_NR_FEATURES / 64];
};

struct file_attr {
	struct perf_event_attr attr;
	struct section ids;
};

/* SAMPLE_TYPE, in the kernel's order. */
struct sample_record {
	struct perf_event_header header;
	uint64_t id;
	uint64_t ip;
	int32_t pid;
	int32_t tid;
	uint64_t time_ns;
	uint64_t addr;
	uint32_t cpu;
	uint32_t reserved;
	uint64_t period;
	uint64_t weight;
	uint64_t data_src;
	uint64_t phys_addr;
};

/* What ends a record that is no sample. */
struct record_end {
	int32_t pid;
	int32_t tid;
	uint64_t time_ns;
	uint32_t cpu;
	uint32_t reserved;
	uint64_t id;
};

struct event {
	char name[64];
	uint64_t id;
};

struct perfdata_writer {
	int fd;
	int err; /* the first */
	char reason[256];
	struct file_header header;
	size_t nr_events;
	struct event events[PERFDATA_WRITE_MAX_EVENTS];
	int16_t event_of[UINT8_MAX + 1]; /* by source; -1: none */
	uint64_t first_ns;
	uint64_t newest_ns;
	uint64_t marked_ns; /* the newest when the last round was marked */
	struct perfdata_write_counters counters;
	uint64_t file_bytes;
	size_t len;
	unsigned char buffer[BUFFER_BYTES];
};

/* --- into the file --- */

static void fail(struct perfdata_writer *w, int err)
{
	if (w->err)
		return;
	w->err = thermo_fail(err, "perf.data: writing at %llu: %s",
			     (unsigned long long)w->file_bytes, strerror(-err));
	(void)snprintf(w->reason, sizeof(w->reason), "%s", thermo_last_error());
}

static void write_at(struct perfdata_writer *w, const void *data, size_t bytes, uint64_t at)
{
	while (bytes > 0 && !w->err) {
		ssize_t n = pwrite(w->fd, data, bytes, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(w, n < 0 ? -errno : -ENOSPC);
			return;
		}
		data = (const char *)data + n;
		bytes -= (size_t)n;
		at += (uint64_t)n;
	}
}

static void flush(struct perfdata_writer *w)
{
	write_at(w, w->buffer, w->len, w->file_bytes);
	if (!w->err)
		w->file_bytes += w->len;
	w->len = 0;
}

/* Room for a record or a part of a feature; who asked fills it. */
static void *reserve(struct perfdata_writer *w, size_t bytes)
{
	if (w->len + bytes > sizeof(w->buffer))
		flush(w);
	w->len += bytes;
	return w->buffer + w->len - bytes;
}

static void put(struct perfdata_writer *w, const void *data, size_t bytes)
{
	memcpy(reserve(w, bytes), data, bytes);
}

/* The records that the file holds now are good. */
static void write_header(struct perfdata_writer *w)
{
	w->header.data.bytes = w->file_bytes - w->header.data.offset;
	write_at(w, &w->header, sizeof(w->header), 0);
}

/* --- records --- */

static struct perf_event_header header_of(uint32_t type, uint16_t misc, size_t bytes)
{
	return (struct perf_event_header){ .type = type, .misc = misc, .size = (uint16_t)bytes };
}

/* Of what was there before the first sample: at no time, and of the first event. */
static void put_end(struct perfdata_writer *w, int32_t pid, int32_t tid, uint64_t time_ns,
		    uint64_t id)
{
	const struct record_end end = { .pid = pid, .tid = tid, .time_ns = time_ns, .id = id };

	put(w, &end, sizeof(end));
}

static size_t padded(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

static void put_text(struct perfdata_writer *w, const char *text, size_t bytes, size_t room)
{
	char *out = reserve(w, room);

	memset(out, 0, room);
	memcpy(out, text, bytes);
}

void perfdata_write_access(struct perfdata_writer *w, const struct thermo_access *a)
{
	bool physical = a->space == THERMO_SPACE_PHYSICAL;
	int event = w->event_of[a->source];
	int32_t pid = a->pid > 0 ? a->pid : -1;

	if (a->nr_accesses == 0 || event < 0) {
		w->counters.negative += a->nr_accesses == 0;
		w->counters.no_event += a->nr_accesses != 0;
		return;
	}
	*(struct sample_record *)reserve(w, sizeof(struct sample_record)) = (struct sample_record){
		.header = header_of(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER,
				    sizeof(struct sample_record)),
		.id = w->events[event].id,
		.pid = pid,
		.tid = a->tid > 0 ? a->tid : pid,
		.time_ns = a->time_ns,
		.addr = physical ? 0 : a->addr,
		.cpu = a->cpu,
		.period = a->nr_accesses,
		.weight = a->latency_ns,
		.data_src = data_src_make(a->op, a->level),
		.phys_addr = physical ? a->addr : 0,
	};
	if (w->counters.samples++ == 0 || a->time_ns < w->first_ns)
		w->first_ns = a->time_ns;
	if (a->time_ns > w->newest_ns)
		w->newest_ns = a->time_ns;
}

void perfdata_write_name(struct perfdata_writer *w, int32_t pid, int32_t tid, const char *name)
{
	struct perf_event_header header = { 0 };
	const int32_t who[] = { pid, tid };
	size_t len = strnlen(name, 15), room = padded(len + 1, 8);

	header = header_of(PERF_RECORD_COMM, 0,
			   sizeof(header) + sizeof(who) + room + sizeof(struct record_end));
	put(w, &header, sizeof(header));
	put(w, who, sizeof(who));
	put_text(w, name, len, room);
	put_end(w, pid, tid, 0, 0);
}

void perfdata_write_mapping(struct perfdata_writer *w, int32_t pid,
			    const struct perfdata_write_mapping *m)
{
	const struct {
		int32_t pid, tid;
		uint64_t start, bytes, file_offset;
		uint32_t device_major, device_minor;
		uint64_t inode, generation;
		uint32_t prot, flags;
	} body = { pid,
		   pid,
		   m->start,
		   m->end - m->start,
		   m->file_offset,
		   m->device_major,
		   m->device_minor,
		   m->inode,
		   0,
		   m->prot,
		   m->flags };
	const char *name = m->name[0] ? m->name : "//anon";
	size_t len = strnlen(name, NAME_BYTES - 1), room = padded(len + 1, 8);
	uint16_t misc = PERF_RECORD_MISC_USER;

	/* No code can be in it: perf keeps those apart. */
	if (!(m->prot & 4))
		misc |= PERF_RECORD_MISC_MMAP_DATA;
	struct perf_event_header header =
			header_of(PERF_RECORD_MMAP2, misc,
				  sizeof(header) + sizeof(body) + room + sizeof(struct record_end));

	put(w, &header, sizeof(header));
	put(w, &body, sizeof(body));
	put_text(w, name, len, room);
	put_end(w, pid, pid, 0, 0);
}

void perfdata_write_lost(struct perfdata_writer *w, uint8_t source, uint64_t nr)
{
	int event = w->event_of[source];

	if (event < 0 || nr == 0)
		return;
	const uint64_t body[] = { w->events[event].id, nr };
	struct perf_event_header header =
			header_of(PERF_RECORD_LOST, 0,
				  sizeof(header) + sizeof(body) + sizeof(struct record_end));

	put(w, &header, sizeof(header));
	put(w, body, sizeof(body));
	put_end(w, 0, 0, w->newest_ns, w->events[event].id);
}

int perfdata_write_round(struct perfdata_writer *w)
{
	const struct perf_event_header mark = header_of(PERFDATA_FINISHED_ROUND, 0, sizeof(mark));

	if (w->newest_ns > w->marked_ns) {
		put(w, &mark, sizeof(mark));
		w->marked_ns = w->newest_ns;
	}
	return perfdata_write_flush(w);
}

int perfdata_write_flush(struct perfdata_writer *w)
{
	if (w->len) {
		flush(w);
		write_header(w);
	}
	return w->err ? thermo_fail(w->err, "%s", w->reason) : 0;
}

/* --- the beginning --- */

static struct perf_event_attr attr_of(const struct event *event)
{
	/* Of no PMU that perf knows; so all that is in a sample is shown by default. */
	return (struct perf_event_attr){
		.type = PERF_TYPE_RAW,
		.size = sizeof(struct perf_event_attr),
		.config = event->id, /* its name, until that is written */
		.sample_period = 1,  /* each sample tells its own */
		.sample_type = SAMPLE_TYPE,
		.sample_id_all = 1,
		.mmap = 1,
		.mmap2 = 1,
		.mmap_data = 1,
		.comm = 1,
		.exclude_guest = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

/* Weights are nanoseconds: to who makes nanoseconds of cycles, one is a cycle. */
static void put_time_conv(struct perfdata_writer *w)
{
	const uint64_t shift_mult_zero[] = { 0, 1, 0 };
	const struct perf_event_header header =
			header_of(PERFDATA_TIME_CONV, 0, sizeof(header) + sizeof(shift_mult_zero));

	put(w, &header, sizeof(header));
	put(w, shift_mult_zero, sizeof(shift_mult_zero));
}

static void begin(struct perfdata_writer *w)
{
	uint64_t ids = sizeof(struct file_header), attrs = ids + 8 * w->nr_events;

	w->header = (struct file_header){
		.magic = "PERFILE2",
		.header_bytes = sizeof(struct file_header),
		.attr_bytes = sizeof(struct file_attr),
		.attrs = { attrs, w->nr_events * sizeof(struct file_attr) },
		.data.offset = attrs + w->nr_events * sizeof(struct file_attr),
	};
	put(w, &w->header, sizeof(w->header));
	for (size_t i = 0; i < w->nr_events; i++)
		put(w, &w->events[i].id, sizeof(w->events[i].id));
	for (size_t i = 0; i < w->nr_events; i++) {
		const struct file_attr a = { attr_of(&w->events[i]), { ids + 8 * i, 8 } };

		put(w, &a, sizeof(a));
	}
	put_time_conv(w);
}

int perfdata_writer_new(struct perfdata_writer **out, int fd,
			const struct perfdata_write_event *events, size_t nr_events)
{
	struct perfdata_writer *w;

	if (nr_events == 0 || nr_events > PERFDATA_WRITE_MAX_EVENTS)
		return thermo_fail(-EINVAL, "perf.data: %zu events: 1 to %d can be written",
				   nr_events, PERFDATA_WRITE_MAX_EVENTS);
	if (lseek(fd, 0, SEEK_CUR) < 0)
		return thermo_fail(-errno,
				   "perf.data: %s: its header is written again and again: "
				   "name a file",
				   strerror(errno));
	w = calloc(1, sizeof(*w));
	if (!w)
		return thermo_fail(-ENOMEM, "perf.data: no memory");
	w->fd = fd;
	memset(w->event_of, -1, sizeof(w->event_of));
	for (size_t i = 0; i < nr_events; i++) {
		(void)snprintf(w->events[i].name, sizeof(w->events[i].name), "%s", events[i].name);
		w->events[i].id = i + 1;
		w->event_of[events[i].source] = (int16_t)i;
	}
	w->nr_events = nr_events;
	begin(w);
	*out = w;
	return perfdata_write_round(w);
}

void perfdata_writer_free(struct perfdata_writer *w)
{
	free(w);
}

/* --- the end: what perf calls features --- */

enum {
	FEATURE_VERSION = 5,
	FEATURE_CMDLINE = 11,
};

static void put_u32(struct perfdata_writer *w, uint32_t value)
{
	put(w, &value, sizeof(value));
}

static void put_string(struct perfdata_writer *w, const char *text)
{
	size_t len = strlen(text);

	len = len < NAME_BYTES ? len : NAME_BYTES;

	size_t room = padded(len + 1, FEATURE_STRING_ALIGN);

	put_u32(w, (uint32_t)room);
	put_text(w, text, len, room);
}

static void put_descriptions(struct perfdata_writer *w)
{
	put_u32(w, (uint32_t)w->nr_events);
	put_u32(w, sizeof(struct perf_event_attr));
	for (size_t i = 0; i < w->nr_events; i++) {
		const struct perf_event_attr attr = attr_of(&w->events[i]);

		put(w, &attr, sizeof(attr));
		put_u32(w, 1);
		put_string(w, w->events[i].name);
		put(w, &w->events[i].id, sizeof(w->events[i].id));
	}
}

static void put_cmdline(struct perfdata_writer *w, char *const *argv)
{
	uint32_t nr = 0;

	while (argv[nr])
		nr++;
	put_u32(w, nr + 1);
	put_string(w, "thermocline");
	for (uint32_t i = 0; i < nr; i++)
		put_string(w, argv[i]);
}

static void put_feature(struct perfdata_writer *w, int feature, const struct utsname *uts,
			char *const *argv)
{
	switch (feature) {
	case PERFDATA_FEATURE_HOSTNAME:
		put_string(w, uts->nodename);
		break;
	case PERFDATA_FEATURE_OSRELEASE:
		put_string(w, uts->release);
		break;
	case FEATURE_VERSION:
		put_string(w, "thermocline " THERMO_VERSION);
		break;
	case PERFDATA_FEATURE_ARCH:
		put_string(w, uts->machine);
		break;
	case PERFDATA_FEATURE_NRCPUS:
		put_u32(w, (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
		put_u32(w, (uint32_t)sysconf(_SC_NPROCESSORS_ONLN));
		break;
	case FEATURE_CMDLINE:
		put_cmdline(w, argv);
		break;
	case PERFDATA_FEATURE_EVENT_DESC:
		put_descriptions(w);
		break;
	case PERFDATA_FEATURE_SAMPLE_TIME:
		put(w, &w->first_ns, sizeof(w->first_ns));
		put(w, &w->newest_ns, sizeof(w->newest_ns));
		break;
	default:
		break;
	}
}

int perfdata_write_end(struct perfdata_writer *w, char *const *argv)
{
	static const int features[] = {
		PERFDATA_FEATURE_HOSTNAME,   PERFDATA_FEATURE_OSRELEASE,  FEATURE_VERSION,
		PERFDATA_FEATURE_ARCH,       PERFDATA_FEATURE_NRCPUS,     FEATURE_CMDLINE,
		PERFDATA_FEATURE_EVENT_DESC, PERFDATA_FEATURE_SAMPLE_TIME
	};
	enum { NR = sizeof(features) / sizeof(features[0]) };
	struct section where[NR] = { 0 };
	struct utsname uts = { 0 };
	uint64_t table;

	(void)perfdata_write_round(w);
	(void)uname(&uts);
	table = w->file_bytes;
	put(w, where, sizeof(where));
	for (size_t i = 0; i < NR; i++) {
		where[i].offset = w->file_bytes + w->len;
		put_feature(w, features[i], &uts, argv);
		where[i].bytes = w->file_bytes + w->len - where[i].offset;
		w->header.features[features[i] / 64] |= 1ull << (features[i] % 64);
	}
	flush(w);
	write_at(w, where, sizeof(where), table);
	/* Last: until now the header spoke of records only. */
	write_at(w, &w->header, sizeof(w->header), 0);
	return w->err ? thermo_fail(w->err, "%s", w->reason) : 0;
}

const struct perfdata_write_counters *perfdata_writer_counters(const struct perfdata_writer *w)
{
	return &w->counters;
}

uint64_t perfdata_writer_bytes(const struct perfdata_writer *w)
{
	return w->file_bytes;
}
