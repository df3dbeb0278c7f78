/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * units.h - numbers for people: three digits and a unit.
 *
 * Each returns one of a few buffers that are used in turn: good for one printf().
 */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* "1.23M", "456k", "7.8"; powers of 1000. */
const char *unit_count(double value);

/* "512M", "1.50G"; powers of 1024. */
const char *unit_bytes(double bytes);

/* "250us", "1.5s", "12m"; "never" for UINT64_MAX. */
const char *unit_ns(uint64_t ns);

/* "45%", of @whole; "-" when it is not @known, or of nothing. */
const char *unit_percent(bool known, double part, double whole);

#endif
