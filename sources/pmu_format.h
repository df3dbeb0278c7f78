/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pmu_format.h - "config:0-7,32-35" and "event=0xcd,ldlat=3": the two small languages of
 * /sys/bus/event_source/devices.
 *
 * Pure functions over text that nobody vouches for.  They return -errno and leave no
 * reason: only the caller knows the file or the option that the text came from.
 */
#ifndef SOURCES_PMU_FORMAT_H
#define SOURCES_PMU_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "sources/pmu_attr.h"

#define PMU_NAME_BYTES 64

/* Where the bits of a term go, lowest first. */
struct pmu_format {
	enum pmu_word word;
	uint64_t bits;
};

/*
 * Return: 0; -EINVAL for what is no format; -EOPNOTSUPP for a word that we cannot set.
 */
int pmu_format_parse(const char *text, struct pmu_format *format);

/* The largest value that @format takes. */
uint64_t pmu_format_max(const struct pmu_format *format);

/* Replace what @format covers.  Return: 0 or -ERANGE. */
int pmu_format_put(const struct pmu_format *format, union pmu_attr *attr, uint64_t value);

struct pmu_term {
	char name[PMU_NAME_BYTES];
	bool has_value;
	uint64_t value;
};

/*
 * Take the next term of @text, which moves past it.
 * Return: 1; 0 at the end; -EINVAL for a bad name or number; -ERANGE beyond 64 bits.
 */
int pmu_term_next(const char **text, struct pmu_term *term);

/* A decimal number or "0x" and hexadecimal digits, all of @len.  Return: 0, -EINVAL, -ERANGE. */
int pmu_number(const char *text, size_t len, uint64_t *value);

/* Can be a file below /sys: no slash, no leading dot, nothing exotic. */
bool pmu_name_is_sane(const char *name);

#endif
