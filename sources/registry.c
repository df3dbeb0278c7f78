// SPDX-License-Identifier: GPL-2.0-or-later
/* registry.c - the list of sources, best first. */
#include <string.h>

#include "thermocline/source.h"

extern const struct thermo_source thermo_source_ibs;
extern const struct thermo_source thermo_source_pebs;
extern const struct thermo_source thermo_source_spe;
extern const struct thermo_source thermo_source_hintfault;
extern const struct thermo_source thermo_source_damon;
extern const struct thermo_source thermo_source_idlepage;
extern const struct thermo_source thermo_source_softdirty;
extern const struct thermo_source thermo_source_damon_pa;
extern const struct thermo_source thermo_source_mglru;
extern const struct thermo_source thermo_source_virtual_pmu;
extern const struct thermo_source thermo_source_chmu;
extern const struct thermo_source thermo_source_chmu_replay;
extern const struct thermo_source thermo_source_virtual_pmu_pa;
extern const struct thermo_source thermo_source_external;

/* A line each: */
/* clang-format off */
const struct thermo_source *const thermo_sources[] = {
	&thermo_source_ibs,
	&thermo_source_pebs,
	&thermo_source_spe,
	&thermo_source_hintfault,
	&thermo_source_damon,
	&thermo_source_idlepage,
	&thermo_source_softdirty,
	&thermo_source_damon_pa,
	&thermo_source_mglru,
	&thermo_source_virtual_pmu,
	&thermo_source_chmu,
	&thermo_source_chmu_replay,
	&thermo_source_virtual_pmu_pa,
	&thermo_source_external,
	NULL,
};
/* clang-format on */

const struct thermo_source *thermo_source_find(const char *name)
{
	for (const struct thermo_source *const *s = thermo_sources; *s; s++)
		if (strcmp((*s)->name, name) == 0)
			return *s;
	return NULL;
}
