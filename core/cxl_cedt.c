// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cxl_cedt.c - walks the structures of a CEDT.  Layout: ACPI 6.5 5.2.6 (header), CXL 3.1
 * 9.18.1 (structures).  Little endian, nothing is aligned.
 */
#include "core/cxl_cedt.h"

#include <errno.h>
#include <string.h>

#include "core/error.h"

#define HEADER_BYTES 36u
#define STRUCT_HEADER_BYTES 4u
#define WINDOW_BYTES 36u /* and four for each target */
#define TYPE_WINDOW 1u
/* Encodings beyond these are reserved. */
#define MAX_GRANULARITY_CODE 6u

static uint64_t get(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = bytes; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

/* CXL 3.1 table 8-117: 1, 2, 4, 8, 16, and 3, 6, 12 from code 8 on; 0 for no such code. */
static uint32_t decode_ways(unsigned int code)
{
	if (code <= 4)
		return 1u << code;
	return code >= 8 && code <= 10 ? 3u << (code - 8) : 0;
}

static int read_window(const uint8_t *at, size_t bytes, struct cedt_window *window)
{
	if (bytes < WINDOW_BYTES)
		return thermo_fail(-EBADMSG, "CEDT: a window of %zu bytes", bytes);
	uint64_t granularity_code = get(at + 28, 4);

	*window = (struct cedt_window){
		.start = get(at + 8, 8),
		.bytes = get(at + 16, 8),
		.ways = decode_ways(at[24]),
		.granularity_bytes = granularity_code <= MAX_GRANULARITY_CODE
						     ? 256u << granularity_code
						     : 0,
		.arithmetic = at[25],
	};
	if (!window->ways || !window->granularity_bytes ||
	    bytes < WINDOW_BYTES + 4u * window->ways ||
	    window->start + window->bytes < window->start)
		return thermo_fail(-EBADMSG, "CEDT: a window that cannot be: interleaving %u, %u",
				   at[24], (unsigned int)granularity_code);
	return 0;
}

ssize_t cedt_windows(const uint8_t *table, size_t bytes, struct cedt_window *windows,
		     size_t max_windows)
{
	size_t nr = 0, length, at = HEADER_BYTES;

	if (bytes < HEADER_BYTES || memcmp(table, "CEDT", 4) != 0)
		return thermo_fail(-EBADMSG, "CEDT: no header");
	length = get(table + 4, 4);
	if (length < HEADER_BYTES || length > bytes)
		return thermo_fail(-EBADMSG, "CEDT: says it has %zu bytes, has %zu", length, bytes);
	while (at < length) {
		size_t part = length - at < STRUCT_HEADER_BYTES ? 0 : get(table + at + 2, 2);
		struct cedt_window window;

		if (part < STRUCT_HEADER_BYTES || part > length - at)
			return thermo_fail(-EBADMSG, "CEDT: a structure of %zu bytes at %zu of %zu",
					   part, at, length);
		if (table[at] == TYPE_WINDOW) {
			int err = read_window(table + at, part, &window);

			if (err)
				return err;
			if (nr < max_windows)
				windows[nr] = window;
			nr++;
		}
		at += part;
	}
	return (ssize_t)nr;
}
