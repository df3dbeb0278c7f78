/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perfdata_access.h - from a sample to a report of an access. */
#ifndef SOURCES_PERFDATA_ACCESS_H
#define SOURCES_PERFDATA_ACCESS_H

#include "sources/perfdata_aux.h"

/* Return: false when the sample tells of no access, and then @access is not written. */
bool perfdata_access_of(const struct perfdata_machine *machine, const struct perfdata_opts *opts,
			const struct perfdata_event *event, const struct perf_sample *sample,
			struct thermo_access *access);

/* The same of an access in AUX data, which came out as @sample. */
bool perfdata_access_of_aux(const struct perfdata_machine *machine,
			    const struct perfdata_opts *opts, const struct perfdata_event *event,
			    const struct perfdata_aux_access *aux, const struct perf_sample *sample,
			    struct thermo_access *access);

#endif
