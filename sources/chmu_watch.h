/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chmu_watch.h - one hotness unit under watch: from entries to reports, and back to how it is
 * asked.  One thread.
 *
 * An entry is a report of its granule: so many accesses in an epoch.  Of what is not listed over
 * some epochs there is a report that it was accessed at most as often as the threshold says
 * (THERMO_COUNT_AT_MOST): not that it is cold.  Where entries were lost there is none.
 */
#ifndef SOURCES_CHMU_WATCH_H
#define SOURCES_CHMU_WATCH_H

#include "sources/chmu_span.h"
#include "sources/chmu_way.h"
#include "thermocline/source.h"

/**
 * struct chmu_watch - Zeroed, it can be closed.
 * @way, @state:	How the unit is reached.
 * @name:	For people: "mem0", "0000:0d:00.0".
 * @op:		enum thermo_op that it counts.
 * @config:	What it does now.
 * @failed:	It failed and was given up.
 */
struct chmu_watch {
	const struct chmu_way *way;
	void *state;
	char name[CXL_NAME_BYTES];
	const struct thermo_host *host;
	struct chmu_map map;
	struct chmu_limits limits;
	struct chmu_tuner tuner;
	struct chmu_config config;
	struct chmu_span span;
	uint8_t op;
	bool failed;
	struct thermo_source_counters counters;
	struct thermo_reporter *reporter; /* during a drain */
	uint64_t now_ns;                  /* of the drain */
};

/* Begin, counting @op.  Return: 0 or -errno. */
int chmu_watch_start(struct chmu_watch *watch, uint8_t op);

/* Return: reports made, or -errno: then it is to be given up. */
int chmu_watch_drain(struct chmu_watch *watch, struct thermo_reporter *reporter);

void chmu_watch_stop(struct chmu_watch *watch);
void chmu_watch_close(struct chmu_watch *watch);

#endif
