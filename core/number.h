/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * number.h - numbers as people write them in a config or on a command line.
 *
 * Pure functions.  They return 0, -EINVAL (not such a number) or -ERANGE (too
 * large) and leave no text: only the caller knows what the number was for.
 */
#ifndef CORE_NUMBER_H
#define CORE_NUMBER_H

#include <stdint.h>

/* Decimal digits only: no sign, no space, no suffix. */
int thermo_parse_u64(const char *text, uint64_t max, uint64_t *value);

/* As above, and one of K, M, G, T (powers of 1024, either case) may follow. */
int thermo_parse_bytes(const char *text, uint64_t max_bytes, uint64_t *bytes);

/* "12" or "0.99": no sign, no exponent, nothing that a locale could change. */
int thermo_parse_decimal(const char *text, double max, double *value);

#endif
