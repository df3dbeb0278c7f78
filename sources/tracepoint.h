/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tracepoint.h - find a tracepoint and its fields in tracefs. */
#ifndef SOURCES_TRACEPOINT_H
#define SOURCES_TRACEPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/host.h"

struct tracepoint_field {
	const char *name; /* asked for */
	uint32_t offset;  /* found */
	uint32_t bytes;
	bool is_signed;
};

/*
 * Look up tracepoint @system:@name and the @nr_fields fields by name.
 * Return: its id for perf_event_attr.config, or -errno: -ENOENT when the kernel
 * lacks it or tracefs is not mounted, -EOPNOTSUPP when built without libtraceevent.
 */
int64_t tracepoint_find(const struct thermo_host *host, const char *system, const char *name,
			struct tracepoint_field *fields, size_t nr_fields);

/* The value of @field in a raw record; false when the record is too short. */
bool tracepoint_value(const struct tracepoint_field *field, const unsigned char *raw,
		      uint32_t raw_bytes, uint64_t *value);

#endif
