/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * data_src.h - what the kernel says of a sampled access: PERF_SAMPLE_DATA_SRC.
 *
 * Two generations of fields lie side by side, and drivers fill in either or both: a
 * set of levels since 3.10 (mem_lvl), and one level, with "remote" and a number of
 * hops, since 4.14 (mem_lvl_num).
 */
#ifndef SOURCES_DATA_SRC_H
#define SOURCES_DATA_SRC_H

#include <stdbool.h>
#include <stdint.h>

#include "thermocline/report.h"

/* What a driver leaves when the sampled instruction did not access memory. */
#define DATA_SRC_NONE 0x1e05080021ull

enum thermo_op data_src_op(uint64_t data_src);

/*
 * Where the data came from: THERMO_LEVEL_UNKNOWN also for a miss of which only is known
 * where the data was not.  A cache of another core is remote when the kernel says so,
 * also on the same node.
 */
enum thermo_level data_src_level(uint64_t data_src);

/*
 * The other way: a value of which perf, data_src_op() and data_src_level() say @op and
 * @level again.  What is beyond their enums is unknown.
 */
uint64_t data_src_make(enum thermo_op op, enum thermo_level level);

#endif
