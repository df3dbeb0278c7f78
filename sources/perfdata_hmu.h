/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_hmu.h - AUX data of CXL hotness units: what perf record -e cxl_hmu_mem0.0.0//
 * wrote with the kernel's proposed driver.
 *
 * The number by which AUXTRACE_INFO names the kind of hardware is another kind's in
 * released perfs, so a unit is known by the name of its PMU, from the header.
 *
 * An entry is a sample that stands for what was counted.  What was not listed was below the
 * threshold; here it counts as nothing, so rates are those of what was listed.
 *
 * Addresses are the device's.  Where in physical memory they are depends on the decoders of
 * the machine, of which the file says nothing: so the device's memory is shown as an address space
 * of its own, under a process number that no kernel gives.
 */
#ifndef SOURCES_PERFDATA_HMU_H
#define SOURCES_PERFDATA_HMU_H

#include "sources/perfdata_aux.h"

/* Above PID_MAX_LIMIT. */
#define PERFDATA_HMU_PID 0x40000000
#define PERFDATA_HMU_KIND "CXL hotness unit (addresses are the device's, not translated)"

/* Whether a PMU of that type was a hotness unit. */
bool perfdata_hmu_is(const struct perfdata_machine *machine, const struct perfdata_events *events,
		     uint64_t pmu_type);

/* @nr bytes of a ring, in aux->bytes.  Return: 0 or -ENOMEM. */
int perfdata_hmu_decode(struct perfdata_aux *aux, const struct perfdata_aux_host *host,
			struct perfdata_aux_ring *ring, const struct perfdata_aux_piece *piece,
			size_t nr);

/* What waited in the queue, as a sample. */
void perfdata_hmu_access(const struct perfdata_aux_access *aux, uint64_t time_ns,
			 struct thermo_access *access);

#endif
