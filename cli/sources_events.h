/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sources_events.h - `thermocline sources --events`: what would be asked of a PMU. */
#ifndef CLI_SOURCES_EVENTS_H
#define CLI_SOURCES_EVENTS_H

#include <stdbool.h>
#include <stdio.h>

#include "core/host.h"
#include "sources/pmu_plan.h"

/* "loads,stores,l3-misses" in any order.  Return: 0, or -EINVAL with a reason. */
int events_parse_kinds(const char *text, uint32_t *kinds);

/**
 * struct events_request - What to show.
 * @goal:	The kinds of accesses, when @event is NULL.
 * @event:	The event that the user names.
 * @try:	Also ask the kernel whether it takes them.
 */
struct events_request {
	struct pmu_goal goal;
	const char *event;
	bool try;
	bool json;
};

/*
 * Print to @out the events that @host's PMU would be asked for.
 * Return: 0, or -errno when there are none or the kernel refuses what was to be tried,
 * with the reason, which JSON also says.
 */
int events_show(const struct thermo_host *host, const struct events_request *request, FILE *out);

#endif
