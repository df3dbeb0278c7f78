// SPDX-License-Identifier: GPL-2.0-or-later
/* tracepoint.c - the layout of a tracepoint's record, read by libtraceevent. */
#include "sources/tracepoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/error.h"

#ifdef HAVE_TRACEEVENT
#include <traceevent/event-parse.h>

static int find_fields(struct tep_event *event, struct tracepoint_field *fields, size_t nr_fields)
{
	for (size_t i = 0; i < nr_fields; i++) {
		struct tep_format_field *f = tep_find_any_field(event, fields[i].name);

		if (!f || f->size < 1 || f->size > 8 || f->offset < 0)
			return thermo_fail(-EOPNOTSUPP, "tracepoint %s: no field '%s'", event->name,
					   fields[i].name);
		fields[i].offset = (uint32_t)f->offset;
		fields[i].bytes = (uint32_t)f->size;
		fields[i].is_signed = f->flags & TEP_FIELD_IS_SIGNED;
	}
	return 0;
}

static int parse_format(const char *system, const char *name, const char *text, size_t len,
			struct tracepoint_field *fields, size_t nr_fields)
{
	struct tep_event *event = NULL;
	struct tep_handle *tep = tep_alloc();
	int err;

	if (!tep)
		return thermo_fail(-ENOMEM, "tracepoint %s: no memory", name);
	/* The print format may be beyond the library: only the fields matter. */
	(void)tep_parse_format(tep, &event, text, len, system);
	err = event ? find_fields(event, fields, nr_fields)
		    : thermo_fail(-EBADMSG, "tracepoint %s: format cannot be read", name);
	tep_free(tep);
	return err;
}
#else
static int parse_format(const char *system, const char *name, const char *text, size_t len,
			struct tracepoint_field *fields, size_t nr_fields)
{
	(void)system, (void)text, (void)len, (void)fields, (void)nr_fields;
	return thermo_fail(-EOPNOTSUPP, "tracepoint %s: built without libtraceevent", name);
}
#endif

int64_t tracepoint_find(const struct thermo_host *host, const char *system, const char *name,
			struct tracepoint_field *fields, size_t nr_fields)
{
	static const char *const mounts[] = { "sys/kernel/tracing", "sys/kernel/debug/tracing" };
	AUTO_FREE char *text = NULL;
	const char *mount = NULL;
	uint64_t id;
	int err = -ENOENT;

	for (size_t i = 0; i < 2 && err; i++) {
		mount = mounts[i];
		err = thermo_host_read_u64(host, &id, "%s/events/%s/%s/id", mount, system, name);
	}
	if (err == -EACCES || err == -EPERM)
		return thermo_fail(err,
				   "tracepoint %s:%s: tracefs is closed to this user: run as root",
				   system, name);
	if (err)
		return thermo_fail(-ENOENT,
				   "tracepoint %s:%s: not there: is tracefs mounted on /%s?",
				   system, name, mounts[0]);
	ssize_t len = thermo_host_read_all(host, &text, "%s/events/%s/%s/format", mount, system,
					   name);

	if (len < 0)
		return len;
	err = parse_format(system, name, text, (size_t)len, fields, nr_fields);
	return err ? err : (int64_t)id;
}

bool tracepoint_value(const struct tracepoint_field *field, const unsigned char *raw,
		      uint32_t raw_bytes, uint64_t *value)
{
	uint64_t v = 0;

	if (!raw || field->bytes > 8 || field->offset > raw_bytes ||
	    field->bytes > raw_bytes - field->offset)
		return false;
	memcpy(&v, raw + field->offset,
	       field->bytes); /* little endian, as every machine we run on */
	if (field->is_signed && field->bytes < 8 && v >> (field->bytes * 8 - 1))
		v |= ~0ull << (field->bytes * 8);
	*value = v;
	return true;
}
