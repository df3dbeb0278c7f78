/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_input.h - the bytes of perf.data: records one after the other, also those that
 * lie compressed in others, with headers in our byte order.
 */
#ifndef SOURCES_PERFDATA_INPUT_H
#define SOURCES_PERFDATA_INPUT_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <zstd.h>

#define PERFDATA_RECORD_BYTES 65536
#define PERFDATA_AHEAD_BYTES (2u * PERFDATA_RECORD_BYTES)
/* A record that was begun, and what one look at compressed data may give. */
#define PERFDATA_INNER_BYTES (4u * PERFDATA_RECORD_BYTES)

/* Records of perf itself; tools/lib/perf/include/perf/event.h. */
enum {
	PERFDATA_HEADER_ATTR = 64,
	PERFDATA_TRACING_DATA = 66,
	PERFDATA_FINISHED_ROUND = 68,
	PERFDATA_AUXTRACE_INFO = 70,
	PERFDATA_AUXTRACE = 71,
	PERFDATA_EVENT_UPDATE = 78,
	PERFDATA_TIME_CONV = 79,
	PERFDATA_HEADER_FEATURE = 80,
	PERFDATA_COMPRESSED = 81,
	PERFDATA_COMPRESSED2 = 83,
};

/**
 * struct perfdata_input - Belongs to a struct perfdata.
 * @swap:	Of the other byte order.
 * @offset:	Of the next byte.
 * @end:	Where records end; UINT64_MAX: where the file ends.
 * @record_offset:	Of the record that was read last.
 * @ahead_bytes:	So many are read ahead at a time.
 * @attached:	Bytes that follow it and are not in its size, as far as they are not read.
 */
struct perfdata_input {
	FILE *file;
	bool swap;
	uint64_t offset;
	uint64_t end;
	uint64_t record_offset;
	size_t ahead_at;
	size_t ahead_len;
	size_t ahead_bytes;
	uint64_t attached;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer packed; /* in @outer: what is not yet decompressed */
	bool more_inside;     /* zstd may still hold some */
	size_t inner_at;
	size_t inner_len;
	/* aligned: headers of records are read where they lie */
	uint64_t outer[PERFDATA_RECORD_BYTES / 8];
	uint64_t record[PERFDATA_RECORD_BYTES / 8];
	unsigned char inner[PERFDATA_INNER_BYTES];
	unsigned char ahead[PERFDATA_AHEAD_BYTES]
			__attribute__((aligned(8))); /* read from the file, not yet asked for */
};

/* @in is zeroed. */
void perfdata_input_init(struct perfdata_input *in, FILE *file);
/* Exactly so many.  Return: 0; -ENODATA at the end of the file, without a reason; -errno. */
int perfdata_input_read(struct perfdata_input *in, void *out, size_t bytes);
int perfdata_input_seek(struct perfdata_input *in, uint64_t offset);
/* Where records end, or the file.  Return: 0; -ESPIPE for a pipe. */
int perfdata_input_end(struct perfdata_input *in, uint64_t *end);
/*
 * Go on with the first record at @offset or within @bytes after it: where many in a row look
 * like some.  Return: 1; 0: none is found; -errno.
 */
int perfdata_input_find(struct perfdata_input *in, uint64_t offset, size_t bytes);
/* "perf.data: offset N: ".  Return: -EBADMSG. */
int perfdata_input_bad(uint64_t offset, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The next record.  Return: 1 with @record, which lives until the next call; 0 at the
 * end; -errno.
 */
int perfdata_input_next(struct perfdata_input *in, const struct perf_event_header **record);
/*
 * The next record, when it is of the type and the size of the last, which is @last, and both lie
 * in what was read ahead: most are like the one before.  Return: NULL: perfdata_input_next()
 * knows.
 */
static inline const struct perf_event_header *
perfdata_input_like(struct perfdata_input *in, const struct perf_event_header *last)
{
	const struct perf_event_header *next =
			(const void *)((const unsigned char *)last + last->size);
	size_t size = last->size;

	if ((const unsigned char *)next != in->ahead + in->ahead_at || size % 8 ||
	    size > in->ahead_len - in->ahead_at || next->type != last->type || next->size != size ||
	    size > in->end - in->offset)
		return NULL;
	in->record_offset = in->offset;
	in->offset += size;
	in->ahead_at += size;
	return next;
}

/*
 * The next of the bytes that follow the last record, at most @max; who does not ask for
 * them misses nothing.  Return: how many; 0 at their end; -errno.
 */
ssize_t perfdata_input_attached(struct perfdata_input *in, void *out, size_t max);
void perfdata_input_fini(struct perfdata_input *in);

#endif
