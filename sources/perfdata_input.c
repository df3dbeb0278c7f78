// SPDX-License-Identifier: GPL-2.0-or-later
/* perfdata_input.c - records out of a file or a pipe; no length is believed. */
#include "sources/perfdata_input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "core/error.h"
#include "sources/perf_cursor.h"

int perfdata_input_bad(uint64_t offset, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return thermo_fail(-EBADMSG, "perf.data: offset %" PRIu64 ": %s", offset, what);
}

/* The part of @bytes that is not ahead yet.  Return: 0, -ENODATA or -errno. */
static int read_more(struct perfdata_input *in, unsigned char *out, size_t bytes)
{
	while (bytes > 0) {
		size_t left = in->ahead_len - in->ahead_at, n = left < bytes ? left : bytes;

		memcpy(out, in->ahead + in->ahead_at, n);
		in->ahead_at += n;
		in->offset += n;
		out += n;
		bytes -= n;
		if (bytes == 0)
			return 0;
		in->ahead_at = 0;
		in->ahead_len = fread(in->ahead, 1, in->ahead_bytes, in->file);
		if (in->ahead_len == 0)
			break;
	}
	return ferror(in->file) ? thermo_fail(errno ? -errno : -EIO,
					      "perf.data: offset %" PRIu64 ": %s", in->offset,
					      strerror(errno ? errno : EIO))
				: -ENODATA;
}

int perfdata_input_read(struct perfdata_input *in, void *out, size_t bytes)
{
	if (bytes > in->ahead_len - in->ahead_at)
		return read_more(in, out, bytes);
	memcpy(out, in->ahead + in->ahead_at, bytes);
	in->ahead_at += bytes;
	in->offset += bytes;
	return 0;
}

int perfdata_input_seek(struct perfdata_input *in, uint64_t offset)
{
	if (offset > INT64_MAX)
		return perfdata_input_bad(offset, "no file is that long");
	/* Behind the end one file can be set to, another not; who reads there finds nothing. */
	if (fseeko(in->file, (off_t)offset, SEEK_SET) < 0)
		return perfdata_input_bad(offset, "the file ends before: %s", strerror(errno));
	in->offset = offset;
	in->attached = 0;
	in->ahead_at = in->ahead_len = 0;
	in->ahead_bytes = sizeof(in->ahead);
	return 0;
}

int perfdata_input_end(struct perfdata_input *in, uint64_t *end)
{
	off_t here = ftello(in->file);

	*end = in->end;
	if (here < 0)
		return -ESPIPE;
	if (in->end != UINT64_MAX)
		return 0;
	if (fseeko(in->file, 0, SEEK_END) < 0 || (*end = (uint64_t)ftello(in->file)) > INT64_MAX)
		return -ESPIPE;
	return fseeko(in->file, here, SEEK_SET) < 0 ? -ESPIPE : 0;
}

/* In the file's byte order no longer. */
static void swap_header(struct perf_event_header *header)
{
	header->type = __builtin_bswap32(header->type);
	header->misc = __builtin_bswap16(header->misc);
	header->size = __builtin_bswap16(header->size);
}

/* --- records, not from the beginning --- */

/* So many that look like records, one behind the other, are no chance. */
#define SURE 16
#define SHORT_BYTES 4096
#define MAX_KERNEL_TYPE 32

static bool looks_like_a_record(const struct perf_event_header *h)
{
	return h->type > 0 && (h->type < MAX_KERNEL_TYPE || h->type == PERFDATA_FINISHED_ROUND) &&
	       h->size >= sizeof(*h) && h->size % 8 == 0 &&
	       (h->misc & PERF_RECORD_MISC_CPUMODE_MASK) <= PERF_RECORD_MISC_GUEST_USER;
}

static bool are_records_at(const struct perfdata_input *in, size_t at)
{
	for (int i = 0; i < SURE; i++) {
		struct perf_event_header h;

		if (at + sizeof(h) > in->ahead_len)
			return false;
		memcpy(&h, in->ahead + at, sizeof(h));
		if (in->swap)
			swap_header(&h);
		if (!looks_like_a_record(&h))
			return false;
		at += h.size;
	}
	return true;
}

int perfdata_input_find(struct perfdata_input *in, uint64_t offset, size_t bytes)
{
	int err = perfdata_input_seek(in, offset);

	if (err)
		return err;
	bytes = bytes < sizeof(in->ahead) ? bytes : sizeof(in->ahead);
	in->ahead_len = fread(in->ahead, 1, bytes, in->file);
	/* What may be needed of a short part is the rest of a record. */
	in->ahead_bytes = bytes < sizeof(in->ahead) ? SHORT_BYTES : sizeof(in->ahead);
	while (in->ahead_at < in->ahead_len && !are_records_at(in, in->ahead_at)) {
		in->ahead_at += 8;
		in->offset += 8;
	}
	return in->ahead_at < in->ahead_len;
}

/* --- records --- */

static int cut_off(const struct perfdata_input *in, const char *what)
{
	return perfdata_input_bad(in->record_offset,
				  "the file ends inside of %s: it was cut off, or perf was killed",
				  what);
}

/* Return: 1 with a record of the file in outer, 0 at the end, -errno. */
static int read_outer(struct perfdata_input *in)
{
	struct perf_event_header *header = (void *)in->outer;
	uint64_t left = in->end - in->offset;
	int err;

	in->record_offset = in->offset;
	if (left == 0)
		return 0;
	err = perfdata_input_read(in, header, sizeof(*header));
	if (err == -ENODATA && in->offset == in->record_offset && in->end == UINT64_MAX)
		return 0; /* nobody said how long it is */
	if (err)
		return err == -ENODATA ? cut_off(in, "the header of a record") : err;
	if (in->swap)
		swap_header(header);
	if (header->size < sizeof(*header) || header->size > left)
		return perfdata_input_bad(in->record_offset,
					  "a record of type %u says it has %u bytes", header->type,
					  header->size);
	err = perfdata_input_read(in, header + 1, header->size - sizeof(*header));
	return err == -ENODATA ? cut_off(in, "a record") : err ? err : 1;
}

/* Two kinds of records are followed by bytes that are not in their size. */
static int look_for_attachment(struct perfdata_input *in, const struct perf_event_header *header)
{
	struct perf_cursor c = { (const unsigned char *)(header + 1),
				 header->size - sizeof(*header), in->swap, false };
	uint64_t bytes;

	if (header->type == PERFDATA_AUXTRACE)
		bytes = perf_take_u64(&c);
	else if (header->type == PERFDATA_TRACING_DATA)
		bytes = perf_take_u32(&c);
	else
		return 0;
	if (c.short_of_data)
		return perfdata_input_bad(in->record_offset, "record of type %u of %u bytes",
					  header->type, header->size);
	if (bytes > in->end - in->offset)
		return perfdata_input_bad(in->record_offset,
					  "%" PRIu64 " bytes are said to follow the record", bytes);
	in->attached = bytes;
	return 0;
}

ssize_t perfdata_input_attached(struct perfdata_input *in, void *out, size_t max)
{
	size_t wanted = in->attached < max ? (size_t)in->attached : max;
	uint64_t begin = in->offset;
	int err;

	err = perfdata_input_read(in, out, wanted);
	/* Where the file ends within, what there is of it is good. */
	if (err == -ENODATA && in->offset == begin)
		return cut_off(in, "what follows a record");
	if (err && err != -ENODATA)
		return err;
	in->attached -= in->offset - begin;
	return (ssize_t)(in->offset - begin);
}

static int skip_attachment(struct perfdata_input *in)
{
	unsigned char unused[4096];
	ssize_t n = 0;

	while (n >= 0 && in->attached)
		n = perfdata_input_attached(in, unused, sizeof(unused));
	return n < 0 ? (int)n : 0;
}

/* Return: whether outer holds compressed records, which are then next. */
static int begin_packed(struct perfdata_input *in)
{
	const struct perf_event_header *header = (const void *)in->outer;
	struct perf_cursor c = { (const unsigned char *)(header + 1),
				 header->size - sizeof(*header), in->swap, false };
	uint64_t bytes = c.left;

	if (header->type != PERFDATA_COMPRESSED && header->type != PERFDATA_COMPRESSED2)
		return 0;
	if (header->type == PERFDATA_COMPRESSED2) /* newer: filled up to 8 bytes */
		bytes = perf_take_u64(&c);
	const unsigned char *at = perf_take(&c, bytes);

	if (!at)
		return perfdata_input_bad(in->record_offset,
					  "compressed record of %u bytes says that it holds "
					  "%" PRIu64,
					  header->size, bytes);
	if (!in->zstd)
		in->zstd = ZSTD_createDCtx();
	if (!in->zstd)
		return thermo_fail(-ENOMEM, "perf.data: no memory");
	in->packed = (ZSTD_inBuffer){ at, (size_t)bytes, 0 };
	in->more_inside = true;
	return 1;
}

static int unpack_some(struct perfdata_input *in)
{
	/* What is left of a record begins anew, so that there is always room for one. */
	memmove(in->inner, in->inner + in->inner_at, in->inner_len - in->inner_at);
	in->inner_len -= in->inner_at;
	in->inner_at = 0;

	ZSTD_outBuffer out = { in->inner, sizeof(in->inner), in->inner_len };
	size_t result = ZSTD_decompressStream(in->zstd, &out, &in->packed);

	if (ZSTD_isError(result))
		return perfdata_input_bad(in->record_offset, "compressed records: %s",
					  ZSTD_getErrorName(result));
	in->inner_len = out.pos;
	in->more_inside = in->packed.pos < in->packed.size || out.pos == out.size;
	return 0;
}

/* Return: 1 with a whole record out of inner; 0 when there is none; -errno. */
static int next_inner(struct perfdata_input *in)
{
	struct perf_event_header *header = (void *)in->record;
	size_t left = in->inner_len - in->inner_at;

	if (left < sizeof(*header))
		return 0;
	memcpy(header, in->inner + in->inner_at, sizeof(*header));
	if (in->swap)
		swap_header(header);
	if (header->size < sizeof(*header))
		return perfdata_input_bad(in->record_offset,
					  "a compressed record of type %u says it has %u bytes",
					  header->type, header->size);
	if (header->size > left)
		return 0;
	if (header->type == PERFDATA_COMPRESSED || header->type == PERFDATA_COMPRESSED2 ||
	    header->type == PERFDATA_AUXTRACE || header->type == PERFDATA_TRACING_DATA)
		return perfdata_input_bad(in->record_offset,
					  "a record of type %u cannot be compressed", header->type);
	memcpy(header + 1, in->inner + in->inner_at + sizeof(*header),
	       header->size - sizeof(*header));
	in->inner_at += header->size;
	return 1;
}

static int next_outer(struct perfdata_input *in, const struct perf_event_header **record)
{
	const struct perf_event_header *header = (const void *)in->outer;
	int n = skip_attachment(in);

	if (n == 0)
		n = read_outer(in);
	if (n == 0 && in->inner_at < in->inner_len)
		return perfdata_input_bad(in->offset,
					  "the file ends inside of a compressed record");
	if (n <= 0)
		return n;
	n = begin_packed(in);
	if (n != 0)
		return n < 0 ? n : 2;
	n = look_for_attachment(in, header);
	*record = header;
	return n < 0 ? n : 1;
}

/*
 * Most records are the kernel's, and lie whole in what was read ahead: those need no copy.
 * Return: the record, which is passed then; NULL when it takes a closer look.
 */
static const struct perf_event_header *next_whole(struct perfdata_input *in)
{
	const struct perf_event_header *header = (const void *)(in->ahead + in->ahead_at);
	size_t left = in->ahead_len - in->ahead_at;

	if (in->swap || in->inner_at < in->inner_len || in->more_inside || in->ahead_at % 8 ||
	    left < sizeof(*header) || header->type >= PERFDATA_HEADER_ATTR ||
	    header->size < sizeof(*header) || header->size > left ||
	    header->size > in->end - in->offset)
		return NULL;
	in->record_offset = in->offset;
	in->offset += header->size;
	in->ahead_at += header->size;
	return header;
}

int perfdata_input_next(struct perfdata_input *in, const struct perf_event_header **record)
{
	const struct perf_event_header *whole = next_whole(in);

	if (whole) {
		*record = whole;
		return 1;
	}
	while (1) {
		int n = next_inner(in);

		if (n == 1)
			*record = (const void *)in->record;
		else if (n == 0 && in->more_inside)
			n = unpack_some(in) < 0 ? -EBADMSG : 2;
		else if (n == 0)
			n = next_outer(in, record);
		if (n != 2)
			return n;
	}
}

void perfdata_input_init(struct perfdata_input *in, FILE *file)
{
	in->file = file;
	in->ahead_bytes = sizeof(in->ahead);
}

void perfdata_input_fini(struct perfdata_input *in)
{
	(void)ZSTD_freeDCtx(in->zstd);
	in->zstd = NULL;
}
