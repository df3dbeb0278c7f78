/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spe_level.h - what an Arm core says of a sampled access, in the words of a report. */
#ifndef SOURCES_SPE_LEVEL_H
#define SOURCES_SPE_LEVEL_H

#include "sources/spe_packet.h"
#include "thermocline/report.h"

/* How cores number where data came from: each manufacturer has an own way. */
enum spe_numbering {
	SPE_NUMBERING_UNKNOWN,
	SPE_NUMBERING_ARM,
	SPE_NUMBERING_AMPERE,
	SPE_NUMBERING_HISILICON,
};

/* @midr: MIDR_EL1, what Linux calls midr_el1 and perf cpuid; 0: not known. */
enum spe_numbering spe_numbering_of(uint64_t midr);

enum thermo_op spe_record_op(const struct spe_record *record);

/*
 * Where the data came from.  By the caches' events where the core's numbering is not
 * known; they tell which cache had it, and of what none had nothing.
 */
enum thermo_level spe_record_level(const struct spe_record *record, enum spe_numbering numbering);

/* Whether it is of an access to memory of which an address is known. */
bool spe_record_is_access(const struct spe_record *record);

#endif
