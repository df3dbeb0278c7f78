// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spe_level.c - data source packets are "implementation defined": the manual of each core
 * says what they mean.  Which core it is, is in MIDR_EL1.
 */
#include "sources/spe_level.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define IMPLEMENTER_ARM 0x41u
#define IMPLEMENTER_HISILICON 0x48u
#define IMPLEMENTER_NVIDIA 0x4eu
#define IMPLEMENTER_MICROSOFT 0x6du
#define IMPLEMENTER_AMPERE 0xc0u

struct core {
	uint16_t part;
	uint8_t implementer;
	uint8_t numbering;
};

static const struct core cores[] = {
	{ 0xd0c, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Neoverse N1 */
	{ 0xd40, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Neoverse V1 */
	{ 0xd49, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Neoverse N2 */
	{ 0xd4c, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-X1C */
	{ 0xd4e, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-X3 */
	{ 0xd4f, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Neoverse V2 */
	{ 0xd81, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-A720 */
	{ 0xd85, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-X925 */
	{ 0xd87, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-A725 */
	{ 0xd89, IMPLEMENTER_ARM, SPE_NUMBERING_ARM },       /* Cortex-A720AE */
	{ 0xd49, IMPLEMENTER_MICROSOFT, SPE_NUMBERING_ARM }, /* Cobalt 100: a Neoverse N2 */
	{ 0x010, IMPLEMENTER_NVIDIA, SPE_NUMBERING_ARM },    /* Olympus */
	{ 0xac4, IMPLEMENTER_AMPERE, SPE_NUMBERING_AMPERE }, /* AmpereOne */
	{ 0xd06, IMPLEMENTER_HISILICON, SPE_NUMBERING_HISILICON },
};

static const uint8_t arm_levels[] = {
	[0x0] = THERMO_LEVEL_L1,
	[0x8] = THERMO_LEVEL_L2,
	[0x9] = THERMO_LEVEL_L2, /* of another core */
	[0xa] = THERMO_LEVEL_L3, /* or a cache of another core of the cluster */
	[0xb] = THERMO_LEVEL_L3,
	[0xc] = THERMO_LEVEL_L3, /* or a cache of another cluster */
	[0xd] = THERMO_LEVEL_REMOTE_CACHE,
	[0xe] = THERMO_LEVEL_LOCAL_DRAM,
};

static const uint8_t ampere_levels[] = {
	[0x0] = THERMO_LEVEL_L2, /* of another core */
	[0x3] = THERMO_LEVEL_L3, [0x5] = THERMO_LEVEL_REMOTE_CACHE, [0x7] = THERMO_LEVEL_LOCAL_DRAM,
	[0x8] = THERMO_LEVEL_L1, [0x9] = THERMO_LEVEL_L2,
};

/* In pairs: clean and modified. */
static const uint8_t hisilicon_levels[] = {
	[0] = THERMO_LEVEL_L2, /* of another core */
	[1] = THERMO_LEVEL_L2,           [2] = THERMO_LEVEL_L3,
	[3] = THERMO_LEVEL_L3,           [4] = THERMO_LEVEL_L3, /* of another cluster */
	[5] = THERMO_LEVEL_L3,           [6] = THERMO_LEVEL_REMOTE_CACHE,
	[7] = THERMO_LEVEL_REMOTE_CACHE, [8] = THERMO_LEVEL_LOCAL_DRAM,
	[9] = THERMO_LEVEL_REMOTE_DRAM,  [13] = THERMO_LEVEL_UNCACHED,
	[16] = THERMO_LEVEL_L2,          [17] = THERMO_LEVEL_L2,
	[18] = THERMO_LEVEL_L1,
};

static const struct {
	const uint8_t *levels;
	size_t nr;
	bool loads_only; /* of stores the packet says nothing */
} numberings[] = {
	[SPE_NUMBERING_ARM] = { arm_levels, LENGTH(arm_levels), true },
	[SPE_NUMBERING_AMPERE] = { ampere_levels, LENGTH(ampere_levels), true },
	[SPE_NUMBERING_HISILICON] = { hisilicon_levels, LENGTH(hisilicon_levels), false },
};

enum spe_numbering spe_numbering_of(uint64_t midr)
{
	for (size_t i = 0; i < LENGTH(cores); i++)
		if (cores[i].implementer == (midr >> 24 & 0xff) &&
		    cores[i].part == (midr >> 4 & 0xfff))
			return cores[i].numbering;
	return SPE_NUMBERING_UNKNOWN;
}

enum thermo_op spe_record_op(const struct spe_record *r)
{
	switch (r->op) {
	case SPE_OP_LOAD:
		return THERMO_OP_READ;
	case SPE_OP_STORE:
	case SPE_OP_ATOMIC: /* leaves changed memory behind */
		return THERMO_OP_WRITE;
	default:
		return THERMO_OP_UNKNOWN;
	}
}

/* The nearest cache that was asked and had it. */
static enum thermo_level level_of_events(const struct spe_record *r)
{
	uint64_t e = r->events;

	if (!(r->has & SPE_HAS_EVENTS) || e & SPE_EVENT_REMOTE)
		return THERMO_LEVEL_UNKNOWN;
	if (e & SPE_EVENT_L1D_ACCESS && !(e & SPE_EVENT_L1D_REFILL))
		return THERMO_LEVEL_L1;
	if (e & SPE_EVENT_L2D_ACCESS && !(e & SPE_EVENT_L2D_MISS))
		return THERMO_LEVEL_L2;
	if (e & SPE_EVENT_LLC_ACCESS && !(e & SPE_EVENT_LLC_MISS))
		return THERMO_LEVEL_L3;
	return THERMO_LEVEL_UNKNOWN;
}

enum thermo_level spe_record_level(const struct spe_record *r, enum spe_numbering numbering)
{
	if (!(r->has & SPE_HAS_SOURCE) || numbering == SPE_NUMBERING_UNKNOWN ||
	    (numberings[numbering].loads_only && r->op != SPE_OP_LOAD))
		return level_of_events(r);
	return r->source < numberings[numbering].nr ? numberings[numbering].levels[r->source]
						    : THERMO_LEVEL_UNKNOWN;
}

bool spe_record_is_access(const struct spe_record *r)
{
	return r->op != SPE_OP_BRANCH &&
	       ((r->has & SPE_HAS_VADDR && r->vaddr) || (r->has & SPE_HAS_PADDR && r->paddr));
}
