/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_pattern.h - one access line of a phase, for config.c alone. */
#ifndef BENCH_WORKLOAD_CONFIG_PATTERN_H
#define BENCH_WORKLOAD_CONFIG_PATTERN_H

#include "bench/workload/config.h"

/* Where a line came from, for errors. */
struct workload_place {
	const char *name;
	unsigned int line;
};

/* -EINVAL, because of 'FILE:LINE: what: what to try'; @place is a pointer, the format a literal. */
#define place_fail(place, fmt, ...)                                                                \
	((void)thermo_fail(-EINVAL, "%.80s:%u: " fmt, (place)->name, (place)->line,                \
			   ##__VA_ARGS__),                                                         \
	 -EINVAL)

/* Cuts the white space at both ends off, in place. */
char *workload_trim(char *text);

/* Cuts @text at its commas, in place.  Return: the number of fields, at most @max + 1. */
size_t workload_split(char *text, char **fields, size_t max);

/* Cuts @line to pieces.  Return: 0 or -EINVAL. */
int workload_pattern_parse(struct workload_pattern *pattern, const struct workload_config *config,
			   const struct workload_place *place, char *line, enum workload_mode mode);

#endif
